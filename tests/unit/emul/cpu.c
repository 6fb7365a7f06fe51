/* SPDX-License-Identifier: MIT */
/*
 * The emulator against this machine's CPU. Random instructions of the supported
 * set, in 64-bit, 32-bit and 16-bit (LDT) code, are emulated here and executed
 * in a child process: its signal handler loads each test's state through
 * sigreturn with TF set, so exactly one instruction runs before the next signal.
 * Registers, flags (but undefined ones), memory, vector registers, next rIP and
 * fault vectors must agree. Each instruction ends at the last byte of a mapped
 * page: a length that differs shows as a page fault or as a wrong rIP.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#undef F_LOCK	/* lockf() of <unistd.h> */
#include "../../../engine/emul/internal.h"
#include "rng.h"

#define PAGE		0x1000ull
#define CODE		0x10000000ull		/* one page; nothing mapped around it */
#define AREA		0x10100000ull		/* one page; nothing mapped around it */
#define NEAR		0x80000ull		/* nothing else is mapped so close to AREA */
#define BATCH		2000
#define MAX_WRITES	40
#define MAX_SHOWN	10
#define DATA16_BASE	(AREA - PAGE)		/* 16-bit data segments: AREA is at 1000h */
#define COMPARED_FLAGS	(FL_ARITH | FL_DF | FL_TF | FL_AC)

struct write {
	uint64_t la;
	unsigned int size;
	uint8_t data[32];
};

struct vectors {
	uint64_t v[16][4];
};

struct test {
	/* Before. */
	uint8_t code[16];
	uint8_t mode, length;
	bool use_vectors;
	uint64_t gpr[16], rip, rflags;
	struct vectors vec;
	/* After, by the emulator. */
	enum emul_result result;
	struct emul_insn insn;
	struct emul_fault fault;
	uint64_t e_gpr[16], e_rip, e_rflags, undefined;
	struct vectors e_vec;
	unsigned int writes;
	struct write write[MAX_WRITES];
	/* After, by the CPU. */
	uint64_t c_gpr[16], c_rip, c_rflags, c_cr2;
	struct vectors c_vec;
	int c_vector;
	bool memory_differs;
	uint64_t memory_at;
};

/* Shared with the child. */
struct shared {
	unsigned int count, done;
	uint8_t initial[PAGE];
	struct test test[BATCH];
};

static struct shared *sh;
static uint8_t model_memory[PAGE];	/* the emulator's AREA */
static uint64_t fs_base;
static uint16_t ldt_code, ldt_data, ldt_stack;	/* 0: no 16-bit tests here */

static const char *const op_names[] = {
#define X(name, handler) #name,
	EMUL_OPS(X)
#undef X
};
static const char *const mode_names[] = { "16-bit", "32-bit", "64-bit" };

/* ---- The emulator's side ---- */

struct model {
	struct emul e;
	struct test *t;
	bool skip;	/* touched something that only one of the two has */
};

static struct model *model_of(struct emul *e)
{
	return e->ctx;
}

static bool in_area(uint64_t la, unsigned int size)
{
	return la >= AREA && la + size <= AREA + PAGE && la + size >= la;
}

static enum emul_cb model_pf(struct emul *e, uint64_t la, unsigned int size, uint32_t error)
{
	uint64_t bad = la;

	/* The child's own mappings and the code page aren't modelled. */
	if (la < AREA - NEAR || la >= AREA + NEAR)
		if ((int64_t)la >= 0 && (la >= 0x400000000000ull ||
					 (la >= CODE - 64 && la < CODE + PAGE)))
			model_of(e)->skip = true;
	if (la >= AREA && la < AREA + PAGE)
		bad = AREA + PAGE;
	(void)size;
	e->fault = (struct emul_fault){ .vector = VEC_PF, .kind = EMUL_EVENT_EXCEPTION,
					.has_error = true, .error = error, .cr2 = bad };
	return EMUL_CB_FAULT;
}

