/* SPDX-License-Identifier: MIT */
/* Threads that do requests by system calls that block. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../sandbox.h"
#include "block.h"

#define POOL_STACK	(64u * 1024)

int pool_init(struct block_pool *p, struct block_image *img)
{
	memset(p, 0, sizeof(*p));
	p->img = img;
	p->todo_end = &p->todo;
	p->finished_end = &p->finished;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->fd < 0 ? -errno : 0;
}

void pool_fini(struct block_pool *p)
{
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->n_threads; i++)
		pthread_join(p->thread[i], NULL);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
}

static void finish(struct block_pool *p, struct block_request *r)
{
	bool first = !p->finished;
	uint64_t one = 1;

	r->next = NULL;
	*p->finished_end = r;
	p->finished_end = &r->next;
	/* Can only fail if the count is at its maximum: then it is set. */
	if (first && write(p->fd, &one, sizeof(one)) < 0)
		return;
}

static void *pool_thread(void *opaque)
{
	struct block_pool *p = opaque;
	struct block_request *r;

	sandbox_thread(SANDBOX_WORKER, "disk-worker");
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->todo && !p->stop)
			pthread_cond_wait(&p->work, &p->lock);
		if (!p->todo)
			break;
		r = p->todo;
		p->todo = r->next;
		if (!p->todo)
			p->todo_end = &p->todo;
		pthread_mutex_unlock(&p->lock);
		/* A short transfer of the ring's leaves its count here. */
		r->result = block_image_do(p->img, r, (uint64_t)r->result);
		pthread_mutex_lock(&p->lock);
		finish(p, r);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_thread(struct block_pool *p)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, POOL_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&p->thread[p->n_threads], &attr, pool_thread, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (ret)
		return -ret;
	p->n_threads++;
	return 0;
}

int pool_start(struct block_pool *p, unsigned int n)
{
	int ret = 0;

	while (p->n_threads < n && !ret)
		ret = start_thread(p);
	return p->n_threads ? 0 : ret;
}

void pool_submit(struct block_pool *p, struct block_request *r)
{
	pthread_mutex_lock(&p->lock);
	r->next = NULL;
	*p->todo_end = r;
	p->todo_end = &r->next;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

struct block_request *pool_take(struct block_pool *p)
{
	struct block_request *list;
	uint64_t n;

	pthread_mutex_lock(&p->lock);
	if (read(p->fd, &n, sizeof(n)) < 0)
		n = 0;		/* somebody has looked already */
	list = p->finished;
	p->finished = NULL;
	p->finished_end = &p->finished;
	pthread_mutex_unlock(&p->lock);
	return list;
}
