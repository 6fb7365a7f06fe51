/* SPDX-License-Identifier: MIT */
/* The debugger's packets, breakpoints and view of memory; no guest needed. */
#include <stdio.h>

#include "test.h"
#include "vellum/gdb/packet.h"
#include "vellum/gdb/points.h"
#include "vellum/gdb/regs.h"

int report(const struct vmm_error *e);
int report(const struct vmm_error *e) { (void)e; return 1; }

static struct gdb_parser parser;
static struct gdb_reply reply;

/* The last event that is more than "go on". */
static enum gdb_event feed(const char *bytes, size_t n)
{
	enum gdb_event last = GDB_NOTHING, e;
	size_t i;

	for (i = 0; i < n; i++) {
		e = gdb_feed(&parser, (uint8_t)bytes[i]);
		if (e != GDB_NOTHING)
			last = e;
	}
	return last;
}

static enum gdb_event feed_text(const char *text)
{
	return feed(text, strlen(text));
}

static void test_packets(void **state)
{
	(void)state;
	gdb_parser_init(&parser);
	assert_int_equal(feed_text("$m0,4#fd"), GDB_PACKET);
	assert_string_equal(parser.data, "m0,4");
	assert_int_equal(feed_text("+$m0,4#FD"), GDB_PACKET);
	assert_int_equal(feed_text("$m0,4#fe"), GDB_DAMAGED);
	assert_int_equal(feed_text("$m0,4#xy"), GDB_DAMAGED);
	assert_int_equal(feed_text("-"), GDB_RESEND);
	assert_int_equal(feed_text("\x03"), GDB_BREAK);
	assert_int_equal(feed_text("$#00"), GDB_PACKET);
	assert_int_equal(parser.len, 0);
	/* Escaped, with a 0 in it: X1,2:}^C# and 0. */
	assert_int_equal(feed("$X}\x03\0#d8", 8), GDB_PACKET);
	assert_int_equal(parser.len, 3);
	assert_memory_equal(parser.data, "X#\0", 3);
	/* A new beginning where the old has no end. */
	assert_int_equal(feed_text("$m0,$g#67"), GDB_PACKET);
	assert_string_equal(parser.data, "g");
}

static void test_endless(void **state)
{
	unsigned int i;

	(void)state;
	gdb_parser_init(&parser);
	assert_int_equal(feed_text("$"), GDB_NOTHING);
	for (i = 0; i < GDB_PACKET_MAX; i++)
		assert_int_equal(feed_text("a"), GDB_NOTHING);
	assert_int_equal(feed_text("a"), GDB_HOPELESS);
	gdb_parser_init(&parser);
	for (i = 0; i < GDB_JUNK_MAX; i++)
		assert_int_equal(feed_text("G"), GDB_NOTHING);
	assert_int_equal(feed_text("G"), GDB_HOPELESS);
	/* Nor one damaged packet after the other, nor "again" for ever. */
	gdb_parser_init(&parser);
	for (i = 0; i < GDB_JUNK_MAX; i++)
		assert_int_equal(feed_text("$a#00"), GDB_DAMAGED);
	assert_int_equal(feed_text("$a#00"), GDB_HOPELESS);
}

/* What is framed comes out of the parser as it went in, whatever the bytes. */
static void test_round_trip(void **state)
{
	static char frame[GDB_FRAME_MAX];
	uint64_t seed = 42;
	unsigned int round;

	(void)state;
	gdb_parser_init(&parser);
	for (round = 0; round < 2000; round++) {
		uint8_t data[64];
		size_t n = test_random(&seed) % sizeof(data), i;

		for (i = 0; i < n; i++)
			data[i] = (uint8_t)test_random(&seed);
		gdb_reply_init(&reply);
		gdb_put_binary(&reply, data, n);
		assert_int_equal(feed(frame, gdb_frame(&reply, frame)), GDB_PACKET);
		assert_int_equal(parser.len, n);
		assert_memory_equal(parser.data, data, n);
	}
}

