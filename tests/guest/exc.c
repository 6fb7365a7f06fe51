/* SPDX-License-Identifier: MIT */
/* Exceptions that stay inside the guest. */
#include <string.h>

#include "harness.h"

/* Ends in ring 3 with a write to the hole. */
static void run_to_user_end(u32 entry, u64 wanted)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, entry);
	run_to(&m, KVM_EXIT_MMIO);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), wanted);
}

static void test_user_page(void)
{
	run_to_user_end(G_exc_user_page, EXC(PF, 5));
}

static void test_alignment(void)
{
	run_to_user_end(G_exc_ac, EXC(AC, 0));
}

static void test_int_privileged(void)
{
	run_to_user_end(G_exc_int_privileged, EXC(GP, 13 << 3 | 2));
}

static void shutdown_of(u32 entry)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, entry);
	run_to(&m, KVM_EXIT_SHUTDOWN);
}

static void test_triple(void)
{
	shutdown_of(G_exc_triple);
}

static void test_triple_pf(void)
{
	shutdown_of(G_exc_triple_pf);
}

/* After a shutdown the program may set new state and run on. */
static void test_after_shutdown(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_exc_triple);
	run_to(&m, KVM_EXIT_SHUTDOWN);
	machine_boot(&m, LONG, G_long_sum);
	run_to_end(&m);
	CHECK_EQ(result(&m, 1), 0x500);
}

static void add_absent_segment(struct machine *m)
{
	struct kvm_sregs s;

	get_sregs(m, &s);
	s.gdt.limit = 0x7f;
	set_sregs(m, &s);
	poke(m, G_GDT + 0x78, 0x00cf13000000ffff);
}

static const struct test tests[] = {
	{ "divide-error", LONG, G_exc_de, EXCEPTIONS(EXC(DE, 0)) },
	{ "invalid-opcode", LONG, G_exc_ud, EXCEPTIONS(EXC(UD, 0), EXC(UD, 0)) },
	{ "general-protection", LONG, G_exc_gp,
	  EXCEPTIONS(EXC(GP, 0), EXC(GP, 0x1000), EXC(GP, 0)) },
	{ "stack-fault-of-non-canonical-rbp", LONG, G_exc_ss, EXCEPTIONS(EXC(SS, 0)),
	  .tcg = "QEMU raises #GP for it" },
	{ "page-fault-cr2-and-error-code", LONG, G_exc_pf,
	  RESULTS(0x10000000000, 0x10000000123),
	  EXCEPTIONS(EXC(PF, 0), EXC(PF, 2), EXC(PF, 0)) },
	{ "write-protection-follows-cr0-wp", LONG, G_exc_wp, RESULTS(0x77, 0x77),
	  EXCEPTIONS(EXC(PF, 3), EXC(PF, 3)) },
	{ "no-execute", LONG, G_exc_nx, EXCEPTIONS(EXC(PF, 0x11)) },
	{ "reserved-bit", LONG, G_exc_rsvd, EXCEPTIONS(EXC(PF, 9)),
	  .tcg = "QEMU's error code lacks P" },
	{ "user-access-to-supervisor-page", .custom = test_user_page },
	{ "breakpoint", LONG, G_exc_bp, EXCEPTIONS(EXC(BP, 0)) },
	{ "int-n-of-a-privileged-gate", .custom = test_int_privileged,
	  .tcg = "QEMU's error code is wrong in long mode" },
	{ "int-n", LONG, G_exc_int, RESULTS(1, 1) },
	{ "single-step", LONG, G_exc_step, RESULTS(0x4000, 0x100),
	  EXCEPTIONS(EXC(DB, 0)) },
	{ "single-step-over-exits", LONG, G_exc_step_exit, RESULTS(0, 0, 0),
	  ACCESSES(OUT(0x80, 1, 0), WRITE(MMIO_HOLE, 1, 0)),
	  EXCEPTIONS(EXC(DB, 0), EXC(DB, 0), EXC(DB, 0)) },
	{ "double-fault", LONG, G_exc_df, EXCEPTIONS(EXC(DF, 0)) },
	{ "triple-fault-is-a-shutdown", .custom = test_triple },
	{ "idt-in-absent-page-is-a-shutdown", .custom = test_triple_pf },
	{ "new-state-after-a-shutdown", .custom = test_after_shutdown },
	{ "device-not-available-and-clts", LONG, G_exc_nm, EXCEPTIONS(EXC(NM, 0)) },
	{ "alignment-check", .custom = test_alignment, .tcg = "QEMU has no #AC" },
	{ "segment-not-present", LONG, G_exc_np, EXCEPTIONS(EXC(NP, 0x78)),
	  .setup = add_absent_segment },
	{ "60-faults-in-a-row", LONG, G_exc_many, RESULTS(60) },
	{ "protected-mode-faults", PROT32, G_exc_prot,
	  EXCEPTIONS(EXC(UD, 0), EXC(GP, 0x1000), EXC(DE, 0)) },
	{ "int3-into-bound", PROT32, G_exc_into,
	  EXCEPTIONS(EXC(BP, 0), EXC(OF, 0), EXC(BR, 0)) },
	{ "real-mode-int-and-divide-error", REAL, G_exc_real, RESULTS(0x101) },
};
TABLE(exc, tests);
