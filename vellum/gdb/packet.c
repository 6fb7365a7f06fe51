/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "packet.h"

#define ESCAPE		'}'
#define ESCAPE_XOR	0x20
#define CTRL_C		0x03

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- in ---- */

void gdb_parser_init(struct gdb_parser *p)
{
	p->state = GDB_IDLE;
	p->junk = 0;
	p->len = 0;
}

static enum gdb_event idle(struct gdb_parser *p, uint8_t byte)
{
	switch (byte) {
	case '$':
		p->state = GDB_DATA;
		p->len = 0;
		p->sum = p->given = 0;
		p->bad = false;
		return GDB_NOTHING;
	case '+':
		p->junk = 0;
		return GDB_NOTHING;
	case '-':
		return ++p->junk > GDB_JUNK_MAX ? GDB_HOPELESS : GDB_RESEND;
	case CTRL_C:
		return GDB_BREAK;
	default:
		return ++p->junk > GDB_JUNK_MAX ? GDB_HOPELESS : GDB_NOTHING;
	}
}

static enum gdb_event add(struct gdb_parser *p, uint8_t byte)
{
	p->state = GDB_DATA;
	if (p->len == GDB_PACKET_MAX)
		return GDB_HOPELESS;
	p->data[p->len++] = (char)byte;
	return GDB_NOTHING;
}

static enum gdb_event in_data(struct gdb_parser *p, uint8_t byte)
{
	if (byte == '#') {
		p->state = GDB_SUM1;
		return GDB_NOTHING;
	}
	if (byte == '$') {		/* the last one broke off */
		p->state = GDB_IDLE;
		p->junk++;
		return idle(p, byte);
	}
	p->sum = (uint8_t)(p->sum + byte);
	if (byte == ESCAPE) {
		p->state = GDB_ESCAPE;
		return GDB_NOTHING;
	}
	return add(p, byte);
}

static void sum_digit(struct gdb_parser *p, uint8_t byte)
{
	int d = digit((char)byte);

	p->bad |= d < 0;
	p->given = (uint8_t)(p->given << 4 | (d & 15));
}

static enum gdb_event complete(struct gdb_parser *p)
{
	p->state = GDB_IDLE;
	p->data[p->len] = '\0';
	if (p->bad || p->sum != p->given)
		return ++p->junk > GDB_JUNK_MAX ? GDB_HOPELESS : GDB_DAMAGED;
	p->junk = 0;
	return GDB_PACKET;
}

enum gdb_event gdb_feed(struct gdb_parser *p, uint8_t byte)
{
	switch (p->state) {
	case GDB_DATA:
		return in_data(p, byte);
	case GDB_ESCAPE:
		p->sum = (uint8_t)(p->sum + byte);
		return add(p, byte ^ ESCAPE_XOR);
	case GDB_SUM1:
		sum_digit(p, byte);
		p->state = GDB_SUM2;
		return GDB_NOTHING;
	case GDB_SUM2:
		sum_digit(p, byte);
		return complete(p);
	default:
		return idle(p, byte);
	}
}

/* ---- out ---- */

void gdb_reply_init(struct gdb_reply *r)
{
	r->len = 0;
	r->full = false;
}

static void put_byte(struct gdb_reply *r, char c)
{
	if (r->len == sizeof(r->data))
		r->full = true;
	else
		r->data[r->len++] = c;
}

void gdb_put(struct gdb_reply *r, const char *text)
{
	while (*text)
		put_byte(r, *text++);
}

void gdb_putf(struct gdb_reply *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gdb_put(r, text);
}

void gdb_put_hex(struct gdb_reply *r, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	while (n--) {
		put_byte(r, digits[*b >> 4]);
		put_byte(r, digits[*b++ & 15]);
	}
}

void gdb_put_binary(struct gdb_reply *r, const void *bytes, size_t n)
{
	const char *b = bytes;

	for (; n--; b++) {
		if (*b == '$' || *b == '#' || *b == ESCAPE || *b == '*') {
			put_byte(r, ESCAPE);
			put_byte(r, (char)(*b ^ ESCAPE_XOR));
		} else {
			put_byte(r, *b);
		}
	}
}

size_t gdb_frame(const struct gdb_reply *r, char *out)
{
	const char *data = r->full ? "E.too long" : r->data;
	size_t len = r->full ? strlen(data) : r->len, i;
	uint8_t sum = 0;

	out[0] = '$';
	for (i = 0; i < len; i++) {
		out[1 + i] = data[i];
		sum = (uint8_t)(sum + (uint8_t)data[i]);
	}
	snprintf(out + 1 + len, 4, "#%02x", sum);
	return len + 4;
}

/* ---- arguments ---- */

bool gdb_take(const char **p, char c)
{
	if (**p != c || !c)
		return false;
	(*p)++;
	return true;
}

bool gdb_take_word(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

bool gdb_take_number(const char **p, uint64_t *v)
{
	unsigned int n;
	int d;

	*v = 0;
	for (n = 0; (d = digit(**p)) >= 0; n++, (*p)++) {
		if (n == 16)
			return false;
		*v = *v << 4 | (unsigned int)d;
	}
	return n;
}

bool gdb_take_bytes(const char **p, void *out, size_t n)
{
	uint8_t *b = out;

	while (n--) {
		int high = digit((*p)[0]), low = high < 0 ? -1 : digit((*p)[1]);

		if (low < 0)
			return false;
		*b++ = (uint8_t)(high << 4 | low);
		*p += 2;
	}
	return true;
}
