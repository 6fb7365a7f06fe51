/* SPDX-License-Identifier: MIT */
/*
 * SDM3 "Checks on Guest RIP, RFLAGS, and SSP", "Checks on Guest Non-Register State",
 * "Checks on Guest Page-Directory-Pointer-Table Entries".
 */
#include "rules.h"

#define ROW_GROUP GROUP_GUEST
#define ROW_TITLE "Checks on Guest RIP, RFLAGS, and SSP"

#define PENDING_BS	BIT(14)
#define PENDING_RTM	BIT(16)
#define DEBUGCTL_BTF	BIT(1)

enum { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI };

static bool in_64bit(struct explain_check *c)
{
	return guest_ia32e(c) && (rule_get(c, F_GUEST_CS_AR) & AR_L);
}

CHECK(rip_high)
{
	u64 v = rule_get(c, r->field[0]);

	if (!(v >> 32) || in_64bit(c))
		return false;
	bits_numbers(v & BITS(63, 32), &c->detail);
	text_add(&c->detail, " set, and the guest isn't in 64-bit mode");
	return true;
}

/*
 * Bits 63:N, not 63:N-1 as for a canonical address: RIP 0x800000000000 on a CPU with 48
 * bits is let in, and faults at the first fetch.
 */
CHECK(rip_canonical)
{
	u64 v = rule_get(c, r->field[0]);

	return in_64bit(c) && !rule_same_high_bits(c, v);
}

CHECK(rflags_reserved)
{
	u64 v = rule_get(c, r->field[0]);

	return rule_fixed(c, v, RFLAGS_FIXED, bits_defined(&bits_rflags), "");
}

CHECK(rflags_vm)
{
	bool ia32e, real;

	if (!(rule_get(c, r->field[0]) & RFLAGS_VM))
		return false;
	ia32e = guest_ia32e(c);
	real = !(rule_get(c, F_GUEST_CR0) & CR0_PE);
	if (ia32e || real)
		text_add(&c->detail, "VM is 1 %s", ia32e ? "in IA-32e mode" : "with CR0.PE 0");
	return ia32e || real;
}

CHECK(rflags_if)
{
	return injects(c, INTR_EXTERNAL) && !(rule_get(c, r->field[0]) & RFLAGS_IF);
}

CHECK(guest_ssp)
{
	u64 v = rule_get(c, r->field[0]);

	if (v & 3)
		text_add(&c->detail, "bits 1:0 set");
	return (v & 3) || !rule_same_high_bits(c, v);
}

CHECK(activity_value)
{
	u64 v = rule_get(c, r->field[0]), misc = rule_cap(c, XCAP_MISC, BITS(8, 6));

	if (v == ACTIVE || (v <= WAIT_FOR_SIPI && (misc & BIT(5 + v))))
		return false;
	text_add(&c->detail, v > WAIT_FOR_SIPI ? "%llu is no activity state" :
		 "this CPU doesn't support activity state %llu", ULL(v));
	return true;
}

CHECK(activity_hlt_dpl)
{
	return rule_get(c, r->field[0]) == HLT && AR_DPL(rule_get(c, F_GUEST_SS_AR));
}

CHECK(activity_blocking)
{
	return rule_get(c, r->field[0]) != ACTIVE &&
	       (rule_get(c, F_GUEST_INTERRUPTIBILITY) & (INTR_STI | INTR_MOV_SS));
}

static bool injectable(u64 state, u64 info)
{
	u64 type = INTR_TYPE(info), vector = INTR_VECTOR(info);

	if (state == HLT)
		return type == INTR_EXTERNAL || type == INTR_NMI ||
		       (type == INTR_HW_EXCEPTION && (vector == VEC_DB || vector == VEC_MC)) ||
		       (type == INTR_OTHER && vector == 0);
	if (state == SHUTDOWN)
		return type == INTR_NMI || (type == INTR_HW_EXCEPTION && vector == VEC_MC);
	return state == ACTIVE;
}

CHECK(activity_injection)
{
	u64 state = rule_get(c, r->field[0]), info = rule_get(c, F_ENTRY_INTR_INFO);

	if (!(info & INTR_VALID) || state > WAIT_FOR_SIPI || injectable(state, info))
		return false;
	decode_event((u32)info, true, &c->detail);
	text_add(&c->detail, " in activity state %llu", ULL(state));
	return true;
}

