/* SPDX-License-Identifier: MIT */
/* ATA and ATAPI, by their ports, as drivers of all ages use them. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test.h"
#include "vellum/dev/ata.h"

DEFINE_REPORT

#define RAM_SIZE	(4u << 20)
#define DISK_SIZE	(1u << 20)
#define CD_SIZE		(200u * 2048)
#define PRDT		0x1000u
#define DATA		0x100000u

static char disk_path[] = "/tmp/vellum-test-ata-XXXXXX";
static char cd_path[] = "/tmp/vellum-test-cd-XXXXXX";

static struct world {
	struct bus io, mem;
	struct pci_bus pci;
	struct guest_ram ram;
	struct disk disk, cd;
	struct ata_controller ata;
	unsigned int irqs[16], bm;
} w;

static void set_irq(void *opaque, unsigned int number, bool level)
{
	(void)opaque;
	w.irqs[number] += level;
}

static uint64_t in(unsigned int port, unsigned int size)
{
	uint64_t v;

	bus_read(&w.io, port, size, &v);
	return v;
}

static void out(unsigned int port, unsigned int size, uint64_t v)
{
	bus_write(&w.io, port, size, v);
}

static void add_ports(unsigned int i, uint16_t ports, uint16_t control)
{
	struct bus_range a = {
		.base = ports, .len = 8, .width = 4, .name = "a",
		.ops = &ata_ops, .dev = &w.ata.channel[i],
	};
	struct bus_range b = {
		.base = control, .len = 1, .width = 1, .name = "b",
		.ops = &ata_control_ops, .dev = &w.ata.channel[i],
	};

	assert_int_equal(bus_add(&w.io, &a), 0);
	assert_int_equal(bus_add(&w.io, &b), 0);
	w.ata.channel[i].irq = (struct irq_line){
		.set = set_irq, .number = 14 + i,
	};
}

/* Each sector is filled with its own number. */
static void make_image(const char *path, unsigned int size, unsigned int sector)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint8_t buf[2048];
	unsigned int i;

	for (i = 0; i < size / sector; i++) {
		memset(buf, (int)i & 0xff, sector);
		assert_int_equal(write(fd, buf, sector), sector);
	}
	close(fd);
}

static void open_one(struct disk *d, const char *path, bool cd)
{
	struct block_options o = {
		.option = "--disk", .path = path, .readonly = cd,
		.sector = cd ? 2048 : 512,
	};
	struct vmm_error e;

	make_image(path, cd ? CD_SIZE : DISK_SIZE, cd ? 2048 : 512);
	assert_int_equal(disk_open(d, &o, DISK_BEST, &e), 0);
	assert_int_equal(disk_start(d, &e), 0);
}

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.ram = (struct guest_ram){
		.host = calloc(1, RAM_SIZE), .size = RAM_SIZE,
		.low_end = RAM_SIZE, .high_end = RAM_HIGH_BASE,
	};
	pci_bus_init(&w.pci, &w.io, &w.mem, &w.ram);
	open_one(&w.disk, disk_path, false);
	open_one(&w.cd, cd_path, true);
	w.ata.channel[0].unit[0] = (struct ata_unit){
		.disk = &w.disk, .id = "serial-0",
	};
	w.ata.channel[1].unit[0] = (struct ata_unit){
		.disk = &w.cd, .cdrom = true, .id = "serial-1",
	};
	add_ports(0, 0x1f0, 0x3f6);
	add_ports(1, 0x170, 0x376);
	assert_int_equal(ata_add(&w.ata, &w.pci, PCI_ANY_SLOT, NULL), 0);
	assert_int_equal(pci_assign(&w.pci), 0);
	w.bm = (unsigned int)w.ata.pci.bar[4].range.base;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ata_remove(&w.ata);
	pci_bus_fini(&w.pci);
	disk_close(&w.disk);
	disk_close(&w.cd);
	free(w.ram.host);
	return 0;
}

