/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "hpet.h"

#define REG_CAPS		0x000
#define REG_CONFIG		0x010
#define REG_STATUS		0x020
#define REG_COUNTER		0x0f0
#define REG_TIMER		0x100
#define TIMER_STRIDE		0x20
enum { T_CONFIG = 0, T_COMPARATOR = 8, T_MESSAGE = 16 };

#define CONFIG_ENABLE		1u
#define CONFIG_LEGACY		2u
#define PERIOD_FS		10000000ull	/* 10 ns */
#define NS_PER_TICK		10u

#define T_LEVEL			0x0002u
#define T_ENABLE		0x0004u
#define T_PERIODIC		0x0008u
#define T_CAN_PERIODIC		0x0010u
#define T_CAN_64		0x0020u
#define T_SET_VALUE		0x0040u
#define T_32			0x0100u
#define T_ROUTE			0x3e00u
#define T_ROUTE_SHIFT		9
#define T_BY_MESSAGE		0x4000u
#define T_CAN_MESSAGE		0x8000u
#define T_WRITABLE		0x7f4eu
/* IOAPIC pins 16 to 19, which no slot uses. */
#define T_ROUTES		(0x000f0000ull << 32)

/* A guest may ask for a period of nothing; the host can't run that fast. */
#define PERIOD_MIN		1000u	/* ticks: 10 us */

static uint64_t now_ns(const struct hpet *h)
{
	return h->now ? h->now() : ev_now();
}

static bool running(const struct hpet *h)
{
	return h->config & CONFIG_ENABLE;
}

static uint64_t counter(const struct hpet *h)
{
	return running(h) ? (now_ns(h) - h->base) / NS_PER_TICK :
			    h->stopped_at;
}

/*
 * Legacy replacement: whatever timers 0 and 1 say, their interrupts are those of
 * the PIT and of the RTC.
 */
static bool is_legacy(const struct hpet *h, unsigned int i)
{
	return h->config & CONFIG_LEGACY && i < 2;
}

static unsigned int line_of(const struct hpet *h, unsigned int i)
{
	if (is_legacy(h, i))
		return i ? HPET_LEGACY_RTC : HPET_LEGACY_PIT;
	return (h->t[i].config & T_ROUTE) >> T_ROUTE_SHIFT;
}

static bool by_message(const struct hpet *h, unsigned int i)
{
	return h->t[i].config & T_BY_MESSAGE && !is_legacy(h, i);
}

/* How many ticks from @now until the comparator matches, never 0. */
static uint64_t distance(const struct hpet_timer *t, uint64_t now)
{
	uint64_t d = t->comparator - now;

	if (t->config & T_32)
		d &= 0xffffffff;
	return d ? d : t->config & T_32 ? 1ull << 32 : ~0ull;
}

/* An edge that is not enabled goes nowhere: nobody need wake up for it. */
static bool heard(const struct hpet_timer *t)
{
	return t->config & (T_ENABLE | T_LEVEL);
}

static void schedule(struct hpet *h)
{
	uint64_t first = EV_NEVER;
	unsigned int i;

	for (i = 0; i < HPET_TIMERS && running(h); i++) {
		const struct hpet_timer *t = &h->t[i];

		if (!t->armed || !heard(t) ||
		    t->due > (EV_NEVER - h->base) / NS_PER_TICK)
			continue;
		if (h->base + t->due * NS_PER_TICK < first)
			first = h->base + t->due * NS_PER_TICK;
	}
	ev_timer_set(&h->timer, first);
}

static void arm(struct hpet *h, struct hpet_timer *t)
{
	uint64_t now = counter(h), d = distance(t, now);

	t->armed = running(h) && now + d >= now;
	t->due = now + d;
}

/* Lines are shared by timers: level, while any that uses it has its bit. */
static void update_lines(struct hpet *h)
{
	uint32_t lines = 0, changed;
	unsigned int i;

	for (i = 0; i < HPET_TIMERS; i++) {
		uint64_t c = h->t[i].config;

		if (h->status & 1u << i && c & T_ENABLE && c & T_LEVEL &&
		    !by_message(h, i))
			lines |= 1u << line_of(h, i);
	}
	changed = lines ^ h->lines;
	h->lines = lines;
	for (i = 0; i < 32; i++)
		if (changed & 1u << i)
			h->set_gsi(h->opaque, i, lines >> i & 1);
}

static void interrupt(struct hpet *h, unsigned int i)
{
	struct hpet_timer *t = &h->t[i];
	unsigned int gsi = line_of(h, i);

	if (t->config & T_LEVEL)
		h->status |= 1u << i;
	if (!(t->config & T_ENABLE))
		return;
	if (by_message(h, i)) {
		h->message(h->opaque, t->message >> 32, (uint32_t)t->message);
	} else if (t->config & T_LEVEL) {
		update_lines(h);
	} else {
		h->set_gsi(h->opaque, gsi, true);
		h->set_gsi(h->opaque, gsi, false);
	}
}

static void expire(struct hpet *h, unsigned int i, uint64_t now)
{
	struct hpet_timer *t = &h->t[i];
	uint64_t period = t->period > PERIOD_MIN ? t->period : PERIOD_MIN;

	if (!t->armed || t->due > now)
		return;
	t->armed = false;
	if (t->config & T_PERIODIC && t->period) {
		/* Periods that passed unseen are not made up for. */
		t->comparator += ((now - t->due) / period + 1) * period;
		if (t->config & T_32)
			t->comparator &= 0xffffffff;
		arm(h, t);
		if (t->due - now < PERIOD_MIN)
			t->due = now + PERIOD_MIN;
	} else if (t->config & T_32) {
		arm(h, t);	/* after the counter's next wrap */
	}
	interrupt(h, i);
}

