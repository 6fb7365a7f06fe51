/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define COM1_PORT	0x3f8
#define COM2_PORT	0x2f8
#define COM2_IRQ	3
#define DEBUG_PORT	0x402

bool board_wanted(const struct machine_config *cfg)
{
	return cfg->pci || cfg->rom || cfg->vga;
}

/* ---- interrupts ---- */

static void failed(struct machine *m, const char *what, int err)
{
	if (err)
		machine_end(m, END_FAILED, 0, "%s failed (error %d)", what,
			    -err);
}

static void set_pirq(void *opaque, unsigned int gsi, bool level)
{
	machine_set_gsi(opaque, gsi, GSI_FROM_PCI, level);
}

static void set_hpet(void *opaque, unsigned int gsi, bool level)
{
	machine_set_gsi(opaque, gsi, GSI_FROM_HPET, level);
}

/* The timers that the HPET replaces fall silent, or are heard again. */
static void cut_legacy(void *opaque, bool on)
{
	struct machine *m = opaque;

	rtc_cut(&m->rtc, on);
	failed(m, "KVM_SET_PIT2", vmm_vm_pit_silent(&m->vm, on));
}

static void message(void *opaque, uint64_t address, uint32_t data)
{
	struct machine *m = opaque;
	int ret = vmm_vm_signal_msi(&m->vm, address, data);

	/* A guest may send one to where no LAPIC listens: that is its affair. */
	if (ret != -EINVAL)
		failed(m, "KVM_SIGNAL_MSI", ret);
}

static int gsi_alloc(void *opaque)
{
	struct machine *m = opaque;
	struct board *b = &m->board;
	unsigned int gsi = VMM_GSI_FIRST_FREE + b->n_routes;

	if (b->n_routes == BOARD_ROUTES_MAX || gsi >= vmm_vm_gsi_max(&m->vm))
		return -1;
	b->route[b->n_routes++] = (struct vmm_msi_route){ .gsi = gsi };
	return (int)gsi;
}

static void gsi_route(void *opaque, unsigned int gsi, uint64_t address,
		      uint32_t data)
{
	struct machine *m = opaque;
	struct board *b = &m->board;
	struct vmm_msi_route *r = &b->route[gsi - VMM_GSI_FIRST_FREE];

	if (r->address == address && r->data == data)
		return;
	r->address = address;
	r->data = data;
	failed(m, "KVM_SET_GSI_ROUTING",
	       vmm_vm_set_routing(&m->vm, b->route, b->n_routes));
}

static int irqfd(void *opaque, unsigned int gsi, int fd, bool on)
{
	struct machine *m = opaque;

	return vmm_vm_irqfd(&m->vm, gsi, fd, on);
}

static int init_bus(struct machine *m)
{
	struct board *b = &m->board;

	pci_bus_init(&b->pci, &m->pio, &m->mmio, &m->ram);
	b->pci.host = (struct pci_host){ .message = message, .opaque = m };
	b->pci.cf9_ops = &reset_control_ops;
	b->pci.cf9 = &m->i8042;
	if (!vmm_vm_gsi_max(&m->vm) || !vmm_vm_cap(&m->vm, KVM_CAP_IRQFD))
		return 0;
	b->route = calloc(BOARD_ROUTES_MAX, sizeof(b->route[0]));
	if (!b->route)
		return -ENOMEM;
	b->pci.host.gsi_alloc = gsi_alloc;
	b->pci.host.gsi_route = gsi_route;
	b->pci.host.irqfd = irqfd;
	return 0;
}

/* ---- the chipset's outputs ---- */

static void set_pam(void *opaque, unsigned int region, uint8_t access)
{
	struct machine *m = opaque;

	if (m->board.rom.image)
		failed(m, "shadowing the firmware",
		       rom_set_pam(&m->board.rom, region, access));
}

static void set_pm_base(void *opaque, uint16_t base)
{
	struct machine *m = opaque;
	struct board *b = &m->board;

	if (b->pm_open)
		bus_close_window(&m->pio, &b->pm);
	b->pm.base = base;
	b->pm_open = base && !bus_open_window(&m->pio, &b->pm);
}

