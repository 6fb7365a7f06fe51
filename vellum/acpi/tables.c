/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "../dev/hpet.h"
#include "../dev/i8042.h"
#include "../dev/pm.h"
#include "../dev/rtc.h"
#include "tables.h"

/* Made from dsdt.asl and q35.asl by iasl. */
#include "dsdt.hex"
#include "q35.hex"

#define PACKED __attribute__((packed))

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct sdt {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	uint32_t creator_id;
	uint32_t creator_revision;
} PACKED;

/* Generic address structure */
struct gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
} PACKED;

#define GAS_IO		1u

struct fadt {
	struct sdt h;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr;
	uint32_t gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	uint16_t lvl2_lat, lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, mon_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1;
} PACKED;

_Static_assert(sizeof(struct rsdp) == 36, "ACPI: RSDP");
_Static_assert(sizeof(struct sdt) == 36, "ACPI: table header");
_Static_assert(offsetof(struct fadt, boot_arch) == 109, "ACPI: FADT");
_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI: FADT");
_Static_assert(offsetof(struct fadt, x_facs) == 132, "ACPI: FADT");
_Static_assert(sizeof(struct fadt) == 244, "ACPI: FADT, revision 3");

#define FADT_REVISION		3u
#define BOOT_ARCH_LEGACY	0x0001u	/* ISA devices are there */
#define BOOT_ARCH_8042		0x0002u
#define BOOT_ARCH_NO_VGA	0x0004u
#define BOOT_ARCH_NO_ASPM	0x0010u
#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_SLP_BUTTON		(1u << 5)	/* no fixed sleep button */
#define FADT_FIX_RTC		(1u << 6)	/* RTC wakes nothing */
#define FADT_TMR_VAL_EXT	(1u << 8)	/* the timer has 32 bits */
#define FADT_RESET_REG		(1u << 10)

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} PACKED;

_Static_assert(sizeof(struct facs) == 64, "ACPI: FACS");

struct madt {
	struct sdt h;
	uint32_t lapic_address, flags;
} PACKED;

#define MADT_PCAT_COMPAT	1u	/* 8259s are there */

struct madt_lapic {
	uint8_t type, length, processor_uid, apic_id;
	uint32_t flags;
} PACKED;

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} PACKED;

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} PACKED;

struct madt_lapic_nmi {
	uint8_t type, length, processor_uid;
	uint16_t flags;
	uint8_t lint;
} PACKED;

enum {
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4,
};

struct mcfg {
	struct sdt h;
	uint8_t reserved[8];
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
	uint8_t reserved1[4];
} PACKED;

_Static_assert(sizeof(struct mcfg) == 60, "PCI Firmware: MCFG");

struct hpet_table {
	struct sdt h;
	uint32_t id;
	struct gas address;
	uint8_t number;
	uint16_t min_tick;
	uint8_t protection;
} PACKED;

_Static_assert(sizeof(struct hpet_table) == 56, "IA-PC HPET: table");

#define MADT_ENABLED		1u
#define MADT_CONFORMS		0x00u	/* as the bus has it */
#define MADT_LEVEL_HIGH		0x0du
#define MADT_ALL_CPUS		0xffu
#define LINT1			1u

/* Where we are writing.  Space is checked once per table, in table_begin(). */
struct writer {
	uint8_t *at;
	uint32_t gpa, len, used;
	bool full;
	struct acpi_files *files;	/* lists what to patch; may be NULL */
};

static void *take(struct writer *w, uint32_t size, uint32_t align,
		  uint32_t *gpa)
{
	uint32_t start = (w->used + align - 1) & ~(align - 1);

	if (start > w->len || size > w->len - start) {
		w->full = true;
		return NULL;
	}
	w->used = start + size;
	*gpa = w->gpa + start;
	memset(w->at + start, 0, size);
	return w->at + start;
}

