/* SPDX-License-Identifier: MIT */
/*
 * Device accesses: the long way and the remembered one do the same, and what is
 * remembered counts only as long as all that led to it holds.
 *
 * The two ways can be told apart: the long one moves RIP itself (ACT_USER), the
 * other leaves it to the run loop (ACT_USER_NEXT, ACT_NEXT).
 */
#include "../core/fixture.h"

#include "../../../engine/x86/emulate.h"

#define TOP	0x10000ull
#define CODE	0x5000ull
#define DEVICE	0xd0000000ull
#define RIGHTS	0x27ull		/* accessed, user, writable, present */
#define LARGE	0x80ull

static int up(void **state)
{
	machine_up(state);
	long_mode(TOP);
	put64(TOP, (TOP + 0x1000) | RIGHTS);
	put64(TOP + 0x1000, (TOP + 0x2000) | RIGHTS);
	put64(TOP + 0x2000, (TOP + 0x3000) | RIGHTS);		/* 4 KiB pages: code */
	put64(TOP + 0x3000 + 8 * 5, CODE | RIGHTS);
	put64(TOP + 0x1000 + 8 * 3, (TOP + 0x4000) | RIGHTS);
	put64(TOP + 0x4000 + 8 * 0x80, DEVICE | RIGHTS | LARGE);
	v->gpr[GPR_RDI] = DEVICE + 0x40;
	v->gpr[GPR_RAX] = 0x1122334455667788;
	return 0;
}

/* The guest executes these bytes, which touch the device. */
static enum exit_action touch(const char *bytes, unsigned n, unsigned access)
{
	memcpy(ram + CODE, bytes, n);
	vcpu_set_rip(v, CODE);
	v->exit = (struct exit_info){
		.reason = 48, .rip = CODE, .flags = EXIT_GLA, .gla = v->gpr[GPR_RDI],
	};
	v->uexit.kind = UEXIT_NONE;
	return x86_exit_s2_fault(v, gphys(v->gpr[GPR_RDI]), access, NULL, 0);
}

#define STORE_EAX(access) touch("\x89\x07", 2, access)
#define LOAD_EAX(access) touch("\x8b\x07", 2, access)

static void is_write(unsigned len, u64 data)
{
	u64 got = 0;

	assert_int_equal(v->uexit.kind, UEXIT_MMIO);
	assert_true(v->uexit.mmio.write);
	assert_int_equal(v->uexit.mmio.gpa, v->gpr[GPR_RDI]);
	assert_int_equal(v->uexit.mmio.len, len);
	memcpy(&got, v->uexit.mmio.data, len);
	assert_int_equal(got, data);
}

static void test_write(void **state)
{
	(void)state;
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
	is_write(4, 0x55667788);
	assert_int_equal(vcpu_rip(v), CODE + 2);
	v->gpr[GPR_RAX] = 0x99aabbcc;
	v->gpr[GPR_RDI] = DEVICE + 0x48;		/* other register, other address */
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER_NEXT);
	is_write(4, 0x99aabbcc);
	assert_int_equal(vcpu_rip(v), CODE);
	assert_int_equal(v->exit.insn_len, 2);
	assert_int_equal(v->stats.emulated, 2);
}

static void answer(u64 data)
{
	memcpy(v->uexit.mmio.data, &data, 8);
}

static void test_read(void **state)
{
	(void)state;
	assert_int_equal(LOAD_EAX(MEM_READ), ACT_USER);
	assert_false(v->uexit.mmio.write);
	assert_int_equal(v->uexit.mmio.len, 4);
	assert_true(emul_session_pending(v->emul));
	answer(0xdeadbeefcafef00d);
	assert_int_equal(x86_emulate_again(v), ACT_RESUME);
	assert_int_equal(v->gpr[GPR_RAX], 0xcafef00d);		/* zero-extended */
	assert_int_equal(vcpu_rip(v), CODE + 2);
	v->gpr[GPR_RAX] = ~0ull;
	assert_int_equal(LOAD_EAX(MEM_READ), ACT_USER);
	answer(0x12345678);
	assert_int_equal(x86_emulate_again(v), ACT_NEXT);	/* remembered */
	assert_int_equal(v->gpr[GPR_RAX], 0x12345678);
	assert_false(emul_session_pending(v->emul));
	/* One byte keeps the rest: MOV (RDI), AL. */
	v->gpr[GPR_RAX] = 0x1111;
	assert_int_equal(touch("\x8a\x07", 2, MEM_READ), ACT_USER);
	answer(0xff22);
	x86_emulate_again(v);
	assert_int_equal(v->gpr[GPR_RAX], 0x1122);
}

static void remember_store(void)
{
	STORE_EAX(MEM_WRITE);
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER_NEXT);
}

static void test_changed_code(void **state)
{
	(void)state;
	remember_store();
	v->gpr[GPR_RBX] = 0x42;
	assert_int_equal(touch("\x89\x1f", 2, MEM_WRITE), ACT_USER);	/* EBX now */
	is_write(4, 0x42);
	assert_int_equal(touch("\x66\x89\x07", 3, MEM_WRITE), ACT_USER);
	is_write(2, 0x7788);
	assert_int_equal(vcpu_rip(v), CODE + 3);
}

