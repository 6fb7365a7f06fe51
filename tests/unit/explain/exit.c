/* SPDX-License-Identifier: MIT */
/* Exits in words: each reason's qualification decoded. */
#include "fixture.h"

static struct explain_state state;

static void ask(uint64_t reason, uint64_t qualification)
{
	set(&state, F_EXIT_REASON, reason);
	set(&state, F_EXIT_QUALIFICATION, qualification);
	memset(&report, 0, sizeof(report));
	explain_exit(&state, &report);
}

static void says(const char *what)
{
	if (!strstr(report.exit, what))
		fail_msg("\"%s\" doesn't say \"%s\"", report.exit, what);
}

static int fresh(void **unused)
{
	(void)unused;
	base_state(&state, BASE_64);
	state.gpr_known = 0xffff;
	state.gpr[GPR_RAX] = 0x1122334455667788;
	state.gpr[GPR_RCX] = 0xc0000080;
	state.gpr[GPR_RDX] = 0xaabbccdd;
	return 0;
}

static void qualifications(void **unused)
{
	static const struct { unsigned reason; uint64_t qualification; const char *text; } cases[] = {
		{ 4, 0x9f, "code at 0x9f000" },
		{ 9, 0x40000018, "selector 0x18, by IRET" },
		{ 9, 0xc0000018, "task gate" },
		{ 10, 0, "Leaf 0x55667788" },
		{ 14, 0x7fff0000, "linear address 0x7fff0000" },
		{ 28, 0x0, "MOV to CR0 from RAX (0x1122334455667788)" },
		{ 28, 0x413, "MOV from CR3 to RSP" },
		{ 28, 0x20, "CLTS" },
		{ 28, 0x50030, "LMSW of 0x5 (register" },
		{ 29, 0x7, "MOV to DR7 from RAX" },
		{ 29, 0x116, "MOV from DR6 to RCX" },
		{ 30, 0x00800000, "OUT of 1 byte to port 0x80, value 0x88" },
		{ 30, 0x03f80008, "IN of 1 byte from port 0x3f8" },
		{ 30, 0x01f0003b, "REP INS (string) of 4 bytes from port 0x1f0" },
		{ 31, 0, "MSR 0xc0000080 (IA32_EFER)" },
		{ 32, 0, "value 0xaabbccdd55667788" },
		{ 36, 1, "was armed" },
		{ 44, 0x10b0, "a linear write at offset 0xb0" },
		{ 45, 0x31, "vector 49" },
		{ 48, 0x182, "A write at guest-physical 0xfee000b0 (linear 0xffffff" },
		{ 48, 0x84, "while the CPU walked the guest's page tables" },
		{ 48, 0x18a, "EPT allows only read there" },
		{ 49, 0, "illegal setting" },
		{ 56, 0x300, "offset 0x300" },
		{ 12, 0, "HLT" }, { 2, 0, "Triple fault" }, { 999, 0, "unknown to this program" },
	};
	unsigned i;

	(void)unused;
	set(&state, F_GUEST_PHYSICAL_ADDRESS, 0xfee000b0);
	set(&state, F_GUEST_LINEAR_ADDRESS, 0xffffffffff5fc0b0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask(cases[i].reason, cases[i].qualification);
		if (cases[i].reason == 45)
			says("0x31");
		else
			says(cases[i].text);
		assert_int_equal(report.triple_fault, cases[i].reason == 2);
		assert_false(report.entry_failed);
	}
}

static void exceptions(void **unused)
{
	(void)unused;
	set(&state, F_EXIT_INTR_INFO, 0x80000b0e);
	set(&state, F_EXIT_ERROR_CODE, 7);
	ask(0, 0x12345678);
	says("page fault (#PF), with error code 0x7");
	says("A user write at linear 0x12345678: the page doesn't allow it");
	set(&state, F_EXIT_INTR_INFO, 0x80000301);
	ask(0, 0x4001);
	says("breakpoint 0, single step");
	set(&state, F_EXIT_INTR_INFO, 0x80000202);
	ask(0, 0);
	says("NMI");
	set(&state, F_EXIT_INTR_INFO, 0);
	ask(0, 0);
	assert_true(report.no_exit);
}

static void interrupted_deliveries(void **unused)
{
	(void)unused;
	set(&state, F_IDT_VECTORING_INFO, 0x80000b0d);
	set(&state, F_IDT_VECTORING_ERROR, 0x18);
	ask(48, 0x182);
	says("delivering another event: hardware exception, vector 13");
	says("0x18");
}

static void failed_entries(void **unused)
{
	(void)unused;
	ask(0x80000021, 0);
	assert_true(report.entry_failed);
	says("guest state invalid (reason 33)");
	ask(0x80000021, 4);
	says("link pointer");
	ask(0x80000022, 3);
	says("entry 3");
	ask(0x80000029, 0);
	says("machine check");
	ask(0x80000099, 0);
	says("no manual describes");
	set(&state, F_INSN_ERROR, 7);
	ask(48, 0);
	assert_true(report.entry_failed);
	says("invalid control field(s)");
	says("older exit's (reason 48)");
}

static void svm(uint64_t code, uint64_t info1, uint64_t info2)
{
	state.vmcb.c.exit_code = code;
	state.vmcb.c.exit_info1 = info1;
	state.vmcb.c.exit_info2 = info2;
	memset(&report, 0, sizeof(report));
	explain_exit(&state, &report);
}

static void svm_exits(void **unused)
{
	(void)unused;
	base_vmcb(&state);
	state.gpr_known = 1u << GPR_RCX;
	state.gpr[GPR_RCX] = 0x1b;
	svm(0x400, 0x100000002, 0xfee00000);
	says("nested page fault");
	says("A write at guest-physical 0xfee00000");
	svm(0x7b, 0x03f80011, 0);
	says("IN of 1 byte(s) from port 0x3f8");
	svm(0x7c, 1, 0);
	says("WRMSR of MSR 0x1b (IA32_APIC_BASE)");
	svm(0x4e, 4, 0x1000);
	says("A user read at linear 0x1000");
	svm(0x13, 1ull << 63 | 2, 0);
	says("a write of CR3");
	says("RDX");
	svm(0x7f, 0, 0);
	assert_true(report.triple_fault);
	svm(~0ull, 0, 0);
	assert_true(report.entry_failed);
	svm(0xffffffff, 0, 0);
	assert_true(report.entry_failed);
	svm(0x72, 0, 0);
	says("CPUID");
	svm(0x12345, 0, 0);
	says("unknown");
	state.vmcb.c.exit_int_info = 0x80000b0e | 6ull << 32;
	svm(0x400, 0, 0);
	says("page fault (#PF), with error code 0x6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(qualifications, fresh),
		cmocka_unit_test_setup(exceptions, fresh),
		cmocka_unit_test_setup(interrupted_deliveries, fresh),
		cmocka_unit_test_setup(failed_entries, fresh),
		cmocka_unit_test_setup(svm_exits, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
