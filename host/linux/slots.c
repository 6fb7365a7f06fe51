// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Module slots: guest memory that belongs to a named VM and not to a process.
 *
 * A slot's memory is an array of chunks of 2 MiB, aligned as the guest sees them: a
 * slot that starts at guest address gpa starts at offset gpa % 2 MiB of its first
 * chunk. A chunk is one compound page where it lies in the slot as a whole and the
 * host has one, else a table of 512 pages. Chunks are filled on demand and stay until
 * the VM ends, so that a page found once needs no lock.
 *
 * The engine names a byte of it by a cookie: bit 62, the slot, the offset. No user
 * address looks like that, and process slots take nothing but user addresses.
 */
#include <linux/io.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmm.h"
#include "named.h"
#include <vellum/vmm.h>

#define CHUNK_SHIFT	21
#define CHUNK_ORDER	(CHUNK_SHIFT - PAGE_SHIFT)
#define CHUNK_SIZE	(1ull << CHUNK_SHIFT)
#define CHUNK_PAGES	(1u << CHUNK_ORDER)
#define SLOT_SHIFT	VMM_MODULE_SLOT_SHIFT
#define OFFSET_MASK	((1ull << SLOT_SHIFT) - 1)
#define TABLE		1ul	/* chunk: address of a table, else of a struct page */

static u64 cookie(u32 slot, u64 offset)
{
	return MODULE_COOKIE | (u64)slot << SLOT_SHIFT | offset;
}

static struct module_slot *slot_of(struct host_vm *h, u64 hva)
{
	return &h->named->slot[(hva & ~MODULE_COOKIE) >> SLOT_SHIFT];
}

static struct page **table_of(unsigned long chunk)
{
	return (struct page **)(chunk & ~TABLE);
}

/* The page at an offset if it is there: no lock. */
static struct page *find(struct module_slot *s, u64 offset)
{
	unsigned long chunk = smp_load_acquire(&s->chunk[offset >> CHUNK_SHIFT]);
	unsigned int i = (offset >> PAGE_SHIFT) & (CHUNK_PAGES - 1);

	if (!chunk)
		return NULL;
	if (!(chunk & TABLE))
		return nth_page((struct page *)chunk, i);
	return smp_load_acquire(&table_of(chunk)[i]);
}

static bool chunk_fits(const struct module_slot *s, u64 offset)
{
	u64 start = offset & ~(CHUNK_SIZE - 1);

	return start >= s->pad && start + CHUNK_SIZE <= s->pad + s->size;
}

/* named->slot_lock held, the maker's memory cgroup active. */
static struct page *fill(struct named *n, struct module_slot *s, u64 offset)
{
	unsigned long *chunk = &s->chunk[offset >> CHUNK_SHIFT];
	unsigned int i = (offset >> PAGE_SHIFT) & (CHUNK_PAGES - 1);
	struct page *page, **table;

	if (!*chunk && chunk_fits(s, offset)) {
		/* Nobody waits long for a large page: small ones do as well. */
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP |
				   __GFP_NOWARN | __GFP_NORETRY, CHUNK_ORDER);
		if (page) {
			n->resident += CHUNK_SIZE;
			smp_store_release(chunk, (unsigned long)page);
			return nth_page(page, i);
		}
	}
	if (!*chunk) {
		table = kcalloc(CHUNK_PAGES, sizeof(*table), GFP_KERNEL_ACCOUNT);
		if (!table)
			return NULL;
		smp_store_release(chunk, (unsigned long)table | TABLE);
	}
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (page) {
		n->resident += PAGE_SIZE;
		smp_store_release(&table_of(*chunk)[i], page);
	}
	return page;
}

static struct page *get(struct host_vm *h, struct module_slot *s, u64 offset)
{
	struct named *n = h->named;
	struct page *page = find(s, offset);
	struct mem_cgroup *old;

	if (page)
		return page;
	mutex_lock(&n->slot_lock);
	page = find(s, offset);
	if (!page) {
		old = set_active_memcg(n->memcg);
		page = fill(n, s, offset);
		set_active_memcg(old);
	}
	mutex_unlock(&n->slot_lock);
	return page;
}

/* -- For the engine ----------------------------------------------------------------- */

