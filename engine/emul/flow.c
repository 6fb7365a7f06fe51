/* SPDX-License-Identifier: MIT */
/* Control transfers. */
#include "internal.h"

bool emul_condition(uint64_t rflags, unsigned int cc)
{
	bool r, less = !(rflags & FL_SF) != !(rflags & FL_OF);

	switch (cc >> 1) {
	case 0: r = rflags & FL_OF; break;
	case 1: r = rflags & FL_CF; break;
	case 2: r = rflags & FL_ZF; break;
	case 3: r = rflags & (FL_CF | FL_ZF); break;
	case 4: r = rflags & FL_SF; break;
	case 5: r = rflags & FL_PF; break;
	case 6: r = less; break;
	default: r = less || (rflags & FL_ZF); break;
	}
	return r != (cc & 1);
}

/* A near jump's target, truncated to the operand size and checked. */
enum emul_result emul_jump(struct emul *e, uint64_t target)
{
	struct emul_seg cs;

	target &= emul_mask(e->insn.opsize);
	if (e->mode == EMUL_MODE64) {
		if (!emul_canonical(e, target))
			return emul_gp0(e);
	} else {
		e->ops->get_seg(e, EMUL_CS, &cs);
		if (target > cs.limit)
			return emul_gp0(e);
	}
	e->next_rip = target;
	return EMUL_DONE;
}

static enum emul_result jump_relative(struct emul *e)
{
	return emul_jump(e, e->next_rip + e->insn.imm);
}

enum emul_result emul_op_jcc(struct emul *e)
{
	if (!emul_condition(e->rflags, e->insn.opcode & 15))
		return EMUL_DONE;
	return jump_relative(e);
}

/* The target of JMP and CALL: an immediate is relative. */
static enum emul_result near_target(struct emul *e, uint64_t *target)
{
	if (e->insn.operand[0].kind != EMUL_OPERAND_IMM)
		return emul_load(e, 0, target);
	*target = e->next_rip + e->insn.imm;
	return EMUL_DONE;
}

enum emul_result emul_op_jmp(struct emul *e)
{
	uint64_t target;

	TRY(near_target(e, &target));
	return emul_jump(e, target);
}

enum emul_result emul_op_call(struct emul *e)
{
	uint64_t target;
	struct emul_stack s;

	TRY(near_target(e, &target));
	/* As on hardware the push comes first, even if the target then faults. */
	emul_stack_begin(e, &s);
	TRY(emul_stack_push(e, &s, e->next_rip, e->insn.opsize));
	TRY(emul_jump(e, target));
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

enum emul_result emul_op_ret(struct emul *e)
{
	struct emul_stack s;
	uint64_t target;

	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &target, e->insn.opsize));
	TRY(emul_jump(e, target));
	s.sp = (s.sp + e->insn.imm) & s.mask;
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

/* LOOP counts in CX, ECX or RCX by the address size. */
enum emul_result emul_op_loop(struct emul *e)
{
	unsigned int size = e->insn.addrsize;
	uint64_t count = (emul_reg_read(e, EMUL_RCX, size) - 1) & emul_mask(size);
	bool zf = e->rflags & FL_ZF, taken = count;

	if (e->insn.op == OP_LOOPE)
		taken = taken && zf;
	else if (e->insn.op == OP_LOOPNE)
		taken = taken && !zf;
	if (taken)
		TRY(jump_relative(e));
	emul_reg_write(e, EMUL_RCX, size, count);
	return EMUL_DONE;
}

enum emul_result emul_op_jcxz(struct emul *e)
{
	if (emul_reg_read(e, EMUL_RCX, e->insn.addrsize))
		return EMUL_DONE;
	return jump_relative(e);
}

/* Pushes a real-mode frame and loads CS:IP; SDM3 "Real-Address Mode Operation". */
static enum emul_result real_interrupt(struct emul *e, uint8_t vector, uint64_t back,
				       struct emul_far *f)
{
	struct emul_table_reg idt;
	struct emul_stack s;
	uint16_t entry[2];

	e->ops->get_table(e, EMUL_IDT, &idt);
	if (vector * 4u + 3 > idt.limit)
		return emul_gp0(e);
	TRY(emul_system_read(e, idt.base + vector * 4u, entry, sizeof(entry)));
	TRY(emul_far_load(e, entry[1], entry[0], false, f));
	emul_stack_begin(e, &s);
	{
		struct emul_seg cs;

		e->ops->get_seg(e, EMUL_CS, &cs);
		TRY(emul_stack_push(e, &s, (e->rflags & 0xffff) | FL_FIXED, 2));
		TRY(emul_stack_push(e, &s, cs.selector, 2));
		TRY(emul_stack_push(e, &s, back & 0xffff, 2));
	}
	emul_stack_commit(e, &s);
	e->new_rflags = e->rflags & ~(FL_IF | FL_TF | FL_AC | FL_RF);
	return EMUL_DONE;
}

enum emul_result emul_real_interrupt(struct emul *e, uint8_t vector, uint16_t return_ip)
{
	struct emul_far f;

	e->insn.prefixes = 0;
	e->insn.op = OP_INT;
	TRY(real_interrupt(e, vector, return_ip, &f));
	emul_far_commit(e, &f);
	e->rip = e->next_rip;
	e->rflags = e->new_rflags;
	return EMUL_DONE;
}

