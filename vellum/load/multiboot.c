/* SPDX-License-Identifier: MIT */
/*
 * Kernels with a Multiboot header (Multiboot Specification, version 0.6.96):
 * ELF files of 32 or 64 bits, and files of any format whose header tells
 * where they go.  Each starts in 32-bit protected mode.
 */
#include <elf.h>
#include <string.h>

#include "boot.h"

#define SEARCH		8192u		/* the header lies within these bytes */
#define MAGIC		0x1badb002u
#define LOADER_MAGIC	0x2badb002u	/* EAX at the entry */
#define SEGMENTS_MAX	64u

#define HEADER_PAGE_ALIGN	(1u << 0)	/* modules; ours always are */
#define HEADER_MEMORY		(1u << 1)	/* always there */
#define HEADER_VIDEO		(1u << 2)
#define HEADER_REQUIRED		0xffffu		/* a loader must, or fail */
#define HEADER_ADDRESSES	(1u << 16)

/* The addresses are valid with HEADER_ADDRESSES only. */
struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end, bss_end, entry;
};

#define HEADER_SHORT	12u

_Static_assert(sizeof(struct header) == 32, "Multiboot: header");

struct segment {
	uint64_t vaddr, paddr, offset, filesz, memsz;
};

struct mb_kernel {
	struct header h;
	uint64_t at;		/* where it lies in the file */
	struct segment seg[SEGMENTS_MAX];
	unsigned int n;
	uint64_t entry;
	uint64_t end;		/* highest address that a segment needs */
};

/* An ELF file header of either class. */
struct elf_header {
	bool wide;
	unsigned int machine, type, phentsize, phnum;
	uint64_t phoff, entry;
};

static int bad(const struct kernel_boot *b, const char *why,
	       struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", b->kernel.option,
			b->kernel.path, why);
}

/* ---- the header ---- */

static bool find_header(const struct kernel_boot *b, struct mb_kernel *k)
{
	uint64_t len = b->kernel.size < SEARCH ? b->kernel.size : SEARCH;
	uint8_t buf[SEARCH];
	struct vmm_error e;
	uint64_t at, left;

	if (image_read(&b->kernel, 0, buf, len, &e))
		return false;
	for (at = 0; at + HEADER_SHORT <= len; at += 4) {
		struct header *h = &k->h;

		left = len - at;
		memset(h, 0, sizeof(*h));
		memcpy(h, buf + at, left < sizeof(*h) ? left : sizeof(*h));
		if (h->magic != MAGIC || h->magic + h->flags + h->checksum)
			continue;
		/* All of it has to be there. */
		if ((h->flags & HEADER_ADDRESSES) && left < sizeof(*h))
			continue;
		k->at = at;
		return true;
	}
	return false;
}

bool is_multiboot(const struct kernel_boot *b)
{
	struct mb_kernel k;

	return find_header(b, &k);
}

static int check_flags(const struct kernel_boot *b, const struct header *h,
		       struct vmm_error *e)
{
	uint32_t cannot = h->flags & HEADER_REQUIRED &
			  ~(HEADER_PAGE_ALIGN | HEADER_MEMORY);

	if (cannot & HEADER_VIDEO)
		return bad(b, "its Multiboot header requires a video mode (flags, bit 2), and this machine has no display: build it without",
			   e);
	if (cannot)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: its Multiboot header requires what no loader knows (flags %#x): only bits 0 and 1 can be met",
			b->kernel.option, b->kernel.path, h->flags);
	return 0;
}

/* ---- addresses in the header ---- */

static int use_addresses(const struct kernel_boot *b, struct mb_kernel *k,
			 struct vmm_error *e)
{
	const struct header *h = &k->h;
	struct segment *s = &k->seg[0];
	uint64_t before = (uint64_t)h->header_addr - h->load_addr;

