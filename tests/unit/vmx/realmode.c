/* SPDX-License-Identifier: MIT */
/* Without unrestricted guest: what runs on hardware, with which paging, and what not. */
#include "fixture.h"

#define IDENTITY	0xfeffc000ull
#define MODE		(CR0_PE | CR0_PG)

static const struct x86_seg flat_code = { 0, 0xffffffff, 0xc09b, 8 };
static const struct x86_seg flat_data = { 0, 0xffffffff, 0xc093, 0x10 };

static int without_up(void **state)
{
	vmm_options.no_unrestricted_guest = true;
	vcpu_up(state);
	vm.mem.own_gpa = IDENTITY;
	return 0;
}

static int without_down(void **state)
{
	vmm_options.no_unrestricted_guest = false;
	return vcpu_down(state);
}

static void flat_segments(void)
{
	static const u8 data[] = { SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS };
	unsigned i;

	vmx_backend.set_seg(v, SEG_CS, &flat_code);
	for (i = 0; i < COUNT_OF(data); i++)
		vmx_backend.set_seg(v, data[i], &flat_data);
}

/* Does an attempt to enter reach the CPU? */
static bool enters(void)
{
	unsigned before = sim_vmx.entries;

	run_to(REASON_CPUID, 0);
	return sim_vmx.entries != before;
}

static void test_the_option_hides_it(void **state)
{
	(void)state;
	assert_false(vmx_have(VMX_HAVE_UNRESTRICTED));
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS2)) & PROC2_UNRESTRICTED);
}

static void test_real_mode_is_emulated(void **state)
{
	(void)state;
	assert_false(enters());
	assert_int_equal(v->exit.reason, EXIT_NO_MODE);
	assert_string_equal(seen.handler, "emulate");
	assert_int_equal(vmx_backend.handle_exit(v), ACT_USER);
}

static void test_protected_mode_has_paging_of_ours(void **state)
{
	(void)state;
	flat_segments();
	vmx_backend.set_cr3(v, 0x5000);
	vmx_backend.set_cr0(v, CR0_PE | CR0_ET);
	assert_true(enters());
	assert_int_equal(sim_vmcs_get(SIM_FIELD(GUEST_CR0)) & MODE, MODE);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(CR0_SHADOW)) & MODE, CR0_PE);
	FIELD_IS(GUEST_CR3, IDENTITY);
	assert_true(sim_vmcs_get(SIM_FIELD(GUEST_CR4)) & CR4_PSE);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & UNPAGED_CONTROLS,
			 UNPAGED_CONTROLS);
	vmx_backend.sync_crs(v);
	assert_int_equal(v->cr3, 0x5000);
	assert_int_equal(v->cr4, 0);
}

/* What a kernel does on its way to 64-bit mode. */
static void test_registers_of_paging_wait_for_it(void **state)
{
	(void)state;
	flat_segments();
	vmx_backend.set_cr0(v, CR0_PE | CR0_ET);
	vmx_backend.set_cr4(v, CR4_PAE | CR4_SMEP | CR4_PGE);
	vmx_backend.set_cr3(v, 0x7000);
	vmx_backend.set_efer(v, EFER_LME);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(GUEST_CR4)) & (CR4_PAE | CR4_PSE | CR4_SMEP),
			 CR4_PSE);
	FIELD_IS(CR4_SHADOW, CR4_PAE | CR4_SMEP | CR4_PGE);
	/* The guest must not read the bit that is ours. */
	assert_true(sim_vmcs_get(SIM_FIELD(CR4_MASK)) & CR4_PSE);
	FIELD_IS(GUEST_EFER, 0);
	FIELD_IS(GUEST_CR3, IDENTITY);
	vmx_backend.set_efer(v, EFER_LME | EFER_LMA);
	vmx_backend.set_cr0(v, CR0_PE | CR0_PG | CR0_ET);
	FIELD_IS(GUEST_EFER, EFER_LME | EFER_LMA);
	FIELD_IS(GUEST_CR3, 0x7000);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(GUEST_CR4)) & (CR4_PAE | CR4_PSE | CR4_SMEP),
			 CR4_PAE | CR4_SMEP);
	assert_false(sim_vmcs_get(SIM_FIELD(CR4_MASK)) & CR4_PSE);
	assert_false(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & UNPAGED_CONTROLS);
	assert_true(enters());
	/* And back; what the guest loaded by itself meanwhile is kept. */
	SET_FIELD(GUEST_CR3, 0x9000);
	vmx_backend.set_efer(v, EFER_LME);
	vmx_backend.set_cr0(v, CR0_PE | CR0_ET);
	assert_int_equal(v->cr3, 0x9000);
	FIELD_IS(GUEST_CR3, IDENTITY);
	FIELD_IS(GUEST_EFER, 0);
}