static uint8_t checksum(const void *p, uint32_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void header(struct sdt *h, const char *signature, uint32_t length,
		   uint8_t revision)
{
	memcpy(h->signature, signature, 4);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, "VELLUM", 6);
	memcpy(h->oem_table_id, "VELLUMPC", 8);
	h->oem_revision = 1;
	memcpy(&h->creator_id, "VLLM", 4);
	h->creator_revision = 1;
}

/* @field lies in the tables and holds one of their addresses. */
static void note_pointer(struct writer *w, const void *field, uint32_t size)
{
	struct acpi_files *f = w->files;

	if (f && f->n_pointers < ACPI_PATCHES_MAX)
		f->pointer[f->n_pointers++] = (struct acpi_patch){
			.at = (uint32_t)((const uint8_t *)field - w->at),
			.len = size,
		};
}

static void seal(struct writer *w, struct sdt *h)
{
	struct acpi_files *f = w->files;
	uint32_t start = (uint32_t)((uint8_t *)h - w->at);

	h->checksum = 0;
	if (!f)
		h->checksum = checksum(h, h->length);
	else if (f->n_sums < ACPI_PATCHES_MAX)
		f->sum[f->n_sums++] = (struct acpi_patch){
			.at = start + offsetof(struct sdt, checksum),
			.start = start, .len = h->length,
		};
}

static struct gas io_gas(uint64_t port, uint8_t bytes)
{
	return (struct gas){
		.space = GAS_IO,
		.bits = (uint8_t)(8 * bytes),
		/* access size: 1 = byte, 2 = word, 3 = double word */
		.access = bytes == 1 ? 1 : bytes == 2 ? 2 : 3,
		.address = port,
	};
}

/*
 * The board's part follows in the same table, and is not an SSDT of its own, since
 * SeaBIOS looks for a keyboard in the DSDT and takes none if it finds none there.
 */
static uint32_t build_dsdt(struct writer *w, bool board)
{
	const uint32_t first = sizeof(dsdt_aml_code);
	const uint32_t second = sizeof(q35_aml_code) - sizeof(struct sdt);
	uint32_t gpa = 0;
	uint8_t *p = take(w, first + (board ? second : 0), 16, &gpa);
	struct sdt *h = (struct sdt *)p;

	if (!p)
		return gpa;
	memcpy(p, dsdt_aml_code, first);
	if (!board)
		return gpa;
	memcpy(p + first, q35_aml_code + sizeof(*h), second);
	h->length = first + second;
	seal(w, h);
	return gpa;
}

static uint32_t build_facs(struct writer *w)
{
	uint32_t gpa = 0;
	struct facs *f = take(w, sizeof(*f), 64, &gpa);

	if (!f)
		return 0;
	memcpy(f->signature, "FACS", 4);
	f->length = sizeof(*f);
	f->version = 2;
	return gpa;
}

static void fill_pm(struct fadt *f, uint16_t base)
{
	f->sci_int = PM_SCI;
	f->pm1a_evt = base + PM1_EVT;
	f->pm1a_cnt = base + PM1_CNT;
	f->pm_tmr = base + PM_TIMER;
	f->pm1_evt_len = PM1_EVT_LEN;
	f->pm1_cnt_len = PM1_CNT_LEN;
	f->pm_tmr_len = PM_TIMER_LEN;
	f->x_pm1a_evt = io_gas(f->pm1a_evt, PM1_EVT_LEN);
	f->x_pm1a_evt.access = 2;	/* a pair of words */
	f->x_pm1a_cnt = io_gas(f->pm1a_cnt, PM1_CNT_LEN);
	f->x_pm_tmr = io_gas(f->pm_tmr, PM_TIMER_LEN);
}

