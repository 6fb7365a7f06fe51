/* SPDX-License-Identifier: MIT */
/* Control registers, MSRs, floating point, debug registers, segments, paging. */
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

static void need(bool has, const char *what)
{
	if (!has)
		skip("this CPU has no %s", what);
}

static void need_avx2(struct machine *m)
{
	(void)m;
	need(cpu_has(7, 0, 1, 5) && cpu_has(1, 0, 2, 26), "AVX2");
}

static void need_xsave(struct machine *m)
{
	(void)m;
	need(cpu_has(1, 0, 2, 26) && cpu_has(1, 0, 2, 28), "AVX");
}

/*
 * All of XCR0 is there, says user space; the host's CPU does not think so. Stock KVM
 * refuses to hear of AMX (17, 18) without a permission.
 */
static void lie_about_xcr0(struct machine *m)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	unsigned i;

	need_xsave(m);
	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == 0xd && !c->entries[i].index)
			c->entries[i].eax = c->entries[i].edx = ~(3u << 17);
	set_cpuid(m, c);
}

static void need_1g(struct machine *m)
{
	(void)m;
	need(cpu_has(0x80000001, 0, 3, 26), "pages of 1 GiB");
}

static void need_rdtscp(struct machine *m)
{
	(void)m;
	need(cpu_has(0x80000001, 0, 3, 27), "RDTSCP");
}

/* Dirties the registers of the host's thread, as another program's would be. */
static void dirty_fpu(struct machine *m, unsigned n)
{
	(void)m;
	(void)n;
	__asm__ volatile("fninit\n fldz\n pcmpeqd %%xmm0, %%xmm0\n"
			 "pcmpeqd %%xmm7, %%xmm7\n pcmpeqd %%xmm15, %%xmm15"
			 : : : "xmm0", "xmm7", "xmm15");
	usleep(1000);
	__asm__ volatile("fninit");
}

static void set_msrs_from_outside(struct machine *m)
{
	set_msr(m, 0xc0000102, 0xffff888812345678);
	set_msr(m, 0xc0000081, 0x0018000812345678);
	CHECK_EQ(get_msr(m, 0xc0000102), 0xffff888812345678);
}

static void check_msrs_outside(struct machine *m)
{
	struct kvm_sregs s;

	CHECK_EQ(get_msr(m, 0xc0000102), 0x0000222233334444);
	get_sregs(m, &s);
	CHECK_EQ(s.fs.base, 0x5555666677);
}

static void set_tsc_from_outside(struct machine *m, unsigned n)
{
	(void)n;
	set_msr(m, 0x10, 0x500000000000);
}

static void *run_rounds(void *arg)
{
	struct machine *m = arg;

	while (run_once(m) == KVM_EXIT_IO && m->run->io.port == 0x80)
		dirty_fpu(m, 0);
	return NULL;
}

static void test_avx_of_two_vms(void)
{
	struct machine m[2] = { 0 };
	pthread_t thread[2];
	unsigned i;

	need_avx2(NULL);
	for (i = 0; i < 2; i++) {
		machine_create(&m[i], 0);
		machine_boot(&m[i], LONG, G_cpu_avx_rounds);
		poke(&m[i], G_DATA, 0x1111111111111111 * (i + 1));
		poke(&m[i], G_RESULTS, 99);
	}
	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&thread[i], NULL, run_rounds, &m[i]));
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(m[i].run->io.port, PORT_END);
		CHECK_EQ(result(&m[i], 0), 0);
	}
}

/* Whose LAPIC is user space's must hear of a lowered priority, and of no other. */
static void test_cr8_lowered(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_cpu_cr8_lowered);
	run_to(&m, KVM_EXIT_SET_TPR);
	CHECK_EQ(m.run->cr8, 3);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 3);
}

static volatile u64 watched;

/* Writes to it are counted by a debug register of the host's. */
static int watch(void)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(a),
		.bp_type = HW_BREAKPOINT_W, .bp_addr = (uintptr_t)&watched,
		.bp_len = HW_BREAKPOINT_LEN_8, .exclude_kernel = 1, .exclude_hv = 1,
	};
	int fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);

	if (fd < 0)
		skip("no breakpoint events: %s", strerror(errno));
	return fd;
}

