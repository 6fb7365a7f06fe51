/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

int image_open(struct image_file *f, const char *option, const char *path,
	       struct vmm_error *e)
{
	struct stat st;

	f->option = option;
	f->path = path;
	f->size = 0;
	/* O_NONBLOCK: opening a FIFO must not hang before it is refused. */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", option, path,
				strerror(errno));
	if (fstat(f->fd, &st) || !S_ISREG(st.st_mode)) {
		image_close(f);
		return vmm_fail(e, VMM_ERR_INPUT, "%s %s: not a regular file",
				option, path);
	}
	f->size = (uint64_t)st.st_size;
	if (!f->size) {
		image_close(f);
		return vmm_fail(e, VMM_ERR_INPUT, "%s %s: the file is empty",
				option, path);
	}
	return 0;
}

void image_close(struct image_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int image_read(const struct image_file *f, uint64_t offset, void *buf,
	       uint64_t len, struct vmm_error *e)
{
	uint8_t *p = buf;

	if (offset > f->size || len > f->size - offset)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: truncated: %llu bytes at offset %llu are wanted, the file has %llu",
			f->option, f->path, (unsigned long long)len,
			(unsigned long long)offset,
			(unsigned long long)f->size);
	while (len) {
		ssize_t n = pread(f->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vmm_fail(e, VMM_ERR_INPUT,
				"%s %s: can't read: %s", f->option, f->path,
				strerror(errno));
		if (n == 0)
			return vmm_fail(e, VMM_ERR_INPUT,
				"%s %s: the file shrank while it was read",
				f->option, f->path);
		p += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}
