/* SPDX-License-Identifier: MIT */
/* Virtio's registers in PCI BARs (Virtio "Virtio Over PCI Bus"). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio.h"

#define MSIX_BAR	1u

/* Vendor capabilities */
#define CAP_TYPE	3u
#define CAP_BAR		4u
#define CAP_OFFSET	8u
#define CAP_LENGTH	12u
#define CAP_LEN		16u
#define CAP_NOTIFY_STEP	16u
#define CAP_DATA	16u
#define CAP_COMMON	1u
#define CAP_NOTIFY	2u
#define CAP_ISR		3u
#define CAP_CONFIG	4u
#define CAP_WINDOW	5u	/* BARs by way of configuration space */

#define ISR_QUEUE	1u
#define ISR_CONFIG	2u

static uint64_t ones(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

static void poke(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;		/* its count is at the top */
}

/* ---- interrupts ---- */

void virtio_interrupt(struct virtio_dev *d, uint16_t vector, bool config)
{
	int fd;

	if (!atomic_load(&d->messages)) {
		atomic_fetch_or(&d->isr, config ? ISR_CONFIG : ISR_QUEUE);
		if (d->irq.fd >= 0)
			poke(d->irq.fd);
		return;
	}
	if (vector > VIRTIO_QUEUES_MAX)
		return;
	fd = atomic_load(&d->vector_fd[vector]);
	if (fd >= 0) {
		poke(fd);
		return;
	}
	atomic_fetch_or(&d->unsent, 1u << vector);
	if (d->irq.fd >= 0)
		poke(d->irq.fd);
}

/* In the machine's event loop: what could not be sent from where it arose. */
static void irq_ready(void *opaque)
{
	struct virtio_dev *d = opaque;
	unsigned int i, unsent;
	uint64_t n;

	if (read(d->irq.fd, &n, sizeof(n)) < 0)
		return;
	unsent = atomic_exchange(&d->unsent, 0);
	for (i = 0; i <= VIRTIO_QUEUES_MAX; i++)
		if (unsent & 1u << i)
			pci_msg(&d->pci, i);
	pci_intx(&d->pci, !atomic_load(&d->messages) && atomic_load(&d->isr));
}

static uint16_t set_vector(struct virtio_dev *d, uint16_t vector)
{
	if (vector >= d->pci.n_vectors)
		return VIRTIO_NO_VECTOR;
	atomic_store(&d->vector_fd[vector], pci_msix_fd(&d->pci, vector));
	return vector;
}

void virtio_broken(struct virtio_dev *d, const char *why)
{
	if (!d->said)
		fprintf(stderr,
			"vellum: %s: the guest's driver gave it nonsense: %s; the device waits for a reset\n",
			d->name, why);
	d->said = true;
	d->status |= VIRTIO_STATUS_NEEDS_RESET;
	if (d->status & VIRTIO_STATUS_DRIVER_OK)
		virtio_interrupt(d, d->config_vector, true);
}

/* ---- reset ---- */

void virtio_reset_done(struct virtio_dev *d)
{
	unsigned int i;

	d->resetting = false;
	d->status = 0;
	d->accepted = 0;
	d->feature_select = d->driver_select = 0;
	d->queue_select = 0;
	d->config_vector = VIRTIO_NO_VECTOR;
	for (i = 0; i < d->n_queues; i++) {
		struct virtq *q = &d->queue[i];

		virtq_stop(q);
		q->size = VIRTQ_SIZE_MAX;
		q->vector = VIRTIO_NO_VECTOR;
		q->desc_at = q->driver_at = q->device_at = 0;
	}
	atomic_store(&d->isr, 0);
	atomic_store(&d->unsent, 0);
}

/* Until the last request is back the guest reads its old status. */
static void begin_reset(struct virtio_dev *d)
{
	unsigned int i;

	for (i = 0; i < d->n_queues; i++)
		virtq_stop(&d->queue[i]);
	if (d->in_flight)
		d->resetting = true;
	else
		virtio_reset_done(d);
	pci_intx(&d->pci, false);
}

/* ---- common configuration ---- */

static struct virtq *selected(struct virtio_dev *d)
{
	return d->queue_select < d->n_queues ? &d->queue[d->queue_select] :
					       NULL;
}

static uint32_t half(uint64_t v, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(v >> 32 * select);
}

static void put64(uint8_t *at, uint64_t v)
{
	pci_put32(at, (uint32_t)v);
	pci_put32(at + 4, (uint32_t)(v >> 32));
}

static void common_image(struct virtio_dev *d, uint8_t c[VIRTIO_COMMON_LEN])
{
	const struct virtq *q = selected(d);

	memset(c, 0, VIRTIO_COMMON_LEN);
	pci_put32(c + VIRTIO_DEVICE_FEATURE_SELECT, d->feature_select);
	pci_put32(c + VIRTIO_DEVICE_FEATURE,
		  half(d->offered, d->feature_select));
	pci_put32(c + VIRTIO_DRIVER_FEATURE_SELECT, d->driver_select);
	pci_put32(c + VIRTIO_DRIVER_FEATURE,
		  half(d->accepted, d->driver_select));
	pci_put16(c + VIRTIO_CONFIG_VECTOR, d->config_vector);
	pci_put16(c + VIRTIO_NUM_QUEUES, (uint16_t)d->n_queues);
	c[VIRTIO_STATUS] = d->status;
	pci_put16(c + VIRTIO_QUEUE_SELECT, d->queue_select);
	if (!q)
		return;		/* size 0: there is no such queue */
	pci_put16(c + VIRTIO_QUEUE_SIZE, q->size);
	pci_put16(c + VIRTIO_QUEUE_VECTOR, q->vector);
	pci_put16(c + VIRTIO_QUEUE_ENABLE, q->enabled);
	pci_put16(c + VIRTIO_QUEUE_NOTIFY_OFF, d->queue_select);
	put64(c + VIRTIO_QUEUE_DESC, q->desc_at);
	put64(c + VIRTIO_QUEUE_DRIVER, q->driver_at);
	put64(c + VIRTIO_QUEUE_DEVICE, q->device_at);
}

static void set_driver_features(struct virtio_dev *d, uint32_t v)
{
	unsigned int shift = 32 * d->driver_select;

	if (d->driver_select > 1 || d->status & VIRTIO_STATUS_FEATURES_OK)
		return;
	d->accepted = (d->accepted & ~(0xffffffffull << shift)) |
		      (uint64_t)v << shift;
}

static void set_status(struct virtio_dev *d, uint8_t v)
{
	if (!v) {
		begin_reset(d);
		return;
	}
	/* Features that we lack, or a driver of before 1.0: not OK. */
	if (v & VIRTIO_STATUS_FEATURES_OK &&
	    !(d->status & VIRTIO_STATUS_FEATURES_OK) &&
	    (d->accepted & ~d->offered ||
	     !(d->accepted & VIRTIO_F_VERSION_1)))
		v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	d->status = (uint8_t)(v | (d->status & VIRTIO_STATUS_NEEDS_RESET));
	/* What became available before it was OK. */
	if (v & VIRTIO_STATUS_DRIVER_OK) {
		unsigned int i;

		for (i = 0; i < d->n_queues; i++)
			if (d->queue[i].enabled)
				poke(d->queue[i].kick.fd);
	}
}

static void enable_queue(struct virtio_dev *d, struct virtq *q, uint64_t v)
{
	if (v != 1 || q->enabled)
		return;
	if (!virtq_start(q))
		virtio_broken(d, "a virtqueue that can't be");
}

/* 64-bit fields come as one quad word or as two double words. */
static bool set_address(uint64_t *field, unsigned int at, unsigned int size,
			uint64_t v)
{
	if (size == 8 && !at)
		*field = v;
	else if (size == 4 && !at)
		*field = (*field & ~0xffffffffull) | (uint32_t)v;
	else if (size == 4 && at == 4)
		*field = (uint32_t)*field | v << 32;
	else
		return false;
	return true;
}

static void queue_write(struct virtio_dev *d, struct virtq *q, unsigned int at,
			unsigned int size, uint64_t v)
{
	if (at == VIRTIO_QUEUE_VECTOR && size == 2)
		q->vector = set_vector(d, (uint16_t)v);
	else if (at == VIRTIO_QUEUE_ENABLE && size == 2)
		enable_queue(d, q, v);
	else if (q->enabled)
		return;		/* the rest is settled */
	else if (at == VIRTIO_QUEUE_SIZE && size == 2)
		q->size = (uint16_t)v;
	else if (at >= VIRTIO_QUEUE_DEVICE)
		set_address(&q->device_at, at - VIRTIO_QUEUE_DEVICE, size, v);
	else if (at >= VIRTIO_QUEUE_DRIVER)
		set_address(&q->driver_at, at - VIRTIO_QUEUE_DRIVER, size, v);
	else if (at >= VIRTIO_QUEUE_DESC)
		set_address(&q->desc_at, at - VIRTIO_QUEUE_DESC, size, v);
}

static void common_write(struct virtio_dev *d, unsigned int at,
			 unsigned int size, uint64_t v)
{
	struct virtq *q = selected(d);

	if (d->resetting)
		return;
	if (at == VIRTIO_DEVICE_FEATURE_SELECT && size == 4)
		d->feature_select = (uint32_t)v;
	else if (at == VIRTIO_DRIVER_FEATURE_SELECT && size == 4)
		d->driver_select = (uint32_t)v;
	else if (at == VIRTIO_DRIVER_FEATURE && size == 4)
		set_driver_features(d, (uint32_t)v);
	else if (at == VIRTIO_CONFIG_VECTOR && size == 2)
		d->config_vector = set_vector(d, (uint16_t)v);
	else if (at == VIRTIO_STATUS && size == 1)
		set_status(d, (uint8_t)v);
	else if (at == VIRTIO_QUEUE_SELECT && size == 2)
		d->queue_select = (uint16_t)v;
	else if (at >= VIRTIO_QUEUE_SIZE && q)
		queue_write(d, q, at, size, v);
}

/* ---- the BAR ---- */

static uint64_t bytes(const uint8_t *p, unsigned int len, unsigned int at,
		      unsigned int size)
{
	uint64_t v = 0;
	unsigned int i;

	for (i = 0; i < size && at + i < len; i++)
		v |= (uint64_t)p[at + i] << 8 * i;
	return v;
}

static uint64_t isr_read(struct virtio_dev *d)
{
	unsigned int v = atomic_exchange(&d->isr, 0);

	pci_intx(&d->pci, false);
	return v;
}

static uint64_t locked_read(struct virtio_dev *d, unsigned int at,
			    unsigned int size)
{
	uint8_t common[VIRTIO_COMMON_LEN];

	if (at >= VIRTIO_NOTIFY)
		return 0;
	if (at >= VIRTIO_CONFIG)
		return bytes(d->config, d->config_len, at - VIRTIO_CONFIG,
			     size);
	common_image(d, common);
	return bytes(common, VIRTIO_COMMON_LEN, at, size);
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned int size)
{
	struct virtio_dev *d = dev;
	unsigned int at = (unsigned int)offset;
	uint64_t v;

	if (at >= VIRTIO_ISR && at < VIRTIO_CONFIG)
		return at == VIRTIO_ISR ? isr_read(d) : 0;
	pthread_mutex_lock(d->io_lock);
	v = locked_read(d, at, size);
	pthread_mutex_unlock(d->io_lock);
	return v;
}

static void notify(struct virtio_dev *d, unsigned int at)
{
	unsigned int i = at / VIRTIO_NOTIFY_STEP;

	if (at % VIRTIO_NOTIFY_STEP == 0 && i < d->n_queues)
		poke(d->queue[i].kick.fd);
}

static void bar_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct virtio_dev *d = dev;
	unsigned int at = (unsigned int)offset;

	if (at >= VIRTIO_NOTIFY) {
		notify(d, at - VIRTIO_NOTIFY);
		return;
	}
	pthread_mutex_lock(d->io_lock);
	if (at < VIRTIO_COMMON_LEN)
		common_write(d, at, size, value);
	else if (at >= VIRTIO_CONFIG && d->ops->configured &&
		 at - VIRTIO_CONFIG + size <= d->config_len && !d->resetting)
		d->ops->configured(d, at - VIRTIO_CONFIG, size, value);
	pthread_mutex_unlock(d->io_lock);
}

