/* SPDX-License-Identifier: MIT */
/* The ioctls: round trips, misuse, and garbage. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define PAGE 4096ul

/* In how many microseconds SIGALRM comes, and then again each second. */
static void signal_in(unsigned us)
{
	struct itimerval t = {
		.it_value.tv_usec = us, .it_interval.tv_sec = 1,
	};

	setitimer(ITIMER_REAL, &t, NULL);
}

static void test_system(void)
{
	int fd;

	CHECK_EQ(DO(ctl, KVM_GET_API_VERSION, 0), 12);
	CHECK((size_t)DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0) >= sizeof(struct kvm_run));
	CHECK_EQ(DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), 1);
	CHECK_EQ(DO(ctl, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT), 1);
	CHECK_EQ(DO(ctl, KVM_CHECK_EXTENSION, 0x7fffffff), 0);
	REFUSED(EINVAL, ctl, KVM_GET_API_VERSION, 1);
	REFUSED(EINVAL, ctl, KVM_CREATE_VM, 0x1234567);
	fd = ioctl(ctl, _IO(KVMIO, 0xee), 0);
	CHECK(fd < 0 && (errno == ENOTTY || errno == EINVAL));
}

static void test_slots(void)
{
	struct kvm_userspace_memory_region r = {
		.slot = 5, .guest_phys_addr = 0x10000000, .memory_size = PAGE,
	};
	struct machine m = { 0 };

	machine_create(&m, 0);
	r.userspace_addr = (uintptr_t)m.ram;
	r.slot = 1 << 20;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.slot = 5;
	r.guest_phys_addr++;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.guest_phys_addr--;
	r.memory_size++;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.memory_size--;
	r.userspace_addr++;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.userspace_addr = 0xffff888000000000;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.userspace_addr = (uintptr_t)m.ram;
	r.flags = 0x80000000;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.flags = 0;
	r.guest_phys_addr = m.ram_size - PAGE;
	REFUSED(EEXIST, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	r.guest_phys_addr = 0xfffffffffffff000;
	r.memory_size = 2 * PAGE;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
	REFUSED(EFAULT, m.vm, KVM_SET_USER_MEMORY_REGION, 8);
	r.memory_size = 0;
	r.guest_phys_addr = 0;
	REFUSED(EINVAL, m.vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static void test_vcpus(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	REFUSED(EEXIST, m.vm, KVM_CREATE_VCPU, 0);
	CHECK(ioctl(m.vm, KVM_CREATE_VCPU, 0x7fffffff) == -1);
	CHECK(ioctl(m.vm, KVM_CREATE_VCPU, 0xffffffff) == -1);
	REFUSED(EINVAL, m.cpu, KVM_RUN, 1);
}

static long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long free = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &free) == 1)
			break;
	if (f)
		fclose(f);
	CHECK(free >= 0);
	return free;
}

/* A refusal costs nothing that stays: 8 KiB for each of 4000 would be seen. */
static void test_refused_vcpus(void)
{
	struct machine m = { 0 };
	long before;
	unsigned i;

	machine_create(&m, 0);
	before = free_kib();
	for (i = 0; i < 4000; i++)
		CHECK(ioctl(m.vm, KVM_CREATE_VCPU, i & 1 ? 0 : 0x7fff) == -1);
	CHECK(before - free_kib() < 16000);
}

static void test_null_pointers(void)
{
	static const unsigned long vcpu_calls[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS,
		KVM_GET_FPU, KVM_SET_FPU, KVM_GET_MSRS, KVM_SET_MSRS,
		KVM_SET_CPUID2, KVM_GET_LAPIC, KVM_SET_LAPIC, KVM_GET_MP_STATE,
		KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	};
	static const unsigned long vm_calls[] = {
		KVM_SET_USER_MEMORY_REGION, KVM_IRQ_LINE, KVM_SIGNAL_MSI,
		KVM_SET_GSI_ROUTING, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP,
	};
	struct machine m = { 0 };
	unsigned i;

	machine_create(&m, IRQCHIP);
	for (i = 0; i < sizeof(vcpu_calls) / sizeof(vcpu_calls[0]); i++)
		REFUSED(EFAULT, m.cpu, vcpu_calls[i], 8);
	for (i = 0; i < sizeof(vm_calls) / sizeof(vm_calls[0]); i++)
		REFUSED(EFAULT, m.vm, vm_calls[i], 8);
	REFUSED(EFAULT, ctl, KVM_GET_SUPPORTED_CPUID, 8);
	REFUSED(EFAULT, ctl, KVM_GET_MSR_INDEX_LIST, 8);
}

