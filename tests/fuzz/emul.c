/* SPDX-License-Identifier: MIT */
/*
 * Random bytes with random state through the emulator. It must not crash, must
 * end, and must obey its contract: an instruction that is abandoned for user
 * space changes nothing, and restarted to its end it does exactly what it does
 * when nothing needs user space.
 *
 * Built with -DLIBFUZZER -fsanitize=fuzzer it is a libFuzzer target; otherwise
 * it runs COUNT (first argument) inputs made from SEED (second).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MACHINE_RAM	0x20000u	/* 128 KiB: real-mode segments fit */
#include "../unit/emul/machine.h"
#include "../unit/emul/rng.h"

#define CODE_AT		0x8000u

static struct machine machines[2];	/* without and with exits */
static struct emul_cache cache;		/* of the second */

struct input {
	uint8_t code[16];
	uint64_t seed;
};

static const char *name_of(const struct machine *m)
{
	static const char *const names[] = {
#define X(name, handler) #name,
		EMUL_OPS(X)
#undef X
	};

	return names[m->e.insn.op < OP_COUNT ? m->e.insn.op : 0];
}

static void die(const struct input *in, const struct machine *m, const char *why)
{
	printf("FAIL: %s: %s, mode %u, seed %#" PRIx64 ", bytes", why, name_of(m), m->e.mode,
	       in->seed);
	for (unsigned int i = 0; i < 15; i++)
		printf(" %02x", in->code[i]);
	printf("\n");
	fflush(stdout);
	abort();
}

/* Addresses that mean something: RAM, its end, the device, its ends. */
static uint64_t some_value(struct rng *r)
{
	uint64_t v = rng_next(r);

	switch (rng_below(r, 8)) {
	case 0: return v;
	case 1: return v & 0xffff;
	case 2: case 6: return MACHINE_MMIO + (v & 0xfff);
	case 3: return MACHINE_MMIO - 8 + (v & 15);
	case 4: return MACHINE_RAM - 8 + (v & 15);
	case 5: return v & 7;
	default: return v & (MACHINE_RAM - 1);
	}
}

static void random_segments(struct machine *m, struct rng *r)
{
	static const uint32_t rights[] = { 0xc093, 0xf3, 0xc0fb, 0x93, 0x97, 0x4096, 0x10000,
					   0xc091, 0xc09b, 0xa09b };

	for (unsigned int i = 0; i < EMUL_SEG_COUNT; i++) {
		struct emul_seg *s = &m->seg[i];

		s->selector = (uint16_t)rng_next(r);
		s->ar = rng_below(r, 2) ? 0xc093 : rights[rng_below(r, 10)];
		s->limit = rng_below(r, 3) ? 0xffffffff : (uint32_t)some_value(r);
		s->base = rng_below(r, 2) ? 0 : some_value(r);
		if (!m->e.protected_mode || m->e.vm86) {
			s->selector &= 0xfff;
			s->base = (uint64_t)s->selector << 4;
		}
	}
	if (rng_below(r, 2))
		m->seg[EMUL_TR].ar = 0x8b;
	m->seg[EMUL_CS].base = 0;
	m->seg[EMUL_CS].limit = 0xffffffff;
	m->table[0] = (struct emul_table_reg){
		.base = some_value(r), .limit = (uint16_t)rng_next(r) };
	m->table[1] = (struct emul_table_reg){
		.base = some_value(r), .limit = (uint16_t)rng_next(r) };
}

static void random_state(struct machine *m, const struct input *in)
{
	struct rng r = { in->seed | 1 };
	uint8_t *ram = m->ram;

	memset(m, 0, sizeof(*m));
	m->ram = ram;
	m->e.ops = &machine_ops;
	m->e.ctx = m;
	m->e.gpr = m->gpr;
	m->e.mode = (uint8_t)rng_below(&r, 3);
	m->e.protected_mode = m->e.mode == EMUL_MODE64 || rng_below(&r, 2);
	m->e.long_mode = m->e.mode == EMUL_MODE64 || (m->e.protected_mode && rng_below(&r, 2));
	m->e.vm86 = m->e.mode == EMUL_MODE16 && m->e.protected_mode && !m->e.long_mode &&
		    rng_below(&r, 2);
	m->e.cpl = m->e.vm86 || (m->e.protected_mode && rng_below(&r, 2)) ? 3 : 0;
	m->e.rflags = FL_FIXED | (rng_next(&r) & 0x3f7fd5);
	if (rng_below(&r, 4))
		m->e.rflags &= ~FL_TF;
	m->e.rip = CODE_AT;
	m->e.rep_limit = 1 + rng_below(&r, 8);
	for (unsigned int i = 0; i < 16; i++)
		m->gpr[i] = some_value(&r);
	for (unsigned int i = 0; i < 17; i++)
		m->cr[i] = rng_next(&r) & 0x70637;
	m->dr[7] = rng_below(&r, 8) ? 0 : DR7_GD;
	for (unsigned int i = 0; i < 64; i++)
		m->xmm[i / 4][i % 4] = rng_next(&r);
	m->gpr[EMUL_RCX] &= 0xf;
	random_segments(m, &r);
	m->compare_fails = rng_below(&r, 8) == 0;
	m->io_next = (uint32_t)rng_next(&r);
	m->mmio_next = rng_next(&r) & 0xff;
	for (unsigned int i = 0; i < MACHINE_RAM; i += 8) {
		uint64_t v = in->seed * (i + 0x9e3779b97f4a7c15ull);

		memcpy(ram + i, &v, 8);
	}
	memcpy(ram + CODE_AT, in->code, sizeof(in->code));
}

