/* SPDX-License-Identifier: MIT */
/*
 * The disks, CDs and floppies of a session (files, threads: they outlive a reset), and
 * their controllers in a machine.
 */
#ifndef VELLUM_STORAGE_H
#define VELLUM_STORAGE_H

#include "block/block.h"
#include "dev/ata.h"
#include "dev/fdc.h"
#include "dev/virtio_blk.h"

#define STORAGE_MAX	8u

enum storage_kind { STORAGE_DISK, STORAGE_CDROM, STORAGE_FLOPPY };
enum storage_bus { STORAGE_VIRTIO, STORAGE_ATA, STORAGE_FDC };

struct storage_unit {
	char *path;		/* from malloc() */
	bool readonly;
	enum storage_kind kind;
	enum storage_bus bus;
	char name[64];		/* for messages */
	char id[VIRTIO_BLK_ID_LEN + 1];
	struct disk disk;
	bool open;
};

struct storage {
	struct storage_unit unit[STORAGE_MAX];
	unsigned int n;
};

/*
 * FILE[,ro][,bus=virtio|ata] of --disk, FILE[,ro] of --floppy, or the FILE of
 * --cdrom.  0, or -1 after a message on standard error.
 */
int storage_parse(struct storage *s, const char *value, enum storage_kind kind);
/* Opens and locks; then, in the sandbox, starts the threads. */
int storage_open(struct storage *s, struct vmm_error *e);
int storage_start(struct storage *s, struct vmm_error *e);
void storage_close(struct storage *s);

/* ---- in a machine ---- */

struct machine;

struct machine_storage {
	struct virtio_blk *blk[STORAGE_MAX];
	struct ata_controller *ata;
	struct fdc *fdc;
};

/* CMOS byte 0x10: the kinds of drives, the first in the upper half. */
uint8_t storage_floppy_types(const struct machine *m);

/* Device lock held, or no vCPU running. */
int machine_add_storage(struct machine *m, struct vmm_error *e);
void machine_remove_storage(struct machine *m);

#endif
