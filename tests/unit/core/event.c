/* SPDX-License-Identifier: MIT */
/* Which event comes next, what becomes of one that did not get through, faults on faults. */
#include "fixture.h"

static enum exit_action resume(struct vcpu *c) { (void)c; return ACT_RESUME; }

static enum exit_action raise_gp(struct vcpu *c)
{
	vcpu_raise_error(c, VEC_GP, 0x18);
	return ACT_RESUME;
}

static enum exit_action raise_pf(struct vcpu *c)
{
	vcpu_raise_pf(c, 0x1234000, 6);
	return ACT_RESUME;
}

static enum exit_action raise_ud(struct vcpu *c)
{
	vcpu_raise(c, VEC_UD);
	return ACT_RESUME;
}

static enum exit_action raise_db(struct vcpu *c)
{
	vcpu_raise(c, VEC_DB);
	return ACT_RESUME;
}

static void protected_mode(void)
{
	v->cr0 |= CR0_PE;
	set_rflags(RFLAGS_IF);
}

/* -- Order ---------------------------------------------------------------------------- */

static void iret(struct vcpu *c)
{
	(void)c;
	f->nmi_mask = false;
	f->rflags |= RFLAGS_IF;
}

static enum exit_action window(struct vcpu *c)
{
	vcpu_request(c, REQ_EVENT);
	return ACT_RESUME;
}

/* SDM3 "Priority Among Simultaneous Exceptions and Interrupts". */
static void test_exception_then_nmi_then_interrupt(void **state)
{
	(void)state;
	protected_mode();
	v->user_irq = 0x41;
	vcpu_raise_error(v, VEC_GP, 0x18);
	vcpu_raise_nmi(v);
	assert_int_equal(RUN({ 1, window }, { 2, window }, { 3, resume, 0, iret },
			     { 4, NULL }), 0);
	assert_int_equal(delivered_n, 3);
	DELIVERED(0, EVENT_EXCEPTION, VEC_GP);
	assert_true(delivered[0].has_error);
	assert_int_equal(delivered[0].error, 0x18);
	DELIVERED(1, EVENT_NMI, VEC_NMI);
	DELIVERED(2, EVENT_IRQ, 0x41);
	assert_int_equal(v->user_irq, -1);
	assert_int_equal(v->stats.injected[EVENT_EXCEPTION], 1);
	assert_int_equal(v->stats.injected[EVENT_NMI], 1);
	assert_int_equal(v->stats.injected[EVENT_IRQ], 1);
}

static void test_windows_are_asked_for(void **state)
{
	(void)state;
	protected_mode();
	set_rflags(0);
	f->nmi_mask = true;
	v->user_irq = 0x41;
	vcpu_raise_nmi(v);
	RUN({ 1, NULL });
	assert_int_equal(delivered_n, 0);
	assert_true(f->irq_window);
	assert_true(f->nmi_window);
	f->nmi_mask = false;
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, NULL });
	DELIVERED(0, EVENT_NMI, VEC_NMI);
	assert_true(f->irq_window);
	assert_int_equal(v->user_irq, 0x41);
	set_rflags(RFLAGS_IF);
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, NULL });
	DELIVERED(1, EVENT_IRQ, 0x41);
	assert_false(f->irq_window);
}

static void test_a_shadow_holds_both(void **state)
{
	(void)state;
	protected_mode();
	f->shadow = 1;
	v->user_irq = 0x41;
	vcpu_raise_nmi(v);
	RUN({ 1, NULL });
	assert_int_equal(delivered_n, 0);
	assert_true(f->irq_window && f->nmi_window);
}

/* One being handled and one pending: SDM3 "Nonmaskable Interrupt (NMI)". */
static void test_nmis_collapse(void **state)
{
	unsigned i;

	(void)state;
	protected_mode();
	for (i = 0; i < 5; i++)
		vcpu_raise_nmi(v);
	assert_int_equal(v->nmi_queued, 2);
	RUN({ 1, resume, 0, iret }, { 1, window, 0, iret }, { 1, window, 0, iret }, { 1, NULL });
	assert_int_equal(delivered_n, 2);
	assert_int_equal(v->nmi_queued, 0);
}

/* -- What an exit cut short ------------------------------------------------------------- */

static void test_interrupted_delivery_comes_first(void **state)
{
	(void)state;
	protected_mode();
	v->user_irq = 0x50;
	RUN({ 1, window, 0, NULL, { EVENT_IRQ, 0x50 } }, { 2, window }, { 3, NULL });
	assert_int_equal(delivered_n, 1);
	DELIVERED(0, EVENT_IRQ, 0x50);
	assert_int_equal(v->stats.injected[EVENT_IRQ], 1);	/* once, not twice */
	v->user_irq = 0x51;
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, resume, 0, NULL, { EVENT_SOFT_INT, 0x80, 0, 2 } }, { 2, window },
	    { 3, NULL });
	DELIVERED(1, EVENT_SOFT_INT, 0x80);
	assert_int_equal(delivered[1].insn_len, 2);
}

/* -- Faults on faults ---------------------------------------------------------------------- */

static void second(enum exit_action (*fault)(struct vcpu *c), struct event first, unsigned vector)
{
	const struct step s[] = {
		{ 1, fault, 0, NULL, first }, { 2, NULL },
	};

	delivered_n = 0;
	protected_mode();
	run_script(s, 2);
	assert_int_equal(delivered_n, 1);
	DELIVERED(0, EVENT_EXCEPTION, vector);
}

