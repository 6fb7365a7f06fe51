/* SPDX-License-Identifier: MIT */
/* Events: injected, cut short, injected again; windows for those that wait. */
#include "fixture.h"

static void inject(u8 type, u8 vector, bool has_error, u32 error, u8 len)
{
	const struct event e = { type, vector, has_error, len, error };

	svm_backend.inject(v, &e);
}

static void injected_is(u64 field)
{
	enter_until(EXIT_CPUID, 0, 0);
	assert_true(sim_svm.last_event == field);
	assert_int_equal(v->injected.type, EVENT_NONE);
	assert_int_equal(s.vmcb->c.event_inject, 0);
}

static void test_encodings(void **state)
{
	(void)state;
	inject(EVENT_IRQ, 0x31, false, 0, 0);
	injected_is(0x80000031);
	inject(EVENT_EXCEPTION, VEC_UD, false, 0, 0);
	injected_is(0x80000306);
	inject(EVENT_EXCEPTION, VEC_PF, true, 0x17, 0);
	injected_is(0x80000b0eull | 0x17ull << 32);
	inject(EVENT_SOFT_INT, 0x80, false, 0, 2);
	injected_is(0x80000480);
	inject(EVENT_SOFT_EXC, VEC_BP, false, 0, 1);
	injected_is(0x80000303);
	inject(EVENT_PRIV_SOFT_EXC, VEC_DB, false, 0, 1);
	injected_is(0x80000301);
	inject(EVENT_NMI, VEC_NMI, false, 0, 0);
	injected_is(0x80000202);
}

static void test_withdrawn(void **state)
{
	(void)state;
	inject(EVENT_IRQ, 0x31, false, 0, 0);
	svm_backend.uninject(v);
	injected_is(0);
	inject(EVENT_NMI, 2, false, 0, 0);
	assert_true(svm_backend.get_nmi_mask(v));
	svm_backend.uninject(v);
	assert_false(svm_backend.get_nmi_mask(v));
}

static void test_software_events_return_behind_their_instruction(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0x1000);
	inject(EVENT_SOFT_INT, 0x80, false, 0, 2);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_rip, 0x1000);
	assert_int_equal(sim_svm.last_next_rip, 0x1002);
}

static void test_software_events_without_next_rip(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0x1000);
	inject(EVENT_SOFT_INT, 0x80, false, 0, 2);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_rip, 0x1002);
	/* Cut short: the instruction is the current one again. */
	vcpu_set_rip(v, 0x1000);
	inject(EVENT_SOFT_INT, 0x80, false, 0, 2);
	interrupt_delivery(0x80000480);
	enter_until(EXIT_NPF, 0, 0);
	assert_int_equal(v->injected.type, EVENT_SOFT_INT);
	assert_int_equal(v->injected.insn_len, 2);
	assert_int_equal(v->rip, 0x1000);
}

static void recovered(u64 info, u8 type, u8 vector)
{
	v->requests = 0;
	interrupt_delivery(info);
	enter_until(EXIT_NPF, 0, 0);
	assert_int_equal(v->injected.type, type);
	if (type)
		assert_int_equal(v->injected.vector, vector);
	assert_int_equal(!!(v->requests & REQ_EVENT), type != EVENT_NONE);
}

static void test_deliveries_that_the_guest_began(void **state)
{
	(void)state;
	recovered(0x8000030d | EVENT_INJ_EV | 0x50ull << 32, EVENT_EXCEPTION, VEC_GP);
	assert_true(v->injected.has_error);
	assert_int_equal(v->injected.error, 0x50);
	recovered(0x80000306, EVENT_EXCEPTION, VEC_UD);
	assert_false(v->injected.has_error);
	recovered(0x80000044, EVENT_IRQ, 0x44);
	/* INT n, INT3 and INTO come again by themselves. */
	recovered(0x80000480, EVENT_NONE, 0);
	recovered(0x80000303, EVENT_NONE, 0);
	recovered(0x80000304, EVENT_NONE, 0);
	recovered(0x0000030d, EVENT_NONE, 0);	/* not valid */
}

static void test_own_injections_come_back_as_they_were(void **state)
{
	(void)state;
	inject(EVENT_SOFT_EXC, VEC_BP, false, 0, 1);
	interrupt_delivery(0x80000303);
	enter_until(EXIT_NPF, 0, 0);
	assert_int_equal(v->injected.type, EVENT_SOFT_EXC);
	assert_int_equal(v->injected.insn_len, 1);
	/* A fault that it led to is another event. */
	inject(EVENT_IRQ, 0x40, false, 0, 0);
	interrupt_delivery(0x8000030d);
	enter_until(EXIT_NPF, 0, 0);
	assert_int_equal(v->injected.type, EVENT_EXCEPTION);
	assert_int_equal(v->injected.vector, VEC_GP);
}

