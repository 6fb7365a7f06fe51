/* SPDX-License-Identifier: MIT */
/* Words and numbers from the command line. */
#ifndef VELLUM_CLI_PARSE_H
#define VELLUM_CLI_PARSE_H

#include <stdbool.h>
#include <stdint.h>

struct option_spec {
	const char *name;	/* without the dashes */
	const char *arg;	/* what the help calls its argument; NULL = none */
	int id;
	const char *help;
};

/* Decimal, 0x..., all of the string, no sign. */
bool parse_number(const char *s, uint64_t *out);

/* The same with an optional K, M, G or T (binary), and then B or iB. */
bool parse_size(const char *s, uint64_t *out);

/* "7c00:0", both hexadecimal, or a number. */
bool parse_far(const char *s, bool *far, uint16_t *segment, uint64_t *offset);

/*
 * The candidate closest to @word if it is close enough to be a slip of the
 * finger, else NULL.  @next yields the candidates, NULL at the end.
 */
const char *suggest(const char *word,
		    const char *(*next)(const void *list, unsigned int i),
		    const void *list);

/*
 * One step through argv: takes "--name", "--name=value", "--name value".
 * Returns the option's id with *value set (NULL if it takes none), 0 at the
 * end, or -1 after printing what is wrong.
 */
int next_option(const struct option_spec *specs, unsigned int n, int argc,
		char **argv, int *at, const char **value);

void print_options(const struct option_spec *specs, unsigned int n);

#endif
