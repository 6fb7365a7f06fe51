/* SPDX-License-Identifier: MIT */
/* A test's VM: memory, tables, registers, and the run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

extern const u8 guest_blob[], guest_blob_end[];

#define EFER_LME	0x100
#define EFER_LMA	0x400
#define CR0_PE		0x1ull
#define CR0_BASE	0x30ull		/* ET, NE */
#define CR0_WP		0x10000ull
#define CR0_PG		0x80000000ull
#define CR4_PSE		0x10
#define CR4_PAE		0x20
#define CR4_OSFXSR	0x600

#define PTE_P		1
#define PTE_W		2
#define PTE_U		4
#define PTE_PS		0x80

/* -- Memory --------------------------------------------------------------------- */

void *get_pages(size_t size, size_t align)
{
	u8 *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap of %zu bytes: %s", size, strerror(errno));
	return (u8 *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1));
}

u64 peek(struct machine *m, u64 gpa)
{
	u64 v;

	CHECK(gpa + 8 <= m->ram_size);
	memcpy(&v, m->ram + gpa, 8);
	return v;
}

void poke(struct machine *m, u64 gpa, u64 v)
{
	CHECK(gpa + 8 <= m->ram_size);
	memcpy(m->ram + gpa, &v, 8);
}

u64 result(struct machine *m, unsigned i)
{
	return peek(m, G_RESULTS + 8 * i);
}

u64 exception(struct machine *m, unsigned i)
{
	return peek(m, EXC_LOG + 8 * i);
}

u64 irq_count(struct machine *m, unsigned vector)
{
	return peek(m, IRQ_COUNTS + 8 * vector);
}

