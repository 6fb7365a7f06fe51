/* SPDX-License-Identifier: MIT */
/*
 * Guest memory against a model: slots, the host's page tables, and a TLB that
 * remembers all it ever saw until a flush. The model knows nothing of how tables
 * are built; after each step it looks at all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../engine/core/backend.h"
#include "../../../engine/core/vm.h"
#include "../../../engine/mem/table.h"
#include "../../../host/sim/sim.h"

#define HOST_BASE	0x7f0000000000ull	/* 2 MiB aligned */
#define HOST_PAGES	4096u			/* 16 MiB of the process */
#define GUEST_PAGES	8192u			/* 32 MiB of guest-physical space */
#define LARGE		512u			/* pages of 4 KiB in 2 MiB */

static const struct s2_format format = {
	.present = 7, .table = 7, .leaf = 5 | 6 << 3, .writable = 2, .large = 0x80,
	.addr = BITS(51, 12), .accessed = BIT(8), .dirty = BIT(9),
};
static const struct backend fake_backend = { .name = "fake", .s2 = &format };
const struct backend *backend = &fake_backend;
struct backend_caps backend_caps;

static struct vm *vm;

/* The host's side: what is behind each page of the process. */
static struct {
	u64 pa[HOST_PAGES];
	bool absent[HOST_PAGES], readonly[HOST_PAGES];
	bool large[HOST_PAGES / LARGE];
} host;

/* What a CPU may still have cached, by guest page. */
static struct {
	bool valid, writable;
	u64 pa;
} tlb[GUEST_PAGES];

static u64 flushes_seen;
static void (*on_get)(u64 hva);		/* runs once a page was looked up */
static unsigned gets;
static u64 next_pa = 0x100000000ull;

bool vcpu_runnable(struct vcpu *v);
int __wrap_host_page_get(struct vm *v, u64 hva, bool write, struct host_page *page);
void __wrap_host_page_put(struct host_page *page, bool dirty);
unsigned __wrap_host_page_level(struct vm *v, u64 hva);

bool vcpu_runnable(struct vcpu *v)
{
	(void)v;
	return true;
}

static unsigned host_index(u64 hva)
{
	assert_in_range(hva, HOST_BASE, HOST_BASE + HOST_PAGES * PG_SIZE - 1);
	return (hva - HOST_BASE) / PG_SIZE;
}

static u64 host_address(unsigned page)
{
	return HOST_BASE + page * PG_SIZE;
}

int __wrap_host_page_get(struct vm *v, u64 hva, bool write, struct host_page *page)
{
	unsigned i = host_index(hva);
	void (*hook)(u64) = on_get;

	assert_ptr_equal(v, vm);
	assert_int_equal(sim.locks_held, 0);
	gets++;
	if (host.absent[i] || (write && host.readonly[i]))
		return ERR_FAULT;
	*page = (struct host_page){ hphys(host.pa[i]), !host.readonly[i], NULL };
	if (hook)
		hook(hva);
	return 0;
}

void __wrap_host_page_put(struct host_page *page, bool dirty)
{
	(void)page;
	(void)dirty;
}

unsigned __wrap_host_page_level(struct vm *v, u64 hva)
{
	(void)v;
	assert_int_equal(sim.locks_held, 1);
	return host.large[host_index(hva) / LARGE] ? 2 : 1;
}

/* -- The host changes its mind ------------------------------------------------------- */

static u64 new_pa(unsigned pages)
{
	u64 pa = (next_pa + pages * PG_SIZE - 1) & ~(pages * PG_SIZE - 1);

	next_pa = pa + pages * PG_SIZE;
	return pa;
}

/* A page of its own for each; large areas fall apart. */
static void replace(unsigned page, unsigned n)
{
	unsigned i;

	for (i = page; i < page + n; i++) {
		host.pa[i] = new_pa(1);
		host.absent[i] = host.readonly[i] = false;
		host.large[i / LARGE] = false;
	}
}

static void make_large(unsigned area)
{
	u64 pa = new_pa(LARGE);
	unsigned i;

	for (i = 0; i < LARGE; i++) {
		host.pa[area * LARGE + i] = pa + i * PG_SIZE;
		host.absent[area * LARGE + i] = host.readonly[area * LARGE + i] = false;
	}
	host.large[area] = true;
}

