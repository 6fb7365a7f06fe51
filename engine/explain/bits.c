/* SPDX-License-Identifier: MIT */
#include "bits.h"

/* SDM3 "Pin-Based VM-Execution Controls". */
const struct bit_names bits_pin = { {
	[0] = "external-interrupt exiting", [3] = "NMI exiting", [5] = "virtual NMIs",
	[6] = "activate VMX-preemption timer", [7] = "process posted interrupts",
} };

/* SDM3 "Processor-Based VM-Execution Controls". */
const struct bit_names bits_proc = { {
	[2] = "interrupt-window exiting", [3] = "use TSC offsetting", [7] = "HLT exiting",
	[9] = "INVLPG exiting", [10] = "MWAIT exiting", [11] = "RDPMC exiting",
	[12] = "RDTSC exiting", [15] = "CR3-load exiting", [16] = "CR3-store exiting",
	[17] = "activate tertiary controls", [19] = "CR8-load exiting",
	[20] = "CR8-store exiting", [21] = "use TPR shadow", [22] = "NMI-window exiting",
	[23] = "MOV-DR exiting", [24] = "unconditional I/O exiting",
	[25] = "use I/O bitmaps", [27] = "monitor trap flag", [28] = "use MSR bitmaps",
	[29] = "MONITOR exiting", [30] = "PAUSE exiting",
	[31] = "activate secondary controls",
} };

const struct bit_names bits_proc2 = { {
	[0] = "virtualize APIC accesses", [1] = "enable EPT",
	[2] = "descriptor-table exiting", [3] = "enable RDTSCP",
	[4] = "virtualize x2APIC mode", [5] = "enable VPID", [6] = "WBINVD exiting",
	[7] = "unrestricted guest", [8] = "APIC-register virtualization",
	[9] = "virtual-interrupt delivery", [10] = "PAUSE-loop exiting",
	[11] = "RDRAND exiting", [12] = "enable INVPCID", [13] = "enable VM functions",
	[14] = "VMCS shadowing", [15] = "enable ENCLS exiting", [16] = "RDSEED exiting",
	[17] = "enable PML", [18] = "EPT-violation #VE", [19] = "conceal VMX from PT",
	[20] = "enable XSAVES/XRSTORS", [21] = "PASID translation",
	[22] = "mode-based execute control for EPT",
	[23] = "sub-page write permissions for EPT",
	[24] = "Intel PT uses guest physical addresses", [25] = "use TSC scaling",
	[26] = "enable user wait and pause", [27] = "enable PCONFIG",
	[28] = "enable ENCLV exiting", [30] = "VMM bus-lock detection",
	[31] = "instruction timeout",
} };

const struct bit_names bits_proc3 = { {
	[0] = "LOADIWKEY exiting", [1] = "enable HLAT", [2] = "EPT paging-write control",
	[3] = "guest-paging verification", [4] = "IPI virtualization",
	[5] = "SEAM guest-physical address width", [6] = "enable MSR-list instructions",
	[7] = "virtualize IA32_SPEC_CTRL", [8] = "APIC-timer virtualization",
} };

/* SDM3 "VM-Exit Controls". */
const struct bit_names bits_exit = { {
	[2] = "save debug controls", [9] = "host address-space size",
	[12] = "load IA32_PERF_GLOBAL_CTRL", [15] = "acknowledge interrupt on exit",
	[18] = "save IA32_PAT", [19] = "load IA32_PAT", [20] = "save IA32_EFER",
	[21] = "load IA32_EFER", [22] = "save VMX-preemption timer value",
	[23] = "clear IA32_BNDCFGS", [24] = "conceal VMX from PT",
	[25] = "clear IA32_RTIT_CTL", [26] = "clear IA32_LBR_CTL", [27] = "clear UINV",
	[28] = "load CET state", [29] = "load PKRS", [30] = "save IA32_PERF_GLOBAL_CTRL",
	[31] = "activate secondary controls",
} };

const struct bit_names bits_exit2 = { {
	[0] = "save IA32 FRED state", [1] = "load IA32 FRED state",
	[3] = "prematurely busy shadow stack",
} };

