/* SPDX-License-Identifier: MIT */
/* The run loop: what is entered, counted, recorded, and returned to the program. */
#include "fixture.h"

static enum exit_action next(struct vcpu *c) { (void)c; return ACT_NEXT; }
static enum exit_action resume(struct vcpu *c) { (void)c; return ACT_RESUME; }

static enum exit_action user_next(struct vcpu *c)
{
	c->uexit.kind = UEXIT_MMIO;
	return ACT_USER_NEXT;
}

static void test_rip_moves_as_the_action_says(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0x1000);
	assert_int_equal(RUN({ 10, next, 2 }, { 11, resume, 7 }, { 12, next, 3 },
			     { 13, user_next, 5 }), 0);
	assert_int_equal(vcpu_rip(v), 0x100a);
	assert_int_equal(v->uexit.kind, UEXIT_MMIO);
	assert_int_equal(entries, 4);
	assert_int_equal(RUN({ 1, NULL, 4 }), 0);
	assert_int_equal(vcpu_rip(v), 0x100a);
}

/* -- Counters and the recorder ------------------------------------------------------- */

static void move_on(struct vcpu *c)
{
	f->rip += 0x10;
	sim_insn.tsc += 900;		/* with the 100 of any entry: 1000 */
	(void)c;
}

static void test_exits_are_counted_and_recorded(void **state)
{
	const struct exit_record *t = v->trace;

	(void)state;
	vcpu_set_rip(v, 0x2000);
	RUN({ 10, next, 2, move_on }, { 10, next, 2 }, { 12, NULL });
	assert_int_equal(v->stats.exits[10], 2);
	assert_int_equal(v->stats.exits[12], 1);
	assert_int_equal(v->stats.user_exits, 1);
	assert_int_equal(v->stats.guest_ticks, 1200);
	assert_int_equal(records_made(v), 3);
	assert_int_equal(t[0].reason, 10);
	assert_int_equal(t[0].rip, 0x2010);
	assert_int_equal(t[0].guest_ticks, 1000);
	assert_int_equal(t[1].rip, 0x2012);
	assert_int_equal(t[1].guest_ticks, 100);
	assert_int_equal(t[2].reason, 12);
	assert_int_equal(t[1].tsc_low - t[0].tsc_low, 110);
	/* 10 ticks of handling each: bucket 3; the first entry followed no exit. */
	assert_int_equal(v->latency[10][3], 2);
	assert_int_equal(v->latency[12][3], 0);
}

static void test_the_recorder_keeps_the_last(void **state)
{
	static struct step s[TRACE_ENTRIES + 7];
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(s); i++)
		s[i] = (struct step){ .reason = i % 50, .handler = resume };
	s[COUNT_OF(s) - 1].handler = NULL;
	run_script(s, COUNT_OF(s));
	assert_int_equal(records_made(v), COUNT_OF(s));
	/* The ring has gone round: its first places hold the newest. */
	assert_int_equal(v->trace[6].reason, (TRACE_ENTRIES + 6) % 50);
	assert_int_equal(v->trace[7].reason, 7);
}

/* Times that 32 bits can't hold count as the longest there is, not as short ones. */
static void test_long_times(void **state)
{
	unsigned b;
	u64 n = 0;

	(void)state;
	RUN({ 10, NULL });
	sim_insn.tsc += 5ull << 32;
	RUN({ 10, NULL });
	for (b = 0; b < LATENCY_BUCKETS - 1; b++)
		n += v->latency[10][b];
	assert_int_equal(n, 0);
	assert_int_equal(v->latency[10][LATENCY_BUCKETS - 1], 1);
	assert_true(v->stats.user_ticks >= 5ull << 32);
}

/* -- Reasons not to enter ------------------------------------------------------------- */

static void test_the_program_wants_it_back(void **state)
{
	(void)state;
	vcpu_request(v, REQ_USER | REQ_TLB);
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	assert_int_equal(v->uexit.kind, UEXIT_INTR);
	assert_int_equal(entries, 0);
	assert_int_equal(tlb_flushes, 0);
	assert_int_equal(RUN({ 1, NULL }), 0);		/* what else was asked for: now */
	assert_int_equal(tlb_flushes, 1);
	assert_int_equal(entries, 1);
}

static void test_work_of_the_thread(void **state)
{
	(void)state;
	sim.work = true;
	assert_int_equal(RUN({ 1, NULL }), 0);
	assert_int_equal(entries, 1);
	sim.work = true;
	sim.work_result = ERR_INTR;
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	assert_int_equal(v->uexit.kind, UEXIT_INTR);
	sim.work_result = 0;
}

