// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * VMs with a name: a registry, a node for each, and whose they are.
 *
 * Locks: `registry` guards the lists, the users' sums and the nodes. It is everybody's:
 * who holds it neither touches user memory nor waits for a VM's lock or a vCPU, which
 * that VM's owner can hold for as long as he likes. Charging is inside host_vm.lock
 * (charge_lock).
 */
#include <linux/cdev.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/idr.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "named.h"

static unsigned int named_max = 16;
module_param(named_max, uint, 0644);
MODULE_PARM_DESC(named_max, "named VMs that one user may have (default 16)");

static unsigned int named_mib;
module_param(named_mib, uint, 0644);
MODULE_PARM_DESC(named_mib, "MiB of memory that the named VMs of one user may have (default 0: half of the host's)");

#define MINORS	1024

static DEFINE_MUTEX(registry);
static DEFINE_SPINLOCK(charge_lock);	/* named_user.bytes */
static LIST_HEAD(all);
static LIST_HEAD(users);
static DEFINE_IDR(minors);		/* of struct named */
static dev_t devt;
static struct cdev cdev;

/* -- Users -------------------------------------------------------------------------- */

static u64 bytes_allowed(void)
{
	return named_mib ? (u64)named_mib << 20 : (u64)totalram_pages() << (PAGE_SHIFT - 1);
}

long named_charge(struct named *n, u64 bytes)
{
	struct named_user *u = n->user;
	u64 limit = bytes_allowed();
	long rc = 0;

	spin_lock(&charge_lock);
	if (bytes > limit || u->bytes > limit - bytes)
		rc = -EDQUOT;
	else
		u->bytes += bytes;
	spin_unlock(&charge_lock);
	return rc;
}

void named_uncharge(struct named *n, u64 bytes)
{
	spin_lock(&charge_lock);
	n->user->bytes -= bytes;
	spin_unlock(&charge_lock);
}

/* registry held. Counts the new VM. */
static struct named_user *user_get(kuid_t uid, long *err)
{
	struct named_user *u;

	list_for_each_entry(u, &users, list)
		if (uid_eq(u->uid, uid)) {
			*err = -EDQUOT;
			if (u->vms >= named_max)
				return NULL;
			u->vms++;
			return u;
		}
	*err = named_max ? -ENOMEM : -EDQUOT;
	u = named_max ? kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT) : NULL;
	if (!u)
		return NULL;
	u->uid = uid;
	u->vms = 1;
	list_add(&u->list, &users);
	return u;
}

static void user_put(struct named_user *u)
{
	if (--u->vms)
		return;
	list_del(&u->list);
	kfree(u);
}

/* The node's owner, and who gets past file permissions anyway. */
static bool permitted(const struct named *n)
{
	return uid_eq(current_fsuid(), n->uid) || capable(CAP_DAC_OVERRIDE);
}

/* -- Names ---------------------------------------------------------------------------- */

static bool name_ok(const char *name)
{
	size_t i, n = strnlen(name, VMM_NAME_SIZE);

	if (!n || n == VMM_NAME_SIZE || name[0] == '.' || name[0] == '-' ||
	    !strcmp(name, "ctl"))
		return false;
	for (i = 0; i < n; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("._-", name[i])))
			return false;
	return true;
}

static long get_name(struct vmm_name *out, void __user *arg)
{
	if (copy_from_user(out, arg, sizeof(*out)))
		return -EFAULT;
	return out->reserved[0] || out->reserved[1] || !name_ok(out->name) ? -EINVAL : 0;
}

/* registry held. */
static struct named *find(const char *name)
{
	struct named *n;

