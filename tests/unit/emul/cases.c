/* SPDX-License-Identifier: MIT */
/*
 * What the CPU comparison can't reach from user mode: real, virtual-8086 and
 * privileged code, segment loads, port I/O, restarts. A table of {name, mode,
 * code, state before, state after}; registers, memory and flags that a case
 * doesn't mention must not change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

enum mode { REAL, V86, PM32, PM16, LONG64 };

enum what { NOTHING, GPR, SEL, BASE, LIMIT, RIGHTS, MEM, FLAGS, IP, CR, DR, MSR, XMM, TABLE_BASE,
	    TABLE_LIMIT, VECTOR, ERROR, NO_ERROR, KIND, SHADOW, TRAP, CPL, PORT, IO_VALUE,
	    IO_HINT, INVLPG, CHECKPOINTS, REP_LIMIT, COMPARE_FAILS, DR6,
	    DEVICE_LAST };

struct val {
	enum what what;
	uint64_t which, value;
	unsigned int size;
};

struct kase {
	const char *name;
	enum mode mode;
	const char *code;
	unsigned int length;
	enum emul_result result;
	struct val in[10], out[10];
};

/* Real mode: every segment has its own 64 KiB. */
#define CS_BASE		0x10000u
#define SS_BASE		0x20000u
#define DS_BASE		0x30000u
#define ES_BASE		0x40000u
#define CODE_IP		0x100u
#define STACK_TOP	0x1000u
/* Protected mode: flat, the same code and stack by linear address. */
#define PM_IP		(CS_BASE + CODE_IP)
#define PM_SP		(SS_BASE + STACK_TOP)
#define GDT_BASE	0x800u
#define LDT_BASE	0xc00u
#define TSS_BASE	0xe00u

/* Selectors in the GDT that make_gdt() builds. */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE16	0x18
#define SEL_DATA16	0x20
#define SEL_ABSENT	0x28
#define SEL_READONLY	0x30
#define SEL_DATA3	0x38
#define SEL_TSS		0x40
#define SEL_LDT		0x48
#define SEL_CONFORM	0x50
#define SEL_CODE64	0x58
#define SEL_GATE	0x60
#define SEL_CODE3	0x68
#define SEL_EXECONLY	0x70
#define SEL_BASED	0x78	/* data, base 0x12345678, limit 0xfff */
#define GDT_LIMIT	0x7f

#define C(bytes)	bytes, sizeof(bytes) - 1
#define R(reg, v)	{ GPR, EMUL_R##reg, v, 0 }
#define S(seg, sel)	{ SEL, EMUL_##seg, sel, 0 }, { BASE, EMUL_##seg, (uint64_t)(sel) << 4, 0 }
#define M8(la, v)	{ MEM, la, v, 1 }
#define M16(la, v)	{ MEM, la, v, 2 }
#define M32(la, v)	{ MEM, la, v, 4 }
#define M64(la, v)	{ MEM, la, v, 8 }
#define F(v)		{ FLAGS, 0, (v) | FL_FIXED, 0 }
#define TO(ip)		{ IP, 0, ip, 0 }
#define V(vector)	{ VECTOR, 0, vector, 0 }
#define GP0		{ VECTOR, 0, VEC_GP, 0 }, { ERROR, 0, 0, 0 }
#define W(w, v)		{ w, 0, v, 0 }
#define MMIO		MACHINE_MMIO

#include "cases_table.h"

/* ---- The machine's initial state ---- */

static void put32(struct machine *m, uint32_t la, uint32_t v)
{
	memcpy(m->ram + la, &v, 4);
}

