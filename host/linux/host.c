// SPDX-License-Identifier: MIT OR GPL-2.0
/* engine/host.h on Linux: everything but memory of guests and vCPU threads. */
#include <linux/context_tracking.h>
#include <linux/entry-kvm.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vtime.h>
#include <asm/desc.h>
#include <asm/fpu/xcr.h>
#include <asm/tlbflush.h>
#include <asm/tsc.h>

#include "vmm.h"

atomic64_t host_bytes;
atomic64_t host_pages;
static u64 xcr0;
static DEFINE_PER_CPU(unsigned long, last_quiescent);
static DEFINE_PER_CPU(cpumask_t, kick_mask);

void host_init(void)
{
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
}

/* -- Memory ------------------------------------------------------------------- */

void *host_alloc(size_t bytes)
{
	void *p = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);

	if (p)
		atomic64_inc(&host_bytes);
	return p;
}

void host_free(void *p)
{
	if (p)
		atomic64_dec(&host_bytes);
	kvfree(p);
}

void *host_page_alloc(bool low)
{
	void *p = (void *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
					  (low ? GFP_DMA32 : 0));

	if (p)
		atomic64_inc(&host_pages);
	return p;
}

void host_page_free(void *page)
{
	if (page)
		atomic64_dec(&host_pages);
	free_page((unsigned long)page);
}

