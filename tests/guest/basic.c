/* SPDX-License-Identifier: MIT */
/* The first things that a guest does. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"

static void test_hlt(void)
{
	struct machine m = { 0 };
	struct kvm_regs r;

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_halt);
	run_to(&m, KVM_EXIT_HLT);
	get_regs(&m, &r);
	CHECK_EQ(r.rip, G_halt + 1);
	run_to_end(&m);
}

static void change_a_register(struct machine *m, unsigned n)
{
	struct kvm_regs r;

	(void)n;
	get_regs(m, &r);
	CHECK_EQ(r.rcx, 0xabcdef);
	r.rcx = 0xfeedfacecafebeef;
	set_regs(m, &r);
}

static void check_changed(struct machine *m)
{
	CHECK_EQ(peek(m, G_RESULTS + 120), 0xfeedfacecafebeef);
}

static void add_leaf(struct kvm_cpuid2 *c, u32 leaf, u32 index, u32 flags, u32 eax)
{
	c->entries[c->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf, .index = index, .flags = flags, .eax = eax,
		.ebx = eax + 1, .ecx = eax + 2, .edx = eax + 3,
	};
}

static void set_custom_leaves(struct machine *m)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 100 * sizeof(c->entries[0]));

	add_leaf(c, 0, 0, 0, 0xd);
	add_leaf(c, 0x80000000, 0, 0, 0x80000008);
	c->entries[c->nent - 1].ebx = c->entries[0].ebx;
	add_leaf(c, 0x80000001, 0, 0, 0);
	c->entries[c->nent - 1].edx = 1u << 29 | 1u << 20;
	add_leaf(c, 0x40000010, 0, 0, 0x11110000);
	add_leaf(c, 0xd, 2, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 0x100);
	add_leaf(c, 0xd, 3, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 0x200);
	set_cpuid(m, c);
	free(c);
}

static void want_xsave(struct machine *m)
{
	(void)m;
	if (!cpu_has(1, 0, 2, 26))
		skip("this CPU has no XSAVE");
}

static void check_exits_counted(struct machine *m)
{
	if (!is_vmm)
		return;
	CHECK(counter(m->cpu, VMM_GET_COUNTERS, "CPUID") >= 5000);
}

/* Stock KVM patches the foreign instruction; here memory stays the guest's. */
static void check_unpatched(struct machine *m)
{
	if (!is_vmm)
		return;
	CHECK_EQ(peek(m, G_at_vmcall) & 0xffffff, 0xc1010f);
	CHECK_EQ(peek(m, G_at_vmmcall) & 0xffffff, 0xd9010f);
}

static void run_to_hypercall(struct machine *m, u64 at)
{
	struct vmm_exit_trap t;
	struct kvm_regs r;

	run_to(m, VMM_EXIT_TRAP);
	memcpy(&t, m->run->padding, sizeof(t));
	CHECK_EQ(t.trap, VMM_TRAP_VMCALL);
	CHECK_EQ(t.insn_len, 3);
	CHECK_EQ(t.vector, 0);
	CHECK_EQ(t.error, 0);
	get_regs(m, &r);
	CHECK_EQ(r.rip, at);
	r.rax = at;
	r.rip += t.insn_len;
	set_regs(m, &r);
}

/* Either instruction is the same trap on either vendor. */
static void test_hypercall_trap(void)
{
	struct vmm_traps traps = { .instructions = VMM_TRAP_VMCALL };
	struct machine m = { 0 };

	machine_create(&m, 0);
	machine_boot(&m, LONG, G_both_hypercalls);
	DO(m.cpu, VMM_SET_TRAPS, &traps);
	run_to_hypercall(&m, G_at_vmcall);
	run_to_hypercall(&m, G_at_vmmcall);
	run_to_hypercall(&m, G_DATA + 0xffe);
	traps.exceptions = 1u << UD;
	DO(m.cpu, VMM_SET_TRAPS, &traps);
	run_to(&m, VMM_EXIT_TRAP);
	CHECK_EQ(((struct vmm_exit_trap *)m.run->padding)->trap, VMM_TRAP_EXCEPTION);
	CHECK_EQ(((struct vmm_exit_trap *)m.run->padding)->vector, UD);
	memset(&traps, 0, sizeof(traps));
	DO(m.cpu, VMM_SET_TRAPS, &traps);
	run_to_end(&m);
	CHECK_EQ(result(&m, 0), G_at_vmcall);
	CHECK_EQ(result(&m, 1), G_at_vmmcall);
	CHECK_EQ(peek(&m, EXC_COUNT), 2);
}

static const struct test tests[] = {
	{ "hlt-reaches-user-space-without-irqchip", .custom = test_hlt },
	{ "real-mode", REAL, G_real_sum, RESULTS(42, 0) },
	{ "protected-mode", PROT32, G_prot_sum, RESULTS(0x23456789, 1) },
	{ "paged-32-bit", PAGED32, G_prot_sum, RESULTS(0x23456789, 0x80000001) },
	{ "pae", PAE, G_prot_sum, RESULTS(0x23456789, 0x80000001) },
	{ "long-mode", LONG, G_long_sum, RESULTS(0x2345678923456789, 0x500) },
	{ "real-to-long-mode-and-back", REAL, G_climb,
	  RESULTS(32, 0x500, 0x1122334455667788, 0x100, 16) },
	{ "registers-survive-exits", LONG, G_registers, RESULTS(13),
	  .step = change_a_register, .check = check_changed },
	{ "cpuid-as-set", LONG, G_cpuid_custom, .setup = set_custom_leaves,
	  RESULTS(0x11110000, 0x11110001, 0x11110002, 0x11110003, 0x100, 0x200) },
	{ "cpuid-follows-osxsave", LONG, G_cpuid_osxsave, .setup = want_xsave, RESULTS(0, 1) },
	{ "unknown-hypercall-gives-enosys", LONG, G_hypercall,
	  RESULTS((u64)-1000, 0x55) },
	{ "hypercalls-of-both-vendors", LONG, G_both_hypercalls,
	  RESULTS((u64)-1000, (u64)-1000, (u64)-1000), .check = check_unpatched,
	  EXCEPTIONS(EXC(UD, 0), EXC(UD, 0)) },
	{ "hypercall-trap", .flags = VMM_ONLY, .custom = test_hypercall_trap },
	{ "5000-exits-counted", LONG, G_many_exits, RESULTS(5000),
	  .check = check_exits_counted },
};
TABLE(basic, tests);
