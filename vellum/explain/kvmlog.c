/* SPDX-License-Identifier: MIT */
/*
 * KVM's VMCS dump as it stands in a kernel log, of any 4.x to 6.x kernel. Prefixes
 * (timestamps, host names, quote marks of a mail) and broken lines don't matter: what
 * counts are "words = value" in the order in which they come.
 */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

enum section { GUEST = 1, HOST = 2, CONTROL = 4, MSRS = 8 };

/* A key is matched against the end of the words before "=". second: after ':' or '|'. */
struct key {
	const char *words;
	unsigned sections;
	const char *label;		/* NULL: whatever label came before */
	uint16_t field, second;
};

static const struct key keys[] = {
	{ "actual", GUEST, "CR0:", F_GUEST_CR0, 0 },
	{ "shadow", GUEST, "CR0:", F_CR0_SHADOW, 0 },
	{ "gh_mask", GUEST, "CR0:", F_CR0_MASK, 0 },
	{ "actual", GUEST, "CR4:", F_GUEST_CR4, 0 },
	{ "shadow", GUEST, "CR4:", F_CR4_SHADOW, 0 },
	{ "gh_mask", GUEST, "CR4:", F_CR4_MASK, 0 },
	{ "CR3", GUEST, NULL, F_GUEST_CR3, 0 },
	{ "PDPTR0", GUEST, NULL, F_GUEST_PDPTE0, 0 }, { "PDPTR1", GUEST, NULL, F_GUEST_PDPTE1, 0 },
	{ "PDPTR2", GUEST, NULL, F_GUEST_PDPTE2, 0 }, { "PDPTR3", GUEST, NULL, F_GUEST_PDPTE3, 0 },
	{ "Sysenter RSP", GUEST, NULL, F_GUEST_SYSENTER_ESP, 0 },
	{ "CS:RIP", GUEST, NULL, F_GUEST_SYSENTER_CS, F_GUEST_SYSENTER_EIP },
	{ "RSP", GUEST, NULL, F_GUEST_RSP, 0 }, { "RIP", GUEST, NULL, F_GUEST_RIP, 0 },
	{ "RFLAGS", GUEST, NULL, F_GUEST_RFLAGS, 0 }, { "DR7", GUEST, NULL, F_GUEST_DR7, 0 },
	{ "EFER", GUEST, NULL, F_GUEST_EFER, 0 }, { "PAT", GUEST, NULL, F_GUEST_PAT, 0 },
	{ "DebugCtl", GUEST, NULL, F_GUEST_DEBUGCTL, 0 },
	{ "DebugExceptions", GUEST, NULL, F_GUEST_PENDING_DEBUG, 0 },
	{ "PerfGlobCtl", GUEST, NULL, F_GUEST_PERF_GLOBAL_CTRL, 0 },
	{ "BndCfgS", GUEST, NULL, F_GUEST_BNDCFGS, 0 },
	{ "Interruptibility", GUEST, NULL, F_GUEST_INTERRUPTIBILITY, 0 },
	{ "ActivityState", GUEST, NULL, F_GUEST_ACTIVITY, 0 },
	{ "InterruptStatus", GUEST, NULL, F_GUEST_INTERRUPT_STATUS, 0 },
	{ "S_CET", GUEST, NULL, F_GUEST_S_CET, 0 }, { "SSP", GUEST, NULL, F_GUEST_SSP, 0 },
	{ "SSP TABLE", GUEST, NULL, F_GUEST_INTR_SSP_TABLE, 0 },

	{ "Sysenter RSP", HOST, NULL, F_HOST_SYSENTER_ESP, 0 },
	{ "CS:RIP", HOST, NULL, F_HOST_SYSENTER_CS, F_HOST_SYSENTER_EIP },
	{ "RIP", HOST, NULL, F_HOST_RIP, 0 }, { "RSP", HOST, NULL, F_HOST_RSP, 0 },
	{ "CS", HOST, NULL, F_HOST_CS_SELECTOR, 0 }, { "SS", HOST, NULL, F_HOST_SS_SELECTOR, 0 },
	{ "DS", HOST, NULL, F_HOST_DS_SELECTOR, 0 }, { "ES", HOST, NULL, F_HOST_ES_SELECTOR, 0 },
	{ "FS", HOST, NULL, F_HOST_FS_SELECTOR, 0 }, { "GS", HOST, NULL, F_HOST_GS_SELECTOR, 0 },
	{ "TR", HOST, NULL, F_HOST_TR_SELECTOR, 0 },
	{ "FSBase", HOST, NULL, F_HOST_FS_BASE, 0 }, { "GSBase", HOST, NULL, F_HOST_GS_BASE, 0 },
	{ "TRBase", HOST, NULL, F_HOST_TR_BASE, 0 },
	{ "GDTBase", HOST, NULL, F_HOST_GDTR_BASE, 0 },
	{ "IDTBase", HOST, NULL, F_HOST_IDTR_BASE, 0 },
	{ "CR0", HOST, NULL, F_HOST_CR0, 0 }, { "CR3", HOST, NULL, F_HOST_CR3, 0 },
	{ "CR4", HOST, NULL, F_HOST_CR4, 0 },
	{ "EFER", HOST, NULL, F_HOST_EFER, 0 }, { "PAT", HOST, NULL, F_HOST_PAT, 0 },
	{ "PerfGlobCtl", HOST, NULL, F_HOST_PERF_GLOBAL_CTRL, 0 },
	{ "S_CET", HOST, NULL, F_HOST_S_CET, 0 }, { "SSP", HOST, NULL, F_HOST_SSP, 0 },
	{ "SSP TABLE", HOST, NULL, F_HOST_INTR_SSP_TABLE, 0 },

	{ "PinBased", CONTROL, NULL, F_PIN_CTLS, 0 }, { "CPUBased", CONTROL, NULL, F_PROC_CTLS, 0 },
	{ "SecondaryExec", CONTROL, NULL, F_PROC_CTLS2, 0 },
	{ "TertiaryExec", CONTROL, NULL, F_PROC_CTLS3, 0 },
	{ "EntryControls", CONTROL, NULL, F_ENTRY_CTLS, 0 },
	{ "ExitControls", CONTROL, NULL, F_EXIT_CTLS, 0 },
	{ "SecondaryExitControls", CONTROL, NULL, F_EXIT_CTLS2, 0 },
	{ "ExceptionBitmap", CONTROL, NULL, F_EXCEPTION_BITMAP, 0 },
	{ "PFECmask", CONTROL, NULL, F_PF_ERROR_MASK, 0 },
	{ "PFECmatch", CONTROL, NULL, F_PF_ERROR_MATCH, 0 },
	{ "intr_info", CONTROL, "VMEntry:", F_ENTRY_INTR_INFO, 0 },
	{ "errcode", CONTROL, "VMEntry:", F_ENTRY_ERROR_CODE, 0 },
	{ "ilen", CONTROL, "VMEntry:", F_ENTRY_INSN_LEN, 0 },
	{ "intr_info", CONTROL, "VMExit:", F_EXIT_INTR_INFO, 0 },
	{ "errcode", CONTROL, "VMExit:", F_EXIT_ERROR_CODE, 0 },
	{ "ilen", CONTROL, "VMExit:", F_EXIT_INSN_LEN, 0 },
	{ "reason", CONTROL, NULL, F_EXIT_REASON, 0 },
	{ "qualification", CONTROL, NULL, F_EXIT_QUALIFICATION, 0 },
	{ "info", CONTROL, "IDTVectoring:", F_IDT_VECTORING_INFO, 0 },
	{ "errcode", CONTROL, "IDTVectoring:", F_IDT_VECTORING_ERROR, 0 },
	{ "TSC Offset", CONTROL, NULL, F_TSC_OFFSET, 0 },
	{ "TSC Multiplier", CONTROL, NULL, F_TSC_MULTIPLIER, 0 },
	{ "TPR Threshold", CONTROL, NULL, F_TPR_THRESHOLD, 0 },
	{ "APIC-access addr", CONTROL, NULL, F_APIC_ACCESS_ADDR, 0 },
	{ "virt-APIC addr", CONTROL, NULL, F_VIRTUAL_APIC_ADDR, 0 },
	{ "PostedIntrVec", CONTROL, NULL, F_POSTED_INTR_VECTOR, 0 },
	{ "EPT pointer", CONTROL, NULL, F_EPT_POINTER, 0 },
	{ "PLE Gap", CONTROL, NULL, F_PLE_GAP, 0 }, { "Window", CONTROL, NULL, F_PLE_WINDOW, 0 },
	{ "Virtual processor ID", CONTROL, NULL, F_VPID, 0 },
};

