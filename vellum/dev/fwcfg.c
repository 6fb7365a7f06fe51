/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fwcfg.h"

#define ID_TRADITIONAL		1u
#define ID_DMA			2u

#define DMA_ERROR		0x01u
#define DMA_READ		0x02u
#define DMA_SKIP		0x04u
#define DMA_SELECT		0x08u
#define DMA_WRITE		0x10u

/* As read from the DMA register: "QEMU CFG" */
#define DMA_SIGNATURE		0x51454d5520434647ull

#define DIRECTORY_ENTRY		64u
#define CHUNK			4096u

/* Big-endian, as the device speaks. */
static uint64_t get_be(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static void put_be(uint8_t *p, unsigned int bytes, uint64_t v)
{
	while (bytes--) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

static void put_le(uint8_t *p, unsigned int bytes, uint64_t v)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

static void select_item(struct fwcfg *f, uint16_t key)
{
	unsigned int i;

	f->key = key;
	f->at = 0;
	f->current = NULL;
	for (i = 0; i < f->n && !f->current; i++)
		if (f->item[i].key == key)
			f->current = &f->item[i];
	if (f->current && f->current->selected)
		f->current->selected(f->current->opaque, f->current);
}

/* Past its end an item reads as zeroes. */
static void take(struct fwcfg *f, uint8_t *to, uint32_t n)
{
	const struct fwcfg_item *c = f->current;
	uint32_t have = c && f->at < c->size ? c->size - f->at : 0;

	if (have > n)
		have = n;
	if (to) {
		if (have)
			memcpy(to, c->data + f->at, have);
		memset(to + have, 0, n - have);
	}
	f->at += have;
}

static uint64_t port_read(void *dev, uint64_t offset, unsigned int size)
{
	struct fwcfg *f = dev;
	uint8_t v;

	(void)size;
	if (offset != 1)
		return 0;
	take(f, &v, 1);
	return v;
}

static void port_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	/* A byte selects too; data are read-only. */
	if (offset == 0)
		select_item(dev, size == 1 ? (uint8_t)value : (uint16_t)value);
}

/* ---- DMA ---- */

static bool copy_out(struct fwcfg *f, uint64_t gpa, uint32_t n)
{
	while (n) {
		uint32_t part = CHUNK - (uint32_t)(gpa % CHUNK);
		uint8_t *p;

		if (part > n)
			part = n;
		p = ram_at(f->ram, GPA(gpa), part);
		if (!p)
			return false;
		take(f, p, part);
		gpa += part;
		n -= part;
	}
	return true;
}

static uint32_t run(struct fwcfg *f, uint32_t control, uint32_t n,
		    uint64_t address)
{
	if (control & DMA_SELECT)
		select_item(f, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		return copy_out(f, address, n) ? 0 : DMA_ERROR;
	if (control & DMA_SKIP) {
		take(f, NULL, n);
		return 0;
	}
	/* No item takes what the guest writes. */
	return control & DMA_WRITE ? DMA_ERROR : 0;
}

static void start_dma(struct fwcfg *f, uint64_t gpa)
{
	uint8_t *p = ram_at(f->ram, GPA(gpa), 16);
	uint32_t result;

	f->dma_high = 0;
	if (!p)
		return;
	result = run(f, (uint32_t)get_be(p, 4), (uint32_t)get_be(p + 4, 4),
		     get_be(p + 8, 8));
	put_be(p, 4, result);
}

static uint64_t swap(uint64_t v, unsigned int bytes)
{
	return __builtin_bswap64(v) >> (64 - 8 * bytes);
}

static uint64_t dma_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev;
	if (offset + size > FWCFG_DMA_PORTS)
		return 0;
	return swap(DMA_SIGNATURE >> 8 * (8 - offset - size) &
		    (size == 8 ? ~0ull : (1ull << 8 * size) - 1), size);
}

/* Writing the lower half starts it. */
static void dma_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct fwcfg *f = dev;

	if (size == 4 && offset == 0)
		f->dma_high = (uint32_t)swap(value, 4);
	else if (size == 4 && offset == 4)
		start_dma(f, (uint64_t)f->dma_high << 32 | swap(value, 4));
	else if (size == 8)
		start_dma(f, swap(value, 8));
}

