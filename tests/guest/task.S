/* SPDX-License-Identifier: MIT */
/*
 * Task switches, in 32-bit protected mode. The new task's TSS lies at NEW and has
 * the selector SEL_NEW; the old one's is the machine's own. task.c makes both.
 */
#include "guest.inc"

#define NEW		G_TABLES
#define SEL_NEW		0x80
#define OLD		G_TSS32
/* Offsets in a TSS of 32 bits */
#define TSS_CR3		0x1c
#define TSS_EIP		0x20
#define TSS_EFLAGS	0x24
#define TSS_EBX		0x34
#define TSS_ESP		0x38
#define TSS_ES		0x48
#define TSS_CS		0x4c
#define TSS_SS		0x50
#define TSS_DS		0x54
#define TSS_FS		0x58
#define TSS_TRAP	0x64
#define TSS_16_IP	0x0e
#define TSS_16_FLAGS	0x10
#define TSS_16_SP	0x1a
#define TSS_16_ES	0x22

	.macro OLD_BUSY
	mov	$SEL_TSS32, %eax
	ltr	%ax
	mov	%cr3, %eax
	mov	%eax, OLD + TSS_CR3
	mov	%eax, NEW + TSS_CR3
	.endm

	/* A selector of this task, as the other has left it: 0 means nobody did. */
	.macro NEW_TASK eip
	movl	$\eip, NEW + TSS_EIP
	movl	$2, NEW + TSS_EFLAGS
	movl	$G_STACK_R0, NEW + TSS_ESP
	movl	$SEL_DATA, NEW + TSS_ES
	movl	$SEL_CODE32, NEW + TSS_CS
	movl	$SEL_DATA, NEW + TSS_SS
	movl	$SEL_DATA, NEW + TSS_DS
	.endm

	.macro RESULT_BYTE i, at
	movzbl	\at, %eax
	RESULT	\i, %eax
	.endm

	.code32
/* There by JMP, and back: busy flags, TS, registers, what was saved. */
GUEST task_jmp
	OLD_BUSY
	NEW_TASK task_jmp_new
	mov	$0x1111, %ebx
	movl	$0x2222, NEW + TSS_EBX
	clts
	ljmp	$SEL_NEW, $0
task_jmp_old:
	RESULT	6, %ebx
	str	%eax
	RESULT	7, %eax
	RESULT_BYTE 8, G_GDT + SEL_NEW + 5
	RESULT_BYTE 9, G_GDT + SEL_TSS32 + 5
	END
task_jmp_new:
	RESULT	0, %ebx
	str	%eax
	RESULT	1, %eax
	RESULT_BYTE 2, G_GDT + SEL_TSS32 + 5
	RESULT_BYTE 3, G_GDT + SEL_NEW + 5
	mov	%cr0, %eax
	and	$8, %eax
	RESULT	4, %eax
	mov	OLD + TSS_EIP, %eax
	sub	$task_jmp_old, %eax
	RESULT	5, %eax
	ljmp	$SEL_TSS32, $0

/* By CALL, and back by IRET: the link, NT. Then again, to where the task stopped. */
GUEST task_call
	OLD_BUSY
	NEW_TASK task_call_new
	lcall	$SEL_NEW, $0
	pushf
	pop	%eax
	and	$0x4000, %eax
	RESULT	3, %eax
	RESULT_BYTE 4, G_GDT + SEL_NEW + 5
	RESULT_BYTE 5, G_GDT + SEL_TSS32 + 5
	lcall	$SEL_NEW, $0
	RESULT	6, %ecx
	END
task_call_new:
	pushf
	pop	%eax
	and	$0x4000, %eax
	RESULT	0, %eax
	movzwl	NEW, %eax
	RESULT	1, %eax
	RESULT_BYTE 2, G_GDT + SEL_TSS32 + 5
	iret
	mov	OLD + TSS_EFLAGS, %ecx
	and	$0x4000, %ecx
	mov	$0x77, %ecx
	mov	%ecx, OLD + 0x2c	/* its ECX */
	iret

