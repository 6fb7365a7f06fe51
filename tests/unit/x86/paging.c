/* SPDX-License-Identifier: MIT */
/* The guest's page tables as the CPU walks them: rights, marks, sizes, faults. */
#include "../../../engine/x86/debug.h"
#include "../core/fixture.h"

#include "../../../engine/x86/paging.h"

#define P	1ull
#define W	2ull
#define U	4ull
#define A	0x20ull
#define D	0x40ull
#define PS	0x80ull
#define NX	BIT(63)

#define TOP	0x10000ull		/* CR3, and the tables below it */

static struct gphys at;
static u32 error;

static int walk(u64 la, u32 access)
{
	at.v = ~0ull;
	error = ~0u;
	return paging_translate(v, glin(la), access, false, &at, &error);
}

static int probe(u64 la, u32 access)
{
	at.v = ~0ull;
	error = ~0u;
	return paging_translate(v, glin(la), access, true, &at, &error);
}

#define GOES_TO(gpa) assert_int_equal(at.v, gpa)
#define FAULTS(la, access, code) do {				\
	assert_int_equal(walk(la, access), ERR_FAULT);		\
	assert_int_equal(error, code);				\
} while (0)

/* One page at linear 0x8080604000 + 0x4000, through tables that grant all. */
#define LA	(1ull << 39 | 2ull << 30 | 3ull << 21 | 4ull << 12)

static void four_levels(u64 leaf)
{
	long_mode(TOP);
	put64(TOP + 8 * 1, (TOP + 0x1000) | P | W | U);
	put64(TOP + 0x1000 + 8 * 2, (TOP + 0x2000) | P | W | U);
	put64(TOP + 0x2000 + 8 * 3, (TOP + 0x3000) | P | W | U);
	put64(TOP + 0x3000 + 8 * 4, leaf);
}

static void test_no_paging(void **state)
{
	(void)state;
	v->cr0 = CR0_PE;
	assert_int_equal(walk(0x123456789a, PF_W), 0);
	GOES_TO(0x3456789a);
}

static void test_four_levels(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | W | U);
	assert_int_equal(walk(LA + 0x123, 0), 0);
	GOES_TO(0xabc123);
	FAULTS(LA + 0x1000, 0, 0);
	FAULTS(LA + 0x1000, PF_W | PF_U, PF_W | PF_U);
	FAULTS(LA + BIT(21), 0, 0);
	FAULTS(LA + BIT(30), 0, 0);
	FAULTS(LA + BIT(39), 0, 0);
	/* Bits of an address above 52 are no address. */
	four_levels(0xabc000 | P | W | U | BITS(58, 52));
	assert_int_equal(walk(LA, 0), 0);
	GOES_TO(0xabc000);
}

static void test_marks(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | W | U);
	assert_int_equal(probe(LA, PF_W), 0);
	assert_int_equal(get64(TOP + 8) & A, 0);
	assert_int_equal(get64(TOP + 0x3020) & (A | D), 0);
	assert_int_equal(walk(LA, 0), 0);
	assert_int_equal(get64(TOP + 8) & (A | D), A);
	assert_int_equal(get64(TOP + 0x1010) & A, A);
	assert_int_equal(get64(TOP + 0x2018) & A, A);
	assert_int_equal(get64(TOP + 0x3020) & (A | D), A);
	assert_int_equal(walk(LA, PF_W), 0);
	assert_int_equal(get64(TOP + 0x3020) & (A | D), A | D);
	/* One that faults leaves its last entry as it was. */
	four_levels(0xabc000 | P | U);
	FAULTS(LA, PF_W, PF_P | PF_W);
	assert_int_equal(get64(TOP + 0x3020) & (A | D), 0);
}

static void test_large_pages(void **state)
{
	(void)state;
	four_levels(0);
	put64(TOP + 0x2000 + 8 * 3, 0x40000000 | P | W | U | PS);
	assert_int_equal(walk(LA + 0x123, PF_W), 0);
	GOES_TO(0x40004123);
	assert_int_equal(get64(TOP + 0x2018) & (A | D), A | D);
	put64(TOP + 0x1000 + 8 * 2, 0x80000000 | P | W | U | PS);
	assert_int_equal(walk(LA + 0x123, 0), 0);
	GOES_TO(0x80000000 + (3u << 21) + 0x4123);
	/* PS is reserved at the top. */
	put64(TOP + 8, (TOP + 0x1000) | P | W | U | PS);
	FAULTS(LA, 0, PF_P | PF_RSVD);
}

static void addresses_of_36_bits(void)
{
	struct cpuid_leaf leaf = { .function = 0x80000008, .eax = 36 };

	assert_int_equal(vcpu_set_cpuid(v, &leaf, 1), 0);
}

