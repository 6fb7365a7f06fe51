/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "keyboard.h"

#define KBD_ACK		0xfau
#define KBD_RESEND	0xfeu
#define KBD_PASSED	0xaau
#define KBD_ECHO	0xeeu
#define KBD_BREAK	0xf0u
#define CODE_BREAK	0x80u	/* set 1: the key went up */

enum {
	CMD_LEDS = 0xed, CMD_ECHO = 0xee, CMD_SET = 0xf0, CMD_ID = 0xf2,
	CMD_RATE = 0xf3, CMD_ENABLE = 0xf4, CMD_DISABLE = 0xf5,
	CMD_DEFAULTS = 0xf6, CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};

#define KEY_LSHIFT	0x2au
#define KEY_LCTRL	0x1du
#define KEY_LALT	0x38u
#define PREFIX		0xe0u	/* of extended keys, in both sets */
#define TYPE_ROOM	8u	/* codes of a key with all modifiers */

/* Set 2 by set 1, up to F12. */
static const uint8_t set2[0x59] = {
	0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36,
	0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
	0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43,
	0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
	0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c,
	0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
	0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c,
	0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
	0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c,
	0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
	0x72, 0x7a, 0x70, 0x71, 0x84, 0x00, 0x61, 0x78,
	0x07,
};

/* Characters by set 1 code: 0x02 to 0x0d, 0x10 to 0x1b and so on. */
static const struct { uint8_t first; const char *plain, *shift; } rows[] = {
	{ 0x02, "1234567890-=", "!@#$%^&*()_+" },
	{ 0x10, "qwertyuiop[]", "QWERTYUIOP{}" },
	{ 0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
	{ 0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
	{ 0x39, " ", " " },
};

static void put_as(struct keyboard *k, uint8_t v, enum keyboard_kind kind)
{
	unsigned int at = (k->head + k->count) % KEYBOARD_QUEUE;

	if (k->count == KEYBOARD_QUEUE)
		return;
	k->queue[at] = v;
	k->kind[at] = (uint8_t)kind;
	k->count++;
}

static void put(struct keyboard *k, uint8_t v)
{
	put_as(k, v, KEYBOARD_ANSWER);
}

static void defaults(struct keyboard *k)
{
	k->set = 2;
	k->scanning = true;
}

void keyboard_reset(struct keyboard *k)
{
	memset(k, 0, sizeof(*k));
	defaults(k);
}

static void take_data(struct keyboard *k, uint8_t cmd, uint8_t v)
{
	if (cmd == CMD_SET && v > 2) {
		put(k, KBD_RESEND);	/* there is no set 3 */
		return;
	}
	put(k, KBD_ACK);
	if (cmd != CMD_SET)
		return;
	if (!v)
		put(k, k->set);
	else
		k->set = v;
}

void keyboard_send(struct keyboard *k, uint8_t v)
{
	uint8_t pending = k->pending;

	k->pending = 0;
	/* A command drops what was not sent yet. */
	k->count = 0;
	k->breaking = k->extending = false;
	if (pending && v < CMD_LEDS) {
		take_data(k, pending, v);
		return;
	}
	switch (v) {
	case CMD_ECHO:
		put(k, KBD_ECHO);
		return;
	case CMD_RESEND:
		put(k, k->last);
		return;
	case CMD_LEDS: case CMD_SET: case CMD_RATE:
		k->pending = v;
		break;
	case CMD_ENABLE:
		k->scanning = true;
		break;
	case CMD_DISABLE:
		defaults(k);
		k->scanning = false;
		break;
	case CMD_DEFAULTS:
		defaults(k);
		break;
	case CMD_ID: case CMD_RESET:
		break;
	default:
		put(k, KBD_RESEND);
		return;
	}
	put(k, KBD_ACK);
	if (v == CMD_ID) {
		put(k, 0xab);
		put(k, 0x83);
	} else if (v == CMD_RESET) {
		defaults(k);
		put(k, KBD_PASSED);
	}
}

static void drop(struct keyboard *k)
{
	k->head = (k->head + 1) % KEYBOARD_QUEUE;
	k->count--;
	k->breaking = k->extending = false;
}

/* The controller translates answers like any code of set 2: these it knows. */
static uint8_t translated(uint8_t v)
{
	switch (v) {
	case 0x01: return 0x43;
	case 0x02: return 0x41;
	case 0x03: return 0x3f;
	case 0x83: return 0x41;
	default: return v;
	}
}

bool keyboard_take(struct keyboard *k, bool translate, uint8_t *v)
{
	uint8_t code = k->queue[k->head];

	if (!k->count)
		return false;
	if (k->kind[k->head] == KEYBOARD_ANSWER) {
		k->last = code;
		*v = translate ? translated(code) : code;
		drop(k);
		return true;
	}
	if (k->kind[k->head] == KEYBOARD_EXTENDED && !k->extending) {
		k->extending = true;
		*v = PREFIX;
		return true;
	}
	if (translate || k->set == 1) {
		*v = code;
		drop(k);
		return true;
	}
	if (code & CODE_BREAK && !k->breaking) {
		k->breaking = true;
		*v = KBD_BREAK;
		return true;
	}
	code &= (uint8_t)~CODE_BREAK;
	*v = code < sizeof(set2) ? set2[code] : 0;
	drop(k);
	return true;
}

/* Keys of characters that are in no row. */
static uint8_t find_special(uint8_t c)
{
	switch (c) {
	case '\r': case '\n': return 0x1c;
	case '\t': return 0x0f;
	case '\b': case 0x7f: return 0x0e;
	case 0x1b: return 0x01;
	default: return 0;
	}
}

bool keyboard_find(uint8_t c, struct keyboard_stroke *s)
{
	unsigned int i;
	const char *p;

	*s = (struct keyboard_stroke){ .code = find_special(c) };
	if (s->code)
		return true;
	if (c && c < 0x20) {
		s->held = KEYBOARD_CTRL;
		c |= c <= 0x1a ? 0x60 : 0x40;
	}
	for (i = 0; c && i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = strchr(rows[i].plain, c);
		if (p) {
			s->code = (uint8_t)(rows[i].first + (p - rows[i].plain));
			return true;
		}
		p = strchr(rows[i].shift, c);
		if (p) {
			s->code = (uint8_t)(rows[i].first + (p - rows[i].shift));
			s->held |= KEYBOARD_SHIFT;
			return true;
		}
	}
	return false;
}

static void put_held(struct keyboard *k, uint8_t held, uint8_t up)
{
	if (held & KEYBOARD_SHIFT)
		put_as(k, KEY_LSHIFT | up, KEYBOARD_KEY);
	if (held & KEYBOARD_CTRL)
		put_as(k, KEY_LCTRL | up, KEYBOARD_KEY);
	if (held & KEYBOARD_ALT)
		put_as(k, KEY_LALT | up, KEYBOARD_KEY);
}

bool keyboard_press(struct keyboard *k, const struct keyboard_stroke *s)
{
	enum keyboard_kind kind = s->extended ? KEYBOARD_EXTENDED : KEYBOARD_KEY;

	if (KEYBOARD_QUEUE - k->count < TYPE_ROOM)
		return false;
	if (!s->code || !k->scanning)
		return true;
	put_held(k, s->held, 0);
	put_as(k, s->code, kind);
	put_as(k, s->code | CODE_BREAK, kind);
	put_held(k, s->held, CODE_BREAK);
	return true;
}

bool keyboard_type(struct keyboard *k, uint8_t c)
{
	struct keyboard_stroke s;

	if (!keyboard_find(c, &s))
		s.code = 0;
	return keyboard_press(k, &s);
}
