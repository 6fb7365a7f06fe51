/* SPDX-License-Identifier: MIT */
/* Saved dumps of every format, from tests/data/explain, and what they are said to show. */
#include <ctype.h>
#include <glob.h>

#include "fixture.h"

#include "../../../vellum/explain/insn.h"
#include "../../../vellum/explain/render.h"

static struct dump dump;

static char *load(const char *name, size_t *size)
{
	char path[256], *text;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "tests/data/explain/", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: run from the top of the tree", path);
	text = calloc(1, 1 << 20);
	*size = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return text;
}

static bool parse(const char *name, unsigned nth)
{
	size_t size;
	char *text = load(name, &size);
	bool ok;

	dump_free(&dump);
	ok = dump_parse(&dump, text, size, nth);
	free(text);
	if (ok) {
		insn_examine(&dump.s);
		explain(&dump.s, &report);
	}
	return ok;
}

static bool parse_text(const char *text)
{
	dump_free(&dump);
	if (!dump_parse(&dump, text, strlen(text), 0))
		return false;
	insn_examine(&dump.s);
	explain(&dump.s, &report);
	return true;
}

static bool remarks(const char *what)
{
	unsigned i;

	for (i = 0; i < dump.n_remarks; i++)
		if (strstr(dump.remark[i], what))
			return true;
	return false;
}

/* Just these rules, in any order. */
static void violates(unsigned n, const char *const *rules)
{
	unsigned i;

	if (report.n_findings != n)
		print_findings(&report);
	assert_int_equal(report.n_findings, n);
	for (i = 0; i < n; i++)
		if (!finds(&report, rules[i]))
			fail_msg("%s is not found", rules[i]);
}

#define VIOLATES(...) do {							\
	static const char *const r_[] = { __VA_ARGS__ };			\
	violates(sizeof(r_) / sizeof(r_[0]), r_);				\
} while (0)

static uint64_t vmcb(uint32_t offset)
{
	uint64_t v;

	assert_true(explain_get_vmcb(&dump.s, offset, &v));
	return v;
}

/* -- The listing of 2012 --------------------------------------------------------------------- */

static void the_triple_fault_of_2012(void **unused)
{
	(void)unused;
	assert_true(parse("vmmctl-2012-after.txt", 0));
	assert_string_equal(dump.format, "a bhyvectl --get-all listing");
	assert_int_equal(dump.unknown, 0);
	assert_int_equal(report.n_findings, 0);		/* nothing legal is blamed */
	assert_true(report.triple_fault);
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	assert_int_equal(report.n_steps, 2);
	assert_int_equal(report.step[0].vector, VEC_GP);
	assert_int_equal(report.step[1].vector, VEC_DF);
	assert_non_null(strstr(report.step[0].delivery, "bytes 52 to 55"));
	assert_non_null(strstr(report.step[1].delivery, "bytes 32 to 35"));
	assert_non_null(strstr(report.conclusion, "The limit of CS is 0x0"));
	assert_string_equal(report.advice[0].field, "GUEST_CS_LIMIT");
	assert_int_equal(report.advice[0].value, 0xffff);
	assert_true(report.advice[0].root);
	assert_false(report.advice[1].root);
	assert_true(remarks("host_rip stands there twice"));
	assert_int_equal(get(&dump.s, F_HOST_RSP), 0xffffff8002aaa000);
	assert_int_equal(get(&dump.s, F_GUEST_CS_AR), 0x209b);
}

/* Before its first run: no exit, but an entry would fail without unrestricted guest. */
/* As its author published them: both listings in one text. The one that failed counts. */
static void both_listings_of_2012(void **unused)
{
	(void)unused;
	assert_true(parse("vmmctl-2012-both.txt", 0));
	assert_int_equal(dump.dumps, 2);
	assert_int_equal(dump.nth, 2);
	assert_true(report.triple_fault);
	assert_int_equal(get(&dump.s, F_GUEST_CR0), 0x30);
	assert_int_equal(report.n_findings, 0);
	assert_true(parse("vmmctl-2012-both.txt", 1));
	assert_int_equal(get(&dump.s, F_GUEST_CR0), 0x20);
}

