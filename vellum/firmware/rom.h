/* SPDX-License-Identifier: MIT */
/*
 * Firmware in memory: its image below 4 GiB, the image's last 128 KiB also
 * below 1 MiB, where the chipset's PAM registers put RAM in its place, and a
 * flash chip for its variables below the image.
 *
 * What a guest reads comes straight from memory slots; only writes to ROM and
 * flash come here.
 */
#ifndef VELLUM_FIRMWARE_ROM_H
#define VELLUM_FIRMWARE_ROM_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../dev/q35.h"
#include "../load/file.h"
#include "../memory.h"
#include "flash.h"

#define ROM_SIZE_MAX	(16 * MIB)
#define ROM_PAGE	4096u
#define ROM_SHADOW_MAX	(128 * KIB)
#define ROM_TOP		(4 * GIB)

/* Slots of guest memory from RAM_SLOT_FREE on. */
enum {
	ROM_SLOT_PAM = RAM_SLOT_FREE,
	ROM_SLOT_IMAGE = ROM_SLOT_PAM + Q35_PAM_REGIONS,
	ROM_SLOT_VARS,
	/* The RAM below 1 MiB that PAM shows or hides; of named VMs only. */
	ROM_SLOT_SHADOW,
};

/* Where image and variables come from, and whose memory they are put into. */
struct rom_source {
	const struct image_file *image;
	const struct image_file *vars;	/* fd -1: none; open as long as the ROM */
	bool named;			/* the VM's own, which outlives us */
	bool attach;			/* it is there already, as large as this: */
	bool started;			/* and a guest has run with it */
	uint64_t image_size, vars_size;
};

struct rom {
	struct vmm_vm *vm;
	bool named;
	const struct guest_ram *ram;
	uint8_t *image;			/* NULL = no firmware */
	uint64_t size, base;
	uint8_t pam[Q35_PAM_REGIONS];
	struct flash vars;
	const struct image_file *vars_file;
	bool said;			/* the user knows that it can't be kept */
	int error;			/* of the last slot's change, or 0 */
};

/* Is this a size that an image can have?  Says why not. */
int rom_check(const struct image_file *image, const struct image_file *vars,
	      struct vmm_error *e);

/*
 * Puts image and variables (opened for writing) into the VM, unless they are there,
 * and onto the bus.
 */
int rom_create(struct rom *r, const struct rom_source *source, struct vmm_vm *vm,
	       const struct guest_ram *ram, struct bus *mmio,
	       struct vmm_error *e);
void rom_destroy(struct rom *r);

/* A PAM register changed: Q35_PAM_READ, Q35_PAM_WRITE.  0 or -errno. */
int rom_set_pam(struct rom *r, unsigned int region, uint8_t access);

#endif
