/* SPDX-License-Identifier: MIT */
/*
 * VMCS fields are typed by width and access. A field constant is a small struct
 * that holds its encoding: vmcs_write() takes no read-only one, and neither the
 * encoding nor a value can be passed for the other. All of it folds to immediates.
 */
#ifndef VELLUM_ENGINE_VMX_FIELDTYPES_H
#define VELLUM_ENGINE_VMX_FIELDTYPES_H

#include "../types.h"

struct vmcs_16 { u32 encoding; };
struct vmcs_32 { u32 encoding; };
struct vmcs_64 { u32 encoding; };
struct vmcs_nat { u32 encoding; };
struct vmcs_32_ro { u32 encoding; };
struct vmcs_64_ro { u32 encoding; };
struct vmcs_nat_ro { u32 encoding; };

/* SDM3 "Structure of VMCS Component Encoding", bits 14:13 and 11:10. */
enum { VMCS_WIDTH_16, VMCS_WIDTH_64, VMCS_WIDTH_32, VMCS_WIDTH_NATURAL };
enum { VMCS_AREA_CONTROL, VMCS_AREA_EXIT, VMCS_AREA_GUEST, VMCS_AREA_HOST };

#define VMCS_ENCODING_WIDTH(e)	(((e) >> 13) & 3)
#define VMCS_ENCODING_AREA(e)	(((e) >> 10) & 3)

/* The same as data: for dumps, the explainer and the simulated VMCS. */
struct vmcs_field {
	u16 encoding;
	u8 width;	/* VMCS_WIDTH_* */
	u8 area;	/* VMCS_AREA_* */
	bool writable;
	const char *name;
	const char *title; /* the SDM's */
};

extern const struct vmcs_field vmcs_fields[];	/* in the order of encoding */
extern const unsigned vmcs_field_count;

#endif
