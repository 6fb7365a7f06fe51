/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <sys/mman.h>

struct fake_vcpu *f;
struct vcpu *v;
struct vm *vm;
u8 *ram;
const struct step *script;
unsigned script_left, entries;
struct event delivered[EVENTS_MAX];
unsigned delivered_n;
u32 trap_answer;
int set_traps_answer;
unsigned tlb_flushes, root_loads;

static u8 pio_data[PG_SIZE];

static struct fake_vcpu *fake(struct vcpu *c)
{
	return (struct fake_vcpu *)c;
}

/* -- The back end ------------------------------------------------------------------- */

static int probe(struct backend_caps *caps, const char **why)
{
	*why = NULL;
	*caps = (struct backend_caps){
		.unrestricted_guest = true, .s2_2m = true, .tpr_virtual = true,
		.nmi_window = true, .rdtscp = true,
	};
	return 0;
}

static int no_probe(struct backend_caps *caps, const char **why)
{
	(void)caps;
	*why = NULL;
	return ERR_NOTSUP;
}

static int create(struct vcpu *c) { (void)c; return 0; }
static void nothing(struct vcpu *c) { (void)c; }
static void load(struct vcpu *c, unsigned cpu) { (void)c, (void)cpu; }

static void reset(struct vcpu *c, bool init)
{
	const struct x86_seg data = { 0, 0xffff, 0x93, 0 };
	enum seg s;

	(void)init;
	for (s = 0; s < SEG_COUNT; s++)
		fake(c)->seg[s] = data;
	fake(c)->seg[SEG_CS] = (struct x86_seg){ 0xffff0000, 0xffff, 0x9b, 0xf000 };
	fake(c)->cpl = 0;
	fake(c)->shadow = 0;
	fake(c)->nmi_mask = false;
	fake(c)->asked.type = EVENT_NONE;
}

static void load_regs(struct vcpu *c, u32 mask)
{
	mask &= ~c->reg_valid;
	if (mask & REG_RIP)
		c->rip = fake(c)->rip;
	if (mask & REG_RSP)
		c->gpr[GPR_RSP] = fake(c)->rsp;
	if (mask & REG_RFLAGS)
		c->rflags = fake(c)->rflags;
	c->reg_valid |= mask;
}

static void get_seg(struct vcpu *c, enum seg s, struct x86_seg *out) { *out = fake(c)->seg[s]; }
static void set_seg(struct vcpu *c, enum seg s, const struct x86_seg *in) { fake(c)->seg[s] = *in; }
static unsigned cpl(struct vcpu *c) { return fake(c)->cpl; }
static void set_gdt(struct vcpu *c, const struct x86_dtable *t) { fake(c)->gdt = *t; }
static void set_idt(struct vcpu *c, const struct x86_dtable *t) { fake(c)->idt = *t; }
static void set_cr0(struct vcpu *c, u64 val) { c->cr0 = val; }
static void set_cr3(struct vcpu *c, u64 val) { c->cr3 = val; }
static void set_cr4(struct vcpu *c, u64 val) { c->cr4 = val; }
static void set_efer(struct vcpu *c, u64 val) { c->efer = val; }

static void get_dtables(struct vcpu *c, struct x86_dtable *gdt, struct x86_dtable *idt)
{
	*gdt = fake(c)->gdt;
	*idt = fake(c)->idt;
}

static bool get_msr(struct vcpu *c, u32 msr, u64 *val)
{
	if (msr == MSR_LSTAR)
		*val = c->lstar;
	else if (msr == MSR_TSC_AUX)
		*val = c->tsc_aux;
	else
		return false;
	return true;
}

static bool set_msr(struct vcpu *c, u32 msr, u64 val)
{
	if (msr == MSR_LSTAR)
		c->lstar = val;
	else if (msr == MSR_TSC_AUX)
		c->tsc_aux = val;
	else if (msr != MSR_PAT)
		return false;
	return true;
}

static void set_tsc_offset(struct vcpu *c, u64 offset) { (void)c, (void)offset; }

