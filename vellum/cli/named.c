/* SPDX-License-Identifier: MIT */
/* Named VMs as such: made, listed, stopped for a while, prodded, destroyed. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../status.h"
#include "commands.h"
#include "look.h"

static const struct option_spec specs[] = { LOOK_SPECS };

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))
#define PLAIN(text) { .usage = text, .specs = specs, .n_specs = N_SPECS }

typedef int (*name_fn)(struct vmm_accel *a, const char *name, struct vmm_error *e);

static int by_name(const char *text, name_fn fn, int argc, char **argv)
{
	const struct look_command c = PLAIN(text);
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv);

	if (status >= 0)
		return status;
	status = look_open_accel(&l);
	if (!status)
		status = fn(&l.a, l.name, &l.e) ? report(&l.e) : look_done(&l, argv[0]);
	look_close(&l);
	return status;
}

int cmd_create(int argc, char **argv)
{
	return by_name("create NAME", vmm_named_create, argc, argv);
}

int cmd_destroy(int argc, char **argv)
{
	return by_name("destroy NAME", vmm_named_destroy, argc, argv);
}

/* ---- list ---- */

static const char *state_name(uint32_t state)
{
	if (state & VMM_STATE_PAUSED)
		return "paused";
	if (state & VMM_STATE_RUNNING)
		return "running";
	return state & VMM_STATE_STARTED ? "stopped" : "new";
}

static json_t *list_json(const struct vmm_list_entry *v, unsigned int n)
{
	json_t *all = json_array();
	unsigned int i;

	for (i = 0; i < n; i++)
		json_array_append_new(all, json_pack(
			"{s:s, s:s, s:i, s:i, s:I, s:I, s:I}", "name", v[i].name,
			"state", state_name(v[i].state), "uid", (int)v[i].uid,
			"vcpus", (int)v[i].vcpus, "memory", (json_int_t)v[i].memory,
			"resident", (json_int_t)v[i].resident,
			"exits", (json_int_t)v[i].exits));
	return all;
}

static void list_text(const struct vmm_list_entry *v, unsigned int n)
{
	unsigned int i;

	if (!n)
		return;
	printf("%-31s %-8s %6s %5s %10s %10s %12s\n", "NAME", "STATE", "UID",
	       "VCPUS", "MEMORY/MiB", "USED/MiB", "EXITS");
	for (i = 0; i < n; i++)
		printf("%-31s %-8s %6u %5u %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n",
		       v[i].name, state_name(v[i].state), v[i].uid, v[i].vcpus,
		       (uint64_t)v[i].memory >> 20, (uint64_t)v[i].resident >> 20,
		       (uint64_t)v[i].exits);
}

int cmd_list(int argc, char **argv)
{
	const struct look_command c = {
		.usage = "list", .specs = specs, .n_specs = N_SPECS,
		.no_name = true,
	};
	struct look l = LOOK_INIT;
	struct vmm_list_entry *v = NULL;
	unsigned int n = 0;
	int status = look_parse(&l, &c, argc, argv);

	if (status >= 0)
		return status;
	status = look_open_accel(&l);
	if (!status && vmm_named_list(&l.a, &v, &n, &l.e))
		status = report(&l.e);
	if (!status && l.json)
		status = look_print(list_json(v, n));
	else if (!status)
		list_text(v, n);
	free(v);
	look_close(&l);
	return status;
}

/* ---- pause, resume, reset ---- */

static int command(const char *text, unsigned long request, unsigned long arg,
		   int argc, char **argv)
{
	const struct look_command c = PLAIN(text);
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv), ret;

	if (status >= 0)
		return status;
	status = look_open_vm(&l);
	if (!status) {
		ret = vmm_named_command(&l.vm, request, arg);
		if (ret)
			status = look_failed(&l, argv[0], ret);
		else
			status = look_done(&l, argv[0]);
	}
	look_close(&l);
	return status;
}

int cmd_pause(int argc, char **argv)
{
	return command("pause NAME", VMM_PAUSE, VMM_PAUSE_KEEP, argc, argv);
}

