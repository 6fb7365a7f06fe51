/* SPDX-License-Identifier: MIT */
/*
 * Interrupt controllers: one LAPIC per vCPU; per VM an I/O APIC, a pair of 8259s,
 * an 8254, and a table that routes GSIs to them or to messages.
 *
 * Who calls what: functions on a struct lapic marked [t] belong to the vCPU's own
 * thread (or the holder of the host's vCPU lock); all others may be called from
 * any context, interrupt handlers too, and never sleep unless they say so.
 */
#ifndef VELLUM_ENGINE_IRQ_IRQ_H
#define VELLUM_ENGINE_IRQ_IRQ_H

#include "../types.h"

#define IRQ_GSIS	4096	/* a route's GSI is below; there are no more routes either */

struct vm;
struct vcpu;
struct lapic;
struct irqchip;

/* -- LAPIC ------------------------------------------------------------------- */

/* Sleep. create: v->lapic is set by the caller; reset state, APIC ID v->id. */
struct lapic *lapic_create(struct vcpu *v);
void lapic_destroy(struct lapic *l);
void lapic_reset(struct lapic *l, bool init);			/* [t] */

/* The 4 KiB register page, also usable as the virtual-APIC page. */
void *lapic_page(struct lapic *l);

/*
 * Highest pending vector that priority lets through, or -1. Cheap: called
 * before entries that REQ_EVENT asked for. [t]
 */
int lapic_pending_vector(struct lapic *l);
/* The vector was injected: IRR -> ISR, PPR. [t] */
void lapic_ack(struct lapic *l, u8 vector);
/* Anything in IRR at all (for vcpu_runnable())? [a] */
bool lapic_has_interrupt(struct lapic *l);
/* Does LVT0 pass the 8259's INTR through (ExtINT, or APIC disabled)? */
bool lapic_accepts_extint(struct lapic *l);

/* Memory-mapped registers: offset in the page, size 1..8 as the guest did it. [t] */
bool lapic_covers(struct lapic *l, u64 gpa);	/* enabled, xAPIC mode, in range */
void lapic_mmio_read(struct lapic *l, u32 offset, void *data, unsigned size);
void lapic_mmio_write(struct lapic *l, u32 offset, const void *data, unsigned size);
/* x2APIC MSRs 0x800..0x8ff, 0 or ERR_INVAL (= #GP). [t] */
int lapic_msr_read(struct lapic *l, u32 msr, u64 *val);
int lapic_msr_write(struct lapic *l, u32 msr, u64 val);
/* IA32_APIC_BASE was validated against CPUID by the caller except for mode
 * changes that the SDM forbids: 0 or ERR_INVAL. v->apic_base is set here. [t] */
int lapic_set_base(struct lapic *l, u64 base, bool host);
/* IA32_TSC_DEADLINE, in guest TSC units. [t] */
u64 lapic_get_deadline(struct lapic *l);
void lapic_set_deadline(struct lapic *l, u64 guest_tsc);
/* v->tsc_offset was changed: an armed deadline moves with it. [t] */
void lapic_tsc_changed(struct lapic *l);
/* CR8 = TPR[7:4]. [t] */
u64 lapic_get_cr8(struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 cr8);
/* TPR in the page may have been changed by hardware: PPR again, nothing else. [t] */
void lapic_update_ppr(struct lapic *l);
/* TPR in the page was changed by hardware (TPR shadow): recompute. [t] */
void lapic_tpr_changed(struct lapic *l);
/*
 * For set_tpr_threshold: priority class of the highest pending vector that only
 * TPR holds back, 0 if there is none. [t]
 */
unsigned lapic_tpr_threshold(struct lapic *l);

/* REQ_TIMER was seen: make the expired timer an interrupt. [t] */
void lapic_timer_expired(struct lapic *l);
/* REQ_SIPI was seen: its vector. [t] */
u8 lapic_sipi_vector(struct lapic *l);

/* Registers as KVM_GET_LAPIC / SET_LAPIC lay them out (1 KiB). [t] */
void lapic_get_state(struct lapic *l, void *regs);
int lapic_set_state(struct lapic *l, const void *regs);

