/* SPDX-License-Identifier: MIT */
/* Events: injection, what an exit interrupted, windows, blocking. */
#include "vmx.h"

/* SDM3 "VM-Entry Controls for Event Injection"; VM-exit information is alike. */
#define INFO_VECTOR	BITS(7, 0)
#define INFO_TYPE(t)	((u32)(t) << 8)
#define INFO_TYPE_MASK	BITS(10, 8)
#define INFO_ERROR	BIT(11)
#define INFO_UNBLOCKED	BIT(12)	/* exits: NMI unblocking due to IRET */
#define INFO_VALID	BIT(31)

enum { TYPE_IRQ = 0, TYPE_NMI = 2, TYPE_EXCEPTION = 3, TYPE_SOFT_INT = 4,
       TYPE_PRIV_SOFT_EXC = 5, TYPE_SOFT_EXC = 6 };

/* SDM3 "Guest Non-Register State", interruptibility. */
#define BLOCK_STI	BIT(0)
#define BLOCK_MOV_SS	BIT(1)
#define BLOCK_NMI	BIT(3)

static const u8 type_of_event[] = {
	[EVENT_IRQ] = TYPE_IRQ, [EVENT_NMI] = TYPE_NMI, [EVENT_EXCEPTION] = TYPE_EXCEPTION,
	[EVENT_SOFT_INT] = TYPE_SOFT_INT, [EVENT_PRIV_SOFT_EXC] = TYPE_PRIV_SOFT_EXC,
	[EVENT_SOFT_EXC] = TYPE_SOFT_EXC,
};

static const u8 event_of_type[8] = {
	EVENT_IRQ, EVENT_NONE, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT_INT,
	EVENT_PRIV_SOFT_EXC, EVENT_SOFT_EXC, EVENT_NONE,
};

u32 vmx_event_to_info(const struct event *e)
{
	if (e->type == EVENT_NONE || e->type >= COUNT_OF(type_of_event))
		return 0;
	return INFO_VALID | INFO_TYPE(type_of_event[e->type]) | e->vector |
	       (e->has_error ? INFO_ERROR : 0);
}

void vmx_info_to_event(u32 info, u32 error, u32 insn_len, struct event *e)
{
	*e = (struct event){ .type = EVENT_NONE };
	if (!(info & INFO_VALID))
		return;
	e->type = event_of_type[FIELD(info, 10, 8)];
	e->vector = info & INFO_VECTOR;
	e->has_error = !!(info & INFO_ERROR);
	e->error = e->has_error ? error : 0;
	if (e->type >= EVENT_SOFT_INT)
		e->insn_len = insn_len;
}

void vmx_inject(struct vcpu *v, const struct event *e)
{
	struct vmx_vcpu *x = to_vmx(v);

	vmcs_write(VMCS_ENTRY_INTR_INFO, vmx_event_to_info(e));
	if (e->has_error)
		vmcs_write(VMCS_ENTRY_ERROR_CODE, e->error);
	if (e->type >= EVENT_SOFT_INT)
		vmcs_write(VMCS_ENTRY_INSN_LEN, e->insn_len);
	if (e->type == EVENT_NMI && !vmx_have(VMX_HAVE_VIRTUAL_NMI))
		x->soft_nmi_mask = true;
}

void vmx_uninject(struct vcpu *v)
{
	v->injected.type = EVENT_NONE;
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}

/*
 * SDM3 "Information for VM Exits During Event Delivery": the event is to be injected
 * again. An NMI whose delivery failed has set blocking by NMI, which must go.
 * SDM3 "NMI Unblocking Due to IRET": an IRET that ended the blocking and then
 * faulted hasn't ended it.
 */
