/* SPDX-License-Identifier: MIT */
/*
 * The one thread that waits for the outside world: file descriptors and
 * timers.  Callbacks run in that thread with the device lock held, the same
 * lock under which vCPU threads touch devices; a callback must not block.
 *
 * ev_fd_enable() and the ev_timer functions may be called from any thread
 * that holds the device lock.
 */
#ifndef VELLUM_EVLOOP_H
#define VELLUM_EVLOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../lib/libvmm.h"

#define EV_TIMERS_MAX	16
#define EV_NEVER	UINT64_MAX

struct evloop;

struct ev_fd {
	int fd;
	void (*ready)(void *opaque);
	void *opaque;
	bool enabled;
};

struct ev_timer {
	struct evloop *loop;
	uint64_t deadline;	/* ns of CLOCK_MONOTONIC, EV_NEVER = off */
	void (*fire)(void *opaque);
	void *opaque;
};

struct evloop {
	int epoll_fd;
	int timer_fd;
	int wake_fd;
	uint64_t armed;		/* what timer_fd is set to */
	bool stop;		/* under lock */
	pthread_mutex_t *lock;	/* the device lock, not owned */
	struct ev_timer *timer[EV_TIMERS_MAX];
	unsigned int n_timers;
	struct ev_fd timer_source, wake_source;
};

uint64_t ev_now(void);

int ev_init(struct evloop *loop, pthread_mutex_t *lock, struct vmm_error *e);
void ev_fini(struct evloop *loop);

/* -EPERM: this kind of file is always ready and can't be waited for. */
int ev_fd_add(struct evloop *loop, struct ev_fd *source);
void ev_fd_del(struct evloop *loop, struct ev_fd *source);
void ev_fd_enable(struct evloop *loop, struct ev_fd *source, bool on);

/* A timer belongs to the loop from init to fini. */
int ev_timer_init(struct evloop *loop, struct ev_timer *t,
		  void (*fire)(void *), void *opaque);
void ev_timer_fini(struct ev_timer *t);
void ev_timer_set(struct ev_timer *t, uint64_t deadline);

/* Runs until ev_stop(), which may be called from any thread, lock held. */
void ev_run(struct evloop *loop);
void ev_stop(struct evloop *loop);

#endif
