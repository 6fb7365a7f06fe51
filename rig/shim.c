/* SPDX-License-Identifier: MIT */
/*
 * Loaded into Bochs with LD_PRELOAD. It turns port 0xe9, whose bytes Bochs
 * prints with putc(), into a device of the rig's own, because every device that
 * Bochs has for moving bytes costs thousands of instructions a byte.
 *
 * One byte, RIG_LOAD, copies the images listed in $RIG_LOADS into RAM. Another,
 * RIG_CALL, is followed by the eight bytes of a page's physical address, lowest
 * first; the page holds a struct rig_call (rigcall.h), which is carried out
 * before the OUT instruction ends.
 *
 * Environment: RIG_FD, the socket to rig/run; RIG_LOADS; RIG_KLOG, the file the
 * host kernel's log goes to; RIG_PRB, where that log is found; RIG_SNAPSHOT, the
 * folder for a saved state; RIG_LOCK_VMX, if firmware is to have forbidden VMX.
 */
#define _GNU_SOURCE
#include "repair.h"
#include "rigcall.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What the bochs-bin of Debian's 2.7 exports, by its C++ names */
extern char bx_pc_system[];
extern void *SIM;
void mem_read(uint64_t pa, unsigned int len, void *buf)
	__asm__("_ZN8BX_MEM_C19dmaReadPhysicalPageEmjPh");
void mem_write(uint64_t pa, unsigned int len, const void *buf)
	__asm__("_ZN8BX_MEM_C20dmaWritePhysicalPageEmjPh");
uint64_t time_usec(void *pc) __asm__("_ZN14bx_pc_system_c9time_usecEv");
bool save_state(void *sim, const char *dir)
	__asm__("_ZN13bx_real_sim_c10save_stateEPKc");
extern void **bx_cpu_array;
void deliver_nmi(void *cpu) __asm__("_ZN8BX_CPU_C11deliver_NMIEv");
void *bochs_root(void *sim) __asm__("_ZN13bx_real_sim_c14get_bochs_rootEv");
void *find_number(void *sim, const char *name, void *root)
	__asm__("_ZN13bx_real_sim_c13get_param_numEPKcP10bx_param_c");
void set_number(void *param, int64_t value) __asm__("_ZN15bx_shadow_num_c3setEl");

static int channel = -1;

static void mem_copy(uint64_t pa, void *buf, size_t len, bool to_guest)
{
	uint8_t *p = buf;

	while (len) {
		size_t n = 4096 - (pa & 4095);

		if (n > len)
			n = len;
		if (to_guest)
			mem_write(pa, n, p);
		else
			mem_read(pa, n, p);
		pa += n;
		p += n;
		len -= n;
	}
}

/* With nokaslr and four levels of paging these two maps are where they always are. */
static uint64_t kernel_pa(uint64_t va)
{
	return va >= 0xffffffff80000000 ? va - 0xffffffff80000000 : va - 0xffff888000000000;
}

/* Writes one piece of the log as a length and the bytes; see klog.py. */
static void save_range(FILE *f, uint64_t va, uint64_t len)
{
	static uint8_t page[4096];

	fwrite(&len, sizeof(len), 1, f);
	for (uint64_t at = 0; at < len; at += sizeof(page)) {
		size_t n = len - at < sizeof(page) ? len - at : sizeof(page);

		mem_copy(kernel_pa(va) + at, page, n, false);
		fwrite(page, n, 1, f);
	}
}

/*
 * The kernel's log straight from its memory: it costs the host nothing, and works
 * when the host hangs.
 */
