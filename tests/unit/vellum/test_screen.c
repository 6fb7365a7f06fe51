/* SPDX-License-Identifier: MIT */
/* A VGA's text as lines, as sequences for a terminal, and a terminal's keys. */
#include <fcntl.h>
#include <iconv.h>
#include <pty.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "vellum/screen/keys.h"
#include "vellum/screen/screen.h"

DEFINE_REPORT

static struct vga vga;
static uint8_t memory[VGA_MEMORY_SIZE];
static struct cells cells;
static struct paint painter;
static char text[CELLS_TEXT_MAX], sequence[PAINT_MAX + 1];

static int setup(void **state)
{
	(void)state;
	vga_reset(&vga);
	memset(memory, 0xee, sizeof(memory));
	vga_clear(memory);
	painter = (struct paint){ .width = 80, .height = 25, .anew = true };
	return 0;
}

static void crtc(unsigned int index, unsigned int value)
{
	vga_ops.write(&vga, 0x14, 1, index);
	vga_ops.write(&vga, 0x15, 1, value);
}

static void put(unsigned int row, unsigned int col, uint8_t attr, const char *s)
{
	for (; *s; s++, col++) {
		memory[0x18000 + (row * 80 + col) * 2] = (uint8_t)*s;
		memory[0x18000 + (row * 80 + col) * 2 + 1] = attr;
	}
}

static const char *lines(void)
{
	cells_look(&cells, &vga, memory);
	text[cells_text(&cells, text)] = '\0';
	return text;
}

static const char *painted(void)
{
	size_t n;

	cells_look(&cells, &vga, memory);
	n = paint(&painter, &cells, sequence);
	assert_true(n <= PAINT_MAX);
	sequence[n] = '\0';
	return sequence;
}

/* ---- text ---- */

static void test_lines(void **state)
{
	unsigned int i;

	(void)state;
	put(0, 0, 7, "hello  ");
	put(1, 2, 7, "there");
	lines();
	assert_int_equal(strncmp(text, "hello\n  there\n\n", 15), 0);
	for (i = 0; text[i]; i++)
		;
	assert_int_equal(i, 5 + 7 + 25);
}

/* The upper half is what the C library's converter says. */
static void test_code_page(void **state)
{
	iconv_t cd = iconv_open("UTF-8", "CP437");
	char c, want[4], got[CELLS_UTF8_MAX];
	unsigned int i, n;

	(void)state;
	assert_true(cd != (iconv_t)-1);
	for (i = 0x20; i < 0xff; i++) {
		char *from = &c, *to = want;
		size_t in = 1, left = sizeof(want);

		if (i == 0x7f)
			continue;	/* a house, where the converter has DEL */
		c = (char)i;
		assert_int_equal(iconv(cd, &from, &in, &to, &left), 0);
		n = cp437_utf8((uint8_t)i, got);
		assert_int_equal(n, sizeof(want) - left);
		assert_memory_equal(got, want, n);
	}
	iconv_close(cd);
	assert_int_equal(cp437_utf8(0, got), 1);
	assert_int_equal(got[0], ' ');
	assert_int_equal(cp437_utf8(1, got), 3);
	assert_memory_equal(got, "\u263a", 3);
}

static void test_start_address(void **state)
{
	(void)state;
	put(0, 0, 7, "zero");
	put(2, 0, 7, "two");
	crtc(0x0d, 160);
	assert_int_equal(strncmp(lines(), "two\n\n", 5), 0);
}

static void test_cursor_is_found(void **state)
{
	(void)state;
	crtc(0x0f, 85);
	lines();
	assert_true(cells.cursor);
	assert_int_equal(cells.row, 1);
	assert_int_equal(cells.col, 5);
	crtc(0x0e, 0x10);		/* below the screen */
	lines();
	assert_false(cells.cursor);
}

static void test_graphics_is_a_line(void **state)
{
	(void)state;
	vga_ops.write(&vga, 0x0e, 1, 6);
	vga_ops.write(&vga, 0x0f, 1, 5);
	vga_ops.write(&vga, 0x0e, 1, 5);
	vga_ops.write(&vga, 0x0f, 1, 0x40);
	crtc(0x09, 0x41);
	assert_string_equal(lines(), "[graphics mode: 320 x 200, 256 colours]\n");
	assert_non_null(strstr(painted(), "[graphics mode: 320 x 200, 256 colours]"));
	assert_string_equal(painted(), "");
}

