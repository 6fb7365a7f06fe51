/* SPDX-License-Identifier: MIT */
/*
 * What the program gives up before a guest runs: files that it inherited, the
 * file system, capabilities, core dumps, and all system calls but those that its
 * threads make.  A guest that takes a thread over has the files that are open and
 * the calls listed for that thread in sandbox_filter.c; any other call ends the
 * process at once (SIGSYS), and the kernel's log says which it was.
 */
#ifndef VELLUM_SANDBOX_H
#define VELLUM_SANDBOX_H

#include <stdbool.h>

#include "../lib/libvmm.h"

enum sandbox_thread {
	SANDBOX_MAIN,		/* event loop; makes machines and threads */
	SANDBOX_VCPU,
	SANDBOX_DISK,		/* a disk's queue */
	SANDBOX_WORKER,		/* does one blocking request after the other */
	SANDBOX_THREADS
};

/* What a run still has to be able to do. */
struct sandbox_needs {
	const char *nodes;	/* a folder whose nodes it opens, or NULL */
	bool sockets;		/* takes connections on sockets that listen */
	bool screen;		/* writes the screen's text to a file, again and again */
	bool disks;		/* has threads for them: each filter takes time */

	/*
	 * Makes @n threads that are to have no filter but their own, and returns
	 * when all have called sandbox_thread().  NULL: there are none.
	 */
	int (*make_threads)(unsigned int n, struct vmm_error *e);
	unsigned int n_threads;
};

/*
 * In the process's only thread.  All that can be dropped without privilege has
 * been when it returns 0; a mount namespace only where the host permits it.  If
 * @needs->nodes, returns a descriptor of that folder in *nodes_fd.
 */
int sandbox_enter(const struct sandbox_needs *needs, int *nodes_fd,
		  struct vmm_error *e);

/*
 * The first call of a new thread: its name, and what its kind may do, besides what
 * its maker may not.  Without sandbox_enter() only the name.
 */
void sandbox_thread(enum sandbox_thread kind, const char *name);

/* sandbox_filter.c */

struct sock_fprog;

/* A thread's filter as a program from malloc(). */
int sandbox_filter(struct sock_fprog *out, enum sandbox_thread kind,
		   const struct sandbox_needs *needs, struct vmm_error *e);
/* Does the host have filters?  0 or -errno. */
int sandbox_filter_available(void);
/* For the calling thread, for ever.  0 or -errno. */
int sandbox_filter_load(const struct sock_fprog *prog);

#endif
