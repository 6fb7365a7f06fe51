/* SPDX-License-Identifier: MIT */
/* Control registers, MSRs, floating point, debug registers, segments, paging. */
#include "guest.inc"

	.macro RDMSR64 msr		/* to RAX */
	mov	$\msr, %ecx
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	.endm

	.macro WRRD i, msr, value
	WRMSR_	\msr, \value
	RDMSR64	\msr
	RESULT	\i, %rax
	.endm

	.code64
GUEST cpu_cr0_bad
	mov	%cr0, %rbx
	mov	%rbx, %rax
	btr	$0, %rax		/* PG without PE */
	FAULTS	mov %rax, %cr0
	mov	%rbx, %rax
	bts	$29, %rax		/* NW without CD */
	FAULTS	mov %rax, %cr0
	mov	%rbx, %rax
	bts	$40, %rax		/* bits 63:32 */
	FAULTS	mov %rax, %cr0
	mov	%rbx, %rax
	btr	$31, %rax		/* PG off in 64-bit mode */
	FAULTS	mov %rax, %cr0
	mov	%cr0, %rax
	cmp	%rbx, %rax
	sete	%al
	movzx	%al, %eax
	RESULT	0, %rax
	END

GUEST cpu_cr0
	mov	%cr0, %rbx
	mov	%rbx, %rax
	or	$0x40000000, %eax	/* CD: allowed */
	mov	%rax, %cr0
	mov	%cr0, %rax
	shr	$30, %eax
	and	$1, %eax
	RESULT	0, %rax
	mov	%rbx, %cr0
	smsw	%rax
	and	$0xffff, %eax
	mov	%ebx, %ecx
	and	$0xffff, %ecx
	sub	%ecx, %eax
	RESULT	1, %rax
	mov	$0x3b, %eax		/* TS by LMSW */
	lmsw	%ax
	mov	%cr0, %rax
	and	$9, %eax
	RESULT	2, %rax
	clts
	mov	$0x30, %eax		/* PE can't be cleared by it */
	lmsw	%ax
	mov	%cr0, %rax
	and	$9, %eax
	RESULT	3, %rax
	END

GUEST cpu_cr4
	mov	%cr4, %rbx
	mov	%rbx, %rax
	btr	$5, %rax		/* PAE may not go in long mode */
	FAULTS	mov %rax, %cr4
	mov	%rbx, %rax
	bts	$15, %rax		/* reserved */
	FAULTS	mov %rax, %cr4
	mov	%rbx, %rax
	bts	$35, %rax
	FAULTS	mov %rax, %cr4
	mov	%rbx, %rax
	bts	$7, %rax		/* PGE */
	bts	$2, %rax		/* DE */
	mov	%rax, %cr4
	mov	%cr4, %rcx
	sub	%rax, %rcx
	RESULT	0, %rcx
	mov	%rbx, %cr4
	END

GUEST cpu_efer
	RDMSR64	0xc0000080
	mov	%rax, %rbx
	xor	%edx, %edx
	bts	$1, %eax		/* reserved */
	FAULTS	wrmsr
	mov	%ebx, %eax
	btr	$8, %eax		/* LME while paging */
	FAULTS	wrmsr
	mov	%ebx, %eax
	bts	$0, %eax		/* SCE */
	bts	$11, %eax		/* NXE */
	wrmsr
	RDMSR64	0xc0000080
	sub	%rbx, %rax
	RESULT	0, %rax
	END

GUEST cpu_cr3_bad
	mov	%cr3, %rax
	bts	$60, %rax
	FAULTS	mov %rax, %cr3
	END

GUEST cpu_cr3_cr8
	mov	$16, %eax
	FAULTS	mov %rax, %cr8
	mov	%cr3, %rax
	RESULT	0, %rax
	mov	$9, %eax
	mov	%rax, %cr8
	xor	%eax, %eax
	mov	%cr8, %rax
	RESULT	1, %rax
	mov	$0x1234567, %rax
	mov	%rax, %cr2
	xor	%eax, %eax
	cpuid
	mov	%cr2, %rax
	RESULT	2, %rax
	FAULTS	.byte 0x0f, 0x22, 0xc8	/* MOV to CR1 */
	END

GUEST cpu_cr8_lowered
	mov	$9, %eax
	mov	%rax, %cr8
	mov	$3, %eax
	mov	%rax, %cr8
	mov	%cr8, %rax
	RESULT	0, %rax
	END

