/* SPDX-License-Identifier: MIT */
/*
 * Real mode, and what lies between it and protected mode: on CPUs without unrestricted
 * guest the emulator's work. DS, ES and SS are 0, FS is at the results.
 */
#include "guest.inc"

	.code16

	.macro VECTOR n, label
	movw	$\label, 4 * \n
	movw	$0, 4 * \n + 2
	.endm

/* Arithmetic of old: flags and results add up to one number. */
GUEST real_mix
	xor	%ebx, %ebx
	mov	$0x19, %al
	add	$0x28, %al
	daa
	movzx	%al, %ecx
	add	%ecx, %ebx		/* 0x47 */
	mov	$0x0905, %ax
	aad
	movzx	%ax, %ecx
	add	%ecx, %ebx		/* + 95 */
	mov	$123, %al
	aam
	movzx	%ax, %ecx
	add	%ecx, %ebx		/* + 0x0c03 */
	mov	$-7, %ax
	cwtd
	mov	$2, %cx
	idiv	%cx
	movzx	%dx, %ecx
	add	%ecx, %ebx		/* + 0xffff */
	mov	$0x12345678, %eax
	mov	$0x9abcdef0, %edx
	shld	$12, %edx, %eax
	bswap	%eax
	rol	$3, %eax
	xor	%eax, %ebx
	bsf	%ebx, %ecx
	bts	$31, %ecx
	RESULT16 0, %ebx
	RESULT16 1, %ecx
	END

/* ENTER, LEAVE, PUSHA, POPA, far calls and returns with arguments. */
GUEST real_frames
	push	$0x1234
	push	$0x5678
	lcall	$0, $real_frames_sub
	RESULT16 0, %ax
	RESULT16 1, %sp
	END
real_frames_sub:
	enter	$8, $1
	pusha
	mov	%sp, -4(%bp)
	popa
	mov	6(%bp), %ax
	add	8(%bp), %ax
	leave
	lret	$4

	/* BOUND's operands */
real_bounds:
	.word	1, 5

/* Faults through the vector table push the instruction's own address. */
GUEST real_faults
	VECTOR	0, real_fault
	VECTOR	5, real_fault
	VECTOR	6, real_fault
	VECTOR	13, real_fault
	xor	%bx, %bx
	xor	%cx, %cx
	mov	$1f, %si
1:	div	%cl			/* #DE */
	mov	$1f, %si
	mov	$9, %ax
1:	bound	%ax, real_bounds	/* #BR */
	mov	$1f, %si
1:	ud2				/* #UD */
	mov	$1f, %si
1:	mov	0xffff, %eax		/* #GP: beyond the limit */
	RESULT16 0, %bx
	END
	/* Counts a right address in BL, each call in BH; goes on behind the fault. */
real_fault:
	push	%bp
	mov	%sp, %bp
	cmp	2(%bp), %si
	jne	1f
	inc	%bl
1:	inc	%bh
	/* The four instructions have 2, 4, 2 and 4 bytes. */
	movzx	%bh, %di
	mov	%cs:real_lengths - 1(%di), %di
	and	$0xff, %di
	add	%di, 2(%bp)
	pop	%bp
	iret
real_lengths:
	.byte	2, 4, 2, 4, 0

/* TF: a trap behind each instruction, but none between POP SS and the next. */
GUEST real_step
	VECTOR	1, real_step_db
	xor	%bx, %bx
	pushf
	pop	%ax
	or	$0x100, %ax
	push	%ax
	popf
	nop
	nop
	push	%ss
	pop	%ss
	nop
	mov	%bx, %ax
	nop
	nop
	nop
	nop
	RESULT16 0, %ax
	RESULT16 1, %bx
	mov	%dr6, %eax
	and	$0x4000, %eax
	RESULT16 2, %eax
	END
	/* Ends it in the flags that it returns to. */
real_step_db:
	inc	%bx
	cmp	$6, %bx
	jne	1f
	push	%bp
	mov	%sp, %bp
	andw	$~0x100, 6(%bp)
	pop	%bp
1:	iret

/* STI's shadow: the interrupt that waits comes behind the next instruction. */
GUEST real_shadow
	VECTOR	0x20, real_shadow_irq
	call	real_pic
	xor	%bx, %bx
	STEP				/* IRQ 0 is raised */
	nop
	sti
	mov	$7, %bx
	nop
	cli
	RESULT16 0, %bx
	END
real_shadow_irq:
	shl	$4, %bx
	mov	$0x20, %al
	out	%al, $0x20
	iret

/* The master 8259 at vector 0x20, IRQ 0 alone. */
real_pic:
	mov	$0x11, %al
	out	%al, $0x20
	mov	$0x20, %al
	out	%al, $0x21
	mov	$4, %al
	out	%al, $0x21
	mov	$1, %al
	out	%al, $0x21
	mov	$0xfe, %al
	out	%al, $0x21
	ret

