/* SPDX-License-Identifier: MIT */
/* Memory slots, the host's invalidations of them, and access by the engine. */
#include "mem.h"
#include "table.h"

#include "../core/backend.h"
#include "../core/vm.h"

int mem_create(struct vm *vm)
{
	struct mem *m = &vm->mem;

	host_lock_init(&m->lock);
	m->root_table = host_page_alloc(false);
	if (!m->root_table)
		return ERR_NOMEM;
	m->root = host_phys(m->root_table);
	m->table_pages = 1;
	return 0;
}

void mem_destroy(struct vm *vm)
{
	struct mem *m = &vm->mem;

	if (m->root_table)
		table_free(m, m->root_table, TABLE_LEVELS);
	m->root_table = NULL;
	while (m->spare) {
		void **page = m->spare;

		m->spare = *page;
		host_page_free(page);
	}
	m->spare_count = 0;
	if (m->own_page)
		host_page_free(m->own_page);
	m->own_page = NULL;
}

void mem_flush(struct vm *vm)
{
	u32 i, n = LOAD_ACQUIRE(&vm->vcpu_count);

	for (i = 0; i < n; i++)
		if (vm->vcpus[i])
			vcpu_request(vm->vcpus[i], REQ_TLB);
	host_kick_all(vm);
}

static const struct mem_slot *find_slot(const struct mem *m, u64 gpa)
{
	unsigned i;

	for (i = 0; i < m->slot_top; i++)
		if (gpa - m->slots[i].gpa < m->slots[i].size)
			return &m->slots[i];
	return NULL;
}

static bool overlaps(const struct mem_slot *a, const struct mem_slot *b)
{
	return a->size && b->size && a->gpa < b->gpa + b->size &&
	       b->gpa < a->gpa + a->size;
}

static int check_slot(const struct mem *m, unsigned id, const struct mem_slot *s)
{
	unsigned i;

	if (id >= MEM_SLOTS || ((s->gpa | s->size | s->hva) & PG_OFFSET_MASK) ||
	    s->gpa >= GPA_LIMIT || s->size > GPA_LIMIT - s->gpa ||
	    s->hva + s->size < s->hva)
		return ERR_INVAL;
	if (!s->size && !m->slots[id].size)
		return ERR_INVAL;	/* nothing there to remove */
	if (m->own_page && m->own_gpa - s->gpa < s->size)
		return ERR_EXIST;
	for (i = 0; i < m->slot_top; i++)
		if (i != id && overlaps(&m->slots[i], s))
			return ERR_EXIST;
	return 0;
}

int mem_set_slot(struct vm *vm, unsigned id, const struct mem_slot *slot)
{
	struct mem *m = &vm->mem;
	struct mem_slot *old;
	bool flush = false;
	int rc;

	host_lock(&m->lock);
	rc = check_slot(m, id, slot);
	if (rc) {
		host_unlock(&m->lock);
		return rc;
	}
	old = &m->slots[id];
	if (old->size)
		flush = table_unmap(m, old->gpa, old->gpa + old->size);
	STORE_RELEASE(&m->generation, m->generation + 1);
	FENCE();
	*old = *slot;
	if (id >= m->slot_top)
		m->slot_top = id + 1;
	while (m->slot_top && !m->slots[m->slot_top - 1].size)
		m->slot_top--;
	STORE_RELEASE(&m->generation, m->generation + 1);
	host_unlock(&m->lock);
	if (flush)
		mem_flush(vm);
	return 0;
}

int mem_set_own_page(struct vm *vm, u64 gpa)
{
	struct mem *m = &vm->mem;
	int rc = 0;

	/* CR3 of a guest without long mode has to reach it. */
	if ((gpa & PG_OFFSET_MASK) || gpa >> 32)
		return ERR_INVAL;
	host_lock(&m->lock);
	if (m->own_page && find_slot(m, gpa))
		rc = ERR_EXIST;
	else
		m->own_gpa = gpa;
	host_unlock(&m->lock);
	return rc;
}

/* The part of a slot's guest addresses whose memory lies in [start, end). */
static bool unmap_host_range(struct mem *m, u64 start, u64 end)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < m->slot_top; i++) {
		const struct mem_slot *s = &m->slots[i];
		u64 from = start > s->hva ? start : s->hva;
		u64 to = end < s->hva + s->size ? end : s->hva + s->size;

		if (from < to)
			any |= table_unmap(m, s->gpa + (from - s->hva),
					   s->gpa + (to - s->hva));
	}
	return any;
}

