/* SPDX-License-Identifier: MIT */
/*
 * `vellum set`: one register or field of a vCPU. Registers go through the KVM ABI,
 * which checks them; what it does not have, the guest's part of the VMCS or VMCB,
 * goes through VMM_SET_FIELD, which takes what can't harm the host.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "../../engine/explain/explain.h"
#include "../status.h"
#include "commands.h"
#include "look.h"

static const struct option_spec specs[] = { LOOK_SPECS };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS_MAX	64

enum where { IN_REGS, IN_SREGS, IN_DEBUG };

#define R(n)	{ #n, IN_REGS, offsetof(struct kvm_regs, n) }
#define S(n)	{ #n, IN_SREGS, offsetof(struct kvm_sregs, n) }
#define D(n, m)	{ n, IN_DEBUG, offsetof(struct kvm_debugregs, m) }

static const struct {
	const char *name;
	enum where where;
	size_t at;
} registers[] = {
	R(rax), R(rbx), R(rcx), R(rdx), R(rsi), R(rdi), R(rsp), R(rbp), R(r8), R(r9),
	R(r10), R(r11), R(r12), R(r13), R(r14), R(r15), R(rip), R(rflags),
	S(cr0), S(cr2), S(cr3), S(cr4), S(cr8), S(efer), S(apic_base),
	D("dr0", db[0]), D("dr1", db[1]), D("dr2", db[2]), D("dr3", db[3]),
	D("dr6", dr6), D("dr7", dr7),
};

struct words {
	const char *word[WORDS_MAX];
	unsigned int n;
};

static int take_word(void *opaque, const char *word)
{
	struct words *w = opaque;

	if (strchr(word, '=') && w->n < WORDS_MAX) {
		w->word[w->n++] = word;
		return 0;
	}
	fprintf(stderr, "vellum: set: \"%s\": write FIELD=VALUE\n", word);
	return -1;
}

static int set_register(struct look *l, enum where where, size_t at, uint64_t v)
{
	static const struct { unsigned long get, set; } requests[] = {
		{ KVM_GET_REGS, KVM_SET_REGS }, { KVM_GET_SREGS, KVM_SET_SREGS },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
	};
	union {
		struct kvm_regs r;
		struct kvm_sregs s;
		struct kvm_debugregs d;
		char bytes[1];
	} u;
	int ret;

	memset(&u, 0, sizeof(u));
	ret = vmm_vcpu_do(&l->v, requests[where].get, &u);
	if (ret)
		return ret;
	memcpy(u.bytes + at, &v, 8);
	return vmm_vcpu_do(&l->v, requests[where].set, &u);
}

/* The number of a field by its name; -1: there is none. */
static int64_t field_id(struct look *l, const char *name)
{
	struct vmm_field *f;
	struct vmm_state s;
	bool vmx;
	unsigned int i;

	if (vmm_vcpu_state(&l->v, &s, &f))
		return -1;
	free(f);
	vmx = s.vendor == VMM_VENDOR_VMX;
	for (i = 0; i < (vmx ? vmcs_field_count : vmcb_field_count); i++)
		if (!strcasecmp(name, vmx ? vmcs_fields[i].name : vmcb_fields[i].name))
			return vmx ? vmcs_fields[i].encoding : vmcb_fields[i].offset;
	return -1;
}

/* "msr:0x174" */
static int set_msr(struct look *l, const char *number, uint64_t v)
{
	uint64_t index;

	if (!parse_number(number, &index) || index > UINT32_MAX)
		return -ENOENT;
	switch (vmm_vcpu_set_msr(&l->v, (uint32_t)index, v)) {
	case 1: return 0;
	default: return -EINVAL;
	}
}

static int set_one(struct look *l, const char *name, uint64_t v)
{
	unsigned int i;
	int64_t id;

	for (i = 0; i < COUNT(registers); i++)
		if (!strcasecmp(name, registers[i].name))
			return set_register(l, registers[i].where, registers[i].at, v);
	if (!strncasecmp(name, "msr:", 4))
		return set_msr(l, name + 4, v);
	id = field_id(l, name);
	return id < 0 ? -ENOENT : vmm_vcpu_set_field(&l->v, (uint32_t)id, v);
}

static int set_word(struct look *l, const char *word)
{
	const char *eq = strchr(word, '=');
	char name[64];
	uint64_t v;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)(eq - word), word);
	if (!parse_number(eq + 1, &v)) {
		fprintf(stderr, "vellum: set: \"%s\" is not a number\n", eq + 1);
		return STATUS_USAGE;
	}
	ret = set_one(l, name, v);
	if (!ret)
		return STATUS_OK;
	if (ret == -ENOENT)
		fprintf(stderr, "vellum: set: there is no field \"%s\": a register (rip, cr3...), msr:NUMBER, or a name that vellum vmcs shows\n", name);
	else if (ret == -EPERM)
		fprintf(stderr, "vellum: set: %s can't be set: not the guest's, or there is a register for it (cr0, cr4, efer, dr7)\n", name);
	else if (ret == -EINVAL)
		fprintf(stderr, "vellum: set: %s can't be %#" PRIx64 "\n", name, v);
	else
		return look_failed(l, name, ret);
	return STATUS_INPUT;
}

int cmd_set(int argc, char **argv)
{
	struct words w = { .n = 0 };
	const struct look_command c = {
		.usage = "set NAME FIELD=VALUE...", .specs = specs,
		.n_specs = COUNT(specs), .word = take_word, .opaque = &w,
	};
	struct look l = LOOK_INIT;
	int status = look_parse(&l, &c, argc, argv);
	unsigned int i;

	if (status >= 0)
		return status;
	if (!w.n) {
		fprintf(stderr, "vellum: usage: vellum %s\n", c.usage);
		return STATUS_USAGE;
	}
	status = look_open_vcpu(&l);
	for (i = 0; !status && i < w.n; i++)
		status = set_word(&l, w.word[i]);
	if (!status)
		status = look_done(&l, "set");
	look_close(&l);
	return status;
}