/* INT n, INT3, INT1, INTO. In protected mode delivery is the caller's. */
enum emul_result emul_op_int(struct emul *e)
{
	static const uint8_t kinds[] = {
		EMUL_EVENT_SOFT_INT, EMUL_EVENT_SOFT_EXC,
		EMUL_EVENT_PRIV_SOFT_EXC, EMUL_EVENT_SOFT_EXC,
	};
	static const uint8_t vectors[] = { 0, VEC_BP, VEC_DB, VEC_OF };
	unsigned int which = e->insn.op - OP_INT;
	uint8_t vector = which ? vectors[which] : (uint8_t)e->insn.imm;
	struct emul_far f;

	if (e->insn.op == OP_INTO && !(e->rflags & FL_OF))
		return EMUL_DONE;
	if (emul_real_mode(e)) {
		TRY(real_interrupt(e, vector, e->next_rip, &f));
		emul_far_commit(e, &f);
		return EMUL_DONE;
	}
	if (e->vm86 && e->insn.op == OP_INT && emul_iopl(e) < 3)
		return (emul_read_cr(e, 4) & CR4_VME) ? EMUL_UNSUPPORTED : emul_gp0(e);
	emul_fault(e, vector);
	e->fault.kind = kinds[which];
	return EMUL_FAULT;
}

static uint64_t iret_flags(const struct emul *e, uint64_t popped)
{
	uint64_t mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (e->insn.opsize != 2)
		mask |= FL_AC | FL_ID | FL_RF;
	if (e->cpl == 0)
		mask |= FL_IOPL;
	if (e->cpl <= emul_iopl(e))
		mask |= FL_IF;
	return (e->rflags & ~mask) | (popped & mask) | FL_FIXED;
}

/*
 * Real and virtual-8086 mode, and protected mode without a change of privilege,
 * task or mode: the others need no emulation where hardware runs them.
 */
enum emul_result emul_op_iret(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	uint64_t ip, cs, flags;
	struct emul_stack s;
	struct emul_far f;

	if (e->vm86 && emul_iopl(e) < 3)
		return (emul_read_cr(e, 4) & CR4_VME) ? EMUL_UNSUPPORTED : emul_gp0(e);
	if (e->long_mode || (!emul_real_segments(e) && (e->rflags & FL_NT)))
		return EMUL_UNSUPPORTED;
	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &ip, size));
	TRY(emul_stack_pop(e, &s, &cs, size));
	TRY(emul_stack_pop(e, &s, &flags, size));
	if (!emul_real_segments(e) && (flags & FL_VM) && e->cpl == 0)
		return EMUL_UNSUPPORTED;
	TRY(emul_far_load(e, (uint16_t)cs, ip, true, &f));
	emul_stack_commit(e, &s);
	emul_far_commit(e, &f);
	e->new_rflags = iret_flags(e, flags);
	return EMUL_DONE;
}

enum emul_result emul_op_bound(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	unsigned int size = d->opsize;
	uint64_t lower = 0, upper = 0;
	int64_t index, low, high;

	TRY(emul_mem_read(e, d->mem.seg, d->mem.offset, &lower, size, false));
	TRY(emul_mem_read(e, d->mem.seg, (d->mem.offset + size) & emul_mask(d->addrsize), &upper,
			  size, false));
	index = (int64_t)emul_sext(emul_reg_read(e, d->operand[0].reg, size), size);
	low = (int64_t)emul_sext(lower, size);
	high = (int64_t)emul_sext(upper, size);
	return index < low || index > high ? emul_fault(e, VEC_BR) : EMUL_DONE;
}

/* A far pointer: immediate, or in memory with the offset first. */
static enum emul_result far_pointer(struct emul *e, uint64_t *ip, uint16_t *selector)
{
	const struct emul_insn *d = &e->insn;

	*ip = d->imm;
	*selector = (uint16_t)d->imm2;
	if (d->operand[0].kind == EMUL_OPERAND_IMM)
		return EMUL_DONE;
	*ip = 0;
	TRY(emul_mem_read(e, d->mem.seg, d->mem.offset, ip, d->opsize, false));
	return emul_mem_read(e, d->mem.seg,
			     (d->mem.offset + d->opsize) & emul_mask(d->addrsize),
			     selector, 2, false);
}

enum emul_result emul_op_jmpf(struct emul *e)
{
	struct emul_far f;
	uint16_t selector;
	uint64_t ip;

	TRY(far_pointer(e, &ip, &selector));
	TRY(emul_far_load(e, selector, ip, false, &f));
	emul_far_commit(e, &f);
	return EMUL_DONE;
}

enum emul_result emul_op_callf(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	struct emul_seg cs;
	struct emul_stack s;
	struct emul_far f;
	uint16_t selector;
	uint64_t ip;

	TRY(far_pointer(e, &ip, &selector));
	TRY(emul_far_load(e, selector, ip, false, &f));
	e->ops->get_seg(e, EMUL_CS, &cs);
	emul_stack_begin(e, &s);
	TRY(emul_stack_push(e, &s, cs.selector, size));
	TRY(emul_stack_push(e, &s, e->next_rip, size));
	emul_stack_commit(e, &s);
	emul_far_commit(e, &f);
	return EMUL_DONE;
}

enum emul_result emul_op_retf(struct emul *e)
{
	unsigned int size = e->insn.opsize;
	struct emul_stack s;
	struct emul_far f;
	uint64_t ip, cs;

	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &ip, size));
	TRY(emul_stack_pop(e, &s, &cs, size));
	TRY(emul_far_load(e, (uint16_t)cs, ip, true, &f));
	s.sp = (s.sp + e->insn.imm) & s.mask;
	emul_stack_commit(e, &s);
	emul_far_commit(e, &f);
	return EMUL_DONE;
}
