/* SPDX-License-Identifier: MIT */
/* What comes with a PCI bus: fw_cfg, flash, HPET, keyboard, DMA controllers. */
#include "test.h"
#include "vellum/dev/fwcfg.h"
#include "vellum/dev/hpet.h"
#include "vellum/dev/i8042.h"
#include "vellum/dev/isa.h"
#include "vellum/firmware/contents.h"
#include "vellum/firmware/flash.h"
#include "vellum/traps.h"

DEFINE_REPORT

static struct guest_ram ram;

static int setup(void **state)
{
	struct vmm_error e;

	(void)state;
	return ram_create(&ram, 4 * MIB, &e);
}

static int teardown(void **state)
{
	(void)state;
	ram_destroy(&ram);
	return 0;
}

/* ---- fw_cfg ---- */

static void read_item(struct fwcfg *f, uint16_t key, void *to, unsigned int n)
{
	uint8_t *p = to;

	fwcfg_ops.write(f, 0, 2, key);
	while (n--)
		*p++ = (uint8_t)fwcfg_ops.read(f, 1, 1);
}

static void test_fwcfg_by_port(void **state)
{
	struct fwcfg f;
	uint8_t b[80];

	(void)state;
	assert_int_equal(fwcfg_init(&f, &ram), 0);
	assert_int_equal(fwcfg_add_file_int(&f, "etc/one", 0x1122), 0);
	assert_int_equal(fwcfg_add_file(&f, "etc/two", "abc", 3), 0);
	read_item(&f, FWCFG_SIGNATURE, b, 5);
	assert_memory_equal(b, "QEMU", 5);	/* and zeroes after the end */
	read_item(&f, FWCFG_ID, b, 4);
	assert_int_equal(b[0], 3);
	read_item(&f, FWCFG_DIRECTORY, b, 4 + 64);
	assert_int_equal(b[3], 2);
	assert_int_equal(b[7], 8);
	assert_int_equal(b[9], FWCFG_FILE_FIRST);
	assert_string_equal((char *)b + 12, "etc/one");
	read_item(&f, FWCFG_FILE_FIRST + 1, b, 4);
	assert_memory_equal(b, "abc", 4);
	read_item(&f, 0x7777, b, 2);
	assert_int_equal(b[0] | b[1], 0);
	fwcfg_fini(&f);
}

static uint32_t dma(struct fwcfg *f, uint32_t control, uint32_t n, uint64_t to)
{
	uint8_t *p = ram_at(&ram, GPA(0x1000), 16);
	uint32_t c = __builtin_bswap32(control), len = __builtin_bswap32(n);
	uint64_t a = __builtin_bswap64(to);

	memcpy(p, &c, 4);
	memcpy(p + 4, &len, 4);
	memcpy(p + 8, &a, 8);
	fwcfg_dma_ops.write(f, 0, 4, 0);
	fwcfg_dma_ops.write(f, 4, 4, __builtin_bswap32(0x1000));
	memcpy(&c, p, 4);
	return __builtin_bswap32(c);
}

static void test_fwcfg_by_dma(void **state)
{
	struct fwcfg f;
	uint8_t *p = ram_at(&ram, GPA(0x2ffe), 8);

	(void)state;
	assert_int_equal(fwcfg_init(&f, &ram), 0);
	fwcfg_add_file(&f, "etc/two", "abcdef", 6);
	assert_int_equal(fwcfg_dma_ops.read(&f, 0, 4), 0x554d4551);
	assert_int_equal(fwcfg_dma_ops.read(&f, 4, 4), 0x47464320);
	memset(p, 0xee, 8);
	/* select and skip, then read across a page's end and the item's */
	assert_int_equal(dma(&f, FWCFG_FILE_FIRST << 16 | 0xc, 2, 0), 0);
	assert_int_equal(dma(&f, 2, 6, 0x2ffe), 0);
	assert_memory_equal(p, "cdef\0\0\xee", 7);
	assert_int_equal(dma(&f, 2, 4, 0xa0000), 1);	/* no RAM */
	assert_int_equal(dma(&f, 2, 0xffffffff, 0x3000), 1);
	assert_int_equal(dma(&f, 0x10, 4, 0x2000), 1);	/* read-only */
	fwcfg_fini(&f);
}

static uint64_t ecam;

