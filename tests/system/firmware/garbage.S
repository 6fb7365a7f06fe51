/* SPDX-License-Identifier: MIT */
/*
 * A guest in long mode that writes garbage to ports, configuration registers and
 * devices' memory: --flat at 1 MiB, seed at 0x1ff000. Ends by OUT 0xf4, 42. Left
 * out are the ports that end it on purpose, and what would take its own CPU away:
 * LAPIC and IOAPIC.
 */
#define ROUNDS	30000

	.text
_start:	movl	$0x1f0000, %esp
	movl	0x1ff000, %r15d
	imulq	$0x1e3779b9, %r15, %r15
	orq	$1, %r15
	movl	$ROUNDS, %r14d

next:	call	random
	movl	%eax, %ebx
	andl	$7, %ebx
	cmpl	$3, %ebx
	jb	port
	je	config
	cmpl	$4, %ebx
	je	bars
	jmp	memory

port:	call	random
	movl	%eax, %edx
	btl	$20, %eax
	jc	1f
	andl	$0x7ff, %edx		/* most devices are there */
1:	movzwl	%dx, %edx
	call	harmless
	jc	done
	call	random
	testl	$0x100000, %eax
	jnz	in
	testl	$0x200000, %eax
	jnz	2f
	outb	%al, %dx
	jmp	done
2:	andl	$~3, %edx		/* beside what is left out as well */
	testl	$0x400000, %eax
	jnz	3f
	outw	%ax, %dx
	jmp	done
3:	outl	%eax, %dx
	jmp	done
in:	testl	$0x200000, %eax
	jnz	2f
	inb	%dx, %al
	jmp	done
2:	andl	$~3, %edx
	inl	%dx, %eax
	jmp	done

/* any register of any function, mostly of those that there are */
config:	call	random
	andl	$0xfffc, %eax
	testl	$4, %eax
	jz	1f
	andl	$0x18fc, %eax
1:	orl	$0x80000000, %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	call	random
	movw	$0xcfc, %dx
	testl	$0x10000, %eax
	jz	2f
	outl	%eax, %dx
	jmp	done
2:	outb	%al, %dx
	jmp	done

/* where the BARs were, HPET, ECAM */
bars:	call	random
	movl	%eax, %edi
	andl	$0xffff, %edi
	movl	$0xc0000000, %ecx
	btl	$20, %eax
	jnc	1f
	movl	$0xfed00000, %ecx
	btl	$21, %eax
	jnc	1f
	movl	$0xb0000000, %ecx
	andl	$0x7ffff, %edi
1:	addq	%rcx, %rdi
	jmp	touch

memory:	call	random
	movl	%eax, %edi
	orl	$0x80000000, %edi	/* above RAM */
	movl	%edi, %eax
	shrl	$20, %eax
	cmpl	$0xfee, %eax
	je	done
	cmpl	$0xfec, %eax
	je	done
touch:	call	random
	testl	$0x10000, %eax
	jz	1f
	movl	%eax, (%rdi)
	jmp	done
1:	testl	$0x20000, %eax
	jz	2f
	movq	%rax, (%rdi)
	jmp	done
2:	testl	$0x40000, %eax
	jz	3f
	movb	%al, (%rdi)
	jmp	done
3:	movl	(%rdi), %eax

done:	decl	%r14d
	jnz	next
	movl	$42, %eax
	movw	$0xf4, %dx
	outl	%eax, %dx
	hlt

/* Carry: not this port. */
harmless:
	movl	%edx, %eax
	andl	$~3, %eax
	cmpl	$0xf4, %eax
	je	1f
	cmpl	$0x60, %eax
	je	1f
	cmpl	$0x64, %eax
	je	1f
	cmpl	$0x90, %eax
	je	1f
	cmpl	$0xcf8, %eax
	je	1f
	cmpl	$0x504, %eax
	je	1f
	andl	$~0x7f, %eax
	cmpl	$0x600, %eax
	je	1f
	cmpl	$0xe9, %edx
	je	1f
	cmpl	$0x3f8, %edx
	je	1f
	clc
	ret
1:	stc
	ret

random:	movq	%r15, %rax
	shlq	$13, %rax
	xorq	%rax, %r15
	movq	%r15, %rax
	shrq	$7, %rax
	xorq	%rax, %r15
	movq	%r15, %rax
	shlq	$17, %rax
	xorq	%rax, %r15
	movq	%r15, %rax
	shrq	$11, %rax
	ret