	list_for_each_entry(n, &all, list)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

/* -- The node ---------------------------------------------------------------------------- */

struct named_device {
	struct device dev;
	char name[VMM_NAME_SIZE];
	kuid_t uid;
	kgid_t gid;
};

static char *devnode(struct device *dev, umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	const struct named_device *d = container_of(dev, struct named_device, dev);

	if (mode)
		*mode = 0600;
	if (uid)
		*uid = d->uid;
	if (gid)
		*gid = d->gid;
	return kasprintf(GFP_KERNEL, "vmm/%s", d->name);
}

static const struct device_type device_type = { .name = "vmm-vm", .devnode = devnode };

static void device_free(struct device *dev)
{
	kfree(container_of(dev, struct named_device, dev));
}

static int node_create(struct named *n)
{
	struct named_device *d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	int rc;

	if (!d)
		return -ENOMEM;
	strscpy(d->name, n->name, sizeof(d->name));
	d->uid = n->uid;
	d->gid = n->gid;
	device_initialize(&d->dev);
	d->dev.class = vmm_class;
	d->dev.type = &device_type;
	d->dev.devt = MKDEV(MAJOR(devt), n->minor);
	d->dev.release = device_free;
	rc = dev_set_name(&d->dev, "vmm-%s", n->name);
	if (!rc)
		rc = device_add(&d->dev);
	if (rc)
		put_device(&d->dev);
	else
		n->device = &d->dev;
	return rc;
}

/*
 * Permission is asked for again: an inode that somebody kept open by its path may be
 * that of an earlier VM with the same number.
 */
static int node_open(struct inode *inode, struct file *file)
{
	struct named_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	struct named *n;
	int rc = 0;

	if (!f)
		return -ENOMEM;
	mutex_lock(&registry);
	n = idr_find(&minors, iminor(inode));
	if (!n)
		rc = -ENXIO;
	else if (!permitted(n))
		rc = -EACCES;
	else
		refcount_inc(&n->vm->refs);
	mutex_unlock(&registry);
	if (rc) {
		kfree(f);
		return rc;
	}
	f->vm = n->vm;
	file->private_data = f;
	return 0;
}

static void stop_pausing(struct named_file *f)
{
	struct named *n = f->vm->named;

	spin_lock(&n->pause_lock);
	if (f->pauses)
		n->pausers--;
	f->pauses = false;
	spin_unlock(&n->pause_lock);
	wake_up_all(&n->resumed);
}

static int node_release(struct inode *inode, struct file *file)
{
	struct named_file *f = file->private_data;

	stop_pausing(f);
	host_vm_put(f->vm);
	kfree(f);
	return 0;
}

static int node_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct named_file *f = file->private_data;

	return READ_ONCE(f->vm->named->dead) ? -ENODEV : slots_mmap(f->vm, vma);
}

/* -- What only a named VM answers ------------------------------------------------------------ */

static void kick_all(struct host_vm *h, u64 request)
{
	struct host_vcpu *c;

	for (c = first_vcpu(h); c; c = c->next)
		if (vcpu_made(c))
			vcpu_kick(c->v, request);
}

static long pause(struct named_file *f, unsigned long how)
{
	struct named *n = f->vm->named;
	struct host_vcpu *c;
	long rc = 0;

	if (how > VMM_PAUSE_KEEP)
		return -EINVAL;
	spin_lock(&n->pause_lock);
	if (how) {
		n->pause_kept = true;
	} else if (!f->pauses) {
		f->pauses = true;
		n->pausers++;
	}
	spin_unlock(&n->pause_lock);
	/* Who can have a vCPU for a moment knows that it is not in the guest. */
	for (c = first_vcpu(f->vm); c && !rc; c = c->next) {
		if (!vcpu_made(c))
			continue;
		rc = vcpu_lock(c);
		if (!rc)
			vcpu_unlock(c);
	}
	return rc;
}

static long resume(struct named_file *f, unsigned long how)
{
	struct named *n = f->vm->named;

	if (how > VMM_PAUSE_KEEP)
		return -EINVAL;
	if (!how) {
		stop_pausing(f);
		return 0;
	}
	spin_lock(&n->pause_lock);
	n->pause_kept = false;
	spin_unlock(&n->pause_lock);
	wake_up_all(&n->resumed);
	return 0;
}

