/* SPDX-License-Identifier: MIT */
/* `monitor ...`: what debuggers have no commands of their own for. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define XP_MAX		1024u
#define XP_ROW		16u
#define CR0_PE		1ull
#define CR0_PG		0x80000000ull
#define EFER_LMA	0x400ull

/* Answers are text in hexadecimal. */
static void say(struct gdb *g, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gdb_put_hex(&g->reply, text, strlen(text));
}

static void help(struct gdb *g)
{
	say(g, "phys on|off       x and breakpoints' memory by guest-physical address\n");
	say(g, "xp ADDR [BYTES]   shows guest-physical memory\n");
	say(g, "translate ADDR    linear to guest-physical address\n");
	say(g, "mode              the mode that this vCPU is in\n");
	say(g, "arch NAME         auto, i386:x86-64, i386, i8086: from the next connection on\n");
	say(g, "reset             resets the machine; it stops at its first instruction\n");
}

static void phys(struct gdb *g, const char *arg)
{
	if (!strcmp(arg, "on") || !strcmp(arg, "off"))
		g->physical = !strcmp(arg, "on");
	else if (*arg) {
		say(g, "phys: on or off\n");
		return;
	}
	say(g, "memory is shown by %s address\n",
	    g->physical ? "guest-physical" : "linear");
}

static void show_row(struct gdb *g, uint64_t addr, const uint8_t *b, size_t n)
{
	char text[8 + 3 * XP_ROW + XP_ROW + 2] = "";
	size_t i, at = 0;

	for (i = 0; i < XP_ROW; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       i < n ? " %02x" : "   ", i < n ? b[i] : 0);
	text[at++] = ' ';
	text[at++] = ' ';
	for (i = 0; i < n; i++)
		text[at++] = isprint(b[i]) ? (char)b[i] : '.';
	text[at] = '\0';
	say(g, "%016llx:%s\n", (unsigned long long)addr, text);
}

static void xp(struct gdb *g, const char *arg)
{
	struct gdb_space s = gdb_space(g);
	uint8_t buf[XP_MAX];
	char *end;
	uint64_t addr = strtoull(arg, &end, 0), len = 64;
	size_t n, i;

	if (end != arg && *end == ' ')
		len = strtoull(end, &end, 0);
	if (end == arg || *end || !len || len > sizeof(buf)) {
		say(g, "xp ADDR [BYTES], at most %u\n", XP_MAX);
		return;
	}
	s.physical = true;
	n = gdb_read(&s, addr, buf, len);
	for (i = 0; i < n; i += XP_ROW)
		show_row(g, addr + i, buf + i, n - i < XP_ROW ? n - i : XP_ROW);
	if (n < len)
		say(g, "%016llx: no memory\n", (unsigned long long)(addr + n));
}

static void translate(struct gdb *g, const char *arg)
{
	struct gdb_space s = gdb_space(g);
	char *end;
	uint64_t la = strtoull(arg, &end, 0), pa, rest;

	s.physical = false;
	if (end == arg || *end)
		say(g, "translate ADDR\n");
	else if (gdb_translate(&s, la, &pa, &rest))
		say(g, "%#llx is at guest-physical %#llx\n", (unsigned long long)la,
		    (unsigned long long)pa);
	else
		say(g, "%#llx is not mapped\n", (unsigned long long)la);
}

static void mode(struct gdb *g)
{
	struct kvm_sregs s;

	if (vmm_vcpu_get_sregs(&g->m->vcpu[g->current].v, &s))
		return;
	say(g, "vCPU %u: %s, paging %s, CPL %u; described to the debugger as %s\n",
	    g->current, s.efer & EFER_LMA ? s.cs.l ? "64-bit mode" :
	    "compatibility mode" : !(s.cr0 & CR0_PE) ? "real mode" :
	    s.cs.db ? "32-bit protected mode" : "16-bit protected mode",
	    s.cr0 & CR0_PG ? "on" : "off", s.ss.dpl, gdb_arch_names[g->arch]);
}

static void arch(struct gdb *g, const char *name)
{
	int i;

	g->asked_arch = GDB_ARCH_AUTO;
	for (i = 0; i < GDB_ARCHS; i++)
		if (!strcmp(name, gdb_arch_names[i]))
			g->asked_arch = i;
	if (g->asked_arch == GDB_ARCH_AUTO && strcmp(name, "auto"))
		say(g, "no such architecture; auto it is. ");
	say(g, "disconnect, and connect again\n");
}

static void reset(struct gdb *g)
{
	struct machine *m = g->m;

	pthread_mutex_lock(m->lock);
	machine_end(m, END_RESET, 0, "the debugger reset the machine");
	pthread_mutex_unlock(m->lock);
	say(g, "continue, to see its first instruction\n");
}

/* The rest of the line if it begins with this word. */
static const char *after(const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) || (text[n] && text[n] != ' '))
		return NULL;
	text += n;
	while (*text == ' ')
		text++;
	return text;
}

void gdb_monitor(struct gdb *g, const char *text)
{
	const char *arg;

	while (*text == ' ')
		text++;
	if ((arg = after(text, "phys")))
		phys(g, arg);
	else if ((arg = after(text, "xp")))
		xp(g, arg);
	else if ((arg = after(text, "translate")))
		translate(g, arg);
	else if (after(text, "mode"))
		mode(g);
	else if ((arg = after(text, "arch")))
		arch(g, arg);
	else if (after(text, "reset"))
		reset(g);
	else
		help(g);
}
