/* SPDX-License-Identifier: MIT */
/*
 * From a state to a triple fault: which exception came first, and why none could be
 * delivered. SDM3 "Interrupt 8 - Double Fault Exception (#DF)".
 */
#include "fault.h"
#include "first.h"

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum class class_of(unsigned vector)
{
	switch (vector) {
	case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case VEC_GP: case 21:
		return CONTRIBUTORY;
	case VEC_PF: case 20:
		return PAGE_FAULT;
	case VEC_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

static bool is_shutdown(const struct event *was, const struct event *next)
{
	return class_of(was->vector) == DOUBLE_FAULT && class_of(next->vector) != BENIGN;
}

/* What a second exception makes of the first; false: it replaces it. */
static bool becomes_double(const struct event *was, const struct event *next)
{
	if (class_of(was->vector) == CONTRIBUTORY && !was->soft)
		return class_of(next->vector) == CONTRIBUTORY;
	if (class_of(was->vector) == PAGE_FAULT && !was->soft)
		return class_of(next->vector) == CONTRIBUTORY ||
		       class_of(next->vector) == PAGE_FAULT;
	return false;
}

static void say_event(const struct event *e, struct text *t)
{
	text_add(t, "%s", explain_vector_name(e->vector));
	if (e->vector >= 32)
		text_add(t, " %#x", e->vector);
	if (e->has_error)
		text_add(t, " with error code %#x", e->error);
}

static struct explain_step *add_step(struct explain_report *r, const struct event *e,
				     const char *raised)
{
	struct explain_step *step = &r->step[r->n_steps++];
	struct text t;

	*step = (struct explain_step){ .vector = e->vector, .has_error = e->has_error,
				       .error = e->error };
	t = TEXT(step->raised);
	text_add(&t, "%s", raised);
	return step;
}

/* Why the next exception of the chain is what it is. */
static struct event follow(const struct event *was, const struct event *next, struct text *raised)
{
	if (!becomes_double(was, next)) {
		text_add(raised, "raised while the CPU delivered %s; it takes that one's place",
			 explain_vector_name(was->vector));
		return *next;
	}
	text_add(raised, "%s came while the CPU delivered %s: the two make a double fault",
		 explain_vector_name(next->vector), explain_vector_name(was->vector));
	return (struct event){ .vector = VEC_DF, .has_error = next->has_error };
}

/* From the first event on, for which `why` is the reason. */
static enum explain_verdict follow_chain(const struct guest *g, struct event e, const char *why,
					 struct explain_report *r)
{
	char reason[sizeof(r->step[0].raised)];

	for (;;) {
		struct explain_step *step = add_step(r, &e, why);
		struct text t = TEXT(step->delivery), raised = TEXT(reason);
		struct event next = { 0 };
		enum outcome o = guest_deliver(g, &e, &next, &t);

		if (o == OUT_OK)
			text_add(&t, ". It can be delivered");
		if (o != OUT_FAULT)
			return VERDICT_OPEN;
		text_add(&t, ". That is ");
		say_event(&next, &t);
		if (is_shutdown(&e, &next)) {
			text_add(&t, " in the delivery of a double fault: triple fault, the CPU "
				     "shuts down");
			return VERDICT_SHUTDOWN;
		}
		if (r->n_steps == EXPLAIN_STEPS_MAX)
			return VERDICT_OPEN;
		e = follow(&e, &next, &raised);
		why = reason;
	}
}

/*
 * Nothing tells which exception came first. If none of the usual ones can be
 * delivered it doesn't matter.
 */
static bool none_deliverable(const struct guest *g, struct explain_report *r, struct text *t)
{
	static const u8 candidates[] = { VEC_UD, VEC_GP, VEC_PF, VEC_NP, VEC_SS, VEC_DE };
	unsigned i;

	for (i = 0; i < COUNT_OF(candidates); i++) {
		bool has_error = candidates[i] >= VEC_NP && !g->real;
		struct event e = { .vector = candidates[i], .has_error = has_error };

		r->n_steps = 0;
		if (follow_chain(g, e, "", r) != VERDICT_SHUTDOWN) {
			r->n_steps = 0;
			return false;
		}
	}
	r->n_steps = 0;
	text_add(t, "Which exception came first can't be told from the dump, but it doesn't matter: "
		    "none can be delivered, and neither can a double fault. ");
	return true;
}

/* The check that failed in the first delivery: what its text says last. */
static void say_check(const struct explain_step *step, struct text *t)
{
	const char *from = step->delivery, *p;
	unsigned n = 0;

	for (p = step->delivery; *p; p++) {
		if (p[0] == ';' && p[1] == ' ')
			from = p + 2;
		if (p[0] == '.' && p[1] == ' ' && p[2] == 'T')
			break;
	}
	for (; from + n < p && n < 250; n++)
		text_add(t, "%c", from[n]);
}

static void say_idt(const struct guest *g, struct text *t)
{
	unsigned size = g->real ? 4 : g->ia32e ? 16 : 8;

	if (!(g->have & HAVE_IDT))
		return;
	if (g->idt_limit + 1 < size)
		text_add(t, "IDTR's limit is %#x: the IDT has not even one entry (they are %u bytes "
			    "each). ", g->idt_limit, size);
	else if (g->idt_limit + 1 < size * 32)
		text_add(t, "IDTR's limit is %#x: the IDT has entries for vectors 0 to %u only. ",
			 g->idt_limit, (g->idt_limit + 1) / size - 1);
}

/* What the registers alone show of why nothing could be delivered. */
static void say_red_flags(const struct guest *g, struct text *t)
{
	const struct x86_seg *tr = &g->seg[SEG_TR];
	struct text idt;
	char words[200] = "";

	idt = TEXT(words);
	say_idt(g, &idt);
	if (words[0])
		text_add(t, "What the registers alone show: %s", words);
	if (g->ia32e && (g->have & HAVE_IDT) && !canonical_in(g, g->idt_base))
		text_add(t, "IDTR's base %#llx isn't canonical. ", ULL(g->idt_base));
	if (guest_in_64bit(g) && (g->have & HAVE_RSP) && !canonical_in(g, g->rsp))
		text_add(t, "RSP %#llx isn't canonical: no handler without an IST can be entered. ",
			 ULL(g->rsp));
	if (g->ia32e && (g->have & HAVE_SEG(SEG_TR)) && tr->limit < 0x67)
		text_add(t, "TR's limit %#x is below 67h: what lies in the TSS beyond it (stack pointers, "
			    "ISTs) can't be used. ", tr->limit);
}

/* The verdict in prose. */
static void conclude(const struct guest *g, const struct first *f, struct explain_report *r)
{
	struct text t = TEXT(r->conclusion);

	r->conclusion[0] = 0;
	if (f->known == FIRST_FOUND) {
		text_add(&t, "%s", f->cause);
		if (r->verdict == VERDICT_SHUTDOWN) {
			text_add(&t, " That alone would be an exception; it ends in shutdown because "
				     "the exception can't be delivered: ");
			say_check(&r->step[0], &t);
			text_add(&t, ". ");
			say_idt(g, &t);
		} else {
			text_add(&t, " From there on the dump doesn't tell (see the last step). ");
			say_red_flags(g, &t);
		}
		return;
	}
	if (f->known == FIRST_NONE)
		text_add(&t, "Nothing in this state makes the instruction at RIP fault. Either the "
			     "state was changed after the triple fault (some hypervisors reset the "
			     "vCPU first), or the instruction does something that this program "
			     "doesn't follow. ");
	else
		text_add(&t, "%s", f->cause);
	if (!none_deliverable(g, r, &t)) {
		say_red_flags(g, &t);
	} else {
		r->verdict = VERDICT_SHUTDOWN;
		say_idt(g, &t);
		if (!g->idt_limit)
			text_add(&t, "If the guest did that on purpose (an empty IDT and then any "
				     "fault), it is a way to reset the machine. ");
	}
}

/*
 * A state before its first entry. Nothing is known of what the instruction does beyond
 * what it raises at once; that it can't be told is no finding.
 */
void explain_lint(const struct explain_state *s, struct explain_report *r)
{
	struct guest g;
	struct first f;

	explain_checks(s, r);
	guest_from_state(s, &g);
	find_first(&g, &f);
	/* What is injected, software interrupts: the guest's own business. */
	if (f.known != FIRST_FOUND || f.event.soft)
		return;
	r->verdict = follow_chain(&g, f.event, f.why, r);
	conclude(&g, &f, r);
	advise(&g, &f, r);
}

void explain_fault(const struct explain_state *s, struct explain_report *r)
{
	struct guest g;
	struct first f;

	guest_from_state(s, &g);
	r->verdict = VERDICT_OPEN;
	r->n_steps = 0;
	find_first(&g, &f);
	if (f.known == FIRST_FOUND)
		r->verdict = follow_chain(&g, f.event, f.why, r);
	conclude(&g, &f, r);
	advise(&g, &f, r);
}
