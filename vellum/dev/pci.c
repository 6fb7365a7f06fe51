/* SPDX-License-Identifier: MIT */
/* The bus: configuration mechanisms, what the guest's writes do. */
#include <errno.h>
#include <string.h>

#include "pci.h"

#define ADDRESS_ENABLE		0x80000000u
#define ADDRESS_VALID		0x80fffffcu	/* the other bits read as 0 */
#define ADDRESS_BUS(a)		((a) >> 16 & 0xff)
#define ADDRESS_DEVFN(a)	((a) >> 8 & 0xff)
#define ADDRESS_REGISTER(a)	((a) & 0xfc)

#define ECAM_FUNCTION_SHIFT	12
#define ECAM_REGISTER_MASK	0xfffu

#define IO_SPACE		0x10000ull

static uint64_t ones(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

/* ---- pins ---- */

static void update_pin(struct pci_dev *d)
{
	unsigned int pin = d->config[PCI_INT_PIN], slot = PCI_SLOT(d->devfn);
	bool out = d->intx && pin &&
		   !(pci_get16(d, PCI_COMMAND) & PCI_COMMAND_NO_INTX);
	struct pci_bus *bus = d->bus;
	uint8_t *count;

	if (d->intx)
		d->config[PCI_STATUS] |= PCI_STATUS_INTX;
	else
		d->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
	if (!bus || out == d->intx_out)
		return;
	d->intx_out = out;
	/* Open-drain: the pin is asserted while any function asserts it. */
	count = &bus->pins[slot][pin - 1];
	if (out ? (*count)++ == 0 : --*count == 0)
		if (bus->host.pin)
			bus->host.pin(bus->host.pin_opaque, slot, pin - 1, out);
}

void pci_intx(struct pci_dev *d, bool level)
{
	d->intx = level;
	update_pin(d);
}

/* ---- BARs ---- */

static uint64_t bar_base(const struct pci_dev *d, unsigned int i)
{
	uint32_t low = pci_get32(d, PCI_BAR0 + 4 * i);

	switch (d->bar[i].kind) {
	case PCI_BAR_IO:
		return low & ~3u;
	case PCI_BAR_MEM64:
		return (low & ~15ull) |
		       (uint64_t)pci_get32(d, PCI_BAR0 + 4 * i + 4) << 32;
	default:
		return low & ~15u;
	}
}

static bool bar_decoded(const struct pci_dev *d, unsigned int i, uint64_t base)
{
	const struct pci_bar *b = &d->bar[i];
	uint16_t command = pci_get16(d, PCI_COMMAND);

	if (!d->bus || b->kind == PCI_BAR_NONE)
		return false;
	if (b->kind == PCI_BAR_IO)
		return command & PCI_COMMAND_IO &&
		       base <= IO_SPACE - b->range.len;
	return command & PCI_COMMAND_MEMORY &&
	       base + (b->range.len - 1) >= base;
}

static void map_bar(struct pci_dev *d, unsigned int i)
{
	struct pci_bar *b = &d->bar[i];
	uint64_t base = b->kind == PCI_BAR_NONE ? 0 : bar_base(d, i);
	bool want = bar_decoded(d, i, base);
	struct bus *bus;

	if (want == b->mapped && (!want || base == b->range.base))
		return;
	bus = b->kind == PCI_BAR_IO ? d->bus->io : d->bus->mem;
	if (b->mapped) {
		bus_close_window(bus, &b->range);
		b->mapped = false;
		if (d->moved)
			d->moved(d, i);
	}
	if (!want)
		return;
	b->range.base = base;
	b->mapped = !bus_open_window(bus, &b->range);
	if (b->mapped && d->moved)
		d->moved(d, i);
}

static void map_bars(struct pci_dev *d)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++)
		map_bar(d, i);
}

/* ---- configuration accesses ---- */

static uint64_t config_read(struct pci_bus *bus, unsigned int devfn,
			    unsigned int at, unsigned int size)
{
	struct pci_dev *d = bus->function[devfn];
	uint64_t v = 0;
	unsigned int i;

	if (!d || at + size > PCI_CONFIG_SIZE)
		return ones(size);
	if (d->read)
		d->read(d, at, size);
	for (i = 0; i < size; i++)
		v |= (uint64_t)d->config[at + i] << 8 * i;
	return v;
}

static void config_write(struct pci_bus *bus, unsigned int devfn,
			 unsigned int at, unsigned int size, uint64_t value)
{
	struct pci_dev *d = bus->function[devfn];
	unsigned int i;

	if (!d || at + size > PCI_CONFIG_SIZE)
		return;
	for (i = at; i < at + size; i++, value >>= 8) {
		uint8_t v = (uint8_t)value, w = d->writable[i];

		d->config[i] = (uint8_t)((d->config[i] & ~w) | (v & w));
		d->config[i] &= (uint8_t)~(v & d->clearable[i]);
	}
	if (at < PCI_HEADER_END) {
		map_bars(d);
		update_pin(d);
	}
	pci_msi_written(d, at, size);
	if (d->written)
		d->written(d, at, size);
}