static void begin(unsigned page, unsigned n)
{
	mem_invalidate_begin(vm, host_address(page), host_address(page + n));
}

static void end(void)
{
	mem_invalidate_end(vm);
}

/* -- Looking ------------------------------------------------------------------------- */

/* What the tables say of a guest page: false if nothing. */
static bool mapped(unsigned page, u64 *pa, bool *writable, unsigned *level)
{
	u64 e[TABLE_LEVELS], leaf;
	unsigned n = table_walk(&vm->mem, page * PG_SIZE, e);

	leaf = e[n - 1];
	*level = TABLE_LEVELS + 1 - n;
	if (!(leaf & format.present))
		return false;
	if (*level > 1)
		assert_true(leaf & format.large);
	*pa = (leaf & format.addr & ~(level_size(*level) - 1)) +
	      ((page * PG_SIZE) & (level_size(*level) - 1));
	*writable = leaf & format.writable;
	return true;
}

static const struct mem_slot *slot_at(unsigned page)
{
	unsigned i;

	for (i = 0; i < MEM_SLOTS; i++) {
		const struct mem_slot *s = &vm->mem.slots[i];

		if (s->size && page * PG_SIZE >= s->gpa &&
		    page * PG_SIZE < s->gpa + s->size)
			return s;
	}
	return NULL;
}

/* May the guest reach pa through this page, for writing? */
static void check_right(unsigned page, u64 pa, bool writable)
{
	const struct mem_slot *s = slot_at(page);
	unsigned h;

	assert_non_null(s);
	h = host_index(s->hva + page * PG_SIZE - s->gpa);
	assert_false(host.absent[h]);
	assert_int_equal(pa, host.pa[h]);
	if (writable) {
		assert_false(host.readonly[h]);
		assert_false(s->flags & SLOT_READONLY);
	}
}

static void drop_tlb_if_flushed(void)
{
	if (sim.kick_alls == flushes_seen)
		return;
	flushes_seen = sim.kick_alls;
	memset(tlb, 0, sizeof(tlb));
}

/* Everything that tables or TLBs hold is right, and counted. */
static void check_all(void)
{
	u64 n4k = 0, n2m = 0, pa = 0;
	unsigned page, level;
	bool writable = false;

	drop_tlb_if_flushed();
	for (page = 0; page < GUEST_PAGES; page++) {
		if (tlb[page].valid)
			check_right(page, tlb[page].pa, tlb[page].writable);
		if (!mapped(page, &pa, &writable, &level))
			continue;
		check_right(page, pa, writable);
		if (level == 1)
			n4k++;
		else if (page % LARGE == 0)
			n2m++;
	}
	assert_int_equal(n4k, vm->mem.pages_4k);
	assert_int_equal(n2m, vm->mem.pages_2m);
}

/* The CPU walks: what it finds it remembers, by pages of the size it finds. */
static void touch(unsigned page)
{
	u64 pa = 0;
	unsigned level, i, n;
	bool writable = false;

	drop_tlb_if_flushed();
	if (!mapped(page, &pa, &writable, &level))
		return;
	n = level == 2 ? LARGE : 1;
	page -= page % n;
	pa &= ~(n * PG_SIZE - 1);
	for (i = 0; i < n; i++) {
		tlb[page + i].valid = true;
		tlb[page + i].writable = writable;
		tlb[page + i].pa = pa + i * PG_SIZE;
	}
}

static enum mem_result fault(unsigned page, unsigned access)
{
	unsigned tries = 8, level;
	enum mem_result r;
	bool writable;
	u64 pa;

	/* As a guest does: it tries again until it gets through. */
	do {
		r = mem_fault(vm, gphys(page * PG_SIZE + 0x123), access);
	} while (r == MEM_MAPPED && !mapped(page, &pa, &writable, &level) && --tries);
	assert_true(tries);
	touch(page);
	return r;
}

static int set_slot(unsigned id, unsigned page, unsigned n, unsigned hpage, u32 flags)
{
	struct mem_slot s = {
		.gpa = page * PG_SIZE, .size = n * PG_SIZE,
		.hva = host_address(hpage), .flags = flags,
	};

	return mem_set_slot(vm, id, &s);
}

