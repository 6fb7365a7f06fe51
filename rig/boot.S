/* SPDX-License-Identifier: MIT */
/*
 * An option ROM that starts Linux in Bochs without a disk, a boot loader or
 * decompression. The BIOS calls it at its end, in real mode; the shim (shim.c) puts
 * the kernel, its initramfs and the page at LOW into RAM; what is left is to ask the
 * BIOS for the memory map and enter the kernel as Documentation/x86/boot.rst,
 * "64-bit Boot Protocol", wants it.
 *
 * LOW holds, as bochs.py lays it out: boot_params, command line (0x1000), and at
 * 0x2000 page tables that map the low 4 GiB onto themselves.
 *
 * Assembled for any address: absolute addresses are spelled ROM + offset.
 */
#include "rigcall.h"

#define ROM		0xd0000
#define LOW		0x60000
#define LOW_PAGE_TABLES	(LOW + 0x2000)
#define KERNEL		0x1000000	/* startup_64 */
#define BP_E820_ENTRIES	0x1e8
#define BP_E820_TABLE	0x2d0
#define E820_MAX	128

#define MSR_EFER		0xc0000080

#define AT(sym) (ROM + sym - _start)

	.text
	.code16
	.globl _start
_start:
	.byte 0x55, 0xaa, ROM_SIZE / 512
	jmp entry
	.org _start + 0x18
	.word 0, 0			/* no PCI data, no PnP header */

	.balign 4
entry:
	cli
	cld
	movb $RIG_LOAD, %al
	outb %al, $0xe9

	movw $(LOW >> 4), %ax
	movw %ax, %es
	movw $BP_E820_TABLE, %di
	xorl %ebx, %ebx
	xorw %bp, %bp
next_range:
	movl $0xe820, %eax
	movl $0x534d4150, %edx		/* "SMAP" */
	movl $20, %ecx
	int $0x15
	jc ranges_done
	incw %bp
	addw $20, %di
	cmpw $E820_MAX, %bp
	je ranges_done
	testl %ebx, %ebx
	jnz next_range
ranges_done:
	cli
	movw %bp, %ax
	movb %al, %es:BP_E820_ENTRIES

	inb $0x92, %al			/* A20 */
	orb $2, %al
	outb %al, $0x92
	movb $0xff, %al			/* no interrupts from the 8259s */
	outb %al, $0x21
	outb %al, $0xa1

	lgdtl %cs:(gdt_pointer - _start)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $0x08, $AT(protected)

	.code32
protected:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss

	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $LOW_PAGE_TABLES, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $0x100, %eax		/* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80000001, %eax
	movl %eax, %cr0
	ljmpl $0x10, $AT(start_kernel)

	.code64
start_kernel:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $LOW, %esi
	movl $KERNEL, %eax
	jmp *%rax

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9a000000ffff	/* 0x08 32-bit code */
	.quad 0x00af9a000000ffff	/* 0x10 64-bit code: Linux's __BOOT_CS */
	.quad 0x00cf92000000ffff	/* 0x18 data: __BOOT_DS */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long AT(gdt)

	.org _start + ROM_SIZE - 1
	.byte 0				/* the checksum: rules.mk */