static struct acpi_config acpi(void *opaque)
{
	(void)opaque;
	return (struct acpi_config){ .cpus = 2, .pci = true, .ecam = ecam };
}

/* Plays the loader's script as firmware does; all sums must be right then. */
static void test_acpi_script(void **state)
{
	struct fwcfg f;
	struct firmware_contents c = { .f = &f, .acpi = acpi };
	struct fwcfg_item *s, *t, *r;
	struct vmm_error e;
	uint32_t i, code, at, start, len, sums = 0;

	(void)state;
	ecam = 0;
	assert_int_equal(firmware_contents(&c, &ram, 2, 0x3f8, &e), 0);
	s = fwcfg_find(&f, "etc/table-loader");
	t = fwcfg_find(&f, "etc/acpi/tables");
	r = fwcfg_find(&f, "etc/acpi/rsdp");
	assert_true(s && t && r && s->size % 128 == 0);
	assert_true(memmem(t->data, t->size, "OEM0", 4) != NULL);
	ecam = 0xb0000000;			/* firmware opens it */
	fwcfg_ops.write(&f, 0, 2, t->key);
	assert_true(memmem(t->data, t->size, "MCFG", 4) != NULL);
	for (i = 0; i < s->size; i += 128) {
		const uint8_t *p = s->data + i;
		struct fwcfg_item *d = !strcmp((const char *)p + 4, "etc/acpi/rsdp") ? r : t;
		uint64_t v = 0;
		uint8_t sum = 0;

		memcpy(&code, p, 4);
		if (code == 2) {
			memcpy(&at, p + 4 + 112, 4);
			assert_in_range(p[4 + 116], 4, 8);
			memcpy(&v, d->data + at, p[4 + 116]);
			assert_in_range(v, 0, t->size - 1);
			v += 0x100000;
			memcpy(d->data + at, &v, p[4 + 116]);
		} else if (code == 3) {
			memcpy(&at, p + 4 + 56, 4);
			memcpy(&start, p + 4 + 60, 4);
			memcpy(&len, p + 4 + 64, 4);
			assert_true(start + len <= d->size);
			assert_int_equal(d->data[at], 0);
			while (len--)
				sum = (uint8_t)(sum + d->data[start++]);
			d->data[at] = (uint8_t)-sum;
			sums++;
		}
	}
	assert_int_equal(sums, 9);	/* DSDT FACP APIC HPET MCFG RSDT XSDT RSDP*2 */
	fwcfg_fini(&f);
}

/* ---- flash ---- */

static unsigned int arrays;
static void on_array(void *o, bool array) { (void)o; arrays += array; }

static void test_flash(void **state)
{
	static uint8_t data[2 * FLASH_SECTOR];
	struct flash f = { .data = data, .size = sizeof(data),
			   .set_array = on_array };
	const struct bus_ops *o = &flash_ops;

	(void)state;
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(o->read(&f, 4, 1), 0x5a);
	o->write(&f, 4, 1, 0x50);
	assert_int_equal(o->read(&f, 4, 1), 0);	/* how firmware finds it */
	o->write(&f, FLASH_SECTOR + 9, 1, 0x20);
	o->write(&f, FLASH_SECTOR + 9, 1, 0xd0);
	assert_int_equal(o->read(&f, 0, 1), 0x80);
	o->write(&f, FLASH_SECTOR, 1, 0x10);
	o->write(&f, FLASH_SECTOR, 1, 0x0f);
	o->write(&f, FLASH_SECTOR, 1, 0x40);
	o->write(&f, FLASH_SECTOR, 1, 0xf3);	/* only clears bits */
	o->write(&f, 0, 1, 0xff);
	assert_int_equal(arrays, 1);
	assert_int_equal(data[FLASH_SECTOR], 0x03);
	assert_int_equal(data[FLASH_SECTOR + 1], 0xff);
	assert_int_equal(data[FLASH_SECTOR - 1], 0x5a);
	o->write(&f, 0, 1, 0x98);
	assert_int_equal(o->read(&f, 0x10, 1), 'Q');
	o->write(&f, 0, 1, 0xe8);
	o->write(&f, 0, 1, 1);
	o->write(&f, FLASH_SECTOR + 2, 1, 0x11);
	o->write(&f, FLASH_SECTOR + 3, 1, 0x22);
	o->write(&f, 0, 1, 0xd0);
	assert_int_equal(data[FLASH_SECTOR + 3], 0x22);
}