static struct acpi_config current_acpi(void *opaque)
{
	struct machine *m = opaque;

	return (struct acpi_config){
		.cpus = m->cfg->cpus, .pit_on_pin2 = m->pit_on_pin2,
		.pci = true, .ecam = q35_ecam(&m->board.q35),
		.pm_base = m->board.q35.pm_base, .vga = m->cfg->vga,
	};
}

/* ---- COM2 ---- */

static size_t com2_take(void *opaque, uint8_t *buf, size_t n)
{
	(void)opaque, (void)buf, (void)n;
	return 0;
}

static void com2_untake(void *opaque, const uint8_t *buf, size_t n)
{
	(void)opaque, (void)buf, (void)n;
}

/*
 * A file that is full loses output, and so does a FIFO whose reader is slow: the
 * guest can't be told.
 */
static void com2_send(void *opaque, const uint8_t *buf, size_t n)
{
	struct board *b = opaque;

	while (b->com2_fd >= 0 && n) {
		ssize_t done = write(b->com2_fd, buf, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			if (!b->com2_said)
				fprintf(stderr,
					"vellum: --com2 %s: can't write: %s; output of the guest is lost (said once)\n",
					b->com2_path, strerror(errno));
			b->com2_said = true;
			return;
		}
		buf += done;
		n -= (size_t)done;
	}
}

static void com2_flush(void *opaque)
{
	(void)opaque;
}

static void init_com2(struct machine *m)
{
	struct board *b = &m->board;

	b->com2_fd = m->cfg->com2.fd;
	b->com2_path = m->cfg->com2.path;
	b->com2.backend = (struct uart_backend){
		.take = com2_take, .untake = com2_untake, .send = com2_send,
		.flush = com2_flush, .opaque = b,
	};
	b->com2.irq = machine_line(m, COM2_IRQ);
	uart_reset(&b->com2);
}

/* ---- keyboard ---- */

/* As fast as a firmware's short buffer can be expected to be read. */
#define KEY_NS		20000000ull

/* A terminal sends a key's sequence at once: ESC alone for so long is that key. */
#define ESCAPE_NS	50000000ull

/* @waited: what came of a sequence is all that there is of it. */
static bool next_stroke(struct machine *m, bool waited, struct keyboard_stroke *s)
{
	struct keys *keys = &m->board.keys;
	uint8_t bytes[KEYS_MAX];
	enum keys_have have;
	size_t n;

	for (;;) {
		have = keys_next(keys, false, s);
		if (have == KEYS_STROKE)
			return true;
		n = console_take(m->console, bytes, KEYS_MAX - keys->n);
		if (!n)
			break;
		keys_push(keys, bytes, n);
	}
	if (have == KEYS_UNFINISHED && waited)
		return keys_next(keys, true, s) == KEYS_STROKE;
	m->board.unfinished = have == KEYS_UNFINISHED;
	if (m->board.unfinished)
		ev_timer_set(&m->board.typing, ev_now() + ESCAPE_NS);
	return false;
}

static void type_one(struct machine *m, bool waited)
{
	struct board *b = &m->board;
	struct keyboard_stroke s;

	b->unfinished = false;
	if (!next_stroke(m, waited, &s))
		return;
	keyboard_press(&b->keyboard, &s);
	i8042_kick(&m->i8042);
	ev_timer_set(&b->typing, ev_now() + KEY_NS);
}

void board_type(struct machine *m)
{
	if (m->board.typing.deadline == EV_NEVER && !m->board.keyboard.count)
		type_one(m, false);
}

static void type_next(void *opaque)
{
	struct machine *m = opaque;
	struct board *b = &m->board;

	/* The guest has not read the last one: look again later. */
	if (b->keyboard.count)
		ev_timer_set(&b->typing, ev_now() + KEY_NS);
	else
		type_one(m, b->unfinished);
}

