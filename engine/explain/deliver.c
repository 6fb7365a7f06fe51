/* SPDX-License-Identifier: MIT */
/*
 * Delivery of an exception or interrupt by hand: SDM3 "Interrupt and Exception Handling",
 * SDM2 "INT n/INTO/INT3/INT1" (its operation section lists the checks in their order).
 */
#include "fault.h"

/* One delivery under way. */
struct delivery {
	const struct guest *g;
	const struct event *e;
	struct event *next;
	struct text *t;
	u8 gate[16];
	unsigned gate_type, gate_dpl, ist;
	u16 selector;
	u64 offset;
	unsigned new_cpl;
	u32 cs_ar, cs_limit;
};

bool within_limit(const struct x86_seg *seg, u64 offset, unsigned size)
{
	u64 top = seg->ar & AR_DB ? 0xffffffff : 0xffff;

	/* Expand-down data: valid above the limit. */
	if ((seg->ar & (AR_S | BIT(3) | BIT(2))) == (AR_S | BIT(2)))
		return offset > seg->limit && offset + size - 1 <= top;
	return offset + size - 1 <= seg->limit && offset + size - 1 >= offset;
}

/* An error in the middle of a delivery has EXT set, unless INT n started it. */
static enum outcome fault(struct delivery *d, unsigned vector, u32 error)
{
	bool has_error = !d->g->real && vector != VEC_UD;

	if (has_error && !d->e->soft)
		error |= 1;
	*d->next = (struct event){ .vector = (u8)vector, .has_error = has_error,
				   .error = has_error ? error : 0 };
	return OUT_FAULT;
}

static enum outcome read(struct delivery *d, u64 linear, void *to, unsigned size, const char *what)
{
	size_t used = d->t->used;
	enum outcome o;

	text_add(d->t, "; its %s can't be read: ", what);
	o = guest_read(d->g, linear, 0, to, size, d->next, d->t);
	if (o == OUT_OK) {
		d->t->used = used;
		d->t->at[used] = 0;
	}
	return o;
}

/* -- Real mode --------------------------------------------------------------------------------- */

static enum outcome real_push(struct delivery *d)
{
	const struct guest *g = d->g;
	const struct x86_seg *ss = &g->seg[SEG_SS];
	u64 mask = ss->ar & AR_DB ? 0xffffffff : 0xffff;
	unsigned i;

	if ((g->have & (HAVE_SEG(SEG_SS) | HAVE_RSP)) != (HAVE_SEG(SEG_SS) | HAVE_RSP)) {
		text_add(d->t, "; SS:SP is not in the dump");
		return OUT_UNKNOWN;
	}
	for (i = 1; i <= 3; i++) {
		u64 sp = (g->rsp - 2 * i) & mask;

		if (within_limit(ss, sp, 2))
			continue;
		text_add(d->t, "; pushing FLAGS, CS and IP at SS:%#llx goes beyond SS's limit %#x",
			 ULL(sp), ss->limit);
		return fault(d, VEC_SS, 0);
	}
	return OUT_OK;
}

static enum outcome deliver_real(struct delivery *d)
{
	const struct guest *g = d->g;
	u32 first = 4u * d->e->vector;
	u8 entry[4];
	enum outcome o;

	text_add(d->t, "real mode takes entry %u of the interrupt vector table, bytes %u to %u from "
		       "IDTR's base %#llx", d->e->vector, first, first + 3, ULL(g->idt_base));
	if (first + 3 > g->idt_limit) {
		text_add(d->t, "; IDTR's limit is %#x, so the entry lies beyond it", g->idt_limit);
		return fault(d, VEC_GP, 0);
	}
	o = read(d, g->idt_base + first, entry, 4, "entry");
	if (o != OUT_OK)
		return o;
	d->offset = entry[0] | (u64)entry[1] << 8;
	d->selector = (u16)(entry[2] | entry[3] << 8);
	text_add(d->t, ": %04x:%04x", d->selector, (unsigned)d->offset);
	o = real_push(d);
	if (o != OUT_OK)
		return o;
	/* The limit stays what CS has: a load in real mode doesn't change it. */
	if (d->offset > g->seg[SEG_CS].limit) {
		text_add(d->t, "; the handler's offset is beyond CS's limit %#x",
			 g->seg[SEG_CS].limit);
		return fault(d, VEC_GP, 0);
	}
	return OUT_OK;
}

