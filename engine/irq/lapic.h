/* SPDX-License-Identifier: MIT */
/*
 * Inside of the local APIC: shared by the lapic*.c files and message delivery.
 *
 * Registers live in one page at their architectural offsets. Legend:
 *   [t]  the vCPU's own thread (see irq.h)
 *   [a]  atomic; any context, interrupt handlers too
 * In the page IRR and TMR are [a]; everything else is written by [t] only and
 * may be looked at from elsewhere (destination matching, lowest priority), where
 * an old value means that the message came just before the change.
 */
#ifndef VELLUM_ENGINE_IRQ_LAPIC_H
#define VELLUM_ENGINE_IRQ_LAPIC_H

#include "../core/vcpu.h"
#include "../core/vm.h"
#include "../host.h"
#include "../types.h"
#include "irq.h"

/* SDM3 "Local APIC Register Address Map" */
#define APIC_ID		0x020
#define APIC_VERSION	0x030
#define APIC_TPR	0x080
#define APIC_APR	0x090
#define APIC_PPR	0x0a0
#define APIC_EOI	0x0b0
#define APIC_RRD	0x0c0
#define APIC_LDR	0x0d0
#define APIC_DFR	0x0e0
#define APIC_SVR	0x0f0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_LVT_CMCI	0x2f0
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF	0x340
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_LVT_ERROR	0x370
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_SELF_IPI	0x3f0	/* x2APIC only */
#define APIC_REGS_END	0x400

/* Integrated APIC, six LVT entries, no suppression of EOI broadcasts. */
#define APIC_VERSION_VALUE	0x00050014u

#define SVR_ENABLE	BIT(8)
#define SVR_FOCUS_OFF	BIT(9)
#define SVR_VALID	(BITS(7, 0) | SVR_ENABLE | SVR_FOCUS_OFF)

#define DFR_MODEL	BITS(31, 28)
#define DFR_FLAT	0xf
#define DFR_CLUSTER	0x0

#define LVT_VECTOR	BITS(7, 0)
#define LVT_DELIVERY(v)	(((v) >> 8) & 7)
#define LVT_PENDING	BIT(12)	/* delivery status, read-only, always idle */
#define LVT_POLARITY	BIT(13)
#define LVT_REMOTE_IRR	BIT(14)	/* read-only */
#define LVT_LEVEL	BIT(15)
#define LVT_MASKED	BIT(16)
#define LVT_TIMER_MODE	BITS(18, 17)
#define LVT_ONE_SHOT	(0ull << 17)
#define LVT_PERIODIC	(1ull << 17)
#define LVT_DEADLINE	(2ull << 17)

#define ESR_SEND_ILLEGAL_VECTOR	BIT(5)
#define ESR_RECV_ILLEGAL_VECTOR	BIT(6)
#define ESR_ILLEGAL_REGISTER	BIT(7)

#define ICR_DELIVERY(v)	(((v) >> 8) & 7)
#define ICR_LOGICAL	BIT(11)
#define ICR_PENDING	BIT(12)
#define ICR_ASSERT	BIT(14)
#define ICR_LEVEL	BIT(15)
#define ICR_SHORTHAND(v) (((v) >> 18) & 3)
#define ICR_LOW_VALID	(BITS(11, 0) | BITS(15, 14) | BITS(19, 18))

/* Delivery modes of ICR, LVT, redirection entry and MSI data. */
enum {
	DELIVER_FIXED = 0, DELIVER_LOWEST = 1, DELIVER_SMI = 2, DELIVER_NMI = 4,
	DELIVER_INIT = 5, DELIVER_SIPI = 6, DELIVER_EXTINT = 7,
};
enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

#define APIC_BASE_BSP	BIT(8)
#define APIC_BASE_X2	BIT(10)
#define APIC_BASE_EN	BIT(11)
#define APIC_BASE_DEFAULT 0xfee00000ull

/* x2APIC's MSRs */
#define MSR_X2APIC	0x800
#define MSR_X2APIC_END	0x900

/*
 * A guest that asks for timer interrupts faster than this gets this: each costs
 * the host an interrupt of its own. 200 us is below any operating system's tick.
 */
#define TIMER_PERIOD_MIN_NS	200000ull

struct lapic {
	struct vcpu *v;			/* constant */
	u8 *page;			/* constant pointer */
	u32 irr_words;			/* [a] bit i: IRR word i may be non-zero */
	u32 isr_words;			/* [t] bit i: ISR word i is non-zero */
	u32 ppr;			/* [t] = APIC_PPR in the page */
	u32 errors;			/* [a] ESR's next content */
	u32 taken;			/* [a] lowest-priority messages received */
	u8 sipi_vector;			/* [a] */
	s32 user_eoi;			/* [t] see lapic_take_user_eoi(), -1: none */

