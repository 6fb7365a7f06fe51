/* SPDX-License-Identifier: MIT */
/* A vCPU comes to a CPU and leaves it: the host state that a guest displaces. */
#include "vmx.h"

/* What differs from CPU to CPU and is constant on each. */
static void write_cpu_state(struct vmx_vcpu *x, const struct vmx_cpu *c)
{
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CS_SELECTOR, c->cs & ~7u);
	vmcs_write(VMCS_HOST_SS_SELECTOR, c->ss & ~7u);
	vmcs_write(VMCS_HOST_TR_SELECTOR, c->tr & ~7u);
	vmcs_write(VMCS_HOST_TR_BASE, c->tr_base);
	vmcs_write(VMCS_HOST_GDTR_BASE, c->gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, c->idt.base);
	vmcs_write(VMCS_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_SYSENTER_CS, c->sysenter_cs);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, c->sysenter_esp);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, c->sysenter_eip);
	if (vmx_have(VMX_HAVE_PAT))
		vmcs_write(VMCS_HOST_PAT, c->pat);
	if (vmx_have(VMX_HAVE_EFER))
		vmcs_write(VMCS_HOST_EFER, c->efer);
	vmx_msr_area_host(x, c);
	x->host_xss = c->xss;
}

/*
 * DS, ES, FS, GS and LDTR are null in the host's part of the VMCS, which allows no
 * selector with RPL or TI set: what the thread had is put back by vcpu_put(). Only
 * FS's base is needed before.
 */
static void note_thread_state(struct vmx_vcpu *x)
{
	u64 fs_base = read_cr4() & CR4_FSGSBASE ? read_fs_base() : rdmsr(MSR_FS_BASE);

	x->host_ds = read_ds();
	x->host_es = read_es();
	x->host_fs = read_fs();
	x->host_gs = read_gs();
	x->host_ldt = read_ldtr();
	if (x->host_fs_base != fs_base) {
		x->host_fs_base = fs_base;
		vmcs_write(VMCS_HOST_FS_BASE, fs_base);
	}
	x->host_debugctl = rdmsr(MSR_DEBUGCTL);
	vmx_update_switch(x);
}

void vmx_vcpu_load(struct vcpu *v, unsigned cpu)
{
	struct vmx_vcpu *x = to_vmx(v);
	bool moved = vmcs_load(&x->vmcs, cpu);

	STORE(&v->cpu, (s32)cpu);
	x->cpu = vmx_cpus[cpu];
	if (UNLIKELY(!x->set_up))
		vmx_set_up_vmcs(x);
	if (moved) {
		write_cpu_state(x, x->cpu);
		x->before.flush = 1;
	}
	note_thread_state(x);
	x->before.first = 1;
	x->before.debug = !!(debug_dr7(v) & 0xff);
}

/* -- Syscall MSRs: the guest's are in the CPU from the first entry to vcpu_put(). ---- */

/*
 * How the guest's value, the host's and their bit in msrs_live belong together. SYSCALL
 * doesn't use CSTAR on these CPUs (SDM2 "SYSCALL": 64-bit mode only).
 */
#define SWITCHED_MSRS(M, v, c)						\
	M(MSR_STAR, LIVE_STAR, (v)->star, (c)->star)			\
	M(MSR_LSTAR, LIVE_LSTAR, (v)->lstar, (c)->lstar)		\
	M(MSR_SYSCALL_MASK, LIVE_SFMASK, (v)->sfmask, (c)->sfmask)

/* Interrupts off. May be called again when a value has changed. */
void vmx_load_msrs(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;
	const struct vmx_cpu *c = x->cpu;

#define LOAD_MSR(msr, live, guest, host)				\
	if ((guest) != (host) || (x->msrs_live & (live))) {		\
		wrmsr(msr, guest);					\
		x->msrs_live |= (live);					\
	}
	/* A new EFER comes here again: vmx_set_efer(). */
	if (v->efer & EFER_SCE) {
		SWITCHED_MSRS(LOAD_MSR, v, c)
	}
	if (vmx_have(VMX_HAVE_RDTSCP))
		LOAD_MSR(MSR_TSC_AUX, LIVE_TSC_AUX, v->tsc_aux, c->tsc_aux)
#undef LOAD_MSR
	if (!(x->msrs_live & LIVE_KERNEL_GS)) {
		x->host_kernel_gs = rdmsr(MSR_KERNEL_GS_BASE);
		wrmsr(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
		x->msrs_live |= LIVE_KERNEL_GS;
	}
}

static void restore_msrs(struct vmx_vcpu *x, const struct vmx_cpu *c)
{
	u64 gs = rdmsr(MSR_KERNEL_GS_BASE);

	x->v.kernel_gs_base = gs;
	if (gs != x->host_kernel_gs)
		wrmsr(MSR_KERNEL_GS_BASE, x->host_kernel_gs);
#define RESTORE_MSR(msr, live, guest, host)				\
	if (x->msrs_live & (live))					\
		wrmsr(msr, host);
	if (x->msrs_live & ~LIVE_KERNEL_GS) {
		SWITCHED_MSRS(RESTORE_MSR, &x->v, c)
		RESTORE_MSR(MSR_TSC_AUX, LIVE_TSC_AUX, 0, c->tsc_aux)
	}
#undef RESTORE_MSR
	x->msrs_live = 0;
}

static void restore_selectors(struct vmx_vcpu *x)
{
	if (x->host_ldt)
		load_ldtr(x->host_ldt);
	if (x->host_ds)
		load_ds(x->host_ds);
	if (x->host_es)
		load_es(x->host_es);
	if (x->host_fs) {
		load_fs(x->host_fs);
		wrmsr(MSR_FS_BASE, x->host_fs_base);
	}
	if (x->host_gs) {
		load_gs_swapped(x->host_gs);
		wrmsr(MSR_KERNEL_GS_BASE, x->host_kernel_gs);
	}
}

void vmx_vcpu_put(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	const struct vmx_cpu *c = x->cpu;
	u64 flags;

	if (x->before.first)	/* no entry since vcpu_load() */
		return;
	flags = irq_save();
	/* An exit leaves limits of 0xffff: SDM3 "Loading Host Segment and
	 * Descriptor-Table Registers". */
	load_gdt(&c->gdt);
	load_idt(&c->idt);
	restore_msrs(x, c);
	if (UNLIKELY(x->host_ds | x->host_es | x->host_fs | x->host_gs | x->host_ldt))
		restore_selectors(x);
	host_tss_limit_lost();
	x->before.first = 1;
	irq_restore(flags);
}
