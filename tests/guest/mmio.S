/* SPDX-License-Identifier: MIT */
/* Memory accesses that reach user space, by many instructions. */
#include "guest.inc"

	.set	HOLE, MMIO_HOLE

	.code64
GUEST mmio_write_sizes
	mov	$HOLE, %ebx
	mov	$0x1122334455667788, %rax
	mov	%al, (%rbx)
	mov	%ax, 2(%rbx)
	mov	%eax, 4(%rbx)
	mov	%rax, 8(%rbx)
	movb	$0x5a, 1(%rbx)
	movw	$0x5a5b, 2(%rbx)
	movl	$0x5a5b5c5d, 4(%rbx)
	movq	$-2, 8(%rbx)
	mov	%ah, (%rbx)
	mov	%r9b, (%rbx)
	END

GUEST mmio_read_sizes
	mov	$HOLE, %ebx
	mov	$-1, %rax
	mov	(%rbx), %al
	RESULT 0, %rax
	mov	$-1, %rax
	mov	2(%rbx), %ax
	RESULT 1, %rax
	mov	$-1, %rax
	mov	4(%rbx), %eax
	RESULT 2, %rax
	mov	8(%rbx), %rax
	RESULT 3, %rax
	movzbl	(%rbx), %ecx
	RESULT 4, %rcx
	movsbq	(%rbx), %rcx
	RESULT 5, %rcx
	movzwl	2(%rbx), %r12d
	RESULT 6, %r12
	movswl	2(%rbx), %r12d
	RESULT 7, %r12
	movslq	4(%rbx), %r13
	RESULT 8, %r13
	mov	(%rbx), %ah
	RESULT 9, %rax
	END

GUEST mmio_rmw
	mov	$HOLE, %ebx
	mov	$5, %eax
	add	%eax, (%rbx)
	pushfq
	pop	%rcx
	and	$0x8d5, %ecx
	RESULT 0, %rcx
	subb	$1, (%rbx)
	orl	$0xf0, (%rbx)
	andw	$0xff, (%rbx)
	xorq	$-1, (%rbx)
	incl	(%rbx)
	decl	(%rbx)
	notl	(%rbx)
	negl	(%rbx)
	lock addl $1, (%rbx)
	btsl	$3, (%rbx)
	shll	$4, (%rbx)
	END

GUEST mmio_xchg
	mov	$HOLE, %ebx
	mov	$0x1111, %eax
	xchg	%eax, (%rbx)
	RESULT 0, %rax
	mov	$0x10, %eax
	xadd	%eax, (%rbx)
	RESULT 1, %rax
	mov	$7, %eax
	mov	$9, %ecx
	lock cmpxchg %ecx, (%rbx)
	setz	%dl
	movzx	%dl, %edx
	RESULT 2, %rdx
	END

GUEST mmio_compare
	mov	$HOLE, %ebx
	cmpl	$0x1234, (%rbx)
	sete	%al
	testb	$0x80, (%rbx)
	setnz	%ah
	movzx	%ax, %eax
	RESULT 0, %rax
	mov	$1, %ecx
	add	(%rbx), %ecx
	RESULT 1, %rcx
	END

GUEST mmio_push_pop
	mov	%rsp, %rbp
	mov	$HOLE + 0x10, %esp
	pushq	$0x77
	pop	%rax
	RESULT 0, %rax
	pushfq
	mov	%rbp, %rsp
	mov	$HOLE, %ebx
	pushq	(%rbx)
	pop	%rax
	RESULT 1, %rax
	pushq	$0x33
	popq	(%rbx)
	END

GUEST mmio_stos
	mov	$HOLE, %edi
	mov	$0xabcd, %eax
	mov	$3, %ecx
	cld
	rep stosw
	RESULT 0, %rdi
	RESULT 1, %rcx
	std
	stosl
	cld
	RESULT 2, %rdi
	END

