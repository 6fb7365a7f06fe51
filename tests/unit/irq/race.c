/* SPDX-License-Identifier: MIT */
/*
 * Delivery from other threads while the owner acknowledges and ends interrupts: no
 * request is lost, none comes twice. (The summary of IRR is what could fail.)
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost),
	};

	return RUN(tests);
}
