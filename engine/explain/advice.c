/* SPDX-License-Identifier: MIT */
/* What to set so that the guest runs, and what looks odd but is legal. */
#include "first.h"

#define REAL_LIMIT	0xffff
#define REAL_IDT_LIMIT	0x3ff
#define REAL_CODE_AR	0x9b

static void add(struct explain_report *r, const char *field, u64 value, bool root, const char *why)
{
	struct explain_advice *a;
	struct text t;

	if (r->n_advice == EXPLAIN_ADVICE_MAX)
		return;
	a = &r->advice[r->n_advice++];
	*a = (struct explain_advice){ .field = field, .value = value, .root = root };
	t = TEXT(a->why);
	text_add(&t, "%s", why);
}

static const char *const limit_fields[2][SEG_COUNT] = {
	{ "GUEST_ES_LIMIT", "GUEST_CS_LIMIT", "GUEST_SS_LIMIT", "GUEST_DS_LIMIT",
	  "GUEST_FS_LIMIT", "GUEST_GS_LIMIT", NULL, NULL },
	{ "ES_LIMIT", "CS_LIMIT", "SS_LIMIT", "DS_LIMIT", "FS_LIMIT", "GS_LIMIT", NULL, NULL },
};

static void real_mode_limits(const struct guest *g, const struct first *f, struct explain_report *r)
{
	bool svm = g->s->vendor == EXPLAIN_SVM;
	unsigned n;

	for (n = SEG_ES; n <= SEG_GS; n++) {
		bool root = f->kind == KIND_DATA_LIMIT && f->seg == n;

		if (n == SEG_CS || !(g->have & HAVE_SEG(n)) || g->seg[n].limit >= REAL_LIMIT)
			continue;
		add(r, limit_fields[svm][n], REAL_LIMIT, root,
		    n == SEG_SS ? "the first push, call or interrupt needs a stack: 64 KiB as after "
				  "reset" :
		    "a real-mode segment is 64 KiB: data beyond its limit can't be reached");
	}
}

static void advise_real(const struct guest *g, const struct first *f, struct explain_report *r)
{
	bool svm = g->s->vendor == EXPLAIN_SVM;

	if (f->kind == KIND_FETCH_LIMIT)
		add(r, limit_fields[svm][SEG_CS], REAL_LIMIT, true,
		    "this is the fault: a real-mode code segment is 64 KiB, as after reset");
	if ((g->have & HAVE_SEG(SEG_CS)) && (g->seg[SEG_CS].ar & AR_L))
		add(r, svm ? "CS_ATTRIB" : "GUEST_CS_AR", REAL_CODE_AR, false,
		    "16-bit code as after reset (L is ignored outside IA-32e mode: it does no harm)");
	if ((g->have & HAVE_IDT) && g->idt_limit < REAL_IDT_LIMIT)
		add(r, svm ? "IDTR_LIMIT" : "GUEST_IDTR_LIMIT", REAL_IDT_LIMIT, false,
		    "real mode's interrupt vector table has 256 entries of 4 bytes; without it any "
		    "exception or interrupt ends in shutdown");
	real_mode_limits(g, f, r);
}

void advise(const struct guest *g, const struct first *f, struct explain_report *r)
{
	bool svm = g->s->vendor == EXPLAIN_SVM;

	if (g->real) {
		advise_real(g, f, r);
		return;
	}
	if (f->kind == KIND_FETCH_LIMIT && !guest_in_64bit(g))
		add(r, limit_fields[svm][SEG_CS], 0xffffffff, true,
		    "a flat code segment (with G, bit 15 of its access rights); or the right RIP");
	if (f->kind == KIND_DATA_LIMIT && limit_fields[svm][f->seg])
		add(r, limit_fields[svm][f->seg], 0xffffffff, true,
		    "a flat segment (with G, bit 15 of its access rights); or the right address");
}

/* -- Legal, but it may look suspicious ----------------------------------------------------------------- */

static struct text note(struct explain_report *r)
{
	static char nowhere[4];

	if (r->n_notes == EXPLAIN_NOTES_MAX)
		return (struct text){ nowhere, sizeof(nowhere), 0 };
	r->note[r->n_notes][0] = 0;
	r->n_notes++;
	return TEXT(r->note[r->n_notes - 1]);
}

static void note_modes(const struct guest *g, struct explain_report *r)
{
	u64 proc2 = 0;
	struct text t;

	if (g->s->vendor == EXPLAIN_VMX && !g->s->guest_only && (g->have & HAVE_CR0) &&
	    !(g->cr0 & CR0_PE) &&
	    explain_get(g->s, F_PROC_CTLS2, &proc2) && (proc2 & BIT(7))) {
		t = note(r);
		text_add(&t, "CR0 %#llx has PE and PG 0: legal, \"unrestricted guest\" is 1. NE must "
			     "be 1 in VMX operation; the guest sees the read shadow", ULL(g->cr0));
	}
	if ((g->have & HAVE_SEG(SEG_CS)) && !g->ia32e && (g->seg[SEG_CS].ar & AR_L) &&
	    (g->have & HAVE_CR0)) {
		t = note(r);
		text_add(&t, "CS's access rights %#x have L 1 outside IA-32e mode: the CPU ignores it, "
			     "and no entry check looks at it", g->seg[SEG_CS].ar);
	}
	if (g->s->vendor == EXPLAIN_VMX && !g->s->guest_only && (g->cr4 & CR4_VMXE)) {
		t = note(r);
		text_add(&t, "CR4 has VMXE 1: VMX operation requires it; the guest sees the read "
			     "shadow");
	}
}

