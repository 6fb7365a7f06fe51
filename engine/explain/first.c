/* SPDX-License-Identifier: MIT */
#include "first.h"

#define LONGEST_INSN	15

static void found(struct first *f, unsigned vector, bool has_error, u32 error)
{
	f->known = FIRST_FOUND;
	f->event = (struct event){ .vector = (u8)vector, .has_error = has_error, .error = error };
}

static u32 user_access(const struct guest *g)
{
	return g->cpl == 3 ? ACCESS_USER : 0;
}

/* An event that the CPU was delivering when it gave up. */
static bool interrupted_delivery(const struct guest *g, struct first *f, struct text *why)
{
	u64 info = 0, error = 0;

	if (g->s->vendor == EXPLAIN_VMX) {
		explain_get(g->s, F_IDT_VECTORING_INFO, &info);
		explain_get(g->s, F_IDT_VECTORING_ERROR, &error);
	} else {
		explain_get_vmcb(g->s, offsetof(struct vmcb, c.exit_int_info), &info);
		error = info >> 32;
	}
	if (!(info & INTR_VALID))
		return false;
	text_add(why, "the CPU was delivering it (the exit's event information says so)");
	found(f, INTR_VECTOR(info), info & INTR_ERROR, (u32)error);
	f->event.soft = INTR_TYPE(info) == INTR_SW;
	return true;
}

/* -- Fetch --------------------------------------------------------------------------------------- */

static void limit_cause(const struct guest *g, struct first *f, u64 room)
{
	const struct x86_seg *cs = &g->seg[SEG_CS];
	struct text t = TEXT(f->cause);

	f->kind = KIND_FETCH_LIMIT;
	text_add(&t, "The limit of CS is %#x: ", cs->limit);
	if (room)
		text_add(&t, "of the instruction at %04x:%04llx only %llu byte%s can be fetched. ",
			 cs->sel, ULL(g->rip), ULL(room), room == 1 ? "" : "s");
	else
		text_add(&t, "RIP %#llx lies beyond it. ", ULL(g->rip));
	text_add(&t, "Outside 64-bit mode the CPU enforces limits");
	if (cs->ar & AR_L)
		text_add(&t, "; in 64-bit mode it ignores them, and L (bit 13) of CS's access rights is "
			     "set: this looks like the set-up of a 64-bit guest, reused for one in %s",
			 g->real ? "real mode" : "protected mode");
	text_add(&t, ".");
}

/* Is the whole instruction within CS's limit? Unknown lengths count as too long. */
static bool fetch_limit(const struct guest *g, struct first *f, struct text *why)
{
	const struct x86_seg *cs = &g->seg[SEG_CS];
	u64 room, ip = g->rip & BITS(31, 0);
	unsigned length = g->s->insn.length;

	if (!(g->have & HAVE_SEG(SEG_CS)) || guest_in_64bit(g))
		return false;
	room = ip > cs->limit ? 0 : (u64)cs->limit - ip + 1;
	if (room >= LONGEST_INSN || (length && length <= room))
		return false;
	/* Most instructions are shorter than what is left. */
	if (!length && room > 6)
		return false;
	if (!room)
		text_add(why, "RIP %#llx is beyond CS's limit %#x", ULL(ip), cs->limit);
	else if (length)
		text_add(why, "the instruction at RIP %#llx is %u bytes long, but CS's limit %#x ends "
			      "it after %llu", ULL(ip), length, cs->limit, ULL(room));
	else
		text_add(why, "CS's limit %#x leaves %llu byte%s at RIP %#llx: an instruction that is "
			      "longer can't be fetched (and a shorter one would have run, and moved "
			      "RIP on)", cs->limit, ULL(room), room == 1 ? "" : "s", ULL(ip));
	found(f, VEC_GP, !g->real, 0);
	limit_cause(g, f, room);
	return true;
}

