/* SPDX-License-Identifier: MIT */
/*
 * Counters kept by the kernel side: vmm.ko's through ioctls of its own; stock
 * KVM describes its own through KVM_GET_STATS_FD, a file that holds a header,
 * descriptors with names, and the data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libvmm.h"

/* What a sane kernel stays far below; more means that we misread it. */
#define COUNTERS_MAX	4096u
#define STATS_DESC_MAX	1024u
#define STATS_NAME_MAX	256u

static int put(struct vmm_tally *t, const char *name, uint32_t kind,
	       uint64_t value)
{
	const size_t max = sizeof(t->v[0].name) - 1;
	unsigned int i;

	for (i = 0; i < t->n; i++) {
		if (t->v[i].kind != kind || strncmp(t->v[i].name, name, max))
			continue;
		t->v[i].value += value;
		return 0;
	}
	if (t->n == t->room) {
		unsigned int room = t->room ? 2 * t->room : 64;
		struct vmm_counter *bigger;

		bigger = realloc(t->v, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		t->v = bigger;
		t->room = room;
	}
	memset(&t->v[t->n], 0, sizeof(t->v[0]));
	memcpy(t->v[t->n].name, name, strnlen(name, max));
	t->v[t->n].kind = kind;
	t->v[t->n++].value = value;
	return 0;
}

/* ---- vmm.ko ---- */

/* Fetches a list of which nobody knows the length before. */
static int add_from_ioctl(struct vmm_tally *t, int fd, unsigned long request)
{
	unsigned int i, room = 128;
	struct vmm_counter *v;
	struct vmm_counters list;

	for (;;) {
		v = calloc(room, sizeof(*v));
		if (!v)
			return 0;
		list = (struct vmm_counters){
			.n = room, .counters = (uintptr_t)v,
		};
		if (!ioctl(fd, request, &list))
			break;
		free(v);
		if (errno != E2BIG || list.n <= room || list.n > COUNTERS_MAX)
			return 0;
		room = list.n;
	}
	if (list.n > room)
		list.n = room;
	for (i = 0; i < list.n; i++) {
		v[i].name[sizeof(v[i].name) - 1] = '\0';
		if (put(t, v[i].name, v[i].kind, v[i].value))
			break;
	}
	free(v);
	if (i)
		t->source = "vmm.ko";
	return (int)i;
}

/* ---- stock KVM ---- */

static bool read_at(int fd, void *buf, size_t len, off_t at)
{
	return pread(fd, buf, len, at) == (ssize_t)len;
}

/* Counts only: no histograms, no sums of seconds, no momentary values. */
static bool is_plain_count(const struct kvm_stats_desc *d)
{
	return d->size == 1 &&
	       (d->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE &&
	       (d->flags & KVM_STATS_UNIT_MASK) == KVM_STATS_UNIT_NONE;
}

static uint32_t kind_of(const char *name)
{
	return strstr(name, "exits") ? VMM_COUNTER_EXIT : VMM_COUNTER_VCPU;
}

static int add_from_stats_fd(struct vmm_tally *t, int fd)
{
	char buf[sizeof(struct kvm_stats_desc) + STATS_NAME_MAX + 1];
	struct kvm_stats_header h;
	struct kvm_stats_desc *d = (void *)buf;
	size_t desc_size;
	unsigned int i;
	int found = 0;

	if (!read_at(fd, &h, sizeof(h), 0) || h.num_desc > STATS_DESC_MAX ||
	    h.name_size == 0 || h.name_size > STATS_NAME_MAX)
		return 0;
	desc_size = sizeof(*d) + h.name_size;
	for (i = 0; i < h.num_desc; i++) {
		uint64_t v;

		memset(buf, 0, sizeof(buf));
		if (!read_at(fd, buf, desc_size,
			     h.desc_offset + (off_t)(i * desc_size)))
			break;
		if (!is_plain_count(d) ||
		    !read_at(fd, &v, sizeof(v), h.data_offset + d->offset))
			continue;
		found++;
		if (v && put(t, d->name, kind_of(d->name), v))
			break;
	}
	return found;
}

int vmm_tally_vcpu(struct vmm_tally *t, const struct vmm_vcpu *vcpu)
{
	int fd, found;

	found = add_from_ioctl(t, vcpu->fd, VMM_GET_COUNTERS);
	if (found)
		return found;
	fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, 0);
	if (fd < 0)
		return 0;
	found = add_from_stats_fd(t, fd);
	close(fd);
	if (found)
		t->source = "KVM";
	return found;
}

int vmm_tally_accel(struct vmm_tally *t, const struct vmm_accel *a)
{
	return add_from_ioctl(t, a->fd, VMM_GET_INFO);
}

void vmm_tally_free(struct vmm_tally *t)
{
	free(t->v);
	memset(t, 0, sizeof(*t));
}
