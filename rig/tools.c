/* SPDX-License-Identifier: MIT */
/*
 * Small tools for tests on the emulated host, all in the agent's program.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* rdmsr NUMBER [CPU]: needs the msr module */
static int rdmsr(int argc, char **argv)
{
	char path[64];
	uint64_t value;
	int fd;

	if (argc < 2) {
		fputs("usage: rdmsr NUMBER [CPU]\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", argc > 2 ? atoi(argv[2]) : 0);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		fprintf(stderr, "rdmsr: %s: %s (insmod /lib/modules-rig/msr.ko)\n", path,
			strerror(errno));
		return 1;
	}
	if (pread(fd, &value, 8, strtoul(argv[1], NULL, 0)) != 8) {
		fprintf(stderr, "rdmsr: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	printf("%016" PRIx64 "\n", value);
	return 0;
}

int tool_main(int argc, char **argv)
{
	if (strcmp(basename(argv[0]), "rdmsr") == 0)
		return rdmsr(argc, argv);
	fprintf(stderr, "%s: the rig's agent: runs only as the first process\n", argv[0]);
	return 2;
}
