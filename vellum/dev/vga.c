/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../evloop.h"
#include "vga.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Ports as addresses, from VGA_MONO_PORT on. */
enum {
	PORT_ATTR = 0x3c0, PORT_ATTR_DATA = 0x3c1,
	PORT_MISC_WRITE = 0x3c2,	/* read: input status 0 */
	PORT_ENABLE = 0x3c3,
	PORT_SEQ = 0x3c4, PORT_SEQ_DATA = 0x3c5,
	PORT_PEL_MASK = 0x3c6,
	PORT_PEL_READ = 0x3c7,		/* read: the DAC's state */
	PORT_PEL_WRITE = 0x3c8, PORT_PEL_DATA = 0x3c9,
	PORT_FEATURE_READ = 0x3ca, PORT_MISC_READ = 0x3cc,
	PORT_GC = 0x3ce, PORT_GC_DATA = 0x3cf,
	/* at 0x3bx for monochrome */
	PORT_CRTC = 0x3d4, PORT_CRTC_DATA = 0x3d5,
	PORT_STATUS1 = 0x3da,		/* write: feature control */
	COLOUR_TO_MONO = 0x20,
};

#define MISC_COLOUR		0x01u
#define STATUS0_SENSE		0x10u
#define STATUS1_BLANK		0x01u
#define STATUS1_RETRACE		0x08u
#define PEL_STATE_READ		0x03u
#define PEL_BITS		0x3fu

#define SEQ_CLOCKING		1u
#define SEQ_HALF_CLOCK		0x08u
#define SEQ_SCREEN_OFF		0x20u

#define GC_MODE			5u
#define GC_MODE_FOUR		0x20u
#define GC_MODE_256		0x40u
#define GC_MISC			6u
#define GC_MISC_GRAPHICS	0x01u

#define ATTR_INDEX		0x1fu
#define ATTR_SOURCE		0x20u	/* the palette is the screen's, not the CPU's */
#define ATTR_PALETTE		16u
#define ATTR_MODE		0x10u
#define ATTR_MODE_BLINK		0x08u

enum {
	CRTC_COLS = 0x01, CRTC_OVERFLOW = 0x07, CRTC_SCAN_LINE = 0x09,
	CRTC_CURSOR_START = 0x0a, CRTC_CURSOR_END = 0x0b,
	CRTC_START_HIGH = 0x0c, CRTC_START_LOW = 0x0d,
	CRTC_CURSOR_HIGH = 0x0e, CRTC_CURSOR_LOW = 0x0f,
	CRTC_RETRACE_END = 0x11, CRTC_ROWS = 0x12, CRTC_OFFSET = 0x13,
	CRTC_MODE = 0x17, CRTC_LINE_COMPARE = 0x18,
};
#define CRTC_PROTECT		0x80u	/* of CRTC_RETRACE_END */
#define CRTC_PROTECTED		7u	/* the last register that it protects... */
#define CRTC_OVERFLOW_COMPARE	0x10u	/* ...but for this bit */
#define CRTC_SCAN_LINE_COMPARE	0x40u
#define CRTC_SCAN_LINE_DOUBLE	0x80u
#define CRTC_CURSOR_OFF		0x20u
#define CRTC_CURSOR_LINE	0x1fu
#define CRTC_MODE_NOT_CGA	0x01u

static const uint8_t seq_mask[VGA_SEQ_REGS] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gc_mask[VGA_GC_REGS] = {
	0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff,
};

#define TEXT_BASE		0x18000u	/* mode 3's window */
#define TEXT_GREY		0x07u

/* ---- time ---- */

/* 720x400 at 70 Hz: 449 lines of 31.8 us, 400 shown, retrace after 412, two long. */
#define LINE_NS		31778u
#define FRAME_NS	(449u * LINE_NS)
#define SHOWN_NS	(400u * LINE_NS)
#define RETRACE_NS	(412u * LINE_NS)
#define RETRACE_END_NS	(414u * LINE_NS)

/*
 * What alternates, alternates whoever looks, however rarely: a retrace that was
 * missed between two reads is shown by the later, unless the earlier showed one, and
 * of the short gaps between lines each second read sees one.
 */
