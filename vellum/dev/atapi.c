/* SPDX-License-Identifier: MIT */
/*
 * A CD-ROM drive's packet commands (SFF "ATA Packet Interface for CD-ROMs",
 * T10 "Multi-Media Commands", "SCSI Primary Commands").  One data track.
 */
#include <string.h>

#include "ata.h"

#define SENSE_NONE		0x0u
#define SENSE_MEDIUM		0x3u
#define SENSE_ILLEGAL		0x5u

/* Additional sense codes */
#define ASC_READ_ERROR		0x11u
#define ASC_BAD_COMMAND		0x20u
#define ASC_BAD_ADDRESS		0x21u
#define ASC_BAD_FIELD		0x24u

#define FEATURE_DMA		0x01u
#define TRACK_LEAD_OUT		0xaau
#define CD_BLOCKS_MAX		450000u	/* 100 minutes: more is a DVD */
#define FRAMES_PER_SECOND	75u
#define LEAD_IN			150u

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void put_be16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t blocks(const struct ata_unit *u)
{
	uint64_t n = u->disk->image.size / ATA_CD_SECTOR;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* ---- ends ---- */

static void set_sense(struct ata_unit *u, unsigned int key, unsigned int code)
{
	u->sense_key = (uint8_t)key;
	u->sense_code = (uint8_t)code;
	u->sense_qualifier = 0;
}

void atapi_end(struct ata_channel *c)
{
	c->active->count[0] = ATA_REASON_IO | ATA_REASON_CD;
	ata_done(c);
}

static void check_condition(struct ata_channel *c, unsigned int key,
			    unsigned int code)
{
	set_sense(c->active, key, code);
	c->active->count[0] = ATA_REASON_IO | ATA_REASON_CD;
	ata_fail(c, (uint8_t)(key << 4 | ATA_ERROR_ABRT));
}

void atapi_media_error(struct ata_channel *c)
{
	check_condition(c, SENSE_MEDIUM, ASC_READ_ERROR);
}

/*
 * Piece between interrupts: what the guest has written into the byte count
 * registers, an even number; 0 and 0xffff mean the most there is.
 */
static uint32_t byte_limit(const struct ata_unit *u)
{
	uint32_t n = u->mid[0] | (uint32_t)u->high[0] << 8;

	n &= ~1u;
	return n ? n : 0xfffe;
}

/* The first @len bytes of the buffer, of which the guest takes @room. */
static void answer(struct ata_channel *c, struct ata_unit *u, uint32_t len,
		   uint32_t room)
{
	if (len > room)
		len = room;
	c->left = 0;
	c->filled = len;
	if (!len) {
		atapi_end(c);
	} else if (u->feature[0] & FEATURE_DMA) {
		ata_dma_request(c, true);
	} else {
		c->block = byte_limit(u);
		ata_send(c, len);
	}
}

/* ---- reading ---- */

static void read_blocks(struct ata_channel *c, struct ata_unit *u,
			uint32_t first, uint32_t n)
{
	if (first > blocks(u) || n > blocks(u) - first) {
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_ADDRESS);
		return;
	}
	if (!n) {
		atapi_end(c);
		return;
	}
	c->offset = (uint64_t)first * ATA_CD_SECTOR;
	c->left = (uint64_t)n * ATA_CD_SECTOR;
	if (u->feature[0] & FEATURE_DMA) {
		ata_dma_request(c, true);
	} else {
		c->block = byte_limit(u);
		c->phase = ATA_DATA_IN;
		ata_read_disk(c);
	}
}

/* READ CD: user data of data blocks is all that an image has. */
static void read_cd(struct ata_channel *c, struct ata_unit *u,
		    const uint8_t *p)
{
	uint32_t n = (uint32_t)p[6] << 16 | be16(p + 7);
	uint8_t what = p[9] & 0xf8;

	if (what == 0x10)
		read_blocks(c, u, be32(p + 2), n);
	else if (!what)
		atapi_end(c);
	else
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
}

/* ---- answers from tables ---- */

static void request_sense(struct ata_channel *c, struct ata_unit *u,
			  const uint8_t *p)
{
	uint8_t *out = c->buffer;

	memset(out, 0, 18);
	out[0] = 0x70;			/* current error, fixed format */
	out[2] = u->sense_key;
	out[7] = 10;
	out[12] = u->sense_code;
	out[13] = u->sense_qualifier;
	set_sense(u, SENSE_NONE, 0);
	answer(c, u, 18, p[4]);
}

