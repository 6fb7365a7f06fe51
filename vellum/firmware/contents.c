/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../load/boot.h"
#include "contents.h"

#define TABLES		"etc/acpi/tables"
#define RSDP		"etc/acpi/rsdp"
#define LOADER		"etc/table-loader"
#define VGA_ROM		"vgaroms/vgabios.bin"

/*
 * The table loader's commands (QEMU, SeaBIOS and OVMF agree on them: "ACPI
 * linker/loader"): 128 bytes each, little endian, padded with zeroes.
 */
#define COMMAND_SIZE	128u
enum { LOADER_ALLOCATE = 1, LOADER_POINTER = 2, LOADER_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };
#define COMMANDS_MAX	(2 + 2 * ACPI_PATCHES_MAX + 4)

struct script {
	uint8_t bytes[COMMANDS_MAX * COMMAND_SIZE];
	unsigned int n;
};

static uint8_t *command(struct script *s, uint32_t code, const char *file)
{
	uint8_t *p = s->bytes + s->n++ * COMMAND_SIZE;

	memcpy(p, &code, 4);
	memcpy(p + 4, file, strlen(file));
	return p + 4 + FWCFG_NAME_MAX;
}

static void allocate(struct script *s, const char *file, uint32_t align,
		     uint8_t zone)
{
	uint8_t *p = command(s, LOADER_ALLOCATE, file);

	memcpy(p, &align, 4);
	p[4] = zone;
}

static void pointer(struct script *s, const char *file,
		    const struct acpi_patch *patch)
{
	uint8_t *p = command(s, LOADER_POINTER, file);

	memcpy(p, TABLES, strlen(TABLES));
	p += FWCFG_NAME_MAX;
	memcpy(p, &patch->at, 4);
	p[4] = (uint8_t)patch->len;
}

static void sum(struct script *s, const char *file,
		const struct acpi_patch *patch)
{
	uint8_t *p = command(s, LOADER_CHECKSUM, file);

	memcpy(p, &patch->at, 4);
	memcpy(p + 4, &patch->start, 4);
	memcpy(p + 8, &patch->len, 4);
}

static void write_script(struct script *s, const struct acpi_files *a)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	allocate(s, RSDP, 16, ZONE_FSEG);
	allocate(s, TABLES, 64, ZONE_HIGH);
	for (i = 0; i < a->n_pointers; i++)
		pointer(s, TABLES, &a->pointer[i]);
	for (i = 0; i < a->n_sums; i++)
		sum(s, TABLES, &a->sum[i]);
	for (i = 0; i < 2; i++)
		pointer(s, RSDP, &a->rsdp_pointer[i]);
	for (i = 0; i < 2; i++)
		sum(s, RSDP, &a->rsdp_sum[i]);
}

/*
 * Firmware reads the tables after it has set up the chipset: build them again,
 * to the same size, since the directory has told it.
 */
static void tables_selected(void *opaque, struct fwcfg_item *item)
{
	struct firmware_contents *c = opaque;
	struct acpi_config config = c->acpi(c->opaque);

	if (!acpi_build_files(&c->files, &config, &(struct vmm_error){ 0 }) &&
	    c->files.tables_len == item->size)
		memcpy(item->data, c->files.tables, item->size);
}

static int add_acpi(struct firmware_contents *c, struct vmm_error *e)
{
	struct acpi_config config = c->acpi(c->opaque);
	struct script *s;
	struct fwcfg_item *item;
	int ret;

	if (acpi_build_files(&c->files, &config, e))
		return -1;
	s = malloc(sizeof(*s));
	if (!s)
		return vmm_fail(e, VMM_ERR_HOST, "out of memory");
	write_script(s, &c->files);
	ret = fwcfg_add_file(c->f, LOADER, s->bytes, s->n * COMMAND_SIZE);
	free(s);
	if (ret || fwcfg_add_file(c->f, TABLES, c->files.tables,
				  c->files.tables_len) ||
	    fwcfg_add_file(c->f, RSDP, c->files.rsdp, ACPI_RSDP_SIZE))
		return vmm_fail(e, VMM_ERR_INTERNAL, "fw_cfg is full");
	item = fwcfg_find(c->f, TABLES);
	item->selected = tables_selected;
	item->opaque = c;
	return 0;
}

