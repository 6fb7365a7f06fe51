/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "space.h"

#define CR0_PG		0x80000000ull
#define CR4_PSE		0x10ull
#define CR4_PAE		0x20ull
#define CR4_LA57	0x1000ull
#define EFER_LMA	0x400ull

#define PTE_P		1ull
#define PTE_PS		0x80ull
#define PTE_ADDR	0x000ffffffffff000ull
#define PAGE		4096ull

#define SHADOW_BASE	0xc0000ull	/* where PAM registers decide */
#define SHADOW_END	0x100000ull
#define PAM_TOP_BASE	0xf0000ull	/* region 0 */
#define PAM_STEP	0x4000ull

/* ---- physical ---- */

/* Is ROM read there rather than RAM?  Intel's PAM: region 0 is the top 64 KiB. */
static bool reads_rom(const struct rom *r, uint64_t pa)
{
	unsigned int region = pa >= PAM_TOP_BASE ? 0 :
			      1 + (unsigned int)((pa - SHADOW_BASE) / PAM_STEP);

	return region < Q35_PAM_REGIONS && !(r->pam[region] & Q35_PAM_READ);
}

static const uint8_t *rom_at(const struct rom *r, uint64_t pa, uint64_t n)
{
	uint64_t shadow = r->size < ROM_SHADOW_MAX ? r->size : ROM_SHADOW_MAX;

	if (pa >= r->base && pa < ROM_TOP && n <= ROM_TOP - pa)
		return r->image + (pa - r->base);
	if (pa >= SHADOW_END - shadow && pa < SHADOW_END && n <= SHADOW_END - pa)
		return r->image + r->size - (SHADOW_END - pa);
	return NULL;
}

static bool is_rom(const struct gdb_space *g, uint64_t pa)
{
	if (!g->rom || !g->rom->image)
		return false;
	return pa >= SHADOW_BASE && pa < SHADOW_END ? reads_rom(g->rom, pa) :
	       pa >= g->rom->base && pa < ROM_TOP;
}

const uint8_t *gdb_phys(const struct gdb_space *g, uint64_t pa, uint64_t n)
{
	if (is_rom(g, pa))
		return rom_at(g->rom, pa, n);
	return ram_at(g->ram, GPA(pa), n);
}

/* ---- linear ---- */

static bool entry(const struct gdb_space *g, uint64_t pa, unsigned int size,
		  uint64_t *e)
{
	const uint8_t *p = gdb_phys(g, pa, size);

	*e = 0;
	if (p)
		memcpy(e, p, size);
	return *e & PTE_P;
}

static bool found(uint64_t base, uint64_t la, uint64_t size, uint64_t *pa,
		  uint64_t *rest)
{
	*pa = (base & ~(size - 1)) | (la & (size - 1));
	*rest = size - (la & (size - 1));
	return true;
}

/* SDM3 "32-Bit Paging" */
static bool walk32(const struct gdb_space *g, uint64_t la, uint64_t *pa,
		   uint64_t *rest)
{
	uint64_t e;

	if (!entry(g, (g->s.cr3 & 0xfffff000) + (la >> 22) * 4, 4, &e))
		return false;
	if ((e & PTE_PS) && (g->s.cr4 & CR4_PSE))
		return found((e & 0xffc00000) | (e >> 13 & 0xff) << 32, la,
			     4 * MIB, pa, rest);
	if (!entry(g, (e & 0xfffff000) + (la >> 12 & 0x3ff) * 4, 4, &e))
		return false;
	return found(e & 0xfffff000, la, PAGE, pa, rest);
}

/* SDM3 "PAE Paging", "4-Level Paging and 5-Level Paging" */
static bool walk64(const struct gdb_space *g, uint64_t la, unsigned int level,
		   uint64_t *pa, uint64_t *rest)
{
	uint64_t table = g->s.cr3 & (level == 3 ? 0xffffffe0 : PTE_ADDR), e;

	for (; level; level--) {
		unsigned int shift = 3 + 9 * level;

		if (!entry(g, table + (la >> shift & 0x1ff) * 8, 8, &e))
			return false;
		if (level == 1 || (level < 4 && (e & PTE_PS)))
			return found(e & PTE_ADDR, la, 1ull << shift, pa, rest);
		table = e & PTE_ADDR;
	}
	return false;
}

bool gdb_translate(const struct gdb_space *g, uint64_t la, uint64_t *pa,
		   uint64_t *rest)
{
	bool lma = g->s.efer & EFER_LMA;

	if (g->physical)
		return found(la, la, PAGE, pa, rest);
	if (lma) {
		unsigned int bits = g->s.cr4 & CR4_LA57 ? 57 : 48;
		int64_t sign = (int64_t)la >> (bits - 1);

		if (sign && sign != -1)
			return false;
		return walk64(g, la, bits == 57 ? 5 : 4, pa, rest);
	}
	if (la >> 32)
		return false;
	if (!(g->s.cr0 & CR0_PG))
		return found(la, la, PAGE, pa, rest);
	if (!(g->s.cr4 & CR4_PAE))
		return walk32(g, la, pa, rest);
	return walk64(g, la, 3, pa, rest);
}

/* ---- access ---- */

/* The next piece: its place, or NULL, and in *n how much of it is there. */
static const uint8_t *piece(const struct gdb_space *g, uint64_t addr,
			    uint64_t *pa, size_t *n)
{
	uint64_t rest;

	if (!gdb_translate(g, addr, pa, &rest))
		return NULL;
	rest = PAGE - (*pa & (PAGE - 1));
	if (*n > rest)
		*n = rest;
	return gdb_phys(g, *pa, *n);
}

size_t gdb_read(const struct gdb_space *g, uint64_t addr, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t now = n - done;
		uint64_t pa;
		const uint8_t *p = piece(g, addr + done, &pa, &now);

		if (!p)
			break;
		memcpy((uint8_t *)buf + done, p, now);
		done += now;
	}
	return done;
}

static bool write_pass(const struct gdb_space *g, uint64_t addr,
		       const uint8_t *buf, size_t n, bool really)
{
	while (n) {
		size_t now = n;
		uint64_t pa;
		uint8_t *p = (uint8_t *)(uintptr_t)piece(g, addr, &pa, &now);

		if (!p || is_rom(g, pa))
			return false;
		if (really)
			memcpy(p, buf, now);
		addr += now;
		buf += now;
		n -= now;
	}
	return true;
}

bool gdb_write(const struct gdb_space *g, uint64_t addr, const void *buf,
	       size_t n)
{
	return write_pass(g, addr, buf, n, false) &&
	       write_pass(g, addr, buf, n, true);
}
