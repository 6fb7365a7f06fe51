/* SPDX-License-Identifier: MIT */
/* A debugger outside the guest: KVM_SET_GUEST_DEBUG. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"

#define STEP	KVM_GUESTDBG_SINGLESTEP
#define INT3	KVM_GUESTDBG_USE_SW_BP
#define HARD	KVM_GUESTDBG_USE_HW_BP

#define DR6_BS	0x4000u

/* DR7: breakpoint n enabled for execution, writing, or any access of 8 bytes. */
#define DR7_EXEC(n)	(2u << 2 * (n))
#define DR7_WRITE8(n)	(DR7_EXEC(n) | 9u << (16 + 4 * (n)))
#define DR7_ACCESS8(n)	(DR7_EXEC(n) | 0xbu << (16 + 4 * (n)))

static void debug(struct machine *m, u32 control, u64 address, u64 dr7)
{
	struct kvm_guest_debug d = {
		.control = control ? control | KVM_GUESTDBG_ENABLE : 0,
		.arch.debugreg = { [0] = address, [7] = dr7 },
	};

	DO(m->cpu, KVM_SET_GUEST_DEBUG, &d);
}

/* Runs to a debug exit at that place, and by that exception. */
static void stop_at(struct machine *m, u64 rip, u32 vector, u64 hits)
{
	const struct kvm_debug_exit_arch *d = &m->run->debug.arch;
	struct kvm_regs r;

	run_to(m, KVM_EXIT_DEBUG);
	get_regs(m, &r);
	CHECK_EQ(r.rip, rip);
	CHECK_EQ(d->pc, rip);
	CHECK_EQ(d->exception, vector);
	if (vector == DB)
		CHECK_EQ(d->dr6 & 0x400f, hits);
}

/* Goes on like that until the guest says END. Other exits are answered with 0. */
static unsigned count_steps(struct machine *m)
{
	unsigned n = 0;
	u32 reason;

	for (;;) {
		debug(m, STEP, 0, 0);
		reason = run_once(m);
		if (reason == KVM_EXIT_IO && m->run->io.port == PORT_END)
			return n;
		if (reason == KVM_EXIT_DEBUG)
			n++;
		else if (reason != KVM_EXIT_IO || m->run->io.port != PORT_STEP)
			fail("exit reason %u after %u steps", reason, n);
		CHECK(n < 1000);
	}
}

/*
 * The code's page has been there once: Bochs keeps a step pending over an EPT
 * violation, which stock KVM takes for one that is done.
 */
static void boot(struct machine *m, enum mode mode, u32 entry)
{
	machine_create(m, 0);
	machine_boot(m, LONG, G_dbg_touch);
	run_to_end(m);
	machine_boot(m, mode, entry);
}

static void step_to(struct machine *m, u64 rip)
{
	debug(m, STEP, 0, 0);
	stop_at(m, rip, DB, DR6_BS);
}

/* Steps until it is there: not every emulator has breakpoints for guests. */
static void go_to(struct machine *m, u64 rip)
{
	struct kvm_regs r;
	unsigned n = 0;

	do {
		CHECK(n++ < 100);
		debug(m, STEP, 0, 0);
		while (run_once(m) != KVM_EXIT_DEBUG)
			CHECK(m->run->exit_reason == KVM_EXIT_MMIO);
		get_regs(m, &r);
	} while (r.rip != rip);
}

static void test_count(void)
{
	struct machine m = { 0 };
	struct kvm_regs r;

	boot(&m, LONG, G_dbg_line);
	CHECK_EQ(count_steps(&m), 8);
	get_regs(&m, &r);
	CHECK_EQ(r.rbx, 14);
	CHECK_EQ(r.rflags & 0x100, 0);
	/* Of the guest's flags as well. */
	CHECK_EQ(peek(&m, EXC_COUNT), 0);
}

static void test_prot(void)
{
	struct machine m = { 0 };

	boot(&m, PROT32, G_dbg_prot);
	CHECK_EQ(count_steps(&m), 4);
}

