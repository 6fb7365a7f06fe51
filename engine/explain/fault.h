/* SPDX-License-Identifier: MIT */
/* What the files that reconstruct a chain of exceptions share. */
#ifndef VELLUM_ENGINE_EXPLAIN_FAULT_H
#define VELLUM_ENGINE_EXPLAIN_FAULT_H

#include "bits.h"

/* Parts of struct guest that are known. */
#define HAVE_CR0	BIT(0)
#define HAVE_CR3	BIT(1)
#define HAVE_CR4	BIT(2)
#define HAVE_EFER	BIT(3)
#define HAVE_RIP	BIT(4)
#define HAVE_RSP	BIT(5)
#define HAVE_RFLAGS	BIT(6)
#define HAVE_GDT	BIT(7)
#define HAVE_IDT	BIT(8)
#define HAVE_SEG(s)	BIT(16 + (s))

/* The guest's registers, whoever virtualises it. */
struct guest {
	const struct explain_state *s;
	u64 have;
	u64 cr0, cr3, cr4, efer, rip, rsp, rflags;
	struct x86_seg seg[SEG_COUNT];
	u64 gdt_base, idt_base;
	u32 gdt_limit, idt_limit;
	bool ia32e;		/* IA-32e mode is active */
	bool real, v86;
	unsigned cpl;
};

void guest_from_state(const struct explain_state *s, struct guest *g);
bool guest_in_64bit(const struct guest *g);
extern const char *const explain_seg_names[SEG_COUNT];

/* An exception or interrupt to be delivered. */
struct event {
	u8 vector;
	bool has_error, soft;	/* soft: INT n, INT3, INTO */
	u32 error;
};

enum outcome { OUT_OK, OUT_FAULT, OUT_UNKNOWN };

/* Why memory can't be accessed; the text says what was looked at. */
#define ACCESS_WRITE	BIT(0)
#define ACCESS_USER	BIT(1)
#define ACCESS_FETCH	BIT(2)

/*
 * Through the guest's page tables. OUT_FAULT: *e is the #PF and t says where the walk
 * ended. OUT_UNKNOWN: t says which memory would be needed.
 */
enum outcome guest_translate(const struct guest *g, u64 linear, u32 access, u64 *physical,
			     struct event *e, struct text *t);
enum outcome guest_read(const struct guest *g, u64 linear, u32 access, void *to, unsigned size,
			struct event *e, struct text *t);
/* Can it be accessed, wherever the bytes are? */
enum outcome guest_touch(const struct guest *g, u64 linear, u32 access, unsigned size,
			 struct event *e, struct text *t);
bool canonical_in(const struct guest *g, u64 linear);

/* Is [offset, offset + size) within the segment? */
bool within_limit(const struct x86_seg *seg, u64 offset, unsigned size);

/* Delivers e: t says by which entries. OUT_FAULT: *next is what the delivery raised. */
enum outcome guest_deliver(const struct guest *g, const struct event *e, struct event *next,
			   struct text *t);

/* A segment descriptor in the GDT or LDT. OUT_FAULT: the selector is beyond it. */
enum outcome guest_descriptor(const struct guest *g, u16 selector, u8 *to, unsigned size,
			      struct event *e, struct text *t);
u32 descriptor_ar(const u8 *d);
u32 descriptor_limit(const u8 *d);

/* Loads of a selector into a data segment register, SS, or CS by a far transfer. */
enum outcome guest_load_segment(const struct guest *g, enum seg s, u16 selector,
				struct event *e, struct text *t);

#endif
