/* SPDX-License-Identifier: MIT */
/* Control and debug registers, MSRs, CPUID: what a guest may, and what follows. */
#include "../core/fixture.h"

static const struct cpuid_leaf full[] = {
	{ 0, 0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 1, 0, 0, 0x306c3, 0x100800, BIT(26) | BIT(17), BITS(9, 0) | BIT(13) | BIT(24) },
	{ 7, 0, 1, 0, BIT(0) | BIT(7) | BIT(20), 0, 0 },
	{ 0xd, 0, 1, 7, 832, 832, 0 },
	{ 0xd, 2, 1, 256, 576, 0, 0 },
	{ 0x80000000, 0, 0, 0x80000008, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 0, 0, BIT(11) | BIT(20) | BIT(29) },
	{ 0x80000008, 0, 0, 0x3028, 0, 0, 0 },
};

static int up(void **state)
{
	machine_up(state);
	return vcpu_set_cpuid(v, full, COUNT_OF(full));
}

static int up_irqchip(void **state)
{
	machine_up_irqchip(state);
	return vcpu_set_cpuid(v, full, COUNT_OF(full));
}

#define OK(call) assert_int_equal(call, 0)
#define BAD(call) assert_int_equal(call, ERR_INVAL)

/* -- Control registers -------------------------------------------------------------------- */

static void test_cr0_rules(void **state)
{
	(void)state;
	BAD(x86_set_cr0(v, CR0_PG));
	BAD(x86_set_cr0(v, CR0_NW));
	BAD(x86_set_cr0(v, BIT(32)));
	OK(x86_set_cr0(v, CR0_NW | CR0_CD));
	OK(x86_set_cr0(v, CR0_PE | BIT(10)));	/* reserved ones are ignored */
	assert_int_equal(v->cr0, CR0_PE | CR0_ET);
	v->requests = 0;
	OK(x86_set_cr0(v, CR0_PE | CR0_TS));
	assert_int_equal(v->requests & REQ_TLB, 0);
	OK(x86_set_cr0(v, CR0_PE | CR0_WP));
	assert_int_equal(v->requests & REQ_TLB, REQ_TLB);
}

/* SDM3 "Initializing IA-32e Mode", and the way back. */
static void test_into_long_mode_and_out(void **state)
{
	(void)state;
	f->seg[SEG_CS] = (struct x86_seg){ 0, 0xffffffff, 0xc09b, 8 };
	OK(x86_set_cr0(v, CR0_PE));
	OK(x86_set_efer(v, EFER_LME));
	BAD(x86_set_cr0(v, CR0_PE | CR0_PG));	/* no PAE */
	OK(x86_set_cr4(v, CR4_PAE));
	f->seg[SEG_CS].ar |= AR_L;
	BAD(x86_set_cr0(v, CR0_PE | CR0_PG));	/* a 64-bit segment already */
	f->seg[SEG_CS].ar &= ~AR_L;
	OK(x86_set_cr0(v, CR0_PE | CR0_PG));
	assert_int_equal(v->efer, EFER_LME | EFER_LMA);
	BAD(x86_set_cr4(v, 0));
	BAD(x86_set_efer(v, 0));		/* LME while paging is on */
	OK(x86_set_efer(v, EFER_LME | EFER_SCE)); /* LMA is not software's */
	assert_int_equal(v->efer, EFER_LME | EFER_LMA | EFER_SCE);
	f->seg[SEG_CS].ar |= AR_L;
	BAD(x86_set_cr0(v, CR0_PE));		/* not from 64-bit mode itself */
	f->seg[SEG_CS].ar &= ~AR_L;
	OK(x86_set_cr0(v, CR0_PE));
	assert_int_equal(v->efer, EFER_LME | EFER_SCE);
}

static void test_cr3_rules(void **state)
{
	(void)state;
	long_mode(0x1000);
	OK(x86_set_cr3(v, 0x2000));
	BAD(x86_set_cr3(v, BIT(40)));		/* 40 bits, says CPUID */
	BAD(x86_set_cr3(v, BIT(63)));
	OK(x86_set_cr4(v, CR4_PAE | CR4_PCIDE));
	OK(x86_set_cr3(v, BIT(63) | 0x3005));
	assert_int_equal(v->cr3, 0x3005);
}

