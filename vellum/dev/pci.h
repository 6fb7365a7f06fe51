/* SPDX-License-Identifier: MIT */
/*
 * PCI: one bus of conventional functions (PCI Local Bus Specification 3.0),
 * reached by configuration mechanism #1 (ports 0xcf8, 0xcfc) and, where the
 * host bridge opens it, through memory (PCI Express Base Specification
 * "PCI Express Enhanced Configuration Access Mechanism").
 *
 * How to write a device:
 *
 *	struct mine { struct pci_dev pci; ... };
 *
 *	pci_dev_init(&d->pci, "mine", &ids);
 *	pci_dev_bar(&d->pci, 0, PCI_BAR_MEM64, 0x4000, 8, &my_ops, d);
 *	pci_dev_pin(&d->pci, 1);			INTA#
 *	pci_dev_msix(&d->pci, 4, n_vectors);		table and PBA in BAR 4
 *	pci_add(bus, &d->pci, PCI_ANY_SLOT);
 *
 * and then, to interrupt:
 *
 *	if (!pci_msg(&d->pci, vector))		MSI-X or MSI, if one is on
 *		pci_intx(&d->pci, level);	else the pin
 *
 * All of it under the device lock, except pci_dma() and the writing of
 * eventfds.  A BAR's callbacks get offsets into the BAR; where the guest has
 * put it is not their business.
 */
#ifndef VELLUM_DEV_PCI_H
#define VELLUM_DEV_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bus.h"
#include "../memory.h"

#define PCI_CONFIG_SIZE		256u
#define PCI_SLOTS		32u
#define PCI_FUNCTIONS		256u	/* slots times eight */
#define PCI_BARS		6u
#define PCI_MSIX_MAX		64u	/* vectors per function */
#define PCI_ANY_SLOT		(-1)
#define PCI_DEVFN(slot, fn)	((slot) << 3 | (fn))
#define PCI_SLOT(devfn)		((devfn) >> 3)

/* Configuration header, type 0 */
#define PCI_VENDOR		0x00
#define PCI_DEVICE		0x02
#define PCI_COMMAND		0x04
#define PCI_STATUS		0x06
#define PCI_REVISION		0x08
#define PCI_PROG_IF		0x09
#define PCI_SUBCLASS		0x0a
#define PCI_CLASS		0x0b
#define PCI_CACHE_LINE		0x0c
#define PCI_LATENCY		0x0d
#define PCI_HEADER_TYPE		0x0e
#define PCI_BAR0		0x10
#define PCI_SUB_VENDOR		0x2c
#define PCI_SUB_DEVICE		0x2e
#define PCI_ROM			0x30
#define PCI_CAPABILITIES	0x34
#define PCI_INT_LINE		0x3c
#define PCI_INT_PIN		0x3d
#define PCI_HEADER_END		0x40

#define PCI_COMMAND_IO		0x0001u
#define PCI_COMMAND_MEMORY	0x0002u
#define PCI_COMMAND_MASTER	0x0004u
#define PCI_COMMAND_PARITY	0x0040u
#define PCI_COMMAND_SERR	0x0100u
#define PCI_COMMAND_NO_INTX	0x0400u
#define PCI_STATUS_INTX		0x0008u
#define PCI_STATUS_CAPS		0x0010u
#define PCI_MULTIFUNCTION	0x80u

#define PCI_BAR_IS_IO		0x1u
#define PCI_BAR_IS_64		0x4u
#define PCI_BAR_PREFETCH	0x8u

#define PCI_CAP_MSI		0x05
#define PCI_CAP_VENDOR		0x09
#define PCI_CAP_MSIX		0x11

#define PCI_VENDOR_INTEL	0x8086
#define PCI_VENDOR_VIRTIO	0x1af4
/* Firmware asks the host bridge for this to know a virtual machine. */
#define PCI_SUBSYSTEM_QEMU	0x1100

