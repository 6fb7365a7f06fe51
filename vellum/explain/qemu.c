/* SPDX-License-Identifier: MIT */
/*
 * QEMU's register dump ("info registers", or what it prints when KVM gives up): beside
 * KVM's dump it adds the general registers and the code at RIP; alone it is a state of
 * its own, of which only the guest's part can be checked.
 */
#include "dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const gpr_names[2][GPR_COUNT] = {
	{ "EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI" },
	{ "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	  "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15" },
};

/* "NAME=hex", NAME not the end of a longer word; blanks around "=" are QEMU's padding. */
static bool find_value(const char *text, const char *name, uint64_t *v)
{
	size_t n = strlen(name);
	const char *p = text, *q;

	while ((p = strstr(p, name))) {
		q = p + n + strspn(p + n, " ");
		if (*q == '=' && (p == text || strchr(" \n\t>:", p[-1]))) {
			q++;
			if (scan_hex(&q, v))
				return true;
		}
		p += n;
	}
	return false;
}

static bool is_long(const char *text)
{
	uint64_t v;

	return find_value(text, "RIP", &v);
}

static void take_gprs(struct dump *d, const char *text)
{
	bool wide = is_long(text);
	unsigned i;
	uint64_t v;

	for (i = 0; i < GPR_COUNT && gpr_names[wide][i]; i++)
		if (find_value(text, gpr_names[wide][i], &v))
			dump_set_gpr(d, i, v);
	if (find_value(text, "CR2", &v) && !d->s.cr2_known) {
		d->s.cr2 = v;
		d->s.cr2_known = true;
	}
}

/*
 * "Code=xx xx <xx> xx": the byte in brackets is at RIP. The address is linear: CS's base
 * counts outside 64-bit mode, and as it was when the dump was made.
 */
static void take_code(struct dump *d, const char *text, uint64_t linear)
{
	const char *p = strstr(text, "Code=");
	uint8_t bytes[128];
	size_t n = 0, at = 0;
	bool marked = false;

	if (!p)
		return;
	for (p += 5; n < sizeof(bytes); p++) {
		char pair[3];
		char *stop;

		p += strspn(p, " ");
		if (*p == '<') {
			at = n;
			marked = true;
			p++;
		}
		memcpy(pair, p, strnlen(p, 2));
		pair[strnlen(p, 2)] = 0;
		bytes[n] = (uint8_t)strtoul(pair, &stop, 16);
		if (stop != pair + 2)
			break;
		n++;
		p += 2;
		if (!*p)
			break;
	}
	if (marked && n && at < n && linear >= at)
		dump_add_memory(d, SPACE_LINEAR, linear - at, bytes, n);
}

static uint64_t linear_rip(const struct dump *d, const char *text)
{
	uint64_t rip = 0, base = 0, entry = 0, ar = 0;

	if (d->s.vendor == EXPLAIN_SVM) {
		explain_get_vmcb(&d->s, offsetof(struct vmcb, s.rip), &rip);
		explain_get_vmcb(&d->s, offsetof(struct vmcb, s.cs.base), &base);
	} else {
		explain_get(&d->s, F_GUEST_RIP, &rip);
		explain_get(&d->s, F_GUEST_CS_BASE, &base);
		explain_get(&d->s, F_ENTRY_CTLS, &entry);
		explain_get(&d->s, F_GUEST_CS_AR, &ar);
		if ((entry & BIT(9)) && (ar & AR_L))
			base = 0;
	}
	if (!rip && !find_value(text, "RIP", &rip))
		find_value(text, "EIP", &rip);
	return base + rip;
}

void dump_add_qemu(struct dump *d, const char *text)
{
	take_gprs(d, text);
	take_code(d, text, linear_rip(d, text));
}

/* -- Alone -------------------------------------------------------------------------------------------- */

/* "CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]" */
static void take_segment(struct dump *d, const char *text, const char *name, unsigned n)
{
	char wanted[8];
	const char *p = text, *q;
	uint64_t v[4];
	unsigned i;

	snprintf(wanted, sizeof(wanted), "%-3s=", name);
	while ((p = strstr(p, wanted))) {
		q = p + strlen(wanted);
		p = q;
		for (i = 0; i < 4; i++) {
			q += strspn(q, " ");
			if (!scan_hex(&q, &v[i]))
				break;
		}
		if (i < 4)
			continue;
		/* The descriptor's upper half: access rights in 23:20 and 15:8. */
		v[3] = (v[3] >> 8 & 0xff) | (v[3] >> 8 & 0xf000);
		if (!(v[3] & AR_P) && n != SEG_CS && n != SEG_TR)
			v[3] |= AR_UNUSABLE;
		dump_set(d, F_GUEST_ES_SELECTOR + 2 * n, v[0], name);
		dump_set(d, F_GUEST_ES_BASE + 2 * n, v[1], name);
		dump_set(d, F_GUEST_ES_LIMIT + 2 * n, v[2], name);
		dump_set(d, F_GUEST_ES_AR + 2 * n, v[3], name);
		return;
	}
}