static const struct bus_ops bar_ops = { .read = bar_read, .write = bar_write };

/* ---- configuration space ---- */

/* Offset into the BAR that the window shows, or -1. */
static int window(const struct virtio_dev *d, unsigned int *size)
{
	uint32_t at = pci_get32(&d->pci, d->window_cap + CAP_OFFSET);
	uint32_t len = pci_get32(&d->pci, d->window_cap + CAP_LENGTH);

	if (d->pci.config[d->window_cap + CAP_BAR] != VIRTIO_BAR ||
	    (len != 1 && len != 2 && len != 4) || at % len ||
	    at >= VIRTIO_BAR_SIZE)
		return -1;
	*size = len;
	return (int)at;
}

static bool in_window(const struct virtio_dev *d, unsigned int at,
		      unsigned int size)
{
	unsigned int data = d->window_cap + CAP_DATA;

	return at < data + 4 && at + size > data;
}

static void config_read(struct pci_dev *pci, unsigned int at,
			unsigned int size)
{
	struct virtio_dev *d = (struct virtio_dev *)pci;
	unsigned int len;
	int offset;

	if (!in_window(d, at, size))
		return;
	offset = window(d, &len);
	if (offset >= 0)
		pci_put32(pci->config + d->window_cap + CAP_DATA,
			  (uint32_t)(bar_read(d, (uint64_t)offset, len) &
				     ones(len)));
}

