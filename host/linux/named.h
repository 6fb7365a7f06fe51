/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* VMs with a name, and memory of the module's: named.c, slots.c. */
#ifndef VELLUM_HOST_LINUX_NAMED_H
#define VELLUM_HOST_LINUX_NAMED_H

#include <linux/cred.h>
#include <linux/list.h>

#include "vmm.h"
#include <vellum/vmm.h>

/* A host address with this bit is a module slot's cookie; no user address has it. */
#define MODULE_COOKIE	(1ull << 62)

struct device;
struct mem_cgroup;

/* How much one user has; counts until the memory is really gone. */
struct named_user {
	struct list_head list;	/* registry lock, as all here */
	kuid_t uid;
	u32 vms;
	u64 bytes;
};

struct module_slot {
	u64 size;		/* constant once not 0, as the next two */
	u64 pad;		/* offset of the first byte */
	unsigned long *chunk;
	bool ready;		/* programs may map it */
};

struct named {
	struct list_head list;	/* registry lock */
	char name[VMM_NAME_SIZE];
	kuid_t uid;		/* constant, as the next four */
	kgid_t gid;
	int minor;
	struct host_vm *vm;
	struct named_user *user;
	struct mem_cgroup *memcg; /* the maker's, referenced; NULL: none */
	struct device *device;	/* registry lock; NULL: the node is gone */
	bool dead;		/* set once: every ioctl answers ENODEV */

	bool pause_kept;	/* pause_lock */
	u32 pausers;		/* descriptors that pause it; pause_lock */
	spinlock_t pause_lock;
	wait_queue_head_t resumed;
	bool reset_pending;	/* atomic: xchg */

	struct mutex slot_lock;	/* allocation in slots; innermost */
	struct module_slot slot[MEM_SLOTS]; /* vm->lock to set one up */
	u64 resident;		/* bytes; slot_lock */

	u8 *note;		/* vm->lock */
	u32 note_size;
};

/* What an open node has. */
struct named_file {
	struct host_vm *vm;
	bool pauses;		/* pause_lock */
};

static inline bool named_paused(const struct host_vm *h)
{
	return h->named && (READ_ONCE(h->named->pause_kept) || READ_ONCE(h->named->pausers));
}

/* slots.c. Those for the engine sleep. */
int slots_page_get(struct host_vm *h, u64 hva, struct host_page *out);
unsigned int slots_page_level(struct host_vm *h, u64 hva);
int slots_copy(struct host_vm *h, u64 hva, void *buf, size_t n, bool write);
int slots_read_entry(struct host_vm *h, u64 hva, u64 *val, unsigned int size);
int slots_cmpxchg(struct host_vm *h, u64 hva, u64 old, u64 val, unsigned int size);
int slots_mmap(struct host_vm *h, struct vm_area_struct *vma);
long slots_set(struct host_vm *h, void __user *arg);
void slots_release(struct host_vm *h);
u64 slots_total(const struct host_vm *h);

/* named.c: 0 or -EDQUOT. */
long named_charge(struct named *n, u64 bytes);
void named_uncharge(struct named *n, u64 bytes);

#endif
