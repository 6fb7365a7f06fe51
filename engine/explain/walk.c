/* SPDX-License-Identifier: MIT */
/* Guest memory as far as it is known, and SDM3 "Paging" over it. */
#include "fault.h"

#define PTE_P		BIT(0)
#define PTE_W		BIT(1)
#define PTE_U		BIT(2)
#define PTE_PS		BIT(7)
#define PTE_NX		BIT(63)
#define PTE_ADDR	BITS(51, 12)

#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD	BIT(3)
#define PF_I	BIT(4)

static bool read_bytes(const struct explain_state *s, enum explain_space space, u64 at,
		       u8 *to, unsigned size)
{
	unsigned i, k;

	for (i = 0; i < size; i++) {
		for (k = 0; k < s->n_memory; k++) {
			const struct explain_memory *m = &s->memory[k];

			if (m->space == space && at + i - m->address < m->size)
				break;
		}
		if (k == s->n_memory)
			return space == SPACE_PHYSICAL && s->read_physical &&
			       s->read_physical(s->read_arg, at + i, to + i, size - i);
		to[i] = s->memory[k].bytes[at + i - s->memory[k].address];
	}
	return true;
}

bool canonical_in(const struct guest *g, u64 linear)
{
	unsigned bits = g->cr4 & CR4_LA57 ? 57 : 48;
	u64 high = linear & BITS(63, bits - 1);

	return !high || high == BITS(63, bits - 1);
}

/* -- The walk ----------------------------------------------------------------------- */

struct walk {
	unsigned levels, entry_size, index_bits;
	bool nx;
	u64 reserved;	/* in every entry */
	u64 rights;	/* R/W and U/S of all levels together, NX of any */
};

