/* SPDX-License-Identifier: MIT */
/* The PCI bus, its messages, the chipset's router and shadow registers. */
#include "test.h"
#include <unistd.h>
#include "vellum/dev/q35.h"

DEFINE_REPORT

#define ADDRESS(devfn, at)	(0x80000000u | (devfn) << 8 | (at))

struct fixture {
	struct bus io, mem;
	struct pci_bus bus;
	struct q35 q;
	struct pci_dev d;
	uint32_t reg;			/* behind the BARs */
};

static struct fixture f;
static unsigned int messages, gsi_changes, last_gsi, wired, moves;
static uint64_t last_address;
static uint32_t last_data, routed_data;
static bool gsi_level[64];
static uint8_t pam[Q35_PAM_REGIONS];
static uint16_t pm_base;

static void on_message(void *o, uint64_t address, uint32_t data)
{
	(void)o;
	messages++;
	last_address = address;
	last_data = data;
}

static int on_alloc(void *o) { (void)o; return 24; }

static void on_route(void *o, unsigned int gsi, uint64_t a, uint32_t data)
{
	(void)o, (void)gsi, (void)a;
	routed_data = data;
}

static int on_irqfd(void *o, unsigned int gsi, int fd, bool on)
{
	(void)o, (void)gsi, (void)fd;
	wired = on;
	return 0;
}

static void on_gsi(void *o, unsigned int gsi, bool level)
{
	(void)o;
	gsi_changes++;
	last_gsi = gsi;
	gsi_level[gsi] = level;
}

static void on_pam(void *o, unsigned int region, uint8_t access)
{
	(void)o;
	pam[region] = access;
}

static void on_pm(void *o, uint16_t base) { (void)o; pm_base = base; }
static void on_moved(struct pci_dev *d, unsigned int i) { (void)d, (void)i; moves++; }

static uint64_t reg_read(void *dev, uint64_t at, unsigned int size)
{
	(void)at, (void)size;
	return *(uint32_t *)dev;
}

static void reg_write(void *dev, uint64_t at, unsigned int size, uint64_t v)
{
	(void)at, (void)size;
	*(uint32_t *)dev = (uint32_t)v;
}

static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write };

static void add(struct bus *bus, uint64_t base, uint64_t len,
		const struct bus_ops *ops, void *dev)
{
	struct bus_range r = { .base = base, .len = len, .width = 4,
			       .ops = ops, .dev = dev };

	assert_int_equal(bus_add(bus, &r), 0);
}

static uint32_t config(unsigned int devfn, unsigned int at, unsigned int size)
{
	uint64_t v;

	bus_write(&f.io, 0xcf8, 4, ADDRESS(devfn, at & ~3u));
	bus_read(&f.io, 0xcfc + (at & 3), size, &v);
	return (uint32_t)v;
}

static void set_config(unsigned int devfn, unsigned int at, unsigned int size,
		       uint32_t v)
{
	bus_write(&f.io, 0xcf8, 4, ADDRESS(devfn, at & ~3u));
	bus_write(&f.io, 0xcfc + (at & 3), size, v);
}

#define DEV	PCI_DEVFN(3, 0)

