/* SPDX-License-Identifier: MIT */
/*
 * A bus: who answers at an address.  One instance for I/O ports, one for
 * memory-mapped registers.  Ranges are added while a machine is built; windows
 * come, go and overlap as the guest programs them.  All under the device lock
 * once the vCPUs run.
 */
#ifndef VELLUM_BUS_H
#define VELLUM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_RANGES_MAX	64
#define BUS_WINDOWS_MAX	64

/*
 * @offset is relative to the range; @size is 1, 2, 4 or 8 and never more than
 * the range's width.  A read returns what the device drives onto the bus; the
 * bits above @size don't matter.
 */
struct bus_ops {
	uint64_t (*read)(void *dev, uint64_t offset, unsigned int size);
	void (*write)(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value);
	/*
	 * Optional, for ports that much data passes through: up to @count
	 * elements of REP INS or OUTS at once.  Returns how many it took; for
	 * none it is asked again as above.
	 */
	unsigned int (*read_block)(void *dev, uint64_t offset,
				   unsigned int size, unsigned int count,
				   void *buf);
	unsigned int (*write_block)(void *dev, uint64_t offset,
				    unsigned int size, unsigned int count,
				    const void *buf);
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
	const struct bus_range *last;	/* of range[]: guests stay a while */
	uint64_t gap_end;	/* after bus_find() found none: next base */
	const struct bus_range *window[BUS_WINDOWS_MAX];	/* not owned */
	unsigned int n_windows;
};

/* 0, -EINVAL (empty or wraps), -EEXIST (overlaps), -ENOSPC. */
int bus_add(struct bus *bus, const struct bus_range *range);

/*
 * A range that the guest moves about.  Where it overlaps others the ranges of
 * bus_add() answer, then the window that was opened first.  @window must stay
 * as it is until it is closed.  0, -EINVAL, -ENOSPC.
 */
int bus_open_window(struct bus *bus, const struct bus_range *window);
void bus_close_window(struct bus *bus, const struct bus_range *window);

const struct bus_range *bus_find(struct bus *bus, uint64_t addr);

/*
 * An access as the CPU made it; bits of @value above @size don't matter.  A
 * piece that no range answers reads all-ones and drops writes.  False if no range answered any piece of it.
 */
bool bus_read(struct bus *bus, uint64_t addr, unsigned int size,
	      uint64_t *value);
bool bus_write(struct bus *bus, uint64_t addr, unsigned int size,
	       uint64_t value);

/* Elements of a string at one port; returns how many a device took at once. */
unsigned int bus_read_block(struct bus *bus, uint64_t addr, unsigned int size,
			    unsigned int count, void *buf);
unsigned int bus_write_block(struct bus *bus, uint64_t addr, unsigned int size,
			     unsigned int count, const void *buf);

#endif