bool mem_invalidate_begin(struct vm *vm, u64 start, u64 end)
{
	struct mem *m = &vm->mem;
	bool any;

	host_lock(&m->lock);
	if (!m->inval_active++) {
		m->inval_start = start;
		m->inval_end = end;
	} else {
		if (start < m->inval_start)
			m->inval_start = start;
		if (end > m->inval_end)
			m->inval_end = end;
	}
	any = unmap_host_range(m, start, end);
	host_unlock(&m->lock);
	if (any)
		mem_flush(vm);
	return any;
}

void mem_invalidate_end(struct vm *vm)
{
	struct mem *m = &vm->mem;

	host_lock(&m->lock);
	m->inval_seq++;
	m->inval_active--;
	host_unlock(&m->lock);
}

/*
 * A copy of the slot that has gpa, and the generation it is of. No lock: what it
 * says may be out of date as soon as it is said, like anything about slots.
 */
static bool look_up(struct mem *m, u64 gpa, struct mem_slot *slot, u64 *generation)
{
	for (;;) {
		u64 before = LOAD_ACQUIRE(&m->generation);
		const struct mem_slot *s = find_slot(m, gpa);

		if (s)
			*slot = *s;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (LIKELY(!(before & 1) && LOAD(&m->generation) == before)) {
			*generation = before;
			return s;
		}
		/* A change is under way: it ends with the lock. */
		host_lock(&m->lock);
		host_unlock(&m->lock);
	}
}

/* Host address of gpa and the bytes left behind it in its slot; 0: none. */
static u64 resolve(struct mem *m, u64 gpa, bool write, u64 *hva)
{
	struct mem_slot s;
	u64 generation;

	if (!look_up(m, gpa, &s, &generation) || (write && (s.flags & SLOT_READONLY)))
		return 0;
	*hva = s.hva + (gpa - s.gpa);
	return s.size - (gpa - s.gpa);
}

bool mem_is_ram(struct vm *vm, struct gphys gpa, bool write)
{
	u64 hva = 0;

	return resolve(&vm->mem, gpa.v, write, &hva);
}

u64 mem_host_address(struct vm *vm, struct gphys gpa, unsigned n, u64 *generation)
{
	struct mem_slot s;

	if (!look_up(&vm->mem, gpa.v, &s, generation) || s.size - (gpa.v - s.gpa) < n)
		return 0;
	return s.hva + (gpa.v - s.gpa);
}

bool mem_is_hole(struct vm *vm, struct gphys gpa, u64 *generation)
{
	struct mem_slot s;

	return !look_up(&vm->mem, gpa.v, &s, generation);
}

int mem_read_entry(struct vm *vm, struct gphys gpa, u64 *val, unsigned size)
{
	u64 hva = 0;

	if (UNLIKELY(resolve(&vm->mem, gpa.v, false, &hva) < size))
		return ERR_FAULT;
	return host_read_entry(vm, hva, val, size);
}

int mem_read(struct vm *vm, struct gphys gpa, void *dst, size_t n)
{
	u64 hva = 0;

	while (n) {
		u64 chunk = resolve(&vm->mem, gpa.v, false, &hva);

		if (!chunk)
			return ERR_FAULT;
		if (chunk > n)
			chunk = n;
		if (host_copy_from(vm, dst, hva, chunk))
			return ERR_FAULT;
		gpa.v += chunk;
		dst = (char *)dst + chunk;
		n -= chunk;
	}
	return 0;
}

int mem_write(struct vm *vm, struct gphys gpa, const void *src, size_t n)
{
	u64 hva = 0;

	while (n) {
		u64 chunk = resolve(&vm->mem, gpa.v, true, &hva);

		if (!chunk)
			return ERR_FAULT;
		if (chunk > n)
			chunk = n;
		if (host_copy_to(vm, hva, src, chunk))
			return ERR_FAULT;
		gpa.v += chunk;
		src = (const char *)src + chunk;
		n -= chunk;
	}
	return 0;
}

int mem_cmpxchg(struct vm *vm, struct gphys gpa, u64 old, u64 val, unsigned n)
{
	u64 hva = 0;

	if (resolve(&vm->mem, gpa.v, true, &hva) < n || (gpa.v & (n - 1)))
		return ERR_FAULT;
	return host_cmpxchg(vm, hva, old, val, n);
}

