/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "vellum/acpi/tables.h"

DEFINE_REPORT

#define GPA	0xe0000u
#define LEN	0x20000u

static uint8_t mem[LEN];

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static uint8_t *at(uint64_t gpa)
{
	assert_in_range(gpa, GPA, GPA + LEN - 1);
	return mem + (gpa - GPA);
}

static bool sums_to_zero(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static uint8_t *table(const char *signature)
{
	uint8_t *xsdt = at(get64(mem + 24));
	uint32_t i, n = (get32(xsdt + 4) - 36) / 8;

	for (i = 0; i < n; i++) {
		uint8_t *t = at(get64(xsdt + 36 + 8 * i));

		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

static void build(unsigned int cpus, bool pin2)
{
	struct acpi_config c = { .cpus = cpus, .pit_on_pin2 = pin2 };
	struct vmm_error e;

	memset(mem, 0xaa, sizeof(mem));
	assert_int_equal(acpi_build(mem, GPA, LEN, &c, &e), 0);
}

static void test_chain_and_checksums(void **state)
{
	uint8_t *fadt, *dsdt;

	(void)state;
	build(1, true);
	assert_memory_equal(mem, "RSD PTR ", 8);
	assert_true(sums_to_zero(mem, 20));
	assert_true(sums_to_zero(mem, 36));
	assert_true(sums_to_zero(at(get64(mem + 24)),
				 get32(at(get64(mem + 24)) + 4)));
	fadt = table("FACP");
	assert_non_null(fadt);
	assert_true(sums_to_zero(fadt, get32(fadt + 4)));
	dsdt = at(get32(fadt + 40));
	assert_ptr_equal(dsdt, at(get64(fadt + 140)));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_true(sums_to_zero(dsdt, get32(dsdt + 4)));
	assert_memory_equal(at(get32(fadt + 36)), "FACS", 4);
	assert_int_equal(get32(fadt + 36) % 64, 0);
	assert_int_equal(get32(fadt + 76), 0x608);	/* PM timer */
	assert_int_equal(fadt[108], 0x32);		/* century */
}

/* SeaBIOS looks for the keyboard in the DSDT alone. */
static void test_a_board_is_in_the_dsdt(void **state)
{
	static const uint8_t pnp0303[] = { 0x41, 0xd0, 0x03, 0x03 };
	struct acpi_config c = { .cpus = 1, .pci = true };
	struct vmm_error e;
	uint8_t *dsdt, *fadt;

	(void)state;
	build(1, true);
	fadt = table("FACP");
	assert_int_equal(fadt[109] & 0x04, 0x04);	/* no VGA */
	dsdt = at(get32(fadt + 40));
	assert_null(memmem(dsdt, get32(dsdt + 4), pnp0303, 4));
	c.vga = true;
	assert_int_equal(acpi_build(mem, GPA, LEN, &c, &e), 0);
	fadt = table("FACP");
	assert_int_equal(fadt[109] & 0x04, 0);
	dsdt = at(get32(fadt + 40));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_true(sums_to_zero(dsdt, get32(dsdt + 4)));
	assert_non_null(memmem(dsdt, get32(dsdt + 4), pnp0303, 4));
	assert_non_null(memmem(dsdt, get32(dsdt + 4), "PEVT", 4));
	assert_null(table("SSDT"));
}

static void test_madt_lists_every_cpu(void **state)
{
	unsigned int cpus, lapics, ioapics, overrides;

	(void)state;
	for (cpus = 1; cpus <= 64; cpus++) {
		uint8_t *m, *p;

		build(cpus, cpus & 1);
		m = table("APIC");
		assert_true(sums_to_zero(m, get32(m + 4)));
		lapics = ioapics = overrides = 0;
		for (p = m + 44; p < m + get32(m + 4); p += p[1]) {
			assert_true(p[1] >= 6);
			if (p[0] == 0)
				assert_int_equal(p[3], lapics++);
			ioapics += p[0] == 1;
			overrides += p[0] == 2;
		}
		assert_ptr_equal(p, m + get32(m + 4));
		assert_int_equal(lapics, cpus);
		assert_int_equal(ioapics, 1);
		assert_int_equal(overrides, cpus & 1 ? 2 : 1);
	}
}

/* The older table: what small systems read. */
static void check_mp(unsigned int cpus, bool pin2, bool pci)
{
	struct acpi_config c = { .cpus = cpus, .pit_on_pin2 = pin2, .pci = pci };
	unsigned int n[5] = { 0 }, entries = 0, isa = pci ? 1 : 0;
	uint8_t *t, *p;
	struct vmm_error e;

	memset(mem, 0xaa, sizeof(mem));
	assert_int_equal(mp_build(mem, GPA, LEN, &c, &e), 0);
	assert_memory_equal(mem, "_MP_", 4);
	assert_true(sums_to_zero(mem, 16));
	assert_int_equal(mem[11], 0);		/* a table, not a default */
	t = at(get32(mem + 4));
	assert_memory_equal(t, "PCMP", 4);
	assert_true(sums_to_zero(t, t[4] | (uint32_t)t[5] << 8));
	assert_int_equal(get32(t + 36), LAPIC_ADDRESS);
	for (p = t + 44; p < t + (t[4] | t[5] << 8); p += p[0] ? 8 : 20) {
		assert_true(p[0] <= 4);
		if (!p[0]) {
			assert_int_equal(p[1], n[0]);
			assert_int_equal(p[3], n[0] ? 1 : 3);
		}
		if (p[0] == 2)
			assert_int_equal(get32(p + 4), IOAPIC_ADDRESS);
		if (p[0] == 3 && p[4] == isa && !p[5])
			assert_int_equal(p[7], pin2 ? 2 : 0);
		if (p[0] == 3 && p[4] == isa && p[5] == 14)
			assert_int_equal(p[7], 14);
		/* INTA of slot 1: PIRQ F */
		if (p[0] == 3 && p[4] != isa && p[5] == 4)
			assert_int_equal(p[7], 21);
		n[p[0]]++;
		entries++;
	}
	assert_int_equal(entries, t[34] | t[35] << 8);
	assert_int_equal(n[0], cpus);
	assert_int_equal(n[1], pci ? 2 : 1);
	assert_int_equal(n[2], 1);
	assert_int_equal(n[3], 15 + (pci ? 128 : 0));
	assert_int_equal(n[4], 2);
}

static void test_mp_table(void **state)
{
	struct acpi_config c = { .cpus = 64, .pci = true };
	struct vmm_error e;
	uint32_t len;

	(void)state;
	check_mp(1, true, false);
	check_mp(1, false, true);
	check_mp(64, true, true);
	for (len = 0; len < 4096; len += 4) {
		uint8_t *small = malloc(len ? len : 1);

		if (mp_build(small, GPA, len, &c, &e))
			assert_int_equal(e.class, VMM_ERR_INTERNAL);
		else
			assert_true(len > 64 * 20);
		free(small);
	}
}

static void test_too_little_room(void **state)
{
	struct acpi_config c = { .cpus = 64 };
	struct vmm_error e;
	uint32_t len;

	(void)state;
	for (len = 0; len < 1024; len += 4) {
		uint8_t *small = malloc(len ? len : 1);

		/* whether it fits or not, the sanitizer watches the edges */
		if (acpi_build(small, GPA, len, &c, &e))
			assert_int_equal(e.class, VMM_ERR_INTERNAL);
		else
			assert_true(len > 600);
		free(small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_and_checksums),
		cmocka_unit_test(test_a_board_is_in_the_dsdt),
		cmocka_unit_test(test_madt_lists_every_cpu),
		cmocka_unit_test(test_mp_table),
		cmocka_unit_test(test_too_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
