/* SPDX-License-Identifier: MIT */
/*
 * Events in the order of SDM3 "Priority Among Concurrent Events": what was already
 * under way first, then exceptions, then NMI, then interrupts.
 */
#include "event.h"

#include "../irq/irq.h"
#include "../x86/debug.h"
#include "regs.h"
#include "vm.h"

enum { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE_FAULT };

/* SDM3 "Interrupt 8: Double Fault Exception", table of classes. */
static int exception_class(u8 vector)
{
	switch (vector) {
	case VEC_PF:
		return CLASS_PAGE_FAULT;
	case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case VEC_GP:
		return CLASS_CONTRIBUTORY;
	default:
		return CLASS_BENIGN;
	}
}

static bool makes_double_fault(u8 first, u8 second)
{
	int a = exception_class(first), b = exception_class(second);

	return (a == CLASS_CONTRIBUTORY && b == CLASS_CONTRIBUTORY) ||
	       (a == CLASS_PAGE_FAULT && b != CLASS_BENIGN);
}

static void raise(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	/* The one that an exit interrupted in delivery counts as the first. */
	struct event *first = v->exception.type ? &v->exception :
			      v->injected.type == EVENT_EXCEPTION ? &v->injected : NULL;

	if (first && first->vector == VEC_DF) {
		vcpu_request(v, REQ_SHUTDOWN);	/* triple fault */
		return;
	}
	if (first && makes_double_fault(first->vector, vector)) {
		vector = VEC_DF;
		has_error = true;
		error = 0;
	}
	if (v->injected.type) {
		backend->uninject(v);
		v->injected.type = EVENT_NONE;
	}
	v->exception = (struct event){
		.type = EVENT_EXCEPTION, .vector = vector,
		.has_error = has_error, .error = error,
	};
	vcpu_request(v, REQ_EVENT);
}

void vcpu_raise(struct vcpu *v, u8 vector)
{
	raise(v, vector, false, 0);
}

void vcpu_raise_error(struct vcpu *v, u8 vector, u32 error)
{
	raise(v, vector, true, error);
}

void vcpu_raise_pf(struct vcpu *v, u64 address, u32 error)
{
	v->exception_cr2 = address;
	raise(v, VEC_PF, true, error);
}

static void inject(struct vcpu *v, const struct event *e)
{
	backend->inject(v, e);
	v->stats.injected[e->type]++;
}

static void inject_exception(struct vcpu *v)
{
	struct event e = v->exception;

	v->exception.type = EVENT_NONE;
	if (e.vector == VEC_PF)
		v->cr2 = v->exception_cr2;
	/* SDM3 "Saving Non-Register State": faults push RFLAGS with RF set. */
	if (e.vector != VEC_DB && e.vector != VEC_DF)
		vcpu_set_rflags(v, vcpu_rflags(v) | RFLAGS_RF);
	/* Without PE the CPU pushes no error code, and the entry check agrees. */
	if (!(v->cr0 & CR0_PE))
		e.has_error = false;
	v->injected = e;
	inject(v, &e);
}

static bool take_nmi(struct vcpu *v)
{
	u32 n = LOAD(&v->nmi_queued);

	while (n && !__atomic_compare_exchange_n(&v->nmi_queued, &n, n - 1, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return n;
}

static bool extint_waiting(struct vcpu *v)
{
	return v->vm->irqchip && pic_pending(v->vm->irqchip) &&
	       lapic_accepts_extint(v->lapic);
}

/* Is an interrupt waiting that priority lets through? */
static bool irq_waiting(struct vcpu *v)
{
	if (v->user_irq >= 0)
		return true;
	if (!v->lapic)
		return false;
	if (extint_waiting(v))
		return true;
	return lapic_pending_vector(v->lapic) >= 0;
}

/* Acknowledges user space's interrupt or the 8259s'; -1: there was none after all. */
static int take_other_irq(struct vcpu *v)
{
	int vector = v->user_irq;

	if (vector < 0)
		return pic_ack(v->vm->irqchip);
	v->user_irq = -1;
	return vector;
}

bool vcpu_has_event(struct vcpu *v)
{
	return v->exception.type || v->injected.type || LOAD(&v->nmi_queued) ||
	       ((vcpu_rflags(v) & RFLAGS_IF) && irq_waiting(v));
}

static bool try_nmi(struct vcpu *v)
{
	if (!LOAD(&v->nmi_queued))
		return false;
	if (v->injected.type || !backend->nmi_open(v)) {
		backend->want_nmi_window(v, true);
		return false;
	}
	if (take_nmi(v)) {
		v->injected = (struct event){ .type = EVENT_NMI, .vector = VEC_NMI };
		inject(v, &v->injected);
	}
	if (LOAD(&v->nmi_queued))
		backend->want_nmi_window(v, true);
	return v->injected.type;
}

static void inject_irq(struct vcpu *v, int vector)
{
	v->injected = (struct event){ .type = EVENT_IRQ, .vector = vector };
	inject(v, &v->injected);
}

static void try_irq(struct vcpu *v)
{
	bool other = v->user_irq >= 0 || (v->lapic && extint_waiting(v));
	int vector = v->lapic ? lapic_pending_vector(v->lapic) : -1;
	bool waiting = other || vector >= 0;

	if (waiting && !v->injected.type && backend->irq_open(v)) {
		int taken = other ? take_other_irq(v) : -1;

		if (taken < 0) {
			taken = vector;
			if (taken >= 0)
				lapic_ack(v->lapic, taken);
		}
		if (taken >= 0)
			inject_irq(v, taken);
		waiting = irq_waiting(v);
	}
	backend->want_irq_window(v, waiting || v->irq_window_user);
	if (v->lapic && backend_caps.tpr_virtual)
		backend->set_tpr_threshold(v, lapic_tpr_threshold(v->lapic));
}

void vcpu_prepare_events(struct vcpu *v)
{
	/* With a TPR that hardware keeps, priorities may have moved unseen. */
	if (v->lapic && backend_caps.tpr_virtual)
		lapic_update_ppr(v->lapic);
	if (v->injected.type)	/* counted when it became so */
		backend->inject(v, &v->injected);
	else if (v->exception.type)
		inject_exception(v);
	if (UNLIKELY(v->debug.armed) && x86_debug_blocks(v))
		return;
	try_nmi(v);
	try_irq(v);
}
