/* SPDX-License-Identifier: MIT */
/*
 * `vellum vmcs`: every field of a vCPU's VMCS or VMCB by the manual's name, raw and in
 * words; the MSR bitmap as a list; what changed between two moments.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "../../engine/explain/bits.h"
#include "../status.h"
#include "commands.h"
#include "look.h"

enum { OPT_DIFF = 1, OPT_MSRS };

static const struct option_spec specs[] = {
	{ "diff", "SECONDS", OPT_DIFF, "only what changes within that time" },
	{ "msrs", NULL, OPT_MSRS, "only the MSRs that the guest reaches without an exit" },
	LOOK_SPECS
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct options {
	bool diff, msrs;
	uint64_t seconds;
};

#define BITMAP_WORDS	1024u

/* One snapshot. */
struct shot {
	struct vmm_state s;
	struct explain_state x;
	uint64_t bitmap[BITMAP_WORDS];
	bool has_bitmap;
};

static struct shot shots[2];

static int take_option(void *opaque, int id, const char *value)
{
	struct options *o = opaque;

	if (id == OPT_MSRS) {
		o->msrs = true;
		return 0;
	}
	o->diff = true;
	if (parse_number(value, &o->seconds) && o->seconds <= 86400)
		return 0;
	fprintf(stderr, "vellum: --diff %s: not a number of seconds\n", value);
	return -1;
}

/* The VMCB comes as eight bytes each; its fields have any size. */
static void take_field(struct shot *t, const struct vmm_field *f)
{
	if (f->id >= VMM_FIELD_MSR_BITMAP) {
		if (f->id - VMM_FIELD_MSR_BITMAP < BITMAP_WORDS)
			t->bitmap[f->id - VMM_FIELD_MSR_BITMAP] = f->value;
		t->has_bitmap = true;
	} else if (t->s.vendor == VMM_VENDOR_VMX) {
		explain_set(&t->x, f->id, f->value);
	} else if (f->id % 8 == 0 && f->id + 8 <= sizeof(t->x.vmcb)) {
		memcpy((char *)&t->x.vmcb + f->id, &f->value, 8);
	}
}

static int snapshot(struct look *l, struct shot *t)
{
	struct vmm_field *f;
	unsigned int i;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = vmm_vcpu_state(&l->v, &t->s, &f);
	if (ret)
		return ret;
	t->x.vendor = t->s.vendor == VMM_VENDOR_VMX ? EXPLAIN_VMX : EXPLAIN_SVM;
	for (i = 0; i < t->s.n; i++)
		take_field(t, &f[i]);
	free(f);
	return 0;
}

/* ---- fields of either vendor ---- */

struct field {
	const char *name, *title;
	uint32_t id;
	uint64_t value;
};

/* The i-th field; false: it is not there.  i below field_total(). */
static bool get_field(const struct shot *t, unsigned int i, struct field *f)
{
	if (t->s.vendor == VMM_VENDOR_VMX) {
		f->name = vmcs_fields[i].name;
		f->title = vmcs_fields[i].title;
		f->id = vmcs_fields[i].encoding;
		f->value = t->x.vmcs[i];
		return t->x.vmcs_known[i];
	}
	f->name = vmcb_fields[i].name;
	f->title = vmcb_fields[i].title;
	f->id = vmcb_fields[i].offset;
	f->value = 0;
	memcpy(&f->value, (const char *)&t->x.vmcb + f->id,
	       vmcb_fields[i].size < 8 ? vmcb_fields[i].size : 8);
	return true;
}

static unsigned int field_total(const struct shot *t)
{
	return t->s.vendor == VMM_VENDOR_VMX ? vmcs_field_count : vmcb_field_count;
}

static const char *in_words(const struct shot *t, const struct field *f, char *buf, size_t size)
{
	struct text x = { buf, size, 0 };

	buf[0] = '\0';
	if (t->s.vendor == VMM_VENDOR_VMX)
		explain_decode(f->id, f->value, &x);
	else
		explain_decode_vmcb(f->id, f->value, &x);
	return buf;
}

static const char *group(const struct shot *t, unsigned int i)
{
	static const char *const areas[] = {
		"control", "exit information", "guest state", "host state",
	};

	if (t->s.vendor == VMM_VENDOR_VMX)
		return areas[vmcs_fields[i].area & 3];
	return vmcb_fields[i].offset < 0x400 ? "control area" : "state save area";
}

/* ---- the MSR bitmap ---- */

static bool bit(const struct shot *t, uint32_t n)
{
	return t->bitmap[n / 64 % BITMAP_WORDS] >> (n % 64) & 1;
}

/* SDM3 "MSR-Bitmap Address"; APM2 "MSR Intercepts". Set = exits. */
static void intercepts(const struct shot *t, uint32_t range, uint32_t i, bool *read, bool *write)
{
	if (t->s.vendor == VMM_VENDOR_VMX) {
		*read = bit(t, range * 0x2000 + i);
		*write = bit(t, (range + 2) * 0x2000 + i);
	} else {
		*read = bit(t, range * 0x4000 + 2 * i);
		*write = bit(t, range * 0x4000 + 2 * i + 1);
	}
}

static void each_msr(const struct shot *t,
		     void (*fn)(void *arg, uint32_t msr, const char *how), void *arg)
{
	static const uint32_t base[] = { 0, 0xc0000000u, 0xc0010000u };
	uint32_t range, i, ranges = t->s.vendor == VMM_VENDOR_VMX ? 2 : 3;
	bool r, w;

	if (!t->has_bitmap)
		return;
	for (range = 0; range < ranges; range++)
		for (i = 0; i < 0x2000; i++) {
			intercepts(t, range, i, &r, &w);
			if (!r || !w)
				fn(arg, base[range] + i, r ? "W" : w ? "R" : "RW");
		}
}

