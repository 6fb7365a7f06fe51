/* SPDX-License-Identifier: MIT */
/*
 * Saved state of the interrupt controllers as user space passes it: the layouts
 * of the uapi header linux/kvm.h, which freestanding code can't include. Only
 * byte layouts are defined here; what is read from them is never trusted.
 */
#ifndef VELLUM_ENGINE_IRQ_ABI_H
#define VELLUM_ENGINE_IRQ_ABI_H

#include "../types.h"

/* KVM_GET_LAPIC: the first 1 KiB of the register page. */
#define ABI_LAPIC_SIZE	0x400

/* struct kvm_pic_state, one 8259. */
struct abi_pic {
	u8 last_irr;		/* input lines */
	u8 irr, imr, isr;
	u8 priority_add;	/* the IR with the highest priority */
	u8 irq_base;
	u8 read_reg_select;	/* 1: reads give ISR */
	u8 poll;
	u8 special_mask;
	u8 init_state;		/* 0: ready, 1..3: ICW2..ICW4 is awaited */
	u8 auto_eoi;
	u8 rotate_on_auto_eoi;
	u8 special_fully_nested_mode;
	u8 init4;		/* ICW4 will come */
	u8 elcr, elcr_mask;
};
_Static_assert(sizeof(struct abi_pic) == 16, "ABI");
_Static_assert(offsetof(struct abi_pic, elcr_mask) == 15, "ABI");

/* struct kvm_ioapic_state */
#define ABI_IOAPIC_PINS	24
struct abi_ioapic {
	u64 base_address;
	u32 ioregsel;
	u32 id;
	u32 irr;		/* input lines */
	u32 pad;
	u64 redirtbl[ABI_IOAPIC_PINS];
};
_Static_assert(sizeof(struct abi_ioapic) == 216, "ABI");
_Static_assert(offsetof(struct abi_ioapic, redirtbl) == 24, "ABI");

/* struct kvm_pit_channel_state */
struct abi_pit_channel {
	u32 count;		/* 1..65536 */
	u16 latched_count;
	u8 count_latched;	/* access mode under which it was latched, 0: not */
	u8 status_latched;
	u8 status;
	u8 read_state;		/* 1 LSB, 2 MSB, 3 LSB of two, 4 MSB of two */
	u8 write_state;
	u8 write_latch;
	u8 rw_mode;		/* 1 LSB, 2 MSB, 3 both */
	u8 mode;
	u8 bcd;
	u8 gate;
	s64 count_load_time;	/* host_time_ns() */
};
_Static_assert(sizeof(struct abi_pit_channel) == 24, "ABI");
_Static_assert(offsetof(struct abi_pit_channel, count_load_time) == 16, "ABI");

/* struct kvm_pit_state2 */
#define ABI_PIT_HPET_LEGACY	BIT(0)
#define ABI_PIT_SPEAKER_DATA	BIT(1)
struct abi_pit {
	struct abi_pit_channel channels[3];
	u32 flags;
	u32 reserved[9];
};
_Static_assert(sizeof(struct abi_pit) == 112, "ABI");
_Static_assert(offsetof(struct abi_pit, flags) == 72, "ABI");

#endif
