/* SPDX-License-Identifier: MIT */
/* Runs the instruction emulator for a vCPU, one instruction at a time. */
#include "emulate.h"

#include "../core/regs.h"
#include "../vmm.h"
#include "debug.h"
#include "session.h"

/* -- The session -------------------------------------------------------------- */

struct emul_session *emul_session_create(struct vcpu *v)
{
	struct emul_session *s = host_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->v = v;
	s->e.ops = &x86_emul_ops;
	s->e.ctx = v;
	s->e.gpr = v->gpr;
	s->e.cache = &s->cache;
	return s;
}

void emul_session_destroy(struct emul_session *s)
{
	host_free(s);
}

void emul_session_reset(struct emul_session *s)
{
	s->logged = s->replayed = 0;
	s->batch.count = s->e.rep_limit = 0;
	s->waiting = s->posted = s->pending = s->reading = s->hint = false;
}

bool emul_session_pending(const struct emul_session *s)
{
	return s->pending;
}

static void load_state(struct emul_session *s)
{
	struct vcpu *v = s->v;
	struct emul *e = &s->e;
	struct x86_seg cs;

	backend->sync_crs(v);
	vcpu_need_reg(v, REG_RIP | REG_RSP | REG_RFLAGS);
	backend->get_seg(v, SEG_CS, &cs);
	e->rip = v->rip;
	e->rflags = v->rflags;
	s->old_rsp = v->gpr[GPR_RSP];
	e->protected_mode = v->cr0 & CR0_PE;
	e->long_mode = v->efer & EFER_LMA;
	e->vm86 = e->protected_mode && (v->rflags & RFLAGS_VM);
	e->cpl = e->vm86 ? 3 : e->protected_mode ? backend->cpl(v) : 0;
	e->mode = e->long_mode && (cs.ar & AR_L) ? EMUL_MODE64 :
		  (cs.ar & AR_DB) ? EMUL_MODE32 : EMUL_MODE16;
	e->nbytes = 0;
}

/* Only what the instruction changed: each costs a write to the CPU's structure. */
static void store_state(struct emul_session *s)
{
	struct vcpu *v = s->v;

	if (v->rip != s->e.rip)
		vcpu_set_rip(v, s->e.rip);
	if (v->rflags != (s->e.rflags | RFLAGS_FIXED)) {
		if ((v->rflags ^ s->e.rflags) & RFLAGS_IF)
			vcpu_request(v, REQ_EVENT);
		vcpu_set_rflags(v, s->e.rflags);
	}
	if (v->gpr[GPR_RSP] != s->old_rsp)
		vcpu_set_rsp(v, v->gpr[GPR_RSP]);
}

/* The shadow of STI and MOV SS lasts one instruction. */
static void store_shadow(struct emul_session *s)
{
	u32 shadow = s->e.shadow == EMUL_SHADOW_STI ? 1 :
		     s->e.shadow == EMUL_SHADOW_MOV_SS ? 2 : 0;

	if (shadow || backend->get_shadow(s->v)) {
		backend->set_shadow(s->v, shadow);
		vcpu_request(s->v, REQ_EVENT);
	}
}

static enum exit_action deliver_fault(struct vcpu *v, const struct emul *e)
{
	const struct emul_fault *f = &e->fault;

	if (f->kind != EMUL_EVENT_EXCEPTION) {
		v->injected = (struct event){
			.type = f->kind == EMUL_EVENT_SOFT_INT ? EVENT_SOFT_INT :
				f->kind == EMUL_EVENT_SOFT_EXC ? EVENT_SOFT_EXC :
				EVENT_PRIV_SOFT_EXC,
			.vector = f->vector, .insn_len = e->insn.length,
		};
		v->stats.injected[v->injected.type]++;
		vcpu_request(v, REQ_EVENT);
		return ACT_RESUME;
	}
	if (f->vector == VEC_DB) {
		backend->sync_debug(v);
		v->dr6 |= f->dr6;
		v->dr7 &= ~DR7_GD;	/* as any #DB does */
		backend->set_debug(v);
	}
	if (f->vector == VEC_PF)
		vcpu_raise_pf(v, f->cr2, f->error);
	else if (f->has_error)
		vcpu_raise_error(v, f->vector, f->error);
	else
		vcpu_raise(v, f->vector);
	return ACT_RESUME;
}

/* Values of KVM_INTERNAL_ERROR_*, from linux/kvm.h. */
#define INTERNAL_EMULATION	1
#define INTERNAL_DELIVERY	3

static enum exit_action give_up(struct vcpu *v, const struct emul *e)
{
	struct uexit *u = &v->uexit;

	host_log(LOG_WARN, "vCPU %u: can't emulate the instruction at rip %llx: "
		 "%02x %02x %02x %02x %02x", v->id, (unsigned long long)e->rip,
		 e->bytes[0], e->bytes[1], e->bytes[2], e->bytes[3], e->bytes[4]);
	u->kind = UEXIT_INTERNAL;
	u->internal.suberror = INTERNAL_EMULATION;
	u->internal.ndata = 4;		/* as the ABI's emulation_failure part */
	u->internal.data[0] = 1;	/* flags: instruction bytes are there */
	u->internal.data[1] = e->nbytes;
	__builtin_memcpy((u8 *)&u->internal.data[1] + 1, e->bytes, 15);
	u->internal.data[3] = e->rip;
	return ACT_USER;
}