/* What the same instruction wrote before (ENTER's frame pointers). */
static void overlay(const struct test *t, uint64_t la, uint8_t *buf, unsigned int size)
{
	for (unsigned int i = 0; i < t->writes; i++)
		for (unsigned int j = 0; j < t->write[i].size; j++)
			if (t->write[i].la + j >= la && t->write[i].la + j < la + size)
				buf[t->write[i].la + j - la] = t->write[i].data[j];
}

static enum emul_cb model_read(struct emul *e, uint64_t la, void *buf, unsigned int size,
			       unsigned int access)
{
	if (!in_area(la, size))
		return model_pf(e, la, size, (access & EMUL_ACCESS_WRITE) ? 6 : 4);
	memcpy(buf, model_memory + (la - AREA), size);
	overlay(model_of(e)->t, la, buf, size);
	return EMUL_CB_OK;
}

static enum emul_cb model_write(struct emul *e, uint64_t la, const void *buf, unsigned int size,
				unsigned int access)
{
	struct test *t = model_of(e)->t;
	struct write *w;

	(void)access;
	if (!in_area(la, size))
		return model_pf(e, la, size, 6);
	if (t->writes == MAX_WRITES) {
		model_of(e)->skip = true;
		return EMUL_CB_UNSUPPORTED;
	}
	w = &t->write[t->writes++];
	w->la = la;
	w->size = size;
	memcpy(w->data, buf, size);
	return EMUL_CB_OK;
}

static enum emul_cb model_cmpxchg(struct emul *e, uint64_t la, const void *old, const void *new,
				  unsigned int size, unsigned int access)
{
	if (!in_area(la, size))
		return EMUL_CB_NOT_RAM;
	if (memcmp(model_memory + (la - AREA), old, size))
		return EMUL_CB_RETRY;
	return model_write(e, la, new, size, access);
}

static enum emul_cb model_fetch(struct emul *e, uint64_t la, void *buf, unsigned int size)
{
	(void)buf;
	return model_pf(e, la, size, 0x14);
}

static void flat(struct emul_seg *s, uint16_t selector, uint32_t ar)
{
	*s = (struct emul_seg){ .selector = selector, .limit = 0xffffffff, .ar = ar };
}

static void model_get_seg(struct emul *e, enum emul_segment seg, struct emul_seg *out)
{
	static const uint32_t code_ar[] = { 0x00fb, 0xc0fb, 0xa0fb };

	switch (seg) {
	case EMUL_CS:
		flat(out, e->mode == EMUL_MODE16 ? ldt_code : e->mode == EMUL_MODE32 ? 0x23 : 0x33,
		     code_ar[e->mode]);
		break;
	case EMUL_SS: flat(out, e->mode == EMUL_MODE16 ? ldt_stack : 0x2b, 0xc0f3); break;
	case EMUL_DS: case EMUL_ES:
		flat(out, e->mode == EMUL_MODE16 ? ldt_data : 0x2b, 0xc0f3);
		break;
	default:
		flat(out, 0, AR_UNUSABLE);
		out->base = seg == EMUL_FS ? fs_base : 0;
		return;
	}
	if (e->mode == EMUL_MODE16) {
		out->base = seg == EMUL_CS ? CODE : DATA16_BASE;
		out->limit = 0xffff;
		out->ar &= 0xff;
	}
}

static uint64_t model_read_cr(struct emul *e, unsigned int cr)
{
	(void)e;
	switch (cr) {
	case 0: return CR0_PE | CR0_AM | 0x80000000;
	case 4: return CR4_OSFXSR | CR4_OSXSAVE | CR4_UMIP | CR4_FSGSBASE;
	default: return 0x7;
	}
}

static void model_read_xmm(struct emul *e, unsigned int reg, void *buf, unsigned int size)
{
	memcpy(buf, model_of(e)->t->e_vec.v[reg], size);
}

