/* SPDX-License-Identifier: MIT */
#include "emulation.h"

#include <stdint.h>
#include <stdio.h>

#include <capstone/capstone.h>

#define BYTES_MAX	15
#define EFER_LMA	(1u << 10)

static cs_mode mode_of(const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LMA) && s->cs.l)
		return CS_MODE_64;
	return s->cs.db ? CS_MODE_32 : CS_MODE_16;
}

/* The first instruction of the bytes; what is no instruction gives no text. */
static size_t disassemble(const uint8_t *bytes, size_t n, const struct kvm_sregs *s,
			  uint64_t rip, char *text, size_t size)
{
	size_t length = 0;
	cs_insn *insn;
	csh handle;

	snprintf(text, size, "no instruction that the disassembler knows");
	if (cs_open(CS_ARCH_X86, mode_of(s), &handle) != CS_ERR_OK)
		return 0;
	if (cs_disasm(handle, bytes, n, rip, 1, &insn)) {
		length = insn->size;
		snprintf(text, size, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "",
			 insn->op_str);
		cs_free(insn, 1);
	}
	cs_close(&handle);
	return length;
}

bool emulation_describe(const struct kvm_run *run, const struct kvm_regs *regs,
			const struct kvm_sregs *sregs, char *buf, size_t size)
{
	uint8_t n = run->emulation_failure.insn_size;
	const uint8_t *bytes = run->emulation_failure.insn_bytes;
	char text[200], hex[3 * BYTES_MAX + 1] = "";
	size_t length, i;

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || run->internal.ndata < 3 ||
	    !(run->emulation_failure.flags &
	      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) || !n || n > BYTES_MAX)
		return false;
	length = disassemble(bytes, n, sregs, regs->rip, text, sizeof(text));
	if (!length)
		length = n;
	for (i = 0; i < length; i++)
		sprintf(hex + 3 * i, " %02x", bytes[i]);
	snprintf(buf, size, "an instruction could not be emulated:%s (%s) at %#x:%#llx, linear %#llx",
		 hex, text, sregs->cs.selector, regs->rip, sregs->cs.base + regs->rip);
	return true;
}
