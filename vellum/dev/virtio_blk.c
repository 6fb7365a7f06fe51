/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio_blk.h"

/* struct virtio_blk_config */
#define CONFIG_CAPACITY		0
#define CONFIG_SEG_MAX		12
#define CONFIG_CYLINDERS	16
#define CONFIG_HEADS		18
#define CONFIG_SECTORS		19
#define CONFIG_BLK_SIZE		20
#define CONFIG_PHYSICAL_EXP	24
#define CONFIG_MIN_IO		26
#define CONFIG_OPT_IO		28
#define CONFIG_WRITEBACK	32
#define CONFIG_NUM_QUEUES	34
#define CONFIG_MAX_DISCARD	36
#define CONFIG_MAX_DISCARD_SEG	40
#define CONFIG_DISCARD_ALIGN	44
#define CONFIG_MAX_ZEROES	48
#define CONFIG_MAX_ZEROES_SEG	52
#define CONFIG_ZEROES_UNMAP	56

#define SEG_MAX			(VIRTQ_SIZE_MAX - 2)
#define PHYSICAL_EXP		3u	/* 4 KiB: what files are made of */
#define RANGE_SECTORS_MAX	0x200000u	/* discard, zeroes: 1 GiB */
#define RANGE_UNMAP		1u

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t count, flags;
};

_Static_assert(sizeof(struct header) == 16 && sizeof(struct range) == 16,
	       "layout");

/* ---- buffers ---- */

/* Takes @len bytes off the front of @c's buffers to read; they are enough. */
static void take(struct virtq_chain *c, void *buf, uint64_t len)
{
	uint8_t *out = buf;
	struct iovec *v = c->iov;

	c->out_len -= len;
	while (len) {
		size_t n = v->iov_len < len ? v->iov_len : len;

		memcpy(out, v->iov_base, n);
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		out += n;
		len -= n;
		if (!v->iov_len)
			v++;
	}
}

/* The last byte of the buffers to write is the status. */
static uint8_t *take_status(struct virtq_chain *c)
{
	struct iovec *last = &c->iov[c->n_out + c->n_in - 1];

	c->in_len--;
	return (uint8_t *)last->iov_base + --last->iov_len;
}

static void fill(const struct virtq_chain *c, const void *buf, uint64_t len)
{
	const uint8_t *in = buf;
	unsigned int i;

	for (i = c->n_out; i < c->n_out + c->n_in && len; i++) {
		size_t n = c->iov[i].iov_len < len ? c->iov[i].iov_len : len;

		memcpy(c->iov[i].iov_base, in, n);
		in += n;
		len -= n;
	}
}

/* ---- requests ---- */

static void finish(struct virtio_blk_request *q, uint8_t status,
		   uint64_t written)
{
	q->busy = false;
	*q->status = status;
	if (written > UINT32_MAX - 1)
		written = UINT32_MAX - 1;
	virtq_put(q->q, q->chain.head, (uint32_t)written + 1);
}

static void done(struct block_request *r)
{
	struct virtio_blk_request *q = r->opaque;

	finish(q, r->result ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK,
	       r->result ? 0 : q->written);
}

static bool write_through(const struct virtio_blk *b)
{
	if (virtio_has(&b->v, VIRTIO_BLK_F_CONFIG_WCE))
		return !b->config[CONFIG_WRITEBACK];
	return !virtio_has(&b->v, VIRTIO_BLK_F_FLUSH);
}

static uint8_t start_rw(struct virtio_blk_request *q, const struct header *h)
{
	bool read = h->type == VIRTIO_BLK_T_IN;
	uint64_t len = read ? q->chain.in_len : q->chain.out_len;
	uint64_t sectors = q->b->disk->image.size / BLOCK_SECTOR;

	if (len % BLOCK_SECTOR || h->sector > sectors ||
	    len / BLOCK_SECTOR > sectors - h->sector ||
	    (!read && q->b->disk->image.o.readonly))
		return VIRTIO_BLK_S_IOERR;
	q->r.op = read ? BLOCK_READ : BLOCK_WRITE;
	q->r.offset = h->sector * BLOCK_SECTOR;
	q->r.len = len;
	q->r.iov = q->chain.iov + (read ? q->chain.n_out : 0);
	q->r.n_iov = read ? q->chain.n_in : q->chain.n_out;
	q->r.durable = !read && write_through(q->b);
	q->written = read ? len : 0;
	return VIRTIO_BLK_S_OK;
}

