/* SPDX-License-Identifier: MIT */
/* Exit codes: what each is decoded to. */
#include "fixture.h"

#include "../../../engine/mem/mem.h"

static void goes_to(u64 code, u64 info1, const char *handler)
{
	run_to(code, info1, 0);
	if (!seen.handler || strcmp(seen.handler, handler))
		fail_msg("exit %llx went to %s, not %s", (unsigned long long)code,
			 seen.handler ? seen.handler : "nobody", handler);
}

static void test_instructions(void **state)
{
	(void)state;
	goes_to(EXIT_CPUID, 0, "cpuid");
	goes_to(EXIT_MSR, 0, "rdmsr");
	goes_to(EXIT_MSR, 1, "wrmsr");
	goes_to(EXIT_HLT, 0, "hlt");
	goes_to(EXIT_VMMCALL, 0, "hypercall");
	goes_to(EXIT_XSETBV, 0, "xsetbv");
	goes_to(EXIT_RDTSC, 0, "rdtsc");
	goes_to(EXIT_RDPMC, 0, "rdpmc");
	goes_to(EXIT_INVLPG, 0, "invlpg");
	goes_to(EXIT_WBINVD, 0, "nop");
	goes_to(EXIT_INVD, 0, "nop");
	goes_to(EXIT_PAUSE, 0, "nop");
	goes_to(EXIT_MONITOR, 0, "nop");
	goes_to(EXIT_MWAIT, 0, "nop");
	goes_to(EXIT_SHUTDOWN, 0, "triple fault");
}

static void test_svm_instructions_are_undefined(void **state)
{
	static const u32 codes[] = {
		EXIT_VMRUN, EXIT_VMLOAD, EXIT_VMSAVE, EXIT_STGI, EXIT_CLGI, EXIT_SKINIT,
		EXIT_INVLPGA, EXIT_RSM, EXIT_RDPRU, EXIT_RDTSCP, EXIT_INVPCID,
		EXIT_INVLPGB, EXIT_MCOMMIT, EXIT_TLBSYNC,
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		goes_to(codes[i], 0, "undefined");
}

static void test_host_events_need_nothing(void **state)
{
	static const u32 codes[] = { EXIT_INTR, EXIT_NMI, EXIT_SMI, EXIT_INIT };
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(run_to(codes[i], 0, 0), ACT_RESUME);
		assert_null(seen.handler);
	}
}

/* Port 0x3f8, byte, OUT; the next instruction is 1 byte on. */
static void test_port_io(void **state)
{
	(void)state;
	run_to(EXIT_IOIO, 0x3f8ull << 16 | BIT(4), 0xfff1);
	assert_string_equal(seen.handler, "pio");
	assert_int_equal(seen.a[0], 0x3f8);
	assert_int_equal(seen.a[1], 1);
	assert_int_equal(seen.a[2], 0);
	assert_int_equal(v->exit.insn_len, 1);
	run_to(EXIT_IOIO, 0x80ull << 16 | BIT(6) | IOIO_IN, 0xfff2);
	assert_int_equal(seen.a[1], 4);
	assert_int_equal(seen.a[2], 1);
	run_to(EXIT_IOIO, 0x1f0ull << 16 | BIT(5) | IOIO_IN | IOIO_STRING | IOIO_REP, 0xfff3);
	assert_string_equal(seen.handler, "string pio");
	assert_int_equal(seen.a[0], 0x1f0);
	assert_int_equal(seen.a[1], 2);
}

