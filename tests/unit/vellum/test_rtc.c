/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "test.h"
#include "vellum/dev/rtc.h"

DEFINE_REPORT

#define NS	1000000000ull

/* 2024-02-29 23:59:58.5 UTC, a Thursday */
static uint64_t the_time;
static bool the_level;

static uint64_t fake_now(void)
{
	return the_time;
}

static void set_irq(void *opaque, unsigned int number, bool level)
{
	(void)opaque;
	assert_int_equal(number, RTC_IRQ);
	the_level = level;
}

struct rig {
	struct rtc r;
	struct evloop loop;
	pthread_mutex_t lock;
};

static int setup(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));
	struct vmm_error e;

	pthread_mutex_init(&g->lock, NULL);
	assert_int_equal(ev_init(&g->loop, &g->lock, &e), 0);
	g->r.now = fake_now;
	g->r.irq = (struct irq_line){ .set = set_irq, .number = RTC_IRQ };
	assert_int_equal(rtc_init(&g->r, &g->loop), 0);
	the_time = 1709251198ull * NS + NS / 2;
	the_level = false;
	rtc_reset(&g->r, 3ull << 30, 5ull << 30);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct rig *g = *state;

	rtc_fini(&g->r);
	ev_fini(&g->loop);
	free(g);
	return 0;
}

static uint8_t rd(struct rig *g, uint8_t i)
{
	rtc_ops.write(&g->r, 0, 1, i);
	return (uint8_t)rtc_ops.read(&g->r, 1, 1);
}

static void wr(struct rig *g, uint8_t i, uint8_t v)
{
	rtc_ops.write(&g->r, 0, 1, i);
	rtc_ops.write(&g->r, 1, 1, v);
}

static void test_bcd_time(void **state)
{
	struct rig *g = *state;

	assert_int_equal(rd(g, 0), 0x58);
	assert_int_equal(rd(g, 2), 0x59);
	assert_int_equal(rd(g, 4), 0x23);
	assert_int_equal(rd(g, 6), 5);
	assert_int_equal(rd(g, 7), 0x29);
	assert_int_equal(rd(g, 8), 0x02);
	assert_int_equal(rd(g, 9), 0x24);
	assert_int_equal(rd(g, RTC_CENTURY), 0x20);
	assert_int_equal(rd(g, 13), 0x80);
	the_time += 2 * NS;
	assert_int_equal(rd(g, 7), 0x01);
	assert_int_equal(rd(g, 8), 0x03);
}

static void test_binary_and_12_hours(void **state)
{
	struct rig *g = *state;

	wr(g, 11, 0x06);
	assert_int_equal(rd(g, 4), 23);
	wr(g, 11, 0x04);
	assert_int_equal(rd(g, 4), 0x80 | 11);
	wr(g, 11, 0x00);
	assert_int_equal(rd(g, 4), 0x91);
	the_time += 2 * NS;		/* midnight is 12 am */
	assert_int_equal(rd(g, 4), 0x12);
}

static void test_update_in_progress(void **state)
{
	struct rig *g = *state;

	assert_int_equal(rd(g, 10) & 0x80, 0);
	/* 244 us of warning, and the update itself */
	the_time = the_time / NS * NS + NS - 2229000;
	assert_int_equal(rd(g, 10) & 0x80, 0);
	the_time += 2000;
	assert_int_equal(rd(g, 10) & 0x80, 0x80);
	assert_int_equal(rd(g, 0), 0x58);
	the_time += 2226000;
	assert_int_equal(rd(g, 10) & 0x80, 0x80);
	the_time += 1000;
	assert_int_equal(rd(g, 10) & 0x80, 0);
	assert_int_equal(rd(g, 0), 0x59);
	the_time += NS - 100000;
	wr(g, 11, 0x82);		/* stopped: no updates */
	assert_int_equal(rd(g, 10) & 0x80, 0);
}

