/* SPDX-License-Identifier: MIT */
/* The trap policy in intercepts, and exits back in its terms. */
#include "../x86/exits.h"
#include "svm.h"

/* Intercepts that a trap needs; all others exit anyway. */
static const struct {
	u32 trap;
	u32 misc1, misc2;
} intercepts[] = {
	{ TRAP_RDTSC, INTERCEPT1_RDTSC, INTERCEPT2_RDTSCP },
	{ TRAP_INVLPG, INTERCEPT1_INVLPG, 0 },
	{ TRAP_PAUSE, INTERCEPT1_PAUSE, 0 },
	{ TRAP_DESCRIPTOR, INTERCEPT1_DESCRIPTOR, 0 },
};

int svm_set_traps(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control *c = &s->vmcb->c;
	unsigned i;

	/* What was set up without traps, then what they add. */
	svm_init_intercepts(s);
	svm_cpuid_changed(v);
	for (i = 0; i < COUNT_OF(intercepts); i++)
		if (v->traps.instructions & intercepts[i].trap) {
			c->misc1 |= intercepts[i].misc1;
			c->misc2 |= intercepts[i].misc2;
		}
	if (v->traps.instructions & TRAP_CR3)
		c->cr_write |= INTERCEPT_CR(3);
	c->exceptions |= v->traps.exceptions;
	vmcb_touch(s, CLEAN_INTERCEPTS);
	vcpu_request(v, REQ_EVENT);	/* windows are asked for again */
	return 0;
}

static u32 exception_trap(struct vcpu *v, u32 vector)
{
	const struct vmcb_control *c = &to_svm(v)->vmcb->c;
	u32 error = c->exit_info1;

	if (vector == VEC_UD && x86_ud_trap(v))
		return TRAP_VMCALL;
	if (!(v->traps.exceptions & BIT(vector)))
		return 0;
	/* A step of inject.c's is nobody else's business. */
	if (vector == VEC_DB && to_svm(v)->nmi.step)
		return 0;
	/* Hardware has no mask and match for page faults. */
	if (vector == VEC_PF && (error & v->traps.pf_mask) != v->traps.pf_match)
		return 0;
	v->uexit.trap.vector = vector;
	v->uexit.trap.error = error;
	v->uexit.trap.cr2 = vector == VEC_PF ? c->exit_info2 : 0;
	return TRAP_EXCEPTION;
}

static u32 instruction_trap(u64 reason)
{
	switch (reason) {
	case EXIT_VMMCALL: return TRAP_VMCALL;
	case EXIT_HLT: return TRAP_HLT;
	case EXIT_CPUID: return TRAP_CPUID;
	case EXIT_RDTSC: case EXIT_RDTSCP: return TRAP_RDTSC;
	case EXIT_RDPMC: return TRAP_RDPMC;
	case EXIT_INVLPG: return TRAP_INVLPG;
	case EXIT_PAUSE: return TRAP_PAUSE;
	case EXIT_DR_READ(0) ... EXIT_DR_WRITE(15): return TRAP_MOV_DR;
	case EXIT_IOIO: return TRAP_IO;
	case EXIT_XSETBV: return TRAP_XSETBV;
	case EXIT_INVD: case EXIT_WBINVD: return TRAP_WBINVD;
	case EXIT_IDTR_READ ... EXIT_TR_WRITE: return TRAP_DESCRIPTOR;
	case EXIT_CR_WRITE(3): return TRAP_CR3;
	default: return 0;
	}
}

u32 svm_trap_of(struct vcpu *v)
{
	u32 trap;

	if (v->exit.reason >= EXIT_EXCEPTION(0) && v->exit.reason <= EXIT_EXCEPTION(31))
		return exception_trap(v, v->exit.reason - EXIT_EXCEPTION(0));
	trap = instruction_trap(v->exit.reason) & v->traps.instructions;
	if (trap && !v->exit.insn_len)
		v->exit.insn_len = x86_insn_length(v);
	return trap;
}
