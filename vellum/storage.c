/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define CD_SECTOR	2048u

static const char *const options[] = { "--disk", "--cdrom", "--floppy" };

/* ---- the session's ---- */

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !strncmp(s + len - n, end, n);
}

static int refuse(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "vellum: %s %s: %s\n", option, value, why);
	return -1;
}

/* Takes words off the end, since a file's name may hold commas. */
static int parse_words(struct storage_unit *u, const char *value, size_t *len)
{
	const char *comma;

	for (;;) {
		if (ends_with(value, *len, ",ro")) {
			u->readonly = true;
			*len -= strlen(",ro");
		} else if (u->kind == STORAGE_FLOPPY) {
			return 0;
		} else if (ends_with(value, *len, ",bus=virtio")) {
			u->bus = STORAGE_VIRTIO;
			*len -= strlen(",bus=virtio");
		} else if (ends_with(value, *len, ",bus=ata")) {
			u->bus = STORAGE_ATA;
			*len -= strlen(",bus=ata");
		} else {
			break;
		}
	}
	comma = memrchr(value, ',', *len);
	if (comma && !strncmp(comma, ",bus=", 5))
		return refuse("--disk", value, "the buses are virtio and ata");
	return 0;
}

static unsigned int count(const struct storage *s, enum storage_kind kind)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->unit[i].kind == kind;
	return n;
}

int storage_parse(struct storage *s, const char *value, enum storage_kind kind)
{
	static const enum storage_bus buses[] = {
		STORAGE_VIRTIO, STORAGE_ATA, STORAGE_FDC,
	};
	static const char *const names[] = { "disk", "cd", "floppy" };
	struct storage_unit *u = &s->unit[s->n];
	const char *option = options[kind];
	size_t len = strlen(value);

	if (s->n == STORAGE_MAX)
		return refuse(option, value, "more than 8 disks, CDs and floppies");
	if (kind == STORAGE_FLOPPY && count(s, kind) == FDC_DRIVES)
		return refuse(option, value, "more than 2 of them");
	memset(u, 0, sizeof(*u));
	u->kind = kind;
	u->readonly = kind == STORAGE_CDROM;
	u->bus = buses[kind];
	if (kind != STORAGE_CDROM && parse_words(u, value, &len))
		return -1;
	if (!len || value[0] == ',')
		return refuse(option, value, "a file is missing");
	u->path = strndup(value, len);
	if (!u->path)
		return refuse(option, value, "out of memory");
	snprintf(u->name, sizeof(u->name), "%s %.48s", option, u->path);
	snprintf(u->id, sizeof(u->id), "vellum-%s%u", names[kind], s->n);
	s->n++;
	return 0;
}

static int check_floppy(const struct storage_unit *u, struct vmm_error *e)
{
	struct block_geometry g;

	if (fdc_geometry(&u->disk.image, &g))
		return 0;
	return vmm_fail(e, VMM_ERR_INPUT,
		"--floppy %s: %llu bytes are more than any floppy has: is it for --disk or --cdrom?",
		u->path, (unsigned long long)u->disk.image.size);
}

int storage_open(struct storage *s, struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		struct storage_unit *u = &s->unit[i];
		struct block_options o = {
			.option = options[u->kind],
			.path = u->path, .readonly = u->readonly,
			.sector = u->kind == STORAGE_CDROM ? CD_SECTOR : BLOCK_SECTOR,
		};

		if (disk_open(&u->disk, &o, DISK_BEST, e))
			return -1;
		u->open = true;
		if (u->kind == STORAGE_FLOPPY && check_floppy(u, e))
			return -1;
	}
	return 0;
}

int storage_start(struct storage *s, struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (disk_start(&s->unit[i].disk, e))
			return -1;
	return 0;
}

void storage_close(struct storage *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		if (s->unit[i].open)
			disk_close(&s->unit[i].disk);
		free(s->unit[i].path);
	}
	s->n = 0;
}

/* ---- the machine's ---- */

static int ioeventfd(void *opaque, uint64_t addr, int fd, bool on)
{
	struct machine *m = opaque;
	/* Any length spares the kernel side decoding the instruction. */
	uint32_t len = vmm_vm_cap(&m->vm, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0 ?
		       0 : 2;

	return vmm_vm_ioeventfd(&m->vm, addr, len, false, fd, on);
}

static int add_virtio(struct machine *m, unsigned int i)
{
	struct storage_unit *u = &m->cfg->storage->unit[i];
	struct virtio_host host = {
		.ioeventfd = vmm_vm_cap(&m->vm, KVM_CAP_IOEVENTFD) > 0 ?
			     ioeventfd : NULL,
		.opaque = m, .loop = m->loop,
	};
	struct virtio_blk *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	if (virtio_blk_add(b, &m->board.pci, PCI_ANY_SLOT, &u->disk, u->name,
			   u->id, m->cfg->cpus, &host)) {
		free(b);
		return -1;
	}
	m->storage.blk[i] = b;
	return 0;
}

static const struct {
	uint16_t ports, control;
	uint8_t irq;
} channels[ATA_CHANNELS] = {
	{ ATA_PORT_0, ATA_CONTROL_0, ATA_IRQ_0 },
	{ ATA_PORT_1, ATA_CONTROL_1, ATA_IRQ_1 },
};

static int add_ata_ports(struct machine *m, unsigned int i)
{
	struct ata_channel *c = &m->storage.ata->channel[i];
	struct bus_range ports = {
		.base = channels[i].ports, .len = ATA_PORTS, .width = 4,
		.name = "IDE", .ops = &ata_ops, .dev = c,
	};
	struct bus_range control = {
		.base = channels[i].control, .len = 1, .width = 1,
		.name = "IDE control", .ops = &ata_control_ops, .dev = c,
	};

	c->irq = machine_line(m, channels[i].irq);
	return bus_add(&m->pio, &ports) || bus_add(&m->pio, &control);
}

/* Disks first: software of old takes the first device for its disk. */
static unsigned int place_ata(struct machine *m, bool cdroms, unsigned int n)
{
	struct storage *s = m->cfg->storage;
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		struct storage_unit *u = &s->unit[i];
		struct ata_unit *a;

		if (u->bus != STORAGE_ATA || (u->kind == STORAGE_CDROM) != cdroms)
			continue;
		if (n < ATA_CHANNELS * ATA_UNITS) {
			a = &m->storage.ata->channel[n / ATA_UNITS]
				.unit[n % ATA_UNITS];
			a->disk = &u->disk;
			a->cdrom = u->kind == STORAGE_CDROM;
			a->id = u->id;
		}
		n++;
	}
	return n;
}

