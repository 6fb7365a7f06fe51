/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic and logic with its flags, computed in plain C. Where the
 * manuals leave a flag undefined the value is whatever the code gives.
 */
#include "internal.h"

/* SF, ZF and PF of a result. */
uint64_t emul_flags_szp(uint64_t value, unsigned int size)
{
	uint64_t f = 0;
	unsigned int low = (unsigned int)value & 0xff;

	value &= emul_mask(size);
	if (!value)
		f |= FL_ZF;
	if (value & emul_sign_bit(size))
		f |= FL_SF;
	low ^= low >> 4;
	if (0x9669u >> (low & 15) & 1)
		f |= FL_PF;
	return f;
}

static void set_flags(struct emul *e, uint64_t mask, uint64_t flags)
{
	e->new_rflags = (e->rflags & ~mask) | (flags & mask);
}

static uint64_t add(uint64_t a, uint64_t b, bool carry, unsigned int size, uint64_t *flags)
{
	uint64_t mask = emul_mask(size), r = (a + b + carry) & mask;
	uint64_t carries = (a & b) | ((a | b) & ~r);

	*flags = emul_flags_szp(r, size);
	if (carries & emul_sign_bit(size))
		*flags |= FL_CF;
	if (carries & 8)
		*flags |= FL_AF;
	if ((a ^ r) & (b ^ r) & emul_sign_bit(size))
		*flags |= FL_OF;
	return r;
}

static uint64_t sub(uint64_t a, uint64_t b, bool borrow, unsigned int size, uint64_t *flags)
{
	uint64_t mask = emul_mask(size), r = (a - b - borrow) & mask;
	uint64_t borrows = (~a & b) | ((~a | b) & r);

	*flags = emul_flags_szp(r, size);
	if (borrows & emul_sign_bit(size))
		*flags |= FL_CF;
	if (borrows & 8)
		*flags |= FL_AF;
	if ((a ^ b) & (a ^ r) & emul_sign_bit(size))
		*flags |= FL_OF;
	return r;
}

static uint64_t alu(unsigned int op, uint64_t a, uint64_t b, bool carry, unsigned int size,
		    uint64_t *flags)
{
	uint64_t r;

	switch (op) {
	case OP_ADD: return add(a, b, false, size, flags);
	case OP_ADC: return add(a, b, carry, size, flags);
	case OP_SUB: case OP_CMP: return sub(a, b, false, size, flags);
	case OP_SBB: return sub(a, b, carry, size, flags);
	case OP_OR: r = a | b; break;
	case OP_XOR: r = a ^ b; break;
	default: r = a & b; break;
	}
	*flags = emul_flags_szp(r, size);
	return r;
}

enum emul_result emul_op_alu(struct emul *e)
{
	uint64_t a, b, r, flags;
	unsigned int size = e->insn.operand[0].size;

	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	r = alu(e->insn.op, a, b, e->rflags & FL_CF, size, &flags);
	set_flags(e, FL_ARITH, flags);
	return e->insn.op == OP_CMP ? EMUL_DONE : emul_update(e, 0, a, r);
}

enum emul_result emul_op_test(struct emul *e)
{
	uint64_t a, b;

	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	set_flags(e, FL_ARITH, emul_flags_szp(a & b, e->insn.operand[0].size));
	return EMUL_DONE;
}

enum emul_result emul_op_incdec(struct emul *e)
{
	uint64_t a, r, flags;
	unsigned int size = e->insn.operand[0].size;

	TRY(emul_load(e, 0, &a));
	if (e->insn.op == OP_INC)
		r = add(a, 1, false, size, &flags);
	else
		r = sub(a, 1, false, size, &flags);
	set_flags(e, FL_ARITH & ~FL_CF, flags);
	return emul_update(e, 0, a, r);
}

enum emul_result emul_op_not(struct emul *e)
{
	uint64_t a;

	TRY(emul_load(e, 0, &a));
	return emul_update(e, 0, a, ~a & emul_mask(e->insn.operand[0].size));
}

enum emul_result emul_op_neg(struct emul *e)
{
	uint64_t a, r, flags;