static void test_no_room(void)
{
	struct kvm_cpuid2 none = { .nent = 0 };
	struct kvm_msr_list list = { .nmsrs = 0 };

	REFUSED(E2BIG, ctl, KVM_GET_SUPPORTED_CPUID, &none);
	REFUSED(E2BIG, ctl, KVM_GET_MSR_INDEX_LIST, &list);
	CHECK(list.nmsrs > 5);
}

static void test_without_irqchip(void)
{
	struct kvm_irq_level l = { .irq = 3, .level = 1 };
	struct kvm_lapic_state lapic;
	struct machine m = { 0 };

	machine_create(&m, 0);
	REFUSED(ENXIO, m.vm, KVM_IRQ_LINE, &l);
	REFUSED(EINVAL, m.cpu, KVM_GET_LAPIC, &lapic);
	CHECK(ioctl(m.vm, KVM_CREATE_IRQCHIP, 0) == -1);	/* too late */
}

static void test_with_irqchip(void)
{
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct machine m = { 0 };

	machine_create(&m, IRQCHIP);
	REFUSED(ENXIO, m.cpu, KVM_INTERRUPT, &irq);
	CHECK(ioctl(m.vm, KVM_CREATE_IRQCHIP, 0) == -1 && errno == EEXIST);
}

static void test_regs_round_trip(void)
{
	struct kvm_regs a, b;
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_long_sum);
	memset(&a, 0x5a, sizeof(a));
	a.rip = 0x1234567;
	a.rflags = 0x246;
	set_regs(&m, &a);
	get_regs(&m, &b);
	CHECK(!memcmp(&a, &b, sizeof(a)));
}

static void test_sregs_round_trip(void)
{
	struct kvm_sregs a, b;
	struct machine m = { 0 };

	machine_create(&m, IRQCHIP);
	machine_boot(&m, LONG, G_long_sum);
	get_sregs(&m, &a);
	a.fs.base = 0x123456789;
	a.gs.base = 0xffff888812345678;
	a.cr2 = 0x1234;
	a.ldt = (struct kvm_segment){ .base = 0x2000, .limit = 0x27, .selector = 0x60,
				      .type = 2, .present = 1 };
	set_sregs(&m, &a);
	get_sregs(&m, &b);
	CHECK(!memcmp(&a, &b, sizeof(a)));
}

static void test_fpu_round_trip(void)
{
	struct kvm_fpu a, b;
	struct machine m = { 0 };
	unsigned i;

	machine_create(&m, 0);
	DO(m.cpu, KVM_GET_FPU, &a);
	CHECK_EQ(a.fcw, 0x37f);
	a.mxcsr = 0x1f80;
	for (i = 0; i < 256; i++)
		a.xmm[i / 16][i % 16] = i;
	a.fcw = 0x27f;
	DO(m.cpu, KVM_SET_FPU, &a);
	DO(m.cpu, KVM_GET_FPU, &b);
	CHECK(!memcmp(a.xmm, b.xmm, sizeof(a.xmm)));
	CHECK_EQ(b.fcw, 0x27f);
}

static void test_other_round_trips(void)
{
	struct kvm_debugregs d, d2;
	struct kvm_vcpu_events e, e2;
	struct kvm_mp_state s;
	struct kvm_lapic_state l, l2;
	struct machine m = { 0 };

	machine_create(&m, IRQCHIP | PIT);
	DO(m.cpu, KVM_GET_DEBUGREGS, &d);
	d.db[1] = 0x12345000;
	DO(m.cpu, KVM_SET_DEBUGREGS, &d);
	DO(m.cpu, KVM_GET_DEBUGREGS, &d2);
	CHECK_EQ(d2.db[1], 0x12345000);
	DO(m.cpu, KVM_GET_VCPU_EVENTS, &e);
	e.nmi.masked = 1;
	DO(m.cpu, KVM_SET_VCPU_EVENTS, &e);
	DO(m.cpu, KVM_GET_VCPU_EVENTS, &e2);
	CHECK_EQ(e2.nmi.masked, 1);
	DO(m.cpu, KVM_GET_MP_STATE, &s);
	CHECK_EQ(s.mp_state, KVM_MP_STATE_RUNNABLE);
	DO(m.cpu, KVM_GET_LAPIC, &l);
	*(u32 *)(l.regs + 0xf0) = 0x1ff;
	*(u32 *)(l.regs + 0x320) = 0x10055;
	DO(m.cpu, KVM_SET_LAPIC, &l);
	DO(m.cpu, KVM_GET_LAPIC, &l2);
	CHECK_EQ(*(u32 *)(l2.regs + 0x320), 0x10055);
	CHECK_EQ(*(u32 *)(l2.regs + 0xf0), 0x1ff);
}

