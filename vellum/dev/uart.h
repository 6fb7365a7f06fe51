/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART.  Register model of the National Semiconductor PC16550D data
 * sheet: both FIFOs, all interrupt sources with their priorities, loopback,
 * modem status with delta bits.  A character leaves at once, so the
 * transmitter is always empty; the baud rate is stored and has no effect.
 *
 * As wired in a PC, MCR.OUT2 gates the interrupt line.
 */
#ifndef VELLUM_DEV_UART_H
#define VELLUM_DEV_UART_H

#include <stddef.h>
#include <stdint.h>

#include "../bus.h"
#include "irq.h"

#define UART_FIFO_SIZE	16
#define UART_PORTS	8

struct uart;

/* The far end of the cable. */
struct uart_backend {
	/* Up to @n characters to receive; how many there were. */
	size_t (*take)(void *opaque, uint8_t *buf, size_t n);
	/* Hands back characters that the guest never saw, oldest first. */
	void (*untake)(void *opaque, const uint8_t *buf, size_t n);
	void (*send)(void *opaque, const uint8_t *buf, size_t n);
	/* A burst is over: pass on what was collected. */
	void (*flush)(void *opaque);
	void *opaque;
};

struct uart {
	struct uart_backend backend;
	struct irq_line irq;

	/*
	 * Linux reads the receiver empty whenever it opens or closes the port.
	 * With this set, characters are only there while the received-data
	 * interrupt is enabled, so it finds none to throw away.
	 */
	bool hold_unless_rda;

	uint8_t ier, lcr, mcr, fcr, scr, dll, dlm;
	uint8_t msr_delta;
	uint8_t errors;		/* OE, kept until LSR is read */
	bool thre_pending;	/* THRE interrupt latched */
	uint8_t rx[UART_FIFO_SIZE];
	unsigned int rx_head, rx_count;
};

extern const struct bus_ops uart_ops;

/* Fields backend, irq and hold_unless_rda are the caller's; resets the rest. */
void uart_reset(struct uart *u);

/* The far end has something: takes what there is room for. */
void uart_kick(struct uart *u);

#endif
