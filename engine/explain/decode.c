/* SPDX-License-Identifier: MIT */
/* One field's value in words. */
#include "bits.h"

static const char *activity(u64 v)
{
	static const char *const names[] = { "active", "HLT", "shutdown", "wait-for-SIPI" };

	return v < COUNT_OF(names) ? names[v] : "reserved";
}

static void list_or_nothing(const struct bit_names *b, u64 v, struct text *t)
{
	if (!v)
		text_add(t, "none");
	bits_list(b, v, t);
}

/* SDM3 "Virtual-Machine Control Structures": default1 bits aren't worth a word. */
static void decode_controls(const struct bit_names *b, u64 v, u64 ones, struct text *t)
{
	list_or_nothing(b, v & ~(ones & ~bits_defined(b)), t);
}

static void decode_exceptions(u64 v, struct text *t)
{
	const char *comma = "";
	unsigned i;

	if (!v)
		text_add(t, "none");
	for (i = 0; i < 32; i++) {
		if (!(v & BIT(i)))
			continue;
		text_add(t, "%s%s", comma, explain_vector_name(i));
		comma = ", ";
	}
}

static bool is_ar(u32 e)
{
	return e >= F_GUEST_ES_AR && e <= F_GUEST_TR_AR;
}

static bool is_selector(u32 e)
{
	return (e >= F_GUEST_ES_SELECTOR && e <= F_GUEST_TR_SELECTOR) ||
	       (e >= F_HOST_ES_SELECTOR && e <= F_HOST_TR_SELECTOR);
}

static bool decode_register(u32 e, u64 v, struct text *t)
{
	switch (e) {
	case F_GUEST_CR0: case F_HOST_CR0: case F_CR0_SHADOW:
		list_or_nothing(&bits_cr0, v, t);
		return true;
	case F_GUEST_CR4: case F_HOST_CR4: case F_CR4_SHADOW:
		list_or_nothing(&bits_cr4, v, t);
		return true;
	case F_GUEST_EFER: case F_HOST_EFER:
		list_or_nothing(&bits_efer, v, t);
		return true;
	case F_GUEST_RFLAGS:
		list_or_nothing(&bits_rflags, v & ~RFLAGS_FIXED, t);
		return true;
	case F_GUEST_PAT: case F_HOST_PAT:
		decode_pat(v, t);
		return true;
	case F_GUEST_INTERRUPTIBILITY:
		list_or_nothing(&bits_interruptibility, v, t);
		return true;
	case F_GUEST_PENDING_DEBUG:
		list_or_nothing(&bits_pending_debug, v, t);
		return true;
	case F_GUEST_ACTIVITY:
		text_add(t, "%s", activity(v));
		return true;
	default:
		return false;
	}
}

static bool decode_control(u32 e, u64 v, struct text *t)
{
	switch (e) {
	case F_PIN_CTLS:
		decode_controls(&bits_pin, v, 0x16, t);
		return true;
	case F_PROC_CTLS:
		decode_controls(&bits_proc, v, 0x0401e172, t);
		return true;
	case F_PROC_CTLS2:
		decode_controls(&bits_proc2, v, 0, t);
		return true;
	case F_PROC_CTLS3:
		decode_controls(&bits_proc3, v, 0, t);
		return true;
	case F_EXIT_CTLS:
		decode_controls(&bits_exit, v, 0x36dff, t);
		return true;
	case F_EXIT_CTLS2:
		decode_controls(&bits_exit2, v, 0, t);
		return true;
	case F_ENTRY_CTLS:
		decode_controls(&bits_entry, v, 0x11ff, t);
		return true;
	case F_ENTRY_INTR_INFO:
		decode_event((u32)v, true, t);
		return true;
	case F_EXIT_INTR_INFO: case F_IDT_VECTORING_INFO:
		decode_event((u32)v, false, t);
		return true;
	case F_EPT_POINTER:
		decode_eptp(v, t);
		return true;
	case F_EXCEPTION_BITMAP:
		decode_exceptions(v, t);
		return true;
	case F_LINK_POINTER:
		text_add(t, v == ~0ull ? "none" : "shadow VMCS");
		return true;
	default:
		return false;
	}
}

void explain_decode(u32 e, u64 v, struct text *t)
{
	if (is_ar(e))
		explain_decode_ar((u32)v, t);
	else if (is_selector(e) && v)
		text_add(t, "index %u, %s, RPL %u", (unsigned)v >> 3, v & 4 ? "LDT" : "GDT",
			 (unsigned)v & 3);
	else if (!decode_register(e, v, t))
		decode_control(e, v, t);
}

