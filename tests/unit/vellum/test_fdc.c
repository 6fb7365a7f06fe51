/* SPDX-License-Identifier: MIT */
/* The floppy controller and its DMA channel, by their ports, as a BIOS uses them. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "test.h"
#include "vellum/dev/fdc.h"

DEFINE_REPORT

#define RAM_SIZE	(4u << 20)
#define DATA		0x12340u
#define SECTORS		2880u

static char path[2][32];

static struct world {
	struct bus io;
	struct isa isa;
	struct guest_ram ram;
	struct disk disk[2];
	struct fdc fdc;
	unsigned int irqs;
	bool level;
} w;

static void set_irq(void *opaque, unsigned int number, bool level)
{
	(void)opaque;
	assert_int_equal(number, 6);
	w.irqs += level;
	w.level = level;
}

static uint8_t in(unsigned int port)
{
	uint64_t v;

	bus_read(&w.io, port, 1, &v);
	return (uint8_t)v;
}

static void out(unsigned int port, unsigned int v)
{
	bus_write(&w.io, port, 1, v);
}

static void add_port(uint64_t base, uint64_t len, const struct bus_ops *ops, void *dev)
{
	struct bus_range r = {
		.base = base, .len = len, .width = 1, .name = "x", .ops = ops, .dev = dev,
	};

	assert_int_equal(bus_add(&w.io, &r), 0);
}

/* Each sector is filled with its own number, of 16 bits. */
static void make_image(char *name, unsigned int sectors)
{
	uint16_t buf[256];
	unsigned int i, j;
	int fd;

	strcpy(name, "/tmp/vellum-test-fdc-XXXXXX");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	for (i = 0; i < sectors; i++) {
		for (j = 0; j < 256; j++)
			buf[j] = (uint16_t)i;
		assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	close(fd);
}

static void insert(unsigned int i, unsigned int sectors, bool readonly)
{
	struct block_options o = {
		.option = "--floppy", .path = path[i], .readonly = readonly, .sector = 512,
	};
	struct vmm_error e;

	make_image(path[i], sectors);
	assert_int_equal(disk_open(&w.disk[i], &o, DISK_BEST, &e), 0);
	assert_int_equal(disk_start(&w.disk[i], &e), 0);
	w.fdc.drive[i].disk = &w.disk[i];
	assert_true(fdc_geometry(&w.disk[i].image, &w.fdc.drive[i].g));
}

/* ---- a driver ---- */

static void settle(void)
{
	unsigned int i;

	for (i = 0; w.fdc.busy && i < 5000; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		fdc_poll(&w.fdc);
		nanosleep(&ms, NULL);
	}
	assert_false(w.fdc.busy);
}

static void command(const uint8_t *bytes, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		assert_int_equal(in(0x3f4) & 0xc0, 0x80);
		out(0x3f5, bytes[i]);
	}
}

#define COMMAND(...) do {						\
		const uint8_t b_[] = { __VA_ARGS__ };			\
		command(b_, sizeof(b_));				\
	} while (0)

/* Reads a result of @n bytes: no less, no more. */
static void result(uint8_t *out_bytes, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		assert_int_equal(in(0x3f4) & 0xd0, 0xd0);
		out_bytes[i] = in(0x3f5);
	}
	assert_int_equal(in(0x3f4) & 0xd0, 0x80);
}

static void expect(unsigned int n, const uint8_t *wanted)
{
	uint8_t r[16];

	result(r, n);
	assert_memory_equal(r, wanted, n);
}

#define EXPECT(...) do {						\
		const uint8_t b_[] = { __VA_ARGS__ };			\
		expect(sizeof(b_), b_);					\
	} while (0)

static void set_dma(uint8_t mode, uint32_t at, uint32_t len)
{
	out(0x0a, 6);
	out(0x0c, 0);
	out(0x0b, mode);
	out(0x04, at & 0xff);
	out(0x04, at >> 8 & 0xff);
	out(0x81, at >> 16);
	out(0x05, (len - 1) & 0xff);
	out(0x05, (len - 1) >> 8);
	out(0x0a, 2);
}

