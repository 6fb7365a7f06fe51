/* SPDX-License-Identifier: MIT */
/*
 * Ports of a byte or so: the POST code latch, the debug console, the pvpanic
 * device, the debug exit.
 */
#ifndef VELLUM_DEV_MISC_H
#define VELLUM_DEV_MISC_H

#include <stddef.h>
#include <stdint.h>

#include "../bus.h"

#define POST_PORT		0x80
#define DEBUGCON_PORT		0xe9
#define DEBUG_EXIT_PORT		0xf4
#define PVPANIC_PORT		0x505
#define PVPANIC_PANICKED	0x01
#define PVPANIC_CRASH_LOADED	0x02

struct misc {
	uint8_t post;
	void (*debug_send)(void *opaque, const uint8_t *buf, size_t n);
	void *debug_opaque;
	void (*panicked)(void *opaque);
	void (*debug_exit)(void *opaque, uint32_t value);
	void *opaque;
};

extern const struct bus_ops post_ops, debugcon_ops, pvpanic_ops, debug_exit_ops;

#endif