static const struct bit_names bits_misc1 = { {
	[0] = "INTR", [1] = "NMI", [2] = "SMI", [3] = "INIT", [4] = "VINTR",
	[5] = "CR0 selective writes", [6] = "IDTR reads", [7] = "GDTR reads",
	[8] = "LDTR reads", [9] = "TR reads", [10] = "IDTR writes", [11] = "GDTR writes",
	[12] = "LDTR writes", [13] = "TR writes", [14] = "RDTSC", [15] = "RDPMC",
	[16] = "PUSHF", [17] = "POPF", [18] = "CPUID", [19] = "RSM", [20] = "IRET",
	[21] = "INT n", [22] = "INVD", [23] = "PAUSE", [24] = "HLT", [25] = "INVLPG",
	[26] = "INVLPGA", [27] = "I/O permission map", [28] = "MSR permission map",
	[29] = "task switches", [30] = "FERR freeze", [31] = "shutdown",
} };

static const struct bit_names bits_misc2 = { {
	[0] = "VMRUN", [1] = "VMMCALL", [2] = "VMLOAD", [3] = "VMSAVE", [4] = "STGI",
	[5] = "CLGI", [6] = "SKINIT", [7] = "RDTSCP", [8] = "ICEBP", [9] = "WBINVD",
	[10] = "MONITOR", [11] = "MWAIT", [12] = "MWAIT (armed)", [13] = "XSETBV",
	[14] = "RDPRU", [15] = "EFER writes (trap)",
} };

static void decode_int_ctl(u64 v, struct text *t)
{
	text_add(t, "V_TPR %u%s%s%s%s%s", (unsigned)FIELD(v, 7, 0),
		 v & INT_CTL_V_IRQ ? ", V_IRQ" : "", v & INT_CTL_V_GIF ? ", V_GIF" : "",
		 v & INT_CTL_V_IGN_TPR ? ", V_IGN_TPR" : "",
		 v & INT_CTL_V_INTR_MASKING ? ", V_INTR_MASKING" : "",
		 v & INT_CTL_V_GIF_ENABLE ? ", virtual GIF" : "");
	if (v & INT_CTL_V_IRQ)
		text_add(t, ", vector %#llx priority %u", ULL(FIELD(v, 39, 32)),
			 (unsigned)FIELD(v, 19, 16));
}

/* The attributes in the format of VMX: APM2 "Segment State in the VMCB". */
static u32 attrib_to_ar(u64 attrib)
{
	return (u32)((attrib & 0xff) | (attrib & 0xf00) << 4);
}

static bool is_attrib(u32 offset)
{
	u32 start = offsetof(struct vmcb, s.es);

	return offset >= start && offset < start + 10 * sizeof(struct vmcb_seg) &&
	       (offset - start) % sizeof(struct vmcb_seg) == offsetof(struct vmcb_seg, attrib);
}

void explain_decode_vmcb(u32 offset, u64 v, struct text *t)
{
	if (is_attrib(offset)) {
		explain_decode_ar(attrib_to_ar(v), t);
		return;
	}
	switch (offset) {
	case offsetof(struct vmcb, s.cr0):
		list_or_nothing(&bits_cr0, v, t);
		break;
	case offsetof(struct vmcb, s.cr4):
		list_or_nothing(&bits_cr4, v, t);
		break;
	case offsetof(struct vmcb, s.efer):
		list_or_nothing(&bits_efer, v, t);
		break;
	case offsetof(struct vmcb, s.rflags):
		list_or_nothing(&bits_rflags, v & ~RFLAGS_FIXED, t);
		break;
	case offsetof(struct vmcb, s.g_pat):
		decode_pat(v, t);
		break;
	case offsetof(struct vmcb, c.misc1):
		list_or_nothing(&bits_misc1, v, t);
		break;
	case offsetof(struct vmcb, c.misc2):
		list_or_nothing(&bits_misc2, v, t);
		break;
	case offsetof(struct vmcb, c.exceptions):
		decode_exceptions(v, t);
		break;
	case offsetof(struct vmcb, c.event_inject): case offsetof(struct vmcb, c.exit_int_info):
		decode_event((u32)v, false, t);
		break;
	case offsetof(struct vmcb, c.int_ctl):
		decode_int_ctl(v, t);
		break;
	default:
		break;
	}
}
