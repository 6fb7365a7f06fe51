/* SPDX-License-Identifier: MIT */
/* What each packet asks for: GDB manual, "Packets" and "General Query Packets". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define REG_MAX		16u
#define CR0_PE		1ull
#define EFER_LMA	0x400ull
#define MEMORY_MAX	(GDB_PACKET_MAX / 2)

static void ok(struct gdb *g)
{
	gdb_put(&g->reply, "OK");
}

static void error(struct gdb *g, int err)
{
	gdb_putf(&g->reply, "E%02x", (unsigned int)(err < 0 ? -err : err) & 0xff);
}

static struct vcpu *current(struct gdb *g)
{
	return &g->m->vcpu[g->current];
}

/* ---- the target ---- */

/* A Linux kernel starts in 32-bit mode and is debugged in 64-bit mode. */
enum gdb_arch gdb_choose_arch(struct gdb *g)
{
	struct kvm_sregs s;

	if (g->asked_arch != GDB_ARCH_AUTO)
		return (enum gdb_arch)g->asked_arch;
	if (vmm_vcpu_get_sregs(&current(g)->v, &s) || (s.efer & EFER_LMA) ||
	    (g->m->cfg->kernel.fd >= 0 && !g->m->cfg->attach))
		return GDB_X86_64;
	return s.cr0 & CR0_PE ? GDB_I386 : GDB_I8086;
}

static void send_part(struct gdb *g, const char *text, const char *p)
{
	size_t total = strlen(text), room = GDB_PACKET_MAX / 2 - 1;
	uint64_t at, n;

	if (!gdb_take_number(&p, &at) || !gdb_take(&p, ',') ||
	    !gdb_take_number(&p, &n)) {
		error(g, EINVAL);
		return;
	}
	if (at > total)
		at = total;
	if (n > room)
		n = room;
	if (n > total - at)
		n = total - at;
	gdb_put(&g->reply, at + n < total ? "m" : "l");
	gdb_put_binary(&g->reply, text + at, n);
}

static void features(struct gdb *g, const char *p)
{
	if (!gdb_take_word(&p, "target.xml:")) {
		gdb_put(&g->reply, "E00");
		return;
	}
	/* From its beginning: the debugger is about to learn what g contains. */
	if (!g->xml || !strncmp(p, "0,", 2)) {
		free(g->xml);
		g->arch = gdb_choose_arch(g);
		g->xml = gdb_description(g->arch);
	}
	if (g->xml)
		send_part(g, g->xml, p);
	else
		error(g, ENOMEM);
}

static void supported(struct gdb *g, const char *p)
{
	g->swbreak = strstr(p, "swbreak+");
	g->hwbreak = strstr(p, "hwbreak+");
	g->arch = gdb_choose_arch(g);
	gdb_putf(&g->reply, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+;Qqemu.PhyMemMode+",
		 GDB_PACKET_MAX - 8);
}

/* ---- threads: vCPU n is number n + 1 ---- */

/* -1 = all of them, 0 = any, else a vCPU's number + 1; false: no such thing. */
static bool take_thread(struct gdb *g, const char **p, int *id)
{
	uint64_t v;

	if (gdb_take(p, 'p')) {			/* pPID.TID: one process */
		if (!gdb_take_number(p, &v) || !gdb_take(p, '.'))
			return false;
	}
	if (gdb_take_word(p, "-1")) {
		*id = -1;
		return true;
	}
	if (!gdb_take_number(p, &v) || v > g->m->n_vcpus)
		return false;
	*id = (int)v;
	return true;
}

static void set_thread(struct gdb *g, const char *p)
{
	char what = *p;
	int id;

	if (!what || (p++, !take_thread(g, &p, &id))) {
		error(g, EINVAL);
		return;
	}
	if (what == 'g' && id > 0)
		g->current = (unsigned int)id - 1;
	ok(g);
}

