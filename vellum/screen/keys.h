/* SPDX-License-Identifier: MIT */
/*
 * What a terminal sends for keys, as keys of a PC's keyboard: the control sequences
 * of xterm and its likes for arrows, function keys and so on, with modifiers; ESC
 * before a character for Alt.
 */
#ifndef VELLUM_SCREEN_KEYS_H
#define VELLUM_SCREEN_KEYS_H

#include <stddef.h>

#include "../dev/keyboard.h"

#define KEYS_MAX	16u	/* a longer sequence is none */

struct keys {
	uint8_t byte[KEYS_MAX];
	size_t n;
};

enum keys_have {
	KEYS_NONE,
	KEYS_STROKE,
	KEYS_UNFINISHED,	/* ESC, or what begins a sequence, and no more yet */
};

/* @n: at most KEYS_MAX minus what it has. */
void keys_push(struct keys *k, const uint8_t *bytes, size_t n);

/* The next one; a key that no PC has is left out.  @all: there comes no more. */
enum keys_have keys_next(struct keys *k, bool all, struct keyboard_stroke *s);

#endif
