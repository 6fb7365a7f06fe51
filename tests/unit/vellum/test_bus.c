/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "test.h"
#include "vellum/bus.h"

DEFINE_REPORT

/* Remembers the last access; reads give the offset in every byte. */
struct probe {
	uint64_t offset, value;
	unsigned int size, reads, writes;
};

static uint64_t probe_read(void *dev, uint64_t offset, unsigned int size)
{
	struct probe *p = dev;

	p->offset = offset;
	p->size = size;
	p->reads++;
	return offset * 0x0101010101010101ull;
}

static void probe_write(void *dev, uint64_t offset, unsigned int size,
			uint64_t value)
{
	struct probe *p = dev;

	p->offset = offset;
	p->size = size;
	p->value = value;
	p->writes++;
}

static const struct bus_ops probe_ops = { .read = probe_read, .write = probe_write };

static int add(struct bus *bus, uint64_t base, uint64_t len, unsigned int width,
	       struct probe *p)
{
	struct bus_range r = {
		.base = base, .len = len, .width = width, .name = "probe",
		.ops = &probe_ops, .dev = p,
	};

	return bus_add(bus, &r);
}

static void test_add_refuses_overlap_and_nonsense(void **state)
{
	struct bus bus = { 0 };
	struct probe p = { 0 };

	(void)state;
	assert_int_equal(add(&bus, 0x100, 0x10, 1, &p), 0);
	assert_int_equal(add(&bus, 0x10f, 1, 1, &p), -EEXIST);
	assert_int_equal(add(&bus, 0xff, 2, 1, &p), -EEXIST);
	assert_int_equal(add(&bus, 0, 0x1000, 1, &p), -EEXIST);
	assert_int_equal(add(&bus, 0x110, 1, 1, &p), 0);
	assert_int_equal(add(&bus, 0xff, 1, 1, &p), 0);
	assert_int_equal(add(&bus, 0x200, 0, 1, &p), -EINVAL);
	assert_int_equal(add(&bus, UINT64_MAX, 2, 1, &p), -EINVAL);
	assert_int_equal(add(&bus, UINT64_MAX, 1, 1, &p), 0);
	assert_ptr_equal(bus_find(&bus, UINT64_MAX)->dev, &p);
}

static void test_find_hits_edges(void **state)
{
	struct bus bus = { 0 };
	struct probe p[8];
	unsigned int i;

	(void)state;
	for (i = 0; i < 8; i++)		/* not in order */
		assert_int_equal(add(&bus, (i * 5 % 8) * 0x10, 8, 1,
				     &p[i * 5 % 8]), 0);
	for (i = 0; i < 8; i++) {
		assert_ptr_equal(bus_find(&bus, i * 0x10)->dev, &p[i]);
		assert_ptr_equal(bus_find(&bus, i * 0x10 + 7)->dev, &p[i]);
		assert_null(bus_find(&bus, i * 0x10 + 8));
	}
}

static void test_table_full(void **state)
{
	struct bus bus = { 0 };
	struct probe p = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < BUS_RANGES_MAX; i++)
		assert_int_equal(add(&bus, i, 1, 1, &p), 0);
	assert_int_equal(add(&bus, i, 1, 1, &p), -ENOSPC);
}

static void test_unknown_reads_ones(void **state)
{
	struct bus bus = { 0 };
	uint64_t v;

	(void)state;
	assert_false(bus_read(&bus, 0x80, 1, &v));
	assert_int_equal(v, 0xff);
	assert_false(bus_read(&bus, 0x80, 4, &v));
	assert_int_equal(v, 0xffffffff);
	assert_false(bus_read(&bus, 0x80, 8, &v));
	assert_true(v == UINT64_MAX);
	assert_false(bus_write(&bus, 0x80, 2, 0));
}

static void test_wide_access_to_narrow_device_splits(void **state)
{
	struct bus bus = { 0 };
	struct probe p = { 0 };
	uint64_t v;

	(void)state;
	add(&bus, 0x10, 4, 1, &p);
	assert_true(bus_read(&bus, 0x11, 2, &v));
	assert_int_equal(v, 0x0201);
	assert_int_equal(p.reads, 2);
	assert_true(bus_write(&bus, 0x10, 4, 0x44332211));
	assert_int_equal(p.writes, 4);
	assert_int_equal(p.offset, 3);
	assert_int_equal(p.value, 0x44);
}

static void test_access_over_an_edge(void **state)
{
	struct bus bus = { 0 };
	struct probe p = { 0 };
	uint64_t v;

	(void)state;
	add(&bus, 0x10, 4, 4, &p);
	assert_true(bus_read(&bus, 0x12, 4, &v));	/* half of it */
	assert_int_equal(v, 0xffff0202);
	assert_int_equal(p.size, 2);
	assert_true(bus_read(&bus, 0xf, 2, &v));
	assert_int_equal(v, 0x00ff);
	assert_true(bus_read(&bus, 0xf, 4, &v));	/* 1, then 2, then 1 */
	assert_int_equal(v, 0x020000ff);
	assert_int_equal(p.size, 1);
	assert_true(bus_write(&bus, 0xd, 8, 0x8877665544332211));
	assert_int_equal(p.value, 0x77665544 >> 0);
}

static void test_gap_before_a_neighbour(void **state)
{
	struct bus bus = { 0 };
	struct probe p = { 0 };
	uint64_t v;

	(void)state;
	add(&bus, 0x12, 1, 1, &p);
	assert_true(bus_read(&bus, 0x10, 4, &v));
	assert_int_equal(v, 0xff00ffff);
	assert_false(bus_read(&bus, 0x10, 2, &v));
	assert_false(bus_read(&bus, 0x13, 8, &v));
	assert_int_equal(p.reads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_refuses_overlap_and_nonsense),
		cmocka_unit_test(test_find_hits_edges),
		cmocka_unit_test(test_table_full),
		cmocka_unit_test(test_unknown_reads_ones),
		cmocka_unit_test(test_wide_access_to_narrow_device_splits),
		cmocka_unit_test(test_access_over_an_edge),
		cmocka_unit_test(test_gap_before_a_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
