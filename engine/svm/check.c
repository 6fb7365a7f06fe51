/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "../x86/state.h"

#define EFER_VALID	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | \
			 BIT(13) /* LMSLE */ | EFER_FFXSR | BIT(15) /* TCE */ | \
			 BIT(17) /* MCOMMIT */ | BIT(18) /* INTWB */ | \
			 BIT(20) /* UAIE */ | BIT(21) /* AIBRSE */)
#define CR4_CET		BIT(23)
#define IOPM_SIZE	(3 * PG_SIZE)
#define MSRPM_SIZE	(2 * PG_SIZE)

#define RULE(name) \
	static bool name(const struct vmcb *b, const struct svm_limits *l)
#define UNUSED(x)	((void)(x))

static bool long_mode_paging(const struct vmcb_save *s)
{
	return (s->efer & EFER_LME) && (s->cr0 & CR0_PG);
}

/* Is [pa, pa + size) not wholly below the end of physical memory? */
static bool beyond(u64 pa, u64 size, const struct svm_limits *l)
{
	u64 end = BIT(l->phys_bits);

	pa &= ~PG_OFFSET_MASK;
	return pa >= end || size > end - pa;
}

RULE(svme_clear)
{
	UNUSED(l);
	return !(b->s.efer & EFER_SVME);
}

RULE(nw_without_cd)
{
	UNUSED(l);
	return (b->s.cr0 & CR0_NW) && !(b->s.cr0 & CR0_CD);
}

RULE(cr0_high)
{
	UNUSED(l);
	return b->s.cr0 >> 32;
}

RULE(cr3_reserved)
{
	return b->s.cr3 & ~BITS(l->phys_bits - 1, 0);
}

RULE(cr4_reserved)
{
	return b->s.cr4 & ~l->cr4_valid;
}

RULE(cet_without_wp)
{
	UNUSED(l);
	return (b->s.cr4 & CR4_CET) && !(b->s.cr0 & CR0_WP);
}

RULE(dr6_high)
{
	UNUSED(l);
	return b->s.dr6 >> 32;
}

RULE(dr7_high)
{
	UNUSED(l);
	return b->s.dr7 >> 32;
}

RULE(efer_reserved)
{
	UNUSED(l);
	return b->s.efer & ~EFER_VALID;
}

RULE(long_without_pae)
{
	UNUSED(l);
	return long_mode_paging(&b->s) && !(b->s.cr4 & CR4_PAE);
}

RULE(long_without_pe)
{
	UNUSED(l);
	return long_mode_paging(&b->s) && !(b->s.cr0 & CR0_PE);
}

RULE(cs_l_and_d)
{
	UNUSED(l);
	return long_mode_paging(&b->s) && (b->s.cr4 & CR4_PAE) &&
	       (b->s.cs.attrib & BIT(9)) && (b->s.cs.attrib & BIT(10));
}

RULE(vmrun_not_intercepted)
{
	UNUSED(l);
	return !(b->c.misc2 & INTERCEPT2_VMRUN);
}

RULE(iopm_beyond)
{
	return (b->c.misc1 & INTERCEPT1_IOIO) && beyond(b->c.iopm, IOPM_SIZE, l);
}

RULE(msrpm_beyond)
{
	return (b->c.misc1 & INTERCEPT1_MSR) && beyond(b->c.msrpm, MSRPM_SIZE, l);
}

RULE(asid_zero)
{
	UNUSED(l);
	return !b->c.asid;
}

RULE(nested_cr3_beyond)
{
	return (b->c.nested_ctl & NESTED_CTL_NP) && beyond(b->c.nested_cr3, PG_SIZE, l);
}

/* APM2 "PAT-Indexed": types 2, 3 and above 7 don't exist. */
RULE(pat_type)
{
	unsigned i;

	UNUSED(l);
	for (i = 0; i < 8 && (b->c.nested_ctl & NESTED_CTL_NP); i++) {
		u8 type = b->s.g_pat >> (8 * i);

		if (type > 7 || type == 2 || type == 3)
			return true;
	}
	return false;
}

RULE(event_type)
{
	u64 type = FIELD(b->c.event_inject, 10, 8);

	UNUSED(l);
	return (b->c.event_inject & EVENT_INJ_V) && type != EVENT_INJ_INTR &&
	       type != EVENT_INJ_NMI && type != EVENT_INJ_EXCEPTION &&
	       type != EVENT_INJ_SOFT;
}

RULE(event_vector)
{
	u64 vector = FIELD(b->c.event_inject, 7, 0);

	UNUSED(l);
	return (b->c.event_inject & EVENT_INJ_V) &&
	       FIELD(b->c.event_inject, 10, 8) == EVENT_INJ_EXCEPTION &&
	       (vector == VEC_NMI || vector > 31);
}

const struct svm_rule svm_rules[] = {
	{ "EFER.SVME is 0", svme_clear },
	{ "CR0.NW is 1 while CR0.CD is 0", nw_without_cd },
	{ "CR0[63:32] are not 0", cr0_high },
	{ "CR3 has bits above the physical address width", cr3_reserved },
	{ "CR4 has bits that this CPU doesn't know", cr4_reserved },
	{ "CR4.CET is 1 while CR0.WP is 0", cet_without_wp },
	{ "DR6[63:32] are not 0", dr6_high },
	{ "DR7[63:32] are not 0", dr7_high },
	{ "EFER has reserved bits", efer_reserved },
	{ "EFER.LME and CR0.PG are 1 while CR4.PAE is 0", long_without_pae },
	{ "EFER.LME and CR0.PG are 1 while CR0.PE is 0", long_without_pe },
	{ "EFER.LME, CR0.PG, CR4.PAE, CS.L and CS.D are all 1", cs_l_and_d },
	{ "the VMRUN intercept is off", vmrun_not_intercepted },
	{ "the I/O permission map reaches beyond physical memory", iopm_beyond },
	{ "the MSR permission map reaches beyond physical memory", msrpm_beyond },
	{ "the ASID is 0", asid_zero },
	{ "nested CR3 is beyond physical memory", nested_cr3_beyond },
	{ "G_PAT has a memory type that doesn't exist", pat_type },
	{ "EVENTINJ has a reserved type", event_type },
	{ "EVENTINJ injects an exception with vector 2 or above 31", event_vector },
};

const unsigned svm_rule_count = COUNT_OF(svm_rules);
