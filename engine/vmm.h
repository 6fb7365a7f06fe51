/* SPDX-License-Identifier: MIT */
/*
 * What a host calls: the engine's whole outer face.
 *
 * Locking: the host serialises calls on one vCPU (a mutex each) and changes of a
 * VM's set-up (one mutex per VM). Functions sleep unless they say otherwise.
 */
#ifndef VELLUM_ENGINE_VMM_H
#define VELLUM_ENGINE_VMM_H

#include "core/backend.h"
#include "core/vcpu.h"
#include "core/vm.h"
#include "irq/irq.h"
#include "mem/mem.h"
#include "x86/exits.h"

/*
 * Finds the back end for this CPU. 0 or ERR_NOTSUP/ERR_BUSY with *why.
 */
int vmm_init(const char **why);
void vmm_exit(void);

struct vm *vm_create(struct host_vm *host, int *err);
void vm_destroy(struct vm *vm);		/* no vCPU of it runs */
/* Sleeps; the host's vCPU mutex must exist. ERR_EXIST, ERR_INVAL, ERR_NOMEM. */
int vcpu_create(struct vm *vm, u32 id, struct host_vcpu *host, u8 *pio_data,
		struct vcpu **out);

/*
 * Runs until user space is needed: v->uexit says why. Loaded. 0 or an error
 * (ERR_INTR: a signal, uexit INTR).
 */
int vcpu_run(struct vcpu *v);

/* Any thread: the vCPU's run returns soon with UEXIT_INTR. */
static inline void vcpu_interrupt(struct vcpu *v)
{
	vcpu_kick(v, REQ_USER);
}

/* Loaded. */
int vcpu_set_cpuid(struct vcpu *v, const struct cpuid_leaf *l, unsigned n);

/* CPUID that the engine can offer: fills up to max, returns how many or ERR_2BIG. */
int x86_supported_cpuid(struct cpuid_leaf *out, unsigned max);
/* MSR numbers that KVM_GET_MSRS should save. */
extern const u32 x86_saved_msrs[];
extern const unsigned x86_saved_msr_count;

#endif
