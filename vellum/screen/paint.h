/* SPDX-License-Identifier: MIT */
/*
 * A picture on a terminal, by control sequences (ECMA-48, and what xterm added for
 * eight brighter colours): only what differs from the picture before.
 *
 * Not ncurses: that wants a terminal's description and a locale in files, which an
 * initial RAM disk has not, and it waits for a terminal that reads slowly, which the
 * thread that waits for everything else must not do.
 */
#ifndef VELLUM_SCREEN_PAINT_H
#define VELLUM_SCREEN_PAINT_H

#include "cells.h"

/* Where to, which colours, which character: at most this for each cell. */
#define PAINT_CELL_MAX	40u
#define PAINT_MAX	(VGA_ROWS_MAX * VGA_COLS_MAX * PAINT_CELL_MAX + 1024u)

struct paint {
	unsigned int width, height;	/* of the terminal */
	const char *note;		/* on its last line; NULL = none */
	bool anew;			/* it shows something else than @shown */

	unsigned int first;		/* the row that is at the top */
	struct cells shown;
	/* of the picture that is being painted */
	bool all;
	unsigned int row, col;		/* where the terminal writes next */
	int attr;			/* and how; -1: unknown */
};

/* Sequences that lead from the last picture to @now, PAINT_MAX bytes at most. */
size_t paint(struct paint *p, const struct cells *now, char *out);

#endif