static void model_write_xmm(struct emul *e, unsigned int reg, const void *buf,
			    unsigned int size, bool zero_upper)
{
	uint64_t *v = model_of(e)->t->e_vec.v[reg];

	if (zero_upper)
		v[2] = v[3] = 0;
	memcpy(v, buf, size);
}

static const struct emul_ops model_ops = {
	.fetch = model_fetch, .read_mem = model_read, .write_mem = model_write,
	.cmpxchg_mem = model_cmpxchg, .get_seg = model_get_seg, .read_cr = model_read_cr,
	.read_xmm = model_read_xmm, .write_xmm = model_write_xmm,
};

/* ---- Generation ---- */

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
	case OP_WRFSBASE: case OP_WRGSBASE:
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
	t->writes = 0;
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

/* ---- The CPU's side: everything below runs in the child ---- */

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

#define XSTATE_BV	512	/* SDM1 "Standard Format of an XSAVE Area" */
#define XSTATE_YMM	576

static int child_index;
static uint8_t child_expected[PAGE];

static void child_vectors(ucontext_t *uc, struct vectors *v, bool load)
{
	uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs;

	for (unsigned int i = 0; i < 16; i++) {
		uint8_t *low = area + 160 + 16 * i, *high = area + XSTATE_YMM + 16 * i;
		uint64_t bv;

		memcpy(&bv, area + XSTATE_BV, 8);
		if (load) {
			bv |= 6;
			memcpy(area + XSTATE_BV, &bv, 8);
			memcpy(low, &v->v[i][0], 16);
			memcpy(high, &v->v[i][2], 16);
		} else {
			memset(v->v[i], 0, 32);
			if (bv & 2)
				memcpy(&v->v[i][0], low, 16);
			if (bv & 4)
				memcpy(&v->v[i][2], high, 16);
		}
	}
}

static void child_collect(ucontext_t *uc, siginfo_t *si, struct test *t)
{
	greg_t *g = uc->uc_mcontext.gregs;

	for (unsigned int i = 0; i < 16; i++)
		t->c_gpr[i] = (uint64_t)g[greg_of[i]];
	t->c_rip = (uint64_t)g[REG_RIP];
	t->c_rflags = (uint64_t)g[REG_EFL];
	t->c_vector = (int)g[REG_TRAPNO];
	t->c_cr2 = (uint64_t)si->si_addr;
	if (t->use_vectors)
		child_vectors(uc, &t->c_vec, false);
	apply_writes(child_expected, t);
	t->memory_differs = memcmp(child_expected, (void *)AREA, PAGE);
	if (t->memory_differs) {
		while (((uint8_t *)AREA)[t->memory_at] == child_expected[t->memory_at])
			t->memory_at++;
		memcpy((void *)AREA, child_expected, PAGE);
	}
}

static void child_load(ucontext_t *uc, struct test *t)
{
	static const uint16_t selectors[] = { 0, 0x23, 0x33 };
	greg_t *g = uc->uc_mcontext.gregs;
	uint64_t cs = selectors[t->mode], ss = 0x2b;

	if (t->mode == EMUL_MODE16) {
		cs = ldt_code;
		ss = ldt_stack;
	}
	memcpy((uint8_t *)CODE + PAGE - t->length, t->code, t->length);
	for (unsigned int i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)t->gpr[i];
	g[REG_RIP] = (greg_t)t->rip;
	g[REG_EFL] = (greg_t)t->rflags;
	g[REG_CSGSFS] = (greg_t)(ss << 48 | cs);
	if (t->use_vectors)
		child_vectors(uc, &t->vec, true);
	asm volatile("mov %0, %%ds; mov %0, %%es" : :
		     "r"((uint32_t)(t->mode == EMUL_MODE16 ? ldt_data : 0x2b)));
}

/* No library call that could use the FS segment or vector alignment is made here. */
static void child_signal(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	/* The kernel leaves AC, NT and ID as the test set them. */
	asm volatile("pushfq; andq $~0x244000, (%%rsp); popfq" : : : "memory", "cc");
	(void)sig;
	if (child_index >= 0)
		child_collect(uc, si, &sh->test[child_index]);
	child_index++;
	sh->done = (unsigned int)child_index;
	if (child_index == (int)sh->count)
		_exit(0);
	child_load(uc, &sh->test[child_index]);
}

