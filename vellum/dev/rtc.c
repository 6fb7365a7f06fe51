/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "rtc.h"

enum {
	RTC_SECONDS = 0, RTC_SECONDS_ALARM = 1,
	RTC_MINUTES = 2, RTC_MINUTES_ALARM = 3,
	RTC_HOURS = 4, RTC_HOURS_ALARM = 5,
	RTC_WEEKDAY = 6, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9,
	RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_D = 13,
	CMOS_BASE_LOW = 0x15, CMOS_BASE_HIGH = 0x16,
	CMOS_EXT_LOW = 0x17, CMOS_EXT_HIGH = 0x18,
	CMOS_EXT2_LOW = 0x30, CMOS_EXT2_HIGH = 0x31,
	CMOS_ABOVE_16M_LOW = 0x34, CMOS_ABOVE_16M_HIGH = 0x35,
	CMOS_ABOVE_4G = 0x5b,	/* three bytes, in units of 64 KiB */
};

#define A_UIP		0x80u
#define A_RATE		0x0fu
#define A_DIVIDER	0x70u
#define A_DIVIDER_RUN	0x20u	/* 32768 Hz crystal, counting */

#define B_SET		0x80u
#define B_PIE		0x40u
#define B_AIE		0x20u
#define B_UIE		0x10u
#define B_BINARY	0x04u
#define B_24H		0x02u

#define C_IRQF		0x80u
#define C_PF		0x40u
#define C_AF		0x20u
#define C_UF		0x10u

#define D_VALID		0x80u
#define HOUR_PM		0x80u
#define ALARM_ANY	0xc0u	/* both top bits set: matches every value */

#define NS_PER_S	1000000000ull
#define CRYSTAL_HZ	32768ull
/* Data sheet: UIP rises t(BUC) before the update and stays for its t(UC). */
#define UIP_NS		(244000ull + 1984000ull)

static uint64_t host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(const struct rtc *r)
{
	return r->now ? r->now() : host_now();
}

static uint8_t encode(const struct rtc *r, int v)
{
	if (r->ram[RTC_B] & B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 << 4 | v % 10);
}

