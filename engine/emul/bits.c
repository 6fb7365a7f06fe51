/* SPDX-License-Identifier: MIT */
/* Bit tests, scans and the BMI instructions. */
#include "internal.h"

/* The memory operand of BT with a register is a bit string: SDM2 "BT". */
static void bit_string_address(struct emul *e, uint64_t index, unsigned int size)
{
	struct emul_insn *d = &e->insn;
	int64_t element = (int64_t)emul_sext(index, size) >> (size == 8 ? 6 : size == 4 ? 5 : 4);

	d->mem.offset = (d->mem.offset + (uint64_t)(element * (int64_t)size)) &
			emul_mask(d->addrsize);
}

static enum emul_result bit_test(struct emul *e, uint64_t index, unsigned int size)
{
	uint64_t a, r, bit = 1ull << (index & (size * 8 - 1));

	TRY(emul_load(e, 0, &a));
	e->new_rflags = (e->rflags & ~FL_CF) | ((a & bit) ? FL_CF : 0);
	switch (e->insn.op) {
	case OP_BTS: r = a | bit; break;
	case OP_BTR: r = a & ~bit; break;
	case OP_BTC: r = a ^ bit; break;
	default: return EMUL_DONE;
	}
	return emul_update(e, 0, a, r);
}

enum emul_result emul_op_bt(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	unsigned int size = d->operand[0].size;
	uint64_t index, offset = d->mem.offset;
	enum emul_result result;

	TRY(emul_load(e, 1, &index));
	if (d->mem.valid && d->operand[1].kind == EMUL_OPERAND_GPR)
		bit_string_address(e, index, size);
	result = bit_test(e, index, size);
	d->mem.offset = offset;
	return result;
}

static unsigned int trailing_zeros(uint64_t v)
{
	return (unsigned int)__builtin_ctzll(v);
}

static unsigned int top_bit(uint64_t v)
{
	return 63u - (unsigned int)__builtin_clzll(v);
}

static void zero_flag(struct emul *e, uint64_t mask, bool zero)
{
	e->new_rflags = (e->rflags & ~mask) | (zero ? FL_ZF : 0);
}

/* With a source of 0 the destination stays as it was, as on all CPUs in use. */
static enum emul_result scan(struct emul *e, bool reverse)
{
	uint64_t a;

	TRY(emul_load(e, 1, &a));
	zero_flag(e, FL_ZF, !a);
	if (!a)
		return EMUL_DONE;
	return emul_store(e, 0, reverse ? top_bit(a) : trailing_zeros(a));
}

enum emul_result emul_op_bsf(struct emul *e)
{
	return scan(e, false);
}

enum emul_result emul_op_bsr(struct emul *e)
{
	return scan(e, true);
}

static enum emul_result count_zeros(struct emul *e, bool leading)
{
	unsigned int bits = e->insn.operand[0].size * 8u;
	uint64_t a, n = bits;

	TRY(emul_load(e, 1, &a));
	if (a)
		n = leading ? bits - 1 - top_bit(a) : trailing_zeros(a);
	zero_flag(e, FL_ZF | FL_CF, n == 0);
	if (!a)
		e->new_rflags |= FL_CF;
	return emul_store(e, 0, n);
}

enum emul_result emul_op_tzcnt(struct emul *e)
{
	return count_zeros(e, false);
}

enum emul_result emul_op_lzcnt(struct emul *e)
{
	return count_zeros(e, true);
}

enum emul_result emul_op_popcnt(struct emul *e)
{
	uint64_t a;
	unsigned int n = 0;

	TRY(emul_load(e, 1, &a));
	zero_flag(e, FL_ARITH, !a);
	/* A compiler builtin might call a library function here. */
	for (; a; a &= a - 1)
		n++;
	return emul_store(e, 0, n);
}

static uint64_t low_bits(uint64_t v, unsigned int n)
{
	return n < 64 ? v & ((1ull << n) - 1) : v;
}

/* ANDN, BLSR, BLSMSK, BLSI, BEXTR, BZHI: one result, flags from it. */
enum emul_result emul_op_bmi(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t a, b = 0, r, mask = emul_mask(size);
	bool carry = false;

	TRY(emul_load(e, 1, &a));
	if (e->insn.operand[2].kind != EMUL_OPERAND_NONE)
		TRY(emul_load(e, 2, &b));
	switch (e->insn.op) {
	case OP_ANDN: r = ~a & b; break;
	case OP_BLSR: r = a & (a - 1); carry = !a; break;
	case OP_BLSMSK: r = a ^ (a - 1); carry = !a; break;
	case OP_BLSI: r = a & -a; carry = a; break;
	case OP_BEXTR:
		r = (b & 0xff) < 64 ? a >> (b & 0xff) : 0;
		r = low_bits(r, b >> 8 & 0xff);
		break;
	default:	/* BZHI */
		r = low_bits(a, b & 0xff);
		carry = (b & 0xff) > size * 8 - 1;
		break;
	}
	r &= mask;
	e->new_rflags = (e->rflags & ~FL_ARITH) | emul_flags_szp(r, size) | (carry ? FL_CF : 0);
	return emul_store(e, 0, r);
}

/* PDEP and PEXT: no flags. */
enum emul_result emul_op_pdep(struct emul *e)
{
	uint64_t source, mask, r = 0;
	unsigned int k = 0;

	TRY(emul_load(e, 1, &source));
	TRY(emul_load(e, 2, &mask));
	for (; mask; mask &= mask - 1, k++) {
		uint64_t bit = mask & -mask;

		if (e->insn.op == OP_PDEP)
			r |= (source >> k & 1) ? bit : 0;
		else
			r |= (source & bit) ? 1ull << k : 0;
	}
	return emul_store(e, 0, r);
}
