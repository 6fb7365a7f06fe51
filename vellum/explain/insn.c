/* SPDX-License-Identifier: MIT */
#include "insn.h"

#include <stdio.h>
#include <string.h>

#include <capstone/capstone.h>

struct examined {
	struct explain_state *s;
	const cs_insn *insn;
	const cs_x86 *x86;
	unsigned bits;
	uint64_t rip;
};

static bool get_rip(const struct explain_state *s, uint64_t *rip)
{
	return s->vendor == EXPLAIN_VMX ? explain_get(s, F_GUEST_RIP, rip) :
		explain_get_vmcb(s, offsetof(struct vmcb, s.rip), rip);
}

static bool get_rsp(const struct explain_state *s, uint64_t *rsp)
{
	return s->vendor == EXPLAIN_VMX ? explain_get(s, F_GUEST_RSP, rsp) :
		explain_get_vmcb(s, offsetof(struct vmcb, s.rsp), rsp);
}

/* -- Registers -------------------------------------------------------------------------- */

/* Capstone's names are the manual's: number and width in bytes. */
static bool register_of(csh handle, unsigned id, unsigned *reg, unsigned *width)
{
	static const char *const names[4][GPR_COUNT] = {
		{ "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b",
		  "r12b", "r13b", "r14b", "r15b" },
		{ "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w",
		  "r12w", "r13w", "r14w", "r15w" },
		{ "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d",
		  "r11d", "r12d", "r13d", "r14d", "r15d" },
		{ "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
		  "r12", "r13", "r14", "r15" },
	};
	const char *name = cs_reg_name(handle, id);
	unsigned w, n;

	for (w = 0; name && w < 4; w++) {
		for (n = 0; n < GPR_COUNT; n++) {
			if (strcmp(name, names[w][n]))
				continue;
			*reg = n;
			*width = 1u << w;
			return true;
		}
	}
	return false;
}

static bool read_register(const struct examined *x, csh handle, unsigned id, uint64_t *v)
{
	unsigned reg, width;

	if (id == X86_REG_RIP || id == X86_REG_EIP) {
		*v = x->rip + x->insn->size;
		return true;
	}
	if (!register_of(handle, id, &reg, &width))
		return false;
	if (reg == GPR_RSP) {
		if (!get_rsp(x->s, v))
			return false;
	} else if (x->s->gpr_known & (1u << reg)) {
		*v = x->s->gpr[reg];
	} else {
		return false;
	}
	if (width < 8)
		*v &= (1ull << (8 * width)) - 1;
	return true;
}

/* -- Memory operands -------------------------------------------------------------------------- */

static void add_access(struct examined *x, enum seg seg, uint64_t offset, unsigned size, bool write,
		       bool stack)
{
	struct explain_insn *i = &x->s->insn;

	if (i->n_access == EXPLAIN_ACCESSES_MAX || !size || size > 64) {
		i->certain = false;
		return;
	}
	i->access[i->n_access++] = (struct explain_access){ seg, offset, (u8)size, write, stack };
}

static enum seg segment_of(const x86_op_mem *m)
{
	switch (m->segment) {
	case X86_REG_CS:
		return SEG_CS;
	case X86_REG_DS:
		return SEG_DS;
	case X86_REG_ES:
		return SEG_ES;
	case X86_REG_FS:
		return SEG_FS;
	case X86_REG_GS:
		return SEG_GS;
	case X86_REG_SS:
		return SEG_SS;
	default:
		break;
	}
	switch (m->base) {
	case X86_REG_RSP: case X86_REG_ESP: case X86_REG_SP:
	case X86_REG_RBP: case X86_REG_EBP: case X86_REG_BP:
		return SEG_SS;
	default:
		return SEG_DS;
	}
}

static bool touches_nothing(unsigned id)
{
	return id == X86_INS_LEA || id == X86_INS_NOP || id == X86_INS_INVLPG ||
	       id == X86_INS_PREFETCH || id == X86_INS_PREFETCHNTA || id == X86_INS_PREFETCHT0 ||
	       id == X86_INS_PREFETCHT1 || id == X86_INS_PREFETCHT2 || id == X86_INS_PREFETCHW;
}

static void take_memory(struct examined *x, csh handle, const cs_x86_op *op)
{
	const x86_op_mem *m = &op->mem;
	uint64_t v, offset = (uint64_t)m->disp;
	unsigned bits = x->x86->addr_size * 8u;

	if (m->base != X86_REG_INVALID) {
		if (!read_register(x, handle, m->base, &v)) {
			x->s->insn.certain = false;
			return;
		}
		offset += v;
	}
	if (m->index != X86_REG_INVALID) {
		if (!read_register(x, handle, m->index, &v)) {
			x->s->insn.certain = false;
			return;
		}
		offset += v * (uint64_t)m->scale;
	}
	if (bits && bits < 64)
		offset &= (1ull << bits) - 1;
	add_access(x, segment_of(m), offset, op->size, op->access & CS_AC_WRITE, false);
}

