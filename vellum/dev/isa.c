/* SPDX-License-Identifier: MIT */
/* 8237: Intel data sheet "8237A High Performance Programmable DMA Controller". */
#include <string.h>

#include "isa.h"

enum {
	DMA_CLEAR_FLIP_FLOP = 12, DMA_MASTER_CLEAR = 13,
	DMA_CLEAR_MASK = 14, DMA_MASK = 15,
};

static uint64_t dma_read(void *dev, uint64_t offset, unsigned int size)
{
	struct dma8237 *d = dev;
	unsigned int reg = (unsigned int)(offset >> d->shift) & 15;
	uint16_t v;

	(void)size;
	if (reg == DMA_MASK)
		return d->reg[DMA_MASK];
	if (reg >= 8)
		return 0;	/* status, temporary: no request, no end */
	v = d->word[reg];
	d->high = !d->high;
	return d->high ? v & 0xff : v >> 8;
}

static void dma_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct dma8237 *d = dev;
	unsigned int reg = (unsigned int)(offset >> d->shift) & 15;
	unsigned int shift = d->high ? 8 : 0;

	(void)size;
	if (reg < 8) {
		d->word[reg] &= (uint16_t)~(0xffu << shift);
		d->word[reg] |= (uint16_t)((value & 0xff) << shift);
		d->high = !d->high;
		return;
	}
	d->reg[reg] = (uint8_t)value;
	if (reg == DMA_CLEAR_FLIP_FLOP || reg == DMA_MASTER_CLEAR)
		d->high = false;
	if (reg == DMA_MASTER_CLEAR)
		d->reg[DMA_MASK] = 0x0f;
	if (reg == DMA_CLEAR_MASK)
		d->reg[DMA_MASK] = 0;
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
	isa->dma[0].reg[DMA_MASK] = isa->dma[1].reg[DMA_MASK] = 0x0f;
}
