/* SPDX-License-Identifier: MIT */
/* Shared by the emulator's own files only. */
#ifndef EMUL_INTERNAL_H
#define EMUL_INTERNAL_H

#include "emul.h"

/* RFLAGS, SDM1 "EFLAGS Register". */
#define FL_CF		0x000001ull
#define FL_FIXED	0x000002ull	/* reads as 1 */
#define FL_PF		0x000004ull
#define FL_AF		0x000010ull
#define FL_ZF		0x000040ull
#define FL_SF		0x000080ull
#define FL_TF		0x000100ull
#define FL_IF		0x000200ull
#define FL_DF		0x000400ull
#define FL_OF		0x000800ull
#define FL_IOPL		0x003000ull
#define FL_NT		0x004000ull
#define FL_RF		0x010000ull
#define FL_VM		0x020000ull
#define FL_AC		0x040000ull
#define FL_VIF		0x080000ull
#define FL_VIP		0x100000ull
#define FL_ID		0x200000ull
#define FL_ARITH	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE		0x00000001ull
#define CR0_MP		0x00000002ull
#define CR0_EM		0x00000004ull
#define CR0_TS		0x00000008ull
#define CR0_AM		0x00040000ull
#define CR4_VME		0x00000001ull
#define CR4_PVI		0x00000002ull
#define CR4_TSD		0x00000004ull
#define CR4_DE		0x00000008ull
#define CR4_OSFXSR	0x00000200ull
#define CR4_UMIP	0x00000800ull
#define CR4_LA57	0x00001000ull
#define CR4_FSGSBASE	0x00010000ull
#define CR4_OSXSAVE	0x00040000ull
#define XCR0_AVX	0x00000006ull	/* SSE and AVX state */
#define DR6_BD		0x00002000ull
#define DR7_GD		0x00002000ull

#define MSR_TSC_AUX		0xc0000103u
#define MSR_FS_BASE		0xc0000100u
#define MSR_GS_BASE		0xc0000101u
#define MSR_KERNEL_GS_BASE	0xc0000102u

enum {
	VEC_DB = 1, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5, VEC_UD = 6, VEC_NM = 7,
	VEC_DE = 0, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
};

/* Access rights, SDM3 "Segment Descriptors"; unusable is VMX's. */
#define AR_TYPE		0x000fu
#define AR_ACCESSED	0x0001u
#define AR_WRITABLE	0x0002u		/* data: writable; code: readable */
#define AR_DOWN		0x0004u		/* data: expand-down; code: conforming */
#define AR_CODE		0x0008u
#define AR_S		0x0010u
#define AR_DPL		0x0060u
#define AR_DPL_SHIFT	5
#define AR_P		0x0080u
#define AR_L		0x2000u
#define AR_DB		0x4000u
#define AR_G		0x8000u
#define AR_UNUSABLE	0x10000u

/* Every handler, by name: emul_op_NAME. */
#define EMUL_HANDLERS(X) \
	X(ud) X(alu) X(test) X(incdec) X(not) X(neg) X(shift) X(shiftd) \
	X(mul) X(imul) X(div) X(idiv) X(daa) X(aaa) X(aam) X(aad) \
	X(mov) X(movx) X(movsxd) X(movbe) X(bswap) X(lea) X(xchg) X(xadd) X(cmpxchg) \
	X(cmpxchg8b) X(cmov) X(setcc) X(cbw) X(cwd) X(xlat) X(salc) X(nop) X(mem_nop) \
	X(push) X(pop) X(pusha) X(popa) X(pushf) X(popf) X(enter) X(leave) \
	X(bt) X(bsf) X(bsr) X(tzcnt) X(lzcnt) X(popcnt) X(bmi) X(pdep) X(mulx) X(shiftx) \
	X(movs) X(stos) X(lods) X(cmps) X(scas) X(ins) X(outs) X(in) X(out) \
	X(jcc) X(jmp) X(call) X(ret) X(loop) X(jcxz) X(int) X(iret) X(bound) \
	X(jmpf) X(callf) X(retf) X(flag) X(cli) X(sti) X(lahf) X(sahf) X(hlt) \
	X(mov_to_seg) X(mov_from_seg) X(push_seg) X(pop_seg) X(load_far) \
	X(sgdt) X(lgdt) X(smsw) X(lmsw) X(clts) X(invlpg) X(wbinvd) \
	X(mov_from_cr) X(mov_to_cr) X(mov_from_dr) X(mov_to_dr) X(rdmsr) X(wrmsr) \
	X(rdtsc) X(rdtscp) X(cpuid) X(swapgs) X(sldt) X(lldt) X(lar) X(verr) X(arpl) X(clac) \
	X(rdfsbase) X(wrfsbase) X(xgetbv) \
	X(sse_mov) X(sse_movd) X(sse_scalar) X(sse_half) \
	X(fpu) X(fwait) X(vmcall)

