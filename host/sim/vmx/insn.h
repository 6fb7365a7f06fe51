/* SPDX-License-Identifier: MIT */
/* Stands for engine/vmx/insn.h in a plain process. */
#ifndef VELLUM_HOST_SIM_VMX_INSN_H
#define VELLUM_HOST_SIM_VMX_INSN_H

#include "../../../engine/types.h"

enum vmx_result { VMX_SUCCEED, VMX_FAIL_VALID, VMX_FAIL_INVALID };

enum vmx_result insn_vmxon(struct hphys pa);
enum vmx_result insn_vmclear(struct hphys pa);
enum vmx_result insn_vmptrld(struct hphys pa);
void insn_vmxoff(void);
u64 insn_vmread(u64 field);
bool insn_vmread_checked(u64 field, u64 *val);
bool insn_vmwrite(u64 field, u64 val);
void insn_invept(u64 type, u64 eptp);
void insn_invvpid(u64 type, u16 vpid);

#endif
