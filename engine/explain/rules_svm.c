/* SPDX-License-Identifier: MIT */
/*
 * APM2 "Canonicalization and Consistency Checks": why VMRUN refuses a VMCB. The checks
 * are engine/svm/check.c's; here are the words, and which fields each of them needs.
 */
#include "rules.h"

#include "../svm/check.h"

#define ROW_GROUP GROUP_SVM
#define ROW_TITLE "Canonicalization and Consistency Checks"

/* Offsets less 1 would make the first field 0, which ends the list: so plus 1. */
#define VC(member)	(offsetof(struct vmcb, c.member) + 1)
#define VS(member)	(offsetof(struct vmcb, s.member) + 1)

/* What some AMD CPU has. */
#define CR4_AMD	(BITS(12, 0) | BITS(18, 16) | BITS(23, 20))

static bool fields_known(struct explain_check *c, const struct explain_rule *r)
{
	unsigned i;
	u64 v;

	for (i = 0; i < COUNT_OF(r->field) && r->field[i]; i++) {
		if (explain_get_vmcb(c->s, r->field[i] - 1u, &v))
			continue;
		c->missing = r->field[i];
		return false;
	}
	return true;
}

/* The rule of check.c that goes by this text. */
static const struct svm_rule *find(const char *text)
{
	unsigned i;
	const char *a, *b;

	for (i = 0; i < svm_rule_count; i++) {
		for (a = svm_rules[i].text, b = text; *a && *a == *b; a++, b++)
			;
		if (*a == *b)
			return &svm_rules[i];
	}
	return NULL;
}

static const char *key_of(const struct explain_rule *r);

CHECK(by_table)
{
	struct svm_limits limits = {
		.phys_bits = c->s->phys_bits ? c->s->phys_bits : 52, .cr4_valid = CR4_AMD,
	};
	const struct svm_rule *rule = find(key_of(r));

	if (!rule || !fields_known(c, r))
		return false;
	c->assumed = !c->s->phys_bits;
	if (!rule->broken(&c->s->vmcb, &limits))
		return false;
	text_add(&c->detail, "%s", rule->text);
	return true;
}

/* APM2 "Event Injection": an event that the guest's mode can't have. */
CHECK(impossible_event)
{
	u64 info = c->s->vmcb.c.event_inject, vector = FIELD(info, 7, 0);
	bool in64 = (c->s->vmcb.s.efer & EFER_LMA) && (c->s->vmcb.s.cs.attrib & BIT(9));

	if (!fields_known(c, r) || !(info & EVENT_INJ_V) || !in64 ||
	    FIELD(info, 10, 8) != EVENT_INJ_EXCEPTION || (vector != VEC_BR && vector != VEC_OF))
		return false;
	text_add(&c->detail, "%s in 64-bit mode", explain_vector_name((unsigned)vector));
	return true;
}