struct pci_ids {
	uint16_t vendor, device;
	uint8_t class, subclass, prog_if, revision;
	uint16_t sub_vendor, sub_device;	/* 0: 1af4:1100 */
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_bar {
	enum pci_bar_kind kind;
	bool mapped;		/* the guest sees it at range.base */
	struct bus_range range;
};

/* Message-signalled interrupts: pci_msi.c. */
struct pci_msi_vector {
	uint64_t address;
	uint32_t data;
	bool masked, pending;
	int fd;			/* eventfd, -1 = none */
	unsigned int gsi;	/* behind fd */
	bool wired;		/* fd is an irqfd now */
};

struct pci_bus;

struct pci_dev {
	struct pci_bus *bus;		/* NULL until pci_add() */
	const char *name;
	uint8_t devfn;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE];	/* bits that the guest sets */
	uint8_t clearable[PCI_CONFIG_SIZE];	/* bits cleared by writing 1 */
	struct pci_bar bar[PCI_BARS];
	uint8_t cap_end;		/* where the next capability goes */
	bool intx;			/* the function asserts its pin */
	bool intx_out;			/* ... and that reaches the bus */

	/*
	 * Each may be NULL.  @written: the guest wrote config[at..at+size);
	 * @read: it is about to read it.  @moved: after BAR @i was mapped or
	 * unmapped (bar[i].mapped, .range.base): for ioeventfds.
	 */
	void (*written)(struct pci_dev *d, unsigned int at, unsigned int size);
	void (*read)(struct pci_dev *d, unsigned int at, unsigned int size);
	void (*moved)(struct pci_dev *d, unsigned int i);

	uint8_t msi_cap, msix_cap;	/* 0 = none */
	uint8_t msix_bar;
	unsigned int n_vectors;		/* MSI-X */
	struct pci_msi_vector vector[PCI_MSIX_MAX];	/* MSI uses vector[0] */
};

/*
 * The machine around the bus.  Each may be NULL in a test.  The last three are
 * absent where the accelerator has no irqfds or no message routes.
 */
struct pci_host {
	/* Pin @pin (0-3) of a function of slot @slot has changed. */
	void (*pin)(void *pin_opaque, unsigned int slot, unsigned int pin,
		    bool level);
	void *pin_opaque;
	void (*message)(void *opaque, uint64_t address, uint32_t data);
	/* A global interrupt of one's own, or -1. */
	int (*gsi_alloc)(void *opaque);
	void (*gsi_route)(void *opaque, unsigned int gsi, uint64_t address,
			  uint32_t data);
	/* Connects eventfd @fd to @gsi, or takes it off. 0 or -errno. */
	int (*irqfd)(void *opaque, unsigned int gsi, int fd, bool on);
	void *opaque;
};

struct pci_bus {
	struct pci_host host;
	struct bus *io, *mem;
	const struct guest_ram *ram;
	struct pci_dev *function[PCI_FUNCTIONS];
	uint8_t pins[PCI_SLOTS][4];	/* functions that assert each pin */
	uint32_t address;		/* port 0xcf8 */
	/* 0xcf9 lies within 0xcf8's double word, but is no part of it. */
	const struct bus_ops *cf9_ops;
	void *cf9;
};

#define PCI_ADDRESS_PORT	0xcf8
#define PCI_DATA_PORT		0xcfc
extern const struct bus_ops pci_address_ops, pci_data_ops;	/* 4 each */
/* One function's 4 KiB after the other, from bus 0; the device is the bus. */
extern const struct bus_ops pci_ecam_ops;
#define PCI_ECAM_BUS_SIZE	0x100000u

/* pci.c: the bus.  @io and @mem get the BARs' windows. */
void pci_bus_init(struct pci_bus *bus, struct bus *io, struct bus *mem,
		  const struct guest_ram *ram);
