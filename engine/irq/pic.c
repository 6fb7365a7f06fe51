/* SPDX-License-Identifier: MIT */
/*
 * The PC's two 8259A interrupt controllers (Intel 8259A data sheet) with the
 * edge/level control registers of PCI chip sets (ports 0x4d0, 0x4d1).
 *
 * struct abi_pic serves as the chip's state. IRR bit 2 of the master follows the
 * slave's output. An edge stays in IRR until it is acknowledged even if the line
 * falls (the chip would answer with a spurious IR7): a line that software pulses
 * is thus never lost. A level that falls leaves IRR at once.
 */
#include "chip.h"
#include "lapic.h"

#define CASCADE		2
#define SPURIOUS	7

#define ICW1		BIT(4)		/* D4 of a write to the even port */
#define ICW1_IC4	BIT(0)
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)
#define OCW3		BIT(3)
#define OCW3_RIS	BIT(0)
#define OCW3_RR		BIT(1)
#define OCW3_P		BIT(2)
#define OCW3_SMM	BIT(5)
#define OCW3_ESMM	BIT(6)

/* Distance of the highest set bit from the highest priority; 8: none set. */
static unsigned rank(const struct abi_pic *s, u8 mask)
{
	unsigned p;

	for (p = 0; p < 8; p++)
		if (mask & 1 << ((p + s->priority_add) & 7))
			break;
	return p;
}

/* The IR that the chip would put through now, or -1. */
static int winner(const struct abi_pic *s, bool master)
{
	u8 blocking = s->isr;
	unsigned p;

	p = rank(s, s->irr & (u8)~s->imr);
	if (p == 8)
		return -1;
	/* A masked level in service does not hold back the others. */
	if (s->special_mask)
		blocking &= (u8)~s->imr;
	/* The slave may interrupt its own service routine. */
	if (master && s->special_fully_nested_mode)
		blocking &= (u8)~(1 << CASCADE);
	return p < rank(s, blocking) ? (int)((p + s->priority_add) & 7) : -1;
}

/* INTR is wired to every LINT0 and, past a disabled APIC, to the CPU. */
static void intr_changed(struct irqchip *c, bool rose, u64 *kick)
{
	u32 n = LOAD_ACQUIRE(&c->vm->vcpu_count), id;

	for (id = 0; id < n && id < VCPUS_MAX; id++) {
		struct vcpu *v = LOAD_ACQUIRE(&c->vm->vcpus[id]);
		struct lapic *l = v ? LOAD_ACQUIRE(&v->lapic) : NULL;

		if (!l)
			continue;
		if (lapic_accepts_extint(l))
			*kick |= BIT(id);
		else if (rose)
			lapic_lvt_event(l, APIC_LVT_LINT0);
	}
}

/* To be called after every change: levels, cascade and output follow. */
static void update(struct irqchip *c, u64 *kick)
{
	struct abi_pic *master = &c->pic[0];
	bool was = c->intr, now;
	unsigned n;

	for (n = 0; n < 2; n++) {
		struct abi_pic *s = &c->pic[n];

		s->irr = (s->irr & (u8)~s->elcr) | (s->last_irr & s->elcr);
	}
	if (winner(&c->pic[1], false) >= 0)
		master->irr |= 1 << CASCADE;
	else
		master->irr &= (u8)~(1 << CASCADE);
	now = winner(master, true) >= 0;
	STORE(&c->intr, now);
	if (now)
		intr_changed(c, !was, kick);
}

int pic_set_pin(struct irqchip *c, unsigned pin, bool level, u64 *kick)
{
	struct abi_pic *s = &c->pic[pin / 8];
	u8 bit = (u8)(1 << (pin & 7));
	int result = 1;

	if (pin == CASCADE)
		return -1;
	if (level && !(s->elcr & bit)) {
		result = !(s->irr & bit) && !(s->last_irr & bit);
		if (!(s->last_irr & bit))
			s->irr |= bit;
	}
	if (level)
		s->last_irr |= bit;
	else
		s->last_irr &= (u8)~bit;
	update(c, kick);
	return s->imr & bit ? -1 : result;
}

/* -- Acknowledge and EOI -------------------------------------------------------------- */

static void acknowledge(struct abi_pic *s, unsigned ir)
{
	u8 bit = (u8)(1 << ir);

	if (!s->auto_eoi)
		s->isr |= bit;
	else if (s->rotate_on_auto_eoi)
		s->priority_add = (ir + 1) & 7;
	s->irr &= (u8)~bit;	/* a level's comes back in update() */
}

/* Both INTA cycles: the vector. Without a request an IR7 that is not in service. */
static u8 inta(struct irqchip *c)
{
	struct abi_pic *master = &c->pic[0], *slave = &c->pic[1];
	int ir = winner(master, true);

	if (ir < 0)
		return master->irq_base + SPURIOUS;
	acknowledge(master, (unsigned)ir);
	if (ir != CASCADE)
		return (u8)(master->irq_base + ir);
	ir = winner(slave, false);
	if (ir < 0)
		return slave->irq_base + SPURIOUS;
	acknowledge(slave, (unsigned)ir);
	return (u8)(slave->irq_base + ir);
}

bool pic_pending(struct irqchip *c)
{
	return LOAD(&c->intr);
}

int pic_ack(struct irqchip *c)
{
	unsigned long flags = irqchip_lock(c);
	u64 kick = 0;
	int vector;

	vector = inta(c);
	update(c, &kick);
	irqchip_unlock(c, flags, kick);
	return vector;
}

