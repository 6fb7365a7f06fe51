// SPDX-License-Identifier: MIT OR GPL-2.0
/* vCPU state between the engine and the ABI's structures. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmm.h"
#include "engine/core/regs.h"
#include "engine/x86/debug.h"

#define MSRS_MAX	256

static int get_regs(struct vcpu *v, struct kvm_regs *r)
{
	vcpu_need_reg(v, REG_RIP | REG_RSP | REG_RFLAGS);
	r->rax = v->gpr[GPR_RAX];
	r->rbx = v->gpr[GPR_RBX];
	r->rcx = v->gpr[GPR_RCX];
	r->rdx = v->gpr[GPR_RDX];
	r->rsi = v->gpr[GPR_RSI];
	r->rdi = v->gpr[GPR_RDI];
	r->rsp = v->gpr[GPR_RSP];
	r->rbp = v->gpr[GPR_RBP];
	r->r8 = v->gpr[GPR_R8];
	r->r9 = v->gpr[GPR_R9];
	r->r10 = v->gpr[GPR_R10];
	r->r11 = v->gpr[GPR_R11];
	r->r12 = v->gpr[GPR_R12];
	r->r13 = v->gpr[GPR_R13];
	r->r14 = v->gpr[GPR_R14];
	r->r15 = v->gpr[GPR_R15];
	r->rip = v->rip;
	r->rflags = v->rflags;
	return 0;
}

static int set_regs(struct vcpu *v, const struct kvm_regs *r)
{
	v->gpr[GPR_RAX] = r->rax;
	v->gpr[GPR_RBX] = r->rbx;
	v->gpr[GPR_RCX] = r->rcx;
	v->gpr[GPR_RDX] = r->rdx;
	v->gpr[GPR_RSI] = r->rsi;
	v->gpr[GPR_RDI] = r->rdi;
	v->gpr[GPR_RBP] = r->rbp;
	v->gpr[GPR_R8] = r->r8;
	v->gpr[GPR_R9] = r->r9;
	v->gpr[GPR_R10] = r->r10;
	v->gpr[GPR_R11] = r->r11;
	v->gpr[GPR_R12] = r->r12;
	v->gpr[GPR_R13] = r->r13;
	v->gpr[GPR_R14] = r->r14;
	v->gpr[GPR_R15] = r->r15;
	vcpu_set_rsp(v, r->rsp);
	vcpu_set_rip(v, r->rip);
	/* Bits that can't be set in the register can't be set here either. */
	vcpu_set_rflags(v, r->rflags & 0x3f7fd5);
	v->exception.type = EVENT_NONE;
	x86_debug_moved(v);
	return 0;
}

/* -- Segments ----------------------------------------------------------------- */

static void from_seg(struct kvm_segment *out, const struct x86_seg *s)
{
	*out = (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->ar & 15, .s = !!(s->ar & AR_S), .dpl = AR_DPL(s->ar),
		.present = !!(s->ar & AR_P), .avl = !!(s->ar & AR_AVL),
		.l = !!(s->ar & AR_L), .db = !!(s->ar & AR_DB), .g = !!(s->ar & AR_G),
		.unusable = !!(s->ar & AR_UNUSABLE),
	};
}

static void to_seg(struct x86_seg *out, const struct kvm_segment *s)
{
	*out = (struct x86_seg){
		.base = s->base, .limit = s->limit, .sel = s->selector,
		.ar = (s->type & 15) | (s->s ? AR_S : 0) | (s->dpl & 3) << 5 |
		      (s->present ? AR_P : 0) | (s->avl ? AR_AVL : 0) |
		      (s->l ? AR_L : 0) | (s->db ? AR_DB : 0) | (s->g ? AR_G : 0) |
		      (s->unusable || !s->present ? AR_UNUSABLE : 0),
	};
}

