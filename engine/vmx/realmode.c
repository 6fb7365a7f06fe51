/* SPDX-License-Identifier: MIT */
/*
 * CPUs without unrestricted guest. SDM3 "Checks on Guest Control Registers, Debug
 * Registers, and MSRs": CR0.PE and CR0.PG must be 1 in the guest. So protected mode
 * without paging runs with page tables of ours that map everything one to one, and
 * real mode in the instruction emulator; and so does protected mode for as long as a
 * segment register still holds what real mode left there and an entry refuses.
 */
#include "vmx.h"

#include "../x86/emulate.h"
#include "../x86/exits.h"

/* Instructions emulated before the run loop has a look at the rest of the world. */
#define BATCH	512

#define RPL(sel)	((sel) & 3u)

/* -- Paging that is ours. ------------------------------------------------------------- */

/* They mean something with paging only, or want page tables of another format. */
u64 vmx_unpaged_cr4(const struct vmx_vcpu *x)
{
	return x->unpaged ? CR4_PSE | CR4_PAE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE |
			    CR4_LA57 : 0;
}

void vmx_follow_mode(struct vmx_vcpu *x, u64 cr0)
{
	u32 ours = UNPAGED_CONTROLS & ~(x->trap_proc | vmx.control[CTL_PROC]);
	bool unpaged = !(cr0 & CR0_PG);
	struct vcpu *v = &x->v;
	u64 cr3;

	x->before.mode = 1;
	if (unpaged == x->unpaged)
		return;
	vmx_sync_crs(v);
	cr3 = v->cr3;
	x->unpaged = unpaged;
	/* While CR3 is ours the guest's has to be kept for it. */
	vmx_set_proc(x, unpaged ? x->proc | ours : x->proc & ~ours);
	vmx_update_owned(v);
	vmx_set_cr3(v, cr3);
	vmx_write_efer_pat(x);
}

/* -- Would an entry take the segments? SDM3 "Checks on Guest Segment Registers". ------- */

static bool limit_fits(const struct x86_seg *s)
{
	if (s->ar & AR_G)
		return (s->limit & 0xfff) == 0xfff;
	return !(s->limit >> 20);
}

static bool usable_form(const struct x86_seg *s)
{
	return (s->ar & AR_S) && (s->ar & AR_P) && limit_fits(s);
}

static bool stack_fits(const struct x86_seg *ss, const struct x86_seg *cs)
{
	u32 type = ss->ar & AR_TYPE;

	if (RPL(ss->sel) != RPL(cs->sel) || AR_DPL(ss->ar) != RPL(ss->sel))
		return false;
	return (ss->ar & AR_UNUSABLE) ||
	       ((type == 3 || type == 7) && usable_form(ss) && !(ss->base >> 32));
}

static bool code_fits(const struct x86_seg *cs, const struct x86_seg *ss)
{
	switch (cs->ar & AR_TYPE) {
	case 9: case 11:
		if (AR_DPL(cs->ar) != AR_DPL(ss->ar))
			return false;
		break;
	case 13: case 15:	/* conforming */
		if (AR_DPL(cs->ar) > AR_DPL(ss->ar))
			return false;
		break;
	default:
		return false;
	}
	return usable_form(cs) && !(cs->base >> 32);
}

static bool data_fits(const struct x86_seg *s)
{
	u32 type = s->ar & AR_TYPE;

	if (s->ar & AR_UNUSABLE)
		return true;
	if (!(type & 1) || ((type & 8) && !(type & 2)))
		return false;
	if (type < 12 && AR_DPL(s->ar) < RPL(s->sel))
		return false;
	return usable_form(s);
}

static bool segments_fit(struct vcpu *v)
{
	static const u8 data[] = { SEG_DS, SEG_ES, SEG_FS, SEG_GS };
	struct x86_seg cs, ss, s;
	unsigned i;

	vmx_get_seg(v, SEG_CS, &cs);
	vmx_get_seg(v, SEG_SS, &ss);
	if (!code_fits(&cs, &ss) || !stack_fits(&ss, &cs))
		return false;
	for (i = 0; i < COUNT_OF(data); i++) {
		vmx_get_seg(v, data[i], &s);
		if (!data_fits(&s))
			return false;
	}
	return true;
}

bool vmx_mode_enterable(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;

	if (!(v->cr0 & CR0_PE))
		return false;
	vmx_load_regs(v, REG_RFLAGS);
	/* Virtual-8086 mode has rules of its own, which its segments fulfil. */
	if (!(v->rflags & RFLAGS_VM) && !segments_fit(v))
		return false;
	x->before.mode = 0;
	return true;
}

/* -- Emulation. -------------------------------------------------------------------------- */

/* The event that vmx_inject() has prepared for an entry that will not be made. */
static enum exit_action deliver(struct vcpu *v)
{
	enum exit_action action = x86_deliver_real(v, &v->injected);

	if (action == ACT_RESUME)
		vmx_uninject(v);
	return action;
}

/* Is the exception that was just raised one that the trap policy wants? Then it is undone. */
static bool exception_trapped(struct vcpu *v)
{
	struct event *e = &v->exception;

	if (e->type != EVENT_EXCEPTION || !(v->traps.exceptions & BIT(e->vector)))
		return false;
	v->uexit.kind = UEXIT_TRAP;
	v->uexit.trap.trap = TRAP_EXCEPTION;
	v->uexit.trap.reason = REASON_EXCEPTION_NMI;
	v->uexit.trap.qualification = 0;
	v->uexit.trap.insn_len = 0;
	v->uexit.trap.vector = e->vector;
	v->uexit.trap.error = e->has_error ? e->error : 0;
	e->type = EVENT_NONE;
	return true;
}

static enum exit_action emulate_one(struct vcpu *v)
{
	enum exit_action action;

	if (LIKELY(!v->has_traps))
		return x86_emulate(v, NULL, 0);
	if (vmx_trap_of_emulated(v))
		return ACT_USER;
	action = x86_emulate(v, NULL, 0);
	return action == ACT_RESUME && exception_trapped(v) ? ACT_USER : action;
}

enum exit_action vmx_emulate_mode(struct vcpu *v)
{
	struct vmx_vcpu *x = to_vmx(v);
	enum exit_action action = ACT_RESUME;
	unsigned n;

	if (v->injected.type)
		action = deliver(v);
	x86_read_ahead(v, true);
	for (n = 0; n < BATCH && action == ACT_RESUME; n++) {
		if (LOAD(&v->requests) || v->mp_state != MP_RUNNABLE)
			break;
		if ((v->cr0 & CR0_PE) && vmx_mode_enterable(x))
			break;
		action = emulate_one(v);
	}
	x86_read_ahead(v, false);
	return action;
}
