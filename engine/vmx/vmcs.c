/* SPDX-License-Identifier: MIT */
/* VMCS regions: from allocation to VMCLEAR. */
#include "vmcs.h"

#include "vmx.h"

/* SDM3 "VM-Instruction Error Numbers". */
static const char *const insn_errors[] = {
	[1] = "VMCALL executed in VMX root operation",
	[2] = "VMCLEAR with invalid physical address",
	[3] = "VMCLEAR with VMXON pointer",
	[4] = "VMLAUNCH with non-clear VMCS",
	[5] = "VMRESUME with non-launched VMCS",
	[6] = "VMRESUME after VMXOFF",
	[7] = "VM entry with invalid control field(s)",
	[8] = "VM entry with invalid host-state field(s)",
	[9] = "VMPTRLD with invalid physical address",
	[10] = "VMPTRLD with VMXON pointer",
	[11] = "VMPTRLD with incorrect VMCS revision identifier",
	[12] = "VMREAD/VMWRITE from/to unsupported VMCS component",
	[13] = "VMWRITE to read-only VMCS component",
	[15] = "VMXON executed in VMX root operation",
	[16] = "VM entry with invalid executive-VMCS pointer",
	[17] = "VM entry with non-launched executive VMCS",
	[18] = "VM entry with executive-VMCS pointer not VMXON pointer",
	[19] = "VMCALL with non-clear VMCS",
	[20] = "VMCALL with invalid VM-exit control fields",
	[22] = "VMCALL with incorrect MSEG revision identifier",
	[23] = "VMXOFF under dual-monitor treatment of SMIs and SMM",
	[24] = "VMCALL with invalid SMM-monitor features",
	[25] = "VM entry with invalid VM-execution control fields in executive VMCS",
	[26] = "VM entry with events blocked by MOV SS",
	[28] = "Invalid operand to INVEPT/INVVPID",
};

/* SDM3 "VMX Aborts". */
static const char *const aborts[] = {
	[1] = "failure in saving guest MSRs",
	[2] = "host checking of the page-directory-pointer-table entries failed",
	[3] = "the current VMCS was corrupted so that the exit could not be completed",
	[4] = "failure on loading host MSRs",
	[5] = "machine-check event during the exit",
	[6] = "exit of a 64-bit guest to a host that is not in 64-bit mode",
};

const char *vmx_insn_error_text(u32 number)
{
	if (number == 0)
		return "VMfailInvalid: no current VMCS";
	if (number < COUNT_OF(insn_errors) && insn_errors[number])
		return insn_errors[number];
	return "unknown VM-instruction error";
}

const char *vmx_abort_text(u32 indicator)
{
	if (indicator < COUNT_OF(aborts) && aborts[indicator])
		return aborts[indicator];
	return "unknown VMX abort";
}

/* A VMREAD here may itself fail: then the number is 0. */
static u32 insn_error(void)
{
	u64 number = 0;

	insn_vmread_checked(VMCS_INSN_ERROR.encoding, &number);
	return number;
}

void vmcs_write_failed(u32 field, u64 val)
{
	host_log(LOG_ERROR, "VMWRITE of %llx to VMCS field %x failed: %s",
		 (unsigned long long)val, field, vmx_insn_error_text(insn_error()));
}

static void check(enum vmx_result r, const char *insn, struct hphys pa)
{
	if (UNLIKELY(r != VMX_SUCCEED))
		host_log(LOG_ERROR, "%s of %llx failed: %s", insn,
			 (unsigned long long)pa.v,
			 vmx_insn_error_text(r == VMX_FAIL_VALID ? insn_error() : 0));
}

int vmcs_alloc(struct vmcs *c)
{
	c->region = host_page_alloc(vmx.low_memory);
	if (!c->region)
		return ERR_NOMEM;
	c->region->revision = vmx.revision;
	c->pa = host_phys(c->region);
	c->loaded_on = -1;
	return 0;
}

void vmcs_free(struct vmcs *c)
{
	if (!c->region)
		return;
	vmcs_unload(c);
	if (c->region->abort)
		host_log(LOG_ERROR, "a VMX abort was recorded: %s",
			 vmx_abort_text(c->region->abort));
	host_page_free(c->region);
	c->region = NULL;
}

/* On the CPU that has it, interrupts off. */
static void clear_here(struct vmcs *c)
{
	struct vmx_cpu *cpu = vmx_cpus[c->loaded_on];

	check(insn_vmclear(c->pa), "VMCLEAR", c->pa);
	if (cpu->current == c)
		cpu->current = NULL;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->launched = 0;
	STORE(&c->loaded_on, -1);
}

static void clear_call(void *arg)
{
	struct vmcs *c = arg;

	if (c->loaded_on == (s32)host_cpu())
		clear_here(c);
}

void vmcs_unload(struct vmcs *c)
{
	s32 cpu = LOAD(&c->loaded_on);

	/* If the CPU goes offline in the meantime it clears its list itself. */
	if (cpu >= 0)
		host_call_on(cpu, clear_call, c);
}

/* Out of line: it needs a stack frame that the usual case doesn't. */
static __attribute__((__noinline__)) bool make_current(struct vmcs *c, unsigned cpu,
						       struct vmx_cpu *here)
{
	bool moved = LOAD(&c->loaded_on) != (s32)cpu;
	u64 flags;

	if (moved)
		vmcs_unload(c);
	flags = irq_save();
	if (moved) {
		check(insn_vmclear(c->pa), "VMCLEAR", c->pa);
		c->launched = 0;
		c->next = here->loaded;
		c->link = &here->loaded;
		if (c->next)
			c->next->link = &c->next;
		here->loaded = c;
		STORE(&c->loaded_on, (s32)cpu);
	}
	check(insn_vmptrld(c->pa), "VMPTRLD", c->pa);
	here->current = c;
	irq_restore(flags);
	return moved;
}

bool vmcs_load(struct vmcs *c, unsigned cpu)
{
	struct vmx_cpu *here = vmx_cpus[cpu];

	if (LIKELY(LOAD(&c->loaded_on) == (s32)cpu && here->current == c))
		return false;
	return make_current(c, cpu, here);
}
