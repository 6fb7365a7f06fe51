/* SPDX-License-Identifier: MIT */
/*
 * The emulator against this machine's CPU. Random instructions of the supported
 * set, in 64-bit, 32-bit and 16-bit (LDT) code, are emulated here and executed
 * in a child process: its signal handler loads each test's state through
 * sigreturn with TF set, so exactly one instruction runs before the next signal.
 * Registers, flags (but undefined ones), memory, vector registers, next rIP and
 * fault vectors must agree. Each instruction ends at the last byte of a mapped
 * page: a length that differs shows as a page fault or as a wrong rIP.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu_generate.h"
#include "cpu_vendor.h"

/* ---- The CPU's side: everything below runs in the child ---- */

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

#define XSTATE_BV	512	/* SDM1 "Standard Format of an XSAVE Area" */
#define XSTATE_YMM	576

static int child_index;
static uint8_t child_expected[PAGE];

static void child_vectors(ucontext_t *uc, struct vectors *v, bool load)
{
	uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs;

	for (unsigned int i = 0; i < 16; i++) {
		uint8_t *low = area + 160 + 16 * i, *high = area + XSTATE_YMM + 16 * i;
		uint64_t bv;

		memcpy(&bv, area + XSTATE_BV, 8);
		if (load) {
			bv |= 6;
			memcpy(area + XSTATE_BV, &bv, 8);
			memcpy(low, &v->v[i][0], 16);
			memcpy(high, &v->v[i][2], 16);
		} else {
			memset(v->v[i], 0, 32);
			if (bv & 2)
				memcpy(&v->v[i][0], low, 16);
			if (bv & 4)
				memcpy(&v->v[i][2], high, 16);
		}
	}
}

/* The x87 control word, with no exception pending. */
static uint16_t child_fcw(ucontext_t *uc, const struct test *t)
{
	uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs;
	uint16_t fcw = FCW_INITIAL;
	uint64_t bv;

	memcpy(&bv, area + XSTATE_BV, 8);
	if (!t) {
		if (bv & 1)
			memcpy(&fcw, area, 2);
		return fcw;
	}
	bv |= 1;
	memcpy(area + XSTATE_BV, &bv, 8);
	memcpy(area, &t->fcw, 2);
	memset(area + 2, 0, 2);		/* status word */
	return t->fcw;
}

static void child_collect(ucontext_t *uc, siginfo_t *si, struct test *t)
{
	greg_t *g = uc->uc_mcontext.gregs;

	for (unsigned int i = 0; i < 16; i++)
		t->c_gpr[i] = (uint64_t)g[greg_of[i]];
	t->c_rip = (uint64_t)g[REG_RIP];
	t->c_rflags = (uint64_t)g[REG_EFL];
	t->c_vector = (int)g[REG_TRAPNO];
	t->c_cr2 = (uint64_t)si->si_addr;
	t->c_fcw = child_fcw(uc, NULL);
	if (t->use_vectors)
		child_vectors(uc, &t->c_vec, false);
	apply_writes(child_expected, t);
	t->memory_differs = memcmp(child_expected, (void *)AREA, PAGE);
	if (t->memory_differs) {
		while (((uint8_t *)AREA)[t->memory_at] == child_expected[t->memory_at])
			t->memory_at++;
		memcpy((void *)AREA, child_expected, PAGE);
	}
}

static void child_load(ucontext_t *uc, struct test *t)
{
	static const uint16_t selectors[] = { 0, 0x23, 0x33 };
	greg_t *g = uc->uc_mcontext.gregs;
	uint64_t cs = selectors[t->mode], ss = 0x2b;

	if (t->mode == EMUL_MODE16) {
		cs = ldt_code;
		ss = ldt_stack;
	}
	memcpy((uint8_t *)CODE + PAGE - t->length, t->code, t->length);
	child_fcw(uc, t);
	for (unsigned int i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)t->gpr[i];
	g[REG_RIP] = (greg_t)t->rip;
	g[REG_EFL] = (greg_t)t->rflags;
	g[REG_CSGSFS] = (greg_t)(ss << 48 | cs);
	if (t->use_vectors)
		child_vectors(uc, &t->vec, true);
	asm volatile("mov %0, %%ds; mov %0, %%es" : :
		     "r"((uint32_t)(t->mode == EMUL_MODE16 ? ldt_data : 0x2b)));
}

