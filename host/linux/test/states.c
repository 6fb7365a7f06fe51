/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Valid states for this CPU and this host, and mutations of them. */
#include "test.h"

#include "arch/insn.h"
#include "explain/bits.h"

static void set(struct explain_state *s, u32 encoding, u64 value)
{
	explain_set(s, encoding, value);
}

static u64 adjusted(const struct explain_state *s, unsigned plain, unsigned true_cap, u64 wanted)
{
	u64 cap = s->cap[true_cap] ? s->cap[true_cap] : s->cap[plain];

	return (wanted | (u32)cap) & cap >> 32;
}

static void controls(const struct machine *m, struct explain_state *s, enum mutation_base base)
{
	bool unrestricted = base == BASE_64 || base == BASE_REAL;
	u64 proc2 = BIT(1) | (unrestricted ? BIT(7) : 0);

	set(s, F_PIN_CTLS, adjusted(s, XCAP_PIN, XCAP_TRUE_PIN, BIT(0) | BIT(3) | BIT(5)));
	set(s, F_PROC_CTLS, adjusted(s, XCAP_PROC, XCAP_TRUE_PROC, BIT(7) | BIT(31)));
	set(s, F_PROC_CTLS2, proc2 & s->cap[XCAP_PROC2] >> 32);
	set(s, F_EXIT_CTLS, adjusted(s, XCAP_EXIT, XCAP_TRUE_EXIT,
				     BIT(9) | BIT(18) | BIT(19) | BIT(20) | BIT(21)));
	set(s, F_ENTRY_CTLS, adjusted(s, XCAP_ENTRY, XCAP_TRUE_ENTRY, BIT(2) | BIT(14) | BIT(15) |
				      (base == BASE_64 ? BIT(9) : 0)));
	set(s, F_EPT_POINTER, m->pa[PAGE_EPT4] | 3 << 3 | 6);
	set(s, F_MSR_BITMAP, m->pa[PAGE_MSR_BITMAP]);
	set(s, F_LINK_POINTER, ~0ull);
}

static u64 tr_base(const struct table_reg *gdt, u16 tr)
{
	const u64 *d = (const u64 *)(uintptr_t)(gdt->base + (tr & ~7u));

	return FIELD(d[0], 39, 16) | FIELD(d[0], 63, 56) << 24 | FIELD(d[1], 31, 0) << 32;
}

