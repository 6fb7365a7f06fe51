/* SPDX-License-Identifier: MIT */
/* Ports and COM1 for the Multiboot test kernels. */
#ifndef TESTS_SYSTEM_MULTIBOOT_PORTS_H
#define TESTS_SYSTEM_MULTIBOOT_PORTS_H

#include <stdint.h>

#define AT(type, address) ((type *)(uintptr_t)(address))

#define PORT_FUNCTIONS(bits, suffix)						\
static inline void out##bits(uint16_t port, uint##bits##_t v)			\
{										\
	__asm__ volatile("out" suffix " %0, %1" :: "a"(v), "d"(port));		\
}										\
static inline uint##bits##_t in##bits(uint16_t port)				\
{										\
	uint##bits##_t v;							\
										\
	__asm__ volatile("in" suffix " %1, %0" : "=a"(v) : "d"(port));		\
	return v;								\
}
PORT_FUNCTIONS(8, "b")
PORT_FUNCTIONS(16, "w")
PORT_FUNCTIONS(32, "l")

static inline void put(const char *s)
{
	for (; *s; s++) {
		while (!(in8(0x3f8 + 5) & 0x20))
			;
		out8(0x3f8, (uint8_t)*s);
	}
}

static inline void number(const char *name, uint64_t v)
{
	char text[20], *p = text + sizeof(text);

	*--p = '\0';
	*--p = '\n';
	do
		*--p = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	put(name);
	put("=");
	put(p);
}

#endif
