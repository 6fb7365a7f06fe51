/* SPDX-License-Identifier: MIT */
/* KVM's VMCB dump as it stands in a kernel log: "name: value", sometimes two on a line. */
#include "dump.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define C(member) (uint16_t)offsetof(struct vmcb, c.member)
#define S(member) (uint16_t)offsetof(struct vmcb, s.member)

/* second: of a further number behind it, or the upper half in an error code's own line. */
struct key {
	const char *word;
	uint16_t offset;
	bool decimal;
};

static const struct key keys[] = {
	{ "cr_read:", C(cr_read), false }, { "cr_write:", C(cr_write), false },
	{ "dr_read:", C(dr_read), false }, { "dr_write:", C(dr_write), false },
	{ "exceptions:", C(exceptions), false },
	{ "iopm_base_pa:", C(iopm), false }, { "msrpm_base_pa:", C(msrpm), false },
	{ "tsc_offset:", C(tsc_offset), false }, { "asid:", C(asid), true },
	{ "tlb_ctl:", C(tlb_control), true },
	{ "int_state:", C(int_state), false },
	{ "exit_code:", C(exit_code), false }, { "exit_info1:", C(exit_info1), false },
	{ "exit_info2:", C(exit_info2), false }, { "nested_ctl:", C(nested_ctl), true },
	{ "nested_cr3:", C(nested_cr3), false }, { "avic_vapic_bar:", C(avic_apic_bar), false },
	{ "virt_ext:", C(virt_ext), true }, { "next_rip:", C(next_rip), false },
	{ "avic_backing_page:", C(avic_backing), false },
	{ "avic_logical_id:", C(avic_logical), false },
	{ "avic_physical_id:", C(avic_physical), false }, { "ghcb:", C(ghcb), false },
	{ "cpl:", S(cpl), true }, { "efer:", S(efer), false },
	{ "cr0:", S(cr0), false }, { "cr2:", S(cr2), false }, { "cr3:", S(cr3), false },
	{ "cr4:", S(cr4), false }, { "dr6:", S(dr6), false }, { "dr7:", S(dr7), false },
	{ "rip:", S(rip), false }, { "rflags:", S(rflags), false }, { "rsp:", S(rsp), false },
	{ "rax:", S(rax), false }, { "star:", S(star), false }, { "lstar:", S(lstar), false },
	{ "cstar:", S(cstar), false }, { "sfmask:", S(sfmask), false },
	{ "kernel_gs_base:", S(kernel_gs_base), false },
	{ "sysenter_cs:", S(sysenter_cs), false }, { "sysenter_esp:", S(sysenter_esp), false },
	{ "sysenter_eip:", S(sysenter_eip), false }, { "gpat:", S(g_pat), false },
	{ "dbgctl:", S(debugctl), false }, { "br_from:", S(br_from), false },
	{ "br_to:", S(br_to), false }, { "excp_from:", S(last_excp_from), false },
	{ "excp_to:", S(last_excp_to), false }, { "s_cet:", S(s_cet), false },
	{ "ssp:", S(ssp), false }, { "isst_addr:", S(isst_addr), false },
};

static const struct { const char *word; uint16_t offset; } segs[] = {
	{ "es:", S(es) }, { "cs:", S(cs) }, { "ss:", S(ss) }, { "ds:", S(ds) }, { "fs:", S(fs) },
	{ "gs:", S(gs) }, { "gdtr:", S(gdtr) }, { "ldtr:", S(ldtr) }, { "idtr:", S(idtr) },
	{ "tr:", S(tr) },
};

/* General registers of an encrypted guest's dump; RAX and RSP are fields. */
static const struct { const char *word; uint8_t reg; } gprs[] = {
	{ "rbx:", GPR_RBX }, { "rcx:", GPR_RCX }, { "rdx:", GPR_RDX }, { "rsi:", GPR_RSI },
	{ "rdi:", GPR_RDI }, { "rbp:", GPR_RBP }, { "r8:", GPR_R8 }, { "r9:", GPR_R9 },
	{ "r10:", GPR_R10 }, { "r11:", GPR_R11 }, { "r12:", GPR_R12 }, { "r13:", GPR_R13 },
	{ "r14:", GPR_R14 }, { "r15:", GPR_R15 },
};

