/* SPDX-License-Identifier: MIT */
#include "guest.inc"

	.code64
/* With interrupts off, which must not keep the host's out: docs/emulators.md, Bochs. */
GUEST abi_spin
	jmp	.

GUEST abi_steps
1:	inc	%rbx
	STEP
	jmp	1b
