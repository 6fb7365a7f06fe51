/* SPDX-License-Identifier: MIT */
/* Triple faults: the chain of exceptions for states whose end is known. */
#include "fixture.h"

#include "../../../vellum/explain/insn.h"

static struct explain_state state;

/* A page of guest memory at each of these addresses. */
#define PML4	0x2000
#define PDPT	0x3000
#define PD	0x4000
#define PT	0x5000
#define IDT	0x6000
#define GDT	0x7000
#define TSS	0x8000
#define STACK	0x9000
#define CODE	0xa000

static uint64_t pages[16][512];

static uint8_t *page(uint64_t gpa)
{
	return (uint8_t *)pages[gpa >> 12];
}

static void put64(uint64_t gpa, uint64_t v)
{
	memcpy(page(gpa) + (gpa & 0xfff), &v, 8);
}

/* 16 pages, identity-mapped by 4 KiB ones; GDT with 64- and 32-bit segments. */
static void memory_64(void)
{
	unsigned i;

	memset(pages, 0, sizeof(pages));
	put64(PML4, PDPT | 7);
	put64(PDPT, PD | 7);
	put64(PD, PT | 7);
	for (i = 0; i < 16; i++)
		put64(PT + 8 * i, (uint64_t)i << 12 | 3);
	put64(GDT + 0x08, 0x00af9b000000ffffull);
	put64(GDT + 0x10, 0x00cf93000000ffffull);
	add_memory(&state, 0, pages, sizeof(pages));
}

static void gate_64(unsigned vector, uint64_t handler, unsigned ist, unsigned type_byte)
{
	put64(IDT + 16 * vector, (handler & 0xffff) | 8 << 16 | (uint64_t)ist << 32 |
	      (uint64_t)type_byte << 40 | (handler >> 16 & 0xffff) << 48);
	put64(IDT + 16 * vector + 8, handler >> 32);
}

static void state_64(const char *code, unsigned size)
{
	unsigned i;

	base_state(&state, BASE_64);
	memory_64();
	set(&state, F_EXIT_REASON, 2);
	set(&state, F_GUEST_RIP, CODE);
	set(&state, F_GUEST_RSP, STACK + 0x800);
	set(&state, F_GUEST_CR3, PML4);
	set(&state, F_GUEST_IDTR_BASE, IDT);
	set(&state, F_GUEST_IDTR_LIMIT, 0xfff);
	set(&state, F_GUEST_GDTR_BASE, GDT);
	set(&state, F_GUEST_TR_BASE, TSS);
	memcpy(page(CODE), code, size);
	for (i = 0; i < 32; i++)
		gate_64(i, 0xb000 + 16 * i, 0, 0x8e);
}

static void ask(void)
{
	memset(&state.insn, 0, sizeof(state.insn));
	insn_examine(&state);
	explain(&state, &report);
	if (report.n_findings)
		print_findings(&report);
	assert_int_equal(report.n_findings, 0);
	assert_true(report.triple_fault);
}

static void chain(enum explain_verdict verdict, unsigned n, const uint8_t *vectors)
{
	unsigned i;

	if (report.verdict != verdict || report.n_steps != n) {
		for (i = 0; i < report.n_steps; i++)
			print_error("%u: %s / %s\n", report.step[i].vector, report.step[i].raised,
				    report.step[i].delivery);
		print_error("%s\n", report.conclusion);
	}
	assert_int_equal(report.verdict, verdict);
	assert_int_equal(report.n_steps, n);
	for (i = 0; i < n; i++)
		assert_int_equal(report.step[i].vector, vectors[i]);
}

#define CHAIN(verdict, ...) do {						\
	static const uint8_t v_[] = { __VA_ARGS__ };				\
	chain(VERDICT_##verdict, sizeof(v_), v_);				\
} while (0)

static bool advises(const char *field, uint64_t value, bool root)
{
	unsigned i;

	for (i = 0; i < report.n_advice; i++)
		if (!strcmp(report.advice[i].field, field) && report.advice[i].value == value &&
		    report.advice[i].root == root)
			return true;
	return false;
}

