/* SPDX-License-Identifier: MIT */
/* The AMD-V back end's table of hooks. */
#include "svm.h"

/*
 * Nested tables have the format of the host's own (APM2 "Nested Paging"). Guest
 * accesses count as user-mode ones there, so U is set at all levels.
 */
#define NPT_P	BIT(0)
#define NPT_W	BIT(1)
#define NPT_U	BIT(2)
#define NPT_A	BIT(5)
#define NPT_D	BIT(6)
#define NPT_PS	BIT(7)

static const struct s2_format npt = {
	.present = NPT_P,
	.table = NPT_P | NPT_W | NPT_U | NPT_A,
	.leaf = NPT_P | NPT_U | NPT_A,
	.writable = NPT_W,
	.large = NPT_PS,
	.addr = BITS(51, 12),
	.accessed = NPT_A,
	.dirty = NPT_D,
};

static void describe(void (*tell)(void *ctx, const char *name, u64 value), void *ctx)
{
	const struct svm_features *f = &svm_features;

	tell(ctx, "ASIDs", f->asids);
	tell(ctx, "next RIP saved on exits", f->nrips);
	tell(ctx, "VMCB clean bits", f->clean);
	tell(ctx, "flush by ASID", f->flush_by_asid);
	tell(ctx, "decode assists", f->decode_assists);
	tell(ctx, "PAUSE filter", f->pause_filter);
	tell(ctx, "PAUSE filter threshold", f->pause_threshold);
	tell(ctx, "physical address bits", f->phys_bits);
}

const struct backend svm_backend = {
	.name = "AMD-V",
	.vcpu_size = sizeof(struct svm_vcpu),
	.s2 = &npt,
	.probe = svm_probe,
	.cpu_prepare = svm_cpu_prepare,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.cpus_release = svm_cpus_release,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.vcpu_reset = svm_vcpu_reset,
	.set_traps = svm_set_traps,
	.trap_of = svm_trap_of,
	.describe = describe,
	.load_regs = svm_load_regs,
	.get_seg = svm_get_seg,
	.set_seg = svm_set_seg,
	.cpl = svm_cpl,
	.get_dtables = svm_get_dtables,
	.set_gdt = svm_set_gdt,
	.set_idt = svm_set_idt,
	.sync_crs = svm_sync_crs,
	.cr3_64 = svm_cr3_64,
	.set_cr0 = svm_set_cr0,
	.set_cr3 = svm_set_cr3,
	.set_cr4 = svm_set_cr4,
	.set_efer = svm_set_efer,
	.sync_debug = svm_sync_debug,
	.set_debug = svm_set_debug,
	.update_debug = svm_update_debug,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.set_tsc_offset = svm_set_tsc_offset,
	.cpuid_changed = svm_cpuid_changed,
	.enter = svm_enter,
	.handle_exit = svm_handle_exit,
	.skip = svm_skip,
	.irq_open = svm_irq_open,
	.nmi_open = svm_nmi_open,
	.inject = svm_inject,
	.uninject = svm_uninject,
	.want_irq_window = svm_want_irq_window,
	.want_nmi_window = svm_want_nmi_window,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.get_nmi_mask = svm_get_nmi_mask,
	.set_nmi_mask = svm_set_nmi_mask,
	.set_tpr_threshold = svm_set_tpr_threshold,
	.flush_tlb = svm_flush_tlb,
	.load_root = svm_load_root,
	.exit_name = svm_exit_name,
	.dump = svm_dump_all,
	.set_field = svm_set_field,
};
