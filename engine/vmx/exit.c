/* SPDX-License-Identifier: MIT */
/* From exit reason and qualification to the neutral handlers. */
#include "vmx.h"

#include "../irq/irq.h"
#include "../mem/table.h"
#include "../x86/exits.h"
#include "../x86/task.h"

#define PENDING_DEBUG_BS	BIT(14)
#define DEBUGCTL_BTF		BIT(1)
#define DR6_FROM_QUAL		(BIT(14) | BIT(13) | BITS(3, 0)) /* BS, BD, B3-B0 */
#define DR6_BITS_SET		0xffff0ff0ull

#define EPT_GLA_VALID		BIT(7)
#define EPT_GLA_TRANSLATED	BIT(8)

#define INTERNAL_DATA_MAX	16

/* Kept out of vmx_handle_exit(), which then needs no stack frame of its own. */
#define OUT_OF_LINE	__attribute__((__noinline__))

/* SDM3 "Exit Qualification for I/O Instructions". */
static enum exit_action exit_io(struct vcpu *v)
{
	u64 q = v->exit.qual;
	u8 size = FIELD(q, 2, 0) + 1;
	bool in = q & BIT(3);

	if (q & BIT(4))
		return x86_exit_string_pio(v, q >> 16, size, in);
	return x86_exit_pio(v, q >> 16, size, in);
}

/* SDM3 "Exit Qualification for Control-Register Accesses". */
static enum exit_action exit_cr(struct vcpu *v)
{
	u64 q = v->exit.qual;

	switch (FIELD(q, 5, 4)) {
	case 0: return x86_exit_mov_to_cr(v, FIELD(q, 3, 0), FIELD(q, 11, 8));
	case 1: return x86_exit_mov_from_cr(v, FIELD(q, 3, 0), FIELD(q, 11, 8));
	case 2: return x86_exit_clts(v);
	default: return x86_exit_lmsw(v, q >> 16);
	}
}

/* SDM3 "Exit Qualification for MOV DR". */
static enum exit_action exit_dr(struct vcpu *v)
{
	u64 q = v->exit.qual;

	return x86_exit_mov_dr(v, FIELD(q, 2, 0), FIELD(q, 11, 8), !(q & BIT(4)));
}

/* SDM3 "Exit Qualification for EPT Violations"; bits 2:0 are as MEM_*. */
static OUT_OF_LINE enum exit_action exit_ept_violation(struct vcpu *v)
{
	u64 q = v->exit.qual;

	_Static_assert(MEM_READ == 1 && MEM_WRITE == 2 && MEM_FETCH == 4,
		       "as in the exit qualification");
	if (UNLIKELY(v->debug.armed))
		vmx_step_not_begun(v);
	if ((q & EPT_GLA_VALID) && (q & EPT_GLA_TRANSLATED)) {
		v->exit.gla = vmcs_read(VMCS_GUEST_LINEAR_ADDRESS);
		v->exit.flags |= EXIT_GLA;
	}
	return x86_exit_s2_fault(v, gphys(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS)),
				 FIELD(q, 2, 0), NULL, 0);
}

static void add_data(struct vcpu *v, u64 val)
{
	if (v->uexit.internal.ndata < INTERNAL_DATA_MAX)
		v->uexit.internal.data[v->uexit.internal.ndata++] = val;
}

static OUT_OF_LINE enum exit_action exit_wrmsr(struct vcpu *v)
{
	u32 msr = v->gpr[GPR_RCX];
	enum exit_action action = x86_exit_wrmsr(v);

	if (UNLIKELY(msr == MSR_XSS))
		vmx_update_switch(to_vmx(v));
	return action;
}

/* An entry of ours that the CPU doesn't accept: show all of them. */
static OUT_OF_LINE enum exit_action exit_ept_misconfig(struct vcpu *v)
{
	u64 gpa = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS), entries[TABLE_LEVELS] = { 0 };
	enum exit_action action = x86_exit_unhandled(v, "EPT misconfiguration");
	unsigned long flags = host_lock_irq(&v->vm->mem.lock);
	unsigned i, n = table_walk(&v->vm->mem, gpa, entries);

	host_unlock_irq(&v->vm->mem.lock, flags);
	add_data(v, gpa);
	for (i = 0; i < n; i++)
		add_data(v, entries[i]);
	host_log(LOG_ERROR, "EPT misconfiguration at %llx: entries %llx %llx %llx %llx",
		 (unsigned long long)gpa, (unsigned long long)entries[0],
		 (unsigned long long)entries[1], (unsigned long long)entries[2],
		 (unsigned long long)entries[3]);
	return action;
}

/*
 * SDM3 "Exit Qualification for Debug Exceptions": the CPU has left DR6 and DR7 as
 * they were; delivery in the guest would have changed them.
 */
