/* SPDX-License-Identifier: MIT */
/*
 * SeaBIOS from its reset vector to its boot attempt in the emulator alone: real mode,
 * both widths of protected mode and all ways between them, interrupts through the
 * vector table, HLT. The PC around it is the least that SeaBIOS is content with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../engine/emul/emul.h"

#define IMAGE		"/usr/share/seabios/bios-256k.bin"
#define IMAGE_SIZE	0x40000u
#define ROM		0xfffc0000u
#define SHADOW		0xe0000u
#define RAM_SIZE	(32u << 20)
#define STEPS_MAX	200000000ull
#define TICK		20000		/* instructions between two timer interrupts */

#define CR0_PE		1u
#define FL_IF		0x200u
#define AR_DB		0x4000u
#define AR_DPL(ar)	((ar) >> 5 & 3)

struct pc {
	struct emul e;
	uint64_t gpr[EMUL_GPR_COUNT], cr[17], tsc;
	struct emul_seg seg[EMUL_SEG_COUNT];
	struct emul_table_reg table[2];
	struct emul_cache cache;
	uint8_t *ram, rom[IMAGE_SIZE], cmos[128], bridge[256];
	uint8_t cmos_index;
	uint32_t pci_address;
	char text[65536];		/* what came through the debug port */
	size_t used;
	/* How often which mode ran, and changes between them. */
	uint64_t real, prot16, prot32, changes, interrupts, halts;
};

static struct pc *pc_of(struct emul *e)
{
	return e->ctx;
}

/* -- Memory -------------------------------------------------------------------------- */

static uint8_t *at(struct pc *pc, uint64_t la)
{
	if (la < RAM_SIZE)
		return pc->ram + la;
	return la >= ROM && la < 1ull << 32 ? pc->rom + (la - ROM) : NULL;
}

static enum emul_cb read_mem(struct emul *e, uint64_t la, void *buf, unsigned int size,
			     unsigned int access)
{
	uint8_t *to = buf;

	(void)access;
	for (unsigned int i = 0; i < size; i++) {
		uint8_t *p = at(pc_of(e), (la + i) & 0xffffffff);

		to[i] = p ? *p : 0xff;
	}
	return EMUL_CB_OK;
}

static enum emul_cb write_mem(struct emul *e, uint64_t la, const void *buf, unsigned int size,
			      unsigned int access)
{
	const uint8_t *from = buf;

	(void)access;
	for (unsigned int i = 0; i < size; i++)
		if (((la + i) & 0xffffffff) < RAM_SIZE)
			pc_of(e)->ram[(la + i) & 0xffffffff] = from[i];
	return EMUL_CB_OK;
}

static enum emul_cb fetch(struct emul *e, uint64_t la, void *buf, unsigned int size)
{
	return read_mem(e, la, buf, size, 0);
}

/* -- Ports: CMOS, the host bridge's configuration, the debug port. ----------------------- */

static uint8_t *config(struct pc *pc, uint16_t port)
{
	/* Bus 0, device 0, function 0 is all there is. */
	if ((pc->pci_address & 0xffffff00) != 0x80000000)
		return NULL;
	return &pc->bridge[(pc->pci_address & 0xfc) + (port & 3)];
}

static enum emul_cb io_in(struct emul *e, uint16_t port, uint32_t *value, unsigned int size,
			  uint64_t count)
{
	struct pc *pc = pc_of(e);
	uint8_t *p;

	(void)count;
	*value = size == 4 ? ~0u : (1u << 8 * size) - 1;
	if (port == 0x402)
		*value = 0xe9;
	else if (port == 0x71)
		*value = pc->cmos[pc->cmos_index];
	else if (port == 0xcf8)
		*value = pc->pci_address;
	else if (port >= 0xcfc && port <= 0xcff) {
		p = config(pc, port);
		if (p)
			memcpy(value, p, size);
	}
	return EMUL_CB_OK;
}

static enum emul_cb io_out(struct emul *e, uint16_t port, uint32_t value, unsigned int size,
			   uint64_t count)
{
	struct pc *pc = pc_of(e);
	uint8_t *p;

	(void)count;
	if (port == 0x402 && pc->used < sizeof(pc->text) - 1)
		pc->text[pc->used++] = (char)value;
	else if (port == 0x70)
		pc->cmos_index = value & 0x7f;
	else if (port == 0x71)
		pc->cmos[pc->cmos_index] = (uint8_t)value;
	else if (port == 0xcf8)
		pc->pci_address = value;
	else if (port >= 0xcfc && port <= 0xcff) {
		p = config(pc, port);
		if (p && (pc->pci_address & 0xfc) >= 4)
			memcpy(p, &value, size);
	}
	return EMUL_CB_OK;
}

