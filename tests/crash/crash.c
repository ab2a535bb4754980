#include "crash.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "scratch.h"
#include "tap.h"

/* --- the record of calls, shared by the processes of a run --- */

#define EVENTS_MAX 60000
#define DATA_MAX ((size_t)512 << 20)
#define MARK 100 /* as op: a mark of the script */
#define NAME_MAX_ 96

struct event {
	uint8_t op, site;
	bool existed; /* IO_CREATE: the name was there */
	bool truncates;
	int64_t result;
	uint64_t file, dir; /* inodes */
	char name[NAME_MAX_], to[NAME_MAX_];
	uint64_t offset, size;
	size_t data; /* where in trace.data */
	struct crash_mark mark;
};

/* What goes wrong, at which call. */
enum trouble {
	NONE,
	KILL_BEFORE,
	KILL_AFTER,
	KILL_SHORT, /* killed in the middle of a write */
	FAIL_IO,    /* EIO, not done */
	FAIL_FULL,  /* ENOSPC, not done */
	SHORT_FULL, /* a part is written, then ENOSPC */
	DONE_IO,    /* done, but EIO is reported */
	TROUBLES,
	/* killed at a stop of a tracer: before or after any system call, the
	 * data base's too */
	KILL_TRACED = TROUBLES,
};
static const char *const trouble_names[TROUBLES + 1] = { "none",
	"killed before", "killed after", "killed in", "EIO at", "ENOSPC at",
	"cut short at", "EIO after", "killed at system" };

struct trace {
	uint64_t calls; /* in this process so far */
	uint64_t at;    /* the call that goes wrong, from 1 */
	enum trouble trouble;
	bool now;       /* the call that goes wrong is under way */
	bool fail_next; /* SHORT_FULL: the rest of it fails */
	bool fits;      /* that trouble can happen to that call */
	size_t n_events, n_data;
	size_t trouble_event; /* what came next when it went wrong */
	struct event events[EVENTS_MAX];
	/* of a check */
	unsigned n_wrong, n_images;
	uint64_t caught; /* sites, as bits */
	unsigned mutant; /* the site that is left out in the image at hand */
	char text[4096];
	uint8_t data[];
};
static struct trace *trace;

static unsigned long_factor = 1;
static uint64_t seed = 1;
static uint64_t caught; /* sites, over all cases */
static unsigned said;   /* failures shown */
static struct {
	const char *name;
	unsigned trouble, at;
} only; /* --only */

/* xorshift64* */
static uint64_t rng_state;

static uint64_t
rnd(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 0x2545f4914f6cdd1d;
}

/* Numbers beside each other start series that have nothing in common. */
static void
rnd_start(uint64_t n)
{
	n = (n + 1) * 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	rng_state = (n ^ n >> 31) | 1;
}

static uint64_t
rnd_below(uint64_t n)
{
	return rnd() >> 11 >= (UINT64_MAX >> 11) ? 0 : (rnd() >> 11) % n;
}

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return (fd == AT_FDCWD ? stat(".", &st) : fstat(fd, &st)) == 0
	    ? st.st_ino
	    : 0;
}

static struct event *
event_new(uint8_t op)
{
	struct event *e;

	if (trace->n_events == EVENTS_MAX) {
		fprintf(stderr, "crash: too many events\n");
		abort();
	}
	e = &trace->events[trace->n_events];
	memset(e, 0, sizeof(*e));
	e->op = op;
	return e;
}

void
crash_mark(unsigned kind, uint64_t value)
{
	struct event *e = event_new(MARK);

	e->mark = (struct crash_mark){ kind, value };
	trace->n_events++;
}

static size_t marks_until(size_t n_events, struct crash_mark **out);

size_t
crash_marks(struct crash_mark **out)
{
	return marks_until(trace->n_events, out);
}

static void
copy_name(char *out, const char *name)
{
	if (name != NULL && strlen(name) >= NAME_MAX_)
		abort();
	strcpy(out, name == NULL ? "" : name);
}

static void
copy_data(struct event *e, const struct io_event *io, uint64_t n)
{
	uint64_t left = n;

	if (n > DATA_MAX - trace->n_data)
		abort();
	e->data = trace->n_data;
	e->size = n;
	for (int i = 0; i < io->n_iov && left > 0; i++) {
		size_t k = io->iov[i].iov_len < left ? io->iov[i].iov_len
						     : (size_t)left;

		memcpy(trace->data + trace->n_data, io->iov[i].iov_base, k);
		trace->n_data += k;
		left -= k;
	}
}