	if (h->load_addr > h->header_addr || before > k->at)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: damaged: its Multiboot header, at %#llx in the file, says load_addr %#x and header_addr %#x",
			b->kernel.option, b->kernel.path,
			(unsigned long long)k->at, h->load_addr,
			h->header_addr);
	s->vaddr = s->paddr = h->load_addr;
	s->offset = k->at - before;
	s->filesz = b->kernel.size - s->offset;
	if (h->load_end) {
		if (h->load_end < h->load_addr)
			return bad(b, "damaged: its Multiboot header has load_end_addr below load_addr",
				   e);
		if (h->load_end - h->load_addr > s->filesz)
			return vmm_fail(e, VMM_ERR_INPUT,
				"%s %s: truncated: by its Multiboot header's load_end_addr %llu bytes are loaded, the file has %llu",
				b->kernel.option, b->kernel.path,
				(unsigned long long)h->load_end - h->load_addr,
				(unsigned long long)s->filesz);
		s->filesz = h->load_end - h->load_addr;
	}
	s->memsz = s->filesz;
	if (h->bss_end) {
		if (h->bss_end < s->paddr + s->filesz)
			return bad(b, "damaged: its Multiboot header has bss_end_addr below load_end_addr",
				   e);
		s->memsz = h->bss_end - h->load_addr;
	}
	k->n = 1;
	k->entry = h->entry;
	return 0;
}

/* ---- ELF ---- */

#define TAKE_HEADER(to, from)					\
	do {							\
		(to)->machine = (from)->e_machine;		\
		(to)->type = (from)->e_type;			\
		(to)->phentsize = (from)->e_phentsize;		\
		(to)->phnum = (from)->e_phnum;			\
		(to)->phoff = (from)->e_phoff;			\
		(to)->entry = (from)->e_entry;			\
	} while (0)

static int read_elf_header(const struct kernel_boot *b, struct elf_header *h,
			   struct vmm_error *e)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr h32;
		Elf64_Ehdr h64;
	} u;

	memset(&u, 0, sizeof(u));
	if (b->kernel.size < sizeof(u.h32))
		return bad(b, "truncated: it ends within its ELF header", e);
	if (image_read(&b->kernel, 0, &u, sizeof(u.h32), e))
		return -1;
	if (memcmp(u.ident, ELFMAG, SELFMAG))
		return bad(b, "not startable: it is no ELF file, and its Multiboot header has no load addresses (flags, bit 16)",
			   e);
	h->wide = u.ident[EI_CLASS] == ELFCLASS64;
	if ((!h->wide && u.ident[EI_CLASS] != ELFCLASS32) ||
	    u.ident[EI_DATA] != ELFDATA2LSB)
		return bad(b, "an ELF file, but not for x86 (e_ident)", e);
	if (!h->wide) {
		TAKE_HEADER(h, &u.h32);
		return 0;
	}
	if (b->kernel.size < sizeof(u.h64))
		return bad(b, "truncated: it ends within its ELF header", e);
	if (image_read(&b->kernel, 0, &u, sizeof(u.h64), e))
		return -1;
	TAKE_HEADER(h, &u.h64);
	return 0;
}

static int check_elf_header(const struct kernel_boot *b,
			    const struct elf_header *h, struct vmm_error *e)
{
	size_t size = h->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (h->machine != EM_X86_64 && (h->wide || h->machine != EM_386))
		return bad(b, "an ELF file, but not for x86 (e_machine)", e);
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return bad(b, "an ELF file, but not an executable one (e_type)",
			   e);
	if (h->phentsize != size || !h->phnum || h->phnum > SEGMENTS_MAX)
		return bad(b, "an ELF file without usable program headers (e_phentsize, e_phnum)",
			   e);
	return 0;
}

static bool take_segment(const struct elf_header *h, const void *table,
			 unsigned int i, struct segment *s)
{
	const Elf64_Phdr *w = (const Elf64_Phdr *)table + i;
	const Elf32_Phdr *n = (const Elf32_Phdr *)table + i;

	if (h->wide)
		*s = (struct segment){ w->p_vaddr, w->p_paddr, w->p_offset,
				       w->p_filesz, w->p_memsz };
	else
		*s = (struct segment){ n->p_vaddr, n->p_paddr, n->p_offset,
				       n->p_filesz, n->p_memsz };
	return (h->wide ? w->p_type : n->p_type) == PT_LOAD && s->memsz;
}

static int use_elf(const struct kernel_boot *b, struct mb_kernel *k,
		   struct vmm_error *e)
{
	Elf64_Phdr table[SEGMENTS_MAX];		/* the larger of the two */
	struct elf_header h = { 0 };
	unsigned int i;

