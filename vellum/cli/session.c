/* SPDX-License-Identifier: MIT */
/*
 * A session: one `vellum run` from its first machine to its last.  Owns what
 * outlives a reset: accelerator, event loop, console, signals, counters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../sandbox.h"
#include "../screen/screen.h"
#include "../status.h"
#include "commands.h"

struct session {
	const struct machine_config *cfg;
	struct vmm_accel accel;
	struct evloop loop;
	struct console console;
	struct screen screen;		/* opened if there is somebody to see it */
	pthread_mutex_t lock;		/* the device lock */
	struct ev_fd signals;
	struct machine *m;		/* the machine that runs now, or NULL */
	struct machine_end pending;	/* came while there was none */
	struct gdb *gdb;		/* NULL = no debugger */
	struct vmm_tally tally;
	unsigned int resets;
};

/* Too big for a stack, and there is one session per process. */
static struct session the_session;
static struct machine the_machine;

static const int ending_signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
static const int fatal_signals[] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGXCPU, SIGXFSZ,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- signals ---- */

/* The terminal back as it was, then die as if we had not been here. */
static void on_fatal(int sig)
{
	console_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_signal_ready(void *opaque)
{
	struct session *s = opaque;
	struct signalfd_siginfo si;

	if (read(s->signals.fd, &si, sizeof(si)) != sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGTSTP:
		/* Stop as any program would, the terminal in order. */
		console_restore();
		raise(SIGSTOP);
		console_raw(&s->console);
		screen_anew(&s->screen);
		break;
	case SIGCONT:
		console_raw(&s->console);
		screen_anew(&s->screen);
		break;
	case SIGWINCH:
		screen_anew(&s->screen);
		break;
	default:
		s->console.ending = true;
		machine_end(s->m, END_SIGNAL, si.ssi_signo, "%s",
			    strsignal((int)si.ssi_signo));
		break;
	}
}

static int take_signals(struct session *s, struct vmm_error *e)
{
	struct sigaction sa = { .sa_handler = on_fatal };
	sigset_t set;
	unsigned int i;

	for (i = 0; i < COUNT(fatal_signals); i++)
		sigaction(fatal_signals[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);

	sigemptyset(&set);
	for (i = 0; i < COUNT(ending_signals); i++) {
		struct sigaction old;

		/* nohup and the like: what our parent ignores, we ignore. */
		if (sigaction(ending_signals[i], NULL, &old) ||
		    old.sa_handler != SIG_IGN)
			sigaddset(&set, ending_signals[i]);
	}
	if (s->cfg->show)
		sigaddset(&set, SIGWINCH);
	if (s->console.in_tty || s->cfg->show) {
		sigaddset(&set, SIGTSTP);
		sigaddset(&set, SIGCONT);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	s->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->signals.ready = on_signal_ready;
	s->signals.opaque = s;
	if (s->signals.fd < 0 || vcpu_init_signals() ||
	    ev_fd_add(&s->loop, &s->signals))
		return vmm_fail(e, VMM_ERR_HOST,
				"can't set up signals: %s", strerror(errno));
	return 0;
}

/* ---- console ---- */

static void on_console(void *opaque, enum console_event what)
{
	struct machine *m = opaque;

	switch (what) {
	case CONSOLE_QUIT:
		m->console->ending = true;
		machine_end(m, END_ESCAPE, 0, "left by the escape key");
		break;
	case CONSOLE_RESET:
		machine_end(m, END_RESET, 0, "the user reset the machine");
		break;
	case CONSOLE_POWER:
		pm_power_button(&m->pm);
		break;
	case CONSOLE_BROKEN:
		machine_end(m, END_BROKEN_PIPE, 0,
			    "standard output can't be written any more: %s",
			    strerror(m->console->out_error));
		break;
	case CONSOLE_HELP:
		screen_note(&the_session.screen,
			    "Ctrl-] then: q leaves, r resets, p power button, l draws anew, Ctrl-] sends one");
		break;
	case CONSOLE_REDRAW:
		screen_anew(&the_session.screen);
		break;
	}
}

/* ---- the end ---- */

void print_tally(FILE *out, const struct vmm_tally *t)
{
	static const char *const headings[] = {
		[VMM_COUNTER_EXIT] = "exits by reason",
		[VMM_COUNTER_VCPU] = "other counts",
		[VMM_COUNTER_CPU] = "the CPU",
		[VMM_COUNTER_MODULE] = "the module",
	};
	unsigned int kind, i;

	for (kind = 0; kind < COUNT(headings); kind++) {
		uint64_t sum = 0;
		unsigned int n = 0;

		for (i = 0; i < t->n; i++) {
			if (t->v[i].kind != kind)
				continue;
			if (!n++)
				fprintf(out, "vellum: %s, counted by %s:\n",
					headings[kind], t->source);
			fprintf(out, "  %-40s %12llu\n", t->v[i].name,
				(unsigned long long)t->v[i].value);
			sum += t->v[i].value;
		}
		if (n && kind == VMM_COUNTER_EXIT)
			fprintf(out, "  %-40s %12llu\n", "total",
				(unsigned long long)sum);
	}
}

static int end_status(const struct machine_end *end)
{
	switch (end->cause) {
	case END_POWER_OFF: return STATUS_OK;
	case END_RESET: return STATUS_RESET;
	case END_PANIC: return STATUS_PANIC;
	case END_TRIPLE_FAULT: return STATUS_TRIPLE_FAULT;
	case END_STRICT_IO: return STATUS_STRICT_IO;
	case END_DEBUG_EXIT: return (int)(end->value & 0xff);
	case END_TRAP: return STATUS_TRAP;
	case END_ESCAPE: return STATUS_ESCAPE;
	case END_SIGNAL: return STATUS_SIGNAL + (int)end->value;
	case END_BROKEN_PIPE: return STATUS_SIGNAL + SIGPIPE;
	default: return STATUS_INTERNAL;
	}
}

/* A guest that ends as it should is not worth a line unless one asks. */
static void say_end(const struct session *s, const struct machine_end *end)
{
	bool fine = end->cause == END_POWER_OFF ||
		    end->cause == END_DEBUG_EXIT;

	if (fine && s->cfg->quiet)
		return;
	fprintf(stderr, "vellum: %s\n", end->text);
	if (end->report)
		fputs(end->report, stderr);
}

/* ---- life ---- */

static void on_screen_broken(void *opaque)
{
	const struct session *s = opaque;

	on_console(s->m, CONSOLE_BROKEN);
}

/* The screen, and what standard input and the serial port are then. */
static int open_screen(struct session *s, struct vmm_error *e)
{
	const struct machine_config *cfg = s->cfg;
	struct console *c = &s->console;

	if (cfg->com1.fd >= 0)
		c->out_fd = cfg->com1.fd;
	else if (cfg->show)
		c->out_fd = -1;
	c->screen = cfg->show;
	if (!cfg->show && cfg->screen.fd < 0)
		return 0;
	s->screen.broken = on_screen_broken;
	s->screen.opaque = s;
	return screen_open(&s->screen, &s->loop, &cfg->screen, cfg->show, e);
}

static int open_session(struct session *s, const struct machine_config *cfg,
			struct vmm_error *e)
{
	s->cfg = cfg;
	s->signals.fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (vmm_accel_open(&s->accel, cfg->accel, e))
		return -1;
	if (ev_init(&s->loop, &s->lock, e))
		return -1;
	if (console_init(&s->console, &s->loop, e))
		return -1;
	s->console.event = on_console;
	if (take_signals(s, e) || open_screen(s, e))
		return -1;
	if (!cfg->gdb)
		return 0;
	if (!vmm_accel_cap(&s->accel, KVM_CAP_SET_GUEST_DEBUG))
		return vmm_fail(e, VMM_ERR_HOST,
				"--gdb: %s can't debug guests (KVM_SET_GUEST_DEBUG)",
				cfg->accel);
	s->gdb = gdb_open(cfg->gdb, cfg->quiet, e);
	return s->gdb ? 0 : -1;
}

static void announce(const struct session *s)
{
	if (s->cfg->quiet || s->resets)
		return;
	if (s->console.in_tty)
		fprintf(stderr,
			"vellum: leave with Ctrl-] q (Ctrl-] ? for help); Ctrl-C goes to the guest\n");
}

/* One machine, power-on to end.  False = it could not even start. */
static bool run_one(struct session *s, struct machine_end *end,
		    struct vmm_error *e)
{
	struct machine *m = &the_machine;
	unsigned int i;
	bool ok;

	if (machine_create(m, s->cfg, &s->accel, &s->console, &s->lock, e))
		return false;
	s->m = m;
	s->loop.stop = false;
	announce(s);
	console_raw(&s->console);
	if (!s->resets)
		console_start(&s->console);
	if (s->screen.loop)
		screen_begin(&s->screen, &m->board.vga,
			     ram_at(&m->ram, GPA(VGA_MEMORY), VGA_MEMORY_SIZE));
	ok = !machine_run(m, s->gdb, e);
	for (i = 0; i < m->n_vcpus; i++)
		vmm_tally_vcpu(&s->tally, &m->vcpu[i].v);
	*end = m->end;
	screen_end(&s->screen);
	machine_destroy(m);
	return ok;
}

/*
 * vmm.ko counts every exit.  Without its counts it can't have been vmm.ko that
 * ran the guest, whatever answers at its node.
 */
static bool counts_missing(const struct session *s)
{
	unsigned int i;

	if (s->cfg->name || strcmp(s->cfg->accel, VMM_DEFAULT_ACCEL))
		return false;
	for (i = 0; i < s->tally.n; i++)
		if (s->tally.v[i].kind == VMM_COUNTER_EXIT &&
		    s->tally.v[i].value)
			return false;
	return true;
}

/* The guest came to its end first, but not all that it said came out. */
static bool output_lost(const struct session *s, const struct machine_end *end)
{
	return s->console.out_dead && s->console.out_fd == STDOUT_FILENO &&
	       end->cause != END_BROKEN_PIPE &&
	       end->cause != END_SIGNAL && end->cause != END_ESCAPE;
}

static int finish(struct session *s, bool ok, const struct machine_end *end,
		  const struct vmm_error *e)
{
	if (!ok)
		return report(e);
	say_end(s, end);
	if (!s->cfg->quiet)
		print_tally(stderr, &s->tally);
	if (counts_missing(s)) {
		fprintf(stderr,
			"vellum: %s has counted no exits: was it vmm.ko that ran the guest?\n",
			s->cfg->accel);
		return STATUS_INTERNAL;
	}
	if (output_lost(s, end)) {
		fprintf(stderr,
			"vellum: standard output can't be written: %s: the last of the guest's output is lost\n",
			strerror(s->console.out_error));
		return STATUS_SIGNAL + SIGPIPE;
	}
	return end_status(end);
}

/* The folder of the accelerator's nodes, for those that come by name. */
static int enter_sandbox(struct session *s, unsigned int vcpus,
			 struct vmm_error *e)
{
	struct sandbox_needs needs = {
		.make_threads = vcpu_make_threads, .n_threads = vcpus,
	};
	const char *slash = strrchr(s->cfg->accel, '/');
	char folder[4096] = ".";

	if (s->cfg->no_sandbox)
		return 0;
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s",
			 (int)(slash - s->cfg->accel) + 1, s->cfg->accel);
	if (s->cfg->name)
		needs.nodes = folder;
	needs.sockets = s->gdb;
	needs.disks = s->cfg->storage;
	needs.screen = s->cfg->screen.fd >= 0;
	return sandbox_enter(&needs, &s->accel.dir, e);
}

int session_load(const struct machine_config *cfg)
{
	struct session *s = &the_session;
	struct vmm_error e = { 0 };
	int status = STATUS_OK;

	if (vmm_accel_open(&s->accel, cfg->accel, &e))
		return report(&e);
	s->cfg = cfg;
	if (enter_sandbox(s, 0, &e) ||
	    machine_load(&the_machine, cfg, &s->accel, &e))
		status = report(&e);
	vmm_accel_close(&s->accel);
	return status;
}

/* A reset is a new machine, so with a name it is a new VM of that name. */
static bool make_named(struct session *s, struct vmm_error *e)
{
	if (!s->cfg->name || s->cfg->attach)
		return true;
	return (!s->resets || !vmm_named_destroy(&s->accel, s->cfg->name, e)) &&
	       !vmm_named_create(&s->accel, s->cfg->name, e);
}

int session_run(const struct machine_config *cfg)
{
	struct session *s = &the_session;
	struct machine_end end = { 0 };
	struct vmm_error e = { 0 };
	int status;
	bool ok;

	if (open_session(s, cfg, &e) || enter_sandbox(s, cfg->cpus, &e) ||
	    (s->gdb && gdb_start(s->gdb, &e)) ||
	    (cfg->storage && storage_start(cfg->storage, &e))) {
		console_restore();
		return report(&e);
	}
	for (;;) {
		ok = make_named(s, &e) && run_one(s, &end, &e);
		if (!ok || end.cause != END_RESET || cfg->no_reboot || cfg->attach)
			break;
		s->resets++;
		console_drain(&s->console);
	}
	console_fini(&s->console);
	screen_close(&s->screen);
	status = finish(s, ok, &end, &e);
	free(end.report);
	gdb_close(s->gdb, status);
	vmm_tally_free(&s->tally);
	ev_fini(&s->loop);
	close(s->signals.fd);
	vmm_accel_close(&s->accel);
	return status;
}
