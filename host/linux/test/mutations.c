/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "mutations.h"

#define SET(f, v)	{ F_##f, OP_SET, v }
#define OR(f, v)	{ F_##f, OP_OR, v }
#define CLR(f, v)	{ F_##f, OP_CLEAR, v }
#define M(rule, base, ...) { rule, BASE_##base, { __VA_ARGS__ } }

#define BEYOND		BIT(52)
#define NOT_CANONICAL	0x0080000000000000ull
#define BAD_PAT		0x0007040600070402ull
#define EVENT(type, vector) (INTR_VALID_BIT | (type) << 8 | (vector))
#define INTR_VALID_BIT	0x80000000ull
#define WITH_CODE	0x800ull

/* Everything that APIC virtualisation needs. */
#define TPR_SHADOW	OR(PROC_CTLS, BIT(21)), SET(VIRTUAL_APIC_ADDR, 0x10000)
#define POSTED		OR(PIN_CTLS, BIT(7)), OR(PROC_CTLS2, BIT(9)), OR(EXIT_CTLS, BIT(15)), TPR_SHADOW

#define ADDRESS(rule, field, ...)						\
	M(rule, 64, SET(field, 0x10008), __VA_ARGS__),				\
	M(rule, 64, SET(field, BEYOND), __VA_ARGS__)

