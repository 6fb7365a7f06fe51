/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "vellum/cpuid.h"

DEFINE_REPORT

struct table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 e[8 + CPUID_SPARE];
};

static struct table *intel(void)
{
	struct table *t = calloc(1, sizeof(*t));
	static const struct kvm_cpuid_entry2 e[] = {
		{ .function = 0, .eax = 0xd, .ebx = 0x756e6547 },
		{ .function = 1, .ebx = 0x0710aabb, .edx = 1u << 28 },
		{ .function = 0xb, .index = 0, .eax = 7 },
		{ .function = 0xb, .index = 1, .eax = 7 },
		{ .function = 0x15, .eax = 2, .ebx = 300, .ecx = 24000000 },
		{ .function = 0x40000000, .eax = 0x40000001 },
	};

	memcpy(t->e, e, sizeof(e));
	t->head.nent = ARRAY_SIZE(e);
	return t;
}

static struct kvm_cpuid_entry2 *leaf(struct table *t, uint32_t function,
				     uint32_t index)
{
	unsigned int i;

	for (i = 0; i < t->head.nent; i++)
		if (t->e[i].function == function && t->e[i].index == index)
			return &t->e[i];
	return NULL;
}

static void test_one_cpu(void **state)
{
	struct table *t = intel();
	struct cpuid_config c = {
		.index = 0, .cpus = 1, .tsc_khz = 100000, .tsc_deadline = true,
	};

	(void)state;
	cpuid_fix(&t->head, &c);
	assert_int_equal(leaf(t, 1, 0)->ebx, 0x0001aabb);
	assert_int_equal(leaf(t, 1, 0)->ecx, 1u << 31 | 1u << 24);
	assert_int_equal(leaf(t, 1, 0)->edx, 0);
	assert_int_equal(leaf(t, 0, 0)->eax, 0x16);
	assert_int_equal(leaf(t, 0x16, 0)->eax, 100);
	assert_int_equal(leaf(t, 0x15, 0)->ebx, 0);
	free(t);
}

static void test_topology(void **state)
{
	struct cpuid_config c = { .cpus = 6 };

	(void)state;
	for (c.index = 0; c.index < c.cpus; c.index++) {
		struct table *t = intel();

		cpuid_fix(&t->head, &c);
		assert_int_equal(leaf(t, 1, 0)->ebx >> 24, c.index);
		assert_int_equal(leaf(t, 1, 0)->ebx >> 16 & 0xff, 6);
		assert_int_equal(leaf(t, 1, 0)->edx, 1u << 28);
		assert_int_equal(leaf(t, 0xb, 0)->edx, c.index);
		assert_int_equal(leaf(t, 0xb, 0)->ebx, 1);
		assert_int_equal(leaf(t, 0xb, 0)->ecx, 0x100);
		assert_int_equal(leaf(t, 0xb, 1)->eax, 3);
		assert_int_equal(leaf(t, 0xb, 1)->ebx, 6);
		assert_int_equal(leaf(t, 0xb, 1)->ecx, 0x201);
		free(t);
	}
}

static void test_other_vendor_and_unknown_rate(void **state)
{
	struct cpuid_config c = { .cpus = 1, .tsc_khz = 2000000 };
	struct table *t = intel();

	(void)state;
	t->e[0].ebx = 0x68747541;	/* "Auth" */
	cpuid_fix(&t->head, &c);
	assert_int_equal(leaf(t, 0, 0)->eax, 0xd);
	assert_null(leaf(t, 0x16, 0));
	free(t);

	t = intel();
	t->head.nent--;			/* no hypervisor leaf */
	c.tsc_khz = 0;
	cpuid_fix(&t->head, &c);
	assert_null(leaf(t, 0x16, 0));
	assert_int_equal(leaf(t, 1, 0)->ecx, 0);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_cpu),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_other_vendor_and_unknown_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
