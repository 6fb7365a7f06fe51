/* SPDX-License-Identifier: MIT */
/* SDM3 "Loading MSRs": what fails a VM entry with reason 34. */
#include "rules.h"

#define ROW_GROUP GROUP_MSR
#define ROW_TITLE "Loading MSRs"

/* Calls bad() for each entry of the area that the count covers. */
static bool any_entry(struct explain_check *c,
		      bool (*bad)(struct explain_check *c, const struct explain_msr *m))
{
	u64 n = rule_get(c, F_ENTRY_MSR_LOAD_COUNT), i;

	if (!n)
		return false;
	if (!c->s->entry_msrs_known) {
		c->missing = F_ENTRY_MSR_LOAD_ADDR;
		return false;
	}
	for (i = 0; i < n && i < c->s->n_entry_msrs; i++) {
		const struct explain_msr *m = &c->s->entry_msrs[i];

		if (!bad(c, m))
			continue;
		text_add(&c->detail, "entry %llu: MSR %#x%s%s%s, value %#llx", ULL(i + 1),
			 m->index, explain_msr_name(m->index) ? " (" : "",
			 explain_msr_name(m->index) ? explain_msr_name(m->index) : "",
			 explain_msr_name(m->index) ? ")" : "", ULL(m->value));
		return true;
	}
	return false;
}

static bool is_base(struct explain_check *c, const struct explain_msr *m)
{
	UNUSED(c);
	return m->index == MSR_FS_BASE || m->index == MSR_GS_BASE;
}

static bool is_x2apic(struct explain_check *c, const struct explain_msr *m)
{
	UNUSED(c);
	return m->index >> 8 == 8;
}

static bool is_smm_only(struct explain_check *c, const struct explain_msr *m)
{
	UNUSED(c);
	return m->index == 0x9b || m->index == 0x9e;
}

static bool has_reserved(struct explain_check *c, const struct explain_msr *m)
{
	UNUSED(c);
	return m->reserved;
}

/* A value that WRMSR would refuse. Only what is the same on every CPU. */
static bool has_bad_value(struct explain_check *c, const struct explain_msr *m)
{
	switch (m->index) {
	case MSR_EFER:
		return m->value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	case MSR_PAT:
		return !rule_pat_valid(m->value);
	case MSR_SYSENTER_ESP: case MSR_SYSENTER_EIP: case MSR_LSTAR: case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
		return !rule_canonical(c, m->value);
	case MSR_SYSCALL_MASK: case MSR_TSC_AUX:
		return m->value >> 32;
	default:
		return false;
	}
}

#define ENTRY_CHECK(name, bad)						\
	CHECK(name) { UNUSED(r); return any_entry(c, bad); }
ENTRY_CHECK(loads_base, is_base)
ENTRY_CHECK(loads_x2apic, is_x2apic)
ENTRY_CHECK(loads_smm, is_smm_only)
ENTRY_CHECK(reserved_not_zero, has_reserved)
ENTRY_CHECK(bad_value, has_bad_value)

CHECK(too_many)
{
	u64 n = rule_get(c, r->field[0]);
	u64 max = 512 * (FIELD(rule_cap(c, XCAP_MISC, 0), 27, 25) + 1);

	if (n <= max)
		return false;
	text_add(&c->detail, "%llu entries, at most %llu are recommended", ULL(n), ULL(max));
	return n > 512 * 8;
}

#define FIELDS .field = { F_ENTRY_MSR_LOAD_COUNT, F_ENTRY_MSR_LOAD_ADDR }

static const struct explain_rule rules[] = {
	ROW("msr.base", loads_base, "IA32_FS_BASE and IA32_GS_BASE can't be in the VM-entry "
	    "MSR-load area", "they have VMCS fields of their own (guest FS and GS base)",
	    "leave them out", FIELDS),
	ROW("msr.x2apic", loads_x2apic, "MSRs 0x800 to 0x8ff can't be in the VM-entry MSR-load area",
	    "the guest's x2APIC was to be loaded into the CPU's", "leave them out", FIELDS),
	ROW("msr.smm", loads_smm, "MSRs that only SMM may write can't be in the VM-entry MSR-load "
	    "area", "the list was made from all MSRs", "leave them out", FIELDS),
	ROW("msr.reserved", reserved_not_zero, "bits 63:32 of an entry must be 0",
	    "the area wasn't cleared, or its layout isn't index, 0, value", "0", FIELDS),
	ROW("msr.value", bad_value, "the value must be one that WRMSR would take",
	    "the guest's WRMSR was stored without the check that raises #GP",
	    "a value without reserved bits, a canonical address", FIELDS),
	ROW("msr.count", too_many, "an area beyond 512 * (IA32_VMX_MISC[27:25] + 1) entries is "
	    "undefined behaviour", "the count was never written", "the number of entries",
	    .field = { F_ENTRY_MSR_LOAD_COUNT }),
};

const struct rule_table rules_msr = { rules, COUNT_OF(rules) };