int cmd_resume(int argc, char **argv)
{
	return command("resume NAME", VMM_RESUME, VMM_PAUSE_KEEP, argc, argv);
}

int cmd_reset(int argc, char **argv)
{
	return command("reset NAME", VMM_RESET, 0, argc, argv);
}

int cmd_nmi(int argc, char **argv)
{
	const struct look_command c = PLAIN("nmi NAME");
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv), ret;

	if (status >= 0)
		return status;
	status = look_open_vcpu(&l);
	if (!status) {
		ret = vmm_vcpu_do(&l.v, KVM_NMI, NULL);
		if (ret)
			status = look_failed(&l, "nmi", ret);
		else
			status = look_done(&l, "nmi");
	}
	look_close(&l);
	return status;
}

/* ---- inject ---- */

enum { OPT_VECTOR = 1, OPT_GSI, OPT_EXCEPTION, OPT_ERROR };

static const struct option_spec inject_specs[] = {
	{ "vector", "N", OPT_VECTOR, "an interrupt for its LAPIC, 16 to 255" },
	{ "gsi", "N", OPT_GSI, "a pulse on an interrupt line" },
	{ "exception", "N", OPT_EXCEPTION, "an exception, 0 to 31" },
	{ "error", "CODE", OPT_ERROR, "the exception's error code" },
	LOOK_SPECS
};

struct injection {
	int kind;			/* OPT_* */
	uint64_t n, error;
	bool has_error;
};

static int take_injection(void *opaque, int id, const char *value)
{
	struct injection *j = opaque;
	uint64_t max = id == OPT_VECTOR ? 255 : id == OPT_GSI ? 4095 :
		       id == OPT_EXCEPTION ? 31 : UINT32_MAX, n;

	if (!parse_number(value, &n) || n > max ||
	    (id == OPT_VECTOR && n < 16)) {
		fprintf(stderr, "vellum: inject: \"%s\" is out of range\n", value);
		return -1;
	}
	if (id == OPT_ERROR) {
		j->error = n;
		j->has_error = true;
	} else {
		j->kind = id;
		j->n = n;
	}
	return 0;
}

#define MSI_ADDRESS	0xfee00000ull

static int inject(struct look *l, const struct injection *j)
{
	struct kvm_vcpu_events ev;
	int ret;

	switch (j->kind) {
	case OPT_VECTOR:
		return vmm_vm_signal_msi(&l->vm, MSI_ADDRESS | l->vcpu << 12,
					 (uint32_t)j->n);
	case OPT_GSI:
		ret = vmm_vm_irq_line(&l->vm, (uint32_t)j->n, true);
		return ret ? ret : vmm_vm_irq_line(&l->vm, (uint32_t)j->n, false);
	default:
		ret = vmm_vcpu_do(&l->v, KVM_GET_VCPU_EVENTS, &ev);
		if (ret)
			return ret;
		if (ev.exception.injected || ev.interrupt.injected ||
		    ev.nmi.injected)
			return -EBUSY;	/* one is on its way already */
		ev.flags = 0;
		ev.exception.injected = 1;
		ev.exception.nr = (uint8_t)j->n;
		ev.exception.has_error_code = j->has_error;
		ev.exception.error_code = (uint32_t)j->error;
		return vmm_vcpu_do(&l->v, KVM_SET_VCPU_EVENTS, &ev);
	}
}

int cmd_inject(int argc, char **argv)
{
	struct injection j = { 0 };
	const struct look_command c = {
		.usage = "inject NAME --vector N|--gsi N|--exception N",
		.specs = inject_specs,
		.n_specs = sizeof(inject_specs) / sizeof(inject_specs[0]),
		.option = take_injection, .opaque = &j,
	};
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv), ret;

	if (status >= 0)
		return status;
	if (!j.kind) {
		fprintf(stderr, "vellum: inject: needs --vector, --gsi or --exception\n");
		return STATUS_USAGE;
	}
	status = look_open_vcpu(&l);
	if (!status) {
		ret = inject(&l, &j);
		if (ret)
			status = look_failed(&l, "inject", ret);
		else
			status = look_done(&l, "inject");
	}
	look_close(&l);
	return status;
}
