/* SPDX-License-Identifier: MIT */
/* Memory that changes under a running guest. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define PAGE	4096ul
#define AT	0x200000		/* where the guests of mem.S look */

static u8 *at(struct machine *m)
{
	return m->ram + AT;
}

static void to_step(struct machine *m)
{
	run_to(m, KVM_EXIT_IO);
	CHECK_EQ(m->run->io.port, PORT_STEP);
}

static void start(struct machine *m, u32 entry, u64 value)
{
	memset(m, 0, sizeof(*m));
	machine_create(m, 0);
	machine_boot(m, LONG, entry);
	poke(m, AT, value);
}

/* Seen by the guest in its n-th look. */
static u64 look(struct machine *m, unsigned n)
{
	return result(m, 1 + n);
}

static void test_on_demand(void)
{
	struct machine m = { 0 };
	u64 faults;

	machine_create(&m, XTRA_RAM);
	machine_boot(&m, LONG, G_mem_touch);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 3072);
	if (!is_vmm)
		return;
	faults = counter(m.cpu, VMM_GET_COUNTERS, "second-level faults");
	CHECK(faults > 0);
	diag("%llu second-level faults for 3072 pages", (unsigned long long)faults);
}

static bool huge_pages_on(void)
{
	char text[80] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	close(fd);
	return !strstr(text, "[never]");
}

/* The first test that runs in a host of less than 512 MiB has no huge pages. */
static void test_huge(void)
{
	struct machine m = { 0 };
	u64 n;

	if (!huge_pages_on())
		skip("the host has no transparent huge pages");
	machine_create(&m, XTRA_RAM);
	CHECK(!madvise(m.ram, m.ram_size, MADV_HUGEPAGE));
	memset(m.ram, 0, m.ram_size);
	machine_boot(&m, LONG, G_mem_touch);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 3072);
	n = counter(m.cpu, VMM_GET_COUNTERS, "pages of 2 MiB");
	diag("%llu pages of 2 MiB", (unsigned long long)n);
	CHECK(n >= 6);
	/* One page of a large one goes: the rest stays right. */
	CHECK(!madvise(m.ram + 0x601000, PAGE, MADV_DONTNEED));
	machine_boot(&m, LONG, G_mem_touch);
	poke(&m, 0x602000, 77);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 3072);
	CHECK_EQ(peek(&m, 0x601000), 0x601000);
	CHECK(counter(m.cpu, VMM_GET_COUNTERS, "pages of 2 MiB") < n);
}

static void test_slot_removed(void)
{
	struct machine m;

	start(&m, G_mem_look, 0x1111);
	to_step(&m);
	CHECK_EQ(look(&m, 0), 0x1111);
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, AT, m.ram, 0);
	run_to(&m, KVM_EXIT_MMIO);
	CHECK_EQ(m.run->mmio.phys_addr, AT);
	CHECK_EQ(m.run->mmio.is_write, 0);
	memset(m.run->mmio.data, 0x22, 8);
	to_step(&m);
	CHECK_EQ(look(&m, 1), 0x2222222222222222);
	/* And back again, as a second slot. */
	set_slot(m.vm, 1, AT, m.ram_size - AT, m.ram + AT, 0);
	to_step(&m);
	CHECK_EQ(look(&m, 2), 0x1111);
}

static void test_slot_moved(void)
{
	struct machine m;
	u8 *other = get_pages(PAGE, PAGE);

	start(&m, G_mem_look, 0x1111);
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, AT, m.ram, 0);
	memset(other, 0x33, PAGE);
	set_slot(m.vm, 2, 0x10000000, PAGE, other, 0);
	run_to(&m, KVM_EXIT_MMIO);
	to_step(&m);
	set_slot(m.vm, 2, AT, PAGE, other, 0);
	to_step(&m);
	CHECK_EQ(look(&m, 1), 0x3333333333333333);
	set_slot(m.vm, 2, 0x10000000, PAGE, other, 0);
	run_to(&m, KVM_EXIT_MMIO);
}

static void test_read_only(void)
{
	struct machine m;

	start(&m, G_mem_write, 0x4444);
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, AT, m.ram, 0);
	set_slot(m.vm, 1, AT, PAGE, at(&m), KVM_MEM_READONLY);
	run_to(&m, KVM_EXIT_MMIO);
	CHECK_EQ(m.run->mmio.phys_addr, AT);
	CHECK_EQ(m.run->mmio.is_write, 1);
	CHECK_EQ(m.run->mmio.len, 8);
	CHECK_EQ(m.run->mmio.data[0], 1);
	CHECK_EQ(peek(&m, AT), 0x4444);
	to_step(&m);
	machine_boot(&m, LONG, G_mem_look);
	to_step(&m);
	CHECK_EQ(look(&m, 0), 0x4444);
}

