/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "../../../engine/irq/irq.h"
#include "../../../engine/mem/table.h"
#include "../../../engine/x86/emulate.h"
#include "../../../engine/x86/exits.h"
#include "../../../engine/x86/task.h"
#include "arch/insn.h"

struct seen seen;
const struct backend *backend = &vmx_backend;
struct vm vm;
struct vmx_vcpu x;
struct vcpu *const v = &x.v;
u8 lapic_regs[PG_SIZE] __attribute__((aligned(4096)));
u8 guest_memory[PG_SIZE];
bool cpuid_answer;
bool have_lapic = true;
struct vmm_options vmm_options;
enum exit_action (*emulated)(struct vcpu *c);
struct emul_insn decoded;

/* -- The rest of the engine ------------------------------------------------------ */

static enum exit_action note(struct seen what)
{
	seen = what;
	return ACT_NEXT;
}

#define SEEN(name, ...) note((struct seen){ .handler = name, .a = { __VA_ARGS__ } })

enum exit_action x86_exit_cpuid(struct vcpu *c) { (void)c; return SEEN("cpuid", 0); }
enum exit_action x86_exit_rdmsr(struct vcpu *c) { (void)c; return SEEN("rdmsr", 0); }
enum exit_action x86_exit_wrmsr(struct vcpu *c) { (void)c; return SEEN("wrmsr", 0); }
enum exit_action x86_exit_hlt(struct vcpu *c) { (void)c; return SEEN("hlt", 0); }
enum exit_action x86_exit_hypercall(struct vcpu *c) { (void)c; return SEEN("hypercall", 0); }
enum exit_action x86_exit_xsetbv(struct vcpu *c) { (void)c; return SEEN("xsetbv", 0); }
enum exit_action x86_exit_rdpmc(struct vcpu *c) { (void)c; return SEEN("rdpmc", 0); }
enum exit_action x86_exit_invlpg(struct vcpu *c) { (void)c; return SEEN("invlpg", 0); }
enum exit_action x86_exit_nop(struct vcpu *c) { (void)c; return SEEN("nop", 0); }
enum exit_action x86_exit_undefined(struct vcpu *c) { (void)c; return SEEN("undefined", 0); }
enum exit_action x86_exit_ud(struct vcpu *c) { (void)c; return SEEN("ud", 0); }
u32 x86_ud_trap(struct vcpu *c) { return c->traps.instructions & TRAP_VMCALL; }
enum exit_action x86_exit_clts(struct vcpu *c) { (void)c; return SEEN("clts", 0); }

enum exit_action x86_exit_triple_fault(struct vcpu *c)
{
	(void)c;
	return SEEN("triple fault", 0);
}

