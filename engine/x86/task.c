/* SPDX-License-Identifier: MIT */
/*
 * SDM3 "Task Switching". There is none in VMX non-root operation: each one exits,
 * after the processor has checked the gate and the new TSS's descriptor. It is for
 * us to save the old task, to load the new one and to make the checks of its
 * segments. IA-32e mode has no task switch, so addresses here are of 32 bits.
 */
#include "../vmm.h"

#include "../core/event.h"
#include "../core/regs.h"
#include "exits.h"
#include "paging.h"
#include "task.h"

#define SEL_RPL		3u
#define SEL_TI		4u
#define SEL_ERROR(s)	((s) & 0xfffcu)

#define TYPE_ACCESSED	1u
#define TYPE_WRITABLE	2u	/* a code segment's "readable" */
#define TYPE_CONFORMING	4u
#define TYPE_CODE	8u
#define TYPE_LDT	2u
#define TYPE_TSS16	1u
#define TYPE_TSS32	9u
#define TYPE_BUSY	2u

#define AR_V86		0xf3u
#define DR6_BT		BIT(15)
#define DR7_LOCAL	(BIT(0) | BIT(2) | BIT(4) | BIT(6) | BIT(8))

/* SDM3 "32-Bit Task-State Segment (TSS)": from the link to the T flag. */
struct tss32 {
	u32 link, stacks[6], cr3;
	u32 eip, eflags, gpr[8];
	u32 sel[6];		/* in the order of enum seg */
	u32 ldt, trap;
};

/* SDM3 "16-Bit Task-State Segment (TSS)". */
struct tss16 {
	u16 link, stacks[6];
	u16 ip, flags, gpr[8];
	u16 sel[4];
	u16 ldt;
};

_Static_assert(sizeof(struct tss32) == 0x68 && sizeof(struct tss16) == 0x2c, "as in SDM3");

struct task {
	struct vcpu *v;
	enum task_cause cause;
	struct x86_dtable gdt;
	struct x86_seg old, new;	/* the two TSSs */
	bool old_is_32, new_is_32;
	struct tss32 in;		/* the new task; a 16-bit one widened */
};

/* -- Memory: each returns false with the fault raised. ---------------------------- */

static bool access_page(struct vcpu *v, u64 la, void *buf, u32 n, u32 access)
{
	struct gphys gpa;
	u32 error;
	int rc = paging_translate(v, glin(la), access | PF_IMPLICIT, false, &gpa, &error);

	if (rc == ERR_FAULT) {
		vcpu_raise_pf(v, la, error);
		return false;
	}
	if (!buf)		/* a look whether it may be written */
		return true;
	/* What isn't memory reads as ones and takes no writes. */
	if (access & PF_W) {
		if (!rc)
			mem_write(v->vm, gpa, buf, n);
	} else if (rc || mem_read(v->vm, gpa, buf, n)) {
		__builtin_memset(buf, 0xff, n);
	}
	return true;
}

static bool access(struct vcpu *v, u64 la, void *buf, u32 n, u32 how)
{
	u8 *p = buf;

	while (n) {
		u32 at = (u32)la, part = PG_SIZE - (at & (PG_SIZE - 1));

		part = part < n ? part : n;
		if (!access_page(v, at, p, part, how))
			return false;
		la += part;
		n -= part;
		p = p ? p + part : NULL;
	}
	return true;
}

static bool load(struct vcpu *v, u64 la, void *buf, u32 n)
{
	return access(v, la, buf, n, 0);
}

static bool store(struct vcpu *v, u64 la, const void *buf, u32 n)
{
	return access(v, la, (void *)buf, n, PF_W);
}

static bool fault(struct vcpu *v, u8 vector, u16 selector)
{
	vcpu_raise_error(v, vector, SEL_ERROR(selector));
	return false;
}

/* -- Descriptors ------------------------------------------------------------------ */

static void unpack(const u32 raw[2], u16 sel, struct x86_seg *s)
{
	s->sel = sel;
	s->base = raw[0] >> 16 | (raw[1] & 0xff) << 16 | (raw[1] & 0xff000000);
	s->limit = (raw[0] & 0xffff) | (raw[1] & 0xf0000);
	s->ar = (raw[1] >> 8) & 0xf0ff;
	if (s->ar & AR_G)
		s->limit = s->limit << 12 | 0xfff;
}

