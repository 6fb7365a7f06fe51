/* SPDX-License-Identifier: MIT */
/*
 * Commands that move data: from a sector on to the last of its side, or of the cylinder
 * (MT), or until the DMA controller says that it is enough. The sectors of one side lie
 * side by side in the image: each is one request, a "leg".
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fdc.h"

#define SECTOR		BLOCK_SECTOR
#define SIZE_512	2u	/* N: 128 << N bytes */
#define COMMAND_MT	0x80u
#define COMMAND_MFM	0x40u
#define COMMAND_COUNT	0x80u	/* VERIFY: EC, in the second byte */
#define SPECIFY_PIO	0x01u
#define CONFIG_SEEK	0x40u	/* EIS: seeks by itself */
#define DOR_GATE	0x08u
#define FORMAT_ID	4u	/* bytes for each sector */

/* ---- the disk in the drive ---- */

static const struct block_geometry floppy_144 = { 80, 2, 18 };

bool fdc_geometry(const struct block_image *img, struct block_geometry *g)
{
	uint64_t sectors = img->size / SECTOR;

	*g = img->geometry;
	if (g->heads <= 2 && g->cylinders <= 84 && g->cylinders >= 40 && g->sectors >= 8 &&
	    (uint64_t)g->cylinders * g->heads * g->sectors == sectors)
		return true;
	*g = floppy_144;
	return sectors <= 80 * 2 * 18;
}

uint8_t fdc_cmos_type(const struct block_geometry *g)
{
	if (g->sectors < 15)
		return g->cylinders < 80 ? 1 : 3;	/* 360 K, 720 K */
	if (g->sectors < 18)
		return 2;				/* 1.2 M */
	return g->sectors < 36 ? 4 : 5;			/* 1.44 M, 2.88 M */
}

/* Is the data rate the one that the disk was written with? 500, 300, 250, 1000 kbit/s. */
static bool rate_fits(const struct fdc *f, const struct block_geometry *g)
{
	if (g->sectors < 15)
		return f->rate == 1 || f->rate == 2;
	return f->rate == (g->sectors < 36 ? 0 : 3);
}

/* The drive, or NULL if nothing can be read there: by rate, head or kind of recording. */
static struct fdc_drive *readable(struct fdc *f, unsigned int head)
{
	struct fdc_drive *d = &f->drive[f->t.drive % FDC_DRIVES];

	if (f->t.drive >= FDC_DRIVES || !d->disk || !rate_fits(f, &d->g) ||
	    !(f->t.command & COMMAND_MFM) || head >= d->g.heads || d->track >= d->g.cylinders)
		return NULL;
	return d;
}

/* ---- ends ---- */

static void end(struct fdc *f, uint8_t st0)
{
	struct fdc_transfer *t = &f->t;
	uint8_t result[7] = {
		(uint8_t)(st0 | (t->h & 1) << 2 | t->drive), t->st1, t->st2,
		t->c, t->h, t->r, SIZE_512,
	};

	memcpy(f->fifo, result, sizeof(result));
	fdc_result(f, sizeof(result), true);
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
	f->t.st1 |= st1;
	f->t.st2 |= st2;
	end(f, FDC_ST0_ABNORMAL);
}

/* The sector after t->c, h, r, as a result names it: data sheet "Result Phase Table". */
static void advance(struct fdc_transfer *t)
{
	if (t->r != t->eot) {
		t->r++;
		return;
	}
	t->r = 1;
	if (t->two_sides)
		t->h ^= 1;
	if (!t->two_sides || !(t->h & 1))
		t->c++;
}

/* All that was wanted has been moved, or there is no sector left to go on with. */
static void complete(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;

	/* Without a word from the other side the controller looks for one more. */
	if (t->open_ended && !t->end)
		fail(f, FDC_ST1_END, 0);
	else
		end(f, 0);
}

/* ---- legs ---- */

