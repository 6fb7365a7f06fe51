/* SPDX-License-Identifier: MIT */
/* Loaders: what a good file becomes, and what each bad one is told. */
#include <fcntl.h>

#include "kernels.h"

DEFINE_REPORT

struct rig {
	struct guest_ram ram;
	struct kernel_boot b;
	struct boot_module module[2];
	struct boot_state s;
	struct vmm_error e;
	_Alignas(16) uint8_t file[BZ_SIZE > ELF_SIZE ? BZ_SIZE : ELF_SIZE];
	uint8_t initrd[3 * MIB];
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(ram_create(&r->ram, 64 * MIB, &r->e), 0);
	r->b.kernel.fd = r->module[0].file.fd = r->module[1].file.fd = -1;
	r->b.module = r->module;
	r->b.cmdline = "quiet";
	r->b.words = "a=b c";
	r->b.rsdp = BOOT_ACPI;
	memset(r->initrd, 0x5a, sizeof(r->initrd));
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	image_close(&r->b.kernel);
	image_close(&r->module[0].file);
	image_close(&r->module[1].file);
	ram_destroy(&r->ram);
	free(r);
	return 0;
}

static int boot(struct rig *r, size_t size)
{
	image_close(&r->b.kernel);
	make_file(&r->b.kernel, "--kernel", r->file, size);
	return boot_kernel(&r->ram, &r->b, &r->s, &r->e);
}

static void refused(struct rig *r, size_t size, const char *why)
{
	memset(&r->e, 0, sizeof(r->e));
	assert_int_equal(boot(r, size), -1);
	assert_int_equal(r->e.class, VMM_ERR_INPUT);
	assert_non_null(strstr(r->e.text, "FILE"));
	if (!strstr(r->e.text, why))
		fail_msg("\"%s\" not in \"%s\"", why, r->e.text);
	assert_null(strchr(r->e.text, '\n'));
}

static void add_module(struct rig *r, size_t size, const char *string)
{
	struct boot_module *m = &r->module[r->b.n_modules++];

	make_file(&m->file, "--initrd", r->initrd, size);
	m->string = string;
}

static struct setup_header *bz(struct rig *r)
{
	make_bzimage(r->file);
	return (void *)(r->file + 0x1f1);
}

static Elf64_Ehdr *elf(struct rig *r)
{
	make_vmlinux(r->file);
	return (void *)r->file;
}

static Elf64_Phdr *phdr(struct rig *r)
{
	return (void *)(elf(r) + 1);
}

static void test_bzimage_is_placed(void **state)
{
	struct rig *r = *state;
	struct boot_params *bp = ram_at(&r->ram, GPA(BOOT_INFO), 4096);

	bz(r);
	add_module(r, sizeof(r->initrd), NULL);
	if (boot(r, BZ_SIZE))
		fail_msg("%s", r->e.text);
	assert_int_equal(r->s.mode, MODE_LONG);
	assert_int_equal(r->s.rip, 16 * MIB + 0x200);
	assert_int_equal(r->s.rsi, BOOT_INFO);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_int_equal(bp->hdr.ramdisk_size, sizeof(r->initrd));
	assert_int_equal(bp->hdr.ramdisk_image, 61 * MIB);
	assert_int_equal(*(uint8_t *)ram_at(&r->ram, GPA(61 * MIB), 1), 0x5a);
	assert_string_equal(ram_at(&r->ram, GPA(bp->hdr.cmd_line_ptr), 6),
			    "quiet");
	assert_int_equal(bp->e820_entries, 4);
	assert_int_equal(bp->e820_table[3].addr + bp->e820_table[3].size,
			 64 * MIB);
	assert_int_equal(*(uint8_t *)ram_at(&r->ram, GPA(16 * MIB), 1), 0x90);
}

static void test_bzimage_moves_where_it_fits(void **state)
{
	struct rig *r = *state;

	bz(r)->pref_address = 1 * GIB;
	assert_int_equal(boot(r, BZ_SIZE), 0);
	assert_int_equal(r->s.rip, 2 * MIB + 0x200);
	bz(r)->pref_address = 1 * GIB;
	bz(r)->relocatable_kernel = 0;
	((struct setup_header *)(r->file + 0x1f1))->pref_address = 1 * GIB;
	refused(r, BZ_SIZE, "larger than the guest's memory");
}

