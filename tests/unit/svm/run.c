/* SPDX-License-Identifier: MIT */
/* Entries and exits: what is switched, kept, flushed and skipped. */
#include "fixture.h"

static u64 rax_in, cr2_in;

static void touch_rax_cr2(struct vmcb *b)
{
	rax_in = b->s.rax;
	cr2_in = b->s.cr2;
	b->s.rax = 0x22;
	b->s.cr2 = 0x3333;
	b->s.rip = 0x5000;
	b->s.rflags = 0x202;
	sim_exit(b, EXIT_HLT, 7, 8);
}

static void test_registers_go_in_and_out(void **state)
{
	(void)state;
	v->gpr[GPR_RAX] = 0x11;
	v->cr2 = 0x1111;
	sim_svm.guest = touch_rax_cr2;
	svm_backend.enter(v);
	assert_int_equal(rax_in, 0x11);
	assert_int_equal(cr2_in, 0x1111);
	assert_int_equal(v->gpr[GPR_RAX], 0x22);
	assert_int_equal(v->cr2, 0x3333);
	assert_int_equal(v->rip, 0x5000);
	assert_int_equal(v->exit.rip, 0x5000);
	assert_int_equal(v->exit.reason, EXIT_HLT);
	assert_int_equal(v->exit.qual, 7);
	assert_int_equal(v->reg_dirty, 0);
	assert_int_equal(vcpu_rflags(v), 0x202);
	v->cr2 = 0x4444;	/* its clean bit must go: the machine checks */
	svm_backend.enter(v);
	assert_int_equal(cr2_in, 0x4444);
}

/* Everything that changes a cached field at least once, with exits between. */
static void test_clean_bits_tell_the_truth(void **state)
{
	const struct x86_seg seg = { 0, 0xffff, 0x93, 8 };
	const struct x86_dtable table = { 0x1000, 0x7f };
	unsigned i;

	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.clean, CLEAN_ALL);
	for (i = 0; i < 18; i++) {
		switch (i) {
		case 0: svm_backend.set_cr0(v, CR0_PE); break;
		case 1: svm_backend.set_cr3(v, 0x3000); break;
		case 2: svm_backend.set_cr4(v, CR4_PGE); break;
		case 3: svm_backend.set_efer(v, EFER_SCE); break;
		case 4: svm_backend.set_seg(v, SEG_DS, &seg); break;
		case 5: svm_backend.set_gdt(v, &table); break;
		case 6: svm_backend.set_idt(v, &table); break;
		case 7: v->dr6 = 1; svm_backend.set_debug(v); break;
		case 8: svm_backend.set_msr(v, MSR_PAT, 6); break;
		case 9: svm_backend.set_tsc_offset(v, 9); break;
		case 10: svm_backend.want_irq_window(v, true); break;
		case 11: svm_backend.want_irq_window(v, false); break;
		case 12: svm_backend.set_tpr_threshold(v, 3); break;
		case 13: lapic_regs[0x80] = 0x50; break;
		case 14: svm_backend.set_nmi_mask(v, true); break;
		case 15: cpuid_answer = false; svm_backend.cpuid_changed(v); break;
		case 16: vm.mem.root = hphys(0x9000); svm_backend.load_root(v); break;
		case 17: s.asid_generation = 0; break;
		}
		enter_until(EXIT_CPUID, 0, 0);
	}
	assert_int_equal(sim_svm.runs, 19);
	assert_true(s.vmcb->c.misc2 & INTERCEPT2_RDTSCP);
	assert_true(s.vmcb->c.misc3 & INTERCEPT3_INVPCID);
}

static void test_no_clean_bits_without_the_feature(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.clean, 0);
}

static void test_a_move_makes_all_dirty_and_takes_a_new_asid(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.vcpu_put(v);
	svm_backend.vcpu_load(v, 0);
	assert_int_equal(s.vmcb->c.clean, CLEAN_ALL);	/* the same CPU */
	svm_backend.vcpu_put(v);
	svm_backend.vcpu_load(v, 1);
	assert_int_equal(s.vmcb->c.clean, 0);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_tlb_control, TLB_FLUSH_ALL);
	svm_backend.vcpu_put(v);
	svm_backend.vcpu_load(v, 0);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.asid, 2);		/* 1 may have old entries here */
	assert_int_equal(sim_svm.last_tlb_control, TLB_KEEP);
}

static void test_asids_run_out(void **state)
{
	unsigned i, all = 0;

	(void)state;
	for (i = 0; i < 3 * (SIM_ASIDS - 1); i++) {
		s.asid_generation = 0;
		s.rare = true;
		enter_until(EXIT_CPUID, 0, 0);
		assert_int_equal(s.vmcb->c.asid, i % (SIM_ASIDS - 1) + 1);
		all += sim_svm.last_tlb_control == TLB_FLUSH_ALL;
		assert_int_equal(s.vmcb->c.tlb_control, TLB_KEEP);
	}
	assert_int_equal(all, 3);
}

