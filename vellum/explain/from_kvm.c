/* SPDX-License-Identifier: MIT */
#include "from_kvm.h"

#include <stdlib.h>
#include <string.h>

#include <cpuid.h>

#include "from_vmm.h"
#include "insn.h"
#include "render.h"

struct live {
	struct explain_state s;
	struct explain_report r;
};

bool explain_host_is_amd(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(0, &a, &b, &c, &d))
		return false;
	return (b == signature_AMD_ebx && c == signature_AMD_ecx) ||
	       (b == 0x6f677948 && d == 0x6e65476e);	/* HygonGenuine */
}

static uint32_t access_rights(const struct kvm_segment *seg)
{
	return seg->type | (uint32_t)seg->s << 4 | (uint32_t)seg->dpl << 5 |
	       (uint32_t)seg->present << 7 | (uint32_t)seg->avl << 12 | (uint32_t)seg->l << 13 |
	       (uint32_t)seg->db << 14 | (uint32_t)seg->g << 15 | (uint32_t)seg->unusable << 16;
}

/*
 * What any kernel side makes of a segment before it reaches the VMCS, so that nothing is
 * blamed that never gets there: an absent one is unusable, a loaded one accessed.
 */
static uint32_t vmx_access_rights(const struct kvm_segment *seg, unsigned n, bool long_mode)
{
	uint32_t ar = access_rights(seg);

	if (n == SEG_TR)
		return long_mode ? (ar & ~0xfu) | 11 : ar;
	if (n != SEG_CS && !(ar & AR_P))
		return ar | AR_UNUSABLE;
	return n == SEG_LDTR ? ar : ar | 1;
}

static const struct kvm_segment *segment(const struct kvm_sregs *sr, unsigned n)
{
	const struct kvm_segment *segs[SEG_COUNT] = {
		&sr->es, &sr->cs, &sr->ss, &sr->ds, &sr->fs, &sr->gs, &sr->ldt, &sr->tr,
	};

	return segs[n];
}

/* The controls that every kernel side sets, and what VMX adds to the guest's registers. */
static void vmx_fixed(struct explain_state *s, const struct explain_kvm *k, bool long_mode)
{
	const struct kvm_sregs *sr = k->sregs;

	explain_set(s, F_PROC_CTLS, 0x84006172);
	explain_set(s, F_PROC_CTLS2, 1 << 1 | 1 << 7);
	explain_set(s, F_ENTRY_CTLS, 0x11fb | 1 << 15 | (long_mode ? 1 << 9 : 0));
	explain_set(s, F_GUEST_CR0, (sr->cr0 & ~(CR0_CD | CR0_NW)) | CR0_NE);
	explain_set(s, F_GUEST_CR4, sr->cr4 | CR4_VMXE);
	explain_set(s, F_GUEST_RFLAGS, k->regs->rflags | RFLAGS_FIXED);
}

static void from_vmx(struct explain_state *s, const struct explain_kvm *k)
{
	const struct kvm_sregs *sr = k->sregs;
	bool long_mode = sr->efer & EFER_LMA;
	unsigned n;

	s->vendor = EXPLAIN_VMX;
	vmx_fixed(s, k, long_mode);
	for (n = 0; n < SEG_COUNT; n++) {
		const struct kvm_segment *seg = segment(sr, n);

		explain_set(s, F_GUEST_ES_SELECTOR + 2 * n, seg->selector);
		explain_set(s, F_GUEST_ES_LIMIT + 2 * n, seg->limit);
		explain_set(s, F_GUEST_ES_BASE + 2 * n, seg->base);
		explain_set(s, F_GUEST_ES_AR + 2 * n, vmx_access_rights(seg, n, long_mode));
	}
	explain_set(s, F_GUEST_GDTR_BASE, sr->gdt.base);
	explain_set(s, F_GUEST_GDTR_LIMIT, sr->gdt.limit);
	explain_set(s, F_GUEST_IDTR_BASE, sr->idt.base);
	explain_set(s, F_GUEST_IDTR_LIMIT, sr->idt.limit);
	explain_set(s, F_GUEST_CR3, sr->cr3);
	explain_set(s, F_GUEST_EFER, sr->efer & ~(uint64_t)EFER_SVME);
	explain_set(s, F_GUEST_RIP, k->regs->rip);
	explain_set(s, F_GUEST_RSP, k->regs->rsp);
	if (k->why == EXPLAIN_SHUTDOWN)
		explain_set(s, F_EXIT_REASON, 2);
	else if (k->why == EXPLAIN_FAIL_ENTRY && (k->hardware_reason & 0x80000000))
		explain_set(s, F_EXIT_REASON, (uint32_t)k->hardware_reason);
	else if (k->why == EXPLAIN_FAIL_ENTRY)
		explain_set(s, F_INSN_ERROR, (uint32_t)k->hardware_reason);
}

