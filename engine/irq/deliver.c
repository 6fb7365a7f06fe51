/* SPDX-License-Identifier: MIT */
/*
 * Interrupt messages: from ICRs, I/O APIC and MSIs to the local APICs that they
 * name. SDM3 "Determining IPI Destination", "Message Signalled Interrupts".
 *
 * APIC IDs equal vCPU IDs (they are read-only), so physical destinations and
 * x2APIC clusters need no search; xAPIC logical IDs do.
 */
#include "lapic.h"

#define BROADCAST_8	0xffu
#define BROADCAST_32	0xffffffffu

/* SDM3 "Message Address Register Format", "Message Data Register Format" */
#define MSI_DEST(a)	((u32)((a) >> 12) & 0xff)
#define MSI_REDIRECT	BIT(3)
#define MSI_LOGICAL	BIT(2)
#define MSI_LEVEL	BIT(15)

static struct lapic *vcpu_lapic(struct vm *vm, u32 id)
{
	struct vcpu *v = id < VCPUS_MAX ? LOAD_ACQUIRE(&vm->vcpus[id]) : NULL;

	return v ? LOAD_ACQUIRE(&v->lapic) : NULL;
}

static u64 all_vcpus(struct vm *vm)
{
	u32 n = LOAD_ACQUIRE(&vm->vcpu_count);
	u64 mask = 0;
	u32 id;

	for (id = 0; id < n && id < VCPUS_MAX; id++)
		if (LOAD(&vm->vcpus[id]))
			mask |= BIT(id);
	return mask;
}

/* SDM3 "Logical Destination Mode", for a LAPIC in xAPIC mode. */
static bool logical_match(struct lapic *l, u32 dest)
{
	u32 id = lapic_get(l, APIC_LDR) >> 24;

	if (lapic_get(l, APIC_DFR) >> 28 == DFR_CLUSTER)
		return (dest >> 4 == id >> 4 || dest >> 4 == 0xf) &&
		       (dest & id & 0xf);
	return dest & id;
}

static u64 logical_set(struct vm *vm, u32 dest)
{
	u64 left, mask = 0;

	for (left = all_vcpus(vm); left; left &= left - 1) {
		u32 id = (u32)__builtin_ctzll(left);
		struct lapic *l = vcpu_lapic(vm, id);
		bool match;

		if (!l)
			continue;
		/* SDM3 "Logical Destination Mode in x2APIC Mode" */
		if (lapic_x2(l))
			match = dest >> 16 == id >> 4 &&
				(dest & 1u << (id & 0xf));
		else
			match = dest <= 0xff && logical_match(l, dest);
		if (match)
			mask |= BIT(id);
	}
	return mask;
}

static u64 dest_set(struct vm *vm, struct vcpu *source, const struct irq_msg *m)
{
	u32 broadcast = m->x2apic ? BROADCAST_32 : BROADCAST_8;

	switch (source ? m->shorthand : SHORT_NONE) {
	case SHORT_SELF:
		return BIT(source->id);
	case SHORT_ALL:
		return all_vcpus(vm);
	case SHORT_OTHERS:
		return all_vcpus(vm) & ~BIT(source->id);
	}
	if (m->dest == broadcast)
		return all_vcpus(vm);
	if (m->logical)
		return logical_set(vm, m->dest);
	return m->dest < VCPUS_MAX ? BIT(m->dest) : 0;
}

/*
 * The candidate that runs at the lowest priority; among equals the one that got
 * the fewest such messages, which makes them take turns.
 */
static u64 lowest_priority(struct vm *vm, u64 set)
{
	struct lapic *best = NULL;
	u32 best_class = 0;

	for (; set; set &= set - 1) {
		struct lapic *l = vcpu_lapic(vm, (u32)__builtin_ctzll(set));
		u32 class;

		if (!l || !lapic_sw_on(l))
			continue;
		class = LOAD(&l->ppr) >> 4;
		if (!best || class < best_class ||
		    (class == best_class &&
		     (s32)(LOAD(&l->taken) - LOAD(&best->taken)) < 0)) {
			best = l;
			best_class = class;
		}
	}
	if (!best)
		return 0;
	__atomic_fetch_add(&best->taken, 1, __ATOMIC_RELAXED);
	return BIT(best->v->id);
}

