/* SPDX-License-Identifier: MIT */
/*
 * High-precision event timers (IA-PC HPET Specification 1.0a): a 64-bit
 * counter of 100 MHz and three comparators, each one-shot or periodic, edge,
 * level or by message.  With legacy replacement the first two take the places
 * of the PIT and the RTC, whose interrupts the board cuts off then.
 */
#ifndef VELLUM_DEV_HPET_H
#define VELLUM_DEV_HPET_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../evloop.h"

#define HPET_ADDRESS	0xfed00000u
#define HPET_SIZE	0x400u
#define HPET_TIMERS	3u
#define HPET_LEGACY_PIT	0u	/* GSIs of what is replaced */
#define HPET_LEGACY_RTC	8u
#define HPET_ID		0x8086a201u	/* low half of the capabilities */

struct hpet_timer {
	uint64_t config, comparator, period, message;
	uint64_t due;		/* counter's value of the next event */
	bool armed;
};

struct hpet {
	void (*set_gsi)(void *opaque, unsigned int gsi, bool level);
	void (*message)(void *opaque, uint64_t address, uint32_t data);
	/* Legacy replacement: the PIT and the RTC are to be silent (on). */
	void (*legacy)(void *opaque, bool on);
	void *opaque;
	uint64_t (*now)(void);		/* ns; NULL = ev_now */

	struct ev_timer timer;
	uint64_t config, status;
	uint64_t stopped_at;	/* the counter, while it stands */
	uint64_t base;		/* ns at which it would have been 0 */
	struct hpet_timer t[HPET_TIMERS];
	uint32_t lines;		/* asserted, by GSI */
};

extern const struct bus_ops hpet_ops;

int hpet_init(struct hpet *h, struct evloop *loop);
void hpet_fini(struct hpet *h);
void hpet_reset(struct hpet *h);

#endif
