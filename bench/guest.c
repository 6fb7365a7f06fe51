/* SPDX-License-Identifier: MIT */
/*
 * The benchmark guest: what one operation costs, in ticks of the TSC.
 *
 * Each operation runs LOOPS times between two RDTSCs; the same loop around
 * nothing is taken off. Of ROUNDS such means the least counts: what the host did
 * besides (its own timer, mostly) is no part of the operation's cost. Its tick comes
 * every 400000 of Bochs' ticks: a round must be short enough to do without.
 *
 * Output, on the debug console (port 0xe9): "NAME TICKS" a line.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define LOOPS	100
#define ROUNDS	20

#define VECTOR		0x40
#define CODE_SELECTOR	0x08
#define MSR_APIC_BASE	0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define X2APIC_ENABLE	0x400
#define MMIO_NOBODY	0xd0000000ul
#define IOAPIC		0xfec00000ul
#define LAPIC		0xfee00000ul
#define CR0_WP		0x10000ul
#define FRESH		0x2000000ul	/* memory that nobody has touched, ... */
#define FRESH_SIZE	0x1000000ul	/* ... 16 MiB */
#define PAGE		0x1000ul

extern u64 irqs_taken;
extern const char only_row[16];	/* if not empty: run this row alone, for ever */
void irq_xapic(void);
void irq_x2apic(void);
void irq_bad(void);
void bench_main(void);

struct gate {
	u64 low, high;
};

static struct gate idt[256];
static int is_amd;

/* -- Instructions ------------------------------------------------------------------ */

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static inline void out8(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)));
}

static inline void cpuid(u32 leaf, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(0));
}

static inline void take_irq(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* -- Output -------------------------------------------------------------------------- */

static void put_text(const char *s)
{
	while (*s)
		out8(0xe9, *s++);
}

static void put_number(u64 v)
{
	char text[24], *p = text + 23;

	*p = 0;
	do
		*--p = '0' + v % 10;
	while (v /= 10);
	put_text(p);
}

/* -- Operations ---------------------------------------------------------------------- */

static void op_nothing(void)
{
	__asm__ volatile("");
}

static void op_cpuid(void)
{
	u32 r[4];

	cpuid(0, r);
}

/* An unknown call: nothing but the way in and out. */
static void op_vmcall(void)
{
	u64 nr = 0x1234567;

	if (is_amd)
		__asm__ volatile("vmmcall" : "+a"(nr) : : "memory");
	else
		__asm__ volatile("vmcall" : "+a"(nr) : : "memory");
}

static void op_rdmsr(void)
{
	rdmsr(MSR_APIC_BASE);
}

static void op_in_pic(void)
{
	u8 v;

	__asm__ volatile("inb $0x21, %0" : "=a"(v));
}

static void op_ioapic_read(void)
{
	(void)*(volatile u32 *)(IOAPIC + 0x10);
}

static void op_out_user(void)
{
	out8(0x80, 1);
}

static void op_mmio_user(void)
{
	*(volatile u32 *)MMIO_NOBODY = 1;
}

static void op_ipi_xapic(void)
{
	*(volatile u32 *)(LAPIC + 0x300) = 0x40000 | VECTOR;
	take_irq();
}

static void op_ipi_x2apic(void)
{
	wrmsr(0x830, 0x40000 | VECTOR);
	take_irq();
}

static void op_self_ipi_msr(void)
{
	wrmsr(0x83f, VECTOR);
	take_irq();
}

static void op_deadline(void)
{
	wrmsr(MSR_TSC_DEADLINE, 1);
	take_irq();
}

static void op_wp(void)
{
	u64 cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_WP) : "memory");
}

/* -- Measuring ------------------------------------------------------------------------ */

static u64 mean(void (*op)(void))
{
	u64 begin;
	u32 i;

	op();		/* what the first use alone costs */
	begin = rdtsc();
	for (i = 0; i < LOOPS; i++)
		op();
	return (rdtsc() - begin) / LOOPS;
}