static uint32_t build_fadt(struct writer *w, uint32_t facs, uint32_t dsdt,
			   const struct acpi_config *c)
{
	uint32_t gpa = 0;
	struct fadt *f = take(w, sizeof(*f), 16, &gpa);

	if (!f)
		return 0;
	header(&f->h, "FACP", sizeof(*f), FADT_REVISION);
	f->facs = facs;
	f->dsdt = dsdt;
	fill_pm(f, c->pm_base ? c->pm_base : PM_BASE);
	f->lvl2_lat = f->lvl3_lat = 0xffff;	/* no C2, no C3 */
	f->century = RTC_CENTURY;
	f->boot_arch = BOOT_ARCH_LEGACY | BOOT_ARCH_NO_ASPM;
	if (c->pci)
		f->boot_arch |= BOOT_ARCH_8042;
	if (!c->vga)
		f->boot_arch |= BOOT_ARCH_NO_VGA;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON |
		   FADT_FIX_RTC | FADT_TMR_VAL_EXT |
		   FADT_RESET_REG;
	f->reset_reg = io_gas(RESET_CONTROL_PORT, 1);
	f->reset_value = RESET_CONTROL_FULL;
	/*
	 * FACS only by its 32-bit pointer: if both are given and differ in
	 * form, parsers complain.
	 */
	f->x_dsdt = dsdt;
	note_pointer(w, &f->facs, 4);
	note_pointer(w, &f->dsdt, 4);
	note_pointer(w, &f->x_dsdt, 8);
	seal(w, &f->h);
	return gpa;
}

static void *add(uint8_t **p, uint8_t type, uint8_t length)
{
	uint8_t *entry = *p;

	entry[0] = type;
	entry[1] = length;
	*p += length;
	return entry;
}

static void add_override(uint8_t **p, uint8_t source, uint32_t gsi,
			 uint16_t flags)
{
	struct madt_override *o = add(p, MADT_OVERRIDE, sizeof(*o));

	o->source = source;
	o->gsi = gsi;
	o->flags = flags;
}

static uint32_t build_madt(struct writer *w, const struct acpi_config *c)
{
	uint32_t gpa = 0, size = (uint32_t)(sizeof(struct madt) +
		c->cpus * sizeof(struct madt_lapic) +
		sizeof(struct madt_ioapic) +
		(c->pit_on_pin2 ? 2 : 1) * sizeof(struct madt_override) +
		sizeof(struct madt_lapic_nmi));
	struct madt *m = take(w, size, 16, &gpa);
	struct madt_ioapic *io;
	struct madt_lapic_nmi *nmi;
	unsigned int i;
	uint8_t *p;

	if (!m)
		return 0;
	header(&m->h, "APIC", size, 3);
	m->lapic_address = LAPIC_ADDRESS;
	m->flags = MADT_PCAT_COMPAT;
	p = (uint8_t *)(m + 1);
	for (i = 0; i < c->cpus; i++) {
		struct madt_lapic *l = add(&p, MADT_LAPIC, sizeof(*l));

		l->processor_uid = l->apic_id = (uint8_t)i;
		l->flags = MADT_ENABLED;
	}
	io = add(&p, MADT_IOAPIC, sizeof(*io));
	io->address = IOAPIC_ADDRESS;
	if (c->pit_on_pin2)
		add_override(&p, 0, 2, MADT_CONFORMS);
	add_override(&p, PM_SCI, PM_SCI, MADT_LEVEL_HIGH);
	nmi = add(&p, MADT_LAPIC_NMI, sizeof(*nmi));
	nmi->processor_uid = MADT_ALL_CPUS;
	nmi->lint = LINT1;
	seal(w, &m->h);
	return gpa;
}

static uint32_t build_mcfg(struct writer *w, uint64_t base)
{
	uint32_t gpa = 0;
	struct mcfg *m = take(w, sizeof(*m), 16, &gpa);

	if (!m)
		return 0;
	/*
	 * Firmware learns the table's size before it opens the window: a
	 * closed one has a table that nobody knows.
	 */
	header(&m->h, base ? "MCFG" : "OEM0", sizeof(*m), 1);
	m->base = base;
	m->bus_last = 0xff;
	seal(w, &m->h);
	return gpa;
}