static void says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("\"%s\" doesn't say \"%s\"", text, what);
}

static void real_mode(void)
{
	base_state(&state, BASE_REAL);
	memset(pages, 0, sizeof(pages));
	add_memory(&state, 0, pages, sizeof(pages));
	set(&state, F_EXIT_REASON, 2);
	set(&state, F_GUEST_RIP, 0x1000);
	set(&state, F_GUEST_RSP, 0x8000);
}

/* -- Real mode --------------------------------------------------------------------------- */

static void cs_limit_too_small(void **unused)
{
	(void)unused;
	real_mode();
	memcpy(page(0x1000), "\x0f\x01\xc1", 3);
	set(&state, F_GUEST_CS_LIMIT, 0x1000);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	says(report.step[0].raised, "3 bytes long");
	assert_true(advises("GUEST_CS_LIMIT", 0xffff, true));
	assert_true(advises("GUEST_IDTR_LIMIT", 0x3ff, false));
	/* Its three bytes within the limit: no fault from there. */
	set(&state, F_GUEST_CS_LIMIT, 0x1002);
	ask();
	assert_false(advises("GUEST_CS_LIMIT", 0xffff, true));
}

static void rip_beyond_cs_limit(void **unused)
{
	(void)unused;
	real_mode();
	set(&state, F_GUEST_RIP, 0x10000);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	says(report.conclusion, "beyond it");
}

static void vector_table_reached_but_no_stack(void **unused)
{
	(void)unused;
	real_mode();
	memcpy(page(0x1000), "\x0f\x0b", 2);
	set(&state, F_GUEST_SS_LIMIT, 0);
	ask();
	/* #UD is benign: #SS takes its place; then #SS while delivering #SS. */
	CHAIN(SHUTDOWN, VEC_UD, VEC_SS, VEC_DF);
	assert_true(advises("GUEST_SS_LIMIT", 0xffff, false));
}

static void real_mode_data_limit(void **unused)
{
	(void)unused;
	real_mode();
	memcpy(page(0x1000), "\xa0\x34\x12", 3);	/* mov al, [0x1234] */
	set(&state, F_GUEST_DS_LIMIT, 0xff);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	says(report.step[0].raised, "DS:0x1234, beyond DS's limit 0xff");
	assert_true(advises("GUEST_DS_LIMIT", 0xffff, true));
}

static void deliverable_exceptions_leave_it_open(void **unused)
{
	(void)unused;
	real_mode();
	memcpy(page(0x1000), "\x0f\x0b", 2);
	ask();
	CHAIN(OPEN, VEC_UD);
	says(report.step[0].delivery, "can be delivered");
}

/* -- IA-32e mode ---------------------------------------------------------------------------- */

static void empty_idt_in_64_bit_mode(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_GP, VEC_DF);
	assert_int_equal(report.step[1].error, 6 * 8 + 2 + 1);
}

static void rip_not_mapped(void **unused)
{
	(void)unused;
	state_64("", 0);
	set(&state, F_GUEST_RIP, 0x400000);
	put64(PT + 8 * (IDT >> 12), 0);
	ask();
	CHAIN(SHUTDOWN, VEC_PF, VEC_DF);
	says(report.step[0].raised, "linear 0x400000 isn't mapped: its PDE at guest-physical 0x4010");
	assert_int_equal(report.step[0].error, 0x10);
	says(report.step[1].delivery, "IDT entry 8");
}

static void reserved_bit_in_a_table(void **unused)
{
	(void)unused;
	state_64("\x90", 1);
	put64(PT + 8 * (CODE >> 12), CODE | 3 | BIT(50));
	gate_64(VEC_PF, 0, 0, 0x0e);
	gate_64(VEC_DF, 0, 0, 0x0e);
	ask();
	/* #NP while delivering #PF makes #DF; #NP while delivering that, the end. */
	CHAIN(SHUTDOWN, VEC_PF, VEC_DF);
	says(report.step[0].raised, "reserved bit 50 set");
	assert_int_equal(report.step[0].error, 0x19);
	says(report.step[1].delivery, "isn't present");
}