static void test_bad_bzimages(void **state)
{
	struct rig *r = *state;

	bz(r)->header = 0;
	refused(r, BZ_SIZE, "not a kernel");
	bz(r)->boot_flag = 0;
	refused(r, BZ_SIZE, "not a kernel");
	bz(r)->version = 0x0206;
	refused(r, BZ_SIZE, "boot protocol 2.06");
	bz(r)->loadflags = 0;
	refused(r, BZ_SIZE, "zImage");
	bz(r)->xloadflags = 0;
	refused(r, BZ_SIZE, "32-bit");
	bz(r)->init_size = 0xffffffff;
	refused(r, BZ_SIZE, "init_size");
	bz(r)->init_size = 65 * MIB;
	refused(r, BZ_SIZE, "larger than the guest's memory");
	bz(r)->kernel_alignment = 3;
	refused(r, BZ_SIZE, "kernel_alignment");
	bz(r)->kernel_alignment = 0;
	refused(r, BZ_SIZE, "kernel_alignment");
	bz(r)->cmdline_size = 3;
	assert_int_equal(boot(r, BZ_SIZE), -1);
	assert_non_null(strstr(r->e.text, "command line"));
}

static void test_truncated_bzimages(void **state)
{
	struct rig *r = *state;
	size_t size;

	bz(r);
	refused(r, 1, "not a kernel");
	refused(r, 100, "too short");
	for (size = 0x1f1; size < BZ_SIZE - 16; size += 97)
		refused(r, size, size < 0x1f1 + sizeof(struct setup_header) ?
			"too short" : "truncated");
}

static void test_pvh_is_placed(void **state)
{
	struct rig *r = *state;
	const uint32_t *info = ram_at(&r->ram, GPA(BOOT_INFO), 56);
	const uint64_t *mod;

	elf(r);
	add_module(r, sizeof(r->initrd), NULL);
	if (boot(r, ELF_SIZE))
		fail_msg("%s", r->e.text);
	assert_int_equal(r->s.mode, MODE_PROTECTED);
	assert_int_equal(r->s.rip, ELF_ENTRY);
	assert_int_equal(r->s.rbx, BOOT_INFO);
	assert_int_equal(info[0], 0x336ec578);
	assert_int_equal(info[3], 1);
	mod = ram_at(&r->ram, GPA(info[4]), 32);
	assert_int_equal(mod[0], 61 * MIB);
	assert_int_equal(mod[1], sizeof(r->initrd));
	assert_int_equal(info[12], 4);		/* memory map entries */
}

static void test_bad_elfs(void **state)
{
	struct rig *r = *state;

	elf(r)->e_ident[EI_CLASS] = ELFCLASS32;
	refused(r, ELF_SIZE, "32-bit");
	elf(r)->e_machine = EM_AARCH64;
	refused(r, ELF_SIZE, "not for x86-64");
	elf(r)->e_type = ET_REL;
	refused(r, ELF_SIZE, "not an executable");
	elf(r)->e_phnum = 0;
	refused(r, ELF_SIZE, "program headers");
	elf(r)->e_phnum = 0xffff;
	refused(r, ELF_SIZE, "program headers");
	elf(r)->e_phoff = UINT64_MAX - 8;
	refused(r, ELF_SIZE, "truncated");
	phdr(r)[1].p_type = PT_NULL;
	refused(r, ELF_SIZE, "PVH");
	phdr(r)[1].p_filesz = UINT64_MAX;
	refused(r, ELF_SIZE, "notes");
	phdr(r)[1].p_filesz = 19;
	refused(r, ELF_SIZE, "PVH");
	phdr(r)[0].p_filesz = 2 * MIB;
	refused(r, ELF_SIZE, "damaged");
	phdr(r)[0].p_paddr = 0x1000;
	r->file[ELF_NOTES + 17] = 0x10;		/* entry within it */
	r->file[ELF_NOTES + 18] = r->file[ELF_NOTES + 19] = 0;
	refused(r, ELF_SIZE, "below 1 MiB");
	phdr(r)[0].p_paddr = UINT64_MAX - 0x100;
	refused(r, ELF_SIZE, "outside its segments");
	phdr(r)[0].p_memsz = 49 * MIB;
	refused(r, ELF_SIZE, "larger than the guest's memory");
	phdr(r)[0].p_memsz = UINT64_MAX;
	refused(r, ELF_SIZE, "larger than the guest's memory");
	phdr(r)[0].p_offset = ELF_SIZE;
	refused(r, ELF_SIZE, "truncated");
}