void set_slot(int vm, u32 slot, u64 gpa, u64 size, void *host, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)host,
	};

	DO(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

/* -- Tables --------------------------------------------------------------------- */

static void put_tables(struct machine *m)
{
	unsigned i;

	poke(m, G_PML4, G_PDPT | PTE_P | PTE_W | PTE_U);
	for (i = 0; i < 4; i++) {
		poke(m, G_PDPT + 8 * i, (G_PD + 0x1000 * i) | PTE_P | PTE_W | PTE_U);
		poke(m, G_PAE_PDPT + 8 * i, (G_PD + 0x1000 * i) | PTE_P);
	}
	for (i = 0; i < 2048; i++)
		poke(m, G_PD + 8 * i, (u64)i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS);
	for (i = 0; i < 1024; i++) {
		u32 e = i << 22 | PTE_P | PTE_W | PTE_U | PTE_PS;

		memcpy(m->ram + G_PD32 + 4 * i, &e, 4);
	}
}

static void put_gdt(struct machine *m)
{
	static const u64 gdt[] = {
		[SEL_CODE64 / 8] = 0x00af9b000000ffff,
		[SEL_DATA / 8] = 0x00cf93000000ffff,
		[SEL_USER32 / 8] = 0x00cffb000000ffff,
		[SEL_USERDATA / 8] = 0x00cff3000000ffff,
		[SEL_USER64 / 8] = 0x00affb000000ffff,
		[SEL_CODE32 / 8] = 0x00cf9b000000ffff,
		[SEL_CODE16 / 8] = 0x00009b000000ffff,
		[SEL_DATA16 / 8] = 0x000093000000ffff,
		[SEL_TSS64 / 8] = 0x0000890000000067 | (u64)G_TSS64 << 16,
		[SEL_TSS32 / 8] = 0x0000890000000067 | (u64)G_TSS32 << 16,
		[SEL_LDT / 8] = 0x000082000000ffff | (u64)(G_TABLES & 0xffff) << 16 |
			(u64)(G_TABLES >> 16) << 32,
		[SEL_LDT / 8 + 1] = 0,
	};

	memcpy(m->ram + G_GDT, gdt, sizeof(gdt));
}

static u32 handler(unsigned vector, bool wide)
{
	if (vector < 32)
		return (wide ? G_exc64 : G_exc32) + 16 * vector;
	return (wide ? G_irq64 : G_irq32) + 16 * (vector - 32);
}

static void put_idts(struct machine *m)
{
	unsigned i;

	for (i = 0; i < 256; i++) {
		/* The double fault has a stack of its own; INT3 is for everyone. */
		u64 dpl = i == BP ? 3 : 0, ist = i == DF ? 1 : 0;
		u64 gate = 0x8e0000000000 | dpl << 45;

		poke(m, G_IDT64 + 16 * i, gate | handler(i, true) | ist << 32 |
		     (u64)SEL_CODE64 << 16);
		poke(m, G_IDT64 + 16 * i + 8, 0);
		poke(m, G_IDT32 + 8 * i, gate | handler(i, false) |
		     (u64)SEL_CODE32 << 16);
	}
	poke(m, G_TSS64 + 4, G_STACK_R0);
	poke(m, G_TSS64 + 0x60, 0x68ull << 48);	/* no I/O bit map */
	poke(m, G_TSS64 + 0x24, G_STACK_DF);
	poke(m, G_TSS32 + 4, G_STACK_R0 | (u64)SEL_DATA << 32);
}

/* -- Registers ------------------------------------------------------------------- */

static struct kvm_segment segment(u16 sel, u8 type, bool s, bool l, bool db)
{
	return (struct kvm_segment){
		.selector = sel, .limit = 0xffffffff, .type = type, .s = s,
		.present = 1, .l = l, .db = db, .g = 1,
	};
}

static void put_segments(struct kvm_sregs *s, enum mode mode)
{
	struct kvm_segment data = segment(SEL_DATA, 3, true, false, true);

	if (mode == REAL) {
		data = (struct kvm_segment){
			.limit = 0xffff, .type = 3, .s = 1, .present = 1,
		};
		s->cs = data;
		s->cs.type = 11;
	} else {
		s->cs = segment(mode == LONG ? SEL_CODE64 : SEL_CODE32, 11, true,
				mode == LONG, mode != LONG);
		s->tr = segment(mode == LONG ? SEL_TSS64 : SEL_TSS32, 11, false,
				false, false);
		s->tr.base = mode == LONG ? G_TSS64 : G_TSS32;
		s->tr.limit = 0x67;
		s->tr.g = 0;
	}
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	if (mode == REAL) {
		s->fs.selector = G_RESULTS >> 4;
		s->fs.base = G_RESULTS;
	}
	s->gdt.base = G_GDT;
	s->gdt.limit = SEL_LDT + 15;
	s->idt.base = mode == REAL ? 0 : mode == LONG ? G_IDT64 : G_IDT32;
	s->idt.limit = mode == REAL ? 0x3ff : mode == LONG ? 0xfff : 0x7ff;
}

static void put_mode(struct kvm_sregs *s, enum mode mode)
{
	s->cr0 = CR0_BASE;
	s->cr4 = mode == REAL ? 0 : CR4_OSFXSR;
	s->efer = 0;
	if (mode != REAL)
		s->cr0 |= CR0_PE;
	if (mode < PAGED32)
		return;
	s->cr0 |= CR0_PG | CR0_WP;
	s->cr4 |= mode == PAGED32 ? CR4_PSE : CR4_PAE;
	s->cr3 = mode == PAGED32 ? G_PD32 : mode == PAE ? G_PAE_PDPT : G_PML4;
	if (mode == LONG)
		s->efer = EFER_LME | EFER_LMA;
}

void machine_boot(struct machine *m, enum mode mode, u32 entry)
{
	struct kvm_regs r = { .rip = entry, .rflags = 2, .rsp = G_STACK };
	struct kvm_sregs s;

	if (mode == REAL)
		r.rsp = 0xfff0;
	memcpy(m->ram + G_CODE, guest_blob, guest_blob_end - guest_blob);
	put_tables(m);
	put_gdt(m);
	put_idts(m);
	poke(m, G_IS_AMD, is_amd);
	get_sregs(m, &s);
	put_segments(&s, mode);
	put_mode(&s, mode);
	set_sregs(m, &s);
	set_regs(m, &r);
}

/* -- The VM ----------------------------------------------------------------------- */

/* VT-x on stock KVM wants places for a TSS and a page table of its own. */
static void give_places(int vm)
{
	u64 identity = 0xfffbc000;

	ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
}

void machine_create(struct machine *m, u32 flags)
{
	struct kvm_pit_config pit = { 0 };
	int size;

	/* Registering for the address space's changes ends early on a signal. */
	do
		m->vm = ioctl(ctl, KVM_CREATE_VM, 0);
	while (m->vm < 0 && errno == EINTR);
	if (m->vm < 0)
		m->vm = DO(ctl, KVM_CREATE_VM, 0);
	give_places(m->vm);
	m->ram_size = flags & XTRA_RAM ? 16 << 20 : G_RAM;
	m->ram = get_pages(m->ram_size, 2 << 20);
	set_slot(m->vm, 0, 0, m->ram_size, m->ram, 0);
	if (flags & IRQCHIP)
		DO(m->vm, KVM_CREATE_IRQCHIP, 0);
	if (flags & PIT)
		DO(m->vm, KVM_CREATE_PIT2, &pit);
	m->cpu = DO(m->vm, KVM_CREATE_VCPU, 0);
	size = DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->cpu, 0);
	if (m->run == MAP_FAILED)
		fail("mmap of the run page: %s", strerror(errno));
	if (!(flags & NO_CPUID))
		set_cpuid(m, supported_cpuid());
}

