/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "acpi/tables.h"
#include "faults.h"
#include "machine.h"
#include "named.h"
#include "why.h"

/*
 * Four pages below the place of the largest firmware that VT-x needs if it has
 * no unrestricted guest: a TSS of three pages and an identity page table.
 */
#define TSS_ADDRESS		0xfeffd000u
#define IDENTITY_MAP_ADDRESS	0xfeffc000u

void machine_end(struct machine *m, enum end_cause cause, uint32_t value,
		 const char *fmt, ...)
{
	unsigned int i;
	va_list ap;

	if (m->end.cause != END_NONE)
		return;
	m->end.cause = cause;
	m->end.value = value;
	va_start(ap, fmt);
	vsnprintf(m->end.text, sizeof(m->end.text), fmt, ap);
	va_end(ap);

	m->stopping = 1;
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_kick(&m->vcpu[i]);
	ev_stop(m->loop);
}

/* Of a VM that is no named one, whose memory is its own. */
static int add_slots(struct machine *m, struct vmm_error *e)
{
	int ret = m->cfg->rom ? ram_add_slots_shadowed(&m->ram, &m->vm, e) :
				ram_add_slots(&m->ram, &m->vm, e);

	return ret || !m->cfg->vga ? ret : ram_add_vga(&m->ram, &m->vm, e);
}

static int create_vm(struct machine *m, struct vmm_accel *accel,
		     struct vmm_error *e)
{
	int routed;

	if (m->cfg->name) {
		if (named_open_vm(m, accel, e))
			return -1;
		if (m->cfg->attach)
			return 0;
	} else if (ram_create(&m->ram, m->cfg->memory, e) ||
		   vmm_vm_create(&m->vm, accel, e)) {
		return -1;
	}
	if (vmm_vm_set_tss_addr(&m->vm, TSS_ADDRESS, e) ||
	    vmm_vm_set_identity_map_addr(&m->vm, IDENTITY_MAP_ADDRESS, e) ||
	    vmm_vm_create_irqchip(&m->vm, e) ||
	    vmm_vm_create_pit(&m->vm, e))
		return -1;
	routed = vmm_vm_set_pc_routing(&m->vm, e);
	if (routed < 0)
		return -1;
	m->pit_on_pin2 = routed;
	if (!m->cfg->name && add_slots(m, e))
		return -1;
	if (m->cfg->vga)
		vga_clear(ram_at(&m->ram, GPA(VGA_MEMORY), VGA_MEMORY_SIZE));
	return 0;
}

static int load_kernel(struct machine *m, struct boot_state *s,
		      struct vmm_error *e)
{
	struct acpi_config acpi = {
		.cpus = m->cfg->cpus, .pit_on_pin2 = m->pit_on_pin2,
		.pci = board_wanted(m->cfg), .ecam = Q35_ECAM_BASE,
		.vga = m->cfg->vga,
	};
	struct kernel_boot b = {
		.kernel = m->cfg->kernel, .module = m->cfg->module,
		.n_modules = m->cfg->n_modules, .rsdp = BOOT_ACPI,
	};
	uint32_t len = BOOT_MP - BOOT_ACPI, mp_len = BOOT_ACPI_END - BOOT_MP;
	char *cmdline, *words;
	int ret;

	if (boot_bios_data(&m->ram, e) ||
	    acpi_build(ram_at(&m->ram, GPA(BOOT_ACPI), len), BOOT_ACPI, len,
		       &acpi, e) ||
	    mp_build(ram_at(&m->ram, GPA(BOOT_MP), mp_len), BOOT_MP, mp_len,
		     &acpi, e))
		return -1;
	b.cmdline = cmdline = machine_cmdline(m, vmm_vcpu_tsc_khz(&m->vcpu[0].v));
	b.words = words = machine_words(m->cfg);
	if (cmdline && words)
		ret = boot_kernel(&m->ram, &b, s, e);
	else
		ret = vmm_fail(e, VMM_ERR_HOST, "out of memory");
	if (!ret && s->multiboot) {
		m->multiboot = true;
		m->warm_means_panic = false;
	}
	if (!ret && !m->cfg->quiet)
		fprintf(stderr, "vellum: guest command line: %s\n",
			m->multiboot ? words : cmdline);
	free(cmdline);
	free(words);
	return ret;
}

