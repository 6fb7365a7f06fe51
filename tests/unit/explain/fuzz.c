/* SPDX-License-Identifier: MIT */
/*
 * Thousands of damaged and random dumps and states: an answer or a refusal, never a
 * crash (the sanitizers watch), and every text ends where its buffer does.
 */
#include "fixture.h"

#include <dirent.h>

#include "../../../vellum/explain/insn.h"
#include "../../../vellum/explain/render.h"

#define FILES_MAX	32
#define ROUNDS		200	/* per file */

static struct dump dump;
static struct { char name[64]; char *text; size_t size; } files[FILES_MAX];
static unsigned n_files;
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void load_all(void)
{
	DIR *dir = opendir("tests/data/explain");
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) && n_files < FILES_MAX) {
		char path[512];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/data/explain/%s", e->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		snprintf(files[n_files].name, sizeof(files[0].name), "%.60s", e->d_name);
		files[n_files].text = malloc(1 << 16);
		files[n_files].size = fread(files[n_files].text, 1, 1 << 16, f);
		n_files++;
		fclose(f);
	}
	closedir(dir);
	assert_true(n_files >= 10);
}

static void check_texts(void)
{
	unsigned i;

	assert_true(strlen(report.exit) < sizeof(report.exit));
	assert_true(strlen(report.conclusion) < sizeof(report.conclusion));
	assert_true(report.n_findings <= EXPLAIN_FINDINGS_MAX);
	assert_true(report.n_steps <= EXPLAIN_STEPS_MAX);
	assert_true(report.n_advice <= EXPLAIN_ADVICE_MAX && report.n_notes <= EXPLAIN_NOTES_MAX);
	for (i = 0; i < report.n_findings; i++)
		assert_true(strlen(report.finding[i].detail) < sizeof(report.finding[i].detail));
	for (i = 0; i < report.n_steps; i++)
		assert_true(strlen(report.step[i].delivery) < sizeof(report.step[i].delivery));
}

static void print_it(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_text(f, &dump.s, &report, &dump, true);
	report_json(f, &dump.s, &report, &dump);
	fclose(f);
	assert_true(size > 10);
	free(text);
}

static bool feed(const char *text, size_t size)
{
	bool ok = dump_parse(&dump, text, size, (unsigned)(rnd() % 4));

	if (ok) {
		insn_examine(&dump.s);
		explain(&dump.s, &report);
		check_texts();
		print_it();
	} else {
		assert_true(dump.refusal[0] && strlen(dump.refusal) < sizeof(dump.refusal));
	}
	dump_free(&dump);
	return ok;
}

/* One of the ways in which dumps get damaged. */
static size_t damage(char *text, size_t size, size_t room)
{
	static const char alphabet[] = "0123456789abcdefxX=:/[]{}\",. \n\t*<>|-_GUESTCR";
	size_t at = size ? rnd() % size : 0, n = 1 + rnd() % 40, i;

	if (!size)
		return 0;
	switch (rnd() % 7) {
	case 0:	/* torn */
		return at;
	case 1:	/* the beginning is missing */
		memmove(text, text + at, size - at);
		return size - at;
	case 2:	/* a piece is missing */
		if (at + n > size)
			n = size - at;
		memmove(text + at, text + at + n, size - at - n);
		return size - n;
	case 3:	/* a piece is there twice */
		if (at + n > size || size + n > room)
			return size;
		memmove(text + at + n, text + at, size - at);
		return size + n;
	case 4:	/* other characters */
		for (i = 0; i < n && at + i < size; i++)
			text[at + i] = alphabet[rnd() % (sizeof(alphabet) - 1)];
		return size;
	case 5:	/* any byte */
		text[at] = (char)rnd();
		return size;
	default: /* digits: values that are legal in form */
		for (i = 0; i < 40; i++) {
			size_t k = rnd() % size;

			if (strchr("0123456789abcdef", text[k]) && text[k])
				text[k] = "0123456789abcdef"[rnd() % 16];
		}
		return size;
	}
}

static void damaged_dumps(void **unused)
{
	static char text[1 << 17];
	unsigned i, round, times, read = 0;

	(void)unused;
	for (i = 0; i < n_files; i++) {
		for (round = 0; round < ROUNDS; round++) {
			size_t size = files[i].size;

			memcpy(text, files[i].text, size);
			for (times = 1 + rnd() % 4; times; times--)
				size = damage(text, size, sizeof(text));
			read += feed(text, size);
		}
	}
	/* Most of them are still something: else this would test refusals alone. */
	print_message("# %u of %u damaged dumps were still readable\n", read, n_files * ROUNDS);
	assert_true(read > n_files * ROUNDS / 4);
}

