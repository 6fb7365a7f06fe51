/* SPDX-License-Identifier: MIT */
/*
 * The threads that run vCPUs.  Filters of system calls add up along the line of
 * makers, and each costs at every KVM_RUN; so these threads are made before the
 * main thread loads its filter, have but their own, and stay for the next machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "sandbox.h"

#define KICK_SIGNAL	SIGRTMIN
#define STOP_RETRY_NS	10000000l
/* Below 2 MiB, lest the host backs a few touched pages with a huge one. */
#define STACK_SIZE	(256u * 1024)

struct runner {
	pthread_t thread;
	bool made, ready;	/* ready: it has its filter */
	struct vcpu *vcpu;	/* what it runs; NULL: it waits */
};

static struct {
	pthread_mutex_t lock;	/* what the runners have to do */
	pthread_cond_t work, idle;
	struct runner runner[CPUS_MAX];
} threads = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
};

static __thread struct kvm_run *this_run;

/*
 * Arrives during KVM_RUN: ends it with EINTR.  Arrives before: the flag ends
 * it as soon as it begins.
 */
static void on_kick(int sig)
{
	(void)sig;
	if (this_run)
		this_run->immediate_exit = 1;
}

int vcpu_init_signals(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	/* No SA_RESTART: a write that blocks must come back as well. */
	return sigaction(KICK_SIGNAL, &sa, NULL);
}

static void run_failed(struct vcpu *c, int err)
{
	const char *name = c->m->cfg->name;

	pthread_mutex_lock(c->m->lock);
	if (name && err == ENODEV)
		machine_end(c->m, END_FAILED, 0, "VM %s was destroyed", name);
	else if (name && err == EBUSY)
		machine_end(c->m, END_FAILED, 0,
			    "VM %s is being run by another program", name);
	else
		machine_end(c->m, END_FAILED, 0,
			    "KVM_RUN on vCPU %u failed: %s", c->v.index,
			    strerror(err));
	pthread_mutex_unlock(c->m->lock);
}

static void run_vcpu(struct vcpu *c)
{
	this_run = c->v.run;
	while (!c->m->stopping) {
		int ret;

		if (__builtin_expect(c->gdb.pause, 0)) {
			gdb_hold(c);
			continue;
		}
		if (__builtin_expect(c->init, 0)) {
			vcpu_take_init(c);
			continue;
		}
		ret = vmm_vcpu_run(&c->v);

		if (!ret) {
			vcpu_handle_exit(c);
		} else if (ret == -EINTR || ret == -EAGAIN) {
			c->v.run->immediate_exit = 0;
			if (c->gdb.unblock)
				gdb_unblock(c);
		} else {
			run_failed(c, -ret);
			break;
		}
	}
	this_run = NULL;
	c->done = 1;
}

static void *vcpu_thread(void *opaque)
{
	struct runner *r = opaque;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u",
		 (unsigned int)(r - threads.runner));
	sandbox_thread(SANDBOX_VCPU, name);
	pthread_mutex_lock(&threads.lock);
	r->ready = true;
	for (;;) {
		pthread_cond_broadcast(&threads.idle);
		while (!r->vcpu)
			pthread_cond_wait(&threads.work, &threads.lock);
		pthread_mutex_unlock(&threads.lock);
		run_vcpu(r->vcpu);
		pthread_mutex_lock(&threads.lock);
		r->vcpu = NULL;
	}
	return NULL;
}

static int make(struct runner *r, struct vmm_error *e)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* Signals are the event loop's; the kick alone is for this thread. */
	sigfillset(&all);
	sigdelset(&all, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&r->thread, &attr, vcpu_thread, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (ret)
		return vmm_fail(e, VMM_ERR_HOST, "can't start a thread: %s",
				strerror(ret));
	r->made = true;
	/* As long as one has no filter yet, it could be made to do anything. */
	pthread_mutex_lock(&threads.lock);
	while (!r->ready)
		pthread_cond_wait(&threads.idle, &threads.lock);
	pthread_mutex_unlock(&threads.lock);
	return 0;
}

int vcpu_make_threads(unsigned int n, struct vmm_error *e)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!threads.runner[i].made && make(&threads.runner[i], e))
			return -1;
	return 0;
}

int vcpu_start(struct vcpu *c, struct vmm_error *e)
{
	struct runner *r = &threads.runner[c->v.index];

	/* Those that the sandbox did not have to know of. */
	if (!r->made && make(r, e))
		return -1;
	c->thread = r->thread;
	pthread_mutex_lock(&threads.lock);
	r->vcpu = c;
	pthread_cond_broadcast(&threads.work);
	pthread_mutex_unlock(&threads.lock);
	c->started = true;
	return 0;
}

void vcpu_kick(struct vcpu *c)
{
	if (c->started && !c->done)
		pthread_kill(c->thread, KICK_SIGNAL);
}

void vcpu_stop(struct vcpu *c)
{
	struct runner *r = &threads.runner[c->v.index];
	struct timespec ts;

	if (!c->started)
		return;
	pthread_mutex_lock(&threads.lock);
	/* Again and again: one that comes just before a write() is lost. */
	while (r->vcpu == c) {
		vcpu_kick(c);
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += STOP_RETRY_NS;
		if (ts.tv_nsec >= 1000000000l) {
			ts.tv_nsec -= 1000000000l;
			ts.tv_sec++;
		}
		pthread_cond_timedwait(&threads.idle, &threads.lock, &ts);
	}
	pthread_mutex_unlock(&threads.lock);
	c->started = false;
}
