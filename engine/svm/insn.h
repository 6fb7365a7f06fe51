/* SPDX-License-Identifier: MIT */
/*
 * The instructions that only SVM has. Include as "svm/insn.h" with engine/ in the
 * include path: a build for a plain process puts a simulated header before it.
 */
#ifndef VELLUM_ENGINE_SVM_INSN_H
#define VELLUM_ENGINE_SVM_INSN_H

#include "../core/vcpu.h"

/* FS, GS, TR, LDTR, KernelGSBase and the SYSCALL and SYSENTER MSRs to that page. */
static inline void vmsave(u64 pa)
{
	__asm__ volatile("vmsave %0" : : "a"(pa) : "memory");
}

/*
 * Runs the guest of the VMCB at guest_pa until it exits. Interrupts off before
 * and after.
 *
 * VMRUN switches RAX, RSP, RIP, RFLAGS, CS, SS, DS, ES, the table and control
 * registers; what VMSAVE covers goes to and comes from guest_pa and host_pa (where
 * the caller has put the host's by vmsave()); the other general registers are in v.
 *
 * GIF is 0 from the moment that the guest's TR and GS are loaded until the host's
 * are back, so that neither interrupt nor NMI finds the wrong ones. With
 * V_INTR_MASKING the host's IF as VMRUN finds it decides whether interrupts make
 * the guest exit: so IF is 1 there, and 0 again before GIF is 1. An NMI that made
 * the guest exit is taken by the host at STGI.
 *
 * shadow: the guest is to start in an interrupt shadow. Its VMCB says so too, but
 * not every CPU listens (docs/emulators.md), while all of them carry the shadow of
 * an STI right before VMRUN into the guest; in all other cases STI stays away from
 * VMRUN for that reason.
 */
static inline void svm_switch(struct vcpu *v, u64 guest_pa, u64 host_pa, u32 shadow)
{
	__asm__ volatile(
		"push %%rbp\n\t"
		"push %%rsi\n\t"		/* host_pa */
		"push %%rdi\n\t"		/* v */
		"clgi\n\t"
		"sti\n\t"
		"vmload %%rax\n\t"
		"test %%edx, %%edx\n\t"
		"mov 0x08(%%rdi), %%rcx\n\t"
		"mov 0x10(%%rdi), %%rdx\n\t"
		"mov 0x18(%%rdi), %%rbx\n\t"
		"mov 0x28(%%rdi), %%rbp\n\t"
		"mov 0x30(%%rdi), %%rsi\n\t"
		"mov 0x40(%%rdi), %%r8\n\t"
		"mov 0x48(%%rdi), %%r9\n\t"
		"mov 0x50(%%rdi), %%r10\n\t"
		"mov 0x58(%%rdi), %%r11\n\t"
		"mov 0x60(%%rdi), %%r12\n\t"
		"mov 0x68(%%rdi), %%r13\n\t"
		"mov 0x70(%%rdi), %%r14\n\t"
		"mov 0x78(%%rdi), %%r15\n\t"
		"mov 0x38(%%rdi), %%rdi\n\t"
		"jz 1f\n\t"
		"sti\n\t"
		"1: vmrun %%rax\n\t"
		"vmsave %%rax\n\t"
		"push %%rdi\n\t"
		"mov 8(%%rsp), %%rdi\n\t"
		"mov 16(%%rsp), %%rax\n\t"
		"vmload %%rax\n\t"
		"mov %%rcx, 0x08(%%rdi)\n\t"
		"mov %%rdx, 0x10(%%rdi)\n\t"
		"mov %%rbx, 0x18(%%rdi)\n\t"
		"mov %%rbp, 0x28(%%rdi)\n\t"
		"mov %%rsi, 0x30(%%rdi)\n\t"
		"pop 0x38(%%rdi)\n\t"
		"mov %%r8, 0x40(%%rdi)\n\t"
		"mov %%r9, 0x48(%%rdi)\n\t"
		"mov %%r10, 0x50(%%rdi)\n\t"
		"mov %%r11, 0x58(%%rdi)\n\t"
		"mov %%r12, 0x60(%%rdi)\n\t"
		"mov %%r13, 0x68(%%rdi)\n\t"
		"mov %%r14, 0x70(%%rdi)\n\t"
		"mov %%r15, 0x78(%%rdi)\n\t"
		/* No guest value stays behind for the host to speculate with. */
		"xor %%ebx, %%ebx\n\t"
		"xor %%ecx, %%ecx\n\t"
		"xor %%edx, %%edx\n\t"
		"xor %%r8d, %%r8d\n\t"
		"xor %%r9d, %%r9d\n\t"
		"xor %%r10d, %%r10d\n\t"
		"xor %%r11d, %%r11d\n\t"
		"xor %%r12d, %%r12d\n\t"
		"xor %%r13d, %%r13d\n\t"
		"xor %%r14d, %%r14d\n\t"
		"xor %%r15d, %%r15d\n\t"
		"cli\n\t"
		"stgi\n\t"
		"pop %%rdi\n\t"
		"pop %%rsi\n\t"
		"pop %%rbp"
		: "+a"(guest_pa), "+d"(shadow), "+D"(v), "+S"(host_pa)
		:
		: "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		  "cc", "memory");
}

_Static_assert(GPR_RCX == 1 && GPR_RDI == 7 && GPR_R8 == 8, "offsets in svm_switch()");

#endif
