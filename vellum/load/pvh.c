/* SPDX-License-Identifier: MIT */
/*
 * vmlinux, started by its PVH entry: an ELF note names the 32-bit entry
 * point, EBX points to a struct hvm_start_info (Xen documentation
 * "x86/HVM direct boot ABI").  No decompression, so the fastest way in.
 */
#include <elf.h>
#include <string.h>

#include "boot.h"

#define PHDR_MAX	64u
#define NOTES_MAX	(64u * 1024)
#define NOTE_OWNER	"Xen"
#define NOTE_PHYS32_ENTRY 18u
#define PVH_CMDLINE_MAX	2047u	/* Linux: COMMAND_LINE_SIZE less the end */

#define START_MAGIC	0x336ec578u
#define START_VERSION	1u

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "layout");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "layout");
_Static_assert(sizeof(struct hvm_memmap_entry) == 24, "layout");

struct pvh_kernel {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[PHDR_MAX];
	uint64_t end;		/* highest address that a segment needs */
	uint32_t entry;
	bool found;		/* entry is valid */
};

static int bad(const struct kernel_boot *b, const char *why,
	       struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", b->kernel.option,
			b->kernel.path, why);
}

static int read_headers(const struct kernel_boot *b, struct pvh_kernel *k,
			struct vmm_error *e)
{
	Elf64_Ehdr *h = &k->eh;
	unsigned char class;

	if (b->kernel.size <= EI_CLASS)
		return bad(b, "truncated: it ends within its ELF header", e);
	if (image_read(&b->kernel, EI_CLASS, &class, 1, e))
		return -1;
	if (class == ELFCLASS32)
		return bad(b, "a 32-bit ELF file without a Multiboot header in its first 8 KiB: give a Multiboot or a 64-bit kernel",
			   e);
	if (b->kernel.size < sizeof(*h))
		return bad(b, "truncated: it ends within its ELF header", e);
	if (image_read(&b->kernel, 0, h, sizeof(*h), e))
		return -1;
	if (class != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64)
		return bad(b, "an ELF file, but not for x86-64", e);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return bad(b, "an ELF file, but not an executable one", e);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum ||
	    h->e_phnum > PHDR_MAX)
		return bad(b, "an ELF file without usable program headers", e);
	return image_read(&b->kernel, h->e_phoff, k->ph,
			  h->e_phnum * sizeof(Elf64_Phdr), e);
}

static int load_segment(const struct guest_ram *ram, const struct kernel_boot *b,
			const Elf64_Phdr *ph, struct pvh_kernel *k,
			struct vmm_error *e)
{
	uint8_t *p;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz)
		return bad(b, "damaged: a segment has more bytes in the file than in memory",
			   e);
	if (ph->p_paddr < BOOT_HIGH)
		return bad(b, "not startable: a segment wants memory below 1 MiB",
			   e);
	p = ram_at(ram, GPA(ph->p_paddr), ph->p_memsz);
	if (!p || ph->p_paddr >= ram->low_end)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: the kernel is larger than the guest's memory: a segment of %llu KiB goes to %#llx; give more --memory",
			b->kernel.option, b->kernel.path,
			(unsigned long long)ph->p_memsz / KIB,
			(unsigned long long)ph->p_paddr);
	/* RAM is zero to begin with: the rest of the segment needs nothing. */
	if (image_read(&b->kernel, ph->p_offset, p, ph->p_filesz, e))
		return -1;
	if (ph->p_paddr + ph->p_memsz > k->end)
		k->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static uint64_t align4(uint64_t v)
{
	return (v + 3) & ~3ull;
}

/* Notes lie in a buffer of ours; every step is checked against its end. */
static void find_entry(const uint8_t *notes, uint64_t len, struct pvh_kernel *k)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		const uint8_t *name, *desc;
		uint64_t step;
		Elf64_Nhdr n;

		memcpy(&n, notes, sizeof(n));
		step = sizeof(n) + align4(n.n_namesz) + align4(n.n_descsz);
		if (step > len)
			return;
		name = notes + sizeof(n);
		desc = name + align4(n.n_namesz);
		if (n.n_type == NOTE_PHYS32_ENTRY &&
		    n.n_namesz == sizeof(NOTE_OWNER) &&
		    !memcmp(name, NOTE_OWNER, sizeof(NOTE_OWNER)) &&
		    n.n_descsz >= sizeof(k->entry)) {
			memcpy(&k->entry, desc, sizeof(k->entry));
			k->found = true;
			return;
		}
		notes += step;
		len -= step;
	}
}

