/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "uart.h"

/* Registers, by offset. */
enum {
	UART_RBR_THR = 0,	/* DLL with LCR.DLAB */
	UART_IER = 1,		/* DLM with LCR.DLAB */
	UART_IIR_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define IER_RDA		0x01u
#define IER_THRE	0x02u
#define IER_RLS		0x04u
#define IER_MS		0x08u
#define IER_MASK	0x0fu

#define IIR_NONE	0x01u
#define IIR_MS		0x00u
#define IIR_THRE	0x02u
#define IIR_RDA		0x04u
#define IIR_RLS		0x06u
#define IIR_TIMEOUT	0x0cu
#define IIR_FIFO	0xc0u

#define FCR_ENABLE	0x01u
#define FCR_RX_RESET	0x02u
#define FCR_TRIGGER_SHIFT 6

#define LCR_DLAB	0x80u

#define MCR_DTR		0x01u
#define MCR_RTS		0x02u
#define MCR_OUT1	0x04u
#define MCR_OUT2	0x08u
#define MCR_LOOP	0x10u
#define MCR_MASK	0x1fu

#define LSR_DR		0x01u
#define LSR_OE		0x02u
#define LSR_THRE	0x20u
#define LSR_TEMT	0x40u

#define MSR_DELTA_MASK	0x0fu
#define MSR_TERI	0x04u
#define MSR_CTS		0x10u
#define MSR_DSR		0x20u
#define MSR_RI		0x40u
#define MSR_DCD		0x80u

static bool fifo_on(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned int rx_room(const struct uart *u)
{
	return (fifo_on(u) ? UART_FIFO_SIZE : 1) - u->rx_count;
}

static void rx_push(struct uart *u, uint8_t c)
{
	u->rx[(u->rx_head + u->rx_count++) % UART_FIFO_SIZE] = c;
}

/* The four status lines: from the far end, which is always ready, or looped. */
static uint8_t msr_lines(const struct uart *u)
{
	uint8_t s = 0;

	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (u->mcr & MCR_DTR)
		s |= MSR_DSR;
	if (u->mcr & MCR_RTS)
		s |= MSR_CTS;
	if (u->mcr & MCR_OUT1)
		s |= MSR_RI;
	if (u->mcr & MCR_OUT2)
		s |= MSR_DCD;
	return s;
}

/* The pending interrupt of highest priority, as IIR names it. */
static uint8_t iir(const struct uart *u)
{
	static const uint8_t trigger[] = { 1, 4, 8, 14 };
	unsigned int level = fifo_on(u) ?
		trigger[u->fcr >> FCR_TRIGGER_SHIFT] : 1;

	if ((u->ier & IER_RLS) && u->errors)
		return IIR_RLS;
	if ((u->ier & IER_RDA) && u->rx_count)
		/*
		 * Below the trigger level the interrupt comes as the time-out
		 * of a line gone quiet; no time passes on this line.
		 */
		return u->rx_count >= level ? IIR_RDA : IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MS) && u->msr_delta)
		return IIR_MS;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	/* Loopback takes the OUT2 pin to its inactive state. */
	bool gate = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&u->irq, gate && iir(u) != IIR_NONE);
}

static void rx_fill(struct uart *u)
{
	uint8_t buf[UART_FIFO_SIZE];
	size_t i, n;

	if ((u->mcr & MCR_LOOP) || (u->hold_unless_rda && !(u->ier & IER_RDA)) ||
	    !rx_room(u) || !u->backend.take)
		return;
	n = u->backend.take(u->backend.opaque, buf, rx_room(u));
	for (i = 0; i < n; i++)
		rx_push(u, buf[i]);
}

/* What a reset of the FIFO would lose goes back to where it came from. */
static void rx_clear(struct uart *u)
{
	uint8_t buf[UART_FIFO_SIZE];
	unsigned int i;

	for (i = 0; i < u->rx_count; i++)
		buf[i] = u->rx[(u->rx_head + i) % UART_FIFO_SIZE];
	if (i && !(u->mcr & MCR_LOOP) && u->backend.untake)
		u->backend.untake(u->backend.opaque, buf, i);
	u->rx_head = u->rx_count = 0;
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t c;

	if (!u->rx_count)
		return 0;
	c = u->rx[u->rx_head];
	u->rx_head = (u->rx_head + 1) % UART_FIFO_SIZE;
	u->rx_count--;
	/* Refill in bursts: as long as there is something, don't go and ask. */
	if (!u->rx_count)
		rx_fill(u);
	return c;
}

