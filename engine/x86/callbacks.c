/* SPDX-License-Identifier: MIT */
/*
 * The instruction emulator's callbacks: a vCPU's memory, devices and registers.
 *
 * Device accesses of the instruction under way are kept in a log. If user space
 * has to answer one, the instruction is abandoned, and emulated again from its
 * start when the answer is there: what the log holds is then not done a second
 * time. A write to a user-space device is posted: the instruction goes on, and
 * user space sees the write when it ends or before its next device access.
 */
#include "session.h"

#include "arch/insn.h"
#include "../core/regs.h"
#include "../vmm.h"
#include "paging.h"
#include "vector.h"

static struct emul_session *session(struct emul *e)
{
	return CONTAINER_OF(e, struct emul_session, e);
}

/* -- Devices ------------------------------------------------------------------ */

static bool engine_mmio(struct vcpu *v, struct access *a)
{
	return mmio_device(v, a->addr, a->data, a->size, a->write);
}

static bool engine_pio(struct vcpu *v, struct access *a)
{
	u32 val = 0;
	bool known;

	__builtin_memcpy(&val, a->data, a->size);
	known = v->vm->irqchip &&
		irqchip_pio(v->vm->irqchip, a->addr, a->size, !a->write, &val);
	__builtin_memcpy(a->data, &val, a->size);
	return known;
}

/* Is it a write that the host wants for itself? */
static bool host_takes(struct vcpu *v, const struct access *a)
{
	u64 val = 0;

	if (!a->write)
		return false;
	__builtin_memcpy(&val, a->data, a->size);
	return host_io_write(v->vm, a->port, a->addr, a->size, val);
}

static void tell_user(struct vcpu *v, const struct access *a)
{
	struct uexit *u = &v->uexit;

	if (a->port) {
		u->kind = UEXIT_PIO;
		u->pio.port = a->addr;
		u->pio.size = a->size;
		u->pio.in = !a->write;
		u->pio.count = a->count;
		__builtin_memcpy(v->pio_data, a->data, a->size);
		return;
	}
	u->kind = UEXIT_MMIO;
	u->mmio.gpa = a->addr;
	u->mmio.len = a->size;
	u->mmio.write = a->write;
	__builtin_memcpy(u->mmio.data, a->data, 8);
}

/*
 * REP INS and OUTS exchange up to a page of elements with user space at once: firmware
 * reads disks that way, and an exit for each costs hundreds of times as much.
 */
static bool from_batch(struct emul_session *s, struct access *a)
{
	const struct access *b = &s->batch;

	if (s->batch_at >= b->count || !a->port || a->write || a->addr != b->addr ||
	    a->size != b->size)
		return false;
	__builtin_memcpy(a->data, s->v->pio_data + s->batch_at++ * a->size, a->size);
	return true;
}

/* OUTS: one more element for the exit that is due anyway. */
static bool join_posted(struct emul_session *s, const struct access *a)
{
	struct uexit *u = &s->v->uexit;

	if (!a->port || !a->write || u->kind != UEXIT_PIO || u->pio.in ||
	    u->pio.port != a->addr || u->pio.size != a->size ||
	    (u->pio.count + 1) * a->size > PG_SIZE)
		return false;
	__builtin_memcpy(s->v->pio_data + u->pio.count++ * a->size, a->data, a->size);
	return true;
}

static enum emul_cb device_access(struct emul_session *s, struct access *a)
{
	struct access *entry;

	if (s->replayed < s->logged) {
		entry = &s->log[s->replayed++];
		if (entry->addr != a->addr || entry->size != a->size ||
		    entry->write != a->write || entry->port != a->port)
			return EMUL_CB_UNSUPPORTED;
		__builtin_memcpy(a->data, entry->data, 8);
		return EMUL_CB_OK;
	}
	if (s->logged == LOG_MAX)
		return EMUL_CB_UNSUPPORTED;
	if (s->posted && !join_posted(s, a))
		return EMUL_CB_EXIT;
	entry = &s->log[s->logged];
	*entry = *a;
	if (s->posted || from_batch(s, entry) || (a->port ? engine_pio(s->v, entry) : engine_mmio(s->v, entry)) ||
	    host_takes(s->v, entry)) {
		__builtin_memcpy(a->data, entry->data, 8);
	} else {
		tell_user(s->v, a);
		if (!a->write) {
			s->waiting = true;
			return EMUL_CB_EXIT;
		}
		s->posted = true;
	}
	s->logged++;
	s->replayed++;
	return EMUL_CB_OK;
}

