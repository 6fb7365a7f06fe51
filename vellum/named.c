/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"
#include "named.h"

#define NOTE_MAGIC	0x4d4c4556u	/* "VELM" */
#define NOTE_VERSION	3u
#define ISA_GSIS	24u

#define NOTE_FLAT	(1u << 0)
#define NOTE_PCI	(1u << 1)
#define NOTE_DEBUG_EXIT	(1u << 2)
#define NOTE_WARM	(1u << 3)	/* machine.warm_means_panic */
#define NOTE_STARTED	(1u << 4)
#define NOTE_ROM	(1u << 5)
#define NOTE_MULTIBOOT	(1u << 6)
#define NOTE_VGA	(1u << 7)

struct note {
	uint32_t magic, version;
	uint64_t memory;
	uint32_t cpus, flags;
	uint64_t rom_size, vars_size;	/* with NOTE_ROM */
};

/* How far the firmware's memory may go, whatever the note says. */
static bool rom_possible(const struct note *n)
{
	return n->rom_size && n->rom_size <= ROM_SIZE_MAX && !(n->rom_size % ROM_PAGE) &&
	       n->vars_size <= ROM_SIZE_MAX - n->rom_size && !(n->vars_size % ROM_PAGE);
}

static int read_note(struct vmm_vm *vm, const char *name, struct note *n,
		     struct vmm_error *e)
{
	int size = vmm_named_get_note(vm, n, sizeof(*n));

	if (!size)
		return vmm_fail(e, VMM_ERR_INPUT,
			"VM \"%s\" is empty: vellum load %s --kernel FILE first",
			name, name);
	if (size != sizeof(*n) || n->magic != NOTE_MAGIC ||
	    n->version != NOTE_VERSION || n->cpus < 1 || n->cpus > CPUS_MAX ||
	    n->memory < RAM_MIN || n->memory % RAM_ALIGN ||
	    ((n->flags & NOTE_ROM) && !rom_possible(n)))
		return vmm_fail(e, VMM_ERR_INPUT,
			"VM \"%s\" was loaded by another program", name);
	return 0;
}

int named_read_config(struct machine_config *cfg, struct vmm_accel *a,
		      struct vmm_error *e)
{
	struct vmm_vm vm;
	struct note n;
	int ret;

	if (vmm_named_open(&vm, a, cfg->name, e))
		return -1;
	ret = read_note(&vm, cfg->name, &n, e);
	vmm_vm_destroy(&vm);
	if (ret)
		return ret;
	cfg->memory = n.memory;
	cfg->cpus = n.cpus;
	cfg->flat = n.flags & NOTE_FLAT;
	cfg->debug_exit |= !!(n.flags & NOTE_DEBUG_EXIT);
	cfg->pci |= !!(n.flags & NOTE_PCI);
	cfg->started = n.flags & NOTE_STARTED;
	cfg->rom = n.flags & NOTE_ROM;
	cfg->vga = n.flags & NOTE_VGA;
	cfg->multiboot = n.flags & NOTE_MULTIBOOT;
	cfg->rom_size = n.rom_size;
	cfg->vars_size = n.vars_size;
	return 0;
}

/* ---- memory ---- */

struct piece { uint32_t slot; uint64_t gpa, size, at; };
#define PIECES_MAX	5

/*
 * The slots of memory.c, as pieces of the one mapping.  With firmware, what lies
 * between VGA's memory and 1 MiB is apart: PAM shows parts of it.
 */
static unsigned int pieces(const struct guest_ram *ram, bool rom,
			   struct piece p[PIECES_MAX])
{
	uint64_t low = rom ? MIB : RAM_VGA_END;
	unsigned int n = 0;

	p[n++] = (struct piece){ 0, 0, RAM_VGA_BASE, 0 };
	p[n++] = (struct piece){ 1, low, ram->low_end - low, low };
	if (ram->high_end != RAM_HIGH_BASE)
		p[n++] = (struct piece){ 2, RAM_HIGH_BASE,
					 ram->high_end - RAM_HIGH_BASE, ram->low_end };
	if (rom)
		p[n++] = (struct piece){ ROM_SLOT_SHADOW, RAM_VGA_END,
					 MIB - RAM_VGA_END, RAM_VGA_END };
	if (ram->vga)
		p[n++] = (struct piece){ RAM_SLOT_VGA, RAM_VGA_BASE,
					 RAM_VGA_END - RAM_VGA_BASE, RAM_VGA_BASE };
	return n;
}

