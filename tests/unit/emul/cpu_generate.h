/* SPDX-License-Identifier: MIT */
/* cpu.c's generator: random instructions, and state that lets them do something. */
#ifndef TESTS_EMUL_CPU_GENERATE_H
#define TESTS_EMUL_CPU_GENERATE_H

#include <cpuid.h>
#include <sys/auxv.h>

#include "cpu_model.h"

/* What needs more of the machine than user mode has, or isn't repeatable. */
static bool excluded(const struct emul_insn *d)
{
	switch (d->op) {
	case OP_INT: case OP_INT3: case OP_INT1: case OP_INTO: case OP_IRET:
	case OP_JMPF: case OP_CALLF: case OP_RETF:
	case OP_MOV_TO_SEG: case OP_POP_SEG:
	case OP_LES: case OP_LDS: case OP_LSS: case OP_LFS: case OP_LGS:
	case OP_SGDT: case OP_SIDT: case OP_SMSW: case OP_SLDT: case OP_STR:
	case OP_LAR: case OP_LSL: case OP_VERR: case OP_VERW:
	case OP_RDTSC: case OP_RDTSCP: case OP_CPUID: case OP_XGETBV:
	case OP_WRFSBASE: case OP_WRGSBASE: case OP_VMCALL:
		return true;
	/* With ring-3 access rights through the I/O bitmap of the host's own TSS. */
	case OP_IN: case OP_OUT: case OP_INS: case OP_OUTS:
		return true;
	default:
		return false;
	}
}

/* Instructions that this CPU doesn't have; said once, in the summary. */
struct feature {
	const char *name;
	bool missing, (*uses)(const struct emul_insn *d);
};

static bool uses_vex_vector(const struct emul_insn *d)
{
	return (d->prefixes & EMUL_PREFIX_VEX) && (d->flags & F_SSE);
}

static bool uses_bmi1(const struct emul_insn *d)
{
	return d->op == OP_TZCNT || (d->op >= OP_ANDN && d->op <= OP_BEXTR);
}

static bool uses_bmi2(const struct emul_insn *d)
{
	return d->op >= OP_BZHI && d->op <= OP_RORX;
}

static bool uses_lzcnt(const struct emul_insn *d)
{
	return d->op == OP_LZCNT;
}

static bool uses_movbe(const struct emul_insn *d)
{
	return d->op == OP_MOVBE;
}

static bool uses_movdiri(const struct emul_insn *d)
{
	return d->map == 2 && d->opcode == 0xf9;
}

static bool uses_fsgsbase(const struct emul_insn *d)
{
	return d->op == OP_RDFSBASE || d->op == OP_RDGSBASE;
}

static struct feature features[] = {
	{ "AVX", false, uses_vex_vector }, { "BMI1", false, uses_bmi1 },
	{ "BMI2", false, uses_bmi2 }, { "LZCNT", false, uses_lzcnt },
	{ "MOVBE", false, uses_movbe }, { "MOVDIRI", false, uses_movdiri },
	{ "FSGSBASE", false, uses_fsgsbase },
};

#define FEATURES	(sizeof(features) / sizeof(features[0]))

static void find_features(void)
{
	unsigned int a, b = 0, c, d, c1 = 0, c7 = 0;

	if (__get_cpuid(1, &a, &b, &c1, &d))
		features[4].missing = !(c1 & bit_MOVBE);
	if (__get_cpuid_count(7, 0, &a, &b, &c7, &d))
		features[5].missing = !(c7 & 1u << 27);
	features[0].missing = !__builtin_cpu_supports("avx");
	features[1].missing = !__builtin_cpu_supports("bmi");
	features[2].missing = !__builtin_cpu_supports("bmi2");
	features[3].missing = !__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & bit_LZCNT);
	features[6].missing = !(getauxval(AT_HWCAP2) & 2);
}

static bool not_on_this_cpu(const struct emul_insn *d)
{
	for (unsigned int i = 0; i < FEATURES; i++)
		if (features[i].missing && features[i].uses(d))
			return true;
	return false;
}

