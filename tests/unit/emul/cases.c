/* SPDX-License-Identifier: MIT */
/*
 * What the CPU comparison can't reach from user mode: real, virtual-8086 and
 * privileged code, segment loads, port I/O, restarts. A table of {name, mode,
 * code, state before, state after}; registers, memory and flags that a case
 * doesn't mention must not change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

enum mode { REAL, V86, PM32, PM16, LONG64 };

enum what { NOTHING, GPR, SEL, BASE, LIMIT, RIGHTS, MEM, FLAGS, IP, CR, DR, MSR, XMM, TABLE_BASE,
	    TABLE_LIMIT, VECTOR, ERROR, NO_ERROR, KIND, SHADOW, TRAP, CPL, PORT, IO_VALUE,
	    IO_HINT, INVLPG, CHECKPOINTS, REP_LIMIT, COMPARE_FAILS, DR6,
	    DEVICE_LAST };

struct val {
	enum what what;
	uint64_t which, value;
	unsigned int size;
};

struct kase {
	const char *name;
	enum mode mode;
	const char *code;
	unsigned int length;
	enum emul_result result;
	struct val in[10], out[10];
};

/* Real mode: every segment has its own 64 KiB. */
#define CS_BASE		0x10000u
#define SS_BASE		0x20000u
#define DS_BASE		0x30000u
#define ES_BASE		0x40000u
#define CODE_IP		0x100u
#define STACK_TOP	0x1000u
/* Protected mode: flat, the same code and stack by linear address. */
#define PM_IP		(CS_BASE + CODE_IP)
#define PM_SP		(SS_BASE + STACK_TOP)
#define GDT_BASE	0x800u
#define LDT_BASE	0xc00u
#define TSS_BASE	0xe00u

/* Selectors in the GDT that make_gdt() builds. */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE16	0x18
#define SEL_DATA16	0x20
#define SEL_ABSENT	0x28
#define SEL_READONLY	0x30
#define SEL_DATA3	0x38
#define SEL_TSS		0x40
#define SEL_LDT		0x48
#define SEL_CONFORM	0x50
#define SEL_CODE64	0x58
#define SEL_GATE	0x60
#define SEL_CODE3	0x68
#define SEL_EXECONLY	0x70
#define SEL_BASED	0x78	/* data, base 0x12345678, limit 0xfff */
#define GDT_LIMIT	0x7f

#define C(bytes)	bytes, sizeof(bytes) - 1
#define R(reg, v)	{ GPR, EMUL_R##reg, v, 0 }
#define S(seg, sel)	{ SEL, EMUL_##seg, sel, 0 }, { BASE, EMUL_##seg, (uint64_t)(sel) << 4, 0 }
#define M8(la, v)	{ MEM, la, v, 1 }
#define M16(la, v)	{ MEM, la, v, 2 }
#define M32(la, v)	{ MEM, la, v, 4 }
#define M64(la, v)	{ MEM, la, v, 8 }
#define F(v)		{ FLAGS, 0, (v) | FL_FIXED, 0 }
#define TO(ip)		{ IP, 0, ip, 0 }
#define V(vector)	{ VECTOR, 0, vector, 0 }
#define GP0		{ VECTOR, 0, VEC_GP, 0 }, { ERROR, 0, 0, 0 }
#define W(w, v)		{ w, 0, v, 0 }
#define MMIO		MACHINE_MMIO

