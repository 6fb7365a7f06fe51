/* SPDX-License-Identifier: MIT */
/*
 * String instructions and port I/O. Each iteration of a REP instruction is
 * committed by itself: rIP moves only after the last one.
 */
#include "internal.h"

#define DEFAULT_REP_LIMIT	64
#define PAGE_BYTES		4096u

static uint64_t index_offset(const struct emul *e, unsigned int reg)
{
	return emul_reg_read(e, reg, e->insn.addrsize);
}

static void advance(struct emul *e, unsigned int reg, unsigned int size)
{
	uint64_t step = (e->rflags & FL_DF) ? -(uint64_t)size : size;

	emul_reg_write(e, reg, e->insn.addrsize, e->gpr[reg] + step);
}

static bool repeated(const struct emul *e)
{
	return e->insn.prefixes & (EMUL_PREFIX_REP | EMUL_PREFIX_REPNE);
}

/* REPE stops at ZF = 0, REPNE at ZF = 1; only CMPS and SCAS look at it. */
static bool stops_on_flag(const struct emul *e)
{
	bool zf = e->new_rflags & FL_ZF;

	if (e->insn.op != OP_CMPS && e->insn.op != OP_SCAS)
		return false;
	return (e->insn.prefixes & EMUL_PREFIX_REP) ? !zf : zf;
}

/*
 * `once` does one iteration; `left` tells it how many remain, itself included.
 * Flags become visible with the last one only, as on hardware.
 */
static enum emul_result repeat(struct emul *e,
			       enum emul_result (*once)(struct emul *e, uint64_t left))
{
	unsigned int size = e->insn.addrsize;
	uint64_t left = emul_reg_read(e, EMUL_RCX, size);
	uint32_t limit = e->rep_limit ? e->rep_limit : DEFAULT_REP_LIMIT;

	if (!repeated(e))
		return once(e, 1);
	/* With a 32-bit count RCX is truncated even if nothing is moved. */
	emul_reg_write(e, EMUL_RCX, size, left);
	if (e->rflags & FL_TF)
		limit = 1;	/* SDM3 "Single-Step Exception Condition": per iteration */
	while (left) {
		if (!limit--)
			return EMUL_AGAIN;
		TRY(once(e, left));
		left--;
		emul_reg_write(e, EMUL_RCX, size, left);
		if (stops_on_flag(e))
			break;
		if (left && e->ops->checkpoint)
			e->ops->checkpoint(e);
	}
	return EMUL_DONE;
}

static enum emul_result movs_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t value = 0;

	(void)left;
	TRY(emul_mem_read(e, e->insn.mem.seg, index_offset(e, EMUL_RSI), &value, size, false));
	TRY(emul_mem_write(e, EMUL_ES, index_offset(e, EMUL_RDI), &value, size));
	advance(e, EMUL_RSI, size);
	advance(e, EMUL_RDI, size);
	return EMUL_DONE;
}

static enum emul_result stos_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;

	(void)left;
	TRY(emul_mem_write(e, EMUL_ES, index_offset(e, EMUL_RDI), &e->gpr[EMUL_RAX], size));
	advance(e, EMUL_RDI, size);
	return EMUL_DONE;
}

static enum emul_result lods_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t value = 0;

	(void)left;
	TRY(emul_mem_read(e, e->insn.mem.seg, index_offset(e, EMUL_RSI), &value, size, false));
	emul_reg_write(e, EMUL_RAX, size, value);
	advance(e, EMUL_RSI, size);
	return EMUL_DONE;
}

static void compare(struct emul *e, uint64_t a, uint64_t b, unsigned int size)
{
	uint64_t r = (a - b) & emul_mask(size), borrows = (~a & b) | ((~a | b) & r);
	uint64_t flags = emul_flags_szp(r, size);

	if (borrows & emul_sign_bit(size))
		flags |= FL_CF;
	if (borrows & 8)
		flags |= FL_AF;
	if ((a ^ b) & (a ^ r) & emul_sign_bit(size))
		flags |= FL_OF;
	e->new_rflags = (e->rflags & ~FL_ARITH) | flags;
}

static enum emul_result cmps_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t a = 0, b = 0;

	(void)left;
	/* Hardware looks at ES:rDI first: with two faults that one is taken. */
	TRY(emul_mem_read(e, EMUL_ES, index_offset(e, EMUL_RDI), &b, size, false));
	TRY(emul_mem_read(e, e->insn.mem.seg, index_offset(e, EMUL_RSI), &a, size, false));
	compare(e, a, b, size);
	advance(e, EMUL_RSI, size);
	advance(e, EMUL_RDI, size);
	return EMUL_DONE;
}

static enum emul_result scas_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint64_t b = 0;

	(void)left;
	TRY(emul_mem_read(e, EMUL_ES, index_offset(e, EMUL_RDI), &b, size, false));
	compare(e, emul_reg_read(e, EMUL_RAX, size), b, size);
	advance(e, EMUL_RDI, size);
	return EMUL_DONE;
}

static enum emul_result ins_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint32_t value = 0;
	uint64_t la;

	/* Faults come before the port is read: reading may have effects. */
	TRY(emul_linear(e, EMUL_ES, index_offset(e, EMUL_RDI), size, true, &la));
	if (e->ops->check_write)
		TRY(emul_from_cb(e->ops->check_write(e, la, size,
						     e->cpl == 3 ? EMUL_ACCESS_USER : 0)));
	TRY(emul_from_cb(e->ops->io_in(e, (uint16_t)e->gpr[EMUL_RDX], &value, size, left)));
	TRY(emul_mem_write(e, EMUL_ES, index_offset(e, EMUL_RDI), &value, size));
	advance(e, EMUL_RDI, size);
	return EMUL_DONE;
}

