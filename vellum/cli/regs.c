/* SPDX-License-Identifier: MIT */
/* `vellum regs`: a vCPU's architectural state, with its bits by name. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "../../engine/explain/bits.h"
#include "../status.h"
#include "commands.h"
#include "look.h"

static const struct option_spec specs[] = { LOOK_SPECS };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct all_regs {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_debugregs d;
	struct kvm_fpu f;
	struct kvm_vcpu_events ev;
	struct kvm_mp_state mp;
};

static const struct { const char *name; size_t at; } gprs[] = {
	{ "rax", offsetof(struct kvm_regs, rax) }, { "rbx", offsetof(struct kvm_regs, rbx) },
	{ "rcx", offsetof(struct kvm_regs, rcx) }, { "rdx", offsetof(struct kvm_regs, rdx) },
	{ "rsi", offsetof(struct kvm_regs, rsi) }, { "rdi", offsetof(struct kvm_regs, rdi) },
	{ "rsp", offsetof(struct kvm_regs, rsp) }, { "rbp", offsetof(struct kvm_regs, rbp) },
	{ "r8", offsetof(struct kvm_regs, r8) }, { "r9", offsetof(struct kvm_regs, r9) },
	{ "r10", offsetof(struct kvm_regs, r10) }, { "r11", offsetof(struct kvm_regs, r11) },
	{ "r12", offsetof(struct kvm_regs, r12) }, { "r13", offsetof(struct kvm_regs, r13) },
	{ "r14", offsetof(struct kvm_regs, r14) }, { "r15", offsetof(struct kvm_regs, r15) },
	{ "rip", offsetof(struct kvm_regs, rip) }, { "rflags", offsetof(struct kvm_regs, rflags) },
};

static const struct { const char *name; size_t at; } segs[] = {
	{ "cs", offsetof(struct kvm_sregs, cs) }, { "ss", offsetof(struct kvm_sregs, ss) },
	{ "ds", offsetof(struct kvm_sregs, ds) }, { "es", offsetof(struct kvm_sregs, es) },
	{ "fs", offsetof(struct kvm_sregs, fs) }, { "gs", offsetof(struct kvm_sregs, gs) },
	{ "tr", offsetof(struct kvm_sregs, tr) }, { "ldtr", offsetof(struct kvm_sregs, ldt) },
};

static const struct { const char *name; size_t at; const struct bit_names *bits; } crs[] = {
	{ "cr0", offsetof(struct kvm_sregs, cr0), &bits_cr0 },
	{ "cr2", offsetof(struct kvm_sregs, cr2), NULL },
	{ "cr3", offsetof(struct kvm_sregs, cr3), NULL },
	{ "cr4", offsetof(struct kvm_sregs, cr4), &bits_cr4 },
	{ "cr8", offsetof(struct kvm_sregs, cr8), NULL },
	{ "efer", offsetof(struct kvm_sregs, efer), &bits_efer },
	{ "apic_base", offsetof(struct kvm_sregs, apic_base), NULL },
};

static const uint32_t msrs[] = {
	0x10, 0x174, 0x175, 0x176, 0x1a0, 0x277, 0x2ff, 0xc0000081, 0xc0000082,
	0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
};

static uint64_t at(const void *base, size_t offset)
{
	return *(const uint64_t *)((const char *)base + offset);
}

static const struct kvm_segment *seg_at(const struct all_regs *a, unsigned int i)
{
	return (const void *)((const char *)&a->s + segs[i].at);
}

static uint32_t access_rights(const struct kvm_segment *g)
{
	return (g->type & 15u) | g->s << 4 | g->dpl << 5 | g->present << 7 |
	       g->avl << 12 | g->l << 13 | g->db << 14 | g->g << 15 |
	       (uint32_t)g->unusable << 16;
}

static const char *mp_name(uint32_t state)
{
	static const char *const names[] = {
		"runnable", "waits for INIT", "waits for SIPI", "halted", "SIPI received",
	};

	return state < COUNT(names) ? names[state] : "unknown";
}

static const char *mode(const struct all_regs *a)
{
	if (!(a->s.cr0 & 1))
		return "real mode";
	if (a->r.rflags & RFLAGS_VM)
		return "virtual-8086 mode";
	if (a->s.efer & EFER_LMA)
		return a->s.cs.l ? "64-bit mode" : "compatibility mode";
	return a->s.cs.db ? "32-bit protected mode" : "16-bit protected mode";
}

static int get_all(struct look *l, struct all_regs *a)
{
	int ret = vmm_vcpu_get_regs(&l->v, &a->r);

	if (!ret)
		ret = vmm_vcpu_get_sregs(&l->v, &a->s);
	if (!ret)
		ret = vmm_vcpu_do(&l->v, KVM_GET_DEBUGREGS, &a->d);
	if (!ret)
		ret = vmm_vcpu_do(&l->v, KVM_GET_FPU, &a->f);
	if (!ret)
		ret = vmm_vcpu_do(&l->v, KVM_GET_VCPU_EVENTS, &a->ev);
	if (!ret)
		ret = vmm_vcpu_do(&l->v, KVM_GET_MP_STATE, &a->mp);
	return ret;
}

static const char *decode_bits(const struct bit_names *b, uint64_t v, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	if (b)
		bits_list(b, v, &t);
	return buf;
}

static const char *decode_ar(uint32_t ar, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	explain_decode_ar(ar, &t);
	return buf;
}

/* ---- text ---- */

