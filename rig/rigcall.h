/* SPDX-License-Identifier: MIT */
/*
 * What passes through port 0xe9 between the emulated host and the shim in Bochs.
 */
#ifndef RIG_RIGCALL_H
#define RIG_RIGCALL_H

/* Bytes that are commands */
#define RIG_CALL 0x01 /* eight bytes follow: physical address of a struct rig_call */
#define RIG_LOAD 0x03 /* put the kernel and its initramfs into RAM */

#ifndef __ASSEMBLER__
#include <stdint.h>

#define RIG_MAGIC 0x31474952u /* "RIG1" */

enum {
	RIG_OP_WRITE = 1, /* send data[0..len) to rig/run */
	RIG_OP_READ,	  /* receive at most len bytes, without waiting */
	RIG_OP_SNAPSHOT,  /* save the machine's state, if one is wanted */
	RIG_OP_END,	  /* the run is over */
};

#define RIG_CALL_PACE 1u /* with READ: sleep while the machine is ahead of real time */

/* One page, at a page boundary */
struct rig_call {
	uint32_t magic;
	uint32_t number;   /* of this call, never 0 */
	uint32_t answered; /* the shim: number, once the call is done */
	uint32_t op;
	uint32_t flags;
	uint32_t len;
	int32_t result;
	uint32_t reserved;
	uint8_t data[4096 - 32];
};
_Static_assert(sizeof(struct rig_call) == 4096, "struct rig_call is a page");

/* How Bochs ended: its exit status, for rig/run */
enum {
	RIG_END_OK = 0,
	RIG_END_ASKED = 70, /* by a signal, or rig/run went away */
	RIG_END_RESET,	    /* the host was reset */
	RIG_END_LOAD,	    /* $RIG_LOADS or a file named there cannot be read */
};

/*
 * Linux 6.1's struct printk_ringbuffer, as far as it is read here: the bits of the
 * descriptor count, the descriptors, their infos, head, tail, last; then the bits of
 * the text's size and the text.
 */
#define RIG_PRB_WORDS 8
#define RIG_PRB_DESC  24
#define RIG_PRB_INFO  88

#endif /* __ASSEMBLER__ */
#endif
