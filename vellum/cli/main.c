/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../status.h"
#include "commands.h"
#include "parse.h"

#ifndef VELLUM_VERSION
#define VELLUM_VERSION "0.1"
#endif

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "run", cmd_run, "boot a guest and stay with it until it ends" },
	{ "create", cmd_create, "make a VM with a name, which stays until destroyed" },
	{ "load", cmd_load, "put a guest into a named VM: vellum run NAME starts it" },
	{ "list", cmd_list, "list the named VMs" },
	{ "destroy", cmd_destroy, "end a named VM and free its memory" },
	{ "pause", cmd_pause, "keep a named VM from running" },
	{ "resume", cmd_resume, "let it run again" },
	{ "reset", cmd_reset, "reset it" },
	{ "nmi", cmd_nmi, "send it an NMI" },
	{ "inject", cmd_inject, "send it an interrupt or exception" },
	{ "regs", cmd_regs, "show a named VM's registers" },
	{ "vmcs", cmd_vmcs, "show its VMCS or VMCB, every field by name" },
	{ "stats", cmd_stats, "show its exits, where its time goes, latencies" },
	{ "trace", cmd_trace, "show its last exits, or follow them" },
	{ "set", cmd_set, "set one of its registers or fields" },
	{ "top", cmd_top, "watch all named VMs" },
	{ "info", cmd_info, "show what the accelerator and the CPU offer" },
	{ "explain", cmd_explain, "say why an entry failed or a guest triple-faulted" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *command_name(const void *list, unsigned int i)
{
	(void)list;
	return i < N_COMMANDS ? commands[i].name : NULL;
}

static void usage(FILE *out)
{
	unsigned int i;

	fprintf(out, "usage: vellum COMMAND [OPTIONS]\n\ncommands:\n");
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n`vellum COMMAND --help` tells a command's options; "
		     "`vellum --version` the version.\n");
}

int report(const struct vmm_error *e)
{
	fprintf(stderr, "vellum: %s\n", e->text);
	switch (e->class) {
	case VMM_ERR_HOST:
		return STATUS_HOST;
	case VMM_ERR_INPUT:
		return STATUS_INPUT;
	default:
		return STATUS_INTERNAL;
	}
}

/*
 * Who calls us may have closed them.  A file that we open would get the number
 * then: a disk, to which the guest's console would be written.  Writing to
 * standard output fails as before.
 */
static int fill_standard_files(void)
{
	int fd, flags;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		flags = fd == STDERR_FILENO ? O_WRONLY : O_RDONLY;
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", flags) != fd)
			return -1;
	}
	return 0;
}

/* An answer that did not get through is no success. */
static int finish_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "vellum: standard output can't be written: %s\n",
		strerror(errno));
	return status ? status : STATUS_SIGNAL + SIGPIPE;
}

static int run_command(int argc, char **argv)
{
	const char *near;
	unsigned int i;

	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vellum %s\n", VELLUM_VERSION);
		return STATUS_OK;
	}
	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);

	near = suggest(argv[1], command_name, NULL);
	fprintf(stderr, "vellum: unknown command \"%s\"", argv[1]);
	if (near)
		fprintf(stderr, ": did you mean \"%s\"?\n", near);
	else
		fprintf(stderr, ": see vellum --help\n");
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	if (fill_standard_files())
		return STATUS_HOST;	/* there may be nobody to tell */
	return finish_output(run_command(argc, argv));
}
