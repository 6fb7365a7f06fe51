/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer (Intel 8254 data sheet) and system control port B (port
 * 0x61). Channel 0 raises GSI 0, channel 1 only counts, channel 2's gate and
 * output are in port 0x61.
 *
 * Every rising edge of OUT 0 is a pulse on GSI 0. The host timer aims at the edges'
 * absolute times, so lateness doesn't add up. Where the guest was too slow to take
 * an interrupt before the next edge, that edge joins a backlog of at most 1000,
 * which is delivered at up to eight times the guest's rate as soon as the guest
 * takes interrupts again: its clock catches up. Edges closer than TIMER_PERIOD_MIN_NS
 * are merged and make no backlog, so that no guest can keep the host busy.
 *
 * Unlike the chip: a count written while a channel runs in mode 3 takes effect after
 * a whole period, not half of one.
 */
#include "chip.h"
#include "lapic.h"
#include "pit_count.h"

#define GSI_TIMER	0
#define SOURCE_PIT	1
#define BACKLOG_MAX	1000
#define NEVER		(~0ull)

#define RW_LSB		1
#define RW_MSB		2
#define RW_WORD		3	/* also: LSB of two is next */
#define RW_WORD_MSB	4	/* MSB of two is next */

#define CTRL_READ_BACK	3	/* channel number of the command */
#define READ_BACK_NO_COUNT BIT(5)
#define READ_BACK_NO_STATUS BIT(4)

#define STATUS_OUT	BIT(7)
#define STATUS_NULL	BIT(6)

#define PORT_B		0x61
#define PORT_B_GATE	BIT(0)
#define PORT_B_SPEAKER	BIT(1)
#define PORT_B_REFRESH	BIT(4)
#define PORT_B_OUT	BIT(5)
#define REFRESH_NS	15085	/* 18 ticks: channel 1's usual count */

/* -- Channel 0's interrupt -------------------------------------------------------------- */

/*
 * Arms for the next edge; catching up: for the backlog if that is sooner. A
 * callback that comes early for what is due then does nothing, so nothing needs to
 * be cancelled under the lock.
 */
static void schedule(struct pit *p, u64 not_before, bool catch_up)
{
	struct pit_channel *ch = &p->ch[0];
	u64 edge = pit_next_edge(ch, p->edges);
	u64 soon = not_before + pit_ns(ch->period) / 8;

	p->due = NEVER;
	if (edge == NEVER || (p->flags & ABI_PIT_HPET_LEGACY))
		return;
	p->due = (u64)ch->s.count_load_time + pit_ns(edge);
	if (catch_up && soon < p->due)
		p->due = soon;
	if (p->due < not_before)
		p->due = not_before;
	host_timer_arm(p->timer, p->due);
}

static void add_backlog(struct pit *p, u64 edges)
{
	edges += p->backlog;
	p->backlog = (u32)(edges < BACKLOG_MAX ? edges : BACKLOG_MAX);
}

static void count_loaded(struct pit *p, struct pit_channel *ch)
{
	if (ch != &p->ch[0])
		return;
	p->edges = 0;
	p->backlog = 0;
	schedule(p, 0, false);
}

/*
 * A rate generator takes a new count when its period ends. Its time now starts
 * with the current period.
 */
static void load_next(struct pit *p, struct pit_channel *ch, u32 count, u64 now)
{
	u64 periods = pit_elapsed(ch, now) / ch->period;

	ch->next = count;
	ch->s.count_load_time += (s64)pit_ns_before(periods * ch->period);
	if (ch == &p->ch[0]) {
		add_backlog(p, periods - p->edges);
		p->edges = 0;
	}
}

static void take_next(struct pit_channel *ch)
{
	ch->s.count = ch->next;
	ch->period = pit_period(ch->next, ch->s.bcd);
	ch->next = 0;
}

/* A count that waited for the end of a period comes into force. */
static void sync(struct pit *p, struct pit_channel *ch, u64 now)
{
	if (!ch->next || (ch->s.mode != 2 && ch->s.mode != 3) ||
	    pit_elapsed(ch, now) < ch->period)
		return;
	ch->s.count_load_time += (s64)pit_ns_before(ch->period);
	take_next(ch);
	if (ch == &p->ch[0]) {
		add_backlog(p, !p->edges);
		p->edges = 0;
	}
}

