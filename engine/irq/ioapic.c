/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC with 24 inputs, version 0x11 (Intel 82093AA data sheet, "I/O APIC
 * Registers").
 *
 * Lines are asserted or not; the polarity bit is kept for software to read but
 * inverts nothing, since no wire is modelled. An edge on a masked input is lost,
 * a masked level is seen when it is unmasked.
 */
#include "chip.h"
#include "lapic.h"

#define IOAPIC_SELECT	0x00	/* offsets in the page */
#define IOAPIC_WINDOW	0x10

#define IOAPIC_REG_ID	0x00	/* registers behind the window */
#define IOAPIC_REG_VER	0x01
#define IOAPIC_REG_ARB	0x02
#define IOAPIC_REG_REDIR 0x10
#define IOAPIC_VERSION	(0x11u | (IOAPIC_PINS - 1) << 16)

#define REDIR_DELIVERY(e) (((e) >> 8) & 7)
#define REDIR_LOGICAL	BIT(11)
#define REDIR_REMOTE_IRR BIT(14)
#define REDIR_LEVEL	BIT(15)
#define REDIR_MASKED	BIT(16)
#define REDIR_LOW_WRITABLE (BITS(11, 0) | BIT(13) | REDIR_LEVEL | REDIR_MASKED)
#define REDIR_HIGH_WRITABLE BITS(63, 56)

/* Only fixed and lowest priority can be level-triggered: others get no EOI. */
static bool is_level(u64 entry)
{
	return (entry & REDIR_LEVEL) && REDIR_DELIVERY(entry) <= DELIVER_LOWEST;
}

static int service(struct irqchip *c, unsigned pin, u64 *kick)
{
	u64 *entry = &c->ioapic.redir[pin];
	struct irq_msg msg = {
		.dest = (u32)(*entry >> 56),
		.vector = (u8)*entry,
		.delivery = REDIR_DELIVERY(*entry),
		.logical = *entry & REDIR_LOGICAL,
		.level = is_level(*entry),
	};
	int n;

	if (*entry & REDIR_MASKED)
		return -1;
	if (msg.level && (*entry & REDIR_REMOTE_IRR))
		return 0;
	n = irq_post(c->vm, NULL, &msg, kick);
	/* Accepted: nothing more from this level until the EOI. */
	if (msg.level && n >= 0)
		*entry |= REDIR_REMOTE_IRR;
	return n;
}

int ioapic_set_pin(struct irqchip *c, unsigned pin, bool level, u64 *kick)
{
	u32 bit = 1u << pin;
	bool was = c->ioapic.lines & bit;

	if (!level) {
		c->ioapic.lines &= ~bit;
		return 1;
	}
	c->ioapic.lines |= bit;
	if (was && !is_level(c->ioapic.redir[pin]))
		return c->ioapic.redir[pin] & REDIR_MASKED ? -1 : 0;
	return service(c, pin, kick);
}

/* A level that could not be sent before, or that was acknowledged, goes now. */
static void retry_level(struct irqchip *c, unsigned pin, u64 *kick)
{
	if ((c->ioapic.lines & 1u << pin) && is_level(c->ioapic.redir[pin]))
		service(c, pin, kick);
}

void ioapic_eoi(struct irqchip *c, u8 vector)
{
	unsigned long flags;
	u64 kick = 0;
	unsigned pin;

	flags = irqchip_lock(c);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *entry = &c->ioapic.redir[pin];

		if ((u8)*entry != vector || !(*entry & REDIR_REMOTE_IRR))
			continue;
		*entry &= ~REDIR_REMOTE_IRR;
		retry_level(c, pin, &kick);
	}
	irqchip_unlock(c, flags, kick);
}

/* -- Registers ------------------------------------------------------------------------- */

