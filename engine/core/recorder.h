/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder and the clocks: called once per entry and exit, so every
 * instruction here is paid for by each: 31 for both together. Hence 32-bit times,
 * which last for seconds; what may take longer (user space, halts) is put right where it
 * ends. Readers (other threads) take no lock: a record is complete before trace_at
 * passes it.
 */
#ifndef VELLUM_ENGINE_CORE_RECORDER_H
#define VELLUM_ENGINE_CORE_RECORDER_H

#include "arch/insn.h"
#include "vcpu.h"

_Static_assert(sizeof(struct exit_record) == 32, "trace_at counts bytes");

/* The number of the highest bit set, with no conversion after it; v is not 0. */
static inline u64 highest_bit(u64 v)
{
	u64 n;

	__asm__("bsrq %1, %0" : "=r"(n) : "r"(v) : "cc");
	return n;
}

/* Right before the entry: ends the handling of the exit before. */
static inline void record_entry(struct vcpu *v)
{
	u32 lo, hi;

	rdtsc_split(&lo, &hi);
	v->entry_tsc = lo;
	v->latency[v->exit.reason][highest_bit((lo - v->exit_tsc) | 1)]++;
}

static inline void record_exit(struct vcpu *v)
{
	u64 at = v->trace_at, reason = v->exit.reason;
	struct exit_record *t = (struct exit_record *)((char *)v->trace +
				(at & (TRACE_ENTRIES * sizeof(*t) - 1)));
	u32 lo, hi;

	rdtsc_split(&lo, &hi);
	v->exit_tsc = t->tsc_low = lo;
	t->tsc_high = hi;
	lo -= v->entry_tsc;
	t->guest_ticks = lo;
	v->stats.guest_ticks += lo;
	t->rip = v->exit.rip;
	t->qual = v->exit.qual;
	t->reason = reason;
	t->cpu = v->cpu;
	v->stats.exits[reason]++;
	STORE_RELEASE(&v->trace_at, at + sizeof(*t));
}

/* An exit that took so long that 32 bits can't tell: it shall count as just that. */
static inline void record_long(struct vcpu *v, u64 ticks, u64 now)
{
	if (UNLIKELY(ticks >> 31))
		v->exit_tsc = (u32)now - (u32)BIT(31);
}

/* Between runs the time is the program's. */
static inline void record_run(struct vcpu *v)
{
	u64 now = rdtsc();

	if (UNLIKELY(!v->left_tsc)) {
		v->first_tsc = v->left_tsc = now;
		v->exit_tsc = now;
	}
	v->stats.user_ticks += now - v->left_tsc;
	record_long(v, now - v->left_tsc, now);
}

static inline void record_leave(struct vcpu *v)
{
	v->left_tsc = rdtsc();
	v->stats.user_exits++;
}

/* A halt that began at since is over. */
static inline void record_halt(struct vcpu *v, u64 since)
{
	u64 now = rdtsc();

	v->stats.halted_ticks += now - since;
	record_long(v, now - since, now);
}

#endif
