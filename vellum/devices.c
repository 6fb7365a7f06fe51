/* SPDX-License-Identifier: MIT */
/*
 * The machine's devices: what sits where, and what their lines to the outside
 * do.
 */
#include "machine.h"

#define COM1_PORT	0x3f8
#define COM1_IRQ	4
#define BDA_RESET_FLAG	0x472u	/* BIOS data area */
#define RESET_WARM	0x1234u

void machine_set_gsi(struct machine *m, unsigned int gsi,
		     enum gsi_source source, bool level)
{
	uint8_t was, bit = (uint8_t)(1u << source);
	int ret;

	if (gsi >= GSI_WIRES)
		return;
	was = m->gsi[gsi];
	m->gsi[gsi] = level ? was | bit : was & (uint8_t)~bit;
	if (!was == !m->gsi[gsi])
		return;
	ret = vmm_vm_irq_line(&m->vm, gsi, level);
	if (ret)
		machine_end(m, END_FAILED, 0,
			    "KVM_IRQ_LINE for line %u failed (error %d)",
			    gsi, -ret);
}

static void set_line(void *opaque, unsigned int number, bool level)
{
	machine_set_gsi(opaque, number, GSI_FROM_ISA, level);
}

/*
 * Our default command line makes Linux choose a warm reboot after a panic and
 * a cold one otherwise; it writes its choice where a PC's firmware looks.
 */
static bool is_panic(struct machine *m)
{
	const uint8_t *flag = ram_at(&m->ram, GPA(BDA_RESET_FLAG), 2);

	return m->warm_means_panic && flag &&
	       (flag[0] | flag[1] << 8) == RESET_WARM;
}

/*
 * IBM PC AT, "Shutdown": the only way of a 286 out of protected mode is a reset
 * of the processor.  A byte in the CMOS RAM tells the firmware that this is one,
 * and how to go on: by the address at 40:67 and the like.
 */
#define CMOS_SHUTDOWN		0x0f
enum {
	SHUTDOWN_JUMP_EOI = 5, SHUTDOWN_BLOCK_MOVE = 9, SHUTDOWN_JUMP = 10,
	SHUTDOWN_IRET = 11, SHUTDOWN_RETF = 12,
};

bool machine_returns(struct machine *m)
{
	if (!m->cfg->rom)
		return false;
	switch (m->rtc.ram[CMOS_SHUTDOWN]) {
	case SHUTDOWN_JUMP_EOI: case SHUTDOWN_BLOCK_MOVE: case SHUTDOWN_JUMP:
	case SHUTDOWN_IRET: case SHUTDOWN_RETF:
		m->vcpu[0].init = 1;
		vcpu_kick(&m->vcpu[0]);
		return true;
	default:
		return false;
	}
}

static void reset_line(void *opaque)
{
	struct machine *m = opaque;

	if (machine_returns(m))
		return;
	if (is_panic(m))
		machine_end(m, END_PANIC, 0,
			    "the guest's kernel panicked (it then asked for a warm reboot)");
	else
		machine_end(m, END_RESET, 0, "the guest reset the machine");
}

static void power_off(void *opaque)
{
	machine_end(opaque, END_POWER_OFF, 0, "the guest powered off");
}

static void panicked(void *opaque)
{
	machine_end(opaque, END_PANIC, 0,
		    "the guest's kernel panicked (pvpanic)");
}

static void debug_exit(void *opaque, uint32_t value)
{
	machine_end(opaque, END_DEBUG_EXIT, value,
		    "the guest ended by the debug-exit port");
}

static void console_input(void *opaque)
{
	struct machine *m = opaque;

	if (m->cfg->keyboard)
		board_type(m);
	else
		uart_kick(&m->uart);
}

struct irq_line machine_line(struct machine *m, unsigned int number)
{
	return (struct irq_line){
		.set = set_line, .opaque = m, .number = number,
	};
}

