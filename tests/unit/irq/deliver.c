/* SPDX-License-Identifier: MIT */
/* Who gets a message: destinations, shorthands, lowest priority, INIT, SIPI, MSI. */
#include "fixture.h"

#define N	12

static int up(void **state)
{
	(void)state;
	machine_up(N, true, false);
	return 0;
}

static int down(void **state)
{
	(void)state;
	machine_down();
	return 0;
}

/* Bit mask of the vCPUs that have vector; takes it from them. */
static u64 who_got(u8 vector)
{
	u64 mask = 0;
	unsigned id;

	for (id = 0; id < m.vm.vcpu_count; id++) {
		if (!in_bank(id, APIC_IRR, vector))
			continue;
		mask |= BIT(id);
		assert_int_equal(take_interrupt(id), vector);
		send_eoi(id);
	}
	return mask;
}

static u64 send(u32 dest, u32 icr)
{
	wr(0, APIC_ICR2, dest << 24);
	wr(0, APIC_ICR, icr | 0x40);
	return who_got(0x40);
}

static void test_physical(void **state)
{
	unsigned id;

	(void)state;
	for (id = 0; id < N; id++)
		assert_int_equal(send(id, 0), BIT(id));
	assert_int_equal(send(N, 0), 0);
	assert_int_equal(send(200, 0), 0);
	assert_int_equal(send(0xff, 0), BIT(N) - 1);
}

static void test_shorthands(void **state)
{
	(void)state;
	assert_int_equal(send(3, SHORT_SELF << 18), 1);
	assert_int_equal(send(3, SHORT_ALL << 18), BIT(N) - 1);
	assert_int_equal(send(3, SHORT_OTHERS << 18), (BIT(N) - 1) & ~1ull);
}

/* SDM3 "Logical Destination Mode", flat model */
static void test_flat(void **state)
{
	unsigned id;

	(void)state;
	for (id = 0; id < 8; id++)
		wr(id, APIC_LDR, 1u << (24 + id));
	assert_int_equal(send(0x01, ICR_LOGICAL), 0x01);
	assert_int_equal(send(0xa5, ICR_LOGICAL), 0xa5);
	assert_int_equal(send(0x00, ICR_LOGICAL), 0);
	assert_int_equal(send(0xff, ICR_LOGICAL), BIT(N) - 1);
	/* One LAPIC may have several bits. */
	wr(9, APIC_LDR, 0x03u << 24);
	assert_int_equal(send(0x02, ICR_LOGICAL), BIT(1) | BIT(9));
}

/* Cluster model: high nibble names the cluster, low nibble members. */
static void test_cluster(void **state)
{
	unsigned id;

	(void)state;
	for (id = 0; id < N; id++) {
		wr(id, APIC_DFR, 0x0fffffff);
		wr(id, APIC_LDR, (id / 4) << 28 | 1u << (24 + id % 4));
	}
	assert_int_equal(send(0x01, ICR_LOGICAL), BIT(0));
	assert_int_equal(send(0x16, ICR_LOGICAL), BIT(5) | BIT(6));
	assert_int_equal(send(0x2f, ICR_LOGICAL), BITS(11, 8));
	assert_int_equal(send(0x3f, ICR_LOGICAL), 0);
	assert_int_equal(send(0x20, ICR_LOGICAL), 0);
	/* Cluster 15: all clusters. */
	assert_int_equal(send(0xf2, ICR_LOGICAL), BIT(1) | BIT(5) | BIT(9));
	assert_int_equal(send(0xff, ICR_LOGICAL), BIT(N) - 1);
}

static void test_lowest_priority(void **state)
{
	unsigned id, i, got[8] = { 0 };

	(void)state;
	for (id = 0; id < 8; id++)
		wr(id, APIC_LDR, 1u << (24 + id));
	for (id = 0; id < 8; id++)
		wr(id, APIC_TPR, id == 5 ? 0x10 : 0x20);
	for (i = 0; i < 3; i++)
		assert_int_equal(send(0x7f, ICR_LOGICAL | DELIVER_LOWEST << 8), BIT(5));
	/* To all: the others' TPR is 0. */
	for (i = 8; i < N; i++)
		assert_int_equal(send(0xff, ICR_LOGICAL | DELIVER_LOWEST << 8), BIT(i));
	/* Only among those named. */
	assert_int_equal(send(0x30, ICR_LOGICAL | DELIVER_LOWEST << 8), BIT(5));
	/* Equals take turns. */
	for (id = 0; id < 8; id++)
		wr(id, APIC_TPR, 0);
	for (i = 0; i < 70; i++)
		got[__builtin_ctzll(send(0x7f, ICR_LOGICAL | DELIVER_LOWEST << 8))]++;
	for (id = 0; id < 7; id++)
		assert_in_range(got[id], id == 5 ? 6 : 9, 11);
	assert_int_equal(got[7], 0);
	/* Those that are software-disabled are no candidates. */
	for (id = 0; id < 7; id++)
		wr(id, APIC_SVR, id == 2 ? SVR_ON : 0xff);
	assert_int_equal(send(0x7f, ICR_LOGICAL | DELIVER_LOWEST << 8), BIT(2));
}

static void test_nmi(void **state)
{
	(void)state;
	wr(0, APIC_ICR2, 3u << 24);
	wr(0, APIC_ICR, DELIVER_NMI << 8 | 0xff);
	assert_int_equal(m.nmis[3], 1);
	wr(0, APIC_ICR, DELIVER_NMI << 8 | SHORT_OTHERS << 18);
	assert_int_equal(m.nmis[0], 0);
	assert_int_equal(m.nmis[3], 2);
	assert_int_equal(m.nmis[N - 1], 1);
}

