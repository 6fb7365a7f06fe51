/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU. Vendor-neutral: the back end embeds this struct as the first
 * member of its own (backend->vcpu_size bytes are allocated).
 *
 * Ownership legend, for every field below:
 *   [t]  the vCPU's own thread, or whoever holds the host's vCPU lock instead
 *   [a]  atomic, any thread
 *   [c]  constant after vcpu_create()
 */
#ifndef VELLUM_ENGINE_CORE_VCPU_H
#define VELLUM_ENGINE_CORE_VCPU_H

#include "../types.h"
#include "../x86/state.h"

struct vm;
struct lapic;
struct host_vcpu;
struct emul_session;

/* What other threads ask of a vCPU; looked at before every entry. */
#define REQ_EVENT	BIT(0)	/* something to inject may be pending */
#define REQ_TLB		BIT(1)	/* drop cached guest-physical translations */
#define REQ_TIMER	BIT(2)	/* the LAPIC timer fired */
#define REQ_INIT	BIT(3)	/* INIT was sent; the vector of a SIPI ... */
#define REQ_SIPI	BIT(4)	/* ... is in lapic */
#define REQ_LOAD_ROOT	BIT(5)	/* second-level root or its format changed */
#define REQ_USER	BIT(6)	/* leave to user space now */
#define REQ_SHUTDOWN	BIT(7)	/* triple fault */
#define REQ_NMI		BIT(8)	/* an NMI was sent: see nmi_queued */
#define REQ_HOST	BIT(9)	/* the host wants the vCPU: host_yield() */
#define REQ_HALT	BIT(10)	/* mp_state isn't MP_RUNNABLE any more */
#define REQ_DEBUG	BIT(11)	/* the debugger's step is done */

/* Values are those of KVM_GET_MP_STATE. */
enum mp_state {
	MP_RUNNABLE, MP_UNINITIALIZED, MP_INIT_RECEIVED, MP_HALTED,
	MP_SIPI_RECEIVED,
};

/* Registers that a back end may keep in its own structure. */
#define REG_RIP		BIT(0)
#define REG_RSP		BIT(1)
#define REG_RFLAGS	BIT(2)

/* What the run loop does after an exit was handled. */
enum exit_action {
	ACT_RESUME,	/* enter again, RIP as it is */
	ACT_NEXT,	/* step over the instruction, enter again */
	ACT_USER,	/* return to user space with vcpu->uexit; RIP as it is */
	ACT_USER_NEXT,	/* step over the instruction, then return likewise */
};

/* An event to inject, in neutral terms. */
enum event_type {
	EVENT_NONE, EVENT_IRQ, EVENT_NMI, EVENT_EXCEPTION,
	EVENT_SOFT_INT,		/* INT n */
	EVENT_PRIV_SOFT_EXC,	/* INT1 */
	EVENT_SOFT_EXC,		/* INT3, INTO */
};

struct event {
	u8 type;	/* enum event_type */
	u8 vector;
	u8 has_error;
	u8 insn_len;	/* of the software ones */
	u32 error;
};

/* Why vcpu_run() returned, in neutral terms; the host writes the ABI's. */
enum uexit_kind {
	UEXIT_NONE,
	UEXIT_INTR,		/* a signal, or REQ_USER */
	UEXIT_PIO,
	UEXIT_MMIO,
	UEXIT_HLT,
	UEXIT_IRQ_WINDOW,
	UEXIT_SET_TPR,
	UEXIT_IOAPIC_EOI,
	UEXIT_SHUTDOWN,		/* triple fault */
	UEXIT_FAIL_ENTRY,
	UEXIT_INTERNAL,
	UEXIT_DEBUG,
	UEXIT_TRAP,		/* VMM_SET_TRAPS asked for it */
};

struct uexit {
	u32 kind;	/* enum uexit_kind */
	union {
		struct {
			u16 port;
			u8 size;
			u8 in;
			u32 count;	/* data is in vcpu->pio_data */
		} pio;
		struct {
			u64 gpa;
			u8 data[8];
			u32 len;
			u8 write;
		} mmio;
		struct {
			u64 reason;	/* as the hardware gives it */
			u32 cpu;
			u32 insn_error;	/* VM-instruction error, VMX only */
		} fail_entry;
		struct {
			u32 suberror;	/* KVM_INTERNAL_ERROR_* */
			u32 ndata;
			u64 data[16];
		} internal;
		struct {
			u32 exception;
			u64 pc, dr6, dr7;
		} debug;
		struct {
			u8 vector;
		} eoi;
		struct {
			u64 reason, qualification, cr2;
			u32 trap, insn_len, vector, error;
		} trap;
	};
};