static const struct {
	enum seg seg;
	size_t offset;
} segments[] = {
	{ SEG_CS, offsetof(struct kvm_sregs, cs) }, { SEG_DS, offsetof(struct kvm_sregs, ds) },
	{ SEG_ES, offsetof(struct kvm_sregs, es) }, { SEG_FS, offsetof(struct kvm_sregs, fs) },
	{ SEG_GS, offsetof(struct kvm_sregs, gs) }, { SEG_SS, offsetof(struct kvm_sregs, ss) },
	{ SEG_TR, offsetof(struct kvm_sregs, tr) }, { SEG_LDTR, offsetof(struct kvm_sregs, ldt) },
};

static int get_sregs(struct vcpu *v, struct kvm_sregs *r)
{
	struct x86_dtable gdt, idt;
	struct x86_seg seg;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	backend->sync_crs(v);
	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		backend->get_seg(v, segments[i].seg, &seg);
		from_seg((void *)r + segments[i].offset, &seg);
	}
	backend->get_dtables(v, &gdt, &idt);
	r->gdt.base = gdt.base;
	r->gdt.limit = gdt.limit;
	r->idt.base = idt.base;
	r->idt.limit = idt.limit;
	r->cr0 = v->cr0;
	r->cr2 = v->cr2;
	r->cr3 = v->cr3;
	r->cr4 = v->cr4;
	r->cr8 = x86_get_cr8(v);
	r->efer = v->efer;
	r->apic_base = v->apic_base;
	if (v->injected.type == EVENT_IRQ)
		set_bit(v->injected.vector, (unsigned long *)r->interrupt_bitmap);
	else if (v->user_irq >= 0)
		set_bit(v->user_irq, (unsigned long *)r->interrupt_bitmap);
	return 0;
}

/* Combinations that no sequence of instructions reaches. */
static bool sregs_possible(struct vcpu *v, const struct kvm_sregs *r)
{
	bool lma = r->efer & EFER_LMA, pg = r->cr0 & CR0_PG;

	if (r->cr0 >> 32 || (pg && !(r->cr0 & CR0_PE)) ||
	    ((r->cr0 & CR0_NW) && !(r->cr0 & CR0_CD)))
		return false;
	if (r->efer & ~(v->guest_efer_valid | EFER_LMA))
		return false;
	if (lma && (!(r->efer & EFER_LME) || !pg || !(r->cr4 & CR4_PAE)))
		return false;
	if (pg && (r->efer & EFER_LME) && !lma)
		return false;
	if (lma && r->cr3 >> x86_phys_bits(v))
		return false;
	return !(r->cr4 & v->guest_cr4_reserved);
}

static int set_sregs(struct vcpu *v, const struct kvm_sregs *r)
{
	struct x86_dtable t;
	struct x86_seg seg;
	unsigned int i;
	int vector, rc;

	if (!sregs_possible(v, r))
		return -EINVAL;
	rc = x86_set_msr(v, MSR_APIC_BASE, r->apic_base, true);
	if (rc)
		return rc;
	t = (struct x86_dtable){ r->gdt.base, r->gdt.limit };
	backend->set_gdt(v, &t);
	t = (struct x86_dtable){ r->idt.base, r->idt.limit };
	backend->set_idt(v, &t);
	v->cr2 = r->cr2;
	backend->sync_crs(v);
	backend->set_efer(v, r->efer);
	backend->set_cr3(v, r->cr3);
	backend->set_cr4(v, r->cr4);
	backend->set_cr0(v, r->cr0);
	x86_set_cr8(v, r->cr8 & 15);
	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		to_seg(&seg, (void *)r + segments[i].offset);
		backend->set_seg(v, segments[i].seg, &seg);
	}
	vector = find_first_bit((unsigned long *)r->interrupt_bitmap, KVM_NR_INTERRUPTS);
	if (vector < KVM_NR_INTERRUPTS)
		v->user_irq = vector;
	x86_debug_moved(v);
	vcpu_request(v, REQ_TLB | REQ_EVENT);
	return 0;
}

/* -- Events, debug registers, MP state ------------------------------------------ */

