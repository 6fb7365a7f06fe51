/* SPDX-License-Identifier: MIT */
/* Every rule of the VM entry: broken alone it is found, and legal states break none. */
#include "fixture.h"

static struct explain_state state;

static void check(const struct explain_state *s)
{
	memset(&report, 0, sizeof(report));
	explain_checks(s, &report);
}

static void valid_states_break_nothing(void **unused)
{
	unsigned base;

	(void)unused;
	for (base = 0; base < BASE_COUNT; base++) {
		base_state(&state, base);
		check(&state);
		if (report.n_findings || report.n_unchecked) {
			print_findings(&report);
			fail_msg("base %u: %u findings, %u unchecked (%s needs %#x)", base,
				 report.n_findings, report.n_unchecked,
				 report.n_unchecked ? report.unchecked[0].rule->id : "",
				 report.n_unchecked ? report.unchecked[0].missing : 0);
		}
	}
	base_vmcb(&state);
	check(&state);
	print_findings(&report);
	assert_int_equal(report.n_findings, 0);
	assert_int_equal(report.n_unchecked, 0);
}

/*
 * Rules that the same change can't but break as well. The order: what is broken, what
 * comes with it.
 */
static const struct { const char *rule, *with; } companions[] = {
	{ "entry.smm.entry", "guest.interruptibility.smi" },
	{ "entry.smm.both", "entry.smm.entry" },
	{ "entry.smm.both", "entry.smm.deactivate" },
	{ "entry.smm.both", "guest.interruptibility.smi" },
	{ "guest.activity.smm", "entry.smm.entry" },
	{ "guest.activity.smm", "guest.interruptibility.smi" },
	{ "guest.interruptibility.entry-to-smm", "entry.smm.entry" },
	{ "host.size.guest", "host.size.mode" }, { "host.size.guest", "host.efer" },
	{ "host.size.guest", "host.size.rip" },
	{ "host.size.mode", "host.efer" }, { "host.size.mode", "host.size.rip" },
	{ "host.size.pcide", "host.size.mode" }, { "host.size.pcide", "host.efer" },
	{ "host.size.pcide", "host.size.rip" },
	{ "host.SS.null", "host.size.mode" }, { "host.SS.null", "host.efer" },
	{ "host.SS.null", "host.size.rip" }, { "host.SS.null", "host.size.pcide" },
	{ "host.size.mode", "host.size.pcide" }, { "host.size.guest", "host.size.pcide" },
	{ "exec.pid-table-end", "exec.pid-table" },
	{ "guest.efer.lma", "guest.efer.lme" },
	{ "guest.SS.rpl", "guest.cr0" },
	{ "guest.CS.dpl", "guest.CS.type" },
	{ "guest.rflags.vm", "guest.CS.v86.base" },
};

/* In virtual-8086 mode every segment of another mode is wrong. */
static bool comes_with(const char *rule, const char *other)
{
	unsigned i;

	if (!strcmp(rule, "guest.rflags.vm") && strstr(other, ".v86."))
		return true;
	for (i = 0; i < sizeof(companions) / sizeof(companions[0]); i++)
		if (!strcmp(companions[i].rule, rule) && !strcmp(companions[i].with, other))
			return true;
	return false;
}

