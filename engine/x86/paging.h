/* SPDX-License-Identifier: MIT */
/* The guest's own page tables, walked in software. */
#ifndef VELLUM_ENGINE_X86_PAGING_H
#define VELLUM_ENGINE_X86_PAGING_H

#include "../core/vcpu.h"
#include "../host.h"

/* Page-fault error code, also the description of an access. */
#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD	BIT(3)
#define PF_I	BIT(4)
/* Of an access only: one to a descriptor table or TSS, whatever the CPL. */
#define PF_IMPLICIT BIT(31)

/*
 * Translates la for an access (PF_W, PF_U, PF_I, PF_IMPLICIT). Sets accessed and dirty bits
 * as the CPU would, unless probe. Control registers are current. Sleeps.
 * 0 with *gpa; or ERR_FAULT with *error, the #PF's error code; or ERR_NXIO if a
 * table lies outside guest memory.
 */
int paging_translate(struct vcpu *v, struct glin la, u32 access, bool probe,
		     struct gphys *gpa, u32 *error);

#define PAGING_LEVELS	5

/*
 * In 64-bit mode: the table entries that translate la, at most PAGING_LEVELS of
 * them, as long as *generation of the memory slots holds. Returns their number, 0
 * if there is no translation, or not one that the CPU has already used.
 */
unsigned paging_entries(struct vcpu *v, struct glin la, struct host_word *w,
			struct gphys *gpa, u64 *generation);

/* Makes page a page directory of 4 MiB pages that maps 4 GiB one to one. */
void paging_fill_identity(u32 *page);

#endif
