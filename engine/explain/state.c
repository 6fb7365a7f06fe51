/* SPDX-License-Identifier: MIT */
/* Fields of a snapshot, by encoding and by offset. */
#include "explain.h"

const char *const explain_cap_names[XCAP_COUNT] = {
	"IA32_VMX_BASIC", "IA32_VMX_PINBASED_CTLS", "IA32_VMX_PROCBASED_CTLS",
	"IA32_VMX_EXIT_CTLS", "IA32_VMX_ENTRY_CTLS", "IA32_VMX_MISC",
	"IA32_VMX_CR0_FIXED0", "IA32_VMX_CR0_FIXED1", "IA32_VMX_CR4_FIXED0",
	"IA32_VMX_CR4_FIXED1", "IA32_VMX_VMCS_ENUM", "IA32_VMX_PROCBASED_CTLS2",
	"IA32_VMX_EPT_VPID_CAP", "IA32_VMX_TRUE_PINBASED_CTLS",
	"IA32_VMX_TRUE_PROCBASED_CTLS", "IA32_VMX_TRUE_EXIT_CTLS",
	"IA32_VMX_TRUE_ENTRY_CTLS", "IA32_VMX_VMFUNC", "IA32_VMX_PROCBASED_CTLS3",
	"IA32_VMX_EXIT_CTLS2",
};

#define C(member, name, title) \
	{ offsetof(struct vmcb, c.member), sizeof(((struct vmcb *)0)->c.member), name, title }
#define S(member, name, title) \
	{ offsetof(struct vmcb, s.member), sizeof(((struct vmcb *)0)->s.member), name, title }
#define SEG(member, name)							\
	S(member.selector, name "_SELECTOR", name " selector"),			\
	S(member.attrib, name "_ATTRIB", name " attributes"),			\
	S(member.limit, name "_LIMIT", name " limit"),				\
	S(member.base, name "_BASE", name " base")

const struct vmcb_field vmcb_fields[] = {
	C(cr_read, "INTERCEPT_CR_READ", "Intercepted reads of CR0-CR15"),
	C(cr_write, "INTERCEPT_CR_WRITE", "Intercepted writes of CR0-CR15"),
	C(dr_read, "INTERCEPT_DR_READ", "Intercepted reads of DR0-DR15"),
	C(dr_write, "INTERCEPT_DR_WRITE", "Intercepted writes of DR0-DR15"),
	C(exceptions, "INTERCEPT_EXCEPTIONS", "Intercepted exceptions"),
	C(misc1, "INTERCEPT_MISC1", "Intercepts, first vector"),
	C(misc2, "INTERCEPT_MISC2", "Intercepts, second vector"),
	C(misc3, "INTERCEPT_MISC3", "Intercepts, third vector"),
	C(pause_threshold, "PAUSE_FILTER_THRESHOLD", "PAUSE filter threshold"),
	C(pause_count, "PAUSE_FILTER_COUNT", "PAUSE filter count"),
	C(iopm, "IOPM_BASE_PA", "Address of the I/O permission map"),
	C(msrpm, "MSRPM_BASE_PA", "Address of the MSR permission map"),
	C(tsc_offset, "TSC_OFFSET", "TSC offset"),
	C(asid, "GUEST_ASID", "Guest ASID"),
	C(tlb_control, "TLB_CONTROL", "TLB control"),
	C(int_ctl, "INT_CTL", "Virtual interrupt control"),
	C(int_state, "INT_STATE", "Interrupt shadow and guest interrupt mask"),
	C(exit_code, "EXITCODE", "Exit code"),
	C(exit_info1, "EXITINFO1", "Exit information 1"),
	C(exit_info2, "EXITINFO2", "Exit information 2"),
	C(exit_int_info, "EXITINTINFO", "Exit interrupt information"),
	C(nested_ctl, "NESTED_CTL", "Nested paging and SEV enable"),
	C(avic_apic_bar, "AVIC_APIC_BAR", "AVIC APIC base"),
	C(ghcb, "GHCB", "Guest-host communication block"),
	C(event_inject, "EVENTINJ", "Event injection"),
	C(nested_cr3, "N_CR3", "Nested page table root"),
	C(virt_ext, "VIRT_EXT", "LBR and VMLOAD/VMSAVE virtualisation"),
	C(clean, "VMCB_CLEAN", "VMCB clean bits"),
	C(next_rip, "NRIP", "Next RIP"),
	C(insn_len, "INSN_BYTES_FETCHED", "Number of instruction bytes fetched"),
	C(avic_backing, "AVIC_BACKING_PAGE", "AVIC backing page"),
	C(avic_logical, "AVIC_LOGICAL_TABLE", "AVIC logical table"),
	C(avic_physical, "AVIC_PHYSICAL_TABLE", "AVIC physical table"),
	SEG(es, "ES"), SEG(cs, "CS"), SEG(ss, "SS"), SEG(ds, "DS"), SEG(fs, "FS"),
	SEG(gs, "GS"), SEG(gdtr, "GDTR"), SEG(ldtr, "LDTR"), SEG(idtr, "IDTR"),
	SEG(tr, "TR"),
	S(cpl, "CPL", "CPL"),
	S(efer, "EFER", "EFER"),
	S(cr4, "CR4", "CR4"), S(cr3, "CR3", "CR3"), S(cr0, "CR0", "CR0"),
	S(dr7, "DR7", "DR7"), S(dr6, "DR6", "DR6"),
	S(rflags, "RFLAGS", "RFLAGS"), S(rip, "RIP", "RIP"), S(rsp, "RSP", "RSP"),
	S(s_cet, "S_CET", "S_CET"), S(ssp, "SSP", "SSP"),
	S(isst_addr, "ISST_ADDR", "ISST_ADDR"), S(rax, "RAX", "RAX"),
	S(star, "STAR", "STAR"), S(lstar, "LSTAR", "LSTAR"), S(cstar, "CSTAR", "CSTAR"),
	S(sfmask, "SFMASK", "SFMASK"),
	S(kernel_gs_base, "KERNEL_GS_BASE", "KernelGSBase"),
	S(sysenter_cs, "SYSENTER_CS", "SYSENTER_CS"),
	S(sysenter_esp, "SYSENTER_ESP", "SYSENTER_ESP"),
	S(sysenter_eip, "SYSENTER_EIP", "SYSENTER_EIP"),
	S(cr2, "CR2", "CR2"), S(g_pat, "G_PAT", "Guest PAT"),
	S(debugctl, "DBGCTL", "DebugCtl"), S(br_from, "BR_FROM", "Last branch from"),
	S(br_to, "BR_TO", "Last branch to"),
	S(last_excp_from, "LASTEXCPFROM", "Last exception from"),
	S(last_excp_to, "LASTEXCPTO", "Last exception to"),
	S(spec_ctrl, "SPEC_CTRL", "SPEC_CTRL"),
};

