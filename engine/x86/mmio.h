/* SPDX-License-Identifier: MIT */
/*
 * Moves between a register and a device: nearly all that guests do with devices,
 * and the few instructions that do it come again and again. Each is remembered as
 * it was decoded, with all that led to it; what holds still need not be fetched,
 * translated and decoded anew.
 */
#ifndef VELLUM_ENGINE_X86_MMIO_H
#define VELLUM_ENGINE_X86_MMIO_H

#include "../core/vcpu.h"
#include "../emul/emul.h"
#include "../host.h"
#include "paging.h"

#define MMIO_INSNS	8
#define MMIO_PAGES	4
#define MMIO_CODE_WORDS	3	/* that 15 bytes can lie in */

struct mmio_insn {
	u64 rip, cr3;		/* in 64-bit mode */
	u64 generation;		/* of the memory slots */
	unsigned words;		/* 0: nothing is remembered */
	struct host_word word[PAGING_LEVELS + MMIO_CODE_WORDS];
	struct emul_move move;
};

/* One vCPU's. Zeroed once; entries prove themselves at each use. [t] */
struct mmio_memory {
	struct mmio_insn insn[MMIO_INSNS];
	struct { u64 number, generation; } hole[MMIO_PAGES]; /* page number + 1 */
	struct emul_move reading;	/* user space is asked for its data */
};

/* Does the address lie where no memory is, as far as is known? Cheap. */
bool mmio_known_hole(struct vcpu *v, const struct mmio_memory *m, struct gphys gpa);
void mmio_note_hole(struct vcpu *v, struct mmio_memory *m, struct gphys gpa);

/*
 * The exit's access to gpa was by the instruction at RIP: is it remembered? Then
 * *move is it, and nothing else need be looked at.
 */
bool mmio_recall(struct vcpu *v, const struct mmio_memory *m, struct gphys gpa,
		 unsigned access, const struct emul_move **move);
/* The instruction at rip, decoded into e, was emulated. */
void mmio_remember(struct vcpu *v, struct mmio_memory *m, u64 rip, const struct emul *e);

/* The engine's own devices: false if none of them is at gpa. */
bool mmio_device(struct vcpu *v, u64 gpa, void *data, unsigned size, bool write);

#endif
