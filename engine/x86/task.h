/* SPDX-License-Identifier: MIT */
/* A task switch by the processor's task-state segments, where hardware leaves it to us. */
#ifndef VELLUM_ENGINE_X86_TASK_H
#define VELLUM_ENGINE_X86_TASK_H

#include "../core/vcpu.h"

/* As VT-x numbers them: SDM3 "Exit Qualification for Task Switches". */
enum task_cause { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

/*
 * selector: of the new task's TSS. return_rip: what the old task goes on with. With
 * TASK_GATE, v->injected is the event that went through the gate; it is consumed.
 * A fault is raised, in the old task or, past the point of no return, in the new one.
 */
enum exit_action x86_exit_task_switch(struct vcpu *v, enum task_cause cause, u16 selector,
				      u64 return_rip);

#endif