/* Trap policy: what must leave to user space before it happens (vellum/vmm.h). */
#define TRAP_VMCALL	BIT(0)
#define TRAP_HLT	BIT(1)
#define TRAP_CPUID	BIT(2)
#define TRAP_RDTSC	BIT(3)
#define TRAP_RDPMC	BIT(4)
#define TRAP_INVLPG	BIT(5)
#define TRAP_PAUSE	BIT(6)
#define TRAP_MOV_DR	BIT(7)
#define TRAP_IO		BIT(8)
#define TRAP_XSETBV	BIT(9)
#define TRAP_WBINVD	BIT(10)
#define TRAP_DESCRIPTOR	BIT(11)
#define TRAP_CR3	BIT(12)
#define TRAPS_KNOWN	BITS(12, 0)
#define TRAP_EXCEPTION	BIT(31)

struct traps {
	u32 instructions;	/* TRAP_* */
	u32 exceptions;		/* by vector */
	u32 pf_mask, pf_match;	/* #PF: (error & mask) == match */
};

/* What a debugger outside the guest asks for: x86/debug.h. */
#define DEBUG_STEP	BIT(0)	/* one instruction */
#define DEBUG_INT3	BIT(1)	/* #BP is its own */
#define DEBUG_HARDWARE	BIT(2)	/* dr and dr7 here are in force, not the guest's */
#define DEBUG_BLOCK_IRQ	BIT(3)	/* no interrupt before the stepped instruction */

struct debug {
	u32 control;		/* DEBUG_* */
	u8 armed;		/* a step is under way: TF is the debugger's */
	u8 guest_tf;		/* what the guest has in its place */
	u8 stale_tf;		/* TF may still be in flags that the guest has pushed */
	u8 tf_use;		/* by the stepped instruction */
	u32 shadow;		/* of STI or MOV SS, withdrawn for the step */
	u64 step_at;		/* linear address of the stepped instruction */
	u64 dr[4], dr7;
};

/* The one copy of the exit's raw facts, read once by the back end. */
struct exit_info {
	u64 reason;	/* index for counters: below EXIT_REASONS */
	u64 qual;	/* VMX exit qualification, SVM EXITINFO1 */
	u64 rip;
	u32 insn_len;	/* 0: not known */
	u32 flags;	/* EXIT_* */
	u64 gla;	/* second-level faults with EXIT_GLA */
};

/* gla is the linear address whose final translation faulted (not a table's). */
#define EXIT_GLA	BIT(0)
/* Without an address: it was not an access to a table either. */
#define EXIT_FINAL	BIT(1)

#define EXIT_REASONS	192
#define TRACE_ENTRIES	1024	/* power of two */
#define LATENCY_BUCKETS	32	/* powers of two of ticks */
#define EXIT_NONE	EXIT_REASONS	/* in v->exit.reason before the first exit */

/* One entry of the flight recorder: the last exits of each vCPU. */
struct exit_record {
	u32 tsc_low, tsc_high;
	u64 rip;
	u64 qual;
	u32 guest_ticks;	/* from the entry to this exit */
	u16 reason;
	u16 cpu;
};

struct vcpu_stats {
	u64 exits[EXIT_REASONS];
	u64 total_exits;
	u64 injected[8];	/* by enum event_type */
	u64 s2_faults;
	u64 emulated;
	u64 user_exits;
	u64 halts;
	u64 migrations;
	u64 guest_ticks, user_ticks, halted_ticks;
};

#define CPUID_MAX	100
#define CPUID_FIRST	32
struct cpuid_leaf {
	u32 function, index, flags;	/* flags: KVM_CPUID_FLAG_* */
	u32 eax, ebx, ecx, edx;
};

struct vcpu {
	/* Offsets of the fields up to here_asm are known to the entry code. */
	u64 gpr[GPR_COUNT];	/* [t] RSP valid if REG_RSP is in reg_valid */
	u64 cr2;		/* [t] */
	u64 here_asm;

	u64 rip, rflags;	/* [t] valid as reg_valid says */
	u32 reg_valid;		/* [t] REG_*: the copy here is current */
	u32 reg_dirty;		/* [t] REG_*: the copy must be written back */

	u64 requests;		/* [a] REQ_* */
	u32 in_guest;		/* [a] 1 from before the last look at requests */
	s32 cpu;		/* [t] where its hardware state is loaded, -1 */
	u32 id;			/* [c] = initial APIC ID */
	u32 mp_state;		/* [t] enum mp_state; [a] to read */

	struct exit_info exit;	/* [t] */
	struct event injected;	/* [t] on its way: re-injected if interrupted */
	struct event exception;	/* [t] raised by emulation, not yet injected */
	u64 exception_cr2;	/* [t] for #PF, becomes CR2 when injected */
	u32 nmi_queued;		/* [a] 0..2 */
	u8 nmi_injected_pending;/* [t] taken from nmi_queued */
	s32 user_irq;		/* [t] vector from KVM_INTERRUPT, -1 none */
	u8 irq_window_user;	/* [t] run->request_interrupt_window */
	u8 user_cr8;		/* [t] CR8 where the LAPIC is user space's */

