/* SPDX-License-Identifier: MIT */
/* The 8259 pair. Intel 8259A data sheet. */
#include "fixture.h"

static u64 kick;

static void init_pics(u8 icw4)
{
	outb(0x20, 0x11); outb(0x21, 0x30); outb(0x21, 0x04); outb(0x21, icw4);
	outb(0xa0, 0x11); outb(0xa1, 0x38); outb(0xa1, 0x02); outb(0xa1, icw4);
}

static int up(void **state)
{
	(void)state;
	machine_up(2, true, false);
	init_pics(0x01);
	kick = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static int line(unsigned irq, bool level)
{
	unsigned long flags = irqchip_lock(m.vm.irqchip);
	int n = pic_set_pin(m.vm.irqchip, irq, level, &kick);

	irqchip_unlock(m.vm.irqchip, flags, 0);
	return n;
}

static void pulse(unsigned irq)
{
	line(irq, true);
	line(irq, false);
}

/* What the CPU does: INTA if INTR is up, or -1. */
static int inta(void)
{
	return pic_pending(m.vm.irqchip) ? pic_ack(m.vm.irqchip) : -1;
}

static u8 isr(u16 port)
{
	outb(port, 0x0b);
	return inb(port);
}

static u8 irr(u16 port)
{
	outb(port, 0x0a);
	return inb(port);
}

static void test_vectors(void **state)
{
	unsigned irq;

	(void)state;
	for (irq = 0; irq < 16; irq++) {
		if (irq == 2)
			continue;
		pulse(irq);
		assert_int_equal(inta(), 0x30 + irq);
		if (irq >= 8) {
			assert_int_equal(isr(0xa0), 1 << (irq - 8));
			assert_int_equal(isr(0x20), 1 << 2);
			outb(0xa0, 0x20);
		} else {
			assert_int_equal(isr(0x20), 1 << irq);
		}
		outb(0x20, 0x20);
		assert_int_equal(inta(), -1);
	}
}

static void test_fixed_priority_and_nesting(void **state)
{
	(void)state;
	pulse(5);
	pulse(3);
	pulse(9);	/* through IR2: above 3 */
	assert_int_equal(inta(), 0x39);
	pulse(0);
	assert_int_equal(inta(), 0x30);		/* nests */
	assert_int_equal(inta(), -1);
	outb(0x20, 0x20);
	assert_int_equal(inta(), -1);		/* 9 in service */
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	assert_int_equal(inta(), 0x33);
	outb(0x20, 0x20);
	assert_int_equal(inta(), 0x35);
	outb(0x20, 0x20);
}

static void test_edges(void **state)
{
	(void)state;
	assert_true(line(4, true) > 0);
	assert_int_equal(line(4, true), 0);	/* no new edge */
	assert_int_equal(irr(0x20), 0x10);
	assert_int_equal(inta(), 0x34);
	assert_int_equal(irr(0x20), 0);
	outb(0x20, 0x20);
	assert_int_equal(inta(), -1);		/* still high: one edge only */
	line(4, false);
	assert_true(line(4, true) > 0);
	assert_int_equal(inta(), 0x34);
	outb(0x20, 0x20);
	/* A pulse while pending coalesces. */
	pulse(6);
	line(6, false);
	assert_int_equal(line(6, true), 0);
}

static void test_mask(void **state)
{
	(void)state;
	outb(0x21, 0x10);
	assert_int_equal(inb(0x21), 0x10);
	assert_int_equal(line(4, true), -1);
	assert_int_equal(inta(), -1);
	outb(0x21, 0);			/* it was kept */
	assert_int_equal(inta(), 0x34);
	outb(0x20, 0x20);
	outb(0x21, 0x04);		/* the cascade: hides the slave */
	pulse(10);
	assert_int_equal(inta(), -1);
	outb(0x21, 0);
	assert_int_equal(inta(), 0x3a);
}

static void test_elcr(void **state)
{
	(void)state;
	/* 0, 1, 2, 8 and 13 can't be levels. */
	outb(0x4d0, 0xff);
	outb(0x4d1, 0xff);
	assert_int_equal(inb(0x4d0), 0xf8);
	assert_int_equal(inb(0x4d1), 0xde);
	line(5, true);
	assert_int_equal(inta(), 0x35);
	assert_int_equal(irr(0x20), 0x20);	/* follows the line */
	outb(0x20, 0x20);
	assert_int_equal(inta(), 0x35);		/* again after EOI */
	line(5, false);
	assert_int_equal(irr(0x20), 0);
	outb(0x20, 0x20);
	assert_int_equal(inta(), -1);
	/* A level that goes away is forgotten. */
	line(11, true);
	assert_true(pic_pending(m.vm.irqchip));
	line(11, false);
	assert_false(pic_pending(m.vm.irqchip));
	/* IRQ 8 stays an edge. */
	pulse(8);
	assert_int_equal(inta(), 0x38);
}

/* INTA with nothing to acknowledge: IR7, not in service. */
static void test_spurious(void **state)
{
	struct irqchip *c = m.vm.irqchip;

	(void)state;
	assert_int_equal(pic_ack(c), 0x37);
	assert_int_equal(isr(0x20), 0);
	/* A slave whose request has gone after the master chose it. */
	outb(0x4d1, 0x02);
	line(9, true);
	c->pic[1].irr = 0;
	assert_int_equal(pic_ack(c), 0x3f);
	assert_int_equal(isr(0xa0), 0);
	assert_int_equal(isr(0x20), 1 << 2);
}

static void test_specific_eoi(void **state)
{
	(void)state;
	pulse(6);
	assert_int_equal(inta(), 0x36);
	pulse(1);
	assert_int_equal(inta(), 0x31);
	outb(0x20, 0x66);
	assert_int_equal(isr(0x20), 0x02);
	outb(0x20, 0x61);
	assert_int_equal(isr(0x20), 0);
}

static void test_auto_eoi(void **state)
{
	(void)state;
	init_pics(0x03);
	pulse(3);
	pulse(12);
	assert_int_equal(inta(), 0x3c);
	assert_int_equal(inta(), 0x33);
	assert_int_equal(isr(0x20) | isr(0xa0), 0);
	/* Rotation in AEOI mode: the one served becomes the lowest. */
	outb(0x20, 0x80);
	pulse(3);
	assert_int_equal(inta(), 0x33);
	pulse(1);
	pulse(4);
	assert_int_equal(inta(), 0x34);
	pulse(5);
	assert_int_equal(inta(), 0x35);
	assert_int_equal(inta(), 0x31);
	outb(0x20, 0x00);	/* off: 1 is the lowest and stays so */
	pulse(1);
	pulse(2 + 1);
	assert_int_equal(inta(), 0x33);
	assert_int_equal(inta(), 0x31);
}

static void test_rotation(void **state)
{
	(void)state;
	outb(0x20, 0xc3);	/* set priority: 3 the lowest, 4 the highest */
	pulse(3);
	pulse(4);
	pulse(0);
	assert_int_equal(inta(), 0x34);
	outb(0x20, 0xa0);	/* rotate on non-specific EOI: 4 the lowest */
	assert_int_equal(inta(), 0x30);
	outb(0x20, 0xe0);	/* rotate on specific EOI: 0 the lowest, 1 first */
	pulse(1);
	pulse(4);
	assert_int_equal(inta(), 0x31);
	outb(0x20, 0x20);
	assert_int_equal(inta(), 0x33);
	outb(0x20, 0x20);
	assert_int_equal(inta(), 0x34);
}

static void test_special_mask_mode(void **state)
{
	(void)state;
	pulse(3);
	assert_int_equal(inta(), 0x33);
	pulse(6);
	outb(0x21, 0x08);
	assert_int_equal(inta(), -1);	/* 3 in service holds 6 back */
	outb(0x20, 0x68);
	assert_int_equal(inta(), 0x36);	/* masked, it no longer does */
	outb(0x20, 0x20);		/* not for masked levels */
	assert_int_equal(isr(0x20), 0x08);
	outb(0x20, 0x63);
	assert_int_equal(isr(0x20), 0);
	outb(0x20, 0x48);		/* mode off */
	outb(0x21, 0);
	pulse(3);
	assert_int_equal(inta(), 0x33);
	pulse(6);
	outb(0x21, 0x08);
	assert_int_equal(inta(), -1);
}

static void test_special_fully_nested(void **state)
{
	(void)state;
	pulse(12);
	assert_int_equal(inta(), 0x3c);
	pulse(9);
	assert_int_equal(inta(), -1);	/* the master holds the slave back */
	init_pics(0x11);
	pulse(12);
	assert_int_equal(inta(), 0x3c);
	pulse(9);
	assert_int_equal(inta(), 0x39);
	pulse(13);
	assert_int_equal(inta(), -1);
}

static void test_poll(void **state)
{
	(void)state;
	pulse(4);
	outb(0x20, 0x0c);
	assert_int_equal(inb(0x20), 0x84);
	assert_int_equal(isr(0x20), 0x10);	/* the poll was the INTA */
	assert_int_equal(inta(), -1);
	outb(0x20, 0x0c);
	assert_int_equal(inb(0x20) & 0x80, 0);
	outb(0x20, 0x20);
	pulse(14);
	outb(0x20, 0x0c);
	assert_int_equal(inb(0x20), 0x82);
	outb(0xa0, 0x0c);
	assert_int_equal(inb(0xa0), 0x86);
}

static void test_icw1_resets(void **state)
{
	(void)state;
	outb(0x21, 0xff);
	outb(0x20, 0xc3);
	outb(0x20, 0x68);
	line(5, true);
	outb(0x20, 0x11);
	outb(0x21, 0x40); outb(0x21, 0x04); outb(0x21, 0x01);
	assert_int_equal(inb(0x21), 0);
	/* The edge is forgotten; the line must rise again. */
	assert_int_equal(inta(), -1);
	line(5, false);
	line(5, true);
	assert_int_equal(inta(), 0x45);
	/* ICW1 without IC4: no ICW4, its functions are off. */
	init_pics(0x13);
	outb(0x20, 0x10); outb(0x21, 0x50); outb(0x21, 0x04);
	outb(0x21, 0xef);
	assert_int_equal(inb(0x21), 0xef);
	pulse(4);
	assert_int_equal(inta(), 0x54);
	assert_int_equal(isr(0x20), 0x10);
}

static void test_wide_access(void **state)
{
	u32 val = 0x5511;

	(void)state;
	/* A word is two bytes at consecutive ports: ICW1 and ICW2. */
	assert_true(irqchip_pio(m.vm.irqchip, 0x20, 2, false, &val));
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	pulse(1);
	assert_int_equal(inta(), 0x51);
	val = 0;
	outb(0x21, 0xa5);
	assert_true(irqchip_pio(m.vm.irqchip, 0x21, 4, true, &val));
	assert_int_equal(val, 0xffffffa5);
	assert_false(irqchip_pio(m.vm.irqchip, 0x1f, 4, true, &val));
	assert_false(irqchip_pio(m.vm.irqchip, 0x22, 1, true, &val));
	assert_false(irqchip_pio(m.vm.irqchip, 0x40, 1, true, &val));
}

/* INTR goes to those whose LINT0 lets it through. */
static void test_lint0(void **state)
{
	(void)state;
	wr(0, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	forget_kicks();
	irq_set_gsi(&m.vm, 4, 0, true);
	assert_int_equal(m.kicked_for[0], REQ_EVENT);
	assert_int_equal(m.kicks[1], 0);
	assert_int_equal(take_interrupt(0), 0x34);
	/* More is pending after an acknowledge or an EOI: kicked again. */
	irq_set_gsi(&m.vm, 6, 0, true);
	forget_kicks();
	outb(0x20, 0x20);
	assert_int_equal(m.kicked_for[0], REQ_EVENT);
	assert_int_equal(take_interrupt(0), 0x36);
	outb(0x20, 0x20);
	/* Masked: nobody. */
	wr(0, APIC_LVT_LINT0, LVT_MASKED | DELIVER_EXTINT << 8);
	forget_kicks();
	irq_set_gsi(&m.vm, 4, 0, false);
	irq_set_gsi(&m.vm, 4, 0, true);
	assert_int_equal(m.kicks[0] + m.kicks[1], 0);
	/* The owner opens it: it must look. */
	m.vcpu[0].requests = 0;
	wr(0, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	assert_true(m.vcpu[0].requests & REQ_EVENT);
	assert_int_equal(take_interrupt(0), 0x34);
	outb(0x20, 0x20);
	/* As a fixed interrupt, and as an NMI. */
	wr(0, APIC_LVT_LINT0, 0x77);
	wr(1, APIC_LVT_LINT0, DELIVER_NMI << 8);
	irq_set_gsi(&m.vm, 7, 0, true);
	assert_true(in_bank(0, APIC_IRR, 0x77));
	assert_int_equal(m.nmis[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_vectors), T(test_fixed_priority_and_nesting), T(test_edges),
		T(test_mask), T(test_elcr), T(test_spurious), T(test_specific_eoi),
		T(test_auto_eoi), T(test_rotation), T(test_special_mask_mode),
		T(test_special_fully_nested), T(test_poll), T(test_icw1_resets),
		T(test_wide_access), T(test_lint0),
	};

	return RUN(tests);
}
