/* SPDX-License-Identifier: MIT */
/*
 * Instruction decoding: SDM2 "Instruction Format". Prefixes, opcode, ModRM, SIB,
 * displacement, then operands and immediates as the table entry lists them.
 */
#include "internal.h"

#define PAGE_SIZE	4096u

/* Fetches instruction bytes beyond e->nbytes: never more than the page holds. */
static enum emul_result fetch_more(struct emul *e)
{
	uint64_t offset = e->rip + e->nbytes;
	unsigned int want = EMUL_MAX_LENGTH - e->nbytes;
	unsigned int in_page;
	struct emul_seg cs;

	if (!e->ops)
		return EMUL_UNSUPPORTED;
	if (e->mode == EMUL_MODE64) {
		if (!emul_canonical(e, offset))
			return emul_gp0(e);
	} else {
		e->ops->get_seg(e, EMUL_CS, &cs);
		offset &= 0xffffffff;
		if (offset > cs.limit)
			return emul_gp0(e);
		if (want > cs.limit - offset + 1)
			want = (unsigned int)(cs.limit - offset) + 1;
		offset = (cs.base + offset) & 0xffffffff;
	}
	in_page = PAGE_SIZE - (offset & (PAGE_SIZE - 1));
	if (want > in_page)
		want = in_page;
	TRY(emul_from_cb(e->ops->fetch(e, offset, e->bytes + e->nbytes, want)));
	e->nbytes += (uint8_t)want;
	return EMUL_DONE;
}

static enum emul_result need_slow(struct emul *e, unsigned int total)
{
	while (e->nbytes < total) {
		/* SDM3 "Interrupt 13": longer than 15 bytes. */
		if (e->nbytes >= EMUL_MAX_LENGTH)
			return emul_gp0(e);
		TRY(fetch_more(e));
	}
	return EMUL_DONE;
}

/* Makes sure that `n` bytes are there at the decoder's position. */
static inline enum emul_result need(struct emul *e, unsigned int n)
{
	unsigned int total = e->insn.length + n;

	return __builtin_expect(e->nbytes >= total, 1) ? EMUL_DONE : need_slow(e, total);
}

static enum emul_result take(struct emul *e, unsigned int n, uint64_t *value)
{
	const uint8_t *from = e->bytes + e->insn.length;

	TRY(need(e, n));
	e->insn.length += (uint8_t)n;
	*value = 0;
	if (n == 1)
		*value = *from;
	else if (n == 4)
		__builtin_memcpy(value, from, 4);
	else if (n == 2)
		__builtin_memcpy(value, from, 2);
	else
		__builtin_memcpy(value, from, 8);
	return EMUL_DONE;
}

static enum emul_result take_signed(struct emul *e, unsigned int n, uint64_t *value)
{
	TRY(take(e, n, value));
	*value = emul_sext(*value, n);
	return EMUL_DONE;
}

static inline enum emul_result take_byte(struct emul *e, uint8_t *value)
{
	TRY(need(e, 1));
	*value = e->bytes[e->insn.length++];
	return EMUL_DONE;
}

/* Bytes that are prefixes in every mode, one bit each. */
static const uint64_t prefix_bits[4] = {
	1ull << 0x26 | 1ull << 0x2e | 1ull << 0x36 | 1ull << 0x3e,
	1ull << (0x64 - 64) | 1ull << (0x65 - 64) | 1ull << (0x66 - 64) | 1ull << (0x67 - 64),
	0,
	1ull << (0xf0 - 192) | 1ull << (0xf2 - 192) | 1ull << (0xf3 - 192),
};

static bool is_prefix(uint8_t b)
{
	return prefix_bits[b >> 6] >> (b & 63) & 1;
}

static void note_prefix(struct emul_insn *d, uint8_t b, bool mode64)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		/* Ignored in 64-bit mode, SDM1 "Segment Registers in 64-Bit Mode". */
		if (!mode64)
			d->mem.seg = (b >> 3) & 3;
		break;
	case 0x64: case 0x65:
		d->mem.seg = b & 7;
		break;
	case 0x66: d->prefixes |= EMUL_PREFIX_OPSIZE; break;
	case 0x67: d->prefixes |= EMUL_PREFIX_ADDRSIZE; break;
	case 0xf0: d->prefixes |= EMUL_PREFIX_LOCK; break;
	default:
		d->prefixes &= (uint8_t)~(EMUL_PREFIX_REP | EMUL_PREFIX_REPNE);
		d->prefixes |= b == 0xf3 ? EMUL_PREFIX_REP : EMUL_PREFIX_REPNE;
		break;
	}
}

