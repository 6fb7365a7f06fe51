/* SPDX-License-Identifier: MIT */
/*
 * The controller's PCI function and its bus masters ("Programming Interface
 * for Bus Master IDE Controller"): a table in guest memory says where data
 * goes; the transfer begins when both the drive and the guest are ready.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ata.h"

#define BM_BAR		4u
#define BM_SIZE		16u
#define BM_CHANNEL	8u
#define BM_COMMAND	0u
#define BM_STATUS	2u
#define BM_PRD		4u
#define BM_START	0x01u
#define BM_TO_MEMORY	0x08u
#define BM_ACTIVE	0x01u
#define BM_ERROR	0x02u
#define BM_INT		0x04u
#define BM_DRIVES	0x60u	/* software's note that drives can */

#define PRD_END		0x8000u

/* PIIX3 configuration: each channel's timing, with its decode enable */
#define PIIX_TIMING_0	0x40u
#define PIIX_TIMING_1	0x42u
#define PIIX_DECODE	0x8000u

struct prd {
	uint32_t base;
	uint16_t count, flags;
};

_Static_assert(sizeof(struct prd) == 8, "layout");

/*
 * The table as buffers, no more than @len bytes of them; the number of bytes
 * that it has room for, 0 if it is wrong.
 */
static uint64_t read_table(struct ata_channel *c, uint64_t len, unsigned int *n)
{
	uint32_t at = c->prd;
	uint64_t total = 0;

	for (*n = 0; total < len && *n < ATA_PRD_MAX; at += sizeof(struct prd)) {
		const void *entry = pci_dma(&c->controller->pci, GPA(at),
					    sizeof(struct prd));
		struct prd p;
		uint64_t size;
		void *data;

		if (!entry)
			return 0;
		memcpy(&p, entry, sizeof(p));
		size = p.count & ~1u ? p.count & ~1u : 65536;
		if (size > len - total)
			size = len - total;
		data = pci_dma(&c->controller->pci, GPA(p.base & ~1u), size);
		if (!data)
			return 0;
		c->iov[(*n)++] = (struct iovec){ data, size };
		total += size;
		if (p.flags & PRD_END)
			break;
	}
	return total;
}

static void stop(struct ata_channel *c, uint8_t error)
{
	c->bm_status &= (uint8_t)~BM_ACTIVE;
	c->bm_status |= error;
}

static void failed(struct ata_channel *c, uint8_t error)
{
	if (c->active->cdrom)
		atapi_media_error(c);
	else
		ata_fail(c, error);
}

static void disk_done(struct ata_channel *c)
{
	if (c->request.result) {
		stop(c, BM_ERROR);
		failed(c, ATA_ERROR_UNC);
		return;
	}
	stop(c, 0);
	c->left = 0;
	if (c->active->cdrom)
		atapi_end(c);
	else
		ata_done(c);
}

/* An answer that lies in the buffer. */
static void buffer_done(struct ata_channel *c, unsigned int n)
{
	const uint8_t *from = c->buffer;
	unsigned int i;

	for (i = 0; i < n; i++) {
		memcpy(c->iov[i].iov_base, from, c->iov[i].iov_len);
		from += c->iov[i].iov_len;
	}
	stop(c, 0);
	atapi_end(c);
}

static void begin(struct ata_channel *c)
{
	uint64_t len = c->left ? c->left : c->filled;
	unsigned int n;

	c->phase = ATA_IDLE;
	if (read_table(c, len, &n) < len ||
	    !(c->bm_command & BM_TO_MEMORY) == c->dma_in) {
		stop(c, BM_ERROR);
		failed(c, ATA_ERROR_ABRT);
		return;
	}
	if (c->left)
		ata_submit(c, c->dma_in ? BLOCK_READ : BLOCK_WRITE, c->offset,
			   len, n, disk_done);
	else
		buffer_done(c, n);
}

void ata_dma_request(struct ata_channel *c, bool in)
{
	c->dma_in = in;
	c->phase = ATA_DMA_WAIT;
	c->active->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_DRQ;
	if (c->bm_status & BM_ACTIVE)
		begin(c);
}

/* ---- registers ---- */

static void set_command(struct ata_channel *c, uint8_t v)
{
	bool was = c->bm_command & BM_START;

	c->bm_command = v & (BM_START | BM_TO_MEMORY);
	if (!(v & BM_START)) {
		c->bm_status &= (uint8_t)~BM_ACTIVE;
		return;
	}
	if (was)
		return;
	c->bm_status |= BM_ACTIVE;
	if (c->phase == ATA_DMA_WAIT)
		begin(c);
}

