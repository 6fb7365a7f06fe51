/* SPDX-License-Identifier: MIT */
/* Control, debug and model-specific registers, tables, interrupt flag. */
#include "internal.h"

static enum emul_result check_umip(struct emul *e)
{
	if (e->cpl && (emul_read_cr(e, 4) & CR4_UMIP))
		return emul_gp0(e);
	return EMUL_DONE;
}

static uint64_t second_part(const struct emul_insn *d)
{
	return (d->mem.offset + 2) & emul_mask(d->addrsize);
}

/* SGDT, SIDT: the limit, then a base of 4 or 8 bytes. */
enum emul_result emul_op_sgdt(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	struct emul_table_reg t;

	TRY(check_umip(e));
	e->ops->get_table(e, d->op == OP_SGDT ? EMUL_GDT : EMUL_IDT, &t);
	TRY(emul_mem_write(e, d->mem.seg, d->mem.offset, &t.limit, 2));
	return emul_mem_write(e, d->mem.seg, second_part(d), &t.base, d->mem.size - 2u);
}

enum emul_result emul_op_lgdt(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	struct emul_table_reg t = { 0 };

	TRY(emul_mem_read(e, d->mem.seg, d->mem.offset, &t.limit, 2, false));
	TRY(emul_mem_read(e, d->mem.seg, second_part(d), &t.base, d->mem.size - 2u, false));
	/* SDM2 "LGDT": with 16-bit operands only 24 bits of base. */
	if (e->mode != EMUL_MODE64 && d->opsize == 2)
		t.base &= 0xffffff;
	if (!emul_canonical(e, t.base))
		return emul_gp0(e);
	e->ops->set_table(e, d->op == OP_LGDT ? EMUL_GDT : EMUL_IDT, &t);
	return EMUL_DONE;
}

enum emul_result emul_op_smsw(struct emul *e)
{
	TRY(check_umip(e));
	return emul_store(e, 0, emul_read_cr(e, 0));
}

/* LMSW writes PE, MP, EM and TS and can't clear PE. */
enum emul_result emul_op_lmsw(struct emul *e)
{
	uint64_t value, cr0 = emul_read_cr(e, 0);

	TRY(emul_load(e, 0, &value));
	value = (cr0 & ~0xeull) | (value & 0xf);
	return emul_from_cb(e->ops->write_cr(e, 0, value));
}

enum emul_result emul_op_clts(struct emul *e)
{
	return emul_from_cb(e->ops->write_cr(e, 0, emul_read_cr(e, 0) & ~CR0_TS));
}

/* No segment check, and an address that isn't canonical is ignored. */
enum emul_result emul_op_invlpg(struct emul *e)
{
	const struct emul_insn *d = &e->insn;
	uint64_t la = d->mem.offset;
	struct emul_seg s;

	if (e->mode != EMUL_MODE64 || d->mem.seg == EMUL_FS || d->mem.seg == EMUL_GS) {
		e->ops->get_seg(e, d->mem.seg, &s);
		la += s.base;
	}
	if (e->mode != EMUL_MODE64)
		la &= 0xffffffff;
	if (emul_canonical(e, la) && e->ops->invlpg)
		e->ops->invlpg(e, la);
	return EMUL_DONE;
}

enum emul_result emul_op_wbinvd(struct emul *e)
{
	if (e->ops->wbinvd)
		e->ops->wbinvd(e);
	return EMUL_DONE;
}

enum emul_result emul_op_mov_from_cr(struct emul *e)
{
	return emul_store(e, 0, emul_read_cr(e, e->insn.operand[1].reg));
}

enum emul_result emul_op_mov_to_cr(struct emul *e)
{
	uint64_t value;

	TRY(emul_load(e, 1, &value));
	return emul_from_cb(e->ops->write_cr(e, e->insn.operand[0].reg, value));
}

/* DR4 and DR5 are DR6 and DR7, or with CR4.DE #UD; then SDM3 "General Detect". */
static enum emul_result check_dr(struct emul *e, unsigned int *dr)
{
	if (*dr == 4 || *dr == 5) {
		if (emul_read_cr(e, 4) & CR4_DE)
			return emul_fault(e, VEC_UD);
		*dr += 2;
	}
	if (e->ops->read_dr(e, 7) & DR7_GD) {
		emul_fault(e, VEC_DB);
		e->fault.dr6 = DR6_BD;
		return EMUL_FAULT;
	}
	return EMUL_DONE;
}

enum emul_result emul_op_mov_from_dr(struct emul *e)
{
	unsigned int dr = e->insn.operand[1].reg;

	TRY(check_dr(e, &dr));
	return emul_store(e, 0, e->ops->read_dr(e, dr));
}

enum emul_result emul_op_mov_to_dr(struct emul *e)
{
	unsigned int dr = e->insn.operand[0].reg;
	uint64_t value;

	TRY(check_dr(e, &dr));
	TRY(emul_load(e, 1, &value));
	if (dr >= 6 && value >> 32)
		return emul_gp0(e);
	return emul_from_cb(e->ops->write_dr(e, dr, value));
}

static void write_edx_eax(struct emul *e, uint64_t value)
{
	emul_reg_write(e, EMUL_RAX, 4, value);
	emul_reg_write(e, EMUL_RDX, 4, value >> 32);
}

enum emul_result emul_op_rdmsr(struct emul *e)
{
	uint64_t value = 0;

	TRY(emul_from_cb(e->ops->read_msr(e, (uint32_t)e->gpr[EMUL_RCX], &value)));
	write_edx_eax(e, value);
	return EMUL_DONE;
}

