/* SPDX-License-Identifier: MIT */
/*
 * Everything the engine asks of the system that it lives in. A host implements
 * these functions; the engine has no other undefined symbol but mem*.
 *
 * Contexts: "sleeps" = may sleep, call it with preemption on and no lock held.
 * All others may be called anywhere, including with interrupts off.
 */
#ifndef VELLUM_ENGINE_HOST_H
#define VELLUM_ENGINE_HOST_H

#include "types.h"

struct vm;
struct vcpu;
struct host_vm;		/* the host's half of a VM, opaque here */
struct host_vcpu;	/* the host's half of a vCPU, opaque here */
struct host_timer;

/* -- Memory of the engine itself: charged to the caller's account. ---------- */

/* Zeroed bytes, or NULL. Sleeps. */
void *host_alloc(size_t bytes);
void host_free(void *p);

/* One zeroed 4 KiB page or NULL; below 4 GiB if low. Sleeps (alloc only). */
void *host_page_alloc(bool low);
void host_page_free(void *page);

/*
 * n (1..4) physically contiguous zeroed pages, or NULL: hardware tables that are
 * larger than a page. host_phys() gives the first one's address. Sleeps.
 */
void *host_pages_alloc(unsigned n);
void host_pages_free(void *pages, unsigned n);

/* Physical address of memory from host_page_alloc() and the way back. */
struct hphys host_phys(const void *page);
void *host_virt(struct hphys pa);

/* -- Guest memory. ----------------------------------------------------------- */

/* What a page of a memory slot is made of at the moment. */
struct host_page {
	struct hphys pa;	/* of the 4 KiB page */
	bool writable;
	void *ref;		/* the host's, for host_page_put() */
};

/*
 * Brings in the page behind host address hva (a process slot's user address or
 * a module slot's cookie) and holds it. Sleeps.
 * Errors: ERR_FAULT no such page, ERR_INTR a signal is pending, ERR_NOMEM.
 */
int host_page_get(struct vm *vm, u64 hva, bool write, struct host_page *page);
void host_page_put(struct host_page *page, bool dirty);

/*
 * Level at which the host's own page tables map hva: 1 = 4 KiB, 2 = 2 MiB,
 * 3 = 1 GiB. Only valid while the caller holds the VM's memory lock with no
 * invalidation under way, which keeps the host's tables from changing.
 */
unsigned host_page_level(struct vm *vm, u64 hva);

/*
 * Copies between the engine and guest memory behind hva. Sleeps.
 * 0 or ERR_FAULT.
 */
int host_copy_from(struct vm *vm, void *dst, u64 hva, size_t n);
int host_copy_to(struct vm *vm, u64 hva, const void *src, size_t n);
/* One naturally aligned word of 4 or 8 bytes, zero-extended. Sleeps. */
int host_read_entry(struct vm *vm, u64 hva, u64 *val, unsigned size);
/*
 * A naturally aligned word of guest memory, and what it held when it was looked at.
 * Do all n words still hold that? False also if one can't be read. Sleeps.
 */
struct host_word { u64 hva, val; };
bool host_words_same(struct vm *vm, const struct host_word *w, unsigned n);
/*
 * Atomic compare-and-swap of 1, 2, 4, 8 naturally aligned bytes. Sleeps.
 * 1 = swapped, 0 = found another value, ERR_FAULT.
 */
int host_cmpxchg(struct vm *vm, u64 hva, u64 old, u64 val, unsigned size);

/*
 * The guest writes val to a port or address that is not the engine's. True: the
 * host has taken it (an eventfd was signalled), user space need not know.
 */
bool host_io_write(struct vm *vm, bool pio, u64 addr, unsigned size, u64 val);

/* -- CPUs. ------------------------------------------------------------------- */

unsigned host_cpu(void);

/*
 * Runs fn(arg) with interrupts off on one CPU and waits for it; nothing happens
 * if that CPU is offline. Interrupts must be on.
 */
