/* SPDX-License-Identifier: MIT */
/* Valid states to break, and short ways to ask the explainer. */
#ifndef TESTS_UNIT_EXPLAIN_FIXTURE_H
#define TESTS_UNIT_EXPLAIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../engine/explain/explain.h"
#include "../../../host/linux/test/mutations.h"

/* All VMCS fields known; the CPU has everything. */
void base_state(struct explain_state *s, enum mutation_base base);
void base_vmcb(struct explain_state *s);

void set(struct explain_state *s, uint32_t encoding, uint64_t value);
uint64_t get(const struct explain_state *s, uint32_t encoding);
void mutate(struct explain_state *s, const struct mutation *m);
void add_memory(struct explain_state *s, uint64_t gpa, const void *bytes, uint32_t size);

bool finds(const struct explain_report *r, const char *rule);
void print_findings(const struct explain_report *r);

/* A report big enough for all tests: they run one after another. */
extern struct explain_report report;

#endif