static int add_ata(struct machine *m, struct vmm_error *e)
{
	struct ata_controller *c = calloc(1, sizeof(*c));
	unsigned int n;

	if (!c)
		return vmm_fail(e, VMM_ERR_HOST, "out of memory");
	m->storage.ata = c;
	c->done.fd = -1;
	n = place_ata(m, false, 0);
	if (n <= ATA_UNITS)
		n = ATA_UNITS;		/* CDs have a cable of their own */
	if (place_ata(m, true, n) > ATA_CHANNELS * ATA_UNITS)
		return vmm_fail(e, VMM_ERR_INPUT,
			"--disk, --cdrom: the IDE controller has four places, two of them on each cable: put disks on bus=virtio");
	if (ata_add(c, &m->board.pci, PCI_ANY_SLOT, m->loop) ||
	    add_ata_ports(m, 0) || add_ata_ports(m, 1))
		return vmm_fail(e, VMM_ERR_HOST,
			"no memory, file descriptor, port or PCI slot for the IDE controller");
	return 0;
}

static int add_fdc_ports(struct machine *m, struct fdc *f)
{
	struct bus_range ports = {
		.base = FDC_PORT, .len = FDC_PORTS, .width = 1, .name = "floppy",
		.ops = &fdc_ops, .dev = f,
	};
	struct bus_range dir = {
		.base = FDC_DIR_PORT, .len = 1, .width = 1, .name = "floppy change",
		.ops = &fdc_dir_ops, .dev = f,
	};

	return bus_add(&m->pio, &ports) || bus_add(&m->pio, &dir);
}

static int add_fdc(struct machine *m, struct vmm_error *e)
{
	struct storage *s = m->cfg->storage;
	struct fdc *f = calloc(1, sizeof(*f));
	unsigned int i, n = 0;

	if (!f)
		return vmm_fail(e, VMM_ERR_HOST, "out of memory");
	m->storage.fdc = f;
	f->done.fd = -1;
	for (i = 0; i < s->n; i++) {
		if (s->unit[i].kind != STORAGE_FLOPPY)
			continue;
		f->drive[n].disk = &s->unit[i].disk;
		fdc_geometry(&s->unit[i].disk.image, &f->drive[n++].g);
	}
	f->irq = machine_line(m, FDC_IRQ);
	f->isa = &m->board.isa;
	f->ram = &m->ram;
	if (fdc_init(f, m->loop) || add_fdc_ports(m, f))
		return vmm_fail(e, VMM_ERR_HOST,
			"no memory, file descriptor or port for the floppy controller");
	return 0;
}

uint8_t storage_floppy_types(const struct machine *m)
{
	const struct fdc *f = m->storage.fdc;
	uint8_t types = 0;

	if (f && f->drive[0].disk)
		types |= (uint8_t)(fdc_cmos_type(&f->drive[0].g) << 4);
	if (f && f->drive[1].disk)
		types |= fdc_cmos_type(&f->drive[1].g);
	return types;
}

int machine_add_storage(struct machine *m, struct vmm_error *e)
{
	bool ata = false;
	unsigned int i;

	if (!m->cfg->storage)
		return 0;
	for (i = 0; i < m->cfg->storage->n; i++) {
		if (m->cfg->storage->unit[i].bus == STORAGE_ATA)
			ata = true;
		else if (m->cfg->storage->unit[i].bus == STORAGE_VIRTIO &&
			 add_virtio(m, i))
			return vmm_fail(e, VMM_ERR_HOST,
				"%s: no memory, file descriptor or PCI slot for its controller",
				m->cfg->storage->unit[i].name);
	}
	if (count(m->cfg->storage, STORAGE_FLOPPY) && add_fdc(m, e))
		return -1;
	return ata ? add_ata(m, e) : 0;
}

void machine_remove_storage(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < STORAGE_MAX; i++) {
		if (!m->storage.blk[i])
			continue;
		virtio_blk_remove(m->storage.blk[i]);
		free(m->storage.blk[i]);
		m->storage.blk[i] = NULL;
	}
	if (m->storage.ata) {
		ata_remove(m->storage.ata);
		free(m->storage.ata);
		m->storage.ata = NULL;
	}
	if (m->storage.fdc) {
		fdc_fini(m->storage.fdc);
		free(m->storage.fdc);
		m->storage.fdc = NULL;
	}
}