/* The answer is that of irq_set_gsi(). */
static int pulse(struct irqchip *c, u64 *kick)
{
	int n = route_set_gsi(c, GSI_TIMER, SOURCE_PIT, true, kick);

	route_set_gsi(c, GSI_TIMER, SOURCE_PIT, false, kick);
	return n;
}

static void expire(struct pit *p, u64 now, u64 *kick)
{
	struct pit_channel *ch = &p->ch[0];
	bool taken = false;
	u64 edges;
	int n;

	sync(p, ch, now);
	edges = pit_edges(ch, pit_elapsed(ch, now));
	add_backlog(p, edges - p->edges);
	p->edges = edges;
	if (p->backlog) {
		n = pulse(p->chip, kick);
		taken = n > 0;
		p->backlog -= taken;
		/* Masked: nobody misses anything. */
		if (n < 0 || !p->reinject || pit_ns(ch->period) < TIMER_PERIOD_MIN_NS)
			p->backlog = 0;
	}
	schedule(p, now + TIMER_PERIOD_MIN_NS, taken && p->backlog);
}

static void pit_expire(void *arg)
{
	struct pit *p = arg;
	unsigned long flags = irqchip_lock(p->chip);
	u64 now = host_time_ns();
	u64 kick = 0;

	if (now >= p->due)
		expire(p, now, &kick);
	irqchip_unlock(p->chip, flags, kick);
}

/* -- Writing ------------------------------------------------------------------------------- */

static void load(struct pit *p, struct pit_channel *ch, u16 val, u64 now)
{
	u32 count = val ? val : 0x10000;

	sync(p, ch, now);
	if (ch->s.count && (ch->s.mode == 2 || ch->s.mode == 3) && ch->s.gate) {
		load_next(p, ch, count, now);
		return;
	}
	/* A one-shot that was triggered takes it with its next trigger. */
	if (ch->triggered && (ch->s.mode == 1 || ch->s.mode == 5)) {
		ch->next = count;
		return;
	}
	ch->next = count;
	take_next(ch);
	ch->s.count_load_time = (s64)now;
	ch->stopped_at = 0;
	count_loaded(p, ch);
}

static void write_count(struct pit *p, struct pit_channel *ch, u8 val, u64 now)
{
	switch (ch->s.write_state) {
	case RW_LSB:
		load(p, ch, val, now);
		break;
	case RW_MSB:
		load(p, ch, (u16)(val << 8), now);
		break;
	case RW_WORD:
		ch->s.write_latch = val;
		ch->s.write_state = RW_WORD_MSB;
		break;
	case RW_WORD_MSB:
		ch->s.write_state = RW_WORD;
		load(p, ch, (u16)(ch->s.write_latch | val << 8), now);
		break;
	}
}

static void latch_count(struct pit *p, struct pit_channel *ch, u64 now)
{
	if (ch->s.count_latched)
		return;
	sync(p, ch, now);
	ch->s.latched_count = pit_counter(ch, now);
	ch->s.count_latched = ch->s.rw_mode;
}

static void latch_status(struct pit *p, struct pit_channel *ch, u64 now)
{
	if (ch->s.status_latched)
		return;
	sync(p, ch, now);
	ch->s.status = (u8)((pit_out(ch, now) ? STATUS_OUT : 0) |
			    (!ch->s.count || ch->next ? STATUS_NULL : 0) |
			    ch->s.rw_mode << 4 | ch->s.mode << 1 | ch->s.bcd);
	ch->s.status_latched = 1;
}

static void read_back(struct pit *p, u8 val, u64 now)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (!(val & 2 << i))
			continue;
		if (!(val & READ_BACK_NO_COUNT))
			latch_count(p, &p->ch[i], now);
		if (!(val & READ_BACK_NO_STATUS))
			latch_status(p, &p->ch[i], now);
	}
}

static void write_control(struct pit *p, u8 val, u64 now)
{
	struct pit_channel *ch = &p->ch[(val >> 6) % 3];
	u8 rw = (val >> 4) & 3;

	if (val >> 6 == CTRL_READ_BACK) {
		read_back(p, val, now);
		return;
	}
	if (!rw) {
		latch_count(p, ch, now);
		return;
	}
	ch->s.rw_mode = rw;
	ch->s.read_state = rw;
	ch->s.write_state = rw;
	ch->s.mode = (val >> 1) & 7;
	if (ch->s.mode > 5)
		ch->s.mode -= 4;
	ch->s.bcd = val & 1;
	ch->s.count_latched = 0;
	ch->s.status_latched = 0;
	/* Counting starts with the count. */
	ch->s.count = 0;
	ch->next = 0;
	ch->triggered = false;
	ch->stopped_at = 0;
	count_loaded(p, ch);
}