static void the_state_before_it(void **unused)
{
	(void)unused;
	assert_true(parse("vmmctl-2012-before.txt", 0));
	assert_true(report.no_exit);
	assert_false(report.triple_fault);
	VIOLATES("guest.cr0");
	assert_non_null(strstr(report.finding[0].detail, "bits 0, 31 must be 1"));
}

/* The cure works: with what the advice says to set nothing faults any more. */
static void the_advice_cures_it(void **unused)
{
	unsigned i;

	(void)unused;
	assert_true(parse("vmmctl-2012-after.txt", 0));
	for (i = 0; i < report.n_advice; i++) {
		unsigned k;

		for (k = 0; k < vmcs_field_count; k++)
			if (!strcmp(vmcs_fields[k].name, report.advice[i].field))
				dump.s.vmcs[k] = report.advice[i].value;
	}
	assert_true(dump_add_memory(&dump, SPACE_PHYSICAL, 0, (const uint8_t *)"\x0f\x01\xc1", 3));
	insn_examine(&dump.s);
	explain(&dump.s, &report);
	assert_int_equal(report.n_findings, 0);
	assert_int_equal(report.n_steps, 0);
	assert_int_equal(report.n_advice, 0);
	assert_int_equal(report.verdict, VERDICT_OPEN);
}

static void newer_bhyvectl(void **unused)
{
	(void)unused;
	assert_true(parse("bhyvectl-intel.txt", 0));
	assert_int_equal(dump.s.vendor, EXPLAIN_VMX);
	assert_int_equal(dump.unknown, 0);
	VIOLATES("exec.eptp.reserved", "entry.event.error-code");
	assert_true(report.entry_failed);
	assert_int_equal(dump.s.gpr[GPR_RAX], 5);
	assert_true(dump.s.cr2_known);
	assert_true(parse("bhyvectl-amd.txt", 0));
	assert_int_equal(dump.s.vendor, EXPLAIN_SVM);
	assert_int_equal(dump.unknown, 0);
	VIOLATES("svm.vmrun");
	assert_int_equal(vmcb(offsetof(struct vmcb, s.cs.attrib)), 0xa9b);
}

/* -- KVM ---------------------------------------------------------------------------------------- */

static void kvm_legal_exit(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-legal-exit.txt", 0));
	assert_string_equal(dump.format, "KVM's VMCS dump");
	assert_int_equal(dump.unknown + dump.n_remarks, 0);
	assert_int_equal(report.n_findings, 0);
	assert_false(report_found(&report));
	assert_non_null(strstr(report.exit, "EPT violation"));
	assert_int_equal(get(&dump.s, F_GUEST_GS_BASE), 0xffff88803ec00000);
	assert_int_equal(get(&dump.s, F_GUEST_SYSENTER_EIP), 0xffffffff81a01580);
	assert_int_equal(get(&dump.s, F_HOST_SYSENTER_CS), 0x10);
	assert_int_equal(get(&dump.s, F_VIRTUAL_APIC_ADDR), 0x12c5a9000);
	assert_int_equal(get(&dump.s, F_VPID), 1);
	assert_int_equal(get(&dump.s, F_PROC_CTLS3), 0);
}

static void kvm_interrupt_shadow_after_smi(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-sti-after-smi.txt", 0));
	VIOLATES("guest.interruptibility.sti");
	/* General registers and code come from QEMU's lines, the VMCS from KVM's. */
	assert_int_equal(dump.s.gpr[GPR_RBX], 0x0be11a40);
	assert_int_equal(get(&dump.s, F_GUEST_GDTR_BASE), 0xfffffe0000001000);
	assert_int_equal(dump.s.insn.length, 3);
	assert_int_equal(dump.n_remarks, 0);
}

/* KVM's dump lacks the VM-instruction error; QEMU has said it. */
static void kvm_vmfail(void **unused)
{
	size_t size;
	char *text = load("kvm-legal-exit.txt", &size);

	(void)unused;
	strcat(text, "qemu: KVM: entry failed, hardware error 0x7\n");
	assert_true(parse_text(text));
	assert_true(report.entry_failed);
	assert_non_null(strstr(report.exit, "error 7"));
	text[size] = 0;
	strcat(text, "qemu: KVM: entry failed, hardware error 0x0\n");
	assert_true(parse_text(text));
	assert_false(report.entry_failed);
	assert_true(remarks("hardware error 0"));
	free(text);
}