/* Entries of 20 bytes: start, size, type. */
static int add_e820(struct fwcfg *f, const struct guest_ram *ram)
{
	uint8_t map[2 * 20];
	unsigned int n = 0;
	uint64_t start[2] = { 0, RAM_HIGH_BASE };
	uint64_t size[2] = { ram->low_end, ram->high_end - RAM_HIGH_BASE };
	uint32_t type = E820_RAM, i;

	for (i = 0; i < 2; i++) {
		if (!size[i])
			continue;
		memcpy(map + n, &start[i], 8);
		memcpy(map + n + 8, &size[i], 8);
		memcpy(map + n + 16, &type, 4);
		n += 20;
	}
	return fwcfg_add_file(f, "etc/e820", map, n);
}

static int add_counts(struct fwcfg *f, const struct guest_ram *ram,
		      unsigned int cpus)
{
	static const uint8_t no_numa[16];

	return fwcfg_add_int(f, FWCFG_RAM_SIZE, 8, ram->size) ||
	       fwcfg_add_int(f, FWCFG_NB_CPUS, 2, cpus) ||
	       fwcfg_add_int(f, FWCFG_MAX_CPUS, 2, cpus) ||
	       fwcfg_add_int(f, FWCFG_NOGRAPHIC, 2, 1) ||
	       fwcfg_add_int(f, FWCFG_BOOT_MENU, 2, 0) ||
	       fwcfg_add_int(f, FWCFG_IRQ0_OVERRIDE, 4, 1) ||
	       fwcfg_add(f, FWCFG_NUMA, no_numa, sizeof(no_numa));
}

/* SeaBIOS runs what is in this folder before it looks for other option ROMs. */
static int add_vgabios(struct firmware_contents *c, struct vmm_error *e)
{
	const struct image_file *file = c->vgabios;
	uint8_t *image;
	int ret;

	if (!file || file->fd < 0)
		return 0;
	image = malloc(file->size);
	if (!image)
		return vmm_fail(e, VMM_ERR_HOST, "out of memory");
	ret = image_read(file, 0, image, file->size, e);
	if (!ret && fwcfg_add_file(c->f, VGA_ROM, image, (uint32_t)file->size))
		ret = vmm_fail(e, VMM_ERR_INTERNAL,
			       "fw_cfg is full, or there is no memory");
	free(image);
	return ret;
}

int firmware_contents(struct firmware_contents *c, const struct guest_ram *ram,
		      unsigned int cpus, uint16_t serial, struct vmm_error *e)
{
	/* Bit 7: the state is there.  S5 is, S3 and S4 are not. */
	static const uint8_t states[6] = { 0x80, 0, 0, 1, 2, 0x80 };
	/* Without a disk: say so and wait for a reset. */
	static const uint8_t forever[4] = { 0xff, 0xff, 0xff, 0xff };

	if (fwcfg_init(c->f, ram) || add_counts(c->f, ram, cpus) ||
	    add_e820(c->f, ram) ||
	    (serial && fwcfg_add_file_int(c->f, "etc/sercon-port", serial)) ||
	    fwcfg_add_file_int(c->f, "etc/show-boot-menu", 0) ||
	    fwcfg_add_file(c->f, "etc/boot-fail-wait", forever,
			   sizeof(forever)) ||
	    fwcfg_add_file(c->f, "etc/system-states", states, sizeof(states)))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"fw_cfg is full, or there is no memory");
	if (add_vgabios(c, e))
		return -1;
	return c->acpi ? add_acpi(c, e) : 0;
}
