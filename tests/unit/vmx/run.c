/* SPDX-License-Identifier: MIT */
/* Entries and exits: what of the host is switched, and that it comes back. */
#include "fixture.h"

#include "arch/insn.h"

#define HOST_LSTAR	0xffffffff81000000ull
#define HOST_KERNEL_GS	0x7f0000001000ull

static void test_registers_are_written_only_if_changed(void **state)
{
	u64 writes;

	(void)state;
	enter_long_mode();
	vcpu_set_rip(v, 0x1000);
	vcpu_set_rsp(v, 0x2000);
	run_to(REASON_CPUID, 0);
	FIELD_IS(GUEST_RIP, 0x1000);
	FIELD_IS(GUEST_RSP, 0x2000);
	FIELD_IS(GUEST_RFLAGS, RFLAGS_IF | RFLAGS_FIXED);
	assert_int_equal(v->reg_valid, REG_RIP);
	assert_int_equal(v->reg_dirty, 0);
	writes = sim_vmx.writes;
	run_to(REASON_CPUID, 0);
	assert_int_equal(sim_vmx.writes, writes);	/* nothing to be written */
	SET_FIELD(GUEST_RSP, 0x3000);
	vmx_backend.load_regs(v, REG_RSP);
	assert_int_equal(v->gpr[GPR_RSP], 0x3000);
}

static void test_the_fast_path_reads_two_fields(void **state)
{
	u64 reads;

	(void)state;
	enter_long_mode();
	run_to(REASON_CPUID, 0);
	reads = sim_vmx.reads;
	vmx_backend.enter(v);
	assert_int_equal(sim_vmx.reads - reads, 2);
}

static void test_host_cr3_and_cr4_follow_the_host(void **state)
{
	(void)state;
	enter_long_mode();
	run_to(REASON_CPUID, 0);
	sim_insn.cr3 = 0x7777000;
	sim.cr4 |= CR4_TSD;
	run_to(REASON_CPUID, 0);	/* sim checks them at the entry */
	FIELD_IS(HOST_CR3, 0x7777000);
	assert_true(sim_vmcs_get(SIM_FIELD(HOST_CR4)) & CR4_TSD);
}

static void check_guest_msrs(struct vcpu *c)
{
	(void)c;
	assert_true(sim_msr(MSR_LSTAR) == 0xffffffffa0000000ull);
	assert_true(sim_msr(MSR_KERNEL_GS_BASE) == 0x1111000);
	assert_int_equal(sim_insn.xcr0, 1);
	/* SWAPGS and WRMSR in the guest: no exit. */
	wrmsr(MSR_KERNEL_GS_BASE, 0x2222000);
	sim_vmx_exit(REASON_CPUID, 0);
}

static void test_syscall_msrs_come_and_go(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.set_efer(v, v->efer | EFER_SCE);
	v->xcr0 = 1;
	vmx_backend.set_cr4(v, v->cr4 | CR4_OSXSAVE);
	vmx_backend.set_msr(v, MSR_LSTAR, 0xffffffffa0000000ull);
	vmx_backend.set_msr(v, MSR_KERNEL_GS_BASE, 0x1111000);
	assert_true(sim_msr(MSR_LSTAR) == HOST_LSTAR);	/* not before the entry */
	sim_insn.xcr0 = 3;
	sim_vmx.guest = check_guest_msrs;
	vmx_backend.enter(v);
	sim_vmx.guest = NULL;
	assert_int_equal(sim_insn.xcr0, 3);		/* at once */
	assert_true(sim_msr(MSR_LSTAR) == 0xffffffffa0000000ull); /* lazily */
	vmx_backend.vcpu_put(v);
	assert_true(sim_msr(MSR_LSTAR) == HOST_LSTAR);
	assert_true(sim_msr(MSR_KERNEL_GS_BASE) == HOST_KERNEL_GS);
	assert_true(v->kernel_gs_base == 0x2222000);
	assert_int_equal(sim_insn.gdt.limit, 127);
	assert_int_equal(sim_insn.idt.limit, 0xfff);
	assert_int_equal(sim.tss_lost, 1);
	vmx_backend.vcpu_load(v, 0);
}

/* SYSCALL's MSRs are the host's until the guest can use them. */
static void test_syscall_msrs_wait_for_sce(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.set_msr(v, MSR_LSTAR, 0xffffffffa0000000ull);
	run_to(REASON_CPUID, 0);
	assert_true(sim_msr(MSR_LSTAR) == HOST_LSTAR);
	vmx_backend.set_efer(v, v->efer | EFER_SCE);
	run_to(REASON_CPUID, 0);
	assert_true(sim_msr(MSR_LSTAR) == 0xffffffffa0000000ull);
	vmx_backend.vcpu_put(v);
	assert_true(sim_msr(MSR_LSTAR) == HOST_LSTAR);
	vmx_backend.vcpu_load(v, 0);
}