#define OPCODE_IRET	0xcf

static void after_iret(struct vcpu *v)
{
	if (backend->get_nmi_mask(v)) {
		backend->set_nmi_mask(v, false);
		vcpu_request(v, REQ_EVENT);
	}
}

static void finish(struct emul_session *s)
{
	s->logged = s->replayed = 0;
	s->batch.count = s->e.rep_limit = 0;
	s->hint = false;
}

static enum exit_action after_done(struct emul_session *s, bool halt, bool posted)
{
	struct vcpu *v = s->v;

	store_state(s);
	store_shadow(s);
	finish(s);
	v->stats.halts += halt;
	if (halt && v->lapic) {
		vcpu_halt(v);
	} else if (halt && !posted) {
		v->uexit.kind = UEXIT_HLT;
		return ACT_USER;
	}
	if (s->tpr_lowered) {
		s->tpr_lowered = false;
		v->uexit.kind = UEXIT_SET_TPR;
		posted = true;
	}
	if (s->e.insn.opcode == OPCODE_IRET && !s->e.insn.map)
		after_iret(v);
	if (s->e.trap)
		x86_step_trap(v);
	return posted ? ACT_USER : ACT_RESUME;
}

static enum exit_action after_step(struct emul_session *s, enum emul_result result)
{
	struct vcpu *v = s->v;
	bool posted = s->posted;

	s->posted = s->pending = false;
	switch (result) {
	case EMUL_DONE:
	case EMUL_HALT:
		return after_done(s, result == EMUL_HALT, posted);
	case EMUL_AGAIN:
		store_state(s);
		finish(s);
		if (s->e.trap)
			x86_step_trap(v);
		return posted ? ACT_USER : ACT_RESUME;
	case EMUL_EXIT:
		store_state(s);
		s->pending = true;
		return ACT_USER;
	case EMUL_FAULT:
		if (posted) {	/* the write comes first, then again and the fault */
			s->pending = true;
			return ACT_USER;
		}
		store_state(s);
		finish(s);
		return deliver_fault(v, &s->e);
	default:
		finish(s);
		return give_up(v, &s->e);
	}
}

static enum exit_action step(struct emul_session *s, const u8 *insn, unsigned n)
{
	load_state(s);
	if (n > EMUL_MAX_LENGTH)
		n = EMUL_MAX_LENGTH;
	if (n) {
		__builtin_memcpy(s->e.bytes, insn, n);
		s->e.nbytes = n;
	}
	s->replayed = 0;
	s->v->stats.emulated++;
	return after_step(s, emul_step(&s->e));
}

enum exit_action x86_emulate(struct vcpu *v, const u8 *insn, unsigned n)
{
	emul_session_reset(v->emul);
	return step(v->emul, insn, n);
}

static void mmio_to_user(struct vcpu *v, struct gphys gpa, const struct emul_move *m,
			 u64 val)
{
	struct uexit *u = &v->uexit;

	u->kind = UEXIT_MMIO;
	u->mmio.gpa = gpa.v;
	u->mmio.len = m->size;
	u->mmio.write = m->write;
	__builtin_memcpy(u->mmio.data, &val, 8);
}

static enum exit_action mmio_write(struct emul_session *s, struct gphys gpa,
				   const struct emul_move *m)
{
	struct vcpu *v = s->v;
	u64 val = m->reg == EMUL_NO_REG ? m->imm : emul_reg_read(&s->e, m->reg, m->size);

	if (mmio_device(v, gpa.v, &val, m->size, true) ||
	    (LOAD(&v->vm->io_listeners) &&
	     host_io_write(v->vm, false, gpa.v, m->size, val)))
		return ACT_NEXT;
	mmio_to_user(v, gpa, m, val);
	return ACT_USER_NEXT;
}

static enum exit_action mmio_read(struct emul_session *s, struct gphys gpa,
				  const struct emul_move *m)
{
	u64 val = 0;

	if (mmio_device(s->v, gpa.v, &val, m->size, false)) {
		emul_reg_write(&s->e, m->reg, m->reg_size, val);
		return ACT_NEXT;
	}
	s->mmio.reading = *m;
	s->reading = s->pending = true;
	mmio_to_user(s->v, gpa, m, 0);
	return ACT_USER;
}

/* User space has answered what mmio_read() asked. */
static enum exit_action finish_mmio_read(struct emul_session *s)
{
	const struct emul_move *m = &s->mmio.reading;
	u64 val = 0;

	s->reading = s->pending = false;
	__builtin_memcpy(&val, s->v->uexit.mmio.data, m->size);
	emul_reg_write(&s->e, m->reg, m->reg_size, val);
	return ACT_NEXT;
}

