/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The Linux host: vmm.ko. Kernel headers come first in every file, then this.
 *
 * Lifetimes: an open VM descriptor, each of its vCPU descriptors and mappings
 * hold a reference on struct host_vm; the last one destroys the VM.
 * Locks, outermost first: vm->lock (set-up of the VM), vcpu->mutex (one user of
 * the vCPU at a time), the engine's own.
 */
#ifndef VELLUM_HOST_LINUX_VMM_H
#define VELLUM_HOST_LINUX_VMM_H

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

/* The engine has its own names for these, in the manual's numbering. */
#undef BIT
#undef AR_S
#undef AR_P
#undef AR_AVL
#undef AR_L
#undef AR_DB
#undef AR_G
#undef EFER_SCE
#undef EFER_LME
#undef EFER_LMA
#undef EFER_NXE
#undef EFER_NX
#undef EFER_SVME
#undef EFER_FFXSR

#include "engine/vmm.h"

struct host_vm {
	struct vm *vm;			/* constant */
	refcount_t refs;
	struct mutex lock;		/* set-up: vCPUs, slots, irqchip, routes */
	struct mm_struct *mm;		/* address space of process slots */
	struct mmu_notifier notifier;
	bool notifier_on;
	struct host_vcpu *vcpus;	/* all, linked; freed with the VM */
	struct irqfd *irqfds;		/* lock */
	u32 irqfd_count;
	spinlock_t ioeventfd_lock;
	struct ioeventfd *ioeventfds;	/* ioeventfd_lock */
	u32 ioeventfd_count;
};

struct host_vcpu {
	struct host_vcpu *next;
	struct vcpu *v;			/* constant */
	struct host_vm *vm;		/* constant, referenced */
	struct mutex mutex;
	struct preempt_notifier preempt;
	wait_queue_head_t wait;		/* host_block() */
	struct fpu_guest fpu;
	struct kvm_run *run;		/* page 0 of the mapping */
	u8 *pio;			/* page 1 */
	sigset_t sigset;
	bool sigset_active;
};

#define VCPU_MAP_PAGES	2

/* The ABI's structures and back (state.c, msrs.c). Loaded, mutex held. */
long vcpu_state_ioctl(struct host_vcpu *h, unsigned int cmd, void __user *arg);

/* vm.c */
long vm_dev_create(void);
void host_vm_put(struct host_vm *h);
long vm_check_extension(struct host_vm *h, unsigned long cap);

/* vcpu.c */
long vcpu_dev_create(struct host_vm *h, u32 id);
void free_host_vcpu(struct host_vcpu *h);

/* irq_ioctl.c: lock held as it needs. */
long vm_irq_ioctl(struct host_vm *h, unsigned int cmd, void __user *arg);

/* eventfd.c: vm->lock held. */
long vm_irqfd(struct host_vm *h, void __user *arg);
long vm_ioeventfd(struct host_vm *h, void __user *arg);
void vm_eventfds_release(struct host_vm *h);

/* counters.c */
long vcpu_get_counters(struct host_vcpu *h, void __user *arg);
long ctl_get_info(void __user *arg);

/* cpus.c: virtualisation is on while anyone uses it. */
int cpus_get(void);
void cpus_put(void);
int cpus_init(void);
void cpus_exit(void);

/* work.c: sleeps; 0, or an error if a signal is pending. */
int vmm_handle_guest_work(void);

/* host.c */
void host_init(void);
extern atomic64_t host_bytes;		/* objects the engine holds now */
extern atomic64_t host_pages;
extern atomic_t vm_count;

extern struct file_operations ctl_fops;

#endif