static void test_setting_the_clock(void **state)
{
	struct rig *g = *state;
	static const uint8_t set[][2] = {
		{ 0, 0x10 }, { 2, 0x20 }, { 4, 0x03 }, { 7, 0x31 },
		{ 8, 0x12 }, { 9, 0x99 }, { RTC_CENTURY, 0x19 },
	};
	unsigned int i;

	wr(g, 11, 0x82);
	for (i = 0; i < ARRAY_SIZE(set); i++)
		wr(g, set[i][0], set[i][1]);
	the_time += 100 * NS;		/* it stands still */
	assert_int_equal(rd(g, 0), 0x10);
	wr(g, 11, 0x02);
	for (i = 0; i < ARRAY_SIZE(set); i++)
		assert_int_equal(rd(g, set[i][0]), set[i][1]);
	the_time += 5 * NS;
	assert_int_equal(rd(g, 0), 0x15);
}

static void test_garbage_time_does_no_harm(void **state)
{
	struct rig *g = *state;
	uint64_t seed = 42;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		uint64_t v = test_random(&seed);

		wr(g, (uint8_t)(v & 0x7f), (uint8_t)(v >> 8));
		rd(g, (uint8_t)(v >> 16 & 0x7f));
		the_time += v >> 40;
	}
}

static void test_memory_bytes(void **state)
{
	struct rig *g = *state;

	assert_int_equal(rd(g, 0x15) | rd(g, 0x16) << 8, 640);
	assert_int_equal(rd(g, 0x17) | rd(g, 0x18) << 8, 0xffff);
	assert_int_equal(rd(g, 0x34) | rd(g, 0x35) << 8,
			 (3072 - 16) * 1024 / 64);
	assert_int_equal(rd(g, 0x5b) | rd(g, 0x5c) << 8 | rd(g, 0x5d) << 16,
			 5 * 1024 * 1024 / 64);
}

static void test_update_interrupt_and_c(void **state)
{
	struct rig *g = *state;

	rd(g, 12);
	wr(g, 11, 0x12);		/* UIE */
	assert_true(g->r.timer.deadline != EV_NEVER);
	the_time += NS;
	g->r.next_second = 0;		/* its time has come */
	g->r.timer.fire(g->r.timer.opaque);
	assert_true(the_level);
	assert_int_equal(rd(g, 12) & 0xd0, 0xd0);	/* PF too: periods end as well */
	assert_false(the_level);
	wr(g, 11, 0x02);
	assert_true(g->r.timer.deadline == EV_NEVER);
}

static void test_alarm(void **state)
{
	struct rig *g = *state;

	wr(g, 1, 0x59);			/* second 59 of any minute */
	wr(g, 3, 0xff);
	wr(g, 5, 0xc0);
	wr(g, 11, 0x22);
	g->r.next_second = 0;
	g->r.timer.fire(g->r.timer.opaque);
	assert_false(the_level);	/* :58 still */
	the_time += NS;
	g->r.next_second = 0;
	g->r.timer.fire(g->r.timer.opaque);
	assert_true(the_level);
	assert_int_equal(rd(g, 12) & 0xa0, 0xa0);
}

static void test_periodic(void **state)
{
	struct rig *g = *state;
	uint64_t before = ev_now();

	wr(g, 10, 0x2f);		/* 2 Hz */
	wr(g, 11, 0x42);
	assert_in_range(g->r.timer.deadline - before, NS / 2, NS);
	g->r.next_periodic = 0;
	g->r.timer.fire(g->r.timer.opaque);
	assert_true(the_level);
	assert_int_equal(g->r.next_periodic % (NS / 2), 0);	/* in step */
	assert_int_equal(rd(g, 12) & 0xc0, 0xc0);
	wr(g, 10, 0x20);		/* rate 0: none */
	assert_true(g->r.timer.deadline == EV_NEVER);
}

