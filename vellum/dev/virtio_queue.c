/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (Virtio "Split Virtqueues").  The guest writes to all of
 * this memory while we look at it, so what is used is read once.
 */
#include <string.h>

#include "virtio.h"

/* Halfwords of the available ring; the used ring is laid out alike. */
#define RING_FLAGS	0u
#define RING_INDEX	1u
#define RING_ENTRIES	2u
#define USED_ELEM	4u	/* halfwords in a struct virtq_used_elem */

static uint16_t load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* After the rings come the event indices (feature EVENT_IDX). */
static uint16_t *used_event(const struct virtq *q)
{
	return q->avail + RING_ENTRIES + q->size;
}

static uint16_t *avail_event(const struct virtq *q)
{
	return q->used + RING_ENTRIES + USED_ELEM * q->size;
}

static void *memory(const struct virtq *q, uint64_t at, uint64_t len)
{
	return ram_at(q->dev->ram, GPA(at), len);
}

bool virtq_start(struct virtq *q)
{
	uint64_t size = q->size;

	if (!size || size & (size - 1) || size > VIRTQ_SIZE_MAX ||
	    q->desc_at % 16 || q->driver_at % 2 || q->device_at % 4)
		return false;
	q->desc = memory(q, q->desc_at, size * sizeof(*q->desc));
	q->avail = memory(q, q->driver_at, 6 + 2 * size);
	q->used = memory(q, q->device_at,
			 6 + size * sizeof(struct virtq_used_elem));
	if (!q->desc || !q->avail || !q->used)
		return false;
	q->next_avail = q->used_index = q->told_index = 0;
	q->told = q->dirty = false;
	q->enabled = true;
	return true;
}

void virtq_stop(struct virtq *q)
{
	q->enabled = false;
	q->desc = NULL;
	q->avail = q->used = NULL;
}

static bool running(const struct virtq *q)
{
	return q->enabled &&
	       (q->dev->status & (VIRTIO_STATUS_DRIVER_OK |
				  VIRTIO_STATUS_NEEDS_RESET)) ==
	       VIRTIO_STATUS_DRIVER_OK &&
	       pci_get16(&q->dev->pci, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

int virtq_next(struct virtq *q)
{
	uint16_t waiting, head;

	if (!running(q))
		return -1;
	waiting = (uint16_t)(load16(&q->avail[RING_INDEX]) - q->next_avail);
	if (!waiting)
		return -1;
	if (waiting > q->size) {
		virtio_broken(q->dev, "its index of available buffers jumped");
		return -1;
	}
	head = load16(&q->avail[RING_ENTRIES + q->next_avail % q->size]);
	if (head >= q->size) {
		virtio_broken(q->dev, "a descriptor beyond the table");
		return -1;
	}
	q->next_avail++;
	return head;
}

static bool add(struct virtq *q, struct virtq_chain *c,
		const struct virtq_desc *d)
{
	unsigned int n = c->n_out + c->n_in;
	bool in = d->flags & VIRTQ_DESC_WRITE;
	void *p;

	if (!in && c->n_in) {
		virtio_broken(q->dev, "a buffer to read after one to write");
		return false;
	}
	if (!d->len)
		return true;
	p = memory(q, d->addr, d->len);
	if (!p || n >= VIRTQ_IOV_MAX) {
		virtio_broken(q->dev, p ? "too many buffers" :
			      "a buffer outside of its memory");
		return false;
	}
	c->iov[n] = (struct iovec){ p, d->len };
	if (in) {
		c->n_in++;
		c->in_len += d->len;
	} else {
		c->n_out++;
		c->out_len += d->len;
	}
	return true;
}

/* Goes on in a table of its own; its size, 0 = nonsense. */
static unsigned int indirect(struct virtq *q, const struct virtq_desc *d,
			     const struct virtq_desc **table)
{
	unsigned int n = d->len / (unsigned int)sizeof(*d);

	if (!virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC) ||
	    d->flags & VIRTQ_DESC_NEXT || d->len % sizeof(*d) ||
	    n > VIRTQ_SIZE_MAX)
		return 0;
	*table = memory(q, d->addr, d->len);
	return *table ? n : 0;
}

bool virtq_take(struct virtq *q, uint16_t head, struct virtq_chain *c)
{
	const struct virtq_desc *table = q->desc;
	unsigned int n = q->size, i = head, seen = 0;
	bool inner = false;
	struct virtq_desc d;

	c->head = head;
	c->n_out = c->n_in = 0;
	c->out_len = c->in_len = 0;
	for (;;) {
		if (i >= n || seen++ >= n) {
			virtio_broken(q->dev, i >= n ?
				      "a descriptor beyond the table" :
				      "a chain of descriptors without end");
			return false;
		}
		memcpy(&d, &table[i], sizeof(d));
		__asm__ volatile("" : : : "memory");	/* no second look */
		if (d.flags & VIRTQ_DESC_INDIRECT) {
			n = inner ? 0 : indirect(q, &d, &table);
			inner = true;
			if (!n) {
				virtio_broken(q->dev,
					      "an indirect table that can't be");
				return false;
			}
			i = seen = 0;
			continue;
		}
		if (!add(q, c, &d))
			return false;
		if (!(d.flags & VIRTQ_DESC_NEXT))
			break;
		i = d.next;
	}
	q->dev->in_flight++;
	return true;
}

void virtq_put(struct virtq *q, uint16_t head, uint32_t written)
{
	struct virtq_used_elem e = { .id = head, .len = written };
	struct virtio_dev *dev = q->dev;

	dev->in_flight--;
	if (dev->resetting) {
		if (!dev->in_flight)
			virtio_reset_done(dev);
		return;
	}
	if (!q->enabled)
		return;
	memcpy(q->used + RING_ENTRIES + USED_ELEM * (q->used_index % q->size),
	       &e, sizeof(e));
	q->used_index++;
	store16(&q->used[RING_INDEX], q->used_index);
	q->dirty = true;
}

static bool wanted(struct virtq *q)
{
	uint16_t old = q->told_index, event;

	/* The guest must see the index before we see what it wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!virtio_has(q->dev, VIRTIO_F_EVENT_IDX))
		return !(load16(&q->avail[RING_FLAGS]) &
			 VIRTQ_AVAIL_NO_INTERRUPT);
	event = load16(used_event(q));
	q->told_index = q->used_index;
	if (!q->told) {
		q->told = true;
		return true;
	}
	return (uint16_t)(q->used_index - event - 1) <
	       (uint16_t)(q->used_index - old);
}

void virtq_tell(struct virtq *q)
{
	if (!q->dirty || !q->enabled)
		return;
	q->dirty = false;
	if (wanted(q))
		virtio_interrupt(q->dev, q->vector, false);
}

bool virtq_listen(struct virtq *q, bool on)
{
	if (!running(q))
		return false;
	if (virtio_has(q->dev, VIRTIO_F_EVENT_IDX)) {
		/* An index that has passed brings none: nothing to do. */
		if (!on)
			return false;
		store16(avail_event(q), q->next_avail);
	} else {
		store16(&q->used[RING_FLAGS], on ? 0 : VIRTQ_USED_NO_NOTIFY);
	}
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&q->avail[RING_INDEX]) != q->next_avail;
}
