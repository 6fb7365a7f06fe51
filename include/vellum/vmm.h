/* SPDX-License-Identifier: MIT */
/*
 * What vmm.ko answers beyond linux/kvm.h. All structures are fixed-size and free
 * of padding; reserved fields must be zero.
 */
#ifndef VELLUM_VMM_H
#define VELLUM_VMM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMM_IOCTL_MAGIC		0xB5

/*
 * A named number. kind says of what: VMM_COUNTER_EXIT counts exits of one
 * reason by the manual's name; VMM_COUNTER_VCPU other counts of the vCPU.
 */
struct vmm_counter {
	char name[40];
	__u32 kind;
	__u32 reserved;
	__u64 value;
};

enum { VMM_COUNTER_EXIT, VMM_COUNTER_VCPU, VMM_COUNTER_CPU, VMM_COUNTER_MODULE };

/*
 * List of counters: n is the room at `counters` on the way in, and how many
 * there are on the way out (E2BIG if it was too small; n says how many).
 * Exits that never happened are left out.
 */
struct vmm_counters {
	__u32 n;
	__u32 reserved;
	__u64 counters;		/* user address of struct vmm_counter[n] */
};

/* On a vCPU: exits by reason and other counts since its creation. */
#define VMM_GET_COUNTERS	_IOWR(VMM_IOCTL_MAGIC, 0x01, struct vmm_counters)

/*
 * On /dev/vmm/ctl: what the CPU offers (capability MSRs and features by name,
 * kind VMM_COUNTER_CPU) and what the module holds at the moment (VMs, pages
 * allocated; kind VMM_COUNTER_MODULE).
 */
#define VMM_GET_INFO		_IOWR(VMM_IOCTL_MAGIC, 0x02, struct vmm_counters)

/*
 * Traps as a policy, per vCPU: what is asked for here comes back from KVM_RUN with
 * exit_reason VMM_EXIT_TRAP before it has happened; RIP is still at the
 * instruction. To let the guest go on, move RIP past it (insn_len) or take the
 * trap away; an exception is delivered with KVM_SET_VCPU_EVENTS.
 */
#define VMM_TRAP_VMCALL		(1u << 0)	/* VMCALL, VMMCALL: either on either vendor */
#define VMM_TRAP_HLT		(1u << 1)
#define VMM_TRAP_CPUID		(1u << 2)
#define VMM_TRAP_RDTSC		(1u << 3)	/* RDTSCP too */
#define VMM_TRAP_RDPMC		(1u << 4)
#define VMM_TRAP_INVLPG		(1u << 5)
#define VMM_TRAP_PAUSE		(1u << 6)
#define VMM_TRAP_MOV_DR		(1u << 7)
#define VMM_TRAP_IO		(1u << 8)	/* every port */
#define VMM_TRAP_XSETBV		(1u << 9)
#define VMM_TRAP_WBINVD		(1u << 10)	/* INVD too */
#define VMM_TRAP_DESCRIPTOR	(1u << 11)	/* LGDT, SGDT, LIDT ... LTR, STR */
#define VMM_TRAP_CR3		(1u << 12)	/* MOV to CR3 */
#define VMM_TRAP_EXCEPTION	(1u << 31)	/* only in answers */

struct vmm_traps {
	__u32 instructions;	/* VMM_TRAP_* */
	__u32 exceptions;	/* bit = vector 0..31; not 2 and 18 */
	__u32 pf_mask;		/* #PF traps if (error & pf_mask) == pf_match */
	__u32 pf_match;
	__u64 reserved[4];
};

/* On a vCPU. EOPNOTSUPP: this CPU can't intercept one of them. */
#define VMM_SET_TRAPS		_IOW(VMM_IOCTL_MAGIC, 0x03, struct vmm_traps)

#define VMM_EXIT_TRAP		0x5600

/* Lies in struct kvm_run where the union of exits starts (`padding`). */
struct vmm_exit_trap {
	__u32 trap;		/* one VMM_TRAP_* */
	__u32 insn_len;
	__u64 reason;		/* the exit as the hardware numbers it */
	__u64 qualification;	/* VMX exit qualification, SVM EXITINFO1 */
	__u32 vector;		/* of an exception */
	__u32 error;
	__u64 cr2;		/* of a page fault */
};

#include "named.h"

#endif
