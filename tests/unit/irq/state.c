/* SPDX-License-Identifier: MIT */
/*
 * State to and from user space: layouts, round trips, and garbage. What is read
 * back after garbage was set must itself be a fixed point.
 */
#include <linux/kvm.h>

#include "fixture.h"

/* The uapi header's word on the layouts. */
_Static_assert(sizeof(struct abi_pic) == sizeof(struct kvm_pic_state), "ABI");
_Static_assert(sizeof(struct abi_ioapic) == sizeof(struct kvm_ioapic_state), "ABI");
_Static_assert(sizeof(struct abi_pit) == sizeof(struct kvm_pit_state2), "ABI");
_Static_assert(sizeof(struct abi_pit_channel) ==
	       sizeof(struct kvm_pit_channel_state), "ABI");
_Static_assert(ABI_LAPIC_SIZE == sizeof(struct kvm_lapic_state), "ABI");
_Static_assert(ABI_IOAPIC_PINS == KVM_IOAPIC_NUM_PINS, "ABI");
#define SAME(ours, theirs, field) \
	_Static_assert(offsetof(struct ours, field) == \
		       offsetof(struct theirs, field), "ABI")
SAME(abi_pic, kvm_pic_state, irr); SAME(abi_pic, kvm_pic_state, imr);
SAME(abi_pic, kvm_pic_state, isr); SAME(abi_pic, kvm_pic_state, priority_add);
SAME(abi_pic, kvm_pic_state, irq_base); SAME(abi_pic, kvm_pic_state, read_reg_select);
SAME(abi_pic, kvm_pic_state, poll); SAME(abi_pic, kvm_pic_state, special_mask);
SAME(abi_pic, kvm_pic_state, init_state); SAME(abi_pic, kvm_pic_state, auto_eoi);
SAME(abi_pic, kvm_pic_state, rotate_on_auto_eoi); SAME(abi_pic, kvm_pic_state, init4);
SAME(abi_pic, kvm_pic_state, elcr); SAME(abi_pic, kvm_pic_state, elcr_mask);
SAME(abi_ioapic, kvm_ioapic_state, ioregsel); SAME(abi_ioapic, kvm_ioapic_state, id);
SAME(abi_ioapic, kvm_ioapic_state, irr); SAME(abi_ioapic, kvm_ioapic_state, redirtbl);
#define PIT_SAME(field) SAME(abi_pit_channel, kvm_pit_channel_state, field)
PIT_SAME(latched_count); PIT_SAME(count_latched); PIT_SAME(status_latched);
PIT_SAME(status); PIT_SAME(read_state); PIT_SAME(write_state); PIT_SAME(write_latch);
PIT_SAME(rw_mode); PIT_SAME(mode); PIT_SAME(bcd); PIT_SAME(gate);
PIT_SAME(count_load_time);
SAME(abi_pit, kvm_pit_state2, flags);

