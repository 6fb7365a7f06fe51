/* SPDX-License-Identifier: MIT */
/* What every cmocka test wants included, in the order that it wants. */
#ifndef TESTS_UNIT_VELLUM_TEST_H
#define TESTS_UNIT_VELLUM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The program's report() lives with its main(). */
#define DEFINE_REPORT \
	struct vmm_error; \
	int report(const struct vmm_error *e); \
	int report(const struct vmm_error *e) { (void)e; return 1; }

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* xorshift64: the same numbers on every machine. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
