/* SPDX-License-Identifier: MIT */
/* Local APIC: registers, acceptance, priority, EOI, modes. */
#include "fixture.h"

static int one(void **state)
{
	(void)state;
	machine_up(1, true, false);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static void post(u8 vector, bool level)
{
	struct irq_msg msg = { .dest = 0, .vector = vector, .level = level };

	irq_deliver(&m.vm, NULL, &msg);
}

/* SDM3 "Local APIC State After Power-Up or Reset" */
static void test_reset_state(void **state)
{
	u32 lvt;

	(void)state;
	lapic_reset(lapic(0), false);
	assert_int_equal(rd(0, APIC_ID), 0);
	assert_int_equal(rd(0, APIC_VERSION), 0x50014);
	assert_int_equal(rd(0, APIC_TPR), 0);
	assert_int_equal(rd(0, APIC_LDR), 0);
	assert_int_equal(rd(0, APIC_DFR), 0xffffffff);
	assert_int_equal(rd(0, APIC_SVR), 0xff);
	assert_true(bank_empty(0, APIC_ISR) && bank_empty(0, APIC_TMR) &&
		    bank_empty(0, APIC_IRR));
	for (lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 16)
		if (lvt != APIC_LVT_LINT0)
			assert_int_equal(rd(0, lvt), 0x10000);
	/* The boot CPU's LINT0 is in virtual wire mode. */
	assert_int_equal(rd(0, APIC_LVT_LINT0), 0x700);
	assert_true(lapic_accepts_extint(lapic(0)));
	assert_int_equal(m.vcpu[0].apic_base, 0xfee00900);
}

static void test_highest_vector_first(void **state)
{
	static const u8 in[] = { 0x31, 0xf3, 0x40, 0x20, 0x5f, 0x10 };
	static const u8 out[] = { 0xf3, 0x5f, 0x40, 0x31, 0x20 };
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(in); i++)
		post(in[i], false);
	for (i = 0; i < COUNT_OF(out); i++) {
		assert_int_equal(take_interrupt(0), out[i]);
		assert_int_equal(take_interrupt(0), -1);
		assert_int_equal(rd(0, APIC_PPR), out[i] & 0xf0);
		send_eoi(0);
	}
	assert_int_equal(take_interrupt(0), 0x10);
	send_eoi(0);
	assert_int_equal(rd(0, APIC_PPR), 0);
	assert_true(bank_empty(0, APIC_IRR) && bank_empty(0, APIC_ISR));
}

/* Every vector makes it through; its bits are where the manual has them. */
static void test_every_vector(void **state)
{
	unsigned vector;

	(void)state;
	for (vector = 16; vector < 256; vector++) {
		post((u8)vector, false);
		assert_true(in_bank(0, APIC_IRR, (u8)vector));
		assert_int_equal(take_interrupt(0), vector);
		assert_false(in_bank(0, APIC_IRR, (u8)vector));
		assert_true(in_bank(0, APIC_ISR, (u8)vector));
		send_eoi(0);
		assert_true(bank_empty(0, APIC_ISR));
	}
}

static void test_nesting_and_eoi_order(void **state)
{
	(void)state;
	post(0x35, false);
	assert_int_equal(take_interrupt(0), 0x35);
	post(0x3f, false);		/* same class: must wait */
	assert_int_equal(take_interrupt(0), -1);
	post(0x41, false);		/* higher class: nests */
	assert_int_equal(take_interrupt(0), 0x41);
	assert_int_equal(rd(0, APIC_PPR), 0x40);
	send_eoi(0);			/* ends 0x41, the highest */
	assert_false(in_bank(0, APIC_ISR, 0x41));
	assert_true(in_bank(0, APIC_ISR, 0x35));
	assert_int_equal(take_interrupt(0), -1);
	send_eoi(0);
	assert_int_equal(take_interrupt(0), 0x3f);
	send_eoi(0);
	send_eoi(0);			/* nothing in service: no effect */
	assert_int_equal(rd(0, APIC_PPR), 0);
}

