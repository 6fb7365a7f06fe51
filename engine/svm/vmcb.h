/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine control block, as APM2 "Layout of VMCB" fixes it, and the
 * bits of its fields. Bits are masks in the manual's order.
 */
#ifndef VELLUM_ENGINE_SVM_VMCB_H
#define VELLUM_ENGINE_SVM_VMCB_H

#include "../types.h"

struct vmcb_seg {
	u16 selector;
	u16 attrib;	/* descriptor bits 55:52 and 47:40: see SEG_ATTRIB_* */
	u32 limit;
	u64 base;
};

struct vmcb_control {
	u16 cr_read, cr_write;		/* intercepts, a bit per register */
	u16 dr_read, dr_write;
	u32 exceptions;
	u32 misc1;			/* INTERCEPT1_* */
	u32 misc2;			/* INTERCEPT2_* */
	u32 misc3;			/* INTERCEPT3_* */
	u8 reserved_018[0x03c - 0x018];
	u16 pause_threshold;
	u16 pause_count;
	u64 iopm, msrpm;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;			/* TLB_* */
	u8 reserved_05d[3];
	u64 int_ctl;			/* INT_CTL_* */
	u64 int_state;			/* INT_STATE_* */
	u64 exit_code;
	u64 exit_info1, exit_info2;
	u64 exit_int_info;		/* as event_inject */
	u64 nested_ctl;			/* NESTED_CTL_* */
	u64 avic_apic_bar;
	u64 ghcb;
	u64 event_inject;		/* EVENT_INJ_* */
	u64 nested_cr3;
	u64 virt_ext;			/* LBR and VMLOAD/VMSAVE virtualisation */
	u32 clean;			/* CLEAN_* */
	u32 reserved_0c4;
	u64 next_rip;
	u8 insn_len;			/* bytes fetched, not the length */
	u8 insn_bytes[15];
	u64 avic_backing;
	u64 reserved_0e8;
	u64 avic_logical, avic_physical;
	u8 reserved_100[0x400 - 0x100];
};

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0x0cb - 0x0a0];
	u8 cpl;
	u32 reserved_0cc;
	u64 efer;
	u8 reserved_0d8[0x148 - 0x0d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp, s_cet, ssp, isst_addr, rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat, debugctl;
	u64 br_from, br_to, last_excp_from, last_excp_to;
	u8 reserved_298[0x2e0 - 0x298];
	u64 spec_ctrl;
	u8 reserved_2e8[0xc00 - 0x2e8];
};

struct vmcb {
	struct vmcb_control c;
	struct vmcb_save s;
};

#define VMCB_AT(part, field, offset) \
	_Static_assert(offsetof(struct vmcb, part.field) == (offset), "APM2 layout")

VMCB_AT(c, exceptions, 0x008);
VMCB_AT(c, misc1, 0x00c);
VMCB_AT(c, misc2, 0x010);
VMCB_AT(c, misc3, 0x014);
VMCB_AT(c, pause_threshold, 0x03c);
VMCB_AT(c, pause_count, 0x03e);
VMCB_AT(c, iopm, 0x040);
VMCB_AT(c, msrpm, 0x048);
VMCB_AT(c, tsc_offset, 0x050);
VMCB_AT(c, asid, 0x058);
VMCB_AT(c, tlb_control, 0x05c);
VMCB_AT(c, int_ctl, 0x060);
VMCB_AT(c, int_state, 0x068);
VMCB_AT(c, exit_code, 0x070);
VMCB_AT(c, exit_info1, 0x078);
VMCB_AT(c, exit_info2, 0x080);
VMCB_AT(c, exit_int_info, 0x088);
VMCB_AT(c, nested_ctl, 0x090);
VMCB_AT(c, event_inject, 0x0a8);
VMCB_AT(c, nested_cr3, 0x0b0);
VMCB_AT(c, virt_ext, 0x0b8);
VMCB_AT(c, clean, 0x0c0);
VMCB_AT(c, next_rip, 0x0c8);
VMCB_AT(c, insn_len, 0x0d0);
VMCB_AT(c, avic_backing, 0x0e0);
VMCB_AT(c, avic_physical, 0x0f8);
VMCB_AT(s, es, 0x400);
VMCB_AT(s, fs, 0x440);
VMCB_AT(s, gdtr, 0x460);
VMCB_AT(s, ldtr, 0x470);
VMCB_AT(s, idtr, 0x480);
VMCB_AT(s, tr, 0x490);
VMCB_AT(s, cpl, 0x4cb);
VMCB_AT(s, efer, 0x4d0);
VMCB_AT(s, cr4, 0x548);
VMCB_AT(s, cr3, 0x550);
VMCB_AT(s, cr0, 0x558);
VMCB_AT(s, dr7, 0x560);
VMCB_AT(s, dr6, 0x568);
VMCB_AT(s, rflags, 0x570);
VMCB_AT(s, rip, 0x578);
VMCB_AT(s, rsp, 0x5d8);
VMCB_AT(s, rax, 0x5f8);
VMCB_AT(s, star, 0x600);
VMCB_AT(s, kernel_gs_base, 0x620);
VMCB_AT(s, sysenter_eip, 0x638);
VMCB_AT(s, cr2, 0x640);
VMCB_AT(s, g_pat, 0x668);
VMCB_AT(s, debugctl, 0x670);
VMCB_AT(s, spec_ctrl, 0x6e0);
_Static_assert(sizeof(struct vmcb) == 0x1000, "a page");

