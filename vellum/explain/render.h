/* SPDX-License-Identifier: MIT */
/* A report as text and as JSON, and the door for `vellum run`. */
#ifndef VELLUM_EXPLAIN_RENDER_H
#define VELLUM_EXPLAIN_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "dump.h"

/* Did the report find anything that is wrong? */
bool report_found(const struct explain_report *r);

/* d may be NULL: the state came from a live vCPU. verbose: checks that couldn't be made. */
void report_text(FILE *out, const struct explain_state *s, const struct explain_report *r,
		 const struct dump *d, bool verbose);
void report_json(FILE *out, const struct explain_state *s, const struct explain_report *r,
		 const struct dump *d);

/* Name and title of a rule's field: an encoding, or a VMCB offset + 1. */
const char *report_field_name(enum explain_vendor vendor, unsigned field);
bool report_field_value(const struct explain_state *s, unsigned field, uint64_t *v,
			char *decoded, size_t size);

/* What a verdict is: for JSON and tests. */
const char *report_verdict(const struct explain_report *r);

/* What explain_lint() found. */
void report_lint(FILE *out, const struct explain_state *s, const struct explain_report *r);

#endif
