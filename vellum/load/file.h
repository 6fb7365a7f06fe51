/* SPDX-License-Identifier: MIT */
/*
 * A file given by the user, opened once and read again on each reset.  Every
 * read is checked against the size seen at opening: files may be truncated,
 * or shrink while we look.
 */
#ifndef VELLUM_LOAD_FILE_H
#define VELLUM_LOAD_FILE_H

#include <stdint.h>

#include "../../lib/libvmm.h"

struct image_file {
	const char *option;	/* "--kernel": for messages */
	const char *path;
	int fd;			/* -1 = not given */
	uint64_t size;
};

int image_open(struct image_file *f, const char *option, const char *path,
	       struct vmm_error *e);
void image_close(struct image_file *f);

/* Exactly @len bytes, or an error that says that the file is truncated. */
int image_read(const struct image_file *f, uint64_t offset, void *buf,
	       uint64_t len, struct vmm_error *e);

#endif
