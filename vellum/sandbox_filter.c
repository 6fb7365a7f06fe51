/* SPDX-License-Identifier: MIT */
/*
 * Which system calls each kind of thread may make.  Filters add up: a thread has
 * its maker's as well, so what main may not do no thread may.  A vCPU's thread is
 * made before main has one and has its own alone, which the table makes a part of main's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#define M	(1u << SANDBOX_MAIN)
#define V	(1u << SANDBOX_VCPU)
#define D	(1u << SANDBOX_DISK)
#define W	(1u << SANDBOX_WORKER)
#define ALL	(M | V | D | W)
#define IF_NODES	(1u << 8)	/* only if the run opens nodes */
#define IF_SOCKETS	(1u << 9)
#define IF_SCREEN	(1u << 10)

/* A 32-bit argument, since the kernel looks at no more of these. */
#define ANY		0, 0, 0
#define IS(n, v)	(n), 0xffffffffu, (uint32_t)(v)
#define BITS(n, m, v)	(n), (m), (uint32_t)(v)

#define IOCTL_TYPE	0xff00u
#define KVM_TYPE	(KVMIO << 8)
#define VMM_TYPE	(VMM_IOCTL_MAGIC << 8)

/* A thread of this process, in this process's namespaces. */
#define CLONE_MASK	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
			 CLONE_THREAD | CLONE_VFORK | CLONE_PTRACE | \
			 CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | \
			 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define CLONE_A_THREAD	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
			 CLONE_THREAD)

struct allowed {
	int call;
	unsigned int who;
	unsigned int arg;
	uint32_t mask, value;	/* mask 0: any arguments */
};

