/* SPDX-License-Identifier: MIT */
/*
 * Events: injection, deliveries that an exit cut short, and windows.
 *
 * An interrupt waits for its window behind a virtual interrupt (V_IRQ) whose
 * taking exits. NMIs have no such thing: while one is handled IRET exits, and the
 * last instruction before an NMI may come is single-stepped.
 */
#include "svm.h"

#include "../x86/exits.h"

#define DR6_BREAKPOINTS	BITS(3, 0)

static void intercept1(struct svm_vcpu *s, u32 bits, bool on)
{
	u32 old = s->vmcb->c.misc1;

	s->vmcb->c.misc1 = on ? old | bits : old & ~bits;
	if (s->vmcb->c.misc1 != old)
		vmcb_touch(s, CLEAN_INTERCEPTS);
}

static bool in_shadow(struct vcpu *v)
{
	return to_svm(v)->vmcb->c.int_state & INT_STATE_SHADOW;
}

bool svm_irq_open(struct vcpu *v)
{
	return (vcpu_rflags(v) & RFLAGS_IF) && !in_shadow(v) && !to_svm(v)->event.type;
}

bool svm_nmi_open(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	return !s->nmi.masked && !in_shadow(v) && !s->event.type;
}

/* Makes the guest exit after its next instruction. */
static void arm_step(struct svm_vcpu *s)
{
	u64 rflags = vcpu_rflags(&s->v);

	if (s->nmi.step)
		return;
	s->nmi.step = s->rare = true;
	s->step_iret = s->nmi.iret;
	s->step_tf = rflags & RFLAGS_TF;
	vcpu_set_rflags(&s->v, rflags | RFLAGS_TF);
}

static void disarm_step(struct svm_vcpu *s)
{
	u64 rflags = vcpu_rflags(&s->v);

	s->nmi.step = false;
	if (!s->step_tf)
		vcpu_set_rflags(&s->v, rflags & ~RFLAGS_TF);
}

/* APM2 "Event Injection". */
static u64 event_field(const struct event *e)
{
	u64 f = EVENT_INJ_V | e->vector;

	switch (e->type) {
	case EVENT_IRQ:
		return f | EVENT_INJ_INTR << EVENT_INJ_TYPE_SHIFT;
	case EVENT_NMI:
		return f | EVENT_INJ_NMI << EVENT_INJ_TYPE_SHIFT;
	case EVENT_SOFT_INT:
		return f | EVENT_INJ_SOFT << EVENT_INJ_TYPE_SHIFT;
	default:
		f |= EVENT_INJ_EXCEPTION << EVENT_INJ_TYPE_SHIFT;
		if (e->has_error)
			f |= EVENT_INJ_EV | (u64)e->error << 32;
		return f;
	}
}

void svm_inject(struct vcpu *v, const struct event *e)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->c.event_inject = event_field(e);
	s->event = *e;
	s->rare = true;
	/* The flags that the delivery pushes are to be the guest's. */
	if (s->nmi.step)
		disarm_step(s);
	if (e->type == EVENT_NMI)
		svm_set_nmi_mask(v, true);
}

void svm_uninject(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (s->event.type == EVENT_NMI)
		svm_set_nmi_mask(v, false);
	s->vmcb->c.event_inject = 0;
	s->event.type = EVENT_NONE;
}

/*
 * Software events push the address behind their instruction: next_rip's value
 * where the CPU has that field, else RIP's.
 */
static void prepare_soft(struct svm_vcpu *s)
{
	u64 next = s->v.rip + s->event.insn_len;

	s->soft_rip = s->v.rip;
	if (svm_features.nrips)
		s->vmcb->c.next_rip = next;
	else
		s->vmcb->s.rip = next;
}

void svm_prepare_event(struct svm_vcpu *s)
{
	if (s->event.type >= EVENT_SOFT_INT)
		prepare_soft(s);
	/*
	 * An NMI waits behind this event. The kick is pending until VMRUN has
	 * delivered the event, and makes the guest exit before its handler runs.
	 */
	if (s->nmi.window && !s->nmi.masked)
		host_kick_cpu(s->last_cpu);
}

static bool is_same(const struct event *e, u64 info)
{
	return e->type && !((event_field(e) ^ info) & (EVENT_INJ_VECTOR | EVENT_INJ_TYPE));
}

/*
 * APM2 "EXITINTINFO Pseudo-Code": the exit came while an event was on its way.
 * Software events that were not injected are left alone: RIP still points to
 * their instruction, which raises them again.
 */
void svm_recover_event(struct svm_vcpu *s, u64 info)
{
	struct vcpu *v = &s->v;
	u8 vector = FIELD(info, 7, 0);

	/* Nothing is on its way any more. */
	if (v->exit.reason == EXIT_SHUTDOWN || v->exit.reason == EXIT_INDEX_INVALID)
		return;
	if (is_same(&s->event, info)) {
		v->injected = s->event;
		if (s->event.type >= EVENT_SOFT_INT)
			v->rip = v->exit.rip = s->vmcb->s.rip = s->soft_rip;
	} else if (FIELD(info, 10, 8) == EVENT_INJ_INTR) {
		v->injected = (struct event){ .type = EVENT_IRQ, .vector = vector };
	} else if (FIELD(info, 10, 8) == EVENT_INJ_NMI) {
		v->injected = (struct event){ .type = EVENT_NMI, .vector = VEC_NMI };
	} else if (FIELD(info, 10, 8) == EVENT_INJ_EXCEPTION &&
		   vector != VEC_BP && vector != VEC_OF) {
		v->injected = (struct event){
			.type = EVENT_EXCEPTION, .vector = vector,
			.has_error = !!(info & EVENT_INJ_EV), .error = info >> 32,
		};
	}
	if (v->injected.type)
		vcpu_request(v, REQ_EVENT);
}