static int up(void **state)
{
	(void)state;
	machine_up(2, true, true);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static void garbage(void *p, size_t n)
{
	u8 *b = p;
	bool sparse = rng() & 1;
	size_t i;

	for (i = 0; i < n; i++)
		b[i] = (u8)(sparse && rng() % 4 ? 0 : rng());
}

static void test_lapic_round_trip(void **state)
{
	u8 regs[ABI_LAPIC_SIZE], again[ABI_LAPIC_SIZE];

	(void)state;
	wr(1, APIC_TPR, 0x20);
	wr(1, APIC_LDR, 0x40000000);
	wr(1, APIC_LVT_LINT1, 0x400);
	wr(1, APIC_LVT_TIMER, LVT_PERIODIC | 0x55);
	wr(1, APIC_TDCR, 0xb);
	wr(1, APIC_TMICT, 1000000);
	irq_msi(&m.vm, 0xfee01000, 0x8077);
	irq_msi(&m.vm, 0xfee01000, 0x44);
	assert_int_equal(take_interrupt(1), 0x77);
	sim_advance(400000);
	lapic_get_state(lapic(1), regs);
	assert_int_equal(regs[APIC_ID + 3], 1);
	lapic_reset(lapic(1), false);
	assert_int_equal(lapic_set_state(lapic(1), regs), 0);
	lapic_get_state(lapic(1), again);
	assert_memory_equal(regs, again, sizeof(regs));
	/* It goes on as before: what was in service, pending, counted. */
	assert_int_equal(rd(1, APIC_PPR), 0x70);
	assert_int_equal(take_interrupt(1), -1);
	send_eoi(1);
	assert_int_equal(take_interrupt(1), 0x44);
	send_eoi(1);
	assert_int_equal(rd(1, APIC_TMCCT), 600000);
	sim_advance(600000);
	assert_int_equal(take_interrupt(1), 0x55);
	send_eoi(1);
	sim_advance(1000000);
	assert_int_equal(take_interrupt(1), 0x55);
}

static void test_lapic_expired_one_shot_stays_expired(void **state)
{
	u8 regs[ABI_LAPIC_SIZE];

	(void)state;
	wr(1, APIC_LVT_TIMER, 0x55);
	wr(1, APIC_TMICT, 1000);
	sim_advance(100000);
	assert_int_equal(take_interrupt(1), 0x55);
	send_eoi(1);
	lapic_get_state(lapic(1), regs);
	lapic_set_state(lapic(1), regs);
	sim_advance(100000);
	assert_int_equal(take_interrupt(1), -1);
}

static void test_lapic_garbage(void **state)
{
	u8 regs[ABI_LAPIC_SIZE], got[ABI_LAPIC_SIZE], again[ABI_LAPIC_SIZE];
	unsigned i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct lapic *l = lapic(1);

		if (i == 10000)
			to_x2apic(1);
		garbage(regs, sizeof(regs));
		assert_int_equal(lapic_set_state(l, regs), 0);
		lapic_get_state(l, got);
		assert_int_equal(lapic_set_state(l, got), 0);
		lapic_get_state(l, again);
		assert_memory_equal(got, again, sizeof(got));
		/* Nothing that the registers can't hold. */
		assert_int_equal(lapic_get(l, APIC_IRR) & 0xffff, 0);
		assert_int_equal(lapic_get(l, APIC_VERSION), 0x50014);
		assert_int_equal(got[APIC_ID + 3], 1);
		sim_advance(rng() % 1000000);
		take_interrupt(1);
		lapic_eoi(l);
	}
}

static void test_irqchip_round_trip(void **state)
{
	struct abi_ioapic io, io2;
	struct abi_pic pic[2], pic2;
	struct irqchip *c = m.vm.irqchip;
	unsigned n;

	(void)state;
	io_redir(17, BIT(15) | 0x71 | 1ull << 56);
	irq_set_gsi(&m.vm, 17, 0, true);
	outb(0x4d1, 0x02);
	outb(0xa1, 0xf0);
	irq_set_gsi(&m.vm, 9, 0, true);
	for (n = 0; n < 2; n++)
		assert_int_equal(irqchip_get_state(c, n, &pic[n], 16), 0);
	assert_int_equal(irqchip_get_state(c, 2, &io, 216), 0);
	assert_true(io.redirtbl[17] & BIT(14));
	assert_int_equal(io.irr, 1u << 17 | 1u << 9);
	pic_reset(c);
	ioapic_reset(c);
	/* In any order. */
	for (n = 0; n < 2; n++)
		assert_int_equal(irqchip_set_state(c, n, &pic[n], 16), 0);
	assert_int_equal(irqchip_set_state(c, 2, &io, 216), 0);
	for (n = 0; n < 2; n++) {
		assert_int_equal(irqchip_get_state(c, n, &pic2, 16), 0);
		assert_memory_equal(&pic2, &pic[n], sizeof(pic2));
	}
	assert_int_equal(irqchip_get_state(c, 2, &io2, 216), 0);
	assert_memory_equal(&io, &io2, sizeof(io));
	/* User space's hold on the lines is known again. */
	irq_set_gsi(&m.vm, 17, 0, false);
	irq_set_gsi(&m.vm, 9, 0, false);
	assert_int_equal(c->ioapic.lines, 0);
	assert_false(pic_pending(c));
}

static void test_irqchip_bad_calls(void **state)
{
	u8 buf[512] = { 0 };
	struct irqchip *c = m.vm.irqchip;

	(void)state;
	assert_int_equal(irqchip_get_state(c, 3, buf, 512), ERR_INVAL);
	assert_int_equal(irqchip_set_state(c, 3, buf, 512), ERR_INVAL);
	assert_int_equal(irqchip_get_state(c, 0, buf, 15), ERR_INVAL);
	assert_int_equal(irqchip_set_state(c, 2, buf, 215), ERR_INVAL);
	assert_int_equal(pit_get_state(c, buf, 111), ERR_INVAL);
	assert_int_equal(pit_set_state(c, buf, 111), ERR_INVAL);
}

