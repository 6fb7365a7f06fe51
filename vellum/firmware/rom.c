/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rom.h"

enum {
	SLOT_PAM = RAM_SLOT_FREE,
	SLOT_ROM = SLOT_PAM + Q35_PAM_REGIONS,
	SLOT_VARS,
};

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
	return vmm_vm_move_memory(r->vm, SLOT_PAM + region, base,
				  host ? len : 0, host, readonly);
}

static uint64_t vars_base(const struct rom *r)
{
	return r->base - r->vars.size;
}

static void set_array(void *opaque, bool array)
{
	struct rom *r = opaque;

	r->error = vmm_vm_move_memory(r->vm, SLOT_VARS, vars_base(r),
				      array ? r->vars.size : 0, r->vars.data,
				      true);
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

static int read_vars(struct rom *r, const struct image_file *vars,
		     struct vmm_error *e)
{
	void *p;

	if (vars->fd < 0)
		return 0;
	p = mmap(NULL, vars->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return vmm_fail(e, VMM_ERR_HOST, "%s %s: no memory for it: %s",
				vars->option, vars->path, strerror(errno));
	r->vars.data = p;
	r->vars.size = (uint32_t)vars->size;
	if (image_read(vars, 0, p, vars->size, e))
		return -1;
	r->vars_file = vars;
	r->vars.save = save_vars;
	r->vars.set_array = set_array;
	r->vars.opaque = r;
	return 0;
}

static int read_image(struct rom *r, const struct image_file *image,
		      struct vmm_error *e)
{
	void *p = mmap(NULL, image->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return vmm_fail(e, VMM_ERR_HOST,
				"%s %s: no memory for it: %s", image->option,
				image->path, strerror(errno));
	r->image = p;
	r->size = image->size;
	r->base = ROM_TOP - image->size;
	return image_read(image, 0, p, image->size, e);
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

int rom_create(struct rom *r, const struct image_file *image,
	       const struct image_file *vars, struct vmm_vm *vm,
	       const struct guest_ram *ram, struct bus *mmio,
	       struct vmm_error *e)
{
	unsigned int i;
	int ret;

	memset(r, 0, sizeof(*r));
	r->vm = vm;
	r->ram = ram;
	if (rom_check(image, vars, e) || read_image(r, image, e) ||
	    read_vars(r, vars, e))
		return -1;
	if (add_ranges(r, mmio))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the firmware does not fit onto the bus");
	ret = vmm_vm_move_memory(vm, SLOT_ROM, r->base, r->size, r->image,
				 true);
	if (!ret && r->vars.size)
		set_array(r, true);
	ret = ret ? ret : r->error;
	for (i = 0; i < Q35_PAM_REGIONS && !ret; i++)
		ret = rom_set_pam(r, i, 0);
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