/* No rule is violated, but a CR4 bit that the host doesn't have is suspicious. */
static void suspects_of_an_unexplained_failure(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-legal-exit.txt", 0));
	set(&dump.s, F_EXIT_REASON, 0x80000021);
	set(&dump.s, F_GUEST_CR4, get(&dump.s, F_GUEST_CR4) | BIT(22));
	explain(&dump.s, &report);
	assert_int_equal(report.n_findings, 0);
	assert_non_null(strstr(report.conclusion, "guest CR4 has PKE"));
	assert_false(report_found(&report));
}

static void kvm_in_a_mail(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-v86-quoted.txt", 0));
	VIOLATES("guest.FS.v86.ar", "guest.GS.v86.base");
	assert_int_equal(get(&dump.s, F_CR0_MASK), 0xfffffffffffffff7);
	assert_int_equal(get(&dump.s, F_GUEST_TR_BASE), 0xfffbd000);
	assert_int_equal(dump.unknown + dump.n_remarks, 0);
}

static void kvm_two_dumps(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-two-vcpus.txt", 0));
	assert_int_equal(dump.dumps, 2);
	assert_int_equal(dump.nth, 2);
	VIOLATES("guest.TR.type", "guest.TR.present", "guest.TR.unusable", "guest.gdtr.base",
		 "guest.rflags.if");
	assert_true(parse("kvm-two-vcpus.txt", 1));
	assert_int_equal(report.n_findings, 0);
	assert_int_equal(dump.unknown, 1);
	assert_false(parse("kvm-two-vcpus.txt", 3));
	assert_non_null(strstr(dump.refusal, "only 2"));
}

static void kvm_msr_list(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-msr-load.txt", 0));
	VIOLATES("msr.base");
	assert_non_null(strstr(report.exit, "entry 2"));
	assert_non_null(strstr(report.finding[0].detail, "entry 2: MSR 0xc0000101 (IA32_GS_BASE)"));
}

static void kvm_truncated(void **unused)
{
	(void)unused;
	assert_true(parse("kvm-truncated.txt", 0));
	assert_true(remarks("not complete"));
	assert_int_equal(report.n_findings, 0);
	assert_true(report.n_unchecked > 50);
}

static void svm_dumps(void **unused)
{
	(void)unused;
	assert_true(parse("svm-no-svme.txt", 0));
	assert_string_equal(dump.format, "KVM's VMCB dump");
	VIOLATES("svm.efer.svme", "svm.asid");
	assert_int_equal(dump.unknown + dump.n_remarks, 0);
	assert_int_equal(vmcb(offsetof(struct vmcb, c.misc2)), 0x1267f);
	assert_int_equal(vmcb(offsetof(struct vmcb, c.pause_threshold)), 128);
	assert_int_equal(vmcb(offsetof(struct vmcb, s.tr.base)), 0xfffffe0000003000);
	assert_true(parse("svm-old-cr.txt", 0));
	VIOLATES("svm.cr0.nw", "svm.cr3");
	assert_int_equal(vmcb(offsetof(struct vmcb, c.misc1)), 0xbc4c8027);
	assert_true(parse("svm-legal-exit.txt", 0));
	assert_int_equal(report.n_findings, 0);
	assert_false(report_found(&report));
	assert_true(parse("svm-shutdown.txt", 0));
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
}

static void qemu_registers_alone(void **unused)
{
	(void)unused;
	assert_true(parse("qemu-triple-fault.txt", 0));
	assert_true(report.triple_fault);
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
	assert_int_equal(report.step[0].vector, VEC_UD);
	assert_int_equal(report.n_findings, 0);
	assert_int_equal(get(&dump.s, F_GUEST_CS_AR), 0xa09b);
	assert_string_equal(dump.s.insn.text, "ud2");
}

/* -- JSON ---------------------------------------------------------------------------------------- */

static void json_states(void **unused)
{
	(void)unused;
	assert_true(parse("real-mode.json", 0));
	assert_int_equal(dump.unknown, 1);
	assert_string_equal(dump.unknown_name[0], "NO_SUCH_FIELD");
	assert_int_equal(report.step[0].vector, VEC_GP);
	assert_non_null(strstr(report.step[0].raised, "3 bytes long"));
	assert_int_equal(get(&dump.s, F_PROC_CTLS2), 0xa2);	/* by the manual's name */
	assert_true(parse("page-fault.json", 0));
	assert_int_equal(dump.s.phys_bits, 39);
	assert_int_equal(report.n_steps, 2);
	assert_int_equal(report.step[0].vector, VEC_PF);
	assert_int_equal(report.verdict, VERDICT_SHUTDOWN);
}

