/* SPDX-License-Identifier: MIT */
/*
 * Named VMs and looking into VMs. All structures are fixed-size and free of padding;
 * reserved fields must be zero. Included by vellum/vmm.h.
 *
 * A VM made with VMM_CREATE_NAMED has the node /dev/vmm/NAME (0600, its maker's) and
 * lives until VMM_DESTROY, whatever becomes of the processes that use it. The node
 * answers the ioctls of a KVM VM descriptor but KVM_SET_USER_MEMORY_REGION, KVM_IRQFD
 * and KVM_IOEVENTFD: what they would refer to may be gone tomorrow. Its memory is the
 * module's own (module slots).
 */
#ifndef VELLUM_NAMED_H
#define VELLUM_NAMED_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* -- On /dev/vmm/ctl --------------------------------------------------------------- */

/* 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or digit or _; not "ctl". */
#define VMM_NAME_SIZE	32

struct vmm_name {
	char name[VMM_NAME_SIZE];	/* ends in 0 */
	__u64 reserved[2];
};

/* EEXIST; EDQUOT: the user has as many as the module's parameters allow. */
#define VMM_CREATE_NAMED	_IOW(VMM_IOCTL_MAGIC, 0x10, struct vmm_name)
/*
 * Who runs it gets ENODEV from then on, for every ioctl; the memory goes with the
 * last descriptor and mapping. ENOENT; EACCES: somebody else's.
 */
#define VMM_DESTROY		_IOW(VMM_IOCTL_MAGIC, 0x11, struct vmm_name)

struct vmm_list_entry {
	char name[VMM_NAME_SIZE];
	__u32 uid;
	__u32 vcpus;
	__u32 state;		/* VMM_STATE_* */
	__u32 reserved;
	__u64 memory;		/* bytes of its module slots */
	__u64 resident;		/* of them allocated so far */
	__u64 exits;		/* of all vCPUs so far */
};

#define VMM_STATE_RUNNING	(1u << 0)	/* a thread is in KVM_RUN */
#define VMM_STATE_PAUSED	(1u << 1)
#define VMM_STATE_STARTED	(1u << 2)	/* it has run at some time */

/* n: room on the way in, how many there are on the way out (E2BIG: too many). */
struct vmm_list {
	__u32 n;
	__u32 reserved;
	__u64 entries;		/* user address of struct vmm_list_entry[n] */
};

/* The caller's own VMs; all of them for who may override file permissions. */
#define VMM_LIST		_IOWR(VMM_IOCTL_MAGIC, 0x12, struct vmm_list)

/* -- On a node ----------------------------------------------------------------------- */

/*
 * Argument: the vCPU's ID. A descriptor of a vCPU that KVM_CREATE_VCPU has made,
 * any number of times, in any process that holds the node. ENOENT: no such vCPU.
 */
#define VMM_OPEN_VCPU		_IO(VMM_IOCTL_MAGIC, 0x13)

/*
 * Memory of the module's, shown to the guest at gpa. Allocated as it is touched, in
 * pages of 2 MiB where a whole aligned one fits and can be had, and charged to the
 * memory cgroup of the VM's maker. Once set, a slot may be moved or (size 0) hidden
 * from the guest, but not change its size (EBUSY). EDQUOT: the user's limit.
 * Programs map it from the node at offset VMM_MODULE_OFFSET(slot, gpa of the first
 * time it was set) with MAP_SHARED.
 */
struct vmm_module_memory {
	__u32 slot;		/* below KVM_CAP_NR_MEMSLOTS */
	__u32 flags;		/* VMM_MODULE_* */
	__u64 gpa, size;	/* multiples of 4096 */
	__u64 source, offset;	/* with VMM_MODULE_ALIAS, else 0 */
};

#define VMM_MODULE_READONLY	(1u << 0)	/* for the guest */
/*
 * No memory of its own: `size` bytes of the slot `source` from `offset` on (a multiple
 * of 4096), which has been set before and may be hidden. May change at any time; size 0
 * hides it. EBUSY: the slot has memory.
 */
#define VMM_MODULE_ALIAS	(1u << 1)
#define VMM_MODULE_SLOT_SHIFT	40
#define VMM_MODULE_OFFSET(slot, gpa) \
	((__u64)(slot) << VMM_MODULE_SLOT_SHIFT | ((gpa) & 0x1fffff))

#define VMM_SET_MODULE_MEMORY	_IOW(VMM_IOCTL_MAGIC, 0x14, struct vmm_module_memory)

/* A few bytes that the VM keeps for the programs that use it. */
#define VMM_NOTE_MAX		1024
struct vmm_note {
	__u32 size;		/* GET: room in, size out (E2BIG if it does not fit) */
	__u32 reserved;
	__u64 data;
};

