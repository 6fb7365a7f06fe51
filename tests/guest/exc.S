/* SPDX-License-Identifier: MIT */
/* Exceptions that stay inside the guest. */
#include "guest.inc"

	.macro TO_USER
	pushq	$SEL_USERDATA
	pushq	$G_STACK_USER
	pushq	$2
	pushq	$SEL_USER64
	pushq	$.Luser\@
	iretq
.Luser\@:
	.endm

	.code64
GUEST exc_de
	xor	%edx, %edx
	xor	%ecx, %ecx
	mov	$1, %eax
	FAULTS	div %ecx
	END

GUEST exc_ud
	FAULTS	ud2
	.byte	0x90
	FAULTS	.byte 0x0f, 0xff, 0xc0
	END

GUEST exc_gp
	mov	$0x8000000000000000, %rbx
	FAULTS	mov (%rbx), %eax
	mov	$0x1000, %eax
	FAULTS	mov %ax, %es
	mov	$-1, %ecx
	FAULTS	rdmsr
	END

GUEST exc_ss
	mov	$0x8000000000000000, %rbp
	FAULTS	mov (%rbp), %eax
	END

GUEST exc_pf
	mov	$0x10000000000, %rbx
	FAULTS	mov (%rbx), %eax
	mov	EXC_CR2, %rax
	RESULT 0, %rax
	lea	0x123(%rbx), %rcx
	FAULTS	movl $1, (%rcx)
	mov	EXC_CR2, %rax
	RESULT 1, %rax
	FAULTS	call *%rbx
	END

/* A present, read-only page: write faults in ring 0 only while CR0.WP is set. */
GUEST exc_wp
	andb	$~2, G_PD + 8		/* 2 to 4 MiB */
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$0x200000, %ebx
	movl	(%rbx), %eax
	FAULTS	movl $1, (%rbx)
	mov	%cr0, %rax
	btr	$16, %rax
	mov	%rax, %cr0
	movl	$0x77, (%rbx)
	mov	(%rbx), %ecx
	RESULT 0, %rcx
	bts	$16, %rax
	mov	%rax, %cr0
	FAULTS	movl $2, (%rbx)
	mov	(%rbx), %ecx
	RESULT 1, %rcx
	END

GUEST exc_nx
	mov	$0xc0000080, %ecx
	rdmsr
	bts	$11, %eax
	wrmsr
	btsq	$63, G_PD + 8
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$0x200000, %ebx
	movb	$0xc3, (%rbx)
	FAULTS	call *%rbx
	btrq	$63, G_PD + 8
	invlpg	(%rbx)
	call	*%rbx
	END

/* NXE off: bit 63 is reserved. */
GUEST exc_rsvd
	btsq	$63, G_PD + 8
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$0x200000, %ebx
	FAULTS	mov (%rbx), %eax
	END

GUEST exc_user_page
	andb	$~4, G_PD + 8
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$0x200000, %ebx
	TO_USER
	TRY	1f
	mov	(%rbx), %eax
	ud2
1:	/* The handler returns to ring 3: a fault leads out through END's #GP. */
	mov	$MMIO_HOLE, %eax
	movl	$1, (%rax)
	jmp	.

/* INT n of a gate for ring 0 only. */
GUEST exc_int_privileged
	TO_USER
	TRY	1f
	int	$13
1:	mov	$MMIO_HOLE, %eax
	movl	$1, (%rax)
	jmp	.

GUEST exc_bp
	FAULTS	int3
	mov	EXC_RIP, %rax
	sub	$exc_bp_at, %rax
exc_bp_at:
	END

GUEST exc_int
	int	$0x40
	int	$0xff
	mov	IRQ_COUNTS + 8 * 0x40, %rax
	RESULT 0, %rax
	mov	IRQ_COUNTS + 8 * 0xff, %rax
	RESULT 1, %rax
	END

/* TF: #DB after the instruction that follows POPF, with DR6.BS. */
GUEST exc_step
	mov	$0xffff0ff0, %eax
	mov	%rax, %dr6
	TRY	1f
	pushfq
	orl	$0x100, (%rsp)
	popfq
	nop
	ud2
