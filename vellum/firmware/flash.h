/* SPDX-License-Identifier: MIT */
/*
 * A flash chip with Intel's command set (JEDEC "Common Flash Interface",
 * Intel "StrataFlash"): a byte wide, sectors of 4 KiB.  Its contents are memory
 * that, while it reads as an array, a guest reads without our help.
 */
#ifndef VELLUM_FIRMWARE_FLASH_H
#define VELLUM_FIRMWARE_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"

#define FLASH_SECTOR	4096u
#define FLASH_BUFFER	64u

enum flash_mode {
	FLASH_ARRAY, FLASH_STATUS, FLASH_ID, FLASH_QUERY,
	FLASH_PROGRAM,		/* the next byte is data */
	FLASH_ERASE,		/* the next byte confirms */
	FLASH_COUNT,		/* buffered program: the next byte is a count */
	FLASH_FILL,		/* ... then that many bytes, then a confirmation */
	FLASH_LOCK,		/* the next byte says what to lock; ignored */
};

struct flash {
	uint8_t *data;
	uint32_t size;		/* 0 = no chip */
	enum flash_mode mode;
	uint8_t status;
	unsigned int want, have;	/* bytes of a buffered program */
	uint64_t at[FLASH_BUFFER];
	uint8_t buffer[FLASH_BUFFER];
	/* Keeps what has changed; false if that failed. NULL: nobody keeps it. */
	bool (*save)(void *opaque, uint64_t at, uint64_t len);
	/* The mode went to or from FLASH_ARRAY. */
	void (*set_array)(void *opaque, bool array);
	void *opaque;
};

extern const struct bus_ops flash_ops;

#endif
