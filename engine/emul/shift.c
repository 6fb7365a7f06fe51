/* SPDX-License-Identifier: MIT */
/* Shifts and rotates. */
#include "internal.h"

struct shift {
	uint64_t value;
	bool carry;
	bool overflow;
};

static bool top_bit(uint64_t value, unsigned int size)
{
	return value & emul_sign_bit(size);
}

static uint64_t shl(uint64_t v, unsigned int n)
{
	return n < 64 ? v << n : 0;
}

static uint64_t shr(uint64_t v, unsigned int n)
{
	return n < 64 ? v >> n : 0;
}

static void rotate_left(struct shift *s, unsigned int count, unsigned int size)
{
	unsigned int bits = size * 8, n = count % bits;

	s->value = (shl(s->value, n) | shr(s->value, bits - n)) & emul_mask(size);
	s->carry = s->value & 1;
	s->overflow = top_bit(s->value, size) != s->carry;
}

static void rotate_right(struct shift *s, unsigned int count, unsigned int size)
{
	unsigned int bits = size * 8, n = count % bits;

	s->value = (shr(s->value, n) | shl(s->value, bits - n)) & emul_mask(size);
	s->carry = top_bit(s->value, size);
	s->overflow = s->carry != (bool)(s->value & (emul_sign_bit(size) >> 1));
}

/* Through the carry: one bit at a time, at most 63 of them. */
static void rotate_carry_left(struct shift *s, unsigned int count, unsigned int size)
{
	for (unsigned int n = count % (size * 8 + 1); n > 0; n--) {
		bool out = top_bit(s->value, size);

		s->value = ((s->value << 1) | s->carry) & emul_mask(size);
		s->carry = out;
	}
	s->overflow = top_bit(s->value, size) != s->carry;
}

static void rotate_carry_right(struct shift *s, unsigned int count, unsigned int size)
{
	s->overflow = top_bit(s->value, size) != s->carry;
	for (unsigned int n = count % (size * 8 + 1); n > 0; n--) {
		bool out = s->value & 1;

		s->value = (s->value >> 1) | (s->carry ? emul_sign_bit(size) : 0);
		s->carry = out;
	}
}

static void shift_left(struct shift *s, unsigned int count, unsigned int size)
{
	unsigned int bits = size * 8;

	s->carry = count <= bits && (s->value >> (bits - count) & 1);
	s->value = shl(s->value, count) & emul_mask(size);
	s->overflow = top_bit(s->value, size) != s->carry;
}

static void shift_right(struct shift *s, unsigned int count, unsigned int size)
{
	s->overflow = top_bit(s->value, size);
	s->carry = shr(s->value, count - 1) & 1;
	s->value = shr(s->value, count);
}

static void shift_arithmetic(struct shift *s, unsigned int count, unsigned int size)
{
	int64_t v = (int64_t)emul_sext(s->value, size);

	s->overflow = false;
	s->carry = (v >> (count - 1)) & 1;
	s->value = (uint64_t)(v >> count) & emul_mask(size);
}

static unsigned int masked_count(uint64_t count, unsigned int size)
{
	return (unsigned int)count & (size == 8 ? 63 : 31);
}

static uint64_t shift_flags(const struct shift *s)
{
	return (s->carry ? FL_CF : 0) | (s->overflow ? FL_OF : 0);
}

enum emul_result emul_op_shift(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size, n;
	uint64_t a, count, mask = FL_CF | FL_OF, flags = 0;
	struct shift s;

	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &count));
	n = masked_count(count, size);
	if (!n)
		return emul_update(e, 0, a, a);
	s.value = a;
	s.carry = e->rflags & FL_CF;
	switch (e->insn.op) {
	case OP_ROL: rotate_left(&s, n, size); break;
	case OP_ROR: rotate_right(&s, n, size); break;
	case OP_RCL: rotate_carry_left(&s, n, size); break;
	case OP_RCR: rotate_carry_right(&s, n, size); break;
	case OP_SHR: shift_right(&s, n, size); break;
	case OP_SAR: shift_arithmetic(&s, n, size); break;
	default: shift_left(&s, n, size); break;
	}
	if (e->insn.op >= OP_SHL) {
		flags = emul_flags_szp(s.value, size);
		mask |= FL_SF | FL_ZF | FL_PF;
	}
	e->new_rflags = (e->rflags & ~mask) | flags | shift_flags(&s);
	return emul_update(e, 0, a, s.value);
}

/* SHLD and SHRD. 16-bit counts above 16 are undefined: as if repeated. */
enum emul_result emul_op_shiftd(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size, bits = size * 8, n;
	uint64_t a, b, count;
	struct shift s;

	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	TRY(emul_load(e, 2, &count));
	n = masked_count(count, size);
	if (!n)
		return emul_update(e, 0, a, a);
	if (n > bits)
		n -= bits;
	if (e->insn.op == OP_SHLD) {
		s.carry = a >> (bits - n) & 1;
		s.value = (shl(a, n) | shr(b, bits - n)) & emul_mask(size);
	} else {
		s.carry = a >> (n - 1) & 1;
		s.value = (shr(a, n) | shl(b, bits - n)) & emul_mask(size);
	}
	s.overflow = top_bit(s.value ^ a, size);
	e->new_rflags = (e->rflags & ~(FL_ARITH & ~FL_AF)) | shift_flags(&s) |
			emul_flags_szp(s.value, size);
	return emul_update(e, 0, a, s.value);
}

/* SARX, SHLX, SHRX, RORX: no flags. */
enum emul_result emul_op_shiftx(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size, n;
	uint64_t a, count;
	struct shift s = { 0 };

	TRY(emul_load(e, 1, &a));
	TRY(emul_load(e, 2, &count));
	n = masked_count(count, size);
	s.value = a;
	if (n) {
		switch (e->insn.op) {
		case OP_SARX: shift_arithmetic(&s, n, size); break;
		case OP_SHLX: shift_left(&s, n, size); break;
		case OP_SHRX: shift_right(&s, n, size); break;
		default: rotate_right(&s, n, size); break;
		}
	}
	return emul_store(e, 0, s.value);
}
