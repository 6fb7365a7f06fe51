/* SPDX-License-Identifier: MIT */
/* Interrupt routing, messages and eventfds; memory that comes and goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libvmm.h"

/* Lines of an IOAPIC, 16 of which are ISA's. */
#define IOAPIC_PINS	24
#define PIC_PINS	8
#define PIT_GSI		0
#define PIT_PIN		2
#define CASCADE_GSI	2

_Static_assert(VMM_GSI_FIRST_FREE == IOAPIC_PINS, "after the IOAPIC's");

static void add_route(struct kvm_irq_routing *r, uint32_t gsi, uint32_t chip,
		      uint32_t pin)
{
	struct kvm_irq_routing_entry *e = &r->entries[r->nr++];

	e->gsi = gsi;
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

static void add_pc_routes(struct kvm_irq_routing *r)
{
	uint32_t gsi;

	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (gsi < 2 * PIC_PINS)
			add_route(r, gsi, gsi < PIC_PINS ?
				  KVM_IRQCHIP_PIC_MASTER :
				  KVM_IRQCHIP_PIC_SLAVE, gsi % PIC_PINS);
		if (gsi != CASCADE_GSI)
			add_route(r, gsi, KVM_IRQCHIP_IOAPIC,
				  gsi == PIT_GSI ? PIT_PIN : gsi);
	}
}

unsigned int vmm_vm_gsi_max(const struct vmm_vm *vm)
{
	int n = vmm_vm_cap(vm, KVM_CAP_IRQ_ROUTING);

	return n > 0 ? (unsigned int)n : 0;
}

int vmm_vm_set_routing(struct vmm_vm *vm, const struct vmm_msi_route *msi,
		       unsigned int n)
{
	struct kvm_irq_routing *r;
	unsigned int i;
	int ret;

	r = calloc(1, sizeof(*r) +
		   (2 * IOAPIC_PINS + n) * sizeof(r->entries[0]));
	if (!r)
		return -ENOMEM;
	add_pc_routes(r);
	for (i = 0; i < n; i++) {
		struct kvm_irq_routing_entry *e = &r->entries[r->nr++];

		e->gsi = msi[i].gsi;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (uint32_t)msi[i].address;
		e->u.msi.address_hi = (uint32_t)(msi[i].address >> 32);
		e->u.msi.data = msi[i].data;
	}
	ret = ioctl(vm->fd, KVM_SET_GSI_ROUTING, r) ? -errno : 0;
	free(r);
	return ret;
}

int vmm_vm_set_pc_routing(struct vmm_vm *vm, struct vmm_error *e)
{
	int ret;

	if (!vmm_vm_gsi_max(vm))
		return 0;
	ret = vmm_vm_set_routing(vm, NULL, 0);
	if (ret)
		return vmm_fail(e, ret == -ENOMEM ? VMM_ERR_HOST :
						    VMM_ERR_INTERNAL,
				"%s: KVM_SET_GSI_ROUTING: %s",
				vm->accel->path, strerror(-ret));
	return 1;
}

int vmm_vm_signal_msi(struct vmm_vm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi m = {
		.address_lo = (uint32_t)address,
		.address_hi = (uint32_t)(address >> 32),
		.data = data,
	};

	return ioctl(vm->fd, KVM_SIGNAL_MSI, &m) < 0 ? -errno : 0;
}

int vmm_vm_irqfd(struct vmm_vm *vm, uint32_t gsi, int fd, bool on)
{
	struct kvm_irqfd f = {
		.fd = (uint32_t)fd, .gsi = gsi,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->fd, KVM_IRQFD, &f) ? -errno : 0;
}

int vmm_vm_ioeventfd(struct vmm_vm *vm, uint64_t addr, uint32_t len, bool pio,
		     int fd, bool on)
{
	struct kvm_ioeventfd f = {
		.addr = addr, .len = len, .fd = fd,
		.flags = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &f) ? -errno : 0;
}

int vmm_vm_move_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		       uint64_t size, void *host, bool readonly)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.userspace_addr = (uintptr_t)host,
	};

	/*
	 * Neither its backing nor its kind can change while it is there.
	 * EINVAL: there was none.
	 */
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) && errno != EINVAL)
		return -errno;
	if (!size)
		return 0;
	r.memory_size = size;
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? -errno : 0;
}