static bool
is_possible(enum trouble t, const struct io_event *e)
{
	switch (t) {
	case NONE:
		return false;
	case KILL_BEFORE:
	case KILL_AFTER:
	case FAIL_IO:
	case DONE_IO:
		return true;
	case KILL_SHORT:
	case SHORT_FULL:
		return e->op == IO_WRITE;
	case FAIL_FULL:
		return e->op == IO_WRITE || e->op == IO_CREATE ||
		    e->op == IO_MKDIR || e->op == IO_RENAME ||
		    e->op == IO_ALLOCATE;
	case TROUBLES:
		break;
	}
	return false;
}

static void
die(void)
{
	raise(SIGKILL);
}

static bool existed_before;
static bool in_io; /* a call that io.c makes is under way */

static int
before(void *ctx, const struct io_event *e, uint64_t *size)
{
	struct stat st;

	(void)ctx;
	in_io = true;
	if (e->op == IO_CREATE)
		existed_before =
		    fstatat(e->fd, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (trace->fail_next && e->op == IO_WRITE) {
		trace->fail_next = false;
		return -ENOSPC;
	}
	trace->now = ++trace->calls == trace->at && trace->trouble != NONE;
	if (!trace->now)
		return IO_GO;
	if (!is_possible(trace->trouble, e)) {
		trace->now = false;
		return IO_GO;
	}
	trace->fits = true;
	trace->trouble_event = trace->n_events;
	switch (trace->trouble) {
	case KILL_BEFORE:
		die();
		break;
	case FAIL_IO:
		return -EIO;
	case FAIL_FULL:
		return -ENOSPC;
	case KILL_SHORT:
	case SHORT_FULL:
		*size = rnd_below(e->size);
		break;
	case NONE:
	case KILL_AFTER:
	case DONE_IO:
	case TROUBLES:
		break;
	}
	return IO_GO;
}

/* Record a call that was done, or a sync that failed. */
static void
record(const struct io_event *io, int64_t r)
{
	struct event *e = event_new((uint8_t)io->op);
	struct stat st;

	if (r < 0 && io->op != IO_SYNC)
		return;
	e->site = (uint8_t)io->site;
	e->result = r;
	switch (io->op) {
	case IO_CREATE:
		e->existed = existed_before;
		e->truncates = (io->flags & O_TRUNC) != 0;
		e->file = inode_of((int)r);
		break;
	case IO_MKDIR:
		if (fstatat(io->fd, io->name, &st, 0) == 0)
			e->file = st.st_ino;
		break;
	case IO_WRITE:
		copy_data(e, io, (uint64_t)r);
		e->file = inode_of(io->fd);
		e->offset = io->offset;
		break;
	case IO_TRUNCATE:
		e->size = io->size;
		e->file = inode_of(io->fd);
		break;
	case IO_SYNC:
		e->file = inode_of(io->fd);
		break;
	case IO_RENAME:
	case IO_UNLINK:
	case IO_ALLOCATE:
	case IO_CHMOD:
		break;
	}
	e->dir = inode_of(io->fd);
	copy_name(e->name, io->name);
	copy_name(e->to, io->to);
	trace->n_events++;
}

static int64_t
after(void *ctx, const struct io_event *e, int64_t r)
{
	bool now = trace->now;

	(void)ctx;
	in_io = false;
	trace->now = false;
	if (now && trace->trouble == DONE_IO && e->op == IO_SYNC)
		r = -EIO; /* what it did cannot be relied on */
	record(e, r);
	if (!now)
		return r;
	if (trace->trouble == KILL_AFTER || trace->trouble == KILL_SHORT)
		die();
	if (trace->trouble == SHORT_FULL)
		trace->fail_next = true;
	if (trace->trouble == DONE_IO) {
		if (e->op == IO_CREATE && r >= 0)
			close((int)r);
		return -EIO;
	}
	return r;
}

static const struct io_hooks hooks = { .before = before, .after = after };

/*
 * What LMDB does by itself: these take the place of the C library's functions
 * for it, and go the same way as what io.c does. (Its lock file is memory that
 * nobody needs after a restart.)
 */
static int64_t
foreign(struct io_event *e, int64_t (*call)(const struct io_event *e))
{
	uint64_t size = e->size;
	int64_t r;

	if (io_hooks == NULL || in_io) {
		r = call(e);
	} else {
		int verdict = before(NULL, e, &size);

		if (verdict == IO_GO && size < e->size) {
			struct io_event part = *e;
			struct iovec v = { e->iov->iov_base, (size_t)size };

			part.iov = &v;
			part.n_iov = 1;
			if (size > e->iov->iov_len)
				v.iov_len = e->iov->iov_len;
			r = call(&part);
		} else {
			r = verdict == IO_GO ? call(e) : verdict;
		}
		r = after(NULL, e, r);
	}
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static int64_t
errno_of(int64_t r)
{
	return r == -1 ? -errno : r;
}

static int64_t
call_pwritev(const struct io_event *e)
{
	return errno_of(syscall(
	    SYS_pwritev, e->fd, e->iov, (long)e->n_iov, (long)e->offset, 0L));
}

static int64_t
call_writev(const struct io_event *e)
{
	return errno_of(syscall(SYS_writev, e->fd, e->iov, (long)e->n_iov));
}

static int64_t
call_fdatasync(const struct io_event *e)
{
	return errno_of(syscall(SYS_fdatasync, e->fd));
}

static int64_t
call_open(const struct io_event *e)
{
	return errno_of(
	    syscall(SYS_openat, e->fd, e->name, (long)e->flags, (long)e->size));
}

ssize_t foreign_pwrite(int fd, const void *p, size_t n, off_t at) __asm__(
    "pwrite");
ssize_t foreign_writev(int fd, const struct iovec *iov, int n) __asm__(
    "writev");
int foreign_fdatasync(int fd) __asm__("fdatasync");
int foreign_open(const char *name, int flags, ...) __asm__("open");

ssize_t
foreign_pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct io_event e = { .op = IO_WRITE,
		.fd = fd,
		.iov = &iov,
		.n_iov = 1,
		.offset = (uint64_t)at,
		.size = n };

	return foreign(&e, call_pwritev);
}

ssize_t
foreign_writev(int fd, const struct iovec *iov, int n)
{
	struct io_event e = { .op = IO_WRITE,
		.fd = fd,
		.iov = iov,
		.n_iov = n,
		.offset = (uint64_t)lseek(fd, 0, SEEK_CUR) };

	for (int i = 0; i < n; i++)
		e.size += iov[i].iov_len;
	return foreign(&e, call_writev);
}

int
foreign_fdatasync(int fd)
{
	struct io_event e = { .op = IO_SYNC, .fd = fd, .site = IO_SYNC_VIEW };

	return (int)foreign(&e, call_fdatasync);
}

int
foreign_open(const char *name, int flags, ...)
{
	struct io_event e = {
		.op = IO_CREATE, .fd = AT_FDCWD, .name = name, .flags = flags
	};
	va_list ap;

	if ((flags & O_CREAT) == 0)
		return (int)syscall(SYS_openat, AT_FDCWD, name, flags, 0);
	va_start(ap, flags);
	e.size = va_arg(ap, mode_t);
	va_end(ap);
	/* only names in the account: LMDB is called inside it */
	if (strchr(name, '/') != NULL)
		return (int)errno_of(call_open(&e));
	return (int)foreign(&e, call_open);
}

/* --- files as they are, and as they could be --- */

enum state { PENDING, DURABLE, DOUBTFUL };

/* A change of a file or a directory that may or may not be on the disk. */
struct change {
	enum state state;
	uint8_t op; /* IO_WRITE, IO_TRUNCATE; of a directory IO_CREATE (name ->
	             * object), IO_RENAME, IO_UNLINK */
	uint64_t offset, size;
	const uint8_t *data;
	const char *name, *to;
	struct object *object;
};

struct object {
	uint64_t inode;
	bool is_dir;
	uint8_t *base; /* a file's bytes at the start */
	size_t n_base;
	struct change *c;
	size_t n, cap;
};

struct disk {
	struct object **o;
	size_t n, cap;
	struct object *root;
};

static struct change *
change_add(struct object *o, uint8_t op)
{
	if (o->n == o->cap) {
		o->cap = o->cap == 0 ? 8 : o->cap * 2;
		o->c = xrealloc(o->c, o->cap, sizeof(*o->c));
	}
	o->c[o->n] = (struct change){ .op = op };
	return &o->c[o->n++];
}

static struct object *
object_add(struct disk *d, uint64_t inode, bool is_dir)
{
	struct object *o = xcalloc(1, sizeof(*o));

	o->inode = inode;
	o->is_dir = is_dir;
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 16 : d->cap * 2;
		d->o = xrealloc(d->o, d->cap, sizeof(*d->o));
	}
	d->o[d->n++] = o;
	return o;
}

