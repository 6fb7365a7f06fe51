/* SPDX-License-Identifier: MIT */
/* Evaluation of the rules, and the conditions that many of them share. */
#include "rules.h"

static const struct rule_table *const vmx_tables[] = {
	&rules_exec, &rules_exit_entry, &rules_host, &rules_guest_cr, &rules_guest_seg,
	&rules_guest_state, &rules_msr,
};

static const struct rule_table *const svm_tables[] = { &rules_svm };

bool rule_known(const struct explain_check *c, u32 encoding)
{
	u64 v;

	return explain_get(c->s, encoding, &v);
}

u64 rule_get(struct explain_check *c, u32 encoding)
{
	u64 v;

	if (!explain_get(c->s, encoding, &v) && !c->missing)
		c->missing = (u16)encoding;
	return v;
}

static const struct { u16 encoding; const struct bit_names *names; } ctl_fields[] = {
	[XCTL_PIN] = { F_PIN_CTLS, &bits_pin },
	[XCTL_PROC] = { F_PROC_CTLS, &bits_proc },
	[XCTL_PROC2] = { F_PROC_CTLS2, &bits_proc2 },
	[XCTL_PROC3] = { F_PROC_CTLS3, &bits_proc3 },
	[XCTL_EXIT] = { F_EXIT_CTLS, &bits_exit },
	[XCTL_EXIT2] = { F_EXIT_CTLS2, &bits_exit2 },
	[XCTL_ENTRY] = { F_ENTRY_CTLS, &bits_entry },
};

/* The control that makes a further field of controls count; 0: it always does. */
static unsigned activated_by(unsigned field)
{
	switch (field) {
	case XCTL_PROC2:
		return CTL(PROC, 31);
	case XCTL_PROC3:
		return CTL(PROC, 17);
	case XCTL_EXIT2:
		return CTL(EXIT, 31);
	default:
		return 0;
	}
}

bool rule_ctl(struct explain_check *c, unsigned ctl)
{
	unsigned activator = activated_by(ctl >> 8);

	if (activator && !rule_ctl(c, activator))
		return false;
	return rule_get(c, ctl_fields[ctl >> 8].encoding) & BIT(ctl & 63);
}

const char *rule_ctl_name(unsigned ctl)
{
	const char *name = ctl_fields[ctl >> 8].names->name[ctl & 63];

	return name ? name : "reserved";
}

bool rule_cap_known(const struct explain_check *c, enum explain_cap cap)
{
	return c->s->cap_known & BIT(cap);
}

u64 rule_cap(struct explain_check *c, enum explain_cap cap, u64 fallback)
{
	if (rule_cap_known(c, cap))
		return c->s->cap[cap];
	c->assumed = true;
	return fallback;
}

/*
 * 52 is the most that the architecture allows: what is wrong with it is wrong
 * everywhere. IA32_VMX_BASIC bit 48 limits addresses to 32 bits.
 */
u64 rule_beyond_phys(struct explain_check *c)
{
	if (rule_cap_known(c, XCAP_BASIC) && (c->s->cap[XCAP_BASIC] & BIT(48)))
		return BITS(63, 32);
	return c->s->phys_bits && c->s->phys_bits < 52 ? BITS(63, c->s->phys_bits) :
							 BITS(63, 52);
}

static bool canonical_to(u64 v, unsigned bits)
{
	u64 high = v & BITS(63, bits - 1);

	return !high || high == BITS(63, bits - 1);
}

/*
 * The CPU's linear-address width decides, not the mode that it is in. Where it isn't
 * known, CR4.LA57 in the guest or the host proves 57 bits; else 48 are assumed.
 * more: how many bits beyond the canonical ones are let pass.
 */
static bool canonical_here(struct explain_check *c, u64 v, unsigned more)
{
	u64 guest = 0, host = 0;

	if (c->s->linear_bits)
		return canonical_to(v, c->s->linear_bits + more);
	explain_get(c->s, F_GUEST_CR4, &guest);
	explain_get(c->s, F_HOST_CR4, &host);
	if ((guest | host) & CR4_LA57)
		return canonical_to(v, 57 + more);
	if (canonical_to(v, 48 + more))
		return true;
	if (canonical_to(v, 57 + more)) {
		c->assumed = true;
		text_add(&c->detail, "not canonical for 48 linear-address bits; a CPU with "
				     "5-level paging would take it");
	}
	return false;
}

bool rule_canonical(struct explain_check *c, u64 v)
{
	return canonical_here(c, v, 0);
}

bool rule_same_high_bits(struct explain_check *c, u64 v)
{
	return canonical_here(c, v, 1);
}