GUEST cpu_msr_known
	WRRD	0, 0xc0000081, 0x0018000800000000	/* STAR */
	WRRD	1, 0xc0000082, 0xffff800012345678	/* LSTAR */
	WRRD	2, 0xc0000083, 0x0000700012345678	/* CSTAR */
	WRRD	3, 0xc0000084, 0x47700			/* SFMASK */
	WRRD	4, 0xc0000102, 0xffff88880000ff00	/* KERNEL_GS_BASE */
	WRRD	5, 0xc0000100, 0x0000123412345678	/* FS_BASE */
	WRRD	6, 0xc0000101, 0xffffa00012345678	/* GS_BASE */
	WRRD	7, 0x174, 0x10				/* SYSENTER_CS */
	WRRD	8, 0x175, 0x12345678			/* SYSENTER_ESP */
	WRRD	9, 0x176, 0x23456789			/* SYSENTER_EIP */
	WRRD	10, 0x277, 0x0007040600070406		/* PAT */
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	RDMSR64	0xc0000082
	RESULT	11, %rax
	RDMSR64	0xc0000100
	RESULT	12, %rax
	END

GUEST cpu_msr_bad
	mov	$0x12345678, %ecx
	FAULTS	rdmsr
	mov	EXC_COUNT, %rbx
	RESULT	0, %rbx
	FAULTS	wrmsr
	mov	EXC_COUNT, %rbx
	RESULT	1, %rbx
	mov	$0x277, %ecx		/* memory type 2 in PAT */
	mov	$2, %eax
	xor	%edx, %edx
	FAULTS	wrmsr
	mov	EXC_COUNT, %rbx
	RESULT	2, %rbx
	mov	$0x1b, %ecx		/* reserved bits of APIC_BASE */
	mov	$-1, %edx
	mov	$0x900, %eax
	FAULTS	wrmsr
	mov	EXC_COUNT, %rbx
	RESULT	3, %rbx
	mov	$0x802, %ecx		/* x2APIC MSR in xAPIC mode */
	FAULTS	rdmsr
	mov	EXC_COUNT, %rbx
	RESULT	4, %rbx
	END

GUEST cpu_msr_canonical
	xor	%eax, %eax
	mov	$0x80000000, %edx
	xor	%ebx, %ebx
	.irp msr, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102, 0x175, 0x176
	mov	$\msr, %ecx
	FAULTS	wrmsr
	add	%rbx, %rbx
	add	EXC_COUNT, %rbx
	movq	$0, EXC_COUNT
	.endr
	RESULT	0, %rbx
	END

GUEST cpu_msr_user
	RDMSR64	0xc0000102
	RESULT	0, %rax
	RDMSR64	0xc0000081
	RESULT	1, %rax
	WRMSR_	0xc0000102, 0x0000222233334444
	WRMSR_	0xc0000100, 0x5555666677
	END

GUEST cpu_tsc
	mov	$2000, %r15d
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, %rbx
	xor	%r14d, %r14d
1:	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	cmp	%rbx, %rax
	jae	2f
	inc	%r14d
2:	mov	%rax, %rbx
	test	$0xff, %r15d
	jnz	3f
	xor	%eax, %eax
	mov	%rbx, %r13
	cpuid
	mov	%r13, %rbx
3:	dec	%r15d
	jnz	1b
	RESULT	0, %r14
	END

/* A TSC that is set reads near that value, and the difference shows nowhere else. */
GUEST cpu_tsc_set
	WRMSR_	0x10, 0x123400000000
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, %rbx
	shr	$32, %rax
	RESULT	0, %rax
	RDMSR64	0x10
	shr	$32, %rax
	RESULT	1, %rax
	STEP
	rdtsc
	shr	$4, %rdx
	RESULT	2, %rdx
	END

GUEST cpu_rdtscp
	WRMSR_	0xc0000103, 0x5a5a
	rdtscp
	RESULT	0, %rcx
	xor	%eax, %eax
	cpuid
	rdtscp
	RESULT	1, %rcx
	END

GUEST cpu_fpu
	fninit
	fldpi
	fldpi
	fmulp
	fldl2e
	mov	$0x123456789abcdef0, %rax
	movq	%rax, %xmm0
	movq	%rax, %xmm15
	punpcklqdq %xmm15, %xmm15
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	out	%al, $0x80
	STEP
	fldl2e
	fcomip	%st(1)
	setnz	%al
	fstp	%st(0)
	fldpi
	fldpi
	fmulp
	fcomip	%st(1)
	setnz	%ah
	fstp	%st(0)
	movzx	%ax, %eax
	RESULT	0, %rax
	movq	%xmm0, %rax
	RESULT	1, %rax
	psrldq	$8, %xmm15
	movq	%xmm15, %rax
	RESULT	2, %rax
	END

	.macro AVX_ON
	mov	%cr4, %rax
	bts	$18, %rax
	mov	%rax, %cr4
	xor	%ecx, %ecx
	mov	$7, %eax
	xor	%edx, %edx
	xsetbv
	.endm

