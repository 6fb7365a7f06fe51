/* SPDX-License-Identifier: MIT */
/*
 * Random operations on everything at once, as hostile guests and programs issue
 * them, with the invariants of the whole checked all the time. The sanitizers see
 * the rest. An argument sets the seed, a second one the number of operations.
 */
#include <stdlib.h>

#include "fixture.h"

#define VCPUS	5
static u64 operations = 2000000;

static unsigned any_vcpu(void)
{
	return (unsigned)(rng() % VCPUS);
}

/* Mostly small, sometimes special, sometimes anything. */
static u64 any_value(void)
{
	switch (rng() % 6) {
	case 0: return rng();
	case 1: return rng() & 0xff;
	case 2: return rng() & 0x1ffff;
	case 3: return 1ull << (rng() & 63);
	case 4: return rng() & 0xffffffff;
	}
	return 0;
}

static u64 good_vector(void)
{
	return 0x10 + rng() % 0xf0;
}

/* -- Operations ------------------------------------------------------------------------ */

static const u32 regs[] = {
	APIC_ID, APIC_TPR, APIC_EOI, APIC_EOI, APIC_EOI, APIC_LDR, APIC_DFR, APIC_SVR,
	APIC_ESR, APIC_ICR, APIC_ICR2, APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
	APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_TMICT, APIC_TDCR,
	APIC_SELF_IPI,
};

static void op_mmio(void)
{
	unsigned id = any_vcpu();
	u32 offset = rng() % 8 ? regs[rng() % COUNT_OF(regs)] : rng() & 0xfff;
	unsigned size = rng() % 8 ? 4 : (unsigned)(1 + rng() % 8);
	u64 val = any_value();

	if (!lapic_covers(lapic(id), (m.vcpu[id].apic_base & ~0xfffull) + offset))
		return;
	if (offset == APIC_SVR && rng() % 4)
		val |= SVR_ENABLE;
	if (rng() & 1)
		lapic_mmio_write(lapic(id), offset, &val, size);
	else
		lapic_mmio_read(lapic(id), offset, &val, size);
}

static void op_msr(void)
{
	unsigned id = any_vcpu();
	u32 msr = 0x800 + (rng() % 8 ? regs[rng() % COUNT_OF(regs)] >> 4 :
				       (u32)(rng() % 0x110) - 8);
	u64 val = any_value();

	if (rng() % 4 == 0)
		lapic_msr_read(lapic(id), msr, &val);
	else
		lapic_msr_write(lapic(id), msr, val);
}

static void op_ipi(void)
{
	unsigned id = any_vcpu();
	u32 icr = (u32)(good_vector() | (rng() & 0xc0900));

	if (lapic_msr_write(lapic(id), 0x830, icr | rng() % 70 << 32)) {
		wr(id, APIC_ICR2, (u32)rng());
		wr(id, APIC_ICR, icr);
	}
}

static void op_message(void)
{
	struct irq_msg msg = {
		.dest = (u32)(rng() & 1 ? rng() % 8 : any_value()),
		.vector = (u8)rng(), .delivery = rng() & 7, .logical = rng() & 1,
		.level = rng() & 1, .x2apic = rng() & 1, .shorthand = rng() & 3,
	};

	irq_deliver(&m.vm, rng() & 1 ? &m.vcpu[any_vcpu()] : NULL, &msg);
	irq_msi(&m.vm, 0xfee00000 | (rng() & 0xff00c), (u32)good_vector());
}

static void op_line(void)
{
	irq_set_gsi(&m.vm, (u32)(rng() % 28), (unsigned)(rng() % 34), rng() & 1);
}

static void op_pio(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61,
		0x20, 0x20, 0xa0,
	};
	u16 port = rng() % 16 ? ports[rng() % COUNT_OF(ports)] : (u16)rng();
	u8 size = rng() % 8 ? 1 : (u8)(1 << rng() % 3);
	u32 val = rng() & 1 ? (u32)any_value() : 0x20;

	irqchip_pio(m.vm.irqchip, port, size, rng() & 1, &val);
}

static void op_ioapic(void)
{
	u64 val = any_value();

	switch (rng() % 4) {
	case 0:
		irqchip_mmio(m.vm.irqchip, 0xfec00000 + rng() % 0x1000, &val,
			     (unsigned)(1 + rng() % 8), rng() & 1);
		break;
	case 1:
		io_write((u8)rng(), (u32)val);
		break;
	default:
		io_redir((unsigned)(rng() % 24), (rng() & 7) << 56 |
			 (rng() & 0x18900) | good_vector());
	}
}

static void op_time(void)
{
	u64 ns = rng() % (1 << rng() % 24);

	if (rng() & 1)
		sim_advance(ns);
	else
		sim_advance_late(ns);
}

