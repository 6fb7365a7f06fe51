/* SPDX-License-Identifier: MIT */
/* SDM3 "Checks on the Host-State Area" and "Checks Related to Address-Space Size". */
#include "rules.h"

#define ROW_GROUP GROUP_HOST
#define ROW_TITLE "Checks on Host Control Registers, MSRs, and SSP"

/* Bits that VMX operation fixes, where the CPU's MSRs aren't known. */
#define CR0_FIXED_ONES	(CR0_PE | CR0_NE | CR0_PG)
#define CR4_CET		BIT(23)

static bool host64(struct explain_check *c)
{
	return rule_ctl(c, CTL(EXIT, 9));
}

/* CD and NW are never looked at: an exit doesn't change them. */
CHECK(host_cr0)
{
	u64 v = rule_get(c, r->field[0]);

	return rule_fixed(c, v, rule_cap(c, XCAP_CR0_FIXED0, CR0_FIXED_ONES) & ~(CR0_CD | CR0_NW),
		     rule_cap(c, XCAP_CR0_FIXED1, 0xffffffff) | CR0_CD | CR0_NW, "CR0 ");
}

CHECK(host_cr4)
{
	u64 v = rule_get(c, r->field[0]);

	return rule_fixed(c, v, rule_cap(c, XCAP_CR4_FIXED0, CR4_VMXE),
		     rule_cap(c, XCAP_CR4_FIXED1, bits_defined(&bits_cr4)), "CR4 ");
}

CHECK(host_cet_without_wp)
{
	return (rule_get(c, r->field[0]) & CR4_CET) && !(rule_get(c, r->field[1]) & CR0_WP);
}

/* Bits 62:61 are LAM's. */
CHECK(host_cr3)
{
	u64 bad = rule_get(c, r->field[0]) & rule_beyond_phys(c) & ~BITS(62, 61);

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set beyond the physical-address width");
	}
	return bad;
}

CHECK(host_efer)
{
	u64 v = rule_get(c, r->field[0]), mode = host64(c) ? EFER_LMA | EFER_LME : 0;
	u64 bad = v & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " reserved");
	} else if ((v & (EFER_LMA | EFER_LME)) != mode) {
		text_add(&c->detail, "LMA %u and LME %u, \"host address-space size\" %u",
			 !!(v & EFER_LMA), !!(v & EFER_LME), !!mode);
	} else {
		return false;
	}
	return true;
}

CHECK(host_s_cet)
{
	u64 v = rule_get(c, r->field[0]);

	if ((v & BITS(9, 6)) || (v & BITS(11, 10)) == BITS(11, 10))
		text_add(&c->detail, "reserved bits, or SUPPRESS and TRACKER together");
	else if (rule_canonical(c, v))
		return false;
	return true;
}

CHECK(host_null_selector)
{
	return !rule_get(c, r->field[0]);
}

CHECK(host_null_ss)
{
	return !host64(c) && !rule_get(c, r->field[0]);
}

CHECK(host_32_guest_64)
{
	UNUSED(r);
	return !host64(c) && guest_ia32e(c);
}

CHECK(host_mode_now)
{
	UNUSED(r);
	if (c->s->host_long_mode == TRI_UNKNOWN)
		return false;
	if (host64(c) == (c->s->host_long_mode == TRI_YES))
		return false;
	text_add(&c->detail, "the CPU is %sin IA-32e mode at the entry",
		 c->s->host_long_mode == TRI_YES ? "" : "not ");
	return true;
}

CHECK(host_32_pcide)
{
	return !host64(c) && (rule_get(c, r->field[0]) & CR4_PCIDE);
}

CHECK(host_64_pae)
{
	return host64(c) && !(rule_get(c, r->field[0]) & CR4_PAE);
}

CHECK(host_rip)
{
	u64 v = rule_get(c, r->field[0]);

	if (host64(c))
		return !rule_canonical(c, v);
	if (v >> 32)
		text_add(&c->detail, "bits 63:32 set with a 32-bit host");
	return v >> 32;
}

CHECK(host_ssp)
{
	u64 v = rule_get(c, r->field[0]);

	if (v & 3)
		text_add(&c->detail, "bits 1:0 set");
	return (v & 3) || (host64(c) ? !rule_canonical(c, v) : !!(v >> 32));
}

