/* SPDX-License-Identifier: MIT */
#include "fixture.h"

struct explain_report report;

void set(struct explain_state *s, uint32_t encoding, uint64_t value)
{
	if (!explain_set(s, encoding, value))
		fail_msg("field %#x doesn't take %#llx", encoding, (unsigned long long)value);
}

uint64_t get(const struct explain_state *s, uint32_t encoding)
{
	uint64_t v;

	assert_true(explain_get(s, encoding, &v));
	return v;
}

static void segment(struct explain_state *s, unsigned n, uint16_t sel, uint32_t limit, uint32_t ar)
{
	set(s, F_GUEST_ES_SELECTOR + 2 * n, sel);
	set(s, F_GUEST_ES_LIMIT + 2 * n, limit);
	set(s, F_GUEST_ES_AR + 2 * n, ar);
}

static void data_segments(struct explain_state *s, uint16_t sel, uint32_t limit, uint32_t ar)
{
	static const unsigned which[] = { SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
	unsigned i;

	for (i = 0; i < 5; i++)
		segment(s, which[i], sel, limit, ar);
}

static void controls(struct explain_state *s)
{
	set(s, F_PIN_CTLS, 0x3f);
	set(s, F_PROC_CTLS, 0x80000000 | 0x04006172 | 1 << 28 | 1 << 7 | 1 << 3);
	set(s, F_PROC_CTLS2, 1 << 1 | 1 << 5 | 1 << 7);
	set(s, F_EXIT_CTLS, 0x36dfb | 1 << 9 | 0xf << 18);
	set(s, F_ENTRY_CTLS, 0x11fb | 3 << 14);
	set(s, F_MSR_BITMAP, 0x5000);
	set(s, F_VPID, 1);
	set(s, F_EPT_POINTER, 0x7000 | 3 << 3 | 6);
	set(s, F_LINK_POINTER, ~0ull);
	s->entry_msrs_known = true;
	s->vtpr_known = true;
	s->host_long_mode = TRI_YES;
}

static void host(struct explain_state *s)
{
	set(s, F_HOST_CR0, 0x80050033);
	set(s, F_HOST_CR3, 0x1234000);
	set(s, F_HOST_CR4, 0x3626e0);
	set(s, F_HOST_CS_SELECTOR, 0x10);
	set(s, F_HOST_SS_SELECTOR, 0x18);
	set(s, F_HOST_TR_SELECTOR, 0x40);
	set(s, F_HOST_RIP, 0xffffffff81000000);
	set(s, F_HOST_PAT, 0x0407050600070106);
	set(s, F_HOST_EFER, 0xd01);
}

static void guest_64(struct explain_state *s)
{
	set(s, F_GUEST_CR0, 0x80050033);
	set(s, F_GUEST_CR3, 0x2000);
	set(s, F_GUEST_CR4, 0x26a0);
	set(s, F_GUEST_EFER, 0xd01);
	set(s, F_ENTRY_CTLS, get(s, F_ENTRY_CTLS) | 1 << 9);
	data_segments(s, 0x10, 0xffffffff, 0xc093);
	segment(s, SEG_CS, 8, 0xffffffff, 0xa09b);
	segment(s, SEG_LDTR, 0, 0, 0x10000);
	segment(s, SEG_TR, 0x18, 0x67, 0x8b);
	set(s, F_GUEST_RIP, 0xffffffff81000000);
}

static void guest_real(struct explain_state *s)
{
	set(s, F_GUEST_CR0, 0x30);
	set(s, F_GUEST_CR4, 0x2000);
	data_segments(s, 0, 0xffff, 0x93);
	segment(s, SEG_CS, 0, 0xffff, 0x9b);
	segment(s, SEG_LDTR, 0, 0xffff, 0x82);
	segment(s, SEG_TR, 0, 0xffff, 0x8b);
	set(s, F_GUEST_RIP, 0x7c00);
	set(s, F_GUEST_IDTR_LIMIT, 0x3ff);
}

static void guest_32(struct explain_state *s)
{
	set(s, F_PROC_CTLS2, 1 << 1 | 1 << 5);
	set(s, F_GUEST_CR0, 0x80000031);
	set(s, F_GUEST_CR3, 0x2000);
	set(s, F_GUEST_CR4, 0x2020);
	data_segments(s, 0x10, 0xffffffff, 0xc093);
	segment(s, SEG_CS, 8, 0xffffffff, 0xc09b);
	segment(s, SEG_LDTR, 0x20, 0x67, 0x82);
	segment(s, SEG_TR, 0x18, 0x67, 0x8b);
	set(s, F_GUEST_RIP, 0x100000);
	set(s, F_GUEST_PDPTE0, 0x3001);
}

static void guest_v86(struct explain_state *s)
{
	guest_32(s);
	data_segments(s, 0, 0xffff, 0xf3);
	segment(s, SEG_CS, 0, 0xffff, 0xf3);
	set(s, F_GUEST_RIP, 0x7c00);
	set(s, F_GUEST_RFLAGS, 0x20002);
}

static void capabilities(struct explain_state *s)
{
	s->cap[XCAP_BASIC] = 0x00da040000000012ull;
	s->cap[XCAP_MISC] = 0x200401e0ull | 1 << 30;
	s->cap[XCAP_EPT_VPID] = 0xf0106334141ull;
	s->cap_known = 1u << XCAP_BASIC | 1u << XCAP_MISC | 1u << XCAP_EPT_VPID;
	s->phys_bits = 46;
	s->linear_bits = 48;
}

void base_state(struct explain_state *s, enum mutation_base base)
{
	unsigned i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < vmcs_field_count; i++)
		s->vmcs_known[i] = true;
	set(s, F_GUEST_RFLAGS, 2);
	set(s, F_GUEST_DR7, 0x400);
	set(s, F_GUEST_PAT, 0x0007040600070406);
	set(s, F_GUEST_GDTR_LIMIT, 0x27);
	set(s, F_GUEST_IDTR_LIMIT, 0xfff);
	controls(s);
	host(s);
	capabilities(s);
	if (base == BASE_64)
		guest_64(s);
	else if (base == BASE_REAL)
		guest_real(s);
	else if (base == BASE_32)
		guest_32(s);
	else
		guest_v86(s);
}

