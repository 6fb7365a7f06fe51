/* SPDX-License-Identifier: MIT */
/* A VM exit in a few sentences: SDM3 "Exit Qualification" and its neighbours. */
#include "bits.h"
#include "exit.h"

#include "../vmx/reasons.h"

#define REASON_ENTRY_FAILED	BIT(31)

const char *const explain_gpr_names[GPR_COUNT] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
};

void explain_say_gpr(const struct explain_state *s, unsigned reg, struct text *t)
{
	text_add(t, "%s", explain_gpr_names[reg & 15]);
	if (s->gpr_known & BIT(reg & 15))
		text_add(t, " (%#llx)", ULL(s->gpr[reg & 15]));
}

/* SDM3 "VM-Instruction Error Numbers": those that an entry can give. */
static const char *insn_error(u64 number)
{
	switch (number) {
	case 4:
		return "VMLAUNCH with a VMCS that isn't clear: it was launched before, use "
		       "VMRESUME, or VMCLEAR it first";
	case 5:
		return "VMRESUME with a VMCS that wasn't launched: use VMLAUNCH (also after a "
		       "VMCLEAR, as when moving to another CPU)";
	case 6:
		return "VMRESUME after VMXOFF: VMCLEAR the VMCS and VMLAUNCH";
	case 7:
		return "invalid control field(s)";
	case 8:
		return "invalid host-state field(s)";
	case 16: case 17: case 18: case 25:
		return "the executive VMCS (dual-monitor treatment of SMM) is wrong";
	case 26:
		return "events blocked by MOV SS in the host: VMLAUNCH or VMRESUME right after a "
		       "load of SS";
	default:
		return NULL;	/* VMREAD's, VMWRITE's...: says nothing of an entry */
	}
}

static void say_io(const struct explain_state *s, u64 q, struct text *t)
{
	static const char *const sizes[8] = { "1 byte", "2 bytes", "size 3?", "4 bytes",
					      "size 5?", "size 6?", "size 7?", "size 8?" };
	bool in = q & BIT(3);

	text_add(t, "%s%s%s of %s %s port %#llx", q & BIT(5) ? "REP " : "", in ? "IN" : "OUT",
		 q & BIT(4) ? "S (string)" : "", sizes[q & 7], in ? "from" : "to",
		 ULL(FIELD(q, 31, 16)));
	if (!in && !(q & BIT(4)) && (s->gpr_known & BIT(GPR_RAX)))
		text_add(t, ", value %#llx", ULL(s->gpr[GPR_RAX] &
						BITS(8 * ((q & 7) + 1) - 1, 0)));
	text_add(t, ". ");
}

static void say_cr(const struct explain_state *s, u64 q, struct text *t)
{
	unsigned cr = q & 15, type = FIELD(q, 5, 4), reg = FIELD(q, 11, 8);

	switch (type) {
	case 0:
		text_add(t, "MOV to CR%u from ", cr);
		explain_say_gpr(s, reg, t);
		break;
	case 1:
		text_add(t, "MOV from CR%u to %s", cr, explain_gpr_names[reg]);
		break;
	case 2:
		text_add(t, "CLTS");
		break;
	default:
		text_add(t, "LMSW of %#llx (%s operand)", ULL(FIELD(q, 31, 16)),
			 q & BIT(6) ? "memory" : "register");
		break;
	}
	text_add(t, ". ");
}

static void say_dr(const struct explain_state *s, u64 q, struct text *t)
{
	unsigned dr = q & 7, reg = FIELD(q, 11, 8);

	if (q & BIT(4)) {
		text_add(t, "MOV from DR%u to %s. ", dr, explain_gpr_names[reg]);
		return;
	}
	text_add(t, "MOV to DR%u from ", dr);
	explain_say_gpr(s, reg, t);
	text_add(t, ". ");
}

static void say_apic_access(u64 q, struct text *t)
{
	static const char *const types[16] = {
		"a linear read", "a linear write", "an instruction fetch",
		"a linear access during event delivery", [10] = "a guest-physical access during "
		"event delivery", [15] = "a guest-physical access by an instruction",
	};
	unsigned type = FIELD(q, 15, 12);

	text_add(t, "%s at offset %#llx of the APIC page. ",
		 types[type] ? types[type] : "an access of unknown type", ULL(q & 0xfff));
}

