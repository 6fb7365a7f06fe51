/* SPDX-License-Identifier: MIT */
/* Loaded at 0x1000: real mode from 0x100:0, 32-bit from 0x1020. */
	.code16
	mov	%cs, %ax		/* 0x1000 */
	nop
	xor	%bx, %bx		/* 0x1003 */
1:	call	count			/* 0x1005 */
	nop				/* 0x1008 */
count:	inc	%bx			/* 0x1009, also fallen into: twice a round */
	push	$0
	pop	%ax
	ret
	.org	0x20
	.code32
	mov	$0x1234, %eax		/* 0x1020 */
	nop				/* 0x1025 */
2:	jmp	2b
