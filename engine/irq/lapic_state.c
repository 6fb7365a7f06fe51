/* SPDX-License-Identifier: MIT */
/*
 * A local APIC's registers to and from user space (KVM_GET_LAPIC, KVM_SET_LAPIC).
 * The ID is always in bits 31:24, in x2APIC mode too, as the ABI has it without
 * KVM_CAP_X2APIC_API; it is fixed, so what comes in is ignored.
 */
#include "abi.h"
#include "lapic.h"

static u32 peek(const u8 *regs, u32 offset)
{
	u32 val;

	__builtin_memcpy(&val, regs + offset, 4);
	return val;
}

static void poke(u8 *regs, u32 offset, u32 val)
{
	__builtin_memcpy(regs + offset, &val, 4);
}

void lapic_get_state(struct lapic *l, void *state)
{
	u8 *regs = state;
	u32 offset;

	__builtin_memset(regs, 0, ABI_LAPIC_SIZE);
	lapic_timer_expired(l);
	for (offset = 0; offset < APIC_REGS_END; offset += 16)
		if (lapic_readable(offset))
			poke(regs, offset, lapic_read(l, offset));
	poke(regs, APIC_ID, l->v->id << 24);
	/* Errors not read yet would otherwise be lost. */
	poke(regs, APIC_ESR, lapic_get(l, APIC_ESR) | LOAD(&l->errors));
}

static void set_banks(struct lapic *l, const u8 *regs)
{
	u32 w, tmr;

	for (w = 0; w < 8; w++) {
		/* Vectors 0..15 can't be requested. */
		u32 valid = w ? 0xffffffff : 0xffff0000;

		tmr = peek(regs, APIC_TMR + w * 16) & valid;
		lapic_set(l, APIC_TMR + w * 16, tmr);
		lapic_set(l, APIC_ISR + w * 16,
			  peek(regs, APIC_ISR + w * 16) & valid);
		STORE(lapic_word(l, APIC_IRR, w),
		      peek(regs, APIC_IRR + w * 16) & valid);
	}
}

static void set_lvts(struct lapic *l, const u8 *regs)
{
	bool enabled = lapic_get(l, APIC_SVR) & SVR_ENABLE;
	u32 offset, lvt;

	for (offset = APIC_LVT_TIMER; offset <= APIC_LVT_ERROR; offset += 16) {
		lvt = peek(regs, offset) & lapic_lvt_valid(offset);
		/* LINT0 of the boot CPU is open after reset, see reset. */
		if (!enabled && offset != APIC_LVT_LINT0)
			lvt |= LVT_MASKED;
		if (offset == APIC_LVT_TIMER &&
		    (lvt & LVT_TIMER_MODE) == LVT_TIMER_MODE)
			lvt &= ~(u32)LVT_TIMER_MODE;
		lapic_set(l, offset, lvt);
	}
}

int lapic_set_state(struct lapic *l, const void *state)
{
	const u8 *regs = state;

	lapic_timer_reset(l);
	lapic_set(l, APIC_TPR, peek(regs, APIC_TPR) & 0xff);
	lapic_set(l, APIC_LDR, peek(regs, APIC_LDR) & (u32)BITS(31, 24));
	lapic_set(l, APIC_DFR, peek(regs, APIC_DFR) | ~(u32)DFR_MODEL);
	lapic_set(l, APIC_SVR, peek(regs, APIC_SVR) & (u32)SVR_VALID);
	lapic_set(l, APIC_ESR, peek(regs, APIC_ESR) & 0xff);
	lapic_set(l, APIC_ICR, peek(regs, APIC_ICR) & (u32)ICR_LOW_VALID);
	lapic_set(l, APIC_ICR2, lapic_x2(l) ? peek(regs, APIC_ICR2) :
			peek(regs, APIC_ICR2) & (u32)BITS(31, 24));
	STORE(&l->errors, 0);
	lapic_mode_regs(l);
	set_banks(l, regs);
	set_lvts(l, regs);
	lapic_set(l, APIC_TMICT, peek(regs, APIC_TMICT));
	lapic_set(l, APIC_TDCR, peek(regs, APIC_TDCR) & 0xb);
	lapic_timer_restore(l, peek(regs, APIC_TMCCT));
	lapic_rescan(l);
	vcpu_request(l->v, REQ_EVENT);
	return 0;
}