static void print_segments(const struct all_regs *a)
{
	char buf[160];
	unsigned int i;

	for (i = 0; i < COUNT(segs); i++) {
		const struct kvm_segment *g = seg_at(a, i);

		printf("%-9s %04x  base %016llx  limit %08x  %s\n", segs[i].name,
		       g->selector, (unsigned long long)g->base, g->limit,
		       decode_ar(access_rights(g), buf, sizeof(buf)));
	}
	printf("%-9s       base %016llx  limit %08x\n", "gdtr",
	       (unsigned long long)a->s.gdt.base, a->s.gdt.limit);
	printf("%-9s       base %016llx  limit %08x\n", "idtr",
	       (unsigned long long)a->s.idt.base, a->s.idt.limit);
}

static void print_events(const struct kvm_vcpu_events *e)
{
	if (e->exception.injected)
		printf("on its way: %s\n", explain_vector_name(e->exception.nr));
	if (e->interrupt.injected)
		printf("on its way: %s %u\n", e->interrupt.soft ? "INT" : "interrupt",
		       e->interrupt.nr);
	if (e->nmi.injected || e->nmi.pending)
		printf("NMI %s\n", e->nmi.injected ? "on its way" : "pending");
	if (e->nmi.masked)
		printf("NMIs are blocked\n");
	if (e->interrupt.shadow)
		printf("interrupts are blocked for one instruction by %s\n",
		       e->interrupt.shadow & KVM_X86_SHADOW_INT_STI ? "STI" : "MOV SS");
}

