/* SPDX-License-Identifier: MIT */
/*
 * io_uring: reads, writes and flushes without threads.  Only the I/O thread
 * touches the ring.  What is in the page cache completes within the submission;
 * the eventfd is switched off meanwhile, so that such requests cost one system
 * call.
 */
#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "block.h"

#define RING_ENTRIES	128u

struct block_uring {
	struct io_uring ring;
	struct block_image *img;
	int fd;
	unsigned int in_flight;
};

/* Old kernels have the ring but not all that we ask of it. */
static bool has_operations(struct io_uring *ring)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	bool ok;

	if (!p)
		return false;
	ok = io_uring_opcode_supported(p, IORING_OP_READV) &&
	     io_uring_opcode_supported(p, IORING_OP_WRITEV) &&
	     io_uring_opcode_supported(p, IORING_OP_FSYNC);
	io_uring_free_probe(p);
	return ok;
}

/* liburing 2.3 has functions for these, but does not export all of them. */
static int do_register(struct block_uring *u, unsigned int what,
		       const void *arg, unsigned int n)
{
	return syscall(SYS_io_uring_register, u->ring.ring_fd, what, arg, n) < 0 ?
	       -errno : 0;
}

/*
 * What goes through a ring no filter of system calls sees.  So this one takes only
 * what the thread may do by system call too, from before it is switched on.  (The
 * image is not registered: the kernel would keep it, and its lock, for some
 * milliseconds after the end of the process.)
 */
static int restrict_ring(struct block_uring *u)
{
	static const struct io_uring_restriction only[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_READV },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_WRITEV },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_FSYNC },
	};
	int ret = do_register(u, IORING_REGISTER_RESTRICTIONS, only,
			      sizeof(only) / sizeof(only[0]));

	return ret ? ret : do_register(u, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

struct block_uring *uring_create(struct block_image *img)
{
	struct block_uring *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->img = img;
	if (io_uring_queue_init(RING_ENTRIES, &u->ring, IORING_SETUP_R_DISABLED)) {
		free(u);
		return NULL;
	}
	u->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->fd < 0 || !has_operations(&u->ring) ||
	    io_uring_register_eventfd(&u->ring, u->fd) || restrict_ring(u)) {
		uring_destroy(u);
		return NULL;
	}
	return u;
}

void uring_destroy(struct block_uring *u)
{
	if (!u)
		return;
	io_uring_queue_exit(&u->ring);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

int uring_fd(const struct block_uring *u)
{
	return u->fd;
}

bool uring_queue(struct block_uring *u, struct block_request *r)
{
	struct io_uring_sqe *sqe;

	if (r->op > BLOCK_FLUSH || r->n_iov > IOV_MAX ||
	    r->len > INT_MAX || u->in_flight >= RING_ENTRIES)
		return false;
	sqe = io_uring_get_sqe(&u->ring);
	if (!sqe)
		return false;
	if (r->op == BLOCK_READ)
		io_uring_prep_readv(sqe, u->img->fd, r->iov, r->n_iov,
				    r->offset);
	else if (r->op == BLOCK_WRITE)
		io_uring_prep_writev2(sqe, u->img->fd, r->iov, r->n_iov,
				      r->offset, r->durable ? RWF_DSYNC : 0);
	else
		io_uring_prep_fsync(sqe, u->img->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, r);
	u->in_flight++;
	return true;
}

bool uring_submit(struct block_uring *u)
{
	int ret;

	if (!io_uring_sq_ready(&u->ring))
		return true;
	io_uring_cq_eventfd_toggle(&u->ring, false);
	do
		ret = io_uring_submit(&u->ring);
	while (ret == -EINTR);
	return !io_uring_sq_ready(&u->ring);
}

void uring_ack(struct block_uring *u)
{
	uint64_t n;

	if (read(u->fd, &n, sizeof(n)) < 0)
		return;		/* nothing there: as well */
}

void uring_reap(struct block_uring *u,
		void (*done)(void *opaque, struct block_request *r,
			     uint64_t did), void *opaque)
{
	struct io_uring_cqe *cqe;
	bool again = false;

	do {
		while (!io_uring_peek_cqe(&u->ring, &cqe)) {
			struct block_request *r = io_uring_cqe_get_data(cqe);
			int res = cqe->res;

			io_uring_cqe_seen(&u->ring, cqe);
			u->in_flight--;
			r->result = res < 0 ? res : 0;
			done(opaque, r, res > 0 ? (uint64_t)res : 0);
		}
		/* What came between the last look and this counts too. */
		again = !again;
		if (again)
			io_uring_cq_eventfd_toggle(&u->ring, true);
	} while (again);
}