/* Consumes all prefixes and leaves the first opcode byte in *byte. */
static enum emul_result decode_prefixes(struct emul *e, uint8_t *byte)
{
	struct emul_insn *d = &e->insn;
	bool mode64 = e->mode == EMUL_MODE64;

	for (;;) {
		uint8_t b;

		TRY(take_byte(e, &b));
		if (is_prefix(b)) {
			/* A REX that isn't the last prefix has no effect. */
			d->rex = 0;
			d->prefixes &= (uint8_t)~EMUL_PREFIX_REX;
			note_prefix(d, b, mode64);
		} else if (mode64 && (b & 0xf0) == 0x40) {
			d->rex = b & 0xf;
			d->prefixes |= EMUL_PREFIX_REX;
		} else {
			*byte = b;
			return EMUL_DONE;
		}
	}
}

static void decode_sizes(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	bool p66 = d->prefixes & EMUL_PREFIX_OPSIZE;
	bool p67 = d->prefixes & EMUL_PREFIX_ADDRSIZE;

	if (e->mode == EMUL_MODE64) {
		d->addrsize = p67 ? 4 : 8;
		d->opsize = (d->rex & 8) ? 8 : p66 ? 2 : 4;
	} else {
		d->addrsize = (e->mode == EMUL_MODE16) != p67 ? 2 : 4;
		d->opsize = (e->mode == EMUL_MODE16) != p66 ? 2 : 4;
	}
}

/* The next byte, not consumed. */
static enum emul_result peek(struct emul *e, uint8_t *value)
{
	TRY(need(e, 1));
	*value = e->bytes[e->insn.length];
	return EMUL_DONE;
}

/* C4 and C5: SDM2 "VEX Prefix". */
static enum emul_result decode_vex(struct emul *e, uint8_t first,
				   const struct emul_desc **desc, unsigned int *pp)
{
	struct emul_insn *d = &e->insn;
	uint8_t p0, p1;

	if (d->prefixes & (EMUL_PREFIX_OPSIZE | EMUL_PREFIX_LOCK | EMUL_PREFIX_REP |
			   EMUL_PREFIX_REPNE | EMUL_PREFIX_REX))
		return emul_fault(e, VEC_UD);
	TRY(take_byte(e, &p0));
	p1 = p0 & 0x7f;
	d->map = 1;
	if (first == 0xc4) {
		TRY(take_byte(e, &p1));
		d->map = p0 & 0x1f;
		d->rex = (p1 & 0x80) ? 8 : 0;
		d->rex |= (~p0 >> 5) & 3;
	}
	d->rex |= (p0 & 0x80) ? 0 : 4;
	if (e->mode != EMUL_MODE64)
		d->rex = 0;
	d->prefixes |= EMUL_PREFIX_VEX;
	d->vex_reg = (~p1 >> 3) & 0xf;
	d->vex_l = (p1 >> 2) & 1;
	*pp = p1 & 3;
	d->opsize = (d->rex & 8) ? 8 : 4;
	TRY(take_byte(e, &d->opcode));
	switch (d->map) {
	case 1: *desc = &emul_map1[d->opcode]; break;
	case 2: *desc = emul_map2_desc(d->opcode); break;
	case 3: *desc = emul_map3_desc(d->opcode); break;
	default: return emul_fault(e, VEC_UD);
	}
	return EMUL_DONE;
}

static const struct emul_desc length_modrm = { OP_UD, { NONE }, F_MODRM | F_LENGTH };
static const struct emul_desc length_modrm_imm = { OP_UD, { Ib }, F_MODRM | F_LENGTH };
static const struct emul_desc length_modrm_imm4 = { OP_UD, { Iz }, F_MODRM | F_LENGTH };

/* Opcodes of map 1 whose VEX and EVEX forms have an immediate byte. */
static bool vector_immediate(unsigned int map, uint8_t opcode)
{
	if (map == 3)
		return true;
	return map == 1 && ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 ||
			    (opcode >= 0xc4 && opcode <= 0xc6));
}

/* 62: SDM2 "EVEX Prefix". Never emulated, so only its length counts. */
static enum emul_result decode_evex(struct emul *e, const struct emul_desc **desc)
{
	struct emul_insn *d = &e->insn;
	uint8_t p0, p1, p2;

