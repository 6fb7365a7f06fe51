/* SPDX-License-Identifier: MIT */
/* The local APIC's timer against a clock that the test owns. SDM3 "APIC Timer". */
#include "fixture.h"

#define V	0xec
#define MS	1000000ull

static int one(void **state)
{
	(void)state;
	machine_up(1, true, false);
	sim.tsc_khz = 3000000;
	wr(0, APIC_TDCR, 0xb);	/* by 1: a tick is 1 ns */
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

/* Takes the timer's interrupt if there is one. */
static bool fired(void)
{
	int v = take_interrupt(0);

	if (v < 0)
		return false;
	assert_int_equal(v, V);
	send_eoi(0);
	return true;
}

static void test_one_shot(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000000);
	assert_int_equal(rd(0, APIC_TMCCT), 1000000);
	sim_advance(400000);
	assert_int_equal(rd(0, APIC_TMCCT), 600000);
	assert_false(fired());
	sim_advance(599999);
	assert_int_equal(rd(0, APIC_TMCCT), 1);
	assert_false(fired());
	assert_int_equal(m.kicked_for[0] & REQ_TIMER, 0);
	sim_advance(1);
	assert_true(m.kicked_for[0] & REQ_TIMER);
	assert_true(fired());
	assert_int_equal(rd(0, APIC_TMCCT), 0);
	assert_int_equal(rd(0, APIC_TMICT), 1000000);
	sim_advance(100 * MS);
	assert_false(fired());
	assert_int_equal(sim.timers_armed, 0);
}

static void test_every_divide(void **state)
{
	static const struct { u32 code; unsigned by; } t[] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};
	unsigned i;

	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	for (i = 0; i < COUNT_OF(t); i++) {
		wr(0, APIC_TDCR, t[i].code);
		wr(0, APIC_TMICT, 10000);
		sim_advance(10000ull * t[i].by - 1);
		assert_int_equal(rd(0, APIC_TMCCT), 1);
		assert_false(fired());
		sim_advance(1);
		assert_true(fired());
	}
}

static void test_divide_changes_while_counting(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000);
	sim_advance(400);
	wr(0, APIC_TDCR, 0x3);		/* by 16 */
	assert_int_equal(rd(0, APIC_TMCCT), 600);
	sim_advance(600 * 16 - 1);
	assert_false(fired());
	sim_advance(1);
	assert_true(fired());
}

static void test_largest_count(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TDCR, 0xa);
	wr(0, APIC_TMICT, 0xffffffff);
	sim_advance(0xffffffffull * 128 - 1);
	assert_int_equal(rd(0, APIC_TMCCT), 1);
	assert_false(fired());
	sim_advance(1);
	assert_true(fired());
}

static void test_zero_stops(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000);
	wr(0, APIC_TMICT, 0);
	assert_int_equal(rd(0, APIC_TMCCT), 0);
	assert_int_equal(sim.timers_armed, 0);
	sim_advance(MS);
	assert_false(fired());
}

/* 20000 periods of 1.000003 ms, callbacks late by anything: not 1 ns of drift. */
static void test_periodic_does_not_drift(void **state)
{
	u64 start = sim.now_ns, period = 1000003, i;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_PERIODIC | V);
	wr(0, APIC_TMICT, (u32)period);
	for (i = 1; i <= 20000; i++) {
		u64 due = start + i * period;

		assert_int_equal(sim_next_timer(), due);
		sim_advance(due - sim.now_ns - 1);
		assert_false(fired());
		sim_advance_late(1 + rng() % (period - 2));
		assert_true(fired());
		assert_false(fired());
	}
}

/* Whole periods that nobody saw are one interrupt, and the phase is kept. */
static void test_periodic_after_a_long_sleep(void **state)
{
	u64 start = sim.now_ns;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_PERIODIC | V);
	wr(0, APIC_TMICT, 1000000);
	sim_advance_late(50 * MS + 1234);
	assert_int_equal(sim.timer_calls, 1);
	assert_true(fired());
	assert_false(fired());
	assert_int_equal(sim_next_timer(), start + 51 * MS);
	assert_int_equal(rd(0, APIC_TMCCT), MS - 1234);
}

