/* SPDX-License-Identifier: MIT */
/*
 * A floppy controller, Intel 82077AA in its AT mode (data sheet "82077AA CHMOS
 * Single-Chip Floppy Disk Controller"), with up to two drives, each with a disk in it
 * that stays there. Data goes through DMA channel 2, or the FIFO by programmed I/O.
 * Motors, heads and the disk's rotation take no time.
 *
 *	fdc.c          registers, phases, interrupts, seeking, parameters
 *	fdc_transfer.c commands that move data, and the disk's requests
 *
 * All under the device lock. A request to the disk completes on its I/O thread, which
 * tells the machine's event loop, where the controller goes on.
 */
#ifndef VELLUM_DEV_FDC_H
#define VELLUM_DEV_FDC_H

#include <stdatomic.h>

#include "../block/block.h"
#include "irq.h"
#include "isa.h"

#define FDC_DRIVES	2u
#define FDC_PORT	0x3f0u
#define FDC_PORTS	6u	/* 0x3f6 is the IDE controller's */
#define FDC_DIR_PORT	0x3f7u
#define FDC_IRQ		6u
#define FDC_DMA		2u
#define FDC_FIFO	16u
#define FDC_BUFFER	0x10000u	/* both sides of any cylinder */

#define FDC_ST0_ABNORMAL 0x40u
#define FDC_ST0_INVALID	0x80u
#define FDC_ST0_SEEK_END 0x20u
#define FDC_ST0_EQUIPMENT 0x10u
#define FDC_ST1_NO_MARK	0x01u	/* nothing readable there */
#define FDC_ST1_PROTECTED 0x02u
#define FDC_ST1_NO_DATA	0x04u	/* no such sector */
#define FDC_ST1_OVERRUN	0x10u
#define FDC_ST1_DATA	0x20u
#define FDC_ST1_END	0x80u	/* beyond the last sector that was named */
#define FDC_ST2_DATA	0x20u
#define FDC_ST2_WRONG	0x10u	/* wrong cylinder */
#define FDC_ST2_MARK	0x40u	/* the other kind of data mark */

struct fdc_drive {
	struct disk *disk;	/* NULL = no drive */
	struct block_geometry g;
	uint8_t track;		/* where the head is */
	uint8_t id;		/* the sector that READ ID saw last */
	bool changed;		/* disk change line: until the head moves */
};

enum fdc_phase {
	FDC_COMMAND, FDC_BUSY, FDC_PIO_IN, FDC_PIO_OUT, FDC_RESULT,
};

/* The command that moves data. */
struct fdc_transfer {
	uint8_t command;
	unsigned int drive;
	uint8_t c, h, r, eot;	/* the next sector; the last one of each side */
	uint8_t st1, st2;
	bool two_sides, to_host, writes, dma;
	bool open_ended;	/* until the other side says that it is enough */
	uint32_t limit;		/* bytes that are wanted */
	uint32_t done;		/* of them read or written */
	uint32_t leg;		/* bytes of the request on its way */
	bool end;		/* which it has said */
};

struct fdc {
	/* The board's, before fdc_init(); drives' disk and g as well. */
	struct irq_line irq;
	struct isa *isa;
	const struct guest_ram *ram;
	struct fdc_drive drive[FDC_DRIVES];

	struct evloop *loop;	/* the machine's; NULL in tests: see fdc_poll */
	struct ev_fd done;

	uint8_t dor, tdr, rate;
	enum fdc_phase phase;
	uint8_t fifo[FDC_FIFO];	/* a command's bytes, or a result's */
	unsigned int n, at;
	bool raised;		/* INT */
	unsigned int resets;	/* drives whose change of state is still to be told */
	uint8_t sought;		/* drives that have sought and not told yet, one bit each */
	uint8_t sought_st0[4];
	uint8_t pcn[4];		/* cylinder, as the controller counts */
	uint8_t specify[2], config[2], perpendicular, locked;

	struct fdc_transfer t;
	uint8_t *buffer;	/* FDC_BUFFER */
	uint32_t filled, moved;	/* of it, between host and buffer by PIO */
	struct block_request request;
	struct iovec iov;
	bool busy;		/* the request is on its way */
	bool orphan;		/* reset meanwhile: ignore what comes */
	bool waiting;		/* for that, before a new transfer can begin */
	atomic_bool completed;
};

extern const struct bus_ops fdc_ops, fdc_dir_ops;

/*
 * What a floppy of this image is like: false if it is more than any has room for.
 * Smaller ones than the smallest are the beginning of a 1.44 MB disk.
 */
bool fdc_geometry(const struct block_image *img, struct block_geometry *g);
/* The drive for it, as CMOS has it. */
uint8_t fdc_cmos_type(const struct block_geometry *g);

/* 0 or -errno. */
int fdc_init(struct fdc *f, struct evloop *loop);
void fdc_fini(struct fdc *f);
/* What the event loop calls: goes on with what the disk has done. */
void fdc_poll(void *fdc);

/* fdc.c, for fdc_transfer.c */
void fdc_interrupt(struct fdc *f, bool raised);
/* The result of a command: @n bytes of f->fifo; with an interrupt. */
void fdc_result(struct fdc *f, unsigned int n, bool interrupt);

/* fdc_transfer.c, for fdc.c: commands whose bytes are all there; data by PIO. */
void fdc_read_data(struct fdc *f);
void fdc_write_data(struct fdc *f);
void fdc_verify(struct fdc *f);
void fdc_read_track(struct fdc *f);
void fdc_read_id(struct fdc *f);
void fdc_format(struct fdc *f);
uint8_t fdc_pio_read(struct fdc *f);
void fdc_pio_write(struct fdc *f, uint8_t v);

#endif