#define DMA_IN	0x46
#define DMA_OUT	0x4a

static void reset_controller(void)
{
	unsigned int i;

	out(0x3f2, 0);
	out(0x3f2, 0x1c);
	assert_true(w.level);
	for (i = 0; i < 4; i++) {
		COMMAND(0x08);
		EXPECT((uint8_t)(0xc0 | i), 0);
	}
	COMMAND(0x08);
	EXPECT(0x80);
	out(0x3f7, 0);
	COMMAND(0x03, 0xaf, 0x02);
}

static void seek_to(unsigned int drive, unsigned int c)
{
	COMMAND(0x0f, (uint8_t)drive, (uint8_t)c);
	assert_true(w.level);
	COMMAND(0x08);
	EXPECT((uint8_t)(0x20 | drive), (uint8_t)c);
	assert_false(w.level);
}

static uint16_t sector_at(uint32_t at)
{
	return (uint16_t)(w.ram.host[at] | w.ram.host[at + 1] << 8);
}

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.ram = (struct guest_ram){
		.host = calloc(1, RAM_SIZE), .size = RAM_SIZE,
		.low_end = RAM_SIZE, .high_end = RAM_HIGH_BASE,
	};
	isa_reset(&w.isa);
	w.fdc.irq = (struct irq_line){ .set = set_irq, .number = 6 };
	w.fdc.isa = &w.isa;
	w.fdc.ram = &w.ram;
	insert(0, SECTORS, false);
	assert_int_equal(fdc_init(&w.fdc, NULL), 0);
	add_port(FDC_PORT, FDC_PORTS, &fdc_ops, &w.fdc);
	add_port(FDC_DIR_PORT, 1, &fdc_dir_ops, &w.fdc);
	add_port(DMA1_PORT, DMA1_PORTS, &dma8237_ops, &w.isa.dma[0]);
	add_port(DMA_PAGE_PORT, DMA_PAGE_PORTS, &dma_page_ops, w.isa.page);
	reset_controller();
	return 0;
}

static int tear_down(void **state)
{
	unsigned int i;

	(void)state;
	fdc_fini(&w.fdc);
	for (i = 0; i < 2; i++) {
		if (!w.fdc.drive[i].disk)
			continue;
		disk_close(&w.disk[i]);
		unlink(path[i]);
	}
	free(w.ram.host);
	return 0;
}

/* ---- tests ---- */

static void test_reads_by_dma(void **state)
{
	(void)state;
	seek_to(0, 5);
	set_dma(DMA_IN, DATA, 3 * 512);
	w.irqs = 0;
	COMMAND(0xe6, 0x04, 5, 1, 7, 2, 18, 0x1b, 0xff);
	settle();
	assert_true(w.level);
	EXPECT(0x04, 0, 0, 5, 1, 10, 2);
	assert_false(w.level);
	assert_int_equal(w.irqs, 1);
	/* (5 * 2 + 1) * 18 + 6 */
	assert_int_equal(sector_at(DATA), 204);
	assert_int_equal(sector_at(DATA + 1024), 206);
	assert_int_equal(sector_at(DATA + 1536), 0);
	assert_int_equal(in(0x08), 0x04);	/* terminal count, once */
	assert_int_equal(in(0x08), 0);
}

static void test_both_sides_and_next_sector(void **state)
{
	(void)state;
	/* 36 sectors in all, from the other side back to the next cylinder's first */
	set_dma(DMA_IN, DATA, 36 * 512);
	COMMAND(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 1, 0, 1, 2);
	assert_int_equal(sector_at(DATA), 0);
	assert_int_equal(sector_at(DATA + 35 * 512), 35);
	/* one side only */
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x66, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 1, 0, 1, 2);
	assert_int_equal(sector_at(DATA), 17);
	/* less than a sector */
	set_dma(DMA_IN, DATA, 100);
	memset(w.ram.host + DATA, 0xee, 512);
	COMMAND(0x66, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 0, 0, 4, 2);
	assert_int_equal(sector_at(DATA + 98), 2);
	assert_int_equal(sector_at(DATA + 100), 0xeeee);
}

