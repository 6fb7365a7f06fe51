/* SPDX-License-Identifier: MIT */
/* Multiboot kernels: what each becomes, what it is told, what is refused. */
#include "kernels.h"

DEFINE_REPORT

struct rig {
	struct guest_ram ram;
	struct kernel_boot b;
	struct boot_module module[3];
	struct boot_state s;
	struct vmm_error e;
	_Alignas(16) uint8_t file[ELF_SIZE];
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(ram_create(&r->ram, 64 * MIB, &r->e), 0);
	r->b.kernel.fd = -1;
	r->b.module = r->module;
	r->b.cmdline = "quiet";
	r->b.words = "a=b c";
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	image_close(&r->b.kernel);
	for (i = 0; i < r->b.n_modules; i++)
		image_close(&r->module[i].file);
	ram_destroy(&r->ram);
	free(r);
	return 0;
}

static int boot_size(struct rig *r, size_t size)
{
	image_close(&r->b.kernel);
	make_file(&r->b.kernel, "--kernel", r->file, size);
	memset(&r->e, 0, sizeof(r->e));
	return boot_kernel(&r->ram, &r->b, &r->s, &r->e);
}

static void taken(struct rig *r)
{
	if (boot_size(r, MB_SIZE))
		fail_msg("%s", r->e.text);
}

static void refused_size(struct rig *r, size_t size, const char *why)
{
	assert_int_equal(boot_size(r, size), -1);
	assert_int_equal(r->e.class, VMM_ERR_INPUT);
	assert_non_null(strstr(r->e.text, "FILE"));
	if (!strstr(r->e.text, why))
		fail_msg("\"%s\" not in \"%s\"", why, r->e.text);
	assert_null(strchr(r->e.text, '\n'));
}

static void refused(struct rig *r, const char *why)
{
	refused_size(r, MB_SIZE, why);
}

static const uint32_t *at(struct rig *r, uint64_t gpa)
{
	const uint32_t *p = ram_at(&r->ram, GPA(gpa), 128);

	assert_non_null(p);
	return p;
}

static void check_started(struct rig *r)
{
	assert_true(r->s.multiboot);
	assert_int_equal(r->s.mode, MODE_PROTECTED);
	assert_int_equal(r->s.rax, 0x2badb002);
	assert_int_equal(r->s.rip, MB_ENTRY);
	assert_int_equal(*at(r, MB_PADDR + MB_BYTES - 4), 0x90909090);
	assert_int_equal(*at(r, MB_PADDR + MB_BYTES), 0);
	/* a code segment for CS as it is, in a GDT that is there */
	assert_int_equal(at(r, BOOT_GDT + SEL_CODE32)[1], 0x00cf9b00);
}

static void test_formats(void **state)
{
	struct rig *r = *state;

	make_mb_addresses(r->file);
	taken(r);
	check_started(r);
	make_mb_elf32(r->file);
	taken(r);
	check_started(r);
	make_mb_elf64(r->file);
	taken(r);
	check_started(r);
	/* loaders know 64-bit code in ELF files of 32 bits, too */
	make_mb_elf32(r->file);
	((Elf32_Ehdr *)r->file)->e_machine = EM_X86_64;
	taken(r);
	/* addresses in the header go before those of the ELF file */
	make_mb_addresses(r->file);
	memcpy(r->file, ELFMAG, 4);
	taken(r);
	check_started(r);
}

static void test_no_ends_in_the_header(void **state)
{
	struct rig *r = *state;

	make_mb_addresses(r->file);
	mb_header(r->file)[5] = mb_header(r->file)[6] = 0;
	taken(r);
	/* all of the file, and the header where it said */
	assert_int_equal(*at(r, MB_PADDR + MB_SIZE - MB_LOAD - 128), 0x90909090);
	assert_int_equal(*at(r, MB_PADDR + MB_AT - MB_LOAD), 0x1badb002);
}

