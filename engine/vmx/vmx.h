/* SPDX-License-Identifier: MIT */
/* What the files of the VT-x back end share, and its diagnostics. */
#ifndef VELLUM_ENGINE_VMX_VMX_H
#define VELLUM_ENGINE_VMX_VMX_H

#include "../core/backend.h"
#include "../core/regs.h"
#include "../core/vm.h"
#include "../x86/debug.h"
#include "arch/insn.h"
#include "controls.h"
#include "reasons.h"
#include "vmcs.h"

#define VMX_CPUS	8192	/* highest CPU number + 1 that we can serve */

/* -- The machine ---------------------------------------------------------------- */

/* Raw capability MSRs, in the order of their numbers from IA32_VMX_BASIC on. */
enum vmx_cap_msr {
	CAP_BASIC, CAP_PIN, CAP_PROC, CAP_EXIT, CAP_ENTRY, CAP_MISC,
	CAP_CR0_FIXED0, CAP_CR0_FIXED1, CAP_CR4_FIXED0, CAP_CR4_FIXED1,
	CAP_VMCS_ENUM, CAP_PROC2, CAP_EPT_VPID,
	CAP_TRUE_PIN, CAP_TRUE_PROC, CAP_TRUE_EXIT, CAP_TRUE_ENTRY,
	CAP_VMFUNC, CAP_PROC3, CAP_EXIT2,
	CAP_COUNT
};

/* Filled by probe(), constant afterwards. */
struct vmx_caps {
	u64 msr[CAP_COUNT];	/* 0 where the CPU has no such MSR */
	u64 feature_control;
	u32 revision;
	bool low_memory;	/* regions must lie below 4 GiB */
	u32 control[CTL_COUNT];	/* base values of the control fields */
	u64 have;		/* VMX_HAVE_* */
	u64 ept_pointer;	/* EPTP bits besides the address */
	u64 invept_type, invvpid_type; /* 0: there is none */
};

extern struct vmx_caps vmx;

/* Reads all capabilities and negotiates: 0 or ERR_NOTSUP with *why. */
int vmx_read_caps(struct vmx_caps *c, const char **why);

/* SDM3 "Enabling and Entering VMX Operation": may this CPU? sets and locks. */
int vmx_check_feature_control(u64 feature_control, const char **why);

/* What a CPU has, for diagnostics; i from 0 until the name is NULL. */
struct vmx_cap_line { const char *name; u32 msr; u64 value; };
struct vmx_cap_line vmx_cap_line(unsigned i);

/* One per CPU, made by cpu_prepare(). Only that CPU touches it, interrupts off. */
struct vmx_cpu {
	struct vmcs_region *vmxon;
	bool on;
	struct vmcs *loaded;	/* list of VMCSs that may be cached here */
	struct vmcs *current;
	/* What the host has here and never changes while it runs: */
	u16 cs, ss, tr;
	u64 tr_base, idt_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 efer, pat, xss;
	u64 star, lstar, sfmask, tsc_aux;
	struct table_reg gdt, idt;
};

extern struct vmx_cpu *vmx_cpus[VMX_CPUS];

int vmx_cpu_prepare(unsigned cpu);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_cpus_free(void);

/* -- A vCPU ------------------------------------------------------------------------ */

/* MSRs that are in the CPU's own registers while a guest runs: bits of msrs_live. */
#define LIVE_STAR	BIT(0)
#define LIVE_LSTAR	BIT(1)
#define LIVE_SFMASK	BIT(3)
#define LIVE_TSC_AUX	BIT(4)
#define LIVE_KERNEL_GS	BIT(5)

/*
 * Rare work before an entry, one byte each so that a store can't lose another's:
 * vcpu_load() may come in between at any instruction while interrupts are on.
 */
union vmx_before {
	u64 any;
	struct {
		u8 first;	/* since vcpu_load(): MSRs are still the host's */
		u8 msrs;	/* a syscall MSR has a new value */
		u8 flush;	/* INVEPT */
		u8 debug;	/* the guest has breakpoints: load DR0-DR3 */
		u8 tpr;		/* a TPR threshold is set: it may not be above TPR */
		u8 mode;	/* maybe a state that needs unrestricted guest */
	};
};

struct vmx_vcpu {
	struct vcpu v;			/* first: the entry code uses its offsets */

	/* Used by every entry and exit. */
	u64 host_rsp;			/* as last written to the VMCS; so below */
	u64 host_cr3, host_cr4;
	u64 host_xcr0;
	u64 always_switch;		/* non-zero: see vmx_update_switch() */
	union vmx_before before;
	struct vmcs vmcs;

