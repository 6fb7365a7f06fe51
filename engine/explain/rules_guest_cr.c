/* SPDX-License-Identifier: MIT */
/* SDM3 "Checks on Guest Control Registers, Debug Registers, and MSRs". */
#include "rules.h"

#define ROW_GROUP GROUP_GUEST
#define ROW_TITLE "Checks on Guest Control Registers, Debug Registers, and MSRs"

#define CR4_CET		BIT(23)

/* Unrestricted guest frees PE and PG; CD and NW are never looked at. */
CHECK(guest_cr0)
{
	u64 v = rule_get(c, r->field[0]);
	u64 ones = rule_cap(c, XCAP_CR0_FIXED0, CR0_PE | CR0_NE | CR0_PG);

	ones &= ~(CR0_CD | CR0_NW);
	if (guest_unrestricted(c))
		ones &= ~(CR0_PE | CR0_PG);
	return rule_fixed(c, v, ones,
			  rule_cap(c, XCAP_CR0_FIXED1, 0xffffffff) | CR0_CD | CR0_NW, "");
}

CHECK(guest_pg_without_pe)
{
	u64 v = rule_get(c, r->field[0]);

	return (v & CR0_PG) && !(v & CR0_PE);
}

CHECK(guest_cr4)
{
	return rule_fixed(c, rule_get(c, r->field[0]), rule_cap(c, XCAP_CR4_FIXED0, CR4_VMXE),
			  rule_cap(c, XCAP_CR4_FIXED1, bits_defined(&bits_cr4)), "");
}

CHECK(guest_cet_without_wp)
{
	return (rule_get(c, r->field[0]) & CR4_CET) && !(rule_get(c, r->field[1]) & CR0_WP);
}

#define DEBUGCTL_DEFINED (BITS(2, 0) | BITS(15, 6))

CHECK(ia32e_without_pg)
{
	return !(rule_get(c, r->field[0]) & CR0_PG);
}

CHECK(ia32e_without_pae)
{
	return !(rule_get(c, r->field[0]) & CR4_PAE);
}

CHECK(pcide_without_ia32e)
{
	return !guest_ia32e(c) && (rule_get(c, r->field[0]) & CR4_PCIDE);
}

/* Bits 62:61 are LAM's. */
CHECK(guest_cr3)
{
	u64 bad = rule_get(c, r->field[0]) & rule_beyond_phys(c) & ~BITS(62, 61);

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set beyond the physical-address width");
	}
	return bad;
}

CHECK(guest_efer_reserved)
{
	u64 bad = rule_get(c, r->field[0]) & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " reserved on Intel CPUs");
	}
	return bad;
}

CHECK(guest_efer_lma)
{
	bool lma = rule_get(c, r->field[0]) & EFER_LMA, ia32e = guest_ia32e(c);

	if (lma != ia32e)
		text_add(&c->detail, "EFER.LMA is %u, \"IA-32e mode guest\" is %u", lma, ia32e);
	return lma != ia32e;
}

CHECK(guest_efer_lme)
{
	u64 v = rule_get(c, r->field[0]);

	if (!(rule_get(c, r->field[1]) & CR0_PG) || !(v & EFER_LMA) == !(v & EFER_LME))
		return false;
	text_add(&c->detail, "CR0.PG is 1, EFER.LMA is %u, EFER.LME is %u", !!(v & EFER_LMA),
		 !!(v & EFER_LME));
	return true;
}

CHECK(guest_bndcfgs)
{
	u64 v = rule_get(c, r->field[0]);

	if (v & BITS(11, 2))
		text_add(&c->detail, "bits 11:2 set");
	return (v & BITS(11, 2)) || !rule_canonical(c, v & ~PG_OFFSET_MASK);
}

CHECK(guest_s_cet)
{
	u64 v = rule_get(c, r->field[0]);

	if ((v & BITS(9, 6)) || (v & BITS(11, 10)) == BITS(11, 10))
		text_add(&c->detail, "reserved bits, or SUPPRESS and TRACKER together");
	else if (rule_canonical(c, v))
		return false;
	return true;
}

