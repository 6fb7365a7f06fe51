/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, written into guest memory (ACPI "ACPI Software Programming
 * Model"): RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT; with a PCI bus also
 * MCFG, HPET and an SSDT.
 */
#ifndef VELLUM_ACPI_TABLES_H
#define VELLUM_ACPI_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/libvmm.h"

#define IOAPIC_ADDRESS	0xfec00000u
#define LAPIC_ADDRESS	0xfee00000u

struct acpi_config {
	unsigned int cpus;
	bool pit_on_pin2;	/* ISA line 0 comes in at IOAPIC pin 2 */
	bool pci;		/* a Q35's bus, HPET, keyboard controller */
	bool vga;		/* a video adapter at its usual ports */
	uint64_t ecam;		/* configuration window, 0 = closed */
	uint16_t pm_base;	/* 0 = PM_BASE */
};

/*
 * Builds the tables for guest-physical [gpa, gpa+len) at @at, where this
 * process sees that range; the RSDP comes first, so at @gpa, which is aligned
 * to 64.
 */
int acpi_build(uint8_t *at, uint32_t gpa, uint32_t len,
	       const struct acpi_config *c, struct vmm_error *e);

/*
 * mp.c: the older table, with its pointer first; firmware makes its own.
 */
int mp_build(uint8_t *at, uint32_t gpa, uint32_t len,
	     const struct acpi_config *c, struct vmm_error *e);

/*
 * ACPI's for firmware that places the tables itself: addresses within
 * @tables are offsets into it, and what has to be patched is listed.
 * Checksums are zero until then.
 */
#define ACPI_TABLES_MAX		0x4000u
#define ACPI_RSDP_SIZE		36u
#define ACPI_PATCHES_MAX	32u

struct acpi_patch {
	uint32_t at, start, len;	/* pointer: len = its size */
};

struct acpi_files {
	uint8_t tables[ACPI_TABLES_MAX];
	uint32_t tables_len;
	uint8_t rsdp[ACPI_RSDP_SIZE];
	struct acpi_patch pointer[ACPI_PATCHES_MAX], sum[ACPI_PATCHES_MAX];
	unsigned int n_pointers, n_sums;
	/* likewise within the RSDP */
	struct acpi_patch rsdp_pointer[2], rsdp_sum[2];
};

int acpi_build_files(struct acpi_files *f, const struct acpi_config *c,
		     struct vmm_error *e);

#endif
