/* SPDX-License-Identifier: MIT */
/*
 * Boot sectors of small systems that know nothing of us: what SeaBIOS loads at
 * 0:7c00 from an image without a partition table, and the sectors behind it. One
 * per BOOT_*, assembled alone. Text goes out by INT 10h; OUT 0xf4 ends: 42 is
 * success, another number says where it failed.
 */
#define SECTORS		8
#define FAIL(n)		movb $(n), %al; jmp fail

	.code16
	.text
	.globl _start
_start:
	ljmp	$0, $1f
1:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	cld
	movb	%dl, drive
	movw	$hello, %si
	call	print
	/* the rest of the system, by extended read */
	movw	$packet, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	jc	1f
	cmpl	$0x4d554c56, magic
	je	main
1:	FAIL(1)

print:	lodsb
	testb	%al, %al
	jz	1f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	print
1:	ret

pass:	movw	$passed, %si
	call	print
	hlt				/* SeaBIOS keeps the last of it for a tick */
	hlt
	movb	$42, %al
fail:	movzbl	%al, %eax
	movw	$0xf4, %dx
	outl	%eax, %dx
	hlt
	jmp	fail

hello:	.asciz	"boot: hello\r\n"
passed:	.asciz	"boot: passed\r\n"
drive:	.byte	0
packet:	.byte	16, 0
	.word	SECTORS - 1, 0x7e00, 0
	.quad	1
	.org	510
	.byte	0x55, 0xaa
	.org	512
magic:	.long	0x4d554c56

#if defined(BOOT_BIOS)
main:	int	$0x12			/* conventional memory */
	cmpw	$600, %ax
	jb	9f
	cmpw	$640, %ax
	ja	9f
	movb	$0x88, %ah		/* extended memory, of 64 MiB */
	int	$0x15
	cmpw	$0x8000, %ax
	jb	9f
	/* INT 15h E820: entries until EBX is 0, RAM at 1 MiB among them */
	xorl	%ebx, %ebx
	xorw	%bp, %bp
1:	movl	$0xe820, %eax
	movl	$24, %ecx
	movl	$0x534d4150, %edx
	movw	$0x6000, %di
	int	$0x15
	jc	9f
	cmpl	$0x534d4150, %eax
	jne	9f
	cmpl	$0x100000, 0x6000
	jne	2f
	cmpl	$1, 0x6010
	jne	2f
	incw	%bp
2:	testl	%ebx, %ebx
	jnz	1b
	cmpw	$1, %bp
	jne	9f
	/* the disk's geometry, and its first sector by CHS */
	movb	$8, %ah
	movb	drive, %dl
	xorw	%di, %di
	int	$0x13
	jc	8f
	xorw	%ax, %ax
	movw	%ax, %es
	movw	$0x0201, %ax
	movw	$1, %cx
	xorb	%dh, %dh
	movb	drive, %dl
	movw	$0x6000, %bx
	int	$0x13
	jc	8f
	cmpw	$0xaa55, 0x61fe
	jne	8f
	/* a read far behind the disk's end is an error, not the end of us */
	movl	$0x7fffffff, packet + 8
	movw	$packet, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	jnc	8f
	/* the clock ticks: PIT, PIC, INT 8 */
	xorb	%ah, %ah
	int	$0x1a
	movw	%dx, %bp
1:	hlt
	xorb	%ah, %ah
	int	$0x1a
	cmpw	%bp, %dx
	je	1b
	/* a key */
	movw	$ask, %si
	call	print
	xorb	%ah, %ah
	int	$0x16
	cmpb	$'k', %al
	jne	7f
	jmp	pass
9:	FAIL(2)
8:	FAIL(3)
7:	FAIL(4)
ask:	.asciz	"boot: a key\r\n"

#elif defined(BOOT_FAILING)
/* Writes all sectors, or reads them over and over, until that fails. */
	.equ	FIRST, 64
main:	movw	$ready, %si
	call	print
	movw	$1, packet + 2
	movw	$0x7000, packet + 4
	movl	$FIRST, packet + 8
