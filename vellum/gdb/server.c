/* SPDX-License-Identifier: MIT */
/*
 * The socket and the thread.
 *
 * Once it runs, the thread's own system calls are: ppoll, accept4, getsockopt
 * (SO_PEERCRED), read, write, sendto, close, ioctl (on vCPU descriptors: KVM_GET_* and
 * KVM_SET_* of registers, KVM_SET_GUEST_DEBUG), tgkill (vcpu_kick()), futex,
 * clock_gettime; vCPU threads that hold need futex and write (the eventfd).
 * socket, bind, listen come before, in gdb_open(). The thread has the filter of the
 * main thread (sandbox_filter.c). Nobody can unlink a socket file at the end: the next
 * one that wants the place does, in remove_stale().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

#define NOWAIT		",nowait"
#define SEND_MS		2000	/* a client that reads nothing for so long is gone */

/* ---- where to listen ---- */

/* The part in front of ",nowait", or NULL if it is longer than any. */
static char *place_of(const char *where, bool *wait)
{
	size_t n = strlen(where), tail = strlen(NOWAIT);

	*wait = n < tail || strcmp(where + n - tail, NOWAIT);
	return strndup(where, *wait ? n : n - tail);
}

static bool port_of(const char *place, uint16_t *port)
{
	unsigned long v;
	char *end;

	if (strncmp(place, "tcp:", 4) || place[4] < '0' || place[4] > '9')
		return false;
	v = strtoul(place + 4, &end, 10);
	*port = (uint16_t)v;
	return !*end && v <= 65535;
}

static const char *path_of(const char *place)
{
	struct sockaddr_un a;

	if (strncmp(place, "unix:", 5) || !place[5] ||
	    strlen(place + 5) >= sizeof(a.sun_path))
		return NULL;
	return place + 5;
}

bool gdb_check(const char *where)
{
	bool wait, good;
	uint16_t port;
	char *place = place_of(where, &wait);

	good = place && (port_of(place, &port) || path_of(place));
	free(place);
	return good;
}

static int listen_tcp(struct gdb *g, uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(a);
	int one = 1;

	g->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->listen_fd < 0)
		return -1;
	setsockopt(g->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(g->listen_fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(g->listen_fd, 1) ||
	    getsockname(g->listen_fd, (struct sockaddr *)&a, &len))
		return -1;
	if (asprintf(&g->where, "localhost:%u", ntohs(a.sin_port)) < 0)
		g->where = NULL;
	return 0;
}

/* A socket that nobody listens at any more is in the way of a new one. */
static void remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) &&
	    errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
}

static int listen_unix(struct gdb *g, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t before;
	int ret;

	memcpy(a.sun_path, path, strlen(path));
	remove_stale(&a);
	g->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->listen_fd < 0)
		return -1;
	before = umask(0177);
	ret = bind(g->listen_fd, (struct sockaddr *)&a, sizeof(a));
	umask(before);
	if (ret)
		return -1;
	g->path = strdup(path);
	g->where = strdup(path);
	return listen(g->listen_fd, 1);
}

struct gdb *gdb_open(const char *where, bool quiet, struct vmm_error *e)
{
	struct gdb *g = calloc(1, sizeof(*g));
	char *place;
	uint16_t port;
	int ret;

	if (!g || !(place = place_of(where, &g->wait))) {
		free(g);
		vmm_fail(e, VMM_ERR_HOST, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->go, NULL);
	g->quiet = quiet;
	g->client = g->listen_fd = -1;
	g->asked_arch = GDB_ARCH_AUTO;
	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = g->wake_fd < 0 ? -1 : port_of(place, &port) ? listen_tcp(g, port) :
	      listen_unix(g, path_of(place));
	free(place);
	if (ret) {
		vmm_fail(e, VMM_ERR_HOST, "--gdb %s: can't listen there: %s",
			 where, strerror(errno));
		gdb_close(g, 0);
		return NULL;
	}
	if (!quiet)
		fprintf(stderr, "vellum: %s for a debugger: target remote %s\n",
			g->wait ? "waiting" : "listening",
			g->where ? g->where : "");
	return g;
}

/* ---- the client ---- */

/* The whole of it, or the client is dropped: a debugger always reads. */
static void send_all(struct gdb *g, const char *data, size_t n)
{
	while (n && g->client >= 0) {
		struct pollfd p = { .fd = g->client, .events = POLLOUT };
		ssize_t done = send(g->client, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done > 0) {
			data += done;
			n -= (size_t)done;
		} else if (done < 0 && errno == EINTR) {
			continue;
		} else if (done >= 0 || errno != EAGAIN ||
			   poll(&p, 1, SEND_MS) <= 0) {
			gdb_drop_client(g);
		}
	}
}

void gdb_send(struct gdb *g)
{
	g->frame_len = gdb_frame(&g->reply, g->frame);
	send_all(g, g->frame, g->frame_len);
}

void gdb_drop_client(struct gdb *g)
{
	if (g->client < 0)
		return;
	gdb_detach(g);
	gdb_points_forget(&g->points);
	close(g->client);
	g->client = -1;
	g->awaited = g->interrupted = g->pausing = g->stopped = false;
	if (!g->quiet)
		fprintf(stderr, "vellum: the debugger has left\n");
}

/* Over a socket file only its owner, or root, gets here. */
static bool may_debug(const struct gdb *g, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!g->path)
		return true;
	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (!cred.uid || cred.uid == geteuid());
}

