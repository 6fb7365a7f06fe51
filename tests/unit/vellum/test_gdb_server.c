/* SPDX-License-Identifier: MIT */
/*
 * The server with a client that means no good: its thread, a socket, a machine with
 * memory and one vCPU that no kernel knows.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"
#include "vellum/gdb/internal.h"

int report(const struct vmm_error *e);
int report(const struct vmm_error *e) { (void)e; return 1; }

#define RAM	(4u * 1024 * 1024)

static struct machine m;
static struct machine_config cfg;
static struct evloop loop;
static struct vmm_accel accel = { .fd = -1 };
static struct kvm_run run_page;
static struct gdb *g;
static char path[64], where[80];
static pthread_t vcpu;
static volatile bool stop;
static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;

/* Like vcpu_thread(), for a guest that does nothing. */
static void *fake_vcpu(void *opaque)
{
	(void)opaque;
	while (!stop) {
		if (m.vcpu[0].gdb.pause)
			gdb_hold(&m.vcpu[0]);
		usleep(200);
	}
	return NULL;
}

static int set_up(void **state)
{
	struct vmm_error e;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/unit-gdb.%d", getpid());
	snprintf(where, sizeof(where), "unix:%s", path);
	memset(&m, 0, sizeof(m));
	cfg.kernel.fd = -1;
	m.cfg = &cfg;
	m.lock = &device_lock;
	m.loop = &loop;
	loop.wake_fd = -1;
	m.vm.fd = m.vcpu[0].v.fd = -1;
	m.vm.accel = &accel;
	m.vcpu[0].v.run = &run_page;
	m.vcpu[0].m = &m;
	m.n_vcpus = 1;
	m.ram = (struct guest_ram){
		.host = calloc(1, RAM), .size = RAM, .low_end = RAM,
		.high_end = RAM_HIGH_BASE,
	};
	g = gdb_open(where, true, &e);
	if (!g || gdb_start(g, &e))
		return -1;
	gdb_machine_begin(g, &m);
	stop = false;
	return pthread_create(&vcpu, NULL, fake_vcpu, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	stop = true;
	gdb_machine_end(&m);
	pthread_join(vcpu, NULL);
	gdb_close(g, 0);
	free(m.ram.host);
	return 0;	/* the next test's server takes the place over */
}

static int client(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval t = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return fd;
}

static bool send_packet(int fd, const char *data, size_t n)
{
	char buf[1200];
	uint8_t sum = 0;
	size_t i;
	int len;

	buf[0] = '$';
	for (i = 0; i < n; i++)
		sum = (uint8_t)(sum + (uint8_t)(buf[1 + i] = data[i]));
	len = snprintf(buf + 1 + n, 8, "#%02x", sum);
	return send(fd, buf, 1 + n + (size_t)len, MSG_NOSIGNAL) > 0;
}

/* The data of one answer; false: closed or nothing comes. */
static bool get_answer(int fd, char *out, size_t size)
{
	size_t n = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '$')
		;
	while (read(fd, &c, 1) == 1 && c != '#')
		if (n + 1 < size)
			out[n++] = c;
	out[n] = '\0';
	return c == '#' && read(fd, &c, 1) == 1 && read(fd, &c, 1) == 1;
}

static void ask(int fd, const char *packet, const char *wanted)
{
	static char answer[GDB_FRAME_MAX];

	assert_true(send_packet(fd, packet, strlen(packet)));
	assert_true(get_answer(fd, answer, sizeof(answer)));
	if (strncmp(answer, wanted, strlen(wanted)))
		fail_msg("%s: %s, wanted %s", packet, answer, wanted);
}

