/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller's ports 0x60 and 0x64 with a keyboard (keyboard.h)
 * or nothing plugged in, the PC's system control port 0x92, and the chipset's
 * reset control 0xcf9: all that can reset the machine from the I/O side.  A20's
 * gate is kept as a bit; the address line is always on, as on CPUs of today.
 */
#ifndef VELLUM_DEV_I8042_H
#define VELLUM_DEV_I8042_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "irq.h"
#include "keyboard.h"

struct i8042 {
	void (*reset)(void *opaque);	/* pulls the machine's reset line */
	void *opaque;
	uint8_t command_byte;
	uint8_t output_port;
	uint8_t pending;	/* command that waits for its data byte, or 0 */
	bool last_command;	/* the last write went to the command port */
	uint8_t out;		/* output buffer */
	bool out_full;
	uint8_t cf9;
	struct keyboard *keyboard;	/* NULL = nothing plugged in */
	struct irq_line irq;		/* the keyboard's */
};

#define I8042_IRQ		1

#define I8042_DATA_PORT		0x60
#define I8042_COMMAND_PORT	0x64
#define PORT92			0x92
#define RESET_CONTROL_PORT	0xcf9
#define RESET_CONTROL_FULL	0x0e	/* full reset, the CPU included */

extern const struct bus_ops i8042_data_ops, i8042_command_ops;
extern const struct bus_ops port92_ops, reset_control_ops;

void i8042_reset(struct i8042 *k);
/* As firmware would leave it: the keyboard sends, translated, by its IRQ. */
void i8042_setup(struct i8042 *k);
/* The keyboard may have something to send. */
void i8042_kick(struct i8042 *k);

#endif