static void nx_without_nxe(void **unused)
{
	(void)unused;
	state_64("\x90", 1);
	set(&state, F_GUEST_EFER, 0x501);
	put64(PT + 8 * (STACK >> 12), STACK | 3 | BIT(63));
	set(&state, F_GUEST_RIP, STACK);
	gate_64(VEC_PF, 0, 0, 0x0e);
	gate_64(VEC_DF, 0, 0, 0x0e);
	ask();
	says(report.step[0].raised, "EFER.NXE is 0");
	set(&state, F_GUEST_EFER, 0xd01);
	ask();
	says(report.step[0].raised, "isn't executable");
}

static void handler_selector_beyond_gdt(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	set(&state, F_GUEST_GDTR_LIMIT, 7);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_GP, VEC_DF);
	assert_int_equal(report.step[1].error, 8 + 1);
	says(report.step[0].delivery, "beyond its limit 0x7");
}

static void handler_segment_is_32_bit(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	put64(GDT + 8, 0x00cf9b000000ffffull);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_GP, VEC_DF);
	says(report.step[0].delivery, "it isn't a 64-bit one");
}

static void ist_beyond_tss(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	gate_64(VEC_UD, 0xb000, 7, 0x8e);
	gate_64(VEC_TS, 0xb000, 7, 0x8e);
	gate_64(VEC_DF, 0xb000, 7, 0x8e);
	set(&state, F_GUEST_TR_LIMIT, 0x30);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_TS, VEC_DF);
	says(report.step[0].delivery, "beyond TR's limit 0x30");
	assert_int_equal(report.step[1].error, 0x18 + 1);
}

static void stack_not_mapped(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	set(&state, F_GUEST_RSP, 0x123000);
	ask();
	/* #UD, then #PF takes its place, then #PF while delivering #PF. */
	CHAIN(SHUTDOWN, VEC_UD, VEC_PF, VEC_DF);
	says(report.step[0].delivery, "pushing 40 bytes below RSP 0x123000");
}

static void double_fault_with_its_own_stack_is_delivered(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	set(&state, F_GUEST_RSP, 0x123000);
	gate_64(VEC_DF, 0xb000, 1, 0x8e);
	put64(TSS + 0x20, (uint64_t)(STACK + 0x100) << 32);	/* IST1, at 0x24, low half */
	put64(TSS + 0x28, 0);
	ask();
	CHAIN(OPEN, VEC_UD, VEC_PF, VEC_DF);
}

static void stack_of_the_kernel_from_user_mode(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	set(&state, F_GUEST_SS_AR, 0xc0f3);
	set(&state, F_GUEST_SS_SELECTOR, 0x2b);
	set(&state, F_GUEST_CS_AR, 0xa0fb);
	set(&state, F_GUEST_CS_SELECTOR, 0x33);
	put64(PT + 8 * (CODE >> 12), CODE | 7);
	ask();
	/* RSP0 is 0: the pushes wrap to the top of the address space. */
	CHAIN(SHUTDOWN, VEC_UD, VEC_PF, VEC_DF);
	says(report.step[0].delivery, "RSP0 from the TSS at 0x8000, offset 0x4, is 0");
}

static void int_n_needs_the_gates_dpl(void **unused)
{
	(void)unused;
	state_64("\xcd\x80", 2);
	set(&state, F_GUEST_SS_AR, 0xc0f3);
	set(&state, F_GUEST_SS_SELECTOR, 0x2b);
	set(&state, F_GUEST_CS_AR, 0xa0fb);
	set(&state, F_GUEST_CS_SELECTOR, 0x33);
	put64(PT + 8 * (CODE >> 12), CODE | 7);
	gate_64(0x80, 0xb000, 0, 0x8e);
	set(&state, F_GUEST_IDTR_LIMIT, 0xfff);
	ask();
	says(report.step[0].delivery, "its DPL 0 is below the CPL 3");
	assert_int_equal(report.step[1].vector, VEC_GP);
	assert_int_equal(report.step[1].error, 0x80 * 8 + 2);	/* EXT 0: software's own */
}

