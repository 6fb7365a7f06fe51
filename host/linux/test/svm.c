/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* SVM by hand: on and off, a valid VMCB, ways to break it, one VMRUN of each. */
#include "test.h"

#include "arch/insn.h"
#include "svm/insn.h"

#define MSR_VM_CR	0xc0010114
#define MSR_VM_HSAVE	0xc0010117
#define VM_CR_SVMDIS	BIT(4)
#define ATTEMPTS	100

enum svm_base { LONG, REAL, PROT, SVM_BASES };

static const char *const base_names[SVM_BASES] = { "64-bit", "real", "32-bit" };

struct svm_mutation {
	const char *rule;
	u8 base;
	struct { u16 offset; u8 op; u64 value; } change[4];
};

#define AT_C(f)		offsetof(struct vmcb, c.f)
#define AT_S(f)		offsetof(struct vmcb, s.f)
#define C_SET(f, v)	{ AT_C(f), OP_SET, v }
#define C_OR(f, v)	{ AT_C(f), OP_OR, v }
#define C_CLR(f, v)	{ AT_C(f), OP_CLEAR, v }
#define S_SET(f, v)	{ AT_S(f), OP_SET, v }
#define S_OR(f, v)	{ AT_S(f), OP_OR, v }
#define S_CLR(f, v)	{ AT_S(f), OP_CLEAR, v }
#define M(rule, base, ...) { rule, base, { __VA_ARGS__ } }
#define BEYOND		BIT(52)
#define EVENT(type, vector) (BIT(31) | (type) << 8 | (vector))

static const struct svm_mutation svm_mutations[] = {
	M("svm.efer.svme", LONG, S_CLR(efer, EFER_SVME)),
	M("svm.efer.svme", REAL, S_CLR(efer, EFER_SVME)),
	M("svm.efer.svme", PROT, S_CLR(efer, EFER_SVME)),
	M("svm.cr0.nw", LONG, S_OR(cr0, CR0_NW)),
	M("svm.cr0.nw", REAL, S_OR(cr0, CR0_NW)),
	M("svm.cr0.high", LONG, S_OR(cr0, BIT(32))),
	M("svm.cr0.high", REAL, S_OR(cr0, BIT(63))),
	M("svm.cr3", LONG, S_OR(cr3, BEYOND)),
	M("svm.cr3", LONG, S_OR(cr3, BIT(63))),
	M("svm.cr3", PROT, S_OR(cr3, BIT(56))),
	M("svm.cr4", LONG, S_OR(cr4, BIT(13))),
	M("svm.cr4", LONG, S_OR(cr4, BIT(31))),
	M("svm.cr4", LONG, S_OR(cr4, BIT(40))),
	M("svm.cr4", REAL, S_OR(cr4, BIT(15))),
	M("svm.cr4.cet", LONG, S_OR(cr4, BIT(23)), S_CLR(cr0, CR0_WP)),
	M("svm.dr6", LONG, S_OR(dr6, BIT(32))),
	M("svm.dr6", REAL, S_OR(dr6, BIT(63))),
	M("svm.dr7", LONG, S_OR(dr7, BIT(32))),
	M("svm.dr7", REAL, S_OR(dr7, BIT(63))),
	M("svm.efer.reserved", LONG, S_OR(efer, BIT(1))),
	M("svm.efer.reserved", LONG, S_OR(efer, BIT(9))),
	M("svm.efer.reserved", LONG, S_OR(efer, BIT(32))),
	M("svm.efer.reserved", REAL, S_OR(efer, BIT(63))),
	M("svm.long.pae", LONG, S_CLR(cr4, CR4_PAE)),
	M("svm.long.pe", LONG, S_CLR(cr0, CR0_PE)),
	M("svm.cs.l-d", LONG, S_OR(cs.attrib, BIT(10))),
	M("svm.vmrun", LONG, C_CLR(misc2, INTERCEPT2_VMRUN)),
	M("svm.vmrun", REAL, C_CLR(misc2, INTERCEPT2_VMRUN)),
	M("svm.iopm", LONG, C_OR(misc1, INTERCEPT1_IOIO), C_SET(iopm, BEYOND)),
	M("svm.iopm", REAL, C_OR(misc1, INTERCEPT1_IOIO), C_SET(iopm, ~0xfffull)),
	M("svm.msrpm", LONG, C_OR(misc1, INTERCEPT1_MSR), C_SET(msrpm, BEYOND)),
	M("svm.msrpm", REAL, C_OR(misc1, INTERCEPT1_MSR), C_SET(msrpm, ~0xfffull)),
	M("svm.asid", LONG, C_SET(asid, 0)),
	M("svm.asid", REAL, C_SET(asid, 0)),
	M("svm.n-cr3", LONG, C_OR(nested_cr3, BEYOND)),
	M("svm.g-pat", LONG, S_SET(g_pat, 0x0007040600070402ull)),
	M("svm.g-pat", LONG, S_SET(g_pat, 0x0807040600070406ull)),
	M("svm.event.type", LONG, C_SET(event_inject, EVENT(1, 0x30))),
	M("svm.event.type", LONG, C_SET(event_inject, EVENT(5, 3))),
	M("svm.event.type", LONG, C_SET(event_inject, EVENT(7, 0))),
	M("svm.event.vector", LONG, C_SET(event_inject, EVENT(3, 2))),
	M("svm.event.vector", LONG, C_SET(event_inject, EVENT(3, 32))),
	M("svm.event.mode", LONG, C_SET(event_inject, EVENT(3, 5))),
	M("svm.event.mode", LONG, C_SET(event_inject, EVENT(3, 4))),
};

