/* SPDX-License-Identifier: MIT */
/*
 * The whole neutral engine on a back end that a test scripts: each entry takes the
 * next step, which may change the guest's registers and says how it exits.
 */
#ifndef VELLUM_TESTS_UNIT_CORE_FIXTURE_H
#define VELLUM_TESTS_UNIT_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/insn.h"
#include "../../../engine/core/event.h"
#include "../../../engine/core/regs.h"
#include "../../../engine/vmm.h"

#define RAM_SIZE	(4ull << 20)
#define EVENTS_MAX	32

/* One stay in the guest, and how it ends. */
struct step {
	u64 reason;
	enum exit_action (*handler)(struct vcpu *v);	/* NULL: to the program */
	u32 length;			/* of the instruction */
	void (*guest)(struct vcpu *v);	/* what happens meanwhile */
	struct event cut;		/* an event that the exit cuts short */
};

struct fake_vcpu {
	struct vcpu v;
	/* The registers as "hardware" has them. */
	u64 rip, rsp, rflags;
	struct x86_seg seg[SEG_COUNT];
	struct x86_dtable gdt, idt;
	unsigned cpl;
	u32 shadow;
	bool nmi_mask, irq_window, nmi_window;
	unsigned threshold;
	struct event asked;		/* by inject(), until the entry */
};

extern struct fake_vcpu *f;
extern struct vcpu *v;
extern struct vm *vm;
extern u8 *ram;				/* guest-physical 0 on */

/* The script, and what was seen. */
extern const struct step *script;
extern unsigned script_left, entries;
extern struct event delivered[EVENTS_MAX];
extern unsigned delivered_n;
extern u32 trap_answer;			/* of trap_of() */
extern int set_traps_answer;
extern unsigned tlb_flushes, root_loads;

/* RAM_SIZE of memory in slot 0, one vCPU after reset. */
int machine_up(void **state);
/* The same with controllers in the engine. */
int machine_up_irqchip(void **state);
int machine_down(void **state);

int run_script(const struct step *s, unsigned n);
#define RUN(...) run_script((const struct step[]){ __VA_ARGS__ }, \
	sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step))

void set_rflags(u64 rflags);
/* 64-bit mode at CPL 0, with page tables at cr3. */
void long_mode(u64 cr3);
void put64(u64 gpa, u64 val);
u64 get64(u64 gpa);

#define DELIVERED(i, t, n) do {						\
	assert_int_equal(delivered[i].type, t);				\
	assert_int_equal(delivered[i].vector, n);			\
} while (0)

#endif
