/* SPDX-License-Identifier: MIT */
/* What libvmm says when the accelerator is none, and counters from a file. */
#include <unistd.h>

#include "lib/libvmm.h"
#include "test.h"

int report(const struct vmm_error *e);
int report(const struct vmm_error *e) { (void)e; return 1; }

static void test_no_accelerator(void **state)
{
	static const char *const paths[] = {
		"/dev/vmm/ctl-absent", "/dev/null", "/etc/passwd", "/",
	};
	struct vmm_accel a;
	struct vmm_error e;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		memset(&e, 0, sizeof(e));
		assert_int_equal(vmm_accel_open(&a, paths[i], &e), -1);
		assert_int_equal(e.class, VMM_ERR_HOST);
		assert_non_null(strstr(e.text, paths[i]));
		assert_int_equal(a.fd, -1);
	}
}

static void test_module_not_loaded_is_said(void **state)
{
	struct vmm_accel a;
	struct vmm_error e;

	(void)state;
	if (!access(VMM_DEFAULT_ACCEL, F_OK))
		return;		/* it is loaded here: nothing to say */
	assert_int_equal(vmm_accel_open(&a, VMM_DEFAULT_ACCEL, &e), -1);
	assert_non_null(strstr(e.text, "vmm.ko"));
}

/* A kernel side without any counters. */
static void test_no_counters(void **state)
{
	struct vmm_tally t = { 0 };
	struct vmm_vcpu vcpu = { .fd = -1 };
	struct vmm_accel a = { .fd = -1 };

	(void)state;
	assert_int_equal(vmm_tally_vcpu(&t, &vcpu), 0);
	assert_int_equal(vmm_tally_accel(&t, &a), 0);
	assert_null(t.source);
	vmm_tally_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_accelerator),
		cmocka_unit_test(test_module_not_loaded_is_said),
		cmocka_unit_test(test_no_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
