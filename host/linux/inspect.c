// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Looking into a vCPU that another thread runs: either without touching it (the
 * recorder, the counters), or by taking it over between two entries.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "named.h"

/* -- Having a vCPU for a moment ------------------------------------------------------- */

/*
 * Whoever wants the vCPU counts itself in `waiting` and kicks; the thread that runs it
 * comes here at its next exit, gives it away, and stays away until all who waited have
 * had it. A thread in user space, or blocked in a halt, is no different: the first has
 * given the mutex back already, the second is woken.
 */
int vcpu_lock(struct host_vcpu *h)
{
	int rc;

	if (mutex_trylock(&h->mutex))
		return 0;
	atomic_inc(&h->waiting);
	vcpu_kick(h->v, REQ_HOST);
	rc = mutex_lock_killable(&h->mutex);
	if (atomic_dec_and_test(&h->waiting))
		wake_up(&h->handed);
	return rc;
}

void vcpu_unlock(struct host_vcpu *h)
{
	mutex_unlock(&h->mutex);
}

static bool may_go_on(struct host_vm *vm)
{
	return !named_paused(vm) || READ_ONCE(vm->named->dead);
}

int host_yield(struct vcpu *v)
{
	struct host_vcpu *h = v->host;
	struct host_vm *vm = h->vm;

	if (!atomic_read(&h->waiting) && may_go_on(vm))
		return 0;
	fpu_swap_kvm_fpstate(&h->fpu, false);
	vcpu_unload_here(h);
	mutex_unlock(&h->mutex);
	wait_event_interruptible(h->handed, !atomic_read(&h->waiting));
	if (!may_go_on(vm))
		wait_event_interruptible(vm->named->resumed, may_go_on(vm));
	mutex_lock(&h->mutex);
	vcpu_load_here(h);
	fpu_swap_kvm_fpstate(&h->fpu, true);
	return signal_pending(current) || (vm->named && READ_ONCE(vm->named->dead)) ?
		ERR_INTR : 0;
}

/* -- Lists for user space ----------------------------------------------------------------- */

/* Copies item i of a list with room for n; counting goes on when it is full. */
static long put_item(u64 array, u32 n, u32 i, const void *item, size_t size)
{
	if (i >= n)
		return 0;
	return copy_to_user(u64_to_user_ptr(array) + (size_t)i * size, item, size) ?
		-EFAULT : 0;
}

static void name_reason(char *name, size_t size, u32 reason)
{
	const char *known = backend->exit_name(reason);

	if (known)
		strscpy(name, known, size);
	else
		snprintf(name, size, "exit %u", reason);
}

static long get_reasons(struct vmm_reasons __user *user)
{
	struct vmm_reasons a;
	u32 i, count = 0;
	long rc = 0;

	if (copy_from_user(&a, user, sizeof(a)))
		return -EFAULT;
	if (a.reserved)
		return -EINVAL;
	for (i = 0; i < EXIT_REASONS && !rc; i++) {
		struct vmm_reason r = { .reason = i };

		if (!backend->exit_name(i))
			continue;
		name_reason(r.name, sizeof(r.name), i);
		rc = put_item(a.reasons, a.n, count++, &r, sizeof(r));
	}
	if (put_user(count, &user->n))
		return -EFAULT;
	return rc ? rc : count > a.n ? -E2BIG : 0;
}

static bool fill_latency(struct vmm_latency *l, const struct vcpu *v, u32 reason)
{
	unsigned int b;
	u64 sum = 0;

	BUILD_BUG_ON(LATENCY_BUCKETS != VMM_LATENCY_BUCKETS);
	memset(l, 0, sizeof(*l));
	l->reason = reason;
	name_reason(l->name, sizeof(l->name), reason);
	for (b = 0; b < LATENCY_BUCKETS; b++) {
		u64 n = READ_ONCE(v->latency[reason][b]);

		l->count[b] = n;
		sum += n;
	}
	return sum;
}

static long get_latency(struct vcpu *v, struct vmm_latencies __user *user)
{
	struct vmm_latencies a;
	struct vmm_latency *l;
	u32 i, count = 0;
	long rc = 0;

	if (copy_from_user(&a, user, sizeof(a)))
		return -EFAULT;
	if (a.reserved)
		return -EINVAL;
	l = kmalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	for (i = 0; i < EXIT_REASONS && !rc; i++)
		if (fill_latency(l, v, i))
			rc = put_item(a.latencies, a.n, count++, l, sizeof(*l));
	kfree(l);
	if (put_user(count, &user->n))
		return -EFAULT;
	return rc ? rc : count > a.n ? -E2BIG : 0;
}

/* -- The flight recorder ------------------------------------------------------------------ */

#define BATCH	32

/*
 * Copies up to BATCH records from seq on. The vCPU may overwrite them meanwhile: what
 * is old enough to have been when we look again is dropped. One entry is always being
 * written, so the ring holds one less.
 */
static u32 copy_records(const struct vcpu *v, u64 *seq, u64 *lost,
			struct vmm_trace_record *out, u32 room)
{
	u64 next = records_made(v), oldest;
	u32 i, n, drop;