static void save_klog(void)
{
	const char *path = getenv("RIG_KLOG"), *prb = getenv("RIG_PRB");
	uint64_t ring, head[RIG_PRB_WORDS];
	static bool saved;
	FILE *f;

	if (saved || !path || !prb)
		return;
	saved = true;
	f = fopen(path, "wb");
	if (!f)
		return;
	mem_copy(kernel_pa(strtoull(prb, NULL, 0)), &ring, sizeof(ring), false);
	mem_copy(kernel_pa(ring), head, sizeof(head), false);
	if ((uint32_t)head[0] < 20 && (uint32_t)head[6] < 26) {
		save_range(f, ring, sizeof(head));
		save_range(f, head[1], (uint64_t)RIG_PRB_DESC << (uint32_t)head[0]);
		save_range(f, head[2], (uint64_t)RIG_PRB_INFO << (uint32_t)head[0]);
		save_range(f, head[7], 1ull << (uint32_t)head[6]);
	}
	fclose(f);
}

static void end(int status)
{
	save_klog();
	_exit(status);
}

/* At a panic of its own, such as a triple fault, Bochs says so before it tidies up. */
size_t fwrite(const void *data, size_t size, size_t n, FILE *f)
{
	static size_t (*real)(const void *data, size_t size, size_t n, FILE *f);
	static const char panic[] = "Bochs is exiting";

	if (f == stderr && memmem(data, size * n, panic, sizeof(panic) - 1))
		save_klog();
	if (!real)
		real = (size_t (*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite");
	return real(data, size, n, f);
}

/*
 * SIGUSR1: save the log and end. SIGUSR2: an NMI, at which the kernel of a host that
 * hangs panics, and thereby says where it was.
 */
static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		end(RIG_END_ASKED);
	deliver_nmi(bx_cpu_array[0]);
}

/*
 * Firmware that forbids VMX: IA32_FEATURE_CONTROL locked with no enable bit, on every
 * CPU. Bochs' BIOS has locked it with VMX on by now, so the guest itself cannot.
 */
static void lock_vmx_off(void)
{
	char name[64];
	void *msr;

	for (int cpu = 0; cpu < 64; cpu++) {
		snprintf(name, sizeof(name), "cpu%d.MSR.ia32_feature_ctrl", cpu);
		msr = find_number(SIM, name, bochs_root(SIM));
		if (!msr && cpu == 0)
			end(RIG_END_LOAD);
		if (!msr)
			return;
		set_number(msr, 1);
	}
}

/* Lines of "physical-address file-offset length path" */
static void load_images(void)
{
	const char *list = getenv("RIG_LOADS");
	static bool loaded;
	unsigned long long pa, off, len;
	char path[4096];
	FILE *f, *in;

	if (loaded) /* the boot ROM runs again: the host has been reset */
		end(RIG_END_RESET);
	loaded = true;
	f = list ? fopen(list, "r") : NULL;
	if (!f)
		end(RIG_END_LOAD);
	while (fscanf(f, "%llx %llx %llx %4095[^\n]", &pa, &off, &len, path) == 4) {
		void *buf = malloc(len);

		in = fopen(path, "rb");
		if (!in || !buf || fseeko(in, off, SEEK_SET) || fread(buf, 1, len, in) != len)
			end(RIG_END_LOAD);
		mem_copy(pa, buf, len, true);
		fclose(in);
		free(buf);
	}
	fclose(f);
	if (getenv("RIG_LOCK_VMX"))
		lock_vmx_off();
}

static int32_t call_write(struct rig_call *c)
{
	uint32_t done = 0;

	while (done < c->len) {
		ssize_t n = send(channel, c->data + done, c->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			end(RIG_END_ASKED); /* rig/run is gone */
		done += n;
	}
	return done;
}

static uint64_t real_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

/*
 * An idle emulated machine races through its time at full CPU load. Where
 * somebody sits at a terminal, the time that it is ahead is slept off here, until
 * input comes.
 */
static void sleep_off(void)
{
	static uint64_t last_real, last_virtual;
	uint64_t now_virtual = time_usec(bx_pc_system);
	uint64_t passed = now_virtual - last_virtual, real = real_usec() - last_real;
	struct pollfd pfd = { .fd = channel, .events = POLLIN };

	if (last_real && passed > real && passed - real < 1000000)
		poll(&pfd, 1, (passed - real + 500) / 1000);
	last_real = real_usec();
	last_virtual = now_virtual;
}

static int32_t call_read(struct rig_call *c)
{
	ssize_t n = recv(channel, c->data, c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && (c->flags & RIG_CALL_PACE)) {
		sleep_off();
		n = recv(channel, c->data, c->len, MSG_DONTWAIT);
	}
	if (n == 0)
		end(RIG_END_ASKED);
	return n < 0 ? 0 : n;
}

/* Leaves a file "complete" beside the state, for rig/run. */
static void call_snapshot(void)
{
	const char *dir = getenv("RIG_SNAPSHOT");
	char name[4096];
	FILE *f;

	if (!dir || mkdir(dir, 0777) != 0 || !save_state(SIM, dir))
		return;
	snprintf(name, sizeof(name), "%s/complete", dir);
	f = fopen(name, "w");
	if (f)
		fclose(f);
}

/*
 * The page belongs to a process: the kernel may have moved it since its address
 * was taken. The caller writes a new number into it for each call, so a stale page
 * shows, nothing is done, and the caller looks up the address again. A call
 * repeated under its old number gets its old answer.
 */
static void call(uint64_t pa)
{
	static struct rig_call c, last;

	mem_copy(pa, &c, sizeof(c), false);
	if (c.magic != RIG_MAGIC || c.number == c.answered || c.len > sizeof(c.data))
		return;
	if (c.number != last.number) {
		last = c;
		switch (c.op) {
		case RIG_OP_WRITE:
			last.result = call_write(&last);
			break;
		case RIG_OP_READ:
			last.result = call_read(&last);
			break;
		case RIG_OP_SNAPSHOT:
			/* The machine that is restored finds its answer there already. */
			last.answered = c.number;
			mem_copy(pa, &last, sizeof(last), true);
			call_snapshot();
			break;
		case RIG_OP_END:
			end(RIG_END_OK);
		}
		last.answered = c.number;
	}
	mem_copy(pa, &last, sizeof(last), true);
}

static void port_byte(uint8_t byte)
{
	static unsigned int left;
	static uint64_t pa;

	if (left) {
		pa = pa >> 8 | (uint64_t)byte << 56;
		if (--left == 0)
			call(pa);
	} else if (byte == RIG_CALL) {
		left = 8;
	} else if (byte == RIG_LOAD) {
		load_images();
	}
}

int putc(int c, FILE *f)
{
	if (f != stdout)
		return fputc(c, f);
	port_byte(c);
	return c;
}

/*
 * Restoring, Bochs copies the file of the RAM, 4 KiB at a time, to a temporary file,
 * and reads from that what it needs. It is given nothing to copy, and the RAM's file
 * itself for the temporary one: it only reads there, as all of the RAM is in memory.
 */
static char *ram_file;

FILE *fopen64(const char *path, const char *mode)
{
	static FILE *(*real)(const char *path, const char *mode);
	const char *name = strrchr(path, '/');

	if (!real)
		real = (FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, "fopen64");
	if (mode[0] == 'r' && name && strcmp(name, "/memory.ram") == 0) {
		ram_file = strdup(path);
		return real("/dev/null", mode);
	}
	return real(path, mode);
}

FILE *tmpfile64(void)
{
	FILE *f = ram_file ? fopen(ram_file, "rb") : fdopen(memfd_create("rig", 0), "w+b");

	free(ram_file);
	ram_file = NULL;
	return f;
}

__attribute__((constructor)) static void set_up(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	const char *fd = getenv("RIG_FD");

	if (!fd) /* a child of Bochs, or Bochs by hand */
		return;
	channel = atoi(fd);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive rig/run */
	unsetenv("LD_PRELOAD");
	repair_bochs();
}
