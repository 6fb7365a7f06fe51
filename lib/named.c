/* SPDX-License-Identifier: MIT */
/* VMs with a name: include/vellum/named.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmm.h"

static int set_name(struct vmm_name *out, const char *name, struct vmm_error *e)
{
	memset(out, 0, sizeof(*out));
	if (strlen(name) >= sizeof(out->name) || !*name)
		return vmm_fail(e, VMM_ERR_INPUT,
				"\"%s\": a name has 1 to 31 characters", name);
	strcpy(out->name, name);
	return 0;
}

static int failed(const struct vmm_accel *a, const char *name, int err,
		  struct vmm_error *e)
{
	switch (err) {
	case EINVAL:
		return vmm_fail(e, VMM_ERR_INPUT,
			"\"%s\": not a name: letters, digits, '.', '_' and '-', not '.' or '-' first, not \"ctl\"",
			name);
	case EEXIST:
		return vmm_fail(e, VMM_ERR_INPUT,
			"there is a VM \"%s\" already (vellum list; vellum destroy %s)",
			name, name);
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return vmm_fail(e, VMM_ERR_INPUT, "there is no VM \"%s\"", name);
	case EACCES:
	case EPERM:
		return vmm_fail(e, VMM_ERR_HOST, "VM \"%s\" is somebody else's",
				name);
	case EDQUOT:
		return vmm_fail(e, VMM_ERR_HOST,
			"you have as many named VMs as one user may (vellum list; the module's parameter named_max)");
	case ENOTTY:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: has no named VMs: that takes vmm.ko", a->path);
	case EBUSY:
		return vmm_fail(e, VMM_ERR_HOST,
			"%s: the CPU's virtualization is in use by another hypervisor",
			a->path);
	default:
		return vmm_fail(e, VMM_ERR_HOST, "%s: VM \"%s\": %s", a->path,
				name, strerror(err));
	}
}

static int by_name(struct vmm_accel *a, unsigned long request, const char *name,
		   struct vmm_error *e)
{
	struct vmm_name n;

	if (set_name(&n, name, e))
		return -1;
	if (ioctl(a->fd, request, &n))
		return failed(a, name, errno, e);
	return 0;
}

int vmm_named_create(struct vmm_accel *a, const char *name, struct vmm_error *e)
{
	return by_name(a, VMM_CREATE_NAMED, name, e);
}

int vmm_named_destroy(struct vmm_accel *a, const char *name, struct vmm_error *e)
{
	return by_name(a, VMM_DESTROY, name, e);
}

int vmm_named_list(struct vmm_accel *a, struct vmm_list_entry **list,
		   unsigned int *n, struct vmm_error *e)
{
	struct vmm_list l = { .n = 16 };
	struct vmm_list_entry *v;

	for (;;) {
		v = calloc(l.n + 1, sizeof(*v));
		if (!v)
			return vmm_fail(e, VMM_ERR_HOST, "out of memory");
		l.entries = (uintptr_t)v;
		if (!ioctl(a->fd, VMM_LIST, &l))
			break;
		free(v);
		if (errno != E2BIG)
			return failed(a, "", errno, e);
		l.n += 4;
	}
	*list = v;
	*n = l.n;
	return 0;
}

int vmm_named_open(struct vmm_vm *vm, struct vmm_accel *a, const char *name,
		   struct vmm_error *e)
{
	const char *slash = strrchr(a->path, '/');
	struct vmm_name n;
	char path[4096];
	int err;

	vm->accel = a;
	vm->attached = false;
	vm->fd = -1;
	if (set_name(&n, name, e))
		return -1;
	if (strchr(name, '/') || name[0] == '.' || !strcmp(name, "ctl"))
		return failed(a, name, EINVAL, e);
	snprintf(path, sizeof(path), "%.*s%s",
		 slash ? (int)(slash - a->path) + 1 : 0, a->path, name);
	vm->fd = a->dir >= 0 ? openat(a->dir, name, O_RDWR | O_CLOEXEC) :
			       open(path, O_RDWR | O_CLOEXEC);
	if (vm->fd < 0)
		return failed(a, name, errno, e);
	/* Whatever else lies there does not know this. */
	if (ioctl(vm->fd, VMM_GET_NOTE, &(struct vmm_note){ 0 }) &&
	    errno != E2BIG) {
		err = errno;
		vmm_vm_destroy(vm);
		return err == ENODEV ? failed(a, name, err, e) :
			vmm_fail(e, VMM_ERR_INPUT, "%s: not a VM", path);
	}
	return 0;
}

int vmm_named_memory(struct vmm_vm *vm, uint32_t slot, uint64_t gpa,
		     uint64_t size, struct vmm_error *e)
{
	struct vmm_module_memory m = { .slot = slot, .gpa = gpa, .size = size };

	if (!ioctl(vm->fd, VMM_SET_MODULE_MEMORY, &m))
		return 0;
	if (errno == EDQUOT)
		return vmm_fail(e, VMM_ERR_HOST,
			"--memory: more than the named VMs of one user may have (the module's parameter named_mib)");
	return vmm_fail(e, VMM_ERR_HOST, "VMM_SET_MODULE_MEMORY: %s",
			strerror(errno));
}

int vmm_named_show(struct vmm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size,
		   bool readonly)
{
	struct vmm_module_memory m = {
		.slot = slot, .gpa = gpa, .size = size,
		.flags = readonly ? VMM_MODULE_READONLY : 0,
	};

	return ioctl(vm->fd, VMM_SET_MODULE_MEMORY, &m) ? -errno : 0;
}

int vmm_named_alias(struct vmm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size,
		    uint32_t source, uint64_t offset, bool readonly)
{
	struct vmm_module_memory m = {
		.slot = slot, .gpa = gpa, .size = size,
		.flags = VMM_MODULE_ALIAS | (readonly ? VMM_MODULE_READONLY : 0),
		.source = size ? source : 0, .offset = size ? offset : 0,
	};

	/* EINVAL: it was hidden already. */
	if (ioctl(vm->fd, VMM_SET_MODULE_MEMORY, &m) && (size || errno != EINVAL))
		return -errno;
	return 0;
}

int vmm_named_map(struct vmm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size,
		  void *at, struct vmm_error *e)
{
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 vm->fd, (off_t)VMM_MODULE_OFFSET(slot, gpa)) == MAP_FAILED)
		return vmm_fail(e, VMM_ERR_HOST, "can't map the VM's memory: %s",
				strerror(errno));
	return 0;
}

int vmm_named_set_note(struct vmm_vm *vm, const void *data, uint32_t size)
{
	struct vmm_note n = { .size = size, .data = (uintptr_t)data };

	return ioctl(vm->fd, VMM_SET_NOTE, &n) ? -errno : 0;
}

int vmm_named_get_note(struct vmm_vm *vm, void *data, uint32_t size)
{
	struct vmm_note n = { .size = size, .data = (uintptr_t)data };

	return ioctl(vm->fd, VMM_GET_NOTE, &n) ? -errno : (int)n.size;
}

int vmm_named_command(struct vmm_vm *vm, unsigned long request,
		      unsigned long arg)
{
	return ioctl(vm->fd, request, arg) ? -errno : 0;
}
