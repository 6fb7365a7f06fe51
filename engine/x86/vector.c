/* SPDX-License-Identifier: MIT */
#include "vector.h"

#include "../host.h"
#include "arch/vector.h"

/*
 * The CPU executes these with the host's XCR0, of which the guest's is a part;
 * the host says when the registers hold the guest's values.
 */
void vector_read(struct vcpu *v, unsigned n, void *buf, unsigned size)
{
	struct ymm y = { { 0 } };

	host_fpu_hold(v);
	if (size == sizeof(y))
		store_ymm(n, &y);
	else
		store_xmm(n, (struct xmm *)&y);
	host_fpu_release(v);
	__builtin_memcpy(buf, &y, size);
}

void vector_write(struct vcpu *v, unsigned n, const void *buf, unsigned size,
		  bool zero_upper)
{
	struct ymm y = { { 0 } };

	__builtin_memcpy(&y, buf, size);
	host_fpu_hold(v);
	/* Legacy SSE keeps the upper half, a 256-bit load of zeros clears it. */
	if (size == sizeof(y) || (zero_upper && (v->xcr0 & 4)))
		load_ymm(n, &y);
	else
		load_xmm(n, (struct xmm *)&y);
	host_fpu_release(v);
}

#define FSW_ES	BIT(7)	/* an unmasked exception is pending */

bool fpu_operate(struct vcpu *v, enum emul_fpu what, u16 *word)
{
	bool waits = what == EMUL_FPU_WAIT || what == EMUL_FPU_LOAD_CONTROL, ok;

	host_fpu_hold(v);
	/* Here the exception would be the host's. */
	ok = !waits || !(fpu_status() & FSW_ES);
	switch (ok ? what : EMUL_FPU_WAIT) {
	case EMUL_FPU_INIT: fpu_init(); break;
	case EMUL_FPU_CLEAR: fpu_clear(); break;
	case EMUL_FPU_STORE_CONTROL: *word = fpu_control(); break;
	case EMUL_FPU_STORE_STATUS: *word = fpu_status(); break;
	case EMUL_FPU_LOAD_CONTROL: fpu_set_control(*word); break;
	case EMUL_FPU_WAIT: break;
	}
	host_fpu_release(v);
	return ok;
}