static void test_chips_round_trip(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC }, c2 = c;
	struct kvm_pit_state2 p, p2;
	struct machine m = { 0 };

	machine_create(&m, IRQCHIP | PIT);
	DO(m.vm, KVM_GET_IRQCHIP, &c);
	c.chip.ioapic.redirtbl[7].bits = 0x1a034;
	DO(m.vm, KVM_SET_IRQCHIP, &c);
	DO(m.vm, KVM_GET_IRQCHIP, &c2);
	CHECK_EQ(c2.chip.ioapic.redirtbl[7].bits, 0x1a034);
	c.chip_id = 17;
	REFUSED(EINVAL, m.vm, KVM_GET_IRQCHIP, &c);
	DO(m.vm, KVM_GET_PIT2, &p);
	p.channels[2].count = 4321;
	p.channels[2].mode = 3;
	DO(m.vm, KVM_SET_PIT2, &p);
	DO(m.vm, KVM_GET_PIT2, &p2);
	CHECK_EQ(p2.channels[2].count, 4321);
	CHECK_EQ(p2.channels[2].mode, 3);
}

static void test_bad_sregs(void)
{
	struct kvm_sregs good, s;
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_long_sum);
	get_sregs(&m, &good);
	s = good;
	s.cr4 |= 1ull << 40;
	REFUSED(EINVAL, m.cpu, KVM_SET_SREGS, &s);
	s = good;
	s.cr4 &= ~0x20ull;		/* long mode without PAE */
	REFUSED(EINVAL, m.cpu, KVM_SET_SREGS, &s);
	s = good;
	s.cr3 |= 1ull << 60;
	REFUSED(EINVAL, m.cpu, KVM_SET_SREGS, &s);
	set_sregs(&m, &good);
	run_to_end(&m);
	CHECK_EQ(result(&m, 1), 0x500);
}

static void test_bad_events(void)
{
	struct kvm_vcpu_events good, e;
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_long_sum);
	DO(m.cpu, KVM_GET_VCPU_EVENTS, &good);
	e = good;
	e.flags = 1u << 20;
	REFUSED(EINVAL, m.cpu, KVM_SET_VCPU_EVENTS, &e);
	e = good;
	e.exception.injected = 1;
	e.exception.nr = 32;
	REFUSED(EINVAL, m.cpu, KVM_SET_VCPU_EVENTS, &e);
	e.exception.nr = 2;			/* NMIs are no exceptions */
	REFUSED(EINVAL, m.cpu, KVM_SET_VCPU_EVENTS, &e);
	DO(m.cpu, KVM_SET_VCPU_EVENTS, &good);
	run_to_end(&m);
}

/* Small clients go to long mode without ever having set CPUID. */
static void test_no_cpuid(void)
{
	struct machine m = { 0 };

	machine_create(&m, NO_CPUID);
	machine_boot(&m, LONG, G_long_sum);
	run_to_end(&m);
	CHECK_EQ(result(&m, 1), 0x500);
}

static void test_immediate_exit(void)
{
	struct kvm_regs r;
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_abi_steps);
	m.run->immediate_exit = 1;
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EINTR);
	get_regs(&m, &r);
	CHECK_EQ(r.rip, G_abi_steps);
	m.run->immediate_exit = 0;
	run_to(&m, KVM_EXIT_IO);
	/* The OUT is over after a return that runs nothing more. */
	m.run->immediate_exit = 1;
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EINTR);
	get_regs(&m, &r);
	CHECK_EQ(r.rbx, 1);
	CHECK_EQ(r.rip, G_abi_steps + 5);
}

static void test_signal(void)
{
	struct machine m = { 0 };
	unsigned i;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_abi_spin);
	for (i = 0; i < 20; i++) {
		signal_in(2000);
		CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EINTR);
		CHECK_EQ(m.run->exit_reason, KVM_EXIT_INTR);
	}
}

/* A mask for the time of the run: the signal ends it, and is pending after it. */
static void test_signal_mask(void)
{
	struct {
		struct kvm_signal_mask head;
		u64 set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	sigset_t set, pending;
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_abi_spin);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	DO(m.cpu, KVM_SET_SIGNAL_MASK, &mask);
	signal_in(2000);
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EINTR);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGALRM) == 1);
}

