/* SPDX-License-Identifier: MIT */
/*
 * The VMX instructions. Include as "vmx/insn.h": the simulated one stands before
 * it in the include path of a plain process.
 */
#ifndef VELLUM_ENGINE_VMX_INSN_H
#define VELLUM_ENGINE_VMX_INSN_H

#include "../types.h"

/* SDM3 "Conventions": how a VMX instruction ended. */
enum vmx_result { VMX_SUCCEED, VMX_FAIL_VALID, VMX_FAIL_INVALID };

#define INSN_VMX_POINTER(fn, insn)					\
static inline enum vmx_result fn(struct hphys pa)			\
{									\
	bool cf, zf;							\
									\
	__asm__ volatile(insn " %2" : "=@ccc"(cf), "=@ccz"(zf)		\
			 : "m"(pa.v) : "memory");			\
	return cf ? VMX_FAIL_INVALID : zf ? VMX_FAIL_VALID : VMX_SUCCEED; \
}

INSN_VMX_POINTER(insn_vmxon, "vmxon")
INSN_VMX_POINTER(insn_vmclear, "vmclear")
INSN_VMX_POINTER(insn_vmptrld, "vmptrld")

#undef INSN_VMX_POINTER

static inline void insn_vmxoff(void)
{
	__asm__ volatile("vmxoff" ::: "cc", "memory");
}

/* For fields that are known to exist: no check of the outcome. */
static inline u64 insn_vmread(u64 field)
{
	u64 val;

	__asm__ volatile("vmread %1, %0" : "=r"(val) : "r"(field) : "cc");
	return val;
}

/* False if there is no such field here. */
static inline bool insn_vmread_checked(u64 field, u64 *val)
{
	bool fail;

	__asm__ volatile("vmread %2, %1" : "=@ccbe"(fail), "=r"(*val) : "r"(field));
	return !fail;
}

static inline bool insn_vmwrite(u64 field, u64 val)
{
	bool fail;

	__asm__ volatile("vmwrite %2, %1" : "=@ccbe"(fail) : "r"(field), "r"(val)
			 : "memory");
	return !fail;
}

struct invalidation { u64 what, address; };

static inline void insn_invept(u64 type, u64 eptp)
{
	struct invalidation d = { eptp, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

static inline void insn_invvpid(u64 type, u16 vpid)
{
	struct invalidation d = { vpid, 0 };

	__asm__ volatile("invvpid %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

#endif
