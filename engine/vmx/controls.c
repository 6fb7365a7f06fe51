/* SPDX-License-Identifier: MIT */
/* Negotiation of the control fields from one table. */
#include "vmx.h"

enum need {
	ON,		/* required, in the base value */
	ON_IF_THERE,	/* optional, in the base value */
	LATER,		/* required, set and cleared as guests run */
	LATER_IF_THERE,	/* optional, likewise */
	OFF,		/* must be clear */
	OFF_IF_POSSIBLE,/* if it is stuck at 1 its exits are handled */
};

struct control {
	unsigned field;
	u32 bit;
	enum need need;
	u64 have;
	const char *name;	/* the SDM's */
};

static const struct control controls[] = {
	{ CTL_PIN, PIN_EXTERNAL_INTERRUPT, ON, 0, "external-interrupt exiting" },
	{ CTL_PIN, PIN_NMI, ON, 0, "NMI exiting" },
	{ CTL_PIN, PIN_VIRTUAL_NMI, ON_IF_THERE, VMX_HAVE_VIRTUAL_NMI, "virtual NMIs" },
	{ CTL_PIN, PIN_PREEMPTION_TIMER, OFF, 0, "activate VMX-preemption timer" },
	{ CTL_PIN, PIN_POSTED_INTERRUPTS, OFF, 0, "process posted interrupts" },

	{ CTL_PROC, PROC_INTERRUPT_WINDOW, LATER, 0, "interrupt-window exiting" },
	{ CTL_PROC, PROC_TSC_OFFSETTING, ON, 0, "use TSC offsetting" },
	{ CTL_PROC, PROC_HLT, ON, 0, "HLT exiting" },
	{ CTL_PROC, PROC_INVLPG, OFF_IF_POSSIBLE, 0, "INVLPG exiting" },
	{ CTL_PROC, PROC_MWAIT, ON, 0, "MWAIT exiting" },
	{ CTL_PROC, PROC_RDPMC, ON, 0, "RDPMC exiting" },
	{ CTL_PROC, PROC_RDTSC, OFF_IF_POSSIBLE, 0, "RDTSC exiting" },
	{ CTL_PROC, PROC_CR3_LOAD, OFF_IF_POSSIBLE, 0, "CR3-load exiting" },
	{ CTL_PROC, PROC_CR3_STORE, OFF_IF_POSSIBLE, 0, "CR3-store exiting" },
	{ CTL_PROC, PROC_CR8_LOAD, LATER, 0, "CR8-load exiting" },
	{ CTL_PROC, PROC_CR8_STORE, LATER, 0, "CR8-store exiting" },
	{ CTL_PROC, PROC_TPR_SHADOW, LATER_IF_THERE, VMX_HAVE_TPR_SHADOW, "use TPR shadow" },
	{ CTL_PROC, PROC_NMI_WINDOW, LATER_IF_THERE, 0, "NMI-window exiting" },
	{ CTL_PROC, PROC_MOV_DR, ON, 0, "MOV-DR exiting" },
	{ CTL_PROC, PROC_UNCONDITIONAL_IO, ON, 0, "unconditional I/O exiting" },
	{ CTL_PROC, PROC_IO_BITMAPS, OFF, 0, "use I/O bitmaps" },
	{ CTL_PROC, PROC_MONITOR_TRAP, OFF, 0, "monitor trap flag" },
	{ CTL_PROC, PROC_MSR_BITMAPS, LATER_IF_THERE, VMX_HAVE_MSR_BITMAPS, "use MSR bitmaps" },
	{ CTL_PROC, PROC_MONITOR, ON, 0, "MONITOR exiting" },
	{ CTL_PROC, PROC_PAUSE, OFF_IF_POSSIBLE, 0, "PAUSE exiting" },
	{ CTL_PROC, PROC_SECONDARY, ON, 0, "activate secondary controls" },

	{ CTL_PROC2, PROC2_EPT, ON, 0, "enable EPT" },
	{ CTL_PROC2, PROC2_RDTSCP, LATER_IF_THERE, VMX_HAVE_RDTSCP, "enable RDTSCP" },
	{ CTL_PROC2, PROC2_VPID, LATER_IF_THERE, VMX_HAVE_VPID, "enable VPID" },
	{ CTL_PROC2, PROC2_WBINVD, ON_IF_THERE, VMX_HAVE_WBINVD, "WBINVD exiting" },
	{ CTL_PROC2, PROC2_UNRESTRICTED, ON_IF_THERE, VMX_HAVE_UNRESTRICTED,
	  "unrestricted guest" },
	{ CTL_PROC2, PROC2_INVPCID, LATER_IF_THERE, VMX_HAVE_INVPCID, "enable INVPCID" },
	{ CTL_PROC2, PROC2_XSAVES, LATER_IF_THERE, VMX_HAVE_XSAVES, "enable XSAVES/XRSTORS" },

	{ CTL_EXIT, EXIT_SAVE_DEBUG, ON, 0, "save debug controls" },
	{ CTL_EXIT, EXIT_HOST_64, ON, 0, "host address-space size" },
	{ CTL_EXIT, EXIT_ACK_INTERRUPT, OFF, 0, "acknowledge interrupt on exit" },
	{ CTL_EXIT, EXIT_LOAD_PAT, ON_IF_THERE, VMX_HAVE_EXIT_PAT, "load IA32_PAT" },
	{ CTL_EXIT, EXIT_LOAD_EFER, ON_IF_THERE, VMX_HAVE_EXIT_EFER, "load IA32_EFER" },

	{ CTL_ENTRY, ENTRY_LOAD_DEBUG, ON, 0, "load debug controls" },
	{ CTL_ENTRY, ENTRY_IA32E, LATER, 0, "IA-32e mode guest" },
	{ CTL_ENTRY, ENTRY_LOAD_PAT, ON_IF_THERE, VMX_HAVE_ENTRY_PAT, "load IA32_PAT" },
	{ CTL_ENTRY, ENTRY_LOAD_EFER, ON_IF_THERE, VMX_HAVE_ENTRY_EFER, "load IA32_EFER" },
};

