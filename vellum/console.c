/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"

#define FLUSH_DELAY_NS	4000000ull
#define CTRL_D		0x04
#define CTRL_D_NS	1000000000ull
#define FEED_DELAY_NS	1000000ull	/* between FIFOs full of input */
#define UNTAKE_MAX	16u		/* one FIFO's worth */
#define IN_MASK		(CONSOLE_IN_SIZE - 1)

/*
 * The terminal as we found it.  Of the process, not of a console: whatever
 * ends the process, a fatal signal included, must find it.
 */
static struct {
	volatile bool changed;
	struct termios saved;
	volatile bool drawn;	/* standard output shows a screen */
} terminal;

/* xterm's second screen, without wrapping; and the first one, as it was. */
static const char enter_screen[] = "\033[?1049h\033[?7l";
static const char leave_screen[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

static void control(const char *sequence, size_t n)
{
	if (write(STDOUT_FILENO, sequence, n) < 0)
		return;		/* then there is no terminal to be put back */
}

void console_restore(void)
{
	if (terminal.drawn)
		control(leave_screen, sizeof(leave_screen) - 1);
	terminal.drawn = false;
	if (!terminal.changed)
		return;
	terminal.changed = false;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.saved);
}

void console_raw(struct console *c)
{
	struct termios t;

	if (c->screen && !terminal.drawn) {
		terminal.drawn = true;
		control(enter_screen, sizeof(enter_screen) - 1);
	}
	if (!c->in_tty || terminal.changed ||
	    tcgetattr(STDIN_FILENO, &terminal.saved))
		return;
	t = terminal.saved;
	cfmakeraw(&t);
	terminal.changed = true;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

/* ---- output ---- */

/* Device lock held.  A file that is full loses output; a reader who goes is our end. */
static void broken(struct console *c, int error)
{
	if (c->out_dead)
		return;
	c->out_dead = true;
	c->out_error = error;
	if (c->out_fd == STDOUT_FILENO)
		c->event(c->opaque, CONSOLE_BROKEN);
	else
		fprintf(stderr, "vellum: --com1: can't be written any more: %s\n",
			strerror(error));
}

static void report_broken(struct console *c)
{
	int error = errno;

	pthread_mutex_lock(c->loop->lock);
	broken(c, error);
	pthread_mutex_unlock(c->loop->lock);
}

static void write_out(struct console *c, const uint8_t *p, size_t n)
{
	while (n && !c->ending) {
		ssize_t done = write(c->out_fd, p, n);

		if (done >= 0) {
			p += done;
			n -= (size_t)done;
		} else if (errno == EAGAIN) {
			/* The descriptor is shared; its owner chose this. */
			struct pollfd pfd = {
				.fd = c->out_fd, .events = POLLOUT,
			};

			poll(&pfd, 1, 1000);
		} else if (errno != EINTR) {
			report_broken(c);
			return;
		}
	}
}

/* Moves what was collected to @buf; device lock held. */
static size_t collect(struct console *c, uint8_t *buf)
{
	size_t n = c->out_dead ? 0 : c->out_count;

	memcpy(buf, c->out_buf, n);
	c->out_count = 0;
	c->out_wanted = false;
	return n;
}

void console_drain(struct console *c)
{
	uint8_t buf[CONSOLE_OUT_SIZE];
	size_t n;

	/* Held across the write: bursts leave in the order they came. */
	pthread_mutex_lock(&c->out_lock);
	pthread_mutex_lock(c->loop->lock);
	n = collect(c, buf);
	pthread_mutex_unlock(c->loop->lock);
	write_out(c, buf, n);
	pthread_mutex_unlock(&c->out_lock);
}

static void flush_after_delay(struct console *c)
{
	c->flush_due = true;
	ev_timer_set(&c->flush_timer, ev_now() + FLUSH_DELAY_NS);
}

/*
 * The event loop must not block, nor wait for out_lock with the device lock
 * held, so it writes only what goes at once and comes back for the rest.
 */
static void flush_late(void *opaque)
{
	struct console *c = opaque;
	struct pollfd pfd = { .fd = c->out_fd, .events = POLLOUT };
	ssize_t n;

	c->flush_due = false;
	if (!c->out_count || c->out_dead)
		return;
	if (pthread_mutex_trylock(&c->out_lock)) {
		flush_after_delay(c);
		return;
	}
	if (poll(&pfd, 1, 0) == 1) {
		n = write(c->out_fd, c->out_buf, c->out_count);
		if (n > 0) {
			c->out_count -= (size_t)n;
			memmove(c->out_buf, c->out_buf + n, c->out_count);
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			broken(c, errno);
		}
	}
	if (c->out_count && !c->out_dead)
		flush_after_delay(c);
	pthread_mutex_unlock(&c->out_lock);
}

void console_send(void *console, const uint8_t *buf, size_t n)
{
	struct console *c = console;

	if (c->out_fd < 0)
		return;
	while (n--) {
		uint8_t b = *buf++;

		/* Full only if more vCPUs than SLACK wait to drain it. */
		if (c->out_count < CONSOLE_OUT_SIZE)
			c->out_buf[c->out_count++] = b;
		if (b == '\n' ||
		    c->out_count >= CONSOLE_OUT_SIZE - CONSOLE_OUT_SLACK)
			c->out_wanted = true;
	}
	/*
	 * The timer is left to run out even if the burst is written before:
	 * setting it is a system call, so at most one per delay.
	 */
	if (c->out_count && !c->flush_due)
		flush_after_delay(c);
}

void console_flush(void *console)
{
	struct console *c = console;

	if (c->out_count)
		c->out_wanted = true;
}

/* ---- input ---- */

static unsigned int in_room(const struct console *c)
{
	const unsigned int max = CONSOLE_IN_SIZE - UNTAKE_MAX;

	/* The rest stays free for what is handed back. */
	return c->in_count < max ? max - c->in_count : 0;
}

static void in_push(struct console *c, uint8_t b)
{
	if (in_room(c))
		c->in_buf[(c->in_head + c->in_count++) & IN_MASK] = b;
}

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;		/* a remark; nothing depends on it */
}

