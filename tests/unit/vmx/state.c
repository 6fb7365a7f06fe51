/* SPDX-License-Identifier: MIT */
/* Segments, control registers, MSRs. */
#include "fixture.h"

#include "arch/insn.h"

static void test_access_rights_in_vmcs_form(void **state)
{
	(void)state;
	/* A code segment stays as it is; reserved bits go. */
	assert_int_equal(vmx_ar_to_vmcs(0xa09b, 8, SEG_CS), 0xa09b);
	assert_int_equal(vmx_ar_to_vmcs(0xfffea09b, 8, SEG_CS), 0xa09b);
	assert_int_equal(vmx_ar_to_vmcs(0xaf9b, 8, SEG_CS), 0xa09b);
	/* Loading a segment marks it accessed. */
	assert_int_equal(vmx_ar_to_vmcs(0xc092, 0x10, SEG_DS), 0xc093);
	assert_int_equal(vmx_ar_to_vmcs(0xa09a, 8, SEG_CS), 0xa09b);
	/* Not present is unusable, for data segments and LDTR. */
	assert_int_equal(vmx_ar_to_vmcs(0, 0, SEG_DS), 0x10000);
	assert_int_equal(vmx_ar_to_vmcs(0x13, 0x10, SEG_ES), 0x10013);
	assert_int_equal(vmx_ar_to_vmcs(0x10000, 0, SEG_SS), 0x10000);
	assert_int_equal(vmx_ar_to_vmcs(0x82, 0x28, SEG_LDTR), 0x82);
	/* CS and TR are always usable, TR always busy. */
	assert_int_equal(vmx_ar_to_vmcs(0x1a09b, 8, SEG_CS), 0xa09b);
	assert_int_equal(vmx_ar_to_vmcs(0x89, 0x40, SEG_TR), 0x8b);
	assert_int_equal(vmx_ar_to_vmcs(0x10083, 0, SEG_TR), 0x83);
}

static void test_segments_round_trip(void **state)
{
	struct x86_seg in = { 0xffffffff81000000ull, 0xfffff, 0xc093, 0x18 }, out;
	enum seg s;

	(void)state;
	for (s = 0; s < SEG_COUNT; s++) {
		in.sel = 8 * (s + 1);
		vmx_backend.set_seg(v, s, &in);
	}
	for (s = 0; s < SEG_COUNT; s++) {
		vmx_backend.get_seg(v, s, &out);
		assert_true(out.base == in.base && out.limit == in.limit);
		assert_int_equal(out.sel, 8 * (s + 1));
		assert_int_equal(out.ar, s == SEG_TR ? 0xc093 | 2 : 0xc093);
	}
	FIELD_IS(GUEST_GS_SELECTOR, 8 * (SEG_GS + 1));
	FIELD_IS(GUEST_LDTR_BASE, in.base);
}

static void test_cpl_is_ss_dpl(void **state)
{
	struct x86_seg ss = { 0, 0xffffffff, 0xc0f3, 0x2b };

	(void)state;
	assert_int_equal(vmx_backend.cpl(v), 0);
	vmx_backend.set_seg(v, SEG_SS, &ss);
	assert_int_equal(vmx_backend.cpl(v), 3);
}

static void test_reset_state(void **state)
{
	struct x86_dtable gdt, idt;
	struct x86_seg cs;

	(void)state;
	vmx_backend.get_seg(v, SEG_CS, &cs);
	assert_true(cs.base == 0xffff0000 && cs.sel == 0xf000 && cs.limit == 0xffff);
	vmx_backend.get_dtables(v, &gdt, &idt);
	assert_true(gdt.base == 0 && gdt.limit == 0xffff && idt.limit == 0xffff);
	FIELD_IS(GUEST_ACTIVITY, 0);
	FIELD_IS(GUEST_DR7, 0x400);
	FIELD_IS(GUEST_PAT, PAT_RESET);
	FIELD_IS(LINK_POINTER, ~0ull);
}

/* What a guest sees of CR0: the mask's bits from the shadow, the others for real. */
static u64 visible_cr0(void)
{
	u64 mask = sim_vmcs_get(SIM_FIELD(CR0_MASK));

	return (sim_vmcs_get(SIM_FIELD(CR0_SHADOW)) & mask) |
	       (sim_vmcs_get(SIM_FIELD(GUEST_CR0)) & ~mask);
}

/* Would MOV to CR0 exit? SDM3 "Changes to Instruction Behavior in VMX Non-Root". */
static bool mov_cr0_exits(u64 val)
{
	return (val ^ sim_vmcs_get(SIM_FIELD(CR0_SHADOW))) & sim_vmcs_get(SIM_FIELD(CR0_MASK));
}