static uint8_t status1(struct vga *v)
{
	uint64_t now = ev_now(), at = now % FRAME_NS;
	uint64_t last = (now - at) + RETRACE_NS;	/* the last retrace's start */
	bool inside = at >= RETRACE_NS && at < RETRACE_END_NS;

	if (last > now)
		last -= FRAME_NS;
	v->retrace = inside || (v->looked_at < last && !v->retrace);
	v->blank = at >= SHOWN_NS || v->retrace || !v->blank;
	v->looked_at = now;
	v->attr_data = false;
	return (v->blank ? STATUS1_BLANK : 0) |
	       (v->retrace ? STATUS1_RETRACE : 0);
}

/* ---- registers behind an index ---- */

static uint8_t get(const uint8_t *reg, unsigned int n, unsigned int index)
{
	return index < n ? reg[index] : 0;
}

static void write_crtc(struct vga *v, uint8_t value)
{
	unsigned int i = v->crtc_index;

	if (i >= VGA_CRTC_REGS)
		return;
	if (i > CRTC_PROTECTED || !(v->crtc[CRTC_RETRACE_END] & CRTC_PROTECT)) {
		v->crtc[i] = value;
	} else if (i == CRTC_OVERFLOW) {
		v->crtc[i] &= (uint8_t)~CRTC_OVERFLOW_COMPARE;
		v->crtc[i] |= value & CRTC_OVERFLOW_COMPARE;
	}
}

static void write_attr(struct vga *v, uint8_t value)
{
	unsigned int i = v->attr_index & ATTR_INDEX;

	v->attr_data = !v->attr_data;
	if (v->attr_data)
		v->attr_index = value & (ATTR_INDEX | ATTR_SOURCE);
	else if (i < ATTR_PALETTE && !(v->attr_index & ATTR_SOURCE))
		v->attr[i] = value & 0x3f;
	else if (i >= ATTR_PALETTE && i < VGA_ATTR_REGS)
		v->attr[i] = value;
}

static uint8_t read_pel(struct vga *v)
{
	uint8_t value = v->palette[v->pel_read][v->pel_part];

	v->pel_part = (v->pel_part + 1) % 3;
	if (!v->pel_part)
		v->pel_read++;
	return value;
}

/* A colour becomes one when its third part is there. */
static void write_pel(struct vga *v, uint8_t value)
{
	v->pel_held[v->pel_part] = value & PEL_BITS;
	v->pel_part = (v->pel_part + 1) % 3;
	if (!v->pel_part)
		memcpy(v->palette[v->pel_write++], v->pel_held, 3);
}

static void set_pel(struct vga *v, uint8_t *address, uint8_t value, uint8_t state)
{
	*address = value;
	v->pel_part = 0;
	v->pel_state = state;
}

/* ---- ports ---- */

/* CRTC, status and feature control are at one place or the other. */
static unsigned int decode(const struct vga *v, unsigned int port)
{
	bool mono = port < VGA_PORT;

	if (!mono && port < PORT_CRTC - 4)
		return port;
	if (mono == !!(v->misc & MISC_COLOUR))
		return 0;
	return mono ? port + COLOUR_TO_MONO : port;
}

static uint8_t read_port(struct vga *v, unsigned int port)
{
	switch (decode(v, port)) {
	case PORT_ATTR: return v->attr_index;
	case PORT_ATTR_DATA:
		return get(v->attr, VGA_ATTR_REGS, v->attr_index & ATTR_INDEX);
	case PORT_MISC_WRITE: return STATUS0_SENSE;
	case PORT_ENABLE: return v->enable;
	case PORT_SEQ: return v->seq_index;
	case PORT_SEQ_DATA: return get(v->seq, VGA_SEQ_REGS, v->seq_index);
	case PORT_PEL_MASK: return v->pel_mask;
	case PORT_PEL_READ: return v->pel_state;
	case PORT_PEL_WRITE: return v->pel_write;
	case PORT_PEL_DATA: return read_pel(v);
	case PORT_FEATURE_READ: return v->feature;
	case PORT_MISC_READ: return v->misc;
	case PORT_GC: return v->gc_index;
	case PORT_GC_DATA: return get(v->gc, VGA_GC_REGS, v->gc_index);
	case PORT_CRTC: return v->crtc_index;
	case PORT_CRTC_DATA: return get(v->crtc, VGA_CRTC_REGS, v->crtc_index);
	case PORT_STATUS1: return status1(v);
	default: return 0xff;
	}
}

