/* SPDX-License-Identifier: MIT */
/*
 * Decoded lengths against Zydis: random byte strings in 16, 32 and 64-bit mode.
 * Whatever either decoder takes for an instruction must have the same length in
 * the other, except for the classes listed in allowed().
 */
#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../engine/emul/internal.h"
#include "rng.h"

#define MAX_SHOWN	20

static const char *const mode_names[] = { "16-bit", "32-bit", "64-bit" };

struct counts {
	uint64_t both, length_only, length_unknown, both_invalid, ours_only, allowed, failed;
};

/* Half of the strings are led towards the sparse maps, which pure chance seldom hits. */
static void make_bytes(struct rng *r, uint8_t *bytes)
{
	static const uint8_t prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x65, 0x48, 0x4f, 0x41, 0x26,
	};
	static const uint8_t escapes[] = { 0x0f, 0x0f, 0xc4, 0xc5, 0x62, 0x8f };
	unsigned int at = 0, n;

	for (unsigned int i = 0; i < 16; i += 8) {
		uint64_t v = rng_next(r);

		memcpy(bytes + i, &v, 8);
	}
	if (rng_below(r, 2))
		return;
	for (n = rng_below(r, 4); n > 0; n--)
		bytes[at++] = prefixes[rng_below(r, sizeof(prefixes))];
	if (rng_below(r, 32) == 0)	/* long runs of prefixes: the 15-byte limit */
		while (at < 13)
			bytes[at++] = prefixes[rng_below(r, sizeof(prefixes))];
	if (rng_below(r, 2)) {
		bytes[at++] = escapes[rng_below(r, sizeof(escapes))];
		if (bytes[at - 1] == 0x0f && rng_below(r, 3) == 0)
			bytes[at++] = rng_below(r, 2) ? 0x38 : 0x3a;
		else if (bytes[at - 1] != 0x0f)
			bytes[at] = (uint8_t)((bytes[at] & 0xe0) | (1 + rng_below(r, 3)));
	}
}

/* Differences in what is an instruction at all that aren't ours to have. */
static bool allowed(const struct emul *e, const ZydisDecodedInstruction *zi, bool zydis_valid)
{
	const struct emul_insn *d = &e->insn;

	if (zydis_valid) {
		/* VIA PadLock, whose opcodes nobody else has. */
		if (d->map == 1 && (d->opcode == 0xa6 || d->opcode == 0xa7))
			return true;
		switch (zi->mnemonic) {
		case ZYDIS_MNEMONIC_UD0: case ZYDIS_MNEMONIC_UD1: case ZYDIS_MNEMONIC_UD2:
			return true;	/* #UD is their job */
		case ZYDIS_MNEMONIC_JKZD: case ZYDIS_MNEMONIC_JKNZD:
			return true;	/* Xeon Phi's mask jumps */
		default:
			break;
		}
		switch (zi->mnemonic) {
		case ZYDIS_MNEMONIC_UD0: case ZYDIS_MNEMONIC_UD1: case ZYDIS_MNEMONIC_UD2:
			return true;	/* #UD is their job */
		case ZYDIS_MNEMONIC_JKZD: case ZYDIS_MNEMONIC_JKNZD:
			return true;	/* Xeon Phi's mask jumps */
		default:
			break;
		}
		/* Xeon Phi's own: MVEX in the place of EVEX, jumps and masks in VEX. */
		if ((d->prefixes & EMUL_PREFIX_VEX) && d->map == 1 &&
		    (d->opcode == 0x84 || d->opcode == 0x85 || d->opcode == 0x74 ||
		     d->opcode == 0x75) && zi->meta.isa_set == ZYDIS_ISA_SET_KNCE)
			return true;
		return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX;
	}
	/* MPX with bound register 4-7: a NOP on every CPU without MPX. */
	return d->map == 1 && (d->opcode == 0x1a || d->opcode == 0x1b);
}

static void show(const char *what, unsigned int mode, const struct emul *e,
		 const uint8_t *bytes, const char *zydis, unsigned int zydis_length)
{
	printf("%s %s:", mode_names[mode], what);
	for (unsigned int i = 0; i < 15; i++)
		printf(" %02x", bytes[i]);
	printf("  ours: map %u opcode %02x length %u; Zydis: %s %u\n", e->insn.map,
	       e->insn.opcode, e->insn.length, zydis, zydis_length);
}

static void compare(const ZydisDecoder *z, unsigned int mode, const uint8_t *bytes,
		    struct counts *c)
{
	ZydisDecodedInstruction zi;
	ZydisDecoderContext context;
	struct emul e = { .mode = (uint8_t)mode, .protected_mode = true, .nbytes = 15 };
	bool zydis_valid;
	enum emul_result result;
	const char *why = NULL;

	memcpy(e.bytes, bytes, 15);
	memset(&zi, 0, sizeof(zi));
	zydis_valid = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(z, &context, bytes, 16, &zi));
	result = emul_decode_insn(&e);
	if (result == EMUL_DONE) {
		if (!zydis_valid) {
			if (allowed(&e, &zi, false))
				c->allowed++;
			else
				why = "only ours decodes";
		} else if (zi.length != e.insn.length) {
			why = "lengths differ";
		} else {
			c->both++;
		}
	} else if (result == EMUL_UNSUPPORTED && e.insn.length) {
		if (!zydis_valid)
			c->ours_only++;
		else if (zi.length != e.insn.length && !allowed(&e, &zi, true))
			why = "lengths differ (not emulated)";
		else
			c->length_only++;
	} else if (zydis_valid) {
		if (allowed(&e, &zi, true))
			c->length_unknown++;
		else
			why = "only Zydis decodes";
	} else {
		c->both_invalid++;
	}
	if (why && c->failed++ < MAX_SHOWN)
		show(why, mode, &e, bytes, ZydisMnemonicGetString(zi.mnemonic), zi.length);
}

static uint64_t run_mode(unsigned int mode, uint64_t n, uint64_t seed)
{
	static const ZydisMachineMode modes[] = {
		ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32,
		ZYDIS_MACHINE_MODE_LONG_64,
	};
	static const ZydisStackWidth widths[] = {
		ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_64,
	};
	struct rng r = { seed + mode };
	struct counts c = { 0 };
	ZydisDecoder z;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&z, modes[mode], widths[mode])))
		return 1;
	for (uint64_t i = 0; i < n; i++) {
		uint8_t bytes[16];

		make_bytes(&r, bytes);
		compare(&z, mode, bytes, &c);
	}
	printf("%s: %" PRIu64 " strings: %" PRIu64 " emulated, %" PRIu64 " length only, %" PRIu64
	       " both invalid, %" PRIu64 " length of what Zydis rejects, %" PRIu64
	       " allowed, %" PRIu64 " failed\n", mode_names[mode], n, c.both,
	       c.length_only, c.both_invalid, c.ours_only, c.length_unknown + c.allowed, c.failed);
	if (c.both < n / 20) {
		printf("%s: too few instructions decoded to mean anything\n", mode_names[mode]);
		return 1;
	}
	return c.failed;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	uint64_t failed = 0;

	printf("seed %#" PRIx64 "\n", seed);
	for (unsigned int mode = 0; mode < 3; mode++)
		failed += run_mode(mode, n, seed);
	printf("%s\n", failed ? "FAIL" : "PASS");
	return failed ? 1 : 0;
}