/* Another vCPU that starts a new generation makes this one's ASID void. */
static void test_a_new_generation_voids_old_asids(void **state)
{
	u64 old;

	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	old = s.asid_generation;
	svm_backend.vcpu_put(v);
	svm_this_cpu(sim.cpu)->generation++;
	svm_this_cpu(sim.cpu)->next_asid = 4;
	svm_backend.vcpu_load(v, sim.cpu);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.asid, 4);
	assert_int_equal(s.asid_generation, old + 1);
}

static void test_flush_by_asid(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.flush_tlb(v);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_tlb_control, TLB_FLUSH_ASID);
	assert_int_equal(s.vmcb->c.asid, 1);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_tlb_control, TLB_KEEP);
}

static void test_flush_without_flush_by_asid(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	svm_backend.flush_tlb(v);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.asid, 2);
}

static void test_xcr0_is_switched_only_if_it_differs(void **state)
{
	(void)state;
	svm_backend.set_cr4(v, CR4_OSXSAVE);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.xsetbvs, 0);
	v->xcr0 = 1;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.xcr0_in_guest, 1);
	assert_int_equal(sim_insn.xcr0, 3);
	svm_backend.set_cr4(v, 0);	/* XCR0 can't be used: no switch */
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.xsetbvs, 2);
}

static void set_xcr0_1(struct vmcb *b)
{
	sim_insn.xcr0 = 1;
	sim_exit(b, EXIT_CPUID, 0, 0);
}

/* As on QEMU: the guest's XSETBV just happens. */
static void test_xsetbv_without_an_exit(void **state)
{
	(void)state;
	svm_backend.set_cr4(v, CR4_OSXSAVE);
	sim_svm.guest = set_xcr0_1;
	svm_backend.enter(v);
	assert_int_equal(v->xcr0, 1);
	assert_int_equal(sim_insn.xcr0, 3);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.xcr0_in_guest, 1);
	v->xcr0 = 3;
	sim_insn.ldtr = 0x58;		/* by the other way through */
	sim_svm.guest = set_xcr0_1;
	svm_backend.enter(v);
	assert_int_equal(v->xcr0, 1);
	assert_int_equal(sim_insn.xcr0, 3);
}

/* Where QEMU may have lost an interrupt: with a window open, either way through. */
static void test_lost_interrupts_are_looked_for(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.cr8_writes, 0);
	s.vmcb->c.int_ctl |= INT_CTL_V_IRQ;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.cr8_writes, 1);
	sim_insn.ldtr = 0x58;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.cr8_writes, 2);
}

static void test_ldt_of_the_host_comes_back_from_ldtr(void **state)
{
	struct vmcb *host = s.cpu->host_page;

	(void)state;
	assert_int_equal(host->s.ldtr.selector, 0);
	sim_insn.ldtr = 0x58;		/* changed by another thread while loaded */
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.ldtr, 0x58);
	sim_insn.ldtr = 0;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_insn.ldtr, 0);
}

static void test_skip_with_next_rip(void **state)
{
	(void)state;
	assert_int_equal(run_to(EXIT_CPUID, 0, 0), ACT_NEXT);
	assert_int_equal(v->exit.insn_len, 2);
	svm_backend.skip(v);
	assert_int_equal(v->rip, 0xfff2);
	assert_int_equal(lengths_asked, 0);
}

static void test_skip_without_next_rip_decodes_once(void **state)
{
	unsigned i;

	(void)state;
	insn_length = 4;
	enter_long_mode();
	for (i = 0; i < 5; i++) {
		vcpu_set_rip(v, 0x1000);
		assert_int_equal(run_to(EXIT_CPUID, 0, 0), ACT_NEXT);
		svm_backend.skip(v);
		assert_int_equal(v->rip, 0x1004);
	}
	assert_int_equal(lengths_asked, 1);
	/* Elsewhere, of another kind, or in another address space: not that one. */
	vcpu_set_rip(v, 0x2000);
	run_to(EXIT_CPUID, 0, 0);
	vcpu_set_rip(v, 0x1000);
	run_to(EXIT_HLT, 0, 0);
	svm_backend.set_cr3(v, 0x8000);
	run_to(EXIT_HLT, 0, 0);
	assert_int_equal(lengths_asked, 4);
	/* After a stay elsewhere memory may have changed. */
	svm_backend.vcpu_put(v);
	svm_backend.vcpu_load(v, 0);
	run_to(EXIT_HLT, 0, 0);
	assert_int_equal(lengths_asked, 5);
}

static void test_an_instruction_that_cant_be_fetched_is_not_acted_upon(void **state)
{
	(void)state;
	insn_length = 0;
	vcpu_raise(v, VEC_PF);
	assert_int_equal(run_to(EXIT_CPUID, 0, 0), ACT_RESUME);
	assert_null(seen.handler);
	v->exception.type = EVENT_NONE;
	v->requests = 0;
	assert_int_equal(run_to(EXIT_CPUID, 0, 0), ACT_USER);	/* no endless loop */
}

