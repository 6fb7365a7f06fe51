/* SPDX-License-Identifier: MIT */
/* The VGA's registers, and what they say is on the screen. */
#include "test.h"
#include "vellum/evloop.h"
#include "vellum/dev/vga.h"

DEFINE_REPORT

static struct vga vga;

static void out(unsigned int port, unsigned int value)
{
	if (port < VGA_PORT)
		vga_mono_ops.write(&vga, port - VGA_MONO_PORT, 1, value);
	else
		vga_ops.write(&vga, port - VGA_PORT, 1, value);
}

static unsigned int in(unsigned int port)
{
	return (unsigned int)(port < VGA_PORT ?
			vga_mono_ops.read(&vga, port - VGA_MONO_PORT, 1) :
			vga_ops.read(&vga, port - VGA_PORT, 1));
}

static void set(unsigned int port, unsigned int index, unsigned int value)
{
	out(port, index);
	out(port + 1, value);
}

static unsigned int get(unsigned int port, unsigned int index)
{
	out(port, index);
	return in(port + 1);
}

static int setup(void **state)
{
	(void)state;
	vga_reset(&vga);
	return 0;
}

static void test_reset_is_mode_3(void **state)
{
	struct vga_view v;

	(void)state;
	vga_view(&vga, &v);
	assert_false(v.blank || v.graphics);
	assert_int_equal(v.cols, 80);
	assert_int_equal(v.rows, 25);
	assert_int_equal(v.pitch, 80);
	assert_int_equal(vga_cell(&v, 0, 0), 0x18000);
	assert_int_equal(vga_cell(&v, 24, 79), 0x18000 + 3998);
	assert_true(v.cursor && v.blink);
	assert_int_equal(v.cursor_at, 0);
	assert_int_equal(in(0x3cc) & 1, 1);
}

/* 0x3c0 takes an index and data in turns; reading status 1 says that an index is next. */
static void test_attribute_flip_flop(void **state)
{
	(void)state;
	in(0x3da);
	out(0x3c0, 0x11 | 0x20);
	out(0x3c0, 0x05);
	out(0x3c0, 0x12 | 0x20);
	in(0x3da);		/* not data then */
	out(0x3c0, 0x11 | 0x20);
	assert_int_equal(in(0x3c0), 0x31);
	assert_int_equal(in(0x3c1), 0x05);
	out(0x3c0, 0x06);
	assert_int_equal(in(0x3c1), 0x06);
	/* the palette is the screen's while bit 5 is set */
	out(0x3c0, 0x23);
	out(0x3c0, 0x3f);
	assert_int_equal(in(0x3c1), 0x03);
	out(0x3c0, 0x03);
	out(0x3c0, 0x3f);
	assert_int_equal(in(0x3c1), 0x3f);
}

static void test_crtc_protection(void **state)
{
	(void)state;
	assert_int_equal(get(0x3d4, 0x11) & 0x80, 0x80);
	set(0x3d4, 0x01, 39);
	assert_int_equal(get(0x3d4, 0x01), 79);
	set(0x3d4, 0x07, 0x00);		/* of this one bit 4 is open */
	assert_int_equal(get(0x3d4, 0x07), 0x0f);
	set(0x3d4, 0x0e, 0x12);
	assert_int_equal(get(0x3d4, 0x0e), 0x12);
	set(0x3d4, 0x11, 0x0e);
	set(0x3d4, 0x01, 39);
	assert_int_equal(get(0x3d4, 0x01), 39);
	assert_int_equal(get(0x3d4, 0x1e), 0);
}

/* CRTC and status are at 0x3dx or at 0x3bx. */
static void test_monochrome_ports(void **state)
{
	(void)state;
	set(0x3d4, 0x0f, 0x55);
	assert_int_equal(in(0x3b5), 0xff);
	out(0x3c2, 0x66);
	assert_int_equal(in(0x3cc), 0x66);
	assert_int_equal(in(0x3d5), 0xff);
	assert_int_equal(get(0x3b4, 0x0f), 0x55);
	set(0x3d4, 0x0f, 0x11);
	assert_int_equal(get(0x3b4, 0x0f), 0x55);
	out(0x3ba, 0x03);
	assert_int_equal(in(0x3ca), 0x03);
	assert_int_not_equal(in(0x3ba), 0xff);
}

