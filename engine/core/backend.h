/* SPDX-License-Identifier: MIT */
/*
 * What a vendor's back end does for the engine: one const table of hooks.
 *
 * "loaded" = between vcpu_load() and vcpu_put() on this CPU, preemption may be
 * on, the host moves the vCPU by put and load. Unless a hook says otherwise it
 * is called on a loaded vCPU.
 */
#ifndef VELLUM_ENGINE_CORE_BACKEND_H
#define VELLUM_ENGINE_CORE_BACKEND_H

#include "../types.h"
#include "../x86/state.h"
#include "vcpu.h"

struct vm;

/* What the CPU has, filled by probe(), constant afterwards. */
struct backend_caps {
	bool unrestricted_guest;  /* real mode and unpaged mode run on hardware */
	bool s2_2m, s2_1g;	  /* second-level page sizes */
	bool s2_accessed_dirty;
	bool tpr_virtual;	  /* CR8 needs no exit */
	bool nmi_window;	  /* NMI blocking is virtualised */
	bool tsc_scaling;
	bool xsaves, rdtscp, invpcid; /* usable by the guest */
	bool fast_strings;	  /* REP MOVS and REP STOS take no step per element */
};

/* Second-level page-table format: the one walker in mem/ works from it. */
struct s2_format {
	u64 present;	/* an entry is present if any of these is set */
	u64 table;	/* bits of an entry that points to a table */
	u64 leaf;	/* bits of a readable, executable write-back leaf */
	u64 writable;	/* added to a writable leaf */
	u64 large;	/* added to a leaf above level 1 */
	u64 addr;	/* mask of the address */
	u64 accessed, dirty;
};

#define NO_CR3	(~0ull)

struct backend {
	const char *name;		/* "VT-x", "AMD-V" */
	size_t vcpu_size;
	const struct s2_format *s2;

	/*
	 * Can this machine do it? Runs once, on one CPU, not loaded. 0, or
	 * ERR_NOTSUP with *why set to a sentence that names the missing bit or
	 * the setting to change, ERR_BUSY.
	 */
	int (*probe)(struct backend_caps *caps, const char **why);
	/*
	 * Turns virtualisation on or off on this CPU. Interrupts off; memory was
	 * prepared by cpu_prepare(cpu), which sleeps. ERR_BUSY: someone else has it.
	 */
	int (*cpu_prepare)(unsigned cpu);
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	/* Off on all CPUs: frees what cpu_prepare() took, of each. Sleeps. */
	void (*cpus_release)(void);