/* Said elsewhere as well, or of no field. */
static const char *const ignored[] = { "SVI|RVI", "msr", "value", "CR3 target" };

static const char *const labels[] = {
	"CR0:", "CR4:", "CS:", "DS:", "SS:", "ES:", "FS:", "GS:", "GDTR:", "LDTR:", "IDTR:", "TR:",
	"VMEntry:", "VMExit:", "IDTVectoring:",
};

#define WORDS_MAX 64

struct scan {
	struct dump *d;
	enum section section;
	const char *label;
	char words[WORDS_MAX];		/* since the last value */
	size_t used;
	bool guest_msrs;		/* in the list of the VM-entry MSR-load area */
	uint32_t msr;
	unsigned idle_lines;		/* since the last value that is known */
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end) && (n == m || s[n - m - 1] == ' ');
}

/* sel, attr, limit, base belong to the register whose label came last. */
static bool segment_value(struct scan *c, uint64_t v)
{
	static const char *const names[] = { "ES:", "CS:", "SS:", "DS:", "FS:", "GS:", "LDTR:", "TR:" };
	unsigned n;

	if (!c->label || c->section != GUEST)
		return false;
	if (!strcmp(c->label, "GDTR:") || !strcmp(c->label, "IDTR:")) {
		bool idt = c->label[0] == 'I';

		if (ends_with(c->words, "limit"))
			dump_set(c->d, idt ? F_GUEST_IDTR_LIMIT : F_GUEST_GDTR_LIMIT, v, "limit");
		else if (ends_with(c->words, "base"))
			dump_set(c->d, idt ? F_GUEST_IDTR_BASE : F_GUEST_GDTR_BASE, v, "base");
		else
			return false;
		return true;
	}
	for (n = 0; n < 8 && strcmp(names[n], c->label); n++)
		;
	if (n == 8)
		return false;
	if (ends_with(c->words, "sel"))
		dump_set(c->d, F_GUEST_ES_SELECTOR + 2 * n, v, "sel");
	else if (ends_with(c->words, "attr"))
		dump_set(c->d, F_GUEST_ES_AR + 2 * n, v, "attr");
	else if (ends_with(c->words, "limit"))
		dump_set(c->d, F_GUEST_ES_LIMIT + 2 * n, v, "limit");
	else if (ends_with(c->words, "base"))
		dump_set(c->d, F_GUEST_ES_BASE + 2 * n, v, "base");
	else
		return false;
	return true;
}

