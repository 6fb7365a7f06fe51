/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regs.h"

#define EFER_LMA	0x400ull

/* Where a register lives, and so how it is written. */
enum place { REGS, SREGS, FPU, DEBUG, MSRS, SELECTOR, PC, OFFSET, TAG };

struct reg {
	const char *name;
	const char *type;	/* in the description */
	uint16_t size;		/* bytes there */
	uint8_t place;		/* enum place */
	uint8_t width;		/* bytes in the structure; 0: size */
	uint32_t offset;	/* into struct gdb_state */
	uint32_t extra;		/* MSR's number */
};

#define AT(field)	(uint32_t)offsetof(struct gdb_state, field)
#define R(name, type, size, place, width, field) \
	{ name, type, size, place, width, AT(field), 0 }

#define GPR64(n)	R(#n, "int64", 8, REGS, 8, r.n)
#define PTR64(n)	R(#n, "data_ptr", 8, REGS, 8, r.n)
#define GPR32(n, f)	R(n, "int32", 4, REGS, 8, r.f)
#define PTR32(n, f)	R(n, "data_ptr", 4, REGS, 8, r.f)
#define SEG(n)		R(#n, "int32", 4, SELECTOR, 2, s.n)
#define ST(n)		R("st" #n, "i387_ext", 10, FPU, 10, f.fpr[n])
#define X87(n, w, field) R(n, "int", 4, FPU, w, field)
#define XMM(n)		R("xmm" #n, "vec128", 16, FPU, 16, f.xmm[n])

#define SEGMENTS	SEG(cs), SEG(ss), SEG(ds), SEG(es), SEG(fs), SEG(gs)
#define X87_REGS \
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7), \
	X87("fctrl", 2, f.fcw), X87("fstat", 2, f.fsw), \
	R("ftag", "int", 4, TAG, 1, f.ftwx), \
	X87("fiseg", 1, f.pad1), X87("fioff", 4, f.last_ip), \
	X87("foseg", 1, f.pad1), X87("fooff", 4, f.last_dp), \
	X87("fop", 2, f.last_opcode)

static const struct reg core64[] = {
	GPR64(rax), GPR64(rbx), GPR64(rcx), GPR64(rdx), GPR64(rsi), GPR64(rdi),
	PTR64(rbp), PTR64(rsp), GPR64(r8), GPR64(r9), GPR64(r10), GPR64(r11),
	GPR64(r12), GPR64(r13), GPR64(r14), GPR64(r15),
	R("rip", "code_ptr", 8, PC, 8, r.rip),
	R("eflags", "i386_eflags", 4, REGS, 8, r.rflags),
	SEGMENTS, X87_REGS,
};

static const struct reg core32[] = {
	GPR32("eax", rax), GPR32("ecx", rcx), GPR32("edx", rdx), GPR32("ebx", rbx),
	PTR32("esp", rsp), PTR32("ebp", rbp), GPR32("esi", rsi), GPR32("edi", rdi),
	R("eip", "code_ptr", 4, PC, 8, r.rip),
	R("eflags", "i386_eflags", 4, REGS, 8, r.rflags),
	SEGMENTS, X87_REGS,
};

static const struct reg sse64[] = {
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
	XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	R("mxcsr", "i386_mxcsr", 4, FPU, 4, f.mxcsr),
};

static const struct reg sse32[] = {
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
	R("mxcsr", "i386_mxcsr", 4, FPU, 4, f.mxcsr),
};

static const struct reg segments64[] = {
	R("fs_base", "int64", 8, SREGS, 8, s.fs.base),
	R("gs_base", "int64", 8, SREGS, 8, s.gs.base),
};

#define S64(name, field)	R(name, "uint64", 8, SREGS, 8, s.field)
#define S32(name, w, field)	R(name, "uint32", 4, SREGS, w, s.field)
#define DR(name, field)		R(name, "uint64", 8, DEBUG, 8, d.field)
#define MSR(name, index, number) \
	{ name, "uint64", 8, MSRS, 8, AT(msr[index]), number }