static int setup(void **state)
{
	static const struct pci_ids ids = { .vendor = 0x1234, .device = 0x5678,
					    .class = 1 };

	(void)state;
	memset(&f, 0, sizeof(f));
	memset(gsi_level, 0, sizeof(gsi_level));
	memset(pam, 0, sizeof(pam));
	messages = gsi_changes = wired = moves = pm_base = 0;
	pci_bus_init(&f.bus, &f.io, &f.mem, NULL);
	f.bus.host = (struct pci_host){
		.message = on_message, .gsi_alloc = on_alloc,
		.gsi_route = on_route, .irqfd = on_irqfd,
	};
	add(&f.io, 0xcf8, 4, &pci_address_ops, &f.bus);
	add(&f.io, 0xcfc, 4, &pci_data_ops, &f.bus);
	f.q.set_gsi = on_gsi;
	f.q.set_pam = on_pam;
	f.q.set_pm_base = on_pm;
	assert_int_equal(q35_add(&f.q, &f.bus), 0);
	pci_dev_init(&f.d, "test", &ids);
	pci_dev_bar(&f.d, 0, PCI_BAR_MEM64, 0x4000, 4, &reg_ops, &f.reg);
	pci_dev_bar(&f.d, 2, PCI_BAR_IO, 0x40, 4, &reg_ops, &f.reg);
	pci_dev_msix(&f.d, 4, 3);
	pci_dev_msi(&f.d);
	pci_dev_pin(&f.d, 1);
	f.d.moved = on_moved;
	assert_int_equal(pci_add(&f.bus, &f.d, DEV), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pci_bus_fini(&f.bus);
	return 0;
}

static void test_finds_functions(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(config(0, 0, 4), 0x29c08086);
	assert_int_equal(config(Q35_LPC_DEVFN, 0, 4), 0x29188086);
	assert_int_equal(config(DEV, 0, 4), 0x56781234);
	assert_int_equal(config(DEV, 2, 2), 0x5678);
	assert_int_equal(config(DEV, 11, 1), 1);
	assert_int_equal(config(PCI_DEVFN(4, 0), 0, 4), 0xffffffff);
	/* other buses, and the mechanism switched off */
	bus_write(&f.io, 0xcf8, 4, ADDRESS(DEV, 0) | 1 << 16);
	bus_read(&f.io, 0xcfc, 4, &v);
	assert_int_equal(v, 0xffffffff);
	bus_write(&f.io, 0xcf8, 4, DEV << 8);
	bus_read(&f.io, 0xcfc, 4, &v);
	assert_int_equal(v, 0xffffffff);
	/* the address register reads back, bytes of it are not its own */
	bus_write(&f.io, 0xcf8, 4, 0xffffffff);
	bus_write(&f.io, 0xcf8, 1, 0);
	bus_read(&f.io, 0xcf8, 4, &v);
	assert_int_equal(v, 0x80fffffc);
}

static void test_sizes_and_moves_bars(void **state)
{
	uint64_t v;

	(void)state;
	set_config(DEV, 0x10, 4, 0xffffffff);
	set_config(DEV, 0x14, 4, 0xffffffff);
	assert_int_equal(config(DEV, 0x10, 4), 0xffffc004);
	assert_int_equal(config(DEV, 0x14, 4), 0xffffffff);
	set_config(DEV, 0x18, 4, 0xffffffff);
	assert_int_equal(config(DEV, 0x18, 4), 0xffffffc1);
	set_config(DEV, 0x10, 4, 0xd0000000);
	set_config(DEV, 0x14, 4, 1);
	set_config(DEV, 0x18, 4, 0xc100);
	f.reg = 0x11223344;
	assert_false(bus_read(&f.mem, 0x1d0000000, 4, &v));
	set_config(DEV, 4, 2, 3);
	assert_int_equal(moves, 3);
	assert_true(bus_read(&f.mem, 0x1d0003ffc, 4, &v));
	assert_int_equal(v, 0x11223344);
	assert_false(bus_read(&f.mem, 0x1d0004000, 4, &v));
	assert_true(bus_write(&f.io, 0xc13c, 4, 5));
	assert_int_equal(f.reg, 5);
	set_config(DEV, 0x14, 4, 2);
	assert_false(bus_read(&f.mem, 0x1d0000000, 4, &v));
	assert_true(bus_read(&f.mem, 0x2d0000000, 4, &v));
	set_config(DEV, 0x18, 4, 0x20000);	/* beyond the last port */
	assert_false(bus_read(&f.io, 0xc100, 4, &v));
	set_config(DEV, 4, 2, 0);
	assert_int_equal(f.mem.n_windows + f.io.n_windows, 0);
}

static void test_pins_reach_both_controllers(void **state)
{
	(void)state;
	set_config(Q35_LPC_DEVFN, 0x68 + 3, 1, 10);	/* slot 3: PIRQ H */
	pci_intx(&f.d, true);
	assert_true(gsi_level[23] && gsi_level[10]);
	assert_int_equal(config(DEV, 6, 2) & 8, 8);
	set_config(DEV, 4, 2, 0x400);		/* interrupts off */
	assert_false(gsi_level[23] || gsi_level[10]);
	set_config(DEV, 4, 2, 0);
	assert_true(gsi_level[23] && gsi_level[10]);
	set_config(Q35_LPC_DEVFN, 0x68 + 3, 1, 0x80);
	assert_true(gsi_level[23] && !gsi_level[10]);
	set_config(Q35_LPC_DEVFN, 0x68 + 3, 1, 2);	/* the cascade: no */
	assert_false(gsi_level[2]);
	pci_intx(&f.d, false);
	assert_false(gsi_level[23]);
}

static void set_entry(unsigned int i, uint32_t mask)
{
	uint64_t at = 0xe0000000 + 16 * i;

	bus_write(&f.mem, at, 8, 0xfee01000);
	bus_write(&f.mem, at + 8, 4, 0x40 + i);
	bus_write(&f.mem, at + 12, 4, mask);
}

static void test_msix_masks(void **state)
{
	unsigned int cap = f.d.msix_cap;
	uint64_t v;

	(void)state;
	set_config(DEV, 0x20, 4, 0xe0000000);
	set_config(DEV, 4, 2, 6);
	assert_int_equal(config(DEV, cap + 2, 2), 2);
	assert_false(pci_msg(&f.d, 1));		/* off: use the pin */
	set_config(DEV, cap + 2, 2, 0x8000);
	set_entry(1, 0);
	assert_true(pci_msg(&f.d, 1));
	assert_int_equal(messages, 1);
	assert_int_equal(last_address, 0xfee01000);
	assert_int_equal(last_data, 0x41);
	set_entry(2, 1);
	pci_msg(&f.d, 2);
	assert_int_equal(messages, 1);
	bus_read(&f.mem, 0xe0000800, 8, &v);
	assert_int_equal(v, 4);
	set_entry(2, 0);			/* what waited goes now */
	assert_int_equal(messages, 2);
	bus_read(&f.mem, 0xe0000800, 8, &v);
	assert_int_equal(v, 0);
	set_config(DEV, cap + 2, 2, 0xc000);
	pci_msg(&f.d, 1);
	assert_int_equal(messages, 2);
	set_config(DEV, cap + 2, 2, 0x8000);
	assert_int_equal(messages, 3);
	assert_true(pci_msg(&f.d, 77));		/* no such vector: nothing */
	assert_int_equal(messages, 3);
}

static void test_msix_eventfd(void **state)
{
	uint64_t one = 1, v;
	int fd;

	(void)state;
	set_config(DEV, 0x20, 4, 0xe0000000);
	set_config(DEV, 4, 2, 6);
	set_config(DEV, f.d.msix_cap + 2, 2, 0x8000);
	fd = pci_msix_fd(&f.d, 0);
	assert_true(fd >= 0);
	assert_int_equal(pci_msix_fd(&f.d, 0), fd);
	assert_false(wired);			/* masked after reset */
	assert_int_equal(write(fd, &one, 8), 8);
	bus_read(&f.mem, 0xe0000800, 4, &v);
	assert_int_equal(v, 1);			/* the count is the bit */
	set_entry(0, 0);
	assert_true(wired);
	assert_int_equal(routed_data, 0x40);
	assert_int_equal(messages, 1);		/* what waited */
	set_entry(0, 1);
	assert_false(wired);
	assert_int_equal(pci_msix_fd(&f.d, 3), -1);
}

static void test_msi(void **state)
{
	unsigned int cap = f.d.msi_cap;

	(void)state;
	set_config(DEV, cap + 4, 4, 0xfee02000);
	set_config(DEV, cap + 12, 2, 0x55);
	set_config(DEV, cap + 2, 2, 1);
	assert_true(pci_msg(&f.d, 0));
	assert_int_equal(last_data, 0x55);
	set_config(DEV, cap + 16, 4, 1);
	pci_msg(&f.d, 0);
	assert_int_equal(messages, 1);
	assert_int_equal(config(DEV, cap + 20, 4), 1);
	set_config(DEV, cap + 16, 4, 0);
	assert_int_equal(messages, 2);
	assert_int_equal(config(DEV, cap + 20, 4), 0);
}

static void test_chipset(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(pam[0], 0);
	set_config(0, 0x90, 1, 0x30);
	set_config(0, 0x91, 4, 0x00001033);
	assert_int_equal(pam[0], 3);
	assert_int_equal(pam[1], 3);
	assert_int_equal(pam[2], 3);
	assert_int_equal(pam[3], 0);
	assert_int_equal(pam[4], 1);
	assert_int_equal(q35_ecam(&f.q), 0);
	set_config(0, 0x64, 4, 0);
	set_config(0, 0x60, 4, 0xb0000001);
	assert_int_equal(q35_ecam(&f.q), 0xb0000000);
	assert_true(bus_read(&f.mem, 0xb0000000 + (DEV << 12), 4, &v));
	assert_int_equal(v, 0x56781234);
	bus_read(&f.mem, 0xb0100000 + (DEV << 12), 4, &v);	/* bus 1 */
	assert_int_equal(v, 0xffffffff);
	bus_read(&f.mem, 0xb0000000 + (DEV << 12) + 0x100, 4, &v);
	assert_int_equal(v, 0xffffffff);
	set_config(0, 0x60, 4, 0xb0000007);	/* a reserved length */
	assert_int_equal(q35_ecam(&f.q), 0);
	set_config(Q35_LPC_DEVFN, 0x40, 4, 0x601);
	assert_int_equal(pm_base, 0);
	set_config(Q35_LPC_DEVFN, 0x44, 1, 0x80);
	assert_int_equal(pm_base, 0x600);
}

static void test_sets_up_as_firmware(void **state)
{
	(void)state;
	assert_int_equal(q35_setup(&f.q, 0x600), 0);
	assert_int_equal(pm_base, 0x600);
	assert_int_equal(config(DEV, 4, 2) & 7, 7);
	assert_int_equal(config(DEV, 0x10, 4) & ~0xfu, 0xc0000000);
	assert_int_equal(config(DEV, 0x18, 4) & ~3u, 0xc000);
	assert_int_equal(config(DEV, 0x20, 4), 0xc0004000);
	assert_int_equal(config(DEV, 0x3c, 1), 11);
	assert_int_equal(q35_ecam(&f.q), 0xb0000000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_finds_functions), T(test_sizes_and_moves_bars),
		T(test_pins_reach_both_controllers), T(test_msix_masks),
		T(test_msix_eventfd), T(test_msi), T(test_chipset),
		T(test_sets_up_as_firmware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