static void eoi(struct abi_pic *s, unsigned ir, bool rotate)
{
	s->isr &= (u8)~(1 << ir);
	if (rotate)
		s->priority_add = (ir + 1) & 7;
}

static void nonspecific_eoi(struct abi_pic *s, bool rotate)
{
	u8 isr = s->special_mask ? s->isr & (u8)~s->imr : s->isr;
	unsigned p = rank(s, isr);

	if (p < 8)
		eoi(s, (p + s->priority_add) & 7, rotate);
}

/* -- Ports -------------------------------------------------------------------------------- */

/* Edges must come anew. */
static void icw1(struct abi_pic *s, u8 val)
{
	s->irr = 0;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->special_mask = 0;
	s->auto_eoi = 0;
	s->rotate_on_auto_eoi = 0;
	s->special_fully_nested_mode = 0;
	s->init4 = !!(val & ICW1_IC4);
	s->init_state = 1;
}

static void ocw2(struct abi_pic *s, u8 val)
{
	unsigned ir = val & 7;

	switch (val >> 5) {
	case 0:
	case 4:
		s->rotate_on_auto_eoi = val >> 7;
		break;
	case 1:
	case 5:
		nonspecific_eoi(s, val >> 7);
		break;
	case 3:
	case 7:
		eoi(s, ir, val >> 7);
		break;
	case 6:
		s->priority_add = (ir + 1) & 7;
		break;
	}
}

static void ocw3(struct abi_pic *s, u8 val)
{
	if (val & OCW3_P)
		s->poll = 1;
	if (val & OCW3_RR)
		s->read_reg_select = val & OCW3_RIS;
	if (val & OCW3_ESMM)
		s->special_mask = !!(val & OCW3_SMM);
}

static void write_odd(struct abi_pic *s, u8 val)
{
	switch (s->init_state) {
	case 0:
		s->imr = val;			/* OCW1 */
		break;
	case 1:
		s->irq_base = val & 0xf8;	/* ICW2 */
		s->init_state = 2;
		break;
	case 2:					/* ICW3: wired as in a PC */
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:
		s->auto_eoi = !!(val & ICW4_AEOI);
		s->special_fully_nested_mode = !!(val & ICW4_SFNM);
		s->init_state = 0;
		break;
	}
}

static struct abi_pic *chip_at(struct irqchip *c, u16 port)
{
	return &c->pic[port & 0x80 ? 1 : 0];
}

/* A poll is an INTA to this one chip. */
static u8 poll(struct irqchip *c, struct abi_pic *s, u64 *kick)
{
	int ir = winner(s, s == &c->pic[0]);

	s->poll = 0;
	if (ir < 0)
		return SPURIOUS;
	acknowledge(s, (unsigned)ir);
	update(c, kick);
	return (u8)(0x80 | ir);
}

u8 pic_read(struct irqchip *c, u16 port, u64 *kick)
{
	struct abi_pic *s = chip_at(c, port);

	if (port >= 0x4d0)
		return c->pic[port & 1].elcr;
	if (s->poll)
		return poll(c, s, kick);
	if (port & 1)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

void pic_write(struct irqchip *c, u16 port, u8 val, u64 *kick)
{
	struct abi_pic *s = chip_at(c, port);

	if (port >= 0x4d0) {
		s = &c->pic[port & 1];
		s->elcr = val & s->elcr_mask;
	} else if (port & 1) {
		write_odd(s, val);
	} else if (val & ICW1) {
		icw1(s, val);
	} else if (val & OCW3) {
		ocw3(s, val);
	} else {
		ocw2(s, val);
	}
	update(c, kick);
}

/* -- State ---------------------------------------------------------------------------------- */

/* IRQ 0, 1, 2, 8 and 13 are always edges. */
static const u8 elcr_valid[2] = { 0xf8, 0xde };

void pic_reset(struct irqchip *c)
{
	unsigned pin;

	__builtin_memset(c->pic, 0, sizeof(c->pic));
	c->pic[0].elcr_mask = elcr_valid[0];
	c->pic[1].elcr_mask = elcr_valid[1];
	for (pin = 0; pin < PIC_PINS; pin++)
		c->pic_sources[pin] = 0;
	STORE(&c->intr, 0);
}

void pic_get(struct irqchip *c, unsigned n, struct abi_pic *state)
{
	*state = c->pic[n];
}

void pic_set(struct irqchip *c, unsigned n, const struct abi_pic *state, u64 *kick)
{
	struct abi_pic *s = &c->pic[n];
	unsigned pin;

	*s = *state;
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->read_reg_select = !!s->read_reg_select;
	s->poll = !!s->poll;
	s->special_mask = !!s->special_mask;
	s->init_state &= 3;
	s->auto_eoi = !!s->auto_eoi;
	s->rotate_on_auto_eoi = !!s->rotate_on_auto_eoi;
	s->special_fully_nested_mode = !!s->special_fully_nested_mode;
	s->init4 = !!s->init4;
	s->elcr_mask = elcr_valid[n];
	s->elcr &= s->elcr_mask;
	if (n == 0)
		s->last_irr &= (u8)~(1 << CASCADE);
	for (pin = 0; pin < 8; pin++) {
		u32 *sources = &c->pic_sources[n * 8 + pin];

		/* A line that nobody is known to hold is user space's. */
		if (!(s->last_irr & 1 << pin))
			*sources = 0;
		else if (!*sources)
			*sources = 1;
	}
	update(c, kick);
}
