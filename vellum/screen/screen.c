/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "screen.h"

#define SHOW_NS		40000000ull
#define WRITE_NS	100000000ull
#define NOTE_NS		5000000000ull

/* ---- the file ---- */

/*
 * The new text comes over the old one before what is left of that is cut off: a
 * reader in between sees some of both, and never an empty file.
 */
static void write_file(struct screen *s)
{
	static char text[CELLS_TEXT_MAX];
	size_t n = cells_text(&s->now, text);

	if (pwrite(s->file->fd, text, n, 0) == (ssize_t)n &&
	    !ftruncate(s->file->fd, (off_t)n))
		return;
	fprintf(stderr, "vellum: %s %s: can't be written any more: %s\n",
		s->file->option, s->file->path, strerror(errno));
	s->file = NULL;
}

static void update_file(struct screen *s, uint64_t now)
{
	if (now < s->write_at ||
	    (s->ever_written && cells_same(&s->now, &s->written)))
		return;
	write_file(s);
	s->written = s->now;
	s->ever_written = true;
	s->write_at = now + WRITE_NS;
}

/* ---- the terminal ---- */

/* Where writing may block: little, and only when the terminal takes some. */
#define PIECE	256u

static ssize_t write_some(struct screen *s, const char *p, size_t n)
{
	struct pollfd pfd = { .fd = s->terminal, .events = POLLOUT };

	if (!s->blocks)
		return write(s->terminal, p, n);
	if (poll(&pfd, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	return write(s->terminal, p, n < PIECE ? n : PIECE);
}

/* What does not go at once goes the next time, and nothing is painted until then. */
static void flush(struct screen *s)
{
	ssize_t n;

	while (s->out_at < s->out_end) {
		n = write_some(s, s->out + s->out_at, s->out_end - s->out_at);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			s->broken(s->opaque);
		if (n <= 0)
			return;
		s->out_at += (size_t)n;
	}
	s->out_at = s->out_end = 0;
}

static void get_size(struct paint *p)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || !w.ws_col || !w.ws_row)
		return;
	p->width = w.ws_col;
	p->height = w.ws_row;
}

static void update_terminal(struct screen *s, uint64_t now)
{
	flush(s);
	if (s->out_end)
		return;
	if (s->paint.note && now >= s->note_until) {
		s->paint.note = NULL;
		s->paint.anew = true;
	}
	s->out_end = paint(&s->paint, &s->now, s->out);
	flush(s);
}

void screen_anew(struct screen *s)
{
	if (!s->loop || s->terminal < 0)
		return;
	get_size(&s->paint);
	s->paint.anew = true;
}

void screen_note(struct screen *s, const char *text)
{
	s->paint.note = text;
	s->paint.anew = true;
	s->note_until = ev_now() + NOTE_NS;
}

/* ---- together ---- */

static void look(void *opaque)
{
	struct screen *s = opaque;
	uint64_t now = ev_now();

	cells_look(&s->now, s->vga, s->memory);
	if (s->file)
		update_file(s, now);
	if (s->terminal >= 0)
		update_terminal(s, now);
	ev_timer_set(&s->timer, now + (s->terminal >= 0 ? SHOW_NS : WRITE_NS));
}

/*
 * The description of standard output is shared with our parent, so whether it
 * blocks is not ours to change: another one of the same terminal, unless that is
 * another user's (after su).
 */
static int open_terminal(struct screen *s, struct vmm_error *e)
{
	s->terminal = open("/proc/self/fd/1",
			   O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	s->blocks = s->terminal < 0;
	if (s->blocks)
		s->terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (s->terminal < 0)
		return vmm_fail(e, VMM_ERR_HOST,
				"--vga: can't open the terminal: %s",
				strerror(errno));
	s->paint.width = 80;
	s->paint.height = 25;
	return 0;
}

int screen_open(struct screen *s, struct evloop *loop,
		const struct image_file *file, bool show, struct vmm_error *e)
{
	s->loop = loop;
	s->file = file->fd >= 0 ? file : NULL;
	s->terminal = -1;
	if (show && open_terminal(s, e))
		return -1;
	if (ev_timer_init(loop, &s->timer, look, s))
		return vmm_fail(e, VMM_ERR_INTERNAL, "out of timers");
	return 0;
}

void screen_begin(struct screen *s, const struct vga *vga, const uint8_t *memory)
{
	s->vga = vga;
	s->memory = memory;
	screen_anew(s);
	if (s->file || s->terminal >= 0)
		ev_timer_set(&s->timer, ev_now());
}

void screen_end(struct screen *s)
{
	if (!s->vga)
		return;
	ev_timer_set(&s->timer, EV_NEVER);
	s->write_at = 0;
	cells_look(&s->now, s->vga, s->memory);
	if (s->file)
		update_file(s, ev_now());
	s->vga = NULL;
	s->memory = NULL;
}

/* What was on the screen, without the empty rows at its end. */
static void print_last(struct screen *s)
{
	static char text[CELLS_TEXT_MAX];
	size_t n = cells_text(&s->now, text);

	while (n && text[n - 1] == '\n')
		n--;
	if (!n)
		return;
	fwrite(text, 1, n, stdout);
	putchar('\n');
	fflush(stdout);
}

void screen_close(struct screen *s)
{
	if (!s->loop)
		return;
	ev_timer_fini(&s->timer);
	if (s->terminal < 0)
		return;
	close(s->terminal);
	s->terminal = -1;
	print_last(s);
}