/*
 * QEMU ends itself when a guest moves to CR8 while V_IRQ waits: there that exits, too
 * (docs/emulators.md).
 */
static void update_cr8_exits(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->c;
	bool on = s->tpr_threshold || (svm_features.tcg && (c->int_ctl & INT_CTL_V_IRQ));
	u16 writes = on ? c->cr_write | INTERCEPT_CR(8) : c->cr_write & ~INTERCEPT_CR(8);

	if (writes == c->cr_write)
		return;
	c->cr_write = writes;
	vmcb_touch(s, CLEAN_INTERCEPTS);
}

void svm_want_irq_window(struct vcpu *v, bool on)
{
	struct svm_vcpu *s = to_svm(v);
	u64 bits = INT_CTL_V_IRQ | INT_CTL_V_PRIO | INT_CTL_V_IGN_TPR;
	u64 old = s->vmcb->c.int_ctl;

	if (on == !!(old & INT_CTL_V_IRQ))
		return;
	s->vmcb->c.int_ctl = on ? old | bits : old & ~bits;
	vmcb_touch(s, CLEAN_TPR);
	intercept1(s, INTERCEPT1_VINTR, on);
	if (UNLIKELY(svm_features.tcg))
		update_cr8_exits(s);
}

enum exit_action svm_exit_irq_window(struct svm_vcpu *s)
{
	svm_want_irq_window(&s->v, false);
	vcpu_request(&s->v, REQ_EVENT);
	return ACT_RESUME;
}

void svm_want_nmi_window(struct vcpu *v, bool on)
{
	struct svm_vcpu *s = to_svm(v);

	s->nmi.window = on;
	s->rare = true;
	/* While the handler runs, its IRET exits anyway. */
	if (on && (!s->nmi.masked || s->nmi.iret) && !s->event.type)
		arm_step(s);
	else if (!on && s->nmi.step)
		disarm_step(s);
}

u32 svm_get_shadow(struct vcpu *v)
{
	/* The hardware doesn't say whether STI or MOV SS made it. */
	return in_shadow(v) ? 3 : 0;
}

void svm_set_shadow(struct vcpu *v, u32 shadow)
{
	u64 *state = &to_svm(v)->vmcb->c.int_state;

	*state = shadow ? *state | INT_STATE_SHADOW : *state & ~INT_STATE_SHADOW;
}

bool svm_get_nmi_mask(struct vcpu *v)
{
	return to_svm(v)->nmi.masked;
}

void svm_set_nmi_mask(struct vcpu *v, bool masked)
{
	struct svm_vcpu *s = to_svm(v);

	s->nmi.masked = masked;
	s->nmi.iret = false;
	s->rare = true;
	intercept1(s, INTERCEPT1_IRET, masked);
}

void svm_track_nmi(struct svm_vcpu *s)
{
	/* Cut short by another exit: the window will be asked for again. */
	if (s->nmi.step && s->v.exit.reason != EXIT_EXCEPTION(VEC_DB))
		disarm_step(s);
	/* An injection that didn't get through masks nothing. */
	if (s->v.injected.type == EVENT_NMI)
		svm_set_nmi_mask(&s->v, false);
	/*
	 * IRET exits before it does anything. Once RIP has moved it was executed,
	 * or it faulted, which unmasks as well.
	 */
	if (s->nmi.iret && s->v.rip != s->iret_rip)
		svm_set_nmi_mask(&s->v, false);
	if (s->nmi.window && !s->nmi.masked) {
		s->nmi.window = false;
		vcpu_request(&s->v, REQ_EVENT);
	}
}

/* The NMI handler's IRET is next. */
enum exit_action svm_exit_iret(struct svm_vcpu *s)
{
	s->nmi.iret = s->rare = true;
	s->iret_rip = s->v.rip;
	intercept1(s, INTERCEPT1_IRET, false);
	if (s->nmi.window)
		arm_step(s);
	return ACT_RESUME;
}

static enum exit_action reflect_db(struct vcpu *v)
{
	const struct event e = { .type = EVENT_EXCEPTION, .vector = VEC_DB };
	struct svm_vcpu *s = to_svm(v);
	enum exit_action action;

	if (x86_debug_exception(v, VEC_DB, s->vmcb->s.dr6, &action)) {
		if (debug_owned(v))
			svm_set_debug(v);
		else
			s->vmcb->s.dr6 &= ~DR6_BS;
		return action;
	}
	return x86_exit_reflect(v, &e, v->cr2);
}

/* A step of ours, or the guest's own #DB; DR6 is as its handler would see it. */
enum exit_action svm_exit_db(struct svm_vcpu *s)
{
	u64 *dr6 = &s->vmcb->s.dr6;

	if (!s->nmi.step || !(*dr6 & DR6_BS))
		return reflect_db(&s->v);
	if (s->step_iret)
		s->nmi.step = false;	/* IRET has loaded TF anew */
	else
		disarm_step(s);
	s->nmi.window = false;
	vcpu_request(&s->v, REQ_EVENT);
	if (s->step_tf)
		return reflect_db(&s->v);
	*dr6 &= ~DR6_BS;
	vmcb_touch(s, CLEAN_DR);
	return *dr6 & DR6_BREAKPOINTS ? reflect_db(&s->v) : ACT_RESUME;
}

void svm_set_tpr_threshold(struct vcpu *v, unsigned class)
{
	to_svm(v)->tpr_threshold = class;
	update_cr8_exits(to_svm(v));
}