	if (d->prefixes & (EMUL_PREFIX_OPSIZE | EMUL_PREFIX_LOCK | EMUL_PREFIX_REP |
			   EMUL_PREFIX_REPNE | EMUL_PREFIX_REX))
		return emul_fault(e, VEC_UD);
	TRY(take_byte(e, &p0));
	TRY(take_byte(e, &p1));
	TRY(take_byte(e, &p2));
	d->map = p0 & 7;
	if ((p0 & 0x08) || !(p1 & 0x04) || d->map == 0 || d->map == 4 || d->map == 7)
		return emul_fault(e, VEC_UD);
	TRY(take_byte(e, &d->opcode));
	*desc = vector_immediate(d->map, d->opcode) ? &length_modrm_imm : &length_modrm;
	return EMUL_DONE;
}

/* 8F with a map number: AMD's XOP, APM3 "XOP Opcode Maps"; length only. */
static enum emul_result decode_xop(struct emul *e, const struct emul_desc **desc)
{
	struct emul_insn *d = &e->insn;
	uint8_t p0, p1;

	TRY(take_byte(e, &p0));
	TRY(take_byte(e, &p1));
	TRY(take_byte(e, &d->opcode));
	d->opsize = 4;
	switch (p0 & 0x1f) {
	case 8: *desc = &length_modrm_imm; return EMUL_DONE;
	case 9: *desc = &length_modrm; return EMUL_DONE;
	case 10: *desc = &length_modrm_imm4; return EMUL_DONE;
	default: return emul_fault(e, VEC_UD);
	}
}

/* Opcode maps and the bytes that are a prefix or an instruction by what follows. */
static enum emul_result decode_opcode(struct emul *e, uint8_t b,
				      const struct emul_desc **desc, unsigned int *pp)
{
	struct emul_insn *d = &e->insn;
	bool mode64 = e->mode == EMUL_MODE64;
	uint8_t next;

	d->opcode = b;
	*pp = !d->prefixes ? 0 :
	      (d->prefixes & EMUL_PREFIX_REP) ? 2 : (d->prefixes & EMUL_PREFIX_REPNE) ? 3 :
	      (d->prefixes & EMUL_PREFIX_OPSIZE) ? 1 : 0;
	switch (b) {
	case 0x0f:
		TRY(take_byte(e, &d->opcode));
		d->map = 1;
		*desc = &emul_map1[d->opcode];
		if (d->opcode != 0x38 && d->opcode != 0x3a)
			return EMUL_DONE;
		d->map = d->opcode == 0x38 ? 2 : 3;
		TRY(take_byte(e, &d->opcode));
		*desc = d->map == 2 ? emul_map2_desc(d->opcode) : emul_map3_desc(d->opcode);
		return EMUL_DONE;
	case 0x62: case 0xc4: case 0xc5:
		TRY(peek(e, &next));
		if (!mode64 && ((next & 0xc0) != 0xc0 || emul_real_segments(e)))
			break;
		if (b == 0x62)
			return decode_evex(e, desc);
		return decode_vex(e, b, desc, pp);
	case 0x63:
		if (mode64) {
			*desc = &emul_movsxd;
			return EMUL_DONE;
		}
		break;
	case 0x8f:
		TRY(peek(e, &next));
		if ((next & 0x1f) >= 8)
			return decode_xop(e, desc);
		break;
	default:
		break;
	}
	*desc = &emul_map0[b];
	return EMUL_DONE;
}

/* Bases and indices of 16-bit addressing, by ModRM.rm. */
static const uint8_t base16[8] = {
	EMUL_RBX, EMUL_RBX, EMUL_RBP, EMUL_RBP, EMUL_RSI, EMUL_RDI, EMUL_RBP, EMUL_RBX,
};
static const uint8_t index16[8] = {
	EMUL_RSI, EMUL_RDI, EMUL_RSI, EMUL_RDI,
	EMUL_NO_REG, EMUL_NO_REG, EMUL_NO_REG, EMUL_NO_REG,
};

static enum emul_result decode_mem16(struct emul *e, uint8_t *default_seg)
{
	struct emul_insn *d = &e->insn;
	unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;

	if (mod == 0 && rm == 6)
		return take_signed(e, 2, &d->mem.disp);
	d->mem.base = base16[rm];
	d->mem.index = index16[rm];
	if (d->mem.base == EMUL_RBP)
		*default_seg = EMUL_SS;
	if (mod == 0)
		return EMUL_DONE;
	return take_signed(e, mod, &d->mem.disp);
}

static enum emul_result decode_mem32(struct emul *e, uint8_t *default_seg)
{
	struct emul_insn *d = &e->insn;
	unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;
	unsigned int base = rm;

