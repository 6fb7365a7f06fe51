/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "q35.h"

/* Host bridge */
#define MCH_PCIEXBAR		0x60
#define MCH_PAM0		0x90
#define MCH_SMRAM		0x9d
#define PCIEXBAR_ENABLE		0x1u
#define PCIEXBAR_LENGTH		0x6u
#define PCIEXBAR_ADDRESS	0x0ffffffff0000000ull

/* LPC bridge */
#define LPC_PMBASE		0x40
#define LPC_ACPI_CNTL		0x44
#define LPC_PIRQA		0x60
#define LPC_PIRQE		0x68
#define LPC_RCBA		0xf0
#define PMBASE_MASK		0xff80u
#define PMBASE_IS_IO		0x1u
#define ACPI_ENABLE		0x80u
#define PIRQ_OFF		0x80u
#define PIRQ_LINE		0x0fu
/* ISA lines that the router can't reach: 0-2, 8, 13. */
#define PIRQ_RESERVED		0x2107u

static struct q35 *of_mch(struct pci_dev *d)
{
	return (struct q35 *)((char *)d - offsetof(struct q35, mch));
}

static struct q35 *of_lpc(struct pci_dev *d)
{
	return (struct q35 *)((char *)d - offsetof(struct q35, lpc));
}

static bool overlaps(unsigned int at, unsigned int size, unsigned int from,
		     unsigned int len)
{
	return at < from + len && from < at + size;
}

/* ---- host bridge ---- */

void q35_pam_region(unsigned int region, uint32_t *base, uint32_t *len)
{
	*base = region ? 0xc0000u + (region - 1) * 0x4000u : 0xf0000u;
	*len = region ? 0x4000u : 0x10000u;
}

/* PAM0 has one region, in its upper half; the others lower half, upper half. */
static uint8_t pam_access(const struct q35 *q, unsigned int region)
{
	unsigned int half = region + 1;

	return q->mch.config[MCH_PAM0 + half / 2] >> (half & 1 ? 4 : 0) & 3;
}

static void update_pam(struct q35 *q)
{
	unsigned int i;

	for (i = 0; i < Q35_PAM_REGIONS; i++) {
		uint8_t access = pam_access(q, i);

		if (access == q->pam[i])
			continue;
		q->pam[i] = access;
		if (q->set_pam)
			q->set_pam(q->opaque, i, access);
	}
}

uint64_t q35_ecam(const struct q35 *q)
{
	return q->ecam_open ? q->ecam.base : 0;
}

static void update_ecam(struct q35 *q)
{
	uint32_t low = pci_get32(&q->mch, MCH_PCIEXBAR);
	uint64_t base = low | (uint64_t)pci_get32(&q->mch, MCH_PCIEXBAR + 4)
			      << 32;
	unsigned int length = (low & PCIEXBAR_LENGTH) >> 1;

	if (q->ecam_open)
		bus_close_window(q->bus->mem, &q->ecam);
	q->ecam_open = false;
	/* 256, 128 or 64 buses; 3 is reserved. */
	if (!(low & PCIEXBAR_ENABLE) || length == 3)
		return;
	q->ecam.len = Q35_ECAM_SIZE >> length;
	q->ecam.base = base & PCIEXBAR_ADDRESS & ~(q->ecam.len - 1);
	q->ecam_open = !bus_open_window(q->bus->mem, &q->ecam);
}

static void mch_written(struct pci_dev *d, unsigned int at, unsigned int size)
{
	struct q35 *q = of_mch(d);

	if (overlaps(at, size, MCH_PCIEXBAR, 8))
		update_ecam(q);
	if (overlaps(at, size, MCH_PAM0, 7))
		update_pam(q);
}

static void init_mch(struct q35 *q)
{
	static const struct pci_ids ids = {
		.vendor = PCI_VENDOR_INTEL, .device = 0x29c0, .class = 0x06,
	};
	struct pci_dev *d = &q->mch;
	unsigned int i;

	pci_dev_init(d, "host bridge", &ids);
	pci_put32(d->writable + MCH_PCIEXBAR,
		  0xfc000000u | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE);
	pci_put32(d->writable + MCH_PCIEXBAR + 4, 0xf);
	d->writable[MCH_PAM0] = 0x30;
	for (i = 1; i < 7; i++)
		d->writable[MCH_PAM0 + i] = 0x33;
	/* No SMM: the register is there, nothing is behind it. */
	d->config[MCH_SMRAM] = 0x02;
	d->writable[MCH_SMRAM] = 0x78;
	d->written = mch_written;
	q->ecam = (struct bus_range){
		.width = 4, .name = "PCI configuration",
		.ops = &pci_ecam_ops, .dev = q->bus,
	};
}

/* ---- LPC bridge ---- */

static unsigned int router(unsigned int pirq)
{
	return pirq < 4 ? LPC_PIRQA + pirq : LPC_PIRQE + pirq - 4;
}

