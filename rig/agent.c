/* SPDX-License-Identifier: MIT */
/*
 * The first process of the emulated host. It takes files, modules to load and a
 * command from rig/run, runs the command, and passes its input and output on.
 *
 * Both ways the channel carries frames: a type, three bytes of zero, the payload's
 * length (32 bits, little endian), the payload. agent.h lists them.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_CHUNK 3584 /* of output per frame: one page through port 0xe9 */

/* The command, its streams as seen from here (-1: none) and its kind */
static struct {
	pid_t pid;
	int in, out, err;
	bool tty;
	char *argv[256];
	char *env[256];
	int argc, envc;
} cmd = { .pid = -1, .in = -1, .out = -1, .err = -1 };

static int file_fd = -1;
static uint64_t file_left;

/* Input that the command has not taken yet; rig/run sends at most this much ahead. */
static uint8_t input[AGENT_WINDOW];
static size_t input_len;
static bool input_closed;

static void say(uint8_t type, const void *data, uint32_t len)
{
	uint8_t frame[8 + 4096] = { type };

	memcpy(frame + 4, &len, 4);
	memcpy(frame + 8, data, len);
	channel_write(frame, 8 + len);
}

__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(AGENT_ERROR, text, strlen(text));
}

/*
 * Files and modules
 */

static void make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
}

/* Payload: mode (32 bits), size (64 bits), path */
static void file_begin(uint8_t *p, uint32_t len)
{
	uint32_t mode;
	char *path = (char *)p + 12;

	if (len < 14)
		return;
	memcpy(&mode, p, 4);
	memcpy(&file_left, p + 4, 8);
	make_parents(path);
	unlink(path);
	file_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file_fd < 0) {
		complain("cannot create %s on the host: %s", path, strerror(errno));
		return;
	}
	fchmod(file_fd, mode & 07777);
	if (file_left == 0) {
		close(file_fd);
		file_fd = -1;
	}
}

static void file_data(const uint8_t *p, uint32_t len)
{
	while (len && file_fd >= 0) {
		ssize_t n = write(file_fd, p, len);

		if (n < 0) {
			complain("cannot write a copied file on the host: %s (try a larger "
				 "--memory)", strerror(errno));
			close(file_fd);
			file_fd = -1;
			return;
		}
		p += n;
		len -= n;
		file_left -= n;
	}
	if (file_fd >= 0 && file_left == 0) {
		close(file_fd);
		file_fd = -1;
	}
}