static void make_gdt(struct machine *m)
{
	static const struct { uint16_t sel; uint32_t low, high; } entries[] = {
		{ SEL_CODE32, 0x0000ffff, 0x00cf9b00 }, { SEL_DATA, 0x0000ffff, 0x00cf9300 },
		{ SEL_CODE16, 0x0000ffff, 0x00009a00 }, { SEL_DATA16, 0x0000ffff, 0x00009300 },
		{ SEL_ABSENT, 0x0000ffff, 0x00cf1300 }, { SEL_READONLY, 0x0000ffff, 0x00cf9100 },
		{ SEL_DATA3, 0x0000ffff, 0x00cff300 },
		{ SEL_TSS, TSS_BASE << 16 | 0xff, 0x00008900 },
		{ SEL_LDT, LDT_BASE << 16 | 0x1f, 0x00008200 },
		{ SEL_CONFORM, 0x0000ffff, 0x00cf9f00 }, { SEL_CODE64, 0x0000ffff, 0x00af9b00 },
		{ SEL_GATE, 0x00080000, 0x00008c00 }, { SEL_CODE3, 0x0000ffff, 0x00cffb00 },
		{ SEL_EXECONLY, 0x0000ffff, 0x00cf9900 },
		{ SEL_BASED, 0x56780fff, 0x12409234 },
	};

	for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		put32(m, GDT_BASE + entries[i].sel, entries[i].low);
		put32(m, GDT_BASE + entries[i].sel + 4, entries[i].high);
	}
	m->table[EMUL_GDT] = (struct emul_table_reg){ .base = GDT_BASE, .limit = GDT_LIMIT };
	m->table[EMUL_IDT] = (struct emul_table_reg){ .limit = 0x3ff };
	m->seg[EMUL_TR] = (struct emul_seg){
		.base = TSS_BASE, .limit = 0xff, .ar = 0x8b, .selector = SEL_TSS };
	m->seg[EMUL_LDTR] = (struct emul_seg){ .ar = AR_UNUSABLE };
}

static void real_segments(struct machine *m, uint32_t data_ar, uint32_t code_ar)
{
	static const uint16_t selectors[6] = { 0x4000, 0x1000, 0x2000, 0x3000, 0x5000, 0x6000 };

	for (unsigned int i = 0; i < 6; i++)
		m->seg[i] = (struct emul_seg){
			.base = (uint64_t)selectors[i] << 4, .limit = 0xffff,
			.ar = i == EMUL_CS ? code_ar : data_ar, .selector = selectors[i] };
	m->e.rip = CODE_IP;
	m->gpr[EMUL_RSP] = STACK_TOP;
}

static void flat_segments(struct machine *m, uint16_t cs, uint32_t code_ar)
{
	for (unsigned int i = 0; i < 6; i++)
		m->seg[i] = (struct emul_seg){
			.limit = 0xffffffff, .ar = 0xc093, .selector = SEL_DATA };
	m->seg[EMUL_CS].selector = cs;
	m->seg[EMUL_CS].ar = code_ar;
	m->e.rip = PM_IP;
	m->gpr[EMUL_RSP] = PM_SP;
}

static void set_up(struct machine *m, enum mode mode)
{
	uint8_t *ram = m->ram;

	memset(ram, 0, MACHINE_RAM);
	memset(m, 0, sizeof(*m));
	m->ram = ram;
	m->io_next = 0x40;
	m->exits = true;
	m->mmio_next = 0x12;
	m->e = (struct emul){ .ops = &machine_ops, .ctx = m, .gpr = m->gpr, .rflags = FL_FIXED };
	m->cr[4] = CR4_OSFXSR;
	make_gdt(m);
	m->e.protected_mode = mode != REAL;
	m->e.mode = mode == LONG64 ? EMUL_MODE64 : mode == PM32 ? EMUL_MODE32 : EMUL_MODE16;
	switch (mode) {
	case REAL: real_segments(m, 0x93, 0x9b); break;
	case V86:
		real_segments(m, 0xf3, 0xf3);
		m->e.vm86 = true;
		m->e.cpl = 3;
		m->e.rflags |= FL_VM;
		break;
	case PM16: real_segments(m, 0x93, 0x9b); break;
	case PM32: flat_segments(m, SEL_CODE32, 0xc09b); break;
	case LONG64:
		flat_segments(m, SEL_CODE64, 0xa09b);
		m->e.long_mode = true;
		break;
	}
}