static const struct kase kases[] = {
	/* -- Real mode: addressing, wrap-around, limits -- */
	{ "mov ax, [bx+si] wraps in 64 KiB", REAL, C("\x8b\x00"), EMUL_DONE,
	  { R(BX, 0xfff0), R(SI, 0x0020), M16(DS_BASE + 0x10, 0xbeef) }, { R(AX, 0xbeef) } },
	{ "mov ax, [0xffff] is beyond the limit", REAL, C("\xa1\xff\xff"), EMUL_FAULT,
	  { R(AX, 1) }, { V(VEC_GP), W(NO_ERROR, 1) } },
	{ "mov al, [0xffff] is not", REAL, C("\xa0\xff\xff"), EMUL_DONE,
	  { M8(DS_BASE + 0xffff, 0x5a) }, { R(AX, 0x5a) } },
	{ "[bp] goes through SS", REAL, C("\x8a\x46\x00"), EMUL_DONE,
	  { R(BP, 8), M8(SS_BASE + 8, 7) }, { R(AX, 7) } },
	{ "[bp] through SS beyond the limit is #SS", REAL, C("\x8b\x46\x00"), EMUL_FAULT,
	  { R(BP, 0xffff) }, { V(VEC_SS) } },
	{ "ES override", REAL, C("\x26\xa1\x34\x12"), EMUL_DONE,
	  { M16(ES_BASE + 0x1234, 0x4321) }, { R(AX, 0x4321) } },
	{ "CS override may write", REAL, C("\x2e\xa2\x00\x20"), EMUL_DONE,
	  { R(AX, 0x77) }, { M8(CS_BASE + 0x2000, 0x77) } },
	{ "unreal mode: 32-bit address, large limit", REAL, C("\x67\x8b\x03"), EMUL_DONE,
	  { R(BX, 0x80000), { LIMIT, EMUL_DS, 0xffffffff, 0 }, M16(DS_BASE + 0x80000, 0x1111) },
	  { R(AX, 0x1111) } },
	{ "32-bit address beyond 64 KiB without it", REAL, C("\x67\x8b\x03"), EMUL_FAULT,
	  { R(BX, 0x80000) }, { V(VEC_GP) } },
	{ "mov keeps the upper half", REAL, C("\xb8\x34\x12"), EMUL_DONE,
	  { R(AX, 0xaaaa0000) }, { R(AX, 0xaaaa1234) } },
	{ "66 prefix: 32-bit operand", REAL, C("\x66\xb8\x78\x56\x34\x12"), EMUL_DONE,
	  { R(AX, 0) }, { R(AX, 0x12345678) } },
	{ "lock on a register is #UD", REAL, C("\xf0\x01\xd8"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_UD) } },
	{ "lock mov is #UD", REAL, C("\xf0\x89\x07"), EMUL_FAULT, { R(AX, 0) }, { V(VEC_UD) } },
	{ "lock cmp is #UD", REAL, C("\xf0\x39\x07"), EMUL_FAULT, { R(AX, 0) }, { V(VEC_UD) } },
	{ "lock add", REAL, C("\xf0\x01\x07"), EMUL_DONE,
	  { R(AX, 5), R(BX, 0x10), M16(DS_BASE + 0x10, 6) }, { M16(DS_BASE + 0x10, 11) } },
	{ "lock add loses its race: again, nothing changed", REAL, C("\xf0\x01\x07"), EMUL_AGAIN,
	  { R(AX, 5), R(BX, 0x10), M16(DS_BASE + 0x10, 6), W(COMPARE_FAILS, 1) }, { { 0 } } },
	{ "xchg is locked without a prefix", REAL, C("\x87\x07"), EMUL_AGAIN,
	  { R(AX, 5), R(BX, 0x10), M16(DS_BASE + 0x10, 6), W(COMPARE_FAILS, 1) }, { { 0 } } },
	{ "lock add to a device", PM32, C("\xf0\x01\x03"), EMUL_DONE,
	  { R(AX, 5), R(BX, MMIO) }, { W(DEVICE_LAST, 0x12121217) } },
	{ "stosd to a device", PM32, C("\xab"), EMUL_DONE, { R(AX, 0x12345678), R(DI, MMIO) },
	  { R(DI, MMIO + 4), W(DEVICE_LAST, 0x12345678) } },
	{ "mov to a device writes its own size", PM32, C("\x66\x89\x03"), EMUL_DONE,
	  { R(AX, 0x12345678), R(BX, MMIO) }, { W(DEVICE_LAST, 0x5678) } },

	/* -- Stack -- */
	{ "push ax", REAL, C("\x50"), EMUL_DONE, { R(AX, 0x1234) },
	  { R(SP, STACK_TOP - 2), M16(SS_BASE + STACK_TOP - 2, 0x1234) } },
	{ "push sp pushes the old value", REAL, C("\x54"), EMUL_DONE, { R(SP, 0x80) },
	  { R(SP, 0x7e), M16(SS_BASE + 0x7e, 0x80) } },
	{ "pop sp", REAL, C("\x5c"), EMUL_DONE,
	  { M16(SS_BASE + STACK_TOP, 0x4444) }, { R(SP, 0x4444) } },
	{ "push with SP 0 wraps", REAL, C("\x50"), EMUL_DONE, { R(AX, 0x1234), R(SP, 0x70000) },
	  { R(SP, 0x7fffe), M16(SS_BASE + 0xfffe, 0x1234) } },
	{ "push with SP 1 is #SS", REAL, C("\x50"), EMUL_FAULT, { R(SP, 1) }, { V(VEC_SS) } },
	{ "push imm8 sign-extends", REAL, C("\x6a\xfe"), EMUL_DONE, { R(AX, 0) },
	  { R(SP, STACK_TOP - 2), M16(SS_BASE + STACK_TOP - 2, 0xfffe) } },
	{ "pop word [mem]", REAL, C("\x8f\x06\x00\x05"), EMUL_DONE,
	  { M16(SS_BASE + STACK_TOP, 0x9876) },
	  { R(SP, STACK_TOP + 2), M16(DS_BASE + 0x500, 0x9876) } },
	{ "pusha", REAL, C("\x60"), EMUL_DONE,
	  { R(AX, 1), R(CX, 2), R(DX, 3), R(BX, 4), R(BP, 6), R(SI, 7), R(DI, 8) },
	  { R(SP, STACK_TOP - 16), M64(SS_BASE + STACK_TOP - 16, 0x1000000600070008),
	    M64(SS_BASE + STACK_TOP - 8, 0x0001000200030004) } },
	{ "popa skips SP", REAL, C("\x61"), EMUL_DONE,
	  { M64(SS_BASE + STACK_TOP, 0x1111000600070008),
	    M64(SS_BASE + STACK_TOP + 8, 0x0001000200030004) },
	  { R(AX, 1), R(CX, 2), R(DX, 3), R(BX, 4), R(BP, 6), R(SI, 7), R(DI, 8),
	    R(SP, STACK_TOP + 16) } },
	{ "enter 4, 0", REAL, C("\xc8\x04\x00\x00"), EMUL_DONE, { R(BP, 0x2222) },
	  { R(BP, STACK_TOP - 2), R(SP, STACK_TOP - 6), M16(SS_BASE + STACK_TOP - 2, 0x2222) } },
	{ "leave", REAL, C("\xc9"), EMUL_DONE, { R(BP, 0x800), M16(SS_BASE + 0x800, 0x3333) },
	  { R(BP, 0x3333), R(SP, 0x802) } },
	{ "pushf", REAL, C("\x9c"), EMUL_DONE, { F(FL_CF | FL_IF | FL_DF) },
	  { R(SP, STACK_TOP - 2), M16(SS_BASE + STACK_TOP - 2, 0x603) } },
	{ "popf may set IF and IOPL", REAL, C("\x9d"), EMUL_DONE,
	  { M16(SS_BASE + STACK_TOP, 0x3f02 & ~0x100) },
	  { R(SP, STACK_TOP + 2), F(0x3e00) } },

	/* -- Segments -- */
	{ "mov ds, ax", REAL, C("\x8e\xd8"), EMUL_DONE, { R(AX, 0x1234) }, { S(DS, 0x1234) } },
	{ "mov ds keeps an unreal limit", REAL, C("\x8e\xd8"), EMUL_DONE,
	  { R(AX, 0x20), { LIMIT, EMUL_DS, 0xffffffff, 0 } }, { S(DS, 0x20) } },
	{ "mov ss, ax has a shadow", REAL, C("\x8e\xd0"), EMUL_DONE, { R(AX, 0x77) },
	  { S(SS, 0x77), W(SHADOW, EMUL_SHADOW_MOV_SS) } },
	{ "mov ss holds back a single-step trap", REAL, C("\x8e\xd0"), EMUL_DONE,
	  { R(AX, 0x77), F(FL_TF) }, { S(SS, 0x77), W(SHADOW, EMUL_SHADOW_MOV_SS) } },
	{ "mov cs, ax is #UD", REAL, C("\x8e\xc8"), EMUL_FAULT, { R(AX, 0) }, { V(VEC_UD) } },
	{ "mov ax, segment 6 is #UD", REAL, C("\x8c\xf0"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_UD) } },
	{ "mov eax, ds zero-extends", REAL, C("\x66\x8c\xd8"), EMUL_DONE, { R(AX, ~0u) },
	  { R(AX, 0x3000) } },
	{ "mov [mem], es writes two bytes", REAL, C("\x66\x8c\x06\x00\x01"), EMUL_DONE,
	  { M32(DS_BASE + 0x100, ~0u) }, { M32(DS_BASE + 0x100, 0xffff4000) } },
	{ "push cs", REAL, C("\x0e"), EMUL_DONE, { R(AX, 0) },
	  { R(SP, STACK_TOP - 2), M16(SS_BASE + STACK_TOP - 2, 0x1000) } },
	{ "pop es", REAL, C("\x07"), EMUL_DONE, { M16(SS_BASE + STACK_TOP, 0xb800) },
	  { S(ES, 0xb800), R(SP, STACK_TOP + 2) } },
	{ "pop ss: the shadow, SP of the old stack", REAL, C("\x17"), EMUL_DONE,
	  { M16(SS_BASE + STACK_TOP, 0x9000) },
	  { S(SS, 0x9000), R(SP, STACK_TOP + 2), W(SHADOW, EMUL_SHADOW_MOV_SS) } },
	{ "les di, [bx]", REAL, C("\xc4\x3f"), EMUL_DONE,
	  { R(BX, 0x40), M32(DS_BASE + 0x40, 0xb8001234) }, { R(DI, 0x1234), S(ES, 0xb800) } },
	{ "lds si, [bx] reads with the old DS", REAL, C("\xc5\x37"), EMUL_DONE,
	  { R(BX, 0x40), M32(DS_BASE + 0x40, 0x55550077) }, { R(SI, 0x77), S(DS, 0x5555) } },
	{ "les with a register is #UD", REAL, C("\xc4\xff"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_UD) } },
	{ "lfs esp-based, 32-bit offset", REAL, C("\x66\x0f\xb4\x1e\x00\x02"), EMUL_DONE,
	  { M32(DS_BASE + 0x200, 0x89abcdef), M16(DS_BASE + 0x204, 0x1111) },
	  { R(BX, 0x89abcdef), S(FS, 0x1111) } },

	/* -- Control flow -- */
	{ "jmp short backwards", REAL, C("\xeb\xfe"), EMUL_DONE, { R(AX, 0) }, { TO(CODE_IP) } },
	{ "jmp near wraps at 64 KiB", REAL, C("\xe9\x00\xff"), EMUL_DONE, { R(AX, 0) },
	  { TO(3) } },
	{ "jmp with 32-bit operand beyond the limit", REAL, C("\x66\xe9\x00\x00\x01\x00"),
	  EMUL_FAULT, { R(AX, 0) }, { V(VEC_GP) } },
	{ "jz taken", REAL, C("\x74\x10"), EMUL_DONE, { F(FL_ZF) }, { TO(CODE_IP + 0x12) } },
	{ "jz not taken", REAL, C("\x74\x10"), EMUL_DONE, { F(0) }, { { 0 } } },
	{ "call near", REAL, C("\xe8\x10\x00"), EMUL_DONE, { R(AX, 0) },
	  { TO(CODE_IP + 0x13), R(SP, STACK_TOP - 2),
	    M16(SS_BASE + STACK_TOP - 2, CODE_IP + 3) } },
	{ "call [bx]", REAL, C("\xff\x17"), EMUL_DONE,
	  { R(BX, 0x10), M16(DS_BASE + 0x10, 0x4567) },
	  { TO(0x4567), R(SP, STACK_TOP - 2), M16(SS_BASE + STACK_TOP - 2, CODE_IP + 2) } },
	{ "ret 4", REAL, C("\xc2\x04\x00"), EMUL_DONE, { M16(SS_BASE + STACK_TOP, 0x222) },
	  { TO(0x222), R(SP, STACK_TOP + 6) } },
	{ "jmp far", REAL, C("\xea\x5b\xe0\x00\xf0"), EMUL_DONE, { R(AX, 0) },
	  { TO(0xe05b), S(CS, 0xf000) } },
	{ "call far", REAL, C("\x9a\x34\x12\x00\x50"), EMUL_DONE, { R(AX, 0) },
	  { TO(0x1234), S(CS, 0x5000), R(SP, STACK_TOP - 4),
	    M32(SS_BASE + STACK_TOP - 4, 0x10000105) } },
	{ "call far [bx]", REAL, C("\xff\x1f"), EMUL_DONE,
	  { R(BX, 0), M32(DS_BASE, 0x50001234) },
	  { TO(0x1234), S(CS, 0x5000), R(SP, STACK_TOP - 4),
	    M32(SS_BASE + STACK_TOP - 4, 0x10000102) } },
	{ "jmp far through a register is #UD", REAL, C("\xff\xe8"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_UD) } },
	{ "retf", REAL, C("\xcb"), EMUL_DONE, { M32(SS_BASE + STACK_TOP, 0x60000009) },
	  { TO(9), S(CS, 0x6000), R(SP, STACK_TOP + 4) } },
	{ "retf 2", REAL, C("\xca\x02\x00"), EMUL_DONE,
	  { M32(SS_BASE + STACK_TOP, 0x60000009) },
	  { TO(9), S(CS, 0x6000), R(SP, STACK_TOP + 6) } },
	{ "loop", REAL, C("\xe2\x10"), EMUL_DONE, { R(CX, 0x50002) },
	  { R(CX, 0x50001), TO(CODE_IP + 0x12) } },
	{ "loop ends", REAL, C("\xe2\x10"), EMUL_DONE, { R(CX, 0x50001) }, { R(CX, 0x50000) } },
	{ "loopne ends on ZF", REAL, C("\xe0\x10"), EMUL_DONE, { R(CX, 9), F(FL_ZF) },
	  { R(CX, 8) } },
	{ "jcxz looks at CX only", REAL, C("\xe3\x10"), EMUL_DONE, { R(CX, 0x10000) },
	  { TO(CODE_IP + 0x12) } },
	{ "jecxz looks at ECX", REAL, C("\x67\xe3\x10"), EMUL_DONE, { R(CX, 0x10000) },
	  { { 0 } } },

	/* -- Interrupts -- */
	{ "int 10h", REAL, C("\xcd\x10"), EMUL_DONE,
	  { M32(0x40, 0xf0001122), F(FL_IF | FL_TF | FL_CF) },
	  { TO(0x1122), S(CS, 0xf000), R(SP, STACK_TOP - 6),
	    M16(SS_BASE + STACK_TOP - 2, 0x303), M32(SS_BASE + STACK_TOP - 6, 0x10000102),
	    F(FL_CF) } },
	{ "int3", REAL, C("\xcc"), EMUL_DONE, { M32(0x0c, 0xf0001122) },
	  { TO(0x1122), S(CS, 0xf000), R(SP, STACK_TOP - 6),
	    M16(SS_BASE + STACK_TOP - 2, 2), M32(SS_BASE + STACK_TOP - 6, 0x10000101) } },
	{ "int beyond the table is #GP", REAL, C("\xcd\x40"), EMUL_FAULT,
	  { { TABLE_LIMIT, EMUL_IDT, 0xff, 0 } }, { V(VEC_GP) } },
	{ "into without OF", REAL, C("\xce"), EMUL_DONE, { F(0) }, { { 0 } } },
	{ "into without OF still single-steps", REAL, C("\xce"), EMUL_DONE, { F(FL_TF) },
	  { W(TRAP, 1) } },
	{ "into with OF", REAL, C("\xce"), EMUL_DONE, { F(FL_OF), M32(0x10, 0xf0001122) },
	  { TO(0x1122), S(CS, 0xf000), R(SP, STACK_TOP - 6),
	    M16(SS_BASE + STACK_TOP - 2, 0x802), M32(SS_BASE + STACK_TOP - 6, 0x10000101) } },
	{ "iret", REAL, C("\xcf"), EMUL_DONE,
	  { M32(SS_BASE + STACK_TOP, 0x70000033), M16(SS_BASE + STACK_TOP + 4, 0x247) },
	  { TO(0x33), S(CS, 0x7000), R(SP, STACK_TOP + 6), F(0x247) } },
	{ "bound inside", REAL, C("\x62\x07"), EMUL_DONE,
	  { R(BX, 0), R(AX, 0xffff), M32(DS_BASE, 0x0005fffe) }, { { 0 } } },
	{ "bound outside", REAL, C("\x62\x07"), EMUL_FAULT,
	  { R(BX, 0), R(AX, 6), M32(DS_BASE, 0x0005fffe) }, { V(VEC_BR) } },
	{ "div by zero", REAL, C("\xf6\xf3"), EMUL_FAULT, { R(BX, 0), R(AX, 9) },
	  { V(VEC_DE), W(NO_ERROR, 1) } },
	{ "ud2", REAL, C("\x0f\x0b"), EMUL_FAULT, { R(AX, 0) }, { V(VEC_UD) } },
	{ "single step", REAL, C("\x90"), EMUL_DONE, { F(FL_TF) }, { W(TRAP, 1) } },
	{ "hlt", REAL, C("\xf4"), EMUL_HALT, { R(AX, 0) }, { { 0 } } },
	{ "cli", REAL, C("\xfa"), EMUL_DONE, { F(FL_IF) }, { F(0) } },
	{ "sti has a shadow", REAL, C("\xfb"), EMUL_DONE, { F(0) },
	  { F(FL_IF), W(SHADOW, EMUL_SHADOW_STI) } },
	{ "sti with IF set has none", REAL, C("\xfb"), EMUL_DONE, { F(FL_IF) }, { F(FL_IF) } },

	/* -- Strings and ports -- */
	{ "rep movsb", REAL, C("\xf3\xa4"), EMUL_DONE,
	  { R(CX, 3), R(SI, 0x10), R(DI, 0x20), M32(DS_BASE + 0x10, 0x44332211) },
	  { R(CX, 0), R(SI, 0x13), R(DI, 0x23), M32(ES_BASE + 0x20, 0x00332211),
	    W(CHECKPOINTS, 2) } },
	{ "rep movsw backwards", REAL, C("\xf3\xa5"), EMUL_DONE,
	  { F(FL_DF), R(CX, 2), R(SI, 0x12), R(DI, 0x22), M32(DS_BASE + 0x10, 0x44332211) },
	  { R(CX, 0), R(SI, 0x0e), R(DI, 0x1e), M32(ES_BASE + 0x20, 0x44332211),
	    W(CHECKPOINTS, 1) } },
	{ "rep movsb with CX 0", REAL, C("\xf3\xa4"), EMUL_DONE, { R(CX, 0xa0000) }, { { 0 } } },
	{ "movsb source override, destination stays ES", REAL, C("\x2e\xa4"), EMUL_DONE,
	  { R(SI, 0x10), R(DI, 0x20), M8(CS_BASE + 0x10, 0x99) },
	  { R(SI, 0x11), R(DI, 0x21), M8(ES_BASE + 0x20, 0x99) } },
	{ "rep stosb stops at the limit per call", REAL, C("\xf3\xaa"), EMUL_AGAIN,
	  { W(REP_LIMIT, 4), R(CX, 10), R(AX, 0xab), R(DI, 0) },
	  { R(CX, 6), R(DI, 4), M32(ES_BASE, 0xabababab), W(CHECKPOINTS, 4) } },
	{ "rep stosb single-stepped", REAL, C("\xf3\xaa"), EMUL_AGAIN,
	  { F(FL_TF), R(CX, 10), R(AX, 0xab), R(DI, 0) },
	  { R(CX, 9), R(DI, 1), M8(ES_BASE, 0xab), W(CHECKPOINTS, 1), W(TRAP, 1) } },
	{ "rep stosb faulting part-way keeps what is done", REAL, C("\xf3\xaa"), EMUL_FAULT,
	  { R(CX, 5), R(AX, 0xab), R(DI, 0xfffe), { LIMIT, EMUL_ES, 0xfffe, 0 } },
	  { R(CX, 4), R(DI, 0xffff), M8(ES_BASE + 0xfffe, 0xab), V(VEC_GP),
	    W(CHECKPOINTS, 1) } },
	{ "DI wraps in 16 bits", REAL, C("\xaa"), EMUL_DONE, { R(AX, 1), R(DI, 0x7ffff) },
	  { R(DI, 0x70000), M8(ES_BASE + 0xffff, 1) } },
	{ "repe cmpsb", REAL, C("\xf3\xa6"), EMUL_DONE,
	  { R(CX, 9), R(SI, 0), R(DI, 0), M32(DS_BASE, 0x05030201), M32(ES_BASE, 0x04030201) },
	  { R(CX, 5), R(SI, 4), R(DI, 4), F(0), W(CHECKPOINTS, 3) } },
	{ "repne scasb", REAL, C("\xf2\xae"), EMUL_DONE,
	  { R(CX, 9), R(AX, 3), R(DI, 0), M32(ES_BASE, 0x04030201) },
	  { R(CX, 6), R(DI, 3), F(FL_ZF | FL_PF), W(CHECKPOINTS, 2) } },
	{ "lodsd", REAL, C("\x66\xad"), EMUL_DONE, { R(SI, 8), M32(DS_BASE + 8, 0xcafebabe) },
	  { R(AX, 0xcafebabe), R(SI, 12) } },
	{ "in al, 60h", REAL, C("\xe4\x60"), EMUL_DONE, { R(AX, 0xffff) },
	  { R(AX, 0xff40), W(PORT, 0x60), W(IO_HINT, 1) } },
	{ "in eax, dx", REAL, C("\x66\xed"), EMUL_DONE, { R(DX, 0xcfc) },
	  { R(AX, 0x40), W(PORT, 0xcfc), W(IO_HINT, 1) } },
	{ "out 80h, al", REAL, C("\xe6\x80"), EMUL_DONE, { R(AX, 0x1234) },
	  { W(PORT, 0x80), W(IO_VALUE, 0x34), W(IO_HINT, 1) } },
	{ "rep outsw", REAL, C("\xf3\x6f"), EMUL_DONE,
	  { R(CX, 2), R(SI, 0), R(DX, 0x1f0), M32(DS_BASE, 0x22221111) },
	  { R(CX, 0), R(SI, 4), W(PORT, 0x1f0), W(IO_VALUE, 0x2222), W(IO_HINT, 1),
	    W(CHECKPOINTS, 1) } },
	{ "rep insb", REAL, C("\xf3\x6c"), EMUL_DONE,
	  { R(CX, 3), R(DI, 0), R(DX, 0x1f0) },
	  { R(CX, 0), R(DI, 3), M32(ES_BASE, 0x00424140), W(PORT, 0x1f0), W(IO_HINT, 1),
	    W(CHECKPOINTS, 2) } },
	{ "insb beyond the limit reads no port", REAL, C("\x6d"), EMUL_FAULT,
	  { R(DI, 0xffff) }, { V(VEC_GP) } },
	{ "xlat", REAL, C("\xd7"), EMUL_DONE, { R(BX, 0x20), R(AX, 5), M8(DS_BASE + 0x25, 0x66) },
	  { R(AX, 0x66) } },

	/* -- Tables, control registers -- */
	{ "lgdt loads 24 bits of base", REAL, C("\x0f\x01\x16\x00\x01"), EMUL_DONE,
	  { M16(DS_BASE + 0x100, 0x7f), M32(DS_BASE + 0x102, 0xff012345) },
	  { { TABLE_LIMIT, EMUL_GDT, 0x7f, 0 }, { TABLE_BASE, EMUL_GDT, 0x012345, 0 } } },
	{ "lgdt with a 66 prefix loads 32", REAL, C("\x66\x0f\x01\x16\x00\x01"), EMUL_DONE,
	  { M16(DS_BASE + 0x100, 0x7f), M32(DS_BASE + 0x102, 0xff012345) },
	  { { TABLE_LIMIT, EMUL_GDT, 0x7f, 0 }, { TABLE_BASE, EMUL_GDT, 0xff012345, 0 } } },
	{ "VMMCALL's neighbours are not emulated", REAL, C("\x0f\x01\xdb"), EMUL_UNSUPPORTED,
	  { R(AX, 0) }, { { 0 } } },
	{ "sidt", REAL, C("\x0f\x01\x0e\x00\x01"), EMUL_DONE,
	  { { TABLE_BASE, EMUL_IDT, 0x123456, 0 } },
	  { M16(DS_BASE + 0x100, 0x3ff), M32(DS_BASE + 0x102, 0x123456) } },
	{ "mov eax, cr0", REAL, C("\x0f\x20\xc0"), EMUL_DONE, { { CR, 0, 0x60000010, 0 } },
	  { R(AX, 0x60000010) } },
	{ "mov cr0, eax", REAL, C("\x0f\x22\xc0"), EMUL_DONE, { R(AX, 0x11) },
	  { { CR, 0, 0x11, 0 } } },
	{ "mov cr1 is #UD", REAL, C("\x0f\x22\xc8"), EMUL_FAULT, { R(AX, 0) }, { V(VEC_UD) } },
	{ "lmsw sets PE", REAL, C("\x0f\x01\xf0"), EMUL_DONE, { R(AX, 1), { CR, 0, 0x10, 0 } },
	  { { CR, 0, 0x11, 0 } } },
	{ "lmsw can't clear PE", PM32, C("\x0f\x01\xf0"), EMUL_DONE,
	  { R(AX, 8), { CR, 0, 0x11, 0 } }, { { CR, 0, 0x19, 0 } } },
	{ "smsw", REAL, C("\x0f\x01\xe0"), EMUL_DONE,
	  { R(AX, 0xaaaa0000), { CR, 0, 0x60000010, 0 } }, { R(AX, 0xaaaa0010) } },
	{ "clts", REAL, C("\x0f\x06"), EMUL_DONE, { { CR, 0, 0x18, 0 } }, { { CR, 0, 0x10, 0 } } },
	{ "mov dr4 is dr6", PM32, C("\x0f\x23\xe0"), EMUL_DONE, { R(AX, 0x1234) },
	  { { DR, 6, 0x1234, 0 } } },
	{ "mov dr4 with CR4.DE is #UD", PM32, C("\x0f\x23\xe0"), EMUL_FAULT,
	  { { CR, 4, CR4_DE, 0 } }, { V(VEC_UD) } },
	{ "mov dr with DR7.GD is #DB", PM32, C("\x0f\x21\xc0"), EMUL_FAULT,
	  { { DR, 7, DR7_GD, 0 } }, { V(VEC_DB), W(DR6, DR6_BD) } },
	{ "cpuid", REAL, C("\x0f\xa2"), EMUL_DONE, { R(AX, 7), R(CX, 1) },
	  { R(AX, 8), R(BX, 3), R(CX, 3), R(DX, 4) } },
	{ "rdtsc", REAL, C("\x0f\x31"), EMUL_DONE, { R(AX, 0) },
	  { R(AX, 0x55667788), R(DX, 0x11223344) } },
	{ "rdtsc with CR4.TSD in ring 3", PM32, C("\x0f\x31"), EMUL_FAULT,
	  { W(CPL, 3), { CR, 4, CR4_TSD, 0 } }, { GP0 } },
	{ "rdmsr", PM32, C("\x0f\x32"), EMUL_DONE,
	  { R(CX, MSR_TSC_AUX), { MSR, MSR_TSC_AUX, 0x1111111122222222, 0 } },
	  { R(AX, 0x22222222), R(DX, 0x11111111) } },
	{ "wrmsr", PM32, C("\x0f\x30"), EMUL_DONE,
	  { R(CX, MSR_TSC_AUX), R(AX, 0x22222222), R(DX, 0x11111111) },
	  { { MSR, MSR_TSC_AUX, 0x1111111122222222, 0 } } },
	{ "rdmsr of an unknown one is #GP", PM32, C("\x0f\x32"), EMUL_FAULT, { R(CX, 1) },
	  { GP0 } },
	{ "invlpg", PM32, C("\x0f\x01\x38"), EMUL_DONE, { R(AX, 0x5000) }, { W(INVLPG, 0x5000) } },
	{ "str needs protected mode", REAL, C("\x0f\x00\xc8"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_UD) } },
	{ "str needs protected mode, also in virtual-8086", V86, C("\x0f\x00\xc8"), EMUL_FAULT,
	  { R(AX, 0) }, { V(VEC_UD) } },
	{ "sgdt with UMIP in ring 3", PM32, C("\x0f\x01\x00"), EMUL_FAULT,
	  { W(CPL, 3), { CR, 4, CR4_UMIP, 0 } }, { GP0 } },

	/* -- Virtual-8086 mode -- */
	{ "v86: mov ds", V86, C("\x8e\xd8"), EMUL_DONE, { R(AX, 0x1234) }, { S(DS, 0x1234) } },
	{ "v86: cli needs IOPL 3", V86, C("\xfa"), EMUL_FAULT, { F(FL_VM | FL_IF) }, { GP0 } },
	{ "v86: cli with it", V86, C("\xfa"), EMUL_DONE, { F(FL_VM | FL_IF | FL_IOPL) },
	  { F(FL_VM | FL_IOPL) } },
	{ "v86: int n needs IOPL 3", V86, C("\xcd\x10"), EMUL_FAULT, { F(FL_VM) }, { GP0 } },
	{ "v86: int n with it goes to the IDT", V86, C("\xcd\x10"), EMUL_FAULT,
	  { F(FL_VM | FL_IOPL) }, { V(0x10), W(KIND, EMUL_EVENT_SOFT_INT) } },
	{ "v86: pushf needs IOPL 3", V86, C("\x9c"), EMUL_FAULT, { F(FL_VM) }, { GP0 } },
	{ "v86: hlt", V86, C("\xf4"), EMUL_FAULT, { F(FL_VM) }, { GP0 } },
	{ "v86: in asks the I/O map even with IOPL 3", V86, C("\xe4\x60"), EMUL_FAULT,
	  { F(FL_VM | FL_IOPL), M16(TSS_BASE + 0x66, 0x68), M16(TSS_BASE + 0x68 + 12, 1) },
	  { GP0 } },
	{ "v86: in with the port's bit clear", V86, C("\xe4\x60"), EMUL_DONE,
	  { F(FL_VM), M16(TSS_BASE + 0x66, 0x68), M16(TSS_BASE + 0x68 + 12, 0xfffe) },
	  { R(AX, 0x40), W(PORT, 0x60), W(IO_HINT, 1) } },

	/* -- Protected mode: I/O, privilege -- */
	{ "in with CPL > IOPL, denied", PM32, C("\xe5\x60"), EMUL_FAULT,
	  { W(CPL, 3), M16(TSS_BASE + 0x66, 0x68), M16(TSS_BASE + 0x68 + 12, 8) }, { GP0 } },
	{ "in with CPL > IOPL, map beyond the TSS", PM32, C("\xe5\x60"), EMUL_FAULT,
	  { W(CPL, 3), M16(TSS_BASE + 0x66, 0xffff) }, { GP0 } },
	{ "in with IOPL 3 asks nobody", PM32, C("\xe4\x60"), EMUL_DONE,
	  { W(CPL, 3), F(FL_IOPL), M16(TSS_BASE + 0x66, 0xffff) },
	  { R(AX, 0x40), W(PORT, 0x60), W(IO_HINT, 1) } },
	{ "hlt in ring 3", PM32, C("\xf4"), EMUL_FAULT, { W(CPL, 3) }, { GP0 } },
	{ "mov cr0 in ring 3", PM32, C("\x0f\x22\xc0"), EMUL_FAULT, { W(CPL, 3) }, { GP0 } },
	{ "wbinvd in ring 3", PM32, C("\x0f\x09"), EMUL_FAULT, { W(CPL, 3) }, { GP0 } },
	{ "cli in ring 3", PM32, C("\xfa"), EMUL_FAULT, { W(CPL, 3) }, { GP0 } },
	{ "popf in ring 3 leaves IF and IOPL", PM32, C("\x9d"), EMUL_DONE,
	  { W(CPL, 3), F(0), M32(PM_SP, 0x3203) }, { R(SP, PM_SP + 4), F(FL_CF) } },
	{ "int n is the host's to deliver", PM32, C("\xcd\x80"), EMUL_FAULT, { R(AX, 0) },
	  { V(0x80), W(KIND, EMUL_EVENT_SOFT_INT), W(NO_ERROR, 1) } },
	{ "int3 is a software exception", PM32, C("\xcc"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_BP), W(KIND, EMUL_EVENT_SOFT_EXC) } },
	{ "write to a read-only segment", PM32, C("\xa2\x00\x30\x00\x00"), EMUL_FAULT,
	  { { RIGHTS, EMUL_DS, 0xc091, 0 } }, { GP0 } },
	{ "write to a code segment", PM32, C("\x2e\xa2\x00\x30\x00\x00"), EMUL_FAULT, { R(AX, 0) },
	  { GP0 } },
	{ "read from an execute-only segment", PM32, C("\x2e\xa0\x00\x30\x00\x00"), EMUL_FAULT,
	  { { RIGHTS, EMUL_CS, 0xc099, 0 } }, { GP0 } },
	{ "access through a null segment", PM32, C("\xa0\x00\x30\x00\x00"), EMUL_FAULT,
	  { { RIGHTS, EMUL_DS, AR_UNUSABLE, 0 } }, { GP0 } },
	{ "expand-down: below the limit", PM32, C("\xa0\xff\x0f\x00\x00"), EMUL_FAULT,
	  { { RIGHTS, EMUL_DS, 0xc097, 0 }, { LIMIT, EMUL_DS, 0xfff, 0 } }, { GP0 } },
	{ "expand-down: above it", PM32, C("\xa0\x00\x10\x00\x00"), EMUL_DONE,
	  { { RIGHTS, EMUL_DS, 0xc097, 0 }, { LIMIT, EMUL_DS, 0xfff, 0 }, M8(0x1000, 0x12) },
	  { R(AX, 0x12) } },
	{ "#PF carries the address", PM32, C("\xa0\x00\x00\x60\x00"), EMUL_FAULT, { R(AX, 1) },
	  { V(VEC_PF) } },
	{ "16-bit stack in protected mode", PM16, C("\x50"), EMUL_DONE,
	  { R(AX, 0x1234), R(SP, 0xabcd0000) },
	  { R(SP, 0xabcdfffe), M16(SS_BASE + 0xfffe, 0x1234) } },

	/* -- Protected mode: segment loads, far transfers -- */
	{ "mov ds, data", PM32, C("\x8e\xd8"), EMUL_DONE, { R(AX, SEL_DATA) },
	  { { SEL, EMUL_DS, SEL_DATA, 0 } } },
	{ "mov ds, ax unpacks base and limit, sets accessed", PM32, C("\x8e\xd8"), EMUL_DONE,
	  { R(AX, SEL_BASED) },
	  { { SEL, EMUL_DS, SEL_BASED, 0 }, { BASE, EMUL_DS, 0x12345678, 0 },
	    { LIMIT, EMUL_DS, 0xfff, 0 }, { RIGHTS, EMUL_DS, 0x4093, 0 },
	    M8(GDT_BASE + SEL_BASED + 5, 0x93) } },
	{ "mov ds, null", PM32, C("\x8e\xd8"), EMUL_DONE, { R(AX, 3) },
	  { { SEL, EMUL_DS, 3, 0 }, { LIMIT, EMUL_DS, 0, 0 },
	    { RIGHTS, EMUL_DS, AR_UNUSABLE, 0 } } },
	{ "mov ss, null", PM32, C("\x8e\xd0"), EMUL_FAULT, { R(AX, 0) }, { GP0 } },
	{ "mov ds, beyond the GDT", PM32, C("\x8e\xd8"), EMUL_FAULT, { R(AX, 0x88) },
	  { V(VEC_GP), { ERROR, 0, 0x88, 0 } } },
	{ "mov ds, in an LDT that isn't there", PM32, C("\x8e\xd8"), EMUL_FAULT, { R(AX, 0x0f) },
	  { V(VEC_GP), { ERROR, 0, 0x0c, 0 } } },
	{ "mov ds, not present", PM32, C("\x8e\xd8"), EMUL_FAULT, { R(AX, SEL_ABSENT) },
	  { V(VEC_NP), { ERROR, 0, SEL_ABSENT, 0 } } },
	{ "mov ss, not present", PM32, C("\x8e\xd0"), EMUL_FAULT, { R(AX, SEL_ABSENT) },
	  { V(VEC_SS), { ERROR, 0, SEL_ABSENT, 0 } } },
	{ "mov ss, read-only", PM32, C("\x8e\xd0"), EMUL_FAULT, { R(AX, SEL_READONLY) },
	  { V(VEC_GP), { ERROR, 0, SEL_READONLY, 0 } } },
	{ "mov ss, of another DPL", PM32, C("\x8e\xd0"), EMUL_FAULT, { R(AX, SEL_DATA3) },
	  { V(VEC_GP), { ERROR, 0, SEL_DATA3, 0 } } },
	{ "mov ds, execute-only code", PM32, C("\x8e\xd8"), EMUL_FAULT, { R(AX, SEL_EXECONLY) },
	  { V(VEC_GP), { ERROR, 0, SEL_EXECONLY, 0 } } },
	{ "mov ds, ring-0 data from ring 3", PM32, C("\x8e\xd8"), EMUL_FAULT,
	  { W(CPL, 3), R(AX, SEL_DATA | 3) }, { V(VEC_GP), { ERROR, 0, SEL_DATA, 0 } } },
	{ "mov ds, a system segment", PM32, C("\x8e\xd8"), EMUL_FAULT, { R(AX, SEL_LDT) },
	  { V(VEC_GP), { ERROR, 0, SEL_LDT, 0 } } },
	{ "jmp far into 32-bit code after setting PE", PM16, C("\xea\x00\x20\x08\x00"), EMUL_DONE,
	  { R(AX, 0) },
	  { TO(0x2000), { SEL, EMUL_CS, SEL_CODE32, 0 }, { BASE, EMUL_CS, 0, 0 },
	    { LIMIT, EMUL_CS, 0xffffffff, 0 }, { RIGHTS, EMUL_CS, 0xc09b, 0 } } },
	{ "the same with 66: 32-bit offset", PM16, C("\x66\xea\x00\x20\x01\x00\x08\x00"),
	  EMUL_DONE, { R(AX, 0) },
	  { TO(0x12000), { SEL, EMUL_CS, SEL_CODE32, 0 }, { BASE, EMUL_CS, 0, 0 },
	    { LIMIT, EMUL_CS, 0xffffffff, 0 }, { RIGHTS, EMUL_CS, 0xc09b, 0 } } },
	{ "jmp far to data", PM32, C("\xea\x00\x00\x00\x00\x10\x00"), EMUL_FAULT, { R(AX, 0) },
	  { V(VEC_GP), { ERROR, 0, SEL_DATA, 0 } } },
	{ "jmp far to null", PM32, C("\xea\x00\x00\x00\x00\x00\x00"), EMUL_FAULT, { R(AX, 0) },
	  { GP0 } },
	{ "jmp far through a gate isn't ours", PM32, C("\xea\x00\x00\x00\x00\x60\x00"),
	  EMUL_UNSUPPORTED, { R(AX, 0) }, { { 0 } } },
	{ "jmp far beyond the new limit", PM32, C("\xea\x00\x00\x01\x00\x18\x00"), EMUL_FAULT,
	  { R(AX, 0) }, { GP0, M8(GDT_BASE + SEL_CODE16 + 5, 0x9b) } },
	{ "call far", PM32, C("\x9a\x00\x20\x00\x00\x08\x00"), EMUL_DONE, { R(AX, 0) },
	  { TO(0x2000), R(SP, PM_SP - 8), M64(PM_SP - 8, 0x0000000800010107) } },
	{ "retf", PM32, C("\xcb"), EMUL_DONE, { M64(PM_SP, 0x0000000800003000) },
	  { TO(0x3000), R(SP, PM_SP + 8) } },
	{ "retf to a lower RPL from ring 3", PM32, C("\xcb"), EMUL_FAULT,
	  { W(CPL, 3), M64(PM_SP, 0x0000000800003000) },
	  { V(VEC_GP), { ERROR, 0, SEL_CODE32, 0 } } },
	{ "iret, same level", PM32, C("\xcf"), EMUL_DONE,
	  { M64(PM_SP, 0x0000000800003000), M32(PM_SP + 8, 0x203) },
	  { TO(0x3000), R(SP, PM_SP + 12), F(0x203) } },
	{ "lldt", PM32, C("\x0f\x00\xd0"), EMUL_DONE, { R(AX, SEL_LDT) },
	  { { SEL, EMUL_LDTR, SEL_LDT, 0 }, { BASE, EMUL_LDTR, LDT_BASE, 0 },
	    { LIMIT, EMUL_LDTR, 0x1f, 0 }, { RIGHTS, EMUL_LDTR, 0x82, 0 } } },
	{ "ltr marks the TSS busy", PM32, C("\x0f\x00\xd8"), EMUL_DONE, { R(AX, SEL_TSS) },
	  { { SEL, EMUL_TR, SEL_TSS, 0 }, { RIGHTS, EMUL_TR, 0x8b, 0 },
	    M8(GDT_BASE + SEL_TSS + 5, 0x8b) } },
	{ "ltr null", PM32, C("\x0f\x00\xd8"), EMUL_FAULT, { R(AX, 0) }, { GP0 } },
	{ "str", PM32, C("\x0f\x00\xc8"), EMUL_DONE, { { SEL, EMUL_TR, SEL_TSS, 0 } },
	  { R(AX, SEL_TSS) } },
	{ "lar", PM32, C("\x0f\x02\xc1"), EMUL_DONE, { R(CX, SEL_DATA) },
	  { R(AX, 0x00c09300), F(FL_ZF) } },
	{ "lsl", PM32, C("\x0f\x03\xc1"), EMUL_DONE, { R(CX, SEL_DATA16) },
	  { R(AX, 0xffff), F(FL_ZF) } },
	{ "lsl of a gate", PM32, C("\x0f\x03\xc1"), EMUL_DONE, { R(CX, SEL_GATE), F(FL_ZF) },
	  { F(0) } },
	{ "verr", PM32, C("\x0f\x00\xe1"), EMUL_DONE, { R(CX, SEL_READONLY) }, { F(FL_ZF) } },
	{ "verw", PM32, C("\x0f\x00\xe9"), EMUL_DONE, { R(CX, SEL_READONLY), F(FL_ZF) },
	  { F(0) } },

	/* -- 64-bit mode -- */
	{ "non-canonical address", LONG64, C("\x48\x8b\x03"), EMUL_FAULT,
	  { R(BX, 0x800000000000) }, { GP0 } },
	{ "non-canonical through RSP is #SS", LONG64, C("\x48\x8b\x04\x24"), EMUL_FAULT,
	  { R(SP, 0x800000000000) }, { V(VEC_SS), { ERROR, 0, 0, 0 } } },
	{ "LA57 makes it canonical: #PF", LONG64, C("\x48\x8b\x03"), EMUL_FAULT,
	  { R(BX, 0x800000000000), { CR, 4, CR4_LA57, 0 } }, { V(VEC_PF) } },
	{ "FS base", LONG64, C("\x64\x8b\x03"), EMUL_DONE,
	  { R(BX, 8), { BASE, EMUL_FS, 0x1000, 0 }, M32(0x1008, 0x77) }, { R(AX, 0x77) } },
	{ "swapgs", LONG64, C("\x0f\x01\xf8"), EMUL_DONE,
	  { { BASE, EMUL_GS, 0x1000, 0 }, { MSR, MSR_KERNEL_GS_BASE, 0x2000, 0 } },
	  { { BASE, EMUL_GS, 0x2000, 0 }, { MSR, MSR_KERNEL_GS_BASE, 0x1000, 0 } } },
	{ "mov cr8", LONG64, C("\x44\x0f\x22\xc0"), EMUL_DONE, { R(AX, 5) }, { { CR, 8, 5, 0 } } },
	{ "movaps unaligned", LONG64, C("\x0f\x28\x03"), EMUL_FAULT, { R(BX, 0x1008) }, { GP0 } },
	{ "movups from a device", LONG64, C("\x0f\x10\x03"), EMUL_DONE,
	  { R(BX, MMIO + 1), { XMM, 0, 5, 0 } },
	  { { XMM, 0, 0x1212121212121212, 0 }, { XMM, 1, 0x1212121212121212, 0 } } },
	{ "movups with CR0.TS is #NM", LONG64, C("\x0f\x10\x03"), EMUL_FAULT,
	  { { CR, 0, 0x80000019, 0 } }, { V(VEC_NM) } },
	{ "movups without OSFXSR is #UD", LONG64, C("\x0f\x10\x03"), EMUL_FAULT,
	  { { CR, 4, 0, 0 } }, { V(VEC_UD) } },
	{ "cmpxchg16b unaligned", LONG64, C("\x48\x0f\xc7\x0b"), EMUL_FAULT, { R(BX, 0x1008) },
	  { GP0 } },
	{ "mov from a device zero-extends", LONG64, C("\x8b\x03"), EMUL_DONE,
	  { R(AX, ~0ull), R(BX, MMIO + 0x10) }, { R(AX, 0x12121212) } },
	{ "movsq device to memory", LONG64, C("\xf3\x48\xa5"), EMUL_DONE,
	  { R(SI, MMIO), R(DI, 0x3000), R(CX, 2) },
	  { R(SI, MMIO + 16), R(DI, 0x3010), R(CX, 0), M64(0x3000, 0x1212121212121212),
	    M64(0x3008, 0x1313131313131313),
	    W(CHECKPOINTS, 1) } },
	{ "far jump to 64-bit code", LONG64, C("\xff\x2b"), EMUL_DONE,
	  { R(BX, 0x3000), M32(0x3000, 0x4000), M16(0x3004, SEL_CODE64) }, { TO(0x4000) } },
	{ "mov ss, null in ring 0", LONG64, C("\x8e\xd0"), EMUL_DONE, { R(AX, 0) },
	  { { SEL, EMUL_SS, 0, 0 }, { LIMIT, EMUL_SS, 0, 0 }, { RIGHTS, EMUL_SS, AR_UNUSABLE, 0 },
	    W(SHADOW, EMUL_SHADOW_MOV_SS) } },
	{ "instruction longer than 15 bytes", LONG64,
	  C("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), EMUL_FAULT,
	  { R(AX, 0) }, { GP0 } },
	{ "x87 is not emulated", LONG64, C("\xd9\xe8"), EMUL_UNSUPPORTED, { R(AX, 0) },
	  { { 0 } } },
};

