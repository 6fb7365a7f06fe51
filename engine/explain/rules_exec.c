/* SPDX-License-Identifier: MIT */
/* SDM3 "VM-Execution Control Fields": checks on VM entry. */
#include "rules.h"

#define ROW_GROUP GROUP_CONTROL
#define ROW_TITLE "VM-Execution Control Fields"

/*
 * Bits that are 1 on every CPU that reports the TRUE_ capability MSRs; where the
 * MSRs of the CPU in question aren't known nothing more can be asked for.
 */
#define PIN_ONES	0x16u
#define PROC_ONES	0x04006172u

CHECK(pin_reserved)
{
	return rule_reserved(c, rule_get(c, r->field[0]),
			     rule_control_cap(c, XCAP_PIN, XCAP_TRUE_PIN, &bits_pin, PIN_ONES));
}

CHECK(proc_reserved)
{
	return rule_reserved(c, rule_get(c, r->field[0]),
			     rule_control_cap(c, XCAP_PROC, XCAP_TRUE_PROC, &bits_proc,
					      PROC_ONES));
}

CHECK(proc2_reserved)
{
	return rule_reserved(c, rule_get(c, r->field[0]),
			     rule_cap(c, XCAP_PROC2, bits_defined(&bits_proc2) << 32));
}

CHECK(proc3_reserved)
{
	u64 bad = rule_get(c, r->field[0]) & ~rule_cap(c, XCAP_PROC3, bits_defined(&bits_proc3));

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " must be 0 on this CPU");
	}
	return bad;
}

CHECK(cr3_targets)
{
	u64 n = rule_get(c, r->field[0]), max = FIELD(rule_cap(c, XCAP_MISC, 4 << 16), 24, 16);

	if (n > max)
		text_add(&c->detail, "%llu values, this CPU has %llu", ULL(n), ULL(max));
	return n > max;
}

CHECK(tpr_threshold_high)
{
	return !rule_ctl(c, CTL(PROC2, 9)) && rule_zero(c, r);
}

CHECK(tpr_threshold_above_vtpr)
{
	u64 threshold;

	if (rule_ctl(c, CTL(PROC2, 0)) || rule_ctl(c, CTL(PROC2, 9)))
		return false;
	threshold = rule_get(c, r->field[0]) & 15;
	if (!threshold)
		return false;
	if (!c->s->vtpr_known) {
		c->missing = F_VIRTUAL_APIC_ADDR;
		return false;
	}
	if (threshold > FIELD(c->s->vtpr, 7, 4))
		text_add(&c->detail, "threshold %llu, VTPR %#x", ULL(threshold), c->s->vtpr);
	return threshold > FIELD(c->s->vtpr, 7, 4);
}

/* "when" without "use TPR shadow" */
CHECK(no_tpr_shadow)
{
	return rule_needs(c, r);
}

CHECK(virtual_nmis_alone)
{
	return rule_needs(c, r);
}

CHECK(vpid_zero)
{
	return rule_nonzero(c, r);
}

#define EPT_CAPS_USUAL	(BIT(6) | BIT(7) | BIT(8) | BIT(14) | BIT(21) | BIT(23))

CHECK(eptp_memory_type)
{
	u64 type = rule_get(c, r->field[0]) & 7, cap = rule_cap(c, XCAP_EPT_VPID, EPT_CAPS_USUAL);
	bool good = (type == 0 && (cap & BIT(8))) || (type == 6 && (cap & BIT(14)));

	if (!good)
		text_add(&c->detail, "memory type %llu", ULL(type));
	return !good;
}

CHECK(eptp_walk)
{
	u64 length = FIELD(rule_get(c, r->field[0]), 5, 3) + 1;
	u64 cap = rule_cap(c, XCAP_EPT_VPID, EPT_CAPS_USUAL);
	bool good = (length == 4 && (cap & BIT(6))) || (length == 5 && (cap & BIT(7)));

	if (!good)
		text_add(&c->detail, "bits 5:3 = %llu: page-walk length %llu", ULL(length - 1),
			 ULL(length));
	return !good;
}

CHECK(eptp_flags)
{
	u64 eptp = rule_get(c, r->field[0]), cap = rule_cap(c, XCAP_EPT_VPID, EPT_CAPS_USUAL);

	if ((eptp & BIT(6)) && !(cap & BIT(21)))
		text_add(&c->detail, "bit 6 set, but this CPU has no accessed and dirty flags "
				     "for EPT");
	else if ((eptp & BIT(7)) && !(cap & BIT(23)))
		text_add(&c->detail, "bit 7 set, but this CPU has no supervisor shadow-stack "
				     "control");
	else
		return false;
	return true;
}

