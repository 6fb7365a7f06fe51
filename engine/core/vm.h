/* SPDX-License-Identifier: MIT */
/* A virtual machine. */
#ifndef VELLUM_ENGINE_CORE_VM_H
#define VELLUM_ENGINE_CORE_VM_H

#include "../host.h"
#include "../mem/mem.h"
#include "../types.h"
#include "vcpu.h"

#define VCPUS_MAX	64

/* KVM_SET_IDENTITY_MAP_ADDR's default, and what an address of 0 means to it. */
#define IDENTITY_MAP_DEFAULT	0xfffbc000ull

struct irqchip;

struct vm {
	struct host_vm *host;		/* constant */
	struct mem mem;			/* see mem/mem.h */
	struct irqchip *irqchip;	/* constant once a vCPU exists; NULL: none */
	bool split_irqchip;		/* LAPICs only */
	u32 io_listeners;		/* [a] the host's: asks host_io_write() if not 0 */
	u64 tsc_epoch;			/* host TSC that guests see as 0 */
	u32 vcpu_count;			/* [a] grows only */
	struct vcpu *vcpus[VCPUS_MAX];	/* [a] by ID; set once */
};

#endif
