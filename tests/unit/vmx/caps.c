/* SPDX-License-Identifier: MIT */
/* Discovery: what is accepted, what is refused, and in which words. */
#include "fixture.h"

#include "arch/insn.h"

#define MSR_BASIC	0x480
#define MSR_PROC	0x482
#define MSR_EXIT	0x483
#define MSR_ENTRY	0x484
#define MSR_PROC2	0x48b
#define MSR_EPT_VPID	0x48c
#define MSR_TRUE_PROC	0x48e
#define MSR_TRUE_EXIT	0x48f
#define MSR_TRUE_ENTRY	0x490

static struct backend_caps caps;
static const char *why;

static int set_up(void **state)
{
	(void)state;
	sim_reset();
	sim_vmx_reset();
	sim_set_msr(MSR_FEATURE_CONTROL, 5);
	why = NULL;
	return 0;
}

static int probe(void)
{
	return vmx_backend.probe(&caps, &why);
}

static void deny(u32 msr, u32 bit)
{
	sim_set_msr(msr, sim_msr(msr) & ~((u64)bit << 32 | bit));
}

static void refused(const char *word)
{
	assert_int_equal(probe(), ERR_NOTSUP);
	assert_non_null(why);
	if (!strstr(why, word))
		fail_msg("\"%s\" doesn't name \"%s\"", why, word);
}

static void test_a_full_cpu_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	assert_true(caps.unrestricted_guest && caps.s2_2m && caps.s2_1g &&
		    caps.s2_accessed_dirty && caps.tpr_virtual && caps.nmi_window &&
		    caps.rdtscp && caps.invpcid && caps.xsaves);
	assert_int_equal(vmx.revision, SIM_VMX_REVISION);
	assert_false(vmx.low_memory);
	assert_int_equal(vmx.ept_pointer, 6 | 3 << 3 | 1 << 6);
}

static void test_missing_ept_is_named(void **state)
{
	(void)state;
	deny(MSR_PROC2, PROC2_EPT);
	refused("\"enable EPT\"");
	refused("secondary processor-based");
}

static void test_missing_secondary_controls_are_named(void **state)
{
	(void)state;
	deny(MSR_PROC, PROC_SECONDARY);
	deny(MSR_TRUE_PROC, PROC_SECONDARY);
	refused("\"activate secondary controls\"");
}

static void test_ept_details_are_required(void **state)
{
	u64 cap = sim_msr(MSR_EPT_VPID);

	(void)state;
	sim_set_msr(MSR_EPT_VPID, cap & ~BIT(6));
	refused("bit 6");
	sim_set_msr(MSR_EPT_VPID, cap & ~BIT(14));
	refused("bit 14");
	sim_set_msr(MSR_EPT_VPID, cap & ~BIT(20));
	refused("INVEPT");
}

static void test_true_msrs_decide_where_they_exist(void **state)
{
	(void)state;
	/* The plain MSR says that CR3-load exiting is stuck at 1, the TRUE one not. */
	assert_int_equal(probe(), 0);
	assert_false(vmx.control[CTL_PROC] & PROC_CR3_LOAD);
	sim_set_msr(MSR_BASIC, sim_msr(MSR_BASIC) & ~BIT(55));
	assert_int_equal(probe(), 0);
	assert_true(vmx.control[CTL_PROC] & PROC_CR3_LOAD);
}

static void test_missing_true_msrs_are_not_read(void **state)
{
	(void)state;
	sim_set_msr(MSR_BASIC, sim_msr(MSR_BASIC) & ~BIT(55));
	sim_insn.msr_count -= 5;	/* the last ones: TRUE_*, VMFUNC */
	sim_set_msr(MSR_PROC2, sim_msr(MSR_PROC2) & ~BIT(13 + 32));
	assert_int_equal(probe(), 0);
	assert_int_equal(vmx.msr[CAP_TRUE_PROC], 0);
}

static void test_a_control_stuck_on_is_refused(void **state)
{
	(void)state;
	sim_set_msr(MSR_TRUE_EXIT, sim_msr(MSR_TRUE_EXIT) | EXIT_ACK_INTERRUPT);
	refused("can't switch off \"acknowledge interrupt on exit\"");
}