static int load_guest(struct machine *m, struct boot_state *s,
		      struct vmm_error *e)
{
	if (!m->cfg->flat)
		return load_kernel(m, s, e);
	memset(s, 0, sizeof(*s));
	s->mode = m->cfg->mode;
	s->cs = m->cfg->entry_cs;
	s->rip = m->cfg->entry;
	s->rdi = m->cfg->memory;
	return load_flat(&m->ram, m->cfg->flat_image, m->cfg->n_flat, s, e);
}

static int set_traps(struct machine *m, struct vmm_error *e)
{
	struct vmm_traps t = { .instructions = m->cfg->traps };
	const char *option = m->cfg->traps ? "--trap" : "--catch-faults";
	unsigned int i;
	int ret = 0;

	if (m->cfg->catch_faults)
		t.exceptions = faults_wanted();
	for (i = 0; i < m->n_vcpus && !ret; i++)
		ret = vmm_vcpu_set_traps(&m->vcpu[i].v, &t);
	if (ret == -ENOTTY || ret == -EINVAL)
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: %s has no traps by policy (VMM_SET_TRAPS): use vmm.ko",
			option, m->vm.accel->path);
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST, "%s: %s: %s", option,
				m->vm.accel->path, strerror(-ret));
	return 0;
}

/* Memory's content and the first vCPU's state. */
static int prepare(struct machine *m, struct vmm_error *e)
{
	struct boot_state s;

	if (m->cfg->attach) {
		m->multiboot = m->cfg->multiboot;
		return board_load_firmware(m, e);
	}
	if (m->cfg->rom) {
		if (board_load_firmware(m, e) ||
		    vcpu_reset_state(&m->vcpu[0], e))
			return -1;
	} else if (load_guest(m, &s, e) ||
		   vcpu_start_state(&m->vcpu[0], &s, e)) {
		return -1;
	}
	if ((m->cfg->traps || m->cfg->catch_faults) && set_traps(m, e))
		return -1;
	if (!m->cfg->state)
		return 0;
	return vcpu_change_state(&m->vcpu[0], m->cfg->state,
				 m->cfg->state_name, e);
}

/* --lint: nobody is served by an entry that is known to fail. */
static int lint(struct machine *m, struct vmm_error *e)
{
	char *found = m->cfg->lint ? why_lint(m) : NULL;

	if (!found)
		return 0;
	fputs(found, stderr);
	free(found);
	return vmm_fail(e, VMM_ERR_INPUT,
		"--lint: the first vCPU can't run with this state; nothing was entered");
}

int machine_create(struct machine *m, const struct machine_config *cfg,
		   struct vmm_accel *accel, struct console *console,
		   pthread_mutex_t *lock, struct vmm_error *e)
{
	memset(m, 0, sizeof(*m));
	m->cfg = cfg;
	m->console = console;
	m->loop = console->loop;
	m->lock = lock;
	m->vm.fd = -1;
	if (create_vm(m, accel, e) || vcpu_create(m, e) ||
	    prepare(m, e) || machine_add_devices(m, e) ||
	    (cfg->name && !cfg->attach && named_loaded(m, e)) ||
	    (cfg->name && named_start(m, e)) || lint(m, e)) {
		machine_destroy(m);
		return -1;
	}
	return 0;
}

static void close_vm(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++)
		faults_end(&m->vcpu[i]);
	for (i = 0; i < m->n_vcpus; i++)
		vmm_vcpu_destroy(&m->vcpu[i].v);
	m->n_vcpus = 0;
	vmm_vm_destroy(&m->vm);
	ram_destroy(&m->ram);
}

int machine_load(struct machine *m, const struct machine_config *cfg,
		 struct vmm_accel *accel, struct vmm_error *e)
{
	int ret;

	memset(m, 0, sizeof(*m));
	m->cfg = cfg;
	m->vm.fd = -1;
	ret = create_vm(m, accel, e) || vcpu_create(m, e) || prepare(m, e) ||
	      named_loaded(m, e) ? -1 : 0;
	board_remove(m);
	close_vm(m);
	return ret;
}

int machine_run(struct machine *m, struct gdb *gdb, struct vmm_error *e)
{
	unsigned int i;
	int ret = 0;

	if (gdb)
		gdb_machine_begin(gdb, m);
	for (i = 0; i < m->n_vcpus && !ret; i++)
		ret = vcpu_start(&m->vcpu[i], e);
	if (!ret)
		ev_run(m->loop);
	m->stopping = 1;
	if (gdb)
		gdb_machine_end(m);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_stop(&m->vcpu[i]);
	return ret;
}

void machine_destroy(struct machine *m)
{
	machine_remove_devices(m);
	close_vm(m);
}