/* ---- The machine's initial state ---- */

static void put32(struct machine *m, uint32_t la, uint32_t v)
{
	memcpy(m->ram + la, &v, 4);
}

static void make_gdt(struct machine *m)
{
	static const struct { uint16_t sel; uint32_t low, high; } entries[] = {
		{ SEL_CODE32, 0x0000ffff, 0x00cf9b00 }, { SEL_DATA, 0x0000ffff, 0x00cf9300 },
		{ SEL_CODE16, 0x0000ffff, 0x00009a00 }, { SEL_DATA16, 0x0000ffff, 0x00009300 },
		{ SEL_ABSENT, 0x0000ffff, 0x00cf1300 }, { SEL_READONLY, 0x0000ffff, 0x00cf9100 },
		{ SEL_DATA3, 0x0000ffff, 0x00cff300 },
		{ SEL_TSS, TSS_BASE << 16 | 0xff, 0x00008900 },
		{ SEL_LDT, LDT_BASE << 16 | 0x1f, 0x00008200 },
		{ SEL_CONFORM, 0x0000ffff, 0x00cf9f00 }, { SEL_CODE64, 0x0000ffff, 0x00af9b00 },
		{ SEL_GATE, 0x00080000, 0x00008c00 }, { SEL_CODE3, 0x0000ffff, 0x00cffb00 },
		{ SEL_EXECONLY, 0x0000ffff, 0x00cf9900 },
		{ SEL_BASED, 0x56780fff, 0x12409234 },
	};

	for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		put32(m, GDT_BASE + entries[i].sel, entries[i].low);
		put32(m, GDT_BASE + entries[i].sel + 4, entries[i].high);
	}
	m->table[EMUL_GDT] = (struct emul_table_reg){ .base = GDT_BASE, .limit = GDT_LIMIT };
	m->table[EMUL_IDT] = (struct emul_table_reg){ .limit = 0x3ff };
	m->seg[EMUL_TR] = (struct emul_seg){
		.base = TSS_BASE, .limit = 0xff, .ar = 0x8b, .selector = SEL_TSS };
	m->seg[EMUL_LDTR] = (struct emul_seg){ .ar = AR_UNUSABLE };
}

