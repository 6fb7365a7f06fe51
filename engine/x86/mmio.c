/* SPDX-License-Identifier: MIT */
#include "mmio.h"

#include "../core/backend.h"
#include "../core/vm.h"
#include "../irq/irq.h"
#include "../mem/mem.h"

bool mmio_device(struct vcpu *v, u64 gpa, void *data, unsigned size, bool write)
{
	u32 offset = gpa & PG_OFFSET_MASK;

	if (v->lapic && lapic_covers(v->lapic, gpa)) {
		if (write)
			lapic_mmio_write(v->lapic, offset, data, size);
		else
			lapic_mmio_read(v->lapic, offset, data, size);
		return true;
	}
	return v->vm->irqchip && irqchip_mmio(v->vm->irqchip, gpa, data, size, write);
}

/* -- Pages without memory --------------------------------------------------------- */

bool mmio_known_hole(struct vcpu *v, const struct mmio_memory *m, struct gphys gpa)
{
	u64 page = gpa.v >> PG_SHIFT;

	return m->hole[page % MMIO_PAGES].number == page + 1 &&
	       m->hole[page % MMIO_PAGES].generation == LOAD_ACQUIRE(&v->vm->mem.generation);
}

void mmio_note_hole(struct vcpu *v, struct mmio_memory *m, struct gphys gpa)
{
	u64 page = gpa.v >> PG_SHIFT, generation;

	if (!mem_is_hole(v->vm, gpa, &generation))
		return;		/* a slot that can't be written */
	m->hole[page % MMIO_PAGES].number = page + 1;
	m->hole[page % MMIO_PAGES].generation = generation;
}

/* -- Instructions ------------------------------------------------------------------ */

static unsigned slot_of(u64 rip)
{
	return (rip ^ rip >> 3 ^ rip >> 6) % MMIO_INSNS;
}

static u64 address(const struct vcpu *v, const struct emul_move *m, u64 rip)
{
	u64 la = m->disp;

	if (m->base != EMUL_NO_REG)
		la += v->gpr[m->base];
	if (m->index != EMUL_NO_REG)
		la += v->gpr[m->index] << m->scale;
	return m->rip_relative ? la + rip + m->length : la;
}

/*
 * The CPU has fetched, decoded and permitted the instruction and found its
 * operand's page; only the second level stopped it. If RIP still leads to the same
 * bytes through the same tables, it was this one; if its operand's address and the
 * kind of access fit as well, gpa is the operand's. Unaligned ones, which may fault
 * or cross a page, are not for here.
 */
bool mmio_recall(struct vcpu *v, const struct mmio_memory *m, struct gphys gpa,
		 unsigned access, const struct emul_move **move)
{
	u64 rip = v->exit.rip, la;
	const struct mmio_insn *i = &m->insn[slot_of(rip)];

	if (i->rip != rip || !i->words || !(v->exit.flags & (EXIT_FINAL | EXIT_GLA)) ||
	    v->injected.type || i->generation != LOAD_ACQUIRE(&v->vm->mem.generation) ||
	    i->cr3 != backend->cr3_64(v))
		return false;
	*move = &i->move;
	la = address(v, &i->move, rip);
	if (((la ^ gpa.v) & PG_OFFSET_MASK) || (la & (i->move.size - 1u)) ||
	    ((v->exit.flags & EXIT_GLA) && la != v->exit.gla) ||
	    (i->move.write ? !(access & MEM_WRITE) : access != MEM_READ))
		return false;
	return host_words_same(v->vm, i->word, i->words);
}

/* The words that the instruction's bytes lie in; 0 if they aren't those in e. */
static unsigned code_words(struct vcpu *v, const struct emul *e, struct gphys gpa,
			   struct host_word *w, u64 *generation)
{
	unsigned skip = gpa.v & 7, n = (skip + e->insn.length + 7) / 8, i;
	u64 val[MMIO_CODE_WORDS];
	u64 hva = mem_host_address(v->vm, gphys(gpa.v - skip), n * 8, generation);

	if (!hva || ((gpa.v & PG_OFFSET_MASK) + e->insn.length > PG_SIZE))
		return 0;
	for (i = 0; i < n; i++) {
		w[i].hva = hva + 8 * i;
		if (host_read_entry(v->vm, w[i].hva, &val[i], 8))
			return 0;
		w[i].val = val[i];
	}
	return __builtin_memcmp((u8 *)val + skip, e->bytes, e->insn.length) ? 0 : n;
}

void mmio_remember(struct vcpu *v, struct mmio_memory *m, u64 rip, const struct emul *e)
{
	struct mmio_insn *i = &m->insn[slot_of(rip)];
	u64 generation = LOAD_ACQUIRE(&v->vm->mem.generation), last = generation;
	struct emul_move move;
	struct gphys gpa;
	unsigned levels, code;

	if (!emul_plain_move(e, &move))
		return;
	i->words = 0;
	i->rip = rip;
	i->cr3 = backend->cr3_64(v);
	i->generation = generation;
	i->move = move;
	if (i->cr3 == NO_CR3)
		return;
	levels = paging_entries(v, glin(rip), i->word, &gpa, &last);
	if (!levels || last != generation)
		return;
	code = code_words(v, e, gpa, i->word + levels, &last);
	if (code && last == generation)
		i->words = levels + code;
}