/* A software interrupt is one step: its handler runs with TF off. */
static void test_real(void)
{
	static const u8 handler[] = { 0x83, 0xc3, 0x01, 0xcf };	/* add $1, %bx; iret */
	struct machine m = { 0 };
	struct kvm_regs r;
	unsigned n;

	boot(&m, REAL, G_dbg_real);
	memcpy(m.ram + 0xe000, handler, sizeof(handler));
	poke(&m, 0x40 * 4, 0xe000);
	n = count_steps(&m);
	get_regs(&m, &r);
	CHECK_EQ(r.rbx, 8);
	CHECK(n >= 4 && n <= 6);
}

/* What the guest sees of TF, which is ours. */
static void test_flags(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_flags);
	poke(&m, G_RESULTS, 99);
	while (peek(&m, G_RESULTS + 8) == 0) {
		debug(&m, STEP, 0, 0);
		run_to(&m, KVM_EXIT_DEBUG);
	}
	CHECK_EQ(result(&m, 0), 0x46);
	CHECK_EQ(result(&m, 1), 0x46);
	/* And its own single step is its own again. */
	debug(&m, 0, 0, 0);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(DB, 0));
}

/* STI ends a step; MOV SS takes the next instruction along. */
static void test_shadow(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_shadow);
	step_to(&m, G_dbg_shadow + 1);		/* cli */
	if (!is_tcg)		/* there STI is like MOV SS */
		step_to(&m, G_dbg_shadow + 2);	/* sti */
	step_to(&m, G_dbg_shadow + 3);		/* nop */
	step_to(&m, G_dbg_shadow + 4);		/* cli */
	step_to(&m, G_dbg_shadow + 6);		/* mov %ss, %eax */
	step_to(&m, G_dbg_shadow + 9);		/* mov %eax, %ss; nop */
	step_to(&m, G_dbg_shadow + 10);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
}

/*
 * An exit to user space in the middle of an instruction, then the step's end. Stock
 * KVM forgets the one or the other of the two for some instructions, and differently
 * on either vendor: so those tests are for vmm.ko.
 */
static void user_exit(struct machine *m, u32 reason, u64 rip)
{
	debug(m, STEP, 0, 0);
	run_to(m, reason);
	memset(m->run->mmio.data, 0, 8);
	stop_at(m, rip, DB, DR6_BS);
}

static void test_exits(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_exits);
	step_to(&m, G_dbg_exits + 2);
	step_to(&m, G_dbg_exits + 4);
	step_to(&m, G_dbg_exits_cpuid);
	step_to(&m, G_dbg_exits_cpuid + 5);
	step_to(&m, G_dbg_exits_rdmsr);
	user_exit(&m, KVM_EXIT_IO, G_dbg_exits_in);
	user_exit(&m, KVM_EXIT_IO, G_dbg_exits_out);
	step_to(&m, G_dbg_exits_out + 5);
	user_exit(&m, KVM_EXIT_MMIO, G_dbg_exits_read);
	user_exit(&m, KVM_EXIT_MMIO, G_dbg_exits_write);
	debug(&m, STEP, 0, 0);
	while (run_once(&m) == KVM_EXIT_MMIO)
		memset(m.run->mmio.data, 0, 8);
	CHECK_EQ(m.run->exit_reason, KVM_EXIT_DEBUG);
	CHECK_EQ(m.run->debug.arch.pc, G_dbg_exits_inc);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
}

/* One iteration of REP is one step, the last one goes on to the next instruction. */
static void test_rep(void)
{
	struct machine m = { 0 };
	struct kvm_regs r;

	boot(&m, LONG, G_dbg_rep);
	go_to(&m, G_dbg_rep_done - 2);
	step_to(&m, G_dbg_rep_done - 2);
	step_to(&m, G_dbg_rep_done - 2);
	get_regs(&m, &r);
	CHECK_EQ(r.rcx, 1);
	step_to(&m, G_dbg_rep_done);
	CHECK_EQ(m.ram[G_DATA + 2], 0x5a);
	CHECK_EQ(m.ram[G_DATA + 3], 0);
}

