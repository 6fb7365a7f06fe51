/* SPDX-License-Identifier: MIT */
/* The 8254 and port 0x61 against a clock that the test owns. Intel 8254 data sheet. */
#include "../../../engine/irq/pit_count.h"
#include "fixture.h"

#define MS	1000000ull

static int up(void **state)
{
	(void)state;
	machine_up(1, true, true);
	outb(0x20, 0x11); outb(0x21, 0x30); outb(0x21, 0x04); outb(0x21, 0x01);
	wr(0, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

/* Control word, then the count's low and high byte. */
static void program(unsigned ch, unsigned mode, u16 count)
{
	outb(0x43, (u8)(ch << 6 | 0x30 | mode << 1));
	outb((u16)(0x40 + ch), (u8)count);
	outb((u16)(0x40 + ch), (u8)(count >> 8));
}

static u16 latched(unsigned ch)
{
	u16 lo;

	outb(0x43, (u8)(ch << 6));
	lo = inb((u16)(0x40 + ch));
	return (u16)(lo | inb((u16)(0x40 + ch)) << 8);
}

static u8 status(unsigned ch)
{
	outb(0x43, (u8)(0xe0 | 2 << ch));
	return inb((u16)(0x40 + ch));
}

/* To exactly n ticks after t0. */
static void go(u64 t0, u64 n)
{
	sim_advance(t0 + pit_ns(n) - sim.now_ns);
}

static bool out2(void)
{
	return inb(0x61) & 0x20;
}

static void gate2(bool on)
{
	outb(0x61, on);
}

static bool tick(void)
{
	int v = take_interrupt(0);

	if (v < 0)
		return false;
	assert_int_equal(v, 0x30);
	outb(0x20, 0x20);
	return true;
}

static void test_rate_generator_ticks(void **state)
{
	u64 t0, i;

	(void)state;
	t0 = sim.now_ns;
	program(0, 2, 1193);
	assert_false(tick());
	for (i = 1; i <= 5000; i++) {
		sim_advance(t0 + pit_ns(i * 1193) - sim.now_ns - 1);
		assert_false(tick());
		sim_advance(1);
		assert_true(tick());
		assert_false(tick());
	}
	/* 5000 * 1193 ticks of 1193182 Hz, rounded up to the nanosecond. */
	assert_int_equal(sim.now_ns - t0, 4999237334ull);
}

static void test_late_timers_do_not_drift(void **state)
{
	u64 t0 = sim.now_ns, i;

	(void)state;
	program(0, 3, 11932);
	for (i = 1; i <= 300; i++) {
		u64 due = t0 + pit_ns(i * 11932);

		assert_int_equal(sim_next_timer(), due);
		sim_advance_late(due - sim.now_ns + rng() % 9000000);
		assert_true(tick());
		assert_false(tick());
	}
}

static void test_mode0(void **state)
{
	u64 t0;

	(void)state;
	gate2(true);
	outb(0x43, 0xb0);
	assert_false(out2());
	assert_int_equal(status(2), 0x40 | 0x30);	/* null count */
	outb(0x42, 100);
	outb(0x42, 0);
	t0 = sim.now_ns;
	assert_int_equal(latched(2), 100);
	go(t0, 60);
	assert_int_equal(latched(2), 40);
	assert_false(out2());
	assert_int_equal(status(2), 0x30);
	go(t0, 99);
	assert_false(out2());
	go(t0, 100);
	assert_true(out2());
	assert_int_equal(latched(2), 0);
	assert_int_equal(status(2), 0xb0);
	go(t0, 101);
	assert_int_equal(latched(2), 0xffff);
	assert_true(out2());
	go(t0, 100 + 65536 + 7);
	assert_int_equal(latched(2), 0xfff9);
	/* Its gate holds the count. */
	program(2, 0, 100);
	t0 = sim.now_ns;
	go(t0, 30);
	gate2(false);
	go(t0, 5000);
	assert_int_equal(latched(2), 70);
	assert_false(out2());
	gate2(true);
	t0 = sim.now_ns;
	go(t0, 69);
	assert_false(out2());
	go(t0, 71);
	assert_true(out2());
}

static void test_mode1(void **state)
{
	u64 t0;

	(void)state;
	gate2(false);
	program(2, 1, 50);
	assert_true(out2());
	sim_advance(MS);
	assert_true(out2());		/* waits for its trigger */
	gate2(true);
	t0 = sim.now_ns;
	assert_false(out2());
	go(t0, 49);
	assert_false(out2());
	go(t0, 20 + 20);
	gate2(false);			/* no effect */
	assert_false(out2());
	gate2(true);			/* triggered again: starts over */
	t0 = sim.now_ns;
	go(t0, 49);
	assert_false(out2());
	go(t0, 50);
	assert_true(out2());
	/* A new count is for the next trigger. */
	outb(0x42, 10);
	outb(0x42, 0);
	assert_true(out2());
	gate2(false);
	gate2(true);
	t0 = sim.now_ns;
	go(t0, 9);
	assert_false(out2());
	go(t0, 10);
	assert_true(out2());
}

static void test_mode2(void **state)
{
	u64 t0, n;

	(void)state;
	gate2(true);
	program(2, 2, 5);
	t0 = sim.now_ns;
	for (n = 0; n < 40; n++) {
		go(t0, n);
		assert_int_equal(latched(2), 5 - n % 5);
		assert_int_equal(out2(), n % 5 != 4);
	}
	/* A low gate raises OUT; a rising one starts anew. */
	go(t0, 44);
	assert_false(out2());
	gate2(false);
	assert_true(out2());
	go(t0, 1000);
	gate2(true);
	assert_int_equal(latched(2), 5);
}

static void test_mode3(void **state)
{
	u64 t0, n;

	(void)state;
	gate2(true);
	program(2, 3, 8);
	t0 = sim.now_ns;
	for (n = 0; n < 40; n++) {
		go(t0, n);
		assert_int_equal(out2(), n % 8 < 4);
		assert_int_equal(latched(2), 8 - n % 4 * 2);
	}
	/* Odd: high one tick longer than low. */
	program(2, 3, 5);
	t0 = sim.now_ns;
	for (n = 0; n < 40; n++) {
		go(t0, n);
		assert_int_equal(out2(), n % 5 < 3);
	}
}

static void test_modes_4_and_5(void **state)
{
	u64 t0, n;

	(void)state;
	gate2(true);
	program(2, 4, 10);
	t0 = sim.now_ns;
	for (n = 0; n < 30; n++) {
		go(t0, n);
		assert_int_equal(out2(), n != 10);
	}
	program(2, 5, 10);
	sim_advance(MS);
	assert_true(out2());
	gate2(false);
	gate2(true);
	t0 = sim.now_ns;
	for (n = 0; n < 30; n++) {
		go(t0, n);
		assert_int_equal(out2(), n != 10);
	}
}

/* Modes 6 and 7 are 2 and 3. */
static void test_mode_aliases(void **state)
{
	(void)state;
	program(0, 6, 100);
	assert_int_equal(status(0) & 0x3f, 0x34);
	program(0, 7, 100);
	assert_int_equal(status(0) & 0x3f, 0x36);
}

static void test_one_shot_interrupt(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	program(0, 0, 1000);
	go(t0, 999);
	assert_false(tick());
	go(t0, 1000);
	assert_true(tick());
	go(t0, 200000);
	assert_false(tick());
	assert_int_equal(sim.timers_armed, 0);
	program(0, 4, 1000);
	t0 = sim.now_ns;
	go(t0, 1000);
	assert_false(tick());
	go(t0, 1001);
	assert_true(tick());
	/* Channel 0's gate never rises. */
	program(0, 1, 1000);
	sim_advance(10 * MS);
	program(0, 5, 1000);
	sim_advance(10 * MS);
	assert_false(tick());
}

static void test_bcd(void **state)
{
	u64 t0;

	(void)state;
	gate2(true);
	outb(0x43, 0xb1);		/* mode 0, BCD */
	outb(0x42, 0x34);
	outb(0x42, 0x12);
	t0 = sim.now_ns;
	assert_int_equal(latched(2), 0x1234);
	go(t0, 35);
	assert_int_equal(latched(2), 0x1199);
	go(t0, 1234);
	assert_true(out2());
	assert_int_equal(latched(2), 0);
	go(t0, 1235);
	assert_int_equal(latched(2), 0x9999);
	assert_int_equal(status(2) & 0x3f, 0x31);
	/* 0 stands for 10000. */
	outb(0x43, 0xb1);
	outb(0x42, 0);
	outb(0x42, 0);
	t0 = sim.now_ns;
	go(t0, 1);
	assert_int_equal(latched(2), 0x9999);
	go(t0, 9999);
	assert_false(out2());
	go(t0, 10000);
	assert_true(out2());
}

static void test_count_zero_is_65536(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	program(0, 2, 0);
	go(t0, 1);
	assert_int_equal(latched(0), 0xffff);
	go(t0, 65535);
	assert_false(tick());
	go(t0, 65536);
	assert_true(tick());
}

static void test_access_modes(void **state)
{
	u64 t0;

	(void)state;
	outb(0x43, 0x14);		/* channel 0, LSB only, mode 2 */
	outb(0x40, 0x80);
	t0 = sim.now_ns;
	go(t0, 0x10);
	assert_int_equal(inb(0x40), 0x70);
	assert_int_equal(inb(0x40), 0x70);
	outb(0x43, 0x24);		/* MSB only */
	outb(0x40, 0x80);
	t0 = sim.now_ns;
	go(t0, 0x100);
	assert_int_equal(inb(0x40), 0x7f);
	outb(0x43, 0x00);
	go(t0, 0x1000);
	assert_int_equal(inb(0x40), 0x7f);	/* latched */
	assert_int_equal(inb(0x40), 0x70);
	program(0, 2, 0x8000);
	t0 = sim.now_ns;
	go(t0, 0x123);
	assert_int_equal(inb(0x40), 0xdd);	/* not latched: low, high */
	assert_int_equal(inb(0x40), 0x7e);
	assert_int_equal(inb(0x43), 0xff);
}

static void test_latch_holds_until_read(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	program(0, 2, 0x8000);
	go(t0, 0x100);
	outb(0x43, 0x00);
	go(t0, 0x200);
	outb(0x43, 0x00);		/* ignored: one is held */
	assert_int_equal(inb(0x40), 0x00);
	go(t0, 0x300);
	assert_int_equal(inb(0x40), 0x7f);
	assert_int_equal(latched(0), 0x7d00);
}

static void test_read_back(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	gate2(true);
	program(0, 2, 0x4000);
	program(1, 3, 0x2000);
	program(2, 3, 0x1000);
	go(t0, 0x100);
	outb(0x43, 0xca);		/* status and count of channels 0 and 2 */
	go(t0, 0x180);
	assert_int_equal(inb(0x40), 0xb4);	/* status first */
	assert_int_equal(inb(0x40), 0x00);
	assert_int_equal(inb(0x40), 0x3f);
	assert_int_equal(inb(0x42), 0xb6);
	assert_int_equal(inb(0x42), 0x00);
	assert_int_equal(inb(0x42), 0x0e);
	/* Channel 1 was not latched. */
	assert_int_equal(inb(0x41), 0x00);
	assert_int_equal(inb(0x41), 0x1d);
	outb(0x43, 0xd4);		/* count of channel 1 only */
	assert_int_equal(inb(0x41), 0x00);
	assert_int_equal(inb(0x41), 0x1d);
}

/* A rate generator finishes its period before it takes a new count. */
static void test_new_count_waits_for_the_period(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	program(0, 2, 10000);
	go(t0, 10000);
	assert_true(tick());
	go(t0, 14000);
	outb(0x40, 0xd0);		/* 2000 */
	outb(0x40, 0x07);
	assert_true(status(0) & 0x40);
	assert_int_equal(latched(0), 6000);
	go(t0, 19999);
	assert_false(tick());
	go(t0, 20000);
	assert_true(tick());
	assert_false(status(0) & 0x40);
	go(t0, 21999);
	assert_false(tick());
	go(t0, 22000);
	assert_true(tick());
	go(t0, 24000);
	assert_true(tick());
}

/* Ticks that the guest slept through come afterwards, none is lost. */
static void test_reinjection(void **state)
{
	u64 t0 = sim.now_ns;
	unsigned n = 0;

	(void)state;
	program(0, 2, 11932);			/* 10 ms */
	go(t0, 50 * 11932);
	assert_int_equal(sim.timer_calls, 50);	/* no faster while it sleeps */
	while (sim.now_ns < t0 + 1000 * MS) {
		n += tick();
		sim_advance(MS / 10);
	}
	assert_in_range(n, 99, 100);
	/* Caught up: one per period again. */
	n = 0;
	for (t0 = sim.now_ns; sim.now_ns < t0 + 1000 * MS; sim_advance(MS))
		n += tick();
	assert_in_range(n, 99, 101);
}

static void test_reinjection_is_bounded(void **state)
{
	u64 t0 = sim.now_ns;
	unsigned n = 0;

	(void)state;
	program(0, 2, 1193);
	go(t0, 1193ull * 100000);
	assert_int_equal(m.vm.irqchip->pit->backlog, 1000);
	for (t0 = sim.now_ns; sim.now_ns < t0 + 2000 * MS; sim_advance(MS / 20))
		n += tick();
	assert_in_range(n, 2998, 3002);
}

static void test_reinjection_off(void **state)
{
	u64 t0 = sim.now_ns;
	unsigned n = 0;

	(void)state;
	assert_int_equal(pit_set_reinject(m.vm.irqchip, false), 0);
	program(0, 2, 11932);
	go(t0, 50 * 11932);
	for (t0 = sim.now_ns; sim.now_ns < t0 + 100 * MS; sim_advance(MS / 10))
		n += tick();
	assert_in_range(n, 10, 11);
}

/* Masked everywhere: nothing to make up for. */
static void test_masked_makes_no_backlog(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	outb(0x21, 0xff);
	program(0, 2, 11932);
	go(t0, 50 * 11932);
	assert_int_equal(m.vm.irqchip->pit->backlog, 0);
}

static void test_tiny_count_does_not_storm(void **state)
{
	(void)state;
	program(0, 2, 1);
	sim_advance(10 * MS);
	assert_in_range(sim.timer_calls, 40, 51);
	assert_int_equal(m.vm.irqchip->pit->backlog, 0);
	program(0, 3, 1);
	latched(0);
	status(0);
}

static void test_port_b(void **state)
{
	u8 was;
	unsigned n = 0, i;

	(void)state;
	outb(0x61, 0xff);
	assert_int_equal(inb(0x61) & 0xcf, 0x03);
	outb(0x61, 0x02);
	assert_int_equal(inb(0x61) & 0x03, 0x02);
	/* The refresh bit toggles every 15 us. */
	was = inb(0x61) & 0x10;
	for (i = 0; i < 1000; i++) {
		sim_advance(1000);
		n += (inb(0x61) & 0x10) != was;
		was = inb(0x61) & 0x10;
	}
	assert_in_range(n, 65, 67);
}

/* The way Linux calibrates: channel 2 in mode 0, waiting for OUT. */
static void test_calibration_loop(void **state)
{
	u64 t0;

	(void)state;
	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 59659 & 0xff);
	outb(0x42, 59659 >> 8);
	for (t0 = sim.now_ns; !(inb(0x61) & 0x20);)
		sim_advance(1000);
	assert_in_range(sim.now_ns - t0, 49999000, 50002000);
}

static void test_no_pit_no_ports(void **state)
{
	u32 val;

	(void)state;
	machine_down();
	machine_up(1, true, false);
	assert_false(irqchip_pio(m.vm.irqchip, 0x40, 1, true, &val));
	assert_false(irqchip_pio(m.vm.irqchip, 0x61, 1, true, &val));
	assert_int_equal(pit_set_reinject(m.vm.irqchip, true), ERR_NXIO);
}

/* The timer reaches the I/O APIC at input 2. */
static void test_through_ioapic(void **state)
{
	u64 t0 = sim.now_ns;

	(void)state;
	outb(0x21, 0xff);
	io_redir(2, 0x51);
	program(0, 2, 1193);
	go(t0, 1193);
	assert_int_equal(take_interrupt(0), 0x51);
	send_eoi(0);
	go(t0, 2 * 1193);
	assert_int_equal(take_interrupt(0), 0x51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_rate_generator_ticks), T(test_late_timers_do_not_drift),
		T(test_mode0), T(test_mode1), T(test_mode2), T(test_mode3),
		T(test_modes_4_and_5), T(test_mode_aliases),
		T(test_one_shot_interrupt), T(test_bcd), T(test_count_zero_is_65536),
		T(test_access_modes), T(test_latch_holds_until_read),
		T(test_read_back), T(test_new_count_waits_for_the_period),
		T(test_reinjection), T(test_reinjection_is_bounded),
		T(test_reinjection_off), T(test_masked_makes_no_backlog),
		T(test_tiny_count_does_not_storm), T(test_port_b),
		T(test_calibration_loop), T(test_no_pit_no_ports),
		T(test_through_ioapic),
	};

	return RUN(tests);
}