static int up(void **state)
{
	unsigned i;

	(void)state;
	sim_reset();
	memset(&host, 0, sizeof(host));
	memset(tlb, 0, sizeof(tlb));
	flushes_seen = sim.kick_alls;
	on_get = NULL;
	gets = 0;
	backend_caps = (struct backend_caps){ .s2_2m = true };
	replace(0, HOST_PAGES);
	for (i = 0; i < HOST_PAGES / LARGE; i += 2)
		make_large(i);
	vm = host_alloc(sizeof(*vm));
	return vm ? mem_create(vm) : -1;
}

static int down(void **state)
{
	(void)state;
	check_all();
	mem_destroy(vm);
	assert_int_equal(vm->mem.table_pages, 0);
	assert_int_equal(vm->mem.pages_4k | vm->mem.pages_2m, 0);
	host_free(vm);
	assert_true(sim_clean());
	return 0;
}

/* -- One thing at a time ---------------------------------------------------------------- */

static void test_hole_is_mmio(void **state)
{
	(void)state;
	assert_int_equal(fault(5, MEM_READ), MEM_MMIO);
	assert_int_equal(set_slot(0, 4, 1, 0, 0), 0);
	assert_int_equal(fault(5, MEM_READ), MEM_MMIO);
	assert_int_equal(fault(3, MEM_WRITE), MEM_MMIO);
	assert_int_equal(fault(4, MEM_WRITE), MEM_MAPPED);
}

static void test_slot_rules(void **state)
{
	struct mem_slot s = { .gpa = 0x1000, .size = 0x1000, .hva = HOST_BASE };

	(void)state;
	assert_int_equal(mem_set_slot(vm, MEM_SLOTS, &s), ERR_INVAL);
	s.gpa = 0x1001;
	assert_int_equal(mem_set_slot(vm, 0, &s), ERR_INVAL);
	s.gpa = GPA_LIMIT - 0x1000;
	s.size = 0x2000;
	assert_int_equal(mem_set_slot(vm, 0, &s), ERR_INVAL);
	s.gpa = GPA_LIMIT;
	s.size = 0x1000;
	assert_int_equal(mem_set_slot(vm, 0, &s), ERR_INVAL);
	s.gpa = 0x1000;
	s.hva = ~0xfffull;
	s.size = 0x2000;
	assert_int_equal(mem_set_slot(vm, 0, &s), ERR_INVAL);
	assert_int_equal(set_slot(0, 0, 0, 0, 0), ERR_INVAL);
	assert_int_equal(set_slot(0, 10, 10, 0, 0), 0);
	assert_int_equal(set_slot(1, 19, 1, 0, 0), ERR_EXIST);
	assert_int_equal(set_slot(1, 5, 6, 0, 0), ERR_EXIST);
	assert_int_equal(set_slot(1, 5, 20, 0, 0), ERR_EXIST);
	assert_int_equal(set_slot(1, 20, 1, 0, 0), 0);
	assert_int_equal(set_slot(1, 9, 1, 0, 0), 0);
	assert_int_equal(set_slot(0, 10, 10, 100, 0), 0);
	assert_int_equal(set_slot(0, 0, 0, 0, 0), 0);
}

static void test_large_only_where_all_agree(void **state)
{
	u64 pa;
	bool w;
	unsigned level;

	(void)state;
	assert_int_equal(set_slot(0, LARGE, 2 * LARGE, 0, 0), 0);
	assert_int_equal(fault(LARGE + 7, MEM_READ), MEM_MAPPED);
	assert_true(mapped(LARGE + 9, &pa, &w, &level));
	assert_int_equal(level, 2);
	assert_int_equal(fault(2 * LARGE + 7, MEM_READ), MEM_MAPPED);
	assert_false(mapped(2 * LARGE + 9, &pa, &w, &level));
	/* Guest and host address differ in the low bits. */
	assert_int_equal(set_slot(1, 8 * LARGE + 1, LARGE, 0, 0), 0);
	assert_int_equal(fault(8 * LARGE + 2, MEM_READ), MEM_MAPPED);
	assert_false(mapped(8 * LARGE + 3, &pa, &w, &level));
	/* The slot has only part of the large page. */
	assert_int_equal(set_slot(2, 4 * LARGE, LARGE - 1, 0, 0), 0);
	assert_int_equal(fault(4 * LARGE, MEM_READ), MEM_MAPPED);
	assert_false(mapped(4 * LARGE + 1, &pa, &w, &level));
	/* Or begins in the middle of it. */
	assert_int_equal(set_slot(4, 10 * LARGE + 8, LARGE - 8, 8, 0), 0);
	assert_int_equal(fault(10 * LARGE + 9, MEM_READ), MEM_MAPPED);
	assert_false(mapped(10 * LARGE + 10, &pa, &w, &level));
	/* The CPU has none. */
	backend_caps.s2_2m = false;
	assert_int_equal(set_slot(3, 6 * LARGE, LARGE, 0, 0), 0);
	assert_int_equal(fault(6 * LARGE, MEM_READ), MEM_MAPPED);
	assert_false(mapped(6 * LARGE + 1, &pa, &w, &level));
	assert_int_equal(vm->mem.pages_2m, 1);
}