static int read_notes(const struct kernel_boot *b, const Elf64_Phdr *ph,
		      struct pvh_kernel *k, struct vmm_error *e)
{
	static uint8_t notes[NOTES_MAX];

	if (ph->p_filesz > sizeof(notes))
		return bad(b, "damaged: its notes are implausibly long", e);
	if (image_read(&b->kernel, ph->p_offset, notes, ph->p_filesz, e))
		return -1;
	find_entry(notes, ph->p_filesz, k);
	return 0;
}

/* The entry must lie in what was loaded, not somewhere in the guest. */
static bool entry_loaded(const struct pvh_kernel *k)
{
	unsigned int i;

	for (i = 0; i < k->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &k->ph[i];

		if (ph->p_type == PT_LOAD && k->entry >= ph->p_paddr &&
		    k->entry - ph->p_paddr < ph->p_filesz)
			return true;
	}
	return false;
}

static int read_all_notes(const struct kernel_boot *b, struct pvh_kernel *k,
			  struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < k->eh.e_phnum; i++)
		if (k->ph[i].p_type == PT_NOTE && !k->found &&
		    read_notes(b, &k->ph[i], k, e))
			return -1;
	return 0;
}

bool is_pvh(const struct kernel_boot *b)
{
	struct pvh_kernel k = { 0 };
	struct vmm_error e;

	return !read_headers(b, &k, &e) && !read_all_notes(b, &k, &e) &&
	       k.found;
}

static int load_segments(const struct guest_ram *ram,
			 const struct kernel_boot *b, struct pvh_kernel *k,
			 struct vmm_error *e)
{
	unsigned int i;

	/* Notes first: better to refuse before copying 50 MiB. */
	if (read_all_notes(b, k, e))
		return -1;
	if (!k->found)
		return bad(b, "an ELF file without a PVH entry (no Xen note 18) or a Multiboot header (in its first 8 KiB): build the kernel with CONFIG_PVH, or use its bzImage",
			   e);
	if (!entry_loaded(k))
		return bad(b, "damaged: its PVH entry lies outside its segments",
			   e);
	for (i = 0; i < k->eh.e_phnum; i++)
		if (k->ph[i].p_type == PT_LOAD &&
		    load_segment(ram, b, &k->ph[i], k, e))
			return -1;
	return 0;
}

static void fill_memmap(const struct guest_ram *ram,
			struct hvm_start_info *info,
			struct hvm_memmap_entry *out)
{
	struct e820_range map[E820_MAX];
	unsigned int i;

	info->memmap_entries = boot_e820(ram, map);
	for (i = 0; i < info->memmap_entries; i++)
		out[i] = (struct hvm_memmap_entry){
			.addr = map[i].start, .size = map[i].size,
			.type = map[i].type,
		};
}

int load_pvh(const struct guest_ram *ram, const struct kernel_boot *b,
	     struct boot_state *s, struct vmm_error *e)
{
	struct hvm_start_info *info = ram_at(ram, GPA(BOOT_INFO), PAGE_SIZE);
	uint8_t *lists = ram_at(ram, GPA(BOOT_PVH_LISTS), PAGE_SIZE);
	struct hvm_modlist_entry *mod = (void *)lists;
	struct pvh_kernel k = { .end = BOOT_HIGH };
	const struct image_file *initrd;

	if (!info || !lists)
		return vmm_fail(e, VMM_ERR_INTERNAL, "no memory for boot data");
	if (read_headers(b, &k, e) || load_segments(ram, b, &k, e) ||
	    boot_cmdline(ram, b->cmdline, PVH_CMDLINE_MAX, e) ||
	    boot_only_initrd(b, &initrd, e))
		return -1;

	*info = (struct hvm_start_info){
		.magic = START_MAGIC,
		.version = START_VERSION,
		.cmdline_paddr = BOOT_CMDLINE,
		.rsdp_paddr = b->rsdp,
		.memmap_paddr = BOOT_PVH_LISTS + sizeof(*mod),
	};
	memset(mod, 0, sizeof(*mod));
	fill_memmap(ram, info, (void *)(lists + sizeof(*mod)));
	if (initrd) {
		if (boot_initrd(ram, initrd, k.end, ram->low_end,
				&mod->paddr, e))
			return -1;
		mod->size = initrd->size;
		info->nr_modules = 1;
		info->modlist_paddr = BOOT_PVH_LISTS;
	}
	if (boot_tables(ram, MODE_PROTECTED, e))
		return -1;

	memset(s, 0, sizeof(*s));
	s->mode = MODE_PROTECTED;
	s->rip = k.entry;
	s->rbx = BOOT_INFO;
	return 0;
}
