/* SPDX-License-Identifier: MIT */
/* Memory that changes under a running guest. */
#include "guest.inc"

	.code64
/* Writes its own address to every page from 4 to 16 MiB, then reads all back. */
GUEST mem_touch
	mov	$0x400000, %ebx
1:	mov	%rbx, (%rbx)
	add	$0x1000, %ebx
	cmp	$0x1000000, %ebx
	jb	1b
	xor	%ecx, %ecx
	mov	$0x400000, %ebx
2:	cmp	%rbx, (%rbx)
	jne	3f
	inc	%ecx
3:	add	$0x1000, %ebx
	cmp	$0x1000000, %ebx
	jb	2b
	RESULT	0, %rcx
	END

/*
 * One more in each page from 4 to 16 MiB, round after round; they have to agree with
 * the number of rounds, told at each step. A wrong one ends it, with its address.
 */
GUEST mem_rounds
	xor	%ecx, %ecx
1:	mov	$0x400000, %ebx
2:	cmp	%rcx, (%rbx)
	jne	3f
	incq	(%rbx)
	add	$0x1000, %ebx
	cmp	$0x1000000, %ebx
	jb	2b
	inc	%rcx
	RESULT	1, %rcx
	STEP
	jmp	1b
3:	RESULT	0, %rbx
	END

/* Reads 2 MiB at each step. */
GUEST mem_look
	xor	%ebx, %ebx
1:	mov	0x200000, %rax
	RESULT	0, %rax
	mov	%rax, G_RESULTS + 8(, %rbx, 8)
	STEP
	inc	%ebx
	cmp	$8, %ebx
	jb	1b
	END

/* Writes a rising number to 2 MiB at each step. */
GUEST mem_write
	mov	$1, %ebx
1:	mov	%rbx, 0x200000
	STEP
	inc	%ebx
	cmp	$8, %ebx
	jb	1b
	END

/* Counts at 2 MiB for ever. */
GUEST mem_count
	sti
1:	incq	0x200000
	mov	$50, %ecx
	loop	.
	jmp	1b

/* Reads code at 2 MiB by running it. */
GUEST mem_exec
	mov	$0x200000, %ebx
	call	*%rbx
	RESULT	0, %rax
	STEP
	call	*%rbx
	RESULT	1, %rax
	END