static void test_rep_mmio(void)
{
	struct machine m = { 0 };
	struct kvm_regs r;

	boot(&m, LONG, G_dbg_rep);
	go_to(&m, G_dbg_rep_mmio_done - 2);
	user_exit(&m, KVM_EXIT_MMIO, G_dbg_rep_mmio_done - 2);
	get_regs(&m, &r);
	CHECK_EQ(r.rcx, 1);
	user_exit(&m, KVM_EXIT_MMIO, G_dbg_rep_mmio_done);
}

/* Past an instruction breakpoint one steps, as every debugger does. */
static void test_hardware(void)
{
	struct machine m = { 0 };
	struct kvm_regs r;
	unsigned i;

	boot(&m, LONG, G_dbg_points);
	for (i = 0; i < 2; i++) {
		debug(&m, HARD, G_dbg_points_break, DR7_EXEC(0));
		stop_at(&m, G_dbg_points_break, DB, 1);
		get_regs(&m, &r);
		CHECK_EQ(r.rcx, 2 - i);
		step_to(&m, G_dbg_points_break + 2);
	}
	debug(&m, HARD, G_dbg_points_break, DR7_EXEC(0));
	run_to_end(&m);
}

static void test_watch(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_points);
	debug(&m, HARD, G_DATA, DR7_WRITE8(0));
	stop_at(&m, G_dbg_points_written, DB, 1);
	run_to_end(&m);
}

static void test_watch_read(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_points);
	debug(&m, HARD, G_DATA, DR7_ACCESS8(0));
	stop_at(&m, G_dbg_points_read, DB, 1);
	stop_at(&m, G_dbg_points_written, DB, 1);
	run_to_end(&m);
}

static void test_int3(void)
{
	struct machine m = { 0 };
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | INT3 | KVM_GUESTDBG_INJECT_BP,
	};
	struct kvm_regs r;

	if (is_tcg && !is_vmm)
		skip("QEMU does not intercept INT3 as #BP");
	boot(&m, LONG, G_dbg_int3);
	debug(&m, INT3, 0, 0);
	stop_at(&m, G_dbg_int3_here, BP, 0);
	/* Ours: past it. */
	get_regs(&m, &r);
	r.rip = G_dbg_int3_after;
	set_regs(&m, &r);
	run_to_end(&m);
	/* The guest's: it gets it. */
	machine_boot(&m, LONG, G_dbg_int3);
	poke(&m, EXC_FIXUP, G_dbg_int3_after);
	stop_at(&m, G_dbg_int3_here, BP, 0);
	DO(m.cpu, KVM_SET_GUEST_DEBUG, &d);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(BP, 0));
	CHECK_EQ(peek(&m, EXC_RIP), G_dbg_int3_after);
	/* Nobody's debugger: neither. */
	machine_boot(&m, LONG, G_dbg_int3);
	poke(&m, EXC_FIXUP, G_dbg_int3_after);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 2);
}

static void test_inject_db(void)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | HARD | KVM_GUESTDBG_INJECT_DB,
	};
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_inject);
	go_to(&m, G_dbg_inject_here);
	DO(m.cpu, KVM_SET_GUEST_DEBUG, &d);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(DB, 0));
	CHECK_EQ(peek(&m, EXC_RIP), G_dbg_inject_here);
}

/* The guest's own registers: it sees its values, and has them back afterwards. */
static void test_own(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_own);
	debug(&m, HARD, G_dbg_own_second, DR7_EXEC(0));
	stop_at(&m, G_dbg_own_second, DB, 1);
	CHECK_EQ(result(&m, 0), 0);
	CHECK_EQ(result(&m, 1), 0x402);
	CHECK_EQ(result(&m, 2) & 0x400f, 0);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(DB, 0));
	CHECK_EQ(result(&m, 3), 1);
}

