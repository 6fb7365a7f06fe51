/* SPDX-License-Identifier: MIT */
/*
 * libvmm: the only code that issues the ioctls of linux/kvm.h and of
 * vellum/vmm.h.
 *
 * Three objects, each a file descriptor with what goes with it: the
 * accelerator (a device node), a VM, a vCPU.  Nothing here knows whether the
 * kernel side is vmm.ko or stock KVM; what one of the two lacks is asked for
 * with vmm_has() and is absent, not an error.
 *
 * Two kinds of failure.  What happens while a machine is being set up is
 * reported through struct vmm_error: a sentence for the user and a class from
 * which the exit status follows.  What happens on a vCPU's way round its loop
 * is a negative errno, because the caller there knows best what it means.
 */
#ifndef LIBVMM_H
#define LIBVMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/kvm.h>
#include <vellum/vmm.h>

#define VMM_DEFAULT_ACCEL	"/dev/vmm/ctl"

/* Who can do something about it: decides the exit status. */
enum vmm_error_class {
	VMM_ERR_NONE = 0,
	VMM_ERR_HOST,		/* the host lacks something or refuses it */
	VMM_ERR_INPUT,		/* a file or option given by the user */
	VMM_ERR_INTERNAL,	/* should not happen with a correct kernel side */
};

struct vmm_error {
	enum vmm_error_class class;
	char text[480];
};

/* Fills @e and returns -1, so that a failing function can end in one line. */
int vmm_fail(struct vmm_error *e, enum vmm_error_class class,
	     const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct vmm_accel {
	int fd;
	const char *path;	/* not owned */
	int dir;		/* the folder of its nodes; -1 = as in @path */
	size_t run_size;	/* bytes of struct kvm_run's mapping */
};

struct vmm_vm {
	struct vmm_accel *accel;
	int fd;
	bool attached;		/* a named VM whose vCPUs are there already */
};

struct vmm_vcpu {
	struct vmm_vm *vm;
	int fd;
	unsigned int index;
	struct kvm_run *run;	/* shared with the kernel */
};

/* accel.c */

/*
 * Opens the device node, checks the ABI's version.  The three ways in which
 * this commonly fails (no such node, no permission, not this ABI) each get a
 * sentence of their own.
 */
int vmm_accel_open(struct vmm_accel *a, const char *path, struct vmm_error *e);
void vmm_accel_close(struct vmm_accel *a);

/* KVM_CHECK_EXTENSION: 0 where the capability is absent or unknown. */
int vmm_accel_cap(const struct vmm_accel *a, int cap);

/*
 * KVM_GET_SUPPORTED_CPUID into a table from malloc() that the caller frees;
 * the table has room for @spare entries more than the kernel returned.
 */
struct kvm_cpuid2 *vmm_accel_cpuid(const struct vmm_accel *a,
				   unsigned int spare, struct vmm_error *e);

/* vm.c */
int vmm_vm_create(struct vmm_vm *vm, struct vmm_accel *a, struct vmm_error *e);
void vmm_vm_destroy(struct vmm_vm *vm);
int vmm_vm_cap(const struct vmm_vm *vm, int cap);
int vmm_vm_set_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		      uint64_t size, void *host, struct vmm_error *e);
/*
 * On a running VM: puts @host at a slot that may hold something else now, or
 * takes it away (@size 0); with @readonly a guest's writes become exits.
 * 0 or -errno.
 */
int vmm_vm_move_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		       uint64_t size, void *host, bool readonly);

/* In-kernel LAPICs, IOAPIC, PICs and PIT; the places VT-x needs for its own. */
int vmm_vm_create_irqchip(struct vmm_vm *vm, struct vmm_error *e);
int vmm_vm_create_pit(struct vmm_vm *vm, struct vmm_error *e);
/* The PIT counts on, but raises no interrupt: an HPET does.  0 or -errno. */
int vmm_vm_pit_silent(struct vmm_vm *vm, bool on);
int vmm_vm_set_tss_addr(struct vmm_vm *vm, uint32_t gpa, struct vmm_error *e);
int vmm_vm_set_identity_map_addr(struct vmm_vm *vm, uint64_t gpa,
				 struct vmm_error *e);
