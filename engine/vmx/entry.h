/* SPDX-License-Identifier: MIT */
/*
 * Into the guest and back. Include as "vmx/entry.h": a plain process has another.
 *
 * This is inline assembly, not a .S file, so that the compiler makes the function's
 * return (kernels want it guarded in their own way) and objtool sees an ordinary
 * one. The CPU comes back at vmx_exit_point with the guest's registers and the
 * host's RSP; a VMLAUNCH or VMRESUME that fails goes on there as well, with CF or
 * ZF set, which an exit clears (SDM3 "Loading Host State": RFLAGS becomes 2). The
 * label is in the symbol table by name: were the function ever duplicated, the
 * assembler would say so.
 */
#ifndef VELLUM_ENGINE_VMX_ENTRY_H
#define VELLUM_ENGINE_VMX_ENTRY_H

#include "../core/vcpu.h"

#define ENTRY_HOST_RSP	0x6c14

/*
 * False: the VM entry itself failed (VMfail). Registers that the compiler won't
 * load at once are cleared, so that no guest value is left to speculate with.
 */
#define vmx_run_guest(x) __extension__ ({				\
	bool entry_failed_;						\
	struct vmx_vcpu *entry_x_ = (x);				\
									\
	__asm__ volatile(						\
	"push %%rbp\n\t"						\
	"push %%rdi\n\t"						\
	"cmp %%rsp, %c[host_rsp](%%rdi)\n\t"				\
	"je 1f\n\t"							\
	"mov %%rsp, %c[host_rsp](%%rdi)\n\t"				\
	"mov %[field_rsp], %%eax\n\t"					\
	"vmwrite %%rsp, %%rax\n"					\
	"1:\n\t"							\
	"mov 128(%%rdi), %%rax\n\t"					\
	"mov %%cr2, %%rcx\n\t"						\
	"cmp %%rax, %%rcx\n\t"						\
	"je 3f\n\t"							\
	"mov %%rax, %%cr2\n"						\
	"3:\n\t"							\
	"cmpq $0, %c[launched](%%rdi)\n\t"				\
	/* No instruction from here to the entry changes ZF. */		\
	"mov (%%rdi), %%rax\n\t"					\
	"mov 8(%%rdi), %%rcx\n\t"					\
	"mov 16(%%rdi), %%rdx\n\t"					\
	"mov 24(%%rdi), %%rbx\n\t"					\
	"mov 40(%%rdi), %%rbp\n\t"					\
	"mov 48(%%rdi), %%rsi\n\t"					\
	"mov 64(%%rdi), %%r8\n\t"					\
	"mov 72(%%rdi), %%r9\n\t"					\
	"mov 80(%%rdi), %%r10\n\t"					\
	"mov 88(%%rdi), %%r11\n\t"					\
	"mov 96(%%rdi), %%r12\n\t"					\
	"mov 104(%%rdi), %%r13\n\t"					\
	"mov 112(%%rdi), %%r14\n\t"					\
	"mov 120(%%rdi), %%r15\n\t"					\
	"mov 56(%%rdi), %%rdi\n\t"					\
	"je 4f\n\t"							\
	"vmresume\n\t"							\
	"jmp vmx_exit_point\n"						\
	"4:\n\t"							\
	"vmlaunch\n"							\
	"vmx_exit_point:\n\t"						\
	/* Nor from here to SETBE. */					\
	"push %%rdi\n\t"						\
	"mov 8(%%rsp), %%rdi\n\t"					\
	"mov %%rax, (%%rdi)\n\t"					\
	"mov %%rcx, 8(%%rdi)\n\t"					\
	"mov %%rdx, 16(%%rdi)\n\t"					\
	"mov %%rbx, 24(%%rdi)\n\t"					\
	"mov %%rbp, 40(%%rdi)\n\t"					\
	"mov %%rsi, 48(%%rdi)\n\t"					\
	"popq 56(%%rdi)\n\t"						\
	"mov %%r8, 64(%%rdi)\n\t"					\
	"mov %%r9, 72(%%rdi)\n\t"					\
	"mov %%r10, 80(%%rdi)\n\t"					\
	"mov %%r11, 88(%%rdi)\n\t"					\
	"mov %%r12, 96(%%rdi)\n\t"					\
	"mov %%r13, 104(%%rdi)\n\t"					\
	"mov %%r14, 112(%%rdi)\n\t"					\
	"mov %%r15, 120(%%rdi)\n\t"					\
	"setbe %%al\n\t"						\
	"mov %%cr2, %%rcx\n\t"						\
	"mov %%rcx, 128(%%rdi)\n\t"					\
	"xor %%edx, %%edx\n\t"						\
	"xor %%ebx, %%ebx\n\t"						\
	"xor %%esi, %%esi\n\t"						\
	"xor %%r8d, %%r8d\n\t"						\
	"xor %%r9d, %%r9d\n\t"						\
	"xor %%r10d, %%r10d\n\t"					\
	"xor %%r11d, %%r11d\n\t"					\
	"xor %%r12d, %%r12d\n\t"					\
	"xor %%r13d, %%r13d\n\t"					\
	"xor %%r14d, %%r14d\n\t"					\
	"xor %%r15d, %%r15d\n\t"					\
	"pop %%rcx\n\t"							\
	"pop %%rbp"							\
	: "=a"(entry_failed_), "+D"(entry_x_)				\
	: [host_rsp] "i"(offsetof(struct vmx_vcpu, host_rsp)),		\
	  [launched] "i"(offsetof(struct vmx_vcpu, vmcs.launched)),	\
	  [field_rsp] "i"(ENTRY_HOST_RSP)				\
	: "rcx", "rdx", "rbx", "rsi", "r8", "r9", "r10", "r11", "r12",	\
	  "r13", "r14", "r15", "cc", "memory");				\
	!entry_failed_;							\
})

/* Where the CPU comes back: for HOST_RIP. */
#define vmx_exit_address(p) \
	__asm__("lea vmx_exit_point(%%rip), %0" : "=r"(*(p)))

_Static_assert(GPR_RBP * 8 == 40 && GPR_RDI * 8 == 56 && GPR_R15 * 8 == 120,
	       "the entry code relies on it");

#endif
