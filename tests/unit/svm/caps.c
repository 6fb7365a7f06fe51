/* SPDX-License-Identifier: MIT */
/* Discovery: what is accepted, what is refused, and in which words. */
#include "fixture.h"

static struct backend_caps caps;
static const char *why;

static int set_up(void **state)
{
	(void)state;
	sim_reset();
	sim_svm_reset(EDX_FULL);
	why = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	svm_backend.cpus_release();
	assert_true(sim_clean());
	return 0;
}

static int probe(void)
{
	return svm_backend.probe(&caps, &why);
}

static void refused(int error, const char *word)
{
	assert_int_equal(probe(), error);
	assert_non_null(why);
	if (!strstr(why, word))
		fail_msg("\"%s\" doesn't name \"%s\"", why, word);
}

static void test_a_full_cpu_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	assert_null(why);
	assert_true(caps.unrestricted_guest && caps.s2_2m && caps.s2_1g && caps.tpr_virtual &&
		    caps.s2_accessed_dirty && caps.nmi_window && caps.rdtscp);
	assert_true(svm_features.nrips && svm_features.clean &&
		    svm_features.flush_by_asid && svm_features.decode_assists &&
		    svm_features.pause_filter && !svm_features.pause_threshold);
	assert_int_equal(svm_features.asids, SIM_ASIDS);
	assert_int_equal(svm_features.phys_bits, 48);
	assert_false(svm_features.tcg);
}

static void test_nested_paging_alone_is_enough(void **state)
{
	(void)state;
	sim_set_cpuid(0x8000000a, 0, 1, SIM_ASIDS, 0, EDX_NP);
	sim_set_cpuid(0x80000001, 0, 0, 0, 4, 0x20000000);
	assert_int_equal(probe(), 0);
	assert_false(caps.s2_1g || caps.rdtscp || svm_features.nrips ||
		     svm_features.clean || svm_features.flush_by_asid);
}

