/* SPDX-License-Identifier: MIT */
/* A vCPU on a simulated VT-x, with the rest of the engine played by the test. */
#ifndef VELLUM_TESTS_UNIT_VMX_FIXTURE_H
#define VELLUM_TESTS_UNIT_VMX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#undef skip	/* of cmocka; also a hook's name */

#include "../../../engine/emul/emul.h"
#include "../../../engine/vmx/vmx.h"
#include "vmx/machine.h"

/* The last call of one of the neutral exit handlers. */
struct seen {
	const char *handler;
	u64 a[4];
	struct event event;
};

extern struct seen seen;
extern struct vm vm;
extern struct vmx_vcpu x;
extern struct vcpu *const v;
extern u8 lapic_regs[PG_SIZE];
extern u8 guest_memory[PG_SIZE];	/* guest-physical 0 on */
extern bool cpuid_answer;		/* of x86_cpuid_has() */
extern bool have_lapic;

extern enum exit_action (*emulated)(struct vcpu *c); /* an instruction; NULL: ACT_USER */
extern struct emul_insn decoded;	/* the one at RIP; length 0: none */

/* A probed back end with VMX on, on CPU 0; and a loaded vCPU after reset. */
int backend_up(void **state);
int backend_down(void **state);
int vcpu_up(void **state);
int vcpu_down(void **state);

/* In 64-bit mode with interrupts on. */
void enter_long_mode(void);
/* Enters; the guest leaves at once by this exit. Then has it handled. */
enum exit_action run_to(u32 reason, u64 qualification);

#define FIELD_IS(name, val) \
	assert_int_equal(sim_vmcs_get(SIM_FIELD(name)), val)
#define SET_FIELD(name, val) sim_vmcs_set(SIM_FIELD(name), val)

#endif
