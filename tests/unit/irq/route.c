/* SPDX-License-Identifier: MIT */
/* GSI routing, lines with several sources, the split irqchip's table. */
#include "fixture.h"

static int up(void **state)
{
	(void)state;
	machine_up(2, true, false);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static unsigned pins(void)
{
	return m.vm.irqchip->ioapic.lines;
}

static unsigned pic_lines(void)
{
	return m.vm.irqchip->pic[0].last_irr | m.vm.irqchip->pic[1].last_irr << 8;
}

/* IRQ 0 is I/O APIC input 2; 16..23 have no 8259. */
static void test_default_table(void **state)
{
	unsigned gsi;

	(void)state;
	for (gsi = 0; gsi < 30; gsi++) {
		unsigned pin = gsi ? gsi : 2;
		bool there = gsi < 24 && gsi != 2;

		irq_set_gsi(&m.vm, gsi, 0, true);
		assert_int_equal(pins(), there ? 1u << pin : 0);
		assert_int_equal(pic_lines(), there && gsi < 16 ? 1u << gsi : 0);
		irq_set_gsi(&m.vm, gsi, 0, false);
		assert_int_equal(pins(), 0);
		assert_int_equal(pic_lines(), 0);
	}
	assert_int_equal(irq_set_gsi(&m.vm, 0xffffffff, 0, true), -1);
}

static void test_line_is_or_of_sources(void **state)
{
	(void)state;
	irq_set_gsi(&m.vm, 17, 0, true);
	irq_set_gsi(&m.vm, 17, 5, true);
	irq_set_gsi(&m.vm, 17, 0, false);
	assert_int_equal(pins(), 1u << 17);
	irq_set_gsi(&m.vm, 17, 5, false);
	assert_int_equal(pins(), 0);
	assert_int_equal(irq_set_gsi(&m.vm, 17, 32, true), -1);
	assert_int_equal(pins(), 0);
}

static void test_answers(void **state)
{
	(void)state;
	assert_int_equal(irq_set_gsi(&m.vm, 17, 0, true), -1);	/* masked */
	irq_set_gsi(&m.vm, 17, 0, false);
	io_redir(17, 0x51);
	assert_int_equal(irq_set_gsi(&m.vm, 17, 0, true), 1);
	irq_set_gsi(&m.vm, 17, 0, false);
	assert_int_equal(irq_set_gsi(&m.vm, 17, 0, true), 0);	/* coalesced */
}

static void test_replace(void **state)
{
	static const struct irq_route r[] = {
		{ .gsi = 100, .is_msi = true, .msi_address = 0xfee01000,
		  .msi_data = 0x44 },
		{ .gsi = 3, .chip = 2, .pin = 9 },
		{ .gsi = 100, .is_msi = true, .msi_address = 0xfee00000,
		  .msi_data = 0x45 },
		{ .gsi = 4095, .chip = 1, .pin = 7 },
		{ .gsi = 0, .chip = 0, .pin = 1 },
	};

	(void)state;
	assert_int_equal(irq_set_routes(&m.vm, r, COUNT_OF(r)), 0);
	assert_int_equal(irq_set_gsi(&m.vm, 100, 0, true), 2);
	assert_true(in_bank(1, APIC_IRR, 0x44));
	assert_true(in_bank(0, APIC_IRR, 0x45));
	assert_int_equal(irq_set_gsi(&m.vm, 100, 0, false), -1);
	irq_set_gsi(&m.vm, 3, 0, true);
	assert_int_equal(pins(), 1u << 9);
	irq_set_gsi(&m.vm, 4095, 0, true);
	irq_set_gsi(&m.vm, 0, 0, true);
	assert_int_equal(pic_lines(), BIT(15) | BIT(1));
	assert_int_equal(irq_set_gsi(&m.vm, 17, 0, true), -1);
	assert_int_equal(irq_set_gsi(&m.vm, 4096, 0, true), -1);
	assert_int_equal(irq_set_routes(&m.vm, NULL, 0), 0);
	assert_int_equal(irq_set_gsi(&m.vm, 3, 0, false), -1);
}

static void test_bad_tables_change_nothing(void **state)
{
	static const struct irq_route bad[] = {
		{ .gsi = 4096, .chip = 2 }, { .gsi = 1, .chip = 3 },
		{ .gsi = 1, .chip = 2, .pin = 24 }, { .gsi = 1, .chip = 0, .pin = 8 },
		{ .gsi = 1, .chip = 255, .pin = 0 }, { .gsi = ~0u, .is_msi = true },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(irq_set_routes(&m.vm, &bad[i], 1), ERR_INVAL);
	assert_int_equal(irq_set_routes(&m.vm, bad, 4097), ERR_2BIG);
	sim.fail_alloc = 1;
	assert_int_equal(irq_set_routes(&m.vm, NULL, 0), ERR_NOMEM);
	irq_set_gsi(&m.vm, 5, 0, true);
	assert_int_equal(pins(), 1u << 5);
}

static void test_largest_table(void **state)
{
	static struct irq_route r[4096];
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(r); i++) {
		r[i].gsi = 4095 - i;
		r[i].is_msi = true;
		r[i].msi_address = 0xfee00000;
		r[i].msi_data = 0x40 + i % 64;
	}
	assert_int_equal(irq_set_routes(&m.vm, r, COUNT_OF(r)), 0);
	for (i = 0; i < COUNT_OF(r); i++) {
		assert_int_equal(irq_set_gsi(&m.vm, 4095 - i, 0, true), 1);
		assert_int_equal(take_interrupt(0), 0x40 + i % 64);
		send_eoi(0);
	}
}

static void test_split(void **state)
{
	static const struct irq_route r[] = {
		{ .gsi = 1, .is_msi = true, .msi_address = 0xfee01000,
		  .msi_data = 0x44 },
		{ .gsi = 2, .chip = 2, .pin = 9 },
	};
	struct irqchip *c;
	u8 buf[512];
	u32 val;

	(void)state;
	machine_down();
	machine_up(2, false, false);
	m.vm.split_irqchip = true;
	assert_int_equal(irq_set_gsi(&m.vm, 1, 0, true), -1);
	assert_int_equal(irq_set_routes(&m.vm, r, 1), ERR_NXIO);
	assert_int_equal(pit_create(&m.vm), ERR_NXIO);
	assert_int_equal(irqchip_create(&m.vm, &c), 0);
	m.vm.irqchip = c;
	assert_int_equal(irq_set_gsi(&m.vm, 1, 0, true), -1);
	assert_int_equal(irq_set_routes(&m.vm, r, 2), 0);
	assert_int_equal(irq_set_gsi(&m.vm, 1, 0, true), 1);
	assert_int_equal(take_interrupt(1), 0x44);
	assert_int_equal(irq_set_gsi(&m.vm, 2, 0, true), -1);
	assert_false(irqchip_pio(c, 0x20, 1, true, &val));
	assert_false(irqchip_mmio(c, 0xfec00000, &val, 4, false));
	assert_int_equal(irqchip_get_state(c, 0, buf, sizeof(buf)), ERR_NXIO);
	assert_int_equal(irqchip_set_state(c, 2, buf, sizeof(buf)), ERR_NXIO);
	assert_int_equal(pit_create(&m.vm), ERR_NXIO);
	assert_false(pic_pending(c));
}

static void test_create_without_memory(void **state)
{
	struct irqchip *c;
	unsigned n;

	(void)state;
	for (n = 1; n <= 2; n++) {
		sim.fail_alloc = n;
		assert_int_equal(irqchip_create(&m.vm, &c), ERR_NOMEM);
		sim.fail_alloc = n;
		assert_int_equal(pit_create(&m.vm), ERR_NOMEM);
	}
	assert_int_equal(pit_create(&m.vm), 0);
	assert_int_equal(pit_create(&m.vm), ERR_EXIST);
	irqchip_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_default_table), T(test_line_is_or_of_sources),
		T(test_answers), T(test_replace), T(test_bad_tables_change_nothing),
		T(test_largest_table), T(test_split), T(test_create_without_memory),
	};

	return RUN(tests);
}
