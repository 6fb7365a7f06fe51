/* SPDX-License-Identifier: MIT */
/* XMM and YMM registers of the guest, which the host keeps in the CPU's own. */
#ifndef VELLUM_ENGINE_X86_VECTOR_H
#define VELLUM_ENGINE_X86_VECTOR_H

#include "../core/vcpu.h"
#include "../emul/emul.h"

/*
 * Copies register n (0-15) of the running vCPU; size 16, or 32 with AVX in XCR0.
 * Writing 16 bytes clears the upper half if zero_upper, else keeps it.
 */
void vector_read(struct vcpu *v, unsigned n, void *buf, unsigned size);
void vector_write(struct vcpu *v, unsigned n, const void *buf, unsigned size,
		  bool zero_upper);

/*
 * One operation of the x87 unit, on its control or status word. False: an exception is
 * pending there, and the instruction is to raise #MF.
 */
bool fpu_operate(struct vcpu *v, enum emul_fpu what, u16 *word);

#endif
