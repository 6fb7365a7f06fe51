/* SPDX-License-Identifier: MIT */
/* Discovery: does this machine have AMD-V, may we use it, and with what? */
#include "svm.h"

#include "arch/insn.h"

struct svm_features svm_features;

#define EXT_SVM_LEAF		0x8000000a
#define L81_ECX_SVM		BIT(2)
#define L81_EDX_1G		BIT(26)
#define L81_EDX_RDTSCP		BIT(27)
#define L7_EBX_INVPCID		BIT(10)
#define LD1_EAX_XSAVES		BIT(3)
#define L1_ECX_OSXSAVE		BIT(27)
#define L1_ECX_HYPERVISOR	BIT(31)

/* CPUID 8000_000A EDX */
#define SVM_NP			BIT(0)
#define SVM_LOCK		BIT(2)
#define SVM_NRIPS		BIT(3)
#define SVM_CLEAN		BIT(5)
#define SVM_FLUSH_BY_ASID	BIT(6)
#define SVM_DECODE_ASSISTS	BIT(7)
#define SVM_PAUSE_FILTER	BIT(10)
#define SVM_PAUSE_THRESHOLD	BIT(12)

static bool is_vendor(const char name[12])
{
	u32 r[4], id[3];

	cpuid(0, 0, r);
	id[0] = r[1];
	id[1] = r[3];
	id[2] = r[2];
	return !__builtin_memcmp(id, name, 12);
}

static bool is_tcg(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] & L1_ECX_HYPERVISOR))
		return false;
	cpuid(0x40000000, 0, r);
	return !__builtin_memcmp(&r[1], "TCGTCGTCGTCG", 12);
}

/* APM2 "Enabling SVM". */
static const char *disabled_by_firmware(u32 edx)
{
	if (!(rdmsr(MSR_VM_CR) & VM_CR_SVMDIS))
		return NULL;
	if (edx & SVM_LOCK)
		return "AMD-V is disabled by the firmware and locked with a key "
		       "(VM_CR.SVMDIS): enable SVM in the firmware's set-up";
	return "AMD-V is disabled by the firmware (VM_CR.SVMDIS): enable SVM "
	       "in the firmware's set-up";
}

static const char *missing(u32 max_leaf, u32 edx)
{
	if (max_leaf < EXT_SVM_LEAF)
		return "this CPU has no CPUID leaf 8000_000A, which describes AMD-V";
	if (!(edx & SVM_NP))
		return "this CPU's AMD-V has no nested paging "
		       "(CPUID 8000_000A EDX.NP is 0): it is required";
	/* The nested tables have as many levels as the host's own. */
	if (read_cr4() & CR4_LA57)
		return "the host runs with 5-level paging (CR4.LA57), nested paging "
		       "then too: not supported, boot the host with no5lvl";
	return NULL;
}

/* CR4 bits, and the CPUID bit that says that the CPU has them. */
static const struct {
	u64 cr4;
	u32 leaf;
	u8 reg, bit;		/* EAX..EDX = 0..3 */
} cr4_bits[] = {
	{ CR4_VME | CR4_PVI, 1, 3, 1 }, { CR4_DE, 1, 3, 2 }, { CR4_PSE, 1, 3, 3 },
	{ CR4_PAE, 1, 3, 6 }, { CR4_MCE, 1, 3, 7 }, { CR4_PGE, 1, 3, 13 },
	{ CR4_OSFXSR, 1, 3, 24 }, { CR4_OSXMMEXCPT, 1, 3, 25 },
	{ CR4_PCIDE, 1, 2, 17 }, { CR4_OSXSAVE, 1, 2, 26 },
	{ CR4_FSGSBASE, 7, 1, 0 }, { CR4_SMEP, 7, 1, 7 }, { CR4_SMAP, 7, 1, 20 },
	{ CR4_UMIP, 7, 2, 2 }, { CR4_PKE, 7, 2, 3 }, { BIT(23) /* CET */, 7, 2, 7 },
	{ CR4_LA57, 7, 2, 16 },
};

static u64 known_cr4(u32 max_basic)
{
	u64 known = CR4_TSD | CR4_PCE;
	u32 r[4];
	unsigned i;

	for (i = 0; i < COUNT_OF(cr4_bits); i++) {
		if (cr4_bits[i].leaf > max_basic)
			continue;
		cpuid(cr4_bits[i].leaf, 0, r);
		if (r[cr4_bits[i].reg] & BIT(cr4_bits[i].bit))
			known |= cr4_bits[i].cr4;
	}
	return known;
}

static void read_features(const u32 leaf[4], struct backend_caps *caps)
{
	struct svm_features *f = &svm_features;
	u32 r[4];

	*f = (struct svm_features){ 0 };
	f->asids = leaf[1];
	f->nrips = leaf[3] & SVM_NRIPS;
	f->clean = leaf[3] & SVM_CLEAN ? CLEAN_ALL : 0;
	f->flush_by_asid = leaf[3] & SVM_FLUSH_BY_ASID;
	f->decode_assists = leaf[3] & SVM_DECODE_ASSISTS;
	f->pause_filter = leaf[3] & SVM_PAUSE_FILTER;
	f->pause_threshold = leaf[3] & SVM_PAUSE_THRESHOLD;
	f->tcg = is_tcg();
	cpuid(0x80000008, 0, r);
	f->phys_bits = r[0] & 0xff;

	*caps = (struct backend_caps){
		.unrestricted_guest = true,
		.s2_2m = true,
		.s2_accessed_dirty = true,
		.tpr_virtual = true,
		.nmi_window = true,
		.fast_strings = true,
	};
	cpuid(0x80000001, 0, r);
	caps->s2_1g = r[3] & L81_EDX_1G;
	caps->rdtscp = r[3] & L81_EDX_RDTSCP;
	cpuid(0, 0, r);
	f->cr4_valid = known_cr4(r[0]);
	if (r[0] >= 7) {
		cpuid(7, 0, r);
		caps->invpcid = r[1] & L7_EBX_INVPCID;
	}
	cpuid(1, 0, r);
	if (r[2] & L1_ECX_OSXSAVE) {
		cpuid(0xd, 1, r);
		f->xss = r[0] & LD1_EAX_XSAVES;
	}
}

int svm_probe(struct backend_caps *caps, const char **why)
{
	u32 r[4], max_leaf, leaf[4] = { 0 };

	*why = NULL;
	if (!is_vendor("AuthenticAMD") && !is_vendor("HygonGenuine"))
		return ERR_NOTSUP;
	cpuid(0x80000000, 0, r);
	max_leaf = r[0];
	cpuid(0x80000001, 0, r);
	if (!(r[2] & L81_ECX_SVM)) {
		*why = "this CPU has no AMD-V, or hides it (CPUID 8000_0001 ECX.SVM is 0)";
		return ERR_NOTSUP;
	}
	if (max_leaf >= EXT_SVM_LEAF)
		cpuid(EXT_SVM_LEAF, 0, leaf);
	*why = disabled_by_firmware(leaf[3]);
	if (!*why)
		*why = missing(max_leaf, leaf[3]);
	if (*why)
		return ERR_NOTSUP;
	if (rdmsr(MSR_EFER) & EFER_SVME) {
		*why = "AMD-V is in use (EFER.SVME is set): another hypervisor holds it, "
		       "such as kvm_amd with a running VM, or VirtualBox";
		return ERR_BUSY;
	}
	if (leaf[1] < 2) {
		*why = "this CPU has no ASID for guests (CPUID 8000_000A EBX)";
		return ERR_NOTSUP;
	}
	read_features(leaf, caps);
	return 0;
}
