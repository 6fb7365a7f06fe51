/* SPDX-License-Identifier: MIT */
/*
 * GSIs: a table tells which pins of the chips, or which message, each stands for.
 * The table is replaced as a whole; readers hold the chip lock.
 */
#include "chip.h"
#include "lapic.h"

#define CHIP_PIC_MASTER	0
#define CHIP_PIC_SLAVE	1
#define CHIP_IOAPIC	2

/* -- Raising a line --------------------------------------------------------------------- */

/* The pin's line as the OR of its sources, after one of them changed. */
static bool or_source(u32 *sources, unsigned source, bool level)
{
	if (level)
		*sources |= 1u << source;
	else
		*sources &= ~(1u << source);
	return *sources != 0;
}

static int route_msi(struct irqchip *c, const struct irq_route *r, u64 *kick)
{
	struct irq_msg msg;

	irq_msi_decode(r->msi_address, r->msi_data, &msg);
	return irq_post(c->vm, NULL, &msg, kick);
}

static int route_one(struct irqchip *c, const struct irq_route *r,
		     unsigned source, bool level, u64 *kick)
{
	unsigned pin = r->pin;

	if (r->is_msi)
		return level ? route_msi(c, r, kick) : -1;
	if (c->split)
		return -1;
	if (r->chip == CHIP_IOAPIC) {
		level = or_source(&c->ioapic_sources[pin], source, level);
		return ioapic_set_pin(c, pin, level, kick);
	}
	pin += r->chip == CHIP_PIC_SLAVE ? 8 : 0;
	level = or_source(&c->pic_sources[pin], source, level);
	return pic_set_pin(c, pin, level, kick);
}

int route_set_gsi(struct irqchip *c, u32 gsi, unsigned source, bool level,
		  u64 *kick)
{
	struct irq_table *t = c->routes;
	int result = -1;
	unsigned i;

	if (gsi >= t->gsis || source >= IRQ_SOURCES)
		return -1;
	for (i = t->first[gsi]; i < t->first[gsi + 1]; i++) {
		int n = route_one(c, &t->route[i], source, level, kick);

		if (n >= 0)
			result = (result < 0 ? 0 : result) + n;
	}
	return result;
}

int irq_set_gsi(struct vm *vm, u32 gsi, unsigned source, bool level)
{
	struct irqchip *c = vm->irqchip;
	unsigned long flags;
	u64 kick = 0;
	int result;

	if (!c)
		return -1;
	flags = irqchip_lock(c);
	result = route_set_gsi(c, gsi, source, level, &kick);
	irqchip_unlock(c, flags, kick);
	return result;
}

/* -- The table ------------------------------------------------------------------------------ */

static bool route_valid(const struct irq_route *r)
{
	if (r->gsi >= IRQ_GSIS)
		return false;
	if (r->is_msi)
		return true;
	return r->chip == CHIP_IOAPIC ? r->pin < IOAPIC_PINS :
	       r->chip <= CHIP_PIC_SLAVE && r->pin < 8;
}

/* Counting sort by GSI; the routes follow the index in the same allocation. */
static struct irq_table *table_build(const struct irq_route *routes, unsigned n)
{
	struct irq_table *t;
	unsigned i, g, gsis = 0;
	size_t index;

	for (i = 0; i < n; i++)
		if (routes[i].gsi >= gsis)
			gsis = routes[i].gsi + 1;
	index = sizeof(*t) + (gsis + 1) * sizeof(t->first[0]);
	index = (index + 7) & ~(size_t)7;
	t = host_alloc(index + n * sizeof(*routes));
	if (!t)
		return NULL;
	t->gsis = gsis;
	t->route = (struct irq_route *)((char *)t + index);
	/* first[g] = end of g, then counted down to its start. */
	for (i = 0; i < n; i++)
		t->first[routes[i].gsi]++;
	for (g = 1; g <= gsis; g++)
		t->first[g] += t->first[g - 1];
	for (i = n; i-- > 0;)
		t->route[--t->first[routes[i].gsi]] = routes[i];
	return t;
}

int irq_set_routes(struct vm *vm, const struct irq_route *routes, unsigned n)
{
	struct irqchip *c = vm->irqchip;
	struct irq_table *t, *old;
	unsigned long flags;
	unsigned i;

	if (!c)
		return ERR_NXIO;
	if (n > IRQ_GSIS)
		return ERR_2BIG;
	for (i = 0; i < n; i++)
		if (!route_valid(&routes[i]))
			return ERR_INVAL;
	t = table_build(routes, n);
	if (!t)
		return ERR_NOMEM;
	flags = irqchip_lock(c);
	old = c->routes;
	c->routes = t;
	irqchip_unlock(c, flags, 0);
	host_free(old);
	return 0;
}

/*
 * As a PC's firmware describes it: ISA interrupts go to the 8259s and to the same
 * input of the I/O APIC, but the timer, IRQ 0, to input 2, whose place the cascade
 * leaves free; 16 to 23 only exist at the I/O APIC.
 */
#define ROUTE(g, c, p)	{ .gsi = (g), .chip = (c), .pin = (p) }
#define ISA_TO(g, p)	ROUTE(g, (g) / 8, (g) & 7), ROUTE(g, CHIP_IOAPIC, p)
#define ISA(g)		ISA_TO(g, g)
#define PCI(g)		ROUTE(g, CHIP_IOAPIC, g)

static const struct irq_route pc_routes[] = {
	ISA_TO(0, 2), ISA(1), ISA(3), ISA(4), ISA(5), ISA(6), ISA(7), ISA(8),
	ISA(9), ISA(10), ISA(11), ISA(12), ISA(13), ISA(14), ISA(15),
	PCI(16), PCI(17), PCI(18), PCI(19), PCI(20), PCI(21), PCI(22), PCI(23),
};

struct irq_table *route_default(void)
{
	return table_build(pc_routes, COUNT_OF(pc_routes));
}
