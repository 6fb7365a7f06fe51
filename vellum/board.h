/* SPDX-License-Identifier: MIT */
/*
 * The part of a machine that only some have: a PCI bus with its bridges, and
 * what comes with them.  A guest that is a Linux kernel and has no PCI device
 * does without, since looking at an empty bus costs it time.
 */
#ifndef VELLUM_BOARD_H
#define VELLUM_BOARD_H

#include "dev/fwcfg.h"
#include "dev/hpet.h"
#include "dev/isa.h"
#include "dev/keyboard.h"
#include "dev/pci.h"
#include "dev/q35.h"
#include "dev/uart.h"
#include "dev/vga.h"
#include "firmware/contents.h"
#include "firmware/rom.h"
#include "screen/keys.h"

#define BOARD_ROUTES_MAX	512u

struct machine;

struct board {
	bool present;
	struct pci_bus pci;
	struct q35 q35;
	struct bus_range pm;		/* where the guest put it */
	bool pm_open;
	struct isa isa;
	struct vga vga;			/* on the bus if the configuration says so */
	struct keyboard keyboard;
	struct ev_timer typing;		/* when the next key may come */
	struct keys keys;		/* read, and not typed yet */
	bool unfinished;		/* typing waits for the rest of a sequence */
	struct hpet hpet;
	struct uart com2;
	int com2_fd;			/* its output goes here; -1 = nowhere */
	const char *com2_path;
	bool com2_said;			/* that some of it was lost */
	struct fwcfg fwcfg;		/* also without the rest: board.c */
	struct firmware_contents contents;
	struct rom rom;
	struct vmm_msi_route *route;	/* BOARD_ROUTES_MAX */
	unsigned int n_routes;
};

/* Does this configuration need one? */
struct machine_config;
bool board_wanted(const struct machine_config *cfg);

/* Firmware into memory, before the first instruction; nothing without. */
int board_load_firmware(struct machine *m, struct vmm_error *e);
/* All of it onto the buses: after the other devices' lines are set. */
int board_add(struct machine *m, struct vmm_error *e);
/* There is input to type. */
void board_type(struct machine *m);
/* What firmware looks up in CMOS besides memory: after rtc_reset(). */
void board_fill_cmos(struct machine *m);
/* After the last PCI device: what firmware would do, if there is none. */
int board_finish(struct machine *m, struct vmm_error *e);
void board_remove(struct machine *m);

#endif
