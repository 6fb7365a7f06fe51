/* SPDX-License-Identifier: MIT */
/* Port I/O that reaches user space. */
#include "harness.h"

/* CPL 3 can't say END: its last MMIO write is taken for it. */
static void test_user_io(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_user_io);
	run_to(&m, KVM_EXIT_MMIO);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(GP, 0));
}

/* Whether the port was read before is not promised. */
static void test_ins_fault(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_ins_fault);
	while (run_once(&m) == KVM_EXIT_IO && m.run->io.port == 0x80)
		;
	CHECK_EQ(m.run->exit_reason, KVM_EXIT_IO);
	CHECK_EQ(m.run->io.port, PORT_END);
	CHECK_EQ(peek(&m, EXC_COUNT), 1);
	CHECK_EQ(exception(&m, 0), EXC(PF, 2));
	CHECK_EQ(peek(&m, EXC_CR2), 0x40000000000);
}

/* Numbers in, and the same out; a page of them at a time. */
static void test_string_pages(void)
{
	struct machine m = { 0 };
	unsigned int i, exits = 0;
	u16 in = 0, out = 0, *data;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_string_pages);
	while (run_once(&m) == KVM_EXIT_IO && m.run->io.port == 0x80) {
		CHECK_EQ(m.run->io.size, 2);
		data = (u16 *)((u8 *)m.run + m.run->io.data_offset);
		exits += m.run->io.direction == KVM_EXIT_IO_IN;
		for (i = 0; i < m.run->io.count; i++) {
			if (m.run->io.direction == KVM_EXIT_IO_IN)
				data[i] = in++;
			else
				CHECK_EQ(data[i], out++);
		}
	}
	CHECK_EQ(m.run->io.port, PORT_END);
	CHECK_EQ(in, 5000);
	CHECK_EQ(out, 5000);
	CHECK_EQ(result(&m, 0), G_DATA + 10001);
	CHECK_EQ(result(&m, 1), 0);
	CHECK_EQ(result(&m, 2), G_DATA + 10001);
	CHECK_EQ(result(&m, 3), 0);
	CHECK_EQ(peek(&m, G_DATA + 10001), 0);
	CHECK(exits < 50);
}

static const struct test tests[] = {
	{ "out-of-1-2-4-bytes", LONG, G_out_sizes,
	  ACCESSES(OUT(0x80, 1, 0x44), OUT(0x80, 2, 0x3344), OUT(0x80, 4, 0x11223344),
		   OUT(0x3456, 1, 0x44), OUT(0xffff, 1, 0x44)) },
	{ "in-of-1-2-4-bytes", LONG, G_in_sizes,
	  RESULTS(0x11223344556677a5, 0x112233445566b6a5, 0xd8c7b6a5),
	  ACCESSES(IN(0x80, 1, 0xa5), IN(0x80, 2, 0xb6a5), IN(0x80, 4, 0xd8c7b6a5)) },
	{ "rep-outsb", LONG, G_rep_outsb, RESULTS(G_DATA + 5, 0),
	  ACCESSES(OUT(0x80, 1, 'a'), OUT(0x80, 1, 'b'), OUT(0x80, 1, 'c'),
		   OUT(0x80, 1, 'd'), OUT(0x80, 1, 'e')) },
	{ "rep-outs-backward", LONG, G_rep_outs_backward,
	  RESULTS(G_DATA - 4, G_DATA - 2),
	  ACCESSES(OUT(0x80, 4, 0x55667788), OUT(0x80, 4, 0x11223344),
		   OUT(0x80, 2, 0x1122), OUT(0x80, 2, 0x3344)) },
	{ "rep-insw", LONG, G_rep_insw, RESULTS(G_DATA + 6, 0, 0x333322221111),
	  ACCESSES(IN(0x80, 2, 0x1111), IN(0x80, 2, 0x2222), IN(0x80, 2, 0x3333)) },
	{ "rep-insb-backward", LONG, G_rep_ins_backward,
	  RESULTS(G_DATA - 1, 0x01020304),
	  ACCESSES(IN(0x80, 1, 1), IN(0x80, 1, 2), IN(0x80, 1, 3), IN(0x80, 1, 4)) },
	{ "rep-with-count-0", LONG, G_rep_zero, RESULTS(0x1234, 0x1234) },
	{ "insl-across-a-page", LONG, G_ins_across,
	  RESULTS(0xcafebabe, G_DATA + 0x1002), ACCESSES(IN(0x80, 4, 0xcafebabe)) },
	{ "ins-to-absent-page-faults", .custom = test_ins_fault },
	{ "real-mode-rep-outsb", REAL, G_real_outsb, RESULTS(0xf002),
	  ACCESSES(OUT(0x80, 1, 'A'), OUT(0x80, 1, 'B')) },
	{ "string-io-of-pages", .custom = test_string_pages },
	{ "real-mode-rep-ins-wraps", REAL, G_real_ins_wraps,
	  RESULTS(4, 0x1111, 0x2222, 0x3333, 0x4444),
	  ACCESSES(IN(0x80, 2, 0x1111), IN(0x80, 2, 0x2222), IN(0x80, 2, 0x3333),
		   IN(0x80, 2, 0x4444)) },
	{ "real-mode-string-io-with-segments", REAL, G_real_segments,
	  RESULTS(0x55aa),
	  ACCESSES(IN(0x80, 2, 0x55aa), OUT(0x80, 2, 0x55aa)) },
	{ "protected-mode-rep-insl", PROT32, G_prot_ins, RESULTS(0x89abcdef),
	  ACCESSES(IN(0x80, 4, 0x01234567), IN(0x80, 4, 0x89abcdef)) },
	{ "user-mode-io-without-iopl-faults", .custom = test_user_io },
};
TABLE(io, tests);