static int decode(const struct rtc *r, uint8_t v)
{
	return r->ram[RTC_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, int h)
{
	if (r->ram[RTC_B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->ram[RTC_B] & B_24H)
		return decode(r, v);
	return decode(r, v & (uint8_t)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* The guest's calendar, in seconds since 1970. */
static time_t guest_seconds(const struct rtc *r)
{
	return (time_t)((int64_t)(now_ns(r) / NS_PER_S) + r->offset_s);
}

static void put_time(struct rtc *r, time_t t)
{
	struct tm tm;
	int year;

	if (!gmtime_r(&t, &tm))
		return;
	/* Four digits is what there is; a guest may set any nonsense. */
	year = (tm.tm_year % 10000 + 11900) % 10000;
	r->ram[RTC_SECONDS] = encode(r, tm.tm_sec);
	r->ram[RTC_MINUTES] = encode(r, tm.tm_min);
	r->ram[RTC_HOURS] = encode_hour(r, tm.tm_hour);
	r->ram[RTC_WEEKDAY] = encode(r, tm.tm_wday + 1);
	r->ram[RTC_DAY] = encode(r, tm.tm_mday);
	r->ram[RTC_MONTH] = encode(r, tm.tm_mon + 1);
	r->ram[RTC_YEAR] = encode(r, year % 100);
	r->ram[RTC_CENTURY] = encode(r, year / 100);
}

static time_t get_time(const struct rtc *r)
{
	struct tm tm = {
		.tm_sec = decode(r, r->ram[RTC_SECONDS]),
		.tm_min = decode(r, r->ram[RTC_MINUTES]),
		.tm_hour = decode_hour(r, r->ram[RTC_HOURS]),
		.tm_mday = decode(r, r->ram[RTC_DAY]),
		.tm_mon = decode(r, r->ram[RTC_MONTH]) - 1,
		.tm_year = decode(r, r->ram[RTC_CENTURY]) * 100 +
			   decode(r, r->ram[RTC_YEAR]) - 1900,
	};

	return timegm(&tm);
}

static void update_irq(struct rtc *r)
{
	uint8_t b = r->ram[RTC_B], c = r->ram[RTC_C];
	/* Enables and flags sit at the same places in B and C. */
	bool pending = b & c & (C_PF | C_AF | C_UF);

	r->ram[RTC_C] = pending ? c | C_IRQF : c & (uint8_t)~C_IRQF;
	irq_set(&r->irq, pending && !r->cut);
}

void rtc_cut(struct rtc *r, bool cut)
{
	r->cut = cut;
	update_irq(r);
}

static uint64_t period_ns(const struct rtc *r)
{
	unsigned int rate = r->ram[RTC_A] & A_RATE;

	if (!rate || (r->ram[RTC_A] & A_DIVIDER) != A_DIVIDER_RUN)
		return 0;
	if (rate < 3)
		rate += 7;	/* data sheet: 1 and 2 repeat 8 and 9 */
	return NS_PER_S * (1ull << (rate - 1)) / CRYSTAL_HZ;
}

/* PF for those who poll follows from the time: have periods ended since? */
static bool period_ended(struct rtc *r)
{
	uint64_t period = period_ns(r), now, was = r->polled_period;

	if (!period)
		return false;
	now = now_ns(r) / period;
	r->polled_period = now;
	return now != was;
}

static bool alarm_hits(uint8_t alarm, uint8_t now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

#define DAY	86400

/* Has the alarm's time come in the @n seconds that end with @now? */
static bool alarm_passed(const struct rtc *r, int64_t now, int64_t n)
{
	int today = (int)((now % DAY + DAY) % DAY), h, m, s;

	for (h = 0; h < 24; h++) {
		if (!alarm_hits(r->ram[RTC_HOURS_ALARM], encode_hour(r, h)))
			continue;
		for (m = 0; m < 60; m++) {
			if (!alarm_hits(r->ram[RTC_MINUTES_ALARM], encode(r, m)))
				continue;
			for (s = 0; s < 60; s++) {
				int ago = today - (h * 60 + m) * 60 - s;

				if (alarm_hits(r->ram[RTC_SECONDS_ALARM],
					       encode(r, s)) &&
				    (ago + DAY) % DAY < n)
					return true;
			}
		}
	}
	return false;
}

/* For those who poll, UF and AF follow from the time that has passed. */
static void catch_up(struct rtc *r)
{
	int64_t now = guest_seconds(r);

	if (now != r->polled && !(r->ram[RTC_B] & B_SET)) {
		r->ram[RTC_C] |= C_UF;
		if (now > r->polled && alarm_passed(r, now, now - r->polled))
			r->ram[RTC_C] |= C_AF;
	}
	r->polled = now;
}

static void second_passed(struct rtc *r)
{
	put_time(r, guest_seconds(r));
	r->ram[RTC_C] |= C_UF;
	if (alarm_hits(r->ram[RTC_SECONDS_ALARM], r->ram[RTC_SECONDS]) &&
	    alarm_hits(r->ram[RTC_MINUTES_ALARM], r->ram[RTC_MINUTES]) &&
	    alarm_hits(r->ram[RTC_HOURS_ALARM], r->ram[RTC_HOURS]))
		r->ram[RTC_C] |= C_AF;
}

/*
 * Sets the timer for whatever the guest wants to hear of.  Unless an interrupt
 * is enabled nothing is due, and the host is left to sleep.
 */
static void schedule(struct rtc *r)
{
	uint64_t period = period_ns(r), mono = ev_now(), first = EV_NEVER;

	if (!period || !(r->ram[RTC_B] & B_PIE))
		r->next_periodic = EV_NEVER;
	else if (r->next_periodic == EV_NEVER)
		r->next_periodic = mono + period;

	if (!(r->ram[RTC_B] & (B_AIE | B_UIE)) || (r->ram[RTC_B] & B_SET))
		r->next_second = EV_NEVER;
	else if (r->next_second == EV_NEVER)
		r->next_second = mono + NS_PER_S - now_ns(r) % NS_PER_S;

	if (r->next_periodic < first)
		first = r->next_periodic;
	if (r->next_second < first)
		first = r->next_second;
	ev_timer_set(&r->timer, first);
}

/* Missed periods are not made up for, but those to come keep their beat. */
static void period_fired(struct rtc *r, uint64_t mono)
{
	uint64_t period = period_ns(r);

	r->ram[RTC_C] |= C_PF;
	if (period)
		r->next_periodic += ((mono - r->next_periodic) / period + 1) *
				    period;
	else
		r->next_periodic = EV_NEVER;
}

static void fire(void *opaque)
{
	struct rtc *r = opaque;
	uint64_t mono = ev_now();

	if (r->next_periodic <= mono)
		period_fired(r, mono);
	if (r->next_second <= mono) {
		second_passed(r);
		r->next_second = EV_NEVER;
	}
	schedule(r);
	update_irq(r);
}

static uint8_t read_a(const struct rtc *r)
{
	uint64_t in_second = now_ns(r) % NS_PER_S;

	if (!(r->ram[RTC_B] & B_SET) && in_second >= NS_PER_S - UIP_NS)
		return r->ram[RTC_A] | A_UIP;
	return r->ram[RTC_A];
}

/* Reading clears it. */
static uint8_t read_c(struct rtc *r)
{
	uint8_t v;

	catch_up(r);
	if (period_ended(r) && !(r->ram[RTC_B] & B_PIE))
		r->ram[RTC_C] |= C_PF;
	update_irq(r);
	v = r->ram[RTC_C];
	r->ram[RTC_C] = 0;
	return v;
}

static uint8_t read_byte(struct rtc *r, uint8_t i)
{
	switch (i) {
	case RTC_A:
		return read_a(r);
	case RTC_C:
		return read_c(r);
	case RTC_D:
		return D_VALID;
	case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS:
	case RTC_WEEKDAY: case RTC_DAY: case RTC_MONTH: case RTC_YEAR:
	case RTC_CENTURY:
		if (!(r->ram[RTC_B] & B_SET))
			put_time(r, guest_seconds(r));
		return r->ram[i];
	default:
		return r->ram[i];
	}
}

static void set_clock(struct rtc *r)
{
	r->offset_s = (int64_t)get_time(r) -
		      (int64_t)(now_ns(r) / NS_PER_S);
	r->polled = guest_seconds(r);	/* a jump is no time that passes */
}

static void write_b(struct rtc *r, uint8_t v)
{
	bool was_set = r->ram[RTC_B] & B_SET;

	/* Stopped: the bytes stay as they are and can be written. */
	if (!was_set && (v & B_SET)) {
		catch_up(r);
		put_time(r, guest_seconds(r));
	}
	if (v & B_SET)
		v &= (uint8_t)~B_UIE;
	if (was_set && !(v & B_SET))
		set_clock(r);	/* in the format in which it was written */
	r->ram[RTC_B] = v;
}

static void write_byte(struct rtc *r, uint8_t i, uint8_t v)
{
	switch (i) {
	case RTC_A:
		r->ram[RTC_A] = v & (uint8_t)~A_UIP;
		r->next_periodic = EV_NEVER;
		(void)period_ended(r);
		break;
	case RTC_B:
		write_b(r, v);
		break;
	case RTC_C: case RTC_D:
		return;		/* read-only */
	case RTC_SECONDS_ALARM: case RTC_MINUTES_ALARM: case RTC_HOURS_ALARM:
		catch_up(r);	/* by the alarm that was */
		r->ram[i] = v;
		break;
	case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS:
	case RTC_WEEKDAY: case RTC_DAY: case RTC_MONTH: case RTC_YEAR:
	case RTC_CENTURY:
		if (r->ram[RTC_B] & B_SET) {
			r->ram[i] = v;
			break;
		}
		catch_up(r);
		put_time(r, guest_seconds(r));
		r->ram[i] = v;
		set_clock(r);
		break;
	default:
		r->ram[i] = v;
		break;
	}
	schedule(r);
}

static uint64_t rtc_read(void *dev, uint64_t offset, unsigned int size)
{
	struct rtc *r = dev;
	uint8_t v;

	(void)size;
	if (offset == 0)
		return 0xff;	/* the index can't be read back */
	v = read_byte(r, r->index);
	update_irq(r);
	return v;
}

static void rtc_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct rtc *r = dev;

	(void)size;
	if (offset == 0) {
		/* Bit 7 masks NMIs on a PC; no device here raises one. */
		r->index = value & 0x7f;
		return;
	}
	write_byte(r, r->index, (uint8_t)value);
	update_irq(r);
}

const struct bus_ops rtc_ops = { .read = rtc_read, .write = rtc_write };

static uint64_t clamp(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

static void put16(struct rtc *r, uint8_t at, uint64_t v)
{
	r->ram[at] = (uint8_t)v;
	r->ram[at + 1] = (uint8_t)(v >> 8);
}

int rtc_init(struct rtc *r, struct evloop *loop)
{
	return ev_timer_init(loop, &r->timer, fire, r);
}

void rtc_fini(struct rtc *r)
{
	ev_timer_fini(&r->timer);
}

void rtc_reset(struct rtc *r, uint64_t low, uint64_t high)
{
	const uint64_t kib = 1024, mib = 1024 * kib;
	uint64_t above_1m = low > mib ? (low - mib) / kib : 0;
	uint64_t above_16m = low > 16 * mib ? (low - 16 * mib) / (64 * kib) : 0;

	memset(r->ram, 0, sizeof(r->ram));
	r->index = 0;
	r->ram[RTC_A] = A_DIVIDER_RUN | 6;	/* 1024 Hz, as firmware sets */
	r->ram[RTC_B] = B_24H;
	r->next_periodic = r->next_second = EV_NEVER;
	put16(r, CMOS_BASE_LOW, 640);
	put16(r, CMOS_EXT_LOW, clamp(above_1m, 0xffff));
	put16(r, CMOS_EXT2_LOW, clamp(above_1m, 0xffff));
	put16(r, CMOS_ABOVE_16M_LOW, clamp(above_16m, 0xffff));
	high = clamp(high / (64 * kib), 0xffffff);
	put16(r, CMOS_ABOVE_4G, high);
	r->ram[CMOS_ABOVE_4G + 2] = (uint8_t)(high >> 16);
	put_time(r, guest_seconds(r));
	r->polled = guest_seconds(r);
	schedule(r);
	update_irq(r);
}

void rtc_keep(const struct rtc *r, struct rtc_battery *b)
{
	b->charged = true;
	b->offset_s = r->offset_s;
	memcpy(b->ram, r->ram, sizeof(b->ram));
}

/* Registers, and what follows from the clock and from the memory there is. */
static bool is_own(unsigned int i)
{
	switch (i) {
	case RTC_SECONDS_ALARM: case RTC_MINUTES_ALARM: case RTC_HOURS_ALARM:
		return false;
	case CMOS_BASE_LOW: case CMOS_BASE_HIGH:
	case CMOS_EXT_LOW: case CMOS_EXT_HIGH:
	case CMOS_EXT2_LOW: case CMOS_EXT2_HIGH: case RTC_CENTURY:
	case CMOS_ABOVE_16M_LOW: case CMOS_ABOVE_16M_HIGH:
	case CMOS_ABOVE_4G: case CMOS_ABOVE_4G + 1: case CMOS_ABOVE_4G + 2:
		return true;
	default:
		return i <= RTC_D;
	}
}

void rtc_recall(struct rtc *r, const struct rtc_battery *b)
{
	unsigned int i;

	if (!b->charged)
		return;
	for (i = 0; i < RTC_RAM; i++)
		if (!is_own(i))
			r->ram[i] = b->ram[i];
	/* RESET# clears the interrupts' enables; formats are as they were. */
	r->ram[RTC_A] = b->ram[RTC_A];
	r->ram[RTC_B] = b->ram[RTC_B] & (B_BINARY | B_24H);
	r->offset_s = b->offset_s;
	put_time(r, guest_seconds(r));
	r->polled = guest_seconds(r);
}