bool rule_pat_valid(u64 pat)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		u8 type = pat >> (8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

bool guest_ia32e(struct explain_check *c)
{
	return rule_ctl(c, CTL(ENTRY, 9));
}

bool guest_unrestricted(struct explain_check *c)
{
	return rule_ctl(c, CTL(PROC2, 7));
}

bool guest_v8086(struct explain_check *c)
{
	return rule_get(c, F_GUEST_RFLAGS) & RFLAGS_VM;
}

bool injects(struct explain_check *c, unsigned type)
{
	u64 info = rule_get(c, F_ENTRY_INTR_INFO);

	return (info & INTR_VALID) && INTR_TYPE(info) == type;
}

/* -- Generic checks --------------------------------------------------------------------- */

bool rule_zero(struct explain_check *c, const struct explain_rule *r)
{
	u64 bad = rule_get(c, r->field[0]) & r->mask;

	if (!bad)
		return false;
	bits_numbers(bad, &c->detail);
	text_add(&c->detail, " set");
	return true;
}

bool rule_nonzero(struct explain_check *c, const struct explain_rule *r)
{
	return !rule_get(c, r->field[0]);
}

bool rule_address(struct explain_check *c, const struct explain_rule *r)
{
	u64 v = rule_get(c, r->field[0]);
	u64 low = v & r->mask, high = v & rule_beyond_phys(c);

	if (!low && !high)
		return false;
	if (low) {
		bits_numbers(low, &c->detail);
		text_add(&c->detail, " set below the alignment%s", high ? "; " : "");
	}
	if (high) {
		bits_numbers(high, &c->detail);
		text_add(&c->detail, " set beyond the physical-address width");
	}
	return true;
}

bool rule_needs(struct explain_check *c, const struct explain_rule *r)
{
	if (rule_ctl(c, r->other))
		return false;
	text_add(&c->detail, "\"%s\" is 1, \"%s\" is 0", rule_ctl_name(r->when),
		 rule_ctl_name(r->other));
	return true;
}

bool rule_forbids(struct explain_check *c, const struct explain_rule *r)
{
	if (!rule_ctl(c, r->other))
		return false;
	if (r->when)
		text_add(&c->detail, "\"%s\" and \"%s\" are both 1", rule_ctl_name(r->when),
			 rule_ctl_name(r->other));
	else
		text_add(&c->detail, "\"%s\" is 1", rule_ctl_name(r->other));
	return true;
}

bool rule_not_canonical(struct explain_check *c, const struct explain_rule *r)
{
	return !rule_canonical(c, rule_get(c, r->field[0]));
}

bool rule_pat(struct explain_check *c, const struct explain_rule *r)
{
	return !rule_pat_valid(rule_get(c, r->field[0]));
}

bool rule_reserved(struct explain_check *c, u64 v, u64 cap)
{
	return rule_fixed(c, v, (u32)cap, cap >> 32, "");
}

bool rule_fixed(struct explain_check *c, u64 v, u64 ones, u64 allowed, const char *what)
{
	u64 must = ones & ~v, mustnt = v & ~allowed;

	if (must || mustnt)
		text_add(&c->detail, "%s", what);
	if (must) {
		bits_numbers(must, &c->detail);
		text_add(&c->detail, " must be 1%s", mustnt ? "; " : "");
	}
	if (mustnt) {
		bits_numbers(mustnt, &c->detail);
		text_add(&c->detail, " must be 0");
	}
	return must || mustnt;
}

u64 rule_control_cap(struct explain_check *c, enum explain_cap plain, enum explain_cap true_cap,
		     const struct bit_names *names, u64 ones)
{
	/* The TRUE_ MSR counts where there is one. */
	if (rule_cap_known(c, true_cap) && c->s->cap[true_cap])
		return c->s->cap[true_cap];
	return rule_cap(c, plain, (bits_defined(names) | ones) << 32 | ones);
}

/* -- The loop ------------------------------------------------------------------------------ */

const struct explain_rule *explain_rule_at(enum explain_vendor vendor, unsigned i)
{
	const struct rule_table *const *t = vendor == EXPLAIN_VMX ? vmx_tables : svm_tables;
	unsigned n = vendor == EXPLAIN_VMX ? COUNT_OF(vmx_tables) : COUNT_OF(svm_tables), k;

	for (k = 0; k < n; k++) {
		if (i < t[k]->n)
			return &t[k]->rule[i];
		i -= t[k]->n;
	}
	return NULL;
}

static void add_finding(struct explain_report *r, const struct explain_rule *rule,
			const struct explain_check *c)
{
	struct explain_finding *f;

	if (r->n_findings == EXPLAIN_FINDINGS_MAX) {
		r->n_dropped++;
		return;
	}
	f = &r->finding[r->n_findings++];
	f->rule = rule;
	f->assumed = c->assumed;
	__builtin_memcpy(f->detail, c->detail.at, c->detail.used + 1);
}

static void evaluate(const struct explain_state *s, const struct explain_rule *rule,
		     struct explain_report *r)
{
	char detail[sizeof(r->finding[0].detail)] = "";
	struct explain_check c = { .s = s, .detail = TEXT(detail) };
	bool broken;

	broken = (!rule->when || rule_ctl(&c, rule->when)) && rule->broken(&c, rule);
	if (c.missing) {
		if (r->n_unchecked < EXPLAIN_RULES_MAX)
			r->unchecked[r->n_unchecked++] =
				(struct explain_unchecked){ rule, c.missing };
		return;
	}
	r->n_checked++;
	if (broken)
		add_finding(r, rule, &c);
}

void explain_checks(const struct explain_state *s, struct explain_report *r)
{
	const struct explain_rule *rule;
	unsigned i;

	for (i = 0; (rule = explain_rule_at(s->vendor, i)); i++) {
		if (s->guest_only && (rule->group == GROUP_CONTROL || rule->group == GROUP_HOST))
			continue;
		r->n_rules++;
		evaluate(s, rule, r);
	}
}
