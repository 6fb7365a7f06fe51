/* SPDX-License-Identifier: MIT */
/*
 * A capability is answered only when a test uses it. Here is the list of those that
 * are, each with its test; what else KVM_CHECK_EXTENSION answers is a failure. And the
 * tests of those that no other table has.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "harness.h"

#define NUMBERS		1000	/* more than there will be for a while */

static const struct {
	int cap;
	const char *test;
} listed[] = {
	{ KVM_CAP_IRQCHIP, "irq/pic-edge" },
	{ KVM_CAP_HLT, "basic/hlt-reaches-user-space-without-irqchip" },
	{ KVM_CAP_USER_MEMORY, "mem/filled-on-demand" },
	{ KVM_CAP_SYNC_MMU, "mem/madvise-dontneed" },
	{ KVM_CAP_SET_TSS_ADDR, "caps/places-for-real-mode" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "caps/places-for-real-mode" },
	{ KVM_CAP_EXT_CPUID, "basic/cpuid-as-set" },
	{ KVM_CAP_MP_STATE, "caps/halted-and-made-to-run" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "mem/slot-removed" },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, "caps/two-slots-become-one" },
	{ KVM_CAP_IRQ_ROUTING, "caps/eventfd-sends-a-message" },
	{ KVM_CAP_IRQ_INJECT_STATUS, "caps/line-tells-whether-it-was-delivered" },
	{ KVM_CAP_PIT2, "irq/pit-through-pic" },
	{ KVM_CAP_PIT_STATE2, "abi/irqchip-and-pit-round-trip" },
	{ KVM_CAP_VCPU_EVENTS, "abi/other-round-trips" },
	{ KVM_CAP_DEBUGREGS, "abi/other-round-trips" },
	{ KVM_CAP_SET_GUEST_DEBUG, "debug/each-instruction-is-one-step" },
	{ KVM_CAP_SET_GUEST_DEBUG2, "debug/refused-and-absent" },
	{ KVM_CAP_USER_NMI, "irq/nmi-blocked-until-iret" },
	{ KVM_CAP_GET_TSC_KHZ, "caps/rate-of-the-tsc" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "irq/tsc-deadline" },
	{ KVM_CAP_SIGNAL_MSI, "irq/msi" },
	{ KVM_CAP_READONLY_MEM, "mem/read-only-slot" },
	{ KVM_CAP_IMMEDIATE_EXIT, "abi/immediate-exit" },
	{ KVM_CAP_INTERNAL_ERROR_DATA, "caps/internal-error-has-data" },
	{ KVM_CAP_IRQFD, "caps/eventfd-raises-an-interrupt" },
	{ KVM_CAP_IOEVENTFD, "caps/port-writes-an-eventfd" },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "caps/port-writes-an-eventfd" },
	{ KVM_CAP_NR_VCPUS, "caps/as-many-vcpus-as-told" },
	{ KVM_CAP_MAX_VCPUS, "caps/as-many-vcpus-as-told" },
	{ KVM_CAP_MAX_VCPU_ID, "caps/as-many-vcpus-as-told" },
	{ KVM_CAP_NR_MEMSLOTS, "caps/as-many-slots-as-told" },
};

#define N_LISTED	(sizeof(listed) / sizeof(listed[0]))

static const char *test_of(int cap)
{
	unsigned i;

	for (i = 0; i < N_LISTED; i++)
		if (listed[i].cap == cap)
			return listed[i].test;
	return NULL;
}

/* Stock KVM has more, and what it has is not ours to test. */
static void test_each_is_tested(void)
{
	unsigned unlisted = 0, missing = 0;
	struct machine m = { 0 };
	int cap;

	machine_create(&m, 0);
	for (cap = 0; cap < NUMBERS; cap++) {
		int answer = DO(ctl, KVM_CHECK_EXTENSION, cap);
		const char *test = test_of(cap);

		if (is_vmm)
			CHECK_EQ(DO(m.vm, KVM_CHECK_EXTENSION, cap), answer);
		if (answer && !test && is_vmm) {
			diag("capability %d is answered (%d), but has no test in caps.c",
			     cap, answer);
			unlisted++;
		} else if (test && (!answer || !test_exists(test))) {
			diag("capability %d: %s %s", cap, test,
			     answer ? "does not exist" : "is there, but the answer is 0");
			missing++;
		}
	}
	CHECK_EQ(unlisted, 0);
	CHECK_EQ(missing, 0);
}