static void test_a_trap_of_cr3_leaves_our_exits(void **state)
{
	struct traps none = { 0 };

	(void)state;
	flat_segments();
	vmx_backend.set_cr0(v, CR0_PE | CR0_ET);
	v->traps = (struct traps){ .instructions = TRAP_CR3 };
	assert_int_equal(vmx_backend.set_traps(v), 0);
	v->traps = none;
	assert_int_equal(vmx_backend.set_traps(v), 0);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(PROC_CTLS)) & UNPAGED_CONTROLS,
			 UNPAGED_CONTROLS);
}

/* SDM3 "Checks on Guest Segment Registers": each of these alone keeps the CPU out. */
static void test_segments_that_no_entry_takes(void **state)
{
	static const struct { enum seg s; struct x86_seg seg; bool fits; } cases[] = {
		{ SEG_CS, { 0xf0000, 0xffff, 0x9b, 0xf000 }, true },
		{ SEG_CS, { 0xf0000, 0xffff, 0x93, 0xf000 }, false },	/* data */
		{ SEG_CS, { 0xf0010, 0xffff, 0x9b, 0xf001 }, false },	/* RPL is not SS's */
		{ SEG_CS, { 0, 0xffff, 0xfb, 8 }, false },		/* DPL */
		{ SEG_CS, { 0, 0xffff, 0x9f, 8 }, true },		/* conforming */
		{ SEG_CS, { 0, 0xffffe, 0xc09b, 8 }, false },		/* limit and G */
		{ SEG_CS, { 0, 0x1fffff, 0x9b, 8 }, false },
		{ SEG_SS, { 0x90000, 0xffff, 0x93, 0x9000 }, true },
		{ SEG_SS, { 0x90030, 0xffff, 0x93, 0x9003 }, false },	/* RPL */
		{ SEG_SS, { 0, 0xffff, 0x9b, 0x10 }, false },		/* code */
		{ SEG_SS, { 0, 0xffff, 0x91, 0x10 }, false },		/* read-only */
		{ SEG_SS, { 0, 0, 0x10000, 0 }, true },			/* unusable */
		{ SEG_DS, { 0x30, 0xffff, 0x93, 3 }, false },		/* RPL above DPL */
		{ SEG_ES, { 0x40000, 0xffff, 0x93, 0x4000 }, true },
		{ SEG_FS, { 0, 0xffff, 0x99, 0x18 }, false },		/* not readable */
		{ SEG_GS, { 0, 0xfff, 0x8093, 0x18 }, true },
		{ SEG_GS, { 0, 0xffe, 0x8093, 0x18 }, false },
	};
	unsigned i;

	(void)state;
	vmx_backend.set_cr0(v, CR0_PE | CR0_ET);
	for (i = 0; i < COUNT_OF(cases); i++) {
		flat_segments();
		assert_true(enters());
		vmx_backend.set_seg(v, cases[i].s, &cases[i].seg);
		if (enters() != cases[i].fits)
			fail_msg("case %u", i);
	}
}

static unsigned count;

static enum exit_action one_more(struct vcpu *c)
{
	(void)c;
	count++;
	return ACT_RESUME;
}

static void test_a_batch_is_bounded(void **state)
{
	(void)state;
	emulated = one_more;
	count = 0;
	assert_false(enters());
	assert_in_range(count, 2, 5000);
}

static enum exit_action request(struct vcpu *c)
{
	count++;
	vcpu_request(c, REQ_EVENT);
	return ACT_RESUME;
}

static enum exit_action halt(struct vcpu *c)
{
	count++;
	c->mp_state = MP_HALTED;
	return ACT_RESUME;
}

static enum exit_action protect(struct vcpu *c)
{
	count++;
	flat_segments();
	vmx_backend.set_cr0(c, CR0_PE | CR0_ET);
	return ACT_RESUME;
}

static void test_a_batch_ends_with_its_reason(void **state)
{
	enum exit_action (*const ends[])(struct vcpu *) = { request, halt, protect };
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(ends); i++) {
		emulated = ends[i];
		v->requests = 0;
		v->mp_state = MP_RUNNABLE;
		count = 0;
		assert_false(enters());
		assert_int_equal(count, 1);
	}
	v->mp_state = MP_RUNNABLE;
	assert_true(enters());
}