	if (rm == 4) {
		uint8_t sib, index;

		TRY(take_byte(e, &sib));
		base = sib & 7;
		index = (uint8_t)(((sib >> 3) & 7) | ((d->rex & 2) << 2));
		if (index != EMUL_RSP) {
			d->mem.index = index;
			d->mem.scale = sib >> 6;
		}
	}
	if (mod == 0 && base == 5) {
		/* Without SIB: RIP-relative in 64-bit mode. */
		d->mem.rip_relative = rm == 5 && e->mode == EMUL_MODE64;
		return take_signed(e, 4, &d->mem.disp);
	}
	d->mem.base = (uint8_t)(base | ((d->rex & 1) << 3));
	if (d->mem.base == EMUL_RSP || d->mem.base == EMUL_RBP)
		*default_seg = EMUL_SS;
	if (mod == 0)
		return EMUL_DONE;
	return take_signed(e, mod == 1 ? 1 : 4, &d->mem.disp);
}

/* SIB and displacement of a memory operand. */
static enum emul_result decode_mem(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	uint8_t default_seg = EMUL_DS;

	d->mem.valid = true;
	if (d->addrsize == 2)
		TRY(decode_mem16(e, &default_seg));
	else
		TRY(decode_mem32(e, &default_seg));
	if (d->mem.seg == EMUL_NO_REG)
		d->mem.seg = default_seg;
	return EMUL_DONE;
}

/* Follows group and mandatory-prefix tables to the instruction's own entry. */
static void resolve(const struct emul_insn *d, unsigned int pp, struct emul_desc *out)
{
	while (out->flags & F_INDIRECT) {
		uint8_t operand[3] = { out->operand[0], out->operand[1], out->operand[2] };
		uint32_t inherited = out->flags & (F_I64 | F_D64 | F_PM);
		unsigned int group = out->op;

		if (out->flags & F_PREFIX) {
			*out = emul_prefixed[group][pp];
		} else if (out->flags & F_GROUP_RM) {
			*out = emul_groups[group][d->modrm & 7];
		} else {
			if ((out->flags & F_GROUP_MOD) && d->modrm >= 0xc0)
				group++;
			*out = emul_groups[group][(d->modrm >> 3) & 7];
		}
		if (out->operand[0] == NONE)
			__builtin_memcpy(out->operand, operand, sizeof(operand));
		out->flags |= inherited;
	}
}

/* Size classes of operand specifications. */
enum size_class { S0 = 0, S1 = 1, S2 = 2, S4 = 4, S8 = 8, S_V = 9, S_Z, S_Y, S_W16, S_MODE, S_FAR, S_TABLE, S_BOUND,
		  S_PAIR, S_VEC };

enum where { AT_NONE, AT_RM, AT_MEM, AT_VRM, AT_REG, AT_RM_REG, AT_OPCODE, AT_FIXED, AT_IMM, AT_MOFFS,
	     AT_SEG, AT_SEG_FIXED, AT_CR, AT_DR, AT_SI, AT_DI, AT_VVVV, AT_VREG };

struct spec {
	uint8_t where, size, fixed;
};

