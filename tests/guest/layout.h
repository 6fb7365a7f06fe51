/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a test guest's memory, for C and for assembler. All below
 * 4 MiB, which is what a test guest has by default.
 */
#ifndef TESTS_GUEST_LAYOUT_H
#define TESTS_GUEST_LAYOUT_H

#define G_CODE		0x1000		/* the blob: below 64 KiB for real mode */
#define G_GDT		0x10000
#define G_IDT64		0x11000
#define G_IDT32		0x12000
#define G_TSS64		0x13000
#define G_TSS32		0x13800
#define G_PML4		0x20000
#define G_PDPT		0x21000
#define G_PD		0x22000		/* four pages: identity, 2 MiB pages, 4 GiB */
#define G_PAE_PDPT	0x26000
#define G_PD32		0x27000		/* 4 MiB pages */
#define G_TABLES	0x30000		/* for the tests' own tables */
#define G_STACK		0x60000		/* tops of stacks */
#define G_STACK_DF	0x64000
#define G_STACK_R0	0x68000
#define G_STACK_USER	0x6c000
#define G_IS_AMD	0x6f000		/* 1: AMD-V */
#define G_RESULTS	0x70000		/* 64 results of 64 bits */
#define G_EXC		0x71000		/* what the exception handlers leave */
#define G_IRQ		0x72000		/* what the interrupt handlers leave */
#define G_DATA		0x80000
#define G_RAM		0x400000

/* At G_EXC */
#define EXC_COUNT	(G_EXC + 0x00)
#define EXC_FIXUP	(G_EXC + 0x08)	/* go on there after the exception */
#define EXC_RIP		(G_EXC + 0x10)	/* of the latest */
#define EXC_CR2		(G_EXC + 0x18)
#define EXC_FLAGS	(G_EXC + 0x20)
#define EXC_DR6		(G_EXC + 0x28)
#define EXC_LOG		(G_EXC + 0x100)	/* 64 x (vector | error << 8) */

/* At G_IRQ */
#define IRQ_TOTAL	(G_IRQ + 0x00)
#define IRQ_EOI		(G_IRQ + 0x08)	/* EOI_* */
#define IRQ_LAST	(G_IRQ + 0x10)
#define IRQ_RIP		(G_IRQ + 0x18)
#define IRQ_COUNTS	(G_IRQ + 0x100)	/* 256 x 64 bits, by vector */

#define EOI_XAPIC	1
#define EOI_X2APIC	2
#define EOI_PIC		4
#define EOI_PIC2	8

/* Ports by which guests speak to the harness */
#define PORT_END	0xf4		/* the guest is done */
#define PORT_BAD	0xf5		/* an exception that nobody waited for */
#define PORT_STEP	0xf6		/* the host side is to do its next step */

/* Selectors */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_USER32	0x1b
#define SEL_USERDATA	0x23
#define SEL_USER64	0x2b
#define SEL_CODE32	0x30
#define SEL_CODE16	0x38
#define SEL_DATA16	0x40
#define SEL_TSS64	0x48
#define SEL_TSS32	0x58
#define SEL_LDT		0x60

/* Guest-physical addresses with no memory: MMIO to user space */
#define MMIO_HOLE	0xd0000000

#endif
