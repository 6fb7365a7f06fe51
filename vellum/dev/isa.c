/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "isa.h"

enum {
	DMA_STATUS_COMMAND = 8, DMA_REQUEST, DMA_MASK_ONE, DMA_MODE,
	DMA_CLEAR_FLIP_FLOP, DMA_MASTER_CLEAR, DMA_CLEAR_MASK, DMA_MASK,
};

#define COMMAND_OFF	0x04u
#define MODE_WAY	0x0cu
#define MODE_WAY_SHIFT	2
#define MODE_VERIFY	0u	/* a way: counts, and touches no memory */
#define MODE_AGAIN	0x10u	/* autoinitialise */
#define MODE_DOWN	0x20u
#define ALL_MASKED	0x0fu

/* ---- registers ---- */

static uint64_t dma_read(void *dev, uint64_t offset, unsigned int size)
{
	struct dma8237 *d = dev;
	unsigned int reg = (unsigned int)(offset >> d->shift) & 15;
	uint8_t status = d->status;
	uint16_t v;

	(void)size;
	if (reg == DMA_STATUS_COMMAND) {
		d->status = 0;
		return status;
	}
	if (reg == DMA_MASK)
		return d->mask;
	if (reg > DMA_STATUS_COMMAND)
		return 0;
	v = d->channel[reg / 2].now[reg % 2];
	d->high = !d->high;
	return d->high ? v & 0xff : v >> 8;
}

static void write_word(struct dma8237 *d, unsigned int reg, uint8_t v)
{
	struct dma_channel *c = &d->channel[reg / 2];
	unsigned int shift = d->high ? 8 : 0;

	c->base[reg % 2] &= (uint16_t)~(0xffu << shift);
	c->base[reg % 2] |= (uint16_t)(v << shift);
	c->now[reg % 2] = c->base[reg % 2];
	d->high = !d->high;
}

static void master_clear(struct dma8237 *d)
{
	d->command = d->status = 0;
	d->mask = ALL_MASKED;
	d->high = false;
}

static void dma_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct dma8237 *d = dev;
	unsigned int reg = (unsigned int)(offset >> d->shift) & 15;
	uint8_t v = (uint8_t)value, bit = (uint8_t)(1u << (v & 3));

	(void)size;
	switch (reg) {
	case DMA_STATUS_COMMAND: d->command = v; break;
	case DMA_REQUEST: break;	/* between memory and memory: not on PCs */
	case DMA_MASK_ONE:
		d->mask = v & 4 ? d->mask | bit : d->mask & (uint8_t)~bit;
		break;
	case DMA_MODE: d->channel[v & 3].mode = v; break;
	case DMA_CLEAR_FLIP_FLOP: d->high = false; break;
	case DMA_MASTER_CLEAR: master_clear(d); break;
	case DMA_CLEAR_MASK: d->mask = 0; break;
	case DMA_MASK: d->mask = v & ALL_MASKED; break;
	default: write_word(d, reg, v);
	}
}

static uint64_t page_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)size;
	return ((uint8_t *)dev)[offset];
}

static void page_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	(void)size;
	((uint8_t *)dev)[offset] = (uint8_t)value;
}

const struct bus_ops dma8237_ops = { .read = dma_read, .write = dma_write };
const struct bus_ops dma_page_ops = { .read = page_read, .write = page_write };
const struct bus_ops apm_ops = { .read = page_read, .write = page_write };

void isa_reset(struct isa *isa)
{
	memset(isa, 0, sizeof(*isa));
	isa->dma[1].shift = 1;
	master_clear(&isa->dma[0]);
	master_clear(&isa->dma[1]);
}

/* ---- transfers ---- */

/* Ports 0x87, 0x83, 0x81, 0x82. */
static const uint8_t pages[DMA_CHANNELS] = { 6, 2, 0, 1 };

static unsigned int way_of(const struct dma_channel *c)
{
	return (c->mode & MODE_WAY) >> MODE_WAY_SHIFT;
}

uint32_t isa_dma_ready(const struct isa *isa, unsigned int ch, enum dma_way way)
{
	const struct dma8237 *d = &isa->dma[0];
	const struct dma_channel *c = &d->channel[ch];

	if (d->command & COMMAND_OFF || d->mask >> ch & 1 ||
	    (way_of(c) != (unsigned int)way && way_of(c) != MODE_VERIFY))
		return 0;
	return c->now[1] + 1u;
}

/* Addresses have 16 bits and wrap in their page. */
static void move_byte(const struct guest_ram *ram, uint32_t at, enum dma_way way,
		      uint8_t *byte)
{
	uint8_t *p = ram_at(ram, GPA(at), 1);

	if (way == DMA_FROM_MEMORY)
		*byte = p ? *p : 0xff;
	else if (p)
		*p = *byte;
}

static void terminal_count(struct dma8237 *d, unsigned int ch)
{
	struct dma_channel *c = &d->channel[ch];

	d->status |= (uint8_t)(1u << ch);
	if (c->mode & MODE_AGAIN)
		memcpy(c->now, c->base, sizeof(c->now));
	else
		d->mask |= (uint8_t)(1u << ch);
}

uint32_t isa_dma_move(struct isa *isa, const struct guest_ram *ram, unsigned int ch,
		      enum dma_way way, uint8_t *buf, uint32_t len, bool *end)
{
	struct dma_channel *c = &isa->dma[0].channel[ch];
	uint32_t page = (uint32_t)isa->page[pages[ch]] << 16;
	uint32_t n = isa_dma_ready(isa, ch, way), i;

	*end = n && n <= len;
	if (n > len)
		n = len;
	for (i = 0; i < n; i++) {
		if (way_of(c) != MODE_VERIFY)
			move_byte(ram, page | c->now[0], way, &buf[i]);
		else if (way == DMA_FROM_MEMORY)
			buf[i] = 0xff;
		c->now[0] = (uint16_t)(c->now[0] + (c->mode & MODE_DOWN ? -1 : 1));
		c->now[1]--;
	}
	if (*end)
		terminal_count(&isa->dma[0], ch);
	return n;
}
