/* SPDX-License-Identifier: MIT */
/* The stack, and the instructions that do little else. */
#include "internal.h"

/* Real mode and its heirs look at SS.B as well: SDM1 "Stack Alignment" ff. */
void emul_stack_begin(struct emul *e, struct emul_stack *s)
{
	struct emul_seg ss;

	s->mask = ~0ull;
	if (e->mode != EMUL_MODE64) {
		e->ops->get_seg(e, EMUL_SS, &ss);
		s->mask = (ss.ar & AR_DB) ? 0xffffffffull : 0xffffull;
	}
	s->sp = e->gpr[EMUL_RSP] & s->mask;
}

void emul_stack_commit(struct emul *e, const struct emul_stack *s)
{
	emul_reg_write(e, EMUL_RSP, s->mask == 0xffff ? 2 : s->mask == 0xffffffff ? 4 : 8, s->sp);
}

enum emul_result emul_stack_push(struct emul *e, struct emul_stack *s, uint64_t value,
				 unsigned int size)
{
	uint64_t sp = (s->sp - size) & s->mask;

	TRY(emul_mem_write(e, EMUL_SS, sp, &value, size));
	s->sp = sp;
	return EMUL_DONE;
}

enum emul_result emul_stack_pop(struct emul *e, struct emul_stack *s, uint64_t *value,
				unsigned int size)
{
	*value = 0;
	TRY(emul_mem_read(e, EMUL_SS, s->sp, value, size, false));
	s->sp = (s->sp + size) & s->mask;
	return EMUL_DONE;
}

enum emul_result emul_op_push(struct emul *e)
{
	struct emul_stack s;
	uint64_t value;

	TRY(emul_load(e, 0, &value));
	emul_stack_begin(e, &s);
	TRY(emul_stack_push(e, &s, value, e->insn.opsize));
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

/* POP to memory addressed by rSP uses rSP after the increment, SDM2 "POP". */
enum emul_result emul_op_pop(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	uint64_t value, offset = d->mem.offset;
	enum emul_result result;
	struct emul_stack s;

	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &value, d->opsize));
	if (d->operand[0].kind == EMUL_OPERAND_GPR) {
		emul_stack_commit(e, &s);
		return emul_store(e, 0, value);
	}
	if (d->mem.base == EMUL_RSP)
		d->mem.offset = (offset + d->opsize) & emul_mask(d->addrsize);
	result = emul_store(e, 0, value);
	d->mem.offset = offset;
	if (result == EMUL_DONE)
		emul_stack_commit(e, &s);
	return result;
}

enum emul_result emul_op_pusha(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	struct emul_stack s;

	emul_stack_begin(e, &s);
	for (unsigned int i = 0; i < 8; i++)
		TRY(emul_stack_push(e, &s, e->gpr[i], size));
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

enum emul_result emul_op_popa(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	uint64_t value[8];
	struct emul_stack s;

	emul_stack_begin(e, &s);
	for (unsigned int i = 8; i-- > 0; )
		TRY(emul_stack_pop(e, &s, &value[i], size));
	emul_stack_commit(e, &s);
	for (unsigned int i = 0; i < 8; i++)
		if (i != EMUL_RSP)
			emul_reg_write(e, i, size, value[i]);
	return EMUL_DONE;
}

/* With IOPL < 3 virtual-8086 code may touch FLAGS only through CR4.VME. */
static enum emul_result check_vm86_flags(struct emul *e)
{
	if (!e->vm86 || emul_iopl(e) == 3)
		return EMUL_DONE;
	return (emul_read_cr(e, 4) & CR4_VME) ? EMUL_UNSUPPORTED : emul_gp0(e);
}

enum emul_result emul_op_pushf(struct emul *e)
{
	uint64_t value = (e->rflags & ~(FL_VM | FL_RF)) | FL_FIXED;
	struct emul_stack s;

	TRY(check_vm86_flags(e));
	emul_stack_begin(e, &s);
	TRY(emul_stack_push(e, &s, value, e->insn.opsize));
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

/* SDM2 "POPF": what may change depends on operand size, CPL and IOPL. */
enum emul_result emul_op_popf(struct emul *e)
{
	uint64_t value, mask = FL_ARITH | FL_TF | FL_DF | FL_NT;
	struct emul_stack s;

	TRY(check_vm86_flags(e));
	if (e->insn.opsize != 2)
		mask |= FL_AC | FL_ID;
	if (e->cpl == 0)
		mask |= FL_IOPL;
	if (e->cpl <= emul_iopl(e))
		mask |= FL_IF;
	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &value, e->insn.opsize));
	emul_stack_commit(e, &s);
	e->new_rflags = (e->rflags & ~mask) | (value & mask) | FL_FIXED;
	return EMUL_DONE;
}

/* ENTER's nested levels: copies level - 1 frame pointers, then pushes this one. */
static enum emul_result enter_levels(struct emul *e, struct emul_stack *s, unsigned int level,
				     uint64_t frame)
{
	unsigned int size = e->insn.opsize;
	uint64_t bp = e->gpr[EMUL_RBP] & s->mask;

	for (unsigned int i = 1; i < level; i++) {
		uint64_t value = 0;

		bp = (bp - size) & s->mask;
		TRY(emul_mem_read(e, EMUL_SS, bp, &value, size, false));
		TRY(emul_stack_push(e, s, value, size));
	}
	return level ? emul_stack_push(e, s, frame, size) : EMUL_DONE;
}

enum emul_result emul_op_enter(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	struct emul_stack s;
	uint64_t frame, top = 0;

	emul_stack_begin(e, &s);
	TRY(emul_stack_push(e, &s, e->gpr[EMUL_RBP], size));
	frame = s.sp;
	TRY(enter_levels(e, &s, (unsigned int)e->insn.imm2 & 31, frame));
	s.sp = (s.sp - e->insn.imm) & s.mask;
	/* SDM2 "ENTER": the new top of the stack must be writable; nothing is written. */
	TRY(emul_mem_read(e, EMUL_SS, s.sp, &top, size, true));
	emul_reg_write(e, EMUL_RBP, s.mask == 0xffff ? 2 : size, frame);
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

enum emul_result emul_op_leave(struct emul *e)
{
	struct emul_stack s;
	uint64_t value;

	emul_stack_begin(e, &s);
	s.sp = e->gpr[EMUL_RBP] & s.mask;
	TRY(emul_stack_pop(e, &s, &value, e->insn.opsize));
	emul_stack_commit(e, &s);
	emul_reg_write(e, EMUL_RBP, e->insn.opsize, value);
	return EMUL_DONE;
}
