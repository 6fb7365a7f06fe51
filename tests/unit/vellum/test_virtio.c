/* SPDX-License-Identifier: MIT */
/* The virtio block device, driven as a guest would, well and badly. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test.h"
#include "vellum/dev/virtio_blk.h"

DEFINE_REPORT

#define RAM_SIZE	(4u << 20)
#define IMAGE_SIZE	(1u << 20)
#define QSIZE		8u
#define DESC		0x10000u
#define AVAIL		0x11000u
#define USED		0x12000u
#define TABLE		0x13000u	/* an indirect one */
#define HEADER		0x14000u
#define STATUS		0x14100u
#define DATA		0x20000u
#define FEATURES_ALL	(~0ull)

static char path[] = "/tmp/vellum-test-virtio-XXXXXX";

static struct world {
	struct bus io, mem;
	struct pci_bus pci;
	struct guest_ram ram;
	struct disk disk;
	struct virtio_blk blk;
	uint64_t bar;
	uint16_t avail, used;
	unsigned int ioeventfds;
} w;

/* ---- a driver ---- */

static uint64_t reg_read(unsigned int at, unsigned int size)
{
	uint64_t v;

	bus_read(&w.mem, w.bar + at, size, &v);
	return v;
}

static void reg_write(unsigned int at, unsigned int size, uint64_t v)
{
	bus_write(&w.mem, w.bar + at, size, v);
}

static void *ram(uint64_t at)
{
	return w.ram.host + at;
}

static int fake_ioeventfd(void *opaque, uint64_t addr, int fd, bool on)
{
	(void)opaque, (void)addr, (void)fd;
	w.ioeventfds += on ? 1u : ~0u;
	return 0;
}

static void nap(void)
{
	struct timespec ts = { .tv_nsec = 100000 };

	nanosleep(&ts, NULL);
}

static void set_up(bool ro)
{
	struct block_options o = {
		.option = "--disk", .path = path, .readonly = ro, .sector = 512,
	};
	struct virtio_host host = { .ioeventfd = fake_ioeventfd };
	struct vmm_error e;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	memset(&w, 0, sizeof(w));
	w.ram = (struct guest_ram){
		.host = calloc(1, RAM_SIZE), .size = RAM_SIZE,
		.low_end = RAM_SIZE, .high_end = RAM_HIGH_BASE,
	};
	pci_bus_init(&w.pci, &w.io, &w.mem, &w.ram);
	assert_int_equal(disk_open(&w.disk, &o, DISK_BEST, &e), 0);
	assert_int_equal(disk_start(&w.disk, &e), 0);
	assert_int_equal(virtio_blk_add(&w.blk, &w.pci, PCI_ANY_SLOT, &w.disk,
					path, "serial-1", 2, &host), 0);
	assert_int_equal(pci_assign(&w.pci), 0);
	w.bar = w.blk.v.pci.bar[VIRTIO_BAR].range.base;
	assert_int_equal(w.ioeventfds, 2);
}

static void tear_down(void)
{
	virtio_blk_remove(&w.blk);
	pci_bus_fini(&w.pci);
	assert_int_equal(w.ioeventfds, 0);
	disk_close(&w.disk);
	free(w.ram.host);
	unlink(path);
}

static void reset(void)
{
	unsigned int i;

	reg_write(VIRTIO_STATUS, 1, 0);
	for (i = 0; reg_read(VIRTIO_STATUS, 1) && i < 50000; i++)
		nap();
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 0);
}

