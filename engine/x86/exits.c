/* SPDX-License-Identifier: MIT */
/* What exits mean, for both vendors. */
#include "../vmm.h"

#include "arch/insn.h"
#include "../core/regs.h"
#include "emulate.h"

/* Answers of the KVM hypercall ABI (linux/kvm_para.h). */
#define HYPERCALL_ENOSYS	(-1000ll)
#define HYPERCALL_EPERM		(-1ll)

#define OUT_OF_LINE	__attribute__((__noinline__))

/* Values of KVM_INTERNAL_ERROR_*, from linux/kvm.h. */
#define INTERNAL_EMULATION	1
#define INTERNAL_UNEXPECTED	4

enum exit_action x86_exit_nop(struct vcpu *v)
{
	(void)v;
	return ACT_NEXT;
}

enum exit_action x86_exit_undefined(struct vcpu *v)
{
	vcpu_raise(v, VEC_UD);
	return ACT_RESUME;
}

enum exit_action x86_exit_hlt(struct vcpu *v)
{
	v->stats.halts++;
	if (v->lapic) {
		vcpu_halt(v);
		return ACT_NEXT;
	}
	v->uexit.kind = UEXIT_HLT;
	return ACT_USER_NEXT;
}

enum exit_action x86_exit_hypercall(struct vcpu *v)
{
	v->gpr[GPR_RAX] = HYPERCALL_ENOSYS;
	if (UNLIKELY(backend->cpl(v)))
		v->gpr[GPR_RAX] = HYPERCALL_EPERM;
	return ACT_NEXT;
}

/* Guest memory stays as it is: there is no patching one instruction into the other. */
static bool is_hypercall(struct vcpu *v)
{
	u8 b[3];

	if (!x86_fetch(v, b, sizeof(b)) || b[0] != 0x0f || b[1] != 0x01 ||
	    (b[2] != 0xc1 && b[2] != 0xd9))
		return false;
	v->exit.insn_len = sizeof(b);
	return true;
}

enum exit_action x86_exit_ud(struct vcpu *v)
{
	if (is_hypercall(v))
		return x86_exit_hypercall(v);
	vcpu_raise(v, VEC_UD);
	return ACT_RESUME;
}

u32 x86_ud_trap(struct vcpu *v)
{
	return (v->traps.instructions & TRAP_VMCALL) && is_hypercall(v) ? TRAP_VMCALL : 0;
}

enum exit_action x86_exit_rdtsc(struct vcpu *v, bool with_aux)
{
	u64 tsc = rdtsc() + v->tsc_offset;

	v->gpr[GPR_RAX] = (u32)tsc;
	v->gpr[GPR_RDX] = tsc >> 32;
	if (with_aux)
		v->gpr[GPR_RCX] = (u32)v->tsc_aux;
	return ACT_NEXT;
}

/* There is no performance counter: SDM2 "RDPMC", invalid ECX. */
enum exit_action x86_exit_rdpmc(struct vcpu *v)
{
	vcpu_raise_error(v, VEC_GP, 0);
	return ACT_RESUME;
}

enum exit_action x86_exit_invlpg(struct vcpu *v)
{
	vcpu_request(v, REQ_TLB);
	return ACT_NEXT;
}

enum exit_action x86_exit_triple_fault(struct vcpu *v)
{
	v->uexit.kind = UEXIT_SHUTDOWN;
	return ACT_USER;
}

enum exit_action x86_exit_reflect(struct vcpu *v, const struct event *e, u64 cr2)
{
	if (e->vector == VEC_PF)
		vcpu_raise_pf(v, cr2, e->error);
	else if (e->has_error)
		vcpu_raise_error(v, e->vector, e->error);
	else
		vcpu_raise(v, e->vector);
	return ACT_RESUME;
}

static void merge_rax(struct vcpu *v, u32 val, u8 size)
{
	u64 *rax = &v->gpr[GPR_RAX];

	if (size == 4)
		*rax = val;
	else if (size == 2)
		*rax = (*rax & ~0xffffull) | (val & 0xffff);
	else
		*rax = (*rax & ~0xffull) | (val & 0xff);
}

