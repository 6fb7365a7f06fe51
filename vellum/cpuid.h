/* SPDX-License-Identifier: MIT */
/*
 * From what the kernel side supports to what one vCPU of a machine shows:
 * topology, TSC rate, the presence of a hypervisor.  All else is left as the
 * kernel side returned it.
 */
#ifndef VELLUM_CPUID_H
#define VELLUM_CPUID_H

#include <stdbool.h>

#include <linux/kvm.h>

#define CPUID_SPARE	1	/* entries that cpuid_fix() may add */

struct cpuid_config {
	unsigned int index, cpus;	/* this vCPU, of how many */
	unsigned int tsc_khz;		/* 0 = unknown */
	bool tsc_deadline;		/* the LAPICs have that timer mode */
};

/* @t has room for CPUID_SPARE entries more than it holds. */
void cpuid_fix(struct kvm_cpuid2 *t, const struct cpuid_config *c);

#endif