static enum emul_cb mmio(struct emul_session *s, u64 gpa, void *data, unsigned size,
			 bool write)
{
	while (size) {
		struct access a = { .addr = gpa, .write = write };
		enum emul_cb rc;

		a.size = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
		if (write)
			__builtin_memcpy(a.data, data, a.size);
		rc = device_access(s, &a);
		if (rc != EMUL_CB_OK)
			return rc;
		if (!write)
			__builtin_memcpy(data, a.data, a.size);
		data = (char *)data + a.size;
		gpa += a.size;
		size -= a.size;
	}
	return EMUL_CB_OK;
}

/* -- Memory ------------------------------------------------------------------- */

static enum emul_cb page_fault(struct emul *e, u64 la, u32 error)
{
	e->fault = (struct emul_fault){
		.vector = VEC_PF, .kind = EMUL_EVENT_EXCEPTION, .has_error = true,
		.error = error, .cr2 = la,
	};
	return EMUL_CB_FAULT;
}

static enum emul_cb translate(struct emul *e, u64 la, u32 access, struct gphys *gpa)
{
	struct emul_session *s = session(e);
	u32 error = 0;
	int rc;

	if (!e->protected_mode) {
		gpa->v = la & BITS(31, 0);
		return EMUL_CB_OK;
	}
	if (s->hint && !((la ^ s->hint_la) & ~PG_OFFSET_MASK) && !(access & PF_I)) {
		gpa->v = s->hint_pa | (la & PG_OFFSET_MASK);
		return EMUL_CB_OK;
	}
	rc = paging_translate(s->v, glin(la), access, false, gpa, &error);
	if (rc == ERR_FAULT)
		return page_fault(e, la, error);
	return rc ? EMUL_CB_UNSUPPORTED : EMUL_CB_OK;
}

static u32 pf_access(unsigned flags, bool write)
{
	u32 access = (flags & EMUL_ACCESS_USER) ? PF_U :
		     (flags & EMUL_ACCESS_SYSTEM) ? PF_IMPLICIT : 0;

	return access | (write || (flags & EMUL_ACCESS_WRITE) ? PF_W : 0);
}

/* What was read ahead is what the guest has just changed. */
static void note_write(struct emul_session *s, u64 gpa, unsigned size)
{
	if (gpa < s->window_pa + s->window_len && gpa + size > s->window_pa)
		s->window_len = 0;
}

static enum emul_cb access_page(struct emul_session *s, struct gphys gpa, void *data,
				unsigned size, bool write)
{
	struct vm *vm = s->v->vm;

	/* The page that made the guest exit is known not to be memory. */
	if (s->hint && !((gpa.v ^ s->hint_pa) & ~PG_OFFSET_MASK))
		return mmio(s, gpa.v, data, size, write);
	if (write)
		note_write(s, gpa.v, size);
	if (!(write ? mem_write(vm, gpa, data, size) : mem_read(vm, gpa, data, size)))
		return EMUL_CB_OK;
	if (!mem_is_ram(vm, gpa, write))
		return mmio(s, gpa.v, data, size, write);
	return EMUL_CB_UNSUPPORTED;
}

/* Where an access of size bytes at la goes: one place, or two if it crosses a page. */
struct span {
	struct gphys gpa[2];
	unsigned first;		/* bytes in gpa[0]'s page */
};

static enum emul_cb translate_span(struct emul *e, u64 la, unsigned size, u32 access,
				   struct span *span)
{
	unsigned first = PG_SIZE - (la & PG_OFFSET_MASK);
	enum emul_cb rc = translate(e, la, access, &span->gpa[0]);
	u64 next = la + first;

