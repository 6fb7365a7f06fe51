/* SPDX-License-Identifier: MIT */
/* What the tables of rules share. */
#ifndef VELLUM_ENGINE_EXPLAIN_RULES_H
#define VELLUM_ENGINE_EXPLAIN_RULES_H

#include "bits.h"

/* One rule being evaluated. */
struct explain_check {
	const struct explain_state *s;
	u16 missing;		/* first field that was needed and isn't known; 0: none */
	bool assumed;		/* something unknown was taken as CPUs usually have it */
	struct text detail;
};

/* A bit of a control field as one number; never 0. */
enum { XCTL_PIN = 1, XCTL_PROC, XCTL_PROC2, XCTL_PROC3, XCTL_EXIT, XCTL_EXIT2, XCTL_ENTRY };
#define CTL(field, bit)	(XCTL_##field << 8 | (bit))

struct rule_table {
	const struct explain_rule *rule;
	unsigned n;
};

extern const struct rule_table rules_exec, rules_exit_entry, rules_host, rules_guest_cr;
extern const struct rule_table rules_guest_seg, rules_guest_state, rules_msr, rules_svm;

#define CHECK(name)							\
	static bool name(struct explain_check *c, const struct explain_rule *r)
#define UNUSED(x)	((void)(x))

/* A row: designated initializers for the rest come last. */
#define ROW(id_, fn_, says_, cause_, fix_, ...)				\
	{ .group = ROW_GROUP, .title = ROW_TITLE, .id = id_, .broken = fn_, \
	  .says = says_, .cause = cause_, .fix = fix_, __VA_ARGS__ }

/* Field's value; 0 and c->missing if it isn't known. */
u64 rule_get(struct explain_check *c, u32 encoding);
bool rule_known(const struct explain_check *c, u32 encoding);
/* Is this control 1? Secondary and tertiary ones count only where activated. */
bool rule_ctl(struct explain_check *c, unsigned ctl);
/* The name of a control: "use TPR shadow". */
const char *rule_ctl_name(unsigned ctl);

/* A capability MSR, or fallback where it isn't known. */
u64 rule_cap(struct explain_check *c, enum explain_cap cap, u64 fallback);
bool rule_cap_known(const struct explain_check *c, enum explain_cap cap);
/* Bits that a physical address must not have. */
u64 rule_beyond_phys(struct explain_check *c);
bool rule_canonical(struct explain_check *c, u64 v);
/* The bits from the linear-address width on are all 0 or all 1. */
bool rule_same_high_bits(struct explain_check *c, u64 v);
bool rule_pat_valid(u64 pat);

/* Reserved settings: allowed 0-settings in the low half of cap, 1-settings in the high. */
bool rule_reserved(struct explain_check *c, u64 v, u64 cap);
/* The same with two masks. */
bool rule_fixed(struct explain_check *c, u64 v, u64 ones, u64 allowed, const char *what);
/*
 * What a control field may have: the capability MSR, or where it isn't known all bits
 * that are defined, with `ones` 1.
 */
u64 rule_control_cap(struct explain_check *c, enum explain_cap plain, enum explain_cap true_cap,
		     const struct bit_names *names, u64 ones);

/* The guest after the entry, as the manual's conditions have it. */
bool guest_ia32e(struct explain_check *c);
bool guest_unrestricted(struct explain_check *c);
bool guest_v8086(struct explain_check *c);
/* Is an event of this type to be injected? */
bool injects(struct explain_check *c, unsigned type);

/* Checks that need no code of their own. */
bool rule_zero(struct explain_check *c, const struct explain_rule *r);	/* mask of field[0] */
bool rule_nonzero(struct explain_check *c, const struct explain_rule *r);
bool rule_address(struct explain_check *c, const struct explain_rule *r); /* low mask, width */
bool rule_needs(struct explain_check *c, const struct explain_rule *r);	/* other is 1 */
bool rule_forbids(struct explain_check *c, const struct explain_rule *r); /* other is 0 */
bool rule_not_canonical(struct explain_check *c, const struct explain_rule *r);
bool rule_pat(struct explain_check *c, const struct explain_rule *r);

#endif
