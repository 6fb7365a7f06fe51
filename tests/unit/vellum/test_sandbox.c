/* SPDX-License-Identifier: MIT */
/*
 * Each kind of thread's filter, in a child that loads it and makes one call: what
 * the table in sandbox_filter.c has goes through, all else kills the process.
 */
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vellum/block/block.h"
#include "vellum/sandbox.h"

DEFINE_REPORT

#define M	(1u << SANDBOX_MAIN)
#define V	(1u << SANDBOX_VCPU)
#define D	(1u << SANDBOX_DISK)
#define W	(1u << SANDBOX_WORKER)
#define ALL	(M | V | D | W)
#define SURVIVED	77

static const char *const kinds[] = { "main", "vcpu", "disk", "worker" };
static const struct sandbox_needs nothing;
static const struct sandbox_needs all = { .nodes = "/dev", .sockets = true,
					  .disks = true, .screen = true };

struct call {
	const char *name;
	unsigned int who;	/* may make it; the others die of it */
	long nr, arg[4];
};

/* Descriptors that there are not, so that what goes through does no harm. */
static const struct call calls[] = {
	{ "execve", 0, SYS_execve, { 0 } },
	{ "fork", 0, SYS_fork, { 0 } },
	{ "open", 0, SYS_open, { 0 } },
	{ "openat", 0, SYS_openat, { -1 } },
	{ "ftruncate", 0, SYS_ftruncate, { -1 } },
	{ "socket", 0, SYS_socket, { 1, 1 } },
	{ "connect", 0, SYS_connect, { -1 } },
	{ "ptrace", 0, SYS_ptrace, { 0 } },
	{ "process_vm_writev", 0, SYS_process_vm_writev, { 1 } },
	{ "setuid", 0, SYS_setuid, { 0 } },
	{ "mount", 0, SYS_mount, { 0 } },
	{ "chroot", 0, SYS_chroot, { 0 } },
	{ "unlinkat", 0, SYS_unlinkat, { -1 } },
	{ "io_uring_setup", 0, SYS_io_uring_setup, { 0 } },
	{ "io_uring_register", 0, SYS_io_uring_register, { -1 } },
	{ "memfd_create", 0, SYS_memfd_create, { 0 } },
	{ "bpf", 0, SYS_bpf, { 0 } },
	{ "unshare", 0, SYS_unshare, { CLONE_NEWNS } },
	{ "sendto", 0, SYS_sendto, { -1 } },
	{ "recvfrom", 0, SYS_recvfrom, { -1 } },
	{ "kill", 0, SYS_kill, { 1, 0 } },
	{ "tgkill of another process", 0, SYS_tgkill, { 1, 1, 0 } },
	{ "mmap to execute", 0, SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE } },
	{ "mprotect to execute", 0, SYS_mprotect, { 0, 0, PROT_EXEC } },
	{ "clone of a process", 0, SYS_clone, { SIGCHLD } },
	{ "clone into a namespace", 0, SYS_clone,
	  { CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	    CLONE_NEWUSER } },
	{ "prctl", 0, SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "stat by name", 0, SYS_newfstatat, { AT_FDCWD, 0, 0, 0 } },
	{ "ioctl TIOCSTI", 0, SYS_ioctl, { -1, TIOCSTI } },
	{ "ioctl FIONREAD", 0, SYS_ioctl, { -1, FIONREAD } },
	{ "x32 read", 0, 0x40000000, { -1 } },

	{ "clone3", M, SYS_clone3, { 0 } },
	{ "ioctl TCGETS", M, SYS_ioctl, { -1, TCGETS } },
	{ "ioctl KVM_CREATE_VM", M, SYS_ioctl, { -1, KVM_CREATE_VM } },
	{ "ioctl KVM_SET_DEBUGREGS", M, SYS_ioctl, { -1, (int)KVM_SET_DEBUGREGS } },
	{ "ioctl KVM_SET_REGS", M | V, SYS_ioctl, { -1, (int)KVM_SET_REGS } },
	{ "ioctl VMM_SET_NOTE", M, SYS_ioctl, { -1, (int)VMM_SET_NOTE } },
	{ "seccomp", M, SYS_seccomp, { 1, -1 } },
	{ "pread64", M, SYS_pread64, { -1 } },
	{ "ioctl KVM_RUN", M | V, SYS_ioctl, { -1, KVM_RUN } },
	{ "ioctl KVM_IRQ_LINE", M | V, SYS_ioctl, { -1, KVM_IRQ_LINE } },
	{ "ioctl KVM_SET_PIT2", M | V, SYS_ioctl, { -1, KVM_SET_PIT2 } },
	{ "eventfd2", M | V, SYS_eventfd2, { 0, -1 } },
	{ "pwrite64", M | V, SYS_pwrite64, { -1 } },
	{ "epoll_wait", M | D, SYS_epoll_wait, { -1 } },
	{ "io_uring_enter", M | D, SYS_io_uring_enter, { -1 } },
	{ "epoll_ctl", M | V | D, SYS_epoll_ctl, { -1 } },
	{ "preadv", M | D | W, SYS_preadv, { -1 } },
	{ "pwritev2", M | D | W, SYS_pwritev2, { -1 } },
	{ "fdatasync", M | D | W, SYS_fdatasync, { -1 } },
	{ "fallocate", M | D | W, SYS_fallocate, { -1 } },
	{ "read", ALL, SYS_read, { -1 } },
	{ "write", ALL, SYS_write, { -1 } },
	{ "futex", ALL, SYS_futex, { 0, -1 } },
	{ "fstat", ALL, SYS_newfstatat, { -1, 0, 0, AT_EMPTY_PATH } },
	{ "mmap", ALL, SYS_mmap, { 0, 0, PROT_READ | PROT_WRITE } },
	{ "munmap", ALL, SYS_munmap, { 1 } },
};