static void test_cr0_shadow(void **state)
{
	u64 cr0 = CR0_PE | CR0_ET | CR0_CD | CR0_NW;

	(void)state;
	vmx_backend.set_cr0(v, cr0);
	/* The CPU runs with NE and with caches on; the guest sees what it wrote. */
	FIELD_IS(GUEST_CR0, CR0_PE | CR0_ET | CR0_NE);
	assert_int_equal(visible_cr0(), cr0);
}

static void test_cr0_wp_ts_toggle_without_exit(void **state)
{
	u64 cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE;

	(void)state;
	enter_long_mode();
	vmx_backend.set_cr0(v, cr0);
	assert_false(mov_cr0_exits(cr0 | CR0_WP | CR0_TS | CR0_AM | CR0_MP | CR0_EM));
	assert_true(mov_cr0_exits(cr0 & ~CR0_PG));
	assert_true(mov_cr0_exits(cr0 & ~CR0_PE));
	assert_true(mov_cr0_exits(cr0 | CR0_CD));
	assert_true(mov_cr0_exits(cr0 & ~CR0_NE));
	/* What the guest did by itself is seen by sync_crs(). */
	SET_FIELD(GUEST_CR0, cr0 | CR0_WP);
	vmx_backend.sync_crs(v);
	assert_int_equal(v->cr0, cr0 | CR0_WP);
}

static void test_cr4_ownership_follows_cpuid(void **state)
{
	(void)state;
	v->guest_cr4_reserved = CR4_FSGSBASE | CR4_UMIP;
	vmx_backend.cpuid_changed(v);
	assert_true(sim_vmcs_get(SIM_FIELD(CR4_MASK)) & CR4_FSGSBASE);
	assert_false(sim_vmcs_get(SIM_FIELD(CR4_MASK)) & CR4_PGE);
	v->guest_cr4_reserved = 0;
	vmx_backend.cpuid_changed(v);
	assert_false(sim_vmcs_get(SIM_FIELD(CR4_MASK)) & CR4_FSGSBASE);
	/* Those always exit. */
	assert_int_equal(sim_vmcs_get(SIM_FIELD(CR4_MASK)) &
			 (CR4_VMXE | CR4_PAE | CR4_MCE | CR4_OSXSAVE | CR4_PCIDE | CR4_SMEP),
			 CR4_VMXE | CR4_PAE | CR4_MCE | CR4_OSXSAVE | CR4_PCIDE | CR4_SMEP);
}

static void test_cr4_hides_vmxe_and_keeps_the_hosts_mce(void **state)
{
	(void)state;
	sim.cr4 |= CR4_MCE;
	vmx_backend.set_cr4(v, CR4_PAE | CR4_PGE);
	FIELD_IS(GUEST_CR4, CR4_PAE | CR4_PGE | CR4_VMXE | CR4_MCE);
	FIELD_IS(CR4_SHADOW, CR4_PAE | CR4_PGE);
	vmx_backend.sync_crs(v);
	assert_int_equal(v->cr4, CR4_PAE | CR4_PGE);
}

static void test_long_mode_follows_lma(void **state)
{
	struct x86_seg tr = { 0, 0xffff, 0x83, 0 };	/* a 16-bit TSS */

	(void)state;
	vmx_backend.set_seg(v, SEG_TR, &tr);
	assert_false(sim_vmcs_get(SIM_FIELD(ENTRY_CTLS)) & ENTRY_IA32E);
	enter_long_mode();
	assert_true(sim_vmcs_get(SIM_FIELD(ENTRY_CTLS)) & ENTRY_IA32E);
	FIELD_IS(GUEST_EFER, EFER_LME | EFER_LMA);
	FIELD_IS(GUEST_TR_AR, 0x8b);
	vmx_backend.set_efer(v, EFER_LME);
	assert_false(sim_vmcs_get(SIM_FIELD(ENTRY_CTLS)) & ENTRY_IA32E);
}

static void test_pdptes_are_loaded_for_pae_only(void **state)
{
	u64 pdpt[4] = { 0x1001, 0x2001, 0x3001 | BIT(1), 0 };

	(void)state;
	memcpy(guest_memory + 0x40, pdpt, sizeof(pdpt));
	vmx_backend.set_cr3(v, 0x47);	/* low bits are ignored */
	vmx_backend.set_cr4(v, CR4_PAE);
	FIELD_IS(GUEST_PDPTE0, 0);
	vmx_backend.set_cr0(v, CR0_PE | CR0_PG | CR0_ET);
	FIELD_IS(GUEST_PDPTE0, 0x1001);
	FIELD_IS(GUEST_PDPTE1, 0x2001);
	FIELD_IS(GUEST_PDPTE2, 0);	/* a reserved bit: it would fail the entry */
	FIELD_IS(GUEST_PDPTE3, 0);
	SET_FIELD(GUEST_PDPTE0, 0);
	vmx_backend.set_efer(v, EFER_LME | EFER_LMA);
	vmx_backend.set_cr3(v, 0x40);
	FIELD_IS(GUEST_PDPTE0, 0);
}

