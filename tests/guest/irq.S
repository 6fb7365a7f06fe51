/* SPDX-License-Identifier: MIT */
/* Interrupts: from the LAPIC, PIC, IOAPIC, PIT, from user space; NMIs. */
#include "guest.inc"

	.set	LAPIC, 0xfee00000
	.set	IOAPIC, 0xfec00000

	/* The PICs would deliver vectors from 0 up: they are masked. */
	.macro LAPIC_ON
	mov	$0xff, %al
	out	%al, $0x21
	out	%al, $0xa1
	mov	$LAPIC, %edi
	movl	$0x1ff, 0xf0(%rdi)
	movb	$EOI_XAPIC, IRQ_EOI
	.endm

	.macro X2APIC_ON
	mov	$0x1b, %ecx
	rdmsr
	or	$0xc00, %eax
	wrmsr
	WRMSR_	0x80f, 0x1ff
	movb	$EOI_X2APIC, IRQ_EOI
	.endm

	.macro SELF_IPI vector
	movl	$0x40000 + \vector, 0x300(%rdi)
	.endm

	.macro COUNT i, vector
	mov	IRQ_COUNTS + 8 * \vector, %rax
	RESULT \i, %rax
	.endm

	/* Halts until the count of a vector is at least n. */
	.macro AWAIT vector, n
.Lawait\@:
	cli
	cmpq	$\n, IRQ_COUNTS + 8 * \vector
	jae	.Lawaited\@
	sti
	hlt
	jmp	.Lawait\@
.Lawaited\@:
	.endm

	/* Spins for about that many instructions with interrupts on. */
	.macro SPIN n
	sti
	mov	$\n, %ecx
	loop	.
	cli
	.endm

	/* Vectors 0x20 to 0x2f, everything masked. */
	.macro PIC_INIT
	mov	$0x11, %al
	out	%al, $0x20
	out	%al, $0xa0
	mov	$0x20, %al
	out	%al, $0x21
	mov	$0x28, %al
	out	%al, $0xa1
	mov	$4, %al
	out	%al, $0x21
	mov	$2, %al
	out	%al, $0xa1
	mov	$1, %al
	out	%al, $0x21
	out	%al, $0xa1
	mov	$0xff, %al
	out	%al, $0x21
	out	%al, $0xa1
	mov	$LAPIC, %edi
	movl	$0x1ff, 0xf0(%rdi)
	movl	$0x700, 0x350(%rdi)	/* LINT0: ExtINT */
	.endm

	.macro PIC_MASK master, slave
	mov	$\master, %al
	out	%al, $0x21
	mov	$\slave, %al
	out	%al, $0xa1
	.endm

	/* Redirection entry: low half, to APIC ID 0 */
	.macro REDIRECT pin, low
	mov	$IOAPIC, %esi
	movl	$0x11 + 2 * \pin, (%rsi)
	movl	$0, 0x10(%rsi)
	movl	$0x10 + 2 * \pin, (%rsi)
	movl	$\low, 0x10(%rsi)
	.endm

	.code64
GUEST irq_self_ipi
	LAPIC_ON
	SELF_IPI 0x40
	COUNT	0, 0x40
	sti
	nop
	cli
	COUNT	1, 0x40
	SELF_IPI 0x40
	sti
	nop
	cli
	COUNT	2, 0x40
	END

GUEST irq_x2apic
	X2APIC_ON
	WRMSR_	0x83f, 0x41		/* SELF_IPI */
	sti
	nop
	cli
	COUNT	0, 0x41
	WRMSR_	0x830, 0x40042		/* ICR, self */
	sti
	nop
	cli
	COUNT	1, 0x42
	mov	$0x802, %ecx
	rdmsr
	RESULT	2, %rax
	mov	$0x803, %ecx
	rdmsr
	and	$0xff, %eax
	sub	$0x10, %eax
	cmp	$8, %eax
	setb	%al
	movzx	%al, %eax
	RESULT	3, %rax
	mov	$0x80e, %ecx		/* DFR: not in x2APIC mode */
	FAULTS	rdmsr
	/* Its pages are memory like any other now. */
	END

