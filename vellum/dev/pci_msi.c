/* SPDX-License-Identifier: MIT */
/*
 * Messages instead of pins (PCI Local Bus Specification "Message Signaled
 * Interrupts").  A message is a write of a double word to the LAPICs' window;
 * masked ones wait in pending bits.
 *
 * A vector with an eventfd is connected to the kernel's interrupt controllers
 * only while the guest wants its messages.  At all other times nothing takes
 * from the eventfd, so that its count is the pending bit.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pci.h"

/* MSI capability, 64-bit addresses, per-vector masking */
#define MSI_CONTROL		2
#define MSI_ADDRESS		4
#define MSI_DATA		12
#define MSI_MASK		16
#define MSI_PENDING		20
#define MSI_LEN			24
#define MSI_ENABLE		0x0001u
#define MSI_64			0x0080u
#define MSI_MASKABLE		0x0100u

/* MSI-X capability, and its table's entries */
#define MSIX_CONTROL		2
#define MSIX_TABLE		4
#define MSIX_PBA		8
#define MSIX_LEN		12
#define MSIX_ENABLE		0x8000u
#define MSIX_MASK_ALL		0x4000u
#define MSIX_ENTRY		16u
#define MSIX_ENTRY_MASKED	1u

#define MSIX_PBA_OFFSET		0x800u
#define MSIX_BAR_SIZE		0x1000u

_Static_assert(PCI_MSIX_MAX * MSIX_ENTRY <= MSIX_PBA_OFFSET, "MSI-X table");

bool pci_msix_enabled(const struct pci_dev *d)
{
	return d->msix_cap &&
	       pci_get16(d, d->msix_cap + MSIX_CONTROL) & MSIX_ENABLE;
}

static bool msi_enabled(const struct pci_dev *d)
{
	return d->msi_cap && pci_get16(d, d->msi_cap + MSI_CONTROL) & MSI_ENABLE;
}

