/* SPDX-License-Identifier: MIT */
/*
 * The processor's own instructions, one wrapper each, for both vendors' back ends.
 *
 * Include as "arch/insn.h" with engine/ in the include path: a build for a plain
 * process puts a directory with a simulated header of the same name before it.
 */
#ifndef VELLUM_ENGINE_ARCH_INSN_H
#define VELLUM_ENGINE_ARCH_INSN_H

#include "../types.h"

/* Memory operand of SGDT, SIDT, LGDT, LIDT in 64-bit mode. */
struct table_reg {
	u16 limit;
	u64 base;
} __attribute__((packed));

_Static_assert(sizeof(struct table_reg) == 10, "fixed by the architecture");

/* -- Anyone may ---------------------------------------------------------------- */

static inline void cpuid(u32 leaf, u32 subleaf, u32 r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(subleaf));
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* The same in halves: three instructions less where both are only stored. */
static inline void rdtsc_split(u32 *lo, u32 *hi)
{
	__asm__ volatile("rdtsc" : "=a"(*lo), "=d"(*hi));
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* -- MSRs and XCR0: the caller knows that the register is there ------------------ */

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 val)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)val), "d"((u32)(val >> 32))
			 : "memory");
}

/* CR4.OSXSAVE must be set. */
static inline u64 xgetbv(u32 reg)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg));
	return (u64)hi << 32 | lo;
}

static inline void xsetbv(u32 reg, u64 val)
{
	__asm__ volatile("xsetbv" : : "c"(reg), "a"((u32)val), "d"((u32)(val >> 32))
			 : "memory");
}

/* -- Control and debug registers -------------------------------------------------- */

#define INSN_READ_REG(name)					\
static inline u64 read_##name(void)				\
{								\
	u64 val;						\
								\
	__asm__ volatile("mov %%" #name ", %0" : "=r"(val));	\
	return val;						\
}
#define INSN_WRITE_REG(name)					\
static inline void write_##name(u64 val)			\
{								\
	__asm__ volatile("mov %0, %%" #name : : "r"(val) : "memory"); \
}

INSN_READ_REG(cr0)
INSN_READ_REG(cr2)
INSN_READ_REG(cr3)
INSN_READ_REG(cr4)
INSN_READ_REG(cr8)
INSN_READ_REG(dr0)
INSN_READ_REG(dr1)
INSN_READ_REG(dr2)
INSN_READ_REG(dr3)
INSN_READ_REG(dr6)
INSN_READ_REG(dr7)
INSN_WRITE_REG(cr2)
INSN_WRITE_REG(cr8)
INSN_WRITE_REG(dr0)
INSN_WRITE_REG(dr1)
INSN_WRITE_REG(dr2)
INSN_WRITE_REG(dr3)
INSN_WRITE_REG(dr6)
INSN_WRITE_REG(dr7)

#undef INSN_READ_REG
#undef INSN_WRITE_REG

/* CR4.FSGSBASE must be set. */
static inline u64 read_fs_base(void)
{
	u64 val;

	__asm__ volatile("rdfsbase %0" : "=r"(val));
	return val;
}

/* -- Segments and descriptor tables ----------------------------------------------- */

#define INSN_READ_SEL(fn, insn)					\
static inline u16 fn(void)					\
{								\
	u16 sel;						\
								\
	__asm__ volatile(insn : "=r"(sel));			\
	return sel;						\
}

INSN_READ_SEL(read_cs, "mov %%cs, %0")
INSN_READ_SEL(read_ss, "mov %%ss, %0")
INSN_READ_SEL(read_ds, "mov %%ds, %0")
INSN_READ_SEL(read_es, "mov %%es, %0")
INSN_READ_SEL(read_fs, "mov %%fs, %0")
INSN_READ_SEL(read_gs, "mov %%gs, %0")
INSN_READ_SEL(read_tr, "str %0")
INSN_READ_SEL(read_ldtr, "sldt %0")

#undef INSN_READ_SEL

static inline void load_ds(u16 sel)
{
	__asm__ volatile("mov %0, %%ds" : : "r"((u32)sel) : "memory");
}

static inline void load_es(u16 sel)
{
	__asm__ volatile("mov %0, %%es" : : "r"((u32)sel) : "memory");
}

/* Changes the FS base as well. */
static inline void load_fs(u16 sel)
{
	__asm__ volatile("mov %0, %%fs" : : "r"((u32)sel) : "memory");
}

/*
 * Loads GS behind SWAPGS, so that a kernel whose per-CPU area GS points to never
 * runs without it: the base that the selector brings lands in IA32_KERNEL_GS_BASE.
 * Interrupts off.
 */
static inline void load_gs_swapped(u16 sel)
{
	__asm__ volatile("swapgs\n\tmov %0, %%gs\n\tmfence\n\tswapgs"
			 : : "r"((u32)sel) : "memory");
}

static inline void load_ldtr(u16 sel)
{
	__asm__ volatile("lldt %0" : : "r"(sel) : "memory");
}

static inline void store_gdt(struct table_reg *t)
{
	__asm__ volatile("sgdt %0" : "=m"(*t));
}

static inline void store_idt(struct table_reg *t)
{
	__asm__ volatile("sidt %0" : "=m"(*t));
}

static inline void load_gdt(const struct table_reg *t)
{
	__asm__ volatile("lgdt %0" : : "m"(*t));
}

static inline void load_idt(const struct table_reg *t)
{
	__asm__ volatile("lidt %0" : : "m"(*t));
}

/* -- Interrupts -------------------------------------------------------------------- */

/* Interrupts off, whatever they were; the pair nests. */
static inline u64 irq_save(void)
{
	u64 flags;

	__asm__ volatile("pushf\n\tpop %0\n\tcli" : "=rm"(flags) : : "memory");
	return flags;
}

static inline void irq_restore(u64 flags)
{
	if (flags & BIT(9))
		__asm__ volatile("sti" ::: "memory");
}

/* The host's own handler for vector 18, as if the processor had called it. */
static inline void raise_machine_check(void)
{
	__asm__ volatile("int $18" ::: "memory");
}

#endif