static void test_reserved_bits(void **state)
{
	(void)state;
	four_levels(0);
	put64(TOP + 0x2000 + 8 * 3, 0x40000000 | P | W | U | PS | BIT(13));
	FAULTS(LA, PF_W, PF_P | PF_W | PF_RSVD);
	put64(TOP + 0x2000 + 8 * 3, 0x40000000 | P | W | U | PS | BIT(12));	/* PAT */
	assert_int_equal(walk(LA, 0), 0);
	GOES_TO(0x40004000);
	put64(TOP + 0x1000 + 8 * 2, 0x80000000 | P | W | U | PS | BIT(29));
	FAULTS(LA, 0, PF_P | PF_RSVD);
	/* Addresses wider than CPUID says; ignored bits stay ignored. */
	four_levels(BIT(36) | P | W | U);
	assert_int_equal(walk(LA, 0), 0);
	addresses_of_36_bits();
	FAULTS(LA, PF_U, PF_P | PF_U | PF_RSVD);
	four_levels(BIT(35) | P | W | U | BIT(58));
	assert_int_equal(walk(LA, 0), 0);
	GOES_TO(BIT(35));
	put64(TOP + 8, (TOP + 0x1000) | P | W | U | BIT(51));
	FAULTS(LA, 0, PF_P | PF_RSVD);
}

/* SDM3 "Determination of Access Rights", user mode. */
static void test_user_rights(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | U);
	assert_int_equal(walk(LA, PF_U), 0);
	FAULTS(LA, PF_U | PF_W, PF_P | PF_U | PF_W);
	four_levels(0xabc000 | P | W);
	FAULTS(LA, PF_U, PF_P | PF_U);
	assert_int_equal(walk(LA, PF_W), 0);
	/* The least of all levels counts. */
	four_levels(0xabc000 | P | W | U);
	put64(TOP + 0x1010, (TOP + 0x2000) | P | W);
	FAULTS(LA, PF_U, PF_P | PF_U);
	put64(TOP + 0x1010, (TOP + 0x2000) | P | U);
	FAULTS(LA, PF_U | PF_W, PF_P | PF_U | PF_W);
	assert_int_equal(walk(LA, PF_U), 0);
}

static void test_supervisor_rights(void **state)
{
	(void)state;
	four_levels(0xabc000 | P);
	FAULTS(LA, PF_W, PF_P | PF_W);
	v->cr0 &= ~CR0_WP;
	assert_int_equal(walk(LA, PF_W), 0);
	four_levels(0xabc000 | P | W | U);
	v->cr4 |= CR4_SMEP | CR4_SMAP;
	FAULTS(LA, PF_I, PF_P | PF_I);
	FAULTS(LA, 0, PF_P);
	FAULTS(LA, PF_W, PF_P | PF_W);
	set_rflags(RFLAGS_AC);
	assert_int_equal(walk(LA, PF_W), 0);
	FAULTS(LA, PF_I, PF_P | PF_I);		/* AC does not excuse fetches */
	FAULTS(LA, PF_W | PF_IMPLICIT, PF_P | PF_W);
	assert_int_equal(walk(LA, PF_U | PF_I), 0);
}

/* A debugger's breakpoint in user space is found with SMAP too. */
static void test_breakpoint_in_user_space(void **state)
{
	(void)state;
	four_levels(0x200000 | P | U);
	v->cr4 |= CR4_SMAP;
	f->cpl = 3;
	vcpu_set_rip(v, LA);
	ram[0x200000] = 0xcc;
	assert_true(x86_debug_at_int3(v));
	ram[0x200000] = 0x90;
	assert_false(x86_debug_at_int3(v));
}

static void test_no_execute(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | W | U | NX);
	FAULTS(LA, PF_I, PF_P | PF_I);
	assert_int_equal(walk(LA, 0), 0);
	four_levels(0xabc000 | P | W | U);
	put64(TOP + 8, (TOP + 0x1000) | P | W | U | NX);
	FAULTS(LA, PF_I, PF_P | PF_I);
	/* Without NXE the bit is reserved, and fetches are not told apart. */
	v->efer &= ~EFER_NXE;
	FAULTS(LA, PF_I, PF_P | PF_RSVD);
	four_levels(0xabc000 | P | W);
	v->efer &= ~EFER_NXE;
	FAULTS(LA, PF_I | PF_U, PF_P | PF_U);
	v->cr4 |= CR4_SMEP;
	FAULTS(LA, PF_I | PF_U, PF_P | PF_U | PF_I);
}

static void test_five_levels(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | W | U);
	v->cr4 |= CR4_LA57;
	v->cr3 = TOP + 0x8000;
	put64(v->cr3 + 8 * 5, TOP | P | W | U);
	assert_int_equal(walk(5ull << 48 | LA | 7, 0), 0);
	GOES_TO(0xabc007);
	FAULTS(6ull << 48 | LA, 0, 0);
}

static void pae(u64 leaf)
{
	v->cr0 = CR0_PE | CR0_PG | CR0_WP;
	v->cr4 = CR4_PAE;
	v->efer = EFER_NXE;
	v->cr3 = TOP + 0x20;			/* aligned to 32 bytes only */
	put64(TOP + 0x20 + 8 * 2, (TOP + 0x1000) | P);
	put64(TOP + 0x1000 + 8 * 3, (TOP + 0x2000) | P | W | U);
	put64(TOP + 0x2000 + 8 * 4, leaf);
}

