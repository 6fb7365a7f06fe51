/* SPDX-License-Identifier: MIT */
#include "dump.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dump_refuse(struct dump *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(d->refusal, sizeof(d->refusal), fmt, args);
	va_end(args);
	return false;
}

void dump_remark(struct dump *d, const char *fmt, ...)
{
	va_list args;

	if (d->n_remarks == DUMP_REMARKS_MAX) {
		d->lost_remarks++;
		return;
	}
	va_start(args, fmt);
	vsnprintf(d->remark[d->n_remarks++], sizeof(d->remark[0]), fmt, args);
	va_end(args);
}

void dump_unknown(struct dump *d, const char *name, size_t length)
{
	char copy[sizeof(d->unknown_name[0])];
	unsigned i;

	if (length >= sizeof(copy))
		length = sizeof(copy) - 1;
	for (i = 0; i < length; i++)
		copy[i] = isprint((unsigned char)name[i]) ? name[i] : '?';
	copy[length] = 0;
	for (i = 0; i < d->unknown && i < DUMP_NAMES_MAX; i++)
		if (!strcmp(copy, d->unknown_name[i]))
			return;
	if (d->unknown < DUMP_NAMES_MAX)
		memcpy(d->unknown_name[d->unknown], copy, length + 1);
	d->unknown++;
}

void dump_set(struct dump *d, uint32_t encoding, uint64_t value, const char *as)
{
	uint64_t before;

	if (value > explain_field_limit(encoding)) {
		dump_remark(d, "%s: %#llx doesn't fit a field of its size; left out", as,
			    (unsigned long long)value);
		return;
	}
	if (explain_get(&d->s, encoding, &before)) {
		if (before != value)
			dump_remark(d, "%s is given as %#llx and as %#llx; the first counts", as,
				    (unsigned long long)before, (unsigned long long)value);
		return;
	}
	if (explain_set(&d->s, encoding, value))
		d->values++;
}

void dump_set_vmcb(struct dump *d, uint32_t offset, uint64_t value, const char *as)
{
	uint64_t before;

	if (explain_get_vmcb(&d->s, offset, &before)) {
		if (before != value)
			dump_remark(d, "%s is given as %#llx and as %#llx; the first counts", as,
				    (unsigned long long)before, (unsigned long long)value);
		return;
	}
	if (explain_set_vmcb(&d->s, offset, value))
		d->values++;
	else
		dump_remark(d, "%s: %#llx doesn't fit a field of its size; left out", as,
			    (unsigned long long)value);
}

void dump_set_gpr(struct dump *d, unsigned reg, uint64_t value)
{
	if (d->s.gpr_known & (1u << reg))
		return;
	d->s.gpr[reg] = value;
	d->s.gpr_known |= 1u << reg;
}

bool dump_add_memory(struct dump *d, enum explain_space space, uint64_t address,
		     const uint8_t *bytes, size_t size)
{
	struct explain_memory *m;

	if (!size)
		return true;
	if (d->s.n_memory == EXPLAIN_MEMORY_MAX || size > DUMP_POOL_MAX - d->pool_used)
		return false;
	if (!d->pool)
		d->pool = malloc(DUMP_POOL_MAX);	/* never moves: the state points into it */
	if (!d->pool)
		return false;
	m = &d->s.memory[d->s.n_memory++];
	*m = (struct explain_memory){ space, address, (uint32_t)size, d->pool + d->pool_used };
	memcpy(d->pool + d->pool_used, bytes, size);
	d->pool_used += size;
	return true;
}

void dump_free(struct dump *d)
{
	free(d->pool);
	d->pool = NULL;
}

/* -- Scanning ------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool scan_hex(const char **at, uint64_t *value)
{
	const char *p = *at;
	uint64_t v = 0;
	unsigned digits = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && hex_digit(p[2]) >= 0)
		p += 2;
	for (; hex_digit(*p) >= 0; p++, digits++) {
		if (v >> 60)
			return false;
		v = v << 4 | (uint64_t)hex_digit(*p);
	}
	if (!digits)
		return false;
	*at = p;
	*value = v;
	return true;
}

bool scan_line(const char **at, const char **line, size_t *length)
{
	if (!**at)
		return false;
	*line = *at;
	*length = strcspn(*at, "\n");
	*at += *length;
	if (**at)
		++*at;
	return true;
}

const char *scan_find(const char *line, size_t length, const char *what)
{
	return memmem(line, length, what, strlen(what));
}

/* -- Which format ------------------------------------------------------------------------------------ */

/* Other people's dumps that look like one of ours, and what to say of them. */
static const struct { const char *mark; const char *whose; } strangers[] = {
	{ "(XEN) ", "Xen's VMCS or VMCB dump (xl dmesg)" },
	{ "kvm: nested", "KVM's messages on nested virtualisation" },
	{ "VBoxManage", "VirtualBox's" },
	{ "!!Assertion Failed!!", "VirtualBox's log" },
	{ "VMware ESX", "VMware's log" },
	{ "hv_vcpu", "a Hypervisor.framework program's" },
	{ "KDB: ", "a FreeBSD kernel's debugger" },
	{ "BUG: unable to handle", "a Linux kernel's oops" },
	{ "Kernel panic", "a Linux kernel's panic" },
};

