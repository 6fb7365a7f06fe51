/* SPDX-License-Identifier: MIT */
/*
 * The control fields' bits, and which of them we need. SDM3 "VM-Execution Control
 * Fields", "VM-Exit Control Fields", "VM-Entry Control Fields".
 */
#ifndef VELLUM_ENGINE_VMX_CONTROLS_H
#define VELLUM_ENGINE_VMX_CONTROLS_H

#include "../types.h"

enum control_field { CTL_PIN, CTL_PROC, CTL_PROC2, CTL_EXIT, CTL_ENTRY, CTL_COUNT };

#define PIN_EXTERNAL_INTERRUPT	BIT(0)
#define PIN_NMI			BIT(3)
#define PIN_VIRTUAL_NMI		BIT(5)
#define PIN_PREEMPTION_TIMER	BIT(6)
#define PIN_POSTED_INTERRUPTS	BIT(7)

#define PROC_INTERRUPT_WINDOW	BIT(2)
#define PROC_TSC_OFFSETTING	BIT(3)
#define PROC_HLT		BIT(7)
#define PROC_INVLPG		BIT(9)
#define PROC_MWAIT		BIT(10)
#define PROC_RDPMC		BIT(11)
#define PROC_RDTSC		BIT(12)
#define PROC_CR3_LOAD		BIT(15)
#define PROC_CR3_STORE		BIT(16)
#define PROC_TERTIARY		BIT(17)
#define PROC_CR8_LOAD		BIT(19)
#define PROC_CR8_STORE		BIT(20)
#define PROC_TPR_SHADOW		BIT(21)
#define PROC_NMI_WINDOW		BIT(22)
#define PROC_MOV_DR		BIT(23)
#define PROC_UNCONDITIONAL_IO	BIT(24)
#define PROC_IO_BITMAPS		BIT(25)
#define PROC_MONITOR_TRAP	BIT(27)
#define PROC_MSR_BITMAPS	BIT(28)
#define PROC_MONITOR		BIT(29)
#define PROC_PAUSE		BIT(30)
#define PROC_SECONDARY		BIT(31)

#define PROC2_EPT		BIT(1)
#define PROC2_DESCRIPTOR	BIT(2)
#define PROC2_RDTSCP		BIT(3)
#define PROC2_VPID		BIT(5)
#define PROC2_WBINVD		BIT(6)
#define PROC2_UNRESTRICTED	BIT(7)
#define PROC2_INVPCID		BIT(12)
#define PROC2_XSAVES		BIT(20)

#define EXIT_SAVE_DEBUG		BIT(2)
#define EXIT_HOST_64		BIT(9)
#define EXIT_ACK_INTERRUPT	BIT(15)
#define EXIT_LOAD_PAT		BIT(19)
#define EXIT_LOAD_EFER		BIT(21)

#define ENTRY_LOAD_DEBUG	BIT(2)
#define ENTRY_IA32E		BIT(9)
#define ENTRY_LOAD_PAT		BIT(14)
#define ENTRY_LOAD_EFER		BIT(15)

/* Optional features of this CPU (vmx.have). */
#define VMX_HAVE_VIRTUAL_NMI	BIT(0)
#define VMX_HAVE_TPR_SHADOW	BIT(1)
#define VMX_HAVE_MSR_BITMAPS	BIT(2)
#define VMX_HAVE_RDTSCP		BIT(3)
#define VMX_HAVE_VPID		BIT(4)
#define VMX_HAVE_WBINVD		BIT(5)
#define VMX_HAVE_UNRESTRICTED	BIT(6)
#define VMX_HAVE_INVPCID	BIT(7)
#define VMX_HAVE_XSAVES		BIT(8)
#define VMX_HAVE_EXIT_PAT	BIT(9)
#define VMX_HAVE_EXIT_EFER	BIT(10)
#define VMX_HAVE_ENTRY_PAT	BIT(11)
#define VMX_HAVE_ENTRY_EFER	BIT(12)
#define VMX_HAVE_EPT_AD		BIT(13)
#define VMX_HAVE_EPT_2M		BIT(14)
#define VMX_HAVE_EPT_1G		BIT(15)
/* Both sides, and so PAT or EFER are switched by the VMCS. */
#define VMX_HAVE_PAT		BIT(16)
#define VMX_HAVE_EFER		BIT(17)

struct vmx_caps;

/*
 * Settles c->control[] and the control part of c->have from c->msr[].
 * ERR_NOTSUP: *why names the control that can't be as we need it.
 */
int vmx_negotiate_controls(struct vmx_caps *c, const char **why);

/* Can this CPU set all of these bits of a control field? */
bool vmx_control_offered(unsigned field, u32 bits);

/*
 * The sentence for a refusal, put together from parts up to a NULL; it lives
 * until the next one.
 */
const char *vmx_sentence(const char *part, ...) __attribute__((sentinel));

#endif
