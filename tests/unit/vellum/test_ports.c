/* SPDX-License-Identifier: MIT */
/* The small devices, and a guest that writes garbage to all of them. */
#include "test.h"
#include "vellum/dev/i8042.h"
#include "vellum/dev/misc.h"
#include "vellum/dev/pm.h"
#include "vellum/dev/uart.h"

DEFINE_REPORT

static unsigned int resets, offs, panics, exits, sent;
static uint32_t exit_value;

static void on_reset(void *opaque) { (void)opaque; resets++; }
static void on_off(void *opaque) { (void)opaque; offs++; }
static void on_panic(void *opaque) { (void)opaque; panics++; }

static void on_exit_port(void *opaque, uint32_t v)
{
	(void)opaque;
	exits++;
	exit_value = v;
}

static void on_send(void *opaque, const uint8_t *buf, size_t n)
{
	(void)opaque, (void)buf;
	sent += (unsigned int)n;
}

static int setup(void **state)
{
	(void)state;
	resets = offs = panics = exits = sent = 0;
	return 0;
}

static struct i8042 new_i8042(void)
{
	struct i8042 k = { .reset = on_reset };

	i8042_reset(&k);
	return k;
}

static void test_i8042_resets_by_pulse(void **state)
{
	struct i8042 k = new_i8042();

	(void)state;
	i8042_command_ops.write(&k, 0, 1, 0xfe);
	assert_int_equal(resets, 1);
	i8042_command_ops.write(&k, 0, 1, 0xff);	/* pulses nothing */
	assert_int_equal(resets, 1);
	i8042_command_ops.write(&k, 0, 1, 0xd1);
	i8042_data_ops.write(&k, 0, 1, 0x02);	/* output port, bit 0 low */
	assert_int_equal(resets, 2);
	i8042_data_ops.write(&k, 0, 1, 0x00);	/* a keyboard's byte now */
	assert_int_equal(resets, 2);
}

static void test_i8042_answers(void **state)
{
	struct i8042 k = new_i8042();

	(void)state;
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 3, 0);
	i8042_command_ops.write(&k, 0, 1, 0xaa);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 3, 1);
	assert_int_equal(i8042_data_ops.read(&k, 0, 1), 0x55);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 3, 0);
	i8042_command_ops.write(&k, 0, 1, 0x60);
	i8042_data_ops.write(&k, 0, 1, 0x47);
	i8042_command_ops.write(&k, 0, 1, 0x20);
	assert_int_equal(i8042_data_ops.read(&k, 0, 1), 0x47);
	i8042_command_ops.write(&k, 0, 1, 0xd0);
	assert_int_equal(i8042_data_ops.read(&k, 0, 1) & 3, 3);
}

/* IBM AT Technical Reference, "Keyboard Controller": status and commands. */
static void test_i8042_status_and_ports(void **state)
{
	struct i8042 k = new_i8042();

	(void)state;
	i8042_data_ops.write(&k, 0, 1, 0x00);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 0x08, 0);
	i8042_command_ops.write(&k, 0, 1, 0x60);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 0x08, 0x08);
	i8042_data_ops.write(&k, 0, 1, 0x00);		/* SYS off */
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 0x0c, 0);
	i8042_command_ops.write(&k, 0, 1, 0xaa);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 0x0c, 0x0c);
	assert_int_equal(i8042_data_ops.read(&k, 0, 1), 0x55);
	i8042_command_ops.write(&k, 0, 1, 0xc0);	/* input port */
	assert_int_equal(i8042_data_ops.read(&k, 0, 1) & 0x80, 0x80);
	i8042_command_ops.write(&k, 0, 1, 0xdd);
	assert_int_equal(port92_ops.read(&k, 0, 1), 0);
	i8042_command_ops.write(&k, 0, 1, 0xdf);
	assert_int_equal(port92_ops.read(&k, 0, 1), 2);
	i8042_command_ops.write(&k, 0, 1, 0x21);	/* its memory: zeroes */
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 1, 1);
	assert_int_equal(i8042_data_ops.read(&k, 0, 1), 0);
}

static void test_port92_and_cf9(void **state)
{
	struct i8042 k = new_i8042();

	(void)state;
	assert_int_equal(port92_ops.read(&k, 0, 1), 2);
	port92_ops.write(&k, 0, 1, 0);
	assert_int_equal(port92_ops.read(&k, 0, 1), 0);
	port92_ops.write(&k, 0, 1, 3);
	assert_int_equal(resets, 1);
	reset_control_ops.write(&k, 0, 1, 0x02);
	assert_int_equal(resets, 1);
	reset_control_ops.write(&k, 0, 1, 0x06);
	assert_int_equal(resets, 2);
}