static void start_leg(struct fdc *f);

/* How many sectors from t->r on are on this side, and wanted. */
static uint32_t leg_sectors(const struct fdc_transfer *t)
{
	uint32_t left = (t->limit - t->done + SECTOR - 1) / SECTOR;
	uint32_t here = t->eot >= t->r ? t->eot - t->r + 1u : 1;

	return left < here ? left : here;
}

static void begin_pio_in(struct fdc *f)
{
	f->phase = FDC_PIO_IN;
	f->filled = f->t.done;
	f->moved = 0;
	fdc_interrupt(f, true);
}

static void data_read(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;

	if (t->to_host && !t->dma) {
		begin_pio_in(f);
		return;
	}
	if (t->to_host)
		isa_dma_move(f->isa, f->ram, FDC_DMA, DMA_TO_MEMORY, f->buffer,
			     t->done < t->limit ? t->done : t->limit, &t->end);
	complete(f);
}

static void leg_done(struct fdc *f, int error)
{
	struct fdc_transfer *t = &f->t;
	uint32_t i;

	if (error) {
		fail(f, FDC_ST1_DATA, FDC_ST2_DATA);
		return;
	}
	t->done += t->leg;
	for (i = 0; i < t->leg / SECTOR; i++)
		advance(t);
	if (t->done < t->limit && t->two_sides && t->h == 1 && t->r == 1)
		start_leg(f);
	else if (t->writes)
		complete(f);
	else
		data_read(f);
}

/* On the I/O thread. */
static void completed(struct block_request *r)
{
	struct fdc *f = r->opaque;
	uint64_t one = 1;

	atomic_store(&f->completed, true);
	if (write(f->done.fd, &one, sizeof(one)) < 0)
		return;		/* the loop is awake already */
}

static void submit(struct fdc *f, struct disk *d, uint64_t offset, uint32_t len)
{
	f->iov = (struct iovec){ f->buffer + f->t.done, len };
	f->request = (struct block_request){
		.op = f->t.writes ? BLOCK_WRITE : BLOCK_READ, .offset = offset,
		.len = len, .iov = &f->iov, .n_iov = 1, .done = completed,
		.opaque = f, .durable = f->t.writes,
	};
	f->busy = true;
	disk_lock(d);
	disk_submit(d, &f->request);
	disk_unlock(d);
}

/* What is behind the end of a short image reads as zeroes, and can't be written. */
static void start_leg(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;
	struct fdc_drive *d = readable(f, t->h & 1);
	uint32_t sectors = leg_sectors(t), len = sectors * SECTOR;
	uint64_t offset, left;

	f->phase = FDC_BUSY;
	if (!d || t->r < 1 || t->r + sectors - 1 > d->g.sectors) {
		fail(f, d ? FDC_ST1_NO_DATA : FDC_ST1_NO_MARK, 0);
		return;
	}
	offset = (((uint64_t)d->track * d->g.heads + (t->h & 1)) * d->g.sectors + t->r - 1) * SECTOR;
	left = d->disk->image.size > offset ? d->disk->image.size - offset : 0;
	t->leg = len;
	if (left >= len) {
		submit(f, d->disk, offset, len);
		return;
	}
	if (t->writes) {
		leg_done(f, -EIO);
		return;
	}
	memset(f->buffer + t->done + left, 0, len - left);
	if (left)
		submit(f, d->disk, offset, (uint32_t)left);
	else
		leg_done(f, 0);
}

static void begin(struct fdc *f)
{
	f->phase = FDC_BUSY;
	f->waiting = f->busy;
	if (!f->waiting)
		start_leg(f);
}

void fdc_poll(void *fdc)
{
	struct fdc *f = fdc;
	uint64_t n;

	if (read(f->done.fd, &n, sizeof(n)) < 0 ||
	    !atomic_exchange(&f->completed, false))
		return;
	f->busy = false;
	if (!f->orphan) {
		leg_done(f, f->request.result);
		return;
	}
	f->orphan = false;
	if (f->waiting)
		begin(f);
}

