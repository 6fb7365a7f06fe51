/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "../../../engine/irq/irq.h"
#include "../../../engine/x86/exits.h"

struct seen seen;
struct vm vm;
struct svm_vcpu s;
struct vcpu *const v = &s.v;
u8 lapic_regs[PG_SIZE];
unsigned insn_length, lengths_asked;
bool cpuid_answer, have_lapic;
u32 cpu_edx;

const struct backend *backend = &svm_backend;
struct backend_caps backend_caps;

/* -- The rest of the engine ------------------------------------------------------ */

static enum exit_action note(struct seen what)
{
	seen = what;
	return ACT_NEXT;
}

#define SEEN(name, ...) note((struct seen){ .handler = name, .a = { __VA_ARGS__ } })
#define HANDLER(fn, name) \
	enum exit_action fn(struct vcpu *c) { (void)c; return SEEN(name, 0); }

HANDLER(x86_exit_cpuid, "cpuid")
HANDLER(x86_exit_rdmsr, "rdmsr")
HANDLER(x86_exit_wrmsr, "wrmsr")
HANDLER(x86_exit_hlt, "hlt")
HANDLER(x86_exit_hypercall, "hypercall")
HANDLER(x86_exit_xsetbv, "xsetbv")
HANDLER(x86_exit_rdpmc, "rdpmc")
HANDLER(x86_exit_invlpg, "invlpg")
HANDLER(x86_exit_nop, "nop")
HANDLER(x86_exit_undefined, "undefined")
HANDLER(x86_exit_ud, "ud")
HANDLER(x86_exit_triple_fault, "triple fault")

u32 x86_ud_trap(struct vcpu *c)
{
	return c->traps.instructions & TRAP_VMCALL;
}

enum exit_action x86_exit_rdtsc(struct vcpu *c, bool with_aux)
{
	(void)c;
	return SEEN("rdtsc", with_aux);
}

enum exit_action x86_exit_pio(struct vcpu *c, u16 port, u8 size, bool in)
{
	(void)c;
	return SEEN("pio", port, size, in);
}

enum exit_action x86_exit_string_pio(struct vcpu *c, u16 port, u8 size, bool in)
{
	(void)c;
	return SEEN("string pio", port, size, in);
}

enum exit_action x86_exit_mov_to_cr(struct vcpu *c, unsigned cr, unsigned gpr)
{
	(void)c;
	return SEEN("mov to cr", cr, gpr);
}

enum exit_action x86_exit_s2_fault(struct vcpu *c, struct gphys gpa, unsigned access,
				   const u8 *insn, unsigned n)
{
	(void)c;
	return SEEN("s2 fault", gpa.v, access, n, insn ? insn[0] : 0);
}

enum exit_action x86_emulate(struct vcpu *c, const u8 *insn, unsigned n)
{
	(void)c, (void)insn, (void)n;
	SEEN("emulate", 0);
	return ACT_RESUME;
}

unsigned x86_insn_length(struct vcpu *c)
{
	(void)c;
	lengths_asked++;
	return insn_length;
}

enum exit_action x86_exit_reflect(struct vcpu *c, const struct event *e, u64 cr2)
{
	(void)c;
	seen = (struct seen){ .handler = "reflect", .a = { cr2 }, .event = *e };
	return ACT_RESUME;
}

bool x86_debug_exception(struct vcpu *c, u8 vector, u64 dr6, enum exit_action *action)
{
	(void)c, (void)vector, (void)dr6, (void)action;
	return false;
}

bool x86_debug_at_int3(struct vcpu *c)
{
	(void)c;
	return false;
}

/* The guest's own. */
void x86_step_trap(struct vcpu *c)
{
	svm_sync_debug(c);
	c->dr6 |= DR6_BS;
	svm_set_debug(c);
	vcpu_raise(c, VEC_DB);
}

enum exit_action x86_exit_unhandled(struct vcpu *c, const char *what)
{
	c->uexit.kind = UEXIT_INTERNAL;
	SEEN(what, 0);
	return ACT_USER;
}

bool x86_cpuid_has(struct vcpu *c, u32 function, u32 index, unsigned reg, unsigned bit)
{
	(void)c, (void)function, (void)index, (void)reg, (void)bit;
	return cpuid_answer;
}

void vcpu_raise(struct vcpu *c, u8 vector)
{
	c->exception = (struct event){ .type = EVENT_EXCEPTION, .vector = vector };
}

