/* SPDX-License-Identifier: MIT */
/* Exit qualifications, decoded into the neutral handlers' terms. */
#include "fixture.h"

#include "../../../engine/x86/task.h"

static void expect(const char *handler, u64 a, u64 b, u64 c)
{
	assert_non_null(seen.handler);
	assert_string_equal(seen.handler, handler);
	assert_int_equal(seen.a[0], a);
	assert_int_equal(seen.a[1], b);
	assert_int_equal(seen.a[2], c);
}

static void test_io(void **state)
{
	(void)state;
	run_to(REASON_IO, 0x00800000);			/* OUT 0x80, AL */
	expect("pio", 0x80, 1, 0);
	run_to(REASON_IO, 0x0cfc0000 | BIT(3) | 3);	/* IN EAX, DX=0xcfc */
	expect("pio", 0xcfc, 4, 1);
	run_to(REASON_IO, 0xffff0000 | BIT(6) | 1);	/* OUT imm, AX */
	expect("pio", 0xffff, 2, 0);
	run_to(REASON_IO, 0x01f00000 | BIT(5) | BIT(4) | BIT(3) | 1); /* REP INSW */
	expect("string pio", 0x1f0, 2, 1);
	run_to(REASON_IO, 0x03f80000 | BIT(4));		/* OUTSB */
	expect("string pio", 0x3f8, 1, 0);
	assert_int_equal(v->exit.qual, 0x03f80000 | BIT(4));
}

static void test_control_registers(void **state)
{
	(void)state;
	run_to(REASON_CR_ACCESS, 0xb00);
	expect("mov to cr", 0, 11, 0);
	run_to(REASON_CR_ACCESS, 0x418);
	expect("mov from cr", 8, 4, 0);
	run_to(REASON_CR_ACCESS, 0x20);
	expect("clts", 0, 0, 0);
	run_to(REASON_CR_ACCESS, 0x30 | 0xfff10000);
	expect("lmsw", 0xfff1, 0, 0);
}

static void test_debug_registers(void **state)
{
	(void)state;
	run_to(REASON_DR_ACCESS, 0x307);
	expect("mov dr", 7, 3, 1);
	run_to(REASON_DR_ACCESS, 0xf16);
	expect("mov dr", 6, 15, 0);
}

static void ept_violation(struct vcpu *c)
{
	(void)c;
	sim_vmx_exit(REASON_EPT_VIOLATION, BIT(8) | BIT(7) | 2);
	SET_FIELD(GUEST_PHYSICAL_ADDRESS, 0xfee00300);
	SET_FIELD(GUEST_LINEAR_ADDRESS, 0xffffffffff5fd300);
}

static void test_ept_violation(void **state)
{
	(void)state;
	sim_vmx.guest = ept_violation;
	vmx_backend.enter(v);
	vmx_backend.handle_exit(v);
	expect("s2 fault", 0xfee00300, MEM_WRITE, EXIT_GLA);
	assert_true(seen.a[3] == 0xffffffffff5fd300);
	/* The fault of a page walk tells no address of the access's own. */
	run_to(REASON_EPT_VIOLATION, BIT(7) | 3);
	expect("s2 fault", 0xfee00300, MEM_READ | MEM_WRITE, 0);
}

static void test_ept_misconfiguration_shows_its_entries(void **state)
{
	(void)state;
	SET_FIELD(GUEST_PHYSICAL_ADDRESS, 0x7000);
	assert_int_equal(run_to(REASON_EPT_MISCONFIG, 0), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_INTERNAL);
	assert_int_equal(v->uexit.internal.ndata, 3);
	assert_int_equal(v->uexit.internal.data[0], 0x7000);
	assert_int_equal(v->uexit.internal.data[2], 0x2002);
	assert_non_null(strstr(sim.log, "EPT misconfiguration at 7000"));
}

