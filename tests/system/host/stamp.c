/* SPDX-License-Identifier: MIT */
/* Copies lines, with the time at which each came before it: seconds, and the TSC. */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long tsc = __rdtsc();
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		printf("%ld.%09ld %llu %s", t.tv_sec, t.tv_nsec, tsc, line);
		fflush(stdout);
	}
	return 0;
}
