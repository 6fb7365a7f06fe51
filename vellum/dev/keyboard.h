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

/* What is held while a key is pressed. */
#define KEYBOARD_SHIFT	0x01u
#define KEYBOARD_CTRL	0x02u
#define KEYBOARD_ALT	0x04u

/* A key by its code of set 1; @extended: one of those that an AT keyboard had not. */
struct keyboard_stroke {
	uint8_t code;
	bool extended;
	uint8_t held;
};

enum keyboard_kind { KEYBOARD_KEY, KEYBOARD_EXTENDED, KEYBOARD_ANSWER };

struct keyboard {
	uint8_t queue[KEYBOARD_QUEUE];	/* set 1 codes, or answers */
	uint8_t kind[KEYBOARD_QUEUE];	/* enum keyboard_kind */
	unsigned int head, count;
	bool extending;		/* the first prefix is out, the code not yet */
	bool breaking;		/* set 2: the same of the prefix for going up */
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

/* The same for a key.  0: it has no code, so nothing is pressed. */
bool keyboard_press(struct keyboard *k, const struct keyboard_stroke *s);

/* The key for a character, and what to hold with it.  False: there is none. */
bool keyboard_find(uint8_t c, struct keyboard_stroke *s);

#endif