static void test_init_and_sipi(void **state)
{
	(void)state;
	wr(0, APIC_ICR2, 4u << 24);
	/* A running CPU ignores SIPI. */
	wr(0, APIC_ICR, DELIVER_SIPI << 8 | 0x9a);
	assert_int_equal(m.kicked_for[4], 0);
	wr(0, APIC_ICR, DELIVER_INIT << 8 | ICR_LEVEL);		/* de-assert */
	assert_int_equal(m.kicked_for[4], 0);
	wr(0, APIC_ICR, DELIVER_INIT << 8 | ICR_ASSERT);
	assert_int_equal(m.kicked_for[4], REQ_INIT);
	/* INIT is on its way: this SIPI will be for the state after it. */
	wr(0, APIC_ICR, DELIVER_SIPI << 8 | 0x9a);
	assert_int_equal(m.kicked_for[4], REQ_INIT | REQ_SIPI);
	assert_int_equal(lapic_sipi_vector(lapic(4)), 0x9a);
	m.vcpu[4].mp_state = MP_INIT_RECEIVED;
	m.vcpu[4].requests = 0;
	wr(0, APIC_ICR, DELIVER_SIPI << 8 | 0x08);
	assert_int_equal(m.vcpu[4].requests, REQ_SIPI);
	assert_int_equal(lapic_sipi_vector(lapic(4)), 0x08);
	/* Another INIT makes it void. */
	wr(0, APIC_ICR, DELIVER_INIT << 8 | ICR_ASSERT);
	assert_int_equal(m.vcpu[4].requests, REQ_INIT);
	/* SMI, reserved mode 3: nobody takes them. */
	forget_kicks();
	wr(0, APIC_ICR, DELIVER_SMI << 8);
	wr(0, APIC_ICR, 3 << 8 | 0x40);
	assert_int_equal(m.kicked_for[4], 0);
}

static void test_kicks_others_not_self(void **state)
{
	(void)state;
	wr(0, APIC_ICR, SHORT_ALL << 18 | 0x40);
	assert_int_equal(m.kicks[0], 0);
	assert_true(m.vcpu[0].requests & REQ_EVENT);
	assert_int_equal(m.kicks[1], 1);
	assert_int_equal(m.kicked_for[1], REQ_EVENT);
	/* Pending already: no second kick. */
	wr(0, APIC_ICR, SHORT_OTHERS << 18 | 0x40);
	assert_int_equal(m.kicks[1], 1);
}

static void test_msi(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(irq_msi(&m.vm, 0xfee03000, 0x41), 1);
	assert_int_equal(irq_msi(&m.vm, 0xfee03000, 0x41), 0);
	assert_int_equal(who_got(0x41), BIT(3));
	assert_int_equal(irq_msi(&m.vm, 0xfee0c000, 0x41), -1);
	assert_int_equal(irq_msi(&m.vm, 0xfee03000, DELIVER_NMI << 8), 1);
	assert_int_equal(m.nmis[3], 1);
	for (id = 0; id < 8; id++)
		wr(id, APIC_LDR, 1u << (24 + id));
	assert_int_equal(irq_msi(&m.vm, 0xfee06004, 0x42), 2);
	assert_int_equal(who_got(0x42), BIT(1) | BIT(2));
	/* Redirection hint: one of them. */
	assert_int_equal(irq_msi(&m.vm, 0xfee0600c, 0x43), 1);
	assert_int_equal(__builtin_popcountll(who_got(0x43)), 1);
	irq_msi(&m.vm, 0xfee05000, 0x8044);
	assert_true(in_bank(5, APIC_TMR, 0x44));
}

/* vCPUs may be missing, or not have their LAPIC yet. */
static void test_holes(void **state)
{
	struct lapic *l = lapic(5);

	(void)state;
	m.vm.vcpus[4] = NULL;
	m.vcpu[5].lapic = NULL;
	assert_int_equal(irq_msi(&m.vm, 0xfee04000, 0x41), -1);
	assert_int_equal(irq_msi(&m.vm, 0xfee05000, 0x41), -1);
	assert_int_equal(irq_msi(&m.vm, 0xfee00000 | 0xff << 12, 0x41), N - 2);
	assert_true(irq_msi(&m.vm, 0xfee00004 | 0xff << 12, 0x142) > 0);
	m.vm.vcpus[4] = &m.vcpu[4];
	m.vcpu[5].lapic = l;
}

/* Mixed modes: each target understands logical IDs in its own way. */
static void test_mixed_modes(void **state)
{
	struct irq_msg msg = { .vector = 0x45, .x2apic = true };

	(void)state;
	to_x2apic(1);
	wr(2, APIC_LDR, 0x02u << 24);
	assert_int_equal(send(0x02, ICR_LOGICAL), BIT(1) | BIT(2));
	assert_int_equal(send(1, 0), BIT(1));
	msg.dest = 0xffffffff;
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), N);
	assert_int_equal(who_got(0x45), BIT(N) - 1);
	msg.dest = 0xff;
	assert_int_equal(irq_deliver(&m.vm, NULL, &msg), -1);
}

static void test_64_vcpus(void **state)
{
	(void)state;
	machine_down();
	machine_up(64, true, false);
	assert_int_equal(send(63, 0), BIT(63));
	assert_int_equal(send(0xff, 0), ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_physical), T(test_shorthands), T(test_flat), T(test_cluster),
		T(test_lowest_priority), T(test_nmi), T(test_init_and_sipi),
		T(test_kicks_others_not_self), T(test_msi), T(test_holes),
		T(test_mixed_modes), T(test_64_vcpus),
	};

	return RUN(tests);
}
