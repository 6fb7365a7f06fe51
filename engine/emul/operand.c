/* SPDX-License-Identifier: MIT */
/* Operand access: registers, segmented memory and the faults on the way. */
#include "internal.h"

enum emul_result emul_fault(struct emul *e, unsigned int vector)
{
	e->fault = (struct emul_fault){
		.vector = (uint8_t)vector, .kind = EMUL_EVENT_EXCEPTION,
	};
	return EMUL_FAULT;
}

enum emul_result emul_fault_error(struct emul *e, unsigned int vector, uint32_t error)
{
	emul_fault(e, vector);
	/* Real mode pushes no error codes. */
	e->fault.has_error = e->protected_mode;
	e->fault.error = error;
	return EMUL_FAULT;
}

enum emul_result emul_from_cb(enum emul_cb cb)
{
	switch (cb) {
	case EMUL_CB_OK: return EMUL_DONE;
	case EMUL_CB_FAULT: return EMUL_FAULT;
	case EMUL_CB_EXIT: return EMUL_EXIT;
	case EMUL_CB_RETRY: return EMUL_AGAIN;
	default: return EMUL_UNSUPPORTED;
	}
}

uint64_t emul_reg_read(const struct emul *e, unsigned int reg, unsigned int size)
{
	if (size == 1 && (reg & EMUL_HIGH_BYTE))
		return (e->gpr[reg & 3] >> 8) & 0xff;
	return e->gpr[reg & 15] & emul_mask(size);
}

/* SDM1 "General-Purpose Registers in 64-Bit Mode": 32-bit results zero-extend. */
void emul_reg_write(struct emul *e, unsigned int reg, unsigned int size, uint64_t value)
{
	uint64_t *r = &e->gpr[reg & 15];

	if (size == 1 && (reg & EMUL_HIGH_BYTE)) {
		r = &e->gpr[reg & 3];
		*r = (*r & ~0xff00ull) | ((value & 0xff) << 8);
		return;
	}
	switch (size) {
	case 1: *r = (*r & ~0xffull) | (value & 0xff); break;
	case 2: *r = (*r & ~0xffffull) | (value & 0xffff); break;
	case 4: *r = value & 0xffffffff; break;
	default: *r = value; break;
	}
}

static bool sign_extends_from(uint64_t la, unsigned int bit)
{
	int64_t top = (int64_t)la >> bit;

	return top == 0 || top == -1;
}

bool emul_canonical(struct emul *e, uint64_t la)
{
	if (__builtin_expect(sign_extends_from(la, 47), 1))
		return true;
	return e->ops && sign_extends_from(la, 56) && (emul_read_cr(e, 4) & CR4_LA57);
}

static enum emul_result seg_fault(struct emul *e, unsigned int seg)
{
	return emul_fault_error(e, seg == EMUL_SS ? VEC_SS : VEC_GP, 0);
}

/* SDM3 "Limit Checking" and "Type Checking"; real mode checks the limit only. */
static bool seg_allows(const struct emul *e, const struct emul_seg *s, unsigned int seg,
		       uint64_t offset, unsigned int size, bool write)
{
	uint64_t last = offset + size - 1;
	bool data = !(s->ar & AR_CODE);

	if (!emul_real_segments(e)) {
		if (s->ar & AR_UNUSABLE)
			return false;
		if (write && !(data && (s->ar & AR_WRITABLE)))
			return false;
		if (!write && !data && !(s->ar & AR_WRITABLE))
			return false;
	}
	if (data && (s->ar & AR_DOWN) && seg != EMUL_CS) {
		uint64_t top = (s->ar & AR_DB) ? 0xffffffffull : 0xffffull;

		return offset > s->limit && last <= top;
	}
	/* A 4 GiB segment has no limit: accesses past its end wrap. */
	return s->limit == 0xffffffff || last <= s->limit;
}

/* SDM3 "Interrupt 17": natural alignment, CPL 3 with CR0.AM and RFLAGS.AC only. */
static bool alignment_fault(struct emul *e, uint64_t la, unsigned int size)
{
	if (!(e->rflags & FL_AC) || e->cpl != 3)
		return false;
	if (size > 16 || (size & (size - 1)))
		size = 8;
	return (la & (size - 1)) && (emul_read_cr(e, 0) & CR0_AM);
}

