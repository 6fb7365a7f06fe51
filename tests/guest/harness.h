/* SPDX-License-Identifier: MIT */
/*
 * Tests that run tiny guests, on /dev/vmm/ctl or on stock KVM alike.
 *
 * A test is one entry of a table. Most need no C at all: an entry names the
 * guest (a label of a .S file here), its mode, and what it must leave behind:
 * results, exceptions, and the exits that user space sees, in their order.
 * Reads that reach user space are answered from the same list. A test that
 * needs more has a function; any helper below ends the test when it fails.
 * Each test runs in a process of its own.
 */
#ifndef TESTS_GUEST_HARNESS_H
#define TESTS_GUEST_HARNESS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vellum/vmm.h>

#include "guests.h"
#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum mode { REAL, PROT32, PAGED32, PAE, LONG };

/* What the VM has besides memory */
#define IRQCHIP		(1u << 0)	/* PICs, IOAPIC, LAPIC in the kernel */
#define PIT		(1u << 1)
#define INTEL_ONLY	(1u << 2)
#define AMD_ONLY	(1u << 3)
#define VMM_ONLY	(1u << 4)	/* asks for what stock KVM lacks */
#define NO_CPUID	(1u << 6)	/* KVM_SET_CPUID2 is not called */
#define XTRA_RAM	(1u << 5)	/* 16 MiB, on 2 MiB boundaries */

/* An access that reaches user space; count > 1 was split into single ones. */
struct access {
	u8 kind;			/* A_* */
	u8 len;
	u64 addr;
	u64 data;			/* written, or to be read */
};
enum { A_OUT = 1, A_IN, A_WRITE, A_READ };

#define OUT(port, n, v)		{ A_OUT, n, port, v }
#define IN(port, n, v)		{ A_IN, n, port, v }
#define WRITE(gpa, n, v)	{ A_WRITE, n, gpa, v }
#define READ(gpa, n, v)		{ A_READ, n, gpa, v }

struct machine;

struct test {
	const char *name;
	enum mode mode;
	u32 entry;			/* G_* from guests.h; 0: no guest */
	u32 flags;
	const u64 *results;		/* at G_RESULTS, in order */
	u32 results_n;
	const u64 *exceptions;		/* EXC(vector, error), in order */
	u32 exceptions_n;
	const struct access *accesses;
	u32 accesses_n;
	/* Before the run, at PORT_STEP (with 0, 1, ...), and after the run. */
	void (*setup)(struct machine *m);
	void (*step)(struct machine *m, unsigned n);
	void (*check)(struct machine *m);
	/* Instead of all that. */
	void (*custom)(void);
	unsigned seconds;		/* limit; 0: 30 */
	const char *tcg;		/* QEMU's emulator can't do that: why */
};

#define LIST(type, ...)	(const type[]){ __VA_ARGS__ }
#define LENGTH(type, ...) (sizeof((type[]){ __VA_ARGS__ }) / sizeof(type))
#define RESULTS(...)	.results = LIST(u64, __VA_ARGS__), \
			.results_n = LENGTH(u64, __VA_ARGS__)
#define EXCEPTIONS(...)	.exceptions = LIST(u64, __VA_ARGS__), \
			.exceptions_n = LENGTH(u64, __VA_ARGS__)
#define ACCESSES(...)	.accesses = LIST(struct access, __VA_ARGS__), \
			.accesses_n = LENGTH(struct access, __VA_ARGS__)
#define EXC(vector, error) ((vector) | (u64)(error) << 8)
#define ANY		0x616e79616e79616eull	/* a result that is not compared */

enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC };

/* One VM with one vCPU and its memory. */
struct machine {
	const struct test *test;
	int vm, cpu;
	struct kvm_run *run;
	u8 *ram;
	size_t ram_size;
	const struct access *next;	/* the next expected access */
	u32 left;
	unsigned steps;
	bool keep_tss_addr;
};

extern int ctl;			/* the accelerator */
extern const char *accel;
extern bool is_vmm, is_amd, is_tcg, is_bochs;

/* -- Machines ------------------------------------------------------------------ */
void machine_create(struct machine *m, u32 flags);
void machine_destroy(struct machine *m);
/* Descriptor tables, page tables, handlers; registers for the mode and entry. */
void machine_boot(struct machine *m, enum mode mode, u32 entry);
/*
 * Runs until the guest says END. Accesses are checked against the list; any other
 * exit fails the test.
 */
void machine_run(struct machine *m);
/* KVM_RUN once; fails the test unless it returns 0. Returns the exit reason. */
u32 run_once(struct machine *m);
/* Runs to the next exit of that reason and fails if it is another. */
void run_to(struct machine *m, u32 reason);
/* The same to PORT_END alone. */
void run_to_end(struct machine *m);

u64 result(struct machine *m, unsigned i);
u64 exception(struct machine *m, unsigned i);
u64 irq_count(struct machine *m, unsigned vector);
u64 peek(struct machine *m, u64 gpa);
void poke(struct machine *m, u64 gpa, u64 v);
void set_slot(int vm, u32 slot, u64 gpa, u64 size, void *host, u32 flags);
void *get_pages(size_t size, size_t align);
u64 counter(int fd, unsigned long request, const char *name);
u64 module_info(const char *name);

void get_regs(struct machine *m, struct kvm_regs *r);
void set_regs(struct machine *m, const struct kvm_regs *r);
void get_sregs(struct machine *m, struct kvm_sregs *s);
void set_sregs(struct machine *m, const struct kvm_sregs *s);
u64 get_msr(struct machine *m, u32 msr);
void set_msr(struct machine *m, u32 msr, u64 v);
void set_line(struct machine *m, u32 gsi, bool level);
void raise_nmi(struct machine *m);
struct kvm_cpuid2 *supported_cpuid(void);
bool cpu_has(u32 leaf, u32 sub, unsigned reg, unsigned bit);
void set_cpuid(struct machine *m, const struct kvm_cpuid2 *c);

/* Whether a table has a test of that name, "table/test". */
bool test_exists(const char *name);

/* -- Ends of a test ------------------------------------------------------------- */
void fail(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond) do { if (!(cond)) \
	fail("%s:%d: %s", __FILE__, __LINE__, #cond); } while (0)
#define CHECK_EQ(a, b) do { u64 a_ = (a), b_ = (b); if (a_ != b_) \
	fail("%s:%d: %s is %#llx, wanted %#llx", __FILE__, __LINE__, #a, \
	     (unsigned long long)a_, (unsigned long long)b_); } while (0)
/* The ioctl fails with that errno. */
#define REFUSED(err, fd, req, arg) \
	check_refused(__FILE__, __LINE__, #req, err, fd, req, (unsigned long)(arg))
void check_refused(const char *file, int line, const char *what, int err,
		   int fd, unsigned long req, unsigned long arg);
/* It succeeds; returns its value. */
#define DO(fd, req, arg) \
	check_done(__FILE__, __LINE__, #req, fd, req, (unsigned long)(arg))
int check_done(const char *file, int line, const char *what, int fd,
	       unsigned long req, unsigned long arg);

/* -- The tables ------------------------------------------------------------------ */
struct table {
	const char *name;
	const struct test *tests;
	unsigned n;
};
extern const struct table basic_table, io_table, mmio_table, irq_table,
	exc_table, cpu_table, mem_table, abi_table, life_table, caps_table,
	task_table, real_table, debug_table, race_table;

#define TABLE(id, array) const struct table id##_table = { \
	#id, array, sizeof(array) / sizeof((array)[0]) }

#endif
