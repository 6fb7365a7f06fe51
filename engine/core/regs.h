/* SPDX-License-Identifier: MIT */
/* RIP, RSP and RFLAGS, wherever their current copy is. */
#ifndef VELLUM_ENGINE_CORE_REGS_H
#define VELLUM_ENGINE_CORE_REGS_H

#include "backend.h"
#include "vcpu.h"

/* Makes all of reg (REG_*, one or more) current. */
static inline void vcpu_need_reg(struct vcpu *v, u32 reg)
{
	if ((v->reg_valid & reg) != reg)
		backend->load_regs(v, reg);
}

static inline u64 vcpu_rip(struct vcpu *v)
{
	vcpu_need_reg(v, REG_RIP);
	return v->rip;
}

static inline void vcpu_set_rip(struct vcpu *v, u64 rip)
{
	v->rip = rip;
	v->reg_valid |= REG_RIP;
	v->reg_dirty |= REG_RIP;
}

static inline u64 vcpu_rflags(struct vcpu *v)
{
	vcpu_need_reg(v, REG_RFLAGS);
	return v->rflags;
}

static inline void vcpu_set_rflags(struct vcpu *v, u64 rflags)
{
	v->rflags = rflags | RFLAGS_FIXED;
	v->reg_valid |= REG_RFLAGS;
	v->reg_dirty |= REG_RFLAGS;
}

static inline u64 vcpu_rsp(struct vcpu *v)
{
	vcpu_need_reg(v, REG_RSP);
	return v->gpr[GPR_RSP];
}

static inline void vcpu_set_rsp(struct vcpu *v, u64 rsp)
{
	v->gpr[GPR_RSP] = rsp;
	v->reg_valid |= REG_RSP;
	v->reg_dirty |= REG_RSP;
}

/* Any general-purpose register, by its encoding. */
static inline u64 vcpu_gpr(struct vcpu *v, unsigned n)
{
	return n == GPR_RSP ? vcpu_rsp(v) : v->gpr[n];
}

static inline void vcpu_set_gpr(struct vcpu *v, unsigned n, u64 val)
{
	if (n == GPR_RSP)
		vcpu_set_rsp(v, val);
	else
		v->gpr[n] = val;
}

#endif
