/* SPDX-License-Identifier: MIT */
/* The first things that a guest does. */
#include "guest.inc"

	.code16
GUEST real_sum
	mov	$40, %ax
	add	$2, %ax
	RESULT16 0, %ax
	mov	%cs, %ax
	RESULT16 1, %ax
	END

/* From reset-like real mode through protected mode to long mode. */
GUEST climb
	cli
	lgdtl	climb_gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $climb32
	.code32
climb32:
	mov	$SEL_DATA, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$G_STACK, %esp
	movl	$32, G_RESULTS
	mov	$G_PML4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax
	mov	%eax, %cr0
	rdmsr
	mov	%eax, G_RESULTS + 8
	ljmp	$SEL_CODE64, $climb64
	.code64
climb64:
	mov	$0x1122334455667788, %rax
	RESULT 2, %rax
	/* And all the way down again. */
	pushq	$SEL_CODE32
	pushq	$descend32
	lretq
	.code32
descend32:
	mov	%cr0, %eax
	and	$0x7fffffff, %eax
	mov	%eax, %cr0
	mov	$0xc0000080, %ecx
	rdmsr
	mov	%eax, G_RESULTS + 24
	and	$~0x100, %eax
	wrmsr
	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	ljmp	$SEL_CODE16, $descend16
	.code16
descend16:
	mov	%cr0, %eax
	and	$~1, %al
	mov	%eax, %cr0
	ljmp	$0, $descend_real
descend_real:
	mov	$G_RESULTS >> 4, %ax
	mov	%ax, %fs
	mov	$0xfff0, %sp
	mov	$16, %ax
	RESULT16 4, %ax
	END
	.balign 4
climb_gdtr:
	.word	SEL_LDT + 15
	.long	G_GDT

	.code32
GUEST prot_sum
	mov	$0x12345678, %eax
	add	$0x11111111, %eax
	RESULT 0, %eax
	mov	%cr0, %eax
	and	$0x80000001, %eax
	RESULT 1, %eax
	END

	.code64
GUEST long_sum
	mov	$0x1234567812345678, %rax
	mov	$0x1111111111111111, %rbx
	add	%rbx, %rax
	RESULT 0, %rax
	mov	$0xc0000080, %ecx
	rdmsr
	and	$0x500, %eax
	RESULT 1, %rax
	END

GUEST halt
	hlt
	END

/* Every general-purpose register survives an exit. */
GUEST registers
	mov	$0x0101010101010101, %rcx
	.irp r, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	lea	0x1234(%rcx, %rcx), %\r
	rol	$7, %\r
	mov	%\r, %rcx
	.endr
	mov	$0xabcdef, %rcx
	mov	$0x80, %al
	STEP
	mov	%rcx, G_RESULTS + 120
	mov	$0x0101010101010101, %rcx
	mov	$0, %eax
	.irp r, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov	%\r, G_RESULTS + 128
	lea	0x1234(%rcx, %rcx), %rcx
	rol	$7, %rcx
	cmp	%rcx, G_RESULTS + 128
	jne	1f
	inc	%eax
	.endr
1:	RESULT 0, %rax
	END

GUEST cpuid_custom
	mov	$-1, %rax
	mov	%rax, %rbx
	mov	%rax, %rcx
	mov	%rax, %rdx
	mov	$0x40000010, %eax
	xor	%ecx, %ecx
	cpuid
	RESULT 0, %rax
	RESULT 1, %rbx
	RESULT 2, %rcx
	RESULT 3, %rdx
	mov	$0xd, %eax
	mov	$2, %ecx
	cpuid
	RESULT 4, %rax
	mov	$0xd, %eax
	mov	$3, %ecx
	cpuid
	RESULT 5, %rax
	END

/* Leaf 1 tells of CR4.OSXSAVE as it is at the moment. */
GUEST cpuid_osxsave
	mov	$1, %eax
	cpuid
	shr	$27, %ecx
	and	$1, %ecx
	RESULT 0, %rcx
	mov	%cr4, %rax
	bts	$18, %rax
	mov	%rax, %cr4
	mov	$1, %eax
	cpuid
	shr	$27, %ecx
	and	$1, %ecx
	RESULT 1, %rcx
	END

	.macro HYPERCALL
	cmpb	$0, G_IS_AMD
	jne	1f
	vmcall
	jmp	2f
1:	vmmcall
2:
	.endm

GUEST hypercall
	mov	$0x1234567, %eax
	mov	$0x55, %ebx
	HYPERCALL
	RESULT 0, %rax
	RESULT 1, %rbx
	END

/* Both vendors' instructions, and the foreign one once more across pages. */
GUEST both_hypercalls
	mov	$0x1234567, %eax
	.globl	g_at_vmcall, g_at_vmmcall
g_at_vmcall:
	vmcall
	RESULT 0, %rax
	mov	$0x1234567, %eax
g_at_vmmcall:
	vmmcall
	RESULT 1, %rax
	mov	$G_DATA + 0xffe, %edx
	movl	$0xc3d9010f, (%rdx)	/* VMMCALL, RET */
	cmpb	$0, G_IS_AMD
	je	1f
	movl	$0xc3c1010f, (%rdx)	/* VMCALL, RET */
1:	mov	$0x1234567, %eax
	call	*%rdx
	RESULT 2, %rax
	FAULTS	ud2
	FAULTS	.byte 0x0f, 0x01, 0xc2	/* VMLAUNCH */
	END

GUEST many_exits
	mov	$5000, %r15d
	xor	%r14d, %r14d
1:	xor	%eax, %eax
	cpuid
	add	%rbx, %r14
	inc	%r13
	dec	%r15d
	jnz	1b
	RESULT 0, %r13
	END
