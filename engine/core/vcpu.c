/* SPDX-License-Identifier: MIT */
/* The life of a vCPU and its reset state. */
#include "../vmm.h"
#include "../x86/debug.h"

#include "../x86/emulate.h"
#include "event.h"

static void free_parts(struct vcpu *v)
{
	if (v->lapic)
		lapic_destroy(v->lapic);
	if (v->emul)
		emul_session_destroy(v->emul);
	host_free(v->cpuid);
	host_free(v->trace);
	host_free(v->latency);
	host_free(v);
}

static int alloc_parts(struct vcpu *v)
{
	struct vm *vm = v->vm;

	v->cpuid = host_alloc(CPUID_MAX * sizeof(*v->cpuid));
	v->trace = host_alloc(TRACE_ENTRIES * sizeof(*v->trace));
	v->latency = host_alloc((EXIT_REASONS + 1) * sizeof(*v->latency));
	v->emul = emul_session_create(v);
	if (!v->cpuid || !v->trace || !v->latency || !v->emul)
		return ERR_NOMEM;
	if (vm->irqchip || vm->split_irqchip) {
		v->lapic = lapic_create(v);
		if (!v->lapic)
			return ERR_NOMEM;
	}
	return 0;
}

int vcpu_create(struct vm *vm, u32 id, struct host_vcpu *host, u8 *pio_data,
		struct vcpu **out)
{
	struct vcpu *v;
	int rc;

	if (id >= VCPUS_MAX)
		return ERR_INVAL;
	if (vm->vcpus[id])
		return ERR_EXIST;
	v = host_alloc(backend->vcpu_size);
	if (!v)
		return ERR_NOMEM;
	v->vm = vm;
	v->id = id;
	v->host = host;
	v->pio_data = pio_data;
	v->cpu = -1;
	v->user_irq = -1;
	v->exit.reason = EXIT_NONE;
	x86_cpuid_limits(v);
	rc = alloc_parts(v);
	if (!rc)
		rc = backend->vcpu_create(v);
	if (rc) {
		free_parts(v);
		return rc;
	}
	*out = v;
	return 0;
}

void vcpu_publish(struct vcpu *v)
{
	struct vm *vm = v->vm;

	STORE_RELEASE(&vm->vcpus[v->id], v);
	if (v->id >= vm->vcpu_count)
		STORE_RELEASE(&vm->vcpu_count, v->id + 1);
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->vm->vcpus[v->id] == v)
		v->vm->vcpus[v->id] = NULL;
	backend->vcpu_destroy(v);
	free_parts(v);
}

/* SDM3 "Processor State After Reset"; INIT keeps what that section says. */
void vcpu_reset(struct vcpu *v, bool init)
{
	unsigned i;

	for (i = 0; i < GPR_COUNT; i++)
		v->gpr[i] = 0;
	v->gpr[GPR_RDX] = 0x600;
	v->cr2 = 0;
	v->rip = 0xfff0;
	v->rflags = RFLAGS_FIXED;
	v->reg_valid = v->reg_dirty = REG_RIP | REG_RSP | REG_RFLAGS;
	for (i = 0; i < 4; i++)
		v->dr[i] = 0;
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
	v->injected.type = v->exception.type = EVENT_NONE;
	STORE(&v->nmi_queued, 0);
	v->user_irq = -1;
	v->pio_in_pending = 0;
	v->debug.armed = v->debug.stale_tf = 0;
	if (!init) {
		v->pat = PAT_RESET;
		v->xcr0 = 1;
		v->xss = 0;
		v->mtrr_deftype = 0;
		v->misc_enable = backend_caps.fast_strings ? MISC_ENABLE_FAST_STRINGS : 0;
		v->tsc_aux = v->spec_ctrl = v->tsc_adjust = 0;
		v->star = v->lstar = v->cstar = v->sfmask = 0;
		v->kernel_gs_base = 0;
	}
	v->efer = 0;
	v->cr0 = CR0_ET | CR0_NW | CR0_CD;
	v->cr3 = v->cr4 = 0;
	emul_session_reset(v->emul);
	backend->vcpu_reset(v, init);
	backend->set_cr0(v, v->cr0);
	backend->set_cr3(v, 0);
	backend->set_cr4(v, 0);
	backend->set_efer(v, 0);
	backend->set_debug(v);
	if (v->lapic) {
		if (!init)
			v->apic_base = 0xfee00000ull | APIC_BASE_ENABLE |
				       (v->id ? 0 : APIC_BASE_BSP);
		lapic_reset(v->lapic, init);
	}
	if (!init) {
		v->tsc_offset = -v->vm->tsc_epoch;
		backend->set_tsc_offset(v, v->tsc_offset);
	}
	x86_debug_moved(v);
	STORE(&v->mp_state, v->id && v->lapic ? MP_UNINITIALIZED : MP_RUNNABLE);
	vcpu_request(v, REQ_EVENT);
}

int vcpu_set_traps(struct vcpu *v, const struct traps *t)
{
	struct traps old = v->traps;
	int rc;

	/* NMIs and machine checks are the host's. */
	if ((t->instructions & ~TRAPS_KNOWN) ||
	    (t->exceptions & (BIT(VEC_NMI) | BIT(VEC_MC))))
		return ERR_INVAL;
	v->traps = *t;
	rc = backend->set_traps(v);
	if (rc)
		v->traps = old;
	v->has_traps = v->traps.instructions || v->traps.exceptions;
	return rc;
}

void vcpu_kick(struct vcpu *v, u64 req)
{
	s32 cpu;

	vcpu_request(v, req);	/* a full barrier before in_guest is read */
	host_wake(v);
	cpu = LOAD(&v->cpu);
	if (LOAD(&v->in_guest) && cpu >= 0 && (unsigned)cpu != host_cpu())
		host_kick_cpu(cpu);
}

void vcpu_raise_nmi(struct vcpu *v)
{
	u32 n = LOAD(&v->nmi_queued);

	/* One being handled and one pending: more collapse into it. */
	while (n < 2 && !__atomic_compare_exchange_n(&v->nmi_queued, &n, n + 1, false,
						     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	vcpu_kick(v, REQ_NMI | REQ_EVENT);
}

bool vcpu_runnable(struct vcpu *v)
{
	if (LOAD(&v->requests) &
	    (REQ_USER | REQ_SHUTDOWN | REQ_INIT | REQ_SIPI | REQ_TIMER | REQ_HOST))
		return true;
	if (v->mp_state == MP_HALTED)
		return vcpu_has_event(v);
	return v->mp_state == MP_RUNNABLE;
}
