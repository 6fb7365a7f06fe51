/* SPDX-License-Identifier: MIT */
/*
 * A whole machine's devices, with no VM behind them, and a guest that writes
 * garbage to every port, register and configuration space.  What it proves is
 * that the sanitizers stay silent and that it ends.
 */
#include "test.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "vellum/machine.h"

DEFINE_REPORT

#define ACCESSES	6000000u
#define LOOP_EVERY	4096u
#define VARS_SIZE	0x10000u

static struct machine m;
static struct machine_config cfg;
static struct storage storage;
static struct vmm_accel accel = { .fd = -1, .path = "none" };
static struct console console;
static struct evloop loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ev_timer pause_timer;

static void on_pause(void *opaque) { ev_stop(opaque); }

/* Lets the timers that the garbage has set fire. */
static void run_loop(void)
{
	ev_timer_set(&pause_timer, ev_now() + 100000);
	loop.stop = false;
	ev_run(&loop);
}

static void make_file(struct image_file *f, uint64_t size)
{
	char name[] = "/tmp/vellum-test-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	*f = (struct image_file){
		.option = "--test", .path = "file", .fd = fd, .size = size,
	};
}

/* Disks of each kind, so that bus masters and their rings are there to be hit. */
static void add_disks(void)
{
	static const char *const words[] = { "", ",bus=ata", "" };
	char value[64], name[3][32];
	struct vmm_error e;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		int fd;

		strcpy(name[i], "/tmp/vellum-test-XXXXXX");
		fd = mkstemp(name[i]);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, MIB), 0);
		close(fd);
		snprintf(value, sizeof(value), "%s%s", name[i], words[i]);
		assert_int_equal(storage_parse(&storage, value,
				i < 2 ? STORAGE_DISK : STORAGE_FLOPPY), 0);
	}
	assert_int_equal(storage_open(&storage, &e), 0);
	assert_int_equal(storage_start(&storage, &e), 0);
	unlink(name[0]);
	unlink(name[1]);
	unlink(name[2]);
	cfg.storage = &storage;
}

static int setup(void **state)
{
	struct vmm_error e = { 0 };

	(void)state;
	cfg = (struct machine_config){
		.memory = 16 * MIB, .cpus = 2, .rom = true, .vga = true, .debug_port = true,
		.debug_exit = true, .kernel.fd = -1,
		.com1.fd = -1, .com2.fd = -1, .vgabios.fd = -1, .screen.fd = -1,
	};
	make_file(&cfg.firmware, 256 * KIB);
	make_file(&cfg.vars, VARS_SIZE);
	add_disks();
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	console.loop = &loop;
	console.out_dead = true;
	ev_timer_init(&loop, &console.flush_timer, on_pause, &loop);
	ev_timer_init(&loop, &console.feed_timer, on_pause, &loop);
	ev_timer_init(&loop, &pause_timer, on_pause, &loop);
	m.cfg = &cfg;
	m.console = &console;
	m.loop = &loop;
	m.lock = &lock;
	m.vm = (struct vmm_vm){ .accel = &accel, .fd = -1 };
	assert_int_equal(ram_create(&m.ram, cfg.memory, &e), 0);
	/* Fails at the first slot, for want of a VM: all else is there. */
	assert_int_equal(board_load_firmware(&m, &e), -1);
	assert_int_equal(machine_add_devices(&m, &e), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_remove_devices(&m);
	storage_close(&storage);
	ram_destroy(&m.ram);
	ev_fini(&loop);
	close(cfg.firmware.fd);
	close(cfg.vars.fd);
	return 0;
}

static void touch(struct bus *bus, uint64_t addr, uint64_t r)
{
	unsigned int size = 1u << (r & 3);
	uint64_t v;

	if (r & 4)
		bus_write(bus, addr, size, r >> 20);
	else
		bus_read(bus, addr, size, &v);
}

/* An address in a range, a window or, sometimes, anywhere. */
static uint64_t pick(const struct bus *bus, uint64_t r, uint64_t r2)
{
	unsigned int n = bus->n + bus->n_windows;
	unsigned int i = (unsigned int)(r >> 4) % (n + 1);
	const struct bus_range *range;

	if (i == n)
		return r2;
	range = i < bus->n ? &bus->range[i] : bus->window[i - bus->n];
	return range->base + r2 % range->len;
}

static void test_garbage(void **state)
{
	uint64_t seed = 0x5eed, r;
	unsigned int i, pams = 0, ecams = 0, fast = 0;

	(void)state;
	for (i = 0; i < ACCESSES; i++) {
		r = test_random(&seed);
		switch (r >> 60) {
		case 0: case 1: case 2: case 3: case 4: case 5:
			touch(&m.pio, pick(&m.pio, r, test_random(&seed)) &
			      0xffff, test_random(&seed));
			break;
		case 6: case 7: case 8:
			/* any function, mostly those that there are */
			bus_write(&m.pio, 0xcf8, 4, 0x80000000u |
				  (r & 1 ? (r & 2 ? 0 : 0xf800) : r & 0xff00) |
				  (r >> 16 & 0xfc));
			touch(&m.pio, 0xcfc + (r >> 24 & 3),
			      test_random(&seed));
			break;
		case 9:
			/* fw_cfg's descriptors: in RAM, and not */
			bus_write(&m.pio, FWCFG_DMA_PORT + 4, 4,
				  test_random(&seed) &
				  (r & 1 ? 0xffff0000u : 0xffffffffu));
			break;
		default:
			touch(&m.mmio, pick(&m.mmio, r, test_random(&seed)),
			      test_random(&seed));
			break;
		}
		if (i % LOOP_EVERY == 0)
			run_loop();
		pams += m.board.rom.pam[0] != 0;
		ecams += m.board.q35.ecam_open;
		fast += m.board.rom.vars.mode == FLASH_FILL;
	}
	/* It got to the far corners. */
	assert_true(pams && ecams && fast);
	assert_true(m.end.cause != END_NONE);	/* it reset the machine */
}

static void test_typing_needs_no_reader(void **state)
{
	unsigned int i, n = 0;

	(void)state;
	keyboard_reset(&m.board.keyboard);
	for (i = 0; i < 256; i++)
		n += keyboard_type(&m.board.keyboard, (uint8_t)i);
	assert_in_range(n, 1, 255);
	assert_in_range(m.board.keyboard.count, 1, KEYBOARD_QUEUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_typing_needs_no_reader),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