/* ---- commands ---- */

/*
 * Takes the parameters that most have in common; false: ended with an error. Sectors
 * are found by their IDs, of which the track's number has to be the head's place.
 */
static bool set_up(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;
	struct fdc_drive *d;

	*t = (struct fdc_transfer){
		.command = f->fifo[0], .drive = f->fifo[1] & 3,
		.c = f->fifo[2], .h = f->fifo[3], .r = f->fifo[4], .eot = f->fifo[6],
		.two_sides = f->fifo[0] & COMMAND_MT,
		.dma = !(f->specify[1] & SPECIFY_PIO), .open_ended = true,
	};
	d = readable(f, t->h);
	if (d && f->config[0] & CONFIG_SEEK && t->c < d->g.cylinders)
		f->pcn[t->drive] = d->track = t->c;
	if (!d)
		fail(f, FDC_ST1_NO_MARK, 0);
	else if (t->c != d->track)
		fail(f, FDC_ST1_NO_DATA, FDC_ST2_WRONG);
	else if (f->fifo[5] != SIZE_512 || t->h != (f->fifo[1] >> 2 & 1))
		fail(f, FDC_ST1_NO_DATA, 0);
	else
		return true;
	return false;
}

/* The bytes from t->r to the end that the command itself names. */
static uint32_t to_the_end(const struct fdc_transfer *t)
{
	uint32_t here = t->eot >= t->r ? t->eot - t->r + 1u : 1;

	if (t->two_sides && !t->h)
		here += t->eot;
	return here * SECTOR < FDC_BUFFER ? here * SECTOR : FDC_BUFFER;
}

/* Sets t->limit; false: the DMA controller isn't ready, ended with an error. */
static bool ready(struct fdc *f, enum dma_way way)
{
	struct fdc_transfer *t = &f->t;
	uint32_t n;

	t->limit = to_the_end(t);
	if (!t->dma)
		return true;
	n = f->dor & DOR_GATE ? isa_dma_ready(f->isa, FDC_DMA, way) : 0;
	if (!n)
		fail(f, FDC_ST1_OVERRUN, 0);
	if (n < t->limit)
		t->limit = n;
	return n;
}

void fdc_read_data(struct fdc *f)
{
	if (!set_up(f) || !ready(f, DMA_TO_MEMORY))
		return;
	/* There are no deleted sectors: all have the other kind of mark. */
	if ((f->t.command & 0x1f) == 0x0c)
		f->t.st2 |= FDC_ST2_MARK;
	f->t.to_host = true;
	begin(f);
}

void fdc_read_track(struct fdc *f)
{
	bool found = f->fifo[4];

	f->fifo[0] &= (uint8_t)~COMMAND_MT;
	f->fifo[4] = 1;			/* from the index hole on */
	if (!set_up(f) || !ready(f, DMA_TO_MEMORY))
		return;
	f->t.to_host = true;
	if (!found)
		f->t.st1 |= FDC_ST1_NO_DATA;
	begin(f);
}

/* Nothing goes to the host, so nobody can say when it is enough. */
void fdc_verify(struct fdc *f)
{
	uint32_t sectors = f->fifo[8];

	if (!set_up(f))
		return;
	f->t.open_ended = false;
	f->t.limit = to_the_end(&f->t);
	if (f->fifo[1] & COMMAND_COUNT && sectors && sectors * SECTOR < f->t.limit)
		f->t.limit = sectors * SECTOR;
	begin(f);
}

static void begin_pio_out(struct fdc *f, uint32_t len)
{
	f->phase = FDC_PIO_OUT;
	f->filled = len;
	f->moved = 0;
	fdc_interrupt(f, true);
}

