// SPDX-License-Identifier: MIT
/*
 * A kernel that treats the PC's devices as tutorials do: by polling, with probes for
 * what may not be there, with interrupts at last. Says "NAME=1" for what answered as
 * its data sheet has it, and ends with how many did not.
 *
 * First cable: a disk whose sectors hold their number; second: a CD likewise.
 */
#include "ports.h"

extern uint32_t magic, info, eflags, cr0;
extern uint8_t gdtr[], ap_start[], ap_end[];

static uint32_t failed;

static void check(const char *name, int good)
{
	number(name, !!good);
	failed += !good;
}

#define LOOP(n, until)						\
	({							\
		unsigned int i_ = 0;				\
								\
		while (!(until) && ++i_ < (n))			\
			;					\
		i_ < (n);					\
	})

/* -- Keyboard controller ----------------------------------------------------------- */

static int kbd_in(void)
{
	return LOOP(100000, in8(0x64) & 1) ? in8(0x60) : -1;
}

static void kbd_out(uint16_t port, uint8_t v)
{
	LOOP(100000, !(in8(0x64) & 2));
	out8(port, v);
}

static void keyboard(void)
{
	int byte;

	kbd_out(0x64, 0xad);
	kbd_out(0x64, 0xa7);
	in8(0x60);
	kbd_out(0x64, 0x20);
	byte = kbd_in();
	check("8042 as firmware leaves it", (byte & 0x45) == 0x45);
	kbd_out(0x64, 0x60);
	kbd_out(0x60, byte & ~0x43);
	kbd_out(0x64, 0xaa);
	check("8042 self test", kbd_in() == 0x55);
	kbd_out(0x64, 0xab);
	check("8042 keyboard test", kbd_in() == 0);
	kbd_out(0x64, 0xae);
	kbd_out(0x60, 0xff);
	check("keyboard reset", kbd_in() == 0xfa && kbd_in() == 0xaa);
	kbd_out(0x60, 0xf5);
	check("keyboard silent", kbd_in() == 0xfa);
	kbd_out(0x60, 0xf2);
	check("keyboard identity", kbd_in() == 0xfa && kbd_in() == 0xab && kbd_in() == 0x83);
	kbd_out(0x60, 0xee);
	check("keyboard echo", kbd_in() == 0xee);
	kbd_out(0x64, 0xd0);
	check("A20 by the output port", kbd_in() & 2);
}

/* -- Clock ------------------------------------------------------------------------- */

static uint8_t cmos(uint8_t at)
{
	out8(0x70, at);
	return in8(0x71);
}