/* How a child ends that loads @kind's filter, as threads do, and makes the call. */
static int try(enum sandbox_thread kind, const struct sandbox_needs *needs,
	       const struct call *c)
{
	struct sock_fprog main_prog, prog;
	struct vmm_error e;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_filter(&main_prog, SANDBOX_MAIN, needs, &e) ||
		    sandbox_filter(&prog, kind, needs, &e) ||
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    /* a vCPU's thread has its own filter alone */
		    (kind != SANDBOX_VCPU && sandbox_filter_load(&main_prog)) ||
		    (kind != SANDBOX_MAIN && sandbox_filter_load(&prog)))
			syscall(SYS_exit_group, 1);
		syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], 0, 0);
		syscall(SYS_exit_group, SURVIVED);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect(enum sandbox_thread kind, const struct sandbox_needs *needs,
		   const struct call *c, bool may)
{
	int status = try(kind, needs, c);
	bool right = may ? WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED :
			   WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

	if (!right)
		fail_msg("%s by %s: status %#x, %s", c->name, kinds[kind],
			 status, may ? "is allowed" : "must be killed");
}

static void test_each_thread_has_its_calls(void **state)
{
	unsigned int i, kind;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (kind = 0; kind < SANDBOX_THREADS; kind++)
			expect(kind, &nothing, &calls[i],
			       calls[i].who & 1u << kind);
}

/*
 * KVM_RUN is looked for before the library's program: other calls that have its
 * number as an argument, and other ABIs' calls of ioctl()'s number, are not it.
 */
static void test_nothing_passes_for_kvm_run(void **state)
{
	static const struct call c[] = {
		{ "socket with KVM_RUN", 0, SYS_socket, { 1, KVM_RUN } },
		{ "x32 ioctl", 0, 0x40000000 | SYS_ioctl, { -1, KVM_RUN } },
		{ "ioctl with KVM_RUN elsewhere", 0, SYS_ioctl, { KVM_RUN, TIOCSTI, KVM_RUN } },
	};
	unsigned int i, kind;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		for (kind = 0; kind < SANDBOX_THREADS; kind++)
			expect(kind, &nothing, &c[i], false);
}

static void test_more_for_those_who_need_it(void **state)
{
	static const struct call c[] = {
		{ "openat", M, SYS_openat, { -1 } },
		{ "ftruncate", M, SYS_ftruncate, { -1 } },
		{ "accept4", M, SYS_accept4, { -1 } },
		{ "recvfrom", M | V, SYS_recvfrom, { -1 } },
		{ "sendto", M | V, SYS_sendto, { -1 } },
		{ "ioctl KVM_SET_DEBUGREGS", M | V, SYS_ioctl, { -1, (int)KVM_SET_DEBUGREGS } },
		{ "socket", 0, SYS_socket, { 1, 1 } },
		{ "listen", 0, SYS_listen, { -1 } },
	};
	unsigned int i, kind;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		for (kind = 0; kind < SANDBOX_THREADS; kind++)
			expect(kind, &all, &c[i], c[i].who & 1u << kind);
}

/* ---- all of it, in a child that looks around afterwards ---- */

/* 0, or the number of what is wrong. */
static int look_around(int inherited)
{
	struct vmm_error e;
	int nodes;

	if (sandbox_enter(&all, &nodes, &e))
		return 1;
	/* The number may have been given out again, for a file of our own. */
	if (!fcntl(inherited, F_GETFD))
		return 2;
	/* a root of its own, if only an empty one, where that is permitted */
	if (nodes < 0 || openat(nodes, "null", O_WRONLY | O_CLOEXEC) < 0)
		return 3;
	sandbox_thread(SANDBOX_WORKER, "worker");
	return 0;
}

static bool says(const char *text, const char *line)
{
	if (strstr(text, line))
		return true;
	printf("# not there: %s\n", line);
	return false;
}

static void check_status(pid_t pid)
{
	static char text[8192];
	char path[32];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_true(says(text, "CapInh:\t0000000000000000"));
	assert_true(says(text, "CapPrm:\t0000000000000000"));
	assert_true(says(text, "CapEff:\t0000000000000000"));
	assert_true(says(text, "CapAmb:\t0000000000000000"));
	assert_true(says(text, "NoNewPrivs:\t1"));
	assert_true(says(text, "Seccomp:\t2"));
	assert_true(says(text, "Name:\tworker"));
}

static void test_enter(void **state)
{
	int status, fd, to[2], from[2];
	uint8_t result;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(to, O_CLOEXEC) | pipe2(from, O_CLOEXEC), 0);
	fd = dup(STDOUT_FILENO);	/* not closed on exec */
	pid = fork();
	if (!pid) {
		close(to[1]);
		result = (uint8_t)look_around(fd);
		if (write(from[1], &result, 1) != 1 ||
		    read(to[0], &result, 1) != 1)
			result = 100;
		syscall(SYS_exit_group, result);
	}
	close(from[1]);
	assert_int_equal(read(from[0], &result, 1), 1);
	assert_int_equal(result, 0);
	check_status(pid);
	assert_int_equal(write(to[1], &result, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_thread_has_its_calls),
		cmocka_unit_test(test_nothing_passes_for_kvm_run),
		cmocka_unit_test(test_more_for_those_who_need_it),
		cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