/* The same vector again while in service: one more is held, more coalesce. */
static void test_one_in_service_one_pending(void **state)
{
	struct irq_msg msg = { .vector = 0x50 };

	(void)state;
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), 1);
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), 0);
	assert_int_equal(take_interrupt(0), 0x50);
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), 1);
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), 0);
	assert_int_equal(take_interrupt(0), -1);
	send_eoi(0);
	assert_int_equal(take_interrupt(0), 0x50);
	send_eoi(0);
	assert_int_equal(take_interrupt(0), -1);
}

/* SDM3 "Task and Processor Priorities" */
static void test_tpr_and_ppr(void **state)
{
	(void)state;
	wr(0, APIC_TPR, 0x45);
	assert_int_equal(rd(0, APIC_PPR), 0x45);
	post(0x4f, false);
	assert_int_equal(take_interrupt(0), -1);
	assert_false(lapic_has_interrupt(lapic(0)));
	assert_int_equal(lapic_tpr_threshold(lapic(0)), 4);
	m.vcpu[0].requests = 0;
	wr(0, APIC_TPR, 0x3f);
	assert_true(m.vcpu[0].requests & REQ_EVENT);
	assert_true(lapic_has_interrupt(lapic(0)));
	assert_int_equal(lapic_tpr_threshold(lapic(0)), 0);
	assert_int_equal(take_interrupt(0), 0x4f);
	assert_int_equal(rd(0, APIC_PPR), 0x40);
	/* What is in service holds it back, not TPR alone. */
	post(0x45, false);
	assert_int_equal(lapic_tpr_threshold(lapic(0)), 0);
	wr(0, APIC_TPR, 0x43);
	assert_int_equal(rd(0, APIC_PPR), 0x43);
	m.vcpu[0].requests = 0;
	send_eoi(0);
	/* Now it is TPR alone: the run loop needs to know. */
	assert_true(m.vcpu[0].requests & REQ_EVENT);
	assert_int_equal(lapic_tpr_threshold(lapic(0)), 4);
	wr(0, APIC_TPR, 0xff);
	assert_int_equal(rd(0, APIC_PPR), 0xff);
	wr(0, APIC_TPR, 0);
	assert_int_equal(take_interrupt(0), 0x45);
}

static void test_cr8_is_tpr(void **state)
{
	(void)state;
	lapic_set_cr8(lapic(0), 0xa);
	assert_int_equal(rd(0, APIC_TPR), 0xa0);
	wr(0, APIC_TPR, 0x57);
	assert_int_equal(lapic_get_cr8(lapic(0)), 5);
	/* The TPR shadow writes the page behind our back. */
	lapic_set(lapic(0), APIC_TPR, 0x20);
	lapic_tpr_changed(lapic(0));
	assert_int_equal(rd(0, APIC_PPR), 0x20);
}

/* Nothing to inject after an EOI: the run loop is not bothered. */
static void test_eoi_without_pending_requests_nothing(void **state)
{
	(void)state;
	post(0x61, false);
	assert_int_equal(take_interrupt(0), 0x61);
	m.vcpu[0].requests = 0;
	send_eoi(0);
	assert_int_equal(m.vcpu[0].requests, 0);
}

static void test_tmr_follows_each_message(void **state)
{
	(void)state;
	post(0x71, true);
	assert_true(in_bank(0, APIC_TMR, 0x71));
	assert_int_equal(take_interrupt(0), 0x71);
	send_eoi(0);
	post(0x71, false);
	assert_false(in_bank(0, APIC_TMR, 0x71));
}

