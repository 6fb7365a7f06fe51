/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.x over PCI (OASIS "Virtual I/O Device (VIRTIO)", "Virtio Over PCI
 * Bus"): no legacy interface.  virtio_queue.c has the split virtqueues,
 * virtio_pci.c the registers, virtio_blk.c the block device.
 *
 * A device works on a thread of its own, under a lock of its own, the I/O
 * lock, which also guards all that is below "I/O lock" here.  Registers are
 * accessed under both, device lock first.  A notification writes an eventfd:
 * by the kernel side if it can, else by our handler.  Interrupts go out by an
 * eventfd as well, or through the machine's event loop.
 *
 * Whatever a guest does to a queue can at worst break its device: it then
 * shows DEVICE_NEEDS_RESET and does nothing until it is reset.
 */
#ifndef VELLUM_DEV_VIRTIO_H
#define VELLUM_DEV_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "../evloop.h"
#include "pci.h"

#define VIRTIO_DEVICE_ID	0x1040u		/* + type */
#define VIRTIO_QUEUES_MAX	16u
#define VIRTQ_SIZE_MAX		256u
#define VIRTIO_NO_VECTOR	0xffffu

#define VIRTIO_STATUS_ACKNOWLEDGE	0x01u
#define VIRTIO_STATUS_DRIVER		0x02u
#define VIRTIO_STATUS_DRIVER_OK		0x04u
#define VIRTIO_STATUS_FEATURES_OK	0x08u
#define VIRTIO_STATUS_NEEDS_RESET	0x40u
#define VIRTIO_STATUS_FAILED		0x80u

#define VIRTIO_F_INDIRECT_DESC	(1ull << 28)
#define VIRTIO_F_EVENT_IDX	(1ull << 29)
#define VIRTIO_F_VERSION_1	(1ull << 32)

/* BAR 0; BAR 1 is MSI-X's */
#define VIRTIO_BAR		0u
#define VIRTIO_BAR_SIZE		0x4000u
#define VIRTIO_COMMON		0x0000u
#define VIRTIO_COMMON_LEN	56u
#define VIRTIO_ISR		0x1000u
#define VIRTIO_CONFIG		0x2000u
#define VIRTIO_NOTIFY		0x3000u
#define VIRTIO_NOTIFY_STEP	4u

/* Common configuration */
#define VIRTIO_DEVICE_FEATURE_SELECT	0
#define VIRTIO_DEVICE_FEATURE		4
#define VIRTIO_DRIVER_FEATURE_SELECT	8
#define VIRTIO_DRIVER_FEATURE		12
#define VIRTIO_CONFIG_VECTOR		16
#define VIRTIO_NUM_QUEUES		18
#define VIRTIO_STATUS			20
#define VIRTIO_GENERATION		21
#define VIRTIO_QUEUE_SELECT		22
#define VIRTIO_QUEUE_SIZE		24
#define VIRTIO_QUEUE_VECTOR		26
#define VIRTIO_QUEUE_ENABLE		28
#define VIRTIO_QUEUE_NOTIFY_OFF		30
#define VIRTIO_QUEUE_DESC		32
#define VIRTIO_QUEUE_DRIVER		40
#define VIRTIO_QUEUE_DEVICE		48

#define VIRTQ_DESC_NEXT		1u
#define VIRTQ_DESC_WRITE	2u
#define VIRTQ_DESC_INDIRECT	4u
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY	1u

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_used_elem {
	uint32_t id, len;
};

_Static_assert(sizeof(struct virtq_desc) == 16, "layout");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "layout");

struct virtio_dev;

struct virtq {
	/* I/O lock */
	uint16_t size, vector;
	bool enabled;
	uint64_t desc_at, driver_at, device_at;	/* guest-physical */
	/* in this process, while enabled */
	const struct virtq_desc *desc;
	uint16_t *avail, *used;		/* as halfwords: flags, index, ring */
	uint16_t next_avail, used_index;
	uint16_t told_index;		/* used_index at the last interrupt */
	bool told;
	bool dirty;			/* something was used since */

	struct virtio_dev *dev;
	struct ev_fd kick;		/* in the I/O loop */
	bool by_kernel;			/* an ioeventfd writes it */
};

