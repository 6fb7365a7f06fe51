/* SPDX-License-Identifier: MIT */
/* SDM3 "Task Switching": what goes onto the new task's stack, and what does not. */
#include "../core/fixture.h"

#include "../../../engine/x86/exits.h"
#include "../../../engine/x86/task.h"

#define GDT	0x1000u
#define OLD	0x18u			/* selectors of the two TSSs */
#define NEW	0x20u
#define OLD_AT	0x2000u
#define NEW_AT	0x3000u
#define STACK	0x8000u

#define CODE_4G	0x00cf9b000000ffffull
#define DATA_4G	0x00cf93000000ffffull
#define TSS_AT(base, busy) (0x0000890000000067ull | (u64)(base) << 16 | (u64)(busy) << 41)

static u32 word(u64 gpa)
{
	u32 val;

	memcpy(&val, ram + gpa, 4);
	return val;
}

static void put32(u64 gpa, u32 val)
{
	memcpy(ram + gpa, &val, 4);
}

/* Protected mode in the old task; the new one is flat, at 0x5000 with a stack. */
static void two_tasks(void)
{
	unsigned i;

	v->cr0 = CR0_PE | CR0_ET;
	f->gdt = (struct x86_dtable){ GDT, 0x27 };
	put64(GDT + 0x08, CODE_4G);
	put64(GDT + 0x10, DATA_4G);
	put64(GDT + OLD, TSS_AT(OLD_AT, 1));
	put64(GDT + NEW, TSS_AT(NEW_AT, 0));
	f->seg[SEG_TR] = (struct x86_seg){ OLD_AT, 0x67, 0x8b, OLD };
	put32(NEW_AT + 0x20, 0x5000);			/* EIP */
	put32(NEW_AT + 0x38, STACK);			/* ESP */
	for (i = 0; i < 6; i++)
		put32(NEW_AT + 0x48 + 4 * i, i == SEG_CS ? 0x08 : 0x10);
	put32(STACK - 4, 0x11111111);
}

static void test_jump(void **state)
{
	(void)state;
	two_tasks();
	/* An error code that some event before had is none of this switch's. */
	v->injected = (struct event){ .type = EVENT_NONE, .has_error = true, .error = 0xbad };
	assert_int_equal(x86_exit_task_switch(v, TASK_JMP, NEW, 0x1234), ACT_RESUME);
	assert_int_equal(v->exception.type, EVENT_NONE);
	assert_int_equal(vcpu_rip(v), 0x5000);
	assert_int_equal(vcpu_rsp(v), STACK);
	assert_int_equal(word(STACK - 4), 0x11111111);
	assert_int_equal(word(OLD_AT + 0x20), 0x1234);
	assert_int_equal(f->seg[SEG_TR].sel, NEW);
	assert_int_equal(get64(GDT + OLD), TSS_AT(OLD_AT, 0));
	assert_int_equal(get64(GDT + NEW), TSS_AT(NEW_AT, 1));
}

static void test_exception_through_a_gate(void **state)
{
	(void)state;
	two_tasks();
	v->injected = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_GP,
				      .has_error = true, .error = 0x58 };
	assert_int_equal(x86_exit_task_switch(v, TASK_GATE, NEW, 0x1234), ACT_RESUME);
	assert_int_equal(v->exception.type, EVENT_NONE);
	assert_int_equal(v->injected.type, EVENT_NONE);
	assert_int_equal(vcpu_rsp(v), STACK - 4);
	assert_int_equal(word(STACK - 4), 0x58);
	assert_int_equal(word(NEW_AT), OLD);
	assert_true(vcpu_rflags(v) & RFLAGS_NT);
	assert_int_equal(get64(GDT + OLD), TSS_AT(OLD_AT, 1));
}

#define T(t) cmocka_unit_test_setup_teardown(t, machine_up, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_jump), T(test_exception_through_a_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
