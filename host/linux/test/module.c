// SPDX-License-Identifier: MIT OR GPL-2.0
/* Linux's side of vmm-test.ko: pages, and /proc/vmm-test, which runs it all when read. */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/desc.h>
#include <asm/tlbflush.h>

#undef BIT
#undef ULL
#undef TLB_FLUSH_ALL
#undef AR_S
#undef AR_P
#undef AR_AVL
#undef AR_L
#undef AR_DB
#undef AR_G
#undef EFER_SCE
#undef EFER_LME
#undef EFER_LMA
#undef EFER_NXE
#undef EFER_NX
#undef EFER_SVME
#undef EFER_FFXSR

#include "test.h"

#define OUT_SIZE (256u << 10)

static DEFINE_MUTEX(one_at_a_time);

void linux_tss_limit_lost(void)
{
	invalidate_tss_limit();
}

void linux_note(const char *what)
{
	pr_info("vmm-test: %s\n", what);
}

void linux_nmi(void)
{
	asm volatile("int $2");
}

static void free_pages_of(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < PAGE_COUNT; i++)
		free_page((unsigned long)m->va[i]);
}

static int get_pages(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < PAGE_COUNT; i++) {
		m->va[i] = (u8 *)get_zeroed_page(GFP_KERNEL);
		if (!m->va[i])
			return -ENOMEM;
		m->pa[i] = virt_to_phys(m->va[i]);
	}
	return 0;
}

struct work {
	struct machine m;
	struct explain_state s;
	struct explain_report r;
};

static int run_svm(struct work *w, struct text *out)
{
	const char *why;

	preempt_disable();
	why = svm_on(&w->m);
	if (!why) {
		svm_compare_all(&w->m, &w->s, &w->r, out);
		svm_off();
	}
	preempt_enable();
	if (why)
		text_add(out, "1..0 # SKIP %s\n", why);
	return 0;
}

static int run_all(struct work *w, struct text *out)
{
	const char *why;

	if (!boot_cpu_has(X86_FEATURE_VMX))
		return run_svm(w, out);
	preempt_disable();
	if (__read_cr4() & X86_CR4_VMXE) {
		preempt_enable();
		return -EBUSY;
	}
	cr4_set_bits(X86_CR4_VMXE);
	why = machine_on(&w->m);
	if (!why) {
		compare_all(&w->m, &w->s, &w->r, out);
		machine_off(&w->m);
	}
	cr4_clear_bits(X86_CR4_VMXE);
	preempt_enable();
	if (why)
		text_add(out, "1..0 # SKIP %s\n", why);
	return 0;
}

static int test_show(struct seq_file *seq, void *v)
{
	struct text out = { .size = OUT_SIZE };
	struct work *w;
	int rc = -ENOMEM;

	mutex_lock(&one_at_a_time);
	w = vzalloc(sizeof(*w));
	out.at = vzalloc(OUT_SIZE);
	if (w && out.at)
		rc = get_pages(&w->m);
	if (!rc)
		rc = run_all(w, &out);
	if (!rc)
		seq_write(seq, out.at, out.used);
	if (w)
		free_pages_of(&w->m);
	vfree(out.at);
	vfree(w);
	mutex_unlock(&one_at_a_time);
	return rc;
}

/* With room for all of it at once: seq_file would run it again for more. */
static int test_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, test_show, NULL, OUT_SIZE);
}

static const struct proc_ops ops = {
	.proc_open = test_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init test_init(void)
{
	return proc_create("vmm-test", 0400, NULL, &ops) ? 0 : -ENOMEM;
}

static void __exit test_exit(void)
{
	remove_proc_entry("vmm-test", NULL);
}

module_init(test_init);
module_exit(test_exit);
MODULE_DESCRIPTION("Compares VM-entry checks of the CPU with the explainer's rules");
MODULE_LICENSE("Dual MIT/GPL");