static void each_mutation_is_found(void **unused)
{
	unsigned i, k, wrong = 0;

	(void)unused;
	for (i = 0; i < mutation_count; i++) {
		const struct mutation *m = &mutations[i];
		bool extra = false;

		base_state(&state, m->base);
		mutate(&state, m);
		check(&state);
		for (k = 0; k < report.n_findings; k++)
			if (strcmp(report.finding[k].rule->id, m->rule) &&
			    !comes_with(m->rule, report.finding[k].rule->id))
				extra = true;
		if (finds(&report, m->rule) && !extra && !report.n_unchecked)
			continue;
		print_error("mutation %u of %s:\n", i, m->rule);
		print_findings(&report);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_true(mutation_count >= 150);
}

/* Rules that no VMCS alone breaks: their own tests are below. */
static bool is_tested_below(const char *id)
{
	return !strncmp(id, "msr.", 4) || !strcmp(id, "exec.eptp.flags") ||
	       !strcmp(id, "exec.tpr-threshold.vtpr");
}

static void each_rule_is_broken_by_a_mutation(void **unused)
{
	const struct explain_rule *rule;
	unsigned i, k, untested = 0;

	(void)unused;
	for (i = 0; (rule = explain_rule_at(EXPLAIN_VMX, i)); i++) {
		for (k = 0; k < mutation_count && strcmp(mutations[k].rule, rule->id); k++)
			;
		if (k < mutation_count || is_tested_below(rule->id))
			continue;
		print_error("no mutation breaks %s\n", rule->id);
		untested++;
	}
	assert_int_equal(untested, 0);
	assert_true(i < EXPLAIN_RULES_MAX);
}

static void rules_are_complete_and_unique(void **unused)
{
	const struct explain_rule *a, *b;
	unsigned vendor, i, k, n;

	(void)unused;
	for (vendor = EXPLAIN_VMX; vendor <= EXPLAIN_SVM; vendor++) {
		for (i = 0; (a = explain_rule_at(vendor, i)); i++) {
			assert_true(*a->id && *a->title && *a->says && *a->cause && *a->fix);
			assert_non_null(a->broken);
			for (n = 0; n < 4 && a->field[n]; n++)
				assert_true((vendor == EXPLAIN_VMX ? explain_vmcs_index(a->field[n]) :
					     explain_vmcb_index(a->field[n] - 1u)) >= 0);
			assert_true(n);
			for (k = 0; k < i; k++) {
				b = explain_rule_at(vendor, k);
				assert_string_not_equal(a->id, b->id);
			}
		}
	}
}

/* A check that needs what isn't known is named, and is no finding. */
static void unknown_fields_are_no_findings(void **unused)
{
	unsigned i;

	(void)unused;
	memset(&state, 0, sizeof(state));
	check(&state);
	assert_int_equal(report.n_findings, 0);
	assert_true(report.n_unchecked > 150);
	for (i = 0; i < vmcs_field_count; i++) {
		base_state(&state, BASE_64);
		state.vmcs_known[i] = false;
		state.vmcs[i] = 0;
		check(&state);
		if (report.n_findings) {
			print_findings(&report);
			fail_msg("without %s", vmcs_fields[i].name);
		}
	}
	for (i = 0; i < vmcb_field_count; i++) {
		base_vmcb(&state);
		state.vmcb_known[i] = false;
		check(&state);
		assert_int_equal(report.n_findings, 0);
	}
}

/* Without capability MSRs, what any CPU may have is legal. */
static void unknown_capabilities_are_generous(void **unused)
{
	(void)unused;
	base_state(&state, BASE_64);
	state.cap_known = 0;
	state.phys_bits = state.linear_bits = 0;
	set(&state, F_PROC_CTLS, get(&state, F_PROC_CTLS) | 1 << 15 | 1 << 16);
	set(&state, F_HOST_CR4, get(&state, F_HOST_CR4) | CR4_LA57);
	set(&state, F_HOST_GS_BASE, 0xff11000000000000);
	set(&state, F_EPT_POINTER, 0x000ff00000007000 | 4 << 3 | 6 | 1 << 6);
	check(&state);
	print_findings(&report);
	assert_int_equal(report.n_findings, 0);
}

static void capabilities_count_where_known(void **unused)
{
	(void)unused;
	base_state(&state, BASE_64);
	state.cap[XCAP_PROC2] = (uint64_t)(1 << 1 | 1 << 5) << 32;
	state.cap_known |= 1u << XCAP_PROC2;
	check(&state);
	assert_true(finds(&report, "exec.proc2.reserved"));
	base_state(&state, BASE_64);
	state.cap[XCAP_EPT_VPID] &= ~BIT(21);
	set(&state, F_EPT_POINTER, get(&state, F_EPT_POINTER) | 1 << 6);
	check(&state);
	assert_true(finds(&report, "exec.eptp.flags"));
	base_state(&state, BASE_64);
	set(&state, F_EPT_POINTER, get(&state, F_EPT_POINTER) | BIT(46));
	check(&state);
	assert_true(finds(&report, "exec.eptp.reserved"));
	/* Bit 56 of IA32_VMX_BASIC: error codes are free. */
	base_state(&state, BASE_64);
	state.cap[XCAP_BASIC] |= BIT(56);
	set(&state, F_ENTRY_INTR_INFO, 0x8000030d);
	check(&state);
	assert_int_equal(report.n_findings, 0);
}

static void tpr_threshold_is_compared_with_vtpr(void **unused)
{
	(void)unused;
	base_state(&state, BASE_64);
	set(&state, F_PROC_CTLS, get(&state, F_PROC_CTLS) | 1 << 21);
	set(&state, F_TPR_THRESHOLD, 5);
	state.vtpr = 0x4f;
	check(&state);
	assert_true(finds(&report, "exec.tpr-threshold.vtpr"));
	state.vtpr = 0x50;
	check(&state);
	assert_int_equal(report.n_findings, 0);
	state.vtpr_known = false;
	check(&state);
	assert_int_equal(report.n_findings, 0);
	assert_int_equal(report.n_unchecked, 1);
}

static void msr_load_area(const struct explain_msr *m, const char *rule)
{
	base_state(&state, BASE_64);
	set(&state, F_ENTRY_MSR_LOAD_COUNT, 1);
	set(&state, F_ENTRY_MSR_LOAD_ADDR, 0x9000);
	state.entry_msrs[0] = *m;
	state.n_entry_msrs = 1;
	check(&state);
	if (!rule) {
		assert_int_equal(report.n_findings, 0);
		return;
	}
	assert_int_equal(report.n_findings, 1);
	assert_string_equal(report.finding[0].rule->id, rule);
}

static void msr_load_areas(void **unused)
{
	static const struct { struct explain_msr m; const char *rule; } cases[] = {
		{ { MSR_LSTAR, 0, 0xffffffff81000000 }, NULL },
		{ { 0x38f, 0, 0x70000000f }, NULL },
		{ { MSR_GS_BASE, 0, 0 }, "msr.base" }, { { MSR_FS_BASE, 0, 0 }, "msr.base" },
		{ { 0x80b, 0, 0 }, "msr.x2apic" }, { { 0x9b, 0, 0 }, "msr.smm" },
		{ { MSR_STAR, 1, 0 }, "msr.reserved" },
		{ { MSR_LSTAR, 0, 0x0080000000000000 }, "msr.value" },
		{ { MSR_EFER, 0, 0x1d01 }, "msr.value" },
		{ { MSR_PAT, 0, 2 }, "msr.value" },
	};
	unsigned i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		msr_load_area(&cases[i].m, cases[i].rule);
	base_state(&state, BASE_64);
	set(&state, F_ENTRY_MSR_LOAD_COUNT, 5000);
	set(&state, F_ENTRY_MSR_LOAD_ADDR, 0x9000);
	check(&state);
	assert_true(finds(&report, "msr.count"));
}

/* Legal, though each of them looks odd. */
static void odd_but_legal(void **unused)
{
	static const struct { uint8_t base; struct change change[CHANGES_MAX]; } cases[] = {
		/* A null SS in 64-bit mode, and null data segments. */
		{ BASE_64, { { F_GUEST_SS_AR, OP_SET, 0x1c000 }, { F_GUEST_SS_SELECTOR, OP_SET, 0 } } },
		{ BASE_64, { { F_GUEST_DS_AR, OP_SET, 0x1c001 }, { F_GUEST_DS_LIMIT, OP_SET, 0 } } },
		/* User mode. */
		{ BASE_64, { { F_GUEST_CS_AR, OP_SET, 0xa0fb }, { F_GUEST_SS_AR, OP_SET, 0xc0f3 },
			     { F_GUEST_SS_SELECTOR, OP_SET, 0x2b }, { F_GUEST_CS_SELECTOR, OP_SET, 0x33 } } },
		/* Compatibility mode with RIP below 4 GiB. */
		{ BASE_64, { { F_GUEST_CS_AR, OP_SET, 0xc09b }, { F_GUEST_RIP, OP_SET, 0x1000 } } },
		/* CD and NW: never looked at. */
		{ BASE_64, { { F_GUEST_CR0, OP_OR, CR0_CD | CR0_NW } } },
		{ BASE_64, { { F_HOST_CR0, OP_OR, CR0_NW } } },
		/* L means nothing in real mode; big real mode. */
		{ BASE_REAL, { { F_GUEST_CS_AR, OP_SET, 0x209b } } },
		{ BASE_REAL, { { F_GUEST_DS_AR, OP_SET, 0x8093 }, { F_GUEST_DS_LIMIT, OP_SET, 0xffffffff } } },
		{ BASE_REAL, { { F_GUEST_CS_AR, OP_SET, 0x93 }, { F_GUEST_CS_LIMIT, OP_SET, 0 } } },
		{ BASE_REAL, { { F_GUEST_CS_BASE, OP_SET, 0xffff0000 }, { F_GUEST_RIP, OP_SET, 0xfff0 } } },
		{ BASE_REAL, { { F_GUEST_RFLAGS, OP_OR, RFLAGS_RF } } },
		/* Secondary controls don't count while they aren't activated. */
		{ BASE_64, { { F_PROC_CTLS, OP_CLEAR, BIT(31) }, { F_PROC_CTLS2, OP_SET, 0x20000000 } } },
		/* The rest of an injection that has been made. */
		{ BASE_64, { { F_ENTRY_INTR_INFO, OP_SET, 0x000000ec } } },
		{ BASE_64, { { F_ENTRY_INTR_INFO, OP_SET, 0x80000b0e }, { F_ENTRY_ERROR_CODE, OP_SET, 4 } } },
		{ BASE_64, { { F_ENTRY_INTR_INFO, OP_SET, 0x80000202 },
			     { F_GUEST_INTERRUPTIBILITY, OP_SET, 0 } } },
		/* HLT, woken by an interrupt. */
		{ BASE_64, { { F_GUEST_ACTIVITY, OP_SET, 1 }, { F_GUEST_RFLAGS, OP_SET, 0x202 },
			     { F_ENTRY_INTR_INFO, OP_SET, 0x80000030 } } },
		/* Single step in a shadow, with BS pending as it should be. */
		{ BASE_64, { { F_GUEST_INTERRUPTIBILITY, OP_SET, 2 }, { F_GUEST_RFLAGS, OP_OR, RFLAGS_TF },
			     { F_GUEST_PENDING_DEBUG, OP_SET, BIT(14) } } },
		{ BASE_64, { { F_GUEST_INTERRUPTIBILITY, OP_SET, 1 }, { F_GUEST_RFLAGS, OP_OR, RFLAGS_IF } } },
		{ BASE_64, { { F_GUEST_CS_AR, OP_SET, 0xa09f } } },
		{ BASE_64, { { F_GUEST_TR_LIMIT, OP_SET, 0x4087 } } },
		{ BASE_32, { { F_GUEST_TR_AR, OP_SET, 0x83 } } },
		{ BASE_32, { { F_GUEST_LDTR_AR, OP_SET, 0x10000 }, { F_GUEST_LDTR_BASE, OP_SET, BIT(60) } } },
		/* PDPTEs without the present bit may be anything; so may all without PAE paging. */
		{ BASE_32, { { F_GUEST_PDPTE1, OP_SET, 0xfffffffffffffffe } } },
		{ BASE_64, { { F_GUEST_PDPTE0, OP_SET, ~0ull } } },
		{ BASE_64, { { F_GUEST_CR3, OP_OR, BIT(61) } } },
		{ BASE_64, { { F_GUEST_GDTR_BASE, OP_SET, 0xffff800000000000 } } },
	};
	unsigned i, wrong = 0;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mutation m = { .base = cases[i].base };

		memcpy(m.change, cases[i].change, sizeof(m.change));
		base_state(&state, m.base);
		mutate(&state, &m);
		check(&state);
		if (!report.n_findings)
			continue;
		print_error("case %u:\n", i);
		print_findings(&report);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void vmcb(const char *rule, void (*change)(struct vmcb *b))
{
	base_vmcb(&state);
	change(&state.vmcb);
	check(&state);
	if (report.n_findings != 1 || strcmp(report.finding[0].rule->id, rule)) {
		print_findings(&report);
		fail_msg("%s is not the one finding", rule);
	}
}

#define VMCB_CASE(name, body) static void name(struct vmcb *b) { body; }
VMCB_CASE(no_svme, b->s.efer &= ~EFER_SVME)
VMCB_CASE(nw, b->s.cr0 |= CR0_NW)
VMCB_CASE(cr0_high, b->s.cr0 |= BIT(32))
VMCB_CASE(cr3_high, b->s.cr3 |= BIT(63))
VMCB_CASE(cr4_bad, b->s.cr4 |= CR4_VMXE)
VMCB_CASE(cet, (b->s.cr4 |= BIT(23), b->s.cr0 &= ~CR0_WP))
VMCB_CASE(dr6, b->s.dr6 |= BIT(32))
VMCB_CASE(dr7, b->s.dr7 |= BIT(40))
VMCB_CASE(efer_bad, b->s.efer |= BIT(1))
VMCB_CASE(no_pae, b->s.cr4 &= ~CR4_PAE)
VMCB_CASE(no_pe, b->s.cr0 &= ~CR0_PE)
VMCB_CASE(l_and_d, b->s.cs.attrib |= BIT(10))
VMCB_CASE(no_vmrun, b->c.misc2 = 0)
VMCB_CASE(iopm, b->c.iopm = BIT(48))
VMCB_CASE(msrpm, b->c.msrpm = BIT(48))
VMCB_CASE(asid, b->c.asid = 0)
VMCB_CASE(ncr3, b->c.nested_cr3 = BIT(50))
VMCB_CASE(pat, b->s.g_pat = 2)
VMCB_CASE(type, b->c.event_inject = EVENT_INJ_V | 1 << 8)
VMCB_CASE(vector, b->c.event_inject = EVENT_INJ_V | 3 << 8 | 2)
VMCB_CASE(mode, b->c.event_inject = EVENT_INJ_V | 3 << 8 | 5)

static void each_vmrun_rule_is_found(void **unused)
{
	(void)unused;
	vmcb("svm.efer.svme", no_svme);
	vmcb("svm.cr0.nw", nw);
	vmcb("svm.cr0.high", cr0_high);
	vmcb("svm.cr3", cr3_high);
	vmcb("svm.cr4", cr4_bad);
	vmcb("svm.cr4.cet", cet);
	vmcb("svm.dr6", dr6);
	vmcb("svm.dr7", dr7);
	vmcb("svm.efer.reserved", efer_bad);
	vmcb("svm.long.pae", no_pae);
	vmcb("svm.long.pe", no_pe);
	vmcb("svm.cs.l-d", l_and_d);
	vmcb("svm.vmrun", no_vmrun);
	vmcb("svm.iopm", iopm);
	vmcb("svm.msrpm", msrpm);
	vmcb("svm.asid", asid);
	vmcb("svm.n-cr3", ncr3);
	vmcb("svm.g-pat", pat);
	vmcb("svm.event.type", type);
	vmcb("svm.event.vector", vector);
	vmcb("svm.event.mode", mode);
}

/* fieldnum.h against the table that tables/vmcs.tsv makes. */
static void field_numbers_agree(void **unused)
{
	(void)unused;
	assert_int_equal(explain_vmcs_index(F_VPID), 0);
	assert_int_equal(explain_vmcs_index(0x7ffe), -1);
#define SAME(name) assert_int_equal(F_##name, VMCS_##name.encoding)
	SAME(GUEST_CR0); SAME(HOST_INTR_SSP_TABLE); SAME(EXIT_REASON); SAME(PROC_CTLS3);
	SAME(GUEST_ES_SELECTOR); SAME(GUEST_TR_SELECTOR); SAME(GUEST_ES_AR); SAME(GUEST_TR_AR);
	SAME(GUEST_ES_LIMIT); SAME(GUEST_TR_LIMIT); SAME(GUEST_ES_BASE); SAME(GUEST_TR_BASE);
	assert_int_equal(vmcs_field_count, VMCS_FIELD_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_states_break_nothing),
		cmocka_unit_test(each_mutation_is_found),
		cmocka_unit_test(each_rule_is_broken_by_a_mutation),
		cmocka_unit_test(rules_are_complete_and_unique),
		cmocka_unit_test(unknown_fields_are_no_findings),
		cmocka_unit_test(unknown_capabilities_are_generous),
		cmocka_unit_test(capabilities_count_where_known),
		cmocka_unit_test(tpr_threshold_is_compared_with_vtpr),
		cmocka_unit_test(msr_load_areas),
		cmocka_unit_test(odd_but_legal),
		cmocka_unit_test(each_vmrun_rule_is_found),
		cmocka_unit_test(field_numbers_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
