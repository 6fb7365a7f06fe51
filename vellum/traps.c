/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "../include/vellum/vmm.h"
#include "traps.h"

static const struct { uint32_t trap; const char *name; } traps[] = {
	{ VMM_TRAP_VMCALL, "VMCALL" },
	{ VMM_TRAP_HLT, "HLT" },
	{ VMM_TRAP_CPUID, "CPUID" },
	{ VMM_TRAP_RDTSC, "RDTSC" },
	{ VMM_TRAP_RDPMC, "RDPMC" },
	{ VMM_TRAP_INVLPG, "INVLPG" },
	{ VMM_TRAP_PAUSE, "PAUSE" },
	{ VMM_TRAP_MOV_DR, "MOV-DR" },
	{ VMM_TRAP_IO, "IO" },
	{ VMM_TRAP_XSETBV, "XSETBV" },
	{ VMM_TRAP_WBINVD, "WBINVD" },
	{ VMM_TRAP_DESCRIPTOR, "DESCRIPTOR" },
	{ VMM_TRAP_CR3, "CR3" },
	{ VMM_TRAP_EXCEPTION, "an exception" },
};

#define N_TRAPS (sizeof(traps) / sizeof(traps[0]))

const char *trap_name(uint32_t trap)
{
	unsigned int i;

	for (i = 0; i < N_TRAPS; i++)
		if (traps[i].trap == trap)
			return traps[i].name;
	return "something unknown";
}

uint32_t trap_by_name(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < N_TRAPS; i++)
		if (traps[i].trap != VMM_TRAP_EXCEPTION &&
		    strlen(traps[i].name) == len &&
		    !strncasecmp(traps[i].name, name, len))
			return traps[i].trap;
	return 0;
}
