/* SPDX-License-Identifier: MIT */
#ifndef VELLUM_CLI_COMMANDS_H
#define VELLUM_CLI_COMMANDS_H

#include "../../lib/libvmm.h"
#include "../machine.h"

/* One per command of the program: argv[0] is the command, returns a status. */
int cmd_run(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_load(int argc, char **argv);

/* named.c */
int cmd_create(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_nmi(int argc, char **argv);
int cmd_inject(int argc, char **argv);

/* regs.c, vmcs.c, stats.c, trace.c, set.c, top.c */
int cmd_regs(int argc, char **argv);
int cmd_vmcs(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_explain(int argc, char **argv);

/* One line on standard error; returns the status for that kind of error. */
int report(const struct vmm_error *e);

/* session.c: runs the configured machine, through its resets, to its end. */
int session_run(const struct machine_config *cfg);
/* Loads what is configured into the named VM and leaves it there. */
int session_load(const struct machine_config *cfg);

void print_tally(FILE *out, const struct vmm_tally *t);

#endif
