/* SPDX-License-Identifier: MIT */
/* What this machine's VT-x can do. SDM3 "VMX Capability Reporting Facility". */
#include "vmx.h"

#define MSR_VMX_BASIC		0x480
#define MSR_VMX_EXIT_CTLS2	0x493

#define BASIC_REVISION		BITS(30, 0)
#define BASIC_SIZE(b)		FIELD(b, 44, 32)
#define BASIC_32BIT		BIT(48)
#define BASIC_MEMTYPE(b)	FIELD(b, 53, 50)
#define BASIC_TRUE_CTLS		BIT(55)

#define EPT_CAP_WALK4		BIT(6)
#define EPT_CAP_WB		BIT(14)
#define EPT_CAP_2M		BIT(16)
#define EPT_CAP_1G		BIT(17)
#define EPT_CAP_INVEPT		BIT(20)
#define EPT_CAP_AD		BIT(21)
#define EPT_CAP_INVEPT_SINGLE	BIT(25)
#define EPT_CAP_INVEPT_ALL	BIT(26)
#define EPT_CAP_INVVPID		BIT(32)
#define EPT_CAP_INVVPID_SINGLE	BIT(41)
#define EPT_CAP_INVVPID_ALL	BIT(42)

#define MEMTYPE_WB		6
#define EPTP_WALK4		(3 << 3)
#define EPTP_AD			BIT(6)

/* IA32_FEATURE_CONTROL. */
#define FC_LOCK			BIT(0)
#define FC_VMX_IN_SMX		BIT(1)
#define FC_VMX			BIT(2)

struct vmx_caps vmx;

static const char *const msr_names[CAP_COUNT] = {
	"IA32_VMX_BASIC", "IA32_VMX_PINBASED_CTLS", "IA32_VMX_PROCBASED_CTLS",
	"IA32_VMX_EXIT_CTLS", "IA32_VMX_ENTRY_CTLS", "IA32_VMX_MISC",
	"IA32_VMX_CR0_FIXED0", "IA32_VMX_CR0_FIXED1", "IA32_VMX_CR4_FIXED0",
	"IA32_VMX_CR4_FIXED1", "IA32_VMX_VMCS_ENUM", "IA32_VMX_PROCBASED_CTLS2",
	"IA32_VMX_EPT_VPID_CAP", "IA32_VMX_TRUE_PINBASED_CTLS",
	"IA32_VMX_TRUE_PROCBASED_CTLS", "IA32_VMX_TRUE_EXIT_CTLS",
	"IA32_VMX_TRUE_ENTRY_CTLS", "IA32_VMX_VMFUNC", "IA32_VMX_PROCBASED_CTLS3",
	"IA32_VMX_EXIT_CTLS2",
};
_Static_assert(MSR_VMX_BASIC + CAP_COUNT - 1 == MSR_VMX_EXIT_CTLS2, "numbers run on");

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_NOTSUP;
}

int vmx_check_feature_control(u64 fc, const char **why)
{
	if (!(fc & FC_LOCK) || (fc & FC_VMX))
		return 0;
	if (fc & FC_VMX_IN_SMX)
		return refuse(why, "VT-x is allowed only in SMX operation: the firmware locked "
				   "IA32_FEATURE_CONTROL with bit 1 set and bit 2 clear");
	return refuse(why, "VT-x is disabled by the firmware (IA32_FEATURE_CONTROL is locked "
			   "with bit 2 clear): enable it in the firmware's set-up");
}