static void test_events_go_through_the_emulator(void **state)
{
	(void)state;
	v->injected = (struct event){ .type = EVENT_IRQ, .vector = 8 };
	vmx_backend.inject(v, &v->injected);
	v->requests = REQ_EVENT;	/* so that no instruction follows */
	assert_false(enters());
	assert_string_equal(seen.handler, "deliver");
	assert_int_equal(seen.event.vector, 8);
	assert_int_equal(v->injected.type, EVENT_NONE);
	FIELD_IS(ENTRY_INTR_INFO, 0);
}

static u32 trap_of(const char *code, u32 traps)
{
	decoded = (struct emul_insn){ .length = (u8)strlen(code), .opcode = (u8)code[0] };
	if (decoded.opcode == 0x0f) {
		decoded.map = 1;
		decoded.opcode = (u8)code[1];
		decoded.modrm = (u8)code[2];
	}
	v->traps.instructions = traps;
	return vmx_trap_of_emulated(v);
}

static void test_traps_of_emulated_instructions(void **state)
{
	(void)state;
	assert_int_equal(trap_of("\x0f\x01\xc1", TRAP_VMCALL), TRAP_VMCALL);
	assert_int_equal(v->uexit.kind, UEXIT_TRAP);
	assert_int_equal(v->uexit.trap.reason, 18);
	assert_int_equal(v->uexit.trap.insn_len, 3);
	assert_int_equal(trap_of("\x0f\x01\xc1", TRAP_HLT), 0);
	assert_int_equal(trap_of("\xf4", TRAP_HLT), TRAP_HLT);
	assert_int_equal(trap_of("\x0f\xa2", TRAP_CPUID), TRAP_CPUID);
	assert_int_equal(trap_of("\x0f\x31", TRAP_RDTSC), TRAP_RDTSC);
	assert_int_equal(trap_of("\x0f\x01\xf9", TRAP_RDTSC), TRAP_RDTSC);
	assert_int_equal(trap_of("\x0f\x22\xd8", TRAP_CR3), TRAP_CR3);
	assert_int_equal(trap_of("\x0f\x22\xc0", TRAP_CR3), 0);
	assert_int_equal(trap_of("\x0f\x21\xc0", TRAP_MOV_DR), TRAP_MOV_DR);
	assert_int_equal(trap_of("\xec", TRAP_IO), TRAP_IO);
	assert_int_equal(trap_of("\x6e", TRAP_IO), TRAP_IO);
	assert_int_equal(trap_of("\x0f\x01\x16", TRAP_DESCRIPTOR), TRAP_DESCRIPTOR);
	assert_int_equal(trap_of("\x0f\x01\x3e", TRAP_INVLPG), TRAP_INVLPG);
	assert_int_equal(trap_of("\x90", ~0u), 0);
}

static enum exit_action divide_by_zero(struct vcpu *c)
{
	c->exception = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_DE };
	vcpu_request(c, REQ_EVENT);
	return ACT_RESUME;
}

static void test_traps_of_emulated_exceptions(void **state)
{
	(void)state;
	emulated = divide_by_zero;
	v->has_traps = true;
	v->traps.exceptions = BIT(VEC_UD);
	enters();
	assert_int_equal(v->exception.type, EVENT_EXCEPTION);
	v->exception.type = EVENT_NONE;
	v->requests = 0;
	v->traps.exceptions = BIT(VEC_DE);
	enters();
	assert_int_equal(v->exception.type, EVENT_NONE);
	assert_int_equal(v->uexit.kind, UEXIT_TRAP);
	assert_int_equal(v->uexit.trap.trap, TRAP_EXCEPTION);
	assert_int_equal(v->uexit.trap.vector, VEC_DE);
}

#define T(test) cmocka_unit_test_setup_teardown(test, without_up, without_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_option_hides_it),
		T(test_real_mode_is_emulated),
		T(test_protected_mode_has_paging_of_ours),
		T(test_registers_of_paging_wait_for_it),
		T(test_a_trap_of_cr3_leaves_our_exits),
		T(test_segments_that_no_entry_takes),
		T(test_a_batch_is_bounded),
		T(test_a_batch_ends_with_its_reason),
		T(test_events_go_through_the_emulator),
		T(test_traps_of_emulated_instructions),
		T(test_traps_of_emulated_exceptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
