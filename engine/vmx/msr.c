/* SPDX-License-Identifier: MIT */
/* MSRs: which the guest reaches without an exit, and where the values are. */
#include "vmx.h"

#define DEBUGCTL_BTF	BIT(1)

/* SDM3 "VM-Execution Control Fields", MSR-bitmap address: four maps of 1 KiB. */
enum { BITMAP_READ = 0, BITMAP_WRITE = 2048, BITMAP_HIGH = 1024 };

/* SDM3 "VM-Exit Controls for MSRs": 16 bytes an entry. */
struct msr_entry { u32 index, reserved; u64 value; };

/*
 * For CPUs that don't load EFER or PAT from the VMCS: the lists of MSRs that an
 * entry and an exit load.
 */
struct vmx_msr_area {
	struct msr_entry guest[2], host[2];
};

static void pass(u8 *bitmap, unsigned map, u32 msr)
{
	if (msr >= 0xc0000000)
		map += BITMAP_HIGH;
	bitmap[map + (msr & 0x1fff) / 8] &= ~(1u << (msr & 7));
}

void vmx_init_msr_bitmap(u8 *bitmap)
{
	static const u32 both[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	};
	unsigned i;

	__builtin_memset(bitmap, 0xff, PG_SIZE);
	for (i = 0; i < COUNT_OF(both); i++) {
		pass(bitmap, BITMAP_READ, both[i]);
		pass(bitmap, BITMAP_WRITE, both[i]);
	}
	/*
	 * STAR and the like exit: so they need not be in the CPU before SYSCALL is on,
	 * and what is written need not be read back. It happens once a boot.
	 */
	pass(bitmap, BITMAP_READ, MSR_TSC);
}

/* A value that WRMSR or the entry would refuse must not reach them. */
static u64 canonical(u64 address)
{
	return (u64)((int64_t)(address << 16) >> 16);
}

static u64 get_kernel_gs(struct vmx_vcpu *x)
{
	u64 flags = irq_save();

	if (x->msrs_live & LIVE_KERNEL_GS)
		x->v.kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	irq_restore(flags);
	return x->v.kernel_gs_base;
}

static void set_kernel_gs(struct vmx_vcpu *x, u64 val)
{
	u64 flags = irq_save();

	x->v.kernel_gs_base = val;
	if (x->msrs_live & LIVE_KERNEL_GS)
		wrmsr(MSR_KERNEL_GS_BASE, val);
	irq_restore(flags);
}

bool vmx_get_msr(struct vcpu *v, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_FS_BASE: *val = vmcs_read(VMCS_GUEST_FS_BASE); return true;
	case MSR_GS_BASE: *val = vmcs_read(VMCS_GUEST_GS_BASE); return true;
	case MSR_KERNEL_GS_BASE: *val = get_kernel_gs(to_vmx(v)); return true;
	case MSR_SYSENTER_CS: *val = vmcs_read(VMCS_GUEST_SYSENTER_CS); return true;
	case MSR_SYSENTER_ESP: *val = vmcs_read(VMCS_GUEST_SYSENTER_ESP); return true;
	case MSR_SYSENTER_EIP: *val = vmcs_read(VMCS_GUEST_SYSENTER_EIP); return true;
	case MSR_STAR: *val = v->star; return true;
	case MSR_LSTAR: *val = v->lstar; return true;
	case MSR_CSTAR: *val = v->cstar; return true;
	case MSR_SYSCALL_MASK: *val = v->sfmask; return true;
	case MSR_TSC_AUX: *val = v->tsc_aux; return vmx_have(VMX_HAVE_RDTSCP);
	case MSR_PAT: *val = v->pat; return true;
	case MSR_DEBUGCTL: *val = vmcs_read(VMCS_GUEST_DEBUGCTL); return true;
	default: return false;
	}
}

static bool set_syscall_msr(struct vmx_vcpu *x, u64 *where, u64 val)
{
	*where = val;
	x->before.msrs = 1;
	return true;
}