CHECK(eptp_reserved)
{
	u64 bad = rule_get(c, r->field[0]) & (BITS(11, 8) | rule_beyond_phys(c));

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set");
	}
	return bad;
}

CHECK(vmfunc_reserved)
{
	u64 bad = rule_get(c, r->field[0]) & ~rule_cap(c, XCAP_VMFUNC, BIT(0));

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set");
	}
	return bad;
}

CHECK(eptp_switching_without_ept)
{
	UNUSED(r);
	return (rule_get(c, F_VMFUNC_CTLS) & BIT(0)) && !rule_ctl(c, CTL(PROC2, 1));
}

CHECK(eptp_list)
{
	return (rule_get(c, F_VMFUNC_CTLS) & BIT(0)) && rule_address(c, r);
}

CHECK(posted_vector)
{
	return rule_zero(c, r);
}

CHECK(last_pid_index)
{
	u64 table = rule_get(c, F_PID_POINTER_TABLE);
	u64 last = table + 8 * rule_get(c, r->field[0]) + 7;

	return last & rule_beyond_phys(c);
}

/* A control that makes sense only with another. */
#define NEEDS(id_, when_, other_, says_, cause_, fix_, ...)		\
	ROW(id_, rule_needs, says_, cause_, fix_, .when = when_, .other = other_, \
	    .field = { __VA_ARGS__ })
#define FORBIDS(id_, when_, other_, says_, cause_, fix_, ...)		\
	ROW(id_, rule_forbids, says_, cause_, fix_, .when = when_, .other = other_, \
	    .field = { __VA_ARGS__ })
#define ADDRESS(id_, when_, field_, mask_, what, why)			\
	ROW(id_, rule_address, what " must be aligned and within the "	\
	    "physical-address width", why, "a host-physical address, not a virtual one, " \
	    "of a page that the hypervisor allocated", .when = when_,	\
	    .field = { field_ }, .mask = mask_)

#define NEVER_SET "the field was never written, or a virtual address was written into it"

