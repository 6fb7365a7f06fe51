/* SPDX-License-Identifier: MIT */
/* The engine's side of the instruction emulator: memory, devices, restarts. */
#ifndef VELLUM_ENGINE_X86_EMULATE_H
#define VELLUM_ENGINE_X86_EMULATE_H

#include "../core/vcpu.h"
#include "../emul/emul.h"

/* Sleep. */
struct emul_session *emul_session_create(struct vcpu *v);
void emul_session_destroy(struct emul_session *s);
/* Forgets an instruction that waits for user space. */
void emul_session_reset(struct emul_session *s);

/* Does an instruction wait for user space's answer? */
bool emul_session_pending(const struct emul_session *s);

/* Is it known that no memory is at gpa? Cheap; false says nothing. */
bool x86_is_mmio(struct vcpu *v, struct gphys gpa);
/* The instruction at RIP touched gpa (access: MEM_*), where no memory is. */
enum exit_action x86_emulate_mmio(struct vcpu *v, struct gphys gpa, unsigned access,
				  const u8 *insn, unsigned n);

/*
 * Delivers e to a vCPU in real mode, through its interrupt vector table. ACT_RESUME:
 * done, or a fault that takes its place is raised; else v->uexit says what is wrong.
 */
enum exit_action x86_deliver_real(struct vcpu *v, const struct event *e);

/*
 * Between on and off code is read ahead. The guest's own writes are seen, those of
 * other threads perhaps not: for a run of instructions that nothing comes between.
 */
void x86_read_ahead(struct vcpu *v, bool on);

/* Decodes the instruction at RIP, NULL: it can't be, or not without a fault. */
const struct emul_insn *x86_decode(struct vcpu *v);

/* User space has answered: v->uexit.mmio or v->pio_data holds what was read. */
enum exit_action x86_emulate_again(struct vcpu *v);
/* The same for a plain IN. */
enum exit_action x86_finish_pio_in(struct vcpu *v);

/* The n bytes at RIP, if the guest could execute them. Nothing is raised. */
bool x86_fetch(struct vcpu *v, u8 *bytes, unsigned n);

#endif