static unsigned stack_width(const struct examined *x)
{
	unsigned size = x->bits / 8;

	/* 0x66 makes 16-bit pushes of 32- and 64-bit ones, and 32-bit ones of 16-bit. */
	if (x->x86->prefix[2] == 0x66)
		size = x->bits == 16 ? 4 : 2;
	return size;
}

static void take_stack(struct examined *x)
{
	unsigned width = stack_width(x);
	uint64_t rsp, mask = x->bits == 64 ? ~0ull : x->bits == 32 ? 0xffffffff : 0xffff;
	bool push = false, pop = false;

	switch (x->insn->id) {
	case X86_INS_PUSH: case X86_INS_PUSHF: case X86_INS_PUSHFD: case X86_INS_PUSHFQ:
	case X86_INS_CALL:
		push = true;
		break;
	case X86_INS_POP: case X86_INS_POPF: case X86_INS_POPFD: case X86_INS_POPFQ:
	case X86_INS_RET:
		pop = true;
		break;
	default:
		return;
	}
	if (!get_rsp(x->s, &rsp)) {
		x->s->insn.certain = false;
		return;
	}
	add_access(x, SEG_SS, (push ? rsp - width : rsp) & mask, width, push && !pop, true);
}

/* -- What it does besides ------------------------------------------------------------------------ */

static void raise_vector(struct examined *x, unsigned vector, bool soft)
{
	x->s->insn.raises = true;
	x->s->insn.soft = soft;
	x->s->insn.vector = (u8)vector;
}

static void take_divisor(struct examined *x, csh handle)
{
	const cs_x86_op *op = &x->x86->operands[0];
	unsigned reg, width;
	uint64_t v;

	if (x->x86->op_count != 1 || op->type != X86_OP_REG)
		return;
	if (!register_of(handle, op->reg, &reg, &width) || !read_register(x, handle, op->reg, &v))
		x->s->insn.certain = false;
	else if (!v)
		raise_vector(x, VEC_DE, false);
}

static void take_segment_load(struct examined *x, csh handle)
{
	const cs_x86_op *op = x->x86->operands;
	static const struct { unsigned reg; enum seg seg; } segs[] = {
		{ X86_REG_ES, SEG_ES }, { X86_REG_SS, SEG_SS }, { X86_REG_DS, SEG_DS },
		{ X86_REG_FS, SEG_FS }, { X86_REG_GS, SEG_GS },
	};
	struct explain_insn *i = &x->s->insn;
	uint64_t v;
	unsigned n;

	for (n = 0; n < 5; n++)
		if (op[0].type == X86_OP_REG && op[0].reg == segs[n].reg)
			break;
	if (n == 5 || x->x86->op_count != 2)
		return;
	if (op[1].type != X86_OP_REG || !read_register(x, handle, op[1].reg, &v)) {
		i->certain = false;
		return;
	}
	i->loads_segment = true;
	i->seg = (u8)segs[n].seg;
	i->selector = (u16)v;
}

/* A jump through memory reads it first: not followed beyond that. */
static void take_target(struct examined *x, csh handle)
{
	const cs_x86_op *op = &x->x86->operands[0];
	struct explain_insn *i = &x->s->insn;

	if (x->x86->op_count == 1 && op->type == X86_OP_IMM) {
		i->jumps = true;
		i->target = (uint64_t)op->imm;
		if (x->bits != 64)
			i->target &= x->bits == 16 ? 0xffff : 0xffffffff;
	} else if (x->x86->op_count == 1 && op->type == X86_OP_REG &&
		   read_register(x, handle, op->reg, &i->target)) {
		i->jumps = true;
	} else {
		i->certain = false;
	}
}

static void take_far_jump(struct examined *x)
{
	const cs_x86_op *op = x->x86->operands;

	if (x->x86->op_count == 2 && op[0].type == X86_OP_IMM && op[1].type == X86_OP_IMM) {
		x->s->insn.loads_segment = true;
		x->s->insn.seg = SEG_CS;
		x->s->insn.selector = (u16)op[0].imm;
	} else {
		x->s->insn.certain = false;
	}
}