static const struct explain_rule rules[] = {
	ROW("exec.pin.reserved", pin_reserved,
	    "reserved bits of the pin-based controls must have the setting that "
	    "IA32_VMX_(TRUE_)PINBASED_CTLS allows",
	    "the value was written without being adjusted to the capability MSR",
	    "(wanted | low half of the MSR) & high half", .field = { F_PIN_CTLS }),
	ROW("exec.proc.reserved", proc_reserved,
	    "reserved bits of the primary processor-based controls must have the setting that "
	    "IA32_VMX_(TRUE_)PROCBASED_CTLS allows",
	    "the value was written without being adjusted to the capability MSR",
	    "(wanted | low half of the MSR) & high half", .field = { F_PROC_CTLS }),
	ROW("exec.proc2.reserved", proc2_reserved,
	    "bits of the secondary controls that IA32_VMX_PROCBASED_CTLS2 doesn't allow must be 0",
	    "a feature that this CPU (or the hypervisor beneath) doesn't have was enabled",
	    "only what the high half of the MSR has", .field = { F_PROC_CTLS2 },
	    .when = CTL(PROC, 31)),
	ROW("exec.proc3.reserved", proc3_reserved,
	    "bits of the tertiary controls that IA32_VMX_PROCBASED_CTLS3 doesn't allow must be 0",
	    "a feature that this CPU (or the hypervisor beneath) doesn't have was enabled",
	    "only what the MSR has", .field = { F_PROC_CTLS3 }, .when = CTL(PROC, 17)),
	ROW("exec.cr3-target-count", cr3_targets,
	    "the CR3-target count must not exceed what IA32_VMX_MISC bits 24:16 give (4)",
	    "the count was left uninitialised", "0, or up to 4", .field = { F_CR3_TARGET_COUNT }),
	ADDRESS("exec.io-bitmap-a", CTL(PROC, 25), F_IO_BITMAP_A, 0xfff,
		"the address of I/O bitmap A", NEVER_SET),
	ADDRESS("exec.io-bitmap-b", CTL(PROC, 25), F_IO_BITMAP_B, 0xfff,
		"the address of I/O bitmap B", NEVER_SET),
	ADDRESS("exec.msr-bitmap", CTL(PROC, 28), F_MSR_BITMAP, 0xfff,
		"the MSR-bitmap address", NEVER_SET),
	ADDRESS("exec.virtual-apic", CTL(PROC, 21), F_VIRTUAL_APIC_ADDR, 0xfff,
		"the virtual-APIC address", NEVER_SET),
	ROW("exec.tpr-threshold.reserved", tpr_threshold_high,
	    "bits 31:4 of the TPR threshold must be 0 without virtual-interrupt delivery",
	    "a whole TPR was written where its upper half (a priority class) belongs",
	    "the priority class, 0 to 15", .field = { F_TPR_THRESHOLD }, .when = CTL(PROC, 21),
	    .mask = BITS(31, 4)),
	ROW("exec.tpr-threshold.vtpr", tpr_threshold_above_vtpr,
	    "the TPR threshold must not be above bits 7:4 of VTPR, without virtualized APIC "
	    "accesses and virtual-interrupt delivery",
	    "the threshold was set after the guest had lowered its TPR",
	    "a threshold of at most VTPR[7:4], or inject the interrupt now",
	    .field = { F_TPR_THRESHOLD, F_VIRTUAL_APIC_ADDR }, .when = CTL(PROC, 21)),
	ROW("exec.x2apic-without-tpr-shadow", no_tpr_shadow,
	    "\"virtualize x2APIC mode\" needs \"use TPR shadow\"",
	    "APIC virtualization was enabled in part", "\"use TPR shadow\" 1 with a virtual-APIC page",
	    .field = { F_PROC_CTLS, F_PROC_CTLS2 }, .when = CTL(PROC2, 4), .other = CTL(PROC, 21)),
	ROW("exec.apic-registers-without-tpr-shadow", no_tpr_shadow,
	    "\"APIC-register virtualization\" needs \"use TPR shadow\"",
	    "APIC virtualization was enabled in part", "\"use TPR shadow\" 1 with a virtual-APIC page",
	    .field = { F_PROC_CTLS, F_PROC_CTLS2 }, .when = CTL(PROC2, 8), .other = CTL(PROC, 21)),
	ROW("exec.virtual-interrupts-without-tpr-shadow", no_tpr_shadow,
	    "\"virtual-interrupt delivery\" needs \"use TPR shadow\"",
	    "APIC virtualization was enabled in part", "\"use TPR shadow\" 1 with a virtual-APIC page",
	    .field = { F_PROC_CTLS, F_PROC_CTLS2 }, .when = CTL(PROC2, 9), .other = CTL(PROC, 21)),
	ROW("exec.ipi-without-tpr-shadow", no_tpr_shadow,
	    "\"IPI virtualization\" needs \"use TPR shadow\"",
	    "APIC virtualization was enabled in part", "\"use TPR shadow\" 1 with a virtual-APIC page",
	    .field = { F_PROC_CTLS, F_PROC_CTLS3 }, .when = CTL(PROC3, 4), .other = CTL(PROC, 21)),
	ROW("exec.virtual-nmis", virtual_nmis_alone, "\"virtual NMIs\" needs \"NMI exiting\"",
	    "NMI exiting was switched off alone", "\"NMI exiting\" 1, or \"virtual NMIs\" 0",
	    .field = { F_PIN_CTLS }, .when = CTL(PIN, 5), .other = CTL(PIN, 3)),
	NEEDS("exec.nmi-window", CTL(PROC, 22), CTL(PIN, 5),
	      "\"NMI-window exiting\" needs \"virtual NMIs\"",
	      "an NMI window was asked for on a CPU without virtual NMIs",
	      "\"virtual NMIs\" 1, or no NMI window", F_PROC_CTLS, F_PIN_CTLS),
	ADDRESS("exec.apic-access", CTL(PROC2, 0), F_APIC_ACCESS_ADDR, 0xfff,
		"the APIC-access address", NEVER_SET),
	FORBIDS("exec.x2apic-and-accesses", CTL(PROC2, 4), CTL(PROC2, 0),
		"\"virtualize x2APIC mode\" and \"virtualize APIC accesses\" exclude each other",
		"the guest's change of APIC mode was followed by one half only",
		"exactly one of them, by the guest's IA32_APIC_BASE", F_PROC_CTLS2),
	NEEDS("exec.virtual-interrupts", CTL(PROC2, 9), CTL(PIN, 0),
	      "\"virtual-interrupt delivery\" needs \"external-interrupt exiting\"",
	      "the pin-based controls were put together without regard to APIC virtualization",
	      "\"external-interrupt exiting\" 1", F_PROC_CTLS2, F_PIN_CTLS),
	NEEDS("exec.posted.virtual-interrupts", CTL(PIN, 7), CTL(PROC2, 9),
	      "\"process posted interrupts\" needs \"virtual-interrupt delivery\"",
	      "virtual-interrupt delivery was switched off alone", "both, or neither",
	      F_PIN_CTLS, F_PROC_CTLS2),
	NEEDS("exec.posted.acknowledge", CTL(PIN, 7), CTL(EXIT, 15),
	      "\"process posted interrupts\" needs \"acknowledge interrupt on exit\"",
	      "the VM-exit controls were put together without regard to posted interrupts",
	      "\"acknowledge interrupt on exit\" 1", F_PIN_CTLS, F_EXIT_CTLS),
	ROW("exec.posted.vector", posted_vector,
	    "bits 15:8 of the posted-interrupt notification vector must be 0",
	    "something other than a vector was written", "a vector of 0 to 255",
	    .field = { F_POSTED_INTR_VECTOR }, .when = CTL(PIN, 7), .mask = BITS(15, 8)),
	ADDRESS("exec.posted.descriptor", CTL(PIN, 7), F_POSTED_INTR_DESC, 0x3f,
		"the posted-interrupt descriptor address (64-byte aligned)", NEVER_SET),
	ROW("exec.vpid", vpid_zero, "VPID must not be 0", "no VPID was allocated: 0 is the host's",
	    "any other value, or \"enable VPID\" 0", .field = { F_VPID }, .when = CTL(PROC2, 5)),
	ROW("exec.eptp.type", eptp_memory_type,
	    "the EPT memory type must be one that IA32_VMX_EPT_VPID_CAP reports (0 UC, 6 WB)",
	    "EPTP was written as a bare address, without its low bits", "6 in bits 2:0",
	    .field = { F_EPT_POINTER }, .when = CTL(PROC2, 1)),
	ROW("exec.eptp.walk", eptp_walk,
	    "bits 5:3 of EPTP are the page-walk length less 1, and the CPU must support it",
	    "the length itself was written (4 instead of 3), or EPTP is a bare address",
	    "3 in bits 5:3 for 4 levels", .field = { F_EPT_POINTER }, .when = CTL(PROC2, 1)),
	ROW("exec.eptp.flags", eptp_flags,
	    "bits 6 and 7 of EPTP must be 0 where the CPU lacks what they enable",
	    "accessed and dirty flags were enabled without asking IA32_VMX_EPT_VPID_CAP",
	    "0 in these bits", .field = { F_EPT_POINTER }, .when = CTL(PROC2, 1)),
	ROW("exec.eptp.reserved", eptp_reserved,
	    "bits 11:8 of EPTP and those beyond the physical-address width must be 0",
	    NEVER_SET, "page-aligned host-physical address of the root, with bits 7:0 as defined",
	    .field = { F_EPT_POINTER }, .when = CTL(PROC2, 1)),
	NEEDS("exec.pml-without-ept", CTL(PROC2, 17), CTL(PROC2, 1), "\"enable PML\" needs \"enable EPT\"",
	      "EPT was switched off alone", "both, or neither", F_PROC_CTLS2),
	ADDRESS("exec.pml-address", CTL(PROC2, 17), F_PML_ADDR, 0xfff, "the PML address", NEVER_SET),
	NEEDS("exec.unrestricted-without-ept", CTL(PROC2, 7), CTL(PROC2, 1),
	      "\"unrestricted guest\" needs \"enable EPT\"",
	      "unrestricted guest was taken for a feature of its own",
	      "\"enable EPT\" 1 with an EPTP, or \"unrestricted guest\" 0", F_PROC_CTLS2),
	NEEDS("exec.mbec-without-ept", CTL(PROC2, 22), CTL(PROC2, 1),
	      "\"mode-based execute control for EPT\" needs \"enable EPT\"",
	      "EPT was switched off alone", "both, or neither", F_PROC_CTLS2),
	NEEDS("exec.spp-without-ept", CTL(PROC2, 23), CTL(PROC2, 1),
	      "\"sub-page write permissions for EPT\" needs \"enable EPT\"",
	      "EPT was switched off alone", "both, or neither", F_PROC_CTLS2),
	ADDRESS("exec.spp-table", CTL(PROC2, 23), F_SPP_TABLE_POINTER, 0xfff,
		"the sub-page-permission-table pointer", NEVER_SET),
	NEEDS("exec.pt-without-ept", CTL(PROC2, 24), CTL(PROC2, 1),
	      "\"Intel PT uses guest physical addresses\" needs \"enable EPT\"",
	      "EPT was switched off alone", "both, or neither", F_PROC_CTLS2),
	NEEDS("exec.pt-without-load", CTL(PROC2, 24), CTL(ENTRY, 18),
	      "\"Intel PT uses guest physical addresses\" needs \"load IA32_RTIT_CTL\"",
	      "the VM-entry controls don't follow the secondary ones",
	      "\"load IA32_RTIT_CTL\" 1", F_PROC_CTLS2, F_ENTRY_CTLS),
	NEEDS("exec.pt-without-clear", CTL(PROC2, 24), CTL(EXIT, 25),
	      "\"Intel PT uses guest physical addresses\" needs \"clear IA32_RTIT_CTL\"",
	      "the VM-exit controls don't follow the secondary ones",
	      "\"clear IA32_RTIT_CTL\" 1", F_PROC_CTLS2, F_EXIT_CTLS),
	ROW("exec.vmfunc.reserved", vmfunc_reserved,
	    "VM-function controls that IA32_VMX_VMFUNC doesn't report must be 0",
	    "the field was never written", "0, or bit 0 for EPTP switching",
	    .field = { F_VMFUNC_CTLS }, .when = CTL(PROC2, 13)),
	ROW("exec.vmfunc.eptp-switching", eptp_switching_without_ept,
	    "EPTP switching needs \"enable EPT\"", "EPT was switched off alone", "both, or neither",
	    .field = { F_VMFUNC_CTLS, F_PROC_CTLS2 }, .when = CTL(PROC2, 13)),
	ROW("exec.vmfunc.eptp-list", eptp_list,
	    "the EPTP-list address must be page-aligned and within the physical-address width",
	    NEVER_SET, "host-physical address of the page with the list",
	    .field = { F_EPTP_LIST, F_VMFUNC_CTLS }, .when = CTL(PROC2, 13), .mask = 0xfff),
	ADDRESS("exec.vmread-bitmap", CTL(PROC2, 14), F_VMREAD_BITMAP, 0xfff,
		"the VMREAD-bitmap address", NEVER_SET),
	ADDRESS("exec.vmwrite-bitmap", CTL(PROC2, 14), F_VMWRITE_BITMAP, 0xfff,
		"the VMWRITE-bitmap address", NEVER_SET),
	ADDRESS("exec.ve-info", CTL(PROC2, 18), F_VE_INFO_ADDR, 0xfff,
		"the virtualization-exception information address", NEVER_SET),
	ROW("exec.tsc-multiplier", rule_nonzero, "with \"use TSC scaling\" the TSC multiplier must not be 0",
	    "the multiplier was never written", "1 << 48 for a ratio of 1",
	    .field = { F_TSC_MULTIPLIER }, .when = CTL(PROC2, 25)),
	ADDRESS("exec.pasid-low", CTL(PROC2, 21), F_LOW_PASID_DIR, 0xfff,
		"the low PASID directory address", NEVER_SET),
	ADDRESS("exec.pasid-high", CTL(PROC2, 21), F_HIGH_PASID_DIR, 0xfff,
		"the high PASID directory address", NEVER_SET),
	NEEDS("exec.hlat-without-ept", CTL(PROC3, 1), CTL(PROC2, 1), "\"enable HLAT\" needs \"enable EPT\"",
	      "EPT was switched off alone", "both, or neither", F_PROC_CTLS3, F_PROC_CTLS2),
	NEEDS("exec.paging-write-without-ept", CTL(PROC3, 2), CTL(PROC2, 1),
	      "\"EPT paging-write control\" needs \"enable EPT\"", "EPT was switched off alone",
	      "both, or neither", F_PROC_CTLS3, F_PROC_CTLS2),
	NEEDS("exec.guest-paging-without-ept", CTL(PROC3, 3), CTL(PROC2, 1),
	      "\"guest-paging verification\" needs \"enable EPT\"", "EPT was switched off alone",
	      "both, or neither", F_PROC_CTLS3, F_PROC_CTLS2),
	ADDRESS("exec.hlat-pointer", CTL(PROC3, 1), F_HLAT_POINTER, BITS(2, 0) | BITS(11, 5),
		"the HLAT pointer", NEVER_SET),
	ADDRESS("exec.pid-table", CTL(PROC3, 4), F_PID_POINTER_TABLE, 7,
		"the PID-pointer table address", NEVER_SET),
	ROW("exec.pid-table-end", last_pid_index,
	    "the last entry of the PID-pointer table must lie within the physical-address width",
	    "the last index is not the number of vCPUs less 1", "the index of the last entry",
	    .field = { F_LAST_PID_INDEX, F_PID_POINTER_TABLE }, .when = CTL(PROC3, 4)),
};

const struct rule_table rules_exec = { rules, COUNT_OF(rules) };