static void say_table_access(const struct explain_state *s, u64 reason, struct text *t)
{
	static const char *const names[2][4] = { { "SGDT", "SIDT", "LGDT", "LIDT" },
						 { "SLDT", "STR", "LLDT", "LTR" } };
	u64 info;

	if (explain_get(s, F_EXIT_INSN_INFO, &info))
		text_add(t, "%s. ", names[reason == REASON_LDTR_TR_ACCESS][FIELD(info, 29, 28)]);
}

static void say_ept_violation(const struct explain_state *s, u64 q, struct text *t)
{
	bool r = q & BIT(3), w = q & BIT(4), x = q & BIT(5);
	u64 gpa, gla;

	text_add(t, "A %s%s%s%s", q & BIT(0) ? "read" : "",
		 (q & BIT(0)) && (q & BIT(1)) ? " and write" : q & BIT(1) ? "write" : "",
		 q & BIT(2) ? q & BITS(1, 0) ? " and fetch" : "fetch (an instruction)" : "",
		 q & BITS(2, 0) ? "" : "access");
	if (explain_get(s, F_GUEST_PHYSICAL_ADDRESS, &gpa))
		text_add(t, " at guest-physical %#llx", ULL(gpa));
	if ((q & BIT(7)) && explain_get(s, F_GUEST_LINEAR_ADDRESS, &gla))
		text_add(t, " (linear %#llx)", ULL(gla));
	if ((q & BIT(7)) && !(q & BIT(8)))
		text_add(t, ", while the CPU walked the guest's page tables");
	if (!r && !w && !x)
		text_add(t, ": EPT maps nothing there (no RAM, or not filled in yet; a device "
			    "if it is MMIO). ");
	else
		text_add(t, ": EPT allows only %s%s%s there. ", r ? "read" : "",
			 w ? r ? ", write" : "write" : "", x ? r || w ? ", fetch" : "fetch" : "");
}

static void say_task_switch(u64 q, struct text *t)
{
	static const char *const sources[4] = { "CALL", "IRET", "JMP",
						"a task gate in the IDT" };

	text_add(t, "To the TSS with selector %#llx, by %s. ", ULL(q & 0xffff),
		 sources[FIELD(q, 31, 30)]);
}

static void say_debug(u64 q, struct text *t)
{
	const char *comma = "";
	unsigned i;

	text_add(t, "Its causes: ");
	for (i = 0; i < 4; i++) {
		if (!(q & BIT(i)))
			continue;
		text_add(t, "%sbreakpoint %u", comma, i);
		comma = ", ";
	}
	if (q & BIT(13))
		text_add(t, "%saccess to a debug register (BD)", comma);
	else if (q & BIT(14))
		text_add(t, "%ssingle step (BS)", comma);
	else if (!(q & 15))
		text_add(t, "none given");
	text_add(t, ". ");
}

void explain_say_page_fault(u64 code, u64 address, struct text *t)
{
	text_add(t, "A %s %s at linear %#llx: %s. ", code & BIT(2) ? "user" : "supervisor",
		 code & BIT(4) ? "fetch" : code & BIT(1) ? "write" : "read", ULL(address),
		 code & BIT(3) ? "a reserved bit is set in a paging-structure entry" :
		 code & BIT(5) ? "protection key" :
		 code & BIT(0) ? "the page doesn't allow it" : "the page is not present");
}

static void say_exception(const struct explain_state *s, u64 q, struct text *t)
{
	u64 info, code = 0;

	if (!explain_get(s, F_EXIT_INTR_INFO, &info))
		return;
	text_add(t, "It was: ");
	decode_event((u32)info, false, t);
	if ((info & INTR_ERROR) && explain_get(s, F_EXIT_ERROR_CODE, &code))
		text_add(t, " %#llx", ULL(code));
	text_add(t, ". ");
	if (!(info & INTR_VALID) || INTR_TYPE(info) != INTR_HW_EXCEPTION)
		return;
	if (INTR_VECTOR(info) == VEC_DB)
		say_debug(q, t);
	else if (INTR_VECTOR(info) == VEC_PF)
		explain_say_page_fault(code, q, t);
}

