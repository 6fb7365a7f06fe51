/* SPDX-License-Identifier: MIT */
/* MSRs that exit: those of the engine, then the back end's, then #GP. */
#include "../vmm.h"

#include "arch/insn.h"
#include "../core/regs.h"

#define MTRR_VAR_COUNT	8
#define MTRRCAP		(MTRR_VAR_COUNT | BIT(8) /* fixed */ | BIT(10) /* WC */)

/* AMD's, read as zero and written without effect: firmware set-up that kernels touch. */
#define MSR_SYSCFG	0xc0010010
#define MSR_HWCR	0xc0010015
#define MSR_NB_CFG	0xc001001f
#define MSR_VM_CR	0xc0010114
#define MSR_DE_CFG	0xc0011029
#define MSR_INT_PENDING	0xc0010055
#define MSR_BU_CFG2	0xc001102a

static const u32 ignored[] = {
	MSR_PLATFORM_ID, MSR_MCG_CAP, MSR_MCG_STATUS, MSR_SYSCFG, MSR_HWCR, MSR_NB_CFG,
	MSR_VM_CR, MSR_DE_CFG, MSR_INT_PENDING, MSR_BU_CFG2,
};

const u32 x86_saved_msrs[] = {
	MSR_TSC, MSR_TSC_ADJUST, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	MSR_PAT, MSR_MISC_ENABLE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_TSC_DEADLINE, MSR_XSS, MSR_MTRR_DEFTYPE,
};
const unsigned x86_saved_msr_count = COUNT_OF(x86_saved_msrs);

/* Where an MTRR's value is kept, or NULL. SDM3 "IA32_MTRR_PHYSBASEn", "Fixed Range". */
static u64 *mtrr(struct vcpu *v, u32 msr)
{
	if (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * MTRR_VAR_COUNT)
		return &v->mtrr_var[msr - MSR_MTRR_PHYSBASE0];
	switch (msr) {
	case 0x250: return &v->mtrr_fixed[0];
	case 0x258: case 0x259: return &v->mtrr_fixed[1 + msr - 0x258];
	case 0x268 ... 0x26f: return &v->mtrr_fixed[3 + msr - 0x268];
	case MSR_MTRR_DEFTYPE: return &v->mtrr_deftype;
	default: return NULL;
	}
}

static bool is_ignored(u32 msr)
{
	unsigned i;

	for (i = 0; i < COUNT_OF(ignored); i++)
		if (ignored[i] == msr)
			return true;
	/* Machine-check banks: none, but they are read blindly. */
	return msr >= 0x400 && msr < 0x420;
}

int x86_get_msr(struct vcpu *v, u32 msr, u64 *val, bool host)
{
	u64 *p;

	switch (msr) {
	case MSR_EFER:
		backend->sync_crs(v);
		*val = v->efer;
		return 0;
	case MSR_TSC: *val = rdtsc() + v->tsc_offset; return 0;
	case MSR_TSC_ADJUST: *val = v->tsc_adjust; return 0;
	case MSR_APIC_BASE: *val = v->apic_base; return 0;
	case MSR_FEATURE_CONTROL: *val = 1; return 0;
	case MSR_MTRRCAP: *val = MTRRCAP; return 0;
	case MSR_PAT: *val = v->pat; return 0;
	case MSR_MISC_ENABLE: *val = v->misc_enable; return 0;
	case MSR_BIOS_SIGN_ID: *val = 1ull << 32; return 0;
	case MSR_XSS: *val = v->xss; return 0;
	case MSR_TSC_DEADLINE:
		*val = v->lapic ? lapic_get_deadline(v->lapic) : 0;
		return 0;
	case MSR_X2APIC_BASE ... MSR_X2APIC_BASE + 0xff:
		if (!v->lapic || (!host && !(v->apic_base & APIC_BASE_X2APIC)))
			return ERR_INVAL;
		return lapic_msr_read(v->lapic, msr, val);
	default:
		break;
	}
	if (backend->get_msr(v, msr, val))
		return 0;
	p = mtrr(v, msr);
	if (p || is_ignored(msr)) {
		*val = p ? *p : 0;
		return 0;
	}
	return ERR_INVAL;
}

/* The guest's TSC jumps: so does what a deadline means in host time. */
static void move_tsc(struct vcpu *v, u64 offset)
{
	v->tsc_adjust += offset - v->tsc_offset;
	v->tsc_offset = offset;
	backend->set_tsc_offset(v, offset);
	if (v->lapic)
		lapic_tsc_changed(v->lapic);
}

