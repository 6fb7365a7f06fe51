/* SPDX-License-Identifier: MIT */
/* Interrupts: from the LAPIC, PIC, IOAPIC, PIT, from user space; NMIs. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

static void raise_5(struct machine *m, unsigned n)
{
	if (n)
		set_line(m, 5, false);
	set_line(m, 5, true);
}

static void raise_then_lower_5(struct machine *m, unsigned n)
{
	set_line(m, 5, n == 0);
}

static void raise_9(struct machine *m, unsigned n)
{
	(void)n;
	set_line(m, 9, true);
}

static void raise_10(struct machine *m, unsigned n)
{
	if (n)
		set_line(m, 10, false);
	set_line(m, 10, true);
}

static void raise_then_lower_10(struct machine *m, unsigned n)
{
	set_line(m, 10, n == 0);
}

/* Step 0 and 2 are the guest's, the others its NMI handler's. */
static void send_nmis(struct machine *m, unsigned n)
{
	if (n == 0 || n == 2 || n == 3)
		raise_nmi(m);
}

static void *send_nmi_later(void *arg)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x400 };
	struct machine *m = arg;

	usleep(50000);
	DO(m->vm, KVM_SIGNAL_MSI, &msi);
	return NULL;
}

static void nmi_soon(struct machine *m, unsigned n)
{
	static pthread_t thread;

	(void)n;
	CHECK(!pthread_create(&thread, NULL, send_nmi_later, m));
}

static void send_msi(struct machine *m, unsigned n)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x70 + n };

	CHECK(DO(m->vm, KVM_SIGNAL_MSI, &msi) > 0);
}

static void inject(struct machine *m, u32 vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	DO(m->cpu, KVM_INTERRUPT, &irq);
}

static void expect_step(struct machine *m)
{
	run_to(m, KVM_EXIT_IO);
	CHECK_EQ(m->run->io.port, PORT_STEP);
}

static void test_user_controller(void)
{
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_irq_user);
	expect_step(&m);
	CHECK_EQ(m.run->if_flag, 1);
	inject(&m, 0x60);
	expect_step(&m);
	CHECK_EQ(result(&m, 0), 1);
	CHECK_EQ(m.run->if_flag, 0);
	CHECK_EQ(m.run->ready_for_interrupt_injection, 0);
	m.run->request_interrupt_window = 1;
	run_to(&m, KVM_EXIT_IRQ_WINDOW_OPEN);
	CHECK_EQ(m.run->ready_for_interrupt_injection, 1);
	CHECK_EQ(m.run->if_flag, 1);
	m.run->request_interrupt_window = 0;
	inject(&m, 0x61);
	run_to_end(&m);
	CHECK_EQ(result(&m, 1), 0);
	CHECK_EQ(result(&m, 2), 1);
}

static void *send_ten(void *arg)
{
	struct machine *m = arg;
	unsigned i;

	for (i = 0; i < 10; i++) {
		usleep(20000);
		set_line(m, 10, false);
		set_line(m, 10, true);
	}
	return NULL;
}

/* Lines raised by another thread while the guest spins or halts. */
static void test_lines_from_a_thread(void)
{
	struct machine m = { 0 };
	pthread_t thread;

	machine_create(&m, IRQCHIP);
	machine_boot(&m, LONG, G_irq_ten);
	CHECK(!pthread_create(&thread, NULL, send_ten, &m));
	run_to_end(&m);
	pthread_join(thread, NULL);
	CHECK_EQ(irq_count(&m, 0x50), 10);
}

/* Guest memory as a file, so that pages can be dropped without losing them. */
static void test_delivery(void)
{
	struct machine m = { 0 };
	unsigned steps = 0;
	void *p;
	int fd;

	machine_create(&m, IRQCHIP);
	fd = memfd_create("ram", 0);
	CHECK(fd >= 0 && !ftruncate(fd, m.ram_size));
	p = mmap(m.ram, m.ram_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 fd, 0);
	CHECK(p == m.ram);
	machine_boot(&m, LONG, G_irq_delivery);
	for (;;) {
		run_to(&m, KVM_EXIT_IO);
		if (m.run->io.port != PORT_STEP)
			break;
		CHECK(!madvise(m.ram, m.ram_size, MADV_DONTNEED));
		steps++;
	}
	CHECK_EQ(m.run->io.port, PORT_END);
	CHECK_EQ(steps, 30);
	CHECK_EQ(result(&m, 0), 10);
	CHECK_EQ(result(&m, 1), 10);
	CHECK_EQ(result(&m, 2), 10);
}

static void route_pit_to_pin_2(struct machine *m)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[2];
	} r = {
		.head.nr = 2,
		.e = {
			{ .gsi = 0, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { KVM_IRQCHIP_IOAPIC, 2 } },
			{ .gsi = 0, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { KVM_IRQCHIP_PIC_MASTER, 0 } },
		},
	};

	DO(m->vm, KVM_SET_GSI_ROUTING, &r);
}

