/* SPDX-License-Identifier: MIT */
/*
 * Instruction decoding: SDM2 "Instruction Format". Prefixes, opcode, ModRM, SIB
 * and displacement; then decode_operand.c takes over.
 */
#include "bytes.h"

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
	TRY(emul_decode_operands(e, &desc, override));
	TRY(check_legal(e, &desc));
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
