/* SPDX-License-Identifier: MIT */
/*
 * SDM3 "Interrupt 8 - Double Fault Exception (#DF)": what an exception in the delivery of
 * another becomes. With the trap in place the CPU leaves that to us.
 */
#include "faults.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/explain/explain.h"
#include "why.h"



#define FAULTS_MAX	8

struct fault_step {
	struct explain_caught e;
	uint64_t rip;
	bool doubled;		/* with the one before: a double fault */
};

/* Exceptions on the way to a triple fault. */
struct fault_chain {
	struct why_state *state;	/* when the second came up; NULL = not yet */
	uint64_t cr2;			/* of the first */
	unsigned int n;
	struct fault_step step[FAULTS_MAX];
};

enum { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static int class_of(unsigned int vector)
{
	switch (vector) {
	case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case VEC_GP:
		return CONTRIBUTORY;
	case VEC_PF:
		return PAGE_FAULT;
	case VEC_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

uint32_t faults_wanted(void)
{
	uint32_t mask = 0;
	unsigned int v;

	for (v = 0; v < 32; v++)
		if (class_of(v) == CONTRIBUTORY || class_of(v) == PAGE_FAULT)
			mask |= 1u << v;
	return mask;
}

static void add_step(struct vcpu *c, const struct explain_caught *e, uint64_t rip)
{
	struct fault_chain *f = c->chain;

	if (f->n < FAULTS_MAX)
		f->step[f->n++] = (struct fault_step){ .e = *e, .rip = rip };
}

static void forget(struct vcpu *c)
{
	if (!c->chain)
		return;
	free(c->chain->state);
	memset(c->chain, 0, sizeof(*c->chain));
}

void faults_end(struct vcpu *c)
{
	forget(c);
	free(c->chain);
	c->chain = NULL;
}

/* What was under way as this exception came up; known = false: nothing. */
static struct explain_caught interrupted(const struct kvm_vcpu_events *ev)
{
	if (ev->exception.injected)
		return (struct explain_caught){
			.known = true, .vector = ev->exception.nr,
			.has_error = ev->exception.has_error_code,
			.error = ev->exception.error_code,
		};
	if (ev->interrupt.injected)
		return (struct explain_caught){
			.known = true, .vector = ev->interrupt.nr, .soft = ev->interrupt.soft,
		};
	return (struct explain_caught){ .known = ev->nmi.injected, .vector = 2 };
}

/* Contributory after contributory, or either kind after a page fault. */
static bool doubles(const struct explain_caught *first, const struct explain_caught *second)
{
	if (!first->known || first->soft)
		return false;
	return (class_of(first->vector) == CONTRIBUTORY &&
		class_of(second->vector) == CONTRIBUTORY) ||
	       (class_of(first->vector) == PAGE_FAULT && class_of(second->vector) != BENIGN);
}

/* As the CPU would have delivered it. */
static void give_back(struct vcpu *c, struct kvm_vcpu_events *ev, const struct explain_caught *e,
		      const struct vmm_exit_trap *t, struct kvm_regs *r)
{
	struct kvm_sregs s;
	int ret;

	ev->interrupt.injected = ev->nmi.injected = 0;
	ev->exception.injected = 1;
	ev->exception.nr = e->vector;
	ev->exception.has_error_code = e->has_error;
	ev->exception.error_code = e->error;
	ret = vmm_vcpu_do(&c->v, KVM_SET_VCPU_EVENTS, ev);
	if (!ret && t->vector == VEC_PF) {
		ret = vmm_vcpu_get_sregs(&c->v, &s);
		s.cr2 = t->cr2;
		if (!ret)
			ret = vmm_vcpu_set_sregs(&c->v, &s);
		/* KVM_SET_SREGS may drop what is to be injected. */
		if (!ret)
			ret = vmm_vcpu_do(&c->v, KVM_SET_VCPU_EVENTS, ev);
	}
	if (!ret && e->vector != VEC_DF) {
		r->rflags |= RFLAGS_RF;
		ret = vmm_vcpu_set_regs(&c->v, r);
		if (!ret)
			ret = vmm_vcpu_do(&c->v, KVM_SET_VCPU_EVENTS, ev);
	}
	if (ret)
		vcpu_end(c, END_FAILED, NULL, "--catch-faults: the exception can't be given back");
}

static void say_exception(const struct explain_caught *e, FILE *out)
{
	fputs(explain_vector_name(e->vector), out);
	if (e->vector >= 32)
		fprintf(out, " %#x", e->vector);
	if (e->has_error)
		fprintf(out, ", error code %#x", e->error);
}

static unsigned int delivered(const struct fault_step *s)
{
	return s->doubled ? VEC_DF : s->e.vector;
}

/* Does what the explainer put together from the state alone name the same exceptions? */
static bool agrees(const struct fault_chain *f)
{
	unsigned int i, n = f->n - 1;	/* the last one is what could not come any more */

	for (i = 0; i < n; i++)
		if (why_step(f->state, i) != (int)delivered(&f->step[i]))
			return false;
	return why_step(f->state, n) < 0;
}

static void say_seen(const struct fault_chain *f, FILE *out)
{
	unsigned int i;

	fputs("\nWhat the CPU was seen to do (--catch-faults)\n\n", out);
	for (i = 0; i < f->n; i++) {
		const struct fault_step *s = &f->step[i];

		fprintf(out, "  %2u. ", i + 1);
		say_exception(&s->e, out);
		if (!i)
			fprintf(out, ", at RIP %#llx\n", (unsigned long long)s->rip);
		else
			fprintf(out, ", while it delivered %s%s\n",
				explain_vector_name(delivered(s - 1)),
				s->doubled ? ": together a double fault" :
				i == f->n - 1 ? ": shutdown" : "");
	}
	fprintf(out, "\n  The chain above, put together from the state alone, %s.\n",
		agrees(f) ? "is the same" : "differs: believe this one");
}

/* The explanation of the state in which the chain began, and the chain as it was seen. */
static char *chain_text(struct vcpu *c)
{
	struct fault_chain *f = c->chain;
	char *why, *text = NULL;
	size_t size;
	FILE *out;

	if (!f->state)
		return NULL;
	why_caught(f->state, &f->step[0].e, f->cr2);
	why = why_text(f->state);
	out = open_memstream(&text, &size);
	if (!out)
		return why;
	fputs(why ? why : "", out);
	say_seen(f, out);
	free(why);
	return fclose(out) ? NULL : text;
}

static void begin(struct vcpu *c, const struct explain_caught *first, uint64_t rip, uint64_t cr2)
{
	forget(c);
	add_step(c, first, rip);
	c->chain->cr2 = cr2;
}

/* Is it the chain's last exception that was being delivered? */
static bool goes_on(const struct fault_chain *f, const struct explain_caught *before, uint64_t rip)
{
	const struct fault_step *last = &f->step[f->n ? f->n - 1 : 0];

	return f->n && last->rip == rip && delivered(last) == before->vector;
}

void faults_trapped(struct vcpu *c, const struct vmm_exit_trap *t)
{
	struct explain_caught e = {
		.known = true, .vector = (u8)t->vector, .error = t->error,
		.has_error = t->vector == VEC_DF || (t->vector >= VEC_TS && t->vector <= VEC_PF),
	}, before;
	struct kvm_vcpu_events ev;
	struct kvm_regs r;
	struct kvm_sregs s;

	if (!c->chain)
		c->chain = calloc(1, sizeof(*c->chain));
	if (!c->chain || vmm_vcpu_do(&c->v, KVM_GET_VCPU_EVENTS, &ev) || vmm_vcpu_get_regs(&c->v, &r) ||
	    vmm_vcpu_get_sregs(&c->v, &s)) {
		vcpu_end(c, END_FAILED, NULL, "--catch-faults: the vCPU's state can't be read");
		return;
	}
	e.has_error &= !!(s.cr0 & 1);
	before = interrupted(&ev);
	if (!before.known)
		begin(c, &e, r.rip, t->cr2);
	else if (!goes_on(c->chain, &before, r.rip))
		begin(c, &before, r.rip, s.cr2);
	/* Nothing has been delivered since the chain began: the state is still that one. */
	if (before.known) {
		add_step(c, &e, r.rip);
		if (!c->chain->state)
			c->chain->state = why_snapshot(c, EXPLAIN_SHUTDOWN, 0);
	}
	if (before.known && before.vector == VEC_DF) {
		vcpu_end(c, END_TRIPLE_FAULT, chain_text(c), "triple fault");
		return;
	}
	if (doubles(&before, &e)) {
		e = (struct explain_caught){ .known = true, .vector = VEC_DF,
					     .has_error = s.cr0 & 1 };
		c->chain->step[c->chain->n - 1].doubled = true;
	}
	give_back(c, &ev, &e, t, &r);
}
