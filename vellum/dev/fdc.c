/* SPDX-License-Identifier: MIT */
/* The floppy controller's registers, and what moves no data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fdc.h"

/* Registers by offset from 0x3f0; reading / writing */
enum { STATUS_A, STATUS_B, DIGITAL_OUTPUT, TAPE_DRIVE, MAIN_STATUS_RATE, FIFO };

#define DOR_SELECT	0x03u
#define DOR_RUN		0x04u	/* else it is in reset */
#define DOR_GATE	0x08u	/* IRQ and DRQ reach the bus */
#define DOR_MOTOR	0x10u	/* of drive 0 */
#define DSR_RESET	0x80u
#define RATE		0x03u
#define DIR_CHANGED	0x80u

#define MSR_READY	0x80u
#define MSR_TO_HOST	0x40u
#define MSR_PIO		0x20u
#define MSR_BUSY	0x10u

#define CONFIG_NO_FIFO	0x20u
#define CONFIG_NO_POLL	0x10u
#define ST0_POLLED	0xc0u
#define VERSION_82077	0x90u
#define LAST_TRACK	84u	/* where a drive's head stops */

/* ---- interrupts and results ---- */

void fdc_interrupt(struct fdc *f, bool raised)
{
	f->raised = raised;
	irq_set(&f->irq, raised && f->dor & DOR_GATE);
}

void fdc_result(struct fdc *f, unsigned int n, bool interrupt)
{
	f->phase = FDC_RESULT;
	f->n = n;
	f->at = 0;
	if (interrupt)
		fdc_interrupt(f, true);
}

static void no_result(struct fdc *f)
{
	f->phase = FDC_COMMAND;
	f->n = f->at = 0;
}

static void invalid(struct fdc *f)
{
	f->fifo[0] = FDC_ST0_INVALID;
	fdc_result(f, 1, false);
}

/* ---- reset ---- */

static void reset(struct fdc *f)
{
	no_result(f);
	fdc_interrupt(f, false);
	f->sought = 0;
	f->resets = 0;
	memset(f->pcn, 0, sizeof(f->pcn));
	f->waiting = false;
	f->orphan = f->busy;
	f->perpendicular = 0;
	if (!f->locked) {
		f->config[0] = CONFIG_NO_FIFO;
		f->config[1] = 0;
	}
}

/* Data sheet "Drive Polling": each drive's line has changed, after a reset. */
static void leave_reset(struct fdc *f)
{
	if (f->config[0] & CONFIG_NO_POLL)
		return;
	f->resets = 4;
	fdc_interrupt(f, true);
}

/* ---- commands ---- */

static struct fdc_drive *drive_of(struct fdc *f, unsigned int n)
{
	return n < FDC_DRIVES && f->drive[n].disk ? &f->drive[n] : NULL;
}

static void specify(struct fdc *f)
{
	memcpy(f->specify, f->fifo + 1, 2);
	no_result(f);
}

static void sense_drive(struct fdc *f)
{
	const struct fdc_drive *d = drive_of(f, f->fifo[1] & 3);
	uint8_t st3 = (f->fifo[1] & 7) | 0x28;	/* ready, two sides */

	if (d && d->disk->image.o.readonly)
		st3 |= 0x40;
	if (d && !d->track)
		st3 |= 0x10;
	f->fifo[0] = st3;
	fdc_result(f, 1, false);
}

/* Seeks first: not everybody asks four times after a reset. */
static void sense_interrupt(struct fdc *f)
{
	unsigned int i = 0;

	if (f->sought) {
		while (!(f->sought >> i & 1))
			i++;
		f->sought &= (uint8_t)~(1u << i);
		f->fifo[0] = f->sought_st0[i];
	} else if (f->resets) {
		i = 4 - f->resets--;
		f->fifo[0] = (uint8_t)(ST0_POLLED | i);
	} else {
		invalid(f);
		return;
	}
	f->fifo[1] = f->pcn[i];
	fdc_interrupt(f, f->sought);
	fdc_result(f, 2, false);
}

