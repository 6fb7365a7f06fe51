/* SPDX-License-Identifier: MIT */
/* SDM3 "Checks on Guest Segment Registers" and "Checks on Guest Descriptor-Table Registers". */
#include "rules.h"

#define ROW_GROUP GROUP_GUEST
#define ROW_TITLE "Checks on Guest Segment Registers"

/* The registers' fields lie two apart, in the order of enum seg. */
#define SEL(s)		(F_GUEST_ES_SELECTOR + 2 * (s))
#define LIMIT(s)	(F_GUEST_ES_LIMIT + 2 * (s))
#define ACCESS(s)	(F_GUEST_ES_AR + 2 * (s))
#define BASE(s)		(F_GUEST_ES_BASE + 2 * (s))
#define AR_RESERVED_LOW	BITS(11, 8)
#define AR_RESERVED_HIGH BITS(31, 17)

static u64 ar(struct explain_check *c, unsigned s)
{
	return rule_get(c, ACCESS(s));
}

static u64 type(struct explain_check *c, unsigned s)
{
	return ar(c, s) & AR_TYPE;
}

/* Do the checks on a code or data segment's parts count? CS's always do. */
static bool counts(struct explain_check *c, unsigned s)
{
	return s == SEG_CS || !(ar(c, s) & AR_UNUSABLE);
}

/* ... by the rules for protected and real mode? */
static bool parts_count(struct explain_check *c, unsigned s)
{
	return !guest_v8086(c) && counts(c, s);
}

static bool usable(struct explain_check *c, unsigned s)
{
	return !(ar(c, s) & AR_UNUSABLE);
}

CHECK(tr_ti)
{
	return rule_get(c, SEL(r->arg)) & BIT(2);
}

CHECK(ldtr_ti)
{
	UNUSED(r);
	return usable(c, SEG_LDTR) && (rule_get(c, SEL(SEG_LDTR)) & BIT(2));
}

CHECK(ss_rpl)
{
	u64 ss, cs;

	UNUSED(r);
	if (guest_v8086(c) || guest_unrestricted(c))
		return false;
	ss = rule_get(c, SEL(SEG_SS)) & 3;
	cs = rule_get(c, SEL(SEG_CS)) & 3;
	if (ss != cs)
		text_add(&c->detail, "SS.RPL %llu, CS.RPL %llu", ULL(ss), ULL(cs));
	return ss != cs;
}

CHECK(v86_base)
{
	u64 base, sel;

	if (!guest_v8086(c))
		return false;
	base = rule_get(c, BASE(r->arg));
	sel = rule_get(c, SEL(r->arg));
	if (base != sel << 4)
		text_add(&c->detail, "base %#llx, selector * 16 = %#llx", ULL(base), ULL(sel << 4));
	return base != sel << 4;
}

CHECK(v86_limit)
{
	return guest_v8086(c) && rule_get(c, LIMIT(r->arg)) != 0xffff;
}

CHECK(v86_ar)
{
	return guest_v8086(c) && ar(c, r->arg) != 0xf3;
}

CHECK(base_canonical)
{
	return !rule_canonical(c, rule_get(c, BASE(r->arg)));
}

CHECK(base_canonical_if_usable)
{
	return usable(c, r->arg) && !rule_canonical(c, rule_get(c, BASE(r->arg)));
}

CHECK(base_high)
{
	return counts(c, r->arg) && (rule_get(c, BASE(r->arg)) >> 32);
}

CHECK(cs_type)
{
	u64 t = type(c, SEG_CS);

	UNUSED(r);
	if (guest_v8086(c) || t == 9 || t == 11 || t == 13 || t == 15)
		return false;
	if (t == 3 && guest_unrestricted(c))
		return false;
	text_add(&c->detail, "type %llu%s", ULL(t),
		 t == 3 ? ", which only \"unrestricted guest\" allows" : "");
	return true;
}

CHECK(ss_type)
{
	u64 t = type(c, SEG_SS);

	UNUSED(r);
	if (!parts_count(c, SEG_SS) || t == 3 || t == 7)
		return false;
	text_add(&c->detail, "type %llu", ULL(t));
	return true;
}