static void test_cr4_rules(void **state)
{
	(void)state;
	BAD(x86_set_cr4(v, CR4_VMXE));
	BAD(x86_set_cr4(v, CR4_PKE));
	BAD(x86_set_cr4(v, CR4_UMIP));		/* CPUID has none */
	BAD(x86_set_cr4(v, CR4_PCIDE));		/* outside of long mode */
	long_mode(0x1005);
	BAD(x86_set_cr4(v, CR4_PAE | CR4_PCIDE)); /* CR3 bits 11:0 */
	v->cr3 = 0x1000;
	OK(x86_set_cr4(v, CR4_PAE | CR4_PCIDE));
	f->seg[SEG_CS].ar &= ~AR_L;
	BAD(x86_set_cr0(v, CR0_PE));		/* nor can paging end then */
}

/* A load of CR3, CR0 or CR4 in PAE mode reads the four entries. */
static void test_pdptes(void **state)
{
	(void)state;
	v->cr0 = CR0_PE | CR0_PG;
	v->cr4 = CR4_PAE;
	put64(0x3008, 1);
	OK(x86_set_cr3(v, 0x3000));
	put64(0x4008, 1 | BIT(1));
	BAD(x86_set_cr3(v, 0x4000));
	put64(0x4008, BIT(1));			/* not present: anything */
	OK(x86_set_cr3(v, 0x4000));
	put64(0x4008, 1 | BIT(52));
	BAD(x86_set_cr0(v, CR0_PE | CR0_PG | CR0_WP));
	put64(0x5008, 1 | BIT(36));
	OK(x86_set_cr3(v, 0x5000));
	assert_int_equal(vcpu_set_cpuid(v, &(struct cpuid_leaf){ .function = 0x80000008,
								 .eax = 36 }, 1), 0);
	BAD(x86_set_cr3(v, 0x5000));
}

static void test_lmsw_and_clts(void **state)
{
	(void)state;
	v->cr0 = CR0_PE | CR0_ET | CR0_TS;
	assert_int_equal(x86_exit_clts(v), ACT_NEXT);
	assert_int_equal(v->cr0, CR0_PE | CR0_ET);
	assert_int_equal(x86_exit_lmsw(v, 0xfff2), ACT_NEXT);	/* MP; PE stays */
	assert_int_equal(v->cr0, CR0_PE | CR0_ET | CR0_MP);
	assert_int_equal(x86_exit_lmsw(v, 8), ACT_NEXT);
	assert_int_equal(v->cr0, CR0_PE | CR0_ET | CR0_TS);
}

static void test_moves(void **state)
{
	(void)state;
	v->gpr[GPR_RBX] = 0xffffffff00000000ull | CR0_PE;
	assert_int_equal(x86_exit_mov_to_cr(v, 0, GPR_RBX), ACT_NEXT); /* 32 bits count */
	assert_int_equal(v->cr0, CR0_PE | CR0_ET);
	assert_int_equal(x86_exit_mov_from_cr(v, 0, GPR_RSI), ACT_NEXT);
	assert_int_equal(v->gpr[GPR_RSI], CR0_PE | CR0_ET);
	assert_int_equal(x86_exit_mov_to_cr(v, 5, GPR_RBX), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_UD);
	v->exception.type = EVENT_NONE;
	v->gpr[GPR_RBX] = CR0_PG;
	assert_int_equal(x86_exit_mov_to_cr(v, 0, GPR_RBX), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_GP);
	assert_true(v->exception.has_error);
}

static void test_cr8(void **state)
{
	(void)state;
	long_mode(0x1000);
	v->gpr[GPR_RBX] = 9;
	assert_int_equal(x86_exit_mov_to_cr(v, 8, GPR_RBX), ACT_NEXT);
	v->gpr[GPR_RBX] = 9;
	assert_int_equal(x86_exit_mov_to_cr(v, 8, GPR_RBX), ACT_NEXT);
	v->gpr[GPR_RBX] = 3;
	assert_int_equal(x86_exit_mov_to_cr(v, 8, GPR_RBX), ACT_USER_NEXT);
	assert_int_equal(v->uexit.kind, UEXIT_SET_TPR);
	assert_int_equal(x86_get_cr8(v), 3);
	v->gpr[GPR_RBX] = 16;
	assert_int_equal(x86_exit_mov_to_cr(v, 8, GPR_RBX), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_GP);
}

