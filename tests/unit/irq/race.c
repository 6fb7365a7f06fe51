/* SPDX-License-Identifier: MIT */
/*
 * Delivery from other threads while the owner acknowledges and ends interrupts: no
 * request is lost, none comes twice. (The summary of IRR is what could fail.)
 *
 * Threads meet in the narrow windows too rarely to be a proof. So the second test
 * single-steps the owner's functions and lets a message arrive after their first
 * instruction, then after their second, and so on.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include "fixture.h"

#define SENDERS		3
#define ROUNDS		100000

static u32 taken[256];
static bool give_up;

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Each sends its own vectors, all in the same IRR word, one after the other. */
static void *sender(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;
	u8 vector = (u8)(0x60 + n * 0x04);
	struct irq_msg msg = { .dest = 0, .vector = vector };
	u32 i, expect = 0;

	for (i = 0; i < ROUNDS; i++) {
		msg.level = i & 1;
		if (irq_deliver(&m.vm, NULL, &msg) != 1)
			return "a request was still there after it had been taken";
		expect++;
		while (LOAD(&taken[vector]) != expect) {
			if (LOAD(&give_up))
				return "a request was lost";
			sched_yield();
		}
	}
	return NULL;
}

static void test_nothing_is_lost(void **state)
{
	pthread_t threads[SENDERS];
	u64 total = 0;
	time_t end = now_s() + 60;
	unsigned i;

	(void)state;
	machine_up(1, false, false);
	for (i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sender,
						(void *)(uintptr_t)i), 0);
	while (total < (u64)SENDERS * ROUNDS && now_s() < end) {
		int vector;

		/* As the run loop: only looks when it was asked to. */
		if (!(__atomic_exchange_n(&m.vcpu[0].requests, 0, __ATOMIC_SEQ_CST) &
		      REQ_EVENT)) {
			sched_yield();
			continue;
		}
		vector = lapic_pending_vector(lapic(0));
		if (vector < 0)
			continue;
		lapic_ack(lapic(0), (u8)vector);
		total++;
		__atomic_fetch_add(&taken[vector], 1, __ATOMIC_SEQ_CST);
		send_eoi(0);	/* asks for another look if there is more */
	}
	STORE(&give_up, true);
	for (i = 0; i < SENDERS; i++) {
		void *complaint;

		pthread_join(threads[i], &complaint);
		if (complaint)
			fail_msg("sender %u: %s", i, (char *)complaint);
	}
	assert_int_equal(total, (u64)SENDERS * ROUNDS);
	machine_down();
}

/* -- One step at a time ------------------------------------------------------------ */

#define TF		0x100
#define GREG_EFLAGS	17	/* REG_EFL; its header's REG_* would clash with ours */

static volatile unsigned long steps_left, steps;
static u8 arriving;

static void on_step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct irq_msg msg = { .dest = 0, .vector = arriving };

	(void)sig;
	(void)info;
	steps++;
	if (--steps_left)
		return;
	uc->uc_mcontext.gregs[GREG_EFLAGS] &= ~TF;
	irq_deliver(&m.vm, NULL, &msg);
}

static void __attribute__((noinline)) trap_flag(bool on)
{
	if (on)
		__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp);"
				 "popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
	else
		__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp);"
				 "popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

/* What the owner does while the message arrives. */
static void do_look(struct lapic *l)
{
	lapic_pending_vector(l);
}

static void do_ack(struct lapic *l)
{
	lapic_ack(l, 0x62);
}

static void do_eoi(struct lapic *l)
{
	lapic_eoi(l);
}

static void do_tpr(struct lapic *l)
{
	lapic_set_tpr(l, 0);
}

/* 0x62 has been acknowledged or not, so that its summary bit is stale or true. */
static void prepare(bool acked, u32 tpr)
{
	struct irq_msg msg = { .dest = 0, .vector = 0x62 };

	lapic_reset(lapic(0), false);
	wr(0, APIC_SVR, SVR_ON);
	irq_deliver(&m.vm, NULL, &msg);
	if (acked)
		lapic_ack(lapic(0), 0x62);
	wr(0, APIC_TPR, tpr);
	/* As the run loop has just found it; 0x62 is known to be there. */
	m.vcpu[0].requests = 0;
}

static void check_nothing_lost(unsigned long n)
{
	struct lapic *l = lapic(0);

	if (!in_bank(0, APIC_IRR, arriving))
		fail_msg("IRR lost vector %x at step %lu", arriving, n);
	if (!(l->irr_words & 1u << arriving / 32))
		fail_msg("the summary lost vector %x at step %lu", arriving, n);
	if (!(m.vcpu[0].requests & REQ_EVENT))
		fail_msg("nobody is to look for vector %x at step %lu", arriving, n);
}

static void test_arrival_at_every_instruction(void **state)
{
	static void (*const owner[])(struct lapic *l) = {
		do_look, do_ack, do_eoi, do_tpr,
	};
	/* Same word as 0x62, below and above it, and another word. */
	static const u8 vectors[] = { 0x61, 0x7f, 0xf0, 0x20 };
	struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	unsigned f, v, acked;
	unsigned long n;

	(void)state;
	machine_up(1, false, false);
	sigaction(SIGTRAP, &sa, NULL);
	for (f = 0; f < COUNT_OF(owner); f++)
		for (v = 0; v < COUNT_OF(vectors); v++)
			for (acked = owner[f] != do_look && owner[f] != do_tpr;
			     acked < 2; acked++)
				for (n = 1;; n++) {
					bool done;

					prepare(acked && owner[f] != do_ack, 0);
					arriving = vectors[v];
					steps = 0;
					steps_left = n;
					trap_flag(true);
					owner[f](lapic(0));
					trap_flag(false);
					done = steps_left != 0;
					if (done)
						break;
					check_nothing_lost(n);
				}
	signal(SIGTRAP, SIG_DFL);
	/* The last round went through a whole function. */
	assert_true(steps > 20);
	machine_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_arrival_at_every_instruction),
	};

	return RUN(tests);
}
