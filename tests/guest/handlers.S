/* SPDX-License-Identifier: MIT */
/* Exception and interrupt handlers that all test guests share. */
#include "guest.inc"

	.text

/* Entry n of each table is at its start + 16 * n. */

/* -- 64-bit -------------------------------------------------------------------- */
	.code64
	.balign 16
	.globl g_exc64
g_exc64:
	.set	n, 0
	.rept	32
	.balign 16
	.if n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21
	.else
	pushq	$0
	.endif
	pushq	$n
	jmp	exc64_common
	.set	n, n + 1
	.endr

/* On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
exc64_common:
	push	%rax
	push	%rbx
	mov	24(%rsp), %rax		/* error code */
	shl	$8, %rax
	or	16(%rsp), %rax
	mov	EXC_COUNT, %rbx
	and	$63, %ebx
	mov	%rax, EXC_LOG(, %rbx, 8)
	incq	EXC_COUNT
	mov	32(%rsp), %rax
	mov	%rax, EXC_RIP
	mov	48(%rsp), %rax
	mov	%rax, EXC_FLAGS
	andl	$~0x100, 48(%rsp)	/* no further single step */
	mov	%cr2, %rax
	mov	%rax, EXC_CR2
	mov	%dr6, %rax
	mov	%rax, EXC_DR6
	mov	EXC_FIXUP, %rax
	test	%rax, %rax
	jz	exc_bad
	mov	%rax, 32(%rsp)
	movq	$0, EXC_FIXUP
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

exc_bad:
	out	%al, $PORT_BAD
	hlt
	jmp	exc_bad

	.balign 16
	.globl g_irq64
g_irq64:
	.set	n, 32
	.rept	224
	.balign 16
	push	%rax
	mov	$n, %eax
	jmp	irq64_common
	.set	n, n + 1
	.endr

irq64_common:
	incq	IRQ_TOTAL
	incq	IRQ_COUNTS(, %rax, 8)
	mov	%rax, IRQ_LAST
	mov	8(%rsp), %rax
	mov	%rax, IRQ_RIP
	testb	$EOI_XAPIC, IRQ_EOI
	jz	1f
	mov	$0xfee000b0, %eax
	movl	$0, (%rax)
1:	testb	$EOI_X2APIC, IRQ_EOI
	jz	1f
	push	%rcx
	push	%rdx
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
1:	testb	$EOI_PIC2, IRQ_EOI
	jz	1f
	mov	$0x20, %al
	out	%al, $0xa0
1:	testb	$EOI_PIC, IRQ_EOI
	jz	1f
	mov	$0x20, %al
	out	%al, $0x20
1:	pop	%rax
	iretq

/* -- 32-bit -------------------------------------------------------------------- */
	.code32
	.balign 16
	.globl g_exc32
g_exc32:
	.set	n, 0
	.rept	32
	.balign 16
	.if n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21
	.else
	pushl	$0
	.endif
	pushl	$n
	jmp	exc32_common
	.set	n, n + 1
	.endr

/* On the stack: vector, error code, EIP, CS, EFLAGS. */
exc32_common:
	push	%eax
	push	%ebx
	mov	12(%esp), %eax
	shl	$8, %eax
	or	8(%esp), %eax
	mov	EXC_COUNT, %ebx
	and	$63, %ebx
	mov	%eax, EXC_LOG(, %ebx, 8)
	incl	EXC_COUNT
	mov	16(%esp), %eax
	mov	%eax, EXC_RIP
	mov	24(%esp), %eax
	mov	%eax, EXC_FLAGS
	andl	$~0x100, 24(%esp)
	mov	%cr2, %eax
	mov	%eax, EXC_CR2
	mov	EXC_FIXUP, %eax
	test	%eax, %eax
	jz	exc_bad
	mov	%eax, 16(%esp)
	movl	$0, EXC_FIXUP
	pop	%ebx
	pop	%eax
	add	$8, %esp
	iret

	.balign 16
	.globl g_irq32
g_irq32:
	.set	n, 32
	.rept	224
	.balign 16
	push	%eax
	mov	$n, %eax
	jmp	irq32_common
	.set	n, n + 1
	.endr

irq32_common:
	incl	IRQ_TOTAL
	incl	IRQ_COUNTS(, %eax, 8)
	mov	%eax, IRQ_LAST
	mov	4(%esp), %eax
	mov	%eax, IRQ_RIP
	testb	$EOI_XAPIC, IRQ_EOI
	jz	1f
	movl	$0, 0xfee000b0
1:	testb	$EOI_PIC2, IRQ_EOI
	jz	1f
	mov	$0x20, %al
	out	%al, $0xa0
1:	testb	$EOI_PIC, IRQ_EOI
	jz	1f
	mov	$0x20, %al
	out	%al, $0x20
1:	pop	%eax
	iret
