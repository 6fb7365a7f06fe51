/* SPDX-License-Identifier: MIT */
/*
 * Cylinders, heads and sectors of a disk. Whoever made the image had some in mind, and
 * software that addresses by them, from a floppy's boot sector to DOS, finds its files only
 * if the disk has the same. Sector 0 tells: by the partitions of a master boot record, each
 * with its end in both kinds of address, or by the parameter block of a FAT volume. Else
 * a floppy's size tells.
 */
#include <string.h>
#include <unistd.h>

#include "block.h"

#define SECTORS_MAX	63u
#define HEADS_MAX	255u

#define SIGNATURE	510u
#define PARTITIONS	446u
#define PARTITION_SIZE	16u

static const struct {
	uint16_t sectors_in_all;
	struct block_geometry g;
} floppies[] = {
	{ 320, { 40, 1, 8 } }, { 360, { 40, 1, 9 } }, { 640, { 40, 2, 8 } },
	{ 720, { 40, 2, 9 } }, { 1440, { 80, 2, 9 } }, { 2400, { 80, 2, 15 } },
	{ 2880, { 80, 2, 18 } }, { 3360, { 80, 2, 21 } }, { 3444, { 82, 2, 21 } },
	{ 5760, { 80, 2, 36 } },
};

static uint32_t get(const uint8_t *p, unsigned int n)
{
	uint32_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* Is the last sector of a partition the one that it says in both ways? */
static bool from_partition(const uint8_t *p, struct block_geometry *g)
{
	uint32_t sector = p[6] & SECTORS_MAX;
	uint32_t cylinder = p[7] | (p[6] & 0xc0u) << 2;
	uint64_t last = (uint64_t)get(p + 8, 4) + get(p + 12, 4) - 1;

	if ((p[0] & 0x7f) || !p[4] || !get(p + 12, 4) || !sector || p[5] == 255)
		return false;
	g->heads = p[5] + 1u;
	g->sectors = sector;
	/* Beyond what three bytes can say they stand still; then the first tells. */
	if (cylinder == 1023) {
		last = get(p + 8, 4);
		sector = p[2] & SECTORS_MAX;
		cylinder = p[3] | (p[2] & 0xc0u) << 2;
		return cylinder < 1023 && sector &&
		       ((uint64_t)cylinder * g->heads + p[1]) * g->sectors + sector - 1 == last;
	}
	return ((uint64_t)cylinder * g->heads + g->heads - 1) * g->sectors + sector - 1 == last;
}

static bool from_partitions(const uint8_t *boot, struct block_geometry *g)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (from_partition(boot + PARTITIONS + i * PARTITION_SIZE, g))
			return true;
	return false;
}

/* BIOS parameter block of a volume that is the whole disk. */
static bool from_volume(const uint8_t *boot, uint64_t sectors, struct block_geometry *g)
{
	uint32_t all = get(boot + 19, 2) ? get(boot + 19, 2) : get(boot + 32, 4);

	g->sectors = get(boot + 24, 2);
	g->heads = get(boot + 26, 2);
	return get(boot + 11, 2) == BLOCK_SECTOR && all && all <= sectors &&
	       g->sectors && g->sectors <= SECTORS_MAX && g->heads && g->heads <= HEADS_MAX;
}

static bool from_size(uint64_t sectors, struct block_geometry *g)
{
	unsigned int i;

	for (i = 0; i < sizeof(floppies) / sizeof(floppies[0]); i++) {
		if (floppies[i].sectors_in_all != sectors)
			continue;
		*g = floppies[i].g;
		return true;
	}
	return false;
}

/* Any will do for the rest, as long as the disk has room for a cylinder. */
static void from_nothing(uint64_t sectors, struct block_geometry *g)
{
	g->sectors = sectors < SECTORS_MAX ? (uint32_t)sectors : SECTORS_MAX;
	g->heads = sectors < 16 * SECTORS_MAX ? (uint32_t)(sectors / g->sectors) : 16;
}

void block_geometry(const uint8_t *boot, uint64_t sectors, struct block_geometry *g)
{
	bool known = false;
	uint64_t cylinders;

	if (boot[SIGNATURE] == 0x55 && boot[SIGNATURE + 1] == 0xaa)
		known = from_partitions(boot, g) || from_volume(boot, sectors, g);
	/* What isn't even one cylinder of it is a mistake. */
	if (!known || (uint64_t)g->heads * g->sectors > sectors)
		known = from_size(sectors, g);
	if (!known)
		from_nothing(sectors, g);
	cylinders = sectors / (g->heads * g->sectors);
	g->cylinders = cylinders > UINT32_MAX ? UINT32_MAX : (uint32_t)cylinders;
}

void block_image_geometry(struct block_image *img)
{
	uint8_t boot[BLOCK_SECTOR] = { 0 };

	/* What can't be read now will be told when the guest reads it. */
	if (pread(img->fd, boot, sizeof(boot), 0) < (ssize_t)sizeof(boot))
		memset(boot, 0, sizeof(boot));
	block_geometry(boot, img->size / BLOCK_SECTOR, &img->geometry);
}