static void test_instructions_of_vmx_are_undefined(void **state)
{
	static const u8 reasons[] = {
		REASON_VMCLEAR, REASON_VMLAUNCH, REASON_VMPTRLD, REASON_VMPTRST,
		REASON_VMREAD, REASON_VMRESUME, REASON_VMWRITE, REASON_VMXOFF,
		REASON_VMXON, REASON_INVEPT, REASON_INVVPID, REASON_VMFUNC, REASON_GETSEC,
		REASON_RSM,
	};
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(reasons); i++) {
		run_to(reasons[i], 0);
		expect("undefined", 0, 0, 0);
	}
}

static void test_the_rest_goes_where_it_belongs(void **state)
{
	static const struct { u8 reason; const char *handler; } exits[] = {
		{ REASON_CPUID, "cpuid" }, { REASON_HLT, "hlt" },
		{ REASON_VMCALL, "hypercall" }, { REASON_RDMSR, "rdmsr" },
		{ REASON_WRMSR, "wrmsr" }, { REASON_XSETBV, "xsetbv" },
		{ REASON_RDPMC, "rdpmc" }, { REASON_WBINVD, "nop" }, { REASON_INVD, "nop" },
		{ REASON_PAUSE, "nop" }, { REASON_MONITOR, "nop" }, { REASON_MWAIT, "nop" },
		{ REASON_TRIPLE_FAULT, "triple fault" },
		{ REASON_TPR_BELOW_THRESHOLD, "tpr" },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(exits); i++) {
		run_to(exits[i].reason, 0);
		assert_non_null(seen.handler);
		assert_string_equal(seen.handler, exits[i].handler);
	}
	run_to(REASON_RDTSCP, 0);
	expect("rdtsc", 1, 0, 0);
	run_to(REASON_TASK_SWITCH, BIT(31) | 0x28);
	expect("task switch", TASK_JMP, 0x28, 0);
	run_to(REASON_EXTERNAL_INTERRUPT, 0);
	assert_null(seen.handler);
}

static void test_what_is_not_handled_says_its_name(void **state)
{
	(void)state;
	assert_int_equal(run_to(REASON_XSAVES, 0), ACT_USER);
	assert_string_equal(seen.handler, "XSAVES");
	assert_int_equal(run_to(71, 0), ACT_USER);
	assert_string_equal(seen.handler, "unknown exit reason");
	assert_int_equal(run_to(0x7fff, 0), ACT_USER);	/* beyond the counters */
	assert_true(v->exit.reason < EXIT_REASONS);
}

static u32 intr_info;

static void exception(struct vcpu *c)
{
	(void)c;
	sim_vmx_exit(REASON_EXCEPTION_NMI, BIT(14) | 1);
	SET_FIELD(EXIT_INTR_INFO, intr_info);
	SET_FIELD(EXIT_ERROR_CODE, 0);
	SET_FIELD(EXIT_INSN_LEN, 1);
}

static void take_exception(u32 info)
{
	intr_info = info;
	sim_vmx.guest = exception;
	memset(&seen, 0, sizeof(seen));
	vmx_backend.enter(v);
	vmx_backend.handle_exit(v);
}

static void test_debug_exception_updates_dr6_and_dr7(void **state)
{
	(void)state;
	v->dr7 = 0x2401;	/* GD */
	v->dr6 = 0xffff0ff0 | BIT(2);
	vmx_backend.set_debug(v);
	take_exception(BIT(31) | 3 << 8 | VEC_DB);
	assert_string_equal(seen.handler, "reflect");
	assert_int_equal(seen.event.type, EVENT_EXCEPTION);
	assert_int_equal(seen.event.vector, VEC_DB);
	assert_int_equal(v->dr6, 0xffff0ff0 | BIT(14) | 1);
	assert_int_equal(v->dr7, 0x401);
	FIELD_IS(GUEST_DR7, 0x401);
}

static void test_alignment_check_is_reflected_with_its_error(void **state)
{
	(void)state;
	take_exception(BIT(31) | BIT(11) | 3 << 8 | VEC_AC);
	assert_int_equal(seen.event.vector, VEC_AC);
	assert_true(seen.event.has_error);
	assert_int_equal(seen.event.error, 0);
}