static void seek_to(struct fdc *f, unsigned int track, uint8_t st0)
{
	unsigned int n = f->fifo[1] & 3;
	struct fdc_drive *d = drive_of(f, n);

	if (d) {
		d->track = (uint8_t)(track < LAST_TRACK ? track : LAST_TRACK);
		d->changed = false;
	}
	f->pcn[n] = (uint8_t)track;
	f->sought |= (uint8_t)(1u << n);
	f->sought_st0[n] = (uint8_t)(st0 | FDC_ST0_SEEK_END | (f->fifo[1] & 7));
	no_result(f);
	fdc_interrupt(f, true);
}

static void seek(struct fdc *f)
{
	seek_to(f, f->fifo[2], 0);
}

static void seek_relative(struct fdc *f)
{
	unsigned int now = f->pcn[f->fifo[1] & 3], by = f->fifo[2];
	bool in = f->fifo[0] & 0x40;

	seek_to(f, in ? (now + by) & 255 : now > by ? now - by : 0, 0);
}

/* Without a drive there is no signal from track 0. */
static void recalibrate(struct fdc *f)
{
	f->fifo[1] &= 3;
	seek_to(f, 0, drive_of(f, f->fifo[1]) ? 0 : FDC_ST0_ABNORMAL | FDC_ST0_EQUIPMENT);
}

static void version(struct fdc *f)
{
	f->fifo[0] = VERSION_82077;
	fdc_result(f, 1, false);
}

static void configure(struct fdc *f)
{
	memcpy(f->config, f->fifo + 2, 2);
	no_result(f);
}

static void perpendicular(struct fdc *f)
{
	f->perpendicular = f->fifo[1] & 0x7f;
	no_result(f);
}

static void lock(struct fdc *f)
{
	f->locked = f->fifo[0] >> 7;
	f->fifo[0] = (uint8_t)(f->locked << 4);
	fdc_result(f, 1, false);
}

static void dump_registers(struct fdc *f)
{
	memcpy(f->fifo, f->pcn, 4);
	memcpy(f->fifo + 4, f->specify, 2);
	f->fifo[6] = f->t.eot;
	f->fifo[7] = (uint8_t)(f->locked << 7 | (f->perpendicular & 0x3f));
	memcpy(f->fifo + 8, f->config, 2);
	fdc_result(f, 10, false);
}

/* By the bits of the first byte that are not options (MT, MFM, SK, directions). */
static const struct {
	uint8_t options, code, bytes;
	void (*run)(struct fdc *f);
} commands[] = {
	{ 0xe0, 0x06, 9, fdc_read_data }, { 0xe0, 0x0c, 9, fdc_read_data },
	{ 0xc0, 0x05, 9, fdc_write_data }, { 0xc0, 0x09, 9, fdc_write_data },
	{ 0x60, 0x02, 9, fdc_read_track }, { 0xe0, 0x16, 9, fdc_verify },
	{ 0x40, 0x0a, 2, fdc_read_id }, { 0x40, 0x0d, 6, fdc_format },
	{ 0, 0x03, 3, specify }, { 0, 0x04, 2, sense_drive },
	{ 0, 0x07, 2, recalibrate }, { 0, 0x08, 1, sense_interrupt },
	{ 0, 0x0e, 1, dump_registers }, { 0, 0x0f, 3, seek },
	{ 0x40, 0x8f, 3, seek_relative }, { 0, 0x10, 1, version },
	{ 0, 0x12, 2, perpendicular }, { 0, 0x13, 4, configure },
	{ 0x80, 0x14, 1, lock },
};

static void command_byte(struct fdc *f, uint8_t v)
{
	unsigned int i;

	f->fifo[f->n++] = v;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if ((f->fifo[0] & (uint8_t)~commands[i].options) != commands[i].code)
			continue;
		if (f->n == commands[i].bytes)
			commands[i].run(f);
		return;
	}
	invalid(f);
}

static uint8_t result_byte(struct fdc *f)
{
	uint8_t v = f->fifo[f->at++];

	/* The first byte acknowledges the interrupt. */
	if (f->at == 1 && !f->sought)
		fdc_interrupt(f, false);
	if (f->at == f->n)
		no_result(f);
	return v;
}

/* ---- registers ---- */

