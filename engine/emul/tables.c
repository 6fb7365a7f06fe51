/* SPDX-License-Identifier: MIT */
/*
 * Opcode tables: SDM2 "Opcode Map". An entry left out is #UD. Entries marked
 * LEN are instructions whose length is known but which aren't emulated.
 */
#include "internal.h"

#define I(op, a, b, c, f)	{ OP_##op, { a, b, c }, f }
#define M(op, a, b, c, f)	I(op, a, b, c, F_MODRM | (f))
#define G(group, a, b, c, f)	{ group, { a, b, c }, F_MODRM | F_GROUP | (f) }
#define P(set)			{ set, { NONE, NONE, NONE }, F_MODRM | F_PREFIX }
#define LEN			{ OP_UD, { NONE, NONE, NONE }, F_MODRM | F_LENGTH }
#define LENI			{ OP_UD, { Ib, NONE, NONE }, F_MODRM | F_LENGTH }
#define LEN0			{ OP_UD, { NONE, NONE, NONE }, F_LENGTH }

enum {
	GRP_1B, GRP_1, GRP_2, GRP_3B, GRP_3, GRP_4, GRP_5, GRP_1A, GRP_11B, GRP_11,
	GRP_11B_F8, GRP_11_F8,
	GRP_6, GRP_7, GRP_7_REG, GRP_7_0, GRP_7_1, GRP_7_2, GRP_7_3, GRP_7_5, GRP_7_7,
	GRP_8, GRP_9, GRP_9_REG, GRP_15, GRP_15_REG, GRP_17, GRP_12, GRP_13, GRP_14,
	GRP_D9, GRP_D9_REG, GRP_DB, GRP_DB_REG, GRP_DB_4, GRP_DD, GRP_DD_REG, GRP_DF, GRP_DF_REG,
	GRP_DF_4,
};

enum {
	PFX_10, PFX_11, PFX_12, PFX_13, PFX_16, PFX_17, PFX_28, PFX_29, PFX_2B, PFX_6E,
	PFX_6F, PFX_78, PFX_79, PFX_7E, PFX_7F, PFX_B8, PFX_BC, PFX_BD, PFX_C7_REG6,
	PFX_C7_REG7, PFX_D6, PFX_E7, PFX_F0, PFX_38_2A, PFX_38_F0, PFX_38_F1, PFX_38_F2, PFX_38_F3,
	PFX_38_F5, PFX_38_F6, PFX_38_F7, PFX_38_F9, PFX_3A_F0, PFX_AE_0, PFX_AE_1, PFX_AE_2,
	PFX_AE_3, PFX_AE_5, PFX_AE_7_MEM, PFX_AE_6_MEM, PFX_AE_6_REG, PFX_7_5_0, PFX_C3,
	PFX_AE_7_REG, PFX_7_1_2, PFX_7_1_3,
	PFX_7_2_0, PFX_7_0_1,
};

#define ALU(row, op, lock, rw)					\
	[row + 0] = M(op, Eb, Gb, NONE, lock | rw),		\
	[row + 1] = M(op, Ev, Gv, NONE, lock | rw),		\
	[row + 2] = M(op, Gb, Eb, NONE, 0),			\
	[row + 3] = M(op, Gv, Ev, NONE, 0),			\
	[row + 4] = I(op, AL, Ib, NONE, 0),			\
	[row + 5] = I(op, AXv, Iz, NONE, 0)

