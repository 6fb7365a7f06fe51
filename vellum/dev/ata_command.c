/* SPDX-License-Identifier: MIT */
/* ATA commands of disks, and the few of them that packet devices know. */
#include <string.h>

#include "ata.h"

#define LBA28_MAX	0x0fffffffu
#define HEADS		16u
#define SECTORS		63u

#define FEATURE_CACHE_ON	0x02u
#define FEATURE_MODE		0x03u
#define FEATURE_CACHE_OFF	0x82u
#define POWER_ACTIVE		0xffu

static uint64_t disk_sectors(const struct ata_unit *u)
{
	return u->disk->image.size / BLOCK_SECTOR;
}

static uint64_t lba48(const struct ata_unit *u)
{
	return u->low[0] | (uint64_t)u->mid[0] << 8 |
	       (uint64_t)u->high[0] << 16 | (uint64_t)u->low[1] << 24 |
	       (uint64_t)u->mid[1] << 32 | (uint64_t)u->high[1] << 40;
}

/* Address by the older ways: 28 bits, or cylinder, head and sector. */
static bool lba28(const struct ata_channel *c, const struct ata_unit *u,
		  uint64_t *lba)
{
	uint32_t cylinder = u->mid[0] | (uint32_t)u->high[0] << 8;
	uint32_t head = c->device & 15u;

	if (c->device & ATA_DEVICE_LBA) {
		*lba = u->low[0] | (uint64_t)cylinder << 8 |
		       (uint64_t)head << 24;
		return true;
	}
	if (!u->low[0] || u->low[0] > u->sectors || head >= u->heads)
		return false;
	*lba = ((uint64_t)cylinder * u->heads + head) * u->sectors +
	       u->low[0] - 1;
	return true;
}

/* Sets c->offset and c->left; false after an error to the guest. */
static bool range(struct ata_channel *c, struct ata_unit *u, bool ext)
{
	uint64_t lba, n, sectors = disk_sectors(u);

	if (ext) {
		lba = lba48(u);
		n = u->count[0] | (uint64_t)u->count[1] << 8;
		if (!n)
			n = 65536;
	} else {
		n = u->count[0] ? u->count[0] : 256;
		if (!lba28(c, u, &lba)) {
			ata_fail(c, ATA_ERROR_IDNF);
			return false;
		}
	}
	if (lba >= sectors || n > sectors - lba) {
		ata_fail(c, ATA_ERROR_IDNF);
		return false;
	}
	c->offset = lba * BLOCK_SECTOR;
	c->left = n * BLOCK_SECTOR;
	return true;
}