#define SELECTOR(name)							\
	ROW("host." #name ".selector", rule_zero,			\
	    "host selectors must have an RPL of 0 and not point into the LDT", \
	    "the register's value was copied with its RPL: an exit can only load CPL-0 GDT " \
	    "selectors", "the selector & ~7 (reload DS, ES, FS, GS by hand after the exit)", \
	    .field = { F_HOST_##name##_SELECTOR }, .mask = 7)
#define BASE(id_, field_, what)						\
	ROW(id_, rule_not_canonical, "the host's " what " must be canonical", \
	    "the field was never written, or filled from a sign-extended 32-bit value", \
	    "the value that the host has in that register", .field = { field_ })

static const struct explain_rule rules[] = {
	ROW("host.cr0", host_cr0, "host CR0 must have the bits that VMX operation fixes "
	    "(IA32_VMX_CR0_FIXED0 and _FIXED1; CD and NW don't count)",
	    "the field was never written", "the CPU's own CR0", .field = { F_HOST_CR0 }),
	ROW("host.cr4", host_cr4, "host CR4 must have the bits that VMX operation fixes "
	    "(IA32_VMX_CR4_FIXED0 and _FIXED1), VMXE among them",
	    "CR4 was read before VMXE was set", "the CPU's own CR4, read after VMXON",
	    .field = { F_HOST_CR4 }),
	ROW("host.cr4.cet", host_cet_without_wp, "with CR4.CET, CR0.WP must be 1",
	    "CR0 and CR4 were read at different times", "CR0.WP 1",
	    .field = { F_HOST_CR4, F_HOST_CR0 }),
	ROW("host.cr3", host_cr3, "host CR3 must not have bits beyond the physical-address width",
	    "CR3 was copied with bit 63 of a MOV to CR3 (no flush), or is a virtual address",
	    "the CPU's own CR3", .field = { F_HOST_CR3 }),
	BASE("host.sysenter-esp", F_HOST_SYSENTER_ESP, "IA32_SYSENTER_ESP"),
	BASE("host.sysenter-eip", F_HOST_SYSENTER_EIP, "IA32_SYSENTER_EIP"),
	ROW("host.perf-global-ctrl", rule_zero,
	    "reserved bits of host IA32_PERF_GLOBAL_CTRL must be 0",
	    "the field was never written", "the MSR's value, or \"load IA32_PERF_GLOBAL_CTRL\" 0",
	    .field = { F_HOST_PERF_GLOBAL_CTRL }, .when = CTL(EXIT, 12), .mask = BITS(63, 49)),
	ROW("host.pat", rule_pat, "each byte of host IA32_PAT must be a memory type (0, 1, 4 to 7)",
	    "the field was never written, or only its lower half", "the MSR's value",
	    .field = { F_HOST_PAT }, .when = CTL(EXIT, 19)),
	ROW("host.efer", host_efer,
	    "host IA32_EFER must have no reserved bits, and LMA and LME must both be what "
	    "\"host address-space size\" is", "the field was never written", "the MSR's value",
	    .field = { F_HOST_EFER, F_EXIT_CTLS }, .when = CTL(EXIT, 21)),
	ROW("host.s-cet", host_s_cet, "host IA32_S_CET must be canonical, without reserved bits",
	    "the field was never written", "the MSR's value", .field = { F_HOST_S_CET },
	    .when = CTL(EXIT, 28)),
	ROW("host.ssp", host_ssp, "host SSP must be 4-byte aligned and canonical",
	    "the field was never written", "the host's SSP", .field = { F_HOST_SSP },
	    .when = CTL(EXIT, 28)),
	ROW("host.ssp-table", rule_not_canonical,
	    "host IA32_INTERRUPT_SSP_TABLE_ADDR must be canonical", "the field was never written",
	    "the MSR's value", .field = { F_HOST_INTR_SSP_TABLE }, .when = CTL(EXIT, 28)),
	ROW("host.pkrs", rule_zero, "bits 63:32 of host IA32_PKRS must be 0",
	    "the field was never written", "the MSR's value", .field = { F_HOST_PKRS },
	    .when = CTL(EXIT, 29), .mask = BITS(63, 32)),
#undef ROW_TITLE
#define ROW_TITLE "Checks on Host Segment and Descriptor-Table Registers"
	SELECTOR(CS), SELECTOR(SS), SELECTOR(DS), SELECTOR(ES), SELECTOR(FS), SELECTOR(GS),
	SELECTOR(TR),
	ROW("host.CS.null", host_null_selector, "host CS must not be 0",
	    "the field was never written", "the host's CS", .field = { F_HOST_CS_SELECTOR }),
	ROW("host.TR.null", host_null_selector, "host TR must not be 0",
	    "the host has no TSS loaded: VMX needs one", "the host's TR, after LTR",
	    .field = { F_HOST_TR_SELECTOR }),
	ROW("host.SS.null", host_null_ss, "host SS must not be 0 with a 32-bit host",
	    "the field was never written", "the host's SS",
	    .field = { F_HOST_SS_SELECTOR, F_EXIT_CTLS }),
	BASE("host.fs-base", F_HOST_FS_BASE, "FS base"),
	BASE("host.gs-base", F_HOST_GS_BASE, "GS base"),
	BASE("host.gdtr-base", F_HOST_GDTR_BASE, "GDTR base"),
	BASE("host.idtr-base", F_HOST_IDTR_BASE, "IDTR base"),
	BASE("host.tr-base", F_HOST_TR_BASE, "TR base"),
#undef ROW_TITLE
#define ROW_TITLE "Checks Related to Address-Space Size"
	ROW("host.size.mode", host_mode_now,
	    "\"host address-space size\" must be 1 just if the CPU is in IA-32e mode",
	    "the VM-exit controls were put together for the other mode",
	    "1 for a 64-bit host", .field = { F_EXIT_CTLS }),
	ROW("host.size.guest", host_32_guest_64,
	    "\"IA-32e mode guest\" needs \"host address-space size\"",
	    "a 64-bit guest was set up without a 64-bit host",
	    "\"host address-space size\" 1", .field = { F_ENTRY_CTLS, F_EXIT_CTLS }),
	ROW("host.size.pcide", host_32_pcide, "host CR4.PCIDE must be 0 with a 32-bit host",
	    "\"host address-space size\" was forgotten", "\"host address-space size\" 1",
	    .field = { F_HOST_CR4, F_EXIT_CTLS }),
	ROW("host.size.pae", host_64_pae, "host CR4.PAE must be 1 with a 64-bit host",
	    "the field was never written", "the CPU's own CR4",
	    .field = { F_HOST_CR4, F_EXIT_CTLS }),
	ROW("host.size.rip", host_rip,
	    "host RIP must be canonical (64-bit host) or below 4 GiB (32-bit host)",
	    "the field was never written", "the address of the exit handler",
	    .field = { F_HOST_RIP, F_EXIT_CTLS }),
};

const struct rule_table rules_host = { rules, COUNT_OF(rules) };
