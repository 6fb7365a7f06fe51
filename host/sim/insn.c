/* SPDX-License-Identifier: MIT */
/* The simulated CPU behind host/sim/arch/insn.h. */
#include "arch/insn.h"

struct sim_insn sim_insn;

void sim_insn_reset(void)
{
	static const u32 usual[] = {
		MSR_FEATURE_CONTROL, MSR_MISC_ENABLE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_DEBUGCTL, MSR_PAT, MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
		MSR_SYSCALL_MASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	};
	unsigned i;

	sim_insn = (struct sim_insn){ .cr0 = 0x80050033, .xcr0 = 3, .dr[7] = 0x400,
				      .dr[6] = 0xffff0ff0, .cs = 0x10, .ss = 0x18 };
	sim.cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXSAVE;
	for (i = 0; i < COUNT_OF(usual); i++)
		sim_set_msr(usual[i], 0);
	sim_set_msr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	sim_set_msr(MSR_PAT, PAT_RESET);
}

static unsigned find(u32 msr)
{
	unsigned i;

	for (i = 0; i < sim_insn.msr_count; i++)
		if (sim_insn.msrs[i].msr == msr)
			break;
	return i;
}

static unsigned must_find(u32 msr, const char *insn)
{
	unsigned i = find(msr);

	if (i == sim_insn.msr_count)
		sim_fail("%s of MSR %x faults: there is none", insn, msr);
	return i;
}

void sim_set_msr(u32 msr, u64 val)
{
	unsigned i = find(msr);

	if (i == SIM_MSRS)
		sim_fail("more than %u MSRs", SIM_MSRS);
	if (i == sim_insn.msr_count)
		sim_insn.msr_count++;
	sim_insn.msrs[i].msr = msr;
	sim_insn.msrs[i].val = val;
}

u64 sim_msr(u32 msr)
{
	return sim_insn.msrs[must_find(msr, "a test's read")].val;
}

unsigned sim_msr_writes(u32 msr)
{
	return sim_insn.msrs[must_find(msr, "a test's read")].writes;
}

u64 rdmsr(u32 msr)
{
	return sim_insn.msrs[must_find(msr, "RDMSR")].val;
}

/* MSRs that hold an address fault on one that isn't canonical. */
static bool holds_address(u32 msr)
{
	return msr == MSR_LSTAR || msr == MSR_CSTAR || msr == MSR_FS_BASE ||
	       msr == MSR_GS_BASE || msr == MSR_KERNEL_GS_BASE ||
	       msr == MSR_SYSENTER_ESP || msr == MSR_SYSENTER_EIP;
}

void wrmsr(u32 msr, u64 val)
{
	unsigned i = must_find(msr, "WRMSR");

	if (holds_address(msr) && (u64)((int64_t)(val << 16) >> 16) != val)
		sim_fail("WRMSR of %llx to MSR %x faults: not canonical",
			 (unsigned long long)val, msr);
	if (msr == MSR_FEATURE_CONTROL && (sim_insn.msrs[i].val & 1))
		sim_fail("WRMSR to IA32_FEATURE_CONTROL faults: it is locked");
	sim_insn.msrs[i].val = val;
	sim_insn.msrs[i].writes++;
}

void sim_set_cpuid(u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 d)
{
	unsigned i;

	for (i = 0; i < sim_insn.leaf_count; i++)
		if (sim_insn.leaves[i].leaf == leaf && sim_insn.leaves[i].subleaf == subleaf)
			break;
	if (i == SIM_LEAVES)
		sim_fail("more than %u CPUID leaves", SIM_LEAVES);
	if (i == sim_insn.leaf_count)
		sim_insn.leaf_count++;
	sim_insn.leaves[i].leaf = leaf;
	sim_insn.leaves[i].subleaf = subleaf;
	sim_insn.leaves[i].r[0] = a;
	sim_insn.leaves[i].r[1] = b;
	sim_insn.leaves[i].r[2] = c;
	sim_insn.leaves[i].r[3] = d;
}

void cpuid(u32 leaf, u32 subleaf, u32 r[4])
{
	unsigned i, j;

	for (j = 0; j < 4; j++)
		r[j] = 0;
	for (i = 0; i < sim_insn.leaf_count; i++)
		if (sim_insn.leaves[i].leaf == leaf && sim_insn.leaves[i].subleaf == subleaf)
			for (j = 0; j < 4; j++)
				r[j] = sim_insn.leaves[i].r[j];
}
