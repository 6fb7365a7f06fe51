/* SPDX-License-Identifier: MIT */
/* Control registers, EFER, XCR0: what a guest may write, and what follows. */
#include "../vmm.h"

#include "../core/regs.h"
#include "emulate.h"

#define CR0_DEFINED (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | \
		     CR0_AM | CR0_NW | CR0_CD | CR0_PG)

static bool in_64bit_mode(struct vcpu *v)
{
	struct x86_seg cs;

	if (!(v->efer & EFER_LMA))
		return false;
	backend->get_seg(v, SEG_CS, &cs);
	return cs.ar & AR_L;
}

/* Entering and leaving IA-32e mode: SDM3 "Initializing IA-32e Mode". */
static int update_lma(struct vcpu *v, u64 old, u64 cr0)
{
	struct x86_seg cs;

	if (!((old ^ cr0) & CR0_PG))
		return 0;
	if (!(cr0 & CR0_PG)) {
		if (v->efer & EFER_LMA)
			backend->set_efer(v, v->efer & ~EFER_LMA);
		return 0;
	}
	if (!(v->efer & EFER_LME))
		return 0;
	backend->get_seg(v, SEG_CS, &cs);
	if (!(v->cr4 & CR4_PAE) || (cs.ar & AR_L))
		return ERR_INVAL;
	backend->set_efer(v, v->efer | EFER_LMA);
	return 0;
}

/*
 * SDM3 "PAE Paging", "PDPTE Registers": a load of the four entries with a reserved
 * bit set faults. Unreadable ones are left to the hardware.
 */
static bool pdptes_valid(struct vcpu *v, u64 cr3)
{
	const u64 reserved = BITS(63, x86_phys_bits(v)) | BITS(8, 5) | BITS(2, 1);
	u64 pdpte[4];
	unsigned i;

	if (mem_read(v->vm, gphys(cr3 & BITS(31, 5)), pdpte, sizeof(pdpte)))
		return true;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return false;
	return true;
}

static bool is_pae(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME);
}

int x86_set_cr0(struct vcpu *v, u64 cr0)
{
	u64 old;

	backend->sync_crs(v);
	old = v->cr0;
	if ((cr0 >> 32) || ((cr0 & CR0_PG) && !(cr0 & CR0_PE)) ||
	    ((cr0 & CR0_NW) && !(cr0 & CR0_CD)) ||
	    ((old & CR0_PG) && !(cr0 & CR0_PG) &&
	     ((v->cr4 & CR4_PCIDE) || in_64bit_mode(v))))
		return ERR_INVAL;
	cr0 = (cr0 & CR0_DEFINED) | CR0_ET;
	if (is_pae(cr0, v->cr4, v->efer) && !pdptes_valid(v, v->cr3))
		return ERR_INVAL;
	if (update_lma(v, old, cr0))
		return ERR_INVAL;
	backend->set_cr0(v, cr0);
	if ((old ^ cr0) & (CR0_PG | CR0_WP | CR0_PE))
		vcpu_request(v, REQ_TLB);
	return 0;
}

int x86_set_cr3(struct vcpu *v, u64 cr3)
{
	backend->sync_crs(v);
	if (v->efer & EFER_LMA) {
		u64 no_flush = v->cr4 & CR4_PCIDE ? BIT(63) : 0;

		if ((cr3 & ~no_flush) >> x86_phys_bits(v))
			return ERR_INVAL;
		cr3 &= ~no_flush;
	} else {
		cr3 &= BITS(31, 0);
		if (is_pae(v->cr0, v->cr4, v->efer) && !pdptes_valid(v, cr3))
			return ERR_INVAL;
	}
	backend->set_cr3(v, cr3);
	vcpu_request(v, REQ_TLB);
	return 0;
}

int x86_set_cr4(struct vcpu *v, u64 cr4)
{
	u64 old;

	backend->sync_crs(v);
	old = v->cr4;
	if ((cr4 & v->guest_cr4_reserved) ||
	    ((v->efer & EFER_LMA) && !(cr4 & CR4_PAE)) ||
	    ((cr4 & CR4_PCIDE) && !(old & CR4_PCIDE) &&
	     (!(v->efer & EFER_LMA) || (v->cr3 & 0xfff))) ||
	    (is_pae(v->cr0, cr4, v->efer) && !pdptes_valid(v, v->cr3)))
		return ERR_INVAL;
	backend->set_cr4(v, cr4);
	if ((old ^ cr4) & (CR4_PGE | CR4_PAE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PCIDE))
		vcpu_request(v, REQ_TLB);
	return 0;
}

int x86_set_efer(struct vcpu *v, u64 efer)
{
	backend->sync_crs(v);
	if (efer & ~v->guest_efer_valid)
		return ERR_INVAL;
	if (((efer ^ v->efer) & EFER_LME) && (v->cr0 & CR0_PG))
		return ERR_INVAL;
	/* LMA follows LME and PG; software's value of it is ignored. */
	efer = (efer & ~EFER_LMA) | (v->efer & EFER_LMA);
	backend->set_efer(v, efer);
	return 0;
}

