/* SPDX-License-Identifier: MIT */
/* Stands for engine/vmx/entry.h in a plain process: the guest is a function. */
#ifndef VELLUM_HOST_SIM_VMX_ENTRY_H
#define VELLUM_HOST_SIM_VMX_ENTRY_H

#include "machine.h"

#define vmx_run_guest(x)	sim_vmx_enter(&(x)->v, (x)->vmcs.launched)
#define vmx_exit_address(p)	(*(p) = SIM_VMX_EXIT_ADDRESS)

#endif
