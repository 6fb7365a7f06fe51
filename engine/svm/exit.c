/* SPDX-License-Identifier: MIT */
/* What SVM reports, decoded; x86/exits.h acts on it. */
#include "svm.h"

#include "../mem/mem.h"
#include "../x86/exits.h"
#include "check.h"

/* Kept out of svm_handle_exit(), which then needs no stack frame of its own. */
#define OUT_OF_LINE	__attribute__((__noinline__))

/*
 * Bytes of the instruction that exited: told by the CPU, remembered, or decoded.
 * 0: it can't be fetched any more, the fault is raised.
 *
 * What is remembered is only used for the same address in the same address space,
 * on the same kind of exit and until the vCPU leaves the CPU. A guest that puts
 * another encoding of the same instruction in its place meanwhile deceives itself.
 */
static u32 insn_length(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;
	const struct vmcb_save *b = &s->vmcb->s;
	u64 linear, key;
	struct svm_length *l;

	if (v->exit.insn_len)
		return v->exit.insn_len;
	linear = b->cs.base + v->exit.rip;
	key = (u64)s->length_epoch << 32 | b->cs.attrib << 8 | v->exit.reason;
	l = &s->lengths[(linear ^ linear >> 4) % LENGTH_CACHE];
	if (UNLIKELY(l->linear != linear || l->cr3 != b->cr3 || l->key != key)) {
		u32 length = x86_insn_length(v);

		if (!length)
			return 0;
		*l = (struct svm_length){ linear, b->cr3, key, length };
	}
	v->exit.insn_len = l->length;
	return l->length;
}

/* Instructions that are stepped over once they were acted upon. */
static OUT_OF_LINE enum exit_action exit_insn(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;

	if (UNLIKELY(!insn_length(s)))
		return v->exception.type || LOAD(&v->requests) ? ACT_RESUME :
		       x86_exit_unhandled(v, "instruction of unknown length");
	if (v->exit.reason == EXIT_MSR)
		return v->exit.qual & 1 ? x86_exit_wrmsr(v) : x86_exit_rdmsr(v);
	if (v->exit.reason == EXIT_CPUID)
		return x86_exit_cpuid(v);
	switch (v->exit.reason) {
	case EXIT_HLT: return x86_exit_hlt(v);
	case EXIT_VMMCALL: return x86_exit_hypercall(v);
	case EXIT_XSETBV: return x86_exit_xsetbv(v);
	case EXIT_RDTSC: return x86_exit_rdtsc(v, false);
	case EXIT_RDPMC: return x86_exit_rdpmc(v);
	case EXIT_INVLPG: return x86_exit_invlpg(v);
	default: return x86_exit_nop(v); /* INVD, WBINVD, PAUSE, MONITOR, MWAIT */
	}
}

/* APM2 "IOIO Intercept": EXITINFO2 is the address of the next instruction. */
static enum exit_action exit_ioio(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;
	u64 info = v->exit.qual;
	u16 port = IOIO_PORT(info);
	u8 size = IOIO_SIZE(info);
	bool in = info & IOIO_IN;

	v->exit.insn_len = s->vmcb->c.exit_info2 - v->exit.rip;
	if (UNLIKELY(info & (IOIO_STRING | IOIO_REP)))
		return x86_exit_string_pio(v, port, size, in);
	return x86_exit_pio(v, port, size, in);
}

/* APM2 "Nested Page Faults". */
static OUT_OF_LINE enum exit_action exit_npf(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;
	const struct vmcb_control *c = &s->vmcb->c;
	u64 info = v->exit.qual;
	unsigned access = MEM_READ, n = 0;

	if (info & NPF_RESERVED)
		return x86_exit_unhandled(v, "reserved bit set in a nested page table");
	if (info & NPF_WRITE)
		access = MEM_WRITE;
	else if (info & NPF_FETCH)
		access = MEM_FETCH;
	if (svm_features.decode_assists && !(info & NPF_FETCH))
		n = c->insn_len & 15;
	if (info & NPF_FINAL)
		v->exit.flags |= EXIT_FINAL;
	return x86_exit_s2_fault(v, gphys(c->exit_info2), access, n ? c->insn_bytes : NULL, n);
}

/* MOV to CR4 or CR8; the register is told by decode assists. */
static enum exit_action exit_cr_write(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;

	if (svm_features.decode_assists && svm_features.nrips &&
	    (v->exit.qual & CR_EXIT_MOV))
		return x86_exit_mov_to_cr(v, v->exit.reason - EXIT_CR_WRITE(0),
					  CR_EXIT_GPR(v->exit.qual));
	return x86_emulate(v, NULL, 0);
}

/* A touch of a debug register: for the rest of this stay it has the real ones. */
static enum exit_action exit_debug_register(struct svm_vcpu *s)
{
	if (debug_owned(&s->v))		/* they are a debugger's */
		return x86_emulate(&s->v, NULL, 0);
	s->debug_wanted = true;
	return ACT_RESUME;
}

#define ERROR_CODE_VECTORS (BIT(VEC_DF) | BITS(VEC_PF, VEC_TS) | BIT(VEC_AC) | BIT(21))

/*
 * An exception that only exits because it could be delivered for ever, or because
 * the trap policy looks at some of its kind: it is the guest's own.
 */
