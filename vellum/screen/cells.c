/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cells.h"

static void look_at_text(struct cells *c, const struct vga_view *v,
			 const uint8_t *memory)
{
	unsigned int row, col;

	c->cols = v->cols;
	c->rows = v->rows;
	c->blink = v->blink;
	for (row = 0; row < c->rows; row++) {
		uint16_t *to = c->cell + row * c->cols;
		unsigned int left = v->cursor_at * 2 & (v->size - 1);
		uint32_t at;

		for (col = 0; col < c->cols; col++) {
			at = vga_cell(v, row, col);
			to[col] = (uint16_t)(memory[at] | memory[at + 1] << 8);
			if (!v->cursor || c->cursor || at - v->base != left)
				continue;
			c->cursor = true;
			c->row = row;
			c->col = col;
		}
	}
}

void cells_look(struct cells *c, const struct vga *v, const uint8_t *memory)
{
	struct vga_view view;

	vga_view(v, &view);
	memset(c, 0, sizeof(*c));
	if (view.graphics)
		snprintf(c->mode, sizeof(c->mode),
			 "[graphics mode: %u x %u, %u colours%s]", view.width,
			 view.height, view.colours, view.planar ? ", planes" : "");
	else if (!view.blank)
		look_at_text(c, &view, memory);
}

bool cells_same(const struct cells *a, const struct cells *b)
{
	return a->cols == b->cols && a->rows == b->rows &&
	       a->cursor == b->cursor && a->row == b->row && a->col == b->col &&
	       a->blink == b->blink && !strcmp(a->mode, b->mode) &&
	       !memcmp(a->cell, b->cell, a->cols * a->rows * sizeof(a->cell[0]));
}

static size_t row_text(const uint16_t *cell, unsigned int cols, char *out)
{
	size_t n = 0, end = 0;
	unsigned int i;

	for (i = 0; i < cols; i++) {
		n += cp437_utf8((uint8_t)cell[i], out + n);
		if (out[n - 1] != ' ')
			end = n;
	}
	return end;
}

size_t cells_text(const struct cells *c, char *out)
{
	unsigned int row;
	size_t n = 0;

	if (c->mode[0]) {
		n = strlen(c->mode);
		memcpy(out, c->mode, n);
		out[n++] = '\n';
	}
	for (row = 0; row < c->rows; row++) {
		n += row_text(c->cell + row * c->cols, c->cols, out + n);
		out[n++] = '\n';
	}
	return n;
}
