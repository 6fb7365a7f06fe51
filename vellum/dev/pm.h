/* SPDX-License-Identifier: MIT */
/*
 * The ACPI fixed hardware that FADT announces: PM1a event and control blocks
 * and the PM timer (ACPI "ACPI Hardware Specification").  There is no SMI
 * command port: the machine is in ACPI mode from the start.
 */
#ifndef VELLUM_DEV_PM_H
#define VELLUM_DEV_PM_H

#include <stdint.h>

#include "../bus.h"
#include "irq.h"

#define PM_BASE		0x600
#define PM1_EVT		0	/* offsets: status, enable: 2 bytes each */
#define PM1_EVT_LEN	4
#define PM1_CNT		4
#define PM1_CNT_LEN	2
#define PM_TIMER	8
#define PM_TIMER_LEN	4
#define PM_SMI_EN	0x30	/* reads as "nothing to set up for SMM" */
#define PM_PORTS	0x80	/* as wide as ICH9's block */
#define PM_SCI		9
#define PM_S5_TYPE	0	/* SLP_TYP that the DSDT's \_S5 names */
#define PM_S5_ICH9	7	/* ... and that of the chipset's data sheet */

struct pm {
	struct irq_line sci;
	void (*power_off)(void *opaque);
	void *opaque;
	uint16_t status, enable, control;
};

extern const struct bus_ops pm_ops;

void pm_reset(struct pm *p);
void pm_power_button(struct pm *p);

#endif
