/* SPDX-License-Identifier: MIT */
/*
 * The x86 instruction emulator.
 *
 * It works on one instruction at a time, owns no memory and keeps no state
 * between instructions: everything lies in the caller's struct emul, and the
 * world beyond the general registers is reached through struct emul_ops. It
 * never sleeps by itself (callbacks may), takes no lock and doesn't recurse.
 *
 * Restarting: when a callback can't complete yet (an MMIO read that user space
 * must answer) it returns EMUL_CB_EXIT and the instruction is abandoned with no
 * register changed. Once the answer is there the caller emulates the same
 * instruction again. The accesses then come in the same order and with the same
 * addresses and sizes, so the caller keeps a log of those already completed,
 * answers reads from it and swallows repeated writes. The log is emptied when
 * an instruction ends (any result but EMUL_EXIT) and at ops->checkpoint().
 */
#ifndef EMUL_EMUL_H
#define EMUL_EMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMUL_MAX_LENGTH		15	/* bytes of the longest instruction */

/* Indices into emul.gpr: the hardware's encoding order. */
enum emul_gpr {
	EMUL_RAX, EMUL_RCX, EMUL_RDX, EMUL_RBX,
	EMUL_RSP, EMUL_RBP, EMUL_RSI, EMUL_RDI,
	EMUL_R8, EMUL_R9, EMUL_R10, EMUL_R11,
	EMUL_R12, EMUL_R13, EMUL_R14, EMUL_R15,
	EMUL_GPR_COUNT
};

/* Segment registers: encoding order, then the two system segments. */
enum emul_segment {
	EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS,
	EMUL_LDTR, EMUL_TR,
	EMUL_SEG_COUNT
};

/* ar: SDM3 "Guest Register State", access-rights format; bit 16 = unusable. */
struct emul_seg {
	uint64_t base;
	uint32_t limit;		/* in bytes, the granularity already applied */
	uint32_t ar;
	uint16_t selector;
};

enum emul_table { EMUL_GDT, EMUL_IDT };

struct emul_table_reg {
	uint64_t base;
	uint16_t limit;
};

/* Default code size: CS.D and CS.L (L counts only with EFER.LMA). */
enum emul_mode { EMUL_MODE16, EMUL_MODE32, EMUL_MODE64 };

/* What became of an instruction. */
enum emul_result {
	EMUL_DONE,		/* complete; rip advanced */
	EMUL_AGAIN,		/* run it again: REP part-way, or a lost compare-and-swap */
	EMUL_FAULT,		/* deliver emul.fault; rip still at the instruction */
	EMUL_EXIT,		/* a callback needs user space; restart later */
	EMUL_HALT,		/* HLT complete; rip advanced */
	EMUL_UNSUPPORTED,	/* not an instruction that the emulator knows */
};

/* What became of a callback. */
enum emul_cb {
	EMUL_CB_OK,
	EMUL_CB_FAULT,		/* the callback has filled in emul.fault */
	EMUL_CB_EXIT,		/* not yet: abandon the instruction, see above */
	EMUL_CB_UNSUPPORTED,	/* ends the instruction with EMUL_UNSUPPORTED */
	EMUL_CB_RETRY,		/* cmpxchg_mem only: memory was not `old` */
	EMUL_CB_NOT_RAM,	/* cmpxchg_mem only: use write_mem instead */
};

/* Kinds of event in struct emul_fault, numbered as VMX and SVM inject them. */
enum emul_event {
	EMUL_EVENT_EXCEPTION = 3,
	EMUL_EVENT_SOFT_INT = 4,	/* INT n */
	EMUL_EVENT_PRIV_SOFT_EXC = 5,	/* INT1 */
	EMUL_EVENT_SOFT_EXC = 6,	/* INT3, INTO */
};

/*
 * The event to deliver on EMUL_FAULT. Exceptions are faults: their return
 * address is the instruction. Soft events (protected mode only) must be
 * delivered with the return address rip + insn_length. cr2 counts for #PF only.
 * A #DB by MOV DR with DR7.GD has vector 1 and dr6 the bits to set in DR6.
 */
struct emul_fault {
	uint8_t vector;
	uint8_t kind;		/* enum emul_event */
	bool has_error;
	uint32_t error;
	uint64_t cr2;
	uint64_t dr6;
};

/* Flags of a memory access. */
#define EMUL_ACCESS_WRITE	0x01u	/* a read whose address is written next: check for write */
#define EMUL_ACCESS_LOCKED	0x02u	/* part of an atomic read-modify-write */
#define EMUL_ACCESS_USER	0x04u	/* made with CPL 3: user-mode access for paging */
#define EMUL_ACCESS_SYSTEM	0x08u	/* implicit supervisor access: GDT, IDT, TSS */