/*
 * Split irqchip: the level-triggered vector whose EOI user space's I/O APIC waits
 * for (UEXIT_IOAPIC_EOI), or -1; asking clears it. To be asked after register
 * writes that can be an EOI (MMIO offset 0xb0, MSR 0x80b). [t]
 */
int lapic_take_user_eoi(struct lapic *l);

/* An interrupt message, as on the system bus or from an MSI. */
struct irq_msg {
	u32 dest;
	u8 vector;
	u8 delivery;	/* 0 fixed 1 lowest 2 SMI 4 NMI 5 INIT 6 SIPI 7 ExtINT */
	bool logical, level, x2apic;
	u8 shorthand;	/* 0 none 1 self 2 all 3 all but self */
};
/* Number of vCPUs that took it; 0: coalesced; -1: nobody there. */
int irq_deliver(struct vm *vm, struct vcpu *source, const struct irq_msg *msg);
/* MSI address and data (KVM_SIGNAL_MSI, routes). */
int irq_msi(struct vm *vm, u64 address, u32 data);

/* -- I/O APIC, 8259s, 8254, routing -------------------------------------------- */

/*
 * Sleep. With vm->split_irqchip set before, irqchip_create() makes only an empty
 * routing table (for MSI routes): no chips, ports, MMIO. pit_create() uses
 * vm->irqchip: ERR_NXIO if there is none, ERR_EXIST if it has a PIT.
 */
int irqchip_create(struct vm *vm, struct irqchip **out);
int pit_create(struct vm *vm);
/*
 * Are ticks that the guest was too slow for made up for (the default)? At most
 * 1000 are remembered. ERR_NXIO without a PIT.
 */
int pit_set_reinject(struct irqchip *c, bool on);
/* The PIT too. NULL is fine. No vCPU of the VM runs any more. */
void irqchip_destroy(struct irqchip *c);

/*
 * Sets the level of a GSI's line as seen from source (0 = user space); the line
 * is the OR of its sources. KVM_IRQ_LINE_STATUS's answer: >0 delivered, 0
 * coalesced, <0 masked.
 */
int irq_set_gsi(struct vm *vm, u32 gsi, unsigned source, bool level);

/* KVM_SET_GSI_ROUTING. Sleeps. */
struct irq_route {
	u32 gsi;
	bool is_msi;
	u8 chip;		/* 0 PIC master, 1 PIC slave, 2 IOAPIC */
	u8 pin;
	u64 msi_address;
	u32 msi_data;
};
int irq_set_routes(struct vm *vm, const struct irq_route *routes, unsigned n);

/* The 8259s' INTR for this vCPU: pending? acknowledge: the vector. [t] */
bool pic_pending(struct irqchip *c);
int pic_ack(struct irqchip *c);

/* A LAPIC's EOI of a level-triggered vector. */
void ioapic_eoi(struct irqchip *c, u8 vector);

/*
 * Ports (20 21 a0 a1 4d0 4d1, 40-43 61 with a PIT) and the I/O APIC's page at
 * 0xfec00000: false if the address is not theirs. [t]
 */
bool irqchip_pio(struct irqchip *c, u16 port, u8 size, bool in, u32 *val);
/* Could it be one of these ports? So that others needn't ask. */
static inline bool irqchip_port(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~3) == 0x40 || port == 0x61 ||
	       (port & ~1) == 0x4d0;
}
/* What a byte read from port gives if reading changes nothing, else -1. Cheap. */
int irqchip_peek(struct irqchip *c, u16 port);
bool irqchip_mmio(struct irqchip *c, u64 gpa, void *data, unsigned size, bool write);

/*
 * State in the layouts of struct kvm_irqchip's chip union (chip as in routes) and
 * struct kvm_pit_state2; n is the space there is. ERR_INVAL, ERR_NXIO.
 */
int irqchip_get_state(struct irqchip *c, unsigned chip, void *state, size_t n);
int irqchip_set_state(struct irqchip *c, unsigned chip, const void *state, size_t n);
int pit_get_state(struct irqchip *c, void *state, size_t n);
int pit_set_state(struct irqchip *c, const void *state, size_t n);

#endif
