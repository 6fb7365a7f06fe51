/* SPDX-License-Identifier: MIT */
/*
 * One VM used from all sides at once: its vCPU runs, while other threads set its
 * state, its slots, routes and eventfds to what makes sense and what does not, and
 * take its memory away. What this proves is that the host stays well, that every
 * run ends, and that nothing is left.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define PAGE 4096ul
#define EVENTS 4

struct scene {
	struct machine m;
	struct kvm_regs regs;		/* a guest that spins */
	struct kvm_sregs sregs;
	int event[EVENTS];
	volatile bool over, no_more_kicks;
	pthread_t runner;
};

struct actor {
	struct scene *s;
	u64 seed;
	u8 buffer[1 << 14];
};

static u64 rnd(struct actor *a)
{
	a->seed ^= a->seed << 13;
	a->seed ^= a->seed >> 7;
	return a->seed ^= a->seed << 17;
}

static void ignore(int sig)
{
	(void)sig;
}

/* -- The sides ------------------------------------------------------------------- */

static void run(struct actor *a)
{
	ioctl(a->s->m.cpu, KVM_RUN, 0);
	a->s->m.run->immediate_exit = 0;
}

static void kick(struct actor *a)
{
	if (rnd(a) & 1)
		a->s->m.run->immediate_exit = 1;
	pthread_kill(a->s->runner, SIGALRM);
	usleep(rnd(a) % 1000);
}

/* What is there, with a bit or two changed. */
static void change(struct actor *a, int fd, unsigned long get, unsigned long set, size_t size)
{
	if (get && ioctl(fd, get, a->buffer))
		return;
	if (rnd(a) & 3)
		a->buffer[rnd(a) % size] ^= 1u << (rnd(a) & 7);
	ioctl(fd, set, a->buffer);
}

static void set_state(struct actor *a)
{
	static const struct {
		unsigned long get, set;
		size_t size;
	} pairs[] = {
		{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs) },
		{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs) },
		{ KVM_GET_FPU, KVM_SET_FPU, sizeof(struct kvm_fpu) },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state) },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events) },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs) },
		{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4 },
		{ 0, KVM_SET_GUEST_DEBUG, sizeof(struct kvm_guest_debug) },
	};
	unsigned i = rnd(a) % (sizeof(pairs) / sizeof(pairs[0]));

	change(a, a->s->m.cpu, pairs[i].get, pairs[i].set, pairs[i].size);
	if (!(rnd(a) & 7))
		ioctl(a->s->m.cpu, KVM_NMI, 0);
	if (!(rnd(a) & 7)) {
		ioctl(a->s->m.cpu, KVM_SET_SREGS, &a->s->sregs);
		ioctl(a->s->m.cpu, KVM_SET_REGS, &a->s->regs);
	}
}

static void set_route(struct actor *a)
{
	struct kvm_irq_routing *r = (void *)a->buffer;
	unsigned i;

	memset(a->buffer, 0, sizeof(a->buffer));
	r->nr = rnd(a) % 32;
	for (i = 0; i < r->nr; i++) {
		struct kvm_irq_routing_entry *e = &r->entries[i];

		e->gsi = rnd(a) % 40;
		e->type = rnd(a) & 1 ? KVM_IRQ_ROUTING_MSI : KVM_IRQ_ROUTING_IRQCHIP;
		if (e->type == KVM_IRQ_ROUTING_MSI) {
			e->u.msi.address_lo = 0xfee00000 | (rnd(a) & 0xff00c);
			e->u.msi.data = rnd(a) & 0xc7ff;
		} else {
			e->u.irqchip.irqchip = rnd(a) % 3;
			e->u.irqchip.pin = rnd(a) % 25;
		}
	}
	ioctl(a->s->m.vm, KVM_SET_GSI_ROUTING, r);
}

static void set_lines(struct actor *a)
{
	struct kvm_irq_level level = { .irq = rnd(a) % 40, .level = rnd(a) & 1 };
	struct kvm_msi msi = { .address_lo = 0xfee00000 | (rnd(a) & 0xff00c),
			       .data = rnd(a) & 0xc7ff };
	u64 one = 1;

	ioctl(a->s->m.vm, KVM_IRQ_LINE, &level);
	ioctl(a->s->m.vm, KVM_SIGNAL_MSI, &msi);
	if (write(a->s->event[rnd(a) % EVENTS], &one, sizeof(one)) < 0)
		return;
	if (rnd(a) & 3)
		return;
	a->buffer[0] = rnd(a) % 4;		/* the chip */
	memset(a->buffer + 1, 0, 7);
	change(a, a->s->m.vm, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, sizeof(struct kvm_irqchip));
	change(a, a->s->m.vm, KVM_GET_PIT2, KVM_SET_PIT2, sizeof(struct kvm_pit_state2));
}

