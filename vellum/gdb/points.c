/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "points.h"

#define INT3		0xcc

/* SDM3 "Debug Control Register (DR7)" */
#define DR7_GLOBAL(n)		(2u << (2 * (n)))
#define DR7_RW(n, rw)		((uint64_t)(rw) << (16 + 4 * (n)))
#define DR7_LEN(n, len)		((uint64_t)(len) << (18 + 4 * (n)))
#define DR7_FIXED		0x400u
enum { RW_EXECUTE = 0, RW_WRITE = 1, RW_ACCESS = 3 };

static struct gdb_point *find(const struct gdb_points *p, unsigned int type,
			      uint64_t addr, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < GDB_POINTS; i++) {
		const struct gdb_point *q = &p->point[i];

		if (q->used && q->type == type && q->addr == addr &&
		    (type == GDB_SOFTWARE || q->len == len))
			return (struct gdb_point *)(uintptr_t)q;
	}
	return NULL;
}

static struct gdb_point *get_free(struct gdb_points *p)
{
	unsigned int i;

	for (i = 0; i < GDB_POINTS; i++)
		if (!p->point[i].used)
			return &p->point[i];
	return NULL;
}

/* ---- in hardware ---- */

static void give_back(struct gdb_points *p, const struct gdb_point *q)
{
	unsigned int i;

	for (i = 0; i < GDB_REGISTERS; i++)
		if (p->reg[i].owner == q)
			p->reg[i].owner = NULL;
}

static bool take_register(struct gdb_points *p, struct gdb_point *q,
			  uint64_t addr, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < GDB_REGISTERS; i++) {
		if (p->reg[i].owner)
			continue;
		p->reg[i].owner = q;
		p->reg[i].addr = addr;
		p->reg[i].len = len;
		return true;
	}
	return false;
}

/* A range in pieces of 8, 4, 2, 1 bytes, each on a boundary of its size. */
static const char *use_registers(struct gdb_points *p, struct gdb_point *q)
{
	uint64_t addr = q->addr, left = q->type <= GDB_HARDWARE ? 1 : q->len;

	if (!left || left > 8 * GDB_REGISTERS)
		return "too long to be watched: at most 32 bytes";
	while (left) {
		unsigned int len = 8;

		while (len > left || (addr & (len - 1)))
			len /= 2;
		if (!take_register(p, q, addr, len)) {
			give_back(p, q);
			return "all four debug registers are in use";
		}
		addr += len;
		left -= len;
	}
	return NULL;
}

/* ---- in software ---- */

static bool patch(struct gdb_point *q, const struct gdb_space *g)
{
	static const uint8_t int3 = INT3;
	struct gdb_space phys = *g;
	uint64_t rest;

	if (!gdb_translate(g, q->addr, &q->pa, &rest))
		return false;
	phys.physical = true;
	q->patched = gdb_read(&phys, q->pa, &q->saved, 1) == 1 &&
		     gdb_write(&phys, q->pa, &int3, 1);
	return q->patched;
}

/* Unless the guest has put something else there. */
static void unpatch(struct gdb_point *q, const struct gdb_space *g)
{
	struct gdb_space phys = *g;
	uint8_t now;

	phys.physical = true;
	if (q->patched && gdb_read(&phys, q->pa, &now, 1) == 1 && now == INT3)
		gdb_write(&phys, q->pa, &q->saved, 1);
	q->patched = false;
}

/* ---- both ---- */

const char *gdb_point_set(struct gdb_points *p, const struct gdb_space *g,
			  unsigned int type, uint64_t addr, uint64_t len)
{
	struct gdb_point *q;
	const char *why = NULL;

	if (type > GDB_ACCESS)
		return "there is no such kind of breakpoint";
	if (find(p, type, addr, len))
		return NULL;
	q = get_free(p);
	if (!q)
		return "too many breakpoints";
	*q = (struct gdb_point){ .type = type, .addr = addr, .len = len };
	if (type != GDB_SOFTWARE || !patch(q, g))
		why = use_registers(p, q);
	q->used = !why;
	return why;
}

static void clear(struct gdb_points *p, struct gdb_point *q,
		  const struct gdb_space *g)
{
	unpatch(q, g);
	give_back(p, q);
	q->used = false;
}

void gdb_point_clear(struct gdb_points *p, const struct gdb_space *g,
		     unsigned int type, uint64_t addr, uint64_t len)
{
	struct gdb_point *q = find(p, type, addr, len);

	if (q)
		clear(p, q, g);
}

void gdb_points_clear(struct gdb_points *p, const struct gdb_space *g)
{
	unsigned int i;

	for (i = 0; i < GDB_POINTS; i++)
		if (p->point[i].used)
			clear(p, &p->point[i], g);
}

void gdb_points_forget(struct gdb_points *p)
{
	memset(p, 0, sizeof(*p));
}

const struct gdb_point *gdb_point_at(const struct gdb_points *p, uint64_t addr)
{
	const struct gdb_point *q = find(p, GDB_SOFTWARE, addr, 0);

	return q && q->patched ? q : NULL;
}

const struct gdb_point *gdb_point_hit(const struct gdb_points *p, uint64_t hits)
{
	unsigned int i;

	for (i = 0; i < GDB_REGISTERS; i++)
		if ((hits & (1u << i)) && p->reg[i].owner)
			return p->reg[i].owner;
	return NULL;
}

static unsigned int rw_bits(enum gdb_point_type type)
{
	switch (type) {
	case GDB_WRITE: return RW_WRITE;
	case GDB_READ:		/* x86 has no such thing: the debugger filters */
	case GDB_ACCESS: return RW_ACCESS;
	default: return RW_EXECUTE;
	}
}

void gdb_points_control(const struct gdb_points *p, struct kvm_guest_debug *d)
{
	static const uint8_t len_bits[9] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	uint64_t dr7 = 0;
	unsigned int i;

	for (i = 0; i < GDB_POINTS; i++)
		if (p->point[i].used && p->point[i].patched)
			d->control |= KVM_GUESTDBG_USE_SW_BP;
	for (i = 0; i < GDB_REGISTERS; i++) {
		if (!p->reg[i].owner)
			continue;
		d->arch.debugreg[i] = p->reg[i].addr;
		dr7 |= DR7_GLOBAL(i) | DR7_RW(i, rw_bits(p->reg[i].owner->type)) |
		       DR7_LEN(i, len_bits[p->reg[i].len]);
	}
	if (!dr7)
		return;
	d->control |= KVM_GUESTDBG_USE_HW_BP;
	d->arch.debugreg[7] = dr7 | DR7_FIXED;
}