static void accesses_of_the_instruction(void **unused)
{
	(void)unused;
	state_64("\x48\x8b\x03", 3);			/* mov rax, [rbx] */
	state.gpr_known = 0xffff;
	state.gpr[GPR_RBX] = 0xdead000;
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	assert_int_equal(report.step[0].vector, VEC_PF);
	says(report.step[0].raised, "mov rax, qword ptr [rbx]");
	says(report.step[0].raised, "0xdead000");
	state.gpr[GPR_RBX] = 0x0080000000000000;
	ask();
	assert_int_equal(report.step[0].vector, VEC_GP);
	says(report.step[0].raised, "isn't canonical");
	/* Within what is mapped nothing is wrong with it: the IDT decides alone. */
	state.gpr[GPR_RBX] = STACK;
	ask();
	assert_int_equal(report.n_steps, 0);
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	says(report.conclusion, "has not even one entry");
}

static void division_by_zero(void **unused)
{
	(void)unused;
	state_64("\x48\xf7\xf3", 3);			/* div rbx */
	state.gpr_known = 0xffff;
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_DE, VEC_DF);
	state.gpr[GPR_RBX] = 1;
	ask();
	assert_int_equal(report.n_steps, 0);
}

static void data_segment_load(void **unused)
{
	(void)unused;
	state_64("\x8e\xd8", 2);			/* mov ds, eax */
	state.gpr_known = 0xffff;
	state.gpr[GPR_RAX] = 0x40;
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	assert_int_equal(report.step[0].error, 0x40);
	says(report.step[0].raised, "beyond its limit 0x27");
	state.gpr[GPR_RAX] = 0x10;
	ask();
	assert_int_equal(report.n_steps, 0);
}

/* -- Protected mode -------------------------------------------------------------------------- */

static void protected_mode(const char *code, unsigned size)
{
	base_state(&state, BASE_REAL);
	memset(pages, 0, sizeof(pages));
	add_memory(&state, 0, pages, sizeof(pages));
	set(&state, F_EXIT_REASON, 2);
	set(&state, F_GUEST_CR0, 0x31);
	set(&state, F_GUEST_CS_AR, 0xc09b);
	set(&state, F_GUEST_CS_LIMIT, 0xffffffff);
	set(&state, F_GUEST_SS_AR, 0xc093);
	set(&state, F_GUEST_SS_LIMIT, 0xffffffff);
	set(&state, F_GUEST_RIP, CODE);
	set(&state, F_GUEST_RSP, STACK + 0x800);
	set(&state, F_GUEST_GDTR_BASE, GDT);
	set(&state, F_GUEST_GDTR_LIMIT, 0x27);
	set(&state, F_GUEST_IDTR_BASE, IDT);
	set(&state, F_GUEST_IDTR_LIMIT, 0x7ff);
	memcpy(page(CODE), code, size);
	put64(GDT + 0x08, 0x00cf9b000000ffffull);
	put64(GDT + 0x10, 0x00cf93000000ffffull);
}

static void gate_32(unsigned vector, uint32_t handler, unsigned selector, unsigned type_byte)
{
	put64(IDT + 8 * vector, (handler & 0xffff) | selector << 16 | (uint64_t)type_byte << 40 |
	      (uint64_t)(handler >> 16) << 48);
}

static void zeroed_idt(void **unused)
{
	(void)unused;
	protected_mode("\x0f\x0b", 2);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_GP, VEC_DF);
	says(report.step[0].delivery, "type 0 is no gate");
}

static void far_jump_to_a_data_segment(void **unused)
{
	(void)unused;
	protected_mode("\xea\x00\xb0\x00\x00\x10\x00", 7);	/* ljmp 0x10:0xb000 */
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	assert_int_equal(report.step[0].error, 0x10);
	says(report.step[0].raised, "CS can't be loaded with that");
}