/* A vCPU that gets new state after a triple fault starts with nothing pending. */
static void test_nothing_survives_a_shutdown(void **state)
{
	(void)state;
	v->requests = 0;
	interrupt_delivery(0x80000b08);
	enter_until(EXIT_SHUTDOWN, 0, 0);
	assert_int_equal(v->injected.type, EVENT_NONE);
	assert_int_equal(v->requests, 0);
}

static void test_irq_open(void **state)
{
	(void)state;
	assert_false(svm_backend.irq_open(v));		/* IF is 0 */
	vcpu_set_rflags(v, RFLAGS_IF);
	assert_true(svm_backend.irq_open(v));
	svm_backend.set_shadow(v, 1);
	assert_false(svm_backend.irq_open(v));
	assert_false(svm_backend.nmi_open(v));
	svm_backend.set_shadow(v, 0);
	inject(EVENT_EXCEPTION, VEC_UD, false, 0, 0);
	assert_false(svm_backend.irq_open(v));
}

static void test_irq_window(void **state)
{
	(void)state;
	svm_backend.want_irq_window(v, true);
	assert_true(s.vmcb->c.int_ctl & INT_CTL_V_IRQ);
	assert_true(s.vmcb->c.int_ctl & INT_CTL_V_IGN_TPR);
	assert_true(s.vmcb->c.misc1 & INTERCEPT1_VINTR);
	v->requests = 0;
	assert_int_equal(run_to(EXIT_VINTR, 0, 0), ACT_RESUME);
	assert_true(v->requests & REQ_EVENT);
	assert_false(s.vmcb->c.int_ctl & INT_CTL_V_IRQ);
	assert_false(s.vmcb->c.misc1 & INTERCEPT1_VINTR);
}

static void test_nmi_masks_until_iret_is_done(void **state)
{
	(void)state;
	inject(EVENT_NMI, 2, false, 0, 0);
	assert_true(s.vmcb->c.misc1 & INTERCEPT1_IRET);
	enter_until(EXIT_CPUID, 0, 0);
	assert_false(svm_backend.nmi_open(v));
	vcpu_set_rip(v, 0x2000);
	assert_int_equal(run_to(EXIT_IRET, 0, 0), ACT_RESUME);
	assert_false(s.vmcb->c.misc1 & INTERCEPT1_IRET);
	enter_until(EXIT_INTR, 0, 0);			/* IRET has not run yet */
	assert_true(svm_backend.get_nmi_mask(v));
	vcpu_set_rip(v, 0x3000);
	enter_until(EXIT_INTR, 0, 0);
	assert_false(svm_backend.get_nmi_mask(v));
	assert_true(svm_backend.nmi_open(v));
}

static void test_nmi_that_was_cut_short_masks_nothing(void **state)
{
	(void)state;
	inject(EVENT_NMI, 2, false, 0, 0);
	interrupt_delivery(0x80000202);
	enter_until(EXIT_NPF, 0, 0);
	assert_int_equal(v->injected.type, EVENT_NMI);
	assert_false(svm_backend.get_nmi_mask(v));
	assert_false(s.vmcb->c.misc1 & INTERCEPT1_IRET);
}

static void iret_traps(struct vmcb *b)
{
	assert_true(b->s.rflags & RFLAGS_TF);
	b->s.rip = 0x9000;
	b->s.rflags = RFLAGS_FIXED | RFLAGS_IF;	/* popped */
	b->s.dr6 |= BIT(14);
	sim_exit(b, EXIT_EXCEPTION(VEC_DB), 0, 0);
}

/* The guest's next instruction traps. */
static enum exit_action run_to_step(void)
{
	s.vmcb->c.clean &= ~CLEAN_DR;	/* as if it had been so already */
	s.vmcb->s.dr6 |= BIT(14);
	return run_to(EXIT_EXCEPTION(VEC_DB), 0, 0);
}