#undef VMCB_AT

/* Compressed descriptor attributes. */
#define SEG_ATTRIB_LOW	BITS(7, 0)	/* type, S, DPL, P */
#define SEG_ATTRIB_BUSY	BIT(1)		/* of a TSS */
#define SEG_ATTRIB_P	BIT(7)
#define SEG_ATTRIB_L	BIT(9)
#define SEG_ATTRIB_HIGH	BITS(11, 8)	/* AVL, L, D/B, G */

#define INTERCEPT_CR(n)		BIT(n)

#define INTERCEPT1_INTR		BIT(0)
#define INTERCEPT1_NMI		BIT(1)
#define INTERCEPT1_SMI		BIT(2)
#define INTERCEPT1_INIT		BIT(3)
#define INTERCEPT1_VINTR	BIT(4)
#define INTERCEPT1_CR0_SEL	BIT(5)
#define INTERCEPT1_DESCRIPTOR	BITS(13, 6)	/* SIDT ... LTR */
#define INTERCEPT1_RDTSC	BIT(14)
#define INTERCEPT1_RDPMC	BIT(15)
#define INTERCEPT1_CPUID	BIT(18)
#define INTERCEPT1_RSM		BIT(19)
#define INTERCEPT1_IRET		BIT(20)
#define INTERCEPT1_INT_N	BIT(21)
#define INTERCEPT1_INVD		BIT(22)
#define INTERCEPT1_PAUSE	BIT(23)
#define INTERCEPT1_HLT		BIT(24)
#define INTERCEPT1_INVLPG	BIT(25)
#define INTERCEPT1_INVLPGA	BIT(26)
#define INTERCEPT1_IOIO		BIT(27)
#define INTERCEPT1_MSR		BIT(28)
#define INTERCEPT1_TASK_SWITCH	BIT(29)
#define INTERCEPT1_SHUTDOWN	BIT(31)

#define INTERCEPT2_VMRUN	BIT(0)
#define INTERCEPT2_VMMCALL	BIT(1)
#define INTERCEPT2_VMLOAD	BIT(2)
#define INTERCEPT2_VMSAVE	BIT(3)
#define INTERCEPT2_STGI		BIT(4)
#define INTERCEPT2_CLGI		BIT(5)
#define INTERCEPT2_SKINIT	BIT(6)
#define INTERCEPT2_RDTSCP	BIT(7)
#define INTERCEPT2_WBINVD	BIT(9)
#define INTERCEPT2_MONITOR	BIT(10)
#define INTERCEPT2_MWAIT	BIT(11)
#define INTERCEPT2_XSETBV	BIT(13)
#define INTERCEPT2_RDPRU	BIT(14)

#define INTERCEPT3_INVLPGB	BIT(0)
#define INTERCEPT3_INVPCID	BIT(2)
#define INTERCEPT3_MCOMMIT	BIT(3)
#define INTERCEPT3_TLBSYNC	BIT(4)

#define TLB_KEEP	0
#define TLB_FLUSH_ALL	1	/* every ASID */
#define TLB_FLUSH_ASID	3	/* CPUID 8000_000A EDX.FlushByAsid */

#define INT_CTL_TPR		BITS(7, 0)
#define INT_CTL_V_IRQ		BIT(8)
#define INT_CTL_V_GIF		BIT(9)
#define INT_CTL_PRIO_SHIFT	16
#define INT_CTL_V_PRIO		BITS(19, 16)
#define INT_CTL_V_IGN_TPR	BIT(20)
#define INT_CTL_V_INTR_MASKING	BIT(24)
#define INT_CTL_V_GIF_ENABLE	BIT(25)
#define INT_CTL_V_VECTOR	BITS(39, 32)

#define INT_STATE_SHADOW	BIT(0)
#define INT_STATE_GUEST_IF	BIT(1)

#define NESTED_CTL_NP		BIT(0)

#define EVENT_INJ_VECTOR	BITS(7, 0)
#define EVENT_INJ_TYPE		BITS(10, 8)
#define EVENT_INJ_TYPE_SHIFT	8
#define EVENT_INJ_INTR		0
#define EVENT_INJ_NMI		2
#define EVENT_INJ_EXCEPTION	3
#define EVENT_INJ_SOFT		4
#define EVENT_INJ_EV		BIT(11)	/* error code in 63:32 */
#define EVENT_INJ_V		BIT(31)

