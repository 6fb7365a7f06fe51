/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

#define FD_GUESS_MAX	1024	/* where there is no /proc to ask */

static struct {
	bool entered;
	struct sock_fprog filter[SANDBOX_THREADS];
} sandbox;

/* ---- files ---- */

/* All of ours are closed on exec; so what is not came from our parent. */
static void close_if_inherited(int fd)
{
	int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

	if (flags >= 0 && !(flags & FD_CLOEXEC))
		close(fd);
}

static void close_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int fd;

	for (fd = 0; !dir && fd < FD_GUESS_MAX; fd++)
		close_if_inherited(fd);
	while (dir && (entry = readdir(dir)))
		close_if_inherited(atoi(entry->d_name));
	if (dir)
		closedir(dir);
}

/* ---- mount namespace ---- */

/* Carries the new root while it is made: a folder that every system has. */
#define CARRIER		"/proc"
#define NODES		"nodes"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;	/* those who may not do without */
	close(fd);
}

/* Root has one for the asking, others with a user namespace where they may. */
static bool new_namespace(void)
{
	char uid[64], gid[64];

	if (!unshare(CLONE_NEWNS))
		return true;
	snprintf(uid, sizeof(uid), "%u %u 1", getuid(), getuid());
	snprintf(gid, sizeof(gid), "%u %u 1", getgid(), getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	write_file("/proc/self/uid_map", uid);
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/gid_map", gid);
	return true;
}

/*
 * The current folder becomes the root.  The root of an initial RAM disk can't be
 * exchanged, only covered: then chroot(), from which no call that is left leads
 * out, nor would it without CAP_SYS_CHROOT.
 */
static bool change_root(void)
{
	if (!syscall(SYS_pivot_root, ".", "."))
		return !umount2(".", MNT_DETACH) && !chdir("/");
	return !mount(".", "/", NULL, MS_MOVE, NULL) && !chroot(".") &&
	       !chdir("/");
}

/* Empty and read-only, save for the folder of nodes. */
static bool empty_root(const char *nodes)
{
	const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", CARRIER, "tmpfs", flags,
		  "size=4k,nr_inodes=4,mode=0700"))
		return false;
	if (nodes && (mkdir(CARRIER "/" NODES, 0700) ||
		      mount(nodes, CARRIER "/" NODES, NULL, MS_BIND, NULL)))
		return false;
	if (chdir(CARRIER))
		return false;
	(void)mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags,
		    NULL);
	return change_root();
}

/* Where the host does not permit it the other measures have to do. */
static int leave_files(const char *nodes)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = nodes ? open(nodes, flags) : -1, inside;

	if (!new_namespace() || !empty_root(nodes) || !nodes)
		return fd;
	inside = open("/" NODES, flags);
	if (inside < 0)
		return fd;
	close(fd);
	return inside;
}

/* ---- privileges ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int cap;

	/* The bounding set needs CAP_SETPCAP: who lacks it has nothing there. */
	for (cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++)
		;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &h, none) ? -errno : 0;
}

static int drop_privileges(struct vmm_error *e)
{
	const struct rlimit no_core = { 0, 0 };
	int ret = drop_capabilities();

	if (!ret && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
		     setrlimit(RLIMIT_CORE, &no_core) ||
		     prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
		ret = -errno;
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST,
			"can't drop privileges: %s (--no-sandbox goes without)",
			strerror(-ret));
	return 0;
}

/* ---- together ---- */

static int make_filters(const struct sandbox_needs *needs, struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < (needs->disks ? SANDBOX_THREADS : SANDBOX_DISK); i++)
		if (sandbox_filter(&sandbox.filter[i], i, needs, e))
			return -1;
	return 0;
}

int sandbox_enter(const struct sandbox_needs *needs, int *nodes_fd,
		  struct vmm_error *e)
{
	int ret;

	tzset();	/* gmtime_r() would look for the zone's file */
	if (make_filters(needs, e))
		return -1;
	close_inherited();
	*nodes_fd = leave_files(needs->nodes);
	if (drop_privileges(e))
		return -1;
	ret = sandbox_filter_available();
	sandbox.entered = !ret;
	if (!ret && needs->make_threads &&
	    needs->make_threads(needs->n_threads, e))
		return -1;
	if (!ret)
		ret = sandbox_filter_load(&sandbox.filter[SANDBOX_MAIN]);
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST,
			"the host has no filters of system calls: %s (--no-sandbox goes without)",
			strerror(-ret));
	return 0;
}

void sandbox_thread(enum sandbox_thread kind, const char *name)
{
	int ret;

	prctl(PR_SET_NAME, name);
	ret = sandbox.entered ? sandbox_filter_load(&sandbox.filter[kind]) : 0;
	if (!ret)
		return;
	/* The host has filters.  If this one fails all the same, don't go on. */
	fprintf(stderr,
		"vellum: the host refuses the filter of system calls for \"%s\": %s (--no-sandbox goes without)\n",
		name, strerror(-ret));
	abort();
}
