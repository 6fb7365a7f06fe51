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
	struct named *named;		/* constant; NULL: a VM of one process */
	struct mm_struct *mm;		/* address space of process slots; or NULL */
	struct mmu_notifier notifier;
	bool notifier_on;
	struct host_vcpu *vcpus;	/* all; made under lock, freed with the VM */
	struct irqfd *irqfds;		/* lock */
	u32 irqfd_count;
	spinlock_t ioeventfd_lock;
	struct ioeventfd *ioeventfds;	/* ioeventfd_lock */
	u32 ioeventfd_count;
};

struct host_vcpu {
	struct host_vcpu *next;
	struct vcpu *v;			/* constant once not NULL */
	struct host_vm *vm;		/* constant, referenced */
	struct mutex mutex;
	struct preempt_notifier preempt;
	wait_queue_head_t wait;		/* host_block() */
	struct fpu_guest fpu;
	struct kvm_run *run;		/* page 0 of the mapping */
	u8 *pio;			/* page 1 */
	sigset_t sigset;
	bool sigset_active;
	struct file *client;		/* mutex: who ran it last */
	struct task_struct *runner;	/* is in KVM_RUN; written under mutex */
	bool started;			/* has run at some time */
	bool pending;			/* mutex: the client has an exit to answer */
	u8 pending_data[8];		/* what an OUT wrote */
	atomic_t waiting;		/* threads that want it: host_yield() */
	wait_queue_head_t handed;	/* ... and have got it */
};

#define VCPU_MAP_PAGES	2

/* Those that are there stay: a walk of a VM's vCPUs needs no lock. */
static inline struct host_vcpu *first_vcpu(struct host_vm *vm)
{
	return smp_load_acquire(&vm->vcpus);
}

static inline struct vcpu *vcpu_made(struct host_vcpu *h)
{
	return smp_load_acquire(&h->v);
}

/* The ABI's structures and back (state.c, msrs.c). Loaded, mutex held. */
long vcpu_state_ioctl(struct host_vcpu *h, unsigned int cmd, void __user *arg);

/* vm.c */
struct named;
struct host_vm *host_vm_create(struct named *named, int *err);
long vm_ioctl_common(struct host_vm *h, unsigned int cmd, unsigned long arg);
long vm_dev_create(void);
void host_vm_put(struct host_vm *h);
/* What KVM_SET_GUEST_DEBUG may ask for. */
#define GUEST_DEBUG_FLAGS (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |		\
			   KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |		\
			   KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |		\
			   KVM_GUESTDBG_BLOCKIRQ)

long vm_check_extension(struct host_vm *h, unsigned long cap);

/* vcpu.c */
long vcpu_dev_create(struct host_vm *h, u32 id);
long vcpu_dev_open(struct host_vm *h, unsigned long id);
void vcpu_load_here(struct host_vcpu *h);
void vcpu_unload_here(struct host_vcpu *h);
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

/* named.c */
int named_init(void);
void named_exit(void);
long named_create(void __user *arg);
long named_destroy(void __user *arg);
long named_list(void __user *arg);
void named_free(struct host_vm *h);

/*
 * inspect.c: the vCPU for an ioctl of this thread. If another one runs it, that is
 * kicked out of the guest and waits. 0 or -EINTR.
 */
int vcpu_lock(struct host_vcpu *h);
void vcpu_unlock(struct host_vcpu *h);
/* What needs no lock (true: *rc is the answer), and what needs it. */
bool vcpu_inspect_unlocked(struct host_vcpu *h, unsigned int cmd, void __user *arg, long *rc);
long vcpu_inspect(struct host_vcpu *h, unsigned int cmd, void __user *arg);
u64 vcpu_total_exits(const struct vcpu *v);

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
extern struct class *vmm_class;

#endif
