/* SPDX-License-Identifier: MIT */
/* vCPUs: how they look at power-on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acpi/tables.h"
#include "cpuid.h"
#include "machine.h"

#define CR0_PE		0x00000001ull
#define CR0_ET		0x00000010ull
#define CR0_NE		0x00000020ull
#define CR0_WP		0x00010000ull
#define CR0_PG		0x80000000ull
#define CR4_PAE		0x00000020ull
#define EFER_LME	0x00000100ull
#define EFER_LMA	0x00000400ull
#define RFLAGS_FIXED	0x2ull

#define SEG_DATA_RW	3	/* writable, accessed */
#define SEG_CODE_RX	11	/* readable, accessed */
#define SEG_TSS_BUSY	11
#define SEG_LDT		2

#define LAPIC_LVT_LINT0	0x350
#define LAPIC_LVT_LINT1	0x360
#define LVT_EXTINT	0x700u
#define LVT_NMI		0x400u
#define LVT_MODE	0x107ffu	/* vector, delivery mode, mask */

#define MSR_MISC_ENABLE		0x1a0u
#define MISC_ENABLE_FAST_STRING	1ull
#define MSR_MTRR_DEF_TYPE	0x2ffu
#define MTRR_ENABLED		0x800ull
#define MTRR_WRITE_BACK		6ull

static int set_cpuid(struct vcpu *c, struct vmm_error *e)
{
	struct cpuid_config config = {
		.index = c->v.index, .cpus = c->m->cfg->cpus,
		.tsc_khz = vmm_vcpu_tsc_khz(&c->v),
		.tsc_deadline = vmm_vm_cap(&c->m->vm,
					   KVM_CAP_TSC_DEADLINE_TIMER),
	};
	struct kvm_cpuid2 *t = vmm_accel_cpuid(c->m->vm.accel, CPUID_SPARE, e);
	int ret;

	if (!t)
		return -1;
	cpuid_fix(t, &config);
	ret = vmm_vcpu_set_cpuid(&c->v, t);
	free(t);
	if (ret)
		return vmm_fail(e, VMM_ERR_INTERNAL, "%s: KVM_SET_CPUID2: %s",
				c->m->vm.accel->path, strerror(-ret));
	return 0;
}

/* ---- registers ---- */

/* As firmware leaves it: LINT0 takes the PIC's interrupts, LINT1 NMIs. */
int vcpu_wire_lapic(struct vcpu *c, struct vmm_error *e)
{
	struct kvm_lapic_state l;
	uint32_t lint0, lint1;
	int ret;

	ret = vmm_vcpu_get_lapic(&c->v, &l);
	if (!ret) {
		memcpy(&lint0, l.regs + LAPIC_LVT_LINT0, 4);
		memcpy(&lint1, l.regs + LAPIC_LVT_LINT1, 4);
		lint0 = (lint0 & ~LVT_MODE) | LVT_EXTINT;
		lint1 = (lint1 & ~LVT_MODE) | LVT_NMI;
		memcpy(l.regs + LAPIC_LVT_LINT0, &lint0, 4);
		memcpy(l.regs + LAPIC_LVT_LINT1, &lint1, 4);
		ret = vmm_vcpu_set_lapic(&c->v, &l);
	}
	if (ret)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"%s: KVM_GET_LAPIC/KVM_SET_LAPIC: %s",
				c->m->vm.accel->path, strerror(-ret));
	return 0;
}

/*
 * What firmware would have set and Linux looks at: fast string operations,
 * and memory write-back by default.  Not every kernel side has these MSRs.
 */
static void set_msrs(struct vcpu *c)
{
	(void)vmm_vcpu_set_msr(&c->v, MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRING);
	(void)vmm_vcpu_set_msr(&c->v, MSR_MTRR_DEF_TYPE,
			       MTRR_ENABLED | MTRR_WRITE_BACK);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};
}

static struct kvm_segment real_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.base = (uint64_t)selector << 4, .limit = 0xffff,
		.selector = selector, .type = type, .present = 1, .s = 1,
	};
}