static void real_segments(struct machine *m, uint32_t data_ar, uint32_t code_ar)
{
	static const uint16_t selectors[6] = { 0x4000, 0x1000, 0x2000, 0x3000, 0x5000, 0x6000 };

	for (unsigned int i = 0; i < 6; i++)
		m->seg[i] = (struct emul_seg){
			.base = (uint64_t)selectors[i] << 4, .limit = 0xffff,
			.ar = i == EMUL_CS ? code_ar : data_ar, .selector = selectors[i] };
	m->e.rip = CODE_IP;
	m->gpr[EMUL_RSP] = STACK_TOP;
}

static void flat_segments(struct machine *m, uint16_t cs, uint32_t code_ar)
{
	for (unsigned int i = 0; i < 6; i++)
		m->seg[i] = (struct emul_seg){
			.limit = 0xffffffff, .ar = 0xc093, .selector = SEL_DATA };
	m->seg[EMUL_CS].selector = cs;
	m->seg[EMUL_CS].ar = code_ar;
	m->e.rip = PM_IP;
	m->gpr[EMUL_RSP] = PM_SP;
}

static void set_up(struct machine *m, enum mode mode)
{
	uint8_t *ram = m->ram;

	memset(ram, 0, MACHINE_RAM);
	memset(m, 0, sizeof(*m));
	m->ram = ram;
	m->io_next = 0x40;
	m->exits = true;
	m->mmio_next = 0x12;
	m->e = (struct emul){ .ops = &machine_ops, .ctx = m, .gpr = m->gpr, .rflags = FL_FIXED };
	m->cr[4] = CR4_OSFXSR;
	make_gdt(m);
	m->e.protected_mode = mode != REAL;
	m->e.mode = mode == LONG64 ? EMUL_MODE64 : mode == PM32 ? EMUL_MODE32 : EMUL_MODE16;
	switch (mode) {
	case REAL: real_segments(m, 0x93, 0x9b); break;
	case V86:
		real_segments(m, 0xf3, 0xf3);
		m->e.vm86 = true;
		m->e.cpl = 3;
		m->e.rflags |= FL_VM;
		break;
	case PM16: real_segments(m, 0x93, 0x9b); break;
	case PM32: flat_segments(m, SEL_CODE32, 0xc09b); break;
	case LONG64:
		flat_segments(m, SEL_CODE64, 0xa09b);
		m->e.long_mode = true;
		break;
	}
}

