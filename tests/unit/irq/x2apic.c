/* SPDX-License-Identifier: MIT */
/* x2APIC mode: which MSRs exist, what raises #GP. SDM3 "Extended XAPIC (x2APIC)". */
#include "fixture.h"

static int up(void **state)
{
	unsigned id;

	(void)state;
	machine_up(20, true, false);
	for (id = 0; id < 20; id++)
		to_x2apic(id);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

static u64 get(unsigned id, u32 n)
{
	u64 val = 0;

	assert_int_equal(lapic_msr_read(lapic(id), 0x800 + n, &val), 0);
	return val;
}

static int set(unsigned id, u32 n, u64 val)
{
	return lapic_msr_write(lapic(id), 0x800 + n, val);
}

static bool one_of(u32 n, const u8 *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i] == n)
			return true;
	return false;
}

/* SDM3 "x2APIC Register Address Space": every one of the 256 numbers. */
static void test_which_exist(void **state)
{
	static const u8 readable[] = {
		0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32, 0x33, 0x34,
		0x35, 0x36, 0x37, 0x38, 0x39, 0x3e,
	};
	static const u8 writable[] = {
		0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,
		0x38, 0x3e, 0x3f,
	};
	u64 val;
	u32 n;

	(void)state;
	for (n = 0; n < 0x100; n++) {
		bool r = one_of(n, readable, sizeof(readable)) ||
			 (n >= 0x10 && n < 0x28);
		bool w = one_of(n, writable, sizeof(writable));

		assert_int_equal(lapic_msr_read(lapic(1), 0x800 + n, &val),
				 r ? 0 : ERR_INVAL);
		/* 0 is valid wherever a write is; SELF IPI 0 only makes an error. */
		assert_int_equal(set(1, n, 0), w ? 0 : ERR_INVAL);
	}
	assert_int_equal(lapic_msr_read(lapic(1), 0x7ff, &val), ERR_INVAL);
	assert_int_equal(lapic_msr_write(lapic(1), 0x900, 0), ERR_INVAL);
}

static void test_nothing_in_xapic_mode(void **state)
{
	u64 val;
	u32 n;

	(void)state;
	assert_int_equal(lapic_set_base(lapic(1), 0xfee00800, true), 0);
	for (n = 0; n < 0x100; n++) {
		assert_int_equal(lapic_msr_read(lapic(1), 0x800 + n, &val), ERR_INVAL);
		assert_int_equal(set(1, n, 0), ERR_INVAL);
	}
}

/* Each reserved bit alone raises #GP, each valid bit alone does not. */
static void test_reserved_bits(void **state)
{
	static const struct { u32 n; u64 valid; } t[] = {
		{ 0x08, 0xff }, { 0x0b, 0 }, { 0x0f, 0x3ff }, { 0x28, 0 },
		{ 0x30, 0xffffffff000cdfff },
		{ 0x32, 0x710ff }, { 0x33, 0x117ff }, { 0x34, 0x117ff },
		{ 0x35, 0x1f7ff }, { 0x36, 0x1f7ff }, { 0x37, 0x110ff },
		{ 0x38, 0xffffffff }, { 0x3e, 0xb }, { 0x3f, 0xff },
	};
	unsigned i, bit;

	(void)state;
	for (i = 0; i < COUNT_OF(t); i++)
		for (bit = 0; bit < 64; bit++) {
			bool ok = t[i].valid >> bit & 1;

			assert_int_equal(set(1, t[i].n, BIT(bit)),
					 ok ? 0 : ERR_INVAL);
		}
	assert_int_equal(set(1, 0x32, 0x60000), ERR_INVAL);
	assert_int_equal(set(1, 0x32, 0x40000), 0);
}

static void test_failed_write_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(set(1, 0x08, 0x30), 0);
	assert_int_equal(set(1, 0x08, 0x100), ERR_INVAL);
	assert_int_equal(get(1, 0x08), 0x30);
	assert_int_equal(set(1, 0x30, DELIVER_NMI << 8 | 1 << 13), ERR_INVAL);
	assert_int_equal(m.nmis[0], 0);
}

/* SDM3 "Logical Destination Mode in x2APIC Mode" */
static void test_id_and_ldr(void **state)
{
	unsigned id;

	(void)state;
	for (id = 0; id < 20; id++) {
		assert_int_equal(get(id, 0x02), id);
		assert_int_equal(get(id, 0x0d), (id / 16) << 16 | 1 << id % 16);
	}
}

static void test_icr_is_64_bits(void **state)
{
	(void)state;
	assert_int_equal(set(1, 0x30, 19ull << 32 | 0x47), 0);
	assert_int_equal(get(1, 0x30), 19ull << 32 | 0x47);
	assert_int_equal(take_interrupt(19), 0x47);
	/* Delivery status is gone; setting it is not an error. */
	assert_int_equal(set(1, 0x30, 3ull << 32 | 0x1048), 0);
	assert_int_equal(get(1, 0x30), 3ull << 32 | 0x48);
}

static void test_self_ipi(void **state)
{
	(void)state;
	forget_kicks();
	assert_int_equal(set(7, 0x3f, 0x99), 0);
	/* The sender is not in the guest: no kick, only a look. */
	assert_int_equal(m.kicks[7], 0);
	assert_true(m.vcpu[7].requests & REQ_EVENT);
	assert_int_equal(get(7, 0x20 + 0x99 / 32), BIT(0x99 % 32));
	assert_int_equal(take_interrupt(7), 0x99);
	assert_int_equal(get(7, 0x10 + 0x99 / 32), BIT(0x99 % 32));
	assert_int_equal(set(7, 0x0b, 0), 0);
	assert_int_equal(get(7, 0x10 + 0x99 / 32), 0);
	set(7, 0x3f, 3);
	set(7, 0x28, 0);
	assert_int_equal(get(7, 0x28), ESR_SEND_ILLEGAL_VECTOR);
}

static void test_broadcast_and_logical(void **state)
{
	unsigned id;

	(void)state;
	set(1, 0x30, 0xffffffffull << 32 | 0x50);
	for (id = 0; id < 20; id++)
		assert_int_equal(take_interrupt(id), 0x50);
	for (id = 0; id < 20; id++)
		send_eoi(id);
	/* Cluster 1: vCPUs 16..19; bits 1 and 3 of it. */
	set(1, 0x30, 0x1000aull << 32 | ICR_LOGICAL | 0x51);
	for (id = 0; id < 20; id++)
		assert_int_equal(in_bank(id, APIC_IRR, 0x51), id == 17 || id == 19);
	/* A cluster that is not there. */
	set(1, 0x30, 0x5ffffull << 32 | ICR_LOGICAL | 0x52);
	for (id = 0; id < 20; id++)
		assert_false(in_bank(id, APIC_IRR, 0x52));
	/* 0xff is an ordinary ID here. */
	set(1, 0x30, 0xffull << 32 | 0x53);
	for (id = 0; id < 20; id++)
		assert_false(in_bank(id, APIC_IRR, 0x53));
}

/* The 8-bit broadcast of devices reaches x2APICs too. */
static void test_msi_broadcast(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(irq_msi(&m.vm, 0xfee00000 | 0xff << 12, 0x54), 20);
	for (id = 0; id < 20; id++)
		assert_true(in_bank(id, APIC_IRR, 0x54));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_which_exist), T(test_nothing_in_xapic_mode),
		T(test_reserved_bits), T(test_failed_write_changes_nothing),
		T(test_id_and_ldr), T(test_icr_is_64_bits), T(test_self_ipi),
		T(test_broadcast_and_logical), T(test_msi_broadcast),
	};

	return RUN(tests);
}