static void set_data_segments(struct kvm_sregs *s, struct kvm_segment data)
{
	s->ds = s->es = s->fs = s->gs = s->ss = data;
}

static void real_sregs(struct kvm_sregs *s, const struct boot_state *b)
{
	s->cs = real_segment(b->cs, SEG_CODE_RX);
	set_data_segments(s, real_segment(0, SEG_DATA_RW));
	s->tr = (struct kvm_segment){
		.limit = 0xffff, .type = SEG_TSS_BUSY, .present = 1,
	};
	s->idt = (struct kvm_dtable){ .base = 0, .limit = 0x3ff };
	s->gdt = (struct kvm_dtable){ .base = 0, .limit = 0xffff };
	s->cr0 = CR0_ET;
	s->cr3 = s->cr4 = s->efer = 0;
}

static void protected_sregs(struct kvm_sregs *s)
{
	s->cs = flat_segment(SEL_CODE32, SEG_CODE_RX);
	set_data_segments(s, flat_segment(SEL_DATA, SEG_DATA_RW));
	s->tr = (struct kvm_segment){
		.base = BOOT_TSS, .limit = BOOT_TSS_SIZE - 1,
		.selector = SEL_TSS, .type = SEG_TSS_BUSY, .present = 1,
	};
	s->gdt = (struct kvm_dtable){
		.base = BOOT_GDT, .limit = BOOT_GDT_SIZE - 1,
	};
	s->idt = (struct kvm_dtable){ .base = 0, .limit = 0 };
	s->cr0 = CR0_PE | CR0_ET;
	s->cr3 = s->cr4 = s->efer = 0;
}

static void long_sregs(struct kvm_sregs *s)
{
	protected_sregs(s);
	s->cs = flat_segment(SEL_CODE64, SEG_CODE_RX);
	s->cs.db = 0;
	s->cs.l = 1;
	s->cr0 |= CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = BOOT_PML4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

int vcpu_start_state(struct vcpu *c, const struct boot_state *b,
		     struct vmm_error *e)
{
	struct kvm_regs r = {
		.rip = b->rip, .rsp = b->rsp, .rsi = b->rsi, .rax = b->rax,
		.rbx = b->rbx, .rdi = b->rdi, .rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs s;
	int ret;

	ret = vmm_vcpu_get_sregs(&c->v, &s);
	if (!ret) {
		s.ldt = (struct kvm_segment){
			.type = SEG_LDT, .unusable = 1,
		};
		if (b->mode == MODE_REAL)
			real_sregs(&s, b);
		else if (b->mode == MODE_PROTECTED)
			protected_sregs(&s);
		else
			long_sregs(&s);
		ret = vmm_vcpu_set_sregs(&c->v, &s);
	}
	if (!ret)
		ret = vmm_vcpu_set_regs(&c->v, &r);
	if (ret)
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"%s: can't set the vCPU's registers: %s",
				c->m->vm.accel->path, strerror(-ret));
	return 0;
}

static int create_one(struct vcpu *c, struct machine *m, unsigned int index,
		      struct vmm_error *e)
{
	c->m = m;
	if (vmm_vcpu_create(&c->v, &m->vm, index, e))
		return -1;
	m->n_vcpus++;
	if (m->cfg->attach)
		return 0;
	if (set_cpuid(c, e) || vcpu_wire_lapic(c, e))
		return -1;
	set_msrs(c);
	/* All but the first wait for INIT and start-up IPIs, by reset. */
	return 0;
}

int vcpu_create(struct machine *m, struct vmm_error *e)
{
	unsigned int i, max = (unsigned int)vmm_vm_cap(&m->vm,
						       KVM_CAP_MAX_VCPUS);

	/* As the ABI has it: no answer means 4. */
	if (!max)
		max = 4;
	if (m->cfg->cpus > max)
		return vmm_fail(e, VMM_ERR_HOST,
				"--cpus %u: %s has at most %u vCPU%s per VM",
				m->cfg->cpus, m->vm.accel->path, max,
				max == 1 ? "" : "s");
	for (i = 0; i < m->cfg->cpus; i++)
		if (create_one(&m->vcpu[i], m, i, e))
			return -1;
	return 0;
}