/* A chain of descriptors: buffers to read from, then buffers to write to. */
struct virtq_chain {
	uint16_t head;
	struct iovec *iov;		/* the caller's, VIRTQ_IOV_MAX */
	unsigned int n_out, n_in;
	uint64_t out_len, in_len;
};

/* "Longer than the queue" is what no chain may be, indirect or not. */
#define VIRTQ_IOV_MAX	VIRTQ_SIZE_MAX

struct virtio_ops {
	/* On the I/O thread, I/O lock held: there may be something in it. */
	void (*notified)(struct virtio_dev *d, struct virtq *q);
	/* I/O lock held; the guest wrote config[at..at+size), may be NULL. */
	void (*configured)(struct virtio_dev *d, unsigned int at,
			   unsigned int size, uint64_t value);
	/*
	 * I/O lock held, not on the I/O thread: comes back when the device
	 * uses no more guest memory and its sources are gone from the loop.
	 */
	void (*drain)(struct virtio_dev *d);
};

/* The machine around it.  @ioeventfd may be NULL, @loop in tests. */
struct virtio_host {
	int (*ioeventfd)(void *opaque, uint64_t addr, int fd, bool on);
	void *opaque;
	struct evloop *loop;		/* the machine's; its lock = device lock */
};

struct virtio_dev {
	struct pci_dev pci;		/* first */
	const struct guest_ram *ram;	/* the bus's */
	const struct virtio_ops *ops;
	struct virtio_host host;
	const char *name;		/* for messages */
	pthread_mutex_t *io_lock;
	struct evloop *io_loop;
	uint64_t offered;		/* features */
	unsigned int n_queues;
	uint8_t *config;		/* device-specific */
	unsigned int config_len;
	uint8_t window_cap;		/* PCI configuration access capability */

	/* Interrupts: any thread */
	atomic_bool messages;		/* MSI-X is on */
	atomic_int vector_fd[VIRTIO_QUEUES_MAX + 1];
	atomic_uint isr;
	atomic_uint unsent;		/* vectors for the event loop to send */
	struct ev_fd irq;		/* in the machine's loop */

	/* I/O lock */
	uint64_t accepted;
	uint32_t feature_select, driver_select;
	uint8_t status;
	bool resetting;			/* until in_flight is 0 */
	bool said;			/* that the guest broke it */
	uint16_t config_vector, queue_select;
	unsigned int in_flight;		/* chains taken and not given back */
	struct virtq queue[VIRTIO_QUEUES_MAX];
};

/* virtio_pci.c */

/*
 * @d zeroed, with ops, host, name, io_lock, io_loop, offered, n_queues, config
 * and config_len set.  @ids: class and subclass.
 */
int virtio_add(struct virtio_dev *d, struct pci_bus *bus, int devfn,
	       unsigned int type, uint8_t class, uint8_t subclass);
/* Device lock held; all of the device's I/O is over when it returns. */
void virtio_remove(struct virtio_dev *d);

/* I/O lock held. */
void virtio_interrupt(struct virtio_dev *d, uint16_t vector, bool config);
void virtio_broken(struct virtio_dev *d, const char *why);
/* The last chain in flight has come back after a reset began. */
void virtio_reset_done(struct virtio_dev *d);

static inline bool virtio_has(const struct virtio_dev *d, uint64_t feature)
{
	return d->accepted & feature;
}

/* virtio_queue.c: all with the I/O lock held */

/* Finds the rings in memory; false if they can't be there. */
bool virtq_start(struct virtq *q);
void virtq_stop(struct virtq *q);

/*
 * Head of the next available chain; -1 if there is none or the queue is
 * stopped or broken.  Then virtq_take() with that head.
 */
int virtq_next(struct virtq *q);
/* False: the chain was nonsense, the device is broken. */
bool virtq_take(struct virtq *q, uint16_t head, struct virtq_chain *c);
/* Gives a chain back. */
void virtq_put(struct virtq *q, uint16_t head, uint32_t written);
/* Interrupts, if something was given back and the guest wants to know. */
void virtq_tell(struct virtq *q);

/*
 * Notifications on or off.  After switching on look again: true if something
 * came meanwhile.
 */
bool virtq_listen(struct virtq *q, bool on);

#endif