static uint64_t interesting(struct rng *r)
{
	static const uint64_t values[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, 0x100000000,
	};
	uint64_t v = rng_next(r);

	switch (rng_below(r, 6)) {
	case 0: return values[rng_below(r, sizeof(values) / sizeof(values[0]))];
	case 1: return v & 0xff;
	case 2: return emul_sext(v, 1);
	case 3: return v & 0xffffffff;
	default: return v;
	}
}

/* An address in AREA: mostly its middle, now and then across one of its ends. */
static uint64_t area_address(struct rng *r)
{
	unsigned int kind = rng_below(r, 40);

	if (kind == 0)
		return AREA + PAGE - rng_below(r, 40);
	if (kind == 1)
		return AREA - 16 + rng_below(r, 32);
	if (kind < 20)
		return AREA + 0x400 + (rng_below(r, 0x800) & ~31u);
	return AREA + 0x400 + rng_below(r, 0x800);
}

static const uint8_t legacy_prefixes[] = {
	0x66, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65,
};

static unsigned int put_prefixes(struct rng *r, uint8_t *code, unsigned int mode)
{
	unsigned int n = 0;

	if (rng_below(r, 2))
		for (unsigned int i = rng_below(r, 3) + 1; i > 0; i--)
			code[n++] = legacy_prefixes[rng_below(r, sizeof(legacy_prefixes))];
	if (mode == EMUL_MODE64 && rng_below(r, 2))
		code[n++] = (uint8_t)(0x40 | rng_below(r, 16));
	return n;
}

/* VEX: vvvv mostly unused, since most forms want it so. */
static unsigned int put_vex(struct rng *r, uint8_t *code, unsigned int mode)
{
	static const uint8_t bmi[] = { 0xf2, 0xf3, 0xf5, 0xf6, 0xf7 };
	static const uint8_t moves[] = { 0x10, 0x11, 0x28, 0x29, 0x2b, 0x6e, 0x6f, 0x7e, 0x7f,
					 0xd6, 0xe7, 0xf0 };
	unsigned int map = 1 + rng_below(r, 3), n = 0;
	uint8_t vvvv = rng_below(r, 2) && map == 1 ? 0x78 : (uint8_t)(rng_below(r, 16) << 3);

	if (map == 1 && rng_below(r, 2)) {
		code[n++] = 0xc5;
		code[n++] = (uint8_t)(0x80 | vvvv | rng_below(r, 8));
	} else {
		code[n++] = 0xc4;
		code[n++] = (uint8_t)((mode == EMUL_MODE64 ? rng_below(r, 8) << 5 : 0xe0) | map);
		if (map == 3 && rng_below(r, 4))
			vvvv = 0x78;
		code[n++] = (uint8_t)((rng_below(r, 2) << 7) | vvvv |
				      (rng_below(r, 4) ? 0 : 4) | rng_below(r, 4));
		if (mode != EMUL_MODE64)
			code[n - 2] |= 0xc0;
	}
	code[n++] = map == 1 ? moves[rng_below(r, sizeof(moves))] :
		    map == 2 ? bmi[rng_below(r, sizeof(bmi))] : 0xf0;
	return n;
}

static void put_random(struct rng *r, uint8_t *code, unsigned int from)
{
	for (unsigned int i = from; i < 15; i++)
		code[i] = (uint8_t)(rng_next(r) >> 56);
}

static void make_code(struct rng *r, uint8_t *code, unsigned int mode)
{
	static const uint8_t map2[] = { 0x2a, 0xf0, 0xf1, 0xf9 };
	unsigned int n = put_prefixes(r, code, mode);

	switch (rng_below(r, 20)) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		code[n++] = 0x0f;
		break;
	case 7:
		code[n++] = 0x0f;
		code[n++] = 0x38;
		code[n++] = map2[rng_below(r, sizeof(map2))];
		break;
	case 8: case 9:
		n = put_vex(r, code, mode);
		break;
	case 10:
		/* The small groups behind 0F 01 and 0F AE, with their prefix. */
		if (rng_below(r, 8))
			break;
		n = rng_below(r, 2);
		code[0] = 0xf3;
		if (n && mode == EMUL_MODE64)
			code[n++] = (uint8_t)(0x40 | rng_below(r, 16));
		code[n++] = 0x0f;
		code[n++] = rng_below(r, 2) ? 0x01 : 0xae;
		code[n++] = (uint8_t)(0xc0 | rng_below(r, 64));
		break;
	default:
		break;
	}
	put_random(r, code, n);
}

