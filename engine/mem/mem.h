/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical memory: slots, and the second-level page tables that are filled
 * on demand from them. Nothing in a slot = MMIO.
 */
#ifndef VELLUM_ENGINE_MEM_MEM_H
#define VELLUM_ENGINE_MEM_MEM_H

#include "../host.h"
#include "../types.h"

struct vm;
struct vcpu;

#define MEM_SLOTS	64

#define SLOT_READONLY	BIT(0)
#define SLOT_DIRTY_LOG	BIT(1)

struct mem_slot {
	u64 gpa, size;		/* bytes, page multiples; size 0 = unused */
	u64 hva;		/* the host's name for the first byte */
	u32 flags;
};

struct mem {
	struct host_lock lock;		/* everything below */
	struct mem_slot slots[MEM_SLOTS];
	u32 slot_top;			/* one past the last used */
	u32 inval_active;		/* invalidations between begin and end */
	u64 inval_start, inval_end;	/* the hull of the active ones */
	u64 inval_seq;			/* invalidations ended */
	/*
	 * Counts changes of the slots, odd while one is under way: slots may be
	 * read without the lock if it was even and the same before and after.
	 */
	u64 generation;
	void *root_table;		/* [c] */
	struct hphys root;		/* its address; [c] */
	/*
	 * A page of the engine's own in the guest's address space, or NULL, and where.
	 * No slot may lie there. [c] once a vCPU exists
	 */
	void *own_page;
	u64 own_gpa;
	void *spare;			/* table pages ready for use, linked */
	u32 spare_count;
	u64 table_pages, pages_4k, pages_2m, pages_1g; /* statistics */
	u64 faults[4];			/* that made a mapping, by its level */
};

int mem_create(struct vm *vm);
void mem_destroy(struct vm *vm);	/* no vCPU runs any more */

/*
 * Sets, moves or (size 0) removes slot number id. Sleeps.
 * ERR_INVAL alignment or address limits, ERR_EXIST overlaps another slot.
 */
int mem_set_slot(struct vm *vm, unsigned id, const struct mem_slot *slot);

/*
 * Moves the engine's own page. ERR_INVAL alignment or not below 4 GiB, ERR_EXIST in
 * the middle of a slot.
 */
int mem_set_own_page(struct vm *vm, u64 gpa);

/* The host is about to change / has changed what is behind [start, end). */
bool mem_invalidate_begin(struct vm *vm, u64 hva_start, u64 hva_end);
void mem_invalidate_end(struct vm *vm);

enum mem_access { MEM_READ = 1, MEM_WRITE = 2, MEM_FETCH = 4 };
enum mem_result {
	MEM_MAPPED,	/* the guest may try again */
	MEM_MMIO,	/* no slot, or a write to a read-only one */
	MEM_ERROR,	/* the slot's memory can't be had */
	MEM_SIGNAL,	/* a signal cut the wait short */
};

/* Second-level fault: maps the page if a slot has it. Sleeps. */
enum mem_result mem_fault(struct vm *vm, struct gphys gpa, unsigned access);

/*
 * Reads or writes guest-physical memory; may cross pages. Sleeps.
 * 0, ERR_FAULT if any byte is not in a (writable) slot or can't be had.
 */
int mem_read(struct vm *vm, struct gphys gpa, void *dst, size_t n);
int mem_write(struct vm *vm, struct gphys gpa, const void *src, size_t n);
/* A naturally aligned word of 4 or 8 bytes, zero-extended: the fast way. */
int mem_read_entry(struct vm *vm, struct gphys gpa, u64 *val, unsigned size);
/*
 * Host address of n bytes in one slot, 0: none. Holds as long as *generation does.
 */
u64 mem_host_address(struct vm *vm, struct gphys gpa, unsigned n, u64 *generation);
/* Is no slot at gpa, and in which generation is that so? */
bool mem_is_hole(struct vm *vm, struct gphys gpa, u64 *generation);
/* As host_cmpxchg(). */
int mem_cmpxchg(struct vm *vm, struct gphys gpa, u64 old, u64 val, unsigned n);
/* Tells every vCPU to drop its translations, returns when none uses them. */
void mem_flush(struct vm *vm);
/* Is there a slot at gpa (writable)? */
bool mem_is_ram(struct vm *vm, struct gphys gpa, bool write);

#endif
