/* SPDX-License-Identifier: MIT */
/*
 * A VGA (IBM Personal System/2 Hardware Technical Reference, "Video Subsystem";
 * IBM VGA/XGA Technical Reference, "VGA Function"): its registers.  Its memory is
 * ordinary memory of the guest's at 0xa0000-0xbffff, so writing there costs no
 * exit, and there are no planes: text and the linear mode 13h have in it what a
 * guest puts there, planar modes don't.
 *
 * vga_view() says what the registers make of the memory.
 */
#ifndef VELLUM_DEV_VGA_H
#define VELLUM_DEV_VGA_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"

/* The printer port of a monochrome adapter, 0x3bc-0x3bf, is not ours. */
#define VGA_MONO_PORT	0x3b0
#define VGA_MONO_PORTS	0x0c
#define VGA_PORT	0x3c0
#define VGA_PORTS	0x20

#define VGA_MEMORY	0xa0000u
#define VGA_MEMORY_SIZE	0x20000u

#define VGA_SEQ_REGS	5u
#define VGA_CRTC_REGS	0x19u
#define VGA_GC_REGS	9u
#define VGA_ATTR_REGS	0x15u

/* What is looked at of a text screen; more is cut off. */
#define VGA_COLS_MAX	160u
#define VGA_ROWS_MAX	100u

struct vga {
	uint8_t misc, feature, enable;
	uint8_t seq_index, crtc_index, gc_index, attr_index;
	uint8_t seq[VGA_SEQ_REGS], crtc[VGA_CRTC_REGS], gc[VGA_GC_REGS];
	uint8_t attr[VGA_ATTR_REGS];
	bool attr_data;			/* flip-flop: the next write is data */

	uint8_t pel_mask, pel_state;
	uint8_t pel_read, pel_write;	/* addresses */
	uint8_t pel_part;		/* red, green, blue: which is next */
	uint8_t pel_held[3];		/* written, and not in the palette yet */
	uint8_t palette[256][3];

	uint64_t looked_at;		/* ns: the last read of input status 1 */
	bool retrace, blank;		/* what it said */
};

/* Text: a character and its attribute, two bytes, low first. */
struct vga_view {
	bool blank;			/* the screen is off */
	bool graphics;
	unsigned int width, height;	/* graphics: pixels */
	unsigned int colours;
	bool planar;			/* graphics that memory has no content of */

	unsigned int cols, rows;	/* text; within the maxima */
	uint32_t base, size;		/* where in VGA's memory; a power of two */
	/* In characters: */
	unsigned int start;		/* of the first row */
	unsigned int pitch;		/* from row to row */
	unsigned int split;		/* from this row on memory begins again at 0 */
	bool cursor;			/* is it to be seen? */
	unsigned int cursor_at;
	bool blink;			/* attribute bit 7: blink, or bright background */
};

extern const struct bus_ops vga_ops, vga_mono_ops;

/* Text mode 3 (80x25), as firmware sets it. */
void vga_reset(struct vga *v);
/* VGA's memory as firmware leaves it: blank text. */
void vga_clear(uint8_t *memory);

void vga_view(const struct vga *v, struct vga_view *view);

/* Where in VGA's memory the row's first character is, and how one goes on. */
uint32_t vga_cell(const struct vga_view *view, unsigned int row,
		  unsigned int col);

#endif