static void test_one_gigabyte(void **state)
{
	u64 e[TABLE_LEVELS];
	struct table_garbage g = { 0 };
	void *pages[8];
	unsigned i;

	(void)state;
	backend_caps.s2_1g = true;
	for (i = 0; i < 8; i++) {
		pages[i] = host_page_alloc(false);
		*(void **)pages[i] = vm->mem.spare;
		vm->mem.spare = pages[i];
		vm->mem.spare_count++;
	}
	table_map(&vm->mem, 5ull << 30, 7ull << 30, 3, true, &g);
	assert_int_equal(vm->mem.pages_1g, 1);
	assert_int_equal(table_walk(&vm->mem, (5ull << 30) + 0x12345678, e), 2);
	/* A page inside of it splits it: the rest has to be flushed. */
	table_map(&vm->mem, (5ull << 30) + 0x1000, 0x5000, 1, false, &g);
	assert_true(g.flush);
	assert_null(g.table);
	assert_int_equal(vm->mem.pages_1g, 0);
	assert_int_equal(vm->mem.pages_4k, 1);
	/* And back again: the tables below are garbage. */
	table_map(&vm->mem, 5ull << 30, 7ull << 30, 3, true, &g);
	assert_non_null(g.table);
	assert_true(g.flush);
	table_free(&vm->mem, g.table, g.level);
	assert_int_equal(vm->mem.pages_4k, 0);
	assert_true(table_unmap(&vm->mem, 0, GPA_LIMIT));
	assert_int_equal(vm->mem.pages_1g, 0);
	assert_false(table_unmap(&vm->mem, 0, GPA_LIMIT));
}

static void test_read_only_slot(void **state)
{
	u64 pa;
	bool w;
	unsigned level;

	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, 0, SLOT_READONLY), 0);
	assert_int_equal(fault(1, MEM_WRITE), MEM_MMIO);
	assert_int_equal(fault(1, MEM_READ), MEM_MAPPED);
	assert_true(mapped(1, &pa, &w, &level));
	assert_false(w);
	assert_int_equal(fault(1, MEM_WRITE), MEM_MMIO);
}

/* Read-only at first (copy-on-write), writable after a write. */
static void test_upgrade(void **state)
{
	u64 pa;
	bool w;
	unsigned level;

	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	host.readonly[LARGE + 3] = true;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_true(mapped(3, &pa, &w, &level));
	assert_false(w);
	assert_int_equal(fault(3, MEM_WRITE), MEM_ERROR);
	begin(LARGE + 3, 1);
	replace(LARGE + 3, 1);
	end();
	assert_int_equal(fault(3, MEM_WRITE), MEM_MAPPED);
	assert_true(mapped(3, &pa, &w, &level));
	assert_true(w);
}

static void test_no_memory(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	for (i = 1; i <= TABLE_LEVELS; i++) {
		sim.fail_alloc = 1;
		assert_int_equal(fault(3, MEM_READ), MEM_ERROR);
	}
	sim.fail_alloc = 0;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
}

/* -- Races --------------------------------------------------------------------------------- */

static void invalidate_now(u64 hva)
{
	on_get = NULL;
	begin(host_index(hva), 1);
	replace(host_index(hva), 1);
	end();
}

static unsigned rounds;

/* Begins at the first look, ends at the third. */
static void begin_then_end(u64 hva)
{
	if (!rounds++) {
		begin(host_index(hva), 1);
		replace(host_index(hva), 1);
	} else if (rounds == 3) {
		end();
		on_get = NULL;
	}
}

static void remove_slot_now(u64 hva)
{
	(void)hva;
	on_get = NULL;
	assert_int_equal(set_slot(0, 0, 0, 0, 0), 0);
}

