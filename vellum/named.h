/* SPDX-License-Identifier: MIT */
/*
 * A machine whose VM has a name: its memory and all that the kernel knows of it stay
 * when this program ends.  What is needed to go on with it is in the VM's note.
 */
#ifndef VELLUM_NAMED_MACHINE_H
#define VELLUM_NAMED_MACHINE_H

#include "../lib/libvmm.h"

struct machine;
struct machine_config;
struct guest_ram;

/*
 * From the VM's note into the configuration: what was decided when it was loaded.
 * Fails if nothing has been loaded.
 */
int named_read_config(struct machine_config *cfg, struct vmm_accel *a,
		      struct vmm_error *e);

/* Opens the VM, and sets memory up or maps what is there. */
int named_open_vm(struct machine *m, struct vmm_accel *a, struct vmm_error *e);

/* Now it can be run, by anyone who may. */
int named_loaded(struct machine *m, struct vmm_error *e);

/* About to run it: says what is lost if it ran before. */
int named_start(struct machine *m, struct vmm_error *e);

#endif
