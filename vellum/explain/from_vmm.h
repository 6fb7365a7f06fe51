/* SPDX-License-Identifier: MIT */
/* The explainer's snapshot from what vmm.ko tells: every field, not KVM's view of them. */
#ifndef VELLUM_EXPLAIN_FROM_VMM_H
#define VELLUM_EXPLAIN_FROM_VMM_H

#include <linux/kvm.h>

#include "../../engine/explain/explain.h"
#include "../../include/vellum/vmm.h"

/* Fields of VMM_GET_STATE; what isn't a field of the snapshot is passed over. */
void explain_take_fields(struct explain_state *s, const struct vmm_state *state,
			 const struct vmm_field *fields);
void explain_take_registers(struct explain_state *s, const struct kvm_regs *r, uint64_t cr2);
/* A capability MSR by its name; false: it is none. */
bool explain_take_cap(struct explain_state *s, const char *name, uint64_t value);
/* Address widths and mode of the machine that this program runs on. */
void explain_take_host(struct explain_state *s);

#endif