static void op_timer(void)
{
	unsigned id = any_vcpu();
	u32 mode = (u32)(rng() % 3) << 17;

	if (lapic_msr_write(lapic(id), 0x832, mode | good_vector()))
		wr(id, APIC_LVT_TIMER, mode | (u32)good_vector());
	if (lapic_msr_write(lapic(id), 0x838, rng() % 3000000))
		wr(id, APIC_TMICT, (u32)(rng() % 3000000));
	lapic_set_deadline(lapic(id), sim.tsc + m.vcpu[id].tsc_offset +
			   rng() % 3000000 - 1000);
	if (rng() % 4 == 0) {
		m.vcpu[id].tsc_offset += any_value();
		lapic_tsc_changed(lapic(id));
	}
	lapic_get_deadline(lapic(id));
}

static void op_mode(void)
{
	unsigned id = any_vcpu();
	u64 base = 0xfee00000 | (rng() & 0xd00);

	if (rng() % 4)
		base |= APIC_BASE_EN;
	lapic_set_base(lapic(id), base, rng() & 1);
	if (rng() % 8 == 0)
		lapic_reset(lapic(id), rng() & 1);
}

static void op_cr8(void)
{
	unsigned id = any_vcpu();

	lapic_set_cr8(lapic(id), rng() % 4 ? 0 : any_value());
}

static void op_state(void)
{
	u8 buf[ABI_LAPIC_SIZE];
	unsigned id = any_vcpu(), i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(rng() % 4 ? 0 : rng());
	switch (rng() % 3) {
	case 0:
		if (rng() % 4)
			lapic_get_state(lapic(id), buf);
		lapic_set_state(lapic(id), buf);
		break;
	case 1:
		if (rng() % 4)
			irqchip_get_state(m.vm.irqchip, id % 3, buf, sizeof(buf));
		irqchip_set_state(m.vm.irqchip, id % 3, buf, sizeof(buf));
		break;
	case 2:
		if (rng() % 4)
			pit_get_state(m.vm.irqchip, buf, sizeof(buf));
		pit_set_state(m.vm.irqchip, buf, sizeof(buf));
		pit_set_reinject(m.vm.irqchip, rng() & 1);
	}
}

static void op_routes(void)
{
	struct irq_route r[40];
	unsigned i;

	for (i = 0; i < COUNT_OF(r); i++)
		r[i] = (struct irq_route){
			.gsi = (u32)(rng() % 30), .is_msi = rng() % 4 == 0,
			.chip = (u8)(rng() % 3), .pin = (u8)(rng() % 8),
			.msi_address = 0xfee00000 | (rng() & 0xff00c),
			.msi_data = (u32)good_vector(),
		};
	irq_set_routes(&m.vm, r, (unsigned)(rng() % COUNT_OF(r)));
}

static void op_lvt(void)
{
	static const u32 lvts[] = {
		APIC_LVT_THERMAL, APIC_LVT_PERF, APIC_LVT_LINT0, APIC_LVT_LINT1,
		APIC_LVT_ERROR,
	};

	lapic_lvt_event(lapic(any_vcpu()), lvts[rng() % COUNT_OF(lvts)]);
}

static u64 taken;

/* The run loop: looks only where it was asked to, takes all it may. */
static void op_run(void)
{
	unsigned id = any_vcpu();
	struct vcpu *v = &m.vcpu[id];
	u64 req = v->requests;
	int vector;

	v->requests = 0;
	v->mp_state = req & REQ_INIT ? MP_INIT_RECEIVED : MP_RUNNABLE;
	if (req & REQ_TIMER)
		lapic_timer_expired(v->lapic);
	if (!((req | v->requests) & REQ_EVENT))
		return;
	v->requests &= ~REQ_EVENT;
	while (pic_pending(m.vm.irqchip) && lapic_accepts_extint(v->lapic)) {
		vector = pic_ack(m.vm.irqchip);
		assert_in_range(vector, 0, 255);
		outb(0x20, 0x20);
		outb(0xa0, 0x20);
		if (rng() % 16 == 0)
			outb(0x21, 0xff);
	}
	while ((vector = lapic_pending_vector(v->lapic)) >= 0) {
		lapic_ack(v->lapic, (u8)vector);
		taken++;
		if (rng() % 4)
			lapic_eoi(v->lapic);
	}
	/* Don't let everything clog up. */
	while (rng() % 4)
		lapic_eoi(v->lapic);
}

/* -- Invariants --------------------------------------------------------------------------- */

static int highest(struct lapic *l, u32 bank)
{
	int w;

	for (w = 7; w >= 0; w--) {
		u32 bits = lapic_get(l, bank + (u32)w * 16);

		if (bits)
			return w * 32 + 31 - __builtin_clz(bits);
	}
	return -1;
}

