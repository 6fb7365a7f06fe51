/* SPDX-License-Identifier: MIT */
/*
 * Segment loads and far transfers. Real and virtual-8086 mode set the base from
 * the selector; protected mode follows SDM3 "Segment Descriptors" and SDM2's
 * descriptions of MOV, JMP, CALL and RET. Gates, tasks and changes of privilege
 * are EMUL_UNSUPPORTED: wherever they can occur hardware runs the guest itself.
 */
#include "internal.h"

#define SEL_RPL		3u
#define SEL_TI		4u
#define SEL_ERROR(sel)	((uint32_t)(sel) & 0xfffcu)

struct descriptor {
	uint64_t la;
	uint32_t low, high;
	uint32_t ar;
};

static unsigned int dpl(uint32_t ar)
{
	return (ar & AR_DPL) >> AR_DPL_SHIFT;
}

/* Reads a descriptor; *found is false beyond the table. `size` is 8 or 16. */
static enum emul_result read_descriptor(struct emul *e, uint16_t selector, unsigned int size,
					struct descriptor *d, bool *found)
{
	struct emul_table_reg gdt;
	struct emul_seg ldt;
	uint64_t base;
	uint32_t limit, raw[2];

	*found = false;
	if (selector & SEL_TI) {
		e->ops->get_seg(e, EMUL_LDTR, &ldt);
		if (ldt.ar & AR_UNUSABLE)
			return EMUL_DONE;
		base = ldt.base;
		limit = ldt.limit;
	} else {
		e->ops->get_table(e, EMUL_GDT, &gdt);
		base = gdt.base;
		limit = gdt.limit;
	}
	if ((selector & 0xfff8u) + size - 1 > limit)
		return EMUL_DONE;
	d->la = base + (selector & 0xfff8u);
	if (!e->long_mode)
		d->la &= 0xffffffff;
	TRY(emul_system_read(e, d->la, raw, sizeof(raw)));
	d->low = raw[0];
	d->high = raw[1];
	d->ar = (raw[1] >> 8) & 0xf0ff;
	*found = true;
	return EMUL_DONE;
}

static uint32_t descriptor_limit(const struct descriptor *d)
{
	uint32_t limit = (d->low & 0xffff) | (d->high & 0xf0000);

	return (d->ar & AR_G) ? limit << 12 | 0xfff : limit;
}

static void unpack(const struct descriptor *d, uint16_t selector, struct emul_seg *s)
{
	*s = (struct emul_seg){
		.base = (d->low >> 16) | (d->high & 0xff) << 16 | (d->high & 0xff000000),
		.limit = descriptor_limit(d),
		.ar = d->ar,
		.selector = selector,
	};
}

/* Sets bits in the type byte in memory: accessed, or a TSS's busy. */
static enum emul_result set_type(struct emul *e, struct descriptor *d, uint32_t bits)
{
	uint8_t old = (uint8_t)d->ar, new = (uint8_t)(d->ar | bits);
	unsigned int access = EMUL_ACCESS_SYSTEM | EMUL_ACCESS_WRITE | EMUL_ACCESS_LOCKED;
	enum emul_cb cb = EMUL_CB_NOT_RAM;

	if (old == new)
		return EMUL_DONE;
	if (e->ops->cmpxchg_mem)
		cb = e->ops->cmpxchg_mem(e, d->la + 5, &old, &new, 1, access);
	if (cb == EMUL_CB_NOT_RAM)
		cb = e->ops->write_mem(e, d->la + 5, &new, 1, access);
	d->ar |= bits;
	return emul_from_cb(cb);
}

static void real_segment(struct emul *e, unsigned int seg, uint16_t selector,
			 struct emul_seg *out)
{
	/* Real mode leaves limit and rights as they are: "unreal" mode. */
	e->ops->get_seg(e, seg, out);
	out->selector = selector;
	out->base = (uint64_t)selector << 4;
	if (e->vm86) {
		out->limit = 0xffff;
		out->ar = 0xf3;
	}
}

