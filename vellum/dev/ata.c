/* SPDX-License-Identifier: MIT */
/* An IDE channel: registers, interrupts, data by PIO. */
#include <string.h>
#include <unistd.h>

#include "ata.h"

/* Registers, by offset; reading / writing */
enum { DATA, ERROR_FEATURE, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE,
       STATUS_COMMAND };

#define DEVICE_OBSOLETE	0xa0u	/* bits that read as one */
#define SIGNATURE_MID	0x14u
#define SIGNATURE_HIGH	0xebu
#define BM_STATUS_INT	0x04u

static struct ata_unit *selected(struct ata_channel *c)
{
	return &c->unit[c->device & ATA_DEVICE_1 ? 1 : 0];
}

static bool present(const struct ata_channel *c)
{
	return c->unit[0].disk || c->unit[1].disk;
}

/* ---- interrupts ---- */

static void update_irq(struct ata_channel *c)
{
	irq_set(&c->irq, c->intrq && !(c->control & ATA_CONTROL_NIEN));
}

void ata_interrupt(struct ata_channel *c)
{
	c->intrq = true;
	c->bm_status |= BM_STATUS_INT;
	update_irq(c);
}

/* ---- ends ---- */

void ata_done(struct ata_channel *c)
{
	c->phase = ATA_IDLE;
	c->active->status = ATA_STATUS_DRDY | ATA_STATUS_DSC;
	ata_interrupt(c);
}

void ata_fail(struct ata_channel *c, uint8_t error)
{
	c->phase = ATA_IDLE;
	c->active->error = error;
	c->active->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_ERR;
	ata_interrupt(c);
}

/* ---- the disk ---- */

/* On the I/O thread. */
static void completed(struct block_request *r)
{
	struct ata_channel *c = r->opaque;
	uint64_t one = 1;

	atomic_store(&c->completed, true);
	if (write(c->controller->done.fd, &one, sizeof(one)) < 0)
		return;		/* the loop is awake already */
}

void ata_submit(struct ata_channel *c, enum block_op op, uint64_t offset,
		uint64_t len, unsigned int n_iov,
		void (*then)(struct ata_channel *c))
{
	struct disk *d = c->active->disk;

	c->active->status |= ATA_STATUS_BSY;
	c->active->status &= (uint8_t)~ATA_STATUS_DRQ;
	c->request = (struct block_request){
		.op = op, .offset = offset, .len = len, .iov = c->iov,
		.n_iov = n_iov, .done = completed, .opaque = c,
		.durable = op == BLOCK_WRITE && c->durable,
	};
	c->then = then;
	c->busy = true;
	disk_lock(d);
	disk_submit(d, &c->request);
	disk_unlock(d);
}

static void submit_buffer(struct ata_channel *c, enum block_op op,
			  uint32_t len, void (*then)(struct ata_channel *c))
{
	c->iov[0] = (struct iovec){ c->buffer, len };
	ata_submit(c, op, c->offset, len, 1, then);
}

static uint32_t chunk(const struct ata_channel *c)
{
	return c->left < ATA_BUFFER ? (uint32_t)c->left : ATA_BUFFER;
}

/* Where a disk says that it failed: the registers hold an address then. */
static void media_error(struct ata_channel *c)
{
	if (c->active->cdrom)
		atapi_media_error(c);
	else
		ata_fail(c, ATA_ERROR_UNC);
}

/* ---- data to the guest ---- */

static void data_ready(struct ata_channel *c)
{
	struct ata_unit *u = c->active;
	uint32_t len = c->filled - c->at;

	if (len > c->block)
		len = c->block;
	c->block_end = c->at + len;
	u->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_DRQ;
	if (u->cdrom) {
		u->count[0] = ATA_REASON_IO;
		u->mid[0] = (uint8_t)len;
		u->high[0] = (uint8_t)(len >> 8);
	}
	ata_interrupt(c);
}

void ata_send(struct ata_channel *c, uint32_t len)
{
	c->phase = ATA_DATA_IN;
	c->filled = len;
	c->at = 0;
	data_ready(c);
}

