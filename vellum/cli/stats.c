/* SPDX-License-Identifier: MIT */
/* `vellum stats`: what a vCPU has done so far, and how long its exits took. */
#include <inttypes.h>
#include <string.h>

#include "../status.h"
#include "commands.h"
#include "look.h"

static const struct option_spec specs[] = { LOOK_SPECS };

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))
#define BAR	30

static const struct vmm_counter *find(const struct vmm_tally *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

static void print_times(const struct vmm_tally *t)
{
	static const char *const names[] = {
		"ticks in the guest", "ticks in the kernel", "ticks in user space",
		"ticks halted",
	};
	const struct vmm_counter *c;
	double sum = 0;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		c = find(t, names[i]);
		sum += c ? (double)c->value : 0;
	}
	if (sum <= 0)
		return;
	printf("time:");
	for (i = 0; i < 4; i++) {
		c = find(t, names[i]);
		printf("%s %.1f %% %s", i ? "," : "",
		       c ? 100 * (double)c->value / sum : 0, names[i] + 6);
	}
	printf("\n");
}

static void print_histogram(const struct vmm_latency *l)
{
	uint64_t max = 0, sum = 0;
	unsigned int b;

	for (b = 0; b < VMM_LATENCY_BUCKETS; b++) {
		sum += l->count[b];
		if (l->count[b] > max)
			max = l->count[b];
	}
	printf("%s: %" PRIu64 " exits, ticks until the guest ran again:\n", l->name, sum);
	for (b = 0; b < VMM_LATENCY_BUCKETS; b++) {
		int n = max ? (int)((l->count[b] * BAR + max - 1) / max) : 0;

		if (l->count[b])
			printf("  %10llu.. %12llu %.*s\n", 1ull << b,
			       (unsigned long long)l->count[b], n,
			       "##############################");
	}
}

static json_t *to_json(const struct look *l, const struct vmm_tally *t,
		       const struct vmm_latency *h, unsigned int n)
{
	json_t *exits = json_object(), *other = json_object(), *lat = json_object();
	unsigned int i, b;

	for (i = 0; i < t->n; i++)
		json_object_set_new(t->v[i].kind == VMM_COUNTER_EXIT ? exits : other,
				    t->v[i].name, json_integer((json_int_t)t->v[i].value));
	for (i = 0; i < n; i++) {
		json_t *a = json_array();

		for (b = 0; b < VMM_LATENCY_BUCKETS; b++)
			json_array_append_new(a, json_integer((json_int_t)h[i].count[b]));
		json_object_set_new(lat, h[i].name, a);
	}
	return json_pack("{s:s, s:i, s:o, s:o, s:o}", "vm", l->name, "vcpu",
			 (int)l->vcpu, "exits", exits, "counters", other,
			 "latency_log2_ticks", lat);
}

static int show(struct look *l)
{
	struct vmm_tally t = { 0 };
	struct vmm_latency *h = NULL;
	unsigned int n = 0, i;
	int ret, status = STATUS_OK;

	ret = vmm_vcpu_latency(&l->v, &h, &n);
	if (ret)
		return look_failed(l, "VMM_GET_LATENCY", ret);
	vmm_tally_vcpu(&t, &l->v);
	if (l->json) {
		status = look_print(to_json(l, &t, h, n));
	} else {
		print_tally(stdout, &t);
		print_times(&t);
		for (i = 0; i < n; i++)
			print_histogram(&h[i]);
	}
	vmm_tally_free(&t);
	free(h);
	return status;
}

int cmd_stats(int argc, char **argv)
{
	const struct look_command c = {
		.usage = "stats NAME", .specs = specs, .n_specs = N_SPECS,
	};
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv);

	if (status >= 0)
		return status;
	status = look_open_vcpu(&l);
	if (!status)
		status = show(&l);
	look_close(&l);
	return status;
}
