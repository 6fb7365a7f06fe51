/* SPDX-License-Identifier: MIT */
#include "i8042.h"

#define STATUS_OBF	0x01u
#define STATUS_SYSTEM	0x04u	/* a copy of the command byte's */
#define STATUS_COMMAND	0x08u	/* last write was a command */
#define STATUS_UNLOCKED	0x10u

#define CMD_READ_BYTE	0x20u
#define CMD_WRITE_BYTE	0x60u
#define CMD_AUX_DISABLE	0xa7u
#define CMD_AUX_ENABLE	0xa8u
#define CMD_AUX_TEST	0xa9u
#define CMD_SELF_TEST	0xaau
#define CMD_KBD_TEST	0xabu
#define CMD_KBD_DISABLE	0xadu
#define CMD_KBD_ENABLE	0xaeu
#define CMD_WRITE_KBD	0xd2u	/* as if the keyboard had sent it */
#define CMD_READ_IN	0xc0u
#define CMD_READ_OUT	0xd0u
#define CMD_WRITE_AUX_OUT 0xd3u	/* as if the mouse had sent it */
#define CMD_WRITE_AUX	0xd4u
#define CMD_A20_OFF	0xddu
#define CMD_A20_ON	0xdfu
#define CMD_WRITE_OUT	0xd1u
#define CMD_PULSE	0xf0u	/* low nibble: lines that stay high */

#define SELF_TEST_OK	0x55u
#define PORT_TEST_DEAD	0x01u	/* "clock line stuck low": nothing there */

#define PORT_TEST_OK	0x00u

#define CTR_KBD_IRQ	0x01u
#define CTR_TRANSLATE	0x40u
#define CTR_KBD_DISABLE	0x10u
#define CTR_AUX_DISABLE	0x20u
#define CTR_SYSTEM	0x04u

/* Input port: keyboard not locked, no jumper set, as on an AT with colour. */
#define IN_AT		0xb0u

#define OUT_NOT_RESET	0x01u
#define OUT_A20		0x02u

#define PORT92_RESET	0x01u
#define PORT92_A20	0x02u

#define CF9_RESET	0x04u

static void update_irq(struct i8042 *k)
{
	irq_set(&k->irq, k->out_full && k->command_byte & CTR_KBD_IRQ);
}

static void answer(struct i8042 *k, uint8_t v)
{
	k->out = v;
	k->out_full = true;
	update_irq(k);
}

/* Moves what the keyboard has into the output buffer, a byte at a time. */
void i8042_kick(struct i8042 *k)
{
	uint8_t v;

	if (k->keyboard && !k->out_full &&
	    !(k->command_byte & CTR_KBD_DISABLE) &&
	    keyboard_take(k->keyboard, k->command_byte & CTR_TRANSLATE, &v))
		answer(k, v);
	update_irq(k);
}

static void set_output_port(struct i8042 *k, uint8_t v)
{
	k->output_port = v;
	if (!(v & OUT_NOT_RESET))
		k->reset(k->opaque);
}

static uint64_t data_read(void *dev, uint64_t offset, unsigned int size)
{
	struct i8042 *k = dev;
	uint8_t v = k->out;

	(void)offset, (void)size;
	k->out_full = false;
	update_irq(k);		/* an edge for each byte */
	i8042_kick(k);
	return v;
}

static void data_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct i8042 *k = dev;
	uint8_t pending = k->pending;

	(void)offset, (void)size;
	k->pending = 0;
	k->last_command = false;
	if (pending == CMD_WRITE_BYTE)
		k->command_byte = (uint8_t)value;
	else if (pending == CMD_WRITE_OUT)
		set_output_port(k, (uint8_t)value);
	else if (pending == CMD_WRITE_KBD)
		answer(k, (uint8_t)value);
	else if (pending)
		;	/* for a mouse that is not there, or memory without use */
	else if (k->keyboard) {
		/* What is for the keyboard also starts its clock. */
		k->command_byte &= (uint8_t)~CTR_KBD_DISABLE;
		keyboard_send(k->keyboard, (uint8_t)value);
	}
	i8042_kick(k);
}

static uint64_t command_read(void *dev, uint64_t offset, unsigned int size)
{
	struct i8042 *k = dev;

	(void)offset, (void)size;
	return (k->command_byte & CTR_SYSTEM ? STATUS_SYSTEM : 0) |
	       (k->last_command ? STATUS_COMMAND : 0) | STATUS_UNLOCKED |
	       (k->out_full ? STATUS_OBF : 0);
}

