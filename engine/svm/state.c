/* SPDX-License-Identifier: MIT */
/* Guest registers in the VMCB, in the engine's terms. */
#include "svm.h"

#include "arch/insn.h"

void svm_load_regs(struct vcpu *v, u32 mask)
{
	struct vmcb_save *b = &to_svm(v)->vmcb->s;

	mask &= ~v->reg_valid;
	if (mask & REG_RIP)
		v->rip = b->rip;
	if (mask & REG_RSP)
		v->gpr[GPR_RSP] = b->rsp;
	if (mask & REG_RFLAGS)
		v->rflags = b->rflags;
	v->reg_valid |= mask;
}

static struct vmcb_seg *seg_of(struct vcpu *v, enum seg n)
{
	struct vmcb_save *b = &to_svm(v)->vmcb->s;

	switch (n) {
	case SEG_ES: return &b->es;
	case SEG_CS: return &b->cs;
	case SEG_SS: return &b->ss;
	case SEG_DS: return &b->ds;
	case SEG_FS: return &b->fs;
	case SEG_GS: return &b->gs;
	case SEG_LDTR: return &b->ldtr;
	default: return &b->tr;
	}
}

/*
 * APM2 "Segment State in the VMCB": a segment that can't be used is one that is
 * not present. Of the rest of its attributes only SS.DPL keeps a meaning. G is
 * not kept by all CPUs, the limit tells.
 */
void svm_get_seg(struct vcpu *v, enum seg n, struct x86_seg *out)
{
	const struct vmcb_seg *in = seg_of(v, n);

	out->base = in->base;
	out->limit = in->limit;
	out->sel = in->selector;
	out->ar = (in->attrib & SEG_ATTRIB_LOW) | (in->attrib & SEG_ATTRIB_HIGH) << 4;
	if (in->limit > 0xfffff)
		out->ar |= AR_G;
	if (!(in->attrib & SEG_ATTRIB_P))
		out->ar |= AR_UNUSABLE;
	/* TR in use is always busy. */
	if (n == SEG_TR)
		out->ar |= 2;
}

void svm_set_seg(struct vcpu *v, enum seg n, const struct x86_seg *in)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_seg *out = seg_of(v, n);

	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->sel;
	out->attrib = (in->ar & SEG_ATTRIB_LOW) | ((in->ar >> 4) & SEG_ATTRIB_HIGH);
	if (in->ar & AR_UNUSABLE)
		out->attrib &= ~SEG_ATTRIB_P;
	/* QEMU knows no busy TSS: it ends itself when it needs one. */
	if (n == SEG_TR && svm_features.tcg)
		out->attrib &= ~SEG_ATTRIB_BUSY;
	if (n == SEG_SS)
		s->vmcb->s.cpl = AR_DPL(in->ar);
	vmcb_touch(s, CLEAN_SEG);
}

unsigned svm_cpl(struct vcpu *v)
{
	return to_svm(v)->vmcb->s.cpl;
}

void svm_get_dtables(struct vcpu *v, struct x86_dtable *gdt, struct x86_dtable *idt)
{
	const struct vmcb_save *b = &to_svm(v)->vmcb->s;

	*gdt = (struct x86_dtable){ b->gdtr.base, b->gdtr.limit };
	*idt = (struct x86_dtable){ b->idtr.base, b->idtr.limit };
}

void svm_set_gdt(struct vcpu *v, const struct x86_dtable *gdt)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->s.gdtr.base = gdt->base;
	s->vmcb->s.gdtr.limit = gdt->limit;
	vmcb_touch(s, CLEAN_DT);
}

void svm_set_idt(struct vcpu *v, const struct x86_dtable *idt)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->s.idtr.base = idt->base;
	s->vmcb->s.idtr.limit = idt->limit;
	vmcb_touch(s, CLEAN_DT);
}

/* All control registers are the guest's own, only CR4 and EFER writes exit. */
void svm_sync_crs(struct vcpu *v)
{
	const struct vmcb_save *b = &to_svm(v)->vmcb->s;

	v->cr0 = b->cr0;
	v->cr3 = b->cr3;
	v->cr4 = b->cr4;
	v->efer = b->efer & ~EFER_SVME;
}

u64 svm_cr3_64(struct vcpu *v)
{
	const struct vmcb_save *b = &to_svm(v)->vmcb->s;

	return (b->efer & EFER_LMA) && (b->cs.attrib & SEG_ATTRIB_L) ? b->cr3 : NO_CR3;
}

void svm_set_cr0(struct vcpu *v, u64 cr0)
{
	struct svm_vcpu *s = to_svm(v);

	v->cr0 = s->vmcb->s.cr0 = cr0;
	vmcb_touch(s, CLEAN_CR);
}

void svm_set_cr3(struct vcpu *v, u64 cr3)
{
	struct svm_vcpu *s = to_svm(v);

	v->cr3 = s->vmcb->s.cr3 = cr3;
	vmcb_touch(s, CLEAN_CR);
}

void svm_set_cr4(struct vcpu *v, u64 cr4)
{
	struct svm_vcpu *s = to_svm(v);

	v->cr4 = s->vmcb->s.cr4 = cr4;
	vmcb_touch(s, CLEAN_CR);
}

/* VMRUN insists on SVME. */
void svm_set_efer(struct vcpu *v, u64 efer)
{
	struct svm_vcpu *s = to_svm(v);

	v->efer = efer;
	s->vmcb->s.efer = efer | EFER_SVME;
	vmcb_touch(s, CLEAN_CR);
}

/* MSRs that are fields of the VMCB as they are. */
static u64 *msr_field(struct vcpu *v, u32 msr)
{
	struct vmcb_save *b = &to_svm(v)->vmcb->s;

	switch (msr) {
	case MSR_SYSENTER_CS: return &b->sysenter_cs;
	case MSR_SYSENTER_ESP: return &b->sysenter_esp;
	case MSR_SYSENTER_EIP: return &b->sysenter_eip;
	case MSR_STAR: return &b->star;
	case MSR_LSTAR: return &b->lstar;
	case MSR_CSTAR: return &b->cstar;
	case MSR_SYSCALL_MASK: return &b->sfmask;
	case MSR_FS_BASE: return &b->fs.base;
	case MSR_GS_BASE: return &b->gs.base;
	case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
	case MSR_PAT: return &b->g_pat;
	case MSR_TSC_AUX: return &v->tsc_aux;
	case MSR_DEBUGCTL: return &to_svm(v)->debugctl;
	default: return NULL;
	}
}

bool svm_get_msr(struct vcpu *v, u32 msr, u64 *val)
{
	const u64 *field = msr_field(v, msr);

	if (!field)
		return false;
	*val = *field;
	return true;
}

bool svm_set_msr(struct vcpu *v, u32 msr, u64 val)
{
	struct svm_vcpu *s = to_svm(v);
	u64 *field = msr_field(v, msr);

	if (!field)
		return false;
	*field = val;
	if (msr == MSR_TSC_AUX && s->cpu && backend_caps.rdtscp)
		wrmsr(MSR_TSC_AUX, val);
	if (msr == MSR_PAT) {
		v->pat = val;
		vmcb_touch(s, CLEAN_NP);
	}
	return true;
}

void svm_set_tsc_offset(struct vcpu *v, u64 offset)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->c.tsc_offset = offset;
	vmcb_touch(s, CLEAN_INTERCEPTS);
}