/*
 * A PC's wiring: ISA line n to PIC input n and IOAPIC pin n, save that line 0
 * (the PIT) goes to pin 2.  Returns 1 when done, 0 when the kernel side can't
 * be rewired (then line 0 stays on pin 0), -1 with @e set on failure.
 */
int vmm_vm_set_pc_routing(struct vmm_vm *vm, struct vmm_error *e);


/* A global interrupt, from 24 on, that stands for a message. */
struct vmm_msi_route {
	uint32_t gsi;
	uint32_t data;
	uint64_t address;
};

/* Global interrupts that the kernel side can route; 0 = no routing. */
unsigned int vmm_vm_gsi_max(const struct vmm_vm *vm);
#define VMM_GSI_FIRST_FREE	24u

/* The PC's wiring and these: replaces all that was routed.  0 or -errno. */
int vmm_vm_set_routing(struct vmm_vm *vm, const struct vmm_msi_route *msi,
		       unsigned int n);
/* Sends one message, now.  0 or -errno. */
int vmm_vm_signal_msi(struct vmm_vm *vm, uint64_t address, uint32_t data);
/* Writing eventfd @fd raises @gsi, or no longer does.  0 or -errno. */
int vmm_vm_irqfd(struct vmm_vm *vm, uint32_t gsi, int fd, bool on);
/*
 * A guest's write of any value to @len (0, 1, 2, 4, 8; 0: any) bytes at @addr
 * writes eventfd @fd instead of leaving KVM_RUN.  0 or -errno.
 */
int vmm_vm_ioeventfd(struct vmm_vm *vm, uint64_t addr, uint32_t len, bool pio,
		     int fd, bool on);

/* Sets a global interrupt's level.  Returns 0 or -errno. */
int vmm_vm_irq_line(struct vmm_vm *vm, uint32_t gsi, bool level);

/* vcpu.c */
int vmm_vcpu_create(struct vmm_vcpu *vcpu, struct vmm_vm *vm,
		    unsigned int index, struct vmm_error *e);
void vmm_vcpu_destroy(struct vmm_vcpu *vcpu);

/*
 * Runs until an exit that lies in vcpu->run, or until a signal: -EINTR.
 * Every other negative value is fatal for this vCPU.
 */
int vmm_vcpu_run(struct vmm_vcpu *vcpu);

int vmm_vcpu_get_regs(const struct vmm_vcpu *vcpu, struct kvm_regs *r);
int vmm_vcpu_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *r);
int vmm_vcpu_get_sregs(const struct vmm_vcpu *vcpu, struct kvm_sregs *s);
int vmm_vcpu_set_sregs(struct vmm_vcpu *vcpu, const struct kvm_sregs *s);
int vmm_vcpu_get_lapic(const struct vmm_vcpu *vcpu, struct kvm_lapic_state *l);
int vmm_vcpu_set_lapic(struct vmm_vcpu *vcpu, const struct kvm_lapic_state *l);
int vmm_vcpu_set_cpuid(struct vmm_vcpu *vcpu, const struct kvm_cpuid2 *c);
int vmm_vcpu_set_mp_state(struct vmm_vcpu *vcpu, uint32_t state);

/* 1 = set, 0 = the kernel side knows no such MSR, or a negative errno. */
int vmm_vcpu_set_msr(struct vmm_vcpu *vcpu, uint32_t index, uint64_t value);
/* VMM_SET_TRAPS.  0, or -ENOTTY where the kernel side has no such thing. */
int vmm_vcpu_set_traps(const struct vmm_vcpu *vcpu, const struct vmm_traps *t);
/* In kHz, or 0 where the kernel side does not tell. */
unsigned int vmm_vcpu_tsc_khz(const struct vmm_vcpu *vcpu);