GUEST cpu_xsetbv
	xor	%ecx, %ecx
	mov	$3, %eax
	xor	%edx, %edx
	FAULTS	xsetbv			/* CR4.OSXSAVE is off */
	AVX_ON
	xor	%ecx, %ecx
	xgetbv
	RESULT	0, %rax
	mov	$6, %eax		/* without x87 */
	FAULTS	xsetbv
	mov	$5, %eax		/* AVX without SSE */
	FAULTS	xsetbv
	mov	$7, %eax
	mov	$0x40000000, %edx
	FAULTS	xsetbv
	mov	$1, %ecx
	xor	%edx, %edx
	FAULTS	xsetbv
	xor	%ecx, %ecx
	mov	$1, %eax
	xsetbv
	xgetbv
	RESULT	1, %rax
	END

GUEST cpu_avx
	AVX_ON
	mov	$0x1122334455667788, %rax
	vmovq	%rax, %xmm1
	vpbroadcastq %xmm1, %ymm7
	out	%al, $0x80
	xor	%eax, %eax
	cpuid
	STEP
	vextracti128 $1, %ymm7, %xmm3
	vmovq	%xmm3, %rax
	RESULT	0, %rax
	END

/* Counts rounds in which YMM0 does not hold the value from G_DATA. */
GUEST cpu_avx_rounds
	AVX_ON
	mov	G_DATA, %rbx
	vmovq	%rbx, %xmm1
	vpbroadcastq %xmm1, %ymm0
	xor	%r14d, %r14d
	mov	$300, %r15d
	sti
1:	out	%al, $0x80
	mov	$200, %ecx
	loop	.
	vextracti128 $1, %ymm0, %xmm3
	vmovq	%xmm3, %rax
	cmp	%rax, %rbx
	je	2f
	inc	%r14d
2:	dec	%r15d
	jnz	1b
	RESULT	0, %r14
	END

/* FPU without AVX in XCR0: AVX instructions are invalid. */
GUEST cpu_no_avx
	FAULTS	vmovq %rax, %xmm1
	FAULTS	xgetbv
	END

GUEST cpu_dr
	mov	$0x1000, %eax
	mov	%rax, %dr0
	mov	$0x2000, %eax
	mov	%rax, %dr1
	mov	$0x3000, %eax
	mov	%rax, %dr2
	mov	$0xffff800000004000, %rax
	mov	%rax, %dr3
	xor	%eax, %eax
	cpuid
	STEP
	mov	%dr0, %rax
	RESULT	0, %rax
	mov	%dr1, %rax
	RESULT	1, %rax
	mov	%dr2, %rax
	RESULT	2, %rax
	mov	%dr3, %rax
	RESULT	3, %rax
	mov	%dr6, %rax
	RESULT	4, %rax
	mov	%dr7, %rax
	RESULT	5, %rax
	END

GUEST cpu_breakpoint
	mov	$1f, %eax
	mov	%rax, %dr0
	mov	$0x402, %eax		/* G0: execution */
	mov	%rax, %dr7
	out	%al, $0x80		/* an exit between */
	TRY	2f
	nop
1:	ud2
2:	xor	%eax, %eax
	mov	%rax, %dr7
	mov	EXC_DR6, %rax
	and	$15, %eax
	RESULT	0, %rax
	mov	EXC_RIP, %rax
	sub	$1b, %rax
	RESULT	1, %rax
	END

GUEST cpu_watchpoint
	mov	$G_DATA + 0x100, %eax
	mov	%rax, %dr1
	mov	$0xffff0ff0, %eax
	mov	%rax, %dr6
	mov	$0xd00408, %eax		/* G1: writes of 4 bytes */
	mov	%rax, %dr7
	mov	G_DATA + 0x100, %eax	/* a read: nothing */
	TRY	1f
	movl	$1, G_DATA + 0x100
2:	ud2
1:	xor	%eax, %eax
	mov	%rax, %dr7
	mov	EXC_DR6, %rax
	and	$15, %eax
	RESULT	0, %rax
	mov	EXC_RIP, %rax
	sub	$2b, %rax
	RESULT	1, %rax
	END

GUEST cpu_dr_rules
	mov	%cr4, %rax
	or	$8, %al			/* DE */
	mov	%rax, %cr4
	FAULTS	mov %dr4, %rax
	mov	$0x100000000, %rax
	FAULTS	mov %rax, %dr7
	FAULTS	mov %rax, %dr6
	END

