/* SPDX-License-Identifier: MIT */
/*
 * One entry and one exit. This is the path whose every instruction is counted:
 * what is rarely needed hides behind one test before the entry (before.any), one
 * for host state that a guest can't run with (switch_in), and one after the exit
 * (simple_exits).
 */
#include "vmx.h"

#include "../irq/irq.h"
#include "vmx/entry.h"

/* Kept out of the way that every exit takes. */
#define RARE		__attribute__((__cold__, __noinline__))

#define LAPIC_TPR	0x80
#define DR7_RESET	0x400

/* Exits that may come in the middle of an event's delivery. */
#define DELIVERY_EXITS	(BIT(REASON_EXCEPTION_NMI) | BIT(REASON_TRIPLE_FAULT) |	\
			 BIT(REASON_TASK_SWITCH) | BIT(REASON_APIC_ACCESS) |	\
			 BIT(REASON_EPT_VIOLATION) | BIT(REASON_EPT_MISCONFIG) |	\
			 BIT(REASON_PML_FULL))

/* -- Before --------------------------------------------------------------------- */

static void load_breakpoints(struct vcpu *v)
{
	const u64 *dr = debug_addresses(v);

	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
}

/*
 * SDM3 "VM-Execution Control Fields" (checks): without virtual-interrupt delivery
 * the threshold may not be above the class in VTPR, or the entry fails.
 */
static void limit_tpr_threshold(struct vmx_vcpu *x)
{
	u8 class = *((u8 *)lapic_page(x->v.lapic) + LAPIC_TPR) >> 4;
	u8 t = x->tpr_threshold < class ? x->tpr_threshold : class;

	if (x->tpr_written != t) {
		x->tpr_written = t;
		vmcs_write(VMCS_TPR_THRESHOLD, t);
	}
}

/* False: this guest can't be entered, v->exit says why. */
static RARE bool prepare(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;

	if (x->before.mode && !vmx_mode_enterable(x)) {
		vmx_load_regs(v, REG_RIP);
		v->exit = (struct exit_info){ .reason = EXIT_NO_MODE, .rip = v->rip };
		return false;
	}
	if (x->before.first || x->before.msrs)
		vmx_load_msrs(x);
	if (x->before.flush)
		vmx_flush_now(x);
	/* Where the host has breakpoints of its own, switch_in() saves those first. */
	if (x->before.debug && read_dr7() == DR7_RESET)
		load_breakpoints(v);
	if (x->before.tpr)
		limit_tpr_threshold(x);
	x->before.first = x->before.msrs = x->before.flush = x->before.debug = 0;
	return true;
}

static RARE void write_other_regs(struct vcpu *v)
{
	if (v->reg_dirty & REG_RSP)
		vmcs_write(VMCS_GUEST_RSP, v->gpr[GPR_RSP]);
	if (v->reg_dirty & REG_RFLAGS)
		vmcs_write(VMCS_GUEST_RFLAGS, v->rflags);
}

static inline void write_regs(struct vcpu *v)
{
	u32 dirty = v->reg_dirty;

	if (LIKELY(dirty & REG_RIP))
		vmcs_write(VMCS_GUEST_RIP, v->rip);
	if (UNLIKELY(dirty & (REG_RSP | REG_RFLAGS)))
		write_other_regs(v);
	v->reg_dirty = 0;
}

/* What the host may change at any time, and an exit brings back from the VMCS. */
static inline void write_host_crs(struct vmx_vcpu *x)
{
	u64 cr3 = read_cr3(), cr4 = read_cr4();

	if (UNLIKELY(cr3 != x->host_cr3)) {
		x->host_cr3 = cr3;
		vmcs_write(VMCS_HOST_CR3, cr3);
	}
	if (UNLIKELY(cr4 != x->host_cr4)) {
		x->host_cr4 = cr4;
		vmcs_write(VMCS_HOST_CR4, cr4);
	}
}

/* -- Host state that has to be switched, or put back, around this one entry. ------- */

/* Without OSXSAVE a guest can't see XCR0: it need not be right. */
static inline bool switches_xcr0(struct vmx_vcpu *x)
{
	return x->v.xcr0 != x->host_xcr0 && (x->v.cr4 & CR4_OSXSAVE);
}

static inline bool needs_switch(struct vmx_vcpu *x)
{
	return (x->always_switch | (read_dr7() ^ DR7_RESET)) || switches_xcr0(x);
}

static bool switches_xss(struct vmx_vcpu *x)
{
	return x->v.xss != x->host_xss && vmx_have(VMX_HAVE_XSAVES);
}