CHECK(data_type)
{
	u64 t = type(c, r->arg);

	if (!parts_count(c, r->arg))
		return false;
	if (!(t & 1))
		text_add(&c->detail, "type %llu: not accessed (bit 0)", ULL(t));
	else if ((t & 8) && !(t & 2))
		text_add(&c->detail, "type %llu: a code segment that isn't readable", ULL(t));
	else
		return false;
	return true;
}

CHECK(seg_s)
{
	return parts_count(c, r->arg) && !(ar(c, r->arg) & AR_S);
}

CHECK(cs_dpl)
{
	u64 t = type(c, SEG_CS), dpl = AR_DPL(ar(c, SEG_CS)), ss_dpl = AR_DPL(ar(c, SEG_SS));

	UNUSED(r);
	if (guest_v8086(c))
		return false;
	if (t == 3 && dpl)
		text_add(&c->detail, "type 3 with DPL %llu, must be 0", ULL(dpl));
	else if ((t == 9 || t == 11) && dpl != ss_dpl)
		text_add(&c->detail, "CS.DPL %llu, SS.DPL %llu: must be equal", ULL(dpl),
			 ULL(ss_dpl));
	else if ((t == 13 || t == 15) && dpl > ss_dpl)
		text_add(&c->detail, "conforming, CS.DPL %llu above SS.DPL %llu", ULL(dpl),
			 ULL(ss_dpl));
	else
		return false;
	return true;
}

/* The DPL of SS is the CPL, so it counts even where SS is unusable. */
CHECK(ss_dpl_rpl)
{
	u64 dpl, rpl;

	UNUSED(r);
	if (guest_v8086(c) || guest_unrestricted(c))
		return false;
	dpl = AR_DPL(ar(c, SEG_SS));
	rpl = rule_get(c, SEL(SEG_SS)) & 3;
	if (dpl != rpl)
		text_add(&c->detail, "SS.DPL %llu, SS.RPL %llu", ULL(dpl), ULL(rpl));
	return dpl != rpl;
}

CHECK(ss_dpl_real)
{
	bool real, data_cs;

	UNUSED(r);
	if (guest_v8086(c) || !AR_DPL(ar(c, SEG_SS)))
		return false;
	real = !(rule_get(c, F_GUEST_CR0) & CR0_PE);
	data_cs = type(c, SEG_CS) == 3;
	if (real || data_cs)
		text_add(&c->detail, "SS.DPL %u with %s", (unsigned)AR_DPL(ar(c, SEG_SS)),
			 real ? "CR0.PE 0" : "CS of type 3");
	return real || data_cs;
}

CHECK(data_dpl)
{
	u64 dpl, rpl;

	if (!parts_count(c, r->arg) || guest_unrestricted(c) || type(c, r->arg) > 11)
		return false;
	dpl = AR_DPL(ar(c, r->arg));
	rpl = rule_get(c, SEL(r->arg)) & 3;
	if (dpl < rpl)
		text_add(&c->detail, "DPL %llu below RPL %llu", ULL(dpl), ULL(rpl));
	return dpl < rpl;
}

CHECK(seg_present)
{
	return parts_count(c, r->arg) && !(ar(c, r->arg) & AR_P);
}

static bool reserved_bits(struct explain_check *c, u64 v)
{
	u64 bad = v & (AR_RESERVED_LOW | AR_RESERVED_HIGH);

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set");
	}
	return bad;
}

CHECK(seg_reserved)
{
	return parts_count(c, r->arg) && reserved_bits(c, ar(c, r->arg));
}

CHECK(cs_l_and_db)
{
	u64 v = ar(c, SEG_CS);

	UNUSED(r);
	return !guest_v8086(c) && (v & AR_L) && (v & AR_DB) && guest_ia32e(c);
}

static bool granularity(struct explain_check *c, unsigned s)
{
	u64 limit = rule_get(c, LIMIT(s)), g = ar(c, s) & AR_G;

	if (g && (limit & 0xfff) != 0xfff)
		text_add(&c->detail, "limit %#llx has a 0 in bits 11:0, but G is 1", ULL(limit));
	else if (!g && (limit & 0xfff00000))
		text_add(&c->detail, "limit %#llx is above 1 MiB, but G is 0", ULL(limit));
	else
		return false;
	return true;
}

