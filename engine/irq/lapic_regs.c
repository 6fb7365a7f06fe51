/* SPDX-License-Identifier: MIT */
/*
 * Local APIC registers as software sees them: what can be read, what a write
 * does, and the two ways in, memory-mapped (xAPIC) and by MSR (x2APIC).
 */
#include "lapic.h"

/* -- Semantics that both modes share ------------------------------------------------ */

static bool in_bank(u32 offset, u32 bank)
{
	return offset >= bank && offset < bank + 8 * 16;
}

bool lapic_readable(u32 offset)
{
	switch (offset) {
	case APIC_ID: case APIC_VERSION: case APIC_TPR: case APIC_APR:
	case APIC_PPR: case APIC_EOI: case APIC_RRD: case APIC_LDR:
	case APIC_DFR: case APIC_SVR: case APIC_ESR: case APIC_ICR:
	case APIC_ICR2: case APIC_LVT_TIMER: case APIC_LVT_THERMAL:
	case APIC_LVT_PERF: case APIC_LVT_LINT0: case APIC_LVT_LINT1:
	case APIC_LVT_ERROR: case APIC_TMICT: case APIC_TMCCT: case APIC_TDCR:
		return true;
	}
	return in_bank(offset, APIC_ISR) || in_bank(offset, APIC_TMR) ||
	       in_bank(offset, APIC_IRR);
}

/* SDM3 "Local Vector Table": read-only bits are not in the mask. */
u32 lapic_lvt_valid(u32 offset)
{
	switch (offset) {
	case APIC_LVT_TIMER:
		return LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE;
	case APIC_LVT_THERMAL:
	case APIC_LVT_PERF:
		return LVT_VECTOR | LVT_MASKED | BITS(10, 8);
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
		return LVT_VECTOR | LVT_MASKED | BITS(10, 8) | LVT_POLARITY |
		       LVT_LEVEL;
	case APIC_LVT_ERROR:
		return LVT_VECTOR | LVT_MASKED;
	}
	return 0;
}

u32 lapic_read(struct lapic *l, u32 offset)
{
	switch (offset) {
	case APIC_TMCCT:
		return lapic_timer_count(l);
	case APIC_APR:
	case APIC_EOI:
	case APIC_RRD:
		return 0;
	}
	return lapic_get(l, offset);
}

void lapic_send_ipi(struct lapic *l, u32 icr, u32 dest)
{
	struct irq_msg msg = {
		.dest = dest,
		.vector = (u8)icr,
		.delivery = ICR_DELIVERY(icr),
		.logical = icr & ICR_LOGICAL,
		.x2apic = lapic_x2(l),
		.shorthand = ICR_SHORTHAND(icr),
	};
	bool fixed = msg.delivery == DELIVER_FIXED || msg.delivery == DELIVER_LOWEST;

	if (fixed && msg.vector < 16) {
		lapic_error(l, ESR_SEND_ILLEGAL_VECTOR);
		return;
	}
	/* To itself, the commonest of all, it needs no search for a destination. */
	if (fixed && (msg.shorthand == SHORT_SELF ||
		      (msg.shorthand == SHORT_NONE && !msg.logical &&
		       dest == l->v->id))) {
		if (lapic_sw_on(l) && lapic_accept(l, msg.vector, false))
			vcpu_request(l->v, REQ_EVENT);
		return;
	}
	/* INIT level de-assert: no processor since the Pentium 4 acts on it. */
	if (msg.delivery == DELIVER_INIT && (icr & ICR_LEVEL) &&
	    !(icr & ICR_ASSERT))
		return;
	irq_deliver(l->v->vm, l->v, &msg);
}

static void write_svr(struct lapic *l, u32 val)
{
	u32 lvt;

	lapic_set(l, APIC_SVR, val & SVR_VALID);
	if (val & SVR_ENABLE)
		return;
	/* SDM3 "Local APIC State After It Has Been Software Disabled" */
	for (lvt = APIC_LVT_THERMAL; lvt <= APIC_LVT_ERROR; lvt += 16)
		lapic_set(l, lvt, lapic_get(l, lvt) | (u32)LVT_MASKED);
	lapic_timer_set_lvt(l, lapic_get(l, APIC_LVT_TIMER) | (u32)LVT_MASKED);
}

static void write_lvt(struct lapic *l, u32 offset, u32 val)
{
	val &= lapic_lvt_valid(offset);
	if (!(lapic_get(l, APIC_SVR) & SVR_ENABLE))
		val |= LVT_MASKED;
	if (offset == APIC_LVT_TIMER) {
		lapic_timer_set_lvt(l, val);
		return;
	}
	lapic_set(l, offset, val);
	/* INTR may have been waiting for LINT0 to let it through. */
	if (offset == APIC_LVT_LINT0 && lapic_accepts_extint(l))
		vcpu_request(l->v, REQ_EVENT);
}

