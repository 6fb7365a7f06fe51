/* SPDX-License-Identifier: MIT */
/* The whole VMCB to look at, and the few fields of it that may be set from outside. */
#include "svm.h"

#define MSRPM_SIZE	0x2000

/* Registers that wait in struct vcpu for the next VMRUN belong to what one wants to see. */
static void write_back(struct vcpu *v)
{
	struct vmcb_save *b = &to_svm(v)->vmcb->s;

	b->rax = v->gpr[GPR_RAX];
	b->cr2 = v->cr2;
	if (v->reg_valid & REG_RIP)
		b->rip = v->rip;
	if (v->reg_dirty & REG_RSP)
		b->rsp = v->gpr[GPR_RSP];
	if (v->reg_dirty & REG_RFLAGS)
		b->rflags = v->rflags;
	vmcb_touch(to_svm(v), CLEAN_CR2);
}

void svm_dump_all(struct vcpu *v, void (*fn)(void *arg, u32 id, u64 val), void *arg)
{
	const u64 *vmcb = (const u64 *)to_svm(v)->vmcb;
	const u64 *msrpm = host_virt(svm_msrpm);
	unsigned i;

	write_back(v);
	for (i = 0; i < sizeof(struct vmcb) / 8; i++)
		fn(arg, 8 * i, vmcb[i]);
	for (i = 0; i < MSRPM_SIZE / 8; i++)
		fn(arg, DUMP_MSR_BITMAP + i, msrpm[i]);
}

static int set_segment_field(struct svm_vcpu *s, u32 id, u64 val)
{
	u8 *seg = (u8 *)s->vmcb + (id & ~(u32)(sizeof(struct vmcb_seg) - 1));
	struct vmcb_seg *out = (struct vmcb_seg *)seg;

	switch (id % sizeof(struct vmcb_seg)) {
	case offsetof(struct vmcb_seg, selector): out->selector = val; break;
	case offsetof(struct vmcb_seg, attrib): out->attrib = val & BITS(11, 0); break;
	case offsetof(struct vmcb_seg, limit): out->limit = val; break;
	case offsetof(struct vmcb_seg, base): out->base = val; break;
	default: return ERR_INVAL;
	}
	vmcb_touch(s, CLEAN_SEG | CLEAN_DT);
	return 0;
}

int svm_set_field(struct vcpu *v, u32 id, u64 val)
{
	struct svm_vcpu *s = to_svm(v);

	switch (id) {
	case offsetof(struct vmcb, s.rip): vcpu_set_rip(v, val); return 0;
	case offsetof(struct vmcb, s.rsp): vcpu_set_rsp(v, val); return 0;
	case offsetof(struct vmcb, s.rflags): vcpu_set_rflags(v, val & 0x3f7fd5); return 0;
	case offsetof(struct vmcb, s.rax): v->gpr[GPR_RAX] = val; return 0;
	case offsetof(struct vmcb, s.cr2): v->cr2 = val; return 0;
	case offsetof(struct vmcb, c.int_state): svm_set_shadow(v, val & 1); return 0;
	case offsetof(struct vmcb, s.sysenter_cs): s->vmcb->s.sysenter_cs = val; return 0;
	case offsetof(struct vmcb, s.sysenter_esp): s->vmcb->s.sysenter_esp = val; return 0;
	case offsetof(struct vmcb, s.sysenter_eip): s->vmcb->s.sysenter_eip = val; return 0;
	}
	if (id >= offsetof(struct vmcb, s.es) &&
	    id < offsetof(struct vmcb, s.tr) + sizeof(struct vmcb_seg))
		return set_segment_field(s, id, val);
	return ERR_PERM;
}