/* -- Registers ---------------------------------------------------------------------------- */

static void get_seg(struct emul *e, enum emul_segment seg, struct emul_seg *out)
{
	*out = pc_of(e)->seg[seg];
}

static void set_seg(struct emul *e, enum emul_segment seg, const struct emul_seg *in)
{
	pc_of(e)->seg[seg] = *in;
}

static void get_table(struct emul *e, enum emul_table table, struct emul_table_reg *out)
{
	*out = pc_of(e)->table[table];
}

static void set_table(struct emul *e, enum emul_table table, const struct emul_table_reg *in)
{
	pc_of(e)->table[table] = *in;
}

static uint64_t read_cr(struct emul *e, unsigned int cr)
{
	return pc_of(e)->cr[cr];
}

static enum emul_cb write_cr(struct emul *e, unsigned int cr, uint64_t value)
{
	pc_of(e)->cr[cr] = value;
	return EMUL_CB_OK;
}

static enum emul_cb read_msr(struct emul *e, uint32_t msr, uint64_t *value)
{
	(void)e, (void)msr;
	*value = 0;
	return EMUL_CB_OK;
}

static enum emul_cb write_msr(struct emul *e, uint32_t msr, uint64_t value)
{
	(void)e, (void)msr, (void)value;
	return EMUL_CB_OK;
}

static enum emul_cb cpuid(struct emul *e, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	(void)e, (void)subleaf;
	memset(out, 0, 16);
	out[0] = leaf ? 0x600 : 1;
	out[3] = leaf == 1 ? 1u << 4 : 0;	/* TSC */
	return EMUL_CB_OK;
}

static enum emul_cb rdtsc(struct emul *e, uint64_t *value)
{
	*value = pc_of(e)->tsc;
	return EMUL_CB_OK;
}

static uint64_t read_dr(struct emul *e, unsigned int dr)
{
	(void)e;
	return dr == 7 ? 0x400 : 0;
}

static const struct emul_ops ops = {
	.fetch = fetch, .read_mem = read_mem, .write_mem = write_mem, .io_in = io_in,
	.io_out = io_out, .get_seg = get_seg, .set_seg = set_seg, .get_table = get_table,
	.set_table = set_table, .read_cr = read_cr, .write_cr = write_cr, .read_msr = read_msr,
	.write_msr = write_msr, .cpuid = cpuid, .rdtsc = rdtsc, .read_dr = read_dr,
};

/* -- Power on ------------------------------------------------------------------------------ */

static bool load_image(struct pc *pc)
{
	FILE *f = fopen(IMAGE, "rb");
	bool ok = f && fread(pc->rom, 1, IMAGE_SIZE, f) == IMAGE_SIZE;

	if (f)
		fclose(f);
	memcpy(pc->ram + SHADOW, pc->rom + IMAGE_SIZE - 0x20000, 0x20000);
	return ok;
}

static void power_on(struct pc *pc)
{
	static const uint8_t ids[] = { 0x86, 0x80, 0x37, 0x12 };	/* i440FX ... */
	static const uint8_t subsystem[] = { 0xf4, 0x1a, 0x00, 0x11 };	/* ... of QEMU */

	for (unsigned int i = 0; i < EMUL_SEG_COUNT; i++)
		pc->seg[i] = (struct emul_seg){ .limit = 0xffff, .ar = 0x93 };
	pc->seg[EMUL_CS] = (struct emul_seg){ 0xffff0000, 0xffff, 0x9b, 0xf000 };
	pc->table[EMUL_GDT].limit = pc->table[EMUL_IDT].limit = 0xffff;
	pc->cr[0] = 0x60000010;
	pc->e = (struct emul){ .ops = &ops, .ctx = pc, .gpr = pc->gpr, .cache = &pc->cache,
			       .rip = 0xfff0, .rflags = 2 };
	memcpy(pc->bridge, ids, sizeof(ids));
	memcpy(pc->bridge + 0x2c, subsystem, sizeof(subsystem));
	pc->bridge[0x0b] = 6;			/* a bridge */
	pc->cmos[0x0b] = 2;			/* 24 hours */
	pc->cmos[0x0d] = 0x80;			/* battery */
	pc->cmos[0x35] = (RAM_SIZE - (16u << 20)) >> 24; /* above 16 MiB, in 64 KiB */
}