static void negotiate(uint64_t want)
{
	uint64_t have;

	reg_write(VIRTIO_STATUS, 1, 1);
	reg_write(VIRTIO_STATUS, 1, 3);
	reg_write(VIRTIO_DEVICE_FEATURE_SELECT, 4, 0);
	have = reg_read(VIRTIO_DEVICE_FEATURE, 4);
	reg_write(VIRTIO_DEVICE_FEATURE_SELECT, 4, 1);
	have |= reg_read(VIRTIO_DEVICE_FEATURE, 4) << 32;
	have &= want;
	reg_write(VIRTIO_DRIVER_FEATURE_SELECT, 4, 0);
	reg_write(VIRTIO_DRIVER_FEATURE, 4, (uint32_t)have);
	reg_write(VIRTIO_DRIVER_FEATURE_SELECT, 4, 1);
	reg_write(VIRTIO_DRIVER_FEATURE, 4, have >> 32);
	reg_write(VIRTIO_STATUS, 1, 0xb);
}

static void start_queue(uint64_t desc, uint64_t avail, uint64_t used)
{
	reg_write(VIRTIO_QUEUE_SELECT, 2, 0);
	reg_write(VIRTIO_QUEUE_SIZE, 2, QSIZE);
	reg_write(VIRTIO_QUEUE_DESC, 8, desc);
	reg_write(VIRTIO_QUEUE_DRIVER, 4, (uint32_t)avail);
	reg_write(VIRTIO_QUEUE_DRIVER + 4, 4, avail >> 32);
	reg_write(VIRTIO_QUEUE_DEVICE, 8, used);
	reg_write(VIRTIO_QUEUE_ENABLE, 2, 1);
}

static void start(uint64_t want)
{
	reset();
	memset(ram(DESC), 0, 0x10000);
	w.avail = w.used = 0;
	negotiate(want);
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 0xb);
	start_queue(DESC, AVAIL, USED);
	reg_write(VIRTIO_STATUS, 1, 0xf);
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 0xf);
}

static void desc(struct virtq_desc *table, unsigned int i, uint64_t addr,
		 uint32_t len, unsigned int flags)
{
	table[i] = (struct virtq_desc){
		addr, len, (uint16_t)flags, (uint16_t)(i + 1),
	};
}

static void offer(uint16_t head)
{
	uint16_t *avail = ram(AVAIL);

	avail[2 + w.avail % QSIZE] = head;
	__atomic_store_n(&avail[1], ++w.avail, __ATOMIC_SEQ_CST);
	reg_write(VIRTIO_NOTIFY, 2, 0);
}

/* True when the buffer has come back, false when the device broke instead. */
static bool wait_used(void)
{
	uint16_t *used = ram(USED);
	unsigned int i;

	for (i = 0; i < 50000; i++) {
		if (__atomic_load_n(&used[1], __ATOMIC_SEQ_CST) == w.avail) {
			w.used = w.avail;
			return true;
		}
		if (reg_read(VIRTIO_STATUS, 1) & VIRTIO_STATUS_NEEDS_RESET)
			return false;
		nap();
	}
	fail_msg("the device never answered");
	return false;
}

static uint32_t used_len(void)
{
	struct virtq_used_elem *e = ram(USED + 4);

	return e[(w.used - 1) % QSIZE].len;
}

static void header(uint32_t type, uint64_t sector)
{
	uint32_t *h = ram(HEADER);

	h[0] = type;
	h[1] = 0;
	memcpy(h + 2, &sector, 8);
	*(uint8_t *)ram(STATUS) = 0xee;
}

/* Header, data, status; the status that comes back. */
static int request(uint32_t type, uint64_t sector, uint64_t data, uint32_t len,
		   bool in)
{
	struct virtq_desc *d = ram(DESC);

	header(type, sector);
	desc(d, 0, HEADER, 16, VIRTQ_DESC_NEXT);
	desc(d, 1, data, len,
	     VIRTQ_DESC_NEXT | (in ? VIRTQ_DESC_WRITE : 0));
	desc(d, 2, STATUS, 1, VIRTQ_DESC_WRITE);
	offer(0);
	return wait_used() ? *(uint8_t *)ram(STATUS) : -1;
}

/* ---- good guests ---- */

