/* SPDX-License-Identifier: MIT */
/* Choosing a back end, and the life of a VM. */
#include "../vmm.h"

#include "arch/insn.h"
#include "../x86/paging.h"

const struct backend *backend;
struct backend_caps backend_caps;
struct vmm_options vmm_options;

static const struct backend *const backends[] = { &vmx_backend, &svm_backend };

int vmm_init(const char **why)
{
	int rc = ERR_NOTSUP;
	unsigned i;

	*why = "this CPU has neither VT-x nor AMD-V";
	for (i = 0; i < COUNT_OF(backends) && rc == ERR_NOTSUP; i++) {
		const char *reason = NULL;

		rc = backends[i]->probe(&backend_caps, &reason);
		/* "Not this vendor" leaves reason empty: then ask the next. */
		if (reason) {
			*why = reason;
			if (rc)
				return rc;
		}
		if (!rc)
			backend = backends[i];
	}
	return rc;
}

void vmm_exit(void)
{
	backend = NULL;
}

/*
 * Where the hardware can't run without paging: a page directory that maps 4 GiB one
 * to one. It is at KVM's default place until the client moves it.
 */
static int add_identity_map(struct vm *vm)
{
	if (backend_caps.unrestricted_guest)
		return 0;
	vm->mem.own_page = host_page_alloc(false);
	if (!vm->mem.own_page)
		return ERR_NOMEM;
	vm->mem.own_gpa = IDENTITY_MAP_DEFAULT;
	paging_fill_identity(vm->mem.own_page);
	return 0;
}

struct vm *vm_create(struct host_vm *host, int *err)
{
	struct vm *vm = host_alloc(sizeof(*vm));

	*err = ERR_NOMEM;
	if (!vm)
		return NULL;
	vm->host = host;
	*err = mem_create(vm);
	if (!*err)
		*err = add_identity_map(vm);
	if (*err) {
		mem_destroy(vm);
		host_free(vm);
		return NULL;
	}
	/* Guests start with a TSC of 0, as after a power-on. */
	vm->tsc_epoch = rdtsc();
	return vm;
}

void vm_destroy(struct vm *vm)
{
	u32 i;

	for (i = 0; i < VCPUS_MAX; i++)
		if (vm->vcpus[i])
			vcpu_destroy(vm->vcpus[i]);
	if (vm->irqchip)
		irqchip_destroy(vm->irqchip);
	mem_destroy(vm);
	host_free(vm);
}
