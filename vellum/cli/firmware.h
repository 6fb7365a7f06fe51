/* SPDX-License-Identifier: MIT */
/* `vellum run`: options about firmware and what takes its place. */
#ifndef VELLUM_CLI_FIRMWARE_H
#define VELLUM_CLI_FIRMWARE_H

#include "../machine.h"

struct firmware_options {
	const char *bios, *firmware, *vars, *state, *com1, *com2, *screen;
	bool loads;		/* --load was given */
	bool vga;		/* --vga was */
};

/* "vmcall,cpuid": 0, or -1 after a message. */
int parse_traps(const char *list, uint32_t *traps);

/* Opens and reads what the options name.  An exit status. */
int open_firmware(const struct firmware_options *o,
		  struct machine_config *cfg);
/* What is written to, last of all files: it is emptied. */
int open_outputs(const struct firmware_options *o, struct machine_config *cfg,
		 struct vmm_error *e);
void close_firmware(struct machine_config *cfg);

#endif
