/* SPDX-License-Identifier: MIT */
/* Lives and ends of VMs, clients and the module. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* What the module holds comes back to what it was. */
static void wait_for_nothing(u64 vms, u64 pages, u64 objects)
{
	unsigned i;

	for (i = 0; i < 100; i++) {
		if (module_info("VMs") == vms && module_info("pages") == pages &&
		    module_info("objects") == objects)
			return;
		usleep(20000);
	}
	fail("left behind: %lld VMs, %lld pages, %lld objects",
	     (long long)(module_info("VMs") - vms),
	     (long long)(module_info("pages") - pages),
	     (long long)(module_info("objects") - objects));
}

static void spin_in_guest(u32 flags)
{
	struct machine m = { 0 };

	machine_create(&m, flags);
	machine_boot(&m, LONG, flags & IRQCHIP ? G_irq_pit_pic : G_abi_spin);
	for (;;)
		ioctl(m.cpu, KVM_RUN, 0);
}

/* The client is killed in the guest, at a moment that varies. */
static void test_kill(void)
{
	u64 vms = 0, pages = 0, objects = 0;
	unsigned i;

	if (is_vmm) {
		vms = module_info("VMs");
		pages = module_info("pages");
		objects = module_info("objects");
	}
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			spin_in_guest(i & 1 ? IRQCHIP | PIT : 0);
		usleep(500 + i * 700);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status));
	}
	if (is_vmm)
		wait_for_nothing(vms, pages, objects);
}

static void test_nothing_left(void)
{
	u64 vms = module_info("VMs"), pages = module_info("pages");
	u64 objects = module_info("objects");
	unsigned i;

	for (i = 0; i < 30; i++) {
		struct machine m = { 0 };

		machine_create(&m, i & 1 ? IRQCHIP | PIT : 0);
		machine_boot(&m, LONG, G_long_sum);
		CHECK_EQ(module_info("VMs"), vms + 1);
		CHECK(module_info("pages") > pages);
		run_to_end(&m);
		machine_destroy(&m);
	}
	wait_for_nothing(vms, pages, objects);
}

/* No VM: then the module holds nothing at all. */
static void test_all_back(void)
{
	struct machine m = { 0 };

	if (module_info("VMs"))
		skip("another VM is there");
	wait_for_nothing(0, 0, 0);
	machine_create(&m, IRQCHIP);
	machine_boot(&m, LONG, G_long_sum);
	run_to_end(&m);
	CHECK(module_info("pages") && module_info("objects"));
	machine_destroy(&m);
	wait_for_nothing(0, 0, 0);
}

static void test_rmmod(void)
{
	static const char *const kvm[] = { "kvm_intel", "kvm_amd" };
	const char *name = is_vmm ? "vmm" : kvm[is_amd];
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_long_sum);
	CHECK(syscall(SYS_delete_module, name, O_NONBLOCK) == -1);
	CHECK(errno == EAGAIN || errno == EBUSY);
	run_to_end(&m);
}

static void *run_storm(void *arg)
{
	struct machine *m = arg;

	run_to_end(m);
	return NULL;
}

static void test_two_vms(void)
{
	struct machine m[2] = { 0 };
	pthread_t thread[2];
	unsigned i;

	for (i = 0; i < 2; i++) {
		machine_create(&m[i], IRQCHIP);
		machine_boot(&m[i], LONG, i ? G_irq_storm : G_many_exits);
	}
	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&thread[i], NULL, run_storm, &m[i]));
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(result(&m[0], 0), 5000);
	CHECK_EQ(result(&m[1], 0), 2000);
}

/* Two VMs by turns on one thread: state is swapped each time. */
static void test_interleaved(void)
{
	struct machine m[2] = { 0 };
	unsigned i;

	for (i = 0; i < 2; i++) {
		machine_create(&m[i], 0);
		machine_boot(&m[i], LONG, G_abi_steps);
	}
	for (i = 0; i < 400; i++)
		run_to(&m[i & 1], KVM_EXIT_IO);
	for (i = 0; i < 2; i++) {
		struct kvm_regs r;

		get_regs(&m[i], &r);
		CHECK_EQ(r.rbx, 200);
	}
}

