#include "store/engine.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mem.h"
#include "store/io.h"
#include "store/lock.h"
#include "store/log.h"

/*
 * Segments are log/<%016x>.seg, their indexes log/<%016x>.idx, bodies
 * log/body/<%016x>. A segment appears
 * whole: it is written as log/new, synced, renamed, and its directory synced.
 * The lock is on log/lock.
 *
 * The tail segment stays open. LOG_RESERVE bytes behind its end are allocated
 * by fallocate(); an append that may not use the reserve first extends it.
 *
 * Who appends again and again writes ROOM zeros behind a commit, for the next
 * ones to overwrite: their fdatasync() has neither a new size nor new blocks to
 * write down. So a segment ends where zeros begin that go on to its end. They
 * cost nothing on the disk, since they lie in what is allocated anyway, and
 * nothing takes them away: a finished segment ends where its successor says.
 * Where blocks are never overwritten (btrfs, ZFS) this would be for nothing, and
 * is not done.
 *
 * A sealed segment loses its write permission: that is what fstat() shows
 * to those who watch it (log_may_have_grown()).
 *
 * Whole files are mapped, segments with room to grow into, so that a view stays
 * valid and a map useful while the file grows. Only bytes below a size that was
 * seen by fstat() are given out.
 */

#define MAP_ROUND ((uint64_t)64 << 20)
#define NAME_SIZE 32
#define SEALED_MODE 0400
#define ROOM ((size_t)64 << 10)
#define ROOM_APPENDS 2         /* so many before the first room */
#define ROOM_COMMIT (ROOM / 4) /* longer ones gain nothing by it */

bool engine_file_roomy;

struct map {
	enum engine_kind kind;
	uint64_t number;
	uint8_t *p;
	uint64_t mapped; /* bytes of address space */
	uint64_t size;   /* bytes of the file, when last looked at */
	uint64_t used;   /* tick of the last use */
	int fd;
	bool pinned; /* a view was given out since the last release() */
	bool stale;  /* replaced by a longer one: goes at release() */
};

struct file_engine {
	struct engine e;
	int account; /* borrowed */
	int log, body, lock;
	bool locked;
	/* the tail segment, open for writing */
	int fd;
	uint64_t number;    /* 0: none */
	uint64_t size;      /* while size_known: under the lock, as seen */
	uint64_t end;       /* likewise: of the last append, 0: not known */
	uint64_t allocated; /* bytes on the disk, at least */
	bool size_known;
	bool overwrites; /* blocks that are written again stay where they are */
	unsigned appends; /* so far, small ones */
	struct map *maps;
	size_t n_maps, cap_maps, last_map;
	uint64_t tick;
};

static struct file_engine *
self(struct engine *e)
{
	return (struct file_engine *)e;
}

static const char *
suffix_of(enum engine_kind kind)
{
	switch (kind) {
	case ENGINE_SEGMENT:
		return ".seg";
	case ENGINE_INDEX:
		return ".idx";
	case ENGINE_BODY:
		break;
	}
	return "";
}

static void
name_of(enum engine_kind kind, uint64_t number, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016llx%s", (unsigned long long)number,
	    suffix_of(kind));
}

static int
dir_of(const struct file_engine *f, enum engine_kind kind)
{
	return kind == ENGINE_BODY ? f->body : f->log;
}

static const char *
dir_name(enum engine_kind kind)
{
	return kind == ENGINE_BODY ? "log/body" : "log";
}

/* --- lock --- */

static int
file_lock(struct engine *e, unsigned timeout_ms, struct why *w)
{
	struct file_engine *f = self(e);
	int r = lock_take(f->lock, timeout_ms);

	if (r == -ETIMEDOUT) {
		why(w, r, "log/lock");
		return ENGINE_LOCKED;
	}
	if (r != 0)
		return why(w, r, "log/lock");
	f->locked = true;
	f->size_known = false;
	f->end = 0;
	return 0;
}