/* -- Faults ------------------------------------------------------------------- */

static int fill_spare(struct vm *vm)
{
	struct mem *m = &vm->mem;

	while (LOAD(&m->spare_count) < TABLE_LEVELS) {
		void **page = host_page_alloc(false);

		if (!page)
			return ERR_NOMEM;
		host_lock(&m->lock);
		*page = m->spare;
		m->spare = page;
		m->spare_count++;
		host_unlock(&m->lock);
	}
	return 0;
}

/* Largest level at which slot and host memory agree around gpa. */
static unsigned fault_level(struct vm *vm, const struct mem_slot *s, u64 gpa)
{
	unsigned max = backend_caps.s2_1g ? 3 : backend_caps.s2_2m ? 2 : 1;
	unsigned level;

	if (max > 1) {
		level = host_page_level(vm, s->hva + (gpa - s->gpa));
		if (level < max)
			max = level;
	}
	for (level = max; level > 1; level--) {
		u64 mask = level_size(level) - 1, base = gpa & ~mask;

		if (!((s->gpa ^ s->hva) & mask) && base >= s->gpa &&
		    base + mask < s->gpa + s->size)
			break;
	}
	return level;
}

/* With the page in hand: map it, unless the world has changed meanwhile. */
static bool install(struct vm *vm, u64 gpa, u64 seq, u64 generation,
		    const struct host_page *page)
{
	struct mem *m = &vm->mem;
	struct table_garbage garbage = { NULL, 0, false };
	const struct mem_slot *s;
	unsigned level;
	u64 hva = 0;
	bool ok = false;

	host_lock(&m->lock);
	s = find_slot(m, gpa);
	if (!s || m->generation != generation || m->inval_seq != seq ||
	    m->spare_count < TABLE_LEVELS)
		goto out;
	hva = s->hva + (gpa - s->gpa);
	if (m->inval_active && hva >= m->inval_start && hva < m->inval_end)
		goto out;
	level = fault_level(vm, s, gpa);
	m->faults[level]++;
	table_map(m, gpa, page->pa.v, level,
		  page->writable && !(s->flags & SLOT_READONLY), &garbage);
	ok = true;
out:
	host_unlock(&m->lock);
	if (garbage.flush)
		mem_flush(vm);
	if (garbage.table) {
		host_lock(&m->lock);
		table_free(m, garbage.table, garbage.level);
		host_unlock(&m->lock);
	}
	return ok;
}

static enum mem_result map_own_page(struct vm *vm)
{
	struct table_garbage garbage = { NULL, 0, false };
	struct mem *m = &vm->mem;

	if (fill_spare(vm))
		return MEM_ERROR;
	host_lock(&m->lock);
	/* Its own slot-free page: no leaf and no table that this could displace. */
	if (m->spare_count >= TABLE_LEVELS)
		table_map(m, m->own_gpa, host_phys(m->own_page).v, 1, true, &garbage);
	host_unlock(&m->lock);
	return MEM_MAPPED;
}

/*
 * Whoever invalidates may have lost its CPU to this thread: after a few tries the
 * guest tries again, and the run loop looks at signals and gives the CPU away.
 */
#define FAULT_TRIES	4

enum mem_result mem_fault(struct vm *vm, struct gphys gpa, unsigned access)
{
	struct mem *m = &vm->mem;
	struct mem_slot s;
	struct host_page page;
	unsigned tries = FAULT_TRIES;
	u64 seq, generation;
	bool done;
	int rc;

	gpa.v &= ~PG_OFFSET_MASK;
	if (UNLIKELY(m->own_page && gpa.v == m->own_gpa))
		return map_own_page(vm);
	do {
		/* Before the page is looked up; install() looks at it again. */
		seq = LOAD_ACQUIRE(&m->inval_seq);
		if (!look_up(m, gpa.v, &s, &generation) ||
		    ((access & MEM_WRITE) && (s.flags & SLOT_READONLY)))
			return MEM_MMIO;
		if (fill_spare(vm))
			return MEM_ERROR;
		rc = host_page_get(vm, s.hva + (gpa.v - s.gpa), access & MEM_WRITE, &page);
		if (rc)
			return rc == ERR_INTR ? MEM_SIGNAL : MEM_ERROR;
		done = install(vm, gpa.v, seq, generation, &page);
		host_page_put(&page, page.writable);
	} while (!done && --tries);
	return MEM_MAPPED;
}