static void test_nested_page_faults(void **state)
{
	(void)state;
	run_to(EXIT_NPF, NPF_FINAL | NPF_USER, 0xfee00000);
	assert_string_equal(seen.handler, "s2 fault");
	assert_int_equal(v->exit.reason, EXIT_INDEX_NPF);
	assert_int_equal(seen.a[0], 0xfee00000);
	assert_int_equal(seen.a[1], MEM_READ);
	run_to(EXIT_NPF, NPF_FINAL | NPF_WRITE | NPF_USER | NPF_PRESENT, 0x1000);
	assert_int_equal(seen.a[1], MEM_WRITE);
	run_to(EXIT_NPF, NPF_FINAL | NPF_FETCH | NPF_USER, 0x2000);
	assert_int_equal(seen.a[1], MEM_FETCH);
	/* Decode assists: bytes of the instruction, except for a fetch. */
	s.vmcb->c.insn_len = 3;
	s.vmcb->c.insn_bytes[0] = 0x8b;
	run_to(EXIT_NPF, NPF_FINAL | NPF_USER, 0x3000);
	assert_int_equal(seen.a[2], 3);
	assert_int_equal(seen.a[3], 0x8b);
	run_to(EXIT_NPF, NPF_FINAL | NPF_FETCH, 0x3000);
	assert_int_equal(seen.a[2], 0);
	assert_int_equal(run_to(EXIT_NPF, NPF_FINAL | NPF_RESERVED, 0x3000), ACT_USER);
}

static void test_cr_writes_with_decode_assists(void **state)
{
	(void)state;
	run_to(EXIT_CR_WRITE(4), CR_EXIT_MOV | 3, 0);
	assert_string_equal(seen.handler, "mov to cr");
	assert_int_equal(seen.a[0], 4);
	assert_int_equal(seen.a[1], 3);
	run_to(EXIT_CR_WRITE(8), CR_EXIT_MOV | 15, 0);
	assert_int_equal(seen.a[0], 8);
	assert_int_equal(seen.a[1], 15);
}

static void test_cr_writes_without(void **state)
{
	(void)state;
	run_to(EXIT_CR_WRITE(4), CR_EXIT_MOV | 3, 0);	/* not to be believed */
	assert_string_equal(seen.handler, "emulate");
}

static void test_ac_is_handed_back(void **state)
{
	(void)state;
	run_to(EXIT_EXCEPTION(VEC_AC), 0, 0);
	assert_string_equal(seen.handler, "reflect");
	assert_int_equal(seen.event.vector, VEC_AC);
	assert_true(seen.event.has_error);
}

static void test_other_exceptions_are_the_guests(void **state)
{
	(void)state;
	run_to(EXIT_EXCEPTION(VEC_DE), 0, 0);
	assert_string_equal(seen.handler, "reflect");
	assert_false(seen.event.has_error);
	run_to(EXIT_EXCEPTION(VEC_GP), 0x18, 0);
	assert_true(seen.event.has_error);
	assert_int_equal(seen.event.error, 0x18);
	run_to(EXIT_EXCEPTION(VEC_PF), 6, 0x1234);
	assert_int_equal(seen.event.error, 6);
	assert_int_equal(seen.a[0], 0x1234);
	run_to(EXIT_EXCEPTION(VEC_BP), 0, 0);
	assert_null(seen.handler);
	assert_int_equal(v->injected.type, EVENT_SOFT_EXC);
	assert_int_equal(v->injected.insn_len, 1);
}

/* It may be the other vendor's hypercall, under the policy's trap or not. */
static void test_undefined_is_looked_at(void **state)
{
	(void)state;
	assert_true(s.vmcb->c.exceptions & BIT(VEC_UD));
	run_to(EXIT_EXCEPTION(VEC_UD), 0, 0);
	assert_string_equal(seen.handler, "ud");
	assert_int_equal(svm_backend.trap_of(v), 0);
	v->traps.instructions = TRAP_VMCALL;
	assert_int_equal(svm_backend.trap_of(v), TRAP_VMCALL);
	v->traps.instructions = 0;
}

