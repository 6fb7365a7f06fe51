// SPDX-License-Identifier: MIT
/*
 * The Multiboot test kernel: says on COM1 what it was told and what it finds
 * (ACPI's root pointer, PCI, other CPUs), and ends with the number that its
 * command line has behind "exit=".
 */
#include "ports.h"

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods, syms[4], mmap_length, mmap, drives[2];
	uint32_t config, loader;
};

struct mod {
	uint32_t start, end, string, reserved;
};

extern uint32_t magic, info, eflags, cr0;
extern uint8_t gdtr[], ap_start[], ap_end[];

#define COUNTER (*AT(volatile uint32_t, 0x7ff0))
#define LAPIC(offset) (*AT(volatile uint32_t, 0xfee00000u + (offset)))

static void memory_map(const struct info *i)
{
	uint32_t at = i->mmap, end = at + i->mmap_length;

	while (at < end) {
		const uint32_t *e = AT(uint32_t, at);

		if (e[5] == 1)
			number("ram end", ((uint64_t)e[2] << 32 | e[1]) +
			       ((uint64_t)e[4] << 32 | e[3]));
		at += e[0] + 4;
	}
}

static void modules(const struct info *i)
{
	const struct mod *m = AT(struct mod, i->mods);
	uint32_t n;

	for (n = 0; n < i->mods_count; n++) {
		put("module ");
		put(AT(char, m[n].string));
		put(m[n].start & 4095 ? " unaligned: " : ": ");
		/* the tests' modules end with a newline */
		for (const char *p = AT(char, m[n].start); p < AT(char, m[n].end); p++)
			put((char[]){ *p, 0 });
	}
}

static void acpi(void)
{
	const uint8_t *p;
	uint8_t sum;
	int i;

	for (p = AT(uint8_t, 0xe0000u); p < AT(uint8_t, 0x100000u); p += 16) {
		for (sum = 0, i = 0; i < 20; i++)
			sum += p[i];
		if (!sum && p[0] == 'R' && p[1] == 'S' && p[2] == 'D') {
			number("rsdp", (uintptr_t)p);
			number("rsdt", *AT(uint32_t, (uintptr_t)p + 16));
		}
	}
}

/* Where the BIOS data area says, else in the last 64 KiB of ROM. */
static void mp_table(void)
{
	const uint32_t ebda = *AT(volatile uint16_t, 0x40eu) << 4;
	const uint8_t *p, *start = AT(uint8_t, ebda), *end = start + 1024;
	uint8_t sum;
	int i;

	number("ebda", ebda);
	number("base memory", *AT(volatile uint16_t, 0x413u));
	for (p = start; p != AT(uint8_t, 0x100000u);
	     p = p + 16 == end ? AT(uint8_t, 0xf0000u) : p + 16) {
		for (sum = 0, i = 0; i < 16; i++)
			sum += p[i];
		if (!sum && *(const uint32_t *)p == 0x5f504d5f) {
			number("mp pointer", (uintptr_t)p);
			number("mp entries", *AT(uint16_t, *(const uint32_t *)(p + 4) + 34));
			return;
		}
	}
}

static void wait(unsigned int n)
{
	while (n--)
		in8(0x80);
}

static void start_others(void)
{
	volatile uint8_t *to = AT(uint8_t, 0x8000u);
	uint8_t *from = ap_start;

	while (from < ap_end)
		*to++ = *from++;
	COUNTER = 0;
	LAPIC(0xf0) = 0x1ff;
	LAPIC(0x300) = 0xc4500;		/* INIT to all but this one */
	wait(2000);
	LAPIC(0x300) = 0xc4608;		/* start-up, at 0x8000 */
	wait(2000);
	number("other cpus", COUNTER);
}

static uint16_t cpus_told(void)
{
	uint8_t low;

	out16(0x510, 5);
	low = in8(0x511);
	return (uint16_t)(low | in8(0x511) << 8);
}

static uint32_t wanted_exit(const char *s)
{
	uint32_t v = 0;

	for (; *s; s++)
		if (s[0] == 'e' && s[1] == 'x' && s[2] == 'i' && s[3] == 't' && s[4] == '=')
			for (s += 5; *s >= '0' && *s <= '9'; s++)
				v = v * 10 + (uint32_t)(*s - '0');
	return v;
}

int main(void)
{
	const struct info *i = AT(struct info, info);

	number("bits", sizeof(void *) == 8 ? 0x64 : 0x32);
	number("magic", magic);
	number("interrupts", eflags >> 9 & 1);
	number("paging", cr0 >> 31);
	number("protected", cr0 & 1);
	number("flags", i->flags);
	number("lower", i->mem_lower);
	number("upper", i->mem_upper);
	put("command line: ");
	put(AT(char, i->cmdline));
	put("\nloader: ");
	put(AT(char, i->loader));
	put("\n");
	memory_map(i);
	modules(i);
	acpi();
	mp_table();
	out32(0xcf8, 0x80000000);
	number("host bridge", in32(0xcfc));
	number("cpus told", cpus_told());
	start_others();
	out32(0xf4, wanted_exit(AT(char, i->cmdline)));
	return 0;
}