/* Replaces a displacement in the instruction bytes; true if there was one. */
static bool patch_disp(struct test *t, uint64_t value, unsigned int size)
{
	for (unsigned int i = 1; i + size <= t->length; i++) {
		uint64_t have = 0;

		memcpy(&have, t->code + i, size);
		if (have == (t->insn.mem.disp & emul_mask(size))) {
			memcpy(t->code + i, &value, size);
			return true;
		}
	}
	return false;
}

static uint64_t segment_base(const struct test *t, unsigned int seg)
{
	if (t->mode == EMUL_MODE16)
		return DATA16_BASE;
	return t->mode == EMUL_MODE64 && seg == EMUL_FS ? fs_base : 0;
}

/* Makes the effective address hit AREA, where its form allows. */
static void aim(struct rng *r, struct test *t)
{
	struct emul_insn *d = &t->insn;
	uint64_t target = area_address(r) - segment_base(t, d->mem.seg);
	uint64_t index = 0;
	unsigned int base = d->mem.base;

	if (d->mem.rip_relative) {
		patch_disp(t, target - (t->rip + t->length), 4);
		return;
	}
	if (base == EMUL_NO_REG && d->mem.index == EMUL_NO_REG) {
		if (d->has_modrm)
			patch_disp(t, target, d->addrsize == 2 ? 2 : 4);
		else
			patch_disp(t, target, d->addrsize);
		return;
	}
	if (base == EMUL_NO_REG) {
		t->gpr[d->mem.index] = (target - d->mem.disp) >> d->mem.scale;
		return;
	}
	if (d->mem.index != EMUL_NO_REG)
		index = t->gpr[d->mem.index] << d->mem.scale;
	if (d->mem.index == base)
		return;
	if (d->addrsize == 8)
		t->gpr[base] = target - d->mem.disp - index;
	else
		emul_reg_write(&(struct emul){ .gpr = t->gpr }, base,
			       d->addrsize == 2 ? 2 : 4, target - d->mem.disp - index);
}

static uint64_t area_value(struct test *t, uint64_t offset)
{
	uint64_t la = offset + segment_base(t, t->insn.mem.seg), v = 0;

	if (in_area(la, 8))
		memcpy(&v, model_memory + (la - AREA), 8);
	return v;
}

/* State that makes an instruction do its work rather than fault or fail. */
static void shape(struct rng *r, struct test *t)
{
	struct emul_insn *d = &t->insn;
	uint64_t base = segment_base(t, EMUL_DS);

	if (rng_below(r, 8))
		t->gpr[EMUL_RSP] = (area_address(r) & ~7ull) - base;
	switch (d->op) {
	case OP_LEAVE: case OP_ENTER:
		t->gpr[EMUL_RBP] = area_address(r) - base;
		break;
	case OP_XLAT:
		t->gpr[EMUL_RBX] = area_address(r) - segment_base(t, d->mem.seg);
		break;
	case OP_BT: case OP_BTS: case OP_BTR: case OP_BTC:
		if (d->operand[1].kind == EMUL_OPERAND_GPR && rng_below(r, 16))
			t->gpr[d->operand[1].reg] = emul_sext(rng_next(r) & 0x3fff, 8) - 0x2000;
		break;
	case OP_DIV: case OP_IDIV:
		if (rng_below(r, 3))
			t->gpr[EMUL_RDX] = rng_below(r, 2) ? 0 : (uint64_t)((int64_t)t->gpr[0] >> 63);
		break;
	case OP_PDEP: case OP_PEXT: case OP_BEXTR: case OP_BZHI: case OP_SHLX:
		break;
	default:
		break;
	}
	if (d->flags & F_STRING) {
		t->gpr[EMUL_RSI] = area_address(r) - segment_base(t, d->mem.seg);
		t->gpr[EMUL_RDI] = area_address(r) - base;
		if (rng_below(r, 2))
			t->gpr[EMUL_RCX] = rng_below(r, 4);
	} else if (d->mem.valid) {
		aim(r, t);
	}
}