int x86_set_cr8(struct vcpu *v, u64 cr8)
{
	if (cr8 > 15)
		return ERR_INVAL;
	if (v->lapic)
		lapic_set_cr8(v->lapic, cr8);
	else
		v->user_cr8 = cr8;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

bool x86_lowers_user_tpr(struct vcpu *v, u64 cr8)
{
	return !v->lapic && cr8 < v->user_cr8;
}

u64 x86_get_cr8(struct vcpu *v)
{
	return v->lapic ? lapic_get_cr8(v->lapic) : v->user_cr8;
}

/* SDM3 "Extended Control Register XCR0" and the rules of XSETBV. */
int x86_set_xcr0(struct vcpu *v, u64 xcr0)
{
	u32 leaf[4];
	u64 avx512 = xcr0 & BITS(7, 5);

	/* CPUID is user space's word: what the CPU refuses must not get there. */
	x86_cpuid(v, 0xd, 0, leaf);
	if (!(xcr0 & 1) || (xcr0 & ~(leaf[0] | (u64)leaf[3] << 32)) ||
	    (xcr0 & ~x86_xcr0_offered()) ||
	    ((xcr0 & BIT(2)) && !(xcr0 & BIT(1))) ||
	    (avx512 && (avx512 != BITS(7, 5) || !(xcr0 & BIT(2)))))
		return ERR_INVAL;
	v->xcr0 = xcr0;
	return 0;
}

static enum exit_action done_or_gp(struct vcpu *v, int rc)
{
	if (!rc)
		return ACT_NEXT;
	vcpu_raise_error(v, VEC_GP, 0);
	return ACT_RESUME;
}

/* User space's LAPIC need know only of what may let an interrupt through. */
static enum exit_action mov_to_cr8(struct vcpu *v, u64 val)
{
	bool lowered = x86_lowers_user_tpr(v, val);

	if (x86_set_cr8(v, val))
		return done_or_gp(v, ERR_INVAL);
	if (!lowered)
		return ACT_NEXT;
	v->uexit.kind = UEXIT_SET_TPR;
	return ACT_USER_NEXT;
}

enum exit_action x86_exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr)
{
	u64 val = vcpu_gpr(v, gpr);

	if (!in_64bit_mode(v))
		val &= BITS(31, 0);
	switch (cr) {
	case 0: return done_or_gp(v, x86_set_cr0(v, val));
	case 2: v->cr2 = val; return ACT_NEXT;
	case 3: return done_or_gp(v, x86_set_cr3(v, val));
	case 4: return done_or_gp(v, x86_set_cr4(v, val));
	case 8: return mov_to_cr8(v, val);
	default: return x86_exit_undefined(v);
	}
}

enum exit_action x86_exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr)
{
	u64 val;

	backend->sync_crs(v);
	switch (cr) {
	case 0: val = v->cr0; break;
	case 2: val = v->cr2; break;
	case 3: val = v->cr3; break;
	case 4: val = v->cr4; break;
	case 8: val = x86_get_cr8(v); break;
	default: return x86_exit_undefined(v);
	}
	if (!in_64bit_mode(v))
		val &= BITS(31, 0);
	vcpu_set_gpr(v, gpr, val);
	return ACT_NEXT;
}

enum exit_action x86_exit_clts(struct vcpu *v)
{
	backend->sync_crs(v);
	return done_or_gp(v, x86_set_cr0(v, v->cr0 & ~CR0_TS));
}

/* LMSW writes the low four bits, and can't clear PE. */
enum exit_action x86_exit_lmsw(struct vcpu *v, u16 msw)
{
	backend->sync_crs(v);
	return done_or_gp(v, x86_set_cr0(v, (v->cr0 & ~0xeull) | (msw & 0xf)));
}

enum exit_action x86_exit_xsetbv(struct vcpu *v)
{
	u64 val = (v->gpr[GPR_RDX] << 32) | (u32)v->gpr[GPR_RAX];

	backend->sync_crs(v);
	if (!(v->cr4 & CR4_OSXSAVE))
		return x86_exit_undefined(v);
	if (backend->cpl(v) || (u32)v->gpr[GPR_RCX])
		return done_or_gp(v, ERR_INVAL);
	return done_or_gp(v, x86_set_xcr0(v, val));
}

/* SDM3 "Debug Registers": bits that are always 0, and always 1. */
void x86_write_dr(struct vcpu *v, unsigned dr, u64 val)
{
	backend->sync_debug(v);
	if (dr < 4)
		v->dr[dr] = val;
	else if (dr == 6)
		v->dr6 = (val & 0xe00full) | 0xffff0ff0;
	else
		v->dr7 = (val & BITS(31, 0) & ~0xd000ull) | 0x400;
	backend->set_debug(v);
}

/*
 * SDM3 "Debug Control Register (DR7)", general detect enable. The exit comes first:
 * SDM3 "Relative Priority of Faults and VM Exits" has nothing of it.
 */
static enum exit_action general_detect(struct vcpu *v)
{
	v->dr6 |= DR6_BD;
	v->dr7 &= ~DR7_GD;
	backend->set_debug(v);
	vcpu_raise(v, VEC_DB);
	return ACT_RESUME;
}

enum exit_action x86_exit_mov_dr(struct vcpu *v, unsigned dr, unsigned gpr, bool to_dr)
{
	u64 val;

	backend->sync_crs(v);
	backend->sync_debug(v);
	if (dr == 4 || dr == 5) {
		if (v->cr4 & CR4_DE)
			return x86_exit_undefined(v);
		dr += 2;
	}
	if (v->dr7 & DR7_GD)
		return general_detect(v);
	if (!to_dr) {
		vcpu_set_gpr(v, gpr, dr < 4 ? v->dr[dr] : dr == 6 ? v->dr6 : v->dr7);
		return ACT_NEXT;
	}
	val = vcpu_gpr(v, gpr);
	if (!in_64bit_mode(v))
		val &= BITS(31, 0);
	if (dr >= 6 && (val >> 32))
		return done_or_gp(v, ERR_INVAL);
	x86_write_dr(v, dr, val);
	return ACT_NEXT;
}
