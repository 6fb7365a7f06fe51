/* SPDX-License-Identifier: MIT */
/* APM2 "SVM Intercept Exit Codes", by the counters' index. */
#include "svm.h"

#define REGS(type, access, base)					\
	[base + 0] = type "0 " access, [base + 1] = type "1 " access,	\
	[base + 2] = type "2 " access, [base + 3] = type "3 " access,	\
	[base + 4] = type "4 " access, [base + 5] = type "5 " access,	\
	[base + 6] = type "6 " access, [base + 7] = type "7 " access,	\
	[base + 8] = type "8 " access, [base + 9] = type "9 " access,	\
	[base + 10] = type "10 " access, [base + 11] = type "11 " access, \
	[base + 12] = type "12 " access, [base + 13] = type "13 " access, \
	[base + 14] = type "14 " access, [base + 15] = type "15 " access

static const char *const names[EXIT_REASONS] = {
	REGS("CR", "read", EXIT_CR_READ(0)),
	REGS("CR", "write", EXIT_CR_WRITE(0)),
	REGS("DR", "read", EXIT_DR_READ(0)),
	REGS("DR", "write", EXIT_DR_WRITE(0)),
	[0x40] = "exception #DE", "exception #DB", "exception 2 (NMI vector)",
	"exception #BP", "exception #OF", "exception #BR", "exception #UD",
	"exception #NM", "exception #DF", "exception 9", "exception #TS",
	"exception #NP", "exception #SS", "exception #GP", "exception #PF",
	"exception 15", "exception #MF", "exception #AC", "exception #MC",
	"exception #XF", "exception 20", "exception #CP", "exception 22",
	"exception 23", "exception 24", "exception 25", "exception 26",
	"exception 27", "exception #HV", "exception #VC", "exception #SX",
	"exception 31",
	[0x60] = "interrupt", "NMI", "SMI", "INIT", "virtual interrupt",
	"CR0 selective write", "IDTR read", "GDTR read", "LDTR read", "TR read",
	"IDTR write", "GDTR write", "LDTR write", "TR write", "RDTSC", "RDPMC",
	"PUSHF", "POPF", "CPUID", "RSM", "IRET", "INT n", "INVD", "PAUSE", "HLT",
	"INVLPG", "INVLPGA", "I/O", "MSR", "task switch", "FERR freeze", "shutdown",
	[0x80] = "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT",
	"RDTSCP", "ICEBP", "WBINVD", "MONITOR", "MWAIT", "MWAIT (armed)", "XSETBV",
	"RDPRU", "EFER write trap",
	REGS("CR", "write trap", 0x90),
	[0xa0] = "INVLPGB", "INVLPGB (illegal)", "INVPCID", "MCOMMIT", "TLBSYNC",
	"bus lock", "HLT (idle)",
	[EXIT_INDEX_NPF] = "nested page fault", "AVIC incomplete IPI",
	"AVIC access not accelerated", "VMGEXIT",
	[EXIT_INDEX_INVALID] = "invalid VMCB", [EXIT_INDEX_BUSY] = "busy VMCB",
	[EXIT_INDEX_OTHER] = "unknown exit code",
};

const char *svm_exit_name(unsigned index)
{
	return index < EXIT_REASONS ? names[index] : NULL;
}