void lapic_write(struct lapic *l, u32 offset, u32 val)
{
	if (LIKELY(offset == APIC_EOI)) {
		lapic_eoi(l);
		return;
	}
	switch (offset) {
	case APIC_ICR:
		val &= ICR_LOW_VALID;
		lapic_set(l, APIC_ICR, val);
		lapic_send_ipi(l, val, lapic_get(l, APIC_ICR2) >> 24);
		break;
	case APIC_ICR2:
		lapic_set(l, APIC_ICR2, val & (u32)BITS(31, 24));
		break;
	case APIC_TPR:
		lapic_set_tpr(l, val & 0xff);
		break;
	case APIC_LDR:
		lapic_set(l, APIC_LDR, val & (u32)BITS(31, 24));
		break;
	case APIC_DFR:
		lapic_set(l, APIC_DFR, val | ~(u32)DFR_MODEL);
		break;
	case APIC_SVR:
		write_svr(l, val);
		break;
	case APIC_ESR:
		/* What was collected since the last write becomes readable. */
		lapic_set(l, APIC_ESR,
			  __atomic_exchange_n(&l->errors, 0, __ATOMIC_SEQ_CST));
		break;
	case APIC_LVT_TIMER: case APIC_LVT_THERMAL: case APIC_LVT_PERF:
	case APIC_LVT_LINT0: case APIC_LVT_LINT1: case APIC_LVT_ERROR:
		write_lvt(l, offset, val);
		break;
	case APIC_TMICT:
		lapic_timer_set_count(l, val);
		break;
	case APIC_TDCR:
		lapic_timer_set_divide(l, val);
		break;
	default:
		/* Read-only registers ignore writes. */
		if (!lapic_readable(offset))
			lapic_error(l, ESR_ILLEGAL_REGISTER);
	}
}

/* -- Memory-mapped ---------------------------------------------------------------------- */

/*
 * Registers are 32 bits wide on 128-bit boundaries; anything but an aligned
 * access to all of one is undefined. Reads get the bytes there are and zeros for
 * the rest, writes that don't cover a register do nothing.
 */
void lapic_mmio_read(struct lapic *l, u32 offset, void *data, unsigned size)
{
	u32 reg = offset & 0xff0;
	unsigned first = offset & 0xf;
	u64 val = 0;

	if (LIKELY(first < 4)) {
		if (LIKELY(lapic_readable(reg)))
			val = lapic_read(l, reg) >> (first * 8);
		else
			lapic_error(l, ESR_ILLEGAL_REGISTER);
	}
	__builtin_memcpy(data, &val, size < 8 ? size : 8);
}

void lapic_mmio_write(struct lapic *l, u32 offset, const void *data, unsigned size)
{
	u32 val;

	if (UNLIKELY((offset & 0xf) || size < 4))
		return;
	__builtin_memcpy(&val, data, 4);
	lapic_write(l, offset & 0xff0, val);
}

/* -- MSRs: SDM3 "x2APIC Register Address Space" ------------------------------------------- */

int lapic_msr_read(struct lapic *l, u32 msr, u64 *val)
{
	u32 offset = (msr - MSR_X2APIC) << 4;

	if (!lapic_x2(l) || msr < MSR_X2APIC || offset >= APIC_REGS_END)
		return ERR_INVAL;
	switch (offset) {
	case APIC_APR: case APIC_EOI: case APIC_RRD: case APIC_DFR:
	case APIC_ICR2:
		return ERR_INVAL;
	case APIC_ICR:
		*val = lapic_get(l, APIC_ICR) |
		       (u64)lapic_get(l, APIC_ICR2) << 32;
		return 0;
	}
	if (!lapic_readable(offset))
		return ERR_INVAL;
	*val = lapic_read(l, offset);
	return 0;
}

/* Bits that may be set in a write to offset; false: can't be written at all. */
static bool msr_writable(u32 offset, u32 *valid)
{
	switch (offset) {
	case APIC_TPR:
	case APIC_SELF_IPI:
		*valid = 0xff;
		return true;
	case APIC_EOI:
	case APIC_ESR:
		*valid = 0;
		return true;
	case APIC_SVR:
		*valid = SVR_VALID;
		return true;
	case APIC_TMICT:
		*valid = 0xffffffff;
		return true;
	case APIC_TDCR:
		*valid = 0xb;
		return true;
	}
	*valid = lapic_lvt_valid(offset);
	if (!*valid)
		return false;
	/* Read-only bits are not reserved ones. */
	*valid |= LVT_PENDING;
	if (offset == APIC_LVT_LINT0 || offset == APIC_LVT_LINT1)
		*valid |= LVT_REMOTE_IRR;
	return true;
}

static int msr_write_icr(struct lapic *l, u64 val)
{
	u32 icr = (u32)val & ~(u32)ICR_PENDING;	/* not there any more */

	if (UNLIKELY(icr & ~(u32)ICR_LOW_VALID))
		return ERR_INVAL;
	lapic_set(l, APIC_ICR, icr);
	lapic_set(l, APIC_ICR2, (u32)(val >> 32));
	lapic_send_ipi(l, icr, (u32)(val >> 32));
	return 0;
}

int lapic_msr_write(struct lapic *l, u32 msr, u64 val)
{
	u32 offset = (msr - MSR_X2APIC) << 4;
	u32 valid;

	if (!lapic_x2(l) || msr < MSR_X2APIC || offset >= APIC_REGS_END)
		return ERR_INVAL;
	/* The two that are frequent. */
	if (offset == APIC_EOI && !val) {
		lapic_eoi(l);
		return 0;
	}
	if (offset == APIC_ICR)
		return msr_write_icr(l, val);
	if (!msr_writable(offset, &valid) || (val & ~(u64)valid))
		return ERR_INVAL;
	if (offset == APIC_LVT_TIMER && (val & LVT_TIMER_MODE) == LVT_TIMER_MODE)
		return ERR_INVAL;
	if (offset == APIC_SELF_IPI)
		lapic_send_ipi(l, SHORT_SELF << 18 | (u32)val, 0);
	else
		lapic_write(l, offset, (u32)val);
	return 0;
}