static u32 read_window(struct ioapic *io)
{
	unsigned pin = (unsigned)(io->select - IOAPIC_REG_REDIR) / 2;

	switch (io->select) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARB:
		return (u32)io->id << 24;
	case IOAPIC_REG_VER:
		return IOAPIC_VERSION;
	}
	if (io->select < IOAPIC_REG_REDIR || pin >= IOAPIC_PINS)
		return 0;
	return (u32)(io->redir[pin] >> (io->select & 1 ? 32 : 0));
}

static void write_window(struct irqchip *c, u32 val, u64 *kick)
{
	struct ioapic *io = &c->ioapic;
	unsigned pin = (unsigned)(io->select - IOAPIC_REG_REDIR) / 2;
	u64 *entry;

	if (io->select == IOAPIC_REG_ID)
		io->id = (val >> 24) & 0xf;
	if (io->select < IOAPIC_REG_REDIR || pin >= IOAPIC_PINS)
		return;
	entry = &io->redir[pin];
	if (io->select & 1)
		*entry = (*entry & ~REDIR_HIGH_WRITABLE) |
			 ((u64)val << 32 & REDIR_HIGH_WRITABLE);
	else
		*entry = (*entry & ~REDIR_LOW_WRITABLE) |
			 (val & REDIR_LOW_WRITABLE);
	/*
	 * Remote IRR has a meaning for levels only. Software without another way
	 * to clear it makes the input edge-triggered for a moment.
	 */
	if (!is_level(*entry))
		*entry &= ~REDIR_REMOTE_IRR;
	retry_level(c, pin, kick);
}

u32 ioapic_read(struct irqchip *c, u32 offset)
{
	switch (offset) {
	case IOAPIC_SELECT:
		return c->ioapic.select;
	case IOAPIC_WINDOW:
		return read_window(&c->ioapic);
	}
	return 0;
}

/* whole: all 32 bits were written; the select register has only 8. */
void ioapic_write(struct irqchip *c, u32 offset, u32 val, bool whole, u64 *kick)
{
	if (offset == IOAPIC_SELECT)
		c->ioapic.select = (u8)val;
	else if (offset == IOAPIC_WINDOW && whole)
		write_window(c, val, kick);
}

/* -- State --------------------------------------------------------------------------------- */

void ioapic_reset(struct irqchip *c)
{
	unsigned pin;

	c->ioapic.select = 0;
	c->ioapic.id = 0;
	c->ioapic.lines = 0;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		c->ioapic.redir[pin] = REDIR_MASKED;
		c->ioapic_sources[pin] = 0;
	}
}

void ioapic_get(struct irqchip *c, struct abi_ioapic *state)
{
	__builtin_memset(state, 0, sizeof(*state));
	state->base_address = IOAPIC_BASE;
	state->ioregsel = c->ioapic.select;
	state->id = c->ioapic.id;
	state->irr = c->ioapic.lines;
	__builtin_memcpy(state->redirtbl, c->ioapic.redir, sizeof(state->redirtbl));
}

void ioapic_set(struct irqchip *c, const struct abi_ioapic *state, u64 *kick)
{
	u64 valid = REDIR_LOW_WRITABLE | REDIR_HIGH_WRITABLE | REDIR_REMOTE_IRR;
	unsigned pin;

	c->ioapic.select = (u8)state->ioregsel;
	c->ioapic.id = state->id & 0xf;
	c->ioapic.lines = state->irr & (u32)BITS(IOAPIC_PINS - 1, 0);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		bool up = c->ioapic.lines & 1u << pin;
		u64 *entry = &c->ioapic.redir[pin];

		/* A line that nobody is known to hold is user space's. */
		if (!up)
			c->ioapic_sources[pin] = 0;
		else if (!c->ioapic_sources[pin])
			c->ioapic_sources[pin] = 1;
		*entry = state->redirtbl[pin] & valid;
		if (!is_level(*entry))
			*entry &= ~REDIR_REMOTE_IRR;
	}
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		retry_level(c, pin, kick);
}