/* ---- sequences ---- */

static void test_only_what_changed(void **state)
{
	(void)state;
	assert_int_equal(strncmp(painted(), "\033[0m\033[2J", 8), 0);
	assert_string_equal(painted(), "");
	put(4, 9, 0x07, "x");
	assert_string_equal(painted(), "\033[5;10H\033[0;37;40mx\033[1;1H\033[?25h");
	put(4, 9, 0x07, "yz");		/* neighbours need no way between them */
	assert_string_equal(painted(), "\033[5;10H\033[0;37;40myz\033[1;1H\033[?25h");
	put(4, 9, 0x07, "ab cd");	/* nor does a blank that stays */
	assert_string_equal(painted(), "\033[5;10H\033[0;37;40mab cd\033[1;1H\033[?25h");
	put(4, 9, 0x07, "x");
	put(4, 30, 0x07, "y");
	assert_string_equal(painted(),
		"\033[5;10H\033[0;37;40mx\033[5;31Hy\033[1;1H\033[?25h");
	crtc(0x0f, 81);
	assert_string_equal(painted(), "\033[2;2H\033[?25h");
	crtc(0x0a, 0x20);
	assert_string_equal(painted(), "\033[?25l");
}

static void test_attributes(void **state)
{
	(void)state;
	crtc(0x0a, 0x20);
	painted();
	put(0, 0, 0x1f, "a");		/* white on blue */
	put(0, 1, 0x4e, "b");		/* yellow on red */
	put(0, 2, 0x4e, "c");
	put(0, 3, 0x82, "\xc9");	/* green, blinking */
	assert_string_equal(painted(),
		"\033[1;1H\033[0;97;44ma\033[0;93;41mbc\033[0;5;32;40m\u2554\033[?25l");
	/* without blinking bit 7 is the background's brightness */
	vga_ops.read(&vga, 0x1a, 1);
	vga_ops.write(&vga, 0, 1, 0x30);
	vga_ops.write(&vga, 0, 1, 0x04);
	painted();
	put(0, 0, 0x90, "d");
	assert_string_equal(painted(), "\033[1;1H\033[0;30;104md\033[?25l");
}

/* 24 rows are what many terminals have. */
static void test_smaller_terminal(void **state)
{
	(void)state;
	painter.height = 24;
	painter.width = 40;
	put(0, 0, 7, "first");
	put(0, 38, 7, "abcd");
	put(24, 0, 7, "last");
	assert_non_null(strstr(painted(), "first"));
	assert_non_null(strstr(sequence, "ab"));
	assert_null(strstr(sequence, "abc"));
	assert_null(strstr(sequence, "last"));
	crtc(0x0e, 24 * 80 >> 8);
	crtc(0x0f, 24 * 80 & 0xff);
	assert_null(strstr(painted(), "first"));
	assert_non_null(strstr(sequence, "\033[24;1H"));
	assert_non_null(strstr(sequence, "last"));
	/* a note takes one more */
	painter.note = "help";
	painter.anew = true;
	assert_non_null(strstr(painted(), "\033[23;1H"));
	assert_non_null(strstr(sequence, "\033[24;1H\033[0;7mhelp"));
}

/* Registers and memory of no sense, on terminals of any size. */
static void test_garbage(void **state)
{
	uint64_t seed = 0x5eed;
	unsigned int i, j, texts = 0;

	(void)state;
	for (i = 0; i < 3000; i++) {
		for (j = 0; j < 40; j++)
			vga_ops.write(&vga, test_random(&seed) & 0x1f, 1,
				      test_random(&seed));
		for (j = 0; j < 100; j++)
			memory[test_random(&seed) % sizeof(memory)] =
				(uint8_t)test_random(&seed);
		painter.width = 1 + test_random(&seed) % 300;
		painter.height = 1 + test_random(&seed) % 200;
		painter.note = i % 3 ? NULL : "note";
		painted();
		assert_true(strlen(lines()) < sizeof(text));
		texts += cells.rows && !cells.mode[0];
	}
	assert_true(texts > 10);
}