static void test_writes_by_dma(void **state)
{
	uint8_t buf[512];
	int fd;

	(void)state;
	memset(w.ram.host + DATA, 0x5a, 600);
	set_dma(DMA_OUT, DATA, 600);
	COMMAND(0xc5, 0, 0, 0, 2, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 0, 0, 4, 2);
	fd = open(path[0], O_RDONLY);
	assert_int_equal(pread(fd, buf, 512, 512), 512);
	assert_int_equal(buf[511], 0x5a);
	assert_int_equal(pread(fd, buf, 512, 1024), 512);
	assert_int_equal(buf[87], 0x5a);	/* 600 - 512 */
	assert_int_equal(buf[88], 0);
	assert_int_equal(pread(fd, buf, 512, 1536), 512);
	assert_int_equal(buf[0], 3);
	close(fd);
}

static void test_data_by_programmed_io(void **state)
{
	unsigned int i;

	(void)state;
	COMMAND(0x03, 0xaf, 0x03);
	COMMAND(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
	settle();
	for (i = 0; i < 1024; i++) {
		assert_int_equal(in(0x3f4), 0xf0);
		assert_true(w.level);
		assert_int_equal(in(0x3f5), i & 1 ? 0 : 16 + i / 512);
	}
	assert_true(w.level);
	EXPECT(0x40, 0x80, 0, 1, 0, 1, 2);	/* nobody said stop */
	COMMAND(0x45, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
	for (i = 0; i < 512; i++) {
		assert_int_equal(in(0x3f4), 0xb0);
		out(0x3f5, 0x77);
	}
	settle();
	EXPECT(0x40, 0x80, 0, 1, 0, 1, 2);
	COMMAND(0x03, 0xaf, 0x02);
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x46, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 1, 0, 1, 2);
	assert_int_equal(sector_at(DATA + 510), 0x7777);
}

static void test_refusals(void **state)
{
	(void)state;
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x46, 0, 3, 0, 1, 2, 18, 0x1b, 0xff);	/* the head is elsewhere */
	EXPECT(0x40, 0x04, 0x10, 3, 0, 1, 2);
	COMMAND(0x46, 0, 0, 0, 19, 2, 19, 0x1b, 0xff);	/* no such sector */
	EXPECT(0x40, 0x04, 0, 0, 0, 19, 2);
	COMMAND(0x46, 0, 0, 0, 0, 2, 18, 0x1b, 0xff);
	EXPECT(0x40, 0x04, 0, 0, 0, 0, 2);
	COMMAND(0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff);	/* nor of this size */
	EXPECT(0x40, 0x04, 0, 0, 0, 1, 2);
	COMMAND(0x06, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);	/* single density */
	EXPECT(0x40, 0x01, 0, 0, 0, 1, 2);
	COMMAND(0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff);	/* no drive */
	EXPECT(0x41, 0x01, 0, 0, 0, 1, 2);
	out(0x3f7, 2);					/* the rate of others */
	COMMAND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(0x40, 0x01, 0, 0, 0, 1, 2);
	out(0x3f7, 0);
	out(0x0a, 6);					/* DMA not ready */
	COMMAND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(0x40, 0x10, 0, 0, 0, 1, 2);
	set_dma(DMA_OUT, DATA, 512);			/* the other way */
	COMMAND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT(0x40, 0x10, 0, 0, 0, 1, 2);
	set_dma(DMA_IN, DATA, 4 * 512);			/* more than EOT has */
	COMMAND(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0x40, 0x80, 0, 1, 0, 1, 2);
	COMMAND(0x1f);					/* no command */
	EXPECT(0x80);
	COMMAND(0xff);
	EXPECT(0x80);
}

