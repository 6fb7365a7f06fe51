/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <string.h>

#include "../../../engine/vmx/fields.h"
#include "../arch/insn.h"
#include "insn.h"

#define F(name)		SIM_FIELD(name)
#define ERROR_ENTRY_CONTROL	7
#define REASON_GUEST_STATE	(BIT(31) | 33)

struct sim_vmx sim_vmx;

static void set_capabilities(void)
{
	static const struct { u32 msr; u64 val; } caps[] = {
		{ 0x480, SIM_VMX_REVISION | 1024ull << 32 | 6ull << 50 | BIT(55) },
		{ 0x481, 0x7f00000016ull }, { 0x482, 0xfff9fffe0401e172ull },
		{ 0x483, 0x7fffff00036dffull }, { 0x484, 0xffff000011ffull },
		{ 0x485, 0x300481e5ull }, { 0x486, 0x80000021ull },
		{ 0x487, 0xffffffffull }, { 0x488, 0x2000ull }, { 0x489, 0x3767ffull },
		{ 0x48a, 0x2aull }, { 0x48b, 0x153cfa00000000ull },
		{ 0x48c, 0xf0106734141ull }, { 0x48d, 0x7f00000016ull },
		{ 0x48e, 0xfff9fffe04006172ull }, { 0x48f, 0x7fffff00036dfbull },
		{ 0x490, 0xffff000011fbull }, { 0x491, 1 },
	};
	unsigned i;

	for (i = 0; i < COUNT_OF(caps); i++)
		sim_set_msr(caps[i].msr, caps[i].val);
}

