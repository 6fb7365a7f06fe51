/* SPDX-License-Identifier: MIT */
/* A disk's queue and its I/O thread. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../sandbox.h"
#include "block.h"

#define IO_STACK	(128u * 1024)

void disk_lock(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
}

void disk_unlock(struct disk *d)
{
	pthread_mutex_unlock(&d->lock);
}

static void answer(struct disk *d, struct block_request *r)
{
	r->done(r);
	if (!--d->in_flight)
		pthread_cond_broadcast(&d->idle);
}

static void complete(struct disk *d, struct block_request *r)
{
	if (r->result)
		block_image_failed(&d->image, r);
	answer(d, r);
}

static void to_pool(struct disk *d, struct block_request *r, uint64_t skip)
{
	r->result = (int)skip;	/* where the pool's thread takes it up */
	pool_submit(&d->pool, r);
}

static void ring_done(void *opaque, struct block_request *r, uint64_t did)
{
	struct disk *d = opaque;

	/* Cut short, or at the end of the file: the slow way knows which. */
	if (!r->result && r->op != BLOCK_FLUSH && did < r->len)
		to_pool(d, r, did);
	else if (r->result == -EINTR || r->result == -EAGAIN)
		to_pool(d, r, 0);
	else
		complete(d, r);
}

static void start(struct disk *d, struct block_request *r)
{
	/* What the guest asks for wrongly is not worth telling the user. */
	r->result = block_image_check(&d->image, r);
	if (r->result) {
		answer(d, r);
		return;
	}
	if (r->op != BLOCK_READ && !d->image.o.readonly)
		r->result = block_image_uncut(&d->image, r->offset + r->len);
	if (r->result)
		complete(d, r);
	else if (!d->uring || !uring_queue(d->uring, r))
		to_pool(d, r, 0);
}

static void wake(struct disk *d)
{
	uint64_t one = 1;

	if (write(d->wake.fd, &one, sizeof(one)) < 0)
		return;		/* its count is at the top: awake already */
}

void disk_kick(struct disk *d)
{
	bool taken = true;

	do {
		while (d->queue) {
			struct block_request *r = d->queue;

			d->queue = r->next;
			if (!d->queue)
				d->queue_end = &d->queue;
			start(d, r);
		}
		if (d->uring) {
			taken = uring_submit(d->uring);
			uring_reap(d->uring, ring_done, d);
		}
	} while (d->queue);	/* completions bring new ones */
	if (!taken)
		wake(d);
	if (d->round)
		d->round(d->round_opaque);
}

void disk_submit(struct disk *d, struct block_request *r)
{
	bool first = !d->queue;

	r->next = NULL;
	r->result = 0;
	*d->queue_end = r;
	d->queue_end = &r->next;
	d->in_flight++;
	if (first && !pthread_equal(pthread_self(), d->thread))
		wake(d);
}

void disk_drain(struct disk *d)
{
	while (d->in_flight)
		pthread_cond_wait(&d->idle, &d->lock);
}

/*
 * The loop may hold events of before that it has not looked at.  They come in
 * one round with the first wake-up at the latest, so the second is after them.
 */
void disk_settle(struct disk *d)
{
	if (!d->started)
		return;
	d->settling = 2;
	wake(d);
	while (d->settling)
		pthread_cond_wait(&d->idle, &d->lock);
}

static void on_wake(void *opaque)
{
	struct disk *d = opaque;
	uint64_t n;

	if (read(d->wake.fd, &n, sizeof(n)) < 0)
		n = 0;
	disk_kick(d);
	if (d->settling) {
		d->settling--;
		pthread_cond_broadcast(&d->idle);
		wake(d);
	}
}

static void on_ring(void *opaque)
{
	struct disk *d = opaque;

	uring_ack(d->uring);
	disk_kick(d);
}

static void on_pool(void *opaque)
{
	struct disk *d = opaque;
	struct block_request *r, *next;

	for (r = pool_take(&d->pool); r; r = next) {
		next = r->next;
		complete(d, r);
	}
	disk_kick(d);
}

static void *io_thread(void *opaque)
{
	struct disk *d = opaque;

	sandbox_thread(SANDBOX_DISK, "disk");
	ev_run(&d->loop);
	return NULL;
}

static int start_thread(struct disk *d)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, IO_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&d->thread, &attr, io_thread, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (ret)
		return -ret;
	d->started = true;
	return 0;
}

static int add_sources(struct disk *d, enum disk_engine engine)
{
	d->wake = (struct ev_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = on_wake, .opaque = d,
	};
	if (d->wake.fd < 0 || pool_init(&d->pool, &d->image))
		return -errno;
	d->pool_source = (struct ev_fd){
		.fd = d->pool.fd, .ready = on_pool, .opaque = d,
	};
	if (engine == DISK_BEST)
		d->uring = uring_create(&d->image);
	if (d->uring) {
		d->uring_source = (struct ev_fd){
			.fd = uring_fd(d->uring), .ready = on_ring,
			.opaque = d,
		};
		if (ev_fd_add(&d->loop, &d->uring_source))
			return -errno;
	}
	return ev_fd_add(&d->loop, &d->wake) ||
	       ev_fd_add(&d->loop, &d->pool_source) ? -errno : 0;
}

static int start_failed(const struct block_options *o, int err,
			struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_HOST, "%s %s: can't start its I/O: %s",
			o->option, o->path, strerror(-err));
}

int disk_open(struct disk *d, const struct block_options *o,
	      enum disk_engine engine, struct vmm_error *e)
{
	int ret;

	memset(d, 0, sizeof(*d));
	d->wake.fd = d->pool.fd = -1;
	d->queue_end = &d->queue;
	if (block_image_open(&d->image, o, e))
		return -1;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
	if (ev_init(&d->loop, &d->lock, e)) {
		block_image_close(&d->image);
		return -1;
	}
	ret = add_sources(d, engine);
	if (!ret)
		return 0;
	disk_close(d);
	return start_failed(o, ret, e);
}

int disk_start(struct disk *d, struct vmm_error *e)
{
	int ret = pool_start(&d->pool, d->uring ? POOL_BESIDE_RING :
						  POOL_THREADS);

	if (!ret)
		ret = start_thread(d);
	return ret ? start_failed(&d->image.o, ret, e) : 0;
}

void disk_close(struct disk *d)
{
	if (d->image.fd < 0)
		return;
	if (d->started) {
		disk_lock(d);
		disk_drain(d);
		ev_stop(&d->loop);
		disk_unlock(d);
		pthread_join(d->thread, NULL);
	}
	uring_destroy(d->uring);
	d->uring = NULL;
	if (d->pool.fd >= 0)
		pool_fini(&d->pool);
	if (d->wake.fd >= 0)
		close(d->wake.fd);
	ev_fini(&d->loop);
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
	block_image_close(&d->image);
}