/* Ours: no debugger knows these by name. */
static const struct reg system_regs[] = {
	R("cr0", "cr0_bits", 8, SREGS, 8, s.cr0), S64("cr2", cr2), S64("cr3", cr3),
	R("cr4", "cr4_bits", 8, SREGS, 8, s.cr4), S64("cr8", cr8),
	R("efer", "efer_bits", 8, SREGS, 8, s.efer),
	S64("cs_base", cs.base), S64("ss_base", ss.base), S64("ds_base", ds.base),
	S64("es_base", es.base),
	S32("cs_limit", 4, cs.limit), S32("ss_limit", 4, ss.limit),
	R("ip_offset", "uint64", 8, OFFSET, 8, r.rip),
	S64("gdt_base", gdt.base), S32("gdt_limit", 2, gdt.limit),
	S64("idt_base", idt.base), S32("idt_limit", 2, idt.limit),
	S32("tr", 2, tr.selector), S64("tr_base", tr.base), S32("tr_limit", 4, tr.limit),
	S32("ldt", 2, ldt.selector), S64("ldt_base", ldt.base),
	S64("apic_base", apic_base),
	DR("dr0", db[0]), DR("dr1", db[1]), DR("dr2", db[2]), DR("dr3", db[3]),
	DR("dr6", dr6), DR("dr7", dr7),
	MSR("k_gs_base", GDB_KERNEL_GS_BASE, 0xc0000102),
	MSR("star", GDB_STAR, 0xc0000081), MSR("lstar", GDB_LSTAR, 0xc0000082),
	MSR("cstar", GDB_CSTAR, 0xc0000083), MSR("sfmask", GDB_SFMASK, 0xc0000084),
	MSR("sysenter_cs", GDB_SYSENTER_CS, 0x174),
	MSR("sysenter_esp", GDB_SYSENTER_ESP, 0x175),
	MSR("sysenter_eip", GDB_SYSENTER_EIP, 0x176),
	MSR("pat", GDB_PAT, 0x277),
};

/* Where the description of these begins, segments64 has no place. */
static const struct reg segments32[] = {
	S64("fs_base", fs.base), S64("gs_base", gs.base),
};

