/* SPDX-License-Identifier: MIT */
/* A toy machine around the emulator: some RAM at linear 0 and plain registers. */
#ifndef TESTS_EMUL_MACHINE_H
#define TESTS_EMUL_MACHINE_H

#include <stdint.h>
#include <string.h>

#include "../../../engine/emul/internal.h"

#ifndef MACHINE_RAM
#define MACHINE_RAM	0x200000u
#endif
#define MACHINE_MMIO	0x400000u	/* one page of device memory: EXIT, then answered */

struct machine {
	struct emul e;
	uint64_t gpr[16];
	struct emul_seg seg[EMUL_SEG_COUNT];
	struct emul_table_reg table[2];
	uint64_t cr[17], dr[8], msr[4];
	uint64_t xmm[16][4];
	uint8_t *ram;

	/* Port and device traffic. */
	uint16_t port;
	unsigned int io_size, checkpoints;
	uint32_t io_value, io_next;
	uint64_t io_hint;

	/* The log of one instruction, as emul.h describes it. */
	unsigned int log_count, log_at;
	struct { uint64_t la; unsigned int size; bool write; uint8_t data[32]; } log[64];
	bool log_broken, exits;
	uint64_t mmio_next, device_last;	/* the byte that the next read gives */
	unsigned int device_writes;
	uint64_t invlpg;
	bool compare_fails;	/* another CPU changes memory under a locked access */
};

static inline struct machine *machine_of(struct emul *e)
{
	return e->ctx;
}

static inline enum emul_cb machine_fault(struct emul *e, uint64_t la, uint32_t error)
{
	e->fault = (struct emul_fault){ .vector = VEC_PF, .kind = EMUL_EVENT_EXCEPTION,
					.has_error = true, .error = error, .cr2 = la };
	return EMUL_CB_FAULT;
}

static inline bool machine_is_ram(uint64_t la, unsigned int size)
{
	return la < MACHINE_RAM && la + size <= MACHINE_RAM;
}

/*
 * Device accesses, memory or (key above 2^63) port: EXIT the first time, answered
 * from the log when the instruction is restarted.
 */
static inline enum emul_cb machine_device(struct machine *m, uint64_t key, void *read_to,
					  const void *write_from, unsigned int size)
{
	bool write = write_from != NULL, fresh = m->log_at == m->log_count;
	unsigned int at = m->log_at;

	if (at == 64)
		return EMUL_CB_UNSUPPORTED;
	if (fresh) {
		m->log_count++;
		m->log[at].la = key;
		m->log[at].size = size;
		m->log[at].write = write;
		memset(m->log[at].data, 0, 32);
		if (write) {
			memcpy(m->log[at].data, write_from, size);
			m->device_writes++;
			memcpy(&m->device_last, m->log[at].data, 8);
		} else if (key >> 63) {
			memcpy(m->log[at].data, &m->io_next, 4);
			m->io_next++;
		} else {
			memset(m->log[at].data, (int)m->mmio_next++, size);
		}
		if (m->exits)
			return EMUL_CB_EXIT;
	}
	if (m->log[at].la != key || m->log[at].size != size || m->log[at].write != write ||
	    (write && memcmp(m->log[at].data, write_from, size)))
		m->log_broken = true;
	if (read_to)
		memcpy(read_to, m->log[at].data, size);
	m->log_at++;
	return EMUL_CB_OK;
}

static inline bool machine_is_mmio(uint64_t la, unsigned int size)
{
	return la >= MACHINE_MMIO && la + size <= MACHINE_MMIO + 0x1000;
}

static inline enum emul_cb machine_read(struct emul *e, uint64_t la, void *buf,
					unsigned int size, unsigned int access)
{
	struct machine *m = machine_of(e);

	if (machine_is_ram(la, size)) {
		memcpy(buf, m->ram + la, size);
		return EMUL_CB_OK;
	}
	if (machine_is_mmio(la, size))
		return machine_device(m, la, buf, NULL, size);
	return machine_fault(e, la, (access & EMUL_ACCESS_WRITE) ? 2 : 0);
}

static inline enum emul_cb machine_write(struct emul *e, uint64_t la, const void *buf,
					 unsigned int size, unsigned int access)
{
	struct machine *m = machine_of(e);

	(void)access;
	if (machine_is_ram(la, size)) {
		memcpy(m->ram + la, buf, size);
		return EMUL_CB_OK;
	}
	if (machine_is_mmio(la, size))
		return machine_device(m, la, NULL, buf, size);
	return machine_fault(e, la, 2);
}

static inline enum emul_cb machine_check_write(struct emul *e, uint64_t la, unsigned int size,
					       unsigned int access)
{
	(void)access;
	if (machine_is_ram(la, size) || machine_is_mmio(la, size))
		return EMUL_CB_OK;
	return machine_fault(e, la, 2);
}

