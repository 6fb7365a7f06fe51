/* SPDX-License-Identifier: MIT */
/*
 * A host in a plain process, for unit tests: what a test can set up, drive and
 * look at. One thread only, unless a function says otherwise.
 */
#ifndef VELLUM_HOST_SIM_SIM_H
#define VELLUM_HOST_SIM_SIM_H

#include "../../engine/host.h"

#define SIM_CPUS	64
#define SIM_LOG_BYTES	4096

struct sim {
	/* Memory: what is allocated now; the n-th allocation from now fails. */
	size_t blocks, pages;
	size_t fail_alloc;		/* 0: none does, 1: the next, ... */

	/* Time stands still until the test moves it. */
	u64 now_ns;
	u64 tsc, tsc_khz;
	unsigned timers_armed;
	u64 timer_calls;		/* callbacks run */
	bool in_timer;

	/* Context. Functions that sleep fail the test unless all are 0. */
	unsigned locks_held;
	bool irq_off;
	unsigned cpu;			/* host_cpu() */

	/* What the engine asked for. */
	u64 kicks[SIM_CPUS];		/* host_kick_cpu() by CPU */
	u64 kick_alls, wakes, blocks_asked;
	bool work;			/* keeps host_guest_enter() from entering */
	int work_result, block_result;	/* of host_work_do(), host_block() */
	u64 xcr0;
	u64 cr4;
	u64 nmis, tss_lost, guest_enters, guest_exits;

	/* Guest memory is the process's: an hva is an address. */
	u64 guest_start, guest_end;	/* what is mapped */
	bool guest_readonly;
	unsigned page_level;
	size_t pages_held;
	u64 pages_dirtied;

	char log[SIM_LOG_BYTES];	/* all lines, as far as they fit */
	unsigned log_lines;
};

extern struct sim sim;

/* Forgets everything; nothing may be allocated. */
void sim_reset(void);

/*
 * Moves the clock, and the TSC by its rate, and runs the timers that become due in
 * the order of their times, each at its time.
 */
void sim_advance(u64 ns);
/* As sim_advance(), but timers run late: all at the new time, in order. */
void sim_advance_late(u64 ns);
/* When the next timer is due, or ~0. */
u64 sim_next_timer(void);

/* Nothing allocated, held, locked or armed? Prints what is. */
bool sim_clean(void);

/* A broken rule of host.h: prints and aborts. */
void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
