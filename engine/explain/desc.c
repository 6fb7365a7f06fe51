/* SPDX-License-Identifier: MIT */
/* Segment descriptors in guest memory: SDM3 "Segment Descriptors". */
#include "fault.h"

u32 descriptor_ar(const u8 *d)
{
	return d[5] | (u32)(d[6] & 0xf0) << 8;
}

u32 descriptor_limit(const u8 *d)
{
	u32 limit = d[0] | (u32)d[1] << 8 | (u32)(d[6] & 15) << 16;

	return d[6] & 0x80 ? limit << 12 | 0xfff : limit;
}

enum outcome guest_descriptor(const struct guest *g, u16 selector, u8 *to, unsigned size,
			      struct event *e, struct text *t)
{
	bool local = selector & 4;
	u64 base = local ? g->seg[SEG_LDTR].base : g->gdt_base;
	u32 limit = local ? g->seg[SEG_LDTR].limit : g->gdt_limit, at = selector & ~7u;
	const char *table = local ? "LDT" : "GDT";
	size_t used;
	enum outcome o;

	if (!(g->have & (local ? HAVE_SEG(SEG_LDTR) : HAVE_GDT))) {
		text_add(t, "; the %s's place is not in the dump", table);
		return OUT_UNKNOWN;
	}
	if (local && (g->seg[SEG_LDTR].ar & AR_UNUSABLE)) {
		text_add(t, " points into the LDT, and there is none");
		*e = (struct event){ .vector = VEC_GP };
		return OUT_FAULT;
	}
	if (at + size - 1 > limit) {
		text_add(t, " (bytes %u to %u of the %s) is beyond its limit %#x", at,
			 at + size - 1, table, limit);
		*e = (struct event){ .vector = VEC_GP };
		return OUT_FAULT;
	}
	used = t->used;
	text_add(t, "; its descriptor in the %s can't be read: ", table);
	o = guest_read(g, base + at, 0, to, size, e, t);
	if (o == OUT_OK) {
		t->used = used;
		t->at[used] = 0;
	}
	return o;
}

static enum outcome refuse(struct event *e, unsigned vector, u16 selector)
{
	*e = (struct event){ .vector = (u8)vector, .has_error = true, .error = selector & ~3u };
	return OUT_FAULT;
}

static enum outcome check_loaded(const struct guest *g, enum seg s, u16 selector, u32 ar,
				 struct event *e, struct text *t)
{
	unsigned dpl = AR_DPL(ar), rpl = selector & 3;
	bool code = ar & BIT(3), writable_or_readable = ar & BIT(1);
	bool fits = s == SEG_CS ? code : s == SEG_SS ? !code && writable_or_readable :
		    !code || writable_or_readable;

	if (!(ar & AR_S) || !fits) {
		text_add(t, "; %s can't be loaded with that", explain_seg_names[s]);
		return refuse(e, VEC_GP, selector);
	}
	if (s == SEG_SS ? dpl != g->cpl || rpl != g->cpl :
	    s == SEG_CS ? (ar & BIT(2) ? dpl > g->cpl : dpl != g->cpl || rpl > g->cpl) :
	    !(code && (ar & BIT(2))) && (dpl < g->cpl || dpl < rpl)) {
		text_add(t, "; DPL %u and RPL %u don't allow it at CPL %u", dpl, rpl, g->cpl);
		return refuse(e, VEC_GP, selector);
	}
	if (s == SEG_CS && g->ia32e && (ar & AR_L) && (ar & AR_DB)) {
		text_add(t, "; L and D are both 1");
		return refuse(e, VEC_GP, selector);
	}
	if (!(ar & AR_P)) {
		text_add(t, "; it isn't present");
		return refuse(e, s == SEG_SS ? VEC_SS : VEC_NP, selector);
	}
	return OUT_OK;
}

enum outcome guest_load_segment(const struct guest *g, enum seg s, u16 selector,
				struct event *e, struct text *t)
{
	u8 bytes[8];
	u32 ar;
	enum outcome o;

	if (g->real || g->v86)
		return OUT_OK;
	text_add(t, "the instruction at RIP %#llx loads %s with selector %#x", ULL(g->rip),
		 explain_seg_names[s], selector);
	if (!(selector & ~3u)) {
		if (s != SEG_CS && (s != SEG_SS || (guest_in_64bit(g) && g->cpl != 3)))
			return OUT_OK;
		text_add(t, ", a null one");
		return refuse(e, VEC_GP, 0);
	}
	o = guest_descriptor(g, selector, bytes, 8, e, t);
	if (o == OUT_FAULT && e->vector != VEC_PF)
		return refuse(e, VEC_GP, selector);
	if (o != OUT_OK)
		return o;
	ar = descriptor_ar(bytes);
	/* System descriptors: call gates, tasks. Not followed. */
	if (s == SEG_CS && !(ar & AR_S) && (ar & AR_TYPE)) {
		text_add(t, ", a gate or task");
		return OUT_UNKNOWN;
	}
	text_add(t, ", which is ");
	explain_decode_ar(ar, t);
	return check_loaded(g, s, selector, ar, e, t);
}
