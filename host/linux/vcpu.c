// SPDX-License-Identifier: MIT OR GPL-2.0
/* vCPU descriptors: loading onto a CPU, running, blocking, the shared page. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "named.h"

/* -- On and off a CPU --------------------------------------------------------- */

static __always_inline void arrive(struct host_vcpu *h, int cpu)
{
	struct vcpu *v = h->v;

	/* Who asks about it from elsewhere does not make it a migration. */
	if (unlikely(v->cpu != cpu)) {
		if (v->cpu >= 0 && h->runner == current)
			v->stats.migrations++;
		WRITE_ONCE(v->cpu, cpu);
	}
	backend->vcpu_load(v, cpu);
}

static __always_inline void load_here(struct host_vcpu *h)
{
	int cpu = get_cpu();

	preempt_notifier_register(&h->preempt);
	arrive(h, cpu);
	put_cpu();
}

static __always_inline void unload_here(struct host_vcpu *h)
{
	preempt_disable();
	backend->vcpu_put(h->v);
	preempt_notifier_unregister(&h->preempt);
	preempt_enable();
}

void vcpu_load_here(struct host_vcpu *h)
{
	load_here(h);
}

void vcpu_unload_here(struct host_vcpu *h)
{
	unload_here(h);
}

static void sched_in(struct preempt_notifier *n, int cpu)
{
	struct host_vcpu *h = container_of(n, struct host_vcpu, preempt);

	arrive(h, cpu);
}

static void sched_out(struct preempt_notifier *n, struct task_struct *next)
{
	struct host_vcpu *h = container_of(n, struct host_vcpu, preempt);

	backend->vcpu_put(h->v);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/* -- Blocking ----------------------------------------------------------------- */

int host_block(struct vcpu *v)
{
	struct host_vcpu *h = v->host;
	DEFINE_WAIT(wait);
	int rc = 0;

	for (;;) {
		prepare_to_wait(&h->wait, &wait, TASK_INTERRUPTIBLE);
		if (vcpu_runnable(v))
			break;
		if (signal_pending(current)) {
			rc = ERR_INTR;
			break;
		}
		schedule();
	}
	finish_wait(&h->wait, &wait);
	return rc;
}

void host_wake(struct vcpu *v)
{
	if (wq_has_sleeper(&v->host->wait))
		wake_up(&v->host->wait);
}

/* -- Running ------------------------------------------------------------------ */

static void store_pio(struct kvm_run *run, const struct uexit *u)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = u->pio.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = u->pio.size;
	run->io.port = u->pio.port;
	run->io.count = u->pio.count;
	run->io.data_offset = PAGE_SIZE;
}

static void store_mmio(struct kvm_run *run, const struct uexit *u)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = u->mmio.gpa;
	run->mmio.len = u->mmio.len;
	run->mmio.is_write = u->mmio.write;
	memcpy(run->mmio.data, u->mmio.data, 8);
}

static void store_internal(struct kvm_run *run, const struct uexit *u)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = u->internal.suberror;
	run->internal.ndata = u->internal.ndata;
	memcpy(run->internal.data, u->internal.data, sizeof(run->internal.data));
}

static void store_fail_entry(struct kvm_run *run, const struct uexit *u)
{
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = u->fail_entry.reason;
	run->fail_entry.cpu = u->fail_entry.cpu;
}

static void store_trap(struct kvm_run *run, const struct uexit *u)
{
	struct vmm_exit_trap t = {
		.trap = u->trap.trap, .insn_len = u->trap.insn_len,
		.reason = u->trap.reason, .qualification = u->trap.qualification,
		.vector = u->trap.vector, .error = u->trap.error, .cr2 = u->trap.cr2,
	};

	run->exit_reason = VMM_EXIT_TRAP;
	memcpy(run->padding, &t, sizeof(t));
}