enum exit_action x86_exit_task_switch(struct vcpu *c, enum task_cause cause, u16 selector,
				      u64 return_rip)
{
	(void)c, (void)return_rip;
	return SEEN("task switch", cause, selector);
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

enum exit_action x86_exit_mov_from_cr(struct vcpu *c, unsigned cr, unsigned gpr)
{
	(void)c;
	return SEEN("mov from cr", cr, gpr);
}

enum exit_action x86_exit_lmsw(struct vcpu *c, u16 msw)
{
	(void)c;
	return SEEN("lmsw", msw);
}

enum exit_action x86_exit_mov_dr(struct vcpu *c, unsigned dr, unsigned gpr, bool to_dr)
{
	(void)c;
	return SEEN("mov dr", dr, gpr, to_dr);
}

enum exit_action x86_exit_s2_fault(struct vcpu *c, struct gphys gpa, unsigned access,
				   const u8 *insn, unsigned n)
{
	(void)insn;
	(void)n;
	return SEEN("s2 fault", gpa.v, access, c->exit.flags, c->exit.gla);
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

void x86_step_trap(struct vcpu *c)
{
	(void)c;
}

enum exit_action x86_exit_unhandled(struct vcpu *c, const char *what)
{
	c->uexit.kind = UEXIT_INTERNAL;
	c->uexit.internal.ndata = 0;
	SEEN(what, 0);
	return ACT_USER;
}

enum exit_action x86_emulate(struct vcpu *c, const u8 *insn, unsigned n)
{
	(void)insn, (void)n;
	SEEN("emulate", 0);
	return emulated ? emulated(c) : ACT_USER;
}

enum exit_action x86_deliver_real(struct vcpu *c, const struct event *e)
{
	(void)c;
	seen = (struct seen){ .handler = "deliver", .event = *e };
	return ACT_RESUME;
}

void x86_read_ahead(struct vcpu *c, bool on)
{
	(void)c, (void)on;
}

const struct emul_insn *x86_decode(struct vcpu *c)
{
	(void)c;
	return decoded.length ? &decoded : NULL;
}

bool x86_cpuid_has(struct vcpu *c, u32 function, u32 index, unsigned reg, unsigned bit)
{
	(void)c, (void)function, (void)index, (void)reg, (void)bit;
	return cpuid_answer;
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

int mem_read(struct vm *m, struct gphys gpa, void *dst, size_t n)
{
	(void)m;
	if (gpa.v + n > sizeof(guest_memory))
		return ERR_FAULT;
	memcpy(dst, guest_memory + gpa.v, n);
	return 0;
}

unsigned table_walk(struct mem *m, u64 gpa, u64 entries[TABLE_LEVELS])
{
	(void)m;
	(void)gpa;
	entries[0] = 0x1007;
	entries[1] = 0x2002;	/* writable, not readable: a misconfiguration */
	return 2;
}

/* -- Up and down ------------------------------------------------------------------- */

static u64 gdt[16];

static void set_up_host(void)
{
	/* A TSS descriptor at selector 0x40: base 0xfffffe0000003000. */
	gdt[8] = 0x00008b0030000067ull | 0x00ull << 56;
	gdt[9] = 0xfffffe00;
	sim_insn.gdt = (struct table_reg){ sizeof(gdt) - 1, (uintptr_t)gdt };
	sim_insn.idt = (struct table_reg){ 0xfff, 0xfffffe0000000000ull };
	sim_insn.tr = 0x40;
	sim_insn.cr3 = 0x1234000;
	sim_set_msr(MSR_FEATURE_CONTROL, 5);
	sim_set_msr(MSR_LSTAR, 0xffffffff81000000ull);
	sim_set_msr(MSR_KERNEL_GS_BASE, 0x7f0000001000ull);
	sim_set_msr(MSR_GS_BASE, 0xffff888000000000ull);
}

int backend_up(void **state)
{
	struct backend_caps caps;
	const char *why = NULL;

	(void)state;
	sim_reset();
	sim.xcr0 = 3;
	sim_vmx_reset();
	set_up_host();
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(vmx_backend.probe(&caps, &why), 0);
	assert_int_equal(vmx_backend.cpu_prepare(0), 0);
	assert_int_equal(vmx_backend.cpu_prepare(1), 0);
	assert_int_equal(vmx_backend.cpu_enable(), 0);
	return 0;
}

int backend_down(void **state)
{
	(void)state;
	vmx_backend.cpu_disable();
	vmx_backend.cpus_release();
	assert_true(sim_clean());
	return 0;
}

int vcpu_up(void **state)
{
	backend_up(state);
	memset(&vm, 0, sizeof(vm));
	memset(&x, 0, sizeof(x));
	memset(lapic_regs, 0, sizeof(lapic_regs));
	memset(guest_memory, 0, sizeof(guest_memory));
	host_lock_init(&vm.mem.lock);
	cpuid_answer = true;
	emulated = NULL;
	memset(&decoded, 0, sizeof(decoded));
	vm.mem.root = hphys(0x5000);
	v->vm = &vm;
	v->lapic = have_lapic ? (struct lapic *)lapic_regs : NULL;
	v->pat = PAT_RESET;
	v->xcr0 = 3;
	v->dr7 = 0x400;
	v->dr6 = 0xffff0ff0;
	assert_int_equal(vmx_backend.vcpu_create(v), 0);
	vmx_backend.vcpu_load(v, 0);
	vmx_backend.vcpu_reset(v, false);
	vcpu_set_rip(v, 0xfff0);
	vcpu_set_rflags(v, 0);
	vmx_backend.set_cr0(v, CR0_ET | CR0_NW | CR0_CD);
	vmx_backend.set_cr3(v, 0);
	vmx_backend.set_cr4(v, 0);
	vmx_backend.set_efer(v, 0);
	vmx_backend.set_debug(v);
	return 0;
}

int vcpu_down(void **state)
{
	vmx_backend.vcpu_put(v);
	vmx_backend.vcpu_destroy(v);
	return backend_down(state);
}

void enter_long_mode(void)
{
	struct x86_seg cs = { 0, 0xffffffff, 0xa09b, 8 };

	vmx_backend.set_cr4(v, CR4_PAE);
	vmx_backend.set_efer(v, EFER_LME | EFER_LMA);
	vmx_backend.set_cr0(v, CR0_PE | CR0_PG | CR0_ET | CR0_NE);
	vmx_backend.set_seg(v, SEG_CS, &cs);
	vcpu_set_rflags(v, RFLAGS_IF);
}

static u32 exit_reason;
static u64 exit_qualification;

static void leave(struct vcpu *c)
{
	(void)c;
	sim_vmx_exit(exit_reason, exit_qualification);
}

enum exit_action run_to(u32 reason, u64 qualification)
{
	exit_reason = reason;
	exit_qualification = qualification;
	sim_vmx.guest = leave;
	memset(&seen, 0, sizeof(seen));
	vmx_backend.enter(v);
	sim_vmx.guest = NULL;
	return vmx_backend.handle_exit(v);
}