GUEST cpu_dr_gd
	mov	$0x2400, %eax		/* GD */
	mov	%rax, %dr7
	FAULTS	mov %dr0, %rax
	mov	EXC_DR6, %rax
	and	$0x2000, %eax
	RESULT	0, %rax
	END

GUEST cpu_syscall
	mov	$0xc0000080, %ecx
	rdmsr
	or	$1, %eax
	wrmsr
	WRMSR_	0xc0000081, 0x0018000800000000
	mov	$syscall_entry, %eax
	xor	%edx, %edx
	mov	$0xc0000082, %ecx
	wrmsr
	WRMSR_	0xc0000084, 0x300
	WRMSR_	0xc0000101, 0x1111
	WRMSR_	0xc0000102, 0x2222
	mov	$syscall_user, %ecx
	mov	$0x202, %r11d
	cli
	mov	%rsp, %rbp
	sysretq
syscall_user:
	mov	%cs, %eax
	mov	%ss, %ebx
	syscall
	mov	%cs, %r8d
	mov	$1, %r9d
	syscall
	ud2
syscall_entry:
	swapgs
	cmp	$1, %r9d
	je	1f
	RESULT	0, %rax
	RESULT	1, %rbx
	mov	%cs, %eax
	RESULT	2, %rax
	mov	%ss, %eax
	RESULT	3, %rax
	pushfq
	pop	%rax
	and	$0x200, %eax
	RESULT	4, %rax
	RESULT	5, %r11
	mov	%rcx, %r12
	mov	%r11, %r13
	RDMSR64	0xc0000101
	RESULT	6, %rax
	RDMSR64	0xc0000102
	RESULT	7, %rax
	xor	%eax, %eax
	cpuid
	swapgs
	mov	%r12, %rcx
	mov	%r13, %r11
	sysretq
1:	RESULT	8, %r8
	RDMSR64	0xc0000101
	RESULT	9, %rax
	END

/* LDT with a data segment of base G_DATA; TR; store and load of table registers. */
GUEST cpu_tables
	mov	$0x0000930000000fff | (G_DATA & 0xffff) << 16 | (G_DATA >> 16) << 32, %rax
	mov	%rax, G_TABLES + 8
	mov	$SEL_LDT, %eax
	lldt	%ax
	sldt	%eax
	RESULT	0, %rax
	mov	$12, %eax
	mov	%ax, %fs
	movl	$0x77, %fs:0x10
	mov	G_DATA + 0x10, %eax
	RESULT	1, %rax
	andb	$0xfd, G_GDT + SEL_TSS64 + 5
	mov	$SEL_TSS64, %eax
	ltr	%ax
	str	%eax
	RESULT	2, %rax
	movzbl	G_GDT + SEL_TSS64 + 5, %eax
	RESULT	3, %rax
	mov	$SEL_TSS64, %eax
	FAULTS	ltr %ax
	sgdt	G_DATA
	movzwl	G_DATA, %eax
	RESULT	4, %rax
	mov	G_DATA + 2, %rax
	RESULT	5, %rax
	sidt	G_DATA
	mov	G_DATA + 2, %rax
	RESULT	6, %rax
	mov	$12, %eax
	lsl	%ax, %ecx
	RESULT	7, %rcx
	END

/* 4 KiB pages at the end of a table of its own; INVLPG; accessed and dirty bits. */
GUEST cpu_paging_4k
	movq	$G_TABLES | 7, G_PD + 8
	movq	$0x180000 | 7, G_TABLES
	movq	$0x181000 | 7, G_TABLES + 8
	mov	%cr3, %rax
	mov	%rax, %cr3
	movq	$0x1111, 0x200000
	movq	$0x2222, 0x201000
	mov	0x180000, %rax
	RESULT	0, %rax
	mov	0x181000, %rax
	RESULT	1, %rax
	mov	G_TABLES, %rax
	and	$0x60, %eax
	RESULT	2, %rax
	movq	$0x181000 | 7, G_TABLES
	invlpg	0x200000
	mov	0x200000, %rax
	RESULT	3, %rax
	mov	G_TABLES, %rax
	and	$0x60, %eax
	RESULT	4, %rax
	movq	$0, G_TABLES
	invlpg	0x200000
	FAULTS	mov 0x200000, %rax
	END

GUEST cpu_page_1g
	movq	$0x87, G_PDPT + 8 * 4
	mov	%cr3, %rax
	mov	%rax, %cr3
	movq	$0x4242, G_DATA
	mov	$0x100000000 + G_DATA, %rbx
	mov	(%rbx), %rax
	RESULT	0, %rax
	END