/* SDM3 "VM-Entry Controls". */
const struct bit_names bits_entry = { {
	[2] = "load debug controls", [9] = "IA-32e mode guest", [10] = "entry to SMM",
	[11] = "deactivate dual-monitor treatment", [13] = "load IA32_PERF_GLOBAL_CTRL",
	[14] = "load IA32_PAT", [15] = "load IA32_EFER", [16] = "load IA32_BNDCFGS",
	[17] = "conceal VMX from PT", [18] = "load IA32_RTIT_CTL", [19] = "load UINV",
	[20] = "load CET state", [21] = "load guest IA32_LBR_CTL", [22] = "load PKRS",
	[23] = "load IA32 FRED state",
} };

const struct bit_names bits_cr0 = { {
	[0] = "PE", [1] = "MP", [2] = "EM", [3] = "TS", [4] = "ET", [5] = "NE",
	[16] = "WP", [18] = "AM", [29] = "NW", [30] = "CD", [31] = "PG",
} };

const struct bit_names bits_cr4 = { {
	[0] = "VME", [1] = "PVI", [2] = "TSD", [3] = "DE", [4] = "PSE", [5] = "PAE",
	[6] = "MCE", [7] = "PGE", [8] = "PCE", [9] = "OSFXSR", [10] = "OSXMMEXCPT",
	[11] = "UMIP", [12] = "LA57", [13] = "VMXE", [14] = "SMXE", [16] = "FSGSBASE",
	[17] = "PCIDE", [18] = "OSXSAVE", [19] = "KL", [20] = "SMEP", [21] = "SMAP",
	[22] = "PKE", [23] = "CET", [24] = "PKS", [25] = "UINTR", [27] = "LASS",
	[28] = "LAM_SUP", [32] = "FRED",
} };

const struct bit_names bits_efer = { {
	[0] = "SCE", [8] = "LME", [10] = "LMA", [11] = "NXE", [12] = "SVME",
	[13] = "LMSLE", [14] = "FFXSR", [15] = "TCE", [17] = "MCOMMIT", [18] = "INTWB",
	[20] = "UAIE", [21] = "AIBRSE",
} };

/* Bit 1 is always 1 and no flag; it is not worth a word. */
const struct bit_names bits_rflags = { {
	[0] = "CF", [1] = "", [2] = "PF", [4] = "AF", [6] = "ZF", [7] = "SF", [8] = "TF",
	[9] = "IF", [10] = "DF", [11] = "OF", [12] = "IOPL0", [13] = "IOPL1", [14] = "NT",
	[16] = "RF", [17] = "VM", [18] = "AC", [19] = "VIF", [20] = "VIP", [21] = "ID",
} };

const struct bit_names bits_interruptibility = { {
	[0] = "blocking by STI", [1] = "blocking by MOV SS", [2] = "blocking by SMI",
	[3] = "blocking by NMI", [4] = "enclave interruption",
} };

const struct bit_names bits_pending_debug = { {
	[0] = "B0", [1] = "B1", [2] = "B2", [3] = "B3", [11] = "BLD",
	[12] = "enabled breakpoint", [14] = "BS", [16] = "RTM",
} };

u64 bits_defined(const struct bit_names *b)
{
	u64 mask = 0;
	unsigned i;

	for (i = 0; i < 64; i++)
		if (b->name[i])
			mask |= BIT(i);
	return mask;
}

void bits_list(const struct bit_names *b, u64 value, struct text *t)
{
	const char *comma = "";
	unsigned i;

	for (i = 0; i < 64; i++) {
		if (!(value & BIT(i)) || (b->name[i] && !b->name[i][0]))
			continue;
		if (b->name[i])
			text_add(t, "%s%s", comma, b->name[i]);
		else
			text_add(t, "%sbit %u (reserved)", comma, i);
		comma = ", ";
	}
}

void bits_numbers(u64 value, struct text *t)
{
	const char *comma = "";
	unsigned i, j;

	text_add(t, value & (value - 1) ? "bits " : "bit ");
	for (i = 0; i < 64; i++) {
		if (!(value & BIT(i)))
			continue;
		for (j = i; j < 63 && (value & BIT(j + 1)); j++)
			;
		if (j > i + 1)
			text_add(t, "%s%u:%u", comma, j, i);
		else
			text_add(t, "%s%u", comma, i);
		if (j > i + 1)
			i = j;
		comma = ", ";
	}
}

