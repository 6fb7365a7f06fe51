/* SPDX-License-Identifier: MIT */
/* Real mode and the ways out of it and back. */
#include <linux/kvm.h>

#include "harness.h"

static void raise_irq0(struct machine *m, unsigned n)
{
	(void)n;
	set_line(m, 0, true);
	set_line(m, 0, false);
}

static void send_nmi(struct machine *m, unsigned n)
{
	(void)n;
	raise_nmi(m);
}

static void test_triple_fault(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, REAL, G_real_triple);
	run_to(&m, KVM_EXIT_SHUTDOWN);
}

static const struct test tests[] = {
	{ "arithmetic", REAL, G_real_mix, RESULTS(0x5c4a3685, 0x80000000) },
	{ "frames", REAL, G_real_frames, RESULTS(0x68ac, 0xfff0) },
	{ "faults-through-the-vector-table", REAL, G_real_faults, RESULTS(0x0404),
	  .tcg = "QEMU does not check the limits of segments" },
	{ "single-step", REAL, G_real_step, RESULTS(4, 6, 0x4000) },
	{ "sti-shadow", REAL, G_real_shadow, IRQCHIP, RESULTS(0x70), .step = raise_irq0 },
	{ "nmi", REAL, G_real_nmi, RESULTS(2, 1), .step = send_nmi },
	{ "unreal-mode", REAL, G_real_unreal, RESULTS(0xfeedbeef) },
	{ "to-protected-mode-and-back-50-times", REAL, G_real_switch, RESULTS(50, 0) },
	{ "protected-mode-with-segments-of-real-mode", REAL, G_real_odd_segments,
	  RESULTS(0x1111, 0) },
	{ "x87-control", REAL, G_real_fpu, RESULTS(0x37f, 0, 0xf7f, 1) },
	{ "strings", REAL, G_real_strings, RESULTS(2, 8, 0x3333),
	  ACCESSES(IN(0x80, 2, 0x1111), IN(0x80, 2, 0x2222), IN(0x80, 2, 0x3333),
		   OUT(0x80, 2, 0x1111), OUT(0x80, 2, 0x2222)) },
	{ "msr-cpuid-tsc", REAL, G_real_msr, RESULTS(0x00070406, 1, 1) },
	{ "no-vector-table-is-a-triple-fault", .custom = test_triple_fault },
};
TABLE(real, tests);
