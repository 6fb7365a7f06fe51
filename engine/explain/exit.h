/* SPDX-License-Identifier: MIT */
/* What the two vendors' exit texts share. */
#ifndef VELLUM_ENGINE_EXPLAIN_EXIT_H
#define VELLUM_ENGINE_EXPLAIN_EXIT_H

#include "explain.h"

extern const char *const explain_gpr_names[GPR_COUNT];

/* "RAX (0x1234)" */
void explain_say_gpr(const struct explain_state *s, unsigned reg, struct text *t);
void explain_say_page_fault(u64 code, u64 address, struct text *t);
void explain_exit_svm(const struct explain_state *s, struct explain_report *r, struct text *t);

#endif
