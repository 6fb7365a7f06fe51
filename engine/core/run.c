/* SPDX-License-Identifier: MIT */
/*
 * The run loop: the one place where a guest is entered, and where every exit is
 * counted, recorded and dispatched.
 */
#include "../vmm.h"
#include "../x86/debug.h"

#include "arch/insn.h"
#include "../x86/emulate.h"
#include "event.h"
#include "recorder.h"
#include "regs.h"

/* User space is to see the exit that v->uexit describes. */
#define RUN_RETURN	1

#define OUT_OF_LINE	__attribute__((__noinline__))

static int leave(struct vcpu *v, enum uexit_kind kind, int error)
{
	v->uexit.kind = kind;
	v->run_error = error;
	return RUN_RETURN;
}

static void serve_init(struct vcpu *v)
{
	vcpu_reset(v, true);
	v->mp_state = v->id ? MP_INIT_RECEIVED : MP_RUNNABLE;
}

/* SDM3 "Typical AP Initialization Sequence": vector 0xVV starts at 0xVV000. */
static void serve_sipi(struct vcpu *v)
{
	struct x86_seg cs;
	u8 vector = lapic_sipi_vector(v->lapic);

	if (v->mp_state != MP_INIT_RECEIVED)
		return;
	backend->get_seg(v, SEG_CS, &cs);
	cs.sel = vector << 8;
	cs.base = (u64)vector << 12;
	backend->set_seg(v, SEG_CS, &cs);
	vcpu_set_rip(v, 0);
	v->mp_state = MP_RUNNABLE;
}

#define RARE_REQUESTS	(~REQ_EVENT)
/* Those that change nothing about what may be injected. */
#define SILENT_REQUESTS	(REQ_TLB | REQ_LOAD_ROOT | REQ_HALT)

static OUT_OF_LINE int serve_rare_requests(struct vcpu *v, u64 req)
{
	if (req & REQ_SHUTDOWN)
		return leave(v, UEXIT_SHUTDOWN, 0);
	if (req & REQ_USER) {
		/* Whatever else was asked for waits for the next run. */
		vcpu_request(v, req & ~REQ_USER);
		return leave(v, UEXIT_INTR, ERR_INTR);
	}
	if (req & REQ_DEBUG) {
		vcpu_request(v, req & ~REQ_DEBUG);
		x86_debug_stepped(v);
		return leave(v, UEXIT_DEBUG, 0);
	}
	if ((req & REQ_HOST) && host_yield(v)) {
		vcpu_request(v, req & ~REQ_HOST);
		return leave(v, UEXIT_INTR, ERR_INTR);
	}
	if (req & REQ_TIMER)
		lapic_timer_expired(v->lapic);
	if (req & REQ_INIT)
		serve_init(v);
	if (req & REQ_SIPI)
		serve_sipi(v);
	if (req & REQ_LOAD_ROOT)
		backend->load_root(v);
	if (req & REQ_TLB)
		backend->flush_tlb(v);
	return 0;
}

/* What other threads and the exit handlers asked for. 0 or RUN_RETURN. */
static int serve_requests(struct vcpu *v)
{
	u64 req = __atomic_exchange_n(&v->requests, 0, __ATOMIC_SEQ_CST);

	if (req & RARE_REQUESTS) {
		if (serve_rare_requests(v, req))
			return RUN_RETURN;
		if (!(req & ~(u64)SILENT_REQUESTS))
			return 0;
	}
	vcpu_prepare_events(v);
	if (UNLIKELY(v->irq_window_user) && v->user_irq < 0 && !v->injected.type &&
	    backend->irq_open(v))
		return leave(v, UEXIT_IRQ_WINDOW, 0);
	return 0;
}

static int halt(struct vcpu *v)
{
	u64 since = rdtsc();
	int rc = host_block(v);

	record_halt(v, since);
	return rc;
}

/* Until the vCPU may run. 0 or RUN_RETURN. */
static int wait_runnable(struct vcpu *v)
{
	vcpu_rflags(v);		/* cached: vcpu_has_event() needs it unloaded */
	while (v->mp_state != MP_RUNNABLE) {
		if (LOAD(&v->requests) && serve_requests(v))
			return RUN_RETURN;
		if (v->mp_state == MP_HALTED && vcpu_has_event(v)) {
			v->mp_state = MP_RUNNABLE;
			vcpu_request(v, REQ_EVENT);
			break;
		}
		if (v->mp_state != MP_RUNNABLE && halt(v))
			return leave(v, UEXIT_INTR, ERR_INTR);
	}
	return 0;
}

/*
 * There are requests. What makes mp_state another is one of them, or has made one
 * (REQ_HALT). 0 or RUN_RETURN.
 */
static int before_entry(struct vcpu *v)
{
	int rc = serve_requests(v);

	if (!rc && v->mp_state != MP_RUNNABLE)
		rc = wait_runnable(v);
	/* The wait ends with a request for what ended it. */
	if (!rc && LOAD(&v->requests))
		rc = serve_requests(v);
	return rc;
}

/* Once into the guest and out again; false: there was something else to do. */
static bool enter_guest(struct vcpu *v)
{
	if (UNLIKELY(!host_guest_enter(v)))
		return false;
	record_entry(v);
	backend->enter(v);
	record_exit(v);
	host_guest_exit(v);
	return true;
}

/* Does the trap policy want this exit? Then user space sees it, undone. */
static bool trapped(struct vcpu *v)
{
	u32 trap;

	v->uexit.trap.vector = v->uexit.trap.error = 0;
	v->uexit.trap.cr2 = 0;
	trap = backend->trap_of(v);
	if (!trap)
		return false;
	v->uexit.kind = UEXIT_TRAP;
	v->uexit.trap.trap = trap;
	v->uexit.trap.reason = v->exit.reason;
	v->uexit.trap.qualification = v->exit.qual;
	v->uexit.trap.insn_len = v->exit.insn_len;
	return true;
}

static enum exit_action handle_exit(struct vcpu *v)
{
	if (UNLIKELY(v->has_traps) && trapped(v))
		return ACT_USER;
	return backend->handle_exit(v);
}

/* 0: go on; RUN_RETURN. */
static int apply(struct vcpu *v, enum exit_action action)
{
	if (LIKELY(action == ACT_NEXT))
		backend->skip(v);
	else if (action == ACT_USER_NEXT)
		backend->skip(v);
	return action >= ACT_USER ? RUN_RETURN : 0;
}

/* Finishes what user space was asked to do. 0 or RUN_RETURN. */
static int finish_user_exit(struct vcpu *v)
{
	if (v->pio_in_pending)
		return apply(v, x86_finish_pio_in(v));
	if (emul_session_pending(v->emul))
		return apply(v, x86_emulate_again(v));
	return 0;
}

int vcpu_run(struct vcpu *v)
{
	int rc;

	v->run_error = 0;
	record_run(v);
	if (UNLIKELY(v->debug.control & DEBUG_STEP))
		x86_debug_begin(v);
	rc = finish_user_exit(v);
	if (!rc && v->mp_state != MP_RUNNABLE)
		rc = wait_runnable(v);
	while (!rc) {
		if (UNLIKELY(LOAD(&v->requests))) {
			rc = before_entry(v);
			if (rc)
				break;
		}
		if (LIKELY(enter_guest(v))) {
			rc = apply(v, handle_exit(v));
		} else if (host_work_do(v)) {
			rc = leave(v, UEXIT_INTR, ERR_INTR);
		}
	}
	if (UNLIKELY(v->debug.armed))
		x86_debug_end(v);
	record_leave(v);
	return v->run_error;
}