/* Sets one thing; also used to turn the state before into the wanted one. */
static void apply(struct machine *m, const struct val *v)
{
	switch (v->what) {
	case GPR: m->gpr[v->which] = v->value; break;
	case SEL: m->seg[v->which].selector = (uint16_t)v->value; break;
	case BASE: m->seg[v->which].base = v->value; break;
	case LIMIT: m->seg[v->which].limit = (uint32_t)v->value; break;
	case RIGHTS: m->seg[v->which].ar = (uint32_t)v->value; break;
	case MEM: memcpy(m->ram + v->which, &v->value, v->size); break;
	case FLAGS: m->e.rflags = v->value; break;
	case IP: m->e.rip = v->value; break;
	case CR: m->cr[v->which] = v->value; break;
	case DR: m->dr[v->which] = v->value; break;
	case MSR: m->msr[v->which - MSR_FS_BASE] = v->value; break;
	case XMM: m->xmm[0][v->which] = v->value; break;
	case TABLE_BASE: m->table[v->which].base = v->value; break;
	case TABLE_LIMIT: m->table[v->which].limit = (uint16_t)v->value; break;
	case VECTOR: m->e.fault.vector = (uint8_t)v->value; break;
	case ERROR: m->e.fault.error = (uint32_t)v->value; m->e.fault.has_error = true; break;
	case NO_ERROR: m->e.fault.has_error = false; break;
	case KIND: m->e.fault.kind = (uint8_t)v->value; break;
	case DR6: m->e.fault.dr6 = v->value; break;
	case SHADOW: m->e.shadow = (uint8_t)v->value; break;
	case TRAP: m->e.trap = v->value; break;
	case CPL: m->e.cpl = (uint8_t)v->value; break;
	case PORT: m->port = (uint16_t)v->value; break;
	case IO_VALUE: m->io_value = (uint32_t)v->value; break;
	case IO_HINT: m->io_hint = v->value; break;
	case INVLPG: m->invlpg = v->value; break;
	case CHECKPOINTS: m->checkpoints = (unsigned int)v->value; break;
	case REP_LIMIT: m->e.rep_limit = (uint32_t)v->value; break;
	case COMPARE_FAILS: m->compare_fails = v->value; break;
	case DEVICE_LAST: m->device_last = v->value; break;
	default: break;
	}
}