static int get_events(struct vcpu *v, struct kvm_vcpu_events *e)
{
	u32 shadow = backend->get_shadow(v);
	const struct event *x = v->exception.type ? &v->exception : &v->injected;

	memset(e, 0, sizeof(*e));
	if (x->type == EVENT_EXCEPTION) {
		e->exception.injected = 1;
		e->exception.nr = x->vector;
		e->exception.has_error_code = x->has_error;
		e->exception.error_code = x->error;
	}
	e->interrupt.injected = v->injected.type == EVENT_IRQ ||
				v->injected.type == EVENT_SOFT_INT;
	e->interrupt.soft = v->injected.type == EVENT_SOFT_INT;
	e->interrupt.nr = v->injected.vector;
	e->interrupt.shadow = (shadow & 1 ? KVM_X86_SHADOW_INT_STI : 0) |
			      (shadow & 2 ? KVM_X86_SHADOW_INT_MOV_SS : 0);
	e->nmi.injected = v->injected.type == EVENT_NMI;
	e->nmi.pending = LOAD(&v->nmi_queued);
	e->nmi.masked = backend->get_nmi_mask(v);
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	return 0;
}

/* SMM is not offered: what belongs to it is accepted and is nothing. */
#define EVENT_FLAGS	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
			 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM)

static int set_events(struct vcpu *v, const struct kvm_vcpu_events *e)
{
	if (e->flags & ~EVENT_FLAGS)
		return -EINVAL;
	if (e->exception.injected && (e->exception.nr > 31 || e->exception.nr == 2))
		return -EINVAL;
	v->injected.type = v->exception.type = EVENT_NONE;
	backend->uninject(v);
	if (e->exception.injected)
		v->injected = (struct event){
			.type = EVENT_EXCEPTION, .vector = e->exception.nr,
			.has_error = !!e->exception.has_error_code,
			.error = e->exception.error_code,
		};
	else if (e->interrupt.injected)
		v->injected = (struct event){
			.type = e->interrupt.soft ? EVENT_SOFT_INT : EVENT_IRQ,
			.vector = e->interrupt.nr,
		};
	else if (e->nmi.injected)
		v->injected = (struct event){ .type = EVENT_NMI, .vector = 2 };
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		backend->set_shadow(v, (e->interrupt.shadow & KVM_X86_SHADOW_INT_STI ? 1 : 0) |
				    (e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? 2 : 0));
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		STORE(&v->nmi_queued, e->nmi.pending ? 1 : 0);
	backend->set_nmi_mask(v, e->nmi.masked);
	vcpu_request(v, REQ_EVENT);
	return 0;
}

static int get_debugregs(struct vcpu *v, struct kvm_debugregs *d)
{
	memset(d, 0, sizeof(*d));
	backend->sync_debug(v);
	memcpy(d->db, v->dr, sizeof(d->db));
	d->dr6 = v->dr6;
	d->dr7 = v->dr7;
	return 0;
}

static int set_debugregs(struct vcpu *v, const struct kvm_debugregs *d)
{
	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(v->dr, d->db, sizeof(v->dr));
	v->dr6 = d->dr6;
	v->dr7 = d->dr7;
	backend->set_debug(v);
	return 0;
}

static int set_guest_debug(struct vcpu *v, const struct kvm_guest_debug *d)
{
	static const struct { u32 abi, ours; } bits[] = {
		{ KVM_GUESTDBG_SINGLESTEP, DEBUG_STEP },
		{ KVM_GUESTDBG_USE_SW_BP, DEBUG_INT3 },
		{ KVM_GUESTDBG_USE_HW_BP, DEBUG_HARDWARE },
		{ KVM_GUESTDBG_BLOCKIRQ, DEBUG_BLOCK_IRQ },
	};
	u8 inject = d->control & KVM_GUESTDBG_INJECT_DB ? VEC_DB :
		    d->control & KVM_GUESTDBG_INJECT_BP ? VEC_BP : 0;
	u32 control = 0;
	unsigned int i;

	if (d->control & ~(u32)GUEST_DEBUG_FLAGS)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(bits) && (d->control & KVM_GUESTDBG_ENABLE); i++)
		if (d->control & bits[i].abi)
			control |= bits[i].ours;
	return vcpu_set_debug(v, control, d->arch.debugreg, d->arch.debugreg[7], inject);
}