static void test_other_process(void)
{
	struct machine m = { 0 };
	int status;
	pid_t pid;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_long_sum);
	pid = fork();
	if (!pid) {
		struct kvm_regs r;

		if (ioctl(m.cpu, KVM_RUN, 0) != -1 || errno != EIO)
			_exit(1);
		if (ioctl(m.cpu, KVM_GET_REGS, &r) != -1 || errno != EIO)
			_exit(2);
		if (ioctl(m.vm, KVM_CREATE_IRQCHIP, 0) != -1 || errno != EIO)
			_exit(3);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	run_to_end(&m);
}

static void *run_one(void *arg)
{
	struct machine *m = arg;

	return (void *)(long)(ioctl(m->cpu, KVM_RUN, 0) ? errno : 0);
}

/* The second thread waits for its turn; a signal ends the wait. */
static void test_two_threads(void)
{
	struct machine m = { 0 };
	pthread_t a, b;
	void *ra, *rb;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_abi_spin);
	CHECK(!pthread_create(&a, NULL, run_one, &m));
	usleep(20000);
	CHECK(!pthread_create(&b, NULL, run_one, &m));
	usleep(20000);
	pthread_kill(a, SIGALRM);
	pthread_join(a, &ra);
	usleep(20000);
	pthread_kill(b, SIGALRM);
	pthread_join(b, &rb);
	CHECK_EQ((long)ra, EINTR);
	CHECK_EQ((long)rb, EINTR);
}

static void test_close_order(void)
{
	struct machine m = { 0 };
	unsigned i;

	for (i = 0; i < 6; i++) {
		memset(&m, 0, sizeof(m));
		machine_create(&m, i & 1 ? IRQCHIP | PIT : 0);
		machine_boot(&m, LONG, G_long_sum);
		if (i < 2) {		/* the VM first: the vCPU keeps it alive */
			close(m.vm);
			run_to_end(&m);
			CHECK_EQ(result(&m, 1), 0x500);
			close(m.cpu);
		} else if (i < 4) {	/* the memory first */
			munmap(m.ram, m.ram_size);
			close(m.cpu);
			close(m.vm);
		} else {		/* the run page stays mapped */
			close(m.cpu);
			close(m.vm);
			m.run->immediate_exit = 1;
			continue;
		}
		munmap(m.run, DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0));
	}
}

static void test_mmap(void)
{
	int size = DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct machine m = { 0 };
	pid_t pid;
	int status;
	void *p;

	machine_create(&m, 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, m.vm, 0);
	CHECK(p == MAP_FAILED);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, m.cpu, size + 16 * PAGE);
	if (p == MAP_FAILED)
		return;
	pid = fork();			/* if it maps, it must not be readable */
	if (!pid) {
		*(volatile char *)p;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* -- Garbage ----------------------------------------------------------------------- */

static u64 seed = 0x9e3779b97f4a7c15;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void fill(void *p, size_t n)
{
	u8 *b = p;
	size_t i;

	for (i = 0; i < n; i++)
		b[i] = rnd() & 3 ? 0 : rnd() >> 13;
}

static const unsigned long known[] = {
	KVM_CHECK_EXTENSION, KVM_GET_SUPPORTED_CPUID, KVM_GET_MSR_INDEX_LIST,
	KVM_SET_USER_MEMORY_REGION, KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR,
	KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS,
	KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP,
	KVM_GET_PIT2, KVM_SET_PIT2, KVM_RUN, KVM_GET_REGS, KVM_SET_REGS,
	KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_FPU, KVM_SET_FPU, KVM_GET_MSRS,
	KVM_SET_MSRS, KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_GET_LAPIC, KVM_SET_LAPIC,
	KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
	KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, KVM_INTERRUPT, KVM_NMI,
	KVM_GET_TSC_KHZ, KVM_SET_SIGNAL_MASK, KVM_ENABLE_CAP, KVM_GET_XSAVE,
	KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS, KVM_TRANSLATE,
	KVM_GET_DIRTY_LOG, KVM_SET_GUEST_DEBUG, KVM_SMI,
	VMM_GET_COUNTERS, VMM_GET_INFO,
};

static unsigned long random_request(void)
{
	if (rnd() & 7)
		return known[rnd() % (sizeof(known) / sizeof(known[0]))];
	return _IOC(rnd() & 3, rnd() & 1 ? KVMIO : VMM_IOCTL_MAGIC, rnd() & 0xff,
		    rnd() & 0x3ff);
}

/* A guest that fits the mode, so that it comes to its end. */
static void boot_any(struct machine *m, enum mode mode)
{
	machine_boot(m, mode, mode == REAL ? G_real_sum : mode == LONG ? G_long_sum :
		     G_prot_sum);
}

static void garbage(unsigned calls, unsigned long first)
{
	static u8 buffer[1 << 16];
	struct rlimit files = { 40, 40 };
	unsigned i;

	setrlimit(RLIMIT_NOFILE, &files);
	seed += first;
	for (i = 0; i < calls; i++) {
		struct machine m = { 0 };
		unsigned j;

		machine_create(&m, rnd() & 1 ? IRQCHIP | PIT : 0);
		boot_any(&m, rnd() % 5);
		for (j = 0; j < 100; j++, i++) {
			int fds[] = { ctl, m.vm, m.cpu, m.cpu };
			unsigned long req = random_request(), arg;
			int rc;

			fill(buffer, 2048);
			arg = rnd() & 15 ? (uintptr_t)buffer : rnd();
			signal_in(1000);
			rc = ioctl(fds[rnd() & 3], req, arg);
			if (rc > 5 && rc < 40 && fcntl(rc, F_GETFD) >= 0 &&
			    rc != m.vm && rc != m.cpu && rc != ctl &&
			    _IOC_NR(req) <= 0x61)
				close(rc);
		}
		machine_destroy(&m);
	}
}

static void test_garbage(void)
{
	struct timeval end, now;
	u64 before = is_vmm ? module_info("VMs") : 0;
	int status;
	pid_t pid;

	gettimeofday(&end, NULL);
	end.tv_sec += 25;
	pid = fork();
	if (!pid) {
		garbage(4000, 1);
		exit(0);
	}
	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		usleep(20000);
		gettimeofday(&now, NULL);
		if (now.tv_sec > end.tv_sec)
			fail("the garbage is not through in 25 s");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status))
		fail("garbage: status %d", WEXITSTATUS(status));
	if (is_vmm)
		CHECK_EQ(module_info("VMs"), before);
}