static void test_write_protected(void **state)
{
	(void)state;
	insert(1, 1440, true);
	out(0x3f7, 2);
	COMMAND(0x04, 1);
	EXPECT(0x79);
	set_dma(DMA_OUT, DATA, 512);
	COMMAND(0x45, 1, 0, 0, 1, 2, 9, 0x1b, 0xff);
	EXPECT(0x41, 0x02, 0, 0, 0, 1, 2);
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x46, 1, 0, 0, 9, 2, 9, 0x1b, 0xff);
	settle();
	EXPECT(0x01, 0, 0, 1, 0, 1, 2);
	assert_int_equal(sector_at(DATA), 8);
	assert_int_equal(fdc_cmos_type(&w.fdc.drive[1].g), 3);
	assert_int_equal(fdc_cmos_type(&w.fdc.drive[0].g), 4);
}

static void test_seeking(void **state)
{
	(void)state;
	out(0x3f2, 0x1c);
	assert_int_equal(in(0x3f7), 0x80);	/* the disk is new */
	COMMAND(0x0f, 0, 40);
	assert_int_equal(in(0x3f4), 0x81);	/* drive 0 has sought */
	COMMAND(0x08);
	EXPECT(0x20, 40);
	assert_int_equal(in(0x3f7), 0);
	COMMAND(0x4a, 0);			/* READ ID: one after the other */
	EXPECT(0, 0, 0, 40, 0, 1, 2);
	COMMAND(0x4a, 4);
	EXPECT(0x04, 0, 0, 40, 1, 2, 2);
	COMMAND(0xcf, 0, 3);
	COMMAND(0x08);
	EXPECT(0x20, 43);
	COMMAND(0x8f, 0, 50);
	COMMAND(0x08);
	EXPECT(0x20, 0);
	COMMAND(0x07, 0);
	COMMAND(0x08);
	EXPECT(0x20, 0);
	COMMAND(0x04, 0);
	EXPECT(0x38);
	COMMAND(0x07, 1);			/* no drive: no track 0 */
	COMMAND(0x08);
	EXPECT(0x71, 0);
	/* implied: the command goes there itself */
	COMMAND(0x13, 0, 0x50, 0);
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x46, 0, 70, 0, 1, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 70, 0, 2, 2);
	assert_int_equal(sector_at(DATA), 70 * 36);
}

static void test_parameters(void **state)
{
	(void)state;
	COMMAND(0x10);
	EXPECT(0x90);
	COMMAND(0x13, 0, 0x5a, 0x11);
	COMMAND(0x12, 0x84);
	COMMAND(0x94);
	EXPECT(0x10);
	COMMAND(0x0e);
	EXPECT(0, 0, 0, 0, 0xaf, 0x02, 0, 0x84, 0x5a, 0x11);
	out(0x3f2, 0);
	assert_int_equal(in(0x3f4), 0);
	out(0x3f2, 0x1c);
	assert_int_equal(in(0x3f4), 0x80);
	assert_false(w.level);			/* no polling, as was locked */
	COMMAND(0x0e);
	EXPECT(0, 0, 0, 0, 0xaf, 0x02, 0, 0x80, 0x5a, 0x11);
	COMMAND(0x14);
	EXPECT(0);
	out(0x3f4, 0x80);			/* reset by the rate register */
	assert_true(w.level);			/* polling again */
	COMMAND(0x08);
	EXPECT(0xc0, 0);
	/* With the gate closed the bus hears nothing. */
	out(0x3f2, 0x14);
	COMMAND(0x0f, 0, 1);
	assert_false(w.level);
	out(0x3f2, 0x1c);
	assert_true(w.level);
}

static void test_formats_a_track(void **state)
{
	unsigned int i;

	(void)state;
	seek_to(0, 2);
	for (i = 0; i < 18; i++) {
		const uint8_t id[] = { 2, 1, (uint8_t)(i + 1), 2 };

		memcpy(w.ram.host + DATA + 4 * i, id, 4);
	}
	set_dma(DMA_OUT, DATA, 72);
	COMMAND(0x4d, 4, 2, 18, 0x54, 0xf6);
	settle();
	assert_true(w.level);
	EXPECT(0x04, 0, 0, 3, 1, 1, 2);
	set_dma(DMA_IN, DATA, 36 * 512);
	COMMAND(0xc6, 0, 2, 0, 1, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0, 0, 0, 3, 0, 1, 2);
	assert_int_equal(sector_at(DATA + 17 * 512), 89);
	assert_int_equal(sector_at(DATA + 18 * 512), 0xf6f6);
	assert_int_equal(sector_at(DATA + 36 * 512 - 2), 0xf6f6);
	COMMAND(0x56, 0, 2, 0, 1, 2, 18, 0x1b, 0);	/* VERIFY */
	settle();
	EXPECT(0, 0, 0, 3, 0, 1, 2);
}

