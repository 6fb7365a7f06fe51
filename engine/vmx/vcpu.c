/* SPDX-License-Identifier: MIT */
/* The life of a vCPU, and the constant part of its VMCS. */
#include "vmx.h"

#include "../irq/irq.h"
#include "../x86/exits.h"

int vmx_vcpu_create(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	int rc = vmcs_alloc(&x->vmcs);

	if (!rc && vmx_have(VMX_HAVE_MSR_BITMAPS)) {
		x->msr_bitmap = host_page_alloc(false);
		if (x->msr_bitmap)
			vmx_init_msr_bitmap(x->msr_bitmap);
		else
			rc = ERR_NOMEM;
	}
	if (!rc)
		rc = vmx_msr_area_create(x);
	if (rc) {
		vmx_vcpu_destroy(v);
		return rc;
	}
	if (vmx_have(VMX_HAVE_VPID))
		x->vpid = vmx_vpid_alloc();
	x->host_xcr0 = host_xcr0();
	x->before.first = 1;
	x->simple_exits = VMX_SIMPLE_EXITS;
	return 0;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);

	vmcs_free(&x->vmcs);
	if (x->msr_bitmap)
		host_page_free(x->msr_bitmap);
	if (x->msr_area)
		host_page_free(x->msr_area);
	if (x->vpid)
		vmx_vpid_free(x->vpid);
	x->msr_bitmap = NULL;
	x->msr_area = NULL;
	x->vpid = 0;
}

/* CR8 without an exit needs the TPR shadow and a LAPIC of ours. */
static void set_up_tpr(struct vmx_vcpu *x)
{
	if (!vmx_have(VMX_HAVE_TPR_SHADOW) || !x->v.lapic) {
		x->proc |= PROC_CR8_LOAD | PROC_CR8_STORE;
		return;
	}
	x->proc &= ~(u32)(PROC_CR8_LOAD | PROC_CR8_STORE);
	x->proc |= PROC_TPR_SHADOW;
	vmcs_write(VMCS_VIRTUAL_APIC_ADDR, host_phys(lapic_page(x->v.lapic)).v);
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
}

static void set_up_controls(struct vmx_vcpu *x)
{
	x->proc = vmx.control[CTL_PROC];
	x->proc2 = vmx.control[CTL_PROC2];
	x->entry = vmx.control[CTL_ENTRY];
	set_up_tpr(x);
	if (x->msr_bitmap) {
		x->proc |= PROC_MSR_BITMAPS;
		vmcs_write(VMCS_MSR_BITMAP, host_phys(x->msr_bitmap).v);
	}
	if (x->vpid) {
		x->proc2 |= PROC2_VPID;
		vmcs_write(VMCS_VPID, x->vpid);
	}
	if (vmx_have(VMX_HAVE_XSAVES))
		vmcs_write(VMCS_XSS_EXIT_BITMAP, 0);
	vmcs_write(VMCS_PIN_CTLS, vmx.control[CTL_PIN]);
	vmcs_write(VMCS_PROC_CTLS, x->proc);
	vmcs_write(VMCS_PROC_CTLS2, x->proc2);
	vmcs_write(VMCS_EXIT_CTLS, vmx.control[CTL_EXIT]);
	vmcs_write(VMCS_ENTRY_CTLS, x->entry);
	vmcs_write(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_TAKEN);
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_TSC_OFFSET, x->v.tsc_offset);
}

/* Runs at the first vcpu_load(): a VMCS can only be written where it is current. */
void vmx_set_up_vmcs(struct vmx_vcpu *x)
{
	x->set_up = true;
	x->host_cr3 = x->host_cr4 = x->host_rsp = 0;
	set_up_controls(x);
	vmx_msr_area_set_up(x);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmx_write_host_rip();
	vmcs_write(VMCS_HOST_CR3, 0);
	vmcs_write(VMCS_HOST_CR4, 0);
	vmcs_write(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	x->host_fs_base = 0;
	vmx_cpuid_changed(&x->v);
	vmx_load_root(&x->v);
}

/* Controls and CR4 bits that the guest's CPUID decides about. */
void vmx_cpuid_changed(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	u32 proc2 = x->proc2 & ~(u32)(PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES);

	if (vmx_have(VMX_HAVE_RDTSCP) &&
	    (x86_cpuid_has(v, 0x80000001, 0, 3, 27) || x86_cpuid_has(v, 7, 0, 2, 22)))
		proc2 |= PROC2_RDTSCP;
	if (vmx_have(VMX_HAVE_INVPCID) && x86_cpuid_has(v, 7, 0, 1, 10))
		proc2 |= PROC2_INVPCID;
	if (vmx_have(VMX_HAVE_XSAVES) && x86_cpuid_has(v, 0xd, 1, 0, 3))
		proc2 |= PROC2_XSAVES;
	x->proc2 = proc2;
	vmcs_write(VMCS_PROC_CTLS2, proc2);
	vmx_update_owned(v);
}

static const struct x86_seg reset_segs[SEG_COUNT] = {
	[SEG_ES] = { 0, 0xffff, 0x93, 0 },
	[SEG_CS] = { 0xffff0000, 0xffff, 0x9b, 0xf000 },
	[SEG_SS] = { 0, 0xffff, 0x93, 0 },
	[SEG_DS] = { 0, 0xffff, 0x93, 0 },
	[SEG_FS] = { 0, 0xffff, 0x93, 0 },
	[SEG_GS] = { 0, 0xffff, 0x93, 0 },
	[SEG_LDTR] = { 0, 0xffff, 0x82, 0 },
	[SEG_TR] = { 0, 0xffff, 0x8b, 0 },
};

static void reset_msrs(struct vmx_vcpu *x)
{
	static const u32 in_vmcs[] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
				       MSR_DEBUGCTL };
	struct vcpu *v = &x->v;
	unsigned i;

	for (i = 0; i < COUNT_OF(in_vmcs); i++)
		vmx_set_msr(v, in_vmcs[i], 0);
	vmx_set_msr(v, MSR_KERNEL_GS_BASE, v->kernel_gs_base);
	vmx_set_msr(v, MSR_PAT, v->pat);
	x->before.msrs = 1;
}

/* SDM3 "Processor State After Reset": the part that lives in the VMCS. */
void vmx_vcpu_reset(struct vcpu *v, bool init)
{
	static const struct x86_dtable table = { 0, 0xffff };
	struct vmx_vcpu *x = to_vmx(v);
	enum seg s;

	for (s = 0; s < SEG_COUNT; s++)
		vmx_set_seg(v, s, &reset_segs[s]);
	vmx_set_gdt(v, &table);
	vmx_set_idt(v, &table);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	x->soft_nmi_mask = false;
	vmx_uninject(v);
	vmx_want_irq_window(v, false);
	vmx_want_nmi_window(v, false);
	vmx_set_tpr_threshold(v, 0);
	if (init)
		return;
	reset_msrs(x);
}
