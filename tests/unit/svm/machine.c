/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <string.h>

#include "svm/insn.h"

struct sim_svm sim_svm;

void sim_svm_reset(u32 edx)
{
	sim_svm = (struct sim_svm){ 0 };
	sim_insn_reset();
	sim_set_cpuid(0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
	/* With nested paging alone it is QEMU. */
	sim_set_cpuid(1, 0, 0x800f12, 0, edx == 1 ? 0xfed83203 : 0x7ed83203, 0x178bfbff);
	sim_set_cpuid(0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447);
	sim_set_cpuid(7, 0, 0, 0x209c01a9, 0, 0);
	sim_set_cpuid(0xd, 1, 1, 0, 0, 0);
	sim_set_cpuid(0x80000000, 0, 0x8000001f, 0, 0, 0);
	sim_set_cpuid(0x80000001, 0, 0, 0, 0x35c233ff, 0x2fd3fbff);
	sim_set_cpuid(0x80000008, 0, 0x3030, 0, 0, 0);
	sim_set_cpuid(0x8000000a, 0, 1, SIM_ASIDS, 0, edx);
	sim_set_msr(MSR_VM_CR, 0);
	sim_set_msr(MSR_VM_HSAVE_PA, 0);
	sim_set_msr(MSR_TSC_AUX, 5);
}

void sim_exit(struct vmcb *b, u64 code, u64 info1, u64 info2)
{
	b->c.exit_code = code;
	b->c.exit_info1 = info1;
	b->c.exit_info2 = info2;
}

void vmsave(u64 pa)
{
	struct vmcb *b = host_virt(hphys(pa));

	if (!(rdmsr(MSR_EFER) & EFER_SVME))
		sim_fail("VMSAVE with EFER.SVME off");
	b->s.gs.base = rdmsr(MSR_GS_BASE);
	b->s.tr.selector = sim_insn.tr;
	b->s.ldtr.selector = sim_insn.ldtr;
	b->s.lstar = rdmsr(MSR_LSTAR);
	b->s.kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	sim_svm.host_saved = true;
}

/* Bytes of the VMCB by the clean bit that covers them: APM2 "VMCB Clean Bits". */
static const struct {
	u32 bit;
	u16 from, to;
} groups[] = {
	{ CLEAN_INTERCEPTS, 0x000, 0x040 }, { CLEAN_INTERCEPTS, 0x050, 0x058 },
	{ CLEAN_MAPS, 0x040, 0x050 }, { CLEAN_ASID, 0x058, 0x05c },
	{ CLEAN_TPR, 0x060, 0x068 }, { CLEAN_NP, 0x090, 0x098 },
	{ CLEAN_NP, 0x0b0, 0x0b8 }, { CLEAN_NP, 0x668, 0x670 },
	{ CLEAN_CR, 0x4d0, 0x4d8 }, { CLEAN_CR, 0x548, 0x560 },
	{ CLEAN_DR, 0x560, 0x570 }, { CLEAN_DT, 0x460, 0x470 },
	{ CLEAN_DT, 0x480, 0x490 }, { CLEAN_SEG, 0x400, 0x440 },
	{ CLEAN_SEG, 0x4cb, 0x4cc }, { CLEAN_CR2, 0x640, 0x648 },
};

static void check_clean(const struct vmcb *b, u64 pa)
{
	const u8 *now = (const u8 *)b, *then = (const u8 *)&sim_svm.cached;
	unsigned i;

	if (!b->c.clean)
		return;
	if (pa != sim_svm.cached_pa)
		sim_fail("clean bits %x on a VMCB that this CPU hasn't run last", b->c.clean);
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if ((b->c.clean & groups[i].bit) &&
		    memcmp(now + groups[i].from, then + groups[i].from,
			   groups[i].to - groups[i].from))
			sim_fail("VMCB %03x..%03x changed with its clean bit %x on",
				 groups[i].from, groups[i].to, groups[i].bit);
}

static void check_entry(const struct vmcb *b, u64 host_pa, u32 shadow)
{
	if (!(rdmsr(MSR_EFER) & EFER_SVME) || !rdmsr(MSR_VM_HSAVE_PA))
		sim_fail("VMRUN with SVM off");
	if (!sim_svm.host_saved || !host_pa)
		sim_fail("VMRUN before the host's state was saved");
	if (!b->c.asid || b->c.asid >= SIM_ASIDS)
		sim_fail("VMRUN with ASID %u of %u", b->c.asid, SIM_ASIDS);
	if (!(b->c.misc2 & INTERCEPT2_VMRUN) || !(b->s.efer & EFER_SVME))
		sim_fail("VMRUN refuses this VMCB");
	if (!(b->c.int_ctl & INT_CTL_V_INTR_MASKING) || !(b->c.nested_ctl & NESTED_CTL_NP))
		sim_fail("the guest could mask the host's interrupts or see its memory");
	if (shadow != (b->c.int_state & INT_STATE_SHADOW))
		sim_fail("interrupt shadow %u, but the VMCB says otherwise", shadow);
}

void svm_switch(struct vcpu *v, u64 guest_pa, u64 host_pa, u32 shadow)
{
	struct vmcb *b = host_virt(hphys(guest_pa));

	(void)v;
	check_entry(b, host_pa, shadow);
	check_clean(b, guest_pa);
	sim_svm.runs++;
	sim_svm.last_tlb_control = b->c.tlb_control;
	sim_svm.last_event = b->c.event_inject;
	sim_svm.last_rip = b->s.rip;
	sim_svm.last_next_rip = b->c.next_rip;
	sim_svm.last_shadow = shadow;
	memcpy(sim_svm.dr_in_guest, sim_insn.dr, sizeof(sim_svm.dr_in_guest));
	sim_svm.dr_access_exits = b->c.dr_read | b->c.dr_write;
	sim_svm.xcr0_in_guest = sim_insn.xcr0;
	b->c.exit_int_info = 0;
	b->c.int_state = 0;
	if (sim_svm.guest)
		sim_svm.guest(b);
	b->c.event_inject &= ~EVENT_INJ_V;
	sim_insn.dr[7] = 0x400;
	sim_insn.ldtr = ((struct vmcb *)host_virt(hphys(host_pa)))->s.ldtr.selector;
	sim_svm.cached = *b;
	sim_svm.cached_pa = guest_pa;
}
