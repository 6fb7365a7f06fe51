/* SPDX-License-Identifier: MIT */
/*
 * Virtio block device (Virtio "Block Device"), on a disk.  All requests are
 * handled on the disk's I/O thread.
 */
#ifndef VELLUM_DEV_VIRTIO_BLK_H
#define VELLUM_DEV_VIRTIO_BLK_H

#include "../block/block.h"
#include "virtio.h"

#define VIRTIO_BLK_TYPE		2u
#define VIRTIO_BLK_QUEUES_MAX	4u
#define VIRTIO_BLK_ID_LEN	20u
#define VIRTIO_BLK_CONFIG_LEN	60u

#define VIRTIO_BLK_F_SEG_MAX	(1ull << 2)
#define VIRTIO_BLK_F_GEOMETRY	(1ull << 4)
#define VIRTIO_BLK_F_RO		(1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE	(1ull << 6)
#define VIRTIO_BLK_F_FLUSH	(1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY	(1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE	(1ull << 11)
#define VIRTIO_BLK_F_MQ		(1ull << 12)
#define VIRTIO_BLK_F_DISCARD	(1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

#define VIRTIO_BLK_T_IN		0u
#define VIRTIO_BLK_T_OUT	1u
#define VIRTIO_BLK_T_FLUSH	4u
#define VIRTIO_BLK_T_GET_ID	8u
#define VIRTIO_BLK_T_DISCARD	11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u

#define VIRTIO_BLK_S_OK		0u
#define VIRTIO_BLK_S_IOERR	1u
#define VIRTIO_BLK_S_UNSUPP	2u

struct virtio_blk;

struct virtio_blk_request {
	struct virtio_blk *b;
	struct virtq *q;
	struct virtq_chain chain;
	struct block_request r;
	uint8_t *status;
	uint64_t written;	/* into the guest's buffers, if all goes well */
	bool busy;
	struct iovec iov[VIRTQ_IOV_MAX];
};

struct virtio_blk {
	struct virtio_dev v;	/* first */
	struct disk *disk;
	char id[VIRTIO_BLK_ID_LEN];
	uint8_t config[VIRTIO_BLK_CONFIG_LEN];
	/* One per queue and head, so that a head used twice is noticed. */
	struct virtio_blk_request *request;
};

/*
 * @host and @name as in virtio.h; @id: up to 20 characters; @n_queues: at
 * most VIRTIO_BLK_QUEUES_MAX are made.  0 or -errno.
 */
int virtio_blk_add(struct virtio_blk *b, struct pci_bus *bus, int devfn,
		   struct disk *disk, const char *name, const char *id,
		   unsigned int n_queues, const struct virtio_host *host);
void virtio_blk_remove(struct virtio_blk *b);

#endif