static void print_text(struct look *l, const struct all_regs *a)
{
	char buf[512];
	unsigned int i;

	printf("vCPU %u of %s: %s, %s\n", (unsigned int)l->vcpu, l->name,
	       mp_name(a->mp.mp_state), mode(a));
	for (i = 0; i < 16; i++)
		printf("%-3s %016" PRIx64 "%s", gprs[i].name, at(&a->r, gprs[i].at),
		       i % 4 == 3 ? "\n" : "   ");
	printf("rip %016llx   rflags %llx  %s\n", (unsigned long long)a->r.rip,
	       (unsigned long long)a->r.rflags,
	       decode_bits(&bits_rflags, a->r.rflags & ~2ull, buf, sizeof(buf)));
	print_segments(a);
	for (i = 0; i < COUNT(crs); i++)
		printf("%-9s %016" PRIx64 "  %s\n", crs[i].name, at(&a->s, crs[i].at),
		       decode_bits(crs[i].bits, at(&a->s, crs[i].at), buf, sizeof(buf)));
	for (i = 0; i < 4; i++)
		printf("dr%u %016llx%s", i, (unsigned long long)a->d.db[i],
		       i == 3 ? "\n" : "   ");
	printf("dr6 %016llx   dr7 %016llx\n", (unsigned long long)a->d.dr6,
	       (unsigned long long)a->d.dr7);
	printf("fcw %04x  fsw %04x  ftw %02x  mxcsr %08x\n", a->f.fcw, a->f.fsw,
	       a->f.ftwx, a->f.mxcsr);
	for (i = 0; i < COUNT(msrs); i++) {
		uint64_t v;

		if (!vmm_vcpu_get_msr(&l->v, msrs[i], &v))
			printf("msr %-8x %016" PRIx64 "  %s\n", msrs[i], v,
			       explain_msr_name(msrs[i]) ? explain_msr_name(msrs[i]) : "");
	}
	print_events(&a->ev);
}

/* ---- JSON ---- */

static json_t *seg_json(const struct kvm_segment *g)
{
	return json_pack("{s:i, s:o, s:o, s:o}", "selector", g->selector,
			 "base", look_hex(g->base), "limit", look_hex(g->limit),
			 "access", look_hex(access_rights(g)));
}

static json_t *to_json(struct look *l, const struct all_regs *a)
{
	json_t *root = json_object(), *o;
	char name[16];
	unsigned int i;

	json_object_set_new(root, "vm", json_string(l->name));
	json_object_set_new(root, "vcpu", json_integer((json_int_t)l->vcpu));
	json_object_set_new(root, "state", json_string(mp_name(a->mp.mp_state)));
	json_object_set_new(root, "mode", json_string(mode(a)));
	for (i = 0; i < COUNT(gprs); i++)
		json_object_set_new(root, gprs[i].name, look_hex(at(&a->r, gprs[i].at)));
	for (i = 0; i < COUNT(segs); i++)
		json_object_set_new(root, segs[i].name, seg_json(seg_at(a, i)));
	json_object_set_new(root, "gdtr", json_pack("{s:o, s:i}", "base",
		look_hex(a->s.gdt.base), "limit", a->s.gdt.limit));
	json_object_set_new(root, "idtr", json_pack("{s:o, s:i}", "base",
		look_hex(a->s.idt.base), "limit", a->s.idt.limit));
	for (i = 0; i < COUNT(crs); i++)
		json_object_set_new(root, crs[i].name, look_hex(at(&a->s, crs[i].at)));
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "dr%u", i);
		json_object_set_new(root, name, look_hex(a->d.db[i]));
	}
	json_object_set_new(root, "dr6", look_hex(a->d.dr6));
	json_object_set_new(root, "dr7", look_hex(a->d.dr7));
	json_object_set_new(root, "mxcsr", look_hex(a->f.mxcsr));
	o = json_object();
	for (i = 0; i < COUNT(msrs); i++) {
		uint64_t v;

		snprintf(name, sizeof(name), "%#x", msrs[i]);
		if (!vmm_vcpu_get_msr(&l->v, msrs[i], &v))
			json_object_set_new(o, name, look_hex(v));
	}
	json_object_set_new(root, "msrs", o);
	return root;
}

int cmd_regs(int argc, char **argv)
{
	const struct look_command c = {
		.usage = "regs NAME", .specs = specs, .n_specs = COUNT(specs),
	};
	struct look l = LOOK_INIT;
	struct all_regs a;
	int status = look_parse(&l, &c, argc, argv), ret;

	if (status >= 0)
		return status;
	status = look_open_vcpu(&l);
	if (!status) {
		ret = get_all(&l, &a);
		if (ret)
			status = look_failed(&l, "registers", ret);
		else if (l.json)
			status = look_print(to_json(&l, &a));
		else
			print_text(&l, &a);
	}
	look_close(&l);
	return status;
}