static const char *const field_names[CTL_COUNT] = {
	"pin-based VM-execution", "primary processor-based VM-execution",
	"secondary processor-based VM-execution", "VM-exit", "VM-entry",
};

static char sentence[256];

const char *vmx_sentence(const char *part, ...)
{
	__builtin_va_list parts;
	size_t n = 0;

	__builtin_va_start(parts, part);
	for (; part; part = __builtin_va_arg(parts, const char *))
		while (*part && n < sizeof(sentence) - 1)
			sentence[n++] = *part++;
	__builtin_va_end(parts);
	sentence[n] = 0;
	return sentence;
}

/*
 * SDM3 "Reserved Controls and Default Settings": low half of the MSR = bits that
 * must be 1, high half = bits that may be 1. The TRUE MSRs let default-1 bits be 0.
 */
static u64 allowed(const struct vmx_caps *c, unsigned field)
{
	static const u8 plain[] = { CAP_PIN, CAP_PROC, CAP_PROC2, CAP_EXIT, CAP_ENTRY };
	static const u8 exact[] = { CAP_TRUE_PIN, CAP_TRUE_PROC, CAP_PROC2, CAP_TRUE_EXIT,
				    CAP_TRUE_ENTRY };
	bool have_true = c->msr[CAP_BASIC] & BIT(55);

	return c->msr[have_true ? exact[field] : plain[field]];
}

static int refuse(const struct control *k, const char *what, const char **why)
{
	*why = vmx_sentence("this CPU's VT-x ", what, " \"", k->name, "\" among its ",
			    field_names[k->field], " controls", NULL);
	return ERR_NOTSUP;
}

static int negotiate(struct vmx_caps *c, const struct control *k, const char **why)
{
	u64 msr = allowed(c, k->field);
	bool can_set = msr >> 32 & k->bit, stuck = msr & k->bit;

	if (vmm_options.no_unrestricted_guest && k->have == VMX_HAVE_UNRESTRICTED)
		can_set = false;

	switch (k->need) {
	case ON:
	case LATER:
		if (!can_set)
			return refuse(k, "lacks", why);
		break;
	case OFF:
		if (stuck)
			return refuse(k, "can't switch off", why);
		break;
	default:
		break;
	}
	if (can_set)
		c->have |= k->have;
	if (stuck || (can_set && (k->need == ON || k->need == ON_IF_THERE)))
		c->control[k->field] |= k->bit;
	return 0;
}

bool vmx_control_offered(unsigned field, u32 bits)
{
	return !(bits & ~(u32)(allowed(&vmx, field) >> 32));
}

int vmx_negotiate_controls(struct vmx_caps *c, const char **why)
{
	unsigned i;
	int rc;

	for (i = 0; i < CTL_COUNT; i++)
		c->control[i] = (u32)allowed(c, i);
	/* Table order: whoever lacks secondary controls is told that, not "EPT". */
	for (i = 0; i < COUNT_OF(controls); i++) {
		rc = negotiate(c, &controls[i], why);
		if (rc)
			return rc;
	}
	if ((c->have & VMX_HAVE_EXIT_PAT) && (c->have & VMX_HAVE_ENTRY_PAT))
		c->have |= VMX_HAVE_PAT;
	if ((c->have & VMX_HAVE_EXIT_EFER) && (c->have & VMX_HAVE_ENTRY_EFER))
		c->have |= VMX_HAVE_EFER;
	if (!(c->have & VMX_HAVE_PAT)) {
		c->control[CTL_EXIT] &= ~(u32)EXIT_LOAD_PAT;
		c->control[CTL_ENTRY] &= ~(u32)ENTRY_LOAD_PAT;
	}
	if (!(c->have & VMX_HAVE_EFER)) {
		c->control[CTL_EXIT] &= ~(u32)EXIT_LOAD_EFER;
		c->control[CTL_ENTRY] &= ~(u32)ENTRY_LOAD_EFER;
	}
	return 0;
}