const struct emul_desc emul_map0[256] = {
	ALU(0x00, ADD, F_LOCK, F_RW),
	ALU(0x08, OR, F_LOCK, F_RW),
	ALU(0x10, ADC, F_LOCK, F_RW),
	ALU(0x18, SBB, F_LOCK, F_RW),
	ALU(0x20, AND, F_LOCK, F_RW),
	ALU(0x28, SUB, F_LOCK, F_RW),
	ALU(0x30, XOR, F_LOCK, F_RW),
	ALU(0x38, CMP, 0, F_R),
	[0x06] = I(PUSH_SEG, SES, NONE, NONE, F_I64),
	[0x07] = I(POP_SEG, SES, NONE, NONE, F_I64),
	[0x0e] = I(PUSH_SEG, SCS, NONE, NONE, F_I64),
	[0x16] = I(PUSH_SEG, SSS, NONE, NONE, F_I64),
	[0x17] = I(POP_SEG, SSS, NONE, NONE, F_I64),
	[0x1e] = I(PUSH_SEG, SDS, NONE, NONE, F_I64),
	[0x1f] = I(POP_SEG, SDS, NONE, NONE, F_I64),
	[0x27] = I(DAA, NONE, NONE, NONE, F_I64),
	[0x2f] = I(DAS, NONE, NONE, NONE, F_I64),
	[0x37] = I(AAA, NONE, NONE, NONE, F_I64),
	[0x3f] = I(AAS, NONE, NONE, NONE, F_I64),
	[0x40 ... 0x47] = I(INC, Zv, NONE, NONE, F_RW),
	[0x48 ... 0x4f] = I(DEC, Zv, NONE, NONE, F_RW),
	[0x50 ... 0x57] = I(PUSH, Zv, NONE, NONE, F_D64),
	[0x58 ... 0x5f] = I(POP, Zv, NONE, NONE, F_D64),
	[0x60] = I(PUSHA, NONE, NONE, NONE, F_I64),
	[0x61] = I(POPA, NONE, NONE, NONE, F_I64),
	[0x62] = M(BOUND, Gv, Ma, NONE, F_I64 | F_MEM),
	[0x63] = M(ARPL, Ew, Gw, NONE, F_RW | F_PM),
	[0x68] = I(PUSH, Iz, NONE, NONE, F_D64),
	[0x69] = M(IMUL, Gv, Ev, Iz, 0),
	[0x6a] = I(PUSH, Ibs, NONE, NONE, F_D64),
	[0x6b] = M(IMUL, Gv, Ev, Ibs, 0),
	[0x6c] = I(INS, Yb, DX, NONE, F_STRING | F_W),
	[0x6d] = I(INS, Yz, DX, NONE, F_STRING | F_W),
	[0x6e] = I(OUTS, Xb, DX, NONE, F_STRING | F_R),
	[0x6f] = I(OUTS, Xz, DX, NONE, F_STRING | F_R),
	[0x70 ... 0x7f] = I(JCC, Jb, NONE, NONE, F_F64),
	[0x80] = G(GRP_1B, Eb, Ib, NONE, 0),
	[0x81] = G(GRP_1, Ev, Iz, NONE, 0),
	[0x82] = G(GRP_1B, Eb, Ib, NONE, F_I64),
	[0x83] = G(GRP_1, Ev, Ibs, NONE, 0),
	[0x84] = M(TEST, Eb, Gb, NONE, F_R),
	[0x85] = M(TEST, Ev, Gv, NONE, F_R),
	[0x86] = M(XCHG, Eb, Gb, NONE, F_RW | F_LOCK),
	[0x87] = M(XCHG, Ev, Gv, NONE, F_RW | F_LOCK),
	[0x88] = M(MOV, Eb, Gb, NONE, F_W),
	[0x89] = M(MOV, Ev, Gv, NONE, F_W),
	[0x8a] = M(MOV, Gb, Eb, NONE, 0),
	[0x8b] = M(MOV, Gv, Ev, NONE, 0),
	[0x8c] = M(MOV_FROM_SEG, Ewv, Sw, NONE, F_W),
	[0x8d] = M(LEA, Gv, Mn, NONE, F_MEM),
	[0x8e] = M(MOV_TO_SEG, Sw, Ew, NONE, 0),
	[0x8f] = G(GRP_1A, Ev, NONE, NONE, F_D64),
	[0x90 ... 0x97] = I(XCHG, Zv, AXv, NONE, F_RW),
	[0x98] = I(CBW, NONE, NONE, NONE, 0),
	[0x99] = I(CWD, NONE, NONE, NONE, 0),
	[0x9a] = I(CALLF, Ap, NONE, NONE, F_I64),
	[0x9b] = I(FWAIT, NONE, NONE, NONE, 0),
	[0x9c] = I(PUSHF, NONE, NONE, NONE, F_D64),
	[0x9d] = I(POPF, NONE, NONE, NONE, F_D64),
	[0x9e] = I(SAHF, NONE, NONE, NONE, 0),
	[0x9f] = I(LAHF, NONE, NONE, NONE, 0),
	[0xa0] = I(MOV, AL, Ob, NONE, 0),
	[0xa1] = I(MOV, AXv, Ov, NONE, 0),
	[0xa2] = I(MOV, Ob, AL, NONE, F_W),
	[0xa3] = I(MOV, Ov, AXv, NONE, F_W),
	[0xa4] = I(MOVS, Yb, Xb, NONE, F_STRING),
	[0xa5] = I(MOVS, Yv, Xv, NONE, F_STRING),
	[0xa6] = I(CMPS, Yb, Xb, NONE, F_STRING),
	[0xa7] = I(CMPS, Yv, Xv, NONE, F_STRING),
	[0xa8] = I(TEST, AL, Ib, NONE, 0),
	[0xa9] = I(TEST, AXv, Iz, NONE, 0),
	[0xaa] = I(STOS, Yb, NONE, NONE, F_STRING | F_W),
	[0xab] = I(STOS, Yv, NONE, NONE, F_STRING | F_W),
	[0xac] = I(LODS, Xb, NONE, NONE, F_STRING | F_R),
	[0xad] = I(LODS, Xv, NONE, NONE, F_STRING | F_R),
	[0xae] = I(SCAS, Yb, NONE, NONE, F_STRING | F_R),
	[0xaf] = I(SCAS, Yv, NONE, NONE, F_STRING | F_R),
	[0xb0 ... 0xb7] = I(MOV, Zb, Ib, NONE, F_W),
	[0xb8 ... 0xbf] = I(MOV, Zv, Iv, NONE, F_W),
	[0xc0] = G(GRP_2, Eb, Ib, NONE, 0),
	[0xc1] = G(GRP_2, Ev, Ib, NONE, 0),
	[0xc2] = I(RET, Iw, NONE, NONE, F_F64),
	[0xc3] = I(RET, NONE, NONE, NONE, F_F64),
	[0xc4] = M(LES, Gv, Mp, NONE, F_I64 | F_MEM),
	[0xc5] = M(LDS, Gv, Mp, NONE, F_I64 | F_MEM),
	[0xc6] = G(GRP_11B, Eb, Ib, NONE, 0),
	[0xc7] = G(GRP_11, Ev, Iz, NONE, 0),
	[0xc8] = I(ENTER, Ienter, NONE, NONE, F_D64),
	[0xc9] = I(LEAVE, NONE, NONE, NONE, F_D64),
	[0xca] = I(RETF, Iw, NONE, NONE, 0),
	[0xcb] = I(RETF, NONE, NONE, NONE, 0),
	[0xcc] = I(INT3, NONE, NONE, NONE, 0),
	[0xcd] = I(INT, Ib, NONE, NONE, 0),
	[0xce] = I(INTO, NONE, NONE, NONE, F_I64),
	[0xcf] = I(IRET, NONE, NONE, NONE, 0),
	[0xd0] = G(GRP_2, Eb, I1, NONE, 0),
	[0xd1] = G(GRP_2, Ev, I1, NONE, 0),
	[0xd2] = G(GRP_2, Eb, CL, NONE, 0),
	[0xd3] = G(GRP_2, Ev, CL, NONE, 0),
	[0xd4] = I(AAM, Ib, NONE, NONE, F_I64),
	[0xd5] = I(AAD, Ib, NONE, NONE, F_I64),
	[0xd6] = I(SALC, NONE, NONE, NONE, F_I64),
	[0xd7] = I(XLAT, NONE, NONE, NONE, 0),
	[0xd8] = LEN,
	[0xd9] = G(GRP_D9, NONE, NONE, NONE, F_GROUP_MOD),
	[0xda] = LEN,
	[0xdb] = G(GRP_DB, NONE, NONE, NONE, F_GROUP_MOD),
	[0xdc] = LEN,
	[0xdd] = G(GRP_DD, NONE, NONE, NONE, F_GROUP_MOD),
	[0xde] = LEN,
	[0xdf] = G(GRP_DF, NONE, NONE, NONE, F_GROUP_MOD),
	[0xe0] = I(LOOPNE, Jb, NONE, NONE, F_F64),
	[0xe1] = I(LOOPE, Jb, NONE, NONE, F_F64),
	[0xe2] = I(LOOP, Jb, NONE, NONE, F_F64),
	[0xe3] = I(JCXZ, Jb, NONE, NONE, F_F64),
	[0xe4] = I(IN, AL, Ib, NONE, 0),
	[0xe5] = I(IN, AXv, Ib, NONE, 0),
	[0xe6] = I(OUT, Ib, AL, NONE, 0),
	[0xe7] = I(OUT, Ib, AXv, NONE, 0),
	[0xe8] = I(CALL, Jz, NONE, NONE, F_F64),
	[0xe9] = I(JMP, Jz, NONE, NONE, F_F64),
	[0xea] = I(JMPF, Ap, NONE, NONE, F_I64),
	[0xeb] = I(JMP, Jb, NONE, NONE, F_F64),
	[0xec] = I(IN, AL, DX, NONE, 0),
	[0xed] = I(IN, AXv, DX, NONE, 0),
	[0xee] = I(OUT, DX, AL, NONE, 0),
	[0xef] = I(OUT, DX, AXv, NONE, 0),
	[0xf1] = I(INT1, NONE, NONE, NONE, 0),
	[0xf4] = I(HLT, NONE, NONE, NONE, F_CPL0),
	[0xf5] = I(CMC, NONE, NONE, NONE, 0),
	[0xf6] = G(GRP_3B, Eb, NONE, NONE, 0),
	[0xf7] = G(GRP_3, Ev, NONE, NONE, 0),
	[0xf8] = I(CLC, NONE, NONE, NONE, 0),
	[0xf9] = I(STC, NONE, NONE, NONE, 0),
	[0xfa] = I(CLI, NONE, NONE, NONE, 0),
	[0xfb] = I(STI, NONE, NONE, NONE, 0),
	[0xfc] = I(CLD, NONE, NONE, NONE, 0),
	[0xfd] = I(STD, NONE, NONE, NONE, 0),
	[0xfe] = G(GRP_4, Eb, NONE, NONE, 0),
	[0xff] = G(GRP_5, Ev, NONE, NONE, 0),
};

