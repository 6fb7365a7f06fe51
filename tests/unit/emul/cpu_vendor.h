/* SPDX-License-Identifier: MIT */
/*
 * Where AMD's CPUs and Intel's do not agree. The emulator does as Intel's: it runs real
 * mode for those, and of what is here nothing can reach it on AMD's but by a guest that
 * points such an instruction at a device. So on a CPU of AMD's these are left out, each
 * by as little as will do; the tests' summary tells how many.
 */
#ifndef TESTS_EMUL_CPU_VENDOR_H
#define TESTS_EMUL_CPU_VENDOR_H

#include <cpuid.h>

#include "cpu_model.h"

#define LEAVE_ALL	1u
#define LEAVE_MEMORY	2u
#define LEAVE_FLAGS	4u
#define LEAVE_FAULT	8u	/* which of several faults, and its address */
#define LEAVE_UPPER	16u	/* halves of registers */

static bool amd_cpu;

static void find_vendor(void)
{
	unsigned int a, b = 0, c = 0, d;

	amd_cpu = __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

static bool is_near_branch(unsigned int op)
{
	return op == OP_JCC || op == OP_JMP || op == OP_CALL || op == OP_RET || op == OP_LOOP ||
	       op == OP_LOOPE || op == OP_LOOPNE || op == OP_JCXZ;
}

/* Instructions that do something else there. */
static bool differs(const struct test *t)
{
	const struct emul_insn *d = &t->insn;
	bool repeat = d->prefixes & (EMUL_PREFIX_REP | EMUL_PREFIX_REPNE);

	/* APM3 "Operand-Size Override": it counts in 64-bit mode too. */
	if (t->mode == EMUL_MODE64 && (d->prefixes & EMUL_PREFIX_OPSIZE) && is_near_branch(d->op))
		return true;
	switch (d->op) {
	/* The prefix turns the condition round: told by no manual. */
	case OP_LOOPE: case OP_LOOPNE: return repeat;
	/* PREFETCH of a register is #UD. */
	case OP_NOP: return d->map == 1 && d->opcode == 0x0d && d->modrm >= 0xc0;
	/* F3 with REX.B: XCHG, not PAUSE. */
	case OP_XCHG: return d->opcode == 0x90 && repeat && (d->rex & 1);
	/* Reads four bytes even of a word operand. */
	case OP_MOVSXD: return d->opsize == 2;
	/* Fills the upper half with zeroes. */
	case OP_PUSH_SEG: return d->opsize == 4;
	default: return false;
	}
}

/* 32-bit accesses that wrap at 4 GiB fault there by the segment's limit. */
static bool wraps(const struct test *t)
{
	return t->mode == EMUL_MODE32 &&
	       (t->fault.vector == VEC_AC ||
		(t->fault.vector == VEC_PF && (uint32_t)(t->fault.cr2 + 0x100) < 0x200));
}

static unsigned int amd_leaves(const struct test *t)
{
	const struct emul_insn *d = &t->insn;
	bool fault = t->result == EMUL_FAULT, string = d->flags & F_STRING;
	unsigned int leave = 0;

	if (!amd_cpu)
		return 0;
	if (differs(t))
		return LEAVE_ALL;
	/* REP CMPS and SCAS: flags after each element, not at the end only. */
	if (t->result == EMUL_AGAIN && (d->op == OP_CMPS || d->op == OP_SCAS))
		leave |= LEAVE_FLAGS;
	/* With nothing done, RCX keeps its upper half. */
	if (string && t->mode == EMUL_MODE64 && d->addrsize == 4)
		leave |= LEAVE_UPPER;
	if (fault && d->op == OP_CALL)
		leave |= LEAVE_MEMORY;	/* pushes before it looks where to */
	if (fault && (wraps(t) || d->op == OP_CMPS || d->op == OP_BT || d->op == OP_BTS ||
		      d->op == OP_BTR || d->op == OP_BTC))
		leave |= LEAVE_FAULT;
	return leave;
}

#endif