static void test_optional_controls_may_be_missing(void **state)
{
	(void)state;
	deny(MSR_PROC2, PROC2_UNRESTRICTED | PROC2_VPID | PROC2_RDTSCP | PROC2_INVPCID |
			PROC2_XSAVES | PROC2_WBINVD);
	deny(MSR_TRUE_PROC, PROC_TPR_SHADOW | PROC_MSR_BITMAPS);
	assert_int_equal(probe(), 0);
	assert_false(caps.unrestricted_guest || caps.tpr_virtual || caps.rdtscp ||
		     caps.invpcid || caps.xsaves);
}

static void test_one_side_of_efer_is_none(void **state)
{
	(void)state;
	deny(MSR_TRUE_ENTRY, ENTRY_LOAD_EFER);
	assert_int_equal(probe(), 0);
	assert_false(vmx.have & VMX_HAVE_EFER);
	assert_true(vmx.have & VMX_HAVE_PAT);
	assert_false(vmx.control[CTL_EXIT] & EXIT_LOAD_EFER);
}

static void test_vpid_without_invvpid_is_not_used(void **state)
{
	(void)state;
	sim_set_msr(MSR_EPT_VPID, sim_msr(MSR_EPT_VPID) & ~BIT(32));
	assert_int_equal(probe(), 0);
	assert_false(vmx.have & VMX_HAVE_VPID);
}

static void test_feature_control(void **state)
{
	(void)state;
	sim_set_msr(MSR_FEATURE_CONTROL, 1);
	refused("disabled by the firmware");
	sim_set_msr(MSR_FEATURE_CONTROL, 3);
	refused("SMX");
	sim_set_msr(MSR_FEATURE_CONTROL, 0);
	assert_int_equal(probe(), 0);
	/* Reading it does not lock it: that is for whoever uses it. */
	assert_int_equal(sim_msr(MSR_FEATURE_CONTROL), 0);
}

static void test_unlocked_is_set_and_locked_on_use(void **state)
{
	(void)state;
	sim_set_msr(MSR_FEATURE_CONTROL, 0);
	assert_int_equal(probe(), 0);
	assert_int_equal(vmx_backend.cpu_prepare(0), 0);
	assert_int_equal(vmx_backend.cpu_enable(), 0);
	assert_int_equal(sim_msr(MSR_FEATURE_CONTROL), 5);
	assert_true(sim.cr4 & CR4_VMXE);
	vmx_backend.cpu_disable();
	assert_false(sim.cr4 & CR4_VMXE);
	vmx_backend.cpus_release();
	assert_true(sim_clean());
}

static void test_vmx_in_use_is_busy(void **state)
{
	(void)state;
	assert_int_equal(vmx_backend.cpu_prepare(0), 0);
	sim.cr4 |= CR4_VMXE;
	assert_int_equal(probe(), ERR_BUSY);
	assert_non_null(strstr(why, "CR4.VMXE"));
	assert_int_equal(vmx_backend.cpu_enable(), ERR_BUSY);
	vmx_backend.cpus_release();
}

static void test_no_vmx_on_intel_says_so_on_others_not(void **state)
{
	(void)state;
	sim_set_cpuid(1, 0, 0, 0, 0, 0);
	refused("CPUID.1:ECX.VMX");
	sim_set_cpuid(0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
	why = NULL;
	assert_int_equal(probe(), ERR_NOTSUP);
	assert_null(why);
}

static void test_failed_allocations_leave_nothing(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(probe(), 0);
	for (n = 1; n <= 2; n++) {
		sim.fail_alloc = n;
		assert_int_equal(vmx_backend.cpu_prepare(0), ERR_NOMEM);
		vmx_backend.cpus_release();
		assert_true(sim_clean());
	}
	assert_int_equal(vmx_backend.cpu_prepare(VMX_CPUS), ERR_NOSPC);
}

#define T(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_full_cpu_is_accepted),
		T(test_missing_ept_is_named),
		T(test_missing_secondary_controls_are_named),
		T(test_ept_details_are_required),
		T(test_true_msrs_decide_where_they_exist),
		T(test_missing_true_msrs_are_not_read),
		T(test_a_control_stuck_on_is_refused),
		T(test_optional_controls_may_be_missing),
		T(test_one_side_of_efer_is_none),
		T(test_vpid_without_invvpid_is_not_used),
		T(test_feature_control),
		T(test_unlocked_is_set_and_locked_on_use),
		T(test_vmx_in_use_is_busy),
		T(test_no_vmx_on_intel_says_so_on_others_not),
		T(test_failed_allocations_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