/* -- What no other table tests -------------------------------------------------- */

static void test_places(void)
{
	struct machine m = { 0 };
	u64 identity = 0xfeffc000;
	int vm = DO(ctl, KVM_CREATE_VM, 0);

	DO(vm, KVM_SET_TSS_ADDR, 0xfeffd000);
	DO(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	REFUSED(EFAULT, vm, KVM_SET_IDENTITY_MAP_ADDR, 8);
	close(vm);
	machine_create(&m, 0);
	machine_boot(&m, REAL, G_real_sum);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 42);
}

static void test_mp_state(void)
{
	/* And again: the first may come before the run. */
	struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_sec = 1 };
	struct itimerval never = { 0 };
	struct kvm_mp_state s;
	struct machine m = { 0 };

	machine_create(&m, IRQCHIP);
	machine_boot(&m, LONG, G_halt);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	DO(m.cpu, KVM_GET_MP_STATE, &s);
	CHECK_EQ(s.mp_state, KVM_MP_STATE_HALTED);
	s.mp_state = KVM_MP_STATE_RUNNABLE;
	DO(m.cpu, KVM_SET_MP_STATE, &s);
	run_to_end(&m);
}

static void test_slots_join(void)
{
	struct machine m = { 0 };
	size_t half;

	machine_create(&m, 0);
	half = m.ram_size / 2;
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, half, m.ram, 0);
	set_slot(m.vm, 1, half, m.ram_size - half, m.ram + half, 0);
	machine_boot(&m, LONG, G_long_sum);
	run_to_end(&m);
	set_slot(m.vm, 1, half, 0, m.ram + half, 0);
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, m.ram_size, m.ram, 0);
	poke(&m, G_RESULTS, 0);
	machine_boot(&m, LONG, G_long_sum);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 0x2345678923456789);
}

/* An edge that finds the line high already, and its interrupt pending, is not one. */
static void raise_twice(struct machine *m, unsigned n)
{
	struct kvm_irq_level l = { .irq = 10, .level = 1 };

	if (n) {
		set_line(m, 10, false);
		return;
	}
	DO(m->vm, KVM_IRQ_LINE_STATUS, &l);
	CHECK((int)l.status > 0);
	DO(m->vm, KVM_IRQ_LINE_STATUS, &l);
	CHECK((int)l.status <= 0);
}

static void test_tsc_khz(void)
{
	struct timespec a, b, wait = { .tv_nsec = 50000000 };
	u64 tsc, ns, told;
	struct machine m = { 0 };

	machine_create(&m, 0);
	told = DO(m.cpu, KVM_GET_TSC_KHZ, 0);
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	tsc = __rdtsc();
	nanosleep(&wait, NULL);
	tsc = __rdtsc() - tsc;
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	ns = (b.tv_sec - a.tv_sec) * 1000000000ull + b.tv_nsec - a.tv_nsec;
	diag("%llu kHz told, %llu ticks in %llu ns", (unsigned long long)told,
	     (unsigned long long)tsc, (unsigned long long)ns);
	CHECK(tsc * 1000000 / ns > told * 95 / 100);
	CHECK(tsc * 1000000 / ns < told * 105 / 100);
}

/* What can't be run says of itself at least something. */
static void test_internal_error(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_mmio_fetch);
	run_to(&m, KVM_EXIT_INTERNAL_ERROR);
	CHECK(m.run->internal.suberror);
	CHECK(m.run->internal.ndata <= 16);
	if (is_vmm)
		CHECK(m.run->internal.ndata);
}

/* -- Eventfds ------------------------------------------------------------------- */

static int event;

static void new_event(void)
{
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(event >= 0);
}

static u64 events(void)
{
	u64 n = 0;

	if (read(event, &n, sizeof(n)) < 0)
		CHECK_EQ(errno, EAGAIN);
	return n;
}

static void assign_irqfd(struct machine *m)
{
	struct kvm_irqfd f = { .gsi = 10 };

	new_event();
	f.fd = event;
	DO(m->vm, KVM_IRQFD, &f);
	REFUSED(EBUSY, m->vm, KVM_IRQFD, &f);
	f.fd = 1000;
	REFUSED(EBADF, m->vm, KVM_IRQFD, &f);
}