static void test_software_disabled(void **state)
{
	struct irq_msg msg = { .vector = 0x50 };
	struct irq_msg nmi = { .delivery = DELIVER_NMI };

	(void)state;
	post(0x40, false);
	wr(0, APIC_LVT_ERROR, 0x44);
	wr(0, APIC_SVR, 0xff);
	/* Masks the table, takes no more fixed ones, keeps what it has. */
	assert_int_equal(rd(0, APIC_LVT_ERROR), 0x10044);
	wr(0, APIC_LVT_ERROR, 0x44);
	assert_int_equal(rd(0, APIC_LVT_ERROR), 0x10044);
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), -1);
	assert_int_equal(irq_deliver(&m.vm, NULL, &nmi), 1);
	assert_int_equal(take_interrupt(0), 0x40);
	/* IPIs can still be sent. */
	wr(0, APIC_ICR, DELIVER_NMI << 8 | SHORT_SELF << 18);
	assert_int_equal(m.nmis[0], 2);
}

static void test_registers_mask_reserved_bits(void **state)
{
	static const struct { u32 offset, want; } t[] = {
		{ APIC_TPR, 0xff }, { APIC_LDR, 0xff000000 },
		{ APIC_DFR, 0xffffffff }, { APIC_SVR, 0x3ff },
		{ APIC_LVT_TIMER, 0x100ff },	/* mode 3 is reserved */
		{ APIC_LVT_THERMAL, 0x107ff }, { APIC_LVT_PERF, 0x107ff },
		{ APIC_LVT_LINT0, 0x1a7ff }, { APIC_LVT_LINT1, 0x1a7ff },
		{ APIC_LVT_ERROR, 0x100ff }, { APIC_ICR2, 0xff000000 },
		{ APIC_TDCR, 0xb },
		/* read-only */
		{ APIC_ID, 0 }, { APIC_VERSION, 0x50014 }, { APIC_PPR, 0xff },
		{ APIC_ISR, 0 }, { APIC_TMR, 0 }, { APIC_IRR, 0 }, { APIC_APR, 0 },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(t); i++) {
		wr(0, t[i].offset, 0xffffffff);
		assert_int_equal(rd(0, t[i].offset), t[i].want);
	}
	wr(0, APIC_DFR, 0);
	assert_int_equal(rd(0, APIC_DFR), 0x0fffffff);
	/* Sent with delivery mode 7: goes nowhere, but reads back. */
	wr(0, APIC_ICR, 0xffffffff);
	assert_int_equal(rd(0, APIC_ICR), 0xccfff);
}

static void test_mmio_sizes(void **state)
{
	u8 data[8];
	u64 val;
	u32 half = 0;

	(void)state;
	lapic_mmio_read(lapic(0), APIC_VERSION, &val, 8);
	assert_int_equal(val, 0x50014);
	lapic_mmio_read(lapic(0), APIC_VERSION + 2, data, 1);
	assert_int_equal(data[0], 5);
	memset(data, 0xee, sizeof(data));
	lapic_mmio_read(lapic(0), APIC_VERSION + 4, data, 4);
	assert_int_equal(data[0] | data[3], 0);
	assert_int_equal(data[4], 0xee);
	/* Writes that are misaligned or too narrow do nothing. */
	wr(0, APIC_TPR, 0x33);
	lapic_mmio_write(lapic(0), APIC_TPR, &half, 2);
	lapic_mmio_write(lapic(0), APIC_TPR + 4, &half, 4);
	lapic_mmio_write(lapic(0), APIC_TPR + 1, &half, 4);
	assert_int_equal(rd(0, APIC_TPR), 0x33);
	val = 0x1122334455667744ull;
	lapic_mmio_write(lapic(0), APIC_TPR, &val, 8);
	assert_int_equal(rd(0, APIC_TPR), 0x44);
	/* The end of the page. */
	lapic_mmio_read(lapic(0), 0xfff, data, 8);
	lapic_mmio_read(lapic(0), 0xff0, data, 8);
}