static const struct spec specs[SPEC_COUNT] = {
	[NONE] = { AT_NONE, S0, 0 },
	[Eb] = { AT_RM, S1, 0 }, [Ew] = { AT_RM, S2, 0 }, [Ez] = { AT_RM, S_Z, 0 },
	[Ev] = { AT_RM, S_V, 0 }, [Ey] = { AT_RM, S_Y, 0 }, [Ewv] = { AT_RM, S_W16, 0 },
	[Gb] = { AT_REG, S1, 0 }, [Gw] = { AT_REG, S2, 0 },
	[Gv] = { AT_REG, S_V, 0 }, [Gy] = { AT_REG, S_Y, 0 },
	[Ry] = { AT_RM_REG, S_MODE, 0 },
	[Mn] = { AT_MEM, S0, 0 }, [Mb] = { AT_MEM, S1, 0 }, [Mw] = { AT_MEM, S2, 0 },
	[Mv] = { AT_MEM, S_V, 0 }, [My] = { AT_MEM, S_Y, 0 }, [Mp] = { AT_MEM, S_FAR, 0 },
	[Ms] = { AT_MEM, S_TABLE, 0 }, [Ma] = { AT_MEM, S_BOUND, 0 }, [Mx] = { AT_MEM, S_PAIR, 0 },
	[Ib] = { AT_IMM, S1, 0 }, [Ibs] = { AT_IMM, S_V, 0 }, [Iw] = { AT_IMM, S2, 0 },
	[Iz] = { AT_IMM, S_V, 0 }, [Iv] = { AT_IMM, S_V, 0 }, [I1] = { AT_IMM, S1, 0 },
	[Ienter] = { AT_IMM, S2, 0 }, [Isse4a] = { AT_IMM, S2, 0 },
	[Jb] = { AT_IMM, S_V, 0 }, [Jz] = { AT_IMM, S_V, 0 }, [Ap] = { AT_IMM, S_V, 0 },
	[Ob] = { AT_MOFFS, S1, 0 }, [Ov] = { AT_MOFFS, S_V, 0 },
	[AL] = { AT_FIXED, S1, EMUL_RAX }, [AXv] = { AT_FIXED, S_V, EMUL_RAX },
	[CL] = { AT_FIXED, S1, EMUL_RCX }, [DX] = { AT_FIXED, S2, EMUL_RDX },
	[Zb] = { AT_OPCODE, S1, 0 }, [Zv] = { AT_OPCODE, S_V, 0 },
	[Sw] = { AT_SEG, S2, 0 },
	[SES] = { AT_SEG_FIXED, S2, EMUL_ES }, [SCS] = { AT_SEG_FIXED, S2, EMUL_CS },
	[SSS] = { AT_SEG_FIXED, S2, EMUL_SS }, [SDS] = { AT_SEG_FIXED, S2, EMUL_DS },
	[SFS] = { AT_SEG_FIXED, S2, EMUL_FS }, [SGS] = { AT_SEG_FIXED, S2, EMUL_GS },
	[Cd] = { AT_CR, S_MODE, 0 }, [Dd] = { AT_DR, S_MODE, 0 },
	[Xb] = { AT_SI, S1, 0 }, [Xv] = { AT_SI, S_V, 0 }, [Xz] = { AT_SI, S_Z, 0 },
	[Yb] = { AT_DI, S1, 0 }, [Yv] = { AT_DI, S_V, 0 }, [Yz] = { AT_DI, S_Z, 0 },
	[By] = { AT_VVVV, S_Y, 0 },
	[Vx] = { AT_VREG, S_VEC, 0 }, [Wx] = { AT_VRM, S_VEC, 0 }, [Mvx] = { AT_MEM, S_VEC, 0 },
	[Vq] = { AT_VREG, S8, 0 }, [Wq] = { AT_VRM, S8, 0 }, [Mq] = { AT_MEM, S8, 0 },
	[Vd] = { AT_VREG, S4, 0 }, [Wd] = { AT_VRM, S4, 0 },
};

static unsigned int operand_size(const struct emul *e, enum size_class class)
{
	const struct emul_insn *d = &e->insn;

	if (class == S_V)
		return d->opsize;
	if (class <= S8)
		return class;
	switch (class) {
	case S_Z: return d->opsize == 2 ? 2 : 4;
	case S_Y: return d->opsize == 8 ? 8 : 4;
	case S_W16: return d->mem.valid ? 2 : d->opsize;
	case S_MODE: return e->mode == EMUL_MODE64 ? 8 : 4;
	case S_FAR: return d->opsize + 2u;
	case S_TABLE: return e->mode == EMUL_MODE64 ? 10 : 6;
	case S_BOUND: return 2u * d->opsize;
	case S_PAIR: return d->opsize == 8 ? 16 : 8;
	case S_VEC: return d->vex_l ? 32 : 16;
	default: return 0;
	}
}

static enum emul_result decode_imm(struct emul *e, enum emul_spec spec)
{
	struct emul_insn *d = &e->insn;

	switch (spec) {
	case Ib: return take(e, 1, &d->imm);
	case Ibs: case Jb: return take_signed(e, 1, &d->imm);
	case Iw: case Isse4a: return take(e, 2, &d->imm);
	case Iz: case Jz: return take_signed(e, d->opsize == 2 ? 2 : 4, &d->imm);
	case Iv: return take(e, d->opsize, &d->imm);
	case I1: d->imm = 1; return EMUL_DONE;
	case Ienter:
		TRY(take(e, 2, &d->imm));
		return take(e, 1, &d->imm2);
	case Ap:
		TRY(take(e, d->opsize, &d->imm));
		return take(e, 2, &d->imm2);
	default:
		return EMUL_UNSUPPORTED;
	}
}

static void operand_gpr(const struct emul_insn *d, struct emul_operand *o, unsigned int reg)
{
	o->kind = EMUL_OPERAND_GPR;
	o->reg = (uint8_t)reg;
	/* Without REX the byte registers 4-7 are AH, CH, DH, BH. */
	if (o->size == 1 && reg >= 4 && reg <= 7 && !(d->prefixes & EMUL_PREFIX_REX))
		o->reg = (uint8_t)((reg - 4) | EMUL_HIGH_BYTE);
}

