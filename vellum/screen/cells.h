/* SPDX-License-Identifier: MIT */
/*
 * The text that a VGA shows, as a picture of its own to compare with the next one:
 * taken from the registers and from memory that a guest writes meanwhile.  A screen
 * in graphics mode, or switched off, is a picture without text.
 */
#ifndef VELLUM_SCREEN_CELLS_H
#define VELLUM_SCREEN_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../dev/vga.h"

#define CELLS_UTF8_MAX	3u	/* bytes of a character */
/* The longest text of a picture: each row with its end, or the one line. */
#define CELLS_TEXT_MAX	(VGA_ROWS_MAX * (VGA_COLS_MAX * CELLS_UTF8_MAX + 1))

struct cells {
	unsigned int cols, rows;
	bool cursor;			/* it is to be seen, at: */
	unsigned int row, col;
	bool blink;			/* attribute bit 7 is not for the background */
	char mode[64];			/* graphics: one line about it; else empty */
	/* Attribute and character, high and low byte: rows of @cols. */
	uint16_t cell[VGA_ROWS_MAX * VGA_COLS_MAX];
};

/* @memory: VGA's, all of it. */
void cells_look(struct cells *c, const struct vga *v, const uint8_t *memory);

bool cells_same(const struct cells *a, const struct cells *b);

/*
 * Lines of UTF-8 without the blanks at their ends, into CELLS_TEXT_MAX bytes.
 * Returns their length.
 */
size_t cells_text(const struct cells *c, char *out);

/* A character of code page 437; returns its length. */
unsigned int cp437_utf8(uint8_t c, char out[CELLS_UTF8_MAX]);

#endif
