/* SPDX-License-Identifier: MIT */
/*
 * One emulated instruction after the other, as on a CPU that can't run real mode: code
 * that is read ahead, events through the vector table, traps.
 */
#include "../core/fixture.h"

#include "../../../engine/x86/emulate.h"

#define CODE	0x1000ull
#define STACK	0x8000ull
#define HANDLER	0x2345u

static int up(void **state)
{
	static const struct x86_seg cs = { 0, 0xffff, 0x9b, 0 };
	static const struct x86_dtable idt = { 0, 0x3ff };

	machine_up(state);
	backend->set_seg(v, SEG_CS, &cs);
	backend->set_idt(v, &idt);
	v->gpr[GPR_RDX] = 0;
	vcpu_set_rip(v, CODE);
	vcpu_set_rsp(v, STACK);
	v->requests = 0;
	return 0;
}

static void code_at(u64 gpa, const char *bytes, unsigned n)
{
	memcpy(ram + gpa, bytes, n);
	vcpu_set_rip(v, gpa);
}

#define CODE_IS(bytes) code_at(CODE, bytes, sizeof(bytes) - 1)

static void emulate(unsigned n)
{
	while (n--)
		assert_int_equal(x86_emulate(v, NULL, 0), ACT_RESUME);
}

static u16 word(u64 gpa)
{
	u16 w;

	memcpy(&w, ram + gpa, 2);
	return w;
}

static void vector(unsigned n, u16 ip)
{
	u16 entry[2] = { ip, 0 };

	memcpy(ram + 4 * n, entry, 4);
}

/* -- Code that is read ahead -------------------------------------------------------- */

/* movb $0x42, 0x1006; mov $0, %al: whose immediate that is. */
static void test_code_that_changes_itself(void **state)
{
	(void)state;
	CODE_IS("\xc6\x06\x06\x10\x42\xb0\x00");
	x86_read_ahead(v, true);
	emulate(2);
	x86_read_ahead(v, false);
	assert_int_equal(v->gpr[GPR_RAX] & 0xff, 0x42);
}

/* lock xchg and string stores write as well. */
static void test_code_changed_in_other_ways(void **state)
{
	(void)state;
	CODE_IS("\x86\x1e\x05\x10\xb0\x00");		/* xchg %bl, 0x1005; mov $0, %al */
	v->gpr[GPR_RBX] = 0x17;
	x86_read_ahead(v, true);
	emulate(2);
	assert_int_equal(v->gpr[GPR_RAX] & 0xff, 0x17);
	CODE_IS("\xf3\xaa\xb3\x00");			/* rep stosb; mov $0, %bl */
	v->gpr[GPR_RCX] = 1;
	v->gpr[GPR_RDI] = CODE + 3;
	v->gpr[GPR_RAX] = 0x99;
	x86_read_ahead(v, true);
	emulate(2);
	x86_read_ahead(v, false);
	assert_int_equal(v->gpr[GPR_RBX] & 0xff, 0x99);
}

/* What others write is seen when the next run of instructions begins. */
static void test_code_that_others_change(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < 4; i++) {
		CODE_IS("\x90\xb0\x00");
		x86_read_ahead(v, true);
		emulate(1);
		x86_read_ahead(v, false);
		ram[CODE + 2] = (u8)i;
		x86_read_ahead(v, true);
		emulate(1);
		x86_read_ahead(v, false);
		assert_int_equal(v->gpr[GPR_RAX] & 0xff, i);
	}
}

/* Across pages and windows, forwards and backwards: INC AX in all of two pages. */
static void test_windows_meet(void **state)
{
	static const unsigned at[] = { 0, 31, 33, 96, 127, 128, 129, 4000, 4095, 4096, 4097 };
	unsigned i;

	(void)state;
	memset(ram + CODE, 0x40, 0x2000);
	x86_read_ahead(v, true);
	for (i = 0; i < COUNT_OF(at) * 2; i++) {
		vcpu_set_rip(v, CODE + at[i * 7 % COUNT_OF(at)]);
		v->gpr[GPR_RAX] = 0;
		emulate(200);
		assert_int_equal(v->gpr[GPR_RAX], 200);
	}
	x86_read_ahead(v, false);
}

/* The last instruction of memory: nothing behind it may be wanted. */
static void test_the_end_of_memory(void **state)
{
	static const struct x86_seg cs = { RAM_SIZE - 0x10000, 0xffff, 0x9b, 0 };

	(void)state;
	backend->set_seg(v, SEG_CS, &cs);
	memcpy(ram + RAM_SIZE - 2, "\xb0\x33", 2);
	vcpu_set_rip(v, 0xfffe);
	x86_read_ahead(v, true);
	emulate(1);
	x86_read_ahead(v, false);
	assert_int_equal(v->gpr[GPR_RAX] & 0xff, 0x33);
}

/* -- Events -------------------------------------------------------------------------- */

