/* SPDX-License-Identifier: MIT */
#include "harness.h"

#define SEL_NEW		0x80
#define TSS_AT(at, type, limit) \
	((u64)(limit) | (u64)((at) & 0xffffff) << 16 | (u64)(type) << 40)

static void add_tss(struct machine *m, u64 descriptor)
{
	struct kvm_sregs s;

	get_sregs(m, &s);
	s.gdt.limit = SEL_NEW + 7;
	set_sregs(m, &s);
	poke(m, G_GDT + SEL_NEW, descriptor);
}

static void tss_32(struct machine *m)
{
	add_tss(m, TSS_AT(G_TABLES, 0x89, 0x67));
}

static void tss_16(struct machine *m)
{
	add_tss(m, TSS_AT(G_TABLES, 0x81, 0x2b));
}

#define JMP_RESULTS	RESULTS(0x2222, SEL_NEW, 0x89, 0x8b, 8, 0, 0x1111, SEL_TSS32, 0x89, 0x8b)
#define CALL_RESULTS	RESULTS(0x4000, SEL_TSS32, 0x8b, 0, 0x89, 0x8b, 0x77)

static const struct test tests[] = {
	{ "jmp", PROT32, G_task_jmp, .setup = tss_32, JMP_RESULTS },
	{ "jmp-paged", PAGED32, G_task_jmp, .setup = tss_32, JMP_RESULTS },
	{ "jmp-pae", PAE, G_task_jmp, .setup = tss_32, JMP_RESULTS },
	{ "call-and-iret", PROT32, G_task_call, .setup = tss_32, CALL_RESULTS },
	{ "call-and-iret-paged", PAGED32, G_task_call, .setup = tss_32, CALL_RESULTS },
	{ "fault-through-a-task-gate", PAGED32, G_task_gate_fault, .setup = tss_32,
	  RESULTS(0xff0, G_STACK_R0, 0x55) },
	{ "fault-through-a-task-gate-saves-rf", PAGED32, G_task_gate_fault, .setup = tss_32,
	  RESULTS(0xff0, G_STACK_R0, 0x55, 0x10000), .tcg = "QEMU does not save RF" },
	{ "int-through-a-task-gate", PAGED32, G_task_gate_int, .setup = tss_32,
	  RESULTS(G_STACK_R0, 0x66) },
	{ "16-bit", PROT32, G_task_16, .setup = tss_16,
	  RESULTS(SEL_NEW, 0, SEL_CODE16, 0x99, 0x81, 0x7ffe) },
	{ "refused", PROT32, G_task_refused, .setup = tss_32,
	  RESULTS(SEL_TSS32, 0x89),
	  EXCEPTIONS(EXC(GP, SEL_DATA + 0x400), EXC(GP, SEL_TSS32), EXC(NP, SEL_NEW),
		     EXC(TS, SEL_NEW)) },
	{ "bad-segment-of-the-new-task", PAGED32, G_task_bad_segment, .setup = tss_32,
	  RESULTS(SEL_NEW, G_STACK_R0, 0xff0), EXCEPTIONS(EXC(TS, 0xff0)) },
	{ "debug-trap", PROT32, G_task_trap, .setup = tss_32, RESULTS(0x8000),
	  EXCEPTIONS(EXC(DB, 0)), .tcg = "QEMU does not look at the T flag" },
};
TABLE(task, tests);