	oldest = next >= TRACE_ENTRIES ? next - (TRACE_ENTRIES - 1) : 0;
	if (*seq < oldest) {
		*lost += oldest - *seq;
		*seq = oldest;
	}
	n = min_t(u64, min_t(u32, room, BATCH), next - *seq);
	for (i = 0; i < n; i++) {
		const struct exit_record *t = &v->trace[(*seq + i) % TRACE_ENTRIES];

		out[i] = (struct vmm_trace_record){
			.tsc = READ_ONCE(t->tsc_low) | (u64)READ_ONCE(t->tsc_high) << 32,
			.rip = READ_ONCE(t->rip),
			.qualification = READ_ONCE(t->qual),
			.guest_ticks = READ_ONCE(t->guest_ticks),
			.reason = READ_ONCE(t->reason), .cpu = READ_ONCE(t->cpu),
		};
	}
	smp_rmb();
	next = records_made(v);
	oldest = next >= TRACE_ENTRIES ? next - (TRACE_ENTRIES - 1) : 0;
	drop = oldest > *seq ? min_t(u64, oldest - *seq, n) : 0;
	*lost += drop;
	*seq += n;
	memmove(out, out + drop, (n - drop) * sizeof(*out));
	return n - drop;
}

static long get_trace(const struct vcpu *v, struct vmm_trace __user *user)
{
	struct vmm_trace_record *batch;
	struct vmm_trace a;
	u32 done = 0, n;
	u64 before;
	long rc = 0;

	if (copy_from_user(&a, user, sizeof(a)))
		return -EFAULT;
	if (a.reserved || a.lost)
		return -EINVAL;
	batch = kmalloc_array(BATCH, sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	a.next = min_t(u64, a.next, records_made(v));
	/* A guest that exits faster than we copy does not keep us here. */
	while (done < a.n && done < TRACE_ENTRIES && !rc) {
		before = a.next;
		n = copy_records(v, &a.next, &a.lost, batch, a.n - done);
		if (n && copy_to_user(u64_to_user_ptr(a.records) + done * sizeof(*batch),
				      batch, n * sizeof(*batch)))
			rc = -EFAULT;
		done += n;
		if (a.next == before || signal_pending(current))
			break;
	}
	kfree(batch);
	a.n = done;
	a.tsc_khz = host_tsc_khz();
	return rc ? rc : copy_to_user(user, &a, sizeof(a)) ? -EFAULT : 0;
}

u64 vcpu_total_exits(const struct vcpu *v)
{
	return records_made(v);
}

bool vcpu_inspect_unlocked(struct host_vcpu *h, unsigned int cmd, void __user *user, long *rc)
{
	switch (cmd) {
	case VMM_GET_COUNTERS: *rc = vcpu_get_counters(h, user); return true;
	case VMM_GET_TRACE: *rc = get_trace(h->v, user); return true;
	case VMM_GET_LATENCY: *rc = get_latency(h->v, user); return true;
	case VMM_GET_REASONS: *rc = get_reasons(user); return true;
	default: return false;
	}
}

/* -- Everything that the hardware holds ------------------------------------------------------ */

#define FIELDS_MAX	4096

struct snapshot {
	struct vmm_field *field;
	u32 n;
};

static void add_field(void *arg, u32 id, u64 value)
{
	struct snapshot *s = arg;

	if (s->n < FIELDS_MAX)
		s->field[s->n++] = (struct vmm_field){ .id = id, .value = value };
}

static long get_state(struct host_vcpu *h, struct vmm_state __user *user)
{
	struct vcpu *v = h->v;
	struct snapshot s = { 0 };
	struct vmm_state a;
	long rc = 0;

	if (copy_from_user(&a, user, sizeof(a)))
		return -EFAULT;
	s.field = kvcalloc(FIELDS_MAX, sizeof(*s.field), GFP_KERNEL);
	if (!s.field)
		return -ENOMEM;
	backend->dump(v, add_field, &s);
	if (s.n > a.n)
		rc = -E2BIG;
	else if (copy_to_user(u64_to_user_ptr(a.fields), s.field, s.n * sizeof(*s.field)))
		rc = -EFAULT;
	kvfree(s.field);
	a = (struct vmm_state){
		.n = s.n, .fields = a.fields, .exits = records_made(v), .tsc = rdtsc(),
		.vendor = backend == &svm_backend ? VMM_VENDOR_SVM : VMM_VENDOR_VMX,
		.mp_state = v->mp_state,
		.cpu = records_made(v) ?
			v->trace[(records_made(v) - 1) % TRACE_ENTRIES].cpu : -1,
	};
	return copy_to_user(user, &a, sizeof(a)) ? -EFAULT : rc;
}

static long set_field(struct vcpu *v, void __user *user)
{
	struct vmm_field f;

	if (copy_from_user(&f, user, sizeof(f)))
		return -EFAULT;
	return f.reserved ? -EINVAL : backend->set_field(v, f.id, f.value);
}

/* Loaded, mutex held. */
long vcpu_inspect(struct host_vcpu *h, unsigned int cmd, void __user *user)
{
	return cmd == VMM_GET_STATE ? get_state(h, user) : set_field(h->v, user);
}
