/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the CPU does, beside what the rules say. */
#include "test.h"

_Static_assert(sizeof(struct explain_msr) == 16, "as SDM3 has an entry of an MSR area");

struct tally {
	unsigned number, agree, differ, missing;
};

/* What the rules expect: the groups are checked in this order. */
enum expected { EXPECT_RUN, EXPECT_CONTROL, EXPECT_HOST, EXPECT_CONTROL_OR_HOST, EXPECT_GUEST,
		EXPECT_MSR };

static const char *const expected_names[] = {
	"runs", "VMfail 7", "VMfail 8", "VMfail 7 or 8", "reason 33", "reason 34",
};
static const char *const base_names[BASE_COUNT] = { "64-bit", "real", "32-bit", "v86" };

static enum expected expect(const struct explain_report *r)
{
	bool group[GROUP_SVM + 1] = { false };
	unsigned i;

	for (i = 0; i < r->n_findings; i++)
		group[r->finding[i].rule->group] = true;
	if (group[GROUP_CONTROL])
		return group[GROUP_HOST] ? EXPECT_CONTROL_OR_HOST : EXPECT_CONTROL;
	if (group[GROUP_HOST])
		return EXPECT_HOST;
	return group[GROUP_GUEST] ? EXPECT_GUEST : group[GROUP_MSR] ? EXPECT_MSR : EXPECT_RUN;
}

static bool agrees(enum expected e, const struct outcome *o)
{
	switch (e) {
	case EXPECT_RUN:
		return o->kind == CPU_RAN;
	case EXPECT_CONTROL:
		return o->kind == CPU_VMFAIL && o->number == 7;
	case EXPECT_HOST:
		return o->kind == CPU_VMFAIL && o->number == 8;
	case EXPECT_CONTROL_OR_HOST:
		return o->kind == CPU_VMFAIL && (o->number == 7 || o->number == 8);
	case EXPECT_GUEST:
		return o->kind == CPU_FAILED_ENTRY && o->number == 33;
	default:
		return o->kind == CPU_FAILED_ENTRY && o->number == 34;
	}
}

static void say_outcome(const struct outcome *o, struct text *t)
{
	switch (o->kind) {
	case CPU_RAN:
		text_add(t, "ran (exit reason %u)", o->number);
		break;
	case CPU_FAILED_ENTRY:
		text_add(t, "reason %u", o->number);
		break;
	case CPU_VMFAIL:
		text_add(t, "VMfail %u", o->number);
		break;
	default:
		text_add(t, "no such field");
		break;
	}
}

static void say_changes(const struct mutation *m, struct text *t)
{
	const struct change *c;

	for (c = m->change; c < m->change + CHANGES_MAX && c->op != OP_END; c++)
		text_add(t, "%s%s %s %#llx", c == m->change ? "" : ", ",
			 vmcs_fields[explain_vmcs_index(c->field)].name,
			 c->op == OP_SET ? "=" : c->op == OP_OR ? "|=" : "&= ~", ULL(c->value));
}

static bool has_finding(const struct explain_report *r, const char *id)
{
	unsigned i;

	for (i = 0; i < r->n_findings; i++) {
		const char *a = r->finding[i].rule->id, *b = id;

		while (*a && *a == *b) {
			a++;
			b++;
		}
		if (*a == *b)
			return true;
	}
	return false;
}

static void check_state(const struct explain_state *s, struct explain_report *r)
{
	__builtin_memset(r, 0, sizeof(*r));
	explain_checks(s, r);
}

static void line(struct tally *t, bool ok, struct text *out)
{
	t->number++;
	text_add(out, "%sok %u - ", ok ? "" : "not ", t->number);
	if (ok)
		t->agree++;
	else
		t->differ++;
}

static void try_base(struct machine *m, enum mutation_base base, struct explain_state *s,
		     struct explain_report *r, struct tally *t, struct text *out)
{
	struct outcome o;
	bool ok;

	machine_guest_memory(m, base);
	state_valid(m, base, s);
	check_state(s, r);
	o = machine_enter(m, s);
	ok = !r->n_findings && o.kind == CPU_RAN && o.number == 18;
	line(t, ok, out);
	text_add(out, "valid %s state: rules find %u, CPU ", base_names[base], r->n_findings);
	say_outcome(&o, out);
	text_add(out, "\n");
	if (r->n_findings)
		text_add(out, "# %s: %s\n", r->finding[0].rule->id, r->finding[0].detail);
}

/*
 * More than one field is changed where a control must be on first: if the CPU lacks it
 * the rule's own check is never reached. That is said, not hidden.
 */
static void try_mutation(struct machine *m, const struct mutation *mut, struct explain_state *s,
			 struct explain_report *r, struct tally *t, struct text *out)
{
	enum expected e;
	struct outcome o;
	bool there;

	machine_guest_memory(m, mut->base);
	state_valid(m, mut->base, s);
	there = state_mutate(m, mut, s);
	check_state(s, r);
	e = expect(r);
	linux_note(mut->rule);
	o = there ? machine_enter(m, s) : (struct outcome){ CPU_NO_FIELD, 0, 0 };
	if (o.kind == CPU_NO_FIELD) {
		t->missing++;
		text_add(out, "# n/a %s (%s): not possible on this CPU: ", mut->rule,
			 base_names[mut->base]);
	} else {
		line(t, has_finding(r, mut->rule) && agrees(e, &o), out);
		text_add(out, "%s (%s): rules %s, CPU ", mut->rule, base_names[mut->base],
			 expected_names[e]);
		say_outcome(&o, out);
		text_add(out, r->n_findings > 1 ? " (%u rules at once): " : ": ", r->n_findings);
	}
	say_changes(mut, out);
	text_add(out, "\n");
}

