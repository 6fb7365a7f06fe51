/* SPDX-License-Identifier: MIT */
/* The life of a VMCB: made, reset, moved between CPUs. */
#include "svm.h"

#include "../irq/irq.h"
#include "arch/insn.h"
#include "svm/insn.h"

#define APIC_TPR	0x80
#define DR6_RESET	0xffff0ff0ull

int svm_vcpu_create(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb = host_page_alloc(false);
	if (!s->vmcb)
		return ERR_NOMEM;
	s->vmcb_pa = host_phys(s->vmcb).v;
	s->last_cpu = -1;
	s->host_xcr0 = host_xcr0();
	if (v->lapic)
		s->tpr = (u8 *)lapic_page(v->lapic) + APIC_TPR;
	svm_init_intercepts(s);
	s->vmcb->c.int_ctl = INT_CTL_V_INTR_MASKING;
	s->vmcb->c.nested_ctl = NESTED_CTL_NP;
	s->vmcb->c.nested_cr3 = v->vm->mem.root.v;
	return 0;
}

void svm_vcpu_destroy(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (s->vmcb)
		host_page_free(s->vmcb);
	s->vmcb = NULL;
}

/* Host state that svm_switch() or the guest replaces. */
static void save_host(struct svm_vcpu *s)
{
	struct vmcb *host = s->cpu->host_page;

	vmsave(s->cpu->host_pa);
	/*
	 * The LDT may be replaced while the vCPU is loaded: svm_enter() puts back
	 * whatever is in LDTR then, so none is to come from here.
	 */
	host->s.ldtr = (struct vmcb_seg){ 0 };
}

void svm_vcpu_load(struct vcpu *v, unsigned cpu)
{
	struct svm_vcpu *s = to_svm(v);

	s->cpu = svm_this_cpu(cpu);
	if (s->last_cpu != (s32)cpu) {
		/* APM2 "VMCB Clean Bits": none survives a move. */
		s->vmcb->c.clean = 0;
		s->asid_generation = 0;
		s->last_cpu = cpu;
		s->host_xss = s->cpu->xss;
		s->host_tsc_aux = s->cpu->tsc_aux;
	}
	/* Others have run here since: there may be a new generation of ASIDs. */
	if (s->asid_generation != s->cpu->generation)
		s->rare = true;
	save_host(s);
	/* RDPID can't be intercepted, so it must find the guest's value. */
	if (backend_caps.rdtscp && s->host_tsc_aux != v->tsc_aux)
		wrmsr(MSR_TSC_AUX, v->tsc_aux);
	s->length_epoch++;
}

void svm_vcpu_put(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	/* VMRUN loaded DR6, and VMEXIT leaves it. */
	if (s->vmcb->s.dr6 != DR6_RESET)
		write_dr6(DR6_RESET);
	if (backend_caps.rdtscp && s->host_tsc_aux != v->tsc_aux)
		wrmsr(MSR_TSC_AUX, s->host_tsc_aux);
	s->cpu = NULL;
}

static void reset_segments(struct vmcb_save *b)
{
	const struct vmcb_seg data = { .attrib = 0x93, .limit = 0xffff };

	b->es = b->ss = b->ds = b->fs = b->gs = data;
	b->cs = (struct vmcb_seg){
		.selector = 0xf000, .attrib = 0x9b, .limit = 0xffff, .base = 0xffff0000,
	};
	b->ldtr = (struct vmcb_seg){ .attrib = 0x82, .limit = 0xffff };
	b->tr = (struct vmcb_seg){ .attrib = 0x8b, .limit = 0xffff };
	b->gdtr = b->idtr = (struct vmcb_seg){ .limit = 0xffff };
	b->cpl = 0;
}

/* What lives in the VMCB alone; APM2 "Processor Initialization State". */
void svm_vcpu_reset(struct vcpu *v, bool init)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *b = s->vmcb;

	reset_segments(&b->s);
	b->c.int_state = 0;
	svm_want_irq_window(v, false);
	svm_uninject(v);
	svm_set_nmi_mask(v, false);
	s->nmi.window = s->nmi.step = false;
	s->debugctl = 0;
	if (!init) {
		b->s.star = b->s.lstar = b->s.cstar = b->s.sfmask = 0;
		b->s.kernel_gs_base = 0;
		b->s.sysenter_cs = b->s.sysenter_esp = b->s.sysenter_eip = 0;
		b->s.g_pat = PAT_RESET;
	}
	b->c.clean = 0;
	s->asid_generation = 0;
	s->rare = true;
}

/* A new ASID has nothing cached; the old one's entries are never used again. */
void svm_flush_tlb(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->rare = true;
	if (svm_features.flush_by_asid)
		s->vmcb->c.tlb_control = TLB_FLUSH_ASID;
	else
		s->asid_generation = 0;
}

void svm_load_root(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->c.nested_cr3 = v->vm->mem.root.v;
	vmcb_touch(s, CLEAN_NP);
	svm_flush_tlb(v);
}