static void child_run(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS };
	static uint8_t stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = child_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&sa.sa_mask);
	sigaltstack(&ss, NULL);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	child_index = -1;
	memcpy(child_expected, sh->initial, PAGE);
	memcpy((void *)AREA, sh->initial, PAGE);
	raise(SIGTRAP);
	_exit(99);
}

/* ---- Comparison ---- */

struct totals {
	uint64_t run, failed, faults, again;
	uint64_t by_op[OP_COUNT], by_mode[3];
};

static void show_bytes(const struct test *t)
{
	printf("  %s %s (result %d, rsp %#" PRIx64 ", rbp %#" PRIx64 "):", mode_names[t->mode],
	       op_names[t->insn.op], t->result, t->gpr[EMUL_RSP], t->gpr[EMUL_RBP]);
	for (unsigned int i = 0; i < t->length; i++)
		printf(" %02x", t->code[i]);
	printf("\n");
}

/* 0 on agreement, else prints a line for each difference. */
static unsigned int compare(const struct test *t, bool print)
{
	bool fault = t->result == EMUL_FAULT;
	int vector = fault ? t->fault.vector : VEC_DB;
	uint64_t flags = COMPARED_FLAGS & ~(fault ? 0 : t->undefined);
	uint64_t mask = t->mode == EMUL_MODE64 ? ~0ull : 0xffffffff;
	unsigned int bad = 0;

#define CHECK(cond, ...) do { if (!(cond)) { bad++; if (print) printf(__VA_ARGS__); } } while (0)
	CHECK(t->c_vector == vector, "    vector: emulator %d, CPU %d (cr2 %#" PRIx64 ")\n",
	      vector, t->c_vector, t->c_cr2);
	CHECK(t->e_rip == t->c_rip, "    rip: emulator %#" PRIx64 ", CPU %#" PRIx64 "\n",
	      t->e_rip, t->c_rip);
	/* A POPA that faults half-way has changed registers on some CPUs. */
	for (unsigned int i = 0; i < 16; i++)
		CHECK((fault && t->insn.op == OP_POPA) || (t->e_gpr[i] & mask) == (t->c_gpr[i] & mask), "    r%u: before %#" PRIx64
		      " emulator %#" PRIx64 ", CPU %#" PRIx64 "\n", i, t->gpr[i], t->e_gpr[i],
		      t->c_gpr[i]);
	CHECK(!((t->e_rflags ^ t->c_rflags) & flags), "    flags: before %#" PRIx64
	      " emulator %#" PRIx64 ", CPU %#" PRIx64 ", differing %#" PRIx64 "\n", t->rflags,
	      t->e_rflags, t->c_rflags, (t->e_rflags ^ t->c_rflags) & flags);
	/* Nor is what a faulting ENTER left below the stack pointer defined. */
	CHECK(!t->memory_differs || (fault && t->insn.op == OP_ENTER), "    memory differs at area + %#" PRIx64 "\n", t->memory_at);
	if (fault && t->fault.vector == VEC_PF && t->c_vector == VEC_PF)
		CHECK(t->fault.cr2 == t->c_cr2, "    cr2: emulator %#" PRIx64 ", CPU %#" PRIx64 "\n",
		      t->fault.cr2, t->c_cr2);
	if (t->use_vectors)
		CHECK(!memcmp(&t->e_vec, &t->c_vec, sizeof(t->e_vec)),
		      "    vector registers differ\n");
#undef CHECK
	return bad;
}

static void judge(const struct test *t, struct totals *n)
{
	n->run++;
	n->by_op[t->insn.op]++;
	n->by_mode[t->mode]++;
	n->faults += t->result == EMUL_FAULT;
	n->again += t->result == EMUL_AGAIN;
	if (!compare(t, false))
		return;
	if (n->failed++ < MAX_SHOWN) {
		show_bytes(t);
		compare(t, true);
	}
}

