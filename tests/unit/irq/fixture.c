/* SPDX-License-Identifier: MIT */
#include "fixture.h"

struct machine m;

/* -- What the engine's core would provide --------------------------------------------- */

void vcpu_kick(struct vcpu *v, u64 req)
{
	vcpu_request(v, req);
	__atomic_fetch_add(&m.kicks[v->id], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&m.kicked_for[v->id], req, __ATOMIC_SEQ_CST);
}

void vcpu_raise_nmi(struct vcpu *v)
{
	__atomic_fetch_add(&m.nmis[v->id], 1, __ATOMIC_SEQ_CST);
	vcpu_kick(v, REQ_NMI | REQ_EVENT);
}

/* -- Life --------------------------------------------------------------------------------- */

void machine_up(unsigned n, bool chips, bool pit)
{
	unsigned id;

	sim_reset();
	memset(&m, 0, sizeof(m));
	sim.now_ns = 5000000000ull;
	sim.tsc = 7000000000ull;
	if (chips)
		assert_int_equal(irqchip_create(&m.vm, &m.vm.irqchip), 0);
	if (pit)
		assert_int_equal(pit_create(&m.vm), 0);
	for (id = 0; id < n; id++) {
		struct vcpu *v = &m.vcpu[id];

		v->vm = &m.vm;
		v->id = id;
		v->lapic = lapic_create(v);
		assert_non_null(v->lapic);
		m.vm.vcpus[id] = v;
		m.vm.vcpu_count = id + 1;
		wr(id, APIC_SVR, SVR_ON);
	}
	forget_kicks();
}

void machine_down(void)
{
	unsigned id;

	for (id = 0; id < VCPUS_MAX; id++)
		lapic_destroy(m.vcpu[id].lapic);
	irqchip_destroy(m.vm.irqchip);
	memset(&m, 0, sizeof(m));
	assert_true(sim_clean());
}

void forget_kicks(void)
{
	unsigned id;

	memset(m.kicks, 0, sizeof(m.kicks));
	memset(m.kicked_for, 0, sizeof(m.kicked_for));
	memset(m.nmis, 0, sizeof(m.nmis));
	for (id = 0; id < VCPUS_MAX; id++)
		m.vcpu[id].requests = 0;
}

/* -- Access --------------------------------------------------------------------------------- */

int take_interrupt(unsigned id)
{
	struct lapic *l = lapic(id);
	int vector;

	if (m.vcpu[id].requests & REQ_TIMER) {
		m.vcpu[id].requests &= ~REQ_TIMER;
		lapic_timer_expired(l);
	}
	if (m.vm.irqchip && pic_pending(m.vm.irqchip) && lapic_accepts_extint(l))
		return pic_ack(m.vm.irqchip);
	vector = lapic_pending_vector(l);
	if (vector >= 0)
		lapic_ack(l, (u8)vector);
	return vector;
}

bool in_bank(unsigned id, u32 bank, u8 vector)
{
	return rd(id, bank + vector / 32 * 16) >> (vector % 32) & 1;
}

bool bank_empty(unsigned id, u32 bank)
{
	unsigned w;

	for (w = 0; w < 8; w++)
		if (lapic_get(lapic(id), bank + w * 16))
			return false;
	return true;
}

void to_x2apic(unsigned id)
{
	assert_int_equal(lapic_set_base(lapic(id), m.vcpu[id].apic_base |
					APIC_BASE_X2, false), 0);
}

u8 inb(u16 port)
{
	u32 val = 0;

	assert_true(irqchip_pio(m.vm.irqchip, port, 1, true, &val));
	return (u8)val;
}

void outb(u16 port, u8 val)
{
	u32 v = val;

	assert_true(irqchip_pio(m.vm.irqchip, port, 1, false, &v));
}

static u32 io_mmio(u64 offset, u32 val, bool write)
{
	assert_true(irqchip_mmio(m.vm.irqchip, 0xfec00000 + offset, &val, 4, write));
	return val;
}

u32 io_read(u8 reg)
{
	io_mmio(0, reg, true);
	return io_mmio(0x10, 0, false);
}

void io_write(u8 reg, u32 val)
{
	io_mmio(0, reg, true);
	io_mmio(0x10, val, true);
}

void io_redir(unsigned pin, u64 entry)
{
	io_write((u8)(0x11 + pin * 2), (u32)(entry >> 32));
	io_write((u8)(0x10 + pin * 2), (u32)entry);
}

u64 io_redir_get(unsigned pin)
{
	return (u64)io_read((u8)(0x11 + pin * 2)) << 32 | io_read((u8)(0x10 + pin * 2));
}

u64 rng_state = 0x9e3779b97f4a7c15ull;

u64 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}