static void test_identity_and_capabilities(void **state)
{
	const struct pci_dev *d = &w.blk.v.pci;
	unsigned int at, found = 0;

	(void)state;
	assert_int_equal(pci_get16(d, PCI_VENDOR), 0x1af4);
	assert_int_equal(pci_get16(d, PCI_DEVICE), 0x1042);
	assert_true(d->config[PCI_REVISION] >= 1);
	for (at = d->config[PCI_CAPABILITIES]; at; at = d->config[at + 1])
		if (d->config[at] == PCI_CAP_VENDOR)
			found |= 1u << d->config[at + 3];
	assert_int_equal(found, 0x3e);	/* types 1 to 5 */
	assert_int_equal(reg_read(VIRTIO_CONFIG, 8), IMAGE_SIZE / 512);
	assert_int_equal(reg_read(VIRTIO_CONFIG + 34, 2), 2);
	assert_int_equal(reg_read(VIRTIO_NUM_QUEUES, 2), 2);
}

static void test_feature_negotiation(void **state)
{
	(void)state;
	reset();
	negotiate(FEATURES_ALL & ~VIRTIO_F_VERSION_1);
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 3);
	reset();
	negotiate(FEATURES_ALL);
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 0xb);
	reset();
	reg_write(VIRTIO_STATUS, 1, 3);
	reg_write(VIRTIO_DRIVER_FEATURE_SELECT, 4, 1);
	reg_write(VIRTIO_DRIVER_FEATURE, 4, 0x80000001);	/* not offered */
	reg_write(VIRTIO_STATUS, 1, 0xb);
	assert_int_equal(reg_read(VIRTIO_STATUS, 1), 3);
}

static void test_write_read_flush(void **state)
{
	(void)state;
	start(FEATURES_ALL & ~VIRTIO_F_EVENT_IDX);
	memset(ram(DATA), 0x5a, 4096);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 8, DATA, 4096, false), 0);
	assert_int_equal(used_len(), 1);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, DATA, 0, false), 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 8, DATA + 8192, 4096, true),
			 0);
	assert_int_equal(used_len(), 4097);
	assert_memory_equal(ram(DATA), ram(DATA + 8192), 4096);
	assert_int_equal(reg_read(VIRTIO_ISR, 1) & 1, 1);
	assert_int_equal(reg_read(VIRTIO_ISR, 1), 0);
}

static void test_event_index(void **state)
{
	unsigned int i;

	(void)state;
	start(FEATURES_ALL);
	for (i = 0; i < 3 * QSIZE; i++) {
		uint16_t *used = ram(USED);

		assert_int_equal(request(VIRTIO_BLK_T_IN, i, DATA, 512, true),
				 0);
		/* It must ask for a notification of the next buffer. */
		while (__atomic_load_n(&used[2 + 4 * QSIZE], __ATOMIC_SEQ_CST)
		       != w.avail)
			nap();
	}
}

static void test_id(void **state)
{
	(void)state;
	start(FEATURES_ALL);
	memset(ram(DATA), 0xff, 20);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, DATA, 20, true), 0);
	assert_string_equal(ram(DATA), "serial-1");
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, DATA, 3, true), 0);
	assert_int_equal(used_len(), 4);
}

static void test_discard_and_zeroes(void **state)
{
	uint32_t range[4] = { 8, 0, 8, 0 };
	unsigned int i;

	(void)state;
	start(FEATURES_ALL);
	memset(ram(DATA), 0x77, 8192);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 8, DATA, 8192, false), 0);
	memcpy(ram(HEADER + 0x200), range, 16);
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, HEADER + 0x200,
				 16, false), 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 8, DATA, 8192, true), 0);
	for (i = 0; i < 8192; i++)
		assert_int_equal(((uint8_t *)ram(DATA))[i],
				 i < 4096 ? 0 : 0x77);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, HEADER + 0x200, 16,
				 false), 0);
	range[3] = 1;	/* unmap: for zeroes only */
	memcpy(ram(HEADER + 0x200), range, 16);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, HEADER + 0x200, 16,
				 false), VIRTIO_BLK_S_UNSUPP);
	range[3] = 0;
	range[2] = IMAGE_SIZE / 512 - 7;	/* one too many */
	memcpy(ram(HEADER + 0x200), range, 16);
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, HEADER + 0x200,
				 16, false), VIRTIO_BLK_S_IOERR);
}

