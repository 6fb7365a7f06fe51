/* SPDX-License-Identifier: MIT */
/*
 * The firmware configuration device (Linux: Documentation "fw_cfg", QEMU:
 * "Firmware Configuration Device"): items that firmware selects by a 16-bit
 * key and reads byte by byte or by DMA; from key 0x20 on they are files with
 * names in a directory.
 */
#ifndef VELLUM_DEV_FWCFG_H
#define VELLUM_DEV_FWCFG_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../memory.h"

#define FWCFG_PORT		0x510
#define FWCFG_PORTS		2	/* selector, data */
#define FWCFG_DMA_PORT		0x514
#define FWCFG_DMA_PORTS		8

#define FWCFG_SIGNATURE		0x00
#define FWCFG_ID		0x01
#define FWCFG_RAM_SIZE		0x03
#define FWCFG_NOGRAPHIC		0x04
#define FWCFG_NB_CPUS		0x05
#define FWCFG_NUMA		0x0d
#define FWCFG_BOOT_MENU		0x0e
#define FWCFG_MAX_CPUS		0x0f
#define FWCFG_DIRECTORY		0x19
#define FWCFG_FILE_FIRST	0x20
#define FWCFG_IRQ0_OVERRIDE	0x8002

#define FWCFG_ITEMS_MAX		48
#define FWCFG_NAME_MAX		56	/* with its end */

struct fwcfg_item {
	uint16_t key;
	char name[FWCFG_NAME_MAX];	/* empty: not a file */
	uint8_t *data;			/* owned */
	uint32_t size;
	/* Called when the item is selected: its content may change then. */
	void (*selected)(void *opaque, struct fwcfg_item *item);
	void *opaque;
};

struct fwcfg {
	const struct guest_ram *ram;	/* what DMA reaches */
	struct fwcfg_item item[FWCFG_ITEMS_MAX];
	unsigned int n;
	uint16_t next_file;
	uint16_t key;
	struct fwcfg_item *current;	/* NULL: reads as zeroes */
	uint32_t at;
	uint32_t dma_high;		/* upper half of the address written */
};

extern const struct bus_ops fwcfg_ops, fwcfg_dma_ops;

/* All copy @data.  -ENOSPC, -ENOMEM. */
int fwcfg_init(struct fwcfg *f, const struct guest_ram *ram);
void fwcfg_fini(struct fwcfg *f);
int fwcfg_add(struct fwcfg *f, uint16_t key, const void *data, uint32_t size);
int fwcfg_add_int(struct fwcfg *f, uint16_t key, unsigned int bytes,
		  uint64_t value);
int fwcfg_add_file(struct fwcfg *f, const char *name, const void *data,
		   uint32_t size);
int fwcfg_add_file_int(struct fwcfg *f, const char *name, uint64_t value);
struct fwcfg_item *fwcfg_find(struct fwcfg *f, const char *name);

#endif