static void test_msrs_in_the_vmcs(void **state)
{
	u64 val;

	(void)state;
	assert_true(vmx_backend.set_msr(v, MSR_FS_BASE, 0x7fff12345000ull));
	FIELD_IS(GUEST_FS_BASE, 0x7fff12345000ull);
	assert_true(vmx_backend.set_msr(v, MSR_SYSENTER_ESP, 0xffff800000000000ull));
	assert_true(vmx_backend.get_msr(v, MSR_SYSENTER_ESP, &val));
	assert_true(val == 0xffff800000000000ull);
	assert_true(vmx_backend.set_msr(v, MSR_PAT, 0x0606060606060606ull));
	FIELD_IS(GUEST_PAT, 0x0606060606060606ull);
	assert_false(vmx_backend.get_msr(v, 0x1234, &val));
	assert_false(vmx_backend.set_msr(v, 0x1234, 0));
}

/* Whatever comes from user space, the host's WRMSR must not fault. */
static void test_hostile_msr_values_are_tamed(void **state)
{
	u64 val;

	(void)state;
	enter_long_mode();
	vmx_backend.set_msr(v, MSR_LSTAR, 0x8000000000000000ull);
	vmx_backend.set_msr(v, MSR_KERNEL_GS_BASE, 0x1234567812345678ull);
	vmx_backend.set_msr(v, MSR_SYSCALL_MASK, ~0ull);
	vmx_backend.set_msr(v, MSR_DEBUGCTL, ~0ull);
	run_to(REASON_CPUID, 0);	/* sim: a faulting WRMSR fails the test */
	vmx_backend.get_msr(v, MSR_SYSCALL_MASK, &val);
	assert_int_equal(val, 0xffffffff);
	FIELD_IS(GUEST_DEBUGCTL, 2);
}

static bool bitmap_passes(u32 msr, bool write)
{
	unsigned at = (write ? 2048 : 0) + (msr >> 31 ? 1024 : 0);

	return !(x.msr_bitmap[at + (msr & 0x1fff) / 8] >> (msr & 7) & 1);
}

static void test_msr_bitmap(void **state)
{
	(void)state;
	assert_true(bitmap_passes(MSR_GS_BASE, false) && bitmap_passes(MSR_GS_BASE, true));
	assert_true(bitmap_passes(MSR_SYSENTER_EIP, true));
	assert_false(bitmap_passes(MSR_LSTAR, false) || bitmap_passes(MSR_LSTAR, true));
	assert_true(bitmap_passes(MSR_TSC, false) && !bitmap_passes(MSR_TSC, true));
	assert_false(bitmap_passes(MSR_EFER, true));
	assert_false(bitmap_passes(MSR_APIC_BASE, false));
	assert_false(bitmap_passes(MSR_SPEC_CTRL, false) || bitmap_passes(MSR_SPEC_CTRL, true));
	assert_false(bitmap_passes(MSR_TSC_AUX, true));
}

static void test_controls_follow_cpuid(void **state)
{
	u32 bits = PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES;

	(void)state;
	cpuid_answer = true;
	vmx_backend.cpuid_changed(v);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(PROC_CTLS2)) & bits, bits);
	cpuid_answer = false;
	vmx_backend.cpuid_changed(v);
	assert_int_equal(sim_vmcs_get(SIM_FIELD(PROC_CTLS2)) & bits, 0);
}

static void test_vpids_are_not_shared(void **state)
{
	u16 a = vmx_vpid_alloc(), b = vmx_vpid_alloc();

	(void)state;
	assert_true(x.vpid && a && b && a != b && a != x.vpid && b != x.vpid);
	FIELD_IS(VPID, x.vpid);
	vmx_vpid_free(a);
	assert_int_equal(vmx_vpid_alloc(), a);
	vmx_vpid_free(a);
	vmx_vpid_free(b);
}

static void test_vpids_run_out_without_harm(void **state)
{
	unsigned n = 0;
	u32 id;

	(void)state;
	while (vmx_vpid_alloc())
		n++;
	assert_int_equal(n, 65535 - 1);	/* one is the vCPU's */
	for (id = 1; id < 65536; id++)
		if (id != x.vpid)
			vmx_vpid_free(id);
}

#define T(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access_rights_in_vmcs_form),
		T(test_segments_round_trip),
		T(test_cpl_is_ss_dpl),
		T(test_reset_state),
		T(test_cr0_shadow),
		T(test_cr0_wp_ts_toggle_without_exit),
		T(test_cr4_ownership_follows_cpuid),
		T(test_cr4_hides_vmxe_and_keeps_the_hosts_mce),
		T(test_long_mode_follows_lma),
		T(test_pdptes_are_loaded_for_pae_only),
		T(test_msrs_in_the_vmcs),
		T(test_hostile_msr_values_are_tamed),
		T(test_msr_bitmap),
		T(test_controls_follow_cpuid),
		T(test_vpids_are_not_shared),
		T(test_vpids_run_out_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
