/* SPDX-License-Identifier: MIT */
/*
 * How the agent's bytes leave the emulated host.
 */
#define _GNU_SOURCE
#include "agent.h"
#include "rigcall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define SERIAL "/dev/ttyS0"

static int serial = -1;
static bool paced;

static struct rig_call *page;
static uint64_t page_pa;

static bool find_page(void)
{
	static int fd = -1;
	uint64_t entry = 0;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(fd, &entry, 8, (uintptr_t)page / 4096 * 8) != 8 || !(entry >> 63))
		return false;
	page_pa = (entry & ((1ull << 55) - 1)) * 4096;
	return true;
}

/* The page's answer says whether its address was still right: see shim.c. */
static int32_t call(uint32_t op, uint32_t flags, uint32_t len)
{
	static uint32_t number;

	page->magic = RIG_MAGIC;
	page->op = op;
	page->flags = flags;
	page->len = len;
	page->number = ++number;
	for (;;) {
		outb(RIG_CALL, 0xe9);
		for (int i = 0; i < 64; i += 8)
			outb(page_pa >> i, 0xe9);
		if (*(volatile uint32_t *)&page->answered == number)
			return page->result;
		find_page();
	}
}

static bool open_port(void)
{
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (page == MAP_FAILED || ioperm(0xe9, 1, 1) != 0)
		return false;
	memset(page, 0, sizeof(*page));
	mlock(page, sizeof(*page));
	return find_page();
}

static bool open_serial(void)
{
	struct termios t;

	serial = open(SERIAL, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (serial < 0 || tcgetattr(serial, &t) != 0)
		return false;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL;
	return tcsetattr(serial, TCSANOW, &t) == 0;
}

static bool on_cmdline(const char *word)
{
	char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	return strstr(line, word);
}

bool channel_open(void)
{
	bool ok;

	if (on_cmdline("rig.channel=e9"))
		ok = open_port();
	else
		ok = open_serial();
	if (!ok)
		dprintf(2, "rig: the channel to rig/run does not open: %s\n", strerror(errno));
	return ok;
}

static void serial_write(const uint8_t *p, size_t len)
{
	struct pollfd pfd = { .fd = serial, .events = POLLOUT };

	while (len) {
		ssize_t n = write(serial, p, len);

		if (n < 0) {
			poll(&pfd, 1, -1);
			continue;
		}
		p += n;
		len -= n;
	}
}

void channel_write(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (!page) {
		serial_write(p, len);
		return;
	}
	while (len) {
		size_t n = len < sizeof(page->data) ? len : sizeof(page->data);

		memcpy(page->data, p, n);
		call(RIG_OP_WRITE, 0, n);
		p += n;
		len -= n;
	}
}

size_t channel_read(void *data, size_t len)
{
	ssize_t n;

	if (!page) {
		n = read(serial, data, len);
		return n > 0 ? n : 0;
	}
	if (len > sizeof(page->data))
		len = sizeof(page->data);
	n = call(RIG_OP_READ, paced ? RIG_CALL_PACE : 0, len);
	memcpy(data, page->data, n);
	return n;
}

void channel_snapshot(void)
{
	if (page)
		call(RIG_OP_SNAPSHOT, 0, 0);
}

void channel_pace(void)
{
	paced = true;
}

int channel_fd(void)
{
	return page ? -1 : serial;
}

void channel_end(void)
{
	struct pollfd pfd = { .fd = serial, .events = POLLIN };

	if (page)
		call(RIG_OP_END, 0, 0);
	tcdrain(serial);
	poll(&pfd, 1, -1); /* rig/run reads the log and ends the machine */
}