/* The newest object with that inode: numbers are used again. */
static struct object *
object_find(struct disk *d, uint64_t inode)
{
	for (size_t i = d->n; i-- > 0;)
		if (d->o[i]->inode == inode)
			return d->o[i];
	return NULL;
}

static void
disk_fini(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->o[i]->base);
		free(d->o[i]->c);
		free(d->o[i]);
	}
	free(d->o);
	*d = (struct disk){ 0 };
}

static uint8_t *
slurp(int dirfd, const char *name, size_t *n)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;

	if (fd == -1 || fstat(fd, &st) == -1)
		abort();
	*n = (size_t)st.st_size;
	p = xmalloc(*n + 1);
	if (pread(fd, p, *n, 0) != (ssize_t)*n)
		abort();
	close(fd);
	return p;
}

/* Names must live as long as the disk: they are kept here, few of them. */
static const char *
keep_name(const char *name)
{
	static char *kept[1024];
	static size_t n;

	for (size_t i = 0; i < n; i++)
		if (strcmp(kept[i], name) == 0)
			return kept[i];
	if (n == sizeof(kept) / sizeof(kept[0]))
		abort();
	return kept[n++] = strdup(name);
}

/* All below a directory as it is now; it is durable. */
static void
disk_scan(struct disk *d, struct object *dir, int dirfd, const char *skip)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dp = fdopendir(fd);
	struct dirent *de;
	struct stat st;

	while ((de = readdir(dp)) != NULL) {
		struct object *o;
		struct change *c;

		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0 ||
		    (skip != NULL &&
			strncmp(de->d_name, skip, strlen(skip)) == 0))
			continue;
		if (fstatat(fd, de->d_name, &st, 0) == -1)
			abort();
		o = object_add(d, st.st_ino, S_ISDIR(st.st_mode));
		c = change_add(dir, IO_CREATE);
		c->state = DURABLE;
		c->name = keep_name(de->d_name);
		c->object = o;
		if (o->is_dir) {
			int sub = openat(fd, de->d_name, O_RDONLY | O_CLOEXEC);

			disk_scan(d, o, sub, NULL);
			close(sub);
		} else {
			o->base = slurp(fd, de->d_name, &o->n_base);
		}
	}
	closedir(dp);
}