static void write_port(struct vga *v, unsigned int port, uint8_t value)
{
	switch (decode(v, port)) {
	case PORT_ATTR: write_attr(v, value); break;
	case PORT_MISC_WRITE: v->misc = value; break;
	case PORT_ENABLE: v->enable = value & 1; break;
	case PORT_SEQ: v->seq_index = value & 7; break;
	case PORT_SEQ_DATA:
		if (v->seq_index < VGA_SEQ_REGS)
			v->seq[v->seq_index] = value & seq_mask[v->seq_index];
		break;
	case PORT_PEL_MASK: v->pel_mask = value; break;
	case PORT_PEL_READ: set_pel(v, &v->pel_read, value, PEL_STATE_READ); break;
	case PORT_PEL_WRITE: set_pel(v, &v->pel_write, value, 0); break;
	case PORT_PEL_DATA: write_pel(v, value); break;
	case PORT_GC: v->gc_index = value & 0xf; break;
	case PORT_GC_DATA:
		if (v->gc_index < VGA_GC_REGS)
			v->gc[v->gc_index] = value & gc_mask[v->gc_index];
		break;
	case PORT_CRTC: v->crtc_index = value & 0x1f; break;
	case PORT_CRTC_DATA: write_crtc(v, value); break;
	case PORT_STATUS1: v->feature = value & 3; break;
	default: break;
	}
}

static uint64_t colour_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)size;
	return read_port(dev, VGA_PORT + (unsigned int)offset);
}

static void colour_write(void *dev, uint64_t offset, unsigned int size,
			 uint64_t value)
{
	(void)size;
	write_port(dev, VGA_PORT + (unsigned int)offset, (uint8_t)value);
}

static uint64_t mono_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)size;
	return read_port(dev, VGA_MONO_PORT + (unsigned int)offset);
}

static void mono_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	(void)size;
	write_port(dev, VGA_MONO_PORT + (unsigned int)offset, (uint8_t)value);
}

const struct bus_ops vga_ops = { .read = colour_read, .write = colour_write };
const struct bus_ops vga_mono_ops = { .read = mono_read, .write = mono_write };

/* ---- reset ---- */

/* The specification's "Mode 3" of 400 lines, in the registers' order. */
static const uint8_t mode3_seq[VGA_SEQ_REGS] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
static const uint8_t mode3_crtc[VGA_CRTC_REGS] = {
	0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e,
	0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3,
	0xff,
};
static const uint8_t mode3_gc[VGA_GC_REGS] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff,
};
static const uint8_t mode3_attr[VGA_ATTR_REGS] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b,
	0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
};

/* A part of one of the first 64 colours, which are the EGA's: two bits each. */
static uint8_t ega_part(unsigned int colour, unsigned int bit)
{
	return (uint8_t)((colour >> bit & 1) * 0x2a +
			 (colour >> (bit + 3) & 1) * 0x15);
}

void vga_reset(struct vga *v)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->misc = 0x67;
	v->enable = 1;
	v->pel_mask = 0xff;
	v->attr_index = ATTR_SOURCE;
	memcpy(v->seq, mode3_seq, sizeof(v->seq));
	memcpy(v->crtc, mode3_crtc, sizeof(v->crtc));
	memcpy(v->gc, mode3_gc, sizeof(v->gc));
	memcpy(v->attr, mode3_attr, sizeof(v->attr));
	for (i = 0; i < 64; i++) {
		v->palette[i][0] = ega_part(i, 2);
		v->palette[i][1] = ega_part(i, 1);
		v->palette[i][2] = ega_part(i, 0);
	}
}