static void random_text(void **unused)
{
	static const char *const words[] = {
		"*** Guest State ***", "*** Host State ***", "*** Control State ***", "CR0: actual=",
		"0x", "CS:   sel=", "limit=", "base=", "RIP = ", "VMCB Control Area:",
		"VMCB State Save Area:", "cs:   s: ", "rip[0]\t", "cs desc[0]\t", "exit_reason[0]\t",
		"{\"vendor\":\"vmx\",\"fields\":{", "\"GUEST_CR0\":", "}}", "EAX=", "GDT=", "CR0=",
		"Code=", "<0f>", "reason=", "MSR guest autoload:", "msr=", "value=", "\n", "\n", " ",
		"ffffffffffffffff", "80000021", "/", "00000000",
	};
	static char text[1 << 14];
	unsigned i;

	(void)unused;
	for (i = 0; i < 2000; i++) {
		size_t size = 0, want = rnd() % 2000;

		while (size < want) {
			const char *w = words[rnd() % (sizeof(words) / sizeof(words[0]))];

			memcpy(text + size, w, strlen(w));
			size += strlen(w);
		}
		feed(text, size);
	}
}

/* Any values at all in all fields, with any memory: the engine alone. */
static void random_states(void **unused)
{
	static uint8_t memory[0x8000];
	struct explain_state *s = &dump.s;
	unsigned i, k;

	(void)unused;
	for (i = 0; i < 3000; i++) {
		memset(&dump, 0, sizeof(dump));
		dump.format = "random";
		base_state(s, i % BASE_COUNT);
		if (i % 5 == 4)
			base_vmcb(s);
		for (k = 0; k < vmcs_field_count; k++) {
			if (rnd() % 4)
				continue;
			s->vmcs_known[k] = rnd() % 8;
			s->vmcs[k] = (rnd() & rnd()) & explain_field_limit(vmcs_fields[k].encoding);
		}
		for (k = 0; k < vmcb_field_count && s->vendor == EXPLAIN_SVM; k++)
			if (!(rnd() % 4))
				s->vmcb_known[k] = explain_set_vmcb(s, vmcb_fields[k].offset, rnd() & 0xff);
		for (k = 0; k < sizeof(memory); k++)
			memory[k] = rnd() % 3 ? 0 : (uint8_t)rnd();
		add_memory(s, 0, memory, sizeof(memory));
		set(s, F_EXIT_REASON, rnd() % 3 ? 2 : rnd() & 0x8000007f);
		s->vmcb.c.exit_code = rnd() % 2 ? EXIT_SHUTDOWN : rnd() % 0x410;
		insn_examine(s);
		explain(s, &report);
		check_texts();
		print_it();
	}
}

/* Random bytes as instructions, random page tables. */
static void random_code(void **unused)
{
	static uint8_t memory[0x8000];
	struct explain_state *s = &dump.s;
	unsigned i, k;

	(void)unused;
	for (i = 0; i < 5000; i++) {
		base_state(s, i % BASE_COUNT);
		s->gpr_known = 0xffff;
		for (k = 0; k < GPR_COUNT; k++)
			s->gpr[k] = rnd() >> rnd() % 64;
		for (k = 0; k < 64; k++)
			memory[0x1000 + k] = (uint8_t)rnd();
		for (k = 0x2000; k < 0x8000; k += 8) {
			uint64_t entry = (rnd() % 8) << 12 | (rnd() & 0xe7) | (rnd() % 16 ? 1 : 0);

			memcpy(memory + k, &entry, 8);
		}
		add_memory(s, 0, memory, sizeof(memory));
		set(s, F_EXIT_REASON, 2);
		set(s, F_GUEST_RIP, 0x1000 + i % 32);
		insn_examine(s);
		explain(s, &report);
		check_texts();
	}
}

static int setup(void **unused)
{
	(void)unused;
	load_all();
	return 0;
}

static int teardown(void **unused)
{
	unsigned i;

	(void)unused;
	for (i = 0; i < n_files; i++)
		free(files[i].text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_dumps),
		cmocka_unit_test(random_text),
		cmocka_unit_test(random_states),
		cmocka_unit_test(random_code),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
