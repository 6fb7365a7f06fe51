/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libvmm.h"

static int create_failed(const struct vmm_accel *a, int err,
			 struct vmm_error *e)
{
	switch (err) {
	case EBUSY:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: the CPU's virtualization is in use by another hypervisor (kvm_intel, kvm_amd, VirtualBox...): stop its guests or unload it",
			a->path);
	case EOPNOTSUPP:
	case ENODEV:
	case EIO:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: can't create a VM: this CPU has no usable VT-x or AMD-V (missing, or locked off by the firmware); the kernel log says which (dmesg)",
			a->path);
	case ENOMEM:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: can't create a VM: the host is out of memory",
			a->path);
	default:
		return vmm_fail(e, VMM_ERR_HOST, "%s: can't create a VM: %s",
				a->path, strerror(err));
	}
}

int vmm_vm_create(struct vmm_vm *vm, struct vmm_accel *a, struct vmm_error *e)
{
	vm->accel = a;
	do
		vm->fd = ioctl(a->fd, KVM_CREATE_VM, 0UL);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return create_failed(a, errno, e);
	return 0;
}

void vmm_vm_destroy(struct vmm_vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	vm->fd = -1;
}

int vmm_vm_cap(const struct vmm_vm *vm, int cap)
{
	int v = ioctl(vm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return v > 0 ? v : vmm_accel_cap(vm->accel, cap);
}

static int vm_failed(const struct vmm_vm *vm, const char *what,
		     struct vmm_error *e)
{
	int err = errno;

	return vmm_fail(e, err == ENOMEM ? VMM_ERR_HOST : VMM_ERR_INTERNAL,
			"%s: %s: %s", vm->accel->path, what, strerror(err));
}

int vmm_vm_set_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		      uint64_t size, void *host, struct vmm_error *e)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r))
		return vm_failed(vm, "KVM_SET_USER_MEMORY_REGION", e);
	return 0;
}

int vmm_vm_create_irqchip(struct vmm_vm *vm, struct vmm_error *e)
{
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return vm_failed(vm, "KVM_CREATE_IRQCHIP", e);
	return 0;
}

int vmm_vm_create_pit(struct vmm_vm *vm, struct vmm_error *e)
{
	/* With port 0x61 in the kernel: Linux calibrates clocks through it. */
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_CREATE_PIT2, &c))
		return vm_failed(vm, "KVM_CREATE_PIT2", e);
	return 0;
}

int vmm_vm_pit_silent(struct vmm_vm *vm, bool on)
{
	struct kvm_pit_state2 s;

	if (ioctl(vm->fd, KVM_GET_PIT2, &s))
		return -errno;
	if (on == !!(s.flags & KVM_PIT_FLAGS_HPET_LEGACY))
		return 0;
	s.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
	return ioctl(vm->fd, KVM_SET_PIT2, &s) ? -errno : 0;
}

int vmm_vm_set_tss_addr(struct vmm_vm *vm, uint32_t gpa, struct vmm_error *e)
{
	if (!vmm_vm_cap(vm, KVM_CAP_SET_TSS_ADDR))
		return 0;
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)gpa))
		return vm_failed(vm, "KVM_SET_TSS_ADDR", e);
	return 0;
}

int vmm_vm_set_identity_map_addr(struct vmm_vm *vm, uint64_t gpa,
				 struct vmm_error *e)
{
	if (!vmm_vm_cap(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		return 0;
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &gpa))
		return vm_failed(vm, "KVM_SET_IDENTITY_MAP_ADDR", e);
	return 0;
}

int vmm_vm_irq_line(struct vmm_vm *vm, uint32_t gsi, bool level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	return ioctl(vm->fd, KVM_IRQ_LINE, &l) ? -errno : 0;
}