const char *svm_on(struct machine *m)
{
	u32 r[4];

	cpuid(0x80000001, 0, r);
	if (!(r[2] & BIT(2)))
		return "this CPU has neither VT-x nor AMD-V";
	cpuid(0x8000000a, 0, r);
	if (!(r[3] & BIT(0)))
		return "this CPU has no nested paging";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "AMD-V is locked off by the firmware";
	if (rdmsr(MSR_EFER) & EFER_SVME)
		return "AMD-V is in use";
	cpuid(0x80000008, 0, r);
	m->caps.vendor = EXPLAIN_SVM;
	m->caps.phys_bits = r[0] & 0xff;
	m->caps.linear_bits = r[0] >> 8 & 0xff;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE, m->pa[PAGE_VMXON]);
	return NULL;
}

void svm_off(void)
{
	wrmsr(MSR_VM_HSAVE, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_SVME);
}

/* -- States ---------------------------------------------------------------------------- */

static struct vmcb_seg seg(u16 selector, u32 limit, u16 attrib)
{
	return (struct vmcb_seg){ .selector = selector, .attrib = attrib, .limit = limit };
}

static void valid_control(const struct machine *m, struct vmcb_control *c)
{
	c->misc1 = INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_SHUTDOWN;
	c->misc2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL;
	c->exceptions = ~0u;
	c->iopm = c->msrpm = m->pa[PAGE_SCRATCH0];
	c->asid = 1;
	c->tlb_control = TLB_FLUSH_ALL;
	c->int_ctl = INT_CTL_V_INTR_MASKING;
	c->nested_ctl = NESTED_CTL_NP;
	c->nested_cr3 = m->pa[PAGE_EPT4];
}

static void valid_save(struct vmcb_save *s, enum svm_base base)
{
	bool real = base == REAL;
	u32 limit = real ? 0xffff : 0xffffffff;

	s->es = s->ss = s->ds = s->fs = s->gs = seg(real ? 0 : 0x10, limit, real ? 0x93 : 0xc93);
	s->cs = seg(real ? 0 : 8, limit, real ? 0x9b : base == LONG ? 0xa9b : 0xc9b);
	s->gdtr.limit = s->idtr.limit = s->ldtr.limit = 0xffff;
	s->ldtr.attrib = 0x82;
	s->tr = seg(0, 0xffff, 0x8b);
	s->efer = EFER_SVME | (base == LONG ? EFER_LME | EFER_LMA | EFER_NXE : 0);
	s->cr0 = CR0_ET | (real ? 0 : CR0_PE) | (base == LONG ? CR0_PG | CR0_WP | CR0_NE : 0);
	s->cr4 = base == LONG ? CR4_PAE : 0;
	s->cr3 = base == LONG ? 0x2000 : 0;
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400;
	s->rflags = RFLAGS_FIXED;
	s->rip = 0x7000;
	s->g_pat = PAT_RESET;
}

static void svm_valid(const struct machine *m, enum svm_base base, struct explain_state *s)
{
	unsigned i;

	*s = m->caps;
	valid_control(m, &s->vmcb.c);
	valid_save(&s->vmcb.s, base);
	for (i = 0; i < vmcb_field_count; i++)
		s->vmcb_known[i] = true;
}