/* Control-register numbers beyond the hardware's own for read_cr. */
#define EMUL_XCR0		16u

/* The x87 unit's control instructions; EMUL_FPU_WAIT only looks for exceptions (#MF). */
enum emul_fpu {
	EMUL_FPU_INIT, EMUL_FPU_CLEAR, EMUL_FPU_STORE_CONTROL, EMUL_FPU_STORE_STATUS,
	EMUL_FPU_LOAD_CONTROL, EMUL_FPU_WAIT,
};

struct emul;

/*
 * Callbacks. `e` is the instruction's state, e->ctx the caller's own pointer.
 * Linear addresses are final: segment base, limit, type, canonical and
 * alignment checks are done; paging is the callback's. An access may cross a
 * page; it must then be checked on both pages before either part is done, and
 * outside 64-bit mode its second page may be linear address 0 (wrapped).
 * All are mandatory unless said otherwise. Each returns enum emul_cb; the void
 * ones can't fail.
 */
struct emul_ops {
	/* Reads up to `size` (1-15) instruction bytes at a linear address; the
	 * range lies within one page. Paging checks it as an instruction fetch. */
	enum emul_cb (*fetch)(struct emul *e, uint64_t la, void *buf, unsigned int size);

	/* Data accesses of 1, 2, 4, 8, 16 or 32 bytes (far pointers and table
	 * registers take two). `access`: EMUL_ACCESS_*. */
	enum emul_cb (*read_mem)(struct emul *e, uint64_t la, void *buf,
				 unsigned int size, unsigned int access);
	enum emul_cb (*write_mem)(struct emul *e, uint64_t la, const void *buf,
				  unsigned int size, unsigned int access);

	/* Optional. Would paging allow this write? Nothing is accessed. INS asks
	 * before it reads its port, which can't be read a second time. */
	enum emul_cb (*check_write)(struct emul *e, uint64_t la, unsigned int size,
				    unsigned int access);

	/* Optional. Atomically replaces `old` by `new` (1-16 bytes) in RAM, after
	 * a read_mem with EMUL_ACCESS_WRITE | EMUL_ACCESS_LOCKED gave `old`.
	 * EMUL_CB_RETRY makes the instruction EMUL_AGAIN with nothing changed. */
	enum emul_cb (*cmpxchg_mem)(struct emul *e, uint64_t la, const void *old,
				    const void *new, unsigned int size, unsigned int access);

	/* Port I/O of 1, 2 or 4 bytes, permission already checked. `count` is a
	 * hint: this many elements, this one included, are going to be moved
	 * by the same REP instruction (1 without REP). */
	enum emul_cb (*io_in)(struct emul *e, uint16_t port, uint32_t *value,
			      unsigned int size, uint64_t count);
	enum emul_cb (*io_out)(struct emul *e, uint16_t port, uint32_t value,
			       unsigned int size, uint64_t count);

	/* Optional. REP INS upward: writes elements that io_in has ready, at most
	 * `most` and in one page, to la and what follows; returns their number.
	 * 0: none, ask io_in. */
	uint64_t (*ins_block)(struct emul *e, uint16_t port, uint64_t la,
			      unsigned int size, uint64_t most);

	/* Segment registers incl. the hidden part. set_seg of CS may change the
	 * code size; struct emul is not read again afterwards. */
	void (*get_seg)(struct emul *e, enum emul_segment seg, struct emul_seg *out);
	void (*set_seg)(struct emul *e, enum emul_segment seg, const struct emul_seg *in);
	void (*get_table)(struct emul *e, enum emul_table table, struct emul_table_reg *out);
	void (*set_table)(struct emul *e, enum emul_table table,
			  const struct emul_table_reg *in);

	/* CR0, CR2, CR3, CR4, CR8 and EMUL_XCR0 (read only). CPL and the
	 * register's number are already checked; write_cr checks the value and
	 * may fault (#GP(0)). Reads can't fail. */
	uint64_t (*read_cr)(struct emul *e, unsigned int cr);
	enum emul_cb (*write_cr)(struct emul *e, unsigned int cr, uint64_t value);

	/* DR0-DR3, DR6, DR7 (the aliases 4 and 5 are resolved, DR7.GD checked). */
	uint64_t (*read_dr)(struct emul *e, unsigned int dr);
	enum emul_cb (*write_dr)(struct emul *e, unsigned int dr, uint64_t value);