/* Sets one thing; also used to turn the state before into the wanted one. */
static void apply(struct machine *m, const struct val *v)
{
	switch (v->what) {
	case GPR: m->gpr[v->which] = v->value; break;
	case SEL: m->seg[v->which].selector = (uint16_t)v->value; break;
	case BASE: m->seg[v->which].base = v->value; break;
	case LIMIT: m->seg[v->which].limit = (uint32_t)v->value; break;
	case RIGHTS: m->seg[v->which].ar = (uint32_t)v->value; break;
	case MEM: memcpy(m->ram + v->which, &v->value, v->size); break;
	case FLAGS: m->e.rflags = v->value; break;
	case IP: m->e.rip = v->value; break;
	case CR: m->cr[v->which] = v->value; break;
	case DR: m->dr[v->which] = v->value; break;
	case MSR: m->msr[v->which - MSR_FS_BASE] = v->value; break;
	case XMM: m->xmm[0][v->which] = v->value; break;
	case TABLE_BASE: m->table[v->which].base = v->value; break;
	case TABLE_LIMIT: m->table[v->which].limit = (uint16_t)v->value; break;
	case VECTOR: m->e.fault.vector = (uint8_t)v->value; break;
	case ERROR: m->e.fault.error = (uint32_t)v->value; m->e.fault.has_error = true; break;
	case NO_ERROR: m->e.fault.has_error = false; break;
	case KIND: m->e.fault.kind = (uint8_t)v->value; break;
	case DR6: m->e.fault.dr6 = v->value; break;
	case SHADOW: m->e.shadow = (uint8_t)v->value; break;
	case TRAP: m->e.trap = v->value; break;
	case CPL: m->e.cpl = (uint8_t)v->value; break;
	case PORT: m->port = (uint16_t)v->value; break;
	case IO_VALUE: m->io_value = (uint32_t)v->value; break;
	case IO_HINT: m->io_hint = v->value; break;
	case INVLPG: m->invlpg = v->value; break;
	case CHECKPOINTS: m->checkpoints = (unsigned int)v->value; break;
	case REP_LIMIT: m->e.rep_limit = (uint32_t)v->value; break;
	case COMPARE_FAILS: m->compare_fails = v->value; break;
	case DEVICE_LAST: m->device_last = v->value; break;
	default: break;
	}
}

static bool wants(const struct kase *k, enum what what)
{
	for (unsigned int i = 0; i < 10; i++)
		if (k->out[i].what == what)
			return true;
	return false;
}

static unsigned int failures;

static void check(const struct kase *k, const char *what, unsigned int which, uint64_t want,
		  uint64_t have)
{
	if (want == have)
		return;
	failures++;
	printf("FAIL %s: %s %u: wanted %#" PRIx64 ", got %#" PRIx64 "\n", k->name, what, which,
	       want, have);
}

