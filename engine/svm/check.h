/* SPDX-License-Identifier: MIT */
/*
 * Why VMRUN refuses a VMCB: the checks of APM2 "Canonicalization and Consistency
 * Checks" as a table. Pure code over the VMCB, for a live or a saved one.
 */
#ifndef VELLUM_ENGINE_SVM_CHECK_H
#define VELLUM_ENGINE_SVM_CHECK_H

#include "vmcb.h"

/* What the CPU that refused it can do. */
struct svm_limits {
	unsigned phys_bits;
	u64 cr4_valid;		/* CR4 bits that it knows */
};

struct svm_rule {
	const char *text;	/* what is wrong, and the bits that say so */
	bool (*broken)(const struct vmcb *b, const struct svm_limits *l);
};

extern const struct svm_rule svm_rules[];
extern const unsigned svm_rule_count;

#endif
