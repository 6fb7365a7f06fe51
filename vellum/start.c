/* SPDX-License-Identifier: MIT */
/*
 * How the first vCPU starts when not by boot.h's rules: as after a reset, or
 * with whatever state the user wants to try, right or wrong.
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* SDM3 "Processor State After Reset": CD, NW, ET set */
#define CR0_RESET		0x60000010ull
#define RFLAGS_RESET		0x2ull
#define CR4_PSE			0x10ull
#define SEG_DATA_RW		3
#define SEG_CODE_RX		11
#define SEG_LDT			2
#define SEG_TSS_BUSY		11
#define CPUID_SIGNATURE		1u

static int set_failed(const struct vcpu *c, int ret, struct vmm_error *e)
{
	return vmm_fail(e, VMM_ERR_INTERNAL,
			"%s: can't set the vCPU's registers: %s",
			c->m->vm.accel->path, strerror(-ret));
}

static void reset_sregs(struct kvm_sregs *s)
{
	struct kvm_segment data = {
		.limit = 0xffff, .type = SEG_DATA_RW, .present = 1, .s = 1,
	};

	s->ds = s->es = s->fs = s->gs = s->ss = s->cs = data;
	s->cs.type = SEG_CODE_RX;
	s->cs.selector = 0xf000;
	s->cs.base = 0xffff0000;
	s->ldt = s->tr = (struct kvm_segment){
		.limit = 0xffff, .type = SEG_LDT, .present = 1,
	};
	s->tr.type = SEG_TSS_BUSY;
	s->gdt = s->idt = (struct kvm_dtable){ .limit = 0xffff };
	s->cr0 = CR0_RESET;
	s->cr2 = s->cr3 = s->cr4 = s->efer = 0;
}

int vcpu_reset_state(struct vcpu *c, struct vmm_error *e)
{
	struct kvm_regs r = { .rip = 0xfff0, .rflags = RFLAGS_RESET };
	struct kvm_sregs s;
	uint32_t a, b, cc, d;
	int ret;

	/* EDX: the processor's signature, as CPUID tells it. */
	__asm__("cpuid" : "=a" (a), "=b" (b), "=c" (cc), "=d" (d)
		: "a" (CPUID_SIGNATURE), "c" (0));
	r.rdx = a;
	ret = vmm_vcpu_get_sregs(&c->v, &s);
	if (!ret) {
		reset_sregs(&s);
		ret = vmm_vcpu_set_sregs(&c->v, &s);
	}
	if (!ret)
		ret = vmm_vcpu_set_regs(&c->v, &r);
	return ret ? set_failed(c, ret, e) : 0;
}

/*
 * At a triple fault stock KVM on AMD clears the VMCB and resets the vCPU, LAPIC
 * and all.  The second-level tables' address it sets again when a bit changes on
 * which they depend.
 */
static int mend(struct vcpu *c, struct vmm_error *e)
{
	struct kvm_sregs s;
	int ret = vmm_vcpu_get_sregs(&c->v, &s);

	if (!ret) {
		s.cr4 ^= CR4_PSE;
		ret = vmm_vcpu_set_sregs(&c->v, &s);
	}
	return ret ? set_failed(c, ret, e) : vcpu_wire_lapic(c, e);
}

void vcpu_take_init(struct vcpu *c)
{
	bool shutdown = c->v.run->exit_reason == KVM_EXIT_SHUTDOWN;
	struct vmm_error e = { 0 };

	c->init = 0;
	/* What the last exit left to do belongs to the state that goes. */
	c->v.run->immediate_exit = 1;
	(void)vmm_vcpu_run(&c->v);
	c->v.run->immediate_exit = 0;
	if ((!shutdown || !mend(c, &e)) && !vcpu_reset_state(c, &e))
		return;
	pthread_mutex_lock(c->m->lock);
	machine_end(c->m, END_FAILED, 0, "%s", e.text);
	pthread_mutex_unlock(c->m->lock);
}

/* ---- a state file ---- */

enum kind { REG, SREG, SEGMENT, TABLE };

