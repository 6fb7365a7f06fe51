/* SPDX-License-Identifier: MIT */
/*
 * What a Multiboot kernel is told (Multiboot Specification "Boot information
 * format"): memory, command line, modules, the loader's name.  All of it lies
 * high in conventional memory, where kernels that load there don't reach;
 * modules follow the kernel, on pages of their own, whether it asks for that
 * or not.
 */
#include <stdio.h>
#include <string.h>

#include "boot.h"

#define LOADER_NAME	"Vellum"

#define INFO_MEMORY	(1u << 0)
#define INFO_CMDLINE	(1u << 2)
#define INFO_MODS	(1u << 3)
#define INFO_MMAP	(1u << 6)
#define INFO_LOADER	(1u << 9)

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr, config_table, boot_loader_name;
	uint32_t apm_table, vbe_control_info, vbe_mode_info;
	uint16_t vbe_mode, vbe_interface_seg, vbe_interface_off;
	uint16_t vbe_interface_len;
	uint8_t framebuffer[32];	/* none */
};

struct mod {
	uint32_t start, end, string, reserved;
};

struct mmap_entry {
	uint32_t size;		/* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

_Static_assert(sizeof(struct info) == 120, "Multiboot: information");
_Static_assert(sizeof(struct mmap_entry) == 24, "Multiboot: memory map");

/* What is left of the 64 KiB. */
struct room {
	uint8_t *at;
	uint32_t gpa, left;
};

/* Zeroed, at a multiple of 8; the information and its lists always fit. */
static void *take(struct room *r, size_t size, uint32_t *gpa)
{
	uint8_t *p = r->at;

	size = (size + 7) & ~(size_t)7;
	if (size > r->left)
		return NULL;
	*gpa = r->gpa;
	memset(p, 0, size);
	r->at += size;
	r->gpa += (uint32_t)size;
	r->left -= (uint32_t)size;
	return p;
}

static int add_string(struct room *r, const char *first, const char *second,
		      uint32_t *gpa, struct vmm_error *e)
{
	size_t len = strlen(first) + strlen(second) + 2;
	char *p = take(r, len, gpa);

	if (!p)
		return vmm_fail(e, VMM_ERR_INPUT,
			"the command line and the modules' strings do not fit into 64 KiB: shorten --append or --initrd FILE,STRING");
	snprintf(p, len, "%s%s%s", first, *second ? " " : "", second);
	return 0;
}

static int add_mmap(const struct guest_ram *ram, struct room *r,
		    struct info *info)
{
	struct e820_range map[E820_MAX];
	unsigned int i, n = boot_e820(ram, map);
	struct mmap_entry *out = take(r, n * sizeof(*out), &info->mmap_addr);

	if (!out)
		return -1;
	info->mmap_length = n * (uint32_t)sizeof(*out);
	for (i = 0; i < n; i++)
		out[i] = (struct mmap_entry){
			.size = sizeof(*out) - sizeof(out->size),
			.base = map[i].start, .length = map[i].size,
			.type = map[i].type,
		};
	return 0;
}

static int load_module(const struct guest_ram *ram,
		       const struct image_file *f, uint64_t *at,
		       struct mod *m, struct vmm_error *e)
{
	uint64_t start = (*at + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	void *p = NULL;

	if (start < ram->low_end && f->size <= ram->low_end - start)
		p = ram_at(ram, GPA(start), f->size);
	if (!p)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: %llu KiB do not fit into the guest's memory: what is loaded before takes the first %llu KiB of %llu usable; give more --memory",
			f->option, f->path,
			(unsigned long long)(f->size + KIB - 1) / KIB,
			(unsigned long long)start / KIB,
			(unsigned long long)ram->low_end / KIB);
	m->start = (uint32_t)start;
	m->end = (uint32_t)(start + f->size);
	*at = m->end;
	return image_read(f, 0, p, f->size, e);
}

static int add_modules(const struct guest_ram *ram,
		       const struct kernel_boot *b, uint64_t end,
		       struct room *r, struct info *info, struct vmm_error *e)
{
	struct mod *m = take(r, b->n_modules * sizeof(*m), &info->mods_addr);
	uint64_t at = end > BOOT_HIGH ? end : BOOT_HIGH;
	unsigned int i;

	info->mods_count = b->n_modules;
	for (i = 0; i < b->n_modules && m; i++) {
		const struct boot_module *from = &b->module[i];
		const char *s = from->string ? from->string : from->file.path;

		if (load_module(ram, &from->file, &at, &m[i], e) ||
		    add_string(r, s, "", &m[i].string, e))
			return -1;
	}
	return m ? 0 : vmm_fail(e, VMM_ERR_INTERNAL, "no room for modules");
}

int multiboot_info(const struct guest_ram *ram, const struct kernel_boot *b,
		   uint64_t end, uint32_t *where, struct vmm_error *e)
{
	struct room r = {
		.at = ram_at(ram, GPA(BOOT_MULTIBOOT), BOOT_MULTIBOOT_MAX),
		.gpa = BOOT_MULTIBOOT, .left = BOOT_MULTIBOOT_MAX,
	};
	struct info *info = r.at ? take(&r, sizeof(*info), where) : NULL;

	if (!info || add_mmap(ram, &r, info))
		return vmm_fail(e, VMM_ERR_INTERNAL, "no memory for boot data");
	info->flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODS | INFO_MMAP |
		      INFO_LOADER;
	info->mem_lower = BOOT_EBDA / KIB;
	info->mem_upper = (uint32_t)((ram->low_end - BOOT_HIGH) / KIB);
	if (add_modules(ram, b, end, &r, info, e) ||
	    add_string(&r, LOADER_NAME, "", &info->boot_loader_name, e))
		return -1;
	return add_string(&r, b->kernel.path, b->words, &info->cmdline, e);
}
