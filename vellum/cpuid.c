/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "cpuid.h"

#define CPUID_BASE		0x0u
#define CPUID_FEATURES		0x1u
#define CPUID_TOPOLOGY		0xbu
#define CPUID_TSC		0x15u
#define CPUID_FREQUENCY		0x16u
#define CPUID_TOPOLOGY_V2	0x1fu
#define CPUID_HYPERVISOR	0x40000000u
#define CPUID_INTEL_EBX		0x756e6547u	/* "Genu" */
#define CPUID_1_EBX_APIC_ID	24
#define CPUID_1_EBX_LOGICAL	16
#define CPUID_1_ECX_DEADLINE	(1u << 24)
#define CPUID_1_ECX_HYPERVISOR	(1u << 31)
#define CPUID_1_EDX_HTT		(1u << 28)

/*
 * Topology: every vCPU a core of one package, APIC ID = index.  In leaves 0xb
 * and 0x1f sub-leaf 0 is the thread level, sub-leaf 1 the core level.
 */
static void fix_topology(struct kvm_cpuid_entry2 *l, unsigned int index,
			 unsigned int cpus)
{
	unsigned int shift = 0;

	while (1u << shift < cpus)
		shift++;
	l->edx = index;
	l->ecx = l->index;
	l->eax = l->ebx = 0;
	if (l->index == 0) {
		l->ecx |= 1u << 8;
		l->ebx = 1;
	} else if (l->index == 1) {
		l->ecx |= 2u << 8;
		l->eax = shift;
		l->ebx = cpus;
	}
}

static void fix_features(struct kvm_cpuid_entry2 *l,
			 const struct cpuid_config *c)
{
	l->ebx &= 0x0000ffffu;
	l->ebx |= c->index << CPUID_1_EBX_APIC_ID;
	l->ebx |= c->cpus << CPUID_1_EBX_LOGICAL;
	if (c->cpus > 1)
		l->edx |= CPUID_1_EDX_HTT;
	else
		l->edx &= ~CPUID_1_EDX_HTT;
	/* Told by a capability of its own, since the LAPIC does it. */
	if (c->tsc_deadline)
		l->ecx |= CPUID_1_ECX_DEADLINE;
}

static struct kvm_cpuid_entry2 *find_leaf(struct kvm_cpuid2 *t, uint32_t leaf)
{
	unsigned int i;

	for (i = 0; i < t->nent; i++)
		if (t->entries[i].function == leaf)
			return &t->entries[i];
	return NULL;
}

/*
 * The nominal rates in the table are the host CPU's: not the guest TSC's if
 * that is scaled, or if the host is itself emulated.  Leaf 0x16 with the right
 * rate spares an Intel guest the calibration by the PIT.  Leaf 0x15 stays
 * empty, since it also speaks of the LAPIC timer's clock.
 */
static void fix_frequency(struct kvm_cpuid2 *t, unsigned int tsc_khz)
{
	struct kvm_cpuid_entry2 *base = find_leaf(t, CPUID_BASE);
	struct kvm_cpuid_entry2 *l = find_leaf(t, CPUID_TSC);

	if (l)
		l->eax = l->ebx = l->ecx = l->edx = 0;
	l = find_leaf(t, CPUID_FREQUENCY);
	if (l)
		l->eax = l->ebx = l->ecx = l->edx = 0;
	if (!base || base->ebx != CPUID_INTEL_EBX || tsc_khz < 1000)
		return;
	if (!l) {
		l = &t->entries[t->nent++];	/* the spare one */
		memset(l, 0, sizeof(*l));
		l->function = CPUID_FREQUENCY;
	}
	l->eax = l->ebx = tsc_khz / 1000;
	if (base->eax < CPUID_FREQUENCY)
		base->eax = CPUID_FREQUENCY;
}

void cpuid_fix(struct kvm_cpuid2 *t, const struct cpuid_config *c)
{
	unsigned int i;

	fix_frequency(t, c->tsc_khz);
	for (i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *l = &t->entries[i];

		if (l->function == CPUID_FEATURES) {
			fix_features(l, c);
			if (find_leaf(t, CPUID_HYPERVISOR))
				l->ecx |= CPUID_1_ECX_HYPERVISOR;
		} else if (l->function == CPUID_TOPOLOGY ||
			   l->function == CPUID_TOPOLOGY_V2) {
			fix_topology(l, c->index, c->cpus);
		}
	}
}