/* Values that memory must hold for both outcomes to occur: after aim(). */
static void shape_values(struct rng *r, struct test *t, uint64_t offset)
{
	struct emul_insn *d = &t->insn;
	uint64_t v;

	if (rng_below(r, 2))
		return;
	if (d->op == OP_CMPXCHG) {
		v = d->mem.valid ? area_value(t, offset) :
		    emul_reg_read(&(struct emul){ .gpr = t->gpr }, d->operand[0].reg,
				  d->operand[0].size);
		if (d->mem.base != EMUL_RAX && d->mem.index != EMUL_RAX)
			t->gpr[EMUL_RAX] = v;
	} else if (d->op == OP_CMPXCHG8B && d->mem.base != EMUL_RAX && d->mem.index != EMUL_RAX &&
		   d->mem.base != EMUL_RDX && d->mem.index != EMUL_RDX) {
		v = area_value(t, offset);
		t->gpr[EMUL_RAX] = d->opsize == 8 ? v : v & 0xffffffff;
		t->gpr[EMUL_RDX] = d->opsize == 8 ? area_value(t, offset + 8) : v >> 32;
	}
}

/* Flags that SDM2 leaves undefined. All ~0: the result is undefined as well. */
static uint64_t undefined_flags(const struct test *t)
{
	const struct emul_insn *d = &t->insn;
	unsigned int size = d->operand[0].size, count = 1;
	unsigned int n = d->op == OP_SHLD || d->op == OP_SHRD ? 2 : 1;

	if (d->operand[n].kind == EMUL_OPERAND_IMM)
		count = (unsigned int)d->imm & 0xff;
	else if (d->operand[n].kind == EMUL_OPERAND_GPR)
		count = t->gpr[EMUL_RCX] & 0xff;
	count &= size == 8 ? 63 : 31;
	switch (d->op) {
	case OP_AND: case OP_OR: case OP_XOR: case OP_TEST: return FL_AF;
	case OP_ROL: case OP_ROR: case OP_RCL: case OP_RCR: return count > 1 ? FL_OF : 0;
	case OP_SHL: case OP_SHR: case OP_SAL: case OP_SAR:
		if (!count)
			return 0;
		return FL_AF | (count > 1 ? FL_OF : 0) |
		       (count >= size * 8 && d->op != OP_SAR ? FL_CF : 0);
	case OP_SHLD: case OP_SHRD:
		if (!count)
			return 0;
		return count > size * 8 ? ~0ull : FL_AF | (count > 1 ? FL_OF : 0);
	case OP_MUL: case OP_IMUL1: case OP_IMUL: return FL_SF | FL_ZF | FL_AF | FL_PF;
	case OP_DIV: case OP_IDIV: return FL_ARITH;
	case OP_BT: case OP_BTS: case OP_BTR: case OP_BTC:
		return FL_OF | FL_SF | FL_AF | FL_PF;
	case OP_BSF: case OP_BSR: return FL_ARITH & ~FL_ZF;
	case OP_TZCNT: case OP_LZCNT: return FL_OF | FL_SF | FL_PF | FL_AF;
	case OP_DAA: case OP_DAS: return FL_OF;
	case OP_AAA: case OP_AAS: return FL_OF | FL_SF | FL_ZF | FL_PF;
	case OP_AAM: case OP_AAD: return FL_OF | FL_AF | FL_CF;
	case OP_ANDN: case OP_BLSR: case OP_BLSMSK: case OP_BLSI: case OP_BZHI:
		return FL_AF | FL_PF;
	case OP_BEXTR: return FL_AF | FL_SF | FL_PF;
	default: return 0;
	}
}

