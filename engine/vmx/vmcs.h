/* SPDX-License-Identifier: MIT */
/* Access to the current VMCS, and the life of VMCS regions. */
#ifndef VELLUM_ENGINE_VMX_VMCS_H
#define VELLUM_ENGINE_VMX_VMCS_H

#include "../host.h"
#include "fields.h"
#include "vmx/insn.h"

/* Out of line: says which field it was. */
void vmcs_write_failed(u32 field, u64 val);

static inline void vmcs_put(u32 field, u64 val)
{
	if (UNLIKELY(!insn_vmwrite(field, val)))
		vmcs_write_failed(field, val);
}

static inline u16 vmcs_get16(struct vmcs_16 f) { return insn_vmread(f.encoding); }
static inline u32 vmcs_get32(struct vmcs_32 f) { return insn_vmread(f.encoding); }
static inline u64 vmcs_get64(struct vmcs_64 f) { return insn_vmread(f.encoding); }
static inline u64 vmcs_getn(struct vmcs_nat f) { return insn_vmread(f.encoding); }
static inline u32 vmcs_get32_ro(struct vmcs_32_ro f) { return insn_vmread(f.encoding); }
static inline u64 vmcs_get64_ro(struct vmcs_64_ro f) { return insn_vmread(f.encoding); }
static inline u64 vmcs_getn_ro(struct vmcs_nat_ro f) { return insn_vmread(f.encoding); }
static inline void vmcs_put16(struct vmcs_16 f, u16 v) { vmcs_put(f.encoding, v); }
static inline void vmcs_put32(struct vmcs_32 f, u32 v) { vmcs_put(f.encoding, v); }
static inline void vmcs_put64(struct vmcs_64 f, u64 v) { vmcs_put(f.encoding, v); }
static inline void vmcs_putn(struct vmcs_nat f, u64 v) { vmcs_put(f.encoding, v); }

#define vmcs_read(f) _Generic((f),		\
	struct vmcs_16: vmcs_get16,		\
	struct vmcs_32: vmcs_get32,		\
	struct vmcs_64: vmcs_get64,		\
	struct vmcs_nat: vmcs_getn,		\
	struct vmcs_32_ro: vmcs_get32_ro,	\
	struct vmcs_64_ro: vmcs_get64_ro,	\
	struct vmcs_nat_ro: vmcs_getn_ro)(f)

#define vmcs_write(f, val) _Generic((f),	\
	struct vmcs_16: vmcs_put16,		\
	struct vmcs_32: vmcs_put32,		\
	struct vmcs_64: vmcs_put64,		\
	struct vmcs_nat: vmcs_putn)(f, val)

/* SDM3 "Format of the VMCS Region": the part that software may look at. */
struct vmcs_region {
	u32 revision;
	u32 abort;	/* VMX-abort indicator */
};

/*
 * A VMCS and where it is. Only the CPU that has it loaded touches the list links
 * and loaded_on, with interrupts off; the others belong to the vCPU's thread.
 */
struct vmcs {
	struct vmcs_region *region;	/* constant */
	struct hphys pa;		/* constant */
	u64 launched;			/* for VMLAUNCH or VMRESUME */
	s32 loaded_on;			/* CPU that may have it cached, -1: none */
	struct vmcs *next, **link;	/* that CPU's list */
};

/* Sleep. */
int vmcs_alloc(struct vmcs *c);
void vmcs_free(struct vmcs *c);

/*
 * Makes it this CPU's current VMCS, after a VMCLEAR where it was before.
 * Preemption off, interrupts on or off if it is here already. True if it
 * comes from another CPU.
 */
bool vmcs_load(struct vmcs *c, unsigned cpu);
/* VMCLEAR wherever it is loaded. Interrupts on. */
void vmcs_unload(struct vmcs *c);

/* VM-instruction error number as the SDM words it. */
const char *vmx_insn_error_text(u32 number);
const char *vmx_abort_text(u32 indicator);

#endif
