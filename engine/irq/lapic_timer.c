/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer: one-shot, periodic, TSC-deadline.
 * SDM3 "APIC Timer". One tick of the undivided count is 1 ns (1 GHz).
 *
 * No lock: the owner changes the timer's fields only while it is not armed
 * (timer_stop() has waited for the callback), the callback only while it is.
 * The callback runs in an interrupt; it notes the expiry and asks the owner to
 * turn it into an interrupt (REQ_TIMER). Before the owner changes anything it
 * does so itself (timer_sync()), since the expiry came first.
 *
 * Expiries of a periodic timer lie at start + n * period in absolute time, so
 * late callbacks don't add up to drift; periods that went by entirely are lost,
 * as they are in hardware while IRR holds the previous one.
 */
#include "lapic.h"

/* No conversion gives a time that overflows: about 146 years from now. */
#define FAR_NS		(1ull << 62)

static unsigned divide(struct lapic *l)
{
	u32 r = lapic_get(l, APIC_TDCR);
	u32 code = (r & 3) | (r & 8) >> 1;	/* 0: by 2 ... 6: by 128, 7: by 1 */

	return code == 7 ? 1 : 2u << code;
}

static bool deadline_mode(struct lapic *l)
{
	return (lapic_get(l, APIC_LVT_TIMER) & LVT_TIMER_MODE) == LVT_DEADLINE;
}

/* Neither overflows nor needs a 128-bit division. */
static u64 tsc_to_ns(u64 ticks)
{
	u64 khz = host_tsc_khz();
	u64 ms;

	if (!khz)
		return 1000000;		/* rate not known: look again in 1 ms */
	ms = ticks / khz;
	if (ms >= FAR_NS / 1000000)
		return FAR_NS;
	return ms * 1000000 + (ticks % khz) * 1000000 / khz + 1;
}

/* -- The callback ---------------------------------------------------------------------- */

static void timer_expire(void *arg)
{
	struct lapic *l = arg;
	u64 period = LOAD(&l->timer_period);
	u64 tsc = LOAD(&l->timer_host_tsc);
	u64 now;

	if (tsc) {
		/* The clock that armed us and the TSC need not agree exactly. */
		now = host_tsc();
		if (now < tsc) {
			host_timer_arm(l->timer, host_time_ns() + tsc_to_ns(tsc - now));
			return;
		}
	}
	STORE_RELEASE(&l->timer_fired, 1);
	if (period) {
		u64 target = LOAD(&l->timer_target) + period;

		now = host_time_ns();
		if (target <= now)
			target += (now - target) / period * period + period;
		STORE(&l->timer_target, target);
		host_timer_arm(l->timer, target);
	} else {
		/* From here on the owner may arm again: touch nothing more. */
		STORE_RELEASE(&l->timer_armed, 0);
	}
	if (!(lapic_get(l, APIC_LVT_TIMER) & LVT_MASKED))
		vcpu_kick(l->v, REQ_TIMER);
}

/* -- The owner's side ------------------------------------------------------------------- */

/* As lapic_lvt_event() for the owner, who need not be kicked. */
static void timer_deliver(struct lapic *l)
{
	u32 lvt = lapic_get(l, APIC_LVT_TIMER);

	if ((lvt & LVT_MASKED) || !lapic_on(l))
		return;
	if (lapic_accept(l, (u8)lvt, false))
		vcpu_request(l->v, REQ_EVENT);
}

static void timer_sync(struct lapic *l)
{
	if (LIKELY(!LOAD_ACQUIRE(&l->timer_fired)))
		return;
	STORE(&l->timer_fired, 0);
	if (deadline_mode(l))
		l->deadline = 0;
	timer_deliver(l);
}

void lapic_timer_expired(struct lapic *l)
{
	timer_sync(l);
}

/* Stops counting; an expiry that came before is delivered. */
static void timer_stop(struct lapic *l)
{
	if (LOAD_ACQUIRE(&l->timer_armed)) {
		host_timer_cancel(l->timer);
		STORE(&l->timer_armed, 0);
	}
	timer_sync(l);
	STORE(&l->timer_target, 0);
	STORE(&l->timer_period, 0);
	STORE(&l->timer_host_tsc, 0);
}

static void timer_arm(struct lapic *l, u64 target)
{
	STORE(&l->timer_target, target);
	STORE_RELEASE(&l->timer_armed, 1);
	host_timer_arm(l->timer, target);
}

/* Length of a whole count of TMICT. */
static u64 full_count_ns(struct lapic *l)
{
	return (u64)lapic_get(l, APIC_TMICT) * divide(l);
}

/* Stopped; starts a count that ends at target. */
static void count_start(struct lapic *l, u64 target)
{
	u64 period = full_count_ns(l);
	u32 lvt = lapic_get(l, APIC_LVT_TIMER);

	if ((lvt & LVT_TIMER_MODE) == LVT_PERIODIC)
		STORE(&l->timer_period, period < TIMER_PERIOD_MIN_NS ?
				       TIMER_PERIOD_MIN_NS : period);
	timer_arm(l, target);
}

