/* SPDX-License-Identifier: MIT */
/*
 * Why a guest died: the explainer on a vCPU of our own, with every field that vmm.ko
 * shows, or what KVM_GET_* gives on stock KVM.
 */
#ifndef VELLUM_WHY_H
#define VELLUM_WHY_H

#include "explain/from_kvm.h"
#include "machine.h"

/* A vCPU as it stands. From why_snapshot(); free() it. */
struct why_state;
struct explain_caught;

/* The state now; NULL: it can't be had, or there is no memory. */
struct why_state *why_snapshot(struct vcpu *c, enum explain_why why, uint64_t hardware_reason);
/* The first exception of the chain that ends in shutdown was seen to be this one. */
void why_caught(struct why_state *w, const struct explain_caught *e, uint64_t cr2);
/* The explanation, from malloc(); NULL: there is nothing to say. */
char *why_text(struct why_state *w);

/* After why_text(): the vector of the i-th step of its chain, or -1. */
int why_step(const struct why_state *w, unsigned int i);

/* Prints what a named VM's vCPU stands at.  A status. */
int why_named(const char *accel, const char *name, unsigned int index, bool json, bool verbose);

/* Before the first entry: what is wrong with vCPU 0's state, or NULL. */
char *why_lint(struct machine *m);

#endif
