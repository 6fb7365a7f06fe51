/* SPDX-License-Identifier: MIT */
/*
 * The engine's vocabulary: integers, the three kinds of address, errors, bits.
 * Everything here is freestanding C11; nothing depends on a host.
 */
#ifndef VELLUM_ENGINE_TYPES_H
#define VELLUM_ENGINE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/*
 * Guest-physical, guest-linear and host-physical addresses are distinct types
 * so that one cannot be passed for another.
 */
struct gphys { u64 v; };
struct glin { u64 v; };
struct hphys { u64 v; };

static inline struct gphys gphys(u64 v) { return (struct gphys){ v }; }
static inline struct glin glin(u64 v) { return (struct glin){ v }; }
static inline struct hphys hphys(u64 v) { return (struct hphys){ v }; }

#define PG_SHIFT	12
#define PG_SIZE		(1ull << PG_SHIFT)
#define PG_OFFSET_MASK	(PG_SIZE - 1)

#define BIT(n)		(1ull << (n))
#define BITS(hi, lo)	((~0ull >> (63 - (hi))) & (~0ull << (lo)))
#define FIELD(v, hi, lo) (((u64)(v) & BITS(hi, lo)) >> (lo))

#define COUNT_OF(a)	(sizeof(a) / sizeof((a)[0]))
#define LIKELY(x)	__builtin_expect(!!(x), 1)
#define UNLIKELY(x)	__builtin_expect(!!(x), 0)
#define CONTAINER_OF(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

/*
 * Host errors. The values are Linux's errno, negated, so that a Linux host
 * passes them on as they are.
 */
enum {
	ERR_PERM = -1, ERR_NOENT = -2, ERR_INTR = -4, ERR_IO = -5, ERR_NXIO = -6,
	ERR_2BIG = -7, ERR_AGAIN = -11, ERR_NOMEM = -12, ERR_FAULT = -14,
	ERR_BUSY = -16, ERR_EXIST = -17, ERR_NODEV = -19, ERR_INVAL = -22,
	ERR_NOSPC = -28, ERR_NOTSUP = -95,
};

/* Fields that several threads touch go through these; x86 is TSO. */
#define LOAD(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v)	__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define LOAD_ACQUIRE(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE_RELEASE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define FENCE()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