/* Operations: X(NAME, handler). The order within a family matters. */
#define EMUL_OPS(X) \
	X(UD, ud) \
	X(ADD, alu) X(OR, alu) X(ADC, alu) X(SBB, alu) \
	X(AND, alu) X(SUB, alu) X(XOR, alu) X(CMP, alu) \
	X(TEST, test) X(INC, incdec) X(DEC, incdec) X(NOT, not) X(NEG, neg) \
	X(ROL, shift) X(ROR, shift) X(RCL, shift) X(RCR, shift) \
	X(SHL, shift) X(SHR, shift) X(SAL, shift) X(SAR, shift) \
	X(SHLD, shiftd) X(SHRD, shiftd) \
	X(MUL, mul) X(IMUL1, mul) X(IMUL, imul) X(DIV, div) X(IDIV, idiv) \
	X(DAA, daa) X(DAS, daa) X(AAA, aaa) X(AAS, aaa) X(AAM, aam) X(AAD, aad) \
	X(MOV, mov) X(MOVZX, mov) X(MOVSX, movx) X(MOVSXD, movsxd) X(MOVBE, movbe) \
	X(BSWAP, bswap) X(LEA, lea) X(XCHG, xchg) X(XADD, xadd) X(CMPXCHG, cmpxchg) \
	X(CMPXCHG8B, cmpxchg8b) X(CMOV, cmov) X(SETCC, setcc) X(CBW, cbw) X(CWD, cwd) \
	X(XLAT, xlat) X(SALC, salc) X(NOP, nop) X(CLFLUSH, mem_nop) \
	X(PUSH, push) X(POP, pop) X(PUSHA, pusha) X(POPA, popa) X(PUSHF, pushf) X(POPF, popf) \
	X(ENTER, enter) X(LEAVE, leave) \
	X(BT, bt) X(BTS, bt) X(BTR, bt) X(BTC, bt) \
	X(BSF, bsf) X(BSR, bsr) X(TZCNT, tzcnt) X(LZCNT, lzcnt) X(POPCNT, popcnt) \
	X(ANDN, bmi) X(BLSR, bmi) X(BLSMSK, bmi) X(BLSI, bmi) X(BEXTR, bmi) X(BZHI, bmi) \
	X(PDEP, pdep) X(PEXT, pdep) X(MULX, mulx) \
	X(SARX, shiftx) X(SHLX, shiftx) X(SHRX, shiftx) X(RORX, shiftx) \
	X(MOVS, movs) X(STOS, stos) X(LODS, lods) X(CMPS, cmps) X(SCAS, scas) \
	X(INS, ins) X(OUTS, outs) X(IN, in) X(OUT, out) \
	X(JCC, jcc) X(JMP, jmp) X(CALL, call) X(RET, ret) X(LOOP, loop) X(LOOPE, loop) \
	X(LOOPNE, loop) X(JCXZ, jcxz) X(INT, int) X(INT3, int) X(INT1, int) X(INTO, int) \
	X(IRET, iret) X(BOUND, bound) X(JMPF, jmpf) X(CALLF, callf) X(RETF, retf) \
	X(CLC, flag) X(STC, flag) X(CMC, flag) X(CLD, flag) X(STD, flag) \
	X(CLI, cli) X(STI, sti) X(LAHF, lahf) X(SAHF, sahf) X(HLT, hlt) \
	X(MOV_TO_SEG, mov_to_seg) X(MOV_FROM_SEG, mov_from_seg) \
	X(PUSH_SEG, push_seg) X(POP_SEG, pop_seg) \
	X(LES, load_far) X(LSS, load_far) X(LDS, load_far) X(LFS, load_far) X(LGS, load_far) \
	X(SGDT, sgdt) X(SIDT, sgdt) X(LGDT, lgdt) X(LIDT, lgdt) X(SMSW, smsw) X(LMSW, lmsw) \
	X(CLTS, clts) X(INVLPG, invlpg) X(WBINVD, wbinvd) \
	X(MOV_FROM_CR, mov_from_cr) X(MOV_TO_CR, mov_to_cr) \
	X(MOV_FROM_DR, mov_from_dr) X(MOV_TO_DR, mov_to_dr) X(RDMSR, rdmsr) X(WRMSR, wrmsr) \
	X(RDTSC, rdtsc) X(RDTSCP, rdtscp) X(CPUID, cpuid) X(SWAPGS, swapgs) \
	X(SLDT, sldt) X(STR, sldt) X(LLDT, lldt) X(LTR, lldt) X(LAR, lar) X(LSL, lar) \
	X(VERR, verr) X(VERW, verr) X(ARPL, arpl) X(CLAC, clac) X(STAC, clac) \
	X(RDFSBASE, rdfsbase) X(RDGSBASE, rdfsbase) X(WRFSBASE, wrfsbase) \
	X(WRGSBASE, wrfsbase) X(XGETBV, xgetbv) \
	X(VMOV, sse_mov) X(VMOVA, sse_mov) X(VMOVD, sse_movd) X(VMOVSCALAR, sse_scalar) \
	X(VMOVLOW, sse_half) X(VMOVHIGH, sse_half) \
	X(FNINIT, fpu) X(FNCLEX, fpu) X(FNSTCW, fpu) X(FNSTSW, fpu) X(FLDCW, fpu) \
	X(FPU_NOP, fpu) X(FWAIT, fwait) X(VMCALL, vmcall)

