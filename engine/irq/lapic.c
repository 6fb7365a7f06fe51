/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: life, acceptance and priority of interrupts, EOI, modes.
 * SDM3 "Advanced Programmable Interrupt Controller (APIC)".
 *
 * IRR has a summary word (irr_words) so that the highest request is found by two
 * bit scans. Setting goes bottom-up (IRR, then summary); clearing of a summary
 * bit looks at the IRR word again afterwards, so a bit that is set in between is
 * never lost. A summary bit over an empty word is harmless.
 */
#include "lapic.h"

#define CLASS(v)	((v) & 0xf0u)

static inline unsigned top_bit(u32 word)
{
	return 31 - (unsigned)__builtin_clz(word);
}

/* -- Requests ------------------------------------------------------------------- */

static void irr_summarise(struct lapic *l, unsigned word)
{
	u32 bit = 1u << word;

	/*
	 * Seen set here, the bit can only be cleared by an owner that then looks
	 * at the IRR word again and finds what the caller has put there.
	 */
	if (!(LOAD(&l->irr_words) & bit))
		__atomic_fetch_or(&l->irr_words, bit, __ATOMIC_SEQ_CST);
}

/* The owner found an IRR word empty. */
static void irr_emptied(struct lapic *l, unsigned word)
{
	__atomic_fetch_and(&l->irr_words, ~(1u << word), __ATOMIC_SEQ_CST);
	if (LOAD(lapic_word(l, APIC_IRR, word)))
		irr_summarise(l, word);
}

/* Highest vector in IRR or -1; clears summary bits that turn out stale. */
static int irr_highest(struct lapic *l)
{
	u32 words;

	while ((words = LOAD(&l->irr_words)) != 0) {
		unsigned w = top_bit(words);
		u32 bits = LOAD(lapic_word(l, APIC_IRR, w));

		if (LIKELY(bits))
			return (int)(w * 32 + top_bit(bits));
		irr_emptied(l, w);
	}
	return -1;
}

/* As irr_highest() for those who don't own the LAPIC: changes nothing. */
static int irr_peek(struct lapic *l)
{
	u32 words = LOAD(&l->irr_words);

	while (words) {
		unsigned w = top_bit(words);
		u32 bits = LOAD(lapic_word(l, APIC_IRR, w));

		if (bits)
			return (int)(w * 32 + top_bit(bits));
		words &= ~(1u << w);
	}
	return -1;
}

