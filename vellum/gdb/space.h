/* SPDX-License-Identifier: MIT */
/* Guest memory as a debugger sees it: by linear or by guest-physical address. */
#ifndef VELLUM_GDB_SPACE_H
#define VELLUM_GDB_SPACE_H

#include <linux/kvm.h>

#include "../firmware/rom.h"
#include "../memory.h"

struct gdb_space {
	const struct guest_ram *ram;
	const struct rom *rom;		/* or NULL */
	struct kvm_sregs s;		/* whose page tables */
	bool physical;			/* addresses are guest-physical */
};

/*
 * Through the page tables that @s has in force; nothing in them is changed.
 * *rest: bytes to the end of that page.  False: no translation.
 */
bool gdb_translate(const struct gdb_space *g, uint64_t la, uint64_t *pa,
		   uint64_t *rest);

/* Bytes that could be had, from the first on. */
size_t gdb_read(const struct gdb_space *g, uint64_t addr, void *buf, size_t n);
/* All or nothing. */
bool gdb_write(const struct gdb_space *g, uint64_t addr, const void *buf,
	       size_t n);

/* Bytes at a guest-physical address: RAM, or ROM as the guest sees it. */
const uint8_t *gdb_phys(const struct gdb_space *g, uint64_t pa, uint64_t n);

#endif
