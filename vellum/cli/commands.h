/* SPDX-License-Identifier: MIT */
#ifndef VELLUM_CLI_COMMANDS_H
#define VELLUM_CLI_COMMANDS_H

#include "../../lib/libvmm.h"
#include "../machine.h"

/* One per command of the program: argv[0] is the command, returns a status. */
int cmd_run(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_explain(int argc, char **argv);

/* One line on standard error; returns the status for that kind of error. */
int report(const struct vmm_error *e);

/* session.c: runs the configured machine, through its resets, to its end. */
int session_run(const struct machine_config *cfg);

void print_tally(FILE *out, const struct vmm_tally *t);

#endif
