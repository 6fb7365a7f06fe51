// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * KVM_IRQFD: writing an eventfd raises a GSI. KVM_IOEVENTFD: a guest's write to a
 * port or address signals an eventfd, with no return to user space.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmm.h"

#define IRQFDS_MAX	1024
#define IOEVENTFDS_MAX	1024

/* -- Interrupts by eventfd ------------------------------------------------------ */

struct irqfd {
	struct irqfd *next;
	struct host_vm *vm;
	struct eventfd_ctx *ctx;
	u32 gsi;
	wait_queue_entry_t wait;
	poll_table table;
};

/*
 * The eventfd was written: interrupts are off, and its own lock is held. 1 ends the
 * wake-up here: the count is taken, and who else waits for it, as an epoll of the
 * program's, would be woken only to find nothing.
 */
static int irqfd_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *f = container_of(wait, struct irqfd, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;	/* closed: our reference keeps it alive until deassigned */
	eventfd_ctx_do_read(f->ctx, &count);
	irq_set_gsi(f->vm->vm, f->gsi, 1, true);
	irq_set_gsi(f->vm->vm, f->gsi, 1, false);
	return 1;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct irqfd *f = container_of(table, struct irqfd, table);

	add_wait_queue_priority(head, &f->wait);
}

static void irqfd_free(struct irqfd *f)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(f->ctx, &f->wait, &count);
	eventfd_ctx_put(f->ctx);
	kfree(f);
}

static long irqfd_assign(struct host_vm *h, const struct kvm_irqfd *args)
{
	struct irqfd *f, *other;
	struct fd fd;
	long rc = -EBADF;

	if (h->irqfd_count >= IRQFDS_MAX)
		return -ENOSPC;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->vm = h;
	f->gsi = args->gsi;
	fd = fdget(args->fd);
	if (!fd.file)
		goto no_file;
	f->ctx = eventfd_ctx_fileget(fd.file);
	rc = PTR_ERR_OR_ZERO(f->ctx);
	if (rc)
		goto no_ctx;
	rc = -EBUSY;
	for (other = h->irqfds; other; other = other->next)
		if (other->ctx == f->ctx)
			goto taken;
	init_waitqueue_func_entry(&f->wait, irqfd_wake);
	init_poll_funcptr(&f->table, irqfd_queue);
	f->next = h->irqfds;
	h->irqfds = f;
	h->irqfd_count++;
	/* What was written before anyone listened still counts. */
	if (vfs_poll(fd.file, &f->table) & EPOLLIN)
		irq_set_gsi(h->vm, f->gsi, 1, true), irq_set_gsi(h->vm, f->gsi, 1, false);
	fdput(fd);
	return 0;
taken:
	eventfd_ctx_put(f->ctx);
no_ctx:
	fdput(fd);
no_file:
	kfree(f);
	return rc;
}

static long irqfd_deassign(struct host_vm *h, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct irqfd **p, *f;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	for (p = &h->irqfds; (f = *p); p = &f->next) {
		if (f->ctx != ctx || f->gsi != args->gsi)
			continue;
		*p = f->next;
		h->irqfd_count--;
		irqfd_free(f);
		break;
	}
	eventfd_ctx_put(ctx);
	return 0;
}

long vm_irqfd(struct host_vm *h, void __user *user)
{
	struct kvm_irqfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~KVM_IRQFD_FLAG_DEASSIGN || !h->vm->irqchip)
		return -EINVAL;
	return args.flags ? irqfd_deassign(h, &args) : irqfd_assign(h, &args);
}

/* -- Eventfds by I/O ------------------------------------------------------------ */

struct ioeventfd {
	struct ioeventfd *next;
	struct eventfd_ctx *ctx;
	u64 addr, datamatch;
	u32 len;		/* 0: any */
	bool pio, match_data;
};

