/* SPDX-License-Identifier: MIT */
/*
 * The two 8237 DMA controllers of a PC with their page registers (Intel data sheet
 * "8237A High Performance Programmable DMA Controller"), of which the floppy
 * controller uses channel 2, and the APM ports of the chipset, behind which there is
 * no SMM.
 */
#ifndef VELLUM_DEV_ISA_H
#define VELLUM_DEV_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../memory.h"

#define DMA1_PORT	0x00
#define DMA1_PORTS	0x10
#define DMA_PAGE_PORT	0x81	/* 0x80 is the POST code's */
#define DMA_PAGE_PORTS	0x0f
#define DMA2_PORT	0xc0
#define DMA2_PORTS	0x20
#define APM_PORT	0xb2
#define APM_PORTS	2
#define DMA_CHANNELS	4u	/* of each controller */

struct dma_channel {
	uint16_t base[2], now[2];	/* address, count less one */
	uint8_t mode;
};

struct dma8237 {
	struct dma_channel channel[DMA_CHANNELS];
	uint8_t command, mask, status;
	bool high;		/* the flip-flop */
	unsigned int shift;	/* 1: ports lie two apart */
};

struct isa {
	struct dma8237 dma[2];
	uint8_t page[DMA_PAGE_PORTS];
	uint8_t apm[APM_PORTS];
};

extern const struct bus_ops dma8237_ops, dma_page_ops, apm_ops;

void isa_reset(struct isa *isa);

/* A device on one of the channels 0 to 3, which move bytes. */
enum dma_way { DMA_TO_MEMORY = 1, DMA_FROM_MEMORY = 2 };

/* How many bytes the channel is set up for, this way; 0: masked, off, or the other way. */
uint32_t isa_dma_ready(const struct isa *isa, unsigned int ch, enum dma_way way);
/*
 * Moves up to @len bytes, at most those. What is not memory reads as ones and takes
 * nothing. Returns how many; *@end: terminal count, the last of them was moved.
 */
uint32_t isa_dma_move(struct isa *isa, const struct guest_ram *ram, unsigned int ch,
		      enum dma_way way, uint8_t *buf, uint32_t len, bool *end);

#endif