	/* Control registers as the guest sees them. */
	u64 cr0, cr3, cr4;	/* [t] guest-owned bits: ask the back end */
	u64 efer, xcr0, xss, pat;
	u64 apic_base;
	u64 dr[4], dr6, dr7;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	u64 tsc_offset, tsc_adjust, spec_ctrl;
	u64 misc_enable, mtrr_deftype, mtrr_fixed[11], mtrr_var[16];

	struct vm *vm;		/* [c] */
	struct lapic *lapic;	/* [c] NULL: in user space */
	struct host_vcpu *host;	/* [c] */
	u8 *pio_data;		/* [c] 4 KiB shared with user space */
	struct emul_session *emul; /* [c] emulator and its restart log */

	struct uexit uexit;	/* [t] */
	struct traps traps;	/* [t] */
	u8 has_traps;		/* [t] any at all */
	struct debug debug;	/* [t] */
	s32 run_error;		/* [t] what vcpu_run() returns with ACT_USER */
	u8 pio_in_pending;	/* [t] finish an IN at the next run */

	struct cpuid_leaf *cpuid; /* [t] CPUID_MAX of them */
	u32 cpuid_count;
	u8 cpuid_first[2][CPUID_FIRST]; /* [t] index by function, from 0 and 2^31 */
	const struct cpuid_leaf *cpuid_plain[2][CPUID_FIRST]; /* [t] answered as it is */
	u64 guest_cr4_reserved;	/* [t] follows CPUID */
	u64 guest_efer_valid;

	/* recorder.h; [t] to write, anyone reads. */
	u32 entry_tsc, exit_tsc; /* low halves */
	u64 left_tsc, first_tsc;
	u64 trace_at;		/* bytes recorded so far: records_made() */
	struct exit_record *trace; /* TRACE_ENTRIES */
	u64 (*latency)[LATENCY_BUCKETS]; /* by exit reason, and EXIT_NONE */
	struct vcpu_stats stats;
};

_Static_assert(offsetof(struct vcpu, gpr) == 0, "the entry code relies on it");
_Static_assert(offsetof(struct vcpu, cr2) == 128, "the entry code relies on it");

/* How many records there have been. */
static inline u64 records_made(const struct vcpu *v)
{
	return LOAD_ACQUIRE(&v->trace_at) / sizeof(struct exit_record);
}

static inline void vcpu_request(struct vcpu *v, u64 req)
{
	__atomic_fetch_or(&v->requests, req, __ATOMIC_SEQ_CST);
}

/* HLT. [t] */
static inline void vcpu_halt(struct vcpu *v)
{
	STORE(&v->mp_state, MP_HALTED);
	vcpu_request(v, REQ_HALT);
}

/*
 * Sets requests and makes the vCPU see them soon: ends its halt, or its stay in
 * the guest. Any context.
 */
void vcpu_kick(struct vcpu *v, u64 req);

/* Is there a reason to run a halted vCPU? host_block() asks on its thread. */
bool vcpu_runnable(struct vcpu *v);

/* The state of power-on, or of INIT. Loaded. */
void vcpu_reset(struct vcpu *v, bool init);
/* Makes the vCPU known to its VM; after create, once the host can run it. */
void vcpu_publish(struct vcpu *v);
/*
 * Sets the trap policy. Loaded. 0, ERR_INVAL for what can't be asked for,
 * ERR_NOTSUP for what this CPU can't intercept.
 */
int vcpu_set_traps(struct vcpu *v, const struct traps *t);

/*
 * What a debugger wants: DEBUG_*, its debug registers, an exception to inject
 * (VEC_DB, VEC_BP, 0: none). Loaded. 0, ERR_BUSY: another event is under way.
 */
int vcpu_set_debug(struct vcpu *v, u32 control, const u64 dr[4], u64 dr7, u8 inject);

/* Nobody runs or knows it any more. Sleeps. */
void vcpu_destroy(struct vcpu *v);

/* Queues an NMI; any context. */
void vcpu_raise_nmi(struct vcpu *v);

/*
 * Raises an exception that takes the place of the current instruction. Contributory
 * combinations become #DF, a further one is a triple fault: UEXIT_SHUTDOWN.
 */
void vcpu_raise(struct vcpu *v, u8 vector);
void vcpu_raise_error(struct vcpu *v, u8 vector, u32 error);
void vcpu_raise_pf(struct vcpu *v, u64 address, u32 error);

#endif
