/* SPDX-License-Identifier: MIT */
/*
 * engine/host.h in a plain process. It keeps the engine to the interface's rules:
 * no sleeping under a lock or with interrupts off, no recursive lock, no freeing of
 * what was not allocated, no cancelling of a timer from its own callback or under a
 * lock. A broken rule aborts the test with a message.
 */
#define _GNU_SOURCE
#include "sim.h"

#include "../../engine/core/vcpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim sim = { .tsc_khz = 1000000, .xcr0 = 3, .page_level = 1 };

void sim_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("sim: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static void may_sleep(const char *what)
{
	if (sim.locks_held || sim.irq_off || sim.in_timer)
		sim_fail("%s() sleeps: %u locks held, interrupts %s%s", what,
			 sim.locks_held, sim.irq_off ? "off" : "on",
			 sim.in_timer ? ", in a timer" : "");
}

/* -- Memory ------------------------------------------------------------------------ */

#define BLOCK_MAGIC	0x5665424c6f636b21ull

struct block {
	u64 magic;
	u64 bytes;
};

static bool alloc_fails(void)
{
	return sim.fail_alloc && !--sim.fail_alloc;
}

void *host_alloc(size_t bytes)
{
	struct block *b;

	may_sleep("host_alloc");
	if (alloc_fails())
		return NULL;
	b = calloc(1, sizeof(*b) + bytes);
	if (!b)
		return NULL;
	b->magic = BLOCK_MAGIC;
	b->bytes = bytes;
	sim.blocks++;
	return b + 1;
}

void host_free(void *p)
{
	struct block *b = p;

	if (!p)
		return;
	b--;
	if (b->magic != BLOCK_MAGIC)
		sim_fail("host_free(%p): not from host_alloc()", p);
	b->magic = 0;
	sim.blocks--;
	free(b);
}

void *host_pages_alloc(unsigned n)
{
	void *p;

	may_sleep("host_pages_alloc");
	if (alloc_fails())
		return NULL;
	p = aligned_alloc(PG_SIZE, n * PG_SIZE);
	if (!p)
		return NULL;
	memset(p, 0, n * PG_SIZE);
	sim.pages += n;
	return p;
}

void host_pages_free(void *pages, unsigned n)
{
	if (!pages)
		return;
	if ((uintptr_t)pages & PG_OFFSET_MASK)
		sim_fail("host_pages_free(%p): not a page", pages);
	sim.pages -= n;
	free(pages);
}

void *host_page_alloc(bool low)
{
	(void)low;
	return host_pages_alloc(1);
}

void host_page_free(void *page)
{
	host_pages_free(page, 1);
}

/* A process address is as good as a physical one: page-aligned and unique. */
struct hphys host_phys(const void *page)
{
	return hphys((uintptr_t)page);
}

void *host_virt(struct hphys pa)
{
	return (void *)(uintptr_t)pa.v;
}

/* -- Guest memory --------------------------------------------------------------------- */

static bool guest_mapped(u64 hva, size_t n, bool write)
{
	return hva >= sim.guest_start && hva <= sim.guest_end &&
	       n <= sim.guest_end - hva && !(write && sim.guest_readonly);
}

int host_page_get(struct vm *vm, u64 hva, bool write, struct host_page *page)
{
	(void)vm;
	may_sleep("host_page_get");
	hva &= ~PG_OFFSET_MASK;
	if (!guest_mapped(hva, PG_SIZE, write))
		return ERR_FAULT;
	page->pa = hphys(hva);
	page->writable = !sim.guest_readonly;
	page->ref = (void *)(uintptr_t)hva;
	sim.pages_held++;
	return 0;
}

void host_page_put(struct host_page *page, bool dirty)
{
	if (!sim.pages_held)
		sim_fail("host_page_put() without host_page_get()");
	sim.pages_held--;
	sim.pages_dirtied += dirty;
	page->ref = NULL;
}

unsigned host_page_level(struct vm *vm, u64 hva)
{
	(void)vm;
	(void)hva;
	return sim.page_level;
}

int host_copy_from(struct vm *vm, void *dst, u64 hva, size_t n)
{
	(void)vm;
	may_sleep("host_copy_from");
	if (!guest_mapped(hva, n, false))
		return ERR_FAULT;
	memcpy(dst, (void *)(uintptr_t)hva, n);
	return 0;
}

int host_read_entry(struct vm *vm, u64 hva, u64 *val, unsigned size)
{
	*val = 0;
	return host_copy_from(vm, val, hva, size);
}

bool host_words_same(struct vm *vm, const struct host_word *w, unsigned n)
{
	unsigned i;
	u64 val;

	for (i = 0; i < n; i++)
		if (host_read_entry(vm, w[i].hva, &val, 8) || val != w[i].val)
			return false;
	return true;
}

int host_copy_to(struct vm *vm, u64 hva, const void *src, size_t n)
{
	(void)vm;
	may_sleep("host_copy_to");
	if (!guest_mapped(hva, n, true))
		return ERR_FAULT;
	memcpy((void *)(uintptr_t)hva, src, n);
	return 0;
}

int host_cmpxchg(struct vm *vm, u64 hva, u64 old, u64 val, unsigned size)
{
	void *p = (void *)(uintptr_t)hva;

	(void)vm;
	may_sleep("host_cmpxchg");
	if (!guest_mapped(hva, size, true) || (hva & (size - 1)))
		return ERR_FAULT;
	if (memcmp(p, &old, size))
		return 0;
	memcpy(p, &val, size);
	return 1;
}

/* -- CPUs and vCPU threads ---------------------------------------------------------------- */

bool host_io_write(struct vm *vm, bool pio, u64 addr, unsigned size, u64 val)
{
	(void)vm, (void)pio, (void)addr, (void)size, (void)val;
	return false;
}

unsigned host_cpu(void)
{
	return sim.cpu;
}

void host_call_on(unsigned cpu, void (*fn)(void *), void *arg)
{
	unsigned was = sim.cpu;

	if (cpu >= SIM_CPUS)
		return;
	sim.irq_off = true;
	sim.cpu = cpu;
	fn(arg);
	sim.cpu = was;
	sim.irq_off = false;
}

int host_work_do(struct vcpu *v)
{
	(void)v;
	may_sleep("host_work_do");
	sim.work = false;
	return sim.work_result;
}

int host_yield(struct vcpu *v)
{
	(void)v;
	may_sleep("host_yield");
	return 0;
}

bool host_guest_enter(struct vcpu *v)
{
	if (sim.irq_off)
		sim_fail("host_guest_enter() with interrupts off");
	if (v->requests || sim.work)
		return false;
	v->in_guest = 1;
	sim.irq_off = true;
	sim.guest_enters++;
	return true;
}

void host_guest_exit(struct vcpu *v)
{
	v->in_guest = 0;
	sim.guest_exits++;
	sim.irq_off = false;
}

void host_nmi(void)
{
	sim.nmis++;
}

void host_tss_limit_lost(void)
{
	sim.tss_lost++;
}

/* The process's own registers stand for the guest's. */
void host_fpu_hold(struct vcpu *v)
{
	(void)v;
}

void host_fpu_release(struct vcpu *v)
{
	(void)v;
}

void host_cr4_update(u64 set, u64 clear)
{
	sim.cr4 = (sim.cr4 & ~clear) | set;
}

u64 host_xcr0(void)
{
	return sim.xcr0;
}

void host_kick_cpu(unsigned cpu)
{
	if (cpu >= SIM_CPUS)
		sim_fail("host_kick_cpu(%u): no such CPU", cpu);
	sim.kicks[cpu]++;
}

void host_kick_all(struct vm *vm)
{
	(void)vm;
	sim.kick_alls++;
}

int host_block(struct vcpu *v)
{
	(void)v;
	may_sleep("host_block");
	sim.blocks_asked++;
	return sim.block_result;
}

void host_wake(struct vcpu *v)
{
	(void)v;
	sim.wakes++;
}

/* -- Time ------------------------------------------------------------------------------------ */

struct host_timer {
	void (*fn)(void *arg);
	void *arg;
	u64 when;
	bool armed, running;
	struct host_timer *next;
};

static struct host_timer *timers;

u64 host_time_ns(void)
{
	return sim.now_ns;
}

u64 host_tsc(void)
{
	return sim.tsc;
}

u64 host_tsc_khz(void)
{
	return sim.tsc_khz;
}

struct host_timer *host_timer_create(void (*fn)(void *arg), void *arg)
{
	struct host_timer *t = host_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	t->next = timers;
	timers = t;
	return t;
}

void host_timer_arm(struct host_timer *t, u64 when_ns)
{
	sim.timers_armed += !t->armed;
	t->armed = true;
	t->when = when_ns;
}

void host_timer_cancel(struct host_timer *t)
{
	if (sim.locks_held)
		sim_fail("host_timer_cancel() under a lock");
	if (t->running)
		sim_fail("host_timer_cancel() from the timer's own callback");
	sim.timers_armed -= t->armed;
	t->armed = false;
}

void host_timer_destroy(struct host_timer *t)
{
	struct host_timer **p;

	may_sleep("host_timer_destroy");
	if (!t)
		return;
	host_timer_cancel(t);
	for (p = &timers; *p != t; p = &(*p)->next)
		if (!*p)
			sim_fail("host_timer_destroy(): no such timer");
	*p = t->next;
	host_free(t);
}

static struct host_timer *first_timer(void)
{
	struct host_timer *t, *first = NULL;

	for (t = timers; t; t = t->next)
		if (t->armed && (!first || t->when < first->when))
			first = t;
	return first;
}

u64 sim_next_timer(void)
{
	struct host_timer *t = first_timer();

	return t ? t->when : ~0ull;
}

static void set_time(u64 ns)
{
	u64 d = ns - sim.now_ns;

	sim.tsc += d / 1000000 * sim.tsc_khz + d % 1000000 * sim.tsc_khz / 1000000;
	sim.now_ns = ns;
}

static void run_timers(u64 until, bool late)
{
	struct host_timer *t;

	if (late)
		set_time(until);
	while ((t = first_timer()) && t->when <= until) {
		if (t->when > sim.now_ns)
			set_time(t->when);
		t->armed = false;
		sim.timers_armed--;
		sim.timer_calls++;
		t->running = true;
		sim.in_timer = true;
		t->fn(t->arg);
		sim.in_timer = false;
		t->running = false;
	}
	if (until > sim.now_ns)
		set_time(until);
}

void sim_advance(u64 ns)
{
	run_timers(sim.now_ns + ns, false);
}

void sim_advance_late(u64 ns)
{
	run_timers(sim.now_ns + ns, true);
}

/* -- Locks --------------------------------------------------------------------------------------- */

#define LOCK_MAGIC	0x4c6f636b4c6f636bull

/* opaque[0]: magic; opaque[1]: held, 2 = by the irq flavour */
static void take(struct host_lock *l, u64 how)
{
	if (l->opaque[0] != LOCK_MAGIC)
		sim_fail("a lock that was not initialised");
	if (l->opaque[1])
		sim_fail("a lock is taken that is held");
	l->opaque[1] = how;
	sim.locks_held++;
}

static void drop(struct host_lock *l, u64 how)
{
	if (l->opaque[1] != how)
		sim_fail("a lock is dropped that is not held, or by the wrong flavour");
	l->opaque[1] = 0;
	sim.locks_held--;
}

void host_lock_init(struct host_lock *l)
{
	memset(l, 0, sizeof(*l));
	l->opaque[0] = LOCK_MAGIC;
}

void host_lock(struct host_lock *l)
{
	if (sim.in_timer)
		sim_fail("a lock that leaves interrupts on is taken in an interrupt");
	take(l, 1);
}

void host_unlock(struct host_lock *l)
{
	drop(l, 1);
}

unsigned long host_lock_irq(struct host_lock *l)
{
	take(l, 2);
	return 0x1f;
}

void host_unlock_irq(struct host_lock *l, unsigned long flags)
{
	if (flags != 0x1f)
		sim_fail("host_unlock_irq() with someone else's flags");
	drop(l, 2);
}

/* -- Log -------------------------------------------------------------------------------------------- */

void host_log(enum host_log_level level, const char *fmt, ...)
{
	size_t used = strlen(sim.log);
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(sim.log + used, sizeof(sim.log) - used, fmt, args);
	va_end(args);
	used = strlen(sim.log);
	if (used + 1 < sizeof(sim.log)) {
		sim.log[used] = '\n';
		sim.log[used + 1] = 0;
	}
	sim.log_lines++;
}

/* -- The test's own -------------------------------------------------------------------------------- */

bool sim_clean(void)
{
	bool clean = !sim.blocks && !sim.pages && !sim.pages_held &&
		     !sim.locks_held && !sim.irq_off && !sim.timers_armed;

	if (!clean)
		fprintf(stderr, "sim: left: %zu blocks, %zu pages, %zu held, %u locks, "
			"interrupts %s, %u timers armed\n", sim.blocks, sim.pages,
			sim.pages_held, sim.locks_held, sim.irq_off ? "off" : "on",
			sim.timers_armed);
	return clean;
}

void sim_reset(void)
{
	if (!sim_clean())
		sim_fail("sim_reset() with something left");
	sim = (struct sim){ .tsc_khz = 1000000, .xcr0 = 3, .page_level = 1 };
}