static void operand_string(struct emul_insn *d, struct emul_operand *o, unsigned int reg)
{
	o->kind = EMUL_OPERAND_MEM;
	/* MOVS and CMPS: their source, operand 1, is the one described. */
	d->mem.valid = true;
	d->mem.base = (uint8_t)reg;
	d->mem.size = o->size;
	if (reg == EMUL_RDI)
		d->mem.seg = EMUL_ES;
}

/* moffs: an offset of address size, no ModRM byte. */
static enum emul_result operand_moffs(struct emul *e, struct emul_operand *o)
{
	struct emul_insn *d = &e->insn;

	o->kind = EMUL_OPERAND_MEM;
	d->mem.valid = true;
	if (d->mem.seg == EMUL_NO_REG)
		d->mem.seg = EMUL_DS;
	return take(e, d->addrsize, &d->mem.disp);
}

static enum emul_result decode_rare_operand(struct emul *e, unsigned int n,
					    enum emul_spec spec, uint8_t override)
{
	struct emul_insn *d = &e->insn;
	struct emul_operand *o = &d->operand[n];
	const struct spec *s = &specs[spec];
	unsigned int rm = (d->modrm & 7u) | ((d->rex & 1u) << 3);
	unsigned int reg = ((d->modrm >> 3) & 7u) | ((d->rex & 4u) << 1);

	switch ((enum where)s->where) {
	case AT_NONE: case AT_RM: case AT_REG:
		return EMUL_DONE;	/* decode_operand() has them */
	case AT_MEM:
		return emul_fault(e, VEC_UD);
	case AT_VRM:
		*o = (struct emul_operand){ EMUL_OPERAND_VEC, o->size, (uint8_t)rm };
		return EMUL_DONE;
	case AT_RM_REG: operand_gpr(d, o, rm); return EMUL_DONE;
	case AT_OPCODE:
		operand_gpr(d, o, (d->opcode & 7u) | ((d->rex & 1u) << 3));
		return EMUL_DONE;
	case AT_FIXED: *o = (struct emul_operand){ EMUL_OPERAND_GPR, o->size, s->fixed };
		return EMUL_DONE;
	case AT_IMM:
		o->kind = EMUL_OPERAND_IMM;
		return decode_imm(e, spec);
	case AT_MOFFS: return operand_moffs(e, o);
	case AT_SEG:
		*o = (struct emul_operand){ EMUL_OPERAND_SEG, 2, (d->modrm >> 3) & 7 };
		return o->reg > EMUL_GS || (n == 0 && o->reg == EMUL_CS) ?
		       emul_fault(e, VEC_UD) : EMUL_DONE;
	case AT_SEG_FIXED: *o = (struct emul_operand){ EMUL_OPERAND_SEG, 2, s->fixed };
		return EMUL_DONE;
	case AT_CR:
		*o = (struct emul_operand){ EMUL_OPERAND_CR, o->size, (uint8_t)reg };
		return reg > 8 || (0x11du >> reg & 1) == 0 ? emul_fault(e, VEC_UD) : EMUL_DONE;
	case AT_DR:
		*o = (struct emul_operand){ EMUL_OPERAND_DR, o->size, (uint8_t)reg };
		return reg > 7 ? emul_fault(e, VEC_UD) : EMUL_DONE;
	case AT_SI:
		operand_string(d, o, EMUL_RSI);
		d->mem.seg = override == EMUL_NO_REG ? EMUL_DS : override;
		return EMUL_DONE;
	case AT_DI: operand_string(d, o, EMUL_RDI); return EMUL_DONE;
	case AT_VVVV: operand_gpr(d, o, d->vex_reg & (e->mode == EMUL_MODE64 ? 0xf : 7));
		return EMUL_DONE;
	case AT_VREG: *o = (struct emul_operand){ EMUL_OPERAND_VEC, o->size, (uint8_t)reg };
		return EMUL_DONE;
	}
	return EMUL_UNSUPPORTED;
}

/* The operands of nearly all instructions: ModRM's two. */
static inline enum emul_result decode_operand(struct emul *e, unsigned int n,
					      enum emul_spec spec, uint8_t override)
{
	struct emul_insn *d = &e->insn;
	struct emul_operand *o = &d->operand[n];
	const struct spec *s = &specs[spec];