/* A new trap policy takes nothing away from what is under way. */
static void test_traps_keep_windows_and_registers(void **state)
{
	(void)state;
	svm_backend.want_irq_window(v, true);
	svm_backend.set_nmi_mask(v, true);
	run_to(EXIT_DR_READ(0), 0, 0);
	v->traps.exceptions = BIT(VEC_PF) | BIT(VEC_DB);
	v->traps.pf_mask = v->traps.pf_match = 2;
	assert_int_equal(svm_backend.set_traps(v), 0);
	assert_true(s.vmcb->c.misc1 & INTERCEPT1_VINTR);
	assert_true(s.vmcb->c.misc1 & INTERCEPT1_IRET);
	assert_true(s.vmcb->c.misc1 & INTERCEPT1_CPUID);
	enter_until(EXIT_EXCEPTION(VEC_PF), 2, 0x1000);
	assert_int_equal(sim_svm.dr_access_exits, 0);
	assert_int_equal(svm_backend.trap_of(v), TRAP_EXCEPTION);
	assert_int_equal(v->uexit.trap.cr2, 0x1000);
	enter_until(EXIT_EXCEPTION(VEC_PF), 4, 0x1000);
	assert_int_equal(svm_backend.trap_of(v), 0);
	v->traps.instructions = TRAP_MOV_DR;
	svm_backend.set_traps(v);
	v->dr7 = 0x401;			/* loaded, and trapped all the same */
	svm_backend.set_debug(v);
	enter_until(EXIT_DR_READ(0), 0, 0);
	assert_int_equal(sim_svm.dr_access_exits, 0xffff);
	assert_int_equal(svm_backend.trap_of(v), TRAP_MOV_DR);
	v->traps = (struct traps){ 0 };
	svm_backend.set_traps(v);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.dr_access_exits, 0);
	v->dr7 = 0x400;
	svm_backend.set_debug(v);
}

static void test_unknown_codes_are_named_and_counted_in_bounds(void **state)
{
	static const u64 odd[] = {
		EXIT_TASK_SWITCH, 0x8f, 0xaf, 0xb0, 0xff, 0x3ff, 0x400, 0x403, 0x404,
		0x7fffffff, 0xfffffffe, 0xfffffffd,
	};
	unsigned i;

	(void)state;
	assert_int_equal(run_to(EXIT_TASK_SWITCH, 0, 0), ACT_USER);
	assert_string_equal(seen.handler, "task switch");
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		run_to(odd[i], 0, 0);
		assert_true(v->exit.reason < EXIT_REASONS);
	}
	assert_int_equal(svm_exit_index(0x404), EXIT_INDEX_OTHER);
	assert_int_equal(svm_exit_index(0xb0), EXIT_INDEX_OTHER);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(svm_backend.exit_name(EXIT_CPUID), "CPUID");
	assert_string_equal(svm_backend.exit_name(EXIT_MSR), "MSR");
	assert_string_equal(svm_backend.exit_name(EXIT_SHUTDOWN), "shutdown");
	assert_string_equal(svm_backend.exit_name(EXIT_XSETBV), "XSETBV");
	assert_string_equal(svm_backend.exit_name(EXIT_CR_WRITE(8)), "CR8 write");
	assert_string_equal(svm_backend.exit_name(EXIT_DR_READ(15)), "DR15 read");
	assert_string_equal(svm_backend.exit_name(EXIT_EXCEPTION(31)), "exception 31");
	assert_string_equal(svm_backend.exit_name(EXIT_TLBSYNC), "TLBSYNC");
	assert_string_equal(svm_backend.exit_name(EXIT_INDEX_NPF), "nested page fault");
	assert_string_equal(svm_backend.exit_name(EXIT_INDEX_INVALID), "invalid VMCB");
	assert_null(svm_backend.exit_name(0xaf));
	assert_null(svm_backend.exit_name(EXIT_REASONS));
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_instructions),
		T(test_svm_instructions_are_undefined),
		T(test_host_events_need_nothing),
		T(test_port_io),
		T(test_nested_page_faults),
		T(test_cr_writes_with_decode_assists),
		cmocka_unit_test_setup_teardown(test_cr_writes_without, vcpu_up_plain, vcpu_down),
		T(test_ac_is_handed_back),
		T(test_other_exceptions_are_the_guests),
		T(test_undefined_is_looked_at),
		T(test_traps_keep_windows_and_registers),
		T(test_unknown_codes_are_named_and_counted_in_bounds),
		T(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
