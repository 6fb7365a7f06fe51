/* SPDX-License-Identifier: MIT */
/*
 * The listing of bhyve's `bhyvectl --get-all` (`vmmctl` in 2012): "name[vcpu] value",
 * segments as "base/limit/access rights".
 */
#include "dump.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct name {
	const char *name;
	uint16_t vmcs;		/* encoding, 0: none */
	uint16_t vmcb;		/* offset + 1, 0: none */
};

#define C(member) (offsetof(struct vmcb, c.member) + 1)
#define S(member) (offsetof(struct vmcb, s.member) + 1)

static const struct name names[] = {
	{ "efer", F_GUEST_EFER, S(efer) }, { "cr0", F_GUEST_CR0, S(cr0) },
	{ "cr3", F_GUEST_CR3, S(cr3) }, { "cr4", F_GUEST_CR4, S(cr4) },
	{ "dr7", F_GUEST_DR7, S(dr7) }, { "dr6", 0, S(dr6) },
	{ "rsp", F_GUEST_RSP, S(rsp) }, { "rip", F_GUEST_RIP, S(rip) },
	{ "rflags", F_GUEST_RFLAGS, S(rflags) },
	{ "cs", F_GUEST_CS_SELECTOR, S(cs.selector) }, { "ds", F_GUEST_DS_SELECTOR, S(ds.selector) },
	{ "es", F_GUEST_ES_SELECTOR, S(es.selector) }, { "fs", F_GUEST_FS_SELECTOR, S(fs.selector) },
	{ "gs", F_GUEST_GS_SELECTOR, S(gs.selector) }, { "ss", F_GUEST_SS_SELECTOR, S(ss.selector) },
	{ "tr", F_GUEST_TR_SELECTOR, S(tr.selector) },
	{ "ldtr", F_GUEST_LDTR_SELECTOR, S(ldtr.selector) },
	{ "pinbased_ctls", F_PIN_CTLS, 0 }, { "procbased_ctls", F_PROC_CTLS, 0 },
	{ "procbased_ctls2", F_PROC_CTLS2, 0 }, { "exit_ctls", F_EXIT_CTLS, 0 },
	{ "entry_ctls", F_ENTRY_CTLS, 0 }, { "gla", F_GUEST_LINEAR_ADDRESS, 0 },
	{ "gpa", F_GUEST_PHYSICAL_ADDRESS, 0 },
	{ "entry_interruption_info", F_ENTRY_INTR_INFO, 0 }, { "eptp", F_EPT_POINTER, 0 },
	{ "exception_bitmap", F_EXCEPTION_BITMAP, C(exceptions) },
	{ "io_bitmap_a", F_IO_BITMAP_A, 0 }, { "io_bitmap_b", F_IO_BITMAP_B, 0 },
	{ "tsc_offset", F_TSC_OFFSET, C(tsc_offset) }, { "cr0_mask", F_CR0_MASK, 0 },
	{ "cr0_shadow", F_CR0_SHADOW, 0 }, { "cr4_mask", F_CR4_MASK, 0 },
	{ "cr4_shadow", F_CR4_SHADOW, 0 }, { "cr3_target_count", F_CR3_TARGET_COUNT, 0 },
	{ "cr3_target0", F_CR3_TARGET0, 0 }, { "cr3_target1", F_CR3_TARGET1, 0 },
	{ "cr3_target2", F_CR3_TARGET2, 0 }, { "cr3_target3", F_CR3_TARGET3, 0 },
	{ "apic_access_addr", F_APIC_ACCESS_ADDR, 0 },
	{ "virtual_apic_addr", F_VIRTUAL_APIC_ADDR, 0 },
	{ "tpr_threshold", F_TPR_THRESHOLD, 0 }, { "msr_bitmap", F_MSR_BITMAP, C(msrpm) },
	{ "vpid", F_VPID, 0 }, { "ple_window", F_PLE_WINDOW, 0 }, { "ple_gap", F_PLE_GAP, 0 },
	{ "instruction_error", F_INSN_ERROR, 0 }, { "host_pat", F_HOST_PAT, 0 },
	{ "guest_pat", F_GUEST_PAT, S(g_pat) }, { "host_cr0", F_HOST_CR0, 0 },
	{ "host_cr3", F_HOST_CR3, 0 }, { "host_cr4", F_HOST_CR4, 0 },
	{ "host_rip", F_HOST_RIP, 0 }, { "host_rsp", F_HOST_RSP, 0 },
	{ "guest_sysenter_cs", F_GUEST_SYSENTER_CS, S(sysenter_cs) },
	{ "guest_sysenter_sp", F_GUEST_SYSENTER_ESP, S(sysenter_esp) },
	{ "guest_sysenter_ip", F_GUEST_SYSENTER_EIP, S(sysenter_eip) },
	{ "vmcs_pointer", F_LINK_POINTER, 0 }, { "vmcs_link", F_LINK_POINTER, 0 },
	{ "vmcs_exit_reason", F_EXIT_REASON, 0 }, { "exit_reason", F_EXIT_REASON, C(exit_code) },
	{ "vmcs_exit_qualification", F_EXIT_QUALIFICATION, 0 },
	{ "vmcs_exit_interruption_info", F_EXIT_INTR_INFO, 0 },
	{ "vmcs_exit_interruption_error", F_EXIT_ERROR_CODE, 0 },
	{ "vmcs_guest_interruptibility", F_GUEST_INTERRUPTIBILITY, 0 },
	{ "vmcs_exit_inst_length", F_EXIT_INSN_LEN, 0 },
	{ "exc_intercept", 0, C(exceptions) }, { "inst1_intercept", 0, C(misc1) },
	{ "inst2_intercept", 0, C(misc2) }, { "exitinfo1", 0, C(exit_info1) },
	{ "exitinfo2", 0, C(exit_info2) }, { "exitintinfo", 0, C(exit_int_info) },
	{ "v_irq/tpr", 0, C(int_ctl) }, { "AVIC apic_bar", 0, C(avic_apic_bar) },
	{ "AVIC backing page", 0, C(avic_backing) }, { "AVIC logical table", 0, C(avic_logical) },
	{ "AVIC physical table", 0, C(avic_physical) }, { "rvi/npt", 0, C(nested_cr3) },
	{ "io_bitmap", 0, C(iopm) }, { "asid", 0, C(asid) },
};