static int init_keyboard(struct machine *m)
{
	struct board *b = &m->board;

	m->i8042.keyboard = &b->keyboard;
	m->i8042.irq = machine_line(m, I8042_IRQ);
	return ev_timer_init(m->loop, &b->typing, type_next, m);
}

/* ---- together ---- */

static int add(struct bus *bus, uint64_t base, uint64_t len, unsigned int width,
	       const char *name, const struct bus_ops *ops, void *dev)
{
	struct bus_range r = {
		.base = base, .len = len, .width = width, .name = name,
		.ops = ops, .dev = dev,
	};

	return bus_add(bus, &r);
}

static int wire(struct machine *m)
{
	struct board *b = &m->board;
	struct bus *io = &m->pio;

	return add(io, PCI_ADDRESS_PORT, 4, 4, "PCI address",
		   &pci_address_ops, &b->pci) ||
	       add(io, PCI_DATA_PORT, 4, 4, "PCI data", &pci_data_ops,
		   &b->pci) ||
	       add(io, COM2_PORT, UART_PORTS, 1, "COM2", &uart_ops, &b->com2) ||
	       add(io, DMA1_PORT, DMA1_PORTS, 1, "DMA 1", &dma8237_ops,
		   &b->isa.dma[0]) ||
	       add(io, DMA2_PORT, DMA2_PORTS, 1, "DMA 2", &dma8237_ops,
		   &b->isa.dma[1]) ||
	       add(io, DMA_PAGE_PORT, DMA_PAGE_PORTS, 1, "DMA pages",
		   &dma_page_ops, b->isa.page) ||
	       add(io, APM_PORT, APM_PORTS, 1, "APM", &apm_ops, b->isa.apm) ||
	       add(&m->mmio, HPET_ADDRESS, HPET_SIZE, 8, "HPET", &hpet_ops,
		   &b->hpet) ||
	       (m->cfg->vga &&
		(add(io, VGA_PORT, VGA_PORTS, 1, "VGA", &vga_ops, &b->vga) ||
		 add(io, VGA_MONO_PORT, VGA_MONO_PORTS, 1, "VGA", &vga_mono_ops,
		     &b->vga))) ||
	       (m->cfg->debug_port &&
		add(io, DEBUG_PORT, 1, 1, "debug port", &debugcon_ops,
		    &m->misc));
}

/*
 * For firmware, and for Multiboot kernels, which look there for the number of
 * CPUs: their ACPI tables are in place.
 */
static int add_fwcfg(struct machine *m, struct vmm_error *e)
{
	struct board *b = &m->board;
	/* With the screen on the terminal COM1 may have no other side. */
	bool serial = !m->cfg->show || m->cfg->com1.fd >= 0;

	if (!m->cfg->rom && !m->multiboot)
		return 0;
	if (add(&m->pio, FWCFG_PORT, FWCFG_PORTS, 2, "fw_cfg", &fwcfg_ops,
		&b->fwcfg) ||
	    add(&m->pio, FWCFG_DMA_PORT, FWCFG_DMA_PORTS, 8, "fw_cfg DMA",
		&fwcfg_dma_ops, &b->fwcfg))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"fw_cfg does not fit onto the bus");
	b->contents.f = &b->fwcfg;
	b->contents.acpi = m->cfg->rom ? current_acpi : NULL;
	b->contents.opaque = m;
	b->contents.vgabios = &m->cfg->vgabios;
	return firmware_contents(&b->contents, &m->ram, m->cfg->cpus,
				 serial ? COM1_PORT : 0, e);
}

int board_load_firmware(struct machine *m, struct vmm_error *e)
{
	const struct machine_config *c = m->cfg;
	struct rom_source source = {
		.image = &c->firmware, .vars = &c->vars, .named = c->name,
		.attach = c->attach, .started = c->started,
		.image_size = c->rom_size, .vars_size = c->vars_size,
	};

	if (!c->rom)
		return 0;
	return rom_create(&m->board.rom, &source, &m->vm, &m->ram, &m->mmio, e);
}

