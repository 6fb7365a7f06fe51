/* SPDX-License-Identifier: MIT */
/* The trap policy in VM-execution controls, and exits back in its terms. */
#include "../x86/exits.h"
#include "vmx.h"

#include "../x86/emulate.h"

/* Controls that a trap needs; all others exit anyway. */
static const struct {
	u32 trap;
	u32 proc, proc2;
} controls[] = {
	{ TRAP_RDTSC, PROC_RDTSC, 0 },
	{ TRAP_RDPMC, PROC_RDPMC, 0 },
	{ TRAP_INVLPG, PROC_INVLPG, 0 },
	{ TRAP_PAUSE, PROC_PAUSE, 0 },
	{ TRAP_MOV_DR, PROC_MOV_DR, 0 },
	{ TRAP_CR3, PROC_CR3_LOAD, 0 },
	{ TRAP_DESCRIPTOR, 0, PROC2_DESCRIPTOR },
};

void vmx_update_exceptions(struct vcpu *v)
{
	vmcs_write(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_TAKEN | v->traps.exceptions |
					  (v->debug.control & DEBUG_INT3 ? BIT(VEC_BP) : 0));
}

int vmx_set_traps(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	u32 proc = 0, proc2 = 0;
	unsigned i;

	for (i = 0; i < COUNT_OF(controls); i++)
		if (v->traps.instructions & controls[i].trap) {
			proc |= controls[i].proc;
			proc2 |= controls[i].proc2;
		}
	if (!vmx_control_offered(CTL_PROC, proc) || !vmx_control_offered(CTL_PROC2, proc2))
		return ERR_NOTSUP;
	x->proc = (x->proc & ~x->trap_proc) | proc;
	x->proc2 = (x->proc2 & ~x->trap_proc2) | proc2;
	/* Only what the traps added is theirs to take away again. */
	x->trap_proc = proc & ~vmx.control[CTL_PROC];
	x->trap_proc2 = proc2 & ~vmx.control[CTL_PROC2];
	if (x->unpaged)
		x->proc |= UNPAGED_CONTROLS;
	vmcs_write(VMCS_PROC_CTLS, x->proc);
	vmcs_write(VMCS_PROC_CTLS2, x->proc2);
	vmx_update_exceptions(v);
	vmcs_write(VMCS_PF_ERROR_MASK, v->traps.pf_mask);
	vmcs_write(VMCS_PF_ERROR_MATCH, v->traps.pf_match);
	return 0;
}

static u32 exception_trap(struct vcpu *v)
{
	u32 info = to_vmx(v)->intr_info, vector = info & 0xff;

	if (vector == VEC_UD && x86_ud_trap(v))
		return TRAP_VMCALL;
	if (vector > 31 || !(v->traps.exceptions & BIT(vector)))
		return 0;
	v->uexit.trap.vector = vector;
	v->uexit.trap.error = info & BIT(11) ? vmcs_read(VMCS_EXIT_ERROR_CODE) : 0;
	v->uexit.trap.cr2 = vector == VEC_PF ? v->exit.qual : 0;
	return TRAP_EXCEPTION;
}

static u32 instruction_trap_of(const struct exit_info *exit)
{
	switch (exit->reason) {
	case REASON_VMCALL: return TRAP_VMCALL;
	case REASON_HLT: return TRAP_HLT;
	case REASON_CPUID: return TRAP_CPUID;
	case REASON_RDTSC: case REASON_RDTSCP: return TRAP_RDTSC;
	case REASON_RDPMC: return TRAP_RDPMC;
	case REASON_INVLPG: return TRAP_INVLPG;
	case REASON_PAUSE: return TRAP_PAUSE;
	case REASON_DR_ACCESS: return TRAP_MOV_DR;
	case REASON_IO: return TRAP_IO;
	case REASON_XSETBV: return TRAP_XSETBV;
	case REASON_INVD: case REASON_WBINVD: return TRAP_WBINVD;
	case REASON_GDTR_IDTR_ACCESS: case REASON_LDTR_TR_ACCESS: return TRAP_DESCRIPTOR;
	/* MOV to CR3: SDM3 "Exit Qualification for Control-Register Accesses". */
	case REASON_CR_ACCESS: return (exit->qual & 0x3f) == 3 ? TRAP_CR3 : 0;
	default: return 0;
	}
}

u32 vmx_trap_of(struct vcpu *v)
{
	u32 trap;

	if (v->exit.reason == REASON_EXCEPTION_NMI)
		return exception_trap(v);
	trap = instruction_trap_of(&v->exit) & v->traps.instructions;
	if (trap)
		v->exit.insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
	return trap;
}

/* -- Emulated instructions: the exits that they would have been. ------------------------ */

static void as_system(const struct emul_insn *d, struct exit_info *exit)
{
	unsigned reg = d->modrm >> 3 & 7;

	if (d->modrm == 0xc1)
		exit->reason = REASON_VMCALL;
	else if (d->modrm == 0xd1)
		exit->reason = REASON_XSETBV;
	else if (d->modrm == 0xf9)
		exit->reason = REASON_RDTSCP;
	else if (d->modrm < 0xc0 && reg == 7)
		exit->reason = REASON_INVLPG;
	else if (d->modrm < 0xc0 && reg < 4)
		exit->reason = REASON_GDTR_IDTR_ACCESS;
}

static void as_two_bytes(const struct emul_insn *d, struct exit_info *exit)
{
	switch (d->opcode) {
	case 0x00:
		if ((d->modrm >> 3 & 7) < 4)
			exit->reason = REASON_LDTR_TR_ACCESS;
		break;
	case 0x01: as_system(d, exit); break;
	case 0x08: exit->reason = REASON_INVD; break;
	case 0x09: exit->reason = REASON_WBINVD; break;
	case 0x21: case 0x23: exit->reason = REASON_DR_ACCESS; break;
	case 0x22:
		exit->reason = REASON_CR_ACCESS;
		exit->qual = d->modrm >> 3 & 7;
		break;
	case 0x31: exit->reason = REASON_RDTSC; break;
	case 0x33: exit->reason = REASON_RDPMC; break;
	case 0xa2: exit->reason = REASON_CPUID; break;
	default: break;
	}
}

static void as_one_byte(const struct emul_insn *d, struct exit_info *exit)
{
	switch (d->opcode) {
	case 0x6c ... 0x6f: case 0xe4 ... 0xe7: case 0xec ... 0xef:
		exit->reason = REASON_IO;
		break;
	case 0x90:
		if (d->prefixes & EMUL_PREFIX_REP)
			exit->reason = REASON_PAUSE;
		break;
	case 0xf4: exit->reason = REASON_HLT; break;
	default: break;
	}
}

u32 vmx_trap_of_emulated(struct vcpu *v)
{
	const struct emul_insn *d = x86_decode(v);
	struct exit_info exit = { .reason = EXIT_NO_MODE };
	u32 trap;

	if (!d)
		return 0;
	exit.rip = v->rip;
	exit.insn_len = d->length;
	if (d->map == 1)
		as_two_bytes(d, &exit);
	else if (!d->map)
		as_one_byte(d, &exit);
	if (exit.reason == EXIT_NO_MODE)
		return 0;
	trap = instruction_trap_of(&exit) & v->traps.instructions;
	if (!trap)
		return 0;
	v->uexit.kind = UEXIT_TRAP;
	v->uexit.trap.trap = trap;
	v->uexit.trap.reason = exit.reason;
	v->uexit.trap.qualification = exit.qual;
	v->uexit.trap.insn_len = exit.insn_len;
	return trap;
}
