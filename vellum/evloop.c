/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "evloop.h"

#define NS_PER_S	1000000000ull
#define EVENTS_PER_WAIT	8

uint64_t ev_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Programs timer_fd for the earliest deadline, if that changed. */
static void rearm(struct evloop *loop)
{
	struct itimerspec its = { 0 };
	uint64_t first = EV_NEVER;
	unsigned int i;

	for (i = 0; i < loop->n_timers; i++)
		if (loop->timer[i]->deadline < first)
			first = loop->timer[i]->deadline;
	if (first == loop->armed)
		return;
	if (first != EV_NEVER) {
		its.it_value.tv_sec = (time_t)(first / NS_PER_S);
		its.it_value.tv_nsec = (long)(first % NS_PER_S);
		if (!first)
			its.it_value.tv_nsec = 1;	/* 0 would disarm */
	}
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
	loop->armed = first;
}

static void timers_ready(void *opaque)
{
	struct evloop *loop = opaque;
	uint64_t expirations, now;
	unsigned int i;

	if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0 &&
	    errno != EAGAIN)
		return;
	loop->armed = EV_NEVER;
	now = ev_now();
	for (i = 0; i < loop->n_timers; i++) {
		struct ev_timer *t = loop->timer[i];

		if (t->deadline > now)
			continue;
		t->deadline = EV_NEVER;
		t->fire(t->opaque);
	}
	rearm(loop);
}

static void woken(void *opaque)
{
	struct evloop *loop = opaque;
	uint64_t n;

	/* Only there to make epoll_wait() return. */
	if (read(loop->wake_fd, &n, sizeof(n)) < 0)
		return;
}

int ev_init(struct evloop *loop, pthread_mutex_t *lock, struct vmm_error *e)
{
	memset(loop, 0, sizeof(*loop));
	loop->lock = lock;
	loop->armed = EV_NEVER;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC,
					TFD_CLOEXEC | TFD_NONBLOCK);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->timer_source = (struct ev_fd){
		.fd = loop->timer_fd, .ready = timers_ready, .opaque = loop,
	};
	loop->wake_source = (struct ev_fd){
		.fd = loop->wake_fd, .ready = woken, .opaque = loop,
	};
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->wake_fd < 0 ||
	    ev_fd_add(loop, &loop->timer_source) ||
	    ev_fd_add(loop, &loop->wake_source)) {
		vmm_fail(e, VMM_ERR_HOST, "can't set up the event loop: %s",
			 strerror(errno));
		ev_fini(loop);
		return -1;
	}
	return 0;
}

void ev_fini(struct evloop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	loop->epoll_fd = loop->timer_fd = loop->wake_fd = -1;
}

int ev_fd_add(struct evloop *loop, struct ev_fd *source)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &ev))
		return -errno;
	source->enabled = true;
	return 0;
}

void ev_fd_del(struct evloop *loop, struct ev_fd *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->enabled = false;
}

void ev_fd_enable(struct evloop *loop, struct ev_fd *source, bool on)
{
	struct epoll_event ev = { .data.ptr = source };

	if (source->enabled == on)
		return;
	/*
	 * Off takes it out altogether: with an empty mask epoll would still
	 * report a hang-up, over and over.
	 */
	ev.events = EPOLLIN;
	epoll_ctl(loop->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
		  source->fd, &ev);
	source->enabled = on;
}

int ev_timer_init(struct evloop *loop, struct ev_timer *t,
		  void (*fire)(void *), void *opaque)
{
	t->loop = NULL;
	if (loop->n_timers == EV_TIMERS_MAX)
		return -ENOSPC;
	t->loop = loop;
	t->deadline = EV_NEVER;
	t->fire = fire;
	t->opaque = opaque;
	loop->timer[loop->n_timers++] = t;
	return 0;
}

void ev_timer_fini(struct ev_timer *t)
{
	struct evloop *loop = t->loop;
	unsigned int i;

	if (!loop)
		return;
	for (i = 0; i < loop->n_timers; i++) {
		if (loop->timer[i] != t)
			continue;
		loop->timer[i] = loop->timer[--loop->n_timers];
		break;
	}
	t->loop = NULL;
	rearm(loop);
}

void ev_timer_set(struct ev_timer *t, uint64_t deadline)
{
	if (!t->loop || t->deadline == deadline)
		return;
	t->deadline = deadline;
	rearm(t->loop);
}

void ev_run(struct evloop *loop)
{
	struct epoll_event ev[EVENTS_PER_WAIT];
	bool stop = false;

	while (!stop) {
		int i, n;

		n = epoll_wait(loop->epoll_fd, ev, EVENTS_PER_WAIT, -1);
		if (n < 0 && errno != EINTR)
			return;
		pthread_mutex_lock(loop->lock);
		for (i = 0; i < n && !loop->stop; i++) {
			struct ev_fd *source = ev[i].data.ptr;

			/* An earlier callback may have switched it off. */
			if (source->enabled)
				source->ready(source->opaque);
		}
		stop = loop->stop;
		pthread_mutex_unlock(loop->lock);
	}
}

void ev_stop(struct evloop *loop)
{
	uint64_t one = 1;

	loop->stop = true;
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;		/* only if a wake-up is pending already */
}