	if (LIKELY(first >= size)) {
		span->first = size;
		return rc;
	}
	span->first = first;
	if (e->mode != EMUL_MODE64)	/* linear addresses have 32 bits */
		next = (u32)next;
	return rc == EMUL_CB_OK ? translate(e, next, access, &span->gpa[1]) : rc;
}

static enum emul_cb access_memory(struct emul *e, u64 la, void *data, unsigned size,
				  unsigned flags, bool write)
{
	struct emul_session *s = session(e);
	struct span span;
	enum emul_cb rc;

	rc = translate_span(e, la, size, pf_access(flags, write), &span);
	if (rc == EMUL_CB_OK)
		rc = access_page(s, span.gpa[0], data, span.first, write);
	if (rc == EMUL_CB_OK && span.first < size)
		rc = access_page(s, span.gpa[1], (char *)data + span.first,
				 size - span.first, write);
	return rc;
}

static enum emul_cb cb_check_write(struct emul *e, uint64_t la, unsigned size,
				   unsigned access)
{
	struct span span;

	session(e)->next_write = la;
	return translate_span(e, la, size, pf_access(access, true), &span);
}

/* Fills the window around gpa, within its page. False: not all of it is memory. */
static bool fill_window(struct emul_session *s, u64 gpa)
{
	u64 page = gpa & ~PG_OFFSET_MASK, from = gpa - WINDOW_BEHIND;
	u32 len = WINDOW_MAX;

	if (from < page || from > gpa)
		from = page;
	if (len > page + PG_SIZE - from)
		len = page + PG_SIZE - from;
	s->window_len = 0;
	if (mem_read(s->v->vm, gphys(from), s->window, len))
		return false;
	s->window_pa = from;
	s->window_len = len;
	return true;
}

static enum emul_cb cb_fetch(struct emul *e, uint64_t la, void *buf, unsigned size)
{
	struct emul_session *s = session(e);
	struct gphys gpa;
	enum emul_cb rc = translate(e, la, PF_I | (e->cpl == 3 ? PF_U : 0), &gpa);

	if (rc != EMUL_CB_OK)
		return rc;
	if (s->read_ahead) {
		bool inside = gpa.v >= s->window_pa &&
			      gpa.v + size <= s->window_pa + s->window_len;

		if (inside || fill_window(s, gpa.v)) {
			__builtin_memcpy(buf, s->window + (gpa.v - s->window_pa), size);
			return EMUL_CB_OK;
		}
	}
	return mem_read(s->v->vm, gpa, buf, size) ? EMUL_CB_UNSUPPORTED : EMUL_CB_OK;
}

static enum emul_cb cb_read_mem(struct emul *e, uint64_t la, void *buf, unsigned size,
				unsigned access)
{
	return access_memory(e, la, buf, size, access, false);
}

static enum emul_cb cb_write_mem(struct emul *e, uint64_t la, const void *buf,
				 unsigned size, unsigned access)
{
	return access_memory(e, la, (void *)buf, size, access, true);
}

static enum emul_cb cb_cmpxchg_mem(struct emul *e, uint64_t la, const void *old,
				   const void *new, unsigned size, unsigned access)
{
	struct emul_session *s = session(e);
	struct gphys gpa;
	u64 a = 0, b = 0;
	enum emul_cb rc;
	int swapped;

	if (size > 8 || (la & (size - 1)))
		return EMUL_CB_NOT_RAM;
	rc = translate(e, la, pf_access(access, true), &gpa);
	if (rc != EMUL_CB_OK)
		return rc;
	if (!mem_is_ram(s->v->vm, gpa, true))
		return EMUL_CB_NOT_RAM;
	__builtin_memcpy(&a, old, size);
	__builtin_memcpy(&b, new, size);
	note_write(s, gpa.v, size);
	swapped = mem_cmpxchg(s->v->vm, gpa, a, b, size);
	return swapped < 0 ? EMUL_CB_UNSUPPORTED : swapped ? EMUL_CB_OK : EMUL_CB_RETRY;
}

/* -- Ports -------------------------------------------------------------------- */

/*
 * How many elements of REP INS to ask for: those that end up in the page where the
 * first one goes, as it is known to be writable. A single-stepped one comes alone.
 */