static bool fetch_canonical(const struct guest *g, struct first *f, struct text *why)
{
	struct text t = TEXT(f->cause);

	if (!guest_in_64bit(g) || canonical_in(g, g->rip))
		return false;
	text_add(why, "RIP %#llx isn't canonical", ULL(g->rip));
	text_add(&t, "RIP %#llx isn't canonical: a jump, call or return went wild.", ULL(g->rip));
	found(f, VEC_GP, true, 0);
	return true;
}

/* OUT_OK: the first byte can be fetched. */
static enum outcome fetch_page(const struct guest *g, struct first *f, struct text *why)
{
	u64 base = guest_in_64bit(g) ? 0 : g->seg[SEG_CS].base, physical;
	struct text t = TEXT(f->cause);
	struct event e;
	enum outcome o;

	if (!guest_in_64bit(g) && !(g->have & HAVE_SEG(SEG_CS))) {
		text_add(&t, "CS is not in the dump. ");
		return OUT_UNKNOWN;
	}
	o = guest_translate(g, base + g->rip, ACCESS_FETCH | user_access(g), &physical, &e, why);
	if (o == OUT_FAULT) {
		found(f, e.vector, e.has_error, e.error);
		text_add(&t, "The instruction at RIP %#llx can't be fetched: ", ULL(g->rip));
		text_add(&t, "%s.", why->at);
	}
	return o;
}

/* -- What the instruction does ---------------------------------------------------------------------- */

static bool raises_itself(const struct guest *g, struct first *f, struct text *why)
{
	const struct explain_insn *insn = &g->s->insn;
	struct text t = TEXT(f->cause);

	if (insn->raises) {
		text_add(why, "the instruction at RIP %#llx raises it: %s", ULL(g->rip), insn->text);
		text_add(&t, "The instruction at RIP %#llx, %s, raises %s.", ULL(g->rip), insn->text,
			 explain_vector_name(insn->vector));
		found(f, insn->vector, false, 0);
		f->event.soft = insn->soft;
		return true;
	}
	if (!insn->privileged || !g->cpl)
		return false;
	text_add(why, "the instruction at RIP %#llx, %s, needs CPL 0; the CPL is %u", ULL(g->rip),
		 insn->text, g->cpl);
	text_add(&t, "The instruction at RIP %#llx, %s, needs CPL 0, and the CPL is %u.", ULL(g->rip),
		 insn->text, g->cpl);
	found(f, VEC_GP, !g->real, 0);
	return true;
}

/*
 * SDM2 "JMP", "CALL": the target is checked before RIP changes. AMD's CPUs jump first and
 * fault at the target.
 */
static bool wild_jump(const struct guest *g, struct first *f, struct text *why)
{
	const struct explain_insn *insn = &g->s->insn;
	bool in64 = guest_in_64bit(g);
	struct text t = TEXT(f->cause);

	if (!insn->jumps || g->s->vendor == EXPLAIN_SVM)
		return false;
	if (in64 ? canonical_in(g, insn->target) :
	    !(g->have & HAVE_SEG(SEG_CS)) || insn->target <= g->seg[SEG_CS].limit)
		return false;
	text_add(why, "the instruction at RIP %#llx, %s, jumps to %#llx, which ", ULL(g->rip),
		 insn->text, ULL(insn->target));
	if (in64)
		text_add(why, "isn't canonical");
	else
		text_add(why, "is beyond CS's limit %#x", g->seg[SEG_CS].limit);
	text_add(&t, "T%s.", why->at + 1);
	found(f, VEC_GP, !g->real, 0);
	return true;
}

static void say_access(const struct guest *g, const struct explain_access *a, struct text *t)
{
	text_add(t, "the instruction at RIP %#llx (%s) %s %s:%#llx", ULL(g->rip), g->s->insn.text,
		 a->stack && a->write ? "pushes at" : a->write ? "writes" : "reads",
		 explain_seg_names[a->seg], ULL(a->offset));
}

static bool segment_refuses(const struct guest *g, const struct explain_access *a, struct first *f,
			    struct text *why)
{
	const struct x86_seg *seg = &g->seg[a->seg];
	unsigned vector = a->seg == SEG_SS ? VEC_SS : VEC_GP;

