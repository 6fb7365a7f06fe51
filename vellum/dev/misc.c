/* SPDX-License-Identifier: MIT */
#include "misc.h"

static uint64_t post_read(void *dev, uint64_t offset, unsigned int size)
{
	const struct misc *m = dev;

	(void)offset, (void)size;
	return m->post;
}

static void post_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct misc *m = dev;

	(void)offset, (void)size;
	m->post = (uint8_t)value;
}

/* Reading gives the port's own number: how a guest finds it. */
static uint64_t debugcon_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return DEBUGCON_PORT;
}

static void debugcon_write(void *dev, uint64_t offset, unsigned int size,
			   uint64_t value)
{
	struct misc *m = dev;
	uint8_t c = (uint8_t)value;

	(void)offset, (void)size;
	m->debug_send(m->debug_opaque, &c, 1);
}

static uint64_t pvpanic_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(void *dev, uint64_t offset, unsigned int size,
			  uint64_t value)
{
	struct misc *m = dev;

	(void)offset, (void)size;
	/* CRASH_LOADED: the guest goes on in its own crash kernel. */
	if (value & PVPANIC_PANICKED)
		m->panicked(m->opaque);
}

static uint64_t debug_exit_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return 0;
}

static void debug_exit_write(void *dev, uint64_t offset, unsigned int size,
			     uint64_t value)
{
	struct misc *m = dev;

	(void)offset, (void)size;
	m->debug_exit(m->opaque, (uint32_t)value);
}

const struct bus_ops post_ops = { .read = post_read, .write = post_write };
const struct bus_ops debugcon_ops = { .read = debugcon_read, .write = debugcon_write };
const struct bus_ops pvpanic_ops = { .read = pvpanic_read, .write = pvpanic_write };
const struct bus_ops debug_exit_ops = { .read = debug_exit_read, .write = debug_exit_write };
