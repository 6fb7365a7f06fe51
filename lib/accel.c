/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvmm.h"

/* Enough for any CPU so far; the kernel refuses absurd sizes by itself. */
#define CPUID_ENTRIES_MAX	4096u

/*
 * Does the kernel show VT-x or AMD-V?  It hides the flag of one that the
 * firmware has locked off.  Unknown counts as yes.
 */
static bool cpu_can(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t room = 0;
	bool can = true;

	if (!f)
		return true;
	while (getline(&line, &room, f) > 0) {
		if (strncmp(line, "flags", 5))
			continue;
		can = strstr(line, " vmx") || strstr(line, " svm");
		break;
	}
	free(line);
	fclose(f);
	return can;
}

static int not_there(const char *path, struct vmm_error *e)
{
	if (strcmp(path, VMM_DEFAULT_ACCEL))
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: no such device: is the module that provides it loaded?",
			path);
	if (!cpu_can())
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: no such device: vmm.ko is not loaded, and can't be: this CPU has no VT-x or AMD-V, or the firmware has locked it off (look for it in the firmware's set-up)",
			path);
	return vmm_fail(e, VMM_ERR_HOST,
		"%s: no such device: the module vmm.ko is not loaded (as root: insmod vmm.ko; if it refuses, dmesg says why; or take another accelerator: --accel /dev/kvm)",
		path);
}

static int open_failed(const char *path, int err, struct vmm_error *e)
{

	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
	case ENOTDIR:
		return not_there(path, e);
	case EACCES:
	case EPERM:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: permission denied: be root or join the group that owns it (ls -l %s)",
			path, path);
	case EBUSY:
		return vmm_fail(e, VMM_ERR_HOST, "%s: in use by somebody else",
				path);
	default:
		return vmm_fail(e, VMM_ERR_HOST, "%s: can't open: %s", path,
				strerror(err));
	}
}

static int check_abi(struct vmm_accel *a, struct vmm_error *e)
{
	struct stat st;
	int v;

	if (fstat(a->fd, &st) || !S_ISCHR(st.st_mode))
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: not a character device, so not an accelerator",
			a->path);

	v = ioctl(a->fd, KVM_GET_API_VERSION, 0);
	if (v < 0)
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: not an accelerator: it does not answer KVM_GET_API_VERSION (%s)",
			a->path, strerror(errno));
	if (v != KVM_API_VERSION)
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: speaks version %d of the KVM ABI, needed is %d",
			a->path, v, KVM_API_VERSION);

	v = ioctl(a->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (v < (int)sizeof(struct kvm_run))
		return vmm_fail(e, VMM_ERR_INTERNAL,
			"%s: KVM_GET_VCPU_MMAP_SIZE gives %d, too small for struct kvm_run",
			a->path, v);
	a->run_size = (size_t)v;
	return 0;
}

int vmm_accel_open(struct vmm_accel *a, const char *path, struct vmm_error *e)
{
	a->path = path;
	a->dir = -1;
	a->run_size = 0;
	a->fd = open(path, O_RDWR | O_CLOEXEC);
	if (a->fd < 0)
		return open_failed(path, errno, e);
	if (check_abi(a, e)) {
		vmm_accel_close(a);
		return -1;
	}
	return 0;
}

void vmm_accel_close(struct vmm_accel *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	if (a->dir >= 0)
		close(a->dir);
	a->dir = -1;
}

int vmm_accel_cap(const struct vmm_accel *a, int cap)
{
	int v = ioctl(a->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return v < 0 ? 0 : v;
}

struct kvm_cpuid2 *vmm_accel_cpuid(const struct vmm_accel *a,
				   unsigned int spare, struct vmm_error *e)
{
	unsigned int room;

	/* The kernel says only "too small" (E2BIG), so double until it fits. */
	for (room = 64; room <= CPUID_ENTRIES_MAX; room *= 2) {
		struct kvm_cpuid2 *c;
		int err;

		c = calloc(1, sizeof(*c) +
			   (room + spare) * sizeof(c->entries[0]));
		if (!c) {
			vmm_fail(e, VMM_ERR_HOST, "out of memory");
			return NULL;
		}
		c->nent = room;
		if (!ioctl(a->fd, KVM_GET_SUPPORTED_CPUID, c))
			return c;
		err = errno;
		free(c);
		if (err != E2BIG) {
			vmm_fail(e, VMM_ERR_INTERNAL,
				 "%s: KVM_GET_SUPPORTED_CPUID: %s", a->path,
				 strerror(err));
			return NULL;
		}
	}
	vmm_fail(e, VMM_ERR_INTERNAL,
		 "%s: KVM_GET_SUPPORTED_CPUID never fits", a->path);
	return NULL;
}