static void init_uart(struct machine *m)
{
	m->uart.backend = (struct uart_backend){
		.take = console_take, .untake = console_untake,
		.send = console_send, .flush = console_flush,
		.opaque = m->console,
	};
	if (m->cfg->keyboard)
		m->uart.backend.take = NULL;
	m->uart.irq = machine_line(m, COM1_IRQ);
	/* Linux drops what comes too early; a flat guest or Multiboot one may poll. */
	m->uart.hold_unless_rda = !m->cfg->flat && !m->cfg->rom &&
				  !m->multiboot;
	m->console->input = console_input;
	m->console->opaque = m;
}

static int add(struct bus *bus, uint64_t base, uint64_t len, unsigned int width,
	       const char *name, const struct bus_ops *ops, void *dev)
{
	struct bus_range r = {
		.base = base, .len = len, .width = width, .name = name,
		.ops = ops, .dev = dev,
	};

	return bus_add(bus, &r);
}

static int wire(struct machine *m)
{
	struct bus *io = &m->pio;

	return add(io, COM1_PORT, UART_PORTS, 1, "COM1", &uart_ops, &m->uart) ||
	       add(io, I8042_DATA_PORT, 1, 1, "i8042 data", &i8042_data_ops,
		   &m->i8042) ||
	       add(io, I8042_COMMAND_PORT, 1, 1, "i8042 command",
		   &i8042_command_ops, &m->i8042) ||
	       add(io, PORT92, 1, 1, "system control", &port92_ops,
		   &m->i8042) ||
	       add(io, RTC_PORT, RTC_PORTS, 1, "RTC", &rtc_ops, &m->rtc) ||
	       add(io, POST_PORT, 1, 1, "POST code", &post_ops, &m->misc) ||
	       add(io, DEBUGCON_PORT, 1, 1, "debug console", &debugcon_ops,
		   &m->misc) ||
	       add(io, PVPANIC_PORT, 1, 1, "pvpanic", &pvpanic_ops, &m->misc) ||
	       (!board_wanted(m->cfg) &&
		(add(io, RESET_CONTROL_PORT, 1, 1, "reset control",
		     &reset_control_ops, &m->i8042) ||
		 add(io, PM_BASE, PM_PORTS, 4, "ACPI PM", &pm_ops,
		     &m->pm))) ||
	       (m->cfg->debug_exit &&
		add(io, DEBUG_EXIT_PORT, 4, 4, "debug exit", &debug_exit_ops,
		    &m->misc));
}

int machine_add_devices(struct machine *m, struct vmm_error *e)
{
	init_uart(m);
	m->i8042.reset = reset_line;
	m->i8042.opaque = m;
	m->rtc.irq = machine_line(m, RTC_IRQ);
	m->pm.sci = machine_line(m, PM_SCI);
	m->pm.power_off = power_off;
	m->pm.opaque = m;
	m->misc = (struct misc){
		.debug_send = console_send, .debug_opaque = m->console,
		.panicked = panicked, .debug_exit = debug_exit, .opaque = m,
	};
	if (wire(m) || rtc_init(&m->rtc, m->loop))
		return vmm_fail(e, VMM_ERR_INTERNAL,
				"the devices do not fit onto the buses");

	if (board_add(m, e))
		return -1;
	if (machine_add_storage(m, e))
		return -1;
	uart_reset(&m->uart);
	i8042_reset(&m->i8042);
	rtc_reset(&m->rtc, m->ram.low_end, m->ram.high_end - RAM_HIGH_BASE);
	if (m->cfg->battery)
		rtc_recall(&m->rtc, m->cfg->battery);
	pm_reset(&m->pm);
	board_fill_cmos(m);
	return board_finish(m, e);
}

void machine_remove_devices(struct machine *m)
{
	m->console->input = NULL;
	uart_reset(&m->uart);	/* hands unread input back */
	if (m->cfg->battery)
		rtc_keep(&m->rtc, m->cfg->battery);
	rtc_fini(&m->rtc);
	machine_remove_storage(m);
	board_remove(m);
}
