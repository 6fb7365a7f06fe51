/* SPDX-License-Identifier: MIT */
/* A #VMEXIT in a few sentences: APM2 "SVM Intercept Exit Codes". */
#include "bits.h"
#include "exit.h"

#define GET(member, v) explain_get_vmcb(s, offsetof(struct vmcb, member), v)

static const char *const misc_names[] = {
	[EXIT_INTR - EXIT_INTR] = "a physical interrupt", "an NMI", "an SMI", "INIT",
	"the virtual interrupt window", "a write of CR0 that changes more than TS or MP",
	"a read of IDTR", "a read of GDTR", "a read of LDTR", "a read of TR",
	"a write of IDTR", "a write of GDTR", "a write of LDTR", "a write of TR",
	"RDTSC", "RDPMC", "PUSHF", "POPF", "CPUID", "RSM", "IRET", "INT n", "INVD", "PAUSE",
	"HLT", "INVLPG", "INVLPGA", "an I/O instruction", "RDMSR or WRMSR", "a task switch",
	"FERR freeze", "shutdown",
};

static const char *const svm_names[] = {
	[EXIT_VMRUN - EXIT_VMRUN] = "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI",
	"SKINIT", "RDTSCP", "ICEBP", "WBINVD or WBNOINVD", "MONITOR", "MWAIT",
	"MWAIT (armed)", "XSETBV", "RDPRU", "a write of EFER (after it)",
};

static void say_register_exit(u64 code, struct text *t)
{
	text_add(t, "a %s of %s%llu", code & 0x10 ? "write" : "read", code & 0x20 ? "DR" : "CR",
		 ULL(code & 15));
}

static void say_name(u64 code, struct text *t)
{
	if (code < 0x40)
		say_register_exit(code, t);
	else if (code < 0x60)
		text_add(t, "%s", explain_vector_name((unsigned)code - 0x40));
	else if (code < 0x60 + COUNT_OF(misc_names))
		text_add(t, "%s", misc_names[code - 0x60]);
	else if (code >= 0x80 && code < 0x80 + COUNT_OF(svm_names))
		text_add(t, "%s", svm_names[code - 0x80]);
	else if (code >= 0x90 && code < 0xa0)
		text_add(t, "a write of CR%llu (after it)", ULL(code & 15));
	else if (code == EXIT_NPF)
		text_add(t, "nested page fault");
	else if (code == EXIT_AVIC_IPI)
		text_add(t, "AVIC: an IPI to be completed");
	else if (code == EXIT_AVIC_NOACCEL)
		text_add(t, "AVIC: an access that isn't accelerated");
	else if (code == EXIT_VMGEXIT)
		text_add(t, "VMGEXIT");
	else if (code >= 0xa0 && code <= 0xa6)
		text_add(t, "%s", (const char *const []){ "INVLPGB", "an illegal INVLPGB", "INVPCID",
			 "MCOMMIT", "TLBSYNC", "a bus lock", "HLT, nothing pending" }[code - 0xa0]);
	else
		text_add(t, "unknown to this program");
}

static void say_npf(u64 info1, u64 info2, struct text *t)
{
	text_add(t, "A %s at guest-physical %#llx%s: %s. ",
		 info1 & NPF_FETCH ? "fetch" : info1 & NPF_WRITE ? "write" : "read", ULL(info2),
		 info1 & NPF_TABLE ? ", while the CPU walked the guest's page tables" : "",
		 info1 & NPF_RESERVED ? "a reserved bit is set in a nested page-table entry" :
		 info1 & NPF_PRESENT ? "the nested page tables don't allow it" :
		 "the nested page tables map nothing there (no RAM, or not filled in yet; a "
		 "device if it is MMIO)");
}

static void say_ioio(u64 info1, struct text *t)
{
	text_add(t, "%s%s%s of %llu byte(s) %s port %#llx. ", info1 & IOIO_REP ? "REP " : "",
		 info1 & IOIO_IN ? "IN" : "OUT", info1 & IOIO_STRING ? "S (string)" : "",
		 ULL(IOIO_SIZE(info1)), info1 & IOIO_IN ? "from" : "to", ULL(IOIO_PORT(info1)));
}

static void say_msr(const struct explain_state *s, u64 info1, struct text *t)
{
	u32 msr = (u32)s->gpr[GPR_RCX];

	text_add(t, "%s", info1 & 1 ? "WRMSR" : "RDMSR");
	if (s->gpr_known & BIT(GPR_RCX))
		text_add(t, " of MSR %#x%s%s%s", msr, explain_msr_name(msr) ? " (" : "",
			 explain_msr_name(msr) ? explain_msr_name(msr) : "",
			 explain_msr_name(msr) ? ")" : "");
	text_add(t, ". ");
}

static void say_info(const struct explain_state *s, u64 code, struct text *t)
{
	u64 info1, info2;
	bool one = GET(c.exit_info1, &info1), two = GET(c.exit_info2, &info2);

	if (code == EXIT_NPF && one && two)
		say_npf(info1, info2, t);
	else if (code == EXIT_IOIO && one)
		say_ioio(info1, t);
	else if (code == EXIT_MSR && one)
		say_msr(s, info1, t);
	else if (code == EXIT_EXCEPTION(VEC_PF) && one && two)
		explain_say_page_fault(info1, info2, t);
	else if (code >= 0x40 && code < 0x60 && one && info1)
		text_add(t, "Error code %#llx. ", ULL(info1));
	else if (code < 0x20 && one && (info1 & CR_EXIT_MOV))
		text_add(t, "Its operand is %s. ", explain_gpr_names[CR_EXIT_GPR(info1)]);
	else if (code == EXIT_INVLPG && one)
		text_add(t, "Of linear address %#llx. ", ULL(info1));
	else if (code == EXIT_TASK_SWITCH && one)
		text_add(t, "To the TSS with selector %#llx. ", ULL(info1 & 0xffff));
}

/* Codes are 64 bits, but many a dump has the low half only. */
static bool is_invalid(u64 code)
{
	return (u32)code == EXIT_INVALID || (u32)code == EXIT_BUSY;
}

void explain_exit_svm(const struct explain_state *s, struct explain_report *r, struct text *t)
{
	u64 code, rip, info;

	if (!GET(c.exit_code, &code)) {
		text_add(t, "The dump has no exit code. ");
		return;
	}
	if (is_invalid(code)) {
		r->entry_failed = true;
		text_add(t, (u32)code == EXIT_BUSY ?
			 "VMRUN failed: the VMCB is in use (VMEXIT_BUSY). " :
			 "VMRUN failed: the CPU found the VMCB invalid (VMEXIT_INVALID). ");
		return;
	}
	r->triple_fault = code == EXIT_SHUTDOWN;
	text_add(t, "#VMEXIT, code %#llx: ", ULL(code));
	say_name(code, t);
	if (GET(s.rip, &rip))
		text_add(t, ", at RIP %#llx", ULL(rip));
	text_add(t, ". ");
	if (r->triple_fault)
		text_add(t, "An exception, then a second one while the CPU delivered the first, "
			    "then a third while it delivered the double fault. ");
	say_info(s, code, t);
	if (GET(c.exit_int_info, &info) && (info & EVENT_INJ_V)) {
		text_add(t, "It came while the CPU was delivering another event: ");
		decode_event((u32)info, false, t);
		if (info & EVENT_INJ_EV)
			text_add(t, " %#llx", ULL(info >> 32));
		text_add(t, ". ");
	}
	if (s->insn.text[0])
		text_add(t, "Instruction: %s. ", s->insn.text);
}