static void test_random_bytes(void **state)
{
	static const char likely[] = "$#}+-\x03" "0123456789abcdefmMgGvcsZzqXH,;:";
	uint64_t seed = 7;
	unsigned int i, packets = 0, hopeless = 0;

	(void)state;
	gdb_parser_init(&parser);
	for (i = 0; i < 2000000; i++) {
		uint64_t r = test_random(&seed);
		uint8_t byte = r & 0x100 ? (uint8_t)r :
			       (uint8_t)likely[(r & 0xff) % (sizeof(likely) - 1)];
		enum gdb_event e = gdb_feed(&parser, byte);

		assert_true(parser.len <= GDB_PACKET_MAX);
		packets += e == GDB_PACKET;
		if (e == GDB_HOPELESS) {
			hopeless++;
			gdb_parser_init(&parser);
		}
	}
	assert_true(packets && hopeless);
}

static void test_reply_that_does_not_fit(void **state)
{
	static char frame[GDB_FRAME_MAX];
	unsigned int i;

	(void)state;
	gdb_reply_init(&reply);
	for (i = 0; i < GDB_PACKET_MAX / 2; i++)
		gdb_put_hex(&reply, "x", 1);
	assert_int_equal(gdb_frame(&reply, frame), GDB_PACKET_MAX + 4);
	gdb_put(&reply, "x");
	frame[gdb_frame(&reply, frame)] = '\0';
	assert_memory_equal(frame, "$E.", 3);
}

static void test_arguments(void **state)
{
	const char *p = "12ab,ffffffffffffffff:0102";
	uint8_t bytes[2];
	uint64_t v;

	(void)state;
	assert_true(gdb_take_number(&p, &v));
	assert_int_equal(v, 0x12ab);
	assert_false(gdb_take(&p, ':'));
	assert_true(gdb_take(&p, ','));
	assert_true(gdb_take_number(&p, &v));
	assert_true(v == UINT64_MAX);
	assert_true(gdb_take(&p, ':'));
	assert_true(gdb_take_bytes(&p, bytes, 2));
	assert_memory_equal(bytes, "\1\2", 2);
	assert_false(gdb_take_bytes(&p, bytes, 1));
	assert_false(gdb_take_number(&p, &v));
	assert_false(gdb_take(&p, '\0'));
	p = "12345678123456789";
	assert_false(gdb_take_number(&p, &v));
	p = "1";
	assert_false(gdb_take_bytes(&p, bytes, 1));
}

/* ---- memory ---- */

#define RAM	(8u * 1024 * 1024)

static uint8_t *memory;
static struct guest_ram ram;
static struct gdb_space space;

