/* SPDX-License-Identifier: MIT */
/*
 * The first process of the benchmark's Linux guest: tells when it began, in ticks of
 * the TSC, and powers off. As `tsc` on the emulated host: tells ticks and clock.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long now = __rdtsc();
	struct timespec t;
	int fd;

	(void)argc;
	if (!strstr(argv[0], "init")) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		printf("%llu %ld.%09ld\n", now, t.tv_sec, t.tv_nsec);
		return 0;
	}
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/ttyS0", O_RDWR);
	dprintf(fd, "init %llu\n", now);
	fsync(fd);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
