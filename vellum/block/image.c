/* SPDX-License-Identifier: MIT */
/* The file behind a disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"

#define SIZE_MAX_BYTES	(1ull << 62)	/* off_t, with room to add */
#define ZERO_CHUNK	65536u
#define IOV_BATCH	64u

static int call_allocate(int fd, int mode, off_t at, off_t len)
{
	return fallocate(fd, mode, at, len);
}

const struct block_calls block_calls = {
	preadv, pwritev2, fdatasync, call_allocate,
};

/* ---- opening ---- */

static int refuse(const struct block_image *img, const char *why,
		  struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", img->o.option,
			img->o.path, why);
}

static int open_failed(const struct block_image *img, int err,
		       struct vmm_error *e)
{
	if (!img->o.readonly && (err == EROFS || err == EACCES ||
				 err == EPERM))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: can't open it for writing: %s; for reading only: %s %s,ro",
			img->o.option, img->o.path, strerror(err),
			img->o.option, img->o.path);
	if (err == EBUSY)
		return refuse(img, "in use by the host (mounted, or part of another device)",
			      e);
	if (err == ETXTBSY)
		return refuse(img, "in use as a program that is running", e);
	return refuse(img, strerror(err), e);
}

static int take_lock(struct block_image *img, struct vmm_error *e)
{
	struct flock l = {
		.l_type = img->o.readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(img->fd, F_OFD_SETLK, &l))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return refuse(img, img->o.readonly ?
			"somebody writes to it: another guest has this disk" :
			"in use by another guest; two guests can share a disk only if both have it with ,ro",
			e);
	/* A file system without locks: not worth refusing the disk for. */
	fprintf(stderr,
		"vellum: %s %s: can't be locked (%s): see to it that nobody else writes to it\n",
		img->o.option, img->o.path, strerror(errno));
	return 0;
}

static int find_size(struct block_image *img, struct vmm_error *e)
{
	struct stat st;
	uint64_t size;

	if (fstat(img->fd, &st))
		return refuse(img, strerror(errno), e);
	if (S_ISREG(st.st_mode)) {
		img->is_file = true;
		size = (uint64_t)st.st_size;
	} else if (!S_ISBLK(st.st_mode)) {
		return refuse(img, S_ISDIR(st.st_mode) ?
			      "a directory, not a disk image" :
			      "neither a file nor a block device", e);
	} else if (ioctl(img->fd, BLKGETSIZE64, &size)) {
		return refuse(img, strerror(errno), e);
	}
	if (!size)
		return refuse(img, img->is_file ? "the file is empty" :
			      "there is no medium in this device", e);
	if (size > SIZE_MAX_BYTES)
		return refuse(img, "too large", e);
	img->file_size = size;
	img->size = (size + img->o.sector - 1) / img->o.sector * img->o.sector;
	return 0;
}

