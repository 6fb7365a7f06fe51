/* SPDX-License-Identifier: MIT */
/*
 * An AT keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboards
 * (101- and 102-Key)"): its commands, scan code sets 1 and 2, and keys typed by
 * giving it characters as a US layout has them.
 */
#ifndef VELLUM_DEV_KEYBOARD_H
#define VELLUM_DEV_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#define KEYBOARD_QUEUE	32u

struct keyboard {
	uint8_t queue[KEYBOARD_QUEUE];	/* set 1 codes, or answers */
	bool answer[KEYBOARD_QUEUE];
	unsigned int head, count;
	bool breaking;		/* set 2: the prefix is out, the code not yet */
	uint8_t pending;	/* command that waits for its data byte */
	uint8_t last;		/* what it sent last, as it sent it */
	uint8_t set;		/* 1 or 2 */
	bool scanning;
};

void keyboard_reset(struct keyboard *k);

/* A byte from the controller. */
void keyboard_send(struct keyboard *k, uint8_t v);

/* A byte for the controller, which may translate set 2 to set 1. */
bool keyboard_take(struct keyboard *k, bool translate, uint8_t *v);

/*
 * Types one character: presses and releases its key, with Shift or Ctrl.
 * False if there is no room now; characters without a key are ignored.
 */
bool keyboard_type(struct keyboard *k, uint8_t c);

#endif
