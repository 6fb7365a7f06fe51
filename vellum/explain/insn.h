/* SPDX-License-Identifier: MIT */
/* The instruction at RIP, disassembled. */
#ifndef VELLUM_EXPLAIN_INSN_H
#define VELLUM_EXPLAIN_INSN_H

#include "../../engine/explain/explain.h"

/*
 * Fills s->insn from the bytes that the state has at RIP: its text, length, and what it
 * touches as far as the registers are known. Leaves it empty if there are none.
 */
void insn_examine(struct explain_state *s);

#endif