static noinline void store_rare_exit(struct kvm_run *run, const struct uexit *u)
{
	switch (u->kind) {
	case UEXIT_INTERNAL: store_internal(run, u); break;
	case UEXIT_FAIL_ENTRY: store_fail_entry(run, u); break;
	case UEXIT_TRAP: store_trap(run, u); break;
	case UEXIT_HLT: run->exit_reason = KVM_EXIT_HLT; break;
	case UEXIT_IRQ_WINDOW: run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN; break;
	case UEXIT_SET_TPR: run->exit_reason = KVM_EXIT_SET_TPR; break;
	case UEXIT_SHUTDOWN: run->exit_reason = KVM_EXIT_SHUTDOWN; break;
	case UEXIT_IOAPIC_EOI:
		run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		run->eoi.vector = u->eoi.vector;
		break;
	case UEXIT_DEBUG:
		run->exit_reason = KVM_EXIT_DEBUG;
		run->debug.arch.exception = u->debug.exception;
		run->debug.arch.pc = u->debug.pc;
		run->debug.arch.dr6 = u->debug.dr6;
		run->debug.arch.dr7 = u->debug.dr7;
		break;
	default: run->exit_reason = KVM_EXIT_INTR; break;
	}
}

static __always_inline void store_exit(struct kvm_run *run, const struct uexit *u)
{
	if (likely(u->kind == UEXIT_PIO))
		store_pio(run, u);
	else if (u->kind == UEXIT_MMIO)
		store_mmio(run, u);
	else
		store_rare_exit(run, u);
}

/* What user space's own interrupt controller looks at. */
static noinline void store_irq_state(struct vcpu *v, struct kvm_run *run)
{
	backend->load_regs(v, REG_RFLAGS);
	run->if_flag = !!(v->rflags & X86_EFLAGS_IF);
	run->cr8 = x86_get_cr8(v);
	run->apic_base = v->apic_base;
	run->ready_for_interrupt_injection =
		v->user_irq < 0 && !v->injected.type && backend->irq_open(v);
}

/* The parts of kvm_run that are current after every run. */
static __always_inline void store_common(struct vcpu *v, struct kvm_run *run)
{
	run->flags = 0;
	run->ready_for_interrupt_injection = 1;
	if (unlikely(!v->lapic))
		store_irq_state(v, run);
}

static __always_inline void load_common(struct host_vcpu *h)
{
	struct vcpu *v = h->v;
	struct kvm_run *run = h->run;

	if (READ_ONCE(run->immediate_exit))
		vcpu_request(v, REQ_USER);
	if (!v->lapic) {
		x86_set_cr8(v, run->cr8 & 15);
		if (v->irq_window_user != !!run->request_interrupt_window) {
			v->irq_window_user = !!run->request_interrupt_window;
			vcpu_request(v, REQ_EVENT);
		}
	}
	if (v->uexit.kind == UEXIT_MMIO)
		memcpy(v->uexit.mmio.data, run->mmio.data, 8);
}

static __always_inline long run(struct host_vcpu *h)
{
	struct vcpu *v = h->v;
	struct kvm_run *page = h->run;
	long rc;

	load_common(h);
	fpu_swap_kvm_fpstate(&h->fpu, true);
	rc = vcpu_run(v);
	fpu_swap_kvm_fpstate(&h->fpu, false);
	if (READ_ONCE(v->requests) & REQ_USER)
		__atomic_and_fetch(&v->requests, ~REQ_USER, __ATOMIC_RELAXED);
	store_common(v, page);
	store_exit(page, &v->uexit);
	return rc;
}

static noinline long run_with_signals(struct host_vcpu *h)
{
	sigset_t saved;
	long rc;

	sigprocmask(SIG_SETMASK, &h->sigset, &saved);
	rc = run(h);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return rc;
}

/* A reset was asked for by name: the program sees it before the guest runs. */
static bool reset_asked(struct host_vcpu *h)
{
	struct named *n = h->vm->named;

	if (!n || h->v->id || !READ_ONCE(n->reset_pending) || !xchg(&n->reset_pending, false))
		return false;
	h->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	h->run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	h->run->system_event.ndata = 0;
	h->pending = false;
	return true;
}