static void json_that_is_wrong(void **unused)
{
	(void)unused;
	assert_false(parse_text("{ \"vendor\": \"vmx\" "));
	assert_non_null(strstr(dump.refusal, "line 1"));
	assert_false(parse_text("{}"));
	assert_false(parse_text("{\"vendor\":\"vmx\",\"fields\":[]}"));
	assert_false(parse_text("{\"vendor\":\"arm\",\"fields\":{}}"));
	assert_non_null(strstr(dump.refusal, "arm"));
	assert_false(parse_text("{\"vendor\":\"vmx\",\"fields\":{}}"));
	assert_false(parse_text("{\"vendor\":\"vmx\",\"fields\":{\"GUEST_CR0\":1,\"GUEST_CR0\":2}}"));
	assert_true(parse_text("{\"vendor\":\"vmx\",\"fields\":{\"GUEST_CR0\":\"0x30\",\"GUEST_CR3\":-1,"
			       "\"GUEST_CR4\":\"0x10000000000000000\",\"VPID\":65536,"
			       "\"EXIT_REASON\":\"two\"}}"));
	assert_int_equal(dump.values, 1);
	assert_int_equal(dump.n_remarks, 4);
}

/* What vellum vmcs --json writes. */
static void our_own_json(void **unused)
{
	(void)unused;
	assert_true(parse_text("{\"vm\": \"x\", \"vendor\": \"VMX\", \"fields\": {\"GUEST_CR4\": "
			       "{\"title\": \"Guest CR4\", \"value\": \"0x20\", \"decoded\": \"PAE\"}}}"));
	assert_int_equal(dump.n_remarks, 0);
	VIOLATES("guest.cr4");
}

static void contradictions_and_absurd_values(void **unused)
{
	(void)unused;
	assert_true(parse_text("cr0[0]\t0x30\ncr0[0]\t0x31\nrip[0]\t0x0\nvpid[0]\t0x12345\n"
			       "eptp[0]\t0x12345678901234567\nexit_reason[0] 0x2\ncs desc[0] 0x0/0x0\n"
			       "nonsense[0]\t0x1\n"));
	assert_int_equal(get(&dump.s, F_GUEST_CR0), 0x30);
	assert_true(remarks("cr0 is given as 0x30 and as 0x31"));
	assert_true(remarks("vpid: 0x12345 doesn't fit"));
	assert_true(remarks("eptp has no readable value"));
	assert_true(remarks("cs desc is cut short"));
	assert_int_equal(dump.unknown, 1);
}

/* -- What isn't read -------------------------------------------------------------------------------- */

static void others_dumps_are_refused_by_name(void **unused)
{
	(void)unused;
	assert_false(parse("foreign-xen.txt", 0));
	assert_non_null(strstr(dump.refusal, "Xen's"));
	assert_false(parse("foreign-oops.txt", 0));
	assert_non_null(strstr(dump.refusal, "oops"));
	assert_false(parse("kvm-not-dumped.txt", 0));
	assert_non_null(strstr(dump.refusal, "dump_invalid_vmcs"));
	assert_false(parse_text(""));
	assert_non_null(strstr(dump.refusal, "empty"));
	assert_false(parse_text(" \n\t\n"));
	assert_false(parse_text("hello, world\n"));
	assert_non_null(strstr(dump.refusal, "no known dump"));
	assert_false(dump_parse(&dump, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0\1\0\0\0\0\0\0\0\0\0\0\0"
				"\0\0\0\0\0\0\0\0\0\0\0\0", 44, 0));
	assert_non_null(strstr(dump.refusal, "not a text file"));
	assert_false(parse_text("*** Guest State ***\n"));
	assert_non_null(strstr(dump.refusal, "not one value"));
}

