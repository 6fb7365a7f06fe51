/* SPDX-License-Identifier: MIT */
/*
 * Guests that end in a triple fault, each in its own way; tests/system/explain.sh knows
 * what is to be said of each. Loaded at 0x1000; the numbers below are their places.
 */
#define EMPTY_IDT	0x4000		/* six zero bytes */
#define IDT32		0x20000
#define IDT64		0x21000
#define GDT		0x22000
#define TSS		0x23000
#define PAGES		0x24000
#define FREE		0x30000

	.text
	.org 0
	.code16
/* 0x1000: no vector table */
	lidtl	EMPTY_IDT
	ud2
	.org 0x40
/* 0x1040: no room for a push: two bytes at SS:ffff */
	movw	$1, %sp
	ud2
	.org 0x80
/* 0x1080: the vector table ends before entry 13, and a segment ends before the access */
	lidtl	short_ivt
	movw	$0xffff, %bx
	movw	(%bx), %ax
	.org 0xc0
short_ivt:
	.word	6 * 4 - 1
	.long	0

	.org 0x1000
	.code32
/* 0x2000: no IDT */
	lidt	EMPTY_IDT
	ud2
	.org 0x1040
/* 0x2040: the gate of #UD is of no type; none of the others is there */
	lidt	idtr32
	movl	$0x00080000, IDT32 + 6 * 8
	movl	$0x00008000, IDT32 + 6 * 8 + 4
	ud2
	.org 0x1080
/* 0x2080: an interrupt gate that isn't present, #NP's neither */
	lidt	idtr32
	movl	$0x00180000, IDT32 + 6 * 8
	movl	$0x00000e00, IDT32 + 6 * 8 + 4
	movl	$0x00180000, IDT32 + 11 * 8
	movl	$0x00000e00, IDT32 + 11 * 8 + 4
	ud2
	.org 0x10c0
/* 0x20c0: a gate with a selector beyond the GDT */
	lidt	idtr32
	movl	$0x01000000, IDT32 + 6 * 8
	movl	$0x00008e00, IDT32 + 6 * 8 + 4
	ud2
	.org 0x1100
/* 0x2100: a gate to a data segment */
	lidt	idtr32
	movl	$0x00100000, IDT32 + 6 * 8
	movl	$0x00008e00, IDT32 + 6 * 8 + 4
	ud2
	.org 0x1180
/* 0x2180: ring 3, and the ring-0 stack in the TSS has a selector for no stack */
	lgdt	gdtr
	ljmp	$8, $1f
1:	lidt	idtr32
	movl	$FREE, %esp
	movl	$0x00080000, IDT32 + 6 * 8
	movl	$0x00008e00, IDT32 + 6 * 8 + 4
	movl	$0x00080000, IDT32 + 8 * 8
	movl	$0x00008e00, IDT32 + 8 * 8 + 4
	movl	$0x00080000, IDT32 + 10 * 8
	movl	$0x00008e00, IDT32 + 10 * 8 + 4
	movl	$FREE, TSS + 4
	movl	$8, TSS + 8
	movw	$0x28, %ax
	ltr	%ax
	movw	$0x23, %ax
	movw	%ax, %ds
	pushl	$0x23
	pushl	$FREE
	pushl	$2
	pushl	$0x1b
	pushl	$2f
	iret
2:	ud2
	.org 0x1240
/* 0x2240: paging on, with a 4 MiB page for what is here; the IDT is beyond it */
	movl	$0x83, PAGES
	movl	$PAGES, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x10, %eax
	movl	%eax, %cr4
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	lidt	idtr_away
	ud2
	.org 0x12a0