const struct bus_ops fwcfg_ops = { .read = port_read, .write = port_write };
const struct bus_ops fwcfg_dma_ops = { .read = dma_read, .write = dma_write };

/* ---- contents ---- */

static struct fwcfg_item *new_item(struct fwcfg *f, uint16_t key,
				   const void *data, uint32_t size)
{
	struct fwcfg_item *item = &f->item[f->n];

	if (f->n == FWCFG_ITEMS_MAX)
		return NULL;
	memset(item, 0, sizeof(*item));
	item->data = malloc(size ? size : 1);
	if (!item->data)
		return NULL;
	if (size)
		memcpy(item->data, data, size);
	item->key = key;
	item->size = size;
	f->n++;
	return item;
}

int fwcfg_add(struct fwcfg *f, uint16_t key, const void *data, uint32_t size)
{
	return new_item(f, key, data, size) ? 0 : -ENOSPC;
}

int fwcfg_add_int(struct fwcfg *f, uint16_t key, unsigned int bytes,
		  uint64_t value)
{
	uint8_t le[8];

	put_le(le, bytes, value);
	return fwcfg_add(f, key, le, bytes);
}

/* The directory: a count, then size, key, reserved, name of each file. */
static int rebuild_directory(struct fwcfg *f)
{
	struct fwcfg_item *dir = &f->item[0];
	uint32_t count = 0;
	unsigned int i;
	uint8_t *p;

	for (i = 0; i < f->n; i++)
		count += f->item[i].name[0] != '\0';
	p = calloc(1, 4 + count * DIRECTORY_ENTRY);
	if (!p)
		return -ENOMEM;
	free(dir->data);
	dir->data = p;
	dir->size = 4 + count * DIRECTORY_ENTRY;
	put_be(p, 4, count);
	p += 4;
	for (i = 0; i < f->n; i++) {
		const struct fwcfg_item *item = &f->item[i];

		if (!item->name[0])
			continue;
		put_be(p, 4, item->size);
		put_be(p + 4, 2, item->key);
		memcpy(p + 8, item->name, FWCFG_NAME_MAX);
		p += DIRECTORY_ENTRY;
	}
	return 0;
}

int fwcfg_add_file(struct fwcfg *f, const char *name, const void *data,
		   uint32_t size)
{
	struct fwcfg_item *item;

	if (strlen(name) >= FWCFG_NAME_MAX)
		return -EINVAL;
	item = new_item(f, f->next_file, data, size);
	if (!item)
		return -ENOSPC;
	f->next_file++;
	strcpy(item->name, name);
	return rebuild_directory(f);
}

int fwcfg_add_file_int(struct fwcfg *f, const char *name, uint64_t value)
{
	uint8_t le[8];

	put_le(le, 8, value);
	return fwcfg_add_file(f, name, le, 8);
}

struct fwcfg_item *fwcfg_find(struct fwcfg *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (!strcmp(f->item[i].name, name))
			return &f->item[i];
	return NULL;
}

int fwcfg_init(struct fwcfg *f, const struct guest_ram *ram)
{
	static const uint8_t none[4];

	memset(f, 0, sizeof(*f));
	f->ram = ram;
	f->next_file = FWCFG_FILE_FIRST;
	if (fwcfg_add(f, FWCFG_DIRECTORY, none, sizeof(none)) ||
	    fwcfg_add(f, FWCFG_SIGNATURE, "QEMU", 4) ||
	    fwcfg_add_int(f, FWCFG_ID, 4, ID_TRADITIONAL | ID_DMA))
		return -ENOMEM;
	return 0;
}

void fwcfg_fini(struct fwcfg *f)
{
	while (f->n)
		free(f->item[--f->n].data);
	f->current = NULL;
}