enum emul_op {
#define X(name, handler) OP_##name,
	EMUL_OPS(X)
#undef X
	OP_COUNT
};

/* Operand specifications, named after SDM2 "Opcode Map" with our own additions. */
enum emul_spec {
	NONE,
	Eb, Ew, Ez, Ev, Ey,		/* ModRM.rm: register or memory */
	Ewv,				/* ... register of operand size, or a word in memory */
	Gb, Gw, Gv, Gy,		/* ModRM.reg */
	Ry,				/* ModRM.rm, always a register, 4 or 8 by mode */
	Mn, Mb, Mw, Mv, My,		/* memory; n: no access */
	Mp, Ms, Ma, Mx,			/* far pointer, table, bounds, CMPXCHG8B/16B */
	Ib, Ibs, Iw, Iz, Iv, I1,	/* s: sign-extended */
	Ienter,				/* word, then byte into imm2 */
	Isse4a,				/* two bytes */
	Jb, Jz, Ap,
	Ob, Ov,
	AL, AXv, CL, DX,
	Zb, Zv,				/* register in the opcode */
	Sw, SES, SCS, SSS, SDS, SFS, SGS,
	Cd, Dd,
	Xb, Xv, Xz, Yb, Yv, Yz,		/* strings: DS:rSI, ES:rDI */
	By,				/* VEX.vvvv */
	Vx, Wx, Mvx,			/* vector of VEX.L's size; memory only */
	Vq, Wq, Mq, Vd, Wd,		/* low 8 or 4 bytes of a vector register */
	SPEC_COUNT
};

/* Flags of a table entry. */
#define F_MODRM		0x00000001u
#define F_LOCK		0x00000002u	/* LOCK is legal with a memory destination */
#define F_I64		0x00000004u	/* #UD in 64-bit mode */
#define F_O64		0x00000008u	/* #UD outside it */
#define F_D64		0x00000010u	/* operand size 8 by default in 64-bit mode */
#define F_F64		0x00000020u	/* operand size always 8 in 64-bit mode */
#define F_MEM		0x00000040u	/* #UD with a register in ModRM.rm */
#define F_R		0x00000080u	/* operand 0 is read */
#define F_W		0x00000100u	/* operand 0 is written */
#define F_RW		(F_R | F_W)
#define F_CPL0		0x00000200u	/* #GP(0) unless CPL 0 */
#define F_PM		0x00000400u	/* #UD in real and virtual-8086 mode */
#define F_LENGTH	0x00000800u	/* only the length is known */
#define F_SSE		0x00001000u
#define F_VEX		0x00002000u	/* the VEX form exists */
#define F_VEXONLY	0x00004000u	/* only the VEX form exists */
#define F_VEXL0		0x00008000u	/* ... with VEX.L = 0 */
#define F_VEXNDS	0x00010000u	/* VEX.vvvv is an operand */
#define F_ALIGN		0x00020000u	/* memory operand aligned to its size, else #GP(0) */
#define F_STRING	0x00040000u	/* takes a REP prefix */
#define F_GROUP		0x00080000u	/* op: index into emul_groups, by ModRM.reg */
#define F_GROUP_RM	0x00100000u	/* ... by ModRM.rm */
#define F_GROUP_MOD	0x00200000u	/* register forms use the group after it */
#define F_PREFIX	0x00400000u	/* op: index into emul_prefixed */
#define F_NO66		0x00800000u	/* operand-size prefix makes it #UD */
#define F_VEXNDS_REG	0x01000000u	/* VEX.vvvv is an operand of the register form */
/* What check_legal() has to look at. */
#define F_RESTRICTED	(F_I64 | F_O64 | F_MEM | F_NO66 | F_VEXONLY)
#define F_INDIRECT	(F_GROUP | F_GROUP_RM | F_PREFIX)