	TRY(emul_load(e, 0, &a));
	r = sub(0, a, false, e->insn.operand[0].size, &flags);
	set_flags(e, FL_ARITH, flags);
	return emul_update(e, 0, a, r);
}

enum emul_result emul_op_xadd(struct emul *e)
{
	uint64_t a, b, r, flags;
	unsigned int size = e->insn.operand[0].size;

	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	r = add(a, b, false, size, &flags);
	set_flags(e, FL_ARITH, flags);
	if (e->insn.operand[0].kind == EMUL_OPERAND_MEM) {
		TRY(emul_update(e, 0, a, r));
		return emul_store(e, 1, a);
	}
	/* Both registers: the sum wins when they are the same one. */
	TRY(emul_store(e, 1, a));
	return emul_store(e, 0, r);
}

/* On a mismatch hardware writes the old value back; nothing can tell, so we don't. */
enum emul_result emul_op_cmpxchg(struct emul *e)
{
	uint64_t old, new, accumulator, flags;
	unsigned int size = e->insn.operand[0].size;

	TRY(emul_load(e, 0, &old));
	TRY(emul_load(e, 1, &new));
	accumulator = emul_reg_read(e, EMUL_RAX, size);
	sub(accumulator, old, false, size, &flags);
	set_flags(e, FL_ARITH, flags);
	if (flags & FL_ZF)
		return emul_update(e, 0, old, new);
	emul_reg_write(e, EMUL_RAX, size, old);
	return EMUL_DONE;
}

enum emul_result emul_op_cmpxchg8b(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	unsigned int size = d->operand[0].size, half = size / 2;
	uint64_t old[2] = { 0 }, new[2] = { 0 }, value[2] = { 0 }, la = 0;
	unsigned int access = e->cpl == 3 ? EMUL_ACCESS_USER : 0;
	enum emul_cb cb = EMUL_CB_NOT_RAM;
	enum emul_result result;

	result = emul_linear(e, d->mem.seg, d->mem.offset, size, true, &la);
	/* Its own rule of alignment comes before #AC. */
	if (size == 16 && (la & 15) && (result == EMUL_DONE || e->fault.vector == VEC_AC))
		return emul_gp0(e);
	TRY(result);
	access |= EMUL_ACCESS_WRITE;
	if (d->prefixes & EMUL_PREFIX_LOCK)
		access |= EMUL_ACCESS_LOCKED;
	TRY(emul_from_cb(e->ops->read_mem(e, la, value, size, access)));
	/* Byte layout: low half first, also for the 8-byte form. */
	old[0] = half == 8 ? value[0] : value[0] & 0xffffffff;
	old[1] = half == 8 ? value[1] : value[0] >> 32;
	if (old[0] != emul_reg_read(e, EMUL_RAX, half) ||
	    old[1] != emul_reg_read(e, EMUL_RDX, half)) {
		emul_reg_write(e, EMUL_RAX, half, old[0]);
		emul_reg_write(e, EMUL_RDX, half, old[1]);
		set_flags(e, FL_ZF, 0);
		return EMUL_DONE;
	}
	new[0] = emul_reg_read(e, EMUL_RBX, half);
	new[1] = emul_reg_read(e, EMUL_RCX, half);
	if (half == 4)
		new[0] |= new[1] << 32;
	if ((d->prefixes & EMUL_PREFIX_LOCK) && e->ops->cmpxchg_mem)
		cb = e->ops->cmpxchg_mem(e, la, value, new, size, access);
	if (cb == EMUL_CB_NOT_RAM)
		cb = e->ops->write_mem(e, la, new, size, access);
	TRY(emul_from_cb(cb));
	set_flags(e, FL_ZF, FL_ZF);
	return EMUL_DONE;
}

enum emul_result emul_op_xchg(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	uint64_t a, b;

	/* 90 is NOP without REX.B, F3 90 PAUSE: EAX must not be zero-extended. */
	if (d->map == 0 && d->opcode == 0x90 &&
	    (!(d->rex & 1) || (d->prefixes & EMUL_PREFIX_REP)))
		return EMUL_DONE;
	TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	TRY(emul_update(e, 0, a, b));
	return emul_store(e, 1, a);
}