static uint8_t wait_ready(unsigned int base)
{
	struct timespec ts = { .tv_nsec = 50000 };
	unsigned int i;

	for (i = 0; i < 100000; i++) {
		uint8_t s = (uint8_t)in(base + 0x206, 1);

		if (!(s & ATA_STATUS_BSY))
			return (uint8_t)in(base + 7, 1);
		ata_poll(&w.ata);
		nanosleep(&ts, NULL);
	}
	fail_msg("busy for ever");
	return 0;
}

static void address(unsigned int base, uint32_t lba, unsigned int count)
{
	out(base + 6, 1, 0xe0 | (lba >> 24 & 15));
	out(base + 2, 1, count);
	out(base + 3, 1, lba & 0xff);
	out(base + 4, 1, lba >> 8 & 0xff);
	out(base + 5, 1, lba >> 16 & 0xff);
}

static void read_data(unsigned int base, uint8_t *to, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i += 2) {
		uint64_t v = in(base, 2);

		memcpy(to + i, &v, 2);
	}
}

/* As REP INSW does it: 100 words are asked for, whatever is left. */
static void read_string(unsigned int base, uint8_t *to, unsigned int len)
{
	while (len) {
		unsigned int n = bus_read_block(&w.io, base, 2, 100, to);

		assert_in_range(n, 1, 100);
		assert_in_range(2 * n, 2, len);
		to += 2 * n;
		len -= 2 * n;
	}
}

static void command(unsigned int base, uint8_t cmd)
{
	out(base + 7, 1, cmd);
}

/* ---- disks ---- */

static void test_signatures(void **state)
{
	(void)state;
	out(0x3f6, 1, 4);
	assert_int_equal(in(0x3f6, 1) & 0x80, 0x80);
	out(0x3f6, 1, 0);
	out(0x376, 1, 4);
	out(0x376, 1, 0);
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_int_equal(in(0x1f4, 1) | in(0x1f5, 1) << 8, 0);
	assert_int_equal(in(0x174, 1) | in(0x175, 1) << 8, 0xeb14);
	out(0x1f6, 1, 0xb0);	/* the slave that is not there */
	assert_int_equal(in(0x1f7, 1), 0);
}

/* Software waits for BSY to clear before it looks further. */
static void test_empty_cable(void **state)
{
	unsigned int i;

	(void)state;
	w.ata.channel[1].unit[0].disk = NULL;
	for (i = 0; i < 2; i++) {
		out(0x176, 1, 0xe0 | i << 4);
		command(0x170, 0x90);
		assert_int_equal(in(0x177, 1) & ATA_STATUS_BSY, 0);
		assert_int_equal(in(0x376, 1) & ATA_STATUS_BSY, 0);
		/* Registers that keep nothing, nor look like a device's. */
		out(0x172, 1, 0x55);
		out(0x173, 1, 0xaa);
		assert_int_not_equal(in(0x172, 1), 0x55);
		assert_int_not_equal(in(0x173, 1), 0xaa);
		assert_int_not_equal(in(0x172, 1), 1);
		assert_int_not_equal(in(0x174, 1), 0x14);
	}
	assert_int_equal(w.irqs[15], 0);
}

static void test_identify(void **state)
{
	uint8_t id[512];

	(void)state;
	out(0x1f6, 1, 0xa0);
	command(0x1f0, 0xec);
	assert_int_equal(wait_ready(0x1f0) & 0x89, ATA_STATUS_DRQ);
	assert_true(w.irqs[14] > 0);
	read_data(0x1f0, id, 512);
	assert_int_equal(in(0x1f7, 1), 0x50);
	assert_int_equal(id[120] | id[121] << 8 | id[122] << 16, 2048);
	assert_int_equal(id[200] | id[201] << 8, 2048);
	assert_int_equal(id[8] | id[9] << 8, 63 * 512);
	assert_int_equal(id[10] | id[11] << 8, 512);
	assert_memory_equal(id + 20, "esirla0-", 8);
	/* A packet device refuses and shows what it is. */
	out(0x176, 1, 0xa0);
	command(0x170, 0xec);
	assert_int_equal(wait_ready(0x170) & 1, 1);
	assert_int_equal(in(0x174, 1), 0x14);
	command(0x170, 0xa1);
	assert_int_equal(wait_ready(0x170) & 0x89, ATA_STATUS_DRQ);
	read_data(0x170, id, 512);
	assert_int_equal(id[1], 0x85);
}

