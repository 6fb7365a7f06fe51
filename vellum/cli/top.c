/* SPDX-License-Identifier: MIT */
/*
 * `vellum top`: the named VMs, what each does now. Escape sequences that every terminal
 * since the VT100 knows: a static program has no terminal database to ask.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../status.h"
#include "commands.h"
#include "look.h"

enum { OPT_DELAY = 1, OPT_ROUNDS };

static const struct option_spec specs[] = {
	{ "delay", "SECONDS", OPT_DELAY, "between two looks (default 1)" },
	{ "rounds", "N", OPT_ROUNDS, "end after N of them (default: on q or Ctrl-C)" },
	{ "json", NULL, LOOK_JSON, "one JSON line per look" },
	{ "accel", "PATH", LOOK_ACCEL, "control node (default " VMM_DEFAULT_ACCEL ")" },
	{ "help", NULL, LOOK_HELP, "this text" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROWS_MAX	256u

struct row {
	char name[VMM_NAME_SIZE];
	uint64_t exits, guest, kernel, user, halted;
	char reason[40];		/* the commonest since the last look */
	struct vmm_tally t;
};

struct top {
	uint64_t delay, rounds;
	struct row old[ROWS_MAX], now[ROWS_MAX];
	unsigned int n_old, n;
};

static struct top the_top;
static volatile sig_atomic_t stop;
static bool screen;			/* output is a terminal: redraw it */
static struct termios before;
static bool raw;

static int take_option(void *opaque, int id, const char *value)
{
	struct top *t = opaque;
	uint64_t *v = id == OPT_DELAY ? &t->delay : &t->rounds;

	if (parse_number(value, v) && *v && *v <= 86400)
		return 0;
	fprintf(stderr, "vellum: top: \"%s\" is not a number from 1\n", value);
	return -1;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void terminal(bool on)
{
	struct termios t;

	if (on && isatty(0) && !tcgetattr(0, &before)) {
		t = before;
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw = !tcsetattr(0, TCSANOW, &t);
	} else if (!on && raw) {
		tcsetattr(0, TCSANOW, &before);
		raw = false;
	}
}

static uint64_t count(const struct vmm_tally *t, uint32_t kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (t->v[i].kind == kind && !strcmp(t->v[i].name, name))
			return t->v[i].value;
	return 0;
}

static const struct row *earlier(const struct top *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < t->n_old; i++)
		if (!strcmp(t->old[i].name, name))
			return &t->old[i];
	return NULL;
}

static void find_reason(struct row *r, const struct row *old)
{
	uint64_t most = 0;
	unsigned int i;

	for (i = 0; i < r->t.n; i++) {
		const struct vmm_counter *c = &r->t.v[i];
		uint64_t n = c->value;

		if (c->kind != VMM_COUNTER_EXIT)
			continue;
		if (old)
			n -= count(&old->t, VMM_COUNTER_EXIT, c->name);
		if (n > most) {
			most = n;
			memcpy(r->reason, c->name, sizeof(r->reason));
		}
	}
}

/* All vCPUs of a VM into one row. It may go away meanwhile: then the row stays empty. */
static void read_row(struct look *l, struct row *r, const struct vmm_list_entry *e)
{
	struct vmm_vcpu v;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	memcpy(r->name, e->name, sizeof(r->name));
	r->exits = e->exits;
	if (vmm_named_open(&l->vm, &l->a, e->name, &l->e))
		return;
	for (i = 0; i < e->vcpus; i++)
		if (!vmm_vcpu_open(&v, &l->vm, i, &l->e)) {
			vmm_tally_vcpu(&r->t, &v);
			vmm_vcpu_destroy(&v);
		}
	vmm_vm_destroy(&l->vm);
	r->guest = count(&r->t, VMM_COUNTER_VCPU, "ticks in the guest");
	r->kernel = count(&r->t, VMM_COUNTER_VCPU, "ticks in the kernel");
	r->user = count(&r->t, VMM_COUNTER_VCPU, "ticks in user space");
	r->halted = count(&r->t, VMM_COUNTER_VCPU, "ticks halted");
}

static double percent(uint64_t now, uint64_t old, double all)
{
	double p = all > 0 && now > old ? 100 * (double)(now - old) / all : 0;

	return p < 100 ? p : 100;	/* the counts are not read all at once */
}