static void say_registers(const struct explain_state *s, u64 reason, struct text *t)
{
	u32 known = s->gpr_known;
	u64 a = s->gpr[GPR_RAX], cx = s->gpr[GPR_RCX], d = s->gpr[GPR_RDX];
	u32 msr = (u32)cx;

	switch (reason) {
	case REASON_CPUID:
		if (known & BIT(GPR_RAX))
			text_add(t, "Leaf %#llx. ", ULL((u32)a));
		break;
	case REASON_RDMSR: case REASON_WRMSR:
		if (!(known & BIT(GPR_RCX)))
			break;
		text_add(t, "MSR %#x%s%s%s", msr, explain_msr_name(msr) ? " (" : "",
			 explain_msr_name(msr) ? explain_msr_name(msr) : "",
			 explain_msr_name(msr) ? ")" : "");
		if (reason == REASON_WRMSR && (known & BIT(GPR_RAX)) && (known & BIT(GPR_RDX)))
			text_add(t, ", value %#llx", ULL((d << 32) | (u32)a));
		text_add(t, ". ");
		break;
	case REASON_VMCALL:
		if (known & BIT(GPR_RAX))
			text_add(t, "RAX is %#llx. ", ULL(a));
		break;
	case REASON_XSETBV:
		if (known & BIT(GPR_RAX))
			text_add(t, "XCR%u, value %#llx. ", msr, ULL((d << 32) | (u32)a));
		break;
	default:
		break;
	}
}

static void say_qualification(const struct explain_state *s, u64 reason, u64 q, struct text *t)
{
	u64 gpa;

	switch (reason) {
	case REASON_EXCEPTION_NMI:
		say_exception(s, q, t);
		break;
	case REASON_SIPI:
		text_add(t, "Start-up vector %#llx: code at %#llx. ", ULL(q & 0xff),
			 ULL((q & 0xff) << 12));
		break;
	case REASON_TASK_SWITCH:
		say_task_switch(q, t);
		break;
	case REASON_INVLPG:
		text_add(t, "Of linear address %#llx. ", ULL(q));
		break;
	case REASON_CR_ACCESS:
		say_cr(s, q, t);
		break;
	case REASON_DR_ACCESS:
		say_dr(s, q, t);
		break;
	case REASON_IO:
		say_io(s, q, t);
		break;
	case REASON_MWAIT:
		text_add(t, "Address-range monitoring was %sarmed. ", q & 1 ? "" : "not ");
		break;
	case REASON_APIC_ACCESS:
		say_apic_access(q, t);
		break;
	case REASON_VIRTUALIZED_EOI:
		text_add(t, "Of vector %#llx. ", ULL(q & 0xff));
		break;
	case REASON_APIC_WRITE:
		text_add(t, "At offset %#llx of the virtual-APIC page. ", ULL(q & 0xfff));
		break;
	case REASON_GDTR_IDTR_ACCESS: case REASON_LDTR_TR_ACCESS:
		say_table_access(s, reason, t);
		break;
	case REASON_EPT_VIOLATION:
		say_ept_violation(s, q, t);
		break;
	case REASON_EPT_MISCONFIG:
		if (explain_get(s, F_GUEST_PHYSICAL_ADDRESS, &gpa))
			text_add(t, "The EPT entry for guest-physical %#llx has an illegal "
				    "setting (write without read, or a reserved bit or type). ",
				 ULL(gpa));
		break;
	default:
		say_registers(s, reason, t);
		break;
	}
}

static void say_delivery(const struct explain_state *s, struct text *t)
{
	u64 info, code = 0;

	if (!explain_get(s, F_IDT_VECTORING_INFO, &info) || !(info & INTR_VALID))
		return;
	text_add(t, "It came while the CPU was delivering another event: ");
	decode_event((u32)info, false, t);
	if ((info & INTR_ERROR) && explain_get(s, F_IDT_VECTORING_ERROR, &code))
		text_add(t, " %#llx", ULL(code));
	text_add(t, ". ");
}

/* Entry n, from 1, of the VM-entry MSR-load area. */
static void say_msr_entry(const struct explain_state *s, u64 n, struct text *t)
{
	const struct explain_msr *m;

	if (!s->entry_msrs_known || !n || n > s->n_entry_msrs)
		return;
	m = &s->entry_msrs[n - 1];
	text_add(t, ": MSR %#x%s%s%s, value %#llx. The CPU would refuse that value in a WRMSR, or the "
		    "MSR here", m->index, explain_msr_name(m->index) ? " (" : "",
		 explain_msr_name(m->index) ? explain_msr_name(m->index) : "",
		 explain_msr_name(m->index) ? ")" : "", ULL(m->value));
}