static void check_read(uint8_t cmd, unsigned int block,
		       void (*get)(unsigned int, uint8_t *, unsigned int))
{
	unsigned int i, n = 200;
	uint8_t buf[512];

	address(0x1f0, 5, n);
	command(0x1f0, cmd);
	for (i = 0; i < n; i++) {
		if (i % block == 0)
			assert_int_equal(wait_ready(0x1f0) & 0x89,
					 ATA_STATUS_DRQ);
		get(0x1f0, buf, 512);
		assert_int_equal(buf[0], (5 + i) & 0xff);
		assert_int_equal(buf[511], (5 + i) & 0xff);
	}
	assert_int_equal(in(0x1f7, 1), 0x50);
}

static void test_pio_read(void **state)
{
	(void)state;
	check_read(0x20, 1, read_data);
	check_read(0xc4, 16, read_data);
	out(0x1f2, 1, 4);
	command(0x1f0, 0xc6);
	check_read(0xc4, 4, read_data);
}

static void test_strings(void **state)
{
	uint8_t buf[512], back[512];
	unsigned int i, n, done = 0;

	(void)state;
	check_read(0x20, 1, read_string);
	/* Nothing is due, or not that way: elements go one by one. */
	assert_int_equal(bus_read_block(&w.io, 0x1f0, 2, 100, buf), 0);
	assert_int_equal(bus_read_block(&w.io, 0x1f1, 1, 100, buf), 0);
	assert_int_equal(bus_read_block(&w.io, 0x3f6, 1, 100, buf), 0);
	for (i = 0; i < 512; i++)
		buf[i] = (uint8_t)(i * 7);
	address(0x1f0, 9, 1);
	command(0x1f0, 0x30);
	assert_int_equal(wait_ready(0x1f0) & 0x89, ATA_STATUS_DRQ);
	assert_int_equal(bus_read_block(&w.io, 0x1f0, 2, 100, back), 0);
	while (done < 512) {
		n = bus_write_block(&w.io, 0x1f0, 4, 100, buf + done);
		assert_in_range(n, 1, (512 - done) / 4);
		done += 4 * n;
	}
	assert_int_equal(wait_ready(0x1f0), 0x50);
	address(0x1f0, 9, 1);
	command(0x1f0, 0x20);
	assert_int_equal(wait_ready(0x1f0) & 0x89, ATA_STATUS_DRQ);
	read_string(0x1f0, back, 512);
	assert_memory_equal(buf, back, 512);
}

static void test_chs_read(void **state)
{
	uint8_t buf[512];

	(void)state;
	out(0x1f2, 1, 1);
	out(0x1f3, 1, 2);	/* sector */
	out(0x1f4, 1, 0);
	out(0x1f5, 1, 0);
	out(0x1f6, 1, 0xa1);	/* head 1 */
	command(0x1f0, 0x20);
	assert_int_equal(wait_ready(0x1f0) & 0x89, ATA_STATUS_DRQ);
	read_data(0x1f0, buf, 512);
	assert_int_equal(buf[0], 64);
	out(0x1f3, 1, 0);	/* sectors count from 1 */
	command(0x1f0, 0x20);
	assert_int_equal(wait_ready(0x1f0) & 1, 1);
	assert_int_equal(in(0x1f1, 1), ATA_ERROR_IDNF);
}