static void host(struct explain_state *s)
{
	struct table_reg gdt, idt;

	store_gdt(&gdt);
	store_idt(&idt);
	set(s, F_HOST_CR0, read_cr0());
	set(s, F_HOST_CR3, read_cr3());
	set(s, F_HOST_CR4, read_cr4());
	set(s, F_HOST_CS_SELECTOR, read_cs() & ~7u);
	set(s, F_HOST_SS_SELECTOR, read_ss() & ~7u);
	set(s, F_HOST_TR_SELECTOR, read_tr() & ~7u);
	set(s, F_HOST_TR_BASE, tr_base(&gdt, read_tr()));
	set(s, F_HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	set(s, F_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	set(s, F_HOST_GDTR_BASE, gdt.base);
	set(s, F_HOST_IDTR_BASE, idt.base);
	set(s, F_HOST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	set(s, F_HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	set(s, F_HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	set(s, F_HOST_PAT, rdmsr(MSR_PAT));
	set(s, F_HOST_EFER, rdmsr(MSR_EFER));
	set(s, F_HOST_RIP, 1);	/* machine.c puts the address */
}

static void segment(struct explain_state *s, unsigned n, u16 sel, u32 limit, u32 ar)
{
	set(s, F_GUEST_ES_SELECTOR + 2 * n, sel);
	set(s, F_GUEST_ES_LIMIT + 2 * n, limit);
	set(s, F_GUEST_ES_AR + 2 * n, ar);
}

static void data_segments(struct explain_state *s, u16 sel, u32 limit, u32 ar)
{
	static const u8 which[] = { SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
	unsigned i;

	for (i = 0; i < COUNT_OF(which); i++)
		segment(s, which[i], sel, limit, ar);
}

static void guest_flat(struct explain_state *s, enum mutation_base base)
{
	bool wide = base == BASE_64;

	data_segments(s, 0x10, 0xffffffff, 0xc093);
	segment(s, SEG_CS, 8, 0xffffffff, wide ? 0xa09b : 0xc09b);
	segment(s, SEG_TR, 0x18, 0x67, 0x8b);
	set(s, F_GUEST_CR4, CR4_VMXE | CR4_PAE);
	if (wide) {
		set(s, F_GUEST_CR0, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE);
		set(s, F_GUEST_CR3, 0x2000);
		set(s, F_GUEST_EFER, EFER_LMA | EFER_LME | EFER_NXE);
		segment(s, SEG_LDTR, 0, 0, 0x10000);
	} else {
		set(s, F_GUEST_CR0, CR0_PG | CR0_NE | CR0_ET | CR0_PE);
		set(s, F_GUEST_CR3, 0x3000);
		set(s, F_GUEST_PDPTE0, 0x4001);
		segment(s, SEG_LDTR, 0x20, 0x67, 0x82);
	}
	set(s, F_GUEST_RIP, 0x7000);
}

static void guest_16(struct explain_state *s, enum mutation_base base)
{
	bool v86 = base == BASE_V86;

	if (v86) {
		guest_flat(s, base);
		set(s, F_GUEST_RFLAGS, RFLAGS_VM | RFLAGS_FIXED);
	} else {
		set(s, F_GUEST_CR0, CR0_NE | CR0_ET);
		set(s, F_GUEST_CR4, CR4_VMXE);
		segment(s, SEG_LDTR, 0, 0xffff, 0x82);
		segment(s, SEG_TR, 0, 0xffff, 0x8b);
	}
	data_segments(s, 0, 0xffff, v86 ? 0xf3 : 0x93);
	segment(s, SEG_CS, 0, 0xffff, v86 ? 0xf3 : 0x9b);
	set(s, F_GUEST_RIP, 0x7000);
}

void state_valid(const struct machine *m, enum mutation_base base, struct explain_state *s)
{
	unsigned i;

	*s = m->caps;
	for (i = 0; i < vmcs_field_count; i++)
		s->vmcs_known[i] = true;
	set(s, F_GUEST_RFLAGS, RFLAGS_FIXED);
	set(s, F_GUEST_DR7, 0x400);
	set(s, F_GUEST_PAT, PAT_RESET);
	controls(m, s, base);
	host(s);
	if (base == BASE_64 || base == BASE_32)
		guest_flat(s, base);
	else
		guest_16(s, base);
}

/* The table's good addresses are 0x10000 and 0x11000: here pages of our own. */
static u64 relocate(const struct machine *m, u32 field, u64 v)
{
	bool physical = VMCS_ENCODING_WIDTH(field) == VMCS_WIDTH_64 &&
			VMCS_ENCODING_AREA(field) == VMCS_AREA_CONTROL;

	if (!physical || v >> 13 != 0x10000 >> 13)
		return v;
	return m->pa[v & 0x1000 ? PAGE_SCRATCH1 : PAGE_SCRATCH0] | (v & PG_OFFSET_MASK);
}

/*
 * "Other event" on a CPU without monitor trap flag is a reserved type. Bochs doesn't see
 * that and ends itself ("unsupported event injection type 7"), so it isn't tried there.
 */
static bool ends_bochs(const struct explain_state *s, const struct change *c)
{
	return c->field == F_ENTRY_INTR_INFO && INTR_TYPE(c->value) == INTR_OTHER &&
	       !(s->cap[XCAP_PROC] & BIT(32 + 27));
}

bool state_mutate(const struct machine *m, const struct mutation *mut, struct explain_state *s)
{
	const struct change *c;

	for (c = mut->change; c < mut->change + CHANGES_MAX && c->op != OP_END; c++) {
		u64 v;

		if (!explain_get(s, c->field, &v) || ends_bochs(s, c))
			return false;
		v = c->op == OP_SET ? relocate(m, c->field, c->value) :
		    c->op == OP_OR ? v | c->value : v & ~c->value;
		if (!explain_set(s, c->field, v))
			return false;
	}
	return true;
}