/* A file that can't be written is an error that firmware sees, per operation. */
static unsigned int saves;
static uint64_t save_at, save_len;
static bool save_works;

static bool on_save(void *o, uint64_t at, uint64_t len)
{
	(void)o;
	saves++;
	save_at = at;
	save_len = len;
	return save_works;
}

static void test_flash_saves(void **state)
{
	static uint8_t data[2 * FLASH_SECTOR];
	struct flash f = { .data = data, .size = sizeof(data), .save = on_save };
	const struct bus_ops *o = &flash_ops;

	(void)state;
	memset(data, 0xff, sizeof(data));
	save_works = true;
	o->write(&f, 7, 1, 0x40);
	o->write(&f, 7, 1, 0x12);
	assert_true(saves == 1 && save_at == 7 && save_len == 1);
	assert_int_equal(o->read(&f, 0, 1), 0x80);
	save_works = false;
	o->write(&f, 8, 1, 0x40);
	o->write(&f, 8, 1, 0x12);
	assert_int_equal(o->read(&f, 0, 1), 0x90);
	o->write(&f, 0, 1, 0x50);
	o->write(&f, FLASH_SECTOR + 5, 1, 0x20);
	o->write(&f, FLASH_SECTOR + 5, 1, 0xd0);
	assert_true(save_at == FLASH_SECTOR && save_len == FLASH_SECTOR);
	assert_int_equal(o->read(&f, 0, 1), 0xa0);
}

/* ---- HPET ---- */

static uint64_t hpet_now;
static unsigned int edges;
static uint64_t now(void) { return hpet_now; }
static void on_gsi(void *o, unsigned int gsi, bool level)
{
	(void)o, (void)gsi;
	edges += level;
}

static void test_hpet(void **state)
{
	struct vmm_error e;
	struct evloop loop;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct hpet h = { .set_gsi = on_gsi, .now = now };
	const struct bus_ops *o = &hpet_ops;

	(void)state;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	assert_int_equal(hpet_init(&h, &loop), 0);
	hpet_reset(&h);
	hpet_now = ev_now();
	assert_int_equal((uint32_t)o->read(&h, 0, 4), HPET_ID);
	assert_int_equal(o->read(&h, 4, 4), 10000000);
	o->write(&h, 0xf0, 8, 1000);
	o->write(&h, 0x10, 4, 1);
	hpet_now += 500;
	assert_int_equal((uint32_t)o->read(&h, 0xf0, 4), 1050);
	/* one shot, level, pin 17 */
	o->write(&h, 0x100, 4, 17u << 9 | 4 | 2);
	o->write(&h, 0x108, 8, 2000);
	assert_int_equal(h.timer.deadline, hpet_now + 9500);
	hpet_now += 10000;
	h.timer.fire(h.timer.opaque);
	assert_int_equal(edges, 1);
	assert_int_equal((uint32_t)o->read(&h, 0x20, 4), 1);
	o->write(&h, 0x20, 4, 1);
	assert_int_equal(h.lines, 0);
	/* periodic: comparator, then period */
	o->write(&h, 0x120, 4, 16u << 9 | 0x40 | 8 | 4);
	o->write(&h, 0x128, 8, 12050);
	o->write(&h, 0x128, 8, 5000);
	hpet_now += 100000 + 10;
	h.timer.fire(h.timer.opaque);
	assert_int_equal(edges, 2);
	assert_int_equal(o->read(&h, 0x128, 8), 17050);
	o->write(&h, 0x10, 4, 0);
	hpet_now += 1000000;
	assert_int_equal(o->read(&h, 0xf0, 8), 12051);
	hpet_fini(&h);
	ev_fini(&loop);
}

