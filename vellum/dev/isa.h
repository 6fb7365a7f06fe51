/* SPDX-License-Identifier: MIT */
/*
 * Parts of a PC that firmware programs and that have nothing to do here: the
 * two 8237 DMA controllers with their page registers, whose channels nobody
 * uses, and the APM ports of the chipset, behind which there is no SMM.
 */
#ifndef VELLUM_DEV_ISA_H
#define VELLUM_DEV_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"

#define DMA1_PORT	0x00
#define DMA1_PORTS	0x10
#define DMA_PAGE_PORT	0x81	/* 0x80 is the POST code's */
#define DMA_PAGE_PORTS	0x0f
#define DMA2_PORT	0xc0
#define DMA2_PORTS	0x20
#define APM_PORT	0xb2
#define APM_PORTS	2

struct dma8237 {
	uint8_t reg[16];	/* addresses and counts: two bytes, below */
	uint16_t word[8];
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

#endif
