/* SPDX-License-Identifier: MIT */
/*
 * The frames between rig/run (link.py) and the agent, and the agent's parts.
 */
#ifndef RIG_AGENT_H
#define RIG_AGENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From rig/run */
#define AGENT_FILE	  'F' /* a file begins: mode u32, size u64, path */
#define AGENT_DATA	  'D' /* a piece of it */
#define AGENT_MODULE	  'M' /* load this module: path, 0, parameters */
#define AGENT_SNAPSHOT	  'N' /* save the machine's state, then say READY again */
#define AGENT_BEGIN	  'B' /* the log's part that counts begins here */
#define AGENT_ENV	  'V' /* NAME=VALUE for the command */
#define AGENT_RUN	  'X' /* run: flags u8, rows u16, columns u16, arguments */
#define AGENT_STDIN	  'I'
#define AGENT_EOF	  'C' /* no more of it */
#define AGENT_WINDOW_SIZE 'W' /* rows u16, columns u16 */

/* To rig/run */
#define AGENT_READY	'R' /* AGENT_HELLO */
#define AGENT_STDOUT	'O'
#define AGENT_STDERR	'S'
#define AGENT_CREDIT	'K' /* so many bytes of input have been taken: u32 */
#define AGENT_ERROR	'L' /* the run cannot go on: text */
#define AGENT_ENDED	'Z' /* wait status, i32 */

#define AGENT_HELLO "rig1"

/* Flags of AGENT_RUN */
#define AGENT_TTY   1 /* on a terminal of its own */
#define AGENT_INPUT 2 /* input will come; otherwise it is /dev/null */

#define AGENT_FRAME_MAX 65536
#define AGENT_WINDOW	8192 /* bytes of input that may be under way */
#define AGENT_POLL_MS	10
#define AGENT_MARK	"rig: begin"

/*
 * The channel: port 0xe9 in Bochs, the first serial port elsewhere.
 */
bool channel_open(void);
void channel_write(const void *data, size_t len);
/* At most len bytes, without waiting */
size_t channel_read(void *data, size_t len);
/* What poll() can wait on for input, -1 where one has to ask */
int channel_fd(void);
/* Saves the machine's state, where that can be done; a restored one returns, too. */
void channel_snapshot(void);
/* Somebody watches: the machine need not be faster than real time. */
void channel_pace(void);
/* All is said: the machine may go. Returns only if it could not. */
void channel_end(void);

/* The agent's program under another name: rdmsr */
int tool_main(int argc, char **argv);

#endif