struct emul_desc {
	uint8_t op;
	uint8_t operand[3];
	uint32_t flags;
};

extern const struct emul_desc emul_map0[256];
extern const struct emul_desc emul_map1[256];
extern const struct emul_desc emul_groups[][8];
extern const struct emul_desc emul_prefixed[][4];	/* none, 66, F3, F2 */
extern const struct emul_desc emul_movsxd;
const struct emul_desc *emul_map2_desc(uint8_t opcode);
const struct emul_desc *emul_map3_desc(uint8_t opcode);

/* decode.c: the part that needs no guest state. */
enum emul_result emul_decode_insn(struct emul *e);

/* operand.c */
enum emul_result emul_fault(struct emul *e, unsigned int vector);
enum emul_result emul_fault_error(struct emul *e, unsigned int vector, uint32_t error);
enum emul_result emul_from_cb(enum emul_cb cb);
enum emul_result emul_linear(struct emul *e, unsigned int seg, uint64_t offset,
			     unsigned int size, bool write, uint64_t *la);
enum emul_result emul_mem_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf,
			       unsigned int size, bool for_write);
enum emul_result emul_mem_write(struct emul *e, unsigned int seg, uint64_t offset,
				const void *buf, unsigned int size);
enum emul_result emul_system_read(struct emul *e, uint64_t la, void *buf, unsigned int size);
enum emul_result emul_load(struct emul *e, unsigned int n, uint64_t *value);
enum emul_result emul_store(struct emul *e, unsigned int n, uint64_t value);
enum emul_result emul_update(struct emul *e, unsigned int n, uint64_t old, uint64_t value);
uint64_t emul_access_flags(const struct emul *e);
bool emul_canonical(struct emul *e, uint64_t la);

/* stack.c: a cursor, so that rSP is written once everything else succeeded. */
struct emul_stack {
	uint64_t sp;
	uint64_t mask;
};
void emul_stack_begin(struct emul *e, struct emul_stack *s);
void emul_stack_commit(struct emul *e, const struct emul_stack *s);
enum emul_result emul_stack_push(struct emul *e, struct emul_stack *s, uint64_t value,
				 unsigned int size);
enum emul_result emul_stack_pop(struct emul *e, struct emul_stack *s, uint64_t *value,
				unsigned int size);

/* flow.c */
enum emul_result emul_jump(struct emul *e, uint64_t target);
bool emul_condition(uint64_t rflags, unsigned int cc);

/* seg.c: SDM3 "Segment Descriptors". */
struct emul_far {
	struct emul_seg cs;
	uint64_t ip;
};
enum emul_result emul_seg_load(struct emul *e, unsigned int seg, uint16_t selector,
			       struct emul_seg *out);
enum emul_result emul_far_load(struct emul *e, uint16_t selector, uint64_t ip, bool ret,
			       struct emul_far *out);
void emul_far_commit(struct emul *e, const struct emul_far *f);

/* alu.c: flags of results, shared with other files. */
uint64_t emul_flags_szp(uint64_t value, unsigned int size);

/* string.c */
enum emul_result emul_io_check(struct emul *e, unsigned int port, unsigned int size);

#define X(handler) enum emul_result emul_op_##handler(struct emul *e);
EMUL_HANDLERS(X)
#undef X

#define TRY(expr)						\
	do {							\
		enum emul_result try_ = (expr);			\
		if (__builtin_expect(try_ != EMUL_DONE, 0))	\
			return try_;				\
	} while (0)

static inline uint64_t emul_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (size * 8)) - 1;
}

static inline uint64_t emul_sign_bit(unsigned int size)
{
	return 1ull << (size * 8 - 1);
}

/* Sign-extends the low `size` bytes. */
static inline uint64_t emul_sext(uint64_t value, unsigned int size)
{
	uint64_t sign = emul_sign_bit(size);

	value &= emul_mask(size);
	return (value ^ sign) - sign;
}

static inline bool emul_real_mode(const struct emul *e)
{
	return !e->protected_mode;
}

/* Segments work as in real mode: base = selector << 4. */
static inline bool emul_real_segments(const struct emul *e)
{
	return !e->protected_mode || e->vm86;
}

static inline unsigned int emul_iopl(const struct emul *e)
{
	return (unsigned int)(e->rflags >> 12) & 3;
}

static inline uint64_t emul_read_cr(struct emul *e, unsigned int cr)
{
	return e->ops->read_cr(e, cr);
}

static inline enum emul_result emul_gp0(struct emul *e)
{
	return emul_fault_error(e, VEC_GP, 0);
}

#endif
