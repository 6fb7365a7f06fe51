/* SPDX-License-Identifier: MIT */
/*
 * Disk images: raw files and block devices, read and written by requests that
 * complete later.
 *
 * A disk belongs to the session and outlives a reset: it is opened and locked
 * once.  It has one I/O thread, which runs an event loop of its own under the
 * disk's lock; all completions, and what a device adds to that loop, run
 * there.  Lock order: device lock, then disk lock; so nothing on the I/O thread
 * may take the device lock.
 *
 *	block.h   requests                 image.c  the file: open, lock, do one
 *	disk.c    queue and I/O thread     pool.c   threads that block
 *	geometry.c  cylinders, heads       uring.c  the same without threads
 */
#ifndef VELLUM_BLOCK_BLOCK_H
#define VELLUM_BLOCK_BLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../evloop.h"

#define BLOCK_SECTOR	512u

enum block_op {
	BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD,
	BLOCK_WRITE_ZEROES,
};

/*
 * One request.  It and the buffers are the device's until submitted, then the
 * disk's until @done is called.
 */
struct block_request {
	enum block_op op;
	bool durable;		/* BLOCK_WRITE*: on the medium when done */
	bool may_unmap;		/* BLOCK_WRITE_ZEROES: a hole will do */
	uint64_t offset, len;	/* bytes */
	struct iovec *iov;	/* READ, WRITE: @len bytes in all; kept as it is */
	unsigned int n_iov;
	/* On the I/O thread, disk lock held; may submit again. */
	void (*done)(struct block_request *r);
	void *opaque;
	int result;		/* 0 or -errno */

	struct block_request *next;	/* the disk's */
};

/* ---- image.c ---- */

/* The system calls beneath, so that tests can make them fail. */
struct block_calls {
	ssize_t (*readv)(int fd, const struct iovec *iov, int n, off_t at);
	ssize_t (*writev)(int fd, const struct iovec *iov, int n, off_t at,
			  int flags);
	int (*sync)(int fd);
	int (*allocate)(int fd, int mode, off_t at, off_t len);
};

extern const struct block_calls block_calls;

struct block_options {
	const char *option;	/* "--disk": for messages */
	const char *path;
	bool readonly;
	unsigned int sector;	/* the size is rounded up to these */
};

/* All of them at least 1. Heads: up to 255. */
struct block_geometry {
	uint32_t cylinders, heads, sectors;
};

struct block_image {
	struct block_options o;
	const struct block_calls *calls;
	int fd;			/* -1 = not open */
	bool is_file;		/* else a block device */
	uint64_t size;		/* as the guest sees it */
	uint64_t file_size;	/* as found at opening */
	struct block_geometry geometry;
	atomic_bool said;	/* the user knows of a failure */
	atomic_bool no_punch, no_zero;	/* the file system can't */
};

/*
 * Opens and locks it: one writer or any number of readers, of any program
 * that knows OFD locks.
 */
int block_image_open(struct block_image *img, const struct block_options *o,
		     struct vmm_error *e);
void block_image_close(struct block_image *img);

/* Range and permission; 0 or -errno.  The first thing that happens to any. */
int block_image_check(const struct block_image *img,
		      const struct block_request *r);
/* Before a write: has somebody cut the file?  0 or -EIO. */
int block_image_uncut(const struct block_image *img, uint64_t end);
/* Does all of it, or what is left after the first @skip bytes; may block. */
int block_image_do(struct block_image *img, const struct block_request *r,
		   uint64_t skip);
/* Tells the user, once per image. */
void block_image_failed(struct block_image *img, const struct block_request *r);

/* ---- geometry.c ---- */

/* By its first sector, of 512 bytes, and its size, which is not 0. */
void block_geometry(const uint8_t *boot, uint64_t sectors,
		    struct block_geometry *g);
/* The image's; when it is opened, since a disk keeps the geometry that it has. */
void block_image_geometry(struct block_image *img);

/* ---- pool.c ---- */

#define POOL_THREADS	4u
#define POOL_BESIDE_RING 2u	/* for what the ring does not take */

struct block_pool {
	struct block_image *img;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct block_request *todo, **todo_end;
	struct block_request *finished, **finished_end;
	unsigned int n_threads;
	bool stop;
	pthread_t thread[POOL_THREADS];
	int fd;			/* eventfd: something has finished */
};

int pool_init(struct block_pool *p, struct block_image *img);
void pool_fini(struct block_pool *p);	/* nothing may be in flight */
/*
 * All @n threads at once, since the one that submits may not make any.  -errno if
 * not even one can be.
 */
int pool_start(struct block_pool *p, unsigned int n);
void pool_submit(struct block_pool *p, struct block_request *r);
/* All that have finished, as a list; resets the eventfd. */
struct block_request *pool_take(struct block_pool *p);

/* ---- uring.c ---- */

struct block_uring;

/* NULL where the host has none, or forbids it. */
struct block_uring *uring_create(struct block_image *img);
void uring_destroy(struct block_uring *u);
int uring_fd(const struct block_uring *u);	/* eventfd: look again */
/* False: not for the ring, or no room; the pool takes it. */
bool uring_queue(struct block_uring *u, struct block_request *r);
/* Starts what was queued; false if the kernel is too busy to take all. */
bool uring_submit(struct block_uring *u);
/* Resets the eventfd. */
void uring_ack(struct block_uring *u);
/*
 * Calls @done for what has finished: r->result, and @did bytes of it, which
 * may be less than were asked for.
 */
void uring_reap(struct block_uring *u,
		void (*done)(void *opaque, struct block_request *r,
			     uint64_t did), void *opaque);

/* ---- disk.c ---- */

struct disk {
	struct block_image image;
	pthread_mutex_t lock;
	pthread_cond_t idle;	/* in_flight has become 0 */
	struct evloop loop;	/* the I/O thread's */
	pthread_t thread;
	bool started;

	/* under @lock */
	struct block_request *queue, **queue_end;	/* not begun yet */
	unsigned int in_flight;		/* those included */
	struct block_pool pool;
	struct block_uring *uring;	/* NULL = pool only */
	struct ev_fd wake, pool_source, uring_source;
	unsigned int settling;		/* rounds until disk_settle() is over */
	/* The device's: on the I/O thread, after some have completed. */
	void (*round)(void *opaque);
	void *round_opaque;
};

enum disk_engine { DISK_BEST, DISK_POOL };

/* Opens all that it will need; nothing happens before disk_start(). */
int disk_open(struct disk *d, const struct block_options *o,
	      enum disk_engine engine, struct vmm_error *e);
int disk_start(struct disk *d, struct vmm_error *e);
void disk_close(struct disk *d);

void disk_lock(struct disk *d);
void disk_unlock(struct disk *d);
/* Lock held.  Any thread. */
void disk_submit(struct disk *d, struct block_request *r);
/*
 * On the I/O thread, lock held, after a round of disk_submit(): starts them
 * together.
 */
void disk_kick(struct disk *d);
/* Lock held, not on the I/O thread: waits until nothing is in flight. */
void disk_drain(struct disk *d);
/*
 * Likewise: waits until the I/O thread remembers no source that has been taken
 * out of its loop.
 */
void disk_settle(struct disk *d);

#endif
