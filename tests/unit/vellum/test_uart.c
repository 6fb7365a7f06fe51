/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "vellum/dev/uart.h"

DEFINE_REPORT

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR };

/* A far end that holds characters, and counts what happens. */
struct rig {
	struct uart u;
	uint8_t in[256];
	unsigned int in_at, in_end;
	uint8_t out[256];
	unsigned int n_out, flushes, edges;
	bool level;
};

static size_t take(void *opaque, uint8_t *buf, size_t n)
{
	struct rig *r = opaque;
	size_t i;

	for (i = 0; i < n && r->in_at < r->in_end; i++)
		buf[i] = r->in[r->in_at++];
	return i;
}

static void untake(void *opaque, const uint8_t *buf, size_t n)
{
	struct rig *r = opaque;

	assert_true(n <= r->in_at);
	while (n)
		r->in[--r->in_at] = buf[--n];
}

static void out(void *opaque, const uint8_t *buf, size_t n)
{
	struct rig *r = opaque;

	while (n--)
		r->out[r->n_out++] = *buf++;
}

static void flush(void *opaque)
{
	((struct rig *)opaque)->flushes++;
}

static void set_irq(void *opaque, unsigned int number, bool level)
{
	struct rig *r = opaque;

	assert_int_equal(number, 4);
	assert_int_not_equal(r->level, level);	/* changes only */
	r->level = level;
	r->edges += level;
}

static struct rig *new_rig(bool hold)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->u.backend = (struct uart_backend){
		.take = take, .untake = untake, .send = out, .flush = flush,
		.opaque = r,
	};
	r->u.irq = (struct irq_line){ .set = set_irq, .opaque = r, .number = 4 };
	r->u.hold_unless_rda = hold;
	uart_reset(&r->u);
	return r;
}

static uint8_t rd(struct rig *r, unsigned int reg)
{
	return (uint8_t)uart_ops.read(&r->u, reg, 1);
}

static void wr(struct rig *r, unsigned int reg, uint8_t v)
{
	uart_ops.write(&r->u, reg, 1, v);
}

static void arrive(struct rig *r, const char *s)
{
	size_t n = strlen(s);

	memcpy(r->in + r->in_end, s, n);
	r->in_end += (unsigned int)n;
	uart_kick(&r->u);
}

static void test_power_on_state(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	assert_int_equal(rd(r, IER), 0);
	assert_int_equal(rd(r, IIR), 0x01);
	assert_int_equal(rd(r, LSR), 0x60);
	assert_int_equal(rd(r, MSR), 0xb0);
	wr(r, SCR, 0xa5);
	assert_int_equal(rd(r, SCR), 0xa5);
	free(r);
}

/* Without a FIFO each character sent is an edge, even if nobody reads IIR. */
static void test_interrupts_answered_by_the_next_character(void **state)
{
	struct rig *r = new_rig(false);
	unsigned int i;

	(void)state;
	wr(r, MCR, 0x0b);
	wr(r, IER, 0x02);
	for (i = 1; i < 5; i++) {
		assert_true(r->level);
		assert_int_equal(r->edges, i);
		wr(r, THR, 'x');
	}
	wr(r, FCR, 0x01);
	i = r->edges;
	wr(r, THR, 'x');
	wr(r, THR, 'x');
	assert_int_equal(r->edges, i);	/* one burst */
	free(r);
}

static void test_dlab_hides_data_and_ier(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, LCR, 0x83);
	wr(r, 0, 0x01);
	wr(r, 1, 0x02);
	assert_int_equal(rd(r, 0), 0x01);
	assert_int_equal(rd(r, 1), 0x02);
	wr(r, LCR, 0x03);
	assert_int_equal(rd(r, IER), 0);
	assert_int_equal(r->n_out, 0);
	free(r);
}

static void test_transmit_interrupt(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, MCR, 0x08);
	wr(r, IER, 0x02);		/* empty already: pending at once */
	assert_true(r->level);
	assert_int_equal(rd(r, IIR), 0x02);
	assert_false(r->level);		/* reading IIR took it back */
	assert_int_equal(rd(r, IIR), 0x01);
	wr(r, THR, 'x');
	assert_true(r->level);
	assert_int_equal(r->out[0], 'x');
	wr(r, IER, 0);
	assert_false(r->level);
	assert_true(r->flushes > 0);
	free(r);
}

static void test_receive_and_trigger_levels(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, MCR, 0x08);
	wr(r, FCR, 0x81);		/* FIFOs, trigger at 8 */
	wr(r, IER, 0x01);
	arrive(r, "abc");
	assert_true(r->level);
	assert_int_equal(rd(r, IIR), 0xcc);	/* below: time-out */
	arrive(r, "defgh");
	assert_int_equal(rd(r, IIR), 0xc4);
	assert_int_equal(rd(r, LSR) & 1, 1);
	assert_int_equal(rd(r, RBR), 'a');
	while (rd(r, LSR) & 1)
		rd(r, RBR);
	assert_false(r->level);
	free(r);
}

