/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <stdarg.h>
#include <string.h>

#define COLUMNS 92

bool report_found(const struct explain_report *r)
{
	return r->n_findings || (r->triple_fault && (r->verdict == VERDICT_SHUTDOWN || r->n_steps));
}

const char *report_field_name(enum explain_vendor vendor, unsigned field)
{
	int i = vendor == EXPLAIN_VMX ? explain_vmcs_index(field) : explain_vmcb_index(field - 1);

	if (i < 0)
		return "?";
	return vendor == EXPLAIN_VMX ? vmcs_fields[i].name : vmcb_fields[i].name;
}

bool report_field_value(const struct explain_state *s, unsigned field, uint64_t *v,
			char *decoded, size_t size)
{
	struct text t = { decoded, size, 0 };

	decoded[0] = 0;
	if (s->vendor == EXPLAIN_VMX) {
		if (!explain_get(s, field, v))
			return false;
		explain_decode(field, *v, &t);
	} else {
		if (!explain_get_vmcb(s, field - 1, v))
			return false;
		explain_decode_vmcb(field - 1, *v, &t);
	}
	return true;
}

/* Prints words, breaking lines; every line after the first is indented by `indent`. */
static void wrap(FILE *out, unsigned first, unsigned indent, const char *text)
{
	unsigned column = first;
	bool begun = false;

	for (;;) {
		size_t n;

		text += strspn(text, " \n");
		n = strcspn(text, " \n");
		if (!n)
			break;
		if (begun && column + 1 + n > COLUMNS) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			begun = false;
		}
		fprintf(out, "%s%.*s", begun ? " " : "", (int)n, text);
		column += (unsigned)n + begun;
		begun = true;
		text += n;
	}
	fputc('\n', out);
}

static void labelled(FILE *out, unsigned indent, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void labelled(FILE *out, unsigned indent, const char *label, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(out, "%*s%s", (int)indent, "", label);
	wrap(out, indent + (unsigned)strlen(label), indent + (unsigned)strlen(label), text);
}

static const char *manual(const struct explain_rule *r)
{
	return r->group == GROUP_SVM ? "APM2" : "SDM3";
}

static void print_finding(FILE *out, const struct explain_state *s, const struct explain_finding *f,
			  unsigned number)
{
	const struct explain_rule *rule = f->rule;
	char label[16], decoded[600];
	uint64_t v;
	unsigned i;

	snprintf(label, sizeof(label), "%2u. ", number);
	labelled(out, 0, label, "%s", rule->says);
	fprintf(out, "    %s \"%s\"  [%s]\n", manual(rule), rule->title, rule->id);
	for (i = 0; i < 4 && rule->field[i]; i++) {
		const char *name = report_field_name(s->vendor, rule->field[i]);

		if (!report_field_value(s, rule->field[i], &v, decoded, sizeof(decoded)))
			continue;
		if (decoded[0])
			labelled(out, 6, "", "%s = %#llx: %s", name, (unsigned long long)v, decoded);
		else
			labelled(out, 6, "", "%s = %#llx", name, (unsigned long long)v);
	}
	if (f->detail[0])
		labelled(out, 4, "Seen:   ", "%s", f->detail);
	labelled(out, 4, "Often:  ", "%s", rule->cause);
	labelled(out, 4, "Set:    ", "%s", rule->fix);
}

/* What the CPU said, against what the rules say. */
static void print_disagreement(FILE *out, const struct explain_state *s,
			       const struct explain_report *r)
{
	unsigned i, control = 0, host = 0, guest = 0, msr = 0;
	uint64_t reason = 0, number = 0;

	for (i = 0; i < r->n_findings; i++) {
		enum explain_group g = r->finding[i].rule->group;

		control += g == GROUP_CONTROL;
		host += g == GROUP_HOST;
		guest += g == GROUP_GUEST;
		msr += g == GROUP_MSR;
	}
	if (s->vendor != EXPLAIN_VMX || !r->entry_failed)
		return;
	explain_get(s, F_EXIT_REASON, &reason);
	explain_get(s, F_INSN_ERROR, &number);
	if (!number && (reason & 0xffff) == 33 && (control || host) && !guest)
		labelled(out, 0, "Note: ", "the CPU reported invalid guest state (reason 33); it looks at "
			 "that after the controls and the host state, so it had no objection to these. "
			 "What it did object to isn't in the dump.");
	if (number == 7 && !control && r->n_findings)
		labelled(out, 0, "Note: ", "the CPU reported invalid control fields (error 7); none of "
			 "the above is one. What it objected to isn't in the dump, or this CPU doesn't "
			 "allow a control that others do (its capability MSRs aren't in the dump).");
	if (number == 8 && !host && r->n_findings)
		labelled(out, 0, "Note: ", "the CPU reported invalid host state (error 8); none of the "
			 "above is. What it objected to isn't in the dump.");
	(void)msr;
}

static void print_findings(FILE *out, const struct explain_state *s, const struct explain_report *r)
{
	bool assumed = false;
	unsigned i;

	if (!r->n_findings)
		return;
	if (r->entry_failed)
		fprintf(out, "\nWhy the entry failed: %s violated\n",
			r->n_findings == 1 ? "one rule is" : "these rules are");
	else
		fprintf(out, "\nThe next VM entry with this state fails: %s violated\n",
			r->n_findings == 1 ? "one rule is" : "these rules are");
	for (i = 0; i < r->n_findings; i++) {
		fputc('\n', out);
		print_finding(out, s, &r->finding[i], i + 1);
		assumed |= r->finding[i].assumed;
	}
	if (r->n_dropped)
		fprintf(out, "... and %u more\n", r->n_dropped);
	fputc('\n', out);
	print_disagreement(out, s, r);
	if (assumed && s->vendor == EXPLAIN_VMX && !s->cap_known)
		labelled(out, 0, "", "The CPU's capability MSRs and address widths aren't in the dump: "
			 "taken is what the architecture defines, with 48 linear-address bits.");
}

static void print_steps(FILE *out, const struct explain_report *r)
{
	unsigned i;

	for (i = 0; i < r->n_steps; i++) {
		const struct explain_step *step = &r->step[i];
		char label[16], error[32] = "";

		if (step->has_error)
			snprintf(error, sizeof(error), ", error code %#x", step->error);
		snprintf(label, sizeof(label), "%2u. ", i + 1);
		if (step->raised[0])
			labelled(out, 0, label, "%s%s: %s", explain_vector_name(step->vector), error,
				 step->raised);
		else
			labelled(out, 0, label, "%s%s", explain_vector_name(step->vector), error);
		labelled(out, 4, "Delivery: ", "%s.", step->delivery);
	}
}

static void print_chain(FILE *out, const struct explain_report *r)
{
	fputs("\nWhy it shut down\n\n", out);
	labelled(out, 2, "", "%s", r->conclusion);
	if (r->n_steps)
		fputs("\nThe chain of exceptions\n\n", out);
	print_steps(out, r);
}

/* Fields that get the same value for the same reason stand together. */
static void print_advice(FILE *out, const struct explain_report *r)
{
	unsigned i, k;

	if (!r->n_advice)
		return;
	fputs("\nWhat to set\n\n", out);
	for (i = 0; i < r->n_advice; i++) {
		const struct explain_advice *a = &r->advice[i];
		char text[400] = "", value[24];

		for (k = 0; k < i; k++)
			if (!strcmp(r->advice[k].why, a->why))
				break;
		if (k < i)
			continue;
		for (k = i; k < r->n_advice; k++)
			if (!strcmp(r->advice[k].why, a->why))
				snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
					 k == i ? "" : ", ", r->advice[k].field);
		snprintf(value, sizeof(value), "%#llx", (unsigned long long)a->value);
		labelled(out, 2, a->root ? "* " : "- ", "%s = %s: %s.", text, value, a->why);
	}
}

