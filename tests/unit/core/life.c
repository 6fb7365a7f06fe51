/* SPDX-License-Identifier: MIT */
/* VMs and vCPUs made and gone, reset, INIT and SIPI. */
#include "fixture.h"

static void test_reset_state(void **state)
{
	struct x86_seg cs;

	(void)state;
	v->lstar = 5;
	v->gpr[GPR_RBX] = 7;
	v->dr[2] = 9;
	v->xcr0 = 7;
	v->tsc_aux = 3;
	vcpu_reset(v, false);
	assert_int_equal(vcpu_rip(v), 0xfff0);
	assert_int_equal(vcpu_rflags(v), 2);
	assert_int_equal(v->gpr[GPR_RDX], 0x600);
	assert_int_equal(v->gpr[GPR_RBX], 0);
	assert_int_equal(v->cr0, 0x60000010);
	assert_int_equal(v->cr4 | v->efer | v->cr3 | v->dr[2], 0);
	assert_int_equal(v->dr6, 0xffff0ff0);
	assert_int_equal(v->dr7, 0x400);
	assert_int_equal(v->lstar | v->tsc_aux, 0);
	assert_int_equal(v->xcr0, 1);
	assert_int_equal(v->pat, 0x0007040600070406);
	backend->get_seg(v, SEG_CS, &cs);
	assert_int_equal(cs.base, 0xffff0000);
}

/* SDM3 "Processor State After Reset": INIT leaves these alone. */
static void test_init_keeps(void **state)
{
	u64 offset = v->tsc_offset;

	(void)state;
	v->lstar = 5;
	v->xcr0 = 7;
	v->pat = 6;
	v->tsc_aux = 3;
	v->cr3 = 0x5000;
	vcpu_raise_nmi(v);
	vcpu_reset(v, true);
	assert_int_equal(v->lstar, 5);
	assert_int_equal(v->xcr0, 7);
	assert_int_equal(v->pat, 6);
	assert_int_equal(v->tsc_aux, 3);
	assert_int_equal(v->tsc_offset, offset);
	assert_int_equal(v->cr3, 0);
	assert_int_equal(v->nmi_queued, 0);
}

static void test_tsc_starts_at_zero(void **state)
{
	u64 tsc;

	(void)state;
	sim_insn.tsc += 1234;
	assert_int_equal(x86_get_msr(v, MSR_TSC, &tsc, false), 0);
	assert_int_equal(tsc, 1234);
}

static void test_vcpu_numbers(void **state)
{
	struct vcpu *c;

	(void)state;
	assert_int_equal(vcpu_create(vm, 0, NULL, NULL, &c), ERR_EXIST);
	assert_int_equal(vcpu_create(vm, VCPUS_MAX, NULL, NULL, &c), ERR_INVAL);
	assert_int_equal(vcpu_create(vm, VCPUS_MAX - 1, NULL, NULL, &c), 0);
	vcpu_publish(c);
	assert_int_equal(vm->vcpu_count, VCPUS_MAX);
}

static void test_no_memory(void **state)
{
	struct vcpu *c;
	size_t blocks = sim.blocks, pages = sim.pages;
	unsigned i;
	int rc = ERR_NOMEM;

	(void)state;
	for (i = 1; rc; i++) {
		sim.fail_alloc = i;
		rc = vcpu_create(vm, 1, NULL, NULL, &c);
		if (rc) {
			assert_int_equal(rc, ERR_NOMEM);
			assert_int_equal(sim.blocks, blocks);
			assert_int_equal(sim.pages, pages);
		}
	}
	assert_true(i > 5);
	sim.fail_alloc = 0;
	vcpu_publish(c);
}

static void test_vm_without_memory(void **state)
{
	int err = 0;

	(void)state;
	sim.fail_alloc = 1;
	assert_null(vm_create(NULL, &err));
	assert_int_equal(err, ERR_NOMEM);
	sim.fail_alloc = 2;
	assert_null(vm_create(NULL, &err));
	assert_int_equal(err, ERR_NOMEM);
	sim.fail_alloc = 0;
}

/* -- The second vCPU ------------------------------------------------------------------------ */

static void deliver(u8 kind, u8 vector)
{
	struct irq_msg msg = { .dest = 1, .vector = vector, .delivery = kind };

	assert_int_equal(irq_deliver(vm, NULL, &msg), 1);
}

/* SDM3 "Typical AP Initialization Sequence". */
static void test_init_and_sipi(void **state)
{
	struct x86_seg cs;
	struct vcpu *ap;

	(void)state;
	assert_int_equal(vcpu_create(vm, 1, NULL, v->pio_data, &ap), 0);
	vcpu_publish(ap);
	v = ap;
	f = (struct fake_vcpu *)ap;
	vcpu_reset(ap, false);
	assert_int_equal(ap->mp_state, MP_UNINITIALIZED);
	assert_false(vcpu_runnable(ap));
	sim.block_result = ERR_INTR;
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	deliver(6, 0x9a);			/* a SIPI before INIT is nothing */
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	assert_int_equal(ap->mp_state, MP_UNINITIALIZED);
	deliver(5, 0);
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	assert_int_equal(ap->mp_state, MP_INIT_RECEIVED);
	deliver(6, 0x9a);
	assert_int_equal(RUN({ 1, NULL }), 0);
	assert_int_equal(ap->mp_state, MP_RUNNABLE);
	backend->get_seg(ap, SEG_CS, &cs);
	assert_int_equal(cs.sel, 0x9a00);
	assert_int_equal(cs.base, 0x9a000);
	assert_int_equal(vcpu_rip(ap), 0);
	deliver(6, 0x10);			/* and one while it runs is nothing */
	assert_int_equal(RUN({ 1, NULL }), 0);
	backend->get_seg(ap, SEG_CS, &cs);
	assert_int_equal(cs.sel, 0x9a00);
	sim.block_result = 0;
}

/* The first one starts over at the reset vector at once. */
static void test_init_of_the_boot_cpu(void **state)
{
	struct irq_msg msg = { .dest = 0, .delivery = 5 };

	(void)state;
	vcpu_set_rip(v, 0x1234);
	assert_int_equal(irq_deliver(vm, NULL, &msg), 1);
	assert_int_equal(RUN({ 1, NULL }), 0);
	assert_int_equal(v->mp_state, MP_RUNNABLE);
	assert_int_equal(vcpu_rip(v), 0xfff0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, machine_up, machine_down)
#define I(t) cmocka_unit_test_setup_teardown(t, machine_up_irqchip, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset_state), T(test_init_keeps), T(test_tsc_starts_at_zero),
		I(test_vcpu_numbers), I(test_no_memory), T(test_vm_without_memory),
		I(test_init_and_sipi), I(test_init_of_the_boot_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
