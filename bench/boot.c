/* SPDX-License-Identifier: MIT */
/*
 * boot TEXT... -- COMMAND...: ticks from COMMAND's start until each TEXT has
 * appeared, in this order, in what it writes. Runs on the emulated host.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

static pid_t start(char **argv, int *out)
{
	int in[2], fd[2];
	pid_t pid;

	if (pipe(in) || pipe(fd)) {
		perror("boot: pipe");
		exit(1);
	}
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(fd[1], 1);
		dup2(fd[1], 2);
		close(fd[0]);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(fd[1]);
	*out = fd[0];
	return pid;
}

int main(int argc, char **argv)
{
	static char buf[1 << 20];
	size_t len = 0, from = 0;
	uint64_t began;
	int i = 1, out, failed = 1;
	char **command = argv;
	pid_t pid;

	while (command < argv + argc && strcmp(*command, "--"))
		command++;
	if (argc < 4 || command >= argv + argc - 1) {
		fprintf(stderr, "usage: boot TEXT... -- COMMAND...\n");
		return 1;
	}
	began = __rdtsc();
	pid = start(command + 1, &out);
	while (len < sizeof(buf) - 1) {
		ssize_t n = read(out, buf + len, sizeof(buf) - 1 - len);
		uint64_t now = __rdtsc();
		char *p;

		if (n <= 0)
			break;
		len += (size_t)n;
		while (argv + i < command &&
		       (p = memmem(buf + from, len - from, argv[i], strlen(argv[i])))) {
			printf("BOOT %-24s %8.2f M ticks\n", argv[i],
			       (double)(now - began) / 1e6);
			from = (size_t)(p - buf) + strlen(argv[i++]);
		}
		failed = argv + i < command;
		if (!failed)
			break;
	}
	if (failed)
		fprintf(stderr, "boot: \"%s\" did not come; the end was:\n%s\n", argv[i],
			buf + (len > 1000 ? len - 1000 : 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return failed;
}