static uint8_t bm_read_byte(const struct ata_channel *c, unsigned int at)
{
	switch (at) {
	case BM_COMMAND: return c->bm_command;
	case BM_STATUS: return c->bm_status;
	case BM_PRD: case BM_PRD + 1: case BM_PRD + 2: case BM_PRD + 3:
		return (uint8_t)(c->prd >> 8 * (at - BM_PRD));
	default: return 0;
	}
}

static void bm_write_byte(struct ata_channel *c, unsigned int at, uint8_t v)
{
	unsigned int shift = 8 * (at & 3);

	switch (at) {
	case BM_COMMAND:
		set_command(c, v);
		break;
	case BM_STATUS:
		c->bm_status = (uint8_t)((c->bm_status &
					  ~(v & (BM_INT | BM_ERROR)) &
					  ~BM_DRIVES) | (v & BM_DRIVES));
		break;
	case BM_PRD: case BM_PRD + 1: case BM_PRD + 2: case BM_PRD + 3:
		c->prd = (c->prd & ~(0xffu << shift)) | (uint32_t)v << shift;
		c->prd &= ~3u;
		break;
	}
}

static struct ata_channel *bm_channel(struct ata_controller *c, uint64_t offset)
{
	return &c->channel[offset / BM_CHANNEL % ATA_CHANNELS];
}

static uint64_t bm_read(void *dev, uint64_t offset, unsigned int size)
{
	uint64_t v = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		v |= (uint64_t)bm_read_byte(bm_channel(dev, offset + i),
					    (unsigned int)(offset + i) %
					    BM_CHANNEL) << 8 * i;
	return v;
}

static void bm_write(void *dev, uint64_t offset, unsigned int size,
		     uint64_t value)
{
	unsigned int i;

	for (i = 0; i < size; i++, value >>= 8)
		bm_write_byte(bm_channel(dev, offset + i),
			      (unsigned int)(offset + i) % BM_CHANNEL,
			      (uint8_t)value);
}

static const struct bus_ops bm_ops = { .read = bm_read, .write = bm_write };

/* ---- the function ---- */

static int init_channel(struct ata_controller *ctl, unsigned int i)
{
	struct ata_channel *c = &ctl->channel[i];

	c->controller = ctl;
	c->number = i;
	c->buffer = calloc(1, ATA_BUFFER);
	c->iov = calloc(ATA_PRD_MAX, sizeof(*c->iov));
	if (!c->buffer || !c->iov)
		return -ENOMEM;
	ata_power_on(c);
	return 0;
}

static void init_config(struct pci_dev *d)
{
	/* Channels that are off would be left alone by their drivers. */
	pci_put16(d->config + PIIX_TIMING_0, PIIX_DECODE);
	pci_put16(d->config + PIIX_TIMING_1, PIIX_DECODE);
	memset(d->writable + PIIX_TIMING_0, 0xff, 4);
	/* Decodes its fixed ports by the same bit as its BAR. */
	d->writable[PCI_COMMAND] |= PCI_COMMAND_IO | PCI_COMMAND_MASTER;
}

int ata_add(struct ata_controller *c, struct pci_bus *bus, int devfn,
	    struct evloop *loop)
{
	static const struct pci_ids ids = {
		.vendor = PCI_VENDOR_INTEL, .device = 0x7010,
		.class = 1, .subclass = 1, .prog_if = 0x80,
	};
	int ret;

	pci_dev_init(&c->pci, "IDE", &ids);
	init_config(&c->pci);
	pci_dev_bar(&c->pci, BM_BAR, PCI_BAR_IO, BM_SIZE, 4, &bm_ops, c);
	c->loop = loop;
	c->done = (struct ev_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = ata_poll, .opaque = c,
	};
	ret = c->done.fd < 0 ? -errno : 0;
	if (!ret && loop)
		ret = ev_fd_add(loop, &c->done);
	if (!ret)
		ret = init_channel(c, 0);
	if (!ret)
		ret = init_channel(c, 1);
	if (!ret)
		ret = pci_add(bus, &c->pci, devfn);
	if (ret)
		ata_remove(c);
	return ret;
}

void ata_remove(struct ata_controller *c)
{
	unsigned int i, j;

	for (i = 0; i < ATA_CHANNELS; i++) {
		struct ata_channel *ch = &c->channel[i];

		for (j = 0; j < ATA_UNITS; j++) {
			struct disk *d = ch->unit[j].disk;

			if (!d)
				continue;
			disk_lock(d);
			disk_drain(d);
			disk_unlock(d);
		}
		free(ch->buffer);
		free(ch->iov);
		ch->buffer = NULL;
		ch->iov = NULL;
	}
	pci_remove(&c->pci);
	if (c->done.fd >= 0) {
		if (c->loop)
			ev_fd_del(c->loop, &c->done);
		close(c->done.fd);
	}
	c->done.fd = -1;
}