static void test_shutdown(void **state)
{
	(void)state;
	vcpu_request(v, REQ_SHUTDOWN);
	assert_int_equal(run_script(NULL, 0), 0);
	assert_int_equal(v->uexit.kind, UEXIT_SHUTDOWN);
}

static void ask_for_flush(struct vcpu *c)
{
	vcpu_request(c, REQ_TLB | REQ_LOAD_ROOT);
}

static void test_requests_during_the_stay(void **state)
{
	(void)state;
	RUN({ 1, resume }, { 2, resume, 0, ask_for_flush }, { 3, NULL });
	assert_int_equal(tlb_flushes, 1);
	assert_int_equal(root_loads, 1);
}

/* -- Halts ------------------------------------------------------------------------------ */

static void test_halt_to_the_program(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0x3000);
	assert_int_equal(RUN({ 12, x86_exit_hlt, 1 }), 0);
	assert_int_equal(v->uexit.kind, UEXIT_HLT);
	assert_int_equal(vcpu_rip(v), 0x3001);
	assert_int_equal(v->mp_state, MP_RUNNABLE);
	assert_int_equal(v->stats.halts, 1);
}

static void test_halt_in_the_engine(void **state)
{
	(void)state;
	vcpu_set_rip(v, 0x3000);
	sim.block_result = ERR_INTR;
	assert_int_equal(RUN({ 12, x86_exit_hlt, 1 }), ERR_INTR);
	assert_int_equal(v->mp_state, MP_HALTED);
	assert_int_equal(sim.blocks_asked, 1);
	assert_false(vcpu_runnable(v));
	assert_int_equal(run_script(NULL, 0), ERR_INTR);	/* still */
	vcpu_raise_nmi(v);
	assert_true(vcpu_runnable(v));
	assert_int_equal(RUN({ 1, NULL }), 0);
	assert_int_equal(v->mp_state, MP_RUNNABLE);
	DELIVERED(0, EVENT_NMI, VEC_NMI);
	assert_int_equal(v->stats.injected[EVENT_NMI], 1);
	sim.block_result = 0;
}

/* With interrupts off an interrupt ends no halt. */
static void test_halt_with_interrupts_off(void **state)
{
	(void)state;
	set_rflags(0);
	sim.block_result = ERR_INTR;
	assert_int_equal(RUN({ 12, x86_exit_hlt, 1 }), ERR_INTR);
	v->user_irq = 0x40;
	vcpu_request(v, REQ_EVENT);
	assert_int_equal(run_script(NULL, 0), ERR_INTR);
	set_rflags(RFLAGS_IF);
	assert_int_equal(RUN({ 1, NULL }), 0);
	DELIVERED(0, EVENT_IRQ, 0x40);
	sim.block_result = 0;
}

/* -- IN ------------------------------------------------------------------------------------ */

static enum exit_action in_1(struct vcpu *c) { return x86_exit_pio(c, 0x80, 1, true); }
static enum exit_action in_2(struct vcpu *c) { return x86_exit_pio(c, 0x80, 2, true); }
static enum exit_action in_4(struct vcpu *c) { return x86_exit_pio(c, 0x80, 4, true); }
static enum exit_action out_2(struct vcpu *c) { return x86_exit_pio(c, 0x80, 2, false); }

static void answer_in(enum exit_action (*how)(struct vcpu *c), u64 want)
{
	u64 rip = vcpu_rip(v);
	u32 data = 0xa1b2c3d4;

	v->gpr[GPR_RAX] = 0x1122334455667788;
	assert_int_equal(RUN({ 30, how, 2 }), 0);
	assert_int_equal(v->uexit.kind, UEXIT_PIO);
	assert_true(v->uexit.pio.in);
	assert_int_equal(vcpu_rip(v), rip);
	memcpy(v->pio_data, &data, 4);
	assert_int_equal(RUN({ 1, NULL }), 0);
	assert_int_equal(v->gpr[GPR_RAX], want);
	assert_int_equal(vcpu_rip(v), rip + 2);
}

static void test_in_is_finished_by_the_next_run(void **state)
{
	(void)state;
	answer_in(in_1, 0x11223344556677d4);
	answer_in(in_2, 0x112233445566c3d4);
	answer_in(in_4, 0xa1b2c3d4);
}

