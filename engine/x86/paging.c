/* SPDX-License-Identifier: MIT */
/* SDM3 "Paging": 32-bit, PAE, 4-level and 5-level translation. */
#include "paging.h"

#include "../core/backend.h"
#include "../core/regs.h"
#include "../core/vm.h"
#include "exits.h"

#define PTE_P	BIT(0)
#define PTE_W	BIT(1)
#define PTE_U	BIT(2)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7)
#define PTE_NX	BIT(63)
#define PTE_ADDR BITS(51, 12)

struct walk {
	unsigned levels;	/* of tables */
	unsigned entry_size;	/* 4 or 8 */
	unsigned index_bits;
	bool nx, wp, smep, smap, pse;
};

static struct walk walk_of(struct vcpu *v)
{
	struct walk w = {
		.levels = 2, .entry_size = 4, .index_bits = 10,
		.nx = v->efer & EFER_NXE, .wp = v->cr0 & CR0_WP,
		.smep = v->cr4 & CR4_SMEP, .smap = v->cr4 & CR4_SMAP,
		.pse = v->cr4 & CR4_PSE,
	};

	if (v->cr4 & CR4_PAE) {
		w.entry_size = 8;
		w.index_bits = 9;
		w.pse = true;
		w.levels = !(v->efer & EFER_LMA) ? 3 : (v->cr4 & CR4_LA57) ? 5 : 4;
	} else {
		w.nx = false;
	}
	return w;
}

/* SDM3 "Determination of Access Rights". */
static bool allowed(struct vcpu *v, const struct walk *w, u64 rights, u32 access)
{
	bool user_page = rights & PTE_U;

	if (access & PF_U) {
		if (!user_page)
			return false;
		if ((access & PF_W) && !(rights & PTE_W))
			return false;
	} else {
		if ((access & PF_W) && !(rights & PTE_W) && w->wp)
			return false;
		if (user_page && (access & PF_I) && w->smep)
			return false;
		/* AC excuses what an instruction asks for, not what comes with it. */
		if (user_page && !(access & PF_I) && w->smap &&
		    ((access & PF_IMPLICIT) || !(vcpu_rflags(v) & RFLAGS_AC)))
			return false;
	}
	return !((access & PF_I) && w->nx && (rights & PTE_NX));
}

/* Sets bits in a table entry the way the CPU does, atomically. */
static int mark(struct vcpu *v, u64 at, u64 old, u64 bits, unsigned size)
{
	if ((old & bits) == bits)
		return 0;
	return mem_cmpxchg(v->vm, gphys(at), old, old | bits, size) < 0 ? ERR_NXIO : 0;
}

/*
 * SDM3 "Paging", the formats of entries. Of PAE's PDPTEs the CPU has its own copies,
 * which it judged when it loaded them.
 */
static bool has_reserved_bits(struct vcpu *v, const struct walk *w, u64 entry,
			      unsigned level, bool leaf)
{
	u64 reserved = w->entry_size == 8 && !w->nx ? PTE_NX : 0;

	if (w->entry_size == 4) {
		reserved = leaf && level == 2 ? BIT(21) : 0;
	} else if (leaf && level > 1) {
		reserved |= level == 2 ? BITS(20, 13) : BITS(29, 13);
	} else if (level > 3) {
		reserved |= PTE_PS;
	}
	if (w->levels == 3 && level < 3)
		reserved |= BITS(62, 52);
	/* Rare enough not to look up the width of addresses each time. */
	if (w->entry_size == 8 && UNLIKELY(entry & BITS(51, 32)) && x86_phys_bits(v) < 52)
		reserved |= BITS(51, x86_phys_bits(v));
	return entry & reserved;
}

static u32 fault_code(const struct walk *w, u32 access, u32 cause)
{
	/* The I bit is only reported where fetches can be told apart. */
	if (!w->nx && !w->smep)
		access &= ~PF_I;
	return (access & ~PF_IMPLICIT) | cause;
}