static void prepare(struct emul *e, struct model *m, struct test *t)
{
	memset(m, 0, sizeof(*m));
	m->t = t;
	*e = (struct emul){
		.ops = &model_ops, .ctx = m, .gpr = t->e_gpr, .rip = t->rip,
		.rflags = t->rflags, .mode = t->mode, .cpl = 3, .protected_mode = true,
		.long_mode = true, .nbytes = t->length,
	};
	memcpy(e->bytes, t->code, t->length);
	memcpy(t->e_gpr, t->gpr, sizeof(t->gpr));
	t->e_vec = t->vec;
	t->e_fcw = t->fcw;
	t->writes = 0;
}

/* Something that differs from test to test, and costs no random number. */
static unsigned int code_sum(const struct test *t)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < 15; i++)
		sum += t->code[i];
	return sum;
}

/* Fills in everything before execution; false: try another one. */
static bool generate(struct rng *r, struct test *t, struct model *m)
{
	struct emul *e = &m->e;

	t->mode = (uint8_t)(rng_below(r, 2) ? EMUL_MODE64 :
			    rng_below(r, 3) && ldt_code ? EMUL_MODE16 : EMUL_MODE32);
	make_code(r, t->code, t->mode);
	t->rip = 0;
	t->rflags = FL_FIXED | FL_IF | FL_TF | (rng_next(r) & (FL_ARITH | FL_DF));
	t->length = 15;
	prepare(e, m, t);
	if (emul_decode_insn(e) != EMUL_DONE || excluded(&e->insn) ||
	    not_on_this_cpu(&e->insn))
		return false;
	t->insn = e->insn;
	t->length = e->insn.length;
	t->rip = (t->mode == EMUL_MODE16 ? 0 : CODE) + PAGE - t->length;
	t->use_vectors = e->insn.flags & F_SSE;
	t->fcw = (uint16_t)(FCW_INITIAL & ~(code_sum(t) << 10 & 0xc00));
	/* Which vector accesses AC applies to differs between CPUs. */
	if (rng_below(r, 16) == 0 && !t->use_vectors)
		t->rflags |= FL_AC;
	for (unsigned int i = 0; i < 16; i++)
		t->gpr[i] = interesting(r);
	if (t->use_vectors)
		for (unsigned int i = 0; i < 64; i++)
			t->vec.v[i / 4][i % 4] = rng_next(r);
	if (t->mode != EMUL_MODE64)
		for (unsigned int i = 0; i < 16; i++)
			t->gpr[i] &= 0xffffffff;
	shape(r, t);
	if (t->mode != EMUL_MODE64)
		for (unsigned int i = 0; i < 16; i++)
			t->gpr[i] &= 0xffffffff;
	prepare(e, m, t);
	/* Patching a displacement may, rarely, have hit another field. */
	if (emul_decode(e) != EMUL_DONE || excluded(&e->insn) || not_on_this_cpu(&e->insn) ||
	    e->insn.length != t->length)
		return false;
	t->insn = e->insn;
	/* CLFLUSH faults on what isn't mapped; ours makes no access at all. */
	if (e->insn.op == OP_CLFLUSH &&
	    (e->insn.mem.seg == EMUL_CS ||
	     !in_area(e->insn.mem.offset + segment_base(t, e->insn.mem.seg), 1)))
		return false;
	shape_values(r, t, e->insn.mem.offset);
	t->undefined = undefined_flags(t);
	return true;
}

/* Commits the emulator's writes to its memory, so that later tests see them. */
static void apply_writes(uint8_t *memory, const struct test *t)
{
	for (unsigned int i = 0; i < t->writes; i++)
		memcpy(memory + (t->write[i].la - AREA), t->write[i].data, t->write[i].size);
}

static bool emulate(struct test *t, struct model *m)
{
	struct emul *e = &m->e;

	prepare(e, m, t);
	t->result = emul_decode(e);
	if (t->result == EMUL_DONE)
		t->result = emul_execute(e);
	if (m->skip || t->result == EMUL_UNSUPPORTED)
		return false;
	t->fault = e->fault;
	t->e_rip = e->rip;
	t->e_rflags = e->rflags;
	/* Undefined result: nothing to compare and memory would diverge. */
	return t->undefined != ~0ull;
}

#endif
