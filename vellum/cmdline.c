/* SPDX-License-Identifier: MIT */
/*
 * The guest kernel's command line: for Linux a quiet and quick default, then
 * what the user appends.
 */
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "machine.h"

/*
 * panic=-1 reboot=panic_warm: after a panic reboot at once and say so, see
 * devices.c.  The rest only spares probing for what this machine lacks.
 */
#define PANIC_OPTIONS	"panic=-1 reboot=panic_warm"
#define DEFAULT_OPTIONS	"console=ttyS0 quiet no_timer_check tsc=reliable " \
			"cryptomgr.notests 8250.nr_uarts=1 " PANIC_OPTIONS

/*
 * For emulated hosts, where each of these costs seconds.  Takes tracing,
 * certificates and Spectre's mitigations away from the guest's kernel.
 */
#define FAST_OPTIONS	"mitigations=off nokaslr " \
	"initcall_blacklist=load_system_certificate_list," \
	"tracer_init_tracefs,crypto_kdf108_init,cubictcp_register," \
	"kfunc_init,bpf_prog_test_run_init,bpf_tcp_ca_kfunc_init," \
	"bpf_rstat_kfunc_init,bpf_key_sig_kfuncs_init," \
	"ftrace_check_for_weak_functions,ftrace_check_sync," \
	"trace_eval_init,trace_eval_sync,init_kprobe_trace"

char *machine_words(const struct machine_config *cfg)
{
	const char *first = cfg->cmdline ? cfg->cmdline : "";
	const char *append = cfg->append ? cfg->append : "";
	char *line;

	if (asprintf(&line, "%s%s%s", first, *first && *append ? " " : "",
		     append) < 0)
		return NULL;
	return line;
}

char *machine_cmdline(struct machine *m, unsigned int tsc_khz)
{
	const struct machine_config *cfg = m->cfg;
	const char *append = cfg->append ? cfg->append : "";
	char tsc[40] = "", *line;

	m->warm_means_panic = !cfg->cmdline && !strstr(append, "reboot=") &&
			      !strstr(append, "panic=");
	if (cfg->cmdline)
		return machine_words(cfg);
	/* The kernel side knows the rate; CPUID may tell of another CPU's. */
	if (tsc_khz)
		snprintf(tsc, sizeof(tsc), " tsc_early_khz=%u", tsc_khz);
	if (asprintf(&line, "%s%s%s%s%s%s%s", DEFAULT_OPTIONS,
		     board_wanted(cfg) ? "" : " pci=off", tsc,
		     cfg->fast_boot ? " " : "",
		     cfg->fast_boot ? FAST_OPTIONS : "",
		     *append ? " " : "", append) < 0)
		return NULL;
	return line;
}