CHECK(activity_smm)
{
	return rule_ctl(c, CTL(ENTRY, 10)) && rule_get(c, r->field[0]) == WAIT_FOR_SIPI;
}

CHECK(sti_and_mov_ss)
{
	return (rule_get(c, r->field[0]) & r->mask) == r->mask;
}

CHECK(sti_without_if)
{
	return (rule_get(c, r->field[0]) & INTR_STI) &&
	       !(rule_get(c, F_GUEST_RFLAGS) & RFLAGS_IF);
}

CHECK(blocked_interrupt)
{
	return injects(c, INTR_EXTERNAL) && rule_zero(c, r);
}

CHECK(blocked_nmi)
{
	return injects(c, INTR_NMI) && rule_zero(c, r);
}

CHECK(virtual_nmi_blocked)
{
	return (rule_get(c, r->field[0]) & BIT(3)) && rule_ctl(c, CTL(PIN, 5)) &&
	       injects(c, INTR_NMI);
}

CHECK(smi_blocked_outside_smm)
{
	if (c->s->in_smm == TRI_UNKNOWN)
		c->assumed = true;
	return c->s->in_smm != TRI_YES && (rule_get(c, r->field[0]) & BIT(2));
}

CHECK(smi_not_blocked)
{
	return rule_ctl(c, CTL(ENTRY, 10)) && !(rule_get(c, r->field[0]) & BIT(2));
}

CHECK(enclave_mov_ss)
{
	return (rule_get(c, r->field[0]) & (BIT(4) | INTR_MOV_SS)) == (BIT(4) | INTR_MOV_SS);
}

/* With a shadow or in HLT the single-step trap must be what TF and BTF say. */
CHECK(pending_bs)
{
	u64 pending = rule_get(c, r->field[0]), flags;
	bool step;

	if (!(rule_get(c, F_GUEST_INTERRUPTIBILITY) & (INTR_STI | INTR_MOV_SS)) &&
	    rule_get(c, F_GUEST_ACTIVITY) != HLT)
		return false;
	flags = rule_get(c, F_GUEST_RFLAGS);
	step = flags & RFLAGS_TF;
	if (step)
		step = !(rule_get(c, F_GUEST_DEBUGCTL) & DEBUGCTL_BTF);
	if (step == !!(pending & PENDING_BS))
		return false;
	text_add(&c->detail, "BS is %u, RFLAGS.TF is %u%s", !!(pending & PENDING_BS),
		 !!(flags & RFLAGS_TF),
		 (flags & RFLAGS_TF) && !step ? " with IA32_DEBUGCTL.BTF" : "");
	return true;
}

CHECK(pending_rtm)
{
	u64 v = rule_get(c, r->field[0]);

	return (v & PENDING_RTM) && ((v & (BITS(15, 13) | BITS(11, 0))) || !(v & BIT(12)) ||
				     (rule_get(c, F_GUEST_INTERRUPTIBILITY) & INTR_MOV_SS));
}

CHECK(link_pointer)
{
	return rule_get(c, r->field[0]) != ~0ull && rule_address(c, r);
}

/* PAE paging outside IA-32e mode; with EPT the entries are in the VMCS. */
CHECK(pdpte)
{
	u64 bad;

	if (!(rule_get(c, F_GUEST_CR0) & CR0_PG) || !(rule_get(c, F_GUEST_CR4) & CR4_PAE) ||
	    guest_ia32e(c) || !rule_ctl(c, CTL(PROC2, 1)) || !(rule_get(c, r->field[0]) & 1))
		return false;
	bad = rule_get(c, r->field[0]) & (BITS(2, 1) | BITS(8, 5) | rule_beyond_phys(c));
	if (bad) {
		bits_numbers(bad, &c->detail);
		text_add(&c->detail, " set in a present entry");
	}
	return bad;
}

