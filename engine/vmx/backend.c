/* SPDX-License-Identifier: MIT */
/* The table of hooks, discovery, and the dump of a VMCS. */
#include "vmx.h"

#define CPUID_1_ECX_VMX	BIT(5)

static bool is_intel(void)
{
	u32 r[4];

	cpuid(0, 0, r);
	return r[1] == 0x756e6547 && r[3] == 0x49656e69 && r[2] == 0x6c65746e;
}

static int probe(struct backend_caps *caps, const char **why)
{
	u32 r[4];
	int rc;

	cpuid(1, 0, r);
	if (!(r[2] & CPUID_1_ECX_VMX)) {
		if (is_intel())
			*why = "this CPU has no VT-x (CPUID.1:ECX.VMX is 0); if it should, the "
			       "firmware or an outer hypervisor hides it";
		return ERR_NOTSUP;
	}
	rc = vmx_read_caps(&vmx, why);
	if (rc)
		return rc;
	if (read_cr4() & CR4_VMXE) {
		*why = "VT-x is in use (CR4.VMXE is set): stop the other hypervisor's guests "
		       "(KVM, VirtualBox, VMware) or unload its module";
		return ERR_BUSY;
	}
	*caps = (struct backend_caps){
		.unrestricted_guest = vmx_have(VMX_HAVE_UNRESTRICTED),
		.s2_2m = vmx_have(VMX_HAVE_EPT_2M),
		.s2_1g = vmx_have(VMX_HAVE_EPT_1G),
		.s2_accessed_dirty = vmx_have(VMX_HAVE_EPT_AD),
		.tpr_virtual = vmx_have(VMX_HAVE_TPR_SHADOW),
		.nmi_window = vmx_have(VMX_HAVE_VIRTUAL_NMI),
		.xsaves = vmx_have(VMX_HAVE_XSAVES),
		.rdtscp = vmx_have(VMX_HAVE_RDTSCP),
		.invpcid = vmx_have(VMX_HAVE_INVPCID),
		.fast_strings = rdmsr(MSR_MISC_ENABLE) & MISC_ENABLE_FAST_STRINGS,
	};
	return 0;
}

void vmx_dump(struct vcpu *v, void (*fn)(void *arg, const struct vmcs_field *f, u64 val),
	      void *arg)
{
	unsigned i;
	u64 val;

	(void)v;
	for (i = 0; i < vmcs_field_count; i++)
		if (insn_vmread_checked(vmcs_fields[i].encoding, &val))
			fn(arg, &vmcs_fields[i], val);
}

/*
 * SDM3 "VMX Aborts": an exit that can't be completed puts the logical processor into
 * shutdown, with the reason in the VMCS region. Nothing runs there any more, so there
 * is no handler that could look: whoever asks about the vCPU from elsewhere does, and
 * vmcs_free(). Plain memory by the manual: no VMREAD needed.
 */
static void describe_vcpu(const struct vcpu *v,
			  void (*tell)(void *ctx, const char *name, u64 value), void *ctx)
{
	const struct vmcs_region *r = ((const struct vmx_vcpu *)v)->vmcs.region;
	u32 indicator = r ? LOAD(&r->abort) : 0;

	if (!indicator)
		return;
	host_log(LOG_ERROR, "vCPU %u: VMX abort on CPU %d, which is in shutdown: %s", v->id,
		 v->cpu, vmx_abort_text(indicator));
	tell(ctx, "VMX abort indicator", indicator);
}

static void describe(void (*tell)(void *ctx, const char *name, u64 value), void *ctx)
{
	struct vmx_cap_line line;
	unsigned i;

	for (i = 0; (line = vmx_cap_line(i)).name; i++)
		tell(ctx, line.name, line.value);
}

const struct backend vmx_backend = {
	.name = "VT-x",
	.vcpu_size = sizeof(struct vmx_vcpu),
	.s2 = &vmx_s2,
	.probe = probe,
	.cpu_prepare = vmx_cpu_prepare,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.cpus_release = vmx_cpus_free,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,
	.vcpu_reset = vmx_vcpu_reset,
	.set_traps = vmx_set_traps, .trap_of = vmx_trap_of,
	.describe = describe,
	.load_regs = vmx_load_regs,
	.get_seg = vmx_get_seg,
	.set_seg = vmx_set_seg,
	.cpl = vmx_cpl,
	.get_dtables = vmx_get_dtables,
	.set_gdt = vmx_set_gdt,
	.set_idt = vmx_set_idt,
	.sync_crs = vmx_sync_crs,
	.cr3_64 = vmx_cr3_64,
	.set_cr0 = vmx_set_cr0,
	.set_cr3 = vmx_set_cr3,
	.set_cr4 = vmx_set_cr4,
	.set_efer = vmx_set_efer,
	.sync_debug = vmx_sync_debug,
	.set_debug = vmx_set_debug,
	.update_debug = vmx_update_debug,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.set_tsc_offset = vmx_set_tsc_offset,
	.cpuid_changed = vmx_cpuid_changed,
	.enter = vmx_enter,
	.handle_exit = vmx_handle_exit,
	.skip = vmx_skip,
	.irq_open = vmx_irq_open,
	.nmi_open = vmx_nmi_open,
	.inject = vmx_inject,
	.uninject = vmx_uninject,
	.want_irq_window = vmx_want_irq_window,
	.want_nmi_window = vmx_want_nmi_window,
	.get_shadow = vmx_get_shadow,
	.set_shadow = vmx_set_shadow,
	.get_nmi_mask = vmx_get_nmi_mask,
	.set_nmi_mask = vmx_set_nmi_mask,
	.set_tpr_threshold = vmx_set_tpr_threshold,
	.flush_tlb = vmx_flush_tlb,
	.load_root = vmx_load_root,
	.exit_name = vmx_exit_name,
	.describe_vcpu = describe_vcpu,
	.dump = vmx_dump_all,
	.set_field = vmx_set_field,
};