static void test_reset_with_a_request_on_its_way(void **state)
{
	(void)state;
	set_dma(DMA_IN, DATA, 512);
	COMMAND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	assert_int_equal(in(0x3f4), 0x10);
	reset_controller();
	w.ram.host[DATA] = 0x99;
	seek_to(0, 1);
	/* The next one waits for the buffer, and gets its own data. */
	COMMAND(0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff);
	settle();
	settle();
	EXPECT(0, 0, 0, 1, 0, 2, 2);
	assert_int_equal(sector_at(DATA), 36);
}

static void test_short_image_is_the_beginning_of_a_floppy(void **state)
{
	(void)state;
	insert(1, 3, false);
	set_dma(DMA_IN, DATA, 4 * 512);
	memset(w.ram.host + DATA, 0xee, 4 * 512);
	COMMAND(0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0x01, 0, 0, 0, 0, 5, 2);
	assert_int_equal(sector_at(DATA + 1024), 2);
	assert_int_equal(sector_at(DATA + 1536), 0);
	set_dma(DMA_OUT, DATA, 512);
	COMMAND(0x45, 1, 0, 0, 5, 2, 18, 0x1b, 0xff);
	settle();
	EXPECT(0x41, 0x20, 0x20, 0, 0, 5, 2);
}

static void test_dma_registers(void **state)
{
	uint8_t buf[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	bool end;

	(void)state;
	/* Wraps in its page, goes down, and begins anew by itself. */
	set_dma(0x76, 0x20001, 4);
	assert_int_equal(isa_dma_ready(&w.isa, 2, DMA_FROM_MEMORY), 0);
	assert_int_equal(isa_dma_move(&w.isa, &w.ram, 2, DMA_TO_MEMORY, buf, 8, &end), 4);
	assert_true(end);
	assert_int_equal(w.ram.host[0x20001], 1);
	assert_int_equal(w.ram.host[0x20000], 2);
	assert_int_equal(w.ram.host[0x2ffff], 3);
	assert_int_equal(w.ram.host[0x2fffe], 4);
	assert_int_equal(isa_dma_ready(&w.isa, 2, DMA_TO_MEMORY), 4);
	out(0x0c, 0);
	assert_int_equal(in(0x04), 1);
	assert_int_equal(in(0x04), 0);
	assert_int_equal(in(0x05), 3);
	/* Verify: counts only. */
	set_dma(0x42, 0x30000, 2);
	assert_int_equal(isa_dma_move(&w.isa, &w.ram, 2, DMA_TO_MEMORY, buf, 1, &end), 1);
	assert_false(end);
	assert_int_equal(w.ram.host[0x30000], 0);
	out(0x0c, 0);
	assert_int_equal(in(0x05), 0);
	/* Where there is no memory. */
	set_dma(DMA_OUT, 0xaffff, 2);
	assert_int_equal(isa_dma_move(&w.isa, &w.ram, 2, DMA_FROM_MEMORY, buf, 2, &end), 2);
	assert_int_equal(buf[0], 0xff);
	assert_int_equal(isa_dma_ready(&w.isa, 2, DMA_FROM_MEMORY), 0);	/* masked */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reads_by_dma),
		TEST(test_both_sides_and_next_sector),
		TEST(test_writes_by_dma),
		TEST(test_data_by_programmed_io),
		TEST(test_refusals),
		TEST(test_write_protected),
		TEST(test_seeking),
		TEST(test_parameters),
		TEST(test_formats_a_track),
		TEST(test_reset_with_a_request_on_its_way),
		TEST(test_short_image_is_the_beginning_of_a_floppy),
		TEST(test_dma_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