static void write_event(struct machine *m, unsigned n)
{
	u64 one = 1;

	(void)m, (void)n;
	CHECK(write(event, &one, sizeof(one)) == sizeof(one));
	usleep(2000);		/* stock KVM raises it from a work queue */
}

static void check_irqfd_gone(struct machine *m)
{
	struct kvm_irqfd f = { .gsi = 10, .fd = event, .flags = KVM_IRQFD_FLAG_DEASSIGN };
	u64 before = irq_count(m, 0x50);

	DO(m->vm, KVM_IRQFD, &f);
	write_event(m, 0);
	CHECK_EQ(events(), 1);	/* now it is anybody's */
	CHECK_EQ(irq_count(m, 0x50), before);
}

/* Two messages, each with an eventfd: by the last GSIs that the answer allows. */
static int message[2];

static void assign_messages(struct machine *m)
{
	u32 i, gsis = DO(m->vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[2];
	} r = { .head.nr = 2 };

	CHECK(gsis > 24);	/* the rest has pins */
	for (i = 0; i < 2; i++) {
		r.e[i].gsi = gsis - 1 - i;
		r.e[i].type = KVM_IRQ_ROUTING_MSI;
		r.e[i].u.msi.address_lo = 0xfee00000;
		r.e[i].u.msi.data = 0x70 + i;
	}
	DO(m->vm, KVM_SET_GSI_ROUTING, &r);
	for (i = 0; i < 2; i++) {
		struct kvm_irqfd f = { .gsi = gsis - 1 - i };

		new_event();
		message[i] = f.fd = event;
		DO(m->vm, KVM_IRQFD, &f);
	}
	r.e[0].gsi = gsis;
	REFUSED(EINVAL, m->vm, KVM_SET_GSI_ROUTING, &r);
}

static void write_message(struct machine *m, unsigned n)
{
	event = message[n];
	write_event(m, n);
	CHECK_EQ(events(), 0);
}

/* Who polls the eventfd, too, sleeps on: its count is taken by the time he could look. */
static int epoll, stop_event;

static void *count_wakeups(void *arg)
{
	struct epoll_event e;
	struct rusage use;
	u64 n;

	do
		CHECK_EQ(epoll_wait(epoll, &e, 1, -1), 1);
	while (read(stop_event, &n, sizeof(n)) < 0);
	CHECK(!getrusage(RUSAGE_THREAD, &use));
	*(long *)arg = use.ru_nvcsw;
	return NULL;
}

#define WRITES	100

static void test_poll_sleeps_on(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct machine m = { 0 };
	pthread_t thread;
	long wakeups = 0;
	unsigned i;

	machine_create(&m, IRQCHIP);
	assign_messages(&m);
	new_event();
	stop_event = event;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(!epoll_ctl(epoll, EPOLL_CTL_ADD, message[0], &e));
	CHECK(!epoll_ctl(epoll, EPOLL_CTL_ADD, stop_event, &e));
	CHECK(!pthread_create(&thread, NULL, count_wakeups, &wakeups));
	for (i = 0; i < WRITES; i++)
		write_message(&m, 0);
	event = stop_event;
	write_event(&m, 0);
	pthread_join(thread, NULL);
	diag("%ld waits for %d writes", wakeups, WRITES);
	CHECK(wakeups < WRITES / 2);
}

static struct kvm_ioeventfd place;

static void give_place(struct machine *m)
{
	new_event();
	place.fd = event;
	DO(m->vm, KVM_IOEVENTFD, &place);
	REFUSED(EEXIST, m->vm, KVM_IOEVENTFD, &place);
}

static void take_place(struct machine *m)
{
	place.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	DO(m->vm, KVM_IOEVENTFD, &place);
	REFUSED(ENOENT, m->vm, KVM_IOEVENTFD, &place);
}

