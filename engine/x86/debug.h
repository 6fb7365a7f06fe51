/* SPDX-License-Identifier: MIT */
/*
 * A debugger outside the guest: breakpoints, watchpoints and single steps that end
 * a run with UEXIT_DEBUG. While it steps or has breakpoints in hardware, the
 * guest's own debug registers are only remembered, and every #DB is the debugger's.
 *
 * A step is RFLAGS.TF, set at the beginning of a run and taken away at its end. It
 * ends with the #DB of the hardware, or when an instruction that the engine carried
 * out would have raised it: x86_step_trap().
 */
#ifndef VELLUM_ENGINE_X86_DEBUG_H
#define VELLUM_ENGINE_X86_DEBUG_H

#include "../core/vcpu.h"

/* Are the guest's debug registers out of force? Then v->dr* are always current. */
static inline bool debug_owned(const struct vcpu *v)
{
	return v->debug.control & (DEBUG_STEP | DEBUG_HARDWARE);
}

/* What is in force: the debugger's or the guest's. */
static inline const u64 *debug_addresses(const struct vcpu *v)
{
	return v->debug.control & DEBUG_HARDWARE ? v->debug.dr : v->dr;
}

static inline u64 debug_dr7(const struct vcpu *v)
{
	return v->debug.control & DEBUG_HARDWARE ? v->debug.dr7 : v->dr7;
}

/* At the beginning and the end of a run with DEBUG_STEP. Loaded. */
void x86_debug_begin(struct vcpu *v);
void x86_debug_end(struct vcpu *v);
/* Someone else has moved RIP: the step starts from there. */
void x86_debug_moved(struct vcpu *v);

/* Must interrupts wait because the stepped instruction comes first? */
bool x86_debug_blocks(struct vcpu *v);

/* REQ_DEBUG is served: fills v->uexit for a step that is done. */
void x86_debug_stepped(struct vcpu *v);

/*
 * #DB (dr6: as its handler would see it) or #BP has made the guest exit. False: it
 * is the guest's own. True: it is not, and *action says what to do.
 */
bool x86_debug_exception(struct vcpu *v, u8 vector, u64 dr6, enum exit_action *action);

/* Is the instruction at RIP INT3, its one-byte form? */
bool x86_debug_at_int3(struct vcpu *v);

/*
 * The engine has carried out an instruction that began with RFLAGS.TF set: the
 * debugger's step is done, or the guest gets its #DB. RFLAGS are as it left them.
 */
void x86_step_trap(struct vcpu *v);

#endif
