/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* VMX by hand: on and off, a VMCS filled from a state, one entry. */
#include "test.h"

#include "arch/insn.h"
#include "vmx/insn.h"

#define MSR_VMX_BASIC	0x480
#define FC_LOCK		BIT(0)
#define FC_VMX		BIT(2)
#define CPUID_VMX	BIT(5)
#define PAGES_GUEST	16
#define HOST_RIP_HERE	1	/* see states.c */

static bool cap_exists(const struct explain_state *s, unsigned i)
{
	bool secondary = s->cap[XCAP_PROC] >> 63;
	u64 proc2 = s->cap[XCAP_PROC2] >> 32;

	switch (i) {
	case XCAP_PROC2:
		return secondary;
	case XCAP_EPT_VPID:
		return secondary && (proc2 & (BIT(1) | BIT(5)));
	case XCAP_TRUE_PIN: case XCAP_TRUE_PROC: case XCAP_TRUE_EXIT: case XCAP_TRUE_ENTRY:
		return s->cap[XCAP_BASIC] & BIT(55);
	case XCAP_VMFUNC:
		return secondary && (proc2 & BIT(13));
	case XCAP_PROC3:
		return s->cap[XCAP_PROC] & BIT(32 + 17);
	case XCAP_EXIT2:
		return s->cap[XCAP_EXIT] >> 63;
	default:
		return true;
	}
}

/* A capability MSR that isn't there allows nothing: known to be 0. */
static void read_caps(struct explain_state *s)
{
	u32 r[4];
	unsigned i;

	for (i = 0; i < XCAP_COUNT; i++) {
		s->cap[i] = cap_exists(s, i) ? rdmsr(MSR_VMX_BASIC + i) : 0;
		s->cap_known |= BIT(i);
	}
	cpuid(0x80000008, 0, r);
	s->phys_bits = r[0] & 0xff;
	s->linear_bits = r[0] >> 8 & 0xff;
	s->host_long_mode = TRI_YES;
	s->in_smm = TRI_NO;
	s->vtpr_known = s->entry_msrs_known = true;
}

const char *machine_on(struct machine *m)
{
	u64 fc;
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] & CPUID_VMX))
		return "this CPU has no VT-x";
	fc = rdmsr(MSR_FEATURE_CONTROL);
	if ((fc & FC_LOCK) && !(fc & FC_VMX))
		return "VT-x is locked off by the firmware";
	if (!(fc & FC_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, fc | FC_LOCK | FC_VMX);
	read_caps(&m->caps);
	*(u32 *)m->va[PAGE_VMXON] = (u32)m->caps.cap[XCAP_BASIC] & 0x7fffffff;
	*(u32 *)m->va[PAGE_VMCS] = (u32)m->caps.cap[XCAP_BASIC] & 0x7fffffff;
	if (insn_vmxon(hphys(m->pa[PAGE_VMXON])) != VMX_SUCCEED)
		return "VMXON failed";
	return NULL;
}

void machine_off(struct machine *m)
{
	insn_vmclear(hphys(m->pa[PAGE_VMCS]));
	insn_vmxoff();
}

static void put64(struct machine *m, u64 gpa, u64 v)
{
	__builtin_memcpy(m->va[PAGE_GUEST + (gpa >> PG_SHIFT)] + (gpa & PG_OFFSET_MASK), &v, 8);
}

/* EPT maps guest pages 0 to 15; the guest's own tables its first 2 MiB one to one. */
void machine_guest_memory(struct machine *m, enum mutation_base base)
{
	u64 *ept4 = (u64 *)m->va[PAGE_EPT4], *ept3 = (u64 *)m->va[PAGE_EPT3];
	u64 *ept2 = (u64 *)m->va[PAGE_EPT2], *ept1 = (u64 *)m->va[PAGE_EPT1];
	unsigned i;

	ept4[0] = m->pa[PAGE_EPT3] | 7;
	ept3[0] = m->pa[PAGE_EPT2] | 7;
	ept2[0] = m->pa[PAGE_EPT1] | 7;
	for (i = 0; i < PAGES_GUEST; i++) {
		ept1[i] = m->pa[PAGE_GUEST + i] | 6 << 3 | 7;
		__builtin_memset(m->va[PAGE_GUEST + i], 0, PG_SIZE);
	}
	if (base == BASE_64) {
		put64(m, 0x2000, 0x3007);
		put64(m, 0x3000, 0x4007);
	}
	put64(m, 0x4000, 0x87);
	/* VMCALL exits whatever the mode and the controls. */
	put64(m, 0x7000, 0xc1010f);
	put64(m, 0, base == BASE_REAL ? 0xc1010f : 0);
}