/* A SIPI is only for a vCPU that waits for it, or that soon will. */
static void take_sipi(struct lapic *l, u8 vector)
{
	u32 state = LOAD(&l->v->mp_state);

	if (state != MP_UNINITIALIZED && state != MP_INIT_RECEIVED &&
	    !(LOAD(&l->v->requests) & REQ_INIT))
		return;
	STORE(&l->sipi_vector, vector);
	vcpu_kick(l->v, REQ_SIPI);
}

/* 1 taken, 0 it was pending already, -1 not accepted. */
static int take(struct lapic *l, const struct irq_msg *m, u64 *kick)
{
	if (!lapic_on(l))
		return -1;
	switch (m->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		if (!(lapic_get(l, APIC_SVR) & SVR_ENABLE))
			return -1;
		if (UNLIKELY(m->vector < 16)) {
			lapic_error(l, ESR_RECV_ILLEGAL_VECTOR);
			return -1;
		}
		if (!lapic_accept(l, m->vector, m->level))
			return 0;
		*kick |= BIT(l->v->id);
		return 1;
	case DELIVER_NMI:
		vcpu_raise_nmi(l->v);
		return 1;
	case DELIVER_INIT:
		/* A SIPI that came before is for the state that now ends. */
		__atomic_fetch_and(&l->v->requests, ~REQ_SIPI, __ATOMIC_SEQ_CST);
		vcpu_kick(l->v, REQ_INIT);
		return 1;
	case DELIVER_SIPI:
		take_sipi(l, m->vector);
		return 1;
	case DELIVER_EXTINT:
		*kick |= BIT(l->v->id);
		return 1;
	}
	return -1;	/* SMI: there is no SMM; 3 is reserved */
}

int irq_post(struct vm *vm, struct vcpu *source, const struct irq_msg *msg,
	     u64 *kick)
{
	u64 set = dest_set(vm, source, msg);
	int result = -1;

	if (msg->delivery == DELIVER_LOWEST && (set & (set - 1)))
		set = lowest_priority(vm, set);
	for (; set; set &= set - 1) {
		struct lapic *l = vcpu_lapic(vm, (u32)__builtin_ctzll(set));
		int n = l ? take(l, msg, kick) : -1;

		if (n >= 0)
			result = (result < 0 ? 0 : result) + n;
	}
	return result;
}

void irq_kick(struct vm *vm, u64 kick)
{
	for (; kick; kick &= kick - 1)
		vcpu_kick(vm->vcpus[__builtin_ctzll(kick)], REQ_EVENT);
}

int irq_deliver(struct vm *vm, struct vcpu *source, const struct irq_msg *msg)
{
	u64 kick = 0;
	int result = irq_post(vm, source, msg, &kick);

	/* The source itself is not in the guest and need only see it. */
	if (source && (kick & BIT(source->id))) {
		vcpu_request(source, REQ_EVENT);
		kick &= ~BIT(source->id);
	}
	irq_kick(vm, kick);
	return result;
}

void irq_msi_decode(u64 address, u32 data, struct irq_msg *msg)
{
	*msg = (struct irq_msg){
		.dest = MSI_DEST(address),
		.vector = (u8)data,
		.delivery = (data >> 8) & 7,
		.logical = address & MSI_LOGICAL,
		.level = data & MSI_LEVEL,
	};

	/* Redirection hint: any one of the set, the least busy. */
	if ((address & MSI_REDIRECT) && msg->delivery == DELIVER_FIXED)
		msg->delivery = DELIVER_LOWEST;
}

int irq_msi(struct vm *vm, u64 address, u32 data)
{
	struct irq_msg msg;

	irq_msi_decode(address, data, &msg);
	return irq_deliver(vm, NULL, &msg);
}