static bool msr_value(struct scan *c, uint64_t v)
{
	struct explain_state *s = &c->d->s;

	if (ends_with(c->words, "msr")) {
		c->msr = (uint32_t)v;
		return true;
	}
	if (!ends_with(c->words, "value"))
		return false;
	if (c->guest_msrs && s->n_entry_msrs < EXPLAIN_MSRS_MAX)
		s->entry_msrs[s->n_entry_msrs++] = (struct explain_msr){ c->msr, 0, v };
	return true;
}

static const struct key *find_key(const struct scan *c)
{
	const struct key *best = NULL;
	unsigned i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *k = &keys[i];

		if (!(k->sections & c->section) || !ends_with(c->words, k->words))
			continue;
		if (k->label && (!c->label || strcmp(k->label, c->label)))
			continue;
		if (!best || strlen(k->words) > strlen(best->words))
			best = k;
	}
	return best;
}

/* Of what stands before an unknown value, the two words next to it. */
static const char *last_words(const struct scan *c)
{
	const char *p = c->words + c->used;
	unsigned blanks = 0;

	while (p > c->words && (p[-1] != ' ' || ++blanks < 2))
		p--;
	return p;
}

static void take_value(struct scan *c, uint64_t v, bool has_second, uint64_t second)
{
	const struct key *k = find_key(c);
	unsigned i;

	if (k) {
		dump_set(c->d, k->field, v, k->words);
		if (k->second && has_second)
			dump_set(c->d, k->second, second, k->words);
	}
	if (k || msr_value(c, v) || segment_value(c, v)) {
		c->idle_lines = 0;
		return;
	}
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (ends_with(c->words, ignored[i]))
			return;
	dump_unknown(c->d, last_words(c), strlen(last_words(c)));
}