static void
disk_load(struct disk *d, int dirfd, const char *skip)
{
	*d = (struct disk){ 0 };
	d->root = object_add(d, inode_of(dirfd), true);
	disk_scan(d, d->root, dirfd, skip);
}

/* Forget what was done to it since disk_load(). */
static void
disk_rewind(struct disk *d, size_t n_objects)
{
	for (size_t i = n_objects; i < d->n; i++) {
		free(d->o[i]->c);
		free(d->o[i]);
	}
	d->n = n_objects;
	for (size_t i = 0; i < d->n; i++) {
		struct object *o = d->o[i];
		size_t k = 0;

		while (k < o->n && o->c[k].state == DURABLE && o->is_dir &&
		    o->c[k].data == NULL && o->c[k].size == 0)
			k++;
		o->n = k;
	}
}

/* What a failed sync of a file left behind no later one makes good: the pages
 * count as clean. A directory's changes stay in the journal. */
static void
sync_object(struct object *o, bool failed)
{
	if (failed && o->is_dir)
		return;
	for (size_t i = 0; i < o->n; i++)
		if (o->c[i].state == PENDING)
			o->c[i].state = failed ? DOUBTFUL : DURABLE;
}

/* Changes of directories since the start carry size 1: see disk_rewind(). */
static void
dir_change(struct disk *d, const struct event *e, uint8_t op, struct object *o)
{
	struct object *dir = object_find(d, e->dir);
	struct change *c;

	if (dir == NULL)
		return;
	c = change_add(dir, op);
	c->size = 1;
	c->name = e->name;
	c->to = e->to;
	c->object = o;
}

static struct object *
named(struct disk *d, uint64_t dir_inode, const char *name)
{
	struct object *dir = object_find(d, dir_inode), *o = NULL;

	if (dir == NULL)
		return NULL;
	for (size_t i = 0; i < dir->n; i++) {
		const struct change *c = &dir->c[i];

		if (c->op == IO_CREATE && strcmp(c->name, name) == 0)
			o = c->object;
		else if (c->op == IO_RENAME && strcmp(c->to, name) == 0)
			o = c->object;
	}
	return o;
}

static void
file_change(struct disk *d, const struct event *e, uint8_t op, uint64_t size)
{
	struct object *o = object_find(d, e->file);
	struct change *c;

	if (o == NULL)
		return; /* a cache's */
	c = change_add(o, op);
	c->offset = e->offset;
	c->size = size;
	c->data = trace->data + e->data;
}