static void move_slot_now(u64 hva)
{
	(void)hva;
	on_get = NULL;
	assert_int_equal(set_slot(0, 0, LARGE, 3 * LARGE, 0), 0);
}

static void split_now(u64 hva)
{
	on_get = NULL;
	begin(host_index(hva) + 1, 1);
	replace(host_index(hva) + 1, 1);
	end();
}

static void test_invalidated_while_looking(void **state)
{
	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	on_get = invalidate_now;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_int_equal(gets, 2);
}

static void test_invalidation_under_way(void **state)
{
	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	rounds = 0;
	on_get = begin_then_end;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_true(gets >= 4);
	assert_int_equal(vm->mem.inval_active, 0);
}

/* An invalidation elsewhere, under way, is no obstacle. */
static void test_invalidation_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	begin(3 * LARGE, 5);
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_int_equal(gets, 1);
	end();
}

static void test_slot_goes_while_looking(void **state)
{
	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	on_get = remove_slot_now;
	assert_int_equal(fault(3, MEM_READ), MEM_MMIO);
}

static void test_slot_moves_while_looking(void **state)
{
	u64 pa;
	bool w;
	unsigned level;

	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	on_get = move_slot_now;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_true(mapped(3, &pa, &w, &level));
	assert_int_equal(pa, host.pa[3 * LARGE + 3]);
}

/* The neighbour leaves the large page between the look-up and the mapping. */
static void test_large_page_splits_while_looking(void **state)
{
	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, 0, 0), 0);
	on_get = split_now;
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_int_equal(vm->mem.pages_2m, 0);
}

/* The second of two begins at the first look; they end at the third and the fifth. */
static void begin_then_end_both(u64 hva)
{
	rounds++;
	if (rounds == 1) {
		begin(host_index(hva), 1);
		replace(host_index(hva), 1);
	} else if (rounds == 3) {
		end();
	} else if (rounds == 5) {
		end();
		on_get = NULL;
	}
}

/* Two at once: the second, around the page, counts although another came first. */
static void test_second_invalidation_counts(void **state)
{
	const unsigned first[] = { LARGE, 2 * LARGE };
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
		begin(first[i], 1);
		rounds = 0;
		on_get = begin_then_end_both;
		assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
		assert_true(rounds >= 5);
		assert_int_equal(vm->mem.inval_active, 0);
		check_all();
	}
}

/* One that does not end keeps nobody in the engine: its thread may need this CPU. */
static void test_endless_invalidation(void **state)
{
	u64 pa;
	bool w;
	unsigned level;

	(void)state;
	assert_int_equal(set_slot(0, 0, LARGE, LARGE, 0), 0);
	begin(LARGE, 8);
	assert_int_equal(mem_fault(vm, gphys(3 * PG_SIZE), MEM_READ), MEM_MAPPED);
	assert_false(mapped(3, &pa, &w, &level));
	end();
	assert_int_equal(fault(3, MEM_READ), MEM_MAPPED);
	assert_true(mapped(3, &pa, &w, &level));
}

static void test_nested_invalidations(void **state)
{
	u64 seq = vm->mem.inval_seq;

	(void)state;
	begin(0, 10);
	begin(100, 10);
	end();
	assert_int_equal(vm->mem.inval_active, 1);
	end();
	assert_int_equal(vm->mem.inval_active, 0);
	assert_int_equal(vm->mem.inval_seq, seq + 2);
}

/* -- At random -------------------------------------------------------------------------------- */

static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

static void random_change(void)
{
	unsigned page = rnd(HOST_PAGES), n = 1 + rnd(8);

	if (page + n > HOST_PAGES)
		n = HOST_PAGES - page;
	switch (rnd(6)) {
	case 0: case 4: case 5:	/* a new large page */
		page -= page % LARGE;
		begin(page, LARGE);
		make_large(page / LARGE);
		break;
	case 1:			/* gone */
		begin(page, n);
		replace(page, n);
		memset(&host.absent[page], 1, n);
		break;
	case 2:			/* copy-on-write; a large one falls apart in place */
		page -= page % LARGE;
		begin(page, LARGE);
		host.large[page / LARGE] = false;
		memset(&host.readonly[page], rnd(2), LARGE);
		break;
	default:
		begin(page, n);
		replace(page, n);
	}
	end();
}

