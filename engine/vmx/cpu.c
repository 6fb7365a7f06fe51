/* SPDX-License-Identifier: MIT */
/* VMX operation on and off, CPU by CPU. */
#include "vmx.h"

#define FC_LOCK		BIT(0)
#define FC_VMX		BIT(2)
#define CPUID_XSAVES	BIT(3)	/* leaf 0xd, index 1, EAX */
#define CPUID_RDTSCP	BIT(27)	/* leaf 0x80000001, EDX */

struct vmx_cpu *vmx_cpus[VMX_CPUS];

int vmx_cpu_prepare(unsigned cpu)
{
	struct vmx_cpu *c;

	if (cpu >= VMX_CPUS)
		return ERR_NOSPC;
	if (vmx_cpus[cpu])
		return 0;
	c = host_alloc(sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->vmxon = host_page_alloc(vmx.low_memory);
	if (!c->vmxon) {
		host_free(c);
		return ERR_NOMEM;
	}
	c->vmxon->revision = vmx.revision;
	vmx_cpus[cpu] = c;
	return 0;
}

void vmx_cpus_free(void)
{
	unsigned cpu;

	for (cpu = 0; cpu < VMX_CPUS; cpu++) {
		if (!vmx_cpus[cpu])
			continue;
		host_page_free(vmx_cpus[cpu]->vmxon);
		host_free(vmx_cpus[cpu]);
		vmx_cpus[cpu] = NULL;
	}
}

/* A TSS descriptor takes two GDT entries: SDM3 "TSS Descriptor in 64-bit mode". */
u64 vmx_tr_base(const struct table_reg *gdt, u16 tr)
{
	const u64 *d = (const u64 *)(uintptr_t)(gdt->base + (tr & ~7u));

	if ((tr & ~7u) + 15u > gdt->limit)
		return 0;
	return FIELD(d[0], 39, 16) | FIELD(d[0], 63, 56) << 24 | FIELD(d[1], 31, 0) << 32;
}

static bool cpuid_bit(u32 leaf, u32 index, unsigned reg, u64 bit)
{
	u32 r[4];

	cpuid(leaf & 0x80000000u, 0, r);
	if (r[0] < leaf)
		return false;
	cpuid(leaf, index, r);
	return r[reg] & bit;
}

static void note_host_state(struct vmx_cpu *c)
{
	c->cs = read_cs();
	c->ss = read_ss();
	c->tr = read_tr();
	store_gdt(&c->gdt);
	store_idt(&c->idt);
	c->tr_base = vmx_tr_base(&c->gdt, c->tr);
	c->sysenter_cs = rdmsr(MSR_SYSENTER_CS);
	c->sysenter_esp = rdmsr(MSR_SYSENTER_ESP);
	c->sysenter_eip = rdmsr(MSR_SYSENTER_EIP);
	c->efer = rdmsr(MSR_EFER);
	c->pat = rdmsr(MSR_PAT);
	c->star = rdmsr(MSR_STAR);
	c->lstar = rdmsr(MSR_LSTAR);
	c->sfmask = rdmsr(MSR_SYSCALL_MASK);
	c->tsc_aux = cpuid_bit(0x80000001, 0, 3, CPUID_RDTSCP) ? rdmsr(MSR_TSC_AUX) : 0;
	c->xss = cpuid_bit(0xd, 1, 0, CPUID_XSAVES) ? rdmsr(MSR_XSS) : 0;
}

/* SDM3 "Restrictions on VMX Operation": VMXON faults where these don't hold. */
static bool fixed_bits_hold(u64 reg, enum vmx_cap_msr fixed0, enum vmx_cap_msr fixed1)
{
	return (reg & vmx.msr[fixed0]) == vmx.msr[fixed0] && !(reg & ~vmx.msr[fixed1]);
}

int vmx_cpu_enable(void)
{
	struct vmx_cpu *c = vmx_cpus[host_cpu()];
	u64 fc = rdmsr(MSR_FEATURE_CONTROL);
	const char *why;

	if (!c)
		return ERR_NOMEM;
	if (c->on)
		return 0;
	if (read_cr4() & CR4_VMXE)
		return ERR_BUSY;
	if (vmx_check_feature_control(fc, &why)) {
		host_log(LOG_ERROR, "CPU %u: %s", host_cpu(), why);
		return ERR_NOTSUP;
	}
	if (!(fc & FC_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, fc | FC_LOCK | FC_VMX);
	host_cr4_update(CR4_VMXE, 0);
	if (!fixed_bits_hold(read_cr0(), CAP_CR0_FIXED0, CAP_CR0_FIXED1) ||
	    !fixed_bits_hold(read_cr4(), CAP_CR4_FIXED0, CAP_CR4_FIXED1) ||
	    insn_vmxon(host_phys(c->vmxon)) != VMX_SUCCEED) {
		host_log(LOG_ERROR, "CPU %u: VMXON failed (CR0 %llx, CR4 %llx)", host_cpu(),
			 (unsigned long long)read_cr0(), (unsigned long long)read_cr4());
		host_cr4_update(0, CR4_VMXE);
		return ERR_IO;
	}
	c->on = true;
	c->loaded = c->current = NULL;
	note_host_state(c);
	/* Translations that an earlier user of VMX left behind. */
	insn_invept(2, 0);
	return 0;
}

void vmx_cpu_disable(void)
{
	struct vmx_cpu *c = vmx_cpus[host_cpu()];

	if (!c || !c->on)
		return;
	while (c->loaded) {
		struct vmcs *m = c->loaded;

		insn_vmclear(m->pa);
		c->loaded = m->next;
		m->launched = 0;
		STORE(&m->loaded_on, -1);
	}
	c->current = NULL;
	insn_vmxoff();
	host_cr4_update(0, CR4_VMXE);
	c->on = false;
}