/* Payload: path, 0, parameters */
static void load_module(const char *p)
{
	int fd = open(p, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, p + strlen(p) + 1, 0) != 0)
		complain("cannot load %s: %s", p, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * The command
 */

static void nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void run_command(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir("/root") != 0)
		_exit(126);
	execvpe(cmd.argv[0], cmd.argv, cmd.env);
	dprintf(2, "rig: cannot run %s: %s\n", cmd.argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static bool start_on_tty(const struct winsize *ws)
{
	int master;

	cmd.pid = forkpty(&master, NULL, NULL, ws);
	if (cmd.pid == 0)
		run_command();
	if (cmd.pid < 0)
		return false;
	nonblocking(master);
	cmd.in = cmd.out = master;
	return true;
}

static bool start_on_pipes(bool with_input)
{
	int in[2] = { -1, -1 }, out[2], err[2];

	if (pipe(out) || pipe(err) || (with_input && pipe(in)))
		return false;
	cmd.pid = fork();
	if (cmd.pid < 0)
		return false;
	if (cmd.pid == 0) {
		setsid();
		if (!with_input)
			in[0] = open("/dev/null", O_RDONLY);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		run_command();
	}
	close(out[1]);
	close(err[1]);
	cmd.out = out[0];
	cmd.err = err[0];
	nonblocking(cmd.out);
	nonblocking(cmd.err);
	if (with_input) {
		close(in[0]);
		cmd.in = in[1];
		nonblocking(cmd.in);
	}
	return true;
}

static void mark_log(void)
{
	static const char mark[] = "<6>" AGENT_MARK "\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, mark, sizeof(mark) - 1) < 0)
		complain("cannot mark the host's kernel log: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Payload: flags (8 bits), rows, columns (16 bits each), arguments, each with its 0 */
static void start_command(uint8_t *p, uint32_t len)
{
	struct winsize ws = { 0 };
	bool ok;

	if (len < 7)
		return;
	memcpy(&ws.ws_row, p + 1, 2);
	memcpy(&ws.ws_col, p + 3, 2);
	for (uint32_t at = 5; at < len && cmd.argc < 255; at += strlen((char *)p + at) + 1)
		cmd.argv[cmd.argc++] = strdup((char *)p + at);
	cmd.tty = p[0] & AGENT_TTY;
	if (cmd.tty)
		channel_pace();
	ok = cmd.tty ? start_on_tty(&ws) : start_on_pipes(p[0] & AGENT_INPUT);
	if (!ok)
		complain("cannot start the command: %s", strerror(errno));
}

static void set_window(const uint8_t *p, uint32_t len)
{
	struct winsize ws = { 0 };

	if (len < 4 || !cmd.tty)
		return;
	memcpy(&ws.ws_row, p, 2);
	memcpy(&ws.ws_col, p + 2, 2);
	ioctl(cmd.in, TIOCSWINSZ, &ws);
}

/*
 * Its streams
 */

/* Hands pending input to the command and tells rig/run how much has gone. */
static void feed_input(void)
{
	ssize_t n;
	uint32_t gone;

	if (cmd.in < 0)
		return;
	while (input_len) {
		n = write(cmd.in, input, input_len);
		if (n < 0 && errno == EAGAIN)
			return;
		gone = n < 0 ? input_len : (size_t)n; /* nobody reads it any more */
		memmove(input, input + gone, input_len - gone);
		input_len -= gone;
		say(AGENT_CREDIT, &gone, 4);
	}
	if (input_closed && !cmd.tty) {
		close(cmd.in);
		cmd.in = -1;
	}
}

static void take_input(const uint8_t *p, uint32_t len)
{
	if (len > sizeof(input) - input_len)
		len = sizeof(input) - input_len;
	memcpy(input + input_len, p, len);
	input_len += len;
	feed_input();
}

/* Passes on what the command has written; true if there may be more at once. */
static bool drain(int *fd, uint8_t type)
{
	uint8_t data[OUT_CHUNK];
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, data, sizeof(data));
	if (n > 0) {
		say(type, data, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (*fd == cmd.in)
		cmd.in = -1;
	close(*fd);
	*fd = -1;
	return false;
}

static void handle(uint8_t type, uint8_t *p, uint32_t len)
{
	p[len] = 0;
	switch (type) {
	case AGENT_FILE:
		file_begin(p, len);
		break;
	case AGENT_DATA:
		file_data(p, len);
		break;
	case AGENT_MODULE:
		load_module((char *)p);
		break;
	case AGENT_ENV:
		if (cmd.envc < 255)
			cmd.env[cmd.envc++] = strdup((char *)p);
		break;
	case AGENT_SNAPSHOT:
		channel_snapshot();
		say(AGENT_READY, AGENT_HELLO, 4);
		break;
	case AGENT_BEGIN:
		mark_log();
		break;
	case AGENT_RUN:
		start_command(p, len);
		break;
	case AGENT_STDIN:
		take_input(p, len);
		break;
	case AGENT_EOF:
		input_closed = true;
		feed_input();
		break;
	case AGENT_WINDOW_SIZE:
		set_window(p, len);
		break;
	}
}

/* Takes what has come in through the channel apart into frames. */
static void receive(void)
{
	static uint8_t buf[8 + AGENT_FRAME_MAX + 1];
	static size_t have;
	uint32_t len, n;
	uint8_t after;

	while ((n = channel_read(buf + have, sizeof(buf) - 1 - have))) {
		have += n;
		while (have >= 8) {
			memcpy(&len, buf + 4, 4);
			if (len > AGENT_FRAME_MAX) {
				complain("a frame of %u bytes came in: the channel is broken", len);
				have = 0;
				return;
			}
			if (have < 8 + len)
				break;
			after = buf[8 + len];
			handle(buf[0], buf + 8, len);
			buf[8 + len] = after;
			have -= 8 + len;
			memmove(buf, buf + 8 + len, have);
		}
	}
}

static bool reap(int *status)
{
	bool ended = false;
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0)
		if (pid == cmd.pid) {
			*status = st;
			ended = true;
		}
	return ended;
}

static bool input_expected(void)
{
	return cmd.pid < 0 || cmd.in >= 0;
}

/*
 * SIGCHLD is unblocked only inside ppoll, so that it cannot be missed. Through port
 * 0xe9 nothing tells that input has come: where some is expected, look now and then.
 */
static void wait_for_work(void)
{
	const struct timespec soon = { .tv_nsec = AGENT_POLL_MS * 1000000l };
	struct pollfd fds[] = {
		{ .fd = cmd.out, .events = POLLIN },
		{ .fd = cmd.err, .events = POLLIN },
		{ .fd = input_len ? cmd.in : -1, .events = POLLOUT },
		{ .fd = channel_fd(), .events = POLLIN },
	};
	sigset_t none;

	sigemptyset(&none);
	ppoll(fds, 4, input_expected() && channel_fd() < 0 ? &soon : NULL, &none);
}

static int serve(void)
{
	int status = 0;

	for (;;) {
		if (input_expected())
			receive();
		if (reap(&status))
			break;
		wait_for_work();
		drain(&cmd.out, AGENT_STDOUT);
		drain(&cmd.err, AGENT_STDERR);
		feed_input();
	}
	while (drain(&cmd.out, AGENT_STDOUT))
		;
	while (drain(&cmd.err, AGENT_STDERR))
		;
	return status;
}

/*
 * Start and end
 */

static void mount_all(void)
{
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666");
	mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
}

static void on_child(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_child };
	sigset_t child;
	int status;

	if (getpid() != 1)
		return tool_main(argc, argv);
	mount_all();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!channel_open())
		goto halt;
	say(AGENT_READY, AGENT_HELLO, 4);
	status = serve();
	say(AGENT_ENDED, &status, 4);
	channel_end();
halt:
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