static void note_debug_exception(struct vcpu *v)
{
	v->dr6 = (v->dr6 & ~BITS(3, 0)) | DR6_BITS_SET | (v->exit.qual & DR6_FROM_QUAL);
	if (v->dr7 & DR7_GD) {
		v->dr7 &= ~DR7_GD;
		vmx_set_debug(v);
	}
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	/* What delivery ends; with TF set the entry check would miss BS otherwise. */
	vmx_set_shadow(v, 0);
}

/* The debugger's? INT1 never is. */
static bool is_debugger(struct vcpu *v, const struct event *e, enum exit_action *action)
{
	return ((e->vector == VEC_DB && e->type == EVENT_EXCEPTION) || e->vector == VEC_BP) &&
	       x86_debug_exception(v, e->vector, v->exit.qual, action);
}

static OUT_OF_LINE enum exit_action exit_exception(struct vcpu *v)
{
	enum exit_action action;
	struct event e;

	vmx_info_to_event(to_vmx(v)->intr_info, vmcs_read(VMCS_EXIT_ERROR_CODE),
			  vmcs_read(VMCS_EXIT_INSN_LEN), &e);
	if (e.type == EVENT_NMI || (e.type == EVENT_EXCEPTION && e.vector == VEC_MC))
		return ACT_RESUME;	/* the host has had it */
	if (is_debugger(v, &e, &action))
		return action;
	if (e.vector == VEC_DB)
		note_debug_exception(v);
	if (e.type == EVENT_PRIV_SOFT_EXC) {
		/* INT1 is a trap: it is injected with its length, or it would repeat. */
		v->exception = e;
		vcpu_request(v, REQ_EVENT);
		return ACT_RESUME;
	}
	if (e.vector == VEC_UD)
		return x86_exit_ud(v);
	return x86_exit_reflect(v, &e, e.vector == VEC_PF ? v->exit.qual : 0);
}

/*
 * SDM3 "Exit Qualification for Task Switches". An instruction that made it is over for
 * the old task; a fault or an interrupt that came through a gate is not one.
 */
static OUT_OF_LINE enum exit_action exit_task_switch(struct vcpu *v)
{
	enum task_cause cause = FIELD(v->exit.qual, 31, 30);
	u64 rip = v->exit.rip;

	if (cause != TASK_GATE || v->injected.type >= EVENT_SOFT_INT)
		rip += vmcs_read(VMCS_EXIT_INSN_LEN);
	return x86_exit_task_switch(v, cause, (u16)v->exit.qual, rip);
}

static OUT_OF_LINE enum exit_action exit_irq_window(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);

	x->soft_nmi_mask = false;
	x->nmi_window = x->nmi_window && vmx_have(VMX_HAVE_VIRTUAL_NMI);
	vmx_want_irq_window(v, false);
	vcpu_request(v, REQ_EVENT);
	return ACT_RESUME;
}

static OUT_OF_LINE enum exit_action exit_nmi_window(struct vcpu *v)
{
	vmx_want_nmi_window(v, false);
	vcpu_request(v, REQ_EVENT);
	return ACT_RESUME;
}

static OUT_OF_LINE enum exit_action exit_tpr(struct vcpu *v)
{
	lapic_tpr_changed(v->lapic);
	vcpu_request(v, REQ_EVENT);
	return ACT_RESUME;
}

/* Neither launch nor resume, or the CPU found the guest's state invalid. */
static OUT_OF_LINE enum exit_action exit_entry_failed(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	bool vmfail = v->exit.reason == EXIT_VMFAIL;

	v->uexit.kind = UEXIT_FAIL_ENTRY;
	v->uexit.fail_entry.reason = vmfail ? x->insn_error : x->raw_reason;
	v->uexit.fail_entry.insn_error = vmfail ? x->insn_error : 0;
	v->uexit.fail_entry.cpu = v->cpu;
	host_log(LOG_ERROR, "vCPU %u: %s: %s (qualification %llx)", v->id,
		 vmfail ? "VM entry failed" : "entry refused",
		 vmfail ? vmx_insn_error_text(x->insn_error) : vmx_exit_name(v->exit.reason),
		 (unsigned long long)v->exit.qual);
	return ACT_USER;
}

const char *vmx_exit_name(unsigned i)
{
	if (i == EXIT_VMFAIL)
		return "VM entry failed (VMfail)";
	if (i == EXIT_NO_MODE)
		return "emulated: the mode needs unrestricted guest";
	return i < REASON_COUNT ? reason_names[i] : NULL;
}

static enum exit_action exit_other(struct vcpu *v)
{
	const char *name = vmx_exit_name(v->exit.reason);

	return x86_exit_unhandled(v, name ? name : "unknown exit reason");
}

