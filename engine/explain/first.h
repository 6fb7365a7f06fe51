/* SPDX-License-Identifier: MIT */
/* The first exception of a chain: what the instruction at RIP does to itself. */
#ifndef VELLUM_ENGINE_EXPLAIN_FIRST_H
#define VELLUM_ENGINE_EXPLAIN_FIRST_H

#include "fault.h"

enum first_known { FIRST_FOUND, FIRST_NONE, FIRST_UNKNOWN };

/* Where the first exception comes from: decides the advice. */
enum first_kind { KIND_OTHER, KIND_FETCH_LIMIT, KIND_DATA_LIMIT };

struct first {
	enum first_known known;
	enum first_kind kind;
	enum seg seg;		/* KIND_DATA_LIMIT */
	struct event event;
	char why[480];		/* the exception */
	char cause[640];	/* the same for the conclusion; or what isn't known */
};

void find_first(const struct guest *g, struct first *f);

/* advice.c: what to set, and what looks odd but is legal. */
void advise(const struct guest *g, const struct first *f, struct explain_report *r);
void explain_notes(const struct explain_state *s, struct explain_report *r);
void explain_suspects(const struct explain_state *s, struct explain_report *r);

#endif