/* No library call that could use the FS segment or vector alignment is made here. */
static void child_signal(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	/* The kernel leaves AC, NT and ID as the test set them. */
	asm volatile("pushfq; andq $~0x244000, (%%rsp); popfq" : : : "memory", "cc");
	(void)sig;
	if (child_index >= 0)
		child_collect(uc, si, &sh->test[child_index]);
	child_index++;
	sh->done = (unsigned int)child_index;
	if (child_index == (int)sh->count)
		_exit(0);
	child_load(uc, &sh->test[child_index]);
}

static void child_run(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS };
	static uint8_t stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = child_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&sa.sa_mask);
	sigaltstack(&ss, NULL);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	child_index = -1;
	memcpy(child_expected, sh->initial, PAGE);
	memcpy((void *)AREA, sh->initial, PAGE);
	raise(SIGTRAP);
	_exit(99);
}

/* ---- Comparison ---- */

struct totals {
	uint64_t run, failed, faults, again, left_out;
	uint64_t by_op[OP_COUNT], by_mode[3];
};

static void show_bytes(const struct test *t)
{
	printf("  %s %s (result %d, rsp %#" PRIx64 ", rbp %#" PRIx64 "):", mode_names[t->mode],
	       op_names[t->insn.op], t->result, t->gpr[EMUL_RSP], t->gpr[EMUL_RBP]);
	for (unsigned int i = 0; i < t->length; i++)
		printf(" %02x", t->code[i]);
	printf("\n");
}

/* 0 on agreement, else prints a line for each difference. */
static unsigned int compare(const struct test *t, bool print)
{
	bool fault = t->result == EMUL_FAULT;
	int vector = fault ? t->fault.vector : VEC_DB;
	uint64_t flags = COMPARED_FLAGS & ~(fault ? 0 : t->undefined);
	unsigned int leave = amd_leaves(t), bad = 0;
	uint64_t mask = t->mode == EMUL_MODE64 && !(leave & LEAVE_UPPER) ? ~0ull : 0xffffffff;

#define CHECK(cond, ...) do { if (!(cond)) { bad++; if (print) printf(__VA_ARGS__); } } while (0)
	if (leave & LEAVE_ALL)
		return 0;
	CHECK(t->c_vector == vector || ((leave & LEAVE_FAULT) && t->c_vector > VEC_DB), "    vector: emulator %d, CPU %d (cr2 %#" PRIx64 ")\n",
	      vector, t->c_vector, t->c_cr2);
	CHECK(t->e_rip == t->c_rip, "    rip: emulator %#" PRIx64 ", CPU %#" PRIx64 "\n",
	      t->e_rip, t->c_rip);
	/* A POPA that faults half-way has changed registers on some CPUs. */
	for (unsigned int i = 0; i < 16; i++)
		CHECK((fault && t->insn.op == OP_POPA) || (t->e_gpr[i] & mask) == (t->c_gpr[i] & mask), "    r%u: before %#" PRIx64
		      " emulator %#" PRIx64 ", CPU %#" PRIx64 "\n", i, t->gpr[i], t->e_gpr[i],
		      t->c_gpr[i]);
	CHECK(!((t->e_rflags ^ t->c_rflags) & flags) || (leave & LEAVE_FLAGS), "    flags: before %#" PRIx64
	      " emulator %#" PRIx64 ", CPU %#" PRIx64 ", differing %#" PRIx64 "\n", t->rflags,
	      t->e_rflags, t->c_rflags, (t->e_rflags ^ t->c_rflags) & flags);
	/* Nor is what a faulting ENTER left below the stack pointer defined. */
	CHECK(!t->memory_differs || (fault && t->insn.op == OP_ENTER) || (leave & LEAVE_MEMORY), "    memory differs at area + %#" PRIx64 "\n", t->memory_at);
	if (fault && t->fault.vector == VEC_PF && t->c_vector == VEC_PF && !(leave & LEAVE_FAULT))
		CHECK(t->fault.cr2 == t->c_cr2, "    cr2: emulator %#" PRIx64 ", CPU %#" PRIx64 "\n",
		      t->fault.cr2, t->c_cr2);
	CHECK(t->e_fcw == t->c_fcw, "    x87 control word: before %#x emulator %#x, CPU %#x\n",
	      t->fcw, t->e_fcw, t->c_fcw);
	if (t->use_vectors)
		CHECK(!memcmp(&t->e_vec, &t->c_vec, sizeof(t->e_vec)),
		      "    vector registers differ\n");
#undef CHECK
	return bad;
}