/* The descriptor in the GDT or LDT; `vector` if the selector names none. */
static bool read_descriptor(struct task *t, u16 sel, u8 vector, struct x86_seg *s, u64 *la)
{
	struct vcpu *v = t->v;
	struct x86_seg ldt;
	u64 base = t->gdt.base;
	u32 limit = t->gdt.limit, raw[2];

	if (sel & SEL_TI) {
		backend->get_seg(v, SEG_LDTR, &ldt);
		base = ldt.base;
		limit = ldt.ar & AR_UNUSABLE ? 0 : ldt.limit;
	}
	if ((sel & 0xfff8u) + 7 > limit)
		return fault(v, vector, sel);
	*la = base + (sel & 0xfff8u);
	if (!load(v, *la, raw, sizeof(raw)))
		return false;
	unpack(raw, sel, s);
	return true;
}

/* Writes the type byte of the descriptor at la. */
static bool write_type(struct vcpu *v, u64 la, u32 ar)
{
	u8 byte = ar;

	return store(v, la + 5, &byte, 1);
}

static bool is_tss(u32 ar, bool busy)
{
	u32 type = ar & (AR_TYPE | AR_S) & ~TYPE_BUSY;

	return (type == TYPE_TSS16 || type == TYPE_TSS32) && !(ar & TYPE_BUSY) == !busy;
}

/* -- Out of the old task ------------------------------------------------------------ */

static bool check_new_tss(struct task *t, u16 sel, u64 *la)
{
	/* Of JMP and CALL the operand is to blame, of gate and link the TSS. */
	u8 vector = t->cause == TASK_JMP || t->cause == TASK_CALL ? VEC_GP : VEC_TS;

	if (sel & SEL_TI || !(sel & ~SEL_RPL))
		return fault(t->v, vector, sel);
	if (!read_descriptor(t, sel, vector, &t->new, la))
		return false;
	if (!is_tss(t->new.ar, t->cause == TASK_IRET))
		return fault(t->v, vector, sel);
	if (!(t->new.ar & AR_P))
		return fault(t->v, VEC_NP, sel);
	t->new_is_32 = t->new.ar & (TYPE_TSS32 & ~TYPE_TSS16);
	if (t->new.limit < (t->new_is_32 ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
		return fault(t->v, VEC_TS, sel);
	return true;
}

static bool read_new(struct task *t)
{
	struct tss16 in;
	unsigned i;

	if (t->new_is_32)
		return load(t->v, t->new.base, &t->in, sizeof(t->in));
	if (!load(t->v, t->new.base, &in, sizeof(in)))
		return false;
	t->in = (struct tss32){ .link = in.link, .eip = in.ip, .eflags = in.flags,
				.ldt = in.ldt };
	for (i = 0; i < 8; i++)
		t->in.gpr[i] = in.gpr[i];
	for (i = 0; i < 4; i++)
		t->in.sel[i] = in.sel[i];
	return true;
}

static bool save_32(struct task *t, u64 rip, u64 rflags, const u16 sel[6])
{
	struct { u32 eip, eflags, gpr[8], sel[6]; } out = { rip, rflags, { 0 }, { 0 } };
	unsigned i;

	_Static_assert(sizeof(out) == offsetof(struct tss32, ldt) - offsetof(struct tss32, eip),
		       "what a task switch saves");
	for (i = 0; i < 8; i++)
		out.gpr[i] = vcpu_gpr(t->v, i);
	for (i = 0; i < 6; i++)
		out.sel[i] = sel[i];
	return store(t->v, t->old.base + offsetof(struct tss32, eip), &out, sizeof(out));
}

static bool save_16(struct task *t, u64 rip, u64 rflags, const u16 sel[6])
{
	struct { u16 ip, flags, gpr[8], sel[4]; } out = { rip, rflags, { 0 }, { 0 } };
	unsigned i;

	_Static_assert(sizeof(out) == offsetof(struct tss16, ldt) - offsetof(struct tss16, ip),
		       "what a task switch saves");
	for (i = 0; i < 8; i++)
		out.gpr[i] = vcpu_gpr(t->v, i);
	for (i = 0; i < 4; i++)
		out.sel[i] = sel[i];
	return store(t->v, t->old.base + offsetof(struct tss16, ip), &out, sizeof(out));
}

static bool save_old(struct task *t, u64 rip)
{
	u64 rflags = vcpu_rflags(t->v);
	struct event *e = &t->v->injected;
	u16 sel[6];
	unsigned i;

	if (t->cause == TASK_IRET)
		rflags &= ~RFLAGS_NT;
	/* SDM3 "Saving Non-Register State": as a fault's RFLAGS are pushed. */
	if (e->type == EVENT_EXCEPTION && e->vector != VEC_DB && e->vector != VEC_DF)
		rflags |= RFLAGS_RF;
	for (i = 0; i < 6; i++) {
		struct x86_seg s;

		backend->get_seg(t->v, i, &s);
		sel[i] = s.sel;
	}
	return t->old_is_32 ? save_32(t, rip, rflags, sel) : save_16(t, rip, rflags, sel);
}

/* Can all of the old TSS that is to be written be written? */
static bool probe_old(struct task *t)
{
	u32 size = t->old_is_32 ? sizeof(struct tss32) : sizeof(struct tss16);

	if (t->old.limit < size - 1)
		return fault(t->v, VEC_TS, t->old.sel);
	return access(t->v, t->old.base, NULL, size, PF_W);
}

/* The busy flags, and for a nested task the way back. */
static bool link_tasks(struct task *t, u64 new_la)
{
	struct vcpu *v = t->v;
	u16 link = t->old.sel;

	if (t->cause == TASK_JMP || t->cause == TASK_IRET) {
		u64 la = t->gdt.base + (t->old.sel & 0xfff8u);
		u8 type;

		if (!load(v, la + 5, &type, 1) || !write_type(v, la, type & ~TYPE_BUSY))
			return false;
	} else {
		if (!store(v, t->new.base, &link, sizeof(link)))
			return false;
		t->in.eflags |= RFLAGS_NT;
	}
	t->new.ar |= TYPE_BUSY;
	return t->cause == TASK_IRET || write_type(v, new_la, t->new.ar);
}

/* -- Into the new task -------------------------------------------------------------- */

static bool load_ldt(struct task *t)
{
	struct x86_seg s = { .sel = t->in.ldt, .ar = AR_UNUSABLE };
	u64 la;

	backend->set_seg(t->v, SEG_LDTR, &s);
	if (!(s.sel & ~SEL_RPL))
		return true;
	if (s.sel & SEL_TI)
		return fault(t->v, VEC_TS, s.sel);
	if (!read_descriptor(t, t->in.ldt, VEC_TS, &s, &la))
		return false;
	if ((s.ar & (AR_TYPE | AR_S | AR_P)) != (TYPE_LDT | AR_P))
		return fault(t->v, VEC_TS, s.sel);
	backend->set_seg(t->v, SEG_LDTR, &s);
	return true;
}

static void load_v86(struct task *t)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		struct x86_seg s = { .sel = t->in.sel[i], .limit = 0xffff, .ar = AR_V86 };

		s.base = (u64)s.sel << 4;
		backend->set_seg(t->v, i, &s);
	}
}

