/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Ways to break a valid VMCS, one rule at a time: for vmm-test.ko, which asks the CPU,
 * and for the unit tests, which ask the explainer.
 */
#ifndef VELLUM_HOST_LINUX_TEST_MUTATIONS_H
#define VELLUM_HOST_LINUX_TEST_MUTATIONS_H

#include "../../../engine/explain/explain.h"

/* The valid state that a mutation starts from. */
enum mutation_base {
	BASE_64,	/* 64-bit guest */
	BASE_REAL,	/* real mode with unrestricted guest */
	BASE_32,	/* protected mode with PAE paging, without unrestricted guest */
	BASE_V86,	/* virtual-8086 mode, without unrestricted guest */
	BASE_COUNT
};

/* 0 ends the list of changes. */
enum mutation_op { OP_END, OP_SET, OP_OR, OP_CLEAR };

struct change {
	u16 field;
	u8 op;
	u64 value;
};

#define CHANGES_MAX 6

struct mutation {
	const char *rule;	/* the one that it breaks */
	u8 base;
	struct change change[CHANGES_MAX];
};

extern const struct mutation mutations[];
extern const unsigned mutation_count;

#endif
