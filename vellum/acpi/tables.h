/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, written into guest memory (ACPI "ACPI Software Programming
 * Model"): RSDP, XSDT, FADT, FACS, MADT, DSDT.
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
};

/*
 * Builds the tables for guest-physical [gpa, gpa+len) at @at, where this
 * process sees that range; the RSDP comes first, so at @gpa, which is aligned
 * to 64.
 */
int acpi_build(uint8_t *at, uint32_t gpa, uint32_t len,
	       const struct acpi_config *c, struct vmm_error *e);

#endif
