/* SPDX-License-Identifier: MIT */
/*
 * For rig/selftest: a guest that spins with interrupts off, which a timer of the
 * host's has to end. `spin /dev/kvm`: 0 if KVM_RUN ended with EINTR.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#define RAM	0x10000
#define START	0x1000
#define FLAGS	2	/* RFLAGS with IF 0; bit 1 is always set */

static void on_alarm(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	static const uint8_t code[] = { 0xeb, 0xfe };	/* jmp . */
	int ctl = open(argc > 1 ? argv[1] : "/dev/kvm", O_RDWR);
	int vm = ioctl(ctl, KVM_CREATE_VM, 0), cpu;
	uint8_t *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.memory_size = RAM, .userspace_addr = (uintptr_t)ram,
	};
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct kvm_regs regs = { .rip = START, .rflags = FLAGS };
	struct kvm_sregs sregs;

	if (vm < 0 || ram == MAP_FAILED)
		return perror("spin: KVM_CREATE_VM"), 2;
	memcpy(ram + START, code, sizeof(code));
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return perror("spin: KVM_SET_USER_MEMORY_REGION"), 2;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &sregs))
		return perror("spin: KVM_CREATE_VCPU"), 2;
	sregs.cs.base = sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs))
		return perror("spin: KVM_SET_REGS"), 2;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (ioctl(cpu, KVM_RUN, 0) == 0 || errno != EINTR)
		return perror("spin: KVM_RUN"), 1;
	return 0;
}
