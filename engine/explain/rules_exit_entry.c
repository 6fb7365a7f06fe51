/* SPDX-License-Identifier: MIT */
/* SDM3 "VM-Exit Control Fields" and "VM-Entry Control Fields": checks on VM entry. */
#include "rules.h"

#define ROW_GROUP GROUP_CONTROL
#define ROW_TITLE "VM-Exit Control Fields"

#define EXIT_ONES	0x36dfbu	/* see rules_exec.c */
#define ENTRY_ONES	0x11fbu

CHECK(exit_reserved)
{
	return rule_reserved(c, rule_get(c, r->field[0]),
			     rule_control_cap(c, XCAP_EXIT, XCAP_TRUE_EXIT, &bits_exit,
					      EXIT_ONES));
}

CHECK(exit2_reserved)
{
	u64 bad = rule_get(c, r->field[0]) & ~rule_cap(c, XCAP_EXIT2, bits_defined(&bits_exit2));

	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " must be 0 on this CPU");
	}
	return bad;
}

CHECK(entry_reserved)
{
	return rule_reserved(c, rule_get(c, r->field[0]),
			     rule_control_cap(c, XCAP_ENTRY, XCAP_TRUE_ENTRY, &bits_entry,
					      ENTRY_ONES));
}

/* field[0]: address of an area of 16-byte entries; field[1]: their number. */
CHECK(msr_area)
{
	u64 n = rule_get(c, r->field[1]), v, last;

	if (!n)
		return false;
	if (rule_address(c, r))
		return true;
	v = rule_get(c, r->field[0]);
	last = v + 16 * n - 1;
	if (!(last & rule_beyond_phys(c)))
		return false;
	text_add(&c->detail, "the last of %llu entries ends at %#llx, beyond the "
			     "physical-address width", ULL(n), ULL(last));
	return true;
}

static u64 entry_info(struct explain_check *c)
{
	u64 info = rule_get(c, F_ENTRY_INTR_INFO);

	return info & INTR_VALID ? info : 0;
}

CHECK(event_type)
{
	u64 info = entry_info(c), proc = rule_cap(c, XCAP_PROC, BITS(63, 0));

	UNUSED(r);
	if (!info)
		return false;
	if (rule_cap_known(c, XCAP_TRUE_PROC) && c->s->cap[XCAP_TRUE_PROC])
		proc = c->s->cap[XCAP_TRUE_PROC];
	if (INTR_TYPE(info) == 1)
		text_add(&c->detail, "type 1 is reserved");
	else if (INTR_TYPE(info) == INTR_OTHER && !(proc & BIT(32 + 27)))
		text_add(&c->detail, "type 7 is reserved on a CPU without monitor trap flag");
	else
		return false;
	return true;
}

CHECK(event_vector)
{
	u64 info = entry_info(c), vector = INTR_VECTOR(info);
	u64 highest_other = rule_known(c, F_ENTRY_CTLS) && rule_ctl(c, CTL(ENTRY, 23)) ? 2 : 0;

	UNUSED(r);
	if (!info)
		return false;
	if (INTR_TYPE(info) == INTR_NMI && vector != 2)
		text_add(&c->detail, "an NMI with vector %llu, not 2", ULL(vector));
	else if (INTR_TYPE(info) == INTR_HW_EXCEPTION && vector > 31)
		text_add(&c->detail, "a hardware exception with vector %llu, above 31",
			 ULL(vector));
	else if (INTR_TYPE(info) == INTR_OTHER && vector > highest_other)
		text_add(&c->detail, "an \"other event\" with vector %llu, not 0", ULL(vector));
	else
		return false;
	return true;
}

#define ERROR_CODE_VECTORS (BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))

/* IA32_VMX_BASIC bit 56: exceptions may come with or without, whatever the vector. */
static bool error_code_is_free(struct explain_check *c, u64 vector)
{
	if (rule_cap_known(c, XCAP_BASIC))
		return c->s->cap[XCAP_BASIC] & BIT(56);
	c->assumed = true;
	return vector == 21;	/* #CP came together with that bit */
}