static void inquiry(struct ata_channel *c, struct ata_unit *u,
		    const uint8_t *p)
{
	uint8_t *out = c->buffer;

	if (p[1] & 1) {			/* vital product data: none */
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(out, 0, 36);
	out[0] = 5;			/* CD-ROM */
	out[1] = 0x80;			/* removable */
	out[3] = 0x21;			/* ATAPI, response format 1 */
	out[4] = 31;
	memcpy(out + 8, "VELLUM  DVD-ROM         1.0 ", 28);
	answer(c, u, 36, be16(p + 3));
}

static void read_capacity(struct ata_channel *c, struct ata_unit *u)
{
	put_be32(c->buffer, blocks(u) - 1);
	put_be32(c->buffer + 4, ATA_CD_SECTOR);
	answer(c, u, 8, 8);
}

static void put_address(uint8_t *out, uint32_t block, bool msf)
{
	if (!msf) {
		put_be32(out, block);
		return;
	}
	block += LEAD_IN;
	out[0] = 0;
	out[1] = (uint8_t)(block / FRAMES_PER_SECOND / 60);
	out[2] = (uint8_t)(block / FRAMES_PER_SECOND % 60);
	out[3] = (uint8_t)(block % FRAMES_PER_SECOND);
}

static uint8_t *put_track(uint8_t *out, uint8_t number, uint32_t block,
			  bool msf)
{
	out[0] = 0;
	out[1] = 0x14;			/* data track, position only */
	out[2] = number;
	out[3] = 0;
	put_address(out + 4, block, msf);
	return out + 8;
}

static void read_toc(struct ata_channel *c, struct ata_unit *u,
		     const uint8_t *p)
{
	/* The format is in one of two places, as the standard was made. */
	unsigned int format = p[2] & 15 ? p[2] & 15 : p[9] >> 6;
	uint8_t *out = c->buffer, *end = out + 4;
	bool msf = p[1] & 2;

	if (format > 1 || (!format && p[6] > 1 && p[6] != TRACK_LEAD_OUT)) {
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	out[2] = out[3] = 1;		/* first and last track or session */
	if (format == 1 || p[6] <= 1)
		end = put_track(end, 1, 0, msf);
	if (format == 0)
		end = put_track(end, TRACK_LEAD_OUT, blocks(u), msf);
	put_be16(out, (unsigned int)(end - out) - 2);
	answer(c, u, (uint32_t)(end - out), be16(p + 7));
}

static uint8_t *page_errors(uint8_t *out)
{
	memset(out, 0, 8);
	out[0] = 0x01;
	out[1] = 6;
	out[3] = 5;			/* retries */
	return out + 8;
}

static uint8_t *page_capabilities(uint8_t *out)
{
	memset(out, 0, 20);
	out[0] = 0x2a;
	out[1] = 18;
	out[2] = 0x3b;			/* reads CD-R, CD-RW, DVD */
	out[4] = 0x70;			/* modes 2, multi-session */
	out[6] = 0x28;			/* a tray that opens */
	put_be16(out + 8, 706);		/* KB/s */
	put_be16(out + 12, 64);		/* KiB of buffer */
	put_be16(out + 14, 706);
	return out + 20;
}

static void mode_sense(struct ata_channel *c, struct ata_unit *u, bool ten,
		       unsigned int page, uint32_t room)
{
	unsigned int head = ten ? 8 : 4;
	uint8_t *out = c->buffer, *end = out + head;

	memset(out, 0, head);
	if (page == 0x01 || page == 0x3f)
		end = page_errors(end);
	if (page == 0x2a || page == 0x3f)
		end = page_capabilities(end);
	if (end == out + head) {
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	if (ten)
		put_be16(out, (unsigned int)(end - out) - 2);
	else
		out[0] = (uint8_t)(end - out - 1);
	answer(c, u, (uint32_t)(end - out), room);
}

static uint8_t *put_feature(uint8_t *out, unsigned int code, uint8_t flags,
			    uint8_t more)
{
	memset(out, 0, 4u + more);
	put_be16(out, code);
	out[2] = flags;			/* 1: current, 2: always */
	out[3] = more;
	return out + 4 + more;
}

static void get_configuration(struct ata_channel *c, struct ata_unit *u,
			      const uint8_t *p)
{
	bool dvd = blocks(u) > CD_BLOCKS_MAX;
	uint8_t *out = c->buffer, *f = out + 8, *end;

	memset(out, 0, 8);
	put_be16(out + 6, dvd ? 0x10 : 0x08);	/* current profile */
	end = put_feature(f, 0, 3, 8);
	put_be16(f + 4, 0x10);			/* DVD-ROM */
	f[6] = dvd;
	put_be16(f + 8, 0x08);			/* CD-ROM */
	f[10] = !dvd;
	f = end;
	end = put_feature(f, 1, 0x0b, 8);	/* core: ATAPI */
	put_be32(f + 4, 2);
	f = end;
	end = put_feature(f, 3, 3, 4);		/* removable: tray */
	f[4] = 0x28;
	f = end;
	end = put_feature(f, dvd ? 0x1f : 0x1e, 1, 4);	/* reads it */
	put_be32(out, (uint32_t)(end - out) - 4);
	answer(c, u, (uint32_t)(end - out), be16(p + 7));
}

static void get_event(struct ata_channel *c, struct ata_unit *u,
		      const uint8_t *p)
{
	uint8_t *out = c->buffer;

	if (!(p[1] & 1)) {		/* only by polling */
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(out, 0, 8);
	out[3] = 0x10;			/* media events are there */
	if (p[4] & 0x10) {
		put_be16(out, 6);
		out[2] = 4;
		out[5] = 2;		/* no event; medium present */
		answer(c, u, 8, be16(p + 7));
		return;
	}
	put_be16(out, 2);
	out[2] = 0x80;			/* none of that class */
	answer(c, u, 4, be16(p + 7));
}

static void disc_information(struct ata_channel *c, struct ata_unit *u,
			     const uint8_t *p)
{
	uint8_t *out = c->buffer;

	memset(out, 0, 34);
	put_be16(out, 32);
	out[2] = 0x0e;			/* complete, last session complete */
	out[3] = out[4] = out[5] = out[6] = 1;
	out[7] = 0x20;			/* unrestricted use */
	memset(out + 16, 0xff, 8);	/* no lead-in, no lead-out start */
	answer(c, u, 34, be16(p + 7));
}

static void mechanism_status(struct ata_channel *c, struct ata_unit *u,
			     const uint8_t *p)
{
	memset(c->buffer, 0, 8);
	answer(c, u, 8, be16(p + 8));
}

/* ---- dispatch ---- */

static void simple(struct ata_channel *c, struct ata_unit *u, const uint8_t *p)
{
	switch (p[0]) {
	case 0x00:			/* test unit ready */
	case 0x1b:			/* start, stop: the tray stays shut */
	case 0x1e:			/* prevent removal */
	case 0x2b:			/* seek */
	case 0x35:			/* synchronize cache */
	case 0xbb:			/* set speed */
		set_sense(u, SENSE_NONE, 0);
		atapi_end(c);
		break;
	default:
		check_condition(c, SENSE_ILLEGAL, ASC_BAD_COMMAND);
		break;
	}
}

void atapi_packet(struct ata_channel *c, struct ata_unit *u)
{
	uint8_t p[ATA_PACKET];

	memcpy(p, c->buffer, sizeof(p));
	c->phase = ATA_IDLE;
	switch (p[0]) {
	case 0x03: request_sense(c, u, p); break;
	case 0x12: inquiry(c, u, p); break;
	case 0x1a: mode_sense(c, u, false, p[2] & 0x3f, p[4]); break;
	case 0x25: read_capacity(c, u); break;
	case 0x28: read_blocks(c, u, be32(p + 2), be16(p + 7)); break;
	case 0x43: read_toc(c, u, p); break;
	case 0x46: get_configuration(c, u, p); break;
	case 0x4a: get_event(c, u, p); break;
	case 0x51: disc_information(c, u, p); break;
	case 0x5a: mode_sense(c, u, true, p[2] & 0x3f, be16(p + 7)); break;
	case 0xa8: read_blocks(c, u, be32(p + 2), be32(p + 6)); break;
	case 0xbd: mechanism_status(c, u, p); break;
	case 0xbe: read_cd(c, u, p); break;
	default: simple(c, u, p); break;
	}
}
