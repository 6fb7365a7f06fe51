/* SPDX-License-Identifier: MIT */
/*
 * Kernels with random damage: each is loaded or refused with a reason; what
 * this proves is that the sanitizers stay silent and nothing hangs.
 */
#include <fcntl.h>

#include "kernels.h"

DEFINE_REPORT

#define ROUNDS	20000

static uint64_t interesting(uint64_t *seed)
{
	static const uint64_t v[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x1000, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX,
	};
	uint64_t r = test_random(seed);

	return r & 1 ? v[(r >> 1) % ARRAY_SIZE(v)] : r >> 1;
}

/* One to four fields of 1 to 8 bytes within [from, from+len). */
static void damage(uint8_t *file, size_t from, size_t len, uint64_t *seed)
{
	unsigned int n = 1 + (test_random(seed) & 3);

	while (n--) {
		uint64_t v = interesting(seed);
		size_t size = 1u << (test_random(seed) & 3);
		size_t at = from + test_random(seed) % (len - 8);

		memcpy(file + at, &v, size);
	}
}

static void run(void (*make)(uint8_t *), size_t size, size_t from, size_t len)
{
	static _Alignas(16) uint8_t file[ELF_SIZE > BZ_SIZE ? ELF_SIZE : BZ_SIZE];
	struct guest_ram ram;
	struct boot_module module = { 0 };
	struct kernel_boot b = {
		.cmdline = "quiet", .words = "", .module = &module,
		.n_modules = 1,
	};
	struct boot_state s;
	struct vmm_error e;
	unsigned int i, good = 0, bad = 0;
	uint64_t seed = 20240607;

	assert_int_equal(ram_create(&ram, 32 * MIB, &e), 0);
	make_file(&module.file, "--initrd", "initrd", 6);
	make_file(&b.kernel, "--kernel", file, sizeof(file));
	for (i = 0; i < ROUNDS; i++) {
		char path[64];
		int fd;

		make(file);
		damage(file, from, len, &seed);
		/* the same file again: opening one per round is slow */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", b.kernel.fd);
		fd = open(path, O_RDWR);
		assert_true(fd >= 0);
		assert_true(pwrite(fd, file, size, 0) == (ssize_t)size);
		close(fd);
		b.kernel.size = size;
		if (test_random(&seed) % 8 == 0)
			b.kernel.size = test_random(&seed) % size;
		memset(&e, 0, sizeof(e));
		if (boot_kernel(&ram, &b, &s, &e)) {
			bad++;
			assert_int_equal(e.class, VMM_ERR_INPUT);
			assert_true(e.text[0]);
		} else {
			good++;
			assert_non_null(ram_at(&ram, GPA(s.rip), 1));
		}
	}
	assert_true(good > ROUNDS / 100 && bad > ROUNDS / 100);
	image_close(&b.kernel);
	image_close(&module.file);
	ram_destroy(&ram);
}

static void test_bzimage(void **state)
{
	(void)state;
	run(make_bzimage, BZ_SIZE, 0x1f1, sizeof(struct setup_header));
}

static void test_vmlinux(void **state)
{
	(void)state;
	run(make_vmlinux, ELF_SIZE, 0, 64 + 2 * 56);
}

static void test_notes(void **state)
{
	(void)state;
	run(make_vmlinux, ELF_SIZE, ELF_NOTES, 28);
}

static void test_multiboot(void **state)
{
	(void)state;
	run(make_mb_addresses, MB_SIZE, MB_AT - 16, 64);
	run(make_mb_elf32, MB_SIZE, 0, 52 + 2 * 32);
	run(make_mb_elf64, MB_SIZE, 0, 64 + 56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bzimage),
		cmocka_unit_test(test_vmlinux),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_multiboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