static bool moves_system_register(const struct examined *x)
{
	unsigned i;

	for (i = 0; i < x->x86->op_count; i++) {
		const cs_x86_op *op = &x->x86->operands[i];

		if (op->type == X86_OP_REG && ((op->reg >= X86_REG_CR0 && op->reg <= X86_REG_CR15) ||
					       (op->reg >= X86_REG_DR0 && op->reg <= X86_REG_DR15)))
			return true;
	}
	return false;
}

/* Those that check what they load: from memory or a table, not followed. */
static void take_operand_of(struct explain_insn *i, unsigned id)
{
	if (id == X86_INS_LTR || id == X86_INS_LLDT)
		i->depends = "the descriptor that it loads";
	else if (id == X86_INS_LMSW)
		i->depends = "the value";
}

static void take_kind(struct examined *x, csh handle)
{
	struct explain_insn *i = &x->s->insn;

	switch (x->insn->id) {
	case X86_INS_UD2: case X86_INS_UD2B:
		raise_vector(x, VEC_UD, false);
		break;
	case X86_INS_INT3:
		raise_vector(x, VEC_BP, true);
		break;
	case X86_INS_INT1:
		raise_vector(x, VEC_DB, false);
		break;
	case X86_INS_INT:
		raise_vector(x, (unsigned)x->x86->operands[0].imm & 0xff, true);
		break;
	case X86_INS_DIV: case X86_INS_IDIV:
		take_divisor(x, handle);
		break;
	case X86_INS_HLT: case X86_INS_LGDT: case X86_INS_LIDT: case X86_INS_LLDT:
	case X86_INS_LTR: case X86_INS_LMSW: case X86_INS_CLTS: case X86_INS_INVD:
	case X86_INS_WBINVD: case X86_INS_INVLPG:
		i->privileged = true;
		take_operand_of(i, x->insn->id);
		break;
	case X86_INS_RDMSR: case X86_INS_WRMSR:
		i->privileged = i->msr = true;
		i->depends = x->insn->id == X86_INS_RDMSR ? "whether the MSR is there" :
			     "the MSR and the value";
		break;
	case X86_INS_XSETBV:
		i->privileged = true;
		i->depends = "the value and CR4.OSXSAVE";
		break;
	case X86_INS_JMP: case X86_INS_CALL:
		take_target(x, handle);
		break;
	case X86_INS_LJMP: case X86_INS_LCALL:
		take_far_jump(x);
		break;
	/* What they load comes from memory or a table: not followed. */
	case X86_INS_IRET: case X86_INS_IRETD: case X86_INS_IRETQ: case X86_INS_RETF:
	case X86_INS_RETFQ: case X86_INS_SYSCALL: case X86_INS_SYSRET: case X86_INS_SYSENTER:
	case X86_INS_SYSEXIT: case X86_INS_INTO: case X86_INS_XRSTOR: case X86_INS_FXRSTOR:
		i->certain = false;
		break;
	case X86_INS_MOV:
		i->privileged = moves_system_register(x);
		if (i->privileged)
			i->depends = "the value and the register";
		take_segment_load(x, handle);
		break;
	default:
		break;
	}
}

static void examine(struct examined *x, csh handle)
{
	struct explain_insn *i = &x->s->insn;
	unsigned n;

	i->length = (u8)x->insn->size;
	i->certain = true;
	snprintf(i->text, sizeof(i->text), "%.20s%s%.56s", x->insn->mnemonic,
		 x->insn->op_str[0] ? " " : "", x->insn->op_str);
	take_kind(x, handle);
	take_stack(x);
	for (n = 0; n < x->x86->op_count && !touches_nothing(x->insn->id); n++)
		if (x->x86->operands[n].type == X86_OP_MEM)
			take_memory(x, handle, &x->x86->operands[n]);
}

void insn_examine(struct explain_state *s)
{
	struct examined x = { .s = s };
	uint8_t bytes[15];
	unsigned n = explain_code(s, bytes, sizeof(bytes));
	cs_insn *insn;
	csh handle;

	if (!n || !get_rip(s, &x.rip))
		return;
	x.bits = explain_code_bits(s);
	if (cs_open(CS_ARCH_X86, x.bits == 64 ? CS_MODE_64 : x.bits == 32 ? CS_MODE_32 : CS_MODE_16,
		    &handle) != CS_ERR_OK)
		return;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	if (cs_disasm(handle, bytes, n, x.rip, 1, &insn) == 1) {
		x.insn = insn;
		x.x86 = &insn->detail->x86;
		examine(&x, handle);
		cs_free(insn, 1);
	} else if (n == sizeof(bytes)) {
		snprintf(s->insn.text, sizeof(s->insn.text), "%02x %02x %02x ... (no instruction that "
			 "the disassembler knows)", bytes[0], bytes[1], bytes[2]);
	}
	cs_close(&handle);
}