bool host_io_write(struct vm *vm, bool pio, u64 addr, unsigned int size, u64 val)
{
	struct host_vm *h = vm->host;
	struct ioeventfd *e;
	bool found = false;

	if (likely(!READ_ONCE(h->ioeventfds)))
		return false;
	spin_lock(&h->ioeventfd_lock);
	for (e = h->ioeventfds; e && !found; e = e->next) {
		if (e->pio != pio || e->addr != addr || (e->len && e->len != size) ||
		    (e->match_data && e->datamatch != val))
			continue;
		eventfd_signal(e->ctx, 1);
		found = true;
	}
	spin_unlock(&h->ioeventfd_lock);
	return found;
}

static bool same_place(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr &&
	       (!a->len || !b->len || a->len == b->len) &&
	       (!a->match_data || !b->match_data || a->datamatch == b->datamatch);
}

static long ioeventfd_assign(struct host_vm *h, struct ioeventfd *e)
{
	struct ioeventfd *other;
	long rc = 0;

	spin_lock(&h->ioeventfd_lock);
	for (other = h->ioeventfds; other && !rc; other = other->next)
		if (same_place(other, e))
			rc = -EEXIST;
	if (!rc && h->ioeventfd_count >= IOEVENTFDS_MAX)
		rc = -ENOSPC;
	if (!rc) {
		e->next = h->ioeventfds;
		h->ioeventfds = e;
		WRITE_ONCE(h->vm->io_listeners, ++h->ioeventfd_count);
	}
	spin_unlock(&h->ioeventfd_lock);
	return rc;
}

static long ioeventfd_deassign(struct host_vm *h, const struct ioeventfd *e)
{
	struct ioeventfd **p, *found;

	spin_lock(&h->ioeventfd_lock);
	for (p = &h->ioeventfds; (found = *p); p = &found->next)
		if (found->ctx == e->ctx && found->pio == e->pio &&
		    found->addr == e->addr && found->len == e->len &&
		    found->match_data == e->match_data &&
		    (!e->match_data || found->datamatch == e->datamatch)) {
			*p = found->next;
			WRITE_ONCE(h->vm->io_listeners, --h->ioeventfd_count);
			break;
		}
	spin_unlock(&h->ioeventfd_lock);
	if (!found)
		return -ENOENT;
	eventfd_ctx_put(found->ctx);
	kfree(found);
	return 0;
}

long vm_ioeventfd(struct host_vm *h, void __user *user)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct kvm_ioeventfd args;
	struct ioeventfd *e;
	bool kept = false;
	long rc;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if ((args.flags & ~known) || args.addr + args.len < args.addr ||
	    (args.len != 0 && args.len != 1 && args.len != 2 && args.len != 4 &&
	     args.len != 8) ||
	    (!args.len && (args.flags & KVM_IOEVENTFD_FLAG_DATAMATCH)))
		return -EINVAL;
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	*e = (struct ioeventfd){
		.addr = args.addr, .len = args.len, .datamatch = args.datamatch,
		.pio = args.flags & KVM_IOEVENTFD_FLAG_PIO,
		.match_data = args.flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.ctx = eventfd_ctx_fdget(args.fd),
	};
	rc = PTR_ERR_OR_ZERO(e->ctx);
	if (rc) {
		kfree(e);
		return rc;
	}
	if (args.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		rc = ioeventfd_deassign(h, e);
	} else {
		rc = ioeventfd_assign(h, e);
		kept = !rc;
	}
	if (!kept) {
		eventfd_ctx_put(e->ctx);
		kfree(e);
	}
	return rc;
}

/* The VM goes: no vCPU runs, but eventfds may still be written. */
void vm_eventfds_release(struct host_vm *h)
{
	while (h->irqfds) {
		struct irqfd *f = h->irqfds;

		h->irqfds = f->next;
		irqfd_free(f);
	}
	while (h->ioeventfds) {
		struct ioeventfd *e = h->ioeventfds;

		h->ioeventfds = e->next;
		eventfd_ctx_put(e->ctx);
		kfree(e);
	}
}