void *host_pages_alloc(unsigned int n)
{
	void *p = alloc_pages_exact(n * PAGE_SIZE, GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (p)
		atomic64_add(n, &host_pages);
	return p;
}

void host_pages_free(void *pages, unsigned int n)
{
	if (!pages)
		return;
	atomic64_sub(n, &host_pages);
	free_pages_exact(pages, n * PAGE_SIZE);
}

struct hphys host_phys(const void *page)
{
	return hphys(virt_to_phys((void *)page));
}

void *host_virt(struct hphys pa)
{
	return phys_to_virt(pa.v);
}

/* -- CPUs --------------------------------------------------------------------- */

unsigned int host_cpu(void)
{
	return raw_smp_processor_id();
}

void host_call_on(unsigned int cpu, void (*fn)(void *), void *arg)
{
	smp_call_function_single(cpu, fn, arg, 1);
}

/* RCU and the like: rarely more than a look. */
static void note_guest(void)
{
	vtime_account_guest_enter();
	if (context_tracking_guest_enter())
		return;
	/*
	 * RCU sees no quiescent state while a guest runs from tick to tick. One
	 * a jiffy is enough, and costs nothing on the other entries.
	 */
	if (__this_cpu_read(last_quiescent) != jiffies) {
		__this_cpu_write(last_quiescent, jiffies);
		rcu_virt_note_context_switch(smp_processor_id());
	}
}

bool host_guest_enter(struct vcpu *v)
{
	unsigned long flags;

	preempt_disable();
	local_irq_disable();
	__atomic_store_n(&v->in_guest, 1, __ATOMIC_SEQ_CST);
	flags = READ_ONCE(current_thread_info()->flags);
	if (unlikely(READ_ONCE(v->requests) || (flags & XFER_TO_GUEST_MODE_WORK))) {
		WRITE_ONCE(v->in_guest, 0);
		local_irq_enable();
		preempt_enable();
		return false;
	}
	if (unlikely(flags & _TIF_NEED_FPU_LOAD))
		switch_fpu_return();
	note_guest();
	return true;
}

void host_guest_exit(struct vcpu *v)
{
	WRITE_ONCE(v->in_guest, 0);
	context_tracking_guest_exit();
	/*
	 * The tick that ended the guest's stay is taken here, while the time
	 * still counts as the guest's. STI holds interrupts off for one more
	 * instruction: the NOP.
	 */
	local_irq_enable();
	asm volatile("nop" ::: "memory");
	if (unlikely(vtime_accounting_enabled_this_cpu())) {
		local_irq_disable();
		vtime_account_guest_exit();
		local_irq_enable();
	} else {
		current->flags &= ~PF_VCPU;
	}
	preempt_enable();
}

int host_work_do(struct vcpu *v)
{
	unsigned long flags = READ_ONCE(current_thread_info()->flags);

	/* Any error, a signal's included, ends the run. */
	return (flags & XFER_TO_GUEST_MODE_WORK) && vmm_handle_guest_work() ?
		ERR_INTR : 0;
}

void host_nmi(void)
{
	asm volatile("int $2");
}

void host_tss_limit_lost(void)
{
	invalidate_tss_limit();
}

void host_fpu_hold(struct vcpu *v)
{
	preempt_disable();
	local_irq_disable();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

void host_fpu_release(struct vcpu *v)
{
	local_irq_enable();
	preempt_enable();
}

/* The kernel keeps a shadow of CR4 per CPU, for its TLB flushes among others. */
void host_cr4_update(u64 set, u64 clear)
{
	cr4_update_irqsoff(set, clear);
}

u64 host_xcr0(void)
{
	return xcr0;
}

void host_kick_cpu(unsigned int cpu)
{
	if (cpu_online(cpu))
		smp_send_reschedule(cpu);
}

static void nothing(void *unused)
{
}

void host_kick_all(struct vm *vm)
{
	u32 i, n = LOAD_ACQUIRE(&vm->vcpu_count);
	int me = get_cpu();
	cpumask_t *mask = this_cpu_ptr(&kick_mask);

	cpumask_clear(mask);
	for (i = 0; i < n; i++) {
		struct vcpu *v = LOAD_ACQUIRE(&vm->vcpus[i]);
		s32 cpu = v ? LOAD(&v->cpu) : -1;

		if (v && LOAD(&v->in_guest) && cpu >= 0 && cpu != me)
			cpumask_set_cpu(cpu, mask);
	}
	if (!cpumask_empty(mask))
		smp_call_function_many(mask, nothing, NULL, true);
	put_cpu();
}

/* -- Time --------------------------------------------------------------------- */

u64 host_time_ns(void)
{
	return ktime_get_ns();
}

u64 host_tsc(void)
{
	return rdtsc();
}

u64 host_tsc_khz(void)
{
	return tsc_khz;
}

struct host_timer {
	struct hrtimer timer;
	void (*fn)(void *arg);
	void *arg;
};

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	struct host_timer *t = container_of(timer, struct host_timer, timer);

	t->fn(t->arg);
	return HRTIMER_NORESTART;
}

struct host_timer *host_timer_create(void (*fn)(void *arg), void *arg)
{
	struct host_timer *t = host_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	hrtimer_init(&t->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	t->timer.function = timer_fired;
	return t;
}

void host_timer_destroy(struct host_timer *t)
{
	if (!t)
		return;
	hrtimer_cancel(&t->timer);
	host_free(t);
}

void host_timer_arm(struct host_timer *t, u64 when_ns)
{
	/* ktime_t is signed: the far future stays the future. */
	hrtimer_start(&t->timer, min_t(u64, when_ns, KTIME_MAX), HRTIMER_MODE_ABS_HARD);
}

void host_timer_cancel(struct host_timer *t)
{
	hrtimer_cancel(&t->timer);
}

/* -- Locks -------------------------------------------------------------------- */

static spinlock_t *spin(struct host_lock *l)
{
	BUILD_BUG_ON(sizeof(spinlock_t) > sizeof(*l));
	return (spinlock_t *)l;
}

void host_lock_init(struct host_lock *l)
{
	spin_lock_init(spin(l));
}

void host_lock(struct host_lock *l)
{
	spin_lock(spin(l));
}

void host_unlock(struct host_lock *l)
{
	spin_unlock(spin(l));
}

unsigned long host_lock_irq(struct host_lock *l)
{
	unsigned long flags;

	spin_lock_irqsave(spin(l), flags);
	return flags;
}

void host_unlock_irq(struct host_lock *l, unsigned long flags)
{
	spin_unlock_irqrestore(spin(l), flags);
}

/* -- Log ---------------------------------------------------------------------- */

void host_log(enum host_log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { KERN_ERR, KERN_WARNING, KERN_INFO };
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 20);
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (!__ratelimit(&limit))
		return;
	va_start(args, fmt);
	vaf.va = &args;
	printk("%svmm: %pV\n", prefix[level], &vaf);
	va_end(args);
}