static void set_gate(struct pit *p, struct pit_channel *ch, bool gate, u64 now)
{
	if (gate == !!ch->s.gate)
		return;
	sync(p, ch, now);
	if (!gate) {
		ch->stopped_at = pit_elapsed(ch, now);
		ch->s.gate = 0;
		return;
	}
	ch->s.gate = 1;
	if (ch->s.mode == 0 || ch->s.mode == 4) {
		/* Goes on where it was held. */
		ch->s.count_load_time = (s64)(now - pit_ns(ch->stopped_at));
		return;
	}
	/* The others start anew, with the count written last. */
	if (ch->next)
		take_next(ch);
	ch->triggered = ch->s.count != 0;
	ch->s.count_load_time = (s64)now;
}

void pit_write(struct pit *p, u16 port, u8 val)
{
	u64 now = host_time_ns();

	switch (port) {
	case PORT_B:
		p->flags &= ~(u32)ABI_PIT_SPEAKER_DATA;
		if (val & PORT_B_SPEAKER)
			p->flags |= ABI_PIT_SPEAKER_DATA;
		set_gate(p, &p->ch[2], val & PORT_B_GATE, now);
		break;
	case 0x43:
		write_control(p, val, now);
		break;
	default:
		write_count(p, &p->ch[port & 3], val, now);
	}
}

/* -- Reading ---------------------------------------------------------------------------------- */

static u8 read_latched(struct pit_channel *ch)
{
	switch (ch->s.count_latched) {
	case RW_WORD:
		ch->s.count_latched = RW_WORD_MSB;
		return (u8)ch->s.latched_count;
	case RW_LSB:
		ch->s.count_latched = 0;
		return (u8)ch->s.latched_count;
	}
	ch->s.count_latched = 0;
	return (u8)(ch->s.latched_count >> 8);
}

static u8 read_count(struct pit *p, struct pit_channel *ch, u64 now)
{
	u16 count;

	if (ch->s.status_latched) {
		ch->s.status_latched = 0;
		return ch->s.status;
	}
	if (ch->s.count_latched)
		return read_latched(ch);
	sync(p, ch, now);
	count = pit_counter(ch, now);
	switch (ch->s.read_state) {
	case RW_LSB:
		return (u8)count;
	case RW_WORD:
		ch->s.read_state = RW_WORD_MSB;
		return (u8)count;
	case RW_WORD_MSB:
		ch->s.read_state = RW_WORD;
		break;
	}
	return (u8)(count >> 8);
}

static u8 read_port_b(struct pit *p, u64 now)
{
	struct pit_channel *ch = &p->ch[2];
	u8 val = 0;

	sync(p, ch, now);
	val |= ch->s.gate ? PORT_B_GATE : 0;
	val |= p->flags & ABI_PIT_SPEAKER_DATA ? PORT_B_SPEAKER : 0;
	val |= now / REFRESH_NS & 1 ? PORT_B_REFRESH : 0;
	val |= pit_out(ch, now) ? PORT_B_OUT : 0;
	return val;
}

u8 pit_read(struct pit *p, u16 port)
{
	u64 now = host_time_ns();

	if (port == PORT_B)
		return read_port_b(p, now);
	if (port == 0x43)	/* write-only: the bus floats */
		return 0xff;
	return read_count(p, &p->ch[port & 3], now);
}

/* -- State -------------------------------------------------------------------------------------- */

int pit_get_state(struct irqchip *c, void *state, size_t n)
{
	struct abi_pit s;
	struct pit *p = c->pit;
	unsigned long flags;
	unsigned i;
	u64 now;

	if (!p)
		return ERR_NXIO;
	if (n < sizeof(s))
		return ERR_INVAL;
	__builtin_memset(&s, 0, sizeof(s));
	flags = irqchip_lock(c);
	now = host_time_ns();
	for (i = 0; i < 3; i++) {
		struct pit_channel *ch = &p->ch[i];

		sync(p, ch, now);
		/* So that a held count can be told from the time alone. */
		if (pit_held(ch))
			ch->s.count_load_time =
				(s64)(now - pit_ns(pit_elapsed(ch, now)));
		s.channels[i] = ch->s;
	}
	s.flags = p->flags;
	irqchip_unlock(c, flags, 0);
	__builtin_memcpy(state, &s, sizeof(s));
	return 0;
}

