/* SPDX-License-Identifier: MIT */
/* The decoder's entry points: fetching, the cache of decoded instructions. */
#include "bytes.h"

#define PAGE_SIZE	4096u

/* Fetches instruction bytes beyond e->nbytes: never more than the page holds. */
enum emul_result emul_fetch_more(struct emul *e)
{
	uint64_t offset = e->rip + e->nbytes;
	unsigned int want = EMUL_MAX_LENGTH - e->nbytes;
	unsigned int in_page;
	struct emul_seg cs;

	if (!e->ops)
		return EMUL_UNSUPPORTED;
	if (e->mode == EMUL_MODE64) {
		if (!emul_canonical(e, offset))
			return emul_gp0(e);
	} else {
		e->ops->get_seg(e, EMUL_CS, &cs);
		offset &= 0xffffffff;
		if (offset > cs.limit)
			return emul_gp0(e);
		if (want > cs.limit - offset + 1)
			want = (unsigned int)(cs.limit - offset) + 1;
		offset = (cs.base + offset) & 0xffffffff;
	}
	in_page = PAGE_SIZE - (offset & (PAGE_SIZE - 1));
	if (want > in_page)
		want = in_page;
	TRY(emul_from_cb(e->ops->fetch(e, offset, e->bytes + e->nbytes, want)));
	e->nbytes += (uint8_t)want;
	return EMUL_DONE;
}

enum emul_result emul_need_slow(struct emul *e, unsigned int total)
{
	while (e->nbytes < total) {
		/* SDM3 "Interrupt 13": longer than 15 bytes. */
		if (e->nbytes >= EMUL_MAX_LENGTH)
			return emul_gp0(e);
		TRY(emul_fetch_more(e));
	}
	return EMUL_DONE;
}

static void effective_address(struct emul *e)
{
	struct emul_insn *d = &e->insn;
	uint64_t offset = d->mem.disp;

	if (d->mem.base != EMUL_NO_REG)
		offset += e->gpr[d->mem.base];
	if (d->mem.index != EMUL_NO_REG)
		offset += e->gpr[d->mem.index] << d->mem.scale;
	if (d->mem.rip_relative)
		offset += e->rip + d->length;
	d->mem.offset = offset & emul_mask(d->addrsize);
}

static void first_bytes(const struct emul *e, uint64_t bytes[2])
{
	__builtin_memcpy(&bytes[0], e->bytes, 8);
	__builtin_memcpy(&bytes[1], e->bytes + 7, 8);
}

/* Decoding depends on nothing but the bytes, the code size and VEX being there. */
static uint8_t cache_mode(const struct emul *e)
{
	return (uint8_t)(e->mode | (emul_real_segments(e) ? 4 : 0));
}

static bool cache_find(struct emul *e, unsigned int slot)
{
	struct emul_cache *c = e->cache;
	uint64_t bytes[2];

	if (!c->entry[slot].insn.length || c->entry[slot].insn.length > e->nbytes ||
	    c->entry[slot].mode != cache_mode(e))
		return false;
	first_bytes(e, bytes);
	if (((bytes[0] ^ c->entry[slot].bytes[0]) & c->entry[slot].mask[0]) ||
	    ((bytes[1] ^ c->entry[slot].bytes[1]) & c->entry[slot].mask[1]))
		return false;
	e->insn = c->entry[slot].insn;
	return true;
}

static void cache_fill(struct emul *e, unsigned int slot)
{
	struct emul_cache *c = e->cache;
	unsigned int length = e->insn.length;

	c->entry[slot].insn = e->insn;
	c->entry[slot].mode = cache_mode(e);
	first_bytes(e, c->entry[slot].bytes);
	c->entry[slot].mask[0] = emul_mask(length < 8 ? length : 8);
	/* The second word starts at byte 7. */
	c->entry[slot].mask[1] = length > 7 ? emul_mask(length - 7) : 0;
}

static enum emul_result decode_cached(struct emul *e)
{
	unsigned int slot = (unsigned int)(e->rip ^ e->rip >> 3) % EMUL_CACHE_ENTRIES;
	enum emul_result result;

	if (!e->cache)
		return emul_decode_insn(e);
	if (!e->nbytes)
		TRY(emul_fetch_more(e));
	if (cache_find(e, slot))
		return EMUL_DONE;
	result = emul_decode_insn(e);
	if (result == EMUL_DONE)
		cache_fill(e, slot);
	return result;
}

enum emul_result emul_decode(struct emul *e)
{
	enum emul_result result = decode_cached(e);

	e->shadow = EMUL_SHADOW_NONE;
	e->trap = false;
	if (result == EMUL_DONE && e->insn.mem.valid)
		effective_address(e);
	return result;
}

unsigned int emul_insn_length(const uint8_t *bytes, unsigned int n, enum emul_mode mode)
{
	struct emul e;
	enum emul_result result;

	__builtin_memset(&e, 0, sizeof(e));
	e.mode = (uint8_t)mode;
	e.protected_mode = mode != EMUL_MODE16;
	if (n > EMUL_MAX_LENGTH)
		n = EMUL_MAX_LENGTH;
	e.nbytes = (uint8_t)n;
	__builtin_memcpy(e.bytes, bytes, n);
	result = emul_decode_insn(&e);
	return result == EMUL_DONE || result == EMUL_UNSUPPORTED ? e.insn.length : 0;
}
