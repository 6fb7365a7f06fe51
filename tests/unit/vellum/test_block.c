/* SPDX-License-Identifier: MIT */
/* Disk images: requests by both engines, locks, failures. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "vellum/block/block.h"

DEFINE_REPORT

#define KIB		1024u
#define IMAGE_SIZE	(256u * KIB)

static char path[] = "/tmp/vellum-test-block-XXXXXX";
static enum disk_engine engine;

static void make_image(uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static int try_open(struct disk *d, bool ro, unsigned int sector)
{
	struct block_options o = {
		.option = "--disk", .path = path, .readonly = ro,
		.sector = sector,
	};
	struct vmm_error e = { 0 };
	int ret = disk_open(d, &o, engine, &e);

	if (ret)
		assert_true(strstr(e.text, path) && strstr(e.text, "--disk"));
	return ret;
}

static void must_open(struct disk *d, bool ro)
{
	struct vmm_error e;

	assert_int_equal(try_open(d, ro, 512), 0);
	if (disk_start(d, &e))
		fail_msg("%s", e.text);
}

/* ---- one request, waited for ---- */

struct wait {
	struct block_request r;
	struct iovec iov[4];
	sem_t done;
};

static void waited(struct block_request *r)
{
	struct wait *w = r->opaque;

	sem_post(&w->done);
}

static int run(struct disk *d, struct wait *w)
{
	sem_init(&w->done, 0, 0);
	w->r.opaque = w;
	w->r.done = waited;
	w->r.iov = w->iov;
	disk_lock(d);
	disk_submit(d, &w->r);
	disk_unlock(d);
	sem_wait(&w->done);
	sem_destroy(&w->done);
	return w->r.result;
}

static int rw(struct disk *d, enum block_op op, uint64_t at, void *buf,
	      uint64_t len)
{
	struct wait w = {
		.r = { .op = op, .offset = at, .len = len, .n_iov = 1 },
		.iov = { { buf, len } },
	};

	return run(d, &w);
}

static int simple(struct disk *d, enum block_op op, uint64_t at, uint64_t len,
		  bool unmap)
{
	struct wait w = {
		.r = { .op = op, .offset = at, .len = len,
		       .may_unmap = unmap },
	};

	return run(d, &w);
}

/* ---- tests ---- */

static void test_reads_what_was_written(void **state)
{
	static uint8_t out[8 * KIB], in[8 * KIB];
	struct wait w = { .r = { .op = BLOCK_READ, .offset = 512, .n_iov = 4,
				 .len = 3 * KIB } };
	uint64_t seed = 1;
	struct disk d;
	unsigned int i;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	assert_int_equal(d.image.size, IMAGE_SIZE);
	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)test_random(&seed);
	assert_int_equal(rw(&d, BLOCK_WRITE, 512, out, sizeof(out)), 0);
	assert_int_equal(simple(&d, BLOCK_FLUSH, 0, 0, false), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 512, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));

	memset(in, 0, sizeof(in));
	w.iov[0] = (struct iovec){ in, 1 };
	w.iov[1] = (struct iovec){ in + 1, 1023 };
	w.iov[2] = (struct iovec){ in + 1024, 0 };
	w.iov[3] = (struct iovec){ in + 1024, 2 * KIB };
	assert_int_equal(run(&d, &w), 0);
	assert_memory_equal(in, out, 3 * KIB);
	disk_close(&d);
}

