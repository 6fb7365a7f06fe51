/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rom.h"

#define PAM_BASE	0xc0000u
#define PAM_END		0x100000u

int rom_check(const struct image_file *image, const struct image_file *vars,
	      struct vmm_error *e)
{
	uint64_t v = vars->fd >= 0 ? vars->size : 0;

	if (image->size > ROM_SIZE_MAX)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: %llu bytes are more than firmware can have (16 MiB)",
			image->option, image->path,
			(unsigned long long)image->size);
	if (image->size % ROM_PAGE)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: not a firmware image: its size, %llu bytes, is not a multiple of 4 KiB",
			image->option, image->path,
			(unsigned long long)image->size);
	if (v % FLASH_SECTOR || v > ROM_SIZE_MAX - image->size)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: %llu bytes: must be a multiple of 4 KiB and, with the firmware, at most 16 MiB",
			vars->option, vars->path, (unsigned long long)v);
	return 0;
}

/* ---- writes that come here ---- */

static uint64_t rom_read(void *dev, uint64_t at, unsigned int size)
{
	const struct rom *r = dev;
	uint64_t v = 0;

	memcpy(&v, r->image + at, size);
	return v;
}

static void rom_write(void *dev, uint64_t at, unsigned int size,
		      uint64_t value)
{
	(void)dev, (void)at, (void)size, (void)value;
}

static const struct bus_ops rom_ops = { .read = rom_read, .write = rom_write };

static unsigned int region_at(uint64_t gpa)
{
	return gpa >= 0xf0000 ? 0 : (unsigned int)(gpa - PAM_BASE) / 0x4000 + 1;
}

/* The ROM's image of [gpa, gpa+len) below 1 MiB; NULL: nothing is there. */
static uint8_t *shadowed(const struct rom *r, uint64_t gpa)
{
	uint64_t n = r->size < ROM_SHADOW_MAX ? r->size : ROM_SHADOW_MAX;

	return gpa < PAM_END - n ? NULL : r->image + r->size - (PAM_END - gpa);
}

static uint64_t pam_read(void *dev, uint64_t at, unsigned int size)
{
	const struct rom *r = dev;
	uint64_t gpa = PAM_BASE + at, v = ~0ull;
	const uint8_t *from = shadowed(r, gpa);

	if (r->pam[region_at(gpa)] & Q35_PAM_READ)
		from = ram_at(r->ram, GPA(gpa), size);
	if (from)
		memcpy(&v, from, size);
	return v;
}

static void pam_write(void *dev, uint64_t at, unsigned int size,
		      uint64_t value)
{
	const struct rom *r = dev;
	uint8_t *to = ram_at(r->ram, GPA(PAM_BASE + at), size);

	if (to && r->pam[region_at(PAM_BASE + at)] & Q35_PAM_WRITE)
		memcpy(to, &value, size);
}

static const struct bus_ops pam_ops = { .read = pam_read, .write = pam_write };

/* ---- slots ---- */

static int show(struct rom *r, uint32_t slot, uint64_t gpa, uint64_t size, void *host)
{
	return r->named ? vmm_named_show(r->vm, slot, gpa, size, true) :
	       vmm_vm_move_memory(r->vm, slot, gpa, size, host, true);
}

/* @host: in the image, or in the RAM behind it. */
static int show_pam(struct rom *r, unsigned int region, uint32_t len, uint8_t *host,
		    bool readonly)
{
	uint32_t base, whole, slot = ROM_SLOT_PAM + region;

	q35_pam_region(region, &base, &whole);
	if (!r->named)
		return vmm_vm_move_memory(r->vm, slot, base, len, host, readonly);
	if (host >= r->image && host < r->image + r->size)
		return vmm_named_alias(r->vm, slot, base, len, ROM_SLOT_IMAGE,
				       (uint64_t)(host - r->image), readonly);
	return vmm_named_alias(r->vm, slot, base, len, ROM_SLOT_SHADOW,
			       base - PAM_BASE, readonly);
}

int rom_set_pam(struct rom *r, unsigned int region, uint8_t access)
{
	uint32_t base, len;
	uint8_t *host;
	bool readonly;

	q35_pam_region(region, &base, &len);
	r->pam[region] = access;
	if (access & Q35_PAM_READ) {
		host = ram_at(r->ram, GPA(base), len);
		readonly = !(access & Q35_PAM_WRITE);
	} else {
		/* A region that the image covers in part counts as empty. */
		host = shadowed(r, base);
		readonly = true;
	}
	return show_pam(r, region, host ? len : 0, host, readonly);
}

static uint64_t vars_base(const struct rom *r)
{
	return r->base - r->vars.size;
}

static void set_array(void *opaque, bool array)
{
	struct rom *r = opaque;

	r->error = show(r, ROM_SLOT_VARS, vars_base(r), array ? r->vars.size : 0,
			r->vars.data);
}

/*
 * Each change is in the file before firmware goes on.  Not a mapping of the file:
 * one that is cut, or does not fit onto its file system, would end us.
 */