static void test_xsetbv(void **state)
{
	static const struct { u64 val; int rc; } t[] = {
		{ 1, 0 }, { 3, 0 }, { 7, 0 }, { 0, ERR_INVAL }, { 2, ERR_INVAL },
		{ 5, ERR_INVAL }, { 0xf, ERR_INVAL }, { BIT(63) | 1, ERR_INVAL },
	};
	struct cpuid_leaf lie[COUNT_OF(full)];
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(t); i++)
		assert_int_equal(x86_set_xcr0(v, t[i].val), t[i].rc);
	/* Whatever user space promises, the host's CPU must be able to load it. */
	memcpy(lie, full, sizeof(lie));
	lie[3].eax = lie[3].edx = ~0u;
	OK(vcpu_set_cpuid(v, lie, COUNT_OF(lie)));
	BAD(x86_set_xcr0(v, 0xf));
	BAD(x86_set_xcr0(v, 0xe7));
	BAD(x86_set_xcr0(v, BIT(62) | 1));
	sim.xcr0 = 0xe7;
	OK(x86_set_xcr0(v, 0xe7));
	BAD(x86_set_xcr0(v, 0x67));		/* AVX-512 in part */
	/* On a host without XSAVE there is no CR4.OSXSAVE at all. */
	sim.xcr0 = 0;
	OK(vcpu_set_cpuid(v, lie, COUNT_OF(lie)));
	BAD(x86_set_cr4(v, CR4_OSXSAVE));
}

static void test_xsetbv_exit(void **state)
{
	(void)state;
	v->gpr[GPR_RAX] = 7;
	v->gpr[GPR_RDX] = 0;
	assert_int_equal(x86_exit_xsetbv(v), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_UD);		/* OSXSAVE is off */
	v->exception.type = EVENT_NONE;
	OK(x86_set_cr4(v, CR4_OSXSAVE));
	f->cpl = 3;
	assert_int_equal(x86_exit_xsetbv(v), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_GP);
	v->exception.type = EVENT_NONE;
	f->cpl = 0;
	v->gpr[GPR_RCX] = 1;
	assert_int_equal(x86_exit_xsetbv(v), ACT_RESUME);
	v->exception.type = EVENT_NONE;
	v->gpr[GPR_RCX] = 0;
	assert_int_equal(x86_exit_xsetbv(v), ACT_NEXT);
	assert_int_equal(v->xcr0, 7);
}

/* -- Debug registers ------------------------------------------------------------------------ */

static void test_debug_registers(void **state)
{
	(void)state;
	long_mode(0x1000);
	v->gpr[GPR_RBX] = 0xffff800000001000ull;
	assert_int_equal(x86_exit_mov_dr(v, 2, GPR_RBX, true), ACT_NEXT);
	assert_int_equal(v->dr[2], 0xffff800000001000ull);
	v->gpr[GPR_RBX] = ~0u;
	assert_int_equal(x86_exit_mov_dr(v, 6, GPR_RBX, true), ACT_NEXT);
	assert_int_equal(v->dr6, 0xffffeff0 | 0xf);
	v->gpr[GPR_RBX] = BIT(32);
	assert_int_equal(x86_exit_mov_dr(v, 7, GPR_RBX, true), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_GP);
	v->exception.type = EVENT_NONE;
	assert_int_equal(x86_exit_mov_dr(v, 4, GPR_RCX, false), ACT_NEXT);	/* DR6 */
	assert_int_equal(v->gpr[GPR_RCX], v->dr6);
	OK(x86_set_cr4(v, CR4_PAE | CR4_DE));
	assert_int_equal(x86_exit_mov_dr(v, 5, GPR_RCX, false), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_UD);
	v->exception.type = EVENT_NONE;
	/* Outside of 64-bit mode a move has 32 bits. */
	f->seg[SEG_CS].ar &= ~AR_L;
	v->gpr[GPR_RBX] = 0x7700001234ull;
	assert_int_equal(x86_exit_mov_dr(v, 0, GPR_RBX, true), ACT_NEXT);
	assert_int_equal(v->dr[0], 0x1234);
}