GUEST irq_timer_once
	LAPIC_ON
	movl	$0xb, 0x3e0(%rdi)
	movl	$0x40, 0x320(%rdi)
	movl	$20000, 0x380(%rdi)
	AWAIT	0x40, 1
	mov	0x390(%rdi), %eax
	RESULT	1, %rax
	SPIN	100000
	COUNT	0, 0x40
	END

GUEST irq_timer_periodic
	LAPIC_ON
	movl	$0xb, 0x3e0(%rdi)
	movl	$0x20040, 0x320(%rdi)
	movl	$1000000, 0x380(%rdi)
	AWAIT	0x40, 5
	movl	$0x10000, 0x320(%rdi)
	movl	$0, 0x380(%rdi)
	sti
	nop
	cli
	movq	$0, IRQ_COUNTS + 8 * 0x40
	SPIN	100000
	COUNT	0, 0x40
	END

/* The count goes down, and stops at the masked timer without an interrupt. */
GUEST irq_timer_masked
	LAPIC_ON
	movl	$0xb, 0x3e0(%rdi)
	movl	$0x10040, 0x320(%rdi)
	movl	$20000, 0x380(%rdi)
1:	mov	0x390(%rdi), %eax
	test	%eax, %eax
	jnz	1b
	SPIN	1000
	COUNT	0, 0x40
	END

GUEST irq_timer_spin
	LAPIC_ON
	movl	$0xb, 0x3e0(%rdi)
	movl	$0x40, 0x320(%rdi)
	movl	$200000, 0x380(%rdi)
	sti
1:	cmpq	$0, IRQ_COUNTS + 8 * 0x40
	je	1b
	cli
	COUNT	0, 0x40
	END

GUEST irq_deadline
	LAPIC_ON
	movl	$0x40040, 0x320(%rdi)
	mfence
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	$100000, %rax
	mov	%rax, %r12
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$0x6e0, %ecx
	wrmsr
	AWAIT	0x40, 1
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	cmp	%r12, %rax
	setae	%al
	movzx	%al, %eax
	RESULT	1, %rax
	mov	$0x6e0, %ecx
	rdmsr
	RESULT	2, %rax
	COUNT	0, 0x40
	/* In the past: at once. */
	WRMSR_	0x6e0, 1
	sti
	nop
	nop
	cli
	COUNT	3, 0x40
	/* Cancelled by 0. */
	rdtsc
	add	$2000000, %eax
	adc	$0, %edx
	mov	$0x6e0, %ecx
	wrmsr
	WRMSR_	0x6e0, 0
	SPIN	100000
	COUNT	4, 0x40
	END

/* The host side raises line 5, waits for the next step, lowers it. */
GUEST irq_pic_edge
	PIC_INIT
	movb	$EOI_PIC, IRQ_EOI
	PIC_MASK 0xdf, 0xff
	sti
	STEP				/* high */
	nop
	SPIN	1000
	COUNT	0, 0x25
	STEP				/* low, high again */
	SPIN	1000
	COUNT	1, 0x25
	PIC_MASK 0xff, 0xff
	STEP				/* low, high: masked */
	SPIN	1000
	COUNT	2, 0x25
	PIC_MASK 0xdf, 0xff
	SPIN	1000
	COUNT	3, 0x25
	END

GUEST irq_pic_slave
	PIC_INIT
	movb	$EOI_PIC | EOI_PIC2, IRQ_EOI
	PIC_MASK 0xfb, 0xfd		/* cascade, line 9 */
	STEP				/* line 9 high */
	SPIN	1000
	COUNT	0, 0x29
	END

/* Level: comes again after each EOI while the line is high. */
GUEST irq_pic_level
	PIC_INIT
	mov	$0x20, %al
	mov	$0x4d0, %dx
	out	%al, %dx
	PIC_MASK 0xdf, 0xff
	STEP				/* high */
	SPIN	1000
	COUNT	0, 0x25			/* in service: one only */
	mov	$0x20, %al
	out	%al, $0x20
	SPIN	1000
	COUNT	1, 0x25
	STEP				/* low */
	mov	$0x20, %al
	out	%al, $0x20
	SPIN	1000
	COUNT	2, 0x25
	END