static int set_up(void **state)
{
	(void)state;
	memory = calloc(1, RAM);
	ram = (struct guest_ram){
		.host = memory, .size = RAM, .low_end = RAM,
		.high_end = RAM_HIGH_BASE,
	};
	memset(&space, 0, sizeof(space));
	space.ram = &ram;
	return memory ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void put(uint64_t at, uint64_t v, size_t size)
{
	memcpy(memory + at, &v, size);
}

static void check_at(uint64_t la, uint64_t wanted)
{
	uint64_t pa, rest;

	assert_true(gdb_translate(&space, la, &pa, &rest));
	assert_int_equal(pa, wanted);
}

static void check_absent(uint64_t la)
{
	uint64_t pa, rest;

	assert_false(gdb_translate(&space, la, &pa, &rest));
}

static void test_unpaged(void **state)
{
	uint8_t b[4] = { 1, 2, 3, 4 };

	(void)state;
	check_at(0x1234, 0x1234);
	check_absent(1ull << 32);
	put(0x2000, 0x44332211, 4);
	assert_int_equal(gdb_read(&space, 0x2000, b, 4), 4);
	assert_memory_equal(b, "\x11\x22\x33\x44", 4);
	/* The end of memory, the hole, and what can't be written whole. */
	assert_int_equal(gdb_read(&space, RAM - 2, b, 4), 2);
	assert_false(gdb_write(&space, RAM - 2, b, 4));
	assert_int_equal(memory[RAM - 2], 0);
	assert_int_equal(gdb_read(&space, 0xa0000, b, 1), 0);
	assert_int_equal(gdb_read(&space, UINT64_MAX - 1, b, 4), 0);
	assert_true(gdb_write(&space, 0x2ffe, b, 4));
}

static void test_32_bit(void **state)
{
	(void)state;
	space.s.cr0 = 0x80000001;
	space.s.cr3 = 0x1000;
	put(0x1000 + 4 * 768, 0x2003, 4);		/* 0xc0000000 */
	put(0x2000 + 4 * 5, 0x7003, 4);
	check_at(0xc0005678, 0x7678);
	check_absent(0xc0006000);
	put(0x1004, 0x400083, 4);			/* 4 MiB */
	check_absent(0x400000 + 0x123456);		/* PSE is off: a table there */
	space.s.cr4 = 0x10;
	check_at(0x400000 + 0x123456, 0x523456);
	space.s.cr3 = 0xfffff000;			/* beyond memory */
	check_absent(0xc0005678);
}

static void test_pae(void **state)
{
	(void)state;
	space.s.cr0 = 0x80000001;
	space.s.cr4 = 0x20;
	space.s.cr3 = 0x1020;
	put(0x1020 + 8 * 3, 0x2001, 8);
	put(0x2000 + 8 * 1, 0x600083, 8);
	check_at(0xc0212345, 0x612345);
	check_absent(0x40000000);
}

static void test_long(void **state)
{
	uint64_t la = 0xffffffff81000000;

	(void)state;
	space.s.cr0 = 0x80000001;
	space.s.cr4 = 0x20;
	space.s.efer = 0x500;
	space.s.cr3 = 0x1000 | 1ull << 63;
	put(0x1000 + 8 * 511, 0x2003, 8);
	put(0x2000 + 8 * 510, 0x3003, 8);
	put(0x3000 + 8 * 8, 0x80000000004000e3, 8);	/* 2 MiB, no-execute */
	check_at(la + 0x1234, 0x401234);
	check_absent(la + 0x200000);
	check_absent(1ull << 50);			/* not canonical */
	put(0x3000 + 8 * 9, 0x4003, 8);
	put(0x4000, 0x5003, 8);
	check_at(la + 0x200123, 0x5123);
	space.physical = true;
	check_at(0x5123, 0x5123);
	space.physical = false;
	space.s.cr4 = 0x1020;				/* five levels */
	space.s.cr3 = 0x6000;
	put(0x6000 + 8 * 511, 0x1003, 8);
	check_at(la + 0x1234, 0x401234);
}

/* ---- breakpoints ---- */

static void test_points(void **state)
{
	static struct gdb_points p;
	struct kvm_guest_debug d = { 0 };
	uint64_t i;

	(void)state;
	gdb_points_forget(&p);
	memory[0x3000] = 0x90;
	assert_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0x3000, 1));
	assert_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0x3000, 1));
	assert_int_equal(memory[0x3000], 0xcc);
	assert_non_null(gdb_point_at(&p, 0x3000));
	assert_null(gdb_point_at(&p, 0x3001));
	gdb_points_control(&p, &d);
	assert_int_equal(d.control, KVM_GUESTDBG_USE_SW_BP);
	/* Nothing is there: in hardware then. */
	assert_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0xfffffff0, 1));
	assert_null(gdb_point_set(&p, &space, GDB_WRITE, 0x3004, 4));
	assert_null(gdb_point_set(&p, &space, GDB_ACCESS, 0x3010, 8));
	gdb_points_control(&p, &d);
	assert_int_equal(d.control, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP);
	assert_true(d.arch.debugreg[0] == 0xfffffff0);
	assert_true(d.arch.debugreg[1] == 0x3004);
	assert_int_equal(d.arch.debugreg[7], 0x400 | 0x2a | 0xd << 20 | 0xb << 24);
	assert_int_equal(gdb_point_hit(&p, 2)->addr, 0x3004);
	assert_null(gdb_point_hit(&p, 8));
	/* 3 bytes from 0x3005 are two registers; one is left. */
	assert_non_null(gdb_point_set(&p, &space, GDB_WRITE, 0x3005, 3));
	assert_null(gdb_point_set(&p, &space, GDB_HARDWARE, 0x5000, 1));
	assert_non_null(gdb_point_set(&p, &space, GDB_HARDWARE, 0x6000, 1));
	assert_non_null(gdb_point_set(&p, &space, GDB_WRITE, 0, UINT64_MAX));
	assert_non_null(gdb_point_set(&p, &space, 5, 0x6000, 1));
	gdb_point_clear(&p, &space, GDB_HARDWARE, 0x6000, 1);
	gdb_point_clear(&p, &space, GDB_SOFTWARE, 0x3000, 1);
	assert_int_equal(memory[0x3000], 0x90);
	for (i = 0; i < GDB_POINTS - 4; i++)
		assert_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0x8000 + i, 1));
	assert_non_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0x7000, 1));
	gdb_points_clear(&p, &space);
	for (i = 0; i < GDB_POINTS; i++)
		assert_int_equal(memory[0x8000 + i], 0);
	/* What the guest has overwritten stays. */
	assert_null(gdb_point_set(&p, &space, GDB_SOFTWARE, 0x3000, 1));
	memory[0x3000] = 0x55;
	gdb_points_clear(&p, &space);
	assert_int_equal(memory[0x3000], 0x55);
}