int board_add(struct machine *m, struct vmm_error *e)
{
	struct board *b = &m->board;

	b->present = board_wanted(m->cfg);
	if (!b->present)
		return add_fwcfg(m, e);
	init_com2(m);
	isa_reset(&b->isa);
	vga_reset(&b->vga);
	b->hpet.set_gsi = set_hpet;
	b->hpet.message = message;
	b->hpet.legacy = cut_legacy;
	b->hpet.opaque = m;
	b->q35.set_pam = set_pam;
	b->q35.set_gsi = set_pirq;
	b->q35.set_pm_base = set_pm_base;
	b->q35.opaque = m;
	b->pm = (struct bus_range){
		.len = PM_PORTS, .width = 4, .name = "ACPI PM",
		.ops = &pm_ops, .dev = &m->pm,
	};
	if (init_bus(m))
		return vmm_fail(e, VMM_ERR_HOST, "out of memory");
	if (wire(m) || hpet_init(&b->hpet, m->loop) || init_keyboard(m) ||
	    q35_add(&b->q35, &b->pci))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the board's devices do not fit onto the buses");
	hpet_reset(&b->hpet);
	/* An earlier program may have left a named VM with the HPET in charge. */
	if (m->cfg->name)
		cut_legacy(m, false);
	return add_fwcfg(m, e);
}

int board_finish(struct machine *m, struct vmm_error *e)
{
	struct board *b = &m->board;

	if (!b->present || m->cfg->rom)
		return 0;
	/* Real-mode code is itself in firmware's place. */
	if (!m->cfg->flat || m->cfg->mode != MODE_REAL)
		i8042_setup(&m->i8042);
	if (q35_setup(&b->q35, PM_BASE))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the PCI devices need more address space than there is");
	return 0;
}

/* Places that every PC's firmware knows, and SeaBIOS's for what QEMU tells. */
#define CMOS_FLOPPIES		0x10
#define CMOS_EQUIPMENT		0x14
#define EQUIPMENT_FLOPPY	0x01u
#define EQUIPMENT_FPU		0x02u
#define EQUIPMENT_TWO_FLOPPIES	0x40u
#define CMOS_BOOT_ORDER_2	0x38	/* upper half: the third choice */
#define CMOS_BOOT_ORDER		0x3d	/* lower half: the first */
#define CMOS_OTHER_CPUS		0x5f
enum { BOOT_FLOPPY = 1, BOOT_DISK = 2, BOOT_CDROM = 3 };

void board_fill_cmos(struct machine *m)
{
	uint8_t *ram = m->rtc.ram, floppies;

	if (!m->board.present)
		return;
	ram[CMOS_EQUIPMENT] = EQUIPMENT_FPU;
	ram[CMOS_BOOT_ORDER] = BOOT_CDROM << 4 | BOOT_DISK;
	ram[CMOS_BOOT_ORDER_2] = BOOT_FLOPPY << 4;
	floppies = storage_floppy_types(m);
	if (floppies) {
		ram[CMOS_FLOPPIES] = floppies;
		ram[CMOS_EQUIPMENT] |= EQUIPMENT_FLOPPY;
		if (floppies & 15)
			ram[CMOS_EQUIPMENT] |= EQUIPMENT_TWO_FLOPPIES;
		ram[CMOS_BOOT_ORDER] = BOOT_DISK << 4 | BOOT_FLOPPY;
		ram[CMOS_BOOT_ORDER_2] = BOOT_CDROM << 4;
	}
	ram[CMOS_OTHER_CPUS] = (uint8_t)(m->cfg->cpus - 1);
}

void board_remove(struct machine *m)
{
	struct board *b = &m->board;

	if (b->present) {
		pci_bus_fini(&b->pci);
		hpet_fini(&b->hpet);
		if (b->typing.loop)
			ev_timer_fini(&b->typing);
		free(b->route);
	}
	fwcfg_fini(&b->fwcfg);
	b->present = false;
	rom_destroy(&b->rom);
}