static void test_zeroes_and_discards(void **state)
{
	static uint8_t buf[4 * KIB];
	struct disk d;
	unsigned int i, unmap;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	for (unmap = 0; unmap < 2; unmap++) {
		memset(buf, 0x55, sizeof(buf));
		assert_int_equal(rw(&d, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
		assert_int_equal(simple(&d, BLOCK_WRITE_ZEROES, 512, 2 * KIB,
					unmap), 0);
		assert_int_equal(rw(&d, BLOCK_READ, 0, buf, sizeof(buf)), 0);
		for (i = 0; i < sizeof(buf); i++)
			assert_int_equal(buf[i], i >= 512 && i < 2560 ?
					 0 : 0x55);
	}
	assert_int_equal(simple(&d, BLOCK_DISCARD, 0, IMAGE_SIZE, false), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	disk_close(&d);
}

static int no_allocate(int fd, int mode, off_t at, off_t len)
{
	(void)fd, (void)mode, (void)at, (void)len;
	errno = EOPNOTSUPP;
	return -1;
}

/* Zeroes must be zeroes on file systems that know no holes. */
static void test_zeroes_by_hand(void **state)
{
	struct block_calls calls = block_calls;
	static uint8_t buf[200 * KIB];
	struct disk d;
	unsigned int i;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	calls.allocate = no_allocate;
	d.image.calls = &calls;
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(rw(&d, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	assert_int_equal(simple(&d, BLOCK_WRITE_ZEROES, 512, 150 * KIB, true),
			 0);
	assert_int_equal(simple(&d, BLOCK_DISCARD, 0, 4096, true), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	for (i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i >= 512 && i < 512 + 150 * KIB ?
				 0 : 0xaa);
	disk_close(&d);
}

static void test_range_and_permission(void **state)
{
	uint8_t buf[1024] = { 0 };
	struct disk d;

	(void)state;
	make_image(4096);
	must_open(&d, false);
	assert_int_equal(rw(&d, BLOCK_READ, 3584, buf, 1024), -EIO);
	assert_int_equal(rw(&d, BLOCK_READ, UINT64_MAX - 511, buf, 1024), -EIO);
	assert_int_equal(rw(&d, BLOCK_WRITE, 4096, buf, 512), -EIO);
	assert_int_equal(simple(&d, BLOCK_DISCARD, 512, UINT64_MAX, false),
			 -EIO);
	disk_close(&d);
	must_open(&d, true);
	assert_int_equal(rw(&d, BLOCK_WRITE, 0, buf, 512), -EROFS);
	assert_int_equal(simple(&d, BLOCK_WRITE_ZEROES, 0, 512, false), -EROFS);
	assert_int_equal(simple(&d, BLOCK_FLUSH, 0, 0, false), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 0, buf, 512), 0);
	disk_close(&d);
}

/* A file that ends within a sector: the rest of that reads as zeroes. */
static void test_last_sector_is_filled_up(void **state)
{
	uint8_t buf[1024];
	struct disk d;
	unsigned int i;

	(void)state;
	make_image(1000);
	memset(buf, 0x77, sizeof(buf));
	must_open(&d, false);
	assert_int_equal(d.image.size, 1024);
	assert_int_equal(rw(&d, BLOCK_READ, 0, buf, 1024), 0);
	for (i = 0; i < 1024; i++)
		assert_int_equal(buf[i], 0);
	memset(buf, 0x77, sizeof(buf));
	assert_int_equal(rw(&d, BLOCK_WRITE, 512, buf, 512), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 512, buf, 512), 0);
	assert_int_equal(buf[511], 0x77);
	disk_close(&d);
}

/* ---- geometry ---- */

static void put(uint8_t *p, uint32_t v, unsigned int n)
{
	memcpy(p, &v, n);
}

/* A partition entry from the CHS and LBA addresses of its first and last sector. */
static void put_partition(uint8_t *boot, unsigned int i, uint32_t first_chs, uint32_t first,
			  uint32_t last_chs, uint32_t last)
{
	uint8_t *p = boot + 446 + 16 * i;

	put(p + 1, first_chs, 3);
	p[4] = 0x0c;
	put(p + 5, last_chs, 3);
	put(p + 8, first, 4);
	put(p + 12, last - first + 1, 4);
	boot[510] = 0x55;
	boot[511] = 0xaa;
}

/* As the three bytes lie in a partition entry. */
static uint32_t chs(uint32_t c, uint32_t h, uint32_t s)
{
	return h | (s | (c >> 8) << 6) << 8 | (c & 255) << 16;
}

static void is_geometry(const uint8_t *boot, uint64_t sectors, uint32_t c, uint32_t h, uint32_t s)
{
	struct block_geometry g;

	block_geometry(boot, sectors, &g);
	assert_int_equal(g.cylinders, c);
	assert_int_equal(g.heads, h);
	assert_int_equal(g.sectors, s);
}

static void test_geometry_of_what_tells_none(void **state)
{
	uint8_t boot[512] = { 0 };

	(void)state;
	is_geometry(boot, 2097152, 2080, 16, 63);
	is_geometry(boot, 1, 1, 1, 1);
	is_geometry(boot, 100, 1, 1, 63);
	is_geometry(boot, 1ull << 53, UINT32_MAX, 16, 63);
	is_geometry(boot, 2880, 80, 2, 18);	/* 1.44 MB */
	is_geometry(boot, 720, 40, 2, 9);
	boot[510] = 0x55;
	boot[511] = 0xaa;
	is_geometry(boot, 2400, 80, 2, 15);
}

static void test_geometry_of_partitions(void **state)
{
	uint8_t boot[512] = { 0 };

	(void)state;
	/* 255 heads: first in the second partition, the first being empty */
	put_partition(boot, 1, chs(0, 32, 33), 2048, chs(130, 254, 63), 131 * 255 * 63 - 1);
	is_geometry(boot, 2104515 + 100, 131, 255, 63);
	memset(boot, 0, sizeof(boot));
	put_partition(boot, 0, chs(0, 1, 1), 17, chs(305, 3, 17), 306 * 4 * 17 - 1);
	is_geometry(boot, 306 * 4 * 17, 306, 4, 17);
	/* the end is beyond what CHS can say, the beginning is not */
	put_partition(boot, 0, chs(0, 1, 1), 63, chs(1023, 254, 63), 100000000);
	is_geometry(boot, 100000001, 6224, 255, 63);
	/* both ways to say it don't fit together: it tells nothing */
	put_partition(boot, 0, chs(0, 1, 1), 63, chs(305, 3, 17), 4000);
	is_geometry(boot, 100000, 99, 16, 63);
	/* more than the disk has */
	put_partition(boot, 0, chs(0, 1, 1), 17, chs(0, 3, 17), 4 * 17 - 1);
	is_geometry(boot, 60, 1, 1, 60);
}

static void test_geometry_of_a_volume(void **state)
{
	uint8_t boot[512] = { 0 };

	(void)state;
	boot[510] = 0x55;
	boot[511] = 0xaa;
	put(boot + 11, 512, 2);
	put(boot + 19, 2880, 2);
	put(boot + 24, 18, 2);
	put(boot + 26, 2, 2);
	is_geometry(boot, 2880, 80, 2, 18);
	is_geometry(boot, 4000, 111, 2, 18);
	put(boot + 24, 64, 2);		/* no such number of sectors */
	is_geometry(boot, 4000, 3, 16, 63);
	put(boot + 24, 0, 2);
	is_geometry(boot, 4000, 3, 16, 63);
	put(boot + 24, 18, 2);
	put(boot + 26, 256, 2);
	is_geometry(boot, 4000, 3, 16, 63);
	put(boot + 26, 2, 2);
	put(boot + 11, 1024, 2);
	is_geometry(boot, 4000, 3, 16, 63);
}

static void test_image_has_its_geometry(void **state)
{
	struct disk d;

	(void)state;
	make_image(1474560);
	must_open(&d, false);
	assert_int_equal(d.image.geometry.heads, 2);
	assert_int_equal(d.image.geometry.sectors, 18);
	disk_close(&d);
}

static void test_locks(void **state)
{
	struct disk a, b;

	(void)state;
	make_image(4096);
	must_open(&a, false);
	assert_int_not_equal(try_open(&b, false, 512), 0);
	assert_int_not_equal(try_open(&b, true, 512), 0);
	disk_close(&a);
	must_open(&a, true);
	must_open(&b, true);
	disk_close(&b);
	assert_int_not_equal(try_open(&b, false, 512), 0);
	disk_close(&a);
	must_open(&a, false);
	disk_close(&a);
}

static void test_refuses_what_is_no_image(void **state)
{
	struct disk d;

	(void)state;
	make_image(0);
	assert_int_not_equal(try_open(&d, false, 512), 0);
	unlink(path);
	assert_int_not_equal(try_open(&d, false, 512), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(try_open(&d, true, 512), 0);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_not_equal(try_open(&d, true, 512), 0);
	unlink(path);
}

static void test_file_cut_while_in_use(void **state)
{
	uint8_t buf[4096] = { 0 };
	struct disk d;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 0, buf, 4096), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 2048, buf, 4096), -EIO);
	assert_int_equal(rw(&d, BLOCK_READ, 100 * KIB, buf, 4096), -EIO);
	/* Writing would make it grow again, with a hole full of lies. */
	assert_int_equal(rw(&d, BLOCK_WRITE, 100 * KIB, buf, 4096), -EIO);
	assert_int_equal(simple(&d, BLOCK_FLUSH, 0, 0, false), -EIO);
	assert_true(d.image.said);
	assert_int_equal(truncate(path, IMAGE_SIZE), 0);
	assert_int_equal(rw(&d, BLOCK_READ, 100 * KIB, buf, 4096), 0);
	disk_close(&d);
}

/* As a full file system, without one: no file may grow beyond 64 KiB. */
static void test_file_that_can_not_grow(void **state)
{
	struct rlimit old, small = { 64 * KIB, 64 * KIB };
	static uint8_t buf[8 * KIB];
	struct disk d;
	int ret;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	ret = rw(&d, BLOCK_WRITE, 60 * KIB, buf, sizeof(buf));
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(ret, -EFBIG);
	assert_int_equal(rw(&d, BLOCK_WRITE, 60 * KIB, buf, sizeof(buf)), 0);
	disk_close(&d);
}

/* ---- faults put in ---- */

static unsigned int fault_step;

static ssize_t bad_readv(int fd, const struct iovec *iov, int n, off_t at)
{
	struct iovec one = iov[0];

	(void)n;
	switch (fault_step++ % 4) {
	case 0:
		errno = EINTR;
		return -1;
	case 1:			/* short: a byte */
		one.iov_len = 1;
		return preadv(fd, &one, 1, at);
	case 2:
		return preadv(fd, &one, 1, at);
	default:
		errno = EIO;
		return -1;
	}
}

static ssize_t bad_writev(int fd, const struct iovec *iov, int n, off_t at,
			  int flags)
{
	struct iovec one = iov[0];

	(void)n;
	if (one.iov_len > 700)
		one.iov_len = 700;
	if (fault_step++ % 8 == 7) {
		errno = ENOSPC;
		return -1;
	}
	return pwritev2(fd, &one, 1, at, flags);
}

static int bad_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void test_faults_in_every_call(void **state)
{
	struct block_calls calls = block_calls;
	static uint8_t buf[4 * KIB], got[4 * KIB];
	struct disk d;

	(void)state;
	make_image(IMAGE_SIZE);
	engine = DISK_POOL;
	must_open(&d, false);
	memset(buf, 0x42, sizeof(buf));
	calls.writev = bad_writev;
	calls.readv = bad_readv;
	calls.sync = bad_sync;
	d.image.calls = &calls;
	fault_step = 0;
	assert_int_equal(rw(&d, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	assert_int_equal(rw(&d, BLOCK_WRITE, 0, buf, sizeof(buf)), -ENOSPC);
	fault_step = 0;
	assert_int_equal(rw(&d, BLOCK_READ, 0, got, sizeof(got)), 0);
	assert_memory_equal(got, buf, sizeof(got));
	assert_int_equal(rw(&d, BLOCK_READ, 0, got, sizeof(got)), -EIO);
	assert_int_equal(simple(&d, BLOCK_FLUSH, 0, 0, false), -EIO);
	disk_close(&d);
}

/* ---- many at once ---- */

#define LOAD_REQUESTS	64u
#define LOAD_TOTAL	5000u

struct load {
	struct disk *d;
	struct block_request r[LOAD_REQUESTS];
	struct iovec iov[LOAD_REQUESTS];
	uint8_t buf[LOAD_REQUESTS][4096];
	unsigned int started, ended, wrong;
	uint64_t seed;
};

static void load_start(struct load *l, struct block_request *r)
{
	uint64_t x = test_random(&l->seed);

	r->op = x % 16 ? (enum block_op)(x % 2) : BLOCK_FLUSH;
	r->offset = (x >> 8) % 64 * 4096;
	r->len = r->op == BLOCK_FLUSH ? 0 : 4096;
	r->n_iov = r->op == BLOCK_FLUSH ? 0 : 1;
	r->durable = r->op == BLOCK_WRITE && x % 64 == 1;
	l->started++;
	disk_submit(l->d, r);
}

static void load_done(struct block_request *r)
{
	struct load *l = r->opaque;

	l->ended++;
	if (r->result)
		l->wrong++;
	if (l->started < LOAD_TOTAL)
		load_start(l, r);
}

static void test_many_requests(void **state)
{
	static struct load l;
	struct disk d;
	unsigned int i;

	(void)state;
	make_image(IMAGE_SIZE);
	must_open(&d, false);
	memset(&l, 0, sizeof(l));
	l.d = &d;
	l.seed = 7;
	disk_lock(&d);
	for (i = 0; i < LOAD_REQUESTS; i++) {
		l.iov[i] = (struct iovec){ l.buf[i], 4096 };
		l.r[i] = (struct block_request){
			.done = load_done, .opaque = &l, .iov = &l.iov[i],
		};
		load_start(&l, &l.r[i]);
	}
	disk_drain(&d);
	assert_int_equal(l.ended, LOAD_TOTAL);
	assert_int_equal(l.wrong, 0);
	disk_unlock(&d);
	disk_close(&d);
}

/* What a flush has answered is in the file when the program is killed. */
static void test_flushed_data_survives_kill(void **state)
{
	uint8_t buf[512], got[512] = { 0 };
	int fd, p[2], status;
	struct disk d;
	pid_t pid;
	char c;

	(void)state;
	make_image(IMAGE_SIZE);
	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		must_open(&d, false);
		memset(buf, 0x99, sizeof(buf));
		if (!rw(&d, BLOCK_WRITE, 1024, buf, sizeof(buf)) &&
		    !simple(&d, BLOCK_FLUSH, 0, 0, false) &&
		    write(p[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(p[0]);
	must_open(&d, false);	/* the lock has gone with its owner */
	disk_close(&d);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, got, 512, 1024), 512);
	close(fd);
	memset(buf, 0x99, sizeof(buf));
	assert_memory_equal(got, buf, 512);
}

static int with_pool(void **state)
{
	(void)state;
	engine = DISK_POOL;
	return 0;
}

static int with_best(void **state)
{
	(void)state;
	engine = DISK_BEST;
	return 0;
}

#define BOTH(test) \
	{ #test " (threads)", test, with_pool, NULL, NULL }, \
	{ #test " (best)", test, with_best, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_reads_what_was_written),
		BOTH(test_zeroes_and_discards),
		BOTH(test_zeroes_by_hand),
		BOTH(test_range_and_permission),
		BOTH(test_last_sector_is_filled_up),
		cmocka_unit_test(test_geometry_of_what_tells_none),
		cmocka_unit_test(test_geometry_of_partitions),
		cmocka_unit_test(test_geometry_of_a_volume),
		cmocka_unit_test(test_image_has_its_geometry),
		BOTH(test_locks),
		BOTH(test_refuses_what_is_no_image),
		BOTH(test_file_cut_while_in_use),
		BOTH(test_file_that_can_not_grow),
		BOTH(test_many_requests),
		BOTH(test_flushed_data_survives_kill),
		cmocka_unit_test(test_faults_in_every_call),
	};
	struct block_image none = { .fd = -1 };
	struct block_uring *u = uring_create(&none);
	int fd = mkstemp(path), ret;

	printf("# io_uring: %s\n", u ? "yes" : "no, threads only");
	uring_destroy(u);
	close(fd);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return ret;
}