GUEST cpu_self_modify
	mov	$100, %r15d
	xor	%ebx, %ebx
1:	movl	%r15d, smc_at + 1
	call	smc_at
	add	%rax, %rbx
	dec	%r15d
	jnz	1b
	RESULT	0, %rbx
	END
smc_at:	mov	$0, %eax
	ret

/* Instructions that are not there, or do nothing. */
GUEST cpu_misc
	wbinvd
	invd
	pause
	clflush	G_DATA
	mfence
	xor	%eax, %eax
	cpuid
	mov	$99, %ecx
	FAULTS	rdpmc
	cmpb	$0, G_IS_AMD
	jne	1f
	FAULTS	.byte 0x0f, 0x01, 0xc2	/* VMLAUNCH */
	jmp	2f
1:	xor	%eax, %eax
	FAULTS	.byte 0x0f, 0x01, 0xd8	/* VMRUN */
2:	FAULTS	.byte 0x0f, 0xaa	/* RSM */
	END

/* CR3 switches between two address spaces, a thousand times. */
GUEST cpu_cr3_switch
	/* A second PML4 whose page 2 MiB leads to 3 MiB's neighbourhood. */
	mov	$G_PML4, %esi
	mov	$G_TABLES, %edi
	mov	$4096 * 3 / 8, %ecx
	cld
	rep movsq
	movq	$(G_TABLES + 0x1000) | 7, G_TABLES
	movq	$(G_TABLES + 0x2000) | 7, G_TABLES + 0x1000
	movq	$0x000087, G_TABLES + 0x2000 + 8
	movq	$0xaaaa, 0x200000 + G_DATA
	movq	$0xbbbb, G_DATA
	xor	%ebx, %ebx
	mov	$1000, %r15d
1:	mov	$G_TABLES, %eax
	mov	%rax, %cr3
	add	0x200000 + G_DATA, %rbx
	mov	$G_PML4, %eax
	mov	%rax, %cr3
	sub	0x200000 + G_DATA, %rbx
	dec	%r15d
	jnz	1b
	RESULT	0, %rbx
	END

	.code32
GUEST cpu_sysenter
	mov	$0x174, %ecx
	mov	$SEL_CODE32, %eax
	xor	%edx, %edx
	wrmsr
	mov	$0x175, %ecx
	mov	$G_STACK_R0, %eax
	wrmsr
	mov	$0x176, %ecx
	mov	$sysenter_at, %eax
	wrmsr
	sysenter
	ud2
sysenter_at:
	mov	%cs, %eax
	RESULT	0, %eax
	mov	%esp, %eax
	RESULT	1, %eax
	END

/* PAE loads its four entries with CR3: a changed entry counts only after that. */
GUEST cpu_pae_pdptes
	mov	$0x40080000, %ebx
	movl	$0x77, G_DATA
	movl	$G_PD | 1, G_PAE_PDPT + 8
	mov	%cr3, %eax
	mov	%eax, %cr3
	mov	(%ebx), %eax
	RESULT	0, %eax
	movl	$2 | 1, G_PAE_PDPT + 8	/* reserved bit: #GP, old CR3 stays */
	mov	$G_PAE_PDPT, %eax
	FAULTS	mov %eax, %cr3
	END

/* CR0.PG off and on again in PAE. */
GUEST cpu_paging_toggle
	mov	%cr0, %ebx
	mov	$100, %ecx
1:	mov	%ebx, %eax
	btr	$31, %eax
	mov	%eax, %cr0
	mov	%ebx, %eax
	mov	%eax, %cr0
	loop	1b
	mov	%cr0, %eax
	sub	%ebx, %eax
	RESULT	0, %eax
	END

/* Virtual-8086 mode's way in and out, by IRET and INT. */
GUEST cpu_vm86
	movw	$vm86_ud, G_IDT32 + 8 * 6
	pushl	$0			/* GS */
	pushl	$0
	pushl	$0
	pushl	$0
	pushl	$0			/* SS */
	pushl	$0xfff0
	pushl	$0x20002
	pushl	$0			/* CS */
	pushl	$vm86_code
	iret
vm86_ud:
	mov	%ds, %ecx
	mov	$SEL_DATA, %edx
	mov	%edx, %ds
	RESULT	0, %eax
	RESULT	1, %ecx
	mov	8(%esp), %eax
	and	$0x20000, %eax
	RESULT	2, %eax
	mov	%esp, %eax
	RESULT	3, %eax
	END
	.code16
vm86_code:
	mov	$0x1234, %eax
	mov	%ax, 0xf000
	ud2