static void test_own_step(void)
{
	struct machine m = { 0 };
	struct kvm_debugregs d;

	boot(&m, LONG, G_dbg_own);
	while (result(&m, 2) == 0) {
		debug(&m, STEP, 0, 0);
		run_to(&m, KVM_EXIT_DEBUG);
	}
	CHECK_EQ(result(&m, 0), 0);
	CHECK_EQ(result(&m, 1), 0x402);
	DO(m.cpu, KVM_GET_DEBUGREGS, &d);
	CHECK_EQ(d.dr7, 0x402);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(result(&m, 3), 1);
}

/* An interrupt that waits is not what one steps into, if one doesn't want it. */
static void test_block_irq(void)
{
	struct kvm_interrupt irq = { 0x40 };
	struct machine m = { 0 };

	CHECK(ioctl(ctl, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2) &
	      KVM_GUESTDBG_BLOCKIRQ);
	boot(&m, LONG, G_dbg_irq);
	go_to(&m, G_dbg_irq_next);
	DO(m.cpu, KVM_INTERRUPT, &irq);
	debug(&m, STEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0);
	stop_at(&m, G_dbg_irq_next + 1, DB, DR6_BS);
	CHECK_EQ(peek(&m, IRQ_TOTAL), 0);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
	CHECK_EQ(peek(&m, IRQ_TOTAL), 1);
	CHECK_EQ(peek(&m, IRQ_RIP), G_dbg_irq_next + 1);
}

static void test_hlt(void)
{
	struct machine m = { 0 };

	boot(&m, LONG, G_dbg_hlt);
	go_to(&m, G_dbg_hlt_after - 1);
	user_exit(&m, KVM_EXIT_HLT, G_dbg_hlt_after);
}

static void test_refused(void)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | 1u << 30 };
	struct machine m = { 0 };

	CHECK(ioctl(ctl, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG) > 0);
	boot(&m, LONG, G_dbg_line);
	if (is_vmm)
		REFUSED(EINVAL, m.cpu, KVM_SET_GUEST_DEBUG, &d);
	REFUSED(EFAULT, m.cpu, KVM_SET_GUEST_DEBUG, 16);
	debug(&m, 0, 0, 0);
	run_to_end(&m);
}

#define NO_POINTS "QEMU does not enter a guest with the VMCB's breakpoints"

static const struct test tests[] = {
	{ "each-instruction-is-one-step", .custom = test_count },
	{ "step-in-protected-mode", .custom = test_prot },
	{ "step-in-real-mode", .custom = test_real },
	{ "guest-sees-its-own-tf", .flags = VMM_ONLY, .custom = test_flags },
	{ "step-over-sti-and-mov-ss", .custom = test_shadow },
	{ "step-over-exits", .flags = VMM_ONLY, .custom = test_exits },
	{ "step-over-hlt", .flags = VMM_ONLY, .custom = test_hlt },
	{ "step-over-rep", .custom = test_rep },
	{ "step-over-rep-mmio", .flags = VMM_ONLY, .custom = test_rep_mmio },
	{ "breakpoint-in-hardware", .custom = test_hardware, .tcg = NO_POINTS },
	{ "watch-writes", .custom = test_watch, .tcg = NO_POINTS },
	{ "watch-accesses", .custom = test_watch_read, .tcg = NO_POINTS },
	{ "breakpoint-in-software-ours-or-the-guest-s", .custom = test_int3 },
	{ "debug-exception-handed-on", .custom = test_inject_db },
	{ "guest-keeps-its-breakpoints", .custom = test_own, .tcg = NO_POINTS },
	{ "guest-keeps-its-breakpoints-while-stepped", .custom = test_own_step,
	  .tcg = NO_POINTS },
	{ "interrupt-waits-for-the-step", .flags = VMM_ONLY, .custom = test_block_irq },
	{ "refused-and-absent", .custom = test_refused },
};
TABLE(debug, tests);