/* -- Protected and IA-32e mode ---------------------------------------------------------------------- */

static const char *const gate_names[16] = {
	[5] = "task gate", [6] = "16-bit interrupt gate", [7] = "16-bit trap gate",
	[14] = "interrupt gate", [15] = "trap gate",
};

static bool gate_type_good(const struct delivery *d)
{
	if (d->g->ia32e)
		return d->gate_type == 14 || d->gate_type == 15;
	return gate_names[d->gate_type];
}

static void parse_gate(struct delivery *d)
{
	const u8 *b = d->gate;

	d->gate_type = b[5] & 15;
	if (b[5] & 0x10)
		d->gate_type = 0;	/* S: no gate */
	d->gate_dpl = (b[5] >> 5) & 3;
	d->selector = (u16)(b[2] | b[3] << 8);
	d->offset = b[0] | (u64)b[1] << 8;
	if (d->gate_type == 14 || d->gate_type == 15)
		d->offset |= (u64)b[6] << 16 | (u64)b[7] << 24;
	if (!d->g->ia32e)
		return;
	d->ist = b[4] & 7;
	d->offset |= (u64)b[8] << 32 | (u64)b[9] << 40 | (u64)b[10] << 48 | (u64)b[11] << 56;
}

static enum outcome check_gate(struct delivery *d)
{
	const struct guest *g = d->g;
	unsigned size = g->ia32e ? 16 : 8;
	u32 first = size * d->e->vector, code = 8u * d->e->vector + 2;
	enum outcome o;

	text_add(d->t, "IDT entry %u, bytes %u to %u from %#llx", d->e->vector, first,
		 first + size - 1, ULL(g->idt_base));
	if (first + size - 1 > g->idt_limit) {
		text_add(d->t, "; IDTR's limit is %#x, so the entry lies beyond it", g->idt_limit);
		return fault(d, VEC_GP, code);
	}
	o = read(d, g->idt_base + first, d->gate, size, "entry");
	if (o != OUT_OK)
		return o;
	parse_gate(d);
	if (!gate_type_good(d)) {
		text_add(d->t, "; byte 5 is %#x: type %u is no gate that %s allows", d->gate[5],
			 d->gate[5] & 31u, g->ia32e ? "IA-32e mode" : "protected mode");
		return fault(d, VEC_GP, code);
	}
	text_add(d->t, ": %s to %#x:%#llx", gate_names[d->gate_type], d->selector, ULL(d->offset));
	if (d->ist)
		text_add(d->t, ", IST %u", d->ist);
	if (d->e->soft && d->gate_dpl < g->cpl) {
		text_add(d->t, "; its DPL %u is below the CPL %u", d->gate_dpl, g->cpl);
		return fault(d, VEC_GP, code);
	}
	if (!(d->gate[5] & 0x80)) {
		text_add(d->t, "; the gate isn't present");
		return fault(d, VEC_NP, code);
	}
	return OUT_OK;
}

static enum outcome check_code_segment(struct delivery *d)
{
	const struct guest *g = d->g;
	u32 code = d->selector & ~3u, ar;
	unsigned dpl;
	u8 bytes[8];
	enum outcome o;

	if (!(d->selector & ~3u)) {
		text_add(d->t, "; the selector is null");
		return fault(d, VEC_GP, 0);
	}
	text_add(d->t, "; selector %#x", d->selector);
	o = guest_descriptor(g, d->selector, bytes, 8, d->next, d->t);
	if (o != OUT_OK)
		return o == OUT_FAULT && d->next->vector != VEC_PF ? fault(d, VEC_GP, code) : o;
	ar = descriptor_ar(bytes);
	dpl = AR_DPL(ar);
	text_add(d->t, " is ");
	explain_decode_ar(ar, d->t);
	if ((ar & (AR_S | BIT(3))) != (AR_S | BIT(3)) || dpl > g->cpl) {
		text_add(d->t, "; %s", dpl > g->cpl ? "its DPL is above the CPL" : "it is no code "
						      "segment");
		return fault(d, VEC_GP, code);
	}
	if (g->ia32e && (!(ar & AR_L) || (ar & AR_DB))) {
		text_add(d->t, "; it isn't a 64-bit one (L 1, D 0), and handlers in IA-32e mode must be");
		return fault(d, VEC_GP, code);
	}
	if (!(ar & AR_P)) {
		text_add(d->t, "; it isn't present");
		return fault(d, VEC_NP, code);
	}
	d->cs_ar = ar;
	d->cs_limit = descriptor_limit(bytes);
	d->new_cpl = ar & BIT(2) ? g->cpl : dpl;	/* conforming: CPL stays */
	return OUT_OK;
}