bool lapic_accept(struct lapic *l, u8 vector, bool level)
{
	unsigned w = vector / 32;
	u32 bit = 1u << (vector % 32);
	u32 *tmr = lapic_word(l, APIC_TMR, w);
	u32 *irr = lapic_word(l, APIC_IRR, w);
	u32 old;

	if (UNLIKELY(vector < 16)) {
		lapic_error(l, ESR_RECV_ILLEGAL_VECTOR);
		return false;
	}
	/* TMR first: whoever sees the request also sees its trigger mode. */
	if (level != !!(LOAD(tmr) & bit)) {
		if (level)
			__atomic_fetch_or(tmr, bit, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(tmr, ~bit, __ATOMIC_SEQ_CST);
	}
	old = __atomic_fetch_or(irr, bit, __ATOMIC_SEQ_CST) & bit;
	irr_summarise(l, w);
	return !old;
}

/* -- Priority -------------------------------------------------------------------- */

static int isr_highest(struct lapic *l)
{
	unsigned w;

	if (!l->isr_words)
		return -1;
	w = top_bit(l->isr_words);
	return (int)(w * 32 + top_bit(lapic_get(l, APIC_ISR + w * 16)));
}

/* SDM3 "Task and Processor Priorities" */
void lapic_update_ppr(struct lapic *l)
{
	u32 tpr = lapic_get(l, APIC_TPR) & 0xff;
	int isr = isr_highest(l);
	u32 isrv = isr < 0 ? 0 : (u32)isr;
	u32 ppr = CLASS(tpr) >= CLASS(isrv) ? tpr : CLASS(isrv);

	STORE(&l->ppr, ppr);
	lapic_set(l, APIC_PPR, ppr);
}

/*
 * ISR or TPR changed: have the run loop look for something to inject, and, what
 * TPR still holds back, for the new TPR threshold.
 */
static void recheck(struct lapic *l)
{
	if (LOAD(&l->irr_words) && irr_highest(l) >= 0)
		vcpu_request(l->v, REQ_EVENT);
}

void lapic_set_tpr(struct lapic *l, u32 tpr)
{
	u32 old = lapic_get(l, APIC_TPR);

	lapic_set(l, APIC_TPR, tpr & 0xff);
	lapic_update_ppr(l);
	if (CLASS(tpr) != CLASS(old))
		recheck(l);
}

u64 lapic_get_cr8(struct lapic *l)
{
	return (lapic_get(l, APIC_TPR) >> 4) & 0xf;
}

void lapic_set_cr8(struct lapic *l, u64 cr8)
{
	lapic_set_tpr(l, (u32)(cr8 & 0xf) << 4);
}

void lapic_tpr_changed(struct lapic *l)
{
	lapic_update_ppr(l);
	recheck(l);
}

int lapic_pending_vector(struct lapic *l)
{
	int vector = irr_highest(l);

	if (vector < 0 || CLASS((u32)vector) <= CLASS(l->ppr))
		return -1;
	/*
	 * Software-disabled, requests that were accepted before are still taken;
	 * globally disabled, there is no local APIC.
	 */
	return LIKELY(lapic_on(l)) ? vector : -1;
}

bool lapic_has_interrupt(struct lapic *l)
{
	int vector = irr_peek(l);

	return vector >= 0 && CLASS((u32)vector) > CLASS(LOAD(&l->ppr)) &&
	       lapic_on(l);
}

unsigned lapic_tpr_threshold(struct lapic *l)
{
	int irr = irr_highest(l);
	int isr;
	u32 class;

	if (irr < 0)
		return 0;
	class = CLASS((u32)irr);
	isr = isr_highest(l);
	if (isr >= 0 && class <= CLASS((u32)isr))
		return 0;
	return class <= CLASS(lapic_get(l, APIC_TPR)) ? class >> 4 : 0;
}

void lapic_ack(struct lapic *l, u8 vector)
{
	unsigned w = vector / 32;
	u32 bit = 1u << (vector % 32);
	u32 *isr = lapic_word(l, APIC_ISR, w);
	u32 *irr = lapic_word(l, APIC_IRR, w);

	__atomic_fetch_and(irr, ~bit, __ATOMIC_SEQ_CST);
	if (!LOAD(irr))
		irr_emptied(l, w);
	STORE(isr, *isr | bit);
	l->isr_words |= 1u << w;
	/*
	 * Only a vector of a class above PPR is acknowledged, so it now is the
	 * highest in service and PPR is its class.
	 */
	lapic_update_ppr(l);
}

void lapic_eoi(struct lapic *l)
{
	int vector = isr_highest(l);
	struct vm *vm = l->v->vm;
	unsigned w;
	u32 bit, rest;

	if (vector < 0)
		return;
	w = (unsigned)vector / 32;
	bit = 1u << (vector % 32);
	rest = lapic_get(l, APIC_ISR + w * 16) & ~bit;
	lapic_set(l, APIC_ISR + w * 16, rest);
	if (!rest)
		l->isr_words &= ~(1u << w);
	lapic_update_ppr(l);
	recheck(l);

	if (LIKELY(!(LOAD(lapic_word(l, APIC_TMR, w)) & bit)))
		return;
	if (vm->split_irqchip)
		l->user_eoi = vector;
	else if (vm->irqchip)
		ioapic_eoi(vm->irqchip, (u8)vector);
}

int lapic_take_user_eoi(struct lapic *l)
{
	int vector = l->user_eoi;

	l->user_eoi = -1;
	return vector;
}

/* -- Errors and local interrupts ---------------------------------------------------- */

void lapic_error(struct lapic *l, u32 bits)
{
	u32 old = __atomic_fetch_or(&l->errors, bits, __ATOMIC_SEQ_CST);

	/*
	 * One interrupt per error since ESR was written last. That also bounds
	 * the recursion when the error entry's own vector is illegal.
	 */
	if ((old & bits) != bits)
		lapic_lvt_event(l, APIC_LVT_ERROR);
}

void lapic_lvt_event(struct lapic *l, u32 offset)
{
	u32 lvt = lapic_get(l, offset);
	u32 delivery = LVT_DELIVERY(lvt);

	if ((lvt & LVT_MASKED) || !lapic_on(l))
		return;
	/* This entry has no delivery mode: always fixed. */
	if (offset == APIC_LVT_ERROR)
		delivery = DELIVER_FIXED;
	if (offset == APIC_LVT_PERF)
		lapic_set(l, offset, lvt | (u32)LVT_MASKED);
	switch (delivery) {
	case DELIVER_FIXED:
		if (lapic_accept(l, (u8)lvt, false))
			vcpu_kick(l->v, REQ_EVENT);
		break;
	case DELIVER_NMI:
		vcpu_raise_nmi(l->v);
		break;
	case DELIVER_INIT:
		vcpu_kick(l->v, REQ_INIT);
		break;
	case DELIVER_EXTINT:
		vcpu_kick(l->v, REQ_EVENT);
		break;
	}
}

bool lapic_accepts_extint(struct lapic *l)
{
	u32 lvt = lapic_get(l, APIC_LVT_LINT0);

	/* Without its APIC the CPU that boots is wired to the 8259 directly. */
	if (!lapic_on(l))
		return LOAD(&l->v->apic_base) & APIC_BASE_BSP;
	return !(lvt & LVT_MASKED) && LVT_DELIVERY(lvt) == DELIVER_EXTINT;
}

u8 lapic_sipi_vector(struct lapic *l)
{
	return LOAD(&l->sipi_vector);
}

/* -- Modes, reset, life --------------------------------------------------------------- */

/* SDM3 "x2APIC Register Availability", "Logical Destination Mode in x2APIC Mode" */
void lapic_mode_regs(struct lapic *l)
{
	u32 id = l->v->id;

	if (lapic_x2(l)) {
		lapic_set(l, APIC_ID, id);
		lapic_set(l, APIC_LDR, (id >> 4) << 16 | 1u << (id & 0xf));
		return;
	}
	/*
	 * The ID is read-only here as it is in newer processors: then physical
	 * destinations name a vCPU directly.
	 */
	lapic_set(l, APIC_ID, id << 24);
}

void lapic_rescan(struct lapic *l)
{
	u32 irr = 0, isr = 0;
	unsigned w;

	for (w = 0; w < 8; w++) {
		irr |= LOAD(lapic_word(l, APIC_IRR, w)) ? 1u << w : 0;
		isr |= LOAD(lapic_word(l, APIC_ISR, w)) ? 1u << w : 0;
	}
	__atomic_fetch_or(&l->irr_words, irr, __ATOMIC_SEQ_CST);
	l->isr_words = isr;
	lapic_update_ppr(l);
	recheck(l);
}

/* SDM3 "Local APIC State After Power-Up or Reset" */
static void reset_regs(struct lapic *l)
{
	u32 lvt;
	unsigned w;

	lapic_timer_reset(l);
	for (w = 0; w < 8; w++) {
		lapic_set(l, APIC_ISR + w * 16, 0);
		lapic_set(l, APIC_TMR + w * 16, 0);
		STORE(lapic_word(l, APIC_IRR, w), 0);
	}
	for (lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 16)
		lapic_set(l, lvt, LVT_MASKED);
	/*
	 * What firmware would have done before a loader runs, and what the ABI's
	 * clients expect: virtual wire mode on the CPU that boots.
	 */
	if (l->v->apic_base & APIC_BASE_BSP)
		lapic_set(l, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	lapic_set(l, APIC_VERSION, APIC_VERSION_VALUE);
	lapic_set(l, APIC_TPR, 0);
	lapic_set(l, APIC_LDR, 0);
	lapic_set(l, APIC_DFR, 0xffffffff);
	lapic_set(l, APIC_SVR, 0xff);
	lapic_set(l, APIC_ESR, 0);
	lapic_set(l, APIC_ICR, 0);
	lapic_set(l, APIC_ICR2, 0);
	STORE(&l->errors, 0);
	l->user_eoi = -1;
	lapic_mode_regs(l);
	lapic_rescan(l);
	vcpu_request(l->v, REQ_EVENT);	/* LINT0 may be open now */
}

/* INIT keeps IA32_APIC_BASE, that is the mode, and the ID. */
void lapic_reset(struct lapic *l, bool init)
{
	u64 bsp = l->v->id == 0 ? APIC_BASE_BSP : 0;

	if (!init)
		STORE(&l->v->apic_base, APIC_BASE_DEFAULT | APIC_BASE_EN | bsp);
	reset_regs(l);
}

/* SDM3 "x2APIC State Transitions" */
static bool base_change_allowed(u64 from, u64 to)
{
	u64 mode = APIC_BASE_EN | APIC_BASE_X2;

	if ((to & mode) == APIC_BASE_X2)
		return false;
	if ((from & mode) == mode && (to & mode) == APIC_BASE_EN)
		return false;
	return (from & mode) || (to & mode) != mode;
}

int lapic_set_base(struct lapic *l, u64 base, bool host)
{
	u64 old = l->v->apic_base;
	u64 mode = APIC_BASE_EN | APIC_BASE_X2;

	if ((base & mode) == APIC_BASE_X2)
		return ERR_INVAL;
	if (!host && !base_change_allowed(old, base))
		return ERR_INVAL;
	STORE(&l->v->apic_base, base);
	vcpu_request(l->v, REQ_EVENT);	/* who takes INTR may have changed */
	if (!((old ^ base) & mode))
		return 0;
	if (!(base & APIC_BASE_EN)) {
		reset_regs(l);
	} else {
		/* x2APIC mode has its own LDR; a host may go back from it. */
		if (old & APIC_BASE_X2)
			lapic_set(l, APIC_LDR, 0);
		lapic_mode_regs(l);
	}
	return 0;
}

bool lapic_covers(struct lapic *l, u64 gpa)
{
	u64 base = l->v->apic_base;

	return (base & (APIC_BASE_EN | APIC_BASE_X2)) == APIC_BASE_EN &&
	       ((gpa ^ base) & ~PG_OFFSET_MASK) == 0;
}

void *lapic_page(struct lapic *l)
{
	return l->page;
}

struct lapic *lapic_create(struct vcpu *v)
{
	struct lapic *l = host_alloc(sizeof(*l));

	if (!l)
		return NULL;
	l->v = v;
	l->page = host_page_alloc(false);
	if (!l->page || lapic_timer_create(l)) {
		lapic_destroy(l);
		return NULL;
	}
	lapic_reset(l, false);
	return l;
}

void lapic_destroy(struct lapic *l)
{
	if (!l)
		return;
	lapic_timer_destroy(l);
	if (l->page)
		host_page_free(l->page);
	host_free(l);
}