static void enter(struct vcpu *c)
{
	const struct step *s = script;

	entries++;
	if (!sim.irq_off || !c->in_guest)
		fail_msg("entered with interrupts on");
	if (c->reg_dirty & REG_RIP)
		fake(c)->rip = c->rip;
	if (c->reg_dirty & REG_RSP)
		fake(c)->rsp = c->gpr[GPR_RSP];
	if (c->reg_dirty & REG_RFLAGS)
		fake(c)->rflags = c->rflags;
	if (!script_left)
		fail_msg("an entry too many");
	script++;
	script_left--;
	if (fake(c)->asked.type && !s->cut.type)
		delivered[delivered_n++ % EVENTS_MAX] = fake(c)->asked;
	fake(c)->asked.type = EVENT_NONE;
	c->injected = s->cut;
	if (s->cut.type)
		vcpu_request(c, REQ_EVENT);
	c->reg_valid = c->reg_dirty = 0;
	sim_insn.tsc += 100;
	if (s->guest)
		s->guest(c);
	c->exit = (struct exit_info){ .reason = s->reason, .rip = fake(c)->rip,
				      .insn_len = s->length };
}

static enum exit_action handle_exit(struct vcpu *c)
{
	const struct step *s = script - 1;

	sim_insn.tsc += 10;
	if (sim.irq_off)
		fail_msg("an exit handled with interrupts off");
	if (s->handler)
		return s->handler(c);
	c->uexit.kind = UEXIT_HLT;
	return ACT_USER;
}

static int set_traps(struct vcpu *c) { (void)c; return set_traps_answer; }

static u32 trap_of(struct vcpu *c)
{
	c->uexit.trap.vector = 13;
	return trap_answer & c->traps.instructions;
}

static void step_over(struct vcpu *c)
{
	vcpu_set_rip(c, vcpu_rip(c) + c->exit.insn_len);
	fake(c)->shadow = 0;
}

static bool irq_open(struct vcpu *c)
{
	return (vcpu_rflags(c) & RFLAGS_IF) && !fake(c)->shadow;
}

static bool nmi_open(struct vcpu *c) { return !fake(c)->nmi_mask && !fake(c)->shadow; }

static void inject(struct vcpu *c, const struct event *e)
{
	/* The same once more is no harm. */
	if (fake(c)->asked.type && memcmp(&fake(c)->asked, e, sizeof(*e)))
		fail_msg("two events at once");
	fake(c)->asked = *e;
	if (e->type == EVENT_NMI)
		fake(c)->nmi_mask = true;
}

static void uninject(struct vcpu *c) { fake(c)->asked.type = EVENT_NONE; }
static void want_irq(struct vcpu *c, bool on) { fake(c)->irq_window = on; }
static void want_nmi(struct vcpu *c, bool on) { fake(c)->nmi_window = on; }
static u32 get_shadow(struct vcpu *c) { return fake(c)->shadow; }
static void set_shadow(struct vcpu *c, u32 shadow) { fake(c)->shadow = shadow; }
static bool get_nmi_mask(struct vcpu *c) { return fake(c)->nmi_mask; }
static void set_nmi_mask(struct vcpu *c, bool on) { fake(c)->nmi_mask = on; }
static void set_threshold(struct vcpu *c, unsigned class) { fake(c)->threshold = class; }
static void flush(struct vcpu *c) { (void)c; tlb_flushes++; }
static void root(struct vcpu *c) { (void)c; root_loads++; }

static u64 cr3_64(struct vcpu *c)
{
	return (c->efer & EFER_LMA) && (fake(c)->seg[SEG_CS].ar & AR_L) ? c->cr3 : NO_CR3;
}

static const char *exit_name(unsigned i) { (void)i; return NULL; }

static const struct s2_format format = {
	.present = 1, .table = 7, .leaf = 5, .writable = 2, .large = 0x80,
	.addr = BITS(51, 12), .accessed = 0x20, .dirty = 0x40,
};

