/* SPDX-License-Identifier: MIT */
/* SVM on each CPU: EFER.SVME, the host save area, the supply of ASIDs. */
#include "svm.h"

#include "arch/insn.h"

static struct svm_cpu *cpus[SVM_CPUS];

struct svm_cpu *svm_this_cpu(unsigned cpu)
{
	return cpus[cpu];
}

static void free_cpu(struct svm_cpu *c)
{
	if (!c)
		return;
	if (c->hsave)
		host_page_free(c->hsave);
	if (c->host_page)
		host_page_free(c->host_page);
	host_free(c);
}

int svm_cpu_prepare(unsigned cpu)
{
	struct svm_cpu *c;

	if (cpu >= SVM_CPUS)
		return ERR_2BIG;
	if (cpus[cpu])
		return 0;
	if (svm_maps_create())
		return ERR_NOMEM;
	c = host_alloc(sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->hsave = host_page_alloc(false);
	c->host_page = host_page_alloc(false);
	if (!c->hsave || !c->host_page) {
		free_cpu(c);
		return ERR_NOMEM;
	}
	c->hsave_pa = host_phys(c->hsave).v;
	c->host_pa = host_phys(c->host_page).v;
	cpus[cpu] = c;
	return 0;
}

int svm_cpu_enable(void)
{
	struct svm_cpu *c = cpus[host_cpu()];
	u64 efer = rdmsr(MSR_EFER);

	if (!c)
		return ERR_NOMEM;
	if (c->enabled)
		return 0;
	if (efer & EFER_SVME)
		return ERR_BUSY;
	wrmsr(MSR_EFER, efer | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, c->hsave_pa);
	c->xss = svm_features.xss ? rdmsr(MSR_XSS) : 0;
	c->tsc_aux = backend_caps.rdtscp ? rdmsr(MSR_TSC_AUX) : 0;
	/*
	 * Nothing is known of what the TLB holds: the first entry starts a new
	 * generation, with a flush.
	 */
	c->next_asid = svm_features.asids;
	if (!c->generation)
		c->generation = 1;
	c->enabled = true;
	return 0;
}

void svm_cpu_disable(void)
{
	struct svm_cpu *c = cpus[host_cpu()];

	if (!c || !c->enabled)
		return;
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
	c->enabled = false;
}

void svm_cpus_release(void)
{
	unsigned i;

	svm_maps_destroy();
	for (i = 0; i < SVM_CPUS; i++) {
		free_cpu(cpus[i]);
		cpus[i] = NULL;
	}
}
