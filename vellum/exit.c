/* SPDX-License-Identifier: MIT */
/* What the guest did that the kernel side leaves to us. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "emulation.h"
#include "faults.h"
#include "machine.h"
#include "traps.h"
#include "why.h"

/* Out of the way of the frequent exits, which then need next to no stack frame. */
#define RARE __attribute__((__noinline__))

static uint64_t guest_rip(struct vcpu *c)
{
	struct kvm_regs r;

	return vmm_vcpu_get_regs(&c->v, &r) ? 0 : r.rip;
}

/* An access that nobody answers under --strict-io.  Device lock held. */
static RARE void strict(struct vcpu *c, const char *space, bool write,
		   uint64_t addr, unsigned int size)
{
	machine_end(c->m, END_STRICT_IO, 0,
		    "--strict-io: vCPU %u %s %u byte%s %s %s %#" PRIx64 " at RIP %#" PRIx64 ", and no device is there",
		    c->v.index, write ? "wrote" : "read", size,
		    size == 1 ? "" : "s", write ? "to" : "from", space, addr,
		    guest_rip(c));
}

/* Not memcpy() of a variable size: this is on the way of every exit. */
static uint64_t get(const uint8_t *p, unsigned int size)
{
	uint16_t v2;
	uint32_t v4;
	uint64_t v8;

	switch (size) {
	case 1:
		return *p;
	case 2:
		__builtin_memcpy(&v2, p, 2);
		return v2;
	case 4:
		__builtin_memcpy(&v4, p, 4);
		return v4;
	default:
		__builtin_memcpy(&v8, p, 8);
		return v8;
	}
}

static void put(uint8_t *p, unsigned int size, uint64_t v)
{
	switch (size) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		__builtin_memcpy(p, &v, 2);
		break;
	case 4:
		__builtin_memcpy(p, &v, 4);
		break;
	default:
		__builtin_memcpy(p, &v, 8);
		break;
	}
}

static void port_access(struct vcpu *c, uint8_t *data)
{
	const struct kvm_run *run = c->v.run;
	unsigned int size = run->io.size;
	uint64_t v = 0;
	bool known;

	if (run->io.direction == KVM_EXIT_IO_OUT) {
		known = bus_write(&c->m->pio, run->io.port, size,
				  get(data, size));
	} else {
		known = bus_read(&c->m->pio, run->io.port, size, &v);
		put(data, size, v);
	}
	if (!known && c->m->cfg->strict_io)
		strict(c, "I/O port", run->io.direction == KVM_EXIT_IO_OUT,
		       run->io.port, size);
}

/* Takes one element of a string at least; returns how many. */
static unsigned int string_access(struct vcpu *c, uint8_t *data,
				  unsigned int count)
{
	const struct kvm_run *run = c->v.run;
	struct bus *bus = &c->m->pio;
	unsigned int n = 0;

	if (count > 1)
		n = run->io.direction == KVM_EXIT_IO_OUT ?
		    bus_write_block(bus, run->io.port, run->io.size, count,
				    data) :
		    bus_read_block(bus, run->io.port, run->io.size, count,
				   data);
	if (!n) {
		port_access(c, data);
		n = 1;
	}
	return n;
}

/* String instructions come as one exit with up to a page of elements. */
static RARE void handle_other_io(struct vcpu *c)
{
	struct machine *m = c->m;
	struct kvm_run *run = c->v.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t count = run->io.count;
	unsigned int size = run->io.size;

	do {
		bool drain;

		pthread_mutex_lock(m->lock);
		do {
			unsigned int n = string_access(c, data, count);

			data += n * size;
			count -= n;
			drain = m->console->out_wanted;
		} while (count && !drain);
		pthread_mutex_unlock(m->lock);
		if (drain)
			console_drain(m->console);
	} while (count);
}

