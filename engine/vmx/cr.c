/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers. Second-level paging frees the VMM from watching CR3
 * and most CR0 and CR4 bits: those the guest owns, so that changing them is no exit.
 * For the others the guest reads the shadow while the CPU runs with what VMX needs.
 */
#include "vmx.h"

#define CR0_CANDIDATES	(CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)

/*
 * Not among them: PAE (PDPTEs), MCE (the host's), OSXSAVE (CPUID shows it), VMXE,
 * PCIDE, LA57, SMEP, SMAP, PKE (set once; the engine checks them).
 */
#define CR4_CANDIDATES	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | \
			 CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE)

#define TR_TYPE_BUSY32	11

static u64 cr0_fixed0(void)
{
	u64 fixed = vmx.msr[CAP_CR0_FIXED0];

	/* SDM3 "Restrictions on VMX Operation". */
	return vmx_have(VMX_HAVE_UNRESTRICTED) ? fixed & ~(CR0_PE | CR0_PG) : fixed;
}

/* Bits that CPUID denies must fault when set: they can't be the guest's. */
void vmx_update_owned(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);

	vmx_sync_crs(v);
	x->cr0_owned = CR0_CANDIDATES;
	x->cr4_owned = CR4_CANDIDATES & ~v->guest_cr4_reserved & vmx.msr[CAP_CR4_FIXED1] &
		       ~vmx_unpaged_cr4(x);
	vmcs_write(VMCS_CR0_MASK, ~x->cr0_owned);
	vmcs_write(VMCS_CR4_MASK, ~x->cr4_owned);
	vmx_set_cr4(v, v->cr4);
}

void vmx_sync_crs(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);

	/* In emulated real mode nothing changes behind our back. */
	if (!vmx_have(VMX_HAVE_UNRESTRICTED) && !(v->cr0 & CR0_PE))
		return;
	v->cr0 = (v->cr0 & ~x->cr0_owned) | (vmcs_read(VMCS_GUEST_CR0) & x->cr0_owned);
	v->cr4 = (v->cr4 & ~x->cr4_owned) | (vmcs_read(VMCS_GUEST_CR4) & x->cr4_owned);
	if (!x->unpaged)
		v->cr3 = vmcs_read(VMCS_GUEST_CR3);
}

u64 vmx_cr3_64(struct vcpu *v)
{
	if (!(v->efer & EFER_LMA) || !(vmcs_read(VMCS_GUEST_CS_AR) & AR_L))
		return NO_CR3;
	return vmcs_read(VMCS_GUEST_CR3);
}

/*
 * SDM3 "Loading Page-Directory-Pointer-Table Entries": with EPT the entry takes the
 * four from the VMCS. A MOV that the guest makes itself loads them by itself. One
 * with a reserved bit would fail the entry: taken as not present.
 */
static void load_pdptes(struct vcpu *v)
{
	u64 reserved = BITS(2, 1) | BITS(8, 5) | BITS(63, 52), pdpte[4] = { 0 };
	unsigned i;

	if (!(v->cr0 & CR0_PG) || !(v->cr4 & CR4_PAE) || (v->efer & EFER_LMA))
		return;
	if (mem_read(v->vm, gphys(v->cr3 & BITS(31, 5)), pdpte, sizeof(pdpte)))
		host_log(LOG_WARN, "page-directory-pointer table at %llx is not in memory",
			 (unsigned long long)v->cr3);
	for (i = 0; i < 4; i++) {
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			pdpte[i] = 0;
		vmcs_write(((struct vmcs_64){ VMCS_GUEST_PDPTE0.encoding + 2 * i }), pdpte[i]);
	}
}

void vmx_set_cr0(struct vcpu *v, u64 cr0)
{
	struct vmx_vcpu *x = to_vmx(v);

	if (!vmx_have(VMX_HAVE_UNRESTRICTED))
		vmx_follow_mode(x, cr0);
	v->cr0 = cr0;
	/* CD and NW stay the host's affair: memory types come from EPT. */
	vmcs_write(VMCS_GUEST_CR0, ((cr0 & ~(CR0_CD | CR0_NW)) | cr0_fixed0()) &
				   vmx.msr[CAP_CR0_FIXED1]);
	vmcs_write(VMCS_CR0_SHADOW, cr0);
	load_pdptes(v);
}

void vmx_set_cr3(struct vcpu *v, u64 cr3)
{
	v->cr3 = cr3;
	vmcs_write(VMCS_GUEST_CR3, to_vmx(v)->unpaged ? v->vm->mem.own_gpa : cr3);
	load_pdptes(v);
}

void vmx_set_cr4(struct vcpu *v, u64 cr4)
{
	u64 ours = vmx_unpaged_cr4(to_vmx(v));

	v->cr4 = cr4;
	/* Without MCE a machine check under the guest would shut the host down. */
	vmcs_write(VMCS_GUEST_CR4, ((cr4 & ~ours) | (ours & CR4_PSE) |
				    vmx.msr[CAP_CR4_FIXED0] | (read_cr4() & CR4_MCE)) &
				   vmx.msr[CAP_CR4_FIXED1]);
	vmcs_write(VMCS_CR4_SHADOW, cr4);
	load_pdptes(v);
}

/* In IA-32e mode a TSS is a 64-bit one, of type 11: SDM3 "Checks on Guest Segment
 * Registers". The guest comes there with whatever it had and loads TR afterwards. */
static void fix_tr_type(void)
{
	u32 ar = vmcs_read(VMCS_GUEST_TR_AR);

	if ((ar & AR_TYPE) != TR_TYPE_BUSY32)
		vmcs_write(VMCS_GUEST_TR_AR, (ar & ~(u32)AR_TYPE) | TR_TYPE_BUSY32);
}

void vmx_set_efer(struct vcpu *v, u64 efer)
{
	struct vmx_vcpu *x = to_vmx(v);
	u32 entry = x->entry & ~(u32)ENTRY_IA32E;

	v->efer = efer;
	x->before.msrs = 1;	/* with SCE, those of SYSCALL are needed */
	if (efer & EFER_LMA) {
		entry |= ENTRY_IA32E;
		fix_tr_type();
	}
	if (entry != x->entry) {
		x->entry = entry;
		vmcs_write(VMCS_ENTRY_CTLS, entry);
		load_pdptes(v);
	}
	vmx_write_efer_pat(x);
}

/* MOV DR and #DB always exit, so only a #DB's delivery changes anything: see exit.c. */
void vmx_sync_debug(struct vcpu *v)
{
	(void)v;
}

void vmx_set_debug(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	u64 dr7 = debug_dr7(v);

	vmcs_write(VMCS_GUEST_DR7, dr7 | BIT(10));
	x->before.debug = !!(dr7 & 0xff);
}

#define PENDING_DEBUG_BS	BIT(14)

static void drop_pending_step(void)
{
	u64 pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);

	if (pending & PENDING_DEBUG_BS)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, pending & ~PENDING_DEBUG_BS);
}

void vmx_step_not_begun(struct vcpu *v)
{
	if (!vmx_get_shadow(v))
		drop_pending_step();
}

void vmx_update_debug(struct vcpu *v)
{
	if (!(vcpu_rflags(v) & RFLAGS_TF))
		drop_pending_step();
	vmx_update_exceptions(v);
	vmx_set_debug(v);
}