static void test_out(void **state)
{
	u64 rip = vcpu_rip(v);

	(void)state;
	v->gpr[GPR_RAX] = 0x1122334455667788;
	assert_int_equal(RUN({ 30, out_2, 3 }), 0);
	assert_int_equal(v->uexit.kind, UEXIT_PIO);
	assert_int_equal(v->uexit.pio.size, 2);
	assert_int_equal(v->uexit.pio.count, 1);
	assert_memory_equal(v->pio_data, "\x88\x77", 2);
	assert_int_equal(vcpu_rip(v), rip + 3);
}

/* A reset in between forgets the question. */
static void test_reset_drops_a_pending_in(void **state)
{
	(void)state;
	RUN({ 30, in_1, 2 });
	vcpu_reset(v, false);
	v->gpr[GPR_RAX] = 5;
	RUN({ 1, NULL });
	assert_int_equal(v->gpr[GPR_RAX], 5);
	assert_int_equal(vcpu_rip(v), 0xfff0);
}

/* -- Traps ------------------------------------------------------------------------------------ */

static void test_trap_policy(void **state)
{
	struct traps t = { .instructions = TRAP_CPUID };

	(void)state;
	trap_answer = TRAP_CPUID;
	vcpu_set_rip(v, 0x4000);
	assert_int_equal(RUN({ 10, next, 2 }, { 11, NULL }), 0);	/* none is set */
	assert_int_equal(vcpu_set_traps(v, &t), 0);
	assert_int_equal(RUN({ 10, next, 2 }), 0);
	assert_int_equal(v->uexit.kind, UEXIT_TRAP);
	assert_int_equal(v->uexit.trap.trap, TRAP_CPUID);
	assert_int_equal(v->uexit.trap.reason, 10);
	assert_int_equal(v->uexit.trap.insn_len, 2);
	assert_int_equal(vcpu_rip(v), 0x4002);		/* as it was: not done */
	trap_answer = 0;
	assert_int_equal(RUN({ 10, next, 2 }, { 11, NULL }), 0);
	assert_int_equal(vcpu_rip(v), 0x4004);
}

static void test_traps_that_can_not_be(void **state)
{
	const struct traps old = { .instructions = TRAP_HLT };
	struct traps t = { .instructions = BIT(13) };

	(void)state;
	assert_int_equal(vcpu_set_traps(v, &old), 0);
	assert_int_equal(vcpu_set_traps(v, &t), ERR_INVAL);
	t = (struct traps){ .exceptions = BIT(VEC_NMI) };
	assert_int_equal(vcpu_set_traps(v, &t), ERR_INVAL);
	t = (struct traps){ .exceptions = BIT(VEC_MC) };
	assert_int_equal(vcpu_set_traps(v, &t), ERR_INVAL);
	t = (struct traps){ .instructions = TRAP_RDTSC };
	set_traps_answer = ERR_NOTSUP;
	assert_int_equal(vcpu_set_traps(v, &t), ERR_NOTSUP);
	assert_int_equal(v->traps.instructions, TRAP_HLT);
	assert_true(v->has_traps);
}

/* -- Kicks -------------------------------------------------------------------------------------- */

static void test_kicks(void **state)
{
	(void)state;
	v->cpu = 3;
	sim.cpu = 1;
	v->in_guest = 0;
	vcpu_kick(v, REQ_TLB);
	assert_int_equal(sim.kicks[3], 0);	/* it looks before it enters */
	assert_int_equal(sim.wakes, 1);
	v->in_guest = 1;
	vcpu_kick(v, REQ_EVENT);
	assert_int_equal(sim.kicks[3], 1);
	sim.cpu = 3;
	vcpu_kick(v, REQ_EVENT);		/* from an interrupt on that CPU */
	assert_int_equal(sim.kicks[3], 1);
	v->cpu = -1;
	sim.cpu = 1;
	vcpu_kick(v, REQ_EVENT);
	v->in_guest = 0;
	assert_int_equal(v->requests & (REQ_TLB | REQ_EVENT), REQ_TLB | REQ_EVENT);
}

#define T(t) cmocka_unit_test_setup_teardown(t, machine_up, machine_down)
#define I(t) cmocka_unit_test_setup_teardown(t, machine_up_irqchip, machine_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rip_moves_as_the_action_says), T(test_exits_are_counted_and_recorded),
		T(test_the_recorder_keeps_the_last), T(test_long_times),
		T(test_the_program_wants_it_back), T(test_work_of_the_thread),
		T(test_shutdown), T(test_requests_during_the_stay),
		T(test_halt_to_the_program), I(test_halt_in_the_engine),
		I(test_halt_with_interrupts_off), T(test_in_is_finished_by_the_next_run),
		T(test_out), T(test_reset_drops_a_pending_in), T(test_trap_policy),
		T(test_traps_that_can_not_be), T(test_kicks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