static u16 batch_size(const struct emul *e, u64 la, unsigned size, u64 count)
{
	u64 at = la & PG_OFFSET_MASK;
	u64 room = (e->rflags & RFLAGS_DF) ? at / size + 1 : (PG_SIZE - at) / size;

	if (count > room)
		count = room;
	return !count || (e->rflags & RFLAGS_TF) ? 1 : count;
}

static enum emul_cb cb_io_in(struct emul *e, uint16_t port, uint32_t *value,
			     unsigned size, uint64_t count)
{
	struct access a = { .addr = port, .size = size, .port = 1 };
	enum emul_cb rc;

	a.count = count > 1 ? batch_size(e, session(e)->next_write, size, count) : 1;
	rc = device_access(session(e), &a);
	*value = 0;
	if (rc == EMUL_CB_OK)
		__builtin_memcpy(value, a.data, size);
	return rc;
}

static enum emul_cb cb_io_out(struct emul *e, uint16_t port, uint32_t value,
			      unsigned size, uint64_t count)
{
	struct access a = { .addr = port, .size = size, .port = 1, .write = 1, .count = 1 };

	(void)count;
	__builtin_memcpy(a.data, &value, size);
	return device_access(session(e), &a);
}

/* -- Registers ---------------------------------------------------------------- */

static void cb_get_seg(struct emul *e, enum emul_segment seg, struct emul_seg *out)
{
	struct x86_seg s;

	backend->get_seg(session(e)->v, (enum seg)seg, &s);
	*out = (struct emul_seg){ s.base, s.limit, s.ar, s.sel };
}

static void cb_set_seg(struct emul *e, enum emul_segment seg, const struct emul_seg *in)
{
	struct x86_seg s = { in->base, in->limit, in->ar, in->selector };

	backend->set_seg(session(e)->v, (enum seg)seg, &s);
}

static void cb_get_table(struct emul *e, enum emul_table table,
			 struct emul_table_reg *out)
{
	struct x86_dtable gdt, idt, *t = table == EMUL_GDT ? &gdt : &idt;

	backend->get_dtables(session(e)->v, &gdt, &idt);
	*out = (struct emul_table_reg){ t->base, t->limit };
}

static void cb_set_table(struct emul *e, enum emul_table table,
			 const struct emul_table_reg *in)
{
	struct x86_dtable t = { in->base, in->limit };

	if (table == EMUL_GDT)
		backend->set_gdt(session(e)->v, &t);
	else
		backend->set_idt(session(e)->v, &t);
}

static uint64_t cb_read_cr(struct emul *e, unsigned cr)
{
	struct vcpu *v = session(e)->v;

	switch (cr) {
	case 0: return v->cr0;
	case 2: return v->cr2;
	case 3: return v->cr3;
	case 4: return v->cr4;
	case 8: return x86_get_cr8(v);
	default: return v->xcr0;
	}
}

static enum emul_cb gp_unless(struct emul *e, int rc)
{
	if (!rc)
		return EMUL_CB_OK;
	e->fault = (struct emul_fault){
		.vector = VEC_GP, .kind = EMUL_EVENT_EXCEPTION, .has_error = true,
	};
	return EMUL_CB_FAULT;
}

static enum emul_cb cb_write_cr(struct emul *e, unsigned cr, uint64_t value)
{
	struct vcpu *v = session(e)->v;

	switch (cr) {
	case 0: return gp_unless(e, x86_set_cr0(v, value));
	case 2: v->cr2 = value; return EMUL_CB_OK;
	case 3: return gp_unless(e, x86_set_cr3(v, value));
	case 4: return gp_unless(e, x86_set_cr4(v, value));
	default:
		session(e)->tpr_lowered = x86_lowers_user_tpr(v, value);
		return gp_unless(e, x86_set_cr8(v, value));
	}
}

static uint64_t cb_read_dr(struct emul *e, unsigned dr)
{
	struct vcpu *v = session(e)->v;

	backend->sync_debug(v);
	return dr < 4 ? v->dr[dr] : dr == 6 ? v->dr6 : v->dr7;
}

