/* SPDX-License-Identifier: MIT */
/*
 * bzImage by the 64-bit entry of the Linux/x86 boot protocol (kernel
 * documentation "The Linux/x86 Boot Protocol").  The header is a stranger's
 * file: every number in it is checked before it is used.
 */
#include <string.h>

#include <asm/bootparam.h>

#include "boot.h"

#define SECTOR			512u
#define HEADER_OFFSET		0x1f1u
#define BOOT_FLAG		0xaa55u
#define HEADER_MAGIC		0x53726448u	/* "HdrS" */
#define PROTOCOL_MIN		0x020cu		/* the first with xloadflags */
#define SETUP_SECTS_DEFAULT	4u
#define LOADER_UNDEFINED	0xffu
#define ENTRY64_OFFSET		0x200u
#define KERNEL_ALIGN_MIN	4096ull
#define KERNEL_ALIGN_MAX	(1ull << 30)
#define INIT_SIZE_MAX		(1ull << 31)

_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET, "layout");
_Static_assert(sizeof(struct boot_params) == PAGE_SIZE, "layout");

struct bzimage {
	struct setup_header hdr;
	uint64_t setup_size;	/* bytes before the protected-mode part */
	uint64_t payload;	/* bytes of that part */
	uint64_t load;		/* where it goes */
	uint64_t end;		/* first byte that it does not need there */
};

static int bad(const struct kernel_boot *b, const char *why,
	       struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", b->kernel.option,
			b->kernel.path, why);
}

bool is_bzimage(const struct kernel_boot *b)
{
	struct setup_header h;
	struct vmm_error e;

	return b->kernel.size >= HEADER_OFFSET + sizeof(h) &&
	       !image_read(&b->kernel, HEADER_OFFSET, &h, sizeof(h), &e) &&
	       h.boot_flag == BOOT_FLAG && h.header == HEADER_MAGIC &&
	       h.version >= PROTOCOL_MIN && (h.xloadflags & XLF_KERNEL_64);
}

static int read_header(const struct kernel_boot *b, struct bzimage *k,
		       struct vmm_error *e)
{
	struct setup_header *h = &k->hdr;

	memset(h, 0, sizeof(*h));
	if (b->kernel.size < HEADER_OFFSET + sizeof(*h))
		return bad(b, "not a kernel: too short for a bzImage's header",
			   e);
	if (image_read(&b->kernel, HEADER_OFFSET, h, sizeof(*h), e))
		return -1;
	if (h->boot_flag != BOOT_FLAG || h->header != HEADER_MAGIC)
		return bad(b, "not a kernel: neither a bzImage (no \"HdrS\" at 0x202) nor an ELF file nor Multiboot (no header in the first 8 KiB)",
			   e);
	if (h->version < PROTOCOL_MIN)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: speaks boot protocol %u.%02u, needed is 2.12 (Linux 3.8) or later",
			b->kernel.option, b->kernel.path, h->version >> 8,
			h->version & 0xff);
	if (!(h->loadflags & LOADED_HIGH))
		return bad(b, "a zImage, not a bzImage: it loads below 1 MiB",
			   e);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return bad(b, "a 32-bit kernel: only 64-bit kernels can be started",
			   e);
	return 0;
}

static int check_sizes(const struct kernel_boot *b, struct bzimage *k,
		       struct vmm_error *e)
{
	struct setup_header *h = &k->hdr;
	unsigned int sects = h->setup_sects;

	k->setup_size = (1 + (sects ? sects : SETUP_SECTS_DEFAULT)) * SECTOR;
	if (b->kernel.size <= k->setup_size + ENTRY64_OFFSET)
		return bad(b, "truncated: it ends within its setup code", e);
	k->payload = b->kernel.size - k->setup_size;
	/* syssize counts 16-byte paragraphs of the protected-mode part. */
	if ((uint64_t)h->syssize * 16 > k->payload + 15)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: truncated: its header promises %llu bytes, the file has %llu",
			b->kernel.option, b->kernel.path,
			(unsigned long long)(k->setup_size +
					     (uint64_t)h->syssize * 16),
			(unsigned long long)b->kernel.size);
	if (h->kernel_alignment < KERNEL_ALIGN_MIN ||
	    h->kernel_alignment > KERNEL_ALIGN_MAX ||
	    (h->kernel_alignment & (h->kernel_alignment - 1)))
		return bad(b, "damaged: its kernel_alignment makes no sense",
			   e);
	if (h->init_size > INIT_SIZE_MAX)
		return bad(b, "damaged: its init_size makes no sense", e);
	return 0;
}