	/* Current values of control fields. */
	u32 proc, proc2, entry;
	u32 trap_proc, trap_proc2;	/* bits of them that only traps set */
	u64 cr0_owned, cr4_owned;	/* bits that the guest changes without exit */
	u32 intr_info;			/* of an exception exit */
	u32 raw_reason;			/* of a failed entry */
	u32 insn_error;
	u8 tpr_threshold, tpr_written;	/* wanted, in the VMCS */
	bool irq_window, nmi_window;	/* wanted */
	bool soft_nmi_mask;		/* CPU without virtual NMIs */
	bool switched;			/* host state is to be put back: run.c */
	u64 simple_exits;		/* by reason: nothing but RIP to be read */
	u64 host_xss, host_debugctl;
	u64 host_dr[4], host_dr7;	/* while switched */

	/* What is in this CPU's registers since vcpu_load(). */
	struct vmx_cpu *cpu;
	u64 msrs_live;			/* LIVE_*: to be restored */
	u64 host_kernel_gs, host_fs_base;
	u16 host_ds, host_es, host_fs, host_gs, host_ldt;

	bool unpaged;			/* CR0.PG and the page tables are ours: realmode.c */
	u16 vpid;			/* 0: none */
	bool set_up;			/* the VMCS has its constant fields */
	u8 *msr_bitmap;			/* or NULL */
	struct vmx_msr_area *msr_area;	/* or NULL: EFER and PAT are in the VMCS */
};

_Static_assert(offsetof(struct vmx_vcpu, v) == 0, "the entry code relies on it");

static inline struct vmx_vcpu *to_vmx(struct vcpu *v)
{
	return (struct vmx_vcpu *)v;
}

static inline bool vmx_have(u64 what)
{
	return vmx.have & what;
}

/* Changes a control field and its copy. */
static inline void vmx_set_proc(struct vmx_vcpu *x, u32 proc)
{
	if (x->proc == proc)
		return;
	x->proc = proc;
	vmcs_write(VMCS_PROC_CTLS, proc);
}

/*
 * #DB and #AC are always taken: delivered in the guest each can cause itself again
 * without end and without an instruction boundary, and the CPU never comes back.
 * #UD may be AMD's hypercall.
 */
#define EXCEPTIONS_TAKEN	(BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC) | BIT(VEC_UD))

/* traps.c */
int vmx_set_traps(struct vcpu *v);
u32 vmx_trap_of(struct vcpu *v);
/* The same for the instruction at RIP, which is going to be emulated. */
u32 vmx_trap_of_emulated(struct vcpu *v);
/* Those always taken, the trap policy's and the debugger's. */
void vmx_update_exceptions(struct vcpu *v);

/* vcpu.c */
int vmx_vcpu_create(struct vcpu *v);
void vmx_vcpu_destroy(struct vcpu *v);
void vmx_vcpu_reset(struct vcpu *v, bool init);
void vmx_set_up_vmcs(struct vmx_vcpu *x);
void vmx_cpuid_changed(struct vcpu *v);

/* load.c */
void vmx_vcpu_load(struct vcpu *v, unsigned cpu);
void vmx_vcpu_put(struct vcpu *v);
void vmx_load_msrs(struct vmx_vcpu *x);
u64 vmx_tr_base(const struct table_reg *gdt, u16 tr);

/* state.c */
u32 vmx_ar_to_vmcs(u32 ar, u16 sel, enum seg s);
void vmx_load_regs(struct vcpu *v, u32 mask);
void vmx_get_seg(struct vcpu *v, enum seg s, struct x86_seg *out);
void vmx_set_seg(struct vcpu *v, enum seg s, const struct x86_seg *in);
unsigned vmx_cpl(struct vcpu *v);
void vmx_get_dtables(struct vcpu *v, struct x86_dtable *gdt, struct x86_dtable *idt);
void vmx_set_gdt(struct vcpu *v, const struct x86_dtable *gdt);
void vmx_set_idt(struct vcpu *v, const struct x86_dtable *idt);

/* cr.c */
/* Bits of CR0 and CR4 that the guest may change without an exit. */
void vmx_update_owned(struct vcpu *v);
void vmx_sync_crs(struct vcpu *v);
u64 vmx_cr3_64(struct vcpu *v);
void vmx_set_cr0(struct vcpu *v, u64 cr0);
void vmx_set_cr3(struct vcpu *v, u64 cr3);
void vmx_set_cr4(struct vcpu *v, u64 cr4);
void vmx_set_efer(struct vcpu *v, u64 efer);
void vmx_sync_debug(struct vcpu *v);
void vmx_set_debug(struct vcpu *v);
void vmx_update_debug(struct vcpu *v);
/*
 * The stepped instruction is yet to come. No #DB is pending then, says SDM3 "Saving
 * Non-Register State", but Bochs saves one: docs/emulators.md.
 */
void vmx_step_not_begun(struct vcpu *v);