static const char *const gpr_names[GPR_COUNT] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

/* Of no field: counters, settings, memory. */
static const char *const ignored[] = {
	"pincpu", "x2apic_state", "msr", "dr0", "dr1", "dr2", "dr3", "rtc nvram", "TLB ctrl", "vm exit",
	"cr_intercept", "dr_intercept",
};

#define SEEN_MAX	64
#define NAMES_MAX	1024

/* A file may hold several listings, before and after: a name that comes again begins one. */
struct part {
	unsigned listing, vcpu;
};

struct listing {
	struct dump *d;
	struct part wanted, seen[SEEN_MAX];
	unsigned n_seen;
	unsigned now;			/* which listing the line belongs to */
	uint32_t name[NAMES_MAX];	/* hashes of the names that it has had */
	unsigned n_names;
	bool svm;
};

static bool is(const char *s, size_t n, const char *what)
{
	return strlen(what) == n && !memcmp(s, what, n);
}

/* VMX's format of access rights, whatever the vendor; VMCBs hold the compressed one. */
static void set_segment(struct listing *l, unsigned seg, const uint64_t v[3], const char *as)
{
	static const uint16_t offsets[SEG_COUNT] = {
		S(es), S(cs), S(ss), S(ds), S(fs), S(gs), S(ldtr), S(tr),
	};
	uint32_t at = offsets[seg] - 1u;

	if (!l->svm) {
		dump_set(l->d, F_GUEST_ES_BASE + 2 * seg, v[0], as);
		dump_set(l->d, F_GUEST_ES_LIMIT + 2 * seg, v[1], as);
		dump_set(l->d, F_GUEST_ES_AR + 2 * seg, v[2], as);
		return;
	}
	dump_set_vmcb(l->d, at + offsetof(struct vmcb_seg, base), v[0], as);
	dump_set_vmcb(l->d, at + offsetof(struct vmcb_seg, limit), v[1], as);
	dump_set_vmcb(l->d, at + offsetof(struct vmcb_seg, attrib),
		      (v[2] & 0xff) | (v[2] >> 4 & 0xf00), as);
}