static void test_pio_write_lba48(void **state)
{
	unsigned int i;
	uint8_t buf[512];
	int fd;

	(void)state;
	out(0x1f6, 1, 0xe0);
	for (i = 0; i < 2; i++) {
		out(0x1f2, 1, i ? 130 : 0);
		out(0x1f3, 1, i ? 7 : 0);
		out(0x1f4, 1, 0);
		out(0x1f5, 1, 0);
	}
	command(0x1f0, 0x34);
	for (i = 0; i < 130 * 256; i++) {
		if (i % 256 == 0)
			assert_int_equal(wait_ready(0x1f0) & 0x89,
					 ATA_STATUS_DRQ);
		out(0x1f0, 2, 0xabcd);
	}
	assert_int_equal(wait_ready(0x1f0), 0x50);
	command(0x1f0, 0xea);
	assert_int_equal(wait_ready(0x1f0), 0x50);
	fd = open(disk_path, O_RDONLY);
	assert_int_equal(pread(fd, buf, 512, 136 * 512), 512);
	assert_int_equal(buf[0], 0xcd);
	assert_int_equal(buf[511], 0xab);
	assert_int_equal(pread(fd, buf, 512, 137 * 512), 512);
	assert_int_equal(buf[0], 137);
	close(fd);
}

static void test_beyond_the_end(void **state)
{
	static const uint8_t commands[] = { 0x20, 0xc4, 0x30, 0xc8, 0xca, 0x40 };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(commands); i++) {
		address(0x1f0, 2047, 2);
		command(0x1f0, commands[i]);
		assert_int_equal(wait_ready(0x1f0) & 1, 1);
		assert_int_equal(in(0x1f1, 1), ATA_ERROR_IDNF);
		assert_int_equal(in(0x1f7, 1) & ATA_STATUS_DRQ, 0);
	}
	command(0x1f0, 0xfe);
	assert_int_equal(wait_ready(0x1f0) & 1, 1);
	assert_int_equal(in(0x1f1, 1), ATA_ERROR_ABRT);
}

/* ---- DMA ---- */

static void prd(unsigned int i, uint32_t at, unsigned int len, bool last)
{
	uint32_t e[2] = { at, len | (last ? 0x80000000u : 0) };

	memcpy(w.ram.host + PRDT + 8 * i, e, 8);
}

static uint8_t run_dma(unsigned int base, unsigned int bm, bool read)
{
	uint8_t s;

	out(bm, 1, read ? 9 : 1);
	s = wait_ready(base);
	out(bm, 1, read ? 8 : 0);
	return s;
}

static void test_dma_both_ways(void **state)
{
	unsigned int i;

	(void)state;
	prd(0, DATA, 512 + 100, false);
	prd(1, DATA + 8192, 4096 - 612, true);
	out(w.bm + 4, 4, PRDT);
	address(0x1f0, 40, 8);
	command(0x1f0, 0xc8);
	assert_int_equal(run_dma(0x1f0, w.bm, true), 0x50);
	assert_int_equal(in(w.bm + 2, 1) & 7, 4);
	assert_int_equal(w.ram.host[DATA], 40);
	assert_int_equal(w.ram.host[DATA + 612], 0);
	assert_int_equal(w.ram.host[DATA + 8192], 41);
	assert_int_equal(w.ram.host[DATA + 8192 + 4096 - 613], 47);
	out(w.bm + 2, 1, 4);
	assert_int_equal(in(w.bm + 2, 1) & 7, 0);

	/* The other order: the bus master waits for the drive. */
	for (i = 0; i < 4096; i++)
		w.ram.host[DATA + i] = 0x3c;
	prd(0, DATA, 4096, true);
	out(w.bm, 1, 1);
	address(0x1f0, 40, 8);
	command(0x1f0, 0xca);
	assert_int_equal(wait_ready(0x1f0), 0x50);
	out(w.bm, 1, 0);
	memset(w.ram.host + DATA, 0, 4096);
	address(0x1f0, 40, 8);
	command(0x1f0, 0xc8);
	assert_int_equal(run_dma(0x1f0, w.bm, true), 0x50);
	assert_int_equal(w.ram.host[DATA + 4095], 0x3c);
}

static void test_dma_tables_that_are_wrong(void **state)
{
	static const struct {
		uint32_t table, at;
		unsigned int len;
		bool last;
	} bad[] = {
		{ RAM_SIZE - 4, 0, 0, false },
		{ 0xfffffffc, 0, 0, false },
		{ PRDT, RAM_SIZE - 512, 4096, true },
		{ PRDT, 0xfffff000, 0, true },
		{ PRDT, 0x9f800, 0x2000, true },
		{ PRDT, DATA, 512, true },		/* too short */
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		prd(0, bad[i].at, bad[i].len, bad[i].last);
		out(w.bm + 4, 4, bad[i].table);
		address(0x1f0, 0, 8);
		command(0x1f0, 0xc8);
		assert_int_equal(run_dma(0x1f0, w.bm, true) & 1, 1);
		assert_int_equal(in(w.bm + 2, 1) & 2, 2);
		out(w.bm + 2, 1, 6);
	}
}