static void handle_io(struct vcpu *c)
{
	struct machine *m = c->m;
	const struct kvm_run *run = c->v.run;
	uint32_t v;
	bool drain;

	if (run->io.direction != KVM_EXIT_IO_OUT || run->io.count != 1) {
		handle_other_io(c);
		return;
	}
	/* The bus looks at no more than the access has. */
	__builtin_memcpy(&v, (const uint8_t *)run + run->io.data_offset, 4);
	pthread_mutex_lock(m->lock);
	if (!bus_write(&m->pio, run->io.port, run->io.size, v) &&
	    m->cfg->strict_io)
		strict(c, "I/O port", true, run->io.port, run->io.size);
	drain = m->console->out_wanted;
	pthread_mutex_unlock(m->lock);
	if (drain)
		console_drain(m->console);
}

static void handle_mmio(struct vcpu *c)
{
	struct kvm_run *run = c->v.run;
	uint64_t addr = run->mmio.phys_addr, v = 0;
	unsigned int size = run->mmio.len;
	bool known;

	if (size > sizeof(run->mmio.data))
		size = sizeof(run->mmio.data);
	pthread_mutex_lock(c->m->lock);
	if (run->mmio.is_write) {
		__builtin_memcpy(&v, run->mmio.data, 8);
		known = bus_write(&c->m->mmio, addr, size, v);
	} else {
		known = bus_read(&c->m->mmio, addr, size, &v);
		put(run->mmio.data, size, v);
	}
	if (!known && c->m->cfg->strict_io)
		strict(c, "address", run->mmio.is_write, addr, size);
	pthread_mutex_unlock(c->m->lock);
}

static const char *suberror_name(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "an instruction could not be emulated";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "a fault came up where none can be delivered";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an exit came up during an event's delivery that must not";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "the CPU left the guest for a reason that is not handled";
	default:
		return "an unknown internal error";
	}
}

/* All that the run page tells, in one line. */
static void describe_internal_data(const struct kvm_run *run, char *buf, size_t size)
{
	uint32_t i, n = run->internal.ndata;
	int used;

	if (n > sizeof(run->internal.data) / sizeof(run->internal.data[0]))
		n = sizeof(run->internal.data) / sizeof(run->internal.data[0]);
	used = snprintf(buf, size, "%s (internal error %u",
			suberror_name(run->internal.suberror),
			run->internal.suberror);
	for (i = 0; i < n && used > 0 && (size_t)used < size; i++)
		used += snprintf(buf + used, size - (size_t)used, "%s%#llx",
				 i ? " " : "; data ",
				 (unsigned long long)run->internal.data[i]);
	if (used > 0 && (size_t)used < size)
		snprintf(buf + used, size - (size_t)used, ")");
}

static void describe_internal(struct vcpu *c, char *buf, size_t size)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	if (vmm_vcpu_get_regs(&c->v, &r) || vmm_vcpu_get_sregs(&c->v, &s) ||
	    !emulation_describe(c->v.run, &r, &s, buf, size))
		describe_internal_data(c->v.run, buf, size);
}

void vcpu_end(struct vcpu *c, enum end_cause cause, char *report, const char *what)
{
	struct kvm_regs r = { 0 };
	struct kvm_sregs s = { 0 };
	bool known;

	gdb_last_look(c);
	known = !vmm_vcpu_get_regs(&c->v, &r) && !vmm_vcpu_get_sregs(&c->v, &s);
	pthread_mutex_lock(c->m->lock);
	if (c->m->end.cause == END_NONE)
		c->m->end.report = report;
	else
		free(report);
	if (known)
		machine_end(c->m, cause, 0,
			    "vCPU %u: %s; RIP %#llx CS %#x RSP %#llx RFLAGS %#llx CR0 %#llx CR3 %#llx CR4 %#llx EFER %#llx",
			    c->v.index, what, r.rip, s.cs.selector, r.rsp,
			    r.rflags, s.cr0, s.cr3, s.cr4, s.efer);
	else
		machine_end(c->m, cause, 0, "vCPU %u: %s", c->v.index, what);
	pthread_mutex_unlock(c->m->lock);
}

static void end(struct vcpu *c, enum end_cause cause, const char *what)
{
	vcpu_end(c, cause, NULL, what);
}

/* The same, with why. */
static void end_explained(struct vcpu *c, enum end_cause cause, enum explain_why why,
			  uint64_t reason, const char *what)
{
	struct why_state *w = why_snapshot(c, why, reason);

	vcpu_end(c, cause, w ? why_text(w) : NULL, what);
	free(w);
}

