/* SPDX-License-Identifier: MIT */
/* Which event a vCPU takes next. */
#ifndef VELLUM_ENGINE_CORE_EVENT_H
#define VELLUM_ENGINE_CORE_EVENT_H

#include "vcpu.h"

/*
 * Before an entry, when REQ_EVENT was set or an event was interrupted: injects
 * the one whose turn it is and asks for a window for those that must wait.
 * Loaded, interrupts off.
 */
void vcpu_prepare_events(struct vcpu *v);

/* A halted vCPU: is there an event that ends the halt? Thread context. */
bool vcpu_has_event(struct vcpu *v);

#endif