#define V86(name)								\
	M("guest." #name ".v86.base", V86, SET(GUEST_##name##_BASE, 0x12340)),	\
	M("guest." #name ".v86.limit", V86, SET(GUEST_##name##_LIMIT, 0xfffe)),	\
	M("guest." #name ".v86.limit", V86, SET(GUEST_##name##_LIMIT, 0x1ffff)), \
	M("guest." #name ".v86.ar", V86, SET(GUEST_##name##_AR, 0x93)),		\
	M("guest." #name ".v86.ar", V86, SET(GUEST_##name##_AR, 0xfb))

/* What all six code and data registers have in common. */
#define CODE_DATA(name)								\
	M("guest." #name ".s", 64, CLR(GUEST_##name##_AR, AR_S)),		\
	M("guest." #name ".present", 64, CLR(GUEST_##name##_AR, AR_P)),		\
	M("guest." #name ".reserved", 64, OR(GUEST_##name##_AR, BIT(8))),	\
	M("guest." #name ".reserved", 64, OR(GUEST_##name##_AR, BIT(20))),	\
	M("guest." #name ".g", 64, CLR(GUEST_##name##_LIMIT, 1)),		\
	M("guest." #name ".g", 64, CLR(GUEST_##name##_AR, AR_G))

#define DATA(name)								\
	CODE_DATA(name),							\
	M("guest." #name ".type", 64, CLR(GUEST_##name##_AR, 1)),		\
	M("guest." #name ".type", 64, OR(GUEST_##name##_AR, 8), CLR(GUEST_##name##_AR, 2)), \
	M("guest." #name ".dpl", 32, OR(GUEST_##name##_SELECTOR, 3))

#define SYSTEM(name, base_)							\
	M("guest." #name ".s", base_, OR(GUEST_##name##_AR, AR_S)),		\
	M("guest." #name ".present", base_, CLR(GUEST_##name##_AR, AR_P)),	\
	M("guest." #name ".reserved", base_, OR(GUEST_##name##_AR, BIT(9))),	\
	M("guest." #name ".reserved", base_, OR(GUEST_##name##_AR, BIT(17))),	\
	M("guest." #name ".g", base_, OR(GUEST_##name##_AR, AR_G), SET(GUEST_##name##_LIMIT, 0x67)), \
	M("guest." #name ".g", base_, SET(GUEST_##name##_LIMIT, 0x100000))

#define HOST_SELECTOR(name)							\
	M("host." #name ".selector", 64, OR(HOST_##name##_SELECTOR, 3)),	\
	M("host." #name ".selector", 64, OR(HOST_##name##_SELECTOR, 4))

const struct mutation mutations[] = {
	M("exec.pin.reserved", 64, CLR(PIN_CTLS, BIT(1))),
	M("exec.pin.reserved", 64, OR(PIN_CTLS, BIT(20))),
	M("exec.proc.reserved", 64, CLR(PROC_CTLS, BIT(4))),
	M("exec.proc.reserved", 64, OR(PROC_CTLS, BIT(0))),
	M("exec.proc2.reserved", 64, OR(PROC_CTLS2, BIT(29))),
	M("exec.proc3.reserved", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(40))),
	M("exec.cr3-target-count", 64, SET(CR3_TARGET_COUNT, 5)),
	M("exec.cr3-target-count", 64, SET(CR3_TARGET_COUNT, 0xffffffff)),
	ADDRESS("exec.io-bitmap-a", IO_BITMAP_A, OR(PROC_CTLS, BIT(25)), SET(IO_BITMAP_B, 0x11000)),
	ADDRESS("exec.io-bitmap-b", IO_BITMAP_B, OR(PROC_CTLS, BIT(25)), SET(IO_BITMAP_A, 0x11000)),
	ADDRESS("exec.msr-bitmap", MSR_BITMAP, OR(PROC_CTLS, BIT(28))),
	M("exec.virtual-apic", 64, TPR_SHADOW, SET(VIRTUAL_APIC_ADDR, 0x10010)),
	M("exec.virtual-apic", 64, TPR_SHADOW, SET(VIRTUAL_APIC_ADDR, BEYOND)),
	M("exec.tpr-threshold.reserved", 64, TPR_SHADOW, SET(TPR_THRESHOLD, 0x10)),
	M("exec.x2apic-without-tpr-shadow", 64, CLR(PROC_CTLS, BIT(21)), OR(PROC_CTLS, BIT(20)),
	  OR(PROC_CTLS, BIT(19)), OR(PROC_CTLS2, BIT(4))),
	M("exec.apic-registers-without-tpr-shadow", 64, CLR(PROC_CTLS, BIT(21)), OR(PROC_CTLS2, BIT(8))),
	M("exec.virtual-interrupts-without-tpr-shadow", 64, CLR(PROC_CTLS, BIT(21)),
	  OR(PROC_CTLS2, BIT(9))),
	M("exec.ipi-without-tpr-shadow", 64, CLR(PROC_CTLS, BIT(21)), OR(PROC_CTLS, BIT(17)),
	  SET(PROC_CTLS3, BIT(4))),
	M("exec.virtual-nmis", 64, OR(PIN_CTLS, BIT(5)), CLR(PIN_CTLS, BIT(3))),
	M("exec.nmi-window", 64, CLR(PIN_CTLS, BIT(5)), OR(PROC_CTLS, BIT(22))),
	ADDRESS("exec.apic-access", APIC_ACCESS_ADDR, OR(PROC_CTLS2, BIT(0)), TPR_SHADOW),
	M("exec.x2apic-and-accesses", 64, OR(PROC_CTLS2, BIT(4) | BIT(0)), TPR_SHADOW,
	  SET(APIC_ACCESS_ADDR, 0x11000)),
	M("exec.virtual-interrupts", 64, CLR(PIN_CTLS, BIT(0)), OR(PROC_CTLS2, BIT(9)), TPR_SHADOW),
	M("exec.posted.virtual-interrupts", 64, OR(PIN_CTLS, BIT(7)), OR(EXIT_CTLS, BIT(15)), TPR_SHADOW),
	M("exec.posted.acknowledge", 64, POSTED, CLR(EXIT_CTLS, BIT(15))),
	M("exec.posted.vector", 64, POSTED, SET(POSTED_INTR_VECTOR, 0x100)),
	M("exec.posted.descriptor", 64, POSTED, SET(POSTED_INTR_DESC, 0x10020)),
	M("exec.vpid", 64, OR(PROC_CTLS2, BIT(5)), SET(VPID, 0)),
	M("exec.eptp.type", 64, CLR(EPT_POINTER, 7), OR(EPT_POINTER, 1)),
	M("exec.eptp.type", 64, OR(EPT_POINTER, 7)),
	M("exec.eptp.walk", 64, CLR(EPT_POINTER, 0x38), OR(EPT_POINTER, 2 << 3)),
	M("exec.eptp.walk", 64, CLR(EPT_POINTER, 0x38)),
	M("exec.eptp.reserved", 64, OR(EPT_POINTER, BIT(9))),
	M("exec.eptp.reserved", 64, OR(EPT_POINTER, BIT(11))),
	M("exec.eptp.reserved", 64, OR(EPT_POINTER, BEYOND)),
	M("exec.pml-without-ept", 64, OR(PROC_CTLS2, BIT(17)), CLR(PROC_CTLS2, BIT(1) | BIT(7)),
	  SET(PML_ADDR, 0x10000)),
	ADDRESS("exec.pml-address", PML_ADDR, OR(PROC_CTLS2, BIT(17))),
	M("exec.unrestricted-without-ept", 64, OR(PROC_CTLS2, BIT(7)), CLR(PROC_CTLS2, BIT(1))),
	M("exec.mbec-without-ept", 64, OR(PROC_CTLS2, BIT(22)), CLR(PROC_CTLS2, BIT(1) | BIT(7))),
	M("exec.spp-without-ept", 64, OR(PROC_CTLS2, BIT(23)), CLR(PROC_CTLS2, BIT(1) | BIT(7)),
	  SET(SPP_TABLE_POINTER, 0x10000)),
	ADDRESS("exec.spp-table", SPP_TABLE_POINTER, OR(PROC_CTLS2, BIT(23))),
	M("exec.pt-without-ept", 64, OR(PROC_CTLS2, BIT(24)), CLR(PROC_CTLS2, BIT(1) | BIT(7)),
	  OR(ENTRY_CTLS, BIT(18)), OR(EXIT_CTLS, BIT(25))),
	M("exec.pt-without-load", 64, OR(PROC_CTLS2, BIT(24)), OR(EXIT_CTLS, BIT(25))),
	M("exec.pt-without-clear", 64, OR(PROC_CTLS2, BIT(24)), OR(ENTRY_CTLS, BIT(18))),
	M("exec.vmfunc.reserved", 64, OR(PROC_CTLS2, BIT(13)), SET(VMFUNC_CTLS, BIT(5))),
	M("exec.vmfunc.eptp-switching", 64, OR(PROC_CTLS2, BIT(13)), CLR(PROC_CTLS2, BIT(1) | BIT(7)),
	  SET(VMFUNC_CTLS, 1), SET(EPTP_LIST, 0x10000)),
	ADDRESS("exec.vmfunc.eptp-list", EPTP_LIST, OR(PROC_CTLS2, BIT(13)), SET(VMFUNC_CTLS, 1)),
	ADDRESS("exec.vmread-bitmap", VMREAD_BITMAP, OR(PROC_CTLS2, BIT(14)), SET(VMWRITE_BITMAP, 0x11000)),
	ADDRESS("exec.vmwrite-bitmap", VMWRITE_BITMAP, OR(PROC_CTLS2, BIT(14)), SET(VMREAD_BITMAP, 0x11000)),
	ADDRESS("exec.ve-info", VE_INFO_ADDR, OR(PROC_CTLS2, BIT(18))),
	M("exec.tsc-multiplier", 64, OR(PROC_CTLS2, BIT(25)), SET(TSC_MULTIPLIER, 0)),
	M("exec.pasid-low", 64, OR(PROC_CTLS2, BIT(21)), SET(LOW_PASID_DIR, 8), SET(HIGH_PASID_DIR, 0)),
	M("exec.pasid-high", 64, OR(PROC_CTLS2, BIT(21)), SET(HIGH_PASID_DIR, 8), SET(LOW_PASID_DIR, 0)),
	M("exec.hlat-without-ept", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(1)),
	  CLR(PROC_CTLS2, BIT(1) | BIT(7)), SET(HLAT_POINTER, 0x10000)),
	M("exec.paging-write-without-ept", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(2)),
	  CLR(PROC_CTLS2, BIT(1) | BIT(7))),
	M("exec.guest-paging-without-ept", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(3)),
	  CLR(PROC_CTLS2, BIT(1) | BIT(7))),
	M("exec.hlat-pointer", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(1)), SET(HLAT_POINTER, 0x10001)),
	M("exec.pid-table", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(4)), SET(PID_POINTER_TABLE, 4),
	  SET(LAST_PID_INDEX, 0), OR(PROC_CTLS, BIT(21))),
	M("exec.pid-table-end", 64, OR(PROC_CTLS, BIT(17)), SET(PROC_CTLS3, BIT(4)),
	  SET(PID_POINTER_TABLE, BEYOND - 8), SET(LAST_PID_INDEX, 1), OR(PROC_CTLS, BIT(21))),

	M("exit.reserved", 64, CLR(EXIT_CTLS, BIT(0))),
	M("exit.reserved", 64, CLR(EXIT_CTLS, BIT(17))),
	M("exit.secondary.reserved", 64, OR(EXIT_CTLS, BIT(31)), SET(EXIT_CTLS2, BIT(40))),
	M("exit.preemption-timer", 64, OR(EXIT_CTLS, BIT(22)), CLR(PIN_CTLS, BIT(6))),
	M("exit.msr-store", 64, SET(EXIT_MSR_STORE_COUNT, 1), SET(EXIT_MSR_STORE_ADDR, 0x10008)),
	M("exit.msr-store", 64, SET(EXIT_MSR_STORE_COUNT, 1), SET(EXIT_MSR_STORE_ADDR, BEYOND)),
	M("exit.msr-store", 64, SET(EXIT_MSR_STORE_COUNT, 2), SET(EXIT_MSR_STORE_ADDR, BEYOND - 16)),
	M("exit.msr-load", 64, SET(EXIT_MSR_LOAD_COUNT, 1), SET(EXIT_MSR_LOAD_ADDR, 0x10004)),
	M("exit.msr-load", 64, SET(EXIT_MSR_LOAD_COUNT, 1), SET(EXIT_MSR_LOAD_ADDR, BEYOND)),
	M("entry.reserved", 64, CLR(ENTRY_CTLS, BIT(0))),
	M("entry.reserved", 64, OR(ENTRY_CTLS, BIT(31))),
	M("entry.event.type", 64, SET(ENTRY_INTR_INFO, EVENT(1, 32))),
	M("entry.event.vector", 64, SET(ENTRY_INTR_INFO, EVENT(2, 3))),
	M("entry.event.vector", 64, SET(ENTRY_INTR_INFO, EVENT(3, 32))),
	M("entry.event.vector", 64, SET(ENTRY_INTR_INFO, EVENT(7, 1))),
	M("entry.event.error-code", 64, SET(ENTRY_INTR_INFO, EVENT(3, 6) | WITH_CODE)),
	M("entry.event.error-code", 64, SET(ENTRY_INTR_INFO, EVENT(3, 13))),
	M("entry.event.error-code", 64, SET(ENTRY_INTR_INFO, EVENT(2, 2) | WITH_CODE)),
	M("entry.event.error-code", REAL, SET(ENTRY_INTR_INFO, EVENT(3, 13) | WITH_CODE)),
	M("entry.event.reserved", 64, SET(ENTRY_INTR_INFO, EVENT(3, 6) | BIT(12))),
	M("entry.event.reserved", 64, SET(ENTRY_INTR_INFO, EVENT(3, 6) | BIT(30))),
	M("entry.event.error-value", 64, SET(ENTRY_INTR_INFO, EVENT(3, 13) | WITH_CODE),
	  SET(ENTRY_ERROR_CODE, 0x10000)),
	M("entry.event.length", 64, SET(ENTRY_INTR_INFO, EVENT(4, 0x80)), SET(ENTRY_INSN_LEN, 16)),
	M("entry.event.length", 64, SET(ENTRY_INTR_INFO, EVENT(6, 3)), SET(ENTRY_INSN_LEN, 0xffffffff)),
	M("entry.msr-load.area", 64, SET(ENTRY_MSR_LOAD_COUNT, 1), SET(ENTRY_MSR_LOAD_ADDR, 0x10001)),
	M("entry.msr-load.area", 64, SET(ENTRY_MSR_LOAD_COUNT, 1), SET(ENTRY_MSR_LOAD_ADDR, BEYOND)),
	M("entry.smm.entry", 64, OR(ENTRY_CTLS, BIT(10)), OR(GUEST_INTERRUPTIBILITY, BIT(2))),
	M("entry.smm.deactivate", 64, OR(ENTRY_CTLS, BIT(11))),
	M("entry.smm.both", 64, OR(ENTRY_CTLS, BIT(10) | BIT(11)), OR(GUEST_INTERRUPTIBILITY, BIT(2))),

	M("host.cr0", 64, CLR(HOST_CR0, CR0_PE)),
	M("host.cr0", 64, CLR(HOST_CR0, CR0_NE)),
	M("host.cr0", 64, CLR(HOST_CR0, CR0_PG)),
	M("host.cr0", 64, OR(HOST_CR0, BIT(40))),
	M("host.cr4", 64, CLR(HOST_CR4, CR4_VMXE)),
	M("host.cr4", 64, OR(HOST_CR4, BIT(31))),
	M("host.cr4.cet", 64, OR(HOST_CR4, BIT(23)), CLR(HOST_CR0, CR0_WP)),
	M("host.cr3", 64, OR(HOST_CR3, BIT(63))),
	M("host.cr3", 64, OR(HOST_CR3, BEYOND)),
	M("host.sysenter-esp", 64, SET(HOST_SYSENTER_ESP, NOT_CANONICAL)),
	M("host.sysenter-eip", 64, SET(HOST_SYSENTER_EIP, NOT_CANONICAL)),
	M("host.perf-global-ctrl", 64, OR(EXIT_CTLS, BIT(12)), SET(HOST_PERF_GLOBAL_CTRL, BIT(63))),
	M("host.pat", 64, OR(EXIT_CTLS, BIT(19)), SET(HOST_PAT, BAD_PAT)),
	M("host.pat", 64, OR(EXIT_CTLS, BIT(19)), SET(HOST_PAT, 0x0807040600070406ull)),
	M("host.efer", 64, OR(EXIT_CTLS, BIT(21)), CLR(HOST_EFER, EFER_LMA)),
	M("host.efer", 64, OR(EXIT_CTLS, BIT(21)), CLR(HOST_EFER, EFER_LME)),
	M("host.efer", 64, OR(EXIT_CTLS, BIT(21)), OR(HOST_EFER, BIT(12))),
	M("host.s-cet", 64, OR(EXIT_CTLS, BIT(28)), SET(HOST_S_CET, BIT(6))),
	M("host.ssp", 64, OR(EXIT_CTLS, BIT(28)), SET(HOST_SSP, 2)),
	M("host.ssp-table", 64, OR(EXIT_CTLS, BIT(28)), SET(HOST_INTR_SSP_TABLE, NOT_CANONICAL)),
	M("host.pkrs", 64, OR(EXIT_CTLS, BIT(29)), SET(HOST_PKRS, BIT(32))),
	HOST_SELECTOR(CS), HOST_SELECTOR(SS), HOST_SELECTOR(DS), HOST_SELECTOR(ES),
	HOST_SELECTOR(FS), HOST_SELECTOR(GS), HOST_SELECTOR(TR),
	M("host.CS.null", 64, SET(HOST_CS_SELECTOR, 0)),
	M("host.TR.null", 64, SET(HOST_TR_SELECTOR, 0)),
	M("host.SS.null", 32, CLR(EXIT_CTLS, BIT(9)), SET(HOST_SS_SELECTOR, 0)),
	M("host.fs-base", 64, SET(HOST_FS_BASE, NOT_CANONICAL)),
	M("host.gs-base", 64, SET(HOST_GS_BASE, NOT_CANONICAL)),
	M("host.gdtr-base", 64, SET(HOST_GDTR_BASE, NOT_CANONICAL)),
	M("host.idtr-base", 64, SET(HOST_IDTR_BASE, NOT_CANONICAL)),
	M("host.tr-base", 64, SET(HOST_TR_BASE, NOT_CANONICAL)),
	M("host.size.mode", 32, CLR(EXIT_CTLS, BIT(9))),
	M("host.size.guest", 64, CLR(EXIT_CTLS, BIT(9))),
	M("host.size.pcide", 32, CLR(EXIT_CTLS, BIT(9)), OR(HOST_CR4, CR4_PCIDE)),
	M("host.size.pae", 64, CLR(HOST_CR4, CR4_PAE)),
	M("host.size.rip", 64, SET(HOST_RIP, NOT_CANONICAL)),

	M("guest.cr0", 64, CLR(GUEST_CR0, CR0_NE)),
	M("guest.cr0", 32, CLR(GUEST_CR0, CR0_PG)),
	M("guest.cr0", 32, CLR(GUEST_CR0, CR0_PG | CR0_PE)),
	M("guest.cr0", 64, OR(GUEST_CR0, BIT(32))),
	M("guest.cr0.pg-pe", REAL, OR(GUEST_CR0, CR0_PG)),
	M("guest.cr4", 64, CLR(GUEST_CR4, CR4_VMXE)),
	M("guest.cr4", 64, OR(GUEST_CR4, BIT(15))),
	M("guest.cr4", 64, OR(GUEST_CR4, BIT(40))),
	M("guest.cr4.cet", 64, OR(GUEST_CR4, BIT(23)), CLR(GUEST_CR0, CR0_WP)),
	M("guest.debugctl", 64, OR(ENTRY_CTLS, BIT(2)), SET(GUEST_DEBUGCTL, BIT(5))),
	M("guest.debugctl", 64, OR(ENTRY_CTLS, BIT(2)), SET(GUEST_DEBUGCTL, BIT(40))),
	M("guest.ia32e.pg", 64, CLR(GUEST_CR0, CR0_PG)),
	M("guest.ia32e.pae", 64, CLR(GUEST_CR4, CR4_PAE)),
	M("guest.cr4.pcide", 32, OR(GUEST_CR4, CR4_PCIDE)),
	M("guest.cr3", 64, OR(GUEST_CR3, BIT(63))),
	M("guest.cr3", 64, OR(GUEST_CR3, BEYOND)),
	M("guest.dr7", 64, OR(ENTRY_CTLS, BIT(2)), OR(GUEST_DR7, BIT(32))),
	M("guest.sysenter-esp", 64, SET(GUEST_SYSENTER_ESP, NOT_CANONICAL)),
	M("guest.sysenter-eip", 64, SET(GUEST_SYSENTER_EIP, NOT_CANONICAL)),
	M("guest.s-cet", 64, OR(ENTRY_CTLS, BIT(20)), SET(GUEST_S_CET, BIT(11) | BIT(10))),
	M("guest.ssp-table", 64, OR(ENTRY_CTLS, BIT(20)), SET(GUEST_INTR_SSP_TABLE, NOT_CANONICAL)),
	M("guest.perf-global-ctrl", 64, OR(ENTRY_CTLS, BIT(13)), SET(GUEST_PERF_GLOBAL_CTRL, BIT(62))),
	M("guest.pat", 64, OR(ENTRY_CTLS, BIT(14)), SET(GUEST_PAT, BAD_PAT)),
	M("guest.pat", 64, OR(ENTRY_CTLS, BIT(14)), SET(GUEST_PAT, 0x0007040600070403ull)),
	M("guest.efer.reserved", 64, OR(ENTRY_CTLS, BIT(15)), OR(GUEST_EFER, BIT(1))),
	M("guest.efer.reserved", 64, OR(ENTRY_CTLS, BIT(15)), OR(GUEST_EFER, BIT(12))),
	M("guest.efer.lma", 64, OR(ENTRY_CTLS, BIT(15)), CLR(GUEST_EFER, EFER_LMA | EFER_LME)),
	M("guest.efer.lma", 32, OR(ENTRY_CTLS, BIT(15)), OR(GUEST_EFER, EFER_LMA | EFER_LME)),
	M("guest.efer.lme", 64, OR(ENTRY_CTLS, BIT(15)), CLR(GUEST_EFER, EFER_LME)),
	M("guest.bndcfgs", 64, OR(ENTRY_CTLS, BIT(16)), SET(GUEST_BNDCFGS, BIT(5))),
	M("guest.rtit-ctl", 64, OR(ENTRY_CTLS, BIT(18)), SET(GUEST_RTIT_CTL, BIT(18))),
	M("guest.lbr-ctl", 64, OR(ENTRY_CTLS, BIT(21)), SET(GUEST_LBR_CTL, BIT(8))),
	M("guest.pkrs", 64, OR(ENTRY_CTLS, BIT(22)), SET(GUEST_PKRS, BIT(33))),
	M("guest.uinv", 64, OR(ENTRY_CTLS, BIT(19)), SET(GUEST_UINV, 0x100)),

	M("guest.TR.ti", 64, OR(GUEST_TR_SELECTOR, 4)),
	M("guest.LDTR.ti", 32, OR(GUEST_LDTR_SELECTOR, 4)),
	M("guest.SS.rpl", 32, OR(GUEST_SS_SELECTOR, 3), OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)),
	V86(CS), V86(SS), V86(DS), V86(ES), V86(FS), V86(GS),
	M("guest.TR.base", 64, SET(GUEST_TR_BASE, NOT_CANONICAL)),
	M("guest.FS.base", 64, SET(GUEST_FS_BASE, NOT_CANONICAL)),
	M("guest.GS.base", 64, SET(GUEST_GS_BASE, NOT_CANONICAL)),
	M("guest.LDTR.base", 32, SET(GUEST_LDTR_BASE, NOT_CANONICAL)),
	M("guest.CS.base", 64, SET(GUEST_CS_BASE, BIT(32))),
	M("guest.SS.base", 64, SET(GUEST_SS_BASE, BIT(32))),
	M("guest.DS.base", 64, SET(GUEST_DS_BASE, BIT(33))),
	M("guest.ES.base", 64, SET(GUEST_ES_BASE, BIT(47))),
	M("guest.CS.type", 64, CLR(GUEST_CS_AR, 15), OR(GUEST_CS_AR, 1)),
	M("guest.CS.type", 64, CLR(GUEST_CS_AR, 1)),
	M("guest.CS.type", 32, CLR(GUEST_CS_AR, 15), OR(GUEST_CS_AR, 3)),
	M("guest.SS.type", 64, CLR(GUEST_SS_AR, 15), OR(GUEST_SS_AR, 1)),
	M("guest.SS.type", 64, CLR(GUEST_SS_AR, 1)),
	M("guest.SS.type", 64, OR(GUEST_SS_AR, 8)),
	M("guest.CS.dpl", 64, OR(GUEST_CS_AR, 0x20)),
	M("guest.CS.dpl", 64, OR(GUEST_CS_AR, 0x64)),
	M("guest.CS.dpl", REAL, CLR(GUEST_CS_AR, 15), OR(GUEST_CS_AR, 3 | 0x60)),
	M("guest.SS.dpl-rpl", 32, OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)),
	M("guest.SS.dpl-real", REAL, OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)),
	CODE_DATA(CS), CODE_DATA(SS), DATA(DS), DATA(ES), DATA(FS), DATA(GS),
	M("guest.CS.l-db", 64, OR(GUEST_CS_AR, AR_DB)),
	M("guest.TR.type", 64, CLR(GUEST_TR_AR, 15), OR(GUEST_TR_AR, 9)),
	M("guest.TR.type", 64, CLR(GUEST_TR_AR, 15), OR(GUEST_TR_AR, 3)),
	M("guest.TR.type", 32, CLR(GUEST_TR_AR, 15), OR(GUEST_TR_AR, 2)),
	SYSTEM(TR, 64),
	M("guest.TR.unusable", 64, OR(GUEST_TR_AR, AR_UNUSABLE)),
	M("guest.LDTR.type", 32, CLR(GUEST_LDTR_AR, 15), OR(GUEST_LDTR_AR, 3)),
	SYSTEM(LDTR, 32),
	M("guest.gdtr.base", 64, SET(GUEST_GDTR_BASE, NOT_CANONICAL)),
	M("guest.idtr.base", 64, SET(GUEST_IDTR_BASE, NOT_CANONICAL)),
	M("guest.gdtr.limit", 64, SET(GUEST_GDTR_LIMIT, 0x10000)),
	M("guest.idtr.limit", 64, SET(GUEST_IDTR_LIMIT, 0xffffffff)),

	M("guest.rip.high", 32, OR(GUEST_RIP, BIT(32))),
	M("guest.rip.canonical", 64, SET(GUEST_RIP, NOT_CANONICAL)),
	M("guest.rflags.reserved", 64, CLR(GUEST_RFLAGS, BIT(1))),
	M("guest.rflags.reserved", 64, OR(GUEST_RFLAGS, BIT(3))),
	M("guest.rflags.reserved", 64, OR(GUEST_RFLAGS, BIT(15))),
	M("guest.rflags.reserved", 64, OR(GUEST_RFLAGS, BIT(22))),
	M("guest.rflags.vm", 64, OR(GUEST_RFLAGS, RFLAGS_VM)),
	M("guest.rflags.vm", REAL, OR(GUEST_RFLAGS, RFLAGS_VM)),
	M("guest.rflags.if", 64, CLR(GUEST_RFLAGS, RFLAGS_IF), SET(ENTRY_INTR_INFO, EVENT(0, 0x30))),
	M("guest.ssp", 64, OR(ENTRY_CTLS, BIT(20)), SET(GUEST_SSP, 1)),
	M("guest.activity.value", 64, SET(GUEST_ACTIVITY, 4)),
	M("guest.activity.value", 64, SET(GUEST_ACTIVITY, 0xffffffff)),
	M("guest.activity.hlt-dpl", 64, SET(GUEST_ACTIVITY, 1), OR(GUEST_SS_AR, 0x60),
	  OR(GUEST_CS_AR, 0x60)),
	M("guest.activity.blocking", 64, SET(GUEST_ACTIVITY, 1), SET(GUEST_INTERRUPTIBILITY, 1),
	  OR(GUEST_RFLAGS, RFLAGS_IF)),
	M("guest.activity.injection", 64, SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTR_INFO, EVENT(3, 6))),
	M("guest.activity.injection", 64, SET(GUEST_ACTIVITY, 2), SET(ENTRY_INTR_INFO, EVENT(0, 0x30)),
	  OR(GUEST_RFLAGS, RFLAGS_IF)),
	M("guest.activity.injection", 64, SET(GUEST_ACTIVITY, 3), SET(ENTRY_INTR_INFO, EVENT(2, 2))),
	M("guest.activity.smm", 64, OR(ENTRY_CTLS, BIT(10)), SET(GUEST_ACTIVITY, 3),
	  OR(GUEST_INTERRUPTIBILITY, BIT(2))),
	M("guest.interruptibility.reserved", 64, SET(GUEST_INTERRUPTIBILITY, BIT(5))),
	M("guest.interruptibility.reserved", 64, SET(GUEST_INTERRUPTIBILITY, BIT(31))),
	M("guest.interruptibility.both", 64, SET(GUEST_INTERRUPTIBILITY, 3), OR(GUEST_RFLAGS, RFLAGS_IF)),
	M("guest.interruptibility.sti", 64, SET(GUEST_INTERRUPTIBILITY, 1), CLR(GUEST_RFLAGS, RFLAGS_IF)),
	M("guest.interruptibility.interrupt", 64, SET(GUEST_INTERRUPTIBILITY, 1),
	  OR(GUEST_RFLAGS, RFLAGS_IF), SET(ENTRY_INTR_INFO, EVENT(0, 0x30))),
	M("guest.interruptibility.interrupt", 64, SET(GUEST_INTERRUPTIBILITY, 2),
	  OR(GUEST_RFLAGS, RFLAGS_IF), SET(ENTRY_INTR_INFO, EVENT(0, 0x30))),
	M("guest.interruptibility.nmi-mov-ss", 64, SET(GUEST_INTERRUPTIBILITY, 2),
	  SET(ENTRY_INTR_INFO, EVENT(2, 2))),
	M("guest.interruptibility.nmi-sti", 64, SET(GUEST_INTERRUPTIBILITY, 1),
	  OR(GUEST_RFLAGS, RFLAGS_IF), SET(ENTRY_INTR_INFO, EVENT(2, 2))),
	M("guest.interruptibility.virtual-nmi", 64, SET(GUEST_INTERRUPTIBILITY, 8),
	  OR(PIN_CTLS, BIT(5)), SET(ENTRY_INTR_INFO, EVENT(2, 2))),
	M("guest.interruptibility.smi", 64, SET(GUEST_INTERRUPTIBILITY, 4)),
	M("guest.interruptibility.entry-to-smm", 64, OR(ENTRY_CTLS, BIT(10))),
	M("guest.interruptibility.enclave", 64, SET(GUEST_INTERRUPTIBILITY, 0x12)),
	M("guest.pending-debug.reserved", 64, SET(GUEST_PENDING_DEBUG, BIT(4))),
	M("guest.pending-debug.reserved", 64, SET(GUEST_PENDING_DEBUG, BIT(13))),
	M("guest.pending-debug.reserved", 64, SET(GUEST_PENDING_DEBUG, BIT(32))),
	M("guest.pending-debug.bs", 64, SET(GUEST_INTERRUPTIBILITY, 2), OR(GUEST_RFLAGS, RFLAGS_TF)),
	M("guest.pending-debug.bs", 64, SET(GUEST_INTERRUPTIBILITY, 2), SET(GUEST_PENDING_DEBUG, BIT(14))),
	M("guest.pending-debug.rtm", 64, SET(GUEST_PENDING_DEBUG, BIT(16))),
	M("guest.link-pointer", 64, SET(LINK_POINTER, 0x10)),
	M("guest.link-pointer", 64, SET(LINK_POINTER, BEYOND)),
	M("guest.pdpte0", 32, OR(GUEST_PDPTE0, BIT(1) | 1)),
	M("guest.pdpte1", 32, OR(GUEST_PDPTE1, BIT(5) | 1)),
	M("guest.pdpte2", 32, OR(GUEST_PDPTE2, BEYOND | 1)),
	M("guest.pdpte3", 32, OR(GUEST_PDPTE3, BIT(63) | 1)),
};

const unsigned mutation_count = COUNT_OF(mutations);
