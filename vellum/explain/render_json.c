/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <jansson.h>

static json_t *hex(uint64_t v)
{
	char s[24];

	snprintf(s, sizeof(s), "%#llx", (unsigned long long)v);
	return json_string(s);
}

/* Dumps may hold any bytes; what goes into JSON is ASCII by now, but be sure. */
static json_t *string(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("(not text)");
}

static json_t *fields(const struct explain_state *s, const struct explain_rule *rule)
{
	json_t *list = json_object();
	char decoded[600];
	uint64_t v;
	unsigned i;

	for (i = 0; i < 4 && rule->field[i]; i++)
		if (report_field_value(s, rule->field[i], &v, decoded, sizeof(decoded)))
			json_object_set_new(list, report_field_name(s->vendor, rule->field[i]),
					    json_pack("{s:o, s:o}", "value", hex(v), "decoded",
						      string(decoded)));
	return list;
}

static const char *group_name(unsigned group)
{
	static const char *const names[] = { "control", "host", "guest", "msr-load", "vmrun" };

	return names[group];
}

static json_t *violations(const struct explain_state *s, const struct explain_report *r)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < r->n_findings; i++) {
		const struct explain_finding *f = &r->finding[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:o, s:b}",
			"rule", f->rule->id, "title", f->rule->title, "group",
			group_name(f->rule->group), "says", f->rule->says, "seen", string(f->detail),
			"often", f->rule->cause, "set", f->rule->fix, "fields", fields(s, f->rule),
			"assumed", f->assumed));
	}
	return list;
}

static json_t *unchecked(const struct explain_state *s, const struct explain_report *r)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < r->n_unchecked; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "rule", r->unchecked[i].rule->id,
			"missing", report_field_name(s->vendor, r->unchecked[i].missing)));
	return list;
}

const char *report_verdict(const struct explain_report *r)
{
	switch (r->verdict) {
	case VERDICT_SHUTDOWN:
		return "shutdown";
	case VERDICT_OPEN:
		return "open";
	default:
		return "none";
	}
}

static json_t *chain(const struct explain_report *r)
{
	json_t *steps = json_array(), *advice = json_array();
	unsigned i;

	for (i = 0; i < r->n_steps; i++) {
		const struct explain_step *step = &r->step[i];
		json_t *j = json_pack("{s:i, s:s, s:o, s:o}", "vector", step->vector, "name",
				      explain_vector_name(step->vector), "raised",
				      string(step->raised), "delivery", string(step->delivery));

		if (step->has_error)
			json_object_set_new(j, "error_code", hex(step->error));
		json_array_append_new(steps, j);
	}
	for (i = 0; i < r->n_advice; i++)
		json_array_append_new(advice, json_pack("{s:s, s:o, s:b, s:o}", "field",
			r->advice[i].field, "value", hex(r->advice[i].value), "root",
			r->advice[i].root, "why", string(r->advice[i].why)));
	return json_pack("{s:s, s:o, s:o, s:o}", "verdict", report_verdict(r), "conclusion",
			 string(r->conclusion), "steps", steps, "set", advice);
}

static json_t *source(const struct dump *d)
{
	json_t *remarks = json_array(), *unknown = json_array();
	unsigned i;

	for (i = 0; i < d->n_remarks; i++)
		json_array_append_new(remarks, string(d->remark[i]));
	for (i = 0; i < d->unknown && i < DUMP_NAMES_MAX; i++)
		json_array_append_new(unknown, string(d->unknown_name[i]));
	return json_pack("{s:s, s:i, s:i, s:o, s:i, s:o}", "format", d->format, "values",
			 (int)d->values, "dumps", (int)d->dumps, "remarks", remarks,
			 "unknown_fields", (int)d->unknown, "unknown_names", unknown);
}

void report_json(FILE *out, const struct explain_state *s, const struct explain_report *r,
		 const struct dump *d)
{
	json_t *root = json_object(), *notes = json_array();
	unsigned i;

	for (i = 0; i < r->n_notes; i++)
		json_array_append_new(notes, string(r->note[i]));
	if (d)
		json_object_set_new(root, "source", source(d));
	json_object_set_new(root, "vendor", json_string(s->vendor == EXPLAIN_VMX ? "vmx" : "svm"));
	json_object_set_new(root, "found", json_boolean(report_found(r)));
	json_object_set_new(root, "entry_failed", json_boolean(r->entry_failed));
	json_object_set_new(root, "exit", string(r->exit));
	if (s->insn.text[0])
		json_object_set_new(root, "instruction", string(s->insn.text));
	if (r->triple_fault)
		json_object_set_new(root, "triple_fault", chain(r));
	if (r->entry_failed && r->conclusion[0])
		json_object_set_new(root, "suspects", string(r->conclusion));
	json_object_set_new(root, "violations", violations(s, r));
	json_object_set_new(root, "checked", json_integer(r->n_checked));
	json_object_set_new(root, "unchecked", unchecked(s, r));
	json_object_set_new(root, "not_to_blame", notes);
	json_dumpf(root, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(root);
}