static void test_truncated_elfs(void **state)
{
	struct rig *r = *state;
	size_t size;

	elf(r);
	refused(r, 4, "truncated");
	refused(r, 5, "truncated");
	refused(r, 63, "truncated");
	for (size = 64; size < ELF_LOAD + 64 * KIB; size += 101)
		refused(r, size, "truncated");
}

static void test_initrd_that_does_not_fit(void **state)
{
	struct rig *r = *state;

	add_module(r, sizeof(r->initrd), NULL);
	bz(r)->init_size = 46 * MIB;
	refused(r, BZ_SIZE, "do not fit");
	bz(r)->init_size = 45 * MIB;		/* to the byte */
	assert_int_equal(boot(r, BZ_SIZE), 0);
	bz(r)->initrd_addr_max = 1 * MIB;
	refused(r, BZ_SIZE, "do not fit");
	phdr(r)[0].p_memsz = 46 * MIB;
	refused(r, ELF_SIZE, "do not fit");
}

static void test_one_initrd_only(void **state)
{
	struct rig *r = *state;

	add_module(r, 100, "string");
	bz(r);
	refused(r, BZ_SIZE, "string is for modules of Multiboot");
	elf(r);
	refused(r, ELF_SIZE, "string is for modules of Multiboot");
	r->module[0].string = NULL;
	assert_int_equal(boot(r, ELF_SIZE), 0);
	add_module(r, 100, NULL);
	refused(r, ELF_SIZE, "second initrd");
	bz(r);
	refused(r, BZ_SIZE, "second initrd");
}

static void test_files(void **state)
{
	struct rig *r = *state;
	struct image_file f;
	uint8_t c;

	assert_int_equal(image_open(&f, "--kernel", "/nonexistent", &r->e), -1);
	assert_non_null(strstr(r->e.text, "No such file"));
	assert_int_equal(image_open(&f, "--kernel", "/tmp", &r->e), -1);
	assert_int_equal(image_open(&f, "--kernel", "/dev/null", &r->e), -1);
	assert_non_null(strstr(r->e.text, "not a regular file"));
	make_file(&f, "--kernel", "xyz", 3);
	assert_int_equal(image_read(&f, 2, &c, 1, &r->e), 0);
	assert_int_equal(c, 'z');
	assert_int_equal(image_read(&f, 3, &c, 1, &r->e), -1);
	assert_int_equal(image_read(&f, UINT64_MAX, &c, 2, &r->e), -1);
	image_close(&f);
}

/* The size was right when the file was opened, and is no more. */
static void test_file_that_shrinks(void **state)
{
	struct rig *r = *state;
	struct image_file f;
	char path[64];
	int fd;

	make_file(&f, "--initrd", r->initrd, sizeof(r->initrd));
	assert_int_equal(image_read(&f, 5, r->initrd, 2 * MIB + 3, &r->e), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f.fd);
	fd = open(path, O_RDWR);
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(image_read(&f, 0, r->initrd, 2 * MIB, &r->e), -1);
	assert_non_null(strstr(r->e.text, "shrank"));
	assert_int_equal(r->e.class, VMM_ERR_INPUT);
	close(fd);
	image_close(&f);
}

static void test_mapped_copy_is_exact(void **state)
{
	struct rig *r = *state;
	uint8_t *copy = malloc(3 * MIB);
	struct image_file f;
	uint64_t seed = 3;
	size_t i;

	for (i = 0; i < sizeof(r->initrd); i++)
		r->initrd[i] = (uint8_t)test_random(&seed);
	make_file(&f, "--initrd", r->initrd, sizeof(r->initrd));
	for (i = 0; i < 20; i++) {
		memset(copy, 0, 3 * MIB);
		assert_int_equal(image_read(&f, 4090 + i, copy,
					    2 * MIB + i, &r->e), 0);
		assert_memory_equal(copy, r->initrd + 4090 + i, 2 * MIB + i);
		assert_int_equal(copy[2 * MIB + i], 0);
	}
	free(copy);
	image_close(&f);
}

