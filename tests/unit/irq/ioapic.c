/* SPDX-License-Identifier: MIT */
/* The I/O APIC. Intel 82093AA data sheet. */
#include "fixture.h"

#define LEVEL	BIT(15)
#define MASKED	BIT(16)
#define REMOTE	BIT(14)
#define LOGICAL	BIT(11)
#define DEST(d)	((u64)(d) << 56)

/* A GSI that only the I/O APIC has. */
#define PIN	19

static int up(void **state)
{
	(void)state;
	machine_up(3, true, false);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static int line(bool level)
{
	return irq_set_gsi(&m.vm, PIN, 0, level);
}

static void test_registers(void **state)
{
	unsigned pin, i;

	(void)state;
	assert_int_equal(io_read(1), 0x00170011);
	io_write(0, 0xffffffff);
	assert_int_equal(io_read(0), 0x0f000000);
	assert_int_equal(io_read(2), 0x0f000000);
	io_write(1, 0);
	assert_int_equal(io_read(1), 0x00170011);
	for (pin = 0; pin < 24; pin++)
		assert_int_equal(io_redir_get(pin), MASKED);
	/* Delivery status, remote IRR and reserved bits can't be written. */
	io_redir(5, ~0ull);
	assert_int_equal(io_redir_get(5), 0xff0000000001afff);
	for (i = 3; i < 0x10; i++) {
		io_write((u8)i, ~0u);
		assert_int_equal(io_read((u8)i), 0);
	}
	for (i = 0x40; i < 0x100; i++) {
		io_write((u8)i, ~0u);
		assert_int_equal(io_read((u8)i), 0);
	}
}

static void test_mmio_sizes(void **state)
{
	struct irqchip *c = m.vm.irqchip;
	u64 val = 0x1122334455667701ull;
	u8 byte;

	(void)state;
	assert_true(irqchip_mmio(c, 0xfec00000, &val, 8, true));
	val = ~0ull;
	assert_true(irqchip_mmio(c, 0xfec00010, &val, 8, false));
	assert_int_equal(val, 0x00170011);
	byte = 0;
	assert_true(irqchip_mmio(c, 0xfec00000, &byte, 1, true));
	io_write(0, 0x05000000);
	assert_true(irqchip_mmio(c, 0xfec00013, &byte, 1, false));
	assert_int_equal(byte, 5);
	/* Narrow or misaligned writes of the window do nothing. */
	assert_true(irqchip_mmio(c, 0xfec00010, &byte, 1, true));
	assert_true(irqchip_mmio(c, 0xfec00012, &val, 4, true));
	assert_true(irqchip_mmio(c, 0xfec00ffc, &val, 4, true));
	assert_int_equal(io_read(0), 0x05000000);
	val = ~0ull;
	assert_true(irqchip_mmio(c, 0xfec00ff8, &val, 8, false));
	assert_int_equal(val, 0);
	assert_false(irqchip_mmio(c, 0xfec01000, &val, 4, false));
	assert_false(irqchip_mmio(c, 0xfebffffc, &val, 4, false));
}

static void test_edge(void **state)
{
	(void)state;
	io_redir(PIN, DEST(1) | 0x61);
	assert_int_equal(line(true), 1);
	assert_int_equal(line(true), 0);	/* no edge */
	assert_int_equal(take_interrupt(1), 0x61);
	send_eoi(1);
	assert_int_equal(line(true), 0);
	assert_int_equal(take_interrupt(1), -1);
	assert_int_equal(io_redir_get(PIN) & REMOTE, 0);
	line(false);
	assert_int_equal(line(true), 1);
	line(false);
	assert_int_equal(line(true), 0);	/* the LAPIC still has it */
	assert_int_equal(take_interrupt(1), 0x61);
}

static void test_masked_edge_is_lost(void **state)
{
	(void)state;
	io_redir(PIN, DEST(1) | MASKED | 0x61);
	assert_int_equal(line(true), -1);
	assert_int_equal(line(true), -1);
	io_redir(PIN, DEST(1) | 0x61);
	assert_int_equal(take_interrupt(1), -1);
}

static void test_level(void **state)
{
	(void)state;
	io_redir(PIN, DEST(2) | LEVEL | 0x62);
	assert_int_equal(line(true), 1);
	assert_true(io_redir_get(PIN) & REMOTE);
	assert_true(in_bank(2, APIC_TMR, 0x62));
	assert_int_equal(line(true), 0);
	assert_int_equal(take_interrupt(2), 0x62);
	/* Still asserted at EOI: comes again. */
	send_eoi(2);
	assert_true(io_redir_get(PIN) & REMOTE);
	assert_int_equal(take_interrupt(2), 0x62);
	line(false);
	send_eoi(2);
	assert_false(io_redir_get(PIN) & REMOTE);
	assert_int_equal(take_interrupt(2), -1);
	/* Down and up while remote IRR is set: one more after the EOI. */
	line(true);
	assert_int_equal(take_interrupt(2), 0x62);
	line(false);
	assert_int_equal(line(true), 0);
	send_eoi(2);
	assert_int_equal(take_interrupt(2), 0x62);
	line(false);
	send_eoi(2);
	assert_int_equal(take_interrupt(2), -1);
}

static void test_masked_level_is_seen_later(void **state)
{
	(void)state;
	io_redir(PIN, DEST(2) | LEVEL | MASKED | 0x62);
	assert_int_equal(line(true), -1);
	io_redir(PIN, DEST(2) | LEVEL | 0x62);
	assert_int_equal(take_interrupt(2), 0x62);
	/* Masked in service: nothing after the EOI, until it is unmasked. */
	io_redir(PIN, DEST(2) | LEVEL | MASKED | 0x62);
	send_eoi(2);
	assert_int_equal(take_interrupt(2), -1);
	assert_false(io_redir_get(PIN) & REMOTE);
	io_redir(PIN, DEST(2) | LEVEL | 0x62);
	assert_int_equal(take_interrupt(2), 0x62);
}

/* Only the EOI of its own vector ends a level. */
static void test_eoi_by_vector(void **state)
{
	(void)state;
	io_redir(PIN, DEST(1) | LEVEL | 0x62);
	io_redir(20, DEST(1) | LEVEL | 0x72);
	line(true);
	irq_set_gsi(&m.vm, 20, 0, true);
	assert_int_equal(take_interrupt(1), 0x72);
	irq_set_gsi(&m.vm, 20, 0, false);
	send_eoi(1);
	assert_true(io_redir_get(PIN) & REMOTE);
	assert_false(io_redir_get(20) & REMOTE);
	/* Two pins may share a vector. */
	io_redir(20, DEST(1) | LEVEL | 0x62);
	assert_int_equal(irq_set_gsi(&m.vm, 20, 0, true), 0);
	assert_true(io_redir_get(20) & REMOTE);
	assert_int_equal(take_interrupt(1), 0x62);
	line(false);
	irq_set_gsi(&m.vm, 20, 0, false);
	send_eoi(1);
	assert_false(io_redir_get(PIN) & REMOTE);
	assert_false(io_redir_get(20) & REMOTE);
}

/* How software without an EOI register clears a stuck remote IRR. */
static void test_edge_mode_clears_remote_irr(void **state)
{
	(void)state;
	io_redir(PIN, DEST(1) | LEVEL | 0x62);
	line(true);
	line(false);
	io_redir(PIN, DEST(1) | MASKED | 0x62);
	io_redir(PIN, DEST(1) | LEVEL | 0x62);
	assert_false(io_redir_get(PIN) & REMOTE);
	assert_int_equal(line(true), 0);	/* the LAPIC still has the first */
	assert_true(io_redir_get(PIN) & REMOTE);
}

/* Nobody there to take a level: it is tried again, not lost. */
static void test_level_without_taker(void **state)
{
	(void)state;
	io_redir(PIN, DEST(9) | LEVEL | 0x62);
	assert_int_equal(line(true), -1);
	assert_false(io_redir_get(PIN) & REMOTE);
	io_redir(PIN, DEST(1) | LEVEL | 0x62);
	assert_int_equal(take_interrupt(1), 0x62);
	/* An illegal vector is not accepted either. */
	io_redir(20, DEST(1) | LEVEL | 0x05);
	assert_int_equal(irq_set_gsi(&m.vm, 20, 0, true), -1);
	assert_false(io_redir_get(20) & REMOTE);
}

static void test_destinations_and_modes(void **state)
{
	(void)state;
	wr(0, APIC_LDR, 1u << 24);
	wr(1, APIC_LDR, 2u << 24);
	wr(2, APIC_LDR, 4u << 24);
	io_redir(PIN, DEST(6) | LOGICAL | 0x63);
	assert_int_equal(line(true), 2);
	assert_int_equal(take_interrupt(1), 0x63);
	assert_int_equal(take_interrupt(2), 0x63);
	line(false);
	io_redir(PIN, DEST(7) | LOGICAL | DELIVER_LOWEST << 8 | 0x64);
	assert_int_equal(line(true), 1);
	line(false);
	/* NMI has no EOI: never remote IRR, even if set to level. */
	io_redir(PIN, DEST(1) | LEVEL | DELIVER_NMI << 8);
	assert_int_equal(line(true), 1);
	assert_int_equal(m.nmis[1], 1);
	assert_false(io_redir_get(PIN) & REMOTE);
	line(false);
	line(true);
	assert_int_equal(m.nmis[1], 2);
	line(false);
	io_redir(PIN, DEST(1) | DELIVER_EXTINT << 8);
	forget_kicks();
	line(true);
	assert_int_equal(m.kicked_for[1], REQ_EVENT);
}

static void test_polarity_is_kept_but_inverts_nothing(void **state)
{
	(void)state;
	io_redir(PIN, DEST(1) | BIT(13) | LEVEL | 0x65);
	assert_true(io_redir_get(PIN) & BIT(13));
	assert_int_equal(take_interrupt(1), -1);
	line(true);
	assert_int_equal(take_interrupt(1), 0x65);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_registers), T(test_mmio_sizes), T(test_edge),
		T(test_masked_edge_is_lost), T(test_level),
		T(test_masked_level_is_seen_later), T(test_eoi_by_vector),
		T(test_edge_mode_clears_remote_irr), T(test_level_without_taker),
		T(test_destinations_and_modes),
		T(test_polarity_is_kept_but_inverts_nothing),
	};

	return RUN(tests);
}
