/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "test.h"
#include "vellum/cli/parse.h"

DEFINE_REPORT

static void test_sizes(void **state)
{
	static const struct { const char *s; uint64_t v; } good[] = {
		{ "0", 0 }, { "1", 1 }, { "512M", 512ull << 20 },
		{ "512m", 512ull << 20 }, { "2G", 2ull << 30 },
		{ "4KiB", 4096 }, { "4kB", 4096 }, { "0x1000", 4096 },
		{ "1T", 1ull << 40 }, { "100B", 100 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", " 1", "1 ", "abc", "M", "-1", "+1", "1.5G", "12Q", "1MM",
		"0x", "18446744073709551616", "99999999999999999999",
		"17179869184G", "1MiBB",
	};
	unsigned int i;
	uint64_t v;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(parse_size(good[i].s, &v));
		assert_true(v == good[i].v);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_size(bad[i], &v))
			fail_msg("\"%s\" was taken for a size", bad[i]);
}

static void test_far(void **state)
{
	uint64_t off;
	uint16_t seg;
	bool far;

	(void)state;
	assert_true(parse_far("F000:FFF0", &far, &seg, &off));
	assert_true(far && seg == 0xf000 && off == 0xfff0);
	assert_true(parse_far("0x7c00", &far, &seg, &off));
	assert_true(!far && off == 0x7c00);
	assert_false(parse_far("10000:0", &far, &seg, &off));
	assert_false(parse_far("0:10000", &far, &seg, &off));
	assert_false(parse_far("1:", &far, &seg, &off));
	assert_false(parse_far(":1", &far, &seg, &off));
	assert_false(parse_far("x", &far, &seg, &off));
}

static const struct option_spec specs[] = {
	{ "kernel", "FILE", 1, "" }, { "initrd", "FILE", 2, "" },
	{ "memory", "SIZE", 3, "" }, { "quiet", NULL, 4, "" },
};

static const char *name_of(const void *list, unsigned int i)
{
	(void)list;
	return i < ARRAY_SIZE(specs) ? specs[i].name : NULL;
}

static void test_suggestions(void **state)
{
	(void)state;
	assert_string_equal(suggest("kernle", name_of, NULL), "kernel");
	assert_string_equal(suggest("memroy", name_of, NULL), "memory");
	assert_string_equal(suggest("mem", name_of, NULL), "memory");
	assert_string_equal(suggest("inird", name_of, NULL), "initrd");
	assert_null(suggest("bananas", name_of, NULL));
	assert_null(suggest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			    name_of, NULL));
}

static int step(char **argv, int argc, const char **value)
{
	int at = 0;

	*value = NULL;
	return next_option(specs, ARRAY_SIZE(specs), argc, argv, &at, value);
}

static void test_options(void **state)
{
	int saved = dup(STDERR_FILENO);
	const char *v;

	(void)state;
	fflush(stderr);
	assert_non_null(freopen("/dev/null", "w", stderr));
	assert_int_equal(step((char *[]){ "--kernel", "f" }, 2, &v), 1);
	assert_string_equal(v, "f");
	assert_int_equal(step((char *[]){ "--kernel=a=b" }, 1, &v), 1);
	assert_string_equal(v, "a=b");
	assert_int_equal(step((char *[]){ "--quiet" }, 1, &v), 4);
	assert_int_equal(step(NULL, 0, &v), 0);
	assert_int_equal(step((char *[]){ "--kernel" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "--quiet=1" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "-kernel", "f" }, 2, &v), -1);
	assert_int_equal(step((char *[]){ "--" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "-" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "--=" }, 1, &v), -1);
	assert_int_equal(step((char *[]){ "f" }, 1, &v), -1);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_far),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