/* Address space alone: the pieces come over it. */
static int reserve(struct guest_ram *ram, uint64_t size, struct vmm_error *e)
{
	uint8_t *p = mmap(NULL, size + RAM_ALIGN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;

	if (p == MAP_FAILED)
		return vmm_fail(e, VMM_ERR_HOST, "--memory: %s", strerror(errno));
	head = -(uintptr_t)p % RAM_ALIGN;
	if (head)
		munmap(p, head);
	munmap(p + head + size, RAM_ALIGN - head);
	ram->host = p + head;
	ram->size = size;
	ram->low_end = size < RAM_LOW_MAX ? size : RAM_LOW_MAX;
	ram->high_end = RAM_HIGH_BASE + (size - ram->low_end);
	return 0;
}

static int set_up_memory(struct machine *m, struct vmm_error *e)
{
	const struct machine_config *c = m->cfg;
	struct piece p[PIECES_MAX];
	unsigned int i, n;

	if (reserve(&m->ram, c->memory, e))
		return -1;
	m->ram.vga = c->vga;
	n = pieces(&m->ram, c->rom, p);
	for (i = 0; i < n; i++) {
		if (!c->attach &&
		    vmm_named_memory(&m->vm, p[i].slot, p[i].gpa, p[i].size, e))
			return -1;
		if (vmm_named_map(&m->vm, p[i].slot, p[i].gpa, p[i].size,
				  m->ram.host + p[i].at, e))
			return -1;
	}
	/* PAM shows nothing of it yet. */
	if (c->rom && !c->attach &&
	    vmm_named_show(&m->vm, ROM_SLOT_SHADOW, RAM_VGA_END, 0, false))
		return vmm_fail(e, VMM_ERR_INTERNAL, "VMM_SET_MODULE_MEMORY: %s",
				strerror(errno));
	return 0;
}

/* ---- life ---- */

int named_open_vm(struct machine *m, struct vmm_accel *a, struct vmm_error *e)
{
	struct note n;

	if (vmm_named_open(&m->vm, a, m->cfg->name, e))
		return -1;
	if (!m->cfg->attach && vmm_named_get_note(&m->vm, &n, sizeof(n)))
		return vmm_fail(e, VMM_ERR_INPUT,
			"VM \"%s\" is loaded already: vellum run %s, or vellum destroy %s",
			m->cfg->name, m->cfg->name, m->cfg->name);
	m->vm.attached = m->cfg->attach;
	return set_up_memory(m, e);
}

static int write_note(struct machine *m, struct note *n, struct vmm_error *e)
{
	int ret = vmm_named_set_note(&m->vm, n, sizeof(*n));

	if (ret)
		return vmm_fail(e, VMM_ERR_INTERNAL, "VMM_SET_NOTE: %s",
				strerror(-ret));
	return 0;
}

int named_loaded(struct machine *m, struct vmm_error *e)
{
	const struct machine_config *c = m->cfg;
	struct note n = {
		.magic = NOTE_MAGIC, .version = NOTE_VERSION,
		.memory = c->memory, .cpus = c->cpus,
		.flags = (c->flat ? NOTE_FLAT : 0) |
			 (board_wanted(c) ? NOTE_PCI : 0) |
			 (c->debug_exit ? NOTE_DEBUG_EXIT : 0) |
			 (m->warm_means_panic ? NOTE_WARM : 0) |
			 (c->rom ? NOTE_ROM : 0) | (c->vga ? NOTE_VGA : 0) |
			 (m->multiboot ? NOTE_MULTIBOOT : 0),
		.rom_size = m->board.rom.size, .vars_size = m->board.rom.vars.size,
	};

	return write_note(m, &n, e);
}

/*
 * Linux's driver knows what it has set its port to and won't say it again, so here is
 * what it always sets: 8n1, FIFOs, its lines, all interrupts. The first of these, for
 * an empty transmitter, makes it send what it has, and set the enables as it wants them.
 */
static void guess_uart(struct machine *m)
{
	enum { IER = 1, FCR = 2, LCR = 3, MCR = 4 };

	uart_ops.write(&m->uart, LCR, 1, 0x03);
	uart_ops.write(&m->uart, FCR, 1, 0x01);
	uart_ops.write(&m->uart, MCR, 1, 0x0b);
	uart_ops.write(&m->uart, IER, 1, 0x0f);
}

int named_start(struct machine *m, struct vmm_error *e)
{
	struct note n;
	unsigned int gsi;

	if (read_note(&m->vm, m->cfg->name, &n, e))
		return -1;
	m->warm_means_panic = n.flags & NOTE_WARM;
	if (n.flags & NOTE_STARTED) {
		if (!m->cfg->quiet)
			fprintf(stderr,
				"vellum: %s goes on where it was; the devices of this program (serial port, clock, disks) start anew: what they held is lost\n",
				m->cfg->name);
		/* Nobody asserts what the last program's devices did. */
		for (gsi = 0; gsi < ISA_GSIS; gsi++)
			(void)vmm_vm_irq_line(&m->vm, gsi, false);
		if (!m->cfg->flat && !m->cfg->rom && !m->multiboot)
			guess_uart(m);
		return 0;
	}
	n.flags |= NOTE_STARTED;
	return write_note(m, &n, e);
}
