/* SPDX-License-Identifier: MIT */
/*
 * A whole machine's devices, with two disks and no VM behind them, driven by bytes: accesses to ports, to
 * memory-mapped registers and to configuration space, writes to guest memory where
 * rings and descriptors lie, rounds of the event loop. It must not crash, must not
 * touch what is not the guest's (the sanitizers see to that), and must end.
 *
 * Built with -DLIBFUZZER -fsanitize=fuzzer it is a libFuzzer target; otherwise it
 * runs COUNT (first argument) inputs made from SEED (second).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vellum/machine.h"

#define INPUT_MAX	4096u
#define RAM		(4 * MIB)
#define RINGS		0x1000u		/* where descriptors are likely */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int report(const struct vmm_error *e);

/* The program's lies with its main(). */
int report(const struct vmm_error *e)
{
	(void)e;
	return 1;
}

static struct machine m;
static struct machine_config cfg;
static struct storage storage;
static struct vmm_accel accel = { .fd = -1, .dir = -1, .path = "none" };
static struct console console;
static struct evloop loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ev_timer pause_timer;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void on_pause(void *opaque)
{
	ev_stop(opaque);
}

/* A file without a name: a descriptor, or a disk. */
static int make_file(char name[32], uint64_t size)
{
	int fd;

	strcpy(name, "/tmp/vellum-fuzz-XXXXXX");
	fd = mkstemp(name);
	must(fd >= 0 && !ftruncate(fd, (off_t)size), "file");
	return fd;
}

static void add_disks(void)
{
	static const char *const words[] = { "", ",bus=ata", "" };
	char value[64], name[32];
	struct vmm_error e;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		close(make_file(name, MIB));
		snprintf(value, sizeof(value), "%s%s", name, words[i]);
		must(!storage_parse(&storage, value,
				    i < 2 ? STORAGE_DISK : STORAGE_FLOPPY), "disk");
	}
	must(!storage_open(&storage, &e) && !storage_start(&storage, &e), "disks");
	for (i = 0; i < storage.n; i++)
		unlink(storage.unit[i].path);
	cfg.storage = &storage;
}

static void set_up_session(void)
{
	struct vmm_error e = { 0 };
	char name[32];

	cfg = (struct machine_config){
		.memory = RAM, .cpus = 2, .rom = true, .vga = true, .debug_port = true,
		.debug_exit = true, .quiet = true, .kernel.fd = -1,
		.vars.fd = -1, .com1.fd = -1, .com2.fd = -1, .vgabios.fd = -1, .screen.fd = -1,
	};
	cfg.firmware = (struct image_file){
		.option = "--test", .path = "file", .size = 64 * KIB,
		.fd = make_file(name, 64 * KIB),
	};
	unlink(name);
	add_disks();
	must(!ev_init(&loop, &lock, &e), "loop");
	console.loop = &loop;
	console.out_dead = true;
	ev_timer_init(&loop, &console.flush_timer, on_pause, &loop);
	ev_timer_init(&loop, &console.feed_timer, on_pause, &loop);
	ev_timer_init(&loop, &pause_timer, on_pause, &loop);
	must(!ram_create(&m.ram, RAM, &e), "ram");
}

/* Devices at power-on; memory and files are the last input's. */
static void power_on(void)
{
	struct guest_ram ram = m.ram;
	struct vmm_error e;

	memset(&m, 0, sizeof(m));
	m.ram = ram;
	m.cfg = &cfg;
	m.console = &console;
	m.loop = &loop;
	m.lock = &lock;
	m.vm = (struct vmm_vm){ .accel = &accel, .fd = -1 };
	/* Fails at the first slot, for want of a VM: all else is there. */
	(void)board_load_firmware(&m, &e);
	must(!machine_add_devices(&m, &e), "devices");
}

static void run_loop(void)
{
	pthread_mutex_unlock(&lock);
	ev_timer_set(&pause_timer, ev_now() + 20000);
	loop.stop = false;
	ev_run(&loop);
	pthread_mutex_lock(&lock);
}

static void touch(struct bus *bus, uint64_t addr, const uint8_t in[16])
{
	unsigned int size = 1u << (in[1] & 3);
	uint64_t v;

	memcpy(&v, in + 8, sizeof(v));
	if (in[1] & 4)
		bus_write(bus, addr, size, v);
	else
		bus_read(bus, addr, size, &v);
}

static uint64_t pick(const struct bus *bus, const uint8_t in[16])
{
	unsigned int n = bus->n + bus->n_windows, i = in[2] % (n + 1);
	const struct bus_range *range;
	uint32_t at;

	memcpy(&at, in + 4, sizeof(at));
	if (i == n)
		return at;
	range = i < bus->n ? &bus->range[i] : bus->window[i - bus->n];
	return range->base + at % range->len;
}

static void write_ram(const uint8_t in[16])
{
	uint16_t at;
	uint8_t *p;

	memcpy(&at, in + 4, sizeof(at));
	p = ram_at(&m.ram, GPA(RINGS + at), 8);
	if (p)
		memcpy(p, in + 8, 8);
}

/* A step is 16 bytes: what, how, where, a value. */
static void step(const uint8_t in[16])
{
	uint32_t at;

	memcpy(&at, in + 4, sizeof(at));
	switch (in[0] & 7) {
	case 0: case 1:
		touch(&m.pio, pick(&m.pio, in) & 0xffff, in);
		break;
	case 2:
		bus_write(&m.pio, 0xcf8, 4, 0x80000000u | (at & 0xfffc));
		touch(&m.pio, 0xcfc + (in[3] & 3), in);
		break;
	case 3: case 4:
		touch(&m.mmio, pick(&m.mmio, in), in);
		break;
	case 5: case 6:
		write_ram(in);
		break;
	default:
		if (!(in[1] & 0x1f))
			run_loop();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	size_t i;

	if (!ready)
		set_up_session();
	ready = true;
	pthread_mutex_lock(&lock);
	power_on();
	for (i = 0; i + 16 <= size; i += 16)
		step(data + i);
	machine_remove_devices(&m);
	pthread_mutex_unlock(&lock);
	return 0;
}

#ifndef LIBFUZZER
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 4000, i;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	static uint8_t input[INPUT_MAX];

	for (i = 0; i < count; i++) {
		unsigned int j;

		for (j = 0; j < sizeof(input); j += 8) {
			uint64_t v = next(&seed);

			memcpy(input + j, &v, 8);
		}
		LLVMFuzzerTestOneInput(input, sizeof(input));
	}
	printf("1..1\nok 1 - %lu inputs of %u accesses\n", count, INPUT_MAX / 16);
	storage_close(&storage);
	ram_destroy(&m.ram);
	ev_fini(&loop);
	close(cfg.firmware.fd);
	return 0;
}
#endif