static void read_done(struct ata_channel *c)
{
	if (c->request.result) {
		media_error(c);
		return;
	}
	c->offset += c->request.len;
	c->left -= c->request.len;
	if (!c->verify)
		ata_send(c, (uint32_t)c->request.len);
	else if (c->left)
		submit_buffer(c, BLOCK_READ, chunk(c), read_done);
	else
		ata_done(c);
}

void ata_read_disk(struct ata_channel *c)
{
	submit_buffer(c, BLOCK_READ, chunk(c), read_done);
}

static void block_read(struct ata_channel *c)
{
	if (c->at < c->filled) {
		data_ready(c);
	} else if (c->left) {
		ata_read_disk(c);
	} else if (c->active->cdrom) {
		atapi_end(c);
	} else {
		c->phase = ATA_IDLE;
		c->active->status = ATA_STATUS_DRDY | ATA_STATUS_DSC;
	}
}

/* ---- data from the guest ---- */

static void want_data(struct ata_channel *c)
{
	uint32_t len = c->filled - c->at;

	c->block_end = c->at + (len < c->block ? len : c->block);
	c->active->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_DRQ;
}

void ata_write_disk(struct ata_channel *c)
{
	c->phase = ATA_DATA_OUT;
	c->filled = chunk(c);
	c->at = 0;
	want_data(c);
}

static void write_done(struct ata_channel *c)
{
	if (c->request.result) {
		media_error(c);
		return;
	}
	c->offset += c->request.len;
	c->left -= c->request.len;
	if (!c->left) {
		ata_done(c);
		return;
	}
	ata_write_disk(c);
	ata_interrupt(c);
}

static void block_written(struct ata_channel *c)
{
	if (c->phase == ATA_PACKET_OUT) {
		atapi_packet(c, c->active);
	} else if (c->at < c->filled) {
		want_data(c);
		ata_interrupt(c);
	} else {
		submit_buffer(c, BLOCK_WRITE, c->filled, write_done);
	}
}

/* ---- the data register ---- */

static bool transferring(const struct ata_channel *c, bool in)
{
	return c->active && !c->busy &&
	       c->active == &c->unit[c->device & ATA_DEVICE_1 ? 1 : 0] &&
	       c->active->status & ATA_STATUS_DRQ &&
	       (in ? c->phase == ATA_DATA_IN :
		c->phase == ATA_DATA_OUT || c->phase == ATA_PACKET_OUT);
}

static uint64_t data_read(struct ata_channel *c, unsigned int size)
{
	uint64_t v = 0;
	unsigned int i;

	if (!transferring(c, true))
		return ~0ull;
	for (i = 0; i < size && c->at < c->block_end; i++)
		v |= (uint64_t)c->buffer[c->at++] << 8 * i;
	if (c->at == c->block_end)
		block_read(c);
	return v;
}

static void data_write(struct ata_channel *c, unsigned int size, uint64_t v)
{
	unsigned int i;

	if (!transferring(c, false))
		return;
	for (i = 0; i < size && c->at < c->block_end; i++)
		c->buffer[c->at++] = (uint8_t)(v >> 8 * i);
	if (c->at == c->block_end)
		block_written(c);
}

/* The same for a string of elements, to the end of the block at most. */
static unsigned int block_elements(const struct ata_channel *c, uint64_t offset,
				   bool in, unsigned int size,
				   unsigned int count)
{
	unsigned int n = 0;

	if (!offset && transferring(c, in))
		n = (c->block_end - c->at) / size;
	return n < count ? n : count;
}

static unsigned int data_read_block(void *dev, uint64_t offset,
				    unsigned int size, unsigned int count,
				    void *buf)
{
	struct ata_channel *c = dev;
	unsigned int n = block_elements(c, offset, true, size, count);

	if (!n)
		return 0;
	memcpy(buf, c->buffer + c->at, n * size);
	c->at += n * size;
	if (c->at == c->block_end)
		block_read(c);
	return n;
}

static unsigned int data_write_block(void *dev, uint64_t offset,
				     unsigned int size, unsigned int count,
				     const void *buf)
{
	struct ata_channel *c = dev;
	unsigned int n = block_elements(c, offset, false, size, count);

	if (!n)
		return 0;
	memcpy(c->buffer + c->at, buf, n * size);
	c->at += n * size;
	if (c->at == c->block_end)
		block_written(c);
	return n;
}

