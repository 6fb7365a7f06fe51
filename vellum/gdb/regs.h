/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's registers in the debugger's words: target descriptions (GDB manual,
 * "i386 Features"), and each register between its description and KVM's
 * structures.
 *
 * Outside 64-bit mode the program counter that the debugger sees is linear (CS
 * base added), because it takes it for an address: breakpoints, x/i $pc and the
 * step off a breakpoint then work in real mode.  The offset alone is $ip_offset.
 */
#ifndef VELLUM_GDB_REGS_H
#define VELLUM_GDB_REGS_H

#include "../../lib/libvmm.h"
#include "packet.h"

enum gdb_arch { GDB_X86_64, GDB_I386, GDB_I8086, GDB_ARCHS };

/* Some of them, by what KVM_GET_MSRS has to be asked. */
enum gdb_msr {
	GDB_KERNEL_GS_BASE, GDB_STAR, GDB_LSTAR, GDB_CSTAR, GDB_SFMASK,
	GDB_SYSENTER_CS, GDB_SYSENTER_ESP, GDB_SYSENTER_EIP, GDB_PAT,
	GDB_MSRS
};

struct gdb_state {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_fpu f;
	struct kvm_debugregs d;
	uint64_t msr[GDB_MSRS];
};

extern const char *const gdb_arch_names[GDB_ARCHS];

/* All of it.  0 or -errno. */
int gdb_state_get(const struct vmm_vcpu *v, struct gdb_state *s);

uint64_t gdb_pc(const struct gdb_state *s);

/* The target description as XML, from malloc(). */
char *gdb_description(enum gdb_arch arch);

/* How many there are; bytes of number n; its value into or out of buf. */
unsigned int gdb_reg_count(enum gdb_arch arch);
unsigned int gdb_reg_size(enum gdb_arch arch, unsigned int n);
void gdb_reg_get(const struct gdb_state *s, enum gdb_arch arch, unsigned int n,
		 void *buf);
/* Into @s and the vCPU.  0, or -errno: -EPERM for what can't be set. */
int gdb_reg_set(struct vmm_vcpu *v, struct gdb_state *s,
		enum gdb_arch arch, unsigned int n, const void *buf);

#endif