static bool refuse_unknown(struct dump *d, const char *text)
{
	unsigned i;

	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		if (strstr(text, strangers[i].mark))
			return dump_refuse(d, "this is %s, which is not read; give KVM's VMCS or VMCB "
					   "dump from the kernel log, a bhyvectl --get-all listing, "
					   "QEMU's register dump, or JSON (docs/explain.md)",
					   strangers[i].whose);
	return dump_refuse(d, "no known dump in it: wanted is KVM's VMCS or VMCB dump from the kernel "
			   "log, a bhyvectl --get-all listing, QEMU's register dump, or JSON "
			   "(docs/explain.md)");
}

static bool looks_like_bhyve(const char *text)
{
	return strstr(text, "rip[") && (strstr(text, "desc[") || strstr(text, "_ctls[") ||
					strstr(text, "exit_reason["));
}

static bool looks_like_qemu(const char *text)
{
	return (strstr(text, "RIP=") || strstr(text, "EIP=")) && strstr(text, "CR0=") &&
	       strstr(text, "GDT=");
}

static bool by_content(struct dump *d, const char *text, size_t size, unsigned nth)
{
	const char *start = text + strspn(text, " \t\r\n");

	if (!*start)
		return dump_refuse(d, "the file is empty");
	if (*start == '{')
		return dump_parse_json(d, text, size);
	/* Xen words its sections as KVM does, but not its lines. */
	if (strstr(text, "(XEN) "))
		return refuse_unknown(d, text);
	if (strstr(text, "*** Guest State ***"))
		return dump_parse_kvm(d, text, nth);
	if (strstr(text, "VMCB Control Area") || strstr(text, "VMCB State Save Area"))
		return dump_parse_vmcb(d, text, nth);
	if (looks_like_bhyve(text))
		return dump_parse_bhyve(d, text, nth);
	if (looks_like_qemu(text))
		return dump_parse_qemu(d, text, nth);
	if (strstr(text, "set kvm_intel.dump_invalid_vmcs=1") ||
	    strstr(text, "set kvm_amd.dump_invalid_vmcb=1"))
		return dump_refuse(d, "KVM didn't write its dump: echo 1 > /sys/module/kvm_%s, then "
				   "run the guest again",
				   strstr(text, "kvm_amd.") ? "amd/parameters/dump_invalid_vmcb" :
							      "intel/parameters/dump_invalid_vmcs");
	return refuse_unknown(d, text);
}

/* Text files have no control characters; a few (colours, a torn page) are let pass. */
static bool is_text(const char *text, size_t size)
{
	size_t i, odd = 0;

	for (i = 0; i < size; i++)
		odd += (unsigned char)text[i] < 32 && !isspace((unsigned char)text[i]);
	return odd <= 16 + size / 50;
}

/* An entry that failed, or a shutdown: what someone who asks is after. */
static bool is_failure(const struct explain_state *s)
{
	uint64_t v;

	if (s->vendor == EXPLAIN_SVM)
		return explain_get_vmcb(s, offsetof(struct vmcb, c.exit_code), &v) &&
		       ((uint32_t)v == EXIT_INVALID || v == EXIT_SHUTDOWN);
	return (explain_get(s, F_EXIT_REASON, &v) && (v >> 31 || v == 2)) ||
	       (explain_get(s, F_INSN_ERROR, &v) && v);
}

static void start_over(struct dump *d)
{
	dump_free(d);
	memset(d, 0, sizeof(*d));
	d->dumps = 1;
}

/* The first dump with a failure, else the first. */
static bool pick(struct dump *d, const char *text, size_t size)
{
	unsigned i, n;

	if (!by_content(d, text, size, 1))
		return false;
	d->nth = 1;
	if (is_failure(&d->s) || d->dumps <= 1)
		return true;
	n = d->dumps < DUMPS_LOOKED_AT ? d->dumps : DUMPS_LOOKED_AT;
	for (i = 1; i < n && !is_failure(&d->s);) {
		start_over(d);
		if (!by_content(d, text, size, ++i))
			break;
	}
	if (!is_failure(&d->s)) {
		i = 1;
		start_over(d);
		by_content(d, text, size, 1);
	}
	d->nth = i;
	return true;
}

bool dump_parse(struct dump *d, const char *text, size_t size, unsigned nth)
{
	char *copy;
	size_t i;
	bool ok;

	memset(d, 0, sizeof(*d));
	start_over(d);
	if (size > DUMP_SIZE_MAX)
		return dump_refuse(d, "larger than %u MiB: cut out the part with the dump",
				   DUMP_SIZE_MAX >> 20);
	if (!is_text(text, size))
		return dump_refuse(d, "not a text file");
	copy = malloc(size + 1);
	if (!copy)
		return dump_refuse(d, "out of memory");
	memcpy(copy, text, size);
	copy[size] = 0;
	for (i = 0; i < size; i++)
		if (!copy[i] || copy[i] == '\r')
			copy[i] = ' ';
	ok = nth ? by_content(d, copy, size, nth) : pick(d, copy, size);
	free(copy);
	if (nth)
		d->nth = nth;
	if (ok && nth > d->dumps)
		return dump_refuse(d, "there is no dump %u in it, only %u", nth, d->dumps);
	if (ok && !d->values)
		return dump_refuse(d, "it looks like %s, but not one value could be read", d->format);
	return ok;
}