	if (read_elf_header(b, &h, e) || check_elf_header(b, &h, e) ||
	    image_read(&b->kernel, h.phoff, table, h.phnum * h.phentsize, e))
		return -1;
	k->n = 0;
	for (i = 0; i < h.phnum; i++)
		if (take_segment(&h, table, i, &k->seg[k->n]))
			k->n++;
	k->entry = h.entry;
	return 0;
}

/* ---- placing ---- */

/*
 * The entry has to lie in what comes from the file.  ELF files have either
 * its virtual address or its physical one.
 */
static int find_entry(const struct kernel_boot *b, struct mb_kernel *k,
		      struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < k->n; i++) {
		const struct segment *s = &k->seg[i];

		if (k->entry >= s->vaddr && k->entry - s->vaddr < s->filesz) {
			k->entry = k->entry - s->vaddr + s->paddr;
			return 0;
		}
	}
	for (i = 0; i < k->n; i++) {
		const struct segment *s = &k->seg[i];

		if (k->entry >= s->paddr && k->entry - s->paddr < s->filesz)
			return 0;
	}
	return vmm_fail(e, VMM_ERR_INPUT,
		"%s %s: damaged: its entry %#llx lies outside of what is loaded",
		b->kernel.option, b->kernel.path, (unsigned long long)k->entry);
}

/* What else lies in low memory, by the table in boot.h. */
static bool is_taken(const struct segment *s)
{
	static const struct { uint32_t start, end; } ours[] = {
		{ BOOT_GDT, BOOT_TSS + BOOT_TSS_SIZE },
		{ BOOT_MULTIBOOT, BOOT_MULTIBOOT + BOOT_MULTIBOOT_MAX },
		{ BOOT_EBDA, BOOT_HIGH },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (s->paddr < ours[i].end &&
		    (s->paddr >= ours[i].start ||
		     s->memsz > ours[i].start - s->paddr))
			return true;
	return false;
}

static int load_segment(const struct guest_ram *ram,
			const struct kernel_boot *b, const struct segment *s,
			struct mb_kernel *k, struct vmm_error *e)
{
	uint8_t *p;

	if (s->filesz > s->memsz)
		return bad(b, "damaged: a segment has more bytes in the file than in memory",
			   e);
	if (is_taken(s))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: not startable: a segment of %llu bytes goes to %#llx, on what the boot information needs (0x500-0x5a7, 0x80000-0x8ffff, 0x9fc00-0xfffff): link it elsewhere",
			b->kernel.option, b->kernel.path,
			(unsigned long long)s->memsz,
			(unsigned long long)s->paddr);
	p = ram_at(ram, GPA(s->paddr), s->memsz);
	if (!p || s->paddr >= ram->low_end)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: the kernel is larger than the guest's memory: a segment of %llu KiB goes to %#llx; give more --memory",
			b->kernel.option, b->kernel.path,
			(unsigned long long)(s->memsz + KIB - 1) / KIB,
			(unsigned long long)s->paddr);
	if (image_read(&b->kernel, s->offset, p, s->filesz, e))
		return -1;
	/* RAM is zero to begin with, but segments may overlap. */
	if (s->paddr < k->end)
		memset(p + s->filesz, 0, s->memsz - s->filesz);
	if (s->paddr + s->memsz > k->end)
		k->end = s->paddr + s->memsz;
	return 0;
}

int load_multiboot(const struct guest_ram *ram, const struct kernel_boot *b,
		   struct boot_state *s, struct vmm_error *e)
{
	struct mb_kernel k;
	unsigned int i;
	uint32_t info;

	memset(&k, 0, sizeof(k));
	if (!find_header(b, &k))
		return bad(b, "it has no Multiboot header any more", e);
	if (check_flags(b, &k.h, e) ||
	    (k.h.flags & HEADER_ADDRESSES ? use_addresses(b, &k, e) :
	     use_elf(b, &k, e)) ||
	    find_entry(b, &k, e))
		return -1;
	for (i = 0; i < k.n; i++)
		if (load_segment(ram, b, &k.seg[i], &k, e))
			return -1;
	if (multiboot_info(ram, b, k.end, &info, e) ||
	    boot_tables(ram, MODE_PROTECTED, e))
		return -1;

	memset(s, 0, sizeof(*s));
	s->mode = MODE_PROTECTED;
	s->multiboot = true;
	s->rip = k.entry;
	s->rax = LOADER_MAGIC;
	s->rbx = info;
	return 0;
}
