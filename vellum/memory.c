/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "memory.h"

enum { SLOT_CONVENTIONAL, SLOT_LOW, SLOT_HIGH };
_Static_assert(SLOT_HIGH < RAM_SLOT_VGA, "slots of guest RAM");

static uint64_t host_memory(void)
{
	struct sysinfo si;

	if (sysinfo(&si))
		return UINT64_MAX;
	return ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
}

static int check_size(uint64_t size, struct vmm_error *e)
{
	uint64_t have = host_memory();

	if (size < RAM_MIN)
		return vmm_fail(e, VMM_ERR_INPUT,
			"--memory: %llu KiB is too small: the least is %llu MiB",
			size / KIB, RAM_MIN / MIB);
	if (size > have)
		return vmm_fail(e, VMM_ERR_HOST,
			"--memory: %llu MiB is more than this host has (%llu MiB)",
			size / MIB, have / MIB);
	return 0;
}

int ram_create(struct guest_ram *ram, uint64_t size, struct vmm_error *e)
{
	uint8_t *p, *aligned;
	size_t head;

	memset(ram, 0, sizeof(*ram));
	if (check_size(size, e))
		return -1;

	/*
	 * MAP_NORESERVE: check_size() has said what can never fit; beyond
	 * that a guest takes what it touches, as any process does.
	 */
	p = mmap(NULL, size + RAM_ALIGN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return vmm_fail(e, VMM_ERR_HOST,
			"--memory: the host gives no %llu MiB: %s",
			size / MIB, strerror(errno));

	head = -(uintptr_t)p % RAM_ALIGN;
	aligned = p + head;
	if (head)
		munmap(p, head);
	munmap(aligned + size, RAM_ALIGN - head);

	/* Advice only: hosts without huge pages run as well. */
	madvise(aligned, size, MADV_HUGEPAGE);
	madvise(aligned, size, MADV_DONTDUMP);

	ram->host = aligned;
	ram->size = size;
	ram->low_end = size < RAM_LOW_MAX ? size : RAM_LOW_MAX;
	ram->high_end = RAM_HIGH_BASE + (size - ram->low_end);
	return 0;
}

void ram_destroy(struct guest_ram *ram)
{
	if (ram->host)
		munmap(ram->host, ram->size);
	memset(ram, 0, sizeof(*ram));
}

static int add_slots(const struct guest_ram *ram, struct vmm_vm *vm,
		     uint64_t low_base, struct vmm_error *e)
{
	if (vmm_vm_set_memory(vm, SLOT_CONVENTIONAL, 0, RAM_VGA_BASE,
			      ram->host, e) ||
	    vmm_vm_set_memory(vm, SLOT_LOW, low_base, ram->low_end - low_base,
			      ram->host + low_base, e))
		return -1;
	if (ram->high_end == RAM_HIGH_BASE)
		return 0;
	return vmm_vm_set_memory(vm, SLOT_HIGH, RAM_HIGH_BASE,
				 ram->high_end - RAM_HIGH_BASE,
				 ram->host + ram->low_end, e);
}

int ram_add_slots(const struct guest_ram *ram, struct vmm_vm *vm,
		  struct vmm_error *e)
{
	return add_slots(ram, vm, RAM_VGA_END, e);
}

int ram_add_slots_shadowed(const struct guest_ram *ram, struct vmm_vm *vm,
			   struct vmm_error *e)
{
	return add_slots(ram, vm, MIB, e);
}

int ram_add_vga(struct guest_ram *ram, struct vmm_vm *vm, struct vmm_error *e)
{
	ram->vga = true;
	return vmm_vm_set_memory(vm, RAM_SLOT_VGA, RAM_VGA_BASE,
				 RAM_VGA_END - RAM_VGA_BASE,
				 ram->host + RAM_VGA_BASE, e);
}

/* [gpa, gpa+len) within [base, end), with no sum that could wrap? */
static bool within(uint64_t gpa, uint64_t len, uint64_t base, uint64_t end)
{
	return gpa >= base && gpa <= end && len <= end - gpa;
}

void *ram_at(const struct guest_ram *ram, gpa_t gpa, uint64_t len)
{
	if (!ram->host)
		return NULL;
	if (within(gpa.v, len, 0, ram->vga ? ram->low_end : RAM_VGA_BASE) ||
	    within(gpa.v, len, RAM_VGA_END, ram->low_end))
		return ram->host + gpa.v;
	if (within(gpa.v, len, RAM_HIGH_BASE, ram->high_end))
		return ram->host + ram->low_end + (gpa.v - RAM_HIGH_BASE);
	return NULL;
}