static void svm_mutate(const struct svm_mutation *mut, struct explain_state *s)
{
	unsigned i;
	u64 v;

	for (i = 0; i < COUNT_OF(mut->change) && mut->change[i].op != OP_END; i++) {
		u16 at = mut->change[i].offset;
		u64 by = mut->change[i].value;

		explain_get_vmcb(s, at, &v);
		v = mut->change[i].op == OP_SET ? by : mut->change[i].op == OP_OR ? v | by : v & ~by;
		explain_set_vmcb(s, at, v);
	}
}

/* -- Entries ----------------------------------------------------------------------------- */

static u64 registers[32];

/* What VMRUN ended with: an exit code, of which QEMU writes 32 bits only. */
static u32 run(struct machine *m, const struct explain_state *s)
{
	struct vmcb *vmcb = (struct vmcb *)m->va[PAGE_VMCS];
	u64 flags = irq_save();
	unsigned i;
	u32 code = 0;

	for (i = 0; i < ATTEMPTS; i++) {
		__builtin_memcpy(vmcb, &s->vmcb, sizeof(*vmcb));
		vmsave(m->pa[PAGE_SCRATCH1]);
		svm_switch((struct vcpu *)registers, m->pa[PAGE_VMCS], m->pa[PAGE_SCRATCH1], 0);
		linux_tss_limit_lost();
		code = (u32)vmcb->c.exit_code;
		if (code != EXIT_INTR && code != EXIT_NMI)
			break;
		irq_restore(flags);	/* the host takes it */
		flags = irq_save();
	}
	irq_restore(flags);
	return code;
}

static void svm_memory(struct machine *m, enum svm_base base)
{
	machine_guest_memory(m, base == LONG ? BASE_64 : base == REAL ? BASE_REAL : BASE_32);
	/* VMMCALL */
	m->va[PAGE_GUEST + 7][2] = 0xd9;
}

static void checked(const struct explain_state *s, struct explain_report *r)
{
	__builtin_memset(r, 0, sizeof(*r));
	explain_checks(s, r);
}

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

static bool found(const struct explain_report *r, const char *rule)
{
	unsigned i;

	for (i = 0; i < r->n_findings && !same(r->finding[i].rule->id, rule); i++)
		;
	return i < r->n_findings;
}

static void say_code(u32 code, struct text *out)
{
	if (code == EXIT_INVALID)
		text_add(out, "VMEXIT_INVALID");
	else
		text_add(out, "ran (exit code %#x)", code);
}

/* As TAP, in the words of compare.c. */
void svm_compare_all(struct machine *m, struct explain_state *s, struct explain_report *r,
		     struct text *out)
{
	unsigned i, k, number = 0, agree = 0;
	bool ok;
	u32 code;

	for (i = 0; i < SVM_BASES; i++) {
		svm_memory(m, i);
		svm_valid(m, i, s);
		checked(s, r);
		code = run(m, s);
		ok = !r->n_findings && code == EXIT_VMRUN + 1;
		agree += ok;
		text_add(out, "%sok %u - valid %s state: rules find %u, CPU ", ok ? "" : "not ", ++number,
			 base_names[i], r->n_findings);
		say_code(code, out);
		text_add(out, "\n");
	}
	for (i = 0; i < COUNT_OF(svm_mutations); i++) {
		const struct svm_mutation *mut = &svm_mutations[i];

		svm_memory(m, mut->base);
		svm_valid(m, mut->base, s);
		svm_mutate(mut, s);
		checked(s, r);
		linux_note(mut->rule);
		code = run(m, s);
		ok = found(r, mut->rule) && code == EXIT_INVALID;
		agree += ok;
		text_add(out, "%sok %u - %s (%s): rules VMEXIT_INVALID, CPU ", ok ? "" : "not ", ++number,
			 mut->rule, base_names[mut->base]);
		say_code(code, out);
		text_add(out, ": ");
		for (k = 0; k < COUNT_OF(mut->change) && mut->change[k].op != OP_END; k++)
			text_add(out, "%s%s %s %#llx", k ? ", " : "",
				 vmcb_fields[explain_vmcb_index(mut->change[k].offset)].name,
				 mut->change[k].op == OP_SET ? "=" : mut->change[k].op == OP_OR ?
				 "|=" : "&= ~", ULL(mut->change[k].value));
		text_add(out, "\n");
	}
	text_add(out, "1..%u\n# %u agree, %u differ\n", number, agree, number - agree);
}