/* New stack pointer from a 64-bit TSS: IST, or RSPn on a change of privilege. */
static enum outcome stack_64(struct delivery *d, u64 *rsp)
{
	const struct guest *g = d->g;
	const struct x86_seg *tr = &g->seg[SEG_TR];
	u32 at;
	enum outcome o;

	*rsp = g->rsp;
	if (!d->ist && d->new_cpl >= g->cpl) {
		if (!(g->have & HAVE_RSP))
			text_add(d->t, "; RSP is not in the dump");
		return g->have & HAVE_RSP ? OUT_OK : OUT_UNKNOWN;
	}
	at = d->ist ? 0x24 + 8 * (d->ist - 1) : 4 + 8 * d->new_cpl;
	text_add(d->t, "; %s%u from the TSS at %#llx, offset %#x", d->ist ? "IST" : "RSP",
		 d->ist ? d->ist : d->new_cpl, ULL(tr->base), at);
	if (!(g->have & HAVE_SEG(SEG_TR))) {
		text_add(d->t, ", which is not in the dump");
		return OUT_UNKNOWN;
	}
	if (at + 7 > tr->limit) {
		text_add(d->t, ", is beyond TR's limit %#x", tr->limit);
		return fault(d, VEC_TS, tr->sel & ~3u);
	}
	o = read(d, tr->base + at, rsp, 8, "stack pointer");
	if (o == OUT_OK)
		text_add(d->t, ", is %#llx", ULL(*rsp));
	return o;
}

static enum outcome push_64(struct delivery *d)
{
	unsigned size = d->e->has_error ? 48 : 40;
	u64 rsp;
	enum outcome o = stack_64(d, &rsp);

	if (o != OUT_OK)
		return o;
	rsp &= ~15ull;
	if (!canonical_in(d->g, rsp - size)) {
		text_add(d->t, "; the stack pointer %#llx isn't canonical", ULL(rsp));
		return fault(d, VEC_SS, 0);
	}
	text_add(d->t, "; pushing %u bytes below RSP %#llx: ", size, ULL(rsp));
	o = guest_touch(d->g, rsp - size, ACCESS_WRITE | (d->new_cpl == 3 ? ACCESS_USER : 0), size,
			d->next, d->t);
	if (o == OUT_OK)
		text_add(d->t, "possible");
	return o;
}

/* SS:ESP of an inner ring from a 32-bit TSS, with the checks on that SS. */
static enum outcome inner_stack_32(struct delivery *d, struct x86_seg *ss, u64 *esp)
{
	const struct x86_seg *tr = &d->g->seg[SEG_TR];
	bool tss32 = tr->ar & BIT(3);
	u32 at = tss32 ? 4 + 8 * d->new_cpl : 2 + 4 * d->new_cpl, need = tss32 ? 6 : 4;
	u8 bytes[8] = { 0 };
	u32 code;
	enum outcome o;

