/* SPDX-License-Identifier: MIT */
/*
 * The x87 instructions by which start-up code finds out whether there is a unit and
 * sets it up, and calls of the hypervisor.
 */
#include "internal.h"

static enum emul_result fpu(struct emul *e, enum emul_fpu what, uint16_t *word)
{
	if (!e->ops->fpu)
		return EMUL_UNSUPPORTED;
	return emul_from_cb(e->ops->fpu(e, what, word));
}

enum emul_result emul_op_fpu(struct emul *e)
{
	static const uint8_t what[] = {
		EMUL_FPU_INIT, EMUL_FPU_CLEAR, EMUL_FPU_STORE_CONTROL, EMUL_FPU_STORE_STATUS,
		EMUL_FPU_LOAD_CONTROL,
	};
	unsigned int op = e->insn.op;
	uint64_t value = 0;
	uint16_t word = 0;

	if (emul_read_cr(e, 0) & (CR0_EM | CR0_TS))
		return emul_fault(e, VEC_NM);
	if (op == OP_FPU_NOP)
		return EMUL_DONE;
	if (op == OP_FLDCW) {
		TRY(emul_load(e, 0, &value));
		word = (uint16_t)value;
	}
	TRY(fpu(e, what[op - OP_FNINIT], &word));
	if (op != OP_FNSTCW && op != OP_FNSTSW)
		return EMUL_DONE;
	if (e->insn.mem.valid)
		return emul_store(e, 0, word);
	emul_reg_write(e, EMUL_RAX, 2, word);	/* FNSTSW AX, whatever REX says */
	return EMUL_DONE;
}

/* SDM2 "WAIT/FWAIT": CR0.MP decides whether TS counts, EM does not. */
enum emul_result emul_op_fwait(struct emul *e)
{
	uint64_t both = CR0_MP | CR0_TS;
	uint16_t word = 0;

	if ((emul_read_cr(e, 0) & both) == both)
		return emul_fault(e, VEC_NM);
	return fpu(e, EMUL_FPU_WAIT, &word);
}

/* VMCALL, and AMD's VMMCALL (0f 01 d9). */
enum emul_result emul_op_vmcall(struct emul *e)
{
	if (!e->ops->vmcall)
		return EMUL_UNSUPPORTED;
	return emul_from_cb(e->ops->vmcall(e, e->insn.modrm == 0xd9));
}