/* SDM3 "Error Handling" */
static void test_esr(void **state)
{
	(void)state;
	wr(0, APIC_LVT_ERROR, 0xe0);
	wr(0, APIC_ICR, SHORT_SELF << 18 | 0x0f);
	assert_int_equal(rd(0, APIC_ESR), 0);	/* until it is written */
	assert_int_equal(take_interrupt(0), 0xe0);
	send_eoi(0);
	wr(0, APIC_ESR, 0);
	assert_int_equal(rd(0, APIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
	wr(0, APIC_ESR, 0);
	assert_int_equal(rd(0, APIC_ESR), 0);
	post(0x0e, false);
	wr(0, APIC_ESR, 0);
	assert_int_equal(rd(0, APIC_ESR), ESR_RECV_ILLEGAL_VECTOR);
	assert_int_equal(take_interrupt(0), 0xe0);
	send_eoi(0);
	wr(0, APIC_ESR, 0);
	rd(0, 0x3d0);
	wr(0, 0x040, 1);
	wr(0, APIC_ESR, 0);
	assert_int_equal(rd(0, APIC_ESR), ESR_ILLEGAL_REGISTER);
	/* An error entry with an illegal vector must not recurse. */
	wr(0, APIC_ESR, 0);
	wr(0, APIC_LVT_ERROR, 0x05);
	take_interrupt(0);
	send_eoi(0);
	post(0x0e, false);
	rd(0, 0x3d0);
	wr(0, APIC_ESR, 0);
	assert_int_equal(rd(0, APIC_ESR),
			 ESR_RECV_ILLEGAL_VECTOR | ESR_ILLEGAL_REGISTER);
	assert_int_equal(take_interrupt(0), -1);
}

static void test_base_modes(void **state)
{
	struct lapic *l = lapic(0);
	u64 base = 0xfee00000 | APIC_BASE_BSP;
	u64 x2 = base | APIC_BASE_EN | APIC_BASE_X2;

	(void)state;
	assert_true(lapic_covers(l, 0xfee00000) && lapic_covers(l, 0xfee00fff));
	assert_false(lapic_covers(l, 0xfee01000) || lapic_covers(l, 0xfedfffff));
	/* Moved. */
	assert_int_equal(lapic_set_base(l, 0xd0000000 | APIC_BASE_EN, false), 0);
	assert_true(lapic_covers(l, 0xd0000080));
	assert_false(lapic_covers(l, 0xfee00080));
	/* SDM3 "x2APIC State Transitions" */
	assert_int_equal(lapic_set_base(l, base | APIC_BASE_X2, false), ERR_INVAL);
	assert_int_equal(lapic_set_base(l, base | APIC_BASE_X2, true), ERR_INVAL);
	assert_int_equal(lapic_set_base(l, x2, false), 0);
	assert_false(lapic_covers(l, 0xfee00080));
	assert_int_equal(lapic_set_base(l, base | APIC_BASE_EN, false), ERR_INVAL);
	assert_int_equal(lapic_set_base(l, base, false), 0);
	assert_int_equal(lapic_set_base(l, x2, false), ERR_INVAL);
	assert_int_equal(lapic_set_base(l, base | APIC_BASE_EN, false), 0);
	assert_int_equal(lapic_set_base(l, x2, false), 0);
	/* A host restoring state may do what the guest can't. */
	assert_int_equal(lapic_set_base(l, base | APIC_BASE_EN, true), 0);
	assert_int_equal(lapic_set_base(l, base, true), 0);
	assert_int_equal(lapic_set_base(l, x2, true), 0);
}

static void test_globally_disabled(void **state)
{
	struct irq_msg msg = { .vector = 0x50 };

	(void)state;
	post(0x40, false);
	wr(0, APIC_TPR, 0x10);
	assert_int_equal(lapic_set_base(lapic(0), 0xfee00000 | APIC_BASE_BSP, false), 0);
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), -1);
	assert_int_equal(take_interrupt(0), -1);
	assert_false(lapic_has_interrupt(lapic(0)));
	/* The boot CPU's INTR pin is the 8259's now. */
	assert_true(lapic_accepts_extint(lapic(0)));
	/* Back on: as after reset. */
	assert_int_equal(lapic_set_base(lapic(0), 0xfee00900, false), 0);
	assert_int_equal(rd(0, APIC_TPR), 0);
	assert_int_equal(rd(0, APIC_SVR), 0xff);
	assert_true(bank_empty(0, APIC_IRR));
}