static void test_interrupt(void **state)
{
	struct event e = { .type = EVENT_IRQ, .vector = 8 };

	(void)state;
	vector(8, HANDLER);
	set_rflags(RFLAGS_IF | RFLAGS_TF | RFLAGS_CF);
	backend->set_shadow(v, 1);
	assert_int_equal(x86_deliver_real(v, &e), ACT_RESUME);
	assert_int_equal(vcpu_rip(v), HANDLER);
	assert_int_equal(vcpu_rflags(v), RFLAGS_CF | RFLAGS_FIXED);
	assert_int_equal(vcpu_rsp(v), STACK - 6);
	assert_int_equal(word(STACK - 2), RFLAGS_IF | RFLAGS_TF | RFLAGS_CF | RFLAGS_FIXED);
	assert_int_equal(word(STACK - 6), CODE);
	assert_int_equal(backend->get_shadow(v), 0);
	assert_false(backend->get_nmi_mask(v));
}

/* An NMI masks the next until IRET. */
static void test_nmi(void **state)
{
	struct event e = { .type = EVENT_NMI, .vector = VEC_NMI };

	(void)state;
	vector(VEC_NMI, HANDLER);
	ram[HANDLER] = 0xcf;
	assert_int_equal(x86_deliver_real(v, &e), ACT_RESUME);
	assert_true(backend->get_nmi_mask(v));
	v->requests = 0;
	emulate(1);
	assert_int_equal(vcpu_rip(v), CODE);
	assert_false(backend->get_nmi_mask(v));
	assert_true(v->requests & REQ_EVENT);
}

/* INT n that hardware did not come to deliver returns behind it. */
static void test_software_interrupt(void **state)
{
	struct event e = { .type = EVENT_SOFT_INT, .vector = 0x10, .insn_len = 2 };

	(void)state;
	vector(0x10, HANDLER);
	assert_int_equal(x86_deliver_real(v, &e), ACT_RESUME);
	assert_int_equal(word(STACK - 6), CODE + 2);
}

/* Beyond the table's limit: #GP, for an exception that is one already #DF, then the end. */
static void test_no_vector(void **state)
{
	static const struct x86_dtable none = { 0, 0 };
	struct event e = { .type = EVENT_EXCEPTION, .vector = VEC_GP };

	(void)state;
	backend->set_idt(v, &none);
	v->injected = (struct event){ .type = EVENT_IRQ, .vector = 8 };
	x86_deliver_real(v, &v->injected);
	assert_int_equal(v->exception.vector, VEC_GP);
	v->exception.type = EVENT_NONE;
	v->injected = e;
	x86_deliver_real(v, &v->injected);
	assert_int_equal(v->exception.vector, VEC_DF);
	v->injected = v->exception;
	v->exception.type = EVENT_NONE;
	v->requests = 0;
	x86_deliver_real(v, &v->injected);
	assert_true(v->requests & REQ_SHUTDOWN);
}

static void test_protected_mode_is_not_deliverable(void **state)
{
	struct event e = { .type = EVENT_IRQ, .vector = 8 };

	(void)state;
	v->cr0 |= CR0_PE;
	assert_int_equal(x86_deliver_real(v, &e), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_INTERNAL);
	assert_int_equal(v->uexit.internal.suberror, 3);
	assert_int_equal(v->uexit.internal.data[0], 8);
}

static void test_single_step(void **state)
{
	(void)state;
	CODE_IS("\x90");
	v->dr6 = 0xffff0ff0;
	set_rflags(RFLAGS_TF);
	emulate(1);
	assert_int_equal(v->exception.vector, VEC_DB);
	assert_int_equal(v->dr6, 0xffff4ff0);
	assert_int_equal(vcpu_rip(v), CODE + 1);
}

/* Each iteration of a repeated instruction traps, too. */
static void test_single_step_of_a_repetition(void **state)
{
	(void)state;
	CODE_IS("\xf3\xaa");
	v->gpr[GPR_RCX] = 3;
	v->gpr[GPR_RDI] = 0x6000;
	set_rflags(RFLAGS_TF);
	emulate(1);
	assert_int_equal(v->exception.vector, VEC_DB);
	assert_int_equal(v->gpr[GPR_RCX], 2);
	assert_int_equal(vcpu_rip(v), CODE);
}

static void test_what_is_not_emulated_is_shown(void **state)
{
	(void)state;
	CODE_IS("\xd9\xe8\x90");
	assert_int_equal(x86_emulate(v, NULL, 0), ACT_USER);
	assert_int_equal(v->uexit.kind, UEXIT_INTERNAL);
	assert_int_equal(v->uexit.internal.suberror, 1);
	assert_int_equal(v->uexit.internal.data[1] >> 8 & 0xffff, 0xe8d9);
	assert_int_equal(vcpu_rip(v), CODE);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, up, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_code_that_changes_itself), T(test_code_changed_in_other_ways),
		T(test_code_that_others_change), T(test_windows_meet),
		T(test_the_end_of_memory), T(test_interrupt), T(test_nmi),
		T(test_software_interrupt), T(test_no_vector),
		T(test_protected_mode_is_not_deliverable), T(test_single_step),
		T(test_single_step_of_a_repetition), T(test_what_is_not_emulated_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