static uint8_t start_range(struct virtio_blk_request *q,
			   const struct header *h)
{
	bool zeroes = h->type == VIRTIO_BLK_T_WRITE_ZEROES;
	uint64_t sectors = q->b->disk->image.size / BLOCK_SECTOR;
	struct range range;

	/* One range per request is what the configuration promises. */
	if (q->chain.out_len != sizeof(range) ||
	    q->b->disk->image.o.readonly)
		return VIRTIO_BLK_S_IOERR;
	take(&q->chain, &range, sizeof(range));
	if (range.flags & ~(zeroes ? RANGE_UNMAP : 0))
		return VIRTIO_BLK_S_UNSUPP;
	if (range.count > RANGE_SECTORS_MAX || range.sector > sectors ||
	    range.count > sectors - range.sector)
		return VIRTIO_BLK_S_IOERR;
	q->r.op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD;
	q->r.offset = range.sector * BLOCK_SECTOR;
	q->r.len = (uint64_t)range.count * BLOCK_SECTOR;
	q->r.may_unmap = range.flags & RANGE_UNMAP;
	q->r.durable = zeroes && write_through(q->b);
	return VIRTIO_BLK_S_OK;
}

/* What goes to the disk is set up in q->r; anything but OK ends it here. */
static uint8_t start(struct virtio_blk_request *q, const struct header *h)
{
	switch (h->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return start_rw(q, h);
	case VIRTIO_BLK_T_FLUSH:
		q->r.op = BLOCK_FLUSH;
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return start_range(q, h);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void get_id(struct virtio_blk_request *q)
{
	uint64_t len = q->chain.in_len;

	if (len > VIRTIO_BLK_ID_LEN)
		len = VIRTIO_BLK_ID_LEN;
	fill(&q->chain, q->b->id, len);
	finish(q, VIRTIO_BLK_S_OK, len);
}

static void handle(struct virtio_blk_request *q)
{
	struct header h;
	uint8_t status;

	if (q->chain.out_len < sizeof(h) || !q->chain.in_len) {
		virtio_broken(&q->b->v, "a request without room for its header or its status");
		q->b->v.in_flight--;
		return;
	}
	q->busy = true;
	q->status = take_status(&q->chain);
	take(&q->chain, &h, sizeof(h));
	q->r = (struct block_request){ .done = done, .opaque = q };
	q->written = 0;
	if (h.type == VIRTIO_BLK_T_GET_ID) {
		get_id(q);
		return;
	}
	status = start(q, &h);
	if (status != VIRTIO_BLK_S_OK)
		finish(q, status, 0);
	else
		disk_submit(q->b->disk, &q->r);
}

static void take_requests(struct virtio_blk *b, struct virtq *vq)
{
	size_t first = (size_t)(vq - b->v.queue) * VIRTQ_SIZE_MAX;
	int head;

	while ((head = virtq_next(vq)) >= 0) {
		struct virtio_blk_request *q = &b->request[first +
							   (unsigned int)head];

		if (q->busy) {
			virtio_broken(&b->v, "a buffer that it has not got back");
			return;
		}
		q->b = b;
		q->q = vq;
		q->chain.iov = q->iov;
		if (!virtq_take(vq, (uint16_t)head, &q->chain))
			return;
		handle(q);
	}
}

static void notified(struct virtio_dev *v, struct virtq *vq)
{
	struct virtio_blk *b = (struct virtio_blk *)v;

	virtq_listen(vq, false);
	do {
		take_requests(b, vq);
		disk_kick(b->disk);
	} while (virtq_listen(vq, true));
}

/* After a round of completions: one interrupt for all of them. */
static void round_over(void *opaque)
{
	struct virtio_blk *b = opaque;
	unsigned int i;

	for (i = 0; i < b->v.n_queues; i++)
		virtq_tell(&b->v.queue[i]);
}

static void configured(struct virtio_dev *v, unsigned int at,
		       unsigned int size, uint64_t value)
{
	struct virtio_blk *b = (struct virtio_blk *)v;

	if (at == CONFIG_WRITEBACK && size == 1 &&
	    virtio_has(v, VIRTIO_BLK_F_CONFIG_WCE))
		b->config[at] = value & 1;
}

static void drain(struct virtio_dev *v)
{
	struct virtio_blk *b = (struct virtio_blk *)v;

	disk_drain(b->disk);
	b->disk->round = NULL;
	disk_settle(b->disk);
}

static const struct virtio_ops ops = { notified, configured, drain };

/* ---- configuration ---- */

static void set_geometry(uint8_t *c, const struct block_geometry *g)
{
	pci_put16(c + CONFIG_CYLINDERS,
		  (uint16_t)(g->cylinders > 65535 ? 65535 : g->cylinders));
	c[CONFIG_HEADS] = (uint8_t)g->heads;
	c[CONFIG_SECTORS] = (uint8_t)g->sectors;
}

static void set_config(struct virtio_blk *b)
{
	uint64_t sectors = b->disk->image.size / BLOCK_SECTOR;
	uint8_t *c = b->config;

	pci_put32(c + CONFIG_CAPACITY, (uint32_t)sectors);
	pci_put32(c + CONFIG_CAPACITY + 4, (uint32_t)(sectors >> 32));
	pci_put32(c + CONFIG_SEG_MAX, SEG_MAX);
	set_geometry(c, &b->disk->image.geometry);
	pci_put32(c + CONFIG_BLK_SIZE, BLOCK_SECTOR);
	c[CONFIG_PHYSICAL_EXP] = PHYSICAL_EXP;
	pci_put16(c + CONFIG_MIN_IO, 1u << PHYSICAL_EXP);
	c[CONFIG_WRITEBACK] = 1;
	pci_put16(c + CONFIG_NUM_QUEUES, (uint16_t)b->v.n_queues);
	pci_put32(c + CONFIG_MAX_DISCARD, RANGE_SECTORS_MAX);
	pci_put32(c + CONFIG_MAX_DISCARD_SEG, 1);
	pci_put32(c + CONFIG_DISCARD_ALIGN, 1u << PHYSICAL_EXP);
	pci_put32(c + CONFIG_MAX_ZEROES, RANGE_SECTORS_MAX);
	pci_put32(c + CONFIG_MAX_ZEROES_SEG, 1);
	c[CONFIG_ZEROES_UNMAP] = 1;
}

static uint64_t features(const struct virtio_blk *b)
{
	uint64_t f = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
		     VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX |
		     VIRTIO_BLK_F_GEOMETRY | VIRTIO_BLK_F_BLK_SIZE |
		     VIRTIO_BLK_F_TOPOLOGY;

	if (b->v.n_queues > 1)
		f |= VIRTIO_BLK_F_MQ;
	if (b->disk->image.o.readonly)
		return f | VIRTIO_BLK_F_RO;
	return f | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE |
	       VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
}

int virtio_blk_add(struct virtio_blk *b, struct pci_bus *bus, int devfn,
		   struct disk *disk, const char *name, const char *id,
		   unsigned int n_queues, const struct virtio_host *host)
{
	int ret;

	memset(b, 0, sizeof(*b));
	if (!n_queues)
		n_queues = 1;
	if (n_queues > VIRTIO_BLK_QUEUES_MAX)
		n_queues = VIRTIO_BLK_QUEUES_MAX;
	b->request = calloc((size_t)n_queues * VIRTQ_SIZE_MAX,
			    sizeof(*b->request));
	if (!b->request)
		return -ENOMEM;
	b->disk = disk;
	memcpy(b->id, id, strnlen(id, sizeof(b->id)));
	b->v = (struct virtio_dev){
		.ops = &ops, .host = *host, .name = name,
		.io_lock = &disk->lock, .io_loop = &disk->loop,
		.n_queues = n_queues, .config = b->config,
		.config_len = VIRTIO_BLK_CONFIG_LEN,
	};
	b->v.offered = features(b);
	set_config(b);
	disk_lock(disk);
	disk->round = round_over;
	disk->round_opaque = b;
	disk_unlock(disk);
	ret = virtio_add(&b->v, bus, devfn, VIRTIO_BLK_TYPE, 1, 0);
	if (ret)
		virtio_blk_remove(b);
	return ret;
}

void virtio_blk_remove(struct virtio_blk *b)
{
	virtio_remove(&b->v);
	free(b->request);
	b->request = NULL;
}