/* In 64-bit mode opcode 63. */
const struct emul_desc emul_movsxd = M(MOVSXD, Gv, Ez, NONE, 0);

const struct emul_desc emul_map1[256] = {
	[0x00] = G(GRP_6, NONE, NONE, NONE, F_PM),
	[0x01] = G(GRP_7, NONE, NONE, NONE, F_GROUP_MOD),
	[0x02] = M(LAR, Gv, Ew, NONE, F_PM),
	[0x03] = M(LSL, Gv, Ew, NONE, F_PM),
	[0x05] = LEN0,				/* SYSCALL */
	[0x06] = I(CLTS, NONE, NONE, NONE, F_CPL0),
	[0x07] = LEN0,				/* SYSRET */
	[0x08] = I(WBINVD, NONE, NONE, NONE, F_CPL0),
	[0x09] = I(WBINVD, NONE, NONE, NONE, F_CPL0),	/* F3: WBNOINVD */
	[0x0b] = I(UD, NONE, NONE, NONE, 0),	/* UD2 */
	[0x0d] = M(NOP, Ev, NONE, NONE, 0),	/* PREFETCHW */
	[0x0e] = LEN0,				/* FEMMS */
	[0x0f] = LENI,				/* 3DNow! */
	[0x10] = P(PFX_10),
	[0x11] = P(PFX_11),
	[0x12] = P(PFX_12),
	[0x13] = P(PFX_13),
	[0x14 ... 0x15] = LEN,
	[0x16] = P(PFX_16),
	[0x17] = P(PFX_17),
	[0x18 ... 0x1f] = M(NOP, Ev, NONE, NONE, 0),	/* hints, ENDBR */
	[0x20] = M(MOV_FROM_CR, Ry, Cd, NONE, F_CPL0),
	[0x21] = M(MOV_FROM_DR, Ry, Dd, NONE, F_CPL0),
	[0x22] = M(MOV_TO_CR, Cd, Ry, NONE, F_CPL0),
	[0x23] = M(MOV_TO_DR, Dd, Ry, NONE, F_CPL0),
	[0x28] = P(PFX_28),
	[0x29] = P(PFX_29),
	[0x2a] = LEN,
	[0x2b] = P(PFX_2B),
	[0x2c ... 0x2f] = LEN,
	[0x30] = I(WRMSR, NONE, NONE, NONE, F_CPL0),
	[0x31] = I(RDTSC, NONE, NONE, NONE, 0),
	[0x32] = I(RDMSR, NONE, NONE, NONE, F_CPL0),
	[0x33 ... 0x35] = LEN0,			/* RDPMC, SYSENTER, SYSEXIT */
	[0x37] = LEN0,				/* GETSEC */
	[0x40 ... 0x4f] = M(CMOV, Gv, Ev, NONE, 0),
	[0x50 ... 0x6d] = LEN,
	[0x6e] = P(PFX_6E),
	[0x6f] = P(PFX_6F),
	[0x70] = LENI,
	[0x71] = G(GRP_12, NONE, NONE, NONE, 0),
	[0x72] = G(GRP_13, NONE, NONE, NONE, 0),
	[0x73] = G(GRP_14, NONE, NONE, NONE, 0),
	[0x74 ... 0x76] = LEN,
	[0x77] = LEN0,				/* EMMS, VZEROUPPER */
	[0x78] = P(PFX_78),
	[0x79] = P(PFX_79),
	[0x7a ... 0x7d] = LEN,
	[0x7e] = P(PFX_7E),
	[0x7f] = P(PFX_7F),
	[0x80 ... 0x8f] = I(JCC, Jz, NONE, NONE, F_F64),
	[0x90 ... 0x9f] = M(SETCC, Eb, NONE, NONE, F_W),
	[0xa0] = I(PUSH_SEG, SFS, NONE, NONE, F_D64),
	[0xa1] = I(POP_SEG, SFS, NONE, NONE, F_D64),
	[0xa2] = I(CPUID, NONE, NONE, NONE, 0),
	[0xa3] = M(BT, Ev, Gv, NONE, F_R),
	[0xa4] = M(SHLD, Ev, Gv, Ib, F_RW),
	[0xa5] = M(SHLD, Ev, Gv, CL, F_RW),
	[0xa8] = I(PUSH_SEG, SGS, NONE, NONE, F_D64),
	[0xa9] = I(POP_SEG, SGS, NONE, NONE, F_D64),
	[0xaa] = LEN0,				/* RSM */
	[0xab] = M(BTS, Ev, Gv, NONE, F_RW | F_LOCK),
	[0xac] = M(SHRD, Ev, Gv, Ib, F_RW),
	[0xad] = M(SHRD, Ev, Gv, CL, F_RW),
	[0xae] = G(GRP_15, NONE, NONE, NONE, F_GROUP_MOD),
	[0xaf] = M(IMUL, Gv, Ev, NONE, 0),
	[0xb0] = M(CMPXCHG, Eb, Gb, NONE, F_RW | F_LOCK),
	[0xb1] = M(CMPXCHG, Ev, Gv, NONE, F_RW | F_LOCK),
	[0xb2] = M(LSS, Gv, Mp, NONE, F_MEM),
	[0xb3] = M(BTR, Ev, Gv, NONE, F_RW | F_LOCK),
	[0xb4] = M(LFS, Gv, Mp, NONE, F_MEM),
	[0xb5] = M(LGS, Gv, Mp, NONE, F_MEM),
	[0xb6] = M(MOVZX, Gv, Eb, NONE, 0),
	[0xb7] = M(MOVZX, Gv, Ew, NONE, 0),
	[0xb8] = P(PFX_B8),
	[0xb9] = M(UD, NONE, NONE, NONE, 0),	/* UD1 */
	[0xba] = G(GRP_8, Ev, Ib, NONE, 0),
	[0xbb] = M(BTC, Ev, Gv, NONE, F_RW | F_LOCK),
	[0xbc] = P(PFX_BC),
	[0xbd] = P(PFX_BD),
	[0xbe] = M(MOVSX, Gv, Eb, NONE, 0),
	[0xbf] = M(MOVSX, Gv, Ew, NONE, 0),
	[0xc0] = M(XADD, Eb, Gb, NONE, F_RW | F_LOCK),
	[0xc1] = M(XADD, Ev, Gv, NONE, F_RW | F_LOCK),
	[0xc2] = LENI,
	[0xc3] = P(PFX_C3),
	[0xc4 ... 0xc6] = LENI,
	[0xc7] = G(GRP_9, NONE, NONE, NONE, F_GROUP_MOD),
	[0xc8 ... 0xcf] = I(BSWAP, Zv, NONE, NONE, F_RW),
	[0xd0 ... 0xd5] = LEN,
	[0xd6] = P(PFX_D6),
	[0xd7 ... 0xe6] = LEN,
	[0xe7] = P(PFX_E7),
	[0xe8 ... 0xef] = LEN,
	[0xf0] = P(PFX_F0),
	[0xf1 ... 0xfe] = LEN,
	[0xff] = M(UD, NONE, NONE, NONE, 0),	/* UD0 */
};

