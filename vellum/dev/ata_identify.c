/* SPDX-License-Identifier: MIT */
/* IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA "IDENTIFY DEVICE"). */
#include <string.h>

#include "ata.h"

#define WORDS		256u
#define CYLINDERS_MAX	16383u
#define HEADS_MAX	16u
#define SECTORS_MAX	63u
/* A BIOS reads nothing of a disk without one, and an image may be one sector. */
#define CYLINDERS_MIN	2u
#define LBA28_SECTORS	0x0fffffffu
#define MDMA		0x07u	/* modes 0 to 2 */
#define UDMA		0x3fu	/* modes 0 to 5 */

static void put(uint8_t *out, unsigned int word, uint16_t v)
{
	out[2 * word] = (uint8_t)v;
	out[2 * word + 1] = (uint8_t)(v >> 8);
}

static void put_wide(uint8_t *out, unsigned int word, uint64_t v,
		     unsigned int words)
{
	for (; words; words--, word++, v >>= 16)
		put(out, word, (uint16_t)v);
}

/* Text has its bytes swapped in each word and blanks at its end. */
static void put_text(uint8_t *out, unsigned int word, const char *text,
		     unsigned int len)
{
	size_t n = strnlen(text, len);
	unsigned int i;

	for (i = 0; i < len; i++)
		out[2 * word + (i ^ 1)] = i < n ? (uint8_t)text[i] : ' ';
}

static void put_modes(const struct ata_unit *u, uint8_t *out)
{
	uint16_t number = u->mode & 7, kind = u->mode >> 3;

	put(out, 63, (uint16_t)(MDMA | (kind == 4 ? 0x100u << number : 0)));
	put(out, 64, 3);		/* PIO 3 and 4 */
	put(out, 65, 120);		/* cycle times, ns */
	put(out, 66, 120);
	put(out, 67, 120);
	put(out, 68, 120);
	put(out, 88, (uint16_t)(UDMA | (kind == 8 ? 0x100u << number : 0)));
	put(out, 93, 0x6001);		/* reset: passed; 80-wire cable */
}

static void put_both(const struct ata_unit *u, uint8_t *out, const char *model)
{
	memset(out, 0, 2 * WORDS);
	put_text(out, 10, u->id, 20);
	put_text(out, 23, "1.0", 8);
	put_text(out, 27, model, 40);
	put(out, 53, 0x6);		/* words 64-70 and 88 hold */
	put_modes(u, out);
	put(out, 80, 0x00f0);		/* ATA/ATAPI-4 to 7 */
}

/* Its addresses have room for 16 heads. */
void ata_geometry(const struct ata_unit *u, struct block_geometry *g)
{
	uint64_t cylinders = u->disk->image.size / BLOCK_SECTOR / (HEADS_MAX * SECTORS_MAX);

	*g = u->disk->image.geometry;
	if (g->heads > HEADS_MAX) {
		g->heads = HEADS_MAX;
		g->sectors = SECTORS_MAX;
		g->cylinders = cylinders > CYLINDERS_MAX ? CYLINDERS_MAX : (uint32_t)cylinders;
	}
	if (g->cylinders < CYLINDERS_MIN)
		g->cylinders = CYLINDERS_MIN;
	if (g->cylinders > CYLINDERS_MAX)
		g->cylinders = CYLINDERS_MAX;
}

void ata_identify(const struct ata_unit *u, uint8_t *out)
{
	uint64_t sectors = u->disk->image.size / BLOCK_SECTOR;
	struct block_geometry g;
	uint64_t now = (uint64_t)u->heads * u->sectors;
	uint64_t in_chs;

	ata_geometry(u, &g);
	in_chs = sectors / now > 65535 ? 65535 : sectors / now;

	put_both(u, out, "VELLUM HARDDISK");
	put(out, 0, 0x0040);
	put(out, 1, (uint16_t)g.cylinders);
	put(out, 3, (uint16_t)g.heads);
	/* Retired since ATA-3: there are BIOSes that read as much as this says. */
	put(out, 4, (uint16_t)(g.sectors * BLOCK_SECTOR));
	put(out, 5, BLOCK_SECTOR);
	put(out, 6, (uint16_t)g.sectors);
	put(out, 47, 0x8000 | ATA_MULTIPLE_MAX);
	put(out, 49, 0x0f00);		/* LBA, DMA, IORDY */
	put(out, 50, 0x4000);
	put(out, 51, 0x0200);
	put(out, 53, 0x7);
	put(out, 54, (uint16_t)in_chs);
	put(out, 55, u->heads);
	put(out, 56, u->sectors);
	put_wide(out, 57, in_chs * now, 2);
	put(out, 59, u->multiple ? 0x100u | u->multiple : 0);
	put_wide(out, 60, sectors > LBA28_SECTORS ? LBA28_SECTORS : sectors, 2);
	put(out, 82, 0x0020);		/* write cache */
	put(out, 83, 0x7400);		/* LBA48, FLUSH CACHE, ... EXT */
	put(out, 84, 0x4040);		/* WRITE DMA FUA EXT */
	put(out, 85, u->write_through ? 0 : 0x0020);
	put(out, 86, 0x3400);
	put(out, 87, 0x4040);
	put_wide(out, 100, sectors, 4);
	put(out, 106, 0x6003);		/* 4 KiB beneath */
}

void atapi_identify(const struct ata_unit *u, uint8_t *out)
{
	put_both(u, out, "VELLUM DVD-ROM");
	put(out, 0, 0x85c0);		/* CD-ROM, removable, 12-byte packets */
	put(out, 49, 0x0f00);
	put(out, 82, 0x4210);		/* NOP, DEVICE RESET, PACKET */
	put(out, 83, 0x4000);
	put(out, 84, 0x4000);
	put(out, 85, 0x4210);
	put(out, 87, 0x4000);
}