static enum emul_result load_null(struct emul *e, unsigned int seg, uint16_t selector,
				  struct emul_seg *out)
{
	if (seg == EMUL_SS && !(e->mode == EMUL_MODE64 && e->cpl < 3 &&
				(selector & SEL_RPL) == e->cpl))
		return emul_gp0(e);
	*out = (struct emul_seg){ .selector = selector, .ar = AR_UNUSABLE };
	/* SDM3 "Checks on Guest Segment Registers": SS.DPL is the CPL, usable or not. */
	if (seg == EMUL_SS)
		out->ar |= (uint32_t)e->cpl << AR_DPL_SHIFT;
	return EMUL_DONE;
}

static bool may_load(const struct emul *e, unsigned int seg, uint16_t selector, uint32_t ar)
{
	unsigned int rpl = selector & SEL_RPL;

	if (!(ar & AR_S))
		return false;
	if (seg == EMUL_SS)
		return !(ar & AR_CODE) && (ar & AR_WRITABLE) && rpl == e->cpl &&
		       dpl(ar) == e->cpl;
	if ((ar & AR_CODE) && !(ar & AR_WRITABLE))
		return false;
	if ((ar & AR_CODE) && (ar & AR_DOWN))
		return true;	/* conforming */
	return dpl(ar) >= rpl && dpl(ar) >= e->cpl;
}

/* What a load of a data-segment register gives, all checks made; nothing is set. */
enum emul_result emul_seg_load(struct emul *e, unsigned int seg, uint16_t selector,
			       struct emul_seg *out)
{
	struct descriptor d;
	bool found;

	if (emul_real_segments(e)) {
		real_segment(e, seg, selector, out);
		return EMUL_DONE;
	}
	if (!(selector & ~SEL_RPL))
		return load_null(e, seg, selector, out);
	TRY(read_descriptor(e, selector, 8, &d, &found));
	if (!found || !may_load(e, seg, selector, d.ar))
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	if (!(d.ar & AR_P))
		return emul_fault_error(e, seg == EMUL_SS ? VEC_SS : VEC_NP,
					SEL_ERROR(selector));
	TRY(set_type(e, &d, AR_ACCESSED));
	unpack(&d, selector, out);
	return EMUL_DONE;
}

/* Privilege of a code segment reached by JMP or CALL, or (ret) by RET or IRET. */
static bool may_run(const struct emul *e, uint16_t selector, uint32_t ar, bool ret)
{
	unsigned int rpl = selector & SEL_RPL;

	if ((ar & AR_L) && (ar & AR_DB) && e->long_mode)
		return false;
	if (ret)
		return (ar & AR_DOWN) ? dpl(ar) <= rpl : dpl(ar) == rpl;
	return (ar & AR_DOWN) ? dpl(ar) <= e->cpl : rpl <= e->cpl && dpl(ar) == e->cpl;
}

static enum emul_result code_segment(struct emul *e, uint16_t selector, bool ret,
				     struct emul_seg *out)
{
	struct descriptor d;
	bool found;

	if (!(selector & ~SEL_RPL))
		return emul_gp0(e);
	if (ret && (selector & SEL_RPL) < e->cpl)
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	TRY(read_descriptor(e, selector, 8, &d, &found));
	if (!found)
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	if (!ret && !(d.ar & AR_S))
		return EMUL_UNSUPPORTED;	/* gate or task */
	if (!(d.ar & AR_S) || !(d.ar & AR_CODE) || !may_run(e, selector, d.ar, ret))
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	if (!(d.ar & AR_P))
		return emul_fault_error(e, VEC_NP, SEL_ERROR(selector));
	if (ret && (selector & SEL_RPL) > e->cpl)
		return EMUL_UNSUPPORTED;	/* to an outer level */
	TRY(set_type(e, &d, AR_ACCESSED));
	unpack(&d, (uint16_t)((selector & ~SEL_RPL) | e->cpl), out);
	return EMUL_DONE;
}

/* A far transfer's new CS:rIP, all checks made; nothing is set. */
enum emul_result emul_far_load(struct emul *e, uint16_t selector, uint64_t ip, bool ret,
			       struct emul_far *out)
{
	ip &= emul_mask(e->insn.op == OP_INT ? 2 : e->insn.opsize);
	if (emul_real_segments(e))
		real_segment(e, EMUL_CS, selector, &out->cs);
	else
		TRY(code_segment(e, selector, ret, &out->cs));
	out->ip = ip;
	if (e->long_mode && (out->cs.ar & AR_L))
		return emul_canonical(e, ip) ? EMUL_DONE : emul_gp0(e);
	out->ip &= 0xffffffff;
	return out->ip > out->cs.limit ? emul_gp0(e) : EMUL_DONE;
}