/* Any split of header, data and status over descriptors is allowed. */
static void test_odd_framing_indirect(void **state)
{
	struct virtq_desc *t;

	(void)state;
	start(FEATURES_ALL);
	memset(ram(DATA), 0x31, 1024);
	header(VIRTIO_BLK_T_OUT, 0);
	memcpy(ram(DATA - 9), ram(HEADER + 7), 9);
	t = ram(TABLE);
	desc(t, 0, HEADER, 7, VIRTQ_DESC_NEXT);
	desc(t, 1, DATA - 9, 9 + 1000, VIRTQ_DESC_NEXT);
	desc(t, 2, DATA, 0, VIRTQ_DESC_NEXT);
	desc(t, 3, DATA + 1000, 24, VIRTQ_DESC_NEXT);
	desc(t, 4, STATUS, 1, VIRTQ_DESC_WRITE);
	desc(ram(DESC), 5, TABLE, 5 * 16, VIRTQ_DESC_INDIRECT);
	offer(5);
	assert_true(wait_used());
	assert_int_equal(*(uint8_t *)ram(STATUS), 0);

	header(VIRTIO_BLK_T_IN, 0);
	desc(t, 0, HEADER, 16, VIRTQ_DESC_NEXT);
	desc(t, 1, DATA + 4096, 1, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE);
	desc(t, 2, DATA + 4097, 1024, VIRTQ_DESC_WRITE);	/* and status */
	desc(ram(DESC), 5, TABLE, 3 * 16, VIRTQ_DESC_INDIRECT);
	offer(5);
	assert_true(wait_used());
	assert_memory_equal(ram(DATA), ram(DATA + 4096), 1024);
	assert_int_equal(((uint8_t *)ram(DATA))[4096 + 1024], 0);
}

static void test_errors_that_are_answers(void **state)
{
	(void)state;
	start(FEATURES_ALL);
	assert_int_equal(request(VIRTIO_BLK_T_IN, IMAGE_SIZE / 512, DATA, 512,
				 true), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, UINT64_MAX, DATA, 512,
				 false), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 511, true),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(77, 0, DATA, 512, true),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 512, true), 0);
}

static void test_readonly(void **state)
{
	(void)state;
	tear_down();
	set_up(true);
	start(FEATURES_ALL);
	assert_true(w.blk.v.offered & VIRTIO_BLK_F_RO);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, DATA, 512, false),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 512, true), 0);
}

/* Registers by way of configuration space, for those without memory access. */
static void test_window_in_configuration_space(void **state)
{
	struct pci_dev *d = &w.blk.v.pci;
	unsigned int cap = w.blk.v.window_cap;
	uint64_t v;

	(void)state;
	pci_put32(d->config + cap + 8, VIRTIO_NUM_QUEUES);
	pci_put32(d->config + cap + 12, 2);
	d->read(d, cap + 16, 2);
	assert_int_equal(pci_get16(d, cap + 16), 2);
	for (v = 0; v < 0x10000; v += 0x3ff) {	/* anywhere: no crash */
		pci_put32(d->config + cap + 8, (uint32_t)v);
		pci_put32(d->config + cap + 12, 1u << (v & 3));
		d->read(d, cap + 16, 4);
	}
	pci_put32(d->config + cap + 12, 0);
}

/* ---- bad guests ---- */