static bool msix_open(const struct pci_dev *d, const struct pci_msi_vector *v)
{
	return pci_msix_enabled(d) && !v->masked &&
	       !(pci_get16(d, d->msix_cap + MSIX_CONTROL) & MSIX_MASK_ALL) &&
	       pci_get16(d, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

static void send(struct pci_dev *d, struct pci_msi_vector *v)
{
	v->pending = false;
	if (d->bus && d->bus->host.message)
		d->bus->host.message(d->bus->host.opaque, v->address, v->data);
}

static bool take_count(struct pci_msi_vector *v)
{
	uint64_t count;

	return v->fd >= 0 && read(v->fd, &count, sizeof(count)) > 0;
}

static bool has_count(const struct pci_msi_vector *v)
{
	struct pollfd p = { .fd = v->fd, .events = POLLIN };

	return v->fd >= 0 && poll(&p, 1, 0) > 0;
}

/*
 * Connects or disconnects a vector's eventfd, and sends what had to wait.
 * Emptying before connecting loses nothing: what is written in between is
 * found by the kernel when it connects.
 */
static void update_vector(struct pci_dev *d, struct pci_msi_vector *v)
{
	const struct pci_host *h = d->bus ? &d->bus->host : NULL;
	bool open = msix_open(d, v);

	if (v->wired && !open) {
		h->irqfd(h->opaque, v->gsi, v->fd, false);
		v->wired = false;
	}
	if (!open)
		return;
	if (v->fd >= 0 && h) {
		h->gsi_route(h->opaque, v->gsi, v->address, v->data);
		if (!v->wired) {
			v->pending |= take_count(v);
			v->wired = !h->irqfd(h->opaque, v->gsi, v->fd, true);
		}
	}
	if (v->pending)
		send(d, v);
}

static void update_all(struct pci_dev *d)
{
	unsigned int i;

	for (i = 0; i < d->n_vectors; i++)
		update_vector(d, &d->vector[i]);
}

/* ---- the table ---- */

static uint32_t table_word(const struct pci_msi_vector *v, unsigned int word)
{
	switch (word) {
	case 0: return (uint32_t)v->address;
	case 1: return (uint32_t)(v->address >> 32);
	case 2: return v->data;
	default: return v->masked ? MSIX_ENTRY_MASKED : 0;
	}
}

static void set_table_word(struct pci_msi_vector *v, unsigned int word,
			   uint32_t value)
{
	switch (word) {
	case 0:
		v->address = (v->address & ~0xffffffffull) | (value & ~3u);
		break;
	case 1:
		v->address = (uint32_t)v->address | (uint64_t)value << 32;
		break;
	case 2:
		v->data = value;
		break;
	default:
		v->masked = value & MSIX_ENTRY_MASKED;
		break;
	}
}

static uint32_t pending_bits(const struct pci_dev *d, unsigned int first)
{
	uint32_t bits = 0;
	unsigned int i;

	for (i = 0; i < 32 && first + i < d->n_vectors; i++) {
		const struct pci_msi_vector *v = &d->vector[first + i];

		if (v->pending || (!v->wired && has_count(v)))
			bits |= 1u << i;
	}
	return bits;
}

static uint32_t bar_word(const struct pci_dev *d, uint64_t offset)
{
	if (offset >= MSIX_PBA_OFFSET)
		return pending_bits(d, (unsigned int)
				    (offset - MSIX_PBA_OFFSET) * 8);
	if (offset / MSIX_ENTRY >= d->n_vectors)
		return 0;
	return table_word(&d->vector[offset / MSIX_ENTRY],
			  offset % MSIX_ENTRY / 4);
}

/* The specification wants double or quad words; others read as they lie. */
static uint64_t table_read(void *dev, uint64_t offset, unsigned int size)
{
	uint64_t base = offset & ~3ull;
	uint64_t v = bar_word(dev, base);

	if (size == 8)
		v |= (uint64_t)bar_word(dev, base + 4) << 32;
	return v >> 8 * (offset & 3);
}

static void table_write(void *dev, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct pci_dev *d = dev;
	unsigned int i;

	if ((size != 4 && size != 8) || offset % size ||
	    offset / MSIX_ENTRY >= d->n_vectors)
		return;
	for (i = 0; i < size / 4; i++)
		set_table_word(&d->vector[offset / MSIX_ENTRY],
			       (unsigned int)(offset % MSIX_ENTRY / 4) + i,
			       (uint32_t)(value >> 32 * i));
	update_vector(d, &d->vector[offset / MSIX_ENTRY]);
}

static const struct bus_ops table_ops = { .read = table_read, .write = table_write };

/* ---- for the devices ---- */

void pci_dev_msi(struct pci_dev *d)
{
	uint8_t at = pci_dev_cap(d, PCI_CAP_MSI, MSI_LEN);

	if (!at)
		return;
	d->msi_cap = at;
	pci_put16(d->config + at + MSI_CONTROL, MSI_64 | MSI_MASKABLE);
	pci_put16(d->writable + at + MSI_CONTROL, MSI_ENABLE);
	pci_put32(d->writable + at + MSI_ADDRESS, ~3u);
	pci_put32(d->writable + at + MSI_ADDRESS + 4, ~0u);
	pci_put16(d->writable + at + MSI_DATA, 0xffff);
	pci_put32(d->writable + at + MSI_MASK, 1);
}

void pci_dev_msix(struct pci_dev *d, unsigned int bar, unsigned int n)
{
	uint8_t at = pci_dev_cap(d, PCI_CAP_MSIX, MSIX_LEN);
	unsigned int i;

	if (!at || !n || n > PCI_MSIX_MAX)
		return;
	d->msix_cap = at;
	d->msix_bar = (uint8_t)bar;
	d->n_vectors = n;
	for (i = 0; i < n; i++)
		d->vector[i].masked = true;
	pci_put16(d->config + at + MSIX_CONTROL, (uint16_t)(n - 1));
	pci_put16(d->writable + at + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
	pci_put32(d->config + at + MSIX_TABLE, bar);
	pci_put32(d->config + at + MSIX_PBA, MSIX_PBA_OFFSET | bar);
	pci_dev_bar(d, bar, PCI_BAR_MEM32, MSIX_BAR_SIZE, 8, &table_ops, d);
}

/* MSI: one vector, whose registers lie in the capability. */
static bool msi_send(struct pci_dev *d)
{
	struct pci_msi_vector *v = &d->vector[0];
	uint8_t at = d->msi_cap;

	if (pci_get32(d, at + MSI_MASK) & 1) {
		v->pending = true;
		d->config[at + MSI_PENDING] |= 1;
		return true;
	}
	v->address = pci_get32(d, at + MSI_ADDRESS) |
		     (uint64_t)pci_get32(d, at + MSI_ADDRESS + 4) << 32;
	v->data = pci_get16(d, at + MSI_DATA);
	d->config[at + MSI_PENDING] &= (uint8_t)~1u;
	send(d, v);
	return true;
}

bool pci_msg(struct pci_dev *d, unsigned int vector)
{
	struct pci_msi_vector *v;

	if (!pci_msix_enabled(d))
		return msi_enabled(d) && msi_send(d);
	if (vector >= d->n_vectors)
		return true;
	v = &d->vector[vector];
	if (msix_open(d, v))
		send(d, v);
	else
		v->pending = true;
	return true;
}

int pci_msix_fd(struct pci_dev *d, unsigned int vector)
{
	struct pci_msi_vector *v = &d->vector[vector];
	const struct pci_host *h = d->bus ? &d->bus->host : NULL;
	int gsi;

	if (vector >= d->n_vectors || !h || !h->gsi_alloc)
		return -1;
	if (v->fd >= 0)
		return v->fd;
	gsi = h->gsi_alloc(h->opaque);
	if (gsi < 0)
		return -1;
	v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->fd < 0)
		return -1;
	v->gsi = (unsigned int)gsi;
	update_vector(d, v);
	return v->fd;
}

/* ---- for the bus ---- */

static bool touches(unsigned int at, unsigned int size, unsigned int from,
		    unsigned int len)
{
	return at < from + len && from < at + size;
}

void pci_msi_written(struct pci_dev *d, unsigned int at, unsigned int size)
{
	if (d->msix_cap &&
	    (touches(at, size, d->msix_cap, MSIX_LEN) ||
	     touches(at, size, PCI_COMMAND, 2)))
		update_all(d);
	if (d->msi_cap && touches(at, size, d->msi_cap, MSI_LEN) &&
	    msi_enabled(d) && d->vector[0].pending &&
	    !(pci_get32(d, d->msi_cap + MSI_MASK) & 1))
		msi_send(d);
}

void pci_msi_reset(struct pci_dev *d)
{
	unsigned int i;

	if (d->msi_cap) {
		for (i = 0; i < MSI_LEN; i++)
			d->config[d->msi_cap + i] &=
				(uint8_t)~d->writable[d->msi_cap + i];
		d->config[d->msi_cap + MSI_PENDING] = 0;
	}
	if (d->msix_cap)
		d->config[d->msix_cap + MSIX_CONTROL + 1] &=
			(uint8_t)~((MSIX_ENABLE | MSIX_MASK_ALL) >> 8);
	for (i = 0; i < PCI_MSIX_MAX; i++) {
		struct pci_msi_vector *v = &d->vector[i];

		v->masked = d->msix_cap;
		v->address = v->data = 0;
		update_vector(d, v);
		v->pending = false;
	}
}

void pci_msi_fini(struct pci_dev *d)
{
	unsigned int i;

	pci_msi_reset(d);
	for (i = 0; i < PCI_MSIX_MAX; i++) {
		if (d->vector[i].fd >= 0)
			close(d->vector[i].fd);
		d->vector[i].fd = -1;
	}
}