enum emul_result emul_linear(struct emul *e, unsigned int seg, uint64_t offset,
			     unsigned int size, bool write, uint64_t *la)
{
	struct emul_seg s;

	if (e->mode == EMUL_MODE64) {
		*la = offset;
		if (seg == EMUL_FS || seg == EMUL_GS) {
			e->ops->get_seg(e, seg, &s);
			*la += s.base;
		}
		/* In the lower half, and not within a page of its end: canonical. */
		if (__builtin_expect(*la >= (1ull << 47) - 4096, 0) &&
		    (!emul_canonical(e, *la) || !emul_canonical(e, *la + size - 1)))
			return seg_fault(e, seg);
	} else {
		e->ops->get_seg(e, seg, &s);
		if (!seg_allows(e, &s, seg, offset, size, write))
			return seg_fault(e, seg);
		*la = (s.base + offset) & 0xffffffff;
	}
	if (alignment_fault(e, *la, size))
		return emul_fault_error(e, VEC_AC, 0);
	return EMUL_DONE;
}

static bool is_locked(const struct emul *e)
{
	return (e->insn.prefixes & EMUL_PREFIX_LOCK) || e->insn.op == OP_XCHG;
}

static unsigned int access_flags(const struct emul *e, bool for_write)
{
	unsigned int access = e->cpl == 3 ? EMUL_ACCESS_USER : 0;

	if (for_write) {
		access |= EMUL_ACCESS_WRITE;
		if (is_locked(e))
			access |= EMUL_ACCESS_LOCKED;
	}
	return access;
}

enum emul_result emul_mem_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf,
			       unsigned int size, bool for_write)
{
	uint64_t la;

	TRY(emul_linear(e, seg, offset, size, for_write, &la));
	return emul_from_cb(e->ops->read_mem(e, la, buf, size, access_flags(e, for_write)));
}

enum emul_result emul_mem_write(struct emul *e, unsigned int seg, uint64_t offset,
				const void *buf, unsigned int size)
{
	uint64_t la;

	TRY(emul_linear(e, seg, offset, size, true, &la));
	return emul_from_cb(e->ops->write_mem(e, la, buf, size, access_flags(e, true)));
}

/* Descriptor tables, IVT and TSS: linear addresses, supervisor whatever the CPL. */
enum emul_result emul_system_read(struct emul *e, uint64_t la, void *buf, unsigned int size)
{
	return emul_from_cb(e->ops->read_mem(e, la, buf, size, EMUL_ACCESS_SYSTEM));
}

enum emul_result emul_load(struct emul *e, unsigned int n, uint64_t *value)
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *o = &d->operand[n];

	*value = 0;
	switch (o->kind) {
	case EMUL_OPERAND_GPR:
		*value = emul_reg_read(e, o->reg, o->size);
		return EMUL_DONE;
	case EMUL_OPERAND_IMM:
		*value = d->imm & emul_mask(o->size);
		return EMUL_DONE;
	case EMUL_OPERAND_MEM:
		return emul_mem_read(e, d->mem.seg, d->mem.offset, value, o->size,
				     n == 0 && d->mem.write);
	default:
		return EMUL_UNSUPPORTED;
	}
}

enum emul_result emul_store(struct emul *e, unsigned int n, uint64_t value)
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *o = &d->operand[n];

	if (o->kind == EMUL_OPERAND_GPR) {
		emul_reg_write(e, o->reg, o->size, value);
		return EMUL_DONE;
	}
	return emul_mem_write(e, d->mem.seg, d->mem.offset, &value, o->size);
}

/* Second half of a read-modify-write whose first half read `old`. */
enum emul_result emul_update(struct emul *e, unsigned int n, uint64_t old, uint64_t value)
{
	const struct emul_insn *d = &e->insn;
	const struct emul_operand *o = &d->operand[n];
	enum emul_cb cb;
	uint64_t la;

	if (o->kind != EMUL_OPERAND_MEM || !is_locked(e) || !e->ops->cmpxchg_mem)
		return emul_store(e, n, value);
	TRY(emul_linear(e, d->mem.seg, d->mem.offset, o->size, true, &la));
	cb = e->ops->cmpxchg_mem(e, la, &old, &value, o->size, access_flags(e, true));
	if (cb == EMUL_CB_NOT_RAM)
		return emul_store(e, n, value);
	return emul_from_cb(cb);
}