#define LA_PAE	(2ull << 30 | 3ull << 21 | 4ull << 12)

static void test_pae(void **state)
{
	(void)state;
	pae(0x123abc000 | P | W | U);
	assert_int_equal(walk(LA_PAE + 5, PF_W | PF_U), 0);	/* PDPTEs have no rights */
	GOES_TO(0x123abc005);
	assert_int_equal(get64(TOP + 0x30) & A, 0);		/* nor marks */
	assert_int_equal(get64(TOP + 0x1018) & A, A);
	/* Addresses have 32 bits. */
	assert_int_equal(walk(5ull << 32 | LA_PAE, 0), 0);
	GOES_TO(0x123abc000);
	put64(TOP + 0x1018, 0x200000 | P | W | U | PS);
	assert_int_equal(walk(LA_PAE + 5, 0), 0);
	GOES_TO(0x204005);
	FAULTS(3ull << 30, PF_W, PF_W);
	/* Bits that long mode ignores are reserved here. */
	pae(0xabc000 | P | W | U | BIT(52));
	FAULTS(LA_PAE, 0, PF_P | PF_RSVD);
}

static void put32(u64 gpa, u32 val)
{
	memcpy(ram + gpa, &val, 4);
}

#define LA_32	(5u << 22 | 6u << 12)

static void test_32_bits(void **state)
{
	u32 val;

	(void)state;
	v->cr0 = CR0_PE | CR0_PG | CR0_WP;
	v->cr3 = TOP;
	put32(TOP + 4 * 5, (TOP + 0x1000) | P | W | U);
	put32(TOP + 0x1000 + 4 * 6, 0xabc000 | P | W | U);
	assert_int_equal(walk(LA_32 + 9, PF_W | PF_U), 0);
	GOES_TO(0xabc009);
	memcpy(&val, ram + TOP + 0x1018, 4);
	assert_int_equal(val & (A | D), A | D);
	memcpy(&val, ram + TOP + 0x101c, 4);
	assert_int_equal(val, 0);		/* its neighbour is as it was */
	/* NX is none of theirs, whatever EFER says. */
	v->efer = EFER_NXE;
	assert_int_equal(walk(LA_32, PF_I), 0);
	v->efer = 0;
	/* A large page, and only with PSE; its bits 20:13 are address bits 39:32. */
	put32(TOP + 4 * 5, 0xffc00000 | 3u << 13 | P | W | U | PS);
	v->cr4 = CR4_PSE;
	assert_int_equal(walk(LA_32 + 9, 0), 0);
	GOES_TO(0x3ffc06009);
	put32(TOP + 4 * 5, 0x400000 | BIT(21) | P | W | U | PS);
	FAULTS(LA_32, 0, PF_P | PF_RSVD);
}

static void test_tables_outside_of_memory(void **state)
{
	(void)state;
	four_levels(0xabc000 | P | W | U);
	put64(TOP + 0x1010, (RAM_SIZE + 0x1000) | P | W | U);
	assert_int_equal(walk(LA, 0), ERR_NXIO);
	v->cr3 = RAM_SIZE;
	assert_int_equal(walk(LA, 0), ERR_NXIO);
}

/* -- Entries to be looked at again ------------------------------------------------------- */

static void test_entries(void **state)
{
	struct host_word w[PAGING_LEVELS];
	struct gphys gpa;
	u64 generation;

	(void)state;
	four_levels(0xabc000 | P | W | U);
	assert_int_equal(paging_entries(v, glin(LA), w, &gpa, &generation), 0); /* unused yet */
	assert_int_equal(walk(LA, 0), 0);
	assert_int_equal(paging_entries(v, glin(LA + 5), w, &gpa, &generation), 4);
	assert_int_equal(gpa.v, 0xabc005);
	assert_int_equal(w[3].val, get64(TOP + 0x3020));
	assert_true(host_words_same(vm, w, 4));
	put64(TOP + 0x3020, 0xabd000 | P | A);
	assert_false(host_words_same(vm, w, 4));
	put64(TOP + 0x2018, 0x200000 | P | W | A | PS);
	assert_int_equal(paging_entries(v, glin(LA), w, &gpa, &generation), 3);
	assert_int_equal(gpa.v, 0x204000);
	put64(TOP + 0x1010, RAM_SIZE | P | A);
	assert_int_equal(paging_entries(v, glin(LA), w, &gpa, &generation), 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, machine_up, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_paging), T(test_four_levels), T(test_marks), T(test_large_pages),
		T(test_reserved_bits), T(test_breakpoint_in_user_space),
		T(test_user_rights), T(test_supervisor_rights), T(test_no_execute),
		T(test_five_levels), T(test_pae), T(test_32_bits),
		T(test_tables_outside_of_memory), T(test_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