static void test_irqchip_garbage(void **state)
{
	struct irqchip *c = m.vm.irqchip;
	u8 in[216], got[216], again[216];
	unsigned i, chip, gsi;

	(void)state;
	for (i = 0; i < 20000; i++) {
		chip = (unsigned)(rng() % 3);
		garbage(in, sizeof(in));
		memset(got, 0, sizeof(got));
		memset(again, 0, sizeof(again));
		assert_int_equal(irqchip_set_state(c, chip, in, 216), 0);
		assert_int_equal(irqchip_get_state(c, chip, got, 216), 0);
		assert_int_equal(irqchip_set_state(c, chip, got, 216), 0);
		assert_int_equal(irqchip_get_state(c, chip, again, 216), 0);
		assert_memory_equal(got, again, sizeof(got));
		for (gsi = 0; gsi < 24; gsi++)
			irq_set_gsi(&m.vm, gsi, 0, rng() & 1);
		take_interrupt(0);
		send_eoi(0);
		outb(0x20, (u8)rng());
		outb(0xa0, (u8)rng());
	}
}

static void test_pit_round_trip(void **state)
{
	struct abi_pit s, s2;
	struct irqchip *c = m.vm.irqchip;

	(void)state;
	outb(0x43, 0x34); outb(0x40, 0xa9); outb(0x40, 0x04);	/* 1193 */
	outb(0x43, 0xb0); outb(0x42, 0x00); outb(0x42, 0x10);	/* gate is low */
	outb(0x61, 2);
	sim_advance(300000);
	assert_int_equal(pit_get_state(c, &s, sizeof(s)), 0);
	assert_int_equal(s.channels[0].count, 1193);
	assert_int_equal(s.channels[0].mode, 2);
	assert_int_equal(s.channels[0].gate, 1);
	assert_int_equal(s.channels[2].gate, 0);
	assert_int_equal(s.flags, ABI_PIT_SPEAKER_DATA);
	assert_int_equal(pit_set_state(c, &s, sizeof(s)), 0);
	assert_int_equal(pit_get_state(c, &s2, sizeof(s2)), 0);
	assert_memory_equal(&s, &s2, sizeof(s));
	assert_int_equal(sim_next_timer(), (u64)s.channels[0].count_load_time + 999848);
	/* HPET in legacy mode takes IRQ 0 over. */
	s.flags |= ABI_PIT_HPET_LEGACY;
	forget_kicks();
	assert_int_equal(pit_set_state(c, &s, sizeof(s)), 0);
	sim_advance(10000000);
	assert_int_equal(m.kicks[0], 0);
}

static void test_pit_garbage(void **state)
{
	struct irqchip *c = m.vm.irqchip;
	struct abi_pit in, got, again;
	unsigned i;

	(void)state;
	for (i = 0; i < 30000; i++) {
		garbage(&in, sizeof(in));
		if (rng() & 1)
			in.channels[rng() % 3].count_load_time =
				(s64)(sim.now_ns - rng() % 10000000000ull);
		assert_int_equal(pit_set_state(c, &in, sizeof(in)), 0);
		assert_int_equal(pit_get_state(c, &got, sizeof(got)), 0);
		assert_int_equal(pit_set_state(c, &got, sizeof(got)), 0);
		assert_int_equal(pit_get_state(c, &again, sizeof(again)), 0);
		assert_memory_equal(&got, &again, sizeof(got));
		sim_advance(rng() % 3000000);
		inb((u16)(0x40 + rng() % 3));
		outb((u16)(0x40 + rng() % 4), (u8)rng());
		inb(0x61);
		outb(0x61, (u8)rng());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_lapic_round_trip),
		T(test_lapic_expired_one_shot_stays_expired), T(test_lapic_garbage),
		T(test_irqchip_round_trip), T(test_irqchip_bad_calls),
		T(test_irqchip_garbage), T(test_pit_round_trip), T(test_pit_garbage),
	};

	return RUN(tests);
}