/* 10 ms of the smallest period: no more than one callback per 200 us. */
static void test_tiny_period_is_clamped(void **state)
{
	u32 count;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_PERIODIC | V);
	for (count = 1; count < TIMER_PERIOD_MIN_NS; count *= 7) {
		sim.timer_calls = 0;
		wr(0, APIC_TMICT, count);
		sim_advance(10 * MS);
		assert_in_range(sim.timer_calls, 40, 51);
		assert_true(rd(0, APIC_TMCCT) <= count);
		assert_true(fired());
	}
}

static void test_masked_timer_counts_silently(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_MASKED | V);
	wr(0, APIC_TMICT, 1000);
	sim_advance(500);
	assert_int_equal(rd(0, APIC_TMCCT), 500);
	sim_advance(500);
	assert_int_equal(m.kicks[0], 0);
	wr(0, APIC_LVT_TIMER, V);
	assert_false(fired());
}

/* An expiry that precedes a change of the entry uses the entry as it was. */
static void test_expiry_comes_before_a_later_write(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000);
	sim_advance(1000);		/* fired, the owner has not looked */
	wr(0, APIC_LVT_TIMER, 0x33);
	assert_int_equal(take_interrupt(0), V);
	send_eoi(0);
	wr(0, APIC_TMICT, 1000);
	sim_advance(1000);
	wr(0, APIC_LVT_TIMER, LVT_MASKED | 0x33);
	assert_int_equal(take_interrupt(0), 0x33);
	send_eoi(0);
	wr(0, APIC_LVT_TIMER, 0x33);
	wr(0, APIC_TMICT, 1000);
	sim_advance(1000);
	wr(0, APIC_TMICT, 0);
	assert_int_equal(take_interrupt(0), 0x33);
}

static void test_one_shot_to_periodic_and_back(void **state)
{
	u64 start = sim.now_ns;

	(void)state;
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000000);
	sim_advance(300000);
	wr(0, APIC_LVT_TIMER, LVT_PERIODIC | V);
	assert_int_equal(rd(0, APIC_TMCCT), 700000);
	sim_advance(700000);
	assert_true(fired());
	assert_int_equal(sim_next_timer(), start + 2 * MS);
	sim_advance(100000);
	wr(0, APIC_LVT_TIMER, V);
	sim_advance(900000);
	assert_true(fired());
	assert_int_equal(sim.timers_armed, 0);
}

static u64 guest_tsc(void)
{
	return sim.tsc + m.vcpu[0].tsc_offset;
}

static void test_deadline(void **state)
{
	struct lapic *l = lapic(0);
	u64 deadline;

	(void)state;
	m.vcpu[0].tsc_offset = -sim.tsc + 12345;	/* guest TSC = 12345 */
	/* Ignored in the other modes. */
	lapic_set_deadline(l, guest_tsc() + 100);
	assert_int_equal(lapic_get_deadline(l), 0);
	assert_int_equal(sim.timers_armed, 0);
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	deadline = guest_tsc() + 3000000;		/* 1 ms */
	lapic_set_deadline(l, deadline);
	assert_int_equal(lapic_get_deadline(l), deadline);
	/* The count registers are out of use. */
	wr(0, APIC_TMICT, 5);
	assert_int_equal(rd(0, APIC_TMICT), 0);
	assert_int_equal(rd(0, APIC_TMCCT), 0);
	sim_advance(MS - 1);
	assert_false(fired());
	sim_advance(2);
	assert_true(guest_tsc() >= deadline);
	assert_true(fired());
	assert_int_equal(lapic_get_deadline(l), 0);
	sim_advance(10 * MS);
	assert_false(fired());
}

static void test_deadline_in_the_past(void **state)
{
	struct lapic *l = lapic(0);

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	forget_kicks();
	lapic_set_deadline(l, guest_tsc());
	assert_int_equal(sim.timers_armed, 0);
	assert_true(m.vcpu[0].requests & REQ_EVENT);
	assert_int_equal(lapic_get_deadline(l), 0);
	assert_true(fired());
	lapic_set_deadline(l, 1);
	assert_true(fired());
	lapic_set_deadline(l, 0);	/* disarms */
	assert_false(fired());
}

