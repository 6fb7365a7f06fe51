/* SPDX-License-Identifier: MIT */
/*
 * A simulated VT-x: a VMCS is an array keyed by encoding, known to the CPU by the
 * address of its region. A VM entry checks the rules that the back end has to watch
 * over by itself, then calls the test's guest.
 */
#ifndef VELLUM_HOST_SIM_VMX_MACHINE_H
#define VELLUM_HOST_SIM_VMX_MACHINE_H

#include "../../../engine/core/vcpu.h"
#include "../sim.h"

#define SIM_VMX_EXIT_ADDRESS	0xffffffff81234567ull
#define SIM_VMX_REVISION	0x5eed
#define SIM_VMX_REGIONS		8
#define SIM_VMX_ENCODINGS	0x8000

struct sim_vmcs {
	u64 pa;			/* 0: unused */
	bool launched;
	s32 active_on;		/* CPU that has it, -1: clear */
	u64 field[SIM_VMX_ENCODINGS];
};

struct sim_vmx {
	bool on[SIM_CPUS];
	struct sim_vmcs *current[SIM_CPUS];
	struct sim_vmcs region[SIM_VMX_REGIONS];
	/* What a VM entry does; NULL: nothing, a CPUID exit. */
	void (*guest)(struct vcpu *v);
	unsigned entries, clears, invepts, invvpids;
	u64 last_eptp;
	u32 fail_entry;		/* VM-instruction error of the next entry */
	u64 reads, writes;
};

extern struct sim_vmx sim_vmx;

/* Nothing on; the capability MSRs of a CPU that has all we use. */
void sim_vmx_reset(void);

/* A field of the current VMCS, with no check. */
u64 sim_vmcs_get(u32 encoding);
void sim_vmcs_set(u32 encoding, u64 val);
#define SIM_FIELD(name)	(VMCS_##name.encoding)

/* Leaves the guest by that exit. For sim_vmx.guest. */
void sim_vmx_exit(u32 reason, u64 qualification);

bool sim_vmx_enter(struct vcpu *v, u64 launched);

#endif