static void thread_alive(struct gdb *g, const char *p)
{
	int id;

	if (take_thread(g, &p, &id) && id > 0)
		ok(g);
	else
		error(g, ESRCH);
}

static void list_threads(struct gdb *g)
{
	unsigned int i;

	for (i = 0; i < g->m->n_vcpus; i++)
		gdb_putf(&g->reply, "%s%x", i ? "," : "m", i + 1);
}

static void thread_info(struct gdb *g, const char *p)
{
	static const char *const states[] = {
		"running", "not started", "INIT received", "halted", "SIPI received",
	};
	struct kvm_mp_state mp = { 0 };
	char text[64];
	int id;

	if (!take_thread(g, &p, &id) || id < 1) {
		error(g, ESRCH);
		return;
	}
	(void)vmm_vcpu_do(&g->m->vcpu[id - 1].v, KVM_GET_MP_STATE, &mp);
	snprintf(text, sizeof(text), "vCPU %d (%s)", id - 1,
		 mp.mp_state < 5 ? states[mp.mp_state] : "?");
	gdb_put_hex(&g->reply, text, strlen(text));
}

/* ---- registers ---- */

static void read_all(struct gdb *g)
{
	struct gdb_state s;
	unsigned int i, n = gdb_reg_count(g->arch);
	uint8_t buf[REG_MAX];
	int ret = gdb_state_get(&current(g)->v, &s);

	if (ret) {
		error(g, ret);
		return;
	}
	for (i = 0; i < n; i++) {
		gdb_reg_get(&s, g->arch, i, buf);
		gdb_put_hex(&g->reply, buf, gdb_reg_size(g->arch, i));
	}
}

static void write_all(struct gdb *g, const char *p)
{
	struct gdb_state s;
	unsigned int i, n = gdb_reg_count(g->arch);
	uint8_t buf[REG_MAX];
	int ret = gdb_state_get(&current(g)->v, &s);

	for (i = 0; i < n && !ret && *p; i++) {
		if (!gdb_take_bytes(&p, buf, gdb_reg_size(g->arch, i)))
			ret = -EINVAL;
		else
			ret = gdb_reg_set(&current(g)->v, &s, g->arch, i, buf);
	}
	if (ret)
		error(g, ret);
	else
		ok(g);
}

static void read_one(struct gdb *g, const char *p)
{
	struct gdb_state s;
	uint8_t buf[REG_MAX];
	uint64_t n;
	int ret;

	if (!gdb_take_number(&p, &n) || n >= gdb_reg_count(g->arch)) {
		error(g, EINVAL);
		return;
	}
	ret = gdb_state_get(&current(g)->v, &s);
	if (ret) {
		error(g, ret);
		return;
	}
	gdb_reg_get(&s, g->arch, (unsigned int)n, buf);
	gdb_put_hex(&g->reply, buf, gdb_reg_size(g->arch, (unsigned int)n));
}

static void write_one(struct gdb *g, const char *p)
{
	struct gdb_state s;
	uint8_t buf[REG_MAX];
	uint64_t n;
	int ret = -EINVAL;

	if (gdb_take_number(&p, &n) && n < gdb_reg_count(g->arch) &&
	    gdb_take(&p, '=') &&
	    gdb_take_bytes(&p, buf, gdb_reg_size(g->arch, (unsigned int)n)))
		ret = gdb_state_get(&current(g)->v, &s);
	if (!ret)
		ret = gdb_reg_set(&current(g)->v, &s, g->arch, (unsigned int)n, buf);
	if (ret)
		error(g, ret);
	else
		ok(g);
}

/* ---- memory ---- */

static bool take_range(const char **p, uint64_t *addr, uint64_t *len)
{
	return gdb_take_number(p, addr) && gdb_take(p, ',') &&
	       gdb_take_number(p, len);
}

