/* SPDX-License-Identifier: MIT */
#include "text.h"

static void put(struct text *t, char c)
{
	if (t->used + 1 < t->size)
		t->at[t->used++] = c;
}

static void put_string(struct text *t, const char *s)
{
	while (*s)
		put(t, *s++);
}

struct conversion {
	bool alternate, zeros, longer;
	unsigned width;
};

static void put_number(struct text *t, u64 v, unsigned base, const struct conversion *c)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (c->alternate && base == 16)
		put_string(t, "0x");
	for (; n < c->width && n < sizeof(digits); n++)
		digits[n] = c->zeros ? '0' : ' ';
	while (n)
		put(t, digits[--n]);
}

static const char *read_flags(const char *f, struct conversion *c)
{
	for (;; f++) {
		if (*f == '#')
			c->alternate = true;
		else if (*f == '0')
			c->zeros = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		c->width = c->width * 10 + (unsigned)(*f - '0');
	for (; *f == 'l'; f++)
		c->longer = true;
	return f;
}

void text_add(struct text *t, const char *fmt, ...)
{
	const char *f, *s;
	__builtin_va_list args;

	if (!t->size)
		return;
	__builtin_va_start(args, fmt);
	for (f = fmt; *f; f++) {
		struct conversion c = { 0 };

		if (*f != '%') {
			put(t, *f);
			continue;
		}
		f = read_flags(f + 1, &c);
		if (*f == 's') {
			s = __builtin_va_arg(args, const char *);
			put_string(t, s ? s : "?");
		} else if (*f == 'c') {
			put(t, (char)__builtin_va_arg(args, int));
		} else if (*f == 'u' || *f == 'x') {
			u64 v = c.longer ? __builtin_va_arg(args, unsigned long long) :
					   __builtin_va_arg(args, unsigned);

			put_number(t, v, *f == 'x' ? 16 : 10, &c);
		} else if (*f == '%') {
			put(t, '%');
		} else {
			break;
		}
	}
	__builtin_va_end(args);
	t->at[t->used] = 0;
}