/* Physical address of the byte within a page of the given size. */
static u64 leaf_address(const struct walk *w, u64 entry, u64 la, unsigned shift)
{
	u64 mask = (1ull << shift) - 1, base;

	if (w->entry_size == 4 && shift == 22)	/* PSE-36 */
		base = FIELD(entry, 31, 22) << 22 | FIELD(entry, 20, 13) << 32;
	else if (w->entry_size == 4)
		base = entry & BITS(31, 12);
	else
		base = entry & PTE_ADDR & ~mask;
	return base | (la & mask);
}

static int walk_tables(struct vcpu *v, const struct walk *w, u64 la, u32 access,
		       bool probe, struct gphys *gpa, u32 *error)
{
	u64 table = v->cr3 & (w->levels == 3 ? BITS(31, 5) :
			      w->entry_size == 4 ? BITS(31, 12) : PTE_ADDR);
	u64 rights = PTE_W | PTE_U;
	unsigned level;

	for (level = w->levels; ; level--) {
		unsigned shift = PG_SHIFT + w->index_bits * (level - 1);
		bool pdpte = w->levels == 3 && level == 3;
		u64 index = (la >> shift) & ((1u << w->index_bits) - 1);
		u64 at = table + index * w->entry_size, entry = 0;
		bool leaf;

		if (mem_read_entry(v->vm, gphys(at), &entry, w->entry_size))
			return ERR_NXIO;
		if (!(entry & PTE_P)) {
			*error = fault_code(w, access, 0);
			return ERR_FAULT;
		}
		leaf = level == 1 || (level <= 3 && !pdpte && (entry & PTE_PS) && w->pse);
		if (!pdpte && has_reserved_bits(v, w, entry, level, leaf)) {
			*error = fault_code(w, access, PF_P | PF_RSVD);
			return ERR_FAULT;
		}
		if (!pdpte)
			rights = (rights & entry & (PTE_W | PTE_U)) |
				 ((rights | entry) & PTE_NX);
		if (leaf) {
			if (!allowed(v, w, rights, access)) {
				*error = fault_code(w, access, PF_P);
				return ERR_FAULT;
			}
			gpa->v = leaf_address(w, entry, la, shift);
			return probe ? 0 : mark(v, at, entry, PTE_A |
						((access & PF_W) ? PTE_D : 0),
						w->entry_size);
		}
		if (!probe && !pdpte && mark(v, at, entry, PTE_A, w->entry_size))
			return ERR_NXIO;
		table = entry & (w->entry_size == 4 ? BITS(31, 12) : PTE_ADDR);
	}
}

void paging_fill_identity(u32 *page)
{
	u32 i;

	for (i = 0; i < PG_SIZE / sizeof(*page); i++)
		page[i] = i << 22 | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS;
}

int paging_translate(struct vcpu *v, struct glin la, u32 access, bool probe,
		     struct gphys *gpa, u32 *error)
{
	struct walk w;

	backend->sync_crs(v);
	if (!(v->cr0 & CR0_PG)) {
		gpa->v = la.v & BITS(31, 0);
		return 0;
	}
	if (!(v->efer & EFER_LMA))
		la.v &= BITS(31, 0);
	w = walk_of(v);
	return walk_tables(v, &w, la.v, access, probe, gpa, error);
}

unsigned paging_entries(struct vcpu *v, struct glin la, struct host_word *w,
			struct gphys *gpa, u64 *generation)
{
	unsigned n = 0, level = v->cr4 & CR4_LA57 ? 5 : 4;
	u64 table = v->cr3 & PTE_ADDR, entry;

	for (;; level--) {
		unsigned shift = PG_SHIFT + 9 * (level - 1);
		struct gphys at = gphys(table + 8 * FIELD(la.v >> shift, 8, 0));

		w[n].hva = mem_host_address(v->vm, at, 8, generation);
		if (!w[n].hva || host_read_entry(v->vm, w[n].hva, &entry, 8))
			return 0;
		w[n++].val = entry;
		if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
			return 0;
		if (level == 1 || (level <= 3 && (entry & PTE_PS))) {
			u64 mask = BITS(shift - 1, 0);

			gpa->v = (entry & PTE_ADDR & ~mask) | (la.v & mask);
			return n;
		}
		table = entry & PTE_ADDR;
	}
}