#define RTIT_RESERVED (BIT(18) | BIT(23) | BITS(30, 28) | BITS(54, 48) | BITS(63, 57))
#define NOT_WRITTEN "the field was never written"

static const struct explain_rule rules[] = {
	ROW("guest.cr0", guest_cr0,
	    "guest CR0 must have the bits that VMX operation fixes (IA32_VMX_CR0_FIXED0 and "
	    "_FIXED1): NE always, PE and PG too unless \"unrestricted guest\" is 1",
	    "the guest's own CR0 was written without what VMX adds to it; or a guest in real "
	    "mode or without paging was to run without \"unrestricted guest\"",
	    "CR0.NE 1 with the guest's value in the read shadow; for real mode \"unrestricted "
	    "guest\" (and EPT), or virtual-8086 mode, or emulation",
	    .field = { F_GUEST_CR0, F_PROC_CTLS2 }),
	ROW("guest.cr0.pg-pe", guest_pg_without_pe, "with CR0.PG, CR0.PE must be 1",
	    "a value was put together by hand, or CR0 was saved between two modes",
	    "CR0.PE 1, or CR0.PG 0", .field = { F_GUEST_CR0 }),
	ROW("guest.cr4", guest_cr4,
	    "guest CR4 must have the bits that VMX operation fixes (IA32_VMX_CR4_FIXED0 and "
	    "_FIXED1): VMXE always",
	    "the guest's own CR4 was written without VMXE, or has bits of a feature that this "
	    "CPU doesn't have",
	    "CR4.VMXE 1 with the guest's value in the read shadow", .field = { F_GUEST_CR4 }),
	ROW("guest.cr4.cet", guest_cet_without_wp, "with CR4.CET, CR0.WP must be 1",
	    "CR0 and CR4 were taken from different states", "CR0.WP 1",
	    .field = { F_GUEST_CR4, F_GUEST_CR0 }),
	ROW("guest.debugctl", rule_zero, "reserved bits of guest IA32_DEBUGCTL must be 0",
	    NOT_WRITTEN, "0, or \"load debug controls\" 0", .field = { F_GUEST_DEBUGCTL },
	    .when = CTL(ENTRY, 2), .mask = ~DEBUGCTL_DEFINED),
	ROW("guest.ia32e.pg", ia32e_without_pg, "with \"IA-32e mode guest\", CR0.PG must be 1",
	    "the control stayed 1 after the guest had left IA-32e mode",
	    "\"IA-32e mode guest\" as EFER.LMA, which follows EFER.LME and CR0.PG",
	    .field = { F_GUEST_CR0, F_ENTRY_CTLS }, .when = CTL(ENTRY, 9)),
	ROW("guest.ia32e.pae", ia32e_without_pae, "with \"IA-32e mode guest\", CR4.PAE must be 1",
	    "long mode was set up without PAE", "CR4.PAE 1",
	    .field = { F_GUEST_CR4, F_ENTRY_CTLS }, .when = CTL(ENTRY, 9)),
	ROW("guest.cr4.pcide", pcide_without_ia32e,
	    "without \"IA-32e mode guest\", CR4.PCIDE must be 0",
	    "the guest's mode was changed and CR4 was not", "CR4.PCIDE 0",
	    .field = { F_GUEST_CR4, F_ENTRY_CTLS }),
	ROW("guest.cr3", guest_cr3, "guest CR3 must not have bits beyond the physical-address width",
	    "bit 63 of the operand of MOV to CR3 (keep translations) was stored: it is no bit "
	    "of CR3; or the guest was given a wider address width than the CPU has",
	    "CR3 without bit 63 and without bits above MAXPHYADDR", .field = { F_GUEST_CR3 }),
	ROW("guest.dr7", rule_zero, "bits 63:32 of guest DR7 must be 0",
	    NOT_WRITTEN, "0x400 after reset", .field = { F_GUEST_DR7 }, .when = CTL(ENTRY, 2),
	    .mask = BITS(63, 32)),
	ROW("guest.sysenter-esp", rule_not_canonical, "guest IA32_SYSENTER_ESP must be canonical",
	    "the guest's WRMSR was stored without the check that raises #GP", "a canonical address",
	    .field = { F_GUEST_SYSENTER_ESP }),
	ROW("guest.sysenter-eip", rule_not_canonical, "guest IA32_SYSENTER_EIP must be canonical",
	    "the guest's WRMSR was stored without the check that raises #GP", "a canonical address",
	    .field = { F_GUEST_SYSENTER_EIP }),
	ROW("guest.s-cet", guest_s_cet, "guest IA32_S_CET must be canonical, without reserved bits",
	    NOT_WRITTEN, "0, or the guest's value", .field = { F_GUEST_S_CET },
	    .when = CTL(ENTRY, 20)),
	ROW("guest.ssp-table", rule_not_canonical,
	    "guest IA32_INTERRUPT_SSP_TABLE_ADDR must be canonical", NOT_WRITTEN,
	    "0, or the guest's value", .field = { F_GUEST_INTR_SSP_TABLE }, .when = CTL(ENTRY, 20)),
	ROW("guest.perf-global-ctrl", rule_zero,
	    "reserved bits of guest IA32_PERF_GLOBAL_CTRL must be 0", NOT_WRITTEN,
	    "bits of counters that the CPU has", .field = { F_GUEST_PERF_GLOBAL_CTRL },
	    .when = CTL(ENTRY, 13), .mask = BITS(63, 49)),
	ROW("guest.pat", rule_pat, "each byte of guest IA32_PAT must be a memory type (0, 1, 4 to 7)",
	    "the field was never written, or the guest's WRMSR was stored unchecked",
	    "0x0007040600070406 after reset", .field = { F_GUEST_PAT }, .when = CTL(ENTRY, 14)),
	ROW("guest.efer.reserved", guest_efer_reserved, "reserved bits of guest IA32_EFER must be 0",
	    "bits of another vendor (SVME, LMSLE, FFXSR, TCE) or of no one",
	    "only SCE, LME, LMA, NXE", .field = { F_GUEST_EFER }, .when = CTL(ENTRY, 15)),
	ROW("guest.efer.lma", guest_efer_lma, "EFER.LMA must be what \"IA-32e mode guest\" is",
	    "EFER was written and the VM-entry control was not, or the reverse",
	    "\"IA-32e mode guest\" = EFER.LMA", .field = { F_GUEST_EFER, F_ENTRY_CTLS },
	    .when = CTL(ENTRY, 15)),
	ROW("guest.efer.lme", guest_efer_lme, "with CR0.PG, EFER.LMA and EFER.LME must be the same",
	    "LMA wasn't updated when the guest set CR0.PG", "LMA = LME & CR0.PG",
	    .field = { F_GUEST_EFER, F_GUEST_CR0 }, .when = CTL(ENTRY, 15)),
	ROW("guest.bndcfgs", guest_bndcfgs,
	    "guest IA32_BNDCFGS must have bits 11:2 0 and a canonical address",
	    NOT_WRITTEN, "0", .field = { F_GUEST_BNDCFGS }, .when = CTL(ENTRY, 16)),
	ROW("guest.rtit-ctl", rule_zero, "reserved bits of guest IA32_RTIT_CTL must be 0",
	    NOT_WRITTEN, "0", .field = { F_GUEST_RTIT_CTL }, .when = CTL(ENTRY, 18),
	    .mask = RTIT_RESERVED),
	ROW("guest.lbr-ctl", rule_zero, "reserved bits of guest IA32_LBR_CTL must be 0",
	    NOT_WRITTEN, "0", .field = { F_GUEST_LBR_CTL }, .when = CTL(ENTRY, 21),
	    .mask = BITS(63, 23) | BITS(15, 4)),
	ROW("guest.pkrs", rule_zero, "bits 63:32 of guest IA32_PKRS must be 0",
	    NOT_WRITTEN, "0 in these bits", .field = { F_GUEST_PKRS }, .when = CTL(ENTRY, 22),
	    .mask = BITS(63, 32)),
	ROW("guest.uinv", rule_zero, "bits 15:8 of guest UINV must be 0",
	    NOT_WRITTEN, "a vector", .field = { F_GUEST_UINV }, .when = CTL(ENTRY, 19),
	    .mask = BITS(15, 8)),
};

const struct rule_table rules_guest_cr = { rules, COUNT_OF(rules) };