/* The MSRs that only exist when another one says so. */
static bool msr_exists(const struct vmx_caps *c, unsigned i)
{
	bool secondary = c->msr[CAP_PROC] >> 32 & PROC_SECONDARY;
	u32 proc2 = c->msr[CAP_PROC2] >> 32;

	switch (i) {
	case CAP_PROC2:
		return secondary;
	case CAP_EPT_VPID:
		return secondary && (proc2 & (PROC2_EPT | PROC2_VPID));
	case CAP_TRUE_PIN: case CAP_TRUE_PROC: case CAP_TRUE_EXIT: case CAP_TRUE_ENTRY:
		return c->msr[CAP_BASIC] & BASIC_TRUE_CTLS;
	case CAP_VMFUNC:
		return secondary && (proc2 & BIT(13));
	case CAP_PROC3:
		return c->msr[CAP_PROC] >> 32 & PROC_TERTIARY;
	case CAP_EXIT2:
		return c->msr[CAP_EXIT] >> 63;
	default:
		return true;
	}
}

static int check_basic(struct vmx_caps *c, const char **why)
{
	u64 basic = c->msr[CAP_BASIC];

	c->revision = basic & BASIC_REVISION;
	c->low_memory = basic & BASIC_32BIT;
	if (BASIC_SIZE(basic) > PG_SIZE)
		return refuse(why, "IA32_VMX_BASIC asks for VMCS regions above 4 KiB");
	if (BASIC_MEMTYPE(basic) != MEMTYPE_WB)
		return refuse(why, "IA32_VMX_BASIC asks for VMCS regions that are not "
				   "write-back");
	return 0;
}

static int check_ept(struct vmx_caps *c, const char **why)
{
	u64 cap = c->msr[CAP_EPT_VPID];

	if (!(cap & EPT_CAP_WALK4))
		return refuse(why, "IA32_VMX_EPT_VPID_CAP: no page-walk length of 4 (bit 6)");
	if (!(cap & EPT_CAP_WB))
		return refuse(why, "IA32_VMX_EPT_VPID_CAP: EPT structures can't be write-back "
				   "(bit 14)");
	if (!(cap & EPT_CAP_INVEPT) ||
	    !(cap & (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)))
		return refuse(why, "IA32_VMX_EPT_VPID_CAP: no INVEPT (bits 20, 25, 26)");
	c->invept_type = cap & EPT_CAP_INVEPT_SINGLE ? 1 : 2;
	if (cap & EPT_CAP_2M)
		c->have |= VMX_HAVE_EPT_2M;
	if (cap & EPT_CAP_1G)
		c->have |= VMX_HAVE_EPT_1G;
	c->ept_pointer = MEMTYPE_WB | EPTP_WALK4;
	if (cap & EPT_CAP_AD) {
		c->have |= VMX_HAVE_EPT_AD;
		c->ept_pointer |= EPTP_AD;
	}
	/* A VPID that can't be flushed is of no use. */
	if ((cap & EPT_CAP_INVVPID) && (cap & EPT_CAP_INVVPID_SINGLE))
		c->invvpid_type = 1;
	else if ((cap & EPT_CAP_INVVPID) && (cap & EPT_CAP_INVVPID_ALL))
		c->invvpid_type = 2;
	else
		c->have &= ~VMX_HAVE_VPID;
	return 0;
}

int vmx_read_caps(struct vmx_caps *c, const char **why)
{
	unsigned i;
	int rc;

	*c = (struct vmx_caps){ .feature_control = rdmsr(MSR_FEATURE_CONTROL) };
	for (i = 0; i < CAP_COUNT; i++)
		if (msr_exists(c, i))
			c->msr[i] = rdmsr(MSR_VMX_BASIC + i);
	rc = vmx_check_feature_control(c->feature_control, why);
	if (!rc)
		rc = check_basic(c, why);
	if (!rc)
		rc = vmx_negotiate_controls(c, why);
	if (!rc)
		rc = check_ept(c, why);
	return rc;
}

struct vmx_cap_line vmx_cap_line(unsigned i)
{
	if (i < CAP_COUNT)
		return (struct vmx_cap_line){ msr_names[i], MSR_VMX_BASIC + i, vmx.msr[i] };
	if (i == CAP_COUNT)
		return (struct vmx_cap_line){ "IA32_FEATURE_CONTROL", MSR_FEATURE_CONTROL,
					      vmx.feature_control };
	return (struct vmx_cap_line){ NULL, 0, 0 };
}