static void say_entry_failure(const struct explain_state *s, u64 reason, bool known, u64 q,
			      struct text *t)
{
	text_add(t, "The VM entry failed: ");
	switch (reason & 0xffff) {
	case REASON_ENTRY_GUEST_STATE:
		text_add(t, "the CPU found the guest state invalid (reason 33). ");
		if (known && q == 2)
			text_add(t, "The qualification points at loading the PDPTEs. ");
		else if (known && q == 3)
			text_add(t, "The qualification points at an NMI injected under blocking "
				    "by STI. ");
		else if (known && q == 4)
			text_add(t, "The qualification points at the VMCS link pointer. ");
		break;
	case REASON_ENTRY_MSR_LOADING:
		text_add(t, "loading MSRs stopped (reason 34)");
		if (known) {
			text_add(t, " at entry %llu of the VM-entry MSR-load area", ULL(q));
			say_msr_entry(s, q, t);
		}
		text_add(t, ". ");
		break;
	case REASON_ENTRY_MACHINE_CHECK:
		text_add(t, "a machine check (reason 41): hardware, not this state. ");
		break;
	default:
		text_add(t, "reason %llu with bit 31 set, which no manual describes. ",
			 ULL(reason & 0xffff));
		break;
	}
}

/* VMfail: VMLAUNCH or VMRESUME ended with a number, and there was no exit. */
static bool say_vmfail(const struct explain_state *s, struct explain_report *r, struct text *t)
{
	u64 number;

	if (!explain_get(s, F_INSN_ERROR, &number) || !insn_error(number))
		return false;
	r->entry_failed = true;
	text_add(t, "VMLAUNCH or VMRESUME failed with VM-instruction error %llu: %s. ",
		 ULL(number), insn_error(number));
	return true;
}

static void say_exit(const struct explain_state *s, u64 reason, struct text *t)
{
	u64 basic = reason & 0xffff, q, rip, length;
	const char *name = basic < REASON_COUNT ? reason_names[basic] : NULL;

	text_add(t, "VM exit, reason %llu: %s", ULL(basic),
		 name ? name : "unknown to this program");
	if (explain_get(s, F_GUEST_RIP, &rip))
		text_add(t, ", at RIP %#llx", ULL(rip));
	text_add(t, ". ");
	if (basic == REASON_TRIPLE_FAULT)
		text_add(t, "An exception, then a second one while the CPU delivered the first, "
			    "then a third while it delivered the double fault. ");
	if (explain_get(s, F_EXIT_QUALIFICATION, &q))
		say_qualification(s, basic, q, t);
	else
		say_registers(s, basic, t);
	say_delivery(s, t);
	if (reason & BIT(27))
		text_add(t, "The guest was in an enclave. ");
	if (s->insn.text[0])
		text_add(t, "Instruction: %s. ", s->insn.text);
	else if (basic != REASON_TRIPLE_FAULT && explain_get(s, F_EXIT_INSN_LEN, &length) &&
		 length && length <= 15 && basic != REASON_EXTERNAL_INTERRUPT)
		text_add(t, "The instruction is %llu bytes long. ", ULL(length));
}

static void explain_exit_vmx(const struct explain_state *s, struct explain_report *r,
			     struct text *t)
{
	u64 reason, q, info;
	bool failed = say_vmfail(s, r, t);

	if (!explain_get(s, F_EXIT_REASON, &reason)) {
		if (failed)
			return;
		text_add(t, "The dump has no exit reason. ");
		if (explain_get(s, F_GUEST_RIP, &q))
			text_add(t, "RIP is %#llx. ", ULL(q));
		if (s->insn.text[0])
			text_add(t, "Instruction: %s. ", s->insn.text);
		return;
	}
	if (failed) {
		if (reason)
			text_add(t, "The exit fields are an older exit's (reason %llu). ",
				 ULL(reason & 0xffff));
		return;
	}
	if (reason & REASON_ENTRY_FAILED) {
		bool known = explain_get(s, F_EXIT_QUALIFICATION, &q);

		r->entry_failed = true;
		say_entry_failure(s, reason, known, q, t);
		return;
	}
	/* 0 is also what a VMCS says that was never entered. */
	if ((reason & 0xffff) == REASON_EXCEPTION_NMI &&
	    explain_get(s, F_EXIT_INTR_INFO, &info) && !(info & INTR_VALID)) {
		r->no_exit = true;
		text_add(t, "No VM exit yet: the exit fields are all 0. ");
		return;
	}
	r->triple_fault = (reason & 0xffff) == REASON_TRIPLE_FAULT;
	say_exit(s, reason, t);
}

void explain_exit(const struct explain_state *s, struct explain_report *r)
{
	struct text t = TEXT(r->exit);

	r->exit[0] = 0;
	if (s->vendor == EXPLAIN_VMX)
		explain_exit_vmx(s, r, &t);
	else
		explain_exit_svm(s, r, &t);
}
