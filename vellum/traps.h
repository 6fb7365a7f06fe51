/* SPDX-License-Identifier: MIT */
/* Names of the instructions that can be trapped (VMM_SET_TRAPS). */
#ifndef VELLUM_TRAPS_H
#define VELLUM_TRAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One VMM_TRAP_*; never NULL. */
const char *trap_name(uint32_t trap);
/* 0 if there is no such name. */
uint32_t trap_by_name(const char *name, size_t len);

#endif
