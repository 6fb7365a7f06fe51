/* SPDX-License-Identifier: MIT */
/*
 * CPUID: what the engine can offer (the host's answer, masked by the tables
 * below), and what a vCPU was given by user space.
 */
#include "../vmm.h"

#include "arch/insn.h"
#include "../core/regs.h"

#define FLAG_INDEX	1	/* KVM_CPUID_FLAG_SIGNIFCANT_INDEX */

#define L1_ECX_X2APIC		BIT(21)
#define L1_ECX_TSC_DEADLINE	BIT(24)
#define L1_ECX_XSAVE		BIT(26)
#define L1_ECX_OSXSAVE		BIT(27)
#define L1_ECX_HYPERVISOR	BIT(31)
#define L1_EDX_APIC		BIT(9)
#define L7_EBX_ERMS		BIT(9)
#define L7_EBX_INVPCID		BIT(10)
#define L7_ECX_RDPID		BIT(22)
#define LD1_EAX_XSAVES		BIT(3)
#define L81_EDX_RDTSCP		BIT(27)

/* XCR0 components that guests may use: x87, SSE, AVX, AVX-512. */
#define XCR0_OFFERED	(BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7))

/* Leaf 1 ECX: SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE
 * AVX F16C RDRAND. */
#define L1_ECX_PASSED	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | \
			 BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(26) | \
			 BIT(28) | BIT(29) | BIT(30))
/* Leaf 1 EDX: all up to SSE2 except DS, ACPI and PSN; no HTT, TM, PBE. */
#define L1_EDX_PASSED	(BITS(17, 0) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
/* Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512F DQ RDSEED ADX SMAP
 * IFMA CLFLUSHOPT CLWB CD SHA BW VL. */
#define L7_EBX_PASSED	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | \
			 BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | \
			 BIT(23) | BIT(24) | BIT(28) | BIT(29) | BIT(30) | BIT(31))
/* Leaf 7 ECX: VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ RDPID. */
#define L7_ECX_PASSED	(BIT(1) | BIT(2) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | \
			 BIT(12) | BIT(14) | BIT(22))
/* Leaf 8000_0001 ECX: LAHF ABM SSE4A MISALIGNSSE PREFETCHW; EDX: as leaf 1 plus
 * SYSCALL NX 1G-pages RDTSCP LM, FFXSR left out. */
#define L81_ECX_PASSED	(BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define L81_EDX_PASSED	(BITS(9, 0) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(15) | \
			 BIT(16) | BIT(17) | BIT(20) | BIT(22) | BIT(23) | BIT(24) | \
			 BIT(26) | BIT(27) | BIT(29))

static void host_leaf(u32 function, u32 index, struct cpuid_leaf *l)
{
	u32 r[4];

	cpuid(function, index, r);
	*l = (struct cpuid_leaf){
		.function = function, .index = index,
		.eax = r[0], .ebx = r[1], .ecx = r[2], .edx = r[3],
	};
}

static void mask_leaf_1(struct cpuid_leaf *l)
{
	l->ecx = (l->ecx & L1_ECX_PASSED) | L1_ECX_X2APIC | L1_ECX_TSC_DEADLINE |
		 L1_ECX_HYPERVISOR;
	l->edx = (l->edx & L1_EDX_PASSED) | L1_EDX_APIC;
	l->ebx &= BITS(15, 8);		/* CLFLUSH size; APIC ID is user space's */
	l->ebx |= 1u << 16;
	if (!host_xcr0())
		l->ecx &= ~(u32)L1_ECX_XSAVE;
}

static void mask_leaf_7(struct cpuid_leaf *l)
{
	if (l->index) {
		*l = (struct cpuid_leaf){ .function = 7, .index = l->index };
		return;
	}
	l->eax = 0;
	l->ebx &= L7_EBX_PASSED;
	l->ecx &= L7_ECX_PASSED;
	l->edx = 0;
	if (!backend_caps.invpcid)
		l->ebx &= ~(u32)L7_EBX_INVPCID;
	/*
	 * CPUID has it whether fast strings are on or not. A guest that trusts it
	 * where they are off clears and copies its memory byte by byte.
	 */
	if (!backend_caps.fast_strings)
		l->ebx &= ~(u32)L7_EBX_ERMS;
	if (!backend_caps.rdtscp)
		l->ecx &= ~(u32)L7_ECX_RDPID;
}