	/* Not loaded; sleep. The neutral part is already set up. */
	int (*vcpu_create)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);

	/*
	 * Preemption off, and load with this CPU = v->cpu's new value in cpu.
	 * After put nothing of the vCPU is in this CPU's registers.
	 */
	void (*vcpu_load)(struct vcpu *v, unsigned cpu);
	void (*vcpu_put)(struct vcpu *v);

	/* Writes the state of power-on or INIT. */
	void (*vcpu_reset)(struct vcpu *v, bool init);

	/* Makes v->rip, ->gpr[RSP], ->rflags current as mask (REG_*) asks. */
	void (*load_regs)(struct vcpu *v, u32 mask);

	void (*get_seg)(struct vcpu *v, enum seg s, struct x86_seg *out);
	void (*set_seg)(struct vcpu *v, enum seg s, const struct x86_seg *in);
	unsigned (*cpl)(struct vcpu *v);
	void (*get_dtables)(struct vcpu *v, struct x86_dtable *gdt,
			    struct x86_dtable *idt);
	void (*set_gdt)(struct vcpu *v, const struct x86_dtable *gdt);
	void (*set_idt)(struct vcpu *v, const struct x86_dtable *idt);

	/*
	 * Make v->cr0, cr3, cr4, efer current (guest-owned bits), or put new,
	 * already validated values in force.
	 */
	void (*sync_crs)(struct vcpu *v);
	void (*set_cr0)(struct vcpu *v, u64 cr0);
	void (*set_cr3)(struct vcpu *v, u64 cr3);
	void (*set_cr4)(struct vcpu *v, u64 cr4);
	void (*set_efer)(struct vcpu *v, u64 efer);
	void (*sync_debug)(struct vcpu *v);	/* v->dr*, dr6, dr7 current */
	void (*set_debug)(struct vcpu *v);	/* v->dr*, dr6, dr7 in force */

	/*
	 * v->debug is new (x86/debug.h): #BP exits if it is the debugger's, its
	 * addresses and DR7 are in force, or the guest's are again. Without TF no
	 * single step is pending any more.
	 */
	void (*update_debug)(struct vcpu *v);

	/*
	 * MSRs that the back end keeps (SYSENTER_*, FS/GS/KERNEL_GS base, STAR...,
	 * TSC_AUX, PAT, DEBUGCTL): true if it is one of them.
	 */
	bool (*get_msr)(struct vcpu *v, u32 msr, u64 *val);
	bool (*set_msr)(struct vcpu *v, u32 msr, u64 val);
	void (*set_tsc_offset)(struct vcpu *v, u64 offset);
	/* CPUID was set: MSR bitmap, intercepts may depend on it. */
	void (*cpuid_changed)(struct vcpu *v);

	/*
	 * Runs the guest once. Interrupts off. Injects what inject() asked for.
	 * On return v->exit is filled, v->injected holds an event whose delivery
	 * the exit cut short, reg_valid is set, a host NMI or machine check has
	 * been passed on; a host interrupt is still pending.
	 */
	void (*enter)(struct vcpu *v);

	/* Decodes v->exit and has it handled. Interrupts on. */
	enum exit_action (*handle_exit)(struct vcpu *v);

	/*
	 * v->traps is new: intercept what it asks for. ERR_NOTSUP with nothing
	 * changed if the CPU can't.
	 */
	int (*set_traps)(struct vcpu *v);
	/*
	 * Which of v->traps is the exit in v->exit? A TRAP_* with the rest of
	 * v->uexit.trap filled in, or 0. Also fills v->exit.insn_len.
	 */
	u32 (*trap_of)(struct vcpu *v);

	/* RIP past the current instruction; clears STI/MOV SS shadow. */
	void (*skip)(struct vcpu *v);

	/* -- Events. The run loop asks, injects one, asks for a window. ------- */

	/* Could the guest take an interrupt / NMI right now? */
	bool (*irq_open)(struct vcpu *v);
	bool (*nmi_open)(struct vcpu *v);
	/* At the next entry. */
	void (*inject)(struct vcpu *v, const struct event *e);
	/* Withdraws what inject() or an interrupted delivery left behind. */
	void (*uninject)(struct vcpu *v);
	/* Exit as soon as irq_open()/nmi_open() would be true. */
	void (*want_irq_window)(struct vcpu *v, bool on);
	void (*want_nmi_window)(struct vcpu *v, bool on);
	/* STI / MOV SS shadow: bit 0, bit 1. */
	u32 (*get_shadow)(struct vcpu *v);
	void (*set_shadow)(struct vcpu *v, u32 shadow);
	bool (*get_nmi_mask)(struct vcpu *v);
	void (*set_nmi_mask)(struct vcpu *v, bool masked);
	/* CR8 below this priority class must exit (0: none); tpr_virtual only. */
	void (*set_tpr_threshold)(struct vcpu *v, unsigned class);

	/* CR3 as an address space's name if it is in 64-bit mode, else NO_CR3. */
	u64 (*cr3_64)(struct vcpu *v);

	/* Drops this vCPU's translations on this CPU. */
	void (*flush_tlb)(struct vcpu *v);
	/* v->vm->mem.root is new. */
	void (*load_root)(struct vcpu *v);

	/*
	 * Tells every capability register and feature by name. Optional; any time
	 * after probe().
	 */
	void (*describe)(void (*tell)(void *ctx, const char *name, u64 value), void *ctx);

	/*
	 * Everything that the hardware keeps of this vCPU, by the manual's number
	 * (VMCS encoding, offset in the VMCB), and its MSR bitmap from
	 * DUMP_MSR_BITMAP on. set_field: one field of the guest's state; ERR_PERM for
	 * those that are not for others to set.
	 */
	void (*dump)(struct vcpu *v, void (*fn)(void *arg, u32 id, u64 val), void *arg);
	int (*set_field)(struct vcpu *v, u32 id, u64 val);

	/*
	 * Optional: what else there is to say of a vCPU by name. Touches memory only,
	 * so from any CPU at any time: the vCPU's own may be gone for good.
	 */
	void (*describe_vcpu)(const struct vcpu *v,
			      void (*tell)(void *ctx, const char *name, u64 value), void *ctx);

	/* Name of exit reason i, or NULL if there is none. Any time. */
	const char *(*exit_name)(unsigned i);
};

#define DUMP_MSR_BITMAP	0x10000

/* What the host wants of the engine; set before vmm_init(), constant afterwards. */
struct vmm_options {
	bool no_unrestricted_guest;	/* do as if the CPU did not have it */
};
extern struct vmm_options vmm_options;

extern const struct backend vmx_backend, svm_backend;

/* The one in use, set once by vmm_init(), and what its CPU can do. */
extern const struct backend *backend;
extern struct backend_caps backend_caps;

#endif