static void test_put_without_entry_touches_nothing(void **state)
{
	(void)state;
	vmx_backend.vcpu_put(v);
	assert_int_equal(sim_insn.gdt_loads, 0);
	assert_int_equal(sim.tss_lost, 0);
	assert_int_equal(sim_msr_writes(MSR_KERNEL_GS_BASE), 0);
	vmx_backend.vcpu_load(v, 0);
}

static void test_equal_msrs_are_not_written(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.set_efer(v, v->efer | EFER_SCE);
	vmx_backend.set_msr(v, MSR_LSTAR, HOST_LSTAR);
	run_to(REASON_CPUID, 0);
	assert_int_equal(sim_msr_writes(MSR_LSTAR), 0);
	vmx_backend.vcpu_put(v);
	assert_int_equal(sim_msr_writes(MSR_LSTAR), 0);
	vmx_backend.vcpu_load(v, 0);
}

static void test_selectors_of_the_thread_come_back(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.vcpu_put(v);
	sim_insn.ds = sim_insn.es = 0x2b;
	sim_insn.fs = 0x63;
	sim_insn.gs = 0x6b;
	sim_insn.ldtr = 0x88;
	sim_insn.fs_base = 0xf7f00000;
	sim_set_msr(MSR_FS_BASE, 0xf7f00000);
	vmx_backend.vcpu_load(v, 0);
	FIELD_IS(HOST_FS_BASE, 0xf7f00000);
	FIELD_IS(HOST_DS_SELECTOR, 0);
	run_to(REASON_CPUID, 0);
	vmx_backend.vcpu_put(v);
	assert_int_equal(sim_insn.ds, 0x2b);
	assert_int_equal(sim_insn.es, 0x2b);
	assert_int_equal(sim_insn.fs, 0x63);
	assert_int_equal(sim_insn.gs, 0x6b);
	assert_int_equal(sim_insn.ldtr, 0x88);
	assert_true(sim_msr(MSR_FS_BASE) == 0xf7f00000);
	assert_true(sim_msr(MSR_KERNEL_GS_BASE) == HOST_KERNEL_GS);
	vmx_backend.vcpu_load(v, 0);
}

static void check_guest_breakpoint(struct vcpu *c)
{
	(void)c;
	assert_true(sim_insn.dr[0] == 0x401000);
	sim_vmx_exit(REASON_CPUID, 0);
}

static void test_host_breakpoints_and_debugctl_come_back(void **state)
{
	(void)state;
	enter_long_mode();
	vmx_backend.vcpu_put(v);
	sim_set_msr(MSR_DEBUGCTL, 1);
	vmx_backend.vcpu_load(v, 0);
	v->dr[0] = 0x401000;
	v->dr7 = 0x401;
	vmx_backend.set_debug(v);
	sim_insn.dr[0] = 0xffffffff81999999ull;
	sim_insn.dr[7] = 0x403;
	sim_vmx.guest = check_guest_breakpoint;
	vmx_backend.enter(v);
	assert_true(sim_insn.dr[0] == 0xffffffff81999999ull);
	assert_int_equal(sim_insn.dr[7], 0x403);
	assert_int_equal(sim_msr(MSR_DEBUGCTL), 1);
	vmx_backend.enter(v);	/* and again: the guest's must be loaded once more */
	assert_true(sim_insn.dr[0] == 0xffffffff81999999ull);
	sim_vmx.guest = NULL;
}

static void test_host_tr_base_comes_from_the_gdt(void **state)
{
	(void)state;
	FIELD_IS(HOST_TR_SELECTOR, 0x40);
	FIELD_IS(HOST_TR_BASE, 0xfffffe0000003000ull);
	FIELD_IS(HOST_GS_BASE, 0xffff888000000000ull);
}

static void test_moving_clears_on_the_old_cpu_and_flushes(void **state)
{
	unsigned clears, invepts;

	(void)state;
	enter_long_mode();
	run_to(REASON_CPUID, 0);
	assert_int_equal(x.vmcs.launched, 1);
	vmx_backend.vcpu_put(v);
	clears = sim_vmx.clears;
	invepts = sim_vmx.invepts;
	/* Back on the same CPU: nothing of that. */
	vmx_backend.vcpu_load(v, 0);
	run_to(REASON_CPUID, 0);
	vmx_backend.vcpu_put(v);
	assert_int_equal(sim_vmx.clears, clears);
	assert_int_equal(sim_vmx.invepts, invepts);
	/* sim: a VMPTRLD of a VMCS that is active elsewhere fails the test. */
	sim.cpu = 1;
	sim.cr4 &= ~CR4_VMXE;
	assert_int_equal(vmx_backend.cpu_enable(), 0);
	invepts = sim_vmx.invepts;
	vmx_backend.vcpu_load(v, 1);
	assert_int_equal(x.vmcs.launched, 0);
	assert_int_equal(v->cpu, 1);
	run_to(REASON_CPUID, 0);
	assert_int_equal(sim_vmx.invepts, invepts + 1);
	assert_true(sim_vmx.last_eptp == (0x5000 | 0x5e));
	vmx_backend.vcpu_put(v);
	vmx_backend.cpu_disable();	/* clears what is loaded there */
	sim.cpu = 0;
	vmx_backend.vcpu_load(v, 0);
	run_to(REASON_CPUID, 0);
	assert_string_equal(seen.handler, "cpuid");
}