static void mask_leaf_d(struct cpuid_leaf *l)
{
	u64 offered = x86_xcr0_offered();

	if (l->index == 0) {
		l->eax &= offered;
		l->edx = 0;
	} else if (l->index == 1) {
		l->eax &= BIT(0) | BIT(1) | BIT(2);
		if (!backend_caps.xsaves)
			l->eax &= ~(u32)LD1_EAX_XSAVES;
		l->ebx = l->ecx = l->edx = 0;
	} else if (l->index > 31 || !(offered & BIT(l->index))) {
		*l = (struct cpuid_leaf){ .function = 0xd, .index = l->index };
	}
}

static void mask_leaf(struct cpuid_leaf *l)
{
	switch (l->function) {
	case 0x1: mask_leaf_1(l); break;
	case 0x7: mask_leaf_7(l); break;
	case 0xd: mask_leaf_d(l); break;
	case 0x80000001:
		l->ecx &= L81_ECX_PASSED;
		l->edx &= L81_EDX_PASSED;
		if (!backend_caps.rdtscp)
			l->edx &= ~(u32)L81_EDX_RDTSCP;
		break;
	case 0x80000007: l->eax = l->ebx = l->ecx = 0; l->edx &= BIT(8); break;
	case 0x80000008: l->eax &= BITS(15, 0); l->ebx = l->ecx = l->edx = 0; break;
	default: break;
	}
}

struct leaf_list {
	struct cpuid_leaf *out;
	unsigned n, max;
};

static void add(struct leaf_list *list, const struct cpuid_leaf *l)
{
	if (list->n < list->max)
		list->out[list->n] = *l;
	list->n++;
}

static void add_host(struct leaf_list *list, u32 function, u32 index, u32 flags)
{
	struct cpuid_leaf l;

	host_leaf(function, index, &l);
	mask_leaf(&l);
	l.flags = flags;
	add(list, &l);
}

/* Which leaves are passed on, and up to which sub-leaf. */
static const struct {
	u32 function;
	u32 last_index;
} passed[] = {
	{ 0x1, 0 }, { 0x2, 0 }, { 0x4, 3 }, { 0x6, 0 }, { 0x7, 0 }, { 0xb, 1 },
	{ 0xd, 7 },
};

/* Leaves that describe what a guest must not rely on are answered with zeros. */
static bool is_blank(u32 function)
{
	return function == 0x6 || function == 0xb;
}

static void add_basic(struct leaf_list *list, u32 max)
{
	unsigned i;
	u32 index;

	for (i = 0; i < COUNT_OF(passed); i++) {
		u32 last = passed[i].last_index;

		if (passed[i].function > max)
			break;
		for (index = 0; index <= last; index++) {
			struct cpuid_leaf blank = {
				.function = passed[i].function, .index = index,
				.flags = last ? FLAG_INDEX : 0,
			};

			if (is_blank(passed[i].function))
				add(list, &blank);
			else
				add_host(list, passed[i].function, index, blank.flags);
		}
	}
}

/*
 * The hypervisor leaves name the guest ABI that Linux knows from the KVM ABI's
 * own documentation, with no paravirtual feature: what a guest gains is that it
 * trusts x2APIC without interrupt remapping.
 */
static void add_hypervisor(struct leaf_list *list)
{
	struct cpuid_leaf sig = {
		.function = 0x40000000, .eax = 0x40000001,
		.ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d,
	};
	struct cpuid_leaf features = { .function = 0x40000001 };

	add(list, &sig);
	add(list, &features);
}

int x86_supported_cpuid(struct cpuid_leaf *out, unsigned max)
{
	struct leaf_list list = { out, 0, max };
	struct cpuid_leaf top;
	u32 f;

	host_leaf(0, 0, &top);
	if (top.eax > 0xd)
		top.eax = 0xd;
	add(&list, &top);
	add_basic(&list, top.eax);
	add_hypervisor(&list);
	host_leaf(0x80000000, 0, &top);
	if (top.eax > 0x80000008)
		top.eax = 0x80000008;
	add(&list, &top);
	for (f = 0x80000001; f <= top.eax; f++)
		add_host(&list, f, 0, 0);
	return list.n > max ? ERR_2BIG : (int)list.n;
}

