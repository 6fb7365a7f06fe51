/* SPDX-License-Identifier: MIT */
/*
 * Packets of the GDB remote protocol (GDB manual, "Remote Protocol: Overview"):
 * $data#checksum, in which } makes the next byte another one. Nothing here does
 * input or output; whatever comes in is taken as hostile.
 */
#ifndef VELLUM_GDB_PACKET_H
#define VELLUM_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GDB_PACKET_MAX	16384u	/* data bytes, both ways */
#define GDB_JUNK_MAX	256u	/* bytes in a row that belong to no packet */

enum gdb_event {
	GDB_NOTHING,	/* go on */
	GDB_PACKET,	/* one is complete: data[0 .. len), 0 behind it */
	GDB_BREAK,	/* the debugger wants the guest to stop */
	GDB_RESEND,	/* the last reply came damaged */
	GDB_DAMAGED,	/* a packet came damaged */
	GDB_HOPELESS,	/* not this protocol, or a packet without an end */
};

struct gdb_parser {
	enum { GDB_IDLE, GDB_DATA, GDB_ESCAPE, GDB_SUM1, GDB_SUM2 } state;
	bool bad;		/* a checksum digit wasn't one */
	uint8_t sum, given;
	unsigned int junk;
	size_t len;
	char data[GDB_PACKET_MAX + 1];
};

void gdb_parser_init(struct gdb_parser *p);
enum gdb_event gdb_feed(struct gdb_parser *p, uint8_t byte);

/* A reply under construction. What doesn't fit makes it an error reply. */
struct gdb_reply {
	size_t len;
	bool full;
	char data[GDB_PACKET_MAX];
};

void gdb_reply_init(struct gdb_reply *r);
void gdb_put(struct gdb_reply *r, const char *text);
void gdb_putf(struct gdb_reply *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Bytes as pairs of hexadecimal digits; as they are, escaped. */
void gdb_put_hex(struct gdb_reply *r, const void *bytes, size_t n);
void gdb_put_binary(struct gdb_reply *r, const void *bytes, size_t n);

/* The frame around a reply: into out, which has room for GDB_FRAME_MAX. */
#define GDB_FRAME_MAX	(GDB_PACKET_MAX + 8u)
size_t gdb_frame(const struct gdb_reply *r, char *out);

/* -- Arguments: each takes what it finds at *p and moves it on; false: not there -- */

bool gdb_take(const char **p, char c);
bool gdb_take_word(const char **p, const char *word);
/* 1 to 16 hexadecimal digits. */
bool gdb_take_number(const char **p, uint64_t *v);
/* Exactly n bytes in hexadecimal. */
bool gdb_take_bytes(const char **p, void *out, size_t n);

#endif