/* Let a call happen; omit: a sync site that is not there. */
static void
disk_apply(struct disk *d, const struct event *e, enum io_site omit)
{
	struct object *o;

	switch (e->op) {
	case IO_CREATE:
		if (!e->existed)
			dir_change(
			    d, e, IO_CREATE, object_add(d, e->file, false));
		else if (e->truncates)
			file_change(d, e, IO_TRUNCATE, 0);
		break;
	case IO_MKDIR:
		dir_change(d, e, IO_CREATE, object_add(d, e->file, true));
		break;
	case IO_WRITE:
		file_change(d, e, IO_WRITE, e->size);
		break;
	case IO_TRUNCATE:
		file_change(d, e, IO_TRUNCATE, e->size);
		break;
	case IO_SYNC:
		o = object_find(d, e->file);
		if (o != NULL && (omit == IO_SITE_NONE || e->site != omit))
			sync_object(o, e->result < 0);
		break;
	case IO_RENAME:
		dir_change(d, e, IO_RENAME, named(d, e->dir, e->name));
		break;
	case IO_UNLINK:
		dir_change(d, e, IO_UNLINK, NULL);
		break;
	default:
		break;
	}
}

/* --- images --- */

/* How much of what was not synced is there. */
struct chance {
	unsigned change; /* of a whole change, per 16 */
	unsigned block;  /* of a block of a write that is there */
	size_t block_size;
	bool garbage; /* what was never written is garbage, not zeros */
};

static bool
toss(unsigned of16)
{
	return rnd_below(16) < of16;
}

static struct chance
chance_new(void)
{
	static const unsigned odds[] = { 0, 2, 8, 14, 16 };
	struct chance c = {
		.change = odds[rnd_below(5)],
		.block = odds[rnd_below(5)],
		.block_size = toss(8) ? 512 : 4096,
		.garbage = toss(8),
	};

	if (toss(4))
		c.block = 16;
	return c;
}

struct bytes {
	uint8_t *p;
	size_t n, cap;
};

/* Make it so long; what is new is zeros. */
static void
bytes_grow(struct bytes *b, size_t n)
{
	if (n > b->cap) {
		b->cap = n + n / 2;
		b->p = xrealloc(b->p, b->cap, 1);
	}
	if (n > b->n) {
		memset(b->p + b->n, 0, n - b->n);
		b->n = n;
	}
}

static void
image_write(struct bytes *b, const struct change *c, const struct chance *h)
{
	size_t old = b->n, end = (size_t)(c->offset + c->size);
	bool whole = c->state == DURABLE || h->block == 16;

	bytes_grow(b, end);
	if (whole) {
		memcpy(b->p + c->offset, c->data, (size_t)c->size);
		return;
	}
	for (size_t at = (size_t)c->offset; at < end;) {
		size_t to = (at / h->block_size + 1) * h->block_size;

		if (to > end)
			to = end;
		if (toss(h->block))
			memcpy(b->p + at, c->data + (at - c->offset), to - at);
		else if (h->garbage && at >= old)
			for (size_t i = at; i < to; i++)
				b->p[i] = (uint8_t)rnd();
		at = to;
	}
}

static void
image_file(const struct object *o, const struct chance *h, struct bytes *b)
{
	b->n = 0;
	bytes_grow(b, o->n_base);
	if (o->n_base > 0)
		memcpy(b->p, o->base, o->n_base);
	for (size_t i = 0; i < o->n; i++) {
		const struct change *c = &o->c[i];

		if (c->state != DURABLE && !toss(h->change))
			continue;
		if (c->op == IO_WRITE)
			image_write(b, c, h);
		else if (c->size < b->n)
			b->n = (size_t)c->size;
		else
			bytes_grow(b, (size_t)c->size);
	}
}

struct name {
	const char *name;
	const struct object *o;
};

static void
names_set(struct name *v, size_t *n, const char *name, const struct object *o)
{
	size_t i = 0;

	while (i < *n && strcmp(v[i].name, name) != 0)
		i++;
	if (o == NULL) {
		if (i < *n)
			v[i] = v[--*n];
		return;
	}
	v[i] = (struct name){ name, o };
	if (i == *n)
		++*n;
}

static const char *image_skip; /* of the case: names that are a cache */

static bool
is_skipped(const char *name)
{
	return image_skip != NULL &&
	    strncmp(name, image_skip, strlen(image_skip)) == 0;
}

static void image_dir(
    const struct object *o, const struct chance *h, int dirfd, struct bytes *b);

