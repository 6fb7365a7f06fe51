// SPDX-License-Identifier: MIT OR GPL-2.0
/* The VM's interrupt controllers in the ABI's terms. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmm.h"

static long create_irqchip(struct host_vm *h)
{
	struct vm *vm = h->vm;

	if (vm->irqchip)
		return -EEXIST;
	/* vCPUs get their LAPIC at creation. */
	return vm->vcpu_count ? -EINVAL : irqchip_create(vm, &vm->irqchip);
}

static long create_pit(struct host_vm *h, void __user *user)
{
	struct kvm_pit_config config;

	if (user && copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	return h->vm->irqchip ? pit_create(h->vm) : -ENOENT;
}

static long irq_line(struct host_vm *h, unsigned int cmd, struct kvm_irq_level __user *user)
{
	struct kvm_irq_level level;
	int status;

	if (copy_from_user(&level, user, sizeof(level)))
		return -EFAULT;
	if (!h->vm->irqchip)
		return -ENXIO;
	status = irq_set_gsi(h->vm, level.irq, 0, level.level);
	if (cmd == KVM_IRQ_LINE_STATUS && put_user((u32)status, &user->status))
		return -EFAULT;
	return 0;
}

static bool to_route(const struct kvm_irq_routing_entry *e, struct irq_route *r)
{
	*r = (struct irq_route){ .gsi = e->gsi };
	if (e->flags)
		return false;
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->u.irqchip.irqchip > KVM_IRQCHIP_IOAPIC || e->u.irqchip.pin > 23)
			return false;
		r->chip = e->u.irqchip.irqchip;
		r->pin = e->u.irqchip.pin;
		return true;
	case KVM_IRQ_ROUTING_MSI:
		r->is_msi = true;
		r->msi_address = e->u.msi.address_lo | (u64)e->u.msi.address_hi << 32;
		r->msi_data = e->u.msi.data;
		return true;
	default:
		return false;
	}
}

static long set_routing(struct host_vm *h, struct kvm_irq_routing __user *user)
{
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry e;
	struct irq_route *routes;
	long rc = 0;
	u32 i;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nr > IRQ_GSIS || head.flags || !h->vm->irqchip)
		return -EINVAL;
	routes = kvcalloc(head.nr + 1, sizeof(*routes), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return -ENOMEM;
	for (i = 0; i < head.nr && !rc; i++) {
		if (copy_from_user(&e, &user->entries[i], sizeof(e)))
			rc = -EFAULT;
		else if (!to_route(&e, &routes[i]))
			rc = -EINVAL;
	}
	if (!rc)
		rc = irq_set_routes(h->vm, routes, head.nr);
	kvfree(routes);
	return rc;
}

static long signal_msi(struct host_vm *h, void __user *user)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, user, sizeof(msi)))
		return -EFAULT;
	if (msi.flags)
		return -EINVAL;
	return irq_msi(h->vm, msi.address_lo | (u64)msi.address_hi << 32, msi.data);
}

static long irqchip_state(struct host_vm *h, unsigned int cmd, void __user *user)
{
	struct kvm_irqchip *chip;
	long rc;

	if (!h->vm->irqchip)
		return -ENXIO;
	chip = memdup_user(user, sizeof(*chip));
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	if (cmd == KVM_SET_IRQCHIP) {
		rc = irqchip_set_state(h->vm->irqchip, chip->chip_id, &chip->chip,
				       sizeof(chip->chip));
	} else {
		rc = irqchip_get_state(h->vm->irqchip, chip->chip_id, &chip->chip,
				       sizeof(chip->chip));
		if (!rc && copy_to_user(user, chip, sizeof(*chip)))
			rc = -EFAULT;
	}
	kfree(chip);
	return rc;
}

static long pit_state(struct host_vm *h, unsigned int cmd, void __user *user)
{
	struct kvm_pit_state2 ps = {};
	long rc;

	if (!h->vm->irqchip)
		return -ENXIO;
	if (cmd == KVM_SET_PIT2) {
		if (copy_from_user(&ps, user, sizeof(ps)))
			return -EFAULT;
		return pit_set_state(h->vm->irqchip, &ps, sizeof(ps));
	}
	rc = pit_get_state(h->vm->irqchip, &ps, sizeof(ps));
	if (!rc && copy_to_user(user, &ps, sizeof(ps)))
		rc = -EFAULT;
	return rc;
}

static long reinject_control(struct host_vm *h, void __user *user)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	return h->vm->irqchip ? pit_set_reinject(h->vm->irqchip, control.pit_reinject) :
				-ENXIO;
}

long vm_irq_ioctl(struct host_vm *h, unsigned int cmd, void __user *user)
{
	long rc;

	/* Lines and messages are locked by the engine; set-up by us. */
	if (cmd == KVM_IRQ_LINE || cmd == KVM_IRQ_LINE_STATUS)
		return irq_line(h, cmd, user);
	if (cmd == KVM_SIGNAL_MSI)
		return signal_msi(h, user);
	mutex_lock(&h->lock);
	switch (cmd) {
	case KVM_CREATE_IRQCHIP: rc = create_irqchip(h); break;
	case KVM_CREATE_PIT2: rc = create_pit(h, user); break;
	case KVM_SET_GSI_ROUTING: rc = set_routing(h, user); break;
	case KVM_REINJECT_CONTROL: rc = reinject_control(h, user); break;
	case KVM_IRQFD: rc = vm_irqfd(h, user); break;
	case KVM_IOEVENTFD: rc = vm_ioeventfd(h, user); break;
	case KVM_GET_IRQCHIP:
	case KVM_SET_IRQCHIP: rc = irqchip_state(h, cmd, user); break;
	case KVM_GET_PIT2:
	case KVM_SET_PIT2: rc = pit_state(h, cmd, user); break;
	default: rc = -ENOTTY; break;
	}
	mutex_unlock(&h->lock);
	return rc;
}