/* A fault with an error code through a task gate, mended there. */
GUEST task_gate_fault
	OLD_BUSY
	NEW_TASK task_gate_fault_new
	movl	$SEL_NEW << 16, G_IDT32 + 8 * 13
	movl	$0x8500, G_IDT32 + 8 * 13 + 4
	mov	$0xff0, %eax
	mov	%eax, %es
	RESULT	2, %ecx
	END
task_gate_fault_new:
	pop	%eax
	RESULT	0, %eax
	RESULT	1, %esp
	movl	$SEL_DATA, OLD + 0x28	/* its EAX */
	mov	OLD + TSS_EFLAGS, %eax
	and	$0x10000, %eax		/* RF */
	RESULT	3, %eax
	movl	$0x55, OLD + 0x2c
	iret

/* INT n through a task gate goes on behind the instruction. */
GUEST task_gate_int
	OLD_BUSY
	NEW_TASK task_gate_int_new
	movl	$SEL_NEW << 16, G_IDT32 + 8 * 0x40
	movl	$0x8500, G_IDT32 + 8 * 0x40 + 4
	int	$0x40
	RESULT	1, %ecx
	END
task_gate_int_new:
	RESULT	0, %esp
	movl	$0x66, OLD + 0x2c
	iret

/* A task of 16 bits, and back. */
GUEST task_16
	OLD_BUSY
	movw	$task_16_new, NEW + TSS_16_IP
	movw	$2, NEW + TSS_16_FLAGS
	movw	$0x8000, NEW + TSS_16_SP
	movw	$SEL_DATA, NEW + TSS_16_ES
	movw	$SEL_CODE16, NEW + TSS_16_ES + 2
	movw	$SEL_DATA16, NEW + TSS_16_ES + 4
	movw	$SEL_DATA, NEW + TSS_16_ES + 6
	lcall	$SEL_NEW, $0
	RESULT	3, %ecx
	RESULT_BYTE 4, G_GDT + SEL_NEW + 5
	movzwl	NEW + TSS_16_SP, %eax
	RESULT	5, %eax
	END
	.code16
task_16_new:
	str	%eax
	addr32 mov %eax, G_RESULTS
	mov	%fs, %eax
	addr32 mov %eax, G_RESULTS + 8
	push	%ax
	mov	%cs, %eax
	addr32 mov %eax, G_RESULTS + 16
	addr32 movl $0x99, OLD + 0x2c
	iret
	.code32

/* Refused before anything happens: the fault is the old task's. */
GUEST task_refused
	OLD_BUSY
	FAULTS	ljmp $SEL_DATA + 0x400, $0	/* beyond the GDT */
	FAULTS	ljmp $SEL_TSS32, $0		/* busy */
	movb	$0x09, G_GDT + SEL_NEW + 5	/* not present */
	FAULTS	ljmp $SEL_NEW, $0
	movb	$0x89, G_GDT + SEL_NEW + 5
	movw	$0x66, G_GDT + SEL_NEW		/* limit */
	FAULTS	lcall $SEL_NEW, $0
	movw	$0x67, G_GDT + SEL_NEW
	str	%eax
	RESULT	0, %eax
	RESULT_BYTE 1, G_GDT + SEL_NEW + 5
	END

/* Past the commit: the fault is the new task's, which is mended by the handler. */
GUEST task_bad_segment
	OLD_BUSY
	NEW_TASK task_bad_new
	movl	$SEL_USERDATA, NEW + TSS_DS	/* RPL 3, CPL 0: fine */
	movl	$0xff0, NEW + TSS_FS		/* beyond the GDT: #TS */
	TRY	task_bad_new
	ljmp	$SEL_NEW, $0
task_bad_new:
	movl	$0, %ss:EXC_FIXUP
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	str	%eax
	RESULT	0, %eax
	mov	%esp, %eax
	RESULT	1, %eax
	mov	%fs, %eax
	RESULT	2, %eax
	END

/* The T flag: a debug trap before the new task's first instruction. */
GUEST task_trap
	OLD_BUSY
	NEW_TASK task_trap_new
	movl	$1, NEW + TSS_TRAP
	TRY	task_trap_new
	xor	%eax, %eax
	mov	%eax, %dr6
	ljmp	$SEL_NEW, $0
task_trap_new:
	mov	%dr6, %eax
	and	$0x8000, %eax
	RESULT	0, %eax
	END