/* ---- the file and the terminal ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct evloop loop;
static struct screen screen;
static struct ev_timer stop_timer;

static void on_stop(void *opaque) { ev_stop(opaque); }

static void run_loop(unsigned int ms)
{
	ev_timer_set(&stop_timer, ev_now() + ms * 1000000ull);
	loop.stop = false;
	ev_run(&loop);
}

static const char *content(int fd)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void test_file(void **state)
{
	FILE *f = tmpfile();
	struct image_file file = { .option = "--screen", .path = "x",
				   .fd = fileno(f) };
	struct vmm_error e;

	(void)state;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	assert_int_equal(ev_timer_init(&loop, &stop_timer, on_stop, &loop), 0);
	memset(&screen, 0, sizeof(screen));
	assert_int_equal(screen_open(&screen, &loop, &file, false, &e), 0);
	screen_begin(&screen, &vga, memory);
	put(0, 0, 7, "a long first line");
	run_loop(150);
	assert_int_equal(strncmp(content(file.fd), "a long first line\n\n", 19), 0);
	vga_clear(memory);
	put(0, 0, 7, "short");
	run_loop(250);
	assert_int_equal(strlen(content(file.fd)), 5 + 25);
	put(0, 0, 7, "the end");
	screen_end(&screen);		/* at once */
	assert_int_equal(strncmp(content(file.fd), "the end\n", 8), 0);
	screen_close(&screen);
	ev_fini(&loop);
	fclose(f);
}

/* A terminal that nobody reads stops nobody; what it missed comes in the end. */
#define DRAWN_S	3		/* so long somebody draws */
#define READ_S	6		/* before anybody reads */

static void child_draws(void)
{
	struct image_file none = { .fd = -1 };
	uint64_t begin = ev_now();
	struct vmm_error e;
	unsigned int i;

	if (ev_init(&loop, &lock, &e) ||
	    ev_timer_init(&loop, &stop_timer, on_stop, &loop) ||
	    screen_open(&screen, &loop, &none, true, &e))
		_exit(1);
	screen_begin(&screen, &vga, memory);
	for (i = 0; i < DRAWN_S * 20; i++) {
		memset(memory + 0x18000, 'a' + (int)(i % 20), 4000);
		run_loop(50);
	}
	if (ev_now() - begin > (READ_S - 1) * 1000000000ull)
		_exit(2);
	memset(memory + 0x18000, ' ', 4000);
	put(3, 3, 7, "the last picture");
	run_loop((READ_S - DRAWN_S + 3) * 1000);
	_exit(0);
}