static void test_dropped(void)
{
	struct machine m;

	start(&m, G_mem_look, 0x1111);
	to_step(&m);
	CHECK(!madvise(at(&m), PAGE, MADV_DONTNEED));
	to_step(&m);
	CHECK_EQ(look(&m, 1), 0);
	poke(&m, AT, 0x2222);
	to_step(&m);
	CHECK_EQ(look(&m, 2), 0x2222);
}

static void test_replaced(void)
{
	struct machine m;
	void *p;

	start(&m, G_mem_look, 0x1111);
	to_step(&m);
	p = mmap(at(&m), PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(p == at(&m));
	poke(&m, AT, 0x5555);
	to_step(&m);
	CHECK_EQ(look(&m, 1), 0x5555);
	CHECK(!munmap(at(&m), PAGE));
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EFAULT);
	p = mmap(at(&m), PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(p == at(&m));
	poke(&m, AT, 0x6666);
	to_step(&m);
	CHECK_EQ(look(&m, 2), 0x6666);
}

static void test_protected(void)
{
	struct machine m;

	start(&m, G_mem_write, 0);
	to_step(&m);
	CHECK_EQ(peek(&m, AT), 1);
	CHECK(!mprotect(at(&m), PAGE, PROT_READ));
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1 && errno == EFAULT);
	CHECK_EQ(peek(&m, AT), 1);
	CHECK(!mprotect(at(&m), PAGE, PROT_READ | PROT_WRITE));
	to_step(&m);
	CHECK_EQ(peek(&m, AT), 2);
}

/* After fork() the guest's writes are not the child's, and the other way round. */
static void test_fork(void)
{
	struct machine m;
	int status;
	pid_t pid;

	start(&m, G_mem_write, 0);
	to_step(&m);
	pid = fork();
	if (!pid) {
		unsigned i;

		for (i = 0; i < 20; i++) {
			if (peek(&m, AT) != 1)
				_exit(1);
			usleep(5000);
		}
		_exit(0);
	}
	to_step(&m);
	to_step(&m);
	CHECK_EQ(peek(&m, AT), 3);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	to_step(&m);
	CHECK_EQ(peek(&m, AT), 4);
}

static void *run_until_signal(void *arg)
{
	struct machine *m = arg;

	while (ioctl(m->cpu, KVM_RUN, 0) == 0 || errno == EINTR)
		if (m->steps)
			break;
	return NULL;
}

static volatile u64 *word(void *p)
{
	return p;
}

/* While the guest counts, its page is exchanged: the old one counts no more. */
static void test_exchange_while_running(void)
{
	struct machine m;
	pthread_t thread;
	void *view[2];
	unsigned i;
	int fd;

	start(&m, G_mem_count, 0);
	fd = memfd_create("pages", 0);
	CHECK(fd >= 0 && !ftruncate(fd, 2 * PAGE));
	view[0] = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(view[0] != MAP_FAILED);
	view[1] = (u8 *)view[0] + PAGE;
	CHECK(mmap(at(&m), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		   0) == at(&m));
	CHECK(!pthread_create(&thread, NULL, run_until_signal, &m));
	for (i = 1; i < 60; i++) {
		u64 old, now;
		unsigned patience = 200;

		CHECK(mmap(at(&m), PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, (i & 1) * PAGE) == at(&m));
		old = *word(view[!(i & 1)]);
		now = *word(view[i & 1]);
		do
			usleep(3000);
		while (*word(view[i & 1]) == now && --patience);
		CHECK_EQ(*word(view[!(i & 1)]), old);
		CHECK(*word(view[i & 1]) > now);
	}
	m.steps = m.run->immediate_exit = 1;
	pthread_kill(thread, SIGALRM);
	pthread_join(thread, NULL);
}

/* The guest counts while its page is dropped again and again: it never stops. */
static void test_drop_while_running(void)
{
	struct machine m;
	pthread_t thread;
	unsigned i;

	start(&m, G_mem_count, 0);
	CHECK(!pthread_create(&thread, NULL, run_until_signal, &m));
	for (i = 0; i < 200; i++) {
		usleep(500);
		CHECK(!madvise(at(&m), PAGE, MADV_DONTNEED));
	}
	for (i = 0; i < 2000 && !*word(at(&m)); i++)
		usleep(5000);
	CHECK(*word(at(&m)) > 0);
	m.steps = m.run->immediate_exit = 1;
	pthread_kill(thread, SIGALRM);
	pthread_join(thread, NULL);
}

/* Slots come and go under a running guest: it sees memory or MMIO, never an end. */
static void test_slots_while_running(void)
{
	struct machine m;
	unsigned i, mmio = 0, rounds = 0;

	start(&m, G_mem_count, 0);
	set_slot(m.vm, 0, 0, 0, m.ram, 0);
	set_slot(m.vm, 0, 0, AT, m.ram, 0);
	for (i = 0; i < 50; i++) {
		run_to(&m, KVM_EXIT_MMIO);
		mmio++;
		set_slot(m.vm, 1, AT, PAGE, at(&m), 0);
		ualarm(2000, 2000);	/* the first may come before the run */
		/* The write of the instruction that has begun may be MMIO still. */
		while (!ioctl(m.cpu, KVM_RUN, 0))
			CHECK_EQ(m.run->exit_reason, KVM_EXIT_MMIO);
		CHECK_EQ(errno, EINTR);
		ualarm(0, 0);
		rounds++;
		set_slot(m.vm, 1, AT, 0, at(&m), 0);
	}
	CHECK_EQ(mmio, 50);
	CHECK_EQ(rounds, 50);
	CHECK(peek(&m, AT) > 50);
}