	o->size = (uint8_t)operand_size(e, s->size);
	if (s->where == AT_REG) {
		operand_gpr(d, o, ((d->modrm >> 3) & 7u) | ((d->rex & 4u) << 1));
		return EMUL_DONE;
	}
	if (s->where > AT_VRM)
		return decode_rare_operand(e, n, spec, override);
	if (d->mem.valid) {
		o->kind = EMUL_OPERAND_MEM;
		d->mem.size = o->size;
		d->mem.read = o->size && (n || (d->flags & F_R));
		d->mem.write = o->size && !n && (d->flags & F_W);
		return EMUL_DONE;
	}
	if (s->where != AT_RM)
		return decode_rare_operand(e, n, spec, override);
	operand_gpr(d, o, (d->modrm & 7u) | ((d->rex & 1u) << 3));
	return EMUL_DONE;
}

/* Prefixes and forms that make an otherwise known instruction #UD. */
static enum emul_result check_legal(struct emul *e, const struct emul_desc *desc)
{
	const struct emul_insn *d = &e->insn;
	uint32_t f = desc->flags;
	bool mode64 = e->mode == EMUL_MODE64;

	if (desc->op != OP_UD && !(f & F_RESTRICTED) &&
	    !(d->prefixes & (EMUL_PREFIX_LOCK | EMUL_PREFIX_VEX)))
		return EMUL_DONE;
	if (desc->op == OP_UD)
		return (f & F_LENGTH) ? EMUL_DONE : emul_fault(e, VEC_UD);
	if ((f & F_I64) && mode64)
		return emul_fault(e, VEC_UD);
	if ((f & F_O64) && !mode64)
		return emul_fault(e, VEC_UD);
	if ((f & F_MEM) && !d->mem.valid)
		return emul_fault(e, VEC_UD);
	if ((f & F_NO66) && (d->prefixes & EMUL_PREFIX_OPSIZE))
		return emul_fault(e, VEC_UD);
	if ((d->prefixes & EMUL_PREFIX_LOCK) && !((f & F_LOCK) && d->mem.valid))
		return emul_fault(e, VEC_UD);
	if (!(d->prefixes & EMUL_PREFIX_VEX))
		return (f & F_VEXONLY) ? emul_fault(e, VEC_UD) : EMUL_DONE;
	if ((f & F_VEXL0) && d->vex_l)
		return emul_fault(e, VEC_UD);
	if ((f & F_VEXNDS_REG) && !d->mem.valid)
		return EMUL_DONE;
	/* Unused, all four bits must be 1 (0 as decoded) also in 32-bit mode. */
	if (!(f & F_VEXNDS) && d->vex_reg)
		return emul_fault(e, VEC_UD);
	return EMUL_DONE;
}

/* Strings and moffs, whose memory operands have no ModRM byte. */
static void describe_mem(struct emul_insn *d)
{
	for (unsigned int i = 0; i < 3; i++) {
		const struct emul_operand *o = &d->operand[i];

		if (o->kind != EMUL_OPERAND_MEM)
			continue;
		d->mem.size = o->size;
		d->mem.read = i || (d->flags & F_R);
		d->mem.write = !i && (d->flags & F_W);
	}
}

static enum emul_result decode_tail(struct emul *e, const struct emul_desc *raw, unsigned int pp)
{
	struct emul_insn *d = &e->insn;
	struct emul_desc desc = *raw;
	uint8_t override = d->mem.seg;

	if (raw->flags & F_MODRM) {
		TRY(take_byte(e, &d->modrm));
		d->has_modrm = true;
		/* MOV to and from CR and DR has no memory form. */
		if (d->modrm < 0xc0 && !(d->map == 1 && (d->opcode & 0xfc) == 0x20))
			TRY(decode_mem(e));
	}
	if (desc.flags & F_INDIRECT)
		resolve(d, pp, &desc);
	if ((d->prefixes & EMUL_PREFIX_VEX) && !(desc.flags & (F_VEX | F_VEXONLY | F_LENGTH)))
		desc = vector_immediate(d->map, d->opcode) ? length_modrm_imm : length_modrm;
	d->flags = desc.flags;
	d->op = desc.op;
	if (e->mode == EMUL_MODE64) {
		if (desc.flags & F_F64)
			d->opsize = 8;
		else if ((desc.flags & F_D64) && d->opsize == 4)
			d->opsize = 8;
	}
	for (unsigned int i = 0; i < 3 && desc.operand[i] != NONE; i++)
		TRY(decode_operand(e, i, desc.operand[i], override));
	TRY(check_legal(e, &desc));
	if (d->mem.valid && !d->has_modrm)
		describe_mem(d);
	return (desc.flags & F_LENGTH) ? EMUL_UNSUPPORTED : EMUL_DONE;
}

