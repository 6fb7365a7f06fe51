/* SPDX-License-Identifier: MIT */
/*
 * `vellum run --gdb`: a server of the GDB remote protocol.  It belongs to the
 * session, so that the debugger stays connected over a reset of the guest.
 *
 * A thread of its own talks to the debugger.  While it looks at a vCPU, or
 * changes it, that vCPU's thread waits in gdb_hold().
 */
#ifndef VELLUM_GDB_GDB_H
#define VELLUM_GDB_GDB_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../lib/libvmm.h"

struct gdb;
struct machine;
struct vcpu;

/* A vCPU's part: all but pause under the server's lock. */
struct gdb_vcpu {
	volatile sig_atomic_t pause;	/* hold at the next exit; read without */
	bool held;			/* its thread waits */
	bool stopped;			/* it has something to report */
	bool running;			/* its last order was to go on ... */
	bool step;			/* ... by one step */
	volatile sig_atomic_t unblock;	/* its step may let interrupts in */
	bool last_look;			/* the machine ends when it goes on */
	uint32_t exception;		/* 1, 3: as in struct kvm_debug_exit_arch */
	uint64_t pc, dr6;
	uint32_t inject;		/* KVM_GUESTDBG_INJECT_*, at the next run */
};

/* "tcp:PORT" or "unix:PATH", each with ",nowait" behind it.  Usable? */
bool gdb_check(const char *where);

/*
 * Binds and listens; the thread begins with gdb_start().  What comes in is
 * from this machine only: loopback, or a socket with mode 0600.
 */
struct gdb *gdb_open(const char *where, bool quiet, struct vmm_error *e);
int gdb_start(struct gdb *g, struct vmm_error *e);
/* The debugger hears that the guest is gone. */
void gdb_close(struct gdb *g, int status);

/* Around a machine's run: before its vCPUs' threads begin, before they are stopped. */
void gdb_machine_begin(struct gdb *g, struct machine *m);
void gdb_machine_end(struct machine *m);

/* From a vCPU's thread. */
void gdb_hold(struct vcpu *c);
/* It was kicked, for unblock. */
void gdb_unblock(struct vcpu *c);
/* KVM_EXIT_DEBUG.  False: nobody has asked for one. */
bool gdb_debug_exit(struct vcpu *c);
/* The machine is about to end because of this vCPU: a debugger sees it first. */
void gdb_last_look(struct vcpu *c);

#endif