/* ---- reset ---- */

void ata_signature(struct ata_unit *u)
{
	u->count[0] = u->low[0] = 1;
	u->mid[0] = u->cdrom ? SIGNATURE_MID : 0;
	u->high[0] = u->cdrom ? SIGNATURE_HIGH : 0;
}

static void reset_units(struct ata_channel *c)
{
	unsigned int i;

	for (i = 0; i < ATA_UNITS; i++) {
		struct ata_unit *u = &c->unit[i];

		ata_signature(u);
		u->error = 1;		/* diagnostics: passed */
		u->status = !u->disk || u->cdrom ? 0 :
			    ATA_STATUS_DRDY | ATA_STATUS_DSC;
		if (!u->multiple)
			u->multiple = ATA_MULTIPLE_MAX;
	}
}

/* Data of a command that was under way may still be moving: busy until then. */
static void soft_reset(struct ata_channel *c)
{
	unsigned int i;

	c->phase = ATA_IDLE;
	c->device = 0;
	c->intrq = false;
	c->bm_command &= (uint8_t)~1u;
	c->bm_status &= (uint8_t)~1u;
	update_irq(c);
	reset_units(c);
	c->orphan = c->busy;
	for (i = 0; i < ATA_UNITS && c->orphan; i++)
		if (c->unit[i].disk)
			c->unit[i].status = ATA_STATUS_BSY;
}

void ata_power_on(struct ata_channel *c)
{
	struct block_geometry g;
	unsigned int i;

	for (i = 0; i < ATA_UNITS; i++) {
		struct ata_unit *u = &c->unit[i];

		u->channel = c;
		u->heads = 16;
		u->sectors = 63;
		if (u->disk && !u->cdrom) {
			ata_geometry(u, &g);
			u->heads = (uint8_t)g.heads;
			u->sectors = (uint8_t)g.sectors;
		}
		u->multiple = ATA_MULTIPLE_MAX;
	}
	c->control = 0;
	soft_reset(c);
}

void ata_poll(void *controller)
{
	struct ata_controller *ctl = controller;
	unsigned int i;
	uint64_t n;

	if (read(ctl->done.fd, &n, sizeof(n)) < 0)
		return;
	for (i = 0; i < ATA_CHANNELS; i++) {
		struct ata_channel *c = &ctl->channel[i];

		if (!atomic_exchange(&c->completed, false))
			continue;
		c->busy = false;
		if (c->orphan) {
			c->orphan = false;
			reset_units(c);
		} else {
			c->then(c);
		}
	}
}

/* ---- registers ---- */

/*
 * Where no device is nobody drives the cable, but hosts pull DD7 down: BSY is
 * to read as cleared there, or software waits for it (ATA/ATAPI-6 "Driver types
 * and required termination").  What the other lines show is left open: zeroes,
 * as device 0 answers for a device 1 that is missing, so neither DRDY nor DRQ.
 */
#define NO_DEVICE	0x00u

static uint8_t read_status(struct ata_channel *c)
{
	const struct ata_unit *u = selected(c);

	return u->disk ? u->status : NO_DEVICE;
}

static uint8_t register_read(struct ata_channel *c, unsigned int at)
{
	const struct ata_unit *u = selected(c);
	unsigned int hob = c->control & ATA_CONTROL_HOB ? 1 : 0;

	if (!present(c))
		return NO_DEVICE;
	switch (at) {
	case ERROR_FEATURE: return u->error;
	case COUNT: return u->count[hob];
	case LBA_LOW: return u->low[hob];
	case LBA_MID: return u->mid[hob];
	case LBA_HIGH: return u->high[hob];
	case DEVICE: return c->device | DEVICE_OBSOLETE;
	default:
		c->intrq = false;
		update_irq(c);
		return read_status(c);
	}
}

static void shift_in(uint8_t reg[2], uint8_t v)
{
	reg[1] = reg[0];
	reg[0] = v;
}