static u64 hits(int fd)
{
	u64 n = 0;

	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
	return n;
}

/*
 * The guest has a breakpoint in the same register; each side meets its own only. On
 * QEMU VMRUN does not arm the guest's: there the host's alone is looked at.
 */
static void test_host_watchpoint(void)
{
	struct machine m = { 0 };
	int fd;

	machine_create(&m, 0);
	machine_boot(&m, LONG, is_tcg ? G_abi_steps : G_cpu_breakpoint);
	fd = watch();
	watched++;
	CHECK_EQ(hits(fd), 1);
	run_to(&m, KVM_EXIT_IO);
	watched++;
	CHECK_EQ(hits(fd), 2);
	if (is_tcg) {
		run_to(&m, KVM_EXIT_IO);
		watched++;
		CHECK_EQ(hits(fd), 3);
		return;
	}
	run_to_end(&m);
	watched++;
	CHECK_EQ(hits(fd), 3);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(DB, 0));
	close(fd);
}

static const struct test tests[] = {
	{ "bad-cr0-faults", LONG, G_cpu_cr0_bad, RESULTS(1),
	  EXCEPTIONS(EXC(GP, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0)),
	  .tcg = "QEMU does not check writes of CR0" },
	{ "cr0-lmsw-clts", LONG, G_cpu_cr0, RESULTS(1, 0, 9, 1) },
	{ "cr4-rules", LONG, G_cpu_cr4, RESULTS(0),
	  EXCEPTIONS(EXC(GP, 0), EXC(GP, 0), EXC(GP, 0)) },
	{ "efer-rules", LONG, G_cpu_efer, RESULTS(0x801),
	  EXCEPTIONS(EXC(GP, 0), EXC(GP, 0)) },
	{ "cr3-reserved-bits", LONG, G_cpu_cr3_bad, EXCEPTIONS(EXC(GP, 0)),
	  .tcg = "QEMU does not check writes of CR3" },
	{ "cr2-cr3-cr8", LONG, G_cpu_cr3_cr8, RESULTS(G_PML4, 9, 0x1234567),
	  EXCEPTIONS(EXC(GP, 0), EXC(UD, 0)) },
	{ "cr8-lowered-exits", .custom = test_cr8_lowered },
	{ "msrs-keep-values", LONG, G_cpu_msr_known,
	  RESULTS(0x0018000800000000, 0xffff800012345678, 0x0000700012345678, 0x47700,
		  0xffff88880000ff00, 0x0000123412345678, 0xffffa00012345678, 0x10,
		  0x12345678, 0x23456789, 0x0007040600070406, 0xffff800012345678,
		  0x0000123412345678) },
	{ "bad-msrs-fault", LONG, G_cpu_msr_bad, IRQCHIP, RESULTS(1, 2, 3, 4, 5),
	  EXCEPTIONS(EXC(GP, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0)) },
	{ "non-canonical-msrs-fault", LONG, G_cpu_msr_canonical, RESULTS(0x7f),
	  .tcg = "QEMU does not check addresses in MSRs" },
	{ "msrs-from-user-space", LONG, G_cpu_msr_user,
	  RESULTS(0xffff888812345678, 0x0018000812345678),
	  .setup = set_msrs_from_outside, .check = check_msrs_outside },
	{ "tsc-goes-forward", LONG, G_cpu_tsc, RESULTS(0) },
	{ "tsc-as-set", LONG, G_cpu_tsc_set, RESULTS(0x1234, 0x1234, 0x500),
	  .step = set_tsc_from_outside },
	{ "rdtscp", LONG, G_cpu_rdtscp, RESULTS(0x5a5a, 0x5a5a), .setup = need_rdtscp },
	{ "fpu-survives-exits", LONG, G_cpu_fpu,
	  RESULTS(0, 0x123456789abcdef0, 0x123456789abcdef0),
	  ACCESSES(OUT(0x80, 1, ANY)), .step = dirty_fpu },
	{ "xsetbv-rules", LONG, G_cpu_xsetbv, RESULTS(7, 1), .setup = need_xsave,
	  EXCEPTIONS(EXC(UD, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0)) },
	{ "xcr0-of-a-lying-cpuid", LONG, G_cpu_xsetbv, RESULTS(7, 1),
	  .setup = lie_about_xcr0,
	  EXCEPTIONS(EXC(UD, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0), EXC(GP, 0)) },
	{ "avx-survives-exits", LONG, G_cpu_avx, RESULTS(0x1122334455667788),
	  ACCESSES(OUT(0x80, 1, ANY)), .setup = need_avx2, .step = dirty_fpu },
	{ "avx-of-two-vms", .custom = test_avx_of_two_vms, .seconds = 30 },
	{ "avx-off-is-invalid", LONG, G_cpu_no_avx, .setup = need_xsave,
	  EXCEPTIONS(EXC(UD, 0), EXC(UD, 0)) },
	{ "debug-registers-survive-exits", LONG, G_cpu_dr,
	  RESULTS(0x1000, 0x2000, 0x3000, 0xffff800000004000, 0xffff0ff0, 0x400),
	  .step = dirty_fpu },
	{ "breakpoint-in-hardware", LONG, G_cpu_breakpoint, RESULTS(1, 0),
	  ACCESSES(OUT(0x80, 1, ANY)), EXCEPTIONS(EXC(DB, 0)) },
	{ "watchpoint-of-the-host", .custom = test_host_watchpoint },
	{ "watchpoint", LONG, G_cpu_watchpoint, RESULTS(2, 0), EXCEPTIONS(EXC(DB, 0)) },
	{ "debug-register-rules", LONG, G_cpu_dr_rules,
	  EXCEPTIONS(EXC(UD, 0), EXC(GP, 0), EXC(GP, 0)) },
	{ "general-detect", LONG, G_cpu_dr_gd, RESULTS(0x2000), EXCEPTIONS(EXC(DB, 0)),
	  .tcg = "QEMU does not set DR6.BD" },
	{ "syscall-sysret-swapgs", LONG, G_cpu_syscall,
	  RESULTS(SEL_USER64, SEL_USERDATA, SEL_CODE64, SEL_DATA, 0, 0x202, 0x2222,
		  0x1111, SEL_USER64, 0x2222) },
	{ "ldt-and-tr", LONG, G_cpu_tables,
	  RESULTS(SEL_LDT, 0x77, SEL_TSS64, 0x8b, SEL_LDT + 15, G_GDT, G_IDT64, 0xfff),
	  EXCEPTIONS(EXC(GP, SEL_TSS64)) },
	{ "4k-pages-invlpg-accessed-dirty", LONG, G_cpu_paging_4k,
	  RESULTS(0x1111, 0x2222, 0x60, 0x2222, 0x20), EXCEPTIONS(EXC(PF, 0)) },
	{ "1g-page", LONG, G_cpu_page_1g, RESULTS(0x4242), .setup = need_1g },
	{ "self-modifying-code", LONG, G_cpu_self_modify, RESULTS(5050) },
	{ "instructions-that-do-nothing-or-are-not-there", LONG, G_cpu_misc,
	  EXCEPTIONS(EXC(GP, 0), EXC(UD, 0), EXC(UD, 0)) },
	{ "1000-cr3-switches", LONG, G_cpu_cr3_switch, RESULTS(1000 * (0xbbbb - 0xaaaa)) },
	{ "sysenter", PROT32, G_cpu_sysenter, RESULTS(SEL_CODE32, G_STACK_R0) },
	{ "pae-entries-load-with-cr3", PAE, G_cpu_pae_pdptes, INTEL_ONLY, RESULTS(0x77),
	  EXCEPTIONS(EXC(GP, 0)) },
	{ "paging-off-and-on", PAE, G_cpu_paging_toggle, RESULTS(0) },
	{ "virtual-8086-mode", PAGED32, G_cpu_vm86,
	  RESULTS(0x1234, 0, 0x20000, G_STACK_R0 - 9 * 4),
	  .tcg = "QEMU ends itself there" },
};
TABLE(cpu, tests);
