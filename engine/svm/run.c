/* SPDX-License-Identifier: MIT */
/* Into the guest and out again. */
#include "svm.h"

#include "../irq/irq.h"
#include "../x86/exits.h"
#include "arch/insn.h"
#include "svm/insn.h"


/* Kept out of the way that every exit takes. */
#define COLD		__attribute__((__cold__, __noinline__))

COLD static void new_asid(struct svm_vcpu *s)
{
	struct svm_cpu *c = s->cpu;

	if (c->next_asid >= svm_features.asids) {
		c->generation++;
		c->next_asid = 1;
		s->vmcb->c.tlb_control = TLB_FLUSH_ALL;
	}
	s->vmcb->c.asid = c->next_asid++;
	s->asid_generation = c->generation;
	vmcb_touch(s, CLEAN_ASID);
}

/* What s->rare stands for, before VMRUN and after what follows it. */
COLD static void prepare_rare(struct svm_vcpu *s)
{
	if (s->asid_generation != s->cpu->generation)
		new_asid(s);
	if (s->event.type)
		svm_prepare_event(s);
}

COLD static void finish_rare(struct svm_vcpu *s)
{
	s->vmcb->c.tlb_control = TLB_KEEP;
	s->vmcb->c.event_inject = 0;
	s->event.type = EVENT_NONE;
	s->rare = false;
	if (!s->nmi.any)
		return;
	s->rare = true;
	svm_track_nmi(s);
}

COLD static void write_regs(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;

	if (v->reg_dirty & REG_RSP)
		s->vmcb->s.rsp = v->gpr[GPR_RSP];
	if (v->reg_dirty & REG_RFLAGS)
		s->vmcb->s.rflags = v->rflags;
}

static inline u8 tpr_class(struct svm_vcpu *s)
{
	return s->tpr ? *s->tpr >> 4 : s->v.user_cr8 & 15;
}

/* The guest moved CR8 without an exit. */
COLD static void tpr_changed(struct svm_vcpu *s, u8 class)
{
	if (s->tpr) {
		*s->tpr = class << 4;
		lapic_tpr_changed(s->v.lapic);
	} else {
		s->v.user_cr8 = class;
	}
}

static inline void prepare(struct svm_vcpu *s, struct vmcb *b, u8 class)
{
	struct vcpu *v = &s->v;

	b->s.rax = v->gpr[GPR_RAX];
	b->s.rip = v->rip;
	if (v->reg_dirty & (REG_RSP | REG_RFLAGS))
		write_regs(s);
	if (UNLIKELY(b->s.cr2 != v->cr2)) {
		b->s.cr2 = v->cr2;
		vmcb_touch(s, CLEAN_CR2);
	}
	if (UNLIKELY((u8)b->c.int_ctl != class)) {
		b->c.int_ctl = (b->c.int_ctl & ~INT_CTL_TPR) | class;
		vmcb_touch(s, CLEAN_TPR);
	}
	if (UNLIKELY(s->rare))
		prepare_rare(s);
}

static inline bool switches_xcr0(struct svm_vcpu *s)
{
	return s->v.xcr0 != s->host_xcr0 && (s->v.cr4 & CR4_OSXSAVE);
}

/*
 * On QEMU XSETBV doesn't exit: the guest may have changed the real XCR0, which is to
 * be remembered, and not to be left to the host. Is it another one now?
 */
COLD static bool follow_xcr0(struct svm_vcpu *s)
{
	if (s->v.cr4 & CR4_OSXSAVE)
		s->v.xcr0 = xgetbv(0);
	return switches_xcr0(s);
}

/*
 * QEMU may lose a host's interrupt that comes while VMRUN looks at V_IRQ: its LAPIC
 * has it in IRR and doesn't tell the CPU, until something makes it look again
 * (docs/emulators.md).
 */
COLD static void find_lost_interrupt(const struct svm_vcpu *s)
{
	if (s->vmcb->c.int_ctl & INT_CTL_V_IRQ)
		write_cr8(read_cr8());
}

COLD static void after_qemu(struct svm_vcpu *s)
{
	find_lost_interrupt(s);
	if ((s->v.cr4 & CR4_OSXSAVE) && follow_xcr0(s))
		xsetbv(0, s->host_xcr0);
}