static void test_general_detect(void **state)
{
	(void)state;
	v->dr7 = 0x2400;
	v->gpr[GPR_RBX] = 5;
	assert_int_equal(x86_exit_mov_dr(v, 1, GPR_RBX, true), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_DB);
	assert_int_equal(v->dr6 & BIT(13), BIT(13));
	assert_int_equal(v->dr7, 0x400);
	assert_int_equal(v->dr[1], 0);
	v->exception.type = EVENT_NONE;
	assert_int_equal(x86_exit_mov_dr(v, 1, GPR_RBX, true), ACT_NEXT);
	assert_int_equal(v->dr[1], 5);
}

/* -- MSRs ----------------------------------------------------------------------------------- */

static void test_msr_rules(void **state)
{
	static const struct { u32 msr; u64 val; int rc; } t[] = {
		{ MSR_PAT, PAT_RESET, 0 }, { MSR_PAT, 2, ERR_INVAL }, { MSR_PAT, 8, ERR_INVAL },
		{ MSR_PAT, 3ull << 56, ERR_INVAL },
		{ MSR_LSTAR, 0xffff800000000000ull, 0 },
		{ MSR_LSTAR, 0x800000000000ull, ERR_INVAL },
		{ MSR_TSC_AUX, 0xffffffff, 0 }, { MSR_TSC_AUX, BIT(32), ERR_INVAL },
		{ MSR_XSS, 0, 0 }, { MSR_XSS, 1, ERR_INVAL },
		{ MSR_EFER, EFER_SCE, 0 }, { MSR_EFER, EFER_SVME, ERR_INVAL },
		{ MSR_MTRRCAP, 0, ERR_INVAL }, { 0x12345678, 0, ERR_INVAL },
		{ MSR_FEATURE_CONTROL, 5, ERR_INVAL },
		{ MSR_MTRR_PHYSBASE0 + 15, 0x800, 0 }, { MSR_MTRR_PHYSBASE0 + 16, 0, ERR_INVAL },
		{ MSR_X2APIC_BASE + 8, 0, ERR_INVAL }, { 0x400, 0, 0 }, { 0x420, 0, ERR_INVAL },
	};
	unsigned i;
	u64 val;

	(void)state;
	for (i = 0; i < COUNT_OF(t); i++)
		if (x86_set_msr(v, t[i].msr, t[i].val, false) != t[i].rc)
			fail_msg("MSR %x, value %llx", t[i].msr, (unsigned long long)t[i].val);
	OK(x86_get_msr(v, MSR_MTRR_PHYSBASE0 + 15, &val, false));
	assert_int_equal(val, 0x800);
	OK(x86_get_msr(v, MSR_FEATURE_CONTROL, &val, false));
	assert_int_equal(val, 1);		/* locked, and no VMX */
	BAD(x86_get_msr(v, 0x12345678, &val, true));
}

static void test_msr_exits(void **state)
{
	(void)state;
	v->gpr[GPR_RCX] = 0xffffffff00000000ull | MSR_LSTAR;	/* ECX */
	v->gpr[GPR_RAX] = 0xaaaaaaaa12345678ull;
	v->gpr[GPR_RDX] = 0x55555555ffff8000ull;
	assert_int_equal(x86_exit_wrmsr(v), ACT_NEXT);
	assert_int_equal(v->lstar, 0xffff800012345678ull);
	assert_int_equal(x86_exit_rdmsr(v), ACT_NEXT);
	assert_int_equal(v->gpr[GPR_RAX], 0x12345678);
	assert_int_equal(v->gpr[GPR_RDX], 0xffff8000);
	v->gpr[GPR_RCX] = 0x12345678;
	assert_int_equal(x86_exit_rdmsr(v), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_GP);
	assert_int_equal(v->gpr[GPR_RAX], 0x12345678);
}

