/* SPDX-License-Identifier: MIT */
/*
 * Putting a guest into its memory and telling how its first vCPU starts.
 *
 * What we place in low memory, by guest-physical address:
 *
 *	0x00400 - 0x004ff	some fields of the BIOS data area
 *	0x00500 - 0x0053f	GDT (enum boot_selector)
 *	0x00540 - 0x005a7	TSS, all zero
 *	0x07000 - 0x07fff	boot_params ("zero page") or hvm_start_info
 *	0x08000 - 0x08fff	PVH: memory map and module list
 *	0x09000 - 0x0efff	page tables: PML4, PDPT, four page directories
 *				that map 4 GiB one to one with 2 MiB pages
 *	0x20000 - 0x2ffff	command line
 *	0x80000 - 0x8ffff	Multiboot, instead of what lies from 0x7000 to
 *				here: information, its lists and strings
 *	0x9fc00 - 0x9ffff	reserved, as a PC's extended BIOS data area
 *	0xe0000 - 0xeffff	ACPI tables
 *	0xf0000 - 0xfffff	MP table
 *
 * A flat guest in real or protected mode gets the GDT and the TSS (protected
 * mode), in long mode the page tables too, and nothing else.
 */
#ifndef VELLUM_LOAD_BOOT_H
#define VELLUM_LOAD_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "../memory.h"
#include "file.h"

#define BOOT_GDT	0x500u
#define BOOT_GDT_SIZE	0x40u
#define BOOT_TSS	0x540u
#define BOOT_TSS_SIZE	0x68u
#define BOOT_INFO	0x7000u
#define BOOT_PVH_LISTS	0x8000u
#define BOOT_PML4	0x9000u
#define BOOT_PDPT	0xa000u
#define BOOT_PD		0xb000u
#define BOOT_PD_COUNT	4u
#define BOOT_PT_END	0xf000u
#define BOOT_CMDLINE	0x20000u
#define BOOT_CMDLINE_MAX 0x10000u
#define BOOT_MULTIBOOT	0x80000u
#define BOOT_MULTIBOOT_MAX 0x10000u
#define BOOT_MODULES_MAX 16u
#define BOOT_EBDA	0x9fc00u
#define BOOT_ACPI	0xe0000u
#define BOOT_MP		0xf0000u
#define BOOT_ACPI_END	0x100000u
#define BOOT_HIGH	0x100000u	/* kernels and initrds: from here on */

#define PAGE_SIZE	4096u

enum boot_selector {
	SEL_CODE64 = 0x08,
	SEL_DATA = 0x10,
	SEL_CODE32 = 0x18,
	SEL_TSS = 0x20,		/* two entries */
	SEL_CODE16 = 0x30,
	SEL_DATA16 = 0x38,
};

enum cpu_mode { MODE_REAL, MODE_PROTECTED, MODE_LONG };

/* How the first vCPU starts. */
struct boot_state {
	enum cpu_mode mode;
	uint16_t cs;		/* real mode only */
	uint64_t rip, rsp, rsi, rax, rbx, rdi;
	bool multiboot;		/* it came by that protocol: not Linux */
};

struct e820_range {
	uint64_t start, size;
	uint32_t type;
};

#define E820_RAM	1u
#define E820_RESERVED	2u
#define E820_MAX	8u

/* The guest's memory map; returns the number of ranges. */
unsigned int boot_e820(const struct guest_ram *ram,
		       struct e820_range map[E820_MAX]);

/*
 * The BIOS data area's serial port, end of memory and extended data area, for
 * kernels that look there for where to look further.
 */
int boot_bios_data(const struct guest_ram *ram, struct vmm_error *e);

/* GDT, TSS and, for long mode, page tables. */
int boot_tables(const struct guest_ram *ram, enum cpu_mode mode,
		struct vmm_error *e);

int boot_cmdline(const struct guest_ram *ram, const char *cmdline,
		 uint64_t max, struct vmm_error *e);

/*
 * Reads the initrd to the highest place that ends at or below @limit and lies
 * above @floor, where the kernel ends.
 */
int boot_initrd(const struct guest_ram *ram, const struct image_file *initrd,
		uint64_t floor, uint64_t limit, uint64_t *where,
		struct vmm_error *e);

struct boot_module {
	struct image_file file;
	const char *string;	/* NULL = none given */
};

struct kernel_boot {
	struct image_file kernel;
	const struct boot_module *module;	/* initrds */
	unsigned int n_modules;			/* at most BOOT_MODULES_MAX */
	const char *cmdline;		/* Linux's: with our defaults */
	const char *words;		/* the user's alone */
	uint64_t rsdp;			/* 0 = none */
};

/*
 * Looks at the kernel and takes the loader that fits: PVH, bzImage, Multiboot,
 * in this order if a file is more than one of them.
 */
int boot_kernel(const struct guest_ram *ram, const struct kernel_boot *b,
		struct boot_state *s, struct vmm_error *e);

/* For protocols with one initrd: it, or NULL in *@initrd; refuses more. */
int boot_only_initrd(const struct kernel_boot *b,
		     const struct image_file **initrd, struct vmm_error *e);

/*
 * Is it one that its loader can start?  False as well if it can't be read: the
 * loader says so.
 */
bool is_bzimage(const struct kernel_boot *b);
bool is_pvh(const struct kernel_boot *b);
bool is_multiboot(const struct kernel_boot *b);

/* The loaders themselves; each sets up all of @s. */
int load_bzimage(const struct guest_ram *ram, const struct kernel_boot *b,
		 struct boot_state *s, struct vmm_error *e);
int load_pvh(const struct guest_ram *ram, const struct kernel_boot *b,
	     struct boot_state *s, struct vmm_error *e);
int load_multiboot(const struct guest_ram *ram, const struct kernel_boot *b,
		   struct boot_state *s, struct vmm_error *e);

/*
 * Multiboot's information, strings and modules, the latter from @end on, where
 * the kernel ends; where the information lies is in *@info.
 */
int multiboot_info(const struct guest_ram *ram, const struct kernel_boot *b,
		   uint64_t end, uint32_t *info, struct vmm_error *e);

struct flat_image {
	struct image_file file;
	uint64_t addr;
};

int load_flat(const struct guest_ram *ram, const struct flat_image *images,
	      unsigned int n, struct boot_state *s, struct vmm_error *e);

#endif
