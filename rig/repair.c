/* SPDX-License-Identifier: MIT */
/*
 * One defect of Bochs 2.7 that no hypervisor can work around for nothing, mended in
 * its machine code: docs/emulators.md, "A guest entered with interrupts off".
 *
 * VMLAUNCH and VMRESUME decide, by the guest's RFLAGS.IF, whether interrupts are
 * masked before they note that a guest runs, so "external-interrupt exiting" isn't
 * looked at: a guest with IF 0 keeps the host's interrupts out until it changes IF.
 * Right after they have noted it they call the function that injects events. Here
 * that call is led through a function that decides again.
 */
#include "repair.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define WEAK __attribute__((weak))

/* By their C++ names; the argument is the object. Absent in another build of Bochs. */
WEAK void vm_launch(void *cpu, void *insn)
	__asm__("_ZN8BX_CPU_C8VMLAUNCHEP15bxInstruction_c");
WEAK void inject_events(void *cpu) __asm__("_ZN8BX_CPU_C19VMenterInjectEventsEv");
WEAK void update_interrupt_mask(void *cpu)
	__asm__("_ZN8BX_CPU_C25handleInterruptMaskChangeEv");

#define PAGE		4096ul
#define LAUNCH_BYTES	0x500	/* of VMLAUNCH, which its call is in */
#define CALL		0xe8	/* with a 32-bit displacement from its end */
#define CALL_BYTES	5

static void guest_entered(void *cpu)
{
	update_interrupt_mask(cpu);
	inject_events(cpu);	/* may not return: Bochs leaves by longjmp() */
}

/* The only call of inject_events() in vm_launch(), or NULL. */
static uint8_t *find_call(void)
{
	uint8_t *from = (uint8_t *)vm_launch, *found = NULL, *p;
	int32_t distance;

	for (p = from; p < from + LAUNCH_BYTES; p++) {
		memcpy(&distance, p + 1, sizeof(distance));
		if (*p != CALL || p + CALL_BYTES + distance != (uint8_t *)inject_events)
			continue;
		if (found)
			return NULL;
		found = p;
	}
	return found;
}

/* A page of code in reach of a call at CODE, that goes on to guest_entered(). */
static uint8_t *make_stub(const uint8_t *code)
{
	static const uint8_t jump[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, /* mov $, %rax */
					0xff, 0xe0 };			    /* jmp *%rax */
	uintptr_t at = (uintptr_t)code & -PAGE, target = (uintptr_t)guest_entered;
	uint8_t *stub;
	unsigned int mib;

	for (mib = 1; mib < 1024; mib++) {
		stub = mmap((void *)(at - ((uintptr_t)mib << 20)), PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (stub == MAP_FAILED)
			continue;
		memcpy(stub, jump, sizeof(jump));
		memcpy(stub + 2, &target, sizeof(target));
		if (mprotect(stub, PAGE, PROT_READ | PROT_EXEC) == 0)
			return stub;
		munmap(stub, PAGE);
		return NULL;
	}
	return NULL;
}

static int lead_call(uint8_t *call, const uint8_t *to)
{
	void *page = (void *)((uintptr_t)call & -PAGE);
	int32_t distance = to - (call + CALL_BYTES);

	if (mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	memcpy(call + 1, &distance, sizeof(distance));
	return mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC);
}

void repair_bochs(void)
{
	uint8_t *call = NULL, *stub = NULL;

	if (vm_launch && inject_events && update_interrupt_mask)
		call = find_call();
	if (call)
		stub = make_stub(call);
	if (!stub || lead_call(call, stub))
		fprintf(stderr, "rig: Bochs is not the one that is known: guests that spin "
			"with interrupts off will hang the host (docs/emulators.md)\n");
}