static const struct allowed allowed[] = {
	{ SCMP_SYS(ioctl), V, IS(1, KVM_RUN) },	/* seen by run_first before */
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_REGS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_SREGS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_IRQ_LINE) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SIGNAL_MSI) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_PIT2) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_PIT2) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_GSI_ROUTING) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_IRQFD) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_IOEVENTFD) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_USER_MEMORY_REGION) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_SET_MODULE_MEMORY) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_CHECK_EXTENSION) },
	/* the vCPU's state: to say why a guest died, and to retrace its faults */
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_REGS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_SREGS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_VCPU_EVENTS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_VCPU_EVENTS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_MSRS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_DEBUGREGS) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_GET_LAPIC) },
	{ SCMP_SYS(ioctl), V, IS(1, KVM_SET_LAPIC) },	/* INIT# */
	{ SCMP_SYS(ioctl), V, IS(1, KVM_TRANSLATE) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_GET_INFO) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_GET_COUNTERS) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_GET_STATE) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_GET_TRACE) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_GET_REASONS) },
	{ SCMP_SYS(ioctl), V, IS(1, VMM_SET_TRAPS) },
	{ SCMP_SYS(ioctl), V | IF_SOCKETS, BITS(1, IOCTL_TYPE, KVM_TYPE) },
	{ SCMP_SYS(ioctl), M, BITS(1, IOCTL_TYPE, KVM_TYPE) },
	{ SCMP_SYS(ioctl), M, BITS(1, IOCTL_TYPE, VMM_TYPE) },
	{ SCMP_SYS(ioctl), M, IS(1, TCGETS) },
	{ SCMP_SYS(ioctl), M, IS(1, TCSETS) },
	{ SCMP_SYS(ioctl), M, IS(1, TCSETSW) },
	{ SCMP_SYS(ioctl), M, IS(1, TCSETSF) },
	{ SCMP_SYS(ioctl), M, IS(1, TIOCGWINSZ) },

	/* files that are open */
	{ SCMP_SYS(read), ALL, ANY },
	{ SCMP_SYS(write), ALL, ANY },
	{ SCMP_SYS(close), M | V | D, ANY },
	{ SCMP_SYS(pread64), M, ANY },
	{ SCMP_SYS(pwrite64), M | V, ANY },	/* firmware's variables */
	{ SCMP_SYS(preadv), M | D | W, ANY },
	{ SCMP_SYS(pwritev), M | D | W, ANY },
	{ SCMP_SYS(pwritev2), M | D | W, ANY },
	{ SCMP_SYS(fdatasync), M | D | W, ANY },
	{ SCMP_SYS(fallocate), M | D | W, ANY },
	{ SCMP_SYS(fstat), ALL, ANY },
	/* fstat() of a newer C library; of names there are none to look up */
	{ SCMP_SYS(newfstatat), ALL, BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH) },
	{ SCMP_SYS(ftruncate), M | IF_SCREEN, ANY },
	{ SCMP_SYS(lseek), M, ANY },
	{ SCMP_SYS(io_uring_enter), M | D, ANY },
	{ SCMP_SYS(openat), M | IF_NODES, ANY },

	/* waiting and waking */
	{ SCMP_SYS(futex), ALL, ANY },
	{ SCMP_SYS(poll), M | V, ANY },
	{ SCMP_SYS(ppoll), M | V, ANY },
	{ SCMP_SYS(epoll_wait), M | D, ANY },
	{ SCMP_SYS(epoll_pwait), M | D, ANY },
	{ SCMP_SYS(epoll_ctl), M | V | D, ANY },
	{ SCMP_SYS(epoll_create1), M, ANY },
	{ SCMP_SYS(eventfd2), M | V, ANY },
	{ SCMP_SYS(timerfd_create), M, ANY },
	{ SCMP_SYS(timerfd_settime), M | V | D, ANY },
	{ SCMP_SYS(clock_gettime), ALL, ANY },
	{ SCMP_SYS(clock_nanosleep), ALL, ANY },
	{ SCMP_SYS(restart_syscall), ALL, ANY },
	{ SCMP_SYS(sched_yield), ALL, ANY },

	/* memory: none that could be executed */
	{ SCMP_SYS(brk), ALL, ANY },
	{ SCMP_SYS(mmap), ALL, BITS(2, PROT_EXEC, 0) },
	{ SCMP_SYS(mprotect), ALL, BITS(2, PROT_EXEC, 0) },
	{ SCMP_SYS(mremap), ALL, ANY },
	{ SCMP_SYS(munmap), ALL, ANY },
	{ SCMP_SYS(madvise), ALL, ANY },

	/* threads and signals */
	{ SCMP_SYS(clone), M, BITS(0, CLONE_MASK, CLONE_A_THREAD) },
	{ SCMP_SYS(set_robust_list), M, ANY },
	{ SCMP_SYS(rseq), M, ANY },
	{ SCMP_SYS(prctl), M, IS(0, PR_SET_NAME) },
	{ SCMP_SYS(seccomp), M, IS(0, SECCOMP_SET_MODE_FILTER) },
	{ SCMP_SYS(sched_getaffinity), ALL, ANY },
	{ SCMP_SYS(sysinfo), ALL, ANY },	/* qsort() asks how much memory there is */
	{ SCMP_SYS(getrandom), ALL, ANY },
	{ SCMP_SYS(getpid), ALL, ANY },
	{ SCMP_SYS(gettid), ALL, ANY },
	{ SCMP_SYS(rt_sigaction), ALL, ANY },
	{ SCMP_SYS(rt_sigprocmask), ALL, ANY },
	{ SCMP_SYS(rt_sigreturn), ALL, ANY },
	{ SCMP_SYS(exit), ALL, ANY },
	{ SCMP_SYS(exit_group), ALL, ANY },

	/* the debugger's connection */
	{ SCMP_SYS(accept4), M | IF_SOCKETS, ANY },
	{ SCMP_SYS(accept), M | IF_SOCKETS, ANY },
	{ SCMP_SYS(recvfrom), M | V | IF_SOCKETS, ANY },
	{ SCMP_SYS(sendto), M | V | IF_SOCKETS, ANY },
	{ SCMP_SYS(recvmsg), M | V | IF_SOCKETS, ANY },
	{ SCMP_SYS(sendmsg), M | V | IF_SOCKETS, ANY },
	{ SCMP_SYS(shutdown), M | V | IF_SOCKETS, ANY },
	{ SCMP_SYS(setsockopt), M | IF_SOCKETS, ANY },
	{ SCMP_SYS(getsockopt), M | IF_SOCKETS, ANY },
	{ SCMP_SYS(fcntl), M | IF_SOCKETS, ANY },
};

