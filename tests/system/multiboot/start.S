/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of the Multiboot test kernel: checks the machine's
 * state, goes to 64-bit mode if it is built for that, calls main(). And the code
 * at which other CPUs start.
 */
	.section .text.start, "ax"
	.code32
	.align	4
#ifdef ADDRESSES
#define FLAGS	0x10003
#else
#define FLAGS	0x3
#endif
header:	.long	0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
#ifdef ADDRESSES
	.long	header, header, image_end, bss_end, start
#endif

	.globl	start
start:	cli
	movl	$stack_end, %esp
	pushfl
	popl	%ecx
	movl	%eax, magic
	movl	%ebx, info
	movl	%ecx, eflags
	movl	%cr0, %eax
	movl	%eax, cr0
	sgdt	gdtr
	/* the GDT is there: load what CS and DS hold, once more */
	movl	%ds, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	pushl	%cs
	pushl	$1f
	lret
1:
#ifdef __x86_64__
	movl	$pd, %edi
	movl	$0x83, %eax
	movl	$2048, %ecx
2:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	loop	2b
	movl	$pd + 3, %eax
	movl	$pdpt, %edi
	movl	$4, %ecx
3:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x1000, %eax
	loop	3b
	movl	$pdpt + 3, pml4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x620, %eax
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $4f
	.code64
4:	call	main
#else
	call	main
#endif
5:	hlt
	jmp	5b

	/* A start-up IPI gets here, at 0x8000, in real mode: count, and wait. */
	.globl	ap_start, ap_end
	.code16
ap_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lock incl 0x7ff0
6:	hlt
	jmp	6b
ap_end:

	.data
	.align	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
	.globl	magic, info, eflags, cr0, gdtr
magic:	.long	0
info:	.long	0
eflags:	.long	0
cr0:	.long	0
gdtr:	.skip	6

	.bss
	.align	4096
#ifdef __x86_64__
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4 * 4096
#endif
stack:	.skip	8192
stack_end:
