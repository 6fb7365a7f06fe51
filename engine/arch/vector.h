/* SPDX-License-Identifier: MIT */
/*
 * One instruction for each of the registers XMM0-15: they can't be indexed. The
 * caller has made sure that they hold what is meant, and keeps them from changing.
 */
#ifndef VELLUM_ENGINE_ARCH_VECTOR_H
#define VELLUM_ENGINE_ARCH_VECTOR_H

#include "../types.h"

struct xmm { u8 bytes[16]; };
struct ymm { u8 bytes[32]; };

#define VECTOR_EACH(n, M)						\
	switch (n) {							\
	case 0: M(0); break; case 1: M(1); break; case 2: M(2); break;	\
	case 3: M(3); break; case 4: M(4); break; case 5: M(5); break;	\
	case 6: M(6); break; case 7: M(7); break; case 8: M(8); break;	\
	case 9: M(9); break; case 10: M(10); break; case 11: M(11); break; \
	case 12: M(12); break; case 13: M(13); break;			\
	case 14: M(14); break; default: M(15); break;			\
	}

#define STORE_XMM(i) __asm__ volatile("movdqu %%xmm" #i ", %0" : "=m"(*x))
#define LOAD_XMM(i) __asm__ volatile("movdqu %0, %%xmm" #i : : "m"(*x))
#define STORE_YMM(i) __asm__ volatile("vmovdqu %%ymm" #i ", %0" : "=m"(*y))
#define LOAD_YMM(i) __asm__ volatile("vmovdqu %0, %%ymm" #i : : "m"(*y))

static inline void store_xmm(unsigned n, struct xmm *x) { VECTOR_EACH(n, STORE_XMM) }
static inline void load_xmm(unsigned n, const struct xmm *x) { VECTOR_EACH(n, LOAD_XMM) }
static inline void store_ymm(unsigned n, struct ymm *y) { VECTOR_EACH(n, STORE_YMM) }
static inline void load_ymm(unsigned n, const struct ymm *y) { VECTOR_EACH(n, LOAD_YMM) }

/* The x87 unit's control and status words. */
static inline void fpu_init(void) { __asm__ volatile("fninit"); }
static inline void fpu_clear(void) { __asm__ volatile("fnclex"); }
static inline u16 fpu_control(void)
{
	u16 w;

	__asm__ volatile("fnstcw %0" : "=m"(w));
	return w;
}
static inline u16 fpu_status(void)
{
	u16 w;

	__asm__ volatile("fnstsw %0" : "=m"(w));
	return w;
}
static inline void fpu_set_control(u16 w) { __asm__ volatile("fldcw %0" : : "m"(w)); }

#undef STORE_XMM
#undef LOAD_XMM
#undef STORE_YMM
#undef LOAD_YMM

#endif
