/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bus.h"

/* Out of the way of the usual access. */
#define RARE __attribute__((__noinline__))

int bus_add(struct bus *bus, const struct bus_range *range)
{
	unsigned int i;

	if (!range->len || !range->width ||
	    range->base + (range->len - 1) < range->base)
		return -EINVAL;
	if (bus->n == BUS_RANGES_MAX)
		return -ENOSPC;
	for (i = 0; i < bus->n; i++) {
		const struct bus_range *r = &bus->range[i];

		if (range->base <= r->base + (r->len - 1) &&
		    r->base <= range->base + (range->len - 1))
			return -EEXIST;
	}
	for (i = 0; i < bus->n && bus->range[i].base < range->base; i++)
		;
	bus->last = NULL;	/* ranges move */
	memmove(&bus->range[i + 1], &bus->range[i],
		(bus->n - i) * sizeof(bus->range[0]));
	bus->range[i] = *range;
	bus->n++;
	return 0;
}

int bus_open_window(struct bus *bus, const struct bus_range *window)
{
	if (!window->len || !window->width ||
	    window->base + (window->len - 1) < window->base)
		return -EINVAL;
	if (bus->n_windows == BUS_WINDOWS_MAX)
		return -ENOSPC;
	bus->window[bus->n_windows++] = window;
	return 0;
}

void bus_close_window(struct bus *bus, const struct bus_range *window)
{
	unsigned int i;

	for (i = 0; i < bus->n_windows && bus->window[i] != window; i++)
		;
	if (i == bus->n_windows)
		return;
	bus->n_windows--;
	memmove(&bus->window[i], &bus->window[i + 1],
		(bus->n_windows - i) * sizeof(bus->window[0]));
}

static const struct bus_range *find_window(const struct bus *bus,
					   uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < bus->n_windows; i++)
		if (addr - bus->window[i]->base < bus->window[i]->len)
			return bus->window[i];
	return NULL;
}

static bool holds(const struct bus_range *r, uint64_t addr)
{
	return addr - r->base < r->len;		/* wraps to huge if below */
}

const struct bus_range *bus_find(struct bus *bus, uint64_t addr)
{
	unsigned int lo = 0, hi = bus->n;

	if (bus->last && holds(bus->last, addr))
		return bus->last;
	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;
		const struct bus_range *r = &bus->range[mid];

		if (holds(r, addr)) {
			bus->last = r;
			return r;
		}
		if (addr < r->base)
			hi = mid;
		else
			lo = mid + 1;
	}
	bus->gap_end = lo < bus->n ? bus->range[lo].base : UINT64_MAX;
	return find_window(bus, addr);
}

static uint64_t ones(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

/* What is left of an access may be 3 or 5 bytes; buses know no such thing. */
static unsigned int power_of_two(unsigned int n)
{
	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* How much of an access that begins where nobody is stays there. */
static unsigned int empty_piece(const struct bus *bus, uint64_t addr,
				unsigned int size)
{
	uint64_t end = bus->gap_end;
	unsigned int i, n = power_of_two(size);

	for (i = 0; i < bus->n_windows; i++) {
		uint64_t base = bus->window[i]->base;

		if (base > addr && base < end)
			end = base;
	}
	while (n > 1 && end - addr < n)
		n /= 2;
	return n;
}

/*
 * The widest access that the range takes at @addr in one go.  An 8-bit ISA
 * device sees a word access as two byte accesses, as on the real bus.
 */
static unsigned int piece(const struct bus *bus, const struct bus_range *r,
			  uint64_t addr, unsigned int size)
{
	unsigned int n = power_of_two(size);

	if (!r)
		return empty_piece(bus, addr, size);
	while (n > 1 && (n > r->width || r->len - (addr - r->base) < n))
		n /= 2;
	return n;
}

/* Does r take all of it at once? */
static inline bool whole(const struct bus_range *r, uint64_t addr,
			 unsigned int size)
{
	return r && holds(r, addr) && size <= r->width &&
	       r->len - (addr - r->base) >= size;
}

static bool read_pieces(struct bus *bus, uint64_t addr, unsigned int size,
			uint64_t *value)
{
	unsigned int done = 0;
	bool known = false;
	uint64_t v = 0;

	while (done < size) {
		const struct bus_range *r = bus_find(bus, addr + done);
		unsigned int n = piece(bus, r, addr + done, size - done);
		uint64_t part = ones(n);

		if (r) {
			known = true;
			part &= r->ops->read(r->dev, addr + done - r->base, n);
		}
		v |= part << (8 * done);
		done += n;
	}
	*value = v;
	return known;
}

static RARE bool read_elsewhere(struct bus *bus, uint64_t addr,
				unsigned int size, uint64_t *value)
{
	const struct bus_range *r = bus_find(bus, addr);

	if (!whole(r, addr, size))
		return read_pieces(bus, addr, size, value);
	*value = r->ops->read(r->dev, addr - r->base, size) & ones(size);
	return true;
}

/* The usual case: the device that took the access before. */
bool bus_read(struct bus *bus, uint64_t addr, unsigned int size,
	      uint64_t *value)
{
	const struct bus_range *r = bus->last;

	if (!whole(r, addr, size))
		return read_elsewhere(bus, addr, size, value);
	*value = r->ops->read(r->dev, addr - r->base, size) & ones(size);
	return true;
}

static bool write_pieces(struct bus *bus, uint64_t addr, unsigned int size,
			 uint64_t value)
{
	unsigned int done = 0;
	bool known = false;

	while (done < size) {
		const struct bus_range *r = bus_find(bus, addr + done);
		unsigned int n = piece(bus, r, addr + done, size - done);

		if (r) {
			known = true;
			r->ops->write(r->dev, addr + done - r->base, n,
				      (value >> (8 * done)) & ones(n));
		}
		done += n;
	}
	return known;
}

static RARE bool write_elsewhere(struct bus *bus, uint64_t addr,
				 unsigned int size, uint64_t value)
{
	const struct bus_range *r = bus_find(bus, addr);

	if (!whole(r, addr, size))
		return write_pieces(bus, addr, size, value);
	r->ops->write(r->dev, addr - r->base, size, value & ones(size));
	return true;
}

bool bus_write(struct bus *bus, uint64_t addr, unsigned int size,
	       uint64_t value)
{
	const struct bus_range *r = bus->last;

	if (!whole(r, addr, size))
		return write_elsewhere(bus, addr, size, value);
	r->ops->write(r->dev, addr - r->base, size, value & ones(size));
	return true;
}

unsigned int bus_read_block(struct bus *bus, uint64_t addr, unsigned int size,
			    unsigned int count, void *buf)
{
	const struct bus_range *r = bus_find(bus, addr);

	if (!whole(r, addr, size) || !r->ops->read_block)
		return 0;
	return r->ops->read_block(r->dev, addr - r->base, size, count, buf);
}

unsigned int bus_write_block(struct bus *bus, uint64_t addr, unsigned int size,
			     unsigned int count, const void *buf)
{
	const struct bus_range *r = bus_find(bus, addr);

	if (!whole(r, addr, size) || !r->ops->write_block)
		return 0;
	return r->ops->write_block(r->dev, addr - r->base, size, count, buf);
}
