/* SPDX-License-Identifier: MIT */
/* `vellum explain`: what a saved dump says is wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli/commands.h"
#include "../cli/parse.h"
#include "../status.h"
#include "insn.h"
#include "render.h"
#include "../why.h"

enum { OPT_HELP = 1, OPT_STATE, OPT_JSON, OPT_NTH, OPT_VERBOSE, OPT_VCPU, OPT_ACCEL };

#define STATUS_NOTHING_FOUND 1

static const struct option_spec specs[] = {
	{ "state", "FILE", OPT_STATE, "a saved dump, - for standard input" },
	{ "json", NULL, OPT_JSON, "the answer as JSON" },
	{ "nth", "N", OPT_NTH, "the Nth dump in the file (default: the first with a failure)" },
	{ "vcpu", "N", OPT_VCPU, "of a VM: which vCPU (default 0)" },
	{ "accel", "PATH", OPT_ACCEL, "of a VM: control node (default " VMM_DEFAULT_ACCEL ")" },
	{ "verbose", NULL, OPT_VERBOSE, "list the checks that could not be made" },
	{ "help", NULL, OPT_HELP, "this text" },
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

struct explain_options {
	const char *path, *name, *accel;
	unsigned vcpu;
	bool json, verbose;
	unsigned nth;
};

static void help(void)
{
	printf("usage: vellum explain --state FILE [OPTIONS]\n"
	       "       vellum explain NAME [OPTIONS]\n\n");
	print_options(specs, N_SPECS);
	printf("\nReads KVM's VMCS or VMCB dump from a kernel log, a listing of bhyvectl\n"
	       "--get-all, QEMU's register dump, or JSON (docs/explain.md); says why a VM entry\n"
	       "failed or a guest triple-faulted. With NAME: what a named VM stands at.\n\n"
	       "status: 0 explained, 1 nothing wrong found, 2 usage, 4 unreadable file.\n");
}

/* All of a file, up to the limit; NULL with errno. */
static char *read_all(FILE *in, size_t *size)
{
	size_t room = 0, n;
	char *text = NULL, *more;

	*size = 0;
	do {
		room = room ? 2 * room : 65536;
		more = realloc(text, room);
		if (!more) {
			free(text);
			return NULL;
		}
		text = more;
		n = fread(text + *size, 1, room - *size, in);
		*size += n;
	} while (*size == room && *size <= DUMP_SIZE_MAX);
	if (ferror(in)) {
		free(text);
		return NULL;
	}
	return text;
}

static char *read_file(const char *path, size_t *size)
{
	bool std = !strcmp(path, "-");
	FILE *in = std ? stdin : fopen(path, "re");
	char *text = NULL;

	if (in)
		text = read_all(in, size);
	if (!text)
		fprintf(stderr, "vellum: %s: %s\n", path, strerror(errno));
	if (in && !std)
		fclose(in);
	return text;
}

static int explain_dump(const struct explain_options *o, struct dump *d, struct explain_report *r)
{
	size_t size;
	char *text = read_file(o->path, &size);
	bool ok;

	if (!text)
		return STATUS_INPUT;
	ok = dump_parse(d, text, size, o->nth);
	free(text);
	if (!ok) {
		fprintf(stderr, "vellum: %s: %s\n", o->path, d->refusal);
		return STATUS_INPUT;
	}
	insn_examine(&d->s);
	explain(&d->s, r);
	if (o->json)
		report_json(stdout, &d->s, r, d);
	else
		report_text(stdout, &d->s, r, d, o->verbose);
	return report_found(r) ? STATUS_OK : STATUS_NOTHING_FOUND;
}

static int run(const struct explain_options *o)
{
	struct explain_report *r = calloc(1, sizeof(*r));
	struct dump *d = calloc(1, sizeof(*d));
	int status;

	if (!r || !d) {
		fprintf(stderr, "vellum: out of memory\n");
		status = STATUS_INTERNAL;
	} else {
		status = explain_dump(o, d, r);
		dump_free(d);
	}
	free(d);
	free(r);
	return status;
}

static int set_vcpu(struct explain_options *o, const char *value)
{
	uint64_t n;

	if (!parse_number(value, &n) || n >= 1024) {
		fprintf(stderr, "vellum: --vcpu %s: not a vCPU's number\n", value);
		return -1;
	}
	o->vcpu = (unsigned)n;
	return 0;
}

static int set_nth(struct explain_options *o, const char *value)
{
	uint64_t n;

	if (!parse_number(value, &n) || !n || n > 100000) {
		fprintf(stderr, "vellum: --nth %s: not a number from 1\n", value);
		return -1;
	}
	o->nth = (unsigned)n;
	return 0;
}

int cmd_explain(int argc, char **argv)
{
	struct explain_options o = { .accel = VMM_DEFAULT_ACCEL };
	const char *value;
	int id, at = 1;

	if (argc > 1 && argv[1][0] != '-')
		o.name = argv[at++];

	while ((id = next_option(specs, N_SPECS, argc, argv, &at, &value))) {
		switch (id) {
		case OPT_STATE:
			o.path = value;
			break;
		case OPT_JSON:
			o.json = true;
			break;
		case OPT_VERBOSE:
			o.verbose = true;
			break;
		case OPT_ACCEL:
			o.accel = value;
			break;
		case OPT_VCPU:
			if (set_vcpu(&o, value))
				return STATUS_USAGE;
			break;
		case OPT_NTH:
			if (set_nth(&o, value))
				return STATUS_USAGE;
			break;
		case OPT_HELP:
			help();
			return STATUS_OK;
		default:
			return STATUS_USAGE;
		}
	}
	if (o.name && !o.path && !access(o.name, F_OK)) {
		fprintf(stderr, "vellum: explain %s: a file is read with --state %s\n", o.name,
			o.name);
		return STATUS_USAGE;
	}
	if (o.name && !o.path)
		return why_named(o.accel, o.name, o.vcpu, o.json, o.verbose);
	if (!o.path || o.name) {
		fprintf(stderr, "vellum: explain needs either --state FILE or a VM's NAME: see vellum explain --help\n");
		return STATUS_USAGE;
	}
	return run(&o);
}
