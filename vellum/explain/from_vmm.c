/* SPDX-License-Identifier: MIT */
#include "from_vmm.h"

#include <cpuid.h>
#include <string.h>

/* The VMCB comes as eight bytes each; its fields have any size. */
static void take_vmcb(struct explain_state *s, uint32_t offset, uint64_t value)
{
	if (offset % 8 == 0 && offset + 8 <= sizeof(s->vmcb))
		memcpy((char *)&s->vmcb + offset, &value, 8);
}

void explain_take_fields(struct explain_state *s, const struct vmm_state *state,
			 const struct vmm_field *fields)
{
	unsigned i;

	s->vendor = state->vendor == VMM_VENDOR_VMX ? EXPLAIN_VMX : EXPLAIN_SVM;
	for (i = 0; i < state->n; i++) {
		if (fields[i].id >= VMM_FIELD_MSR_BITMAP)
			continue;
		if (s->vendor == EXPLAIN_VMX)
			explain_set(s, fields[i].id, fields[i].value);
		else
			take_vmcb(s, fields[i].id, fields[i].value);
	}
	if (s->vendor == EXPLAIN_SVM)
		for (i = 0; i < vmcb_field_count; i++)
			s->vmcb_known[i] = true;
}

void explain_take_registers(struct explain_state *s, const struct kvm_regs *r, uint64_t cr2)
{
	const uint64_t gprs[GPR_COUNT] = {
		r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};

	memcpy(s->gpr, gprs, sizeof(gprs));
	s->gpr_known = 0xffff;
	s->cr2 = cr2;
	s->cr2_known = true;
}

bool explain_take_cap(struct explain_state *s, const char *name, uint64_t value)
{
	unsigned i;

	for (i = 0; i < XCAP_COUNT; i++) {
		if (strcmp(name, explain_cap_names[i]))
			continue;
		s->cap[i] = value;
		s->cap_known |= 1u << i;
		return true;
	}
	return false;
}

void explain_take_host(struct explain_state *s)
{
	unsigned a, b, c, d;

	if (__get_cpuid(0x80000008, &a, &b, &c, &d)) {
		s->phys_bits = a & 0xff;
		s->linear_bits = a >> 8 & 0xff;
	}
	s->host_long_mode = TRI_YES;
	s->in_smm = TRI_NO;
}