static void test_flat(void **state)
{
	struct rig *r = *state;
	struct flat_image img = { .addr = 0x10000 };

	make_file(&img.file, "--flat", r->initrd, 64 * KIB);
	r->s.mode = MODE_LONG;
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), 0);
	assert_int_equal(*(uint8_t *)ram_at(&r->ram, GPA(0x1ffff), 1), 0x5a);
	img.addr = 0x8000;		/* over the page tables */
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), -1);
	r->s.mode = MODE_REAL;
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), 0);
	img.addr = 0x98000;		/* into the video hole */
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), -1);
	img.addr = UINT64_MAX - 16;
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), -1);
	img.addr = 64 * MIB - 64 * KIB;
	assert_int_equal(load_flat(&r->ram, &img, 1, &r->s, &r->e), 0);
	image_close(&img.file);
}

static void test_ram_map(void **state)
{
	struct guest_ram ram = {
		.host = (uint8_t *)0x10000000, .size = 5 * GIB,
		.low_end = 3 * GIB, .high_end = 6 * GIB,
	};
	struct e820_range map[E820_MAX];

	(void)state;
	assert_ptr_equal(ram_at(&ram, GPA(0x9ffff), 1),
			 ram.host + 0x9ffff);
	assert_null(ram_at(&ram, GPA(0x9ffff), 2));
	assert_null(ram_at(&ram, GPA(0xa0000), 1));
	ram.vga = true;
	assert_ptr_equal(ram_at(&ram, GPA(0x9ffff), 0x20002), ram.host + 0x9ffff);
	ram.vga = false;
	assert_null(ram_at(&ram, GPA(3 * GIB), 1));
	assert_null(ram_at(&ram, GPA(3 * GIB - 1), 2));
	assert_ptr_equal(ram_at(&ram, GPA(4 * GIB), 2 * GIB),
			 ram.host + 3 * GIB);
	assert_null(ram_at(&ram, GPA(4 * GIB), 2 * GIB + 1));
	assert_null(ram_at(&ram, GPA(UINT64_MAX), UINT64_MAX));
	assert_null(ram_at(&ram, GPA(0x1000), UINT64_MAX));
	assert_int_equal(boot_e820(&ram, map), 5);
	assert_int_equal(map[4].start, 4 * GIB);
}

static void test_bios_data(void **state)
{
	struct rig *r = *state;
	const uint8_t *bda = ram_at(&r->ram, GPA(0x400), 0x100);

	assert_int_equal(boot_bios_data(&r->ram, &r->e), 0);
	assert_int_equal(bda[0] | bda[1] << 8, 0x3f8);
	assert_int_equal(bda[14] | bda[15] << 8, 0x9fc0);
	assert_int_equal(bda[19] | bda[20] << 8, 639);
	assert_int_equal(*(uint8_t *)ram_at(&r->ram, GPA(0x9fc00), 1), 1);
}

static void test_ram_refusals(void **state)
{
	struct guest_ram ram;
	struct vmm_error e;

	(void)state;
	assert_int_equal(ram_create(&ram, 0, &e), -1);
	assert_int_equal(e.class, VMM_ERR_INPUT);
	assert_int_equal(ram_create(&ram, 1ull << 50, &e), -1);
	assert_int_equal(e.class, VMM_ERR_HOST);
	assert_non_null(strstr(e.text, "more than this host has"));
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bzimage_is_placed), T(test_bzimage_moves_where_it_fits),
		T(test_bad_bzimages), T(test_truncated_bzimages),
		T(test_pvh_is_placed), T(test_bad_elfs),
		T(test_truncated_elfs), T(test_initrd_that_does_not_fit),
		T(test_one_initrd_only), T(test_files), T(test_file_that_shrinks),
		T(test_mapped_copy_is_exact), T(test_flat), T(test_bios_data), T(test_ram_map),
		T(test_ram_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
