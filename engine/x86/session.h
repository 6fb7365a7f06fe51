/* SPDX-License-Identifier: MIT */
/* A vCPU's instruction under emulation: shared by emulate.c and callbacks.c. */
#ifndef VELLUM_ENGINE_X86_SESSION_H
#define VELLUM_ENGINE_X86_SESSION_H

#include "../core/vcpu.h"
#include "../emul/emul.h"
#include "mmio.h"

#define LOG_MAX		24
#define WINDOW_MAX	128	/* bytes of code read ahead */
#define WINDOW_BEHIND	32	/* ... of them before the instruction, for loops */

struct access {
	u64 addr;
	u8 size;
	u8 write;
	u8 port;
	u16 count;	/* a port's elements that the instruction wants, this one first */
	u8 data[8];
};

struct emul_session {
	struct emul e;
	struct emul_cache cache;
	struct mmio_memory mmio;
	struct vcpu *v;
	struct access log[LOG_MAX];
	u8 logged;	/* entries that are complete */
	u8 replayed;	/* entries that this attempt has used */
	bool waiting;	/* log[logged] is with user space: an unanswered read */
	bool posted;	/* v->uexit holds a write that user space must still see */
	struct access batch;	/* what user space answered: count elements in v->pio_data, */
	u16 batch_at;		/* of which so many have been taken; see from_batch() */
	u64 next_write;		/* linear address that INS has asked to write to */
	bool pending;	/* the instruction must be emulated again at the next run */
	bool reading;	/* ... and is mmio.reading */
	bool tpr_lowered; /* MOV to CR8: see x86_lowers_user_tpr() */
	bool hint;	/* hint_la's page lies at hint_pa, where no memory is */
	u64 hint_la, hint_pa;
	u64 old_rsp;
	/* Code around RIP, while one instruction after the other is emulated. */
	bool read_ahead;
	u32 window_len;		/* 0: nothing */
	u64 window_pa;
	u8 window[WINDOW_MAX];
};

/* What the emulator calls. */
extern const struct emul_ops x86_emul_ops;

#endif
