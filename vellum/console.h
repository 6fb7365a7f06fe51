/* SPDX-License-Identifier: MIT */
/*
 * The user's side of the serial line: standard input and output.
 *
 * Output is collected under the device lock and written without it: by the
 * vCPU thread that produced it, when a line or the buffer is full or when the
 * UART says that a burst is over, or else by the event loop a few milliseconds
 * later.  So a reader who has stopped reading stops the vCPU that writes and
 * nobody else.
 *
 * Input is taken no faster than the guest takes it, so nothing piped in is
 * lost, and no faster than a quick serial line would bring it: drivers empty
 * the FIFO in their interrupt handler, and one that never runs dry keeps the
 * guest from all other work.  Only keys hit on a terminal are read at once, because the escape key
 * must work in front of a guest that reads nothing.
 */
#ifndef VELLUM_CONSOLE_H
#define VELLUM_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evloop.h"

#define CONSOLE_IN_SIZE		4096u	/* power of two */
#define CONSOLE_OUT_SIZE	4096u
#define CONSOLE_OUT_SLACK	256u	/* for vCPUs on their way to drain it */
#define CONSOLE_ESCAPE_KEY	0x1d	/* Ctrl-] */

enum console_event {
	CONSOLE_QUIT,		/* the user wants out */
	CONSOLE_RESET,		/* the user wants the machine reset */
	CONSOLE_POWER,		/* the user presses the power button */
	CONSOLE_BROKEN,		/* nobody reads our output any more */
	CONSOLE_HELP,		/* with a screen: which commands there are */
	CONSOLE_REDRAW,		/* with a screen: it is to be drawn again */
};

struct console {
	struct evloop *loop;

	/* input: under the device lock */
	struct ev_fd in;
	bool in_tty, in_file, in_eof;
	bool escaped;		/* the escape key came, its command not yet */
	uint8_t in_buf[CONSOLE_IN_SIZE];
	unsigned int in_head, in_count;
	uint64_t taken_at;	/* ns of CLOCK_MONOTONIC */
	struct ev_timer feed_timer;

	/* output: collected under the device lock */
	uint8_t out_buf[CONSOLE_OUT_SIZE];
	size_t out_count;
	bool out_dead;
	int out_error;			/* why */
	bool out_wanted;	/* worth a console_drain() */
	bool flush_due;		/* flush_timer is set */
	struct ev_timer flush_timer;
	/* serialises the writers; taken before the device lock, never after */
	pthread_mutex_t out_lock;
	int out_fd;		/* standard output, if nothing else; -1: nowhere */

	bool screen;		/* the terminal shows the guest's screen */

	/* called with the device lock held */
	void (*event)(void *opaque, enum console_event what);
	void (*input)(void *opaque);	/* there is something to take */
	void *opaque;

	/*
	 * True once the program is ending: a blocked write gives up.  Written
	 * by any thread, read without a lock.
	 */
	volatile bool ending;
};

int console_init(struct console *c, struct evloop *loop, struct vmm_error *e);
void console_fini(struct console *c);

/* Raw mode on, if standard input is a terminal, its screen cleared; and back. */
void console_raw(struct console *c);
void console_restore(void);	/* async-signal-safe; once is enough */

/* Starts reading: after the machine exists. */
void console_start(struct console *c);

/*
 * Writes what was collected.  No lock held.  May block for as long as nobody
 * reads; a signal to the thread together with @ending makes it give up.
 */
void console_drain(struct console *c);

/* The UART's backend: device lock held. */
size_t console_take(void *console, uint8_t *buf, size_t n);
void console_untake(void *console, const uint8_t *buf, size_t n);
void console_send(void *console, const uint8_t *buf, size_t n);
void console_flush(void *console);

#endif