static void
image_entry(
    const struct name *e, const struct chance *h, int dirfd, struct bytes *b)
{
	int fd;

	if (e->o->is_dir) {
		if (mkdirat(dirfd, e->name, 0700) == -1)
			abort();
		fd = openat(dirfd, e->name, O_RDONLY | O_CLOEXEC);
		image_dir(e->o, h, fd, b);
	} else {
		fd = openat(
		    dirfd, e->name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		image_file(e->o, h, b);
		if (fd == -1 || pwrite(fd, b->p, b->n, 0) != (ssize_t)b->n)
			abort();
	}
	close(fd);
}

static void
image_dir(
    const struct object *o, const struct chance *h, int dirfd, struct bytes *b)
{
	AUTO_FREE struct name *v = xcalloc(o->n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct change *c = &o->c[i];

		if (c->state != DURABLE && !toss(h->change))
			continue;
		if (c->op == IO_CREATE) {
			names_set(v, &n, c->name, c->object);
		} else if (c->op == IO_UNLINK) {
			names_set(v, &n, c->name, NULL);
		} else if (c->object != NULL) {
			names_set(v, &n, c->name, NULL);
			names_set(v, &n, c->to, c->object);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!is_skipped(v[i].name))
			image_entry(&v[i], h, dirfd, b);
}

/* --- checks --- */

struct plan {
	const struct crash_case *c;
	struct disk disk; /* at the start */
	size_t n_objects;
	enum trouble trouble;
	uint64_t at;
	int real, image;  /* directories */
	unsigned images;  /* to make */
	unsigned mutants; /* to make for each site */
	unsigned series;  /* of random numbers */
};

static A_PRINTF(2, 3) void wrong(const struct plan *p, const char *fmt, ...)
{
	va_list ap;
	size_t n = strlen(trace->text);

	trace->n_wrong++;
	if (n + 512 > sizeof(trace->text))
		return;
	n += (size_t)snprintf(trace->text + n, sizeof(trace->text) - n,
	    "# %s, %s call %d: ", p->c->name, trouble_names[p->trouble],
	    (int)p->at);
	va_start(ap, fmt);
	n += (size_t)vsnprintf(
	    trace->text + n, sizeof(trace->text) - n, fmt, ap);
	va_end(ap);
	snprintf(trace->text + n, sizeof(trace->text) - n, "\n");
}

static size_t
marks_until(size_t n_events, struct crash_mark **out)
{
	size_t n = 0;

	*out = xcalloc(n_events + 1, sizeof(**out));
	for (size_t i = 0; i < n_events; i++)
		if (trace->events[i].op == MARK)
			(*out)[n++] = trace->events[i].mark;
	return n;
}

static const char *
check_dir(const struct plan *p, int dirfd, size_t n_events, bool power)
{
	AUTO_FREE struct crash_mark *m = NULL;
	size_t n = marks_until(n_events, &m);

	return p->c->check(dirfd, m, n, power);
}

/* Make the image of a power cut before event n. */
static void
image_make(struct plan *p, size_t n, enum io_site omit)
{
	struct chance h = chance_new();
	struct bytes b = { 0 };

	disk_rewind(&p->disk, p->n_objects);
	for (size_t i = 0; i < n; i++)
		disk_apply(&p->disk, &trace->events[i], omit);
	scratch_empty(p->image);
	image_dir(p->disk.root, &h, p->image, &b);
	free(b.p);
}

/* The moment of a power cut; every other one soon after the trouble. */
static size_t
moment(void)
{
	size_t n = (size_t)rnd_below(trace->n_events + 1);

	if (trace->fits && toss(8))
		n = trace->trouble_event + (size_t)rnd_below(8);
	return n < trace->n_events ? n : trace->n_events;
}

static void
check_images(struct plan *p)
{
	for (unsigned i = 0; i < p->images; i++) {
		size_t n = moment();
		const char *text;

		image_make(p, n, IO_SITE_NONE);
		text = check_dir(p, p->image, n, true);
		trace->n_images++;
		if (text != NULL)
			wrong(
			    p, "power cut %u before event %zu: %s", i, n, text);
	}
}

#define MUTANTS 4 /* images per plan and site */

/* Where the first sync of that site returned; n_events if none did. */
static size_t
first_sync(enum io_site site)
{
	size_t i = 0;

	while (i < trace->n_events &&
	    (trace->events[i].op != IO_SYNC || trace->events[i].site != site ||
		trace->events[i].result != 0))
		i++;
	return i;
}

/* Is the account wrong after one of some power cuts if that site's syncs had not
 * been there? They come after the first of them, for before it nothing differs;
 * every other one soon after it. */
static bool
is_missed(struct plan *p, enum io_site site, size_t first)
{
	size_t left = trace->n_events - first;

	for (unsigned i = 0; i < p->mutants * long_factor; i++) {
		size_t n = first + 1 +
		    (size_t)rnd_below(left > 8 && toss(8) ? 8 : left);

		image_make(p, n, site);
		if (check_dir(p, p->image, n, true) != NULL)
			return true;
	}
	return false;
}

/* Of the sites from this one on that no image has told of. */
static void
check_mutants(struct plan *p, int from)
{
	for (unsigned s = (unsigned)from; s < IO_SITES; s++) {
		size_t first = first_sync((enum io_site)s);

		if ((caught >> s & 1) != 0 || first == trace->n_events)
			continue;
		trace->mutant = s;
		if (is_missed(p, (enum io_site)s, first))
			trace->caught |= 1ull << s;
	}
}

/* In a process of its own: true unless it died. */
static bool
in_child(struct plan *p, void (*fn)(struct plan *, int), int arg, int *status)
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == -1)
		abort();
	if (pid == 0) {
		fn(p, arg);
		_exit(0);
	}
	if (waitpid(pid, status, 0) != pid)
		abort();
	return WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

static void
child_check(struct plan *p, int arg)
{
	const char *text = check_dir(p, p->real, trace->n_events, false);

	(void)arg;
	if (text != NULL)
		wrong(p, "%s", text);
	if (p->trouble == KILL_TRACED)
		return; /* the last call may be done and not recorded */
	check_images(p);
}

/* A view that is trusted without its sync can end whoever reads it: that, too,
 * is being found out. */
static void
children_mutants(struct plan *p)
{
	int status;

	trace->mutant = 0;
	while (!in_child(p, check_mutants, (int)trace->mutant + 1, &status))
		trace->caught |= 1ull << trace->mutant;
}

/* Run it stop by stop, up to p->at (0: to the end); how many there were. -1:
 * not allowed here. */
static int64_t
run_traced(struct plan *p, void (*fn)(struct plan *, int))
{
	int64_t stops = 0;
	int status;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == -1)
		abort();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(77);
		raise(SIGSTOP);
		fn(p, 0);
		_exit(0);
	}
	for (;;) {
		int sig = 0;

		if (waitpid(pid, &status, 0) != pid)
			abort();
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (WSTOPSIG(status) == SIGTRAP)
			stops++;
		else if (WSTOPSIG(status) != SIGSTOP)
			sig = WSTOPSIG(status);
		if (p->at > 0 && (uint64_t)stops == p->at)
			kill(pid, SIGKILL);
		else if (ptrace(PTRACE_SYSCALL, pid, NULL, sig) == -1)
			kill(pid, SIGKILL);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 77 ? -1 : stops;
}