static void test_socket_is_private(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_session(void **state)
{
	int fd = client();

	(void)state;
	ask(fd, "qSupported:swbreak+;hwbreak+", "PacketSize=");
	ask(fd, "?", "T02thread:1;");
	ask(fd, "qfThreadInfo", "m1");
	ask(fd, "qsThreadInfo", "l");
	ask(fd, "Hg1", "OK");
	ask(fd, "Hg2", "E");
	ask(fd, "M1000,4:01020304", "OK");
	ask(fd, "m1000,4", "01020304");
	ask(fd, "m7ffffffff000,4", "E");
	ask(fd, "Z0,1001,1", "OK");
	ask(fd, "m1000,4", "01cc0304");
	ask(fd, "z0,1001,1", "OK");
	ask(fd, "m1000,4", "01020304");
	ask(fd, "Z9,1000,1", "");
	ask(fd, "vMustReplyEmpty", "");
	ask(fd, "qXfer:features:read:target.xml:0,100", "m<?xml");
	ask(fd, "qRcmd,68656c70", "7068797320");	/* help: "phys " */
	ask(fd, "vCont?", "vCont;c");
	ask(fd, "g", "E");				/* no kernel behind it */
	ask(fd, "Z0,1001,1", "OK");
	ask(fd, "D", "OK");
	close(fd);
	usleep(50000);
	assert_int_equal(m.ram.host[0x1001], 2);
	assert_false(m.vcpu[0].gdb.pause);
}

/* Ctrl-C while it runs; then the client just goes. */
static void test_interrupt(void **state)
{
	char answer[64];
	int fd = client();

	(void)state;
	ask(fd, "?", "T02");
	ask(fd, "Z0,2000,1", "OK");
	assert_true(send_packet(fd, "vCont;c", 7));
	assert_int_equal(write(fd, "\x03", 1), 1);
	assert_true(get_answer(fd, answer, sizeof(answer)));
	assert_string_equal(answer, "T02thread:1;");
	close(fd);
	usleep(50000);
	assert_int_equal(m.ram.host[0x2000], 0);
	assert_false(m.vcpu[0].gdb.pause);
}

static void next_machine(int fd)
{
	gdb_machine_end(&m);
	if (fd >= 0) {		/* when there is none */
		assert_true(send_packet(fd, "vCont;c", 7));
		usleep(20000);
	}
	stop = true;
	pthread_join(vcpu, NULL);
	stop = false;
	m.stopping = 0;
	m.end.cause = END_NONE;
	gdb_machine_begin(g, &m);
	assert_int_equal(pthread_create(&vcpu, NULL, fake_vcpu, NULL), 0);
}

/* The client continues before the new machine is there, between, and after. */
static void test_reset(void **state)
{
	enum { EARLY, BETWEEN, LATE, TIMES };
	char answer[64];
	int fd = client(), when;

	(void)state;
	for (when = EARLY; when < TIMES; when++) {
		ask(fd, "?", "T");
		ask(fd, "qRcmd,7265736574", "636f6e74");	/* reset: "cont" */
		assert_int_equal(m.end.cause, END_RESET);
		if (when == EARLY)
			assert_true(send_packet(fd, "vCont;c", 7));
		usleep(20000);
		next_machine(when == BETWEEN ? fd : -1);
		usleep(20000);
		if (when == LATE)
			assert_true(send_packet(fd, "vCont;c", 7));
		assert_true(get_answer(fd, answer, sizeof(answer)));
		assert_string_equal(answer, "T05thread:1;");
	}
	close(fd);
}

static bool is_closed(int fd)
{
	char buf[4096];
	ssize_t n;

	do
		n = recv(fd, buf, sizeof(buf), 0);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

static void test_endless(void **state)
{
	char buf[4096];
	unsigned int i;
	int fd = client();

	(void)state;
	memset(buf, 'm', sizeof(buf));
	assert_int_equal(write(fd, "$", 1), 1);
	for (i = 0; i < 8; i++)
		(void)!send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
	assert_true(is_closed(fd));
	close(fd);
	fd = client();			/* the next one is served */
	ask(fd, "?", "T02");
	close(fd);
}

static const char *const starts[] = {
	"m", "M", "X", "Z0,", "Z1,", "Z2,", "z0,", "p", "P", "G", "g", "H", "Hg", "T",
	"qSupported:", "qXfer:features:read:target.xml:", "qRcmd,", "qThreadExtraInfo,",
	"vCont;", "vCont;s:", "vCont;C", "Qqemu.PhyMemMode:", "qC", "?", "s", "c", "D",
};

/* Packets with a right checksum and nearly right contents. */
static void send_random(int *fd, uint64_t *seed)
{
	static const char letters[] = "0123456789abcdef,:;=-}pcstCS# ";
	char data[256];
	const char *start = starts[test_random(seed) % ARRAY_SIZE(starts)];
	size_t n = strlen(start), end = n + test_random(seed) % 60;

	memcpy(data, start, n);
	for (; n < end; n++)
		data[n] = test_random(seed) & 15 ?
			  letters[test_random(seed) % (sizeof(letters) - 1)] :
			  (char)test_random(seed);
	if (!send_packet(*fd, data, n) || !(test_random(seed) & 63)) {
		close(*fd);
		*fd = client();
	}
	if (!(test_random(seed) & 7))
		(void)!send(*fd, "\x03", 1, MSG_NOSIGNAL);
}

static void test_random_packets(void **state)
{
	uint64_t seed = 99;
	unsigned int i;
	int fd = client();

	(void)state;
	for (i = 0; i < 20000; i++) {
		char buf[4096];

		send_random(&fd, &seed);
		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
	fd = client();
	ask(fd, "?", "T");
	ask(fd, "Qqemu.PhyMemMode:1", "OK");
	ask(fd, "m0,1", "");
	close(fd);
}

static void test_places(void **state)
{
	(void)state;
	assert_true(gdb_check("tcp:1234"));
	assert_true(gdb_check("tcp:1234,nowait"));
	assert_true(gdb_check("unix:/run/x,nowait"));
	assert_false(gdb_check("tcp:65536"));
	assert_false(gdb_check("tcp:"));
	assert_false(gdb_check("tcp:-1"));
	assert_false(gdb_check("tcp:12x"));
	assert_false(gdb_check("unix:"));
	assert_false(gdb_check("1234"));
	assert_false(gdb_check(""));
}

static int remove_socket(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test_setup_teardown(test_socket_is_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_interrupt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_endless, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_packets, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, remove_socket);
}