int slots_page_get(struct host_vm *h, u64 hva, struct host_page *out)
{
	struct page *page = get(h, slot_of(h, hva), hva & OFFSET_MASK);

	if (!page)
		return ERR_NOMEM;
	get_page(page);
	out->pa = hphys(page_to_phys(page));
	out->writable = true;
	out->ref = page;
	return 0;
}

unsigned int slots_page_level(struct host_vm *h, u64 hva)
{
	unsigned long chunk = READ_ONCE(slot_of(h, hva)->chunk[(hva & OFFSET_MASK) >> CHUNK_SHIFT]);

	return chunk && !(chunk & TABLE) ? 2 : 1;
}

/* Address of the byte and how many follow it in its page; NULL: no memory. */
static void *at(struct host_vm *h, u64 hva, size_t *left)
{
	struct page *page = get(h, slot_of(h, hva), hva & OFFSET_MASK);

	*left = PAGE_SIZE - offset_in_page(hva);
	return page ? page_address(page) + offset_in_page(hva) : NULL;
}

int slots_copy(struct host_vm *h, u64 hva, void *buf, size_t n, bool write)
{
	size_t part;
	void *p;

	for (; n; hva += part, buf += part, n -= part) {
		p = at(h, hva, &part);
		if (!p)
			return ERR_FAULT;
		part = min(part, n);
		if (write)
			memcpy(p, buf, part);
		else
			memcpy(buf, p, part);
	}
	return 0;
}

int slots_read_entry(struct host_vm *h, u64 hva, u64 *val, unsigned int size)
{
	size_t left;
	void *p = at(h, hva, &left);

	if (!p)
		return ERR_FAULT;
	*val = size == 8 ? READ_ONCE(*(u64 *)p) : READ_ONCE(*(u32 *)p);
	return 0;
}

int slots_cmpxchg(struct host_vm *h, u64 hva, u64 old, u64 val, unsigned int size)
{
	size_t left;
	void *p = at(h, hva, &left);

	if (!p)
		return ERR_FAULT;
	switch (size) {
	case 1: return cmpxchg((u8 *)p, (u8)old, (u8)val) == (u8)old;
	case 2: return cmpxchg((u16 *)p, (u16)old, (u16)val) == (u16)old;
	case 4: return cmpxchg((u32 *)p, (u32)old, (u32)val) == (u32)old;
	case 8: return cmpxchg((u64 *)p, old, val) == old;
	}
	return ERR_FAULT;
}

/* -- Mapped into programs --------------------------------------------------------------- */

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct host_vm *h = vmf->vma->vm_private_data;
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	struct module_slot *s = &h->named->slot[offset >> SLOT_SHIFT];
	struct page *page = get(h, s, offset & OFFSET_MASK);

	/* Not VM_FAULT_OOM: at a cgroup's limit that would be tried for ever. */
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct slot_vm_ops = { .fault = fault };

int slots_mmap(struct host_vm *h, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 length = vma->vm_end - vma->vm_start;
	u64 slot = offset >> SLOT_SHIFT;
	const struct module_slot *s;

	if (!(vma->vm_flags & VM_SHARED) || slot >= MEM_SLOTS)
		return -EINVAL;
	s = &h->named->slot[slot];
	if (!smp_load_acquire(&s->ready))
		return -EINVAL;
	offset &= OFFSET_MASK;
	if (offset < s->pad || length > s->size || offset - s->pad > s->size - length)
		return -EINVAL;
	vma->vm_private_data = h;	/* the file that is mapped has a reference */
	vma->vm_flags |= VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_ops = &slot_vm_ops;
	return 0;
}

/* -- Set-up --------------------------------------------------------------------------------- */

/* h->lock held. */
static long make(struct host_vm *h, struct module_slot *s, u64 gpa, u64 size)
{
	u64 pad = gpa & (CHUNK_SIZE - 1);
	struct mem_cgroup *old;
	long rc;

	if (size > OFFSET_MASK - CHUNK_SIZE)
		return -EINVAL;
	rc = named_charge(h->named, size);
	if (rc)
		return rc;
	old = set_active_memcg(h->named->memcg);
	s->chunk = kvcalloc((pad + size + CHUNK_SIZE - 1) >> CHUNK_SHIFT,
			    sizeof(*s->chunk), GFP_KERNEL_ACCOUNT);
	set_active_memcg(old);
	if (!s->chunk) {
		named_uncharge(h->named, size);
		return -ENOMEM;
	}
	s->pad = pad;
	s->size = size;
	return 0;
}