const unsigned vmcb_field_count = COUNT_OF(vmcb_fields);
_Static_assert(COUNT_OF(vmcb_fields) <= VMCB_FIELDS_MAX, "state has room for them");

int explain_vmcs_index(u32 encoding)
{
	unsigned low = 0, high = vmcs_field_count;

	if (encoding == F_VPID)
		encoding = VMCS_VPID.encoding;
	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (vmcs_fields[mid].encoding == encoding)
			return (int)mid;
		if (vmcs_fields[mid].encoding < encoding)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

int explain_vmcb_index(u32 offset)
{
	unsigned i;

	for (i = 0; i < vmcb_field_count; i++)
		if (vmcb_fields[i].offset == offset)
			return (int)i;
	return -1;
}

u64 explain_field_limit(u32 encoding)
{
	switch (VMCS_ENCODING_WIDTH(encoding)) {
	case VMCS_WIDTH_16:
		return 0xffff;
	case VMCS_WIDTH_32:
		return 0xffffffff;
	default:
		return ~0ull;
	}
}

bool explain_set(struct explain_state *s, u32 encoding, u64 value)
{
	int i = explain_vmcs_index(encoding);

	if (i < 0 || value > explain_field_limit(encoding))
		return false;
	s->vmcs[i] = value;
	s->vmcs_known[i] = true;
	return true;
}

bool explain_get(const struct explain_state *s, u32 encoding, u64 *value)
{
	int i = explain_vmcs_index(encoding);

	*value = 0;
	if (i < 0 || !s->vmcs_known[i])
		return false;
	*value = s->vmcs[i];
	return true;
}

bool explain_set_vmcb(struct explain_state *s, u32 offset, u64 value)
{
	int i = explain_vmcb_index(offset);
	unsigned size = i < 0 ? 0 : vmcb_fields[i].size;

	if (i < 0 || (size < 8 && value >> (8 * size)))
		return false;
	/* Little-endian, as the VMCB is. */
	__builtin_memcpy((char *)&s->vmcb + offset, &value, size);
	s->vmcb_known[i] = true;
	return true;
}

bool explain_get_vmcb(const struct explain_state *s, u32 offset, u64 *value)
{
	int i = explain_vmcb_index(offset);

	*value = 0;
	if (i < 0 || !s->vmcb_known[i])
		return false;
	__builtin_memcpy(value, (const char *)&s->vmcb + offset, vmcb_fields[i].size);
	return true;
}