	/* MSRs; unknown ones fault (#GP(0)). */
	enum emul_cb (*read_msr)(struct emul *e, uint32_t msr, uint64_t *value);
	enum emul_cb (*write_msr)(struct emul *e, uint32_t msr, uint64_t value);

	/* out: EAX, EBX, ECX, EDX. May fault (CPUID faulting). */
	enum emul_cb (*cpuid)(struct emul *e, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
	/* The guest's time-stamp counter. CR4.TSD is already checked. */
	enum emul_cb (*rdtsc)(struct emul *e, uint64_t *value);

	/* Both optional (nothing to do then). */
	void (*invlpg)(struct emul *e, uint64_t la);
	void (*wbinvd)(struct emul *e);

	/* Vector registers 0-15: 16 bytes (XMM) or 32 (YMM). Writing with size
	 * 16 keeps the upper half unless zero_upper (VEX). Optional both: without
	 * them vector instructions are EMUL_UNSUPPORTED. */
	void (*read_xmm)(struct emul *e, unsigned int reg, void *buf, unsigned int size);
	void (*write_xmm)(struct emul *e, unsigned int reg, const void *buf,
			  unsigned int size, bool zero_upper);

	/* Optional, else EMUL_UNSUPPORTED: an operation on the x87 unit; CR0.EM and
	 * CR0.TS are already checked. *word is what it stores, or loads. */
	enum emul_cb (*fpu)(struct emul *e, enum emul_fpu what, uint16_t *word);

	/* Optional, else EMUL_UNSUPPORTED: VMCALL, and where `amd` VMMCALL. */
	enum emul_cb (*vmcall)(struct emul *e, bool amd);

	/* Optional. An iteration of a REP instruction is committed: what was
	 * accessed so far won't be asked for again. */
	void (*checkpoint)(struct emul *e);
};

/* Operand kinds of a decoded instruction. */
enum emul_operand_kind {
	EMUL_OPERAND_NONE,
	EMUL_OPERAND_GPR,	/* reg; with size 1 and reg & EMUL_HIGH_BYTE: AH, CH, DH, BH */
	EMUL_OPERAND_MEM,	/* insn.mem */
	EMUL_OPERAND_IMM,	/* insn.imm */
	EMUL_OPERAND_SEG,
	EMUL_OPERAND_CR,
	EMUL_OPERAND_DR,
	EMUL_OPERAND_VEC,	/* XMM or YMM register */
};

#define EMUL_HIGH_BYTE		0x80u

struct emul_operand {
	uint8_t kind;		/* enum emul_operand_kind */
	uint8_t size;		/* bytes */
	uint8_t reg;
};

/* Prefixes seen (insn.prefixes). */
#define EMUL_PREFIX_OPSIZE	0x01u
#define EMUL_PREFIX_ADDRSIZE	0x02u
#define EMUL_PREFIX_LOCK	0x04u
#define EMUL_PREFIX_REP		0x08u	/* F3 is the last of F2/F3 */
#define EMUL_PREFIX_REPNE	0x10u	/* F2 is the last of F2/F3 */
#define EMUL_PREFIX_REX		0x20u
#define EMUL_PREFIX_VEX		0x40u

#define EMUL_NO_REG		0xffu

/*
 * A decoded instruction. `mem` is the ModRM, moffs or string-source operand:
 * `offset` is its effective address (masked to the address size) with the
 * registers as they were at decode time.
 */
struct emul_insn {
	uint8_t length;
	uint8_t map;		/* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
	uint8_t opcode;
	uint8_t modrm;
	uint8_t rex;		/* W R X B as bits 3-0, also from VEX */
	uint8_t prefixes;
	uint8_t opsize;		/* 2, 4, 8: effective operand size */
	uint8_t addrsize;	/* 2, 4, 8 */
	uint8_t op;		/* private: handler */
	uint8_t vex_reg;	/* VEX.vvvv */
	uint8_t vex_l;
	bool has_modrm;
	uint32_t flags;		/* private */
	struct emul_operand operand[3];
	uint64_t imm;		/* sign-extended where the instruction says so */
	uint64_t imm2;		/* ENTER's level, a far pointer's selector */
	struct {
		bool valid;
		bool read;
		bool write;
		uint8_t size;		/* 0: no access (LEA, INVLPG, prefetch) */
		uint8_t seg;		/* enum emul_segment */
		uint8_t base, index, scale;	/* EMUL_NO_REG: none */
		bool rip_relative;
		uint64_t disp;
		uint64_t offset;
	} mem;
};

/* Interrupt shadow after EMUL_DONE (emul.shadow). */
enum emul_shadow { EMUL_SHADOW_NONE, EMUL_SHADOW_STI, EMUL_SHADOW_MOV_SS };

/*
 * Optional memory of decoded instructions, compared by their bytes: drivers poke
 * their devices with the same few. One per vCPU, zeroed once, never invalidated.
 */
#define EMUL_CACHE_ENTRIES	64

struct emul_cache {
	struct {
		uint64_t bytes[2], mask[2];
		uint8_t mode;
		struct emul_insn insn;
	} entry[EMUL_CACHE_ENTRIES];
};

struct emul {
	/* Set by the caller, once. */
	const struct emul_ops *ops;
	void *ctx;
	uint64_t *gpr;		/* EMUL_GPR_COUNT registers, read and written in place */
	struct emul_cache *cache;	/* or NULL */
	uint32_t rep_limit;	/* REP iterations per call; 0 means 64 */

