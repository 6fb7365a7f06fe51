/* SPDX-License-Identifier: MIT */
/*
 * Stands for engine/arch/insn.h in a plain process: the same functions on a
 * simulated CPU, whose registers a test sets and looks at.
 */
#ifndef VELLUM_HOST_SIM_ARCH_INSN_H
#define VELLUM_HOST_SIM_ARCH_INSN_H

#include "../../../engine/x86/state.h"
#include "../sim.h"

struct table_reg {
	u16 limit;
	u64 base;
} __attribute__((packed));

#define SIM_MSRS	96
#define SIM_LEAVES	32

struct sim_insn {
	u64 cr0, cr2, cr3, cr8;		/* CR4 is sim.cr4 */
	u64 dr[8];
	u64 xcr0;
	u64 fs_base;
	u16 cs, ss, ds, es, fs, gs, tr, ldtr;
	struct table_reg gdt, idt;
	unsigned gdt_loads, idt_loads, xsetbvs;
	unsigned cr8_writes;
	bool irq_off;
	unsigned machine_checks;
	u64 tsc;
	/* An MSR that isn't here faults, as the CPU's own would: the test fails. */
	struct { u32 msr; u64 val; unsigned writes; } msrs[SIM_MSRS];
	unsigned msr_count;
	struct { u32 leaf, subleaf, r[4]; } leaves[SIM_LEAVES];
	unsigned leaf_count;
};

extern struct sim_insn sim_insn;

/* A CPU after power-on with the MSRs of every 64-bit one, and no CPUID leaf. */
void sim_insn_reset(void);
void sim_set_msr(u32 msr, u64 val);	/* makes it exist */
u64 sim_msr(u32 msr);
unsigned sim_msr_writes(u32 msr);
void sim_set_cpuid(u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 d);

void cpuid(u32 leaf, u32 subleaf, u32 r[4]);
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 val);

static inline u64 rdtsc(void) { return sim_insn.tsc; }
static inline void rdtsc_split(u32 *lo, u32 *hi)
{
	*lo = (u32)sim_insn.tsc;
	*hi = sim_insn.tsc >> 32;
}

static inline void cpu_relax(void) { }
static inline u64 xgetbv(u32 reg) { (void)reg; return sim_insn.xcr0; }

static inline void xsetbv(u32 reg, u64 val)
{
	if (reg || !(val & 1))
		sim_fail("xsetbv(%u, %llx) faults", reg, (unsigned long long)val);
	sim_insn.xcr0 = val;
	sim_insn.xsetbvs++;
}

static inline u64 read_cr0(void) { return sim_insn.cr0; }
static inline u64 read_cr2(void) { return sim_insn.cr2; }
static inline u64 read_cr3(void) { return sim_insn.cr3; }
static inline u64 read_cr8(void) { return sim_insn.cr8; }
static inline u64 read_cr4(void) { return sim.cr4; }
static inline u64 read_dr0(void) { return sim_insn.dr[0]; }
static inline u64 read_dr1(void) { return sim_insn.dr[1]; }
static inline u64 read_dr2(void) { return sim_insn.dr[2]; }
static inline u64 read_dr3(void) { return sim_insn.dr[3]; }
static inline u64 read_dr6(void) { return sim_insn.dr[6]; }
static inline u64 read_dr7(void) { return sim_insn.dr[7]; }
static inline void write_cr2(u64 val) { sim_insn.cr2 = val; }
static inline void write_cr8(u64 val)
{
	sim_insn.cr8 = val;
	sim_insn.cr8_writes++;
}
/* An address that DR7 enables at the moment would be a breakpoint at once. */
static inline void sim_write_address(unsigned n, u64 val)
{
	if ((sim_insn.dr[7] >> 2 * n) & 3)
		sim_fail("DR%u written while DR7 is %llx", n,
			 (unsigned long long)sim_insn.dr[7]);
	sim_insn.dr[n] = val;
}

static inline void write_dr0(u64 val) { sim_write_address(0, val); }
static inline void write_dr1(u64 val) { sim_write_address(1, val); }
static inline void write_dr2(u64 val) { sim_write_address(2, val); }
static inline void write_dr3(u64 val) { sim_write_address(3, val); }
static inline void write_dr6(u64 val) { sim_insn.dr[6] = val; }
static inline void write_dr7(u64 val) { sim_insn.dr[7] = val; }
static inline u64 read_fs_base(void) { return sim_insn.fs_base; }

static inline u16 read_cs(void) { return sim_insn.cs; }
static inline u16 read_ss(void) { return sim_insn.ss; }
static inline u16 read_ds(void) { return sim_insn.ds; }
static inline u16 read_es(void) { return sim_insn.es; }
static inline u16 read_fs(void) { return sim_insn.fs; }
static inline u16 read_gs(void) { return sim_insn.gs; }
static inline u16 read_tr(void) { return sim_insn.tr; }
static inline u16 read_ldtr(void) { return sim_insn.ldtr; }
static inline void load_ds(u16 sel) { sim_insn.ds = sel; }
static inline void load_es(u16 sel) { sim_insn.es = sel; }
static inline void load_fs(u16 sel) { sim_insn.fs = sel; sim_insn.fs_base = 0; }
static inline void load_ldtr(u16 sel) { sim_insn.ldtr = sel; }

static inline void load_gs_swapped(u16 sel)
{
	if (!sim_insn.irq_off)
		sim_fail("load_gs_swapped() with interrupts on");
	sim_insn.gs = sel;
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

static inline void store_gdt(struct table_reg *t) { *t = sim_insn.gdt; }
static inline void store_idt(struct table_reg *t) { *t = sim_insn.idt; }

static inline void load_gdt(const struct table_reg *t)
{
	sim_insn.gdt = *t;
	sim_insn.gdt_loads++;
}

static inline void load_idt(const struct table_reg *t)
{
	sim_insn.idt = *t;
	sim_insn.idt_loads++;
}

static inline u64 irq_save(void)
{
	u64 flags = sim_insn.irq_off ? 0 : BIT(9);

	sim_insn.irq_off = true;
	return flags;
}

static inline void irq_restore(u64 flags)
{
	if (flags & BIT(9))
		sim_insn.irq_off = false;
}

static inline void raise_machine_check(void) { sim_insn.machine_checks++; }

#endif