static void test_skip_ends_shadow_and_rf(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	s.vmcb->c.int_state = INT_STATE_SHADOW;
	s.vmcb->s.rflags = 2 | RFLAGS_RF;
	svm_backend.skip(v);
	assert_int_equal(s.vmcb->c.int_state, 0);
	assert_false(vcpu_rflags(v) & RFLAGS_RF);
	assert_int_equal(v->exception.type, EVENT_NONE);
}

static void test_skip_under_trap_flag_raises_db(void **state)
{
	(void)state;
	enter_until(EXIT_CPUID, 0, 0);
	s.vmcb->s.rflags = 2 | RFLAGS_TF;
	svm_backend.skip(v);
	assert_int_equal(v->exception.vector, VEC_DB);
	assert_true(s.vmcb->s.dr6 & BIT(14));
	enter_until(EXIT_CPUID, 0, 0);	/* the clean bit is checked */
}

static void test_eip_wraps_outside_of_64_bit_mode(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0xfffffffe);
	run_to(EXIT_CPUID, 0, 0);
	svm_backend.skip(v);
	assert_int_equal(v->rip, 0);
	enter_long_mode();
	vcpu_set_rip(v, 0xfffffffe);
	run_to(EXIT_CPUID, 0, 0);
	svm_backend.skip(v);
	assert_true(v->rip == 0x100000000ull);
}

static void test_shadow_is_announced(void **state)
{
	(void)state;
	svm_backend.set_shadow(v, 1);
	assert_int_equal(svm_backend.get_shadow(v), 3);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_shadow, 1);
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(sim_svm.last_shadow, 0);
}

static void raise_tpr(struct vmcb *b)
{
	assert_int_equal(b->c.int_ctl & INT_CTL_TPR, 4);
	b->c.int_ctl = (b->c.int_ctl & ~INT_CTL_TPR) | 9;
	sim_exit(b, EXIT_INTR, 0, 0);
}

static void test_cr8_moves_the_lapics_tpr(void **state)
{
	(void)state;
	lapic_regs[0x80] = 0x4f;
	enter_until(EXIT_CPUID, 0, 0);
	assert_null(seen.handler);		/* untouched: low bits stay */
	assert_int_equal(lapic_regs[0x80], 0x4f);
	sim_svm.guest = raise_tpr;
	svm_backend.enter(v);
	assert_string_equal(seen.handler, "tpr");
	assert_int_equal(lapic_regs[0x80], 0x90);
}

static void test_cr8_without_a_lapic_exits(void **state)
{
	(void)state;
	assert_true(s.vmcb->c.cr_write & INTERCEPT_CR(8));
	v->user_cr8 = 7;
	enter_until(EXIT_CPUID, 0, 0);
	assert_int_equal(s.vmcb->c.int_ctl & INT_CTL_TPR, 7);
}

static void test_machine_checks_are_passed_on_if_there_is_a_gate(void **state)
{
	static u8 gates[19 * 16];

	(void)state;
	sim_insn.idt = (struct table_reg){ sizeof(gates) - 1, (uintptr_t)gates };
	assert_int_equal(run_to(EXIT_EXCEPTION(VEC_MC), 0, 0), ACT_RESUME);
	assert_int_equal(sim_insn.machine_checks, 0);
	gates[16 * 18 + 5] = 0x8e;
	run_to(EXIT_EXCEPTION(VEC_MC), 0, 0);
	assert_int_equal(sim_insn.machine_checks, 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, vcpu_up_plain, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers_go_in_and_out),
		T(test_clean_bits_tell_the_truth),
		PLAIN(test_no_clean_bits_without_the_feature),
		T(test_a_move_makes_all_dirty_and_takes_a_new_asid),
		T(test_asids_run_out),
		T(test_a_new_generation_voids_old_asids),
		T(test_flush_by_asid),
		PLAIN(test_flush_without_flush_by_asid),
		T(test_xcr0_is_switched_only_if_it_differs),
		PLAIN(test_xsetbv_without_an_exit),
		PLAIN(test_lost_interrupts_are_looked_for),
		T(test_ldt_of_the_host_comes_back_from_ldtr),
		T(test_skip_with_next_rip),
		PLAIN(test_skip_without_next_rip_decodes_once),
		PLAIN(test_an_instruction_that_cant_be_fetched_is_not_acted_upon),
		T(test_skip_ends_shadow_and_rf),
		T(test_skip_under_trap_flag_raises_db),
		T(test_eip_wraps_outside_of_64_bit_mode),
		T(test_shadow_is_announced),
		T(test_cr8_moves_the_lapics_tpr),
		cmocka_unit_test_setup_teardown(test_cr8_without_a_lapic_exits,
						vcpu_up_no_lapic, vcpu_down),
		T(test_machine_checks_are_passed_on_if_there_is_a_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