static void test_reset_while_busy(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		prd(0, DATA, 0, true);
		out(w.bm + 4, 4, PRDT);
		address(0x1f0, 0, 128);
		command(0x1f0, 0xc8);
		out(w.bm, 1, 9);
		out(0x3f6, 1, 4);
		out(0x3f6, 1, 0);
		wait_ready(0x1f0);
		assert_int_equal(in(0x1f7, 1), 0x50);
		out(w.bm, 1, 0);
	}
	check_read(0x20, 1, read_data);
}

/* ---- CD ---- */

static uint8_t packet(const uint8_t p[12], unsigned int limit, bool dma)
{
	unsigned int i;

	out(0x176, 1, 0xa0);
	out(0x171, 1, dma);
	out(0x174, 1, limit & 0xff);
	out(0x175, 1, limit >> 8);
	command(0x170, 0xa0);
	assert_int_equal(wait_ready(0x170) & 0x89, ATA_STATUS_DRQ);
	assert_int_equal(in(0x172, 1) & 3, ATA_REASON_CD);
	for (i = 0; i < 12; i += 2)
		out(0x170, 2, p[i] | p[i + 1] << 8);
	return dma ? 0 : wait_ready(0x170);
}

static unsigned int read_packet_data(uint8_t *to, unsigned int room)
{
	unsigned int total = 0;

	while (wait_ready(0x170) & ATA_STATUS_DRQ) {
		unsigned int n = (unsigned int)(in(0x174, 1) | in(0x175, 1) << 8);

		assert_int_equal(in(0x172, 1) & 3, ATA_REASON_IO);
		assert_true(n && total + n <= room);
		read_data(0x170, to + total, n);
		total += n;
	}
	assert_int_equal(in(0x172, 1) & 3, 3);
	return total;
}

static void test_cd_read_pio(void **state)
{
	static const uint8_t p[12] = { 0x28, 0, 0, 0, 0, 9, 0, 0, 100 };
	static uint8_t buf[100 * 2048];
	unsigned int limits[] = { 2048, 65534, 3000, 0 }, i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		memset(buf, 0xff, sizeof(buf));
		packet(p, limits[i], false);
		assert_int_equal(read_packet_data(buf, sizeof(buf)),
				 sizeof(buf));
		for (j = 0; j < 100; j++)
			assert_int_equal(buf[j * 2048 + 2047], 9 + j);
	}
}

static void test_cd_read_dma(void **state)
{
	static const uint8_t p[12] = { 0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 2 };

	(void)state;
	prd(0, DATA, 4096, true);
	out(w.bm + 12, 4, PRDT);
	packet(p, 0, true);
	assert_int_equal(run_dma(0x170, w.bm + 8, true), 0x50);
	assert_int_equal(w.ram.host[DATA], 3);
	assert_int_equal(w.ram.host[DATA + 4095], 4);
}

static void test_cd_answers(void **state)
{
	static const uint8_t capacity[12] = { 0x25 };
	static const uint8_t toc[12] = { 0x43, 0, 0, 0, 0, 0, 1, 0, 64 };
	static const uint8_t far[12] = { 0x28, 0, 0, 0, 0, 200, 0, 0, 1 };
	static const uint8_t bad[12] = { 0x0a };
	static const uint8_t sense[12] = { 0x03, 0, 0, 0, 18 };
	static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
	uint8_t buf[256];

	(void)state;
	packet(capacity, 8, false);
	assert_int_equal(read_packet_data(buf, 256), 8);
	assert_int_equal(buf[3], 199);
	assert_int_equal(buf[6], 8);
	packet(toc, 64, false);
	assert_int_equal(read_packet_data(buf, 256), 20);
	assert_int_equal(buf[14], 0xaa);
	assert_int_equal(buf[19], 200);
	assert_int_equal(packet(far, 2048, false) & 0x89, 1);
	packet(sense, 18, false);
	assert_int_equal(read_packet_data(buf, 256), 18);
	assert_int_equal(buf[2], 5);
	assert_int_equal(buf[12], 0x21);
	assert_int_equal(packet(bad, 2048, false) & 0x89, 1);
	packet(inquiry, 36, false);
	assert_int_equal(read_packet_data(buf, 256), 36);
	assert_int_equal(buf[0], 5);
}