/*
 * The vCPU of a named VM, to look at and to change, not to run: run stays NULL.
 */
int vmm_vcpu_open(struct vmm_vcpu *vcpu, struct vmm_vm *vm, unsigned int index,
		  struct vmm_error *e);

/* named.c */

int vmm_named_create(struct vmm_accel *a, const char *name,
		     struct vmm_error *e);
int vmm_named_destroy(struct vmm_accel *a, const char *name,
		      struct vmm_error *e);
/* All that the user may see, from malloc(). */
int vmm_named_list(struct vmm_accel *a, struct vmm_list_entry **list,
		   unsigned int *n, struct vmm_error *e);
/* Opens the node beside the accelerator's. */
int vmm_named_open(struct vmm_vm *vm, struct vmm_accel *a, const char *name,
		   struct vmm_error *e);
/* Memory that stays with the VM, and its place in this process. */
int vmm_named_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		     uint64_t size, struct vmm_error *e);
/*
 * A slot that has memory is shown there (size 0: nowhere), or a slot that has none
 * shows @size bytes of @source's memory from @offset on.  0 or -errno.
 */
int vmm_named_show(struct vmm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size,
		   bool readonly);
int vmm_named_alias(struct vmm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size,
		    uint32_t source, uint64_t offset, bool readonly);
int vmm_named_map(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		  uint64_t size, void *at, struct vmm_error *e);
/* Bytes that stay with it.  get: how many there are, or -errno. */
int vmm_named_set_note(struct vmm_vm *vm, const void *data, uint32_t size);
int vmm_named_get_note(struct vmm_vm *vm, void *data, uint32_t size);
/* VMM_PAUSE, VMM_RESUME, VMM_RESET.  0 or -errno. */
int vmm_named_command(struct vmm_vm *vm, unsigned long request,
		      unsigned long arg);

/* inspect.c: lists are from malloc(); 0 or -errno. */
int vmm_vcpu_state(const struct vmm_vcpu *vcpu, struct vmm_state *s,
		   struct vmm_field **fields);
int vmm_vcpu_set_field(const struct vmm_vcpu *vcpu, uint32_t id, uint64_t value);
int vmm_vcpu_latency(const struct vmm_vcpu *vcpu, struct vmm_latency **l,
		     unsigned int *n);
int vmm_vcpu_reasons(const struct vmm_vcpu *vcpu, struct vmm_reason **r,
		     unsigned int *n);
/* Up to *n records from t->next on into r; *n says how many. */
int vmm_vcpu_trace(const struct vmm_vcpu *vcpu, struct vmm_trace *t,
		   struct vmm_trace_record *r, unsigned int *n);
/* Any other KVM_GET_* or KVM_SET_* with a structure.  0 or -errno. */
int vmm_vcpu_do(const struct vmm_vcpu *vcpu, unsigned long request, void *arg);
int vmm_vcpu_get_msr(const struct vmm_vcpu *vcpu, uint32_t index,
		     uint64_t *value);

/* tally.c */

/*
 * Named numbers as the kernel side keeps them (struct vmm_counter).  A machine
 * that is reset gets a new VM; adding the new one's counters to the same tally
 * makes totals.
 */
struct vmm_tally {
	struct vmm_counter *v;
	unsigned int n, room;
	const char *source;	/* whose counts these are, NULL = nobody's */
};

/* Adds one vCPU's counters.  Returns how many it has: 0 where none are kept. */
int vmm_tally_vcpu(struct vmm_tally *t, const struct vmm_vcpu *vcpu);

/* What the accelerator tells of the CPU and of itself, likewise. */
int vmm_tally_accel(struct vmm_tally *t, const struct vmm_accel *a);
void vmm_tally_free(struct vmm_tally *t);

#endif