void machine_destroy(struct machine *m)
{
	munmap(m->run, DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(m->cpu);
	close(m->vm);
	munmap(m->ram, m->ram_size);
}

/* -- Running ----------------------------------------------------------------------- */

static const char *exit_text(struct machine *m)
{
	static char text[200];
	struct kvm_run *r = m->run;

	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		snprintf(text, sizeof(text), "KVM_EXIT_IO port %#x %s size %u count %u",
			 r->io.port, r->io.direction ? "out" : "in", r->io.size,
			 r->io.count);
		break;
	case KVM_EXIT_MMIO:
		snprintf(text, sizeof(text), "KVM_EXIT_MMIO %#llx %s len %u",
			 r->mmio.phys_addr, r->mmio.is_write ? "write" : "read",
			 r->mmio.len);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(text, sizeof(text),
			 "KVM_EXIT_INTERNAL_ERROR suberror %u data %u: %#llx %#llx %#llx",
			 r->internal.suberror, r->internal.ndata,
			 r->internal.data[0], r->internal.data[1],
			 r->internal.data[2]);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, sizeof(text), "KVM_EXIT_FAIL_ENTRY %#llx",
			 r->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_SHUTDOWN:
		return "KVM_EXIT_SHUTDOWN";
	case KVM_EXIT_HLT:
		return "KVM_EXIT_HLT";
	default:
		snprintf(text, sizeof(text), "exit reason %u", r->exit_reason);
	}
	return text;
}

static void say_state(struct machine *m)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	unsigned i, n;

	get_regs(m, &r);
	get_sregs(m, &s);
	diag("rip %#llx rsp %#llx rflags %#llx rax %#llx rbx %#llx rcx %#llx rdx %#llx",
	     r.rip, r.rsp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx);
	diag("cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx efer %#llx cs %#x/%#llx",
	     s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.cs.selector, s.cs.base);
	diag("%llu interrupts, the last of vector %#llx at rip %#llx",
	     (unsigned long long)peek(m, IRQ_TOTAL),
	     (unsigned long long)peek(m, IRQ_LAST), (unsigned long long)peek(m, IRQ_RIP));
	n = peek(m, EXC_COUNT);
	for (i = 0; i < n && i < 8; i++)
		diag("exception %u: vector %llu error %#llx", i,
		     (unsigned long long)exception(m, i) & 0xff,
		     (unsigned long long)exception(m, i) >> 8);
	if (n)
		diag("the last one at rip %#llx, cr2 %#llx",
		     (unsigned long long)peek(m, EXC_RIP),
		     (unsigned long long)peek(m, EXC_CR2));
}