/* The long way, for the first time and for what is no plain move. */
static enum exit_action emulate_mmio(struct emul_session *s, struct gphys gpa,
				     const u8 *insn, unsigned n)
{
	struct vcpu *v = s->v;
	enum exit_action action;

	emul_session_reset(s);
	if (v->exit.flags & EXIT_GLA) {
		s->hint = true;
		s->hint_la = v->exit.gla & ~PG_OFFSET_MASK;
		s->hint_pa = gpa.v & ~PG_OFFSET_MASK;
	}
	action = step(s, insn, n);
	mmio_note_hole(v, &s->mmio, gpa);
	mmio_remember(v, &s->mmio, v->exit.rip, &s->e);
	return action;
}

bool x86_is_mmio(struct vcpu *v, struct gphys gpa)
{
	return mmio_known_hole(v, &v->emul->mmio, gpa);
}

enum exit_action x86_emulate_mmio(struct vcpu *v, struct gphys gpa, unsigned access,
				  const u8 *insn, unsigned n)
{
	struct emul_session *s = v->emul;
	const struct emul_move *m;

	if (UNLIKELY(!mmio_recall(v, &s->mmio, gpa, access, &m)))
		return emulate_mmio(s, gpa, insn, n);
	v->stats.emulated++;
	v->exit.insn_len = m->length;
	return m->write ? mmio_write(s, gpa, m) : mmio_read(s, gpa, m);
}

static void take_answer(struct emul_session *s, struct access *a)
{
	struct vcpu *v = s->v;

	if (a->port && a->count > 1) {	/* and here once more: of one batch, no more */
		s->batch = *a;
		s->batch_at = 0;
		s->e.rep_limit = a->count;
		return;
	}
	__builtin_memcpy(a->data, a->port ? v->pio_data : v->uexit.mmio.data, a->size);
	s->logged++;
}

enum exit_action x86_emulate_again(struct vcpu *v)
{
	struct emul_session *s = v->emul;

	if (s->reading)
		return finish_mmio_read(s);
	if (s->waiting) {
		s->waiting = false;
		take_answer(s, &s->log[s->logged]);
	}
	return step(s, NULL, 0);
}

static enum exit_action not_deliverable(struct vcpu *v, const struct event *e)
{
	struct uexit *u = &v->uexit;

	host_log(LOG_WARN, "vCPU %u: can't deliver vector %u at rip %llx: %s", v->id, e->vector,
		 (unsigned long long)v->rip, v->cr0 & CR0_PE ?
		 "protected mode with segments that this CPU can't run" :
		 "the stack or the vector table is not in memory");
	u->kind = UEXIT_INTERNAL;
	u->internal.suberror = INTERNAL_DELIVERY;
	u->internal.ndata = 3;
	u->internal.data[0] = e->vector;
	u->internal.data[1] = e->type;
	u->internal.data[2] = v->rip;
	return ACT_USER;
}

enum exit_action x86_deliver_real(struct vcpu *v, const struct event *e)
{
	struct emul_session *s = v->emul;
	enum emul_result result = EMUL_UNSUPPORTED;
	u8 type = e->type;

	emul_session_reset(s);
	load_state(s);
	if (!s->e.protected_mode)
		result = emul_real_interrupt(&s->e, e->vector, s->e.rip + e->insn_len);
	switch (result) {
	case EMUL_DONE:
		store_state(s);
		finish(s);
		backend->set_shadow(v, 0);
		if (type == EVENT_NMI)
			backend->set_nmi_mask(v, true);
		return ACT_RESUME;
	case EMUL_FAULT:
		finish(s);
		return deliver_fault(v, &s->e);
	default:
		finish(s);
		return not_deliverable(v, e);
	}
}

void x86_read_ahead(struct vcpu *v, bool on)
{
	v->emul->read_ahead = on;
	v->emul->window_len = 0;
}

const struct emul_insn *x86_decode(struct vcpu *v)
{
	struct emul_session *s = v->emul;

	load_state(s);
	return emul_decode(&s->e) == EMUL_DONE ? &s->e.insn : NULL;
}

unsigned x86_insn_length(struct vcpu *v)
{
	struct emul_session *s = v->emul;
	enum emul_result result;

	load_state(s);
	result = emul_decode(&s->e);
	if (result == EMUL_FAULT)
		deliver_fault(v, &s->e);
	return result == EMUL_FAULT ? 0 : s->e.insn.length;
}

bool x86_fetch(struct vcpu *v, u8 *bytes, unsigned n)
{
	struct emul_session *s = v->emul;
	struct x86_seg cs;
	unsigned i;

	load_state(s);
	backend->get_seg(v, SEG_CS, &cs);
	for (i = 0; i < n; i++) {
		u64 la = s->e.mode == EMUL_MODE64 ? s->e.rip + i :
			 (u32)(cs.base + s->e.rip + i);

		if (s->e.ops->fetch(&s->e, la, &bytes[i], 1) != EMUL_CB_OK)
			return false;
	}
	return true;
}