/* A group member without operands of its own takes those of its parent. */
#define MEMBER(op, f)	{ OP_##op, { NONE, NONE, NONE }, F_MODRM | (f) }

const struct emul_desc emul_groups[][8] = {
	[GRP_1B] = {
		MEMBER(ADD, F_RW | F_LOCK), MEMBER(OR, F_RW | F_LOCK),
		MEMBER(ADC, F_RW | F_LOCK), MEMBER(SBB, F_RW | F_LOCK),
		MEMBER(AND, F_RW | F_LOCK), MEMBER(SUB, F_RW | F_LOCK),
		MEMBER(XOR, F_RW | F_LOCK), MEMBER(CMP, F_R),
	},
	[GRP_1] = {
		MEMBER(ADD, F_RW | F_LOCK), MEMBER(OR, F_RW | F_LOCK),
		MEMBER(ADC, F_RW | F_LOCK), MEMBER(SBB, F_RW | F_LOCK),
		MEMBER(AND, F_RW | F_LOCK), MEMBER(SUB, F_RW | F_LOCK),
		MEMBER(XOR, F_RW | F_LOCK), MEMBER(CMP, F_R),
	},
	[GRP_2] = {
		MEMBER(ROL, F_RW), MEMBER(ROR, F_RW), MEMBER(RCL, F_RW), MEMBER(RCR, F_RW),
		MEMBER(SHL, F_RW), MEMBER(SHR, F_RW), MEMBER(SAL, F_RW), MEMBER(SAR, F_RW),
	},
	[GRP_3B] = {
		M(TEST, Eb, Ib, NONE, F_R), M(TEST, Eb, Ib, NONE, F_R),
		MEMBER(NOT, F_RW | F_LOCK), MEMBER(NEG, F_RW | F_LOCK),
		MEMBER(MUL, F_R), MEMBER(IMUL1, F_R), MEMBER(DIV, F_R), MEMBER(IDIV, F_R),
	},
	[GRP_3] = {
		M(TEST, Ev, Iz, NONE, F_R), M(TEST, Ev, Iz, NONE, F_R),
		MEMBER(NOT, F_RW | F_LOCK), MEMBER(NEG, F_RW | F_LOCK),
		MEMBER(MUL, F_R), MEMBER(IMUL1, F_R), MEMBER(DIV, F_R), MEMBER(IDIV, F_R),
	},
	[GRP_4] = { MEMBER(INC, F_RW | F_LOCK), MEMBER(DEC, F_RW | F_LOCK) },
	[GRP_5] = {
		MEMBER(INC, F_RW | F_LOCK), MEMBER(DEC, F_RW | F_LOCK),
		MEMBER(CALL, F_R | F_F64), M(CALLF, Mp, NONE, NONE, F_R | F_MEM),
		MEMBER(JMP, F_R | F_F64), M(JMPF, Mp, NONE, NONE, F_R | F_MEM),
		MEMBER(PUSH, F_R | F_D64),
	},
	[GRP_1A] = { MEMBER(POP, F_W | F_D64) },
	[GRP_11B] = {
		MEMBER(MOV, F_W),
		[7] = { GRP_11B_F8, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
	},
	[GRP_11] = {
		MEMBER(MOV, F_W),
		[7] = { GRP_11_F8, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
	},
	[GRP_11B_F8] = { LENI },				/* XABORT */
	[GRP_11_F8] = { { OP_UD, { Jz, NONE, NONE }, F_MODRM | F_LENGTH } },	/* XBEGIN */
	[GRP_6] = {
		M(SLDT, Ewv, NONE, NONE, F_W | F_PM), M(STR, Ewv, NONE, NONE, F_W | F_PM),
		M(LLDT, Ew, NONE, NONE, F_R | F_PM | F_CPL0),
		M(LTR, Ew, NONE, NONE, F_R | F_PM | F_CPL0),
		M(VERR, Ew, NONE, NONE, F_R | F_PM), M(VERW, Ew, NONE, NONE, F_R | F_PM),
	},
	[GRP_7] = {
		M(SGDT, Ms, NONE, NONE, F_W), M(SIDT, Ms, NONE, NONE, F_W),
		M(LGDT, Ms, NONE, NONE, F_R | F_CPL0), M(LIDT, Ms, NONE, NONE, F_R | F_CPL0),
		M(SMSW, Ewv, NONE, NONE, F_W), { PFX_7_5_0, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		M(LMSW, Ew, NONE, NONE, F_R | F_CPL0), M(INVLPG, Mn, NONE, NONE, F_CPL0),
	},
	[GRP_7_REG] = {
		{ GRP_7_0, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		{ GRP_7_1, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		{ GRP_7_2, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		{ GRP_7_3, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		M(SMSW, Ewv, NONE, NONE, F_W),
		{ GRP_7_5, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		M(LMSW, Ew, NONE, NONE, F_R | F_CPL0),
		{ GRP_7_7, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
	},
	/* ENCLV, VMCALL, VMLAUNCH, VMRESUME, VMXOFF, PCONFIG */
	[GRP_7_0] = {
		LEN, { PFX_7_0_1, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		LEN, LEN, LEN, LEN, LEN, LEN,
	},
	/* MONITOR, MWAIT, CLAC, STAC, TDX, ENCLS */
	[GRP_7_1] = {
		LEN, LEN, { PFX_7_1_2, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_7_1_3, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		LEN, LEN, LEN, LEN,
	},
	/* XGETBV, XSETBV, VMFUNC, XEND, XTEST, ENCLU */
	[GRP_7_2] = {
		{ PFX_7_2_0, { NONE, NONE, NONE }, F_MODRM | F_PREFIX }, LEN, [4] = LEN, LEN, LEN, LEN,
	},
	/* VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, INVLPGA */
	[GRP_7_3] = { LEN, M(VMCALL, NONE, NONE, NONE, 0), LEN, LEN, LEN, LEN, LEN, LEN },
	[GRP_7_5] = { LEN, LEN, LEN, [4] = LEN, LEN, LEN, LEN },
	[GRP_7_7] = {
		M(SWAPGS, NONE, NONE, NONE, F_O64 | F_CPL0), M(RDTSCP, NONE, NONE, NONE, 0),
		LEN, LEN, LEN, LEN, LEN, LEN,
	},
	[GRP_8] = {
		[4] = MEMBER(BT, F_R), MEMBER(BTS, F_RW | F_LOCK),
		MEMBER(BTR, F_RW | F_LOCK), MEMBER(BTC, F_RW | F_LOCK),
	},
	[GRP_9] = {
		[1] = M(CMPXCHG8B, Mx, NONE, NONE, F_RW | F_LOCK),
		[3] = LEN, LEN, LEN, LEN, LEN,
	},
	[GRP_9_REG] = {
		[6] = { PFX_C7_REG6, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_C7_REG7, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
	},
	[GRP_12] = { [2] = LENI, [4] = LENI, [6] = LENI },
	[GRP_13] = { LENI, LENI, LENI, [4] = LENI, [6] = LENI },
	[GRP_14] = { [2] = LENI, LENI, [6] = LENI, LENI },
	/* FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, XSAVEOPT, CLFLUSH */
	[GRP_15] = {
		LEN, LEN, LEN, LEN, LEN, LEN,
		{ PFX_AE_6_MEM, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_7_MEM, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
	},
	[GRP_15_REG] = {
		{ PFX_AE_0, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_1, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_2, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_3, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		LEN,
		{ PFX_AE_5, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_6_REG, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
		{ PFX_AE_7_REG, { NONE, NONE, NONE }, F_MODRM | F_PREFIX },
	},
	[GRP_17] = {
		[1] = M(BLSR, By, Ey, NONE, F_VEXONLY | F_VEXNDS | F_VEXL0),
		M(BLSMSK, By, Ey, NONE, F_VEXONLY | F_VEXNDS | F_VEXL0),
		M(BLSI, By, Ey, NONE, F_VEXONLY | F_VEXNDS | F_VEXL0),
	},
	/* x87: the instructions that say how it is set up; of the others the length. */
	[GRP_D9] = {
		LEN, LEN, LEN, LEN, LEN, M(FLDCW, Ew, NONE, NONE, F_R), LEN,
		M(FNSTCW, Ew, NONE, NONE, F_W),
	},
	[GRP_D9_REG] = { LEN, LEN, LEN, LEN, LEN, LEN, LEN, LEN },
	[GRP_DB] = { LEN, LEN, LEN, LEN, LEN, LEN, LEN, LEN },
	[GRP_DB_REG] = {
		LEN, LEN, LEN, LEN, { GRP_DB_4, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		LEN, LEN, LEN,
	},
	/* FNENI and FNDISI of the 8087, FNCLEX, FNINIT, FNSETPM of the 80287 */
	[GRP_DB_4] = {
		M(FPU_NOP, NONE, NONE, NONE, 0), M(FPU_NOP, NONE, NONE, NONE, 0),
		M(FNCLEX, NONE, NONE, NONE, 0), M(FNINIT, NONE, NONE, NONE, 0),
		M(FPU_NOP, NONE, NONE, NONE, 0), LEN, LEN, LEN,
	},
	[GRP_DD] = {
		LEN, LEN, LEN, LEN, LEN, LEN, LEN, M(FNSTSW, Ew, NONE, NONE, F_W),
	},
	[GRP_DD_REG] = { LEN, LEN, LEN, LEN, LEN, LEN, LEN, LEN },
	[GRP_DF] = { LEN, LEN, LEN, LEN, LEN, LEN, LEN, LEN },
	[GRP_DF_REG] = {
		LEN, LEN, LEN, LEN, { GRP_DF_4, { NONE, NONE, NONE }, F_MODRM | F_GROUP_RM },
		LEN, LEN, LEN,
	},
	[GRP_DF_4] = {
		M(FNSTSW, Ew, NONE, NONE, F_W), LEN, LEN, LEN, LEN, LEN, LEN, LEN,
	},
};

#define LOADV	(F_SSE | F_VEX)
#define STOREV	(F_SSE | F_VEX | F_W)
#define BMI	(F_VEXONLY | F_VEXNDS | F_VEXL0)

const struct emul_desc emul_prefixed[][4] = {
	[PFX_10] = {
		M(VMOV, Vx, Wx, NONE, LOADV), M(VMOV, Vx, Wx, NONE, LOADV),
		M(VMOVSCALAR, Vd, Wd, NONE, LOADV | F_VEXNDS_REG), M(VMOVSCALAR, Vq, Wq, NONE, LOADV | F_VEXNDS_REG),
	},
	[PFX_11] = {
		M(VMOV, Wx, Vx, NONE, STOREV), M(VMOV, Wx, Vx, NONE, STOREV),
		M(VMOVSCALAR, Wd, Vd, NONE, STOREV | F_VEXNDS_REG), M(VMOVSCALAR, Wq, Vq, NONE, STOREV | F_VEXNDS_REG),
	},
	[PFX_12] = {
		M(VMOVLOW, Vq, Wq, NONE, F_SSE), M(VMOVLOW, Vq, Mq, NONE, F_SSE | F_MEM),
		LEN, LEN,
	},
	[PFX_13] = {
		M(VMOVLOW, Mq, Vq, NONE, F_SSE | F_W | F_MEM),
		M(VMOVLOW, Mq, Vq, NONE, F_SSE | F_W | F_MEM),
	},
	[PFX_16] = {
		M(VMOVHIGH, Vq, Wq, NONE, F_SSE), M(VMOVHIGH, Vq, Mq, NONE, F_SSE | F_MEM),
		LEN,
	},
	[PFX_17] = {
		M(VMOVHIGH, Mq, Vq, NONE, F_SSE | F_W | F_MEM),
		M(VMOVHIGH, Mq, Vq, NONE, F_SSE | F_W | F_MEM),
	},
	[PFX_28] = {
		M(VMOVA, Vx, Wx, NONE, LOADV | F_ALIGN), M(VMOVA, Vx, Wx, NONE, LOADV | F_ALIGN),
	},
	[PFX_29] = {
		M(VMOVA, Wx, Vx, NONE, STOREV | F_ALIGN), M(VMOVA, Wx, Vx, NONE, STOREV | F_ALIGN),
	},
	[PFX_2B] = {
		M(VMOVA, Mvx, Vx, NONE, STOREV | F_ALIGN | F_MEM),
		M(VMOVA, Mvx, Vx, NONE, STOREV | F_ALIGN | F_MEM),
		LEN, LEN,	/* MOVNTSS, MOVNTSD of SSE4a */
	},
	[PFX_6E] = { LEN, M(VMOVD, Vd, Ey, NONE, LOADV | F_VEXL0) },
	[PFX_6F] = {
		LEN, M(VMOVA, Vx, Wx, NONE, LOADV | F_ALIGN), M(VMOV, Vx, Wx, NONE, LOADV),
	},
	[PFX_78] = {
		LEN, { OP_UD, { Isse4a, NONE, NONE }, F_MODRM | F_LENGTH }, LEN,
		{ OP_UD, { Isse4a, NONE, NONE }, F_MODRM | F_LENGTH },
	},
	[PFX_79] = { LEN, LEN, LEN, LEN },
	[PFX_7E] = {
		LEN, M(VMOVD, Ey, Vd, NONE, STOREV | F_VEXL0),
		M(VMOVD, Vq, Wq, NONE, LOADV | F_VEXL0),
	},
	[PFX_7F] = {
		LEN, M(VMOVA, Wx, Vx, NONE, STOREV | F_ALIGN), M(VMOV, Wx, Vx, NONE, STOREV),
	},
	[PFX_B8] = {
		[2] = M(POPCNT, Gv, Ev, NONE, 0),
	},
	[PFX_BC] = {
		M(BSF, Gv, Ev, NONE, 0), M(BSF, Gv, Ev, NONE, 0),
		M(TZCNT, Gv, Ev, NONE, 0), M(BSF, Gv, Ev, NONE, 0),
	},
	[PFX_BD] = {
		M(BSR, Gv, Ev, NONE, 0), M(BSR, Gv, Ev, NONE, 0),
		M(LZCNT, Gv, Ev, NONE, 0), M(BSR, Gv, Ev, NONE, 0),
	},
	[PFX_C7_REG6] = { LEN, LEN, LEN, LEN },		/* RDRAND, SENDUIPI */
	[PFX_C7_REG7] = { LEN, LEN, LEN, LEN },		/* RDSEED, RDPID */
	[PFX_D6] = {
		LEN, M(VMOVD, Wq, Vq, NONE, STOREV | F_VEXL0), LEN, LEN,
	},
	[PFX_E7] = { LEN, M(VMOVA, Mvx, Vx, NONE, STOREV | F_ALIGN | F_MEM) },
	[PFX_F0] = { [3] = M(VMOV, Vx, Mvx, NONE, LOADV | F_MEM) },
	[PFX_38_2A] = { [1] = M(VMOVA, Vx, Mvx, NONE, LOADV | F_ALIGN | F_MEM) },
	[PFX_38_F0] = {
		M(MOVBE, Gv, Mv, NONE, F_MEM), M(MOVBE, Gv, Mv, NONE, F_MEM), [3] = LEN,
	},
	[PFX_38_F1] = {
		M(MOVBE, Mv, Gv, NONE, F_W | F_MEM), M(MOVBE, Mv, Gv, NONE, F_W | F_MEM),
		[3] = LEN,
	},
	[PFX_38_F2] = { M(ANDN, Gy, By, Ey, BMI) },
	[PFX_38_F3] = { G(GRP_17, NONE, NONE, NONE, 0) },
	[PFX_38_F5] = {
		M(BZHI, Gy, Ey, By, BMI), LEN, M(PEXT, Gy, By, Ey, BMI), M(PDEP, Gy, By, Ey, BMI),
	},
	[PFX_38_F6] = { LEN, LEN, LEN, M(MULX, Gy, By, Ey, BMI) },
	[PFX_38_F7] = {
		M(BEXTR, Gy, Ey, By, BMI), M(SHLX, Gy, Ey, By, BMI),
		M(SARX, Gy, Ey, By, BMI), M(SHRX, Gy, Ey, By, BMI),
	},
	[PFX_38_F9] = { M(MOV, My, Gy, NONE, F_W | F_MEM) },	/* MOVDIRI */
	[PFX_3A_F0] = { [3] = M(RORX, Gy, Ey, Ib, F_VEXONLY | F_VEXL0) },
	[PFX_AE_0] = { [2] = M(RDFSBASE, Ey, NONE, NONE, F_W | F_O64) },
	[PFX_AE_1] = { [2] = M(RDGSBASE, Ey, NONE, NONE, F_W | F_O64) },
	[PFX_AE_2] = { [2] = M(WRFSBASE, Ey, NONE, NONE, F_R | F_O64) },
	[PFX_AE_3] = { [2] = M(WRGSBASE, Ey, NONE, NONE, F_R | F_O64) },
	[PFX_AE_5] = { M(NOP, NONE, NONE, NONE, 0), [2] = LEN },	/* LFENCE, INCSSP */
	[PFX_AE_6_REG] = { M(NOP, NONE, NONE, NONE, 0), LEN, LEN, LEN },	/* MFENCE, TPAUSE.. */
	[PFX_AE_6_MEM] = { LEN, M(CLFLUSH, Mb, NONE, NONE, F_R), LEN, LEN },	/* CLWB */
	[PFX_AE_7_MEM] = {
		M(CLFLUSH, Mb, NONE, NONE, F_R), M(CLFLUSH, Mb, NONE, NONE, F_R),
	},
	[PFX_C3] = { M(MOV, My, Gy, NONE, F_W | F_MEM) },	/* MOVNTI */
	[PFX_AE_7_REG] = { M(NOP, NONE, NONE, NONE, 0), LEN },	/* SFENCE, PCOMMIT */
	[PFX_7_1_2] = { M(CLAC, NONE, NONE, NONE, 0) },
	[PFX_7_1_3] = { M(STAC, NONE, NONE, NONE, 0) },
	[PFX_7_2_0] = { M(XGETBV, NONE, NONE, NONE, 0) },
	[PFX_7_0_1] = { M(VMCALL, NONE, NONE, NONE, 0) },
	[PFX_7_5_0] = { [2] = LEN },		/* RSTORSSP */
};

static const struct emul_desc map2_f0 = P(PFX_38_F0);
static const struct emul_desc map2_f1 = P(PFX_38_F1);
static const struct emul_desc map2_f2 = P(PFX_38_F2);
static const struct emul_desc map2_f3 = P(PFX_38_F3);
static const struct emul_desc map2_f5 = P(PFX_38_F5);
static const struct emul_desc map2_f6 = P(PFX_38_F6);
static const struct emul_desc map2_f7 = P(PFX_38_F7);
static const struct emul_desc map2_f9 = P(PFX_38_F9);
static const struct emul_desc map2_2a = P(PFX_38_2A);
static const struct emul_desc map3_f0 = P(PFX_3A_F0);
static const struct emul_desc length_only = LEN;
static const struct emul_desc length_only_imm = LENI;

/* 0F 38 is sparse for us: everything else has a ModRM byte and no immediate. */
const struct emul_desc *emul_map2_desc(uint8_t opcode)
{
	switch (opcode) {
	case 0x2a: return &map2_2a;
	case 0xf0: return &map2_f0;
	case 0xf1: return &map2_f1;
	case 0xf2: return &map2_f2;
	case 0xf3: return &map2_f3;
	case 0xf5: return &map2_f5;
	case 0xf6: return &map2_f6;
	case 0xf7: return &map2_f7;
	case 0xf9: return &map2_f9;
	default: return &length_only;
	}
}

/* 0F 3A: everything has a ModRM byte and an 8-bit immediate. */
const struct emul_desc *emul_map3_desc(uint8_t opcode)
{
	return opcode == 0xf0 ? &map3_f0 : &length_only_imm;
}