CHECK(seg_g)
{
	return parts_count(c, r->arg) && granularity(c, r->arg);
}

CHECK(tr_type)
{
	u64 t = type(c, SEG_TR);
	bool ia32e;

	UNUSED(r);
	if (t == 11)
		return false;
	ia32e = guest_ia32e(c);
	if (t == 3 && !ia32e)
		return false;
	text_add(&c->detail, "type %llu%s", ULL(t),
		 t == 3 ? " in IA-32e mode" : t == 9 || t == 1 ? ": an available TSS, not busy" : "");
	return true;
}

/* System registers: arg is SEG_TR, or SEG_LDTR where it is usable. */
static bool system_counts(struct explain_check *c, const struct explain_rule *r)
{
	return r->arg == SEG_TR || usable(c, r->arg);
}

CHECK(system_s)
{
	return system_counts(c, r) && (ar(c, r->arg) & AR_S);
}

CHECK(system_present)
{
	return system_counts(c, r) && !(ar(c, r->arg) & AR_P);
}

CHECK(system_reserved)
{
	return system_counts(c, r) && reserved_bits(c, ar(c, r->arg));
}

CHECK(system_g)
{
	return system_counts(c, r) && granularity(c, r->arg);
}

CHECK(tr_unusable)
{
	UNUSED(r);
	return ar(c, SEG_TR) & AR_UNUSABLE;
}

CHECK(ldtr_type)
{
	UNUSED(r);
	if (!usable(c, SEG_LDTR) || type(c, SEG_LDTR) == 2)
		return false;
	text_add(&c->detail, "type %llu", ULL(type(c, SEG_LDTR)));
	return true;
}

CHECK(table_limit)
{
	return rule_zero(c, r);
}

/* -- The table --------------------------------------------------------------------------------- */

#define SEGROW(name, id_, fn_, says_, cause_, fix_, ...)			\
	ROW("guest." #name "." id_, fn_, says_, cause_, fix_, .arg = SEG_##name, \
	    .field = { __VA_ARGS__ })
#define FROM_DESCRIPTOR "the access rights were put together by hand, not from a descriptor"
#define V86_CAUSE "virtual-8086 mode was entered without giving the segments their fixed form"