u32 run_once(struct machine *m)
{
	if (ioctl(m->cpu, KVM_RUN, 0)) {
		int err = errno;

		if (err == EINTR)
			say_state(m);
		fail("KVM_RUN: %s%s", strerror(err), err == EINTR ?
		     " (the guest does not come to an end)" : "");
	}
	return m->run->exit_reason;
}

void run_to(struct machine *m, u32 reason)
{
	u32 got = run_once(m);

	if (got != reason) {
		say_state(m);
		fail("%s, wanted exit reason %u", exit_text(m), reason);
	}
}

void run_to_end(struct machine *m)
{
	run_to(m, KVM_EXIT_IO);
	if (m->run->io.port != PORT_END) {
		say_state(m);
		fail("%s, wanted the guest's END", exit_text(m));
	}
}

static const char *const access_names[] = {
	[A_OUT] = "OUT", [A_IN] = "IN", [A_WRITE] = "WRITE", [A_READ] = "READ",
};

/* One access: compares it with the list, or gives it its data. */
static void take(struct machine *m, u8 kind, u64 addr, u8 len, void *data)
{
	const struct access *want = m->next;
	u64 v = 0;

	if (!m->left) {
		say_state(m);
		fail("unexpected access: %s", exit_text(m));
	}
	m->next++;
	m->left--;
	if (kind != want->kind || addr != want->addr || len != want->len) {
		say_state(m);
		fail("access %ld: %s(%#llx, %u), wanted %s(%#llx, %u)",
		     (long)(want - m->test->accesses), access_names[kind],
		     (unsigned long long)addr, len, access_names[want->kind],
		     (unsigned long long)want->addr, want->len);
	}
	if (kind == A_IN || kind == A_READ) {
		memcpy(data, &want->data, len);
		return;
	}
	memcpy(&v, data, len);
	if (v != want->data && want->data != ANY)
		fail("access %ld: %s(%#llx, %u) of %#llx, wanted %#llx",
		     (long)(want - m->test->accesses), access_names[kind],
		     (unsigned long long)addr, len, (unsigned long long)v,
		     (unsigned long long)want->data);
}

static void take_io(struct machine *m)
{
	struct kvm_run *r = m->run;
	u8 *data = (u8 *)r + r->io.data_offset;
	u32 i;

	for (i = 0; i < r->io.count; i++)
		take(m, r->io.direction == KVM_EXIT_IO_OUT ? A_OUT : A_IN,
		     r->io.port, r->io.size, data + i * r->io.size);
}

/* True at the guest's END. */
static bool one_exit(struct machine *m)
{
	struct kvm_run *r = m->run;

	switch (run_once(m)) {
	case KVM_EXIT_IO:
		if (r->io.port == PORT_END)
			return true;
		if (r->io.port == PORT_STEP && m->test->step)
			m->test->step(m, m->steps++);
		else if (r->io.port != PORT_BAD)
			take_io(m);
		else
			break;
		return false;
	case KVM_EXIT_MMIO:
		take(m, r->mmio.is_write ? A_WRITE : A_READ, r->mmio.phys_addr,
		     r->mmio.len, r->mmio.data);
		return false;
	}
	say_state(m);
	if (r->exit_reason == KVM_EXIT_IO)
		fail("an exception that the guest did not expect");
	fail("unexpected %s", exit_text(m));
}

void machine_run(struct machine *m)
{
	while (!one_exit(m))
		;
	if (m->left)
		fail("%u expected accesses did not come", m->left);
}
