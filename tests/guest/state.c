/* SPDX-License-Identifier: MIT */
/* Registers, CPUID, counters: ioctls that must succeed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"

#define CPUID_ROOM	256

int check_done(const char *file, int line, const char *what, int fd,
	       unsigned long req, unsigned long arg)
{
	int rc = ioctl(fd, req, arg);

	if (rc < 0)
		fail("%s:%d: %s: %s", file, line, what, strerror(errno));
	return rc;
}

void check_refused(const char *file, int line, const char *what, int err,
		   int fd, unsigned long req, unsigned long arg)
{
	int rc = ioctl(fd, req, arg), got = errno;

	if (rc >= 0)
		fail("%s:%d: %s succeeded, wanted: %s", file, line, what,
		     strerror(err));
	if (got != err)
		fail("%s:%d: %s: %s, wanted: %s", file, line, what,
		     strerrorname_np(got), strerrorname_np(err));
}

void get_regs(struct machine *m, struct kvm_regs *r)
{
	DO(m->cpu, KVM_GET_REGS, r);
}

void set_regs(struct machine *m, const struct kvm_regs *r)
{
	DO(m->cpu, KVM_SET_REGS, r);
}

void get_sregs(struct machine *m, struct kvm_sregs *s)
{
	DO(m->cpu, KVM_GET_SREGS, s);
}

void set_sregs(struct machine *m, const struct kvm_sregs *s)
{
	DO(m->cpu, KVM_SET_SREGS, s);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

u64 get_msr(struct machine *m, u32 msr)
{
	struct one_msr one = { .head.nmsrs = 1, .entry.index = msr };

	if (DO(m->cpu, KVM_GET_MSRS, &one) != 1)
		fail("KVM_GET_MSRS: %#x can't be read", msr);
	return one.entry.data;
}

void set_msr(struct machine *m, u32 msr, u64 v)
{
	struct one_msr one = {
		.head.nmsrs = 1, .entry = { .index = msr, .data = v },
	};

	if (DO(m->cpu, KVM_SET_MSRS, &one) != 1)
		fail("KVM_SET_MSRS: %#x can't be set", msr);
}

void set_line(struct machine *m, u32 gsi, bool level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	DO(m->vm, KVM_IRQ_LINE, &l);
}

void raise_nmi(struct machine *m)
{
	DO(m->cpu, KVM_NMI, 0);
}

struct kvm_cpuid2 *supported_cpuid(void)
{
	static struct kvm_cpuid2 *c;
	unsigned i;

	if (c)
		return c;
	c = calloc(1, sizeof(*c) + CPUID_ROOM * sizeof(c->entries[0]));
	c->nent = CPUID_ROOM;
	DO(ctl, KVM_GET_SUPPORTED_CPUID, c);
	/* Told by a capability, as it needs the in-kernel LAPIC. */
	if (ioctl(ctl, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		for (i = 0; i < c->nent; i++)
			if (c->entries[i].function == 1)
				c->entries[i].ecx |= 1u << 24;
	return c;
}

bool cpu_has(u32 leaf, u32 sub, unsigned reg, unsigned bit)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	unsigned i;

	for (i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];
		u32 regs[4] = { e->eax, e->ebx, e->ecx, e->edx };

		if (e->function == leaf && e->index == sub)
			return regs[reg] >> bit & 1;
	}
	return false;
}

void set_cpuid(struct machine *m, const struct kvm_cpuid2 *c)
{
	DO(m->cpu, KVM_SET_CPUID2, c);
}

/* A named number of VMM_GET_COUNTERS or VMM_GET_INFO; absent = 0. */
u64 counter(int fd, unsigned long request, const char *name)
{
	static struct vmm_counter list[512];
	struct vmm_counters c = { .n = 512, .counters = (uintptr_t)list };
	unsigned i;

	DO(fd, request, &c);
	for (i = 0; i < c.n; i++)
		if (!strncmp(list[i].name, name, sizeof(list[i].name)))
			return list[i].value;
	return 0;
}

u64 module_info(const char *name)
{
	return counter(ctl, VMM_GET_INFO, name);
}