/* KVM on AMD resets the vCPU before it tells: don't show that as a finding. */
static void handle_shutdown(struct vcpu *c)
{
	struct kvm_sregs s;
	bool returns;

	/* A board answers a shutdown with a reset of the processor. */
	pthread_mutex_lock(c->m->lock);
	returns = machine_returns(c->m);
	pthread_mutex_unlock(c->m->lock);
	if (returns)
		return;
	if (!vmm_vcpu_get_sregs(&c->v, &s) && s.cs.selector == 0xf000 &&
	    guest_rip(c) == 0xfff0)
		end(c, END_TRIPLE_FAULT,
		    "triple fault (the accelerator has already reset the vCPU, the state that follows is not the fault's)");
	else
		end_explained(c, END_TRIPLE_FAULT, EXPLAIN_SHUTDOWN, 0, "triple fault");
}

static void handle_system_event(struct vcpu *c)
{
	switch (c->v.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		pthread_mutex_lock(c->m->lock);
		machine_end(c->m, END_POWER_OFF, 0, "the guest powered off");
		pthread_mutex_unlock(c->m->lock);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		pthread_mutex_lock(c->m->lock);
		machine_end(c->m, END_RESET, 0, "the guest reset the machine");
		pthread_mutex_unlock(c->m->lock);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		end(c, END_PANIC, "the guest's kernel panicked");
		break;
	default:
		end(c, END_FAILED, "an unknown system event");
		break;
	}
}

static void handle_failure(struct vcpu *c)
{
	struct kvm_run *run = c->v.run;
	char what[256];

	switch (run->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(what, sizeof(what),
			 "the CPU refused to enter the guest: hardware reason %#llx",
			 (unsigned long long)
			 run->fail_entry.hardware_entry_failure_reason);
		end_explained(c, END_FAILED, EXPLAIN_FAIL_ENTRY,
			      run->fail_entry.hardware_entry_failure_reason, what);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		describe_internal(c, what, sizeof(what));
		break;
	case KVM_EXIT_UNKNOWN:
		snprintf(what, sizeof(what),
			 "an exit for hardware reason %#llx that nobody handles",
			 (unsigned long long)run->hw.hardware_exit_reason);
		break;
	case KVM_EXIT_EXCEPTION:
		snprintf(what, sizeof(what),
			 "exception %u (error code %#x) that nobody handles",
			 run->ex.exception, run->ex.error_code);
		break;
	default:
		snprintf(what, sizeof(what),
			 "exit %u, which this program does not handle",
			 run->exit_reason);
		break;
	}
	end(c, END_FAILED, what);
}

/* The union of exits in struct kvm_run starts where `hw` does. */
static void handle_trap(struct vcpu *c)
{
	struct vmm_exit_trap t;
	char what[160];

	memcpy(&t, &c->v.run->hw, sizeof(t));
	if (t.trap == VMM_TRAP_EXCEPTION && c->m->cfg->catch_faults) {
		faults_trapped(c, &t);
		return;
	}
	snprintf(what, sizeof(what),
		 "trapped %s: exit reason %llu, instruction length %u, qualification %#llx",
		 trap_name(t.trap), (unsigned long long)t.reason, t.insn_len,
		 (unsigned long long)t.qualification);
	end(c, END_TRAP, what);
}

static RARE void handle_rest(struct vcpu *c)
{
	switch (c->v.run->exit_reason) {
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_HLT:
		/* With LAPICs in the kernel only if nothing can wake it. */
		end(c, END_FAILED, "halted for good");
		break;
	case KVM_EXIT_SHUTDOWN:
		handle_shutdown(c);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(c);
		break;
	case KVM_EXIT_DEBUG:
		if (!gdb_debug_exit(c))
			handle_failure(c);
		break;
	case VMM_EXIT_TRAP:
		handle_trap(c);
		break;
	default:
		handle_failure(c);
		break;
	}
}

void vcpu_handle_exit(struct vcpu *c)
{
	uint32_t reason = c->v.run->exit_reason;

	if (reason == KVM_EXIT_IO)
		handle_io(c);
	else if (reason == KVM_EXIT_MMIO)
		handle_mmio(c);
	else
		handle_rest(c);
}
