// SPDX-License-Identifier: MIT OR GPL-2.0
/* Virtualisation is switched on with the first VM and off after the last. */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/preempt.h>
#include <linux/syscore_ops.h>

#include "vmm.h"

static DEFINE_MUTEX(lock);		/* users, and enabling as a whole */
static unsigned int users;
static enum cpuhp_state hp_state;
static struct cpumask enabled;		/* own CPU only, or under lock */

static void enable_here(void *error)
{
	int rc = backend->cpu_enable();

	if (!rc)
		cpumask_set_cpu(smp_processor_id(), &enabled);
	else
		cmpxchg((int *)error, 0, rc);
}

static void disable_here(void *unused)
{
	if (cpumask_test_and_clear_cpu(smp_processor_id(), &enabled))
		backend->cpu_disable();
}

static void disable_all(void)
{
	on_each_cpu(disable_here, NULL, 1);
	backend->cpus_release();
}

static int enable_all(void)
{
	unsigned int cpu;
	int rc = 0;

	for_each_online_cpu(cpu)
		if (!rc)
			rc = backend->cpu_prepare(cpu);
	if (!rc)
		on_each_cpu(enable_here, &rc, 1);
	if (rc)
		disable_all();
	return rc;
}

int cpus_get(void)
{
	int rc = 0;

	cpus_read_lock();
	mutex_lock(&lock);
	if (!users)
		rc = enable_all();
	if (!rc)
		users++;
	mutex_unlock(&lock);
	cpus_read_unlock();
	return rc;
}

void cpus_put(void)
{
	cpus_read_lock();
	mutex_lock(&lock);
	if (!--users)
		disable_all();
	mutex_unlock(&lock);
	cpus_read_unlock();
}

/* A CPU comes online: in its own thread. */
static int cpu_online_cb(unsigned int cpu)
{
	int rc = 0;

	mutex_lock(&lock);
	if (users) {
		rc = backend->cpu_prepare(cpu);
		if (!rc) {
			local_irq_disable();
			enable_here(&rc);
			local_irq_enable();
		}
	}
	mutex_unlock(&lock);
	return rc;
}

static int cpu_offline_cb(unsigned int cpu)
{
	mutex_lock(&lock);
	local_irq_disable();
	disable_here(NULL);
	local_irq_enable();
	mutex_unlock(&lock);
	return 0;
}

/*
 * Suspending: the other CPUs have gone offline, this one loses its state. No task
 * runs, interrupts are off.
 */
static int suspend(void)
{
	disable_here(NULL);
	return 0;
}

static void resume(void)
{
	int rc = 0;

	if (users)
		enable_here(&rc);
	WARN(rc, "vmm: virtualisation can't be switched on again (%d): end the VMs\n", rc);
}

static struct syscore_ops syscore = { .suspend = suspend, .resume = resume };

int cpus_init(void)
{
	int rc = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vmm:online", cpu_online_cb,
				   cpu_offline_cb);

	if (rc < 0)
		return rc;
	hp_state = rc;
	register_syscore_ops(&syscore);
	preempt_notifier_inc();
	return 0;
}

void cpus_exit(void)
{
	preempt_notifier_dec();
	unregister_syscore_ops(&syscore);
	cpuhp_remove_state(hp_state);
}
