/* SPDX-License-Identifier: MIT */
/*
 * A machine: a VM, its memory, its vCPUs and its devices, from power-on to
 * the event that ends it.  A reset is a new machine: the old one's VM goes
 * with all its state, so nothing has to be put back by hand; what outlives it
 * (console, event loop, counters) belongs to the session.
 */
#ifndef VELLUM_MACHINE_H
#define VELLUM_MACHINE_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "bus.h"
#include "console.h"
#include "dev/i8042.h"
#include "dev/misc.h"
#include "dev/pm.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "evloop.h"
#include "gdb/gdb.h"
#include "load/boot.h"
#include "memory.h"
#include "storage.h"

#define CPUS_MAX	64
#define FLAT_MAX	8

struct machine_config {
	const char *accel;
	const char *name;		/* of a VM that stays; NULL = none */
	bool attach;			/* it has been loaded: go on with it */
	bool started;			/* and has run */
	bool multiboot;			/* what was loaded is such a kernel */
	uint64_t rom_size, vars_size;	/* of what was loaded */
	uint64_t memory;
	unsigned int cpus;

	bool flat;			/* else a kernel */
	struct image_file kernel;
	struct boot_module module[BOOT_MODULES_MAX];	/* initrds */
	unsigned int n_modules;
	const char *cmdline;		/* replaces the default; NULL = default */
	const char *append;		/* comes after it; NULL = nothing */
	bool fast_boot;
	struct flat_image flat_image[FLAT_MAX];
	unsigned int n_flat;
	enum cpu_mode mode;		/* flat only */
	uint16_t entry_cs;		/* flat, real mode */
	uint64_t entry;			/* flat */

	bool rom;			/* from the reset vector; not flat */
	struct image_file firmware, vars;	/* rom only */
	bool pci;			/* a PCI bus, whatever is on it */
	struct image_file com1, com2;	/* take their output; fd -1: see console.h */
	bool vga;			/* a video adapter */
	struct image_file vgabios;	/* for its firmware; fd -1 = none */
	struct image_file screen;	/* its text is written there; fd -1 = nowhere */
	bool show;			/* and drawn on the terminal */
	bool debug_port;		/* firmware's, 0x402 */
	bool keyboard;			/* input is typed, not on COM1 */
	struct storage *storage;	/* disks and CDs; NULL = none */
	struct rtc_battery *battery;	/* outlives resets; NULL = flat */
	const char *state;		/* changes to the first vCPU's state */
	const char *state_name;		/* the file that it came from */
	uint32_t traps;			/* VMM_TRAP_* */
	bool catch_faults;
	bool lint;			/* look at the state before it is entered */
	const char *gdb;		/* where debuggers connect; NULL = nowhere */

	bool no_sandbox;
	bool no_reboot;
	bool strict_io;
	bool debug_exit;
	bool quiet;
};

/* What ended a machine.  Order is of no importance: the first one wins. */
enum end_cause {
	END_NONE,
	END_POWER_OFF,
	END_RESET,
	END_PANIC,
	END_TRIPLE_FAULT,
	END_STRICT_IO,
	END_DEBUG_EXIT,
	END_TRAP,		/* an instruction that was to be trapped */
	END_FAILED,		/* text says how */
	END_SIGNAL,
	END_ESCAPE,
	END_BROKEN_PIPE,
};

struct machine_end {
	enum end_cause cause;
	uint32_t value;		/* debug exit's number, signal's number */
	char text[480];		/* for END_STRICT_IO, END_FAILED... */
	char *report;		/* why, at length, from malloc(); NULL = none */
};

/* Interrupt lines are shared: asserted while any of these does. */
enum gsi_source { GSI_FROM_ISA, GSI_FROM_PCI, GSI_FROM_HPET };
#define GSI_WIRES	24

struct machine;

struct fault_chain;

struct vcpu {
	struct machine *m;
	struct vmm_vcpu v;
	pthread_t thread;		/* not its own: vcpu_thread.c */
	struct fault_chain *chain;	/* its thread's; faults.c */
	bool started;
	volatile sig_atomic_t done;	/* left the loop of exits */
	volatile sig_atomic_t init;	/* INIT# is to be taken */
	struct gdb_vcpu gdb;
};

