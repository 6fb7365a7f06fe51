/* SPDX-License-Identifier: MIT */
/* Injection, interrupted delivery, blocking and windows. */
#include "fixture.h"

#define VALID	BIT(31)

/* What the next exit reports. */
static u32 vectoring, vectoring_error, insn_len, intr_info, exit_with;
static u64 qualification;

static void interrupted(struct vcpu *c)
{
	(void)c;
	sim_vmx_exit(exit_with, qualification);
	SET_FIELD(IDT_VECTORING_INFO, vectoring);
	SET_FIELD(IDT_VECTORING_ERROR, vectoring_error);
	SET_FIELD(EXIT_INSN_LEN, insn_len);
	SET_FIELD(EXIT_INTR_INFO, intr_info);
}

static void enter_interrupted(u32 reason, u64 qual)
{
	exit_with = reason;
	qualification = qual;
	sim_vmx.guest = interrupted;
	vmx_backend.enter(v);
	sim_vmx.guest = NULL;
	vectoring = vectoring_error = insn_len = intr_info = 0;
}

static void test_events_survive_the_round_trip(void **state)
{
	static const struct event events[] = {
		{ EVENT_IRQ, 0xec, 0, 0, 0 },
		{ EVENT_EXCEPTION, VEC_PF, 1, 0, 6 },
		{ EVENT_EXCEPTION, VEC_UD, 0, 0, 0 },
		{ EVENT_SOFT_INT, 0x80, 0, 2, 0 },
		{ EVENT_SOFT_EXC, VEC_BP, 0, 1, 0 },
		{ EVENT_PRIV_SOFT_EXC, VEC_DB, 0, 1, 0 },
		{ EVENT_NMI, VEC_NMI, 0, 0, 0 },
	};
	unsigned i;

	(void)state;
	enter_long_mode();
	for (i = 0; i < COUNT_OF(events); i++) {
		u32 info;

		vmx_backend.inject(v, &events[i]);
		info = sim_vmcs_get(SIM_FIELD(ENTRY_INTR_INFO));
		assert_true(info & VALID);
		/* The same bits come back when an EPT violation interrupts it. */
		vectoring = info;
		vectoring_error = events[i].error;
		insn_len = events[i].insn_len;
		v->requests = 0;
		enter_interrupted(REASON_EPT_VIOLATION, 0);
		assert_memory_equal(&v->injected, &events[i], sizeof(events[i]));
		assert_int_equal(v->requests, REQ_EVENT);
		FIELD_IS(ENTRY_INTR_INFO, info & ~VALID);
		vmx_backend.inject(v, &v->injected);
		FIELD_IS(ENTRY_INTR_INFO, info);
		vmx_backend.uninject(v);
	}
}

static void test_a_delivered_event_is_gone(void **state)
{
	struct event e = { EVENT_IRQ, 0x31, 0, 0, 0 };

	(void)state;
	enter_long_mode();
	vmx_backend.inject(v, &e);
	v->injected = e;
	enter_interrupted(REASON_CPUID, 0);
	assert_int_equal(v->injected.type, EVENT_NONE);
	v->injected = e;
	enter_interrupted(REASON_EPT_VIOLATION, 0);
	assert_int_equal(v->injected.type, EVENT_NONE);
}

static void test_interrupted_nmi_is_not_blocked(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.set_nmi_mask(v, true);
	vectoring = VALID | 2 << 8 | VEC_NMI;
	enter_interrupted(REASON_EPT_VIOLATION, 0);
	assert_false(vmx_backend.get_nmi_mask(v));
	assert_true(vmx_backend.nmi_open(v));
}

static void test_iret_that_faulted_keeps_nmis_blocked(void **state)
{
	(void)state;
	enter_long_mode();
	enter_interrupted(REASON_EPT_VIOLATION, BIT(12));
	assert_true(vmx_backend.get_nmi_mask(v));
	vmx_backend.set_nmi_mask(v, false);
	intr_info = VALID | BIT(12) | 3 << 8 | VEC_AC;
	enter_interrupted(REASON_EXCEPTION_NMI, 0);
	assert_true(vmx_backend.get_nmi_mask(v));
	/* Bit 12 means nothing when a delivery was interrupted. */
	vmx_backend.set_nmi_mask(v, false);
	vectoring = VALID | 0x20;
	enter_interrupted(REASON_EPT_VIOLATION, BIT(12));
	assert_false(vmx_backend.get_nmi_mask(v));
}

static void test_host_nmi_is_passed_on(void **state)
{
	(void)state;
	enter_long_mode();
	intr_info = VALID | 2 << 8 | VEC_NMI;
	enter_interrupted(REASON_EXCEPTION_NMI, 0);
	assert_int_equal(sim.nmis, 1);
	assert_int_equal(vmx_backend.handle_exit(v), ACT_RESUME);
	assert_null(seen.handler);
}

