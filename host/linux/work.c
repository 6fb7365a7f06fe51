// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The kernel's own way of handling work that is pending before a guest is entered.
 * It wants a struct kvm_vcpu, in which it notes that there was a signal; nobody
 * reads that here, so all vCPUs share one. Kept apart from the engine's headers.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

int vmm_handle_guest_work(void);

int vmm_handle_guest_work(void)
{
	static struct kvm_run run;
	static struct kvm_vcpu vcpu = { .run = &run };

	return xfer_to_guest_mode_handle_work(&vcpu);
}