/* 0x22a0: ESP points to nothing once paging is on; the gates are good */
	lidt	idtr32
	movl	$0x00180000, IDT32 + 6 * 8
	movl	$0x00008e00, IDT32 + 6 * 8 + 4
	movl	$0x00180000, IDT32 + 8 * 8
	movl	$0x00008e00, IDT32 + 8 * 8 + 4
	movl	$0x00180000, IDT32 + 14 * 8
	movl	$0x00008e00, IDT32 + 14 * 8 + 4
	movl	$0x83, PAGES
	movl	$PAGES, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x10, %eax
	movl	%eax, %cr4
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	movl	$0x800000, %esp
	ud2
	.org 0x1340
/* 0x2340: the IDT ends in the middle of #GP's entry */
	lidt	idtr_short
	movw	$0x1000, %ax
	movw	%ax, %ds
	.org 0x1380
idtr32:
	.word	32 * 8 - 1
	.long	IDT32
	.org 0x1388
idtr_away:
	.word	32 * 8 - 1
	.long	0x12345000
	.org 0x1390
idtr_short:
	.word	13 * 8 + 3
	.long	IDT32
	.org 0x1398
gdtr:
	.word	6 * 8 - 1
	.long	gdt
	.org 0x13a0
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
	.word	0x67, TSS & 0xffff, 0x8900 | TSS >> 16, 0

	.org 0x2000
	.code64
/* 0x3000: empty IDT */
	lidt	EMPTY_IDT
	ud2
	.org 0x2040
/* 0x3040: a gate that isn't present, #NP's neither */
	lidt	idtr64
	movl	$0x00080000, IDT64 + 6 * 16
	movl	$0x00000e00, IDT64 + 6 * 16 + 4
	ud2
	.org 0x2080
/* 0x3080: the handler's segment is a 32-bit one */
	lidt	idtr64
	movl	$0x00180000, IDT64 + 6 * 16
	movl	$0x00008e00, IDT64 + 6 * 16 + 4
	ud2
	.org 0x20c0
/* 0x30c0: IST 1 is not canonical, and serves #SS and #DF as well */
	lidt	idtr64
	movabs	$0x00008e0100080000, %rax
	movq	%rax, IDT64 + 6 * 16
	movq	%rax, IDT64 + 8 * 16
	movq	%rax, IDT64 + 12 * 16
	movabs	$0x1234567800000000, %rax
	movq	%rax, 0x540 + 0x24
	ud2
	.org 0x2120
/* 0x3120: the IDT lies where the page tables map nothing */
	lidt	idtr64_away
	ud2
	.org 0x2140
/* 0x3140: the stack does; the gates are good */
	lidt	idtr64
	movabs	$0x00008e0000080000, %rax
	movq	%rax, IDT64 + 6 * 16
	movq	%rax, IDT64 + 8 * 16
	movq	%rax, IDT64 + 14 * 16
	movabs	$0x7000000000, %rsp
	ud2
	.org 0x21a0
/* 0x31a0: an instruction whose fault no dump tells: an MSR that isn't there */
	lidt	idtr64
	movl	$0xdeadbeef, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	.org 0x21e0
/* 0x31e0: a jump to an address that isn't canonical */
	lidt	EMPTY_IDT
	movabs	$0x800000000000, %rax
	jmp	*%rax
	.org 0x2220
/* 0x3220: a read where nothing is mapped, and no gate for #PF */
	lidt	idtr64
	movabs	$0x123456789000, %rbx
	movq	(%rbx), %rax
	.org 0x2260
/* 0x3260: #UD, gate of no type for it; #GP is delivered: no triple fault. OUT 42 ends it. */
	lidt	idtr64
	movl	$0x00083290, IDT64 + 13 * 16
	movl	$0x00008e00, IDT64 + 13 * 16 + 4
	jmp	3f
	.org 0x2290
	movb	$42, %al
	outb	%al, $0xf4
	hlt
3:	movl	$FREE, %esp
	ud2
	.org 0x22c0
idtr64:
	.word	32 * 16 - 1
	.quad	IDT64
	.org 0x22d0
idtr64_away:
	.word	32 * 16 - 1
	.quad	0x6000000000
	.org 0x3000
	.quad	0, 0
