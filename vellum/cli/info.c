/* SPDX-License-Identifier: MIT */
/* `vellum info`: what the accelerator and the CPU offer. */
#include <stdio.h>
#include <stdlib.h>

#include "../status.h"
#include "commands.h"
#include "parse.h"

enum { OPT_HELP = 1, OPT_ACCEL };

static const struct option_spec specs[] = {
	{ "accel", "PATH", OPT_ACCEL, "accelerator (default " VMM_DEFAULT_ACCEL ")" },
	{ "help", NULL, OPT_HELP, "this text" },
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

static const struct {
	int cap;
	const char *name;
	bool number;		/* the answer is one, not yes or no */
} caps[] = {
	{ KVM_CAP_IRQCHIP, "interrupt controllers in the kernel", false },
	{ KVM_CAP_PIT2, "8254 timer in the kernel", false },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing", false },
	{ KVM_CAP_SPLIT_IRQCHIP, "LAPICs only in the kernel (split)", false },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit", false },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC-deadline timer", false },
	{ KVM_CAP_GET_TSC_KHZ, "TSC frequency", false },
	{ KVM_CAP_SYNC_MMU, "memory follows the host's page tables", false },
	{ KVM_CAP_NR_MEMSLOTS, "memory slots", true },
	{ KVM_CAP_MAX_VCPUS, "vCPUs per VM, at most", true },
	{ KVM_CAP_SET_TSS_ADDR, "TSS address", false },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "identity map address", false },
	{ KVM_CAP_IRQFD, "interrupts by eventfd", false },
	{ KVM_CAP_IOEVENTFD, "I/O notification by eventfd", false },
	{ KVM_CAP_VCPU_EVENTS, "pending events", false },
	{ KVM_CAP_DEBUGREGS, "debug registers", false },
	{ KVM_CAP_XSAVE, "XSAVE state", false },
	{ KVM_CAP_XCRS, "extended control registers", false },
	{ KVM_CAP_BINARY_STATS_FD, "statistics file", false },
};

static void show_caps(const struct vmm_accel *a)
{
	unsigned int i;

	printf("capabilities of the KVM ABI:\n");
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		int v = vmm_accel_cap(a, caps[i].cap);

		if (caps[i].number)
			printf("  %-40s %12d\n", caps[i].name, v);
		else
			printf("  %-40s %12s\n", caps[i].name,
			       v ? "yes" : "no");
	}
}

static int show(const char *path)
{
	struct vmm_tally t = { 0 };
	struct vmm_error e = { 0 };
	struct vmm_accel a;

	if (vmm_accel_open(&a, path, &e))
		return report(&e);
	printf("accelerator %s, KVM ABI version %d\n", path, KVM_API_VERSION);
	show_caps(&a);
	vmm_tally_accel(&t, &a);
	print_tally(stdout, &t);
	vmm_tally_free(&t);
	vmm_accel_close(&a);
	return STATUS_OK;
}

int cmd_info(int argc, char **argv)
{
	const char *value, *path = VMM_DEFAULT_ACCEL;
	int id, at = 1;

	while ((id = next_option(specs, N_SPECS, argc, argv, &at, &value))) {
		if (id == OPT_ACCEL) {
			path = value;
		} else if (id == OPT_HELP) {
			printf("usage: vellum info [OPTIONS]\n\n");
			print_options(specs, N_SPECS);
			return STATUS_OK;
		} else {
			return STATUS_USAGE;
		}
	}
	return show(path);
}
