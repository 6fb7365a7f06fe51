/* SPDX-License-Identifier: MIT */
/*
 * inject PID THREAD CALL: has a thread of a running program make a system call, as
 * a guest that had taken the thread over would.  THREAD is its name, CALL one of
 * the table's.  Prints what came of it: "killed", "returned N".
 *
 * The thread is stopped behind the system call that it waits in, as soon as it waits in
 * one; it is sent back to that instruction with other registers.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	long nr, arg[3];
} calls[] = {
	{ "getpid", SYS_getpid, { 0 } },
	{ "open", SYS_open, { 0 } },
	{ "socket", SYS_socket, { 1, 1 } },
	{ "execve", SYS_execve, { 0 } },
	{ "ioctl-create-vm", SYS_ioctl, { -1, 0xae01 } },
	{ "ioctl-irq-line", SYS_ioctl, { -1, 0x4008ae61 } },
	{ "preadv", SYS_preadv, { -1 } },
};

static pid_t find_thread(pid_t pid, const char *name)
{
	char path[64], comm[32];
	struct dirent *entry;
	pid_t found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", pid,
			 entry->d_name);
		f = fopen(path, "r");
		if (f && fgets(comm, sizeof(comm), f)) {
			comm[strcspn(comm, "\n")] = '\0';
			if (!strcmp(comm, name))
				found = atoi(entry->d_name);
		}
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Waits until it stops.  0, or the status with which it ended. */
static int wait_stop(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid) {
		perror("waitpid");
		exit(2);
	}
	return WIFSTOPPED(status) ? 0 : status;
}

#define SYSCALL_INSN	0x050fu
#define TRIES		500

/* Stops it in a system call: 0 and its registers. */
static int stop_in_call(pid_t tid, struct user_regs_struct *r)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) || wait_stop(tid) ||
		    ptrace(PTRACE_GETREGS, tid, 0, r))
			return -1;
		if ((ptrace(PTRACE_PEEKTEXT, tid, r->rip - 2, 0) & 0xffff) == SYSCALL_INSN)
			return 0;
		if (ptrace(PTRACE_CONT, tid, 0, 0))
			return -1;
		usleep(10000);
	}
	errno = ETIMEDOUT;
	return -1;
}

static int inject(pid_t tid, unsigned int i)
{
	struct user_regs_struct was, r;
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0))
		return perror("ptrace"), 2;
	if (stop_in_call(tid, &was))
		return perror("stop"), 2;
	r = was;
	r.rip = was.rip - 2;		/* its SYSCALL instruction */
	r.rax = (unsigned long long)calls[i].nr;
	r.orig_rax = ~0ull;		/* nothing to restart */
	r.rdi = (unsigned long long)calls[i].arg[0];
	r.rsi = (unsigned long long)calls[i].arg[1];
	r.rdx = (unsigned long long)calls[i].arg[2];
	r.r10 = 0;
	if (ptrace(PTRACE_SETREGS, tid, 0, &r) ||
	    ptrace(PTRACE_SINGLESTEP, tid, 0, 0))
		return perror("set"), 2;
	status = wait_stop(tid);
	if (status) {
		puts(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ?
		     "killed" : "ended otherwise");
		return 0;
	}
	ptrace(PTRACE_GETREGS, tid, 0, &r);
	printf("returned %lld\n", (long long)r.rax);
	/* An interrupted call is one that these programs repeat. */
	was.orig_rax = ~0ull;
	was.rax = (unsigned long long)-EINTR;
	ptrace(PTRACE_SETREGS, tid, 0, &was);
	ptrace(PTRACE_DETACH, tid, 0, 0);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i;
	pid_t tid;

	if (argc != 4)
		return 2;
	tid = find_thread(atoi(argv[1]), argv[2]);
	if (!tid) {
		puts("no such thread");
		return 2;
	}
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, argv[3]))
			return inject(tid, i);
	puts("no such call");
	return 2;
}
