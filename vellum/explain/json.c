/* SPDX-License-Identifier: MIT */
/* Our own format, described in docs/explain.md: also what other tools can easily write. */
#include "dump.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

/* An integer, or a string with one in C's notation. */
static bool number(const json_t *j, uint64_t *v)
{
	const char *s;
	char *end;

	if (json_is_integer(j)) {
		*v = (uint64_t)json_integer_value(j);
		return json_integer_value(j) >= 0;
	}
	s = json_string_value(j);
	if (!s || !isdigit((unsigned char)*s))
		return false;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		const char *p = s;

		return scan_hex(&p, v) && !*p;
	}
	if (strlen(s) > 20)
		return false;
	*v = strtoull(s, &end, 10);
	return !*end;
}

/* By the short name, or by the manual's. */
static int find_field(const struct dump *d, const char *name)
{
	unsigned i, n = d->s.vendor == EXPLAIN_VMX ? vmcs_field_count : vmcb_field_count;

	for (i = 0; i < n; i++) {
		const char *is = d->s.vendor == EXPLAIN_VMX ? vmcs_fields[i].name :
							      vmcb_fields[i].name;
		const char *title = d->s.vendor == EXPLAIN_VMX ? vmcs_fields[i].title :
								 vmcb_fields[i].title;

		if (!strcasecmp(name, is) || !strcasecmp(name, title))
			return (int)i;
	}
	return -1;
}

static void take_fields(struct dump *d, json_t *fields)
{
	const char *name;
	json_t *value;
	uint64_t v;

	/* {"value": ...} is what vellum vmcs --json writes. */
	json_object_foreach(fields, name, value) {
		int i = find_field(d, name);

		if (i < 0)
			dump_unknown(d, name, strlen(name));
		else if (!number(json_is_object(value) ? json_object_get(value, "value") : value, &v))
			dump_remark(d, "%.48s is no number", name);
		else if (d->s.vendor == EXPLAIN_VMX)
			dump_set(d, vmcs_fields[i].encoding, v, vmcs_fields[i].name);
		else
			dump_set_vmcb(d, vmcb_fields[i].offset, v, vmcb_fields[i].name);
	}
}

static void take_gprs(struct dump *d, json_t *gprs)
{
	static const char *const names[GPR_COUNT] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
	};
	const char *name;
	json_t *value;
	uint64_t v;
	unsigned i;

	json_object_foreach(gprs, name, value) {
		for (i = 0; i < GPR_COUNT && strcasecmp(name, names[i]); i++)
			;
		if (!number(value, &v)) {
			dump_remark(d, "%.48s is no number", name);
		} else if (i < GPR_COUNT) {
			dump_set_gpr(d, i, v);
		} else if (!strcasecmp(name, "CR2")) {
			d->s.cr2 = v;
			d->s.cr2_known = true;
		} else {
			dump_unknown(d, name, strlen(name));
		}
	}
}

static void take_caps(struct dump *d, json_t *caps)
{
	const char *name;
	json_t *value;
	uint64_t v;
	unsigned i;

	json_object_foreach(caps, name, value) {
		if (!number(value, &v)) {
			dump_remark(d, "%.48s is no number", name);
			continue;
		}
		for (i = 0; i < XCAP_COUNT && strcasecmp(name, explain_cap_names[i]); i++)
			;
		if (i < XCAP_COUNT) {
			d->s.cap[i] = v;
			d->s.cap_known |= 1u << i;
		} else if (!strcmp(name, "physical_address_bits") && v >= 32 && v <= 52) {
			d->s.phys_bits = (unsigned)v;
		} else if (!strcmp(name, "linear_address_bits") && (v == 48 || v == 57)) {
			d->s.linear_bits = (unsigned)v;
		} else {
			dump_unknown(d, name, strlen(name));
		}
	}
}

static size_t unhex(const char *s, uint8_t *to, size_t room, bool *bad)
{
	size_t n = 0;
	char pair[3] = "";
	char *end;

	*bad = false;
	for (;;) {
		s += strspn(s, " \t\n");
		if (!*s)
			return n;
		pair[0] = s[0];
		pair[1] = s[1];
		if (n == room || !isxdigit((unsigned char)pair[0]) ||
		    !isxdigit((unsigned char)pair[1])) {
			*bad = true;
			return n;
		}
		to[n++] = (uint8_t)strtoul(pair, &end, 16);
		s += 2;
	}
}