static void test_irq_needs_if_and_no_shadow(void **state)
{
	(void)state;
	enter_long_mode();
	assert_true(vmx_backend.irq_open(v));
	vmx_backend.set_shadow(v, 1);
	assert_int_equal(vmx_backend.get_shadow(v), 1);
	assert_false(vmx_backend.irq_open(v));
	vmx_backend.set_shadow(v, 2);
	assert_false(vmx_backend.irq_open(v));
	assert_false(vmx_backend.nmi_open(v));
	vmx_backend.set_shadow(v, 3);	/* both can't be: the stronger stays */
	assert_int_equal(vmx_backend.get_shadow(v), 2);
	vmx_backend.set_shadow(v, 0);
	vcpu_set_rflags(v, 0);
	assert_false(vmx_backend.irq_open(v));
	assert_true(vmx_backend.nmi_open(v));
	vmx_backend.set_shadow(v, 1);	/* nor STI's with IF clear */
	assert_int_equal(vmx_backend.get_shadow(v), 0);
}

static void test_windows_ask_once_and_close(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.want_irq_window(v, true);
	vmx_backend.want_nmi_window(v, true);
	assert_true(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_INTERRUPT_WINDOW);
	assert_true(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_NMI_WINDOW);
	v->requests = 0;
	assert_int_equal(run_to(REASON_INTERRUPT_WINDOW, 0), ACT_RESUME);
	assert_int_equal(v->requests, REQ_EVENT);
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_INTERRUPT_WINDOW);
	assert_true(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_NMI_WINDOW);
	assert_int_equal(run_to(REASON_NMI_WINDOW, 0), ACT_RESUME);
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_NMI_WINDOW);
}

static void test_skip_ends_the_shadow_and_steps(void **state)
{
	(void)state;
	enter_long_mode();
	vcpu_set_rip(v, 0x1000);
	vcpu_set_rflags(v, RFLAGS_IF | RFLAGS_TF);
	vmx_backend.set_shadow(v, 1);
	run_to(REASON_CPUID, 0);
	SET_FIELD(EXIT_INSN_LEN, 2);
	vmx_backend.skip(v);
	assert_int_equal(v->rip, 0x1002);
	assert_int_equal(vmx_backend.get_shadow(v), 0);
	FIELD_IS(GUEST_PENDING_DEBUG, BIT(14));
	SET_FIELD(GUEST_PENDING_DEBUG, 0);
	vmx_backend.set_msr(v, MSR_DEBUGCTL, 2);	/* BTF: steps on branches */
	vmx_backend.skip(v);
	FIELD_IS(GUEST_PENDING_DEBUG, 0);
}

static void test_skip_wraps_outside_64_bit_mode(void **state)
{
	struct x86_seg cs = { 0, 0xffffffff, 0xc09b, 8 };

	(void)state;
	enter_long_mode();
	vcpu_set_rip(v, 0xfffffffe);
	run_to(REASON_CPUID, 0);
	SET_FIELD(EXIT_INSN_LEN, 2);
	vmx_backend.skip(v);
	assert_true(v->rip == 0x100000000ull);
	vcpu_set_rip(v, 0xfffffffe);
	vmx_backend.set_seg(v, SEG_CS, &cs);
	vmx_backend.skip(v);
	assert_true(v->rip == 0);
}

static void test_tpr_threshold_never_exceeds_tpr(void **state)
{
	(void)state;
	enter_long_mode();
	lapic_regs[0x80] = 0x50;
	vmx_backend.set_tpr_threshold(v, 5);
	run_to(REASON_CPUID, 0);
	FIELD_IS(TPR_THRESHOLD, 5);
	/* TPR went down by another way: the entry must not fail. */
	lapic_regs[0x80] = 0x20;
	run_to(REASON_CPUID, 0);
	FIELD_IS(TPR_THRESHOLD, 2);
	assert_string_equal(seen.handler, "cpuid");
	vmx_backend.set_tpr_threshold(v, 0);
	run_to(REASON_CPUID, 0);
	FIELD_IS(TPR_THRESHOLD, 0);
}

/* A CPU without virtual NMIs: blocked until the guest has interrupts on again. */
static void test_nmis_without_hardware_help(void **state)
{
	struct event e = { EVENT_NMI, VEC_NMI, 0, 0, 0 };

	(void)state;
	enter_long_mode();
	vmx.have &= ~VMX_HAVE_VIRTUAL_NMI;
	assert_true(vmx_backend.nmi_open(v));
	vmx_backend.inject(v, &e);
	assert_false(vmx_backend.nmi_open(v));
	assert_true(vmx_backend.get_nmi_mask(v));
	vmx_backend.want_nmi_window(v, true);
	assert_true(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_INTERRUPT_WINDOW);
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_NMI_WINDOW);
	run_to(REASON_INTERRUPT_WINDOW, 0);
	assert_true(vmx_backend.nmi_open(v));
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & PROC_INTERRUPT_WINDOW);
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_events_survive_the_round_trip),
		T(test_a_delivered_event_is_gone),
		T(test_interrupted_nmi_is_not_blocked),
		T(test_iret_that_faulted_keeps_nmis_blocked),
		T(test_host_nmi_is_passed_on),
		T(test_irq_needs_if_and_no_shadow),
		T(test_windows_ask_once_and_close),
		T(test_skip_ends_the_shadow_and_steps),
		T(test_skip_wraps_outside_64_bit_mode),
		T(test_tpr_threshold_never_exceeds_tpr),
		T(test_nmis_without_hardware_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