static void config_written(struct pci_dev *pci, unsigned int at,
			   unsigned int size)
{
	struct virtio_dev *d = (struct virtio_dev *)pci;
	unsigned int len;
	int offset;

	atomic_store(&d->messages, pci_msix_enabled(pci));
	if (atomic_load(&d->messages) && pci->intx)
		pci_intx(pci, false);
	if (!in_window(d, at, size))
		return;
	offset = window(d, &len);
	if (offset >= 0)
		bar_write(d, (uint64_t)offset, len,
			  pci_get32(pci, d->window_cap + CAP_DATA) & ones(len));
}

/* The kernel side watches the place where the guest's notifications go. */
static void bar_moved(struct pci_dev *pci, unsigned int bar)
{
	struct virtio_dev *d = (struct virtio_dev *)pci;
	const struct pci_bar *b = &pci->bar[VIRTIO_BAR];
	unsigned int i;

	if (bar != VIRTIO_BAR || !d->host.ioeventfd)
		return;
	for (i = 0; i < d->n_queues; i++) {
		struct virtq *q = &d->queue[i];
		uint64_t at = b->range.base + VIRTIO_NOTIFY +
			      i * VIRTIO_NOTIFY_STEP;

		if (b->mapped == q->by_kernel)
			continue;
		/* If it can't be done, our own handler does the same. */
		if (!d->host.ioeventfd(d->host.opaque, at, q->kick.fd,
				       b->mapped))
			q->by_kernel = b->mapped;
	}
}

