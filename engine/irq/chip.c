/* SPDX-License-Identifier: MIT */
/*
 * A VM's interrupt chips as a whole: life, ports, memory-mapped registers, state.
 */
#include "chip.h"
#include "lapic.h"

void irqchip_unlock(struct irqchip *c, unsigned long flags, u64 kick)
{
	struct vm *vm = c->vm;

	host_unlock_irq(&c->lock, flags);
	if (kick)
		irq_kick(vm, kick);
}

int irqchip_create(struct vm *vm, struct irqchip **out)
{
	struct irqchip *c = host_alloc(sizeof(*c));

	if (!c)
		return ERR_NOMEM;
	c->vm = vm;
	c->split = vm->split_irqchip;
	host_lock_init(&c->lock);
	c->routes = c->split ? host_alloc(sizeof(*c->routes) + sizeof(u16)) :
			       route_default();
	if (!c->routes) {
		host_free(c);
		return ERR_NOMEM;
	}
	pic_reset(c);
	ioapic_reset(c);
	*out = c;
	return 0;
}

void irqchip_destroy(struct irqchip *c)
{
	if (!c)
		return;
	if (c->pit)
		pit_destroy(c->pit);
	host_free(c->routes);
	host_free(c);
}

/* -- Ports and memory ---------------------------------------------------------------------- */

static bool our_port(struct irqchip *c, u16 port)
{
	return !c->split && (pic_port(port) || (c->pit && pit_port(port)));
}

/*
 * These chips are 8 bits wide: the bus splits wider accesses into bytes at
 * consecutive ports, of which those that are not ours float.
 */
bool irqchip_pio(struct irqchip *c, u16 port, u8 size, bool in, u32 *val)
{
	unsigned long flags;
	u64 kick = 0;
	u32 data = 0;
	unsigned i;

	if (!our_port(c, port))
		return false;
	flags = irqchip_lock(c);
	for (i = 0; i < size && i < 4; i++) {
		u16 p = (u16)(port + i);
		u8 byte = in ? 0xff : (u8)(*val >> (i * 8));

		if (pic_port(p)) {
			if (in)
				byte = pic_read(c, p, &kick);
			else
				pic_write(c, p, byte, &kick);
		} else if (c->pit && pit_port(p)) {
			if (in)
				byte = pit_read(c->pit, p);
			else
				pit_write(c->pit, p, byte);
		}
		data |= (u32)byte << (i * 8);
	}
	irqchip_unlock(c, flags, kick);
	if (in)
		*val = data;
	return true;
}

/*
 * No lock: one byte is read, and it is this vCPU's own writes alone that it must
 * reflect. A poll is an acknowledge.
 */
int irqchip_peek(struct irqchip *c, u16 port)
{
	const struct abi_pic *s = &c->pic[port & 0x80 ? 1 : 0];

	if (c->split || (port & ~0x81) != 0x20 || LOAD(&s->poll))
		return -1;
	if (port & 1)
		return LOAD(&s->imr);
	return LOAD(&s->read_reg_select) ? LOAD(&s->isr) : LOAD(&s->irr);
}

/*
 * The I/O APIC's registers are 32 bits wide on 128-bit boundaries. Reads of other
 * sizes get the bytes there are and zeros; narrower writes only reach IOREGSEL.
 */
bool irqchip_mmio(struct irqchip *c, u64 gpa, void *data, unsigned size, bool write)
{
	u32 offset = (u32)(gpa & PG_OFFSET_MASK);
	unsigned long flags;
	u64 kick = 0, val = 0;

	if (c->split || (gpa & ~PG_OFFSET_MASK) != IOAPIC_BASE)
		return false;
	if (size > 8)
		size = 8;
	flags = irqchip_lock(c);
	if (write) {
		__builtin_memcpy(&val, data, size);
		if (!(offset & 0xf))
			ioapic_write(c, offset, (u32)val, size >= 4, &kick);
	} else if ((offset & 0xf) < 4) {
		val = ioapic_read(c, offset & ~0xfu) >> ((offset & 3) * 8);
	}
	irqchip_unlock(c, flags, kick);
	if (!write)
		__builtin_memcpy(data, &val, size);
	return true;
}

/* -- State -------------------------------------------------------------------------------------- */

static size_t state_size(unsigned chip)
{
	return chip == 2 ? sizeof(struct abi_ioapic) : sizeof(struct abi_pic);
}

int irqchip_get_state(struct irqchip *c, unsigned chip, void *state, size_t n)
{
	union {
		struct abi_pic pic;
		struct abi_ioapic ioapic;
	} s;
	unsigned long flags;

	if (c->split)
		return ERR_NXIO;
	if (chip > 2 || n < state_size(chip))
		return ERR_INVAL;
	flags = irqchip_lock(c);
	if (chip == 2)
		ioapic_get(c, &s.ioapic);
	else
		pic_get(c, chip, &s.pic);
	irqchip_unlock(c, flags, 0);
	__builtin_memcpy(state, &s, state_size(chip));
	return 0;
}

int irqchip_set_state(struct irqchip *c, unsigned chip, const void *state, size_t n)
{
	union {
		struct abi_pic pic;
		struct abi_ioapic ioapic;
	} s;
	unsigned long flags;
	u64 kick = 0;

	if (c->split)
		return ERR_NXIO;
	if (chip > 2 || n < state_size(chip))
		return ERR_INVAL;
	__builtin_memcpy(&s, state, state_size(chip));
	flags = irqchip_lock(c);
	if (chip == 2)
		ioapic_set(c, &s.ioapic, &kick);
	else
		pic_set(c, chip, &s.pic, &kick);
	irqchip_unlock(c, flags, kick);
	return 0;
}