/*
 * One entry of the VM-entry MSR-load area, and the rule that it breaks. msr.smm is not
 * tried: what an emulator makes of MSRs that it doesn't know is a matter of its settings.
 */
static const struct { const char *rule; struct explain_msr msr; } msr_mutations[] = {
	{ "msr.base", { MSR_FS_BASE, 0, 0 } },
	{ "msr.base", { MSR_GS_BASE, 0, 0 } },
	{ "msr.x2apic", { 0x808, 0, 0 } },
	{ "msr.x2apic", { 0x8ff, 0, 0 } },
	{ "msr.reserved", { MSR_LSTAR, 1, 0 } },
	{ "msr.value", { MSR_EFER, 0, BIT(1) } },
	{ "msr.value", { MSR_PAT, 0, 2 } },
	{ "msr.value", { MSR_LSTAR, 0, BIT(55) } },
	{ "msr.value", { MSR_KERNEL_GS_BASE, 0, BIT(55) } },
	{ "msr.value", { MSR_SYSENTER_EIP, 0, BIT(55) } },
};

static void try_msr(struct machine *m, unsigned i, struct explain_state *s,
		    struct explain_report *r, struct tally *t, struct text *out)
{
	const struct explain_msr *e = &msr_mutations[i].msr;
	enum expected wanted;
	struct outcome o;

	machine_guest_memory(m, BASE_64);
	state_valid(m, BASE_64, s);
	__builtin_memcpy(m->va[PAGE_SCRATCH0], e, sizeof(*e));
	explain_set(s, F_ENTRY_MSR_LOAD_ADDR, m->pa[PAGE_SCRATCH0]);
	explain_set(s, F_ENTRY_MSR_LOAD_COUNT, 1);
	s->entry_msrs[0] = *e;
	s->n_entry_msrs = 1;
	check_state(s, r);
	wanted = expect(r);
	linux_note(msr_mutations[i].rule);
	o = machine_enter(m, s);
	__builtin_memset(m->va[PAGE_SCRATCH0], 0, sizeof(*e));
	line(t, has_finding(r, msr_mutations[i].rule) && agrees(wanted, &o), out);
	text_add(out, "%s (64-bit): rules %s, CPU ", msr_mutations[i].rule, expected_names[wanted]);
	say_outcome(&o, out);
	text_add(out, ": MSR %#x, reserved %#x, value %#llx\n", e->index, e->reserved,
		 ULL(e->value));
}

static bool is_host(const struct mutation *m)
{
	return m->rule[0] == 'h';
}

static void set_2012(struct explain_state *s)
{
	unsigned n;

	explain_set(s, F_GUEST_CS_LIMIT, 0);
	explain_set(s, F_GUEST_CS_AR, 0x209b);
	explain_set(s, F_GUEST_IDTR_LIMIT, 0);
	explain_set(s, F_GUEST_GDTR_BASE, 0x5000);
	explain_set(s, F_GUEST_GDTR_LIMIT, 0x17);
	explain_set(s, F_GUEST_TR_LIMIT, 0);
	explain_set(s, F_GUEST_LDTR_AR, 0x10000);
	explain_set(s, F_GUEST_LDTR_LIMIT, 0);
	explain_set(s, F_GUEST_RIP, 0);
	for (n = SEG_ES; n <= SEG_GS; n++)
		if (n != SEG_CS)
			explain_set(s, F_GUEST_ES_LIMIT + 2 * n, 0);
}

/* The guest state of 2012's triple fault; then with what the explainer says to set. */
static void try_2012(struct machine *m, struct explain_state *s, struct explain_report *r,
		     struct tally *t, struct text *out)
{
	struct outcome o;
	unsigned i, k;

	machine_guest_memory(m, BASE_REAL);
	state_valid(m, BASE_REAL, s);
	set_2012(s);
	o = machine_enter(m, s);
	explain_set(s, F_EXIT_REASON, o.number);
	explain(s, r);
	line(t, o.kind == CPU_RAN && o.number == 2 && !r->n_findings &&
	     r->verdict == VERDICT_SHUTDOWN && r->n_advice, out);
	text_add(out, "the state of 2012: CPU ");
	say_outcome(&o, out);
	text_add(out, "; %s\n", r->conclusion);
	for (i = 0; i < r->n_advice; i++)
		for (k = 0; k < vmcs_field_count; k++)
			if (vmcs_fields[k].encoding == F_GUEST_CS_LIMIT && r->advice[i].root)
				s->vmcs[k] = r->advice[i].value;
	o = machine_enter(m, s);
	line(t, o.kind == CPU_RAN && o.number == 18, out);
	text_add(out, "the same with GUEST_CS_LIMIT as advised: CPU ");
	say_outcome(&o, out);
	text_add(out, " (VMCALL is 18)\n");
}

void compare_all(struct machine *m, struct explain_state *s, struct explain_report *r,
		 struct text *out)
{
	struct tally t = { 0 };
	unsigned i, pass;

	for (i = 0; i < BASE_COUNT; i++)
		try_base(m, i, s, r, &t, out);
	try_2012(m, s, r, &t, out);
	for (i = 0; i < COUNT_OF(msr_mutations); i++)
		try_msr(m, i, s, r, &t, out);
	/* Host state last: if a CPU accepts what it must refuse, that ends the host. */
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < mutation_count; i++)
			if (is_host(&mutations[i]) == !!pass)
				try_mutation(m, &mutations[i], s, r, &t, out);
	text_add(out, "1..%u\n# %u agree, %u differ, %u not possible on this CPU\n", t.number, t.agree,
		 t.differ, t.missing);
}
