/* SPDX-License-Identifier: MIT */
/* Looking into a vCPU: include/vellum/named.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "libvmm.h"

#define LIST_MAX	65536u

int vmm_vcpu_state(const struct vmm_vcpu *vcpu, struct vmm_state *s,
		   struct vmm_field **fields)
{
	unsigned int room = 2048;
	struct vmm_field *f;
	int err;

	for (;;) {
		f = calloc(room, sizeof(*f));
		if (!f)
			return -ENOMEM;
		*s = (struct vmm_state){ .n = room, .fields = (uintptr_t)f };
		if (!ioctl(vcpu->fd, VMM_GET_STATE, s))
			break;
		err = errno;
		free(f);
		if (err != E2BIG || s->n <= room || s->n > LIST_MAX)
			return -err;
		room = s->n;
	}
	*fields = f;
	return 0;
}

int vmm_vcpu_set_field(const struct vmm_vcpu *vcpu, uint32_t id, uint64_t value)
{
	struct vmm_field f = { .id = id, .value = value };

	return ioctl(vcpu->fd, VMM_SET_FIELD, &f) ? -errno : 0;
}

int vmm_vcpu_latency(const struct vmm_vcpu *vcpu, struct vmm_latency **l,
		     unsigned int *n)
{
	struct vmm_latencies a = { .n = 256 };
	int err;

	*l = calloc(a.n, sizeof(**l));
	if (!*l)
		return -ENOMEM;
	a.latencies = (uintptr_t)*l;
	if (ioctl(vcpu->fd, VMM_GET_LATENCY, &a)) {
		err = errno;
		free(*l);
		return -err;
	}
	*n = a.n;
	return 0;
}

int vmm_vcpu_reasons(const struct vmm_vcpu *vcpu, struct vmm_reason **r,
		     unsigned int *n)
{
	struct vmm_reasons a = { .n = 256 };
	int err;

	*r = calloc(a.n, sizeof(**r));
	if (!*r)
		return -ENOMEM;
	a.reasons = (uintptr_t)*r;
	if (ioctl(vcpu->fd, VMM_GET_REASONS, &a)) {
		err = errno;
		free(*r);
		return -err;
	}
	*n = a.n;
	return 0;
}

int vmm_vcpu_trace(const struct vmm_vcpu *vcpu, struct vmm_trace *t,
		   struct vmm_trace_record *r, unsigned int *n)
{
	t->n = *n;
	t->lost = 0;
	t->reserved = 0;
	t->records = (uintptr_t)r;
	if (ioctl(vcpu->fd, VMM_GET_TRACE, t))
		return -errno;
	*n = t->n;
	return 0;
}

int vmm_vcpu_do(const struct vmm_vcpu *vcpu, unsigned long request, void *arg)
{
	return ioctl(vcpu->fd, request, arg) < 0 ? -errno : 0;
}

int vmm_vcpu_get_msr(const struct vmm_vcpu *vcpu, uint32_t index,
		     uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = { .index = index } };
	int done = ioctl(vcpu->fd, KVM_GET_MSRS, &m);

	*value = m.entry.data;
	return done == 1 ? 0 : done < 0 ? -errno : -ENOENT;
}