/* Random state, then a run: an error, a failed entry, or anything in the guest. */
static void test_random_state(void)
{
	unsigned i, refused = 0, failed = 0;

	for (i = 0; i < 300; i++) {
		struct machine m = { 0 };
		struct kvm_sregs s;
		struct kvm_regs r;
		u8 *b = (u8 *)&s;
		unsigned j;

		machine_create(&m, 0);
		boot_any(&m, i % 5);
		get_sregs(&m, &s);
		for (j = 0; j < 1 + i % 6; j++)
			b[rnd() % sizeof(s)] ^= 1u << (rnd() & 7);
		get_regs(&m, &r);
		if (i & 1)
			((u64 *)&r)[rnd() % 18] ^= 1ull << (rnd() & 63);
		if (ioctl(m.cpu, KVM_SET_SREGS, &s) || ioctl(m.cpu, KVM_SET_REGS, &r))
			refused++;
		signal_in(1500);
		if (!ioctl(m.cpu, KVM_RUN, 0) &&
		    m.run->exit_reason == KVM_EXIT_FAIL_ENTRY)
			failed++;
		machine_destroy(&m);
	}
	diag("%u states refused, %u entries failed", refused, failed);
}

static const struct test tests[] = {
	{ "system", .custom = test_system },
	{ "bad-slots", .custom = test_slots },
	{ "bad-vcpus", .custom = test_vcpus },
	{ "refused-vcpus-cost-nothing", .custom = test_refused_vcpus },
	{ "bad-pointers", .custom = test_null_pointers },
	{ "lists-without-room", .custom = test_no_room },
	{ "calls-that-need-an-irqchip", .custom = test_without_irqchip },
	{ "calls-that-need-none", .custom = test_with_irqchip },
	{ "regs-round-trip", .custom = test_regs_round_trip },
	{ "sregs-round-trip", .custom = test_sregs_round_trip },
	{ "fpu-round-trip", .custom = test_fpu_round_trip },
	{ "other-round-trips", .custom = test_other_round_trips },
	{ "irqchip-and-pit-round-trip", .custom = test_chips_round_trip },
	{ "bad-sregs-are-refused", .custom = test_bad_sregs },
	{ "bad-events-are-refused", .custom = test_bad_events },
	{ "long-mode-without-cpuid", .custom = test_no_cpuid },
	{ "immediate-exit", .custom = test_immediate_exit },
	{ "signal-ends-the-run", .custom = test_signal },
	{ "signal-mask", .custom = test_signal_mask },
	{ "run-from-another-process", .custom = test_other_process },
	{ "two-threads-on-one-vcpu", .custom = test_two_threads },
	{ "descriptors-closed-in-any-order", .custom = test_close_order },
	{ "mmap-beyond-the-end", .custom = test_mmap },
	{ "4000-random-calls", .custom = test_garbage, .seconds = 30 },
	{ "300-random-states", .custom = test_random_state, .seconds = 30 },
};
TABLE(abi, tests);