/* Without vm->lock: as of some moment. */
u64 slots_total(const struct host_vm *h)
{
	const struct module_slot *s;
	u64 sum = 0;

	for (s = h->named->slot; s < h->named->slot + MEM_SLOTS; s++)
		sum += READ_ONCE(s->size);
	return sum;
}

static void free_chunks(struct module_slot *s)
{
	u64 i, n = (s->pad + s->size + CHUNK_SIZE - 1) >> CHUNK_SHIFT;
	unsigned int j;

	for (i = 0; i < n; i++) {
		unsigned long chunk = s->chunk[i];

		if (!(chunk & TABLE)) {
			if (chunk)
				put_page((struct page *)chunk);
			continue;
		}
		for (j = 0; j < CHUNK_PAGES; j++)
			if (table_of(chunk)[j])
				put_page(table_of(chunk)[j]);
		kfree(table_of(chunk));
		cond_resched();
	}
	kvfree(s->chunk);
}

/* Nobody uses or maps it any more. */
void slots_release(struct host_vm *h)
{
	struct module_slot *s;

	for (s = h->named->slot; s < h->named->slot + MEM_SLOTS; s++) {
		if (!s->size)
			continue;
		free_chunks(s);
		named_uncharge(h->named, s->size);
	}
}

/* Part of another slot's memory, shown once more. h->lock held. */
static long set_alias(struct host_vm *h, const struct vmm_module_memory *a)
{
	const struct module_slot *source;
	struct mem_slot slot = {
		.gpa = a->gpa, .size = a->size,
		.flags = a->flags & VMM_MODULE_READONLY ? SLOT_READONLY : 0,
	};

	if (h->named->slot[a->slot].size)
		return -EBUSY;
	if (!a->size)
		return mem_set_slot(h->vm, a->slot, &slot);
	if (a->source >= MEM_SLOTS)
		return -EINVAL;
	source = &h->named->slot[a->source];
	if (!source->ready || a->offset > source->size ||
	    a->size > source->size - a->offset)
		return -EINVAL;
	slot.hva = cookie(a->source, source->pad + a->offset);
	return mem_set_slot(h->vm, a->slot, &slot);
}

static long set(struct host_vm *h, const struct vmm_module_memory *a)
{
	struct module_slot *s = &h->named->slot[a->slot];
	struct mem_slot slot = {
		.gpa = a->gpa, .size = a->size,
		.flags = a->flags & VMM_MODULE_READONLY ? SLOT_READONLY : 0,
	};
	bool made = !s->size;
	long rc;

	if (!a->size)
		return made ? -EINVAL : mem_set_slot(h->vm, a->slot, &slot);
	if (!made && s->size != a->size)
		return -EBUSY;
	rc = made ? make(h, s, a->gpa, a->size) : 0;
	if (rc)
		return rc;
	slot.hva = cookie(a->slot, s->pad);
	rc = mem_set_slot(h->vm, a->slot, &slot);
	if (!rc) {
		smp_store_release(&s->ready, true);
	} else if (made) {
		kvfree(s->chunk);
		named_uncharge(h->named, s->size);
		*s = (struct module_slot){ 0 };
	}
	return rc;
}

long slots_set(struct host_vm *h, void __user *arg)
{
	struct vmm_module_memory a;
	long rc;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.slot >= MEM_SLOTS || (a.flags & ~(VMM_MODULE_READONLY | VMM_MODULE_ALIAS)) ||
	    ((a.gpa | a.size | a.offset) & ~PAGE_MASK) ||
	    (!(a.flags & VMM_MODULE_ALIAS) && (a.source || a.offset)))
		return -EINVAL;
	mutex_lock(&h->lock);
	rc = a.flags & VMM_MODULE_ALIAS ? set_alias(h, &a) : set(h, &a);
	mutex_unlock(&h->lock);
	return rc;
}