/* Of no field that is looked at. */
static const char *const ignored[] = {
	"vmsa_pa:", "vmpl:", "xcr0:", "xss:", "u_cet:", "pkru:", "tsc_aux:",
	"allowed_sev_features:", "guest_sev_features:", "kernel:", "bus_lock_rip:",
};

struct words {
	const char *at, *end;
};

/* The next word: blanks separate, and so does a colon that a number follows at once. */
static bool next_word(struct words *w, const char **word, size_t *length)
{
	const char *colon;
	size_t n;

	w->at += strspn(w->at, " \t\n>");
	if (w->at >= w->end)
		return false;
	n = strcspn(w->at, " \t\n>");
	colon = memchr(w->at, ':', n);
	if (colon && (size_t)(colon - w->at) + 1 < n)
		n = (size_t)(colon - w->at) + 1;
	*word = w->at;
	*length = n;
	w->at += n;
	return true;
}

static bool is(const char *word, size_t length, const char *what)
{
	return strlen(what) == length && !memcmp(word, what, length);
}

/* A number as the next word; leaves *w alone if it is none. */
static bool next_number(struct words *w, bool decimal, uint64_t *v)
{
	struct words before = *w;
	const char *word, *end;
	char *stop;
	size_t length;

	if (!next_word(w, &word, &length))
		return false;
	end = word;
	if (decimal) {
		*v = strtoull(word, &stop, 10);
		if (stop == word + length && word[0] != '-')
			return true;
	} else if (scan_hex(&end, v) && end == word + length) {
		return true;
	}
	*w = before;
	return false;
}

/* "s: 0010 a: 029b l: ffffffff b: 0000000000000000" */
static void take_segment(struct dump *d, struct words *w, uint16_t offset, const char *name)
{
	static const struct { const char *word; uint8_t part; } parts[] = {
		{ "s:", offsetof(struct vmcb_seg, selector) },
		{ "a:", offsetof(struct vmcb_seg, attrib) },
		{ "l:", offsetof(struct vmcb_seg, limit) },
		{ "b:", offsetof(struct vmcb_seg, base) },
	};
	const char *word;
	size_t length;
	uint64_t v;
	unsigned i;

	for (i = 0; i < 4; i++) {
		struct words before = *w;

		if (!next_word(w, &word, &length) || !is(word, length, parts[i].word) ||
		    !next_number(w, false, &v)) {
			*w = before;
			if (i)
				dump_remark(d, "%s is cut short", name);
			return;
		}
		dump_set_vmcb(d, offset + parts[i].part, v, name);
	}
}

/* One 64-bit word in older kernels, 32-bit ones in newer. */
static void take_intercepts(struct dump *d, struct words *w)
{
	static const uint16_t offsets[] = { C(misc1), C(misc2), C(misc3) };
	const char *start;
	uint64_t v;
	unsigned i;

	for (i = 0; i < 3; i++) {
		w->at += strspn(w->at, " \t");
		start = w->at;
		if (*start == '\n' || !next_number(w, false, &v))
			return;
		if (w->at - start > 8) {
			dump_set_vmcb(d, C(misc1), (uint32_t)v, "intercepts");
			dump_set_vmcb(d, C(misc2), v >> 32, "intercepts");
			return;
		}
		dump_set_vmcb(d, offsets[i], v, "intercepts");
	}
}

/* Fields that KVM prints as two halves. */
struct halves {
	uint64_t low[3], high[3];
	bool has_low[3], has_high[3];
};

static const struct { const char *low, *high; uint16_t offset; } split[] = {
	{ "int_ctl:", "int_vector:", C(int_ctl) },
	{ "exit_int_info:", "exit_int_info_err:", C(exit_int_info) },
	{ "event_inj:", "event_inj_err:", C(event_inject) },
};

static bool take_half(struct words *w, const char *word, size_t length, struct halves *h)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (is(word, length, split[i].low))
			h->has_low[i] |= next_number(w, false, &h->low[i]);
		else if (is(word, length, split[i].high))
			h->has_high[i] |= next_number(w, false, &h->high[i]);
		else
			continue;
		return true;
	}
	return false;
}

