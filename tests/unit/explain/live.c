/* SPDX-License-Identifier: MIT */
/* What `vellum run` asks: states as KVM_GET_REGS and KVM_GET_SREGS give them. */
#include "fixture.h"

#include "../../../vellum/explain/from_kvm.h"

static struct kvm_regs regs;
static struct kvm_sregs sregs;
static uint8_t ram[0x4000];
static char *text;

static bool read_ram(void *arg, uint64_t gpa, void *to, unsigned size)
{
	(void)arg;
	if (gpa >= sizeof(ram) || size > sizeof(ram) - gpa)
		return false;
	memcpy(to, ram + gpa, size);
	return true;
}

static struct kvm_segment seg(uint16_t sel, uint64_t base, uint32_t limit, uint32_t ar)
{
	return (struct kvm_segment){
		.base = base, .limit = limit, .selector = sel, .type = ar & 15, .s = ar >> 4 & 1,
		.dpl = ar >> 5 & 3, .present = ar >> 7 & 1, .l = ar >> 13 & 1, .db = ar >> 14 & 1,
		.g = ar >> 15 & 1, .unusable = ar >> 16 & 1,
	};
}

/* A vCPU as it comes from reset. */
static void after_reset(void)
{
	memset(&regs, 0, sizeof(regs));
	memset(&sregs, 0, sizeof(sregs));
	memset(ram, 0, sizeof(ram));
	regs.rip = 0xfff0;
	regs.rflags = 2;
	sregs.cr0 = 0x60000010;
	sregs.cs = seg(0xf000, 0xffff0000, 0xffff, 0x9b);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = seg(0, 0, 0xffff, 0x93);
	sregs.ldt = seg(0, 0, 0xffff, 0x82);
	sregs.tr = seg(0, 0, 0xffff, 0x8b);
	sregs.gdt.limit = sregs.idt.limit = 0xffff;
}

static void long_mode(void)
{
	after_reset();
	regs.rip = 0x1000;
	sregs.cr0 = 0x80000011;
	sregs.cr3 = 0x2000;
	sregs.cr4 = 0x20;
	sregs.efer = 0x500;
	sregs.cs = seg(8, 0, 0xffffffff, 0xa09b);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = seg(16, 0, 0xffffffff, 0xc093);
}

static bool ask(enum explain_why why, bool amd, uint64_t reason)
{
	struct explain_kvm k = {
		.why = why, .amd = amd, .hardware_reason = reason, .regs = &regs, .sregs = &sregs,
		.read = read_ram,
	};
	size_t size;
	FILE *f;
	bool found;

	free(text);
	f = open_memstream(&text, &size);
	found = explain_from_kvm_state(f, &k);
	fclose(f);
	return found;
}

static void legal_states_are_silent(void **unused)
{
	unsigned amd;

	(void)unused;
	for (amd = 0; amd < 2; amd++) {
		after_reset();
		if (ask(EXPLAIN_LINT, amd, 0))
			fail_msg("%s", text);
		assert_string_equal(text, "");
		long_mode();
		if (ask(EXPLAIN_LINT, amd, 0))
			fail_msg("%s", text);
		/* As many a loader leaves them: types not accessed, a TSS not busy, nulls. */
		sregs.ds.type = sregs.ss.type = 2;
		sregs.cs.type = 10;
		sregs.tr.type = 9;
		sregs.fs = seg(0, 0, 0, 0);
		sregs.ldt = seg(0, 0, 0, 0);
		if (ask(EXPLAIN_LINT, amd, 0))
			fail_msg("%s", text);
	}
}

static void illegal_states_are_named(void **unused)
{
	(void)unused;
	long_mode();
	sregs.cs.db = 1;
	assert_true(ask(EXPLAIN_LINT, false, 0));
	assert_non_null(strstr(text, "guest.CS.l-db"));
	assert_true(ask(EXPLAIN_LINT, true, 0));
	assert_non_null(strstr(text, "svm.cs.l-d"));
	long_mode();
	sregs.cr4 = 0;
	assert_true(ask(EXPLAIN_LINT, false, 0));
	assert_non_null(strstr(text, "guest.ia32e.pae"));
	assert_true(ask(EXPLAIN_FAIL_ENTRY, true, ~0ull));
	assert_non_null(strstr(text, "svm.long.pae"));
	assert_true(ask(EXPLAIN_FAIL_ENTRY, false, 0x80000021));
	assert_non_null(strstr(text, "guest state invalid"));
	after_reset();
	sregs.cs.limit = 0xffffffff;
	assert_true(ask(EXPLAIN_LINT, false, 0));
	assert_non_null(strstr(text, "guest.CS.g"));
}

static void triple_faults_are_followed_through_memory(void **unused)
{
	unsigned amd;

	(void)unused;
	for (amd = 0; amd < 2; amd++) {
		long_mode();
		sregs.idt.limit = 0xfff;
		assert_true(ask(EXPLAIN_SHUTDOWN, amd, 0));
		assert_non_null(strstr(text, "its PML4E at guest-physical 0x2000 is 0x0, not present"));
		assert_non_null(strstr(text, "double fault (#DF)"));
	}
}

static void the_state_of_2012(void **unused)
{
	unsigned amd;

	(void)unused;
	for (amd = 0; amd < 2; amd++) {
		after_reset();
		memcpy(ram, "\x0f\x01\xc1", 3);
		regs.rip = 0;
		sregs.cr0 = 0x20;
		sregs.cs = seg(0, 0, 0, 0x209b);
		sregs.idt.limit = 0;
		assert_true(ask(EXPLAIN_SHUTDOWN, amd, 0));
		assert_non_null(strstr(text, "The limit of CS is 0x0"));
		assert_non_null(strstr(text, "CS_LIMIT = 0xffff"));
	}
}

static int tidy(void **unused)
{
	(void)unused;
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_states_are_silent),
		cmocka_unit_test(illegal_states_are_named),
		cmocka_unit_test(triple_faults_are_followed_through_memory),
		cmocka_unit_test(the_state_of_2012),
	};

	return cmocka_run_group_tests(tests, NULL, tidy);
}