static int run_batch(struct rng *r, unsigned int count, struct totals *n)
{
	int status;
	pid_t pid;

	memset(sh, 0, sizeof(*sh));
	sh->count = count;
	memcpy(sh->initial, model_memory, PAGE);
	for (unsigned int i = 0; i < count; ) {
		struct test *t = &sh->test[i];
		struct model m;

		memset(t, 0, sizeof(*t));
		if (!generate(r, t, &m) || !emulate(t, &m))
			continue;
		apply_writes(model_memory, t);
		i++;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		child_run();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status)) {
		printf("child died (status %#x) at test %u:\n", status, sh->done);
		if (sh->done < count)
			show_bytes(&sh->test[sh->done]);
		return 1;
	}
	for (unsigned int i = 0; i < count; i++)
		judge(&sh->test[i], n);
	return 0;
}

/* Operations whose results this test can't see; they have tests of their own. */
static bool expected_unexercised(unsigned int op)
{
	struct emul_insn d = { .op = (uint8_t)op };

	return op == OP_UD || excluded(&d) || not_on_this_cpu(&d);
}

static unsigned int summary(const struct totals *n)
{
	unsigned int missing = 0;

	for (unsigned int op = 0; op < OP_COUNT; op++) {
		if (n->by_op[op])
			printf("%s %" PRIu64 "  ", op_names[op], n->by_op[op]);
		else if (!expected_unexercised(op))
			missing++;
	}
	printf("\n");
	for (unsigned int i = 0; i < FEATURES; i++)
		if (features[i].missing)
			printf("not compared, this CPU has no %s\n", features[i].name);
	for (unsigned int op = 0; missing && op < OP_COUNT; op++)
		if (!n->by_op[op] && !expected_unexercised(op))
			printf("never exercised: %s\n", op_names[op]);
	printf("%" PRIu64 " instructions (%" PRIu64 " 64-bit, %" PRIu64 " 32-bit, %" PRIu64
	       " 16-bit), %" PRIu64 " faults, %" PRIu64 " part-way REP, %" PRIu64 " failed\n",
	       n->run, n->by_mode[2], n->by_mode[1], n->by_mode[0], n->faults, n->again,
	       n->failed);
	return missing;
}

static uint16_t make_ldt(unsigned int entry, uint64_t base, bool code)
{
	struct user_desc d = {
		.entry_number = entry, .base_addr = (unsigned int)base, .limit = 0xffff,
		.contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
	};

	if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
		return 0;
	return (uint16_t)(entry << 3 | 7);
}

static bool set_up(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED ||
	    mmap((void *)CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) !=
		    (void *)CODE ||
	    mmap((void *)AREA, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != (void *)AREA ||
	    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base))
		return false;
	ldt_code = make_ldt(0, CODE, true);
	ldt_data = make_ldt(1, DATA16_BASE, false);
	ldt_stack = make_ldt(2, DATA16_BASE, false);
	if (!ldt_code || !ldt_data || !ldt_stack) {
		ldt_code = 0;
		printf("no modify_ldt here: 16-bit code is not compared\n");
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	static struct totals n;
	struct rng r = { seed };
	bool broken = false;
	unsigned int missing;

	printf("seed %#" PRIx64 "\n", seed);
	if (!set_up()) {
		printf("FAIL: can't map the test pages at %#llx and %#llx\n", CODE, AREA);
		return 1;
	}
	find_features();
	for (unsigned int i = 0; i < PAGE; i++)
		model_memory[i] = (uint8_t)(rng_next(&r) >> 56);
	while (n.run < count && !broken)
		broken = run_batch(&r, BATCH, &n);
	missing = summary(&n);
	if (broken || n.failed || missing || n.run < count) {
		printf("FAIL\n");
		return 1;
	}
	printf("PASS\n");
	return 0;
}