static void read_memory(struct gdb *g, const char *p)
{
	struct gdb_space s = gdb_space(g);
	uint8_t buf[MEMORY_MAX];
	uint64_t addr, len;
	size_t n;

	if (!take_range(&p, &addr, &len)) {
		error(g, EINVAL);
		return;
	}
	n = gdb_read(&s, addr, buf, len < sizeof(buf) ? len : sizeof(buf));
	if (!n && len)
		error(g, EFAULT);
	else
		gdb_put_hex(&g->reply, buf, n);
}

static void write_memory(struct gdb *g, const char *p, bool binary)
{
	struct gdb_space s = gdb_space(g);
	uint8_t buf[MEMORY_MAX];
	uint64_t addr, len;
	const void *from = buf;

	if (!take_range(&p, &addr, &len) || !gdb_take(&p, ':') ||
	    len > sizeof(buf)) {
		error(g, EINVAL);
		return;
	}
	if (binary && len == g->in.len - (size_t)(p - g->in.data))
		from = p;
	else if (binary || !gdb_take_bytes(&p, buf, len)) {
		error(g, EINVAL);
		return;
	}
	if (gdb_write(&s, addr, from, len))
		ok(g);
	else
		error(g, EFAULT);
}

/* ---- breakpoints ---- */

static void point(struct gdb *g, const char *p, bool set)
{
	struct gdb_space s = gdb_space(g);
	uint64_t type, addr, len;
	const char *why = NULL;

	s.physical = false;
	if (!gdb_take_number(&p, &type) || !gdb_take(&p, ',') ||
	    !take_range(&p, &addr, &len)) {
		error(g, EINVAL);
		return;
	}
	if (type > GDB_ACCESS)
		return;		/* the empty answer: not known */
	if (set)
		why = gdb_point_set(&g->points, &s, (unsigned int)type, addr, len);
	else
		gdb_point_clear(&g->points, &s, (unsigned int)type, addr, len);
	if (why)
		gdb_putf(&g->reply, "E.%s", why);
	else
		ok(g);
}

/* ---- running ---- */

static void go(struct gdb *g, const enum gdb_order order[CPUS_MAX])
{
	/* It was another machine that the client has in mind. */
	if (g->new_machine) {
		gdb_put_stop(g);
		return;
	}
	g->awaited = true;
	gdb_resume(g, order);
}

/* vCont;ACTION[:THREAD]...: each vCPU does what the first that fits it says. */
static void v_cont(struct gdb *g, const char *p)
{
	enum gdb_order order[CPUS_MAX] = { GDB_STAY };
	bool any = false;
	unsigned int i;

	while (gdb_take(&p, ';')) {
		enum gdb_order what;
		uint64_t signal;
		int id = -1;

		if (*p != 'c' && *p != 'C' && *p != 's' && *p != 'S')
			break;
		what = *p == 'c' || *p == 'C' ? GDB_CONTINUE : GDB_STEP;
		if ((*p == 'C' || *p == 'S') && (p++, !gdb_take_number(&p, &signal)))
			break;
		if (*p == 'c' || *p == 's')
			p++;
		if (gdb_take(&p, ':') && !take_thread(g, &p, &id))
			break;
		for (i = 0; i < g->m->n_vcpus; i++)
			if ((id <= 0 || id == (int)i + 1) && order[i] == GDB_STAY)
				order[i] = what;
		any = true;
	}
	if (*p || !any)
		error(g, EINVAL);
	else
		go(g, order);
}

/* c and s [ADDRESS], C and S SIGNAL: from debuggers that know no vCont. */
static void run(struct gdb *g, enum gdb_order what)
{
	enum gdb_order order[CPUS_MAX];
	unsigned int i;

	for (i = 0; i < CPUS_MAX; i++)
		order[i] = what == GDB_STEP && i != g->current ? GDB_STAY : what;
	go(g, order);
}