static uint8_t main_status(const struct fdc *f)
{
	uint8_t seeking = f->sought & 0xf;

	if (!(f->dor & DOR_RUN))
		return 0;
	switch (f->phase) {
	case FDC_COMMAND:
		return MSR_READY | (f->n ? MSR_BUSY : 0) | seeking;
	case FDC_PIO_IN: return MSR_READY | MSR_TO_HOST | MSR_PIO | MSR_BUSY;
	case FDC_PIO_OUT: return MSR_READY | MSR_PIO | MSR_BUSY;
	case FDC_RESULT: return MSR_READY | MSR_TO_HOST | MSR_BUSY | seeking;
	default: return MSR_BUSY;
	}
}

static uint8_t fifo_read(struct fdc *f)
{
	if (f->phase == FDC_RESULT)
		return result_byte(f);
	return f->phase == FDC_PIO_IN ? fdc_pio_read(f) : 0;
}

static void fifo_write(struct fdc *f, uint8_t v)
{
	if (!(f->dor & DOR_RUN))
		return;
	if (f->phase == FDC_COMMAND)
		command_byte(f, v);
	else if (f->phase == FDC_PIO_OUT)
		fdc_pio_write(f, v);
}

static void set_dor(struct fdc *f, uint8_t v)
{
	uint8_t was = f->dor;

	f->dor = v;
	if (!(v & DOR_RUN))
		reset(f);
	else if (!(was & DOR_RUN))
		leave_reset(f);
	fdc_interrupt(f, f->raised);
}

static uint64_t fdc_read(void *dev, uint64_t offset, unsigned int size)
{
	struct fdc *f = dev;

	(void)size;
	switch (offset) {
	case DIGITAL_OUTPUT: return f->dor;
	case TAPE_DRIVE: return f->tdr;
	case MAIN_STATUS_RATE: return main_status(f);
	case FIFO: return fifo_read(f);
	default: return 0xff;		/* status A and B: not in AT mode */
	}
}

static void fdc_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct fdc *f = dev;
	uint8_t v = (uint8_t)value;

	(void)size;
	switch (offset) {
	case DIGITAL_OUTPUT: set_dor(f, v); break;
	case TAPE_DRIVE: f->tdr = v & 3; break;
	case MAIN_STATUS_RATE:
		f->rate = v & RATE;
		if (v & DSR_RESET && f->dor & DOR_RUN) {
			reset(f);
			leave_reset(f);
		}
		break;
	case FIFO: fifo_write(f, v); break;
	}
}

static uint64_t dir_read(void *dev, uint64_t offset, unsigned int size)
{
	struct fdc *f = dev;
	unsigned int n = f->dor & DOR_SELECT;
	const struct fdc_drive *d = drive_of(f, n);

	(void)offset, (void)size;
	return d && d->changed && f->dor & DOR_MOTOR << n ? DIR_CHANGED : 0;
}

static void ccr_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct fdc *f = dev;

	(void)offset, (void)size;
	f->rate = (uint8_t)value & RATE;
}

const struct bus_ops fdc_ops = { .read = fdc_read, .write = fdc_write };
const struct bus_ops fdc_dir_ops = { .read = dir_read, .write = ccr_write };

/* ---- life ---- */

int fdc_init(struct fdc *f, struct evloop *loop)
{
	unsigned int i;
	int ret;

	f->loop = loop;
	f->done = (struct ev_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = fdc_poll, .opaque = f,
	};
	ret = f->done.fd < 0 ? -errno : 0;
	f->buffer = calloc(1, FDC_BUFFER);
	if (!ret && !f->buffer)
		ret = -ENOMEM;
	if (!ret && loop)
		ret = ev_fd_add(loop, &f->done);
	for (i = 0; i < FDC_DRIVES; i++)
		f->drive[i].changed = true;
	f->rate = 2;		/* 250 kbit/s */
	reset(f);
	return ret;
}

void fdc_fini(struct fdc *f)
{
	unsigned int i;

	for (i = 0; i < FDC_DRIVES; i++) {
		if (!f->drive[i].disk)
			continue;
		disk_lock(f->drive[i].disk);
		disk_drain(f->drive[i].disk);
		disk_unlock(f->drive[i].disk);
	}
	if (f->done.fd >= 0) {
		if (f->loop)
			ev_fd_del(f->loop, &f->done);
		close(f->done.fd);
	}
	f->done.fd = -1;
	free(f->buffer);
	f->buffer = NULL;
}