/* Linux leaves the timer of its first ticks so: periodic, its interrupt off. */
static void test_hpet_sleeps_while_nobody_hears_it(void **state)
{
	struct vmm_error e;
	struct evloop loop;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct hpet h = { .set_gsi = on_gsi, .now = now };
	const struct bus_ops *o = &hpet_ops;

	(void)state;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	assert_int_equal(hpet_init(&h, &loop), 0);
	hpet_reset(&h);
	edges = 0;
	hpet_now = ev_now();
	o->write(&h, 0x10, 4, 1);
	o->write(&h, 0x100, 4, 16u << 9 | 0x40 | 8 | 4);
	o->write(&h, 0x108, 8, 5000);
	o->write(&h, 0x108, 8, 5000);
	assert_int_equal(h.timer.deadline, hpet_now + 50000);
	o->write(&h, 0x100, 4, 16u << 9 | 8);
	assert_int_equal(h.timer.deadline, EV_NEVER);
	/* Its comparator goes on all the same, and so does it when it is on again. */
	hpet_now += 10 * 17000;
	assert_int_equal(o->read(&h, 0x108, 8), 20000);
	hpet_now += 10 * 10000;
	o->write(&h, 0x100, 4, 16u << 9 | 8 | 4);
	assert_int_equal(h.timer.deadline, hpet_now + 10 * 3000);
	assert_int_equal(edges, 0);
	hpet_now += 10 * 3000;
	h.timer.fire(h.timer.opaque);
	assert_int_equal(edges, 1);
	hpet_fini(&h);
	ev_fini(&loop);
}

static uint32_t gsis;		/* raised, one bit each */
static int messages, silenced = -1;
static void on_line(void *o, unsigned int gsi, bool level)
{
	(void)o;
	gsis |= (uint32_t)level << gsi;
}
static void on_message(void *o, uint64_t address, uint32_t data)
{
	(void)o, (void)address, (void)data;
	messages++;
}
static void on_legacy(void *o, bool on) { (void)o; silenced = on; }

/* One tick of timer @i, which then says where its interrupt went. */
static void hpet_match(struct hpet *h, unsigned int i, uint32_t config)
{
	const struct bus_ops *o = &hpet_ops;
	unsigned int at = 0x100 + 0x20 * i;

	gsis = messages = 0;
	o->write(h, at, 4, config);
	o->write(h, at + 8, 8, o->read(h, 0xf0, 8) + 100);
	hpet_now += 2000;
	h->timer.fire(h->timer.opaque);
}

static void test_hpet_replaces_pit_and_rtc(void **state)
{
	struct vmm_error e;
	struct evloop loop;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct hpet h = { .set_gsi = on_line, .message = on_message,
			  .legacy = on_legacy, .now = now };
	const struct bus_ops *o = &hpet_ops;

	(void)state;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	assert_int_equal(hpet_init(&h, &loop), 0);
	hpet_reset(&h);
	hpet_now = ev_now();
	assert_int_equal(o->read(&h, 0, 4) & 0x8000, 0x8000);
	o->write(&h, 0x10, 4, 1);
	hpet_match(&h, 0, 17u << 9 | 4);
	assert_int_equal(gsis, 1u << 17);
	assert_int_equal(silenced, -1);
	o->write(&h, 0x10, 4, 3);
	assert_int_equal(silenced, 1);
	assert_int_equal(o->read(&h, 0x10, 4), 3);
	hpet_match(&h, 0, 17u << 9 | 4);
	assert_int_equal(gsis, 1u << 0);
	hpet_match(&h, 1, 0x4000 | 17u << 9 | 4);	/* messages neither */
	assert_int_equal(gsis, 1u << 8);
	assert_int_equal(messages, 0);
	hpet_match(&h, 2, 18u << 9 | 4);		/* not one of the two */
	assert_int_equal(gsis, 1u << 18);
	/* A line that is up moves with the mode. */
	hpet_match(&h, 0, 17u << 9 | 4 | 2);
	assert_int_equal(h.lines, 1u << 0);
	o->write(&h, 0x10, 4, 1);
	assert_int_equal(h.lines, 1u << 17);
	assert_int_equal(silenced, 0);
	o->write(&h, 0x10, 4, 2);			/* with the counter stopped too */
	assert_int_equal(silenced, 1);
	hpet_reset(&h);
	assert_int_equal(silenced, 0);
	hpet_fini(&h);
	ev_fini(&loop);
}

/* ---- keyboard ---- */

static bool irq1;
static void on_irq(void *o, unsigned int n, bool level)
{
	(void)o, (void)n;
	irq1 = level;
}
static void on_reset(void *o) { (void)o; }

