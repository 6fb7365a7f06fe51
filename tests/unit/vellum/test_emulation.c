/* SPDX-License-Identifier: MIT */
/* What is said of an instruction that the kernel side can't emulate. */
#include "test.h"

#include "vellum/emulation.h"

static char text[256];

static struct kvm_run failed(const char *bytes, unsigned int n)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_INTERNAL_ERROR };

	run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run.internal.ndata = 4;
	run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run.emulation_failure.insn_size = (uint8_t)n;
	memcpy(run.emulation_failure.insn_bytes, bytes, n);
	return run;
}

static const struct kvm_regs regs = { .rip = 0x1234 };

static void test_real_mode(void **state)
{
	struct kvm_sregs s = { .cs = { .selector = 0xf000, .base = 0xf0000 } };
	struct kvm_run run = failed("\xd9\xe8\x90\x90", 4);

	(void)state;
	assert_true(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	assert_string_equal(text, "an instruction could not be emulated: d9 e8 (fld1) at "
				  "0xf000:0x1234, linear 0xf1234");
}

static void test_the_mode_counts(void **state)
{
	struct kvm_sregs s = { .cs = { .selector = 8, .db = 1 } };
	struct kvm_run run = failed("\x66\x0f\xef\xc1", 4);

	(void)state;
	assert_true(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	assert_non_null(strstr(text, "66 0f ef c1 (pxor xmm0, xmm1) at 0x8:0x1234"));
	s.cs.l = 1;
	s.cs.db = 0;
	s.efer = 0x500;
	run = failed("\x48\x0f\xc7\xf0", 4);
	assert_true(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	assert_non_null(strstr(text, "(rdrand rax)"));
}

static void test_bytes_that_are_no_instruction(void **state)
{
	struct kvm_sregs s = { .cs = { .selector = 8, .db = 1 } };
	struct kvm_run run = failed("\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
				    15);

	(void)state;
	assert_true(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	assert_non_null(strstr(text, "0f ff"));
	run = failed("\x0f", 1);
	assert_true(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	assert_non_null(strstr(text, " 0f (no instruction"));
}

static void test_other_errors_are_left_alone(void **state)
{
	struct kvm_sregs s = { 0 };
	struct kvm_run run = failed("\x90", 1);

	(void)state;
	run.internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	assert_false(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	run = failed("\x90", 1);
	run.emulation_failure.flags = 0;
	assert_false(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	run = failed("\x90", 1);
	run.emulation_failure.insn_size = 16;
	assert_false(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	run.emulation_failure.insn_size = 0;
	assert_false(emulation_describe(&run, &regs, &s, text, sizeof(text)));
	run = failed("\x90", 1);
	run.internal.ndata = 0;
	assert_false(emulation_describe(&run, &regs, &s, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_mode),
		cmocka_unit_test(test_the_mode_counts),
		cmocka_unit_test(test_bytes_that_are_no_instruction),
		cmocka_unit_test(test_other_errors_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