	text_add(d->t, "; the ring-%u stack from the TSS at %#llx, offset %#x", d->new_cpl,
		 ULL(tr->base), at);
	if (at + need - 1 > tr->limit) {
		text_add(d->t, ", is beyond TR's limit %#x", tr->limit);
		return fault(d, VEC_TS, tr->sel & ~3u);
	}
	o = read(d, tr->base + at, bytes, need, "stack pointer");
	if (o != OUT_OK)
		return o;
	*esp = tss32 ? bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (u64)bytes[3] << 24 :
		       (u64)(bytes[0] | bytes[1] << 8);
	ss->sel = (u16)(tss32 ? bytes[4] | bytes[5] << 8 : bytes[2] | bytes[3] << 8);
	code = ss->sel & ~3u;
	text_add(d->t, ", is %#x:%#llx", ss->sel, ULL(*esp));
	if (!code) {
		text_add(d->t, "; SS is null");
		return fault(d, VEC_TS, 0);
	}
	o = guest_descriptor(d->g, ss->sel, bytes, 8, d->next, d->t);
	if (o != OUT_OK)
		return o == OUT_FAULT && d->next->vector != VEC_PF ? fault(d, VEC_TS, code) : o;
	ss->ar = descriptor_ar(bytes);
	ss->limit = descriptor_limit(bytes);
	ss->base = bytes[2] | (u64)bytes[3] << 8 | (u64)bytes[4] << 16 | (u64)bytes[7] << 24;
	if ((ss->ar & (AR_S | BIT(3) | BIT(1))) != (AR_S | BIT(1)) ||
	    AR_DPL(ss->ar) != d->new_cpl || (ss->sel & 3u) != d->new_cpl) {
		text_add(d->t, "; that SS isn't writable data of ring %u", d->new_cpl);
		return fault(d, VEC_TS, code);
	}
	if (!(ss->ar & AR_P)) {
		text_add(d->t, "; that SS isn't present");
		return fault(d, VEC_SS, code);
	}
	return OUT_OK;
}

static enum outcome push_32(struct delivery *d)
{
	const struct guest *g = d->g;
	struct x86_seg ss = g->seg[SEG_SS];
	unsigned width = d->gate_type & 8 ? 4 : 2, n = 3 + d->e->has_error;
	bool inner = d->new_cpl < g->cpl;
	u64 esp = g->rsp, at;
	enum outcome o;

	if ((g->have & (HAVE_RSP | HAVE_SEG(SEG_SS) | HAVE_SEG(SEG_TR))) !=
	    (HAVE_RSP | HAVE_SEG(SEG_SS) | HAVE_SEG(SEG_TR))) {
		text_add(d->t, "; SS:ESP or TR is not in the dump");
		return OUT_UNKNOWN;
	}
	if (inner) {
		o = inner_stack_32(d, &ss, &esp);
		if (o != OUT_OK)
			return o;
		n += g->v86 ? 6 : 2;
	}
	at = (esp - n * width) & (ss.ar & AR_DB ? 0xffffffff : 0xffff);
	text_add(d->t, "; pushing %u bytes at SS:%#llx: ", n * width, ULL(at));
	if (!within_limit(&ss, at, n * width)) {
		text_add(d->t, "beyond SS's limit %#x", ss.limit);
		return fault(d, VEC_SS, inner ? ss.sel & ~3u : 0);
	}
	o = guest_touch(g, ss.base + at, ACCESS_WRITE | (d->new_cpl == 3 ? ACCESS_USER : 0),
			n * width, d->next, d->t);
	if (o == OUT_OK)
		text_add(d->t, "possible");
	return o;
}

static enum outcome check_target(struct delivery *d)
{
	if (d->g->ia32e ? !canonical_in(d->g, d->offset) : d->offset > d->cs_limit) {
		text_add(d->t, "; the handler's address is %s",
			 d->g->ia32e ? "not canonical" : "beyond its segment's limit");
		return fault(d, VEC_GP, 0);
	}
	return OUT_OK;
}

static enum outcome deliver_protected(struct delivery *d)
{
	enum outcome o = check_gate(d);

	if (o != OUT_OK)
		return o;
	if (d->gate_type == 5) {
		text_add(d->t, "; a task switch, which this program doesn't follow");
		return OUT_UNKNOWN;
	}
	o = check_code_segment(d);
	if (o == OUT_OK)
		o = d->g->ia32e ? push_64(d) : push_32(d);
	return o == OUT_OK ? check_target(d) : o;
}

enum outcome guest_deliver(const struct guest *g, const struct event *e, struct event *next,
			   struct text *t)
{
	struct delivery d = { .g = g, .e = e, .next = next, .t = t };

	if (!(g->have & HAVE_IDT) || !(g->have & HAVE_CR0)) {
		text_add(t, "IDTR or CR0 is not in the dump");
		return OUT_UNKNOWN;
	}
	return g->real ? deliver_real(&d) : deliver_protected(&d);
}
