/* SPDX-License-Identifier: MIT */
/* `vellum trace`: the flight recorder, as text, as JSON, or for a trace viewer. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../status.h"
#include "commands.h"
#include "look.h"

enum { OPT_FOLLOW = 1, OPT_PERFETTO, OPT_LAST, OPT_SECONDS };

static const struct option_spec specs[] = {
	{ "follow", NULL, OPT_FOLLOW, "go on with what comes until Ctrl-C" },
	{ "seconds", "N", OPT_SECONDS, "follow for that long" },
	{ "last", "N", OPT_LAST, "only the last N records (default all there are)" },
	{ "perfetto", "FILE", OPT_PERFETTO, "write FILE for ui.perfetto.dev or chrome://tracing" },
	LOOK_SPECS
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BATCH	256u
#define POLL_NS	2000000l
#define REASONS	256u

struct trace {
	bool follow;
	uint64_t last, seconds;
	const char *perfetto;

	struct look *l;
	const char *name[REASONS];
	struct vmm_reason *reasons;
	FILE *out;			/* the perfetto file */
	bool comma, broken;
	uint64_t khz, first;		/* the TSC's rate; where time begins */
	struct vmm_trace_record before;	/* the record before, tsc 0: none */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int take_option(void *opaque, int id, const char *value)
{
	struct trace *t = opaque;
	uint64_t *number = id == OPT_LAST ? &t->last : &t->seconds;

	switch (id) {
	case OPT_PERFETTO: t->perfetto = value; return 0;
	case OPT_FOLLOW: t->follow = true; return 0;
	default:
		if (id == OPT_SECONDS)
			t->follow = true;
		if (parse_number(value, number) && *number)
			return 0;
		fprintf(stderr, "vellum: trace: \"%s\" is not a number from 1\n", value);
		return -1;
	}
}

static const char *reason_name(const struct trace *t, unsigned int reason)
{
	return reason < REASONS && t->name[reason] ? t->name[reason] : "unknown exit";
}

static double us(const struct trace *t, uint64_t ticks)
{
	return t->khz ? (double)ticks * 1000 / (double)t->khz : (double)ticks;
}

/* ---- a trace viewer's events ---- */

static void event(struct trace *t, const char *name, uint64_t from, uint64_t to,
		  const struct vmm_trace_record *r)
{
	json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:i, s:i}", "name", name,
			      "ph", "X", "ts", us(t, from - t->first), "dur",
			      us(t, to - from), "pid", 1, "tid", (int)t->l->vcpu);

	if (r)
		json_object_set_new(o, "args", json_pack("{s:o, s:o, s:i}", "rip",
			look_hex(r->rip), "qualification",
			look_hex(r->qualification), "cpu", (int)r->cpu));
	fputs(t->comma ? ",\n" : "\n", t->out);
	t->comma = true;
	json_dumpf(o, t->out, JSON_COMPACT);
	json_decref(o);
}

/* The time in the guest before an exit; what the exit before took. */
static void draw(struct trace *t, const struct vmm_trace_record *r)
{
	uint64_t entry = r->tsc - r->guest_ticks;

	if (!t->first)
		t->first = entry;
	if (t->before.tsc && entry >= t->before.tsc)
		event(t, reason_name(t, t->before.reason), t->before.tsc, entry,
		      &t->before);
	event(t, "guest", entry, r->tsc, NULL);
	t->before = *r;
}