	if (!(g->have & HAVE_SEG(a->seg)))
		return false;
	if (!g->real && (seg->ar & AR_UNUSABLE)) {
		say_access(g, a, why);
		text_add(why, "; %s holds no usable segment", explain_seg_names[a->seg]);
	} else if (!within_limit(seg, a->offset, a->size)) {
		say_access(g, a, why);
		text_add(why, ", beyond %s's limit %#x", explain_seg_names[a->seg], seg->limit);
		f->kind = KIND_DATA_LIMIT;
		f->seg = a->seg;
	} else if (a->write && !g->real && ((seg->ar & BIT(3)) || !(seg->ar & BIT(1)))) {
		say_access(g, a, why);
		text_add(why, "; %s isn't writable", explain_seg_names[a->seg]);
	} else {
		return false;
	}
	found(f, vector, !g->real, 0);
	return true;
}

static u64 linear_of(const struct guest *g, const struct explain_access *a)
{
	if (guest_in_64bit(g))
		return a->seg == SEG_FS || a->seg == SEG_GS ? g->seg[a->seg].base + a->offset :
							      a->offset;
	return (g->seg[a->seg].base + a->offset) & BITS(31, 0);
}

static enum outcome one_access(const struct guest *g, const struct explain_access *a,
			       struct first *f, struct text *why)
{
	u64 linear = linear_of(g, a);
	struct event e;
	size_t used = why->used;
	enum outcome o;

	if (!guest_in_64bit(g)) {
		if (segment_refuses(g, a, f, why))
			return OUT_FAULT;
	} else if (!canonical_in(g, linear)) {
		say_access(g, a, why);
		text_add(why, ": %#llx isn't canonical", ULL(linear));
		found(f, a->seg == SEG_SS ? VEC_SS : VEC_GP, true, 0);
		return OUT_FAULT;
	}
	say_access(g, a, why);
	text_add(why, ": ");
	o = guest_touch(g, linear, (a->write ? ACCESS_WRITE : 0) | user_access(g), a->size, &e, why);
	if (o == OUT_FAULT)
		found(f, e.vector, e.has_error, e.error);
	if (o != OUT_FAULT) {
		why->used = used;
		why->at[used] = 0;
	}
	return o;
}

static enum outcome accesses(const struct guest *g, struct first *f, struct text *why)
{
	enum outcome worst = OUT_OK, o;
	struct text t;
	unsigned i;

	for (i = 0; i < g->s->insn.n_access; i++) {
		o = one_access(g, &g->s->insn.access[i], f, why);
		if (o == OUT_FAULT) {
			t = TEXT(f->cause);
			text_add(&t, "%c%s.", why->at[0] == 't' ? 'T' : why->at[0], why->at + 1);
			return o;
		}
		if (o == OUT_UNKNOWN)
			worst = o;
	}
	return worst;
}

static enum outcome segment_load(const struct guest *g, struct first *f, struct text *why)
{
	struct event e = { 0 };
	struct text t = TEXT(f->cause);
	enum outcome o;

	if (!g->s->insn.loads_segment)
		return OUT_OK;
	o = guest_load_segment(g, g->s->insn.seg, g->s->insn.selector, &e, why);
	if (o == OUT_FAULT) {
		found(f, e.vector, e.has_error, e.error);
		text_add(&t, "%c%s.", why->at[0] == 't' ? 'T' : why->at[0], why->at + 1);
	} else {
		why->used = 0;
		why->at[0] = 0;
	}
	return o;
}

static void unknown(const struct guest *g, struct first *f, const char *what)
{
	struct text t = TEXT(f->cause);

	f->known = FIRST_UNKNOWN;
	text_add(&t, "Which exception came first can't be told: %s. ", what);
	if (!g->s->n_memory)
		text_add(&t, "With the guest's memory at RIP and its tables in the dump this could go "
			     "on. ");
}