/*
 * Where the search for a function starts: exact for the first functions of the
 * basic and the extended range, which guests ask for a million times.
 */
static u32 first_candidate(struct vcpu *v, u32 function)
{
	u32 low = function & ~0x80000000u;

	return low < CPUID_FIRST ? v->cpuid_first[function >> 31][low] : 0;
}

/* Has leaf i no sub-leaves, and nothing that a register of the guest's decides? */
static bool is_plain(const struct vcpu *v, u32 i)
{
	return i < v->cpuid_count && v->cpuid[i].function != 1 &&
	       !(v->cpuid[i].flags & FLAG_INDEX);
}

static void index_leaves(struct vcpu *v)
{
	u32 range, low, i;

	for (range = 0; range < 2; range++)
		for (low = 0; low < CPUID_FIRST; low++) {
			for (i = 0; i < v->cpuid_count; i++)
				if (v->cpuid[i].function == (range << 31 | low))
					break;
			v->cpuid_first[range][low] = i;
			v->cpuid_plain[range][low] = is_plain(v, i) ? &v->cpuid[i] : NULL;
		}
}

static const struct cpuid_leaf *find(struct vcpu *v, u32 function, u32 index)
{
	u32 i;

	for (i = first_candidate(v, function); i < v->cpuid_count; i++) {
		const struct cpuid_leaf *l = &v->cpuid[i];

		if (l->function == function &&
		    (!(l->flags & FLAG_INDEX) || l->index == index))
			return l;
	}
	return NULL;
}

/* Beyond the last basic leaf Intel CPUs answer with that leaf's data. */
static const struct cpuid_leaf *find_or_last(struct vcpu *v, u32 function, u32 index)
{
	const struct cpuid_leaf *l = find(v, function, index), *top;

	if (l || function >= 0x40000000)
		return l;
	top = find(v, 0, 0);
	if (!top || function <= top->eax || top->ebx != 0x756e6547 /* "Genu" */)
		return NULL;
	return find(v, top->eax, index);
}

/* Bytes of the XSAVE area with the components in xcr0, standard format. */
static u32 xsave_size(struct vcpu *v, u64 xcr0)
{
	u32 i, size = 576;

	for (i = 2; i < 32; i++) {
		const struct cpuid_leaf *l;

		if (!(xcr0 & BIT(i)))
			continue;
		l = find(v, 0xd, i);
		if (l && l->ebx + l->eax > size)
			size = l->ebx + l->eax;
	}
	return size;
}

void x86_cpuid(struct vcpu *v, u32 function, u32 index, u32 out[4])
{
	const struct cpuid_leaf *l = find_or_last(v, function, index);

	if (!l) {
		out[0] = out[1] = out[2] = out[3] = 0;
		return;
	}
	out[0] = l->eax;
	out[1] = l->ebx;
	out[2] = l->ecx;
	out[3] = l->edx;
	if (l->function == 1) {
		if (!(v->apic_base & APIC_BASE_ENABLE) && v->lapic)
			out[3] &= ~(u32)L1_EDX_APIC;
		out[2] &= ~(u32)L1_ECX_OSXSAVE;
		if (v->cr4 & CR4_OSXSAVE)
			out[2] |= L1_ECX_OSXSAVE;
	} else if (l->function == 0xd && l->index == 0) {
		out[1] = xsave_size(v, v->xcr0);
	}
}

bool x86_cpuid_has(struct vcpu *v, u32 function, u32 index, unsigned reg, unsigned bit)
{
	const struct cpuid_leaf *l = find(v, function, index);
	u32 r;

	if (!l)
		return false;
	r = reg == 0 ? l->eax : reg == 1 ? l->ebx : reg == 2 ? l->ecx : l->edx;
	return r & BIT(bit);
}

