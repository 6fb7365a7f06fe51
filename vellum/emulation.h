/* SPDX-License-Identifier: MIT */
/* The instruction that the kernel side could not emulate, in words. */
#ifndef VELLUM_EMULATION_H
#define VELLUM_EMULATION_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * For KVM_EXIT_INTERNAL_ERROR by KVM_INTERNAL_ERROR_EMULATION: writes the bytes, what
 * they mean in the code segment cs, and the address. False: it is another error, or the
 * run page has no bytes.
 */
bool emulation_describe(const struct kvm_run *run, const struct kvm_regs *regs,
			const struct kvm_sregs *sregs, char *buf, size_t size);

#endif