/* ---- noise ---- */

/* The way out for a driver that has waited too long: also while it is busy. */
static void test_device_reset_while_busy(void **state)
{
	uint8_t p[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 64 }, buf[2048];
	unsigned int i, was;

	(void)state;
	for (i = 0; i < 200; i++) {
		prd(0, DATA, 0, false);
		prd(1, DATA + 65536, 0, true);
		out(w.bm + 12, 4, PRDT);
		out(w.bm + 8, 1, 9);
		packet(p, 0, true);
		was = w.irqs[15];
		command(0x170, 8);
		assert_int_equal(wait_ready(0x170), 0);
		assert_int_equal(in(0x171, 1), 1);
		assert_int_equal(in(0x174, 1), 0x14);
		assert_int_equal(in(0x175, 1), 0xeb);
		assert_int_equal(w.irqs[15], was);
		out(w.bm + 8, 1, 0);
	}
	p[5] = 7;
	p[8] = 1;
	packet(p, 2048, false);
	assert_int_equal(read_packet_data(buf, sizeof(buf)), 2048);
	assert_int_equal(buf[0], 7);
}

static void test_fuzz(void **state)
{
	static const unsigned int bases[] = { 0x1f0, 0x170 };
	uint64_t seed = 99;
	unsigned int i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		uint64_t x = test_random(&seed);
		unsigned int base = bases[x & 1], at = x >> 8 & 7;
		unsigned int size = 1u << (x >> 16 & 1 ? x >> 17 & 3 : 0);

		switch (x >> 4 & 7) {
		case 0:
			in(base + at, size);
			break;
		case 1:
			out(w.bm + (x >> 20 & 15), size, x >> 32);
			break;
		case 2:
			prd(x >> 20 & 7, (uint32_t)(x >> 32) & 0x7fffff,
			    x >> 24 & 0xffff, x & 0x100);
			out(w.bm + 4 + 8 * (x & 1), 4, PRDT);
			break;
		case 3:
			if ((x >> 40 & 63) == 0)
				out(base + 0x206, 1, x >> 32);
			ata_poll(&w.ata);
			break;
		case 4:		/* to get on: data, or a command that fits */
			for (at = 0; at < (x >> 20 & 0x3ff); at++)
				x & 0x200 ? in(base, 2) : (out(base, 2, x), 0);
			break;
		default:
			out(base + at, size, x >> 32);
			break;
		}
	}
	for (i = 0; i < 2; i++) {
		out(bases[i] + 0x206, 1, 4);
		out(bases[i] + 0x206, 1, 0);
		wait_ready(bases[i]);
	}
	address(0x1f0, 0, 1);
	command(0x1f0, 0x20);
	assert_int_equal(wait_ready(0x1f0) & 0x89, ATA_STATUS_DRQ);
}

#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_signatures),
		T(test_empty_cable),
		T(test_identify),
		T(test_pio_read),
		T(test_strings),
		T(test_chs_read),
		T(test_pio_write_lba48),
		T(test_beyond_the_end),
		T(test_dma_both_ways),
		T(test_dma_tables_that_are_wrong),
		T(test_reset_while_busy),
		T(test_cd_read_pio),
		T(test_cd_read_dma),
		T(test_cd_answers),
		T(test_device_reset_while_busy),
		T(test_fuzz),
	};
	int ret;

	close(mkstemp(disk_path));
	close(mkstemp(cd_path));
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(disk_path);
	unlink(cd_path);
	return ret;
}