static void draw_for_nobody(bool others)
{
	struct winsize size = { .ws_row = 25, .ws_col = 80 };
	char buf[4096];
	int pty, status;
	bool found = false;
	ssize_t n;
	pid_t pid = forkpty(&pty, NULL, NULL, &size);

	if (!pid) {
		alarm(30);
		/* who is not root sees the same as before */
		if (others && !getuid() && setuid(65534))
			_exit(3);
		child_draws();
	}
	sleep(READ_S);
	while ((n = read(pty, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		found |= strstr(buf, "the last picture") != NULL;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(found);
	close(pty);
}

static void test_terminal_that_waits(void **state)
{
	(void)state;
	draw_for_nobody(false);
}

/* It can't be opened again then. */
static void test_terminal_of_another_user(void **state)
{
	(void)state;
	draw_for_nobody(true);
}

/* ---- keys ---- */

struct key_case { const char *bytes; uint8_t code, extended, held; };

static void push(struct keys *k, const char *bytes)
{
	keys_push(k, (const uint8_t *)bytes, strlen(bytes));
}

static void test_keys(void **state)
{
	static const struct key_case cases[] = {
		{ "a", 0x1e, 0, 0 },
		{ "A", 0x1e, 0, KEYBOARD_SHIFT },
		{ "\003", 0x2e, 0, KEYBOARD_CTRL },
		{ "\034", 0x2b, 0, KEYBOARD_CTRL },	/* \ */
		{ "\r", 0x1c, 0, 0 },
		{ "\n", 0x1c, 0, 0 },
		{ "\177", 0x0e, 0, 0 },
		{ "\t", 0x0f, 0, 0 },
		{ "\033[Z", 0x0f, 0, KEYBOARD_SHIFT },
		{ "\033[A", 0x48, 1, 0 },
		{ "\033OB", 0x50, 1, 0 },
		{ "\033[1;5C", 0x4d, 1, KEYBOARD_CTRL },
		{ "\033[3;4~", 0x53, 1, KEYBOARD_SHIFT | KEYBOARD_ALT },
		{ "\033[5~", 0x49, 1, 0 },
		{ "\033OP", 0x3b, 0, 0 },
		{ "\033[[B", 0x3c, 0, 0 },
		{ "\033[21~", 0x44, 0, 0 },
		{ "\033[24~", 0x58, 0, 0 },
		{ "\033x", 0x2d, 0, KEYBOARD_ALT },
		{ "\033X", 0x2d, 0, KEYBOARD_ALT | KEYBOARD_SHIFT },
	};
	struct keyboard_stroke s;
	struct keys k = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		push(&k, cases[i].bytes);
		assert_int_equal(keys_next(&k, false, &s), KEYS_STROKE);
		assert_int_equal(s.code, cases[i].code);
		assert_int_equal(s.extended, cases[i].extended);
		assert_int_equal(s.held, cases[i].held);
		assert_int_equal(keys_next(&k, false, &s), KEYS_NONE);
	}
	/* in pieces; no PC has the first and the last of these keys */
	push(&k, "\u00e9\033[");
	assert_int_equal(keys_next(&k, false, &s), KEYS_UNFINISHED);
	push(&k, "D\033[99~");
	assert_int_equal(keys_next(&k, false, &s), KEYS_STROKE);
	assert_int_equal(s.code, 0x4b);
	assert_int_equal(keys_next(&k, false, &s), KEYS_NONE);
	/* too long for any */
	push(&k, "\033[11111111111111");
	assert_int_equal(keys_next(&k, false, &s), KEYS_NONE);
}

/* ESC and [ are keys too, if nothing follows. */
static void test_unfinished_keys(void **state)
{
	static const struct key_case cases[] = {
		{ "\033", 0x01, 0, 0 },
		{ "\033[", 0x1a, 0, KEYBOARD_ALT },
		{ "\033O", 0x18, 0, KEYBOARD_ALT | KEYBOARD_SHIFT },
		{ "\033[1;", 0x1a, 0, KEYBOARD_ALT },
	};
	struct keyboard_stroke s;
	struct keys k = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		push(&k, cases[i].bytes);
		assert_int_equal(keys_next(&k, false, &s), KEYS_UNFINISHED);
		assert_int_equal(keys_next(&k, true, &s), KEYS_STROKE);
		assert_int_equal(s.code, cases[i].code);
		assert_int_equal(s.held, cases[i].held);
		while (keys_next(&k, true, &s) == KEYS_STROKE)
			;
	}
	push(&k, "\033\033[A");
	assert_int_equal(keys_next(&k, false, &s), KEYS_STROKE);
	assert_int_equal(s.code, 0x01);
	assert_int_equal(keys_next(&k, false, &s), KEYS_STROKE);
	assert_int_equal(s.code, 0x48);
}

static void test_keys_garbage(void **state)
{
	static const char likely[] = "\033[O;1~A\033[";
	struct keyboard_stroke s;
	struct keys k = { 0 };
	uint64_t seed = 0x5eed;
	unsigned int i, n = 0;
	uint8_t b;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		uint64_t r = test_random(&seed);

		b = r & 1 ? (uint8_t)likely[(r >> 8) % (sizeof(likely) - 1)] :
			    (uint8_t)(r >> 8);
		keys_push(&k, &b, 1);
		while (keys_next(&k, (r & 0xf0) == 0, &s) == KEYS_STROKE)
			n++;
		assert_true(k.n < KEYS_MAX);
	}
	assert_true(n > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_code_page, setup),
		cmocka_unit_test_setup(test_start_address, setup),
		cmocka_unit_test_setup(test_cursor_is_found, setup),
		cmocka_unit_test_setup(test_graphics_is_a_line, setup),
		cmocka_unit_test_setup(test_only_what_changed, setup),
		cmocka_unit_test_setup(test_attributes, setup),
		cmocka_unit_test_setup(test_smaller_terminal, setup),
		cmocka_unit_test_setup(test_garbage, setup),
		cmocka_unit_test_setup(test_file, setup),
		cmocka_unit_test_setup(test_terminal_that_waits, setup),
		cmocka_unit_test_setup(test_terminal_of_another_user, setup),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_unfinished_keys),
		cmocka_unit_test(test_keys_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