static void gate_not_present_and_null_selector(void **unused)
{
	(void)unused;
	protected_mode("\x0f\x0b", 2);
	gate_32(VEC_UD, 0xb000, 8, 0x0e);
	gate_32(VEC_NP, 0xb000, 0, 0x8e);
	gate_32(VEC_DF, 0xb000, 0, 0x8e);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_NP, VEC_DF);
	says(report.step[0].delivery, "the gate isn't present");
	says(report.step[1].delivery, "the selector is null");
	assert_int_equal(report.step[1].error, 6 * 8 + 2 + 1);
}

static void paging_switched_on_with_no_tables(void **unused)
{
	(void)unused;
	protected_mode("\x90", 1);
	set(&state, F_GUEST_CR0, 0x80000031);
	set(&state, F_GUEST_CR3, 0x1000);
	ask();
	CHAIN(SHUTDOWN, VEC_PF, VEC_DF);
	says(report.step[0].raised, "its PDE at guest-physical 0x1000 is 0x0, not present");
}

static void expand_down_stack(void **unused)
{
	(void)unused;
	protected_mode("\x50", 1);			/* push eax */
	set(&state, F_GUEST_SS_AR, 0xc097);
	set(&state, F_GUEST_SS_LIMIT, 0xffffffff);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	CHAIN(SHUTDOWN, VEC_SS, VEC_DF);
}

/* -- What isn't known ------------------------------------------------------------------------- */

static void without_memory_the_chain_stays_open(void **unused)
{
	(void)unused;
	state_64("\x0f\x0b", 2);
	state.n_memory = 0;
	ask();
	assert_int_equal(report.verdict, VERDICT_OPEN);
	assert_int_equal(report.n_steps, 0);
	says(report.conclusion, "not in the dump");
}

static void without_memory_an_empty_idt_decides(void **unused)
{
	(void)unused;
	state_64("", 0);
	state.n_memory = 0;
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	ask();
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	says(report.conclusion, "none can be delivered");
}

static void svm_shutdown(void **unused)
{
	(void)unused;
	base_vmcb(&state);
	memory_64();
	state.vmcb.c.exit_code = EXIT_SHUTDOWN;
	state.vmcb.s.cr3 = PML4;
	state.vmcb.s.rip = CODE;
	state.vmcb.s.idtr.limit = 0;
	memcpy(page(CODE), "\x0f\x0b", 2);
	ask();
	CHAIN(SHUTDOWN, VEC_UD, VEC_GP, VEC_DF);
	/* Real mode, as in 2012. */
	base_vmcb(&state);
	state.vmcb.c.exit_code = EXIT_SHUTDOWN;
	state.vmcb.s.efer = EFER_SVME;
	state.vmcb.s.cr0 = 0x10;
	state.vmcb.s.cr4 = 0;
	state.vmcb.s.cs = (struct vmcb_seg){ 0, 0x29b, 0, 0 };
	state.vmcb.s.rip = 0;
	state.vmcb.s.idtr.limit = 0;
	ask();
	CHAIN(SHUTDOWN, VEC_GP, VEC_DF);
	assert_true(advises("CS_LIMIT", 0xffff, true));
}

/* jmp *%rax */
static void a_jump_to_nowhere(void **unused)
{
	(void)unused;
	state_64("\xff\xe0", 2);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	state.gpr[GPR_RAX] = 0x800000000000;
	state.gpr_known = 1 << GPR_RAX;
	ask();
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	assert_int_equal(report.step[0].vector, VEC_GP);
	assert_non_null(strstr(report.conclusion, "jumps to 0x800000000000, which isn't canonical"));
	state.gpr[GPR_RAX] = 0x7fff00000000;
	ask();
	assert_null(strstr(report.conclusion, "jumps to"));
}