	struct host_timer *timer;	/* constant */
	u32 timer_armed;		/* [a] 1 set by [t], 0 by [t] or callback */
	u32 timer_fired;		/* [a] set by callback, cleared by [t] */
	/*
	 * What the armed timer counts to: written by [t] while the timer is not
	 * armed, by the callback while it is.
	 */
	u64 timer_target;		/* [a] host ns; 0: stopped */
	u64 timer_period;		/* [a] ns, 0: not periodic */
	u64 timer_host_tsc;		/* [a] deadline in host TSC units, 0: none */
	u64 deadline;			/* [t] IA32_TSC_DEADLINE */
};

static inline u32 *lapic_reg(struct lapic *l, u32 offset)
{
	return (u32 *)(l->page + offset);
}

static inline u32 lapic_get(struct lapic *l, u32 offset)
{
	return LOAD(lapic_reg(l, offset));
}

static inline void lapic_set(struct lapic *l, u32 offset, u32 val)
{
	STORE(lapic_reg(l, offset), val);
}

/* Word i (of 8) of ISR, TMR or IRR. */
static inline u32 *lapic_word(struct lapic *l, u32 bank, unsigned i)
{
	return lapic_reg(l, bank + i * 16);
}

/* Globally enabled (IA32_APIC_BASE), software-enabled (SVR), in x2APIC mode. */
static inline bool lapic_on(struct lapic *l)
{
	return LOAD(&l->v->apic_base) & APIC_BASE_EN;
}

static inline bool lapic_sw_on(struct lapic *l)
{
	return lapic_on(l) && (lapic_get(l, APIC_SVR) & SVR_ENABLE);
}

static inline bool lapic_x2(struct lapic *l)
{
	return LOAD(&l->v->apic_base) & APIC_BASE_X2;
}

/* -- lapic.c ------------------------------------------------------------------- */

/*
 * Puts a fixed interrupt into IRR. True if it was not there yet. Any context;
 * the caller kicks the vCPU.
 */
bool lapic_accept(struct lapic *l, u8 vector, bool level);
void lapic_eoi(struct lapic *l);			/* [t] */
/* Notes an error; may raise the LVT error interrupt. Any context. */
void lapic_error(struct lapic *l, u32 bits);
/* An event of a local vector table entry but the timer's. Any context. */
void lapic_lvt_event(struct lapic *l, u32 offset);
void lapic_set_tpr(struct lapic *l, u32 tpr);		/* [t] */
/* Rebuilds what is derived from IRR, ISR and TPR. [t] */
void lapic_rescan(struct lapic *l);
/* ID and LDR as the mode in v->apic_base wants them. [t] */
void lapic_mode_regs(struct lapic *l);

/* -- lapic_regs.c: register semantics shared by MMIO and MSRs; all [t]. ---------- */

u32 lapic_read(struct lapic *l, u32 offset);
void lapic_write(struct lapic *l, u32 offset, u32 val);
bool lapic_readable(u32 offset);
u32 lapic_lvt_valid(u32 offset);	/* writable bits of an LVT entry, or 0 */
void lapic_send_ipi(struct lapic *l, u32 icr, u32 dest);

/* -- lapic_timer.c; all [t]. ------------------------------------------------------ */

int lapic_timer_create(struct lapic *l);
void lapic_timer_destroy(struct lapic *l);
void lapic_timer_reset(struct lapic *l);
void lapic_timer_set_lvt(struct lapic *l, u32 val);
void lapic_timer_set_count(struct lapic *l, u32 val);
void lapic_timer_set_divide(struct lapic *l, u32 val);
u32 lapic_timer_count(struct lapic *l);
/* After SET_LAPIC put TMICT and LVT in the page: go on with count ticks left. */
void lapic_timer_restore(struct lapic *l, u32 count);

/* -- deliver.c --------------------------------------------------------------------- */

/*
 * irq_deliver() without waking anybody: adds the vCPUs to be kicked with
 * REQ_EVENT to *kick, for irq_kick() once locks are dropped.
 */
int irq_post(struct vm *vm, struct vcpu *source, const struct irq_msg *msg,
	     u64 *kick);
void irq_kick(struct vm *vm, u64 kick);
void irq_msi_decode(u64 address, u32 data, struct irq_msg *msg);
_Static_assert(VCPUS_MAX <= 64, "a u64 names every vCPU");

#endif