/* Text and JSON of every dump: JSON is well-formed, neither is empty. */
static void reports_can_be_printed(void **unused)
{
	static const char *const names[] = {
		"vmmctl-2012-after.txt", "kvm-two-vcpus.txt", "svm-no-svme.txt", "page-fault.json",
		"bhyvectl-intel.txt", "kvm-truncated.txt", "qemu-triple-fault.txt",
	};
	unsigned i;

	(void)unused;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = NULL, *json = NULL;
		size_t size;
		FILE *f;

		assert_true(parse(names[i], 0));
		f = open_memstream(&text, &size);
		report_text(f, &dump.s, &report, &dump, true);
		fclose(f);
		assert_true(size > 200);
		assert_null(strstr(text, " \n"));
		f = open_memstream(&json, &size);
		report_json(f, &dump.s, &report, &dump);
		fclose(f);
		assert_true(size > 200 && json[0] == '{' && strstr(json, "\"violations\""));
		free(text);
		free(json);
	}
}

static int tidy(void **unused)
{
	(void)unused;
	dump_free(&dump);
	return 0;
}

/* -- tests/data/explain/cases ------------------------------------------------------------- */

/* "# expect: RULE RULE": just these, in any order. */
static void expect_rules(const char *name, char *list)
{
	unsigned n = 0;
	char *word, *rest = NULL;

	for (word = strtok_r(list, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		n++;
		if (!finds(&report, word)) {
			print_findings(&report);
			fail_msg("%s: %s is not found", name, word);
		}
	}
	if (n == report.n_findings)
		return;
	print_findings(&report);
	fail_msg("%s: %u findings, wanted %u", name, report.n_findings, n);
}

/* The report as one line. */
static char *one_line(void)
{
	char *text = NULL, *from, *to;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_text(f, &dump.s, &report, &dump, true);
	fclose(f);
	for (from = to = text; *from; from++)
		if (!isspace((unsigned char)*from) || (to > text && to[-1] != ' '))
			*to++ = isspace((unsigned char)*from) ? ' ' : *from;
	*to = 0;
	return text;
}

static void run_case(const char *path)
{
	static char line[4096];
	char *text, *end;
	FILE *f;

	assert_true(parse(path, 0));
	if ((dump.n_remarks && !dump.s.guest_only) || dump.unknown)
		fail_msg("%s: %s%s", path, dump.remark[0], dump.unknown_name[0]);
	text = one_line();
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f) && line[0] == '#') {
		end = line + strcspn(line, "\n");
		*end = 0;
		if (!strncmp(line, "# expect:", 9))
			expect_rules(path, line + 9);
		else if (!strncmp(line, "# says: ", 8) && !strcasestr(text, line + 8))
			fail_msg("%s: it doesn't say \"%s\" but %s", path, line + 8, text);
	}
	fclose(f);
	free(text);
}

/* Invented dumps with one known cause, or several, or none: just these are named. */
static void dumps_with_known_causes(void **unused)
{
	glob_t files;
	size_t i;

	(void)unused;
	assert_int_equal(glob("tests/data/explain/cases/*.txt", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 90);
	for (i = 0; i < files.gl_pathc; i++)
		run_case(files.gl_pathv[i]);
	print_message("# %zu dumps\n", files.gl_pathc);
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_with_known_causes),
		cmocka_unit_test(the_triple_fault_of_2012),
		cmocka_unit_test(both_listings_of_2012),
		cmocka_unit_test(the_state_before_it),
		cmocka_unit_test(the_advice_cures_it),
		cmocka_unit_test(newer_bhyvectl),
		cmocka_unit_test(kvm_legal_exit),
		cmocka_unit_test(kvm_interrupt_shadow_after_smi),
		cmocka_unit_test(kvm_vmfail),
		cmocka_unit_test(suspects_of_an_unexplained_failure),
		cmocka_unit_test(kvm_in_a_mail),
		cmocka_unit_test(kvm_two_dumps),
		cmocka_unit_test(kvm_msr_list),
		cmocka_unit_test(kvm_truncated),
		cmocka_unit_test(svm_dumps),
		cmocka_unit_test(qemu_registers_alone),
		cmocka_unit_test(json_states),
		cmocka_unit_test(json_that_is_wrong),
		cmocka_unit_test(our_own_json),
		cmocka_unit_test(contradictions_and_absurd_values),
		cmocka_unit_test(others_dumps_are_refused_by_name),
		cmocka_unit_test(reports_can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, tidy);
}