/* A vCPU that moves from thread to thread, and so from CPU to CPU where there are two. */
static void test_moving(void)
{
	struct machine m = { 0 };
	cpu_set_t set;
	unsigned i;
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct kvm_regs r;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_abi_steps);
	for (i = 0; i < 200; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		CHECK(!sched_setaffinity(0, sizeof(set), &set));
		run_to(&m, KVM_EXIT_IO);
	}
	get_regs(&m, &r);
	CHECK_EQ(r.rbx, 200);
}

static void *run_until_told(void *arg)
{
	struct machine *m = arg;

	while (!*(volatile unsigned *)&m->steps)
		ioctl(m->cpu, KVM_RUN, 0);
	return NULL;
}

/* Its descriptors go while a thread is in the guest, its memory too. */
static void test_closed_while_running(void)
{
	u64 vms = 0, pages = 0, objects = 0;
	unsigned i;

	if (is_vmm) {
		vms = module_info("VMs");
		pages = module_info("pages");
		objects = module_info("objects");
	}
	for (i = 0; i < 12; i++) {
		struct machine m = { 0 };
		pthread_t thread;
		int size;

		machine_create(&m, i & 1 ? IRQCHIP | PIT : 0);
		machine_boot(&m, LONG, G_abi_spin);
		CHECK(!pthread_create(&thread, NULL, run_until_told, &m));
		usleep(2000 + i * 300);
		close(m.vm);
		if (i & 2)
			munmap(m.ram, m.ram_size);
		close(m.cpu);
		m.steps = 1;
		usleep(1000);
		pthread_kill(thread, SIGALRM);
		pthread_join(thread, NULL);
		size = DO(ctl, KVM_GET_VCPU_MMAP_SIZE, 0);
		munmap(m.run, size);
		if (!(i & 2))
			munmap(m.ram, m.ram_size);
	}
	if (is_vmm)
		wait_for_nothing(vms, pages, objects);
}

static void *create_vcpu(void *arg)
{
	return (void *)(intptr_t)ioctl(*(int *)arg, KVM_CREATE_VCPU, 0);
}

/* Of two who make the same vCPU at once one gets it; the other is told so. */
static void test_vcpu_race(void)
{
	unsigned i;

	for (i = 0; i < 60; i++) {
		int vm = DO(ctl, KVM_CREATE_VM, 0);
		pthread_t thread;
		intptr_t mine;
		void *theirs;

		CHECK(!pthread_create(&thread, NULL, create_vcpu, &vm));
		mine = (intptr_t)create_vcpu(&vm);
		pthread_join(thread, &theirs);
		CHECK((mine >= 0) != ((intptr_t)theirs >= 0));
		if (i & 1)
			close(vm);
		close(mine >= 0 ? mine : (intptr_t)theirs);
		if (!(i & 1))
			close(vm);
	}
}

static const struct test tests[] = {
	{ "kill-9-in-mid-run", .custom = test_kill },
	{ "nothing-is-left-of-30-vms", .flags = VMM_ONLY, .custom = test_nothing_left,
	  .seconds = 20 },
	{ "the-last-vm-gives-all-back", .flags = VMM_ONLY, .custom = test_all_back },
	{ "closed-while-running", .custom = test_closed_while_running, .seconds = 20 },
	{ "two-make-the-same-vcpu", .custom = test_vcpu_race, .seconds = 20 },
	{ "rmmod-while-a-vm-lives", .custom = test_rmmod },
	{ "two-vms-at-once", .custom = test_two_vms, .seconds = 20 },
	{ "two-vms-by-turns", .custom = test_interleaved },
	{ "vcpu-moves-between-cpus", .custom = test_moving },
};
TABLE(life, tests);
