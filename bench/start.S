/* SPDX-License-Identifier: MIT */
/*
 * The benchmark guest's entry, in long mode with a flat 4 GiB mapping, and the
 * interrupt handler: it ends the interrupt in the way that suits the APIC's mode.
 */
	.code64
	.section .start, "ax"
	.globl start
start:
	jmp	1f
	.balign 8
	.globl only_row
only_row:			/* bench/where writes the name of a row here */
	.skip	16
1:	lea	stack_top(%rip), %rsp
	xor	%ebp, %ebp
	call	bench_main
1:	mov	$1, %al
	out	%al, $0xf4
	jmp	1b

	.text
	.globl irq_xapic, irq_x2apic, irq_bad
irq_xapic:
	push	%rax
	incq	irqs_taken(%rip)
	mov	$0xfee000b0, %eax
	movl	$0, (%rax)
	pop	%rax
	iretq

irq_x2apic:
	push	%rax
	push	%rcx
	push	%rdx
	incq	irqs_taken(%rip)
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

/* Anything that is not expected ends the guest with status 2. */
irq_bad:
	mov	$2, %al
	out	%al, $0xf4
	jmp	irq_bad

	.bss
	.globl irqs_taken
	.balign 16
irqs_taken:
	.quad	0
	.skip	16384
stack_top:
	.section .note.GNU-stack, "", @progbits