static void test_dac(void **state)
{
	unsigned int i;

	(void)state;
	out(0x3c8, 0x10);
	for (i = 0; i < 6; i++)
		out(0x3c9, 0xc0 + i);		/* six bits each */
	assert_int_equal(in(0x3c8), 0x12);
	assert_int_equal(in(0x3c7), 0);
	out(0x3c7, 0x10);
	assert_int_equal(in(0x3c7), 3);
	for (i = 0; i < 6; i++)
		assert_int_equal(in(0x3c9), i);
	/* two parts are no colour */
	out(0x3c8, 0x10);
	out(0x3c9, 0x20);
	out(0x3c9, 0x20);
	out(0x3c7, 0x10);
	assert_int_equal(in(0x3c9), 0);
	/* from the last colour to the first */
	out(0x3c8, 0xff);
	for (i = 0; i < 6; i++)
		out(0x3c9, 0x30 + i);
	out(0x3c7, 0xff);
	for (i = 0; i < 6; i++)
		assert_int_equal(in(0x3c9), 0x30 + i);
	/* 20 is brown: the EGA's colours */
	out(0x3c7, 20);
	assert_int_equal(in(0x3c9), 0x2a);
	assert_int_equal(in(0x3c9), 0x15);
	assert_int_equal(in(0x3c9), 0x00);
}

static void test_masks(void **state)
{
	(void)state;
	set(0x3c4, 2, 0xff);
	assert_int_equal(get(0x3c4, 2), 0x0f);
	set(0x3ce, 5, 0xff);
	assert_int_equal(get(0x3ce, 5), 0x7b);
	set(0x3ce, 8, 0xa5);
	assert_int_equal(get(0x3ce, 8), 0xa5);
	set(0x3c4, 6, 0xff);		/* there is none */
	assert_int_equal(get(0x3c4, 6), 0);
}

/* Whatever bit a program waits for, in whichever state: it comes, soon. */
static void test_status_alternates(void **state)
{
	static const unsigned int bits[] = { 0x01, 0x08 };
	uint64_t until = ev_now() + 5000000000ull;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		for (j = 0; j < 20; j++)
			while ((in(0x3da) & bits[i] ? 1 : 0) != j % 2)
				assert_true(ev_now() < until);
}

/* Retraces come 70 times a second, also for those who look all the time. */
static void test_retrace_rate(void **state)
{
	uint64_t begin = ev_now(), now;
	unsigned int n = 0, last = 0, this;

	(void)state;
	while ((now = ev_now()) - begin < 300000000ull) {
		this = in(0x3da) & 8;
		n += this && !last;
		last = this;
	}
	/* 21; a busy machine may not let us look for a while */
	assert_in_range(n, 1, 25);
}

static void test_cursor_and_start(void **state)
{
	struct vga_view v;

	(void)state;
	set(0x3d4, 0x0c, 0x00);
	set(0x3d4, 0x0d, 160);
	set(0x3d4, 0x0e, 0x01);
	set(0x3d4, 0x0f, 0x02);
	vga_view(&vga, &v);
	assert_int_equal(v.cursor_at, 0x102);
	assert_int_equal(vga_cell(&v, 0, 1), 0x18000 + 322);
	/* memory goes round */
	set(0x3d4, 0x0c, 0x3f);
	set(0x3d4, 0x0d, 0xff);
	vga_view(&vga, &v);
	assert_int_equal(vga_cell(&v, 0, 0), 0x1fffe);
	assert_int_equal(vga_cell(&v, 0, 1), 0x18000);
	set(0x3d4, 0x0a, 0x2d);
	vga_view(&vga, &v);
	assert_false(v.cursor);
	set(0x3d4, 0x0a, 0x0f);		/* begins behind its end */
	vga_view(&vga, &v);
	assert_false(v.cursor);
}