static void escape_command(struct console *c, uint8_t key)
{
	switch (key) {
	case CONSOLE_ESCAPE_KEY:
		in_push(c, key);
		break;
	case 'q':
	case 'x':
		c->event(c->opaque, CONSOLE_QUIT);
		break;
	case 'r':
		c->event(c->opaque, CONSOLE_RESET);
		break;
	case 'p':
		c->event(c->opaque, CONSOLE_POWER);
		break;
	case 'l':
		if (c->screen) {
			c->event(c->opaque, CONSOLE_REDRAW);
			break;
		}
		/* fall through */
	default:
		if (c->screen) {
			c->event(c->opaque, CONSOLE_HELP);
			break;
		}
		say("\r\nCtrl-] then: q or x = leave, r = reset the guest, "
		    "p = press its power button,\r\n"
		    "Ctrl-] = send Ctrl-] to the guest\r\n");
		break;
	}
}

static void typed(struct console *c, uint8_t key)
{
	if (c->escaped) {
		c->escaped = false;
		escape_command(c, key);
	} else if (key == CONSOLE_ESCAPE_KEY) {
		c->escaped = true;
	} else {
		in_push(c, key);
	}
}

/*
 * A terminal says by Ctrl-D that there is no more: the guest's shell ends, and
 * whatever waits for it. It is said again every second, since a tty that changes
 * its mode just then forgets it, and in the middle of a line it only sends that.
 */
static void end_of_input(struct console *c)
{
	c->in_eof = true;
	if (!c->in_tty)
		in_push(c, CTRL_D);
}

