/* SPDX-License-Identifier: MIT */
/* Guest registers: into the VMCB and out of it. */
#include "fixture.h"

static void test_reset_state(void **state)
{
	struct x86_seg cs, tr, ss;
	struct x86_dtable gdt, idt;

	(void)state;
	svm_backend.get_seg(v, SEG_CS, &cs);
	assert_int_equal(cs.sel, 0xf000);
	assert_int_equal(cs.base, 0xffff0000);
	assert_int_equal(cs.ar, 0x9b);
	svm_backend.get_seg(v, SEG_SS, &ss);
	assert_int_equal(ss.ar, 0x93);
	svm_backend.get_seg(v, SEG_TR, &tr);
	assert_int_equal(tr.ar, 0x8b);
	svm_backend.get_dtables(v, &gdt, &idt);
	assert_int_equal(gdt.limit, 0xffff);
	assert_int_equal(svm_backend.cpl(v), 0);
	assert_int_equal(s.vmcb->s.g_pat, PAT_RESET);
	assert_int_equal(s.vmcb->s.efer, EFER_SVME);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_rip, 0xfff0);
}

static void test_segments_round_trip(void **state)
{
	const struct x86_seg in[] = {
		{ 0xffff800000000000, 0xffffffff, 0xc093, 0x10 },
		{ 0x1234, 0xfffff, 0x40f3, 0x2b },
		{ 0, 0xffffffff, 0xa09b, 8 },
		{ 0, 0, AR_UNUSABLE | 0x60, 0 },
	};
	struct x86_seg out;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		svm_backend.set_seg(v, SEG_SS, &in[i]);
		svm_backend.get_seg(v, SEG_SS, &out);
		assert_int_equal(out.base, in[i].base);
		assert_int_equal(out.limit, in[i].limit);
		assert_int_equal(out.sel, in[i].sel);
		assert_int_equal(out.ar, in[i].ar);
		/* CPL is SS.DPL, even if SS itself can't be used. */
		assert_int_equal(svm_backend.cpl(v), AR_DPL(in[i].ar));
	}
}

static void test_granularity_follows_the_limit(void **state)
{
	struct x86_seg seg;

	(void)state;
	s.vmcb->s.ds = (struct vmcb_seg){ .attrib = 0x93, .limit = 0xffffffff };
	svm_backend.get_seg(v, SEG_DS, &seg);
	assert_true(seg.ar & AR_G);
}

static void test_tss_is_busy_to_all_but_qemu(void **state)
{
	const struct x86_seg in = { 0x1000, 0x67, 0x8b, 0x40 };
	struct x86_seg out;

	(void)state;
	svm_backend.set_seg(v, SEG_TR, &in);
	assert_int_equal(s.vmcb->s.tr.attrib, svm_features.tcg ? 0x89 : 0x8b);
	svm_backend.get_seg(v, SEG_TR, &out);
	assert_int_equal(out.ar, 0x8b);
}

static void test_efer_hides_svme(void **state)
{
	(void)state;
	svm_backend.set_efer(v, EFER_SCE | EFER_LME);
	assert_int_equal(s.vmcb->s.efer, EFER_SCE | EFER_LME | EFER_SVME);
	s.vmcb->s.efer |= EFER_LMA;		/* hardware, as CR0.PG was set */
	s.vmcb->s.cr0 |= CR0_PG;
	svm_backend.sync_crs(v);
	assert_int_equal(v->efer, EFER_SCE | EFER_LME | EFER_LMA);
	assert_true(v->cr0 & CR0_PG);
}

static void test_msrs(void **state)
{
	static const u32 kept[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR,
		MSR_CSTAR, MSR_SYSCALL_MASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_PAT, MSR_TSC_AUX, MSR_DEBUGCTL,
	};
	unsigned i;
	u64 val;

	(void)state;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_true(svm_backend.set_msr(v, kept[i], 0x1000 + i));
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		assert_true(svm_backend.get_msr(v, kept[i], &val));
		assert_int_equal(val, 0x1000 + i);
	}
	assert_int_equal(s.vmcb->s.kernel_gs_base, 0x1009);
	assert_int_equal(sim_msr(MSR_TSC_AUX), 0x100b);	/* RDPID would see it */
	assert_false(svm_backend.get_msr(v, MSR_TSC, &val));
	assert_false(svm_backend.set_msr(v, MSR_EFER, 0));
}

static void test_tsc_aux_of_the_host_comes_back(void **state)
{
	(void)state;
	svm_backend.set_msr(v, MSR_TSC_AUX, 77);
	svm_backend.vcpu_put(v);
	assert_int_equal(sim_msr(MSR_TSC_AUX), 5);
	svm_backend.vcpu_load(v, 0);
	assert_int_equal(sim_msr(MSR_TSC_AUX), 77);
}