void vga_clear(uint8_t *memory)
{
	uint32_t i;

	for (i = TEXT_BASE; i < VGA_MEMORY_SIZE; i += 2) {
		memory[i] = ' ';
		memory[i + 1] = TEXT_GREY;
	}
}

/* ---- what they mean ---- */

static unsigned int crtc16(const struct vga *v, unsigned int high)
{
	return (unsigned int)v->crtc[high] << 8 | v->crtc[high + 1];
}

/* The lines shown, and the line after which memory begins again. */
static unsigned int lines_shown(const struct vga *v)
{
	unsigned int o = v->crtc[CRTC_OVERFLOW];

	return (v->crtc[CRTC_ROWS] | (o & 0x02) << 7 | (o & 0x40) << 3) + 1;
}

static unsigned int line_compare(const struct vga *v)
{
	return v->crtc[CRTC_LINE_COMPARE] |
	       (v->crtc[CRTC_OVERFLOW] & CRTC_OVERFLOW_COMPARE ? 0x100u : 0) |
	       (v->crtc[CRTC_SCAN_LINE] & CRTC_SCAN_LINE_COMPARE ? 0x200u : 0);
}

static void view_graphics(const struct vga *v, struct vga_view *view)
{
	uint8_t mode = v->gc[GC_MODE], scan = v->crtc[CRTC_SCAN_LINE];
	bool cga = !(v->crtc[CRTC_MODE] & CRTC_MODE_NOT_CGA);

	view->graphics = true;
	view->width = (v->crtc[CRTC_COLS] + 1u) * 8;
	view->height = lines_shown(v);
	if (scan & CRTC_SCAN_LINE_DOUBLE)
		view->height /= 2;
	if (!cga)
		view->height /= (scan & 0x1fu) + 1;
	if (mode & GC_MODE_256) {
		view->width /= 2;
		view->colours = 256;
	} else {
		view->colours = mode & GC_MODE_FOUR ? 4 : cga ? 2 : 16;
		view->planar = view->colours == 16;
	}
}

void vga_view(const struct vga *v, struct vga_view *view)
{
	static const struct { uint32_t base, size; } window[] = {
		{ 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 },
		{ 0x18000, 0x8000 },
	};
	unsigned int map = v->gc[GC_MISC] >> 2 & 3, height, rows;

	memset(view, 0, sizeof(*view));
	view->blank = v->seq[SEQ_CLOCKING] & SEQ_SCREEN_OFF ||
		      !(v->attr_index & ATTR_SOURCE);
	if (v->gc[GC_MISC] & GC_MISC_GRAPHICS) {
		view_graphics(v, view);
		return;
	}
	height = (v->crtc[CRTC_SCAN_LINE] & 0x1fu) + 1;
	if (v->crtc[CRTC_SCAN_LINE] & CRTC_SCAN_LINE_DOUBLE)
		height *= 2;
	rows = lines_shown(v) / height;
	view->rows = rows < VGA_ROWS_MAX ? rows : VGA_ROWS_MAX;
	view->cols = v->crtc[CRTC_COLS] + 1u;
	if (view->cols > VGA_COLS_MAX)
		view->cols = VGA_COLS_MAX;
	view->base = window[map].base;
	view->size = window[map].size;
	view->start = crtc16(v, CRTC_START_HIGH);
	view->pitch = v->crtc[CRTC_OFFSET] * 2u;
	view->split = (line_compare(v) + height) / height;
	view->cursor_at = crtc16(v, CRTC_CURSOR_HIGH);
	view->cursor = !(v->crtc[CRTC_CURSOR_START] & CRTC_CURSOR_OFF) &&
		       (v->crtc[CRTC_CURSOR_START] & CRTC_CURSOR_LINE) <=
		       (v->crtc[CRTC_CURSOR_END] & CRTC_CURSOR_LINE);
	view->blink = v->attr[ATTR_MODE] & ATTR_MODE_BLINK;
}

uint32_t vga_cell(const struct vga_view *view, unsigned int row, unsigned int col)
{
	unsigned int at = row < view->split ? view->start + row * view->pitch :
			  (row - view->split) * view->pitch;

	return view->base + ((at + col) * 2 & (view->size - 1));
}
