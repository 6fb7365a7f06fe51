/* SPDX-License-Identifier: MIT */
/*
 * --catch-faults: page faults and contributory exceptions are trapped and given back to
 * the guest, so that the state in which the first of a chain came up is still there when
 * the chain ends in a triple fault.
 */
#ifndef VELLUM_FAULTS_H
#define VELLUM_FAULTS_H

#include "machine.h"

/* The exceptions to trap, as struct vmm_traps wants them. */
uint32_t faults_wanted(void);
/* A trapped exception: given back to the guest, or the machine ends. */
void faults_trapped(struct vcpu *c, const struct vmm_exit_trap *t);
void faults_end(struct vcpu *c);

#endif