static const char *const vector_names[32] = {
	"divide error (#DE)", "debug exception (#DB)", "NMI (vector 2)", "breakpoint (#BP)",
	"overflow (#OF)", "BOUND range exceeded (#BR)", "invalid opcode (#UD)",
	"device not available (#NM)", "double fault (#DF)", "coprocessor segment overrun",
	"invalid TSS (#TS)", "segment not present (#NP)", "stack fault (#SS)",
	"general protection (#GP)", "page fault (#PF)", "vector 15 (reserved)",
	"x87 error (#MF)", "alignment check (#AC)", "machine check (#MC)",
	"SIMD exception (#XM)", "virtualization exception (#VE)",
	"control protection (#CP)", "vector 22 (reserved)", "vector 23 (reserved)",
	"vector 24 (reserved)", "vector 25 (reserved)", "vector 26 (reserved)",
	"vector 27 (reserved)", "hypervisor injection (#HV)", "VMM communication (#VC)",
	"security exception (#SX)", "vector 31 (reserved)",
};

const char *explain_vector_name(unsigned vector)
{
	return vector < 32 ? vector_names[vector] : "interrupt";
}

/* SDM3 "Format of the VM-Entry Interruption-Information Field" and its two kin. */
void decode_event(u32 info, bool entry, struct text *t)
{
	static const char *const types[8] = {
		"external interrupt", "reserved type 1", "NMI", "hardware exception",
		"software interrupt", "privileged software exception",
		"software exception", "other event",
	};
	unsigned type = INTR_TYPE(info), vector = INTR_VECTOR(info);

	if (!(info & INTR_VALID)) {
		text_add(t, "nothing (bit 31, valid, is 0)");
		return;
	}
	text_add(t, "%s, ", types[type]);
	if (type == INTR_OTHER && entry)
		text_add(t, vector ? "vector %u" : "pending MTF VM exit", vector);
	else if (vector < 32 && type != INTR_EXTERNAL && type != INTR_SW)
		text_add(t, "vector %u: %s", vector, vector_names[vector]);
	else
		text_add(t, "vector %u (%#x)", vector, vector);
	if (info & INTR_ERROR)
		text_add(t, ", with error code");
	if (!entry && (info & BIT(12)))
		text_add(t, ", NMI unblocked by IRET");
}

static const char *memory_type(unsigned type)
{
	static const char *const names[8] = {
		"UC", "WC", "reserved 2", "reserved 3", "WT", "WP", "WB", "UC-",
	};

	return type < 8 ? names[type] : "reserved";
}

void decode_eptp(u64 eptp, struct text *t)
{
	text_add(t, "root at %#llx, structures %s, page-walk length %u%s%s",
		 ULL(eptp & BITS(51, 12)), memory_type(eptp & 7),
		 (unsigned)FIELD(eptp, 5, 3) + 1, eptp & BIT(6) ? ", accessed and dirty flags" : "",
		 eptp & BIT(7) ? ", supervisor shadow-stack control" : "");
}

void decode_pat(u64 pat, struct text *t)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		text_add(t, "%sPA%u %s", i ? ", " : "", i, memory_type(FIELD(pat, 8 * i + 7, 8 * i)));
}

static const char *system_type(unsigned type)
{
	static const char *const names[16] = {
		"reserved type 0", "16-bit TSS (available)", "LDT", "16-bit TSS (busy)",
		"16-bit call gate", "task gate", "16-bit interrupt gate", "16-bit trap gate",
		"reserved type 8", "32/64-bit TSS (available)", "reserved type 10",
		"32/64-bit TSS (busy)", "32/64-bit call gate", "reserved type 13",
		"32/64-bit interrupt gate", "32/64-bit trap gate",
	};

	return names[type & 15];
}

