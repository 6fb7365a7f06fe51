/* SPDX-License-Identifier: MIT */
/* The whole VMCS to look at, and the few fields of it that may be set from outside. */
#include "vmx.h"

#include "../core/regs.h"

struct dump {
	void (*fn)(void *arg, u32 id, u64 val);
	void *arg;
};

static void tell(void *arg, const struct vmcs_field *f, u64 val)
{
	struct dump *d = arg;

	d->fn(d->arg, f->encoding, val);
}

/* Registers that wait in struct vcpu for the next entry belong to what one wants to see. */
static void write_back(struct vcpu *v)
{
	if (v->reg_dirty & REG_RIP)
		vmcs_write(VMCS_GUEST_RIP, v->rip);
	if (v->reg_dirty & REG_RSP)
		vmcs_write(VMCS_GUEST_RSP, v->gpr[GPR_RSP]);
	if (v->reg_dirty & REG_RFLAGS)
		vmcs_write(VMCS_GUEST_RFLAGS, v->rflags);
}

void vmx_dump_all(struct vcpu *v, void (*fn)(void *arg, u32 id, u64 val), void *arg)
{
	struct vmx_vcpu *x = to_vmx(v);
	struct dump d = { fn, arg };
	const u64 *bitmap = (const u64 *)x->msr_bitmap;
	unsigned i;

	write_back(v);
	vmx_dump(v, tell, &d);
	for (i = 0; bitmap && i < PG_SIZE / 8; i++)
		fn(arg, DUMP_MSR_BITMAP + i, bitmap[i]);
}

#define INTERRUPTIBILITY_SET	(BIT(0) | BIT(1) | BIT(3))
#define PENDING_DEBUG_SET	(BITS(3, 0) | BIT(12) | BIT(14))

static bool in_range(u32 id, u32 first, u32 last)
{
	return id >= first && id <= last && !(id & 1);
}

/* Selector, base, limit, access rights: the entry checks judge them, nobody else uses them. */
static int set_segment_field(u32 id, u64 val)
{
	if (in_range(id, VMCS_GUEST_ES_SELECTOR.encoding, VMCS_GUEST_TR_SELECTOR.encoding)) {
		vmcs_put(id, val & 0xffff);
		return 0;
	}
	if (in_range(id, VMCS_GUEST_ES_LIMIT.encoding, VMCS_GUEST_IDTR_LIMIT.encoding)) {
		vmcs_put(id, (u32)val);
		return 0;
	}
	if (in_range(id, VMCS_GUEST_ES_AR.encoding, VMCS_GUEST_TR_AR.encoding)) {
		enum seg s = (id - VMCS_GUEST_ES_AR.encoding) / 2;
		u16 sel = insn_vmread(VMCS_GUEST_ES_SELECTOR.encoding + 2 * s);

		vmcs_put(id, vmx_ar_to_vmcs((u32)val, sel, s));
		return 0;
	}
	if (in_range(id, VMCS_GUEST_ES_BASE.encoding, VMCS_GUEST_IDTR_BASE.encoding)) {
		vmcs_put(id, val);
		return 0;
	}
	return ERR_PERM;
}

int vmx_set_field(struct vcpu *v, u32 id, u64 val)
{
	if (id == VMCS_GUEST_RIP.encoding)
		vcpu_set_rip(v, val);
	else if (id == VMCS_GUEST_RSP.encoding)
		vcpu_set_rsp(v, val);
	else if (id == VMCS_GUEST_RFLAGS.encoding)
		vcpu_set_rflags(v, val & 0x3f7fd5);
	else if (id == VMCS_GUEST_INTERRUPTIBILITY.encoding)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, (u32)val & INTERRUPTIBILITY_SET);
	else if (id == VMCS_GUEST_PENDING_DEBUG.encoding)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, val & PENDING_DEBUG_SET);
	else if (id == VMCS_GUEST_SYSENTER_CS.encoding)
		vmcs_write(VMCS_GUEST_SYSENTER_CS, (u32)val);
	else if (id == VMCS_GUEST_SYSENTER_ESP.encoding)
		vmcs_write(VMCS_GUEST_SYSENTER_ESP, val);
	else if (id == VMCS_GUEST_SYSENTER_EIP.encoding)
		vmcs_write(VMCS_GUEST_SYSENTER_EIP, val);
	else
		return set_segment_field(id, val);
	return 0;
}