GUEST irq_pic_registers
	PIC_INIT
	mov	$0x5a, %al
	out	%al, $0x21
	xor	%eax, %eax
	in	$0x21, %al
	RESULT	0, %rax
	PIC_MASK 0xff, 0xff
	STEP				/* line 5 high */
	mov	$0x0a, %al		/* OCW3: read IRR */
	out	%al, $0x20
	in	$0x20, %al
	RESULT	1, %rax
	PIC_MASK 0xdf, 0xff
	sti
	nop
	cli				/* taken, no EOI */
	mov	$0x0b, %al		/* OCW3: read ISR */
	out	%al, $0x20
	in	$0x20, %al
	RESULT	2, %rax
	mov	$0x20, %al
	out	%al, $0x20
	in	$0x20, %al
	RESULT	3, %rax
	END

GUEST irq_ioapic_edge
	LAPIC_ON
	REDIRECT 10, 0x50
	STEP				/* line 10 high */
	SPIN	1000
	COUNT	0, 0x50
	STEP				/* low, high */
	SPIN	1000
	COUNT	1, 0x50
	END

GUEST irq_ioapic_level
	LAPIC_ON
	movb	$0, IRQ_EOI
	REDIRECT 10, 0x8051
	STEP				/* high */
	SPIN	1000
	COUNT	0, 0x51
	movl	$0, 0xb0(%rdi)
	SPIN	1000
	COUNT	1, 0x51
	STEP				/* low */
	movl	$0, 0xb0(%rdi)
	SPIN	1000
	COUNT	2, 0x51
	END

/* Without EOI there is no second interrupt, and remote IRR reads as 1. */
GUEST irq_ioapic_remote_irr
	LAPIC_ON
	movb	$0, IRQ_EOI
	REDIRECT 10, 0x8051
	STEP				/* high */
	SPIN	1000
	COUNT	0, 0x51
	movl	$0x10 + 2 * 10, (%rsi)
	mov	0x10(%rsi), %eax
	RESULT	1, %rax
	STEP				/* low */
	movl	$0, 0xb0(%rdi)
	mov	0x10(%rsi), %eax
	RESULT	2, %rax
	END

/* A level that is high while masked comes when the mask goes. */
GUEST irq_ioapic_unmask
	LAPIC_ON
	movb	$0, IRQ_EOI
	REDIRECT 10, 0x18051
	STEP				/* high */
	SPIN	1000
	COUNT	0, 0x51
	REDIRECT 10, 0x8051
	SPIN	1000
	COUNT	1, 0x51
	END

GUEST irq_ioapic_registers
	mov	$IOAPIC, %esi
	movl	$1, (%rsi)
	mov	0x10(%rsi), %eax
	and	$0xff00ff, %eax
	RESULT	0, %rax
	movl	$0, (%rsi)
	movl	$0x05000000, 0x10(%rsi)
	mov	0x10(%rsi), %eax
	RESULT	1, %rax
	movl	$0x10, (%rsi)
	mov	0x10(%rsi), %eax
	and	$0x10000, %eax
	RESULT	2, %rax
	movl	$0x3f, (%rsi)
	movl	$0xab000000, 0x10(%rsi)
	mov	0x10(%rsi), %eax
	RESULT	3, %rax
	END

GUEST irq_lapic_registers
	mov	$LAPIC, %edi
	mov	0x20(%rdi), %eax
	RESULT	0, %rax
	mov	0x30(%rdi), %eax
	and	$0xf0, %eax
	RESULT	1, %rax
	movl	$0x30, 0x80(%rdi)
	mov	0x80(%rdi), %eax
	RESULT	2, %rax
	mov	%cr8, %rax
	RESULT	3, %rax
	mov	$7, %eax
	mov	%rax, %cr8
	mov	0x80(%rdi), %eax
	RESULT	4, %rax
	mov	0xf0(%rdi), %eax
	RESULT	5, %rax
	movl	$0x12345678, 0x3e0(%rdi)
	mov	0x3e0(%rdi), %eax
	RESULT	6, %rax
	mov	$0x1b, %ecx
	rdmsr
	RESULT	7, %rax
	END