static void test_information(void **state)
{
	struct rig *r = *state;
	const uint32_t *info, *map;

	make_mb_elf32(r->file);
	taken(r);
	info = at(r, r->s.rbx);
	assert_int_equal(info[0], 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	assert_int_equal(info[1], 0x9fc00 / 1024);
	assert_int_equal(info[2], 63 * 1024);
	assert_string_equal(at(r, info[4]), "FILE a=b c");
	assert_int_equal(info[5], 0);
	assert_string_equal(at(r, info[16]), "Vellum");
	assert_int_equal(info[11], 4 * 24);
	map = at(r, info[12]);
	assert_int_equal(map[0], 20);		/* size of what follows */
	assert_int_equal(map[1], 0);
	assert_int_equal(map[3], 0x9fc00);
	assert_int_equal(map[5], 1);
	map += 3 * 6;
	assert_int_equal(map[1], 0x100000);
	assert_int_equal(map[3], 63 * MIB);
	r->b.words = "";
	taken(r);
	assert_string_equal(at(r, at(r, r->s.rbx)[4]), "FILE");
}

static void add_module(struct rig *r, const char *text, const char *string)
{
	struct boot_module *m = &r->module[r->b.n_modules++];

	make_file(&m->file, "--initrd", text, strlen(text));
	m->string = string;
}

static void test_modules(void **state)
{
	struct rig *r = *state;
	const uint32_t *info, *mod;

	make_mb_elf32(r->file);
	add_module(r, "first", "one 1");
	add_module(r, "second", NULL);
	taken(r);
	info = at(r, r->s.rbx);
	assert_int_equal(info[5], 2);
	mod = at(r, info[6]);
	assert_int_equal(mod[0], MB_PADDR + MB_MEMORY);
	assert_int_equal(mod[1], mod[0] + 5);
	assert_memory_equal(at(r, mod[0]), "first", 5);
	assert_string_equal(at(r, mod[2]), "one 1");
	assert_int_equal(mod[3], 0);
	assert_int_equal(mod[4], MB_PADDR + MB_MEMORY + 4096);
	assert_memory_equal(at(r, mod[4]), "second", 6);
	assert_string_equal(at(r, mod[6]), "FILE");
}

static void test_modules_that_do_not_fit(void **state)
{
	static char big[70000];
	struct rig *r = *state;

	make_mb_elf32(r->file);
	((Elf32_Phdr *)(r->file + 52))[1].p_memsz = 60 * MIB;	/* to the end */
	taken(r);
	add_module(r, "first", NULL);
	refused(r, "do not fit into the guest's memory");
	((Elf32_Phdr *)(r->file + 52))[1].p_memsz = 60 * MIB - 4096;
	taken(r);
	add_module(r, "second", NULL);
	refused(r, "do not fit into the guest's memory");
	((Elf32_Phdr *)(r->file + 52))[1].p_memsz = MB_MEMORY;
	memset(big, 'x', sizeof(big) - 1);
	r->module[1].string = big;
	refused(r, "shorten");
	r->module[1].string = NULL;
	r->b.words = big;
	refused(r, "shorten");
}

static void test_order(void **state)
{
	struct rig *r = *state;

	make_vmlinux(r->file);
	memcpy(r->file + 0x800, (uint32_t[]){ 0x1badb002, 0, -0x1badb002u }, 12);
	assert_int_equal(boot_size(r, ELF_SIZE), 0);
	assert_false(r->s.multiboot);
	assert_int_equal(r->s.rip, ELF_ENTRY);
	((Elf64_Ehdr *)r->file)->e_entry = ELF_ENTRY;
	((Elf64_Phdr *)(r->file + 64))[1].p_type = PT_NULL;	/* no PVH note */
	assert_int_equal(boot_size(r, ELF_SIZE), 0);
	assert_true(r->s.multiboot);

	make_bzimage(r->file);
	mb_flags(r->file, 0);
	assert_int_equal(boot_size(r, BZ_SIZE), 0);
	assert_false(r->s.multiboot);
	/* a bzImage of 32 bits can't be started, but by its other header */
	make_mb_addresses(r->file);
	*(uint16_t *)(r->file + 0x1fe) = 0xaa55;
	memcpy(r->file + 0x202, "HdrS", 4);
	*(uint16_t *)(r->file + 0x206) = 0x20f;
	*(uint16_t *)(r->file + 0x236) = 0;			/* xloadflags */
	taken(r);
	assert_true(r->s.multiboot);
}

static void test_header(void **state)
{
	struct rig *r = *state;

	make_mb_elf32(r->file);
	mb_header(r->file)[2]++;
	refused(r, "Multiboot");
	make_mb_elf32(r->file);
	mb_flags(r->file, 4);
	refused(r, "video");
	mb_flags(r->file, 0x8003);
	refused(r, "flags 0x8003");
	/* above bit 15 they are no requirements */
	mb_flags(r->file, 0x80000003);
	taken(r);

	/* in the first 8 KiB, at a multiple of four, all of it */
	make_mb_elf32(r->file);
	memset(mb_header(r->file), 0, 12);
	memcpy(r->file + 8180, (uint32_t[]){ 0x1badb002, 0, -0x1badb002u }, 12);
	taken(r);
	memset(r->file + 8180, 0, 12);
	memcpy(r->file + 8184, (uint32_t[]){ 0x1badb002, 0, -0x1badb002u }, 12);
	refused(r, "Multiboot");
	memset(r->file + 8184, 0, 12);
	memcpy(r->file + 0x1002, (uint32_t[]){ 0x1badb002, 0, -0x1badb002u }, 12);
	refused(r, "Multiboot");

	make_mb_addresses(r->file);
	refused_size(r, MB_AT + 20, "Multiboot");
	make_mb_addresses(r->file);
	mb_flags(r->file, 3);
	refused(r, "no ELF file");
	memcpy(r->file, "\x1f\x8b", 2);
	mb_flags(r->file, 0);
	mb_header(r->file)[2] = 0;
	refused(r, "gzip");
}

static void change(struct rig *r, unsigned int field, uint32_t value,
		   const char *why)
{
	make_mb_addresses(r->file);
	mb_header(r->file)[field] = value;
	refused(r, why);
}

static void test_bad_addresses(void **state)
{
	struct rig *r = *state;

	change(r, 3, MB_PADDR - 1, "header_addr 0x3fffff");
	change(r, 3, 0xffffffff, "load_addr");
	change(r, 3, MB_PADDR + MB_AT + 1, "load_addr");
	change(r, 4, 0, "load_addr 0");
	change(r, 5, MB_PADDR - 1, "load_end_addr below");
	change(r, 5, MB_PADDR + MB_SIZE, "truncated");
	change(r, 5, 0xffffffff, "truncated");
	change(r, 6, MB_PADDR + MB_BYTES - 1, "bss_end_addr below");
	change(r, 6, 0xffffffff, "larger than the guest's memory");
	change(r, 6, 64 * MIB + 1, "larger than the guest's memory");
	change(r, 7, MB_PADDR - 1, "entry 0x3fffff lies outside");
	change(r, 7, MB_PADDR + MB_BYTES, "outside");
	change(r, 7, 0, "outside");
}

static void move(struct rig *r, uint32_t to, uint32_t memory)
{
	uint32_t *h = mb_header(r->file), i;

	make_mb_addresses(r->file);
	for (i = 3; i < 8; i++)
		h[i] += to - MB_PADDR;
	h[6] = to + memory;
}

/* Low memory is free but for what the loader itself needs. */
static void test_low_memory(void **state)
{
	struct rig *r = *state;

	move(r, 0x600, MB_BYTES);
	taken(r);
	assert_int_equal(r->s.rip, 0x640);
	move(r, 0x5a7, MB_BYTES);
	refused(r, "boot information");
	move(r, 0, MB_BYTES);
	refused(r, "boot information");
	move(r, 0x7e000, MB_BYTES);
	taken(r);
	move(r, 0x7e000, MB_BYTES + 1);
	refused(r, "boot information");
	move(r, 0x10000, 0x100000);
	refused(r, "boot information");
	move(r, 0x90000, 0xfc00);
	taken(r);
	move(r, 0x90000, 0xfc01);
	refused(r, "boot information");
	move(r, 0xf0000, MB_BYTES);
	refused(r, "boot information");
	move(r, 0x100000 - MB_BYTES, MB_BYTES);
	refused(r, "boot information");
	move(r, 0xffffd000, 0x2fff);
	refused(r, "larger than the guest's memory");
}

static void test_bad_elfs(void **state)
{
	struct rig *r = *state;
	Elf32_Ehdr *h = (void *)r->file;
	Elf32_Phdr *p = (void *)(h + 1);
	Elf64_Ehdr *h64 = (void *)r->file;
	Elf64_Phdr *p64 = (void *)(h64 + 1);

#define BAD(make, what, why) (make(r->file), (what), refused(r, why))
	BAD(make_mb_elf32, h->e_ident[EI_CLASS] = 3, "e_ident");
	BAD(make_mb_elf32, h->e_ident[EI_DATA] = ELFDATA2MSB, "e_ident");
	BAD(make_mb_elf32, h->e_machine = EM_ARM, "e_machine");
	BAD(make_mb_elf64, h64->e_machine = EM_386, "e_machine");
	BAD(make_mb_elf32, h->e_type = ET_REL, "e_type");
	BAD(make_mb_elf32, h->e_phentsize = 56, "e_phentsize");
	BAD(make_mb_elf32, h->e_phnum = 0, "e_phnum");
	BAD(make_mb_elf32, h->e_phnum = 65, "e_phnum");
	BAD(make_mb_elf32, h->e_phoff = 0xffffffff, "truncated");
	BAD(make_mb_elf64, h64->e_phoff = UINT64_MAX - 8, "truncated");
	BAD(make_mb_elf32, p[1].p_type = PT_NULL, "outside");
	BAD(make_mb_elf32, h->e_entry = 0, "outside");
	BAD(make_mb_elf32, p[1].p_filesz = MB_MEMORY + 1, "damaged");
	BAD(make_mb_elf32, p[1].p_offset = 0xffffff00, "truncated");
	BAD(make_mb_elf32, p[1].p_memsz = 0xffffffff, "larger than");
	BAD(make_mb_elf32, p[1].p_paddr = 0xa0000, "boot information");
	BAD(make_mb_elf64, p64->p_memsz = UINT64_MAX, "larger than");
	BAD(make_mb_elf64, p64->p_vaddr = p64->p_paddr = 4 * GIB, "outside");
	BAD(make_mb_elf64, (p64->p_paddr = 4 * GIB, h64->e_entry = 0x80400040),
	    "outside");
	BAD(make_mb_elf64, (p64->p_paddr = 4 * GIB, h64->e_entry =
	    0xffffffff80400040), "larger than");
#undef BAD
}

static void test_truncated(void **state)
{
	struct rig *r = *state;
	size_t size;

	make_mb_elf32(r->file);
	for (size = MB_AT + 12; size < MB_LOAD + MB_BYTES; size += 61)
		refused_size(r, size, "truncated");
	make_mb_elf64(r->file);
	memset(mb_header(r->file), 0, 12);
	memcpy(r->file + 52, (uint32_t[]){ 0x1badb002, 0, -0x1badb002u }, 12);
	refused_size(r, 63, "truncated");
}

/* The second lies on the first: what it does not bring is zero all the same. */
static void test_segments_may_overlap(void **state)
{
	struct rig *r = *state;
	Elf32_Phdr *p = (void *)(r->file + 52);

	make_mb_elf32(r->file);
	p[0] = p[1];
	p[0].p_filesz = p[0].p_memsz;
	taken(r);
	assert_int_equal(*at(r, MB_PADDR + MB_BYTES), 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_formats), T(test_no_ends_in_the_header),
		T(test_information), T(test_modules),
		T(test_modules_that_do_not_fit), T(test_order),
		T(test_header), T(test_bad_addresses), T(test_low_memory),
		T(test_bad_elfs), T(test_truncated),
		T(test_segments_may_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