int block_image_open(struct block_image *img, const struct block_options *o,
		     struct vmm_error *e)
{
	int flags = (o->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	struct stat st;

	memset(img, 0, sizeof(*img));
	img->o = *o;
	img->calls = &block_calls;
	/* On block devices O_EXCL keeps mounted ones from us. */
	if (!o->readonly && !stat(o->path, &st) && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	img->fd = open(o->path, flags);
	if (img->fd < 0)
		return open_failed(img, errno, e);
	if (find_size(img, e) || take_lock(img, e)) {
		block_image_close(img);
		return -1;
	}
	block_image_geometry(img);
	return 0;
}

void block_image_close(struct block_image *img)
{
	if (img->fd >= 0)
		close(img->fd);		/* and the lock goes */
	img->fd = -1;
}

/* ---- requests ---- */

int block_image_check(const struct block_image *img,
		      const struct block_request *r)
{
	if (r->op == BLOCK_FLUSH)
		return 0;
	if (r->op != BLOCK_READ && img->o.readonly)
		return -EROFS;
	if (r->offset > img->size || r->len > img->size - r->offset)
		return -EIO;
	return 0;
}

int block_image_uncut(const struct block_image *img, uint64_t end)
{
	struct stat st;

	if (!img->is_file)
		return 0;
	if (end > img->file_size)
		end = img->file_size;
	if (fstat(img->fd, &st))
		return -errno;
	return (uint64_t)st.st_size < img->file_size ? -EIO : 0;
}

/*
 * As much of the request's buffers from byte @skip on as one call takes;
 * returns the number of pieces.
 */
static int slice(const struct block_request *r, uint64_t skip,
		 struct iovec out[IOV_BATCH])
{
	unsigned int i, n = 0;

	for (i = 0; i < r->n_iov && n < IOV_BATCH; i++) {
		size_t len = r->iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		out[n].iov_base = (uint8_t *)r->iov[i].iov_base + skip;
		out[n++].iov_len = len - skip;
		skip = 0;
	}
	return (int)n;
}

/* The rest of the last sector of a file that ends within it. */
static int zero_tail(const struct block_image *img,
		     const struct block_request *r, uint64_t done)
{
	struct iovec iov[IOV_BATCH];
	int i, n;

	if (r->offset + done < img->file_size)
		return -EIO;		/* somebody has cut the file */
	while (done < r->len) {
		n = slice(r, done, iov);
		if (!n)
			return -EIO;
		for (i = 0; i < n; i++) {
			memset(iov[i].iov_base, 0, iov[i].iov_len);
			done += iov[i].iov_len;
		}
	}
	return 0;
}

static int transfer(const struct block_image *img,
		    const struct block_request *r, uint64_t done)
{
	struct iovec iov[IOV_BATCH];

	while (done < r->len) {
		off_t at = (off_t)(r->offset + done);
		int n = slice(r, done, iov);
		ssize_t got;

		if (r->op == BLOCK_READ)
			got = img->calls->readv(img->fd, iov, n, at);
		else
			got = img->calls->writev(img->fd, iov, n, at,
						 r->durable ? RWF_DSYNC : 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return r->op == BLOCK_READ ? zero_tail(img, r, done) :
						     -EIO;
		done += (uint64_t)got;
	}
	return 0;
}

static int write_zeroes_by_hand(const struct block_image *img,
				const struct block_request *r)
{
	static const uint8_t zeroes[ZERO_CHUNK];
	struct iovec iov = { .iov_base = (void *)zeroes };
	uint64_t done;

	for (done = 0; done < r->len; done += iov.iov_len) {
		struct block_request w = {
			.op = BLOCK_WRITE, .durable = r->durable,
			.offset = r->offset + done, .iov = &iov, .n_iov = 1,
		};
		int ret;

		iov.iov_len = r->len - done < ZERO_CHUNK ? r->len - done :
							   ZERO_CHUNK;
		w.len = iov.iov_len;
		ret = transfer(img, &w, 0);
		if (ret)
			return ret;
	}
	return 0;
}

/* 1 = done, 0 = this file system can't, or -errno. */
static int allocate(const struct block_image *img,
		    const struct block_request *r, int mode, atomic_bool *cant)
{
	uint64_t end = r->offset + r->len;

	if (atomic_load(cant))
		return 0;
	/* KEEP_SIZE never grows the file: its end is no part of the hole. */
	if (end > img->file_size)
		end = img->file_size;
	if (r->offset >= end)
		return 1;
	while (img->calls->allocate(img->fd, mode | FALLOC_FL_KEEP_SIZE,
				    (off_t)r->offset,
				    (off_t)(end - r->offset))) {
		if (errno == EINTR)
			continue;
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return -errno;
		atomic_store(cant, true);
		return 0;
	}
	return 1;
}

static int write_zeroes(struct block_image *img, const struct block_request *r)
{
	int ret = 0;

	if (r->may_unmap)
		ret = allocate(img, r, FALLOC_FL_PUNCH_HOLE, &img->no_punch);
	if (!ret)
		ret = allocate(img, r, FALLOC_FL_ZERO_RANGE, &img->no_zero);
	if (ret < 0)
		return ret;
	if (!ret)
		return write_zeroes_by_hand(img, r);
	if (r->durable && img->calls->sync(img->fd))
		return -errno;
	return 0;
}

static int flush(const struct block_image *img)
{
	int ret = block_image_uncut(img, img->file_size);

	if (ret)
		return ret;
	while (img->calls->sync(img->fd))
		if (errno != EINTR)
			return -errno;
	return 0;
}

int block_image_do(struct block_image *img, const struct block_request *r,
		   uint64_t skip)
{
	int ret = block_image_check(img, r);

	if (ret)
		return ret;
	if (r->op != BLOCK_READ && r->op != BLOCK_FLUSH) {
		ret = block_image_uncut(img, r->offset + r->len);
		if (ret)
			return ret;
	}
	switch (r->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return transfer(img, r, skip);
	case BLOCK_FLUSH:
		return img->o.readonly ? 0 : flush(img);
	case BLOCK_DISCARD:
		/* A hint: where it can't be followed all is well too. */
		ret = allocate(img, r, FALLOC_FL_PUNCH_HOLE, &img->no_punch);
		return ret < 0 ? ret : 0;
	case BLOCK_WRITE_ZEROES:
		return write_zeroes(img, r);
	}
	return -EOPNOTSUPP;
}

void block_image_failed(struct block_image *img, const struct block_request *r)
{
	static const char *const names[] = {
		"reading", "writing", "flushing", "discarding",
		"writing zeroes",
	};
	bool cut;

	if (atomic_exchange(&img->said, true))
		return;
	cut = r->result == -EIO && block_image_uncut(img, UINT64_MAX) == -EIO;
	fprintf(stderr,
		"vellum: %s %s: %s at byte %llu failed: %s; the guest sees an I/O error (said once)\n",
		img->o.option, img->o.path, names[r->op],
		(unsigned long long)r->offset,
		cut ? "the file has become smaller than it was at the start" :
		      strerror(-r->result));
}
