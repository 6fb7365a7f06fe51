/* SPDX-License-Identifier: MIT */
/*
 * The explainer: from a snapshot of a vCPU to what is wrong with it. Pure code over
 * struct explain_state, which may be as incomplete as a saved dump is: every value
 * carries whether it is known, and a check that needs an unknown one says so.
 */
#ifndef VELLUM_ENGINE_EXPLAIN_EXPLAIN_H
#define VELLUM_ENGINE_EXPLAIN_EXPLAIN_H

#include "../svm/vmcb.h"
#include "../vmx/fields.h"
#include "../x86/state.h"
#include "fieldnum.h"
#include "text.h"

enum explain_vendor { EXPLAIN_VMX, EXPLAIN_SVM };

/* IA32_VMX_BASIC is 0x480; the others follow in the order of their numbers. */
enum explain_cap {
	XCAP_BASIC, XCAP_PIN, XCAP_PROC, XCAP_EXIT, XCAP_ENTRY, XCAP_MISC,
	XCAP_CR0_FIXED0, XCAP_CR0_FIXED1, XCAP_CR4_FIXED0, XCAP_CR4_FIXED1,
	XCAP_VMCS_ENUM, XCAP_PROC2, XCAP_EPT_VPID,
	XCAP_TRUE_PIN, XCAP_TRUE_PROC, XCAP_TRUE_EXIT, XCAP_TRUE_ENTRY,
	XCAP_VMFUNC, XCAP_PROC3, XCAP_EXIT2,
	XCAP_COUNT
};

extern const char *const explain_cap_names[XCAP_COUNT];

/* A field of the VMCB: APM2 "Layout of VMCB". */
struct vmcb_field {
	u16 offset;
	u8 size;
	const char *name;
	const char *title;
};

#define VMCB_FIELDS_MAX	128
extern const struct vmcb_field vmcb_fields[];	/* in the order of offsets */
extern const unsigned vmcb_field_count;

/* Bytes of memory; the caller keeps them. */
enum explain_space { SPACE_PHYSICAL, SPACE_LINEAR, SPACE_HOST };

struct explain_memory {
	enum explain_space space;	/* guest-physical, guest-linear, host-physical */
	u64 address;
	u32 size;
	const u8 *bytes;
};

#define EXPLAIN_MEMORY_MAX	64
#define EXPLAIN_MSRS_MAX	64
#define EXPLAIN_ACCESSES_MAX	4

struct explain_msr { u32 index, reserved; u64 value; };

/* An access to memory that the instruction at RIP makes, as a disassembler sees it. */
struct explain_access {
	enum seg seg;
	u64 offset;	/* effective address */
	u8 size;
	bool write, stack;
};

/* What is known of the instruction at RIP beyond its bytes. */
struct explain_insn {
	u8 length;			/* 0: not known */
	bool certain;			/* the following is complete, as far as it goes */
	bool raises;			/* it raises `vector` itself */
	bool soft;			/* ... as INT n, INT3, INTO do */
	u8 vector;
	bool privileged;		/* #GP unless CPL is 0 */
	bool loads_segment;		/* of `selector` into `seg`; SEG_CS: a far transfer */
	u8 seg;
	u16 selector;
	unsigned n_access;
	struct explain_access access[EXPLAIN_ACCESSES_MAX];
	bool jumps;			/* to this offset in CS */
	u64 target;
	bool msr;			/* it reads or writes MSR ECX */
	const char *depends;		/* whether it faults depends on this; NULL: no */
	char text[80];			/* disassembled */
};

/* The first exception of a chain, as the CPU was seen to raise it. */
struct explain_caught {
	bool known, has_error, soft;	/* soft: INT n, INT3, INTO */
	u8 vector;
	u32 error;
};

enum explain_tri { TRI_UNKNOWN, TRI_NO, TRI_YES };

struct explain_state {
	enum explain_vendor vendor;

	/* VMX: by index into vmcs_fields[]. */
	u64 vmcs[VMCS_FIELD_COUNT];
	bool vmcs_known[VMCS_FIELD_COUNT];
	/* SVM: by index into vmcb_fields[]. */
	struct vmcb vmcb;
	bool vmcb_known[VMCB_FIELDS_MAX];

	u64 gpr[GPR_COUNT];
	u32 gpr_known;			/* bit per register */
	u64 cr2;
	bool cr2_known;

	/* The CPU. 0 or unknown where the dump doesn't tell. */
	u64 cap[XCAP_COUNT];
	u32 cap_known;
	unsigned phys_bits, linear_bits;
	enum explain_tri host_long_mode, in_smm;
	bool vtpr_known;
	u8 vtpr;			/* byte 0x80 of the virtual-APIC page */

	/*
	 * The state was put together from KVM_GET_* or another program's registers:
	 * only the guest's part of the checks can be made.
	 */
	bool guest_only;
	bool guest_in_smm;		/* of the virtual machine, as QEMU tells it */

	unsigned n_memory;
	struct explain_memory memory[EXPLAIN_MEMORY_MAX];
	/* Guest-physical memory that is still there; NULL: only memory[]. */
	bool (*read_physical)(void *arg, uint64_t gpa, void *to, unsigned size);
	void *read_arg;
	unsigned n_entry_msrs;		/* of the VM-entry MSR-load area */
	bool entry_msrs_known;
	struct explain_msr entry_msrs[EXPLAIN_MSRS_MAX];
	struct explain_insn insn;
	struct explain_caught caught;
};