static void test_nmi_window_steps_over_iret(void **state)
{
	(void)state;
	inject(EVENT_NMI, 2, false, 0, 0);
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.want_nmi_window(v, true);
	assert_false(vcpu_rflags(v) & RFLAGS_TF);	/* IRET exits by itself */
	run_to(EXIT_IRET, 0, 0);
	v->requests = 0;
	sim_svm.guest = iret_traps;
	svm_backend.enter(v);
	assert_int_equal(svm_backend.handle_exit(v), ACT_RESUME);
	assert_null(seen.handler);			/* not the guest's #DB */
	assert_true(v->requests & REQ_EVENT);
	assert_true(svm_backend.nmi_open(v));
	assert_int_equal(vcpu_rflags(v), RFLAGS_FIXED | RFLAGS_IF);
	assert_false(s.vmcb->s.dr6 & BIT(14));
}

static void test_nmi_window_steps_out_of_a_shadow(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.set_shadow(v, 2);
	svm_backend.want_nmi_window(v, true);
	assert_true(vcpu_rflags(v) & RFLAGS_TF);
	assert_int_equal(run_to_step(), ACT_RESUME);
	assert_false(vcpu_rflags(v) & RFLAGS_TF);
	assert_true(svm_backend.nmi_open(v));
	assert_null(seen.handler);
}

static void test_a_step_cut_short_leaves_no_trap_flag(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.set_shadow(v, 2);
	svm_backend.want_nmi_window(v, true);
	v->requests = 0;
	run_to(EXIT_NPF, 0, 0);
	assert_false(vcpu_rflags(v) & RFLAGS_TF);
	assert_true(v->requests & REQ_EVENT);
	/* Nor does an event that is injected before it push one. */
	svm_backend.set_shadow(v, 2);
	svm_backend.want_nmi_window(v, true);
	inject(EVENT_EXCEPTION, VEC_UD, false, 0, 0);
	assert_false(vcpu_rflags(v) & RFLAGS_TF);
	enter_until(EXIT_INTR, 0, 0);
	assert_int_equal(sim.kicks[0], 1);
	/* In either order. */
	inject(EVENT_EXCEPTION, VEC_UD, false, 0, 0);
	svm_backend.want_nmi_window(v, true);
	assert_false(vcpu_rflags(v) & RFLAGS_TF);
	enter_until(EXIT_INTR, 0, 0);
	assert_int_equal(sim.kicks[0], 2);
	assert_true(v->requests & REQ_EVENT);
}

static void test_a_guest_that_steps_itself_keeps_its_db(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	run_to_step();
	assert_string_equal(seen.handler, "reflect");
	assert_int_equal(seen.event.vector, VEC_DB);
	assert_true(s.vmcb->s.dr6 & BIT(14));
	vcpu_set_rflags(v, RFLAGS_TF);
	svm_backend.set_shadow(v, 1);
	svm_backend.want_nmi_window(v, true);
	run_to_step();
	assert_string_equal(seen.handler, "reflect");
	assert_true(vcpu_rflags(v) & RFLAGS_TF);
}

static void test_tpr_threshold_makes_cr8_writes_exit(void **state)
{
	(void)state;
	assert_false(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.set_tpr_threshold(v, 5);
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.set_tpr_threshold(v, 0);
	assert_false(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(4));
}

/* QEMU ends itself when a guest moves to CR8 with V_IRQ set. */
static void test_cr8_writes_exit_with_v_irq_on_tcg(void **state)
{
	bool tcg = svm_features.tcg;

	(void)state;
	svm_features.tcg = false;
	svm_backend.want_irq_window(v, true);
	assert_false(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.want_irq_window(v, false);
	svm_features.tcg = true;
	svm_backend.want_irq_window(v, true);
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.set_tpr_threshold(v, 0);
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.set_tpr_threshold(v, 3);
	svm_backend.want_irq_window(v, false);
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_backend.set_tpr_threshold(v, 0);
	assert_false(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	svm_features.tcg = tcg;
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_encodings),
		T(test_withdrawn),
		T(test_software_events_return_behind_their_instruction),
		cmocka_unit_test_setup_teardown(test_software_events_without_next_rip,
						vcpu_up_plain, vcpu_down),
		T(test_deliveries_that_the_guest_began),
		T(test_own_injections_come_back_as_they_were),
		T(test_nothing_survives_a_shutdown),
		T(test_irq_open),
		T(test_irq_window),
		T(test_nmi_masks_until_iret_is_done),
		T(test_nmi_that_was_cut_short_masks_nothing),
		T(test_nmi_window_steps_over_iret),
		T(test_nmi_window_steps_out_of_a_shadow),
		T(test_a_step_cut_short_leaves_no_trap_flag),
		T(test_a_guest_that_steps_itself_keeps_its_db),
		T(test_tpr_threshold_makes_cr8_writes_exit),
		T(test_cr8_writes_exit_with_v_irq_on_tcg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
