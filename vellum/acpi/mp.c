/* SPDX-License-Identifier: MIT */
/*
 * The table of before ACPI (Intel "MultiProcessor Specification", version 1.4):
 * CPUs, buses, the IOAPIC and what comes in at its pins.  Systems that are
 * written to be read look for this one.
 */
#include <stddef.h>
#include <string.h>

#include "../dev/pm.h"
#include "../dev/q35.h"
#include "tables.h"

#define PACKED __attribute__((packed))

struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum;	/* length in 16 bytes */
	uint8_t features[5];		/* 0: there is a table, no IMCR */
} PACKED;

struct mp_table {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem_id[8];
	char product_id[12];
	uint32_t oem_table;
	uint16_t oem_size, entries;
	uint32_t lapic_address;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
} PACKED;

enum { MP_CPU, MP_BUS, MP_IOAPIC, MP_INTERRUPT, MP_LOCAL_INTERRUPT };

struct mp_cpu {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features;
	uint8_t reserved[8];
} PACKED;

struct mp_bus {
	uint8_t type, id;
	char name[6];
} PACKED;

struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
} PACKED;

struct mp_interrupt {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, source, apic, pin;
} PACKED;

_Static_assert(sizeof(struct mp_pointer) == 16, "MP: floating pointer");
_Static_assert(sizeof(struct mp_table) == 44, "MP: table header");
_Static_assert(sizeof(struct mp_cpu) == 20, "MP: processor");
_Static_assert(sizeof(struct mp_interrupt) == 8, "MP: interrupt");

#define MP_REVISION		4u
#define CPU_ENABLED		1u
#define CPU_BOOTSTRAP		2u
#define LAPIC_VERSION		0x14u
#define IOAPIC_VERSION		0x11u
#define IOAPIC_ID		0u	/* as its register has it */
#define IOAPIC_ENABLED		1u
enum { KIND_INT = 0, KIND_NMI = 1, KIND_EXTINT = 3 };
#define ACTIVE_HIGH_LEVEL	0x0du	/* else: as the bus has it */
#define ALL_LAPICS		0xffu
#define ISA_LINES		16u
#define ISA_CASCADE		2u

struct writer {
	uint8_t *at;
	uint32_t left;
	struct mp_table *table;
	bool full;
};

static uint8_t checksum(const void *p, uint32_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void add(struct writer *w, const void *entry, uint16_t size)
{
	if (size > w->left) {
		w->full = true;
		return;
	}
	memcpy(w->at, entry, size);
	w->at += size;
	w->left -= size;
	w->table->length += size;
	w->table->entries++;
}

static void add_cpus(struct writer *w, unsigned int n)
{
	uint32_t a, b, c, d;
	unsigned int i;

	__asm__("cpuid" : "=a" (a), "=b" (b), "=c" (c), "=d" (d)
		: "a" (1), "c" (0));
	for (i = 0; i < n; i++) {
		struct mp_cpu cpu = {
			.type = MP_CPU, .apic_id = (uint8_t)i,
			.apic_version = LAPIC_VERSION,
			.flags = CPU_ENABLED | (i ? 0 : CPU_BOOTSTRAP),
			.signature = a, .features = d,
		};

		add(w, &cpu, sizeof(cpu));
	}
}

static void add_bus(struct writer *w, uint8_t id, const char *name)
{
	struct mp_bus bus = { .type = MP_BUS, .id = id };

	memcpy(bus.name, name, sizeof(bus.name));
	add(w, &bus, sizeof(bus));
}

static void add_interrupt(struct writer *w, uint8_t bus, unsigned int source,
			  unsigned int pin, uint16_t flags)
{
	struct mp_interrupt e = {
		.type = MP_INTERRUPT, .kind = KIND_INT, .flags = flags,
		.bus = bus, .source = (uint8_t)source, .apic = IOAPIC_ID,
		.pin = (uint8_t)pin,
	};

	add(w, &e, sizeof(e));
}

static void add_isa(struct writer *w, uint8_t bus, bool pit_on_pin2)
{
	unsigned int i;

	for (i = 0; i < ISA_LINES; i++)
		if (i != ISA_CASCADE)
			add_interrupt(w, bus, i, i || !pit_on_pin2 ? i : 2,
				      i == PM_SCI ? ACTIVE_HIGH_LEVEL : 0);
}

/* Sources are slots and pins, whether somebody is there or not. */
static void add_pci(struct writer *w, uint8_t bus)
{
	unsigned int slot, pin;

	for (slot = 0; slot < PCI_SLOTS; slot++)
		for (pin = 0; pin < 4; pin++)
			add_interrupt(w, bus, slot << 2 | pin,
				      Q35_PIRQ_GSI + q35_pirq(slot, pin), 0);
}

static void add_local(struct writer *w, uint8_t bus)
{
	struct mp_interrupt e = {
		.type = MP_LOCAL_INTERRUPT, .kind = KIND_EXTINT, .bus = bus,
		.apic = 0, .pin = 0,
	};

	add(w, &e, sizeof(e));
	e.kind = KIND_NMI;
	e.apic = ALL_LAPICS;
	e.pin = 1;
	add(w, &e, sizeof(e));
}

static void add_entries(struct writer *w, const struct acpi_config *c)
{
	struct mp_ioapic io = {
		.type = MP_IOAPIC, .id = IOAPIC_ID, .version = IOAPIC_VERSION,
		.flags = IOAPIC_ENABLED, .address = IOAPIC_ADDRESS,
	};
	uint8_t isa = c->pci ? 1 : 0;

	add_cpus(w, c->cpus);
	if (c->pci)
		add_bus(w, 0, "PCI   ");
	add_bus(w, isa, "ISA   ");
	add(w, &io, sizeof(io));
	add_isa(w, isa, c->pit_on_pin2);
	if (c->pci)
		add_pci(w, 0);
	add_local(w, isa);
}

int mp_build(uint8_t *at, uint32_t gpa, uint32_t len,
	     const struct acpi_config *c, struct vmm_error *e)
{
	struct mp_pointer *p = (void *)at;
	struct mp_table *t = (void *)(p + 1);
	struct writer w = { .at = (void *)(t + 1), .table = t };

	if (len < sizeof(*p) + sizeof(*t))
		return vmm_fail(e, VMM_ERR_INTERNAL, "no room for an MP table");
	w.left = len - (uint32_t)(sizeof(*p) + sizeof(*t));
	*p = (struct mp_pointer){
		.table = gpa + (uint32_t)sizeof(*p), .length = 1,
		.revision = MP_REVISION,
	};
	memcpy(p->signature, "_MP_", 4);
	*t = (struct mp_table){
		.length = sizeof(*t), .revision = MP_REVISION,
		.lapic_address = LAPIC_ADDRESS,
	};
	memcpy(t->signature, "PCMP", 4);
	memcpy(t->oem_id, "VELLUM  ", 8);
	memcpy(t->product_id, "VELLUMPC    ", 12);
	add_entries(&w, c);
	if (w.full)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the MP table does not fit");
	t->checksum = checksum(t, t->length);
	p->checksum = checksum(p, sizeof(*p));
	return 0;
}