static int open_perfetto(struct trace *t)
{
	t->out = fopen(t->perfetto, "we");
	if (!t->out) {
		fprintf(stderr, "vellum: --perfetto %s: %s\n", t->perfetto,
			strerror(errno));
		return STATUS_INPUT;
	}
	fprintf(t->out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	return STATUS_OK;
}

static int close_perfetto(struct trace *t)
{
	bool bad;

	fprintf(t->out, "\n]}\n");
	bad = ferror(t->out);
	bad |= fclose(t->out) != 0;
	if (!bad)
		return STATUS_OK;
	fprintf(stderr, "vellum: --perfetto %s: can't be written\n", t->perfetto);
	return STATUS_INPUT;
}

/* ---- lines ---- */

static void print_record(struct trace *t, const struct vmm_trace_record *r)
{
	uint64_t entry = r->tsc - r->guest_ticks;

	if (t->l->json) {
		json_t *o = json_pack("{s:I, s:s, s:o, s:o, s:I, s:i}", "tsc",
			(json_int_t)r->tsc, "reason", reason_name(t, r->reason),
			"rip", look_hex(r->rip), "qualification",
			look_hex(r->qualification), "guest_ticks",
			(json_int_t)r->guest_ticks, "cpu", (int)r->cpu);

		json_dumpf(o, stdout, JSON_COMPACT);
		json_decref(o);
		printf("\n");
		return;
	}
	if (!t->before.tsc)
		printf("%16s %4s %10s %10s  %-28s %-16s %s\n", "TSC", "CPU", "HANDLED",
		       "IN GUEST", "EXIT", "RIP", "QUALIFICATION");
	printf("%16" PRIu64 " %4u ", (uint64_t)r->tsc, r->cpu);
	if (t->before.tsc && entry >= t->before.tsc)
		printf("%10" PRIu64 " ", entry - (uint64_t)t->before.tsc);
	else
		printf("%10s ", "-");
	printf("%10u  %-28s %016" PRIx64 " %" PRIx64 "\n", r->guest_ticks,
	       reason_name(t, r->reason), (uint64_t)r->rip, (uint64_t)r->qualification);
	t->before = *r;
}

static void lost(struct trace *t, uint64_t n)
{
	t->before.tsc = 0;
	if (n && !t->out && !t->l->json)
		printf("... %" PRIu64 " records were overwritten before they could be read\n", n);
}

/* One batch.  How many records, or -errno. */
static int read_batch(struct trace *t, struct vmm_trace *at, bool first)
{
	struct vmm_trace_record r[BATCH];
	unsigned int i, n = BATCH;
	int ret = vmm_vcpu_trace(&t->l->v, at, r, &n);

	if (ret)
		return ret;
	t->khz = at->tsc_khz;
	if (at->lost && !first)
		lost(t, at->lost);
	for (i = 0; i < n; i++)
		if (t->out)
			draw(t, &r[i]);
		else
			print_record(t, &r[i]);
	return (int)n;
}

/* The number of the next record to come: far ahead comes back as the end. */
static uint64_t now(const struct trace *t)
{
	struct vmm_trace end = { .next = UINT64_MAX };
	unsigned int n = 0;

	return vmm_vcpu_trace(&t->l->v, &end, NULL, &n) ? UINT64_MAX : end.next;
}

static uint64_t start(const struct trace *t, uint64_t end)
{
	return t->last && end != UINT64_MAX && end > t->last ? end - t->last : 0;
}

static int copy(struct trace *t)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	time_t until = time(NULL) + (time_t)t->seconds;
	uint64_t end = now(t);
	struct vmm_trace at = { .next = start(t, end) };
	bool first = true;
	int n;

	do {
		n = read_batch(t, &at, first);
		first = false;
		if (n < 0)
			return n;
		if (n < (int)BATCH && t->follow) {
			fflush(stdout);
			nanosleep(&pause, NULL);
		}
		if (ferror(stdout) || (t->seconds && time(NULL) >= until))
			break;
		/* A busy guest makes them faster than they are printed: up to now is enough. */
	} while (!stop && (t->follow || (n && at.next < end)));
	return 0;
}

static int get_names(struct trace *t)
{
	unsigned int i, n;
	int ret = vmm_vcpu_reasons(&t->l->v, &t->reasons, &n);

	for (i = 0; !ret && i < n; i++)
		if (t->reasons[i].reason < REASONS)
			t->name[t->reasons[i].reason] = t->reasons[i].name;
	return ret;
}

static int show(struct trace *t)
{
	int ret = get_names(t), status = STATUS_OK;

	if (ret)
		return look_failed(t->l, "VMM_GET_REASONS", ret);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (t->perfetto)
		status = open_perfetto(t);
	if (!status) {
		ret = copy(t);
		if (t->out)
			status = close_perfetto(t);
		if (ret && ret != -EINTR)
			status = look_failed(t->l, "VMM_GET_TRACE", ret);
	}
	free(t->reasons);
	return status;
}

int cmd_trace(int argc, char **argv)
{
	struct look l = LOOK_INIT;
	struct trace t = { .l = &l };
	const struct look_command c = {
		.usage = "trace NAME", .specs = specs, .n_specs = COUNT(specs),
		.option = take_option, .opaque = &t,
	};
	int status = look_parse(&l, &c, argc, argv);

	if (status >= 0)
		return status;
	status = look_open_vcpu(&l);
	if (!status)
		status = show(&t);
	look_close(&l);
	return status;
}