static bool save_vars(void *opaque, uint64_t at, uint64_t len)
{
	struct rom *r = opaque;
	ssize_t done = pwrite(r->vars_file->fd, r->vars.data + at, len,
			      (off_t)at);

	if (done == (ssize_t)len)
		return true;
	if (!r->said)
		fprintf(stderr,
			"vellum: %s %s: can't write what firmware keeps there: %s; it sees an error of its flash (said once)\n",
			r->vars_file->option, r->vars_file->path,
			done < 0 ? strerror(errno) : "no room");
	r->said = true;
	return false;
}

/*
 * Memory for the slot, ours or the VM's.  NULL with the error said.  A named VM's
 * is shown to the guest at once; nobody runs it yet.
 */
static uint8_t *get_memory(struct rom *r, const struct rom_source *from, uint32_t slot,
			   uint64_t gpa, uint64_t size, struct vmm_error *e)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		vmm_fail(e, VMM_ERR_HOST, "no memory for firmware: %s",
			 strerror(errno));
		return NULL;
	}
	if (!from->named ||
	    ((from->attach || !vmm_named_memory(r->vm, slot, gpa, size, e)) &&
	     !vmm_named_map(r->vm, slot, gpa, size, p, e)))
		return p;
	munmap(p, size);
	return NULL;
}

static int read_vars(struct rom *r, const struct rom_source *from,
		     struct vmm_error *e)
{
	const struct image_file *file = from->vars;
	uint64_t size = from->attach ? from->vars_size :
			file->fd < 0 ? 0 : file->size;

	if (!size)
		return 0;
	r->vars.size = (uint32_t)size;
	r->vars.data = get_memory(r, from, ROM_SLOT_VARS, vars_base(r), size, e);
	if (!r->vars.data)
		return -1;
	r->vars.set_array = set_array;
	r->vars.opaque = r;
	if (file->fd < 0)	/* attached without: kept in the VM alone */
		return 0;
	if (from->attach && file->size != size)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: %llu bytes, but the VM was loaded with %llu bytes of variables",
			file->option, file->path, (unsigned long long)file->size,
			(unsigned long long)size);
	if (!from->attach && image_read(file, 0, r->vars.data, size, e))
		return -1;
	r->vars_file = file;
	r->vars.save = save_vars;
	return 0;
}

static int read_image(struct rom *r, const struct rom_source *from,
		      struct vmm_error *e)
{
	r->size = from->attach ? from->image_size : from->image->size;
	r->base = ROM_TOP - r->size;
	r->image = get_memory(r, from, ROM_SLOT_IMAGE, r->base, r->size, e);
	if (!r->image)
		return -1;
	return from->attach ? 0 : image_read(from->image, 0, r->image, r->size, e);
}

static int add_ranges(struct rom *r, struct bus *mmio)
{
	struct bus_range rom = {
		.base = r->base, .len = r->size, .width = 8, .name = "ROM",
		.ops = &rom_ops, .dev = r,
	}, pam = {
		.base = PAM_BASE, .len = PAM_END - PAM_BASE, .width = 8,
		.name = "shadow", .ops = &pam_ops, .dev = r,
	}, vars = {
		.base = vars_base(r), .len = r->vars.size, .width = 1,
		.name = "flash", .ops = &flash_ops, .dev = &r->vars,
	};

	return bus_add(mmio, &rom) || bus_add(mmio, &pam) ||
	       (r->vars.size && bus_add(mmio, &vars));
}

static int put_into_memory(struct rom *r)
{
	unsigned int i;
	int ret = show(r, ROM_SLOT_IMAGE, r->base, r->size, r->image);

	if (!ret && r->vars.size)
		set_array(r, true);
	ret = ret ? ret : r->error;
	for (i = 0; i < Q35_PAM_REGIONS && !ret; i++)
		ret = rom_set_pam(r, i, 0);
	return ret;
}

int rom_create(struct rom *r, const struct rom_source *source, struct vmm_vm *vm,
	       const struct guest_ram *ram, struct bus *mmio,
	       struct vmm_error *e)
{
	int ret;

	memset(r, 0, sizeof(*r));
	r->vm = vm;
	r->ram = ram;
	r->named = source->named;
	if ((!source->attach && rom_check(source->image, source->vars, e)) ||
	    read_image(r, source, e) || read_vars(r, source, e))
		return -1;
	if (add_ranges(r, mmio))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the firmware does not fit onto the bus");
	/* Most firmware has RAM there when it hands over to a system. */
	if (source->started)
		memset(r->pam, Q35_PAM_READ | Q35_PAM_WRITE, sizeof(r->pam));
	ret = source->attach ? 0 : put_into_memory(r);
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: can't put the firmware into memory: %s",
			vm->accel->path, strerror(-ret));
	return 0;
}

void rom_destroy(struct rom *r)
{
	if (r->image)
		munmap(r->image, r->size);
	if (r->vars.data)
		munmap(r->vars.data, r->vars.size);
	memset(r, 0, sizeof(*r));
}