static void random_slot(void)
{
	unsigned id = rnd(6), n = rnd(2) ? LARGE * (1 + rnd(3)) : 1 + rnd(700);
	unsigned page = rnd(2) ? LARGE * rnd(12) : rnd(6000);
	unsigned hpage = rnd(2) ? LARGE * rnd(5) : rnd(1500);
	bool clash = false, had = vm->mem.slots[id].size;
	unsigned i;

	if (!rnd(4)) {
		assert_int_equal(set_slot(id, page, 0, hpage, 0), had ? 0 : ERR_INVAL);
		return;
	}
	for (i = page; i < page + n; i++) {
		const struct mem_slot *s = slot_at(i);

		clash |= s && s != &vm->mem.slots[id];
	}
	assert_int_equal(set_slot(id, page, n, hpage, rnd(4) ? 0 : SLOT_READONLY),
			 clash ? ERR_EXIST : 0);
}

static void sometimes(u64 hva)
{
	(void)hva;
	if (rnd(12))
		return;
	if (rnd(4))
		random_change();
	else
		random_slot();
}

static void random_fault(void)
{
	unsigned page = rnd(GUEST_PAGES), access = rnd(2) ? MEM_READ : MEM_WRITE;
	enum mem_result r;
	const struct mem_slot *s;

	r = fault(page, access);
	s = slot_at(page);
	if (r == MEM_MMIO)
		assert_true(!s || (access == MEM_WRITE && (s->flags & SLOT_READONLY)));
	else
		assert_true(r == MEM_MAPPED || r == MEM_ERROR);
}

static void test_random(void **state)
{
	unsigned i;

	(void)state;
	seed = 0x5eed;
	for (i = 0; i < 40000; i++) {
		on_get = sometimes;
		switch (rnd(8)) {
		case 0: random_slot(); break;
		case 1:
			if (rnd(2))
				random_change();
			break;
		default: random_fault(); break;
		}
		touch(rnd(GUEST_PAGES));
		if (i % 8 == 0)
			check_all();
	}
	on_get = NULL;
	assert_true(vm->mem.faults[1] > 100 && vm->mem.faults[2] > 50);
}

/* Beyond what the model looks at. */
#define OWN(n)	((GUEST_PAGES + (n)) * PG_SIZE)

static void test_own_page(void **state)
{
	struct mem_slot over = { OWN(0), 4 * PG_SIZE, HOST_BASE, 0 };
	struct mem_slot beside = { OWN(0), 2 * PG_SIZE, HOST_BASE, 0 };
	u64 e[TABLE_LEVELS];

	(void)state;
	vm->mem.own_page = host_page_alloc(false);
	assert_int_equal(mem_set_own_page(vm, OWN(2) + 8), ERR_INVAL);
	assert_int_equal(mem_set_own_page(vm, 1ull << 32), ERR_INVAL);
	assert_int_equal(mem_set_own_page(vm, ~PG_OFFSET_MASK), ERR_INVAL);
	assert_int_equal(mem_set_own_page(vm, OWN(2)), 0);
	assert_int_equal(mem_set_slot(vm, 0, &over), ERR_EXIST);
	assert_int_equal(mem_set_slot(vm, 0, &beside), 0);
	assert_int_equal(mem_set_own_page(vm, OWN(1)), ERR_EXIST);
	assert_int_equal(mem_fault(vm, gphys(OWN(2) + 0x123), MEM_READ), MEM_MAPPED);
	assert_int_equal(table_walk(&vm->mem, OWN(2), e), TABLE_LEVELS);
	assert_int_equal(e[3] & format.addr, host_phys(vm->mem.own_page).v);
	table_unmap(&vm->mem, OWN(2), OWN(3));
}

#define T(f)	cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hole_is_mmio), T(test_slot_rules),
		T(test_large_only_where_all_agree), T(test_one_gigabyte),
		T(test_read_only_slot), T(test_upgrade), T(test_no_memory),
		T(test_invalidated_while_looking), T(test_invalidation_under_way),
		T(test_invalidation_elsewhere), T(test_slot_goes_while_looking),
		T(test_slot_moves_while_looking), T(test_large_page_splits_while_looking),
		T(test_second_invalidation_counts), T(test_endless_invalidation),
		T(test_nested_invalidations),
		T(test_own_page), T(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