static void test_icebp_keeps_its_kind(void **state)
{
	(void)state;
	take_exception(BIT(31) | 5 << 8 | VEC_DB);
	assert_null(seen.handler);
	assert_int_equal(v->exception.type, EVENT_PRIV_SOFT_EXC);
	assert_int_equal(v->exception.insn_len, 1);
	assert_true(v->requests & REQ_EVENT);
}

static void test_failed_entries_are_reported(void **state)
{
	(void)state;
	sim_vmx.fail_entry = 7;
	vmx_backend.enter(v);
	assert_int_equal(v->exit.reason, EXIT_VMFAIL);
	assert_int_equal(vmx_backend.handle_exit(v), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_FAIL_ENTRY);
	assert_int_equal(v->uexit.fail_entry.insn_error, 7);
	assert_non_null(strstr(sim.log, "invalid control field"));
	sim_vmx.fail_entry = 0;
	SET_FIELD(LINK_POINTER, 0);	/* an invalid guest state */
	vmx_backend.enter(v);
	assert_int_equal(v->exit.reason, REASON_ENTRY_GUEST_STATE);
	assert_int_equal(vmx_backend.handle_exit(v), ACT_USER);
	assert_int_equal(v->uexit.fail_entry.reason, BIT(31) | 33);
	assert_int_equal(v->uexit.fail_entry.insn_error, 0);
}

static void test_vmfail_texts(void **state)
{
	(void)state;
	assert_non_null(strstr(vmx_insn_error_text(0), "VMfailInvalid"));
	assert_non_null(strstr(vmx_insn_error_text(8), "host-state"));
	assert_non_null(strstr(vmx_insn_error_text(14), "unknown"));
	assert_non_null(strstr(vmx_insn_error_text(1000), "unknown"));
	assert_non_null(strstr(vmx_abort_text(4), "host MSRs"));
}

/* It may be the other vendor's hypercall, under the policy's trap or not. */
static void test_undefined_is_looked_at(void **state)
{
	(void)state;
	assert_true(sim_vmcs_get(SIM_FIELD(EXCEPTION_BITMAP)) & BIT(VEC_UD));
	take_exception(BIT(31) | 3 << 8 | VEC_UD);
	assert_string_equal(seen.handler, "ud");
	assert_int_equal(vmx_backend.trap_of(v), 0);
	v->traps.instructions = TRAP_VMCALL;
	assert_int_equal(vmx_backend.trap_of(v), TRAP_VMCALL);
	v->traps.instructions = 0;
}

static void tell(void *ctx, const char *name, u64 value)
{
	assert_string_equal(name, "VMX abort indicator");
	*(u64 *)ctx = value;
}

/* Whoever looks from another CPU is told, and so is the log when the VMCS goes. */
static void test_vmx_abort(void **state)
{
	u64 told = 0;

	(void)state;
	vmx_backend.describe_vcpu(v, tell, &told);
	assert_int_equal(told, 0);
	assert_null(strstr(sim.log, "VMX abort"));
	x.vmcs.region->abort = 2;
	vmx_backend.describe_vcpu(v, tell, &told);
	assert_int_equal(told, 2);
	assert_non_null(strstr(sim.log, "page-directory-pointer"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_io),
		T(test_control_registers),
		T(test_debug_registers),
		T(test_ept_violation),
		T(test_ept_misconfiguration_shows_its_entries),
		T(test_instructions_of_vmx_are_undefined),
		T(test_the_rest_goes_where_it_belongs),
		T(test_what_is_not_handled_says_its_name),
		T(test_debug_exception_updates_dr6_and_dr7),
		T(test_alignment_check_is_reflected_with_its_error),
		T(test_icebp_keeps_its_kind),
		T(test_failed_entries_are_reported),
		cmocka_unit_test(test_vmfail_texts),
		T(test_vmx_abort),
		T(test_undefined_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
