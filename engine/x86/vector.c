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