/* Counter 0, mode 2, 1000 Hz; vector 0x20 by the PIC. */
	.macro PIT_START
	mov	$0x34, %al
	out	%al, $0x43
	mov	$1193 & 255, %al
	out	%al, $0x40
	mov	$1193 >> 8, %al
	out	%al, $0x40
	.endm

GUEST irq_pit_pic
	PIC_INIT
	movb	$EOI_PIC, IRQ_EOI
	PIC_MASK 0xfe, 0xff
	PIT_START
	AWAIT	0x20, 5
	END

GUEST irq_pit_ioapic
	LAPIC_ON
	REDIRECT 0, 0x52
	REDIRECT 2, 0x52
	PIT_START
	AWAIT	0x52, 5
	END

GUEST irq_pit_read
	PIT_START
	xor	%eax, %eax
	xor	%ebx, %ebx
	mov	$100, %ecx
1:	xor	%eax, %eax
	out	%al, $0x43		/* latch */
	in	$0x40, %al
	mov	%al, %dl
	in	$0x40, %al
	mov	%al, %dh
	movzx	%dx, %edx
	cmp	$1193, %edx
	ja	2f
	cmp	%edx, %r8d
	je	3f
	inc	%ebx
	mov	%edx, %r8d
3:	loop	1b
	cmp	$10, %ebx
	seta	%al
2:	movzx	%al, %eax
	RESULT	0, %rax
	END

GUEST irq_cr8
	LAPIC_ON
	mov	$5, %eax
	mov	%rax, %cr8
	SELF_IPI 0x40
	SPIN	100
	COUNT	0, 0x40
	mov	%cr8, %rax
	RESULT	1, %rax
	mov	$4, %eax
	mov	%rax, %cr8
	SPIN	100
	COUNT	2, 0x40
	mov	$3, %eax
	mov	%rax, %cr8
	sti
	nop
	cli
	COUNT	3, 0x40
	END

GUEST irq_priority
	LAPIC_ON
	SELF_IPI 0x41
	SELF_IPI 0x91
	sti
	nop
	cli
	COUNT	0, 0x41
	COUNT	1, 0x91
	mov	IRQ_LAST, %rax
	RESULT	2, %rax
	/* In service 0x91: 0x41 waits for its EOI, 0xa1 does not. */
	movb	$0, IRQ_EOI
	SELF_IPI 0x91
	sti
	nop
	cli
	SELF_IPI 0x41
	SPIN	100
	COUNT	3, 0x41
	SELF_IPI 0xa1
	SPIN	100
	COUNT	4, 0xa1
	movl	$0, 0xb0(%rdi)
	movl	$0, 0xb0(%rdi)
	SPIN	100
	COUNT	5, 0x41
	END

/* The instruction after STI runs first, also when it makes an exit. */
GUEST irq_sti_shadow
	LAPIC_ON
	SELF_IPI 0x40
	sti
	inc	%r12d
1:	cli
	mov	IRQ_RIP, %rax
	sub	$1b, %rax
	RESULT	0, %rax
	SELF_IPI 0x40
	xor	%eax, %eax
	sti
	cpuid
2:	nop
	cli
	mov	IRQ_RIP, %rax
	sub	$2b, %rax
	RESULT	1, %rax
	SELF_IPI 0x40
	sti
	out	%al, $0x80
3:	nop
	cli
	mov	IRQ_RIP, %rax
	sub	$3b, %rax
	RESULT	2, %rax
	COUNT	3, 0x40
	/* CLI right after STI: nothing is taken between. */
	SELF_IPI 0x40
	sti
	cli
	COUNT	4, 0x40
	END

GUEST irq_ss_shadow
	mov	$0xffff0ff0, %eax
	mov	%rax, %dr6
	mov	$SEL_DATA, %eax
	TRY	1f
	pushfq
	orl	$0x100, (%rsp)
	popfq
	mov	%ax, %ss
	inc	%ebx
2:	ud2
1:	mov	EXC_RIP, %rax
	sub	$2b, %rax
	RESULT	0, %rax
	END

GUEST irq_hlt_wakes
	LAPIC_ON
	SELF_IPI 0x40
	sti
	hlt
	cli
	COUNT	0, 0x40
	END