/* The two-byte write of three to port 0x80. */
static void give_port(struct machine *m)
{
	place = (struct kvm_ioeventfd){
		.addr = 0x80, .len = 2, .flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	give_place(m);
}

/* A write of any length: all three. */
static void give_port_any_length(struct machine *m)
{
	place = (struct kvm_ioeventfd){ .addr = 0x80, .flags = KVM_IOEVENTFD_FLAG_PIO };
	give_place(m);
}

/* Of the four-byte writes at H + 4, the second. */
static void give_address(struct machine *m)
{
	place = (struct kvm_ioeventfd){
		.addr = MMIO_HOLE + 4, .len = 4, .datamatch = 0x5a5b5c5d,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	give_place(m);
}

static void check_one(struct machine *m)
{
	CHECK_EQ(events(), 1);
	take_place(m);
}

static void check_three(struct machine *m)
{
	CHECK_EQ(events(), 3);
	take_place(m);
}

/* -- Numbers -------------------------------------------------------------------- */

static void test_vcpus(void)
{
	int most = DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int ids = DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int i, vm = DO(ctl, KVM_CREATE_VM, 0);

	CHECK(DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS) <= most && most <= ids);
	REFUSED(EINVAL, vm, KVM_CREATE_VCPU, ids);
	for (i = 0; i < most && i < 64; i++)
		DO(vm, KVM_CREATE_VCPU, i);
	if (most < 64)
		CHECK(ioctl(vm, KVM_CREATE_VCPU, most) == -1);
}

static void test_memory_slots(void)
{
	u32 i, n = DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	u32 few = n < 200 ? n : 200;
	int vm = DO(ctl, KVM_CREATE_VM, 0);
	u8 *page = get_pages(4096, 4096);
	struct kvm_userspace_memory_region r = {
		.slot = n, .memory_size = 4096, .userspace_addr = (uintptr_t)page,
	};

	REFUSED(EINVAL, vm, KVM_SET_USER_MEMORY_REGION, &r);
	for (i = 0; i < few; i++)
		set_slot(vm, n - 1 - i, (u64)i << 16, 4096, page, 0);
}

static const struct test tests[] = {
	{ "each-answer-has-a-test", .custom = test_each_is_tested },
	{ "places-for-real-mode", .custom = test_places },
	{ "halted-and-made-to-run", .custom = test_mp_state },
	{ "two-slots-become-one", .custom = test_slots_join },
	{ "line-tells-whether-it-was-delivered", LONG, G_irq_ioapic_edge, IRQCHIP,
	  RESULTS(1, 1), .step = raise_twice },
	{ "rate-of-the-tsc", .custom = test_tsc_khz },
	{ "internal-error-has-data", .custom = test_internal_error },
	{ "eventfd-raises-an-interrupt", LONG, G_irq_ioapic_edge, IRQCHIP, RESULTS(1, 2),
	  .setup = assign_irqfd, .step = write_event, .check = check_irqfd_gone },
	{ "eventfd-sends-a-message", LONG, G_irq_msi, IRQCHIP, RESULTS(1, 1),
	  .setup = assign_messages, .step = write_message },
	{ "who-polls-it-too-sleeps-on", .custom = test_poll_sleeps_on },
	{ "port-writes-an-eventfd", LONG, G_out_sizes, .setup = give_port,
	  ACCESSES(OUT(0x80, 1, 0x44), OUT(0x80, 4, 0x11223344), OUT(0x3456, 1, 0x44),
		   OUT(0xffff, 1, 0x44)), .check = check_one },
	{ "port-writes-an-eventfd-at-any-length", LONG, G_out_sizes,
	  .setup = give_port_any_length,
	  ACCESSES(OUT(0x3456, 1, 0x44), OUT(0xffff, 1, 0x44)), .check = check_three },
	{ "address-and-value-write-an-eventfd", LONG, G_mmio_write_sizes,
	  .setup = give_address,
	  ACCESSES(WRITE(MMIO_HOLE, 1, 0x88), WRITE(MMIO_HOLE + 2, 2, 0x7788),
		   WRITE(MMIO_HOLE + 4, 4, 0x55667788),
		   WRITE(MMIO_HOLE + 8, 8, 0x1122334455667788), WRITE(MMIO_HOLE + 1, 1, 0x5a),
		   WRITE(MMIO_HOLE + 2, 2, 0x5a5b), WRITE(MMIO_HOLE + 8, 8, (u64)-2),
		   WRITE(MMIO_HOLE, 1, 0x77), WRITE(MMIO_HOLE, 1, 0)), .check = check_one },
	{ "as-many-vcpus-as-told", .custom = test_vcpus },
	{ "as-many-slots-as-told", .custom = test_memory_slots },
};
TABLE(caps, tests);