/* wrmsr: no dump tells whether it faults; a trap does. */
static void what_only_a_trap_tells(void **unused)
{
	(void)unused;
	state_64("\x0f\x30", 2);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	state.gpr[GPR_RCX] = MSR_LSTAR;
	state.gpr_known = 1 << GPR_RCX;
	ask();
	assert_non_null(strstr(report.conclusion, "MSR 0xc0000082 (IA32_LSTAR)"));
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	assert_int_equal(report.n_steps, 0);
	state.caught = (struct explain_caught){ .known = true, .has_error = true,
						.vector = VEC_GP };
	ask();
	assert_int_equal(report.step[0].vector, VEC_GP);
	assert_non_null(strstr(report.step[0].raised, "was seen to raise it"));
	state.caught = (struct explain_caught){ 0 };
}

/* A caught page fault shows the walk that ended at CR2. */
static void a_caught_page_fault(void **unused)
{
	(void)unused;
	state_64("\x0f\x30", 2);
	set(&state, F_GUEST_IDTR_LIMIT, 0);
	state.cr2 = 0x7f0000000000;
	state.cr2_known = true;
	state.caught = (struct explain_caught){ .known = true, .has_error = true,
						.vector = VEC_PF };
	ask();
	assert_non_null(strstr(report.step[0].raised, "0x7f0000000000 isn't mapped: its PML4E"));
	state.caught = (struct explain_caught){ 0 };
}

static void lint(void)
{
	memset(&report, 0, sizeof(report));
	memset(&state.insn, 0, sizeof(state.insn));
	insn_examine(&state);
	explain_lint(&state, &report);
}

static void lint_looks_at_the_first_instruction(void **unused)
{
	(void)unused;
	state_64("\x90", 1);
	lint();
	assert_int_equal(report.n_findings + report.n_steps, 0);
	state_64("\x0f\x30", 2);		/* may fault, or not */
	lint();
	assert_int_equal(report.n_steps, 0);
	set(&state, F_GUEST_RIP, 0x7f0000000000);
	lint();
	assert_int_equal(report.step[0].vector, VEC_PF);
	assert_int_equal(report.verdict, VERDICT_OPEN);	/* there is a handler */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_to_nowhere),
		cmocka_unit_test(what_only_a_trap_tells),
		cmocka_unit_test(a_caught_page_fault),
		cmocka_unit_test(lint_looks_at_the_first_instruction),
		cmocka_unit_test(cs_limit_too_small),
		cmocka_unit_test(rip_beyond_cs_limit),
		cmocka_unit_test(vector_table_reached_but_no_stack),
		cmocka_unit_test(real_mode_data_limit),
		cmocka_unit_test(deliverable_exceptions_leave_it_open),
		cmocka_unit_test(empty_idt_in_64_bit_mode),
		cmocka_unit_test(rip_not_mapped),
		cmocka_unit_test(reserved_bit_in_a_table),
		cmocka_unit_test(nx_without_nxe),
		cmocka_unit_test(handler_selector_beyond_gdt),
		cmocka_unit_test(handler_segment_is_32_bit),
		cmocka_unit_test(ist_beyond_tss),
		cmocka_unit_test(stack_not_mapped),
		cmocka_unit_test(double_fault_with_its_own_stack_is_delivered),
		cmocka_unit_test(stack_of_the_kernel_from_user_mode),
		cmocka_unit_test(int_n_needs_the_gates_dpl),
		cmocka_unit_test(accesses_of_the_instruction),
		cmocka_unit_test(division_by_zero),
		cmocka_unit_test(data_segment_load),
		cmocka_unit_test(zeroed_idt),
		cmocka_unit_test(far_jump_to_a_data_segment),
		cmocka_unit_test(gate_not_present_and_null_selector),
		cmocka_unit_test(paging_switched_on_with_no_tables),
		cmocka_unit_test(expand_down_stack),
		cmocka_unit_test(without_memory_the_chain_stays_open),
		cmocka_unit_test(without_memory_an_empty_idt_decides),
		cmocka_unit_test(svm_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