static RARE void switch_in(struct vmx_vcpu *x)
{
	x->switched = true;
	x->simple_exits = 0;
	if (switches_xcr0(x))
		xsetbv(0, x->v.xcr0);
	if (switches_xss(x))
		wrmsr(MSR_XSS, x->v.xss);
	x->host_dr7 = read_dr7();
	if (x->host_dr7 == DR7_RESET)
		return;
	x->host_dr[0] = read_dr0();
	x->host_dr[1] = read_dr1();
	x->host_dr[2] = read_dr2();
	x->host_dr[3] = read_dr3();
	/* Off: the guest's addresses must not become breakpoints in the host. */
	write_dr7(DR7_RESET);
	if (debug_dr7(&x->v) & 0xff)
		load_breakpoints(&x->v);
}

static RARE void switch_out(struct vmx_vcpu *x)
{
	x->switched = false;
	x->simple_exits = VMX_SIMPLE_EXITS;
	if (switches_xcr0(x))
		xsetbv(0, x->host_xcr0);
	if (switches_xss(x))
		wrmsr(MSR_XSS, x->host_xss);
	if (x->host_debugctl)
		wrmsr(MSR_DEBUGCTL, x->host_debugctl);
	if (x->host_dr7 == DR7_RESET)
		return;
	write_dr0(x->host_dr[0]);
	write_dr1(x->host_dr[1]);
	write_dr2(x->host_dr[2]);
	write_dr3(x->host_dr[3]);
	write_dr7(x->host_dr7);
	x->before.debug = !!(debug_dr7(&x->v) & 0xff);
}

/* -- After ------------------------------------------------------------------------ */

static RARE void entry_failed(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;
	u64 number = 0;

	insn_vmread_checked(VMCS_INSN_ERROR.encoding, &number);
	x->insn_error = number;
	vmx_load_regs(v, REG_RIP);
	v->exit = (struct exit_info){ .reason = EXIT_VMFAIL, .rip = v->rip, .qual = number };
}

/* A machine check that hit while the guest ran is the host's. */
static void pass_machine_check(void)
{
	if (read_cr4() & CR4_MCE)
		raise_machine_check();
}

#define INTR_TYPE_AND_VECTOR	(BITS(10, 8) | BITS(7, 0))

static void exception_exit(struct vmx_vcpu *x)
{
	x->intr_info = vmcs_read(VMCS_EXIT_INTR_INFO);
	/* Exits by NMI leave NMIs blocked until the host's handler has run. */
	if ((x->intr_info & BITS(10, 8)) == 2 << 8)
		host_nmi();
	else if ((x->intr_info & INTR_TYPE_AND_VECTOR) == (3 << 8 | VEC_MC))
		pass_machine_check();
}

static RARE void rare_exit(struct vmx_vcpu *x, u32 raw)
{
	struct vcpu *v = &x->v;
	u32 reason = raw & 0xffff;
	bool has_qual = reason < 64 ? REASON_QUAL_MASK0 >> reason & 1 :
			reason < 128 && (REASON_QUAL_MASK1 >> (reason - 64) & 1);

	if (x->switched)
		switch_out(x);
	x->raw_reason = raw;
	if (UNLIKELY(reason >= EXIT_NO_MODE))
		reason = EXIT_NO_MODE - 1;
	v->exit.reason = reason;
	if (has_qual)
		v->exit.qual = vmcs_read(VMCS_EXIT_QUALIFICATION);
	if (raw & BIT(31)) {	/* no guest ran, what was to be injected still is */
		if (reason == REASON_ENTRY_MACHINE_CHECK)
			pass_machine_check();
		return;
	}
	v->injected.type = EVENT_NONE;
	if (reason == REASON_EXCEPTION_NMI)
		exception_exit(x);
	if (reason < 64 && (DELIVERY_EXITS >> reason & 1))
		vmx_recover_event(x);
}

/* The symbol is in this file's text, so no relocation gives its address away. */
void vmx_write_host_rip(void)
{
	u64 rip;

	vmx_exit_address(&rip);
	vmcs_write(VMCS_HOST_RIP, rip);
}

__attribute__((__noinline__, __noclone__))
void vmx_enter(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	u32 reason;

	if (UNLIKELY(x->before.any) && !prepare(x))
		return;
	write_regs(v);
	write_host_crs(x);
	if (UNLIKELY(needs_switch(x)))
		switch_in(x);

	if (UNLIKELY(!vmx_run_guest(x))) {
		if (x->switched)
			switch_out(x);
		entry_failed(x);
		return;
	}

	x->vmcs.launched = 1;
	reason = vmcs_read(VMCS_EXIT_REASON);
	v->rip = vmcs_read(VMCS_GUEST_RIP);
	v->reg_valid = REG_RIP;
	v->exit.reason = reason;
	v->exit.qual = 0;
	v->exit.rip = v->rip;
	v->exit.insn_len = v->exit.flags = 0;
	if (LIKELY(reason < 64 && (x->simple_exits >> reason & 1)))
		v->injected.type = EVENT_NONE;
	else
		rare_exit(x, reason);
}