static const struct name {
	const char *name;
	enum kind kind;
	size_t offset;
} names[] = {
#define R(n)	{ #n, REG, offsetof(struct kvm_regs, n) }
	R(rax), R(rbx), R(rcx), R(rdx), R(rsi), R(rdi), R(rsp), R(rbp),
	R(r8), R(r9), R(r10), R(r11), R(r12), R(r13), R(r14), R(r15),
	R(rip), R(rflags),
#define S(n)	{ #n, SREG, offsetof(struct kvm_sregs, n) }
	S(cr0), S(cr2), S(cr3), S(cr4), S(efer), S(apic_base),
#define G(n)	{ #n, SEGMENT, offsetof(struct kvm_sregs, n) }
	G(cs), G(ds), G(es), G(fs), G(gs), G(ss), G(tr),
	{ "ldtr", SEGMENT, offsetof(struct kvm_sregs, ldt) },
	{ "gdtr", TABLE, offsetof(struct kvm_sregs, gdt) },
	{ "idtr", TABLE, offsetof(struct kvm_sregs, idt) },
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

/* SDM3 "Format of Access Rights" */
static void set_rights(struct kvm_segment *g, uint64_t ar)
{
	g->type = ar & 15;
	g->s = ar >> 4 & 1;
	g->dpl = ar >> 5 & 3;
	g->present = ar >> 7 & 1;
	g->avl = ar >> 12 & 1;
	g->l = ar >> 13 & 1;
	g->db = ar >> 14 & 1;
	g->g = ar >> 15 & 1;
	g->unusable = ar >> 16 & 1;
}

static bool set_segment(struct kvm_segment *g, const char *field, uint64_t v)
{
	if (!strcmp(field, "base"))
		g->base = v;
	else if (!strcmp(field, "limit"))
		g->limit = (uint32_t)v;
	else if (!strcmp(field, "selector"))
		g->selector = (uint16_t)v;
	else if (!strcmp(field, "ar"))
		set_rights(g, v);
	else
		return false;
	return true;
}

static bool set_table(struct kvm_dtable *t, const char *field, uint64_t v)
{
	if (!strcmp(field, "base"))
		t->base = v;
	else if (!strcmp(field, "limit"))
		t->limit = (uint16_t)v;
	else
		return false;
	return true;
}

static bool set_one(struct kvm_regs *r, struct kvm_sregs *s, const char *name,
		    const char *field, uint64_t v)
{
	unsigned int i;

	for (i = 0; i < N_NAMES; i++) {
		const struct name *n = &names[i];
		char *reg = (char *)r + n->offset, *sreg = (char *)s + n->offset;

		if (strcmp(n->name, name))
			continue;
		if (n->kind == SEGMENT)
			return set_segment((struct kvm_segment *)sreg, field, v);
		if (n->kind == TABLE)
			return set_table((struct kvm_dtable *)sreg, field, v);
		if (*field)
			return false;
		*(__u64 *)(n->kind == REG ? reg : sreg) = v;
		return true;
	}
	return false;
}

/* "cs.limit = 0x10", blanks anywhere, # to the end of the line. */
static bool set_line(struct kvm_regs *r, struct kvm_sregs *s, const char *line,
		     size_t len)
{
	char text[80], name[40], *dot, *end;
	unsigned int n = 0;
	uint64_t v;
	size_t i;

	for (i = 0; i < len && line[i] != '#'; i++) {
		if (isspace((unsigned char)line[i]))
			continue;
		if (n == sizeof(text) - 1)
			return false;
		text[n++] = (char)tolower((unsigned char)line[i]);
	}
	text[n] = '\0';
	if (!n)
		return true;
	end = strchr(text, '=');
	if (!end || end == text || (size_t)(end - text) >= sizeof(name))
		return false;
	memcpy(name, text, (size_t)(end - text));
	name[end - text] = '\0';
	dot = strchr(name, '.');
	if (dot)
		*dot++ = '\0';
	if (!isdigit((unsigned char)end[1]))
		return false;
	errno = 0;
	v = strtoull(end + 1, &end, 0);
	return !errno && !*end && set_one(r, s, name, dot ? dot : "", v);
}

/* For a message: as much of it as one can read. */
static int not_a_register(const char *file, unsigned int line,
			  const char *text, size_t len, struct vmm_error *e)
{
	char shown[61];
	size_t i;

	for (i = 0; i < len && i < sizeof(shown) - 1; i++)
		shown[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
	shown[i] = '\0';
	return vmm_fail(e, VMM_ERR_INPUT,
		"--state %s: line %u: \"%s\" is not REGISTER=NUMBER (rip, cr0, cs.base, cs.limit, cs.selector, cs.ar, idtr.limit...)",
		file, line, shown);
}

int vcpu_change_state(struct vcpu *c, const char *text, const char *file,
		      struct vmm_error *e)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	unsigned int line = 1;
	int ret;

	ret = vmm_vcpu_get_regs(&c->v, &r);
	if (!ret)
		ret = vmm_vcpu_get_sregs(&c->v, &s);
	if (ret)
		return set_failed(c, ret, e);
	for (; *text; line++) {
		size_t len = strcspn(text, "\n");

		if (!set_line(&r, &s, text, len))
			return not_a_register(file, line, text, len, e);
		text += len + (text[len] == '\n');
	}
	ret = vmm_vcpu_set_sregs(&c->v, &s);
	if (ret)
		return vmm_fail(e, VMM_ERR_INPUT,
			"--state %s: %s refuses this state (KVM_SET_SREGS: %s)",
			file, c->m->vm.accel->path, strerror(-ret));
	ret = vmm_vcpu_set_regs(&c->v, &r);
	return ret ? set_failed(c, ret, e) : 0;
}
