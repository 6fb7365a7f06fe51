/* SPDX-License-Identifier: MIT */
/* Sentences put together in a fixed buffer: the engine has no printf. */
#ifndef VELLUM_ENGINE_EXPLAIN_TEXT_H
#define VELLUM_ENGINE_EXPLAIN_TEXT_H

#include "../types.h"

struct text {
	char *at;
	size_t size, used;	/* used: without the closing 0 */
};

#define TEXT(array) ((struct text){ (array), sizeof(array), 0 })

/*
 * Adds to t; what doesn't fit is left out, and the result always ends in 0.
 * Knows %s %c %% %u %x %llu %llx, the flags # and 0, and a width.
 */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The type that %llx wants. */
#define ULL(v) ((unsigned long long)(v))

#endif