static void add_word(struct scan *c, const char *word, size_t length)
{
	unsigned i;

	for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strlen(labels[i]) == length && !memcmp(labels[i], word, length)) {
			c->label = labels[i];
			c->used = 0;
			c->words[0] = 0;
			return;
		}
	}
	if (length >= WORDS_MAX / 2)
		length = WORDS_MAX / 2 - 1;
	/* Keys are at the end: what is before them (host names, times) may go. */
	if (c->used + length + 2 > WORDS_MAX) {
		size_t drop = c->used + length + 2 - WORDS_MAX;

		memmove(c->words, c->words + drop, c->used - drop);
		c->used -= drop;
	}
	if (c->used)
		c->words[c->used++] = ' ';
	memcpy(c->words + c->used, word, length);
	c->used += length;
	c->words[c->used] = 0;
}

#define BLANKS " \t\n,>"
#define IDLE_LINES_MAX	12		/* the log goes on after a torn dump */

static const char *skip_blanks(struct scan *c, const char *p)
{
	for (; *p && strchr(BLANKS, *p); p++)
		c->idle_lines += *p == '\n';
	return p;
}

/* "= 0010:ffffffff81851f60" from the equals sign on; returns where the value ends. */
static const char *take_assignment(struct scan *c, const char *p)
{
	uint64_t v, second = 0;
	const char *start;
	bool two = false;

	p = skip_blanks(c, p + 1);
	start = p;
	if (!scan_hex(&p, &v)) {
		if (find_key(c))
			dump_remark(c->d, "\"%s\" has no readable value", c->words);
		p = start + strcspn(start, BLANKS);
	} else {
		if ((*p == ':' || *p == '|') && p[1]) {
			p++;
			two = scan_hex(&p, &second);
		}
		take_value(c, v, two, second);
	}
	c->used = 0;
	c->words[0] = 0;
	return p;
}

static void scan_assignments(struct scan *c, const char *p, const char *end)
{
	c->idle_lines = 1;
	while (p < end && c->idle_lines < IDLE_LINES_MAX) {
		size_t n;

		p = skip_blanks(c, p);
		if (p >= end)
			break;
		if (*p == '=') {
			p = take_assignment(c, p);
			continue;
		}
		n = strcspn(p, " \t\n,=");
		add_word(c, p, n);
		p += n;
	}
}

