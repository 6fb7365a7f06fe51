/* SPDX-License-Identifier: MIT */
#include "first.h"

void explain(const struct explain_state *s, struct explain_report *r)
{
	__builtin_memset(r, 0, sizeof(*r));
	explain_exit(s, r);
	explain_checks(s, r);
	if (r->triple_fault)
		explain_fault(s, r);
	explain_suspects(s, r);
	explain_notes(s, r);
}
