/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "boot.h"

#define GDT_CODE64	0x00af9b000000ffffull
#define GDT_DATA	0x00cf93000000ffffull
#define GDT_CODE32	0x00cf9b000000ffffull
#define GDT_CODE16	0x008f9b000000ffffull
#define GDT_DATA16	0x008f93000000ffffull
#define GDT_TSS	0x0000890000000000ull

#define PTE_PRESENT	0x001ull
#define PTE_WRITE	0x002ull
#define PTE_ACCESSED	0x020ull
#define PTE_DIRTY	0x040ull
#define PTE_LARGE	0x080ull

#define ENTRIES		512u

unsigned int boot_e820(const struct guest_ram *ram,
		       struct e820_range map[E820_MAX])
{
	unsigned int n = 0;

	map[n++] = (struct e820_range){ 0, BOOT_EBDA, E820_RAM };
	map[n++] = (struct e820_range){
		BOOT_EBDA, RAM_VGA_BASE - BOOT_EBDA, E820_RESERVED };
	map[n++] = (struct e820_range){
		BOOT_ACPI, BOOT_ACPI_END - BOOT_ACPI, E820_RESERVED };
	map[n++] = (struct e820_range){
		BOOT_HIGH, ram->low_end - BOOT_HIGH, E820_RAM };
	if (ram->high_end > RAM_HIGH_BASE)
		map[n++] = (struct e820_range){
			RAM_HIGH_BASE, ram->high_end - RAM_HIGH_BASE,
			E820_RAM };
	return n;
}

/* "BIOS data area", as every PC has had it since the first. */
#define BDA_COM1	0x400u
#define BDA_EBDA	0x40eu		/* its segment */
#define BDA_MEMORY	0x413u		/* KiB below 640 */
#define COM1_PORT	0x3f8u
#define EBDA_KIB	1u

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

int boot_bios_data(const struct guest_ram *ram, struct vmm_error *e)
{
	uint8_t *bda = ram_at(ram, GPA(BDA_COM1), 0x100);
	uint8_t *ebda = ram_at(ram, GPA(BOOT_EBDA), 1);

	if (!bda || !ebda)
		return vmm_fail(e, VMM_ERR_INTERNAL, "no memory for the BDA");
	put16(bda, COM1_PORT);
	put16(bda + BDA_EBDA - BDA_COM1, BOOT_EBDA >> 4);
	put16(bda + BDA_MEMORY - BDA_COM1, BOOT_EBDA / KIB);
	*ebda = EBDA_KIB;		/* its own first byte: its size */
	return 0;
}

static int write_gdt(const struct guest_ram *ram, struct vmm_error *e)
{
	uint64_t *gdt = ram_at(ram, GPA(BOOT_GDT),
			       BOOT_GDT_SIZE + BOOT_TSS_SIZE);

	if (!gdt)
		return vmm_fail(e, VMM_ERR_INTERNAL, "no memory for a GDT");
	memset(gdt, 0, BOOT_GDT_SIZE + BOOT_TSS_SIZE);
	gdt[SEL_CODE64 / 8] = GDT_CODE64;
	gdt[SEL_DATA / 8] = GDT_DATA;
	gdt[SEL_CODE32 / 8] = GDT_CODE32;
	/* Not busy, so that a guest may load it itself: LTR marks it. */
	gdt[SEL_TSS / 8] = GDT_TSS | (uint64_t)BOOT_TSS << 16 |
			   (BOOT_TSS_SIZE - 1);
	gdt[SEL_CODE16 / 8] = GDT_CODE16;
	gdt[SEL_DATA16 / 8] = GDT_DATA16;
	return 0;
}

static int write_page_tables(const struct guest_ram *ram, struct vmm_error *e)
{
	uint64_t *t = ram_at(ram, GPA(BOOT_PML4), BOOT_PT_END - BOOT_PML4);
	uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
	unsigned int i;

	if (!t)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"no memory for page tables");
	memset(t, 0, BOOT_PT_END - BOOT_PML4);
	t[0] = BOOT_PDPT | flags;
	for (i = 0; i < BOOT_PD_COUNT; i++)
		t[ENTRIES + i] = (BOOT_PD + i * PAGE_SIZE) | flags;
	for (i = 0; i < BOOT_PD_COUNT * ENTRIES; i++)
		t[2 * ENTRIES + i] = i * (2 * MIB) | flags | PTE_DIRTY |
				     PTE_LARGE;
	return 0;
}