static const struct explain_rule rules[] = {
	ROW("svm.efer.svme", by_table, "EFER.SVME must be 1 in the guest's EFER",
	    "the guest's own EFER was written without SVME",
	    "EFER.SVME 1, hidden from the guest by intercepting its accesses",
	    .field = { VS(efer) }),
	ROW("svm.cr0.nw", by_table, "CR0.NW must be 0 where CR0.CD is 0",
	    "the guest's write to CR0 was stored without the check that raises #GP", "CR0.NW 0",
	    .field = { VS(cr0) }),
	ROW("svm.cr0.high", by_table, "CR0[63:32] must be 0", "the field was never written", "0",
	    .field = { VS(cr0) }),
	ROW("svm.cr3", by_table, "CR3 must have no bits beyond the physical-address width",
	    "bit 63 of the operand of MOV to CR3 was stored, or an encryption bit",
	    "CR3 within the physical-address width",
	    .field = { VS(cr3) }),
	ROW("svm.cr4", by_table, "CR4 must have no reserved bits",
	    "a feature that this CPU doesn't have, or CR4.VMXE of the other vendor",
	    "only bits that CPUID allows", .field = { VS(cr4) }),
	ROW("svm.cr4.cet", by_table, "with CR4.CET, CR0.WP must be 1",
	    "CR0 and CR4 were taken from different states", "CR0.WP 1",
	    .field = { VS(cr4), VS(cr0) }),
	ROW("svm.dr6", by_table, "DR6[63:32] must be 0", "the field was never written",
	    "0xffff0ff0 after reset", .field = { VS(dr6) }),
	ROW("svm.dr7", by_table, "DR7[63:32] must be 0", "the field was never written",
	    "0x400 after reset", .field = { VS(dr7) }),
	ROW("svm.efer.reserved", by_table, "EFER must have no reserved bits",
	    "the guest's WRMSR was stored unchecked", "only bits that CPUID allows",
	    .field = { VS(efer) }),
	ROW("svm.long.pae", by_table, "with EFER.LME and CR0.PG, CR4.PAE must be 1",
	    "long mode was set up without PAE", "CR4.PAE 1",
	    .field = { VS(efer), VS(cr0), VS(cr4) }),
	ROW("svm.long.pe", by_table, "with EFER.LME and CR0.PG, CR0.PE must be 1",
	    "CR0 was put together by hand", "CR0.PE 1", .field = { VS(efer), VS(cr0) }),
	ROW("svm.cs.l-d", by_table, "in long mode CS.D must be 0 where CS.L is 1",
	    "the attributes are those of 32-bit code with L added", "attributes 0x29b for 64-bit code",
	    .field = { VS(efer), VS(cr0), VS(cr4), VS(cs.attrib) }),
	ROW("svm.vmrun", by_table, "the VMRUN intercept must be on",
	    "the second vector of intercepts was never written", "bit 0 of that vector 1",
	    .field = { VC(misc2) }),
	ROW("svm.iopm", by_table, "the I/O permission map must lie in physical memory",
	    "the address was never written, or is a virtual one",
	    "physical address of 12 KiB, page-aligned", .field = { VC(iopm), VC(misc1) }),
	ROW("svm.msrpm", by_table, "the MSR permission map must lie in physical memory",
	    "the address was never written, or is a virtual one",
	    "physical address of 8 KiB, page-aligned", .field = { VC(msrpm), VC(misc1) }),
	ROW("svm.asid", by_table, "the guest's ASID must not be 0", "0 is the host's",
	    "1 up to the number of ASIDs less 1", .field = { VC(asid) }),
	ROW("svm.n-cr3", by_table, "nested CR3 must lie in physical memory",
	    "the field was never written, or is a virtual address",
	    "physical address of the nested page tables' root",
	    .field = { VC(nested_cr3), VC(nested_ctl) }),
	ROW("svm.g-pat", by_table, "with nested paging each byte of G_PAT must be a memory type",
	    "the field was never written", "0x0007040600070406 after reset",
	    .field = { VS(g_pat), VC(nested_ctl) }),
	ROW("svm.event.type", by_table, "EVENTINJ's type must be 0, 2, 3 or 4",
	    "the field was put together for the other vendor", "0 interrupt, 2 NMI, 3 exception, "
	    "4 software interrupt", .field = { VC(event_inject) }),
	ROW("svm.event.vector", by_table, "an injected exception's vector must be at most 31 and not 2",
	    "an NMI was injected as an exception", "type 2 for an NMI",
	    .field = { VC(event_inject) }),
	ROW("svm.event.mode", impossible_event,
	    "an injected exception must be one that the guest's mode can have",
	    "an exception was queued in one mode and injected in another", "no #BR or #OF in 64-bit mode",
	    .field = { VC(event_inject), VS(efer), VS(cs.attrib) }),
};

/* check.c's texts, in the order of the rows. */
static const char *const keys[] = {
	"EFER.SVME is 0", "CR0.NW is 1 while CR0.CD is 0", "CR0[63:32] are not 0",
	"CR3 has bits above the physical address width", "CR4 has bits that this CPU doesn't know",
	"CR4.CET is 1 while CR0.WP is 0", "DR6[63:32] are not 0", "DR7[63:32] are not 0",
	"EFER has reserved bits", "EFER.LME and CR0.PG are 1 while CR4.PAE is 0",
	"EFER.LME and CR0.PG are 1 while CR0.PE is 0",
	"EFER.LME, CR0.PG, CR4.PAE, CS.L and CS.D are all 1", "the VMRUN intercept is off",
	"the I/O permission map reaches beyond physical memory",
	"the MSR permission map reaches beyond physical memory", "the ASID is 0",
	"nested CR3 is beyond physical memory", "G_PAT has a memory type that doesn't exist",
	"EVENTINJ has a reserved type",
	"EVENTINJ injects an exception with vector 2 or above 31", "",
};
_Static_assert(COUNT_OF(keys) == COUNT_OF(rules), "one for each");

static const char *key_of(const struct explain_rule *r)
{
	return keys[r - rules];
}

const struct rule_table rules_svm = { rules, COUNT_OF(rules) };
