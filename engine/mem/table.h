/* SPDX-License-Identifier: MIT */
/*
 * The second-level page tables: four levels of 512 entries, EPT or NPT by the
 * back end's struct s2_format. Everything here needs the VM's memory lock.
 */
#ifndef VELLUM_ENGINE_MEM_TABLE_H
#define VELLUM_ENGINE_MEM_TABLE_H

#include "mem.h"

#define TABLE_LEVELS	4
#define TABLE_ENTRIES	512
#define GPA_LIMIT	BIT(48)

static inline unsigned level_shift(unsigned level)
{
	return PG_SHIFT + 9 * (level - 1);
}

static inline u64 level_size(unsigned level)
{
	return 1ull << level_shift(level);
}

/* What a change left behind that hardware may still be using. */
struct table_garbage {
	u64 *table;		/* to free after a flush, or NULL */
	unsigned level;
	bool flush;		/* cached translations are stale */
};

/*
 * Maps the page of size level_size(level) around gpa to pa. Takes table pages
 * from m->spare; the caller has put TABLE_LEVELS there. If a table stood where
 * the leaf now is, garbage gets it.
 */
void table_map(struct mem *m, u64 gpa, u64 pa, unsigned level, bool writable,
	       struct table_garbage *garbage);

/* Clears all leaves that touch [gpa, end). True if there were any. */
bool table_unmap(struct mem *m, u64 gpa, u64 end);

/* Frees a table and all below it; its leaves are gone from the statistics. */
void table_free(struct mem *m, u64 *table, unsigned level);

/*
 * The entries met on the way to gpa, root first; returns how many. For
 * diagnostics.
 */
unsigned table_walk(struct mem *m, u64 gpa, u64 entries[TABLE_LEVELS]);

#endif