static int get_mp_state(struct vcpu *v, struct kvm_mp_state *s)
{
	s->mp_state = v->mp_state;
	return 0;
}

static int set_mp_state(struct vcpu *v, const struct kvm_mp_state *s)
{
	if (s->mp_state > MP_SIPI_RECEIVED || (!v->lapic && s->mp_state != MP_RUNNABLE))
		return -EINVAL;
	STORE(&v->mp_state, s->mp_state);
	vcpu_request(v, REQ_EVENT);
	return 0;
}

static int get_lapic(struct vcpu *v, struct kvm_lapic_state *s)
{
	if (!v->lapic)
		return -EINVAL;
	lapic_get_state(v->lapic, s->regs);
	return 0;
}

static int set_lapic(struct vcpu *v, const struct kvm_lapic_state *s)
{
	int rc = v->lapic ? lapic_set_state(v->lapic, s->regs) : -EINVAL;

	vcpu_request(v, REQ_EVENT);
	return rc;
}

/* SDM1 "Legacy Region of an XSAVE Area" is also the image of FXSAVE. */
static int get_fpu(struct vcpu *v, struct kvm_fpu *f)
{
	const struct fxregs_state *fx = &v->host->fpu.fpstate->regs.fxsave;

	memset(f, 0, sizeof(*f));
	memcpy(f->fpr, fx->st_space, sizeof(f->fpr));
	f->fcw = fx->cwd;
	f->fsw = fx->swd;
	f->ftwx = fx->twd;
	f->last_opcode = fx->fop;
	f->last_ip = fx->rip;
	f->last_dp = fx->rdp;
	memcpy(f->xmm, fx->xmm_space, sizeof(f->xmm));
	f->mxcsr = fx->mxcsr;
	return 0;
}

