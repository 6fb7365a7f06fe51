/* SPDX-License-Identifier: MIT */
/* What the server's files share. */
#ifndef VELLUM_GDB_INTERNAL_H
#define VELLUM_GDB_INTERNAL_H

#include "../machine.h"
#include "gdb.h"
#include "packet.h"
#include "points.h"
#include "regs.h"
#include "space.h"

#define GDB_SIGINT	2
#define GDB_SIGTRAP	5
#define GDB_SIGSEGV	11

#define GDB_ARCH_AUTO	(-1)

struct gdb {
	/* constant once the thread runs */
	int listen_fd, wake_fd;
	char *path;			/* of a socket file, or NULL */
	char *where;			/* as the user wrote it */
	bool wait, quiet;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;		/* all that follows; before the device lock */
	pthread_cond_t go;		/* a vCPU need not hold any more */
	struct machine *m;		/* NULL between machines */
	bool quit;
	int client;			/* -1 = none */
	bool seen;			/* there has been one */
	bool no_ack, swbreak, hwbreak;	/* what the client understands */
	bool pausing;			/* the vCPUs are to stop, and be reported */
	bool stopped;			/* they have, and were */
	bool awaited;			/* the client waits for that report */
	bool interrupted;		/* it has asked for the stop */
	bool new_machine;		/* this stop is because of a reset */
	int asked_arch;			/* enum gdb_arch or GDB_ARCH_AUTO */
	enum gdb_arch arch;
	bool physical;			/* m and M take guest-physical addresses */
	unsigned int current;		/* vCPU of g, m ... */
	uint64_t step_began;		/* ns, 0 = no step under way */
	uint32_t block_irq;		/* KVM_GUESTDBG_BLOCKIRQ where there is one */
	char *xml;
	struct gdb_points points;
	struct gdb_parser in;
	struct gdb_reply reply;
	bool reply_sent;		/* the packet is answered, or gets no answer */
	char frame[GDB_FRAME_MAX];
	size_t frame_len;
};

/* server.c */
void gdb_send(struct gdb *g);		/* g->reply */
void gdb_drop_client(struct gdb *g);

/* stop.c: all with the lock held, and g->m there unless said otherwise. */
void gdb_pause(struct gdb *g);
/* Goes on as each vCPU's step says; held ones that don't run stay so. */
enum gdb_order { GDB_STAY, GDB_CONTINUE, GDB_STEP };
void gdb_resume(struct gdb *g, const enum gdb_order order[CPUS_MAX]);
void gdb_resume_all(struct gdb *g);
/* Have those that were to stop done so?  Then the client hears it. */
void gdb_check_stop(struct gdb *g);
void gdb_put_stop(struct gdb *g);
/* Milliseconds until gdb_check_stop() is to be called again, -1 = never. */
int gdb_timeout(const struct gdb *g);
struct gdb_space gdb_space(struct gdb *g);
/* No debugger any more: no trace of one in the guest. */
void gdb_detach(struct gdb *g);

/* command.c */
void gdb_handle_packet(struct gdb *g);
/* monitor.c: @text is the user's, the answer goes into g->reply. */
void gdb_monitor(struct gdb *g, const char *text);
enum gdb_arch gdb_choose_arch(struct gdb *g);

#endif