static OUT_OF_LINE enum exit_action handle_rest(struct vcpu *v)
{
	switch (v->exit.reason) {
	case REASON_HLT: return x86_exit_hlt(v);
	case REASON_NMI_WINDOW: return exit_nmi_window(v);
	case REASON_EXCEPTION_NMI: return exit_exception(v);
	case REASON_TASK_SWITCH: return exit_task_switch(v);
	case REASON_CR_ACCESS: return exit_cr(v);
	case REASON_DR_ACCESS: return exit_dr(v);
	case REASON_TPR_BELOW_THRESHOLD: return exit_tpr(v);
	case REASON_EPT_MISCONFIG: return exit_ept_misconfig(v);
	case REASON_TRIPLE_FAULT: return x86_exit_triple_fault(v);
	case REASON_RDTSC: return x86_exit_rdtsc(v, false);
	case REASON_RDTSCP: return x86_exit_rdtsc(v, true);
	case REASON_RDPMC: return x86_exit_rdpmc(v);
	case REASON_INVLPG: return x86_exit_invlpg(v);
	case REASON_XSETBV: return x86_exit_xsetbv(v);
	case REASON_INVD: case REASON_WBINVD: case REASON_PAUSE:
	case REASON_MONITOR: case REASON_MWAIT:
		return x86_exit_nop(v);
	case REASON_VMCLEAR: case REASON_VMLAUNCH: case REASON_VMPTRLD:
	case REASON_VMPTRST: case REASON_VMREAD: case REASON_VMRESUME:
	case REASON_VMWRITE: case REASON_VMXOFF: case REASON_VMXON:
	case REASON_INVEPT: case REASON_INVVPID: case REASON_VMFUNC:
	case REASON_GETSEC: case REASON_RSM: case REASON_INVPCID:
		return x86_exit_undefined(v);
	case REASON_INIT: case REASON_SIPI: case REASON_PREEMPTION_TIMER:
		return ACT_RESUME;
	case REASON_ENTRY_GUEST_STATE: case REASON_ENTRY_MSR_LOADING:
	case REASON_ENTRY_MACHINE_CHECK: case EXIT_VMFAIL:
		return exit_entry_failed(v);
	case EXIT_NO_MODE: return vmx_emulate_mode(v);
	default:
		return exit_other(v);
	}
}

/* The frequent ones by comparison: a kernel's switch is a tree, without a table. */
enum exit_action vmx_handle_exit(struct vcpu *v)
{
	u64 reason = v->exit.reason;

	if (reason == REASON_IO)
		return exit_io(v);
	if (reason == REASON_WRMSR)
		return exit_wrmsr(v);
	if (reason == REASON_RDMSR)
		return x86_exit_rdmsr(v);
	if (reason == REASON_CPUID)
		return x86_exit_cpuid(v);
	if (reason == REASON_EPT_VIOLATION)
		return exit_ept_violation(v);
	if (reason == REASON_VMCALL)
		return x86_exit_hypercall(v);
	if (reason == REASON_INTERRUPT_WINDOW)
		return exit_irq_window(v);
	return reason == REASON_EXTERNAL_INTERRUPT ? ACT_RESUME : handle_rest(v);
}

/* What an instruction that was emulated leaves behind as if it had run. */
static OUT_OF_LINE void skip_rare(struct vcpu *v, u64 old_rip, u64 rflags)
{
	/* Outside 64-bit mode the instruction pointer wraps at 4 GiB. */
	if ((v->rip ^ old_rip) >> 32 && !(vmcs_read(VMCS_GUEST_CS_AR) & AR_L))
		v->rip = (u32)v->rip;
	vmx_set_shadow(v, 0);
	/* Exits that are like faults set RF, which lasts until the instruction ends. */
	if (rflags & RFLAGS_RF) {
		v->rflags = rflags & ~RFLAGS_RF;
		v->reg_valid |= REG_RFLAGS;
		v->reg_dirty |= REG_RFLAGS;
	}
	/* A single step traps. */
	if ((rflags & RFLAGS_TF) && v->debug.armed)
		x86_step_trap(v);
	else if ((rflags & RFLAGS_TF) && !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
			   vmcs_read(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

void vmx_skip(struct vcpu *v)
{
	u64 old, rflags;

	rflags = UNLIKELY(v->reg_valid & REG_RFLAGS) ? v->rflags :
		 vmcs_read(VMCS_GUEST_RFLAGS);
	old = v->rip;		/* current since the exit */
	/* Set by a handler that has decoded the instruction: then the CPU doesn't tell. */
	v->rip = old + (v->exit.insn_len ? v->exit.insn_len : vmcs_read(VMCS_EXIT_INSN_LEN));
	v->reg_dirty |= REG_RIP;
	if (UNLIKELY((v->rip ^ old) >> 32 || (rflags & (RFLAGS_TF | RFLAGS_RF)) ||
		     (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & 3)))
		skip_rare(v, old, rflags);
}