static void set_events(struct actor *a)
{
	struct kvm_irqfd irqfd = {
		.fd = a->s->event[rnd(a) % EVENTS], .gsi = rnd(a) % 24,
		.flags = rnd(a) & 1 ? KVM_IRQFD_FLAG_DEASSIGN : 0,
	};
	struct kvm_ioeventfd io = {
		.addr = rnd(a) & 0xff, .len = 1u << (rnd(a) & 3), .fd = irqfd.fd,
		.flags = rnd(a) & 7, .datamatch = rnd(a) & 1,
	};

	ioctl(a->s->m.vm, KVM_IRQFD, &irqfd);
	ioctl(a->s->m.vm, KVM_IOEVENTFD, &io);
	set_route(a);
}

static void set_memory(struct actor *a)
{
	struct kvm_userspace_memory_region r = {
		.slot = rnd(a) % 6, .flags = rnd(a) & 2,
		.guest_phys_addr = rnd(a) % 64 * PAGE,
		.memory_size = rnd(a) & 3 ? rnd(a) % 32 * PAGE : 0,
		.userspace_addr = (uintptr_t)a->s->m.ram + rnd(a) % 16 * PAGE,
	};
	u8 *at = a->s->m.ram + rnd(a) % (a->s->m.ram_size / PAGE) * PAGE;
	pid_t pid;

	switch (rnd(a) & 7) {
	case 0: case 1: ioctl(a->s->m.vm, KVM_SET_USER_MEMORY_REGION, &r); break;
	case 2: madvise(at, PAGE, MADV_DONTNEED); break;
	case 3: mprotect(at, PAGE, PROT_READ); break;
	case 4: mprotect(at, PAGE, PROT_NONE); break;
	case 5: mmap(at, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
	case 6: mprotect(a->s->m.ram, a->s->m.ram_size, PROT_READ | PROT_WRITE); break;
	default:
		pid = fork();		/* all of it becomes copy-on-write */
		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
		break;
	}
}

/* -- Together -------------------------------------------------------------------- */

/* The first two have places of their own in scene(). */
static void (*const sides[])(struct actor *) = {
	run, kick, set_state, set_lines, set_events, set_memory,
};
#define SIDES (sizeof(sides) / sizeof(sides[0]))

struct part {
	struct actor a;
	unsigned side;
};

static void *play(void *arg)
{
	struct part *p = arg;

	/* Who waits for the vCPU waits for a kick. */
	while (sides[p->side] == kick ? !p->a.s->no_more_kicks : !p->a.s->over)
		sides[p->side](&p->a);
	return NULL;
}

static void scene(u64 seed)
{
	static struct part parts[SIDES];
	pthread_t thread[SIDES];
	struct scene s = { 0 };
	unsigned i;

	machine_create(&s.m, IRQCHIP | PIT);
	machine_boot(&s.m, seed & 1 ? LONG : REAL, seed & 1 ? G_abi_spin : G_real_sum);
	get_regs(&s.m, &s.regs);
	get_sregs(&s.m, &s.sregs);
	for (i = 0; i < EVENTS; i++)
		s.event[i] = eventfd(0, EFD_NONBLOCK);
	for (i = 0; i < SIDES; i++) {
		parts[i].side = i;
		parts[i].a.s = &s;
		parts[i].a.seed = seed * 0x9e3779b97f4a7c15 + i + 1;
		CHECK(!pthread_create(&thread[i], NULL, play, &parts[i]));
		if (!i)
			s.runner = thread[0];
	}
	usleep(100000);
	s.over = true;
	for (i = 2; i < SIDES; i++)
		pthread_join(thread[i], NULL);
	s.no_more_kicks = true;
	pthread_join(thread[1], NULL);
	s.m.run->immediate_exit = 1;
	pthread_kill(thread[0], SIGALRM);
	pthread_join(thread[0], NULL);
	for (i = 0; i < EVENTS; i++)
		close(s.event[i]);
	machine_destroy(&s.m);
}

static void test_all_sides(void)
{
	u64 vms = is_vmm ? module_info("VMs") : 0;
	struct timeval start, now;
	u64 n = 0;

	gettimeofday(&start, NULL);
	do {
		int status;
		pid_t pid = fork();

		if (!pid) {
			struct sigaction sa = { .sa_handler = ignore };

			sigaction(SIGALRM, &sa, NULL);
			scene(n + (u64)getpid() * 1000);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
		n++;
		gettimeofday(&now, NULL);
	} while (now.tv_sec - start.tv_sec < 6);
	diag("%llu scenes", (unsigned long long)n);
	if (is_vmm)
		CHECK_EQ(module_info("VMs"), vms);
}

static const struct test tests[] = {
	{ "one-vm-from-all-sides", .custom = test_all_sides, .seconds = 30 },
};
TABLE(race, tests);