static void set_table(struct listing *l, bool idt, const uint64_t v[3], const char *as)
{
	if (!l->svm) {
		dump_set(l->d, idt ? F_GUEST_IDTR_BASE : F_GUEST_GDTR_BASE, v[0], as);
		dump_set(l->d, idt ? F_GUEST_IDTR_LIMIT : F_GUEST_GDTR_LIMIT, v[1], as);
		return;
	}
	dump_set_vmcb(l->d, idt ? S(idtr.base) - 1 : S(gdtr.base) - 1, v[0], as);
	dump_set_vmcb(l->d, idt ? S(idtr.limit) - 1 : S(gdtr.limit) - 1, v[1], as);
}

/* "0x..../0x..../0x....": how many numbers. */
static unsigned numbers(const char *p, uint64_t v[3])
{
	unsigned n;

	for (n = 0; n < 3; n++) {
		if (!scan_hex(&p, &v[n]))
			return n;
		if (*p != '/')
			return n + 1;
		p++;
	}
	return n;
}

static bool take_desc(struct listing *l, const char *name, size_t n, const uint64_t v[3],
		      unsigned count)
{
	static const char *const segs[SEG_COUNT] = {
		"es desc", "cs desc", "ss desc", "ds desc", "fs desc", "gs desc", "ldtr desc",
		"tr desc",
	};
	unsigned i;

	for (i = 0; i < SEG_COUNT; i++) {
		if (!is(name, n, segs[i]))
			continue;
		if (count == 3)
			set_segment(l, i, v, segs[i]);
		else
			dump_remark(l->d, "%s is cut short", segs[i]);
		return true;
	}
	if (!is(name, n, "gdtr") && !is(name, n, "idtr"))
		return false;
	if (count == 2)
		set_table(l, name[0] == 'i', v, name[0] == 'i' ? "idtr" : "gdtr");
	else
		dump_remark(l->d, "%.*s is cut short", (int)n, name);
	return true;
}

/* 2012's vmmctl prints the host's RSP under the name of its RIP. */
static bool second_host_rip(struct listing *l, const char *name, size_t n, uint64_t v)
{
	uint64_t rip, rsp;

	if (l->svm || !is(name, n, "host_rip") || !explain_get(&l->d->s, F_HOST_RIP, &rip) ||
	    rip == v || explain_get(&l->d->s, F_HOST_RSP, &rsp))
		return false;
	dump_set(l->d, F_HOST_RSP, v, "host_rsp");
	dump_remark(l->d, "host_rip stands there twice, with %#llx and %#llx: the second is taken for "
		    "the host's RSP (old listings name it so)", (unsigned long long)rip,
		    (unsigned long long)v);
	return true;
}

static bool take_name(struct listing *l, const char *name, size_t n, uint64_t v)
{
	unsigned i;

	if (second_host_rip(l, name, n, v))
		return true;
	for (i = 0; i < GPR_COUNT; i++)
		if (is(name, n, gpr_names[i]))
			dump_set_gpr(l->d, i, v);
	if (is(name, n, "cr2")) {
		l->d->s.cr2 = v;
		l->d->s.cr2_known = true;
		return true;
	}
	if (l->svm && is(name, n, "rax"))
		dump_set_vmcb(l->d, S(rax) - 1, v, "rax");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is(name, n, names[i].name))
			continue;
		if (l->svm && names[i].vmcb)
			dump_set_vmcb(l->d, names[i].vmcb - 1u, v, names[i].name);
		else if (!l->svm && names[i].vmcs)
			dump_set(l->d, names[i].vmcs, v, names[i].name);
		return true;
	}
	for (i = 0; i < GPR_COUNT; i++)
		if (is(name, n, gpr_names[i]))
			return true;
	return false;
}

static bool is_field(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(name, n, names[i].name))
			return true;
	for (i = 0; i < GPR_COUNT; i++)
		if (is(name, n, gpr_names[i]))
			return true;
	return is(name, n, "cr2");
}

static bool is_ignored(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (n >= strlen(ignored[i]) && !memcmp(name, ignored[i], strlen(ignored[i])))
			return true;
	return false;
}

static uint32_t hash(const char *name, size_t n, unsigned vcpu)
{
	uint32_t h = 2166136261u ^ vcpu;

	while (n--)
		h = (h ^ (unsigned char)*name++) * 16777619u;
	return h;
}