static const char *earliest(const char *a, const char *b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

/* Runs over one section, told apart by what the next line with stars says. */
static void scan_section(struct scan *c, const char *from, const char *end, enum section section)
{
	c->section = section;
	c->label = NULL;
	c->used = 0;
	c->words[0] = 0;
	scan_assignments(c, from, end);
}

/* "MSR guest autoload:" and its lists: the only one that an entry loads. */
static void scan_msrs(struct scan *c, const char *from, const char *end)
{
	const char *list = memmem(from, (size_t)(end - from), "MSR guest autoload",
				  strlen("MSR guest autoload"));
	const char *next;

	if (!list)
		return;
	next = memmem(list + 4, (size_t)(end - list - 4), "MSR ", 4);
	c->guest_msrs = true;
	scan_section(c, list, next ? next : end, MSRS);
	c->guest_msrs = false;
	c->d->s.entry_msrs_known = true;
	dump_set(c->d, F_ENTRY_MSR_LOAD_COUNT, c->d->s.n_entry_msrs, "MSR guest autoload");
}

/*
 * Without "load IA32_EFER" the value printed is KVM's own idea of it: no field. Kernels
 * up to 5.10 print the field always, loaded or not.
 */
static void sort_out_efer(struct dump *d)
{
	uint64_t entry, efer;
	int i = explain_vmcs_index(F_GUEST_EFER);

	if (explain_get(&d->s, F_ENTRY_CTLS, &entry) && !(entry & (1u << 15)) &&
	    explain_get(&d->s, F_GUEST_EFER, &efer))
		d->s.vmcs_known[i] = false;
}

/* The nth piece of text that begins with the mark; *end is where the next one begins. */
static const char *nth_piece(const char *text, const char *mark, unsigned nth, unsigned *count,
			     const char **end)
{
	const char *p = text, *found = NULL;

	*end = NULL;
	*count = 0;
	while ((p = strstr(p, mark))) {
		++*count;
		if (*count == nth)
			found = p;
		else if (found && !*end)
			*end = p;
		p += strlen(mark);
	}
	if (found && !*end)
		*end = found + strlen(found);
	return found;
}

static const char *find_in(const char *from, const char *end, const char *what)
{
	return memmem(from, (size_t)(end - from), what, strlen(what));
}

/* What QEMU printed of it: 0x80000021 is in the dump, a VM-instruction error is not. */
static void take_qemus_reason(struct dump *d, const char *text)
{
	const char *p = strstr(text, "entry failed, hardware error ");
	uint64_t v;

	if (!p || d->dumps > 1)
		return;
	p += strlen("entry failed, hardware error ");
	if (!scan_hex(&p, &v))
		return;
	if (v && v < 32)
		dump_set(d, F_INSN_ERROR, v, "hardware error");
	else if (!v)
		dump_remark(d, "QEMU says that an entry failed with hardware error 0: the CPU gave no "
			    "number, and the exit in the dump is the last one before");
}

bool dump_parse_kvm(struct dump *d, const char *text, unsigned nth)
{
	struct scan c = { .d = d };
	const char *end, *guest, *host, *control, *registers;

	d->format = "KVM's VMCS dump";
	d->s.vendor = EXPLAIN_VMX;
	guest = nth_piece(text, "*** Guest State ***", nth, &d->dumps, &end);
	if (!guest)
		return dump_refuse(d, "there is no dump %u in it, only %u", nth, d->dumps);
	/* QEMU's registers, where they follow, are the same state seen from outside. */
	registers = earliest(find_in(guest, end, "EAX="), find_in(guest, end, "RAX="));
	if (registers && find_in(registers, end, "CR0="))
		end = registers;
	else
		registers = NULL;
	host = find_in(guest, end, "*** Host State ***");
	control = find_in(guest, end, "*** Control State ***");
	scan_section(&c, guest + 19, host ? host : control ? control : end, GUEST);
	scan_msrs(&c, guest, host ? host : end);
	if (host)
		scan_section(&c, host + 18, control ? control : end, HOST);
	if (control)
		scan_section(&c, control + 21, end, CONTROL);
	if (!host || !control)
		dump_remark(d, "the dump ends before its %s: it is not complete",
			    !host ? "host state" : "control state");
	sort_out_efer(d);
	take_qemus_reason(d, text);
	if (registers)
		dump_add_qemu(d, registers);
	return true;
}
