// SPDX-License-Identifier: MIT OR GPL-2.0
/* VM descriptors: creation, memory slots, capabilities, the end. */
#include <linux/anon_inodes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "named.h"

atomic_t vm_count;

/* -- The MMU notifier --------------------------------------------------------- */

static struct host_vm *from_notifier(struct mmu_notifier *mn)
{
	return container_of(mn, struct host_vm, notifier);
}

static int invalidate_start(struct mmu_notifier *mn,
			    const struct mmu_notifier_range *range)
{
	mem_invalidate_begin(from_notifier(mn)->vm, range->start, range->end);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn,
			   const struct mmu_notifier_range *range)
{
	mem_invalidate_end(from_notifier(mn)->vm);
}

static void unmap_all(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct host_vm *h = from_notifier(mn);

	/* The address space is going away for good: nothing may be mapped again. */
	mem_invalidate_begin(h->vm, 0, ~0ull);
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	struct host_vm *h = from_notifier(mn);
	bool young = mem_invalidate_begin(h->vm, start, end);

	mem_invalidate_end(h->vm);
	return young;
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_young,
	.release = unmap_all,
};

/* -- Lifetime ----------------------------------------------------------------- */

static void destroy(struct host_vm *h)
{
	if (h->notifier_on)
		mmu_notifier_unregister(&h->notifier, h->mm);
	vm_eventfds_release(h);
	vm_destroy(h->vm);
	while (h->vcpus) {
		struct host_vcpu *vcpu = h->vcpus;

		h->vcpus = vcpu->next;
		free_host_vcpu(vcpu);
	}
	cpus_put();
	if (h->named)
		named_free(h);
	if (h->mm)
		mmdrop(h->mm);
	kfree(h);
	atomic_dec(&vm_count);
}

void host_vm_put(struct host_vm *h)
{
	if (refcount_dec_and_test(&h->refs))
		destroy(h);
}

/* A process VM is bound to the caller's address space, whose changes it follows. */
static int bind(struct host_vm *h)
{
	int rc;

	mmgrab(current->mm);
	h->mm = current->mm;
	h->notifier.ops = &notifier_ops;
	rc = mmu_notifier_register(&h->notifier, h->mm);
	h->notifier_on = !rc;
	return rc;
}

/* If it fails, named is still the caller's. */
struct host_vm *host_vm_create(struct named *named, int *err)
{
	struct host_vm *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	*err = -ENOMEM;
	if (!h)
		return NULL;
	refcount_set(&h->refs, 1);
	mutex_init(&h->lock);
	spin_lock_init(&h->ioeventfd_lock);
	*err = cpus_get();
	if (*err)
		goto no_cpus;
	h->vm = vm_create(h, err);
	if (!h->vm)
		goto no_vm;
	atomic_inc(&vm_count);
	h->named = named;
	*err = named ? 0 : bind(h);
	if (*err) {
		destroy(h);
		return NULL;
	}
	return h;
no_vm:
	cpus_put();
no_cpus:
	kfree(h);
	return NULL;
}

/* -- ioctls ------------------------------------------------------------------- */

long vm_check_extension(struct host_vm *h, unsigned long cap)
{
	/* What a named VM does not take: vellum/named.h. */
	if (h && h->named && (cap == KVM_CAP_USER_MEMORY || cap == KVM_CAP_SYNC_MMU ||
			      cap == KVM_CAP_IRQFD || cap == KVM_CAP_IOEVENTFD ||
			      cap == KVM_CAP_IOEVENTFD_ANY_LENGTH))
		return 0;
	switch (cap) {
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_HLT:
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_SYNC_MMU:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_SET_GUEST_DEBUG:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_SET_IDENTITY_MAP_ADDR:
	case KVM_CAP_INTERNAL_ERROR_DATA:
	case KVM_CAP_IRQFD:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
		return 1;
	/* Clients look for GSIs of their own, for messages, below it. */
	case KVM_CAP_IRQ_ROUTING:
		return IRQ_GSIS;
	case KVM_CAP_NR_VCPUS:
	case KVM_CAP_MAX_VCPUS:
		return 1;
	case KVM_CAP_MAX_VCPU_ID:
		return VCPUS_MAX;
	case KVM_CAP_SET_GUEST_DEBUG2:
		return GUEST_DEBUG_FLAGS;
	case KVM_CAP_NR_MEMSLOTS:
		return MEM_SLOTS;
	default:
		return 0;
	}
}

static long set_memory(struct host_vm *h, void __user *arg)
{
	struct kvm_userspace_memory_region r;
	struct mem_slot slot;
	long rc;

	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.flags & ~KVM_MEM_READONLY)
		return -EINVAL;
	if (r.slot >= MEM_SLOTS ||
	    (r.memory_size &&
	     !access_ok((void __user *)r.userspace_addr, r.memory_size)))
		return -EINVAL;
	slot = (struct mem_slot){
		.gpa = r.guest_phys_addr, .size = r.memory_size,
		.hva = r.userspace_addr,
		.flags = r.flags & KVM_MEM_READONLY ? SLOT_READONLY : 0,
	};
	mutex_lock(&h->lock);
	rc = mem_set_slot(h->vm, r.slot, &slot);
	mutex_unlock(&h->lock);
	return rc;
}

/* Where the CPU has unrestricted guest nothing is there, and any page is as good. */
static long set_identity_map(struct host_vm *h, void __user *arg)
{
	long rc = -EINVAL;
	u64 addr;

	if (copy_from_user(&addr, arg, sizeof(addr)))
		return -EFAULT;
	mutex_lock(&h->lock);
	if (!h->vm->vcpu_count)
		rc = mem_set_own_page(h->vm, addr ?: IDENTITY_MAP_DEFAULT);
	mutex_unlock(&h->lock);
	return rc;
}

/* Three pages that this engine has no use for: real mode is emulated, not virtual-8086. */
static long set_tss_addr(unsigned long addr)
{
	return addr > (u32)(-3 * PAGE_SIZE) ? -EINVAL : 0;
}

long vm_ioctl_common(struct host_vm *h, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(h, arg);
	case KVM_CREATE_VCPU:
		return arg > U32_MAX ? -EINVAL : vcpu_dev_create(h, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory(h, user);
	case KVM_SET_TSS_ADDR:
		return set_tss_addr(arg);
	case KVM_SET_IDENTITY_MAP_ADDR:
		return set_identity_map(h, user);
	default:
		return vm_irq_ioctl(h, cmd, user);
	}
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct host_vm *h = file->private_data;

	return current->mm == h->mm ? vm_ioctl_common(h, cmd, arg) : -EIO;
}

static int vm_release(struct inode *inode, struct file *file)
{
	host_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

long vm_dev_create(void)
{
	struct host_vm *h;
	int rc;

	h = host_vm_create(NULL, &rc);
	if (!h)
		return rc;
	rc = anon_inode_getfd("vmm-vm", &vm_fops, h, O_RDWR | O_CLOEXEC);
	if (rc < 0)
		host_vm_put(h);
	return rc;
}