/* Index of a field by its encoding or offset; -1: there is none. */
int explain_vmcs_index(u32 encoding);
int explain_vmcb_index(u32 offset);

/* False if there is no such field, or the value doesn't fit it. */
bool explain_set(struct explain_state *s, u32 encoding, u64 value);
bool explain_set_vmcb(struct explain_state *s, u32 offset, u64 value);
bool explain_get(const struct explain_state *s, u32 encoding, u64 *value);
bool explain_get_vmcb(const struct explain_state *s, u32 offset, u64 *value);
/* Largest value that a field of this encoding holds. */
u64 explain_field_limit(u32 encoding);

/* -- Checks -------------------------------------------------------------------------- */

/* Decides how the CPU reports it. */
enum explain_group { GROUP_CONTROL, GROUP_HOST, GROUP_GUEST, GROUP_MSR, GROUP_SVM };

struct explain_check;

struct explain_rule {
	const char *id;
	const char *title;	/* section of the manual, without the manual's name */
	const char *says;	/* what holds */
	const char *cause;	/* why it usually doesn't */
	const char *fix;	/* what to set */
	bool (*broken)(struct explain_check *c, const struct explain_rule *r);
	u16 field[4];		/* encodings, or VMCB offsets + 1; 0: none */
	u16 when, other;	/* CTL(): see rules.h */
	u64 mask;
	u8 group, arg;
};

#define EXPLAIN_RULES_MAX	400
#define EXPLAIN_FINDINGS_MAX	96
#define EXPLAIN_STEPS_MAX	8
#define EXPLAIN_ADVICE_MAX	24
#define EXPLAIN_NOTES_MAX	16

struct explain_finding {
	const struct explain_rule *rule;
	bool assumed;		/* rests on what CPUs usually have */
	char detail[320];	/* the values seen */
};

struct explain_unchecked {
	const struct explain_rule *rule;
	u16 missing;		/* encoding, or VMCB offset + 1, of the first such field */
};

/* One exception on the way to a triple fault. */
struct explain_step {
	u8 vector;
	bool has_error;
	u32 error;
	char raised[480];	/* why */
	char delivery[640];	/* what the CPU used to deliver it, and what failed */
};

enum explain_verdict {
	VERDICT_NONE,		/* no triple fault was asked about */
	VERDICT_SHUTDOWN,	/* the chain ends in shutdown */
	VERDICT_OPEN,		/* it can't be followed to its end: `verdict` says why */
};

/* What to write where so that the guest goes on. */
struct explain_advice {
	const char *field;
	u64 value;
	bool root;		/* the fault itself; else: will be needed next */
	char why[200];
};

struct explain_report {
	unsigned n_rules, n_checked, n_findings, n_unchecked, n_dropped;
	struct explain_finding finding[EXPLAIN_FINDINGS_MAX];
	struct explain_unchecked unchecked[EXPLAIN_RULES_MAX];

	bool entry_failed, triple_fault, no_exit;
	char exit[1400];		/* the exit in a sentence or a few */

	enum explain_verdict verdict;
	unsigned n_steps;
	struct explain_step step[EXPLAIN_STEPS_MAX];
	char conclusion[900];		/* of a triple fault; or suspects of a failed entry */
	unsigned n_advice;
	struct explain_advice advice[EXPLAIN_ADVICE_MAX];
	unsigned n_notes;
	char note[EXPLAIN_NOTES_MAX][240];	/* legal, but might look suspicious */
};

/* All of the following. */
void explain(const struct explain_state *s, struct explain_report *r);

/* The entry checks only: for lint. */
void explain_checks(const struct explain_state *s, struct explain_report *r);
/*
 * The same, and what the first instruction would run into: for a state that has never
 * been entered. r->n_steps > 0: its exception, and r->verdict whether it ends in shutdown.
 */
void explain_lint(const struct explain_state *s, struct explain_report *r);
/* The exit in words. */
void explain_exit(const struct explain_state *s, struct explain_report *r);
/* How the state leads to a triple fault. */
void explain_fault(const struct explain_state *s, struct explain_report *r);

/*
 * Up to size bytes at RIP, without regard to CS's limit: how many could be read.
 * 16, 32 or 64: how a disassembler is to take them.
 */
unsigned explain_code(const struct explain_state *s, u8 *to, unsigned size);
unsigned explain_code_bits(const struct explain_state *s);

/* Every rule there is, for tests and documentation: NULL at the end. */
const struct explain_rule *explain_rule_at(enum explain_vendor vendor, unsigned i);

/* -- Decoding ---------------------------------------------------------------------- */

/* A field's value in words, bit by bit; empty where there is nothing to say. */
void explain_decode(u32 encoding, u64 value, struct text *t);
void explain_decode_vmcb(u32 offset, u64 value, struct text *t);
/* 's access rights, whatever the vendor. */
void explain_decode_ar(u32 ar, struct text *t);
/* "page fault (#PF)" */
const char *explain_vector_name(unsigned vector);
const char *explain_msr_name(u32 index);

#endif