/* Which ISA lines the router asserts, by the PIRQs' levels. */
static void update_isa(struct q35 *q)
{
	uint16_t isa = 0, changed;
	unsigned int i;

	for (i = 0; i < Q35_PIRQS; i++) {
		uint8_t r = q->lpc.config[router(i)];

		if (q->pirqs & 1u << i && !(r & PIRQ_OFF))
			isa |= (uint16_t)(1u << (r & PIRQ_LINE));
	}
	isa &= (uint16_t)~PIRQ_RESERVED;
	changed = isa ^ q->isa;
	q->isa = isa;
	for (i = 0; i < 16 && q->set_gsi; i++)
		if (changed & 1u << i)
			q->set_gsi(q->opaque, i, isa >> i & 1);
}

unsigned int q35_pirq(unsigned int slot, unsigned int pin)
{
	return slot < 25 ? 4 + ((slot + pin) & 3) : pin;
}

static void slot_pin(void *opaque, unsigned int slot, unsigned int pin,
		     bool level)
{
	struct q35 *q = opaque;
	unsigned int pirq = q35_pirq(slot, pin), s, p;
	uint8_t bit = (uint8_t)(1u << pirq);
	bool any = level;

	/* Several slots share a PIRQ. */
	for (s = 0; s < PCI_SLOTS && !any; s++)
		for (p = 0; p < 4; p++)
			any |= q->bus->pins[s][p] && q35_pirq(s, p) == pirq;
	if (any == !!(q->pirqs & bit))
		return;
	q->pirqs ^= bit;
	if (q->set_gsi)
		q->set_gsi(q->opaque, Q35_PIRQ_GSI + pirq, any);
	update_isa(q);
}

static void update_pm_base(struct q35 *q)
{
	uint16_t base = pci_get16(&q->lpc, LPC_PMBASE) & PMBASE_MASK;

	if (!(q->lpc.config[LPC_ACPI_CNTL] & ACPI_ENABLE))
		base = 0;
	if (base == q->pm_base)
		return;
	q->pm_base = base;
	if (q->set_pm_base)
		q->set_pm_base(q->opaque, base);
}

static void lpc_written(struct pci_dev *d, unsigned int at, unsigned int size)
{
	struct q35 *q = of_lpc(d);

	if (overlaps(at, size, LPC_PMBASE, 5))
		update_pm_base(q);
	if (overlaps(at, size, LPC_PIRQA, LPC_PIRQE + 4 - LPC_PIRQA))
		update_isa(q);
}

static void init_lpc(struct q35 *q)
{
	static const struct pci_ids ids = {
		.vendor = PCI_VENDOR_INTEL, .device = 0x2918,
		.class = 0x06, .subclass = 0x01, .revision = 0x02,
	};
	struct pci_dev *d = &q->lpc;
	unsigned int i;

	pci_dev_init(d, "LPC bridge", &ids);
	/* An LPC bridge always decodes and masters. */
	d->config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				 PCI_COMMAND_MASTER;
	d->writable[PCI_COMMAND] = 0;
	d->config[PCI_HEADER_TYPE] = PCI_MULTIFUNCTION;
	pci_put32(d->config + LPC_PMBASE, PMBASE_IS_IO);
	pci_put32(d->writable + LPC_PMBASE, PMBASE_MASK);
	d->writable[LPC_ACPI_CNTL] = ACPI_ENABLE | 7;
	for (i = 0; i < Q35_PIRQS; i++) {
		d->config[router(i)] = PIRQ_OFF;
		d->writable[router(i)] = PIRQ_OFF | PIRQ_LINE;
	}
	/* Root complex registers: the pointer only, nothing is behind it. */
	pci_put32(d->writable + LPC_RCBA, 0xffffc001u);
	d->written = lpc_written;
}

/* ---- both ---- */

int q35_add(struct q35 *q, struct pci_bus *bus)
{
	int ret;

	q->bus = bus;
	q->ecam_open = false;
	q->pirqs = 0;
	q->isa = q->pm_base = 0;
	memset(q->pam, 0, sizeof(q->pam));
	bus->host.pin = slot_pin;
	bus->host.pin_opaque = q;
	init_mch(q);
	init_lpc(q);
	ret = pci_add(bus, &q->mch, PCI_DEVFN(0, 0));
	return ret ? ret : pci_add(bus, &q->lpc, Q35_LPC_DEVFN);
}

static void set_up_lines(struct q35 *q)
{
	static const uint8_t line[4] = { 10, 10, 11, 11 };
	unsigned int i;

	for (i = 0; i < Q35_PIRQS; i++)
		q->lpc.config[router(i)] = line[i & 3];
	for (i = 0; i < PCI_FUNCTIONS; i++) {
		struct pci_dev *d = q->bus->function[i];

		if (d && d->config[PCI_INT_PIN])
			d->config[PCI_INT_LINE] =
				line[q35_pirq(PCI_SLOT(i),
					     d->config[PCI_INT_PIN] - 1u) & 3];
	}
	update_isa(q);
}

int q35_setup(struct q35 *q, uint16_t pm_base)
{
	pci_put32(q->mch.config + MCH_PCIEXBAR,
		  Q35_ECAM_BASE | PCIEXBAR_ENABLE);
	update_ecam(q);
	pci_put32(q->lpc.config + LPC_PMBASE, pm_base | PMBASE_IS_IO);
	q->lpc.config[LPC_ACPI_CNTL] = ACPI_ENABLE;
	update_pm_base(q);
	set_up_lines(q);
	return pci_assign(q->bus);
}
