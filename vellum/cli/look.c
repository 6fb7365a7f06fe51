/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../status.h"
#include "commands.h"
#include "look.h"

static int usage(const struct look_command *c)
{
	printf("usage: vellum %s [OPTIONS]\n\n", c->usage);
	print_options(c->specs, c->n_specs);
	return STATUS_OK;
}

/* 0, or -1 after a message. */
static int take(struct look *l, const struct look_command *c, int id,
		const char *value)
{
	switch (id) {
	case LOOK_JSON: l->json = true; return 0;
	case LOOK_ACCEL: l->accel = value; return 0;
	case LOOK_VCPU:
		if (parse_number(value, &l->vcpu) && l->vcpu < CPUS_MAX)
			return 0;
		fprintf(stderr, "vellum: --vcpu %s: not a vCPU's number\n", value);
		return -1;
	default:
		return c->option ? c->option(c->opaque, id, value) : -1;
	}
}

static int take_word(struct look *l, const struct look_command *c,
		     const char *word)
{
	if (!l->name && !c->no_name) {
		l->name = word;
		return 0;
	}
	if (c->word)
		return c->word(c->opaque, word);
	fprintf(stderr, "vellum: unexpected argument \"%s\"\n", word);
	return -1;
}

int look_parse(struct look *l, const struct look_command *c, int argc,
	       char **argv)
{
	const char *value;
	int at = 1, id;

	while (at < argc) {
		if (argv[at][0] != '-') {
			if (take_word(l, c, argv[at++]))
				return STATUS_USAGE;
			continue;
		}
		id = next_option(c->specs, c->n_specs, argc, argv, &at, &value);
		if (id == LOOK_HELP)
			return usage(c);
		if (id < 0 || take(l, c, id, value))
			return STATUS_USAGE;
	}
	if (!l->name && !c->no_name) {
		fprintf(stderr, "vellum: usage: vellum %s\n", c->usage);
		return STATUS_USAGE;
	}
	return -1;
}

int look_open_accel(struct look *l)
{
	return vmm_accel_open(&l->a, l->accel, &l->e) ? report(&l->e) : STATUS_OK;
}

int look_open_vm(struct look *l)
{
	int status = look_open_accel(l);

	if (!status && vmm_named_open(&l->vm, &l->a, l->name, &l->e))
		status = report(&l->e);
	return status;
}

int look_open_vcpu(struct look *l)
{
	int status = look_open_vm(l);

	if (!status && vmm_vcpu_open(&l->v, &l->vm, (unsigned int)l->vcpu, &l->e))
		status = report(&l->e);
	return status;
}

void look_close(struct look *l)
{
	vmm_vcpu_destroy(&l->v);
	vmm_vm_destroy(&l->vm);
	vmm_accel_close(&l->a);
}

int look_failed(struct look *l, const char *what, int err)
{
	if (err < 0)
		err = -err;
	if (err == ENODEV)
		fprintf(stderr, "vellum: %s: the VM has been destroyed\n", l->name);
	else
		fprintf(stderr, "vellum: %s: %s: %s\n", l->name, what, strerror(err));
	return STATUS_HOST;
}

int look_print(json_t *root)
{
	int bad = json_dumpf(root, stdout, JSON_INDENT(2));

	printf("\n");
	json_decref(root);
	return bad || fflush(stdout) ? STATUS_INTERNAL : STATUS_OK;
}

json_t *look_hex(uint64_t v)
{
	char s[24];

	snprintf(s, sizeof(s), "%#" PRIx64, v);
	return json_string(s);
}

int look_done(const struct look *l, const char *what)
{
	if (!l->json)
		return STATUS_OK;
	return look_print(json_pack("{s:s, s:s}", "vm", l->name, "done", what));
}
