/* SPDX-License-Identifier: MIT */
/* What the commands that look into a named VM have in common. */
#ifndef VELLUM_CLI_LOOK_H
#define VELLUM_CLI_LOOK_H

#include <jansson.h>

#include "../../lib/libvmm.h"
#include "parse.h"

enum { LOOK_HELP = 1000, LOOK_VCPU, LOOK_JSON, LOOK_ACCEL };

#define LOOK_SPECS							\
	{ "vcpu", "N", LOOK_VCPU, "which vCPU (default 0)" },		\
	{ "json", NULL, LOOK_JSON, "print JSON" },			\
	{ "accel", "PATH", LOOK_ACCEL, "control node (default " VMM_DEFAULT_ACCEL ")" }, \
	{ "help", NULL, LOOK_HELP, "this text" }

struct look {
	const char *name;		/* of the VM; NULL = none was given */
	const char *accel;
	uint64_t vcpu;
	bool json;

	struct vmm_accel a;
	struct vmm_vm vm;
	struct vmm_vcpu v;
	struct vmm_error e;
};

#define LOOK_INIT { .accel = VMM_DEFAULT_ACCEL, .a.fd = -1, .vm.fd = -1, .v.fd = -1 }

struct look_command {
	const char *usage;		/* after "usage: vellum " */
	const struct option_spec *specs;
	unsigned int n_specs;
	/* An option of the command's own; 0, or -1 after a message.  May be NULL. */
	int (*option)(void *opaque, int id, const char *value);
	/* A word that is no option, after the VM's name.  May be NULL. */
	int (*word)(void *opaque, const char *word);
	void *opaque;
	bool no_name;			/* it concerns no single VM */
};

/* The command line.  -1: go on; else the status to return. */
int look_parse(struct look *l, const struct look_command *c, int argc,
	       char **argv);

/* Accelerator; with a name the VM; with vCPU the vCPU.  0 or a status, reported. */
int look_open_accel(struct look *l);
int look_open_vm(struct look *l);
int look_open_vcpu(struct look *l);
void look_close(struct look *l);

/* "vellum: NAME: WHAT: why"; returns the status. */
int look_failed(struct look *l, const char *what, int err);

/* With --json says that it has been done, as one object; else nothing.  A status. */
int look_done(const struct look *l, const char *what);

/* Prints it and lets go of it.  Returns a status. */
int look_print(json_t *root);
/* "0x..." as JSON: numbers there have 53 bits. */
json_t *look_hex(uint64_t v);

#endif
