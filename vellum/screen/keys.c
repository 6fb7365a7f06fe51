/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "keys.h"

#define ESC		0x1bu
#define PARAMS_MAX	2u

struct special { uint8_t name, code; bool extended; };

/* By the sequence's last byte, and by the number before ~. */
static const struct special finals[] = {
	{ 'A', 0x48, true }, { 'B', 0x50, true }, { 'C', 0x4d, true },
	{ 'D', 0x4b, true }, { 'H', 0x47, true }, { 'F', 0x4f, true },
	{ 'P', 0x3b, false }, { 'Q', 0x3c, false }, { 'R', 0x3d, false },
	{ 'S', 0x3e, false }, { 'M', 0x1c, true },
};
static const struct special numbers[] = {
	{ 1, 0x47, true }, { 2, 0x52, true }, { 3, 0x53, true },
	{ 4, 0x4f, true }, { 5, 0x49, true }, { 6, 0x51, true },
	{ 7, 0x47, true }, { 8, 0x4f, true }, { 11, 0x3b, false },
	{ 12, 0x3c, false }, { 13, 0x3d, false }, { 14, 0x3e, false },
	{ 15, 0x3f, false }, { 17, 0x40, false }, { 18, 0x41, false },
	{ 19, 0x42, false }, { 20, 0x43, false }, { 21, 0x44, false },
	{ 23, 0x57, false }, { 24, 0x58, false },
};
#define CODE_TAB	0x0fu
#define CODE_F1		0x3bu

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

void keys_push(struct keys *k, const uint8_t *bytes, size_t n)
{
	memcpy(k->byte + k->n, bytes, n);
	k->n += n;
}

static void drop(struct keys *k, size_t n)
{
	k->n -= n;
	memmove(k->byte, k->byte + n, k->n);
}

static bool find(const struct special *table, size_t n, unsigned int name,
		 struct keyboard_stroke *s)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (table[i].name != name)
			continue;
		s->code = table[i].code;
		s->extended = table[i].extended;
		return true;
	}
	return false;
}

/* xterm's modifiers are one more than their sum. */
static uint8_t held(unsigned int param)
{
	unsigned int bits = param ? param - 1 : 0;

	return (bits & 1 ? KEYBOARD_SHIFT : 0) | (bits & 2 ? KEYBOARD_ALT : 0) |
	       (bits & 4 ? KEYBOARD_CTRL : 0);
}

/* ESC [ parameters final, @len long. */
static bool sequence(const struct keys *k, size_t len, struct keyboard_stroke *s)
{
	unsigned int param[PARAMS_MAX] = { 0 }, n = 0;
	uint8_t final = k->byte[len - 1];
	size_t i;

	for (i = 2; i < len - 1; i++) {
		uint8_t c = k->byte[i];

		if (c == ';')
			n++;
		else if (c < '0' || c > '9' || n >= PARAMS_MAX || param[n] > 999)
			return false;
		else
			param[n] = param[n] * 10 + (c - '0');
	}
	*s = (struct keyboard_stroke){ .held = held(param[1]) };
	if (final == 'Z') {
		s->code = CODE_TAB;
		s->held |= KEYBOARD_SHIFT;
		return true;
	}
	return final == '~' ? find(numbers, COUNT(numbers), param[0], s) :
			      find(finals, COUNT(finals), final, s);
}

/* The length of what begins with ESC [, or 0 if that is not seen yet. */
static size_t sequence_length(const struct keys *k)
{
	size_t i;

	/* Linux's console has F1 to F5 as ESC [ [ A and so on. */
	if (k->n > 2 && k->byte[2] == '[')
		return k->n > 3 ? 4 : 0;
	for (i = 2; i < k->n; i++) {
		if (k->byte[i] < 0x20 || k->byte[i] > 0x7e)
			return i;	/* broken off */
		if (k->byte[i] >= 0x40)
			return i + 1;
	}
	return k->n == KEYS_MAX ? k->n : 0;
}

static bool console_function(const struct keys *k, struct keyboard_stroke *s)
{
	*s = (struct keyboard_stroke){
		.code = (uint8_t)(CODE_F1 + k->byte[3] - 'A'),
	};
	return k->byte[3] >= 'A' && k->byte[3] <= 'E';
}

/* What begins with ESC; returns how many bytes it is, or 0. */
static size_t escape(const struct keys *k, bool all, struct keyboard_stroke *s,
		     bool *found)
{
	uint8_t second = k->n > 1 ? k->byte[1] : 0;
	size_t len;

	*s = (struct keyboard_stroke){ 0 };
	if (k->n == 1 || second == ESC) {
		*found = keyboard_find(ESC, s);
		return k->n > 1 || all;
	}
	if (second == 'O') {
		*found = k->n > 2 && find(finals, COUNT(finals), k->byte[2], s);
		if (*found)
			return 3;
		if (k->n == 2 && !all)
			return 0;
	} else if (second == '[') {
		len = sequence_length(k);
		*found = len && (len > 3 && k->byte[2] == '[' ?
				 console_function(k, s) : sequence(k, len, s));
		if (len || !all)
			return len;
	}
	*found = keyboard_find(second, s);
	s->held |= KEYBOARD_ALT;
	return 2;
}

enum keys_have keys_next(struct keys *k, bool all, struct keyboard_stroke *s)
{
	size_t len;
	bool found;

	while (k->n) {
		len = 1;
		if (k->byte[0] == ESC)
			len = escape(k, all, s, &found);
		else
			found = keyboard_find(k->byte[0], s);
		if (!len)
			return KEYS_UNFINISHED;
		drop(k, len);
		if (found)
			return KEYS_STROKE;
	}
	return KEYS_NONE;
}