1:	movb	$0x43, %ah		/* extended write */
	xorb	%al, %al
	movb	drive, %dl
	movw	$packet, %si
	int	$0x13
	jc	2f
	incl	packet + 8
	cmpl	$LAST, packet + 8
	jne	1b
	movl	$FIRST, packet + 8
	jmp	1b
	/* An error. What is there is there still. */
2:	movw	$error, %si
	call	print
	movl	$1, packet + 8
	movw	$1, packet + 2		/* says now how much was done */
	movw	$0x6000, packet + 4
	movb	$0x42, %ah
	movb	drive, %dl
	movw	$packet, %si
	int	$0x13
	jc	9f
	cmpl	$0x4d554c56, 0x6000
	je	pass
9:	FAIL(2)
ready:	.asciz	"boot: ready\r\n"
error:	.asciz	"boot: error\r\n"

#elif defined(BOOT_RETURN)
/*
 * Out of protected mode as on a 286: a way back at 40:67, the CMOS RAM's shutdown
 * byte, and a reset of the processor, by each thing that causes one.
 */
	.equ	COUNT, 0x5f00
main:	movw	$0, COUNT
next:	cli
	movw	$back, 0x467
	movw	$0, 0x469
	movb	$0x8f, %al
	outb	%al, $0x70
	movw	COUNT, %bx
	movb	code(%bx), %al
	outb	%al, $0x71
	lgdt	gdtr
	lidt	noidt
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $1f
1:	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	COUNT, %bx
	shlw	$1, %bx
	jmp	*way(%bx)
pulse:	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	1f
fast:	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
	jmp	1f
triple:	int3
chip:	movw	$0xcf9, %dx
	movb	$2, %al
	outb	%al, %dx
	movb	$6, %al
	outb	%al, %dx
1:	jmp	1b

back:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movl	%cr0, %eax
	testb	$1, %al
	jnz	9f
	cmpl	$0x4d554c56, magic	/* memory is as it was */
	jne	9f
	movb	$0x8f, %al
	outb	%al, $0x70
	inb	$0x71, %al
	testb	%al, %al		/* the BIOS has taken it */
	jnz	9f
	lidt	bios
	sti
	movw	$again, %si
	call	print
	incw	COUNT
	cmpw	$4, COUNT
	jne	next
	/* and the BIOS goes on: its clock, its disk */
	hlt
	movw	$packet, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	jc	9f
	jmp	pass
9:	FAIL(2)
way:	.word	pulse, fast, triple, chip
code:	.byte	5, 10, 10, 5
again:	.asciz	"boot: back\r\n"
	.align	8
gdt:	.quad	0
	.quad	0x00009a000000ffff	/* 16-bit code and data, as a 286 has */
	.quad	0x000092000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt
noidt:	.word	0
	.long	0
bios:	.word	0x3ff
	.long	0

#else
/* Protected mode: a GDT, an IDT with a handler for #PF and one for IRQ 0. */
main:	cli
	lgdt	gdtr
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmp	$8, $prot
	.align	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	/* 0x08: 32-bit code */
	.quad	0x00cf92000000ffff	/* 0x10: data */
	.quad	0x00af9a000000ffff	/* 0x18: 64-bit code */
gdtr:	.word	. - gdt - 1
	.long	gdt
idtr:	.word	0x21 * 8 - 1
	.long	0x5000
	.code32
prot:	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x7c00, %esp
	/* text on the screen; vga.sh looks at one */
	movl	$0x07410741, 0xb8000
	movl	0xb8000, %eax
	/* tables from 0x100000 on, all clear */
	movl	$0x100000, %edi
	movl	$0x8000, %ecx
	xorl	%eax, %eax
	rep stosl
#if defined(BOOT_PROT)
	/* 4 KiB pages: the first 4 MiB as they are, 0x400000 on 0x200000 */
	movl	$0x101003, 0x100000
	movl	$0x102003, 0x100004
	movl	$0x101000, %edi
	movl	$3, %eax
