/* SPDX-License-Identifier: MIT */
#include "why.h"

#include <stdlib.h>
#include <string.h>

#include "explain/from_vmm.h"
#include "explain/insn.h"
#include "explain/render.h"
#include "named.h"
#include "status.h"
#include "cli/commands.h"

struct why_state {
	enum explain_why why;
	bool full;			/* from VMM_GET_STATE */
	struct explain_state s;
	struct explain_report r;
};

static bool read_ram(void *arg, uint64_t gpa, void *to, unsigned int size)
{
	const void *at = ram_at(arg, GPA(gpa), size);

	if (at)
		memcpy(to, at, size);
	return at;
}

static void take_caps(struct explain_state *s, const struct vmm_accel *a)
{
	struct vmm_tally t = { 0 };
	unsigned int i;

	vmm_tally_accel(&t, a);
	for (i = 0; i < t.n; i++)
		if (t.v[i].kind == VMM_COUNTER_CPU)
			explain_take_cap(s, t.v[i].name, t.v[i].value);
	vmm_tally_free(&t);
}

/* False: not vmm.ko. */
static bool take_all(struct why_state *w, struct vcpu *c)
{
	struct vmm_field *fields;
	struct vmm_state state;

	if (vmm_vcpu_state(&c->v, &state, &fields))
		return false;
	explain_take_fields(&w->s, &state, fields);
	free(fields);
	explain_take_host(&w->s);
	take_caps(&w->s, c->m->vm.accel);
	w->full = true;
	return true;
}

/* The exit that the fields tell of may be an older one: what KVM_RUN said counts. */
static void set_reason(struct why_state *w, uint64_t reason)
{
	if (w->why == EXPLAIN_LIVE)
		return;
	if (w->s.vendor == EXPLAIN_SVM) {
		if (w->why != EXPLAIN_LINT)
			explain_set_vmcb(&w->s, offsetof(struct vmcb, c.exit_code),
					 w->why == EXPLAIN_SHUTDOWN ? EXIT_SHUTDOWN : EXIT_INVALID);
		explain_set_vmcb(&w->s, offsetof(struct vmcb, c.exit_int_info), 0);
		return;
	}
	explain_set(&w->s, F_INSN_ERROR, 0);
	if (w->why == EXPLAIN_SHUTDOWN)
		explain_set(&w->s, F_EXIT_REASON, 2);
	else if (w->why == EXPLAIN_FAIL_ENTRY && (reason & 0x80000000))
		explain_set(&w->s, F_EXIT_REASON, (uint32_t)reason);
	else if (w->why == EXPLAIN_FAIL_ENTRY)
		explain_set(&w->s, F_INSN_ERROR, (uint32_t)reason);
	if (w->why == EXPLAIN_SHUTDOWN)
		explain_set(&w->s, F_IDT_VECTORING_INFO, 0);
}

struct why_state *why_snapshot(struct vcpu *c, enum explain_why why, uint64_t hardware_reason)
{
	struct why_state *w = calloc(1, sizeof(*w));
	struct explain_kvm k = { .why = why, .hardware_reason = hardware_reason };
	struct kvm_regs r;
	struct kvm_sregs s;

	if (!w || vmm_vcpu_get_regs(&c->v, &r) || vmm_vcpu_get_sregs(&c->v, &s)) {
		free(w);
		return NULL;
	}
	w->why = why;
	w->s.read_physical = read_ram;
	w->s.read_arg = &c->m->ram;
	if (take_all(w, c)) {
		explain_take_registers(&w->s, &r, s.cr2);
		set_reason(w, hardware_reason);
		return w;
	}
	k.regs = &r;
	k.sregs = &s;
	k.amd = explain_host_is_amd();
	explain_take_host(&w->s);
	explain_fill_kvm(&w->s, &k);
	return w;
}

void why_caught(struct why_state *w, const struct explain_caught *e, uint64_t cr2)
{
	w->s.caught = *e;
	if (e->vector != VEC_PF)
		return;
	w->s.cr2 = cr2;
	w->s.cr2_known = true;
}

static char *print(struct why_state *w)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	if (w->why == EXPLAIN_LINT)
		report_lint(f, &w->s, &w->r);
	else
		report_text(f, &w->s, &w->r, NULL, false);
	return fclose(f) ? NULL : text;
}

char *why_text(struct why_state *w)
{
	insn_examine(&w->s);
	explain(&w->s, &w->r);
	return print(w);
}

int why_step(const struct why_state *w, unsigned int i)
{
	return i < w->r.n_steps ? w->r.step[i].vector : -1;
}

/* Written on the way into the guest only: nothing to judge before. */
static void forget_late_fields(struct explain_state *s)
{
	unsigned int i;
	uint64_t asid;

	for (i = 0; s->vendor == EXPLAIN_VMX && i < vmcs_field_count; i++)
		if (vmcs_fields[i].area == VMCS_AREA_HOST)
			s->vmcs_known[i] = false;
	i = (unsigned int)explain_vmcb_index(offsetof(struct vmcb, c.asid));
	if (s->vendor == EXPLAIN_SVM &&
	    explain_get_vmcb(s, offsetof(struct vmcb, c.asid), &asid) && !asid)
		s->vmcb_known[i] = false;
}

char *why_lint(struct machine *m)
{
	struct why_state *w = why_snapshot(&m->vcpu[0], EXPLAIN_LINT, 0);
	char *text = NULL;

	if (!w)
		return NULL;
	forget_late_fields(&w->s);
	insn_examine(&w->s);
	explain_lint(&w->s, &w->r);
	if (w->r.n_findings || w->r.n_steps)
		text = print(w);
	free(w);
	return text;
}

/* ---- a named VM ---- */

static int explain_vcpu(struct machine *m, unsigned int index, bool json, bool verbose)
{
	struct why_state *w = why_snapshot(&m->vcpu[0], EXPLAIN_LIVE, 0);

	if (!w) {
		fprintf(stderr, "vellum: %s: the state of vCPU %u can't be read\n",
			m->cfg->name, index);
		return STATUS_HOST;
	}
	insn_examine(&w->s);
	explain(&w->s, &w->r);
	if (json)
		report_json(stdout, &w->s, &w->r, NULL);
	else
		report_text(stdout, &w->s, &w->r, NULL, verbose);
	free(w);
	return STATUS_OK;
}

int why_named(const char *accel, const char *name, unsigned int index, bool json, bool verbose)
{
	static struct machine m;	/* large */
	struct machine_config cfg = { .accel = accel, .name = name, .attach = true };
	struct vmm_error e = { 0 };
	struct vmm_accel a;
	int status;

	if (vmm_accel_open(&a, accel, &e))
		return report(&e);
	m.cfg = &cfg;
	m.vm.fd = m.vcpu[0].v.fd = -1;
	m.vcpu[0].m = &m;
	if (named_read_config(&cfg, &a, &e) || named_open_vm(&m, &a, &e) ||
	    vmm_vcpu_open(&m.vcpu[0].v, &m.vm, index, &e))
		status = report(&e);
	else
		status = explain_vcpu(&m, index, json, verbose);
	vmm_vcpu_destroy(&m.vcpu[0].v);
	vmm_vm_destroy(&m.vm);
	ram_destroy(&m.ram);
	vmm_accel_close(&a);
	return status;
}