/* SDM3 "Interrupt 8: Double Fault Exception", the table of combinations. */
static void test_double_faults(void **state)
{
	(void)state;
	second(raise_gp, (struct event){ EVENT_EXCEPTION, VEC_GP, 1, 0, 0 }, VEC_DF);
	assert_true(delivered[0].has_error);
	assert_int_equal(delivered[0].error, 0);
	second(raise_gp, (struct event){ EVENT_EXCEPTION, VEC_PF, 1, 0, 0 }, VEC_DF);
	second(raise_pf, (struct event){ EVENT_EXCEPTION, VEC_PF, 1, 0, 0 }, VEC_DF);
	second(raise_pf, (struct event){ EVENT_EXCEPTION, VEC_DE }, VEC_PF);
	second(raise_gp, (struct event){ EVENT_EXCEPTION, VEC_TS, 1 }, VEC_DF);
	second(raise_gp, (struct event){ EVENT_EXCEPTION, VEC_UD }, VEC_GP);
	second(raise_ud, (struct event){ EVENT_EXCEPTION, VEC_PF, 1 }, VEC_UD);
	second(raise_gp, (struct event){ EVENT_IRQ, 0x30 }, VEC_GP);
	second(raise_gp, (struct event){ EVENT_SOFT_INT, 0x80, 0, 2 }, VEC_GP);
}

static void test_triple_fault(void **state)
{
	(void)state;
	protected_mode();
	assert_int_equal(RUN({ 1, raise_ud, 0, NULL, { EVENT_EXCEPTION, VEC_DF, 1 } }), 0);
	assert_int_equal(v->uexit.kind, UEXIT_SHUTDOWN);
	assert_int_equal(delivered_n, 0);
}

/* -- What goes with an exception ------------------------------------------------------------- */

static void test_page_fault_sets_cr2_when_injected(void **state)
{
	(void)state;
	protected_mode();
	v->cr2 = 1;
	vcpu_raise_pf(v, 0x1234000, 6);
	assert_int_equal(v->cr2, 1);
	RUN({ 1, NULL });
	assert_int_equal(v->cr2, 0x1234000);
	assert_int_equal(delivered[0].error, 6);
	/* One that became #DF on the way does not. */
	v->cr2 = 1;
	RUN({ 1, raise_pf, 0, NULL, { EVENT_EXCEPTION, VEC_PF, 1 } }, { 2, NULL });
	DELIVERED(1, EVENT_EXCEPTION, VEC_DF);
	assert_int_equal(v->cr2, 1);
}

static void test_faults_push_rf(void **state)
{
	(void)state;
	protected_mode();
	RUN({ 1, raise_ud }, { 2, NULL });
	assert_true(f->rflags & RFLAGS_RF);
	f->rflags &= ~RFLAGS_RF;
	RUN({ 1, raise_db }, { 2, NULL });
	assert_false(f->rflags & RFLAGS_RF);
}

static void test_no_error_code_in_real_mode(void **state)
{
	(void)state;
	RUN({ 1, raise_gp }, { 2, NULL });
	DELIVERED(0, EVENT_EXCEPTION, VEC_GP);
	assert_false(delivered[0].has_error);
}

/* -- Interrupt controllers -------------------------------------------------------------------- */

static void lapic_on(void)
{
	u32 svr = 0x1ff;

	lapic_mmio_write(v->lapic, 0xf0, &svr, 4);
}

static void send(u8 vector)
{
	struct irq_msg msg = { .dest = 0, .vector = vector };

	assert_int_equal(irq_deliver(vm, NULL, &msg), 1);
}

static void test_lapic_priorities(void **state)
{
	(void)state;
	protected_mode();
	lapic_on();
	send(0x45);
	send(0x95);
	RUN({ 1, window }, { 2, NULL });
	assert_int_equal(delivered_n, 1);	/* the other waits for the EOI */
	DELIVERED(0, EVENT_IRQ, 0x95);
	lapic_mmio_write(v->lapic, 0xb0, &(u32){ 0 }, 4);
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, NULL });
	DELIVERED(1, EVENT_IRQ, 0x45);
}

/* CR8 that is never seen being written must exit where it would let one through. */
static void test_tpr_threshold(void **state)
{
	(void)state;
	protected_mode();
	lapic_on();
	x86_set_cr8(v, 6);
	send(0x45);
	RUN({ 1, NULL });
	assert_int_equal(delivered_n, 0);
	assert_int_equal(f->threshold, 4);
	assert_false(f->irq_window);
	x86_set_cr8(v, 3);
	RUN({ 1, NULL });
	DELIVERED(0, EVENT_IRQ, 0x45);
	assert_int_equal(f->threshold, 0);
}

static void test_user_space_window(void **state)
{
	(void)state;
	protected_mode();
	v->irq_window_user = 1;
	vcpu_request(v, REQ_EVENT);
	assert_int_equal(run_script(NULL, 0), 0);
	assert_int_equal(v->uexit.kind, UEXIT_IRQ_WINDOW);
	set_rflags(0);
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, NULL });
	assert_true(f->irq_window);
	/* What user space has queued goes first. */
	set_rflags(RFLAGS_IF);
	v->user_irq = 0x33;
	vcpu_request(v, REQ_EVENT);
	RUN({ 1, NULL });
	DELIVERED(0, EVENT_IRQ, 0x33);
}

#define T(t) cmocka_unit_test_setup_teardown(t, machine_up, machine_down)
#define I(t) cmocka_unit_test_setup_teardown(t, machine_up_irqchip, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_exception_then_nmi_then_interrupt), T(test_windows_are_asked_for),
		T(test_a_shadow_holds_both), T(test_nmis_collapse),
		T(test_interrupted_delivery_comes_first), T(test_double_faults),
		T(test_triple_fault), T(test_page_fault_sets_cr2_when_injected),
		T(test_faults_push_rf), T(test_no_error_code_in_real_mode),
		I(test_lapic_priorities), I(test_tpr_threshold), T(test_user_space_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