static enum emul_cb cb_write_dr(struct emul *e, unsigned dr, uint64_t value)
{
	x86_write_dr(session(e)->v, dr, value);
	return EMUL_CB_OK;
}

static enum emul_cb cb_read_msr(struct emul *e, uint32_t msr, uint64_t *value)
{
	return gp_unless(e, x86_get_msr(session(e)->v, msr, value, false));
}

static enum emul_cb cb_write_msr(struct emul *e, uint32_t msr, uint64_t value)
{
	return gp_unless(e, x86_set_msr(session(e)->v, msr, value, false));
}

static enum emul_cb cb_cpuid(struct emul *e, uint32_t leaf, uint32_t subleaf,
			     uint32_t out[4])
{
	x86_cpuid(session(e)->v, leaf, subleaf, out);
	return EMUL_CB_OK;
}

static enum emul_cb cb_rdtsc(struct emul *e, uint64_t *value)
{
	*value = rdtsc() + session(e)->v->tsc_offset;
	return EMUL_CB_OK;
}

static void cb_invlpg(struct emul *e, uint64_t la)
{
	(void)la;
	vcpu_request(session(e)->v, REQ_TLB);
}

/* A whole batch goes to memory at once if nothing stands against it. */
static uint64_t cb_ins_block(struct emul *e, uint16_t port, uint64_t la, unsigned size,
			     uint64_t most)
{
	struct emul_session *s = session(e);
	u64 count = s->batch.count;
	struct span span;

	if (!count || s->batch_at || s->batch.addr != port || s->batch.size != size ||
	    count > most || count * size > PG_SIZE)
		return 0;
	if (translate_span(e, la, count * size, pf_access(e->cpl == 3 ? EMUL_ACCESS_USER : 0, true),
			   &span) != EMUL_CB_OK || span.first != count * size ||
	    mem_write(s->v->vm, span.gpa[0], s->v->pio_data, count * size))
		return 0;
	s->batch.count = 0;
	return count;
}

static void cb_checkpoint(struct emul *e)
{
	struct emul_session *s = session(e);

	s->logged = s->replayed = 0;
}

static void cb_read_xmm(struct emul *e, unsigned reg, void *buf, unsigned size)
{
	vector_read(session(e)->v, reg, buf, size);
}

static void cb_write_xmm(struct emul *e, unsigned reg, const void *buf, unsigned size,
			 bool zero_upper)
{
	vector_write(session(e)->v, reg, buf, size, zero_upper);
}

static enum emul_cb cb_fpu(struct emul *e, enum emul_fpu what, uint16_t *word)
{
	if (fpu_operate(session(e)->v, what, word))
		return EMUL_CB_OK;
	e->fault = (struct emul_fault){ .vector = VEC_MF, .kind = EMUL_EVENT_EXCEPTION };
	return EMUL_CB_FAULT;
}

/* Only where hardware can't run the guest: elsewhere they exit. */
static enum emul_cb cb_vmcall(struct emul *e, bool amd)
{
	if (amd || backend_caps.unrestricted_guest)
		return EMUL_CB_UNSUPPORTED;
	x86_exit_hypercall(session(e)->v);
	return EMUL_CB_OK;
}

const struct emul_ops x86_emul_ops = {
	.fetch = cb_fetch, .read_mem = cb_read_mem, .write_mem = cb_write_mem,
	.check_write = cb_check_write, .cmpxchg_mem = cb_cmpxchg_mem, .io_in = cb_io_in, .io_out = cb_io_out,
	.ins_block = cb_ins_block,
	.get_seg = cb_get_seg, .set_seg = cb_set_seg,
	.get_table = cb_get_table, .set_table = cb_set_table,
	.read_cr = cb_read_cr, .write_cr = cb_write_cr,
	.read_dr = cb_read_dr, .write_dr = cb_write_dr,
	.read_msr = cb_read_msr, .write_msr = cb_write_msr,
	.cpuid = cb_cpuid, .rdtsc = cb_rdtsc, .invlpg = cb_invlpg,
	.fpu = cb_fpu, .vmcall = cb_vmcall,
	.checkpoint = cb_checkpoint, .read_xmm = cb_read_xmm, .write_xmm = cb_write_xmm,
};
