/* SPDX-License-Identifier: MIT */
/* Intel 8254 data sheet, "Mode Definitions". */
#include "pit_count.h"

u32 pit_period(u32 written, bool bcd)
{
	u32 v = written & 0xffff;

	if (bcd)
		v = (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 +
		    (v >> 12) * 1000;
	if (v)
		return v;
	return bcd ? 10000 : 65536;
}

bool pit_counting(const struct pit_channel *ch)
{
	if (!ch->s.count)
		return false;
	return (ch->s.mode != 1 && ch->s.mode != 5) || ch->triggered;
}

bool pit_held(const struct pit_channel *ch)
{
	return pit_counting(ch) && !ch->s.gate && ch->s.mode != 1 && ch->s.mode != 5;
}

u64 pit_elapsed(const struct pit_channel *ch, u64 now)
{
	u64 start = (u64)ch->s.count_load_time;

	if (!pit_counting(ch))
		return 0;
	if (pit_held(ch))
		return ch->stopped_at;
	return now > start ? pit_ticks(now - start) : 0;
}

/* Value of a counter that has wrapped, in its radix. */
static u16 digits(u32 v, bool bcd)
{
	if (!bcd)
		return (u16)v;
	v %= 10000;
	return (u16)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 << 12);
}

u16 pit_counter(const struct pit_channel *ch, u64 now)
{
	u64 n = pit_elapsed(ch, now);
	u32 period = ch->period, wrap = ch->s.bcd ? 10000 : 65536;

	if (!ch->s.count)
		return 0;
	switch (ch->s.mode) {
	case 2:
		return digits((u32)(period - n % period), ch->s.bcd);
	case 3:
		/* Counts down by two, twice per period; odd counts as even ones. */
		if (period > 1)
			period &= ~1u;
		return digits((u32)(period - 2 * n % period), ch->s.bcd);
	}
	/* The others go on past zero. */
	n %= wrap;
	return digits((u32)((period + wrap - n) % wrap), ch->s.bcd);
}

bool pit_out(const struct pit_channel *ch, u64 now)
{
	u64 n = pit_elapsed(ch, now);

	if (!pit_counting(ch))
		return ch->s.mode != 0;
	switch (ch->s.mode) {
	case 0:
	case 1:
		return n >= ch->period;
	case 2:
		return !ch->s.gate || n % ch->period != ch->period - 1 ||
		       ch->period == 1;
	case 3:
		return !ch->s.gate || n % ch->period < (ch->period + 1) / 2;
	}
	return n != ch->period;
}

u64 pit_edges(const struct pit_channel *ch, u64 n)
{
	if (!pit_counting(ch))
		return 0;
	switch (ch->s.mode) {
	case 0:
	case 1:
		return n >= ch->period;
	case 2:
	case 3:
		return n / ch->period;
	}
	return n > ch->period;
}

u64 pit_next_edge(const struct pit_channel *ch, u64 edges)
{
	if (!pit_counting(ch) || pit_held(ch))
		return ~0ull;
	switch (ch->s.mode) {
	case 0:
	case 1:
		return edges ? ~0ull : ch->period;
	case 2:
	case 3:
		return (edges + 1) * ch->period;
	}
	return edges ? ~0ull : ch->period + 1ull;
}