static void test_registers_are_loaded_as_asked(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	s.vmcb->s.rsp = 0x7000;
	s.vmcb->s.rflags = 0x246;
	assert_int_equal(vcpu_rsp(v), 0x7000);
	assert_int_equal(vcpu_rflags(v), 0x246);
	vcpu_set_rsp(v, 0x6000);
	vcpu_set_rip(v, 0x1234);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->s.rsp, 0x6000);
	assert_int_equal(sim_svm.last_rip, 0x1234);
	/* What wasn't written stays the guest's. */
	assert_int_equal(s.vmcb->s.rflags, 0x246);
}

static void guest_writes_debug_registers(struct vmcb *b)
{
	sim_insn.dr[1] = 0x2222;
	sim_insn.dr[2] = 0x3333;
	sim_exit(b, EXIT_CPUID, 0, 0);
}

static void test_debug_registers_are_loaded_on_first_touch(void **state)
{
	(void)state;
	assert_int_equal(s.vmcb->c.dr_write, 0xffff);
	v->dr[0] = 0x1111;
	sim_insn.dr[0] = 0x9999;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.dr_in_guest[0], 0x9999);
	assert_int_equal(run_to(EXIT_DR_WRITE(1), 0, 0), ACT_RESUME);
	sim_svm.guest = guest_writes_debug_registers;
	svm_backend.enter(v);
	sim_svm.guest = NULL;
	assert_int_equal(sim_svm.dr_access_exits, 0);
	assert_int_equal(sim_svm.dr_in_guest[0], 0x1111);
	/* Right after the stay they are the vCPU's, and accesses exit again. */
	assert_int_equal(v->dr[1], 0x2222);
	assert_int_equal(v->dr[2], 0x3333);
	assert_int_equal(s.vmcb->c.dr_write & s.vmcb->c.dr_read, 0xffff);
	sim_insn.dr[1] = 0x7777;		/* the host puts something there */
	svm_backend.sync_debug(v);
	assert_int_equal(v->dr[1], 0x2222);
	svm_backend.vcpu_put(v);
	assert_int_equal(v->dr[1], 0x2222);
	svm_backend.vcpu_load(v, 0);
}

static void test_enabled_breakpoints_are_loaded_at_once(void **state)
{
	(void)state;
	v->dr[3] = 0x4444;
	v->dr7 = 0x400 | BIT(6);
	svm_backend.set_debug(v);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.dr_in_guest[3], 0x4444);
	sim_insn.dr[3] = 0;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.dr_in_guest[3], 0x4444);
}

/* One that perf sets by an interrupt between two entries, and takes away again. */
static void test_breakpoints_of_the_host_survive(void **state)
{
	unsigned i;

	(void)state;
	v->dr[0] = 0xbbbb;
	v->dr7 = 0x401;
	svm_backend.set_debug(v);
	enter_until(EXIT_CPUID, 0, 0);
	sim_insn.dr[0] = 0xaaaa;
	sim_insn.dr[7] = 0x401;
	for (i = 0; i < 2; i++) {
		enter_until(EXIT_CPUID, 0, 0);
		assert_int_equal(sim_svm.dr_in_guest[0], 0xbbbb);
		assert_int_equal(sim_insn.dr[0], 0xaaaa);
		assert_int_equal(sim_insn.dr[7], 0x401);
	}
	/* The guest's accesses have the registers all the same. */
	assert_int_equal(run_to(EXIT_DR_READ(0), 0, 0), ACT_RESUME);
	assert_int_equal(sim_insn.dr[0], 0xaaaa);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.dr_access_exits, 0);
	sim_insn.dr[7] = 0x400;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.dr[7], 0x400);
	/* A guest without breakpoints takes none away either. */
	v->dr7 = 0x400;
	svm_backend.set_debug(v);
	sim_insn.dr[2] = 0xcccc;
	sim_insn.dr[7] = 0x410;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.dr[2], 0xcccc);
	assert_int_equal(sim_insn.dr[7], 0x410);
	sim_insn.dr[7] = 0x400;
}

static void test_tsc_offset_and_root(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.set_tsc_offset(v, -5ull);
	vm.mem.root = hphys(0x77000);
	svm_backend.load_root(v);
	enter_until(EXIT_CPUID, 0, 0);
	assert_true(s.vmcb->c.tsc_offset == -5ull);
	assert_int_equal(s.vmcb->c.nested_cr3, 0x77000);
	assert_int_equal(sim_svm.last_tlb_control, TLB_FLUSH_ASID);
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset_state),
		T(test_segments_round_trip),
		T(test_granularity_follows_the_limit),
		T(test_tss_is_busy_to_all_but_qemu),
		cmocka_unit_test_setup_teardown(test_tss_is_busy_to_all_but_qemu, vcpu_up_plain,
						vcpu_down),
		T(test_efer_hides_svme),
		T(test_msrs),
		T(test_tsc_aux_of_the_host_comes_back),
		T(test_registers_are_loaded_as_asked),
		T(test_debug_registers_are_loaded_on_first_touch),
		T(test_enabled_breakpoints_are_loaded_at_once),
		T(test_breakpoints_of_the_host_survive),
		T(test_tsc_offset_and_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