/* -- Running --------------------------------------------------------------------------------- */

static unsigned int set_mode(struct pc *pc)
{
	struct emul *e = &pc->e;

	e->protected_mode = pc->cr[0] & CR0_PE;
	e->mode = (pc->seg[EMUL_CS].ar & AR_DB) ? EMUL_MODE32 : EMUL_MODE16;
	e->cpl = e->protected_mode ? AR_DPL(pc->seg[EMUL_SS].ar) : 0;
	e->nbytes = 0;
	return e->protected_mode ? 1 + (e->mode == EMUL_MODE32) : 0;
}

/* The timer ticks, or an instruction faults. */
static bool interrupt(struct pc *pc, uint8_t vector)
{
	pc->interrupts++;
	return emul_real_interrupt(&pc->e, vector, (uint16_t)pc->e.rip) == EMUL_DONE;
}

static const char *step(struct pc *pc, unsigned int mode)
{
	struct emul *e = &pc->e;

	switch (emul_step(e)) {
	case EMUL_DONE: case EMUL_AGAIN:
		return NULL;
	case EMUL_HALT:
		pc->halts++;
		if (!(e->rflags & FL_IF) || mode)
			return "halted for good";
		pc->tsc = (pc->tsc / TICK + 1) * TICK;
		return NULL;
	case EMUL_FAULT:
		if (mode)
			return "a fault in protected mode";
		return interrupt(pc, e->fault.vector) ? NULL : "a fault of a fault";
	case EMUL_UNSUPPORTED:
		return "an instruction that is not emulated";
	default:
		return "an unexpected result";
	}
}

/* NULL: the text has come. */
static const char *run_to(struct pc *pc, const char *text)
{
	uint64_t next_tick = TICK, end = pc->tsc + STEPS_MAX, counts[3] = { 0 };
	unsigned int mode, last = 0;
	const char *why = NULL;
	bool shadow = false;
	size_t seen = 0;

	for (; !why && pc->tsc < end; pc->tsc++) {
		mode = set_mode(pc);
		counts[mode]++;
		pc->changes += mode != last;
		last = mode;
		if (pc->tsc >= next_tick && !mode && (pc->e.rflags & FL_IF) && !shadow) {
			next_tick = pc->tsc + TICK;
			if (!interrupt(pc, 8))
				return "the timer's interrupt can't be delivered";
			continue;
		}
		why = step(pc, mode);
		shadow = pc->e.shadow != EMUL_SHADOW_NONE;
		if (pc->used != seen) {
			seen = pc->used;
			pc->text[seen] = '\0';
			if (strstr(pc->text, text))
				break;
		}
	}
	pc->real = counts[0];
	pc->prot16 = counts[1];
	pc->prot32 = counts[2];
	return why ? why : pc->tsc < end ? NULL : "the text never came";
}

static void show(struct pc *pc, const char *why)
{
	printf("# %s at %04x:%08llx, base %#llx, CR0 %#llx, bytes", why,
	       pc->seg[EMUL_CS].selector, (unsigned long long)pc->e.rip,
	       (unsigned long long)pc->seg[EMUL_CS].base, (unsigned long long)pc->cr[0]);
	for (unsigned int i = 0; i < pc->e.nbytes; i++)
		printf(" %02x", pc->e.bytes[i]);
	printf("; it said:\n%s\n", pc->text);
}

int main(void)
{
	struct pc *pc = calloc(1, sizeof(*pc));
	const char *why;

	printf("1..1\n");
	pc->ram = calloc(1, RAM_SIZE);
	if (!load_image(pc)) {
		printf("not ok 1 - seabios-boots: no %s: ./setup.sh installs it\n", IMAGE);
		return 1;
	}
	power_on(pc);
	why = run_to(pc, "No bootable device");
	if (why)
		show(pc, why);
	printf("# instructions: %llu real mode, %llu and %llu protected mode of 16 and 32 bits; "
	       "%llu changes between them, %llu interrupts, %llu halts\n",
	       (unsigned long long)pc->real, (unsigned long long)pc->prot16,
	       (unsigned long long)pc->prot32, (unsigned long long)pc->changes,
	       (unsigned long long)pc->interrupts, (unsigned long long)pc->halts);
	printf("%sok 1 - seabios-boots\n", why ? "not " : "");
	free(pc->ram);
	free(pc);
	return why != NULL;
}