static bool take_field(struct dump *d, struct words *w, const char *word, size_t length)
{
	uint64_t v;
	unsigned i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!is(word, length, keys[i].word))
			continue;
		if (!next_number(w, keys[i].decimal, &v))
			dump_remark(d, "%s has no readable value", keys[i].word);
		else
			dump_set_vmcb(d, keys[i].offset, v, keys[i].word);
		return true;
	}
	for (i = 0; i < sizeof(segs) / sizeof(segs[0]); i++) {
		if (!is(word, length, segs[i].word))
			continue;
		take_segment(d, w, segs[i].offset, segs[i].word);
		return true;
	}
	for (i = 0; i < sizeof(gprs) / sizeof(gprs[0]); i++) {
		if (!is(word, length, gprs[i].word) || !next_number(w, false, &v))
			continue;
		dump_set_gpr(d, gprs[i].reg, v);
		return true;
	}
	return false;
}

static bool take_filter(struct dump *d, struct words *w, const char *word, size_t length)
{
	bool count = is(word, length, "count:");
	uint64_t v;

	if (!count && !is(word, length, "threshold:"))
		return false;
	if (next_number(w, true, &v))
		dump_set_vmcb(d, count ? C(pause_count) : C(pause_threshold), v, "pause filter");
	return true;
}

static void scan(struct dump *d, const char *from, const char *end)
{
	struct words w = { from, end };
	struct halves h = { 0 };
	const char *word;
	size_t length;
	uint64_t v;
	unsigned i;

	while (next_word(&w, &word, &length)) {
		if (word[length - 1] != ':')
			continue;
		if (is(word, length, "intercepts:")) {
			take_intercepts(d, &w);
			continue;
		}
		if (take_half(&w, word, length, &h) || take_filter(d, &w, word, length) ||
		    take_field(d, &w, word, length))
			continue;
		for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
			if (is(word, length, ignored[i]))
				break;
		if (i == sizeof(ignored) / sizeof(ignored[0]) && isalpha((unsigned char)*word) &&
		    next_number(&w, false, &v))
			dump_unknown(d, word, length - 1);
	}
	for (i = 0; i < 3; i++)
		if (h.has_low[i])
			dump_set_vmcb(d, split[i].offset,
				      (uint32_t)h.low[i] | (h.has_high[i] ? h.high[i] << 32 : 0),
				      split[i].low);
}

static void note_encrypted(struct dump *d)
{
	uint64_t ctl;
	unsigned i;

	if (!explain_get_vmcb(&d->s, C(nested_ctl), &ctl) || !(ctl & 4))
		return;
	dump_remark(d, "an SEV-ES or SEV-SNP guest (nested_ctl bit 2): its save area is encrypted, the "
		       "one in the dump isn't what the CPU loads; only the control area is checked");
	for (i = 0; i < vmcb_field_count; i++)
		if (vmcb_fields[i].offset >= offsetof(struct vmcb, s))
			d->s.vmcb_known[i] = false;
}

bool dump_parse_vmcb(struct dump *d, const char *text, unsigned nth)
{
	const char *mark = strstr(text, "VMCB Control Area") ? "VMCB Control Area" :
							       "VMCB State Save Area";
	const char *p = text, *from = NULL, *end = NULL;

	d->format = "KVM's VMCB dump";
	d->s.vendor = EXPLAIN_SVM;
	d->dumps = 0;
	while ((p = strstr(p, mark))) {
		d->dumps++;
		if (d->dumps == nth)
			from = p;
		else if (from && !end)
			end = p;
		p += strlen(mark);
	}
	if (!from)
		return dump_refuse(d, "there is no dump %u in it, only %u", nth, d->dumps);
	if (!end)
		end = from + strlen(from);
	p = memmem(from, (size_t)(end - from), "EAX=", 4);
	if (!p)
		p = memmem(from, (size_t)(end - from), "RAX=", 4);
	if (p)
		end = p;
	scan(d, from, end);
	if (p)
		dump_add_qemu(d, p);
	if (!memmem(from, (size_t)(end - from), "VMCB State Save Area", 20))
		dump_remark(d, "the dump ends before its state save area: it is not complete");
	note_encrypted(d);
	return true;
}
