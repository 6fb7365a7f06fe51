// SPDX-License-Identifier: MIT OR GPL-2.0
/* vmm.ko: finding the hardware, /dev/vmm/ctl and, on request, /dev/kvm. */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/kvm.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "vmm.h"
#include <vellum/vmm.h>

static unsigned int gid;
module_param(gid, uint, 0444);
MODULE_PARM_DESC(gid, "numeric group that may use /dev/vmm/ctl (default 0)");

static bool kvm;
module_param(kvm, bool, 0444);
MODULE_PARM_DESC(kvm, "also answer on /dev/kvm, where no other module has it");

static bool unrestricted_guest = true;
module_param(unrestricted_guest, bool, 0444);
MODULE_PARM_DESC(unrestricted_guest, "let VT-x run real mode (default y, if the CPU can); n emulates it");

static dev_t devt;
static struct cdev ctl_cdev;
struct class *vmm_class;
static struct device *ctl_device;

static const u32 msr_index_max = 256;

static long get_msr_index_list(struct kvm_msr_list __user *user)
{
	u32 n;

	if (get_user(n, &user->nmsrs))
		return -EFAULT;
	if (put_user(x86_saved_msr_count, &user->nmsrs))
		return -EFAULT;
	if (n < x86_saved_msr_count || n > msr_index_max)
		return -E2BIG;
	if (copy_to_user(user->indices, x86_saved_msrs,
			 x86_saved_msr_count * sizeof(u32)))
		return -EFAULT;
	return 0;
}

static void to_kvm_leaf(struct kvm_cpuid_entry2 *e, const struct cpuid_leaf *l)
{
	*e = (struct kvm_cpuid_entry2){
		.function = l->function, .index = l->index, .flags = l->flags,
		.eax = l->eax, .ebx = l->ebx, .ecx = l->ecx, .edx = l->edx,
	};
}

static long get_supported_cpuid(struct kvm_cpuid2 __user *user)
{
	struct cpuid_leaf *leaves;
	struct kvm_cpuid_entry2 e;
	long rc = 0;
	u32 room;
	int n, i;

	if (get_user(room, &user->nent))
		return -EFAULT;
	leaves = kcalloc(CPUID_MAX, sizeof(*leaves), GFP_KERNEL);
	if (!leaves)
		return -ENOMEM;
	n = x86_supported_cpuid(leaves, CPUID_MAX);
	if (n < 0 || (u32)n > room) {
		rc = -E2BIG;
		goto out;
	}
	for (i = 0; i < n && !rc; i++) {
		to_kvm_leaf(&e, &leaves[i]);
		if (copy_to_user(&user->entries[i], &e, sizeof(e)))
			rc = -EFAULT;
	}
	if (!rc && put_user((u32)n, &user->nent))
		rc = -EFAULT;
out:
	kfree(leaves);
	return rc;
}

static long ctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return arg ? -EINVAL : vm_dev_create();
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(NULL, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_MAP_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return get_supported_cpuid(user);
	case KVM_GET_MSR_INDEX_LIST:
		return get_msr_index_list(user);
	case VMM_GET_INFO:
		return ctl_get_info(user);
	case VMM_CREATE_NAMED:
		return named_create(user);
	case VMM_DESTROY:
		return named_destroy(user);
	case VMM_LIST:
		return named_list(user);
	default:
		return -ENOTTY;
	}
}

struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = ctl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice kvm_device = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.mode = 0660,
	.fops = &ctl_fops,
};

static char *ctl_devnode(struct device *dev, umode_t *mode, kuid_t *uid, kgid_t *group)
{
	/* NULL when the node is removed. */
	if (mode)
		*mode = 0660;
	if (group)
		*group = KGIDT_INIT(gid);
	return kstrdup("vmm/ctl", GFP_KERNEL);
}

static const struct device_type ctl_type = {
	.name = "vmm-ctl",
	.devnode = ctl_devnode,
};

static void ctl_release(struct device *dev)
{
	kfree(dev);
}

static int ctl_device_add(void)
{
	int rc;

	ctl_device = kzalloc(sizeof(*ctl_device), GFP_KERNEL);
	if (!ctl_device)
		return -ENOMEM;
	device_initialize(ctl_device);
	ctl_device->class = vmm_class;
	ctl_device->type = &ctl_type;
	ctl_device->devt = devt;
	ctl_device->release = ctl_release;
	rc = dev_set_name(ctl_device, "vmm-ctl");
	if (!rc)
		rc = device_add(ctl_device);
	if (rc)
		put_device(ctl_device);
	return rc;
}

static int nodes_create(void)
{
	int rc = alloc_chrdev_region(&devt, 0, 1, "vmm");

	if (rc)
		return rc;
	cdev_init(&ctl_cdev, &ctl_fops);
	ctl_cdev.owner = THIS_MODULE;
	rc = cdev_add(&ctl_cdev, devt, 1);
	if (rc)
		goto no_cdev;
	vmm_class = class_create(THIS_MODULE, "vmm");
	rc = PTR_ERR_OR_ZERO(vmm_class);
	if (rc)
		goto no_class;
	rc = ctl_device_add();
	if (rc)
		goto no_device;
	rc = named_init();
	if (rc)
		goto no_named;
	if (kvm) {
		rc = misc_register(&kvm_device);
		if (rc) {
			pr_err("vmm: /dev/kvm is taken (%d): unload kvm_intel/kvm_amd and kvm, or load without kvm=1\n", rc);
			goto no_misc;
		}
	}
	return 0;
no_misc:
	named_exit();
no_named:
	device_unregister(ctl_device);
no_device:
	class_destroy(vmm_class);
no_class:
	cdev_del(&ctl_cdev);
no_cdev:
	unregister_chrdev_region(devt, 1);
	return rc;
}

static void nodes_remove(void)
{
	if (kvm)
		misc_deregister(&kvm_device);
	named_exit();
	device_unregister(ctl_device);
	class_destroy(vmm_class);
	cdev_del(&ctl_cdev);
	unregister_chrdev_region(devt, 1);
}

static int __init vmm_module_init(void)
{
	const char *why = NULL;
	int rc;

	host_init();
	vmm_options.no_unrestricted_guest = !unrestricted_guest;
	rc = vmm_init(&why);
	if (rc) {
		pr_err("vmm: %s\n", why ? why : "the CPU can't be used");
		return rc;
	}
	rc = cpus_init();
	if (rc)
		goto no_cpus;
	rc = nodes_create();
	if (rc)
		goto no_nodes;
	pr_info("vmm: %s is ready\n", backend->name);
	return 0;
no_nodes:
	cpus_exit();
no_cpus:
	vmm_exit();
	return rc;
}

static void __exit vmm_module_exit(void)
{
	nodes_remove();
	cpus_exit();
	vmm_exit();
	WARN(atomic64_read(&host_pages) || atomic64_read(&host_bytes),
	     "vmm: %lld pages, %lld bytes were not freed\n",
	     atomic64_read(&host_pages), atomic64_read(&host_bytes));
}

module_init(vmm_module_init);
module_exit(vmm_module_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Vellum hypervisor");