/* The last one was taken: the next in a second. */
static void end_of_input_again(struct console *c)
{
	ev_timer_set(&c->feed_timer, ev_now() + CTRL_D_NS);
}

static void read_some(struct console *c)
{
	uint8_t buf[512];
	size_t want = sizeof(buf);
	ssize_t i, n;

	if (!c->in_tty && want > in_room(c))
		want = in_room(c);
	if (!want || c->in_eof)
		return;
	do
		n = read(STDIN_FILENO, buf, want);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end_of_input(c);
		return;
	}
	for (i = 0; i < n; i++) {
		if (c->in_tty)
			typed(c, buf[i]);
		else
			in_push(c, buf[i]);
	}
}

/* Listen only while something read could be put somewhere. */
static void update_listening(struct console *c)
{
	if (!c->in_file)
		ev_fd_enable(c->loop, &c->in,
			     !c->in_eof && (c->in_tty || in_room(c) > 0));
}

static void in_ready(void *opaque)
{
	struct console *c = opaque;

	read_some(c);
	update_listening(c);
	if (c->in_count && c->input)
		c->input(c->opaque);
}

static void feed(void *opaque)
{
	struct console *c = opaque;

	if (c->in_eof && !c->in_tty && !c->in_count)
		in_push(c, CTRL_D);
	if (c->input)
		c->input(c->opaque);
}

size_t console_take(void *console, uint8_t *buf, size_t n)
{
	struct console *c = console;
	uint64_t now;
	size_t i;

	if (!c->in_count && c->in_file)
		read_some(c);	/* a file: never blocks */
	if (!c->in_count)
		return 0;
	now = ev_now();
	if (now - c->taken_at < FEED_DELAY_NS) {
		ev_timer_set(&c->feed_timer, c->taken_at + FEED_DELAY_NS);
		return 0;
	}
	c->taken_at = now;
	for (i = 0; i < n && c->in_count; i++) {
		buf[i] = c->in_buf[c->in_head];
		c->in_head = (c->in_head + 1) & IN_MASK;
		c->in_count--;
	}
	if (i)
		update_listening(c);
	if (c->in_eof && !c->in_tty && !c->in_count)
		end_of_input_again(c);
	return i;
}

void console_untake(void *console, const uint8_t *buf, size_t n)
{
	struct console *c = console;

	c->taken_at = 0;
	while (n && c->in_count < CONSOLE_IN_SIZE) {
		c->in_head = (c->in_head - 1) & IN_MASK;
		c->in_buf[c->in_head] = buf[--n];
		c->in_count++;
	}
}

/* ---- life ---- */

int console_init(struct console *c, struct evloop *loop, struct vmm_error *e)
{
	struct stat st;

	memset(c, 0, sizeof(*c));
	c->loop = loop;
	c->out_fd = STDOUT_FILENO;
	pthread_mutex_init(&c->out_lock, NULL);
	c->in.fd = STDIN_FILENO;
	c->in.ready = in_ready;
	c->in.opaque = c;
	if (fstat(STDIN_FILENO, &st))
		c->in_eof = true;	/* closed: as good as empty */
	c->in_tty = isatty(STDIN_FILENO);
	if (ev_timer_init(loop, &c->flush_timer, flush_late, c) ||
	    ev_timer_init(loop, &c->feed_timer, feed, c))
		return vmm_fail(e, VMM_ERR_INTERNAL, "out of timers");
	return 0;
}

void console_start(struct console *c)
{
	if (c->in_eof)
		return;
	/* Files and /dev/null can't be waited for and need not be. */
	if (ev_fd_add(c->loop, &c->in))
		c->in_file = true;
}

void console_fini(struct console *c)
{
	console_drain(c);
	ev_timer_fini(&c->flush_timer);
	ev_timer_fini(&c->feed_timer);
	if (c->in.enabled)
		ev_fd_del(c->loop, &c->in);
	console_restore();
	pthread_mutex_destroy(&c->out_lock);
}