1:	stosl
	addl	$0x1000, %eax
	cmpl	$0x400003, %eax
	jne	1b
	movl	$0x200003, 0x102000
	movl	$0x100000, %eax
	movl	%eax, %cr3
#elif defined(BOOT_PAE)
	/* 2 MiB pages: 0 on 0, 0x400000 on 0x200000 */
	movl	$0x101001, 0x100000
	movl	$0x000083, 0x101000
	movl	$0x200083, 0x101010
	movl	%cr4, %eax
	orl	$0x20, %eax
	movl	%eax, %cr4
	movl	$0x100000, %eax
	movl	%eax, %cr3
#elif defined(BOOT_LONG)
	movl	$0x101003, 0x100000
	movl	$0x102003, 0x101000
	movl	$0x000083, 0x102000
	movl	$0x200083, 0x102010
	movl	%cr4, %eax
	orl	$0x20, %eax
	movl	%eax, %cr4
	movl	$0x100000, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax
	wrmsr
#endif
	movl	$0x12345678, 0x200010
	movl	%cr0, %eax
	orl	$0x80010000, %eax	/* PG, WP */
	movl	%eax, %cr0
#if defined(BOOT_LONG)
	ljmp	$0x18, $long
	.code64
long:	movabsq	$0x400010, %rbx
	cmpl	$0x12345678, (%rbx)
	jne	badmap
	/* 64-bit registers, and an address relative to RIP */
	movabsq	$0x1122334455667788, %rax
	pushq	%rax
	popq	%r15
	cmpq	%rax, %r15
	jne	badmap
	leaq	long(%rip), %rax
	cmpq	$long, %rax
	jne	badmap
	movl	$1, %eax		/* a processor that is 64-bit says so */
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx
	jnc	badmap
	movb	$42, %al
	jmp	out64
badmap:	movb	$5, %al
out64:	movzbl	%al, %eax
	movw	$0xf4, %dx
	outl	%eax, %dx
	hlt
#else
	cmpl	$0x12345678, 0x400010
	jne	9f
	/* gates: #PF (14) and IRQ 0 at 0x20 */
	movl	$0x5000 + 14 * 8, %edi
	movl	$fault, %eax
	call	gate
	movl	$0x5000 + 0x20 * 8, %edi
	movl	$tick, %eax
	call	gate
	lidt	idtr
	/* a page that is not there, with CR2 and the error code of a write */
	movl	$0, 0xc00123
	cmpl	$2, faults
	jne	9f
	/* the PICs to vector 0x20, all masked but the PIT */
	movb	$0x11, %al
	outb	%al, $0x20
	outb	%al, $0xa0
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x28, %al
	outb	%al, $0xa1
	movb	$4, %al
	outb	%al, $0x21
	movb	$2, %al
	outb	%al, $0xa1
	movb	$1, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	movb	$0xfe, %al
	outb	%al, $0x21
	movb	$0xff, %al
	outb	%al, $0xa1
	movb	$0x34, %al
	outb	%al, $0x43
	xorb	%al, %al
	outb	%al, $0x40
	movb	$0x10, %al
	outb	%al, $0x40
	sti
1:	hlt
	cmpl	$3, ticks
	jb	1b
	movl	$42, %eax
	jmp	8f
9:	movl	$5, %eax
8:	movw	$0xf4, %dx
	outl	%eax, %dx
	hlt

/* EDI: gate, EAX: handler below 64 KiB */
gate:	movw	%ax, (%edi)
	movw	$8, 2(%edi)
	movl	$0x8e00, 4(%edi)
	ret

fault:	popl	faults
	pushl	%eax
	movl	%cr2, %eax
	cmpl	$0xc00123, %eax
	je	1f
	movl	$99, faults
1:	popl	%eax
	addl	$10, (%esp)		/* movl $imm32, disp32 has 10 bytes */
	iretl

tick:	pushl	%eax
	incl	ticks
	movb	$0x20, %al
	outb	%al, $0x20
	popl	%eax
	iretl

	.align	4
faults:	.long	0
ticks:	.long	0
#endif
#endif
	.org	SECTORS * 512
