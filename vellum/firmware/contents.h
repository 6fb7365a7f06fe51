/* SPDX-License-Identifier: MIT */
/*
 * What firmware finds in fw_cfg: sizes and counts, the memory map, the ACPI
 * tables with the script by which it places and patches them.
 */
#ifndef VELLUM_FIRMWARE_CONTENTS_H
#define VELLUM_FIRMWARE_CONTENTS_H

#include "../acpi/tables.h"
#include "../dev/fwcfg.h"
#include "../load/file.h"

struct firmware_contents {
	struct fwcfg *f;
	/*
	 * The chipset as it is now: firmware may move things first.  NULL:
	 * there is none to place ACPI tables.
	 */
	struct acpi_config (*acpi)(void *opaque);
	void *opaque;
	const struct image_file *vgabios;	/* fd -1: none */
	struct acpi_files files;	/* of the last look */
};

/* @serial: port of the console for text output, 0 = none. */
int firmware_contents(struct firmware_contents *c, const struct guest_ram *ram,
		      unsigned int cpus, uint16_t serial,
		      struct vmm_error *e);

#endif
