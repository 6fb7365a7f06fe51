// SPDX-License-Identifier: MIT OR GPL-2.0
/* Named numbers for user space: see include/vellum/vmm.h. */
#include <linux/uaccess.h>

#include "vmm.h"
#include <vellum/vmm.h>

struct counter_list {
	struct vmm_counters head;
	struct vmm_counter __user *user;
	u32 n;
	long error;
};

static long open_list(struct counter_list *l, void __user *arg)
{
	if (copy_from_user(&l->head, arg, sizeof(l->head)))
		return -EFAULT;
	if (l->head.reserved)
		return -EINVAL;
	l->user = u64_to_user_ptr(l->head.counters);
	l->n = 0;
	l->error = 0;
	return 0;
}

static void add(struct counter_list *l, u32 kind, const char *name, u64 value)
{
	struct vmm_counter c = { .kind = kind, .value = value };

	strscpy(c.name, name, sizeof(c.name));
	if (l->n < l->head.n && copy_to_user(&l->user[l->n], &c, sizeof(c)))
		l->error = -EFAULT;
	l->n++;
}

static long close_list(struct counter_list *l, void __user *arg)
{
	bool too_many = l->n > l->head.n;

	l->head.n = l->n;
	if (l->error || copy_to_user(arg, &l->head, sizeof(l->head)))
		return -EFAULT;
	return too_many ? -E2BIG : 0;
}

/* Where the time went since the first run; all from one clock, so they add up. */
static void add_times(struct counter_list *l, const struct vcpu *v)
{
	const struct vcpu_stats *s = &v->stats;
	u64 first = READ_ONCE(v->first_tsc), all = first ? rdtsc() - first : 0;
	u64 user = s->user_ticks, known;

	if (first && !READ_ONCE(v->host->runner))
		user += rdtsc() - READ_ONCE(v->left_tsc);
	known = s->guest_ticks + s->halted_ticks + user;
	add(l, VMM_COUNTER_VCPU, "ticks in the guest", s->guest_ticks);
	add(l, VMM_COUNTER_VCPU, "ticks in the kernel", all > known ? all - known : 0);
	add(l, VMM_COUNTER_VCPU, "ticks in user space", user);
	add(l, VMM_COUNTER_VCPU, "ticks halted", s->halted_ticks);
}

static void add_fact(void *ctx, const char *name, u64 value)
{
	add(ctx, VMM_COUNTER_VCPU, name, value);
}

static void add_vcpu(struct counter_list *l, const struct vcpu *v)
{
	static const char *const events[] = {
		[EVENT_IRQ] = "injected interrupts", [EVENT_NMI] = "injected NMIs",
		[EVENT_EXCEPTION] = "injected exceptions",
		[EVENT_SOFT_INT] = "injected INT n",
	};
	const struct vcpu_stats *s = &v->stats;
	const struct mem *m = &v->vm->mem;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			add(l, VMM_COUNTER_VCPU, events[i], s->injected[i]);
	add(l, VMM_COUNTER_VCPU, "second-level faults", s->s2_faults);
	add(l, VMM_COUNTER_VCPU, "emulated instructions", s->emulated);
	add(l, VMM_COUNTER_VCPU, "returns to user space", s->user_exits);
	add(l, VMM_COUNTER_VCPU, "halts", s->halts);
	add(l, VMM_COUNTER_VCPU, "migrations", s->migrations);
	add(l, VMM_COUNTER_VCPU, "pages of 4 KiB", m->pages_4k);
	add(l, VMM_COUNTER_VCPU, "pages of 2 MiB", m->pages_2m);
	add(l, VMM_COUNTER_VCPU, "pages of 1 GiB", m->pages_1g);
	add(l, VMM_COUNTER_VCPU, "second-level tables", m->table_pages);
	add(l, VMM_COUNTER_VCPU, "faults mapping 4 KiB", m->faults[1]);
	add(l, VMM_COUNTER_VCPU, "faults mapping 2 MiB", m->faults[2]);
	add(l, VMM_COUNTER_VCPU, "faults mapping 1 GiB", m->faults[3]);
	add_times(l, v);
}

long vcpu_get_counters(struct host_vcpu *h, void __user *arg)
{
	struct counter_list l;
	long rc = open_list(&l, arg);
	unsigned int i;

	if (rc)
		return rc;
	for (i = 0; i < EXIT_REASONS; i++) {
		const char *name = backend->exit_name(i);
		char number[24];

		if (!h->v->stats.exits[i])
			continue;
		if (!name) {
			snprintf(number, sizeof(number), "exit %u", i);
			name = number;
		}
		add(&l, VMM_COUNTER_EXIT, name, h->v->stats.exits[i]);
	}
	add_vcpu(&l, h->v);
	if (backend->describe_vcpu)
		backend->describe_vcpu(h->v, add_fact, &l);
	return close_list(&l, arg);
}

static void add_cpu(void *ctx, const char *name, u64 value)
{
	add(ctx, VMM_COUNTER_CPU, name, value);
}

long ctl_get_info(void __user *arg)
{
	struct counter_list l;
	long rc = open_list(&l, arg);

	if (rc)
		return rc;
	add(&l, VMM_COUNTER_CPU, backend->name, 1);
	if (backend->describe)
		backend->describe(add_cpu, &l);
	add(&l, VMM_COUNTER_MODULE, "VMs", atomic_read(&vm_count));
	add(&l, VMM_COUNTER_MODULE, "pages", atomic64_read(&host_pages));
	add(&l, VMM_COUNTER_MODULE, "objects", atomic64_read(&host_bytes));
	return close_list(&l, arg);
}
