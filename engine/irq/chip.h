/* SPDX-License-Identifier: MIT */
/*
 * Inside of a VM's interrupt chips: shared by chip.c, route.c, pic.c, ioapic.c and
 * pit.c.
 *
 * One lock guards all of struct irqchip but what is marked otherwise; functions
 * below are called with it held unless they say "unlocked". It is the innermost
 * lock of the engine but for LAPIC delivery, which takes none. vCPUs are not
 * kicked under it: functions collect them in *kick (see irq_post()), and
 * irqchip_unlock() kicks.
 */
#ifndef VELLUM_ENGINE_IRQ_CHIP_H
#define VELLUM_ENGINE_IRQ_CHIP_H

#include "../core/vm.h"
#include "../host.h"
#include "../types.h"
#include "abi.h"
#include "irq.h"

#define PIC_PINS	16
#define IOAPIC_PINS	ABI_IOAPIC_PINS
#define IOAPIC_BASE	0xfec00000ull

#define IRQ_SOURCES	32	/* a bit each in a pin's mask */

struct ioapic {
	u8 select;			/* IOREGSEL */
	u8 id;
	u32 lines;			/* by pin: asserted now */
	u64 redir[IOAPIC_PINS];
};

struct pit_channel {
	struct abi_pit_channel s;	/* s.count is as written, 0: none yet */
	u32 period;			/* s.count in ticks */
	u32 next;			/* as s.count: for the next period, 0: none */
	bool triggered;			/* modes 1, 5: gate has risen */
	u64 stopped_at;			/* ticks done, while a low gate holds it */
};

struct pit {
	struct irqchip *chip;
	struct host_timer *timer;
	struct pit_channel ch[3];
	u32 flags;			/* ABI_PIT_* */
	bool reinject;
	u64 edges;			/* of OUT 0 since its count was loaded */
	u32 backlog;			/* edges whose interrupt was coalesced */
	u64 due;			/* the timer's time, ~0: idle */
};

/* Routes sorted by GSI; those of g are route[first[g]] to route[first[g + 1]]. */
struct irq_table {
	unsigned gsis;
	struct irq_route *route;
	u16 first[];
};

struct irqchip {
	struct vm *vm;			/* constant */
	struct host_lock lock;
	bool split;			/* constant: routes only, no chips */
	struct abi_pic pic[2];
	u32 intr;			/* [a] the 8259s' output */
	struct ioapic ioapic;
	u32 pic_sources[PIC_PINS];	/* who asserts the pin: bit per source */
	u32 ioapic_sources[IOAPIC_PINS];
	struct irq_table *routes;	/* replaced as a whole */
	struct pit *pit;		/* set once */
};

static inline unsigned long irqchip_lock(struct irqchip *c)
{
	return host_lock_irq(&c->lock);
}

/* Unlocked afterwards; kicks. chip.c */
void irqchip_unlock(struct irqchip *c, unsigned long flags, u64 kick);

/* -- pic.c ----------------------------------------------------------------------- */

void pic_reset(struct irqchip *c);
/* The answers of pin functions are those of irq_set_gsi(). */
int pic_set_pin(struct irqchip *c, unsigned pin, bool level, u64 *kick);
u8 pic_read(struct irqchip *c, u16 port, u64 *kick);
void pic_write(struct irqchip *c, u16 port, u8 val, u64 *kick);
void pic_get(struct irqchip *c, unsigned n, struct abi_pic *state);
void pic_set(struct irqchip *c, unsigned n, const struct abi_pic *state, u64 *kick);
static inline bool pic_port(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

/* -- ioapic.c ---------------------------------------------------------------------- */

void ioapic_reset(struct irqchip *c);
int ioapic_set_pin(struct irqchip *c, unsigned pin, bool level, u64 *kick);
u32 ioapic_read(struct irqchip *c, u32 offset);
void ioapic_write(struct irqchip *c, u32 offset, u32 val, bool whole, u64 *kick);
void ioapic_get(struct irqchip *c, struct abi_ioapic *state);
void ioapic_set(struct irqchip *c, const struct abi_ioapic *state, u64 *kick);

/* -- route.c ------------------------------------------------------------------------ */

int route_set_gsi(struct irqchip *c, u32 gsi, unsigned source, bool level,
		  u64 *kick);
/* Unlocked, sleeps: the table of a PC. NULL if there is no memory. */
struct irq_table *route_default(void);

/* -- pit.c --------------------------------------------------------------------------- */

void pit_destroy(struct pit *p);	/* unlocked */
u8 pit_read(struct pit *p, u16 port);
void pit_write(struct pit *p, u16 port, u8 val);
static inline bool pit_port(u16 port)
{
	return (port & ~3) == 0x40 || port == 0x61;
}

#endif