#define VS(member) offsetof(struct vmcb, s.member)

static void svm_segment(struct explain_state *s, uint32_t at, const struct kvm_segment *seg)
{
	uint32_t ar = access_rights(seg);

	if (seg->unusable)
		ar = 0;
	explain_set_vmcb(s, at, seg->selector);
	explain_set_vmcb(s, at + offsetof(struct vmcb_seg, attrib), (ar & 0xff) | (ar >> 4 & 0xf00));
	explain_set_vmcb(s, at + offsetof(struct vmcb_seg, limit), seg->limit);
	explain_set_vmcb(s, at + offsetof(struct vmcb_seg, base), seg->base);
}

static void from_svm(struct explain_state *s, const struct explain_kvm *k)
{
	static const uint32_t at[SEG_COUNT] = {
		VS(es), VS(cs), VS(ss), VS(ds), VS(fs), VS(gs), VS(ldtr), VS(tr),
	};
	const struct kvm_sregs *sr = k->sregs;
	unsigned n;

	s->vendor = EXPLAIN_SVM;
	for (n = 0; n < SEG_COUNT; n++)
		svm_segment(s, at[n], segment(sr, n));
	explain_set_vmcb(s, VS(gdtr.base), sr->gdt.base);
	explain_set_vmcb(s, VS(gdtr.limit), sr->gdt.limit);
	explain_set_vmcb(s, VS(idtr.base), sr->idt.base);
	explain_set_vmcb(s, VS(idtr.limit), sr->idt.limit);
	explain_set_vmcb(s, VS(cpl), sr->ss.dpl);
	explain_set_vmcb(s, VS(cr0), sr->cr0);
	explain_set_vmcb(s, VS(cr3), sr->cr3);
	explain_set_vmcb(s, VS(cr4), sr->cr4);
	explain_set_vmcb(s, VS(efer), sr->efer | EFER_SVME);
	explain_set_vmcb(s, VS(rip), k->regs->rip);
	explain_set_vmcb(s, VS(rsp), k->regs->rsp);
	explain_set_vmcb(s, VS(rax), k->regs->rax);
	explain_set_vmcb(s, VS(rflags), k->regs->rflags | RFLAGS_FIXED);
	if (k->why == EXPLAIN_SHUTDOWN || k->why == EXPLAIN_FAIL_ENTRY)
		explain_set_vmcb(s, offsetof(struct vmcb, c.exit_code),
				 k->why == EXPLAIN_SHUTDOWN ? EXIT_SHUTDOWN : EXIT_INVALID);
}

void explain_fill_kvm(struct explain_state *s, const struct explain_kvm *k)
{
	s->guest_only = true;
	explain_take_registers(s, k->regs, k->sregs->cr2);
	if (k->amd)
		from_svm(s, k);
	else
		from_vmx(s, k);
}

bool explain_from_kvm_state(FILE *out, const struct explain_kvm *k)
{
	struct live *l = calloc(1, sizeof(*l));
	bool found;

	if (!l)
		return false;
	l->s.phys_bits = k->phys_bits;
	l->s.read_physical = k->read;
	l->s.read_arg = k->arg;
	explain_fill_kvm(&l->s, k);
	insn_examine(&l->s);
	explain(&l->s, &l->r);
	found = report_found(&l->r);
	if (found || k->why != EXPLAIN_LINT)
		report_text(out, &l->s, &l->r, NULL, false);
	free(l);
	return found;
}