static void fire(void *opaque)
{
	struct hpet *h = opaque;
	uint64_t now = counter(h);
	unsigned int i;

	for (i = 0; i < HPET_TIMERS && running(h); i++)
		expire(h, i, now);
	schedule(h);
}

/* What the timers that nobody hears have done meanwhile: comparators move on. */
static void catch_up(struct hpet *h)
{
	uint64_t now = counter(h);
	unsigned int i;

	for (i = 0; i < HPET_TIMERS && running(h); i++)
		if (!heard(&h->t[i]))
			expire(h, i, now);
}

static uint64_t read_timer(const struct hpet_timer *t, unsigned int reg)
{
	switch (reg) {
	case T_CONFIG:
		return t->config | T_CAN_PERIODIC | T_CAN_64 | T_CAN_MESSAGE |
		       T_ROUTES;
	case T_COMPARATOR: return t->comparator;
	case T_MESSAGE: return t->message;
	default: return 0;
	}
}

static uint64_t read_reg(const struct hpet *h, unsigned int reg)
{
	if (reg >= REG_TIMER) {
		unsigned int i = (reg - REG_TIMER) / TIMER_STRIDE;

		return i < HPET_TIMERS ?
		       read_timer(&h->t[i], reg % TIMER_STRIDE) : 0;
	}
	switch (reg) {
	case REG_CAPS: return HPET_ID | PERIOD_FS << 32;
	case REG_CONFIG: return h->config;
	case REG_STATUS: return h->status;
	case REG_COUNTER: return counter(h);
	default: return 0;
	}
}

static uint64_t hpet_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)size;
	if (offset >= REG_TIMER)
		catch_up(dev);
	return read_reg(dev, (unsigned int)offset & ~7u) >> 8 * (offset & 7);
}

static void set_legacy(struct hpet *h, bool on)
{
	if (on != !!(h->config & CONFIG_LEGACY) && h->legacy)
		h->legacy(h->opaque, on);
}

static void set_config(struct hpet *h, uint64_t v)
{
	unsigned int i;

	if (running(h) && !(v & CONFIG_ENABLE))
		h->stopped_at = counter(h);
	else if (!running(h) && v & CONFIG_ENABLE)
		h->base = now_ns(h) - h->stopped_at * NS_PER_TICK;
	set_legacy(h, v & CONFIG_LEGACY);
	h->config = v & (CONFIG_ENABLE | CONFIG_LEGACY);
	update_lines(h);
	for (i = 0; i < HPET_TIMERS; i++)
		arm(h, &h->t[i]);
}

static void set_comparator(struct hpet_timer *t, uint64_t v)
{
	if (t->config & T_32)
		v &= 0xffffffff;
	/* Periodic: the period; the comparator too if it was asked for. */
	if (t->config & T_PERIODIC)
		t->period = v;
	if (!(t->config & T_PERIODIC) || t->config & T_SET_VALUE)
		t->comparator = v;
	t->config &= ~(uint64_t)T_SET_VALUE;
}

static void write_timer(struct hpet *h, unsigned int i, unsigned int reg,
			uint64_t v)
{
	struct hpet_timer *t = &h->t[i];

	switch (reg) {
	case T_CONFIG:
		/* A route that can't be had reads back as another one. */
		if (!(T_ROUTES >> 32 >> ((v & T_ROUTE) >> T_ROUTE_SHIFT) & 1))
			v = (v & ~(uint64_t)T_ROUTE) | 16u << T_ROUTE_SHIFT;
		t->config = v & T_WRITABLE;
		break;
	case T_COMPARATOR:
		set_comparator(t, v);
		break;
	case T_MESSAGE:
		t->message = v;
		return;
	default:
		return;
	}
	arm(h, t);
	update_lines(h);
}

static void write_reg(struct hpet *h, unsigned int reg, uint64_t v)
{
	if (reg >= REG_TIMER) {
		unsigned int i = (reg - REG_TIMER) / TIMER_STRIDE;

		if (i < HPET_TIMERS)
			write_timer(h, i, reg % TIMER_STRIDE, v);
	} else if (reg == REG_CONFIG) {
		set_config(h, v);
	} else if (reg == REG_STATUS) {
		h->status &= ~v;
		update_lines(h);
	} else if (reg == REG_COUNTER && !running(h)) {
		h->stopped_at = v;
	}
	schedule(h);
}

/* A double word merges into its register, save where ones act. */
static void hpet_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct hpet *h = dev;
	unsigned int reg = (unsigned int)offset & ~7u;
	unsigned int shift = 8 * (offset & 7);
	uint64_t mask, old;

	if ((size != 4 && size != 8) || offset % size)
		return;		/* the specification leaves them undefined */
	catch_up(h);
	mask = size == 8 ? ~0ull : 0xffffffffull << shift;
	old = reg == REG_STATUS ? 0 : read_reg(h, reg);
	/* In periodic mode the upper half of the period would be stale. */
	if (reg >= REG_TIMER && reg % TIMER_STRIDE == T_COMPARATOR &&
	    size == 4 && !shift)
		old = 0;
	write_reg(h, reg, (old & ~mask) | (value << shift & mask));
}

const struct bus_ops hpet_ops = { .read = hpet_read, .write = hpet_write };

int hpet_init(struct hpet *h, struct evloop *loop)
{
	return ev_timer_init(loop, &h->timer, fire, h);
}

void hpet_fini(struct hpet *h)
{
	if (h->timer.loop)
		ev_timer_fini(&h->timer);
}

void hpet_reset(struct hpet *h)
{
	set_legacy(h, false);
	h->config = h->status = h->stopped_at = h->base = 0;
	memset(h->t, 0, sizeof(h->t));
	update_lines(h);
}