1:	mov	EXC_DR6, %rax
	and	$0x4000, %eax
	RESULT 0, %rax
	mov	EXC_FLAGS, %rax
	and	$0x100, %eax
	RESULT 1, %rax
	END

/* Single-stepping over an instruction that exits: the trap comes after it. */
GUEST exc_step_exit
	TRY	1f
	xor	%eax, %eax
	xor	%ecx, %ecx
	pushfq
	orl	$0x100, (%rsp)
	popfq
	cpuid
exc_step_after:
	ud2
1:	mov	EXC_RIP, %rax
	sub	$exc_step_after, %rax
	RESULT 0, %rax
	TRY	2f
	pushfq
	orl	$0x100, (%rsp)
	popfq
	out	%al, $0x80
exc_step_after2:
	ud2
2:	mov	EXC_RIP, %rax
	sub	$exc_step_after2, %rax
	RESULT 1, %rax
	mov	$MMIO_HOLE, %ebx
	TRY	3f
	pushfq
	orl	$0x100, (%rsp)
	popfq
	mov	%al, (%rbx)
exc_step_after3:
	ud2
3:	mov	EXC_RIP, %rax
	sub	$exc_step_after3, %rax
	RESULT 2, %rax
	END

/* #GP's handler is not present: #NP while delivering #GP = #DF. */
GUEST exc_df
	andw	$0x7fff, G_IDT64 + 16 * 13 + 4
	mov	$0x1000, %eax
	FAULTS	mov %ax, %es
	END

GUEST exc_triple
	lidt	exc_no_idt
	ud2
	END
	.balign 8
exc_no_idt:
	.quad	0, 0

/* The IDT lies in a page that is not there: #PF while delivering, #DF, shutdown. */
GUEST exc_triple_pf
	movq	$0xfff, G_DATA
	movabs	$0x10000000000, %rax
	movw	$0xfff, G_DATA
	mov	%rax, G_DATA + 2
	lidt	G_DATA
	int3
	END

GUEST exc_nm
	mov	%cr0, %rax
	or	$8, %al
	mov	%rax, %cr0
	FAULTS	fld1
	clts
	fld1
	fstp	%st(0)
	END

GUEST exc_ac
	mov	%cr0, %rax
	bts	$18, %rax
	mov	%rax, %cr0
	mov	$G_DATA + 1, %ebx
	pushq	$SEL_USERDATA
	pushq	$G_STACK_USER
	pushq	$0x40002
	pushq	$SEL_USER64
	pushq	$1f
	iretq
1:	TRY	2f
	mov	(%rbx), %eax
	ud2
2:	mov	$MMIO_HOLE, %eax
	movl	$1, (%rax)
	jmp	.

GUEST exc_np
	mov	$0x78, %eax
	FAULTS	mov %ax, %fs
	END

/* Many faults in a row come one by one. */
GUEST exc_many
	mov	$60, %r15d
1:	FAULTS	ud2
	dec	%r15d
	jnz	1b
	mov	EXC_COUNT, %rax
	RESULT 0, %rax
	movq	$0, EXC_COUNT
	END

	.code32
GUEST exc_prot
	FAULTS	ud2
	mov	$0x1000, %eax
	FAULTS	mov %ax, %es
	xor	%edx, %edx
	xor	%ecx, %ecx
	FAULTS	div %ecx
	END

GUEST exc_into
	FAULTS	int3
	mov	$0x7fffffff, %eax
	add	$1, %eax
	FAULTS	into
	movl	$0, G_DATA
	movl	$10, G_DATA + 4
	mov	$11, %eax
	FAULTS	bound %eax, G_DATA
	END

	.code16
GUEST exc_real
	movw	$exc_real_de, 0
	movw	$0, 2
	movw	$exc_real_int, 0x40 * 4
	movw	$0, 0x40 * 4 + 2
	xor	%bx, %bx
	int	$0x40
	xor	%dx, %dx
	mov	$1, %ax
	xor	%cx, %cx
	div	%cx
	RESULT16 0, %bx
	END
exc_real_int:
	add	$1, %bx
	iret
exc_real_de:
	add	$0x100, %bx
	mov	$1, %cx
	iret