void *lapic_page(struct lapic *l)
{
	(void)l;
	return lapic_regs;
}

void lapic_tpr_changed(struct lapic *l)
{
	(void)l;
	SEEN("tpr", 0);
}

/* -- Up and down ------------------------------------------------------------------- */

static void reset_vcpu(void)
{
	v->rip = 0xfff0;
	v->rflags = RFLAGS_FIXED;
	v->reg_valid = v->reg_dirty = REG_RIP | REG_RSP | REG_RFLAGS;
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
	v->xcr0 = 3;
	svm_backend.vcpu_reset(v, false);
	svm_backend.set_cr0(v, CR0_ET | CR0_NW | CR0_CD);
	svm_backend.set_cr3(v, 0);
	svm_backend.set_cr4(v, 0);
	svm_backend.set_efer(v, 0);
	svm_backend.set_debug(v);
}

static int up(u32 edx, bool lapic)
{
	const char *why = NULL;

	cpu_edx = edx;
	have_lapic = lapic;
	sim_reset();
	sim.xcr0 = 3;
	sim_svm_reset(edx);
	memset(&seen, 0, sizeof(seen));
	memset(&vm, 0, sizeof(vm));
	memset(&s, 0, sizeof(s));
	memset(lapic_regs, 0, sizeof(lapic_regs));
	cpuid_answer = true;
	insn_length = 2;
	lengths_asked = 0;
	assert_int_equal(svm_backend.probe(&backend_caps, &why), 0);
	assert_int_equal(svm_backend.cpu_prepare(0), 0);
	assert_int_equal(svm_backend.cpu_prepare(1), 0);
	assert_int_equal(svm_backend.cpu_enable(), 0);
	sim.cpu = 1;
	sim_set_msr(MSR_EFER, sim_msr(MSR_EFER) & ~EFER_SVME);
	assert_int_equal(svm_backend.cpu_enable(), 0);
	sim.cpu = 0;
	vm.mem.root = hphys(0x5000);
	v->vm = &vm;
	v->lapic = lapic ? (struct lapic *)lapic_regs : NULL;
	assert_int_equal(svm_backend.vcpu_create(v), 0);
	svm_backend.vcpu_load(v, 0);
	reset_vcpu();
	return 0;
}

int vcpu_up(void **state)
{
	(void)state;
	return up(EDX_FULL, true);
}

int vcpu_up_plain(void **state)
{
	(void)state;
	return up(EDX_NP, true);
}

int vcpu_up_no_lapic(void **state)
{
	(void)state;
	return up(EDX_FULL, false);
}

int vcpu_down(void **state)
{
	(void)state;
	svm_backend.vcpu_put(v);
	svm_backend.vcpu_destroy(v);
	svm_backend.cpu_disable();
	assert_false(sim_msr(MSR_EFER) & EFER_SVME);
	assert_int_equal(sim_msr(MSR_VM_HSAVE_PA), 0);
	svm_backend.cpus_release();
	assert_true(sim_clean());
	return 0;
}

void enter_long_mode(void)
{
	struct x86_seg cs = { 0, 0xffffffff, 0xa09b, 8 };

	svm_backend.set_cr4(v, CR4_PAE);
	svm_backend.set_efer(v, EFER_LME | EFER_LMA);
	svm_backend.set_cr0(v, CR0_PE | CR0_PG | CR0_ET | CR0_NE);
	svm_backend.set_seg(v, SEG_CS, &cs);
	vcpu_set_rflags(v, RFLAGS_IF);
}

static u64 exit_with[3], int_info;

static void leave(struct vmcb *b)
{
	sim_exit(b, exit_with[0], exit_with[1], exit_with[2]);
	if (cpu_edx & EDX_NRIPS)
		b->c.next_rip = b->s.rip + 2;
	b->c.exit_int_info = int_info;
	int_info = 0;
}

void interrupt_delivery(u64 info)
{
	int_info = info;
}

void enter_until(u64 code, u64 info1, u64 info2)
{
	exit_with[0] = code;
	exit_with[1] = info1;
	exit_with[2] = info2;
	sim_svm.guest = leave;
	memset(&seen, 0, sizeof(seen));
	svm_backend.enter(v);
	sim_svm.guest = NULL;
}

enum exit_action run_to(u64 code, u64 info1, u64 info2)
{
	enter_until(code, info1, info2);
	return svm_backend.handle_exit(v);
}
