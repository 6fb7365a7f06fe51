/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libvmm.h"

int vmm_vcpu_create(struct vmm_vcpu *vcpu, struct vmm_vm *vm,
		    unsigned int index, struct vmm_error *e)
{
	void *run;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->run = NULL;
	vcpu->fd = ioctl(vm->fd, vm->attached ? VMM_OPEN_VCPU : KVM_CREATE_VCPU,
			 (unsigned long)index);
	if (vcpu->fd < 0) {
		int err = errno;

		if (index && (err == EINVAL || err == E2BIG || err == ENOSPC))
			return vmm_fail(e, VMM_ERR_HOST,
				"%s: has no room for vCPU %u: give fewer --cpus",
				vm->accel->path, index);
		return vmm_fail(e, VMM_ERR_HOST, "%s: can't create vCPU %u: %s",
				vm->accel->path, index, strerror(err));
	}
	run = mmap(NULL, vm->accel->run_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED) {
		vmm_fail(e, VMM_ERR_HOST,
			 "%s: can't map the run page of vCPU %u: %s",
			 vm->accel->path, index, strerror(errno));
		close(vcpu->fd);
		vcpu->fd = -1;
		return -1;
	}
	vcpu->run = run;
	return 0;
}

int vmm_vcpu_open(struct vmm_vcpu *vcpu, struct vmm_vm *vm, unsigned int index,
		  struct vmm_error *e)
{
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->run = NULL;
	vcpu->fd = ioctl(vm->fd, VMM_OPEN_VCPU, (unsigned long)index);
	if (vcpu->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return vmm_fail(e, VMM_ERR_INPUT, index ?
				"it has no vCPU %u" :
				"it has no vCPU yet: vellum load it first",
				index);
	return vmm_fail(e, VMM_ERR_HOST, "can't open vCPU %u: %s", index,
			strerror(errno));
}

void vmm_vcpu_destroy(struct vmm_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->accel->run_size);
	vcpu->run = NULL;
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->fd = -1;
}

/* As ioctl(vcpu->fd, KVM_RUN, 0), without its wrapper: once for every exit. */
int vmm_vcpu_run(struct vmm_vcpu *vcpu)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"((long)SYS_ioctl), "D"((long)vcpu->fd),
			   "S"((long)KVM_RUN), "d"(0l)
			 : "rcx", "r11", "memory");
	return (int)ret;
}

static int vcpu_ioctl(const struct vmm_vcpu *vcpu, unsigned long req, void *p)
{
	return ioctl(vcpu->fd, req, p) ? -errno : 0;
}

int vmm_vcpu_get_regs(const struct vmm_vcpu *vcpu, struct kvm_regs *r)
{
	return vcpu_ioctl(vcpu, KVM_GET_REGS, r);
}

int vmm_vcpu_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *r)
{
	return vcpu_ioctl(vcpu, KVM_SET_REGS, (void *)(uintptr_t)r);
}

int vmm_vcpu_get_sregs(const struct vmm_vcpu *vcpu, struct kvm_sregs *s)
{
	return vcpu_ioctl(vcpu, KVM_GET_SREGS, s);
}

int vmm_vcpu_set_sregs(struct vmm_vcpu *vcpu, const struct kvm_sregs *s)
{
	return vcpu_ioctl(vcpu, KVM_SET_SREGS, (void *)(uintptr_t)s);
}

int vmm_vcpu_get_lapic(const struct vmm_vcpu *vcpu, struct kvm_lapic_state *l)
{
	return vcpu_ioctl(vcpu, KVM_GET_LAPIC, l);
}

int vmm_vcpu_set_lapic(struct vmm_vcpu *vcpu, const struct kvm_lapic_state *l)
{
	return vcpu_ioctl(vcpu, KVM_SET_LAPIC, (void *)(uintptr_t)l);
}

int vmm_vcpu_set_cpuid(struct vmm_vcpu *vcpu, const struct kvm_cpuid2 *c)
{
	return vcpu_ioctl(vcpu, KVM_SET_CPUID2, (void *)(uintptr_t)c);
}

int vmm_vcpu_set_mp_state(struct vmm_vcpu *vcpu, uint32_t state)
{
	struct kvm_mp_state s = { .mp_state = state };

	return vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &s);
}

int vmm_vcpu_set_msr(struct vmm_vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};
	int done = ioctl(vcpu->fd, KVM_SET_MSRS, &m);

	return done < 0 ? -errno : done;
}

int vmm_vcpu_set_traps(const struct vmm_vcpu *vcpu, const struct vmm_traps *t)
{
	return vcpu_ioctl(vcpu, VMM_SET_TRAPS, (void *)(uintptr_t)t);
}

unsigned int vmm_vcpu_tsc_khz(const struct vmm_vcpu *vcpu)
{
	int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (unsigned int)khz : 0;
}