/* A set bit: the CPU may use what it has cached of the group. */
#define CLEAN_INTERCEPTS	BIT(0)	/* also TSC offset, pause filter */
#define CLEAN_MAPS		BIT(1)
#define CLEAN_ASID		BIT(2)
#define CLEAN_TPR		BIT(3)	/* int_ctl */
#define CLEAN_NP		BIT(4)	/* nested CR3, PAT */
#define CLEAN_CR		BIT(5)	/* CR0, CR3, CR4, EFER */
#define CLEAN_DR		BIT(6)
#define CLEAN_DT		BIT(7)
#define CLEAN_SEG		BIT(8)	/* CS, DS, SS, ES, CPL */
#define CLEAN_CR2		BIT(9)
#define CLEAN_LBR		BIT(10)
#define CLEAN_AVIC		BIT(11)
#define CLEAN_CET		BIT(12)
#define CLEAN_ALL		BITS(12, 0)

/* APM2 "SVM Intercept Exit Codes". */
#define EXIT_CR_READ(n)		(0x00 + (n))
#define EXIT_CR_WRITE(n)	(0x10 + (n))
#define EXIT_DR_READ(n)		(0x20 + (n))
#define EXIT_DR_WRITE(n)	(0x30 + (n))
#define EXIT_EXCEPTION(n)	(0x40 + (n))
#define EXIT_INTR		0x60
#define EXIT_NMI		0x61
#define EXIT_SMI		0x62
#define EXIT_INIT		0x63
#define EXIT_VINTR		0x64
#define EXIT_CR0_SEL_WRITE	0x65
#define EXIT_IDTR_READ		0x66
#define EXIT_TR_WRITE		0x6d
#define EXIT_RDTSC		0x6e
#define EXIT_RDPMC		0x6f
#define EXIT_CPUID		0x72
#define EXIT_RSM		0x73
#define EXIT_IRET		0x74
#define EXIT_INT_N		0x75
#define EXIT_INVD		0x76
#define EXIT_PAUSE		0x77
#define EXIT_HLT		0x78
#define EXIT_INVLPG		0x79
#define EXIT_INVLPGA		0x7a
#define EXIT_IOIO		0x7b
#define EXIT_MSR		0x7c
#define EXIT_TASK_SWITCH	0x7d
#define EXIT_SHUTDOWN		0x7f
#define EXIT_VMRUN		0x80
#define EXIT_VMMCALL		0x81
#define EXIT_VMLOAD		0x82
#define EXIT_VMSAVE		0x83
#define EXIT_STGI		0x84
#define EXIT_CLGI		0x85
#define EXIT_SKINIT		0x86
#define EXIT_RDTSCP		0x87
#define EXIT_WBINVD		0x89
#define EXIT_MONITOR		0x8a
#define EXIT_MWAIT		0x8b
#define EXIT_MWAIT_ARMED	0x8c
#define EXIT_XSETBV		0x8d
#define EXIT_RDPRU		0x8e
#define EXIT_INVLPGB		0xa0
#define EXIT_INVPCID		0xa2
#define EXIT_MCOMMIT		0xa3
#define EXIT_TLBSYNC		0xa4
#define EXIT_NPF		0x400
#define EXIT_AVIC_IPI		0x401
#define EXIT_AVIC_NOACCEL	0x402
#define EXIT_VMGEXIT		0x403
#define EXIT_INVALID		0xffffffffu	/* low half; see svm_exit_index() */
#define EXIT_BUSY		0xfffffffeu

/*
 * The counters' index of an exit: codes below 0xb0 are their own index, the few
 * above have a place behind them.
 */
#define EXIT_INDEX_LIMIT	0xb0
#define EXIT_INDEX_NPF		0xb0	/* ... 0xb3: 0x400 ... 0x403 */
#define EXIT_INDEX_INVALID	0xb8
#define EXIT_INDEX_BUSY		0xb9
#define EXIT_INDEX_OTHER	0xbf

/* EXITINFO1 of I/O intercepts. */
#define IOIO_IN			BIT(0)
#define IOIO_STRING		BIT(2)
#define IOIO_REP		BIT(3)
#define IOIO_SIZE(i)		FIELD(i, 6, 4)	/* bit mask of 1, 2, 4 */
#define IOIO_PORT(i)		FIELD(i, 31, 16)

/* EXITINFO1 of nested page faults. */
#define NPF_PRESENT		BIT(0)
#define NPF_WRITE		BIT(1)
#define NPF_USER		BIT(2)
#define NPF_RESERVED		BIT(3)
#define NPF_FETCH		BIT(4)
#define NPF_FINAL		BIT(32)
#define NPF_TABLE		BIT(33)

/* EXITINFO1 of MOV CRn with decode assists. */
#define CR_EXIT_MOV		BIT(63)
#define CR_EXIT_GPR(i)		FIELD(i, 3, 0)

/* VM_CR, VM_HSAVE_PA: APM2 "SVM Related MSRs". */
#define MSR_VM_CR		0xc0010114
#define VM_CR_LOCK		BIT(3)
#define VM_CR_SVMDIS		BIT(4)
#define MSR_VM_HSAVE_PA		0xc0010117

#endif
