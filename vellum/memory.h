/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: one anonymous mapping, seen by the guest in up to three pieces:
 *
 *	0          - 0x9ffff     conventional memory
 *	0xc0000    - low_end     the rest below the PCI hole (at most 2 GiB)
 *	4 GiB      - high_end    what did not fit below
 *
 * 0xa0000-0xbffff belongs to the bus, or to a video adapter, as memory.
 */
#ifndef VELLUM_MEMORY_H
#define VELLUM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/libvmm.h"

typedef struct { uint64_t v; } gpa_t;
#define GPA(x)	((gpa_t){ (x) })

#define KIB		1024ull
#define MIB		(1024ull * KIB)
#define GIB		(1024ull * MIB)

#define RAM_ALIGN	(2 * MIB)	/* so that both sides can use 2 MiB pages */
#define RAM_VGA_BASE	0xa0000ull
#define RAM_VGA_END	0xc0000ull
#define RAM_LOW_MAX	(2 * GIB)	/* Q35: configuration windows above */
#define RAM_HIGH_BASE	(4 * GIB)
#define RAM_MIN		(2 * MIB)

struct guest_ram {
	uint8_t *host;		/* NULL = none */
	uint64_t size;
	uint64_t low_end;	/* first guest-physical address after low RAM */
	uint64_t high_end;	/* RAM_HIGH_BASE where there is none up there */
	bool vga;		/* memory at 0xa0000 too */
};

/* Refuses, with the reason, what this host can't have. */
int ram_create(struct guest_ram *ram, uint64_t size, struct vmm_error *e);
void ram_destroy(struct guest_ram *ram);
int ram_add_slots(const struct guest_ram *ram, struct vmm_vm *vm,
		  struct vmm_error *e);

/* The same without 0xc0000-0xfffff, which a chipset decides about. */
int ram_add_slots_shadowed(const struct guest_ram *ram, struct vmm_vm *vm,
			   struct vmm_error *e);

/* Memory at 0xa0000-0xbffff, for a video adapter. */
int ram_add_vga(struct guest_ram *ram, struct vmm_vm *vm, struct vmm_error *e);
/* A named VM's pieces have the slots' numbers too; from FREE on they are others'. */
#define RAM_SLOT_VGA	3u
#define RAM_SLOT_FREE	4u

/*
 * The place in this process of guest-physical [gpa, gpa+len), or NULL unless
 * all of it is RAM in one piece.
 */
void *ram_at(const struct guest_ram *ram, gpa_t gpa, uint64_t len);

#endif