static long reset(struct host_vm *h)
{
	WRITE_ONCE(h->named->reset_pending, true);
	kick_all(h, REQ_USER);
	return 0;
}

static long set_note(struct host_vm *h, void __user *arg)
{
	struct vmm_note a;
	u8 *note;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.reserved || a.size > VMM_NOTE_MAX)
		return -EINVAL;
	note = memdup_user(u64_to_user_ptr(a.data), a.size);
	if (IS_ERR(note))
		return PTR_ERR(note);
	mutex_lock(&h->lock);
	swap(note, h->named->note);
	h->named->note_size = a.size;
	mutex_unlock(&h->lock);
	kfree(note);
	return 0;
}

static long get_note(struct host_vm *h, struct vmm_note __user *user)
{
	struct named *n = h->named;
	struct vmm_note a;
	long rc = 0;

	if (copy_from_user(&a, user, sizeof(a)))
		return -EFAULT;
	if (a.reserved)
		return -EINVAL;
	mutex_lock(&h->lock);
	if (n->note_size > a.size)
		rc = -E2BIG;
	else if (n->note_size &&
		 copy_to_user(u64_to_user_ptr(a.data), n->note, n->note_size))
		rc = -EFAULT;
	if (put_user(n->note_size, &user->size))
		rc = -EFAULT;
	mutex_unlock(&h->lock);
	return rc;
}

static long node_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct named_file *f = file->private_data;
	void __user *user = (void __user *)arg;

	if (READ_ONCE(f->vm->named->dead))
		return -ENODEV;
	switch (cmd) {
	case VMM_OPEN_VCPU: return vcpu_dev_open(f->vm, arg);
	case VMM_SET_MODULE_MEMORY: return slots_set(f->vm, user);
	case VMM_SET_NOTE: return set_note(f->vm, user);
	case VMM_GET_NOTE: return get_note(f->vm, user);
	case VMM_PAUSE: return pause(f, arg);
	case VMM_RESUME: return resume(f, arg);
	case VMM_RESET: return arg ? -EINVAL : reset(f->vm);
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_IRQFD:
	case KVM_IOEVENTFD:
		return -EOPNOTSUPP;
	default: return vm_ioctl_common(f->vm, cmd, arg);
	}
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = node_mmap,
	.llseek = noop_llseek,
};

/* -- Birth and end --------------------------------------------------------------------------- */

static struct named *alloc_named(const char *name)
{
	struct named *n = kzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);

	if (!n)
		return NULL;
	strscpy(n->name, name, sizeof(n->name));
	n->uid = current_fsuid();
	n->gid = current_fsgid();
	n->memcg = get_mem_cgroup_from_mm(current->mm);
	spin_lock_init(&n->pause_lock);
	init_waitqueue_head(&n->resumed);
	mutex_init(&n->slot_lock);
	return n;
}

/* Called when the last reference is gone; registry not held. */
void named_free(struct host_vm *h)
{
	struct named *n = h->named;

	slots_release(h);
	mutex_lock(&registry);
	if (n->user)
		user_put(n->user);
	mutex_unlock(&registry);
	mem_cgroup_put(n->memcg);
	kfree(n->note);
	kfree(n);
}

/* registry held; n->vm is there and knows n. */
static long publish(struct named *n)
{
	long rc;

	n->user = user_get(n->uid, &rc);
	if (!n->user)
		return rc;
	rc = idr_alloc_cyclic(&minors, n, 0, MINORS, GFP_KERNEL);
	if (rc < 0)
		return rc == -ENOSPC ? -EDQUOT : rc;
	n->minor = rc;
	rc = node_create(n);
	if (rc) {
		idr_remove(&minors, n->minor);
		return rc;
	}
	list_add_tail(&n->list, &all);
	/* The module stays as long as one of them is there. */
	__module_get(THIS_MODULE);
	return 0;
}