void host_call_on(unsigned cpu, void (*fn)(void *), void *arg);

/*
 * Bracket guest execution on the vCPU's thread.
 *
 * enter: stops preemption and interrupts, publishes v->in_guest (a full barrier:
 * whoever sets a request later sees it and kicks this CPU), then looks once more
 * for reasons not to go: v->requests, or work of the thread's own (signals,
 * rescheduling, ...). If there is one it undoes all that and returns false.
 * Otherwise the guest's FPU state is in the registers and its time is counted.
 *
 * exit: withdraws in_guest, lets pending interrupts in, and leaves them and
 * preemption on.
 */
bool host_guest_enter(struct vcpu *v);
void host_guest_exit(struct vcpu *v);

/*
 * Does the work that kept host_guest_enter() from entering, if it was the
 * thread's. Sleeps. ERR_INTR: the run must return to the program.
 */
int host_work_do(struct vcpu *v);

/*
 * REQ_HOST was set: lets another thread have the vCPU for a while, or waits until it
 * may run. On the vCPU's thread, loaded, and loaded again when it returns. Sleeps.
 * ERR_INTR: the run must return to the program.
 */
int host_yield(struct vcpu *v);

/* An NMI made the guest exit: run the host's handler, interrupts still off. */
void host_nmi(void);

/* An exit cut this CPU's TSS limit to the architectural minimum. */
void host_tss_limit_lost(void);

/*
 * Changes bits of this CPU's CR4 through the host, which may keep a copy of it.
 * Interrupts off.
 */
void host_cr4_update(u64 set, u64 clear);

/* XCR0 and IA32_XSS as the host runs with them. */
u64 host_xcr0(void);

/*
 * Between hold and release the guest's FPU and vector registers are in the CPU
 * and stay there. On the vCPU's thread; nothing may sleep in between.
 */
void host_fpu_hold(struct vcpu *v);
void host_fpu_release(struct vcpu *v);

/* -- vCPU threads. ----------------------------------------------------------- */

/* Makes CPU leave guest mode if it is in it. */
void host_kick_cpu(unsigned cpu);
/* As host_kick_cpu() on every CPU of the VM's, and waits until they have. */
void host_kick_all(struct vm *vm);

/*
 * Waits until vcpu_runnable(v) or a signal. Sleeps. 0, or ERR_INTR.
 */
int host_block(struct vcpu *v);
/* Ends host_block() of that vCPU, from anywhere. */
void host_wake(struct vcpu *v);

/* -- Time. ------------------------------------------------------------------- */

u64 host_time_ns(void);			/* monotonic */
u64 host_tsc(void);			/* RDTSC, the same on all CPUs */
u64 host_tsc_khz(void);			/* 0: the TSC's rate is not known */

/*
 * A one-shot timer: fn(arg) runs once at the absolute time, in an interrupt.
 * fn may arm the timer again. create and destroy sleep; cancel waits for a
 * running fn, so call it with no lock that fn takes; arm replaces an armed time.
 */
struct host_timer *host_timer_create(void (*fn)(void *arg), void *arg);
void host_timer_destroy(struct host_timer *t);
void host_timer_arm(struct host_timer *t, u64 when_ns);
void host_timer_cancel(struct host_timer *t);

/* -- Locks: spinlocks; the irq flavour also holds off interrupts. ------------- */

struct host_lock { u64 opaque[8]; };

void host_lock_init(struct host_lock *l);
void host_lock(struct host_lock *l);
void host_unlock(struct host_lock *l);
unsigned long host_lock_irq(struct host_lock *l);
void host_unlock_irq(struct host_lock *l, unsigned long flags);

/* -- Log: one line, printf-like (%s %d %u %x %llx only), rate limited. --------- */

enum host_log_level { LOG_ERROR, LOG_WARN, LOG_INFO };
void host_log(enum host_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