#define PDPTE(n)								\
	ROW("guest.pdpte" #n, pdpte, "a present page-directory-pointer-table entry must have no " \
	    "reserved bits",							\
	    "the four fields weren't loaded from the table at CR3 when the guest changed CR3 or " \
	    "switched PAE paging on",						\
	    "the entry from the table at CR3, or one that isn't present",	\
	    .field = { F_GUEST_PDPTE##n, F_GUEST_CR3 })

static const struct explain_rule rules[] = {
	ROW("guest.rip.high", rip_high, "RIP must be below 4 GiB outside 64-bit mode",
	    "\"IA-32e mode guest\" or CS.L isn't set though the guest is 64-bit code; or an "
	    "instruction pointer was sign-extended, or not wrapped",
	    "RIP & 0xffffffff, or CS.L 1 and \"IA-32e mode guest\" 1",
	    .field = { F_GUEST_RIP, F_GUEST_CS_AR, F_ENTRY_CTLS }),
	ROW("guest.rip.canonical", rip_canonical, "in 64-bit mode RIP's bits above the "
	    "linear-address width must all be the same",
	    "a jump or return target was stored without the check that raises #GP",
	    "a canonical address", .field = { F_GUEST_RIP }),
	ROW("guest.rflags.reserved", rflags_reserved,
	    "RFLAGS bits 63:22, 15, 5 and 3 must be 0 and bit 1 must be 1",
	    "RFLAGS was left 0: bit 1 is always 1", "2 for all flags clear",
	    .field = { F_GUEST_RFLAGS }),
	ROW("guest.rflags.vm", rflags_vm, "RFLAGS.VM must be 0 in IA-32e mode and in real mode",
	    "the guest's mode was changed and RFLAGS was not", "RFLAGS.VM 0",
	    .field = { F_GUEST_RFLAGS, F_GUEST_CR0, F_ENTRY_CTLS }),
	ROW("guest.rflags.if", rflags_if,
	    "RFLAGS.IF must be 1 where an external interrupt is to be injected",
	    "an interrupt was injected without asking whether the guest takes any; or state was "
	    "changed (an SMI, a reset, a restored snapshot) with an injection pending",
	    "inject when IF is 1: request an interrupt window till then",
	    .field = { F_GUEST_RFLAGS, F_ENTRY_INTR_INFO }),
	ROW("guest.ssp", guest_ssp, "SSP must be 4-byte aligned, and its bits above the linear-address width all the same",
	    "the field was never written", "0, or the guest's SSP",
	    .field = { F_GUEST_SSP }, .when = CTL(ENTRY, 20)),
#undef ROW_TITLE
#define ROW_TITLE "Checks on Guest Non-Register State"
	ROW("guest.activity.value", activity_value,
	    "the activity state must be one that IA32_VMX_MISC reports", "the field was never written",
	    "0 (active)", .field = { F_GUEST_ACTIVITY }),
	ROW("guest.activity.hlt-dpl", activity_hlt_dpl, "HLT needs SS.DPL 0",
	    "the guest was put to sleep outside its kernel", "activity state 0",
	    .field = { F_GUEST_ACTIVITY, F_GUEST_SS_AR }),
	ROW("guest.activity.blocking", activity_blocking,
	    "with blocking by STI or MOV SS the activity state must be active",
	    "HLT was emulated right after STI, and the shadow wasn't cleared",
	    "bits 1:0 of the interruptibility state 0",
	    .field = { F_GUEST_ACTIVITY, F_GUEST_INTERRUPTIBILITY }),
	ROW("guest.activity.injection", activity_injection,
	    "only an event that the activity state lets through may be injected",
	    "the guest wasn't woken (made active) before an exception was injected",
	    "activity state 0 (active)", .field = { F_GUEST_ACTIVITY, F_ENTRY_INTR_INFO }),
	ROW("guest.activity.smm", activity_smm,
	    "with \"entry to SMM\" the activity state must not be wait-for-SIPI",
	    "the control was set by mistake", "activity state 0",
	    .field = { F_GUEST_ACTIVITY, F_ENTRY_CTLS }),
	ROW("guest.interruptibility.reserved", rule_zero,
	    "bits 31:5 of the interruptibility state must be 0", "the field was never written", "0",
	    .field = { F_GUEST_INTERRUPTIBILITY }, .mask = BITS(31, 5)),
	ROW("guest.interruptibility.both", sti_and_mov_ss,
	    "blocking by STI and blocking by MOV SS exclude each other",
	    "an emulated instruction's shadow was added to an older one", "one of them",
	    .field = { F_GUEST_INTERRUPTIBILITY }, .mask = INTR_STI | INTR_MOV_SS),
	ROW("guest.interruptibility.sti", sti_without_if,
	    "blocking by STI needs RFLAGS.IF 1",
	    "RFLAGS was replaced (an SMI, a task switch, a reset) and the STI shadow was kept",
	    "bit 0 of the interruptibility state 0",
	    .field = { F_GUEST_INTERRUPTIBILITY, F_GUEST_RFLAGS }),
	ROW("guest.interruptibility.interrupt", blocked_interrupt,
	    "an external interrupt can't be injected under blocking by STI or MOV SS",
	    "an interrupt was injected into an STI or MOV SS shadow",
	    "inject one instruction later: request an interrupt window",
	    .field = { F_GUEST_INTERRUPTIBILITY, F_ENTRY_INTR_INFO },
	    .mask = INTR_STI | INTR_MOV_SS),
	ROW("guest.interruptibility.nmi-mov-ss", blocked_nmi,
	    "an NMI can't be injected under blocking by MOV SS",
	    "an NMI was injected into a MOV SS shadow",
	    "inject one instruction later: request an NMI window",
	    .field = { F_GUEST_INTERRUPTIBILITY, F_ENTRY_INTR_INFO }, .mask = INTR_MOV_SS),
	ROW("guest.interruptibility.nmi-sti", blocked_nmi,
	    "an NMI can't be injected under blocking by STI (some CPUs don't mind)",
	    "an NMI was injected into an STI shadow",
	    "bit 0 of the interruptibility state 0, or inject one instruction later",
	    .field = { F_GUEST_INTERRUPTIBILITY, F_ENTRY_INTR_INFO }, .mask = INTR_STI),
	ROW("guest.interruptibility.virtual-nmi", virtual_nmi_blocked,
	    "with \"virtual NMIs\" an NMI can't be injected under blocking by NMI",
	    "an NMI was injected while the guest handles one",
	    "inject after its IRET: request an NMI window",
	    .field = { F_GUEST_INTERRUPTIBILITY, F_ENTRY_INTR_INFO, F_PIN_CTLS }),
	ROW("guest.interruptibility.smi", smi_blocked_outside_smm,
	    "blocking by SMI must be 0 outside SMM",
	    "SMM of the guest was modelled with the bit that stands for SMM of the CPU",
	    "bit 2 of the interruptibility state 0", .field = { F_GUEST_INTERRUPTIBILITY }),
	ROW("guest.interruptibility.entry-to-smm", smi_not_blocked,
	    "\"entry to SMM\" needs blocking by SMI", "the control was set by mistake",
	    "\"entry to SMM\" 0", .field = { F_GUEST_INTERRUPTIBILITY, F_ENTRY_CTLS }),
	ROW("guest.interruptibility.enclave", enclave_mov_ss,
	    "an enclave interruption excludes blocking by MOV SS", "the field was never written",
	    "0 in both", .field = { F_GUEST_INTERRUPTIBILITY }),
	ROW("guest.pending-debug.reserved", rule_zero,
	    "bits 10:4, 13, 15 and 63:17 of the pending debug exceptions must be 0",
	    "DR6 was written as it is: its bits 10:4 are 1, and B0-B3 mean something else here",
	    "only B0-B3, BLD, enabled breakpoint, BS, RTM",
	    .field = { F_GUEST_PENDING_DEBUG }, .mask = BITS(63, 17) | BIT(15) | BIT(13) | BITS(10, 4)),
	ROW("guest.pending-debug.bs", pending_bs,
	    "under blocking by STI or MOV SS, or in HLT, BS must be 1 just if RFLAGS.TF is 1 and "
	    "IA32_DEBUGCTL.BTF is 0",
	    "the guest is single-stepped (or stopped being so) with a shadow in force",
	    "BS as RFLAGS.TF, or no shadow",
	    .field = { F_GUEST_PENDING_DEBUG, F_GUEST_INTERRUPTIBILITY, F_GUEST_RFLAGS,
		       F_GUEST_ACTIVITY }),
	ROW("guest.pending-debug.rtm", pending_rtm,
	    "RTM needs bit 12 and excludes all other bits, and blocking by MOV SS",
	    "the field was never written", "0", .field = { F_GUEST_PENDING_DEBUG,
	    F_GUEST_INTERRUPTIBILITY }),
	ROW("guest.link-pointer", link_pointer,
	    "the VMCS link pointer must be all ones, or the aligned address of a shadow VMCS",
	    "the field was left 0", "0xffffffffffffffff", .field = { F_LINK_POINTER },
	    .mask = 0xfff),
#undef ROW_TITLE
#define ROW_TITLE "Checks on Guest Page-Directory-Pointer-Table Entries"
	PDPTE(0), PDPTE(1), PDPTE(2), PDPTE(3),
};

const struct rule_table rules_guest_state = { rules, COUNT_OF(rules) };
