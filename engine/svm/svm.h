/* SPDX-License-Identifier: MIT */
/* Inside of the AMD-V back end. */
#ifndef VELLUM_ENGINE_SVM_SVM_H
#define VELLUM_ENGINE_SVM_SVM_H

#include "../core/backend.h"
#include "../core/regs.h"
#include "../core/vm.h"
#include "../host.h"
#include "../types.h"
#include "../x86/debug.h"
#include "vmcb.h"

/* What this CPU's SVM has beyond the required; constant after svm_probe(). */
struct svm_features {
	u32 asids;		/* ASIDs 1 .. asids - 1 are ours */
	bool nrips;		/* next RIP on instruction intercepts */
	u32 clean;		/* CLEAN_ALL, or 0 without clean bits */
	bool flush_by_asid;
	bool decode_assists;
	bool pause_filter, pause_threshold;
	bool xss;		/* IA32_XSS is there */
	bool tcg;		/* QEMU's emulation: docs/emulators.md */
	unsigned phys_bits;
	u64 cr4_valid;		/* bits that this CPU knows */
};

extern struct svm_features svm_features;

/* Permission maps, the same for all guests: see intercepts.c. */
extern struct hphys svm_iopm, svm_msrpm;

/* -- Per CPU [this CPU, interrupts off, unless said otherwise] ----------------- */

struct svm_cpu {
	void *hsave;		/* VM_HSAVE_PA: VMRUN's own, opaque */
	void *host_page;	/* what VMSAVE covers of the host's, see svm_switch() */
	u64 hsave_pa, host_pa;
	u64 generation;		/* of ASIDs: all of an older one are void */
	u32 next_asid;
	bool enabled;
	u64 xss, tsc_aux;	/* the host's, which never change here */
};

#define SVM_CPUS	4096
#define DR7_ENABLES	BITS(7, 0)
#define DR7_NONE	0x400ull

int svm_cpu_prepare(unsigned cpu);
int svm_cpu_enable(void);
void svm_cpu_disable(void);
void svm_cpus_release(void);
/* Preemption off. */
struct svm_cpu *svm_this_cpu(unsigned cpu);

/* -- Per vCPU [the vCPU's thread] ---------------------------------------------- */

/*
 * Lengths of instructions that made the guest exit, for CPUs that don't save the
 * next RIP: decoding through the guest's page tables costs more than the rest of
 * an exit. Direct-mapped.
 */
#define LENGTH_CACHE	16
struct svm_length {
	u64 linear, cr3;
	u64 key;		/* exit code, CS attributes, epoch; 0 = empty */
	u32 length;
};

struct svm_vcpu {
	struct vcpu v;
	struct vmcb *vmcb;
	u64 vmcb_pa;
	struct svm_cpu *cpu;	/* where it is loaded */
	s32 last_cpu;		/* where its ASID is from */
	u64 asid_generation;	/* 0: it needs a new one */
	bool rare;		/* look at what few entries and exits need: run.c */
	u8 *tpr;		/* the LAPIC's TPR; NULL: CR8 is user space's */
	u8 tpr_threshold;	/* not 0: moves to CR8 exit */

	/* As the host runs, from vcpu_load() on. */
	u64 host_xcr0, host_xss, host_tsc_aux;
	u64 host_dr[4], host_dr7; /* during VMRUN, if DR7 enables any */
	bool debug_wanted;	/* the guest has touched a debug register */
	bool debug_loaded;	/* DR0-DR3 are the guest's, accesses don't exit */

	/* Events: see inject.c. */
	struct event event;	/* what EVENTINJ holds */
	union {
		struct {
			bool masked;	/* a handler runs: its IRET exits */
			bool iret;	/* its IRET is at iret_rip, about to run */
			bool window;	/* exit as soon as an NMI could be taken */
			bool step;	/* TF is ours for the next instruction */
		};
		u32 any;
	} nmi;
	bool step_tf;		/* TF as the guest had it */
	bool step_iret;		/* that instruction is the IRET: it pops TF */
	u64 iret_rip;

	u64 soft_rip;		/* of the instruction behind a soft event */

	u64 debugctl;		/* kept, not in force */
	u32 length_epoch;	/* of entries in lengths: changes with every load */
	struct svm_length lengths[LENGTH_CACHE];
};

static inline struct svm_vcpu *to_svm(struct vcpu *v)
{
	return CONTAINER_OF(v, struct svm_vcpu, v);
}

/* A group of VMCB fields was changed: APM2 "VMCB Clean Bits". */
static inline void vmcb_touch(struct svm_vcpu *s, u32 groups)
{
	s->vmcb->c.clean &= ~groups;
}

/* caps.c */
int svm_probe(struct backend_caps *caps, const char **why);