static void print_row(const struct top *t, const struct look *l, const struct row *r,
		      const struct vmm_list_entry *e, json_t *out)
{
	static const struct row none;
	const struct row *o = earlier(t, r->name);
	double all;

	o = o ? o : &none;
	all = (double)(r->guest + r->kernel + r->user + r->halted) -
	      (double)(o->guest + o->kernel + o->user + o->halted);
	if (l->json) {
		json_array_append_new(out, json_pack(
			"{s:s, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:s}", "name", r->name,
			"vcpus", (int)e->vcpus, "resident", (json_int_t)e->resident,
			"exits_per_s", (json_int_t)((r->exits - o->exits) / t->delay),
			"guest", percent(r->guest, o->guest, all),
			"kernel", percent(r->kernel, o->kernel, all),
			"user", percent(r->user, o->user, all),
			"halted", percent(r->halted, o->halted, all),
			"reason", r->reason));
		return;
	}
	printf("%-24.24s %5u %8" PRIu64 " %10" PRIu64 " %6.1f %6.1f %6.1f %6.1f  %.24s%s\n",
	       r->name, e->vcpus, (uint64_t)e->resident >> 20,
	       (r->exits - o->exits) / t->delay, percent(r->guest, o->guest, all),
	       percent(r->kernel, o->kernel, all), percent(r->user, o->user, all),
	       percent(r->halted, o->halted, all), r->reason, screen ? "\033[K" : "");
}

static int look_once(struct look *l, struct top *t, bool show)
{
	struct vmm_list_entry *e;
	json_t *out = json_array();
	unsigned int i, n;

	if (vmm_named_list(&l->a, &e, &n, &l->e))
		return report(&l->e);
	t->n = n < ROWS_MAX ? n : ROWS_MAX;
	if (show && !l->json)
		printf("%s%-24s %5s %8s %10s %6s %6s %6s %6s  %-24s%s\n",
		       screen ? "\033[H\033[7m" : "", "NAME", "VCPUS", "USED/MiB", "EXITS/s", "GUEST%", "KERN%",
		       "USER%", "HALT%", "COMMONEST EXIT",
		       screen ? "\033[0m\033[K" : "");
	for (i = 0; i < t->n; i++) {
		read_row(l, &t->now[i], &e[i]);
		find_reason(&t->now[i], earlier(t, t->now[i].name));
		if (show)
			print_row(t, l, &t->now[i], &e[i], out);
	}
	if (show && l->json) {
		json_dumpf(out, stdout, JSON_COMPACT);
		printf("\n");
	} else if (show && screen) {
		printf("\033[J");
	}
	fflush(stdout);
	json_decref(out);
	free(e);
	for (i = 0; i < t->n_old; i++)
		vmm_tally_free(&t->old[i].t);
	memcpy(t->old, t->now, t->n * sizeof(t->now[0]));
	t->n_old = t->n;
	return ferror(stdout) ? STATUS_INTERNAL : STATUS_OK;
}

/* Until the next look; true: enough. */
static bool wait_key(const struct top *t)
{
	struct pollfd p = { .fd = raw ? 0 : -1, .events = POLLIN };
	char c;

	if (poll(&p, 1, (int)t->delay * 1000) <= 0)
		return stop;
	return read(0, &c, 1) != 1 || c == 'q' || stop;
}

static int run(struct look *l, struct top *t)
{
	int status = look_once(l, t, false);
	uint64_t round = 0;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	terminal(true);
	screen = !l->json && isatty(1);
	if (screen)
		printf("\033[2J");
	while (!status && !wait_key(t)) {
		status = look_once(l, t, true);
		if (t->rounds && ++round == t->rounds)
			break;
	}
	terminal(false);
	return status;
}

int cmd_top(int argc, char **argv)
{
	struct top *t = &the_top;
	const struct look_command c = {
		.usage = "top", .specs = specs, .n_specs = COUNT(specs),
		.option = take_option, .opaque = t, .no_name = true,
	};
	struct look l = LOOK_INIT;
	int status;

	t->delay = 1;
	status = look_parse(&l, &c, argc, argv);
	if (status >= 0)
		return status;
	status = look_open_accel(&l);
	if (!status)
		status = run(&l, t);
	look_close(&l);
	return status;
}