int boot_tables(const struct guest_ram *ram, enum cpu_mode mode,
		struct vmm_error *e)
{
	if (mode == MODE_REAL)
		return 0;
	if (write_gdt(ram, e))
		return -1;
	return mode == MODE_LONG ? write_page_tables(ram, e) : 0;
}

int boot_cmdline(const struct guest_ram *ram, const char *cmdline,
		 uint64_t max, struct vmm_error *e)
{
	size_t len = strlen(cmdline);
	char *p;

	if (max > BOOT_CMDLINE_MAX - 1)
		max = BOOT_CMDLINE_MAX - 1;
	if (len > max)
		return vmm_fail(e, VMM_ERR_INPUT,
			"the guest's command line has %zu characters, its kernel takes %llu: shorten --append",
			len, (unsigned long long)max);
	p = ram_at(ram, GPA(BOOT_CMDLINE), len + 1);
	if (!p)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"no memory for the command line");
	memcpy(p, cmdline, len + 1);
	return 0;
}

int boot_initrd(const struct guest_ram *ram, const struct image_file *initrd,
		uint64_t floor, uint64_t limit, uint64_t *where,
		struct vmm_error *e)
{
	uint64_t at;
	void *p;

	if (limit > ram->low_end)
		limit = ram->low_end;
	if (initrd->size > limit || limit - initrd->size < floor)
		goto does_not_fit;
	at = (limit - initrd->size) & ~(uint64_t)(PAGE_SIZE - 1);
	if (at < floor)
		goto does_not_fit;
	p = ram_at(ram, GPA(at), initrd->size);
	if (!p)
		goto does_not_fit;
	*where = at;
	return image_read(initrd, 0, p, initrd->size, e);

does_not_fit:
	return vmm_fail(e, VMM_ERR_INPUT,
		"%s %s: %llu KiB do not fit into the guest's memory: the kernel takes the first %llu KiB of %llu usable; give more --memory",
		initrd->option, initrd->path,
		(unsigned long long)(initrd->size + KIB - 1) / KIB,
		floor / KIB, limit / KIB);
}

int boot_only_initrd(const struct kernel_boot *b,
		     const struct image_file **initrd, struct vmm_error *e)
{
	const struct boot_module *m = b->module;

	*initrd = NULL;
	if (!b->n_modules)
		return 0;
	if (b->n_modules > 1)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: the second initrd, and %s is no Multiboot kernel: put them into one file (cat)",
			m[1].file.option, m[1].file.path, b->kernel.path);
	if (m->string)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s,%s: the string is for modules of Multiboot kernels, and %s is none: leave it out",
			m->file.option, m->file.path, m->string,
			b->kernel.path);
	*initrd = &m->file;
	return 0;
}

int boot_kernel(const struct guest_ram *ram, const struct kernel_boot *b,
		struct boot_state *s, struct vmm_error *e)
{
	static const uint8_t elf[] = { 0x7f, 'E', 'L', 'F' };
	static const uint8_t gzip[] = { 0x1f, 0x8b };
	uint8_t magic[sizeof(elf)];
	bool is_elf;

	if (b->kernel.size < sizeof(magic))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: not a kernel: only %llu bytes long",
			b->kernel.option, b->kernel.path,
			(unsigned long long)b->kernel.size);
	if (image_read(&b->kernel, 0, magic, sizeof(magic), e))
		return -1;
	is_elf = !memcmp(magic, elf, sizeof(elf));
	if (!(is_elf && is_pvh(b)) && !is_bzimage(b) && is_multiboot(b))
		return load_multiboot(ram, b, s, e);
	if (is_elf)
		return load_pvh(ram, b, s, e);
	if (!memcmp(magic, gzip, sizeof(gzip)))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: not a kernel: compressed with gzip: unpack it first (gzip -d)",
			b->kernel.option, b->kernel.path);
	return load_bzimage(ram, b, s, e);
}