/* Both devices on the cable hear it. */
static void register_write(struct ata_channel *c, unsigned int at, uint8_t v)
{
	unsigned int i;

	c->control &= (uint8_t)~ATA_CONTROL_HOB;
	if (at == DEVICE) {
		c->device = v;
		return;
	}
	for (i = 0; i < ATA_UNITS; i++) {
		struct ata_unit *u = &c->unit[i];

		/* A device at work does not listen. */
		if (u->status & (ATA_STATUS_BSY | ATA_STATUS_DRQ))
			continue;
		switch (at) {
		case ERROR_FEATURE: shift_in(u->feature, v); break;
		case COUNT: shift_in(u->count, v); break;
		case LBA_LOW: shift_in(u->low, v); break;
		case LBA_MID: shift_in(u->mid, v); break;
		case LBA_HIGH: shift_in(u->high, v); break;
		}
	}
}

#define COMMAND_DEVICE_RESET	0x08u
#define COMMAND_DIAGNOSTIC	0x90u

/* The way out when a packet device does not answer: it takes it busy, too. */
static void device_reset(struct ata_channel *c, struct ata_unit *u)
{
	if (c->busy && c->active != u)
		return;
	c->phase = ATA_IDLE;
	ata_signature(u);
	u->error = 1;
	c->orphan = c->busy;
	u->status = c->busy ? ATA_STATUS_BSY : 0;
}

static void command_write(struct ata_channel *c, uint8_t v)
{
	struct ata_unit *u = selected(c);

	if (v == COMMAND_DIAGNOSTIC && present(c) && !c->busy) {
		soft_reset(c);
		ata_interrupt(c);
		return;
	}
	if (!u->disk)
		return;
	if (v == COMMAND_DEVICE_RESET && u->cdrom) {
		device_reset(c, u);
		return;
	}
	/* One command at a time on a cable. */
	if (c->busy || u->status & (ATA_STATUS_BSY | ATA_STATUS_DRQ))
		return;
	c->intrq = false;
	update_irq(c);
	c->active = u;
	c->phase = ATA_IDLE;
	c->durable = c->verify = false;
	c->left = 0;
	u->error = 0;
	ata_command(c, u, v);
}

static uint64_t ports_read(void *dev, uint64_t offset, unsigned int size)
{
	struct ata_channel *c = dev;
	uint64_t v = 0;
	unsigned int i;

	if (!offset && present(c))
		return data_read(c, size);
	for (i = 0; i < size && offset + i < ATA_PORTS; i++)
		v |= (uint64_t)register_read(c, (unsigned int)offset + i)
		     << 8 * i;
	return v;
}

static void ports_write(void *dev, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct ata_channel *c = dev;
	unsigned int i;

	if (!offset) {
		data_write(c, size, value);
		return;
	}
	for (i = 0; i < size && offset + i < ATA_PORTS; i++, value >>= 8) {
		if (offset + i == STATUS_COMMAND)
			command_write(c, (uint8_t)value);
		else
			register_write(c, (unsigned int)offset + i,
				       (uint8_t)value);
	}
}

static uint64_t control_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)offset, (void)size;
	return read_status(dev);	/* alternate: acknowledges nothing */
}

static void control_write(void *dev, uint64_t offset, unsigned int size,
			  uint64_t value)
{
	struct ata_channel *c = dev;
	bool was = c->control & ATA_CONTROL_SRST;
	unsigned int i;

	(void)offset, (void)size;
	c->control = (uint8_t)value;
	if (c->control & ATA_CONTROL_SRST && !was) {
		soft_reset(c);
		for (i = 0; i < ATA_UNITS; i++)
			if (c->unit[i].disk)
				c->unit[i].status = ATA_STATUS_BSY;
	} else if (was && !(c->control & ATA_CONTROL_SRST) && !c->busy) {
		reset_units(c);
	}
	update_irq(c);
}

const struct bus_ops ata_ops = {
	.read = ports_read, .write = ports_write,
	.read_block = data_read_block, .write_block = data_write_block,
};
const struct bus_ops ata_control_ops = {
	.read = control_read, .write = control_write,
};