struct feature {
	const char *name;
	const struct reg *reg;
	unsigned int n;
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define F(name, a) { name, a, N(a) }
#define FEATURES	4

static const struct feature features64[FEATURES] = {
	F("org.gnu.gdb.i386.core", core64), F("org.gnu.gdb.i386.sse", sse64),
	F("org.gnu.gdb.i386.segments", segments64),
	F("vellum.x86.system", system_regs),
};

static const struct feature features32[FEATURES] = {
	F("org.gnu.gdb.i386.core", core32), F("org.gnu.gdb.i386.sse", sse32),
	F("vellum.x86.segments", segments32),
	F("vellum.x86.system", system_regs),
};

const char *const gdb_arch_names[GDB_ARCHS] = { "i386:x86-64", "i386", "i8086" };

static const struct feature *features(enum gdb_arch arch)
{
	return arch == GDB_X86_64 ? features64 : features32;
}

static const struct reg *reg_at(enum gdb_arch arch, unsigned int n)
{
	const struct feature *f = features(arch);
	unsigned int i;

	for (i = 0; i < FEATURES; i++) {
		if (n < f[i].n)
			return &f[i].reg[n];
		n -= f[i].n;
	}
	return NULL;
}

/* ---- the description ---- */

struct bit { const char *name; unsigned int at; };

static const struct bit cr0_bits[] = {
	{ "PE", 0 }, { "MP", 1 }, { "EM", 2 }, { "TS", 3 }, { "ET", 4 }, { "NE", 5 },
	{ "WP", 16 }, { "AM", 18 }, { "NW", 29 }, { "CD", 30 }, { "PG", 31 },
}, cr4_bits[] = {
	{ "VME", 0 }, { "PVI", 1 }, { "TSD", 2 }, { "DE", 3 }, { "PSE", 4 },
	{ "PAE", 5 }, { "MCE", 6 }, { "PGE", 7 }, { "PCE", 8 }, { "OSFXSR", 9 },
	{ "OSXMMEXCPT", 10 }, { "UMIP", 11 }, { "LA57", 12 }, { "VMXE", 13 },
	{ "SMXE", 14 }, { "FSGSBASE", 16 }, { "PCIDE", 17 }, { "OSXSAVE", 18 },
	{ "SMEP", 20 }, { "SMAP", 21 }, { "PKE", 22 },
}, efer_bits[] = {
	{ "SCE", 0 }, { "LME", 8 }, { "LMA", 10 }, { "NXE", 11 }, { "SVME", 12 },
	{ "FFXSR", 14 },
}, eflags_bits[] = {
	{ "CF", 0 }, { "", 1 }, { "PF", 2 }, { "AF", 4 }, { "ZF", 6 }, { "SF", 7 },
	{ "TF", 8 }, { "IF", 9 }, { "DF", 10 }, { "OF", 11 }, { "NT", 14 },
	{ "RF", 16 }, { "VM", 17 }, { "AC", 18 }, { "VIF", 19 }, { "VIP", 20 },
	{ "ID", 21 },
}, mxcsr_bits[] = {
	{ "IE", 0 }, { "DE", 1 }, { "ZE", 2 }, { "OE", 3 }, { "UE", 4 }, { "PE", 5 },
	{ "DAZ", 6 }, { "IM", 7 }, { "DM", 8 }, { "ZM", 9 }, { "OM", 10 },
	{ "UM", 11 }, { "PM", 12 }, { "FZ", 15 },
};

static void put_flags(FILE *f, const char *id, unsigned int size,
		      const struct bit *bit, unsigned int n)
{
	unsigned int i;

	fprintf(f, "<flags id=\"%s\" size=\"%u\">", id, size);
	for (i = 0; i < n; i++)
		fprintf(f, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>",
			bit[i].name, bit[i].at, bit[i].at);
	fprintf(f, "</flags>");
}

static void put_types(FILE *f, const struct feature *t)
{
	if (strstr(t->name, ".core"))
		put_flags(f, "i386_eflags", 4, eflags_bits, N(eflags_bits));
	if (strstr(t->name, ".sse")) {
		fprintf(f, "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
			"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
			"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
			"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
			"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
			"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
			"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
			"<field name=\"v2_double\" type=\"v2d\"/>"
			"<field name=\"v16_int8\" type=\"v16i8\"/>"
			"<field name=\"v8_int16\" type=\"v8i16\"/>"
			"<field name=\"v4_int32\" type=\"v4i32\"/>"
			"<field name=\"v2_int64\" type=\"v2i64\"/>"
			"<field name=\"uint128\" type=\"uint128\"/></union>");
		put_flags(f, "i386_mxcsr", 4, mxcsr_bits, N(mxcsr_bits));
	}
	if (t->reg == system_regs) {
		put_flags(f, "cr0_bits", 8, cr0_bits, N(cr0_bits));
		put_flags(f, "cr4_bits", 8, cr4_bits, N(cr4_bits));
		put_flags(f, "efer_bits", 8, efer_bits, N(efer_bits));
	}
}

char *gdb_description(enum gdb_arch arch)
{
	unsigned int i, j, number = 0;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fprintf(f, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
		"<target version=\"1.0\"><architecture>%s</architecture>",
		gdb_arch_names[arch]);
	for (i = 0; i < FEATURES; i++) {
		const struct feature *t = &features(arch)[i];

		fprintf(f, "<feature name=\"%s\">", t->name);
		put_types(f, t);
		for (j = 0; j < t->n; j++)
			fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>",
				t->reg[j].name, t->reg[j].size * 8,
				t->reg[j].type, number++);
		fprintf(f, "</feature>");
	}
	fprintf(f, "</target>");
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- values ---- */

static uint32_t msr_number(unsigned int index)
{
	unsigned int i;

	for (i = 0; i < N(system_regs); i++)
		if (system_regs[i].place == MSRS &&
		    system_regs[i].offset == AT(msr) + 8 * index)
			return system_regs[i].extra;
	return 0;
}

int gdb_state_get(const struct vmm_vcpu *v, struct gdb_state *s)
{
	unsigned int i;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = vmm_vcpu_get_regs(v, &s->r);
	if (!ret)
		ret = vmm_vcpu_get_sregs(v, &s->s);
	if (!ret)
		ret = vmm_vcpu_do(v, KVM_GET_FPU, &s->f);
	if (!ret)
		ret = vmm_vcpu_do(v, KVM_GET_DEBUGREGS, &s->d);
	for (i = 0; i < GDB_MSRS && !ret; i++)
		(void)vmm_vcpu_get_msr(v, msr_number(i), &s->msr[i]);
	return ret;
}

static uint64_t cs_base(const struct gdb_state *s)
{
	return (s->s.efer & EFER_LMA) && s->s.cs.l ? 0 : s->s.cs.base;
}

uint64_t gdb_pc(const struct gdb_state *s)
{
	uint64_t pc = s->r.rip + cs_base(s);

	return (s->s.efer & EFER_LMA) && s->s.cs.l ? pc : (uint32_t)pc;
}

unsigned int gdb_reg_count(enum gdb_arch arch)
{
	unsigned int i, n = 0;

	for (i = 0; i < FEATURES; i++)
		n += features(arch)[i].n;
	return n;
}

unsigned int gdb_reg_size(enum gdb_arch arch, unsigned int n)
{
	const struct reg *r = reg_at(arch, n);

	return r ? r->size : 0;
}

/* The x87 tag word is kept abridged: a bit for "not empty". */
static uint16_t full_tags(uint8_t abridged)
{
	uint16_t tags = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (!(abridged & (1u << i)))
			tags = (uint16_t)(tags | 3u << (2 * i));
	return tags;
}

void gdb_reg_get(const struct gdb_state *s, enum gdb_arch arch, unsigned int n,
		 void *buf)
{
	const struct reg *r = reg_at(arch, n);
	uint64_t pc = gdb_pc(s);
	uint16_t tags = full_tags(s->f.ftwx);
	const void *from = (const char *)s + r->offset;
	size_t width = r->width < r->size ? r->width : r->size;

	if (r->place == SELECTOR)
		from = &((const struct kvm_segment *)from)->selector;
	else if (r->place == PC)
		from = &pc;
	else if (r->place == TAG) {
		from = &tags;
		width = sizeof(tags);
	}
	memset(buf, 0, r->size);
	memcpy(buf, from, width);
}

/* In real mode a selector is an address; elsewhere it needs a descriptor. */
static int set_selector(struct gdb_state *s, const struct reg *r, uint16_t sel)
{
	struct kvm_segment *g = (void *)((char *)s + r->offset);

	if (g->selector == sel)
		return 0;
	if (s->s.cr0 & 1)
		return -EPERM;
	g->selector = sel;
	g->base = (uint64_t)sel << 4;
	return 0;
}

static int set_value(struct gdb_state *s, const struct reg *r, const void *buf)
{
	uint64_t v = 0;
	size_t n = r->width && r->width < r->size ? r->width : r->size;

	memcpy(&v, buf, r->size < sizeof(v) ? r->size : sizeof(v));
	switch (r->place) {
	case SELECTOR:
		return set_selector(s, r, (uint16_t)v);
	case PC:
		v -= cs_base(s);
		s->r.rip = r->size == 4 || cs_base(s) ? (uint32_t)v : v;
		return 0;
	case TAG:
		return 0;
	default:
		/* A 32-bit register is the low half, with nothing above it. */
		if (r->place == REGS && r->size == 4)
			*(uint64_t *)((char *)s + r->offset) = v;
		else
			memcpy((char *)s + r->offset, buf, n);
		return 0;
	}
}

int gdb_reg_set(struct vmm_vcpu *v, struct gdb_state *s,
		enum gdb_arch arch, unsigned int n, const void *buf)
{
	const struct reg *r = reg_at(arch, n);
	struct gdb_state new = *s;
	int ret;

	if (!r)
		return -EINVAL;
	ret = set_value(&new, r, buf);
	if (ret || !memcmp(&new, s, sizeof(new)))
		return ret;
	switch (r->place) {
	case REGS: case PC: case OFFSET:
		ret = vmm_vcpu_set_regs(v, &new.r);
		break;
	case SREGS: case SELECTOR:
		ret = vmm_vcpu_set_sregs(v, &new.s);
		break;
	case FPU: case TAG:
		ret = vmm_vcpu_do(v, KVM_SET_FPU, &new.f);
		break;
	case DEBUG:
		ret = vmm_vcpu_do(v, KVM_SET_DEBUGREGS, &new.d);
		break;
	default: {
		uint64_t value;

		memcpy(&value, (char *)&new + r->offset, sizeof(value));
		ret = vmm_vcpu_set_msr(v, r->extra, value);
		ret = ret == 1 ? 0 : ret ? ret : -EINVAL;
		break;
	}
	}
	if (!ret)
		*s = new;
	return ret;
}
