/* SPDX-License-Identifier: MIT */
/* Port I/O that reaches user space. */
#include "guest.inc"

	.code64
GUEST out_sizes
	mov	$0x11223344, %eax
	out	%al, $0x80
	out	%ax, $0x80
	out	%eax, $0x80
	mov	$0x3456, %dx
	out	%al, %dx
	mov	$0xffff, %dx
	out	%al, %dx
	END

/* IN of 1 and 2 bytes leaves the rest of RAX, of 4 bytes clears the upper half. */
GUEST in_sizes
	mov	$0x1122334455667788, %rbx
	mov	%rbx, %rax
	in	$0x80, %al
	RESULT 0, %rax
	mov	%rbx, %rax
	in	$0x80, %ax
	RESULT 1, %rax
	mov	%rbx, %rax
	in	$0x80, %eax
	RESULT 2, %rax
	END

GUEST rep_outsb
	movl	$0x64636261, G_DATA
	movl	$0x68676665, G_DATA + 4
	mov	$G_DATA, %esi
	mov	$5, %ecx
	mov	$0x80, %dx
	cld
	rep outsb
	RESULT 0, %rsi
	RESULT 1, %rcx
	END

GUEST rep_outs_backward
	movl	$0x11223344, G_DATA
	movl	$0x55667788, G_DATA + 4
	mov	$G_DATA + 4, %esi
	mov	$2, %ecx
	mov	$0x80, %dx
	std
	rep outsl
	RESULT 0, %rsi
	mov	$G_DATA + 2, %esi
	mov	$2, %ecx
	rep outsw
	cld
	RESULT 1, %rsi
	END

GUEST rep_insw
	mov	$0, %rax
	mov	%rax, G_DATA
	mov	$G_DATA, %edi
	mov	$3, %ecx
	mov	$0x80, %dx
	cld
	rep insw
	RESULT 0, %rdi
	RESULT 1, %rcx
	mov	G_DATA, %rax
	RESULT 2, %rax
	END

GUEST rep_ins_backward
	mov	$0, %rax
	mov	%rax, G_DATA
	mov	$G_DATA + 3, %edi
	mov	$4, %ecx
	mov	$0x80, %dx
	std
	rep insb
	cld
	RESULT 0, %rdi
	mov	G_DATA, %rax
	RESULT 1, %rax
	END

GUEST rep_zero
	mov	$0x1234, %esi
	mov	%esi, %edi
	xor	%ecx, %ecx
	mov	$0x80, %dx
	rep outsb
	rep insl
	RESULT 0, %rsi
	RESULT 1, %rdi
	END

/* INS across a page boundary. */
GUEST ins_across
	mov	$G_DATA + 0xffe, %edi
	mov	$0x80, %dx
	cld
	insl
	mov	G_DATA + 0xffe, %eax
	RESULT 0, %rax
	RESULT 1, %rdi
	END

/* Five thousand words in, across pages at an odd address, and out again. */
GUEST string_pages
	mov	$G_DATA + 1, %edi
	mov	$5000, %ecx
	mov	$0x80, %dx
	cld
	rep insw
	RESULT 0, %rdi
	RESULT 1, %rcx
	mov	$G_DATA + 1, %esi
	mov	$5000, %ecx
	rep outsw
	RESULT 2, %rsi
	RESULT 3, %rcx
	END

/* INS to a page that is not there: #PF. */
GUEST ins_fault
	mov	$0x80, %dx
	mov	$0x40000000000, %rdi
	FAULTS insb
	END

/* The STI shadow's instruction is an OUT: it does not repeat or vanish. */
GUEST out_loop
	mov	$100, %ecx
1:	mov	%ecx, %eax
	out	%al, $0x80
	loop	1b
	END

	.code16
GUEST real_outsb
	movw	$0x4241, 0xf000
	mov	$0xf000, %si
	mov	$2, %cx
	mov	$0x80, %dx
	cld
	rep outsb
	RESULT16 0, %si
	END

/* DI wraps within a page. */
GUEST real_ins_wraps
	mov	$0x8001, %ax
	mov	%ax, %es
	mov	$0xfffc, %di
	mov	$4, %cx
	mov	$0x80, %dx
	cld
	rep insw
	RESULT16 0, %di
	mov	%es:0xfffc, %ax
	RESULT16 1, %ax
	mov	%es:0xfffe, %ax
	RESULT16 2, %ax
	mov	%es:0, %ax
	RESULT16 3, %ax
	mov	%es:2, %ax
	RESULT16 4, %ax
	END

/* With ES and a segment override, base not 0. */
GUEST real_segments
	mov	$0x0f10, %ax
	mov	%ax, %es
	mov	$2, %di
	mov	$0x80, %dx
	cld
	insw
	mov	%es:2, %ax
	RESULT16 0, %ax
	mov	$2, %si
	outsw	%es:(%si), (%dx)
	END

	.code32
GUEST prot_ins
	mov	$G_DATA, %edi
	mov	$0x80, %dx
	mov	$2, %ecx
	cld
	rep insl
	mov	G_DATA + 4, %eax
	RESULT 0, %eax
	END

	.code64
/* CPL 3 and IOPL 0, no bit map in the TSS: #GP(0). */
GUEST user_io
	pushq	$SEL_USERDATA
	pushq	$G_STACK_USER
	pushq	$2
	pushq	$SEL_USER64
	pushq	$1f
	iretq
1:	TRY	user_io_end
	out	%al, $0x80
	ud2
user_io_end:
	/* END needs ring 0: let the harness see a write instead. */
	mov	$MMIO_HOLE, %eax
	movl	$1, (%rax)
	jmp	.
