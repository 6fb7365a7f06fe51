/* SPDX-License-Identifier: MIT */
#include <sys/eventfd.h>
#include <unistd.h>

#include "test.h"
#include "vellum/evloop.h"

DEFINE_REPORT

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct evloop loop;
static char order[8];
static unsigned int n_order;

static void note(void *opaque)
{
	order[n_order++] = *(const char *)opaque;
	if (*(const char *)opaque == 'z')
		ev_stop(&loop);
}

static void test_timers_fire_in_order(void **state)
{
	struct ev_timer a, b, c, z;
	uint64_t now = ev_now();
	struct vmm_error e;

	(void)state;
	n_order = 0;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	ev_timer_init(&loop, &a, note, "a");
	ev_timer_init(&loop, &b, note, "b");
	ev_timer_init(&loop, &c, note, "c");
	ev_timer_init(&loop, &z, note, "z");
	ev_timer_set(&z, now + 30000000);
	ev_timer_set(&b, now + 10000000);
	ev_timer_set(&a, now + 20000000);
	ev_timer_set(&c, now + 15000000);
	ev_timer_set(&c, EV_NEVER);
	ev_run(&loop);
	assert_in_range(ev_now() - now, 30000000, 5000000000ull);
	assert_int_equal(n_order, 3);
	assert_memory_equal(order, "baz", 3);
	ev_timer_fini(&a);
	ev_timer_fini(&b);
	ev_timer_fini(&c);
	ev_timer_fini(&z);
	assert_int_equal(loop.n_timers, 0);
	ev_fini(&loop);
}

static struct ev_fd first, second;

static void switch_other_off(void *opaque)
{
	note(opaque);
	ev_fd_enable(&loop, &first, false);
	ev_fd_enable(&loop, &second, false);
	ev_stop(&loop);
}

/* Both are ready at once; the first callback takes the second away. */
static void test_disabled_source_is_not_called(void **state)
{
	struct vmm_error e;

	(void)state;
	n_order = 0;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	first = (struct ev_fd){ eventfd(1, 0), switch_other_off, "1", false };
	second = (struct ev_fd){ eventfd(1, 0), switch_other_off, "2", false };
	assert_int_equal(ev_fd_add(&loop, &first), 0);
	assert_int_equal(ev_fd_add(&loop, &second), 0);
	ev_run(&loop);
	assert_int_equal(n_order, 1);
	close(first.fd);
	close(second.fd);
	ev_fini(&loop);
}

static void test_too_many_timers(void **state)
{
	struct ev_timer t[EV_TIMERS_MAX + 1];
	struct vmm_error e;
	unsigned int i;

	(void)state;
	assert_int_equal(ev_init(&loop, &lock, &e), 0);
	for (i = 0; i < EV_TIMERS_MAX; i++)
		assert_int_equal(ev_timer_init(&loop, &t[i], note, "x"), 0);
	assert_true(ev_timer_init(&loop, &t[i], note, "x") < 0);
	ev_timer_fini(&t[i]);		/* harmless */
	ev_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_disabled_source_is_not_called),
		cmocka_unit_test(test_too_many_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