/* The flag comes with each period, whether or not it interrupts. */
static void test_periodic_flag_can_be_polled(void **state)
{
	struct rig *g = *state;

	wr(g, 10, 0x26);		/* 1024 Hz */
	assert_int_equal(rd(g, 12) & 0x40, 0);
	the_time += NS / 1000;
	assert_int_equal(rd(g, 12) & 0xc0, 0x40);
	assert_int_equal(rd(g, 12) & 0x40, 0);
	the_time += NS / 1000;
	wr(g, 10, 0x20);
	the_time += NS / 1000;
	assert_int_equal(rd(g, 12) & 0x40, 0);
	assert_false(the_level);
	assert_true(g->r.timer.deadline == EV_NEVER);
}

static void test_alarm_flag_can_be_polled(void **state)
{
	struct rig *g = *state;

	wr(g, 1, 0x00);			/* :00 of any minute */
	wr(g, 3, 0xff);
	wr(g, 5, 0xff);
	rd(g, 12);
	the_time += NS;			/* 59 */
	assert_int_equal(rd(g, 12) & 0x30, 0x10);
	the_time += 3 * NS;		/* 00 came between */
	assert_int_equal(rd(g, 12) & 0x30, 0x30);
	assert_int_equal(rd(g, 12) & 0x30, 0);
	assert_false(the_level);
	assert_true(g->r.timer.deadline == EV_NEVER);
	/* What an alarm would have been is not its affair later. */
	the_time += 10 * NS;		/* 00:00:12 */
	wr(g, 1, 0x05);
	assert_int_equal(rd(g, 12) & 0x20, 0);
	/* Once a day, midnight between; and a jump of the clock is no time. */
	wr(g, 1, 0x58);
	wr(g, 3, 0x59);
	wr(g, 5, 0x23);
	rd(g, 12);
	the_time += 86000 * NS;
	assert_int_equal(rd(g, 12) & 0x20, 0);
	the_time += 400 * NS;
	assert_int_equal(rd(g, 12) & 0x20, 0x20);
	the_time += 86400 * NS;
	assert_int_equal(rd(g, 12) & 0x20, 0x20);
	wr(g, 4, 0x22);
	assert_int_equal(rd(g, 12) & 0x20, 0);
}

static void test_line_can_be_cut(void **state)
{
	struct rig *g = *state;

	rtc_cut(&g->r, true);
	wr(g, 11, 0x42);
	g->r.next_periodic = 0;
	g->r.timer.fire(g->r.timer.opaque);
	assert_false(the_level);
	rtc_cut(&g->r, false);
	assert_true(the_level);
	assert_int_equal(rd(g, 12) & 0xc0, 0xc0);
}

static void test_battery(void **state)
{
	struct rig *g = *state;
	struct rtc_battery b = { 0 };

	rtc_recall(&g->r, &b);		/* not charged: nothing */
	assert_int_equal(rd(g, 7), 0x29);
	wr(g, 0x40, 0x5a);
	wr(g, 0x17, 0x77);		/* a memory size */
	wr(g, 3, 0x15);			/* an alarm */
	wr(g, 9, 0x31);			/* the year */
	wr(g, 11, 0x42);		/* PIE, 24 hours */
	rtc_keep(&g->r, &b);
	rtc_reset(&g->r, 3ull << 30, 5ull << 30);
	rtc_recall(&g->r, &b);
	assert_int_equal(rd(g, 0x40), 0x5a);
	assert_int_equal(rd(g, 0x17), 0xff);
	assert_int_equal(rd(g, 3), 0x15);
	assert_int_equal(rd(g, 9), 0x31);
	assert_int_equal(rd(g, 11), 0x02);
	the_time += 60 * NS;
	assert_int_equal(rd(g, 2), 0x00);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bcd_time), T(test_binary_and_12_hours),
		T(test_update_in_progress), T(test_setting_the_clock),
		T(test_garbage_time_does_no_harm), T(test_memory_bytes),
		T(test_update_interrupt_and_c), T(test_alarm),
		T(test_periodic), T(test_battery),
		T(test_periodic_flag_can_be_polled),
		T(test_alarm_flag_can_be_polled), T(test_line_can_be_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
