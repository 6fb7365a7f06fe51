/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "parse.h"

#define WORD_MAX	32	/* longer words are nobody's slip */

static int digit(char c, unsigned int base)
{
	int v;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	else
		return -1;
	return v < (int)base ? v : -1;
}

/* Digits from @s on; returns where they end, NULL if none or too many. */
static const char *digits(const char *s, unsigned int base, uint64_t *out)
{
	const char *start = s;
	uint64_t v = 0;
	int d;

	for (; (d = digit(*s, base)) >= 0; s++) {
		if (v > (UINT64_MAX - (uint64_t)d) / base)
			return NULL;
		v = v * base + (uint64_t)d;
	}
	*out = v;
	return s == start ? NULL : s;
}

static const char *number(const char *s, uint64_t *out)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return digits(s + 2, 16, out);
	return digits(s, 10, out);
}

bool parse_number(const char *s, uint64_t *out)
{
	s = number(s, out);
	return s && !*s;
}

bool parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift = 0;
	uint64_t v;

	s = number(s, &v);
	if (!s)
		return false;
	if (*s) {
		unit = strchr(units, *s >= 'a' ? *s - 'a' + 'A' : *s);
		if (unit) {
			shift = 10 * (unsigned int)(unit - units + 1);
			s++;
		}
		if (*s && strcmp(s, "B") && strcmp(s, "iB") && strcmp(s, "b"))
			return false;
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

bool parse_far(const char *s, bool *far, uint16_t *segment, uint64_t *offset)
{
	uint64_t seg;
	const char *p;

	*far = false;
	*segment = 0;
	if (!strchr(s, ':'))
		return parse_number(s, offset);
	p = digits(s, 16, &seg);
	if (!p || *p != ':' || seg > 0xffff)
		return false;
	p = digits(p + 1, 16, offset);
	if (!p || *p || *offset > 0xffff)
		return false;
	*segment = (uint16_t)seg;
	*far = true;
	return true;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance, one row at a time. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], i, j;
	unsigned int n = (unsigned int)strlen(b);

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		unsigned int corner = row[0];

		row[0] = i;
		for (j = 1; j <= n; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[n];
}

const char *suggest(const char *word,
		    const char *(*next)(const void *list, unsigned int i),
		    const void *list)
{
	unsigned int i, best = WORD_MAX;
	const char *found = NULL, *candidate;

	for (i = 0; (candidate = next(list, i)); i++) {
		unsigned int d = distance(word, candidate);
		size_t len = strlen(word);

		/* A beginning of it, or one slip in about three letters. */
		if (len >= 2 && !strncmp(word, candidate, len))
			d = d > 1 ? 1 : d;
		if (d < best && d <= 1 + strlen(candidate) / 3) {
			best = d;
			found = candidate;
		}
	}
	return found;
}

struct spec_list {
	const struct option_spec *specs;
	unsigned int n;
};

static const char *spec_name(const void *list, unsigned int i)
{
	const struct spec_list *l = list;

	return i < l->n ? l->specs[i].name : NULL;
}

static int unknown_option(const struct option_spec *specs, unsigned int n,
			  const char *arg, const char *name)
{
	struct spec_list list = { specs, n };
	const char *near = suggest(name, spec_name, &list);

	fprintf(stderr, "vellum: unknown option %s", arg);
	if (near)
		fprintf(stderr, ": did you mean --%s?\n", near);
	else
		fprintf(stderr, ": see --help\n");
	return -1;
}

int next_option(const struct option_spec *specs, unsigned int n, int argc,
		char **argv, int *at, const char **value)
{
	const char *arg, *eq;
	char name[WORD_MAX + 1];
	unsigned int i;
	size_t len;

	if (*at >= argc)
		return 0;
	arg = argv[(*at)++];
	if (arg[0] != '-' || !arg[1]) {
		fprintf(stderr,
			"vellum: unexpected argument \"%s\": options begin with --\n",
			arg);
		return -1;
	}
	eq = strchr(arg, '=');
	len = eq ? (size_t)(eq - arg) : strlen(arg);
	snprintf(name, sizeof(name), "%.*s", (int)len - (int)strspn(arg, "-"),
		 arg + strspn(arg, "-"));
	if (!strcmp(name, "h"))
		snprintf(name, sizeof(name), "help");
	for (i = 0; i < n && strcmp(name, specs[i].name); i++)
		;
	if (i == n || (arg[1] != '-' && strcmp(arg, "-h")))
		return unknown_option(specs, n, arg, name);

	*value = eq ? eq + 1 : NULL;
	if (specs[i].arg && !eq) {
		if (*at >= argc) {
			fprintf(stderr, "vellum: --%s needs %s after it\n",
				name, specs[i].arg);
			return -1;
		}
		*value = argv[(*at)++];
	}
	if (!specs[i].arg && eq) {
		fprintf(stderr, "vellum: --%s takes no value\n", name);
		return -1;
	}
	return specs[i].id;
}

void print_options(const struct option_spec *specs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", specs[i].name,
			 specs[i].arg ? " " : "",
			 specs[i].arg ? specs[i].arg : "");
		printf("  %-22s %s\n", left, specs[i].help);
	}
}
