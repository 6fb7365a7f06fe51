/* SPDX-License-Identifier: MIT */
/* The decoder's reader of instruction bytes; its position is insn.length. */
#ifndef EMUL_BYTES_H
#define EMUL_BYTES_H

#include "internal.h"

/* fetch.c */
enum emul_result emul_fetch_more(struct emul *e);
enum emul_result emul_need_slow(struct emul *e, unsigned int total);

/* decode_operand.c */
enum emul_result emul_decode_operands(struct emul *e, const struct emul_desc *desc,
				      uint8_t override);

/* Makes sure that `n` bytes are there at the decoder's position. */
static inline enum emul_result need(struct emul *e, unsigned int n)
{
	unsigned int total = e->insn.length + n;

	return __builtin_expect(e->nbytes >= total, 1) ? EMUL_DONE : emul_need_slow(e, total);
}

static inline enum emul_result take(struct emul *e, unsigned int n, uint64_t *value)
{
	const uint8_t *from = e->bytes + e->insn.length;

	TRY(need(e, n));
	e->insn.length += (uint8_t)n;
	*value = 0;
	if (n == 1)
		*value = *from;
	else if (n == 4)
		__builtin_memcpy(value, from, 4);
	else if (n == 2)
		__builtin_memcpy(value, from, 2);
	else
		__builtin_memcpy(value, from, 8);
	return EMUL_DONE;
}

static inline enum emul_result take_signed(struct emul *e, unsigned int n, uint64_t *value)
{
	TRY(take(e, n, value));
	*value = emul_sext(*value, n);
	return EMUL_DONE;
}

static inline enum emul_result take_byte(struct emul *e, uint8_t *value)
{
	TRY(need(e, 1));
	*value = e->bytes[e->insn.length++];
	return EMUL_DONE;
}

/* The next byte, not consumed. */
static inline enum emul_result peek(struct emul *e, uint8_t *value)
{
	TRY(need(e, 1));
	*value = e->bytes[e->insn.length];
	return EMUL_DONE;
}

#endif
