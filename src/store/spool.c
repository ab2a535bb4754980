#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/random.h"
#include "mail/summary.h"
#include "store/io.h"
#include "store/lock.h"
#include "store/log.h"

/*
 * In memory until SPOOL_MEMORY is passed, then log/body/tmp-<random>, written
 * in pieces of FLUSH bytes. The file is locked as long as it is somebody's, so
 * that a sweep can tell it from what a crash left. It is synced before any lock
 * is taken; under the lock there is only a rename and a sync of the directory.
 */

#define FLUSH (256 * 1024)
#define NAME_SIZE 32

struct spool {
	int dir;                /* log/body/, borrowed from the log */
	int fd;                 /* of the file, -1: in memory */
	char name[NAME_SIZE];   /* tmp-<random>, never any other */
	char placed[NAME_SIZE]; /* what spool_place() made of it, else "" */
	bool finished, failed;
	uint64_t size;    /* octets so far */
	uint64_t flushed; /* of them in the file */
	struct buf mem;   /* all of them, or what is not flushed yet */
	struct buf summary;
	uint8_t *map; /* of the file, after spool_finish() */
	struct digest_sha256 sum;
	uint8_t digest[DIGEST_SHA256_SIZE];
};

static int
outcome(int r)
{
	return r == -ENOSPC || r == -EDQUOT ? STORE_FULL : r;
}

static int
file_make(struct spool *s)
{
	int r;

	snprintf(s->name, sizeof(s->name), "tmp-%016llx",
	    (unsigned long long)random_u64());
	r = io_create(s->dir, s->name, O_RDWR | O_EXCL);
	if (r < 0)
		return outcome(r);
	s->fd = r;
	return lock_take(s->fd, 0);
}

static int
flush(struct spool *s)
{
	int r = io_write_all(s->fd, buf_view(&s->mem), s->flushed);

	if (r != 0)
		return outcome(r);
	s->flushed += s->mem.n;
	buf_clear(&s->mem);
	return 0;
}

int
spool_open_log(struct store_log *log, uint64_t size, struct spool **out)
{
	struct spool *s;
	int r;

	if (size > STORE_MESSAGE_MAX)
		return STORE_LIMIT;
	s = xcalloc(1, sizeof(*s));
	s->dir = log_body_dir(log);
	s->fd = -1;
	buf_init(&s->mem, SPOOL_MEMORY);
	buf_init(&s->summary, SUMMARY_MAX);
	digest_sha256_init(&s->sum);
	if (size > SPOOL_MEMORY && (r = file_make(s)) != 0) {
		spool_free(&s);
		return r;
	}
	*out = s;
	return 0;
}

static int
put(struct spool *s, struct view v)
{
	int r;

	if (s->fd == -1 && v.n > SPOOL_MEMORY - s->mem.n &&
	    (r = file_make(s)) != 0)
		return r;
	if (s->fd == -1) {
		buf_put(&s->mem, v);
		return 0;
	}
	if (s->mem.n + v.n > FLUSH && (r = flush(s)) != 0)
		return r;
	if (v.n < FLUSH) {
		buf_put(&s->mem, v);
		return 0;
	}
	if ((r = io_write_all(s->fd, v, s->flushed)) == 0)
		s->flushed += v.n;
	return outcome(r);
}

int
spool_write(struct spool *s, struct view v)
{
	int r;

	if (s->failed || s->finished)
		return -EINVAL;
	if (v.n > STORE_MESSAGE_MAX - s->size)
		r = STORE_LIMIT;
	else
		r = put(s, v);
	if (r != 0) {
		s->failed = true;
		return r;
	}
	digest_sha256_add(&s->sum, v);
	s->size += v.n;
	return 0;
}

/* The rest into the file, down to the disk, and mapped. */
static int
file_finish(struct spool *s)
{
	void *p;
	int r;

	if ((r = flush(s)) != 0)
		return r;
	if ((r = io_sync(s->fd, IO_SYNC_BODY)) != 0)
		return outcome(r);
	buf_fini(&s->mem);
	p = mmap(NULL, (size_t)s->size, PROT_READ, MAP_SHARED, s->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	s->map = p;
	return 0;
}

int
spool_finish(struct spool *s)
{
	int r;

	if (s->failed || s->finished)
		return -EINVAL;
	/* announced as large, but it is not */
	if (s->fd != -1 && s->size <= SPOOL_MEMORY && s->flushed == 0) {
		if (io_unlink(s->dir, s->name) == 0)
			fd_close(&s->fd);
	}
	if (s->fd != -1 && (r = file_finish(s)) != 0) {
		s->failed = true;
		return r;
	}
	digest_sha256_end(&s->sum, s->digest);
	s->finished = true;
	summary_write(spool_view(s), &s->summary);
	return 0;
}

uint64_t
spool_size(const struct spool *s)
{
	return s->size;
}

struct view
spool_view(const struct spool *s)
{
	if (s->fd != -1)
		return (struct view){ s->map, (size_t)s->size };
	return buf_view(&s->mem);
}

const uint8_t *
spool_digest(const struct spool *s)
{
	return s->digest;
}

struct view
spool_summary(const struct spool *s)
{
	return buf_view(&s->summary);
}

bool
spool_in_file(const struct spool *s)
{
	return s->fd != -1;
}

int
spool_place(struct spool *s, uint64_t number, struct why *w)
{
	char name[NAME_SIZE];
	int r;

	snprintf(name, sizeof(name), "%016llx", (unsigned long long)number);
	if ((r = io_rename(s->dir, s->name, name)) != 0) {
		why(w, r, "log/body/%s", name);
		return outcome(r);
	}
	memcpy(s->placed, name, sizeof(name));
	if ((r = io_sync_dir(s->dir, IO_SYNC_BODY_DIR)) != 0)
		why(w, r, "log/body: sync");
	return outcome(r);
}

void
spool_unplace(struct spool *s)
{
	int r;

	if (s->placed[0] == '\0')
		return;
	if ((r = io_rename(s->dir, s->placed, s->name)) != 0)
		r = io_unlink(s->dir, s->placed);
	(void)r; /* what stays behind is replaced later */
	s->placed[0] = '\0';
}

void
spool_free(struct spool **sp)
{
	struct spool *s = *sp;
	int r = 0;

	if (s == NULL)
		return;
	*sp = NULL;
	if (s->map != NULL)
		munmap(s->map, (size_t)s->size);
	if (s->fd != -1 && s->placed[0] == '\0')
		r = io_unlink(s->dir, s->name);
	(void)r; /* what stays behind is swept later */
	fd_close(&s->fd);
	buf_fini(&s->mem);
	buf_fini(&s->summary);
	free(s);
}

static void
sweep_one(int dir, const char *name, int64_t now)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_mtim.tv_sec + SPOOL_STALE > now || lock_take(fd, 0) != 0)
		return;
	r = io_unlink(dir, name);
	(void)r;
}

void
spool_sweep(struct store_log *log)
{
	int dir = log_body_dir(log);
	AUTO_CLOSE int fd = dir == -1
	    ? -1
	    : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	int64_t now = clock_wall_s();
	struct dirent *de;

	if (d == NULL)
		return;
	(void)fd_take(&fd);
	while ((de = readdir(d)) != NULL)
		if (strncmp(de->d_name, "tmp-", 4) == 0)
			sweep_one(dir, de->d_name, now);
	closedir(d);
}
