/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints and watchpoints that the debugger has set.  One in software is an
 * INT3 in guest memory; where none can be written (ROM, an address that is not
 * mapped yet) it becomes one in hardware, of which there are four.
 */
#ifndef VELLUM_GDB_POINTS_H
#define VELLUM_GDB_POINTS_H

#include "space.h"

/* Numbers of the Z packets. */
enum gdb_point_type {
	GDB_SOFTWARE, GDB_HARDWARE, GDB_WRITE, GDB_READ, GDB_ACCESS,
};

#define GDB_POINTS	256u
#define GDB_REGISTERS	4u

struct gdb_point {
	bool used;
	bool patched;		/* an INT3 is at @pa, in place of @saved */
	enum gdb_point_type type;
	uint64_t addr, len;
	uint64_t pa;
	uint8_t saved;
};

struct gdb_points {
	struct gdb_point point[GDB_POINTS];
	struct {
		struct gdb_point *owner;	/* NULL = free */
		uint64_t addr;
		unsigned int len;		/* 1, 2, 4, 8 */
	} reg[GDB_REGISTERS];
};

/* 0, or why not, for the user. */
const char *gdb_point_set(struct gdb_points *p, const struct gdb_space *g,
			  unsigned int type, uint64_t addr, uint64_t len);
/* Also of what isn't there. */
void gdb_point_clear(struct gdb_points *p, const struct gdb_space *g,
		     unsigned int type, uint64_t addr, uint64_t len);
void gdb_points_clear(struct gdb_points *p, const struct gdb_space *g);
/* The memory that they were in is gone. */
void gdb_points_forget(struct gdb_points *p);

/* The point whose INT3 is at @addr; the one that DR6 @hits name; or NULL. */
const struct gdb_point *gdb_point_at(const struct gdb_points *p, uint64_t addr);
const struct gdb_point *gdb_point_hit(const struct gdb_points *p, uint64_t hits);

/* What KVM_SET_GUEST_DEBUG needs for all of them. */
void gdb_points_control(const struct gdb_points *p, struct kvm_guest_debug *d);

#endif