static void test_queues_that_can_not_be(void **state)
{
	static const uint64_t bad[][3] = {
		{ DESC + 8, AVAIL, USED }, { DESC, AVAIL + 1, USED },
		{ DESC, AVAIL, USED + 2 }, { RAM_SIZE - 16, AVAIL, USED },
		{ DESC, 0xb8000, USED }, { DESC, AVAIL, UINT64_MAX - 3 },
		{ UINT64_MAX - 15, AVAIL, USED }, { DESC, RAM_SIZE, USED },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		reset();
		negotiate(FEATURES_ALL);
		start_queue(bad[i][0], bad[i][1], bad[i][2]);
		assert_true(reg_read(VIRTIO_STATUS, 1) &
			    VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(reg_read(VIRTIO_QUEUE_ENABLE, 2), 0);
	}
	start(FEATURES_ALL);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 512, true), 0);
}

#define IN	VIRTQ_DESC_WRITE
#define NEXT	VIRTQ_DESC_NEXT
#define INDIRECT VIRTQ_DESC_INDIRECT

static void test_chains_that_break_the_device(void **state)
{
	static const struct {
		const char *what;
		struct virtq_desc d[4];
	} bad[] = {
		{ "outside", { { HEADER, 16, NEXT, 1 },
			       { RAM_SIZE - 256, 512, NEXT | IN, 2 },
			       { STATUS, 1, IN, 0 } } },
		{ "wraps", { { HEADER, 16, NEXT, 1 },
			     { UINT64_MAX - 10, 512, NEXT | IN, 2 },
			     { STATUS, 1, IN, 0 } } },
		{ "in the hole", { { HEADER, 16, NEXT, 1 },
				   { 0x9ff00, 4096, NEXT | IN, 2 },
				   { STATUS, 1, IN, 0 } } },
		{ "4 GiB", { { HEADER, 16, NEXT, 1 },
			     { DATA, UINT32_MAX, NEXT | IN, 2 },
			     { STATUS, 1, IN, 0 } } },
		{ "loop", { { HEADER, 16, NEXT, 1 }, { DATA, 512, NEXT, 0 } } },
		{ "itself", { { HEADER, 16, NEXT, 0 } } },
		{ "next too high", { { HEADER, 16, NEXT, QSIZE } } },
		{ "no status", { { HEADER, 16, NEXT, 1 }, { DATA, 512, 0, 0 } } },
		{ "short header", { { HEADER, 15, NEXT, 1 },
				    { STATUS, 1, IN, 0 } } },
		{ "out after in", { { HEADER, 16, NEXT, 1 },
				    { STATUS, 1, NEXT | IN, 2 },
				    { DATA, 512, 0, 0 } } },
		{ "indirect length", { { TABLE, 17, INDIRECT, 0 } } },
		{ "indirect empty", { { TABLE, 0, INDIRECT, 0 } } },
		{ "indirect huge", { { TABLE, 16 * 257, INDIRECT, 0 } } },
		{ "indirect outside", { { RAM_SIZE, 32, INDIRECT, 0 } } },
		{ "indirect and next", { { TABLE, 32, INDIRECT | NEXT, 1 } } },
		{ "indirect in itself", { { DESC, 16, INDIRECT, 0 } } },
		{ "nothing", { { 0, 0, 0, 0 } } },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start(FEATURES_ALL);
		header(VIRTIO_BLK_T_IN, 0);
		memcpy(ram(DESC), bad[i].d, sizeof(bad[i].d));
		offer(0);
		if (wait_used())
			fail_msg("%s: accepted", bad[i].what);
		reset();
	}
	start(FEATURES_ALL);
	offer(QSIZE);		/* a head beyond the table */
	assert_false(wait_used());
	start(FEATURES_ALL);
	w.avail = QSIZE;	/* an index that jumps */
	offer(0);
	assert_false(wait_used());
	start(FEATURES_ALL);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 512, true), 0);
}

/* No indirect tables unless that was agreed on. */
static void test_indirect_not_negotiated(void **state)
{
	(void)state;
	start(FEATURES_ALL & ~VIRTIO_F_INDIRECT_DESC);
	desc(ram(TABLE), 0, HEADER, 16, NEXT);
	desc(ram(TABLE), 1, STATUS, 1, IN);
	desc(ram(DESC), 0, TABLE, 32, INDIRECT);
	offer(0);
	assert_false(wait_used());
}