static inline enum emul_cb machine_cmpxchg(struct emul *e, uint64_t la, const void *old,
					   const void *new, unsigned int size,
					   unsigned int access)
{
	struct machine *m = machine_of(e);

	(void)access;
	if (!machine_is_ram(la, size))
		return EMUL_CB_NOT_RAM;
	if (m->compare_fails || memcmp(m->ram + la, old, size))
		return EMUL_CB_RETRY;
	memcpy(m->ram + la, new, size);
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_fetch(struct emul *e, uint64_t la, void *buf,
					 unsigned int size)
{
	if (!machine_is_ram(la, size))
		return machine_fault(e, la, 0x10);
	memcpy(buf, machine_of(e)->ram + la, size);
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_in(struct emul *e, uint16_t port, uint32_t *value,
				      unsigned int size, uint64_t count)
{
	struct machine *m = machine_of(e);

	m->port = port;
	m->io_size = size;
	m->io_hint = count;
	return machine_device(m, 1ull << 63 | port, value, NULL, size);
}

static inline enum emul_cb machine_out(struct emul *e, uint16_t port, uint32_t value,
				       unsigned int size, uint64_t count)
{
	struct machine *m = machine_of(e);

	m->port = port;
	m->io_size = size;
	m->io_hint = count;
	m->io_value = value;
	return machine_device(m, 1ull << 63 | port, NULL, &value, size);
}

static inline void machine_get_seg(struct emul *e, enum emul_segment seg, struct emul_seg *out)
{
	*out = machine_of(e)->seg[seg];
}

static inline void machine_set_seg(struct emul *e, enum emul_segment seg,
				   const struct emul_seg *in)
{
	struct emul_seg *s = &machine_of(e)->seg[seg];

	/* Not the padding: states are compared with memcmp(). */
	s->base = in->base;
	s->limit = in->limit;
	s->ar = in->ar;
	s->selector = in->selector;
}

static inline void machine_get_table(struct emul *e, enum emul_table table,
				     struct emul_table_reg *out)
{
	*out = machine_of(e)->table[table];
}

static inline void machine_set_table(struct emul *e, enum emul_table table,
				     const struct emul_table_reg *in)
{
	machine_of(e)->table[table] = *in;
}

static inline uint64_t machine_read_cr(struct emul *e, unsigned int cr)
{
	return machine_of(e)->cr[cr];
}

static inline enum emul_cb machine_write_cr(struct emul *e, unsigned int cr, uint64_t value)
{
	machine_of(e)->cr[cr] = value;
	return EMUL_CB_OK;
}

static inline uint64_t machine_read_dr(struct emul *e, unsigned int dr)
{
	return machine_of(e)->dr[dr];
}

static inline enum emul_cb machine_write_dr(struct emul *e, unsigned int dr, uint64_t value)
{
	machine_of(e)->dr[dr] = value;
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_msr_fault(struct emul *e)
{
	e->fault = (struct emul_fault){ .vector = VEC_GP, .kind = EMUL_EVENT_EXCEPTION,
					.has_error = true };
	return EMUL_CB_FAULT;
}

/* MSR_FS_BASE to MSR_TSC_AUX are plain storage, all others fault. */
static inline enum emul_cb machine_read_msr(struct emul *e, uint32_t msr, uint64_t *value)
{
	if (msr < MSR_FS_BASE || msr > MSR_TSC_AUX)
		return machine_msr_fault(e);
	*value = machine_of(e)->msr[msr - MSR_FS_BASE];
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_write_msr(struct emul *e, uint32_t msr, uint64_t value)
{
	if (msr < MSR_FS_BASE || msr > MSR_TSC_AUX)
		return machine_msr_fault(e);
	machine_of(e)->msr[msr - MSR_FS_BASE] = value;
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_cpuid(struct emul *e, uint32_t leaf, uint32_t subleaf,
					 uint32_t out[4])
{
	(void)e;
	out[0] = leaf + 1;
	out[1] = subleaf + 2;
	out[2] = 3;
	out[3] = 4;
	return EMUL_CB_OK;
}

static inline enum emul_cb machine_rdtsc(struct emul *e, uint64_t *value)
{
	(void)e;
	*value = 0x1122334455667788ull;
	return EMUL_CB_OK;
}

static inline void machine_invlpg(struct emul *e, uint64_t la)
{
	machine_of(e)->invlpg = la;
}

static inline void machine_read_xmm(struct emul *e, unsigned int reg, void *buf,
				    unsigned int size)
{
	memcpy(buf, machine_of(e)->xmm[reg], size);
}

static inline void machine_write_xmm(struct emul *e, unsigned int reg, const void *buf,
				     unsigned int size, bool zero_upper)
{
	uint64_t *v = machine_of(e)->xmm[reg];

	if (zero_upper)
		v[2] = v[3] = 0;
	memcpy(v, buf, size);
}

static inline void machine_checkpoint(struct emul *e)
{
	struct machine *m = machine_of(e);

	m->checkpoints++;
	m->log_count = m->log_at = 0;
}

static const struct emul_ops machine_ops = {
	.fetch = machine_fetch, .read_mem = machine_read, .write_mem = machine_write,
	.check_write = machine_check_write, .cmpxchg_mem = machine_cmpxchg, .io_in = machine_in, .io_out = machine_out,
	.get_seg = machine_get_seg, .set_seg = machine_set_seg,
	.get_table = machine_get_table, .set_table = machine_set_table,
	.read_cr = machine_read_cr, .write_cr = machine_write_cr,
	.read_dr = machine_read_dr, .write_dr = machine_write_dr,
	.read_msr = machine_read_msr, .write_msr = machine_write_msr,
	.cpuid = machine_cpuid, .rdtsc = machine_rdtsc, .invlpg = machine_invlpg,
	.read_xmm = machine_read_xmm, .write_xmm = machine_write_xmm,
	.checkpoint = machine_checkpoint,
};

/* One instruction to its end, restarting it after each EXIT. */
static inline enum emul_result machine_step(struct machine *m)
{
	enum emul_result result;
	unsigned int restarts = 0;

	m->log_count = m->log_at = 0;
	do {
		m->log_at = 0;
		m->e.nbytes = 0;
		result = emul_step(&m->e);
	} while (result == EMUL_EXIT && restarts++ < 200);
	return result;
}

#endif