static bool pat_valid(u64 pat)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		u8 type = pat >> (8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int set_pat(struct vcpu *v, u64 val)
{
	if (!pat_valid(val))
		return ERR_INVAL;
	v->pat = val;
	backend->set_msr(v, MSR_PAT, val);
	return 0;
}

/* The address can't be moved: nothing but the mode may change. */
static int set_apic_base(struct vcpu *v, u64 val, bool host)
{
	u64 reserved = BITS(63, 46) | BITS(7, 0) | BIT(9);

	if (!v->lapic) {
		v->apic_base = val;
		return 0;
	}
	if (!host && (val & reserved))
		return ERR_INVAL;
	return lapic_set_base(v->lapic, val, host);
}

/* SDM2 "WRMSR": these hold linear addresses. */
static bool holds_address(u32 msr)
{
	switch (msr) {
	case MSR_LSTAR: case MSR_CSTAR: case MSR_FS_BASE: case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE: case MSR_SYSENTER_ESP: case MSR_SYSENTER_EIP:
		return true;
	default:
		return false;
	}
}

static bool is_canonical(u64 val)
{
	return (u64)((s64)(val << 16) >> 16) == val;
}

/* Those that the back end keeps, MTRRs, and what may be written without effect. */
static int set_other(struct vcpu *v, u32 msr, u64 val)
{
	u64 *p;

	if (holds_address(msr) && !is_canonical(val))
		return ERR_INVAL;
	if (msr == MSR_TSC_AUX && val >> 32)
		return ERR_INVAL;
	if (backend->set_msr(v, msr, val))
		return 0;
	p = mtrr(v, msr);
	if (p)
		*p = val;
	return p || is_ignored(msr) ? 0 : ERR_INVAL;
}

int x86_set_msr(struct vcpu *v, u32 msr, u64 val, bool host)
{

	switch (msr) {
	case MSR_EFER:
		if (host)
			val |= v->efer & EFER_LMA;
		return x86_set_efer(v, val);
	case MSR_TSC: move_tsc(v, val - rdtsc()); return 0;
	case MSR_TSC_ADJUST: move_tsc(v, v->tsc_offset + val - v->tsc_adjust); return 0;
	case MSR_APIC_BASE: return set_apic_base(v, val, host);
	case MSR_FEATURE_CONTROL: return host && val == 1 ? 0 : ERR_INVAL;
	case MSR_PAT: return set_pat(v, val);
	case MSR_MISC_ENABLE: v->misc_enable = val; return 0;
	case MSR_BIOS_SIGN_ID: return 0;
	case MSR_XSS:
		return val ? ERR_INVAL : 0;
	case MSR_TSC_DEADLINE:
		if (!v->lapic)
			return ERR_INVAL;
		lapic_set_deadline(v->lapic, val);
		return 0;
	case MSR_X2APIC_BASE ... MSR_X2APIC_BASE + 0xff:
		if (!v->lapic || (!host && !(v->apic_base & APIC_BASE_X2APIC)))
			return ERR_INVAL;
		return lapic_msr_write(v->lapic, msr, val);
	case MSR_MTRRCAP: return ERR_INVAL;
	default: return set_other(v, msr, val);
	}
}

static enum exit_action rdmsr_gives(struct vcpu *v, u64 val)
{
	v->gpr[GPR_RAX] = (u32)val;
	v->gpr[GPR_RDX] = val >> 32;
	return ACT_NEXT;
}

static __attribute__((__noinline__)) enum exit_action rdmsr_other(struct vcpu *v, u32 msr)
{
	u64 val;

	if (UNLIKELY(x86_get_msr(v, msr, &val, false))) {
		vcpu_raise_error(v, VEC_GP, 0);
		return ACT_RESUME;
	}
	return rdmsr_gives(v, val);
}

/* Those that are read all the time, and are plain variables, come first. */
enum exit_action x86_exit_rdmsr(struct vcpu *v)
{
	u32 msr = v->gpr[GPR_RCX];

	if (msr == MSR_APIC_BASE)
		return rdmsr_gives(v, v->apic_base);
	if (msr == MSR_TSC)
		return rdmsr_gives(v, rdtsc() + v->tsc_offset);
	return rdmsr_other(v, msr);
}

enum exit_action x86_exit_wrmsr(struct vcpu *v)
{
	u64 val = v->gpr[GPR_RDX] << 32 | (u32)v->gpr[GPR_RAX];
	u32 msr = v->gpr[GPR_RCX];
	int rc;

	/* The frequent ones: EOI and ICR; lapic_msr_write() knows its mode. */
	if (msr - MSR_X2APIC_BASE <= 0xff && v->lapic)
		rc = lapic_msr_write(v->lapic, msr, val);
	else
		rc = x86_set_msr(v, msr, val, false);
	if (UNLIKELY(rc)) {
		vcpu_raise_error(v, VEC_GP, 0);
		return ACT_RESUME;
	}
	return ACT_NEXT;
}
