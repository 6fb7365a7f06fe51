/* SPDX-License-Identifier: MIT */
/*
 * The counting of one 8254 channel, as arithmetic over time: given when its count
 * was loaded, what do its counter and its output show now? No locks, no effects.
 */
#ifndef VELLUM_ENGINE_IRQ_PIT_COUNT_H
#define VELLUM_ENGINE_IRQ_PIT_COUNT_H

#include "chip.h"

#define PIT_HZ		1193182ull
#define NS_PER_S	1000000000ull

/* Rounds down. No overflow for any ns. */
static inline u64 pit_ticks(u64 ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

/* Rounds up, so that pit_ticks(pit_ns(n)) == n. n below 2^60. */
static inline u64 pit_ns(u64 ticks)
{
	return ticks / PIT_HZ * NS_PER_S +
	       (ticks % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

/* Rounds down: for moving a start by whole periods without losing a tick. */
static inline u64 pit_ns_before(u64 ticks)
{
	return ticks / PIT_HZ * NS_PER_S + ticks % PIT_HZ * NS_PER_S / PIT_HZ;
}

/* The ticks that a count written by software stands for. */
u32 pit_period(u32 written, bool bcd);

/* A count has been written, and in modes 1 and 5 the gate has risen since. */
bool pit_counting(const struct pit_channel *ch);
/* The gate keeps it from counting (modes 0, 2, 3, 4). */
bool pit_held(const struct pit_channel *ch);
/* Ticks since the count was loaded; stands still while the gate holds it. */
u64 pit_elapsed(const struct pit_channel *ch, u64 now);
/* The counting element, as software reads it. */
u16 pit_counter(const struct pit_channel *ch, u64 now);
bool pit_out(const struct pit_channel *ch, u64 now);
/* How many times OUT has risen after n ticks; the tick of the next time, or ~0. */
u64 pit_edges(const struct pit_channel *ch, u64 n);
u64 pit_next_edge(const struct pit_channel *ch, u64 edges);

#endif