/* CR4 bits and the CPUID bit that makes each of them legal. */
static const struct {
	u64 bit;
	u32 function;
	u8 reg, cpuid_bit;
} cr4_features[] = {
	{ CR4_VME | CR4_PVI, 1, 3, 1 }, { CR4_TSD, 1, 3, 4 }, { CR4_DE, 1, 3, 2 },
	{ CR4_PSE, 1, 3, 3 }, { CR4_PAE, 1, 3, 6 }, { CR4_MCE, 1, 3, 7 },
	{ CR4_PGE, 1, 3, 13 }, { CR4_OSFXSR, 1, 3, 24 }, { CR4_OSXMMEXCPT, 1, 3, 25 },
	{ CR4_UMIP, 7, 2, 2 }, { CR4_FSGSBASE, 7, 1, 0 }, { CR4_PCIDE, 1, 2, 17 },
	{ CR4_OSXSAVE, 1, 2, 26 }, { CR4_SMEP, 7, 1, 7 }, { CR4_SMAP, 7, 1, 20 },
};

u64 x86_xcr0_offered(void)
{
	return XCR0_OFFERED & host_xcr0();
}

unsigned x86_phys_bits(struct vcpu *v)
{
	const struct cpuid_leaf *l = find(v, 0x80000008, 0);
	unsigned bits = l ? l->eax & 0xff : 52;

	return bits < 32 || bits > 52 ? 52 : bits;
}

/* A vCPU without any CPUID may do what the engine knows: small clients set none. */
static bool allowed(struct vcpu *v, u32 function, unsigned reg, unsigned bit)
{
	return !v->cpuid_count || x86_cpuid_has(v, function, 0, reg, bit);
}

void x86_cpuid_limits(struct vcpu *v)
{
	unsigned i;

	v->guest_cr4_reserved = ~CR4_PCE;
	for (i = 0; i < COUNT_OF(cr4_features); i++)
		if (allowed(v, cr4_features[i].function, cr4_features[i].reg,
			    cr4_features[i].cpuid_bit))
			v->guest_cr4_reserved &= ~cr4_features[i].bit;
	/* Whatever CPUID says: the host could not load the guest's XCR0. */
	if (!host_xcr0())
		v->guest_cr4_reserved |= CR4_OSXSAVE;
	v->guest_efer_valid = 0;
	if (allowed(v, 0x80000001, 3, 11))
		v->guest_efer_valid |= EFER_SCE;
	if (allowed(v, 0x80000001, 3, 20))
		v->guest_efer_valid |= EFER_NXE;
	if (allowed(v, 0x80000001, 3, 29))
		v->guest_efer_valid |= EFER_LME | EFER_LMA;
}

int vcpu_set_cpuid(struct vcpu *v, const struct cpuid_leaf *l, unsigned n)
{
	unsigned i;

	if (n > CPUID_MAX)
		return ERR_2BIG;
	for (i = 0; i < n; i++)
		v->cpuid[i] = l[i];
	v->cpuid_count = n;
	index_leaves(v);
	x86_cpuid_limits(v);
	backend->cpuid_changed(v);
	return 0;
}

static __attribute__((__noinline__)) enum exit_action cpuid_other(struct vcpu *v)
{
	u32 out[4];

	x86_cpuid(v, v->gpr[GPR_RAX], v->gpr[GPR_RCX], out);
	v->gpr[GPR_RAX] = out[0];
	v->gpr[GPR_RBX] = out[1];
	v->gpr[GPR_RCX] = out[2];
	v->gpr[GPR_RDX] = out[3];
	return ACT_NEXT;
}

enum exit_action x86_exit_cpuid(struct vcpu *v)
{
	u32 function = v->gpr[GPR_RAX], low = function & ~0x80000000u;
	const struct cpuid_leaf *l;

	if (UNLIKELY(low >= CPUID_FIRST))
		return cpuid_other(v);
	l = v->cpuid_plain[function >> 31][low];
	if (UNLIKELY(!l))
		return cpuid_other(v);
	v->gpr[GPR_RAX] = l->eax;
	v->gpr[GPR_RBX] = l->ebx;
	v->gpr[GPR_RCX] = l->ecx;
	v->gpr[GPR_RDX] = l->edx;
	return ACT_NEXT;
}