/* Where it would like to be; else, if it doesn't mind, as low as it goes. */
static int place(const struct guest_ram *ram, const struct kernel_boot *b,
		 struct bzimage *k, struct vmm_error *e)
{
	uint64_t align = k->hdr.kernel_alignment;
	uint64_t need = k->hdr.init_size;
	uint64_t lowest = (BOOT_HIGH + align - 1) & ~(align - 1);

	if (need < k->payload)
		need = k->payload;
	k->load = k->hdr.pref_address;
	if (k->load < BOOT_HIGH || k->load % KERNEL_ALIGN_MIN ||
	    k->load > ram->low_end || need > ram->low_end - k->load) {
		if (!k->hdr.relocatable_kernel || lowest > ram->low_end ||
		    need > ram->low_end - lowest)
			return vmm_fail(e, VMM_ERR_INPUT,
				"%s %s: the kernel is larger than the guest's memory: it needs %llu MiB from %llu MiB on; give more --memory",
				b->kernel.option, b->kernel.path,
				(need + MIB - 1) / MIB,
				(k->hdr.relocatable_kernel ? lowest :
				 k->hdr.pref_address) / MIB);
		k->load = lowest;
	}
	k->end = k->load + need;
	return 0;
}

static void fill_e820(const struct guest_ram *ram, struct boot_params *bp)
{
	struct e820_range map[E820_MAX];
	unsigned int i, n = boot_e820(ram, map);

	for (i = 0; i < n; i++) {
		bp->e820_table[i].addr = map[i].start;
		bp->e820_table[i].size = map[i].size;
		bp->e820_table[i].type = map[i].type;
	}
	bp->e820_entries = (uint8_t)n;
}

static int load_initrd(const struct guest_ram *ram, const struct kernel_boot *b,
		       const struct bzimage *k, struct boot_params *bp,
		       struct vmm_error *e)
{
	uint64_t where, limit = (uint64_t)k->hdr.initrd_addr_max + 1;
	const struct image_file *initrd;

	if (boot_only_initrd(b, &initrd, e))
		return -1;
	if (!initrd)
		return 0;
	if (boot_initrd(ram, initrd, k->end, limit, &where, e))
		return -1;
	bp->hdr.ramdisk_image = (uint32_t)where;
	bp->hdr.ramdisk_size = (uint32_t)initrd->size;
	return 0;
}

int load_bzimage(const struct guest_ram *ram, const struct kernel_boot *b,
		 struct boot_state *s, struct vmm_error *e)
{
	struct boot_params *bp = ram_at(ram, GPA(BOOT_INFO), sizeof(*bp));
	struct bzimage k;
	void *p;

	if (read_header(b, &k, e) || check_sizes(b, &k, e) ||
	    place(ram, b, &k, e))
		return -1;
	p = ram_at(ram, GPA(k.load), k.end - k.load);
	if (!p || !bp)
		return vmm_fail(e, VMM_ERR_INTERNAL, "kernel placed off RAM");
	if (image_read(&b->kernel, k.setup_size, p, k.payload, e))
		return -1;

	memset(bp, 0, sizeof(*bp));
	bp->hdr = k.hdr;
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp->hdr.code32_start = (uint32_t)k.load;
	bp->acpi_rsdp_addr = b->rsdp;
	fill_e820(ram, bp);
	if (boot_cmdline(ram, b->cmdline, k.hdr.cmdline_size, e) ||
	    load_initrd(ram, b, &k, bp, e) || boot_tables(ram, MODE_LONG, e))
		return -1;

	memset(s, 0, sizeof(*s));
	s->mode = MODE_LONG;
	s->rip = k.load + ENTRY64_OFFSET;
	s->rsi = BOOT_INFO;
	return 0;
}