static bool wanted(const struct allowed *a, enum sandbox_thread kind,
		   const struct sandbox_needs *needs)
{
	/* The thread's own kind, and through main whatever a thread needs. */
	unsigned int who = kind == SANDBOX_MAIN ? ALL : 1u << kind;

	if ((a->who & IF_NODES && !needs->nodes) ||
	    (a->who & IF_SOCKETS && !needs->sockets) ||
	    (a->who & IF_SCREEN && !needs->screen))
		return false;
	return a->who & who;
}

static int add(scmp_filter_ctx ctx, const struct allowed *a)
{
	struct scmp_arg_cmp cmp = {
		.arg = a->arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = a->mask,
		.datum_b = a->value,
	};

	if (!a->mask)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, a->call, 0,
					      NULL);
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, a->call, 1, &cmp);
}

static int add_all(scmp_filter_ctx ctx, enum sandbox_thread kind,
		   const struct sandbox_needs *needs)
{
	struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	unsigned int i;
	int ret;

	/* The library's own default ends the thread alone. */
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_KILL_PROCESS);
	if (!ret)
		ret = seccomp_syscall_priority(ctx, SCMP_SYS(ioctl), 255);
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !ret; i++)
		if (wanted(&allowed[i], kind, needs))
			ret = add(ctx, &allowed[i]);
	/* raise(), and the signal that ends KVM_RUN: to ourselves only. */
	if (!ret)
		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
					     SCMP_SYS(tgkill), 1, &own);
	/* The C library's way to make threads falls back on clone(). */
	if (!ret && kind == SANDBOX_MAIN)
		ret = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOSYS),
					     SCMP_SYS(clone3), 0, NULL);
	return ret;
}

#define FIELD(f)	((uint32_t)offsetof(struct seccomp_data, f))

/*
 * The call of every exit, before the library's program, which sorts a call's
 * conditions its own way and takes 34 instructions to this one.  The number is looked
 * at first: for the others the kernel can then still tell beforehand which calls are
 * allowed whatever their arguments, and runs no program at all for these.
 */
static const struct sock_filter run_first[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[1])),	/* low half */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* What is exported lies in the file; the vCPU's and its maker's begin as above. */
static int read_program(int fd, size_t size, const struct sock_filter *first,
			size_t n_first, struct sock_fprog *out)
{
	size_t n = size / sizeof(*out->filter);

	out->filter = malloc((n_first + n) * sizeof(*out->filter));
	if (!out->filter)
		return -ENOMEM;
	memcpy(out->filter, first, n_first * sizeof(*first));
	out->len = (unsigned short)(n_first + n);
	return read(fd, out->filter + n_first, size) == (ssize_t)size ? 0 : -EIO;
}

/*
 * The library hands programs out through files only.  A pipe has room for any that
 * the kernel takes (4096 instructions), and no limit on the size of files cuts it.
 */
static int export(scmp_filter_ctx ctx, enum sandbox_thread kind,
		  struct sock_fprog *out)
{
	bool runs = kind == SANDBOX_MAIN || kind == SANDBOX_VCPU;

	int fd[2], size = 0, ret;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ret = seccomp_export_bpf(ctx, fd[1]);
	if (!ret && ioctl(fd[0], FIONREAD, &size))
		ret = -errno;
	if (!ret)
		ret = read_program(fd[0], (size_t)size, run_first,
				   runs ? sizeof(run_first) / sizeof(*run_first) :
					  0, out);
	close(fd[0]);
	close(fd[1]);
	return ret;
}

int sandbox_filter(struct sock_fprog *out, enum sandbox_thread kind,
		   const struct sandbox_needs *needs, struct vmm_error *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	out->filter = NULL;
	ret = ctx ? add_all(ctx, kind, needs) : -ENOMEM;
	if (!ret)
		ret = export(ctx, kind, out);
	seccomp_release(ctx);
	if (!ret)
		return 0;
	free(out->filter);
	out->filter = NULL;
	return vmm_fail(e, VMM_ERR_HOST,
			"can't make the sandbox's filter of system calls: %s (--no-sandbox goes without)",
			strerror(-ret));
}

int sandbox_filter_available(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ?
	       -errno : 0;
}

int sandbox_filter_load(const struct sock_fprog *prog)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, prog) ?
	       -errno : 0;
}