static void
child_run(struct plan *p, int round)
{
	trace->calls = 0;
	trace->at = round == 0 ? p->at : 0;
	trace->trouble =
	    round == 0 && p->trouble != KILL_TRACED ? p->trouble : NONE;
	trace->now = trace->fail_next = false;
	io_hooks = &hooks;
	p->c->run(p->real, round);
}

/* One run of the script with one trouble. False: that trouble does not fit that
 * call. calls: out; how many there were. */
static bool
plan_run(struct plan *p, uint64_t *calls)
{
	int status;

	scratch_empty(p->real);
	p->c->setup(p->real);
	disk_load(&p->disk, p->real, p->c->cache_prefix);
	p->n_objects = p->disk.n;
	trace->n_events = trace->n_data = 0;
	trace->fits = false;
	rnd_start(seed * 1000003 + p->series * 10007 + p->at * 31 + p->trouble);
	if (p->trouble == KILL_TRACED)
		*calls = (uint64_t)run_traced(p, child_run);
	else if (!in_child(p, child_run, 0, &status) &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		wrong(p, "the script died: status %x", status);
	if (p->trouble != KILL_TRACED)
		*calls = trace->calls;
	if (p->trouble == NONE || p->trouble == KILL_TRACED || trace->fits) {
		if (!in_child(p, child_run, 1, &status))
			wrong(p, "the process after it died: %x", status);
		if (!in_child(p, child_check, 0, &status))
			wrong(p, "the check died: status %x", status);
		if (p->trouble != KILL_TRACED)
			children_mutants(p);
	}
	disk_fini(&p->disk);
	return trace->fits;
}

void
crash_init(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--long") == 0)
			long_factor = 20;
		else if (strcmp(argv[i], "--only") == 0 && i + 3 < argc) {
			only.name = argv[++i];
			only.trouble = (unsigned)atoi(argv[++i]);
			only.at = (unsigned)atoi(argv[++i]);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
	}
	trace = mmap(NULL, sizeof(*trace) + DATA_MAX, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (trace == MAP_FAILED)
		abort();
}

static void
show(void)
{
	char *line = trace->text, *next;

	for (; *line != '\0' && said < 40; line = next, said++) {
		next = strchr(line, '\n') + 1;
		printf("%.*s", (int)(next - line), line);
	}
	trace->text[0] = '\0';
}

/* The record of a run, for people. */
static void
show_events(void)
{
	static const char *const ops[] = { "create", "mkdir", "write",
		"truncate", "allocate", "sync", "rename", "unlink", "chmod" };

	for (size_t i = 0; i < trace->n_events; i++) {
		const struct event *e = &trace->events[i];

		if (e->op == MARK)
			printf("# %zu mark %u %llu\n", i, e->mark.kind,
			    (unsigned long long)e->mark.value);
		else
			printf("# %zu %s %s file %llu dir %llu %s %s at %llu "
			       "size %llu: %lld\n",
			    i, ops[e->op], io_site_name(e->site),
			    (unsigned long long)e->file,
			    (unsigned long long)e->dir, e->name, e->to,
			    (unsigned long long)e->offset,
			    (unsigned long long)e->size, (long long)e->result);
	}
}

#define KILLS 40 /* at system calls, unless --long: then at all */

/* Kill it at its system calls; how often. */
static unsigned
kill_everywhere(struct plan *p)
{
	uint64_t stops, ignored, step = 1;
	unsigned n = 0;

	p->trouble = KILL_TRACED;
	p->at = 0;
	plan_run(p, &stops);
	if (only.name != NULL)
		return 0;
	if (stops == UINT64_MAX) {
		printf("# %s: no tracing here\n", p->c->name);
		return 0;
	}
	if (long_factor == 1 && stops > KILLS)
		step = stops / KILLS;
	for (p->at = 1 + seed % step; p->at <= stops; p->at += step, n++) {
		plan_run(p, &ignored);
		show();
	}
	return n;
}

/* All troubles at each call; how many there were. */
static unsigned
trouble_everywhere(struct plan *p, uint64_t calls, uint64_t step)
{
	uint64_t ignored;
	unsigned n = 0;

	for (p->at = 1; p->at <= calls; p->at += step)
		for (p->trouble = NONE + 1; p->trouble < TROUBLES;
		     p->trouble++) {
			if (only.name != NULL &&
			    (strcmp(only.name, p->c->name) != 0 ||
				only.trouble != p->trouble || only.at != p->at))
				continue;
			n += plan_run(p, &ignored);
			show();
			if (only.name != NULL)
				show_events();
			caught |= trace->caught;
		}
	return n;
}

#define ROUNDS 20   /* of looking for syncs that matter only now and then */
#define HARDER 5000 /* images of the run without trouble, for each */

static void
look_harder(struct plan *p, uint64_t calls, uint64_t step)
{
	uint64_t ignored;

	if ((p->c->must & ~caught) == 0)
		return;
	p->images = 0;
	p->at = 0;
	p->trouble = NONE;
	p->mutants = HARDER;
	plan_run(p, &ignored);
	show();
	caught |= trace->caught;
	p->mutants = 4 * MUTANTS;
	for (unsigned i = 0; i < ROUNDS && (p->c->must & ~caught) != 0; i++) {
		p->series++;
		trouble_everywhere(p, calls, step);
	}
}

void
crash_run(const struct crash_case *c)
{
	struct plan p = { .c = c, .mutants = MUTANTS };
	char *real_path, *image_path;
	unsigned want = (c->images == 0 ? 1000 : c->images) * long_factor;
	unsigned plans, kills;
	uint64_t n, step;

	image_skip = c->cache_prefix;
	p.real = scratch_make(&real_path);
	p.image = scratch_make(&image_path);
	trace->n_wrong = trace->n_images = 0;
	trace->caught = 0;
	p.images = want / 10;
	plan_run(&p, &n);
	step = c->calls == 0 || n <= c->calls || long_factor > 1
	    ? 1
	    : (n + c->calls - 1) / c->calls;
	/* about five troubles fit a call */
	p.images = (unsigned)(want * step / (n * 5 + 1)) + 1;
	plans = trouble_everywhere(&p, n, step);
	kills = kill_everywhere(&p);
	if (only.name == NULL)
		look_harder(&p, n, step);
	tap_ok(trace->n_wrong == 0 && trace->n_images >= want,
	    "%s: %d calls, %u troubles, %u kills, %u power cuts, %u wrong",
	    c->name, (int)n, plans, kills, trace->n_images, trace->n_wrong);
	scratch_end(&p.real, &real_path);
	scratch_end(&p.image, &image_path);
}

void
crash_sites(const enum io_site *sites, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tap_ok((caught >> sites[i] & 1) != 0,
		    "without the sync \"%s\" something is lost",
		    io_site_name(sites[i]));
}

void
crash_say(bool ok, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tap_ok(ok, "%s", text);
}

int
crash_done(void)
{
	return tap_done();
}