static enum exit_action exit_exception(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;
	u8 vector = v->exit.reason - EXIT_EXCEPTION(0);
	const struct event e = {
		.type = EVENT_EXCEPTION, .vector = vector,
		.has_error = !!(ERROR_CODE_VECTORS & BIT(vector)), .error = v->exit.qual,
	};
	enum exit_action action;

	if (vector == VEC_UD)
		return x86_exit_ud(v);
	if (vector == VEC_BP && x86_debug_exception(v, vector, 0, &action))
		return action;
	/* INT3 and INTO, one byte each, push the address behind them. */
	if (vector == VEC_BP || vector == VEC_OF) {
		v->injected = (struct event){ .type = EVENT_SOFT_EXC, .vector = vector,
					      .insn_len = 1 };
		vcpu_request(v, REQ_EVENT);
		return ACT_RESUME;
	}
	/* CR2 isn't written if #PF is intercepted. */
	return x86_exit_reflect(v, &e, vector == VEC_PF ? s->vmcb->c.exit_info2 : v->cr2);
}

/* Only on QEMU: see svm_init_intercepts(). */
static enum exit_action exit_int_n(struct vcpu *v)
{
	enum exit_action action;

	if (x86_debug_at_int3(v) && x86_debug_exception(v, VEC_BP, 0, &action))
		return action;
	return x86_emulate(v, NULL, 0);
}

static enum exit_action exit_invalid(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;
	const struct svm_limits limits = {
		.phys_bits = svm_features.phys_bits, .cr4_valid = svm_features.cr4_valid,
	};
	unsigned i, found = 0;

	for (i = 0; i < svm_rule_count; i++) {
		if (!svm_rules[i].broken(s->vmcb, &limits))
			continue;
		host_log(LOG_ERROR, "vCPU %u: VMRUN refused the VMCB: %s", v->id,
			 svm_rules[i].text);
		found++;
	}
	if (!found)
		host_log(LOG_ERROR, "vCPU %u: VMRUN refused the VMCB, for none of the "
			 "reasons that APM2 lists", v->id);
	v->uexit.kind = UEXIT_FAIL_ENTRY;
	v->uexit.fail_entry.reason = s->vmcb->c.exit_code;
	v->uexit.fail_entry.cpu = s->last_cpu;
	v->uexit.fail_entry.insn_error = 0;
	return ACT_USER;
}

static OUT_OF_LINE enum exit_action handle_rest(struct svm_vcpu *s)
{
	struct vcpu *v = &s->v;

	switch (v->exit.reason) {
	case EXIT_XSETBV: case EXIT_RDTSC: case EXIT_RDPMC: case EXIT_INVLPG:
	case EXIT_INVD: case EXIT_WBINVD: case EXIT_PAUSE:
	case EXIT_MONITOR: case EXIT_MWAIT: case EXIT_MWAIT_ARMED:
		return exit_insn(s);
	/* The host took, or takes, these by itself. */
	case EXIT_NMI: case EXIT_SMI: case EXIT_INIT:
	case EXIT_EXCEPTION(VEC_MC):
		return ACT_RESUME;
	case EXIT_VINTR: return svm_exit_irq_window(s);
	case EXIT_IRET: return svm_exit_iret(s);
	case EXIT_EXCEPTION(VEC_DB): return svm_exit_db(s);
	case EXIT_INT_N: return exit_int_n(v);
	case EXIT_EXCEPTION(0): case EXIT_EXCEPTION(3) ... EXIT_EXCEPTION(17):
	case EXIT_EXCEPTION(19) ... EXIT_EXCEPTION(31):
		return exit_exception(s);
	case EXIT_CR_WRITE(4): case EXIT_CR_WRITE(8): return exit_cr_write(s);
	case EXIT_DR_READ(0) ... EXIT_DR_WRITE(15): return exit_debug_register(s);
	case EXIT_RSM: case EXIT_INVLPGA: case EXIT_VMRUN: case EXIT_VMLOAD:
	case EXIT_VMSAVE: case EXIT_STGI: case EXIT_CLGI: case EXIT_SKINIT:
	case EXIT_RDTSCP: case EXIT_RDPRU: case EXIT_INVLPGB: case EXIT_INVPCID:
	case EXIT_MCOMMIT: case EXIT_TLBSYNC:
		return x86_exit_undefined(v);
	case EXIT_SHUTDOWN: return x86_exit_triple_fault(v);
	case EXIT_INDEX_INVALID: return exit_invalid(s);
	default: return x86_exit_unhandled(v, svm_exit_name(v->exit.reason) ?: "unknown");
	}
}

/* The frequent ones by comparison: a kernel's switch is a tree, without a table. */
enum exit_action svm_handle_exit(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	u64 reason = v->exit.reason;

	if (reason == EXIT_IOIO)
		return exit_ioio(s);
	if (reason == EXIT_MSR || reason == EXIT_CPUID || reason == EXIT_VMMCALL ||
	    reason == EXIT_HLT)
		return exit_insn(s);
	if (reason == EXIT_INDEX_NPF)
		return exit_npf(s);
	return reason == EXIT_INTR ? ACT_RESUME : handle_rest(s);
}