static void accept_client(struct gdb *g)
{
	int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC), one = 1;

	if (fd < 0)
		return;
	if (!may_debug(g, fd)) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	g->client = fd;
	g->seen = true;
	g->no_ack = g->swbreak = g->hwbreak = g->physical = false;
	g->frame_len = 0;
	g->current = 0;
	gdb_parser_init(&g->in);
	/* A debugger takes it for granted that what it connects to stands still. */
	g->awaited = false;
	if (g->m && !g->stopped) {
		g->interrupted = true;
		gdb_pause(g);
	}
}

static void ack(struct gdb *g, const char *sign)
{
	if (!g->no_ack)
		send_all(g, sign, 1);
}

/* False: this client is none. */
static bool take_byte(struct gdb *g, uint8_t byte)
{
	switch (gdb_feed(&g->in, byte)) {
	case GDB_PACKET:
		ack(g, "+");
		gdb_handle_packet(g);
		return true;
	case GDB_BREAK:
		if (g->m && g->awaited) {
			g->interrupted = true;
			gdb_pause(g);
		}
		return true;
	case GDB_RESEND:
		send_all(g, g->frame, g->frame_len);
		return true;
	case GDB_DAMAGED:
		ack(g, "-");
		return true;
	case GDB_HOPELESS:
		return false;
	default:
		return true;
	}
}

static void read_client(struct gdb *g)
{
	uint8_t buf[4096];
	ssize_t n = recv(g->client, buf, sizeof(buf), MSG_DONTWAIT), i;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		gdb_drop_client(g);
		return;
	}
	for (i = 0; i < n && g->client >= 0; i++)
		if (!take_byte(g, buf[i])) {
			if (!g->quiet)
				fprintf(stderr, "vellum: --gdb: what is connected does not speak GDB's protocol: closed\n");
			gdb_drop_client(g);
		}
}

/* ---- the thread ---- */

/* Packets are for a machine that stands still: until then they wait. */
static bool listens_to_client(const struct gdb *g)
{
	return g->m && (g->awaited || g->stopped);
}

static void *gdb_thread(void *opaque)
{
	struct gdb *g = opaque;

	prctl(PR_SET_NAME, "gdb");
	pthread_mutex_lock(&g->lock);
	while (!g->quit) {
		bool client = g->client >= 0;
		struct pollfd p[2] = {
			{ .fd = g->wake_fd, .events = POLLIN },
			{ .fd = client ? g->client : g->listen_fd,
			  .events = !client || listens_to_client(g) ? POLLIN : 0 },
		};
		int timeout = gdb_timeout(g);
		uint64_t n;

		pthread_mutex_unlock(&g->lock);
		(void)poll(p, 2, timeout);
		pthread_mutex_lock(&g->lock);
		if (g->quit)
			break;
		if (p[0].revents && read(g->wake_fd, &n, sizeof(n)) < 0)
			n = 0;
		/* Things may have changed since: then what came waits, too. */
		if (client && ((p[1].revents & POLLIN) ? listens_to_client(g) :
			       p[1].revents))
			read_client(g);
		else if (!client && p[1].revents)
			accept_client(g);
		gdb_check_stop(g);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

static void wake_thread(struct gdb *g)
{
	uint64_t one = 1;

	while (write(g->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int gdb_start(struct gdb *g, struct vmm_error *e)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&g->thread, NULL, gdb_thread, g);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST, "can't start a thread: %s",
				strerror(ret));
	g->started = true;
	return 0;
}

void gdb_close(struct gdb *g, int status)
{
	if (!g)
		return;
	if (g->started) {
		pthread_mutex_lock(&g->lock);
		g->quit = true;
		pthread_mutex_unlock(&g->lock);
		wake_thread(g);
		pthread_join(g->thread, NULL);
	}
	if (g->client >= 0 && g->awaited) {
		gdb_reply_init(&g->reply);
		gdb_putf(&g->reply, "W%02x", (unsigned int)status & 0xff);
		gdb_send(g);
	}
	if (g->client >= 0)
		close(g->client);
	if (g->listen_fd >= 0)
		close(g->listen_fd);
	if (g->wake_fd >= 0)
		close(g->wake_fd);
	free(g->path);
	free(g->where);
	free(g->xml);
	free(g);
}

/* ---- machines come and go ---- */

void gdb_machine_begin(struct gdb *g, struct machine *m)
{
	int flags = vmm_vm_cap(&m->vm, KVM_CAP_SET_GUEST_DEBUG2);
	unsigned int i;

	pthread_mutex_lock(&g->lock);
	m->gdb = g;
	g->m = m;
	g->block_irq = flags > 0 ? (uint32_t)flags & KVM_GUESTDBG_BLOCKIRQ : 0;
	g->current = 0;
	gdb_points_forget(&g->points);
	g->stopped = false;
	g->pausing = g->client >= 0 || (g->wait && !g->seen);
	g->interrupted = g->pausing;
	g->new_machine = g->client >= 0;
	for (i = 0; i < m->n_vcpus; i++)
		m->vcpu[i].gdb = (struct gdb_vcpu){ .pause = g->pausing };
	pthread_mutex_unlock(&g->lock);
	wake_thread(g);
}

void gdb_machine_end(struct machine *m)
{
	struct gdb *g = m->gdb;
	unsigned int i;

	pthread_mutex_lock(&g->lock);
	g->m = NULL;
	g->pausing = g->stopped = false;
	for (i = 0; i < m->n_vcpus; i++)
		m->vcpu[i].gdb.pause = 0;
	pthread_cond_broadcast(&g->go);
	pthread_mutex_unlock(&g->lock);
}