static void depends(const struct guest *g, struct first *f)
{
	const struct explain_insn *insn = &g->s->insn;
	struct text t = TEXT(f->cause);

	f->known = FIRST_UNKNOWN;
	text_add(&t, "The instruction at RIP %#llx, %s, faults or not depending on %s", ULL(g->rip),
		 insn->text, insn->depends);
	if (insn->msr && (g->s->gpr_known & BIT(GPR_RCX))) {
		u32 msr = (u32)g->s->gpr[GPR_RCX];
		const char *name = explain_msr_name(msr);

		text_add(&t, ": here MSR %#x%s%s%s", msr, name ? " (" : "", name ? name : "",
			 name ? ")" : ", which this program doesn't know");
	}
	text_add(&t, ". It is the first suspect (#GP). ");
}

static void analyse(const struct guest *g, struct first *f)
{
	struct text why = TEXT(f->why);
	enum outcome o, load;

	*f = (struct first){ .known = FIRST_NONE };
	if (!(g->have & HAVE_RIP) || !(g->have & HAVE_CR0)) {
		unknown(g, f, "RIP or CR0 is not in the dump");
		return;
	}
	if (interrupted_delivery(g, f, &why) || fetch_canonical(g, f, &why) ||
	    fetch_limit(g, f, &why))
		return;
	o = fetch_page(g, f, &why);
	if (o == OUT_FAULT)
		return;
	if (o == OUT_UNKNOWN && !g->s->insn.length) {
		char what[sizeof(f->why)];

		__builtin_memcpy(what, f->why, sizeof(what));
		unknown(g, f, what[0] ? what : "the instruction at RIP is not in the dump");
		f->why[0] = 0;
		return;
	}
	why.used = 0;
	f->why[0] = 0;
	if (!g->s->insn.length) {
		unknown(g, f, "the instruction at RIP is not in the dump");
		return;
	}
	if (raises_itself(g, f, &why) || wild_jump(g, f, &why))
		return;
	load = segment_load(g, f, &why);
	if (load == OUT_FAULT)
		return;
	o = accesses(g, f, &why);
	if (o == OUT_FAULT)
		return;
	if (g->s->insn.depends)
		depends(g, f);
	else if (o == OUT_UNKNOWN || load == OUT_UNKNOWN || !g->s->insn.certain)
		unknown(g, f, "what the instruction at RIP touches is not all in the dump");
}

/* The walk that ended at CR2, for the access that the error code tells of. */
static void say_walk(const struct guest *g, u32 error, struct text *t)
{
	u32 access = (error & BIT(1) ? ACCESS_WRITE : 0) | (error & BIT(2) ? ACCESS_USER : 0) |
		     (error & BIT(4) ? ACCESS_FETCH : 0);
	size_t used = t->used;
	struct event e;
	u64 physical;

	if (!g->s->cr2_known)
		return;
	text_add(t, " at linear %#llx: ", ULL(g->s->cr2));
	if (guest_translate(g, g->s->cr2, access, &physical, &e, t) != OUT_FAULT) {
		t->used = used;
		t->at[used] = 0;
		text_add(t, " at linear %#llx", ULL(g->s->cr2));
	}
}

/* What was seen counts more than what can be reconstructed. */
void find_first(const struct guest *g, struct first *f)
{
	const struct explain_caught *c = &g->s->caught;
	struct text why = TEXT(f->why), cause = TEXT(f->cause);

	analyse(g, f);
	if (!c->known)
		return;
	if (f->known != FIRST_FOUND || f->event.vector != c->vector) {
		f->kind = KIND_OTHER;
		text_add(&why, "the CPU was seen to raise it at RIP %#llx%s%s", ULL(g->rip),
			 g->s->insn.text[0] ? ", the instruction " : "", g->s->insn.text);
		if (c->vector == VEC_PF)
			say_walk(g, c->error, &why);
		text_add(&cause, "The CPU was seen to raise %s%s.",
			 explain_vector_name(c->vector), why.at + sizeof("the CPU was seen to raise it") - 1);
	}
	f->known = FIRST_FOUND;
	f->event = (struct event){ .vector = c->vector, .has_error = c->has_error,
				   .error = c->error, .soft = c->soft };
}