static void test_split_screen(void **state)
{
	struct vga_view v;

	(void)state;
	set(0x3d4, 0x0d, 80);
	set(0x3d4, 0x07, 0x0f);		/* line 319: the last of row 19 */
	set(0x3d4, 0x09, 0x0f);
	set(0x3d4, 0x18, 319 & 0xff);
	set(0x3d4, 0x07, 0x10);
	vga_view(&vga, &v);
	assert_int_equal(v.split, 20);
	assert_int_equal(vga_cell(&v, 19, 0), 0x18000 + 20 * 160);
	assert_int_equal(vga_cell(&v, 20, 0), 0x18000);
	assert_int_equal(vga_cell(&v, 21, 0), 0x18000 + 160);
}

static void test_sizes(void **state)
{
	struct vga_view v;

	(void)state;
	set(0x3d4, 0x09, 0x47);		/* characters of 8 lines */
	vga_view(&vga, &v);
	assert_int_equal(v.rows, 50);
	set(0x3d4, 0x12, 0x5d);		/* 350 lines */
	vga_view(&vga, &v);
	assert_int_equal(v.rows, 43);
	set(0x3d4, 0x11, 0x0e);
	set(0x3d4, 0x01, 39);
	set(0x3d4, 0x13, 20);
	set(0x3ce, 6, 0x0a);		/* memory at 0xb0000 */
	vga_view(&vga, &v);
	assert_int_equal(v.cols, 40);
	assert_int_equal(vga_cell(&v, 1, 0), 0x10000 + 80);
	set(0x3d4, 0x01, 0xff);		/* more than is looked at */
	set(0x3d4, 0x09, 0x40);
	vga_view(&vga, &v);
	assert_int_equal(v.cols, VGA_COLS_MAX);
	assert_int_equal(v.rows, VGA_ROWS_MAX);
	set(0x3c4, 1, 0x20);
	vga_view(&vga, &v);
	assert_true(v.blank);
}

static void test_graphics_modes(void **state)
{
	struct vga_view v;

	(void)state;
	set(0x3ce, 6, 0x05);		/* mode 13h */
	set(0x3ce, 5, 0x40);
	set(0x3d4, 0x09, 0x41);
	vga_view(&vga, &v);
	assert_true(v.graphics);
	assert_false(v.planar);
	assert_int_equal(v.width, 320);
	assert_int_equal(v.height, 200);
	assert_int_equal(v.colours, 256);
	set(0x3ce, 5, 0x30);		/* 4: two banks of lines, each shown twice */
	set(0x3d4, 0x09, 0xc1);
	set(0x3d4, 0x17, 0xa2);
	vga_view(&vga, &v);
	assert_false(v.planar);
	assert_int_equal(v.height, 200);
	assert_int_equal(v.colours, 4);
	set(0x3d4, 0x17, 0xa3);
	set(0x3ce, 5, 0x00);		/* 12h */
	set(0x3d4, 0x09, 0x40);
	set(0x3d4, 0x11, 0x0e);
	set(0x3d4, 0x07, 0x3e);
	set(0x3d4, 0x12, 0xdf);
	vga_view(&vga, &v);
	assert_true(v.planar);
	assert_int_equal(v.width, 640);
	assert_int_equal(v.height, 480);
	assert_int_equal(v.colours, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_is_mode_3, setup),
		cmocka_unit_test_setup(test_attribute_flip_flop, setup),
		cmocka_unit_test_setup(test_crtc_protection, setup),
		cmocka_unit_test_setup(test_monochrome_ports, setup),
		cmocka_unit_test_setup(test_dac, setup),
		cmocka_unit_test_setup(test_masks, setup),
		cmocka_unit_test_setup(test_status_alternates, setup),
		cmocka_unit_test_setup(test_retrace_rate, setup),
		cmocka_unit_test_setup(test_cursor_and_start, setup),
		cmocka_unit_test_setup(test_split_screen, setup),
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_graphics_modes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
