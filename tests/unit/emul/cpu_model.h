/* SPDX-License-Identifier: MIT */
/* cpu.c's emulator side: one test's state, and the memory that the emulator sees. */
#ifndef TESTS_EMUL_CPU_MODEL_H
#define TESTS_EMUL_CPU_MODEL_H

#include <stdint.h>
#include <string.h>

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
#define FCW_INITIAL	0x37f
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
	uint16_t fcw;
	/* After, by the emulator. */
	enum emul_result result;
	struct emul_insn insn;
	struct emul_fault fault;
	uint64_t e_gpr[16], e_rip, e_rflags, undefined;
	struct vectors e_vec;
	uint16_t e_fcw;
	unsigned int writes;
	struct write write[MAX_WRITES];
	/* After, by the CPU. */
	uint64_t c_gpr[16], c_rip, c_rflags, c_cr2;
	struct vectors c_vec;
	uint16_t c_fcw;
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

/* Without pending exceptions: the control word is all that there is. */
static enum emul_cb model_fpu(struct emul *e, enum emul_fpu what, uint16_t *word)
{
	struct test *t = model_of(e)->t;

	switch (what) {
	case EMUL_FPU_INIT: t->e_fcw = FCW_INITIAL; break;
	case EMUL_FPU_STORE_CONTROL: *word = t->e_fcw; break;
	case EMUL_FPU_STORE_STATUS: *word = 0; break;
	/* Bit 6 reads as 1, the others from 13 up and 7 as 0. */
	case EMUL_FPU_LOAD_CONTROL: t->e_fcw = (*word & 0x1f3f) | 0x40; break;
	default: break;
	}
	return EMUL_CB_OK;
}

static const struct emul_ops model_ops = {
	.fetch = model_fetch, .read_mem = model_read, .write_mem = model_write,
	.cmpxchg_mem = model_cmpxchg, .get_seg = model_get_seg, .read_cr = model_read_cr,
	.fpu = model_fpu, .read_xmm = model_read_xmm, .write_xmm = model_write_xmm,
};

#endif