long named_create(void __user *arg)
{
	struct vmm_name name;
	struct host_vm *h;
	struct named *n;
	long rc = get_name(&name, arg);
	int err;

	if (rc)
		return rc;
	n = alloc_named(name.name);
	if (!n)
		return -ENOMEM;
	h = host_vm_create(n, &err);
	if (!h) {
		mem_cgroup_put(n->memcg);
		kfree(n);
		return err;
	}
	n->vm = h;
	mutex_lock(&registry);
	rc = find(n->name) ? -EEXIST : publish(n);
	mutex_unlock(&registry);
	if (rc)
		host_vm_put(h);
	return rc;
}

/* registry held. */
static void unpublish(struct named *n)
{
	list_del(&n->list);
	idr_remove(&minors, n->minor);
	device_unregister(n->device);
	n->device = NULL;
	WRITE_ONCE(n->dead, true);
}

long named_destroy(void __user *arg)
{
	struct vmm_name name;
	struct named *n;
	long rc = get_name(&name, arg);

	if (rc)
		return rc;
	mutex_lock(&registry);
	n = find(name.name);
	if (!n)
		rc = -ENOENT;
	else if (!permitted(n))
		rc = -EACCES;
	else
		unpublish(n);
	mutex_unlock(&registry);
	if (rc)
		return rc;
	wake_up_all(&n->resumed);
	kick_all(n->vm, REQ_USER);
	host_vm_put(n->vm);
	module_put(THIS_MODULE);
	return 0;
}

static void describe(struct named *n, struct vmm_list_entry *e)
{
	struct host_vcpu *c;
	struct vcpu *v;

	*e = (struct vmm_list_entry){
		.uid = from_kuid_munged(current_user_ns(), n->uid),
		.resident = READ_ONCE(n->resident),
		.state = named_paused(n->vm) ? VMM_STATE_PAUSED : 0,
	};
	strscpy(e->name, n->name, sizeof(e->name));
	for (c = first_vcpu(n->vm); c; c = c->next) {
		v = vcpu_made(c);
		if (!v)
			continue;
		e->vcpus++;
		e->exits += vcpu_total_exits(v);
		if (READ_ONCE(c->runner))
			e->state |= VMM_STATE_RUNNING;
		if (READ_ONCE(c->started))
			e->state |= VMM_STATE_STARTED;
	}
	e->memory = slots_total(n->vm);
}

/* How many the caller may see; the first of them described. */
static u32 describe_all(struct vmm_list_entry *e, u32 room)
{
	struct named *n;
	u32 count = 0;

	mutex_lock(&registry);
	list_for_each_entry(n, &all, list) {
		if (!permitted(n))
			continue;
		if (count < room)
			describe(n, &e[count]);
		count++;
	}
	mutex_unlock(&registry);
	return count;
}

long named_list(void __user *arg)
{
	struct vmm_list_entry *e;
	struct vmm_list list;
	u32 room, count;
	long rc = 0;

	if (copy_from_user(&list, arg, sizeof(list)))
		return -EFAULT;
	if (list.reserved)
		return -EINVAL;
	room = min_t(u32, list.n, MINORS);
	e = kvcalloc(room + 1, sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	count = describe_all(e, room);
	if (copy_to_user(u64_to_user_ptr(list.entries), e, min(count, room) * sizeof(*e)))
		rc = -EFAULT;
	kvfree(e);
	if (!rc && count > list.n)
		rc = -E2BIG;
	list.n = count;
	return copy_to_user(arg, &list, sizeof(list)) ? -EFAULT : rc;
}

/* -- The module ------------------------------------------------------------------------------- */

int named_init(void)
{
	int rc = alloc_chrdev_region(&devt, 0, MINORS, "vmm-vm");

	if (rc)
		return rc;
	cdev_init(&cdev, &node_fops);
	cdev.owner = THIS_MODULE;
	rc = cdev_add(&cdev, devt, MINORS);
	if (rc)
		unregister_chrdev_region(devt, MINORS);
	return rc;
}

void named_exit(void)
{
	cdev_del(&cdev);
	unregister_chrdev_region(devt, MINORS);
	idr_destroy(&minors);
}