static uint64_t address_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = dev;

	if (offset == 0 && size == 4)
		return bus->address;
	if (offset == 1 && size == 1 && bus->cf9_ops)
		return bus->cf9_ops->read(bus->cf9, 0, 1);
	return ones(size);
}

/* Only a double word is the mechanism's: the rest passes to the bus. */
static void address_write(void *dev, uint64_t offset, unsigned int size,
			  uint64_t value)
{
	struct pci_bus *bus = dev;

	if (offset == 0 && size == 4)
		bus->address = (uint32_t)value & ADDRESS_VALID;
	else if (offset == 1 && size == 1 && bus->cf9_ops)
		bus->cf9_ops->write(bus->cf9, 0, 1, value);
}

static bool selected(const struct pci_bus *bus)
{
	return bus->address & ADDRESS_ENABLE && !ADDRESS_BUS(bus->address);
}

static uint64_t data_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = dev;

	if (!selected(bus))
		return ones(size);
	return config_read(bus, ADDRESS_DEVFN(bus->address),
			   ADDRESS_REGISTER(bus->address) + (unsigned int)offset,
			   size);
}

static void data_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct pci_bus *bus = dev;

	if (selected(bus))
		config_write(bus, ADDRESS_DEVFN(bus->address),
			     ADDRESS_REGISTER(bus->address) +
			     (unsigned int)offset, size, value);
}

static uint64_t ecam_read(void *dev, uint64_t offset, unsigned int size)
{
	if (offset >= PCI_ECAM_BUS_SIZE)
		return ones(size);
	return config_read(dev, (unsigned int)(offset >> ECAM_FUNCTION_SHIFT),
			   (unsigned int)(offset & ECAM_REGISTER_MASK), size);
}

static void ecam_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	if (offset < PCI_ECAM_BUS_SIZE)
		config_write(dev, (unsigned int)(offset >> ECAM_FUNCTION_SHIFT),
			     (unsigned int)(offset & ECAM_REGISTER_MASK), size,
			     value);
}

const struct bus_ops pci_address_ops = { .read = address_read, .write = address_write };
const struct bus_ops pci_data_ops = { .read = data_read, .write = data_write };
const struct bus_ops pci_ecam_ops = { .read = ecam_read, .write = ecam_write };

/* ---- building ---- */

void pci_bus_init(struct pci_bus *bus, struct bus *io, struct bus *mem,
		  const struct guest_ram *ram)
{
	memset(bus, 0, sizeof(*bus));
	bus->io = io;
	bus->mem = mem;
	bus->ram = ram;
}

void pci_bus_fini(struct pci_bus *bus)
{
	unsigned int i;

	for (i = 0; i < PCI_FUNCTIONS; i++)
		if (bus->function[i])
			pci_remove(bus->function[i]);
}

void pci_bus_reset(struct pci_bus *bus)
{
	unsigned int i, j;

	bus->address = 0;
	for (i = 0; i < PCI_FUNCTIONS; i++) {
		struct pci_dev *d = bus->function[i];

		if (!d)
			continue;
		for (j = 0; j < PCI_HEADER_END; j++)
			d->config[j] &= (uint8_t)~d->writable[j];
		pci_msi_reset(d);
		map_bars(d);
		pci_intx(d, false);
	}
}

static int free_slot(const struct pci_bus *bus)
{
	unsigned int slot, fn;

	for (slot = 1; slot < PCI_SLOTS; slot++) {
		for (fn = 0; fn < 8; fn++)
			if (bus->function[PCI_DEVFN(slot, fn)])
				break;
		if (fn == 8)
			return (int)PCI_DEVFN(slot, 0);
	}
	return -ENOSPC;
}

int pci_add(struct pci_bus *bus, struct pci_dev *d, int devfn)
{
	if (devfn == PCI_ANY_SLOT)
		devfn = free_slot(bus);
	if (devfn < 0)
		return devfn;
	if (devfn >= (int)PCI_FUNCTIONS)
		return -EINVAL;
	if (bus->function[devfn])
		return -EEXIST;
	d->devfn = (uint8_t)devfn;
	d->bus = bus;
	bus->function[devfn] = d;
	map_bars(d);
	update_pin(d);
	return 0;
}

void pci_remove(struct pci_dev *d)
{
	struct pci_bus *bus = d->bus;

	if (!bus)
		return;
	pci_intx(d, false);
	pci_put16(d->config + PCI_COMMAND, 0);
	map_bars(d);
	pci_msi_fini(d);
	bus->function[d->devfn] = NULL;
	d->bus = NULL;
}