/* SDM3 "Time-Stamp Counter Adjustment": both MSRs move together. */
static void test_tsc(void **state)
{
	u64 val;

	(void)state;
	OK(x86_set_msr(v, MSR_TSC, 1000, false));
	OK(x86_get_msr(v, MSR_TSC, &val, false));
	assert_int_equal(val, 1000);
	OK(x86_get_msr(v, MSR_TSC_ADJUST, &val, false));
	assert_int_equal(val, 1000);		/* it stood at 0 */
	OK(x86_set_msr(v, MSR_TSC_ADJUST, 1500, false));
	OK(x86_get_msr(v, MSR_TSC, &val, false));
	assert_int_equal(val, 1500);
	sim_insn.tsc += 7;
	v->gpr[GPR_RCX] = 1;
	v->tsc_aux = 9;
	assert_int_equal(x86_exit_rdtsc(v, true), ACT_NEXT);
	assert_int_equal(v->gpr[GPR_RAX], 1507);
	assert_int_equal(v->gpr[GPR_RCX], 9);
}

static void test_apic_base(void **state)
{
	(void)state;
	BAD(x86_set_msr(v, MSR_APIC_BASE, v->apic_base | BIT(9), false));
	BAD(x86_set_msr(v, MSR_APIC_BASE, v->apic_base | BIT(50), false));
	BAD(x86_set_msr(v, MSR_X2APIC_BASE + 8, 0x10, false));	/* not in that mode */
	OK(x86_set_msr(v, MSR_APIC_BASE, v->apic_base | APIC_BASE_X2APIC, false));
	OK(x86_set_msr(v, MSR_X2APIC_BASE + 8, 0x10, false));
	assert_int_equal(x86_get_cr8(v), 1);
}

/* -- CPUID ------------------------------------------------------------------------------------ */

static void ask(u32 function, u32 index)
{
	v->gpr[GPR_RAX] = 0x1100000000ull | function;
	v->gpr[GPR_RCX] = index;
	assert_int_equal(x86_exit_cpuid(v), ACT_NEXT);
}

static void test_cpuid(void **state)
{
	(void)state;
	ask(0, 5);
	assert_int_equal(v->gpr[GPR_RAX], 0xd);
	assert_int_equal(v->gpr[GPR_RBX], 0x756e6547);
	assert_int_equal(v->gpr[GPR_RDX], 0x49656e69);
	ask(0xd, 2);
	assert_int_equal(v->gpr[GPR_RAX], 256);
	ask(0xd, 3);				/* no such sub-leaf */
	assert_int_equal(v->gpr[GPR_RAX] | v->gpr[GPR_RBX], 0);
	ask(0x80000008, 0);
	assert_int_equal(v->gpr[GPR_RAX], 0x3028);
	ask(0x40000000, 0);
	assert_int_equal(v->gpr[GPR_RAX], 0);
	/* Beyond the last basic leaf Intel's CPUs answer with that one. */
	ask(0x20, 2);
	assert_int_equal(v->gpr[GPR_RAX], 256);
	/* OSXSAVE follows CR4; the size of the XSAVE area follows XCR0. */
	ask(1, 0);
	assert_int_equal(v->gpr[GPR_RCX] & BIT(27), 0);
	OK(x86_set_cr4(v, CR4_OSXSAVE));
	ask(1, 0);
	assert_int_equal(v->gpr[GPR_RCX] & BIT(27), BIT(27));
	ask(0xd, 0);
	assert_int_equal(v->gpr[GPR_RBX], 576);
	OK(x86_set_xcr0(v, 7));
	ask(0xd, 0);
	assert_int_equal(v->gpr[GPR_RBX], 832);
}

/* AMD's CPUs answer with zeros there. */
static void test_cpuid_of_the_other_vendor(void **state)
{
	struct cpuid_leaf amd[COUNT_OF(full)];

	(void)state;
	memcpy(amd, full, sizeof(amd));
	amd[0].ebx = 0x68747541;
	OK(vcpu_set_cpuid(v, amd, COUNT_OF(amd)));
	ask(0x20, 2);
	assert_int_equal(v->gpr[GPR_RAX], 0);
}

static u32 offered_leaf_7(void)
{
	struct cpuid_leaf out[CPUID_MAX];
	int i, n = x86_supported_cpuid(out, COUNT_OF(out));

	for (i = 0; i < n; i++)
		if (out[i].function == 7 && out[i].index == 0)
			return out[i].ebx;
	return 0;
}