void vmx_recover_event(struct vmx_vcpu *x)
{
	struct vcpu *v = &x->v;
	u32 info = vmcs_read(VMCS_IDT_VECTORING_INFO), reason = v->exit.reason;
	bool unblocked;

	if (info & INFO_VALID) {
		vmx_info_to_event(info, vmcs_read(VMCS_IDT_VECTORING_ERROR),
				  vmcs_read(VMCS_EXIT_INSN_LEN), &v->injected);
		if (v->injected.type == EVENT_NMI)
			vmx_set_nmi_mask(v, false);
		vcpu_request(v, REQ_EVENT);
		return;
	}
	if (!vmx_have(VMX_HAVE_VIRTUAL_NMI))
		return;
	unblocked = reason == REASON_EXCEPTION_NMI ?
		    (x->intr_info & INFO_UNBLOCKED) &&
		    (x->intr_info & INFO_VECTOR) != VEC_DF :
		    (reason == REASON_EPT_VIOLATION || reason == REASON_PML_FULL) &&
		    (v->exit.qual & INFO_UNBLOCKED);
	/* EPT misconfigurations don't tell. */
	if (unblocked)
		vmx_set_nmi_mask(v, true);
}

/* -- May it be taken now? ------------------------------------------------------------- */

bool vmx_irq_open(struct vcpu *v)
{
	vmx_load_regs(v, REG_RFLAGS);
	return (v->rflags & RFLAGS_IF) &&
	       !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCK_STI | BLOCK_MOV_SS));
}

/* Some CPUs refuse to inject an NMI under STI's shadow: none is injected there. */
bool vmx_nmi_open(struct vcpu *v)
{
	return !to_vmx(v)->soft_nmi_mask &&
	       !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		 (BLOCK_STI | BLOCK_MOV_SS | BLOCK_NMI));
}

/*
 * Without virtual NMIs nothing tells when an NMI handler ends: a guest that has
 * interrupts on again is taken to be out of it.
 */
static void update_windows(struct vmx_vcpu *x)
{
	u32 proc = x->proc & ~(u32)(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);
	bool have = vmx_have(VMX_HAVE_VIRTUAL_NMI);

	if (x->irq_window || (x->nmi_window && !have))
		proc |= PROC_INTERRUPT_WINDOW;
	if (x->nmi_window && have)
		proc |= PROC_NMI_WINDOW;
	vmx_set_proc(x, proc);
}

void vmx_want_irq_window(struct vcpu *v, bool on)
{
	struct vmx_vcpu *x = to_vmx(v);

	x->irq_window = on;
	update_windows(x);
}

void vmx_want_nmi_window(struct vcpu *v, bool on)
{
	struct vmx_vcpu *x = to_vmx(v);

	x->nmi_window = on;
	update_windows(x);
}

u32 vmx_get_shadow(struct vcpu *v)
{
	(void)v;
	return vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCK_STI | BLOCK_MOV_SS);
}

static void change_blocking(u32 clear, u32 set)
{
	u32 old = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), val = (old & ~clear) | set;

	if (val != old)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, val);
}

/* Both at once is no valid state; MOV SS blocks more. STI's needs IF. */
void vmx_set_shadow(struct vcpu *v, u32 shadow)
{
	shadow &= BLOCK_STI | BLOCK_MOV_SS;
	if (shadow & BLOCK_MOV_SS)
		shadow = BLOCK_MOV_SS;
	else if (shadow) {
		vmx_load_regs(v, REG_RFLAGS);
		if (!(v->rflags & RFLAGS_IF))
			shadow = 0;
	}
	change_blocking(BLOCK_STI | BLOCK_MOV_SS, shadow);
}

bool vmx_get_nmi_mask(struct vcpu *v)
{
	if (!vmx_have(VMX_HAVE_VIRTUAL_NMI))
		return to_vmx(v)->soft_nmi_mask;
	return vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCK_NMI;
}

void vmx_set_nmi_mask(struct vcpu *v, bool masked)
{
	if (!vmx_have(VMX_HAVE_VIRTUAL_NMI))
		to_vmx(v)->soft_nmi_mask = masked;
	else
		change_blocking(BLOCK_NMI, masked ? BLOCK_NMI : 0);
}

void vmx_set_tpr_threshold(struct vcpu *v, unsigned class)
{
	struct vmx_vcpu *x = to_vmx(v);

	x->tpr_threshold = class & 15;
	x->before.tpr = x->tpr_threshold != 0 && (x->proc & PROC_TPR_SHADOW);
	if (!x->tpr_threshold && x->tpr_written) {
		x->tpr_written = 0;
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
	}
}
