/* SPDX-License-Identifier: MIT */
/*
 * A VM of interrupt controllers alone: vCPUs that never run, on the simulated host.
 * The fixture stands in for the run loop: it records kicks and takes interrupts.
 */
#ifndef VELLUM_TESTS_UNIT_IRQ_FIXTURE_H
#define VELLUM_TESTS_UNIT_IRQ_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../engine/irq/chip.h"
#include "../../../engine/irq/irq.h"
#include "../../../engine/irq/lapic.h"
#include "../../../host/sim/sim.h"

#define SVR_ON	(SVR_ENABLE | 0xff)

struct machine {
	struct vm vm;
	struct vcpu vcpu[VCPUS_MAX];
	unsigned kicks[VCPUS_MAX];	/* vcpu_kick() */
	u64 kicked_for[VCPUS_MAX];	/* REQ_* of all of them */
	unsigned nmis[VCPUS_MAX];
};

extern struct machine m;

/* n vCPUs with LAPICs that are software-enabled, all at TPR 0. */
void machine_up(unsigned n, bool chips, bool pit);
/* Frees everything and asserts that nothing leaks. */
void machine_down(void);
void forget_kicks(void);

static inline struct lapic *lapic(unsigned id)
{
	return m.vcpu[id].lapic;
}

/* MMIO with 32 bits. */
static inline u32 rd(unsigned id, u32 offset)
{
	u32 val;

	lapic_mmio_read(lapic(id), offset, &val, 4);
	return val;
}

static inline void wr(unsigned id, u32 offset, u32 val)
{
	lapic_mmio_write(lapic(id), offset, &val, 4);
}

/* What the run loop does: acknowledges what is due, or -1. */
int take_interrupt(unsigned id);
static inline void send_eoi(unsigned id)
{
	wr(id, APIC_EOI, 0);
}

/* A bit of a 256-bit bank. */
bool in_bank(unsigned id, u32 bank, u8 vector);
bool bank_empty(unsigned id, u32 bank);

void to_x2apic(unsigned id);

/* Port and I/O APIC access. */
u8 inb(u16 port);
void outb(u16 port, u8 val);
u32 io_read(u8 reg);
void io_write(u8 reg, u32 val);
void io_redir(unsigned pin, u64 entry);
u64 io_redir_get(unsigned pin);

/* xorshift: the same on every run. */
extern u64 rng_state;
u64 rng(void);

#define RUN(tests)	cmocka_run_group_tests(tests, NULL, NULL)

#endif
