/* SPDX-License-Identifier: MIT */
/*
 * A bus: who answers at an address.  One instance for I/O ports, one for
 * memory-mapped registers.  Ranges are added while a machine is built; after
 * that the table is only read (the device lock covers the devices behind it).
 */
#ifndef VELLUM_BUS_H
#define VELLUM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_RANGES_MAX	64

/*
 * @offset is relative to the range; @size is 1, 2, 4 or 8 and never more than
 * the range's width.  A read returns what the device drives onto the bus; the
 * bits above @size don't matter.
 */
struct bus_ops {
	uint64_t (*read)(void *dev, uint64_t offset, unsigned int size);
	void (*write)(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value);
};

struct bus_range {
	uint64_t base;
	uint64_t len;
	unsigned int width;	/* widest access; wider ones are split */
	const char *name;
	const struct bus_ops *ops;
	void *dev;
};

struct bus {
	struct bus_range range[BUS_RANGES_MAX];	/* sorted by base, disjoint */
	unsigned int n;
};

/* 0, -EINVAL (empty or wraps), -EEXIST (overlaps), -ENOSPC. */
int bus_add(struct bus *bus, const struct bus_range *range);
const struct bus_range *bus_find(const struct bus *bus, uint64_t addr);

/*
 * An access as the CPU made it.  A piece that no range answers reads all-ones
 * and drops writes.  False if no range answered any piece of it.
 */
bool bus_read(const struct bus *bus, uint64_t addr, unsigned int size,
	      uint64_t *value);
bool bus_write(const struct bus *bus, uint64_t addr, unsigned int size,
	       uint64_t value);

#endif