CHECK(event_error_code)
{
	u64 info = entry_info(c), vector = INTR_VECTOR(info);
	bool deliver = info & INTR_ERROR, protected, wanted;

	UNUSED(r);
	if (!info)
		return false;
	if (INTR_TYPE(info) != INTR_HW_EXCEPTION) {
		if (deliver)
			text_add(&c->detail, "bit 11 is 1 for an event that is no hardware "
					     "exception");
		return deliver;
	}
	protected = !guest_unrestricted(c) || (rule_get(c, F_GUEST_CR0) & CR0_PE);
	if (!protected) {
		if (deliver)
			text_add(&c->detail, "bit 11 is 1, but in real mode no exception has "
					     "an error code");
		return deliver;
	}
	if (error_code_is_free(c, vector))
		return false;
	wanted = vector < 32 && (ERROR_CODE_VECTORS & BIT(vector));
	if (deliver != wanted)
		text_add(&c->detail, "bit 11 is %u, but %s %s an error code", deliver,
			 explain_vector_name((unsigned)vector), wanted ? "has" : "has not");
	return deliver != wanted;
}

CHECK(event_reserved)
{
	u64 fred = rule_known(c, F_ENTRY_CTLS) && rule_ctl(c, CTL(ENTRY, 23)) ? BIT(13) : 0;
	u64 bad = entry_info(c) & BITS(30, 12) & ~fred;

	UNUSED(r);
	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set");
	}
	return bad;
}

CHECK(event_error_value)
{
	return (entry_info(c) & INTR_ERROR) && rule_zero(c, r);
}

CHECK(event_length)
{
	u64 info = entry_info(c), type = INTR_TYPE(info), length, least;

	if (!info || type < INTR_SW || type > INTR_SW_EXCEPTION)
		return false;
	length = rule_get(c, r->field[0]);
	least = rule_cap(c, XCAP_MISC, BIT(30)) & BIT(30) ? 0 : 1;
	if (length >= least && length <= 15)
		return false;
	text_add(&c->detail, "length %llu, must be %llu to 15", ULL(length), ULL(least));
	return true;
}

CHECK(smm_control)
{
	u64 v = rule_get(c, r->field[0]) & r->mask;

	if (c->s->in_smm == TRI_UNKNOWN)
		c->assumed = true;
	return v && c->s->in_smm != TRI_YES;
}

CHECK(smm_both)
{
	return (rule_get(c, r->field[0]) & r->mask) == r->mask;
}