/* The code's address leads elsewhere: through another table, or from another CR3. */
static void test_changed_tables(void **state)
{
	(void)state;
	remember_store();
	memcpy(ram + 0x6000, "\x89\x1f", 2);
	v->gpr[GPR_RBX] = 0x42;
	put64(TOP + 0x3028, 0x6000 | RIGHTS);
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
	is_write(4, 0x42);
	put64(TOP + 0x3028, CODE | RIGHTS);
	remember_store();
	memcpy(ram + 0x20000, ram + TOP, 8);
	v->cr3 = 0x20000;
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
}

static void test_what_is_not_remembered(void **state)
{
	(void)state;
	remember_store();
	v->gpr[GPR_RDI] = DEVICE + 0x41;		/* not aligned */
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
	is_write(4, 0x55667788);
	v->gpr[GPR_RDI] = DEVICE + 0x40;
	remember_store();
	/* Outside of 64-bit mode. */
	f->seg[SEG_CS].ar &= ~AR_L;
	f->seg[SEG_CS].ar |= AR_DB;
	f->seg[SEG_DS] = (struct x86_seg){ 0, 0xffffffff, 0xc093, 16 };
	v->efer = 0;
	v->cr0 = CR0_PE;
	v->cr4 = 0;
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
}

/* An exit that came in an event's delivery was not by the instruction at RIP. */
static void test_delivery(void **state)
{
	(void)state;
	remember_store();
	v->injected.type = EVENT_IRQ;
	assert_int_not_equal(STORE_EAX(MEM_WRITE), ACT_USER_NEXT);
	v->injected.type = EVENT_NONE;
	/* Nor was one of another kind of access, or at another linear address. */
	assert_int_not_equal(STORE_EAX(MEM_READ), ACT_USER_NEXT);
	remember_store();
	memcpy(ram + CODE, "\x89\x07", 2);
	vcpu_set_rip(v, CODE);
	v->exit = (struct exit_info){ .rip = CODE, .flags = EXIT_GLA, .gla = DEVICE + 0x80 };
	assert_int_not_equal(x86_exit_s2_fault(v, gphys(DEVICE + 0x40), MEM_WRITE, NULL, 0),
			     ACT_USER_NEXT);
}

/* Memory where there was none. */
static void test_a_slot_comes(void **state)
{
	struct mem_slot s = { .gpa = DEVICE, .size = 0x1000, .hva = (uintptr_t)ram };

	(void)state;
	remember_store();
	assert_true(x86_is_mmio(v, gphys(DEVICE + 0x40)));
	assert_int_equal(mem_set_slot(vm, 1, &s), 0);
	assert_false(x86_is_mmio(v, gphys(DEVICE + 0x40)));
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_RESUME);
	assert_int_equal(vm->mem.pages_4k, 1);
	s.size = 0;
	assert_int_equal(mem_set_slot(vm, 1, &s), 0);
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
}

/* A read-only slot's page is no hole: reads must find it. */
static void test_read_only_slot(void **state)
{
	struct mem_slot s = { .gpa = DEVICE, .size = 0x1000, .hva = (uintptr_t)ram,
			      .flags = SLOT_READONLY };

	(void)state;
	assert_int_equal(mem_set_slot(vm, 1, &s), 0);
	assert_int_equal(STORE_EAX(MEM_WRITE), ACT_USER);
	is_write(4, 0x55667788);
	assert_false(x86_is_mmio(v, gphys(DEVICE + 0x40)));
	assert_int_equal(LOAD_EAX(MEM_READ), ACT_RESUME);
	assert_int_equal(vm->mem.pages_4k, 1);
}

/* Every access of one instruction is made once, in its order: PUSH (RDI) and the like. */
static void test_restart_makes_no_access_twice(void **state)
{
	u64 rsp = CODE + 0x800;

	(void)state;
	vcpu_set_rsp(v, rsp);
	assert_int_equal(touch("\xff\x37", 2, MEM_READ), ACT_USER);	/* PUSH (RDI) */
	assert_int_equal(v->uexit.mmio.len, 8);
	assert_int_equal(vcpu_rsp(v), rsp);
	answer(0xabcdef);
	assert_int_equal(x86_emulate_again(v), ACT_RESUME);
	assert_int_equal(get64(rsp - 8), 0xabcdef);
	assert_int_equal(vcpu_rsp(v), rsp - 8);
	/* ADD EAX to the device: one read, one write. */
	v->gpr[GPR_RAX] = 5;
	assert_int_equal(touch("\x01\x07", 2, MEM_WRITE), ACT_USER);
	assert_false(v->uexit.mmio.write);
	answer(100);
	assert_int_equal(x86_emulate_again(v), ACT_USER);
	is_write(4, 105);
	assert_false(emul_session_pending(v->emul));
	assert_int_equal(vcpu_rip(v), CODE + 2);
}

static void test_unreadable_code(void **state)
{
	(void)state;
	memcpy(ram + CODE, "\x89\x07", 2);
	vcpu_set_rip(v, 0x7000);		/* not mapped: the fetch faults */
	v->exit = (struct exit_info){ .rip = 0x7000 };
	assert_int_equal(x86_exit_s2_fault(v, gphys(DEVICE), MEM_WRITE, NULL, 0), ACT_RESUME);
	assert_int_equal(v->exception.vector, VEC_PF);
	assert_int_equal(v->exception_cr2, 0x7000);
}

#define T(t) cmocka_unit_test_setup_teardown(t, up, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_write), T(test_read), T(test_changed_code), T(test_changed_tables),
		T(test_what_is_not_remembered), T(test_delivery), T(test_a_slot_comes),
		T(test_read_only_slot), T(test_restart_makes_no_access_twice),
		T(test_unreadable_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