void emul_far_commit(struct emul *e, const struct emul_far *f)
{
	e->ops->set_seg(e, EMUL_CS, &f->cs);
	e->next_rip = f->ip;
}

enum emul_result emul_op_mov_to_seg(struct emul *e)
{
	unsigned int seg = e->insn.operand[0].reg;
	struct emul_seg s;
	uint64_t selector;

	TRY(emul_load(e, 1, &selector));
	TRY(emul_seg_load(e, seg, (uint16_t)selector, &s));
	e->ops->set_seg(e, seg, &s);
	if (seg == EMUL_SS)
		e->shadow = EMUL_SHADOW_MOV_SS;
	return EMUL_DONE;
}

enum emul_result emul_op_mov_from_seg(struct emul *e)
{
	struct emul_seg s;

	e->ops->get_seg(e, e->insn.operand[1].reg, &s);
	return emul_store(e, 0, s.selector);
}

/* SDM2 "PUSH": with 32-bit operands only the selector's 16 bits are written. */
enum emul_result emul_op_push_seg(struct emul *e)
{
	struct emul_stack s;
	struct emul_seg seg;

	e->ops->get_seg(e, e->insn.operand[0].reg, &seg);
	emul_stack_begin(e, &s);
	if (e->insn.opsize == 4) {
		s.sp = (s.sp - 4) & s.mask;
		TRY(emul_mem_write(e, EMUL_SS, s.sp, &seg.selector, 2));
	} else {
		TRY(emul_stack_push(e, &s, seg.selector, e->insn.opsize));
	}
	emul_stack_commit(e, &s);
	return EMUL_DONE;
}

enum emul_result emul_op_pop_seg(struct emul *e)
{
	unsigned int seg = e->insn.operand[0].reg;
	struct emul_stack s;
	struct emul_seg out;
	uint64_t selector;

	emul_stack_begin(e, &s);
	TRY(emul_stack_pop(e, &s, &selector, e->insn.opsize));
	TRY(emul_seg_load(e, seg, (uint16_t)selector, &out));
	emul_stack_commit(e, &s);
	e->ops->set_seg(e, seg, &out);
	if (seg == EMUL_SS)
		e->shadow = EMUL_SHADOW_MOV_SS;
	return EMUL_DONE;
}

/* LES, LSS, LDS, LFS, LGS */
enum emul_result emul_op_load_far(struct emul *e)
{
	static const uint8_t segs[] = { EMUL_ES, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS };
	const struct emul_insn *d = &e->insn;
	unsigned int seg = segs[d->op - OP_LES];
	uint16_t selector = 0;
	uint64_t offset = 0;
	struct emul_seg s;

	TRY(emul_mem_read(e, d->mem.seg, d->mem.offset, &offset, d->opsize, false));
	TRY(emul_mem_read(e, d->mem.seg, (d->mem.offset + d->opsize) & emul_mask(d->addrsize),
			  &selector, 2, false));
	TRY(emul_seg_load(e, seg, selector, &s));
	e->ops->set_seg(e, seg, &s);
	return emul_store(e, 0, offset);
}

/* SLDT, STR */
enum emul_result emul_op_sldt(struct emul *e)
{
	struct emul_seg s;

	if (e->cpl && (emul_read_cr(e, 4) & CR4_UMIP))
		return emul_gp0(e);
	e->ops->get_seg(e, e->insn.op == OP_SLDT ? EMUL_LDTR : EMUL_TR, &s);
	return emul_store(e, 0, s.selector);
}

/* LLDT, LTR: GDT only; in long mode a 16-byte descriptor. */
enum emul_result emul_op_lldt(struct emul *e)
{
	bool ltr = e->insn.op == OP_LTR, found;
	unsigned int type;
	struct descriptor d;
	struct emul_seg s;
	uint64_t selector;
	uint32_t high = 0;

