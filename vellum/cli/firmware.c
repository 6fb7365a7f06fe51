/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../firmware/rom.h"
#include "../status.h"
#include "../traps.h"
#include "commands.h"
#include "firmware.h"

#define BIOS_UNIT	(64 * KIB)
#define STATE_MAX	(64 * KIB)

/* For an adapter that is no PCI device. */
#define VGABIOS		"/usr/share/seabios/vgabios-isavga.bin"
#define VGABIOS_MAX	(64 * KIB)

int parse_traps(const char *list, uint32_t *traps)
{
	do {
		size_t len = strcspn(list, ",");
		uint32_t trap = trap_by_name(list, len);

		if (!trap) {
			fprintf(stderr,
				"vellum: --trap: \"%.*s\" can't be trapped: vmcall, hlt, cpuid, rdtsc, rdpmc, invlpg, pause, mov-dr, io, xsetbv, wbinvd, descriptor, cr3 can\n",
				(int)len, list);
			return -1;
		}
		*traps |= trap;
		list += len + (list[len] == ',');
	} while (*list);
	return 0;
}

/* Two guests that keep their variables in one file would both lose them. */
static int lock_vars(const struct image_file *f, struct vmm_error *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(f->fd, F_OFD_SETLK, &l) ||
	    (errno != EAGAIN && errno != EACCES))
		return 0;	/* or a file system without locks */
	return vmm_fail(e, VMM_ERR_INPUT,
		"--vars %s: in use by another guest: give each a copy of its own",
		f->path);
}

/* For reading and writing: a file of the user's that keeps what is written. */
static int open_vars(struct image_file *f, const char *path,
		     struct vmm_error *e)
{
	if (image_open(f, "--vars", path, e))
		return -1;
	close(f->fd);
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return vmm_fail(e, VMM_ERR_INPUT,
			"--vars %s: %s: firmware writes its variables there",
			path, strerror(errno));
	return lock_vars(f, e);
}

static bool same_file(const struct stat *st, const struct image_file *f)
{
	struct stat other;

	return f->fd >= 0 && !fstat(f->fd, &other) &&
	       st->st_dev == other.st_dev && st->st_ino == other.st_ino;
}

/* The file of this guest's that is to be read, and is to be written too; or NULL. */
static const struct image_file *read_elsewhere(const struct machine_config *c,
					       const struct stat *st)
{
	unsigned int i;

	if (same_file(st, &c->kernel))
		return &c->kernel;
	if (same_file(st, &c->firmware))
		return &c->firmware;
	for (i = 0; i < c->n_modules; i++)
		if (same_file(st, &c->module[i].file))
			return &c->module[i].file;
	for (i = 0; i < c->n_flat; i++)
		if (same_file(st, &c->flat_image[i].file))
			return &c->flat_image[i].file;
	return NULL;
}

/*
 * Its content goes only when it is known that nobody needs it: disks and
 * variables are locked.  O_NONBLOCK: a FIFO that nobody reads must hold up nobody.
 */
static int open_output(const struct machine_config *cfg, struct image_file *f,
		       const char *option, const char *path, struct vmm_error *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const struct image_file *other;
	struct stat st;

	f->option = option;
	f->path = path;
	f->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
	if (f->fd < 0)
		return vmm_fail(e, VMM_ERR_INPUT, "%s %s: %s", option, path,
				errno == ENXIO ? "a FIFO, or socket, that nobody reads: start its reader first" :
				strerror(errno));
	if (fstat(f->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	other = read_elsewhere(cfg, &st);
	if (other)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: the same file as %s %s, which would be lost: give it one of its own",
			option, path, other->option, other->path);
	if (fcntl(f->fd, F_OFD_SETLK, &l) &&
	    (errno == EAGAIN || errno == EACCES))
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s %s: in use by another guest, or as a disk of this one: give it a file of its own",
			option, path);
	if (ftruncate(f->fd, 0))
		return vmm_fail(e, VMM_ERR_INPUT, "%s %s: can't empty it: %s",
				option, path, strerror(errno));
	return 0;
}

static int open_vgabios(struct image_file *f, struct vmm_error *e)
{
	if (image_open(f, "--vga: the adapter's BIOS", VGABIOS, e))
		return -1;
	if (f->size <= VGABIOS_MAX)
		return 0;
	return vmm_fail(e, VMM_ERR_INPUT, "%s %s: more than 64 KiB", f->option,
			f->path);
}

/* It is written again from its beginning, over and over. */
static int open_screen(struct machine_config *cfg, const char *path, struct vmm_error *e)
{
	struct image_file *f = &cfg->screen;
	struct stat st;

	if (open_output(cfg, f, "--screen", path, e))
		return -1;
	if (fstat(f->fd, &st) || !S_ISREG(st.st_mode))
		return vmm_fail(e, VMM_ERR_INPUT,
				"--screen %s: not a regular file", path);
	return 0;
}