	/* Set by the caller before each emul_decode(). */
	uint64_t rip;
	uint64_t rflags;
	uint8_t mode;		/* enum emul_mode */
	uint8_t cpl;		/* real mode: 0, virtual-8086 mode: 3 */
	bool protected_mode;	/* CR0.PE */
	bool long_mode;		/* EFER.LMA */
	bool vm86;		/* RFLAGS.VM in protected mode */
	uint8_t nbytes;		/* valid bytes in `bytes`; the rest is fetched */
	uint8_t bytes[EMUL_MAX_LENGTH];

	/* Results. rip and rflags above are results too. */
	struct emul_insn insn;
	struct emul_fault fault;	/* with EMUL_FAULT */
	uint8_t shadow;		/* enum emul_shadow, with EMUL_DONE */
	bool trap;		/* a single-step #DB (DR6.BS) is due now */

	/* Private to the emulator. */
	uint64_t next_rip;
	uint64_t new_rflags;
};

/*
 * Decodes the instruction at e->rip into e->insn, fetching what e->bytes does
 * not hold yet. EMUL_DONE: it may be executed. EMUL_UNSUPPORTED: e->nbytes
 * bytes are there to show; insn.length is its length, or 0 where unknown.
 * EMUL_FAULT: #UD, #GP (too long, beyond CS limit) or what the fetch gave.
 * Changes no guest state.
 */
enum emul_result emul_decode(struct emul *e);

/*
 * Executes the instruction that emul_decode() has just decoded, with the same
 * registers. All results are possible. On EMUL_DONE and EMUL_HALT rip, rflags
 * and registers are committed; on EMUL_FAULT and EMUL_EXIT nothing is, except
 * whole iterations of a REP instruction.
 */
enum emul_result emul_execute(struct emul *e);

/* Both of the above. */
enum emul_result emul_step(struct emul *e);

/*
 * A decoded instruction that does nothing but move a register or an immediate to
 * memory, or memory to a register (zero-extended), in 64-bit mode, at an address
 * without FS, GS or RSP: base + (index << scale) + disp, to which a RIP-relative
 * one adds the address of the next instruction.
 */
struct emul_move {
	bool write;
	bool rip_relative;
	uint8_t size;			/* bytes in memory: 1, 2, 4, 8 */
	uint8_t reg, reg_size;		/* as in struct emul_operand; EMUL_NO_REG: imm */
	uint8_t base, index, scale;	/* EMUL_NO_REG: none */
	uint8_t length;
	uint64_t disp, imm;	/* imm: of size */
};

/* Is the instruction that was decoded last one of those? */
bool emul_plain_move(const struct emul *e, struct emul_move *m);

/* A register as an operand: `reg` may have EMUL_HIGH_BYTE. Only e->gpr is used. */
uint64_t emul_reg_read(const struct emul *e, unsigned int reg, unsigned int size);
void emul_reg_write(struct emul *e, unsigned int reg, unsigned int size, uint64_t value);

/*
 * Length of the instruction at `bytes` (of which `n` are there), 0 if they are
 * not a whole instruction. No state needed: for CPUs that don't save the next
 * RIP on an exit. Knows all maps, also instructions that can't be emulated.
 */
unsigned int emul_insn_length(const uint8_t *bytes, unsigned int n, enum emul_mode mode);

/*
 * Delivers an interrupt or exception in real mode through the interrupt vector
 * table: pushes FLAGS, CS and `return_ip`, clears IF, TF and AC, loads CS:IP.
 * Only ops, ctx, gpr and the mode fields need be set. EMUL_DONE, EMUL_FAULT
 * (stack or table beyond its limit: the next event to deliver) or EMUL_EXIT.
 */
enum emul_result emul_real_interrupt(struct emul *e, uint8_t vector, uint16_t return_ip);

#endif
