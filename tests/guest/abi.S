/* SPDX-License-Identifier: MIT */
#include "guest.inc"

	.code64
GUEST abi_spin
	jmp	.

GUEST abi_steps
1:	inc	%rbx
	STEP
	jmp	1b