struct machine {
	const struct machine_config *cfg;
	struct console *console;
	struct evloop *loop;
	pthread_mutex_t *lock;		/* the device lock, the session's */
	struct gdb *gdb;		/* the session's; NULL = no debugger */

	struct vmm_vm vm;
	struct guest_ram ram;
	struct vcpu vcpu[CPUS_MAX];
	unsigned int n_vcpus;
	bool pit_on_pin2;
	bool multiboot;			/* a kernel of that protocol */
	bool warm_means_panic;		/* our reboot=panic_warm is in force */

	/* all below: device lock, once the vCPUs run */
	struct bus pio, mmio;
	struct uart uart;
	struct i8042 i8042;
	struct rtc rtc;
	struct pm pm;
	struct misc misc;
	struct board board;
	struct machine_storage storage;
	uint8_t gsi[GSI_WIRES];		/* who asserts it, by enum gsi_source */
	struct machine_end end;
	volatile sig_atomic_t stopping;	/* read without the lock */
};

/* machine.c */

/* Everything up to, not including, the first instruction. */
int machine_create(struct machine *m, const struct machine_config *cfg,
		   struct vmm_accel *accel, struct console *console,
		   pthread_mutex_t *lock, struct vmm_error *e);

/* The same for a named VM, to be run by another program: nothing stays open. */
int machine_load(struct machine *m, const struct machine_config *cfg,
		 struct vmm_accel *accel, struct vmm_error *e);

/* Runs it until something ends it: m->end.  Returns with all vCPUs stopped. */
int machine_run(struct machine *m, struct gdb *gdb, struct vmm_error *e);
void machine_destroy(struct machine *m);

/*
 * Ends the machine, from any thread, device lock held.  Only the first call
 * counts.
 */
void machine_end(struct machine *m, enum end_cause cause, uint32_t value,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* devices.c: puts the devices onto the buses, at power-on state. */
int machine_add_devices(struct machine *m, struct vmm_error *e);
void machine_remove_devices(struct machine *m);
/*
 * A reset of the processor by any of its ways.  True: the program asked to come
 * back from it, and does, with memory and devices as they are.
 */
bool machine_returns(struct machine *m);
void machine_set_gsi(struct machine *m, unsigned int gsi,
		     enum gsi_source source, bool level);
struct irq_line machine_line(struct machine *m, unsigned int number);

/* cmdline.c: Linux's command line, and the user's own part; from malloc(). */
char *machine_cmdline(struct machine *m, unsigned int tsc_khz);
char *machine_words(const struct machine_config *cfg);

/* vcpu.c */
int vcpu_create(struct machine *m, struct vmm_error *e);
int vcpu_wire_lapic(struct vcpu *c, struct vmm_error *e);
int vcpu_start_state(struct vcpu *c, const struct boot_state *s,
		     struct vmm_error *e);
/* start.c: reset state for firmware; the user's own changes to any state. */
int vcpu_reset_state(struct vcpu *c, struct vmm_error *e);
int vcpu_change_state(struct vcpu *c, const char *text, const char *name,
		      struct vmm_error *e);

/* Completes its last exit, then takes INIT#.  On its own thread. */
void vcpu_take_init(struct vcpu *c);

/* vcpu_thread.c */
/* For sandbox_enter(): with fewer, vcpu_start() makes what is missing. */
int vcpu_make_threads(unsigned int n, struct vmm_error *e);
int vcpu_start(struct vcpu *c, struct vmm_error *e);
void vcpu_stop(struct vcpu *c);		/* kicks it and waits for its end */
void vcpu_kick(struct vcpu *c);
int vcpu_init_signals(void);

/* exit.c: deals with the exit that lies in the run page. */
void vcpu_handle_exit(struct vcpu *c);
/* Ends the machine with the vCPU's state; report (from malloc()) may be NULL. */
void vcpu_end(struct vcpu *c, enum end_cause cause, char *report, const char *what);

#endif