static int set_fpu(struct vcpu *v, const struct kvm_fpu *f)
{
	struct fxregs_state *fx = &v->host->fpu.fpstate->regs.fxsave;

	if (f->mxcsr & ~0xffff)		/* XRSTOR would fault on these */
		return -EINVAL;
	memcpy(fx->st_space, f->fpr, sizeof(f->fpr));
	fx->cwd = f->fcw;
	fx->swd = f->fsw;
	fx->twd = f->ftwx;
	fx->fop = f->last_opcode;
	fx->rip = f->last_ip;
	fx->rdp = f->last_dp;
	memcpy(fx->xmm_space, f->xmm, sizeof(f->xmm));
	fx->mxcsr = f->mxcsr;
	v->host->fpu.fpstate->regs.xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

/* -- CPUID and MSRs ------------------------------------------------------------- */

static long set_cpuid(struct vcpu *v, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 e;
	struct cpuid_leaf *leaves;
	long rc = 0;
	u32 n, i;

	if (get_user(n, &user->nent))
		return -EFAULT;
	if (n > CPUID_MAX)
		return -E2BIG;
	leaves = kcalloc(n + 1, sizeof(*leaves), GFP_KERNEL);
	if (!leaves)
		return -ENOMEM;
	for (i = 0; i < n && !rc; i++) {
		if (copy_from_user(&e, &user->entries[i], sizeof(e)))
			rc = -EFAULT;
		leaves[i] = (struct cpuid_leaf){
			e.function, e.index, e.flags, e.eax, e.ebx, e.ecx, e.edx,
		};
	}
	if (!rc)
		rc = vcpu_set_cpuid(v, leaves, n);
	kfree(leaves);
	return rc;
}

static long get_cpuid(struct vcpu *v, struct kvm_cpuid2 __user *user)
{
	u32 n, i;

	if (get_user(n, &user->nent))
		return -EFAULT;
	if (n < v->cpuid_count)
		return -E2BIG;
	for (i = 0; i < v->cpuid_count; i++) {
		const struct cpuid_leaf *l = &v->cpuid[i];
		struct kvm_cpuid_entry2 e = {
			.function = l->function, .index = l->index, .flags = l->flags,
			.eax = l->eax, .ebx = l->ebx, .ecx = l->ecx, .edx = l->edx,
		};

		if (copy_to_user(&user->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return put_user(v->cpuid_count, &user->nent);
}

/* Answers how many were done: the first that fails ends it. */
static long do_msrs(struct vcpu *v, struct kvm_msrs __user *user, bool write)
{
	struct kvm_msr_entry e;
	u32 n, i;

	if (get_user(n, &user->nmsrs))
		return -EFAULT;
	if (n > MSRS_MAX)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		u64 val;

		if (copy_from_user(&e, &user->entries[i], sizeof(e)))
			return -EFAULT;
		if (write) {
			if (x86_set_msr(v, e.index, e.data, true))
				break;
			continue;
		}
		if (x86_get_msr(v, e.index, &val, true))
			break;
		e.data = val;
		if (copy_to_user(&user->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return i;
}

/* -- Dispatch ------------------------------------------------------------------- */

static long interrupt(struct vcpu *v, void __user *user)
{
	struct kvm_interrupt irq;

	if (copy_from_user(&irq, user, sizeof(irq)))
		return -EFAULT;
	if (irq.irq >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (v->vm->irqchip)
		return -ENXIO;
	if (v->user_irq >= 0)
		return -EEXIST;
	v->user_irq = irq.irq;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

#define GET(type, fn)							\
	({								\
		type *s = kzalloc(sizeof(*s), GFP_KERNEL);		\
		long r = s ? fn(v, s) : -ENOMEM;			\
									\
		if (!r && copy_to_user(user, s, sizeof(*s)))		\
			r = -EFAULT;					\
		kfree(s);						\
		r;							\
	})

#define SET(type, fn)							\
	({								\
		type *s = memdup_user(user, sizeof(*s));		\
		long r = IS_ERR(s) ? PTR_ERR(s) : fn(v, s);		\
									\
		if (!IS_ERR(s))						\
			kfree(s);					\
		r;							\
	})

long vcpu_state_ioctl(struct host_vcpu *h, unsigned int cmd, void __user *user)
{
	struct vcpu *v = h->v;

	switch (cmd) {
	case KVM_GET_REGS: return GET(struct kvm_regs, get_regs);
	case KVM_SET_REGS: return SET(struct kvm_regs, set_regs);
	case KVM_GET_SREGS: return GET(struct kvm_sregs, get_sregs);
	case KVM_SET_SREGS: return SET(struct kvm_sregs, set_sregs);
	case KVM_GET_FPU: return GET(struct kvm_fpu, get_fpu);
	case KVM_SET_FPU: return SET(struct kvm_fpu, set_fpu);
	case KVM_GET_VCPU_EVENTS: return GET(struct kvm_vcpu_events, get_events);
	case KVM_SET_VCPU_EVENTS: return SET(struct kvm_vcpu_events, set_events);
	case KVM_GET_DEBUGREGS: return GET(struct kvm_debugregs, get_debugregs);
	case KVM_SET_DEBUGREGS: return SET(struct kvm_debugregs, set_debugregs);
	case KVM_SET_GUEST_DEBUG: return SET(struct kvm_guest_debug, set_guest_debug);
	case KVM_GET_MP_STATE: return GET(struct kvm_mp_state, get_mp_state);
	case KVM_SET_MP_STATE: return SET(struct kvm_mp_state, set_mp_state);
	case KVM_GET_LAPIC: return GET(struct kvm_lapic_state, get_lapic);
	case KVM_SET_LAPIC: return SET(struct kvm_lapic_state, set_lapic);
	case KVM_SET_CPUID2: return set_cpuid(v, user);
	case KVM_GET_CPUID2: return get_cpuid(v, user);
	case KVM_GET_MSRS: return do_msrs(v, user, false);
	case KVM_SET_MSRS: return do_msrs(v, user, true);
	case KVM_INTERRUPT: return interrupt(v, user);
	case KVM_NMI: vcpu_raise_nmi(v); return 0;
	case KVM_GET_TSC_KHZ: return host_tsc_khz();
	default: return -ENOTTY;
	}
}
