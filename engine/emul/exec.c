/* SPDX-License-Identifier: MIT */
/* Runs a decoded instruction: privilege, handler, commit. */
#include "internal.h"

static enum emul_result (*const handlers[OP_COUNT])(struct emul *e) = {
#define X(name, handler) [OP_##name] = emul_op_##handler,
	EMUL_OPS(X)
#undef X
};

enum emul_result emul_op_ud(struct emul *e)
{
	return emul_fault(e, VEC_UD);
}

/* Vector state must be there and enabled: SDM1 "Checking for Intel SSE and SSE2 Support". */
static enum emul_result check_vector(struct emul *e)
{
	uint64_t cr0 = emul_read_cr(e, 0), cr4 = emul_read_cr(e, 4);

	if (!e->ops->read_xmm || !e->ops->write_xmm)
		return EMUL_UNSUPPORTED;
	if (e->insn.prefixes & EMUL_PREFIX_VEX) {
		if (!(cr4 & CR4_OSXSAVE) || (emul_read_cr(e, EMUL_XCR0) & XCR0_AVX) != XCR0_AVX)
			return emul_fault(e, VEC_UD);
	} else if ((cr0 & CR0_EM) || !(cr4 & CR4_OSFXSR)) {
		return emul_fault(e, VEC_UD);
	}
	return (cr0 & CR0_TS) ? emul_fault(e, VEC_NM) : EMUL_DONE;
}

static enum emul_result check_allowed(struct emul *e)
{
	uint32_t f = e->insn.flags;

	if (!(f & (F_PM | F_CPL0 | F_SSE | F_LENGTH)))
		return EMUL_DONE;
	if (f & F_LENGTH)
		return EMUL_UNSUPPORTED;
	if ((f & F_PM) && emul_real_segments(e))
		return emul_fault(e, VEC_UD);
	if ((f & F_CPL0) && e->cpl)
		return emul_gp0(e);
	return (f & F_SSE) ? check_vector(e) : EMUL_DONE;
}

enum emul_result emul_execute(struct emul *e)
{
	bool single_step = e->rflags & FL_TF;
	enum emul_result result;

	e->shadow = EMUL_SHADOW_NONE;
	e->trap = false;
	e->new_rflags = e->rflags;
	e->next_rip = e->rip + e->insn.length;
	if (e->mode != EMUL_MODE64)
		e->next_rip &= 0xffffffff;
	TRY(check_allowed(e));
	result = handlers[e->insn.op](e);
	if (result == EMUL_AGAIN)
		e->trap = single_step && (e->insn.flags & F_STRING);
	if (result != EMUL_DONE && result != EMUL_HALT)
		return result;
	e->rip = e->next_rip;
	e->rflags = e->insn.op == OP_IRET ? e->new_rflags : e->new_rflags & ~FL_RF;
	/* MOV SS holds a trap back; a software interrupt clears TF before it counts. */
	e->trap = single_step && e->shadow != EMUL_SHADOW_MOV_SS &&
		  ((e->new_rflags & FL_TF) || e->insn.op < OP_INT || e->insn.op > OP_INTO);
	return result;
}

enum emul_result emul_step(struct emul *e)
{
	TRY(emul_decode(e));
	return emul_execute(e);
}