static void print_notes(FILE *out, const struct explain_report *r)
{
	unsigned i;

	if (!r->n_notes)
		return;
	fputs("\nNot to blame\n\n", out);
	for (i = 0; i < r->n_notes; i++)
		labelled(out, 2, "- ", "%s.", r->note[i]);
}

static void print_unchecked(FILE *out, const struct explain_state *s,
			    const struct explain_report *r, bool verbose)
{
	unsigned i;

	fprintf(out, "\nChecks on VM entry: %u made, %u violated", r->n_checked, r->n_findings +
		r->n_dropped);
	if (!r->n_unchecked) {
		fputs(".\n", out);
		return;
	}
	fprintf(out, "; %u need fields that aren't there%s\n", r->n_unchecked,
		verbose ? ":" : " (--verbose lists them).");
	for (i = 0; i < r->n_unchecked && verbose; i++)
		fprintf(out, "  %-44s %s\n", r->unchecked[i].rule->id,
			report_field_name(s->vendor, r->unchecked[i].missing));
}

static void print_dump(FILE *out, const struct dump *d)
{
	unsigned i;

	fprintf(out, "Read: %s, %u values", d->format, d->values);
	if (d->dumps > 1)
		fprintf(out, " (dump %u of %u in the file: --nth N for another)", d->nth, d->dumps);
	fputc('\n', out);
	for (i = 0; i < d->n_remarks; i++)
		labelled(out, 0, "  ! ", "%s", d->remark[i]);
	if (d->lost_remarks)
		fprintf(out, "  ! ... and %u more of that kind\n", d->lost_remarks);
	if (!d->unknown)
		return;
	fprintf(out, "  ! %u unknown field%s:", d->unknown, d->unknown == 1 ? "" : "s");
	for (i = 0; i < d->unknown && i < DUMP_NAMES_MAX; i++)
		fprintf(out, "%s %s", i ? "," : "", d->unknown_name[i]);
	fputs(d->unknown > DUMP_NAMES_MAX ? ", ...\n" : "\n", out);
}

void report_text(FILE *out, const struct explain_state *s, const struct explain_report *r,
		 const struct dump *d, bool verbose)
{
	if (d)
		print_dump(out, d);
	if (r->exit[0])
		labelled(out, 0, "", "%s", r->exit);
	if (r->triple_fault)
		print_chain(out, r);
	print_advice(out, r);
	print_notes(out, r);
	print_findings(out, s, r);
	if (r->entry_failed && !r->n_findings && r->conclusion[0])
		labelled(out, 0, "", "%s", r->conclusion);
	if (r->entry_failed && !r->n_findings && !s->guest_only)
		labelled(out, 0, "", "No rule that can be checked is violated. Left are the checks that "
			 "need fields which aren't there, and what only the CPU knows (its capability "
			 "MSRs, memory behind addresses).");
	print_unchecked(out, s, r, verbose);
}

void report_lint(FILE *out, const struct explain_state *s, const struct explain_report *r)
{
	print_findings(out, s, r);
	if (r->n_steps) {
		fprintf(out, "\nThe first instruction raises an exception%s\n\n",
			r->verdict == VERDICT_SHUTDOWN ? ", and it ends in a triple fault" : "");
		print_steps(out, r);
		print_advice(out, r);
	}
	print_unchecked(out, s, r, false);
}