/* ---- registers ---- */

static uint64_t value(const struct gdb_state *s, enum gdb_arch arch,
		      const char *xml, const char *name)
{
	char key[40];
	uint8_t buf[16] = { 0 };
	uint64_t v;
	const char *at;

	snprintf(key, sizeof(key), "<reg name=\"%s\"", name);
	at = strstr(xml, key);
	assert_non_null(at);
	at = strstr(at, "regnum=\"");
	gdb_reg_get(s, arch, (unsigned int)atoi(at + 8), buf);
	memcpy(&v, buf, 8);
	return v;
}

static void test_registers(void **state)
{
	struct gdb_state s = { 0 };
	int arch;

	(void)state;
	s.r.rax = 0x1122334455667788;
	s.r.rip = 0xfff0;
	s.s.cs.base = 0xffff0000;
	s.s.cs.selector = 0xf000;
	s.s.cr4 = 0x620;
	s.f.ftwx = 1;
	for (arch = 0; arch < GDB_ARCHS; arch++) {
		char *xml = gdb_description((enum gdb_arch)arch);
		bool wide = arch == GDB_X86_64;
		unsigned int i, n = gdb_reg_count((enum gdb_arch)arch);

		assert_non_null(xml);
		assert_non_null(strstr(xml, gdb_arch_names[arch]));
		assert_true(value(&s, arch, xml, wide ? "rip" : "eip") == 0xfffffff0);
		assert_true(value(&s, arch, xml, wide ? "rax" : "eax") ==
			    (wide ? 0x1122334455667788 : 0x55667788));
		assert_int_equal(value(&s, arch, xml, "cs"), 0xf000);
		assert_int_equal(value(&s, arch, xml, "cr4"), 0x620);
		assert_int_equal(value(&s, arch, xml, "ip_offset"), 0xfff0);
		assert_int_equal(value(&s, arch, xml, "ftag"), 0xfffc);
		for (i = 0; i < n; i++)
			assert_true(gdb_reg_size((enum gdb_arch)arch, i) <= 16);
		assert_int_equal(gdb_reg_size((enum gdb_arch)arch, n), 0);
		free(xml);
	}
	/* 64-bit mode knows no CS base. */
	s.s.efer = 0x500;
	s.s.cs.l = 1;
	assert_true(gdb_pc(&s) == 0xfff0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_reply_that_does_not_fit),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test_setup_teardown(test_unpaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_32_bit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pae, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_points, set_up, tear_down),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