static void take_piece(struct dump *d, json_t *piece)
{
	static const struct { const char *key; enum explain_space space; } spaces[] = {
		{ "gpa", SPACE_PHYSICAL }, { "gla", SPACE_LINEAR }, { "hpa", SPACE_HOST },
	};
	const char *text = json_string_value(json_object_get(piece, "bytes"));
	size_t room = text ? strlen(text) / 2 + 1 : 0, n;
	uint8_t *bytes;
	uint64_t at;
	unsigned i;
	bool bad;

	for (i = 0; i < 3 && !json_object_get(piece, spaces[i].key); i++)
		;
	if (!text || i == 3 || !number(json_object_get(piece, spaces[i].key), &at)) {
		dump_remark(d, "a piece of memory lacks its address (gpa, gla or hpa) or its bytes");
		return;
	}
	bytes = malloc(room);
	if (!bytes)
		return;
	n = unhex(text, bytes, room, &bad);
	if (bad)
		dump_remark(d, "memory at %#llx: not all of its bytes are hexadecimal pairs",
			    (unsigned long long)at);
	if (!dump_add_memory(d, spaces[i].space, at, bytes, n))
		dump_remark(d, "memory at %#llx is left out: at most %u pieces, %u MiB together",
			    (unsigned long long)at, EXPLAIN_MEMORY_MAX, DUMP_POOL_MAX >> 20);
	free(bytes);
}

static void take_msrs(struct dump *d, json_t *list)
{
	struct explain_state *s = &d->s;
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		uint64_t index, value, reserved = 0;

		if (!number(json_object_get(entry, "index"), &index) || index > 0xffffffff ||
		    !number(json_object_get(entry, "value"), &value)) {
			dump_remark(d, "entry %zu of entry_msrs has no index and value", i + 1);
			continue;
		}
		if (json_object_get(entry, "reserved"))
			number(json_object_get(entry, "reserved"), &reserved);
		if (s->n_entry_msrs < EXPLAIN_MSRS_MAX)
			s->entry_msrs[s->n_entry_msrs++] =
				(struct explain_msr){ (uint32_t)index, (uint32_t)reserved, value };
	}
	s->entry_msrs_known = true;
}

static enum explain_tri tri(json_t *j)
{
	return json_is_true(j) ? TRI_YES : json_is_false(j) ? TRI_NO : TRI_UNKNOWN;
}

static bool take_root(struct dump *d, json_t *root)
{
	const char *vendor = json_string_value(json_object_get(root, "vendor"));
	json_t *fields = json_object_get(root, "fields"), *memory, *piece;
	uint64_t v;
	size_t i;

	if (!vendor || !json_is_object(fields))
		return dump_refuse(d, "JSON, but not a state: it needs \"vendor\" (\"vmx\" or "
				   "\"svm\") and \"fields\" (docs/explain.md)");
	if (!strcasecmp(vendor, "svm"))
		d->s.vendor = EXPLAIN_SVM;
	else if (strcasecmp(vendor, "vmx"))
		return dump_refuse(d, "\"vendor\" is \"%.32s\": write \"vmx\" or \"svm\"", vendor);
	take_fields(d, fields);
	take_gprs(d, json_object_get(root, "gpr"));
	take_caps(d, json_object_get(root, "caps"));
	memory = json_object_get(root, "memory");
	json_array_foreach(memory, i, piece)
		take_piece(d, piece);
	if (json_is_array(json_object_get(root, "entry_msrs")))
		take_msrs(d, json_object_get(root, "entry_msrs"));
	if (number(json_object_get(root, "vtpr"), &v) && v < 256) {
		d->s.vtpr = (uint8_t)v;
		d->s.vtpr_known = true;
	}
	d->s.host_long_mode = tri(json_object_get(root, "host_long_mode"));
	d->s.in_smm = tri(json_object_get(root, "in_smm"));
	d->s.guest_only = json_is_true(json_object_get(root, "guest_only"));
	return true;
}

bool dump_parse_json(struct dump *d, const char *text, size_t size)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	bool ok;

	d->format = "JSON";
	if (!root)
		return dump_refuse(d, "line %d of the JSON: %.200s", error.line, error.text);
	ok = take_root(d, root);
	json_decref(root);
	return ok;
}
