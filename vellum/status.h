/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses of `vellum`: part of its interface, listed in docs/vellum.md.
 * A program that a debug-exit guest ends uses that guest's own number.
 */
#ifndef VELLUM_STATUS_H
#define VELLUM_STATUS_H

enum {
	STATUS_OK = 0,			/* the guest powered itself off */
	STATUS_INTERNAL = 1,		/* this program or the kernel side failed */
	STATUS_USAGE = 2,		/* the command line makes no sense */
	STATUS_HOST = 3,		/* the host lacks or refuses something */
	STATUS_INPUT = 4,		/* a file given can't be used */
	STATUS_RESET = 16,		/* guest reset, with --no-reboot */
	STATUS_PANIC = 17,		/* the guest's kernel panicked */
	STATUS_TRIPLE_FAULT = 18,	/* the guest shut its CPU down */
	STATUS_STRICT_IO = 19,		/* --strict-io met an unknown address */
	STATUS_ESCAPE = 20,		/* the user left by the escape key */
	STATUS_TRAP = 21,		/* an instruction named by --trap */
	STATUS_SIGNAL = 128,		/* + number of the signal */
};

#endif
