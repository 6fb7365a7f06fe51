/* SPDX-License-Identifier: MIT */
/* Guests for a debugger outside: see debug.c, which knows these labels. */
#include "guest.inc"

	.macro LABEL name
	.globl g_\name
g_\name:
	.endm

	.code64
GUEST dbg_touch
	mov	dbg_last, %al
	movq	$0, G_RESULTS
	END

GUEST dbg_line
	nop
	mov	$7, %eax
	add	%rax, %rax
	push	%rax
	pop	%rbx
	jmp	1f
	ud2
1:	call	2f
	END
2:	ret

GUEST dbg_flags
	xor	%eax, %eax
	pushfq
	pop	%rbx
	RESULT	0, %rbx
	push	$0x46
	popfq
	pushfq
	pop	%rbx
	RESULT	1, %rbx
	/* The guest steps by itself: it has TF from here on. */
	TRY	1f
	pushfq
	orl	$0x100, (%rsp)
	popfq
LABEL dbg_flags_own
	nop
	ud2
1:	END

GUEST dbg_shadow
	cli
	sti
	nop
	cli
	mov	%ss, %eax
	mov	%eax, %ss
	nop
	nop
	END

GUEST dbg_exits
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
LABEL dbg_exits_cpuid
	mov	$0x1b, %ecx
	rdmsr
LABEL dbg_exits_rdmsr
	in	$0x80, %al
LABEL dbg_exits_in
	out	%al, $0x80
LABEL dbg_exits_out
	mov	$MMIO_HOLE, %ebx
	mov	(%rbx), %eax
LABEL dbg_exits_read
	mov	%eax, 8(%rbx)
LABEL dbg_exits_write
	incl	16(%rbx)
LABEL dbg_exits_inc
	END

GUEST dbg_rep
	mov	$G_DATA, %edi
	mov	$3, %ecx
	mov	$0x5a, %al
	cld
	rep stosb
LABEL dbg_rep_done
	mov	$MMIO_HOLE, %edi
	mov	$2, %ecx
	rep stosb
LABEL dbg_rep_mmio_done
	END

/* Twice past the breakpoint, one read and one write of the watched word. */
GUEST dbg_points
	mov	$2, %ecx
1:
LABEL dbg_points_break
	dec	%ecx
	jnz	1b
	mov	G_DATA, %rax
LABEL dbg_points_read
	movl	$1, G_DATA
LABEL dbg_points_written
	movl	$1, G_DATA + 8
	END

/* Its own breakpoint at 1, while the debugger has others. */
GUEST dbg_own
	mov	$1f, %eax
	mov	%rax, %dr0
	mov	$0x402, %eax
	mov	%rax, %dr7
LABEL dbg_own_there
	nop
	mov	%dr0, %rax
	sub	$1f, %rax
	RESULT	0, %rax
	mov	%dr7, %rax
	RESULT	1, %rax
	mov	%dr6, %rax
	RESULT	2, %rax
LABEL dbg_own_second
	TRY	2f
	nop
1:	ud2
2:	mov	EXC_DR6, %rax
	and	$0xf, %eax
	RESULT	3, %rax
	END

GUEST dbg_int3
	nop
LABEL dbg_int3_here
	int3
LABEL dbg_int3_after
	nop
	END

/* The debugger's #DB and #BP, handed on. */
GUEST dbg_inject
	TRY	1f
LABEL dbg_inject_here
	nop
1:	nop
	END

GUEST dbg_irq
	sti
LABEL dbg_irq_here
	nop
LABEL dbg_irq_next
	nop
	nop
	cli
	END

GUEST dbg_hlt
	sti
	nop
	hlt
LABEL dbg_hlt_after
	nop
	END

	.code32
GUEST dbg_prot
	nop
	mov	$7, %eax
	push	%eax
	pop	%ebx
LABEL dbg_prot_end
	END

	.code16
GUEST dbg_real
	nop
	mov	$7, %ax
	push	%ax
	pop	%bx
	int	$0x40
LABEL dbg_real_end
	END
dbg_last:
	.byte	0