/* An NMI, and none while its handler runs. */
GUEST real_nmi
	VECTOR	2, real_nmi_entry
	xor	%bx, %bx
	STEP
	nop
	RESULT16 0, %bx
	END
real_nmi_entry:
	inc	%bx
	cmp	$1, %bx
	jne	1f
	STEP				/* another one, which waits for the IRET */
	nop
	mov	%bx, %ax
	RESULT16 1, %ax
1:	iret

/* Unreal mode: limits that protected mode has set stay. */
GUEST real_unreal
	cli
	lgdtl	real_gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$SEL_DATA, %bx
	mov	%bx, %ds
	and	$~1, %al
	mov	%eax, %cr0
	xor	%bx, %bx
	mov	%bx, %ds
	mov	$G_DATA + 0x10000, %esi
	addr32 movl $0xfeedbeef, (%esi)
	addr32 mov (%esi), %eax
	RESULT16 0, %eax
	END
	.balign 4
real_gdtr:
	.word	SEL_LDT + 15
	.long	G_GDT

/* Back and forth between real and 32-bit protected mode. */
GUEST real_switch
	cli
	mov	$50, %bp
	xor	%edi, %edi
1:	lgdtl	real_gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $real_switch32
	.code32
real_switch32:
	mov	$SEL_DATA, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	inc	%edi
	mov	%edi, G_DATA
	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	ljmp	$SEL_CODE16, $real_switch16
	.code16
real_switch16:
	mov	%cr0, %eax
	and	$~1, %al
	mov	%eax, %cr0
	ljmp	$0, $real_switch_back
real_switch_back:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	dec	%bp
	jnz	1b
	RESULT16 0, %edi
	smsw	%ax
	and	$1, %ax
	RESULT16 1, %ax
	END

/* A stack segment with an RPL that no protected mode takes: kept until it is loaded. */
GUEST real_odd_segments
	cli
	mov	$0x2003, %ax
	mov	%ax, %ss
	mov	$0x100, %sp
	lgdtl	real_gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	push	$0x1111			/* protected mode, segments of real mode */
	pop	%bx
	sldt	%cx
	mov	$SEL_DATA16, %dx
	mov	%dx, %ss
	mov	$0x3000, %sp
	and	$~1, %al
	mov	%eax, %cr0
	RESULT16 0, %bx
	RESULT16 1, %cx
	xor	%ax, %ax
	mov	%ax, %ss
	END

/* What start-up code asks of the x87 unit. */
GUEST real_fpu
	fninit
	fnstcw	real_fpu_word
	mov	real_fpu_word, %ax
	RESULT16 0, %ax
	fnstsw	%ax
	RESULT16 1, %ax
	orw	$0x0c00, real_fpu_word
	fldcw	real_fpu_word
	fwait
	fnstcw	real_fpu_word
	mov	real_fpu_word, %ax
	RESULT16 2, %ax
	mov	%cr0, %eax
	or	$8, %al			/* TS */
	mov	%eax, %cr0
	VECTOR	7, real_fpu_nm
	xor	%bx, %bx
	fnstsw	%ax
	RESULT16 3, %bx
	END
real_fpu_nm:
	inc	%bx
	clts
	iret
	.balign 2
real_fpu_word:
	.word	0

/* REP with 64 KiB of wrap, string compares, and INS to a segment of its own. */
GUEST real_strings
	mov	$G_DATA >> 4, %ax
	mov	%ax, %es
	mov	$0xfffe, %di
	mov	$0x5a, %al
	mov	$4, %cx
	cld
	rep stosb
	RESULT16 0, %di
	mov	$1, %di
	mov	$10, %cx
	repe scasb
	RESULT16 1, %cx
	xor	%di, %di
	mov	$3, %cx
	mov	$0x80, %dx
	rep insw
	mov	%es:4, %ax
	RESULT16 2, %ax
	mov	%es, %ax
	mov	%ax, %ds
	xor	%si, %si
	mov	$2, %cx
	rep outsw
	xor	%ax, %ax
	mov	%ax, %ds
	END

/* RDMSR, WRMSR, CPUID, RDTSC. */
GUEST real_msr
	mov	$0x277, %ecx		/* PAT */
	mov	$0x00070406, %eax
	mov	%eax, %edx
	wrmsr
	xor	%eax, %eax
	rdmsr
	RESULT16 0, %eax
	xor	%eax, %eax
	cpuid
	test	%eax, %eax
	setnz	%al
	movzx	%al, %eax
	RESULT16 1, %eax
	rdtsc
	mov	%eax, %ebx
	rdtsc
	sub	%ebx, %eax
	seta	%al
	movzx	%al, %eax
	RESULT16 2, %eax
	END

/* Interrupts beyond the table's limit end in a shutdown. */
GUEST real_triple
	lidtl	real_no_idt
	int	$3
	END
	.balign 4
real_no_idt:
	.word	0
	.long	0
