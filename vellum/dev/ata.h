/* SPDX-License-Identifier: MIT */
/*
 * ATA disks and ATAPI CD-ROMs behind an IDE controller as in a PIIX3
 * (8086:7010): two channels at the ports and lines that PCs have had since
 * 1984, bus-master DMA through PCI (T13 "AT Attachment with Packet Interface",
 * "Programming Interface for Bus Master IDE Controller"; T10/SFF "Multi-Media
 * Commands").
 *
 *	ata.c           registers, interrupts, data by PIO, the disk's requests
 *	ata_command.c   what disks do
 *	ata_identify.c  what they say of themselves
 *	ata_dma.c       PCI function, bus mastering
 *	atapi.c         what CD-ROMs do
 *
 * All under the device lock.  A request to the disk completes on its I/O
 * thread, which tells the machine's event loop, where the device goes on.
 */
#ifndef VELLUM_DEV_ATA_H
#define VELLUM_DEV_ATA_H

#include <stdatomic.h>

#include "../block/block.h"
#include "irq.h"
#include "pci.h"

#define ATA_CHANNELS	2u
#define ATA_UNITS	2u	/* per channel */

#define ATA_PORT_0	0x1f0u
#define ATA_CONTROL_0	0x3f6u
#define ATA_IRQ_0	14u
#define ATA_PORT_1	0x170u
#define ATA_CONTROL_1	0x376u
#define ATA_IRQ_1	15u
#define ATA_PORTS	8u

#define ATA_MULTIPLE_MAX 16u
#define ATA_BUFFER	65536u	/* whole blocks of either kind */
#define ATA_CD_SECTOR	2048u
#define ATA_PACKET	12u
#define ATA_PRD_MAX	8192u	/* entries in 64 KiB */

#define ATA_STATUS_ERR	0x01u	/* ATAPI: CHK */
#define ATA_STATUS_DRQ	0x08u
#define ATA_STATUS_DSC	0x10u
#define ATA_STATUS_DF	0x20u
#define ATA_STATUS_DRDY	0x40u
#define ATA_STATUS_BSY	0x80u

#define ATA_ERROR_ABRT	0x04u
#define ATA_ERROR_IDNF	0x10u
#define ATA_ERROR_UNC	0x40u

#define ATA_DEVICE_LBA	0x40u
#define ATA_DEVICE_1	0x10u
#define ATA_CONTROL_NIEN 0x02u
#define ATA_CONTROL_SRST 0x04u
#define ATA_CONTROL_HOB	0x80u

/* Interrupt reason, in the count register of packet devices */
#define ATA_REASON_CD	0x01u
#define ATA_REASON_IO	0x02u

struct ata_channel;

/* One device's view of the registers; [1] is what was there before. */
struct ata_unit {
	struct ata_channel *channel;
	struct disk *disk;	/* NULL = none here */
	bool cdrom;
	const char *id;		/* serial number */
	uint8_t feature[2], count[2], low[2], mid[2], high[2];
	uint8_t status, error;

	uint8_t multiple;	/* sectors per PIO block; 0 = not set */
	uint8_t heads, sectors;	/* as the guest has it for CHS */
	uint8_t mode;		/* as SET FEATURES has it */
	bool write_through;
	uint8_t sense_key, sense_code, sense_qualifier;
};

enum ata_phase {
	ATA_IDLE, ATA_PACKET_OUT, ATA_DATA_IN, ATA_DATA_OUT,
	ATA_DMA_WAIT,		/* for the bus master to be started */
};

struct ata_channel {
	struct ata_controller *controller;
	unsigned int number;
	struct irq_line irq;
	bool intrq;
	uint8_t device, control;
	struct ata_unit unit[ATA_UNITS];

	/* The command that is being done, if phase is not ATA_IDLE or busy */
	struct ata_unit *active;
	enum ata_phase phase;
	uint64_t offset, left;	/* bytes of the disk still to be transferred */
	bool durable, verify;
	uint8_t *buffer;	/* ATA_BUFFER */
	uint32_t filled, at;	/* bytes in it, bytes dealt with */
	uint32_t block_end;	/* DRQ falls when @at gets here */
	uint32_t block;		/* largest piece between interrupts */

	/* The one request to the disk */
	struct block_request request;
	struct iovec *iov;	/* ATA_PRD_MAX */
	bool busy;		/* it is on its way */
	bool orphan;		/* reset meanwhile: ignore what comes */
	atomic_bool completed;
	void (*then)(struct ata_channel *c);

	/* Bus master */
	uint8_t bm_command, bm_status;
	uint32_t prd;
	bool dma_in;		/* direction of the command that waits */
};

struct ata_controller {
	struct pci_dev pci;	/* first */
	struct ata_channel channel[ATA_CHANNELS];
	struct evloop *loop;	/* the machine's; NULL in tests: see ata_poll */
	struct ev_fd done;
};

extern const struct bus_ops ata_ops, ata_control_ops;	/* of a channel */

/* ata_dma.c */

/*
 * Set the units' disk, cdrom and id, and the channels' irq, in a zeroed @c
 * first.  Ports are the caller's to put onto the bus.  0 or -errno.
 */
int ata_add(struct ata_controller *c, struct pci_bus *bus, int devfn,
	    struct evloop *loop);
void ata_remove(struct ata_controller *c);
/* What the event loop calls: goes on with what the disks have done. */
void ata_poll(void *controller);

/* A command that moves data by DMA: begins when the guest has started it. */
void ata_dma_request(struct ata_channel *c, bool in);

/* ata.c */
void ata_power_on(struct ata_channel *c);
void ata_interrupt(struct ata_channel *c);
void ata_signature(struct ata_unit *u);
/* Ends the command: status without BSY and DRQ, and an interrupt. */
void ata_done(struct ata_channel *c);
void ata_fail(struct ata_channel *c, uint8_t error);
/* Sends c->request on its way; @then in the event loop when it is done. */
void ata_submit(struct ata_channel *c, enum block_op op, uint64_t offset,
		uint64_t len, unsigned int n_iov,
		void (*then)(struct ata_channel *c));
/* The guest reads @len bytes of the buffer, then c->left from the disk. */
void ata_send(struct ata_channel *c, uint32_t len);
/* The guest is to read, or write, c->left bytes at c->offset. */
void ata_read_disk(struct ata_channel *c);
void ata_write_disk(struct ata_channel *c);

/* ata_command.c */
void ata_command(struct ata_channel *c, struct ata_unit *u, uint8_t command);

/* ata_identify.c: a disk's geometry, as after power-on; 512 bytes into @out */
void ata_geometry(const struct ata_unit *u, struct block_geometry *g);
void ata_identify(const struct ata_unit *u, uint8_t *out);
void atapi_identify(const struct ata_unit *u, uint8_t *out);

/* atapi.c */
void atapi_packet(struct ata_channel *c, struct ata_unit *u);
/* All data is with the guest, or an error came: status and interrupt. */
void atapi_end(struct ata_channel *c);
void atapi_media_error(struct ata_channel *c);

#endif