/* The host side sends NMIs; they come one at a time, the next after IRET. */
GUEST irq_nmi
	movw	$irq_nmi_entry, G_IDT64 + 32
	STEP				/* one NMI */
	nop
	mov	G_DATA, %eax
	RESULT	0, %rax
	STEP				/* one, and one more inside its handler */
	nop
	mov	G_DATA, %eax
	RESULT	1, %rax
	mov	G_DATA + 8, %eax
	RESULT	2, %rax
	END
irq_nmi_entry:
	push	%rax
	incq	G_DATA + 16		/* depth */
	mov	G_DATA + 16, %rax
	cmp	G_DATA + 8, %rax
	jbe	1f
	mov	%rax, G_DATA + 8	/* deepest */
1:	STEP
	incq	G_DATA
	nop
	nop
	decq	G_DATA + 16
	pop	%rax
	iretq

/* Interrupts stay off in a halt with IF 0; an NMI ends it. */
GUEST irq_nmi_hlt
	movw	$irq_nmi_simple, G_IDT64 + 32
	LAPIC_ON
	SELF_IPI 0x40
	STEP				/* an NMI soon */
	cli
	hlt
	COUNT	0, 0x40
	mov	G_DATA, %eax
	RESULT	1, %rax
	END
irq_nmi_simple:
	incq	G_DATA
	iretq

/* User space is the interrupt controller. */
GUEST irq_user
	sti
	STEP				/* vector 0x60 is injected */
	nop
	COUNT	0, 0x60
	cli
	STEP				/* asks for a window */
	nop
	nop
	COUNT	1, 0x61
	sti
	nop
	nop
	cli
	COUNT	2, 0x61
	END

/* Ten edges on pin 10, half of the time halted. */
GUEST irq_ten
	LAPIC_ON
	REDIRECT 10, 0x50
	sti
1:	mov	$100000, %ecx
	loop	.
	cli
	cmpq	$9, IRQ_COUNTS + 8 * 0x50
	ja	2f
	sti
	hlt
	jmp	1b
2:	END

/* Waits for messages of vector 0x70 and 0x71. */
GUEST irq_msi
	LAPIC_ON
	STEP
	SPIN	100
	COUNT	0, 0x70
	STEP
	SPIN	100
	COUNT	1, 0x71
	END

/* Table and stack are taken away before the interrupt is delivered. */
GUEST irq_delivery
	LAPIC_ON
	mov	$10, %r15d
1:	SELF_IPI 0x40
	STEP
	sti
	nop
	cli
	STEP
	int	$0x41
	STEP
	FAULTS	ud2
	dec	%r15d
	jnz	1b
	COUNT	0, 0x40
	COUNT	1, 0x41
	mov	EXC_COUNT, %rax
	RESULT	2, %rax
	movq	$0, EXC_COUNT
	END

/* An interrupt every so often for a million instructions: none lost, none doubled. */
GUEST irq_storm
	LAPIC_ON
	mov	$2000, %r15d
1:	SELF_IPI 0x40
	sti
	nop
	cli
	dec	%r15d
	jnz	1b
	COUNT	0, 0x40
	END

	.code32
GUEST irq_prot
	movl	$0x1ff, LAPIC + 0xf0
	movb	$EOI_XAPIC, IRQ_EOI
	movl	$0x40040, LAPIC + 0x300
	sti
	nop
	cli
	mov	IRQ_COUNTS + 8 * 0x40, %eax
	RESULT	0, %eax
	END

	.code16
GUEST irq_real
	movw	$irq_real_entry, 0x20 * 4
	movw	$0, 0x20 * 4 + 2
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
	mov	$0x34, %al
	out	%al, $0x43
	xor	%al, %al
	out	%al, $0x40
	mov	$4, %al
	out	%al, $0x40
	xor	%bx, %bx
	sti
1:	hlt
	cmp	$3, %bx
	jb	1b
	cli
	RESULT16 0, %bx
	END
irq_real_entry:
	inc	%bx
	push	%ax
	mov	$0x20, %al
	out	%al, $0x20
	pop	%ax
	iret