static void print_msr(void *arg, uint32_t msr, const char *how)
{
	const char *name = explain_msr_name(msr);

	(void)arg;
	printf("  %08x %-26s %s\n", msr, name ? name : "", how);
}

static void add_msr(void *arg, uint32_t msr, const char *how)
{
	char number[16];

	snprintf(number, sizeof(number), "%#x", msr);
	json_object_set_new(arg, number, json_string(how));
}

/* ---- output ---- */

static void print_field(const struct shot *t, const struct field *f)
{
	char buf[640];

	printf("  %04x %-24s %18" PRIx64 "  %s\n", f->id, f->name, f->value,
	       in_words(t, f, buf, sizeof(buf)));
}

static void print_all(const struct shot *t, bool msrs_only)
{
	const char *last = "";
	struct field f;
	unsigned int i;

	for (i = 0; i < field_total(t) && !msrs_only; i++) {
		if (!get_field(t, i, &f))
			continue;
		if (strcmp(last, group(t, i)))
			printf("%s:\n", last = group(t, i));
		print_field(t, &f);
	}
	printf("MSRs that the guest reaches without an exit:\n");
	each_msr(t, print_msr, NULL);
	if (!t->has_bitmap)
		printf("  none: there is no MSR bitmap\n");
}

static json_t *field_json(const struct shot *t, const struct field *f)
{
	char buf[640];

	return json_pack("{s:s, s:o, s:s}", "title", f->title, "value",
			 look_hex(f->value), "decoded",
			 in_words(t, f, buf, sizeof(buf)));
}

/* What is in no field, so that vellum explain --state has it. */
static json_t *gpr_json(const struct look *l)
{
	json_t *j = json_object();
	struct kvm_sregs s;
	struct kvm_regs r;
	unsigned int i;
	const struct { const char *name; const __u64 *v; } regs[] = {
		{ "RAX", &r.rax }, { "RCX", &r.rcx }, { "RDX", &r.rdx }, { "RBX", &r.rbx },
		{ "RBP", &r.rbp }, { "RSI", &r.rsi }, { "RDI", &r.rdi }, { "R8", &r.r8 },
		{ "R9", &r.r9 }, { "R10", &r.r10 }, { "R11", &r.r11 }, { "R12", &r.r12 },
		{ "R13", &r.r13 }, { "R14", &r.r14 }, { "R15", &r.r15 }, { "CR2", &s.cr2 },
	};

	if (vmm_vcpu_get_regs(&l->v, &r) || vmm_vcpu_get_sregs(&l->v, &s))
		return j;
	for (i = 0; i < COUNT(regs); i++)
		json_object_set_new(j, regs[i].name, look_hex(*regs[i].v));
	return j;
}

static json_t *to_json(const struct look *l, const struct shot *t)
{
	json_t *fields = json_object(), *m = json_object();
	struct field f;
	unsigned int i;

	for (i = 0; i < field_total(t); i++)
		if (get_field(t, i, &f))
			json_object_set_new(fields, f.name, field_json(t, &f));
	each_msr(t, add_msr, m);
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:o, s:o, s:o}", "vm", l->name,
			 "vcpu", (int)l->vcpu, "vendor",
			 t->s.vendor == VMM_VENDOR_VMX ? "VMX" : "SVM",
			 "exits", (json_int_t)t->s.exits, "tsc", (json_int_t)t->s.tsc,
			 "fields", fields, "gpr", gpr_json(l), "msrs", m);
}

static int diff(struct look *l, const struct shot *a, const struct shot *b)
{
	json_t *fields = json_object();
	struct field f, g;
	unsigned int i;

	if (!l->json)
		printf("%" PRIu64 " exits between the two\n",
		       (uint64_t)(b->s.exits - a->s.exits));
	for (i = 0; i < field_total(a); i++) {
		if (!get_field(a, i, &f) || !get_field(b, i, &g) ||
		    f.value == g.value)
			continue;
		if (l->json) {
			json_object_set_new(fields, f.name, json_pack("{s:o, s:o}",
				"before", field_json(a, &f), "after", field_json(b, &g)));
		} else {
			printf("- ");
			print_field(a, &f);
			printf("+ ");
			print_field(b, &g);
		}
	}
	if (l->json)
		return look_print(json_pack("{s:s, s:i, s:I, s:o}", "vm", l->name,
			"vcpu", (int)l->vcpu, "exits",
			(json_int_t)(b->s.exits - a->s.exits), "changed", fields));
	json_decref(fields);
	return STATUS_OK;
}

static int show(struct look *l, const struct options *o)
{
	int ret = snapshot(l, &shots[0]);

	if (!ret && o->diff) {
		sleep((unsigned int)o->seconds);
		ret = snapshot(l, &shots[1]);
	}
	if (ret)
		return look_failed(l, "VMM_GET_STATE", ret);
	if (o->diff)
		return diff(l, &shots[0], &shots[1]);
	if (l->json)
		return look_print(to_json(l, &shots[0]));
	print_all(&shots[0], o->msrs);
	return STATUS_OK;
}

int cmd_vmcs(int argc, char **argv)
{
	struct options o = { 0 };
	const struct look_command c = {
		.usage = "vmcs NAME", .specs = specs, .n_specs = COUNT(specs),
		.option = take_option, .opaque = &o,
	};
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv);

	if (status >= 0)
		return status;
	status = look_open_vcpu(&l);
	if (!status)
		status = show(&l, &o);
	look_close(&l);
	return status;
}
