/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "paint.h"

#define NOWHERE	UINT32_MAX

/* VGA counts blue, green, red from bit 0; terminals the other way. */
static unsigned int colour(unsigned int c)
{
	return (c & 1) << 2 | (c & 2) | (c & 4) >> 2;
}

static size_t set_attr(struct paint *p, const struct cells *now, uint8_t attr,
		       char *out)
{
	unsigned int fore = colour(attr) + (attr & 0x08 ? 90 : 30);
	unsigned int back = colour(attr >> 4) + 40;
	bool blinks = attr & 0x80 && now->blink;

	if (p->attr == attr)
		return 0;
	p->attr = attr;
	if (attr & 0x80 && !now->blink)
		back += 60;
	return (size_t)sprintf(out, "\033[0;%s%u;%um", blinks ? "5;" : "", fore,
			       back);
}

static size_t move(struct paint *p, unsigned int row, unsigned int col, char *out)
{
	if (p->row == row && p->col == col)
		return 0;
	p->row = row;
	p->col = col;
	return (size_t)sprintf(out, "\033[%u;%uH", row + 1, col + 1);
}

static size_t paint_cell(struct paint *p, const struct cells *now,
			 unsigned int row, unsigned int col, char *out)
{
	uint16_t cell = now->cell[(p->first + row) * now->cols + col];
	size_t n = move(p, row, col, out);

	n += set_attr(p, now, (uint8_t)(cell >> 8), out + n);
	n += cp437_utf8((uint8_t)cell, out + n);
	/* Behind the last column it may be here or there. */
	p->col = col + 1 < p->width ? col + 1 : NOWHERE;
	return n;
}

static bool differs(const struct paint *p, const struct cells *now, unsigned int at)
{
	return p->all || now->cell[at] != p->shown.cell[at];
}

/* A short way to the next cell: what lies between once more is no longer than that. */
#define GAP	6u

static size_t paint_gap(struct paint *p, const struct cells *now, unsigned int row,
			unsigned int col, char *out)
{
	size_t n = 0;

	while (p->row == row && p->col < col && col - p->col <= GAP)
		n += paint_cell(p, now, row, p->col, out + n);
	return n;
}

static size_t paint_rows(struct paint *p, const struct cells *now,
			 unsigned int height, char *out)
{
	unsigned int cols = now->cols < p->width ? now->cols : p->width;
	unsigned int row, col;
	size_t n = 0;

	for (row = 0; row < height && p->first + row < now->rows; row++) {
		for (col = 0; col < cols; col++) {
			if (!differs(p, now, (p->first + row) * now->cols + col))
				continue;
			n += paint_gap(p, now, row, col, out + n);
			n += paint_cell(p, now, row, col, out + n);
		}
	}
	return n;
}

/* A terminal of fewer rows shows the upper ones, or those about the cursor. */
static unsigned int first_row(const struct cells *now, unsigned int height)
{
	unsigned int first = now->rows > height ? now->rows - height : 0;

	return now->cursor && now->row >= height ? first : 0;
}

static size_t paint_cursor(struct paint *p, const struct cells *now,
			   unsigned int height, char *out)
{
	unsigned int row = now->row - p->first;
	bool seen = now->cursor && row < height && now->col < p->width;
	size_t n = 0;

	if (!seen)
		return (size_t)sprintf(out, "\033[?25l");
	n = move(p, row, now->col, out);
	return n + (size_t)sprintf(out + n, "\033[?25h");
}

/* Text that is not the guest's, in the terminal's own colours. */
static size_t paint_line(struct paint *p, unsigned int row, const char *text,
			 bool reverse, char *out)
{
	size_t n = move(p, row, 0, out);

	p->attr = -1;
	p->col = NOWHERE;
	return n + (size_t)sprintf(out + n, "\033[0%sm%.*s\033[K",
				   reverse ? ";7" : "",
				   (int)(p->width < 200 ? p->width : 200), text);
}

size_t paint(struct paint *p, const struct cells *now, char *out)
{
	unsigned int height = p->height - (p->note && p->height > 1);
	unsigned int first = first_row(now, height);
	size_t n = 0;

	p->all = p->anew || now->cols != p->shown.cols ||
		 now->rows != p->shown.rows || now->blink != p->shown.blink ||
		 first != p->first || strcmp(now->mode, p->shown.mode);
	if (!p->all && cells_same(now, &p->shown))
		return 0;
	p->first = first;
	p->row = p->col = NOWHERE;
	p->attr = -1;
	if (p->all)
		n += (size_t)sprintf(out, "\033[0m\033[2J");
	if (now->mode[0])
		n += paint_line(p, 0, now->mode, false, out + n);
	n += paint_rows(p, now, height, out + n);
	if (p->all && p->note)
		n += paint_line(p, p->height - 1, p->note, true, out + n);
	n += paint_cursor(p, now, height, out + n);
	p->shown = *now;
	p->anew = false;
	return n;
}
