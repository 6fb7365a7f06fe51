/* SPDX-License-Identifier: MIT */
/* Each rule of the VMCB's consistency is broken in turn: that one, and no other. */
#include "fixture.h"

#include "../../../engine/svm/check.h"

#define LONG_MODE	(EFER_LME | EFER_LMA | EFER_SVME)

static const struct svm_limits limits = { 48, CR4_PAE | CR4_PGE | BIT(23) };
static struct vmcb vmcb;

static struct vmcb good(void)
{
	struct vmcb b = {
		.c = {
			.misc1 = INTERCEPT1_IOIO | INTERCEPT1_MSR,
			.misc2 = INTERCEPT2_VMRUN, .asid = 1, .nested_ctl = NESTED_CTL_NP,
			.iopm = 0x1000, .msrpm = 0x4000, .nested_cr3 = 0x6000,
		},
		.s = {
			.efer = LONG_MODE, .cr0 = CR0_PE | CR0_PG | CR0_WP, .cr4 = CR4_PAE,
			.cr3 = 0x1000, .dr6 = 0xffff0ff0, .dr7 = 0x400, .g_pat = PAT_RESET,
			.cs.attrib = 0x29b,
		},
	};

	return b;
}

static void broken(const char *word)
{
	unsigned i, n = 0;

	for (i = 0; i < svm_rule_count; i++) {
		if (!svm_rules[i].broken(&vmcb, &limits))
			continue;
		n++;
		if (!strstr(svm_rules[i].text, word))
			fail_msg("\"%s\" instead of \"%s\"", svm_rules[i].text, word);
	}
	if (n != 1)
		fail_msg("%u rules broken, only \"%s\" should be", n, word);
	vmcb = good();
}

static void test_a_good_vmcb_breaks_none(void **state)
{
	unsigned i;

	(void)state;
	vmcb = good();
	for (i = 0; i < svm_rule_count; i++)
		assert_false(svm_rules[i].broken(&vmcb, &limits));
}

#define BREAK(field, val, word) do { vmcb.field = (val); broken(word); } while (0)

static void test_state_rules(void **state)
{
	(void)state;
	vmcb = good();
	BREAK(s.efer, LONG_MODE & ~EFER_SVME, "EFER.SVME");
	BREAK(s.cr0, CR0_PE | CR0_PG | CR0_NW, "CR0.NW");
	BREAK(s.cr0, BIT(32) | CR0_PE | CR0_PG, "CR0[63:32]");
	BREAK(s.cr3, BIT(48), "CR3");
	BREAK(s.cr4, CR4_PAE | BIT(30), "CR4 has bits");
	vmcb.s.cr0 = CR0_PE | CR0_PG;
	BREAK(s.cr4, CR4_PAE | BIT(23), "CR4.CET");
	BREAK(s.dr6, BIT(32), "DR6");
	BREAK(s.dr7, BIT(63), "DR7");
	BREAK(s.efer, LONG_MODE | BIT(1), "EFER has reserved");
	BREAK(s.cr4, 0, "CR4.PAE is 0");
	BREAK(s.cr0, CR0_PG, "CR0.PE is 0");
	BREAK(s.cs.attrib, 0x69b, "CS.L and CS.D");
	vmcb.s.cr4 = 0;				/* outside of long mode it's fine */
	vmcb.s.efer = EFER_SVME;
	test_a_good_vmcb_breaks_none(state);
}

static void test_control_rules(void **state)
{
	(void)state;
	vmcb = good();
	BREAK(c.misc2, 0, "VMRUN intercept");
	BREAK(c.iopm, BIT(48) - 2 * PG_SIZE, "I/O permission map");
	BREAK(c.msrpm, BIT(48) - PG_SIZE, "MSR permission map");
	BREAK(c.asid, 0, "ASID");
	BREAK(c.nested_cr3, BIT(48), "nested CR3");
	BREAK(s.g_pat, 2, "G_PAT");
	BREAK(s.g_pat, 0x0800000000000000, "G_PAT");
	BREAK(c.event_inject, EVENT_INJ_V | 1 << 8, "reserved type");
	BREAK(c.event_inject, EVENT_INJ_V | 5 << 8, "reserved type");
	BREAK(c.event_inject, EVENT_INJ_V | 3 << 8 | 2, "vector 2");
	BREAK(c.event_inject, EVENT_INJ_V | 3 << 8 | 32, "vector 2 or above 31");
	vmcb.c.event_inject = 5 << 8;		/* not valid: not looked at */
	vmcb.c.iopm = BIT(48) - 3 * PG_SIZE;	/* the last place */
	vmcb.c.msrpm = BIT(48) - 2 * PG_SIZE;
	test_a_good_vmcb_breaks_none(state);
}

static void test_a_refused_vmcb_is_explained(void **state)
{
	(void)state;
	s.vmcb->s.dr7 |= BIT(40);
	s.vmcb->s.cr0 = CR0_NW;
	assert_int_equal(run_to(0xffffffffffffffffull, 0, 0), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_FAIL_ENTRY);
	assert_int_equal(v->exit.reason, EXIT_INDEX_INVALID);
	assert_non_null(strstr(sim.log, "DR7[63:32]"));
	assert_non_null(strstr(sim.log, "CR0.NW"));
	assert_int_equal(sim.log_lines, 2);
}

/* QEMU writes only the low half of the exit code. */
static void test_a_refusal_by_qemu_counts_as_well(void **state)
{
	(void)state;
	assert_int_equal(run_to(0xffffffff, 0, 0), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_FAIL_ENTRY);
	assert_non_null(strstr(sim.log, "none of the reasons"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_vmcb_breaks_none),
		cmocka_unit_test(test_state_rules),
		cmocka_unit_test(test_control_rules),
		cmocka_unit_test_setup_teardown(test_a_refused_vmcb_is_explained, vcpu_up,
						vcpu_down),
		cmocka_unit_test_setup_teardown(test_a_refusal_by_qemu_counts_as_well, vcpu_up,
						vcpu_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
