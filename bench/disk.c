/* SPDX-License-Identifier: MIT */
/*
 * disk DEVICE: ticks per 4 KiB request, one at a time and without the guest's
 * page cache.  Runs in a guest; writes what it reads elsewhere on the device.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <x86intrin.h>

#define BLOCK		4096u
#define REQUESTS	1000u
#define WARM_UP		50u
#define BLOCKS		1024u	/* of the device: 4 MiB */

static uint64_t measure(int fd, void *buf, int random, int write)
{
	uint64_t seed = 88172645463325252ull, start = 0;
	unsigned int i;

	for (i = 0; i < WARM_UP + REQUESTS; i++) {
		off_t at;
		ssize_t n;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		at = (off_t)(random ? seed % BLOCKS : i % BLOCKS) * BLOCK;
		if (i == WARM_UP)
			start = __rdtsc();
		n = write ? pwrite(fd, buf, BLOCK, at) :
			    pread(fd, buf, BLOCK, at);
		if (n != BLOCK) {
			perror("disk");
			exit(1);
		}
	}
	return (__rdtsc() - start) / REQUESTS;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"sequential read", "random read", "sequential write",
		"random write",
	};
	void *buf = aligned_alloc(BLOCK, BLOCK);
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
	int i;

	if (fd < 0 || !buf) {
		perror("disk: usage: disk DEVICE");
		return 1;
	}
	for (i = 0; i < 4; i++)
		printf("DISK %-18s %8llu ticks per 4 KiB\n", names[i],
		       (unsigned long long)measure(fd, buf, i & 1, i >> 1));
	return 0;
}
