/* SPDX-License-Identifier: MIT */
/* The console on a pipe, a file and a terminal; each case in its own process. */
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "test.h"
#include "vellum/console.h"

DEFINE_REPORT

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct evloop loop;
static struct console con;
static int events[CONSOLE_REDRAW + 1];
static char got[65536];
static size_t n_got;
static bool taking = true;

static void on_event(void *opaque, enum console_event what)
{
	(void)opaque;
	events[what]++;
	ev_stop(&loop);
}

static void on_input(void *opaque)
{
	uint8_t buf[16];
	size_t n;

	(void)opaque;
	while (taking && (n = console_take(&con, buf, sizeof(buf)))) {
		memcpy(got + n_got, buf, n);
		n_got += n;
	}
	if (n_got && got[n_got - 1] == '.')
		ev_stop(&loop);
}

static void start(void)
{
	struct vmm_error e;

	if (ev_init(&loop, &lock, &e) || console_init(&con, &loop, &e))
		abort();
	con.event = on_event;
	con.input = on_input;
	console_raw(&con);
	console_start(&con);
}

/* Runs @child with the given descriptors; its exit status. */
static int in_process(int in, int out, void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(in, 0);
		dup2(out, 1);
		alarm(20);
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

#define CHECK(x) do { if (!(x)) _exit(__LINE__ & 0xff); } while (0)

/* ---- input ---- */

static void child_reads_all(void)
{
	size_t i;

	start();
	on_input(NULL);		/* files: the guest asks first */
	ev_run(&loop);
	CHECK(n_got == 20001);
	for (i = 0; i < 20000; i++)
		CHECK(got[i] == 'a' + (char)(i % 26));
}

static void fill(int fd)
{
	char buf[20001];
	size_t i;

	for (i = 0; i < 20000; i++)
		buf[i] = 'a' + (char)(i % 26);
	buf[20000] = '.';
	assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
}

static void test_pipe_loses_nothing(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	fill(p[1]);
	assert_int_equal(in_process(p[0], 1, child_reads_all), 0);
	close(p[0]);
	close(p[1]);
}

static void test_file_loses_nothing(void **state)
{
	FILE *f = tmpfile();

	(void)state;
	fill(fileno(f));
	lseek(fileno(f), 0, SEEK_SET);
	assert_int_equal(in_process(fileno(f), 1, child_reads_all), 0);
	fclose(f);
}

static void child_gets_all_back(void)
{
	uint8_t buf[16];
	unsigned int i;

	start();
	taking = false;
	for (i = 0; i < 1000 && con.in_count < CONSOLE_IN_SIZE - 16; i++)
		con.in.ready(&con);
	CHECK(con.in_count == CONSOLE_IN_SIZE - 16);
	CHECK(!con.in.enabled);		/* full: not listening */
	CHECK(console_take(&con, buf, 16) == 16);
	CHECK(buf[0] == 'a' && con.in.enabled);
	con.in.ready(&con);
	console_untake(&con, buf, 16);
	CHECK(con.in_count == CONSOLE_IN_SIZE);
	CHECK(console_take(&con, buf, 16) == 16);
	CHECK(buf[0] == 'a' && buf[15] == 'p');
	CHECK(console_take(&con, buf, 16) == 0);	/* too soon */
	con.taken_at = 0;
	CHECK(console_take(&con, buf, 16) == 16 && buf[0] == 'q');
}

static void test_back_pressure_and_untake(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	fill(p[1]);
	assert_int_equal(in_process(p[0], 1, child_gets_all_back), 0);
	close(p[0]);
	close(p[1]);
}

static void child_survives_eof(void)
{
	start();
	con.in.ready(&con);
	CHECK(con.in_eof && !con.in.enabled);
	CHECK(!events[CONSOLE_QUIT]);
	CHECK(n_got == 1 && got[0] == 4);	/* Ctrl-D */
}

static void test_end_of_input_is_a_ctrl_d(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[1]);
	assert_int_equal(in_process(p[0], 1, child_survives_eof), 0);
	close(p[0]);
}

/* ---- output ---- */

static void child_writes(void)
{
	start();
	console_send(&con, (const uint8_t *)"line\nrest", 9);
	CHECK(con.out_wanted);
	console_drain(&con);
	console_send(&con, (const uint8_t *)"late", 4);
	CHECK(!con.out_wanted && con.flush_timer.deadline != EV_NEVER);
	con.flush_timer.fire(con.flush_timer.opaque);
	CHECK(con.out_count == 0);
}

static void test_output(void **state)
{
	char buf[64] = "";
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(in_process(open("/dev/null", O_RDONLY), p[1],
				    child_writes), 0);
	assert_int_equal(read(p[0], buf, sizeof(buf)), 13);
	assert_string_equal(buf, "line\nrestlate");
	close(p[0]);
	close(p[1]);
}

static void child_breaks(void)
{
	signal(SIGPIPE, SIG_IGN);
	start();
	console_send(&con, (const uint8_t *)"x\n", 2);
	console_drain(&con);
	CHECK(events[CONSOLE_BROKEN] == 1);
	console_send(&con, (const uint8_t *)"y\n", 2);
	console_drain(&con);
	CHECK(events[CONSOLE_BROKEN] == 1);	/* told once */
}

static void test_broken_pipe_is_told_once(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(in_process(open("/dev/null", O_RDONLY), p[1],
				    child_breaks), 0);
	close(p[1]);
}

/* ---- terminal ---- */

static void child_on_terminal(void)
{
	start();
	ev_run(&loop);
	CHECK(events[CONSOLE_QUIT] == 1);
	CHECK(n_got == 4 && !memcmp(got, "a\003b\035", 4));
	console_fini(&con);
}

static void test_terminal_is_raw_then_restored(void **state)
{
	struct termios before, after;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	/* raw already, so that typing ahead is not cooked */
	{
		struct termios raw = before;

		raw.c_lflag &= ~(tcflag_t)(ICANON | ISIG | ECHO);
		tcsetattr(slave, TCSANOW, &raw);
		before = raw;
	}
	assert_int_equal(write(master, "a\003b\035\035\035q", 7), 7);
	assert_int_equal(in_process(slave, 1, child_on_terminal), 0);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	close(master);
	close(slave);
}

static void child_escapes_past_full_buffer(void)
{
	taking = false;
	start();
	ev_run(&loop);
	CHECK(events[CONSOLE_QUIT] == 1);
}

static void test_escape_works_when_guest_reads_nothing(void **state)
{
	struct termios raw;
	int master, slave, i, child;
	char junk[512];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	child = fork();
	if (!child) {
		alarm(20);
		for (i = 0; i < 16; i++)
			if (write(master, junk, sizeof(junk)) < 0)
				_exit(1);
		if (write(master, "\035q", 2) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(in_process(slave, 1, child_escapes_past_full_buffer),
			 0);
	waitpid(child, NULL, 0);
	close(master);
	close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe_loses_nothing),
		cmocka_unit_test(test_file_loses_nothing),
		cmocka_unit_test(test_back_pressure_and_untake),
		cmocka_unit_test(test_end_of_input_is_a_ctrl_d),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_broken_pipe_is_told_once),
		cmocka_unit_test(test_terminal_is_raw_then_restored),
		cmocka_unit_test(test_escape_works_when_guest_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
