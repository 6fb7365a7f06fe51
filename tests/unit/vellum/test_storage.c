/* SPDX-License-Identifier: MIT */
/* The words of --disk and --cdrom. */
#include "test.h"
#include "vellum/machine.h"

DEFINE_REPORT

static struct storage s;

static void check(const char *value, const char *path, bool ro,
		  enum storage_bus bus)
{
	assert_int_equal(storage_parse(&s, value, STORAGE_DISK), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.unit[0].path, path);
	assert_int_equal(s.unit[0].readonly, ro);
	assert_int_equal(s.unit[0].bus, bus);
	storage_close(&s);
}

static void test_words(void **state)
{
	(void)state;
	check("a.img", "a.img", false, STORAGE_VIRTIO);
	check("a.img,ro", "a.img", true, STORAGE_VIRTIO);
	check("a.img,bus=ata", "a.img", false, STORAGE_ATA);
	check("a.img,ro,bus=ata", "a.img", true, STORAGE_ATA);
	check("a.img,bus=ata,ro", "a.img", true, STORAGE_ATA);
	check("/dev/sda,bus=virtio", "/dev/sda", false, STORAGE_VIRTIO);
	check("a,b.img", "a,b.img", false, STORAGE_VIRTIO);
	check("a,b,ro", "a,b", true, STORAGE_VIRTIO);
}

static void test_refusals(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(storage_parse(&s, "", STORAGE_DISK), -1);
	assert_int_equal(storage_parse(&s, ",ro", STORAGE_DISK), -1);
	assert_int_equal(storage_parse(&s, "a.img,bus=scsi", STORAGE_DISK), -1);
	assert_int_equal(storage_parse(&s, "a.img,bus=", STORAGE_DISK), -1);
	assert_int_equal(s.n, 0);
	for (i = 0; i < STORAGE_MAX; i++)
		assert_int_equal(storage_parse(&s, "a", i % 2 ? STORAGE_CDROM : STORAGE_DISK), 0);
	assert_int_equal(storage_parse(&s, "a", STORAGE_DISK), -1);
	storage_close(&s);
}

static void test_cds_are_read_by_ata(void **state)
{
	(void)state;
	assert_int_equal(storage_parse(&s, "cd,ro.iso", STORAGE_CDROM), 0);
	assert_string_equal(s.unit[0].path, "cd,ro.iso");
	assert_true(s.unit[0].kind == STORAGE_CDROM && s.unit[0].readonly);
	assert_int_equal(s.unit[0].bus, STORAGE_ATA);
	assert_true(strlen(s.unit[0].id) <= VIRTIO_BLK_ID_LEN);
	storage_close(&s);
}

static void test_floppies(void **state)
{
	(void)state;
	assert_int_equal(storage_parse(&s, "a,bus=ata,ro", STORAGE_FLOPPY), 0);
	assert_string_equal(s.unit[0].path, "a,bus=ata");
	assert_true(s.unit[0].readonly);
	assert_int_equal(s.unit[0].bus, STORAGE_FDC);
	assert_int_equal(storage_parse(&s, "b", STORAGE_FLOPPY), 0);
	assert_false(s.unit[1].readonly);
	assert_int_equal(storage_parse(&s, "c", STORAGE_FLOPPY), -1);
	storage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_cds_are_read_by_ata),
		cmocka_unit_test(test_floppies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
