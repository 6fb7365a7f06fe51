/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder and the clocks: called once per entry and exit, so every
 * instruction here is paid for by each. Readers (other threads) take no lock: a record
 * is complete before trace_next passes it.
 */
#ifndef VELLUM_ENGINE_CORE_RECORDER_H
#define VELLUM_ENGINE_CORE_RECORDER_H

#include "arch/insn.h"
#include "vcpu.h"

/* Right before the entry: ends the handling of the exit before. */
static inline void record_entry(struct vcpu *v)
{
	u64 now = rdtsc();

	v->entry_tsc = now;
	v->latency[v->exit.reason][63 - __builtin_clzll((now - v->exit_tsc) | 1)]++;
}

static inline void record_exit(struct vcpu *v)
{
	u64 now = rdtsc(), n = v->trace_next, ticks = now - v->entry_tsc;
	struct exit_record *t = &v->trace[n % TRACE_ENTRIES];

	v->exit_tsc = now;
	v->stats.guest_ticks += ticks;
	t->tsc = now;
	t->rip = v->exit.rip;
	t->qual = v->exit.qual;
	t->guest_ticks = ticks;
	t->reason = v->exit.reason;
	t->cpu = v->cpu;
	v->stats.exits[v->exit.reason]++;
	STORE_RELEASE(&v->trace_next, n + 1);
}

/* Between runs the time is the program's. */
static inline void record_run(struct vcpu *v)
{
	u64 now = rdtsc();

	if (UNLIKELY(!v->left_tsc))
		v->first_tsc = v->left_tsc = v->exit_tsc = now;
	v->stats.user_ticks += now - v->left_tsc;
}

static inline void record_leave(struct vcpu *v)
{
	v->left_tsc = rdtsc();
	v->stats.user_exits++;
}

#endif