/* VMRUN with what few hosts or guests have different. */
COLD static void odd_switch(struct svm_vcpu *s, u32 shadow, u16 ldt)
{
	struct vcpu *v = &s->v;
	bool xcr0 = switches_xcr0(s) && s->host_xcr0, xss = s->host_xss != v->xss;

	if (xcr0)
		xsetbv(0, v->xcr0);
	if (xss)
		wrmsr(MSR_XSS, v->xss);
	svm_switch(v, s->vmcb_pa, s->cpu->host_pa, shadow);
	if (svm_features.tcg) {
		find_lost_interrupt(s);
		xcr0 |= follow_xcr0(s);
	}
	if (ldt)
		load_ldtr(ldt);
	if (xcr0)
		xsetbv(0, s->host_xcr0);
	if (xss)
		wrmsr(MSR_XSS, s->host_xss);
}

static inline void world_switch(struct svm_vcpu *s, struct vmcb *b)
{
	u32 shadow = b->c.int_state & INT_STATE_SHADOW;
	u16 ldt = read_ldtr();

	if (UNLIKELY((ldt | (s->host_xss ^ s->v.xss)) || switches_xcr0(s))) {
		odd_switch(s, shadow, ldt);
		return;
	}
	svm_switch(&s->v, s->vmcb_pa, s->cpu->host_pa, shadow);
	if (UNLIKELY(svm_features.tcg))
		after_qemu(s);
}

static inline void collect(struct svm_vcpu *s, struct vmcb *b)
{
	struct vcpu *v = &s->v;

	v->gpr[GPR_RAX] = b->s.rax;
	v->cr2 = b->s.cr2;
	v->rip = v->exit.rip = b->s.rip;
	v->reg_valid = REG_RIP;
	v->reg_dirty = 0;
	v->exit.reason = svm_exit_index(b->c.exit_code);
	v->exit.qual = b->c.exit_info1;
	v->exit.insn_len = svm_features.nrips ? (u32)(b->c.next_rip - b->s.rip) : 0;
	v->exit.flags = 0;
	v->injected.type = EVENT_NONE;
	b->c.clean = svm_features.clean;
}

/*
 * #MC exits: the machine is the host's. A host built without machine checks has
 * no gate for it and stops at the exit instead.
 */
COLD static void pass_machine_check(void)
{
	struct table_reg idt;
	const u8 *gate;

	store_idt(&idt);
	if (idt.limit < 16 * (VEC_MC + 1) - 1)
		return;
	gate = (const u8 *)(uintptr_t)idt.base + 16 * VEC_MC;
	if (gate[5] & BIT(7))
		raise_machine_check();
}

void svm_enter(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *b = s->vmcb;
	u8 class = tpr_class(s), left;
	bool debug;
	u64 dr7;

	dr7 = read_dr7();
	debug = (((dr7 | b->s.dr7) & DR7_ENABLES) | s->debug_wanted) != 0;
	if (UNLIKELY(debug))
		svm_debug_before(s, dr7);
	prepare(s, b, class);
	world_switch(s, b);
	collect(s, b);
	if (UNLIKELY(debug))
		svm_debug_after(s);
	if (UNLIKELY(b->c.exit_int_info & EVENT_INJ_V))
		svm_recover_event(s, b->c.exit_int_info);
	if (UNLIKELY(s->rare))
		finish_rare(s);
	left = b->c.int_ctl & 15;
	if (UNLIKELY(left != class))
		tpr_changed(s, left);
	if (UNLIKELY(v->exit.reason == EXIT_EXCEPTION(VEC_MC)))
		pass_machine_check();
}

static bool in_64bit_mode(const struct vmcb_save *b)
{
	return (b->efer & EFER_LMA) && (b->cs.attrib & BIT(9));
}

/* RFLAGS.RF ends with the instruction, RFLAGS.TF traps after it. */
COLD static void end_of_instruction(struct vcpu *v)
{
	u64 rflags = vcpu_rflags(v);

	vcpu_set_rflags(v, rflags & ~RFLAGS_RF);
	if (rflags & RFLAGS_TF)
		x86_step_trap(v);
}

COLD static void skip_unknown(struct vcpu *v)
{
	v->exit.insn_len = x86_insn_length(v);
	if (v->exit.insn_len)
		svm_skip(v);
}

void svm_skip(struct vcpu *v)
{
	struct vmcb *b = to_svm(v)->vmcb;
	u32 length = v->exit.insn_len;
	u64 rip;

	if (UNLIKELY(!length)) {
		skip_unknown(v);
		return;
	}
	rip = v->rip + length;
	if (UNLIKELY((rip >> 32) && !in_64bit_mode(&b->s)))
		rip = (u32)rip;
	v->rip = rip;
	b->c.int_state &= ~INT_STATE_SHADOW;
	if (UNLIKELY(b->s.rflags & (RFLAGS_RF | RFLAGS_TF)))
		end_of_instruction(v);
}