void fdc_write_data(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;

	if (!set_up(f) || !ready(f, DMA_FROM_MEMORY))
		return;
	if (f->drive[t->drive].disk->image.o.readonly) {
		fail(f, FDC_ST1_PROTECTED, 0);
		return;
	}
	/* The buffer is still that of a request from before a reset. */
	if (f->busy) {
		fail(f, FDC_ST1_OVERRUN, 0);
		return;
	}
	t->writes = true;
	if (!t->dma) {
		begin_pio_out(f, t->limit);
		return;
	}
	memset(f->buffer, 0, (t->limit + SECTOR - 1) / SECTOR * SECTOR);
	isa_dma_move(f->isa, f->ram, FDC_DMA, DMA_FROM_MEMORY, f->buffer, t->limit, &t->end);
	begin(f);
}

void fdc_read_id(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;
	struct fdc_drive *d;

	*t = (struct fdc_transfer){
		.command = f->fifo[0], .drive = f->fifo[1] & 3, .h = f->fifo[1] >> 2 & 1,
		.eot = t->eot,
	};
	d = readable(f, t->h);
	if (!d) {
		fail(f, FDC_ST1_NO_MARK, 0);
		return;
	}
	d->id = (uint8_t)(d->id % d->g.sectors + 1);
	t->c = d->track;
	t->r = d->id;
	end(f, 0);
}

/* ---- FORMAT TRACK: the IDs come as data, the sectors get one byte's value ---- */

static void format(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;
	uint32_t i;

	for (i = 0; i < t->eot; i++) {
		const uint8_t *id = f->buffer + FORMAT_ID * i;

		if (id[0] == t->c && id[3] == SIZE_512)
			continue;
		fail(f, FDC_ST1_NO_DATA, 0);
		return;
	}
	t->limit = t->eot * SECTOR;
	memset(f->buffer, f->fifo[5], t->limit);
	begin(f);
}

void fdc_format(struct fdc *f)
{
	struct fdc_transfer *t = &f->t;
	const struct fdc_drive *d;
	uint32_t ids = f->fifo[3] * FORMAT_ID;

	*t = (struct fdc_transfer){
		.command = f->fifo[0], .drive = f->fifo[1] & 3, .h = f->fifo[1] >> 2 & 1,
		.r = 1, .eot = f->fifo[3], .dma = !(f->specify[1] & SPECIFY_PIO),
		.writes = true,
	};
	d = readable(f, t->h);
	if (!d || f->fifo[2] != SIZE_512 || !t->eot || t->eot > d->g.sectors) {
		fail(f, FDC_ST1_NO_MARK, 0);
		return;
	}
	t->c = d->track;
	if (d->disk->image.o.readonly) {
		fail(f, FDC_ST1_PROTECTED, 0);
	} else if (f->busy) {
		fail(f, FDC_ST1_OVERRUN, 0);
	} else if (!t->dma) {
		begin_pio_out(f, ids);
	} else if (!(f->dor & DOR_GATE) ||
		   isa_dma_move(f->isa, f->ram, FDC_DMA, DMA_FROM_MEMORY, f->buffer, ids,
				&t->end) < ids) {
		fail(f, FDC_ST1_OVERRUN, 0);
	} else {
		format(f);
	}
}

/* ---- data by programmed I/O ---- */

uint8_t fdc_pio_read(struct fdc *f)
{
	uint8_t v = f->buffer[f->moved++];

	fdc_interrupt(f, false);
	if (f->moved < f->filled)
		fdc_interrupt(f, true);
	else	/* only a DMA controller can say that it is enough */
		fail(f, FDC_ST1_END, 0);
	return v;
}

void fdc_pio_write(struct fdc *f, uint8_t v)
{
	f->buffer[f->moved++] = v;
	fdc_interrupt(f, false);
	if (f->moved < f->filled) {
		fdc_interrupt(f, true);
	} else if ((f->t.command & 0x1f) == 0x0d) {
		format(f);
	} else {
		begin(f);
	}
}