/* Was the program asked something that its next run answers? Keep the question. */
static void note_pending(struct host_vcpu *h)
{
	const struct uexit *u = &h->v->uexit;

	h->pending = u->kind == UEXIT_PIO || u->kind == UEXIT_MMIO;
	if (u->kind == UEXIT_PIO && !u->pio.in)
		memcpy(h->pending_data, h->pio, sizeof(h->pending_data));
}

/* Another client has died over this exit, or has given up: the next one's turn. */
static void show_pending(struct host_vcpu *h)
{
	const struct uexit *u = &h->v->uexit;

	/* Longer ones are still in the page, which nobody writes for an OUT. */
	if (u->kind == UEXIT_PIO && !u->pio.in)
		memcpy(h->pio, h->pending_data, sizeof(h->pending_data));
	store_common(h->v, h->run);
	store_exit(h->run, u);
}

static __always_inline long run_loaded(struct host_vcpu *h)
{
	long rc;

	/* While its thread lets somebody have a look: host_yield(). */
	if (unlikely(h->runner))
		return -EBUSY;
	WRITE_ONCE(h->started, true);
	WRITE_ONCE(h->runner, current);
	rc = unlikely(h->sigset_active) ? run_with_signals(h) : run(h);
	WRITE_ONCE(h->runner, NULL);
	return rc;
}

/* Programs come and go, and others look at it. Loaded, mutex held. */
static noinline long run_named(struct host_vcpu *h, struct file *file)
{
	bool first = h->client != file;
	long rc;

	if (h->runner)
		return -EBUSY;
	if (reset_asked(h))
		return 0;
	WRITE_ONCE(h->client, file);
	if (first && h->pending) {
		show_pending(h);
		return 0;
	}
	if (named_paused(h->vm))
		vcpu_request(h->v, REQ_HOST);
	rc = run_loaded(h);
	note_pending(h);
	return rc;
}

/* -- ioctls ------------------------------------------------------------------- */

static long set_signal_mask(struct host_vcpu *h, struct kvm_signal_mask __user *user)
{
	sigset_t set;
	u32 len;

	if (!user) {
		h->sigset_active = false;
		return 0;
	}
	if (get_user(len, &user->len) || len != sizeof(set) ||
	    copy_from_user(&set, user->sigset, sizeof(set)))
		return -EINVAL;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	h->sigset = set;
	h->sigset_active = true;
	return 0;
}

static long set_traps(struct host_vcpu *h, void __user *user)
{
	struct vmm_traps args;
	struct traps t;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (memchr_inv(args.reserved, 0, sizeof(args.reserved)))
		return -EINVAL;
	t = (struct traps){ args.instructions, args.exceptions, args.pf_mask, args.pf_match };
	return vcpu_set_traps(h->v, &t);
}

static __always_inline long run_ioctl(struct host_vcpu *h, struct file *file,
				      const struct named *named)
{
	long rc;

	if (unlikely(named) && READ_ONCE(h->runner))
		return -EBUSY;
	if (mutex_lock_killable(&h->mutex))
		return -EINTR;
	load_here(h);
	rc = unlikely(named) ? run_named(h, file) : run_loaded(h);
	unload_here(h);
	mutex_unlock(&h->mutex);
	return rc;
}

static noinline long other_ioctl(struct host_vcpu *h, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	long rc;

	if (vcpu_inspect_unlocked(h, cmd, user, &rc))
		return rc;
	if (vcpu_lock(h))
		return -EINTR;
	vcpu_load_here(h);
	switch (cmd) {
	case KVM_SET_SIGNAL_MASK: rc = set_signal_mask(h, user); break;
	case VMM_SET_TRAPS: rc = set_traps(h, user); break;
	case VMM_GET_STATE:
	case VMM_SET_FIELD: rc = vcpu_inspect(h, cmd, user); break;
	default: rc = vcpu_state_ioctl(h, cmd, user); break;
	}
	vcpu_unload_here(h);
	vcpu_unlock(h);
	return rc;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct host_vcpu *h = file->private_data;
	struct named *named = h->vm->named;

	if (unlikely(named ? READ_ONCE(named->dead) : current->mm != h->vm->mm))
		return named ? -ENODEV : -EIO;
	if (unlikely(cmd != KVM_RUN))
		return other_ioctl(h, cmd, arg);
	return arg ? -EINVAL : run_ioctl(h, file, named);
}