/* Moves on to the next listing where this name has been there already. */
static void note_name(struct listing *l, const char *name, size_t n, unsigned vcpu)
{
	uint32_t h = hash(name, n, vcpu);
	unsigned i;

	/* host_rip stands there twice in old ones. */
	if (!is_field(name, n) || is(name, n, "host_rip"))
		return;
	for (i = 0; i < l->n_names && l->name[i] != h; i++)
		;
	/* Among the first few it is a contradiction, not a listing. */
	if (i < l->n_names) {
		if (l->n_names < 8)
			return;
		l->now++;
		l->n_names = 0;
	}
	if (l->n_names < NAMES_MAX)
		l->name[l->n_names++] = h;
	if (!is(name, n, "rip") || l->n_seen == SEEN_MAX)
		return;
	l->seen[l->n_seen++] = (struct part){ l->now, vcpu };
}

/* "name[0]   value"; false: it isn't of that form. */
static bool split(const char *line, size_t length, size_t *name, unsigned *vcpu,
		  const char **value)
{
	const char *open = memchr(line, '[', length), *p;
	uint64_t n = 0;

	if (!open || open == line)
		return false;
	for (p = open + 1; p < line + length && isdigit((unsigned char)*p) && n < 4096; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == open + 1 || p >= line + length || *p != ']')
		return false;
	*vcpu = (unsigned)n;
	*name = (size_t)(open - line);
	p++;
	if (*p == ':')
		p++;
	*value = p + strspn(p, " \t");
	return true;
}

static void take_line(struct listing *l, const char *line, size_t length)
{
	uint64_t v[3] = { 0 };
	unsigned vcpu, count;
	const char *value;
	size_t name;

	if (!split(line, length, &name, &vcpu, &value))
		return;
	note_name(l, line, name, vcpu);
	if (vcpu != l->wanted.vcpu || l->now != l->wanted.listing)
		return;
	if (!is_field(line, name) && is_ignored(line, name))
		return;
	count = value < line + length ? numbers(value, v) : 0;
	if (take_desc(l, line, name, v, count))
		return;
	if (!count) {
		if (is_field(line, name))
			dump_remark(l->d, "%.*s has no readable value", (int)name, line);
		return;
	}
	if (!take_name(l, line, name, v[0]))
		dump_unknown(l->d, line, name);
}

/* bhyve's own report of the exit, above the listing: the length counts as a hint. */
static void take_report(struct dump *d, const char *text)
{
	const char *p = strstr(text, "inst_length"), *stop = strstr(text, "rip[");
	uint64_t v = 0;

	if (!p || (stop && p > stop))
		return;
	for (p += strlen("inst_length"); *p == ' ' || *p == '\t'; p++)
		;
	for (; isdigit((unsigned char)*p) && v < 100; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (v && v <= 15 && d->s.vendor == EXPLAIN_VMX)
		dump_set(d, F_EXIT_INSN_LEN, v, "inst_length");
}

static const char *skip_blanks(const char *line, size_t *length)
{
	while (*length && (isspace((unsigned char)*line) || *line == '>')) {
		line++;
		--*length;
	}
	return line;
}

bool dump_parse_bhyve(struct dump *d, const char *text, unsigned nth)
{
	struct listing l = { .d = d };
	const char *p, *line, *value;
	size_t length, name;
	unsigned vcpu;

	d->format = "a bhyvectl --get-all listing";
	l.svm = strstr(text, "rvi/npt[") || strstr(text, "inst1_intercept[") || strstr(text, "asid[");
	d->s.vendor = l.svm ? EXPLAIN_SVM : EXPLAIN_VMX;
	for (p = text; scan_line(&p, &line, &length);) {
		line = skip_blanks(line, &length);
		if (split(line, length, &name, &vcpu, &value))
			note_name(&l, line, name, vcpu);
	}
	d->dumps = l.n_seen ? l.n_seen : 1;
	if (nth > d->dumps)
		return dump_refuse(d, "there is no dump %u in it, only %u", nth, d->dumps);
	if (l.n_seen)
		l.wanted = l.seen[nth - 1];
	l.n_seen = l.n_names = l.now = 0;
	for (p = text; scan_line(&p, &line, &length);) {
		line = skip_blanks(line, &length);
		take_line(&l, line, length);
	}
	take_report(d, text);
	if (!strstr(text, "exit_reason["))
		dump_remark(d, "the listing ends before its exit reason: it is not complete");
	return true;
}
