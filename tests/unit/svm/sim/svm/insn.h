/* SPDX-License-Identifier: MIT */
/* Stands for engine/svm/insn.h in a plain process: a simulated SVM. */
#ifndef VELLUM_TESTS_UNIT_SVM_SIM_INSN_H
#define VELLUM_TESTS_UNIT_SVM_SIM_INSN_H

#include "../../../../../engine/core/vcpu.h"

void vmsave(u64 pa);
void svm_switch(struct vcpu *v, u64 guest_pa, u64 host_pa, u32 shadow);

#endif