enum emul_result emul_decode_insn(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	const struct emul_desc *raw = NULL;
	enum emul_result result;
	unsigned int pp = 0;
	uint8_t byte = 0;

	__builtin_memset(d, 0, sizeof(*d));
	d->mem.seg = d->mem.base = d->mem.index = EMUL_NO_REG;
	result = decode_prefixes(e, &byte);
	if (result == EMUL_DONE) {
		decode_sizes(e);
		result = decode_opcode(e, byte, &raw, &pp);
	}
	if (result == EMUL_DONE)
		result = decode_tail(e, raw, pp);
	if (result == EMUL_DONE || (result == EMUL_UNSUPPORTED && (d->flags & F_LENGTH)))
		return result;
	d->length = 0;
	return result;
}

static void effective_address(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	uint64_t offset = d->mem.disp;

	if (d->mem.base != EMUL_NO_REG)
		offset += e->gpr[d->mem.base];
	if (d->mem.index != EMUL_NO_REG)
		offset += e->gpr[d->mem.index] << d->mem.scale;
	if (d->mem.rip_relative)
		offset += e->rip + d->length;
	d->mem.offset = offset & emul_mask(d->addrsize);
}

static void first_bytes(const struct emul *e, uint64_t bytes[2])
{
	__builtin_memcpy(&bytes[0], e->bytes, 8);
	__builtin_memcpy(&bytes[1], e->bytes + 7, 8);
}

/* Decoding depends on nothing but the bytes, the code size and VEX being there. */
static uint8_t cache_mode(const struct emul *e)
{
	return (uint8_t)(e->mode | (emul_real_segments(e) ? 4 : 0));
}

static bool cache_find(struct emul *e, unsigned int slot)
{
	struct emul_cache *c = e->cache;
	uint64_t bytes[2];

	if (!c->entry[slot].insn.length || c->entry[slot].insn.length > e->nbytes ||
	    c->entry[slot].mode != cache_mode(e))
		return false;
	first_bytes(e, bytes);
	if (((bytes[0] ^ c->entry[slot].bytes[0]) & c->entry[slot].mask[0]) ||
	    ((bytes[1] ^ c->entry[slot].bytes[1]) & c->entry[slot].mask[1]))
		return false;
	e->insn = c->entry[slot].insn;
	return true;
}

static void cache_fill(struct emul *e, unsigned int slot)
{
	struct emul_cache *c = e->cache;
	unsigned int length = e->insn.length;

	c->entry[slot].insn = e->insn;
	c->entry[slot].mode = cache_mode(e);
	first_bytes(e, c->entry[slot].bytes);
	c->entry[slot].mask[0] = emul_mask(length < 8 ? length : 8);
	/* The second word starts at byte 7. */
	c->entry[slot].mask[1] = length > 7 ? emul_mask(length - 7) : 0;
}

static enum emul_result decode_cached(struct emul *e)
{
	unsigned int slot = (unsigned int)(e->rip ^ e->rip >> 3) % EMUL_CACHE_ENTRIES;
	enum emul_result result;

	if (!e->cache)
		return emul_decode_insn(e);
	if (!e->nbytes)
		TRY(fetch_more(e));
	if (cache_find(e, slot))
		return EMUL_DONE;
	result = emul_decode_insn(e);
	if (result == EMUL_DONE)
		cache_fill(e, slot);
	return result;
}

enum emul_result emul_decode(struct emul *e)
{
	enum emul_result result = decode_cached(e);

	e->shadow = EMUL_SHADOW_NONE;
	e->trap = false;
	if (result == EMUL_DONE && e->insn.mem.valid)
		effective_address(e);
	return result;
}

unsigned int emul_insn_length(const uint8_t *bytes, unsigned int n, enum emul_mode mode)
{
	struct emul e;
	enum emul_result result;

	__builtin_memset(&e, 0, sizeof(e));
	e.mode = (uint8_t)mode;
	e.protected_mode = mode != EMUL_MODE16;
	if (n > EMUL_MAX_LENGTH)
		n = EMUL_MAX_LENGTH;
	e.nbytes = (uint8_t)n;
	__builtin_memcpy(e.bytes, bytes, n);
	result = emul_decode_insn(&e);
	return result == EMUL_DONE || result == EMUL_UNSUPPORTED ? e.insn.length : 0;
}