static void test_fifo_takes_16_and_no_more(void **state)
{
	struct rig *r = new_rig(false);
	unsigned int i;

	(void)state;
	wr(r, FCR, 0x01);
	arrive(r, "0123456789abcdefghij");
	assert_int_equal(r->in_at, 16);
	for (i = 0; i < 20; i++)
		assert_int_equal(rd(r, RBR), "0123456789abcdefghij"[i]);
	assert_int_equal(rd(r, LSR) & 1, 0);
	free(r);
}

static void test_priorities(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, FCR, 0x01);
	wr(r, MCR, 0x10);		/* loop: errors and modem changes */
	wr(r, IER, 0x0f);
	wr(r, MCR, 0x1f);		/* four lines change */
	{
		unsigned int i;

		for (i = 0; i < 17; i++)	/* one too many */
			wr(r, THR, 'q');
	}
	assert_int_equal(rd(r, IIR), 0xc6);
	assert_int_equal(rd(r, LSR) & 2, 2);	/* reading takes it away */
	assert_int_equal(rd(r, IIR), 0xc4);
	while (rd(r, LSR) & 1)
		rd(r, RBR);
	assert_int_equal(rd(r, IIR), 0xc2);
	assert_int_equal(rd(r, IIR), 0xc0);
	assert_int_equal(rd(r, MSR) & 0x0f, 0x0b & ~0);
	assert_int_equal(rd(r, IIR), 0xc1);
	assert_false(r->level);		/* loop mode: the line is cut */
	free(r);
}

static void test_loopback_carries_data_and_lines(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, MCR, 0x1a);		/* loop, RTS, OUT2 */
	assert_int_equal(rd(r, MSR) & 0xf0, 0x90);	/* CTS, DCD */
	wr(r, THR, 'Z');
	assert_int_equal(r->n_out, 0);
	assert_int_equal(rd(r, RBR), 'Z');
	wr(r, MCR, 0x14);
	rd(r, MSR);
	wr(r, MCR, 0x10);		/* RI falls: trailing edge */
	assert_int_equal(rd(r, MSR), 0x04);
	free(r);
}

static void test_out2_gates_the_line(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, IER, 0x02);
	assert_int_equal(rd(r, IIR), 0x02);
	assert_int_equal(r->edges, 0);
	wr(r, THR, 'a');
	wr(r, MCR, 0x08);
	assert_true(r->level);
	wr(r, MCR, 0);
	assert_false(r->level);
	free(r);
}

static void test_held_input_waits_for_interrupt_enable(void **state)
{
	struct rig *r = new_rig(true);

	(void)state;
	wr(r, FCR, 0x01);
	arrive(r, "hello");
	assert_int_equal(rd(r, LSR) & 1, 0);
	assert_int_equal(rd(r, RBR), 0);	/* as drivers do at start-up */
	wr(r, IER, 0x01);
	assert_int_equal(rd(r, RBR), 'h');
	/* the driver closes and opens the port: nothing may get lost */
	wr(r, IER, 0x00);
	rd(r, RBR);
	wr(r, FCR, 0x07);
	rd(r, RBR);
	wr(r, IER, 0x01);
	assert_int_equal(rd(r, RBR), 'e');
	free(r);
}

static void test_fifo_reset_hands_back(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, FCR, 0x01);
	arrive(r, "abcdef");
	assert_int_equal(rd(r, RBR), 'a');
	wr(r, FCR, 0x00);		/* off: one character at a time now */
	assert_int_equal(rd(r, RBR), 'b');
	assert_int_equal(rd(r, RBR), 'c');
	uart_reset(&r->u);
	uart_kick(&r->u);
	assert_int_equal(rd(r, RBR), 'd');
	free(r);
}

static void test_loop_contents_never_leave(void **state)
{
	struct rig *r = new_rig(false);

	(void)state;
	wr(r, FCR, 0x01);
	wr(r, MCR, 0x10);
	wr(r, THR, 'L');
	wr(r, MCR, 0x00);		/* not handed back as typed input */
	assert_int_equal(rd(r, LSR) & 1, 0);
	assert_int_equal(r->in_at, 0);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_on_state),
		cmocka_unit_test(test_interrupts_answered_by_the_next_character),
		cmocka_unit_test(test_dlab_hides_data_and_ier),
		cmocka_unit_test(test_transmit_interrupt),
		cmocka_unit_test(test_receive_and_trigger_levels),
		cmocka_unit_test(test_fifo_takes_16_and_no_more),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_loopback_carries_data_and_lines),
		cmocka_unit_test(test_out2_gates_the_line),
		cmocka_unit_test(test_held_input_waits_for_interrupt_enable),
		cmocka_unit_test(test_fifo_reset_hands_back),
		cmocka_unit_test(test_loop_contents_never_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