void lapic_timer_set_count(struct lapic *l, u32 val)
{
	if (deadline_mode(l))
		return;
	timer_stop(l);
	lapic_set(l, APIC_TMICT, val);
	if (val)
		count_start(l, host_time_ns() + full_count_ns(l));
}

u32 lapic_timer_count(struct lapic *l)
{
	u64 target = LOAD(&l->timer_target);
	u64 period = LOAD(&l->timer_period);
	u64 now, count;

	if (!target || deadline_mode(l))
		return 0;
	now = host_time_ns();
	if (target > now)
		count = target - now;
	else if (period)	/* the callback is late */
		count = period - (now - target) % period;
	else
		return 0;
	count = (count + divide(l) - 1) / divide(l);
	/* A period below the minimum takes longer than it counts. */
	return count > lapic_get(l, APIC_TMICT) ? lapic_get(l, APIC_TMICT) :
						  (u32)count;
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct lapic *l, u32 val)
{
	u32 left = lapic_timer_count(l);

	val &= 0xb;
	if (deadline_mode(l) || !left) {
		lapic_set(l, APIC_TDCR, val);
		return;
	}
	timer_stop(l);
	lapic_set(l, APIC_TDCR, val);
	count_start(l, host_time_ns() + (u64)left * divide(l));
}

/*
 * Changing between TSC-deadline mode and the others disarms; between one-shot
 * and periodic the count goes on and the new mode decides what its end brings.
 */
void lapic_timer_set_lvt(struct lapic *l, u32 val)
{
	u32 old = lapic_get(l, APIC_LVT_TIMER);
	u64 target;

	if ((val & LVT_TIMER_MODE) == LVT_TIMER_MODE)
		val &= ~(u32)LVT_TIMER_MODE;	/* reserved */
	if (LIKELY(!((old ^ val) & LVT_TIMER_MODE))) {
		timer_sync(l);
		lapic_set(l, APIC_LVT_TIMER, val);
		return;
	}
	if (((old ^ val) & LVT_DEADLINE)) {
		timer_stop(l);
		l->deadline = 0;
		lapic_set(l, APIC_TMICT, 0);
		lapic_set(l, APIC_LVT_TIMER, val);
		return;
	}
	if (LOAD_ACQUIRE(&l->timer_armed))
		host_timer_cancel(l->timer);
	target = LOAD_ACQUIRE(&l->timer_armed) ? LOAD(&l->timer_target) : 0;
	timer_stop(l);
	lapic_set(l, APIC_LVT_TIMER, val);
	if (target)
		count_start(l, target);
}

u64 lapic_get_deadline(struct lapic *l)
{
	timer_sync(l);
	return deadline_mode(l) ? l->deadline : 0;
}

void lapic_set_deadline(struct lapic *l, u64 guest_tsc)
{
	u64 now, offset = l->v->tsc_offset;

	if (!deadline_mode(l) || !lapic_on(l))
		return;
	timer_stop(l);
	l->deadline = guest_tsc;
	if (!guest_tsc)
		return;
	now = host_tsc();
	if (guest_tsc <= now + offset) {
		l->deadline = 0;
		timer_deliver(l);
		return;
	}
	/* 0 is "none"; as a host TSC it is in the past, which was ruled out. */
	STORE(&l->timer_host_tsc, guest_tsc - offset ? guest_tsc - offset : 1);
	timer_arm(l, host_time_ns() + tsc_to_ns(guest_tsc - (now + offset)));
}

void lapic_tsc_changed(struct lapic *l)
{
	u64 deadline = lapic_get_deadline(l);

	if (deadline)
		lapic_set_deadline(l, deadline);
}

void lapic_timer_reset(struct lapic *l)
{
	lapic_set(l, APIC_LVT_TIMER, LVT_MASKED);
	timer_stop(l);
	l->deadline = 0;
	lapic_set(l, APIC_TMICT, 0);
	lapic_set(l, APIC_TDCR, 0);
}

void lapic_timer_restore(struct lapic *l, u32 count)
{
	u32 full = lapic_get(l, APIC_TMICT);
	bool periodic = (lapic_get(l, APIC_LVT_TIMER) & LVT_TIMER_MODE) == LVT_PERIODIC;

	timer_stop(l);
	l->deadline = 0;
	if (!full || deadline_mode(l))
		return;
	if (count > full || (!count && periodic))
		count = full;
	if (count)
		count_start(l, host_time_ns() + (u64)count * divide(l));
}

int lapic_timer_create(struct lapic *l)
{
	l->timer = host_timer_create(timer_expire, l);
	return l->timer ? 0 : ERR_NOMEM;
}

void lapic_timer_destroy(struct lapic *l)
{
	if (!l->timer)
		return;
	host_timer_cancel(l->timer);
	host_timer_destroy(l->timer);
}
