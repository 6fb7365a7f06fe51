/* SPDX-License-Identifier: MIT */
/*
 * A simulated SVM. VMRUN checks what hardware checks and what software must do for
 * it: a group of VMCB fields may only change with its clean bit off, an ASID's
 * translations may not outlive what they were made from.
 */
#ifndef VELLUM_TESTS_UNIT_SVM_MACHINE_H
#define VELLUM_TESTS_UNIT_SVM_MACHINE_H

#include "../../../engine/svm/vmcb.h"
#include "arch/insn.h"

#define SIM_ASIDS	8

struct sim_svm {
	/* What happens in the guest, until the exit that it sets with sim_exit(). */
	void (*guest)(struct vmcb *b);
	unsigned runs;
	u8 last_tlb_control;
	u64 last_event;			/* EVENTINJ as VMRUN found it */
	u64 last_rip, last_next_rip;
	u32 last_shadow;
	u64 dr_in_guest[4];		/* DR0-DR3 while the guest ran */
	u16 dr_access_exits;		/* which of them it could not touch */
	u64 xcr0_in_guest, xss_in_guest;
	bool host_saved;		/* vmsave() was done on this host page */
	struct vmcb cached;		/* as left by the last exit */
	u64 cached_pa;
};

extern struct sim_svm sim_svm;

/* SVM on, with everything that CPUID 8000_000A can say in edx. */
void sim_svm_reset(u32 edx);
void sim_exit(struct vmcb *b, u64 code, u64 info1, u64 info2);

#endif
