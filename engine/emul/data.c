/* SPDX-License-Identifier: MIT */
/* Moves, conversions and flag instructions. */
#include "internal.h"

/* MOV, MOVZX, MOVNTI, MOVDIRI: loads are zero-extended already. */
enum emul_result emul_op_mov(struct emul *e)
{
	uint64_t value;

	TRY(emul_load(e, 1, &value));
	return emul_store(e, 0, value);
}

static bool plain_register(const struct emul_operand *o)
{
	return o->kind == EMUL_OPERAND_GPR && o->reg != EMUL_RSP;
}

bool emul_plain_move(const struct emul *e, struct emul_move *m)
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *mem = &d->operand[0], *other = &d->operand[1];

	if ((d->op != OP_MOV && d->op != OP_MOVZX) || e->mode != EMUL_MODE64 ||
	    !d->mem.valid || d->addrsize != 8 || d->mem.seg >= EMUL_FS ||
	    d->mem.base == EMUL_RSP || (d->prefixes & EMUL_PREFIX_LOCK))
		return false;
	if (other->kind == EMUL_OPERAND_MEM) {
		mem = other;
		other = &d->operand[0];
	}
	if (mem->kind != EMUL_OPERAND_MEM || mem->size > 8 ||
	    !(plain_register(other) ||
	      (other->kind == EMUL_OPERAND_IMM && mem == &d->operand[0])))
		return false;
	*m = (struct emul_move){
		.write = mem == &d->operand[0], .rip_relative = d->mem.rip_relative,
		.size = mem->size, .reg_size = other->size,
		.reg = other->kind == EMUL_OPERAND_IMM ? EMUL_NO_REG : other->reg,
		.base = d->mem.base, .index = d->mem.index, .scale = d->mem.scale,
		.length = d->length, .disp = d->mem.disp,
		.imm = d->imm & emul_mask(mem->size),
	};
	return true;
}

enum emul_result emul_op_movx(struct emul *e)
{
	uint64_t value;

	TRY(emul_load(e, 1, &value));
	return emul_store(e, 0, emul_sext(value, e->insn.operand[1].size));
}

enum emul_result emul_op_movsxd(struct emul *e)
{
	return emul_op_movx(e);
}

static uint64_t byte_swap(uint64_t value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - size * 8);
}

enum emul_result emul_op_movbe(struct emul *e)
{
	uint64_t value;

	TRY(emul_load(e, 1, &value));
	return emul_store(e, 0, byte_swap(value, e->insn.operand[1].size));
}

/* With 16 bits the result is undefined; CPUs give 0. */
enum emul_result emul_op_bswap(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t value;

	TRY(emul_load(e, 0, &value));
	return emul_store(e, 0, size == 2 ? 0 : byte_swap(value, size));
}

enum emul_result emul_op_lea(struct emul *e)
{
	return emul_store(e, 0, e->insn.mem.offset);
}

/* The source is read, and a 32-bit destination zero-extended, in any case. */
enum emul_result emul_op_cmov(struct emul *e)
{
	uint64_t value, old;

	TRY(emul_load(e, 1, &value));
	TRY(emul_load(e, 0, &old));
	return emul_store(e, 0, emul_condition(e->rflags, e->insn.opcode & 15) ? value : old);
}

enum emul_result emul_op_setcc(struct emul *e)
{
	return emul_store(e, 0, emul_condition(e->rflags, e->insn.opcode & 15));
}

/* CBW, CWDE, CDQE */
enum emul_result emul_op_cbw(struct emul *e)
{
	unsigned int size = e->insn.opsize;

	emul_reg_write(e, EMUL_RAX, size, emul_sext(e->gpr[EMUL_RAX], size / 2));
	return EMUL_DONE;
}

/* CWD, CDQ, CQO */
enum emul_result emul_op_cwd(struct emul *e)
{
	unsigned int size = e->insn.opsize;

	emul_reg_write(e, EMUL_RDX, size,
		       (e->gpr[EMUL_RAX] & emul_sign_bit(size)) ? ~0ull : 0);
	return EMUL_DONE;
}

enum emul_result emul_op_xlat(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	unsigned int seg = d->mem.seg == EMUL_NO_REG ? EMUL_DS : d->mem.seg;
	uint64_t offset = e->gpr[EMUL_RBX] + (e->gpr[EMUL_RAX] & 0xff);
	uint8_t value;

	TRY(emul_mem_read(e, seg, offset & emul_mask(d->addrsize), &value, 1, false));
	emul_reg_write(e, EMUL_RAX, 1, value);
	return EMUL_DONE;
}

/* Undocumented, but in BIOSes: AL = CF ? FF : 0. */
enum emul_result emul_op_salc(struct emul *e)
{
	emul_reg_write(e, EMUL_RAX, 1, (e->rflags & FL_CF) ? 0xff : 0);
	return EMUL_DONE;
}

enum emul_result emul_op_nop(struct emul *e)
{
	(void)e;
	return EMUL_DONE;
}

/* CLFLUSH: its address is checked as a load's. */
enum emul_result emul_op_mem_nop(struct emul *e)
{
	uint64_t la;

	return emul_linear(e, e->insn.mem.seg, e->insn.mem.offset, 1, false, &la);
}

enum emul_result emul_op_flag(struct emul *e)
{
	switch (e->insn.op) {
	case OP_CLC: e->new_rflags &= ~FL_CF; break;
	case OP_STC: e->new_rflags |= FL_CF; break;
	case OP_CMC: e->new_rflags ^= FL_CF; break;
	case OP_CLD: e->new_rflags &= ~FL_DF; break;
	default: e->new_rflags |= FL_DF; break;
	}
	return EMUL_DONE;
}

enum emul_result emul_op_lahf(struct emul *e)
{
	emul_reg_write(e, EMUL_RAX | EMUL_HIGH_BYTE, 1, (e->rflags & 0xd5) | FL_FIXED);
	return EMUL_DONE;
}

enum emul_result emul_op_sahf(struct emul *e)
{
	uint64_t mask = FL_ARITH & ~FL_OF;
	uint64_t ah = emul_reg_read(e, EMUL_RAX | EMUL_HIGH_BYTE, 1);

	e->new_rflags = (e->rflags & ~mask) | (ah & mask);
	return EMUL_DONE;
}