static void test_two_vcpus_on_one_cpu(void **state)
{
	static struct vmx_vcpu other;

	(void)state;
	enter_long_mode();
	run_to(REASON_CPUID, 0);
	vmx_backend.vcpu_put(v);
	memset(&other, 0, sizeof(other));
	other.v.vm = &vm;
	assert_int_equal(vmx_backend.vcpu_create(&other.v), 0);
	vmx_backend.vcpu_load(&other.v, 0);
	vmcs_write(VMCS_GUEST_RIP, 0x9999);
	vmx_backend.vcpu_put(&other.v);
	vmx_backend.vcpu_load(v, 0);
	assert_int_equal(x.vmcs.launched, 1);	/* still is: no VMCLEAR */
	assert_int_not_equal(sim_vmcs_get(SIM_FIELD(GUEST_RIP)), 0x9999);
	run_to(REASON_CPUID, 0);
	assert_string_equal(seen.handler, "cpuid");
	vmx_backend.vcpu_destroy(&other.v);
}

static void test_flush_on_request(void **state)
{
	unsigned n;

	(void)state;
	enter_long_mode();
	run_to(REASON_CPUID, 0);
	n = sim_vmx.invepts;
	run_to(REASON_CPUID, 0);
	assert_int_equal(sim_vmx.invepts, n);
	vmx_backend.flush_tlb(v);
	run_to(REASON_CPUID, 0);
	assert_int_equal(sim_vmx.invepts, n + 1);
	vm.mem.root = hphys(0x8000);
	vmx_backend.load_root(v);
	run_to(REASON_CPUID, 0);
	assert_true(sim_vmx.last_eptp == (0x8000 | 0x5e));
	FIELD_IS(EPT_POINTER, 0x8000 | 0x5e);
}

static void test_machine_check_goes_to_a_host_that_takes_it(void **state)
{
	(void)state;
	enter_long_mode();
	run_to(BIT(31) | REASON_ENTRY_MACHINE_CHECK, 0);
	assert_int_equal(sim_insn.machine_checks, 0);
	sim.cr4 |= CR4_MCE;
	run_to(BIT(31) | REASON_ENTRY_MACHINE_CHECK, 0);
	assert_int_equal(sim_insn.machine_checks, 1);
}

static int without_lapic(void **state)
{
	have_lapic = false;
	vcpu_up(state);
	have_lapic = true;
	return 0;
}

static void test_cr8_exits_without_a_lapic(void **state)
{
	u32 proc = sim_vmcs_get(SIM_FIELD(PROC_CTLS));

	(void)state;
	assert_false(proc & PROC_TPR_SHADOW);
	assert_true((proc & PROC_CR8_LOAD) && (proc & PROC_CR8_STORE));
}

static void test_every_allocation_may_fail(void **state)
{
	static struct vmx_vcpu other;
	size_t n;

	(void)state;
	vmx.have &= ~VMX_HAVE_EFER;	/* so that there is an MSR area, too */
	for (n = 1; n <= 3; n++) {
		size_t pages = sim.pages;

		memset(&other, 0, sizeof(other));
		other.v.vm = &vm;
		sim.fail_alloc = n;
		assert_int_equal(vmx_backend.vcpu_create(&other.v), ERR_NOMEM);
		assert_int_equal(sim.pages, pages);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers_are_written_only_if_changed),
		T(test_the_fast_path_reads_two_fields),
		T(test_host_cr3_and_cr4_follow_the_host),
		T(test_syscall_msrs_come_and_go),
		T(test_syscall_msrs_wait_for_sce),
		T(test_put_without_entry_touches_nothing),
		T(test_equal_msrs_are_not_written),
		T(test_selectors_of_the_thread_come_back),
		T(test_host_breakpoints_and_debugctl_come_back),
		T(test_host_tr_base_comes_from_the_gdt),
		T(test_moving_clears_on_the_old_cpu_and_flushes),
		T(test_two_vcpus_on_one_cpu),
		T(test_flush_on_request),
		T(test_machine_check_goes_to_a_host_that_takes_it),
		cmocka_unit_test_setup_teardown(test_cr8_exits_without_a_lapic, without_lapic,
						vcpu_down),
		T(test_every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