	TRY(emul_load(e, 0, &selector));
	if (!(selector & ~(uint64_t)SEL_RPL)) {
		if (ltr)
			return emul_gp0(e);
		s = (struct emul_seg){ .selector = (uint16_t)selector, .ar = AR_UNUSABLE };
		e->ops->set_seg(e, EMUL_LDTR, &s);
		return EMUL_DONE;
	}
	if (selector & SEL_TI)
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	TRY(read_descriptor(e, (uint16_t)selector, e->long_mode ? 16 : 8, &d, &found));
	type = d.ar & (AR_S | AR_TYPE);
	if (!found || !(ltr ? type == 9 || (type == 1 && !e->long_mode) : type == 2))
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	if (!(d.ar & AR_P))
		return emul_fault_error(e, VEC_NP, SEL_ERROR(selector));
	if (e->long_mode)
		TRY(emul_system_read(e, d.la + 8, &high, 4));
	unpack(&d, (uint16_t)selector, &s);
	s.base |= (uint64_t)high << 32;
	if (!emul_canonical(e, s.base))
		return emul_fault_error(e, VEC_GP, SEL_ERROR(selector));
	if (ltr) {
		TRY(set_type(e, &d, 2));	/* busy */
		s.ar |= 2;
	}
	e->ops->set_seg(e, ltr ? EMUL_TR : EMUL_LDTR, &s);
	return EMUL_DONE;
}

/* System descriptor types that LAR and LSL know, as bit sets: SDM2 "LAR", "LSL". */
static bool visible_type(const struct emul *e, uint32_t ar, bool lsl)
{
	uint32_t types = e->long_mode ? (1u << 2 | 1u << 9 | 1u << 11) :
			 (1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11);

	if (ar & AR_S)
		return true;
	if (!lsl)
		types |= e->long_mode ? 1u << 12 : 1u << 4 | 1u << 5 | 1u << 12;
	return types >> (ar & AR_TYPE) & 1;
}

static bool visible(const struct emul *e, uint16_t selector, uint32_t ar)
{
	if ((ar & AR_S) && (ar & AR_CODE) && (ar & AR_DOWN))
		return true;
	return dpl(ar) >= e->cpl && dpl(ar) >= (selector & SEL_RPL);
}

enum emul_result emul_op_lar(struct emul *e)
{
	bool lsl = e->insn.op == OP_LSL, found = false;
	struct descriptor d = { 0 };
	uint64_t selector;

	TRY(emul_load(e, 1, &selector));
	if (selector & ~(uint64_t)SEL_RPL)
		TRY(read_descriptor(e, (uint16_t)selector, 8, &d, &found));
	e->new_rflags = e->rflags & ~FL_ZF;
	if (!found || !visible_type(e, d.ar, lsl) || !visible(e, (uint16_t)selector, d.ar))
		return EMUL_DONE;
	e->new_rflags |= FL_ZF;
	return emul_store(e, 0, lsl ? descriptor_limit(&d) : d.high & 0x00f0ff00);
}

enum emul_result emul_op_verr(struct emul *e)
{
	bool verw = e->insn.op == OP_VERW, found = false, ok;
	struct descriptor d = { 0 };
	uint64_t selector;

	TRY(emul_load(e, 0, &selector));
	if (selector & ~(uint64_t)SEL_RPL)
		TRY(read_descriptor(e, (uint16_t)selector, 8, &d, &found));
	ok = found && (d.ar & AR_S) && visible(e, (uint16_t)selector, d.ar);
	if (verw)
		ok = ok && !(d.ar & AR_CODE) && (d.ar & AR_WRITABLE);
	else
		ok = ok && (!(d.ar & AR_CODE) || (d.ar & AR_WRITABLE));
	e->new_rflags = (e->rflags & ~FL_ZF) | (ok ? FL_ZF : 0);
	return EMUL_DONE;
}

enum emul_result emul_op_arpl(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	uint64_t a = 0, b;

	/* Write access is needed, and checked, only if something is written. */
	if (d->mem.valid)
		TRY(emul_mem_read(e, d->mem.seg, d->mem.offset, &a, 2, false));
	else
		TRY(emul_load(e, 0, &a));
	TRY(emul_load(e, 1, &b));
	e->new_rflags = e->rflags & ~FL_ZF;
	if ((a & SEL_RPL) >= (b & SEL_RPL))
		return EMUL_DONE;
	e->new_rflags |= FL_ZF;
	return emul_store(e, 0, (a & ~(uint64_t)SEL_RPL) | (b & SEL_RPL));
}