/* SDM3, table of "Exception Conditions Checked During a Task Switch". */
static bool segment_allowed(enum seg i, u32 ar, u32 rpl, u32 cpl)
{
	u32 type = ar & AR_TYPE, dpl = AR_DPL(ar);

	if (!(ar & AR_S))
		return false;
	if (i == SEG_CS)
		return (type & TYPE_CODE) &&
		       (type & TYPE_CONFORMING ? dpl <= rpl : dpl == rpl);
	if (i == SEG_SS)
		return !(type & TYPE_CODE) && (type & TYPE_WRITABLE) && dpl == cpl && rpl == cpl;
	if ((type & TYPE_CODE) && !(type & TYPE_WRITABLE))
		return false;
	if ((type & TYPE_CODE) && (type & TYPE_CONFORMING))
		return true;
	return dpl >= cpl && dpl >= rpl;
}

static bool load_segment(struct task *t, enum seg i, u32 cpl)
{
	u16 sel = t->in.sel[i];
	struct x86_seg s;
	u64 la;

	if (!(sel & ~SEL_RPL) && i != SEG_CS && i != SEG_SS)
		return true;		/* unusable already */
	if (!(sel & ~SEL_RPL))
		return fault(t->v, VEC_TS, sel);
	if (!read_descriptor(t, sel, VEC_TS, &s, &la))
		return false;
	if (!segment_allowed(i, s.ar, sel & SEL_RPL, cpl))
		return fault(t->v, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return fault(t->v, i == SEG_SS ? VEC_SS : VEC_NP, sel);
	if (!(s.ar & TYPE_ACCESSED)) {
		s.ar |= TYPE_ACCESSED;
		if (!write_type(t->v, la, s.ar))
			return false;
	}
	backend->set_seg(t->v, i, &s);
	return true;
}

/*
 * All selectors are the new task's at once; what lies behind them comes one by one,
 * and each may fault. Until then CS and SS are flat, as an entry wants something
 * valid there and the fault is delivered before they are used.
 */
static void load_selectors(struct task *t, u32 cpl)
{
	enum seg i;

	for (i = SEG_ES; i <= SEG_GS; i++) {
		struct x86_seg s = { .sel = t->in.sel[i], .ar = AR_UNUSABLE };

		if (i == SEG_CS || i == SEG_SS) {
			s.limit = 0xffffffff;
			s.ar = (i == SEG_CS ? 0xc09b : 0xc093) | cpl << 5;
		}
		backend->set_seg(t->v, i, &s);
	}
}

static bool load_segments(struct task *t)
{
	static const u8 order[] = { SEG_CS, SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS };
	u32 cpl = t->in.sel[SEG_CS] & SEL_RPL;
	unsigned i;

	if (t->in.eflags & RFLAGS_VM) {
		load_v86(t);
		return load_ldt(t);
	}
	load_selectors(t, cpl);
	if (!load_ldt(t))
		return false;
	for (i = 0; i < COUNT_OF(order); i++)
		if (!load_segment(t, order[i], cpl))
			return false;
	return true;
}

static bool load_registers(struct task *t)
{
	struct vcpu *v = t->v;
	unsigned i;

	x86_set_cr0(v, v->cr0 | CR0_TS);
	vcpu_set_rip(v, t->in.eip);
	vcpu_set_rflags(v, t->in.eflags & 0x3f7fd5);
	for (i = 0; i < 8; i++)
		vcpu_set_gpr(v, i, t->in.gpr[i]);
	backend->sync_debug(v);
	if (v->dr7 & DR7_LOCAL) {
		v->dr7 &= ~(u64)DR7_LOCAL;
		backend->set_debug(v);
	}
	/* A task whose page directory can't be: SDM3 gives #TS with its selector. */
	if (t->new_is_32 && (v->cr0 & CR0_PG) && x86_set_cr3(v, t->in.cr3))
		return fault(v, VEC_TS, t->new.sel);
	return true;
}

/* What the event that came through the gate has with it goes to the new stack. */
static bool push_error(struct task *t, u32 error)
{
	struct x86_seg ss;
	u32 size = t->new_is_32 ? 4 : 2, sp, mask;

	backend->get_seg(t->v, SEG_SS, &ss);
	mask = ss.ar & AR_DB ? 0xffffffff : 0xffff;
	sp = (vcpu_rsp(t->v) - size) & mask;
	if (!store(t->v, ss.base + sp, &error, size))
		return false;
	vcpu_set_rsp(t->v, (vcpu_rsp(t->v) & ~(u64)mask) | sp);
	return true;
}

static bool check_eip(struct task *t)
{
	struct x86_seg cs;

	backend->get_seg(t->v, SEG_CS, &cs);
	return t->in.eip <= cs.limit || fault(t->v, VEC_GP, 0);
}

static void debug_trap(struct task *t)
{
	if (!t->new_is_32 || !(t->in.trap & 1))
		return;
	t->v->dr6 |= DR6_BT;
	backend->set_debug(t->v);
	vcpu_raise(t->v, VEC_DB);
}

/* Past the commit: faults are the new task's own. */
static void enter_new(struct task *t)
{
	struct vcpu *v = t->v;
	struct event e = v->injected;

	if (e.type)
		backend->uninject(v);
	v->injected.type = EVENT_NONE;
	/* An NMI's task runs with NMIs blocked, until an IRET. */
	if (e.type == EVENT_NMI || t->cause == TASK_IRET)
		backend->set_nmi_mask(v, e.type == EVENT_NMI);
	backend->set_shadow(v, 0);
	backend->set_seg(v, SEG_TR, &t->new);
	vcpu_request(v, REQ_TLB | REQ_EVENT);
	/* Where there was no event, what it had with it is an older one's. */
	if (load_registers(t) && load_segments(t) && check_eip(t) &&
	    (!e.type || !e.has_error || push_error(t, e.error)))
		debug_trap(t);
}

enum exit_action x86_exit_task_switch(struct vcpu *v, enum task_cause cause, u16 selector,
				      u64 return_rip)
{
	struct task t = { .v = v, .cause = cause };
	struct x86_dtable idt;
	u64 la;

	backend->sync_crs(v);
	backend->get_dtables(v, &t.gdt, &idt);
	backend->get_seg(v, SEG_TR, &t.old);
	t.old_is_32 = t.old.ar & (TYPE_TSS32 & ~TYPE_TSS16);
	if (check_new_tss(&t, selector, &la) && read_new(&t) && probe_old(&t) &&
	    save_old(&t, return_rip) && link_tasks(&t, la))
		enter_new(&t);
	return ACT_RESUME;
}