#define V86_RULES(name)								\
	SEGROW(name, "v86.base", v86_base, "in virtual-8086 mode the base must be the " \
	       "selector times 16", V86_CAUSE, "base = selector << 4",		\
	       F_GUEST_##name##_BASE, F_GUEST_##name##_SELECTOR),		\
	SEGROW(name, "v86.limit", v86_limit, "in virtual-8086 mode the limit must be 0xffff", \
	       V86_CAUSE, "0xffff", F_GUEST_##name##_LIMIT),			\
	SEGROW(name, "v86.ar", v86_ar, "in virtual-8086 mode the access rights must be 0xf3", \
	       V86_CAUSE, "0xf3", F_GUEST_##name##_AR)

#define CODE_DATA_RULES(name)							\
	SEGROW(name, "s", seg_s, #name " must be a code or data segment (S, bit 4)", \
	       FROM_DESCRIPTOR, "bit 4 = 1, or the unusable bit (16) for a null segment", \
	       F_GUEST_##name##_AR),						\
	SEGROW(name, "present", seg_present, #name " must be present (P, bit 7)", \
	       "a null or absent segment was given no unusable bit",		\
	       "bit 7 = 1, or the unusable bit (16) for a null segment", F_GUEST_##name##_AR), \
	SEGROW(name, "reserved", seg_reserved, "bits 11:8 and 31:17 of " #name "'s access " \
	       "rights must be 0",						\
	       "the limit's upper bits 19:16 were left in when a descriptor was shifted", \
	       "0 in these bits", F_GUEST_##name##_AR),				\
	SEGROW(name, "g", seg_g, "G must fit " #name "'s limit: 1 if the limit needs bits " \
	       "31:20, 0 if bits 11:0 aren't all 1",				\
	       "the limit wasn't scaled: the VMCS holds it in bytes",		\
	       "for 4 GiB limit 0xffffffff with G 1", F_GUEST_##name##_LIMIT,	\
	       F_GUEST_##name##_AR)

#define DATA_RULES(name)							\
	SEGROW(name, "type", data_type, #name " must be accessed (type bit 0), and readable " \
	       "if it is a code segment",					\
	       "the type was copied from a descriptor in memory that nobody had loaded yet", \
	       "type 3 for data; or the unusable bit (16)", F_GUEST_##name##_AR), \
	SEGROW(name, "dpl", data_dpl, #name "'s DPL must not be below its RPL (without " \
	       "\"unrestricted guest\")",					\
	       "the guest changed its CPL and the segment stayed",		\
	       "DPL >= RPL; or the unusable bit (16)", F_GUEST_##name##_AR,	\
	       F_GUEST_##name##_SELECTOR),					\
	CODE_DATA_RULES(name)

#define HIGH_RULE(name)								\
	SEGROW(name, "base", base_high, "bits 63:32 of " #name "'s base must be 0", \
	       "a 64-bit base, or a sign-extended one, was written", "a base below 4 GiB", \
	       F_GUEST_##name##_BASE)
#define CANONICAL_RULE(name, fn_)						\
	SEGROW(name, "base", fn_, #name "'s base must be canonical",		\
	       "the guest's WRMSR was stored unchecked, or the field was never written", \
	       "a canonical address", F_GUEST_##name##_BASE)

#define SYSTEM_RULES(name)							\
	SEGROW(name, "s", system_s, #name " must be a system segment (S, bit 4, 0)", \
	       FROM_DESCRIPTOR, "bit 4 = 0", F_GUEST_##name##_AR),		\
	SEGROW(name, "present", system_present, #name " must be present (P, bit 7)", \
	       "the register was never loaded or written", "bit 7 = 1",	F_GUEST_##name##_AR), \
	SEGROW(name, "reserved", system_reserved, "bits 11:8 and 31:17 of " #name "'s access " \
	       "rights must be 0", FROM_DESCRIPTOR, "0 in these bits", F_GUEST_##name##_AR), \
	SEGROW(name, "g", system_g, "G must fit " #name "'s limit: 1 if the limit needs bits " \
	       "31:20, 0 if bits 11:0 aren't all 1",				\
	       "the limit wasn't scaled: the VMCS holds it in bytes", "G 0 with a limit " \
	       "below 1 MiB", F_GUEST_##name##_LIMIT, F_GUEST_##name##_AR)

static const struct explain_rule rules[] = {
	SEGROW(TR, "ti", tr_ti, "TR must not point into the LDT", "the selector was never written",
	       "a GDT selector (bit 2 = 0)", F_GUEST_TR_SELECTOR),
	SEGROW(LDTR, "ti", ldtr_ti, "LDTR must not point into the LDT, if it is usable",
	       "the selector was never written", "a GDT selector (bit 2 = 0)",
	       F_GUEST_LDTR_SELECTOR, F_GUEST_LDTR_AR),
	SEGROW(SS, "rpl", ss_rpl, "SS and CS must have the same RPL (without \"unrestricted guest\")",
	       "the guest's mode switch was cut short between loading CS and SS",
	       "SS.RPL = CS.RPL, or emulate until both are loaded",
	       F_GUEST_SS_SELECTOR, F_GUEST_CS_SELECTOR),
	V86_RULES(CS), V86_RULES(SS), V86_RULES(DS), V86_RULES(ES), V86_RULES(FS), V86_RULES(GS),
	CANONICAL_RULE(TR, base_canonical), CANONICAL_RULE(FS, base_canonical),
	CANONICAL_RULE(GS, base_canonical), CANONICAL_RULE(LDTR, base_canonical_if_usable),
	HIGH_RULE(CS), HIGH_RULE(SS), HIGH_RULE(DS), HIGH_RULE(ES),
	SEGROW(CS, "type", cs_type, "CS must be an accessed code segment (type 9, 11, 13, 15), or "
	       "with \"unrestricted guest\" accessed read/write data (type 3)",
	       "the type was copied from a descriptor whose accessed bit isn't set, or real mode's "
	       "data-like CS is used without \"unrestricted guest\"",
	       "type 11 (access rights 0x9b for 16 bits, 0xa09b for 64)", F_GUEST_CS_AR,
	       F_PROC_CTLS2),
	SEGROW(SS, "type", ss_type, "SS must be accessed read/write data (type 3 or 7), if it is "
	       "usable", "the type was copied from a descriptor whose accessed bit isn't set",
	       "type 3 (access rights 0x93); or the unusable bit (16)", F_GUEST_SS_AR),
	SEGROW(CS, "dpl", cs_dpl, "CS.DPL must be SS.DPL (a conforming CS's not above it, type "
	       "3's 0)", "CS and SS come from different privilege levels",
	       "the same DPL in both: SS.DPL is the CPL", F_GUEST_CS_AR, F_GUEST_SS_AR),
	SEGROW(SS, "dpl-rpl", ss_dpl_rpl, "SS.DPL must be SS.RPL (without \"unrestricted guest\")",
	       "the selector was changed and the access rights were not",
	       "SS.DPL = SS.RPL = CPL", F_GUEST_SS_AR, F_GUEST_SS_SELECTOR),
	SEGROW(SS, "dpl-real", ss_dpl_real, "SS.DPL must be 0 in real mode or with CS of type 3",
	       "the guest left protected mode at a CPL above 0, or SS was left from virtual-8086 mode",
	       "SS.DPL 0", F_GUEST_SS_AR, F_GUEST_CR0, F_GUEST_CS_AR),
	CODE_DATA_RULES(CS), CODE_DATA_RULES(SS),
	DATA_RULES(DS), DATA_RULES(ES), DATA_RULES(FS), DATA_RULES(GS),
	SEGROW(CS, "l-db", cs_l_and_db, "in IA-32e mode CS.D/B must be 0 where CS.L is 1",
	       "the access rights are 0xc09b with L added, instead of 0xa09b",
	       "access rights 0xa09b for 64-bit code", F_GUEST_CS_AR, F_ENTRY_CTLS),
	SEGROW(TR, "type", tr_type, "TR must be a busy TSS: type 11, or without IA-32e mode type 3",
	       "TR was never loaded (all 0), or its type was copied from the GDT before LTR set the "
	       "busy bit", "access rights 0x8b, limit 0x67, even if the guest has no TSS",
	       F_GUEST_TR_AR, F_ENTRY_CTLS),
	SYSTEM_RULES(TR),
	SEGROW(TR, "unusable", tr_unusable, "TR must not be unusable",
	       "an empty TR was treated like an empty LDTR",
	       "access rights 0x8b, limit 0x67, even if the guest has no TSS", F_GUEST_TR_AR),
	SEGROW(LDTR, "type", ldtr_type, "LDTR must be of type 2 (LDT), if it is usable",
	       "an empty LDTR was given no unusable bit", "access rights 0x82, or 0x10000 (unusable)",
	       F_GUEST_LDTR_AR),
	SYSTEM_RULES(LDTR),
#undef ROW_TITLE
#define ROW_TITLE "Checks on Guest Descriptor-Table Registers"
	ROW("guest.gdtr.base", rule_not_canonical, "GDTR's base must be canonical",
	    "the field was never written, or holds a stale or wrongly read value",
	    "a canonical address (0 will do where the guest loads its own)",
	    .field = { F_GUEST_GDTR_BASE }),
	ROW("guest.idtr.base", rule_not_canonical, "IDTR's base must be canonical",
	    "the field was never written, or holds a stale or wrongly read value",
	    "a canonical address (0 will do where the guest loads its own)",
	    .field = { F_GUEST_IDTR_BASE }),
	ROW("guest.gdtr.limit", table_limit, "bits 31:16 of GDTR's limit must be 0",
	    "a segment's limit was written into a descriptor table's field", "at most 0xffff",
	    .field = { F_GUEST_GDTR_LIMIT }, .mask = BITS(31, 16)),
	ROW("guest.idtr.limit", table_limit, "bits 31:16 of IDTR's limit must be 0",
	    "a segment's limit was written into a descriptor table's field", "at most 0xffff",
	    .field = { F_GUEST_IDTR_LIMIT }, .mask = BITS(31, 16)),
};

const struct rule_table rules_guest_seg = { rules, COUNT_OF(rules) };
