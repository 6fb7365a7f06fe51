/* SPDX-License-Identifier: MIT */
/* What makes a guest exit: intercept vectors, I/O and MSR permission maps. */
#include "svm.h"

#include "../x86/exits.h"

#define IOPM_PAGES	3	/* APM2 "I/O Permissions Map" */
#define MSRPM_PAGES	2	/* APM2 "MSR Intercepts" */

struct hphys svm_iopm, svm_msrpm;
static void *iopm_pages, *msrpm_pages;

/*
 * MSRs whose guest value VMLOAD and VMSAVE switch, so that guests may have at
 * them. PAT is not among them though the VMCB has a place for it: not every CPU
 * looks there (docs/emulators.md).
 */
static const u32 passed_msrs[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
};

/* Two bits per MSR, read and write, in blocks of 8192 MSRs. */
static void pass_msr(u8 *map, u32 msr)
{
	u32 bit = 2 * (msr & 0x1fff) + (msr >= 0xc0000000 ? 0x4000 : 0);

	map[bit / 8] &= ~(3u << (bit % 8));
}

int svm_maps_create(void)
{
	unsigned i;

	if (iopm_pages)
		return 0;
	iopm_pages = host_pages_alloc(IOPM_PAGES);
	msrpm_pages = host_pages_alloc(MSRPM_PAGES);
	if (!iopm_pages || !msrpm_pages) {
		svm_maps_destroy();
		return ERR_NOMEM;
	}
	__builtin_memset(iopm_pages, 0xff, IOPM_PAGES * PG_SIZE);
	__builtin_memset(msrpm_pages, 0xff, MSRPM_PAGES * PG_SIZE);
	for (i = 0; i < COUNT_OF(passed_msrs); i++)
		pass_msr(msrpm_pages, passed_msrs[i]);
	svm_iopm = host_phys(iopm_pages);
	svm_msrpm = host_phys(msrpm_pages);
	return 0;
}

void svm_maps_destroy(void)
{
	if (iopm_pages)
		host_pages_free(iopm_pages, IOPM_PAGES);
	if (msrpm_pages)
		host_pages_free(msrpm_pages, MSRPM_PAGES);
	iopm_pages = msrpm_pages = NULL;
}

/*
 * Also called when the trap policy changes, in the middle of anything.
 *
 * CR0, CR2, CR3 are the guest's own: hardware follows CR0.PG into EFER.LMA, and
 * nested paging makes the rest harmless. CR4 has bits that the guest's CPUID may
 * withhold. #AC and #DB exit because a guest can make their delivery raise them
 * again for ever, with no instruction boundary at which the host gets its
 * interrupts. #UD may be Intel's hypercall.
 */
void svm_init_intercepts(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->c;

	c->cr_read = 0;
	c->cr_write = INTERCEPT_CR(4);
	if (!s->v.lapic || (svm_features.tcg && (c->int_ctl & INT_CTL_V_IRQ)))
		c->cr_write |= INTERCEPT_CR(8);
	c->dr_read = c->dr_write = svm_debug_exits(s) ? 0xffff : 0;
	c->exceptions = BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC) | BIT(VEC_UD);
	if (s->v.debug.control & DEBUG_INT3)
		c->exceptions |= BIT(VEC_BP);
	c->misc1 = INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_INIT |
		   INTERCEPT1_RDPMC | INTERCEPT1_CPUID | INTERCEPT1_RSM |
		   INTERCEPT1_INVD | INTERCEPT1_HLT | INTERCEPT1_INVLPGA |
		   INTERCEPT1_IOIO | INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN;
	c->misc2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD |
		   INTERCEPT2_VMSAVE | INTERCEPT2_STGI | INTERCEPT2_CLGI |
		   INTERCEPT2_SKINIT | INTERCEPT2_WBINVD | INTERCEPT2_MONITOR |
		   INTERCEPT2_MWAIT | INTERCEPT2_XSETBV | INTERCEPT2_RDPRU;
	/* QEMU takes INT3 for INT n: docs/emulators.md. */
	if (svm_features.tcg && (s->v.debug.control & DEBUG_INT3))
		c->misc1 |= INTERCEPT1_INT_N;
	c->misc3 = INTERCEPT3_INVLPGB | INTERCEPT3_MCOMMIT | INTERCEPT3_TLBSYNC;
	/* Windows that are being waited for: see inject.c. */
	if (c->int_ctl & INT_CTL_V_IRQ)
		c->misc1 |= INTERCEPT1_VINTR;
	if (s->nmi.masked && !s->nmi.iret)
		c->misc1 |= INTERCEPT1_IRET;
	if (svm_features.pause_filter) {
		/* A spinning vCPU gives up its CPU after some thousand cycles. */
		c->misc1 |= INTERCEPT1_PAUSE;
		c->pause_count = 3000;
		if (svm_features.pause_threshold)
			c->pause_threshold = 128;
	}
	c->iopm = svm_iopm.v;
	c->msrpm = svm_msrpm.v;
	vmcb_touch(s, CLEAN_INTERCEPTS | CLEAN_MAPS);
}

/* Instructions that the guest's CPUID doesn't have are undefined to it. */
void svm_cpuid_changed(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control *c = &s->vmcb->c;

	c->misc2 &= ~INTERCEPT2_RDTSCP;
	c->misc3 &= ~INTERCEPT3_INVPCID;
	if (!x86_cpuid_has(v, 0x80000001, 0, 3, 27))
		c->misc2 |= INTERCEPT2_RDTSCP;
	if (!x86_cpuid_has(v, 7, 0, 1, 10))
		c->misc3 |= INTERCEPT3_INVPCID;
	vmcb_touch(s, CLEAN_INTERCEPTS);
}
