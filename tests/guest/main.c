/* SPDX-License-Identifier: MIT */
/*
 * guest-tests: runs the tables on an accelerator and prints TAP.
 *
 *   guest-tests [--accel PATH] [--list] [PATTERN...]
 *
 * A PATTERN selects tests by name, table/name, with * and ?.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "harness.h"

#define SECONDS		30	/* a machine that others use too is slow */
#define STATUS_FAILED	1
#define STATUS_SKIPPED	77

int ctl;
const char *accel = "/dev/vmm/ctl";
bool is_vmm, is_amd, is_tcg, is_bochs;

static const struct table *const tables[] = {
	&basic_table, &io_table, &mmio_table, &exc_table, &irq_table, &cpu_table,
	&task_table, &real_table, &mem_table, &abi_table, &life_table, &race_table, &caps_table, &debug_table,
};

static char reason[256];	/* of a skip, from child to parent */
static int reason_pipe[2];

void diag(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(STATUS_FAILED);
}

void skip(const char *fmt, ...)
{
	char text[sizeof(reason)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(reason_pipe[1], text, n) != n)
		_exit(STATUS_FAILED);
	_exit(STATUS_SKIPPED);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* KVM_RUN returns with EINTR; a test that is not in KVM_RUN dies a bit later. */
static void set_limit(unsigned seconds)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval t = {
		.it_value.tv_sec = seconds, .it_interval.tv_sec = 1,
	};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void run_table_test(const struct test *t)
{
	struct machine m = {
		.test = t, .next = t->accesses, .left = t->accesses_n,
	};
	u32 i, n;

	machine_create(&m, t->flags);
	machine_boot(&m, t->mode, t->entry);
	if (t->setup)
		t->setup(&m);
	machine_run(&m);
	if (t->check)
		t->check(&m);
	for (i = 0; i < t->results_n; i++)
		if (t->results[i] != ANY && t->results[i] != result(&m, i))
			fail("result %u is %#llx, wanted %#llx", i,
			     (unsigned long long)result(&m, i),
			     (unsigned long long)t->results[i]);
	n = peek(&m, EXC_COUNT);
	for (i = 0; i < t->exceptions_n && i < n; i++)
		if (t->exceptions[i] != exception(&m, i))
			fail("exception %u is vector %llu error %#llx, wanted %llu, %#llx",
			     i, (unsigned long long)exception(&m, i) & 0xff,
			     (unsigned long long)exception(&m, i) >> 8,
			     (unsigned long long)t->exceptions[i] & 0xff,
			     (unsigned long long)t->exceptions[i] >> 8);
	if (n != t->exceptions_n)
		fail("%u exceptions, wanted %u", n, t->exceptions_n);
	machine_destroy(&m);
}

static void child(const struct test *t)
{
	if (t->flags & INTEL_ONLY && is_amd)
		skip("VT-x only");
	if (t->flags & AMD_ONLY && !is_amd)
		skip("AMD-V only");
	if (t->flags & VMM_ONLY && !is_vmm)
		skip("not in stock KVM");
	if (t->tcg && is_tcg)
		skip("%s", t->tcg);
	set_limit(t->seconds ? t->seconds : SECONDS);
	if (t->custom)
		t->custom();
	else
		run_table_test(t);
	exit(0);
}

/* A test that is stuck outside KVM_RUN is killed. */
static int wait_child(pid_t pid, unsigned seconds)
{
	int status, tenths;

	for (tenths = 0; tenths < 10 * (int)(seconds + 5); tenths++) {
		sigset_t set;
		struct timespec tenth = { .tv_nsec = 100000000 };

		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigtimedwait(&set, NULL, &tenth);
	}
	printf("# stuck: killed\n");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

/* 1: failed */
static int run_test(const struct table *table, const struct test *t, int number)
{
	int status;
	pid_t pid;
	ssize_t n;

	fflush(stdout);
	pid = fork();
	if (!pid)
		child(t);
	status = wait_child(pid, t->seconds ? t->seconds : SECONDS);
	n = read(reason_pipe[0], reason, sizeof(reason) - 1);
	reason[n > 0 ? n : 0] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED) {
		printf("ok %d - %s/%s # SKIP %s\n", number, table->name, t->name,
		       reason);
		return 0;
	}
	if (WIFSIGNALED(status))
		printf("# killed by %s\n", strsignal(WTERMSIG(status)));
	printf("%sok %d - %s/%s\n", status ? "not " : "", number, table->name,
	       t->name);
	return status != 0;
}

static bool selected(const struct table *table, const struct test *t,
		     char **patterns)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/%s", table->name, t->name);
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, name, 0) || !strcmp(*patterns, table->name))
			return true;
	return false;
}

bool test_exists(const char *name)
{
	unsigned i, j;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (j = 0; j < tables[i]->n; j++) {
			char text[128];

			snprintf(text, sizeof(text), "%s/%s", tables[i]->name,
				 tables[i]->tests[j].name);
			if (!strcmp(text, name))
				return true;
		}
	return false;
}

static int for_all(char **patterns, bool list, bool run)
{
	int number = 0, failed = 0;
	unsigned i, j;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (j = 0; j < tables[i]->n; j++) {
			const struct test *t = &tables[i]->tests[j];

			if (!selected(tables[i], t, patterns))
				continue;
			number++;
			if (list)
				printf("%s/%s\n", tables[i]->name, t->name);
			if (run)
				failed += run_test(tables[i], t, number);
		}
	return run ? failed : number;
}

/* The host itself is emulated by QEMU. */
static bool emulated_by_tcg(void)
{
	u32 eax, text[4] = { 0 };

	__cpuid(0x40000000, eax, text[0], text[1], text[2]);
	return !strcmp((char *)text, "TCGTCGTCGTCG");
}

static bool emulated_by_bochs(void)
{
	char text[64] = "";
	int fd = open("/sys/class/dmi/id/bios_version", O_RDONLY);

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strstr(text, "Bochs") != NULL;
}

static void open_accel(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	ctl = open(accel, O_RDWR | O_CLOEXEC);
	if (ctl < 0) {
		printf("Bail out! %s: %s\n", accel, strerror(errno));
		exit(1);
	}
	is_vmm = ioctl(ctl, VMM_GET_INFO, 0) < 0 && errno != ENOTTY && errno != EINVAL;
	is_tcg = emulated_by_tcg();
	is_bochs = emulated_by_bochs();
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "vendor_id", 9))
			is_amd = strstr(line, "AuthenticAMD") != NULL;
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	bool list = false;
	sigset_t set;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--accel") && i + 1 < argc)
			accel = argv[++i];
		else
			return fprintf(stderr, "usage: guest-tests [--accel PATH] [--list] [PATTERN...]\n"), 2;
	}
	if (list)
		return for_all(argv + i, true, false) ? 0 : 1;
	open_accel();
	if (pipe2(reason_pipe, O_NONBLOCK | O_CLOEXEC))
		return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("1..%d\n", for_all(argv + i, false, false));
	return for_all(argv + i, false, true) ? 1 : 0;
}
