/* SPDX-License-Identifier: MIT */
/*
 * Flat images: bytes that go to an address as they are.  How the tests' tiny
 * guests run.
 */
#include "boot.h"

static bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t bend)
{
	return a < bend && b < a + alen;
}

/* Does it lie where boot_tables() puts something for this mode? */
static bool on_tables(enum cpu_mode mode, uint64_t addr, uint64_t len)
{
	if (mode == MODE_REAL)
		return false;
	if (overlaps(addr, len, BOOT_GDT, BOOT_TSS + BOOT_TSS_SIZE))
		return true;
	return mode == MODE_LONG &&
	       overlaps(addr, len, BOOT_PML4, BOOT_PT_END);
}

static int load_one(const struct guest_ram *ram, const struct flat_image *img,
		    enum cpu_mode mode, struct vmm_error *e)
{
	void *p = ram_at(ram, GPA(img->addr), img->file.size);

	if (!p)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: %llu bytes at %#llx are not all RAM (0-0x9ffff, 0xc0000-%#llx); see --memory",
			img->file.option, img->file.path,
			(unsigned long long)img->file.size,
			(unsigned long long)img->addr,
			(unsigned long long)ram->low_end - 1);
	if (on_tables(mode, img->addr, img->file.size))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: at %#llx it would lie on the GDT (0x500-0x5a7) or the page tables (long mode: 0x9000-0xefff)",
			img->file.option, img->file.path,
			(unsigned long long)img->addr);
	return image_read(&img->file, 0, p, img->file.size, e);
}

int load_flat(const struct guest_ram *ram, const struct flat_image *images,
	      unsigned int n, struct boot_state *s, struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (load_one(ram, &images[i], s->mode, e))
			return -1;
	return boot_tables(ram, s->mode, e);
}
