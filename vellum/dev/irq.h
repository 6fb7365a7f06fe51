/* SPDX-License-Identifier: MIT */
/*
 * One interrupt line as a device sees it: it has a level.  The machine behind
 * it hears of changes only, since each one costs a trip into the kernel.
 */
#ifndef VELLUM_DEV_IRQ_H
#define VELLUM_DEV_IRQ_H

#include <stdbool.h>

struct irq_line {
	void (*set)(void *opaque, unsigned int number, bool level);
	void *opaque;
	unsigned int number;
	bool level;
};

static inline void irq_set(struct irq_line *line, bool level)
{
	if (line->level == level)
		return;
	line->level = level;
	if (line->set)
		line->set(line->opaque, line->number, level);
}

#endif