static uint8_t add_cap(struct pci_dev *pci, uint8_t type, uint32_t offset,
		       uint32_t length, unsigned int more)
{
	uint8_t at = pci_dev_cap(pci, PCI_CAP_VENDOR, CAP_LEN + more);
	uint8_t *c = pci->config + at;

	c[2] = (uint8_t)(CAP_LEN + more);
	c[CAP_TYPE] = type;
	c[CAP_BAR] = VIRTIO_BAR;
	pci_put32(c + CAP_OFFSET, offset);
	pci_put32(c + CAP_LENGTH, length);
	return at;
}

static void add_caps(struct virtio_dev *d)
{
	struct pci_dev *pci = &d->pci;
	uint8_t at;

	add_cap(pci, CAP_COMMON, VIRTIO_COMMON, VIRTIO_COMMON_LEN, 0);
	add_cap(pci, CAP_ISR, VIRTIO_ISR, 1, 0);
	add_cap(pci, CAP_CONFIG, VIRTIO_CONFIG, d->config_len, 0);
	at = add_cap(pci, CAP_NOTIFY, VIRTIO_NOTIFY,
		     VIRTIO_QUEUES_MAX * VIRTIO_NOTIFY_STEP, 4);
	pci_put32(pci->config + at + CAP_NOTIFY_STEP, VIRTIO_NOTIFY_STEP);
	d->window_cap = at = add_cap(pci, CAP_WINDOW, 0, 0, 4);
	pci->writable[at + CAP_BAR] = 0xff;
	memset(pci->writable + at + CAP_OFFSET, 0xff, 12);
}