static uint8_t get(struct i8042 *k)
{
	assert_int_equal(i8042_command_ops.read(k, 0, 1) & 1, 1);
	return (uint8_t)i8042_data_ops.read(k, 0, 1);
}

static void test_keyboard(void **state)
{
	struct keyboard kb;
	struct i8042 k = { .reset = on_reset, .keyboard = &kb,
			   .irq = { .set = on_irq } };
	static const uint8_t set1[] = { 0x2a, 0x1e, 0x9e, 0xaa };
	static const uint8_t set2[] = { 0x12, 0x1c, 0xf0, 0x1c, 0xf0, 0x12 };
	unsigned int i;

	(void)state;
	i8042_reset(&k);
	i8042_command_ops.write(&k, 0, 1, 0xab);
	assert_int_equal(get(&k), 0);
	i8042_data_ops.write(&k, 0, 1, 0xff);
	assert_int_equal(get(&k), 0xfa);
	assert_int_equal(get(&k), 0xaa);
	i8042_data_ops.write(&k, 0, 1, 0xf2);
	assert_int_equal(get(&k), 0xfa);
	assert_int_equal(get(&k), 0xab);
	assert_int_equal(get(&k), 0x83);
	assert_true(keyboard_type(&kb, 'A'));
	i8042_kick(&k);
	for (i = 0; i < sizeof(set2); i++)
		assert_int_equal(get(&k), set2[i]);
	assert_false(irq1);
	i8042_command_ops.write(&k, 0, 1, 0x60);
	i8042_data_ops.write(&k, 0, 1, 0x45);	/* translate, interrupt */
	assert_true(keyboard_type(&kb, 'A'));
	i8042_kick(&k);
	for (i = 0; i < sizeof(set1); i++) {
		assert_true(irq1);
		assert_int_equal(get(&k), set1[i]);
	}
	assert_false(irq1);
	/* its clock stopped, it waits */
	i8042_command_ops.write(&k, 0, 1, 0xad);
	keyboard_type(&kb, '\r');
	i8042_kick(&k);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 1, 0);
	i8042_command_ops.write(&k, 0, 1, 0xae);
	assert_int_equal(get(&k), 0x1c);
	i8042_command_ops.write(&k, 0, 1, 0xd2);
	k.out_full = false;
	i8042_data_ops.write(&k, 0, 1, 0x77);
	assert_int_equal(get(&k), 0x77);
	/* as firmware leaves it, for those that take over without one */
	i8042_reset(&k);
	i8042_setup(&k);
	assert_true(keyboard_type(&kb, 'A'));
	i8042_kick(&k);
	for (i = 0; i < sizeof(set1); i++) {
		assert_true(irq1);
		assert_int_equal(get(&k), set1[i]);
	}
}

static void expect(struct i8042 *k, const uint8_t *codes, unsigned int n)
{
	i8042_kick(k);
	while (n--)
		assert_int_equal(get(k), *codes++);
	assert_int_equal(i8042_command_ops.read(k, 0, 1) & 1, 0);
}

/* Keys that the AT keyboard had not, and all that can be held with one. */
static void test_keyboard_extended(void **state)
{
	static const struct keyboard_stroke up = { 0x48, true, KEYBOARD_CTRL };
	static const struct keyboard_stroke f1 = {
		0x3b, false, KEYBOARD_ALT | KEYBOARD_SHIFT,
	};
	static const uint8_t up_set2[] = {
		0x14, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xf0, 0x14,
	};
	static const uint8_t up_set1[] = { 0x1d, 0xe0, 0x48, 0xe0, 0xc8, 0x9d };
	static const uint8_t f1_set1[] = { 0x2a, 0x38, 0x3b, 0xbb, 0xaa, 0xb8 };
	struct keyboard kb;
	struct i8042 k = { .reset = on_reset, .keyboard = &kb };
	struct keyboard_stroke s;
	uint8_t v;

	(void)state;
	i8042_reset(&k);
	i8042_command_ops.write(&k, 0, 1, 0xae);
	assert_true(keyboard_press(&kb, &up));
	expect(&k, up_set2, sizeof(up_set2));
	i8042_command_ops.write(&k, 0, 1, 0x60);
	i8042_data_ops.write(&k, 0, 1, 0x45);	/* translated to set 1 */
	assert_true(keyboard_press(&kb, &up));
	expect(&k, up_set1, sizeof(up_set1));
	assert_true(keyboard_press(&kb, &f1));
	expect(&k, f1_set1, sizeof(f1_set1));
	/* a command between prefix and code: both are gone */
	assert_true(keyboard_press(&kb, &up));
	assert_true(keyboard_take(&kb, true, &v) && keyboard_take(&kb, true, &v));
	assert_int_equal(v, 0xe0);
	keyboard_send(&kb, 0xee);
	assert_true(keyboard_take(&kb, true, &v));
	assert_int_equal(v, 0xee);
	assert_false(keyboard_take(&kb, true, &v));
	assert_false(keyboard_find(0xe9, &s));
}

