/* SPDX-License-Identifier: MIT */
/*
 * Exits in neutral terms. A back end decodes what its hardware reports and calls
 * one of these; each returns what the run loop is to do. They may sleep, and run
 * with interrupts on and the vCPU loaded. An instruction that faults raises the
 * exception itself (vcpu_raise()) and returns ACT_RESUME.
 */
#ifndef VELLUM_ENGINE_X86_EXITS_H
#define VELLUM_ENGINE_X86_EXITS_H

#include "../core/vcpu.h"

enum exit_action x86_exit_cpuid(struct vcpu *v);
enum exit_action x86_exit_rdmsr(struct vcpu *v);	/* number in ECX */
enum exit_action x86_exit_wrmsr(struct vcpu *v);
enum exit_action x86_exit_hlt(struct vcpu *v);
enum exit_action x86_exit_hypercall(struct vcpu *v);
/*
 * #UD: VMCALL and VMMCALL are answered on both vendors' CPUs, each of which finds the
 * other's undefined; any other is the guest's own. Back ends intercept it always.
 */
enum exit_action x86_exit_ud(struct vcpu *v);
/* TRAP_VMCALL if that is what a #UD is and the policy wants it, or 0. */
u32 x86_ud_trap(struct vcpu *v);
enum exit_action x86_exit_xsetbv(struct vcpu *v);
enum exit_action x86_exit_rdtsc(struct vcpu *v, bool with_aux);
enum exit_action x86_exit_rdpmc(struct vcpu *v);
enum exit_action x86_exit_invlpg(struct vcpu *v);
/* WBINVD, INVD, PAUSE, MONITOR, MWAIT: nothing to be done. */
enum exit_action x86_exit_nop(struct vcpu *v);
/* VMX/SVM instructions, RSM, GETSEC ...: not there. */
enum exit_action x86_exit_undefined(struct vcpu *v);

/* IN, OUT of 1, 2, 4 bytes between EAX and port. */
enum exit_action x86_exit_pio(struct vcpu *v, u16 port, u8 size, bool in);
/* INS, OUTS: by emulation of the instruction. */
enum exit_action x86_exit_string_pio(struct vcpu *v, u16 port, u8 size, bool in);

/* MOV to/from CRn (0, 2, 3, 4, 8), CLTS, LMSW. */
enum exit_action x86_exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr);
enum exit_action x86_exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr);
enum exit_action x86_exit_clts(struct vcpu *v);
enum exit_action x86_exit_lmsw(struct vcpu *v, u16 msw);
enum exit_action x86_exit_mov_dr(struct vcpu *v, unsigned dr, unsigned gpr,
				 bool to_dr);
/* What MOV to DR0-DR3, DR6, DR7 does once it may. */
void x86_write_dr(struct vcpu *v, unsigned dr, u64 val);

/*
 * The guest touched gpa and the second level forbade it. access: MEM_* bits.
 * insn: bytes fetched by the hardware (SVM decode assist) or NULL.
 */
enum exit_action x86_exit_s2_fault(struct vcpu *v, struct gphys gpa,
				   unsigned access, const u8 *insn, unsigned n);

/* Emulates the instruction at RIP, whatever it is. */
enum exit_action x86_emulate(struct vcpu *v, const u8 *insn, unsigned n);

/* Length of the instruction at RIP for hardware that doesn't tell, 0: fault raised. */
unsigned x86_insn_length(struct vcpu *v);

enum exit_action x86_exit_triple_fault(struct vcpu *v);
/* An intercepted exception that is the guest's own business: raise it again. */
enum exit_action x86_exit_reflect(struct vcpu *v, const struct event *e, u64 cr2);

/* What nobody handles: an internal-error exit that says what it was. */
enum exit_action x86_exit_unhandled(struct vcpu *v, const char *what);

/*
 * Validated changes of control registers, for the exits above, for SET_SREGS and
 * for the emulator. 0, or the guest is to get #GP(0).
 */
int x86_set_cr0(struct vcpu *v, u64 cr0);
int x86_set_cr3(struct vcpu *v, u64 cr3);
int x86_set_cr4(struct vcpu *v, u64 cr4);
int x86_set_efer(struct vcpu *v, u64 efer);
int x86_set_cr8(struct vcpu *v, u64 cr8);
u64 x86_get_cr8(struct vcpu *v);
/* Is a LAPIC of user space's to be told of that value of CR8? */
bool x86_lowers_user_tpr(struct vcpu *v, u64 cr8);
int x86_set_xcr0(struct vcpu *v, u64 xcr0);

/* host: access by KVM_GET/SET_MSRS, which may do more than the guest. */
int x86_get_msr(struct vcpu *v, u32 msr, u64 *val, bool host);
int x86_set_msr(struct vcpu *v, u32 msr, u64 val, bool host);

/* CPUID leaf as the guest sees it; zeros if there is none. */
void x86_cpuid(struct vcpu *v, u32 function, u32 index, u32 out[4]);
/* What a guest may have in XCR0, whatever its CPUID says. */
u64 x86_xcr0_offered(void);
/* Bits of CR4 and EFER that the vCPU's CPUID lets it set: new in v->guest_*. */
void x86_cpuid_limits(struct vcpu *v);
/* Physical-address width that the vCPU's CPUID tells. */
unsigned x86_phys_bits(struct vcpu *v);
/* Is CPUID bit set: leaf, index, register 0..3 = EAX..EDX, bit. */
bool x86_cpuid_has(struct vcpu *v, u32 function, u32 index, unsigned reg,
		   unsigned bit);

#endif