static void kill_guest(struct gdb *g)
{
	struct machine *m = g->m;

	gdb_detach(g);
	pthread_mutex_lock(m->lock);
	machine_end(m, END_ESCAPE, 0, "killed by the debugger");
	pthread_mutex_unlock(m->lock);
}

/* ---- queries ---- */

static void monitor(struct gdb *g, const char *p)
{
	char text[256];
	size_t n = strlen(p) / 2;

	if (n >= sizeof(text) || !gdb_take_bytes(&p, text, n) || *p) {
		error(g, EINVAL);
		return;
	}
	text[n] = '\0';
	gdb_monitor(g, text);
}

static void query(struct gdb *g, const char *p)
{
	if (gdb_take_word(&p, "Supported"))
		supported(g, p);
	else if (gdb_take_word(&p, "Xfer:features:read:"))
		features(g, p);
	else if (!strcmp(p, "fThreadInfo"))
		list_threads(g);
	else if (!strcmp(p, "sThreadInfo"))
		gdb_put(&g->reply, "l");
	else if (gdb_take_word(&p, "ThreadExtraInfo,"))
		thread_info(g, p);
	else if (gdb_take_word(&p, "Rcmd,"))
		monitor(g, p);
	else if (!strcmp(p, "C"))
		gdb_putf(&g->reply, "QC%x", g->current + 1);
	else if (gdb_take_word(&p, "Attached"))
		gdb_put(&g->reply, "1");
	else if (!strcmp(p, "qemu.PhyMemMode"))
		gdb_put(&g->reply, g->physical ? "1" : "0");
}

static void set_query(struct gdb *g, const char *p)
{
	if (!strcmp(p, "StartNoAckMode")) {
		ok(g);
		gdb_send(g);
		g->no_ack = true;
		g->reply.len = 0;
		g->reply_sent = true;
	} else if (gdb_take_word(&p, "qemu.PhyMemMode:") &&
		   (*p == '0' || *p == '1')) {
		g->physical = *p == '1';
		ok(g);
	}
}

static void v_packet(struct gdb *g, const char *p)
{
	if (!strcmp(p, "Cont?"))
		gdb_put(&g->reply, "vCont;c;C;s;S");
	else if (gdb_take_word(&p, "Cont"))
		v_cont(g, p);
	else if (gdb_take_word(&p, "Kill")) {
		ok(g);
		gdb_send(g);
		g->reply_sent = true;
		kill_guest(g);
	}
}

static void detach(struct gdb *g)
{
	ok(g);
	gdb_send(g);
	g->reply_sent = true;
	gdb_drop_client(g);
}

/* One that is unknown gets the empty answer. */
static void handle(struct gdb *g, const char *p)
{
	switch (*p++) {
	case '?': gdb_put_stop(g); break;
	case 'g': read_all(g); break;
	case 'G': write_all(g, p); break;
	case 'p': read_one(g, p); break;
	case 'P': write_one(g, p); break;
	case 'm': read_memory(g, p); break;
	case 'M': write_memory(g, p, false); break;
	case 'X': write_memory(g, p, true); break;
	case 'Z': point(g, p, true); break;
	case 'z': point(g, p, false); break;
	case 'c': case 'C': run(g, GDB_CONTINUE); break;
	case 's': case 'S': run(g, GDB_STEP); break;
	case 'v': v_packet(g, p); break;
	case 'H': set_thread(g, p); break;
	case 'T': thread_alive(g, p); break;
	case 'q': query(g, p); break;
	case 'Q': set_query(g, p); break;
	case 'D': detach(g); break;
	case 'k': g->reply_sent = true; kill_guest(g); break;
	default: break;
	}
}

void gdb_handle_packet(struct gdb *g)
{
	/* While the guest runs only Ctrl-C is for us. */
	if (!g->stopped || !g->m)
		return;
	gdb_reply_init(&g->reply);
	g->reply_sent = false;
	handle(g, g->in.data);
	if (!g->reply_sent && !g->awaited && g->client >= 0)
		gdb_send(g);
}
