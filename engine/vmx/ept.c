/* SPDX-License-Identifier: MIT */
/* The second level: EPT's entry format, flushing, and VPIDs. */
#include "vmx.h"

#define EPT_READ	BIT(0)
#define EPT_WRITE	BIT(1)
#define EPT_EXECUTE	BIT(2)
#define EPT_MEMTYPE_WB	(6ull << 3)
#define EPT_IGNORE_PAT	BIT(6)
#define EPT_LARGE	BIT(7)
#define EPT_ACCESSED	BIT(8)
#define EPT_DIRTY	BIT(9)

/*
 * SDM3 "EPT Translation Mechanism". Guest memory is the host's ordinary memory:
 * write-back whatever the guest's PAT says, so that the two never disagree.
 */
const struct s2_format vmx_s2 = {
	.present = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.table = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.leaf = EPT_READ | EPT_EXECUTE | EPT_MEMTYPE_WB | EPT_IGNORE_PAT,
	.writable = EPT_WRITE,
	.large = EPT_LARGE,
	.addr = BITS(51, 12),
	.accessed = EPT_ACCESSED,
	.dirty = EPT_DIRTY,
};

static u64 eptp(struct vcpu *v)
{
	return v->vm->mem.root.v | vmx.ept_pointer;
}

void vmx_load_root(struct vcpu *v)
{
	vmcs_write(VMCS_EPT_POINTER, eptp(v));
	to_vmx(v)->before.flush = 1;
}

void vmx_flush_tlb(struct vcpu *v)
{
	to_vmx(v)->before.flush = 1;
}

/*
 * SDM3 "Operations that Invalidate Cached Mappings": INVEPT takes guest-physical and
 * combined mappings, for all VPIDs; with EPT there are no others. Which also holds for
 * those that an earlier owner of this EPT root or this VPID left on this CPU: a vCPU
 * flushes when it comes to a CPU.
 */
void vmx_flush_now(struct vmx_vcpu *x)
{
	insn_invept(vmx.invept_type, eptp(&x->v));
	if (x->vpid)
		insn_invvpid(vmx.invvpid_type, x->vpid);
}

/* -- VPIDs: 16 bits, 0 is the host's. ------------------------------------------------ */

static u64 vpid_used[1024] = { 1 };

u16 vmx_vpid_alloc(void)
{
	unsigned i;

	for (i = 0; i < COUNT_OF(vpid_used); i++) {
		u64 old = LOAD(&vpid_used[i]);

		while (~old) {
			unsigned bit = __builtin_ctzll(~old);

			if (__atomic_compare_exchange_n(&vpid_used[i], &old, old | BIT(bit),
							false, __ATOMIC_SEQ_CST,
							__ATOMIC_RELAXED))
				return i * 64 + bit;
		}
	}
	return 0;	/* exhausted: entries and exits flush instead */
}

void vmx_vpid_free(u16 vpid)
{
	__atomic_fetch_and(&vpid_used[vpid / 64], ~BIT(vpid % 64), __ATOMIC_SEQ_CST);
}
