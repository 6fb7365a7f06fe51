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

struct rom {
	struct vmm_vm *vm;
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
 * Reads the image and the variables (@vars->fd -1: none; opened for writing, and
 * open as long as @r), puts both into the VM and onto the bus.
 */
int rom_create(struct rom *r, const struct image_file *image,
	       const struct image_file *vars, struct vmm_vm *vm,
	       const struct guest_ram *ram, struct bus *mmio,
	       struct vmm_error *e);
void rom_destroy(struct rom *r);

/* A PAM register changed: Q35_PAM_READ, Q35_PAM_WRITE.  0 or -errno. */
int rom_set_pam(struct rom *r, unsigned int region, uint8_t access);

#endif