void base_vmcb(struct explain_state *s)
{
	struct vmcb *b = &s->vmcb;
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->vendor = EXPLAIN_SVM;
	s->phys_bits = 48;
	for (i = 0; i < vmcb_field_count; i++)
		s->vmcb_known[i] = true;
	b->c.misc1 = INTERCEPT1_IOIO | INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN;
	b->c.misc2 = INTERCEPT2_VMRUN;
	b->c.iopm = 0x10000;
	b->c.msrpm = 0x20000;
	b->c.asid = 1;
	b->c.nested_ctl = NESTED_CTL_NP;
	b->c.nested_cr3 = 0x30000;
	b->s.efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
	b->s.cr0 = 0x80050033;
	b->s.cr3 = 0x2000;
	b->s.cr4 = 0x6a0;
	b->s.dr6 = 0xffff0ff0;
	b->s.dr7 = 0x400;
	b->s.rflags = 2;
	b->s.rip = 0xffffffff81000000;
	b->s.g_pat = 0x0007040600070406;
	b->s.cs = (struct vmcb_seg){ 8, 0x29b, 0xffffffff, 0 };
	b->s.ss = (struct vmcb_seg){ 0x10, 0xc93, 0xffffffff, 0 };
	b->s.ds = b->s.es = b->s.fs = b->s.gs = b->s.ss;
	b->s.tr = (struct vmcb_seg){ 0x18, 0x8b, 0x67, 0 };
	b->s.idtr.limit = 0xfff;
	b->s.gdtr.limit = 0x27;
}

void mutate(struct explain_state *s, const struct mutation *m)
{
	const struct change *c;

	for (c = m->change; c < m->change + CHANGES_MAX && c->op != OP_END; c++) {
		uint64_t v = get(s, c->field);

		set(s, c->field, c->op == OP_SET ? c->value :
		    c->op == OP_OR ? v | c->value : v & ~c->value);
	}
}

void add_memory(struct explain_state *s, uint64_t gpa, const void *bytes, uint32_t size)
{
	assert_true(s->n_memory < EXPLAIN_MEMORY_MAX);
	s->memory[s->n_memory++] = (struct explain_memory){ SPACE_PHYSICAL, gpa, size, bytes };
}

bool finds(const struct explain_report *r, const char *rule)
{
	unsigned i;

	for (i = 0; i < r->n_findings; i++)
		if (!strcmp(r->finding[i].rule->id, rule))
			return true;
	return false;
}

void print_findings(const struct explain_report *r)
{
	unsigned i;

	for (i = 0; i < r->n_findings; i++)
		print_error("  %s: %s\n", r->finding[i].rule->id, r->finding[i].detail);
}
