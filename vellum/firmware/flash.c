/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "flash.h"

#define CMD_PROGRAM		0x10
#define CMD_PROGRAM_ALT		0x40
#define CMD_ERASE		0x20
#define CMD_CLEAR_STATUS	0x50
#define CMD_LOCK		0x60
#define CMD_READ_STATUS		0x70
#define CMD_READ_ID		0x90
#define CMD_QUERY		0x98
#define CMD_CONFIRM		0xd0
#define CMD_BUFFERED		0xe8
#define CMD_READ_ARRAY		0xff

#define STATUS_READY		0x80u
#define STATUS_PROGRAM		0x10u	/* programming failed */
#define STATUS_ERASE		0x20u	/* erasing failed */
#define STATUS_SEQUENCE		(STATUS_PROGRAM | STATUS_ERASE)	/* bad command */

#define ID_INTEL		0x89
#define ID_DEVICE		0x18

static void set_mode(struct flash *f, enum flash_mode mode)
{
	bool was = f->mode == FLASH_ARRAY, is = mode == FLASH_ARRAY;

	f->mode = mode;
	if (was != is && f->set_array)
		f->set_array(f->opaque, is);
}

static void save(struct flash *f, uint64_t at, uint64_t len, uint8_t failed)
{
	if (f->save && !f->save(f->opaque, at, len))
		f->status |= failed;
}

/* Programming only clears bits. */
static void program(struct flash *f, uint64_t at, uint8_t v)
{
	if (at >= f->size || (f->data[at] & v) == f->data[at])
		return;
	f->data[at] &= v;
	save(f, at, 1, STATUS_PROGRAM);
}

static void erase(struct flash *f, uint64_t at)
{
	at &= ~(uint64_t)(FLASH_SECTOR - 1);
	if (at >= f->size)
		return;
	memset(f->data + at, 0xff, FLASH_SECTOR);
	save(f, at, FLASH_SECTOR, STATUS_ERASE);
}

static void command(struct flash *f, uint8_t v)
{
	switch (v) {
	case CMD_PROGRAM: case CMD_PROGRAM_ALT:
		set_mode(f, FLASH_PROGRAM);
		break;
	case CMD_ERASE:
		set_mode(f, FLASH_ERASE);
		break;
	case CMD_BUFFERED:
		f->status |= STATUS_READY;
		set_mode(f, FLASH_COUNT);
		break;
	case CMD_LOCK:
		set_mode(f, FLASH_LOCK);
		break;
	case CMD_CLEAR_STATUS:
		f->status = 0;
		set_mode(f, FLASH_STATUS);
		break;
	case CMD_READ_STATUS:
		set_mode(f, FLASH_STATUS);
		break;
	case CMD_READ_ID:
		set_mode(f, FLASH_ID);
		break;
	case CMD_QUERY:
		set_mode(f, FLASH_QUERY);
		break;
	default:	/* read array, and what this chip does not know */
		set_mode(f, FLASH_ARRAY);
		break;
	}
}

static void done(struct flash *f, bool good)
{
	f->status |= STATUS_READY | (good ? 0 : STATUS_SEQUENCE);
	set_mode(f, FLASH_STATUS);
}

static void fill(struct flash *f, uint64_t at, uint8_t v)
{
	unsigned int i;

	if (f->have < f->want) {
		f->at[f->have] = at;
		f->buffer[f->have++] = v;
		return;
	}
	if (v == CMD_CONFIRM)
		for (i = 0; i < f->have; i++)
			program(f, f->at[i], f->buffer[i]);
	done(f, v == CMD_CONFIRM);
}

static void flash_write(void *dev, uint64_t at, unsigned int size,
			uint64_t value)
{
	struct flash *f = dev;
	uint8_t v = (uint8_t)value;

	(void)size;
	switch (f->mode) {
	case FLASH_PROGRAM:
		program(f, at, v);
		done(f, true);
		break;
	case FLASH_ERASE:
		if (v == CMD_CONFIRM)
			erase(f, at);
		done(f, v == CMD_CONFIRM);
		break;
	case FLASH_COUNT:
		f->have = 0;
		f->want = v + 1u;
		if (f->want > FLASH_BUFFER)
			done(f, false);
		else
			set_mode(f, FLASH_FILL);
		break;
	case FLASH_FILL:
		fill(f, at, v);
		break;
	case FLASH_LOCK:
		done(f, true);
		break;
	default:
		command(f, v);
		break;
	}
}

static uint8_t log2_of(uint32_t v)
{
	return (uint8_t)(31 - __builtin_clz(v | 1));
}

/* CFI query: the string, Intel's command set, one region of sectors. */
static uint8_t query(const struct flash *f, uint64_t at)
{
	uint32_t sectors = f->size / FLASH_SECTOR - 1;

	switch (at & 0xff) {
	case 0x10: return 'Q';
	case 0x11: return 'R';
	case 0x12: return 'Y';
	case 0x13: return 0x01;			/* Intel/Sharp extended */
	case 0x1b: return 0x45;			/* supply: 4.5 V to 5.5 V */
	case 0x1c: return 0x55;
	case 0x1f: case 0x20: return 0x07;	/* typical times */
	case 0x21: return 0x0a;
	case 0x27: return log2_of(f->size);
	case 0x2a: return log2_of(FLASH_BUFFER);
	case 0x2c: return 1;
	case 0x2d: return (uint8_t)sectors;
	case 0x2e: return (uint8_t)(sectors >> 8);
	case 0x2f: return (uint8_t)(FLASH_SECTOR >> 8);
	case 0x30: return (uint8_t)(FLASH_SECTOR >> 16);
	default: return 0;
	}
}

static uint64_t flash_read(void *dev, uint64_t at, unsigned int size)
{
	const struct flash *f = dev;

	(void)size;
	switch (f->mode) {
	case FLASH_ARRAY:
		return at < f->size ? f->data[at] : 0xff;
	case FLASH_ID:
		return (at & 0xff) == 0 ? ID_INTEL :
		       (at & 0xff) == 1 ? ID_DEVICE : 0;
	case FLASH_QUERY:
		return query(f, at);
	default:
		return f->status;
	}
}

const struct bus_ops flash_ops = { .read = flash_read, .write = flash_write };