GUEST mmio_movs
	mov	$0x8877665544332211, %rax
	mov	%rax, G_DATA
	mov	$G_DATA, %esi
	mov	$HOLE, %edi
	mov	$2, %ecx
	cld
	rep movsl
	mov	$HOLE, %esi
	mov	$G_DATA + 0x100, %edi
	mov	$2, %ecx
	rep movsl
	mov	G_DATA + 0x100, %rax
	RESULT 0, %rax
	RESULT 1, %rsi
	mov	$HOLE, %esi
	mov	$HOLE + 0x100, %edi
	movsb
	END

GUEST mmio_lods_scas
	mov	$HOLE, %esi
	cld
	lodsw
	movzx	%ax, %eax
	RESULT 0, %rax
	mov	$HOLE, %edi
	mov	$0x42, %al
	mov	$10, %ecx
	repne scasb
	RESULT 1, %rcx
	RESULT 2, %rdi
	END

/* Eight bytes, three of them behind the page's edge. */
GUEST mmio_across
	mov	$HOLE + 0xffb, %ebx
	mov	$0x1122334455667788, %rax
	mov	%rax, (%rbx)
	mov	(%rbx), %rcx
	RESULT 0, %rcx
	END

/* Half of the access is RAM, half is not. */
GUEST mmio_ram_edge
	mov	$G_RAM - 4, %ebx
	mov	$0x1122334455667788, %rax
	mov	%rax, (%rbx)
	mov	G_RAM - 4, %ecx
	RESULT 0, %rcx
	mov	(%rbx), %rdx
	RESULT 1, %rdx
	END

GUEST mmio_sse
	mov	$HOLE, %ebx
	mov	$0x1122334455667788, %rax
	movq	%rax, %xmm0
	movq	%xmm0, %xmm1
	pslldq	$8, %xmm1
	por	%xmm0, %xmm1
	movdqu	%xmm1, (%rbx)
	movdqu	(%rbx), %xmm2
	movq	%xmm2, %rax
	RESULT 0, %rax
	psrldq	$8, %xmm2
	movq	%xmm2, %rax
	RESULT 1, %rax
	END

GUEST mmio_modes
	mov	$HOLE - 0x100, %rbx
	mov	$0x40, %ecx
	movb	$1, 0x100(%rbx)
	movb	$2, (%rbx, %rcx, 4)
	movb	$3, 0x10(%rbx, %rcx, 4)
	mov	$HOLE, %r13d
	movb	$4, (%r13)
	mov	$HOLE, %r12d
	movb	$5, (%r12)
	movabs	$HOLE, %rdx
	mov	$6, %al
	movabs	%al, HOLE
	movb	$7, %fs:(%r12)
	lea	.Lrip(%rip), %rax
.Lrip:	sub	%rax, %rdx
	END

GUEST mmio_flags
	mov	$HOLE, %ebx
	stc
	mov	$0x7f, %al
	adcb	$0, (%rbx)
	pushfq
	pop	%rax
	and	$0x8d5, %eax
	RESULT 0, %rax
	stc
	movb	$1, (%rbx)
	setc	%al
	movzx	%al, %eax
	RESULT 1, %rax
	END

/* Code that lies in MMIO can't be fetched: user space hears of it. */
GUEST mmio_fetch
	mov	$HOLE, %eax
	jmp	*%rax

	.code32
GUEST mmio_prot
	mov	$HOLE, %ebx
	mov	$0x12345678, %eax
	mov	%eax, (%ebx)
	mov	%ax, 4(%ebx)
	mov	(%ebx), %ecx
	RESULT 0, %ecx
	END

	.code16
GUEST mmio_real
	mov	$0xa000, %ax
	mov	%ax, %es
	movw	$0x0741, %es:0x10
	mov	%es:0x10, %bx
	RESULT16 0, %bx
	movb	$0x5a, %es:0xffff
	END

	.code64
GUEST mmio_loop
	mov	$HOLE, %ebx
	mov	$200, %ecx
1:	mov	%ecx, (%rbx)
	loop	1b
	END