static int bcd(uint8_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void clock(void)
{
	uint8_t b = cmos(11), s, m, h;
	int second;

	check("RTC updates", LOOP(10000000, cmos(10) & 0x80) && LOOP(10000000, !(cmos(10) & 0x80)));
	s = cmos(0), m = cmos(2), h = cmos(4);
	check("RTC in BCD", bcd(s) < 60 && bcd(m) < 60 && bcd(h) < 24 && !(b & 4));
	second = bcd(s);
	out8(0x70, 11);
	out8(0x71, b | 4);
	s = cmos(0);
	check("RTC in binary", s == second || s == (second + 1) % 60);
	out8(0x70, 11);
	out8(0x71, (b | 4) & ~2);
	m = cmos(4);
	check("RTC with 12 hours", (m & 0x7f) % 12 == bcd(h) % 12 && !(m & 0x80) == bcd(h) < 12);
	out8(0x70, 11);
	out8(0x71, b);
}

/* -- Serial port and timer ------------------------------------------------------------- */

static void serial(void)
{
	const uint16_t port = 0x2f8;
	unsigned int i, good = 1;

	out8(port + 7, 0xa5);
	check("UART scratch", in8(port + 7) == 0xa5);
	out8(port + 2, 0);
	good = !(in8(port + 2) & 0xc0);
	out8(port + 2, 0xc7);
	check("UART FIFO found", good && (in8(port + 2) & 0xc0) == 0xc0);
	out8(port + 3, 0x83);
	out8(port, 1);
	out8(port + 1, 0);
	check("UART divisor", in8(port) == 1 && !in8(port + 1));
	out8(port + 3, 3);
	out8(port + 4, 0x1e);
	for (i = 0; i < 16; i++)
		out8(port, 0xae + i);
	for (i = 0, good = 1; i < 16; i++)
		good &= (in8(port + 5) & 1) && in8(port) == 0xae + i;
	check("UART looped back", good && !(in8(port + 5) & 1));
	out8(port + 4, 0x1a);
	check("UART lines looped back", (in8(port + 6) & 0xf0) == 0x90);
	out8(port + 4, 0x0b);
}

static void timer(void)
{
	uint8_t b = in8(0x61) & 0xfc;

	out8(0x61, b);
	out8(0x43, 0xb0);
	out8(0x42, 0x00);
	out8(0x42, 0x10);
	check("PIT waits for its gate", !(in8(0x61) & 0x20));
	out8(0x61, b | 1);
	check("PIT counts to its end", LOOP(10000000, in8(0x61) & 0x20));
	check("refresh toggles", LOOP(10000000, in8(0x61) & 0x10) && LOOP(10000000, !(in8(0x61) & 0x10)));
	out8(0x61, b);
}

/* -- PCI and ACPI -------------------------------------------------------------------- */

static void pci(void)
{
	unsigned int slot;
	int ide = -1, good = 0;

	out32(0xcf8, 0x80000000);
	check("PCI mechanism", in32(0xcf8) == 0x80000000);
	for (slot = 0; slot < 32; slot++) {
		out32(0xcf8, 0x80000000 | slot << 11);
		if (in16(0xcfc) == 0xffff)
			continue;
		good += in32(0xcfc) == (in16(0xcfc) | (uint32_t)in16(0xcfe) << 16);
		out32(0xcf8, 0x80000008 | slot << 11);
		good += in8(0xcff) == in32(0xcfc) >> 24 && in16(0xcfe) == in32(0xcfc) >> 16;
		if (in16(0xcfe) == 0x0101)
			ide = (int)slot;
	}
	check("PCI by bytes and words", good == 6);
	check("PCI has an IDE controller", ide > 0);
}

static void power(void)
{
	check("ACPI is on", in16(0x604) & 1);
	check("PM timer runs", ({ uint32_t t = in32(0x608); LOOP(1000000, in32(0x608) != t); }));
}

/* -- Disks --------------------------------------------------------------------------- */

static uint16_t data[1024];

static void nap(uint16_t base)
{
	for (int i = 0; i < 4; i++)
		in8(base + 0x206);
}

static int ready(uint16_t base)
{
	nap(base);
	return LOOP(1000000, !(in8(base + 7) & 0x80));
}

static void soft_reset(uint16_t base)
{
	out8(base + 0x206, 4);
	nap(base);
	out8(base + 0x206, 0);
	ready(base);
}

static void disk(void)
{
	const uint16_t base = 0x1f0;
	int i, good = 1;

	check("cable is not floating", in8(base + 7) != 0xff);
	soft_reset(base);
	check("disk signature", in8(base + 2) == 1 && in8(base + 3) == 1 && !in8(base + 4) &&
	      !in8(base + 5) && in8(base + 7) == 0x50);
	out8(base + 6, 0xb0);
	nap(base);
	check("no second disk", !in8(base + 7));
	out8(base + 7, 0xec);
	check("nor does it identify", !in8(base + 7));
	out8(base + 6, 0xa0);
	for (i = 2; i < 6; i++)
		out8(base + i, 0);
	out8(base + 7, 0xec);
	ready(base);
	check("IDENTIFY", in8(base + 7) == 0x58 && !in8(base + 4));
	for (i = 0; i < 256; i++)
		data[i] = in16(base);
	check("its size", (data[60] | data[61] << 16) == 128 && in8(base + 7) == 0x50);
	out8(base + 6, 0xe0);
	out8(base + 2, 2);
	out8(base + 3, 7);
	out8(base + 4, 0);
	out8(base + 5, 0);
	out8(base + 7, 0x20);
	for (i = 0; i < 512; i++) {
		if (!(i & 255))
			good &= ready(base) && (in8(base + 7) & 0x89) == 8;
		good &= in16(base) == (7 + i / 256) * 0x101;
	}
	check("two sectors by PIO", good && in8(base + 7) == 0x50);
	out8(base + 3, 200);
	out8(base + 7, 0x20);
	ready(base);
	check("beyond its end", in8(base + 7) & 1 && in8(base + 1) & 0x10);
}

/* READ(10) or READ(12) of two sectors, @limit bytes at a time; the number of pieces. */
static int read_cd(uint8_t command, uint16_t limit)
{
	const uint16_t base = 0x170;
	uint8_t packet[12] = { command, 0, 0, 0, 0, 3 };
	unsigned int pieces = 0, n = 0, len, i;

	packet[command == 0x28 ? 8 : 9] = 2;
	out8(base + 1, 0);
	out8(base + 4, limit & 0xff);
	out8(base + 5, limit >> 8);
	out8(base + 7, 0xa0);
	if (!ready(base) || !(in8(base + 7) & 8) || (in8(base + 2) & 3) != 1)
		return -1;
	for (i = 0; i < 12; i += 2)
		out16(base, packet[i] | packet[i + 1] << 8);
	while (ready(base) && in8(base + 7) & 8) {
		len = in8(base + 4) | in8(base + 5) << 8;
		if ((in8(base + 2) & 3) != 2 || len > limit || n + len > 4096)
			return -1;
		for (i = 0; i < len; i += 2, n += 2)
			if (in16(base) != (3 + n / 2048) * 0x101)
				return -1;
		pieces++;
	}
	return n == 4096 && (in8(base + 2) & 3) == 3 && !(in8(base + 7) & 1) ? (int)pieces : -1;
}

static void cd(void)
{
	const uint16_t base = 0x170;

	soft_reset(base);
	check("CD signature", in8(base + 4) == 0x14 && in8(base + 5) == 0xeb && !in8(base + 7));
	out8(base + 7, 0xec);
	ready(base);
	check("it is no disk", in8(base + 7) & 1 && in8(base + 4) == 0x14 && in8(base + 5) == 0xeb);
	check("READ(10) by sectors", read_cd(0x28, 2048) == 2);
	check("READ(12) all at once", read_cd(0xa8, 4096) == 1);
	check("READ(10) by small pieces", read_cd(0x28, 512) == 8);
}

/* -- An interrupt ---------------------------------------------------------------------- */

/* A disk's command raises IRQ 14: seen in the slave PIC's request register. */
static void interrupt(void)
{
	out8(0x20, 0x11), out8(0x21, 0x20), out8(0x21, 4), out8(0x21, 1);
	out8(0xa0, 0x11), out8(0xa1, 0x28), out8(0xa1, 2), out8(0xa1, 1);
	out8(0x21, 0xff), out8(0xa1, 0xff);
	in8(0x1f7);
	out8(0xa0, 0x0a);
	check("IRQ 14 is idle", !(in8(0xa0) & 0x40));
	out8(0x1f6, 0xa0);
	out8(0x1f7, 0xec);
	LOOP(1000000, in8(0x3f6) & 8);
	check("IRQ 14 comes", in8(0xa0) & 0x40);
	soft_reset(0x1f0);
}

int main(void)
{
	keyboard();
	clock();
	serial();
	timer();
	pci();
	power();
	disk();
	cd();
	interrupt();
	out32(0xf4, failed);
	return 0;
}