static u64 least(void (*op)(void))
{
	u64 best = ~0ul, v;
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		v = mean(op);
		if (v < best)
			best = v;
	}
	return best;
}

static int is_only_row(const char *name)
{
	u32 i;

	for (i = 0; name[i] && name[i] == only_row[i]; i++)
		;
	return name[i] == only_row[i];
}

static void measure(const char *name, void (*op)(void))
{
	u64 taken, empty;

	if (is_only_row(name))
		for (;;)
			op();
	if (only_row[0])
		return;
	taken = least(op);
	empty = least(op_nothing);
	put_text(name);
	put_text(" ");
	put_number(taken > empty ? taken - empty : 0);
	put_text("\n");
}

static void put_taken(const char *what, const char *name, u64 taken, u64 sent)
{
	put_text(what);
	put_text(name);
	put_text(" took ");
	put_number(taken);
	put_text(" interrupts of ");
	put_number(sent);
	put_text("\n");
}

/*
 * As measure(), of an operation that ends in an interrupt: each must come, and once.
 * QEMU with -icount delivers one again now and then (docs/emulators.md): told only.
 */
static void measure_irq(const char *name, void (*op)(void))
{
	u64 taken = irqs_taken, sent = ROUNDS * (LOOPS + 1);

	measure(name, op);
	if (only_row[0])
		return;
	taken = irqs_taken - taken;
	if (taken > sent && is_amd) {
		put_taken("note: ", name, taken, sent);
	} else if (taken != sent) {
		put_taken("error: ", name, taken, sent);
		out8(0xf4, 3);
	}
}

/* The first write to each page of fresh memory: what all of them cost. */
static void measure_fresh(void)
{
	volatile u8 *p = (volatile u8 *)FRESH;
	u64 i, begin = rdtsc();

	for (i = 0; i < FRESH_SIZE; i += PAGE)
		p[i] = 1;
	put_text("fresh-16m ");
	put_number(rdtsc() - begin);
	put_text("\n");
}

static void set_gate(u32 vector, void (*handler)(void))
{
	u64 at = (u64)handler;

	idt[vector].low = (at & 0xffff) | (u64)CODE_SELECTOR << 16 | 0x8e0000000000 |
		(at >> 16 & 0xffff) << 48;
	idt[vector].high = at >> 32;
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };
	u32 i;

	for (i = 0; i < 256; i++)
		set_gate(i, irq_bad);
	set_gate(VECTOR, irq_xapic);
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

static void mask_pics(void)
{
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
}

void bench_main(void)
{
	u32 r[4], has[4];

	cpuid(0, r);
	is_amd = r[1] == 0x68747541;	/* Auth */
	cpuid(1, has);
	load_idt();
	mask_pics();
	measure_fresh();
	measure("cpuid", op_cpuid);
	measure("vmcall", op_vmcall);
	measure("rdmsr", op_rdmsr);
	measure("in-pic", op_in_pic);
	measure("ioapic-read", op_ioapic_read);
	measure("out-user", op_out_user);
	measure("mmio-user", op_mmio_user);
	measure("cr0-wp-twice", op_wp);

	*(volatile u32 *)(LAPIC + 0xf0) = 0x1ff;
	measure_irq("ipi-xapic", op_ipi_xapic);
	if (has[2] >> 21 & 1) {
		set_gate(VECTOR, irq_x2apic);
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | X2APIC_ENABLE);
		measure_irq("ipi-x2apic", op_ipi_x2apic);
		measure_irq("ipi-self-msr", op_self_ipi_msr);
	}
	if ((has[2] >> 21 & 1) && (has[2] >> 24 & 1)) {
		wrmsr(0x832, 0x40000 | VECTOR);		/* TSC-deadline mode */
		measure_irq("deadline", op_deadline);
	}
	put_text("end 0\n");
	out8(0xf4, 0);
}
