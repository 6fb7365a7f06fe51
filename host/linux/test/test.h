/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * vmm-test.ko: asks the CPU what the explainer says of a VMCS. A valid one is built for
 * this machine, broken in one place, and entered; what the CPU does is compared with what
 * the rules say. Root only, never installed, never beside vmm.ko.
 */
#ifndef VELLUM_HOST_LINUX_TEST_TEST_H
#define VELLUM_HOST_LINUX_TEST_TEST_H

#include "mutations.h"

/* Pages that Linux gives: all zero at first. */
enum test_page {
	PAGE_VMXON, PAGE_VMCS, PAGE_EPT4, PAGE_EPT3, PAGE_EPT2, PAGE_EPT1,
	PAGE_MSR_BITMAP, PAGE_SCRATCH0, PAGE_SCRATCH1,
	PAGE_GUEST,		/* the first of the guest's own */
	PAGE_COUNT = PAGE_GUEST + 16
};

struct machine {
	u8 *va[PAGE_COUNT];
	u64 pa[PAGE_COUNT];
	struct explain_state caps;	/* only what is known of the CPU */
};

/* What the CPU did with an entry. */
struct outcome {
	enum { CPU_RAN, CPU_FAILED_ENTRY, CPU_VMFAIL, CPU_NO_FIELD } kind;
	u32 number;		/* exit reason, VM-instruction error, or the field */
	u64 qualification;
};

/* machine.c. On: interrupts on, preemption off till off. NULL, or why not. */
const char *machine_on(struct machine *m);
void machine_off(struct machine *m);
void machine_guest_memory(struct machine *m, enum mutation_base base);
/* Enters the guest once with what is known in s; interrupts are off meanwhile. */
struct outcome machine_enter(struct machine *m, const struct explain_state *s);

/* states.c: a state that this CPU takes. */
void state_valid(const struct machine *m, enum mutation_base base, struct explain_state *s);
/* False: the mutation needs what this CPU doesn't have. */
bool state_mutate(const struct machine *m, const struct mutation *mut, struct explain_state *s);

/* compare.c: everything, as TAP with remarks, into out. */
void compare_all(struct machine *m, struct explain_state *s, struct explain_report *r,
		 struct text *out);

/* svm.c: the same for AMD-V. */
const char *svm_on(struct machine *m);
void svm_off(void);
void svm_compare_all(struct machine *m, struct explain_state *s, struct explain_report *r,
		     struct text *out);

/* Linux's side. */
void linux_tss_limit_lost(void);
void linux_note(const char *what);	/* to the kernel's log: what is about to be tried */
void linux_nmi(void);

#endif
