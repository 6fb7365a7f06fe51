/* SPDX-License-Identifier: MIT */
/* Vector moves: the part of SSE, SSE2 and AVX that touches device memory. */
#include "internal.h"

static bool is_vex(const struct emul *e)
{
	return e->insn.prefixes & EMUL_PREFIX_VEX;
}

static enum emul_result vec_load(struct emul *e, unsigned int n, uint64_t buf[4])
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *o = &d->operand[n];

	__builtin_memset(buf, 0, 32);
	switch (o->kind) {
	case EMUL_OPERAND_VEC:
		e->ops->read_xmm(e, o->reg, buf, o->size == 32 ? 32 : 16);
		return EMUL_DONE;
	case EMUL_OPERAND_MEM:
		return emul_mem_read(e, d->mem.seg, d->mem.offset, buf, o->size, false);
	default:
		buf[0] = emul_reg_read(e, o->reg, o->size);
		return EMUL_DONE;
	}
}

static void vec_write(struct emul *e, unsigned int reg, const uint64_t buf[4],
		      unsigned int size)
{
	e->ops->write_xmm(e, reg, buf, size == 32 ? 32 : 16, is_vex(e));
}

static enum emul_result vec_store(struct emul *e, const uint64_t buf[4])
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *o = &d->operand[0];

	return emul_mem_write(e, d->mem.seg, d->mem.offset, buf, o->size);
}

/* Aligned forms: SDM2 "Exception Class" 1, #GP(0) rather than #AC. */
static enum emul_result check_alignment(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	struct emul_seg s = { 0 };
	uint64_t la = d->mem.offset;

	if (!(d->flags & F_ALIGN) || !d->mem.valid)
		return EMUL_DONE;
	if (e->mode != EMUL_MODE64 || d->mem.seg == EMUL_FS || d->mem.seg == EMUL_GS)
		e->ops->get_seg(e, d->mem.seg, &s);
	la += s.base;
	return (la & (d->mem.size - 1u)) ? emul_gp0(e) : EMUL_DONE;
}

/* Whole registers. */
enum emul_result emul_op_sse_mov(struct emul *e)
{
	const struct emul_operand *o = &e->insn.operand[0];
	uint64_t buf[4];

	TRY(check_alignment(e));
	TRY(vec_load(e, 1, buf));
	if (o->kind == EMUL_OPERAND_MEM)
		return vec_store(e, buf);
	vec_write(e, o->reg, buf, o->size);
	return EMUL_DONE;
}

/* MOVD and MOVQ: 4 or 8 bytes, zero-extended into a vector register. */
enum emul_result emul_op_sse_movd(struct emul *e)
{
	const struct emul_operand *to = &e->insn.operand[0], *from = &e->insn.operand[1];
	uint64_t buf[4];

	TRY(vec_load(e, 1, buf));
	if (to->kind == EMUL_OPERAND_MEM)
		return vec_store(e, buf);
	if (to->kind == EMUL_OPERAND_GPR) {
		emul_reg_write(e, to->reg, to->size, buf[0] & emul_mask(to->size));
		return EMUL_DONE;
	}
	buf[0] &= emul_mask(from->size);
	buf[1] = 0;
	vec_write(e, to->reg, buf, 16);
	return EMUL_DONE;
}

/* MOVSS and MOVSD: loads clear the rest, register moves keep it. */
enum emul_result emul_op_sse_scalar(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *to = &d->operand[0];
	uint64_t buf[4], rest[2], mask = emul_mask(to->size);
	unsigned int keep = to->reg;

	TRY(vec_load(e, 1, buf));
	if (to->kind == EMUL_OPERAND_MEM)
		return vec_store(e, buf);
	if (!d->mem.valid) {
		if (is_vex(e))
			keep = d->vex_reg & (e->mode == EMUL_MODE64 ? 0xf : 7);
		e->ops->read_xmm(e, keep, rest, 16);
		buf[0] = (rest[0] & ~mask) | (buf[0] & mask);
		buf[1] = rest[1];
	}
	vec_write(e, to->reg, buf, 16);
	return EMUL_DONE;
}

/* MOVLPS, MOVHPS and their register forms MOVHLPS, MOVLHPS. */
enum emul_result emul_op_sse_half(struct emul *e)
{
	const struct emul_operand *to = &e->insn.operand[0], *from = &e->insn.operand[1];
	unsigned int half = e->insn.op == OP_VMOVHIGH;
	uint64_t buf[4], value[4];

	TRY(vec_load(e, 1, buf));
	if (to->kind == EMUL_OPERAND_MEM) {
		buf[0] = buf[half];
		return vec_store(e, buf);
	}
	e->ops->read_xmm(e, to->reg, value, 16);
	value[half] = from->kind == EMUL_OPERAND_VEC ? buf[!half] : buf[0];
	vec_write(e, to->reg, value, 16);
	return EMUL_DONE;
}
