/* SPDX-License-Identifier: MIT */
/* Memory accesses that reach user space, by many instructions. */
#include "harness.h"

#define H MMIO_HOLE

/* 0xa0000 lies in RAM by default: make a hole there. */
static void make_vga_hole(struct machine *m)
{
	set_slot(m->vm, 0, 0, 0, m->ram, 0);
	set_slot(m->vm, 0, 0, 0xa0000, m->ram, 0);
}

static void test_fetch(void)
{
	struct machine m = { 0 };
	u32 reason;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_mmio_fetch);
	reason = run_once(&m);
	if (reason != KVM_EXIT_INTERNAL_ERROR && reason != KVM_EXIT_MMIO)
		fail("exit reason %u", reason);
}

static void test_200_writes(void)
{
	struct machine m = { 0 };
	unsigned i;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_mmio_loop);
	for (i = 200; i; i--) {
		run_to(&m, KVM_EXIT_MMIO);
		CHECK_EQ(m.run->mmio.data[0], i);
	}
	run_to_end(&m);
}

/* How an access across pages is cut into pieces is not promised: bytes are. */
static void test_across(void)
{
	struct machine m = { 0 };
	struct kvm_run *r;
	u8 seen[8] = { 0 };
	u32 i, total = 0;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_mmio_across);
	r = m.run;
	while (run_once(&m) == KVM_EXIT_MMIO) {
		u64 at = r->mmio.phys_addr - (H + 0xffb);

		CHECK(at + r->mmio.len <= 8);
		CHECK(at >= 5 || at + r->mmio.len <= 5);
		CHECK_EQ(r->mmio.is_write, total < 8);
		for (i = 0; i < r->mmio.len; i++, total++)
			if (r->mmio.is_write)
				seen[at + i] = r->mmio.data[i];
			else
				r->mmio.data[i] = 2 + at + i;
	}
	CHECK_EQ(r->exit_reason, KVM_EXIT_IO);
	CHECK_EQ(total, 16);
	for (i = 0; i < 8; i++)
		CHECK_EQ(seen[i], 0x88 - 0x11 * i);
	CHECK_EQ(result(&m, 0), 0x0908070605040302);
}

