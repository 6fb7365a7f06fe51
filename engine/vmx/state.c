/* SPDX-License-Identifier: MIT */
/* Guest registers and segments in the VMCS. */
#include "vmx.h"

/* SDM3 "Guest Register State", "Format of Access Rights": all others are reserved. */
#define AR_DEFINED	(BITS(16, 12) | BITS(7, 0))
#define AR_ACCESSED	BIT(0)

void vmx_load_regs(struct vcpu *v, u32 mask)
{
	mask &= ~v->reg_valid;
	if (mask & REG_RIP)
		v->rip = vmcs_read(VMCS_GUEST_RIP);
	if (mask & REG_RSP)
		v->gpr[GPR_RSP] = vmcs_read(VMCS_GUEST_RSP);
	if (mask & REG_RFLAGS)
		v->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	v->reg_valid |= mask;
}

/* The eight segments' fields lie two apart: SDM3 "Field Encoding in VMCS". */
static struct vmcs_16 field_sel(enum seg s)
{
	return (struct vmcs_16){ VMCS_GUEST_ES_SELECTOR.encoding + 2 * s };
}

static struct vmcs_32 field_limit(enum seg s)
{
	return (struct vmcs_32){ VMCS_GUEST_ES_LIMIT.encoding + 2 * s };
}

static struct vmcs_32 field_ar(enum seg s)
{
	return (struct vmcs_32){ VMCS_GUEST_ES_AR.encoding + 2 * s };
}

static struct vmcs_nat field_base(enum seg s)
{
	return (struct vmcs_nat){ VMCS_GUEST_ES_BASE.encoding + 2 * s };
}

/*
 * What comes from user space may be anything; these are the forms in which a null
 * or absent segment passes SDM3 "Checks on Guest Segment Registers". CS and TR
 * can't be unusable, TR must be busy, and code and data segments accessed.
 */
u32 vmx_ar_to_vmcs(u32 ar, u16 sel, enum seg s)
{
	ar &= AR_DEFINED;
	if (s == SEG_CS)
		return (ar & ~(u32)AR_UNUSABLE) | AR_ACCESSED;
	if (s == SEG_TR)
		return (ar & ~(u32)AR_UNUSABLE) | 2;
	if (!(ar & AR_P) || (s == SEG_LDTR && !(sel & ~3u) && !(ar & AR_TYPE)))
		return ar | AR_UNUSABLE;
	return s == SEG_LDTR ? ar : ar | AR_ACCESSED;
}

void vmx_get_seg(struct vcpu *v, enum seg s, struct x86_seg *out)
{
	(void)v;
	out->base = vmcs_read(field_base(s));
	out->limit = vmcs_read(field_limit(s));
	out->ar = vmcs_read(field_ar(s));
	out->sel = vmcs_read(field_sel(s));
}

void vmx_set_seg(struct vcpu *v, enum seg s, const struct x86_seg *in)
{
	if (!vmx_have(VMX_HAVE_UNRESTRICTED))
		to_vmx(v)->before.mode = 1;
	vmcs_write(field_base(s), in->base);
	vmcs_write(field_limit(s), in->limit);
	vmcs_write(field_ar(s), vmx_ar_to_vmcs(in->ar, in->sel, s));
	vmcs_write(field_sel(s), in->sel);
}

/* SDM3 "Guest Register State": the CPL is SS.DPL, in real and virtual-8086 mode too. */
unsigned vmx_cpl(struct vcpu *v)
{
	(void)v;
	return AR_DPL(vmcs_read(VMCS_GUEST_SS_AR));
}

void vmx_get_dtables(struct vcpu *v, struct x86_dtable *gdt, struct x86_dtable *idt)
{
	(void)v;
	gdt->base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	gdt->limit = vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	idt->base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	idt->limit = vmcs_read(VMCS_GUEST_IDTR_LIMIT);
}

void vmx_set_gdt(struct vcpu *v, const struct x86_dtable *gdt)
{
	(void)v;
	vmcs_write(VMCS_GUEST_GDTR_BASE, gdt->base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, gdt->limit);
}

void vmx_set_idt(struct vcpu *v, const struct x86_dtable *idt)
{
	(void)v;
	vmcs_write(VMCS_GUEST_IDTR_BASE, idt->base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, idt->limit);
}