/* -- The entry --------------------------------------------------------------------------- */

struct host_part {
	struct table_reg gdt, idt;
	u16 ds, es, fs, gs;
	u64 fs_base;
};

static void note_host(struct host_part *h)
{
	store_gdt(&h->gdt);
	store_idt(&h->idt);
	h->ds = read_ds();
	h->es = read_es();
	h->fs = read_fs();
	h->gs = read_gs();
	h->fs_base = rdmsr(MSR_FS_BASE);
}

/* SDM3 "Loading Host Segment and Descriptor-Table Registers": limits, selectors. */
static void restore_host(const struct host_part *h)
{
	u64 kernel_gs = rdmsr(MSR_KERNEL_GS_BASE);

	load_gdt(&h->gdt);
	load_idt(&h->idt);
	load_ds(h->ds);
	load_es(h->es);
	if (h->fs) {
		load_fs(h->fs);
		wrmsr(MSR_FS_BASE, h->fs_base);
	}
	if (h->gs) {
		load_gs_swapped(h->gs);
		wrmsr(MSR_KERNEL_GS_BASE, kernel_gs);
	}
	linux_tss_limit_lost();
}

/*
 * CF or ZF: VMfail; an exit clears both. The CPU comes back behind VMLAUNCH, whichever
 * it is; host_rip: unless a test has put another address into the field.
 */
static u64 kept_rbp;	/* not on the stack: objtool would take that for a frame */

static bool launch(bool host_rip)
{
	u64 where = host_rip;
	bool failed;

	__asm__ volatile(
		"mov %%rbp, %[kept]\n\t"
		"mov $0x6c14, %%eax\n\t"		/* host RSP */
		"vmwrite %%rsp, %%rax\n\t"
		"test %%rdx, %%rdx\n\t"
		"jz 1f\n\t"
		"lea 2f(%%rip), %%rdx\n\t"
		"mov $0x6c16, %%eax\n\t"		/* host RIP */
		"vmwrite %%rdx, %%rax\n"
		"1:\tvmlaunch\n"
		"2:\tsetbe %%al\n\t"
		"mov %[kept], %%rbp"
		: "=a"(failed), "+d"(where), [kept] "+m"(kept_rbp) : : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10",
		"r11", "r12", "r13", "r14", "r15", "cc", "memory");
	return !failed;
}

/* Fields that this CPU has not are left out; the state may not need them. */
static bool write_fields(const struct explain_state *s)
{
	unsigned i;

	for (i = 0; i < vmcs_field_count; i++) {
		u64 v = s->vmcs[i];

		if (!vmcs_fields[i].writable || !s->vmcs_known[i])
			continue;
		if (!insn_vmwrite(vmcs_fields[i].encoding, v) && v)
			return false;
	}
	return true;
}

static struct outcome read_outcome(bool entered)
{
	struct outcome o = { CPU_VMFAIL, 0, 0 };
	u64 v = 0;

	if (!entered) {
		insn_vmread_checked(VMCS_INSN_ERROR.encoding, &v);
		o.number = (u32)v;
		return o;
	}
	insn_vmread_checked(VMCS_EXIT_REASON.encoding, &v);
	insn_vmread_checked(VMCS_EXIT_QUALIFICATION.encoding, &o.qualification);
	o.kind = v >> 31 ? CPU_FAILED_ENTRY : CPU_RAN;
	o.number = (u32)v & 0xffff;
	return o;
}

static bool was_nmi(const struct outcome *o)
{
	u64 info = 0;

	insn_vmread_checked(VMCS_EXIT_INTR_INFO.encoding, &info);
	return o->kind == CPU_RAN && o->number == 0 && FIELD(info, 10, 8) == 2;
}

struct outcome machine_enter(struct machine *m, const struct explain_state *s)
{
	struct hphys vmcs = hphys(m->pa[PAGE_VMCS]);
	struct outcome o = { CPU_NO_FIELD, 0, 0 };
	u64 flags = irq_save();
	struct host_part host;

	insn_vmclear(vmcs);
	insn_vmptrld(vmcs);
	if (write_fields(s)) {
		u64 rip = 0;
		bool entered;

		explain_get(s, F_HOST_RIP, &rip);
		note_host(&host);
		entered = launch(rip == HOST_RIP_HERE);
		if (entered)
			restore_host(&host);
		o = read_outcome(entered);
		if (was_nmi(&o))
			linux_nmi();
	}
	insn_vmclear(vmcs);
	irq_restore(flags);
	return o;
}
