/* SPDX-License-Identifier: MIT */
/*
 * Saved dumps: from a file of any of the known formats to a snapshot for the engine's
 * explainer. The input is anyone's: nothing in it can do more harm than be refused.
 */
#ifndef VELLUM_EXPLAIN_DUMP_H
#define VELLUM_EXPLAIN_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../engine/explain/explain.h"

#define DUMP_SIZE_MAX	(32u << 20)	/* bytes of a file */
#define DUMP_POOL_MAX	(4u << 20)	/* bytes of guest memory in it */
#define DUMPS_LOOKED_AT	64		/* for one with a failure */
#define DUMP_NAMES_MAX	8
#define DUMP_REMARKS_MAX 16

struct dump {
	struct explain_state s;
	const char *format;		/* what it was recognised as */
	unsigned values;		/* fields taken */
	unsigned dumps, nth;		/* how many the file holds, which this is */
	unsigned unknown;		/* fields that nobody knows */
	char unknown_name[DUMP_NAMES_MAX][48];
	unsigned n_remarks, lost_remarks;	/* contradictions, absurd values, an early end */
	char remark[DUMP_REMARKS_MAX][240];
	char refusal[320];		/* why it can't be read */
	uint8_t *pool;			/* the memory's bytes */
	size_t pool_used;
};

/*
 * Reads the nth dump (from 1; 0: the first with a failure, if any) of the text, which
 * need not end in 0. False: d->refusal says why. dump_free() in either case.
 */
bool dump_parse(struct dump *d, const char *text, size_t size, unsigned nth);
void dump_free(struct dump *d);

/* -- For the formats' files ------------------------------------------------------------- */

/* The formats; each false with d->refusal. */
bool dump_parse_json(struct dump *d, const char *text, size_t size);
bool dump_parse_kvm(struct dump *d, const char *text, unsigned nth);
bool dump_parse_vmcb(struct dump *d, const char *text, unsigned nth);
bool dump_parse_bhyve(struct dump *d, const char *text, unsigned nth);
bool dump_parse_qemu(struct dump *d, const char *text, unsigned nth);

/* What is beside KVM's dump in a log: general registers and code bytes. */
void dump_add_qemu(struct dump *d, const char *text);

bool dump_refuse(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dump_remark(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dump_unknown(struct dump *d, const char *name, size_t length);

/*
 * Takes a field's value. One that is there already with another value is remarked and
 * kept; one too large for the field is remarked and left out. `as` is its name there.
 */
void dump_set(struct dump *d, uint32_t encoding, uint64_t value, const char *as);
void dump_set_vmcb(struct dump *d, uint32_t offset, uint64_t value, const char *as);
void dump_set_gpr(struct dump *d, unsigned reg, uint64_t value);
/* Copies bytes of guest memory; false: no room. */
bool dump_add_memory(struct dump *d, enum explain_space space, uint64_t address,
		     const uint8_t *bytes, size_t size);

/* -- Scanning ------------------------------------------------------------------------------- */

/* A hexadecimal number with or without 0x at *at, which moves on; false: none, or above 64 bits. */
bool scan_hex(const char **at, uint64_t *value);
/* The next line of text from *at: its start and length; false: no more. */
bool scan_line(const char **at, const char **line, size_t *length);
/* strstr() within a line. */
const char *scan_find(const char *line, size_t length, const char *what);

#endif