/* ERMS is offered where strings are fast, though CPUID always has it. */
static void test_erms_needs_fast_strings(void **state)
{
	(void)state;
	sim_set_cpuid(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
	sim_set_cpuid(7, 0, 0, BIT(9) | BIT(7), 0, 0);
	backend_caps.fast_strings = true;
	assert_int_equal(offered_leaf_7(), BIT(9) | BIT(7));
	backend_caps.fast_strings = false;
	assert_int_equal(offered_leaf_7(), BIT(7));
}

static void test_misc_enable_tells_fast_strings(void **state)
{
	u64 val;

	(void)state;
	backend_caps.fast_strings = true;
	vcpu_reset(v, false);
	OK(x86_get_msr(v, MSR_MISC_ENABLE, &val, false));
	assert_int_equal(val & 1, 1);
	backend_caps.fast_strings = false;
	vcpu_reset(v, false);
	OK(x86_get_msr(v, MSR_MISC_ENABLE, &val, false));
	assert_int_equal(val & 1, 0);
}

static void test_without_cpuid(void **state)
{
	(void)state;
	OK(vcpu_set_cpuid(v, NULL, 0));
	ask(0, 0);
	assert_int_equal(v->gpr[GPR_RAX], 0);
	OK(x86_set_efer(v, EFER_LME | EFER_NXE));
	OK(x86_set_cr4(v, CR4_PAE | CR4_PGE));
	BAD(x86_set_cr4(v, CR4_PKE));
	assert_int_equal(vcpu_set_cpuid(v, full, CPUID_MAX + 1), ERR_2BIG);
}

/* -- Hypercalls --------------------------------------------------------------------------------- */

static enum exit_action ud(const char *bytes, u64 at)
{
	v->exception.type = EVENT_NONE;
	v->exit.insn_len = 0;
	memcpy(ram + at, bytes, 3);
	vcpu_set_rip(v, at);
	v->gpr[GPR_RAX] = 77;
	return x86_exit_ud(v);
}

static void test_either_hypercall(void **state)
{
	(void)state;
	v->cr0 = CR0_PE;
	f->seg[SEG_CS] = (struct x86_seg){ 0, 0xffffffff, 0xc09b, 8 };
	assert_int_equal(ud("\x0f\x01\xc1", 0x5000), ACT_NEXT);
	assert_int_equal(v->gpr[GPR_RAX], (u64)-1000);
	assert_int_equal(v->exit.insn_len, 3);
	assert_int_equal(ud("\x0f\x01\xd9", 0x5ffe), ACT_NEXT);
	f->cpl = 3;
	assert_int_equal(ud("\x0f\x01\xd9", 0x5000), ACT_NEXT);
	assert_int_equal(v->gpr[GPR_RAX], (u64)-1);
	f->cpl = 0;
	assert_int_equal(ud("\x0f\x01\xc2", 0x5000), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_UD);
	assert_int_equal(v->gpr[GPR_RAX], 77);
	assert_int_equal(ud("\x0f\x0b\xc1", 0x5000), ACT_RESUME);
	/* Bytes that can't be fetched are none. */
	vcpu_set_rip(v, RAM_SIZE + 0x1000);
	v->exception.type = EVENT_NONE;
	assert_int_equal(x86_exit_ud(v), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_UD);
	/* With a segment base, and as a trap. */
	f->seg[SEG_CS].base = 0x1000;
	memcpy(ram + 0x7000, "\x0f\x01\xc1", 3);
	vcpu_set_rip(v, 0x6000);
	assert_int_equal(x86_ud_trap(v), 0);
	v->traps.instructions = TRAP_VMCALL;
	assert_int_equal(x86_ud_trap(v), TRAP_VMCALL);
	vcpu_set_rip(v, 0x6001);
	assert_int_equal(x86_ud_trap(v), 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, up, machine_down)
#define I(t) cmocka_unit_test_setup_teardown(t, up_irqchip, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_cr0_rules), T(test_into_long_mode_and_out), T(test_cr3_rules),
		T(test_cr4_rules), T(test_pdptes), T(test_lmsw_and_clts), T(test_moves),
		T(test_cr8), T(test_xsetbv), T(test_xsetbv_exit), T(test_debug_registers),
		T(test_general_detect), T(test_msr_rules), T(test_msr_exits), T(test_tsc),
		I(test_apic_base), T(test_cpuid), T(test_cpuid_of_the_other_vendor),
		T(test_erms_needs_fast_strings), T(test_misc_enable_tells_fast_strings),
		T(test_without_cpuid), T(test_either_hypercall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