static void test_pm_powers_off_only_in_s5(void **state)
{
	struct pm p = { .power_off = on_off };

	(void)state;
	pm_reset(&p);
	assert_int_equal(pm_ops.read(&p, PM1_CNT, 2), 1);	/* SCI_EN */
	pm_ops.write(&p, PM1_CNT, 2, PM_S5_TYPE << 10);
	assert_int_equal(offs, 0);
	pm_ops.write(&p, PM1_CNT, 2, 3 << 10 | 1 << 13);
	assert_int_equal(offs, 0);
	pm_ops.write(&p, PM1_CNT, 2, PM_S5_TYPE << 10 | 1 << 13);
	assert_int_equal(offs, 1);
	pm_ops.write(&p, PM1_CNT, 2, PM_S5_ICH9 << 10 | 1 << 13);
	assert_int_equal(offs, 2);
	assert_int_equal(pm_ops.read(&p, PM1_CNT, 2) & 0x2001, 1);
}

static bool sci;

static void on_sci(void *opaque, unsigned int n, bool level)
{
	(void)opaque, (void)n;
	sci = level;
}

static void test_pm_power_button(void **state)
{
	struct pm p = { .power_off = on_off, .sci.set = on_sci };

	(void)state;
	pm_reset(&p);
	pm_power_button(&p);
	assert_false(sci);			/* not enabled */
	pm_ops.write(&p, PM1_EVT + 2, 2, 0x100);
	assert_true(sci);
	pm_ops.write(&p, PM1_EVT, 2, 0x100);	/* seen */
	assert_false(sci);
}

static void test_pm_timer_counts(void **state)
{
	struct pm p = { .power_off = on_off };
	uint32_t a, b;

	(void)state;
	pm_reset(&p);
	a = (uint32_t)pm_ops.read(&p, PM_TIMER, 4);
	do
		b = (uint32_t)pm_ops.read(&p, PM_TIMER, 4);
	while (b == a);
	assert_in_range(b - a, 1, 3579545);
}

static void test_misc(void **state)
{
	struct misc m = {
		.debug_send = on_send, .panicked = on_panic,
		.debug_exit = on_exit_port,
	};

	(void)state;
	post_ops.write(&m, 0, 1, 0x42);
	assert_int_equal(post_ops.read(&m, 0, 1), 0x42);
	debugcon_ops.write(&m, 0, 1, 'x');
	assert_int_equal(sent, 1);
	assert_int_equal(debugcon_ops.read(&m, 0, 1), 0xe9);
	assert_int_equal(pvpanic_ops.read(&m, 0, 1), 3);
	pvpanic_ops.write(&m, 0, 1, 2);
	assert_int_equal(panics, 0);
	pvpanic_ops.write(&m, 0, 1, 1);
	assert_int_equal(panics, 1);
	debug_exit_ops.write(&m, 0, 4, 0x1234);
	assert_int_equal(exit_value, 0x1234);
}

static void add(struct bus *bus, uint64_t base, uint64_t len,
		unsigned int width, const struct bus_ops *ops, void *dev)
{
	struct bus_range r = {
		.base = base, .len = len, .width = width, .ops = ops,
		.dev = dev,
	};

	assert_int_equal(bus_add(bus, &r), 0);
}

/* What it proves is that the sanitizers stay silent. */
static void test_garbage_to_all_ports(void **state)
{
	struct uart u = { .backend = { .send = on_send } };
	struct i8042 k = new_i8042();
	struct pm p = { .power_off = on_off };
	struct misc m = {
		.debug_send = on_send, .panicked = on_panic,
		.debug_exit = on_exit_port,
	};
	struct bus bus = { 0 };
	uint64_t seed = 1, v;
	unsigned int i;

	(void)state;
	uart_reset(&u);
	pm_reset(&p);
	add(&bus, 0x00, 8, 1, &uart_ops, &u);
	add(&bus, 0x08, 1, 1, &i8042_data_ops, &k);
	add(&bus, 0x09, 1, 1, &i8042_command_ops, &k);
	add(&bus, 0x0a, 1, 1, &port92_ops, &k);
	add(&bus, 0x0b, 1, 1, &reset_control_ops, &k);
	add(&bus, 0x0c, 1, 1, &post_ops, &m);
	add(&bus, 0x0d, 1, 1, &debugcon_ops, &m);
	add(&bus, 0x0e, 1, 1, &pvpanic_ops, &m);
	add(&bus, 0x80, PM_PORTS, 4, &pm_ops, &p);
	add(&bus, 0x20, 4, 4, &debug_exit_ops, &m);
	for (i = 0; i < 1000000; i++) {
		uint64_t r = test_random(&seed);
		unsigned int size = 1u << (r & 3);

		if (r & 4)
			bus_write(&bus, r >> 3 & 0xff, size, r >> 11);
		else
			bus_read(&bus, r >> 3 & 0xff, size, &v);
	}
	assert_true(resets && offs && panics && exits && sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_i8042_resets_by_pulse, setup),
		cmocka_unit_test_setup(test_i8042_answers, setup),
		cmocka_unit_test_setup(test_i8042_status_and_ports, setup),
		cmocka_unit_test_setup(test_port92_and_cf9, setup),
		cmocka_unit_test_setup(test_pm_powers_off_only_in_s5, setup),
		cmocka_unit_test_setup(test_pm_power_button, setup),
		cmocka_unit_test_setup(test_pm_timer_counts, setup),
		cmocka_unit_test_setup(test_misc, setup),
		cmocka_unit_test_setup(test_garbage_to_all_ports, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
