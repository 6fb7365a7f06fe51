/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "../core/backend.h"

static unsigned index_at(u64 gpa, unsigned level)
{
	return (gpa >> level_shift(level)) & (TABLE_ENTRIES - 1);
}

static bool is_present(u64 entry)
{
	return entry & backend->s2->present;
}

static bool is_leaf(u64 entry, unsigned level)
{
	return level == 1 || (entry & backend->s2->large);
}

static u64 *table_of(u64 entry)
{
	return host_virt(hphys(entry & backend->s2->addr));
}

static void count_leaf(struct mem *m, unsigned level, int by)
{
	if (level == 1)
		m->pages_4k += by;
	else if (level == 2)
		m->pages_2m += by;
	else
		m->pages_1g += by;
}

static u64 *take_spare(struct mem *m)
{
	void **page = m->spare;

	m->spare = *page;
	m->spare_count--;
	*page = NULL;
	m->table_pages++;
	return (u64 *)page;
}

static u64 leaf_entry(u64 pa, unsigned level, bool writable)
{
	const struct s2_format *f = backend->s2;

	return (pa & f->addr & ~(level_size(level) - 1)) | f->leaf |
	       (writable ? f->writable : 0) | (level > 1 ? f->large : 0);
}

/* Has another vCPU mapped this already, at least as well? */
static bool already_mapped(u64 old, u64 gpa, u64 pa, unsigned level, bool writable)
{
	const struct s2_format *f = backend->s2;
	u64 size = level_size(level);

	return ((old & f->addr & ~(size - 1)) | (gpa & (size - 1) & ~PG_OFFSET_MASK)) ==
	       (pa & ~PG_OFFSET_MASK) && (!writable || (old & f->writable));
}

void table_map(struct mem *m, u64 gpa, u64 pa, unsigned level, bool writable,
	       struct table_garbage *garbage)
{
	u64 *table = m->root_table, *entry, old;
	unsigned l;

	for (l = TABLE_LEVELS; ; l--) {
		entry = &table[index_at(gpa, l)];
		old = *entry;
		if (l == level)
			break;
		if (is_present(old) && is_leaf(old, l)) {
			if (already_mapped(old, gpa, pa, l, writable))
				return;
			/*
			 * A smaller page replaces part of a larger one. The rest
			 * stays valid until the host changes it, but then nobody
			 * would find it here to unmap: flush now.
			 */
			garbage->flush = true;
			count_leaf(m, l, -1);
			old = 0;
		}
		if (!is_present(old)) {
			old = (host_phys(take_spare(m)).v & backend->s2->addr) |
			      backend->s2->table;
			STORE(entry, old);
		}
		table = table_of(old);
	}
	if (is_present(old)) {
		if (!is_leaf(old, l)) {
			*garbage = (struct table_garbage){ table_of(old), l - 1, true };
		} else {
			count_leaf(m, l, -1);
			if ((old ^ pa) & backend->s2->addr & ~(level_size(level) - 1))
				garbage->flush = true;
		}
	}
	STORE(entry, leaf_entry(pa, level, writable));
	count_leaf(m, level, 1);
}

/* Next address after gpa that starts an entry of this level, at most end. */
static u64 next_entry(u64 gpa, unsigned level, u64 end)
{
	u64 next = (gpa & ~(level_size(level) - 1)) + level_size(level);

	return next < end ? next : end;
}

bool table_unmap(struct mem *m, u64 gpa, u64 end)
{
	bool any = false;

	while (gpa < end) {
		u64 *table = m->root_table;
		unsigned l;

		/* Down to the leaf, or to the first entry that isn't there. */
		for (l = TABLE_LEVELS; l > 1; l--) {
			u64 entry = table[index_at(gpa, l)];

			if (!is_present(entry) || is_leaf(entry, l))
				break;
			table = table_of(entry);
		}
		/* Along this table as far as it goes. */
		for (;;) {
			u64 *entry = &table[index_at(gpa, l)];

			if (is_present(*entry)) {
				if (!is_leaf(*entry, l))
					break;
				STORE(entry, 0);
				count_leaf(m, l, -1);
				any = true;
			}
			gpa = next_entry(gpa, l, end);
			if (gpa >= end || index_at(gpa, l) == 0)
				break;
		}
	}
	return any;
}

void table_free(struct mem *m, u64 *table, unsigned level)
{
	struct { u64 *table; unsigned i; } stack[TABLE_LEVELS];
	unsigned depth = 0;

	stack[0].table = table;
	stack[0].i = 0;
	for (;;) {
		unsigned l = level - depth;
		u64 entry;

		if (stack[depth].i == TABLE_ENTRIES) {
			host_page_free(stack[depth].table);
			m->table_pages--;
			if (!depth--)
				return;
			continue;
		}
		entry = stack[depth].table[stack[depth].i++];
		if (!is_present(entry))
			continue;
		if (is_leaf(entry, l)) {
			count_leaf(m, l, -1);
			continue;
		}
		depth++;
		stack[depth].table = table_of(entry);
		stack[depth].i = 0;
	}
}

unsigned table_walk(struct mem *m, u64 gpa, u64 entries[TABLE_LEVELS])
{
	u64 *table = m->root_table;
	unsigned n = 0, l;

	for (l = TABLE_LEVELS; l; l--) {
		u64 entry = table[index_at(gpa, l)];

		entries[n++] = entry;
		if (!is_present(entry) || is_leaf(entry, l))
			break;
		table = table_of(entry);
	}
	return n;
}