/* The engine asks vendors in turn: the first says that it isn't its CPU. */
const struct backend vmx_backend = { .name = "none", .probe = no_probe };
const struct backend svm_backend = {
	.name = "fake", .vcpu_size = sizeof(struct fake_vcpu), .s2 = &format, .probe = probe,
	.vcpu_create = create, .vcpu_destroy = nothing, .vcpu_load = load, .vcpu_put = nothing,
	.vcpu_reset = reset, .load_regs = load_regs, .get_seg = get_seg, .set_seg = set_seg,
	.cpl = cpl, .get_dtables = get_dtables, .set_gdt = set_gdt, .set_idt = set_idt,
	.sync_crs = nothing, .set_cr0 = set_cr0, .set_cr3 = set_cr3, .set_cr4 = set_cr4,
	.set_efer = set_efer, .sync_debug = nothing, .set_debug = nothing, .get_msr = get_msr,
	.set_msr = set_msr, .set_tsc_offset = set_tsc_offset, .cpuid_changed = nothing,
	.enter = enter, .handle_exit = handle_exit, .set_traps = set_traps, .trap_of = trap_of,
	.skip = step_over, .irq_open = irq_open, .nmi_open = nmi_open, .inject = inject,
	.uninject = uninject, .want_irq_window = want_irq, .want_nmi_window = want_nmi,
	.get_shadow = get_shadow, .set_shadow = set_shadow, .get_nmi_mask = get_nmi_mask,
	.set_nmi_mask = set_nmi_mask, .set_tpr_threshold = set_threshold, .cr3_64 = cr3_64,
	.flush_tlb = flush, .load_root = root, .exit_name = exit_name,
};

/* -- The machine -------------------------------------------------------------------- */

static int up(bool irqchip)
{
	struct mem_slot slot = { .gpa = 0, .size = RAM_SIZE };
	const char *why;
	int err;

	sim_reset();
	sim_insn_reset();
	sim.xcr0 = 7;
	sim.now_ns = 1000000;
	sim.tsc_khz = 1000000;
	sim_insn.tsc = sim.tsc = 5000;
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(ram != MAP_FAILED);
	sim.guest_start = slot.hva = (uintptr_t)ram;
	sim.guest_end = sim.guest_start + RAM_SIZE;
	sim.page_level = 1;
	entries = delivered_n = tlb_flushes = root_loads = script_left = 0;
	memset(delivered, 0, sizeof(delivered));
	trap_answer = 0;
	set_traps_answer = 0;
	assert_int_equal(vmm_init(&why), 0);
	vm = vm_create(NULL, &err);
	assert_non_null(vm);
	assert_int_equal(mem_set_slot(vm, 0, &slot), 0);
	if (irqchip)
		assert_int_equal(irqchip_create(vm, &vm->irqchip), 0);
	assert_int_equal(vcpu_create(vm, 0, NULL, pio_data, &v), 0);
	f = fake(v);
	vcpu_reset(v, false);
	vcpu_publish(v);
	return 0;
}

int machine_up(void **state)
{
	(void)state;
	return up(false);
}

int machine_up_irqchip(void **state)
{
	(void)state;
	return up(true);
}

int machine_down(void **state)
{
	(void)state;
	vm_destroy(vm);
	vmm_exit();
	munmap(ram, RAM_SIZE);
	assert_true(sim_clean());
	return 0;
}

int run_script(const struct step *s, unsigned n)
{
	int rc;

	script = s;
	script_left = n;
	rc = vcpu_run(v);
	assert_int_equal(v->in_guest, 0);
	assert_false(sim.irq_off);
	return rc;
}

void set_rflags(u64 rflags)
{
	vcpu_set_rflags(v, rflags);
}

void long_mode(u64 cr3)
{
	v->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_WP;
	v->cr3 = cr3;
	v->cr4 = CR4_PAE;
	v->efer = EFER_LME | EFER_LMA | EFER_NXE;
	f->seg[SEG_CS] = (struct x86_seg){ 0, 0xffffffff, 0xa09b, 8 };
}

void put64(u64 gpa, u64 val)
{
	memcpy(ram + gpa, &val, 8);
}

u64 get64(u64 gpa)
{
	u64 val;

	memcpy(&val, ram + gpa, 8);
	return val;
}