void explain_decode_ar(u32 ar, struct text *t)
{
	unsigned type = ar & AR_TYPE;

	if (ar & AR_UNUSABLE) {
		text_add(t, "unusable");
		if (!(ar & ~AR_UNUSABLE))
			return;
		text_add(t, "; ");
	}
	if (!(ar & AR_S))
		text_add(t, "%s", system_type(type));
	else if (type & 8)
		text_add(t, "%scode, %s%s", type & 4 ? "conforming " : "",
			 type & 2 ? "readable" : "execute-only",
			 type & 1 ? ", accessed" : ", not accessed");
	else
		text_add(t, "%sdata, %s%s", type & 4 ? "expand-down " : "",
			 type & 2 ? "writable" : "read-only",
			 type & 1 ? ", accessed" : ", not accessed");
	text_add(t, ", DPL %u, %s", (unsigned)AR_DPL(ar), ar & AR_P ? "present" : "not present");
	if (ar & AR_S)
		text_add(t, ", %s", type & 8 && ar & AR_L ? "64-bit (L)" :
			 ar & AR_DB ? "32-bit" : "16-bit");
	if (ar & AR_G)
		text_add(t, ", G");
	if (ar & BITS(11, 8))
		text_add(t, ", reserved bits 11:8 = %u", (unsigned)FIELD(ar, 11, 8));
	if (ar & BITS(31, 17))
		text_add(t, ", reserved bits above 16 set");
}

static const struct { u32 index; const char *name; } msr_names[] = {
	{ MSR_TSC, "IA32_TIME_STAMP_COUNTER" }, { MSR_APIC_BASE, "IA32_APIC_BASE" },
	{ MSR_FEATURE_CONTROL, "IA32_FEATURE_CONTROL" },
	{ MSR_TSC_ADJUST, "IA32_TSC_ADJUST" }, { MSR_SPEC_CTRL, "IA32_SPEC_CTRL" },
	{ MSR_PRED_CMD, "IA32_PRED_CMD" }, { 0x9b, "IA32_SMM_MONITOR_CTL" },
	{ MSR_BIOS_SIGN_ID, "IA32_BIOS_SIGN_ID" },
	{ MSR_ARCH_CAPABILITIES, "IA32_ARCH_CAPABILITIES" },
	{ 0x10b, "IA32_FLUSH_CMD" }, { 0x122, "IA32_TSX_CTRL" },
	{ MSR_SYSENTER_CS, "IA32_SYSENTER_CS" }, { MSR_SYSENTER_ESP, "IA32_SYSENTER_ESP" },
	{ MSR_SYSENTER_EIP, "IA32_SYSENTER_EIP" }, { MSR_MISC_ENABLE, "IA32_MISC_ENABLE" },
	{ MSR_DEBUGCTL, "IA32_DEBUGCTL" }, { MSR_PAT, "IA32_PAT" },
	{ 0x38f, "IA32_PERF_GLOBAL_CTRL" }, { 0x3f1, "IA32_PEBS_ENABLE" },
	{ MSR_TSC_DEADLINE, "IA32_TSC_DEADLINE" }, { MSR_XSS, "IA32_XSS" },
	{ MSR_EFER, "IA32_EFER" }, { MSR_STAR, "IA32_STAR" }, { MSR_LSTAR, "IA32_LSTAR" },
	{ MSR_CSTAR, "IA32_CSTAR" }, { MSR_SYSCALL_MASK, "IA32_FMASK" },
	{ MSR_FS_BASE, "IA32_FS_BASE" }, { MSR_GS_BASE, "IA32_GS_BASE" },
	{ MSR_KERNEL_GS_BASE, "IA32_KERNEL_GS_BASE" }, { MSR_TSC_AUX, "IA32_TSC_AUX" },
	{ 0x40000000, "HV_X64_MSR_GUEST_OS_ID" }, { 0x4b564d00, "MSR_KVM_WALL_CLOCK_NEW" },
	{ 0x4b564d01, "MSR_KVM_SYSTEM_TIME_NEW" },
};

const char *explain_msr_name(u32 index)
{
	unsigned i;

	for (i = 0; i < COUNT_OF(msr_names); i++)
		if (msr_names[i].index == index)
			return msr_names[i].name;
	return index >= MSR_X2APIC_BASE && index < 0x900 ? "x2APIC register" : NULL;
}