void pci_dev_init(struct pci_dev *d, const char *name,
		  const struct pci_ids *ids)
{
	uint8_t *c = d->config, *w = d->writable;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->name = name;
	for (i = 0; i < PCI_MSIX_MAX; i++)
		d->vector[i].fd = -1;
	pci_put16(c + PCI_VENDOR, ids->vendor);
	pci_put16(c + PCI_DEVICE, ids->device);
	c[PCI_CLASS] = ids->class;
	c[PCI_SUBCLASS] = ids->subclass;
	c[PCI_PROG_IF] = ids->prog_if;
	c[PCI_REVISION] = ids->revision;
	pci_put16(c + PCI_SUB_VENDOR,
		  ids->sub_vendor ? ids->sub_vendor : PCI_VENDOR_VIRTIO);
	pci_put16(c + PCI_SUB_DEVICE,
		  ids->sub_vendor ? ids->sub_device : PCI_SUBSYSTEM_QEMU);
	d->cap_end = PCI_HEADER_END;

	pci_put16(w + PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
		  PCI_COMMAND_SERR | PCI_COMMAND_NO_INTX);
	w[PCI_CACHE_LINE] = 0xff;
	w[PCI_LATENCY] = 0xf8;
	w[PCI_INT_LINE] = 0xff;
}

void pci_dev_bar(struct pci_dev *d, unsigned int i, enum pci_bar_kind kind,
		 uint64_t size, unsigned int width, const struct bus_ops *ops,
		 void *opaque)
{
	unsigned int at = PCI_BAR0 + 4 * i;

	d->bar[i] = (struct pci_bar){
		.kind = kind,
		.range = {
			.len = size, .width = width, .name = d->name,
			.ops = ops, .dev = opaque,
		},
	};
	pci_put32(d->config + at, kind == PCI_BAR_IO ? PCI_BAR_IS_IO :
		  kind == PCI_BAR_MEM64 ? PCI_BAR_IS_64 : 0);
	pci_put32(d->writable + at, (uint32_t)~(size - 1));
	if (kind == PCI_BAR_MEM64)
		pci_put32(d->writable + at + 4,
			  (uint32_t)(~(size - 1) >> 32));
	d->writable[PCI_COMMAND] |= kind == PCI_BAR_IO ? PCI_COMMAND_IO :
							 PCI_COMMAND_MEMORY;
}

void pci_dev_pin(struct pci_dev *d, unsigned int pin)
{
	d->config[PCI_INT_PIN] = (uint8_t)pin;
}

uint8_t pci_dev_cap(struct pci_dev *d, uint8_t id, unsigned int len)
{
	uint8_t at = d->cap_end;

	len = (len + 3) & ~3u;
	if (at + len > PCI_CONFIG_SIZE - 4)
		return 0;
	d->config[at] = id;
	d->config[at + 1] = d->config[PCI_CAPABILITIES];
	d->config[PCI_CAPABILITIES] = at;
	d->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	d->cap_end = (uint8_t)(at + len);
	return at;
}

void *pci_dma(const struct pci_dev *d, gpa_t gpa, uint64_t len)
{
	if (!d->bus || !d->bus->ram ||
	    !(d->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
		return NULL;
	return ram_at(d->bus->ram, gpa, len);
}

/* ---- assigning ---- */

static void place(struct pci_dev *d, unsigned int i, uint64_t base)
{
	uint8_t *at = d->config + PCI_BAR0 + 4 * i;

	pci_put32(at, (uint32_t)base | (at[0] & 15u));
	if (d->bar[i].kind == PCI_BAR_MEM64)
		pci_put32(at + 4, (uint32_t)(base >> 32));
}

static int assign_one(struct pci_dev *d, uint64_t *io, uint64_t *mem)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++) {
		uint64_t size = d->bar[i].range.len;
		bool is_io = d->bar[i].kind == PCI_BAR_IO;
		uint64_t *next = is_io ? io : mem;

		if (d->bar[i].kind == PCI_BAR_NONE)
			continue;
		*next = (*next + size - 1) & ~(size - 1);
		if (*next + size >
		    (is_io ? PCI_WINDOW_IO_END : PCI_WINDOW_MEM_END))
			return -ENOSPC;
		place(d, i, *next);
		*next += size;
	}
	d->config[PCI_COMMAND] |= (PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				   PCI_COMMAND_MASTER) &
				  d->writable[PCI_COMMAND];
	map_bars(d);
	return 0;
}

int pci_assign(struct pci_bus *bus)
{
	uint64_t io = PCI_WINDOW_IO, mem = PCI_WINDOW_MEM;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < PCI_FUNCTIONS && !ret; i++)
		if (bus->function[i])
			ret = assign_one(bus->function[i], &io, &mem);
	return ret;
}