/* Devices themselves are their owners' to free, after this. */
void pci_bus_fini(struct pci_bus *bus);
/* Power-on state of all that the guest can program; calls no device. */
void pci_bus_reset(struct pci_bus *bus);

/*
 * Puts a function onto the bus: @devfn, or PCI_ANY_SLOT for function 0 of the
 * first free slot from 1 on.  -ENOSPC, -EEXIST.
 */
int pci_add(struct pci_bus *bus, struct pci_dev *d, int devfn);
void pci_remove(struct pci_dev *d);

/*
 * What firmware does with the functions of a bus: gives every BAR a place in
 * the windows below, turns decoding and bus mastering on.
 */
#define PCI_WINDOW_IO		0xc000u
#define PCI_WINDOW_IO_END	0x10000u
#define PCI_WINDOW_MEM		0xc0000000u
#define PCI_WINDOW_MEM_END	0xfec00000u
int pci_assign(struct pci_bus *bus);

/* Before pci_add(): */

/* Zeroes @d first. */
void pci_dev_init(struct pci_dev *d, const char *name,
		  const struct pci_ids *ids);
/* @size: a power of two, at least 4 (I/O) or 16 (memory).  MEM64: two BARs. */
void pci_dev_bar(struct pci_dev *d, unsigned int i, enum pci_bar_kind kind,
		 uint64_t size, unsigned int width, const struct bus_ops *ops,
		 void *opaque);
void pci_dev_pin(struct pci_dev *d, unsigned int pin);	/* 1 = INTA# */
/*
 * Room for a capability of @len bytes, its ID and link included; returns its
 * offset, 0 if there is none left.  Read-only until writable[] says otherwise.
 */
uint8_t pci_dev_cap(struct pci_dev *d, uint8_t id, unsigned int len);
void pci_dev_msi(struct pci_dev *d);		/* one vector, 64-bit, mask */
/* Takes all of BAR @bar (memory, 32 bits) for table and pending bits. */
void pci_dev_msix(struct pci_dev *d, unsigned int bar, unsigned int n);

/* On the bus: */

/* Level of the pin.  The interrupt-disable bit is dealt with here. */
void pci_intx(struct pci_dev *d, bool level);
/* Sends message @vector; false if the guest uses no messages: use the pin. */
bool pci_msg(struct pci_dev *d, unsigned int vector);
bool pci_msix_enabled(const struct pci_dev *d);
/*
 * An eventfd whose writing is the same as pci_msg() while MSI-X is enabled,
 * without a lock and, where possible, without user space; -1 if there can be
 * none.  Closed by pci_remove().
 */
int pci_msix_fd(struct pci_dev *d, unsigned int vector);

/*
 * Guest memory for a bus master: NULL unless the function may be one and all
 * of [gpa, gpa+len) is RAM in one piece.  No lock needed.
 */
void *pci_dma(const struct pci_dev *d, gpa_t gpa, uint64_t len);

/* Configuration space, little endian whatever the host. */
static inline uint8_t pci_get8(const struct pci_dev *d, unsigned int at)
{
	return d->config[at];
}

static inline uint16_t pci_get16(const struct pci_dev *d, unsigned int at)
{
	return (uint16_t)(d->config[at] | d->config[at + 1] << 8);
}

static inline uint32_t pci_get32(const struct pci_dev *d, unsigned int at)
{
	return pci_get16(d, at) | (uint32_t)pci_get16(d, at + 2) << 16;
}

static inline void pci_put8(uint8_t *at, uint8_t v)
{
	*at = v;
}

static inline void pci_put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static inline void pci_put32(uint8_t *at, uint32_t v)
{
	pci_put16(at, (uint16_t)v);
	pci_put16(at + 2, (uint16_t)(v >> 16));
}

/* pci_msi.c, for pci.c */
void pci_msi_written(struct pci_dev *d, unsigned int at, unsigned int size);
void pci_msi_reset(struct pci_dev *d);
void pci_msi_fini(struct pci_dev *d);

#endif
