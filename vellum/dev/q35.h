/* SPDX-License-Identifier: MIT */
/*
 * The chipset as far as software can tell: host bridge of Intel's Q35
 * (8086:29c0, "Intel 3 Series Express Chipset Family") with the PAM registers
 * that shadow firmware and the memory-mapped configuration window, and the LPC
 * bridge of ICH9 (8086:2918) with the PCI interrupt router and the place of
 * the power-management registers.
 *
 * PIRQ A to H reach IOAPIC pins 16 to 23, and an ISA line if the router says
 * so.  Slots below 25 use E to H, turned by one per slot; the others A to D.
 */
#ifndef VELLUM_DEV_Q35_H
#define VELLUM_DEV_Q35_H

#include "pci.h"

#define Q35_ECAM_BASE		0xb0000000u	/* where we put it ourselves */
#define Q35_ECAM_SIZE		0x10000000u
#define Q35_LPC_DEVFN		PCI_DEVFN(31, 0)

#define Q35_PAM_REGIONS		13u
#define Q35_PAM_READ		1u	/* reads go to RAM, else to ROM */
#define Q35_PAM_WRITE		2u	/* writes go to RAM, else nowhere */

#define Q35_PIRQS		8u
#define Q35_PIRQ_GSI		16u

struct q35 {
	struct pci_dev mch, lpc;
	struct pci_bus *bus;
	struct bus_range ecam;
	bool ecam_open;
	uint8_t pam[Q35_PAM_REGIONS];
	uint8_t pirqs;			/* levels, bit 0 = PIRQ A */
	uint16_t isa;			/* lines that the router asserts */
	uint16_t pm_base;		/* 0 = not decoded */

	/* Each may be NULL. */
	void (*set_pam)(void *opaque, unsigned int region, uint8_t access);
	void (*set_gsi)(void *opaque, unsigned int gsi, bool level);
	void (*set_pm_base)(void *opaque, uint16_t base);	/* 0 = off */
	void *opaque;
};

/* Region 0 is 64 KiB at 0xf0000; 1 to 12 are 16 KiB each from 0xc0000 on. */
void q35_pam_region(unsigned int region, uint32_t *base, uint32_t *len);

/* Puts both onto @bus, in power-on state, and answers for the bus's pins. */
int q35_add(struct q35 *q, struct pci_bus *bus);

/*
 * What firmware would have set up, for guests started without: window for
 * configuration, PIRQs to ISA lines 10 and 11, power management at @pm_base,
 * BARs and interrupt lines of all functions there are.
 */
int q35_setup(struct q35 *q, uint16_t pm_base);

/* The PIRQ (0 = A) that pin @pin (0-3) of @slot is wired to. */
unsigned int q35_pirq(unsigned int slot, unsigned int pin);

/* Where the configuration window is, 0 if closed. */
uint64_t q35_ecam(const struct q35 *q);

#endif