/* One instruction; an EXIT must leave no trace but finished iterations. */
static enum emul_result step_checked(const struct input *in, struct machine *m)
{
	enum emul_result result;
	uint64_t gpr[16], rip, rflags;

	m->log_count = m->log_at = 0;
	for (unsigned int restarts = 0; ; restarts++) {
		memcpy(gpr, m->gpr, sizeof(gpr));
		rip = m->e.rip;
		rflags = m->e.rflags;
		m->log_at = 0;
		m->e.nbytes = 0;
		result = emul_step(&m->e);
		if (m->e.insn.length > EMUL_MAX_LENGTH)
			die(in, m, "length over 15");
		if (m->log_broken)
			die(in, m, "restarted with other accesses");
		if (result == EMUL_DONE || result == EMUL_HALT)
			return result;
		if (m->e.rip != rip || m->e.rflags != rflags)
			die(in, m, "rip or rflags changed by an unfinished instruction");
		if (!(m->e.insn.flags & F_STRING) && memcmp(gpr, m->gpr, sizeof(gpr)))
			die(in, m, "registers changed by an unfinished instruction");
		/* Where REP pauses does depend on exits: run it to its end. */
		if (result == EMUL_AGAIN && (m->e.insn.flags & F_STRING))
			m->log_count = 0;
		else if (result != EMUL_EXIT)
			return result;
		if (restarts > 200)
			die(in, m, "restarts without end");
	}
}

static void compare(const struct input *in, const struct machine *a, const struct machine *b)
{
	if (memcmp(a->gpr, b->gpr, sizeof(a->gpr)))
		die(in, b, "registers depend on restarts");
	if (a->e.rip != b->e.rip || a->e.rflags != b->e.rflags)
		die(in, b, "rip or rflags depend on restarts");
	if (memcmp(a->seg, b->seg, sizeof(a->seg)) || memcmp(a->cr, b->cr, sizeof(a->cr)) ||
	    memcmp(a->xmm, b->xmm, sizeof(a->xmm)))
		die(in, b, "other registers depend on restarts");
	if (a->device_writes != b->device_writes || a->device_last != b->device_last ||
	    a->io_next != b->io_next || a->mmio_next != b->mmio_next)
		die(in, b, "device traffic depends on restarts");
	if (memcmp(a->ram, b->ram, MACHINE_RAM))
		die(in, b, "memory depends on restarts");
}

static uint64_t results[6], device_used;

static void one_input(const struct input *in)
{
	enum emul_result r[2];

	for (unsigned int i = 0; i < 2; i++) {
		if (!machines[i].ram)
			machines[i].ram = malloc(MACHINE_RAM);
		if (!machines[i].ram)
			abort();
		random_state(&machines[i], in);
		machines[i].exits = i == 1;
		machines[i].e.cache = i == 1 ? &cache : NULL;
		r[i] = step_checked(in, &machines[i]);
	}
	if (r[0] != r[1])
		die(in, &machines[1], "result depends on restarts");
	compare(in, &machines[0], &machines[1]);
	results[r[0]]++;
	device_used += machines[1].log_count != 0;
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .seed = 1 };

	if (size < 9)
		return 0;
	memcpy(&in.seed, data, 8);
	memcpy(in.code, data + 8, size - 8 < 16 ? size - 8 : 16);
	one_input(&in);
	return 0;
}
#else
int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 60000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	struct rng r = { seed };

	printf("seed %#" PRIx64 "\n", seed);
	for (uint64_t i = 0; i < count; i++) {
		struct input in = { .seed = rng_next(&r) };

		for (unsigned int j = 0; j < 16; j++)
			in.code[j] = (uint8_t)(rng_next(&r) >> 56);
		if (rng_below(&r, 3) == 0)
			in.code[0] = 0x0f;
		one_input(&in);
	}
	printf("%" PRIu64 " inputs: %" PRIu64 " done, %" PRIu64 " again, %" PRIu64 " faults, %"
	       PRIu64 " halts, %" PRIu64 " unsupported; %" PRIu64 " used a device\n", count,
	       results[EMUL_DONE], results[EMUL_AGAIN], results[EMUL_FAULT], results[EMUL_HALT],
	       results[EMUL_UNSUPPORTED], device_used);
	for (unsigned int i = 0; i < 2; i++)
		free(machines[i].ram);
	if (!count || results[EMUL_DONE] < count / 20 || !device_used) {
		printf("FAIL: too little was executed\n");
		return 1;
	}
	printf("PASS\n");
	return 0;
}
#endif
