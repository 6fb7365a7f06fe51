/* SPDX-License-Identifier: MIT */
/*
 * The user's view of the screen: drawn on the terminal, written to a file, or both.
 * It outlives a reset, as the console does.  The guest writes its text to memory
 * without telling anybody, so the event loop looks at it many times a second.
 *
 * All but open and close with the device lock held, or before and after vCPUs run.
 */
#ifndef VELLUM_SCREEN_SCREEN_H
#define VELLUM_SCREEN_SCREEN_H

#include "../evloop.h"
#include "../load/file.h"
#include "paint.h"

struct screen {
	struct evloop *loop;
	struct ev_timer timer;
	const struct vga *vga;		/* the machine's; NULL = there is none */
	const uint8_t *memory;
	struct cells now;

	const struct image_file *file;	/* NULL = none */
	struct cells written;
	bool ever_written;
	uint64_t write_at;		/* ns: not before that */

	int terminal;			/* -1 = none */
	bool blocks;			/* writing there does */
	struct paint paint;
	char out[PAINT_MAX];		/* on its way to the terminal */
	size_t out_at, out_end;
	uint64_t note_until;		/* ns */
	void (*broken)(void *opaque);	/* nobody sees it any more */
	void *opaque;
};

/*
 * @file's fd may be -1; @show: on the terminal that standard output is.  Before the
 * sandbox.  0 or -1 with the reason.
 */
int screen_open(struct screen *s, struct evloop *loop,
		const struct image_file *file, bool show, struct vmm_error *e);
/* Leaves the terminal as it was, with the last text on it. */
void screen_close(struct screen *s);

/* A machine begins, with VGA's registers and all of its memory, and ends. */
void screen_begin(struct screen *s, const struct vga *vga,
		  const uint8_t *memory);
void screen_end(struct screen *s);

/* The terminal has another size, or something else has written to it. */
void screen_anew(struct screen *s);
/* A line for the user, for some seconds. */
void screen_note(struct screen *s, const char *text);

#endif