static void pio_read(struct ata_channel *c, struct ata_unit *u, bool ext,
		     unsigned int multiple)
{
	if (!multiple) {
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	c->block = multiple * BLOCK_SECTOR;
	if (range(c, u, ext))
		ata_read_disk(c);
}

static void pio_write(struct ata_channel *c, struct ata_unit *u, bool ext,
		      unsigned int multiple, bool durable)
{
	if (!multiple || u->disk->image.o.readonly) {
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	c->block = multiple * BLOCK_SECTOR;
	c->durable = durable || u->write_through;
	if (range(c, u, ext))
		ata_write_disk(c);
}

static void dma(struct ata_channel *c, struct ata_unit *u, bool ext, bool in,
		bool durable)
{
	if (!in && u->disk->image.o.readonly) {
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	c->durable = durable || u->write_through;
	if (range(c, u, ext))
		ata_dma_request(c, in);
}

static void verify(struct ata_channel *c, struct ata_unit *u, bool ext)
{
	c->verify = true;
	if (range(c, u, ext))
		ata_read_disk(c);
}

static void flush_done(struct ata_channel *c)
{
	if (c->request.result)
		ata_fail(c, ATA_ERROR_ABRT);
	else
		ata_done(c);
}

static void identify(struct ata_channel *c, const struct ata_unit *u)
{
	c->block = 512;
	if (u->cdrom)
		atapi_identify(u, c->buffer);
	else
		ata_identify(u, c->buffer);
	ata_send(c, 512);
}

static void set_multiple(struct ata_channel *c, struct ata_unit *u)
{
	uint8_t n = u->count[0];

	if (n > ATA_MULTIPLE_MAX || n & (n - 1)) {
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	u->multiple = n;
	ata_done(c);
}

static void set_features(struct ata_channel *c, struct ata_unit *u)
{
	switch (u->feature[0]) {
	case FEATURE_MODE:
		u->mode = u->count[0];
		break;
	case FEATURE_CACHE_ON:
	case FEATURE_CACHE_OFF:
		u->write_through = u->feature[0] == FEATURE_CACHE_OFF;
		break;
	case 0x55: case 0xaa:		/* look-ahead: as it likes */
	case 0x66: case 0xcc:		/* defaults after a reset or not */
		break;
	default:
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	ata_done(c);
}

/* Geometry for addresses by cylinder, head and sector. */
static void set_geometry(struct ata_channel *c, struct ata_unit *u)
{
	if (!u->count[0]) {
		ata_fail(c, ATA_ERROR_ABRT);
		return;
	}
	u->sectors = u->count[0];
	u->heads = (uint8_t)((c->device & 15u) + 1);
	ata_done(c);
}

static void native_max(struct ata_channel *c, struct ata_unit *u, bool ext)
{
	uint64_t last = disk_sectors(u) - 1;

	if (!ext && last > LBA28_MAX)
		last = LBA28_MAX;
	u->low[0] = (uint8_t)last;
	u->mid[0] = (uint8_t)(last >> 8);
	u->high[0] = (uint8_t)(last >> 16);
	u->low[1] = (uint8_t)(last >> 24);
	u->mid[1] = (uint8_t)(last >> 32);
	u->high[1] = (uint8_t)(last >> 40);
	if (!ext)
		c->device = (uint8_t)((c->device & 0xf0) | (last >> 24 & 15));
	ata_done(c);
}

/* For both kinds of device.  False: not one of these. */
static bool common(struct ata_channel *c, struct ata_unit *u, uint8_t command)
{
	switch (command) {
	case 0xe5: case 0x98:		/* check power mode */
		u->count[0] = POWER_ACTIVE;
		ata_done(c);
		return true;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6:
	case 0x94: case 0x95: case 0x96: case 0x97: case 0x99:
		ata_done(c);		/* standby, idle, sleep */
		return true;
	case 0xe7: case 0xea:		/* flush cache */
		ata_submit(c, BLOCK_FLUSH, 0, 0, 0, flush_done);
		return true;
	case 0xef:
		set_features(c, u);
		return true;
	default:
		return false;
	}
}

static void packet_device(struct ata_channel *c, struct ata_unit *u,
			  uint8_t command)
{
	switch (command) {
	case 0xa0:			/* packet */
		c->phase = ATA_PACKET_OUT;
		c->filled = c->block_end = ATA_PACKET;
		c->at = 0;
		u->count[0] = ATA_REASON_CD;
		u->status = ATA_STATUS_DRDY | ATA_STATUS_DRQ;
		break;
	case 0xa1:
		identify(c, u);
		break;
	case 0xec: case 0x20: case 0x21: case 0x24:
		/* Here a packet device is told from a disk. */
		ata_signature(u);
		ata_fail(c, ATA_ERROR_ABRT);
		break;
	default:
		ata_fail(c, ATA_ERROR_ABRT);
		break;
	}
}

static void other(struct ata_channel *c, struct ata_unit *u, uint8_t command)
{
	switch (command) {
	case 0x40: case 0x41: verify(c, u, false); break;
	case 0x42: verify(c, u, true); break;
	case 0x91: set_geometry(c, u); break;
	case 0xc6: set_multiple(c, u); break;
	case 0xec: identify(c, u); break;
	case 0xf8: native_max(c, u, false); break;
	case 0x27: native_max(c, u, true); break;
	default:
		/* Recalibrate and seek: nothing that moves. */
		if ((command & 0xf0) == 0x10 || (command & 0xf0) == 0x70)
			ata_done(c);
		else
			ata_fail(c, ATA_ERROR_ABRT);
		break;
	}
}

void ata_command(struct ata_channel *c, struct ata_unit *u, uint8_t command)
{
	if (common(c, u, command))
		return;
	if (u->cdrom) {
		packet_device(c, u, command);
		return;
	}
	switch (command) {
	case 0x20: case 0x21: pio_read(c, u, false, 1); break;
	case 0x24: pio_read(c, u, true, 1); break;
	case 0xc4: pio_read(c, u, false, u->multiple); break;
	case 0x29: pio_read(c, u, true, u->multiple); break;
	case 0x30: case 0x31: pio_write(c, u, false, 1, false); break;
	case 0x34: pio_write(c, u, true, 1, false); break;
	case 0xc5: pio_write(c, u, false, u->multiple, false); break;
	case 0x39: pio_write(c, u, true, u->multiple, false); break;
	case 0xce: pio_write(c, u, true, u->multiple, true); break;
	case 0xc8: case 0xc9: dma(c, u, false, true, false); break;
	case 0x25: dma(c, u, true, true, false); break;
	case 0xca: case 0xcb: dma(c, u, false, false, false); break;
	case 0x35: dma(c, u, true, false, false); break;
	case 0x3d: dma(c, u, true, false, true); break;
	default: other(c, u, command); break;
	}
}