static void check_lapic(unsigned id)
{
	struct lapic *l = lapic(id);
	int irr = highest(l, APIC_IRR), isr = highest(l, APIC_ISR);
	u32 tpr = lapic_get(l, APIC_TPR), isrv = isr < 0 ? 0 : (u32)isr & 0xf0;
	u32 ppr = (tpr & 0xf0) >= isrv ? tpr : isrv;
	bool on = m.vcpu[id].apic_base & APIC_BASE_EN, due;
	unsigned w;

	assert_int_equal(lapic_get(l, APIC_PPR), ppr);
	assert_int_equal(l->ppr, ppr);
	assert_true(irr < 0 || irr >= 16);
	assert_true(isr < 0 || isr >= 16);
	for (w = 0; w < 8; w++) {
		assert_true(!lapic_get(l, APIC_IRR + w * 16) ||
			    (l->irr_words & 1u << w));
		assert_int_equal(!!lapic_get(l, APIC_ISR + w * 16),
				 l->isr_words >> w & 1);
	}
	due = on && irr >= 0 && ((u32)irr & 0xf0) > (ppr & 0xf0);
	assert_int_equal(lapic_pending_vector(l), due ? irr : -1);
	assert_int_equal(lapic_has_interrupt(l), due);
	/* Nobody forgets to wake the vCPU. */
	if (due || (pic_pending(m.vm.irqchip) && lapic_accepts_extint(l)))
		assert_true(m.vcpu[id].requests & REQ_EVENT);
	if (l->timer_fired && !(lapic_get(l, APIC_LVT_TIMER) & LVT_MASKED))
		assert_true(m.vcpu[id].requests & REQ_TIMER || !on ||
			    (lapic_get(l, APIC_LVT_TIMER) & LVT_MASKED));
	assert_true(lapic_timer_count(l) <= lapic_get(l, APIC_TMICT));
	/* TPR holds something back only if nothing else does. */
	w = lapic_tpr_threshold(l);
	assert_true(!w || (!(due) && w <= tpr >> 4 && w > isrv >> 4));
}

static void check_chips(void)
{
	struct irqchip *c = m.vm.irqchip;
	unsigned pin;

	for (pin = 0; pin < 24; pin++) {
		u64 e = c->ioapic.redir[pin];
		bool level = (e & BIT(15)) && (e >> 8 & 7) <= 1;

		assert_true(level || !(e & BIT(14)));
		assert_int_equal(!!c->ioapic_sources[pin], c->ioapic.lines >> pin & 1);
	}
	for (pin = 0; pin < 2; pin++) {
		struct abi_pic *s = &c->pic[pin];

		assert_int_equal(s->irr & s->elcr, s->last_irr & s->elcr);
		assert_int_equal(s->elcr & ~s->elcr_mask, 0);
		assert_true(s->priority_add < 8 && s->init_state < 4);
	}
	assert_true(c->pit->backlog <= 1000);
	for (pin = 0; pin < 3; pin++)
		assert_in_range(c->pit->ch[pin].period, 1, 65536);
	assert_int_equal(sim.locks_held, 0);
}

/* ------------------------------------------------------------------------------------------- */

static void (*const ops[])(void) = {
	op_mmio, op_mmio, op_mmio, op_msr, op_ipi, op_ipi, op_message, op_line, op_line,
	op_pio, op_pio, op_ioapic, op_time, op_timer, op_cr8, op_lvt,
	op_run, op_run, op_run, op_run, op_run, op_run,
};

static void test_random_operations(void **state)
{
	u64 i;
	unsigned id;

	(void)state;
	machine_up(VCPUS, true, true);
	to_x2apic(3);
	for (i = 0; i < operations; i++) {
		u64 pick = rng() % 1000;

		if (pick == 0)
			op_mode();
		else if (pick == 1)
			op_state();
		else if (pick == 2)
			op_routes();
		else
			ops[pick % COUNT_OF(ops)]();
		for (id = 0; id < VCPUS; id++)
			check_lapic(id);
		check_chips();
	}
	/* It is no test if nothing gets through. */
	print_message("%llu interrupts taken, %llu timer callbacks\n",
		      (unsigned long long)taken, (unsigned long long)sim.timer_calls);
	assert_true(taken > operations / 100);
	assert_true(sim.timer_calls > operations / 1000);
	machine_down();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations),
	};

	if (argc > 1)
		rng_state = strtoull(argv[1], NULL, 0) * 2 + 1;
	if (argc > 2)
		operations = strtoull(argv[2], NULL, 0);
	return RUN(tests);
}
