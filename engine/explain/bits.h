/* SPDX-License-Identifier: MIT */
/* Names of the bits of control fields, registers and interruption information. */
#ifndef VELLUM_ENGINE_EXPLAIN_BITS_H
#define VELLUM_ENGINE_EXPLAIN_BITS_H

#include "explain.h"

/* name[n] is bit n's; NULL: reserved. */
struct bit_names {
	const char *name[64];
};

extern const struct bit_names bits_pin, bits_proc, bits_proc2, bits_proc3;
extern const struct bit_names bits_exit, bits_exit2, bits_entry;
extern const struct bit_names bits_cr0, bits_cr4, bits_efer, bits_rflags;
extern const struct bit_names bits_interruptibility, bits_pending_debug;

/* Mask of the bits that have a name. */
u64 bits_defined(const struct bit_names *b);
/* "a, b, c" of the bits set; reserved ones as "bit 9 (reserved)". */
void bits_list(const struct bit_names *b, u64 value, struct text *t);
/* "bit 3" or "bits 3, 5, 7": the numbers of the bits set. */
void bits_numbers(u64 value, struct text *t);

/* An interruption-information, IDT-vectoring or EVENTINJ field in words. */
void decode_event(u32 info, bool entry, struct text *t);
void decode_eptp(u64 eptp, struct text *t);
void decode_pat(u64 pat, struct text *t);

#define INTR_VALID	BIT(31)
#define INTR_ERROR	BIT(11)
#define INTR_TYPE(i)	FIELD(i, 10, 8)
#define INTR_VECTOR(i)	FIELD(i, 7, 0)
enum {
	INTR_EXTERNAL = 0, INTR_NMI = 2, INTR_HW_EXCEPTION = 3, INTR_SW = 4,
	INTR_PRIV_SW_EXCEPTION = 5, INTR_SW_EXCEPTION = 6, INTR_OTHER = 7,
};

#define INTR_STI	BIT(0)
#define INTR_MOV_SS	BIT(1)

#endif