static const char *const level_names[] = { "", "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

static void walk_init(const struct guest *g, struct walk *w)
{
	unsigned phys = g->s->phys_bits ? g->s->phys_bits : 52;

	*w = (struct walk){ .levels = 2, .entry_size = 4, .index_bits = 10,
			    .rights = PTE_W | PTE_U };
	if (!(g->cr4 & CR4_PAE))
		return;
	w->entry_size = 8;
	w->index_bits = 9;
	w->nx = g->efer & EFER_NXE;
	w->levels = !g->ia32e ? 3 : g->cr4 & CR4_LA57 ? 5 : 4;
	w->reserved = phys < 52 ? BITS(51, phys) : 0;
	if (!w->nx)
		w->reserved |= PTE_NX;
	if (!g->ia32e)
		w->reserved |= BITS(62, 52);
}

static void page_fault(struct event *e, const struct guest *g, const struct walk *w, u32 access,
		       u32 cause)
{
	u32 error = cause;

	if (access & ACCESS_WRITE)
		error |= PF_W;
	if (access & ACCESS_USER)
		error |= PF_U;
	if ((access & ACCESS_FETCH) && (w->nx || (g->cr4 & CR4_SMEP)))
		error |= PF_I;
	*e = (struct event){ .vector = VEC_PF, .has_error = true, .error = error };
}

/* SDM3 "Determination of Access Rights"; NULL: allowed. */
static const char *denied(const struct guest *g, const struct walk *w, u32 access)
{
	bool user_page = w->rights & PTE_U;

	if (access & ACCESS_USER) {
		if (!user_page)
			return "it is a supervisor page (U/S 0)";
		if ((access & ACCESS_WRITE) && !(w->rights & PTE_W))
			return "it isn't writable (R/W 0)";
	} else {
		if ((access & ACCESS_WRITE) && !(w->rights & PTE_W) && (g->cr0 & CR0_WP))
			return "it isn't writable (R/W 0, CR0.WP 1)";
		if (user_page && (access & ACCESS_FETCH) && (g->cr4 & CR4_SMEP))
			return "it is a user page, and CR4.SMEP is 1";
		if (user_page && !(access & ACCESS_FETCH) && (g->cr4 & CR4_SMAP) &&
		    !(g->rflags & RFLAGS_AC))
			return "it is a user page, and CR4.SMAP is 1";
	}
	if ((access & ACCESS_FETCH) && w->nx && (w->rights & PTE_NX))
		return "it isn't executable (XD 1)";
	return NULL;
}

/* Reserved bits of this entry: large pages have more. */
static u64 reserved_in(const struct walk *w, unsigned level, bool leaf, u64 entry)
{
	u64 mask = w->reserved;

	if (w->entry_size == 4)
		return leaf && level == 2 ? entry & BIT(21) : 0;
	if (w->levels == 3 && level == 3)
		return entry & ((mask & ~PTE_NX) | PTE_NX | BITS(2, 1) | BITS(8, 5));
	if (level > 3)
		mask |= PTE_PS;
	if (leaf && level > 1)
		mask |= BITS(12 + 9 * (level - 1) - 1, 13);
	return entry & mask;
}

static u64 leaf_address(const struct walk *w, u64 entry, u64 linear, unsigned shift)
{
	u64 mask = BIT(shift) - 1, base;

	if (w->entry_size == 4 && shift == 22)
		base = FIELD(entry, 31, 22) << 22 | FIELD(entry, 20, 13) << 32;
	else if (w->entry_size == 4)
		base = entry & BITS(31, 12);
	else
		base = entry & PTE_ADDR & ~mask;
	return base | (linear & mask);
}

/* The four PDPTEs of PAE paging are in the VMCS where EPT is on. */
static bool read_entry(const struct guest *g, const struct walk *w, unsigned level, u64 index,
		       u64 at, u64 *entry)
{
	u64 proc2;

	if (w->levels == 3 && level == 3 && g->s->vendor == EXPLAIN_VMX &&
	    explain_get(g->s, F_PROC_CTLS2, &proc2) && (proc2 & BIT(1)) &&
	    explain_get(g->s, F_GUEST_PDPTE0 + 2 * (u32)index, entry))
		return true;
	*entry = 0;
	return read_bytes(g->s, SPACE_PHYSICAL, at, (u8 *)entry, w->entry_size);
}

static enum outcome walk_tables(const struct guest *g, struct walk *w, u64 linear, u32 access,
				u64 *physical, struct event *e, struct text *t)
{
	u64 table = g->cr3 & (w->levels == 3 ? BITS(31, 5) :
			      w->entry_size == 4 ? BITS(31, 12) : PTE_ADDR);
	unsigned level;

	for (level = w->levels; level; level--) {
		unsigned shift = 12 + w->index_bits * (level - 1);
		u64 index = (linear >> shift) & (BIT(w->index_bits) - 1);
		u64 at = table + index * w->entry_size, entry, bad;
		bool pdpte = w->levels == 3 && level == 3, leaf;
		const char *why;

		if (!read_entry(g, w, level, index, at, &entry)) {
			text_add(t, "the %s for linear %#llx, at guest-physical %#llx, is not in "
				    "the dump", level_names[level], ULL(linear), ULL(at));
			return OUT_UNKNOWN;
		}
		if (!(entry & PTE_P)) {
			text_add(t, "linear %#llx isn't mapped: its %s at guest-physical %#llx is "
				    "%#llx, not present", ULL(linear), level_names[level], ULL(at),
				 ULL(entry));
			page_fault(e, g, w, access, 0);
			return OUT_FAULT;
		}
		leaf = level == 1 || (level <= 3 && !pdpte && (entry & PTE_PS) &&
				      (w->entry_size == 8 || (g->cr4 & CR4_PSE)));
		bad = reserved_in(w, level, leaf, entry);
		if (bad) {
			text_add(t, "the %s for linear %#llx, at guest-physical %#llx, is %#llx with "
				    "reserved ", level_names[level], ULL(linear), ULL(at), ULL(entry));
			bits_numbers(bad, t);
			text_add(t, " set%s", (bad & PTE_NX) && !w->nx ? " (EFER.NXE is 0)" : "");
			page_fault(e, g, w, access, PF_P | PF_RSVD);
			return OUT_FAULT;
		}
		if (!pdpte)
			w->rights = (w->rights & entry & (PTE_W | PTE_U)) |
				    ((w->rights | entry) & PTE_NX);
		if (!leaf) {
			table = entry & (w->entry_size == 4 ? BITS(31, 12) : PTE_ADDR);
			continue;
		}
		why = denied(g, w, access);
		if (why) {
			text_add(t, "the page at linear %#llx (its %s at guest-physical %#llx is "
				    "%#llx) doesn't allow it: %s", ULL(linear), level_names[level],
				 ULL(at), ULL(entry), why);
			page_fault(e, g, w, access, PF_P);
			return OUT_FAULT;
		}
		*physical = leaf_address(w, entry, linear, shift);
		return OUT_OK;
	}
	return OUT_UNKNOWN;
}

enum outcome guest_translate(const struct guest *g, u64 linear, u32 access, u64 *physical,
			     struct event *e, struct text *t)
{
	struct walk w;

	if (!g->ia32e)
		linear &= BITS(31, 0);
	if (!(g->cr0 & CR0_PG)) {
		*physical = linear;
		return OUT_OK;
	}
	if ((g->have & (HAVE_CR0 | HAVE_CR3 | HAVE_CR4)) != (HAVE_CR0 | HAVE_CR3 | HAVE_CR4)) {
		text_add(t, "CR0, CR3 or CR4 is not in the dump");
		return OUT_UNKNOWN;
	}
	walk_init(g, &w);
	return walk_tables(g, &w, linear, access, physical, e, t);
}

enum outcome guest_read(const struct guest *g, u64 linear, u32 access, void *to, unsigned size,
			struct event *e, struct text *t)
{
	u8 *bytes = to;
	unsigned done, n;

	if (!g->ia32e)
		linear &= BITS(31, 0);
	if (read_bytes(g->s, SPACE_LINEAR, linear, bytes, size))
		return OUT_OK;
	for (done = 0; done < size; done += n) {
		u64 at = linear + done, physical;
		enum outcome o = guest_translate(g, at, access, &physical, e, t);

		if (o != OUT_OK)
			return o;
		n = (unsigned)(PG_SIZE - (at & PG_OFFSET_MASK));
		if (n > size - done)
			n = size - done;
		if (read_bytes(g->s, SPACE_PHYSICAL, physical, bytes + done, n))
			continue;
		text_add(t, "memory at guest-physical %#llx is not in the dump", ULL(physical));
		return OUT_UNKNOWN;
	}
	return OUT_OK;
}

unsigned explain_code(const struct explain_state *s, u8 *to, unsigned size)
{
	char words[8];
	struct text t = TEXT(words);
	struct guest g;
	struct event e;
	unsigned n;
	u64 base;

	guest_from_state(s, &g);
	if (!(g.have & HAVE_RIP) || !(g.have & HAVE_CR0))
		return 0;
	base = guest_in_64bit(&g) ? 0 : g.seg[SEG_CS].base;
	for (n = 0; n < size; n++)
		if (guest_read(&g, base + g.rip + n,
			       ACCESS_FETCH | (g.cpl == 3 ? ACCESS_USER : 0), to + n, 1, &e,
			       &t) != OUT_OK)
			break;
	return n;
}

unsigned explain_code_bits(const struct explain_state *s)
{
	struct guest g;

	guest_from_state(s, &g);
	if (guest_in_64bit(&g))
		return 64;
	return g.seg[SEG_CS].ar & AR_DB ? 32 : 16;
}

enum outcome guest_touch(const struct guest *g, u64 linear, u32 access, unsigned size,
			 struct event *e, struct text *t)
{
	u64 physical, last = linear + size - 1;
	enum outcome o;
	u8 byte;

	/* Bytes given by linear address are there, and nothing more is known. */
	if (read_bytes(g->s, SPACE_LINEAR, linear, &byte, 1) &&
	    read_bytes(g->s, SPACE_LINEAR, last, &byte, 1))
		return OUT_OK;
	o = guest_translate(g, linear, access, &physical, e, t);
	if (o != OUT_OK || (linear ^ last) >> PG_SHIFT == 0)
		return o;
	return guest_translate(g, last, access, &physical, e, t);
}