static void write_thr(struct uart *u, uint8_t c)
{
	if (u->mcr & MCR_LOOP) {
		if (rx_room(u))
			rx_push(u, c);
		else
			u->errors |= LSR_OE;
	} else if (u->backend.send) {
		u->backend.send(u->backend.opaque, &c, 1);
	}
	/*
	 * Gone already.  Writing takes the interrupt back until then: those who
	 * answer it so, without reading IIR, wait for the next edge.  A FIFO is
	 * filled in one go, with one edge at the end.
	 */
	if (u->thre_pending && !fifo_on(u)) {
		u->thre_pending = false;
		update_irq(u);
	}
	u->thre_pending = true;
}

static void write_ier(struct uart *u, uint8_t v)
{
	uint8_t rising = v & ~u->ier;

	u->ier = v & IER_MASK;
	if (rising & IER_THRE)
		u->thre_pending = true;
	if (u->hold_unless_rda && !(u->ier & IER_RDA))
		rx_clear(u);
	rx_fill(u);
	/* Drivers write IER at the end of each burst of output. */
	if (u->backend.flush)
		u->backend.flush(u->backend.opaque);
}

static void write_fcr(struct uart *u, uint8_t v)
{
	if ((v ^ u->fcr) & FCR_ENABLE)
		v |= FCR_RX_RESET;
	if (v & FCR_RX_RESET)
		rx_clear(u);
	u->fcr = v & FCR_ENABLE ? v & (FCR_ENABLE | 3u << FCR_TRIGGER_SHIFT) : 0;
	rx_fill(u);
}

static void write_mcr(struct uart *u, uint8_t v)
{
	uint8_t before = msr_lines(u), after, changed;
	bool was_loop = u->mcr & MCR_LOOP;

	if (was_loop != !!(v & MCR_LOOP)) {
		rx_clear(u);	/* decided by the mode that filled it */
	}
	u->mcr = v & MCR_MASK;
	after = msr_lines(u);
	changed = before ^ after;
	u->msr_delta |= (changed >> 4) & MSR_DELTA_MASK & ~MSR_TERI;
	/* TERI marks the trailing edge of RI only. */
	if (before & ~after & MSR_RI)
		u->msr_delta |= MSR_TERI;
	rx_fill(u);
}

static uint8_t read_register(struct uart *u, uint64_t offset)
{
	uint8_t v;

	switch (offset) {
	case UART_RBR_THR:
		return u->lcr & LCR_DLAB ? u->dll : read_rbr(u);
	case UART_IER:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case UART_IIR_FCR:
		v = iir(u);
		if (v == IIR_THRE)
			u->thre_pending = false;
		return v | (fifo_on(u) ? IIR_FIFO : 0);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		v = LSR_THRE | LSR_TEMT | u->errors | (u->rx_count ? LSR_DR : 0);
		u->errors = 0;
		return v;
	case UART_MSR:
		v = msr_lines(u) | u->msr_delta;
		u->msr_delta = 0;
		return v;
	default:
		return u->scr;
	}
}

static uint64_t uart_read(void *dev, uint64_t offset, unsigned int size)
{
	struct uart *u = dev;
	uint8_t v;

	(void)size;		/* byte-wide: the bus splits wider accesses */
	v = read_register(u, offset);
	update_irq(u);
	return v;
}

static void uart_write(void *dev, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	struct uart *u = dev;
	uint8_t v = (uint8_t)value;

	(void)size;
	switch (offset) {
	case UART_RBR_THR:
		if (u->lcr & LCR_DLAB)
			u->dll = v;
		else
			write_thr(u, v);
		break;
	case UART_IER:
		if (u->lcr & LCR_DLAB)
			u->dlm = v;
		else
			write_ier(u, v);
		break;
	case UART_IIR_FCR:
		write_fcr(u, v);
		break;
	case UART_LCR:
		u->lcr = v;
		break;
	case UART_MCR:
		write_mcr(u, v);
		break;
	case UART_SCR:
		u->scr = v;
		break;
	default:
		break;		/* LSR and MSR: read-only */
	}
	update_irq(u);
}

const struct bus_ops uart_ops = { .read = uart_read, .write = uart_write };

void uart_reset(struct uart *u)
{
	u->mcr &= (uint8_t)~MCR_LOOP;
	rx_clear(u);
	u->ier = u->lcr = u->mcr = u->fcr = u->scr = 0;
	u->dll = 12;		/* 9600 baud from 1.8432 MHz */
	u->dlm = 0;
	u->msr_delta = 0;
	u->errors = 0;
	u->thre_pending = false;
	update_irq(u);
}

void uart_kick(struct uart *u)
{
	rx_fill(u);
	update_irq(u);
}