static const struct explain_rule rules[] = {
	ROW("exit.reserved", exit_reserved,
	    "reserved bits of the VM-exit controls must have the setting that "
	    "IA32_VMX_(TRUE_)EXIT_CTLS allows",
	    "the value was written without being adjusted to the capability MSR",
	    "(wanted | low half of the MSR) & high half", .field = { F_EXIT_CTLS }),
	ROW("exit.secondary.reserved", exit2_reserved,
	    "bits of the secondary VM-exit controls that IA32_VMX_EXIT_CTLS2 doesn't allow must be 0",
	    "a feature that this CPU doesn't have was enabled", "only what the MSR has",
	    .field = { F_EXIT_CTLS2 }, .when = CTL(EXIT, 31)),
	ROW("exit.preemption-timer", rule_needs,
	    "\"save VMX-preemption timer value\" needs \"activate VMX-preemption timer\"",
	    "the timer was switched off in the pin-based controls alone", "both, or neither",
	    .field = { F_EXIT_CTLS, F_PIN_CTLS }, .when = CTL(EXIT, 22), .other = CTL(PIN, 6)),
	ROW("exit.msr-store", msr_area,
	    "with a VM-exit MSR-store count the area must be 16-byte aligned and lie within the "
	    "physical-address width",
	    "the address was never written, or a virtual address was written",
	    "host-physical address of the area, or a count of 0",
	    .field = { F_EXIT_MSR_STORE_ADDR, F_EXIT_MSR_STORE_COUNT }, .mask = 15),
	ROW("exit.msr-load", msr_area,
	    "with a VM-exit MSR-load count the area must be 16-byte aligned and lie within the "
	    "physical-address width",
	    "the address was never written, or a virtual address was written",
	    "host-physical address of the area, or a count of 0",
	    .field = { F_EXIT_MSR_LOAD_ADDR, F_EXIT_MSR_LOAD_COUNT }, .mask = 15),
#undef ROW_TITLE
#define ROW_TITLE "VM-Entry Control Fields"
	ROW("entry.reserved", entry_reserved,
	    "reserved bits of the VM-entry controls must have the setting that "
	    "IA32_VMX_(TRUE_)ENTRY_CTLS allows",
	    "the value was written without being adjusted to the capability MSR",
	    "(wanted | low half of the MSR) & high half", .field = { F_ENTRY_CTLS }),
	ROW("entry.event.type", event_type,
	    "the interruption type must not be a reserved one",
	    "the field was put together by hand, or is a vector with bit 31 only",
	    "0 external interrupt, 2 NMI, 3 hardware exception, 4 software interrupt, "
	    "6 software exception", .field = { F_ENTRY_INTR_INFO }),
	ROW("entry.event.vector", event_vector,
	    "the vector must fit the interruption type",
	    "type and vector come from different events",
	    "vector 2 with an NMI, at most 31 with an exception, 0 with a pending MTF exit",
	    .field = { F_ENTRY_INTR_INFO }),
	ROW("entry.event.error-code", event_error_code,
	    "\"deliver error code\" (bit 11) must be 1 just for those exceptions that have an "
	    "error code, and never for a guest in real mode",
	    "bit 11 was forgotten (or always set); or an exception was queued in protected mode "
	    "and injected in real mode",
	    "bit 11 = 1 for #DF, #TS, #NP, #SS, #GP, #PF, #AC only",
	    .field = { F_ENTRY_INTR_INFO, F_GUEST_CR0 }),
	ROW("entry.event.reserved", event_reserved,
	    "bits 30:12 of the VM-entry interruption information must be 0",
	    "an exit's interruption information was copied with its bit 12 (NMI unblocking)",
	    "0 in these bits", .field = { F_ENTRY_INTR_INFO }),
	ROW("entry.event.error-value", event_error_value,
	    "bits 31:16 of an error code to be delivered must be 0",
	    "the error-code field was left uninitialised", "0 in these bits",
	    .field = { F_ENTRY_ERROR_CODE, F_ENTRY_INTR_INFO }, .mask = BITS(31, 16)),
	ROW("entry.event.length", event_length,
	    "a software interrupt or exception needs the length of its instruction",
	    "the length was not written together with the event",
	    "the length of INT n (2), INT3 or INTO (1)",
	    .field = { F_ENTRY_INSN_LEN, F_ENTRY_INTR_INFO }),
	ROW("entry.msr-load.area", msr_area,
	    "with a VM-entry MSR-load count the area must be 16-byte aligned and lie within the "
	    "physical-address width",
	    "the address was never written, or a virtual address was written",
	    "host-physical address of the area, or a count of 0",
	    .field = { F_ENTRY_MSR_LOAD_ADDR, F_ENTRY_MSR_LOAD_COUNT }, .mask = 15),
	ROW("entry.smm.entry", smm_control,
	    "\"entry to SMM\" must be 0 outside SMM", "the control was set by mistake", "0",
	    .field = { F_ENTRY_CTLS }, .mask = BIT(10)),
	ROW("entry.smm.deactivate", smm_control,
	    "\"deactivate dual-monitor treatment\" must be 0 outside SMM",
	    "the control was set by mistake", "0", .field = { F_ENTRY_CTLS }, .mask = BIT(11)),
	ROW("entry.smm.both", smm_both,
	    "\"entry to SMM\" and \"deactivate dual-monitor treatment\" exclude each other",
	    "the controls were set by mistake", "0 in both", .field = { F_ENTRY_CTLS },
	    .mask = BIT(10) | BIT(11)),
};

const struct rule_table rules_exit_entry = { rules, COUNT_OF(rules) };