static uint32_t build_hpet(struct writer *w)
{
	uint32_t gpa = 0;
	struct hpet_table *h = take(w, sizeof(*h), 16, &gpa);

	if (!h)
		return 0;
	header(&h->h, "HPET", sizeof(*h), 1);
	h->id = HPET_ID;
	h->address.bits = 64;		/* space 0: memory */
	h->address.address = HPET_ADDRESS;
	h->min_tick = 1000;
	seal(w, &h->h);
	return gpa;
}

/* RSDT and XSDT: pointers of 4 and 8 bytes. */
static uint32_t build_list(struct writer *w, const char *signature,
			   uint32_t size, const uint32_t *tables,
			   unsigned int n)
{
	uint32_t gpa = 0, len = (uint32_t)sizeof(struct sdt) + size * n;
	struct sdt *x = take(w, len, 16, &gpa);
	unsigned int i;

	if (!x)
		return 0;
	header(x, signature, len, 1);
	for (i = 0; i < n; i++) {
		uint8_t *at = (uint8_t *)(x + 1) + size * i;
		uint64_t table = tables[i];

		memcpy(at, &table, size);
		note_pointer(w, at, size);
	}
	seal(w, x);
	return gpa;
}

static void build_all(struct writer *w, const struct acpi_config *c,
		      struct rsdp *rsdp)
{
	uint32_t tables[5], dsdt = build_dsdt(w, c->pci);
	unsigned int n = 0;

	tables[n++] = build_fadt(w, build_facs(w), dsdt, c);
	tables[n++] = build_madt(w, c);
	if (c->pci) {
		tables[n++] = build_hpet(w);
		tables[n++] = build_mcfg(w, c->ecam);
	}
	rsdp->rsdt = build_list(w, "RSDT", 4, tables, n);
	rsdp->xsdt = build_list(w, "XSDT", 8, tables, n);
}

static void fill_rsdp(struct rsdp *r)
{
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "VELLUM", 6);
	r->revision = 2;
	r->length = sizeof(*r);
}

int acpi_build(uint8_t *at, uint32_t gpa, uint32_t len,
	       const struct acpi_config *c, struct vmm_error *e)
{
	struct writer w = { .at = at, .gpa = gpa, .len = len };
	struct rsdp *rsdp, r = { 0 };
	uint32_t rsdp_gpa;

	rsdp = take(&w, sizeof(*rsdp), 16, &rsdp_gpa);
	build_all(&w, c, &r);
	if (w.full)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the ACPI tables do not fit");
	fill_rsdp(&r);
	r.checksum = checksum(&r, offsetof(struct rsdp, length));
	r.extended_checksum = checksum(&r, sizeof(r));
	*rsdp = r;
	return 0;
}

int acpi_build_files(struct acpi_files *f, const struct acpi_config *c,
		     struct vmm_error *e)
{
	struct writer w = {
		.at = f->tables, .len = sizeof(f->tables), .files = f,
	};
	struct rsdp r = { 0 };

	memset(f, 0, sizeof(*f));
	build_all(&w, c, &r);
	if (w.full)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the ACPI tables do not fit");
	f->tables_len = w.used;
	fill_rsdp(&r);
	memcpy(f->rsdp, &r, sizeof(r));
	f->rsdp_pointer[0] = (struct acpi_patch){
		.at = offsetof(struct rsdp, rsdt), .len = 4 };
	f->rsdp_pointer[1] = (struct acpi_patch){
		.at = offsetof(struct rsdp, xsdt), .len = 8 };
	f->rsdp_sum[0] = (struct acpi_patch){
		.at = offsetof(struct rsdp, checksum),
		.len = offsetof(struct rsdp, length) };
	f->rsdp_sum[1] = (struct acpi_patch){
		.at = offsetof(struct rsdp, extended_checksum),
		.len = sizeof(r) };
	return 0;
}