void sim_vmx_reset(void)
{
	unsigned i;

	sim_insn_reset();
	memset(&sim_vmx, 0, sizeof(sim_vmx));
	for (i = 0; i < SIM_VMX_REGIONS; i++)
		sim_vmx.region[i].active_on = -1;
	set_capabilities();
	sim_set_cpuid(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
	sim_set_cpuid(1, 0, 0, 0, BIT(5), 0);
	sim_set_cpuid(0x80000000, 0, 0x80000008, 0, 0, 0);
}

static void must_be_on(const char *insn)
{
	if (!sim_vmx.on[sim.cpu])
		sim_fail("%s outside VMX operation: #UD", insn);
}

static struct sim_vmcs *current_vmcs(const char *insn)
{
	must_be_on(insn);
	if (!sim_vmx.current[sim.cpu])
		sim_fail("%s with no current VMCS on CPU %u", insn, sim.cpu);
	return sim_vmx.current[sim.cpu];
}

static struct sim_vmcs *region_of(struct hphys pa)
{
	unsigned i;

	for (i = 0; i < SIM_VMX_REGIONS; i++)
		if (sim_vmx.region[i].pa == pa.v)
			return &sim_vmx.region[i];
	for (i = 0; i < SIM_VMX_REGIONS; i++)
		if (!sim_vmx.region[i].pa) {
			sim_vmx.region[i].pa = pa.v;
			return &sim_vmx.region[i];
		}
	sim_fail("more than %u VMCS regions", SIM_VMX_REGIONS);
}

static bool revision_fits(struct hphys pa)
{
	return *(u32 *)host_virt(pa) == SIM_VMX_REVISION;
}

enum vmx_result insn_vmxon(struct hphys pa)
{
	if (!(sim.cr4 & CR4_VMXE) || (sim_msr(MSR_FEATURE_CONTROL) & 5) != 5)
		sim_fail("VMXON faults: CR4.VMXE or IA32_FEATURE_CONTROL");
	if (sim_vmx.on[sim.cpu] || !revision_fits(pa))
		return VMX_FAIL_INVALID;
	sim_vmx.on[sim.cpu] = true;
	return VMX_SUCCEED;
}

void insn_vmxoff(void)
{
	unsigned i;

	must_be_on("VMXOFF");
	for (i = 0; i < SIM_VMX_REGIONS; i++)
		if (sim_vmx.region[i].active_on == (s32)sim.cpu)
			sim_fail("VMXOFF with a VMCS that is still active");
	sim_vmx.on[sim.cpu] = false;
	sim_vmx.current[sim.cpu] = NULL;
}

enum vmx_result insn_vmclear(struct hphys pa)
{
	struct sim_vmcs *m = region_of(pa);

	must_be_on("VMCLEAR");
	if (m->active_on >= 0 && m->active_on != (s32)sim.cpu)
		sim_fail("VMCLEAR on CPU %u of a VMCS that is active on %d", sim.cpu,
			 m->active_on);
	m->launched = false;
	m->active_on = -1;
	if (sim_vmx.current[sim.cpu] == m)
		sim_vmx.current[sim.cpu] = NULL;
	sim_vmx.clears++;
	return VMX_SUCCEED;
}

enum vmx_result insn_vmptrld(struct hphys pa)
{
	struct sim_vmcs *m = region_of(pa);

	must_be_on("VMPTRLD");
	if (!revision_fits(pa))
		return VMX_FAIL_VALID;
	if (m->active_on >= 0 && m->active_on != (s32)sim.cpu)
		sim_fail("VMPTRLD on CPU %u of a VMCS that is active on %d", sim.cpu,
			 m->active_on);
	m->active_on = sim.cpu;
	sim_vmx.current[sim.cpu] = m;
	return VMX_SUCCEED;
}

static const struct vmcs_field *find_field(u64 encoding)
{
	unsigned i;

	for (i = 0; i < vmcs_field_count; i++)
		if (vmcs_fields[i].encoding == encoding)
			return &vmcs_fields[i];
	return NULL;
}

u64 insn_vmread(u64 encoding)
{
	if (!find_field(encoding))
		sim_fail("VMREAD of %llx: there is no such field",
			 (unsigned long long)encoding);
	sim_vmx.reads++;
	return current_vmcs("VMREAD")->field[encoding];
}

bool insn_vmread_checked(u64 encoding, u64 *val)
{
	if (!find_field(encoding))
		return false;
	*val = insn_vmread(encoding);
	return true;
}

bool insn_vmwrite(u64 encoding, u64 val)
{
	const struct vmcs_field *f = find_field(encoding);

	if (!f || !f->writable)
		sim_fail("VMWRITE to %llx fails", (unsigned long long)encoding);
	if ((f->width == VMCS_WIDTH_16 && val >> 16) ||
	    (f->width == VMCS_WIDTH_32 && val >> 32))
		sim_fail("VMWRITE of %llx to %s: too wide", (unsigned long long)val, f->name);
	sim_vmx.writes++;
	current_vmcs("VMWRITE")->field[encoding] = val;
	return true;
}

void insn_invept(u64 type, u64 eptp)
{
	must_be_on("INVEPT");
	if (type == 1)
		sim_vmx.last_eptp = eptp;
	sim_vmx.invepts++;
}

void insn_invvpid(u64 type, u16 vpid)
{
	must_be_on("INVVPID");
	if (type == 1 && !vpid)
		sim_fail("INVVPID of VPID 0 fails");
	sim_vmx.invvpids++;
}

u64 sim_vmcs_get(u32 encoding)
{
	return current_vmcs("a test's read")->field[encoding];
}

void sim_vmcs_set(u32 encoding, u64 val)
{
	current_vmcs("a test's write")->field[encoding] = val;
}

void sim_vmx_exit(u32 reason, u64 qualification)
{
	sim_vmcs_set(F(EXIT_REASON), reason);
	sim_vmcs_set(F(EXIT_QUALIFICATION), qualification);
}

/* SDM3 "Checks on VMX Controls": 0, or the VM-instruction error. */
static u32 check_controls(void)
{
	u64 info = sim_vmcs_get(F(ENTRY_INTR_INFO));
	u64 proc = sim_vmcs_get(F(PROC_CTLS));
	bool tpr_shadow = proc & BIT(21);

	if (tpr_shadow) {
		const u8 *page = host_virt(hphys(sim_vmcs_get(F(VIRTUAL_APIC_ADDR))));

		if (sim_vmcs_get(F(TPR_THRESHOLD)) > page[0x80] >> 4)
			return ERROR_ENTRY_CONTROL;
	}
	if ((proc & BIT(22)) && !(sim_vmcs_get(F(PIN_CTLS)) & BIT(5)))
		return ERROR_ENTRY_CONTROL;	/* NMI window without virtual NMIs */
	if ((info & BIT(31)) && FIELD(info, 10, 8) >= 4 &&
	    (sim_vmcs_get(F(ENTRY_INSN_LEN)) < 1 || sim_vmcs_get(F(ENTRY_INSN_LEN)) > 15))
		return ERROR_ENTRY_CONTROL;
	return 0;
}

/* SDM3 "Checks on the Guest State Area": true if it is valid. */
static bool check_guest(void)
{
	u64 info = sim_vmcs_get(F(ENTRY_INTR_INFO)), efer = sim_vmcs_get(F(GUEST_EFER));
	u64 blocked = sim_vmcs_get(F(GUEST_INTERRUPTIBILITY));
	bool ia32e = sim_vmcs_get(F(ENTRY_CTLS)) & BIT(9);
	bool valid = info & BIT(31);
	u64 type = FIELD(info, 10, 8);

	if (ia32e != !!(efer & EFER_LMA) || (blocked & 3) == 3)
		return false;
	if (valid && type == 0 &&
	    (!(sim_vmcs_get(F(GUEST_RFLAGS)) & RFLAGS_IF) || (blocked & 3)))
		return false;
	if (valid && type == 2 && (blocked & 0xb))
		return false;
	if (sim_vmcs_get(F(LINK_POINTER)) != ~0ull)
		return false;
	return !ia32e || (sim_vmcs_get(F(GUEST_TR_AR)) & 0xf) == 11;
}

bool sim_vmx_enter(struct vcpu *v, u64 launched)
{
	struct sim_vmcs *m = current_vmcs("VM entry");
	u32 error = sim_vmx.fail_entry;

	sim_vmx.entries++;
	if (!error && launched != m->launched)
		error = launched ? 5 : 4;
	if (!error)
		error = check_controls();
	if (sim_vmcs_get(F(HOST_RIP)) != SIM_VMX_EXIT_ADDRESS ||
	    sim_vmcs_get(F(HOST_CR3)) != sim_insn.cr3 || sim_vmcs_get(F(HOST_CR4)) != sim.cr4)
		sim_fail("VM entry with stale host state");
	if (error) {
		sim_vmcs_set(F(INSN_ERROR), error);
		return false;
	}
	if (!check_guest()) {
		sim_vmx_exit(REASON_GUEST_STATE, 0);
		return true;
	}
	m->launched = true;
	sim_vmcs_set(F(IDT_VECTORING_INFO), 0);
	sim_vmcs_set(F(EXIT_INTR_INFO), 0);
	sim_vmx_exit(10, 0);
	if (sim_vmx.guest)
		sim_vmx.guest(v);
	sim_vmcs_set(F(ENTRY_INTR_INFO), sim_vmcs_get(F(ENTRY_INTR_INFO)) & ~BIT(31));
	/* SDM3 "Loading Host State": what an exit leaves behind. */
	sim_insn.gdt.limit = sim_insn.idt.limit = 0xffff;
	sim_insn.dr[7] = 0x400;
	sim_insn.ds = sim_insn.es = sim_insn.fs = sim_insn.gs = sim_insn.ldtr = 0;
	sim_insn.fs_base = sim_vmcs_get(F(HOST_FS_BASE));
	sim_set_msr(MSR_DEBUGCTL, 0);
	return true;
}