#define VMM_SET_NOTE		_IOW(VMM_IOCTL_MAGIC, 0x15, struct vmm_note)
#define VMM_GET_NOTE		_IOWR(VMM_IOCTL_MAGIC, 0x16, struct vmm_note)

/*
 * Keeps all vCPUs out of the guest; returns when they are. With VMM_PAUSE_KEEP until
 * VMM_RESUME with it, from anyone; else until this descriptor resumes or is closed.
 */
#define VMM_PAUSE		_IO(VMM_IOCTL_MAGIC, 0x17)
#define VMM_RESUME		_IO(VMM_IOCTL_MAGIC, 0x18)
#define VMM_PAUSE_KEEP		1

/*
 * Whoever runs vCPU 0, or does so next, gets KVM_EXIT_SYSTEM_EVENT with
 * KVM_SYSTEM_EVENT_RESET: what a reset means is the program's business.
 */
#define VMM_RESET		_IO(VMM_IOCTL_MAGIC, 0x19)

/* -- On a vCPU's descriptor, of any VM ------------------------------------------------- */
/*
 * None of these, nor KVM_GET_* and KVM_SET_*, waits for a running guest: it is kicked
 * out once, and goes on when they are done. VMM_GET_TRACE, VMM_GET_LATENCY and
 * VMM_GET_COUNTERS don't disturb it at all.
 */

/* What the hardware has, as (id, value). */
struct vmm_field {
	__u32 id;
	__u32 reserved;
	__u64 value;
};

/*
 * VMX: id = encoding of the VMCS field; SVM: id = offset in the VMCB, eight bytes each.
 * Also: VMM_FIELD_MSR_BITMAP + n, the n-th eight bytes of the MSR bitmap or permission
 * map, if there is one.
 */
#define VMM_FIELD_MSR_BITMAP	0x10000

struct vmm_state {
	__u32 n;		/* room in, fields out (E2BIG) */
	__u32 vendor;		/* VMM_VENDOR_* */
	__u64 fields;		/* user address of struct vmm_field[n] */
	__u64 exits;		/* so far */
	__u64 tsc;		/* the host's, when this was taken */
	__u32 mp_state;
	__s32 cpu;		/* the host's, where it was loaded last */
	__u64 reserved[2];
};

enum { VMM_VENDOR_VMX, VMM_VENDOR_SVM };

#define VMM_GET_STATE		_IOWR(VMM_IOCTL_MAGIC, 0x1a, struct vmm_state)

/*
 * Writes one field of the guest's state that no KVM_SET_* reaches; EPERM for all that
 * could harm the host or that the engine keeps itself.
 */
#define VMM_SET_FIELD		_IOW(VMM_IOCTL_MAGIC, 0x1b, struct vmm_field)

/* The flight recorder: the last exits, always on. */
struct vmm_trace_record {
	__u64 tsc;		/* the host's, at the exit */
	__u64 rip;
	__u64 qualification;	/* VMX exit qualification, SVM EXITINFO1 */
	__u32 guest_ticks;	/* in the guest before this exit (low 32 bits) */
	__u16 reason;		/* index for VMM_GET_REASONS */
	__u16 cpu;
};

struct vmm_trace {
	__u64 next;		/* in: first record wanted; out: where to go on */
	__u64 lost;		/* out: records before that were overwritten */
	__u32 n;		/* room in, records out */
	__u32 reserved;
	__u64 records;		/* user address of struct vmm_trace_record[n] */
	__u64 tsc_khz;
};

#define VMM_GET_TRACE		_IOWR(VMM_IOCTL_MAGIC, 0x1c, struct vmm_trace)

/*
 * How long exits took, from the exit to the next entry: count[b] exits took at least
 * 2^b and less than 2^(b+1) ticks of the TSC. Time in user space included.
 */
#define VMM_LATENCY_BUCKETS	32
struct vmm_latency {
	char name[40];
	__u32 reason;
	__u32 reserved;
	__u64 count[VMM_LATENCY_BUCKETS];
};

struct vmm_latencies {
	__u32 n;
	__u32 reserved;
	__u64 latencies;	/* user address of struct vmm_latency[n] */
};

/* Of the reasons that have happened. n as in struct vmm_list. */
#define VMM_GET_LATENCY		_IOWR(VMM_IOCTL_MAGIC, 0x1d, struct vmm_latencies)

struct vmm_reason {
	char name[40];
	__u32 reason;
	__u32 reserved;
};

struct vmm_reasons {
	__u32 n;
	__u32 reserved;
	__u64 reasons;		/* user address of struct vmm_reason[n] */
};

/* Names of all exit reasons. n as in struct vmm_list. */
#define VMM_GET_REASONS		_IOWR(VMM_IOCTL_MAGIC, 0x1e, struct vmm_reasons)

#endif
