/* SPDX-License-Identifier: MIT */
/* The field table against the SDM's structure of an encoding, and the typed access. */
#include "fixture.h"

static void test_width_and_area_agree_with_the_encoding(void **state)
{
	unsigned i;

	(void)state;
	assert_true(vmcs_field_count == VMCS_FIELD_COUNT && vmcs_field_count > 180);
	for (i = 0; i < vmcs_field_count; i++) {
		const struct vmcs_field *f = &vmcs_fields[i];

		assert_int_equal(f->width, VMCS_ENCODING_WIDTH(f->encoding));
		assert_int_equal(f->area, VMCS_ENCODING_AREA(f->encoding));
		assert_int_equal(f->writable, f->area != VMCS_AREA_EXIT);
		assert_int_equal(f->encoding & 1, 0);	/* full access */
		assert_true(f->name[0] && f->title[0]);
	}
}

static void test_encodings_rise(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < vmcs_field_count; i++)
		assert_true(vmcs_fields[i].encoding > vmcs_fields[i - 1].encoding);
}

static void test_well_known_encodings(void **state)
{
	(void)state;
	assert_int_equal(VMCS_GUEST_RIP.encoding, 0x681e);
	assert_int_equal(VMCS_HOST_RIP.encoding, 0x6c16);
	assert_int_equal(VMCS_HOST_RSP.encoding, 0x6c14);
	assert_int_equal(VMCS_EXIT_REASON.encoding, 0x4402);
	assert_int_equal(VMCS_EPT_POINTER.encoding, 0x201a);
	assert_int_equal(VMCS_GUEST_TR_AR.encoding, 0x4822);
	assert_int_equal(VMCS_GUEST_PHYSICAL_ADDRESS.encoding, 0x2400);
	assert_int_equal(VMCS_GUEST_INTERRUPTIBILITY.encoding, 0x4824);
	assert_int_equal(VMCS_GUEST_PDPTE3.encoding, 0x2810);
	assert_int_equal(VMCS_PROC_CTLS2.encoding, 0x401e);
}

static void test_typed_access_reaches_the_field(void **state)
{
	(void)state;
	vmcs_write(VMCS_GUEST_RIP, 0x123456789abcull);
	vmcs_write(VMCS_GUEST_ES_SELECTOR, 0x33);
	vmcs_write(VMCS_GUEST_ES_LIMIT, 0xffffffff);
	assert_true(vmcs_read(VMCS_GUEST_RIP) == 0x123456789abcull);
	assert_int_equal(vmcs_read(VMCS_GUEST_ES_SELECTOR), 0x33);
	assert_int_equal(vmcs_read(VMCS_GUEST_ES_LIMIT), 0xffffffff);
	assert_int_equal(sizeof(vmcs_read(VMCS_GUEST_ES_SELECTOR)), 2);
	assert_int_equal(sizeof(vmcs_read(VMCS_EXIT_REASON)), 4);
}

static void test_every_reason_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(vmx_exit_name(REASON_EPT_VIOLATION), "EPT violation");
	assert_string_equal(vmx_exit_name(0), "Exception or non-maskable interrupt (NMI)");
	assert_null(vmx_exit_name(35));
	assert_null(vmx_exit_name(100));
	assert_non_null(vmx_exit_name(EXIT_VMFAIL));
	assert_true(EXIT_VMFAIL < EXIT_REASONS);
}

static unsigned dumped;

static void count_field(void *arg, const struct vmcs_field *f, u64 val)
{
	if (f->encoding == VMCS_GUEST_RIP.encoding)
		*(u64 *)arg = val;
	dumped++;
}

static void test_dump_gives_every_field(void **state)
{
	u64 rip = 0;

	(void)state;
	vmcs_write(VMCS_GUEST_RIP, 0x777);
	vmx_dump(v, count_field, &rip);
	assert_int_equal(dumped, vmcs_field_count);
	assert_int_equal(rip, 0x777);
}

#define VCPU(test) cmocka_unit_test_setup_teardown(test, vcpu_up, vcpu_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width_and_area_agree_with_the_encoding),
		cmocka_unit_test(test_encodings_rise),
		cmocka_unit_test(test_well_known_encodings),
		cmocka_unit_test(test_every_reason_has_a_name),
		VCPU(test_typed_access_reaches_the_field),
		VCPU(test_dump_gives_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
