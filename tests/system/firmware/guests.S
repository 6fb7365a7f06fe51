/* SPDX-License-Identifier: MIT */
/*
 * Real-mode images of a few instructions, one per TEST_*, each assembled alone
 * and loaded at address 0.  A guest ends by OUT 0xf4: 42 is success.
 */
	.code16
	.org 0
start:

#if defined(TEST_HYPERCALL)
	/* A hypercall that is not trapped answers -KVM_ENOSYS: -1000. */
	xorl	%eax, %eax
	movb	$99, %al
#if defined(AMD)
	vmmcall
#else
	vmcall
#endif
	cmpl	$-1000, %eax
	jne	fail

#elif defined(TEST_KEYBOARD)
	/* Waits for the keyboard controller's byte: Enter in set 2. */
	movb	$0xae, %al
	outb	%al, $0x64
1:	inb	$0x64, %al
	testb	$1, %al
	jz	1b
	inb	$0x60, %al
	cmpb	$0x5a, %al
	jne	fail

#elif defined(TEST_RTC)
	/* An alarm for every second, by the flag in register C. */
	movw	$0x0b0b, %bx
	movb	$1, %al
	call	cmos_any
	movb	$3, %al
	call	cmos_any
	movb	$5, %al
	call	cmos_any
	movb	$0x0b, %al
	outb	%al, $0x70
	movb	$0x22, %al		/* AIE, 24 hours */
	outb	%al, $0x71
1:	movb	$0x0c, %al
	outb	%al, $0x70
	inb	$0x71, %al
	testb	$0x20, %al
	jz	1b
	jmp	pass
cmos_any:
	outb	%al, $0x70
	movb	$0xff, %al
	outb	%al, $0x71
	ret

#elif defined(TEST_PCI)
	/* The host bridge by mechanism 1; nothing in slot 20. */
	movw	$0xcf8, %dx
	movl	$0x80000000, %eax
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	cmpl	$0x29c08086, %eax
	jne	fail
	movw	$0xcf8, %dx
	movl	$0x8000a000, %eax
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	cmpl	$-1, %eax
	jne	fail

#elif defined(TEST_POWER_OFF)
	movw	$0x604, %dx
	movw	$0x2000, %ax
	outw	%ax, %dx
	hlt

#elif defined(TEST_STRICT)
	nop
	inw	$0xfa, %ax
	jmp	fail

#elif defined(TEST_HPET)
	/* Unreal mode, for the HPET's address: its counter must advance. */
	cli
	lgdtl	%cs:gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %bx
	movw	%bx, %ds
	andb	$0xfe, %al
	movl	%eax, %cr0
	movl	$0xfed00000, %ebx
	movl	$1, %ds:0x10(%ebx)
	movl	%ds:0xf0(%ebx), %ecx
1:	movl	%ds:0xf0(%ebx), %eax
	subl	%ecx, %eax
	cmpl	$100000, %eax		/* a millisecond */
	jb	1b
	jmp	pass
	.balign 8
gdt:	.quad	0
	.quad	0x00cf93000000ffff
gdtr:	.word	15
	.long	gdt

#elif defined(TEST_SHADOW)
	/*
	 * A firmware of 64 KiB, from the reset vector: below 1 MiB is the
	 * image until PAM0 puts RAM there, read-only or not.
	 */
	movw	$0xf000, %ax
	movw	%ax, %ds
	cmpl	$0x12345678, mark
	jne	fail
	movb	$1, mark		/* dropped: it is ROM */
	cmpl	$0x12345678, mark
	jne	fail
	movb	$0x20, %bl		/* writes to RAM, reads from ROM */
	call	set_pam
	xorw	%si, %si
1:	movl	(%si), %eax		/* the image onto itself */
	movl	%eax, (%si)
	addw	$4, %si
	jnz	1b
	movl	$0x9abcdef0, mark
	cmpl	$0x12345678, mark
	jne	fail
	movb	$0x10, %bl		/* reads from RAM */
	call	set_pam
	cmpl	$0x9abcdef0, mark
	jne	fail
	movb	$1, mark		/* dropped again */
	cmpl	$0x9abcdef0, mark
	jne	fail
	movb	$0x30, %bl
	call	set_pam
	movb	$1, mark
	cmpl	$0x9abcde01, mark
	jne	fail
	jmp	pass
set_pam:
	movw	%sp, %sp
	movw	$0xcf8, %dx
	movl	$0x80000090, %eax
	outl	%eax, %dx
	movw	$0xcfc, %dx
	movb	%bl, %al
	outb	%al, %dx
	ret
	.balign 4
mark:	.long	0x12345678
#endif

pass:	movb	$42, %al
	outb	%al, $0xf4
	hlt
fail:	movb	$1, %al
	outb	%al, $0xf4
	hlt

#if defined(TEST_SHADOW)
	.org 0xfff0
	/* A stack for CALL first; then to the shadow below 1 MiB. */
	movw	$0x8000, %sp
	ljmp	$0xf000, $start
	.org 0x10000
#endif
