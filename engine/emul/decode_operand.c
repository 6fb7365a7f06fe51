/* SPDX-License-Identifier: MIT */
/* Operands and immediates, as a table entry lists them. */
#include "bytes.h"

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

/* `override`: the segment prefix, EMUL_NO_REG without one. */
enum emul_result emul_decode_operands(struct emul *e, const struct emul_desc *desc,
				      uint8_t override)
{
	struct emul_insn *d = &e->insn;

	for (unsigned int i = 0; i < 3 && desc->operand[i] != NONE; i++)
		TRY(decode_operand(e, i, desc->operand[i], override));
	if (d->mem.valid && !d->has_modrm)
		describe_mem(d);
	return EMUL_DONE;
}