enum emul_result emul_op_wrmsr(struct emul *e)
{
	uint64_t value = (e->gpr[EMUL_RAX] & 0xffffffff) | e->gpr[EMUL_RDX] << 32;

	return emul_from_cb(e->ops->write_msr(e, (uint32_t)e->gpr[EMUL_RCX], value));
}

static enum emul_result read_tsc(struct emul *e, uint64_t *value)
{
	if (e->protected_mode && e->cpl && (emul_read_cr(e, 4) & CR4_TSD))
		return emul_gp0(e);
	return emul_from_cb(e->ops->rdtsc(e, value));
}

enum emul_result emul_op_rdtsc(struct emul *e)
{
	uint64_t value = 0;

	TRY(read_tsc(e, &value));
	write_edx_eax(e, value);
	return EMUL_DONE;
}

enum emul_result emul_op_rdtscp(struct emul *e)
{
	uint64_t value = 0, aux = 0;

	TRY(read_tsc(e, &value));
	TRY(emul_from_cb(e->ops->read_msr(e, MSR_TSC_AUX, &aux)));
	write_edx_eax(e, value);
	emul_reg_write(e, EMUL_RCX, 4, aux);
	return EMUL_DONE;
}

enum emul_result emul_op_cpuid(struct emul *e)
{
	uint32_t out[4] = { 0 };

	TRY(emul_from_cb(e->ops->cpuid(e, (uint32_t)e->gpr[EMUL_RAX],
				       (uint32_t)e->gpr[EMUL_RCX], out)));
	emul_reg_write(e, EMUL_RAX, 4, out[0]);
	emul_reg_write(e, EMUL_RBX, 4, out[1]);
	emul_reg_write(e, EMUL_RCX, 4, out[2]);
	emul_reg_write(e, EMUL_RDX, 4, out[3]);
	return EMUL_DONE;
}

enum emul_result emul_op_swapgs(struct emul *e)
{
	struct emul_seg gs;
	uint64_t kernel = 0;

	e->ops->get_seg(e, EMUL_GS, &gs);
	TRY(emul_from_cb(e->ops->read_msr(e, MSR_KERNEL_GS_BASE, &kernel)));
	TRY(emul_from_cb(e->ops->write_msr(e, MSR_KERNEL_GS_BASE, gs.base)));
	gs.base = kernel;
	e->ops->set_seg(e, EMUL_GS, &gs);
	return EMUL_DONE;
}

/* RDFSBASE, RDGSBASE */
enum emul_result emul_op_rdfsbase(struct emul *e)
{
	struct emul_seg s;

	if (!(emul_read_cr(e, 4) & CR4_FSGSBASE))
		return emul_fault(e, VEC_UD);
	e->ops->get_seg(e, e->insn.op == OP_RDFSBASE ? EMUL_FS : EMUL_GS, &s);
	return emul_store(e, 0, s.base);
}

enum emul_result emul_op_wrfsbase(struct emul *e)
{
	unsigned int seg = e->insn.op == OP_WRFSBASE ? EMUL_FS : EMUL_GS;
	struct emul_seg s;
	uint64_t base;

	if (!(emul_read_cr(e, 4) & CR4_FSGSBASE))
		return emul_fault(e, VEC_UD);
	TRY(emul_load(e, 0, &base));
	if (!emul_canonical(e, base))
		return emul_gp0(e);
	e->ops->get_seg(e, seg, &s);
	s.base = base;
	e->ops->set_seg(e, seg, &s);
	return EMUL_DONE;
}

/* XCR1 (ECX = 1, the init optimisation's bitmap) is not emulated. */
enum emul_result emul_op_xgetbv(struct emul *e)
{
	if (!(emul_read_cr(e, 4) & CR4_OSXSAVE))
		return emul_fault(e, VEC_UD);
	if ((uint32_t)e->gpr[EMUL_RCX] == 1)
		return EMUL_UNSUPPORTED;
	if ((uint32_t)e->gpr[EMUL_RCX])
		return emul_gp0(e);
	write_edx_eax(e, emul_read_cr(e, EMUL_XCR0));
	return EMUL_DONE;
}

/* CLI and STI need IOPL; the virtual interrupt flag isn't emulated. */
static enum emul_result check_interrupt_flag(struct emul *e)
{
	if (!e->protected_mode || e->cpl <= emul_iopl(e))
		return EMUL_DONE;
	if (emul_read_cr(e, 4) & (e->vm86 ? CR4_VME : CR4_PVI))
		return EMUL_UNSUPPORTED;
	return emul_gp0(e);
}

enum emul_result emul_op_cli(struct emul *e)
{
	TRY(check_interrupt_flag(e));
	e->new_rflags &= ~FL_IF;
	return EMUL_DONE;
}

enum emul_result emul_op_sti(struct emul *e)
{
	TRY(check_interrupt_flag(e));
	if (!(e->rflags & FL_IF))
		e->shadow = EMUL_SHADOW_STI;
	e->new_rflags |= FL_IF;
	return EMUL_DONE;
}

enum emul_result emul_op_hlt(struct emul *e)
{
	(void)e;
	return EMUL_HALT;
}

/* CLAC, STAC: outside CPL 0 #UD, not #GP. */
enum emul_result emul_op_clac(struct emul *e)
{
	if (e->cpl)
		return emul_fault(e, VEC_UD);
	e->new_rflags &= ~FL_AC;
	if (e->insn.op == OP_STAC)
		e->new_rflags |= FL_AC;
	return EMUL_DONE;
}