static enum exit_action pio_to_user(struct vcpu *v, u16 port, u8 size, bool in)
{
	v->uexit.kind = UEXIT_PIO;
	v->uexit.pio.port = port;
	v->uexit.pio.size = size;
	v->uexit.pio.in = in;
	v->uexit.pio.count = 1;
	if (in) {
		v->pio_in_pending = 1;
		return ACT_USER;
	}
	/* Always the four bytes, of which user space looks at size. */
	__builtin_memcpy(v->pio_data, &v->gpr[GPR_RAX], 4);
	return ACT_USER_NEXT;
}

/* No interrupt controller's: somebody may listen to writes in the kernel. */
static OUT_OF_LINE enum exit_action listened_pio(struct vcpu *v, u16 port, u8 size)
{
	if (host_io_write(v->vm, true, port, size, v->gpr[GPR_RAX] & BITS(8 * size - 1, 0)))
		return ACT_NEXT;
	return pio_to_user(v, port, size, false);
}

static inline enum exit_action other_pio(struct vcpu *v, u16 port, u8 size, bool in)
{
	if (UNLIKELY(!in && LOAD(&v->vm->io_listeners)))
		return listened_pio(v, port, size);
	return pio_to_user(v, port, size, in);
}

static OUT_OF_LINE enum exit_action irqchip_access(struct vcpu *v, u16 port, u8 size, bool in)
{
	u32 val = v->gpr[GPR_RAX];

	if (!irqchip_pio(v->vm->irqchip, port, size, in, &val))
		return other_pio(v, port, size, in);
	if (in)
		merge_rax(v, val, size);
	return ACT_NEXT;
}

/* Functions that end in another one's call need no stack frame: so all of these do. */
enum exit_action x86_exit_pio(struct vcpu *v, u16 port, u8 size, bool in)
{
	struct irqchip *c;
	int byte;

	if (!irqchip_port(port))
		return other_pio(v, port, size, in);
	c = v->vm->irqchip;
	if (UNLIKELY(!c))
		return other_pio(v, port, size, in);
	byte = in && size == 1 ? irqchip_peek(c, port) : -1;
	if (byte < 0)
		return irqchip_access(v, port, size, in);
	merge_rax(v, byte, 1);
	return ACT_NEXT;
}

enum exit_action x86_finish_pio_in(struct vcpu *v)
{
	u32 val;

	v->pio_in_pending = 0;
	__builtin_memcpy(&val, v->pio_data, 4);
	merge_rax(v, val, v->uexit.pio.size);
	return ACT_NEXT;
}

enum exit_action x86_exit_string_pio(struct vcpu *v, u16 port, u8 size, bool in)
{
	(void)port, (void)size, (void)in;
	return x86_emulate(v, NULL, 0);
}

enum exit_action x86_exit_unhandled(struct vcpu *v, const char *what)
{
	struct uexit *u = &v->uexit;

	host_log(LOG_WARN, "vCPU %u: unhandled exit: %s (%llu), qualification %llx, rip %llx",
		 v->id, what, (unsigned long long)v->exit.reason,
		 (unsigned long long)v->exit.qual, (unsigned long long)vcpu_rip(v));
	u->kind = UEXIT_INTERNAL;
	u->internal.suberror = INTERNAL_UNEXPECTED;
	u->internal.ndata = 4;
	u->internal.data[0] = v->exit.reason;
	u->internal.data[1] = v->exit.qual;
	u->internal.data[2] = vcpu_rip(v);
	u->internal.data[3] = v->exit.insn_len;
	return ACT_USER;
}

static enum exit_action memory_error(struct vcpu *v, enum uexit_kind kind, s32 error)
{
	v->uexit.kind = kind;
	v->run_error = error;
	return ACT_USER;
}

enum exit_action x86_exit_s2_fault(struct vcpu *v, struct gphys gpa, unsigned access,
				   const u8 *insn, unsigned n)
{
	v->stats.s2_faults++;
	if (x86_is_mmio(v, gpa))
		return x86_emulate_mmio(v, gpa, access, insn, n);
	switch (mem_fault(v->vm, gpa, access)) {
	case MEM_MAPPED: return ACT_RESUME;
	case MEM_MMIO: return x86_emulate_mmio(v, gpa, access, insn, n);
	case MEM_SIGNAL: return memory_error(v, UEXIT_INTR, ERR_INTR);
	default: return memory_error(v, UEXIT_INTERNAL, ERR_FAULT);
	}
}
