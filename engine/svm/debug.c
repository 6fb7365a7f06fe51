/* SPDX-License-Identifier: MIT */
/*
 * Debug registers. DR6 and DR7 are in the VMCB. DR0-DR3 are not: they are loaded
 * for one stay in the guest, when it has a breakpoint enabled or has touched a debug
 * register (accesses exit until then), and read back right after it. In between
 * they are the host's: its breakpoints may come and go with any interrupt, and
 * VMEXIT has cleared the DR7 that they need, so both are looked at before each VMRUN.
 *
 * While a debugger owns the registers all the guest's accesses exit, v->dr* hold
 * its values, and the VMCB's DR6 is for the debugger's hits alone.
 */
#include "svm.h"

#include "arch/insn.h"

#define DR6_RESET	0xffff0ff0

static void write_addresses(const u64 dr[4])
{
	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
}

static void read_addresses(u64 dr[4])
{
	dr[0] = read_dr0();
	dr[1] = read_dr1();
	dr[2] = read_dr2();
	dr[3] = read_dr3();
}

bool svm_debug_exits(const struct svm_vcpu *s)
{
	return !s->debug_loaded || debug_owned(&s->v) || (s->v.traps.instructions & TRAP_MOV_DR);
}

static void set_intercepts(struct svm_vcpu *s)
{
	s->vmcb->c.dr_read = s->vmcb->c.dr_write = svm_debug_exits(s) ? 0xffff : 0;
	vmcb_touch(s, CLEAN_INTERCEPTS);
}

static bool host_uses(const struct svm_vcpu *s)
{
	return s->host_dr7 & DR7_ENABLES;
}

static void load_guest(struct svm_vcpu *s)
{
	write_addresses(debug_addresses(&s->v));
	s->debug_loaded = true;
	set_intercepts(s);
}

void svm_debug_before(struct svm_vcpu *s, u64 dr7)
{
	s->host_dr7 = dr7;
	if (host_uses(s)) {
		read_addresses(s->host_dr);
		/* Off: the guest's addresses must not become breakpoints in the host. */
		write_dr7(DR7_NONE);
	}
	if (s->debug_wanted || (s->vmcb->s.dr7 & DR7_ENABLES))
		load_guest(s);
	s->debug_wanted = false;
}

void svm_debug_after(struct svm_vcpu *s)
{
	if (s->debug_loaded) {
		if (!debug_owned(&s->v))
			read_addresses(s->v.dr);
		s->debug_loaded = false;
		set_intercepts(s);
	}
	if (host_uses(s)) {
		write_addresses(s->host_dr);
		write_dr7(s->host_dr7);
		s->host_dr7 = 0;
	}
}

void svm_sync_debug(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (debug_owned(v))
		return;
	v->dr6 = s->vmcb->s.dr6;
	v->dr7 = s->vmcb->s.dr7;
}

void svm_set_debug(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->s.dr6 = debug_owned(v) ? DR6_RESET : v->dr6;
	s->vmcb->s.dr7 = debug_dr7(v);
	vmcb_touch(s, CLEAN_DR);
}

void svm_update_debug(struct vcpu *v)
{
	svm_set_traps(v);
	svm_set_debug(v);
}