static enum emul_result outs_once(struct emul *e, uint64_t left)
{
	unsigned int size = e->insn.operand[0].size;
	uint32_t value = 0;

	TRY(emul_mem_read(e, e->insn.mem.seg, index_offset(e, EMUL_RSI), &value, size, false));
	TRY(emul_from_cb(e->ops->io_out(e, (uint16_t)e->gpr[EMUL_RDX], value, size, left)));
	advance(e, EMUL_RSI, size);
	return EMUL_DONE;
}

enum emul_result emul_op_movs(struct emul *e)
{
	return repeat(e, movs_once);
}

enum emul_result emul_op_stos(struct emul *e)
{
	return repeat(e, stos_once);
}

enum emul_result emul_op_lods(struct emul *e)
{
	return repeat(e, lods_once);
}

enum emul_result emul_op_cmps(struct emul *e)
{
	return repeat(e, cmps_once);
}

enum emul_result emul_op_scas(struct emul *e)
{
	return repeat(e, scas_once);
}

/*
 * SDM1 "I/O Permission Bit Map": asked when CPL > IOPL and always in
 * virtual-8086 mode. Two bytes are read, as hardware does.
 */
enum emul_result emul_io_check(struct emul *e, unsigned int port, unsigned int size)
{
	struct emul_seg tr;
	uint16_t map = 0, bits = 0;
	uint32_t at;

	if (!e->protected_mode || (!e->vm86 && e->cpl <= emul_iopl(e)))
		return EMUL_DONE;
	e->ops->get_seg(e, EMUL_TR, &tr);
	/* Only a 32-bit or 64-bit TSS (types 9, busy B) has the map. */
	if ((tr.ar & AR_UNUSABLE) || (tr.ar & 0xd) != 0x9 || tr.limit < 0x67)
		return emul_gp0(e);
	TRY(emul_system_read(e, tr.base + 0x66, &map, 2));
	at = map + port / 8;
	if (at + 1 > tr.limit)
		return emul_gp0(e);
	TRY(emul_system_read(e, tr.base + at, &bits, 2));
	if (bits >> (port & 7) & ((1u << size) - 1))
		return emul_gp0(e);
	return EMUL_DONE;
}

/*
 * How many of `left` elements can go to ES:rDI and upward, in one page and without
 * rDI wrapping or the segment ending; *la is where the first one goes.
 */
static uint64_t elements_ahead(struct emul *e, uint64_t left, unsigned int size, uint64_t *la)
{
	uint64_t at = index_offset(e, EMUL_RDI), n, last;

	if (emul_linear(e, EMUL_ES, at, size, true, la))
		return 0;
	n = (PAGE_BYTES - (*la & (PAGE_BYTES - 1))) / size;
	if (n > left)
		n = left;
	if (!n || (n - 1) * size > emul_mask(e->insn.addrsize) - at ||
	    emul_linear(e, EMUL_ES, at + (n - 1) * size, size, true, &last))
		return 0;
	return n;
}

/* Takes what user space has ready; false: to be done one by one. */
static bool ins_block(struct emul *e)
{
	unsigned int size = e->insn.operand[0].size, addrsize = e->insn.addrsize;
	uint64_t left = emul_reg_read(e, EMUL_RCX, addrsize), n, la;

	if (!e->ops->ins_block || !repeated(e) || (e->rflags & (FL_DF | FL_TF)))
		return false;
	n = elements_ahead(e, left, size, &la);
	if (n)
		n = e->ops->ins_block(e, (uint16_t)e->gpr[EMUL_RDX], la, size, n);
	if (!n)
		return false;
	emul_reg_write(e, EMUL_RDI, addrsize, e->gpr[EMUL_RDI] + n * size);
	emul_reg_write(e, EMUL_RCX, addrsize, left - n);
	return true;
}

enum emul_result emul_op_ins(struct emul *e)
{
	TRY(emul_io_check(e, (uint16_t)e->gpr[EMUL_RDX], e->insn.operand[0].size));
	if (ins_block(e))
		return emul_reg_read(e, EMUL_RCX, e->insn.addrsize) ? EMUL_AGAIN : EMUL_DONE;
	return repeat(e, ins_once);
}

enum emul_result emul_op_outs(struct emul *e)
{
	TRY(emul_io_check(e, (uint16_t)e->gpr[EMUL_RDX], e->insn.operand[0].size));
	return repeat(e, outs_once);
}

/* IN and OUT with a 64-bit operand size still move 32 bits. */
static unsigned int io_size(const struct emul *e, unsigned int n)
{
	unsigned int size = e->insn.operand[n].size;

	return size > 4 ? 4 : size;
}

enum emul_result emul_op_in(struct emul *e)
{
	unsigned int size = io_size(e, 0);
	uint32_t value = 0;
	uint64_t port;

	TRY(emul_load(e, 1, &port));
	TRY(emul_io_check(e, (uint16_t)port, size));
	TRY(emul_from_cb(e->ops->io_in(e, (uint16_t)port, &value, size, 1)));
	emul_reg_write(e, EMUL_RAX, size, value);
	return EMUL_DONE;
}

enum emul_result emul_op_out(struct emul *e)
{
	unsigned int size = io_size(e, 1);
	uint64_t port, value;

	TRY(emul_load(e, 0, &port));
	TRY(emul_load(e, 1, &value));
	TRY(emul_io_check(e, (uint16_t)port, size));
	return emul_from_cb(e->ops->io_out(e, (uint16_t)port, (uint32_t)value, size, 1));
}