/* What the adapter's users want; it may be there without any. */
static int open_vga(const struct firmware_options *o, struct machine_config *cfg,
		    struct vmm_error *e)
{
	if (!o->vga && !o->screen)
		return 0;
	if (!cfg->vga)
		return vmm_fail(e, VMM_ERR_INPUT,
			"%s: VM \"%s\" was loaded without a video adapter",
			o->vga ? "--vga" : "--screen", cfg->name);
	if (cfg->rom && open_vgabios(&cfg->vgabios, e))
		return -1;
	cfg->show = o->vga && isatty(STDOUT_FILENO);
	cfg->keyboard |= cfg->show;
	return 0;
}

static int read_state(struct machine_config *cfg, const char *path,
		      struct vmm_error *e)
{
	static char text[STATE_MAX + 1];
	struct image_file f;
	int ret;

	if (image_open(&f, "--state", path, e))
		return -1;
	if (f.size > STATE_MAX) {
		image_close(&f);
		return vmm_fail(e, VMM_ERR_INPUT,
				"--state %s: too long for a list of registers",
				path);
	}
	ret = image_read(&f, 0, text, f.size, e);
	image_close(&f);
	cfg->state = text;
	cfg->state_name = path;
	return ret;
}

/*
 * Firmware has whole 64 KiB; less than that is real-mode code for address 0,
 * as is any image whose entry the user names.
 */
static int take_bios(struct machine_config *cfg, const char *path,
		     struct vmm_error *e)
{
	struct image_file f;

	if (image_open(&f, "--bios", path, e))
		return -1;
	if (!cfg->flat && f.size >= BIOS_UNIT) {
		cfg->firmware = f;
		if (f.size % BIOS_UNIT && f.size <= ROM_SIZE_MAX)
			return vmm_fail(e, VMM_ERR_INPUT,
				"--bios %s: %llu bytes are not a multiple of 64 KiB: not a BIOS image (--firmware takes any multiple of 4 KiB; with --entry CS:IP it is code at address 0)",
				path, (unsigned long long)f.size);
		return rom_check(&cfg->firmware, &cfg->vars, e);
	}
	if (cfg->vars.fd >= 0) {
		image_close(&f);
		return vmm_fail(e, VMM_ERR_INPUT,
				"--vars %s: variables are for firmware, and --bios %s is real-mode code at address 0 here",
				cfg->vars.path, path);
	}
	if (cfg->n_flat == FLAT_MAX) {
		image_close(&f);
		return vmm_fail(e, VMM_ERR_INPUT,
				"--bios %s: with more than 7 --load", path);
	}
	cfg->flat = cfg->debug_exit = true;
	cfg->rom = false;
	cfg->flat_image[cfg->n_flat].addr = 0;
	cfg->flat_image[cfg->n_flat++].file = f;
	return 0;
}

static int open_all(const struct firmware_options *o,
		    struct machine_config *cfg, struct vmm_error *e)
{
	if (cfg->flat && o->loads)
		cfg->debug_exit = true;
	if (o->state && read_state(cfg, o->state, e))
		return -1;
	if (o->vars && open_vars(&cfg->vars, o->vars, e))
		return -1;
	if (o->bios)
		return take_bios(cfg, o->bios, e);
	if (o->firmware) {
		if (image_open(&cfg->firmware, "--firmware", o->firmware, e))
			return -1;
		return rom_check(&cfg->firmware, &cfg->vars, e);
	}
	return 0;
}

int open_outputs(const struct firmware_options *o, struct machine_config *cfg,
		 struct vmm_error *e)
{
	if (o->com1 && open_output(cfg, &cfg->com1, "--com1", o->com1, e))
		return -1;
	if (o->com2 && open_output(cfg, &cfg->com2, "--com2", o->com2, e))
		return -1;
	return o->screen ? open_screen(cfg, o->screen, e) : 0;
}

/* Firmware that writes its variables over its own code won't start again. */
static int check_vars(const struct machine_config *cfg, struct vmm_error *e)
{
	const struct image_file *v = &cfg->vars, *f = &cfg->firmware;
	struct stat st;

	if (v->fd < 0 || fstat(v->fd, &st) || !same_file(&st, f))
		return 0;
	return vmm_fail(e, VMM_ERR_INPUT,
		"--vars %s: the same file as %s %s: give it one of its own",
		v->path, f->option, f->path);
}

int open_firmware(const struct firmware_options *o,
		  struct machine_config *cfg)
{
	struct vmm_error e = { 0 };

	/* Whether there is firmware is only known when its file is open. */
	return open_all(o, cfg, &e) || check_vars(cfg, &e) || open_vga(o, cfg, &e) ?
	       report(&e) : STATUS_OK;
}

void close_firmware(struct machine_config *cfg)
{
	image_close(&cfg->firmware);
	image_close(&cfg->vars);
	image_close(&cfg->com1);
	image_close(&cfg->com2);
	image_close(&cfg->vgabios);
	image_close(&cfg->screen);
}