bool vmx_set_msr(struct vcpu *v, u32 msr, u64 val)
{
	struct vmx_vcpu *x = to_vmx(v);

	switch (msr) {
	case MSR_FS_BASE: vmcs_write(VMCS_GUEST_FS_BASE, canonical(val)); return true;
	case MSR_GS_BASE: vmcs_write(VMCS_GUEST_GS_BASE, canonical(val)); return true;
	case MSR_KERNEL_GS_BASE: set_kernel_gs(x, canonical(val)); return true;
	case MSR_SYSENTER_CS: vmcs_write(VMCS_GUEST_SYSENTER_CS, val); return true;
	case MSR_SYSENTER_ESP:
		vmcs_write(VMCS_GUEST_SYSENTER_ESP, canonical(val));
		return true;
	case MSR_SYSENTER_EIP:
		vmcs_write(VMCS_GUEST_SYSENTER_EIP, canonical(val));
		return true;
	case MSR_STAR: return set_syscall_msr(x, &v->star, val);
	case MSR_LSTAR: return set_syscall_msr(x, &v->lstar, canonical(val));
	case MSR_CSTAR: return set_syscall_msr(x, &v->cstar, canonical(val));
	case MSR_SYSCALL_MASK: return set_syscall_msr(x, &v->sfmask, (u32)val);
	case MSR_TSC_AUX:
		if (!vmx_have(VMX_HAVE_RDTSCP))
			return false;
		return set_syscall_msr(x, &v->tsc_aux, (u32)val);
	case MSR_PAT:
		v->pat = val;
		vmx_write_efer_pat(x);
		return true;
	case MSR_DEBUGCTL:
		vmcs_write(VMCS_GUEST_DEBUGCTL, val & DEBUGCTL_BTF);
		return true;
	default:
		return false;
	}
}

void vmx_set_tsc_offset(struct vcpu *v, u64 offset)
{
	v->tsc_offset = offset;
	vmcs_write(VMCS_TSC_OFFSET, offset);
}

/* -- EFER and PAT: in the VMCS or, on older CPUs, in the MSR lists. ----------------- */

int vmx_msr_area_create(struct vmx_vcpu *x)
{
	if (vmx_have(VMX_HAVE_EFER) && vmx_have(VMX_HAVE_PAT))
		return 0;
	x->msr_area = host_page_alloc(false);
	if (!x->msr_area)
		return ERR_NOMEM;
	x->msr_area->guest[0].index = x->msr_area->host[0].index = MSR_EFER;
	x->msr_area->guest[1].index = x->msr_area->host[1].index = MSR_PAT;
	x->msr_area->guest[1].value = PAT_RESET;
	return 0;
}

void vmx_msr_area_set_up(struct vmx_vcpu *x)
{
	bool efer = !vmx_have(VMX_HAVE_EFER), pat = !vmx_have(VMX_HAVE_PAT);
	u64 pa, skip = efer ? 0 : sizeof(struct msr_entry);

	if (!x->msr_area)
		return;
	pa = host_phys(x->msr_area).v;
	vmcs_write(VMCS_ENTRY_MSR_LOAD_ADDR, pa + offsetof(struct vmx_msr_area, guest) + skip);
	vmcs_write(VMCS_EXIT_MSR_LOAD_ADDR, pa + offsetof(struct vmx_msr_area, host) + skip);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, efer + pat);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, efer + pat);
}

void vmx_msr_area_host(struct vmx_vcpu *x, const struct vmx_cpu *c)
{
	if (!x->msr_area)
		return;
	x->msr_area->host[0].value = c->efer;
	x->msr_area->host[1].value = c->pat;
}

void vmx_write_efer_pat(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;
	/* Where CR0.PG is ours and not the guest's, LME must not say IA-32e mode. */
	u64 efer = x->unpaged ? v->efer & ~EFER_LME : v->efer;

	if (x->msr_area) {
		x->msr_area->guest[0].value = efer;
		x->msr_area->guest[1].value = v->pat;
	}
	if (vmx_have(VMX_HAVE_EFER))
		vmcs_write(VMCS_GUEST_EFER, efer);
	if (vmx_have(VMX_HAVE_PAT))
		vmcs_write(VMCS_GUEST_PAT, v->pat);
}