static void test_deadline_rearm_and_disarm(void **state)
{
	struct lapic *l = lapic(0);

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	lapic_set_deadline(l, guest_tsc() + 3000);
	lapic_set_deadline(l, guest_tsc() + 3000000);
	sim_advance(2000);
	assert_false(fired());
	lapic_set_deadline(l, 0);
	assert_int_equal(sim.timers_armed, 0);
	sim_advance(2 * MS);
	assert_false(fired());
}

/* The host's clock and its TSC disagree by 0.1 %: never early by the TSC. */
static void test_deadline_waits_for_the_tsc(void **state)
{
	u64 deadline = guest_tsc() + 3000000;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	lapic_set_deadline(lapic(0), deadline);
	sim.tsc_khz = 2997000;
	while (!fired())
		sim_advance(100);
	assert_in_range(guest_tsc(), deadline, deadline + 600);
}

static void test_deadline_far_away(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	lapic_set_deadline(lapic(0), ~0ull);
	assert_int_equal(lapic_get_deadline(lapic(0)), ~0ull);
	assert_true(sim_next_timer() > sim.now_ns + 1000000000ull * 3600);
	sim_advance(3600 * 1000 * MS);
	assert_false(fired());
	lapic_set_deadline(lapic(0), 0);
}

static void test_deadline_moves_with_the_tsc(void **state)
{
	u64 deadline = guest_tsc() + 30000000;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	lapic_set_deadline(lapic(0), deadline);
	m.vcpu[0].tsc_offset += 27000000;
	lapic_tsc_changed(lapic(0));
	assert_int_equal(lapic_get_deadline(lapic(0)), deadline);
	sim_advance(MS - 10);
	assert_false(fired());
	sim_advance(20);
	assert_true(fired());
}

/* Without a TSC rate it still comes, at most 1 ms late. */
static void test_deadline_unknown_rate(void **state)
{
	u64 deadline;

	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	deadline = guest_tsc() + 100;
	sim.tsc_khz = 0;
	lapic_set_deadline(lapic(0), deadline);
	sim.tsc += 200;
	sim_advance(MS);
	assert_true(fired());
}

static void test_mode_change_disarms(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	lapic_set_deadline(lapic(0), guest_tsc() + 3000);
	wr(0, APIC_LVT_TIMER, V);
	assert_int_equal(sim.timers_armed, 0);
	wr(0, APIC_TMICT, 1000);
	wr(0, APIC_LVT_TIMER, LVT_DEADLINE | V);
	assert_int_equal(sim.timers_armed, 0);
	assert_int_equal(lapic_get_deadline(lapic(0)), 0);
	sim_advance(MS);
	assert_false(fired());
}

static void test_reset_stops(void **state)
{
	(void)state;
	wr(0, APIC_LVT_TIMER, LVT_PERIODIC | V);
	wr(0, APIC_TMICT, 1000000);
	sim_advance(MS);
	lapic_reset(lapic(0), true);
	assert_int_equal(sim.timers_armed, 0);
	assert_int_equal(take_interrupt(0), -1);
	assert_int_equal(rd(0, APIC_TMICT), 0);
	/* So does turning the APIC off. */
	wr(0, APIC_SVR, SVR_ON);
	wr(0, APIC_LVT_TIMER, V);
	wr(0, APIC_TMICT, 1000000);
	lapic_set_base(lapic(0), 0xfee00100, false);
	assert_int_equal(sim.timers_armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, one, down)
		T(test_one_shot), T(test_every_divide),
		T(test_divide_changes_while_counting), T(test_largest_count),
		T(test_zero_stops), T(test_periodic_does_not_drift),
		T(test_periodic_after_a_long_sleep), T(test_tiny_period_is_clamped),
		T(test_masked_timer_counts_silently),
		T(test_expiry_comes_before_a_later_write),
		T(test_one_shot_to_periodic_and_back), T(test_deadline),
		T(test_deadline_in_the_past), T(test_deadline_rearm_and_disarm),
		T(test_deadline_waits_for_the_tsc), T(test_deadline_far_away),
		T(test_deadline_moves_with_the_tsc), T(test_deadline_unknown_rate),
		T(test_mode_change_disarms), T(test_reset_stops),
	};

	return RUN(tests);
}