/* intercepts.c */
int svm_maps_create(void);	/* if they aren't there */
void svm_maps_destroy(void);
void svm_init_intercepts(struct svm_vcpu *s);
int svm_set_traps(struct vcpu *v);
u32 svm_trap_of(struct vcpu *v);
void svm_cpuid_changed(struct vcpu *v);

/* vmcb.c */
int svm_vcpu_create(struct vcpu *v);
void svm_vcpu_destroy(struct vcpu *v);
void svm_vcpu_load(struct vcpu *v, unsigned cpu);
void svm_vcpu_put(struct vcpu *v);
void svm_vcpu_reset(struct vcpu *v, bool init);
void svm_flush_tlb(struct vcpu *v);
void svm_load_root(struct vcpu *v);

/* state.c */
void svm_load_regs(struct vcpu *v, u32 mask);
void svm_get_seg(struct vcpu *v, enum seg n, struct x86_seg *out);
void svm_set_seg(struct vcpu *v, enum seg n, const struct x86_seg *in);
unsigned svm_cpl(struct vcpu *v);
void svm_get_dtables(struct vcpu *v, struct x86_dtable *gdt, struct x86_dtable *idt);
void svm_set_gdt(struct vcpu *v, const struct x86_dtable *gdt);
void svm_set_idt(struct vcpu *v, const struct x86_dtable *idt);
void svm_sync_crs(struct vcpu *v);
u64 svm_cr3_64(struct vcpu *v);
void svm_set_cr0(struct vcpu *v, u64 cr0);
void svm_set_cr3(struct vcpu *v, u64 cr3);
void svm_set_cr4(struct vcpu *v, u64 cr4);
void svm_set_efer(struct vcpu *v, u64 efer);
bool svm_get_msr(struct vcpu *v, u32 msr, u64 *val);
bool svm_set_msr(struct vcpu *v, u32 msr, u64 val);
void svm_set_tsc_offset(struct vcpu *v, u64 offset);

/* debug.c */
void svm_sync_debug(struct vcpu *v);
void svm_set_debug(struct vcpu *v);
void svm_update_debug(struct vcpu *v);
bool svm_debug_exits(const struct svm_vcpu *s);	/* does MOV DR? */
/* Around VMRUN if anybody has breakpoints, interrupts off; dr7: the host's. */
void svm_debug_before(struct svm_vcpu *s, u64 dr7);
void svm_debug_after(struct svm_vcpu *s);

/* run.c */
void svm_enter(struct vcpu *v);
void svm_skip(struct vcpu *v);

/* exit.c */
enum exit_action svm_handle_exit(struct vcpu *v);
const char *svm_exit_name(unsigned index);

/* inject.c */
bool svm_irq_open(struct vcpu *v);
bool svm_nmi_open(struct vcpu *v);
void svm_inject(struct vcpu *v, const struct event *e);
void svm_uninject(struct vcpu *v);
void svm_want_irq_window(struct vcpu *v, bool on);
void svm_want_nmi_window(struct vcpu *v, bool on);
u32 svm_get_shadow(struct vcpu *v);
void svm_set_shadow(struct vcpu *v, u32 shadow);
bool svm_get_nmi_mask(struct vcpu *v);
void svm_set_nmi_mask(struct vcpu *v, bool masked);
void svm_set_tpr_threshold(struct vcpu *v, unsigned class);
/*
 * Before VMRUN with an event; after an exit that cut a delivery short. Whatever is to
 * be looked at around VMRUN sets rare.
 */
void svm_prepare_event(struct svm_vcpu *s);
void svm_recover_event(struct svm_vcpu *s, u64 info);
/* After an exit while NMIs are masked or a step is under way. */
void svm_track_nmi(struct svm_vcpu *s);
enum exit_action svm_exit_iret(struct svm_vcpu *s);
enum exit_action svm_exit_db(struct svm_vcpu *s);
enum exit_action svm_exit_irq_window(struct svm_vcpu *s);

/* inspect.c */
void svm_dump_all(struct vcpu *v, void (*fn)(void *arg, u32 id, u64 val), void *arg);
int svm_set_field(struct vcpu *v, u32 id, u64 val);

/* The counters' index of an exit code. */
static inline unsigned svm_exit_index(u32 code)
{
	if (LIKELY(code < EXIT_INDEX_LIMIT))
		return code;
	if (code - EXIT_NPF < 4)
		return EXIT_INDEX_NPF + (code - EXIT_NPF);
	if (code == EXIT_INVALID)
		return EXIT_INDEX_INVALID;
	return code == EXIT_BUSY ? EXIT_INDEX_BUSY : EXIT_INDEX_OTHER;
}

#endif