static u8 rw_state(u8 val, u8 rw_mode)
{
	return rw_mode == RW_WORD && val == RW_WORD_MSB ? RW_WORD_MSB : rw_mode;
}

static void set_channel(struct pit_channel *ch, const struct abi_pit_channel *in,
			bool has_gate, u64 now)
{
	struct abi_pit_channel s = *in;

	s.count = s.count > 0x10000 ? 0x10000 : s.count;
	s.mode &= 7;
	if (s.mode > 5)
		s.mode -= 4;
	s.bcd &= 1;
	s.rw_mode &= 3;
	if (!s.rw_mode)
		s.rw_mode = RW_WORD;
	s.read_state = rw_state(s.read_state, s.rw_mode);
	s.write_state = rw_state(s.write_state, s.rw_mode);
	if (s.count_latched)
		s.count_latched = rw_state(s.count_latched, s.rw_mode);
	s.status_latched = !!s.status_latched;
	s.gate = has_gate ? s.gate & 1 : 1;
	if (s.count_load_time < 0 || (u64)s.count_load_time > now)
		s.count_load_time = (s64)now;
	ch->s = s;
	ch->period = pit_period(s.count, s.bcd);
	ch->next = 0;
	/* The ABI doesn't say whether a one-shot was triggered: a high gate was. */
	ch->triggered = s.count && s.gate && has_gate;
	ch->stopped_at = pit_ticks(now - (u64)s.count_load_time);
}

int pit_set_state(struct irqchip *c, const void *state, size_t n)
{
	struct abi_pit s;
	struct pit *p = c->pit;
	unsigned long flags;
	unsigned i;
	u64 now;

	if (!p)
		return ERR_NXIO;
	if (n < sizeof(s))
		return ERR_INVAL;
	__builtin_memcpy(&s, state, sizeof(s));
	flags = irqchip_lock(c);
	now = host_time_ns();
	p->flags = s.flags & (u32)(ABI_PIT_HPET_LEGACY | ABI_PIT_SPEAKER_DATA);
	for (i = 0; i < 3; i++)
		set_channel(&p->ch[i], &s.channels[i], i == 2, now);
	/* Edges of the time before are not made up for. */
	p->backlog = 0;
	p->edges = pit_edges(&p->ch[0], pit_elapsed(&p->ch[0], now));
	schedule(p, 0, false);
	irqchip_unlock(c, flags, 0);
	return 0;
}

int pit_set_reinject(struct irqchip *c, bool on)
{
	unsigned long flags;

	if (!c->pit)
		return ERR_NXIO;
	flags = irqchip_lock(c);
	c->pit->reinject = on;
	if (!on)
		c->pit->backlog = 0;
	irqchip_unlock(c, flags, 0);
	return 0;
}

int pit_create(struct vm *vm)
{
	struct irqchip *c = vm->irqchip;
	unsigned long flags;
	struct pit *p;
	unsigned i;

	if (!c || c->split)
		return ERR_NXIO;
	if (c->pit)
		return ERR_EXIST;
	p = host_alloc(sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->chip = c;
	p->reinject = true;
	p->due = NEVER;
	p->timer = host_timer_create(pit_expire, p);
	if (!p->timer) {
		host_free(p);
		return ERR_NOMEM;
	}
	for (i = 0; i < 3; i++) {
		p->ch[i].s.mode = 3;
		p->ch[i].s.rw_mode = RW_WORD;
		p->ch[i].s.read_state = RW_WORD;
		p->ch[i].s.write_state = RW_WORD;
		p->ch[i].s.gate = i != 2;
		p->ch[i].period = 65536;
	}
	flags = irqchip_lock(c);
	c->pit = p;
	irqchip_unlock(c, flags, 0);
	return 0;
}

void pit_destroy(struct pit *p)
{
	host_timer_cancel(p->timer);
	host_timer_destroy(p->timer);
	host_free(p);
}
