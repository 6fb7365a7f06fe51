/* SPDX-License-Identifier: MIT */
/* The guest's registers out of a VMCS or a VMCB. */
#include "fault.h"

const char *const explain_seg_names[SEG_COUNT] = {
	"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
};

static bool take(const struct explain_state *s, u32 encoding, u64 *to)
{
	return explain_get(s, encoding, to);
}

static void take_reg(struct guest *g, u32 encoding, u64 *to, u64 have)
{
	if (take(g->s, encoding, to))
		g->have |= have;
}

static void vmx_segment(struct guest *g, unsigned n)
{
	struct x86_seg *seg = &g->seg[n];
	u64 sel = 0, limit = 0, ar = 0;
	bool all = take(g->s, F_GUEST_ES_BASE + 2 * n, &seg->base);

	all &= take(g->s, F_GUEST_ES_LIMIT + 2 * n, &limit);
	all &= take(g->s, F_GUEST_ES_AR + 2 * n, &ar);
	all &= take(g->s, F_GUEST_ES_SELECTOR + 2 * n, &sel);
	seg->limit = (u32)limit;
	seg->ar = (u32)ar;
	seg->sel = (u16)sel;
	if (all)
		g->have |= HAVE_SEG(n);
}

/* EFER isn't in the VMCS of every hypervisor; LMA is a VM-entry control. */
static void vmx_mode(struct guest *g)
{
	u64 entry;

	take_reg(g, F_GUEST_EFER, &g->efer, HAVE_EFER);
	if (take(g->s, F_ENTRY_CTLS, &entry))
		g->ia32e = entry & BIT(9);
	else
		g->ia32e = g->efer & EFER_LMA;
	if (!(g->have & HAVE_EFER))
		g->efer = g->ia32e ? EFER_LMA | EFER_LME | EFER_NXE : 0;
}

static void from_vmcs(struct guest *g)
{
	u64 limit;
	unsigned n;

	take_reg(g, F_GUEST_CR0, &g->cr0, HAVE_CR0);
	take_reg(g, F_GUEST_CR3, &g->cr3, HAVE_CR3);
	take_reg(g, F_GUEST_CR4, &g->cr4, HAVE_CR4);
	take_reg(g, F_GUEST_RIP, &g->rip, HAVE_RIP);
	take_reg(g, F_GUEST_RSP, &g->rsp, HAVE_RSP);
	take_reg(g, F_GUEST_RFLAGS, &g->rflags, HAVE_RFLAGS);
	vmx_mode(g);
	for (n = 0; n < SEG_COUNT; n++)
		vmx_segment(g, n);
	if (take(g->s, F_GUEST_GDTR_BASE, &g->gdt_base) &&
	    take(g->s, F_GUEST_GDTR_LIMIT, &limit)) {
		g->gdt_limit = (u32)limit;
		g->have |= HAVE_GDT;
	}
	if (take(g->s, F_GUEST_IDTR_BASE, &g->idt_base) &&
	    take(g->s, F_GUEST_IDTR_LIMIT, &limit)) {
		g->idt_limit = (u32)limit;
		g->have |= HAVE_IDT;
	}
}

static void svm_segment(struct guest *g, unsigned n, u32 offset)
{
	struct x86_seg *seg = &g->seg[n];
	u64 sel = 0, attrib = 0, limit = 0;
	bool all = explain_get_vmcb(g->s, offset, &sel);

	all &= explain_get_vmcb(g->s, offset + offsetof(struct vmcb_seg, attrib), &attrib);
	all &= explain_get_vmcb(g->s, offset + offsetof(struct vmcb_seg, limit), &limit);
	all &= explain_get_vmcb(g->s, offset + offsetof(struct vmcb_seg, base), &seg->base);
	seg->sel = (u16)sel;
	seg->limit = (u32)limit;
	seg->ar = (u32)((attrib & 0xff) | (attrib & 0xf00) << 4);
	/* No unusable bit here: APM2 has a null data segment as not present. */
	if (!(seg->ar & AR_P) && n != SEG_CS && n != SEG_TR)
		seg->ar |= AR_UNUSABLE;
	if (all)
		g->have |= HAVE_SEG(n);
}

#define VS(member) offsetof(struct vmcb, s.member)

static void from_vmcb(struct guest *g)
{
	static const struct { u16 offset; u16 seg; } segs[] = {
		{ VS(es), SEG_ES }, { VS(cs), SEG_CS }, { VS(ss), SEG_SS }, { VS(ds), SEG_DS },
		{ VS(fs), SEG_FS }, { VS(gs), SEG_GS }, { VS(ldtr), SEG_LDTR }, { VS(tr), SEG_TR },
	};
	static const struct { u16 offset, member; u32 have; } regs[] = {
		{ VS(cr0), offsetof(struct guest, cr0), HAVE_CR0 },
		{ VS(cr3), offsetof(struct guest, cr3), HAVE_CR3 },
		{ VS(cr4), offsetof(struct guest, cr4), HAVE_CR4 },
		{ VS(efer), offsetof(struct guest, efer), HAVE_EFER },
		{ VS(rip), offsetof(struct guest, rip), HAVE_RIP },
		{ VS(rsp), offsetof(struct guest, rsp), HAVE_RSP },
		{ VS(rflags), offsetof(struct guest, rflags), HAVE_RFLAGS },
	};
	u64 limit;
	unsigned i;

	for (i = 0; i < COUNT_OF(regs); i++)
		if (explain_get_vmcb(g->s, regs[i].offset,
				     (u64 *)((char *)g + regs[i].member)))
			g->have |= regs[i].have;
	for (i = 0; i < COUNT_OF(segs); i++)
		svm_segment(g, segs[i].seg, segs[i].offset);
	if (explain_get_vmcb(g->s, VS(gdtr.base), &g->gdt_base) &&
	    explain_get_vmcb(g->s, VS(gdtr.limit), &limit)) {
		g->gdt_limit = (u32)limit;
		g->have |= HAVE_GDT;
	}
	if (explain_get_vmcb(g->s, VS(idtr.base), &g->idt_base) &&
	    explain_get_vmcb(g->s, VS(idtr.limit), &limit)) {
		g->idt_limit = (u32)limit;
		g->have |= HAVE_IDT;
	}
	g->ia32e = (g->efer & EFER_LMA) ||
		   ((g->efer & EFER_LME) && (g->cr0 & CR0_PG));
}

void guest_from_state(const struct explain_state *s, struct guest *g)
{
	u64 cpl;

	*g = (struct guest){ .s = s };
	if (s->vendor == EXPLAIN_VMX)
		from_vmcs(g);
	else
		from_vmcb(g);
	g->real = (g->have & HAVE_CR0) && !(g->cr0 & CR0_PE);
	g->v86 = !g->real && (g->rflags & RFLAGS_VM);
	g->cpl = g->real ? 0 : g->v86 ? 3 : AR_DPL(g->seg[SEG_SS].ar);
	if (s->vendor == EXPLAIN_SVM && explain_get_vmcb(s, VS(cpl), &cpl))
		g->cpl = cpl & 3;
}

bool guest_in_64bit(const struct guest *g)
{
	return g->ia32e && (g->seg[SEG_CS].ar & AR_L);
}
