/* SPDX-License-Identifier: MIT */
#include "debug.h"

#include "../core/backend.h"
#include "../core/regs.h"
#include "../core/vm.h"
#include "../mem/mem.h"
#include "paging.h"

#define DR6_HITS	(BIT(14) | BIT(13) | BITS(3, 0)) /* BS, BD, B3-B0 */
#define DR6_FIXED	0xffff0ff0ull
#define DR7_FIXED	0x400ull
#define DR7_SETTABLE	(BITS(31, 0) & ~0xf000ull)	/* without GD, which is the guest's */

/* How an instruction treats RFLAGS.TF. */
enum { TF_KEPT, TF_PUSHED, TF_LOADED };

/* CS; true in 64-bit mode. */
static bool code_segment(struct vcpu *v, struct x86_seg *cs)
{
	backend->sync_crs(v);
	backend->get_seg(v, SEG_CS, cs);
	return (v->efer & EFER_LMA) && (cs->ar & AR_L);
}

static u64 linear_rip(struct vcpu *v)
{
	struct x86_seg cs;

	return vcpu_rip(v) + (code_segment(v, &cs) ? 0 : cs.base);
}

/* -- Guest memory, for a look at an instruction and what it pushed ---------------- */

/* One byte, if it is there: nothing is raised if it isn't. */
static bool guest_byte(struct vcpu *v, u64 la, struct gphys *gpa, u8 *byte)
{
	u32 error, access = backend->cpl(v) == 3 ? PF_U : 0;	/* or SMAP is in the way */

	return !paging_translate(v, glin(la), access, false, gpa, &error) &&
	       !mem_read(v->vm, *gpa, byte, 1);
}

static bool is_prefix(u8 byte, bool mode64)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	default:
		return mode64 && (byte & 0xf0) == 0x40;
	}
}

/* PUSHF shows TF to the guest; POPF and IRET replace it. */
static u8 tf_use(struct vcpu *v, u64 la)
{
	struct x86_seg cs;
	struct gphys gpa;
	bool mode64 = code_segment(v, &cs);
	unsigned i;
	u8 byte;

	for (i = 0; i < 15 && guest_byte(v, la + i, &gpa, &byte); i++) {
		if (is_prefix(byte, mode64))
			continue;
		return byte == 0x9c ? TF_PUSHED : byte == 0x9d || byte == 0xcf ?
		       TF_LOADED : TF_KEPT;
	}
	return TF_KEPT;
}

bool x86_debug_at_int3(struct vcpu *v)
{
	struct gphys gpa;
	u8 byte;

	return guest_byte(v, linear_rip(v), &gpa, &byte) && byte == 0xcc;
}

static void hide_pushed_tf(struct vcpu *v)
{
	struct x86_seg ss, cs;
	struct gphys gpa;
	u64 sp = vcpu_rsp(v);
	u8 byte;

	backend->get_seg(v, SEG_SS, &ss);
	if (!code_segment(v, &cs))
		sp = ss.base + (sp & (ss.ar & AR_DB ? BITS(31, 0) : BITS(15, 0)));
	if (!guest_byte(v, sp + 1, &gpa, &byte))
		return;
	byte &= ~(RFLAGS_TF >> 8);
	mem_write(v->vm, gpa, &byte, 1);
}

/* -- A step ------------------------------------------------------------------------ */

static void set_tf(struct vcpu *v, bool on)
{
	u64 rflags = vcpu_rflags(v) & ~RFLAGS_TF;

	vcpu_set_rflags(v, on ? rflags | RFLAGS_TF : rflags);
}

/* Takes TF away from where it was set. */
static void disarm(struct vcpu *v)
{
	set_tf(v, v->debug.guest_tf);
	v->debug.armed = false;
	backend->update_debug(v);
}

void x86_debug_begin(struct vcpu *v)
{
	struct debug *d = &v->debug;

	vcpu_request(v, REQ_EVENT);	/* what had to wait for the last step */
	if (d->armed || (LOAD(&v->requests) & REQ_DEBUG) || linear_rip(v) != d->step_at)
		return;
	d->tf_use = tf_use(v, d->step_at);
	d->guest_tf = !!(vcpu_rflags(v) & RFLAGS_TF);
	/*
	 * SDM3 "Checks on Guest Non-Register State": TF under a shadow would need a
	 * #DB to be pending, before the instruction. x86_debug_blocks() replaces it.
	 */
	d->shadow = backend->get_shadow(v);
	if (d->shadow)
		backend->set_shadow(v, 0);
	set_tf(v, true);
	d->armed = true;
	backend->update_debug(v);
}