static const struct test tests[] = {
	{ "write-by-mov-of-1-2-4-8-bytes", LONG, G_mmio_write_sizes,
	  ACCESSES(WRITE(H, 1, 0x88), WRITE(H + 2, 2, 0x7788), WRITE(H + 4, 4, 0x55667788),
		   WRITE(H + 8, 8, 0x1122334455667788), WRITE(H + 1, 1, 0x5a),
		   WRITE(H + 2, 2, 0x5a5b), WRITE(H + 4, 4, 0x5a5b5c5d),
		   WRITE(H + 8, 8, (u64)-2), WRITE(H, 1, 0x77), WRITE(H, 1, 0)) },
	{ "read-by-mov-movzx-movsx", LONG, G_mmio_read_sizes,
	  RESULTS(0xffffffffffffff81, 0xffffffffffff8283, 0x84858687,
		  0x88898a8b8c8d8e8f, 0x90, 0xffffffffffffff91, 0x9293, 0xffff9495,
		  0xffffffff96979899, 0x88898a8b8c8d7f8f),
	  ACCESSES(READ(H, 1, 0x81), READ(H + 2, 2, 0x8283), READ(H + 4, 4, 0x84858687),
		   READ(H + 8, 8, 0x88898a8b8c8d8e8f), READ(H, 1, 0x90),
		   READ(H, 1, 0x91), READ(H + 2, 2, 0x9293), READ(H + 2, 2, 0x9495),
		   READ(H + 4, 4, 0x96979899), READ(H, 1, 0x7f)) },
	{ "read-modify-write", LONG, G_mmio_rmw, RESULTS(0x10),
	  ACCESSES(READ(H, 4, 0xb), WRITE(H, 4, 0x10), READ(H, 1, 0x10),
		   WRITE(H, 1, 0xf), READ(H, 4, 0xf), WRITE(H, 4, 0xff),
		   READ(H, 2, 0x12ff), WRITE(H, 2, 0xff), READ(H, 8, 0xf0f0),
		   WRITE(H, 8, ~0xf0f0ull), READ(H, 4, 1), WRITE(H, 4, 2),
		   READ(H, 4, 2), WRITE(H, 4, 1), READ(H, 4, 0), WRITE(H, 4, 0xffffffff),
		   READ(H, 4, 1), WRITE(H, 4, 0xffffffff), READ(H, 4, 1),
		   WRITE(H, 4, 2), READ(H, 4, 0), WRITE(H, 4, 8), READ(H, 4, 1),
		   WRITE(H, 4, 0x10)) },
	{ "xchg-xadd-cmpxchg", LONG, G_mmio_xchg, RESULTS(0x2222, 0x20, 1),
	  ACCESSES(READ(H, 4, 0x2222), WRITE(H, 4, 0x1111), READ(H, 4, 0x20),
		   WRITE(H, 4, 0x30), READ(H, 4, 7), WRITE(H, 4, 9)) },
	{ "compare-and-add-from-memory", LONG, G_mmio_compare, RESULTS(0x101, 0x101),
	  ACCESSES(READ(H, 4, 0x1234), READ(H, 1, 0x80), READ(H, 4, 0x100)) },
	{ "push-and-pop", LONG, G_mmio_push_pop, RESULTS(0x99, 0x1234),
	  ACCESSES(WRITE(H + 8, 8, 0x77), READ(H + 8, 8, 0x99), WRITE(H + 8, 8, 2),
		   READ(H, 8, 0x1234), WRITE(H, 8, 0x33)) },
	{ "stos", LONG, G_mmio_stos, RESULTS(H + 6, 0, H + 2),
	  ACCESSES(WRITE(H, 2, 0xabcd), WRITE(H + 2, 2, 0xabcd), WRITE(H + 4, 2, 0xabcd),
		   WRITE(H + 6, 4, 0xabcd)) },
	{ "movs", LONG, G_mmio_movs, RESULTS(0xdddddddd11111111, H + 8),
	  ACCESSES(WRITE(H, 4, 0x44332211), WRITE(H + 4, 4, 0x88776655),
		   READ(H, 4, 0x11111111), READ(H + 4, 4, 0xdddddddd),
		   READ(H, 1, 0x5a), WRITE(H + 0x100, 1, 0x5a)) },
	{ "lods-scas", LONG, G_mmio_lods_scas, RESULTS(0x1234, 8, H + 2),
	  ACCESSES(READ(H, 2, 0x1234), READ(H, 1, 0x41), READ(H + 1, 1, 0x42)) },
	{ "across-a-page", .custom = test_across },
	{ "half-in-ram", LONG, G_mmio_ram_edge, RESULTS(0x55667788, 0xaabbccdd55667788),
	  ACCESSES(WRITE(G_RAM, 4, 0x11223344), READ(G_RAM, 4, 0xaabbccdd)) },
	{ "16-bytes-by-sse", LONG, G_mmio_sse,
	  RESULTS(0x0102030405060708, 0x1112131415161718),
	  ACCESSES(WRITE(H, 8, 0x1122334455667788), WRITE(H + 8, 8, 0x1122334455667788),
		   READ(H, 8, 0x0102030405060708), READ(H + 8, 8, 0x1112131415161718)) },
	{ "addressing-modes", LONG, G_mmio_modes,
	  ACCESSES(WRITE(H, 1, 1), WRITE(H, 1, 2), WRITE(H + 0x10, 1, 3), WRITE(H, 1, 4),
		   WRITE(H, 1, 5), WRITE(H, 1, 6), WRITE(H, 1, 7)) },
	{ "flags-after-emulation", LONG, G_mmio_flags, RESULTS(0x890, 1),
	  ACCESSES(READ(H, 1, 0x7f), WRITE(H, 1, 0x80), WRITE(H, 1, 1)) },
	{ "code-in-mmio-is-reported", .custom = test_fetch },
	{ "protected-mode", PROT32, G_mmio_prot, RESULTS(0x87654321),
	  ACCESSES(WRITE(H, 4, 0x12345678), WRITE(H + 4, 2, 0x5678),
		   READ(H, 4, 0x87654321)) },
	{ "paged-32-bit", PAGED32, G_mmio_prot, RESULTS(0x87654321),
	  ACCESSES(WRITE(H, 4, 0x12345678), WRITE(H + 4, 2, 0x5678),
		   READ(H, 4, 0x87654321)) },
	{ "pae", PAE, G_mmio_prot, RESULTS(0x87654321),
	  ACCESSES(WRITE(H, 4, 0x12345678), WRITE(H + 4, 2, 0x5678),
		   READ(H, 4, 0x87654321)) },
	{ "real-mode", REAL, G_mmio_real, RESULTS(0x1234), .setup = make_vga_hole,
	  ACCESSES(WRITE(0xa0010, 2, 0x0741), READ(0xa0010, 2, 0x1234),
		   WRITE(0xaffff, 1, 0x5a)) },
	{ "200-writes-in-order", .custom = test_200_writes },
};
TABLE(mmio, tests);
