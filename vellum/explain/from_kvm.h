/* SPDX-License-Identifier: MIT */
/*
 * The explainer for a live vCPU: for `vellum run` when an entry fails or the guest shuts
 * its CPU down, on vmm.ko and on stock KVM alike, and for --lint before the first entry.
 */
#ifndef VELLUM_EXPLAIN_FROM_KVM_H
#define VELLUM_EXPLAIN_FROM_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/kvm.h>

enum explain_why {
	EXPLAIN_LINT,		/* before an entry: is the state legal? */
	EXPLAIN_SHUTDOWN,	/* KVM_EXIT_SHUTDOWN */
	EXPLAIN_FAIL_ENTRY,	/* KVM_EXIT_FAIL_ENTRY */
	EXPLAIN_LIVE,		/* whatever it stands at: the exit fields count */
};

struct explain_state;

struct explain_kvm {
	enum explain_why why;
	bool amd;			/* the host's CPU: whose manual's checks count */
	uint64_t hardware_reason;	/* of EXPLAIN_FAIL_ENTRY */
	const struct kvm_regs *regs;
	const struct kvm_sregs *sregs;
	unsigned phys_bits;		/* 0: not known */
	/* Guest memory: false where there is none. May be NULL. */
	bool (*read)(void *arg, uint64_t gpa, void *to, unsigned size);
	void *arg;
};

/*
 * Prints what is wrong with the state. True if anything was found; a legal state that
 * is only linted prints nothing.
 */
bool explain_from_kvm_state(FILE *out, const struct explain_kvm *k);

/* The snapshot alone: the guest's part of it, memory aside. */
void explain_fill_kvm(struct explain_state *s, const struct explain_kvm *k);

/* Is this machine's CPU AMD's (or Hygon's)? */
bool explain_host_is_amd(void);

#endif