static void test_another_vendor_is_passed_over_without_a_word(void **state)
{
	(void)state;
	sim_set_cpuid(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
	assert_int_equal(probe(), ERR_NOTSUP);
	assert_null(why);
}

static void test_hygon_is_welcome(void **state)
{
	(void)state;
	sim_set_cpuid(0, 0, 0xd, 0x6f677948, 0x656e6975, 0x6e65476e);
	assert_int_equal(probe(), 0);
}

static void test_no_svm(void **state)
{
	(void)state;
	sim_set_cpuid(0x80000001, 0, 0, 0, 0, 0x20000000);
	refused(ERR_NOTSUP, "CPUID 8000_0001 ECX.SVM");
}

static void test_disabled_by_firmware(void **state)
{
	(void)state;
	sim_set_msr(MSR_VM_CR, VM_CR_SVMDIS | VM_CR_LOCK);
	refused(ERR_NOTSUP, "VM_CR.SVMDIS");
	assert_null(strstr(why, "key"));
	sim_set_cpuid(0x8000000a, 0, 1, SIM_ASIDS, 0, EDX_FULL | BIT(2));
	refused(ERR_NOTSUP, "locked with a key");
	/* SVMDIS decides, LOCK alone is how firmware leaves SVM on. */
	sim_set_msr(MSR_VM_CR, VM_CR_LOCK);
	assert_int_equal(probe(), 0);
}

static void test_no_nested_paging(void **state)
{
	(void)state;
	sim_set_cpuid(0x8000000a, 0, 1, SIM_ASIDS, 0, EDX_FULL & ~EDX_NP);
	refused(ERR_NOTSUP, "EDX.NP");
}

static void test_no_svm_leaf(void **state)
{
	(void)state;
	sim_set_cpuid(0x80000000, 0, 0x80000008, 0, 0, 0);
	refused(ERR_NOTSUP, "8000_000A");
}

static void test_in_use(void **state)
{
	(void)state;
	sim_set_msr(MSR_EFER, sim_msr(MSR_EFER) | EFER_SVME);
	refused(ERR_BUSY, "EFER.SVME");
}

static void test_five_level_host(void **state)
{
	(void)state;
	sim.cr4 |= CR4_LA57;
	refused(ERR_NOTSUP, "no5lvl");
}

static void test_no_asid_for_guests(void **state)
{
	(void)state;
	sim_set_cpuid(0x8000000a, 0, 1, 1, 0, EDX_FULL);
	refused(ERR_NOTSUP, "ASID");
}

static void test_no_memory_leaks_nothing(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(probe(), 0);
	for (i = 1; i <= 2; i++) {	/* the permission maps */
		sim.fail_alloc = i;
		assert_int_equal(svm_backend.cpu_prepare(3), ERR_NOMEM);
		assert_true(sim_clean());
	}
	for (i = 3; i <= 5; i++) {
		svm_backend.cpus_release();
		sim.fail_alloc = i;
		assert_int_equal(svm_backend.cpu_prepare(3), ERR_NOMEM);
	}
	sim.fail_alloc = 0;
	assert_int_equal(svm_backend.cpu_prepare(3), 0);
	assert_int_equal(svm_backend.cpu_prepare(3), 0);
	assert_int_equal(svm_backend.cpu_prepare(1u << 20), ERR_2BIG);
}

static void test_a_cpu_that_someone_else_uses(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(svm_backend.cpu_prepare(0), 0);
	sim_set_msr(MSR_EFER, sim_msr(MSR_EFER) | EFER_SVME);
	assert_int_equal(svm_backend.cpu_enable(), ERR_BUSY);
	svm_backend.cpu_disable();
	assert_true(sim_msr(MSR_EFER) & EFER_SVME);	/* not ours to turn off */
}

static void test_enable_and_disable(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(svm_backend.cpu_enable(), ERR_NOMEM);	/* not prepared */
	assert_int_equal(svm_backend.cpu_prepare(0), 0);
	assert_int_equal(svm_backend.cpu_enable(), 0);
	assert_true(sim_msr(MSR_EFER) & EFER_SVME);
	assert_true(sim_msr(MSR_VM_HSAVE_PA));
	assert_int_equal(svm_backend.cpu_enable(), 0);	/* again: nothing */
	svm_backend.cpu_disable();
	assert_false(sim_msr(MSR_EFER) & EFER_SVME);
}

/* The last VM is gone, and another one comes: nothing is kept in between. */
static void test_release_and_again(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(probe(), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(svm_backend.cpu_prepare(0), 0);
		assert_int_equal(svm_backend.cpu_prepare(1), 0);
		assert_int_equal(svm_backend.cpu_enable(), 0);
		svm_backend.cpu_disable();
		svm_backend.cpus_release();
		assert_true(sim_clean());
	}
}

/* The map says for every MSR what the list says, and nothing beyond it is open. */
static void test_permission_maps(void **state)
{
	static const u32 open[] = {
		0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
		0xc0000100, 0xc0000101, 0xc0000102,
	};
	static const u32 bases[] = { 0, 0xc0000000, 0xc0010000 };
	const u8 *map, *ports;
	unsigned i, j, k, bit;

	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(svm_backend.cpu_prepare(0), 0);
	map = host_virt(svm_msrpm);
	ports = host_virt(svm_iopm);
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 0x2000; j++) {
			bool want = false;

			for (k = 0; k < sizeof(open) / sizeof(open[0]); k++)
				want |= open[k] == bases[i] + j;
			bit = 2 * (i * 0x2000 + j);
			assert_int_equal((map[bit / 8] >> (bit % 8)) & 3, want ? 0 : 3);
		}
	}
	for (i = 0; i < 65536 / 8 + 1; i++)
		assert_int_equal(ports[i], 0xff);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_full_cpu_is_accepted),
		T(test_nested_paging_alone_is_enough),
		T(test_another_vendor_is_passed_over_without_a_word),
		T(test_hygon_is_welcome),
		T(test_no_svm),
		T(test_disabled_by_firmware),
		T(test_no_nested_paging),
		T(test_no_svm_leaf),
		T(test_in_use),
		T(test_five_level_host),
		T(test_no_asid_for_guests),
		T(test_no_memory_leaks_nothing),
		T(test_a_cpu_that_someone_else_uses),
		T(test_enable_and_disable),
		T(test_release_and_again),
		T(test_permission_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