/* ---- life ---- */

static void kicked(void *opaque)
{
	struct virtq *q = opaque;
	uint64_t n;

	if (read(q->kick.fd, &n, sizeof(n)) > 0 && q->enabled)
		q->dev->ops->notified(q->dev, q);
}

static int add_queues(struct virtio_dev *d)
{
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(d->io_lock);
	for (i = 0; i < d->n_queues && !ret; i++) {
		struct virtq *q = &d->queue[i];

		q->dev = d;
		q->kick = (struct ev_fd){
			.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.ready = kicked, .opaque = q,
		};
		ret = q->kick.fd < 0 ? -errno : ev_fd_add(d->io_loop, &q->kick);
	}
	virtio_reset_done(d);
	pthread_mutex_unlock(d->io_lock);
	return ret;
}

int virtio_add(struct virtio_dev *d, struct pci_bus *bus, int devfn,
	       unsigned int type, uint8_t class, uint8_t subclass)
{
	struct pci_ids ids = {
		.vendor = PCI_VENDOR_VIRTIO,
		.device = (uint16_t)(VIRTIO_DEVICE_ID + type),
		.class = class, .subclass = subclass, .revision = 1,
	};
	unsigned int i;
	int ret;

	d->ram = bus->ram;
	pci_dev_init(&d->pci, d->name, &ids);
	pci_dev_bar(&d->pci, VIRTIO_BAR, PCI_BAR_MEM32, VIRTIO_BAR_SIZE, 8,
		    &bar_ops, d);
	pci_dev_pin(&d->pci, 1);
	add_caps(d);
	pci_dev_msix(&d->pci, MSIX_BAR, d->n_queues + 1);
	d->pci.read = config_read;
	d->pci.written = config_written;
	d->pci.moved = bar_moved;
	for (i = 0; i <= VIRTIO_QUEUES_MAX; i++)
		atomic_store(&d->vector_fd[i], -1);
	for (i = 0; i < VIRTIO_QUEUES_MAX; i++)
		d->queue[i].kick.fd = -1;
	d->irq = (struct ev_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = irq_ready, .opaque = d,
	};
	ret = d->irq.fd < 0 ? -errno : 0;
	if (!ret && d->host.loop)
		ret = ev_fd_add(d->host.loop, &d->irq);
	if (!ret)
		ret = add_queues(d);
	if (!ret)
		ret = pci_add(bus, &d->pci, devfn);
	if (ret)
		virtio_remove(d);
	return ret;
}

void virtio_remove(struct virtio_dev *d)
{
	unsigned int i;

	if (!d->ops)
		return;
	/* First the I/O thread's part: it uses what the bus then takes away. */
	pthread_mutex_lock(d->io_lock);
	for (i = 0; i < d->n_queues; i++) {
		virtq_stop(&d->queue[i]);
		if (d->queue[i].kick.fd >= 0)
			ev_fd_del(d->io_loop, &d->queue[i].kick);
	}
	d->ops->drain(d);
	pthread_mutex_unlock(d->io_lock);
	pci_remove(&d->pci);
	for (i = 0; i < d->n_queues; i++)
		if (d->queue[i].kick.fd >= 0)
			close(d->queue[i].kick.fd);
	if (d->irq.fd >= 0) {
		if (d->host.loop)
			ev_fd_del(d->host.loop, &d->irq);
		close(d->irq.fd);
	}
	d->ops = NULL;
}