static void put_code(struct machine *m, u32 value)
{
	u8 code[] = { 0xb8, value, 0, 0, 0, 0xc3 };	/* mov $value, %eax; ret */

	memcpy(at(m), code, sizeof(code));
}

static void test_code_replaced(void)
{
	struct machine m;

	start(&m, G_mem_exec, 0);
	put_code(&m, 7);
	to_step(&m);
	CHECK(!madvise(at(&m), PAGE, MADV_DONTNEED));
	put_code(&m, 9);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), 7);
	CHECK_EQ(result(&m, 1), 9);
}

/* Guest RAM in a file that is shorter than its mapping: an error, no more. */
static void test_truncated_file(void)
{
	struct machine m;
	int fd;

	start(&m, G_mem_look, 0);
	fd = memfd_create("short", 0);
	CHECK(fd >= 0);
	CHECK(mmap(at(&m), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		   0) == at(&m));
	CHECK(ioctl(m.cpu, KVM_RUN, 0) == -1);
	CHECK(errno == EFAULT || errno == EHWPOISON);
	CHECK(!ftruncate(fd, PAGE));
	to_step(&m);
	CHECK_EQ(look(&m, 0), 0);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		diag("%s: %s", path, strerror(errno));
	close(fd);
}

/* What the kernel does to memory when it runs short of it, or saves it. */
static void *press(void *arg)
{
	static const int advice[] = {
		MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE,
		MADV_UNMERGEABLE,
	};
	struct machine *m = arg;
	u8 *from = m->ram + 0x400000;
	size_t size = 0xc00000, some;
	unsigned i;

	for (i = 0; !*(volatile unsigned *)&m->steps; i++) {
		/* A page on its own splits the huge one around it. */
		some = (i * 7 % (size / PAGE)) * PAGE;
		mprotect(from + some, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(from + some, PAGE, PROT_READ | PROT_WRITE);
		madvise(from, size, advice[i % (sizeof(advice) / sizeof(advice[0]))]);
		if (i % 16 == 0) {
			pid_t pid = fork();	/* copy-on-write, all of it */

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		usleep(300);
	}
	return NULL;
}

#define ROUNDS	30	/* each up to two seconds on an emulated host */

static void test_pressure(void)
{
	struct machine m = { 0 };
	pthread_t thread;
	unsigned rounds;

	write_file("/sys/kernel/mm/ksm/pages_to_scan", "5000");
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	write_file("/sys/kernel/mm/ksm/run", "1");
	machine_create(&m, XTRA_RAM);
	machine_boot(&m, LONG, G_mem_rounds);
	CHECK(!pthread_create(&thread, NULL, press, &m));
	for (rounds = 1; rounds <= ROUNDS; rounds++) {
		run_to(&m, KVM_EXIT_IO);
		if (m.run->io.port != PORT_STEP)
			fail("round %u: the page at %#llx is wrong", rounds,
			     (unsigned long long)result(&m, 0));
		CHECK_EQ(result(&m, 1), rounds);
		usleep(1000);
	}
	m.steps = 1;
	pthread_join(thread, NULL);
	write_file("/sys/kernel/mm/ksm/run", "2");
	if (is_vmm)
		diag("%llu second-level faults", (unsigned long long)
		     counter(m.cpu, VMM_GET_COUNTERS, "second-level faults"));
}

static const struct test tests[] = {
	{ "filled-on-demand", .custom = test_on_demand },
	{ "huge-pages", .flags = VMM_ONLY, .custom = test_huge },
	{ "slot-removed", .custom = test_slot_removed },
	{ "slot-moved", .custom = test_slot_moved },
	{ "read-only-slot", .custom = test_read_only },
	{ "madvise-dontneed", .custom = test_dropped },
	{ "page-replaced-and-unmapped", .custom = test_replaced },
	{ "mprotect", .custom = test_protected },
	{ "fork-copies", .custom = test_fork },
	{ "page-exchanged-while-running", .custom = test_exchange_while_running },
	{ "page-dropped-while-running", .custom = test_drop_while_running },
	{ "slots-come-and-go", .custom = test_slots_while_running },
	{ "split-merged-copied-paged-out-while-running", .custom = test_pressure,
	  .seconds = 300 },
	{ "code-page-replaced", .custom = test_code_replaced },
	{ "memory-behind-a-short-file", .custom = test_truncated_file },
};
TABLE(mem, tests);
