/* SPDX-License-Identifier: MIT */
/*
 * Guests that write to the screen, one per TEST_*, assembled alone: boot sectors,
 * real-mode code at 0, 32-bit code at 1 MiB. OUT 0xf4 ends: 42 is success, another
 * number says where it failed.
 */
#define CRTC		0x3d4
#define FAIL(n)		movb $(n), %al; jmp end

	.text
	.globl _start
_start:
#if !defined(TEST_PROT)
	.code16
#ifdef TEST_BARE
	ljmp	$0, $1f
#else
	ljmp	$0, $(1f)
#endif
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7000, %sp
	movw	$0xb800, %ax
	movw	%ax, %es
	cld

#if defined(TEST_TEXT)
	/* by the BIOS, which moves the cursor by the CRTC */
	movw	$by_bios, %si
1:	lodsb
	testb	%al, %al
	jz	1f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b
1:	movb	$0x02, %ah
	xorw	%bx, %bx
	movw	$0x0307, %dx
	int	$0x10
	call	get_cursor
	cmpw	$3 * 80 + 7, %bx
	je	1f
	FAIL(1)
	/* without it */
1:	movw	$10 * 160, %di
	movb	$0x1e, %ah
	movw	$directly, %si
	call	write
	movw	$12 * 80 + 5, %bx
	call	set_cursor
	xorw	%bx, %bx
	call	get_cursor
	cmpw	$12 * 80 + 5, %bx
	je	1f
	FAIL(2)
	/* three retraces, by who polls for them */
1:	movw	$3, %cx
	movw	$0x3da, %dx
1:	inb	%dx, %al
	testb	$8, %al
	jz	1b
2:	inb	%dx, %al
	testb	$8, %al
	jnz	2b
	loop	1b
	/* a key, shown where the cursor is */
	sti
	movb	$0, %ah
	int	$0x16
	movw	$12 * 160 + 10, %di
	cmpw	$0x4800, %ax		/* the arrow that points up */
	jne	1f
	movb	$0x18, %al
1:	movb	$0x0f, %ah
	stosw
	movw	$20, %cx
1:	hlt				/* a second for who looks at it */
	loop	1b
	movb	$42, %al

#elif defined(TEST_ROWS)
	movw	$0x0003, %ax
	int	$0x10
	movw	$0x1112, %ax		/* a font of 8 lines: 50 rows */
	movw	$0, %bx
	int	$0x10
	movw	$160, %di
	movb	$0x07, %ah
	movw	$top, %si
	call	write
	movw	$49 * 160, %di
	movw	$bottom, %si
	call	write
	movw	$CRTC, %dx		/* memory from the second row on */
	movw	$80 << 8 | 0x0d, %ax
	outw	%ax, %dx
	movb	$42, %al

#elif defined(TEST_GRAPHICS)
	movw	$0x0013, %ax
	int	$0x10
	movw	$0xa000, %ax
	movw	%ax, %es
	movw	$0x5aa5, %es:63998
	cmpw	$0x5aa5, %es:63998
	je	1f
	FAIL(1)
1:	movb	$42, %al

#elif defined(TEST_BARE)
	/* every port of it, read */
	movw	$0x3b0, %dx
1:	inb	%dx, %al
	incw	%dx
	cmpw	$0x3bc, %dx
	jne	2f
	movw	$0x3c0, %dx
2:	cmpw	$0x3e0, %dx
	jne	1b
	movw	$0xffff, %bx
	call	get_cursor
	testw	%bx, %bx
	jz	1f
	FAIL(1)
1:	movw	$CRTC, %dx		/* protected: still 80 columns */
	movw	$0x1401, %ax
	outw	%ax, %dx
	incw	%dx
	inb	%dx, %al
	cmpb	$79, %al
	je	1f
	FAIL(2)
1:	cmpw	$0x0720, %es:0
	je	1f
	FAIL(3)
1:	xorw	%di, %di
	movb	$0x07, %ah
	movw	$bare, %si
	call	write
	movb	$42, %al
#endif

end:	movzbl	%al, %eax
	movw	$0xf4, %dx
	outl	%eax, %dx
1:	hlt
	jmp	1b

write:	lodsb
	testb	%al, %al
	jz	1f
	stosw
	jmp	write
1:	ret

get_cursor:
	movw	$CRTC, %dx
	movb	$0x0e, %al
	outb	%al, %dx
	incw	%dx
	inb	%dx, %al
	movb	%al, %bh
	decw	%dx
	movb	$0x0f, %al
	outb	%al, %dx
	incw	%dx
	inb	%dx, %al
	movb	%al, %bl
	ret

set_cursor:
	movw	$CRTC, %dx
	movb	$0x0e, %al
	movb	%bh, %ah
	outw	%ax, %dx
	movb	$0x0f, %al
	movb	%bl, %ah
	outw	%ax, %dx
	ret

by_bios:	.asciz	"by the BIOS\r\n"
directly:	.ascii	"\xc9\xcd directly \xcd\xbb"
		.byte	0
top:		.asciz	"the upper row"
bottom:		.asciz	"the last row"
bare:		.asciz	"without a BIOS"
#ifndef TEST_BARE
	.org	510
	.byte	0x55, 0xaa
#endif

#else
	.code32
	movl	$0xb8000, %edi
	movl	$text, %esi
	movb	$0x07, %ah
1:	lodsb
	testb	%al, %al
	jz	1f
	stosw
	jmp	1b
1:	movl	$42, %eax
	movw	$0xf4, %dx
	outl	%eax, %dx
1:	hlt
	jmp	1b
text:	.asciz	"32 bits"
#endif