static void compare(const struct kase *k, const struct machine *want, const struct machine *have)
{
	uint64_t flags = wants(k, FLAGS) ? ~0ull : ~FL_ARITH;

	for (unsigned int i = 0; i < 16; i++)
		check(k, "gpr", i, want->gpr[i], have->gpr[i]);
	for (unsigned int i = 0; i < EMUL_SEG_COUNT; i++) {
		check(k, "selector", i, want->seg[i].selector, have->seg[i].selector);
		check(k, "base", i, want->seg[i].base, have->seg[i].base);
		check(k, "limit", i, want->seg[i].limit, have->seg[i].limit);
		check(k, "rights", i, want->seg[i].ar, have->seg[i].ar);
	}
	for (unsigned int i = 0; i < MACHINE_RAM; i++)
		if (want->ram[i] != have->ram[i])
			check(k, "memory", i, want->ram[i], have->ram[i]);
	for (unsigned int i = 0; i < 17; i++)
		check(k, "cr", i, want->cr[i], have->cr[i]);
	for (unsigned int i = 0; i < 8; i++)
		check(k, "dr", i, want->dr[i], have->dr[i]);
	for (unsigned int i = 0; i < 4; i++) {
		check(k, "msr", i, want->msr[i], have->msr[i]);
		check(k, "xmm0 part", i, want->xmm[0][i], have->xmm[0][i]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		check(k, "table base", i, want->table[i].base, have->table[i].base);
		check(k, "table limit", i, want->table[i].limit, have->table[i].limit);
	}
	check(k, "rip", 0, want->e.rip, have->e.rip);
	check(k, "rflags", 0, want->e.rflags & flags, have->e.rflags & flags);
	check(k, "shadow", 0, want->e.shadow, have->e.shadow);
	check(k, "trap", 0, want->e.trap, have->e.trap);
	check(k, "port", 0, want->port, have->port);
	check(k, "value written", 0, want->io_value, have->io_value);
	check(k, "count hint", 0, want->io_hint, have->io_hint);
	check(k, "invlpg", 0, want->invlpg, have->invlpg);
	check(k, "checkpoints", 0, want->checkpoints, have->checkpoints);
	if (wants(k, DEVICE_LAST))
		check(k, "last device write", 0, want->device_last, have->device_last);
	check(k, "log replayed differently", 0, 0, have->log_broken);
}

static void compare_fault(const struct kase *k, const struct machine *want,
			  const struct machine *have)
{
	if (k->result != EMUL_FAULT)
		return;
	check(k, "vector", 0, want->e.fault.vector, have->e.fault.vector);
	check(k, "kind", 0, want->e.fault.kind, have->e.fault.kind);
	if (wants(k, ERROR) || wants(k, NO_ERROR)) {
		check(k, "has error code", 0, want->e.fault.has_error, have->e.fault.has_error);
		check(k, "error code", 0, want->e.fault.error, have->e.fault.error);
	}
	check(k, "dr6", 0, want->e.fault.dr6, have->e.fault.dr6);
}

static void run(const struct kase *k, struct machine *have, struct machine *want)
{
	uint8_t *want_ram = want->ram;
	enum emul_result result;

	set_up(have, k->mode);
	for (unsigned int i = 0; i < 10; i++)
		apply(have, &k->in[i]);
	memcpy(have->ram + have->seg[EMUL_CS].base + have->e.rip, k->code, k->length);
	*want = *have;
	want->ram = want_ram;
	memcpy(want->ram, have->ram, MACHINE_RAM);
	if (k->result == EMUL_DONE || k->result == EMUL_HALT)
		want->e.rip += k->length;
	want->e.fault.kind = EMUL_EVENT_EXCEPTION;
	for (unsigned int i = 0; i < 10; i++)
		apply(want, &k->out[i]);
	result = machine_step(have);
	check(k, "result", 0, k->result, result);
	compare(k, want, have);
	compare_fault(k, want, have);
}

/* The host delivers an interrupt in real mode by itself. */
static void test_real_interrupt(struct machine *m)
{
	static const struct kase k = { .name = "emul_real_interrupt" };
	uint16_t frame[3];

	set_up(m, REAL);
	put32(m, 8 * 4, 0xf0004567);
	m->e.rflags = FL_FIXED | FL_IF | FL_ZF | FL_TF;
	check(&k, "result", 0, EMUL_DONE, emul_real_interrupt(&m->e, 8, 0x321));
	memcpy(frame, m->ram + SS_BASE + STACK_TOP - 6, 6);
	check(&k, "pushed ip", 0, 0x321, frame[0]);
	check(&k, "pushed cs", 0, 0x1000, frame[1]);
	check(&k, "pushed flags", 0, FL_FIXED | FL_IF | FL_ZF | FL_TF, frame[2]);
	check(&k, "ip", 0, 0x4567, m->e.rip);
	check(&k, "cs", 0, 0xf000, m->seg[EMUL_CS].selector);
	check(&k, "flags", 0, FL_FIXED | FL_ZF, m->e.rflags);
	check(&k, "sp", 0, STACK_TOP - 6, m->gpr[EMUL_RSP]);
}

/* Fetching: across a page, into an unmapped one, and from a filled buffer. */
static void test_fetch(struct machine *m)
{
	static const struct kase k = { .name = "fetch" };

	set_up(m, LONG64);
	m->e.rip = 0x1ffe;
	memcpy(m->ram + 0x1ffe, "\xb8\x78\x56\x34\x12", 5);
	check(&k, "across a page", 0, EMUL_DONE, machine_step(m));
	check(&k, "across a page: rax", 0, 0x12345678, m->gpr[0]);
	set_up(m, LONG64);
	m->e.rip = MACHINE_RAM - 2;
	memcpy(m->ram + MACHINE_RAM - 2, "\xb8\x78", 2);
	check(&k, "into nothing", 0, EMUL_FAULT, machine_step(m));
	check(&k, "into nothing: cr2", 0, MACHINE_RAM, m->e.fault.cr2);
	set_up(m, LONG64);
	m->e.rip = MACHINE_RAM - 1;
	m->ram[MACHINE_RAM - 1] = 0x90;
	check(&k, "last byte before nothing", 0, EMUL_DONE, machine_step(m));
	set_up(m, LONG64);
	memcpy(m->e.bytes, "\xff\xc0", 2);
	m->e.nbytes = 2;
	check(&k, "prefilled", 0, EMUL_DONE, emul_step(&m->e));
	check(&k, "prefilled: rax", 0, 1, m->gpr[0]);
	set_up(m, REAL);
	m->e.rip = 0xffff;
	m->ram[CS_BASE + 0xffff] = 0xb0;
	check(&k, "beyond the CS limit", 0, EMUL_FAULT, machine_step(m));
	check(&k, "beyond the CS limit: vector", 0, VEC_GP, m->e.fault.vector);
}

/* Instructions that differ only beyond what a careless cache would compare. */
static void test_cache(struct machine *m)
{
	static const struct kase k = { .name = "decode cache" };
	static struct emul_cache cache;
	/* mov rax, imm64, twice; mov eax, imm32; the same bytes in 16-bit code. */
	static const uint8_t code[] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint64_t want[] = { 0x0807060504030201, 0x0907060504030201,
					 0x08070605040302ee, 0x0807060504030201 };
	static const unsigned int change[] = { 9, 9, 2, 15 };
	static const uint8_t to[] = { 8, 9, 0xee, 0 };

	for (unsigned int i = 0; i < 4; i++) {
		set_up(m, LONG64);
		m->e.cache = &cache;
		memcpy(m->ram + PM_IP, code, sizeof(code));
		m->ram[PM_IP + change[i]] = to[i];
		check(&k, "result", i, EMUL_DONE, machine_step(m));
		check(&k, "rax", i, want[i], m->gpr[EMUL_RAX]);
	}
	set_up(m, PM32);
	m->e.cache = &cache;
	m->gpr[EMUL_RAX] = 0x10;
	memcpy(m->ram + PM_IP, code, sizeof(code));
	check(&k, "dec eax in 32-bit code", 4, EMUL_DONE, machine_step(m));
	check(&k, "eax", 4, 0xf, m->gpr[EMUL_RAX]);
	check(&k, "length", 4, PM_IP + 1, m->e.rip);
	set_up(m, LONG64);
	m->e.cache = &cache;
	memcpy(m->ram + PM_IP, "\x8b\x03", 2);
	for (unsigned int i = 0; i < 2; i++) {
		m->e.rip = PM_IP;
		m->gpr[EMUL_RBX] = 0x3000 + 8 * i;
		memcpy(m->ram + 0x3000 + 8 * i, &i, 4);
		check(&k, "hit", i, EMUL_DONE, machine_step(m));
		check(&k, "address with the registers of now", i, i, m->gpr[EMUL_RAX]);
	}
}

static void test_length(void)
{
	static const struct kase k = { .name = "emul_insn_length" };
	static const struct { const char *bytes; unsigned int n, length; enum emul_mode mode; } t[] = {
		{ "\x0f\xa2", 2, 2, EMUL_MODE64 }, { "\x0f\x01\xc1", 3, 3, EMUL_MODE64 },
		{ "\x0f\x01\xd9", 3, 3, EMUL_MODE64 }, { "\xf4", 1, 1, EMUL_MODE16 },
		{ "\x66\x0f\x22\xc0", 4, 4, EMUL_MODE16 }, { "\xe6\x80", 1, 0, EMUL_MODE32 },
		{ "\x0f\x01\xd1", 3, 3, EMUL_MODE64 }, { "\xf3\x90", 2, 2, EMUL_MODE32 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check(&k, "length", i, t[i].length,
		      emul_insn_length((const uint8_t *)t[i].bytes, t[i].n, t[i].mode));
}

/* What decode says about the memory operand, for the engine's fast paths. */
static void test_description(struct machine *m)
{
	static const struct kase k = { .name = "memory operand" };

	set_up(m, LONG64);
	m->gpr[EMUL_RBX] = 0x1000;
	m->gpr[EMUL_RCX] = 0x10;
	memcpy(m->e.bytes, "\x89\x44\x8b\x08", 4);	/* mov [rbx+rcx*4+8], eax */
	m->e.nbytes = 4;
	check(&k, "result", 0, EMUL_DONE, emul_decode(&m->e));
	check(&k, "offset", 0, 0x1048, m->e.insn.mem.offset);
	check(&k, "size", 0, 4, m->e.insn.mem.size);
	check(&k, "write", 0, 1, m->e.insn.mem.write);
	check(&k, "read", 0, 0, m->e.insn.mem.read);
	check(&k, "seg", 0, EMUL_DS, m->e.insn.mem.seg);
	memcpy(m->e.bytes, "\x83\x45\x00\x01", 4);	/* add dword [rbp], 1 */
	m->e.nbytes = 4;
	check(&k, "result", 1, EMUL_DONE, emul_decode(&m->e));
	check(&k, "seg of rbp", 1, EMUL_SS, m->e.insn.mem.seg);
	check(&k, "read and write", 1, 2, m->e.insn.mem.write + m->e.insn.mem.read);
}

int main(void)
{
	static struct machine have, want;
	unsigned int n = sizeof(kases) / sizeof(kases[0]);

	have.ram = malloc(MACHINE_RAM);
	want.ram = malloc(MACHINE_RAM);
	if (!have.ram || !want.ram)
		return 1;
	for (unsigned int i = 0; i < n; i++)
		run(&kases[i], &have, &want);
	test_real_interrupt(&have);
	test_fetch(&have);
	test_cache(&have);
	test_length();
	test_description(&have);
	free(have.ram);
	free(want.ram);
	printf("%u cases and 5 groups of checks, %u failures\n%s\n", n, failures,
	       failures ? "FAIL" : "PASS");
	return failures ? 1 : 0;
}
