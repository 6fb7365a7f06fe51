/* SPDX-License-Identifier: MIT */
/* A small deterministic random generator (xorshift64*) for the emulator's tests. */
#ifndef TESTS_EMUL_RNG_H
#define TESTS_EMUL_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;		/* not 0 */
};

static inline uint64_t rng_next(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static inline unsigned int rng_below(struct rng *r, unsigned int n)
{
	return (unsigned int)((rng_next(r) >> 32) % n);
}

#endif