static bool wants(const struct kase *k, enum what what)
{
	for (unsigned int i = 0; i < 10; i++)
		if (k->out[i].what == what)
			return true;
	return false;
}

static unsigned int failures;

static void check(const struct kase *k, const char *what, unsigned int which, uint64_t want,
		  uint64_t have)
{
	if (want == have)
		return;
	failures++;
	printf("FAIL %s: %s %u: wanted %#" PRIx64 ", got %#" PRIx64 "\n", k->name, what, which,
	       want, have);
}

static void compare(const struct kase *k, const struct machine *want, const struct machine *have)
{
	uint64_t flags = wants(k, FLAGS) ? ~0ull : ~FL_ARITH;

	for (unsigned int i = 0; i < 16; i++)
		check(k, "gpr", i, want->gpr[i], have->gpr[i]);
	for (unsigned int i = 0; i < EMUL_SEG_COUNT; i++) {
		check(k, "selector", i, want->seg[i].selector, have->seg[i].selector);
		check(k, "base", i, want->seg[i].base, have->seg[i].base);
		check(k, "limit", i, want->seg[i].limit, have->seg[i].limit);
		check(k, "rights", i, want->seg[i].ar, have->seg[i].ar);
	}
	for (unsigned int i = 0; i < MACHINE_RAM; i++)
		if (want->ram[i] != have->ram[i])
			check(k, "memory", i, want->ram[i], have->ram[i]);
	for (unsigned int i = 0; i < 17; i++)
		check(k, "cr", i, want->cr[i], have->cr[i]);
	for (unsigned int i = 0; i < 8; i++)
		check(k, "dr", i, want->dr[i], have->dr[i]);
	for (unsigned int i = 0; i < 4; i++) {
		check(k, "msr", i, want->msr[i], have->msr[i]);
		check(k, "xmm0 part", i, want->xmm[0][i], have->xmm[0][i]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		check(k, "table base", i, want->table[i].base, have->table[i].base);
		check(k, "table limit", i, want->table[i].limit, have->table[i].limit);
	}
	check(k, "rip", 0, want->e.rip, have->e.rip);
	check(k, "rflags", 0, want->e.rflags & flags, have->e.rflags & flags);
	check(k, "shadow", 0, want->e.shadow, have->e.shadow);
	check(k, "trap", 0, want->e.trap, have->e.trap);
	check(k, "port", 0, want->port, have->port);
	check(k, "value written", 0, want->io_value, have->io_value);
	check(k, "count hint", 0, want->io_hint, have->io_hint);
	check(k, "invlpg", 0, want->invlpg, have->invlpg);
	check(k, "checkpoints", 0, want->checkpoints, have->checkpoints);
	if (wants(k, DEVICE_LAST))
		check(k, "last device write", 0, want->device_last, have->device_last);
	check(k, "log replayed differently", 0, 0, have->log_broken);
}

static void compare_fault(const struct kase *k, const struct machine *want,
			  const struct machine *have)
{
	if (k->result != EMUL_FAULT)
		return;
	check(k, "vector", 0, want->e.fault.vector, have->e.fault.vector);
	check(k, "kind", 0, want->e.fault.kind, have->e.fault.kind);
	if (wants(k, ERROR) || wants(k, NO_ERROR)) {
		check(k, "has error code", 0, want->e.fault.has_error, have->e.fault.has_error);
		check(k, "error code", 0, want->e.fault.error, have->e.fault.error);
	}
	check(k, "dr6", 0, want->e.fault.dr6, have->e.fault.dr6);
}

static void run(const struct kase *k, struct machine *have, struct machine *want)
{
	uint8_t *want_ram = want->ram;
	enum emul_result result;

	set_up(have, k->mode);
	for (unsigned int i = 0; i < 10; i++)
		apply(have, &k->in[i]);
	memcpy(have->ram + have->seg[EMUL_CS].base + have->e.rip, k->code, k->length);
	*want = *have;
	want->ram = want_ram;
	memcpy(want->ram, have->ram, MACHINE_RAM);
	if (k->result == EMUL_DONE || k->result == EMUL_HALT)
		want->e.rip += k->length;
	want->e.fault.kind = EMUL_EVENT_EXCEPTION;
	for (unsigned int i = 0; i < 10; i++)
		apply(want, &k->out[i]);
	result = machine_step(have);
	check(k, "result", 0, k->result, result);
	compare(k, want, have);
	compare_fault(k, want, have);
}

/* The host delivers an interrupt in real mode by itself. */
static void test_real_interrupt(struct machine *m)
{
	static const struct kase k = { .name = "emul_real_interrupt" };
	uint16_t frame[3];

	set_up(m, REAL);
	put32(m, 8 * 4, 0xf0004567);
	m->e.rflags = FL_FIXED | FL_IF | FL_ZF | FL_TF;
	check(&k, "result", 0, EMUL_DONE, emul_real_interrupt(&m->e, 8, 0x321));
	memcpy(frame, m->ram + SS_BASE + STACK_TOP - 6, 6);
	check(&k, "pushed ip", 0, 0x321, frame[0]);
	check(&k, "pushed cs", 0, 0x1000, frame[1]);
	check(&k, "pushed flags", 0, FL_FIXED | FL_IF | FL_ZF | FL_TF, frame[2]);
	check(&k, "ip", 0, 0x4567, m->e.rip);
	check(&k, "cs", 0, 0xf000, m->seg[EMUL_CS].selector);
	check(&k, "flags", 0, FL_FIXED | FL_ZF, m->e.rflags);
	check(&k, "sp", 0, STACK_TOP - 6, m->gpr[EMUL_RSP]);
}

/* Fetching: across a page, into an unmapped one, and from a filled buffer. */
static void test_fetch(struct machine *m)
{
	static const struct kase k = { .name = "fetch" };

	set_up(m, LONG64);
	m->e.rip = 0x1ffe;
	memcpy(m->ram + 0x1ffe, "\xb8\x78\x56\x34\x12", 5);
	check(&k, "across a page", 0, EMUL_DONE, machine_step(m));
	check(&k, "across a page: rax", 0, 0x12345678, m->gpr[0]);
	set_up(m, LONG64);
	m->e.rip = MACHINE_RAM - 2;
	memcpy(m->ram + MACHINE_RAM - 2, "\xb8\x78", 2);
	check(&k, "into nothing", 0, EMUL_FAULT, machine_step(m));
	check(&k, "into nothing: cr2", 0, MACHINE_RAM, m->e.fault.cr2);
	set_up(m, LONG64);
	m->e.rip = MACHINE_RAM - 1;
	m->ram[MACHINE_RAM - 1] = 0x90;
	check(&k, "last byte before nothing", 0, EMUL_DONE, machine_step(m));
	set_up(m, LONG64);
	memcpy(m->e.bytes, "\xff\xc0", 2);
	m->e.nbytes = 2;
	check(&k, "prefilled", 0, EMUL_DONE, emul_step(&m->e));
	check(&k, "prefilled: rax", 0, 1, m->gpr[0]);
	set_up(m, REAL);
	m->e.rip = 0xffff;
	m->ram[CS_BASE + 0xffff] = 0xb0;
	check(&k, "beyond the CS limit", 0, EMUL_FAULT, machine_step(m));
	check(&k, "beyond the CS limit: vector", 0, VEC_GP, m->e.fault.vector);
}

static void test_length(void)
{
	static const struct kase k = { .name = "emul_insn_length" };
	static const struct { const char *bytes; unsigned int n, length; enum emul_mode mode; } t[] = {
		{ "\x0f\xa2", 2, 2, EMUL_MODE64 }, { "\x0f\x01\xc1", 3, 3, EMUL_MODE64 },
		{ "\x0f\x01\xd9", 3, 3, EMUL_MODE64 }, { "\xf4", 1, 1, EMUL_MODE16 },
		{ "\x66\x0f\x22\xc0", 4, 4, EMUL_MODE16 }, { "\xe6\x80", 1, 0, EMUL_MODE32 },
		{ "\x0f\x01\xd1", 3, 3, EMUL_MODE64 }, { "\xf3\x90", 2, 2, EMUL_MODE32 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check(&k, "length", i, t[i].length,
		      emul_insn_length((const uint8_t *)t[i].bytes, t[i].n, t[i].mode));
}

/* What decode says about the memory operand, for the engine's fast paths. */
static void test_description(struct machine *m)
{
	static const struct kase k = { .name = "memory operand" };

	set_up(m, LONG64);
	m->gpr[EMUL_RBX] = 0x1000;
	m->gpr[EMUL_RCX] = 0x10;
	memcpy(m->e.bytes, "\x89\x44\x8b\x08", 4);	/* mov [rbx+rcx*4+8], eax */
	m->e.nbytes = 4;
	check(&k, "result", 0, EMUL_DONE, emul_decode(&m->e));
	check(&k, "offset", 0, 0x1048, m->e.insn.mem.offset);
	check(&k, "size", 0, 4, m->e.insn.mem.size);
	check(&k, "write", 0, 1, m->e.insn.mem.write);
	check(&k, "read", 0, 0, m->e.insn.mem.read);
	check(&k, "seg", 0, EMUL_DS, m->e.insn.mem.seg);
	memcpy(m->e.bytes, "\x83\x45\x00\x01", 4);	/* add dword [rbp], 1 */
	m->e.nbytes = 4;
	check(&k, "result", 1, EMUL_DONE, emul_decode(&m->e));
	check(&k, "seg of rbp", 1, EMUL_SS, m->e.insn.mem.seg);
	check(&k, "read and write", 1, 2, m->e.insn.mem.write + m->e.insn.mem.read);
}

int main(void)
{
	static struct machine have, want;
	unsigned int n = sizeof(kases) / sizeof(kases[0]);

	have.ram = malloc(MACHINE_RAM);
	want.ram = malloc(MACHINE_RAM);
	if (!have.ram || !want.ram)
		return 1;
	for (unsigned int i = 0; i < n; i++)
		run(&kases[i], &have, &want);
	test_real_interrupt(&have);
	test_fetch(&have);
	test_length();
	test_description(&have);
	free(have.ram);
	free(want.ram);
	printf("%u cases and 4 groups of checks, %u failures\n%s\n", n, failures,
	       failures ? "FAIL" : "PASS");
	return failures ? 1 : 0;
}