static const struct test tests[] = {
	{ "self-ipi", LONG, G_irq_self_ipi, IRQCHIP, RESULTS(0, 1, 2) },
	{ "x2apic", LONG, G_irq_x2apic, IRQCHIP, RESULTS(1, 1, 0, 1),
	  EXCEPTIONS(EXC(GP, 0)) },
	{ "lapic-timer-one-shot", LONG, G_irq_timer_once, IRQCHIP, RESULTS(1, 0) },
	{ "lapic-timer-periodic", LONG, G_irq_timer_periodic, IRQCHIP, RESULTS(0) },
	{ "lapic-timer-masked", LONG, G_irq_timer_masked, IRQCHIP, RESULTS(0) },
	{ "lapic-timer-while-spinning", LONG, G_irq_timer_spin, IRQCHIP, RESULTS(1) },
	{ "tsc-deadline", LONG, G_irq_deadline, IRQCHIP, RESULTS(1, 1, 0, 2, 2) },
	{ "pic-edge", LONG, G_irq_pic_edge, IRQCHIP, RESULTS(1, 2, 2, 3),
	  .step = raise_5 },
	{ "pic-slave", LONG, G_irq_pic_slave, IRQCHIP, RESULTS(1), .step = raise_9 },
	{ "pic-level", LONG, G_irq_pic_level, IRQCHIP, RESULTS(1, 2, 2),
	  .step = raise_then_lower_5 },
	{ "pic-registers", LONG, G_irq_pic_registers, IRQCHIP,
	  RESULTS(0x5a, 0x20, 0x20, 0), .step = raise_5 },
	{ "ioapic-edge", LONG, G_irq_ioapic_edge, IRQCHIP, RESULTS(1, 2),
	  .step = raise_10 },
	{ "ioapic-level", LONG, G_irq_ioapic_level, IRQCHIP, RESULTS(1, 2, 2),
	  .step = raise_then_lower_10 },
	{ "ioapic-remote-irr", LONG, G_irq_ioapic_remote_irr, IRQCHIP,
	  RESULTS(1, 0xc051, 0x8051), .step = raise_then_lower_10 },
	{ "ioapic-level-seen-at-unmask", LONG, G_irq_ioapic_unmask, IRQCHIP, RESULTS(0, 1),
	  .step = raise_10 },
	{ "ioapic-registers", LONG, G_irq_ioapic_registers, IRQCHIP,
	  RESULTS(0x170011, 0x05000000, 0x10000, 0xab000000) },
	{ "lapic-registers", LONG, G_irq_lapic_registers, IRQCHIP,
	  RESULTS(0, 0x10, 0x30, 3, 0x70, 0xff, 8, 0xfee00900) },
	{ "pit-through-pic", LONG, G_irq_pit_pic, IRQCHIP | PIT },
	{ "pit-through-ioapic", LONG, G_irq_pit_ioapic, IRQCHIP | PIT },
	{ "pit-through-ioapic-pin-2", LONG, G_irq_pit_ioapic, IRQCHIP | PIT,
	  .setup = route_pit_to_pin_2 },
	{ "pit-counts-down", LONG, G_irq_pit_read, IRQCHIP | PIT, RESULTS(1) },
	{ "cr8-masks", LONG, G_irq_cr8, IRQCHIP, RESULTS(0, 5, 0, 1) },
	{ "priorities", LONG, G_irq_priority, IRQCHIP, RESULTS(1, 1, 0x41, 1, 1, 2) },
	{ "sti-shadow", LONG, G_irq_sti_shadow, IRQCHIP, RESULTS(0, 0, 0, 3, 3),
	  ACCESSES(OUT(0x80, 1, ANY)) },
	{ "mov-ss-shadow", LONG, G_irq_ss_shadow, 0, RESULTS(0), EXCEPTIONS(EXC(DB, 0)) },
	{ "pending-interrupt-ends-hlt", LONG, G_irq_hlt_wakes, IRQCHIP, RESULTS(1) },
	{ "nmi-blocked-until-iret", LONG, G_irq_nmi, 0, RESULTS(1, 3, 1),
	  .step = send_nmis },
	{ "nmi-ends-hlt-with-interrupts-off", LONG, G_irq_nmi_hlt, IRQCHIP, RESULTS(0, 1),
	  .step = nmi_soon },
	{ "controller-in-user-space", .custom = test_user_controller },
	{ "lines-raised-by-a-thread", .custom = test_lines_from_a_thread },
	{ "msi", LONG, G_irq_msi, IRQCHIP, RESULTS(1, 1), .step = send_msi },
	{ "delivery-through-dropped-pages", .custom = test_delivery },
	{ "2000-interrupts", LONG, G_irq_storm, IRQCHIP, RESULTS(2000) },
	{ "protected-mode", PROT32, G_irq_prot, IRQCHIP, RESULTS(1) },
	{ "real-mode-pit", REAL, G_irq_real, IRQCHIP | PIT, RESULTS(3) },
};
TABLE(irq, tests);
