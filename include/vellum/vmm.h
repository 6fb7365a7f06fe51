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

#endif