static void take_table(struct dump *d, const char *text, const char *name, uint32_t base,
		       uint32_t limit)
{
	const char *p = strstr(text, name);
	uint64_t v;

	if (!p)
		return;
	p += strlen(name);
	p += strspn(p, " ");
	if (!scan_hex(&p, &v))
		return;
	dump_set(d, base, v, name);
	p += strspn(p, " ");
	if (scan_hex(&p, &v))
		dump_set(d, limit, v, name);
}

/* What KVM adds to the guest's own values, so that legal ones look legal. */
static void take_control_registers(struct dump *d, const char *text)
{
	uint64_t v, efer = 0;

	if (find_value(text, "EFER", &efer))
		dump_set(d, F_GUEST_EFER, efer, "EFER");
	if (find_value(text, "CR0", &v))
		dump_set(d, F_GUEST_CR0, (v & ~(CR0_CD | CR0_NW)) | CR0_NE, "CR0");
	if (find_value(text, "CR3", &v))
		dump_set(d, F_GUEST_CR3, v, "CR3");
	if (find_value(text, "CR4", &v))
		dump_set(d, F_GUEST_CR4, v | CR4_VMXE, "CR4");
	if (find_value(text, "DR7", &v))
		dump_set(d, F_GUEST_DR7, v, "DR7");
	dump_set(d, F_ENTRY_CTLS, 0x11fb | 1u << 15 | (efer & EFER_LMA ? 1u << 9 : 0), "EFER.LMA");
	dump_set(d, F_PROC_CTLS, 0x84006172, "controls");
	dump_set(d, F_PROC_CTLS2, 0x82, "controls");
	d->values -= 3;
}

static void take_reason(struct dump *d, const char *text)
{
	const char *p = strstr(text, "entry failed, hardware error ");
	uint64_t v;

	/* What QEMU's own log (-d cpu_reset, -d int) says before the registers. */
	if (!p && strstr(text, "Triple fault"))
		dump_set(d, F_EXIT_REASON, 2, "Triple fault");
	if (!p)
		return;
	p += strlen("entry failed, hardware error ");
	if (!scan_hex(&p, &v))
		return;
	if (v & 0x80000000)
		dump_set(d, F_EXIT_REASON, v, "hardware error");
	else if (v && v < 32)
		dump_set(d, F_INSN_ERROR, v, "hardware error");
}

bool dump_parse_qemu(struct dump *d, const char *text, unsigned nth)
{
	static const struct { const char *name; unsigned seg; } segs[] = {
		{ "ES", SEG_ES }, { "CS", SEG_CS }, { "SS", SEG_SS }, { "DS", SEG_DS },
		{ "FS", SEG_FS }, { "GS", SEG_GS }, { "LDT", SEG_LDTR }, { "TR", SEG_TR },
	};
	uint64_t v;
	unsigned i;

	(void)nth;
	d->s.guest_in_smm = find_value(text, "SMM", &v) && v == 1;
	d->format = "QEMU's register dump";
	d->s.vendor = EXPLAIN_VMX;
	d->s.guest_only = true;
	take_reason(d, text);
	for (i = 0; i < sizeof(segs) / sizeof(segs[0]); i++)
		take_segment(d, text, segs[i].name, segs[i].seg);
	take_table(d, text, "GDT=", F_GUEST_GDTR_BASE, F_GUEST_GDTR_LIMIT);
	take_table(d, text, "IDT=", F_GUEST_IDTR_BASE, F_GUEST_IDTR_LIMIT);
	take_control_registers(d, text);
	if (find_value(text, "RIP", &v) || find_value(text, "EIP", &v))
		dump_set(d, F_GUEST_RIP, v, "RIP");
	if (find_value(text, "RSP", &v) || find_value(text, "ESP", &v))
		dump_set(d, F_GUEST_RSP, v, "RSP");
	if (find_value(text, "RFL", &v) || find_value(text, "EFL", &v))
		dump_set(d, F_GUEST_RFLAGS, v, "RFLAGS");
	dump_add_qemu(d, text);
	dump_remark(d, "only what QEMU shows of the guest is there: controls and host state can't be "
		       "checked; \"unrestricted guest\" and EPT are taken as on");
	return true;
}