static void test_keyboard_commands(void **state)
{
	struct keyboard kb;
	struct i8042 k = { .reset = on_reset, .keyboard = &kb };
	static const uint8_t asks[] = { 0xf0, 0x02, 0xf0, 0x00 };
	unsigned int i;

	(void)state;
	i8042_reset(&k);
	/* what is for a mouse must not reset the keyboard */
	i8042_command_ops.write(&k, 0, 1, 0xd4);
	i8042_data_ops.write(&k, 0, 1, 0xff);
	assert_int_equal(i8042_command_ops.read(&k, 0, 1) & 1, 0);
	i8042_data_ops.write(&k, 0, 1, 0xee);
	assert_int_equal(get(&k), 0xee);
	i8042_data_ops.write(&k, 0, 1, 0xfe);
	assert_int_equal(get(&k), 0xee);
	i8042_data_ops.write(&k, 0, 1, 0xed);
	assert_int_equal(get(&k), 0xfa);
	i8042_data_ops.write(&k, 0, 1, 0x07);
	assert_int_equal(get(&k), 0xfa);
	i8042_data_ops.write(&k, 0, 1, 0xf0);
	assert_int_equal(get(&k), 0xfa);
	i8042_data_ops.write(&k, 0, 1, 0x03);
	assert_int_equal(get(&k), 0xfe);	/* no set 3 */
	/* translated, set 2 names itself 0x41 */
	i8042_command_ops.write(&k, 0, 1, 0x60);
	i8042_data_ops.write(&k, 0, 1, 0x44);
	for (i = 0; i < sizeof(asks); i++) {
		i8042_data_ops.write(&k, 0, 1, asks[i]);
		assert_int_equal(get(&k), 0xfa);
	}
	assert_int_equal(get(&k), 0x41);
}

static void test_dma_registers(void **state)
{
	struct isa isa;

	(void)state;
	isa_reset(&isa);
	dma8237_ops.write(&isa.dma[1], 0xd8 - 0xc0, 1, 0);
	dma8237_ops.write(&isa.dma[1], 4, 1, 0x34);
	dma8237_ops.write(&isa.dma[1], 4, 1, 0x12);
	dma8237_ops.write(&isa.dma[1], 0xd8 - 0xc0, 1, 0);
	assert_int_equal(dma8237_ops.read(&isa.dma[1], 4, 1), 0x34);
	assert_int_equal(dma8237_ops.read(&isa.dma[1], 4, 1), 0x12);
	assert_int_equal(dma8237_ops.read(&isa.dma[0], 15, 1), 0x0f);
}

static void test_trap_names(void **state)
{
	(void)state;
	assert_int_equal(trap_by_name("vmcall", 6), 1);
	assert_int_equal(trap_by_name("vmcal", 5), 0);
	assert_string_equal(trap_name(1), "VMCALL");
	assert_non_null(trap_name(12345));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fwcfg_by_port),
		cmocka_unit_test(test_fwcfg_by_dma),
		cmocka_unit_test(test_acpi_script),
		cmocka_unit_test(test_flash),
		cmocka_unit_test(test_flash_saves),
		cmocka_unit_test(test_hpet),
		cmocka_unit_test(test_hpet_sleeps_while_nobody_hears_it),
		cmocka_unit_test(test_hpet_replaces_pit_and_rtc),
		cmocka_unit_test(test_keyboard),
		cmocka_unit_test(test_keyboard_extended),
		cmocka_unit_test(test_keyboard_commands),
		cmocka_unit_test(test_dma_registers),
		cmocka_unit_test(test_trap_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