/* -- The shared pages --------------------------------------------------------- */

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct host_vcpu *h = vmf->vma->vm_file->private_data;
	struct page *page;

	if (vmf->pgoff == 0)
		page = virt_to_page(h->run);
	else if (vmf->pgoff == 1)
		page = virt_to_page(h->pio);
	else
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct map_ops = { .fault = map_fault };

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma_pages(vma) + vma->vm_pgoff > VCPU_MAP_PAGES)
		return -EINVAL;
	vma->vm_ops = &map_ops;
	return 0;
}

/* -- Lifetime ----------------------------------------------------------------- */

void free_host_vcpu(struct host_vcpu *h)
{
	if (h->fpu.fpstate)
		fpu_free_guest_fpstate(&h->fpu);
	free_page((unsigned long)h->run);
	free_page((unsigned long)h->pio);
	kfree(h);
}

/*
 * The vCPU lives as long as its VM, so that interrupts can be sent to it from
 * anywhere without a lock. What goes with the descriptor is a reference.
 */
static int vcpu_release(struct inode *inode, struct file *file)
{
	struct host_vcpu *h = file->private_data;

	cmpxchg(&h->client, file, NULL);
	host_vm_put(h->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

static struct host_vcpu *alloc_host_vcpu(struct host_vm *vm)
{
	struct host_vcpu *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return NULL;
	h->vm = vm;
	mutex_init(&h->mutex);
	init_waitqueue_head(&h->wait);
	init_waitqueue_head(&h->handed);
	preempt_notifier_init(&h->preempt, &preempt_ops);
	h->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	h->pio = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!h->run || !h->pio || !fpu_alloc_guest_fpstate(&h->fpu)) {
		free_host_vcpu(h);
		return NULL;
	}
	return h;
}

/* A refusal leaves nothing in the VM: it can be had as often as one likes. */
static long create_vcpu(struct host_vm *vm, u32 id)
{
	struct host_vcpu *h;
	struct file *file;
	struct vcpu *v;
	int fd, rc;

	if (id >= VCPUS_MAX)
		return -EINVAL;
	/* One for now. */
	if (vm->vm->vcpu_count)
		return -EEXIST;
	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	h = alloc_host_vcpu(vm);
	file = h ? anon_inode_getfile("vmm-vcpu", &vcpu_fops, h, O_RDWR) : ERR_PTR(-ENOMEM);
	if (IS_ERR(file)) {
		if (h)
			free_host_vcpu(h);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* The file's end comes later than ours: from here on the VM's end frees h. */
	h->next = vm->vcpus;
	smp_store_release(&vm->vcpus, h);
	refcount_inc(&vm->refs);	/* the file's */
	rc = vcpu_create(vm->vm, id, h, h->pio, &v);
	if (rc) {
		put_unused_fd(fd);
		fput(file);		/* later, and drops the reference */
		return rc;
	}
	smp_store_release(&h->v, v);
	vcpu_load_here(h);
	vcpu_reset(v, false);
	vcpu_unload_here(h);
	vcpu_publish(v);
	fd_install(fd, file);
	return fd;
}

long vcpu_dev_create(struct host_vm *vm, u32 id)
{
	long rc;

	mutex_lock(&vm->lock);
	rc = create_vcpu(vm, id);
	mutex_unlock(&vm->lock);
	return rc;
}

/* A further descriptor of a vCPU that is there. */
long vcpu_dev_open(struct host_vm *vm, unsigned long id)
{
	struct host_vcpu *h;
	int fd;

	mutex_lock(&vm->lock);
	for (h = vm->vcpus; h; h = h->next)
		if (h->v && h->v->id == id)
			break;
	mutex_unlock(&vm->lock);
	if (!h)
		return -ENOENT;
	refcount_inc(&vm->refs);	/* the file's */
	fd = anon_inode_getfd("vmm-vcpu", &vcpu_fops, h, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		host_vm_put(vm);
	return fd;
}
