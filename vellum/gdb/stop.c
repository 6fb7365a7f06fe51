/* SPDX-License-Identifier: MIT */
/* vCPUs stop and go on; what they stopped for. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define HOLD_RETRY_MS	10
/* A step whose instruction waits for an interrupt can't have it held back. */
#define STEP_KICK_MS	50
#define STEP_UNBLOCK_NS	1000000000ull

#define DR6_BS		0x4000u
#define DR6_BREAKPOINTS	0xfu
#define EXCEPTION_DB	1u
#define EXCEPTION_BP	3u

static void wake(struct gdb *g)
{
	uint64_t one = 1;

	while (write(g->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* What the vCPU's kernel side is told before it goes on. */
static int set_debug(struct gdb *g, struct vcpu *c, uint32_t block_irq)
{
	struct kvm_guest_debug d = { .control = c->gdb.inject };

	if (g->client >= 0)
		gdb_points_control(&g->points, &d);
	if (c->gdb.step)
		d.control |= KVM_GUESTDBG_SINGLESTEP | block_irq;
	if (d.control)
		d.control |= KVM_GUESTDBG_ENABLE;
	c->gdb.inject = 0;
	return vmm_vcpu_do(&c->v, KVM_SET_GUEST_DEBUG, &d);
}

/* ---- in a vCPU's thread ---- */

/*
 * What user space was asked for is answered, but takes effect at the next
 * KVM_RUN: have that without running the guest, so that its registers are right.
 */
static void finish_exit(struct vcpu *c)
{
	int i;

	for (i = 0; i < 8; i++) {
		c->v.run->immediate_exit = 1;
		if (vmm_vcpu_run(&c->v))
			break;
		vcpu_handle_exit(c);
	}
	c->v.run->immediate_exit = 0;
}

static void hold(struct vcpu *c, bool finish)
{
	struct gdb *g = c->m->gdb;

	if (finish)
		finish_exit(c);
	pthread_mutex_lock(&g->lock);
	while (c->gdb.pause && g->m && !c->m->stopping) {
		if (!c->gdb.held) {
			c->gdb.held = true;
			wake(g);
		}
		pthread_cond_wait(&g->go, &g->lock);
	}
	c->gdb.held = false;
	pthread_mutex_unlock(&g->lock);
}

void gdb_hold(struct vcpu *c)
{
	hold(c, true);
}

/* Everything stops with it. */
static void report(struct gdb *g, struct vcpu *c)
{
	c->gdb.stopped = true;
	if (g->m)
		gdb_pause(g);
	wake(g);
}

bool gdb_debug_exit(struct vcpu *c)
{
	const struct kvm_debug_exit_arch *d = &c->v.run->debug.arch;
	struct gdb *g = c->m->gdb;

	if (!g)
		return false;
	pthread_mutex_lock(&g->lock);
	c->gdb.exception = d->exception;
	c->gdb.pc = d->pc;
	c->gdb.dr6 = d->dr6;
	report(g, c);
	pthread_mutex_unlock(&g->lock);
	return true;
}

void gdb_unblock(struct vcpu *c)
{
	struct gdb *g = c->m->gdb;

	pthread_mutex_lock(&g->lock);
	c->gdb.unblock = 0;
	if (c->gdb.step && g->m)
		(void)set_debug(g, c, 0);
	pthread_mutex_unlock(&g->lock);
}

void gdb_last_look(struct vcpu *c)
{
	struct gdb *g = c->m->gdb;
	bool there;

	if (!g || c->m->stopping)
		return;
	pthread_mutex_lock(&g->lock);
	there = g->client >= 0 && g->m;
	if (there) {
		c->gdb.last_look = true;
		report(g, c);
	}
	pthread_mutex_unlock(&g->lock);
	if (there)
		hold(c, false);
}

/* ---- in the server's ---- */

struct gdb_space gdb_space(struct gdb *g)
{
	struct machine *m = g->m;
	struct gdb_space s = {
		.ram = &m->ram, .physical = g->physical,
		.rom = m->board.present ? &m->board.rom : NULL,
	};

	(void)vmm_vcpu_get_sregs(&m->vcpu[g->current].v, &s.s);
	return s;
}

void gdb_pause(struct gdb *g)
{
	unsigned int i;

	g->pausing = true;
	for (i = 0; i < g->m->n_vcpus; i++) {
		g->m->vcpu[i].gdb.pause = 1;
		vcpu_kick(&g->m->vcpu[i]);
	}
}

static bool all_held(struct gdb *g)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < g->m->n_vcpus; i++) {
		if (g->m->vcpu[i].gdb.held)
			continue;
		all = false;
		vcpu_kick(&g->m->vcpu[i]);
	}
	return all;
}

void gdb_resume(struct gdb *g, const enum gdb_order order[CPUS_MAX])
{
	unsigned int i;

	g->pausing = g->stopped = false;
	g->step_began = 0;
	for (i = 0; i < g->m->n_vcpus; i++) {
		struct vcpu *c = &g->m->vcpu[i];
		int ret;

		c->gdb.running = order[i] != GDB_STAY;
		c->gdb.step = order[i] == GDB_STEP;
		if (!c->gdb.running)
			continue;
		c->gdb.stopped = false;
		ret = set_debug(g, c, g->block_irq);
		if (ret && !g->quiet)
			fprintf(stderr, "vellum: --gdb: KVM_SET_GUEST_DEBUG: %s\n",
				strerror(-ret));
		if (c->gdb.step)
			g->step_began = ev_now();
		c->gdb.pause = 0;
	}
	pthread_cond_broadcast(&g->go);
}

void gdb_resume_all(struct gdb *g)
{
	enum gdb_order order[CPUS_MAX];
	unsigned int i;

	for (i = 0; i < CPUS_MAX; i++)
		order[i] = GDB_CONTINUE;
	gdb_resume(g, order);
}

void gdb_detach(struct gdb *g)
{
	struct gdb_space s;

	if (!g->m)
		return;
	s = gdb_space(g);
	gdb_points_clear(&g->points, &s);
	gdb_resume_all(g);
}

/* ---- whose event was it? ---- */

/* The guest's own: it gets what it would have got. */
static void hand_on(struct vcpu *c)
{
	struct kvm_debugregs d;

	if (c->gdb.exception == EXCEPTION_BP) {
		c->gdb.inject = KVM_GUESTDBG_INJECT_BP;
		return;
	}
	if (!vmm_vcpu_do(&c->v, KVM_GET_DEBUGREGS, &d)) {
		d.dr6 |= c->gdb.dr6 & (DR6_BS | DR6_BREAKPOINTS);
		(void)vmm_vcpu_do(&c->v, KVM_SET_DEBUGREGS, &d);
	}
	c->gdb.inject = KVM_GUESTDBG_INJECT_DB;
}

/* An INT3 that was taken away again, while this vCPU ran into it. */
static bool int3_is_gone(struct gdb *g, struct vcpu *c)
{
	struct gdb_space s = gdb_space(g);
	uint8_t byte;

	s.physical = false;
	(void)vmm_vcpu_get_sregs(&c->v, &s.s);
	return gdb_read(&s, c->gdb.pc, &byte, 1) == 1 && byte != 0xcc;
}

static bool is_ours(struct gdb *g, struct vcpu *c)
{
	if (c->gdb.last_look)
		return true;
	if (c->gdb.exception == EXCEPTION_BP)
		return gdb_point_at(&g->points, c->gdb.pc);
	return (c->gdb.step && (c->gdb.dr6 & DR6_BS)) ||
	       gdb_point_hit(&g->points, c->gdb.dr6);
}

/* Every vCPU has stopped: is there anything in it for the client? */
static bool worth_a_stop(struct gdb *g)
{
	bool worth = g->awaited && g->new_machine;
	unsigned int i;

	for (i = 0; i < g->m->n_vcpus; i++) {
		struct vcpu *c = &g->m->vcpu[i];

		if (!c->gdb.stopped)
			continue;
		if (is_ours(g, c)) {
			g->current = i;
			worth = true;
			continue;
		}
		c->gdb.stopped = false;
		if (c->gdb.exception != EXCEPTION_BP || !int3_is_gone(g, c))
			hand_on(c);
	}
	return worth;
}

void gdb_put_stop(struct gdb *g)
{
	const struct vcpu *c = &g->m->vcpu[g->current];
	const struct gdb_vcpu *v = &c->gdb;
	const struct gdb_point *p = NULL;
	int sig = !v->stopped ? GDB_SIGINT : v->last_look ? GDB_SIGSEGV :
		  GDB_SIGTRAP;

	if (g->new_machine)
		sig = GDB_SIGTRAP;
	g->new_machine = false;
	gdb_putf(&g->reply, "T%02xthread:%x;", (unsigned int)sig, g->current + 1);
	if (!v->stopped || v->last_look)
		return;
	p = v->exception == EXCEPTION_BP ? gdb_point_at(&g->points, v->pc) :
	    gdb_point_hit(&g->points, v->dr6);
	if (!p)
		return;
	switch (p->type) {
	case GDB_SOFTWARE:
		gdb_put(&g->reply, g->swbreak ? "swbreak:;" : "");
		break;
	case GDB_HARDWARE:
		gdb_put(&g->reply, g->hwbreak ? "hwbreak:;" : "");
		break;
	default:
		gdb_putf(&g->reply, "%s:%llx;", p->type == GDB_WRITE ? "watch" :
			 p->type == GDB_READ ? "rwatch" : "awatch",
			 (unsigned long long)p->addr);
		break;
	}
}

/* As before the stop, which nobody has noticed. */
static void go_on(struct gdb *g)
{
	enum gdb_order order[CPUS_MAX];
	unsigned int i;

	for (i = 0; i < g->m->n_vcpus; i++) {
		const struct gdb_vcpu *v = &g->m->vcpu[i].gdb;

		order[i] = !v->running ? GDB_STAY : v->step ? GDB_STEP :
			   GDB_CONTINUE;
	}
	gdb_resume(g, order);
}

/* A step that doesn't come to its end: another interrupt may have to be let in. */
static void check_step(struct gdb *g)
{
	/* vmm.ko needs the kick alone; stock KVM holds on until it is told. */
	bool long_ago = ev_now() - g->step_began > STEP_UNBLOCK_NS;
	unsigned int i;

	for (i = 0; i < g->m->n_vcpus; i++) {
		if (!g->m->vcpu[i].gdb.step)
			continue;
		g->m->vcpu[i].gdb.unblock = long_ago;
		vcpu_kick(&g->m->vcpu[i]);
	}
	if (long_ago)
		g->step_began = 0;
}

void gdb_check_stop(struct gdb *g)
{
	if (!g->m || g->m->stopping)
		return;
	if (g->step_began && !g->pausing)
		check_step(g);
	if (!g->pausing || !all_held(g))
		return;
	if (!worth_a_stop(g) && !g->interrupted) {
		go_on(g);
		return;
	}
	g->pausing = g->interrupted = false;
	g->stopped = true;
	g->step_began = 0;
	if (g->awaited) {
		g->awaited = false;
		gdb_reply_init(&g->reply);
		gdb_put_stop(g);
		gdb_send(g);
	}
}

int gdb_timeout(const struct gdb *g)
{
	if (!g->m)
		return -1;
	return g->pausing ? HOLD_RETRY_MS : g->step_began ? STEP_KICK_MS : -1;
}