static void test_init_keeps_mode(void **state)
{
	(void)state;
	to_x2apic(0);
	post(0x55, false);
	lapic_set_tpr(lapic(0), 0x20);
	lapic_reset(lapic(0), true);
	assert_true(m.vcpu[0].apic_base & APIC_BASE_X2);
	assert_true(bank_empty(0, APIC_IRR));
	assert_int_equal(lapic_get(lapic(0), APIC_TPR), 0);
	assert_int_equal(lapic_get(lapic(0), APIC_LDR), 1);
	lapic_reset(lapic(0), false);
	assert_int_equal(m.vcpu[0].apic_base, 0xfee00900);
}

static void test_lvt_delivery_modes(void **state)
{
	(void)state;
	wr(0, APIC_LVT_THERMAL, 0x92);
	lapic_lvt_event(lapic(0), APIC_LVT_THERMAL);
	assert_int_equal(take_interrupt(0), 0x92);
	/* A performance interrupt masks its entry. */
	wr(0, APIC_LVT_PERF, DELIVER_NMI << 8);
	lapic_lvt_event(lapic(0), APIC_LVT_PERF);
	lapic_lvt_event(lapic(0), APIC_LVT_PERF);
	assert_int_equal(m.nmis[0], 1);
	assert_true(rd(0, APIC_LVT_PERF) & LVT_MASKED);
	wr(0, APIC_LVT_LINT1, DELIVER_INIT << 8);
	lapic_lvt_event(lapic(0), APIC_LVT_LINT1);
	assert_true(m.kicked_for[0] & REQ_INIT);
	forget_kicks();
	wr(0, APIC_LVT_LINT1, DELIVER_SMI << 8);
	lapic_lvt_event(lapic(0), APIC_LVT_LINT1);
	wr(0, APIC_LVT_LINT1, LVT_MASKED | DELIVER_NMI << 8);
	lapic_lvt_event(lapic(0), APIC_LVT_LINT1);
	assert_int_equal(m.kicked_for[0], 0);
}

static void test_split_eoi_goes_to_user_space(void **state)
{
	(void)state;
	m.vm.split_irqchip = true;
	post(0x66, true);
	post(0x77, false);
	assert_int_equal(take_interrupt(0), 0x77);
	send_eoi(0);
	assert_int_equal(lapic_take_user_eoi(lapic(0)), -1);
	assert_int_equal(take_interrupt(0), 0x66);
	send_eoi(0);
	assert_int_equal(lapic_take_user_eoi(lapic(0)), 0x66);
	assert_int_equal(lapic_take_user_eoi(lapic(0)), -1);
}

static void test_create_without_memory(void **state)
{
	struct vcpu v = { .vm = &m.vm, .id = 5 };
	unsigned n;

	(void)state;
	for (n = 1; n <= 3; n++) {
		sim.fail_alloc = n;
		assert_null(lapic_create(&v));
	}
	assert_int_equal(sim.fail_alloc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, one, down)
		T(test_reset_state), T(test_highest_vector_first),
		T(test_every_vector), T(test_nesting_and_eoi_order),
		T(test_one_in_service_one_pending), T(test_tpr_and_ppr),
		T(test_cr8_is_tpr), T(test_eoi_without_pending_requests_nothing),
		T(test_tmr_follows_each_message), T(test_software_disabled),
		T(test_registers_mask_reserved_bits), T(test_mmio_sizes),
		T(test_esr), T(test_base_modes), T(test_globally_disabled),
		T(test_init_keeps_mode), T(test_lvt_delivery_modes),
		T(test_split_eoi_goes_to_user_space), T(test_create_without_memory),
	};

	return RUN(tests);
}