static void judge(const struct test *t, struct totals *n)
{
	n->run++;
	n->by_op[t->insn.op]++;
	n->by_mode[t->mode]++;
	n->faults += t->result == EMUL_FAULT;
	n->again += t->result == EMUL_AGAIN;
	n->left_out += amd_leaves(t) == LEAVE_ALL;
	if (!compare(t, false))
		return;
	if (n->failed++ < MAX_SHOWN) {
		show_bytes(t);
		compare(t, true);
	}
}

static int run_batch(struct rng *r, unsigned int count, struct totals *n)
{
	int status;
	pid_t pid;

	memset(sh, 0, sizeof(*sh));
	sh->count = count;
	memcpy(sh->initial, model_memory, PAGE);
	for (unsigned int i = 0; i < count; ) {
		struct test *t = &sh->test[i];
		struct model m;

		memset(t, 0, sizeof(*t));
		if (!generate(r, t, &m) || !emulate(t, &m))
			continue;
		apply_writes(model_memory, t);
		i++;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		child_run();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status)) {
		printf("child died (status %#x) at test %u:\n", status, sh->done);
		if (sh->done < count)
			show_bytes(&sh->test[sh->done]);
		return 1;
	}
	for (unsigned int i = 0; i < count; i++)
		judge(&sh->test[i], n);
	return 0;
}

/* Operations whose results this test can't see; they have tests of their own. */
static bool expected_unexercised(unsigned int op)
{
	struct emul_insn d = { .op = (uint8_t)op };

	return op == OP_UD || excluded(&d) || not_on_this_cpu(&d);
}

static unsigned int summary(const struct totals *n)
{
	unsigned int missing = 0;

	for (unsigned int op = 0; op < OP_COUNT; op++) {
		if (n->by_op[op])
			printf("%s %" PRIu64 "  ", op_names[op], n->by_op[op]);
		else if (!expected_unexercised(op))
			missing++;
	}
	printf("\n");
	if (amd_cpu)
		printf("not compared, as AMD's CPUs differ: %" PRIu64 "\n", n->left_out);
	for (unsigned int i = 0; i < FEATURES; i++)
		if (features[i].missing)
			printf("not compared, this CPU has no %s\n", features[i].name);
	for (unsigned int op = 0; missing && op < OP_COUNT; op++)
		if (!n->by_op[op] && !expected_unexercised(op))
			printf("never exercised: %s\n", op_names[op]);
	printf("%" PRIu64 " instructions (%" PRIu64 " 64-bit, %" PRIu64 " 32-bit, %" PRIu64
	       " 16-bit), %" PRIu64 " faults, %" PRIu64 " part-way REP, %" PRIu64 " failed\n",
	       n->run, n->by_mode[2], n->by_mode[1], n->by_mode[0], n->faults, n->again,
	       n->failed);
	return missing;
}

static uint16_t make_ldt(unsigned int entry, uint64_t base, bool code)
{
	struct user_desc d = {
		.entry_number = entry, .base_addr = (unsigned int)base, .limit = 0xffff,
		.contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
	};

	if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
		return 0;
	return (uint16_t)(entry << 3 | 7);
}

static bool set_up(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED ||
	    mmap((void *)CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) !=
		    (void *)CODE ||
	    mmap((void *)AREA, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != (void *)AREA ||
	    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base))
		return false;
	ldt_code = make_ldt(0, CODE, true);
	ldt_data = make_ldt(1, DATA16_BASE, false);
	ldt_stack = make_ldt(2, DATA16_BASE, false);
	if (!ldt_code || !ldt_data || !ldt_stack) {
		ldt_code = 0;
		printf("no modify_ldt here: 16-bit code is not compared\n");
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	static struct totals n;
	struct rng r = { seed };
	bool broken = false;
	unsigned int missing;

	printf("seed %#" PRIx64 "\n", seed);
	if (!set_up()) {
		printf("FAIL: can't map the test pages at %#llx and %#llx\n", CODE, AREA);
		return 1;
	}
	find_features();
	find_vendor();
	for (unsigned int i = 0; i < PAGE; i++)
		model_memory[i] = (uint8_t)(rng_next(&r) >> 56);
	while (n.run < count && !broken)
		broken = run_batch(&r, BATCH, &n);
	missing = summary(&n);
	if (broken || n.failed || missing || n.run < count) {
		printf("FAIL\n");
		return 1;
	}
	printf("PASS\n");
	return 0;
}