/* msr.c */
struct vmx_msr_area;
bool vmx_get_msr(struct vcpu *v, u32 msr, u64 *val);
bool vmx_set_msr(struct vcpu *v, u32 msr, u64 val);
void vmx_set_tsc_offset(struct vcpu *v, u64 offset);
void vmx_init_msr_bitmap(u8 *bitmap);
int vmx_msr_area_create(struct vmx_vcpu *x);
void vmx_msr_area_set_up(struct vmx_vcpu *x);
void vmx_msr_area_host(struct vmx_vcpu *x, const struct vmx_cpu *c);
void vmx_write_efer_pat(struct vmx_vcpu *x);

/* ept.c */
extern const struct s2_format vmx_s2;
void vmx_load_root(struct vcpu *v);
void vmx_flush_tlb(struct vcpu *v);
void vmx_flush_now(struct vmx_vcpu *x);
u16 vmx_vpid_alloc(void);
void vmx_vpid_free(u16 vpid);

/* realmode.c: guests in real mode or without paging, on CPUs without unrestricted guest */
#define UNPAGED_CONTROLS	(PROC_CR3_LOAD | PROC_CR3_STORE)
/* Bits of CR4 that are ours, not the guest's, while paging is. PSE is on. */
u64 vmx_unpaged_cr4(const struct vmx_vcpu *x);
/* CR0 is going to be cr0: whose is paging then? */
void vmx_follow_mode(struct vmx_vcpu *x, u64 cr0);
/* Can the CPU run this state? Then before.mode is cleared. */
bool vmx_mode_enterable(struct vmx_vcpu *x);
/* If not: some of its instructions, and the event on its way. */
enum exit_action vmx_emulate_mode(struct vcpu *v);

/*
 * Exits that have no qualification and can't come in the middle of an event's
 * delivery, so that nothing but reason and RIP need be read; simple_exits of a vCPU,
 * unless host state was switched for the entry.
 */
#define VMX_SIMPLE_EXITS (	\
	BIT(REASON_EXTERNAL_INTERRUPT) | BIT(REASON_INTERRUPT_WINDOW) |	\
	BIT(REASON_CPUID) | BIT(REASON_HLT) | BIT(REASON_INVD) | BIT(REASON_RDPMC) |	\
	BIT(REASON_RDTSC) | BIT(REASON_VMCALL) | BIT(REASON_RDMSR) |	\
	BIT(REASON_WRMSR) | BIT(REASON_MONITOR) | BIT(REASON_PAUSE) |	\
	BIT(REASON_TPR_BELOW_THRESHOLD) | BIT(REASON_RDTSCP) | BIT(REASON_WBINVD) |	\
	BIT(REASON_XSETBV))

/* run.c, exit.c */
void vmx_write_host_rip(void);
/* v->xss has a new value, or the host's side of it. */
static inline void vmx_update_switch(struct vmx_vcpu *x)
{
	x->always_switch = (x->v.xss ^ x->host_xss) | x->host_debugctl;
}

void vmx_enter(struct vcpu *v);
enum exit_action vmx_handle_exit(struct vcpu *v);
void vmx_skip(struct vcpu *v);
const char *vmx_exit_name(unsigned i);

/* Pseudo-reasons for what no basic exit reason describes. */
#define EXIT_VMFAIL	191	/* VMLAUNCH or VMRESUME itself failed */
#define EXIT_NO_MODE	190	/* not entered: needs unrestricted guest */

/* inject.c */
u32 vmx_event_to_info(const struct event *e);
void vmx_info_to_event(u32 info, u32 error, u32 insn_len, struct event *e);
bool vmx_irq_open(struct vcpu *v);
bool vmx_nmi_open(struct vcpu *v);
void vmx_inject(struct vcpu *v, const struct event *e);
void vmx_uninject(struct vcpu *v);
void vmx_want_irq_window(struct vcpu *v, bool on);
void vmx_want_nmi_window(struct vcpu *v, bool on);
u32 vmx_get_shadow(struct vcpu *v);
void vmx_set_shadow(struct vcpu *v, u32 shadow);
bool vmx_get_nmi_mask(struct vcpu *v);
void vmx_set_nmi_mask(struct vcpu *v, bool masked);
void vmx_set_tpr_threshold(struct vcpu *v, unsigned class);
/* After an exit that may have cut a delivery short. */
void vmx_recover_event(struct vmx_vcpu *x);

/* -- Diagnostics --------------------------------------------------------------------- */

/*
 * Calls fn for every field that this CPU's VMCS has. Loaded, interrupts on.
 */
void vmx_dump(struct vcpu *v, void (*fn)(void *arg, const struct vmcs_field *f, u64 val),
	      void *arg);

/* inspect.c */
void vmx_dump_all(struct vcpu *v, void (*fn)(void *arg, u32 id, u64 val), void *arg);
int vmx_set_field(struct vcpu *v, u32 id, u64 val);

#endif