static void command_write(void *dev, uint64_t offset, unsigned int size,
			  uint64_t value)
{
	struct i8042 *k = dev;
	uint8_t cmd = (uint8_t)value;

	(void)offset, (void)size;
	k->pending = 0;
	k->last_command = true;
	switch (cmd) {
	case CMD_READ_BYTE:
		answer(k, k->command_byte);
		break;
	case CMD_WRITE_BYTE:
	case CMD_WRITE_OUT:
	case CMD_WRITE_KBD:
	case CMD_WRITE_AUX_OUT:
	case CMD_WRITE_AUX:
	case CMD_WRITE_BYTE + 1 ... CMD_WRITE_BYTE + 0x1f:
		k->pending = cmd;
		break;
	case CMD_AUX_DISABLE:
		k->command_byte |= CTR_AUX_DISABLE;
		break;
	case CMD_AUX_ENABLE:
		k->command_byte &= (uint8_t)~CTR_AUX_DISABLE;
		break;
	case CMD_KBD_DISABLE:
		k->command_byte |= CTR_KBD_DISABLE;
		break;
	case CMD_KBD_ENABLE:
		k->command_byte &= (uint8_t)~CTR_KBD_DISABLE;
		i8042_kick(k);
		break;
	case CMD_SELF_TEST:
		k->command_byte |= CTR_SYSTEM;
		answer(k, SELF_TEST_OK);
		break;
	case CMD_KBD_TEST:
		answer(k, k->keyboard ? PORT_TEST_OK : PORT_TEST_DEAD);
		break;
	case CMD_AUX_TEST:
		answer(k, PORT_TEST_DEAD);
		break;
	case CMD_READ_BYTE + 1 ... CMD_READ_BYTE + 0x1f:
		answer(k, 0);
		break;
	case CMD_READ_IN:
		answer(k, IN_AT);
		break;
	case CMD_A20_OFF:
		k->output_port &= (uint8_t)~OUT_A20;
		break;
	case CMD_A20_ON:
		k->output_port |= OUT_A20;
		break;
	case CMD_READ_OUT:
		answer(k, k->output_port);
		break;
	default:
		if ((cmd & CMD_PULSE) == CMD_PULSE && !(cmd & OUT_NOT_RESET))
			k->reset(k->opaque);
		break;
	}
}

static uint64_t port92_read(void *dev, uint64_t offset, unsigned int size)
{
	struct i8042 *k = dev;

	(void)offset, (void)size;
	return k->output_port & OUT_A20 ? PORT92_A20 : 0;
}

static void port92_write(void *dev, uint64_t offset, unsigned int size,
			 uint64_t value)
{
	struct i8042 *k = dev;

	(void)offset, (void)size;
	k->output_port &= (uint8_t)~OUT_A20;
	if (value & PORT92_A20)
		k->output_port |= OUT_A20;
	if (value & PORT92_RESET)
		k->reset(k->opaque);
}

static uint64_t cf9_read(void *dev, uint64_t offset, unsigned int size)
{
	struct i8042 *k = dev;

	(void)offset, (void)size;
	return k->cf9;
}

static void cf9_write(void *dev, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct i8042 *k = dev;
	bool rising = (value & CF9_RESET) && !(k->cf9 & CF9_RESET);

	(void)offset, (void)size;
	k->cf9 = (uint8_t)value & (uint8_t)~CF9_RESET;
	if (rising)
		k->reset(k->opaque);
}

const struct bus_ops i8042_data_ops = { .read = data_read, .write = data_write };
const struct bus_ops i8042_command_ops = { .read = command_read, .write = command_write };
const struct bus_ops port92_ops = { .read = port92_read, .write = port92_write };
const struct bus_ops reset_control_ops = { .read = cf9_read, .write = cf9_write };

void i8042_reset(struct i8042 *k)
{
	k->command_byte = CTR_SYSTEM | CTR_KBD_DISABLE | CTR_AUX_DISABLE;
	k->output_port = OUT_NOT_RESET | OUT_A20;
	k->pending = 0;
	k->last_command = true;
	k->out = 0;
	k->out_full = false;
	k->cf9 = 0;
	if (k->keyboard)
		keyboard_reset(k->keyboard);
	update_irq(k);
}

void i8042_setup(struct i8042 *k)
{
	k->command_byte = CTR_SYSTEM | CTR_AUX_DISABLE | CTR_TRANSLATE |
			  CTR_KBD_IRQ;
	i8042_kick(k);
}
