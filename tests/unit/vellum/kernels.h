/* SPDX-License-Identifier: MIT */
/* Small valid kernels to damage, and files to put them into. */
#ifndef TESTS_UNIT_VELLUM_KERNELS_H
#define TESTS_UNIT_VELLUM_KERNELS_H

#include <asm/bootparam.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "vellum/load/boot.h"

#define BZ_SETUP	(5 * 512)
#define BZ_SIZE		(BZ_SETUP + 64 * 1024)
#define ELF_SIZE	(128 * 1024)
#define ELF_NOTES	0x1000
#define ELF_LOAD	0x2000
#define ELF_PADDR	0x1000000ull
#define ELF_ENTRY	0x1000040u

static inline void make_bzimage(uint8_t *f)
{
	struct setup_header *h = (void *)(f + 0x1f1);

	memset(f, 0, BZ_SIZE);
	memset(f + BZ_SETUP, 0x90, BZ_SIZE - BZ_SETUP);
	h->setup_sects = 4;
	h->syssize = (BZ_SIZE - BZ_SETUP) / 16;
	h->boot_flag = 0xaa55;
	h->header = 0x53726448;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 2 * MIB;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->pref_address = 16 * MIB;
	h->init_size = 4 * MIB;
}

static inline void make_vmlinux(uint8_t *f)
{
	Elf64_Ehdr *h = (void *)f;
	Elf64_Phdr *p = (void *)(f + sizeof(*h));
	Elf64_Nhdr *n = (void *)(f + ELF_NOTES);
	uint32_t entry = ELF_ENTRY;

	memset(f, 0, ELF_SIZE);
	memcpy(h->e_ident, ELFMAG, 4);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_machine = EM_X86_64;
	h->e_type = ET_EXEC;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 2;
	p[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = ELF_LOAD, .p_paddr = ELF_PADDR,
		.p_filesz = 64 * KIB, .p_memsz = 1 * MIB,
	};
	p[1] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = ELF_NOTES, .p_filesz = 20,
	};
	*n = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 4, .n_type = 18 };
	memcpy(n + 1, "Xen", 4);
	memcpy((uint8_t *)(n + 1) + 4, &entry, 4);
	memset(f + ELF_LOAD, 0x90, 64 * KIB);
}

/*
 * Multiboot: a header at MB_AT, a segment of code at MB_PADDR.  As ELF of 32 bits
 * or 64, its virtual addresses MB_HIGH above; or with the addresses in the header.
 */
#define MB_SIZE		(64 * 1024)
#define MB_AT		0x1010
#define MB_LOAD		0x1000
#define MB_PADDR	0x400000u
#define MB_HIGH		0x80000000u
#define MB_ENTRY	0x400040u
#define MB_BYTES	0x2000u
#define MB_MEMORY	0x8000u

static inline uint32_t *mb_header(uint8_t *f)
{
	return (uint32_t *)(f + MB_AT);
}

static inline void mb_flags(uint8_t *f, uint32_t flags)
{
	mb_header(f)[0] = 0x1badb002;
	mb_header(f)[1] = flags;
	mb_header(f)[2] = -(0x1badb002 + flags);
}

static inline void make_mb_addresses(uint8_t *f)
{
	uint32_t *h = mb_header(f);

	memset(f, 0x90, MB_SIZE);
	mb_flags(f, 1u << 16 | 3);
	h[3] = MB_PADDR + MB_AT - MB_LOAD;	/* header_addr */
	h[4] = MB_PADDR;			/* load_addr */
	h[5] = MB_PADDR + MB_BYTES;		/* load_end_addr */
	h[6] = MB_PADDR + MB_MEMORY;		/* bss_end_addr */
	h[7] = MB_ENTRY;
}

static inline void make_mb_elf32(uint8_t *f)
{
	Elf32_Ehdr *h = (void *)f;
	Elf32_Phdr *p = (void *)(h + 1);

	memset(f, 0, MB_SIZE);
	memset(f + MB_LOAD, 0x90, MB_BYTES);
	mb_flags(f, 3);
	memcpy(h->e_ident, ELFMAG, 4);
	h->e_ident[EI_CLASS] = ELFCLASS32;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_machine = EM_386;
	h->e_type = ET_EXEC;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 2;
	h->e_entry = MB_HIGH + MB_ENTRY;
	p[0] = (Elf32_Phdr){ .p_type = PT_NOTE };
	p[1] = (Elf32_Phdr){
		.p_type = PT_LOAD, .p_offset = MB_LOAD,
		.p_vaddr = MB_HIGH + MB_PADDR, .p_paddr = MB_PADDR,
		.p_filesz = MB_BYTES, .p_memsz = MB_MEMORY,
	};
}

static inline void make_mb_elf64(uint8_t *f)
{
	Elf64_Ehdr *h = (void *)f;
	Elf64_Phdr *p = (void *)(h + 1);

	memset(f, 0, MB_SIZE);
	memset(f + MB_LOAD, 0x90, MB_BYTES);
	mb_flags(f, 0);
	memcpy(h->e_ident, ELFMAG, 4);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_machine = EM_X86_64;
	h->e_type = ET_EXEC;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 1;
	h->e_entry = MB_ENTRY;			/* the physical one */
	p[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = MB_LOAD,
		.p_vaddr = 0xffffffff80000000 + MB_PADDR, .p_paddr = MB_PADDR,
		.p_filesz = MB_BYTES, .p_memsz = MB_MEMORY,
	};
}

static inline void make_file(struct image_file *out, const char *option,
			     const void *data, size_t size)
{
	char path[64];
	struct vmm_error e;
	int fd = memfd_create("image", 0);

	assert_true(fd >= 0);
	assert_true(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (image_open(out, option, path, &e))
		fail_msg("%s", e.text);
	out->path = "FILE";
	close(fd);
}

#endif