void x86_debug_end(struct vcpu *v)
{
	if (!v->debug.armed || linear_rip(v) != v->debug.step_at)
		return;		/* done, or in a handler that returns to it */
	disarm(v);
	if (v->debug.shadow)
		backend->set_shadow(v, v->debug.shadow);
}

void x86_debug_moved(struct vcpu *v)
{
	if (!(v->debug.control & DEBUG_STEP))
		return;
	v->debug.armed = false;
	v->debug.step_at = linear_rip(v);
}

bool x86_debug_blocks(struct vcpu *v)
{
	return ((v->debug.control & DEBUG_BLOCK_IRQ) || v->debug.shadow) &&
	       linear_rip(v) == v->debug.step_at;
}

/* The next run, if nothing else is asked for, makes the next step. */
static void step_done(struct vcpu *v)
{
	struct debug *d = &v->debug;

	if (d->tf_use == TF_PUSHED && !d->guest_tf)
		hide_pushed_tf(v);
	if (d->tf_use == TF_LOADED)
		d->guest_tf = !!(vcpu_rflags(v) & RFLAGS_TF);
	disarm(v);
	d->step_at = linear_rip(v);
}

void x86_step_trap(struct vcpu *v)
{
	if (v->debug.armed) {
		step_done(v);
		vcpu_request(v, REQ_DEBUG);
		return;
	}
	backend->sync_debug(v);
	v->dr6 |= DR6_BS;
	backend->set_debug(v);
	vcpu_raise(v, VEC_DB);
}

/* -- Telling user space --------------------------------------------------------------- */

static void describe(struct vcpu *v, u8 vector, u64 hits)
{
	struct uexit *u = &v->uexit;

	u->kind = UEXIT_DEBUG;
	u->debug.exception = vector;
	u->debug.pc = linear_rip(v);
	u->debug.dr6 = DR6_FIXED | hits;
	u->debug.dr7 = debug_dr7(v) | DR7_FIXED;
}

void x86_debug_stepped(struct vcpu *v)
{
	describe(v, VEC_DB, DR6_BS);
}

bool x86_debug_exception(struct vcpu *v, u8 vector, u64 dr6, enum exit_action *action)
{
	struct debug *d = &v->debug;

	if (vector == VEC_BP ? !(d->control & DEBUG_INT3) : !debug_owned(v)) {
		if (vector != VEC_DB || !d->stale_tf || !(dr6 & DR6_BS))
			return false;
		/* A step that was given up has come back from the guest's stack. */
		d->stale_tf = false;
		set_tf(v, false);
		*action = ACT_RESUME;
		return true;
	}
	if (vector == VEC_DB && (dr6 & DR6_BS) && d->armed)
		step_done(v);
	describe(v, vector, vector == VEC_DB ? dr6 & DR6_HITS : 0);
	*action = ACT_USER;
	return true;
}

/* -- The debugger's wishes -------------------------------------------------------------- */

int vcpu_set_debug(struct vcpu *v, u32 control, const u64 dr[4], u64 dr7, u8 inject)
{
	struct debug *d = &v->debug;
	unsigned i;

	if (inject && (v->exception.type || v->injected.type))
		return ERR_BUSY;
	backend->sync_debug(v);		/* while they are still in force */
	if (d->armed && !d->guest_tf)
		d->stale_tf = true;
	d->armed = false;
	d->control = control;
	d->step_at = linear_rip(v);
	__atomic_and_fetch(&v->requests, ~REQ_DEBUG, __ATOMIC_SEQ_CST);
	for (i = 0; i < 4; i++)
		d->dr[i] = dr[i];
	d->dr7 = (dr7 & DR7_SETTABLE) | DR7_FIXED;
	backend->update_debug(v);
	if (inject == VEC_DB)
		vcpu_raise(v, VEC_DB);
	else if (inject)
		v->injected = (struct event){ .type = EVENT_SOFT_EXC, .vector = VEC_BP,
					      .insn_len = 1 };
	vcpu_request(v, REQ_EVENT);
	return 0;
}
