// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Guest memory in process slots: pages of the VM's address space, kept coherent
 * by the MMU notifier. Module slots are in slots.c; their addresses tell.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/io.h>
#include <linux/pgtable.h>
#include <linux/uaccess.h>

#include "named.h"

static bool in_module(u64 hva)
{
	return unlikely(hva & MODULE_COOKIE);
}

int host_page_get(struct vm *vm, u64 hva, bool write, struct host_page *out)
{
	struct page *page;
	long n;

	if (in_module(hva))
		return slots_page_get(vm->host, hva, out);

	/* Most pages are there and writable: no lock, and no second fault. */
	if (get_user_page_fast_only(hva, FOLL_WRITE, &page)) {
		out->writable = true;
	} else {
		n = get_user_pages_unlocked(hva, 1, &page, write ? FOLL_WRITE : 0);
		if (n == -EINTR || n == -ERESTARTSYS)
			return ERR_INTR;
		if (n != 1)
			return n == -ENOMEM ? ERR_NOMEM : ERR_FAULT;
		out->writable = write;
	}
	out->pa = hphys(page_to_phys(page));
	out->ref = page;
	return 0;
}

void host_page_put(struct host_page *out, bool dirty)
{
	struct page *page = out->ref;

	/*
	 * The mapping outlives this reference; whoever takes the page away calls
	 * the notifier first. Dirty from now on: the guest may write at any time.
	 */
	if (dirty && !PageReserved(page))
		SetPageDirty(page);
	put_page(page);
}

/*
 * The walk is lockless, like get_user_pages_fast(): interrupts off keep the
 * tables from being freed, and the caller's lock with no invalidation under way
 * keeps a huge mapping from being split behind our back.
 */
unsigned int host_page_level(struct vm *vm, u64 hva)
{
	struct mm_struct *mm = vm->host->mm;
	unsigned int level = 1;
	unsigned long flags;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud, pud_val;
	pmd_t pmd_val;

	if (in_module(hva))
		return slots_page_level(vm->host, hva);
	local_irq_save(flags);
	pgd = pgd_offset(mm, hva);
	if (pgd_none(READ_ONCE(*pgd)))
		goto out;
	p4d = p4d_offset(pgd, hva);
	if (p4d_none(READ_ONCE(*p4d)))
		goto out;
	pud = pud_offset(p4d, hva);
	pud_val = READ_ONCE(*pud);
	if (pud_none(pud_val) || !pud_present(pud_val))
		goto out;
	if (pud_large(pud_val)) {
		level = 3;
		goto out;
	}
	pmd_val = READ_ONCE(*pmd_offset(&pud_val, hva));
	if (pmd_present(pmd_val) && pmd_large(pmd_val))
		level = 2;
out:
	local_irq_restore(flags);
	return level;
}

/*
 * An emulated instruction moves a byte or a word at a time. The general copy costs ten
 * times as much for them, most of it for what it checks of the kernel's side.
 */
#define GET(type)							\
({									\
	type val_;							\
	int rc_ = get_user(val_, (type __user *)hva) ? ERR_FAULT : 0;	\
									\
	if (!rc_)							\
		memcpy(dst, &val_, sizeof(val_));			\
	rc_;								\
})

#define PUT(type)							\
({									\
	type val_;							\
									\
	memcpy(&val_, src, sizeof(val_));				\
	put_user(val_, (type __user *)hva) ? ERR_FAULT : 0;		\
})

int host_copy_from(struct vm *vm, void *dst, u64 hva, size_t n)
{
	if (in_module(hva))
		return slots_copy(vm->host, hva, dst, n, false);
	switch (n) {
	case 1: return GET(u8);
	case 2: return GET(u16);
	case 4: return GET(u32);
	case 8: return GET(u64);
	default: return copy_from_user(dst, (void __user *)hva, n) ? ERR_FAULT : 0;
	}
}

int host_read_entry(struct vm *vm, u64 hva, u64 *val, unsigned int size)
{
	u32 small;

	if (in_module(hva))
		return slots_read_entry(vm->host, hva, val, size);
	if (size == 8)
		return get_user(*val, (u64 __user *)hva) ? ERR_FAULT : 0;
	if (get_user(small, (u32 __user *)hva))
		return ERR_FAULT;
	*val = small;
	return 0;
}

/* What is no process's address is for host_read_entry() to know. */
static bool words_same_one_by_one(struct vm *vm, const struct host_word *w, unsigned int n)
{
	u64 val;

	for (; n; n--, w++)
		if (host_read_entry(vm, w->hva, &val, sizeof(val)) || val != w->val)
			return false;
	return true;
}

/* All in one window of user access, whose opening costs more than the reads. */
bool host_words_same(struct vm *vm, const struct host_word *w, unsigned int n)
{
	u64 val, differ = 0, all = 0;
	unsigned int i;

	/* No address is above the union of their bits: one check does for all. */
	for (i = 0; i < n; i++)
		all |= w[i].hva;
	if (!user_read_access_begin((void __user *)all, sizeof(val)))
		return words_same_one_by_one(vm, w, n);
	for (i = 0; i < n; i++) {
		unsafe_get_user(val, (u64 __user *)w[i].hva, fault);
		differ |= val ^ w[i].val;
	}
	user_read_access_end();
	return !differ;
fault:
	user_read_access_end();
	return false;
}

int host_copy_to(struct vm *vm, u64 hva, const void *src, size_t n)
{
	if (in_module(hva))
		return slots_copy(vm->host, hva, (void *)src, n, true);
	switch (n) {
	case 1: return PUT(u8);
	case 2: return PUT(u16);
	case 4: return PUT(u32);
	case 8: return PUT(u64);
	default: return copy_to_user((void __user *)hva, src, n) ? ERR_FAULT : 0;
	}
}

#define SWAP(type)							\
do {									\
	type __user *p = (type __user *)hva;				\
	type expected = old;						\
	int rc;								\
									\
	if (!user_access_begin(p, sizeof(type)))			\
		return ERR_FAULT;					\
	rc = unsafe_try_cmpxchg_user(p, &expected, (type)val, fault);	\
	user_access_end();						\
	return rc;							\
} while (0)

int host_cmpxchg(struct vm *vm, u64 hva, u64 old, u64 val, unsigned int size)
{
	if (in_module(hva))
		return slots_cmpxchg(vm->host, hva, old, val, size);
	switch (size) {
	case 1: SWAP(u8);
	case 2: SWAP(u16);
	case 4: SWAP(u32);
	case 8: SWAP(u64);
	}
	return ERR_FAULT;
fault:
	user_access_end();
	return ERR_FAULT;
}
