/* SPDX-License-Identifier: MIT */
/*
 * MC146818A real-time clock and its CMOS RAM at ports 0x70/0x71, after the
 * Motorola data sheet: the host's UTC plus an offset that the guest may set,
 * BCD or binary, 12 or 24 hours, alarm, update-ended and periodic interrupts.
 * The RAM tells firmware and old systems how much memory there is.
 */
#ifndef VELLUM_DEV_RTC_H
#define VELLUM_DEV_RTC_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../evloop.h"
#include "irq.h"

#define RTC_PORT	0x70
#define RTC_PORTS	2
#define RTC_IRQ		8
#define RTC_CENTURY	0x32	/* where FADT says that the century is */

#define RTC_RAM		128

/* What its battery keeps from one reset of the machine to the next. */
struct rtc_battery {
	bool charged;
	int64_t offset_s;
	uint8_t ram[RTC_RAM];
};

struct rtc {
	struct irq_line irq;
	bool cut;		/* the HPET has its line */
	/* ns since 1970 UTC; a seam for tests.  NULL = the host's clock. */
	uint64_t (*now)(void);
	struct ev_timer timer;

	int64_t offset_s;	/* guest's time less the host's */
	uint8_t index;
	uint8_t ram[RTC_RAM];	/* alarm bytes and registers A, B, C included */
	uint64_t next_periodic;	/* ns of CLOCK_MONOTONIC */
	uint64_t next_second;
	int64_t polled;		/* guest's second when C was last read */
	uint64_t polled_period;	/* and the period of its time then */
};

extern const struct bus_ops rtc_ops;

int rtc_init(struct rtc *r, struct evloop *loop);
void rtc_fini(struct rtc *r);
/* Takes the interrupt line away, or gives it back; flags go on either way. */
void rtc_cut(struct rtc *r, bool cut);
/* Power-on: @low and @high are bytes of RAM below and above 4 GiB. */
void rtc_reset(struct rtc *r, uint64_t low, uint64_t high);
void rtc_keep(const struct rtc *r, struct rtc_battery *b);
/* After rtc_reset(), whose memory sizes stay; nothing if it is not charged. */
void rtc_recall(struct rtc *r, const struct rtc_battery *b);

#endif