static void note_tables(const struct guest *g, struct explain_report *r)
{
	struct text t;

	if (g->real && (g->have & HAVE_GDT) && (g->gdt_base || g->gdt_limit)) {
		t = note(r);
		text_add(&t, "GDTR (%#llx, limit %#x) and TR play no part in real mode",
			 ULL(g->gdt_base), g->gdt_limit);
	}
	if ((g->have & HAVE_SEG(SEG_LDTR)) && (g->seg[SEG_LDTR].ar & AR_UNUSABLE)) {
		t = note(r);
		if (g->s->vendor == EXPLAIN_SVM)
			text_add(&t, "LDTR isn't present: legal, there is no LDT");
		else
			text_add(&t, "LDTR is unusable (access rights %#x): legal, there is no LDT",
			 g->seg[SEG_LDTR].ar);
	}
}

/* Only where there is a triple fault: a legal state needs no defence. */
void explain_notes(const struct explain_state *s, struct explain_report *r)
{
	struct guest g;
	struct text t;

	guest_from_state(s, &g);
	if (!r->triple_fault)
		return;
	note_modes(&g, r);
	if ((g.have & HAVE_RFLAGS) && (g.rflags & RFLAGS_RF)) {
		t = note(r);
		text_add(&t, "RFLAGS %#llx has RF 1: legal; the CPU sets it when it takes a fault",
			 ULL(g.rflags));
	}
	note_tables(&g, r);
}

static void suspect_eptp(const struct explain_state *s, struct text *t)
{
	u64 proc2, eptp;

	if (!explain_get(s, F_PROC_CTLS2, &proc2) || !(proc2 & BIT(1)) ||
	    (s->cap_known & BIT(XCAP_EPT_VPID)) || !explain_get(s, F_EPT_POINTER, &eptp))
		return;
	if (FIELD(eptp, 5, 3) == 4)
		text_add(t, "EPTP asks for a page walk of 5 levels, which only some CPUs have "
			    "(IA32_VMX_EPT_VPID_CAP bit 7): 3 in bits 5:3 is 4 levels. ");
	if (eptp & BIT(7))
		text_add(t, "EPTP bit 7 enables supervisor shadow-stack control, which only some "
			    "CPUs have (IA32_VMX_EPT_VPID_CAP bit 23). ");
}

#define SMM_ENTRY	0x8000		/* SDM3 "SMM Handler Execution Environment" */

/* What no register dump has. */
static void suspect_unseen(const struct explain_state *s, struct text *t)
{
	u64 rip, flags, cr0;

	text_add(t, "The registers that are there are legal. Left is what this dump doesn't show: the "
		    "interruptibility state above all (blocking by STI needs RFLAGS.IF 1), activity "
		    "state, pending debug exceptions, an event to be injected. KVM's own dump has "
		    "them: echo 1 > /sys/module/kvm_intel/parameters/dump_invalid_vmcs. ");
	if (explain_get(s, F_GUEST_CR0, &cr0) && (~cr0 & (CR0_PE | CR0_PG)))
		text_add(t, "And on a CPU (or beneath a hypervisor) without \"unrestricted guest\" CR0 "
			    "without PE and PG is itself the violated rule. ");
	if (!s->guest_in_smm || !explain_get(s, F_GUEST_RIP, &rip) || rip != SMM_ENTRY ||
	    !explain_get(s, F_GUEST_RFLAGS, &flags) || (flags & RFLAGS_IF))
		return;
	text_add(t, "The vCPU is at the first instruction of SMM, with IF just cleared: if the SMI came "
		    "right after an STI and the hypervisor kept the STI shadow, that is the violated "
		    "rule (\"blocking by STI needs RFLAGS.IF 1\"). Linux's KVM did so before 6.2. ");
}

/*
 * A failed entry that no rule explains: what only the CPU knows is whether it has a
 * feature. A bit that the host itself doesn't use is the first suspect.
 */
void explain_suspects(const struct explain_state *s, struct explain_report *r)
{
	struct text t = TEXT(r->conclusion);
	u64 guest, host, odd, number = 0;

	if (!r->entry_failed || r->n_findings || s->vendor != EXPLAIN_VMX)
		return;
	explain_get(s, F_INSN_ERROR, &number);
	if (s->guest_only && !number)
		suspect_unseen(s, &t);
	if (number == 7)
		suspect_eptp(s, &t);
	/* Control and host state were checked before, and found good, if it is reason 33. */
	if (number || !explain_get(s, F_GUEST_CR4, &guest) || !explain_get(s, F_HOST_CR4, &host))
		return;
	odd = guest & ~host & (BITS(28, 14) | CR4_LA57 | CR4_UMIP | BIT(32));
	if (!odd)
		return;
	text_add(&t, "Worth a look: guest CR4 has ");
	bits_list(&bits_cr4, odd, &t);
	text_add(&t, ", and host CR4 has not. If the CPU lacks it, that is the reason "
		     "(IA32_VMX_CR4_FIXED1 would tell).");
}
