/* SPDX-License-Identifier: MIT */
/* A vCPU on a simulated SVM, with the rest of the engine played by the test. */
#ifndef VELLUM_TESTS_UNIT_SVM_FIXTURE_H
#define VELLUM_TESTS_UNIT_SVM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef skip	/* of cmocka; also a hook's name */

#include "../../../engine/svm/svm.h"
#include "machine.h"

#define EDX_NP		BIT(0)
#define EDX_NRIPS	BIT(3)
#define EDX_CLEAN	BIT(5)
#define EDX_FLUSH	BIT(6)
#define EDX_DECODE	BIT(7)
#define EDX_FULL	(EDX_NP | EDX_NRIPS | EDX_CLEAN | EDX_FLUSH | EDX_DECODE | BIT(10))

/* The last call of one of the neutral exit handlers. */
struct seen {
	const char *handler;
	u64 a[4];
	struct event event;
};

extern struct seen seen;
extern struct vm vm;
extern struct svm_vcpu s;
extern struct vcpu *const v;
extern u8 lapic_regs[PG_SIZE];
extern unsigned insn_length;		/* of x86_insn_length() */
extern unsigned lengths_asked;
extern bool cpuid_answer;		/* of x86_cpuid_has() */
extern bool have_lapic;
extern u32 cpu_edx;			/* CPUID 8000_000A EDX of the machine */

/* A loaded vCPU after reset on a machine with cpu_edx; _plain: as QEMU's. */
int vcpu_up(void **state);
int vcpu_up_plain(void **state);
int vcpu_up_no_lapic(void **state);
int vcpu_down(void **state);

/* Enters; the guest leaves at once by this exit. */
void enter_until(u64 code, u64 info1, u64 info2);
/* ... and has it handled. */
enum exit_action run_to(u64 code, u64 info1, u64 info2);
/* Lets the next exit cut a delivery short, with this EXITINTINFO. */
void interrupt_delivery(u64 info);
void enter_long_mode(void);

#endif
