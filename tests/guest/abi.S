/* SPDX-License-Identifier: MIT */
#include "guest.inc"

	.code64
/* With interrupts on: see docs/emulators.md about Bochs and spinning guests. */
GUEST abi_spin
	sti
	jmp	.

GUEST abi_steps
1:	inc	%rbx
	STEP
	jmp	1b