static void
file_unlock(struct engine *e)
{
	struct file_engine *f = self(e);

	f->locked = f->size_known = false;
	f->end = 0;
	lock_drop(f->lock);
}

/* --- what there is --- */

/* The number in the name of an object, 0 when the name is not of one. */
static uint64_t
number_of(enum engine_kind kind, const char *name)
{
	uint64_t v = 0;

	for (int i = 0; i < 16; i++) {
		char c = name[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return 0;
	}
	return strcmp(name + 16, suffix_of(kind)) == 0 ? v : 0;
}

static void
info_of(const struct stat *st, uint64_t number, struct engine_info *out)
{
	*out = (struct engine_info){
		.number = number,
		.size = (uint64_t)st->st_size,
		.sealed = (st->st_mode & S_IWUSR) == 0,
	};
}

static int
by_number(const void *a, const void *b)
{
	const struct engine_info *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

static int
file_list(struct engine *e, enum engine_kind kind, struct engine_info **out,
    size_t *n, struct why *w)
{
	struct file_engine *f = self(e);
	AUTO_CLOSE int fd =
	    openat(dir_of(f, kind), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(dir_close))) DIR *d = NULL;
	AUTO_FREE struct engine_info *list = NULL;
	size_t cap = 0;
	struct dirent *de;

	*n = 0;
	*out = NULL;
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		return why(w, -errno, "%s", dir_name(kind));
	(void)fd_take(&fd);
	while (errno = 0, (de = readdir(d)) != NULL) {
		uint64_t number = number_of(kind, de->d_name);
		struct stat st;

		if (number == 0)
			continue;
		if (fstatat(dir_of(f, kind), de->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == -1) {
			if (errno == ENOENT)
				continue;
			return why(
			    w, -errno, "%s/%s", dir_name(kind), de->d_name);
		}
		if (!S_ISREG(st.st_mode))
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			list = xrealloc(list, cap, sizeof(*list));
		}
		info_of(&st, number, &list[(*n)++]);
	}
	if (errno != 0)
		return why(w, -errno, "%s", dir_name(kind));
	if (*n > 0)
		qsort(list, *n, sizeof(*list), by_number);
	*out = list;
	list = NULL;
	return 0;
}

/* Look at the open tail; false when it was removed meanwhile. */
static bool
tail_look(struct file_engine *f, struct stat *st)
{
	if (fstat(f->fd, st) == -1 || st->st_nlink == 0)
		return false;
	if (f->locked) {
		uint64_t blocks = (uint64_t)st->st_blocks * 512;

		f->size = (uint64_t)st->st_size;
		f->size_known = true;
		if (f->allocated < blocks)
			f->allocated = blocks;
	}
	return true;
}

static void
tail_close(struct file_engine *f)
{
	fd_close(&f->fd);
	f->number = f->allocated = f->end = 0;
	f->size_known = false;
}

static int
file_stat(struct engine *e, enum engine_kind kind, uint64_t number,
    struct engine_info *out, struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	struct stat st;

	if (kind == ENGINE_SEGMENT && number == f->number && f->fd != -1) {
		if (tail_look(f, &st)) {
			info_of(&st, number, out);
			return 0;
		}
		tail_close(f);
	}
	name_of(kind, number, name);
	if (fstatat(dir_of(f, kind), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT
		    ? ENGINE_NOT_FOUND
		    : why(w, -errno, "%s/%s", dir_name(kind), name);
	info_of(&st, number, out);
	return 0;
}

/* The account's owner may put anything there: what is no file is refused, and
 * opening it (a FIFO) waits for nobody. -1 and errno. */
static int
object_open(int dir, const char *name, int flags)
{
	AUTO_CLOSE int fd = openat(
	    dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EBADF;
		return -1;
	}
	return fd_take(&fd);
}

/* --- writing --- */

static bool
overwrites(int fd)
{
	struct statfs s;

	return engine_file_roomy ||
	    (fstatfs(fd, &s) == 0 &&
		(s.f_type == EXT4_SUPER_MAGIC || s.f_type == XFS_SUPER_MAGIC));
}

static int
tail_open(struct file_engine *f, uint64_t number, struct why *w)
{
	char name[NAME_SIZE];

	if (f->fd != -1 && f->number == number)
		return 0;
	tail_close(f);
	name_of(ENGINE_SEGMENT, number, name);
	f->fd = object_open(f->log, name, O_RDWR);
	if (f->fd == -1)
		return why(w, -errno, "log/%s", name);
	f->number = number;
	f->overwrites = overwrites(f->fd);
	return 0;
}

/* How far to allocate when end + LOG_RESERVE is not allocated any more: an
 * eighth of the segment more, so that a small account stays small. */
static uint64_t
ahead(uint64_t end)
{
	uint64_t more = end / 8;

	if (more < LOG_RESERVE / 4)
		more = LOG_RESERVE / 4;
	if (more > 16 * LOG_RESERVE)
		more = 16 * LOG_RESERVE;
	return more;
}

/* See that LOG_RESERVE bytes behind end are allocated. A file system that does
 * not know how just goes without. */
static int
reserve(struct file_engine *f, uint64_t from, uint64_t end)
{
	uint64_t need = end + LOG_RESERVE;
	int r;

	if (f->allocated >= need)
		return 0;
	r = io_allocate(f->fd, from, need + ahead(end) - from);
	if (r == 0) {
		f->allocated = need + ahead(end);
		return 0;
	}
	if (r == -ENOSPC || r == -EDQUOT)
		r = io_allocate(f->fd, from, need - from);
	if (r == 0 || r == -EOPNOTSUPP || r == -ENOSYS) {
		f->allocated = need;
		return 0;
	}
	return r;
}

static int
write_iov(int fd, struct iovec *iov, int n, uint64_t at)
{
	while (n > 0) {
		int64_t r = io_write(fd, iov, n, at);

		if (r <= 0)
			return r == 0 ? -ENOSPC : (int)r;
		at += (uint64_t)r;
		while (n > 0 && (uint64_t)r >= iov->iov_len) {
			r -= (int64_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
	return 0;
}

#define IOV_BATCH 64

static int
write_parts(int fd, const struct view *parts, size_t n, uint64_t at)
{
	struct iovec iov[IOV_BATCH];

	_Static_assert(IOV_BATCH <= IOV_MAX, "one call takes a batch");
	while (n > 0) {
		uint64_t bytes = 0;
		int k = 0, r;

		for (; k < IOV_BATCH && n > 0; parts++, n--) {
			if (parts->n == 0)
				continue;
			iov[k].iov_base = (void *)(uintptr_t)parts->p;
			iov[k++].iov_len = parts->n;
			bytes += parts->n;
		}
		if ((r = write_iov(fd, iov, k, at)) != 0)
			return r;
		at += bytes;
	}
	return 0;
}

static int
cut_and_sync(struct file_engine *f, uint64_t length)
{
	int r = io_truncate(f->fd, length);

	f->size_known = false;
	f->allocated = f->end = 0;
	if (r == 0)
		r = io_sync(f->fd, IO_SYNC_CUT);
	return r;
}

/* Of what is behind at its front is enough: commits are written from there. */
static bool
is_room(int fd, uint64_t at)
{
	uint8_t first[8] = { 0 };

	return pread(fd, first, sizeof(first), (off_t)at) > 0 &&
	    bytes_get64(first) == 0;
}

/* Is nothing, or room, behind at? (Under the lock, who asks has seen all of
 * what is there; this is to be sure.) */
static bool
tail_ends_at(struct file_engine *f, uint64_t at)
{
	struct stat st;

	if (f->size_known && f->end == at)
		return true;
	if ((!f->size_known && !tail_look(f, &st)) || f->size < at)
		return false;
	return f->size == at || is_room(f->fd, at);
}

/* Zeros behind a commit that made the segment longer. Less of it, or none, is
 * as good: a failure tells of itself at the sync, or at the next append. */
static void
leave_room(struct file_engine *f, uint64_t end, uint64_t bytes)
{
	static uint8_t zeros[ROOM];
	struct iovec v = { zeros, ROOM };
	int64_t r;

	if (end > f->size)
		f->size = end;
	if (!f->overwrites || bytes > ROOM_COMMIT ||
	    (++f->appends <= ROOM_APPENDS && !engine_file_roomy) ||
	    end < f->size || end + ROOM > f->allocated)
		return;
	r = io_write(f->fd, &v, 1, end);
	if (r > 0)
		f->size = end + (uint64_t)r;
}

static int
file_append(struct engine *e, uint64_t number, uint64_t expected,
    const struct view *parts, size_t n, unsigned flags, struct why *w)
{
	struct file_engine *f = self(e);
	uint64_t end = expected;
	int r;

	assert(f->locked);
	for (size_t i = 0; i < n; i++)
		end += parts[i].n;
	if ((r = tail_open(f, number, w)) != 0)
		return r;
	if (!tail_ends_at(f, expected))
		return ENGINE_RACED;
	r = reserve(f, expected, end);
	if (r != 0 && (flags & ENGINE_EMERGENCY) == 0)
		return why(w, r, "log/%016llx.seg: reserve",
		    (unsigned long long)number);
	f->size_known = false;
	if ((r = write_parts(f->fd, parts, n, expected)) != 0) {
		why(w, r, "log/%016llx.seg: write", (unsigned long long)number);
		return cut_and_sync(f, expected) == 0 ? r : ENGINE_BROKEN;
	}
	leave_room(f, end, end - expected);
	if ((r = io_sync(f->fd, IO_SYNC_COMMIT)) != 0) {
		why(w, r, "log/%016llx.seg: sync", (unsigned long long)number);
		return ENGINE_BROKEN;
	}
	f->end = end;
	f->size_known = true;
	return 0;
}

/* Straight under its name: half of it is told by its CRC. */
static int
file_put(struct engine *e, uint64_t number, struct view content, struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	AUTO_CLOSE int fd = -1;
	int r;

	name_of(ENGINE_INDEX, number, name);
	fd = io_create(f->log, name, O_WRONLY | O_EXCL);
	if (fd == -EEXIST)
		return ENGINE_RACED;
	if (fd < 0)
		return why(w, fd, "log/%s: create", name);
	if ((r = io_write_all(fd, content, 0)) == 0)
		return 0;
	why(w, r, "log/%s: write", name);
	if (io_unlink(f->log, name) != 0)
		return r; /* nobody believes what is in it */
	return r;
}

/* Make it writable again, so that it can be opened for a cut. */
static int
unseal(struct file_engine *f, const char *name)
{
	AUTO_CLOSE int fd = object_open(f->log, name, O_RDONLY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	return (st.st_mode & S_IWUSR) != 0 ? 0 : io_chmod(fd, 0600);
}

static int
file_cut(struct engine *e, uint64_t number, uint64_t length, struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	int r;

	assert(f->locked);
	name_of(ENGINE_SEGMENT, number, name);
	if (f->number != number && (r = unseal(f, name)) != 0)
		return why(w, r, "log/%s", name);
	if ((r = tail_open(f, number, w)) != 0)
		return r;
	if ((r = cut_and_sync(f, length)) != 0) {
		why(w, r, "log/%s: cut", name);
		return ENGINE_BROKEN;
	}
	return 0;
}

static int
sync_names(struct file_engine *f, struct why *w)
{
	int r;

	if ((r = io_sync_dir(f->account, IO_SYNC_RECOVER_DIR)) != 0 ||
	    (r = io_sync_dir(f->log, IO_SYNC_RECOVER_DIR)) != 0 ||
	    (r = io_sync_dir(f->body, IO_SYNC_RECOVER_DIR)) != 0) {
		why(w, r, "log: sync");
		return ENGINE_BROKEN;
	}
	return 0;
}

static int
file_sync(struct engine *e, uint64_t number, bool names, struct why *w)
{
	struct file_engine *f = self(e);
	AUTO_CLOSE int fd = -1;
	char name[NAME_SIZE];
	int r;

	name_of(ENGINE_SEGMENT, number, name);
	fd = object_open(f->log, name, O_RDONLY);
	if (fd == -1)
		return why(w, -errno, "log/%s", name);
	if ((r = io_sync(fd, IO_SYNC_RECOVER)) != 0) {
		why(w, r, "log/%s: sync", name);
		return ENGINE_BROKEN;
	}
	return names ? sync_names(f, w) : 0;
}

static void
file_seal(struct engine *e, uint64_t number)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	struct stat st;
	AUTO_CLOSE int fd = -1;
	int r;

	name_of(ENGINE_SEGMENT, number, name);
	fd = object_open(f->log, name, O_RDWR);
	if (fd == -1 || fstat(fd, &st) == -1 || (st.st_mode & S_IWUSR) == 0)
		return;
	/* gives back what is allocated behind the end */
	if ((r = io_truncate(fd, (uint64_t)st.st_size)) == 0)
		r = io_chmod(fd, SEALED_MODE);
	(void)r; /* a hint only */
}

/* Write log/new and give it its name. From the rename on it may be there. */
static int
segment_make(struct file_engine *f, const char *name, struct view head,
    unsigned flags, bool *named)
{
	AUTO_CLOSE int fd = io_create(f->log, "new", O_RDWR | O_TRUNC);
	int r;

	if (fd < 0)
		return fd;
	r = io_allocate(fd, 0, head.n + LOG_RESERVE + ahead(head.n));
	if (r != 0 && r != -EOPNOTSUPP && r != -ENOSYS &&
	    (flags & ENGINE_EMERGENCY) == 0)
		return r;
	if ((r = io_write_all(fd, head, 0)) != 0 ||
	    (r = io_sync(fd, IO_SYNC_SEGMENT)) != 0)
		return r;
	*named = true;
	if ((r = io_rename(f->log, "new", name)) != 0)
		return r;
	return io_sync_dir(f->log, IO_SYNC_SEGMENT_DIR);
}

static int
file_create(struct engine *e, uint64_t number, struct view head, unsigned flags,
    struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	bool named = false;
	int r;

	assert(f->locked);
	name_of(ENGINE_SEGMENT, number, name);
	if (faccessat(f->log, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		why(w, -EEXIST, "log/%s: something else has that name", name);
		return ENGINE_RACED;
	}
	if ((r = segment_make(f, name, head, flags, &named)) == 0)
		return 0;
	why(w, r, "log/%s: create", name);
	if (named)
		return ENGINE_BROKEN;
	if (io_unlink(f->log, "new") != 0)
		return r; /* it is overwritten next time */
	return r;
}

static int
file_remove(
    struct engine *e, enum engine_kind kind, uint64_t number, struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	int r;

	name_of(kind, number, name);
	if ((r = io_unlink(dir_of(f, kind), name)) != 0 && r != -ENOENT)
		return why(w, r, "%s/%s: unlink", dir_name(kind), name);
	if (r == 0 && kind != ENGINE_INDEX &&
	    (r = io_sync_dir(dir_of(f, kind), IO_SYNC_UNLINK)) != 0) {
		why(w, r, "%s: sync", dir_name(kind));
		return ENGINE_BROKEN;
	}
	return 0;
}

/* --- reading --- */

static int
file_read(struct engine *e, enum engine_kind kind, uint64_t number, uint64_t at,
    void *out, size_t n, struct why *w)
{
	struct file_engine *f = self(e);
	char name[NAME_SIZE];
	AUTO_CLOSE int fd = -1;
	int r;

	name_of(kind, number, name);
	if (kind == ENGINE_SEGMENT && number == f->number && f->fd != -1) {
		r = fd_pread(f->fd, out, n, at);
	} else {
		fd = object_open(dir_of(f, kind), name, O_RDONLY);
		if (fd == -1) {
			r = why(w, -errno, "%s/%s: open", dir_name(kind), name);
			return r == -ENOENT ? ENGINE_NOT_FOUND : r;
		}
		r = fd_pread(fd, out, n, at);
	}
	if (r != 0)
		return why(w, r, "%s/%s: read", dir_name(kind), name);
	return 0;
}

static void
map_drop(struct file_engine *f, size_t i)
{
	struct map *m = &f->maps[i];

	if (m->mapped > 0)
		munmap(m->p, (size_t)m->mapped);
	fd_close(&m->fd);
	*m = f->maps[--f->n_maps];
	f->last_map = 0;
}

static struct map *
map_find(struct file_engine *f, enum engine_kind kind, uint64_t number)
{
	for (size_t k = 0; k < f->n_maps; k++) {
		size_t i = f->last_map + k;
		struct map *m;

		if (i >= f->n_maps)
			i -= f->n_maps;
		m = &f->maps[i];
		if (m->number == number && m->kind == kind && !m->stale) {
			f->last_map = i;
			return m;
		}
	}
	return NULL;
}

static int
map_look(struct map *m)
{
	struct stat st;

	if (fstat(m->fd, &st) == -1)
		return -errno;
	m->size = (uint64_t)st.st_size;
	return 0;
}

/* Map the whole object; m->fd is open and stays so. */
static int
map_whole(struct map *m)
{
	int r = map_look(m);
	void *p;

	if (r != 0)
		return r;
	m->mapped = m->kind == ENGINE_BODY
	    ? m->size
	    : (m->size / MAP_ROUND + 1) * MAP_ROUND;
	if (m->mapped == 0)
		return 0;
	p = mmap(NULL, (size_t)m->mapped, PROT_READ, MAP_SHARED, m->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	m->p = p;
	return 0;
}

/* Add a map to the table; NULL, and an engine's result in *r. */
static struct map *
map_add(struct file_engine *f, enum engine_kind kind, uint64_t number, int *r,
    struct why *w)
{
	struct map m = { .kind = kind, .number = number };
	char name[NAME_SIZE];

	name_of(kind, number, name);
	m.fd = object_open(dir_of(f, kind), name, O_RDONLY);
	if (m.fd == -1) {
		*r = why(w, -errno, "%s/%s: open", dir_name(kind), name);
		if (*r == -ENOENT)
			*r = ENGINE_NOT_FOUND;
		return NULL;
	}
	if ((*r = map_whole(&m)) != 0) {
		fd_close(&m.fd);
		why(w, *r, "%s/%s: map", dir_name(kind), name);
		return NULL;
	}
	if (f->n_maps == f->cap_maps) {
		f->cap_maps = f->cap_maps == 0 ? 8 : f->cap_maps * 2;
		f->maps = xrealloc(f->maps, f->cap_maps, sizeof(*f->maps));
	}
	f->last_map = f->n_maps++;
	f->maps[f->last_map] = m;
	return &f->maps[f->last_map];
}

static int
file_map(struct engine *e, enum engine_kind kind, uint64_t number, uint64_t at,
    size_t n, struct view *out, int *fd, struct why *w)
{
	struct file_engine *f = self(e);
	struct map *m = map_find(f, kind, number);
	uint64_t end;
	int r = 0;

	if (__builtin_add_overflow(at, n, &end))
		return -ENODATA;
	if (m != NULL && end > m->size && (r = map_look(m)) != 0)
		return why(w, r, "log: fstat");
	if (m != NULL && end <= m->size && end > m->mapped) {
		m->stale = true;
		m = NULL;
	}
	if (m == NULL && (m = map_add(f, kind, number, &r, w)) == NULL)
		return r;
	if (end > m->size)
		return why(w, -ENODATA, "%s/%016llx", dir_name(kind),
		    (unsigned long long)number);
	m->used = ++f->tick;
	m->pinned = true;
	*out = (struct view){ m->p + at, n };
	if (fd != NULL)
		*fd = m->fd;
	return 0;
}

static bool
file_mapped(struct engine *e, enum engine_kind kind, uint64_t number)
{
	return map_find(self(e), kind, number) != NULL;
}

static void
file_unmap(struct engine *e, enum engine_kind kind, uint64_t number)
{
	struct file_engine *f = self(e);
	struct map *m = map_find(f, kind, number);

	if (m != NULL)
		map_drop(f, (size_t)(m - f->maps));
}

static void
file_release(struct engine *e, bool trim)
{
	struct file_engine *f = self(e);

	for (size_t i = 0; i < f->n_maps;) {
		f->maps[i].pinned = false;
		if (trim || f->maps[i].stale)
			map_drop(f, i);
		else
			i++;
	}
	while (f->n_maps > LOG_MAPS_MAX) {
		size_t oldest = 0;

		for (size_t i = 1; i < f->n_maps; i++)
			if (f->maps[i].used < f->maps[oldest].used)
				oldest = i;
		map_drop(f, oldest);
	}
	if (trim && f->n_maps == 0) {
		free(f->maps);
		f->maps = NULL;
		f->cap_maps = 0;
	}
}

static int
file_body_dir(const struct engine *e)
{
	return ((const struct file_engine *)e)->body;
}

/* --- opening --- */

static void
file_close(struct engine *e)
{
	struct file_engine *f = self(e);

	if (f->locked)
		file_unlock(e);
	file_release(e, true);
	fd_close(&f->fd);
	fd_close(&f->lock);
	fd_close(&f->body);
	fd_close(&f->log);
	free(f);
}

static const struct engine_ops file_ops = {
	.name = "file",
	.lock = file_lock,
	.unlock = file_unlock,
	.list = file_list,
	.stat = file_stat,
	.create = file_create,
	.append = file_append,
	.put = file_put,
	.cut = file_cut,
	.sync = file_sync,
	.seal = file_seal,
	.read = file_read,
	.map = file_map,
	.mapped = file_mapped,
	.unmap = file_unmap,
	.release = file_release,
	.remove = file_remove,
	.body_dir = file_body_dir,
	.close = file_close,
};

/* A directory, made when wanted and missing. Its name is made durable by the
 * first log_recover(), which syncs all names. */
static int
dir_open(int dirfd, const char *name, bool create, int *out)
{
	int r;

	*out = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*out >= 0)
		return 0;
	if (errno != ENOENT || !create)
		return -errno;
	if ((r = io_mkdir(dirfd, name)) != 0 && r != -EEXIST)
		return r;
	*out = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *out >= 0 ? 0 : -errno;
}

static int
dirs_open(struct file_engine *f, bool create, struct why *w)
{
	int r;

	if ((r = dir_open(f->account, "log", create, &f->log)) != 0)
		return r == -ENOENT ? ENGINE_NOT_FOUND : why(w, r, "log");
	/* from here on the account exists; what is missing was lost */
	if ((r = dir_open(f->log, "body", true, &f->body)) != 0)
		return why(w, r, "log/body");
	f->lock = openat(f->log, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->lock == -1 && errno == ENOENT)
		f->lock = io_create(f->log, "lock", O_RDWR);
	else if (f->lock == -1)
		f->lock = -errno;
	return f->lock < 0 ? why(w, f->lock, "log/lock") : 0;
}

int
engine_file(int dirfd, bool create, struct engine **out, struct why *w)
{
	struct file_engine *f = xcalloc(1, sizeof(*f));
	int r;

	f->e.ops = &file_ops;
	f->account = dirfd;
	f->log = f->body = f->lock = f->fd = -1;
	if ((r = dirs_open(f, create, w)) != 0) {
		file_close(&f->e);
		return r;
	}
	*out = &f->e;
	return 0;
}