static void test_no_bus_master_no_access(void **state)
{
	uint8_t *command = &w.blk.v.pci.config[PCI_COMMAND];
	unsigned int i;

	(void)state;
	start(FEATURES_ALL);
	*command &= (uint8_t)~PCI_COMMAND_MASTER;
	desc(ram(DESC), 0, HEADER, 16, NEXT);
	desc(ram(DESC), 1, STATUS, 1, IN);
	header(VIRTIO_BLK_T_FLUSH, 0);
	offer(0);
	for (i = 0; i < 50; i++)
		nap();
	assert_int_equal(*(uint8_t *)ram(STATUS), 0xee);
	*command |= PCI_COMMAND_MASTER;
	reg_write(VIRTIO_NOTIFY, 2, 0);
	assert_true(wait_used());
	assert_int_equal(*(uint8_t *)ram(STATUS), 0);
}

static uint64_t seed = 0x1234567;

static void scribble(uint64_t at, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i += 8) {
		uint64_t v = test_random(&seed);

		memcpy(ram(at + i), &v, 8);
	}
}

/* Descriptors that are half right go further than noise. */
static void random_descriptors(void)
{
	struct virtq_desc *d = ram(DESC), *t = ram(TABLE);
	unsigned int i;

	for (i = 0; i < QSIZE; i++) {
		uint64_t x = test_random(&seed);

		d[i] = (struct virtq_desc){
			.addr = x & 1 ? TABLE : DATA + (x >> 8 & 0xffff),
			.len = (uint32_t)(x >> 24 & 0x7f) * 16,
			.flags = (uint16_t)(x >> 32 & 7),
			.next = (uint16_t)(x >> 36 & 7),
		};
		t[i] = d[(x >> 40) % (i + 1)];
	}
	scribble(HEADER, 16);
	((uint8_t *)ram(HEADER))[0] &= 15;
	memset(ram(HEADER + 1), 0, 3);
}

static void test_fuzz(void **state)
{
	unsigned int i, j;

	(void)state;
	w.blk.v.said = true;	/* one line is enough */
	for (i = 0; i < 30000; i++) {
		uint64_t x = test_random(&seed);

		start(x & 1 ? FEATURES_ALL :
		      FEATURES_ALL & ~VIRTIO_F_EVENT_IDX);
		if (x & 6)
			random_descriptors();
		else
			scribble(DESC, 0x5000);
		for (j = 0; j < 6; j++) {
			uint64_t y = test_random(&seed);

			if (y & 1)
				offer((uint16_t)(y >> 8 & 7));
			else
				reg_write((unsigned int)(y >> 8) % 0x3100,
					  1u << (y >> 32 & 3), y >> 40);
			reg_read((unsigned int)(y >> 16) % 0x3fff,
				 1u << (y >> 36 & 3));
		}
		/* While it works: what it reads changes under it. */
		random_descriptors();
	}
	start(FEATURES_ALL);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, DATA, 512, true), 0);
}

static int set_up_rw(void **state)
{
	(void)state;
	set_up(false);
	return 0;
}

static int tear_down_rw(void **state)
{
	(void)state;
	tear_down();
	return 0;
}

#define T(t) cmocka_unit_test_setup_teardown(t, set_up_rw, tear_down_rw)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_identity_and_capabilities),
		T(test_feature_negotiation),
		T(test_write_read_flush),
		T(test_event_index),
		T(test_id),
		T(test_discard_and_zeroes),
		T(test_odd_framing_indirect),
		T(test_errors_that_are_answers),
		T(test_readonly),
		T(test_window_in_configuration_space),
		T(test_queues_that_can_not_be),
		T(test_chains_that_break_the_device),
		T(test_indirect_not_negotiated),
		T(test_no_bus_master_no_access),
		T(test_fuzz),
	};
	int fd = mkstemp(path);

	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
